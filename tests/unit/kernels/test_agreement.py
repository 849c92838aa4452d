"""EWE and concordance against R's values, a plain loop and closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from muvistats.kernels.agreement import ccc, ewe, leave_one_out_ccc


def plain_ccc(x, y, ddof):
    vx, vy = np.var(x, ddof=ddof), np.var(y, ddof=ddof)
    covariance = np.sum((x - x.mean()) * (y - y.mean())) / (len(x) - ddof)
    return 2 * covariance / (vx + vy + (x.mean() - y.mean()) ** 2)


def plain_ewe(raters):
    mean = raters.mean(axis=0)
    weights = []
    for r in raters:
        moved = r.std() > 0 and mean.std() > 0
        weights.append(max(np.corrcoef(r, mean)[0, 1], 0.0) if moved else 0.0)
    weights = np.array(weights)
    return weights @ raters / weights.sum(), weights


@pytest.fixture
def groups():
    rng = np.random.default_rng(3)
    sizes = [4, 2, 5, 4, 1, 3]
    values = rng.normal(size=(sum(sizes), 40)).cumsum(axis=1)
    return values, np.cumsum([0, *sizes[:-1]]), sizes


def test_leave_one_out_equals_a_loop(groups):
    values, starts, sizes = groups
    for ddof in (0, 1):
        ours = leave_one_out_ccc(values, starts, ddof)
        for start, size in zip(starts, sizes, strict=True):
            raters = values[start : start + size]
            for j in range(size):
                if size == 1:
                    assert np.isnan(ours[start])
                    continue
                others, _ = plain_ewe(np.delete(raters, j, axis=0))
                assert_allclose(ours[start + j], plain_ccc(raters[j], others, ddof), rtol=1e-10)


def test_ewe_equals_a_loop(groups):
    values, starts, sizes = groups
    gold, weights = ewe(values, starts)
    for g, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        series, weight = plain_ewe(values[start : start + size])
        assert_allclose(gold[g], series, rtol=1e-10)
        assert_allclose(weights[start : start + size], weight, rtol=1e-10)


def test_still_cursor_has_weight_zero_and_concordance_zero():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 30))
    values[2] = 0.1  # 0.1 is not exact in binary: no rounding error may pass for movement
    _, weights = ewe(values, np.array([0]))
    assert weights[2] == 0
    assert leave_one_out_ccc(values, np.array([0]))[2] == 0


def test_two_raters_are_each_the_gold_standard_of_the_other():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 30))
    expected = ccc(values[0], values[1])
    assert_allclose(leave_one_out_ccc(values, np.array([0])), [expected, expected], rtol=1e-12)


def test_missing_tail_is_left_out_for_the_group_and_empty_raters_are_nobody():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(5, 30))
    values[1, 25:] = np.nan
    values[3] = np.nan
    whole = leave_one_out_ccc(values, np.array([0]))
    cut = leave_one_out_ccc(values[[0, 1, 2, 4], :25], np.array([0]))
    assert_allclose(whole[[0, 1, 2, 4]], cut, rtol=1e-12)
    assert np.isnan(whole[3])
    gold, _ = ewe(values, np.array([0]))
    assert np.isnan(gold[0, 25:]).all()
    assert np.isfinite(gold[0, :25]).all()


def test_opposed_raters_leave_nobody_to_agree_with():
    line = np.linspace(-1, 1, 20)
    gold, weights = ewe(np.stack([line, -line]), np.array([0]))
    assert_allclose(weights, 0)
    assert np.isnan(gold).all()


def test_ccc_of_a_shifted_line():
    x = np.linspace(0, 1, 101)
    shift = 0.2
    expected = 2 * x.var() / (2 * x.var() + shift**2)
    assert_allclose(ccc(x, x + shift), expected, rtol=1e-12)


@pytest.mark.parametrize("variant", ["constant_included", "constant_excluded"])
@pytest.mark.parametrize("dimension", ["arousal", "valence"])
def test_against_r(shared, variant, dimension):
    folder = shared / "oracle"
    long = pd.read_csv(folder / "synthetic_dynamic.csv")
    keys = ["media_id", "media_modality", "participant_id"]
    wide = long.pivot_table(index=keys, columns="seq", values=dimension)
    if variant == "constant_excluded":
        wide = wide.drop(index=("item_02", "music", 12))
    values = wide.to_numpy()
    cell = wide.groupby(level=[0, 1], sort=False).ngroup().to_numpy()
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    expected = pd.read_csv(folder / "ewe_annotations.csv")
    expected = expected[(expected.variant == variant) & (expected.dimension == dimension)]
    expected = expected.set_index(keys).loc[wide.index]
    for ddof, column in ((0, "loo_ccc_population"), (1, "loo_ccc_sample")):
        assert_allclose(
            leave_one_out_ccc(values, starts, ddof), expected[column], rtol=1e-10, atol=1e-14
        )
    gold, weights = ewe(values, starts)
    assert_allclose(weights, expected["weight"], rtol=1e-10, atol=1e-14)
    if variant == "constant_excluded":
        series = pd.read_csv(folder / "ewe_series.csv").pivot_table(
            index=keys[:2], columns="seq", values=f"ewe_{dimension}"
        )
        assert_allclose(gold, series.to_numpy(), rtol=1e-10, atol=1e-14)

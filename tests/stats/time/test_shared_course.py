"""Shared time courses against plain loops, exact nulls and planted courses."""

from __future__ import annotations

import functools
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import stats

import muvistats as mv


@pytest.fixture(scope="module")
def study():
    return mv.simulate_muvi(rng=3, n_items=8, n_participants=12, features=False)


def of_values(values, items=None, modalities=None):
    """A study of one dimension from (annotation, time)."""
    n, steps = values.shape
    keys = {
        "item": np.repeat(items if items is not None else ["a"] * n, steps),
        "participant": np.repeat([f"p{i}" for i in range(n)], steps),
    }
    if modalities is not None:
        keys["modality"] = np.repeat(modalities, steps)
    time = np.tile(np.arange(steps) * 0.5, n)
    levels = None if modalities is None else ("music", "visual")
    table = pd.DataFrame(keys | {"time": time, "arousal": values.ravel()})
    return mv.from_frames(dynamics=table, modalities=levels)


def test_correlations_are_those_of_loops():
    values = np.random.default_rng(1).normal(size=(4, 30)).cumsum(axis=1) * 0.03
    found = mv.inter_subject_correlation(of_values(values), level="item", n_resamples=9)
    r = np.corrcoef(values)
    pairs = np.mean([r[i, j] for i, j in combinations(range(4), 2)])
    others = [
        np.corrcoef(values[i], stats.zscore(np.delete(values, i, axis=0), axis=1).mean(axis=0))[
            0, 1
        ]
        for i in range(4)
    ]
    assert_allclose(found["estimate"], [pairs, np.mean(others)], rtol=1e-10)


def test_p_is_uniform_for_smooth_raters_who_share_nothing():
    rng = np.random.default_rng(3)
    waves = np.fft.irfft(np.fft.rfft(rng.normal(size=(180, 60))) * (np.arange(31) < 4), n=60)
    study = of_values(0.5 * waves, np.repeat(np.arange(60), 3))
    found = mv.inter_subject_correlation(study, level="item", n_resamples=59)
    p = found.loc[found["estimator"] == "pairwise", "p_value"]
    assert len(p) == 60
    assert stats.kstest(p, "uniform").pvalue > 0.02
    assert (p <= 0.05).mean() < 0.15


def test_a_shared_course_is_found(study):
    found = mv.inter_subject_correlation(study, n_resamples=99)
    whole = found[found["modality"] == "all"]
    assert (whole["p_value"] <= 0.02).all()
    assert (whole["chance"].abs() < 0.05).all()
    assert (whole["estimate"] > 0.15).all()
    assert whole["conf_low"].notna().all()


def test_distances_and_their_correlation_are_those_of_loops():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(12, 20)).cumsum(axis=1) * 0.05
    study = of_values(values, [f"i{i % 6}" for i in range(12)], ["music"] * 6 + ["visual"] * 6)
    music, visual = values[:6], values[6:]
    pairs = list(combinations(range(6), 2))
    for distance, apart in (
        ("correlation", lambda x, y: 1 - np.corrcoef(x, y)[0, 1]),
        ("euclidean", lambda x, y: np.sqrt(np.mean((x - y) ** 2))),
    ):
        found = mv.representational_similarity(study, distance=distance, n_resamples=99)
        one, two = ([apart(m[i], m[j]) for i, j in pairs] for m in (music, visual))
        assert found["estimate"].item() == pytest.approx(stats.spearmanr(one, two).statistic)
        assert found["n"].item() == 15


def test_permuting_items_is_exact_for_a_copy():
    values = np.random.default_rng(6).normal(size=(7, 30)).cumsum(axis=1) * 0.03
    names = [f"i{i}" for i in range(7)] * 2
    study = of_values(np.vstack([values, values]), names, ["music"] * 7 + ["visual"] * 7)
    found = mv.representational_similarity(study, n_resamples=499)
    assert found["estimate"].item() == pytest.approx(1)
    assert found["p_value"].item() == pytest.approx(1 / 500, abs=2 / 500)


def test_what_is_not_defined_is_said(study):
    alone = mv.inter_subject_correlation(of_values(np.linspace(0, 0.5, 20)[None]), n_resamples=9)
    assert alone["estimate"].isna().all()
    assert alone["warning"].str.contains("fewer than two raters").all()
    still = mv.inter_subject_correlation(of_values(np.zeros((3, 20))), n_resamples=9)
    assert (still["n_missing"] == 3).all()
    one = mv.select(study, modality="music")
    found = mv.representational_similarity(one, n_resamples=9)
    assert found["warning"].tolist() == ["there is one modality"] * 2
    few = mv.select(study, item=study["items/item"].to_numpy()[:3].tolist())
    found = mv.representational_similarity(few, n_resamples=9)
    assert found["warning"].str.contains("fewer than four items").all()
    assert not mv.inter_subject_correlation(few, n_resamples=0)["p_value"].notna().any()
    with pytest.raises(mv.DesignError, match="distance"):
        mv.representational_similarity(study, distance="cosine")


def test_four_items_have_a_similarity_and_three_have_none():
    values = np.random.default_rng(8).normal(size=(8, 20)).cumsum(axis=1) * 0.05
    names, kinds = [f"i{i % 4}" for i in range(8)], ["music"] * 4 + ["visual"] * 4
    pairs = list(combinations(range(4), 2))
    one, two = (
        [1 - np.corrcoef(m[i], m[j])[0, 1] for i, j in pairs] for m in (values[:4], values[4:])
    )
    four = mv.representational_similarity(of_values(values, names, kinds), n_resamples=9)
    assert four["estimate"].item() == pytest.approx(stats.spearmanr(one, two).statistic)
    kept = [i for i in range(8) if i % 4 < 3]
    study = of_values(values[kept], [names[i] for i in kept], [kinds[i] for i in kept])
    three = mv.representational_similarity(study, n_resamples=9)
    assert np.isnan(three["estimate"].item())
    assert "fewer than four items" in three["warning"].item()


@pytest.mark.parametrize("unit", [2.0**-700, 2.0**400])
def test_the_unit_of_the_ratings_does_not_matter(study, unit):
    """Squares of values this small vanish, and of values this large overflow."""
    annotations = study["annotations"].to_dataset()
    arousal = annotations["arousal"]
    attrs = arousal.attrs | {key: arousal.attrs[key] * unit for key in ("scale_min", "scale_max")}
    groups = {node.path: node.to_dataset(inherit=False) for node in study.subtree}
    groups["/annotations"] = annotations.assign(arousal=(arousal * unit).assign_attrs(attrs))
    other = xr.DataTree.from_dict(groups)
    other.attrs = dict(study.attrs)
    for ask in (
        functools.partial(mv.inter_subject_correlation, n_resamples=49),
        functools.partial(mv.representational_similarity, n_resamples=49, distance="euclidean"),
    ):
        one, two = (ask(tree, dimension="arousal") for tree in (study, other))
        pd.testing.assert_frame_equal(one, two)
    one, two = (
        mv.dominance_over_time(tree, dimension="arousal", window=15, n_resamples=49)
        for tree in (study, other)
    )
    conflict = two["quantity"] == "conflict"
    for name in ("estimate", "std_error", "conf_low", "conf_high"):
        two.loc[conflict, name] /= unit
    pd.testing.assert_frame_equal(one, two)


def test_a_modality_that_is_alone_has_the_interval_of_all():
    values = np.random.default_rng(1).normal(size=(12, 30)).cumsum(axis=1) * 0.03
    study = of_values(values, items=np.repeat(list("abc"), 4), modalities=["music"] * 12)
    found = mv.inter_subject_correlation(study, n_resamples=99)
    music, whole = (found[found["modality"] == name] for name in ("music", "all"))
    columns = ["estimate", "p_value", "conf_low", "conf_high", "n"]
    assert music["conf_low"].notna().all()
    np.testing.assert_array_equal(music[columns], whole[columns])

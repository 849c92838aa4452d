"""What theory says about the tests, whatever the data."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import muvistats as mv
from muvistats import label_frequencies, modality_correlations

chisquare = partial(mv.chisquare, dependence="independent")
chisquare_labels = partial(mv.chisquare_labels, dependence="independent")
label_correlations = partial(mv.label_correlations, dependence="independent")
label_deviations = partial(mv.label_deviations, dependence="independent")
kruskal = partial(mv.kruskal, dependence="independent")
mannwhitney = partial(mv.mannwhitney, dependence="independent")
normality = partial(mv.normality, dependence="independent")

LIMITS = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LABELS = ["p", "q", "r"]
RANK_TESTS = {
    "kruskal": lambda f: kruskal(f, "y ~ g", n_resamples=50, rng=1),
    "mannwhitney": lambda f: mannwhitney(f, "y ~ h"),
}


@st.composite
def frames(draw, missing=True):
    """Rows with ties, a factor of three groups, one of two, and three labels."""
    n = draw(st.integers(6, 30))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    step = draw(st.sampled_from([0.0, 0.1, 1.0]))
    y = rng.normal(size=n)
    y = np.round(y / step) * step if step else y
    labels = (rng.random((n, 3)) < rng.random(3)).astype(float)
    frame = pd.DataFrame(
        {
            "y": y,
            "g": pd.Categorical(rng.choice(["a", "b", "c"], n), ["a", "b", "c"]),
            "h": pd.Categorical(rng.choice(["u", "v"], n), ["u", "v"]),
            "item": rng.choice(["i", "j", "k"], n),
            "modality": pd.Categorical(rng.choice(["music", "visual"], n), ["music", "visual"]),
            **dict(zip(LABELS, labels.T, strict=True)),
        }
    )
    if missing:
        frame.loc[rng.random(n) < 0.1, "y"] = np.nan
        frame.loc[rng.random(n) < 0.1, "g"] = np.nan
        frame.loc[rng.random(n) < 0.1, "h"] = np.nan
        frame.loc[rng.random(n) < 0.1, LABELS] = np.nan
    frame.attrs["labels"] = LABELS
    return frame


def same(first: pd.DataFrame, second: pd.DataFrame, but: tuple[str, ...] = ()) -> None:
    pd.testing.assert_frame_equal(
        first.drop(columns=list(but)), second.drop(columns=list(but)), rtol=1e-9, atol=1e-12
    )


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    order = np.random.default_rng(5).permutation(len(frame))
    out = frame.iloc[order].reset_index(drop=True)
    out.attrs = frame.attrs
    return out


EVERY = {
    **RANK_TESTS,
    "kruskal groups": lambda f: kruskal(f, "y ~ g", level="group"),
    "normality": lambda f: normality(f, dimension="y"),
    "chisquare": lambda f: chisquare(f, "g ~ h"),
    "chisquare_labels": lambda f: chisquare_labels(f, by="g"),
    "label_deviations": lambda f: label_deviations(f, by="h"),
    "label_frequencies": label_frequencies,
    "label_summary": lambda f: label_frequencies(f, level="summary"),
    "label_correlations": label_correlations,
}


@pytest.mark.parametrize("name", EVERY)
@given(frame=frames())
@LIMITS
def test_row_order_does_not_matter(name, frame):
    same(EVERY[name](frame), EVERY[name](shuffled(frame)))


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("kruskal", ["y", "g"]),
        ("mannwhitney", ["y", "h"]),
        ("kruskal groups", ["y", "g"]),
        ("normality", ["y"]),
        ("chisquare", ["g", "h"]),
        ("chisquare_labels", ["g", *LABELS]),
        ("label_deviations", ["h", *LABELS]),
        ("label_frequencies", LABELS),
        ("label_correlations", LABELS),
    ],
)
@given(frame=frames())
@LIMITS
def test_missing_equals_deleted_and_is_counted(name, columns, frame):
    whole = frame.dropna(subset=columns).reset_index(drop=True)
    whole.attrs = frame.attrs
    ours, theirs = EVERY[name](frame), EVERY[name](whole)
    same(ours, theirs, but=("n_missing",))
    assert (theirs["n_missing"] == 0).all()
    if name != "label_frequencies":
        assert (ours["n_missing"] == len(frame) - len(whole)).all()


@pytest.mark.parametrize("name", RANK_TESTS)
@pytest.mark.parametrize("transform", [np.exp, lambda y: y**3 + 2 * y, np.arctan])
@given(frame=frames())
@LIMITS
def test_monotone_transforms_leave_rank_tests_alone(name, transform, frame):
    other = frame.assign(y=transform(frame["y"]))
    same(RANK_TESTS[name](frame), RANK_TESTS[name](other), but=_medians(RANK_TESTS[name](frame)))


def _medians(found: pd.DataFrame) -> tuple[str, ...]:
    return tuple(name for name in ("median", "median1", "median2", "sd") if name in found)


@given(frame=frames())
@LIMITS
def test_renaming_and_reordering_groups_does_not_matter(frame):
    renamed = frame.assign(
        g=frame["g"]
        .cat.rename_categories({"a": "z", "b": "x", "c": "y"})
        .cat.reorder_categories(["x", "y", "z"])
    )
    keep = ["statistic", "df", "p_value", "effect_size", "n", "n_missing"]
    first = kruskal(frame, "y ~ g", n_resamples=0)[keep]
    pd.testing.assert_frame_equal(first, kruskal(renamed, "y ~ g", n_resamples=0)[keep])
    same(
        chisquare_labels(frame, by="g").drop(columns="warning"),
        chisquare_labels(renamed, by="g").drop(columns="warning"),
    )
    cells = label_deviations(renamed, by="g")
    cells["group"] = cells["group"].map({"z": "a", "x": "b", "y": "c"})
    key = ["label", "group"]
    same(
        label_deviations(frame, by="g").sort_values(key, ignore_index=True),
        cells.sort_values(key, ignore_index=True),
    )


@given(frame=frames())
@LIMITS
def test_swapping_the_two_groups_mirrors_mann_whitney(frame):
    first = mannwhitney(frame, "y ~ h").iloc[0]
    swapped = mannwhitney(
        frame.assign(h=frame["h"].cat.reorder_categories(["v", "u"])), "y ~ h"
    ).iloc[0]
    if np.isnan(first["statistic"]):
        assert np.isnan(swapped["statistic"])
        return
    assert first["statistic"] + swapped["statistic"] == first["n1"] * first["n2"]
    assert swapped["effect_size"] == pytest.approx(-first["effect_size"])
    assert swapped["conf_low"] == pytest.approx(-first["conf_high"], nan_ok=True)
    for name in ("p_value", "p_equivalence"):
        assert swapped[name] == pytest.approx(first[name], nan_ok=True)


@given(frame=frames())
@LIMITS
def test_ranges(frame):
    row = kruskal(frame, "y ~ g", n_resamples=50, rng=1).iloc[0]
    if not np.isnan(row["statistic"]):
        assert -1e-9 <= row["effect_size"] <= 1 + 1e-9
        if "no interval" in str(row["warning"]):
            assert np.isnan(row["conf_low"])
        else:
            assert 0 <= row["conf_low"] <= row["effect_size"] <= row["conf_high"] <= 1
    for found in (chisquare(frame, "g ~ h"), chisquare_labels(frame, by="h")):
        row = found.iloc[0]
        if not np.isnan(row["effect_size"]):
            assert 0 <= row["conf_low"] <= row["conf_high"] <= 1
            assert 0 <= row["effect_size"] <= 1
    pairs = label_correlations(frame)
    inside = pairs["conf_low"].notna()
    assert (pairs["conf_low"][inside] <= pairs["estimate"][inside]).all()
    assert (pairs["conf_high"][inside] >= pairs["estimate"][inside]).all()
    assert (pairs["p_adjusted"].fillna(1) >= pairs["p_value"].fillna(0) - 1e-12).all()


@given(frame=frames(missing=False), times=st.integers(2, 5))
@LIMITS
def test_chi_square_grows_with_copies_of_the_data(frame, times):
    copies = pd.concat([frame] * times, ignore_index=True)
    copies.attrs = frame.attrs
    for test in (EVERY["chisquare"], EVERY["chisquare_labels"]):
        one, many = test(frame).iloc[0], test(copies).iloc[0]
        assert many["statistic"] == pytest.approx(times * one["statistic"], nan_ok=True)
        assert many["df"] == pytest.approx(one["df"], nan_ok=True)


@given(frame=frames())
@LIMITS
def test_chi_square_is_symmetric(frame):
    keep = ["statistic", "df", "p_value", "effect_size", "conf_low", "conf_high", "n"]
    pd.testing.assert_frame_equal(
        chisquare(frame, "g ~ h")[keep], chisquare(frame, "h ~ g")[keep], rtol=1e-9
    )


@given(frame=frames())
@LIMITS
def test_cells_add_up(frame):
    cells = label_deviations(frame, by="g")
    if not cells["expected"].isna().any():
        for key in ("label", "group"):
            sums = cells.groupby(key)[["observed", "expected"]].sum()
            assert sums["observed"].to_numpy() == pytest.approx(sums["expected"].to_numpy())
    rows = label_frequencies(frame)
    whole = rows[rows["modality"] == "all"].set_index("label")["count"]
    assert rows[rows["modality"] != "all"].groupby("label")["count"].sum().eq(whole).all()


@given(frame=frames(), scale=st.sampled_from([0.5, 3.0]), shift=st.sampled_from([-2.0, 0.25]))
@LIMITS
def test_shape_tests_do_not_see_place_and_scale(frame, scale, shift):
    keep = ["statistic", "p_value", "warning"]
    first = normality(frame, dimension="y").loc[2:, keep]
    other = normality(frame.assign(y=scale * frame["y"] + shift), dimension="y").loc[2:, keep]
    pd.testing.assert_frame_equal(first, other, rtol=1e-5, atol=1e-8)


@given(scale=st.floats(0.05, 0.9), seed=st.integers(0, 1000))
@LIMITS
def test_modality_correlations_do_not_see_scale_sign_or_the_direction_of_time(tiny, scale, seed):
    study = tiny.copy(deep=True)
    values = np.random.default_rng(seed).uniform(-1, 1, study["annotations/arousal"].shape)
    study["annotations/arousal"][:] = values
    first = modality_correlations(study, dimension="arousal")
    study["annotations/arousal"][:] = -scale * values[:, ::-1]
    same(first, modality_correlations(study, dimension="arousal"))

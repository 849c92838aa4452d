"""Descriptive tables by hand, by numpy and pandas, and on the real release."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.diagnostic import lilliefors

import muvistats as mv
from muvistats.stats.shared import cells as _cells


def where(frame, **keys):
    for name, value in keys.items():
        frame = frame[frame[name].isna()] if value is None else frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def test_participants_by_hand(tiny):
    people = mv.describe_participants(tiny)
    age = where(people, variable="age")
    # 20, 21, 25, 30, 22 and one missing
    assert age["mean"] == pytest.approx(23.6)
    assert age["sd"] == pytest.approx(np.std([20, 21, 25, 30, 22], ddof=1))
    assert (age["median"], age["minimum"], age["maximum"]) == (22, 20, 30)
    assert (age["count"], age["n"], age["n_missing"]) == (5, 5, 1)
    women = where(people, variable="gender", level="Female")
    assert (women["count"], women["n"], women["share"]) == (2, 6, pytest.approx(1 / 3))
    assert where(people, variable="overlay_preference", level="overlaid")["count"] == 2
    assert where(people, variable="participant")["n"] == 6
    assert where(people, variable="years_of_training")["mean"] == pytest.approx(23 / 6)


def test_participants_with_missing_texts_and_truths(tiny):
    people = tiny["participants"].to_dataset()
    study = tiny.copy()
    study["participants"] = people.assign(
        gender=("participant", np.array(["", "x", "", "x", "y", ""])),
        nobody=("participant", np.array([""] * 6)),
        trained=("participant", np.array([True, False, False, False, False, False])),
        height=("participant", np.full(6, np.nan)),
    )
    described = mv.describe_participants(study)
    x = where(described, variable="gender", level="x")
    assert (x["count"], x["n"], x["n_missing"], x["share"]) == (2, 3, 3, pytest.approx(2 / 3))
    nobody = where(described, variable="nobody")
    assert (nobody["n"], nobody["n_missing"], nobody["warning"]) == (0, 6, "no values")
    assert where(described, variable="trained", level="True")["count"] == 1
    assert np.isnan(where(described, variable="height")["mean"])
    assert where(described, variable="height")["warning"] == "no values"


def test_participants_of_the_release(released):
    people = mv.describe_participants(released)
    age = where(people, variable="age")
    assert round(age["mean"], 2) == 23.35
    assert round(age["sd"], 2) == 3.28
    assert where(people, variable="gender", level="Male")["count"] == 31
    assert where(people, variable="participant")["n"] == 49


def test_design_by_hand(tiny):
    design = mv.describe_design(tiny)
    # 4 items x 6 people, modality (i + p) % 3: two raters in each of the 12 cells
    cells = where(design, variable="raters_per_cell", modality="all")
    assert (cells["mean"], cells["minimum"], cells["maximum"], cells["n"]) == (2, 2, 2, 12)
    trials = where(design, variable="trials_per_participant")
    assert (trials["mean"], trials["sd"], trials["n"]) == (4, 0, 6)
    music = where(design, variable="annotations", modality="music")
    assert (music["count"], music["n"], music["share"]) == (8, 24, pytest.approx(1 / 3))
    interval = where(design, variable="sampling_interval")
    assert (interval["mean"], interval["sd"], interval["n"]) == (0.5, 0, 7)
    labels = tiny["annotations/labels"].to_numpy().sum(axis=1)
    row = where(design, variable="labels_per_annotation", modality="all")
    assert row["mean"] == pytest.approx(labels.mean())
    assert row["count"] == labels.sum()
    # overlay is recorded outside of music, as p % 2
    overlaid = where(design, variable="overlay", modality="all", level="overlaid")
    assert (overlaid["count"], overlaid["n"], overlaid["n_missing"]) == (8, 16, 0)
    assert not ((design["variable"] == "overlay") & (design["modality"] == "music")).any()
    frame = mv.annotation_frame(tiny)
    share = (frame.loc[frame["modality"] == "visual", "familiar"] == "familiar").mean()
    row = where(design, variable="familiar", modality="visual", level="familiar")
    assert row["share"] == pytest.approx(share)


def test_empty_cells_count_as_zero(tiny):
    frame = tiny["annotations"].to_dataset()
    study = tiny.copy()
    kept = frame.isel(annotation=np.flatnonzero(frame["item"].to_numpy() != "c_1"))
    study["annotations"] = kept
    row = where(mv.describe_design(study), variable="raters_per_cell", modality="music")
    assert (row["minimum"], row["n"], row["mean"]) == (0, 4, 1.5)


def test_design_without_dynamics_or_labels(tiny):
    frame = tiny["annotations"].to_dataset()
    study = tiny.copy()
    study["annotations"] = frame.drop_vars(["arousal", "valence", "time", "labels", "familiar"])
    design = mv.describe_design(study)
    row = where(design, variable="sampling_interval")
    assert np.isnan(row["mean"])
    assert "no time axis" in row["warning"]
    assert not design["variable"].isin(["labels_per_annotation", "familiar"]).any()


def test_masked_labels_do_not_count(tiny):
    frame = tiny["annotations"].to_dataset()
    keep = np.full(24, fill_value=True)
    keep[:4] = False
    study = tiny.copy()
    study["annotations"] = frame.assign(keep_labels=("annotation", keep))
    row = where(mv.describe_design(study), variable="labels_per_annotation", modality="all")
    assert (row["n"], row["n_missing"]) == (20, 4)
    assert row["count"] == frame["labels"].to_numpy()[4:].sum()


def test_design_of_the_release(released, corrected):
    design = mv.describe_design(released)
    assert where(design, variable="labels_per_annotation", modality="all")["count"] == 6091
    overlaid = where(design, variable="overlay", modality="all", level="overlaid")
    assert (overlaid["count"], overlaid["n"]) == (402, 1001)
    cells = where(design, variable="raters_per_cell", modality="all")
    assert (cells["minimum"], cells["median"], cells["maximum"], cells["n"]) == (5, 6, 9, 243)
    for study, expected in ((released, (47, 52, 52)), (corrected, (65, 27, 63))):
        familiar = mv.describe_design(study)
        shares = [
            where(familiar, variable="familiar", modality=m, level="familiar")["share"]
            for m in ("music", "visual", "audiovisual")
        ]
        assert tuple(round(100 * share) for share in shares) == expected
    row = where(mv.describe_design(corrected), variable="labels_per_annotation", modality="all")
    assert (row["count"], row["n"]) == (5904, 1445)


def wilson(k, n, z):
    centre = (k + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * np.sqrt(k * (n - k) / n + z**2 / 4)
    return centre - half, centre + half


def test_overlay_preference_by_formula(tiny):
    rows = mv.overlay_preference(tiny, conf_level=0.9)
    both = rows.drop(columns=["dependence", "method"])
    halves = [
        both[rows["dependence"] == name].reset_index(drop=True)
        for name in rows["dependence"].unique()
    ]
    pd.testing.assert_frame_equal(*halves)
    assert rows["method"].iloc[-1].endswith(": one answer per participant")
    beside = where(rows, level="side_by_side", dependence="independent")
    assert (beside["count"], beside["n"], beside["share"]) == (4, 6, pytest.approx(2 / 3))
    low, high = wilson(4, 6, stats.norm.ppf(0.95))
    assert beside["conf_low"] == pytest.approx(low)
    assert beside["conf_high"] == pytest.approx(high)
    # P(at least 4 or at most 2 of 6) = 2 * (15 + 6 + 1) / 64
    assert beside["p_value"] == pytest.approx(44 / 64)


def test_overlay_preference_of_the_release(released):
    beside = where(mv.overlay_preference(released), level="side_by_side", dependence="design")
    assert (beside["count"], beside["n"]) == (31, 49)
    assert round(100 * beside["share"], 2) == 63.27
    assert beside["p_value"] == pytest.approx(stats.binomtest(31, 49).pvalue, rel=1e-12)


def test_overlay_preference_that_is_missing(tiny):
    people = tiny["participants"].to_dataset()
    study = tiny.copy()
    nobody = people["overlay_preference"].copy(data=np.full(6, -1, np.int8))
    study["participants"] = people.assign(overlay_preference=nobody)
    rows = mv.overlay_preference(study)
    assert rows["p_value"].isna().all()
    assert (rows["warning"] == "no values").all()
    assert (rows["n_missing"] == 6).all()
    study["participants"] = people.drop_vars("overlay_preference")
    with pytest.raises(mv.DataError, match="preferred"):
        mv.overlay_preference(study)
    with pytest.raises(mv.DesignError, match="dependence must be one or both"):
        mv.overlay_preference(tiny, dependence="designed")
    with pytest.raises(mv.DesignError, match="conf_level"):
        mv.overlay_preference(tiny, conf_level=95)


def with_gaps(tiny):
    """The tiny study with one masked annotation, one empty one and one short one."""
    frame = tiny["annotations"].to_dataset()
    values = frame["arousal"].to_numpy().copy()
    values[3] = np.nan
    values[5, 6:] = np.nan
    keep = np.full(24, fill_value=True)
    keep[0] = False
    study = tiny.copy()
    study["annotations"] = frame.assign(
        arousal=frame["arousal"].copy(data=values), keep_dynamic=("annotation", keep)
    )
    values = values.copy()
    values[0] = np.nan
    return study, values


def test_annotations_by_modality_match_numpy(tiny):
    study, values = with_gaps(tiny)
    modality = study["annotations/modality"].to_numpy()
    described = mv.describe_annotations(study)
    for name in ("all", "music", "visual", "audiovisual"):
        part = values[modality == name] if name != "all" else values
        there = part[~np.isnan(part)]
        row = where(described, dimension="arousal", modality=name)
        assert row["n"] == there.size
        assert row["n_annotations"] == (~np.isnan(part)).any(axis=1).sum()
        assert row["n_annotations"] + row["n_missing"] == len(part)
        assert row["mean"] == pytest.approx(there.mean(), rel=1e-12)
        assert row["sd"] == pytest.approx(there.std(ddof=1), rel=1e-12)
        quantiles = np.quantile(there, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
        columns = ["minimum", "q05", "q25", "median", "q75", "q95", "maximum"]
        assert row[columns].to_numpy(float) == pytest.approx(quantiles, rel=1e-12)


def test_annotations_one_by_one_and_by_item(tiny):
    study, values = with_gaps(tiny)
    each = mv.describe_annotations(study, dimension="arousal", level="annotation")
    assert len(each) == 24
    assert each["participant"].tolist() == study["annotations/participant"].to_numpy().tolist()
    frame = mv.annotation_frame(study)
    assert each["median"].to_numpy() == pytest.approx(frame["arousal"].to_numpy(), nan_ok=True)
    assert each["n"].tolist() == (~np.isnan(values)).sum(axis=1).tolist()
    assert each["warning"].notna().sum() == 2
    by_item = mv.describe_annotations(study, dimension="arousal", level="item")
    assert len(by_item) == 12
    keys = study["annotations"].to_dataset()
    cell = (keys["item"].to_numpy() == "c_1") & (keys["modality"].to_numpy() == "visual")
    row = where(by_item, item="c_1", modality="visual")
    assert row["mean"] == pytest.approx(np.nanmean(values[cell]))
    assert row["n_annotations"] == 2


def test_static_ratings_are_one_sample_each(tiny):
    frame = tiny["annotations"].to_dataset()
    liking = np.linspace(-1, 1, 24)
    study = tiny.copy()
    attrs = frame["arousal"].attrs
    study["annotations"] = frame.drop_vars(["arousal", "valence", "time"]).assign(
        liking=("annotation", liking, attrs)
    )
    row = where(mv.describe_annotations(study), modality="all")
    assert (row["dimension"], row["n"], row["n_annotations"]) == ("liking", 24, 24)
    assert row["sd"] == pytest.approx(liking.std(ddof=1))
    each = mv.describe_annotations(study, level="annotation")
    assert each["sd"].isna().all()
    assert (each["warning"] == "one value has no standard deviation").all()


def test_annotations_that_are_not_there(released, tiny):
    with pytest.raises(mv.DataError, match="no rated dimension"):
        mv.describe_annotations(released)
    with pytest.raises(mv.DesignError, match="level"):
        mv.describe_annotations(tiny, level="summary")
    with pytest.raises(mv.DataError, match="no such rated dimension"):
        mv.describe_annotations(tiny, dimension="liking")


def test_a_modality_nobody_rated_is_a_row_with_a_reason(tiny):
    frame = tiny["annotations"].to_dataset()
    study = tiny.copy()
    keep = frame["modality"].to_numpy() != "visual"
    study["annotations"] = frame.assign(keep_dynamic=("annotation", keep))
    row = where(mv.describe_annotations(study, dimension="arousal"), modality="visual")
    assert np.isnan(row["mean"])
    assert (row["n"], row["n_missing"], row["warning"]) == (0, 8, "no values")
    study["annotations"] = frame.isel(annotation=np.flatnonzero(keep))
    row = where(mv.describe_annotations(study, dimension="arousal"), modality="visual")
    assert (row["n"], row["n_missing"], row["warning"]) == (0, 0, "no values")
    design = mv.describe_design(study)
    assert where(design, variable="raters_per_cell", modality="visual")["maximum"] == 0


@pytest.mark.parametrize("level", ["modality", "item", "annotation"])
def test_annotations_stream_from_disk(study, tmp_path, monkeypatch, level):
    """Blocks of whole cells that need not be blocks of the store; a short and an empty one."""
    frame = study["annotations"].to_dataset()
    values = frame["valence"].to_numpy().copy()
    values[7, 40:] = np.nan
    values[11] = np.nan
    data = study.copy()
    data["annotations"] = frame.assign(valence=frame["valence"].copy(data=values))
    data = mv.exclude(data, np.arange(len(values)) % 17 == 0, reason="test")
    whole = mv.describe_annotations(data, level=level)
    store = mv.save_dataset(data, tmp_path / "study.zarr")
    monkeypatch.setattr(_cells, "_BLOCK", 25)
    for chunks in ({"annotation": 40}, {"time": 50}):
        lazy = mv.open_dataset(store, chunks=chunks)
        assert lazy["annotations/valence"].chunks is not None
        streamed = mv.describe_annotations(lazy, level=level)
        pd.testing.assert_frame_equal(streamed, whole, rtol=1e-12, atol=0)
        exact = ["minimum", "q05", "q25", "median", "q75", "q95", "maximum", "n", "n_missing"]
        pd.testing.assert_frame_equal(streamed[exact], whole[exact], check_exact=True)


def test_quantiles_of_a_whole_modality_are_exact(study):
    annotations = study["annotations"].to_dataset()
    use = annotations["modality"].to_numpy() == "visual"
    row = where(mv.describe_annotations(study, dimension="arousal"), modality="visual")
    samples = annotations["arousal"].to_numpy()[use]
    samples = samples[~np.isnan(samples)]
    for column, share in (("q05", 0.05), ("q25", 0.25), ("median", 0.5), ("q95", 0.95)):
        assert row[column] == pytest.approx(np.quantile(samples, share), rel=1e-14)
    assert (row["minimum"], row["maximum"]) == (samples.min(), samples.max())


def test_ratings_are_described_by_any_factor(tiny):
    """Participant 4 has no age, and no place in a group."""
    rows = mv.describe_annotations(tiny, by="age > 21", dimension="arousal").set_index("group")
    assert rows.index.tolist() == ["all", "False", "True"]
    assert (rows["modality"] == "all").all()
    frame = mv.annotation_frame(tiny)
    values = tiny["annotations/arousal"].to_numpy()
    older = values[(frame["age"] > 21).to_numpy()]
    known = values[frame["age"].notna().to_numpy()]
    for group, mine in (("True", older), ("all", known)):
        row = rows.loc[group]
        assert row["n"] == mine.size
        assert row["mean"] == pytest.approx(mine.mean())
        assert row["sd"] == pytest.approx(mine.std(ddof=1))
        assert row["q25"] == pytest.approx(np.quantile(mine, 0.25))
    assert rows["n_missing"].tolist() == [4, 0, 0]


def test_a_factor_is_described_at_the_coarsest_level_only(tiny):
    with pytest.raises(mv.DesignError, match="level='modality'"):
        mv.describe_annotations(tiny, by="gender", level="item")
    with pytest.raises(mv.DesignError, match="nobody"):
        mv.describe_annotations(tiny, by="nobody")


def test_traits_beside_the_ratings_describe_the_participants():
    grid = pd.MultiIndex.from_product([["1", "2", "3"], ["a", "b"]], names=["participant", "item"])
    frame = grid.to_frame(index=False).assign(calm=[1, 2, 3, 4, 5, 6])
    frame["gender"] = np.repeat([1, 2, 2], 2)
    frame["hand"] = np.repeat([0.0, 1.0, np.nan], 2)
    frame["age"] = np.repeat([20, 30, 70], 2)
    study = mv.from_frames(frame, dimensions=["calm"], scale=(1, 7))
    people = mv.describe_participants(study)
    assert where(people, variable="gender", level="2")["count"] == 2
    assert where(people, variable="age")["mean"] == 40
    hand = where(people, variable="hand", level="1")
    assert (hand["count"], hand["n"], hand["n_missing"]) == (1, 2, 1)
    table = pd.DataFrame({"participant": ["1", "2", "3"], "age": [20, 30, 70], "hand": [0, 1, 1]})
    keys = frame[["participant", "item", "calm"]]
    other = mv.from_frames(keys, participants=table, dimensions=["calm"], scale=(1, 7))
    assert where(mv.describe_participants(other), variable="hand", level="1")["count"] == 2


def test_residuals_of_people_and_items_have_the_statistics_of_other_libraries():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"item": np.tile(range(6), 8), "participant": np.repeat(range(8), 6)})
    frame["calm"] = rng.normal(size=48) + np.repeat(rng.normal(size=8), 6)
    by_method = mv.normality(frame, dimension="calm", dependence="design", n_resamples=99)
    left = smf.ols("calm ~ C(item) + C(participant)", frame).fit().resid
    d, w = by_method["statistic"]
    assert d == pytest.approx(lilliefors(left)[0])
    assert w == pytest.approx(stats.shapiro(left).statistic)

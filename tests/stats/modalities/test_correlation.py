from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from muvistats import (
    DataError,
    DesignError,
    annotation_frame,
    exclude,
    modality_correlations,
    open_dataset,
    save_dataset,
)
from muvistats.stats.modalities import correlation
from muvistats.stats.shared import cells as _cells


def trajectories(study, dimension: str, item: str, modality: str) -> np.ndarray:
    annotations = study["annotations"].to_dataset()
    use = (annotations["item"] == item) & (annotations["modality"] == modality)
    return annotations[dimension].to_numpy()[use.to_numpy()]


def test_items_by_hand(tiny):
    rows = modality_correlations(tiny, level="item")
    assert len(rows) == 2 * 3 * 4
    for row in rows.to_dict("records"):
        first, second = (
            trajectories(tiny, row["dimension"], row["item"], row[key])
            for key in ("modality1", "modality2")
        )
        expected = stats.pearsonr(first.mean(axis=0), second.mean(axis=0)).statistic
        assert row["estimate"] == pytest.approx(expected, rel=1e-10)
        assert (row["n"], row["n1"], row["n2"]) == (8, 2, 2)


def test_summary_by_hand(tiny):
    items = modality_correlations(tiny, dimension="valence", level="item")
    summary = modality_correlations(tiny, dimension="valence")
    assert summary["modality1"].tolist() == ["music", "music", "visual"]
    for row in summary.to_dict("records"):
        pair = (items["modality1"] == row["modality1"]) & (items["modality2"] == row["modality2"])
        r = items.loc[pair, "estimate"].to_numpy()
        assert row["mean"] == pytest.approx(r.mean())
        assert row["sd"] == pytest.approx(r.std(ddof=1))
        assert row["median"] == pytest.approx(np.median(r))
        z = np.arctanh(r)
        limits = np.tanh(stats.t.interval(0.95, 3, z.mean(), stats.sem(z)))
        assert row["estimate"] == pytest.approx(np.tanh(z.mean()))
        assert [row["conf_low"], row["conf_high"]] == pytest.approx(limits)
        assert (row["n_items"], row["n_missing"], row["item"]) == (4, 0, "all")
        assert row["n"] == items.loc[pair, "n"].sum() > 0


def test_masks_missing_modalities_and_still_cursors(tiny):
    annotations = tiny["annotations"].to_dataset()
    item, modality = annotations["item"].to_numpy(), annotations["modality"].to_numpy()
    gone = (item == "a_1") & (modality == "music")
    still = (item == "b_1") & (modality == "visual")
    tiny["annotations/keep_dynamic"][gone] = False
    tiny["annotations/arousal"][still] = 0.1
    rows = modality_correlations(tiny, dimension="arousal", level="item").set_index(
        ["item", "modality1", "modality2"]
    )
    assert rows.loc[("a_1", "music", "visual"), "warning"] == "no ratings in a modality"
    assert rows.loc[("a_1", "music", "visual"), "n1"] == 0
    assert rows.loc[("b_1", "music", "visual"), "warning"] == "a mean trajectory does not move"
    assert np.isnan(rows.loc[("b_1", "visual", "audiovisual"), "estimate"])
    summary = modality_correlations(tiny, dimension="arousal").iloc[0]
    assert (summary["n_items"], summary["n_missing"]) == (2, 2)
    assert summary["warning"].startswith("2 items without r")


def test_short_excerpts_use_the_steps_that_all_raters_have(tiny):
    item = tiny["annotations/item"].to_numpy()
    rows = np.flatnonzero(item == "c_1")
    tiny["annotations/arousal"][rows, 6:] = np.nan
    tiny["annotations/arousal"][rows[0], 5:] = np.nan
    found = modality_correlations(tiny, dimension="arousal", level="item").set_index(
        ["item", "modality1", "modality2"]
    )
    assert found.loc[("c_1", "music", "visual"), "n"] == 5
    assert found.loc[("c_1", "visual", "audiovisual"), "n"] == 6
    first = trajectories(tiny, "arousal", "c_1", "music").mean(axis=0)[:5]
    second = trajectories(tiny, "arousal", "c_1", "visual").mean(axis=0)[:5]
    assert found.loc[("c_1", "music", "visual"), "estimate"] == pytest.approx(
        stats.pearsonr(first, second).statistic
    )


def test_two_steps_are_too_few(tiny):
    tiny["annotations/arousal"][:, 2:] = np.nan
    rows = modality_correlations(tiny, dimension="arousal", level="item")
    assert rows["estimate"].isna().all()
    assert (rows["warning"] == "fewer than three common steps").all()


def test_everything_masked_is_rows_with_a_reason(tiny):
    tiny["annotations/keep_dynamic"][:] = False
    rows = modality_correlations(tiny)
    assert len(rows) == 6
    assert rows["mean"].isna().all()
    assert (rows["n_items"] == 0).all()
    assert rows["warning"].str.startswith("4 items without r").all()


def test_a_static_dimension_has_no_trajectory(tiny):
    static = tiny["annotations/arousal"].mean("time", keep_attrs=True)
    static.attrs = tiny["annotations/arousal"].attrs
    tiny["annotations"]["arousal"] = static
    rows = modality_correlations(tiny, dimension="arousal")
    assert rows["warning"].str.contains("the dimension is static").all()


def test_wrong_arguments_are_refused(tiny):
    with pytest.raises(DesignError, match="level must be one of"):
        modality_correlations(tiny, level="annotation")
    with pytest.raises(DataError, match="a study is needed"):
        modality_correlations(annotation_frame(tiny))
    with pytest.raises(DataError, match="no such rated dimension"):
        modality_correlations(tiny, dimension="tension")


@pytest.mark.parametrize("level", ["item", "summary"])
def test_trajectories_stream_from_disk(study, tmp_path, monkeypatch, level):
    frame = study["annotations"].to_dataset()
    values = frame["arousal"].to_numpy().copy()
    values[5, 60:] = np.nan
    data = study.copy()
    data["annotations"] = frame.assign(arousal=frame["arousal"].copy(data=values))
    data = exclude(data, np.arange(len(values)) % 13 == 0, reason="test")
    whole = modality_correlations(data, level=level)
    store = save_dataset(data, tmp_path / "study.zarr")
    monkeypatch.setattr(_cells, "_BLOCK", 25)
    monkeypatch.setattr(correlation, "_BLOCK", 4 * 3 * 118)
    for chunks in ({"annotation": 40}, {"time": 50}):
        lazy = open_dataset(store, chunks=chunks)
        streamed = modality_correlations(lazy, level=level)
        pd.testing.assert_frame_equal(streamed, whole, check_exact=True)

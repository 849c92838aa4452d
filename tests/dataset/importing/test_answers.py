"""Answers as people gave them: choices, ordered words, decimal commas, codes, familiarity."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv

KEYS = pd.DataFrame({"item": ["a", "b", "a", "b"], "participant": [1, 1, 2, 2]})


def test_one_answer_in_a_column_of_text(tmp_path):
    frame = KEYS.assign(emotion=["joy", " fear", None, "joy"])
    study = mv.from_frames(frame, labels="emotion")
    view = mv.annotation_frame(study)
    assert view["emotion"].tolist()[0::2] == ["joy", "fear"]
    assert view["emotion"].isna().tolist() == [False, True, False, False]
    assert view[["fear", "joy"]].to_numpy()[[0, 2, 3]].tolist() == [[0, 1], [1, 0], [0, 1]]
    assert view["joy"].isna().tolist() == [False, True, False, False]
    assert view.attrs["labels"] == ["fear", "joy"]
    assert view.attrs["dimensions"] == []
    again = mv.open_dataset(mv.save_dataset(study, tmp_path / "s.zarr"))
    xr.testing.assert_identical(again, study)
    kinds = pd.Categorical(["x", "y", "x", "y"], ["y", "x", "none"])
    ordered = mv.from_frames(KEYS.assign(emotion=kinds), labels="emotion")
    assert ordered["annotations/label"].values.tolist() == ["y", "x", "none"]


def test_a_choice_between_one_answer_is_none():
    with pytest.raises(mv.DataError, match="two answers"):
        mv.from_frames(KEYS.assign(emotion="joy"), labels="emotion")


@pytest.mark.parametrize("key", ["participant", "item"])
def test_a_key_is_no_label(key):
    frame = pd.DataFrame({"item": ["a", "b"], "participant": ["p", "q"], "joy": [0, 1]})
    with pytest.raises(mv.DataError, match=f"a key is no label.*{key}"):
        mv.from_frames(frame, labels=[key])


def test_labels_alone_need_no_dimension():
    study = mv.from_frames(KEYS.assign(joy=[1, 0, 1, 1]), labels=["joy"])
    assert mv.label_frequencies(study)["count"].tolist() == [3]


def test_ordered_words_are_numbered():
    words = pd.Categorical(["low", "high", None, "mid"], ["low", "mid", "high"], ordered=True)
    study = mv.from_frames(KEYS.assign(like=words), dimensions=["like"])
    values = study["annotations/like"]
    np.testing.assert_array_equal(values, [1, np.nan, 3, 2])
    assert (values.attrs["scale_min"], values.attrs["scale_max"]) == (1, 3)
    with pytest.raises(mv.DataError, match="not a number"):
        mv.from_frames(KEYS.assign(like=words.astype(str)), dimensions=["like"])


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0,5", "-0,25", ",125", None], [0.5, 0.125, -0.25, np.nan]),
        (["1", "0,5", "-1", "0"], [1, -1, 0.5, 0]),
    ],
)
def test_decimal_commas(cells, expected):
    study = mv.from_frames(KEYS.assign(valence=cells))
    np.testing.assert_array_equal(study["annotations/valence"], expected)


@pytest.mark.parametrize(
    ("cells", "says"),
    [(["1,250", "3,000", "1", "2"], "thousands"), (["0,5", "0.5", "1", "1"], "beside decimal")],
)
def test_commas_that_may_be_something_else(cells, says):
    with pytest.raises(mv.DataError, match=says):
        mv.from_frames(KEYS.assign(valence=cells), scale=(0, 4000))


def test_gender_coded_by_numbers():
    people = pd.DataFrame({"participant": [1, 2], "gender": [1.0, np.nan]})
    study = mv.from_frames(KEYS.assign(valence=0.0), participants=people)
    assert study["participants/gender"].values.tolist() == ["1", ""]


@pytest.mark.parametrize(
    ("cells", "least", "expected"),
    [
        (["yes", "No", None, "y"], None, [1, -1, 0, 1]),
        ([1, 4, 5, np.nan], 4, [0, 1, 1, -1]),
        (["familiar", "unfamiliar", 1, 0], None, [1, 1, 0, 0]),
    ],
)
def test_familiarity(cells, least, expected):
    study = mv.from_frames(KEYS.assign(valence=0.0, familiar=cells), familiar_from=least)
    assert study["annotations/familiar"].values.tolist() == expected


def test_familiarity_on_a_scale_needs_a_threshold():
    frame = KEYS.assign(valence=0.0, familiar=[1, 4, 5, 2])
    with pytest.raises(mv.DataError, match="familiar_from"):
        mv.from_frames(frame)
    study = mv.from_frames(frame, familiar_from=4)
    assert "from 4 on, of 1 to 5" in study["log/action"].values[0]


@pytest.mark.parametrize(("n_beyond", "kept"), [(1, True), (3, False)])
def test_one_sample_over_the_edge_does_not_cost_an_annotation(n_beyond, kept):
    values = np.zeros(40)
    values[:n_beyond] = 1.2
    log = pd.DataFrame(
        {"item": "a", "participant": "1", "time": np.arange(40) / 2, "valence": values}
    )
    study = mv.from_frames(dynamics=log, out_of_scale="exclude")
    assert study["annotations/keep_dynamic"].values.tolist() == [kept]
    assert np.isnan(study["annotations/valence"].values).sum() == n_beyond
    strict = mv.from_frames(dynamics=log, out_of_scale="exclude", tolerance=0)
    assert strict["annotations/keep_dynamic"].values.tolist() == [False]


@pytest.mark.parametrize(
    "cells",
    [[1, 2, None, 4], [0.5, 1.5, 2.5, 3.5], [Decimal("0.5"), None, Decimal(1), Decimal(2)]],
)
def test_objects_that_are_numbers_are_a_column_of_numbers(cells):
    frame = pd.DataFrame({"item": ["a", "a", "b", "b"], "participant": ["x", "y"] * 2})
    frame = frame.assign(arousal=[0.1, 0.2, 0.3, 0.4], own=pd.Series(cells, dtype="object"))
    study = mv.from_frames(frame)
    assert study["annotations/own"].dtype == "float64"
    wanted = [np.nan if cell is None else float(cell) for cell in cells]
    np.testing.assert_array_equal(study["annotations/own"], wanted)


@pytest.mark.parametrize(("cell", "said"), [(np.nan, True), (0.0, False)])
def test_ticks_without_any_zero_are_said(cell, said):
    ticks = [1.0, np.nan, cell, 1.0]
    frame = pd.DataFrame({"item": list("aabb"), "participant": list("xyxy"), "calm": ticks})
    log = mv.from_frames(frame.assign(sad=[0, 1, np.nan, 1]), labels=["sad", "calm"])["log"]
    told = [text for text in log["action"].values.tolist() if "nowhere 0" in text]
    assert len(told) == said
    assert log["count"].values.tolist()[: len(told)] == [2] * len(told)

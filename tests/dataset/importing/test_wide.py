"""Wide tables made long."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv


def test_a_column_per_rater():
    table = pd.DataFrame({"clip": ["a", "b"], "p1": [3, 5], "p2": [4, None]})
    long = mv.read_wide(table, across="participant", keys=["clip"], dimension="tension")
    assert long.to_dict("list") == {
        "clip": ["a", "a", "b"],
        "participant": ["p1", "p2", "p1"],
        "tension": [3.0, 4.0, 5.0],
    }
    study = mv.from_frames(long, item="clip", dimensions=["tension"], scale=(1, 7))
    assert study["annotations"].sizes["annotation"] == 3


def test_a_column_per_item():
    table = pd.DataFrame({"who": [1, 2], "clip 1": [0.1, 0.2], "clip 2": [0.3, 0.4]})
    long = mv.read_wide(table, across="item", keys=["who"], dimension="valence")
    assert long["item"].tolist() == ["clip 1", "clip 2"] * 2


@pytest.mark.parametrize(
    ("names", "interval", "times"),
    [
        (["t0", "t0.5", "t1"], None, [0, 0.5, 1]),
        (["0,5 s", "1,0 s", "1,5 s"], None, [0.5, 1, 1.5]),
        (["sample_0", "sample_1", "sample_2"], 0.25, [0, 0.25, 0.5]),
    ],
)
def test_a_column_per_time_step(names, interval, times):
    table = pd.DataFrame([["a", 1, 0.1, 0.2, 0.3]], columns=["item", "participant", *names])
    long = mv.read_wide(
        table,
        across="time",
        keys=["item", "participant"],
        dimension="valence",
        interval=interval,
    )
    assert long["time"].tolist() == times
    study = mv.from_frames(dynamics=long)
    assert study["annotations/valence"].values.tolist() == [[0.1, 0.2, 0.3]]


def test_a_pattern_with_several_dimensions():
    table = pd.DataFrame(
        {"item": ["x", "y"], "arousal_p1": [1, 2], "valence_p1": [3, np.nan], "arousal_p2": [5, 6]}
    )
    long = mv.read_wide(table, pattern=r"(?P<dimension>arousal|valence)_(?P<participant>.+)")
    assert long.columns.tolist() == ["item", "participant", "arousal", "valence"]
    assert long["arousal"].tolist() == [1, 5, 2, 6]
    np.testing.assert_array_equal(long["valence"], [3, np.nan, np.nan, np.nan])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "across or pattern"),
        ({"across": "participant", "keys": ["clip"]}, "missing"),
        ({"across": "participant", "keys": ["a", "b"]}, "no column holds"),
        ({"across": "time", "keys": ["a"]}, "no time"),
        ({"pattern": "("}, "regular expression"),
        ({"pattern": "b"}, "named groups"),
        ({"pattern": "(?P<rater>b)"}, "named groups"),
        ({"pattern": "(?P<item>z)"}, "no column holds"),
        ({"across": "participant", "keys": ["a"], "dimension": "a"}, "already"),
    ],
)
def test_what_makes_no_sense(given, says):
    with pytest.raises(mv.DataError, match=says):
        mv.read_wide(pd.DataFrame({"a": [1], "b": [2]}), **given)


def test_a_column_of_words_among_ratings_is_no_rating():
    table = pd.DataFrame({"item": ["a", "b"], "p1": ["3,5", "4"], "p2": [2, None]})
    with pytest.raises(mv.DataError, match=r"column item: column holds no numbers.*keys="):
        mv.read_wide(table, across="participant")
    words = pd.DataFrame({"item": ["a"], "p1": ["joy"], "p2": ["fear"]})
    long = mv.read_wide(words, across="participant", keys=["item"], dimension="emotion")
    assert long["emotion"].tolist() == ["joy", "fear"]

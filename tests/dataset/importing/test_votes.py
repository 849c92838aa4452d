"""Counts of votes per category."""

from __future__ import annotations

import pandas as pd
import pytest

import muvistats as mv

VOTES = pd.DataFrame(
    {
        "clip": ["b", "a", "a"],
        "shown": ["face", "voice", "face"],
        "joy": [0, 2, 1],
        "fear": [2, 1, 0],
    }
)


def test_a_vote_is_an_annotation():
    study = mv.from_votes(
        VOTES,
        labels=["joy", "fear"],
        item="clip",
        modality="shown",
        modalities=("voice", "face"),
        question="emotion",
        items=pd.DataFrame({"item": ["a", "b"], "intended": ["joy", "fear"]}),
    )
    frame = mv.annotation_frame(study)
    assert frame["emotion"].tolist() == ["joy", "joy", "fear", "joy", "fear", "fear"]
    assert frame["intended"].tolist() == ["joy"] * 4 + ["fear"] * 2
    assert "participant" not in frame
    counts = mv.label_frequencies(study).set_index(["modality", "label"])["count"]
    assert counts["voice", "joy"] == 2
    assert counts["all", "fear"] == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"joy": [0, -1, 1]}, "not a count"),
        ({"joy": [0, 0.5, 1]}, "not a count"),
        ({"joy": [0, None, 1]}, "missing"),
        ({"clip": ["a", "a", "a"], "shown": "face"}, "stands twice"),
        ({"joy": 0, "fear": 0}, "nobody voted"),
    ],
)
def test_counts_are_counts(change, says):
    with pytest.raises(mv.DataError, match=says):
        mv.from_votes(VOTES.assign(**change), labels=["joy", "fear"], item="clip", modality="shown")


def test_a_missing_item_names_the_argument():
    with pytest.raises(mv.DataError, match="names yours"):
        mv.from_votes(VOTES, labels=["joy", "fear"])


def test_more_votes_than_can_be_held_are_refused():
    with pytest.raises(mv.DataError, match=r"more votes than can be held.*1,000,000,004"):
        mv.from_votes(
            VOTES.assign(joy=[0, 10**9, 1]), labels=["joy", "fear"], item="clip", modality="shown"
        )

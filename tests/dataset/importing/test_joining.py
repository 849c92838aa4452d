"""Studies joined."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv


@pytest.fixture
def halves(tiny):
    people = tiny["participants/participant"].values.tolist()
    return {
        "A": mv.select(tiny, participant=people[::2]),
        "B": mv.select(tiny, participant=people[1::2]),
    }


def test_halves_are_the_whole(tiny, halves):
    joint = mv.combine(halves, factor="lab", study="tiny")
    ours = mv.annotation_frame(joint).sort_values(["item", "modality", "participant"])
    theirs = mv.annotation_frame(tiny).sort_values(["item", "modality", "participant"])
    assert set(ours.columns) - set(theirs.columns) == {"lab"}
    pd.testing.assert_frame_equal(
        ours[theirs.columns].reset_index(drop=True),
        theirs.reset_index(drop=True),
        check_categorical=False,
    )
    assert ours["lab"].value_counts().to_dict() == {
        name: part["annotations"].sizes["annotation"] for name, part in halves.items()
    }
    assert ours.attrs["assigned"]["lab"] == "participant"
    assert joint["exclusions"].sizes["exclusion"] == tiny["exclusions"].sizes["exclusion"]
    steps = [d["annotations/arousal"].values for d in (joint, tiny)]
    assert np.nansum(steps[0]) == pytest.approx(np.nansum(steps[1]))


def _static(who, scale=(1, 9), **more):
    frame = pd.DataFrame({"participant": who, "item": ["a", "b"], "tension": [2, 3]})
    return mv.from_frames(frame.assign(**more), dimensions=["tension"], scale=scale)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (lambda: _static(["p1", "p3"]), "participant is in two studies"),
        (lambda: _static(["p3", "p4"], scale=(1, 7)), "rated dimensions and scales"),
        (lambda: _static(["p3", "p4"], session="1"), "differ in their keys"),
        (lambda: _static(["p3", "p4"], site="x"), "there already"),
    ],
)
def test_what_does_not_fit_is_named(other, says):
    with pytest.raises(mv.DataError, match=says):
        mv.combine({"A": _static(["p1", "p2"]), "B": other()})


def test_an_item_with_other_traits():
    def built(who, genre):
        items = pd.DataFrame({"item": ["a", "b"], "genre": genre})
        frame = pd.DataFrame({"participant": who, "item": ["a", "b"], "tension": [2, 3]})
        return mv.from_frames(frame, items=items, dimensions=["tension"], scale=(1, 9))

    same = mv.combine({"A": built(["p1", "p2"], ["x", "y"]), "B": built(["p3", "p4"], ["x", "y"])})
    assert same["items"].sizes["item"] == 2
    with pytest.raises(mv.DataError, match="other traits"):
        mv.combine({"A": built(["p1", "p2"], ["x", "y"]), "B": built(["p3", "p4"], ["x", "x"])})


def test_one_study_is_not_enough(tiny):
    with pytest.raises(mv.DataError, match="two or more"):
        mv.combine({"A": tiny})

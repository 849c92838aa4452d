"""Label tables of a frame with the user's own names are those of the study made of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.dataset.own_labels import with_labels

NAMES = {"item": "clip", "participant": "subject"}
FEW = {"n_resamples": 19}


@pytest.fixture(scope="module")
def ticked() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    grid = pd.MultiIndex.from_product([range(8), range(7)], names=["clip", "subject"])
    frame = grid.to_frame(index=False)
    frame["modality"] = np.where(frame.sum(axis=1) % 2, "face", "voice")
    frame["cut"] = np.where(frame["clip"] < 4, "short", "long")
    for label in ("joy", "fear", "awe"):
        frame[label] = rng.integers(0, 2, len(frame)).astype(float)
    frame.loc[5, "awe"] = np.nan
    frame["answer"] = rng.choice(["joyful", "afraid", "angry"], len(frame))
    frame["meant"] = frame["clip"].map(dict(enumerate(["joyful", "afraid", "angry"] * 3)))
    return frame


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("label_frequencies", {}),
        ("label_frequencies", {"labels": "answer"}),
        ("label_deviations", {"labels": "answer", **FEW}),
        ("label_agreement", FEW),
        ("label_correlations", {}),
        ("label_deviations", FEW),
        ("chisquare_labels", FEW),
        ("rao_scott", {}),
        ("bilder_loughin", FEW),
        ("label_models", {"by": "modality"}),
    ],
)
def test_own_names_give_what_the_study_gives(ticked, name, arguments):
    arguments = dict(arguments)
    chosen = arguments.pop("labels", ["joy", "fear", "awe"])
    frame = ticked[["clip", "subject", "modality", *([chosen] if chosen == "answer" else chosen)]]
    study = mv.from_frames(frame, labels=chosen, modalities=("face", "voice"), **NAMES)
    function = getattr(mv, name)
    given = arguments | (
        {"assigned": "within_item"} if name in ("label_deviations", "chisquare_labels") else {}
    )
    ours = function(frame, labels=chosen, **NAMES, **given)
    theirs = function(study, **given)
    kept = [c for c in theirs.columns if c not in ("simulated", "alignment")]
    pd.testing.assert_frame_equal(pd.DataFrame(ours)[kept], pd.DataFrame(theirs)[kept])


def test_answers_are_compared_with_what_was_meant(ticked):
    rows = mv.hit_rates(ticked, intended="meant", labels="answer", **NAMES)
    hits = rows[(rows["quantity"] == "hit rate") & (rows["label"] == "all")]
    both = hits.loc[hits["modality"] == "all", "estimate"].item()
    assert both == pytest.approx((ticked["answer"] == ticked["meant"]).mean())
    matrix = mv.confusion_matrix(ticked, intended="meant", labels="answer", **NAMES)
    assert matrix.loc[matrix["modality"] == "all", "count"].sum() == len(ticked)
    assert mv.choice_agreement(ticked, labels="answer", n_resamples=0, **NAMES)["n"].max() == 56


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["joy", "clip"], "label is not 0 or 1"),
        (["nothing"], "nothing"),
        ([], "labels"),
        (3, "sequence of names"),
        (["participant"], "a key is no label"),
        (pd.DataFrame({"label": ["joy"]}), "sequence of names"),
    ],
)
def test_what_is_no_label_is_refused(ticked, labels, says):
    with pytest.raises(mv.DataError, match=says):
        mv.chisquare_labels(ticked, by="cut", labels=labels, assigned="item", **NAMES)


def test_a_study_knows_its_labels(ticked):
    study = mv.from_frames(ticked, labels=["joy"], dimensions=[], **NAMES)
    with pytest.raises(mv.DataError, match="a study knows its labels"):
        mv.label_frequencies(study, labels=["joy"])


def test_an_answer_with_the_name_of_a_column_is_refused(ticked):
    with pytest.raises(mv.DataError, match="another meaning"):
        with_labels(ticked.replace({"answer": {"angry": "cut"}}), "answer")


def test_a_frame_without_named_labels_says_how(ticked):
    with pytest.raises(mv.DataError, match=r"labels=\[\.\.\.\]"):
        mv.label_frequencies(ticked, **NAMES)
    with pytest.raises(mv.DataError, match="labels= names"):
        mv.choice_agreement(ticked, **NAMES)

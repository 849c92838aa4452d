"""Sessions apart, and sessions of a rater taken together."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.testing import assert_array_equal

import muvistats as mv
from muvistats.dataset.sessions import by_rater, by_session, cell_codes


def two_days():
    rows = [
        {"item": item, "participant": who, "session": day, "time": t, "arousal": value + t / 10}
        for item in ("a", "b")
        for who, days in (("p1", {"mon": 0.0, "tue": 0.4}), ("p2", {"mon": 0.2}))
        for day, value in days.items()
        for t in (0.0, 0.5, 1.0)
    ]
    return mv.from_frames(dynamics=pd.DataFrame(rows))


def test_sessions_stand_together_and_find_their_way_back():
    study = two_days()
    apart, back = by_session(study)
    shown = apart["annotations"].to_dataset()
    keys = list(zip(shown["item"].values, shown["session"].values, strict=True))
    assert keys == [("a", "mon")] * 2 + [("a", "tue")] + [("b", "mon")] * 2 + [("b", "tue")]
    assert_array_equal(shown["arousal"].to_numpy()[back], study["annotations/arousal"].to_numpy())


def test_a_rater_has_the_mean_of_their_sessions():
    study = two_days()
    joint, row = by_rater(study)
    assert row.tolist() == [0, 0, 1, 2, 2, 3]
    np.testing.assert_allclose(joint["annotations/arousal"][0], [0.2, 0.25, 0.3])
    masked = mv.exclude(study, [True, *[False] * 5], reason="test")
    joint, _ = by_rater(masked)
    np.testing.assert_allclose(joint["annotations/arousal"][0], [0.4, 0.45, 0.5])
    assert bool(joint["annotations/keep_dynamic"].all())


def test_a_study_without_sessions_stays_as_it_is(study):
    assert by_session(study)[0] is study
    assert by_rater(study)[0] is study
    assert len(np.unique(cell_codes(two_days()["annotations"].to_dataset()))) == 4

"""Lists of trials that were used twice."""

import pandas as pd

import muvistats as mv


def study_of(lists):
    rows = [
        (person, item, number, 0.1 * number)
        for person, items in lists.items()
        for number, item in enumerate(items, start=1)
    ]
    frame = pd.DataFrame(rows, columns=["participant", "item", "trial", "valence"])
    return mv.from_frames(frame, modalities=("music",), dimensions=["valence"])


def test_a_list_of_one_trial_repeats_nobody():
    found = mv.repeated_lists(study_of({"a": ["x"], "b": ["x"], "c": ["x", "y"], "d": ["x", "y"]}))
    assert found[["participant", "repeats", "n"]].values.tolist() == [["d", "c", 2]]

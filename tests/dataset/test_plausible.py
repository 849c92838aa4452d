"""The impossible is refused at every entrance; the implausible is kept and told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats import cli
from muvistats.dataset.plausible import implausible

RATINGS = pd.DataFrame(
    {
        "item": ["a", "b", "a", "b"],
        "participant": ["1", "1", "2", "2"],
        "arousal": [0.0, 0.5, 0.2, 0.1],
        "trial": [1, 2, 1, 2],
    }
)


def people(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"participant": ["1", "2"], **columns})


def study(**tables: pd.DataFrame):
    given = {"annotations": RATINGS} | tables
    return mv.from_frames(**given, dimensions=["arousal"], modalities=("music",))


IMPOSSIBLE = {
    "negative age": ({"participants": people(age=[-5, 30])}, "age", "negative"),
    "infinite age": ({"participants": people(age=[np.inf, 30])}, "age", "infinite|finite"),
    "negative training": (
        {"participants": people(years_of_training=[0, -3])},
        "years_of_training",
        "negative",
    ),
    "training above age": (
        {"participants": people(age=[20, 30], years_of_training=[22, 3])},
        "years_of_training",
        "more years of training than of age",
    ),
    "negative trial": ({"annotations": RATINGS.assign(trial=[-3, 1, 1, 2])}, "trial", "negative"),
    "trial twice": ({"annotations": RATINGS.assign(trial=[3, 3, 1, 2])}, "trial", "stands twice"),
    "infinite own column": (
        {"annotations": RATINGS.assign(luminance=[np.inf, 0, 1, 2])},
        "luminance",
        "infinite",
    ),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_the_impossible_is_refused(name):
    tables, column, words = IMPOSSIBLE[name]
    with pytest.raises(mv.DataError, match=words) as error:
        study(**tables)
    assert error.value.column == column
    assert error.value.row is not None


def test_validate_and_stores_refuse_it_too(tmp_path):
    wrong = study(participants=people(age=[20, 30]))
    wrong["participants/age"] = wrong["participants/age"].copy(data=[20.0, -1.0])
    for call in (mv.validate, lambda data: mv.save_dataset(data, tmp_path / "s.nc")):
        with pytest.raises(mv.DataError, match=r"/participants, row 2, column age.*negative"):
            call(wrong)


def test_what_is_possible_is_taken_without_a_word():
    taken = study(participants=people(age=[4, np.nan], years_of_training=[4.5, 60]))
    assert implausible(taken) == []
    assert taken["log"].sizes["entry"] == 0


def test_the_implausible_is_kept_logged_and_shown(tmp_path, capsys):
    taken = study(participants=people(age=[999, 30], years_of_training=[3, 1]))
    assert taken["participants/age"].values.tolist() == [999, 30]
    (action,) = taken["log/action"].values.tolist()
    assert action == "age above 110 was kept: 999 of participant 1"
    path = mv.save_dataset(taken, tmp_path / "s.zarr")
    with pytest.raises(SystemExit) as stop:
        cli.main(["validate", str(path)])
    assert stop.value.code == 0
    assert capsys.readouterr().out.count("age above 110") == 1


def test_blanks_around_ids_are_told():
    wide = RATINGS.assign(participant=["1", "1", "2 ", "2 "])
    taken = study(annotations=wide)
    assert taken["participants"].sizes["participant"] == 2
    (action,) = taken["log/action"].values.tolist()
    assert "blanks around" in action
    assert "'2 '" in action

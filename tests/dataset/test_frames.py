"""Names of columns that are no texts, at every door for tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats import DataError

RATINGS = pd.DataFrame({"item": ["a", "b"], "participant": "p", "valence": [0.1, 0.2]})
LOG = pd.DataFrame({"item": "a", "participant": "p", "time": [0.0, 0.4], "valence": [0.1, 0.2]})
DOORS = {
    "ratings": (mv.from_frames, RATINGS),
    "recordings": (lambda table: mv.from_frames(dynamics=table), LOG.assign(time=[0.0, 0.5])),
    "people": (
        lambda table: mv.from_frames(RATINGS, participants=table),
        pd.DataFrame({"participant": ["p"], "age": [30.0]}),
    ),
    "items": (
        lambda table: mv.from_frames(RATINGS, items=table),
        pd.DataFrame({"item": ["a", "b"], "year": [1.0, 2.0]}),
    ),
    "log": (mv.resample, LOG),
    "wide": (
        lambda table: mv.read_wide(table, keys=["item"], across="participant"),
        pd.DataFrame({"item": ["a", "b"], "p": [0.1, 0.2]}),
    ),
    "votes": (
        lambda table: mv.from_votes(table, labels=["joy", "fear"]),
        pd.DataFrame({"item": ["a", "b"], "joy": [1, 2], "fear": [0, 3]}),
    ),
}


def beside(table: pd.DataFrame, *names: object) -> pd.DataFrame:
    """The table with a column of numbers for each name."""
    columns = pd.Index([*table.columns, *names], dtype=object, tupleize_cols=False)
    more = [pd.Series(np.arange(len(table))) for _ in names]
    return pd.concat([table, *more], axis=1).set_axis(columns, axis=1)


@pytest.mark.parametrize("name", [np.nan, None, pd.NaT, pd.NA], ids=repr)
@pytest.mark.parametrize("door", DOORS)
def test_a_column_without_a_name_is_told(door, name):
    read, table = DOORS[door]
    place = f"column {len(table.columns) + 1} of {len(table.columns) + 1}"
    with pytest.raises(DataError, match=f"{place}: column has no name; name it, or drop it"):
        read(beside(table, name))


@pytest.mark.parametrize("door", DOORS)
def test_names_that_are_the_same_text_are_told(door):
    read, table = DOORS[door]
    with pytest.raises(DataError, match="column 3: column stands twice"):
        read(beside(table, 3, "3"))


@pytest.mark.parametrize("name", [3, 3.0, np.float64(3)])
def test_a_number_is_a_name_without_decimals(name):
    assert "3" in mv.annotation_frame(mv.from_frames(beside(RATINGS, name)))
    assert list(mv.resample(beside(LOG, name)))[-1] == "3"
    assert list(mv.resample(beside(LOG, name), values=[name]))[-1] == "3"
    wide = DOORS["wide"][0](beside(DOORS["wide"][1], name))
    assert wide["participant"].unique().tolist() == ["p", "3"]

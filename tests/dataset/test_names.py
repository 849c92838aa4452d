"""Names and cells that users choose: kept, or refused when the study is built."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from muvistats import DataError, MuvistatsError, from_frames, validate
from muvistats.dataset.names import OWN

STORED = ["country/city", "..", ".", "", " ", "note\0", ".zattrs", "n" * 300, "back\\slash"]
KEYS = ["item", "modality", "participant"]


def ratings(**more: object) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "item": ["a", "a", "b", "b"],
            "participant": ["1", "2", "1", "2"],
            "arousal": [0.0, 0.5, 0.1, 0.2],
        }
    )
    return table.assign(**more)


def build(table: pd.DataFrame, **more: object):
    return from_frames(table, **{"dimensions": ["arousal"], "modalities": ("film",), **more})


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("table", ["annotations", "participants", "items", "dimensions"])
def test_names_that_no_store_takes_are_refused(table, name):
    people = pd.DataFrame({"participant": ["1", "2"]})
    films = pd.DataFrame({"item": ["a", "b"]})
    more: dict[str, object] = {"participants": people, "items": films}
    given = ratings()
    if table == "annotations":
        given[name] = 1.0
    elif table == "dimensions":
        given = given.rename(columns={"arousal": name})
        more["dimensions"] = [name]
    else:
        more[table] = more[table].assign(**{name: [1, 2]})
    with pytest.raises(MuvistatsError):
        build(given, **more)


@pytest.mark.parametrize("name", [n for n in OWN if n not in ("simulated", "alignment")])
def test_names_that_the_package_makes_are_refused_with_the_remedy(name):
    with pytest.raises(DataError, match="rename the column") as info:
        build(ratings(**{name: 1.5}))
    assert info.value.column == name
    with pytest.raises(DataError, match="rename the column"):
        build(ratings(), participants=pd.DataFrame({"participant": ["1", "2"], name: ["x", "y"]}))
    with pytest.raises(DataError):
        build(ratings(**{name: 1}), labels=[name])
    with pytest.raises(DataError):
        build(ratings().rename(columns={"arousal": name}), dimensions=[name])


@pytest.mark.parametrize(
    ("table", "key", "other"),
    [("participants", "participant", "item"), ("items", "item", "modality")],
)
def test_a_key_has_no_other_table(table, key, other):
    ids = {"participant": ["1", "2"], "item": ["a", "b"]}[key]
    with pytest.raises(DataError, match="another meaning"):
        build(ratings(), **{table: pd.DataFrame({key: ids, other: ["x", "y"]})})


def test_a_label_is_no_key():
    with pytest.raises(DataError, match="a key is no label"):
        build(ratings(item=[0, 0, 1, 1]), labels=["item"])


def test_a_column_that_was_added_later_is_refused_too():
    study = build(ratings())
    extra = ("annotation", [1.0, 2.0, 3.0, 4.0], {"long_name": "mine"})
    study["annotations"] = study["annotations"].to_dataset().assign(n_labels=extra)
    with pytest.raises(DataError, match="another meaning"):
        validate(study)


@pytest.mark.parametrize(
    "cell",
    [["a"], {"x": 1}, {"a"}, ("a",), b"\xff", b"a", "\ud800", "a\0b", 1j, np.zeros(2)],
    ids=repr,
)
@pytest.mark.parametrize("column", ["item", "own", "trial", "arousal", "familiar", "joy"])
def test_cells_that_cannot_be_stored_are_refused_by_row(column, cell):
    table = ratings(own="x", trial=1, familiar=1, joy=0, arousal=0.5)
    cells = pd.Series(table[column].tolist(), dtype=object, index=list("wxyz"))
    cells.iloc[1] = cell
    table = table.set_axis(list("wxyz"), axis=0)
    table[column] = cells
    with pytest.raises(DataError) as info:
        build(table, labels=["joy"])
    assert (info.value.row, info.value.column) == ("x", column)


def test_number_beyond_floating_point_is_refused():
    age = pd.Series([10**400, 1], dtype=object)
    people = pd.DataFrame({"participant": ["1", "2"], "age": age})
    with pytest.raises(DataError, match="too large"):
        build(ratings(), participants=people)


@pytest.mark.parametrize(
    "given",
    [
        {"columns": 5},
        {"columns": {"item": ["a"]}},
        {"columns": {5: "x"}},
        {"modalities": "music"},
        {"modalities": (5,)},
        {"dimensions": 5},
        {"dimensions": [5]},
        {"labels": 5},
        {"labels": [["a"]]},
        {"scale": 5},
        {"scale": (1, "a")},
        {"scale": {"arousal": 5}},
        {"assigned": 5},
        {"study": 5},
        {"study": "\0"},
        {"label_alignment": "x"},
        {"simulated": np.nan},
        {"simulated": "yes"},
        {"out_of_scale": []},
        {"participants": 5},
        {"dynamics": [1]},
    ],
    ids=str,
)
def test_arguments_of_another_kind_are_refused(given):
    with pytest.raises(MuvistatsError):
        build(ratings(), **given)

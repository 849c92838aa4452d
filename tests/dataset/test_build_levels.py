"""Categories keep their levels and order, and rows their origin, from tables to frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from muvistats import (
    DataError,
    annotation_frame,
    from_frames,
    kruskal,
    open_dataset,
    save_dataset,
    select,
    simulate_muvi,
    to_long,
)

SKILL = ["low", "mid", "high"]


def study_of(skill: object, where: str):
    table = pd.DataFrame(
        {"participant": list("pqr"), "item": list("abc"), "valence": [0, 0.1, 0.2]}
    )
    tables: dict[str, object] = {}
    if where == "annotations":
        table["skill"] = skill
    else:
        key = where.removesuffix("s")
        tables[where] = table[[key]].assign(skill=skill)
    return from_frames(table, **tables, modalities=("film",))


@pytest.mark.parametrize("where", ["annotations", "participants", "items"])
@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_levels_keep_their_order_through_storage_and_selection(tmp_path, where, ordered, suffix):
    skill = pd.Categorical(["high", "low", None], SKILL, ordered=ordered)
    study = study_of(skill, where)
    again = open_dataset(save_dataset(study, tmp_path / f"study.{suffix}"))
    assert again.identical(study)
    for data in (study, again, select(again, item=["a", "c"])):
        column = annotation_frame(data)["skill"]
        assert column.cat.categories.tolist() == SKILL
        assert column.cat.ordered is ordered
        assert column.iloc[0] == "high"
        assert pd.isna(column.iloc[-1])


@pytest.mark.parametrize(
    ("values", "levels", "shown"),
    [
        (pd.Categorical([3, 1, 2], [3, 2, 1]), ["3", "2", "1"], ["3", "1", "2"]),
        (pd.Categorical([1.0, 2.5, 1.0]), ["1", "2.5"], ["1", "2.5", "1"]),
        (
            pd.array([True, None, False], dtype="boolean"),
            ["False", "True"],
            ["True", None, "False"],
        ),
        ([True, None, False], ["False", "True"], ["True", None, "False"]),
    ],
)
def test_other_types_have_levels_too(values, levels, shown):
    column = annotation_frame(study_of(values, "annotations"))["skill"]
    assert column.cat.categories.tolist() == levels
    assert [None if pd.isna(value) else value for value in column] == shown


def test_groups_of_a_test_stand_in_the_order_of_the_levels():
    people = pd.DataFrame({"participant": [f"p{i}" for i in range(9)]})
    people["skill"] = pd.Categorical(SKILL * 3, SKILL, ordered=True)
    table = people[["participant"]].assign(item="a", valence=[i / 10 for i in range(9)])
    study = from_frames(table, participants=people, modalities=("film",))
    found = kruskal(study, "valence ~ skill", level="group", dependence="independent")
    assert found["group"].tolist() == SKILL


def test_two_levels_of_one_name_are_refused():
    with pytest.raises(DataError, match="one name"):
        study_of(pd.Categorical([1, "1", None]), "annotations")


def test_long_tables_carry_their_origin():
    study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    long = to_long(study)
    assert from_frames(dynamics=long).attrs["simulated"] == 1
    assert from_frames(dynamics=long, simulated=True).attrs["simulated"] == 1
    assert from_frames(dynamics=long.drop(columns="simulated")).attrs["simulated"] == 0
    released = from_frames(dynamics=long.assign(alignment="released"))
    assert released.attrs["label_alignment"] == "released"
    texts = long.assign(simulated=long["simulated"].astype(str))
    assert from_frames(dynamics=texts).attrs["simulated"] == 1


@pytest.mark.parametrize(
    ("change", "more", "problem"),
    [
        ({}, {"simulated": False}, "different things"),
        ({}, {"label_alignment": "released"}, "different things"),
        ({"simulated": "yes"}, {}, "rename the column"),
        ({"alignment": "left"}, {}, "rename the column"),
        ({"simulated": [True] * 50 + [False] * 58}, {}, "several origins"),
        ({"simulated": [True] * 50 + [None] * 58}, {}, "several origins"),
    ],
)
def test_origins_that_argue_are_refused(change, more, problem):
    study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    keys = to_long(study).drop_duplicates(["item", "modality", "participant"])[:108]
    assert len(keys) == 108
    with pytest.raises(DataError, match=problem):
        from_frames(keys.drop(columns="time").assign(**change), **more)


def test_a_day_is_written_as_in_a_formula():
    days = pd.to_datetime(["2020-01-01", "2021-01-01"] * 6)
    frame = pd.DataFrame({"item": list("abcdef") * 2, "participant": ["p"] * 6 + ["q"] * 6})
    frame = frame.assign(valence=np.arange(12) / 12, day=days)
    study = from_frames(frame)
    assert annotation_frame(study)["day"].unique().tolist() == ["2020-01-01", "2021-01-01"]
    counts = kruskal(
        study, "valence ~ day == '2020-01-01'", dependence="independent", level="group"
    )
    assert counts["n"].tolist() == [6, 6]


def test_ids_of_large_numbers_keep_their_names():
    ids = [1e22, 2e22, 0.5, 2.0, -0.0, 1e15]
    frame = pd.DataFrame({"item": "a", "participant": ids, "valence": 0.0})
    names = from_frames(frame)["participants/participant"].to_numpy().tolist()
    assert set(names) == {"1e+22", "2e+22", "0.5", "2", "0", "1000000000000000"}

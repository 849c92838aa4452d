"""Lists of trials: balance, order, refusals with numbers that work, and files."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pandas as pd
import pytest

import muvistats as mv

MUVI = {"n_participants": 49, "per_cell": 6, "rng": 3}


@pytest.fixture(scope="module")
def lists():
    return mv.design_lists(81, **MUVI)


def longest_run(modality):
    return max(len(list(group)) for _, group in itertools.groupby(modality))


def test_every_cell_has_its_raters_and_nobody_meets_an_item_twice(lists):
    assert lists.groupby(["item", "modality"]).size().tolist() == [6] * 243
    assert not lists.duplicated(["participant", "item"]).any()
    lengths = lists.groupby("participant").size()
    assert lengths.sum() == 81 * 18
    assert lengths.max() - lengths.min() <= 1


def test_interfaces_are_balanced_within_cells_and_people(lists):
    shown = lists[lists["modality"] != "music"]
    assert lists.loc[lists["modality"] == "music", "overlay"].isna().all()
    halves = shown.groupby(["item", "modality", "overlay"]).size()
    assert halves.tolist() == [3] * (81 * 2 * 2)
    sign = shown["overlay"].map({"overlaid": 1, "side_by_side": -1})
    assert sign.groupby(shown["participant"]).sum().abs().max() <= 1
    counts = lists.groupby(["participant", "modality"]).size().groupby("participant")
    assert (counts.max() - counts.min()).max() <= 2


def test_an_odd_number_of_raters_gives_half_of_the_cells_one_more_overlaid():
    lists = mv.design_lists(10, n_participants=15, per_cell=5, rng=1)
    shown = lists[lists["modality"] != "music"]
    overlaid = (shown["overlay"] == "overlaid").groupby([shown["item"], shown["modality"]]).sum()
    assert sorted(set(overlaid)) == [2, 3]
    assert abs(overlaid.sum() - 50) <= 5


@pytest.mark.parametrize(
    ("items", "people", "raters"), [(3, 9, 3), (5, 15, 3), (7, 21, 1), (8, 13, 2)]
)
@pytest.mark.parametrize("seed", range(3))
def test_interfaces_differ_by_one_at_most_in_cells_items_people_and_all(
    items, people, raters, seed
):
    lists = mv.design_lists(items, n_participants=people, per_cell=raters, rng=seed)
    shown = lists.dropna(subset="overlay")
    sign = shown["overlay"].map({"overlaid": 1, "side_by_side": -1})
    for unit in (["item", "modality"], ["item"], ["participant"], ["participant", "modality"]):
        assert sign.groupby([shown[name] for name in unit]).sum().abs().max() <= 1
    assert abs(sign.sum()) <= 1


@pytest.mark.parametrize("interface", ["overlaid", "side_by_side"])
def test_one_interface_for_all(interface):
    lists = mv.design_lists(6, n_participants=6, per_cell=2, interface=interface)
    assert set(lists["overlay"].dropna()) == {interface}


def test_trials_count_from_one_and_runs_are_short(lists):
    for _, own in lists.groupby("participant"):
        assert own["trial"].tolist() == list(range(1, len(own) + 1))
        assert longest_run(own["modality"]) <= 3
    alternating = mv.design_lists(20, n_participants=9, per_cell=3, max_run=1, rng=2)
    for _, own in alternating.groupby("participant"):
        assert longest_run(own["modality"]) == 1


def test_order_is_random_with_every_modality_first_alike():
    first = pd.concat(
        mv.design_lists(12, n_participants=36, per_cell=6, rng=seed).query("trial == 1")
        for seed in range(10)
    )
    counts = first["modality"].value_counts()
    # 360 draws of a third each: five standard errors
    assert ((counts - 120).abs() < 5 * np.sqrt(360 * 2 / 9)).all()


def test_the_source_of_randomness_decides_everything(lists):
    assert mv.design_lists(81, **MUVI).equals(lists)
    assert not mv.design_lists(81, **MUVI | {"rng": 4}).equals(lists)


def test_names_and_modalities_are_those_given():
    lists = mv.design_lists(["b", "a"], modalities=["visual"], n_participants=2, per_cell=2)
    assert sorted(lists["item"]) == ["a", "a", "b", "b"]
    assert set(lists["modality"]) == {"visual"}


INFEASIBLE = [
    ({"items": 81, "n_participants": 10, "per_cell": 6}, ("n_participants", "per_cell")),
    ({"items": 81, "n_participants": 20, "per_cell": 6, "max_trials": 36}, None),
    ({"items": 2, "n_participants": 50, "per_cell": 3}, None),
    ({"items": 9, "n_participants": 2, "per_cell": 1}, ("n_participants",)),
    ({"items": 9, "n_participants": 5, "per_cell": 9, "modalities": ["music"]}, None),
    ({"items": 1, "n_participants": 8, "per_cell": 3}, None),
    ({"items": 2, "n_participants": 7, "per_cell": 3, "max_trials": 1}, None),
    ({"items": 40, "n_participants": 30, "per_cell": 10, "max_trials": 10}, None),
]


@pytest.mark.parametrize(("wish", "named"), INFEASIBLE, ids=str)
def test_the_nearest_numbers_that_are_named_work_and_are_nearest(wish, named):
    with pytest.raises(mv.DesignError, match="nearest") as error:
        mv.design_lists(**wish)
    text = str(error.value).rpartition("nearest: ")[2]
    ways = {name: int(n) for name, n in re.findall(r"(\w+)=(\d+)", text)}
    if items := re.search(r"(\d+) items", text):
        ways["items"] = int(items[1])
    assert set(named or ways) <= set(ways)
    assert ways
    for name, value in ways.items():
        lists = mv.design_lists(**wish | {name: value})
        if "max_trials" in wish or name == "max_trials":
            assert lists["trial"].max() <= (wish | {name: value})["max_trials"]
        step = -1 if value > wish.get(name, 0) else 1
        with pytest.raises(mv.DesignError):
            mv.design_lists(**wish | {name: value + step})


def test_no_modality_twice_in_a_row_can_always_be_held():
    wish = {"modalities": ["music", "visual"], "n_participants": 4, "per_cell": 2, "max_run": 1}
    assert len(mv.design_lists(3, **wish)) == 12
    for people in range(3, 25):
        lists = mv.design_lists(8, n_participants=people, per_cell=1, max_run=1, rng=people)
        for _, own in lists.groupby("participant"):
            assert longest_run(own["modality"]) == 1
    with pytest.raises(mv.DesignError, match=r"max_run must be a whole number from 1"):
        mv.design_lists(3, **wish | {"max_run": 0})


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"items": []}, "empty"),
        ({"items": ["a", "a"]}, "twice"),
        ({"items": "abc"}, "names"),
        ({"items": ["a", ""]}, "text"),
        ({"items": True}, "names"),
        ({"items": ["a\0"]}, "item"),
        ({"modalities": ["film"]}, "modalities"),
        ({"interface": "above"}, "interface"),
        ({"per_cell": 0}, "per_cell"),
        ({"max_trials": 0}, "max_trials"),
        ({"n_participants": 2.5}, "n_participants"),
    ],
    ids=str,
)
def test_nonsense_is_a_design_error(wrong, problem):
    with pytest.raises(mv.DesignError, match=problem):
        mv.design_lists(**{"items": 9, "n_participants": 9, "per_cell": 2} | wrong)


def test_the_check_counts(lists):
    check = mv.check_lists(lists).set_index("quantity")
    cells = check.loc["raters per item and modality"]
    assert (cells["minimum"], cells["maximum"], cells["n"]) == (6, 6, 243)
    assert check.loc["meetings of a participant with an item", "maximum"] == 1
    assert check.loc["trials of one modality in a row", "maximum"] <= 3
    assert check.loc["overlaid less side by side within item and modality", "maximum"] == 0
    assert check.loc["trials per participant", ["minimum", "maximum"]].tolist() == [29, 30]


def test_the_check_finds_what_is_wrong(lists):
    twice = lists.copy()
    own = twice.index[twice["participant"] == "P1"]
    first, other = twice.loc[own[0]], twice.loc[own[1:]]
    other = other[other["modality"] != first["modality"]].index[0]
    twice.loc[other, "item"] = first["item"]
    check = mv.check_lists(twice).set_index("quantity")
    met = check.loc["meetings of a participant with an item"]
    assert met["verdict"] == "repeated"
    assert met["warning"] == f"P1 meets {first['item']} 2 times"
    assert check.loc["raters per item and modality", "verdict"] == "unbalanced"
    fewer = lists[lists["participant"] != "P1"]
    check = mv.check_lists(fewer).set_index("quantity")
    assert check.loc["raters per item and modality", "minimum"] == 5


def test_power_is_that_of_a_study_of_this_size():
    lists = mv.design_lists(9, n_participants=24, per_cell=4)
    power = mv.lists_power(lists, n_sims=2)
    assert power["n_participants"].unique() == [24]
    assert power["n_annotations"].unique() == [len(lists)]
    # without lists of their own, participants beyond 12 would repeat some and add raters
    other = mv.power_study(
        n_participants=24, n_items=9, raters_per_cell=4, n_sims=1, n_resamples=9, cache=False,
        progress=False,
    )  # fmt: skip
    assert other["n_annotations"].iloc[0] > len(lists)
    with pytest.raises(mv.DesignError, match="as many raters"):
        mv.lists_power(lists.query("participant != 'P1'"))


def test_a_file_comes_back(lists, tmp_path):
    assert mv.read_lists(mv.write_lists(lists, tmp_path / "lists.csv")).equals(lists)


@pytest.mark.parametrize(
    ("line", "place", "problem"),
    [
        ("P1,2,V2,film,overlaid", "row 3, column modality", "unknown modality"),
        ("P1,2,V2,visual,above", "row 3, column overlay", "unknown interface"),
        ("P1,3,V2,music,", "row 3, column trial", "count from 1"),
        ("P1,x,V2,music,", "row 3, column trial", ""),
        ("P1,2,V1,music,", "row 3, column item", "twice"),
        (",1,V1,music,", "row 3, column participant", "empty"),
    ],
)
def test_a_file_with_a_fault_names_the_line(line, place, problem, tmp_path):
    path = tmp_path / "lists.csv"
    path.write_text(f"participant,trial,item,modality,overlay\nP1,1,V1,music,\n{line}\n")
    with pytest.raises(mv.DataError) as error:
        mv.read_lists(path)
    assert f"lists.csv, {place}" in str(error.value)
    assert problem in str(error.value)


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    for name in ("empty.csv", "other.csv"):
        with pytest.raises(mv.DataError):
            mv.read_lists(tmp_path / name)


def test_modalities_of_a_participant_differ_by_one_at_most_and_never_follow_each_other():
    for seed in range(10):
        lists = mv.design_lists(
            7,
            modalities=["audiovisual", "music"],
            n_participants=42,
            per_cell=6,
            max_run=1,
            rng=seed,
        )
        counts = pd.crosstab(lists["participant"], lists["modality"])
        assert (counts["audiovisual"] - counts["music"]).abs().max() <= 1


def test_the_check_sees_lists_of_one_modality_each():
    one = {"participant": ["P1"] * 2 + ["P2"] * 2, "trial": [1, 2] * 2, "item": ["a", "b"] * 2}
    lists = pd.DataFrame(one).assign(
        modality=["audiovisual"] * 2 + ["visual"] * 2, overlay="overlaid"
    )
    verdict = mv.check_lists(lists).set_index("quantity")["verdict"]
    assert verdict["difference between modalities within a participant"] == "unbalanced"


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("P1,1,V1,music,,\nP1,2,V2,music,,\n", ""),
        ("P1,1,V1,music,,x\n", "more fields than the first line"),
        ("P1,1.5,V1,music,\n", "not a whole number"),
    ],
)
def test_fields_too_many_and_trials_that_are_no_numbers(rows, problem, tmp_path):
    path = tmp_path / "lists.csv"
    path.write_text("participant,trial,item,modality,overlay\n" + rows)
    if problem:
        with pytest.raises(mv.DataError, match=problem):
            mv.read_lists(path)
    else:
        assert mv.read_lists(path)["item"].tolist() == ["V1", "V2"]

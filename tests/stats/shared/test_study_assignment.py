"""What a factor's assignment allows to be permuted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from muvistats import (
    DataError,
    DesignError,
    annotation_frame,
    chisquare_labels,
    icc,
    kruskal,
    mixed_model,
    normality,
)
from muvistats.stats.shared.study import (
    assignment,
    item_strata,
    item_units,
    participant_units,
    too_few,
    untold,
    within_item_units,
)


def rows_of(*trials: tuple[str, str, str], **columns: list[object]) -> pd.DataFrame:
    """Participant, item and modality of each trial."""
    frame = pd.DataFrame(trials, columns=["participant", "item", "modality"])
    return frame.assign(**columns)


def moves(units, use):
    """Rows that can stand in for each other: sets of rows by stratum, one set per unit."""
    rows = np.flatnonzero(use)
    found = {}
    for unit, (code, stratum) in enumerate(zip(units.codes, units.strata, strict=True)):
        members = frozenset(rows[units.row == unit].tolist())
        found.setdefault(int(stratum), set()).add((members, int(code)))
    return sorted(found.values(), key=lambda group: min(min(m) for m, _ in group))


def test_rows_of_an_item_change_places():
    frame = rows_of(("p", "i", "m"), ("q", "i", "v"), ("p", "j", "m"), ("r", "j", "v"))
    use = np.ones(4, dtype=bool)
    units = within_item_units(frame, "modality", use)
    assert moves(units, use) == [
        {(frozenset({0}), 0), (frozenset({1}), 1)},
        {(frozenset({2}), 0), (frozenset({3}), 1)},
    ]


def test_people_with_an_identical_list_move_together():
    frame = rows_of(
        ("p", "i", "m"), ("q", "i", "v"), ("r", "i", "m"), ("p", "j", "v"), ("q", "j", "m"),
        ("r", "j", "v"),
    )  # fmt: skip
    use = np.ones(6, dtype=bool)
    assert moves(within_item_units(frame, "modality", use), use) == [
        {(frozenset({0, 2}), 0), (frozenset({1}), 1)},
        {(frozenset({3, 5}), 1), (frozenset({4}), 0)},
    ]
    # a rating that is missing does not make a list another one
    use[5] = False
    assert moves(within_item_units(frame, "modality", use), use)[0] == {
        (frozenset({0, 2}), 0),
        (frozenset({1}), 1),
    }
    # a list of one trial is nobody's list
    short = frame[frame["item"] == "i"]
    assert moves(within_item_units(short, "modality", use[:3]), use[:3])[0] == {
        (frozenset({0}), 0),
        (frozenset({1}), 1),
        (frozenset({2}), 0),
    }
    # another item in a list makes it another one
    more = pd.concat([frame, rows_of(("r", "k", "m"))], ignore_index=True)
    use = np.ones(7, dtype=bool)
    assert moves(within_item_units(more, "modality", use), use)[0] == {
        (frozenset({0}), 0),
        (frozenset({1}), 1),
        (frozenset({2}), 0),
    }


def test_who_met_an_item_at_several_levels_changes_them_within_the_own_rows():
    frame = rows_of(
        ("p", "i", "m"), ("p", "i", "v"), ("q", "i", "m"), ("q", "i", "v"), ("q", "j", "m"),
    )  # fmt: skip
    use = np.ones(5, dtype=bool)
    assert moves(within_item_units(frame, "modality", use), use) == [
        {(frozenset({0}), 0), (frozenset({1}), 1)},
        {(frozenset({2}), 0), (frozenset({3}), 1)},
        {(frozenset({4}), 0)},
    ]


def test_overlay_changes_within_items_and_modalities():
    frame = rows_of(
        ("p", "i", "v"), ("q", "i", "v"), ("r", "i", "a"), ("s", "i", "a"), overlay=list("soso")
    )
    use = np.ones(4, dtype=bool)
    assert len(moves(within_item_units(frame, "overlay", use), use)) == 2
    assert item_strata(frame, "overlay").tolist() == [0, 0, 1, 1]
    assert item_strata(frame, "modality == 'a'").tolist() == [0, 0, 0, 0]


def test_every_row_of_a_study_has_a_unit(study):
    frame = annotation_frame(study)
    use = frame["arousal"].notna().to_numpy()
    units = within_item_units(frame, "modality", use)
    levels = frame.loc[use, "modality"].cat.codes.to_numpy()
    assert (units.codes[units.row] == levels).all()
    assert len(units.row) == use.sum()
    items = frame.loc[use, "item"].to_numpy()
    for stratum in np.unique(units.strata):
        assert len(set(items[units.strata[units.row] == stratum])) == 1


def test_participants_are_units():
    frame = rows_of(("p", "i", "m"), ("q", "i", "m"), ("p", "j", "m"), ("r", "j", "m"))
    frame = frame.assign(gender=list("FMFM"), old=[True, False, True, True])
    use = np.array([True, True, True, True])
    units = participant_units(frame, "gender", use)
    assert (units.row.tolist(), units.codes.tolist()) == ([0, 1, 0, 2], [0, 1, 1])
    assert units.strata.tolist() == [0, 0, 0]
    assert participant_units(frame, "gender", use, strata="old").strata.tolist() == [1, 0, 1]
    with pytest.raises(DesignError, match="'modality' changes within participant q"):
        participant_units(frame.assign(modality=list("mmmv")).replace({"r": "q"}), "modality", use)
    with pytest.raises(DesignError, match="'item' changes within participant p"):
        participant_units(frame, "gender", use, strata="item")


def test_items_are_units():
    frame = rows_of(("p", "i", "m"), ("q", "i", "m"), ("p", "j", "m"), ("r", "k", "m"))
    frame = frame.assign(genre=["pop", "pop", "rock", "pop"], actor=list("aabb"))
    use = np.ones(4, dtype=bool)
    units = item_units(frame, "genre", use)
    assert (units.row.tolist(), units.codes.tolist()) == ([0, 0, 1, 2], [0, 1, 0])
    assert units.strata.tolist() == [0, 0, 0]
    crossed = item_units(frame, "genre", use, strata="actor")
    assert (crossed.codes.tolist(), crossed.strata.tolist()) == ([0, 1, 0], [0, 1, 1])
    with pytest.raises(DesignError, match="'modality' changes within item i"):
        item_units(frame.assign(modality=list("mvmm")), "modality", use)
    with pytest.raises(DesignError, match="'participant' changes within item i"):
        item_units(frame, "genre", use, strata="participant")


def test_a_factor_of_items_that_is_nested_over_its_stratum_moves_whole_levels():
    frame = rows_of(*(("p", item, "m") for item in "ijkl"), sex=list("FFMF"), actor=list("aabc"))
    units = item_units(frame, "sex", np.ones(4, dtype=bool), strata="actor")
    assert units.row.tolist() == [0, 0, 1, 2]
    assert units.codes.tolist() == [0, 1, 0]
    assert units.strata.tolist() == [0, 0, 0]


def test_a_column_of_the_items_needs_no_word(study):
    items = study["items"].to_dataset()
    study["items"] = items.assign(genre=("item", np.resize(["pop", "rock"], items.sizes["item"])))
    frame = annotation_frame(study)
    assert assignment(frame, "genre") == "item"
    assert assignment(frame, "genre == 'pop'", strata="genre") == "item"
    with pytest.raises(DesignError, match="strata are for factors of participants or items"):
        assignment(frame, "modality", strata="genre")


def test_assignment_is_what_the_study_says_unless_overruled(study):
    frame = annotation_frame(study)
    assert assignment(frame, "modality") == "within_item"
    assert assignment(frame, "years_of_training > 3") == "participant"
    assert assignment(frame, "familiar") == "observed"
    assert assignment(frame, "familiar", "within_item") == "within_item"
    with pytest.raises(DesignError, match="assigned must be one of"):
        assignment(frame, "modality", "random")
    with pytest.raises(DesignError, match="mixes factors"):
        assignment(frame, "(age > 20) and (modality == 'music')")
    plain = pd.DataFrame(frame.to_dict("list"))
    assert assignment(plain, "modality") == "observed"
    assert untold(plain, "modality").startswith("nothing says how 'modality' was assigned")
    assert untold(plain, "modality", "within_item") == untold(frame, "modality") == ""
    alone = plain.drop(columns="participant")  # without ids each rating is another person's
    units = within_item_units(alone, "modality", np.ones(len(alone), bool))
    assert np.bincount(units.row).max() == 1


def test_who_met_an_item_at_several_levels_moves_alone():
    """Two people with the same crossed list: levels change within each of them and each item."""
    frame = rows_of(*((p, i, m) for p in "pq" for i in "ij" for m in "mv"))
    units = within_item_units(frame, "modality", np.ones(8, bool))
    assert len(np.unique(units.row)) == 8
    inside = units.strata[units.row].reshape(4, 2)
    assert (inside[:, 0] == inside[:, 1]).all()
    assert len(np.unique(inside[:, 0])) == 4


def test_six_people_are_the_fewest_who_tell_of_others():
    assert too_few(6, "participants") == ""
    assert too_few(5, "participants").startswith("only 5 participants: with fewer than 6")
    assert too_few(1, "items").startswith("only one item: ")


@pytest.mark.parametrize("key", ["participant", "item"])
def test_rows_that_belong_to_nobody_are_named(study, key):
    """Ids that a join has lost are no person and no item of their own."""
    frame = annotation_frame(study)
    frame = frame.assign(**{key: frame[key].astype(object).where(frame.index % 4 > 0, None)})
    calls = (
        lambda: kruskal(frame, "arousal ~ modality", n_resamples=9),
        lambda: kruskal(frame, "arousal ~ familiar", n_resamples=9),
        lambda: normality(frame, dimension="arousal", n_resamples=9),
        lambda: icc(frame, dimension="arousal"),
        lambda: chisquare_labels(frame, n_resamples=9),
    )
    for call in calls:
        with pytest.raises(DataError, match=f"rows belong to no {key}; leave them out") as info:
            call()
        assert info.value.column == key
    kept = mixed_model(frame, f"arousal ~ modality + (1 | {key})").glance()["n"].iloc[0]
    assert kept == frame.dropna(subset=[key, "arousal"]).shape[0]


def test_a_frame_without_rows_has_no_units(study):
    frame = annotation_frame(study).iloc[:0]
    assert len(within_item_units(frame, "modality", np.ones(0, bool)).row) == 0


def test_what_varies_between_people_only_is_theirs_whatever_the_study_says():
    frame = pd.DataFrame({"item": np.tile(range(6), 8), "participant": np.repeat(range(8), 6)})
    frame["modality"] = np.where(frame["participant"] % 2, "film", "sound")
    frame.attrs["assigned"] = {"modality": "within_item"}
    assert assignment(frame, "modality") == "participant"
    frame["modality"] = np.where(frame["item"] % 2, "film", "sound")
    assert assignment(frame, "modality") == "item"

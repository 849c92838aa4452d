"""Who rates what: balanced lists of trials for a study that is yet to be run."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..arguments import (
    check_choice,
    check_choices,
    check_count,
    check_path,
    check_text,
    generator_of,
)
from ..dataset import schema
from ..dataset.frames import check_frame, keys_text, number_column, refuse
from ..dataset.importing.files import read_rows
from ..dataset.names import storage_problem
from ..dataset.simulation.design import spread_items
from ..errors import DataError, DesignError
from ..files import write_whole
from ..results.docstrings import documented
from ..results.frame import result_frame
from ..stats.simulations.power import power_study
from ..types import Ints, Rng

#: Where the axes lie on a trial with a picture, as the schema says it.
INTERFACES = schema.variables("/annotations")["overlay"].flags

#: Columns of a list, in order.
COLUMNS = ("participant", "trial", "item", "modality", "overlay")

_SIDE_BY_SIDE, _OVERLAID = INTERFACES
_NO_PICTURE = "music"

Interface = Literal["balanced", "overlaid", "side_by_side"]


@documented
def design_lists(
    items: Sequence[str] | int,
    *,
    modalities: Sequence[str] = schema.MODALITIES,
    n_participants: int,
    per_cell: int,
    interface: Interface = "balanced",
    max_trials: int | None = None,
    max_run: int = 3,
    rng: Rng = 0,
) -> pd.DataFrame:
    """Balanced incomplete lists: who rates which item, in which modality and order.

    Parameters
    ----------
    items : sequence of str, or int
        Names of the items; a number stands for ``V1``, ``V2``, ...
    modalities : sequence of str
        Modalities in which each item is rated, of `music`, `visual` and `audiovisual`.
    n_participants : int
        Number of participants, each with a list of their own.
    per_cell : int
        Raters of each item in each modality.
    interface : {"balanced", "overlaid", "side_by_side"}
        Axes on trials with a picture: half of a cell's raters see them overlaid on it and half
        beside it (where the number is odd, one more of either in half of the cells), or all alike.
    max_trials : int, optional
        Most trials that a participant may have.
    max_run : int
        Most trials of one modality in a row; without meaning where there is one modality.

    Returns
    -------
    DataFrame
        One row per trial: `participant` (``P1``, ...), `trial` (from 1), `item`, `modality` and
        `overlay` (``overlaid`` or ``side_by_side``, missing without a picture), sorted by
        participant and trial.

    Raises
    ------
    DesignError
        For wishes that do not go together; it names the nearest numbers that do.

    See Also
    --------
    check_lists : What the lists hold, counted.
    lists_power : Power of a study with these lists.

    Notes
    -----
    Each item goes to ``per_cell`` times the number of modalities lists, always the shortest ones,
    so that lengths differ by one at most and nobody meets an item twice. The modalities of a
    participant differ by one at most, and so do the interfaces within each cell, each item, each
    participant, and each modality of a participant. The order within a list is drawn trial by
    trial, each modality in proportion to what is left of it, among the modalities after which the
    rest can still be placed without a longer run than `max_run`.

    Examples
    --------
    >>> from muvistats import design_lists
    >>> lists = design_lists(8, n_participants=12, per_cell=2, rng=1)
    >>> len(lists), lists.groupby(["item", "modality"]).size().unique().tolist()
    (48, [2])
    """
    names = _item_names(items)
    asked = check_choices("modalities", modalities, schema.MODALITIES)
    chosen = [modality for modality in schema.MODALITIES if modality in asked]
    people = check_count("n_participants", n_participants, least=1)
    raters = check_count("per_cell", per_cell, least=1)
    check_choice("interface", interface, ("balanced", *INTERFACES))
    most = None if max_trials is None else check_count("max_trials", max_trials, least=1)
    run = check_count("max_run", max_run, least=1)
    random = generator_of(rng)
    _check_feasible(len(names), len(chosen), people, raters, most)
    slots = spread_items(random, len(names), raters * len(chosen), people)
    person, item = slots.ravel(), np.repeat(np.arange(len(names)), slots.shape[1])
    modality = _modalities(random, person, item, len(chosen))
    trials = pd.DataFrame(
        {
            "person": person,
            "item": np.array(names)[item],
            "modality": np.array(chosen)[modality],
            "overlay": _overlays(random, interface, chosen, person, item, modality),
        }
    )
    order = np.concatenate(
        [
            rows[_ordered(random, modality[rows], run, len(chosen))]
            for rows in (np.flatnonzero(person == each) for each in range(people))
        ]
    )
    trials = trials.iloc[order].reset_index(drop=True)
    trials["trial"] = trials.groupby("person").cumcount() + 1
    trials["participant"] = "P" + (trials["person"] + 1).astype("str")
    texts = {name: "str" for name in COLUMNS if name != "trial"}
    return trials[list(COLUMNS)].astype(texts)


def _item_names(items: Sequence[str] | int) -> list[str]:
    """Names of the items, each once."""
    if isinstance(items, int | np.integer) and not isinstance(items, bool):
        return [f"V{n}" for n in range(1, check_count("items", items, least=1) + 1)]
    if isinstance(items, str | bytes) or not isinstance(items, Sequence | np.ndarray | pd.Series):
        raise DesignError(f"items must be names or a number of them, not {type(items).__name__}")
    names = [check_text("an item", name) for name in items]
    twice = next((name for name in names if names.count(name) > 1), None)
    if not names or twice is not None:
        raise DesignError("items is empty" if twice is None else f"item {twice!r} stands twice")
    wrong = next((name for name in names if storage_problem(name)), None)
    if wrong is not None:
        raise DesignError(f"item {wrong!r}: {storage_problem(wrong)}")
    return names


def _check_feasible(
    n_items: int, n_modalities: int, people: int, raters: int, most: int | None
) -> None:
    """Refuse wishes that do not go together, with the nearest numbers that do."""

    def works(
        items: int = n_items, people: int = people, raters: int = raters, most: int | None = most
    ) -> bool:
        trials = items * n_modalities * raters
        room = people * (items if most is None else min(most, items))
        return 0 < raters * n_modalities <= people <= trials <= room

    if works():
        return
    limit = n_items if most is None else min(most, n_items)
    cells, each = n_items * n_modalities, raters * n_modalities
    trials = cells * raters
    if people > trials:
        why = (
            f"{people} participants are more than the {trials} trials of {n_items} items in "
            f"{n_modalities} modalities with {raters} raters each: somebody would have none"
        )
        people_, raters_, items_ = trials, -(-people // cells), -(-people // each)
    else:
        people_ = max(each, -(-trials // limit))
        raters_ = min(people // n_modalities, people * limit // cells)
        items_ = people * limit // each
        why = (
            f"{trials} trials are more than {people} times max_trials={most}"
            if each <= people
            else f"each item needs {each} participants ({raters} raters in {n_modalities} "
            f"modalities, nobody twice), and there are {people}"
        )
    trials_ = -(-trials // people)
    ways = {
        f"n_participants={people_}": works(people=people_),
        f"per_cell={raters_}": works(raters=raters_),
        f"{items_} items": works(items=items_),
        f"max_trials={trials_}": most is not None and works(most=trials_),
    }
    nearest = ", or ".join(way for way, can in ways.items() if can)
    raise DesignError(f"no such lists: {why}; nearest: {nearest}")


def _modalities(rng: np.random.Generator, person: Ints, item: Ints, n: int) -> Ints:
    """Modality of each trial: each as often for every item, and within one for every person.

    Of any two modalities the trials are dealt anew, in halves, until none are uneven. Each deal
    lowers the sum of squares of the counts, so that this ends.
    """
    given = np.arange(len(item)) % n  # trials are sorted by item, so many of each modality
    given = given[np.lexsort((rng.random(len(item)), item))]
    every = np.zeros_like(item)
    uneven = True
    while uneven:
        uneven = False
        for one, other in itertools.combinations(range(n), 2):
            rows = np.flatnonzero((given == one) | (given == other))
            sign = np.where(given[rows] == one, 1, -1)
            if max(np.abs(np.bincount(side[rows], sign)).max() for side in (person, item)) > 1:
                half = _halves(rng, [person[rows], every[rows]], [item[rows], every[rows]])
                given[rows] = np.where(half == 0, one, other)
                uneven = True
    return given


def _overlays(
    rng: np.random.Generator,
    interface: str,
    modalities: Sequence[str],
    person: Ints,
    item: Ints,
    modality: Ints,
) -> pd.Series:
    """Where the axes lie on each trial; missing without a picture."""
    shown = np.array([name != _NO_PICTURE for name in modalities])[modality]
    overlay = np.full(len(person), int(interface == _OVERLAID))
    if interface == "balanced":
        who, what, how = person[shown], item[shown], modality[shown]
        of_person = [who * len(modalities) + how, who, np.zeros_like(who)]
        of_item = [what * len(modalities) + how, what, np.zeros_like(what)]
        overlay[shown] = _halves(rng, of_person, of_item)
    return pd.Series(np.array(INTERFACES)[overlay]).where(shown)


def _halves(rng: np.random.Generator, *sides: Sequence[Ints]) -> Ints:
    """Zeros and ones, as equal as can be within each group of two partitions.

    A side is a partition, finest level first, of the same rows. Rows are paired within the
    groups of either side, what is left over within the next level. Two rows of a pair get
    different numbers: the pairs of two sides form paths and cycles of even length, so that this
    can always be done.
    """
    n = len(sides[0][0])
    partners = [_paired(rng, levels) for levels in sides]
    half = np.full(n, -1, dtype=np.int64)
    ends = np.minimum(*partners) < 0
    for start in [*np.flatnonzero(ends), *rng.permutation(n)]:
        row, number = int(start), int(rng.integers(2))
        side = int(partners[0][row] < 0)
        while row >= 0 and half[row] < 0:
            half[row] = number
            row, number, side = int(partners[side][row]), 1 - number, 1 - side
    return half


def _paired(rng: np.random.Generator, levels: Sequence[Ints]) -> Ints:
    """Partner of each row, drawn within the groups of the first level that has one; -1 is none."""
    partner = np.full(len(levels[0]), -1, dtype=np.int64)
    for groups in levels:
        free = rng.permutation(np.flatnonzero(partner < 0))
        free = free[np.argsort(groups[free], kind="stable")]
        _, first, size = np.unique(groups[free], return_index=True, return_counts=True)
        place = np.arange(len(free)) - np.repeat(first, size)
        left = np.flatnonzero((place % 2 == 0) & (place + 1 < np.repeat(size, size)))
        partner[free[left]], partner[free[left + 1]] = free[left + 1], free[left]
    return partner


def _ordered(rng: np.random.Generator, modality: Ints, run: int, n_modalities: int) -> Ints:
    """Random order of the trials of one participant, no modality longer in a row than `run`."""
    if n_modalities == 1:
        return rng.permutation(len(modality))
    left = np.bincount(modality, minlength=n_modalities)  # alike but for one: any run can be held
    drawn: list[int] = []
    length = 0
    while left.sum():
        can = np.flatnonzero(
            [_goes_on(left, each, drawn, length, run) for each in range(len(left))]
        )
        each = int(rng.choice(can, p=left[can] / left[can].sum()))
        length = length + 1 if drawn and drawn[-1] == each else 1
        drawn.append(each)
        left[each] -= 1
    order = np.empty(len(modality), dtype=np.int64)
    sequence = np.array(drawn)
    for each in range(n_modalities):
        order[sequence == each] = rng.permutation(np.flatnonzero(modality == each))
    return order


def _goes_on(left: Ints, each: int, drawn: list[int], length: int, run: int) -> bool:
    """Whether the rest can be placed when a trial of this modality comes next."""
    now = length + 1 if drawn and drawn[-1] == each else 1
    if not left[each] or now > run:
        return False
    rest = left.copy()
    rest[each] -= 1
    room = run * (rest.sum() - rest + 1)
    room[each] -= now  # its own run has begun
    return bool((rest <= room).all())


@result_frame("property of the lists", "quantity minimum maximum n verdict")
def check_lists(lists: pd.DataFrame) -> list[dict[str, Any]]:
    """Count what lists of trials hold: raters per cell, lengths, balance, repetitions and runs.

    Parameters
    ----------
    lists : DataFrame
        Lists as `design_lists` makes and `read_lists` reads them.

    Raises
    ------
    DataError
        When the table is not one of lists.

    See Also
    --------
    design_lists : Lists that pass these checks.
    read_lists : The lists of a file.

    Notes
    -----
    ``verdict`` is ``balanced`` where the smallest and the largest count differ by one at most
    (where differences are counted: they lie within -1 and 1), else ``unbalanced``. Where
    somebody meets an item twice it is ``repeated``, and ``warning`` says who and what.

    Examples
    --------
    >>> from muvistats import check_lists, design_lists
    >>> lists = design_lists(9, n_participants=18, per_cell=6)
    >>> check_lists(lists)["verdict"].iloc[0]
    'balanced'
    """
    lists = checked_lists(lists, "lists")
    items, modalities = sorted(lists["item"].unique()), lists["modality"].unique()
    people = lists["participant"].unique()
    cells = lists.groupby(["item", "modality"]).size()
    cells = cells.reindex(pd.MultiIndex.from_product([items, modalities]), fill_value=0)
    own = lists.groupby(["participant", "modality"]).size()
    own = own.reindex(pd.MultiIndex.from_product([people, modalities]), fill_value=0)
    met = lists.groupby(["participant", "item"]).size()
    rows = [
        _row("raters per item and modality", cells),
        _row("trials per participant", lists.groupby("participant").size()),
        _row("difference between modalities within a participant", _spread(own), most=1),
        _row("meetings of a participant with an item", met),
    ]
    if met.max() > 1:
        worst: Any = met.idxmax()
        who, what = worst
        rows[-1] |= {"verdict": "repeated", "warning": f"{who} meets {what} {met.max()} times"}
    shown = lists[lists["overlay"].notna()]
    if len(shown):
        sign = np.where(shown["overlay"] == _OVERLAID, 1, -1)
        for unit in (["item", "modality"], ["participant"]):
            by = pd.Series(sign).groupby([shown[name].to_numpy() for name in unit]).sum()
            rows.append(_row(f"overlaid less side by side within {' and '.join(unit)}", by, most=1))
    change = (lists["modality"] != lists["modality"].shift()) | (
        lists["participant"] != lists["participant"].shift()
    )
    runs = lists.groupby(change.cumsum().to_numpy()).size()
    rows.append(_row("trials of one modality in a row", runs) | {"verdict": None})
    return rows


def _spread(counts: pd.Series) -> pd.Series:
    """Largest less smallest count within the first level."""
    grouped = counts.groupby(level=0)
    return grouped.max() - grouped.min()


def _row(quantity: str, counts: pd.Series, *, most: int | None = None) -> dict[str, Any]:
    """Range of counts; balanced where they differ by one at most, or are themselves no larger."""
    low, high = int(counts.min()), int(counts.max())
    balanced = high - low <= 1 if most is None else max(abs(low), abs(high)) <= most
    return {
        "quantity": quantity,
        "minimum": low,
        "maximum": high,
        "n": len(counts),
        "verdict": "balanced" if balanced else "unbalanced",
        "alignment": None,
        "simulated": False,
    }


@documented
def lists_power(
    lists: pd.DataFrame,
    test: str | Callable[..., Any] = "kruskal_modality",
    *,
    n_sims: int = 200,
    rng: Rng = 0,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Power of a study with these lists, in studies drawn with as many of everything.

    Parameters
    ----------
    lists : DataFrame
        Lists as `design_lists` makes and `read_lists` reads them, in three modalities.
    test : str or callable
        Test whose power is asked for, as in `power_study`.

    Returns
    -------
    DataFrame
        What `power_study` returns: a row for the published test and one by the design.

    Raises
    ------
    DesignError
        When not all items are rated in all three modalities by as many participants: that study
        is not what is simulated.

    See Also
    --------
    power_study : Over several sizes.

    Examples
    --------
    >>> from muvistats import design_lists, lists_power
    >>> lists = design_lists(9, n_participants=12, per_cell=4)
    >>> power = lists_power(lists, n_sims=2)
    >>> power["n_annotations"].unique().tolist()
    [108]
    """
    lists = checked_lists(lists, "lists")
    cells = lists.groupby(["item", "modality"]).size()
    if lists["modality"].nunique() < len(schema.MODALITIES) or cells.min() < cells.max():
        raise DesignError(
            f"power is simulated for {len(schema.MODALITIES)} modalities and as many raters in "
            f"each cell; the lists have {lists['modality'].nunique()} modalities and "
            f"{cells.min()} to {cells.max()} raters"
        )
    people = lists["participant"].nunique()
    return power_study(
        test,
        n_participants=people,
        n_items=lists["item"].nunique(),
        raters_per_cell=int(cells.iloc[0]),
        n_lists=people,
        n_sims=n_sims,
        rng=rng,
        n_jobs=n_jobs,
    )


def write_lists(lists: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write lists as CSV.

    Parameters
    ----------
    lists : DataFrame
        Lists as `design_lists` makes them, or your own.
    path : path
        File to write.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        When the table is not one of lists, as for `read_lists`.

    See Also
    --------
    design_lists : Who rates what, in which order.
    read_lists : The way back.

    Examples
    --------
    >>> from muvistats import design_lists, write_lists
    >>> lists = design_lists(["A", "B"], n_participants=3, per_cell=1)
    >>> write_lists(lists, "lists.csv").name  # doctest: +SKIP
    'lists.csv'
    """
    table = checked_lists(lists, "lists")
    target = check_path("path", path)
    write_whole(target, lambda stream: table.to_csv(stream, index=False, lineterminator="\n"))
    return target


def read_lists(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read lists of trials from a CSV file, made by `write_lists` or by hand.

    Parameters
    ----------
    path : path
        File with the columns `participant`, `trial`, `item`, `modality` and, where a modality
        has a picture, `overlay`.

    Returns
    -------
    DataFrame
        One row per trial, sorted by participant (in the order of the file) and trial.

    Raises
    ------
    DataError
        Names row and column: a column or key that is missing, a modality that cannot be shown,
        trials that do not count from 1, an item that somebody meets twice in one modality.

    See Also
    --------
    write_lists : The way to such a file.
    check_lists : What the lists hold, counted.

    Examples
    --------
    >>> from muvistats import read_lists
    >>> read_lists("lists.csv")  # doctest: +SKIP
    """
    source = check_path("path", path)
    if not source.is_file():
        raise DataError("no such file", file=source)
    table = read_rows(source, dtype="str", keep_default_na=False)
    table.index += 2  # lines of the file
    if "trial" in table:
        table["trial"] = pd.to_numeric(table["trial"], errors="coerce")
    if "overlay" in table:
        table["overlay"] = table["overlay"].where(table["overlay"] != "")
    return checked_lists(table, str(source))


def checked_lists(lists: pd.DataFrame, name: str) -> pd.DataFrame:
    """Lists in order, with the columns of a list, or an error that names the row."""
    check_frame(lists, name, COLUMNS[:4])
    frame = lists.assign(**{key: keys_text(lists, name, key) for key in schema.KEYS})
    wrong = np.flatnonzero(~frame["modality"].isin(schema.MODALITIES))
    if len(wrong):
        expected = ", ".join(schema.MODALITIES)
        refuse(frame, name, "modality", wrong, "unknown modality", expected=expected)
    number = number_column(frame, name, "trial", missing=False)
    wrong = np.flatnonzero(number % 1)
    if len(wrong):
        refuse(frame, name, "trial", wrong, "not a whole number")
    frame["trial"] = number.astype(np.int64)
    if "overlay" not in frame:
        frame["overlay"] = np.nan
    picture = frame["modality"] != _NO_PICTURE
    wrong = np.flatnonzero(picture & ~frame["overlay"].isin(INTERFACES))
    if len(wrong):
        refuse(frame, name, "overlay", wrong, "unknown interface", expected=" or ".join(INTERFACES))
    frame["overlay"] = frame["overlay"].where(picture).astype("str")
    wrong = np.flatnonzero(frame.duplicated(list(schema.KEYS)))
    if len(wrong):
        refuse(frame, name, "item", wrong, "somebody rates the item twice in one modality")
    rank = pd.factorize(frame["participant"])[0]
    frame = frame.iloc[np.lexsort((frame["trial"], rank))]
    wrong = np.flatnonzero(frame["trial"] != frame.groupby("participant").cumcount() + 1)
    if len(wrong):
        refuse(frame, name, "trial", wrong, "trials of a participant do not count from 1")
    return frame[list(COLUMNS)].reset_index(drop=True)

"""How a factor came to its values, and what that allows to be permuted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...arguments import check_choice
from ...dataset.schema import ASSIGNED
from ...errors import DesignError
from ...formula import columns_of, factor
from ...kernels.permutation.arrangements import PermutationTest
from ...results.frame import join_reasons
from ...types import Ints, Mask
from .study import need


@dataclass(frozen=True)
class Units:
    """What is moved as a whole when a factor is permuted.

    Parameters
    ----------
    row : ndarray of int, shape (row,)
        Unit of each row that enters.
    codes : ndarray of int, shape (unit,)
        Group of each unit.
    strata : ndarray of int, shape (unit,)
        Units change groups only with units of the same stratum.
    """

    row: Ints
    codes: Ints
    strata: Ints


def assignment(frame: pd.DataFrame, by: str, assigned: str | None = None) -> str:
    """How the levels of a factor came about.

    Parameters
    ----------
    frame : DataFrame
        An annotation frame.
    by : str
        The factor, an expression.
    assigned : {"within_item", "participant", "observed"}, optional
        Overrides what the study says.

    Returns
    -------
    str
        One of within_item, participant, observed.

    Raises
    ------
    DesignError
        When the study does not say it, or the columns of the expression differ in it.
    """
    if assigned is not None:
        check_choice("assigned", assigned, ASSIGNED)
        return assigned
    known = frame.attrs.get("assigned", {})
    found = {name: known.get(name, "") for name in columns_of(by, frame)}
    unknown = [name for name, how in found.items() if not how]
    if unknown:
        raise DesignError(
            f"nothing says how {unknown[0]!r} was assigned: give assigned= one of "
            f"{', '.join(ASSIGNED)}, or dependence='independent'"
        )
    if len(set(found.values())) > 1:
        ways = ", ".join(f"{name} {how}" for name, how in found.items())
        raise DesignError(f"{by!r} mixes factors that were assigned in different ways ({ways})")
    return str(next(iter(found.values())))


def codes_of(values: pd.Series) -> Ints:
    """Values as codes from 0, in order of appearance; missing is -1."""
    return np.asarray(pd.factorize(values)[0], dtype=np.intp)


def _combined(*codes: Ints) -> Ints:
    """One code from 0 for each combination of codes from 0."""
    table = np.stack(codes, axis=1)
    return np.unique(table, axis=0, return_inverse=True)[1].ravel().astype(np.intp)


def item_strata(frame: pd.DataFrame, by: str) -> Ints:
    """Item of each row, or item and modality where the factor is another one than modality."""
    strata = codes_of(frame["item"])
    if "modality" in frame and columns_of(by, frame) != ("modality",):
        strata = _combined(strata, codes_of(frame["modality"]))
    return strata


def within_item_units(frame: pd.DataFrame, by: str, use: Mask) -> Units:
    """Units of a factor that was assigned within items, such as modality or overlay.

    Parameters
    ----------
    frame : DataFrame
        Rows with item, participant and modality, those included that are missing elsewhere:
        they tell who had which list.
    by : str
        The factor.
    use : ndarray of bool, shape (row,)
        Rows that enter.

    Returns
    -------
    Units
        The rows of an item that belong to one list; strata are items, and for other factors
        than modality items x modality.

    Notes
    -----
    People with an identical list (the same items with the same levels of the factor) had no
    levels of their own: they move together. A list of a single trial tells nothing, so people
    with one trial move on their own. Where one person met an item at several levels,
    the levels are permuted within that person (or list) and item.
    """
    need(frame, "item", "participant")
    levels = factor(by, frame).cat.codes.to_numpy().astype(np.intp)
    strata = item_strata(frame, by)
    lists = _lists(codes_of(frame["participant"]), strata, levels)
    strata, lists, levels = strata[use], lists[use], levels[use]
    row = _combined(strata, lists, levels)
    first = np.unique(row, return_index=True)[1]
    cell = _combined(strata, lists)
    several = np.bincount(cell[first], minlength=int(cell.max(initial=-1)) + 1) > 1
    own = np.where(several[cell], cell + 1, 0) if len(cell) else cell
    return Units(row, levels[first], _combined(strata, own)[first])


def _lists(participant: Ints, stratum: Ints, level: Ints) -> Ints:
    """Code of the list of each row's participant; equal for identical lists."""
    order = np.lexsort((level, stratum, participant))
    pairs = np.stack([stratum, level], axis=1)[order]
    counts = np.bincount(participant, minlength=int(participant.max(initial=-1)) + 1)
    known: dict[tuple[bytes, int], int] = {}
    parts = np.split(pairs, np.cumsum(counts)[:-1])
    keys = [(part.tobytes(), i if len(part) == 1 else -1) for i, part in enumerate(parts)]
    code = np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.intp)
    return code[participant]


def participant_units(
    frame: pd.DataFrame, by: str, use: Mask, *, strata: str | None = None
) -> Units:
    """Participants as units of a factor that belongs to them, such as gender.

    Parameters
    ----------
    frame : DataFrame
        Rows with participant.
    by : str
        The factor.
    use : ndarray of bool, shape (row,)
        Rows that enter.
    strata : str, optional
        Another factor of participants, within whose levels they are permuted.

    Returns
    -------
    Units
        One unit per participant.

    Raises
    ------
    DesignError
        When the factor, or the stratum, changes within a participant.
    """
    need(frame, "participant")
    rows = frame[use]
    person = codes_of(rows["participant"])
    first = np.unique(person, return_index=True)[1]
    columns = [
        factor(name, rows).cat.codes.to_numpy().astype(np.intp)
        for name in (by, *([strata] if strata else []))
    ]
    for name, codes in zip((by, strata), columns, strict=False):
        wrong = np.flatnonzero(codes != codes[first][person])
        if len(wrong):
            who = rows["participant"].iloc[wrong[0]]
            raise DesignError(f"{name!r} changes within participant {who}: it is not a trait")
    return Units(
        person,
        columns[0][first],
        columns[1][first] + 1 if strata else np.zeros(len(first), dtype=np.intp),
    )


def permutation_columns(test: PermutationTest, which: int = 0) -> dict[str, Any]:
    """Columns of a result row that a permutation test fills."""
    return {
        "p_value": test.p_value[which],
        "mc_error": test.mc_error[which],
        "n_resamples": test.n_resamples,
        "warning": join_reasons(
            test.note,
            f"exact: all {test.n_resamples} arrangements" if test.exact else "",
            "no p: n_resamples is 0" if not test.n_resamples and not test.note else "",
        ),
    }

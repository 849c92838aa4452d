"""Who rates what, in which modality and order: the lists of trials of a simulated study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ...arguments import check_choice, check_count
from ...errors import DesignError
from ...types import Ints
from ..schema import MODALITIES

Assignment = Literal["balanced", "independent"]

#: Trials that a list should have at least, where there are items enough.
_TRIALS = 30
_N_MODALITIES = len(MODALITIES)
_MUSIC = MODALITIES.index("music")


@dataclass(frozen=True, slots=True)
class Design:
    """One row per annotation: numbers of item, modality and participant, trial from 1, overlay."""

    item: Ints
    modality: Ints
    participant: Ints
    trial: Ints
    overlay: npt.NDArray[np.int8]
    trial_list: Ints
    note: str

    def __len__(self) -> int:
        return len(self.item)


def draw_design(
    rng: np.random.Generator,
    *,
    n_items: int,
    n_participants: int,
    assignment: Assignment,
    raters_per_cell: int,
    n_lists: int | None,
) -> Design:
    """Draw the lists of trials and hand them to the participants.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    n_items, n_participants : int
        Size of the study.
    assignment : {"balanced", "independent"}
        See `simulate_muvi`.
    raters_per_cell : int
        Raters of an item in a modality, over the lists that are used once.
    n_lists : int, optional
        Number of different lists.

    Returns
    -------
    Design
        Sorted by participant and trial; ``trial_list`` is the list of each participant.

    Raises
    ------
    DesignError
        When such a design does not exist.
    """
    n_items = check_count("n_items", n_items, least=1)
    n_participants = check_count("n_participants", n_participants, least=1)
    raters_per_cell = check_count("raters_per_cell", raters_per_cell, least=1)
    check_choice("assignment", assignment, ("balanced", "independent"))
    if assignment == "balanced":
        lists = None if n_lists is None else check_count("n_lists", n_lists, least=1)
        return _balanced(rng, n_items, n_participants, raters_per_cell, lists)
    if n_lists is not None:
        raise DesignError("n_lists belongs to the balanced assignment")
    return _independent(rng, n_items, n_participants, raters_per_cell)


def spread_items(rng: np.random.Generator, n_items: int, per_item: int, n_lists: int) -> Ints:
    """Draw the lists that take each item, no list twice, lengths of lists within one.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    n_items, per_item, n_lists : int
        Number of items, of lists that take an item, and of lists.

    Returns
    -------
    ndarray of int, shape (n_items, per_item)
        Numbers of lists, in random order within an item.
    """
    slots = np.empty((n_items, per_item), dtype=np.int64)
    load = np.zeros(n_lists)
    for item in rng.permutation(n_items):
        # the shortest lists take the item, in random order: lengths differ by one at most
        chosen = np.argpartition(load + rng.random(n_lists), per_item - 1)[:per_item]
        load[chosen] += 1
        slots[item] = rng.permutation(chosen)
    return slots


def _balanced(
    rng: np.random.Generator,
    n_items: int,
    n_participants: int,
    raters_per_cell: int,
    n_lists: int | None,
) -> Design:
    raters = min(raters_per_cell, n_participants // _N_MODALITIES)
    if raters < 1:
        raise DesignError(f"a balanced design needs {_N_MODALITIES} participants or more")
    per_item = raters * _N_MODALITIES
    if n_lists is None:
        n_lists = min(max(n_items * per_item // _TRIALS, per_item), n_participants)
    if not per_item <= n_lists <= n_participants:
        raise DesignError(
            f"n_lists must lie between {per_item} (nobody sees an item twice) and "
            f"{n_participants} (participants), not {n_lists}"
        )
    slots = spread_items(rng, n_items, per_item, n_lists)
    load = np.bincount(slots.ravel(), minlength=n_lists)
    # longer lists first, so that the lists that are used again are among them
    rank = np.empty(n_lists, dtype=np.int64)
    rank[np.lexsort((rng.random(n_lists), -load))] = np.arange(n_lists)
    cell_overlay = np.zeros(raters, dtype=np.int8)
    cell_overlay[: round(0.4 * raters)] = 1
    modality = np.tile(np.repeat(np.arange(_N_MODALITIES), raters), n_items)
    overlay = np.where(modality == _MUSIC, -1, np.tile(cell_overlay, n_items * _N_MODALITIES))
    trials = np.column_stack(
        [rank[slots].ravel(), np.repeat(np.arange(n_items), per_item), modality, overlay]
    )
    trials = trials[np.lexsort((rng.random(len(trials)), trials[:, 0]))]
    starts = np.searchsorted(trials[:, 0], np.arange(n_lists + 1))
    trial_list = np.arange(n_participants) % n_lists
    rows, participant, trial = _hand_out(starts, trial_list)
    note = (
        f"{n_lists} lists, {raters} raters per item and modality over participants 0 to "
        f"{n_lists - 1}; {n_participants - n_lists} further participants repeat lists"
    )
    return Design(
        item=trials[rows, 1],
        modality=trials[rows, 2],
        participant=participant,
        trial=trial,
        overlay=trials[rows, 3].astype(np.int8),
        trial_list=trial_list,
        note=note,
    )


def _hand_out(starts: Ints, trial_list: Ints) -> tuple[Any, Ints, Ints]:
    """Rows of the trial table that each participant works through, one after the other."""
    counts = np.diff(starts)[trial_list]
    participant = np.repeat(np.arange(len(trial_list)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(starts[trial_list], counts) + within, participant, within + 1


def _independent(
    rng: np.random.Generator, n_items: int, n_participants: int, raters_per_cell: int
) -> Design:
    wanted = -(-n_items * raters_per_cell * _N_MODALITIES // n_participants)
    n_trials = min(n_items, max(_TRIALS, wanted))
    item = np.concatenate(
        [rng.choice(n_items, n_trials, replace=False) for _ in range(n_participants)]
    )
    modality = rng.integers(_N_MODALITIES, size=len(item))
    overlay = np.where(modality == _MUSIC, -1, rng.integers(2, size=len(item)))
    return Design(
        item=item,
        modality=modality,
        participant=np.repeat(np.arange(n_participants), n_trials),
        trial=np.tile(np.arange(1, n_trials + 1), n_participants),
        overlay=overlay.astype(np.int8),
        trial_list=np.arange(n_participants),
        note=f"{n_trials} items for each participant, modality and overlay drawn freely",
    )

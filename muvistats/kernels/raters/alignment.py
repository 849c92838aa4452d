"""Do values stand beside the item they were given for? Item signal against permutation.

Values are centred within participant. The signal is the part of their sum of squares that lies
between items. Under permutation of the rows within participant its mean and variance are known
in closed form, so a z value needs no resampling; the p-value comes from permutations.

People who rated the same items in the same order form a block: whatever the shift, their values
meet the same item, so their agreement says nothing about it and does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ...progress import in_parts
from ...types import Floats, Ints
from ...workers import few_threads
from ..permutation.arrangements import additive_residuals
from ..permutation.dealt import Deal
from ..permutation.exact_moments import between_groups_moments
from ..scale import unit_factor

#: Numbers that one batch of permutations may hold.
_BATCH = 2_000_000

#: Sums of permuted values that are held at once.
_HELD = 300_000

#: From so many rows on permuted values are summed in single precision; ties are no matter then.
_MANY = 1024

#: From so many permuted rows, and groups of rows, on permutations are dealt.
_DEAL, _GROUPS = 1_000_000, 40

#: Sums of squares below this part of the total are rounding errors.
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Placed:
    """Values beside the items that they meet at one lag.

    Parameters
    ----------
    values : ndarray of float, shape (row, column)
        Values, centred within participant.
    item, participant : ndarray of int, shape (row,)
        Codes.
    position : ndarray of int, shape (row,)
        Place of the row in the study.
    """

    values: Floats
    item: Ints
    participant: Ints
    position: Ints

    @property
    def in_own_unit(self) -> Floats:
        """Values over a power of two of their size, for shares of sums of squares."""
        values: Floats = self.values * unit_factor(self.values, None)
        return values


@dataclass(frozen=True, slots=True)
class ItemSignal:
    """Item signal and its permutation distribution.

    Parameters
    ----------
    share : float
        Part of the sum of squares that lies between items.
    counted : float
        The same without the products of two people of one block.
    mean, sd : float
        Mean and standard deviation of `counted` under permutation.
    """

    share: float
    counted: float
    mean: float
    sd: float

    @property
    def z(self) -> float:
        """Distance from the permutation mean in standard deviations; NaN where nothing moves."""
        return (self.counted - self.mean) / self.sd if self.sd > 0 else np.nan


def partner_rows(participant: Ints, trial: Ints, lag: int) -> tuple[Ints, Ints]:
    """Pairs of rows of the same participant that are `lag` trials apart.

    Parameters
    ----------
    participant, trial : ndarray of int, shape (row,)
        Code of the participant, from 0, and number of the trial; no pair stands twice.
    lag : int
        Trials by which the second row is later.

    Returns
    -------
    rows, partners : ndarray of int, shape (pair,)
        Rows t and the rows t + lag that exist.
    """
    if not len(trial):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    low = int(trial.min())
    span = int(trial.max()) - low + 1
    wanted = trial - low + lag
    key = participant.astype(np.int64) * span + (trial - low)
    order = np.argsort(key, kind="stable")
    inside = (wanted >= 0) & (wanted < span)
    target = participant.astype(np.int64) * span + wanted
    found = np.minimum(np.searchsorted(key[order], target), len(key) - 1)
    rows = np.flatnonzero(inside & (key[order][found] == target))
    return rows, order[found[rows]]


def list_codes(participant: Ints, trial: Ints, entry: Ints) -> tuple[Ints, Ints]:
    """Which participants worked through the same list, in the same order.

    Parameters
    ----------
    participant, trial, entry : ndarray of int, shape (row,)
        Code of the participant, from 0; number of the trial; code of what was rated.

    Returns
    -------
    code : ndarray of int, shape (participant,)
        Equal for participants with an identical sequence of entries.
    place : ndarray of int, shape (row,)
        Place of the row in its participant's list, from 0.
    """
    order = np.lexsort((trial, participant))
    counts = np.bincount(participant)
    starts = np.cumsum(counts) - counts
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order)) - np.repeat(starts, counts)
    known: dict[bytes, int] = {}
    lists = np.split(entry[order].astype(np.int64), starts[1:])
    code = np.array([known.setdefault(one.tobytes(), len(known)) for one in lists], dtype=np.int64)
    return code, place


def place(values: Floats, item: Ints, participant: Ints, trial: Ints, lag: int) -> Placed:
    """Let the values of row t + lag meet the item of row t.

    Parameters
    ----------
    values : ndarray of float, shape (row, column)
        Values; a row with a NaN has no values.
    item, participant, trial : ndarray of int, shape (row,)
        Codes from 0, and the number of the trial.
    lag : int
        Trials by which values are moved up.

    Returns
    -------
    Placed
        The rows that have values, sorted by participant.
    """
    rows, partners = partner_rows(participant, trial, lag)
    known = ~np.isnan(values[partners]).any(axis=1)
    rows, partners = rows[known], partners[known]
    order = np.argsort(participant[rows], kind="stable")
    rows, partners = rows[order], partners[order]
    person = participant[rows]
    return Placed(_centre(values[partners], person), item[rows], person, rows)


def item_signal(placed: Placed, block: Ints) -> ItemSignal:
    """Item signal with its exact mean and standard deviation under permutation.

    Parameters
    ----------
    placed : Placed
        Values beside items.
    block : ndarray of int, shape (participant,)
        Participants with the same code have the same list (see `list_codes`); what they share
        does not count.

    Returns
    -------
    ItemSignal
        NaN for no rows or no variation within participants.
    """
    values = placed.in_own_unit
    total = float((values**2).sum())
    if total <= 0:
        return ItemSignal(np.nan, np.nan, np.nan, np.nan)
    weight = _weights(placed.item)
    between = float(weight @ (sums_by(values, placed.item, len(weight)) ** 2).sum(axis=1))
    rows, unit, weights = _units(placed, block)
    counted = float(weights @ (sums_by(values[rows], unit, len(weights)) ** 2).sum(axis=1))
    mean, variance = between_groups_moments(
        values, placed.item, placed.participant, weight, block[placed.participant]
    )
    return ItemSignal(between / total, counted / total, mean / total, _sd(variance, total))


def signal_of_blocks(placed: Placed, block: Ints, where: Ints) -> ItemSignal:
    """Item signal when the participants of a block are permuted together.

    Parameters
    ----------
    placed, block
        As in `item_signal`.
    where : ndarray of int, shape (row of the study,)
        Place of each row in its participant's list.

    Returns
    -------
    ItemSignal
        As in `item_signal`; here the products within a block count, and hardly move.
    """
    values = placed.in_own_unit
    total = float((values**2).sum())
    if total <= 0:
        return ItemSignal(np.nan, np.nan, np.nan, np.nan)
    weight = _weights(placed.item)
    between = float(weight @ (sums_by(values, placed.item, len(weight)) ** 2).sum(axis=1))
    length = int(where.max(initial=0)) + 1
    key = block[placed.participant] * length + where[placed.position]
    keys, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    sums = sums_by(values, inverse, len(keys))
    mean, variance = between_groups_moments(sums, placed.item[first], keys // length, weight)
    share = between / total
    return ItemSignal(share, share, mean / total, _sd(variance, total))


@few_threads(0)
def permuted_signals(
    placed: Sequence[Placed], block: Ints, n_resamples: int, rng: np.random.Generator
) -> Floats:
    """Item signals of variables after permutations of the rows within participant.

    Parameters
    ----------
    placed : sequence of Placed
        Values of each variable beside items, all on the same rows; rows are permuted alike.
    block
        As in `item_signal`.
    n_resamples : int
        Number of permutations.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray of float, shape (n_resamples, variable)
        Draws of `ItemSignal.counted`.
    """
    values = np.concatenate([one.in_own_unit for one in placed], axis=1)
    first = np.cumsum([0, *(one.values.shape[1] for one in placed[:-1])])
    norms = np.add.reduceat(values**2, first, axis=1)
    values = values.astype(np.float32 if len(values) >= _MANY else np.float64)
    rows, unit, weights = _units(placed[0], block)
    sizes = np.bincount(unit, minlength=len(weights))
    alone = np.flatnonzero(sizes[unit] == 1)  # their squares are known before rows are moved
    order = np.flatnonzero(sizes[unit] > 1)
    order = order[np.argsort(unit[order], kind="stable")]
    ends = np.cumsum(sizes[sizes > 1]).astype(np.int32)
    factor = weights[None, sizes > 1].astype(values.dtype)
    out = np.zeros((n_resamples, len(placed)))
    size = max(1, _BATCH // max(len(rows), len(ends) * values.shape[1]))
    ones = np.ones(size * len(order), values.dtype)
    draw = _permutations(placed[0].participant, n_resamples, rng)
    inside = max(1, _HELD // max(1, len(ends) * values.shape[1]))
    for several in in_parts(n_resamples, size, "Permutations"):
        drawn = draw(several)
        for first_of in range(0, len(drawn), inside):
            part = drawn[first_of : first_of + inside]
            some = slice(several.start + first_of, several.start + first_of + len(part))
            picked = np.take(part, rows[order], axis=1).ravel()
            edges = np.arange(len(part), dtype=np.int32)[:, None] * np.int32(len(order)) + ends
            pick: Any = sparse.csr_array(
                (ones[: len(picked)], picked, np.append(np.int32(0), edges.ravel())),
                shape=(edges.size, len(values)),
            )
            moved = (pick @ values).reshape(len(part), len(ends), -1)
            np.square(moved, out=moved)
            out[some] = np.add.reduceat(np.matmul(factor, moved)[:, 0], first, axis=1)
            if len(alone):
                out[some] += np.matmul(weights[unit[alone]], norms[part[:, rows[alone]]])
    return np.asarray(out / norms.sum(axis=0))


def _permutations(
    group: Ints, n_resamples: int, rng: np.random.Generator
) -> Callable[[slice], Ints]:
    """How permutations within groups are drawn: dealt where rows and groups are many."""
    _, code = np.unique(group, return_inverse=True)
    if len(group) * n_resamples < _DEAL or code.max() + 1 < _GROUPS:
        return lambda some: permutations_within(group, some.stop - some.start, rng)
    deal = Deal(np.arange(len(group)), code, code, n_resamples, rng)
    return lambda some: np.ascontiguousarray(deal.codes(some).T, dtype=np.int32)


def permutations_within(group: Ints, count: int, rng: np.random.Generator) -> Ints:
    """Draw permutations of rows that keep every row within its group.

    Parameters
    ----------
    group : ndarray of int, shape (row,)
        Sorted codes.
    count : int
        Number of permutations.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray of int32, shape (count, row)
        Row numbers.
    """
    out = np.empty((count, len(group)), dtype=np.int32)
    edges = np.flatnonzero(np.diff(group, prepend=-1, append=-1))
    starts, sizes = edges[:-1], np.diff(edges)
    for size in np.unique(sizes):
        where = starts[sizes == size][:, None] + np.arange(size)  # (group, place)
        drawn = np.broadcast_to(where, (count, *where.shape)).copy()
        out[:, where] = rng.permuted(drawn, axis=2, out=drawn)
    return out


def without_signal(values: Floats, item: Ints, participant: Ints, trial: Ints, lag: int) -> Floats:
    """Values less what items add to them at one lag, and less what participants add.

    Parameters
    ----------
    values, item, participant, trial, lag
        As in `place`.

    Returns
    -------
    ndarray of float, shape (row, column)
        Least-squares residuals where values meet an item; where they meet none, values less the
        participant's mean of those that do.

    Notes
    -----
    A value less the mean of few trials holds a part of what the other trials had, with the sign
    reversed. Beside the items of neighbouring trials these parts agree between people, so the
    signal of one lag is seen at others unless it is taken out first.
    """
    rows, partners = partner_rows(participant, trial, lag)
    known = ~np.isnan(values[partners]).any(axis=1)
    rows, partners = rows[known], partners[known]
    met = values[partners]
    person = participant[partners]
    count = np.bincount(person, minlength=int(participant.max(initial=-1)) + 1)[:, None]
    means = sums_by(met, person, len(count)) / np.maximum(count, 1)
    out = values - means[participant]
    codes = [np.unique(one, return_inverse=True)[1] for one in (item[rows], person)]
    out[partners] = additive_residuals(met, codes)
    return out


def _centre(values: Floats, group: Ints) -> Floats:
    """Values less the mean of their group; 0 where only rounding is left."""
    if not len(values):
        return values
    unit = unit_factor(values, None)
    scaled = values * unit
    _, first, code = np.unique(group, return_index=True, return_inverse=True)
    moved = scaled - scaled[first][code]  # differences first: a far origin costs no digits
    means = sums_by(moved, code, len(first)) / np.bincount(code)[:, None]
    centred: Floats = moved - means[code]
    centred[np.abs(centred) < _TINY] = 0.0
    out: Floats = centred / unit
    return out


def sums_by(values: Floats, group: Ints, n_groups: int) -> Floats:
    """Sums of rows by group, (group, column)."""
    n = len(group)
    pick: Any = sparse.csc_array((np.ones(n), group, np.arange(n + 1)), shape=(n_groups, n))
    sums: Floats = pick @ values
    return sums


def _weights(item: Ints) -> Floats:
    """One over the number of ratings of each item, 0 for an item nobody rated."""
    counts = np.bincount(item)
    return np.divide(1.0, counts, out=np.zeros(len(counts)), where=counts > 0)


def _sd(variance: float, total: float) -> float:
    """Standard deviation of the share; what is only rounding error of the variance is 0."""
    return float(np.sqrt(variance)) / total if variance > _TINY * total**2 else 0.0


def _units(placed: Placed, block: Ints) -> tuple[Ints, Ints, Floats]:
    """Sums whose weighted squares are the signal that counts.

    These are the items, minus the items within each block of several people, plus the items of
    each person in such a block. Returned are the row and the sum of each summand, and the weight
    of each sum.
    """
    weight = _weights(placed.item)
    n_items = len(weight)
    people = np.unique(placed.participant)
    crowded = np.bincount(block[people]) > 1
    code = block[placed.participant]
    inside = np.flatnonzero(crowded[code])
    rows = [np.arange(len(placed.item)), inside, inside]
    keys = [
        placed.item,
        n_items + code[inside] * n_items + placed.item[inside],
        n_items * (1 + len(crowded) + placed.participant[inside]) + placed.item[inside],
    ]
    signs = np.repeat([1.0, -1.0, 1.0], [len(part) for part in rows])
    known, first, unit = np.unique(np.concatenate(keys), return_index=True, return_inverse=True)
    return np.concatenate(rows), unit, signs[first] * weight[known % n_items]

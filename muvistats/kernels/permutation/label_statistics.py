"""Statistics of choices in groups of units, for many arrangements of the groups at once.

Each returns, per arrangement, first one statistic of all groups and choices, then the size of
the standardized residual of every group and choice.
"""

from __future__ import annotations

import numpy as np

from ...types import Floats, Ints
from ..ranks.unit_statistics import group_sums
from .arrangements import additive_residuals, shrunken_residuals
from .cluster_sums import ClusterSums, Sums
from .dealt import Deal

#: Counts that vary by less than this part of the largest unit are constant.
_CONSTANT = 1e-9

#: A two-way variance is no less than this part of the larger one-way variance.
_FLOOR = 0.3


class UnitStatistic:
    """Counts of choices when whole units, such as participants, change groups.

    Parameters
    ----------
    counts : ndarray of float, shape (unit, choice)
        How often a unit made each choice; every choice was made by someone.
    strata : ndarray of int, shape (unit,)
        Stratum of each unit, coded from 0.
    codes : ndarray of int, shape (unit,)
        Observed group of each unit.
    n_groups : int
        Number of groups.

    Notes
    -----
    With N_i all choices of unit i and p_j the share of choice j among all, the excess of a unit is
    ``V_ij = count_ij - N_i p_j`` less its mean over the stratum. The sum of V over a group is the
    observed minus the expected count. The statistic of all is Pearson's chi-square of these (of
    the table of counts, where there is one stratum). The residual of a group is Welch's t of V
    against all other units; where a group or the rest is a single unit, the sum of V divided by
    its standard deviation over arrangements.
    """

    def __init__(self, counts: Floats, strata: Ints, codes: Ints, n_groups: int) -> None:
        self.codes, self.n_groups, self.n_choices = codes, n_groups, counts.shape[1]
        self.size = counts.sum(axis=1)
        self.share = counts.sum(axis=0) / counts.sum()
        excess = counts - self.size[:, None] * self.share
        self.excess = additive_residuals(excess, [strata])
        self.n_units = np.bincount(codes, minlength=n_groups).astype(np.float64)
        self.null_sd = arrangement_sd(self.excess, strata, codes, n_groups)
        self._columns = np.concatenate([self.excess, self.excess**2, self.size[:, None]], axis=1)

    def deviations(self, codes: Ints) -> Floats:
        """Observed minus expected counts, (arrangement, group, choice)."""
        return group_sums(codes, self.excess, self.n_groups)

    def residuals(self, codes: Ints) -> Floats:
        """Standardized residuals, (arrangement, group, choice)."""
        sums = group_sums(codes, self._columns, self.n_groups)
        return self._residuals(sums)

    def _residuals(self, sums: Floats) -> Floats:
        j = self.n_choices
        total, squares = sums[..., :j], sums[..., j : 2 * j]
        n = self.n_units[:, None]
        rest = n.sum() - n
        if min(n.min(), rest.min()) < 2:
            return _ratio(total, np.broadcast_to(self.null_sd, total.shape))
        inside = np.maximum(squares - total**2 / n, 0.0)
        outside = np.maximum((self.excess**2).sum(axis=0) - squares - total**2 / rest, 0.0)
        variance = inside / (n * (n - 1)) + outside / (rest * (rest - 1))
        return _ratio(total * (1 / n + 1 / rest), np.sqrt(variance))

    def __call__(self, codes: Ints) -> Floats:
        """Statistics of arrangements, (arrangement, 1 + group * choice)."""
        sums = group_sums(codes, self._columns, self.n_groups)
        expected = sums[..., -1:] * self.share
        with np.errstate(divide="ignore", invalid="ignore"):
            whole = (sums[..., : self.n_choices] ** 2 / expected).sum(axis=(1, 2))
        residuals = self._residuals(sums)
        constant = self.null_sd <= _CONSTANT * self.size.max(initial=0.0)
        return _joined(whole, np.where(constant, 0.0, residuals))


class CrossedStatistic:
    """Choices of annotations in groups of units, when participants and items are crossed.

    Parameters
    ----------
    values : ndarray of float, shape (row, choice)
        Values of the rows.
    unit : ndarray of int, shape (row,)
        Unit of each row; units change groups.
    stratum : ndarray of int, shape (row,)
        What the groups were assigned within, such as items.
    own, crossed : ndarray of int, shape (row,)
        Clusters: those that strata or units make, such as items, and those that cross them.
    codes : ndarray of int, shape (unit,)
        Observed group of each unit.
    n_groups : int
        Number of groups.
    shrunken : ndarray of int, shape (row,), optional
        Factor whose shrunken effects are taken out, if not the crossed clusters: 0 for all.
    raised : float
        Factor of what crossed clusters add to the variance (`raised_for_few`).

    Notes
    -----
    The values are taken less the effects of strata and the shrunken ones of crossed clusters, r
    (`shrunken_residuals`). For a group with indicator z and share e in its stratum the deviation
    is ``D = sum (z - e) r``; its variance is that of single rows, plus what the sums of (z - e) r
    over crossed clusters, and over own ones, have beyond it (each over the part that taking out
    strata or crossed ones leaves of it), but no less than 0.3 times the larger of these sums of
    squares, times the share of z that the shrunken means of crossed clusters leave. So rows of one
    participant, or one item, may go together. Residual ``D / sqrt(variance)``; the statistic of
    all is the sum of their squares.
    """

    def __init__(
        self,
        values: Floats,
        unit: Ints,
        stratum: Ints,
        own: Ints,
        crossed: Ints,
        codes: Ints,
        n_groups: int,
        shrunken: Ints | None = None,
        raised: float = 1.0,
    ) -> None:
        self.codes, self.n_groups, self.n_choices = codes, n_groups, values.shape[1]
        taken_out = crossed if shrunken is None else shrunken
        self.values, weight = shrunken_residuals(values, stratum, taken_out)
        table = np.zeros((int(stratum.max(initial=0)) + 1, n_groups))
        np.add.at(table, (stratum, codes[unit]), 1)
        size = table.sum(axis=1, keepdims=True)
        self._within = (table - table**2 / size).sum(axis=0)
        size_of = np.bincount(crossed)[:, None]
        self._sums = ClusterSums(
            self.values, (table / size)[stratum], unit, [crossed, own], weight / size_of
        )
        self.inside = np.empty(len(codes), dtype=np.intp)
        self.inside[unit] = own
        # Taking out stratum means takes a part of what participants add, and the other way round.
        taken = np.stack([np.full(self.n_choices, len(size)), weight.sum(axis=0)])
        self._factors = _made_up_for(taken / len(values)) * np.array([[raised], [1.0]])
        sums = np.zeros((int(unit.max()) + 1, self.n_choices))
        np.add.at(sums, unit, self.values)
        first = np.unique(unit, return_index=True)[1]
        self.null_sd = arrangement_sd(
            additive_residuals(sums, [stratum[first]]), stratum[first], codes, n_groups
        )

    def deviations(self, codes: Ints) -> Floats:
        """Observed minus expected counts, (arrangement, group, choice)."""
        return self._sums(codes).total

    def residuals(self, codes: Ints) -> Floats:
        """Standardized residuals, (arrangement, group, choice)."""
        return self._residuals(self._sums(codes))

    def dealt(self, deal: Deal) -> Floats:
        """Statistics of all arrangements of a deal, (arrangement, 1 + group * choice)."""
        return _squared_and_joined(self._residuals(self._sums.dealt(deal)))

    def _residuals(self, sums: Sums) -> Floats:
        within = self._within[:, None]
        taken = np.divide(sums.taken, within, out=np.ones_like(sums.taken), where=within > 0)
        variance = _two_way(sums, self._factors) * np.maximum(1 - taken, 0.0)
        return _ratio(sums.total, np.sqrt(variance))

    def __call__(self, codes: Ints) -> Floats:
        """Statistics of arrangements, (arrangement, 1 + group * choice)."""
        return _squared_and_joined(self.residuals(codes))


class ConditionalStatistic:
    """Choices against groups whose probabilities are known for each row.

    Parameters
    ----------
    values : ndarray of float, shape (row, choice)
        Values less what is to be adjusted for.
    probabilities : ndarray of float, shape (row, group)
        Probability of each group.
    codes : ndarray of int, shape (row,)
        Observed group of each row.
    clusters : tuple of two ndarray of int, each shape (row,)
        Participant and item of each row, coded from 0 without gaps.

    Notes
    -----
    With z the indicator of a group, p its probability and r the values, the deviation is
    ``D = sum (z - p) r``. Its variance is that of single rows, plus what the sums of (z - p) r
    over participants, and over items, have beyond it (each over the part that taking out items
    or participants leaves of it), but no less than 0.3 times the larger of these sums of squares.
    So people, or items, may differ in what a group does to them. Residual
    ``D / sqrt(variance)``; the statistic of all is the sum of the squares.

    Probabilities that were fitted to the groups lie nearer to them than those that groups are
    drawn from, in all three sums alike. So the sum over rows is that of z - p itself and not,
    as with shares that are known, what its square is expected to be.
    """

    def __init__(
        self, values: Floats, probabilities: Floats, codes: Ints, clusters: tuple[Ints, Ints]
    ) -> None:
        self.values, self.codes, self._probabilities = values, codes, probabilities
        self.n_groups, self.n_choices = probabilities.shape[1], values.shape[1]
        self._squares = values**2
        levels = [[int(codes.max(initial=-1)) + 1] for codes in clusters[::-1]]
        self._factors = _made_up_for(np.array(levels) / max(len(values), 1))
        self._sums = ClusterSums(values, probabilities, np.arange(len(codes)), clusters)
        self.null_sd = np.sqrt((probabilities * (1 - probabilities)).T @ self._squares)

    def deviations(self, codes: Ints) -> Floats:
        """Sums of the values over groups less their expectation, (arrangement, group, choice)."""
        return self._sums(codes).total

    def residuals(self, codes: Ints) -> Floats:
        """Standardized residuals, (arrangement, group, choice)."""
        sums = self._sums(codes)
        single = [
            ((codes == group) * (1 - 2 * p)) @ self._squares + p**2 @ self._squares
            for group, p in enumerate(self._probabilities.T)
        ]
        sums = sums._replace(single=np.stack(single, axis=1))
        return _ratio(sums.total, np.sqrt(_two_way(sums, self._factors)))

    def __call__(self, codes: Ints) -> Floats:
        """Statistics of arrangements, (arrangement, 1 + group * choice)."""
        return _squared_and_joined(self.residuals(codes))


def _made_up_for(taken: Floats) -> Floats:
    """Factors that make up for the part of a variance that was taken out with other effects."""
    return np.asarray(1 / np.where(taken < 1 - _CONSTANT, 1 - taken, 1.0))


def _two_way(sums: Sums, factors: Floats) -> Floats:
    """Variance of a total whose parts go together within clusters of two kinds."""
    first, second = sums.by
    more = (first - sums.single) * factors[0] + (second - sums.single) * factors[1]
    out: Floats = np.maximum(sums.single + more, _FLOOR * np.maximum(first, second))
    return out


def arrangement_sd(values: Floats, strata: Ints, codes: Ints, n_groups: int) -> Floats:
    """Standard deviation, over all arrangements, of the sums of values over each group.

    Parameters
    ----------
    values : ndarray of float, shape (unit, column)
        Values with mean 0 in each stratum.
    strata, codes : ndarray of int, shape (unit,)
        Stratum and observed group of each unit.
    n_groups : int
        Number of groups.

    Returns
    -------
    ndarray of float, shape (n_groups, column)
        With n_s units in a stratum, n_sg of them in the group, the variance is the sum over
        strata of ``n_sg (n_s - n_sg) / (n_s (n_s - 1))`` times the sum of squares.
    """
    table = np.zeros((int(strata.max(initial=0)) + 1, n_groups))
    np.add.at(table, (strata, codes), 1)
    n = table.sum(axis=1, keepdims=True)
    squares = np.zeros((len(table), values.shape[1]))
    np.add.at(squares, strata, values**2)
    weight = table * (n - table) / np.maximum(n * (n - 1), 1)
    out: Floats = np.sqrt(weight.T @ squares)
    return out


def _ratio(values: Floats, scale: Floats) -> Floats:
    """Values in units of a scale; NaN where it is 0."""
    out = np.full(values.shape, np.nan)
    np.divide(values, scale, out=out, where=scale > 0)
    return out


def _squared_and_joined(residuals: Floats) -> Floats:
    return _joined(np.square(residuals).sum(axis=(1, 2)), residuals)


def _joined(whole: Floats, residuals: Floats) -> Floats:
    flat = np.abs(residuals).reshape(len(residuals), -1)
    return np.concatenate([whole[:, None], flat], axis=1)

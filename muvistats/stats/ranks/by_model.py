"""Groups compared by a mixed model of the values in which people and items may react.

The model is built from arrays and fitted by the kernels, without a formula, since calibration fits
thousands of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg, stats

from ...kernels.mixed.blocks import RandomBlock, lambda_factors
from ...kernels.mixed.derivatives import Uncertainty, satterthwaite, uncertainty
from ...kernels.mixed.kenward_roger import scaled_f
from ...kernels.mixed.linear import LinearMixed
from ...kernels.mixed.search import fit_linear
from ...kernels.mixed.separation import independent_columns
from ...kernels.permutation.arrangements import dense_codes
from ...kernels.ranks.effects import Effects
from ...kernels.scale import centred, unit_factor
from ...results.frame import join_reasons
from ...types import Floats, Ints, Row
from ...workers import few_threads
from ..models.inference import contrast_rows, joint_test

#: Shares of a group that differ by less than this are equal.
_TIE = 1e-8

#: Spread of the residuals below this part of the values' is none.
_NOTHING = 1e-7

#: Groups up to which the effects of a person, or an item, on each group may go together anyhow.
_FREE = 2

#: Participants, and items, from which on F is scaled. With fewer that takes more power than level.
_SCALED = 8

#: Cells of a person, or item, and a group, as part of the rows: with more, hardly any holds two
#: rows, and reactions are not told from the residuals.
_FULL = 0.8

#: Random effects, and those beside the largest block, up to which Satterthwaite's degrees of
#: freedom are computed.
_CLOSED, _BESIDE = 5000, 2500


@dataclass(frozen=True)
class Modelled:
    """What the mixed model is fitted to.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Values without NaN.
    codes : ndarray of int, shape (n,)
        Group of each value.
    k : int
        Number of groups.
    clusters : tuple of two ndarray of int, each shape (n,)
        Participant and item of each value, or what stands for the item.
    also : tuple of ndarray of int, each shape (n,)
        Further codes whose effects are random, such as item and modality together.
    fixed : tuple of ndarray of int, each shape (n,)
        Codes whose effects are adjusted for, such as modality.
    observed : bool
        Whether nobody assigned the groups, so that they are compared within participants and
        items only.
    """

    values: Floats
    codes: Ints
    k: int
    clusters: tuple[Ints, Ints]
    also: tuple[Ints, ...] = ()
    fixed: tuple[Ints, ...] = ()
    observed: bool = False


@dataclass(frozen=True)
class Shift:
    """Adjusted means of groups.

    Parameters
    ----------
    effects : Effects
        Means less their weighted mean, with their covariance and degrees of freedom.
    sd : float
        Standard deviation of a value about its mean: participants, items and errors together.
    """

    effects: Effects
    sd: float

    @property
    def share(self) -> float:
        """Share of the variance that lies between the groups."""
        weights = self.effects.size / self.effects.size.sum()
        between = float(weights @ self.effects.effects**2)
        return between / (between + self.sd**2)

    def _difference(self) -> tuple[float, float]:
        weights = np.array([1.0, -1.0])
        return float(weights @ self.effects.effects), float(np.sqrt(self.effects.variance(weights)))

    def _delta(self, difference: float) -> float:
        """Rank-biserial correlation of two normal distributions that far apart."""
        return float(2 * stats.norm.cdf(difference / self.sd / np.sqrt(2)) - 1)

    def dominance(self, conf_level: float) -> tuple[float, float, float]:
        """Rank-biserial correlation of the first group against the second, with its limits."""
        difference, error = self._difference()
        half = float(stats.t.ppf((1 + conf_level) / 2, self.effects.df)) * error
        ends = (difference, difference - half, difference + half)
        delta, low, high = (self._delta(end) for end in ends)
        return delta, low, high

    def equivalence_p(self, margin: float) -> float:
        """p-value of the two one-sided tests that the correlation lies within the margin."""
        difference, error = self._difference()
        reach = float(stats.norm.ppf((1 + margin) / 2)) * self.sd * np.sqrt(2)
        above = stats.t.sf((difference + reach) / error, self.effects.df)
        below = stats.t.cdf((difference - reach) / error, self.effects.df)
        return float(max(above, below))


@dataclass(frozen=True)
class _Fit:
    """A fitted model, as far as the groups are concerned.

    Parameters
    ----------
    means : ndarray of float, shape (k - 1,)
        Adjusted means of the groups less that of the first.
    covariance : ndarray of float, shape (k - 1, k - 1)
        Of these.
    parts : Uncertainty or None
        What degrees of freedom need; None where they are infinite.
    sd : float
        Standard deviation of a value about its mean.
    unit : float
        All of these are in so many units of the values.
    fewest : int
        Smaller number of participants or items.
    """

    means: Floats
    covariance: Floats
    parts: Uncertainty | None
    sd: float
    unit: float
    fewest: int

    def degrees(self, weights: Floats) -> float:
        """Degrees of freedom of a combination of the means."""
        if self.parts is None:
            return np.inf
        return satterthwaite(weights, self.covariance, self.parts)

    def scaled(self, weights: Floats, statistic: float) -> Row:
        """F of several combinations, its degrees of freedom and p after Kenward and Roger.

        Variances that differ from group to group are told badly by few people: F is then nearer to
        Hotelling's than to Fisher's.
        """
        if self.parts is None or self.fewest < _SCALED:
            return {}
        parts, rank = self.parts, len(weights)
        df, scale = scaled_f(weights, self.covariance, parts.jacobian, parts.covariance)
        if not np.isfinite(df):
            return {}
        statistic *= scale
        p_value = float(stats.f.sf(statistic, rank, df))
        return {"statistic": statistic, "df_denom": df, "p_value": p_value}


def _adjusted_for(data: Modelled) -> tuple[list[Floats], list[str]]:
    """Columns beside those of the groups, and what is to be said of them."""
    columns: list[Floats] = []
    notes: list[str] = []
    for codes in data.fixed:
        columns += list(np.eye(int(codes.max()) + 1)[codes].T[1:])
    for key, cluster in zip(("participant", "item"), data.clusters, strict=True):
        if not data.observed:
            break
        if len(np.unique(dense_codes(cluster, data.codes))) == int(cluster.max()) + 1:
            notes.append(f"the factor does not vary within any {key}")
            continue
        size = np.bincount(cluster)
        for level in range(1, data.k):
            share = (np.bincount(cluster, data.codes == level) / size)[cluster]
            if np.ptp(share) > _TIE:
                columns.append(share)
    return columns, notes


def _blocks(data: Modelled) -> Iterator[RandomBlock]:
    """Effects of participants and items, one for each group where they meet several.

    Those of up to `_FREE` groups have any covariance; those of more have a common part and a
    variance for each group. What cannot be told from the residuals is left out.
    """
    n = len(data.values)
    ones, groups = np.ones((n, 1)), np.eye(data.k)[data.codes]
    for codes in (cluster.astype(np.intp) for cluster in data.clusters):
        levels, cells = (int(some.max()) + 1 for some in (codes, dense_codes(codes, data.codes)))
        varies = levels < cells <= _FULL * n
        if levels < n and not (varies and data.k <= _FREE):
            yield RandomBlock(ones, codes, levels)
        if varies:
            for columns in [groups] if data.k <= _FREE else groups.T[:, :, None]:
                yield RandomBlock(columns, codes, levels)
    for codes in (also.astype(np.intp) for also in data.also):
        levels = int(codes.max()) + 1
        if int(data.clusters[1].max()) + 1 < levels < n:
            yield RandomBlock(ones, codes, levels)


def _spread(optimum: Floats, blocks: list[RandomBlock]) -> float:
    """Variance of a value about its mean, relative to that of the residuals."""
    return 1.0 + sum(
        float(((block.columns @ factor) ** 2).sum(axis=1).mean())
        for block, factor in zip(blocks, lambda_factors(optimum, blocks), strict=True)
    )


def _fitted(data: Modelled) -> tuple[_Fit | None, str]:
    """The model, fitted by restricted maximum likelihood, or why not."""
    columns, notes = _adjusted_for(data)
    n, groups = len(data.values), np.eye(data.k)[data.codes].T[1:]
    x = np.column_stack([np.ones(n), *columns, *groups])
    x[:, 1:] -= x[:, 1:].mean(axis=0)
    kept = independent_columns(x)
    first = x.shape[1] - len(groups)
    where = np.flatnonzero(kept >= first)
    if len(where) < len(groups):
        return None, join_reasons("no mixed model: the groups have no rows in common", *notes)
    x, blocks = x[:, kept], list(_blocks(data))
    if x.shape[1] >= n or not blocks:
        return None, join_reasons("no mixed model: too few rows", *notes)
    values = centred(data.values)
    rest = values - x @ linalg.lstsq(x, values)[0]
    unit = float(np.sqrt((rest**2).mean()))
    if unit <= _NOTHING * float(values.std()):
        return None, join_reasons("no mixed model: the factor leaves no residuals", *notes)
    sizes = [block.size for block in blocks]
    known = sum(sizes) <= _CLOSED or sum(sizes) - max(sizes) <= _BESIDE
    try:
        with few_threads(sum(sizes) - max(sizes)):  # the largest is eliminated
            model = LinearMixed(x, values / unit, blocks)
            optimum = fit_linear(model)
            point = model.at(optimum.parameters)
            parts = uncertainty(model, optimum.parameters) if known else None
    except np.linalg.LinAlgError as error:
        return None, join_reasons(f"no mixed model: {error}", *notes)
    if not optimum.converged:
        return None, join_reasons("no mixed model: the optimum was not found", *notes)
    if parts is None:
        notes.append("too many random effects for Satterthwaite's df: normal quantiles")
    square = model.sigma(point) ** 2
    own = np.ix_(where, where)
    return _Fit(
        point.beta[where],
        square * point.unscaled[own],
        None if parts is None else _of_groups(parts, where),
        float(np.sqrt(square * _spread(optimum.parameters, blocks))),
        unit / float(unit_factor(data.values)[0]),
        min(int(codes.max()) + 1 for codes in data.clusters),
    ), join_reasons(*notes)


def _of_groups(parts: Uncertainty, where: Ints) -> Uncertainty:
    return replace(parts, jacobian=parts.jacobian[:, where][:, :, where])


def _shift(fit: _Fit, data: Modelled, df: float) -> Shift:
    size = np.bincount(data.codes, minlength=data.k).astype(np.float64)
    weights = np.eye(data.k)[:, 1:]
    weights = weights - size @ weights / size.sum()
    covariance = weights @ fit.covariance @ weights.T
    effects = Effects(weights @ fit.means, covariance[None], df, size)
    return Shift(effects, fit.sd)


def model_groups(data: Modelled) -> tuple[Row, Shift | None]:
    """Compare all groups by the model, and give their adjusted means.

    Parameters
    ----------
    data : Modelled
        Two groups or more.

    Returns
    -------
    row : dict
        Columns of the test.
    shift : Shift or None
        None where there is no estimate; the row says why.
    """
    fit, reason = _fitted(data)
    row: Row = {"statistic_name": "F", "warning": reason}
    if fit is None:
        return row, None
    # orthonormal contrasts, so that degrees of freedom do not depend on the order of the groups
    weights = linalg.helmert(data.k)[:, 1:]
    joint = joint_test(weights, fit.means, fit.covariance, fit.degrees)
    if "p_value" not in joint:
        return row | {"warning": join_reasons(reason, joint["warning"])}, None
    joint |= fit.scaled(weights, joint["statistic"])
    return row | joint, _shift(fit, data, float(joint["df_denom"]))


def model_pair(data: Modelled, alternative: str) -> tuple[Row, Shift | None]:
    """Compare two groups by the model, first less second, and give their adjusted means.

    Parameters
    ----------
    data : Modelled
        Two groups.
    alternative : {"two-sided", "less", "greater"}
        Whether the first group differs, is lower or higher.

    Returns
    -------
    row : dict
        Columns of the test.
    shift : Shift or None
        None where there is no estimate; the row says why.
    """
    fit, reason = _fitted(data)
    row: Row = {
        "statistic_name": "t",
        "estimator": "difference of adjusted means",
        "warning": reason,
    }
    if fit is None:
        return row, None
    found = contrast_rows(-np.eye(1), fit.means, fit.covariance, fit.degrees, 0.95)[0]
    if np.isnan(found["statistic"]):
        problem = "no standard error: the variance of the estimate is not positive"
        return row | {"warning": join_reasons(reason, problem)}, None
    t, df, p_value = found["statistic"], found["df"], found["p_value"]
    if alternative != "two-sided":
        p_value = float(stats.t.sf(t if alternative == "greater" else -t, df))
    row |= {"estimate": fit.unit * found["estimate"], "statistic": t, "df": df, "p_value": p_value}
    return row, _shift(fit, data, df)

"""Rows of `modality_contrasts`: values that are finished, resampled in whole units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from ...arguments import DEPENDENCE
from ...kernels.permutation.arrangements import dense_codes
from ...kernels.ranks.dominance import dominance
from ...kernels.sampling.bootstrap import bootstrap_means
from ...kernels.sampling.multiway import Variance, bootstrap_medians, draw_variance, infer, two_way
from ...kernels.scale import unit_factor
from ...results.frame import join_reasons
from ...types import Floats, Ints, Row
from ..ranks.two_groups import RANK_BISERIAL
from ..shared.adjust import adjust_p

_ESTIMATORS = {
    "ccc": "difference of mean concordances",
    "median": "difference of medians",
    "correlation": "difference of mean Fisher z",
}
_CONSTANT = "the values do not vary"
#: A standard error below this part of the largest value is rounding error.
_FLAT = 1e-12
_NO_DRAWS = "no bootstrap: n_resamples is below 2"

_KINDS = ("items", "participants", "cells", "annotations")

UNITS = {
    ("item",): "bootstrap of items",
    ("participant",): "bootstrap of participants",
    ("item", "participant"): "bootstrap of items and of participants, two-way variance",
}


@dataclass(frozen=True)
class Finished:
    """Finished values of one dimension, or of one modality.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Values, NaN where there is none.
    group : ndarray of int, shape (n,)
        Position in `levels`, -1 for none.
    item, person : ndarray of int, shape (n,)
        Units; a person of -1 stands for several.
    levels : list of str
        Modalities, pairs of them, or dimensions.
    """

    values: Floats
    group: Ints
    item: Ints
    person: Ints
    levels: list[str]


@dataclass(frozen=True)
class Options:
    """What is asked of a contrast."""

    quantity: str
    clusters: tuple[str, ...]
    adjust: str
    conf_level: float
    n_resamples: int


#: Columns in the unit of the values.
_WITH_UNIT = ("estimate", "estimate1", "estimate2", "std_error", "conf_low", "conf_high")


def contrast_rows(
    all_values: Finished,
    asked: Sequence[str],
    options: Options,
    rng: np.random.Generator,
) -> list[Row]:
    """Rows of all pairs of groups."""
    pairs = list(combinations(range(len(all_values.levels)), 2))
    base: Row = {
        "quantity": options.quantity,
        "estimator": _ESTIMATORS[options.quantity],
        "p_adjust_method": options.adjust,
        "conf_level": options.conf_level,
        "n_resamples": 0,
    }
    if not pairs:
        zero = dict.fromkeys(("n", "n1", "n2", "n_items", "n_participants", "n_missing"), 0)
        what = "pairs of modalities" if options.quantity == "correlation" else "groups"
        reason = {"warning": f"there are no two {what} to compare"}
        return [base | zero | reason | {"dependence": how} for how in asked]
    rows = []
    streams = dict(zip(DEPENDENCE, rng.spawn(len(DEPENDENCE)), strict=True))
    # medians have the unit of the ratings: in one of their own size no square vanishes
    median = options.quantity == "median"
    unit = float(unit_factor(all_values.values, None).item()) if median else 1.0
    scaled = replace(all_values, values=all_values.values * unit)
    for how in asked:
        sampler = _Sampler(scaled, options, streams[how])
        part = [
            base | _pair_row(_pair(scaled, *pair, options), how, sampler, options) for pair in pairs
        ]
        for row in part:
            row.update({key: row[key] / unit for key in _WITH_UNIT if key in row})
        adjusted = adjust_p([row.get("p_value", np.nan) for row in part], options.adjust)
        rows += [row | {"p_adjusted": p} for row, p in zip(part, adjusted, strict=True)]
    return rows


@dataclass(frozen=True)
class _Pair:
    """Values of two groups without missing ones; `group` is 0 and 1."""

    places: tuple[int, int]
    names: tuple[str, str]
    values: Floats
    group: Ints
    item: Ints
    person: Ints
    n_missing: int

    def of(self, code: int) -> Floats:
        """Values of one group."""
        members: Floats = self.values[self.group == code]
        return members

    def units(self, kind: str) -> Ints:
        """Unit of each value: its item, its person, both, or itself."""
        if kind == "annotations":
            return np.arange(len(self.values))
        if kind == "cells":
            return self.item * (int(self.person.max(initial=0)) + 1) + self.person
        return self.item if kind == "items" else self.person


def _pair(every: Finished, first: int, second: int, options: Options) -> _Pair:
    """Values of two groups; of correlations, items that have both."""
    asked = (every.group == first) | (every.group == second)
    use = asked & ~np.isnan(every.values)
    n_missing = int((asked & ~use).sum())
    if options.quantity == "correlation":
        n_items = int(every.item.max(initial=-1)) + 1
        both = np.bincount(every.item[use], minlength=n_items) == 2
        use &= both[every.item]
        n_missing = len(np.unique(every.item[asked])) - int(both.sum())
    return _Pair(
        (first, second),
        (every.levels[first], every.levels[second]),
        every.values[use],
        (every.group[use] == second).astype(np.int64),
        every.item[use],
        every.person[use],
        n_missing,
    )


def _pair_row(pair: _Pair, how: str, sampler: _Sampler, options: Options) -> Row:
    first, second = pair.of(0), pair.of(1)
    correlation = options.quantity == "correlation"
    row: Row = {
        "group1": pair.names[0],
        "group2": pair.names[1],
        "n1": len(first),
        "n2": len(second),
        "n": len(pair.values),
        "n_items": len(np.unique(pair.item)),
        "n_participants": 0 if correlation else len(np.unique(pair.person)),
        "n_missing": pair.n_missing,
        "dependence": how,
    }
    empty = [name for name, of in zip(pair.names, (first, second), strict=True) if not len(of)]
    if empty:
        return row | {"warning": f"no values in {', '.join(empty)}"}
    row |= _effect(first, second, options.quantity)
    if how == "design":
        return row | _design(pair, row["estimate"], sampler, options)
    if options.quantity == "median":
        return row | _mood(pair, row["estimate"], sampler, options)
    return row | _welch(first, second, options)


def _effect(first: Floats, second: Floats, quantity: str) -> Row:
    """Estimate and effect size."""
    if quantity == "median":
        one, two = float(np.median(first)), float(np.median(second))
        effect, name = dominance(first, second).delta, RANK_BISERIAL
    else:
        one, two = float(first.mean()), float(second.mean())
        name = "Cohen's d, pooled sd"
        df = len(first) + len(second) - 2
        squares = np.square(first - one).sum() + np.square(second - two).sum()
        effect = (one - two) / np.sqrt(squares / df) if df > 0 and squares > 0 else np.nan
    row = {"estimate": one - two, "estimate1": one, "estimate2": two}
    if quantity == "correlation":
        one, two = float(np.tanh(one)), float(np.tanh(two))
        row |= {"estimate1": one, "estimate2": two}
        effect, name = one - two, "difference of correlations"
    return row | {"effect_size": effect, "effect_size_name": name}


def _welch(first: Floats, second: Floats, options: Options) -> Row:
    """Welch's t of two samples."""
    row: Row = {"method": "Welch's t", "statistic_name": "t"}
    if min(len(first), len(second)) < 2:
        return row | {"warning": "a group has a single value"}
    error = np.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    if error <= _FLAT * max(np.abs(first).max(), np.abs(second).max()):
        return row | {"warning": _CONSTANT}
    test = stats.ttest_ind(first, second, equal_var=False)
    low, high = test.confidence_interval(options.conf_level)
    return row | {
        "std_error": error,
        "statistic": test.statistic,
        "df": test.df,
        "p_value": test.pvalue,
        "conf_low": low,
        "conf_high": high,
    }


def _mood(pair: _Pair, estimate: float, sampler: _Sampler, options: Options) -> Row:
    """Mood's median test; limits from single annotations drawn."""
    row: Row = {"method": "Mood's median test", "statistic_name": "chi-square"}
    if len(np.unique(pair.values)) == 1:
        return row | {"warning": _CONSTANT}
    middle = np.median(pair.values)
    table = np.array([[(pair.of(g) > middle).sum(), (pair.of(g) <= middle).sum()] for g in (0, 1)])
    reason = "no value lies above the common median"
    if (table.sum(axis=0) > 0).all():
        found = stats.chi2_contingency(table, correction=False)
        row |= {"statistic": found.statistic, "df": found.dof, "p_value": found.pvalue}
        reason = ""
    if options.n_resamples < 2:
        return row | {"warning": join_reasons(reason, _NO_DRAWS)}
    variance = sampler.variance("annotations", pair)
    test = infer(np.array([estimate]), variance, np.inf, options.conf_level)
    return row | {
        "method": "Mood's median test; limits by bootstrap of annotations",
        "std_error": test.std_error[0],
        "conf_low": test.low[0],
        "conf_high": test.high[0],
        "n_resamples": options.n_resamples,
        "warning": reason,
    }


def _design(pair: _Pair, estimate: float, sampler: _Sampler, options: Options) -> Row:
    """Student's t with the variance of whole items, whole participants or both."""
    clusters = options.clusters
    alone = options.quantity == "correlation"
    if alone and clusters == ("participant",):
        reason = "a correlation belongs to an item: no participants to draw"
        return {"method": UNITS[clusters], "warning": reason}
    clusters = ("item",) if alone else clusters
    row: Row = {"method": f"{UNITS[clusters]}, t", "statistic_name": "t"}
    used = [f"{kind}s" for kind in clusters]
    sizes = [len(np.unique(pair.units(kind))) for kind in used]
    if min(sizes) < 2:
        few = [f"one {kind[:-1]}" for kind, n in zip(used, sizes, strict=True) if n < 2]
        return row | {"warning": f"there is only {' and '.join(few)} to draw"}
    if options.n_resamples < 2:
        return row | {"warning": _NO_DRAWS}
    variance = sampler.variance(used[0], pair)
    if len(clusters) == 2:
        cells = sampler.variance("cells", pair)
        people = sampler.variance("participants", pair)
        variance = two_way(variance, people, cells, min(sizes))
    df = min(sizes) - 1
    test = infer(np.array([estimate]), variance, df, options.conf_level)
    row |= {"df": df, "n_resamples": options.n_resamples}
    if np.isnan(variance.value[0]):
        return row | {"warning": "too many resamples hold no value of a group"}
    if variance.value[0] <= (_FLAT * np.abs(pair.values).max()) ** 2:
        return row | {"warning": f"no spread between {' or '.join(used)}"}
    return row | {
        "std_error": test.std_error[0],
        "statistic": test.t[0],
        "p_value": test.p_value[0],
        "mc_error": test.mc_error[0],
        "conf_low": test.low[0],
        "conf_high": test.high[0],
    }


class _Sampler:
    """Bootstrap draws of all groups over one kind of units, each made when first asked for."""

    def __init__(self, values: Finished, options: Options, rng: np.random.Generator) -> None:
        self._options = options
        self._seeds = dict(zip(_KINDS, rng.spawn(len(_KINDS)), strict=True))
        self._draws: dict[str, Floats] = {}
        there = (values.group >= 0) & ~np.isnan(values.values)
        self._all = _Pair(
            (0, 0),
            ("", ""),
            values.values[there],
            values.group[there],
            values.item[there],
            values.person[there],
            0,
        )
        self._n_groups = len(values.levels)

    def variance(self, kind: str, pair: _Pair) -> Variance:
        """Variance of the difference of a pair when units of this kind are drawn."""
        n_units = len(np.unique(pair.units(kind)))
        if self._options.quantity == "correlation":  # its items are those that have both
            draws = self._draw(pair, kind, 2, np.random.default_rng(self._seeds[kind]))
            return draw_variance(draws[:, :1] - draws[:, 1:], n_units)
        if kind not in self._draws:
            self._draws[kind] = self._draw(self._all, kind, self._n_groups, self._seeds[kind])
        one, two = (self._draws[kind][:, [place]] for place in pair.places)
        return draw_variance(one - two, n_units)

    def _draw(self, values: _Pair, kind: str, n_groups: int, rng: np.random.Generator) -> Floats:
        units = dense_codes(values.units(kind))
        shape: dict[str, Any] = {
            "groups": values.group,
            "n_groups": n_groups,
            "n_resamples": self._options.n_resamples,
            "rng": rng,
        }
        if self._options.quantity == "median":
            return bootstrap_medians(values.values, units, **shape)
        return bootstrap_means(values.values, (units,), **shape)

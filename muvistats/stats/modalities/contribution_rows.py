"""Rows of `modality_contribution`: estimates with what is known of their spread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from ...kernels.sampling.multiway import (
    Inference,
    Variance,
    draw_variance,
    effective_df,
    infer,
    influence_variance,
    two_way,
    unit_sums,
)
from ...results.frame import join_reasons
from ...types import Floats, Row
from .contribution_moments import Moments, Spread, combinations_of, estimates, spread_of

_ABOVE = "above 1: corrected covariances scatter; see estimate_bounded"

UNITS = {
    ("item",): "items resampled",
    ("participant",): "participants, by influence",
    ("item", "participant"): "items resampled, with what participants share between items",
}


@dataclass(frozen=True)
class Options:
    """What is asked of a contribution."""

    target: str
    scope: str
    estimator: str
    corrected: bool
    start: float
    clusters: tuple[str, ...]
    conf_level: float


@dataclass(frozen=True)
class _Part:
    """One dimension: moments, estimates with their differences, draws and influences of them."""

    name: str
    order: list[str]
    moments: Moments
    values: Floats
    bounded: Floats
    spread: Spread
    problem: str


def _base(name: str, options: Options) -> Row:
    between = options.scope == "between_item"
    kind = "levels of items" if between else "mean trajectories"
    if options.estimator == "ewe":
        kind = "weighted mean trajectories"
    noise = "rater noise taken out" if options.corrected else "rater noise left in"
    return {
        "dimension": name,
        "scope": options.scope,
        "item": "all",
        "estimator": f"{kind}, {noise}",
        "conf_level": options.conf_level,
        "n_resamples": 0,
        "method": "dominance analysis",
    }


def no_row(name: str, options: Options, reason: str) -> Row:
    """The row of a part that has no estimate, with the reason."""
    zero = ("n", "n_annotations", "n_items", "n_participants", "n_missing")
    return (
        _base(name, options)
        | dict.fromkeys(zero, 0)
        | {
            "quantity": "r_squared",
            "modality": options.target,
            "warning": reason,
        }
    )


def _counts(moments: Moments, there: npt.NDArray[np.bool_]) -> Row:
    entered = there[moments.item] & moments.used.entered
    return {
        "n": int(moments.used.steps[there].sum()),
        "n_annotations": int(entered.sum()),
        "n_items": int(there.sum()),
        "n_participants": len(np.unique(moments.person[entered])),
        "n_missing": int((~there).sum()),
    }


def _places(order: list[str]) -> list[Row]:
    """What each value is: a quantity, and a modality or a pair of them."""
    names = order[:-1]
    pairs = list(combinations(names, 2))
    return [
        {"quantity": "r_squared", "modality": order[-1]},
        *({"quantity": key, "modality": name} for key in ("dominance", "share") for name in names),
        *(
            {"quantity": f"{key}_difference", "group1": first, "group2": second}
            for key in ("dominance", "share")
            for first, second in pairs
        ),
    ]


def part_of(name: str, order: list[str], moments: Moments, weights: Floats) -> _Part:
    """Estimates of one dimension; `weights` tell how often each item is drawn, (draw, item)."""
    there = moments.complete
    combine = combinations_of(len(order) - 1)
    problem = _problem(moments, order)
    none = np.full(len(combine), np.nan)
    every = np.ones((1, len(there)))
    bounded = estimates(moments.bounded(every))[0] @ combine.T if there.any() else none
    if problem:
        return _Part(name, order, moments, none, bounded, Spread(*[none[None]] * 3), problem)
    values = estimates(moments.pooled(every))[0] @ combine.T
    spread = spread_of(moments, weights) @ combine.T
    return _Part(name, order, moments, values, bounded, spread, "")


def _problem(moments: Moments, order: list[str]) -> str:
    """Why there is no estimate; empty where there is one."""
    there = moments.complete
    if not there.any():
        few = "two different raters" if moments.corrected else "a rater"
        return f"no item has {few} in each modality and time steps that all of them have"
    if moments.between and there.sum() <= len(order):
        return "too few items to regress their levels"
    return _undefined(moments.pooled(np.ones((1, len(there))))[0], order)


def _undefined(covariance: Floats, order: list[str]) -> str:
    """Why covariances give no regression; empty where they do."""
    flat = [name for name, v in zip(order, np.diagonal(covariance), strict=True) if not v > 0]
    if flat:
        return f"no variance that raters share in {', '.join(flat)}"
    if np.isnan(estimates(covariance[None])).any():
        return "predictors correlate by 1 or more, or explain nothing"
    return ""


def _reliability(moments: Moments, there: npt.NDArray[np.bool_]) -> Floats:
    """Share of the variance of each modality's mean that its raters have in common."""
    ones = there.astype(float)[None]
    shared, whole = (
        np.diagonal(moments.pooled(ones, which=which)[0]) for which in ("apart", "raw")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, shared / whole, np.nan)


def _variances(
    spread: Spread, moments: list[Moments], clusters: tuple[str, ...]
) -> tuple[Variance, Floats]:
    """Variances of estimates, and degrees of freedom."""
    entered = np.logical_or.reduce([each.entered for each in moments])
    item, person = moments[0].item[entered], moments[0].person[entered]
    n_items = len(np.unique(item))
    over_items = draw_variance(spread.draws, n_items)
    df_items = effective_df(spread.item_influence[np.unique(item)])
    if clusters == ("item",):
        return over_items, df_items
    influence = spread.influence[entered]
    over_people = influence_variance(influence, person)
    people = unit_sums(influence, person)
    if clusters == ("participant",):
        return over_people, effective_df(people)
    pairs = influence_variance(influence, item * (int(person.max()) + 1) + person)
    n_units = min(n_items, len(people))
    df = np.minimum(df_items, max(len(people) - 1, 0))
    return two_way(over_items, over_people, pairs, n_units, least="smaller"), df


@dataclass(frozen=True)
class _Tested:
    """Standard errors and tests, degrees of freedom, and why there are none."""

    found: Inference
    df: Floats
    problem: str


#: Between which values what has bounds lies; between two dimensions a difference has twice that.
_BOUNDS = {"share": (0.0, 1.0), "share_difference": (-1.0, 1.0)}

#: Points on the way to a limit, and standard errors at which it is given up.
_POINTS, _FAR = 33, 40.0


#: From gains, to first order, to what an estimate with bounds then is.
_Way = Callable[[Floats], Floats]


def _way(parts: list[_Part], i: int, influence: Floats) -> _Way:
    """Value i of a part, or that of the first less that of the second, as covariances move.

    They move in the direction of the items' influence. With few items the bend of the way is not
    well known, and covariances may be those of no series: the value is never nearer than the
    straight line is.
    """
    kind = str(_places(parts[0].order)[i]["quantity"])
    low, high = (bound * len(parts) for bound in _BOUNDS[kind])
    row = combinations_of(len(parts[0].order) - 1)[i]
    signs = (1.0, -1.0)[: len(parts)]
    value = sum(sign * part.values[i] for sign, part in zip(signs, parts, strict=True))
    several = np.square(influence).sum() > 0
    ways = [part.moments.toward(influence) for part in parts] if several else []

    def at(gains: Floats) -> Floats:
        straight: Floats = np.clip(value + gains, low, high)
        if not several:
            return straight
        moved = [estimates(way(gains)) @ row for way in ways]
        found = sum(sign * one for sign, one in zip(signs, moved, strict=True))
        return np.asarray(np.where(gains > 0, np.fmax(found, straight), np.fmin(found, straight)))

    return at


def _limit(at: _Way, gain: float) -> float:
    """The most extreme value on the way to a gain."""
    values = at(np.linspace(0.0, gain, _POINTS))
    return float(values.max() if gain > 0 else values.min())


def _gain_to_zero(at: _Way, std_error: float) -> float:
    """The smallest gain, to first order, at which the value is 0."""
    value = float(at(np.zeros(1))[0])
    if value == 0 or not std_error > 0:
        return 0.0
    gains = -np.sign(value) * std_error * np.linspace(0.0, _FAR, 40 * _POINTS + 1)
    for _ in range(8):
        left = at(gains) * np.sign(value) > 0
        if left.all():
            return float(gains[-1])
        first = int(np.argmin(left))
        gains = np.linspace(gains[first - 1], gains[first], _POINTS)
    return float(gains[-1])


def _test(parts: list[_Part], options: Options) -> _Tested:
    """Inference on one dimension, or on the difference of the first from the second."""
    first, *others = parts
    values, spread = first.values, first.spread
    for other in others:
        values, spread = values - other.values, spread - other.spread
    moments = [part.moments for part in parts]
    variance, df = _variances(spread, moments, options.clusters)
    found = infer(values, variance, df, options.conf_level)
    gains, low, high = values.copy(), found.low.copy(), found.high.copy()
    half = (found.high - found.low) / 2
    for i, place in enumerate(_places(first.order)):
        if place["quantity"] in _BOUNDS and half[i] > 0:
            way = _way(parts, i, spread.item_influence[:, i])
            low[i], high[i] = _limit(way, -half[i]), _limit(way, half[i])
            if "group1" in place:
                gains[i] = -_gain_to_zero(way, found.std_error[i])
    tested = replace(infer(gains, variance, df, options.conf_level), low=low, high=high)
    return _Tested(tested, df, _problem_of_test(tested, parts, options))


def _problem_of_test(found: Inference, parts: list[_Part], options: Options) -> str:
    """Why there is no interval at all; empty where there is one."""
    if not np.isnan(found.std_error).all():
        return ""
    moments = parts[0].moments
    units = {"item": moments.item, "participant": moments.person}
    used = [units[kind] for kind in options.clusters]
    entered = np.logical_or.reduce([part.moments.entered for part in parts])
    if min(len(np.unique(unit[entered])) for unit in used) < 2:
        return "no interval: there is one unit to draw"
    if len(parts[0].spread.draws) < 2 and options.clusters != ("participant",):
        return "no interval: n_resamples is below 2"
    return "no interval: too many resamples give no estimate"


def part_rows(part: _Part, options: Options) -> list[Row]:
    """Rows of one part: its estimate, interval and test."""
    there = part.moments.complete
    base = _base(part.name, options) | _counts(part.moments, there)
    places = _places(part.order)
    if part.problem:
        return [
            base | place | {"estimate_bounded": value, "warning": part.problem}
            for place, value in zip(places, part.bounded, strict=True)
        ]
    reliability = dict(zip(part.order, _reliability(part.moments, there), strict=True))
    tested = _test([part], options)
    rows = []
    for i, place in enumerate(places):
        row = base | _inference(place, part.values[i], tested, i, len(part.spread.draws), options)
        row["reliability"] = reliability.get(place.get("modality", ""), np.nan)
        row["estimate_bounded"] = part.bounded[i]
        if place["quantity"] == "r_squared" and part.values[i] > 1:
            row["warning"] = join_reasons(row["warning"], _ABOVE)
        rows.append(row)
    return rows


def _inference(
    place: Row, value: float, tested: _Tested, i: int, n_resamples: int, options: Options
) -> Row:
    """Columns of one value; only differences are tested."""
    found = tested.found
    row: Row = {
        "estimate": value,
        "std_error": found.std_error[i],
        "df": tested.df[i],
        "conf_low": found.low[i],
        "conf_high": found.high[i],
        "n_resamples": 0 if options.clusters == ("participant",) else n_resamples,
        "method": f"dominance analysis; {UNITS[options.clusters]}",
        "warning": tested.problem,
    }
    if "group1" in place:
        row |= {
            "statistic": found.t[i],
            "statistic_name": "t",
            "p_value": found.p_value[i],
            "mc_error": found.mc_error[i],
        }
    return place | row


def contrast_rows(first: _Part, second: _Part, options: Options) -> list[Row]:
    """Differences between predictors in one dimension less those in another."""
    places = _places(first.order)
    chosen = [i for i, place in enumerate(places) if "group1" in place]
    there = first.moments.complete & second.moments.complete
    base = _base(f"{first.name} - {second.name}", options) | _counts(first.moments, there)
    problem = join_reasons(
        *(f"{part.name}: {part.problem}" for part in (first, second) if part.problem)
    )
    bounded = first.bounded - second.bounded
    if problem:
        return [
            base | places[i] | {"estimate_bounded": bounded[i], "warning": problem} for i in chosen
        ]
    values = first.values - second.values
    tested = _test([first, second], options)
    return [
        base
        | _inference(places[i], values[i], tested, i, len(first.spread.draws), options)
        | {"estimate_bounded": bounded[i]}
        for i in chosen
    ]


def item_rows(name: str, order: list[str], moments: Moments, options: Options) -> list[Row]:
    """Each item on its own."""
    few = "two different raters" if moments.corrected else "a rater"
    places = [place for place in _places(order) if "modality" in place]
    rows: list[Row] = []
    for i, item in enumerate(moments.items):
        there = np.arange(len(moments.items)) == i
        known = bool(moments.complete[i])
        base = _base(name, options) | _counts(moments, there)
        base |= {"item": item, "n_items": int(known), "n_missing": int(not known)}
        values, bounded = (np.full(len(places), np.nan) for _ in range(2))
        reliability: dict[str, Any] = {}
        problem = f"a modality without {few}, or no time step that all raters have"
        if known:
            covariance = moments.used.products[i]
            bounded = estimates(moments.bounded(there[None].astype(float)))[0]
            problem = _undefined(covariance, order)
            reliability = dict(zip(order, _reliability(moments, there), strict=True))
        if not problem:
            values = estimates(covariance[None])[0]
        for value, bound, place in zip(values, bounded, places, strict=True):
            row = {"estimate": value, "estimate_bounded": bound, "conf_level": np.nan}
            row["warning"] = problem
            if place["quantity"] == "r_squared" and value > 1:
                row["warning"] = _ABOVE
            row["reliability"] = reliability.get(place["modality"], np.nan)
            rows.append(base | place | row)
    return rows

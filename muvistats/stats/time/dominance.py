"""Who leads when music and picture disagree, as an excerpt unfolds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from ...arguments import check_number, generator_of
from ...dataset.gate import takes_study
from ...dataset.interval import interval_of
from ...errors import DesignError
from ...kernels.permutation.arrangements import monte_carlo_p
from ...kernels.regression.dominance import (
    Products,
    dominance_weights,
    item_products,
    pooled_covariance,
    within_bounds,
)
from ...kernels.sampling.correlation import group_means
from ...kernels.sampling.multiway import draw_variance, effective_df, infer
from ...kernels.scale import unit_factor
from ...results.frame import join_reasons, result_frame
from ...types import Floats, Ints, Mask, Names, Rng, Row
from ..agreement.concordance import dynamic_dimensions
from ..agreement.trajectories import window_bounds
from ..shared.adjust import adjust_p
from ..shared.cells import Cells, text_codes

#: Standard errors by which two means must differ for a moment of conflict.
_BEYOND = 1.96

#: What is said of a window, and within which limits it lies.
_LIMITS = {
    "r_squared": (0.0, 1.0),
    "share": (0.0, 1.0),
    "share_difference": (-1.0, 1.0),
    "conflict": (0.0, np.inf),
    "conflict_share": (0.0, 1.0),
    "sides_with": (0.0, 1.0),
}


@dataclass(frozen=True)
class _Study:
    """One dimension: ratings in a unit of their size, sorted by item.

    `group` is the modality of each annotation, the target last.
    """

    values: Floats
    unit: float
    starts: Ints
    item: Ints
    group: Ints
    person: Ints


@result_frame(
    "dimension, window and quantity",
    "dimension window_start window_end quantity modality group1 group2 estimate chance std_error",
    "statistic statistic_name df p_value p_adjusted p_adjust_method mc_error conf_low conf_high",
    "conf_level n n_items n_participants n_missing n_resamples method",
)
@takes_study
def dominance_over_time(
    data: xr.DataTree,
    *,
    dimension: Names | None = None,
    modality: str = "audiovisual",
    window: float = 15.0,
    hop: float | None = None,
    start: float = 5.0,
    adjust: str = "holm",
    conf_level: float = 0.95,
    n_resamples: int = 2000,
    rng: Rng = 0,
) -> list[Row]:
    """How much music and picture weigh in each window, and which one audiovisual ratings follow.

    Parameters
    ----------
    data : DataTree
        The study, with a dynamic dimension and three modalities.
    modality : str
        Modality that the two others are set against.
    window : float
        Length of a window in seconds.
    hop : float, optional
        Seconds from one window to the next; the length of a window where not given.
    start : float
        Seconds at the beginning that do not enter: there the cursor still goes to its first place.

    Raises
    ------
    DataError
        When the study has no dynamic dimension.
    DesignError
        When there are not two modalities beside `modality`, or windows are too short or too long.

    See Also
    --------
    modality_contribution : The same over the whole excerpt, with participants' sampling.
    plot_dominance_over_time : Draws the frame.

    Notes
    -----
    In a window, each annotation is taken less its own mean over the window. Products of different
    raters, averaged over items and steps, give covariances without rater noise
    (`modality_contribution`). Where these do not fit together, the smallest part of the noise is
    left in that makes R squared at most 1 (`estimate_bounded` of that function). With one window
    over the whole excerpt both functions give the same. Quantities:

    - ``r_squared``, ``share``, ``share_difference``: general dominance weights as shares of R
      squared, and the first modality less the second, tested against 0.
    - ``conflict``: standard deviation of the difference between the two shared trajectories, on
      the stored scale, from the same covariances.
    - ``conflict_share``: share of moments (item and time step) at which the means of the two
      modalities differ by more than 1.96 standard errors from raters' noise.
    - ``sides_with``: of these moments, the share at which the mean of `modality` is nearer to the
      one or to the other. `chance` is the same with the `modality` ratings of other items, and p
      comes from permuting items among them. Noisy raters bring this share nearer to `chance`.

    Standard errors are those of items drawn with replacement; limits are Student's t, cut to what
    is possible, with degrees of freedom that tell how many items carry the estimate
    (`modality_contribution`). `p_adjusted` is over the windows of a dimension,
    for each quantity. An item enters a window if each modality has two different raters and they
    have time steps in common; the others are counted in `n_missing`. `n` counts time steps, or
    moments of conflict.

    References
    ----------
    Budescu, D. V. (1993). Dominance analysis: A new approach to the problem of relative
    importance of predictors in multiple regression. Psychological Bulletin, 114(3), 542-551.
    https://doi.org/10.1037/0033-2909.114.3.542

    Examples
    --------
    >>> from muvistats import dominance_over_time, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> found = dominance_over_time(study, window=27.5, dimension="arousal", n_resamples=99)
    >>> found["window_start"].unique().tolist()
    [5.0, 32.5]
    """
    names = dynamic_dimensions(data, dimension)
    if check_number("start", start) < 0:
        raise DesignError(f"start must be a number of seconds from 0, not {start!r}")
    cells = Cells.of(data)
    order = _order(cells.modalities, modality)
    time = data["annotations/time"].to_numpy()
    used = np.flatnonzero(time >= start)
    if not len(used):
        raise DesignError(f"start of {start:g} s is beyond the last time step, {time[-1]:g} s")
    bounds = window_bounds(time[used], window, hop)
    interval = interval_of(time[used])
    generator = generator_of(rng)
    n_items = len(np.unique(cells.item))
    drawn = generator.multinomial(n_items, np.full(n_items, 1 / n_items), size=n_resamples)
    weights = np.vstack([np.ones((1, n_items)), 1 - np.eye(n_items), drawn])
    mixed = np.array([generator.permutation(n_items) for _ in range(n_resamples)], dtype=np.int64)
    rows: list[Row] = []
    for name in names:
        study = _study(data, name, cells, order, used)
        of_dimension: list[Row] = []
        for low, high in bounds:
            place = {
                "dimension": name,
                "window_start": time[used[low]],
                "window_end": time[used[low]] + (high - low) * interval,
                "conf_level": conf_level,
                "method": "bounded dominance analysis; items resampled",
            }
            found = _window(
                study, low, high, order, weights, mixed.reshape(-1, n_items), conf_level
            )
            of_dimension += [place | row for row in found]
        rows += _adjusted(of_dimension, adjust)
    return rows


def _order(modalities: list[str], target: str) -> list[str]:
    """The two modalities that are compared, then the target."""
    others = [level for level in modalities if level != target]
    if target not in modalities or len(others) != 2:
        raise DesignError(
            f"two modalities beside {target} are set against each other; this study has "
            f"{', '.join(modalities)} (mv.select chooses among more)"
        )
    return [*others, target]


def _study(data: xr.DataTree, name: str, cells: Cells, order: list[str], used: Ints) -> _Study:
    """Ratings over the steps that enter, with what is known of each annotation."""
    annotations = data["annotations"].dataset
    values = annotations[name].transpose("annotation", "time").to_numpy()[:, used]
    values = np.where(cells.keep[:, None], values, np.nan)
    group = np.array([order.index(level) for level in cells.modalities], dtype=np.int64)
    item = np.unique(cells.item, return_inverse=True)[1][cells.of_annotation]
    unit = unit_factor(values, None).item()
    return _Study(
        values * unit,
        unit,
        cells.item_starts,
        item,
        group[cells.modality][cells.of_annotation],
        text_codes(annotations["participant"].to_numpy())[0],
    )


def _less_mean(values: Floats) -> Floats:
    """Each row less its own mean, missing steps left out; 0 to the last bit where it rests."""
    known = ~np.isnan(values)
    first = np.take_along_axis(values, known.argmax(axis=1)[:, None], axis=1)
    moved = values - first
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    out: Floats = moved - np.where(known, moved, 0.0).sum(axis=1, keepdims=True) / count
    return out


def _window(
    study: _Study,
    low: int,
    high: int,
    order: list[str],
    weights: Floats,
    mixed: Ints,
    conf_level: float,
) -> list[Row]:
    """Rows of one window."""
    block = _less_mean(study.values[:, low:high])
    apart, raw = (
        item_products(
            block,
            study.starts,
            study.group,
            study.person,
            np.ones(len(block)),
            n_groups=3,
            within=True,
            apart=apart,
        )
        for apart in (True, False)
    )
    there: Mask = np.all(~np.isnan(apart.products), axis=(1, 2))
    entered = apart.entered & there[study.item]
    counts = {
        "n": int(apart.steps[there].sum()),
        "n_items": int(there.sum()),
        "n_participants": len(np.unique(study.person[entered])),
        "n_missing": int((~there).sum()),
    }
    places = _places(order)
    if not there.any():
        reason = "no item has two different raters in each modality and time steps in common"
        return [counts | place | {"n_resamples": 0, "warning": reason} for place in places]
    draws = _weights_of(apart, raw, there, weights)
    sides = _sides(study, block, apart, there)
    draws = np.concatenate([draws, _siding(sides, weights[:, there])], axis=1)
    chance, p_value, error = _mismatched(sides, mixed, there)
    rows = _rows(places, draws, counts["n_items"], len(mixed), conf_level)
    for row in rows:
        row.update(
            counts | {"n": counts["n"] if row["quantity"] in _WEIGHTS else int(sides[0].sum())}
        )
        if row["quantity"] == "conflict":
            in_unit = ("estimate", "std_error", "conf_low", "conf_high")
            row |= {name: row[name] / study.unit for name in in_unit}
        if row["quantity"] == "sides_with":
            first = row["modality"] == order[0]
            row["chance"] = chance if first else 1 - chance
            row |= {"p_value": p_value, "mc_error": error}
    return rows


_WEIGHTS = ("r_squared", "share", "share_difference", "conflict", "conflict_share")


def _places(order: list[str]) -> list[Row]:
    """What each value is."""
    pair = {"group1": order[0], "group2": order[1]}
    return [
        {"quantity": "r_squared", "modality": order[2]},
        *({"quantity": "share", "modality": name} for name in order[:2]),
        {"quantity": "share_difference"} | pair,
        {"quantity": "conflict"} | pair,
        {"quantity": "conflict_share"} | pair,
        *({"quantity": "sides_with", "modality": name} for name in order[:2]),
    ]


def _weights_of(apart: Products, raw: Products, there: Mask, weights: Floats) -> Floats:
    """R squared, shares, their difference and the conflict, for each draw, (draw, 5)."""
    found = []
    for products, free in ((apart, True), (raw, False)):
        part = replace(
            products,
            products=products.products[there],
            noise=products.noise[there],
            means=products.means[there],
        )
        found.append(pooled_covariance(part, _known(weights[:, there]), between=False, apart=free))
    covariance = within_bounds(*found)
    r_squared, dominance = dominance_weights(covariance)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(r_squared[:, None] > 0, dominance / r_squared[:, None], np.nan)
    gap = covariance[:, 0, 0] + covariance[:, 1, 1] - 2 * covariance[:, 0, 1]
    return np.column_stack(
        [r_squared, shares, shares[:, 0] - shares[:, 1], np.sqrt(np.maximum(gap, 0.0))]
    )


def _known(weights: Floats) -> Floats:
    """Weights of draws; NaN where none of the items was drawn."""
    return np.where(weights.sum(axis=1, keepdims=True) > 0, weights, np.nan)


def _sides(
    study: _Study, block: Floats, apart: Products, there: Mask
) -> tuple[Floats, Ints, Floats]:
    """Moments of conflict and steps of each item, and how often another item's target sides.

    The last, (item, item), counts the moments of conflict of the first at which the target of the
    second is nearer to the first modality; ties, and moments at which it is missing, count half.
    """
    n = len(there)
    means = group_means(block, study.item * 3 + study.group, 3 * n)[0].reshape(n, 3, -1)[there]
    error = np.maximum(apart.noise[there][:, :2].mean(axis=0), 0.0).sum()
    gap = means[:, 0] - means[:, 1]
    known = ~np.isnan(means).any(axis=1)
    conflict = known & (np.abs(gap) > _BEYOND * np.sqrt(error))
    target = means[:, 2]
    near = np.zeros((len(means), len(means)))
    for i in range(len(means)):
        at = conflict[i]
        middle = (means[i, 0, at] + means[i, 1, at]) / 2
        toward = (target[:, at] - middle) * np.sign(gap[i, at])
        near[i] = (1 + np.nan_to_num(np.sign(toward))).sum(axis=1) / 2
    return conflict.sum(axis=1).astype(float), known.sum(axis=1), near


def _siding(sides: tuple[Floats, Ints, Floats], weights: Floats) -> Floats:
    """Share of moments with conflict, and of these with each modality, for each draw, (draw, 3)."""
    conflict, steps, near = sides
    with np.errstate(divide="ignore", invalid="ignore"):
        first = (weights @ np.diagonal(near)) / (weights @ conflict)
        return np.column_stack([weights @ conflict / (weights @ steps), first, 1 - first])


def _mismatched(
    sides: tuple[Floats, Ints, Floats], mixed: Ints, there: Mask
) -> tuple[float, float, float]:
    """Share of siding with the first modality by chance; p when items are permuted, its error."""
    conflict, _, near = sides
    total, n = conflict.sum(), len(conflict)
    if not total or n < 2:
        return np.nan, np.nan, np.nan
    chance = float((near.sum() - np.trace(near)) / (n - 1) / total)
    ranks = np.cumsum(there) - 1
    kept = there[mixed]  # the same number in each row: a permutation of the items that entered
    others = ranks[mixed[kept]].reshape(len(mixed), n)
    drawn = near[np.arange(n), others].sum(axis=1) / total
    off = np.abs([np.trace(near) / total - chance])
    p_value, error = monte_carlo_p(off, np.abs(drawn - chance)[:, None])
    return chance, float(p_value[0]), float(error[0])


def _rows(
    places: list[Row], draws: Floats, n_items: int, n_resamples: int, conf_level: float
) -> list[Row]:
    """Estimates with their limits, and the test of the difference of the shares."""
    n_left_out = len(draws) - 1 - n_resamples
    values, without, resamples = np.split(draws, [1, 1 + n_left_out])
    values = values[0]
    variance = draw_variance(resamples, n_items)
    gaps = np.nan_to_num(values - without)
    gaps[np.abs(gaps) <= 1e-12 * np.maximum(1, np.abs(values))] = 0  # rounding of equal numbers
    df = effective_df(gaps) if n_items > 1 else np.full(len(values), np.nan)
    found = infer(values, variance, df, conf_level)
    rows: list[Row] = []
    for i, place in enumerate(places):
        least, most = _LIMITS[place["quantity"]]
        row = place | {
            "estimate": values[i],
            "std_error": found.std_error[i],
            "df": df[i],
            "conf_low": np.clip(found.low[i], least, most),
            "conf_high": np.clip(found.high[i], least, most),
            "n_resamples": len(resamples),
            "warning": _reason(place["quantity"], values[i], found.std_error[i], n_items),
        }
        if place["quantity"] == "share_difference":
            row |= {
                "statistic": found.t[i],
                "statistic_name": "t",
                "p_value": found.p_value[i],
                "mc_error": found.mc_error[i],
            }
        rows.append(row)
    return rows


def _reason(quantity: str, value: float, error: float, n_items: int) -> str:
    """Why an estimate or its limits are missing."""
    if np.isnan(value):
        if quantity == "sides_with":
            return "no moment of conflict"
        return "a modality whose raters have no movement, or nothing but one, in common"
    if np.isnan(error):
        few = "there is one item" if n_items < 2 else "the resamples do not differ, or too few"
        return join_reasons(f"no interval: {few}")
    return ""


def _adjusted(rows: list[Row], method: str) -> list[Row]:
    """Rows of a dimension with p-values adjusted over its windows."""
    for quantity in ("share_difference", "sides_with"):
        chosen = [row for row in rows if row["quantity"] == quantity]
        once = [row for row in chosen if row.get("modality") in (None, chosen[0].get("modality"))]
        adjusted: Any = adjust_p([row.get("p_value", np.nan) for row in once], method)
        by_window = {row["window_start"]: p for row, p in zip(once, adjusted, strict=True)}
        for row in chosen:
            row |= {"p_adjusted": by_window[row["window_start"]], "p_adjust_method": method}
    return rows

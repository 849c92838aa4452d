"""What `modality_contribution` computes: covariances of an item's modalities, and draws of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ...kernels.raters.agreement import ewe
from ...kernels.regression.dominance import (
    Products,
    dominance_weights,
    item_products,
    pooled_covariance,
    within_bounds,
)
from ...kernels.scale import unit_factor
from ...types import Floats, Ints
from ..shared.cells import Cells, over_cells
from ..shared.study import people_codes


@dataclass(frozen=True)
class Moments:
    """Covariances of the modalities in each item, of one dimension.

    Parameters
    ----------
    items : list of str
        Items.
    apart, raw : Products
        Between different raters, and of the means as they are.
    item, person : ndarray of int, shape (annotation,)
        Position in `items`, and participant of each annotation.
    group : ndarray of int, shape (annotation,)
        Modality: predictors first, the target last.
    between : bool
        Whether levels of items are meant.
    corrected : bool
        Whether products between different raters enter the regression.
    """

    items: list[str]
    apart: Products
    raw: Products
    item: Ints
    person: Ints
    group: Ints
    between: bool
    corrected: bool

    @property
    def used(self) -> Products:
        """The products that enter the regression."""
        return self.apart if self.corrected else self.raw

    @property
    def complete(self) -> npt.NDArray[np.bool_]:
        """Items with every product."""
        missing = np.isnan(self.used.products).reshape(len(self.items), -1)
        return np.asarray(~np.any(missing, axis=1))

    @property
    def entered(self) -> npt.NDArray[np.bool_]:
        """Annotations of these items."""
        found = np.logical_and(self.complete[self.item], self.used.entered)
        return np.asarray(found, dtype=bool)

    def pooled(self, weights: Floats, which: Literal["used", "apart", "raw"] = "used") -> Floats:
        """Covariances over the complete items, (draw, group, group)."""
        chosen: Products = getattr(self, which)
        there = self.complete
        part = replace(
            chosen,
            products=chosen.products[there],
            noise=chosen.noise[there],
            means=chosen.means[there],
        )
        apart = which == "apart" or (which == "used" and self.corrected)
        return pooled_covariance(part, weights[:, there], between=self.between, apart=apart)

    @property
    def apart_from_mean(self) -> Floats:
        """What each item adds to the covariances over all of them, (item, group, group)."""
        there = self.complete
        base = self.pooled(np.ones((1, len(there))))[0]
        rest = np.where(there[:, None, None], self.used.products - base, 0.0)
        return np.asarray(rest / there.sum())

    def toward(self, influence: Floats) -> Callable[[Floats], Floats]:
        """Covariances on the way on which an estimate gains so much.

        Parameters
        ----------
        influence : ndarray of float, shape (item,)
            What each item adds to the estimate.

        Returns
        -------
        callable
            From gains, to first order, to covariances (gain, group, group). They change as those
            of items do that are high in the estimate: by their regression on it.
        """
        base = self.pooled(np.ones((1, len(influence))))[0]
        way = np.tensordot(influence, self.apart_from_mean, 1) / np.square(influence).sum()
        return lambda gains: np.asarray(base + gains[:, None, None] * way)

    def bounded(self, weights: Floats) -> Floats:
        """Covariances over the complete items that fit together, (draw, group, group)."""
        used, raw = self.pooled(weights), self.pooled(weights, "raw")
        return within_bounds(used, raw) if self.corrected else used


def within_moments(
    data: xr.DataTree,
    name: str,
    order: list[str],
    *,
    start: float,
    weighted: bool,
    corrected: bool,
) -> Moments:
    """Covariances over time of the trajectories of each item.

    Parameters
    ----------
    data : DataTree
        The study.
    name : str
        A dynamic dimension.
    order : list of str
        Modalities, the target last.
    start : float
        Seconds at the beginning that do not enter.
    weighted : bool
        Whether raters have their weights of the weighted estimator.
    corrected : bool
        Whether only different raters are multiplied.
    """
    cells = Cells.of(data)
    annotations = data["annotations"].dataset
    values = annotations[name]
    values = values.isel(time=np.flatnonzero(annotations["time"].to_numpy() >= start))
    modality = cells.modality[cells.of_annotation]
    group = np.array([order.index(level) for level in cells.modalities])[modality]
    person = pd.factorize(annotations["participant"].to_numpy())[0]
    weight = np.ones(len(group))
    if weighted:
        weight = over_cells(values, cells, lambda block, first: (ewe(block, first)[1],))[0]
    first = np.flatnonzero(np.diff(cells.item, prepend=-1))
    items = replace(cells, starts=cells.starts[first], item=cells.item[first], modality=0 * first)

    def of_block(block: Floats, starts: Ints, rows: Ints) -> tuple[npt.NDArray[Any], ...]:
        found = [
            item_products(
                block,
                starts,
                group[rows],
                person[rows],
                weight[rows],
                n_groups=len(order),
                within=True,
                apart=apart,
            )
            for apart in (True, False)
        ]
        return tuple(getattr(part, key) for part in found for key in _FIELDS)

    parts = over_cells(values, items, of_block, rows=np.arange(len(group)))
    apart, raw = parts[: len(_FIELDS)], parts[len(_FIELDS) :]
    return Moments(
        [cells.items[code] for code in items.item],
        Products(*apart),
        Products(*raw),
        items.of_annotation,
        person,
        group,
        between=False,
        corrected=corrected,
    )


_FIELDS = ("products", "noise", "means", "slope", "steps", "raters", "entered")


def between_moments(
    frame: pd.DataFrame, name: str, order: list[str], *, corrected: bool
) -> Moments:
    """Products of the levels of each item, relative to the mean level of each modality.

    Parameters
    ----------
    frame : DataFrame
        Annotation frame.
    name : str
        The dimension.
    order : list of str
        Modalities, the target last.
    corrected : bool
        Whether only different raters are multiplied.
    """
    item, names = pd.factorize(frame["item"])
    rows = np.argsort(item, kind="stable")
    item = item[rows]
    modality = frame["modality"].astype("str").to_numpy()[rows]
    group = pd.Index(order).get_indexer(pd.Index(modality))
    person = people_codes(frame)[rows]
    values = frame[name].to_numpy(dtype=float)[rows]
    values = np.where(group >= 0, values, np.nan)
    values = values * unit_factor(values, None)  # slopes and shares have no unit
    group = np.maximum(group, 0)
    starts = np.flatnonzero(np.diff(item, prepend=-1))
    centred = np.full(len(values), np.nan)
    cell_mean = pd.Series(values).groupby([item, group]).transform("mean").to_numpy()
    for code in range(len(order)):  # a mean of items, so that each counts once
        of = group == code
        means = pd.Series(cell_mean[of]).groupby(item[of]).first()
        centred[of] = values[of] - (means.mean() if len(means) else np.nan)
    found = [
        item_products(
            centred[:, None],
            starts,
            group,
            person,
            np.ones(len(values)),
            n_groups=len(order),
            within=False,
            apart=apart,
        )
        for apart in (True, False)
    ]
    return Moments(
        [str(name) for name in names],
        found[0],
        found[1],
        item,
        person,
        group,
        between=True,
        corrected=corrected,
    )


def estimates(covariance: Floats) -> Floats:
    """R squared, dominance weights and their shares of it, side by side, (draw, 1 + 2 p)."""
    r_squared, weights = dominance_weights(covariance)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = weights / r_squared[..., None]
    shares = np.where(r_squared[..., None] > 0, shares, np.nan)
    return np.concatenate([r_squared[..., None], weights, shares], axis=-1)


def combinations_of(p: int) -> Floats:
    """Rows that turn `estimates` into those, and the differences between predictors."""
    eye = np.eye(1 + 2 * p)
    pairs = list(combinations(range(p), 2))
    differences = [eye[1 + block + i] - eye[1 + block + j] for block in (0, p) for i, j in pairs]
    return np.vstack([eye, *differences])


@dataclass(frozen=True)
class Spread:
    """How the estimates vary from sample to sample.

    Parameters
    ----------
    draws : ndarray of float, shape (n_resamples, estimate)
        Estimates when items are drawn with replacement.
    influence : ndarray of float, shape (annotation, estimate)
        What the estimates gain when the annotation counts for more.
    item_influence : ndarray of float, shape (item, estimate)
        The same of items.
    """

    draws: Floats
    influence: Floats
    item_influence: Floats

    def __matmul__(self, combine: Floats) -> Spread:
        """Spread of linear combinations of the estimates."""
        parts = (self.draws, self.influence, self.item_influence)
        return Spread(*(part @ combine for part in parts))

    def __sub__(self, other: Spread) -> Spread:
        """Spread of differences from estimates of the same annotations."""
        return Spread(
            self.draws - other.draws,
            self.influence - other.influence,
            self.item_influence - other.item_influence,
        )


def spread_of(moments: Moments, weights: Floats) -> Spread:
    """Draws over items, and the influence of each annotation.

    Parameters
    ----------
    moments : Moments
        Of one dimension.
    weights : ndarray of float, shape (n_resamples, item)
        How often each item was drawn.
    """
    there = moments.complete
    k = moments.used.products.shape[1]
    enough = (weights[:, there] > 0).sum(axis=1) > (k if moments.between else 0)
    draws = np.full((len(weights), 1 + 2 * (k - 1)), np.nan)
    if enough.any():
        draws[enough] = estimates(moments.pooled(weights[enough]))
    base = moments.pooled(np.ones((1, len(there))))[0]
    gradient = _gradient(base)
    slope = moments.used.slope * there[moments.item][:, None] / there.sum()
    influence = np.einsum("ag,ags->as", slope, gradient[moments.group])
    upper = np.triu(np.ones((k, k)))
    of_items = np.einsum("iab,abs,ab->is", moments.apart_from_mean, gradient, upper)
    return Spread(draws, influence, of_items)


def _gradient(covariance: Floats, step: float = 1e-5) -> Floats:
    """Derivatives of the estimates by each pair of groups, (group, group, estimate).

    An element off the diagonal stands for both of its places at once.
    """
    k = len(covariance)
    size = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    out = np.zeros((k, k, 1 + 2 * (k - 1)))
    for i, j in zip(*np.triu_indices(k), strict=True):
        change = np.zeros((k, k))
        change[i, j] = change[j, i] = step * size[i] * size[j]
        up, down = estimates(np.stack([covariance + change, covariance - change]))
        out[i, j] = out[j, i] = (up - down) / (2 * max(change[i, j], np.finfo(float).tiny))
    return out

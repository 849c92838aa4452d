"""Agreement by the number of raters whose mean is taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr

from ...arguments import check_choices, check_conf_level, check_count, generator_of
from ...dataset.access import need_people
from ...dataset.gate import takes_study
from ...dataset.sessions import by_rater
from ...errors import DesignError
from ...kernels.raters.agreement import ccc, ewe, shared_variance
from ...kernels.raters.left_out import spread_of
from ...kernels.sampling.multiway import (
    Variance,
    effective_df,
    infer,
    influence_variance,
    two_way,
    unit_sums,
)
from ...kernels.scale import unit_factor
from ...results.frame import Rows, result_frame
from ...types import Floats, Mask, Names, Rng, Row
from ..shared.cells import Cells, has_value, text_codes
from ..shared.study import choose_dimensions
from .chance_corrected import z_limits
from .concordance import modality_masks
from .intraclass import icc

Measure = Literal["icc", "ccc", "ewe"]

_MEASURES = ("icc", "ccc", "ewe")
_ESTIMATORS = {
    "icc": "ICC(A,k)",
    "ccc": "CCC of two means of k raters",
    "ewe": "CCC of two EWE of k raters",
}
_METHODS = {
    "icc": "Spearman-Brown from ICC(A,1), one value per annotation",
    "ccc": "Spearman-Brown from covariances of raters over time",
    "ewe": "raters of a cell dealt into two sets",
}

_STATIC = "rated once, not over time"
_FEW = "no item has so many raters twice"
_ONE = "there is one item or one rater"
_OF_ITEMS = "limits stand for other items with the same raters"


@result_frame(
    "measure, dimension, modality and number of raters",
    "dimension modality estimator n_raters estimate conf_low conf_high conf_level n n_items",
    "n_participants method",
)
@takes_study
def agreement_by_raters(
    data: xr.DataTree,
    *,
    measure: Measure | Sequence[Measure] = ("icc", "ccc", "ewe"),
    n_raters: Sequence[int] = (1, 2, 3, 5, 8, 12, 20),
    dimension: Names | None = None,
    n_splits: int = 20,
    conf_level: float = 0.95,
    rng: Rng = 0,
) -> Rows:
    """How agreement grows with the number of raters whose mean is taken.

    Parameters
    ----------
    data : DataTree
        The study.
    measure : {"icc", "ccc", "ewe"} or several
        Absolute agreement of the medians of annotations, concordance over time of two means, or
        of two weighted estimators; see Notes.
    n_raters : sequence of int
        Numbers of raters.
    n_splits : int
        How often the raters of an item are dealt into two sets (``"ewe"``).

    Raises
    ------
    DataError
        When the study does not say who rated, or has no such dimension.
    DesignError
        For a measure that there is none of, or a number that makes no sense.

    See Also
    --------
    icc : One number of raters, in six forms.
    interrater_ccc : One rater against all others.
    noise_ceiling : The mean of the raters that there are against the truth.

    Notes
    -----
    Reliability is a property of a number of raters: two laboratories whose raters agree equally
    report different values when one asked more of them. From that of a single rater, r, follows
    that of the mean of k, ``k r / (1 + (k - 1) r)`` (Spearman and Brown).

    - ``"icc"``: r is ICC(A,1) with its limits, from `icc`.
    - ``"ccc"``: two means of k raters each, who are different people, rate the same item. With C
      the covariance of two raters over time, V the variance of one and B the variance of their
      levels, averaged over items, ``r = C / (V + B)``. The limits stand for other items and other
      raters: a jackknife of items, plus one of raters, less one of single ratings. They are
      Student's t on the scale of Fisher's z for the k ratings that an item has on average,
      ``log((1 + (k - 1) r) / (1 - r))``, with two degrees of freedom less than items or raters, or
      fewer where a few lively items count for most. In simulated studies limits of 95% held the
      true value in .93 to .95 with 27 and more items, and in .90 to .92 with 12, nearly always
      missed from below.
    - ``"ewe"``: the same for two weighted estimators (`ewe`), which no formula gives: the raters
      of each item and modality are dealt into two sets of k, `n_splits` times. There must be 2 k
      of them. The limits take the raters as given and are short.

    A negative r counts as 0 for more than one rater. Excluded annotations, and ratings that
    are missing, are left out. Who rated
    in several sessions enters once in ``"ccc"`` and ``"ewe"``, with the mean of them. A dimension
    is read into memory as a whole. `n` counts ratings (``"icc"``), or items and modalities.

    References
    ----------
    Spearman, C. (1910). Correlation calculated from faulty data. British Journal of Psychology,
    3(3), 271-295. https://doi.org/10.1111/j.2044-8295.1910.tb00206.x

    Brown, W. (1910). Some experimental results in the correlation of mental abilities. British
    Journal of Psychology, 3(3), 296-322. https://doi.org/10.1111/j.2044-8295.1910.tb00207.x

    Examples
    --------
    >>> from muvistats import agreement_by_raters, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> found = agreement_by_raters(study, measure="icc", dimension="arousal", n_raters=(1, 9))
    >>> found.query("modality == 'all'")["estimate"].round(2).tolist()
    [0.44, 0.87]
    """
    need_people(data)
    measures = check_choices("measure", measure, _MEASURES)
    if isinstance(n_raters, str) or not np.iterable(n_raters) or not len(list(n_raters)):
        raise DesignError(f"n_raters must be whole numbers from 1, not {n_raters!r}")
    sizes = sorted({check_count("n_raters", each, least=1) for each in n_raters})
    check_count("n_splits", n_splits, least=1)
    check_conf_level(conf_level)
    generator = generator_of(rng)
    rows: list[Row] = []
    for name in choose_dimensions(data, dimension):
        for each in measures:
            if each == "icc":
                found = _of_medians(data, name, sizes, conf_level)
            else:
                over_time = _OverTime(data, name)
                found = over_time.rows(each, sizes, n_splits, conf_level, generator)
            told = {"estimator": _ESTIMATORS[each], "method": _METHODS[each]}
            rows += [{"dimension": name, "conf_level": conf_level} | told | row for row in found]
    return rows


def spearman_brown(reliability: float, n_raters: int) -> float:
    """Reliability of a mean of raters from that of one; below 0 it is 0 for several."""
    if n_raters == 1 or np.isnan(reliability):
        return reliability
    single = max(reliability, 0.0)
    return n_raters * single / (1 + (n_raters - 1) * single)


def _grown(single: Row, sizes: Sequence[int]) -> list[Row]:
    """A row for each number of raters, from the reliability of one and its limits."""
    names = ("estimate", "conf_low", "conf_high")
    return [
        single
        | {"n_raters": size}
        | {name: spearman_brown(single.get(name, np.nan), size) for name in names}
        for size in sizes
    ]


def _of_medians(data: xr.DataTree, name: str, sizes: Sequence[int], conf_level: float) -> list[Row]:
    """ICC(A,k) of the medians of annotations."""
    columns = ["modality", "estimate", "conf_low", "conf_high", "n", "n_items", "n_participants"]
    found = icc(data, dimension=name, conf_level=conf_level).query("estimator == 'ICC(A,1)'")
    parts = found[[*columns, "warning"]].fillna({"warning": ""})
    names = [str(column) for column in parts]
    singles = [dict(zip(names, row, strict=True)) for row in parts.itertuples(index=False)]
    return [row for single in singles for row in _grown(single, sizes)]


class _OverTime:
    """Trajectories of one dimension, their cells and their raters.

    Parameters
    ----------
    data : DataTree
        The study.
    name : str
        The dimension.
    """

    def __init__(self, data: xr.DataTree, name: str) -> None:
        data, _ = by_rater(data)
        annotations = data["annotations"].dataset
        self.cells = Cells.of(data)
        self.is_static = "time" not in annotations[name].dims
        values = annotations[name].transpose("annotation", ...).to_numpy()
        values = values.reshape(len(values), -1)
        rated = self.cells.keep & has_value(values)
        self.values = np.where(rated[:, None], values, np.nan)
        self.values = self.values * unit_factor(self.values[np.isfinite(self.values)], None)
        self.people = text_codes(annotations["participant"].to_numpy())[0]
        self.ratings = max(rated.sum() / max(len(self.cells.items), 1), 2.0)  # of an item

    def rows(
        self, measure: str, sizes: Sequence[int], n_splits: int, level: float, rng: Any
    ) -> list[Row]:
        """Rows of each modality."""
        masks = modality_masks(self.cells, self.cells.modality)
        if self.is_static:
            missing = {"n": 0, "n_items": 0, "n_participants": 0, "warning": _STATIC}
            return [missing | {"modality": m, "n_raters": k} for m, _ in masks for k in sizes]
        if measure == "ewe":
            split = {size: self._split(size, n_splits, rng) for size in sizes}
            return [
                self._count(use) | {"modality": modality, "n_raters": size} | row
                for modality, use in masks
                for size in sizes
                for row in [self._of_items(split[size], use, level)]
            ]
        parts, without = shared_variance(self.values, self.cells.starts)
        return [
            row | {"modality": modality}
            for modality, use in masks
            for row in _grown(self._of_one(parts, without, use, level), sizes)
        ]

    def _count(self, use: Mask) -> Row:
        """Cells, items and people of a row."""
        entered = use[self.cells.of_annotation] & has_value(self.values)
        chosen = np.unique(self.cells.of_annotation[entered])
        return {
            "n": len(chosen),
            "n_items": len(np.unique(self.cells.item[chosen])),
            "n_participants": len(np.unique(self.people[entered])),
        }

    def _of_one(self, parts: Floats, without: Floats, use: Mask, conf_level: float) -> Row:
        """Concordance of two raters, from what they share and have, averaged over cells."""
        use = use & np.isfinite(parts).all(axis=1)
        row = self._count(use)
        if not use.any():
            return row | {"warning": "no item has two raters"}
        used = parts[use]
        shared, own, levels = used.mean(axis=0)
        if own + levels == 0:
            return row | {"warning": "nobody moves, and all are equal"}
        single = shared / (own + levels)
        slope = np.array([1.0, -single, -single]) / (own + levels) / len(used)
        cell = self.cells.of_annotation
        entered = use[cell] & np.isfinite(without).all(axis=1)
        loss = (parts[cell[entered]] - without[entered]) @ slope
        loss = (loss - loss.mean())[:, None] if len(loss) else loss[:, None]
        fewest = min(row["n_items"], row["n_participants"])
        people = self.people[entered]
        of_people = influence_variance(loss, people)
        alone = influence_variance(loss, np.arange(len(loss)), out_of=len(np.unique(people)))
        left = used.sum(axis=0) - unit_sums(used, self.cells.item[use])
        with np.errstate(divide="ignore", invalid="ignore"):
            left = left[:, :1] / left[:, 1:].sum(axis=1, keepdims=True)
        variance = two_way(spread_of(left), of_people, alone, fewest)
        df = np.minimum(effective_df(left - left.mean(axis=0)), fewest - 1) - 1
        silent = "without one of the items nobody moves"
        if fewest < 3:
            silent = "there are fewer than three items or raters"
        elif not len(loss):
            silent = "no item has three raters"
        limits = z_limits(np.array([single]), variance, df, conf_level, ratings=self.ratings)
        return row | {"estimate": single} | _between(*limits, silent)

    def _split(self, size: int, n_splits: int, rng: np.random.Generator) -> Floats:
        """Mean concordance of two weighted estimators of disjoint raters, by cell."""
        rated = np.flatnonzero(has_value(self.values))
        cell = self.cells.of_annotation[rated]
        enough = np.bincount(cell, minlength=len(self.cells.starts)) >= 2 * size
        rated, cell = rated[enough[cell]], cell[enough[cell]]
        out = np.full(len(enough), np.nan)
        if not len(rated):
            return out
        starts = np.flatnonzero(np.diff(cell, prepend=-1))
        first = np.repeat(starts, np.diff(starts, append=len(cell)))
        found = []
        for _ in range(n_splits):
            order = np.lexsort((rng.random(len(cell)), cell))
            place = np.arange(len(cell)) - first
            halves = []
            for low in (0, size):
                members = np.sort(rated[order[(place >= low) & (place < low + size)]])
                halves.append(ewe(self.values[members], np.arange(0, len(members), size))[0])
            found.append(ccc(*halves))
        with_value = np.isfinite(found).sum(axis=0)
        total = np.nansum(found, axis=0)
        np.divide(total, with_value, out=total, where=with_value > 0)
        out[enough] = np.where(with_value > 0, total, np.nan)
        return out

    def _of_items(self, values: Floats, use: Mask, conf_level: float) -> Row:
        """Mean over cells, with limits by items."""
        use = use & np.isfinite(values)
        row = self._count(use)
        if not use.any():
            return row | {"warning": _FEW}
        mean = values[use].mean()
        influence = (values[use] - mean)[:, None] / use.sum()
        variance = influence_variance(influence, self.cells.item[use])
        found = _limits(mean, variance, row["n_items"] - 1, conf_level)
        return row | found | {"warning": found["warning"] or _OF_ITEMS}


def _limits(estimate: float, variance: Variance, df: int, conf_level: float) -> Row:
    """An estimate with its limits, or why it has none."""
    test = infer(np.array([estimate]), variance, df, conf_level)
    return {"estimate": estimate} | _between(test.low, np.minimum(test.high, 1.0), _ONE)


def _between(low: Floats, high: Floats, silent: str) -> Row:
    """Limits, or why there are none."""
    reason = f"no interval: {silent}" if np.isnan(low[0]) else ""
    return {"conf_low": float(low[0]), "conf_high": float(high[0]), "warning": reason}

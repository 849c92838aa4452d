"""How far raters agree with the weighted estimator of the others."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ...arguments import (
    check_cluster,
    generator_of,
)
from ...dataset.access import need_study
from ...dataset.gate import takes_study
from ...dataset.sessions import by_session
from ...errors import DataError
from ...kernels.raters.agreement import leave_one_out_ccc, lost_by_others
from ...kernels.sampling.bootstrap import bootstrap_means
from ...kernels.sampling.correlation import fisher_limits
from ...kernels.sampling.multiway import (
    Variance,
    draw_variance,
    infer,
    influence_variance,
    two_way,
)
from ...results.frame import Rows, join_reasons, result_frame
from ...types import Floats, Ints, Mask, Names, Rng, Row
from ..shared.cells import Cells, has_value, over_cells, text_codes
from ..shared.study import choose_dimensions

T = TypeVar("T")


@result_frame(
    "annotation and dimension, or modality and dimension",
    "dimension modality item participant session ccc sd conf_low conf_high conf_level estimator n",
    "n_items n_participants n_resamples",
)
@takes_study
def interrater_ccc(
    data: xr.DataTree,
    *,
    level: Literal["modality", "annotation"] = "modality",
    dimension: Names | None = None,
    ddof: Literal[0, 1] = 0,
    cluster: Names = ("item", "participant"),
    n_resamples: int = 2000,
    conf_level: float = 0.95,
    rng: Rng = 0,
) -> Rows:
    """Concordance of each annotation with the weighted estimator of the other raters.

    Parameters
    ----------
    data : DataTree
        The study, with a dynamic dimension.
    level : {"modality", "annotation"}
        The mean and sd over annotations by modality and for all (the paper's Table 5), or one
        row per annotation.
    cluster : {"item", "participant"} or both
        What the interval at level `modality` resamples.

    Raises
    ------
    DataError
        When the study has no dynamic dimension.

    See Also
    --------
    ewe : The weighted estimator that raters are compared with.
    noise_ceiling : What a model could reach at best.
    modality_contrasts : Whether agreement differs between modalities.
    icc : Agreement as a share of variance.

    Notes
    -----
    ``CCC = 2 s_xy / (s_x^2 + s_y^2 + (m_x - m_y)^2)`` between annotation x and the estimator y of
    the others in its item and modality, whose weights are recomputed without x (see `ewe`). A
    cursor that never moved has 0 while the others move. Who goes against all others has a
    negative value, and no weight among the others of somebody else. Two raters are compared with
    each other; where one of them never moved, the other is NaN. A rater alone in the cell, or
    whose others have no positive weight, is NaN with the reason in `warning`, and so is an
    excluded annotation. A time step at which a rater of the cell is missing (the tail of a
    shorter annotation) is left out for all of them. `n` counts the raters of the cell, or the
    annotations with a value. Sessions are compared each by itself, since what somebody rated
    before is no other rater.

    Limits are Student's t on the scale of Fisher's z, which keeps them within -1 and 1 with few
    items. Degrees of freedom are the number of items or of participants, whichever is smaller, less
    one. The variance for both kinds is that over resamples of items, plus that of a jackknife over
    participants, less that of a jackknife over single ratings, since both of the former contain it,
    and no less than the smaller of the first two.
    The jackknife leaves out a rater's own values, and allows for how much the others agree without
    that rater. Limits over items (or participants) alone resample finished values, take the others
    as given, and are short: drawing raters and computing concordances anew would compare raters
    with copies of themselves. Where only one item (or participant) can be drawn, there is no
    interval. How often limits hold the truth in simulated studies is on the page on rates.

    References
    ----------
    Lin, L. I.-K. (1989). A concordance correlation coefficient to evaluate reproducibility.
    Biometrics, 45(1), 255-268. https://doi.org/10.2307/2532051

    Cameron, A. C., Gelbach, J. B., & Miller, D. L. (2011). Robust inference with multiway
    clustering. Journal of Business & Economic Statistics, 29(2), 238-249.
    https://doi.org/10.1198/jbes.2010.07136

    Examples
    --------
    >>> from muvistats import interrater_ccc, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> interrater_ccc(study, level="modality")["modality"].unique().tolist()
    ['music', 'visual', 'audiovisual', 'all']
    """
    clusters = check_cluster(cluster)
    need_study(data)
    data, back = by_session(data)
    annotations = data["annotations"].dataset
    cells = Cells.of(data, sessions=True)
    kernel = functools.partial(_leave_one_out, ddof=ddof, lost=level == "modality")
    estimator = f"leave-one-out EWE, moments by 1/{'n' if ddof == 0 else '(n - 1)'}"
    results = {
        name: over_cells(annotations[name], cells, kernel)
        for name in dynamic_dimensions(data, dimension)
    }
    if level == "annotation":
        columns = _annotation_rows(annotations, cells, results, back)
        return {**columns, "estimator": estimator}
    generator = generator_of(rng)
    items = cells.item[cells.of_annotation]
    people = text_codes(annotations["participant"].to_numpy())[0]
    units = tuple({"item": items, "participant": people}[kind] for kind in clusters)
    rows: list[Row] = []
    for name, (ccc, _, lost) in results.items():

        def mean_of(use: Mask, ccc: Floats = ccc, lost: Floats = lost) -> Row:
            drawn = tuple(unit[use] for unit in units)
            raters = None
            if len(units) == 2 and use.any():
                drawn, raters = drawn[:1], by_raters(ccc[use], lost[use], people[use], items[use])
            row = concordance_row(
                ccc[use], items[use], drawn, n_resamples, conf_level, generator, raters
            )
            return row | {"n_participants": _n_codes(people[use])}

        row_of = once_for_each_mask(mean_of)
        for modality, chosen in modality_masks(cells, cells.modality[cells.of_annotation]):
            row = {"dimension": name, "modality": modality, "estimator": estimator}
            row |= {"item": "all", "participant": "all"}
            rows.append(row | row_of(chosen & ~np.isnan(ccc)))
    return rows


def dynamic_dimensions(data: xr.DataTree, dimension: Names | None) -> list[str]:
    """Names of the dimensions that vary over time."""
    need_study(data)
    variables = data["annotations"].dataset.variables
    names = [name for name in choose_dimensions(data, dimension) if "time" in variables[name].dims]
    if not names:
        raise DataError("the study has no dynamic dimension", file="/annotations", column="time")
    return names


def _leave_one_out(
    values: Floats, starts: Ints, ddof: int, lost: bool
) -> tuple[npt.NDArray[Any], ...]:
    rated = has_value(values)
    sizes = np.add.reduceat(rated.astype(np.int64), starts)
    raters = np.where(rated, np.repeat(sizes, np.diff(starts, append=len(values))), 0)
    found = leave_one_out_ccc(values, starts, ddof), raters
    return (*found, lost_by_others(values, starts, ddof)) if lost else found


def by_raters(
    values: Floats, lost: Floats, people: Ints, items: Ints
) -> tuple[Variance, Variance, int]:
    """Variances of a mean concordance over raters and over single ratings; the number of raters.

    A rater adds the own values to the sum, and what those of the others lose without them. That
    concordances with fewer raters are lower on the whole is taken off first.
    """
    loss = np.nan_to_num(lost)
    influence = (values - values.mean() + loss - loss.mean())[:, None] / len(values)
    pairs = pd.factorize(people.astype(np.int64) * (int(items.max()) + 1) + items)[0]
    single = influence_variance(influence, np.asarray(pairs, dtype=np.int64))
    return influence_variance(influence, people), single, _n_codes(people)


def _annotation_rows(
    annotations: xr.Dataset,
    cells: Cells,
    results: dict[str, tuple[npt.NDArray[Any], ...]],
    back: Ints,
) -> dict[str, Any]:
    """Columns of the frame, one dimension below the other, rows in the order of the study."""
    parts = zip(*results.values(), strict=True)
    ccc, n_raters = (np.concatenate([part[back] for part in of_all]) for of_all in parts)
    n, rows = len(cells.keep), len(results)
    codes = np.empty((rows, n), dtype=np.intp)  # filled again for each column of text

    def text(levels: Any, of_annotation: Ints) -> Any:
        codes[:] = of_annotation if of_annotation.ndim == 2 else of_annotation[back]
        return pd.array(levels, dtype="str").take(codes.ravel())

    cell = cells.of_annotation
    people, names = text_codes(annotations.variables["participant"].to_numpy())
    keys = {
        "dimension": text(list(results), np.arange(rows)[:, None]),
        "modality": text(cells.modalities, cells.modality[cell]),
        "item": text(cells.items, cells.item[cell]),
        "participant": text(names.astype(object), people),
    }
    if "session" in annotations.coords:
        sessions, names = text_codes(annotations.variables["session"].to_numpy())
        keys["session"] = text(names.astype(object), sessions)
    undefined = np.isnan(ccc)
    warning: Any = ""
    if undefined.any():
        reason = np.select(
            [np.tile(~cells.keep[back], rows), n_raters == 0, n_raters == 1],
            ["excluded", "no values", "no other rater"],
            "the others have no positive weight, or no time step is common to all",
        )
        warning = np.where(undefined, reason.astype(object), "")
    return {
        **keys,
        "ccc": ccc,
        "n": n_raters,
        "n_items": 1,
        "n_participants": 1,
        "n_resamples": 0,
        "warning": warning,
    }


def modality_masks(cells: Cells, codes: Ints) -> list[tuple[str, Mask]]:
    """Name of each modality and the rows that have its code, then all rows, none of them twice."""
    masks = [(name, codes == code) for code, name in enumerate(cells.modalities)]
    return (
        masks if cells.modalities == ["all"] else [*masks, ("all", np.ones(len(codes), dtype=bool))]
    )


def once_for_each_mask(row_of: Callable[[Mask], T]) -> Callable[[Mask], T]:
    """What is said of the same rows is said once: a modality that is alone has the row of all.

    Otherwise its interval would be drawn twice, and differ.
    """
    known: dict[bytes, T] = {}

    def found(use: Mask) -> T:
        key = np.packbits(use).tobytes()
        if key not in known:
            known[key] = row_of(use)
        return known[key]

    return found


def _n_codes(codes: Ints) -> int:
    """How many different codes there are."""
    return int(np.count_nonzero(np.bincount(codes)))


def concordance_row(
    values: Floats,
    items: Ints,
    units: tuple[Ints, ...],
    n_resamples: int,
    conf_level: float,
    rng: np.random.Generator,
    raters: tuple[Variance, Variance, int] | None = None,
    ends: tuple[float, float] = (-1.0, 1.0),
) -> Row:
    """Mean and sd of finished concordances, and limits of the mean."""
    row = mean_limits(values, items, units, n_resamples, conf_level, rng, raters, ends)
    if not len(values):
        return row | {"warning": "no concordance is defined"}
    sd = values.std(ddof=1) if len(values) > 1 else np.nan
    return row | {"ccc": values.mean(), "sd": sd}


def mean_limits(
    values: Floats,
    items: Ints,
    units: tuple[Ints, ...],
    n_resamples: int,
    conf_level: float,
    rng: np.random.Generator,
    raters: tuple[Variance, Variance, int] | None = None,
    ends: tuple[float, float] | None = (-1.0, 1.0),
) -> Row:
    """Limits of the mean of finished values when whole units are sampled, or why there are none.

    Student's t with the variance over resamples of the units: of two kinds that of each, less that
    of pairs of the two, which both count. Where the values are of whole cells, `raters` holds the
    variances of the mean that the raters and the single ratings make, and the number of raters.
    Values between two `ends` have limits on the scale of Fisher's z, which keep between them.
    """
    row: Row = {"n": len(values), "n_items": _n_codes(items)}
    row |= {"n_resamples": 0, "conf_level": conf_level}
    if not len(values):
        return row | {"warning": "there is no value"}
    alone = "" if len(values) > 1 else "there is a single value"
    codes = [(np.cumsum(np.bincount(unit) > 0) - 1)[unit] for unit in units]  # no gaps
    sizes = [int(code.max()) + 1 for code in codes] + ([raters[2]] if raters else [])
    if n_resamples == 0:
        return row | {"warning": join_reasons(alone, "no interval: n_resamples is 0")}
    if min(sizes) < 2:
        return row | {"warning": join_reasons(alone, "no interval: there is one unit to draw")}
    if len(codes) == 2:
        codes.append(np.asarray(pd.factorize(codes[0] * sizes[1] + codes[1])[0], dtype=np.int64))
    drawn = [_variance_of_mean(values, code, n_resamples, rng) for code in codes]
    variance = drawn[0]
    if raters:
        variance = two_way(drawn[0], raters[0], raters[1], min(sizes), least="smaller")
    elif len(codes) > 1:
        variance = two_way(drawn[0], drawn[1], drawn[2], min(sizes))
    test = infer(np.array([values.mean()]), variance, min(sizes) - 1, conf_level)
    low, high = float(test.low[0]), float(test.high[0])
    if ends:
        low, high = fisher_limits(float(values.mean()), (high - low) / 2, ends)
    nothing = "no interval: the resamples do not differ, or hold no value"
    return row | {
        "conf_low": low,
        "conf_high": high,
        "n_resamples": n_resamples,
        "warning": join_reasons(alone, nothing if np.isnan(low) else ""),
    }


def _variance_of_mean(
    values: Floats, units: Ints, n_resamples: int, rng: np.random.Generator
) -> Variance:
    """Variance of the mean over resamples of whole units."""
    groups = np.zeros(len(values), dtype=np.int64)
    shape: dict[str, Any] = {"groups": groups, "n_groups": 1, "n_resamples": n_resamples}
    return draw_variance(bootstrap_means(values, (units,), **shape, rng=rng), int(units.max()) + 1)

"""Agreement along the excerpt in windows, and the ceiling for models."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ...arguments import (
    check_number,
    generator_of,
)
from ...dataset.gate import takes_study
from ...dataset.interval import interval_of
from ...dataset.sessions import by_rater, by_session
from ...errors import DesignError
from ...kernels.raters.agreement import (
    ceiling_ccc,
    ceiling_without_one,
    leave_one_out_ccc,
    lost_by_others,
)
from ...kernels.sampling.multiway import Variance, influence_variance
from ...results.frame import Rows, result_frame
from ...types import Floats, Ints, Mask, Names, Rng, Row
from ..shared.cells import Cells, has_value, over_cells, text_codes
from .concordance import (
    by_raters,
    concordance_row,
    dynamic_dimensions,
    modality_masks,
    once_for_each_mask,
)


@result_frame(
    "dimension, modality and window",
    "dimension modality window_start window_end ccc sd conf_low conf_high conf_level n n_items",
    "n_resamples",
)
@takes_study
def agreement_over_time(
    data: xr.DataTree,
    *,
    window: float = 10.0,
    hop: float | None = None,
    dimension: Names | None = None,
    n_resamples: int = 2000,
    conf_level: float = 0.95,
    rng: Rng = 0,
) -> Rows:
    """Inter-rater concordance in windows along the excerpt.

    Parameters
    ----------
    data : DataTree
        The study, with a dynamic dimension.
    window : float
        Length of a window in seconds.
    hop : float, optional
        Seconds from one window to the next; the length of a window where not given.

    Raises
    ------
    DesignError
        When a window holds fewer than three samples, or is longer than the excerpt.
    DataError
        When the study has no dynamic dimension.

    See Also
    --------
    interrater_ccc : One value for each whole annotation.
    rater_lag : Whether somebody is late.

    Notes
    -----
    Within each window the concordance of each annotation with the weighted estimator of the
    others is computed as in `interrater_ccc`, and averaged over annotations. Only whole windows
    are shown, rounded to whole time steps. A cursor that rests during the window has 0; cells in
    which nobody moves are left out, so `n` falls where people rest. Windows are shorter than the
    excerpt, so these values are lower than those of whole annotations, and comparable with each
    other only. Sessions are compared each by itself. Limits stand for other items
    and other raters, as in `interrater_ccc`.

    References
    ----------
    Lin, L. I.-K. (1989). A concordance correlation coefficient to evaluate reproducibility.
    Biometrics, 45(1), 255-268. https://doi.org/10.2307/2532051

    Examples
    --------
    >>> from muvistats import agreement_over_time, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> frame = agreement_over_time(study, window=20, n_resamples=50)
    >>> frame["window_start"].unique().tolist()
    [0.0, 20.0, 40.0]
    """
    names = dynamic_dimensions(data, dimension)
    data, _ = by_session(data)
    cells = Cells.of(data, sessions=True)
    time = data["annotations/time"].to_numpy()
    bounds = window_bounds(time, window, hop)
    generator = generator_of(rng)
    of_annotation = cells.of_annotation
    people = text_codes(data["annotations/participant"].to_numpy())[0]
    item = cells.item[of_annotation]
    rows: list[dict[str, Any]] = []
    for name in names:
        values = data["annotations"].dataset[name]

        def in_windows(block: Floats, starts: Ints) -> tuple[Floats, ...]:
            parts = [block[:, low:high] for low, high in bounds]
            kernels = leave_one_out_ccc, lost_by_others
            return tuple(np.stack([f(part, starts) for part in parts], axis=1) for f in kernels)

        found = over_cells(values, cells, in_windows)
        means = [
            _mean_of(
                ccc,
                item,
                n_resamples,
                conf_level,
                generator,
                functools.partial(_in_window, ccc, lost, people, item),
            )
            for ccc, lost in zip(*(part.T for part in found), strict=True)
        ]
        for modality, chosen in modality_masks(cells, cells.modality[of_annotation]):
            for mean_of, (low, high) in zip(means, bounds, strict=True):
                rows.append(
                    {
                        "dimension": name,
                        "modality": modality,
                        "window_start": time[low],
                        "window_end": time[low] + (high - low) * interval_of(time),
                        **mean_of(chosen),
                    }
                )
    return rows


def _in_window(
    ccc: Floats, lost: Floats, people: Ints, item: Ints, use: Mask
) -> tuple[Variance, Variance, int]:
    return by_raters(ccc[use], lost[use], people[use], item[use])


def _mean_of(
    values: Floats,
    items: Ints,
    n_resamples: int,
    conf_level: float,
    rng: np.random.Generator,
    raters: Callable[[Mask], tuple[Variance, Variance, int]],
    ends: tuple[float, float] = (-1.0, 1.0),
) -> Callable[[Mask], Row]:
    """Mean of the concordances in a mask, with limits by items and by what `raters` says."""
    known = ~np.isnan(values)

    def row_of(use: Mask) -> Row:
        drawn = items[use]
        people = raters(use) if use.any() else None
        return concordance_row(
            values[use], drawn, (drawn,), n_resamples, conf_level, rng, people, ends
        )

    once = once_for_each_mask(row_of)
    return lambda chosen: once(chosen & known)


def window_bounds(time: Floats, window: float, step: float | None) -> list[tuple[int, int]]:
    """First and last step of each whole window."""
    window = check_number("window", window, above=0)
    step = window if step is None else check_number("step", step, above=0)
    interval = interval_of(time)
    length, stride = round(window / interval), max(1, round(step / interval))
    if length < 3:
        raise DesignError(f"a window of {window:g} s holds fewer than three samples")
    bounds = [(low, low + length) for low in range(0, len(time) - length + 1, stride)]
    if not bounds:
        raise DesignError(f"a window of {window:g} s is longer than the excerpt")
    return bounds


@result_frame(
    "item and dimension, or modality and dimension",
    "dimension modality item ccc sd conf_low conf_high conf_level n n_items n_resamples",
)
@takes_study
def noise_ceiling(
    data: xr.DataTree,
    *,
    level: Literal["modality", "item"] = "modality",
    dimension: Names | None = None,
    n_resamples: int = 2000,
    conf_level: float = 0.95,
    rng: Rng = 0,
) -> Rows:
    """Concordance that a perfect predictor could reach with the gold standard.

    Parameters
    ----------
    data : DataTree
        The study, with a dynamic dimension.
    level : {"item", "modality"}
        One row per item and modality, or the mean over items.

    Raises
    ------
    DataError
        When the study has no dynamic dimension.

    See Also
    --------
    interrater_ccc : Each rater against the others.
    lasso_models : Models, with this ceiling beside their scores.

    Notes
    -----
    A model that knew what people feel on average would still not agree fully with a gold standard
    made from six of them. For the true trajectory T and the weighted estimator G the ceiling is
    ``2 cov(T, G) / (V_T + V_G + B)``, with ``cov(T, G)`` from raters who were left out of G,
    ``V_T`` from the covariances between raters, and B the variance of the raters' offsets over
    the effective number of raters. It is cut to [0, 1] per item. In simulations with a
    known truth it lies up to .06 below what the truth reaches; raters without any common truth
    get about .2 rather than 0. `n` counts raters per item, or items with a ceiling. Who rated in
    several sessions enters once, with the mean of them, as in `ewe`.

    Limits of the mean stand for other items and other raters: the variance over resamples of items,
    plus that of a jackknife that leaves each rater out of all their cells, less that of a jackknife
    over single annotations, since both of the former contain it; it is no less than the smaller of
    the first two. They are Student's t on the scale
    of Fisher's z, stretched to reach from 0 to 1, with the number of items or of raters, whichever
    is smaller, less one as degrees of freedom. In simulated studies of 12 to 100 items, each rated
    by 3 to 10 of 10 to 200 raters, limits of 95% held the expected ceiling in .93 to .98;
    limits from items alone held it in .72 to .85. Cells of two
    raters have no ceiling when one is left out, so they enter the variance over items only.

    References
    ----------
    Nili, H., Wingfield, C., Walther, A., Su, L., Marslen-Wilson, W., & Kriegeskorte, N. (2014). A
    toolbox for representational similarity analysis. PLoS Computational Biology, 10(4), e1003553.
    https://doi.org/10.1371/journal.pcbi.1003553

    Lin, L. I.-K. (1989). A concordance correlation coefficient to evaluate reproducibility.
    Biometrics, 45(1), 255-268. https://doi.org/10.2307/2532051

    Examples
    --------
    >>> from muvistats import noise_ceiling, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> bool(noise_ceiling(study, n_resamples=50)["ccc"].between(0, 1).all())
    True
    """
    names = dynamic_dimensions(data, dimension)
    data, _ = by_rater(data)
    cells = Cells.of(data)
    generator = generator_of(rng)
    people = text_codes(data["annotations/participant"].to_numpy())[0]
    frames: list[pd.DataFrame] = []
    for name in names:
        values = data["annotations"].dataset[name]
        ceiling, raters = over_cells(values, cells, _ceiling)
        if level == "item":
            part = pd.DataFrame(
                {
                    "item": np.array(cells.items)[cells.item],
                    "modality": np.array(cells.modalities)[cells.modality],
                    "ccc": ceiling,
                    "n": raters,
                    "n_items": 1,
                    "n_resamples": 0,
                    "warning": np.where(
                        np.isnan(ceiling), "fewer than two raters, or nobody moved", ""
                    ),
                }
            )
        else:
            without = over_cells(values, cells, _ceiling_without)[0]
            mean_of = _mean_of(
                ceiling,
                cells.item,
                n_resamples,
                conf_level,
                generator,
                functools.partial(_by_raters, ceiling, without, cells, people),
                ends=(0.0, 1.0),
            )
            masks = modality_masks(cells, cells.modality)
            part = pd.DataFrame(
                [{"modality": name, "item": "all", **mean_of(use)} for name, use in masks]
            )
        frames.append(part.assign(dimension=name))
    return pd.concat(frames, ignore_index=True)


def _ceiling(values: Floats, starts: Ints) -> tuple[npt.NDArray[Any], ...]:
    rated = has_value(values).astype(np.int64)
    return ceiling_ccc(values, starts), np.add.reduceat(rated, starts)


def _ceiling_without(values: Floats, starts: Ints) -> tuple[Floats]:
    """Ceiling of the cell of each annotation when its rater is left out."""
    return (ceiling_without_one(values, starts),)


def _by_raters(
    ceiling: Floats, without: Floats, cells: Cells, people: Ints, use: Mask
) -> tuple[Variance, Variance, int]:
    """Variances of the mean ceiling that raters make, and single ratings; the number of raters.

    A jackknife: what the mean loses when one rater is left out of each of their cells. That a
    ceiling from fewer raters is lower on the whole is taken off first.
    """
    loss = (ceiling[cells.of_annotation] - without) / use.sum()
    entered = use[cells.of_annotation] & ~np.isnan(loss)
    loss, people = loss[entered], people[entered]
    loss = (loss - loss.mean())[:, None] if len(loss) else loss[:, None]
    n = len(np.unique(people))
    single = influence_variance(loss, np.arange(len(loss)), out_of=n)
    return influence_variance(loss, people), single, n

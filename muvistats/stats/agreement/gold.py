"""Gold standards: one trajectory for the raters of an item in a modality."""

from __future__ import annotations

import itertools
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ...arguments import check_choice, check_number
from ...dataset.gate import takes_study
from ...dataset.interval import interval_of
from ...dataset.sessions import by_rater
from ...errors import DesignError
from ...extras import optional_module
from ...kernels.raters.agreement import ewe as ewe_kernel
from ...kernels.raters.lag import moved_up, rater_delays
from ...kernels.raters.latent import latent_trajectory
from ...kernels.sampling.correlation import group_means
from ...kernels.scale import unit_factor
from ...progress import watched
from ...results.docstrings import documented
from ...types import Floats, Ints, Names
from ..shared.cells import Cells, has_value, over_cells, text_codes
from .concordance import dynamic_dimensions

Gold = Literal["ewe", "mean", "median", "ewe_aligned", "dtw", "latent"]

#: Ways to make one trajectory of several.
GOLD: tuple[str, ...] = get_args(Gold)

#: Time steps that must be left when the longest delay is taken off both ends.
_FEWEST = 10


@documented
@takes_study
def gold_standard(
    data: xr.DataTree,
    *,
    method: Gold = "ewe",
    dimension: Names | None = None,
    max_lag: float = 3.0,
) -> xr.Dataset:
    """Gold standard trajectory of each item and modality, by one of six methods.

    Parameters
    ----------
    data : DataTree
        The study, with a dynamic dimension.
    method : {"ewe", "mean", "median", "ewe_aligned", "dtw", "latent"}
        How the raters of a cell become one trajectory; see Notes.
    max_lag : float
        Longest delay between a rater and the others, either way, in seconds (``"ewe_aligned"``,
        ``"latent"``).

    Returns
    -------
    Dataset
        ``gold_standard`` and ``sd`` (dimension, item, modality, time): the trajectory and the
        standard deviation of the raters (divisor n - 1), on the stored scale;
        ``n_raters`` (dimension, item, modality). With dims (dimension, annotation), the same for
        all sessions of a rater: ``weight`` (mean and both ewe); ``lag_seconds``
        (``"ewe_aligned"``, ``"latent"``); ``bias``, ``gain`` and ``noise`` (``"latent"``, with
        ``log_likelihood`` and ``converged`` by dimension). Attributes ``alignment``,
        ``simulated`` and ``method``.

    Raises
    ------
    DataError
        When the study has no dynamic dimension.
    DesignError
        When the method is none of these, or the excerpt too short for the longest delay.
    MissingExtraError
        For ``"dtw"`` when tslearn is not installed.

    See Also
    --------
    ewe : The default on its own.
    noise_ceiling : What a perfect prediction of the gold standard could reach.
    rater_lag : Whether delays are there at all.

    Notes
    -----
    - ``"mean"`` and ``"median"``: of the raters, step by step.
    - ``"ewe"``: a mean weighted by each rater's correlation with the plain mean (`ewe`).
    - ``"ewe_aligned"``: each rater gets the delay, the same in all their annotations, with the
      highest mean correlation with the weighted estimator of the others, is moved by it, and so on
      until no delay changes. Then `ewe`. Steps that some rater lacks after the move, at the
      ends, are NaN.
    - ``"dtw"``: the barycentre of dynamic time warping, begun at the mean (tslearn). Raters
      are warped as far as it brings them together.
    - ``"latent"``: ``x(t) = bias + gain z(t - delay) + noise`` with white noise, a random walk z
      for each cell, gain, delay and noise for each rater, and a bias for each annotation. Fitted by
      EM, whose likelihood never falls. Gains are never negative, and are shrunken towards 1 (prior
      standard deviation 0.5), delays towards 0 (prior standard deviation a third of `max_lag`), and
      noise variances towards a common one (which counts as 60 samples). Over annotations the mean
      bias is 0, the mean gain 1 and the median delay 0. A rater's habit of rating high is found by
      comparing cells, and taken out of the levels. Where raters disagree, the trajectory is pulled
      towards standing still.

    The common delay of all raters is in every gold standard. Excluded annotations are no raters.
    A time step at which a rater of the cell is missing is left out for that cell and NaN; only
    ``"latent"`` needs no more than one rater at a step. Cells without a rater are NaN, with ewe
    also those in which nobody moved. Who rated in several sessions enters once, with the mean of
    them. ``"ewe_aligned"`` and ``"latent"`` read a dimension into memory as a whole.

    References
    ----------
    Grimm, M., & Kroschel, K. (2005). Evaluation of natural emotions using self assessment
    manikins. IEEE Workshop on Automatic Speech Recognition and Understanding, 381-385.
    https://doi.org/10.1109/ASRU.2005.1566530

    Petitjean, F., Ketterlin, A., & Gancarski, P. (2011). A global averaging method for dynamic time
    warping, with applications to clustering. Pattern Recognition, 44(3), 678-693.
    https://doi.org/10.1016/j.patcog.2010.09.013

    Gupta, R., Audhkhasi, K., Jacokes, Z., Rozga, A., & Narayanan, S. (2018). Modeling multiple time
    series annotations as noisy distortions of the ground truth: an
    expectation-maximization approach. IEEE Transactions on Affective Computing, 9(1), 76-89.
    https://doi.org/10.1109/TAFFC.2016.2592918

    Examples
    --------
    >>> from muvistats import gold_standard, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> found = gold_standard(study, method="latent", dimension="arousal")
    >>> round(float(found["gain"].mean()), 6)
    1.0
    """
    check_choice("method", method, GOLD)
    if method == "dtw":
        optional_module("tslearn", "dtw")
        interval_of(data["annotations/time"].to_numpy())
    names = dynamic_dimensions(data, dimension)
    reduced, rater = by_rater(data)
    cells = Cells.of(reduced)
    annotations = reduced["annotations"].dataset
    most = _longest(annotations["time"].to_numpy(), max_lag) if method in _DELAYED else 0
    people = text_codes(annotations["participant"].to_numpy())[0]
    shape = (len(names), len(cells.items), len(cells.modalities))
    gold, sd = (np.full((*shape, annotations.sizes["time"]), np.nan) for _ in range(2))
    raters = np.zeros(shape, dtype=np.int64)
    per_rater: list[dict[str, Floats]] = []
    for d, name in enumerate(names):
        values = annotations[name]
        series, values, of_raters = _make(method, values, cells, people, most)
        where = (d, cells.item, cells.modality)
        gold[where] = series
        sd[where], raters[where] = over_cells(values, cells, _spread)
        per_rater.append(of_raters)
    dims = ("dimension", "item", "modality")
    variables: dict[str, Any] = {
        "gold_standard": ((*dims, "time"), gold, {"long_name": _LONG_NAMES[method]}),
        "sd": ((*dims, "time"), sd, {"long_name": "standard deviation across raters"}),
        "n_raters": (dims, raters, {"long_name": "raters that enter"}),
    }
    for key in per_rater[0]:
        columns = np.stack([each[key] for each in per_rater])
        if columns.ndim == 1:
            variables[key] = ("dimension", columns)
            continue
        if key == "lag_seconds":
            columns = columns * interval_of(annotations["time"].to_numpy())
        text = {"long_name": _OF_RATERS[key]}
        variables[key] = (("dimension", "annotation"), columns[:, rater], text)
    return _labelled(data, variables, names, cells).assign_attrs(method=method)


@takes_study
def ewe(data: xr.DataTree, *, dimension: Names | None = None) -> xr.Dataset:
    """Evaluator Weighted Estimator of each item and modality: the gold standard trajectory.

    Parameters
    ----------
    data : DataTree
        The study, with a dynamic dimension.
    dimension : str, optional
        Rated dimension; all dynamic ones where not given.

    Returns
    -------
    Dataset
        ``gold_standard`` and ``sd`` (dimension, item, modality, time): the weighted mean of the
        raters and their standard deviation (divisor n - 1), on the stored scale;
        ``n_raters`` (dimension, item, modality); ``weight`` (dimension, annotation), the same for
        all sessions of a rater. Attributes
        ``alignment`` and ``simulated`` as in every result, and ``method``.

    Raises
    ------
    DataError
        When the study has no dynamic dimension.

    See Also
    --------
    gold_standard : Other ways to one trajectory; this is its default.

    Notes
    -----
    The weight of rater j is ``w_j = max(0, r(x_j, mean of all raters))``, and the estimator is
    ``sum_j w_j x_j / sum_j w_j``. A rater who goes against all others has a negative correlation,
    and one who never moved has none: both get weight 0, and both are part of the unweighted mean.
    One rater who moved has weight 1. Two are each compared with their mean: two who mirror each
    other around it leave no positive weight. A cell without one (nobody rated, or nobody moved) is
    NaN. Excluded annotations are no raters. A time step at which a rater of the cell is missing
    (the tail of a shorter annotation) is left out for that cell and NaN. Who rated in several
    sessions enters once, with the mean of them.

    References
    ----------
    Grimm, M., & Kroschel, K. (2005). Evaluation of natural emotions using self assessment
    manikins. IEEE Workshop on Automatic Speech Recognition and Understanding, 381-385.
    https://doi.org/10.1109/ASRU.2005.1566530

    Examples
    --------
    >>> from muvistats import ewe, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> ewe(study)["gold_standard"].dims
    ('dimension', 'item', 'modality', 'time')
    """
    return gold_standard(data, method="ewe", dimension=dimension)


_DELAYED = ("ewe_aligned", "latent")

_LONG_NAMES = {
    "ewe": "weighted mean of the raters",
    "mean": "mean of the raters",
    "median": "median of the raters",
    "ewe_aligned": "weighted mean of the raters, moved by their delays",
    "dtw": "barycentre of the raters under dynamic time warping",
    "latent": "latent trajectory behind the raters",
}

#: What a method may tell of each annotation.
_OF_RATERS = {
    "weight": "weight of the rater",
    "lag_seconds": "delay of the rater behind the others in s",
    "bias": "level above that of the item and modality",
    "gain": "gain of the rater",
    "noise": "standard deviation of the rater's noise",
}


def _labelled(
    data: xr.DataTree, variables: dict[str, Any], names: list[str], cells: Cells
) -> xr.Dataset:
    """Variables of cells and annotations with their coordinates and where they come from."""
    annotations = data["annotations"]
    of_annotation = {
        "annotation_item": "item",
        "annotation_modality": "modality",
        "participant": "participant",
    }
    return xr.Dataset(
        variables,
        coords={
            "dimension": names,
            "item": cells.items,
            "modality": cells.modalities,
            "time": annotations["time"],
            **{
                new: ("annotation", annotations[key].to_numpy())
                for new, key in of_annotation.items()
            },
        },
        attrs={
            "alignment": str(data.attrs["label_alignment"]),
            "simulated": int(data.attrs["simulated"]),
        },
    )


def _longest(time: Floats, max_lag: float) -> int:
    """The longest delay in time steps, at least one."""
    interval = interval_of(time)
    most = max(1, round(check_number("max_lag", max_lag, above=0) / interval))
    if len(time) - 2 * most < _FEWEST:
        longest = interval * ((len(time) - _FEWEST) // 2)
        raise DesignError(
            f"max_lag of {max_lag:g} s leaves fewer than {_FEWEST} of {len(time)} time steps; "
            f"at most {max(longest, 0):g} s are possible here"
        )
    return most


#: Trajectories of the cells, the ratings behind them, and what is known of each annotation.
_Made = tuple[Floats, xr.DataArray, dict[str, Any]]


def _make(method: str, values: xr.DataArray, cells: Cells, people: Ints, most: int) -> _Made:
    """Trajectories of one dimension."""
    if method == "dtw":
        return over_cells(values, cells, _warped)[0], values, {}
    if method == "median":
        return over_cells(values, cells, _median)[0], values, {}
    if method in ("ewe", "mean"):
        gold, weight = over_cells(values, cells, ewe_kernel if method == "ewe" else _mean)
        return gold, values, {"weight": weight}
    rated = np.where(cells.keep[:, None], values.transpose("annotation", ...).to_numpy(), np.nan)
    if method == "latent":
        return _latent(rated, values, cells, people, most)
    delay = rater_delays(rated, cells.starts, people, most)
    values = xr.DataArray(moved_up(rated, delay), dims=("annotation", "time"))
    gold, weight = over_cells(values, cells, ewe_kernel)
    return gold, values, {"weight": weight, "lag_seconds": delay.astype(float)}


def _latent(rated: Floats, values: xr.DataArray, cells: Cells, people: Ints, most: int) -> _Made:
    """The latent trajectory of cells with a rater, and its raters; NaN elsewhere."""
    used = has_value(rated)
    gold = np.full((len(cells.starts), rated.shape[1]), np.nan)
    of_raters = {
        key: np.full(len(rated), np.nan) for key in ("lag_seconds", "bias", "gain", "noise")
    }
    if not used.any():
        return gold, values, of_raters | {"log_likelihood": np.nan, "converged": True}
    cell = cells.of_annotation[used]
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    raters = np.unique(people[used], return_inverse=True)[1]
    fit = latent_trajectory(rated[used], starts, raters, most=most)
    gold[cell[starts]] = fit.trajectory
    parts = {"lag_seconds": fit.delay, "bias": fit.bias, "gain": fit.gain, "noise": fit.noise}
    for key, part in parts.items():
        of_raters[key][used] = part
    summary = {"log_likelihood": fit.log_likelihood[-1], "converged": fit.converged}
    return gold, values, of_raters | summary


def _cells_of(values: Floats, starts: Ints) -> Ints:
    """Cell of each annotation of a block."""
    return np.repeat(np.arange(len(starts)), np.diff(starts, append=len(values)))


def _mean(values: Floats, starts: Ints) -> tuple[Floats, Floats]:
    mean = group_means(values, _cells_of(values, starts), len(starts))[0]
    return mean, has_value(values).astype(float)


def _median(values: Floats, starts: Ints) -> tuple[Floats]:
    """Median of the raters of each cell; NaN at a step that one of them lacks."""
    cell, rated = _cells_of(values, starts), has_value(values)
    median = pd.DataFrame(values).groupby(cell).median().to_numpy()
    whole = group_means(values[rated], cell[rated], len(starts))[0]
    return (np.where(np.isnan(whole), np.nan, median),)


def _warped(values: Floats, starts: Ints) -> tuple[Floats]:
    """Barycentre of the raters of each cell under dynamic time warping."""
    barycentre = optional_module("tslearn.barycenters", "dtw").dtw_barycenter_averaging
    gold = _mean(values, starts)[0]
    rated = has_value(values)
    edges = itertools.pairwise([*starts.tolist(), len(values)])
    for cell, (first, last) in enumerate(watched(edges, "Barycentres", len(starts))):
        steps = ~np.isnan(gold[cell])
        raters = values[first:last][rated[first:last]][:, steps]
        if len(raters) > 1 and steps.sum() > 1:
            begun = gold[cell, steps, None]
            found = barycentre(raters[:, :, None], init_barycenter=begun)
            gold[cell, steps] = found[:, 0]
    return (gold,)


def _spread(values: Floats, starts: Ints) -> tuple[npt.NDArray[Any], ...]:
    """Standard deviation across the raters of each cell, and their number."""
    rated = has_value(values)
    count = np.add.reduceat(rated.astype(np.int64), starts)
    filled = np.where(rated[:, None], values, 0.0)
    unit = unit_factor(filled[np.isfinite(filled)], None).item()
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.add.reduceat(filled, starts, axis=0) / count[:, None]
        cell = _cells_of(values, starts)
        square = np.where(rated[:, None], (values - mean[cell]) * unit, 0.0) ** 2
        sd = np.sqrt(np.add.reduceat(square, starts, axis=0) / (count[:, None] - 1)) / unit
    return np.where(count[:, None] > 1, sd, np.nan), count

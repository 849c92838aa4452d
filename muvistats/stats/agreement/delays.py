"""Delay of raters behind each other."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import (
    check_number,
    generator_of,
)
from ...dataset.gate import takes_study
from ...dataset.interval import interval_of
from ...dataset.sessions import by_session
from ...errors import DesignError
from ...kernels.raters.agreement import leave_one_out_ewe
from ...kernels.raters.lag import best_lag, lagged_correlation
from ...results.frame import Rows, result_frame
from ...types import Floats, Ints, Mask, Names, Rng, Row
from ..shared.cells import Cells, over_cells
from .concordance import dynamic_dimensions, mean_limits, modality_masks, once_for_each_mask

_NO_PARTNER = "no other item in this modality"


@result_frame(
    "annotation, dimension and pairing, or modality, dimension and pairing",
    "dimension modality item participant session pairing lag_seconds correlation_at_zero",
    "correlation_at_lag gain conf_low conf_high conf_level n n_items n_resamples",
)
@takes_study
def rater_lag(
    data: xr.DataTree,
    *,
    level: Literal["modality", "annotation"] = "modality",
    max_lag: float = 6.0,
    dimension: Names | None = None,
    n_resamples: int = 2000,
    conf_level: float = 0.95,
    rng: Rng = 0,
) -> Rows:
    """Delay of each rater behind the others, found on one half of the excerpt, scored on the other.

    Parameters
    ----------
    data : DataTree
        The study, with a dynamic dimension.
    level : {"annotation", "modality"}
        One row per annotation, or means over annotations.
    max_lag : float
        Longest delay that is tried, in seconds.

    Raises
    ------
    DesignError
        When half of the excerpt is too short for the longest delay.
    DataError
        When the study has no dynamic dimension.

    See Also
    --------
    agreement_over_time : When in the excerpt people agree.
    gold_standard : With `ewe_aligned`, raters are moved by their delays.

    Notes
    -----
    The reference is the weighted estimator of the other raters. The delay that correlates best on
    the first half is scored on the second, and the other way round; `gain` is the mean of both
    differences to no delay, `lag_seconds` the mean of both delays. A search always finds
    something, so the same is done with the reference of another item in the same modality
    (`pairing` = mismatched; NaN where there is none): what gains there is an artefact of searching.
    Delays are tried from 0 upwards, so a rater ahead of the others has a delay of 0 and a gain
    near 0; of equal correlations the shorter delay counts. The delay is relative
    to the other raters, who are late themselves; sessions are compared each by itself.
    A dimension is read into memory as a whole.

    References
    ----------
    Mariooryad, S., & Busso, C. (2015). Correcting time-continuous emotional labels by modeling the
    reaction lag of evaluators. IEEE Transactions on Affective Computing, 6(2), 97-108.
    https://doi.org/10.1109/TAFFC.2014.2334294

    Examples
    --------
    >>> from muvistats import rater_lag, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> rater_lag(study, n_resamples=50)["pairing"].unique().tolist()
    ['own item', 'mismatched']
    """
    if check_number("max_lag", max_lag) < 0:
        raise DesignError(f"max_lag must be a number of seconds from 0, not {max_lag!r}")
    names = dynamic_dimensions(data, dimension)
    data, back = by_session(data)
    cells = Cells.of(data, sessions=True)
    time = data["annotations/time"].to_numpy()
    interval = interval_of(time)
    lags = np.arange(round(max_lag / interval) + 1)
    half = len(time) // 2
    if half - lags[-1] < 10:
        raise DesignError(
            f"half of the excerpt ({half * interval:g} s) is too short for delays up to "
            f"{max_lag:g} s"
        )
    generator = generator_of(rng)
    partner = _mismatched(cells, generator)
    frames: list[pd.DataFrame] = []
    for name in names:
        variable = data["annotations"].dataset[name]
        (reference,) = over_cells(variable, cells, _others)
        values = np.where(cells.keep[:, None], variable.to_numpy(), np.nan)
        for pairing, against in (
            ("own item", reference),
            ("mismatched", np.where((partner >= 0)[:, None], reference[partner], np.nan)),
        ):
            part = pd.DataFrame(_delays(values, against, lags, half, interval))
            part["item"] = data["annotations/item"].to_numpy()
            part["modality"] = data["annotations/modality"].to_numpy()
            part["participant"] = data["annotations/participant"].to_numpy()
            if "session" in data["annotations"].coords:
                part["session"] = data["annotations/session"].to_numpy()
            if level == "modality":
                part = _lag_means(part, cells, n_resamples, conf_level, generator)
            else:
                part = part.assign(n=1, n_items=1, n_resamples=0)
                undefined = part["gain"].isna()
                reason = np.full(len(part), "a half in which somebody rests", dtype=object)
                reason[~cells.keep] = "excluded"
                reason[(partner < 0) & (pairing == "mismatched")] = _NO_PARTNER
                part["warning"] = np.where(undefined, reason, "")
                part = part.iloc[back]
            frames.append(part.assign(dimension=name, pairing=pairing))
    return pd.concat(frames, ignore_index=True)


def _others(values: Floats, starts: Ints) -> tuple[Floats, ...]:
    return (leave_one_out_ewe(values, starts),)


def _mismatched(cells: Cells, rng: np.random.Generator) -> Ints:
    """For each annotation, one of another item in the same modality: items moved round by one.

    -1 where the modality has no other item.
    """
    of_annotation = cells.of_annotation
    out = np.full(len(of_annotation), -1)
    kinds = np.stack([cells.modality, cells.session])
    for kind in np.unique(kinds, axis=1).T:
        group = np.flatnonzero((kinds == kind[:, None]).all(axis=0))
        if len(group) < 2:
            continue
        shuffled = rng.permutation(group)
        following = np.empty(len(cells.starts), dtype=np.int64)
        following[shuffled] = np.roll(shuffled, 1)
        rows = np.flatnonzero(np.isin(of_annotation, group))
        sizes = cells.sizes
        place = rows - cells.starts[of_annotation[rows]]
        target = following[of_annotation[rows]]
        out[rows] = cells.starts[target] + place % sizes[target]
    return out


def _delays(
    values: Floats, reference: Floats, lags: Ints, half: int, interval: float
) -> dict[str, Floats]:
    halves = [slice(0, half), slice(half, 2 * half)]
    fits = [lagged_correlation(values[:, part], reference[:, part], lags) for part in halves]
    rows = np.arange(len(values))
    parts = []
    for search, score in ((0, 1), (1, 0)):
        position, defined = best_lag(fits[search])
        at_lag, at_zero = fits[score][rows, position], fits[score][:, 0]
        ok = defined & ~np.isnan(at_lag) & ~np.isnan(at_zero)
        parts.append(
            np.where(ok[:, None], np.stack([position * interval, at_zero, at_lag], axis=1), np.nan)
        )
    lag, at_zero, at_lag = ((parts[0] + parts[1]) / 2).T
    return {
        "lag_seconds": lag,
        "correlation_at_zero": at_zero,
        "correlation_at_lag": at_lag,
        "gain": at_lag - at_zero,
    }


def _lag_means(
    part: pd.DataFrame,
    cells: Cells,
    n_resamples: int,
    conf_level: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    columns = ["lag_seconds", "correlation_at_zero", "correlation_at_lag", "gain"]

    def row_of(use: Mask) -> Row:
        defined = part[use]
        items, gain = pd.factorize(defined["item"])[0], defined["gain"].to_numpy()
        row = mean_limits(gain, items, (items,), n_resamples, conf_level, rng, ends=None)
        if not len(defined):
            row["warning"] = "no delay is defined"
        return {column: float(defined[column].mean()) for column in columns} | row

    once, known = once_for_each_mask(row_of), part["gain"].notna().to_numpy()
    masks = modality_masks(cells, cells.modality[cells.of_annotation])
    whole = {"item": "all", "participant": "all"}
    rows = [{"modality": name, **whole, **once(chosen & known)} for name, chosen in masks]
    return pd.DataFrame(rows)

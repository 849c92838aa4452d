"""Gold standards beside the truth that a simulated study was drawn from."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import check_choices, check_number
from ...dataset.gate import takes_study
from ...dataset.interval import interval_of
from ...errors import DataError
from ...kernels.raters.agreement import ccc
from ...results.frame import Rows, result_frame
from ...types import Floats, Names
from .concordance import dynamic_dimensions
from .gold import GOLD, gold_standard


@result_frame(
    "method, dimension and modality, or item of it with ``level='item'``",
    "dimension modality item method rmse ccc lag_seconds n n_items",
)
@takes_study
def compare_with_truth(
    data: xr.DataTree,
    *,
    method: Names = ("mean", "ewe"),
    level: Literal["modality", "item"] = "modality",
    dimension: Names | None = None,
    lag: float | None = None,
    start: float = 5.0,
) -> Rows:
    """How near gold standards come to the truth of a simulated study.

    Parameters
    ----------
    data : DataTree
        A study that was simulated, with a dynamic dimension.
    method : {"mean", "median", "ewe", "ewe_aligned", "dtw", "latent"} or several
        Ways to make one trajectory of the raters, see `gold_standard`.
    level : {"modality", "item"}
        Means over items, by modality and for all, or a row for each item and modality.
    lag : float, optional
        How many seconds raters are late: the truth is moved by so much before it is compared. By
        default the mean delay of the study's raters, which nobody can tell from ratings; with 0
        the truth of the same moment.

    Raises
    ------
    DataError
        When the truth is not known, as of every study that was not simulated, or the study has no
        dynamic dimension.

    See Also
    --------
    gold_standard : The trajectories.
    noise_ceiling : What the truth would reach, estimated from the ratings alone.
    simulate_muvi : Studies whose truth is known.

    Notes
    -----
    The truth of an item and modality is what all of its raters follow, their own habits left out:
    ``truth/trajectory`` of the study. RMSE and CCC are computed over the time steps of an item from
    `start` on at which the gold standard and the truth have a value, and averaged over items. `n`
    is the number of these time steps, or of the items and modalities.

    Examples
    --------
    >>> from muvistats import compare_with_truth, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> found = compare_with_truth(study, dimension="arousal").query("modality == 'all'")
    >>> found["method"].tolist()
    ['mean', 'ewe']
    """
    names = dynamic_dimensions(data, dimension)
    if "truth" not in data.children or "trajectory" not in data["truth"].dataset:
        raise DataError(
            "the truth is not known: only simulate_muvi says what it drew its ratings from",
            file="/truth",
            expected="trajectory",
        )
    late = _mean_lag(data) if lag is None else check_number("lag", lag)
    begin = check_number("start", start)
    rows: list[pd.DataFrame] = []
    for each in check_choices("method", method, GOLD):
        gold = gold_standard(data, method=each, dimension=names)["gold_standard"]
        found = _scores(gold, data["truth/trajectory"], late, begin).assign(
            method=each, lag_seconds=late
        )
        rows.append(found if level == "item" else _means(found))
    return pd.concat(rows, ignore_index=True)


def _mean_lag(data: xr.DataTree) -> float:
    """Mean delay of the raters, in whole time steps."""
    step = interval_of(data["annotations/time"].to_numpy())
    return round(float(data["truth/reaction_lag"].mean()) / step) * step


def _scores(gold: xr.DataArray, truth: Any, late: float, begin: float) -> pd.DataFrame:
    """A row for each item and modality: error and concordance."""
    gold = gold.transpose("dimension", "item", "modality", "time")
    time = gold["time"].to_numpy()
    places = {key: gold[key].to_numpy() for key in ("dimension", "item", "modality")}
    true = truth.sel(places).transpose("dimension", "item", "modality", "time")
    there = _at(true.to_numpy(), true["time"].to_numpy(), time - late)
    values = np.where(time >= begin, gold.to_numpy(), np.nan)
    error = values - there
    n = np.isfinite(error).sum(axis=-1)
    squares = np.where(np.isfinite(error), error, 0.0) ** 2
    with np.errstate(invalid="ignore"):
        rmse = np.sqrt(squares.sum(axis=-1) / n)
    index = pd.MultiIndex.from_product(list(places.values()), names=list(places))
    columns = {"rmse": rmse.ravel(), "ccc": ccc(there, values).ravel(), "n": n.ravel()}
    table = pd.DataFrame(columns, index=index).reset_index()
    reason = np.where(table["n"] > 0, "", "no gold standard at a time at which the truth is known")
    return table.assign(n_items=1, warning=reason)


def _at(values: Floats, time: Floats, asked: Floats) -> Floats:
    """Values at these times, between samples in a straight line; NaN outside."""
    flat = values.reshape(-1, len(time))
    found = [np.interp(asked, time, row, left=np.nan, right=np.nan) for row in flat]
    return np.reshape(found, (*values.shape[:-1], len(asked)))


def _means(table: pd.DataFrame) -> pd.DataFrame:
    """Means over items, by modality and for all of them."""
    several = len(table["modality"].unique()) > 1
    parts = [table, table.assign(modality="all")] if several else [table]
    keys = ["dimension", "modality"]
    rows = []
    for (name, modality), part in pd.concat(parts).groupby(keys, sort=False):
        known = part[part["n"] > 0]
        row = {"dimension": name, "modality": modality, "item": "all"}
        row |= {key: part[key].iloc[0] for key in ("method", "lag_seconds")}
        row |= {key: known[key].mean() for key in ("rmse", "ccc")}
        row |= {"n": len(known), "n_items": known["item"].nunique()}
        rows.append(row | {"warning": "" if len(known) else part["warning"].iloc[0]})
    return pd.DataFrame(rows).sort_values("dimension", kind="stable", key=_as_found)


def _as_found(names: pd.Series) -> pd.Series:
    """Names by the order in which they come."""
    return pd.Series(pd.factorize(names)[0])

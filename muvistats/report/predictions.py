"""Predictions of networks that were kept in a file, as figures take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from ..dataset.schema import decode_levels
from ..kernels.raters.agreement import ccc
from ..types import Floats, Ints


@dataclass(frozen=True, slots=True)
class _Inputs:
    """Items and steps of kept predictions."""

    items: list[str]
    modalities: list[str]
    item: Ints
    time: Floats


@dataclass(frozen=True, slots=True)
class _Fit:
    """Kept predictions of a target."""

    modality: str
    features: str
    target: str
    configuration: str
    items: Ints
    fitted: Floats
    ccc: Floats
    problem: str = ""


@dataclass(frozen=True, slots=True)
class KeptPredictions:
    """Predictions read from a file, as `plot_model_trajectory` takes them.

    Parameters
    ----------
    inputs : object
        Items and steps.
    fits : list
        Predictions of each target.
    data : DataTree
        The study.
    """

    inputs: _Inputs
    fits: list[_Fit]
    data: xr.DataTree


def kept_predictions(frame: pd.DataFrame, study: xr.DataTree) -> KeptPredictions:
    """Predictions of a frame (rows of ``NetworkModels.augment()``) beside their study."""
    steps = frame[["item", "time"]].drop_duplicates(ignore_index=True)
    places, names = pd.factorize(steps["item"])
    row = pd.Series(np.arange(len(steps)), index=pd.MultiIndex.from_frame(steps))
    fits = []
    keys = ["modality", "features", "target", "configuration"]
    for key, part in frame.groupby(keys, sort=False):
        there = row.loc[pd.MultiIndex.from_frame(part[["item", "time"]])].to_numpy()
        fitted, observed = (np.full(len(steps), np.nan) for _ in range(2))
        fitted[there], observed[there] = part["fitted"], part["observed"]
        tested = np.unique(places[there])
        scores = [
            float(ccc(observed[mine], fitted[mine]))
            for mine in (there[places[there] == item] for item in tested)
        ]
        modality, features, target, configuration = (str(value) for value in key)
        fits.append(
            _Fit(modality, features, target, configuration, tested, fitted, np.array(scores))
        )
    modalities = decode_levels(study["annotations/modality"].attrs["levels"])
    time = steps["time"].to_numpy(dtype=float)
    inputs = _Inputs([str(name) for name in names], list(modalities), places, time)
    return KeptPredictions(inputs, fits, study)

"""Agreement of raters, the ceiling of models, and models, beside each other on the first page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..results.cells import Cell
from ..results.words import MISSING, capital, count, fixed, interval, word
from .page import Beside
from .parts import Frames, together
from .sources import Source

_EMPTY = pd.DataFrame()
_NOTHING = pd.DataFrame(columns=["modality", "estimator"])
_LABELS = ("label_agreement", "label_prediction")


def beside(source: Source, frames: Frames) -> Beside | None:
    """Agreement of raters beside the ceiling of models, and models beside both.

    Parameters
    ----------
    source : Source
        The data.
    frames : mapping of str to DataFrame
        Frames by the key of their table.

    Returns
    -------
    Beside or None
        A row for each dimension and modality, for the choice of a label, and for labels; None
        where no agreement is known.
    """
    rows = _over_time(frames) or _static(frames)
    rows += [
        [_of(word("choice of a label"), row["modality"]), _measured(word(row["estimator"]), row)]
        for _, row in _modalities(frames.get("choice_agreement", _NOTHING)).iterrows()
        if row["estimator"] == "krippendorff_alpha"
    ]
    for name in source.readings:
        rows += _labels(
            {key: source.rows_of(name, frame) for key, frame in frames.items() if key in _LABELS},
            word(name) if len(source.readings) > 1 else "",
        )
    if not rows:
        return None
    header = ["", "Agreement of raters", "Ceiling of a model", "Linear model", "Best network"]
    wide = max(map(len, rows))
    filled = [[*row, *[Cell(MISSING)] * (wide - len(row))] for row in rows]
    return Beside(header[:wide], filled)


def _modalities(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of single modalities; those of all where there are no others."""
    single = frame[frame["modality"] != "all"]
    return frame if single.empty else single


def _of(what: str, modality: object) -> Cell:
    named = f", {word(modality)}" if modality != "all" else ""
    return Cell(f"{capital(what)}{named}")


def _measured(name: str, row: pd.Series, column: str = "estimate") -> Cell:
    """A measure with its interval."""
    value, low, high = (float(row.get(key, np.nan)) for key in (column, "conf_low", "conf_high"))
    limits = f" {interval(low, high, 2)}" if np.isfinite([low, high]).all() else ""
    return Cell(f"{name} {fixed(value, 2)}{limits}" if np.isfinite(value) else "not defined")


def _over_time(frames: Frames) -> list[list[Cell]]:
    """Concordances of ratings over time, of raters, of the ceiling and of models."""
    rows = []
    keys = ["dimension", "modality"]
    ceilings = {tuple(row[keys]): row for _, row in frames.get("noise_ceiling", _EMPTY).iterrows()}
    linear, networks = (_models(frames.get(key, _EMPTY)) for key in ("lasso_models", "networks"))
    for _, row in _modalities(frames.get("interrater_ccc", _NOTHING)).iterrows():
        key = tuple(row[keys])
        cells = [_of(word(key[0]), key[1]), _measured("CCC", row, "ccc")]
        if ceilings:
            cells.append(
                _measured("CCC", ceilings[key], "ccc") if key in ceilings else Cell(MISSING)
            )
        cells += [models.get(key, Cell(MISSING)) for models in (linear, networks) if models]
        rows.append(cells)
    return rows


def _models(frame: pd.DataFrame) -> dict[tuple[Any, ...], Cell]:
    """Concordance of the models of each dimension and modality that have most features."""
    if frame.empty:
        return {}
    rows = frame[(frame["metric"] == "ccc") & (frame["configuration"] != "lasso")]
    rows = frame[frame["metric"] == "ccc"] if rows.empty else rows
    rows = rows.assign(both=rows["features"] == "audio_visual")
    rows = rows.sort_values(["both", "mean"], ascending=False, kind="stable")
    found = {}
    for key, part in rows.groupby(["target", "modality"], sort=False):
        best = part.iloc[0]
        kind = "audio and visual" if best["both"] else word(best["features"])
        cell = _measured("CCC", best, "mean")
        found[key] = Cell(f"{cell.text}, {kind} features")
    return found


def _static(frames: Frames) -> list[list[Cell]]:
    """Agreement on ratings of one value."""
    rows = _modalities(frames.get("krippendorff_alpha", _NOTHING))
    return [
        [_of(word(row["dimension"]), row["modality"]), _measured("Krippendorff's alpha", row)]
        for _, row in rows.iterrows()
    ]


def _labels(frames: Frames, reading: str) -> list[list[Cell]]:
    """Medians over labels: agreement of raters, ceiling and correlation of models."""
    kappa = frames.get("label_agreement", _NOTHING)
    kappa = together(kappa[kappa["estimator"] == "fleiss_kappa"])
    if kappa.empty:
        return []
    what = f"{count(len(kappa))} labels, median and range"
    cells = [Cell(f"{what}, {reading}" if reading else what), _spread("Fleiss' kappa", kappa)]
    predicted = frames.get("label_prediction", _EMPTY)
    if len(predicted):
        cells += [_spread("r", predicted, "noise_ceiling"), _spread("r", predicted)]
    return [cells]


def _spread(name: str, frame: pd.DataFrame, column: str = "estimate") -> Cell:
    values = frame[column].dropna()
    if values.empty:
        return Cell("not defined")
    low, middle, high = (fixed(float(values.quantile(q)), 2) for q in (0, 0.5, 1))
    return Cell(f"{name} {middle}, {low} to {high}")

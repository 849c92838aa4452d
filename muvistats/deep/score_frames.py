"""What all that reads the frame of `compare_architectures` shares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DataError

#: Errors and agreement of the predictions of an item.
METRICS = ("rmse", "mse", "ccc")

#: What is compared: who was predicted from what, and by which network.
SETTING = ["modality", "features", "configuration"]

_TEXT = [*SETTING, "target", "item"]
_COUNTS = ["repeat", "fold", "seed"]
_UNIT = [*SETTING, "target", "repeat", "seed", "item"]


def scores_of(frame: object, metrics: tuple[str, ...] = METRICS) -> pd.DataFrame:
    """The frame, with what is not finite as NaN, if `compare_architectures` made it."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            "a frame of compare_architectures is needed",
            found=type(frame).__name__,
            expected="a DataFrame",
        )
    for name in (*_TEXT, *_COUNTS, *metrics, "noise_ceiling"):
        if name not in frame.columns:
            raise DataError("this is not a frame of compare_architectures", column=name)
    if not len(frame):
        raise DataError("the frame of compare_architectures has no rows")
    scores = frame.reset_index(drop=True)
    for name in (*metrics, "noise_ceiling"):
        if not pd.api.types.is_numeric_dtype(scores[name].dtype):
            raise DataError("not a number", column=name, found=str(scores[name].dtype))
        values = scores[name].to_numpy(dtype=np.float64)
        scores[name] = np.where(np.isfinite(values), values, np.nan)
    for name in (*_TEXT, *_COUNTS):
        gone = scores[name].isna().to_numpy()
        if gone.any():
            raise DataError("value is missing", column=name, row=int(np.argmax(gone)))
    return scores


def readings(scores: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """The rows of each reading of the labels, and simulated ones, on their own.

    Within one, an item stands once for each repeat and seed.
    """
    by = [name for name in ("alignment", "simulated") if name in scores]
    parts = scores.groupby(by, sort=False, dropna=False) if by else [((), scores)]
    for key, part in parts:
        twice = part.duplicated(_UNIT).to_numpy()
        if twice.any():
            row = part.index[int(np.argmax(twice))]
            raise DataError(
                "an item stands twice for a configuration, repeat and seed; are these frames of "
                "several protocols?",
                row=int(row),
                found=", ".join(str(part.loc[row, name]) for name in _UNIT),
            )
        yield dict(zip(by, key, strict=True)), part


def listed(warnings: pd.Series, most: int = 3) -> str:
    """What rows are to be read with care for, each reason once."""
    reasons = [str(text) for text in warnings.dropna().unique() if str(text)]
    more = f"and {len(reasons) - most} more reasons" if len(reasons) > most else ""
    return "; ".join([*reasons[:most], *([more] if more else [])])

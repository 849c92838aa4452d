"""Types that many rooms name: arrays, rows, sources of randomness, levels, what a test takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.integer[Any]]
Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]

#: From groups of units, (arrangement, unit), to statistics, (arrangement, statistic).
Statistic = Callable[[Ints], Floats]

#: Columns of a result, by name: values of one row, or arrays.
Row = dict[str, Any]

#: What draws random numbers; None asks for numbers that nobody can draw again.
Rng = int | np.random.SeedSequence | np.random.Generator | None

#: One name or several, such as rated dimensions.
Names = str | Sequence[str]

#: A study, or a frame with one row per annotation.
Data = xr.DataTree | pd.DataFrame


def level_text(level: Any) -> str:
    """A level as text: every digit of a number, a whole one without its point, a day as a date."""
    if isinstance(level, float | np.floating):
        number = float(level)
        return str(int(number)) if number.is_integer() and abs(number) < 1e16 else str(level)
    if isinstance(level, pd.Timestamp) and level == level.normalize() and level.tz is None:
        return str(level.date())
    return str(level)

"""How far apart the time steps of a study are, where they are evenly spaced."""

from __future__ import annotations

import numpy as np

from ..errors import DataError, DesignError
from ..kernels.time_grid import grid_under
from ..types import Floats


def interval_of(time: Floats, file: str = "/annotations") -> float:
    """Seconds between time steps.

    Parameters
    ----------
    time : ndarray of float, shape (time,)
        The time steps in order; rounded stamps, as of 30 frames a second, are even.
    file : str
        The group that they are of.

    Raises
    ------
    DataError
        When steps are left out, or are not evenly spaced: neighbours are then no neighbours.
    DesignError
        When there is one step alone.
    """
    if len(time) < 2:
        raise DesignError("a single time step has no course over time")
    width, step, off = grid_under(time)
    wrong = off if off.any() else step != np.arange(len(step))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            "time steps are left out or not evenly spaced, and this needs neighbours in time; "
            "mv.select(time=...) and mv.truncate cut without a hole",
            file=file,
            row=row,
            column="time",
            found=float(time[row]),
            expected=f"a step each {width:.6g} s",
        )
    return width

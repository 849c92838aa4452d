"""Regular grids of time: the one under given stamps, and values of irregular samples on one."""

from __future__ import annotations

import numpy as np

from ..types import Floats, Ints, Mask

#: Decimals to which times are rounded before they are compared, that is, nanoseconds.
TIME_DECIMALS = 9

#: Share of a step by which a time stamp may stand off the grid (rounded time stamps).
_TOLERANCE = 0.01

#: Share of a step up to which the rounding of time stamps explains what stands off the grid,
#: of few stamps, and of those of a whole excerpt.
_MOST_ROUNDING, _MOST_OF_MANY, _MANY = 0.2, 0.31, 20

#: By how much a fitted line may miss the narrowest band around rounded time stamps.
_ROOM = 1.05

#: Frames a second of films and cameras, whose steps rounding may hide.
_FRAME_RATES = (24 / 1.001, 24, 25, 30 / 1.001, 30, 48, 50, 60 / 1.001, 60, 90, 100, 120)


def grid_under(stamps: Floats) -> tuple[float, Ints, Mask]:
    """One regular grid under time stamps, which may be rounded and may leave steps out.

    Parameters
    ----------
    stamps : ndarray of float, shape (stamp,)
        At least two distinct times, in order.

    Returns
    -------
    width : float
        Length of a step.
    step : ndarray of int, shape (stamp,)
        Step of each stamp; the first has 0.
    off : ndarray of bool, shape (stamp,)
        Stamps that lie beside the grid: there is none under all of them.
    """
    rounding = _rounding(stamps)
    most = _MOST_ROUNDING if len(stamps) < _MANY else _MOST_OF_MANY
    for width in _widths(stamps, rounding):
        step = np.round((stamps - stamps[0]) / width).astype(np.int64)
        beside = stamps - stamps[0] - step * width
        apart = np.diff(step).min() > 0  # rounding makes no two stamps of one
        if apart and _TOLERANCE * width < rounding <= most * width:
            level, slope = np.polynomial.polynomial.polyfit(step, beside, 1)
            beside -= level + slope * step  # the first and the last stamp were rounded as well
            width += slope
            within = np.ptp(beside) <= _ROOM * 2 * rounding
            off = (np.abs(beside - np.median(beside)) > rounding) & (not within)
        else:
            off = np.abs(beside) > _TOLERANCE * width
        if not off.any():
            break
    return float(width), step, off


def _rounding(stamps: Floats) -> float:
    """How far rounding may have moved a time stamp, by the decimals that all have."""
    for decimals in range(TIME_DECIMALS):
        if np.abs(stamps - np.round(stamps, decimals)).max() < 10.0**-TIME_DECIMALS:
            return 0.501 * 10.0**-decimals
    return 0.0


def _widths(stamps: Floats, rounding: float) -> list[float]:
    """Steps that a grid under all time stamps may have, the longest first."""
    steps = np.diff(stamps)
    found = [float((stamps[-1] - stamps[0]) / len(steps)), float(steps.min())]
    for width in (steps.min(), np.median(steps), steps.max()):  # the further, the surer
        last = 1
        while last < len(stamps):
            distance = stamps[last] - stamps[0]
            if distance > width / 2:
                width = distance / max(np.round(distance / width), 1)
            last = min(2 * last, len(stamps) - 1) if last < len(stamps) - 1 else len(stamps)
        found.append(float(width))
    coarse = (1 / r for r in _FRAME_RATES if _MOST_ROUNDING < rounding * r <= _MOST_OF_MANY)
    return sorted([*found, *coarse], reverse=True)


def values_on_grid(
    samples: tuple[Ints, Floats, Floats],
    grid: tuple[Ints, Floats],
    method: str,
    max_gap: float,
) -> Floats:
    """Values at the grid times of all recordings at once.

    Parameters
    ----------
    samples : tuple of ndarray, each of shape (sample,)
        Number of the recording, time and value of each sample; times are distinct within a
        recording.
    grid : tuple of ndarray, each of shape (point,)
        Number of the recording and time of each grid point.
    method : {"linear", "previous"}
        Straight line between the samples around a point, or the last sample at or before it.
    max_gap : float
        Longest gap that is filled: between the two samples for ``"linear"``, since the last
        sample for ``"previous"``.

    Returns
    -------
    ndarray of float, shape (point,)
        The values, NaN before the first sample of a recording, after its last one, and in gaps.

    Notes
    -----
    Samples and grid points are merged in one sort, samples first at equal times, so the sample
    at or before each point is the last one met. Times are compared exactly.
    """
    recording, seconds, values = samples
    grid_recording, grid_seconds = grid
    out = np.full(len(grid_seconds), np.nan)
    if not len(values):
        return out
    in_order = np.lexsort((seconds, recording))
    recording, seconds, values = recording[in_order], seconds[in_order], values[in_order]
    is_grid = np.repeat([0, 1], [len(values), len(out)])
    merged = np.lexsort(
        (
            is_grid,
            np.concatenate([seconds, grid_seconds]),
            np.concatenate([recording, grid_recording]),
        )
    )
    met = np.cumsum(is_grid[merged] == 0) - 1
    before = np.empty(len(out), dtype=np.int64)
    before[merged[is_grid[merged] == 1] - len(values)] = met[is_grid[merged] == 1]

    left = np.maximum(before, 0)
    right = np.minimum(before + 1, len(values) - 1)
    has_left = (before >= 0) & (recording[left] == grid_recording)
    has_right = (before + 1 < len(values)) & (recording[right] == grid_recording)
    exact = has_left & (seconds[left] == grid_seconds)
    if method == "previous":
        filled = has_left & (has_right | exact) & (grid_seconds - seconds[left] <= max_gap)
        out[filled] = values[left[filled]]
        return out
    between = has_left & has_right & ~exact & (seconds[right] - seconds[left] <= max_gap)
    low, high = left[between], right[between]
    share = (grid_seconds[between] - seconds[low]) / (seconds[high] - seconds[low])
    out[between] = values[low] + share * (values[high] - values[low])
    out[exact] = values[left[exact]]
    return out

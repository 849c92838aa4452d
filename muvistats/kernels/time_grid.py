"""Values of irregular samples on regular grids, for many recordings at once."""

from __future__ import annotations

import numpy as np

from ..types import Floats, Ints


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

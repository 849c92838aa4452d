"""Neighbouring steps of time taken together: cluster mass and threshold-free enhancement."""

from __future__ import annotations

import numpy as np

from ...types import Floats, Ints

#: Powers of extent and height in threshold-free enhancement, for statistics in one dimension.
EXTENT, HEIGHT = 0.5, 2.0

#: Heights at which clusters are formed, at most.
_HEIGHTS = 10_000


def runs(signs: Ints) -> Ints:
    """Number of the run that each value belongs to: neighbours of one sign in one row.

    Parameters
    ----------
    signs : ndarray of int, shape (row, step)
        Signs, or other codes.

    Returns
    -------
    ndarray of int, shape (row, step)
        Numbers from 0, row by row.
    """
    new = np.ones(signs.shape, dtype=np.bool_)
    new[:, 1:] = signs[:, 1:] != signs[:, :-1]
    return np.cumsum(new).reshape(signs.shape) - 1


def beyond(statistics: Floats, threshold: float) -> Ints:
    """1 above the threshold, -1 below its negative, 0 between them and where nothing is known."""
    return (statistics > threshold).astype(np.int64) - (statistics < -threshold)


def cluster_mass(statistics: Floats, threshold: float) -> Floats:
    """Mass of the cluster that each step is in.

    Parameters
    ----------
    statistics : ndarray of float, shape (row, step)
        Statistics of each arrangement, signed where they have two directions; NaN where there is
        none, which ends a cluster.
    threshold : float
        Height above which, with either sign, steps that follow each other form a cluster.

    Returns
    -------
    ndarray of float, shape (row, step)
        Sum of the statistics of the cluster, with its sign; 0 outside of clusters.

    References
    ----------
    Maris, E., & Oostenveld, R. (2007). Nonparametric statistical testing of EEG- and MEG-data.
    Journal of Neuroscience Methods, 164(1), 177-190.
    https://doi.org/10.1016/j.jneumeth.2007.03.024
    """
    signs = beyond(statistics, threshold)
    number = runs(signs)
    inside = np.where(signs != 0, statistics, 0.0)
    return np.asarray(np.bincount(number.ravel(), inside.ravel())[number])


def threshold_free(statistics: Floats, height_step: float) -> Floats:
    """Threshold-free cluster enhancement of each step.

    Parameters
    ----------
    statistics : ndarray of float, shape (row, step)
        As in `cluster_mass`.
    height_step : float
        Distance h between the heights at which clusters are formed, from h upwards.

    Returns
    -------
    ndarray of float, shape (row, step)
        ``sum_h extent^0.5 h^2 dh`` over the heights below the statistic, at most 10,000 of them;
        never negative.

    References
    ----------
    Smith, S. M., & Nichols, T. E. (2009). Threshold-free cluster enhancement: addressing problems
    of smoothing, threshold dependence and localisation in cluster inference. NeuroImage, 44(1),
    83-98. https://doi.org/10.1016/j.neuroimage.2008.03.061
    """
    out = np.zeros(statistics.shape)
    top = np.abs(np.nan_to_num(statistics)).max(axis=1, initial=0.0)
    count = int(min(top.max(initial=0.0) / height_step, _HEIGHTS))
    for height in np.arange(1, count + 1) * height_step:
        rows = np.flatnonzero(top > height)
        signs = beyond(statistics[rows], height)
        number = runs(signs)
        extent = np.bincount(number.ravel())[number]
        out[rows] += np.where(signs != 0, extent**EXTENT * height**HEIGHT * height_step, 0.0)
    return out

"""Variances of crossed targets and raters by moments, where likelihood would take too long."""

from __future__ import annotations

import numpy as np

from ...types import Floats, Ints


def crossed_components(values: Floats, targets: Ints, raters: Ints) -> Floats:
    """Variances of targets, raters and residuals by Henderson's method 1.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Ratings.
    targets, raters : ndarray of int, shape (n,)
        Numbers of the target and of the rater of each rating, from 0 without a gap.

    Returns
    -------
    ndarray of float, shape (3,)
        Estimates without bias, which may be negative; with complete ratings those of the mean
        squares.

    Notes
    -----
    Four sums of squares (of all ratings, of the sums by target and by rater, and of the grand sum,
    each divided by its number of ratings) are set equal to their expectations, which are linear in
    the variances. Ratings are taken less their mean, which changes nothing but rounding.

    References
    ----------
    Henderson, C. R. (1953). Estimation of variance and covariance components. Biometrics, 9(2),
    226-252. https://doi.org/10.2307/3001853
    """
    y, n = values - values.mean(), float(len(values))
    by = (targets, raters)
    sizes = [np.bincount(codes).astype(float) for codes in by]
    sums = [np.bincount(codes, weights=y) for codes in by]
    cells, counts = np.unique(targets.astype(np.int64) * len(sizes[1]) + raters, return_counts=True)
    of_cell = np.divmod(cells, len(sizes[1]))
    shared = [
        float((counts**2 / size[codes]).sum()) for size, codes in zip(sizes, of_cell, strict=True)
    ]
    grand = np.array([(sizes[0] ** 2).sum() / n, (sizes[1] ** 2).sum() / n, 1.0])
    squares = np.array([*((s**2 / k).sum() for s, k in zip(sums, sizes, strict=True)), y @ y])
    expected = np.array([[n, shared[0], len(sizes[0])], [shared[1], n, len(sizes[1])], [n, n, n]])
    return np.linalg.solve(expected - grand, squares - y.sum() ** 2 / n)

"""The t test of results of cross-validation whose training sets overlap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from ...types import Floats
from ..scale import unit_factor


class CorrectedT(NamedTuple):
    """A corrected resampled t test; NaN where it is not defined."""

    estimate: float
    std_error: float
    statistic: float
    df: float
    p_value: float


def corrected_t(differences: Floats, ratio: float) -> CorrectedT:
    """Test the mean of the differences of two learners over folds.

    Parameters
    ----------
    differences : ndarray of float, shape (split,)
        Mean difference on the test set of each split into a training and a test set.
    ratio : float
        Size of a test set over that of a training set.

    Returns
    -------
    CorrectedT
        Mean, standard error, t with one degree of freedom less than there are splits, and the
        two-sided p-value.

    Notes
    -----
    With J splits the squared standard error is ``(1 / J + ratio) s^2``. The plain ``s^2 / J`` takes
    splits for independent; but they share most of their training sets, so more of them say less
    and less, and the second part does not shrink. It rests on the assumption that two splits
    correlate by ``n_test / (n_test + n_train)``.

    References
    ----------
    Nadeau, C., & Bengio, Y. (2003). Inference for the generalization error. Machine Learning,
    52(3), 239-281. https://doi.org/10.1023/A:1024068626366

    Examples
    --------
    >>> found = corrected_t(np.array([0.1, 0.3, 0.2, 0.2]), 1 / 3)
    >>> print(round(found.statistic, 4), found.df)
    3.2071 3.0
    """
    count = len(differences)
    estimate = float(differences.mean()) if count else np.nan
    if count < 2:
        return CorrectedT(estimate, np.nan, np.nan, np.nan, np.nan)
    df = float(count - 1)
    unit = unit_factor(differences).item()
    moved = (differences - differences[0]) * unit
    error = float(np.sqrt((1 / count + ratio) * moved.var(ddof=1))) / unit
    if not error > 0:
        return CorrectedT(estimate, error, np.nan, df, np.nan)
    statistic = estimate / error
    return CorrectedT(estimate, error, statistic, df, float(2 * stats.t.sf(abs(statistic), df)))

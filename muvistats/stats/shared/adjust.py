"""p-values adjusted for multiple comparisons."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy import stats

from ...arguments import ADJUSTMENTS, check_choice
from ...types import Floats


def adjust_p(p_values: Any, method: str) -> Floats:
    """Adjust p-values as one family; NaN stays NaN and does not count.

    Parameters
    ----------
    p_values : array-like of float
        p-values.
    method : str
        One of `ADJUSTMENTS`.

    Returns
    -------
    ndarray of float
        Adjusted p-values, in the same order.

    Notes
    -----
    As `statsmodels.stats.multitest.multipletests`, which is not called because it collects
    garbage on each call and so takes longer than the tests themselves.
    """
    check_choice("adjust", method, ADJUSTMENTS)
    out = np.array(p_values, dtype=float)
    there = ~np.isnan(out)
    family = out[there]
    if method == "bonferroni":
        out[there] = np.minimum(1, len(family) * family)
    elif method == "holm":
        order = np.argsort(family, kind="stable")
        steps = np.arange(len(family), 0, -1) * family[order]
        family[order] = np.minimum(1, np.maximum.accumulate(steps))
        out[there] = family
    elif method != "none" and len(family):
        kind: Literal["bh", "by"] = "bh" if method == "fdr_bh" else "by"
        out[there] = stats.false_discovery_control(family, method=kind)
    return out

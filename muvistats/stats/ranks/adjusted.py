"""Values that are ranked in place of those recorded: less what their clusters add."""

from __future__ import annotations

import numpy as np

from ...kernels.permutation.arrangements import additive_residuals, shrunken_residuals
from ...types import Floats, Ints

#: Values that differ by less than this part of their spread are ties after an adjustment.
_TIE = 1e-8


def less_effects(values: Floats, crossed: Ints, within: Ints, kind: str) -> tuple[Floats, str]:
    """Values less means of strata and shrunken effects of a kind; these stay if nothing would."""
    shrunken = shrunken_residuals(values[:, None], within, crossed)[0][:, 0]
    for residuals, note in (
        (_with_ties(shrunken, values), ""),
        (
            less_means(values, within),
            f"{kind} effects were not removed: nothing would be left",
        ),
    ):
        if np.ptp(residuals) > 0:
            return residuals, note
    return values, "participant and item effects were kept: nothing would be left"


def less_means(values: Floats, codes: Ints) -> Floats:
    """Values less the mean of their level."""
    return _with_ties(additive_residuals(values[:, None], [codes])[:, 0], values)


def _with_ties(residuals: Floats, values: Floats) -> Floats:
    """Residuals of values without the noise of arithmetic, so that ties stay ties."""
    unit = _TIE * float(np.ptp(values)) if len(values) else 0.0
    return np.round(residuals / unit) * unit if unit > 0 else residuals

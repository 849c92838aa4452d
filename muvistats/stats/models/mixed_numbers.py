"""A fitted mixed model in numbers: what its tables are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats

from ...kernels.mixed.derivatives import satterthwaite
from ...types import Floats
from .estimation import Estimates, repeated_annotations
from .fit import Fit


@dataclass(frozen=True, repr=False)
class MixedNumbers(Fit):
    """The numbers of a fitted mixed model, and how they are tested.

    Parameters
    ----------
    design : Design
        The rows and columns that were fitted.
    estimates : Estimates
        The fit in numbers.
    family : str
        Distribution of the response.
    provenance : dict
        Alignment of the labels and whether the data is simulated.
    reml : bool
        Whether the restricted likelihood was used.
    df : str
        Method for the degrees of freedom.
    engine : str
        What searched for the optimum.

    """

    estimates: Estimates
    reml: bool
    df: str
    engine: str

    @property
    def is_normal(self) -> bool:
        """Whether tests are normal, without degrees of freedom."""
        return self.estimates.uncertainty is None

    @cached_property
    def dependence(self) -> str:
        """Random effects stand for the rows that belong together, where there is one for them."""
        return "independent" if repeated_annotations(self.design) else "design"

    @property
    def n_parameters(self) -> int:
        """Fixed effects, covariance parameters and, for gaussian, the residual variance."""
        parts = self.estimates
        return len(parts.inner) + len(parts.theta) + (self.family == "gaussian")

    def degrees_of(self, weights: Floats) -> float:
        """Degrees of freedom of a combination of the orthonormal columns."""
        parts = self.estimates
        if parts.kenward is not None:
            return parts.kenward.test(weights[None, :])[0]
        if parts.uncertainty is None:
            return np.inf
        return satterthwaite(weights, parts.inner_covariance, parts.uncertainty)

    def joint(self, weights: Floats) -> dict[str, Any]:
        """Test that several combinations of the kept fixed effects are zero at once."""
        parts = self.estimates
        if parts.kenward is None:
            return super().joint(weights)
        weights = weights @ parts.basis.back
        df, scale = parts.kenward.test(weights)
        if np.isnan(df):
            return {"warning": "degrees of freedom are not defined"}
        value = weights @ parts.inner
        square = value @ np.linalg.solve(weights @ parts.inner_covariance @ weights.T, value)
        statistic = float(scale * square / len(weights))
        return {
            "statistic": statistic,
            "statistic_name": "F",
            "df": float(len(weights)),
            "df_denom": df,
            "p_value": float(stats.f.sf(statistic, len(weights), df)),
        }

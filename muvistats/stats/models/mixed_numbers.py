"""A fitted mixed model in numbers: what its tables are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats

from ...kernels.mixed.derivatives import satterthwaite
from ...kernels.mixed.families import category_probabilities
from ...types import Floats
from .correlation import Correlation, repeated_annotations
from .estimation import Estimates
from .fit import Fit
from .inference import contrast_rows


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
    correlation : Correlation or None
        Of the residuals within annotations.
    """

    estimates: Estimates
    reml: bool
    df: str
    engine: str
    correlation: Correlation | None = None

    @property
    def is_normal(self) -> bool:
        """Whether tests are normal, without degrees of freedom."""
        return self.estimates.uncertainty is None

    @cached_property
    def dependence(self) -> str:
        """Random effects stand for the rows that belong together, where there is one for them."""
        repeats = repeated_annotations(self.design, self.correlation)
        return "independent" if repeats else "design"

    @property
    def n_parameters(self) -> int:
        """Fixed effects, covariance parameters and those of the family."""
        parts = self.estimates
        searched = self.correlation is not None and self.correlation.rho is None
        own = (self.family == "gaussian") + parts.n_extra + searched
        return len(parts.inner) + len(parts.theta) + own

    @cached_property
    def categories(self) -> Floats:
        """Values of the categories of a cumulative model: their names, or 1, 2... for words."""
        names = self.design.response_levels
        try:
            return np.array([float(name) for name in names])
        except ValueError:
            return np.arange(1.0, len(names) + 1)

    def probabilities(self, eta: Floats) -> Floats:
        """Probability of each category of a cumulative model, shape (n, category)."""
        return category_probabilities(eta, self.estimates.extra)

    @property
    def observed(self) -> Floats:
        """The response on its own scale."""
        y = self.design.y
        return self.categories[y.astype(np.intp)] if self.family == "cumulative" else y

    def mean_of(self, eta: Floats) -> Floats:
        """Mean of the response at a linear predictor; of categories their mean value."""
        if self.family != "cumulative":
            return super().mean_of(eta)
        return np.asarray(self.probabilities(eta) @ self.categories)

    def spread_of(self, eta: Floats) -> Floats:
        """Standard deviation of the response at a linear predictor of each row."""
        mean, parts = self.mean_of(eta), self.estimates
        if self.family == "gaussian":
            return np.asarray(parts.sigma / np.sqrt(self.design.weights))
        if self.family == "cumulative":
            square = self.probabilities(eta) @ self.categories**2
            return np.sqrt(np.maximum(square - mean**2, 0.0))
        if self.family == "poisson":
            return np.sqrt(mean)
        phi = float(parts.extra[0]) if self.family == "beta" else 0.0
        return np.sqrt(mean * (1 - mean) / (1 + phi))

    def coefficients(self, *, conf_level: float = 0.95) -> list[dict[str, Any]]:
        """Rows of `tidy`; thresholds in the place of a cumulative model's intercept."""
        rows = super().coefficients(conf_level=conf_level)
        if self.family != "cumulative":
            return rows
        parts, names = self.estimates, self.design.response_levels
        cuts = np.eye(len(parts.extra))
        weights = np.hstack([np.tile(-parts.basis.back[0], (len(cuts), 1)), cuts])
        numbers = np.concatenate([parts.inner, parts.extra])
        found = contrast_rows(
            weights, numbers, parts.whole_covariance, lambda _: np.inf, conf_level
        )
        between = zip(names, names[1:], found, strict=False)
        own = [{**rows[0], "term": f"{low}|{high}", **row} for low, high, row in between]
        if np.isnan(rows[0]["estimate"]):  # no optimum, or no finite estimate
            gone = {key: rows[0][key] for key in found[0] if key != "conf_level"}
            own = [{**row, **gone} for row in own]
        return [*own, *rows[1:]]

    @property
    def degrees_after(self) -> str:
        """Whose degrees of freedom the tests have; empty for normal ones."""
        if self.estimates.kenward is not None:
            return "Kenward and Roger"
        return "" if self.estimates.uncertainty is None else "Satterthwaite"

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

"""A fitted linear or generalised linear model: the whole fit, its rows and predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...formula.columns import complete_rows
from ...results.frame import Rows
from ...types import Floats
from .fit import Fit
from .frames import as_rows, fit_frame
from .inference import inverse_link


@dataclass(frozen=True, repr=False)
class LinearFit(Fit):
    """A fitted linear or generalised linear model, as `linear_model` and `glm` return it.

    Parameters
    ----------
    design : Design
        The rows and columns that were fitted.
    estimates : Coefficients
        The fit in numbers.
    family : str
        Distribution of the response.
    provenance : dict
        Alignment of the labels and whether the data is simulated.
    degrees : float
        Degrees of freedom of the tests; infinite for the normal distribution.
    scale : float
        Residual variance (gaussian) or 1.
    clusters : dict of str to int
        Number of clusters of each factor.

    See Also
    --------
    linear_model, glm : Fit it.
    MixedFit : The same with people and items that have effects of their own.
    plot_coefficients : Coefficients of one or several fits.
    """

    degrees: float
    scale: float
    clusters: dict[str, int]

    #: A column that was left out counts as zero: the others keep their estimate, as in R.
    left_out_is_zero = True

    @property
    def is_normal(self) -> bool:
        """Whether tests are normal, without degrees of freedom."""
        return bool(np.isinf(self.degrees))

    @property
    def dependence(self) -> str:
        """Whether the standard errors allow for clusters."""
        return "design" if self.clusters else "independent"

    def degrees_of(self, weights: Floats) -> float:  # noqa: ARG002 - the same for all
        """Degrees of freedom of a combination of the kept columns."""
        return self.degrees

    @fit_frame(
        "model",
        "model family n n_missing groups n_parameters df_residual sigma log_likelihood aic bic",
        "method",
    )
    def glance(self) -> Rows:
        """The whole fit in one row; `groups` are the clusters of the standard errors."""
        k = len(self.estimates.inner) + (self.family == "gaussian")
        return [
            {
                "model": self.formula,
                "family": self.family,
                "n": self.n,
                "n_missing": self.design.n_missing,
                "groups": ", ".join(f"{key}: {count}" for key, count in self.clusters.items()),
                "n_parameters": k,
                "df_residual": self.n - len(self.estimates.inner),
                "sigma": np.sqrt(self.scale) if self.family == "gaussian" else np.nan,
                "log_likelihood": self.estimates.log_likelihood,
                "aic": -2 * self.estimates.log_likelihood + 2 * k,
                "bic": -2 * self.estimates.log_likelihood + np.log(self.n) * k,
                "method": self.estimates.method,
            }
        ]

    @fit_frame("row", "row", "observed", "fitted", "residual")
    def augment(self) -> Rows:
        """Fitted values and residuals of the rows that entered."""
        fitted = self.predict()
        y = self.design.y
        return pd.DataFrame(
            {"row": self.design.rows, "observed": y, "fitted": fitted, "residual": y - fitted}
        )

    def predict(self, data: pd.DataFrame | pd.Series | None = None) -> Floats:
        """Predicted means on the scale of the response.

        Parameters
        ----------
        data : DataFrame or Series, optional
            New rows, or one; the fitted rows where not given.

        Returns
        -------
        ndarray of float, shape (n,)
            Means; NaN where a value is missing, and for a cell that no fitted row has.
        """
        if data is None:
            matrix, offset = self.design.fixed.matrix, self.design.offset
        else:
            rows = as_rows(data)
            values = self.design.new_values(self.design.formula.factors, rows)
            good, some = complete_rows(values, len(rows))
            matrix = np.full((len(rows), self.design.fixed.matrix.shape[1]), np.nan)
            matrix[good] = self.design.fixed.of(some, len(good))
            offset = self.design.new_offset(rows)
        return inverse_link(self.family, self.linear_predictor(matrix, offset))

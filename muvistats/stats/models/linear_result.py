"""A fitted linear or generalised linear model: its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...arguments import check_conf_level
from ...formula import Design
from ...formula.columns import complete_rows
from ...results.frame import Rows
from ...types import Floats
from .frames import contrast_rows, fit_frame, joint_test, type_three
from .variance import inverse_link

__all__ = ["LinearFit"]


@dataclass(frozen=True)
class LinearFit:
    """A fitted linear or generalised linear model, as `linear_model` and `glm` return it.

    Parameters
    ----------
    design : Design
        The rows and columns that were fitted.
    kept : ndarray of int
        Fixed columns that were estimated.
    beta, covariance : ndarray of float
        Coefficients and their covariance.
    family : str
        Distribution of the response.
    degrees : float
        Degrees of freedom of the tests; infinite for the normal distribution.
    scale : float
        Residual variance (gaussian) or 1.
    log_likelihood : float
        Log-likelihood; NaN for estimating equations.
    clusters : dict of str to int
        Number of clusters of each factor.
    method : str
        Method in words.
    provenance : dict
        Alignment of the labels and whether the data is simulated.
    reasons : tuple of str
        What to read with care.
    separated : ndarray of int
        Positions in `kept` without a finite estimate.
    """

    design: Design
    kept: npt.NDArray[np.intp]
    beta: Floats
    covariance: Floats
    family: str
    degrees: float
    scale: float
    log_likelihood: float
    clusters: dict[str, int]
    method: str
    provenance: dict[str, Any]
    reasons: tuple[str, ...]
    separated: npt.NDArray[np.intp]

    @property
    def n(self) -> int:
        """Rows that entered."""
        return len(self.design.y)

    def __repr__(self) -> str:
        return f"<LinearFit {self.design.formula.text!r}, {self.family}, n = {self.n}>"

    def _common(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "n_missing": self.design.n_missing,
            "method": self.method,
            "dependence": "design" if self.clusters else "independent",
        }

    @fit_frame(
        "coefficient",
        "term",
        "estimate",
        "std_error",
        "statistic",
        "statistic_name",
        "df",
        "p_value",
        "conf_low",
        "conf_high",
        "conf_level",
        "n",
        "n_missing",
        "method",
        "dependence",
    )
    def tidy(self, *, conf_level: float = 0.95) -> Rows:
        """Coefficients with their tests.

        Parameters
        ----------
        conf_level : float
            Confidence level of the intervals.
        """
        check_conf_level(conf_level)
        own = contrast_rows(
            np.eye(len(self.beta)), self.beta, self.covariance, lambda _: self.degrees, conf_level
        )
        found = dict(zip(self.kept.tolist(), own, strict=True))
        name = "t" if np.isfinite(self.degrees) else "z"
        rows = []
        for j, term in enumerate(self.design.fixed.names):
            row = {"term": term, "statistic_name": name, "conf_level": conf_level, **self._common()}
            if j not in found:
                row["warning"] = "not estimable: a combination of other columns"
            elif list(found).index(j) in self.separated:
                row["warning"] = "perfect separation: no finite estimate"
            else:
                row.update(found[j])
            rows.append(row)
        return rows

    @fit_frame(
        "model",
        "model",
        "family",
        "n",
        "n_missing",
        "groups",
        "n_parameters",
        "df_residual",
        "sigma",
        "log_likelihood",
        "aic",
        "bic",
        "method",
    )
    def glance(self) -> Rows:
        """The whole fit in one row; `groups` are the clusters of the standard errors."""
        k = len(self.beta) + (self.family == "gaussian")
        return [
            {
                "model": self.design.formula.text,
                "family": self.family,
                "n": self.n,
                "n_missing": self.design.n_missing,
                "groups": ", ".join(f"{key}: {count}" for key, count in self.clusters.items()),
                "n_parameters": k,
                "df_residual": self.n - len(self.beta),
                "sigma": np.sqrt(self.scale) if self.family == "gaussian" else np.nan,
                "log_likelihood": self.log_likelihood,
                "aic": -2 * self.log_likelihood + 2 * k,
                "bic": -2 * self.log_likelihood + np.log(self.n) * k,
                "method": self.method,
            }
        ]

    @fit_frame(
        "term",
        "term",
        "statistic",
        "statistic_name",
        "df",
        "df_denom",
        "p_value",
        "n",
        "n_missing",
        "method",
        "dependence",
    )
    def anova(self) -> Rows:
        """Type III test of each term: F for gaussian, otherwise Wald chi-square."""
        fixed, common = self.design.fixed, self._common()
        terms = [name for name in fixed.terms if name != "Intercept"]
        if len(self.kept) < fixed.matrix.shape[1] or len(self.separated):
            reason = "not defined while columns are left out or have no finite estimate"
            return [{"term": name, **common, "warning": reason} for name in terms]
        recoded = self.design.recoded("Sum")
        weights = type_three(fixed.matrix, recoded.matrix, recoded.terms, fixed.terms)
        degrees = (lambda _: self.degrees) if np.isfinite(self.degrees) else None
        return [
            {
                "term": name,
                **joint_test(weights[name], self.beta, self.covariance, degrees),
                **common,
            }
            for name in terms
        ]

    @fit_frame("row", "row", "observed", "fitted", "residual")
    def augment(self) -> Rows:
        """Fitted values and residuals of the rows that entered."""
        fitted = self.predict()
        y = self.design.y
        return pd.DataFrame(
            {"row": self.design.rows, "observed": y, "fitted": fitted, "residual": y - fitted}
        )

    def predict(self, data: pd.DataFrame | None = None) -> Floats:
        """Predicted means on the scale of the response.

        Parameters
        ----------
        data : DataFrame, optional
            New rows; the fitted rows where not given.

        Returns
        -------
        ndarray of float, shape (n,)
            Means; NaN where a value is missing.
        """
        if data is None:
            matrix = self.design.fixed.matrix
        else:
            codes = self.design.formula.factors
            values = self.design.new_values(codes, data)
            good, some = complete_rows(values, len(data))
            matrix = np.full((len(data), self.design.fixed.matrix.shape[1]), np.nan)
            matrix[good] = self.design.fixed.of(some, len(good))
        return inverse_link(self.family, matrix[:, self.kept] @ self.beta)

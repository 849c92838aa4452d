"""A fitted mixed model: its numbers, and the tables of its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from ...arguments import check_conf_level
from ...formula import Design
from ...kernels.mixed.derivatives import satterthwaite
from ...kernels.mixed.linear import lambda_factors
from ...results.frame import Rows
from ...types import Floats
from .fit import Estimates, blocks_of
from .frames import contrast_rows, fit_frame, joint_test

#: Columns of an estimate with its test and interval.
INFERENCE = (
    "estimate",
    "std_error",
    "statistic",
    "statistic_name",
    "df",
    "p_value",
    "conf_low",
    "conf_high",
    "conf_level",
)


@dataclass(frozen=True)
class MixedCore:
    """The fixed and random effects of a fitted mixed model.

    Parameters
    ----------
    design : Design
        The rows and columns that were fitted.
    estimates : Estimates
        The fit in numbers.
    family : str
        Distribution of the response.
    reml : bool
        Whether the restricted likelihood was used.
    df : str
        Method for the degrees of freedom.
    engine : str
        What searched for the optimum.
    provenance : dict
        Alignment of the labels and whether the data is simulated.
    """

    design: Design
    estimates: Estimates
    family: str
    reml: bool
    df: str
    engine: str
    provenance: dict[str, Any]

    @property
    def formula(self) -> str:
        """The formula as it was written."""
        return self.design.formula.text

    @property
    def reasons(self) -> tuple[str, ...]:
        """What to read with care."""
        return self.estimates.reasons

    @property
    def n(self) -> int:
        """Rows that entered."""
        return len(self.design.y)

    @property
    def n_parameters(self) -> int:
        """Fixed effects, covariance parameters and, for gaussian, the residual variance."""
        parts = self.estimates
        return len(parts.beta) + len(parts.theta) + (self.family == "gaussian")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.formula!r}, {self.family}, n = {self.n}>"

    def degrees(self, weights: Floats) -> float:
        """Degrees of freedom of a combination of the kept fixed effects."""
        parts = self.estimates
        if parts.kenward is not None:
            return parts.kenward.test(weights[None, :])[0]
        if parts.uncertainty is None:
            return np.inf
        return satterthwaite(weights, parts.covariance, parts.uncertainty)

    def joint(self, weights: Floats) -> dict[str, Any]:
        """Test that several combinations of the kept fixed effects are zero at once."""
        parts = self.estimates
        degrees = self.degrees if parts.uncertainty is not None else None
        if parts.kenward is None:
            return joint_test(weights, parts.beta, parts.covariance, degrees)
        df, scale = parts.kenward.test(weights)
        if np.isnan(df):
            return {"warning": "degrees of freedom are not defined"}
        value = weights @ parts.beta
        square = value @ np.linalg.solve(weights @ parts.covariance @ weights.T, value)
        statistic = float(scale * square / len(weights))
        return {
            "statistic": statistic,
            "statistic_name": "F",
            "df": float(len(weights)),
            "df_denom": df,
            "p_value": float(stats.f.sf(statistic, len(weights), df)),
        }

    def common(self) -> dict[str, Any]:
        """Columns that every table of tests has."""
        return {
            "n": self.n,
            "n_missing": self.design.n_missing,
            "method": self.estimates.method,
            "dependence": "design",
        }

    def inference(self, weights: Floats, conf_level: float) -> list[dict[str, Any]]:
        """Rows of linear combinations of all fixed columns, NaN where not estimable."""
        check_conf_level(conf_level)
        parts = self.estimates
        name = "z" if parts.uncertainty is None else "t"
        own = weights[:, parts.kept]
        rows = contrast_rows(own, parts.beta, parts.covariance, self.degrees, conf_level)
        for row, weight in zip(rows, weights, strict=True):
            row["statistic_name"] = name
            reason = self._problem(weight)
            if not reason and np.isnan(row["df"]):
                row["warning"] = "degrees of freedom are not defined"
            if reason:
                gone = [key for key in INFERENCE if key not in ("statistic_name", "conf_level")]
                row.update(dict.fromkeys(gone, np.nan), warning=reason)
        return rows

    def _problem(self, weight: Floats) -> str:
        """Why a linear combination has no estimate; empty where it has."""
        parts = self.estimates
        matrix = self.design.fixed.matrix
        gone = np.setdiff1d(np.arange(matrix.shape[1]), parts.kept)
        if len(gone):
            own = np.linalg.lstsq(matrix[:, parts.kept], matrix[:, gone], rcond=None)[0]
            left = weight[gone] - weight[parts.kept] @ own
            if (np.abs(left) > 1e-6).any():
                return "not estimable: a cell is empty or columns are collinear"
        if (np.abs(weight[parts.kept][parts.separated]) > 1e-12).any():
            return "perfect separation: no finite estimate"
        if not parts.converged and not len(parts.separated):
            return "the optimum was not found"
        return ""

    @fit_frame("fixed effect", "term", *INFERENCE, "n", "n_missing", "method", "dependence")
    def tidy(self, *, conf_level: float = 0.95) -> Rows:
        """Fixed effects with their tests.

        Parameters
        ----------
        conf_level : float
            Confidence level of the intervals.

        Notes
        -----
        Wald tests: t with Satterthwaite's degrees of freedom for gaussian models, otherwise
        normal. Intervals are of the same kind. GLMM effects are on the link scale.
        """
        names = self.design.fixed.names
        rows = self.inference(np.eye(len(names)), conf_level)
        common = self.common()
        return [{"term": name, **row, **common} for name, row in zip(names, rows, strict=True)]

    @fit_frame("variance or correlation", "factor", "term", "quantity", "estimate", "n")
    def variance_components(self) -> Rows:
        """Standard deviations and correlations of the random effects, and the residual.

        Notes
        -----
        `factor` is the grouping factor; `term` names the column, two of them for a correlation.
        """
        parts = self.estimates
        rows: list[dict[str, Any]] = []
        factors = lambda_factors(parts.theta, blocks_of(self.design))
        for part, factor in zip(self.design.random, factors, strict=True):
            covariance = parts.sigma**2 * factor @ factor.T
            sd = np.sqrt(np.diag(covariance))
            base = {"factor": part.bar.name, "n": len(part.levels)}
            for i, name in enumerate(part.names):
                rows.append({**base, "term": name, "quantity": "sd", "estimate": sd[i]})
                for j in range(i):
                    product = sd[i] * sd[j]
                    rows.append(
                        {
                            **base,
                            "term": f"{part.names[j]}, {name}",
                            "quantity": "correlation",
                            "estimate": covariance[i, j] / product if product > 0 else np.nan,
                            "warning": "" if product > 0 else "a variance is zero",
                        }
                    )
        if self.family == "gaussian":
            rows.append(
                {"factor": "residual", "quantity": "sd", "estimate": parts.sigma, "n": self.n}
            )
        return rows

    @fit_frame("random effect", "factor", "group", "term", "estimate", "n")
    def random_effects(self) -> Rows:
        """Conditional modes (BLUPs) of the random effects; `n` counts the rows of the level."""
        rows = []
        for part, modes in zip(self.design.random, self.estimates.modes, strict=True):
            counts = np.bincount(part.codes, minlength=len(part.levels))
            rows += [
                {
                    "factor": part.bar.name,
                    "group": level,
                    "term": name,
                    "estimate": modes[i, j],
                    "n": int(counts[i]),
                }
                for i, level in enumerate(part.levels)
                for j, name in enumerate(part.names)
            ]
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
        "deviance",
        "aic",
        "bic",
        "converged",
        "singular",
        "method",
    )
    def glance(self) -> Rows:
        """The whole fit in one row.

        Notes
        -----
        After REML, log-likelihood, AIC and BIC are restricted: compare them only between models
        with the same fixed part, or use `compare`.
        """
        parts, k = self.estimates, self.n_parameters
        sizes = dict.fromkeys(f"{p.bar.name}: {len(p.levels)}" for p in self.design.random)
        return [
            {
                "model": self.formula,
                "family": self.family,
                "n": self.n,
                "n_missing": self.design.n_missing,
                "groups": ", ".join(sizes),
                "n_parameters": k,
                "df_residual": self.n - k,
                "sigma": parts.sigma if self.family == "gaussian" else np.nan,
                "log_likelihood": parts.log_likelihood,
                "deviance": -2 * parts.log_likelihood,
                "aic": -2 * parts.log_likelihood + 2 * k,
                "bic": -2 * parts.log_likelihood + np.log(self.n) * k,
                "converged": parts.converged,
                "singular": parts.singular,
                "method": parts.method,
            }
        ]

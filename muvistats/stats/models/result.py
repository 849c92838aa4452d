"""A fitted mixed model: its tests, marginal means, comparisons and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ...errors import DesignError
from ...formula.columns import complete_rows
from ...results.frame import Rows
from ...types import Floats
from .checks import compare_fits, diagnostic_rows
from .core import INFERENCE, MixedCore
from .emmeans import adjust_contrasts, grid_of, pairs_of
from .frames import fit_frame, type_three
from .variance import icc_rows, inverse_link, r2_row

__all__ = ["MixedFit"]


@dataclass(frozen=True, repr=False)
class MixedFit(MixedCore):
    """A fitted mixed model, as `mixed_model` returns it.

    Notes
    -----
    Every method returns a frame with fixed columns. Numbers that are not defined are NaN with a
    reason in `warning`; what concerns the whole fit (a singular fit, columns that were left out)
    stands in `warning` of every row.
    """

    @fit_frame(
        "row",
        "row",
        "item",
        "modality",
        "participant",
        "observed",
        "fitted",
        "fitted_fixed",
        "residual",
        "pearson_residual",
    )
    def augment(self) -> Rows:
        """Fitted values and residuals of the rows that entered."""
        design, parts = self.design, self.estimates
        fitted = self.predict()
        if self.family == "gaussian":
            spread = np.full(self.n, parts.sigma)
        else:
            spread = np.sqrt(fitted * (1 - fitted) if self.family == "binomial" else fitted)
        out = {
            "row": design.rows,
            "observed": design.y,
            "fitted": fitted,
            "fitted_fixed": self.predict(random=False),
            "residual": design.y - fitted,
            "pearson_residual": (design.y - fitted) / np.maximum(spread, 1e-300),
        }
        for key in ("item", "modality", "participant"):
            if key in design.frame:
                out[key] = design.frame[key].astype("str").to_numpy()
        return pd.DataFrame(out)

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
    def anova(self, *, type: Literal[3] = 3) -> Rows:  # noqa: A002
        """Joint test of each term.

        Parameters
        ----------
        type : {3}
            Type of the hypotheses: every term with all others in the model, every factor summing
            to zero, whatever contrasts the formula uses.

        Raises
        ------
        DesignError
            For another type.

        Notes
        -----
        F tests for gaussian models, with Satterthwaite's denominator or Kenward and Roger's,
        otherwise Wald chi-square.
        A main effect of a number that interacts with a factor is tested at equal weights of the
        factor's levels, that of a factor where the number is zero.
        """
        if type != 3:
            raise DesignError(f"type={type!r}: only type 3 tests are offered")
        parts, common = self.estimates, self.common()
        terms = [name for name in self.design.fixed.terms if name != "Intercept"]
        whole = len(parts.kept) == self.design.fixed.matrix.shape[1]
        if not whole or len(parts.separated) or not parts.converged:
            reason = "not defined while columns are left out or have no finite estimate"
            return [{"term": name, **common, "warning": reason} for name in terms]
        recoded = self.design.recoded("Sum")
        fixed = self.design.fixed
        weights = type_three(fixed.matrix, recoded.matrix, recoded.terms, fixed.terms)
        return [{"term": name, **self.joint(weights[name]), **common} for name in terms]

    @fit_frame("combination of levels", "factor", "group", *INFERENCE, "fitted", "n", "method")
    def emmeans(self, by: str | Sequence[str], *, conf_level: float = 0.95) -> Rows:
        """Estimated marginal means.

        Parameters
        ----------
        by : str or sequence of str
            Factor, or factors whose combinations are shown.
        conf_level : float
            Confidence level of the intervals.

        Raises
        ------
        DesignError
            When `by` is not a factor of the fixed part.

        Notes
        -----
        Predictions over the grid of all levels, numbers at their mean, averaged with equal
        weights (Searle, Speed and Milliken, 1980). They are on the link scale; `fitted` is the
        mean on the scale of the response.
        """
        names = [by] if isinstance(by, str) else list(by)
        grid = grid_of(self.design, names)
        rows = self.inference(grid.weights, conf_level)
        return [
            {
                "factor": ", ".join(names),
                "group": ", ".join(level),
                **row,
                "fitted": float(inverse_link(self.family, np.array(row["estimate"]))),
                "n": self.n,
                "method": self.estimates.method,
            }
            for level, row in zip(grid.names, rows, strict=True)
        ]

    @fit_frame(
        "pair of groups",
        "factor",
        "at",
        "group1",
        "group2",
        *INFERENCE,
        "p_adjusted",
        "p_adjust_method",
        "n",
        "method",
        "dependence",
    )
    def contrasts(
        self,
        by: str | Sequence[str],
        *,
        within: str | Sequence[str] = (),
        adjust: str = "tukey",
        conf_level: float = 0.95,
    ) -> Rows:
        """Differences of estimated marginal means, first group less second.

        Parameters
        ----------
        by : str or sequence of str
            Factor whose levels are compared.
        within : str or sequence of str
            Factors within whose levels they are compared; one family of tests for each.
        adjust : str
            "tukey", or holm, bonferroni, fdr_bh, fdr_by, none.
        conf_level : float
            Confidence level of the intervals, which are adjusted like the p-values where there
            is a way to (tukey, bonferroni; holm takes Bonferroni's).

        Raises
        ------
        DesignError
            When a factor is not in the fixed part, or the adjustment is not known.
        """
        names = [by] if isinstance(by, str) else list(by)
        outer = [within] if isinstance(within, str) else list(within)
        grid = grid_of(self.design, [*names, *outer])
        common = {"factor": ", ".join(names), "n": self.n, "method": self.estimates.method}
        rows: list[dict[str, Any]] = []
        for place in dict.fromkeys(name[len(names) :] for name in grid.names):
            here = [i for i, name in enumerate(grid.names) if name[len(names) :] == place]
            labels = [", ".join(grid.names[i][: len(names)]) for i in here]
            pairs = pairs_of(labels)
            weights = np.array([grid.weights[here[i]] - grid.weights[here[j]] for i, j in pairs])
            family = self.inference(weights, conf_level)
            adjust_contrasts(family, len(here), adjust, conf_level)
            at = ", ".join(f"{k} = {v}" for k, v in zip(outer, place, strict=True))
            rows += [
                {
                    **common,
                    "at": at,
                    "group1": labels[i],
                    "group2": labels[j],
                    **row,
                    "dependence": "design",
                }
                for (i, j), row in zip(pairs, family, strict=True)
            ]
        return rows

    @fit_frame(
        "model",
        "model",
        "n_parameters",
        "log_likelihood",
        "deviance",
        "aic",
        "bic",
        "statistic",
        "statistic_name",
        "df",
        "p_value",
        "n",
        "method",
    )
    def compare(self, other: MixedFit) -> Rows:
        """Likelihood ratio test against another model of the same rows.

        Parameters
        ----------
        other : MixedFit
            The other model; the smaller one is the null model.

        Raises
        ------
        DesignError
            When rows, response or family differ, or the models have equally many parameters.

        Notes
        -----
        Models fitted by REML are fitted again by maximum likelihood. A variance that is tested
        against zero lies on its boundary: the p-value is then too large, at most by half.
        """
        return compare_fits(self, other)

    @fit_frame("model", "model", "r2_marginal", "r2_conditional", "method")
    def r2(self) -> Rows:
        """Explained variance after Nakagawa, Johnson and Schielzeth.

        Notes
        -----
        Variance of the fixed part, with the mean random variance over the rows (random slopes
        included) for the conditional value. The residual variance is that of the model,
        pi^2 / 3 (binomial) or log(1 + 1 / mean), with the mean of the model without
        predictors (Poisson).

        References
        ----------
        Nakagawa, S., Johnson, P. C. D. and Schielzeth, H. (2017). The coefficient of
        determination R2 and intra-class correlation coefficient from generalized linear
        mixed-effects models revisited and expanded. doi:10.1098/rsif.2017.0213
        """
        return [r2_row(self)]

    @fit_frame("grouping factor, and all of them", "factor", "estimate", "method")
    def icc(self) -> Rows:
        """Share of the variance beyond the fixed effects that lies between levels.

        Notes
        -----
        Adjusted ICC: the random variance of a grouping factor over all random and residual
        variance; `all` is their sum. Variances as in `r2`.
        """
        return icc_rows(self)

    @fit_frame("check", "quantity", "factor", "estimate", "statistic", "p_value")
    def diagnostics(self) -> Rows:
        """Checks of the fit: spread and shape of residuals and random effects, collinearity."""
        return diagnostic_rows(self, self.augment())

    def predict(
        self,
        data: pd.DataFrame | None = None,
        *,
        random: bool = True,
        scale: Literal["response", "link"] = "response",
    ) -> Floats:
        """Predicted means.

        Parameters
        ----------
        data : DataFrame, optional
            New rows with the columns of the formula; the fitted rows where not given.
        random : bool
            Whether random effects enter. Levels that were not fitted have none.
        scale : {"response", "link"}
            Scale of the prediction.

        Returns
        -------
        ndarray of float, shape (n,)
            Means; NaN where a value is missing.

        Raises
        ------
        DataError
            For a level of a factor that the model was not fitted to.
        DesignError
            When a column is missing, or the scale is not known.
        """
        if scale not in ("response", "link"):
            raise DesignError(f"scale must be response or link, not {scale!r}")
        design, parts = self.design, self.estimates
        if data is None:
            eta = design.fixed.matrix[:, parts.kept] @ parts.beta
            if random:
                for part, modes in zip(design.random, parts.modes, strict=True):
                    eta = eta + (part.columns * modes[part.codes]).sum(axis=1)
        else:
            eta = self._predict_new(data, random=random)
        return eta if scale == "link" else inverse_link(self.family, eta)

    def _predict_new(self, data: pd.DataFrame, *, random: bool) -> Floats:
        design, parts = self.design, self.estimates
        codes = (
            design.formula.factors
            if random
            else tuple(dict.fromkeys(code for term in design.formula.terms for code in term))
        )
        values = design.new_values(codes, data)
        rows, some = complete_rows(values, len(data))
        eta = design.fixed.of(some, len(rows))[:, parts.kept] @ parts.beta
        if random:
            for part, modes in zip(design.random, parts.modes, strict=True):
                found = design.levels_of(part, data.iloc[rows])
                columns = part.of(some, len(rows))
                effect = (columns * modes[np.maximum(found, 0)]).sum(axis=1)
                eta = eta + np.where(found >= 0, effect, 0.0)
        out = np.full(len(data), np.nan)
        out[rows] = eta
        return out

"""A fitted mixed model: its random part, comparisons, checks and predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ...arguments import check_choice, check_conf_level
from ...dataset.schema import ALL_KEYS
from ...formula.columns import complete_rows
from ...kernels.mixed.blocks import lambda_factors
from ...results.frame import Rows
from ...types import Floats
from .checks import compare_fits, diagnostic_rows
from .estimation import blocks_of
from .frames import as_rows, fit_frame
from .mixed_numbers import MixedNumbers
from .variance import icc_rows, r2_row


@dataclass(frozen=True, repr=False)
class MixedFit(MixedNumbers):
    """A fitted mixed model, as `mixed_model` returns it.

    Print it, or call `summary()`, for a page laid out as lme4 and lmerTest print theirs. Each
    method answers one question:

    - `tidy`: how large are the effects, with t tests and intervals?
    - `anova`: does a term matter? Type III tests, one row per term.
    - `emmeans`, `contrasts`: what does the model estimate for each group, and which groups differ?
    - `emtrends`, `trajectories`: what is the slope of a number, and what the course over time?
    - `variance_components`, `icc`, `r2`: how much of the variance belongs to people, to items, and
      to the fixed part?
    - `random_effects`: which people and items lie above the others?
    - `glance`: did the fit converge, and what are n, the log-likelihood, AIC and BIC?
    - `compare`: is the larger of two models needed?
    - `diagnostics`, `augment`: do the residuals look as the model supposes?
    - `predict`: what is expected of new rows?

    Attributes
    ----------
    formula : str
        The formula that was fitted.
    family : str
        Distribution of the response.
    n : int
        Rows that entered.

    See Also
    --------
    mixed_model : Fits it.
    plot_coefficients, plot_means, plot_residuals : Figures of a fit.
    LinearFit : A fit without random parts.

    Notes
    -----
    All methods but `summary` and `predict` return a frame with fixed columns. Estimates are in the
    unit of the response (gaussian), or on the scale of the link: log odds (binomial, cumulative,
    beta) or logarithms (poisson). `emmeans` of these can be read on the scale of the response.

    *What is assumed.* Random effects are normal and independent of each other, and residuals of a
    gaussian model are normal with one variance. `diagnostics` and `plot_residuals` show how far
    that holds.

    *Missing values.* Rows that lack a value are left out when the model is fitted. Numbers that are
    not defined are NaN, and `warning` says why. What concerns the whole fit, such as a variance
    that is zero (a singular fit), stands in `warning` of every row.

    References
    ----------
    Bates, D., Maechler, M., Bolker, B., & Walker, S. (2015). Fitting linear mixed-effects models
    using lme4. Journal of Statistical Software, 67(1), 1-48. https://doi.org/10.18637/jss.v067.i01

    Kuznetsova, A., Brockhoff, P. B., & Christensen, R. H. B. (2017). lmerTest package: Tests in
    linear mixed effects models. Journal of Statistical Software, 82(13), 1-26.
    https://doi.org/10.18637/jss.v082.i13

    Examples
    --------
    >>> from muvistats import mixed_model, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> fit = mixed_model(study, "arousal ~ modality + (1 | participant) + (1 | item)")
    >>> fit.tidy()[["term", "estimate", "std_error", "df", "p_value"]].round(3)
                          term  estimate  std_error      df  p_value
    0                Intercept     0.225      0.099  14.022    0.039
    1       modality[T.visual]    -0.235      0.085  97.000    0.007
    2  modality[T.audiovisual]    -0.087      0.085  97.000    0.307

    On a scale from -1 to 1, muted video is rated .24 less arousing than music alone.

    >>> fit.icc()[["factor", "estimate"]].round(2)
            factor  estimate
    0  participant       0.0
    1         item       0.3
    2          all       0.3

    Three tenths of the variance of arousal lie between items, none between people.
    """

    @fit_frame("variance or correlation", "factor", "term", "quantity", "estimate", "n")
    def variance_components(self) -> Rows:
        """Standard deviations and correlations of the random effects, and the residual.

        A beta model has its precision phi in the place of the residual.

        See Also
        --------
        random_effects : What each person and item adds.
        MixedFit.icc : Shares of the variance.
        diagnostics : Whether they look normal.

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
        if self.family == "beta":
            phi = float(parts.extra[0])
            rows.append(
                {"factor": "residual", "quantity": "precision", "estimate": phi, "n": self.n}
            )
        if self.correlation is not None:
            rows.append(
                {
                    "factor": "residual",
                    "quantity": "autocorrelation, one step apart",
                    "estimate": parts.rho,
                    "n": self.n,
                }
            )
        return rows

    @fit_frame("random effect", "factor", "group", "term", "estimate", "n")
    def random_effects(self) -> Rows:
        """Conditional modes (BLUPs) of the random effects; `n` counts the rows of the level.

        See Also
        --------
        variance_components : How far they lie apart.
        predict : Predictions with them, or without.
        """
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
        "model family n n_missing groups n_parameters df_residual sigma rho rho_low rho_high",
        "conf_level log_likelihood deviance aic bic converged singular gradient curvature method",
    )
    def glance(self, *, conf_level: float = 0.95) -> Rows:
        """The whole fit in one row.

        Parameters
        ----------
        conf_level : float
            Confidence level of the interval of `rho`.

        See Also
        --------
        compare : A test of one model against another.
        diagnostics : Checks of the fit.

        Notes
        -----
        `rho` is the correlation of residuals one step apart, of a model with
        ``correlation="ar1"``; its interval is symmetric on the scale of the logit.

        After REML, log-likelihood, AIC and BIC are restricted: compare them only between models
        with the same fixed part, or use `compare`.
        """
        parts, k = self.estimates, self.n_parameters
        low, high = parts.rho_limits(check_conf_level(conf_level))
        sizes = dict.fromkeys(f"{p.bar.name}: {len(p.levels)}" for p in self.design.random)
        return [
            self._whole(sizes, k)
            | {
                "df_residual": self.n - k,
                "sigma": parts.sigma if self.family == "gaussian" else np.nan,
                "rho": parts.rho,
                "rho_low": low,
                "rho_high": high,
                "conf_level": np.nan if np.isnan(parts.rho) else conf_level,
                "deviance": -2 * parts.log_likelihood,
                "converged": parts.converged,
                "singular": parts.singular,
                "gradient": parts.gradient,
                "curvature": parts.curvature,
            }
        ]

    @fit_frame(
        "row",
        "row item modality participant session time observed fitted fitted_fixed residual",
        "pearson_residual",
    )
    def augment(self) -> Rows:
        """Fitted values and residuals of the rows that entered.

        See Also
        --------
        plot_residuals : The figure.
        predict : Fitted values of new rows.
        """
        design = self.design
        eta = self.predict(scale="link")
        fitted, observed = self.mean_of(eta), self.observed
        out: dict[str, Any] = {
            "row": design.rows,
            "observed": observed,
            "fitted": fitted,
            "fitted_fixed": self.predict(random=False),
            "residual": observed - fitted,
            "pearson_residual": (observed - fitted) / np.maximum(self.spread_of(eta), 1e-300),
        }
        for key in ALL_KEYS:
            if key in design.frame:
                out[key] = design.frame[key].astype("str").to_numpy()
        if "time" in design.frame:
            out["time"] = design.frame["time"].to_numpy()
        return pd.DataFrame(out)

    @fit_frame(
        "model",
        "model n_parameters log_likelihood deviance aic bic statistic statistic_name df p_value n",
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

        See Also
        --------
        glance : Criteria of one model.
        anova : Tests of terms without a second fit.

        Notes
        -----
        Models fitted by REML whose fixed parts differ are fitted again by maximum likelihood. A
        variance that is tested against zero lies on its boundary: the p-value is then too large, at
        most by half.
        """
        return compare_fits(self, other)

    @fit_frame("model", "model", "r2_marginal", "r2_conditional", "method")
    def r2(self) -> Rows:
        """Explained variance after Nakagawa, Johnson and Schielzeth.

        See Also
        --------
        MixedFit.icc : What people and items share.
        glance : Likelihood and criteria.

        Notes
        -----
        Variance of the fixed part, with the mean random variance over the rows (random slopes
        included) for the conditional value. The residual variance is that of the model,
        pi^2 / 3 (binomial, cumulative) or log(1 + 1 / mean), with the mean of the model without
        predictors (Poisson); a beta model has none on the link scale, and NaN here.

        References
        ----------
        Nakagawa, S., Johnson, P. C. D. and Schielzeth, H. (2017). The coefficient of
        determination R2 and intra-class correlation coefficient from generalized linear
        mixed-effects models revisited and expanded. https://doi.org/10.1098/rsif.2017.0213
        """
        return [r2_row(self)]

    @fit_frame("grouping factor, and all of them", "factor", "estimate", "method")
    def icc(self) -> Rows:
        """Share of the variance beyond the fixed effects that lies between levels.

        See Also
        --------
        variance_components : The variances behind it.
        muvistats.icc : Reliability of raters.

        Notes
        -----
        Adjusted ICC: the random variance of a grouping factor over all random and residual
        variance; `all` is their sum. Variances as in `r2`.
        """
        return icc_rows(self)

    @fit_frame("check", "quantity", "factor", "estimate", "statistic", "p_value")
    def diagnostics(self) -> Rows:
        """Checks of the fit: spread and shape of residuals and random effects, collinearity.

        See Also
        --------
        augment : The residuals themselves.
        plot_residuals : The figure.
        """
        return diagnostic_rows(self, self.augment())

    def predict(
        self,
        data: pd.DataFrame | pd.Series | None = None,
        *,
        random: bool = True,
        scale: Literal["response", "link", "probability"] = "response",
    ) -> Floats:
        """Predicted means.

        Parameters
        ----------
        data : DataFrame or Series, optional
            New rows with the columns of the formula, or one; the fitted rows where not given.
        random : bool
            Whether random effects enter. Levels that were not fitted have none.
        scale : {"response", "link", "probability"}
            Scale of the prediction; of a cumulative model also the probability of each category.

        Returns
        -------
        ndarray of float, shape (n,)
            Means (of a cumulative model the mean category); NaN where a value is missing, and for a
            cell that no fitted row has. Probabilities have shape (n, category).

        Raises
        ------
        DataError
            For a level of a factor that the model was not fitted to.
        DesignError
            When a column is missing, or the scale is not known.

        See Also
        --------
        emmeans : Means over a grid of levels, with intervals.
        augment : Rows of the data, with residuals.
        """
        known = ("response", "link", *(["probability"] if self.family == "cumulative" else []))
        check_choice("scale", scale, known)
        design, parts = self.design, self.estimates
        if data is None:
            eta = self.linear_predictor(design.fixed.matrix, design.offset)
            if random:
                for part, modes in zip(design.random, parts.modes, strict=True):
                    eta = eta + (part.columns * modes[part.codes]).sum(axis=1)
        else:
            eta = self._predict_new(as_rows(data), random=random)
        if scale == "probability":
            return self.probabilities(eta)
        return eta if scale == "link" else self.mean_of(eta)

    def _predict_new(self, data: pd.DataFrame, *, random: bool) -> Floats:
        design, parts = self.design, self.estimates
        codes = (
            design.formula.factors
            if random
            else tuple(dict.fromkeys(code for term in design.formula.terms for code in term))
        )
        values = design.new_values(codes, data)
        rows, some = complete_rows(values, len(data))
        offset = design.new_offset(data)[rows]
        eta = self.linear_predictor(design.fixed.of(some, len(rows)), offset)
        if random:
            for part, modes in zip(design.random, parts.modes, strict=True):
                found = design.levels_of(part, data.iloc[rows])
                columns = part.of(some, len(rows))
                effect = (columns * modes[np.maximum(found, 0)]).sum(axis=1)
                eta = eta + np.where(found >= 0, effect, 0.0)
        out = np.full(len(data), np.nan)
        out[rows] = eta
        return out

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

    Each method answers one question:

    - `tidy`: how large are the effects, with tests and intervals?
    - `anova`: does a term matter? Type III tests, one row per term.
    - `emmeans`, `contrasts`: what does the model estimate for each group, and which groups differ?
    - `emtrends`, `trajectories`: what is the slope of a number, and what the course over time?
    - `glance`: n, residual standard deviation, log-likelihood, AIC and BIC.
    - `augment`: fitted values and residuals.
    - `predict`: what is expected of new rows?

    `summary()` prints the whole on a page.

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
    linear_model, glm : Fit it.
    MixedFit : The same with people and items that have effects of their own.
    plot_coefficients, plot_means, plot_residuals : Figures of a fit.

    Notes
    -----
    All methods but `summary` and `predict` return a frame with fixed columns. Estimates are in the
    unit of the response (gaussian), or on the scale of the link: log odds (binomial) or logarithms
    (poisson).

    *What is assumed.* Without `cluster`, rows are independent, which ratings of one person or one
    item are not. With `cluster`, rows of different clusters are; the column `dependence` says
    which.

    *Missing values.* Rows that lack a value are left out when the model is fitted. Numbers that are
    not defined are NaN, and `warning` says why. A column that is a combination of others is left
    out: its row is NaN.

    References
    ----------
    Cameron, A. C., Gelbach, J. B., & Miller, D. L. (2011). Robust inference with multiway
    clustering. Journal of Business & Economic Statistics, 29(2), 238-249.
    https://doi.org/10.1198/jbes.2010.07136

    Examples
    --------
    >>> from muvistats import linear_model, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> fit = linear_model(study, "arousal ~ modality", cluster=["participant", "item"])
    >>> fit
    <LinearFit 'arousal ~ modality', gaussian, n = 108>
    >>> fit.tidy()[["term", "estimate", "std_error", "df", "p_value"]].round(3)
                          term  estimate  std_error   df  p_value
    0                Intercept     0.225      0.099  8.0    0.052
    1       modality[T.visual]    -0.235      0.128  8.0    0.104
    2  modality[T.audiovisual]    -0.087      0.074  8.0    0.270

    With nine items there are 8 degrees of freedom, although there are 108 ratings.
    """

    #: Degrees of freedom of the tests; infinite for the normal distribution.
    degrees: float
    #: Residual variance (gaussian) or 1.
    scale: float
    #: Number of clusters of each factor.
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
        """The whole fit in one row; `groups` are the clusters of the standard errors.

        See Also
        --------
        tidy : Effects and their tests.
        augment : Fitted values and residuals.
        """
        k = len(self.estimates.inner) + (self.family == "gaussian")
        sigma = np.sqrt(self.scale) if self.family == "gaussian" else np.nan
        own = {"df_residual": self.n - len(self.estimates.inner), "sigma": sigma}
        groups = (f"{key}: {count}" for key, count in self.clusters.items())
        return [self._whole(groups, k) | own]

    @fit_frame("row", "row", "observed", "fitted", "residual")
    def augment(self) -> Rows:
        """Fitted values and residuals of the rows that entered.

        See Also
        --------
        plot_residuals : The figure.
        predict : Fitted values of new rows.
        """
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

        See Also
        --------
        emmeans : Means over a grid of levels, with intervals.
        augment : Rows of the data, with residuals.
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

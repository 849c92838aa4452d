"""What every fitted model can be asked: coefficients, tests of terms, marginal means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ...arguments import check_conf_level, check_count, check_number, generator_of
from ...errors import DesignError
from ...formula import Design
from ...kernels.mixed.separation import separated_columns
from ...results.frame import Rows
from ...types import Floats, Mask, Rng
from .basis import Basis
from .emmeans import adjust_contrasts, courses_of, grid_of, pairs_of, slopes_of
from .frames import fit_frame
from .inference import contrast_rows, inverse_link, joint_test, simultaneous_quantile, type_three
from .summary import Summary, summary_of

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


#: Times of a trajectory that are shown where none are asked for.
_MOST_TIMES = 200


@dataclass(frozen=True, kw_only=True)
class Coefficients:
    """Coefficients of a fixed part, in numbers.

    Parameters
    ----------
    basis : Basis
        Orthonormal columns that were fitted, and the way back to the columns of the formula.
    inner : ndarray of float, shape (p,)
        Coefficients of the orthonormal columns.
    inner_covariance : ndarray of float, shape (p, p)
        Their covariance.
    log_likelihood : float
        Restricted after REML; NaN for estimating equations.
    method : str
        Method in words.
    converged : bool
        Whether the optimum was found.
    reasons : tuple of str
        What to read with care.
    endless : ndarray of float, shape (p, m)
        Directions in which the coefficients of the orthonormal columns run to infinity.
    """

    basis: Basis
    inner: Floats
    inner_covariance: Floats
    log_likelihood: float
    method: str
    converged: bool = True
    reasons: tuple[str, ...] = ()
    endless: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def kept(self) -> npt.NDArray[np.intp]:
        """Fixed columns that were estimated; the others are combinations of them."""
        return self.basis.kept

    @property
    def beta(self) -> Floats:
        """Coefficients of the kept columns."""
        return self.basis.back @ self.inner

    @property
    def covariance(self) -> Floats:
        """Covariance of the coefficients of the kept columns."""
        return self.basis.back @ self.inner_covariance @ self.basis.back.T

    @property
    def is_separated(self) -> bool:
        """Whether some coefficient has no finite estimate."""
        return self.endless.size > 0


@dataclass(frozen=True, repr=False)
class Fit(ABC):
    """A fitted model.

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
    """

    design: Design
    estimates: Coefficients
    family: str
    provenance: dict[str, Any]

    #: Whether coefficients beside a column that was left out keep their estimate.
    left_out_is_zero = False

    @property
    @abstractmethod
    def is_normal(self) -> bool:
        """Whether tests are normal, without degrees of freedom."""

    @property
    @abstractmethod
    def dependence(self) -> str:
        """Whether the tests allow for rows that belong together."""

    @abstractmethod
    def degrees_of(self, weights: Floats) -> float:
        """Degrees of freedom of a combination of the orthonormal columns."""

    @property
    def beta(self) -> Floats:
        """Coefficients of the kept columns."""
        return self.estimates.beta

    @property
    def covariance(self) -> Floats:
        """Covariance of the coefficients."""
        return self.estimates.covariance

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

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.formula!r}, {self.family}, n = {self.n}>"

    def __str__(self) -> str:
        return str(summary_of(self))

    def _repr_html_(self) -> str:
        return summary_of(self)._repr_html_()

    @abstractmethod
    def glance(self) -> pd.DataFrame:
        """The whole fit in one row."""

    @abstractmethod
    def augment(self) -> pd.DataFrame:
        """Fitted values and residuals of the rows that entered."""

    def summary(self) -> Summary:
        """The fit on one page, laid out as lme4 and lmerTest do.

        Returns
        -------
        Summary
            Criteria, residuals, random effects and coefficients with their tests. It prints as
            text, and as tables in a notebook.

        See Also
        --------
        tidy : the coefficients as a frame, with intervals and every digit.

        Notes
        -----
        Numbers are rounded by the rules of all tables, p-values have their stars. The frames of
        `tidy`, `glance` and `augment` keep every digit.
        """
        return summary_of(self)

    def joint(self, weights: Floats) -> dict[str, Any]:
        """Test that several combinations of the kept columns are zero at once."""
        degrees = None if self.is_normal else self.degrees_of
        parts = self.estimates
        turned = weights @ parts.basis.back
        return joint_test(turned, parts.inner, parts.inner_covariance, degrees)

    def common(self) -> dict[str, Any]:
        """Columns that every table of tests has."""
        return {
            "n": self.n,
            "n_missing": self.design.n_missing,
            "method": self.estimates.method,
            "dependence": self.dependence,
        }

    def inference(
        self,
        weights: Floats,
        conf_level: float,
        *,
        left_out_is_zero: bool = False,
        offset: float = 0.0,
    ) -> list[dict[str, Any]]:
        """Rows of linear combinations of all fixed columns, NaN where not estimable."""
        check_conf_level(conf_level)
        name = "z" if self.is_normal else "t"
        parts = self.estimates
        own = weights[:, parts.kept] @ parts.basis.back
        numbers = parts.inner, parts.inner_covariance
        rows = contrast_rows(own, *numbers, self.degrees_of, conf_level, offset)
        for row, weight in zip(rows, weights, strict=True):
            row["statistic_name"] = name
            reason = self._problem(weight, left_out_is_zero=left_out_is_zero)
            if not reason and np.isnan(row["std_error"]):
                row["warning"] = "no standard error: the variance of the estimate is not positive"
            elif not reason and np.isnan(row["df"]):
                row["warning"] = "degrees of freedom are not defined"
            if reason:
                gone = [key for key in INFERENCE if key not in ("statistic_name", "conf_level")]
                row.update(dict.fromkeys(gone, np.nan), warning=reason)
        return rows

    def _problem(self, weight: Floats, *, left_out_is_zero: bool) -> str:
        """Why a linear combination has no estimate; empty where it has."""
        if not self._estimable(weight[None, :], left_out_is_zero=left_out_is_zero)[0]:
            return "not estimable: a cell is empty or columns are collinear"
        parts = self.estimates
        own = weight[parts.kept][None, :] @ parts.basis.back
        if parts.is_separated and len(separated_columns(parts.endless, own)):
            return "perfect separation: no finite estimate"
        if not parts.converged and not parts.is_separated:
            return "the optimum was not found"
        return ""

    def _estimable(self, weights: Floats, *, left_out_is_zero: bool = False) -> Mask:
        """Whether combinations of all fixed columns are combinations of what was fitted."""
        matrix, kept = self.design.fixed.matrix, self.estimates.kept
        gone = np.setdiff1d(np.arange(matrix.shape[1]), kept)
        if not len(gone):
            return np.ones(len(weights), dtype=np.bool_)
        own = np.linalg.lstsq(matrix[:, kept], matrix[:, gone], rcond=None)[0]
        rest = weights[:, gone] - (0 if left_out_is_zero else weights[:, kept] @ own)
        return np.asarray((np.abs(rest) <= 1e-6).all(axis=1))

    def _whole(self, groups: Iterable[str], k: int) -> dict[str, Any]:
        """What `glance` says of any fit with so many parameters."""
        log_likelihood = self.estimates.log_likelihood
        return {
            "model": self.formula,
            "family": self.family,
            "n": self.n,
            "n_missing": self.design.n_missing,
            "groups": ", ".join(groups),
            "n_parameters": k,
            "log_likelihood": log_likelihood,
            "aic": -2 * log_likelihood + 2 * k,
            "bic": -2 * log_likelihood + np.log(self.n) * k,
            "method": self.estimates.method,
        }

    def linear_predictor(self, matrix: Floats, offset: Floats) -> Floats:
        """Fixed part and offset of rows of all fixed columns; NaN where not estimable."""
        parts = self.estimates
        eta = matrix[:, parts.kept] @ parts.basis.back @ parts.inner + offset
        return np.where(self._estimable(matrix), eta, np.nan)

    def mean_of(self, eta: Floats) -> Floats:
        """Mean of the response at a linear predictor."""
        return inverse_link(self.family, eta)

    def coefficients(self, *, conf_level: float = 0.95) -> list[dict[str, Any]]:
        """Rows of `tidy`, without what concerns the whole fit."""
        names = self.design.fixed.names
        eye = np.eye(len(names))
        rows = self.inference(eye, conf_level, left_out_is_zero=self.left_out_is_zero)
        common = self.common()
        return [{"term": name, **row, **common} for name, row in zip(names, rows, strict=True)]

    @fit_frame("coefficient", "term", *INFERENCE, "n", "n_missing", "method", "dependence")
    def tidy(self, *, conf_level: float = 0.95) -> Rows:
        """Coefficients of the fixed part with their tests.

        Parameters
        ----------
        conf_level : float
            Confidence level of the intervals.

        See Also
        --------
        anova : One test for each term.
        plot_coefficients : The figure.
        in_words : The sentences of a paper.

        Notes
        -----
        Wald tests: t where the degrees of freedom are finite, otherwise normal. Intervals are of
        the same kind. Effects of models with a link are on its scale. A cumulative model has its
        thresholds first, each named after the categories that it parts.
        """
        return self.coefficients(conf_level=conf_level)

    @fit_frame(
        "term",
        "term statistic statistic_name df df_denom p_value n n_missing method dependence",
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

        See Also
        --------
        tidy : A test for each column of the model.
        contrasts : Which levels of a factor differ.

        Notes
        -----
        F tests where the degrees of freedom are finite, otherwise Wald chi-square.
        A main effect of a number that interacts with a factor is tested at equal weights of the
        factor's levels, that of a factor where the number is zero. After Satterthwaite, a term
        with several columns pools the degrees of freedom of orthonormal contrasts, so that no
        order, coding or name of levels changes them. lmerTest pools those of treatment contrasts,
        which depend a little on the reference level: its ``contestMD`` with orthonormal contrasts
        gives these numbers. Terms of one column have lmerTest's in any case.
        """
        if type != 3:
            raise DesignError(f"type={type!r}: only type 3 tests are offered")
        common = self.common()
        terms = [name for name in self.design.fixed.terms if name != "Intercept"]
        complete = len(self.estimates.kept) == self.design.fixed.matrix.shape[1]
        if not complete or self.estimates.is_separated or not self.estimates.converged:
            reason = "not defined while columns are left out or have no finite estimate"
            return [{"term": name, **common, "warning": reason} for name in terms]
        weights = type_three(self.design)
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

        See Also
        --------
        contrasts : Their differences, with tests.
        emtrends : Slopes in place of means.
        plot_means : The figure.

        Notes
        -----
        Predictions over the grid of all levels, numbers at their mean, averaged with equal
        weights (Searle, Speed and Milliken, 1980). They are on the link scale; `fitted` is the
        mean on the scale of the response. Those of a cumulative model are taken from the mean
        threshold, as by ``mode = "latent"`` of R's emmeans, and `fitted` is the mean category. An
        offset enters by its mean over the rows, as in R's emmeans; take it off the estimate for the
        rate of one unit of exposure.
        """
        names = [by] if isinstance(by, str) else list(by)
        grid = grid_of(self.design, names)
        rows = self.inference(grid.weights, conf_level, offset=float(self.design.offset.mean()))
        return [
            {
                "factor": ", ".join(names),
                "group": ", ".join(level),
                **row,
                "fitted": float(self.mean_of(np.array([row["estimate"]]))[0]),
                "n": self.n,
                "method": self.estimates.method,
            }
            for level, row in zip(grid.names, rows, strict=True)
        ]

    @fit_frame("combination of levels", "variable factor group", *INFERENCE, "n", "method")
    def emtrends(
        self, variable: str, by: str | Sequence[str] = (), *, conf_level: float = 0.95
    ) -> Rows:
        """Estimated marginal slopes: how the prediction changes with a number.

        Parameters
        ----------
        variable : str
            Column of numbers whose slope is asked for.
        by : str or sequence of str
            Factor, or factors whose combinations have a slope each; one slope where not given.
        conf_level : float
            Confidence level of the intervals.

        Raises
        ------
        DesignError
            When `variable` is no number, or `by` no factor, of the fixed part.

        See Also
        --------
        emmeans : Means in place of slopes.
        trajectories : The whole curve over time.

        Notes
        -----
        The slope at the mean of all numbers, of predictions over the grid of `emmeans`: for
        ``arousal ~ modality * loudness`` that of each modality. It is on the link scale. Where the
        variable enters by a function, such as ``log``, the slope is that of the variable itself,
        by the symmetric difference over a thousandth of its range. Differences of slopes are the
        interaction in `tidy` and `anova`. A factor that is made of the variable, as in
        ``age > 30``, does not move with it, nor does an offset.
        """
        names = [by] if isinstance(by, str) else list(by)
        grid = slopes_of(self.design, variable, names)
        common = {"variable": variable, "n": self.n, "method": self.estimates.method}
        return [
            {"factor": ", ".join(names), "group": ", ".join(level) or "all", **row, **common}
            for level, row in zip(grid.names, self.inference(grid.weights, conf_level), strict=True)
        ]

    @fit_frame(
        "combination of levels and time, or time",
        "factor group group1 group2 variable time estimate std_error statistic statistic_name df",
        "p_value conf_low conf_high conf_level band_low band_high fitted n n_missing n_resamples",
        "method dependence",
    )
    def trajectories(
        self,
        by: str | Sequence[str] = (),
        *,
        groups: tuple[str, str] | None = None,
        times: Iterable[float] | None = None,
        variable: str = "time",
        conf_level: float = 0.95,
        n_resamples: int = 2000,
        rng: Rng = 0,
    ) -> Rows:
        """Estimated mean trajectories with their bands.

        Parameters
        ----------
        by : str or sequence of str
            Factor, or factors whose combinations have a trajectory each; one where not given.
        groups : tuple of str, optional
            Two levels of `by` whose difference is asked for, the first less the second.
        times : iterable of float, optional
            Times at which the trajectory is given; those of the rows where not given, thinned to
            200 where there are more.
        variable : str
            Column of numbers that stands for time.
        conf_level : float
            Confidence level of intervals and bands.
        n_resamples : int
            Draws behind the bands; 0 for none, which leaves them empty.
        rng : int, SeedSequence, Generator or None
            Source of randomness.

        Raises
        ------
        DesignError
            When `variable` is no number, or `by` no factor, of the fixed part, or a group is not
            there.

        See Also
        --------
        plot_trajectories : the figure.
        over_time : tests at each step that fit no curve.

        Notes
        -----
        The marginal means of `emmeans` at each time: over all levels of other factors with equal
        weights, other numbers at their mean. `conf_low` and `conf_high` are limits at one time.
        `band_low` and `band_high` hold all trajectories of the frame at all its times together:
        the largest absolute standardised error of draws from the normal distribution of the
        estimates is c at `conf_level`; a band reaches as many standard errors as Student's t with
        the degrees of freedom of each time has at the probability of c. The test is that of
        an estimate of 0 at one time. All are on the link scale; `fitted` is the mean on that of the
        response. A curve is as good as its spline: what lies between its knots is smoothed.

        References
        ----------
        Ruppert, D., Wand, M. P. and Carroll, R. J. (2003). Semiparametric regression, section 6.5.
        https://doi.org/10.1017/CBO9780511755453
        """
        names = [by] if isinstance(by, str) else list(by)
        found = self._times(variable, times)
        grids = courses_of(self.design, variable, found, names)
        weights = np.array([grid.weights for grid in grids]).transpose(1, 0, 2)
        offset = float(self.design.offset.mean())
        labels = [", ".join(level) or "all" for level in grids[0].names]
        pair = None if groups is None else _places(labels, groups)
        if pair is not None:
            weights, offset = weights[pair[:1]] - weights[pair[1:]], 0.0
        flat = weights.reshape(-1, weights.shape[2])
        rows = self.inference(flat, conf_level, offset=offset)
        self._write_bands(rows, flat, conf_level, n_resamples, generator_of(rng))
        common = {"factor": ", ".join(names), "variable": variable, **self.common()}
        common["n_resamples"] = n_resamples
        for number, row in enumerate(rows):
            curve, step = divmod(number, len(found))
            row |= {"time": found[step], **common}
            if pair is None:
                row |= {
                    "group": labels[curve],
                    "fitted": float(self.mean_of(np.array([row["estimate"]]))[0]),
                }
            else:
                row |= {"group1": labels[pair[0]], "group2": labels[pair[1]]}
        return rows

    def _times(self, variable: str, times: Iterable[float] | None) -> Floats:
        """Times asked for, or those of the rows."""
        if times is not None:
            found = np.array([check_number("times", time) for time in times])
            if not len(found):
                raise DesignError("times must be one number or more")
            return found
        if variable not in self.design.frame:
            raise DesignError(f"{variable!r} is no column of the rows")
        known = np.unique(pd.to_numeric(self.design.frame[variable], errors="coerce").dropna())
        places = np.linspace(0, len(known) - 1, min(len(known), _MOST_TIMES)).round()
        return np.asarray(known[places.astype(np.intp)], dtype=np.float64)

    def _write_bands(
        self,
        rows: list[dict[str, Any]],
        weights: Floats,
        conf_level: float,
        n_resamples: int,
        rng: np.random.Generator,
    ) -> None:
        """Limits that hold for all rows at once."""
        check_count("n_resamples", n_resamples)
        parts = self.estimates
        known = np.array([row["std_error"] > 0 for row in rows])
        reach = np.nan
        if n_resamples and known.any():
            own = weights[known][:, parts.kept] @ parts.basis.back
            reach = simultaneous_quantile(own, parts.inner_covariance, conf_level, n_resamples, rng)
        for row in rows:
            # as probable as `reach` is for a normal value
            wide = stats.t.isf(stats.norm.sf(reach), row["df"]) * row["std_error"]
            row |= {"band_low": row["estimate"] - wide, "band_high": row["estimate"] + wide}

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

        See Also
        --------
        emmeans : The means that are compared.
        pairwise : The same question, by ranks.
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
                    "dependence": self.dependence,
                }
                for (i, j), row in zip(pairs, family, strict=True)
            ]
        return rows


def _places(labels: Sequence[str], groups: object) -> list[int]:
    """Where two groups stand among those that a model has."""
    if isinstance(groups, str) or not isinstance(groups, (tuple, list)) or len(groups) != 2:
        raise DesignError(f"groups must be two levels of the factor, not {groups!r}")
    for group in groups:
        if group not in labels:
            raise DesignError(f"groups: there is no {group!r}; there are {', '.join(labels)}")
    return [labels.index(str(group)) for group in groups]

"""Fitting of mixed models: from a design to estimates, and what can be wrong on the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import linalg, special, stats

from ...errors import ConvergenceError, DesignError
from ...formula import Design
from ...kernels.mixed.autocorrelation import (
    Autocorrelated,
    AutocorrelatedRows,
    fit_autocorrelated,
)
from ...kernels.mixed.blocks import RandomBlock
from ...kernels.mixed.derivatives import Uncertainty, uncertainty
from ...kernels.mixed.families import cuts_of, cuts_slopes, stacked_cuts
from ...kernels.mixed.gradient import deviance_and_gradient
from ...kernels.mixed.kenward_roger import KenwardRoger, kenward_roger
from ...kernels.mixed.laplace import LaplaceMixed
from ...kernels.mixed.linear import LinearMixed
from ...kernels.mixed.search import fit_laplace, fit_linear, is_singular, linear_hessian
from ...kernels.mixed.separation import separated_columns, separated_directions
from ...types import Floats
from ...workers import few_threads
from .basis import Basis, basis_of, turned_block, turned_theta
from .correlation import Correlation, repeated_annotations
from .fit import Coefficients
from .second_opinion import by_statsmodels

_NAMES = {"cumulative": "cumulative link (logit)"}

#: Categories that an ordinal response may have.
_CATEGORIES = 50

#: Most rows of which it is asked whether the effects fit each of them.
_FEW_ROWS = 300

#: Spread of a response whose square, and its inverse, are numbers.
_LARGEST = 1e140

_CLOSED = 5000
_MAX_REST = 2500


@dataclass(frozen=True, kw_only=True)
class Estimates(Coefficients):
    """A fitted mixed model, in numbers.

    Parameters
    ----------
    theta : ndarray of float
        Relative covariance factors, lower triangles row by row.
    modes : list of ndarray
        Conditional modes of each bar, (levels, columns).
    singular : bool
        Whether the optimum lies on the boundary.
    gain : float
        Deviance that is still to gain.
    gradient : float
        Largest slope of the deviance at the estimates.
    curvature : float
        Smallest curvature of the deviance there.
    sigma : float
        Residual standard deviation; 1 where the family has none.
    uncertainty : Uncertainty or None
        What Satterthwaite's degrees of freedom need.
    kenward : KenwardRoger or None
        What Kenward and Roger's tests need, in units of the residuals of least squares;
        `covariance` is then the adjusted one.
    extra : ndarray of float
        Thresholds less their mean (cumulative), or the precision (beta).
    whole_covariance : ndarray of float
        Covariance of the coefficients of the orthonormal columns and of `extra`.
    n_extra : int
        Parameters of the family's own.
    rho : float
        Correlation of residuals one step apart; NaN of a model without one.
    rho_error : float
        Standard error of its logit; NaN where it was given, or is 0 or 1.
    """

    theta: Floats
    modes: list[Floats]
    singular: bool
    gain: float
    gradient: float
    curvature: float
    sigma: float = 1.0
    uncertainty: Uncertainty | None = None
    kenward: KenwardRoger | None = None
    extra: Floats = field(default_factory=lambda: np.zeros(0))
    whole_covariance: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    n_extra: int = 0
    rho: float = np.nan
    rho_error: float = np.nan

    def rho_limits(self, conf_level: float) -> tuple[float, float]:
        """Confidence limits of rho, symmetric on the scale of the logit, as in nlme."""
        reach = stats.norm.ppf((1 + conf_level) / 2) * self.rho_error
        low, high = special.expit(special.logit(self.rho) + reach * np.array([-1, 1]))
        return float(low), float(high)


def blocks_of(design: Design) -> list[RandomBlock]:
    """Random blocks of a design, in the order of its bars."""
    return [RandomBlock(part.columns, part.codes, len(part.levels)) for part in design.random]


def check_response(y: Floats, family: str, name: str) -> None:
    """Refuse a response that the family cannot have."""
    if family == "binomial" and not np.isin(y, (0.0, 1.0)).all():
        raise DesignError(f"response {name!r} must be 0 or 1, or have two levels, for binomial")
    if family == "poisson" and not ((y >= 0) & (y == np.round(y))).all():
        raise DesignError(f"response {name!r} must be counts (0, 1, 2, ...) for poisson")
    if family == "beta" and not ((y > 0) & (y < 1)).all():
        raise DesignError(
            f"response {name!r} must lie between 0 and 1, without these, for beta: bring its scale "
            "to 0 to 1, and the ends inside by (y * (n - 1) + 0.5) / n; or take the ratings as "
            "categories, family='cumulative'"
        )
    if family == "cumulative" and not 2 <= y.max(initial=0) < _CATEGORIES:
        raise DesignError(
            f"response {name!r} has {int(y.max(initial=0)) + 1} categories; cumulative takes 3 to "
            f"{_CATEGORIES}: two are binomial, and more are a number, gaussian or beta"
        )
    if np.ptp(y) == 0:
        raise DesignError(f"response {name!r} has one value only, {y[0]:g}: nothing to explain")
    if family == "gaussian" and not 1 / _LARGEST < np.ptp(y) < _LARGEST:
        raise DesignError(
            f"response {name!r} spreads over {np.ptp(y):.3g}, whose square is no number: give it "
            "in another unit"
        )


def estimate(
    design: Design,
    *,
    family: str,
    reml: bool,
    df: str,
    engine: str = "muvistats",
    correlation: Correlation | None = None,
) -> Estimates:
    """Fit a design.

    Parameters
    ----------
    design : Design
        Response, fixed and random columns.
    family : {"gaussian", "binomial", "poisson", "cumulative", "beta"}
        Distribution of the response.
    reml : bool
        Restricted likelihood, for gaussian.
    engine : {"muvistats", "statsmodels"}
        What searches for the optimum of a gaussian model.
    df : {"satterthwaite", "kenward-roger", "normal"}
        Degrees of freedom whose ingredients are computed.
    correlation : Correlation, optional
        Of the residuals of a gaussian model; independent where not given.

    Returns
    -------
    Estimates
        The fit.
    """
    gaussian = family == "gaussian"
    response = design.y - design.offset if gaussian else design.y
    check_response(response, family, design.formula.response)
    # Weights of mean log 0 leave the variances' ratios, and the likelihood, where they are.
    level = float(np.exp(np.log(design.weights).mean()))
    root = np.sqrt(design.weights / level)
    basis = basis_of(design, root if gaussian else None)
    own = blocks_of(design)
    pairs = [turned_block(_weighted(block, root) if gaussian else block) for block in own]
    blocks, backs = [block for block, _ in pairs], [back for _, back in pairs]
    reasons = _reasons(design, basis, correlation)
    _check_size(design, blocks, basis.columns, family)
    try:
        with few_threads(_threaded_size(blocks, df)):
            if gaussian:
                plan = _Plan(reml, engine, df, correlation)
                found = _gaussian(basis, response * root, blocks, plan, reasons)
            elif engine != "muvistats":
                raise DesignError(f"engine={engine!r} fits gaussian models only")
            else:
                found = _laplace(design, basis, blocks, family, reasons)
    except np.linalg.LinAlgError as error:
        raise ConvergenceError(
            f"the model could not be fitted: {error}; are columns of very different size?"
        ) from None
    theta = turned_theta(found.theta, blocks, backs)
    modes = [mode @ back.T for mode, back in zip(found.modes, backs, strict=True)]
    ratio = np.sqrt(level)
    return replace(found, theta=theta / ratio, modes=modes, sigma=found.sigma * ratio)


def _threaded_size(blocks: list[RandomBlock], df: str) -> int:
    """Unknowns of the largest dense system: Kenward and Roger eliminate no block before it."""
    sizes = [block.size for block in blocks]
    return sum(sizes) - (0 if df == "kenward-roger" else max(sizes))


def _weighted(block: RandomBlock, root: Floats) -> RandomBlock:
    return RandomBlock(block.columns * root[:, None], block.codes, block.n_levels)


def _reasons(design: Design, basis: Basis, correlation: Correlation | None) -> list[str]:
    reasons = basis.left_out(design)
    few = [part.bar.name for part in design.random if len(part.levels) < 5]
    if few:
        reasons.append(f"fewer than 5 levels of {', '.join(dict.fromkeys(few))}")
    if repeats := repeated_annotations(design, correlation):
        reasons.append(repeats)
    return reasons


def _check_size(design: Design, blocks: list[RandomBlock], x: Floats, family: str) -> None:
    n, p = len(design.y), x.shape[1]
    if p >= n:
        raise DesignError(f"{p} fixed columns for {n} rows: more parameters than rows")
    for part, block in zip(design.random, blocks, strict=True):
        if family == "gaussian" and block.size >= n:
            raise DesignError(
                f"{block.size} random effects of {part.bar.name!r} for {n} rows: they cannot be "
                "told from the residuals"
            )
    columns = p + sum(block.size for block in blocks)
    if family == "gaussian" and columns >= n and n <= _FEW_ROWS:
        every = np.hstack([x, *(block.matrix.toarray() for block in blocks)])
        if np.linalg.matrix_rank(every) >= n:
            raise DesignError(
                f"fixed and random effects fit each of {n} rows: nothing is left for the residual"
            )


@dataclass(frozen=True)
class _Plan:
    """How a gaussian model is fitted."""

    reml: bool
    engine: str
    df: str
    correlation: Correlation | None


def _gaussian(
    basis: Basis, response: Floats, blocks: list[RandomBlock], plan: _Plan, reasons: list[str]
) -> Estimates:
    """Fit rows that are weighted, on the residuals of least squares, brought to unit size."""
    x, reml = basis.columns, plan.reml
    start = x.T @ response / len(x)
    residual = response - x @ start
    again = x.T @ residual / len(x)  # the digits that a response far from 0 lost
    start, residual = start + again, residual - x @ again
    unit = float(np.sqrt((residual**2).mean()))
    if unit < max(1e-7 * float(response.std()), 1e-14 * float(np.abs(response).max())):
        raise DesignError("the fixed part explains the response without a residual")
    y = residual / unit
    method = f"linear mixed model, {'REML' if reml else 'ML'}"
    linked = None
    if plan.correlation is not None:
        linked = _linked(AutocorrelatedRows(x, y, blocks, plan.correlation.series, reml), plan)
        model, optimum = linked.model, linked.optimum
        x, y = (linked.rows.series.whiten(values, linked.rho) for values in (x, y))
        theta, converged, gain = optimum.parameters, optimum.converged, optimum.gain
        method += f", AR(1) residuals, step {plan.correlation.step:g}"
    elif plan.engine == "statsmodels":
        model = LinearMixed(x, y, blocks, reml=reml)
        theta, converged = by_statsmodels(x, y, blocks, reml)
        method += " (statsmodels)"
        gain = 0.0
    else:
        model = LinearMixed(x, y, blocks, reml=reml)
        optimum = fit_linear(model)
        theta, converged, gain = optimum.parameters, optimum.converged, optimum.gain
    point = model.at(theta)
    sigma = model.sigma(point)
    parts = None
    size = sum(block.size for block in blocks)
    rest = size - max(block.size for block in blocks)
    if (plan.df != "normal" or linked) and (size <= _CLOSED or rest <= _MAX_REST):
        parts = linked.uncertainty() if linked else uncertainty(model, theta)
    elif plan.df != "normal":
        reasons.append("too many random effects for Satterthwaite's df: normal quantiles")
    singular = is_singular(theta, blocks)
    if not converged:
        reasons.append("the optimum was not found: read no number of this fit")
    if singular:
        reasons.append("singular fit: a variance is zero or a correlation is 1")
    kenward = _kenward(model, x, theta, size) if plan.df == "kenward-roger" else None
    gradient = deviance_and_gradient(model, theta)[1]
    bend = linear_hessian(model, theta) if parts is None else parts.hessian
    covariance = sigma**2 * point.unscaled if kenward is None else kenward.adjusted
    degrees = len(x) - x.shape[1] if reml else len(x)
    rho, rho_error = _of_rho(linked, parts, plan, reasons) if linked else (np.nan, np.nan)
    deviance = linked.optimum.deviance if linked else model.deviance(theta)
    return Estimates(
        basis=basis,
        inner=start + unit * point.beta,
        inner_covariance=unit**2 * covariance,
        log_likelihood=-deviance / 2 - _scale_term(basis, degrees, unit, reml),
        method=method,
        converged=converged,
        reasons=tuple(reasons),
        theta=theta,
        modes=[unit * mode for mode in model.random_effects(theta, point.beta, y, x)],
        singular=singular,
        gain=gain,
        gradient=float(np.abs(gradient).max()),
        curvature=_least_curvature(bend),
        sigma=unit * sigma,
        uncertainty=None if parts is None or plan.df == "normal" else _in_units(parts, unit),
        kenward=kenward,  # degrees and factors of F have no unit
        rho=rho,
        rho_error=rho_error,
    )


def _linked(rows: AutocorrelatedRows, plan: _Plan) -> Autocorrelated:
    """The fit with residuals that are correlated within annotations."""
    if plan.engine != "muvistats" or plan.df == "kenward-roger":
        raise DesignError(
            "correlation='ar1' goes with engine='muvistats' and df='satterthwaite' or 'normal'"
        )
    assert plan.correlation is not None
    return fit_autocorrelated(rows, plan.correlation.rho)


def _of_rho(
    linked: Autocorrelated, parts: Uncertainty | None, plan: _Plan, reasons: list[str]
) -> tuple[float, float]:
    """Estimated correlation and the error of its logit; says what to read with care."""
    error = np.nan
    if linked.is_free and parts is not None:
        place = len(linked.optimum.parameters)
        error = float(np.sqrt(parts.covariance[place, place]))
    elif plan.correlation is not None and plan.correlation.rho is None and linked.rho == 0:
        reasons.append("rho is 0: no positive autocorrelation of the residuals")
    elif plan.correlation is not None and plan.correlation.rho is None:
        reasons.append(
            f"rho is {linked.rho:.6f}, the largest that is tried: residuals wander without "
            "coming back, and what annotations have in common cannot be told from them"
        )
    return linked.rho, error


def _scale_term(basis: Basis, degrees: int, unit: float, reml: bool) -> float:
    """What the unit of the response and, for REML, that of the columns add to the likelihood."""
    columns = -float(np.linalg.slogdet(basis.back)[1]) if reml else 0.0
    return degrees * float(np.log(unit)) + columns


def _in_units(parts: Uncertainty, unit: float) -> Uncertainty:
    return replace(parts, jacobian=unit**2 * parts.jacobian)


def _kenward(model: LinearMixed, x: Floats, theta: Floats, size: int) -> KenwardRoger:
    if not model.reml:
        raise DesignError("df='kenward-roger' needs reml=True")
    if size > 3000 or size * model.n > 30_000_000:
        raise DesignError(
            f"{model.n} rows and {size} random effects are too many for df='kenward-roger': "
            "use df='satterthwaite'"
        )
    return kenward_roger(model, x, theta)


def _laplace(
    design: Design, basis: Basis, blocks: list[RandomBlock], family: str, reasons: list[str]
) -> Estimates:
    size = sum(block.size for block in blocks)
    if size > 5000:
        raise DesignError(f"{size} random effects: a {family} model takes up to 5,000")
    x, y = basis.columns, design.y
    model = LaplaceMixed(x, y, blocks, family=family, offset=design.offset)
    optimum = fit_laplace(model)
    point = model.at(optimum.parameters)
    p = x.shape[1]
    theta, beta, extra = np.split(optimum.parameters, [model.n_theta, model.n_theta + p])
    covariance = _fixed_covariance(optimum.hessian, model.n_theta)
    converged = optimum.converged and point.converged
    wide = np.sqrt(np.maximum(np.diag(covariance)[:p], 0))
    far = np.abs(x @ beta).max() > 8 or (wide > 10).any()
    endless = np.zeros((p, 0))
    if not converged or not np.isfinite(wide).all() or far:
        endless = _endless(x, y, family)
    singular = is_singular(theta, blocks)
    if endless.size:
        reasons.append(separation_reason(design, basis, endless, family))
    elif not converged:
        reasons.append("the optimum was not found: read no number of this fit")
    if singular:
        reasons.append("singular fit: a variance is zero or a correlation is 1")
    own = _own_parameters(family, extra, basis)
    covariance = own.slopes @ covariance @ own.slopes.T
    return Estimates(
        basis=basis,
        inner=beta + own.shift,
        inner_covariance=covariance[:p, :p],
        log_likelihood=-point.deviance / 2,
        method=f"{_NAMES.get(family, family)} mixed model, Laplace",
        converged=converged and not endless.size,
        reasons=tuple(reasons),
        endless=endless,
        theta=theta,
        modes=model.random_effects(theta, point.spherical),
        singular=singular,
        gain=optimum.gain,
        gradient=float(np.abs(point.gradient).max()),
        curvature=_least_curvature(optimum.hessian),
        extra=own.values,
        whole_covariance=covariance,
        n_extra=len(extra),
    )


@dataclass(frozen=True)
class _Own:
    """Parameters of a family beside the fixed effects, as they are shown.

    Parameters
    ----------
    values : ndarray of float
        Thresholds less their mean, or the precision.
    shift : ndarray of float, shape (p,)
        What the coefficients of the orthonormal columns take over.
    slopes : ndarray of float, shape (p + len(values), p + n_extra)
        Slopes of both by what was searched.
    """

    values: Floats
    shift: Floats
    slopes: Floats


def _own_parameters(family: str, extra: Floats, basis: Basis) -> _Own:
    """A cumulative model's intercept becomes the mean of its thresholds, with the other sign."""
    p = basis.columns.shape[1]
    if family != "cumulative":
        values = np.exp(extra)
        return _Own(values, np.zeros(p), linalg.block_diag(np.eye(p), np.diag(values)))
    cuts, slopes = cuts_of(extra), cuts_slopes(extra)
    constant = np.linalg.inv(basis.back)[:, 0]
    whole = linalg.block_diag(np.eye(p), slopes - slopes.mean(axis=0))
    whole[:p, p:] = -np.outer(constant, slopes.mean(axis=0))
    return _Own(cuts - cuts.mean(), -constant * cuts.mean(), whole)


def _endless(x: Floats, y: Floats, family: str) -> Floats:
    """Directions in which coefficients run to infinity; none where the family knows no such."""
    if family == "beta":
        return np.zeros((x.shape[1], 0))
    if family != "cumulative":
        return separated_directions(x, y, family=family)
    columns, above = stacked_cuts(x, y)
    found = separated_directions(columns, above, family="binomial")[: x.shape[1]]
    return np.asarray(linalg.orth(found)) if found.size else found


def separation_reason(design: Design, basis: Basis, endless: Floats, family: str) -> str:
    """Which coefficients have no finite estimate, and the way out."""
    names = [design.fixed.names[basis.kept[i]] for i in separated_columns(endless, basis.back)]
    way_out = "; glm(..., firth=True) has finite ones" if family == "binomial" else ""
    return f"perfect separation by {', '.join(names)}: no finite estimate{way_out}"


def _least_curvature(hessian: Floats | None) -> float:
    return np.nan if hessian is None else float(np.linalg.eigvalsh(hessian)[0])


def _fixed_covariance(hessian: Floats | None, m: int) -> Floats:
    """Covariance of the fixed effects from the Hessian of the deviance."""
    assert hessian is not None
    values = np.linalg.eigvalsh(hessian)
    if values.min() > 1e-9 * values.max():
        return np.asarray(2 * np.linalg.inv(hessian)[m:, m:])
    # Flat or falling directions belong to variances on their boundary: hold those fixed.
    return np.asarray(2 * linalg.pinvh(hessian[m:, m:]))

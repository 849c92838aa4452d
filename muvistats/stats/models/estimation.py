"""Fitting of mixed models: from a design to estimates, and what can be wrong on the way."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import linalg

from ...errors import ConvergenceError, DesignError
from ...formula import Design
from ...kernels.mixed.derivatives import Uncertainty, uncertainty
from ...kernels.mixed.kenward_roger import KenwardRoger, kenward_roger
from ...kernels.mixed.laplace import LaplaceMixed
from ...kernels.mixed.linear import LinearMixed, RandomBlock
from ...kernels.mixed.search import fit_laplace, fit_linear, is_singular
from ...kernels.mixed.separation import independent_columns, separated_columns
from ...kernels.threads import few_threads
from ...types import Floats
from .fit import Coefficients
from .second_opinion import by_statsmodels

#: Families of mixed models, with the canonical link of each.
FAMILIES = {"gaussian": "identity", "binomial": "logit", "poisson": "log"}

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
    gradient : float
        Deviance that is still to gain.
    sigma : float
        Residual standard deviation; 1 where the family has none.
    uncertainty : Uncertainty or None
        What Satterthwaite's degrees of freedom need.
    kenward : KenwardRoger or None
        What Kenward and Roger's tests need; `covariance` is then the adjusted one.
    """

    theta: Floats
    modes: list[Floats]
    singular: bool
    gradient: float
    sigma: float = 1.0
    uncertainty: Uncertainty | None = None
    kenward: KenwardRoger | None = None


def blocks_of(design: Design) -> list[RandomBlock]:
    """Random blocks of a design, in the order of its bars."""
    return [RandomBlock(part.columns, part.codes, len(part.levels)) for part in design.random]


def check_response(y: Floats, family: str, name: str) -> None:
    """Refuse a response that the family cannot have."""
    if family == "binomial" and not np.isin(y, (0.0, 1.0)).all():
        raise DesignError(f"response {name!r} must be 0 or 1, or have two levels, for binomial")
    if family == "poisson" and not ((y >= 0) & (y == np.round(y))).all():
        raise DesignError(f"response {name!r} must be counts (0, 1, 2, ...) for poisson")
    if np.ptp(y) == 0:
        raise DesignError(f"response {name!r} has one value only, {y[0]:g}: nothing to explain")


def estimate(
    design: Design, *, family: str, reml: bool, df: str, engine: str = "muvistats"
) -> Estimates:
    """Fit a design.

    Parameters
    ----------
    design : Design
        Response, fixed and random columns.
    family : {"gaussian", "binomial", "poisson"}
        Distribution of the response.
    reml : bool
        Restricted likelihood, for gaussian.
    engine : {"muvistats", "statsmodels"}
        What searches for the optimum of a gaussian model.
    df : {"satterthwaite", "kenward-roger", "normal"}
        Degrees of freedom whose ingredients are computed.

    Returns
    -------
    Estimates
        The fit.
    """
    check_response(design.y, family, design.formula.response)
    blocks = blocks_of(design)
    scales = [_scales(block.columns) for block in blocks]
    scaled = [
        RandomBlock(block.columns / scale, block.codes, block.n_levels)
        for block, scale in zip(blocks, scales, strict=True)
    ]
    try:
        with few_threads(sum(block.size for block in blocks)):
            found = _estimate(design, scaled, family=family, reml=reml, engine=engine, df=df)
    except np.linalg.LinAlgError as error:
        raise ConvergenceError(
            f"the model could not be fitted: {error}; are columns of very different size?"
        ) from None
    rows = [scale[np.tril_indices(len(scale))[0]] for scale in scales]
    modes = [mode / scale for mode, scale in zip(found.modes, scales, strict=True)]
    return replace(found, theta=found.theta / np.concatenate(rows), modes=modes)


def _scales(columns: Floats) -> Floats:
    """Size of columns whose numbers are very large or small, otherwise 1."""
    size = np.sqrt((columns**2).mean(axis=0))
    return np.where((size > 10) | ((size < 0.1) & (size > 0)), size, 1.0)


def _estimate(
    design: Design,
    blocks: list[RandomBlock],
    *,
    family: str,
    reml: bool,
    engine: str,
    df: str,
) -> Estimates:
    kept = independent_columns(design.fixed.matrix)
    x, y = design.fixed.matrix[:, kept], design.y
    reasons = []
    if len(kept) < design.fixed.matrix.shape[1]:
        gone = [n for i, n in enumerate(design.fixed.names) if i not in set(kept)]
        reasons.append(f"left out as combinations of other columns: {', '.join(gone)}")
    _check_size(design, blocks, len(kept), family)
    few = [part.bar.name for part in design.random if len(part.levels) < 5]
    if few:
        reasons.append(f"fewer than 5 levels of {', '.join(dict.fromkeys(few))}")
    if family == "gaussian":
        return _gaussian(kept, x, y, blocks, reml=reml, engine=engine, df=df, reasons=reasons)
    if engine != "muvistats":
        raise DesignError(f"engine={engine!r} fits gaussian models only")
    return _laplace(design, kept, x, y, blocks, family, reasons)


def _check_size(design: Design, blocks: list[RandomBlock], p: int, family: str) -> None:
    n = len(design.y)
    if p >= n:
        raise DesignError(f"{p} fixed columns for {n} rows: more parameters than rows")
    for part, block in zip(design.random, blocks, strict=True):
        if family == "gaussian" and block.size >= n:
            raise DesignError(
                f"{block.size} random effects of {part.bar.name!r} for {n} rows: they cannot be "
                "told from the residuals"
            )


def _gaussian(
    kept: npt.NDArray[np.intp],
    x: Floats,
    y: Floats,
    blocks: list[RandomBlock],
    *,
    reml: bool,
    engine: str,
    df: str,
    reasons: list[str],
) -> Estimates:
    model = LinearMixed(x, y, blocks, reml=reml)
    if model.residual_share < 1e-14:
        raise DesignError("the fixed part explains the response without a residual")
    method = f"linear mixed model, {'REML' if reml else 'ML'}"
    if engine == "statsmodels":
        theta, converged = by_statsmodels(x, y, blocks, reml)
        method += " (statsmodels)"
        gradient = 0.0
    else:
        optimum = fit_linear(model)
        theta, converged, gradient = optimum.parameters, optimum.converged, optimum.gain
    point = model.at(theta)
    sigma = model.sigma(point)
    parts = None
    size = sum(block.size for block in blocks)
    rest = size - max(block.size for block in blocks)
    if df != "normal" and (size <= _CLOSED or rest <= _MAX_REST):
        parts = uncertainty(model, theta)
    elif df != "normal":
        reasons.append("too many random effects for Satterthwaite's df: normal quantiles")
    singular = is_singular(theta, blocks)
    if not converged:
        reasons.append("the optimum was not found: read no number of this fit")
    if singular:
        reasons.append("singular fit: a variance is zero or a correlation is 1")
    kenward = _kenward(model, x, theta, size) if df == "kenward-roger" else None
    return Estimates(
        kept=kept,
        beta=point.beta,
        covariance=sigma**2 * point.unscaled if kenward is None else kenward.adjusted,
        log_likelihood=-model.deviance(theta) / 2,
        method=method,
        converged=converged,
        reasons=tuple(reasons),
        theta=theta,
        modes=model.random_effects(theta, point.beta, y, x),
        singular=singular,
        gradient=gradient,
        sigma=sigma,
        uncertainty=parts,
        kenward=kenward,
    )


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
    design: Design,
    kept: npt.NDArray[np.intp],
    x: Floats,
    y: Floats,
    blocks: list[RandomBlock],
    family: str,
    reasons: list[str],
) -> Estimates:
    size = sum(block.size for block in blocks)
    if size > 5000:
        raise DesignError(f"{size} random effects: a {family} model takes up to 5,000")
    scale = np.sqrt((x**2).mean(axis=0))
    model = LaplaceMixed(x / scale, y, blocks, family=family)
    optimum = fit_laplace(model)
    parameters = optimum.parameters
    point = model.at(parameters)
    theta, beta = parameters[: model.n_theta], parameters[model.n_theta :] / scale
    covariance = _fixed_covariance(optimum.hessian, model.n_theta) / np.outer(scale, scale)
    converged = optimum.converged and point.converged
    separated = np.zeros(0, dtype=np.intp)
    wide = np.sqrt(np.maximum(np.diag(covariance), 0)) * scale
    if not converged or not np.isfinite(wide).all() or (wide > 10).any() or _far(beta * scale):
        separated = separated_columns(x, y, family=family)
    singular = is_singular(theta, blocks)
    if len(separated):
        names = [design.fixed.names[kept[i]] for i in separated]
        reasons.append(f"perfect separation by {', '.join(names)}: no finite estimate")
    elif not converged:
        reasons.append("the optimum was not found: read no number of this fit")
    if singular:
        reasons.append("singular fit: a variance is zero or a correlation is 1")
    return Estimates(
        kept=kept,
        beta=beta,
        covariance=covariance,
        log_likelihood=-point.deviance / 2,
        method=f"{family} mixed model, Laplace",
        converged=converged and not len(separated),
        reasons=tuple(reasons),
        separated=separated,
        theta=theta,
        modes=model.random_effects(theta, point.spherical),
        singular=singular,
        gradient=optimum.gain,
    )


def _far(scaled: Floats) -> bool:
    return bool((np.abs(scaled) > 8).any())


def _fixed_covariance(hessian: Floats | None, m: int) -> Floats:
    """Covariance of the fixed effects from the Hessian of the deviance."""
    assert hessian is not None
    values = np.linalg.eigvalsh(hessian)
    if values.min() > 1e-9 * values.max():
        return np.asarray(2 * np.linalg.inv(hessian)[m:, m:])
    # Flat or falling directions belong to variances on their boundary: hold those fixed.
    return np.asarray(2 * linalg.pinvh(hessian[m:, m:]))

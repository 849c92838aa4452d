"""Linear and generalised linear models by formula, with cluster-robust standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ...arguments import check_choice, check_text
from ...dataset.gate import takes_study
from ...errors import DesignError
from ...formula import Design, build_design, code_of_column, parse_model
from ...formula.columns import ModelColumns
from ...kernels.mixed.separation import separated_directions
from ...results.docstrings import documented
from ...results.frame import provenance
from ...types import Data, Floats, Names
from ...workers import few_threads
from ..shared.study import to_frame
from .basis import Basis, basis_of
from .estimation import check_response, separation_reason
from .fit import Coefficients
from .linear_fit import LinearFit
from .linear_numbers import fit_numbers


@documented
@takes_study
def linear_model(
    data: Data,
    formula: str,
    *,
    cluster: Names | None = None,
    weights: str | None = None,
) -> LinearFit:
    """Fit a linear model by least squares.

    Parameters
    ----------
    data : DataTree or DataFrame
        A study, or any frame with the columns of the formula.
    formula : str
        For example ``"arousal ~ modality * gender"``, without random parts.
    cluster : str or sequence of str, optional
        One or two columns whose levels are clusters: standard errors then allow any dependence
        within a cluster, for example ``["participant", "item"]``.
    weights : str, optional
        Column of prior weights: the residual variance of a row is divided by its weight.

    Returns
    -------
    LinearFit
        The fit, with `tidy()`, `glance()`, `anova()`, `emmeans()`, `contrasts()`,
        `augment()` and `predict()`.

    Raises
    ------
    DesignError
        For a formula that is not allowed, a random part, more parameters than rows, or a cluster
        factor with one level.

    See Also
    --------
    glm : Yes-no answers and counts.
    mixed_model : People and items with effects of their own.
    LinearFit : What it returns.

    Notes
    -----
    Without clusters: t with the residual degrees of freedom. With clusters: the sandwich of
    Liang and Zeger with the usual small-sample factor, two-way after Cameron, Gelbach and
    Miller (negative eigenvalues set to zero, and said); t with the smaller number of clusters
    less one. Rows with a missing value are left out and counted.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2011). Robust inference with multiway
    clustering. https://doi.org/10.1198/jbes.2010.07136

    Examples
    --------
    >>> from muvistats import linear_model, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> linear_model(study, "arousal ~ gender", cluster="participant").tidy()["df"].tolist()
    [11.0, 11.0]
    """
    return _fit(data, formula, _Plan("gaussian", weights=weights), cluster)


@documented
@takes_study
def glm(
    data: Data,
    formula: str,
    *,
    family: Literal["binomial", "poisson", "gaussian"] = "binomial",
    cluster: Names | None = None,
    correlation: Literal["independence", "exchangeable"] | None = None,
    weights: str | None = None,
    firth: bool = False,
) -> LinearFit:
    """Fit a generalised linear model, or generalised estimating equations.

    Parameters
    ----------
    data : DataTree or DataFrame
        A study, or any frame with the columns of the formula.
    formula : str
        For example ``"energetic ~ modality"``, without random parts.
    family : {"binomial", "poisson", "gaussian"}
        Distribution of the response, with its canonical link.
    cluster : str or sequence of str, optional
        One or two columns whose levels are clusters.
    correlation : {"independence", "exchangeable"}, optional
        Working correlation within the one cluster factor: estimating equations (GEE) instead of
        maximum likelihood.
    weights : str, optional
        Column of prior weights: the variance of a row is divided by its weight.
    firth : bool
        Firth's estimates of a binomial model, which are finite under perfect separation too.

    Returns
    -------
    LinearFit
        The fit, with `tidy()`, `glance()`, `anova()`, `emmeans()`, `contrasts()`,
        `augment()` and `predict()`.

    Raises
    ------
    DesignError
        As `linear_model`, and for a response that the family cannot have.
    ConvergenceError
        When the search breaks down.

    See Also
    --------
    linear_model : Normal responses.
    mixed_model : People and items with effects of their own.
    LinearFit : What it returns.

    Notes
    -----
    Tests are normal without clusters and with estimating equations, t with the smaller number of
    clusters less one otherwise. With perfect separation the estimates concerned are NaN.
    Firth's estimates maximise the likelihood times the root of the determinant of the information
    (Jeffreys' prior) and have no bias of first order; standard errors come from the information,
    and the log-likelihood is the plain one there, as in R's brglm2.

    References
    ----------
    Firth, D. (1993). Bias reduction of maximum likelihood estimates. https://doi.org/10.1093/biomet/80.1.27

    Liang, K.-Y. and Zeger, S. L. (1986). Longitudinal data analysis using generalized linear
    models. https://doi.org/10.1093/biomet/73.1.13

    Examples
    --------
    >>> from muvistats import glm, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> fit = glm(study, "energetic ~ modality", cluster=["participant", "item"])
    >>> fit.glance()["groups"].tolist()
    ['participant: 12, item: 9']
    """
    if correlation is not None:
        check_choice("correlation", correlation, ("independence", "exchangeable"))
    if firth and (family != "binomial" or cluster is not None):
        raise DesignError("firth=True is for binomial models without clusters")
    if weights is not None and correlation is not None:
        raise DesignError(f"weights={weights!r}: estimating equations take no prior weights")
    return _fit(data, formula, _Plan(family, correlation, weights, firth), cluster)


@dataclass(frozen=True)
class _Plan:
    """What is fitted to a design."""

    family: str
    correlation: str | None = None
    weights: str | None = None
    firth: bool = False


def _cluster_names(cluster: Names | None, frame: pd.DataFrame) -> list[str]:
    several = isinstance(cluster, Sequence) and not isinstance(cluster, str)
    given: list[object] = [] if cluster is None else list(cluster) if several else [cluster]
    names = [check_text("cluster", name) for name in given]
    for name in names:
        try:
            ModelColumns(frame).require([code_of_column(name)])
        except DesignError as error:
            raise DesignError(f"cluster={name!r} must name a column, no formula: {error}") from None
    return names


def _fit(data: Data, formula: str, plan: _Plan, cluster: Names | None) -> LinearFit:
    family, correlation = plan.family, plan.correlation
    model = parse_model(formula)
    if model.bars:
        raise DesignError(f"({model.bars[0].name!r}) is a random part: use mixed_model")
    frame = to_frame(data, as_given=True)
    names = _cluster_names(cluster, frame)
    if len(names) > 2 or (correlation and len(names) != 1):
        raise DesignError("one or two cluster factors are possible, one for estimating equations")
    design = build_design(formula, frame, clusters=names, weights=plan.weights)
    gaussian = family == "gaussian"
    y = design.y - design.offset if gaussian else design.y
    check_response(y, family, model.response)
    basis = basis_of(design)
    if len(basis.kept) >= len(y):
        raise DesignError(f"{len(basis.kept)} fixed columns for {len(y)} rows: more than rows")
    sizes = {name: len(part.levels) for name, part in zip(names, design.random, strict=True)}
    endless = np.zeros((len(basis.kept), 0))
    if not gaussian and not plan.firth:
        endless = separated_directions(basis.columns, y, family=family)
    with few_threads(len(basis.kept)):
        found = fit_numbers(design, basis, family, correlation, firth=plan.firth)
    degrees = np.inf
    if sizes and not correlation:
        degrees = float(min(sizes.values()) - 1)
    elif gaussian and not correlation:
        degrees = float(len(y) - len(basis.kept))
    plain = "least squares" if gaussian else f"{family} GLM"
    method = f"GEE, {correlation}" if correlation else plain
    method += ", Firth" if plan.firth else ""
    method += f", errors clustered by {' and '.join(names)}" if sizes else ""
    residual = float(np.sqrt(found.scale)) if gaussian else np.inf
    estimates = Coefficients(
        basis=basis,
        inner=found.inner,
        inner_covariance=found.covariance,
        log_likelihood=found.log_likelihood,
        method=method,
        reasons=(*_reasons(design, basis, sizes, endless, family, residual), *found.reasons),
        endless=endless,
    )
    return LinearFit(design, estimates, family, provenance(data), degrees, found.scale, sizes)


def _reasons(
    design: Design,
    basis: Basis,
    sizes: dict[str, int],
    endless: Floats,
    family: str,
    residual: float,
) -> list[str]:
    """What to read with care; the residual is in the unit of the response."""
    reasons = basis.left_out(design)
    if residual < 1e-14 * float(np.abs(design.y).max()):
        reasons.append("the model explains the response without a residual: errors are of rounding")
    if sizes and min(sizes.values()) < 20:
        reasons.append("fewer than 20 clusters: the standard errors may be too small")
    if endless.size:
        reasons.append(separation_reason(design, basis, endless, family))
    return reasons

"""Linear and generalised linear models by formula, with cluster-robust standard errors."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import statsmodels.api as sm

from ...arguments import check_choice
from ...errors import ConvergenceError, DesignError
from ...formula import build_design, parse_model
from ...kernels.mixed.separation import independent_columns, separated_columns
from ...kernels.threads import few_threads
from ...results.frame import provenance
from ...types import Data, Floats
from ..shared.study import to_frame
from .estimation import check_response
from .fit import Coefficients
from .linear_fit import LinearFit

__all__ = ["glm", "linear_model"]


def linear_model(
    data: Data, formula: str, *, cluster: str | Sequence[str] | None = None
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

    Notes
    -----
    Without clusters: t with the residual degrees of freedom. With clusters: the sandwich of
    Liang and Zeger with the usual small-sample factor, two-way after Cameron, Gelbach and
    Miller; t with the smaller number of clusters less one. Rows with a missing value are left
    out and counted.

    References
    ----------
    Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2011). Robust inference with multiway
    clustering. doi:10.1198/jbes.2010.07136

    Examples
    --------
    >>> from muvistats import linear_model, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> linear_model(study, "arousal ~ gender", cluster="participant").tidy()["df"].tolist()
    [11.0, 11.0]
    """
    return _fit(data, formula, "gaussian", cluster, None)


def glm(
    data: Data,
    formula: str,
    *,
    family: Literal["binomial", "poisson", "gaussian"] = "binomial",
    cluster: str | Sequence[str] | None = None,
    correlation: Literal["independence", "exchangeable"] | None = None,
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

    Notes
    -----
    Tests are normal without clusters and with estimating equations, t with the smaller number of
    clusters less one otherwise. With perfect separation the estimates concerned are NaN.

    References
    ----------
    Liang, K.-Y. and Zeger, S. L. (1986). Longitudinal data analysis using generalized linear
    models. doi:10.1093/biomet/73.1.13

    Examples
    --------
    >>> from muvistats import glm, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> fit = glm(study, "energetic ~ modality", cluster=["participant", "item"])
    >>> fit.glance()["groups"].tolist()
    ['participant: 12, item: 9']
    """
    check_choice("family", family, ("binomial", "poisson", "gaussian"))
    if correlation is not None:
        check_choice("correlation", correlation, ("independence", "exchangeable"))
    return _fit(data, formula, family, cluster, correlation)


def _fit(
    data: Data,
    formula: str,
    family: str,
    cluster: str | Sequence[str] | None,
    correlation: str | None,
) -> LinearFit:
    model = parse_model(formula)
    if model.bars:
        raise DesignError(f"({model.bars[0].name!r}) is a random part: use mixed_model")
    names = [] if cluster is None else [cluster] if isinstance(cluster, str) else list(cluster)
    if len(names) > 2 or (correlation and len(names) != 1):
        raise DesignError("one or two cluster factors are possible, one for estimating equations")
    # A bar for each cluster factor finds its levels, and the rows that have one.
    bars = "".join(f" + (1 | {name})" for name in names)
    design = build_design(f"{formula}{bars}", to_frame(data))
    y = design.y
    check_response(y, family, model.response)
    kept = independent_columns(design.fixed.matrix)
    x = design.fixed.matrix[:, kept]
    if len(kept) >= len(y):
        raise DesignError(f"{len(kept)} fixed columns for {len(y)} rows: more than rows")
    codes = [part.codes for part in design.random]
    sizes = {name: len(part.levels) for name, part in zip(names, design.random, strict=True)}
    separated = np.zeros(0, dtype=np.intp)
    if family != "gaussian":
        separated = separated_columns(x, y, family=family)
    reasons = _reasons(design.fixed.names, kept, sizes, separated)
    with few_threads(x.shape[1]):
        result, covariance = _statsmodels(x, y, family, codes, correlation)
    whole = bool(correlation)
    degrees = np.inf
    if sizes and not whole:
        degrees = float(min(sizes.values()) - 1)
    elif family == "gaussian" and not whole:
        degrees = float(len(y) - len(kept))
    plain = "least squares" if family == "gaussian" else f"{family} GLM"
    method = f"GEE, {correlation}" if correlation else plain
    if sizes:
        method += f", errors clustered by {' and '.join(names)}"
    estimates = Coefficients(
        kept=kept,
        beta=np.asarray(result.params, dtype=np.float64),
        covariance=covariance,
        log_likelihood=np.nan if whole else float(result.llf),
        method=method,
        reasons=reasons,
        separated=separated,
    )
    scale = float(getattr(result, "scale", 1.0))
    return LinearFit(design, estimates, family, provenance(data), degrees, scale, sizes)


def _reasons(
    names: list[str],
    kept: npt.NDArray[np.intp],
    sizes: dict[str, int],
    separated: npt.NDArray[np.intp],
) -> tuple[str, ...]:
    reasons = []
    gone = [name for i, name in enumerate(names) if i not in set(kept.tolist())]
    if gone:
        reasons.append(f"left out as combinations of other columns: {', '.join(gone)}")
    if sizes and min(sizes.values()) < 20:
        reasons.append("fewer than 20 clusters: the standard errors may be too small")
    if len(separated):
        text = ", ".join(names[kept[i]] for i in separated)
        reasons.append(f"perfect separation by {text}: no finite estimate")
    return tuple(reasons)


def _statsmodels(
    x: Floats,
    y: Floats,
    family: str,
    codes: list[npt.NDArray[np.intp]],
    correlation: str | None,
) -> tuple[Any, Floats]:
    families = {
        "gaussian": sm.families.Gaussian,
        "binomial": sm.families.Binomial,
        "poisson": sm.families.Poisson,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if correlation:
                kinds = {
                    "independence": sm.cov_struct.Independence,
                    "exchangeable": sm.cov_struct.Exchangeable,
                }
                fit = sm.GEE(
                    y,
                    x,
                    groups=codes[0],
                    family=families[family](),
                    cov_struct=kinds[correlation](),
                ).fit()
                return fit, np.asarray(fit.cov_params(), dtype=np.float64)
            model = sm.OLS(y, x) if family == "gaussian" else sm.GLM(y, x, families[family]())
            arguments = {} if family == "gaussian" else {"tol": 1e-12, "maxiter": 200}
            if not codes:
                fit = model.fit(**arguments)
            else:
                groups = codes[0] if len(codes) == 1 else np.column_stack(codes)
                fit = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, **arguments)
        except (np.linalg.LinAlgError, ValueError, ArithmeticError) as error:
            raise ConvergenceError(f"the model could not be fitted: {error}") from None
    return fit, np.asarray(fit.cov_params(), dtype=np.float64)

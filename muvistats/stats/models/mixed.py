"""Mixed models by formula: linear, binomial and Poisson, with crossed and nested effects."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import check_number
from ...dataset.gate import takes_study
from ...dataset.own_labels import takes_labels
from ...dataset.samples import samples_of
from ...errors import DataError, DesignError, MuvistatsError
from ...formula import Design, build_design, code_of_column, factor, parse_model
from ...formula.columns import ModelColumns
from ...formula.terms import ModelFormula
from ...progress import watched
from ...results.docstrings import documented
from ...results.frame import Rows, join_reasons, provenance, result_frame
from ...types import Data
from ..shared.adjust import adjust_p
from ..shared.study import label_names, to_frame
from .correlation import correlation_of
from .estimation import estimate
from .mixed_fit import MixedFit

#: Fixed part of the demographic models.
DEMOGRAPHIC = "modality + gender + (years_of_training > 3) + familiar"


@documented
@takes_study
def mixed_model(
    data: Data,
    formula: str,
    *,
    family: Literal["gaussian", "binomial", "poisson", "cumulative", "beta"] = "gaussian",
    reml: bool = True,
    df: Literal["satterthwaite", "kenward-roger", "normal"] = "satterthwaite",
    engine: Literal["muvistats", "statsmodels"] = "muvistats",
    weights: str | None = None,
    correlation: Literal["ar1"] | None = None,
    rho: float | None = None,
) -> MixedFit:
    """Fit a mixed model.

    Parameters
    ----------
    data : DataTree or DataFrame
        A study, or any frame with the columns of the formula (one row per observation). Rows of a
        study are its annotations; where the formula names `time`, or with `correlation`, they are
        its time samples.
    formula : str
        Fixed part and random parts, for example
        ``"arousal ~ modality * gender + (1 | participant) + (modality | item)"``; see
        `muvistats.formula.parse_model` for the operators.
    family : {"gaussian", "binomial", "poisson", "cumulative", "beta"}
        Distribution of the response, with its link (identity, logit, log, logit, logit). A binomial
        response is 0 or 1, or has two levels; a cumulative one is ordered categories (numbers, or a
        categorical with an order); a beta one lies between 0 and 1.
    reml : bool
        Restricted likelihood; for gaussian only.
    df : {"satterthwaite", "kenward-roger", "normal"}
        Degrees of freedom of the tests of a gaussian model. Kenward and Roger's method, for
        restricted likelihood and up to 3,000 random effects, adjusts the standard errors too.
    engine : {"muvistats", "statsmodels"}
        What searches for the optimum of a gaussian model. statsmodels is a second opinion for
        small models. Models of other families are always fitted by our own Laplace
        approximation, with an exact gradient.
    weights : str, optional
        Column of prior weights of a gaussian model: the residual variance of a row is divided by
        its weight.
    correlation : {"ar1"}, optional
        Residuals of one annotation that are correlated by rho^k where they are k steps apart; for
        gaussian only. A frame needs a column `time`, and `item` and `participant` (or `annotation`)
        to tell annotations apart.
    rho : float, optional
        Correlation one step apart, from 0 to below 1, where it is known; estimated by (restricted)
        likelihood where not given.

    Returns
    -------
    MixedFit
        The fit, with `tidy()`, `glance()`, `augment()`, `variance_components()`,
        `random_effects()`, `anova()`, `emmeans()`, `contrasts()`, `compare()`, `r2()`, `icc()`,
        `predict()`, `trajectories()` and
        `diagnostics()`.

    Raises
    ------
    DesignError
        For a formula that is not allowed or names no column, no random part, a grouping factor
        with one level, more parameters than rows, or a response that the family cannot have.
    ConvergenceError
        When the search breaks down.

    See Also
    --------
    MixedFit : What it returns.
    demographic_model : The model of the paper's demographics.
    linear_model : Without random parts, with robust standard errors.
    plot_coefficients, plot_means, plot_residuals : Figures of a fit.

    Notes
    -----
    Rows with a missing value are left out and counted in `n_missing`. Fixed columns that are
    combinations of others are left out, and their rows are NaN. With perfect separation the
    estimates concerned are NaN; `glm` with ``firth=True`` has finite ones. Rows that repeat an
    annotation (item, modality, participant), such as samples over time, need a random term for
    it, ``(1 | item:modality:participant)``; without one the frames say so in `warning` and call
    the tests `independent`. Under other names an annotation is a combination of crossed grouping
    factors and of the factors of the formula. Origin and unit of numbers and the coding of
    factors change no test that does not speak of them: columns are made orthonormal inside.
    Standard errors of a gaussian model are those of the estimated covariance; of the others, of
    the Hessian of the whole deviance, as in lme4's glmer.

    With ``correlation="ar1"`` residuals follow a continuous-time autoregression of order 1 (nlme's
    ``corCAR1``; without gaps mgcv's ``bam(rho=)``): a missing sample, an unequal length or an
    irregular time only changes how many steps apart two samples are. A step is the shortest time
    between two samples of an annotation where all others are multiples of it, else the median;
    `method` names it. rho is 0 where residuals show no positive autocorrelation. Degrees of
    freedom allow for the estimation of rho. AR(1) links samples that are near in time;
    what an annotation as a whole has of its own needs a random term, such as
    ``(1 | item:modality:participant)``. Without one the frames call the tests of a factor that is
    the same throughout an annotation `independent`, and say so in `warning`. Grouping factors must
    hold whole annotations. Predictions are means; they do not continue the residuals.

    A cumulative model says ``logit P(y <= j) = threshold_j - eta``: a positive coefficient raises
    ratings, by the same log odds at every threshold (proportional odds). It has no intercept but a
    threshold between each two categories, which `tidy` lists by their names, ``1|2``. A beta model
    has mean m and variance ``m (1 - m) / (1 + phi)``; `variance_components` shows the precision
    phi. For a choice among categories without an order, fit a binomial model of each category
    (`label_models`): it says for each how the odds of choosing it change, with participants and
    items of its own, where a multinomial model ties them to one reference category.

    References
    ----------
    Bates, D., Maechler, M., Bolker, B. and Walker, S. (2015). Fitting linear mixed-effects
    models using lme4. https://doi.org/10.18637/jss.v067.i01

    Christensen, R. H. B. (2022). ordinal: regression models for ordinal data. R package.
    https://CRAN.R-project.org/package=ordinal

    Ferrari, S. and Cribari-Neto, F. (2004). Beta regression for modelling rates and proportions.
    Journal of Applied Statistics, 31(7), 799-815. https://doi.org/10.1080/0266476042000214501

    Kenward, M. G. and Roger, J. H. (1997). Small sample inference for fixed effects from
    restricted maximum likelihood. https://doi.org/10.2307/2533558

    Pinheiro, J. C. and Bates, D. M. (2000). Mixed-effects models in S and S-PLUS, chapter 5.
    https://doi.org/10.1007/b98882

    Kuznetsova, A., Brockhoff, P. B. and Christensen, R. H. B. (2017). lmerTest package: tests
    in linear mixed effects models. https://doi.org/10.18637/jss.v082.i13

    Examples
    --------
    >>> from muvistats import mixed_model, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> fit = mixed_model(study, "arousal ~ modality + (1 | participant) + (1 | item)")
    >>> fit.tidy()["term"].tolist()
    ['Intercept', 'modality[T.visual]', 'modality[T.audiovisual]']
    """
    model = parse_model(formula)
    if not model.bars:
        raise DesignError(
            "the formula has no random part such as (1 | participant): use linear_model or glm"
        )
    if weights is not None and family != "gaussian":
        raise DesignError(f"weights={weights!r}: prior weights are for gaussian mixed models")
    if correlation is None and rho is not None:
        raise DesignError("rho is the correlation of correlation='ar1', which is not asked for")
    if correlation is not None and family != "gaussian":
        raise DesignError(f"correlation='ar1' is for gaussian models, not {family}")
    if rho is not None and rho != 0:
        rho = check_number("rho", rho, above=0, below=1)
    frame = _rows(data, model, correlation)
    ordinal = family == "cumulative"
    if ordinal and not model.intercept:
        raise DesignError("a cumulative model has thresholds, so its formula needs the intercept")
    design = build_design(formula, frame, weights=weights, ordinal=ordinal)
    linked = None if correlation is None else correlation_of(design, rho)
    numbers = estimate(design, family=family, reml=reml, engine=engine, df=df, correlation=linked)
    restricted = reml and family == "gaussian"
    return MixedFit(design, numbers, family, provenance(data), restricted, df, engine, linked)


def _rows(data: Data, model: ModelFormula, correlation: str | None) -> pd.DataFrame:
    """Annotations of a study, or its samples where the model is about time; or a frame."""
    codes = (model.response, *model.factors, *model.groups, *model.offsets)
    trees = (ast.walk(ast.parse(code, mode="eval")) for code in codes)
    read = {node.id for tree in trees for node in tree if isinstance(node, ast.Name)}
    if isinstance(data, xr.DataTree) and (correlation is not None or "time" in read):
        return samples_of(data)
    return to_frame(data, as_given=True)


@documented
@takes_study
def demographic_model(
    data: Data,
    *,
    dimension: str | None = None,
    by: str = DEMOGRAPHIC,
    family: Literal["gaussian", "binomial", "poisson", "cumulative", "beta"] = "gaussian",
    reml: bool = True,
) -> MixedFit:
    """Mixed model of ratings by modality, gender, training and familiarity.

    It fits ``arousal ~ modality + gender + (years_of_training > 3) + familiar`` with random
    intercepts of participants and items: `mixed_model` with a formula that need not be written.

    Parameters
    ----------
    data : DataTree or DataFrame
        A study, or an annotation frame. A rating over time enters with its median.
    dimension : str, optional
        Rated dimension or other numeric column that is explained, for example ``"n_labels"``. By
        default arousal, or the first dimension of the study.
    by : str
        Fixed part of the formula. Of its default, terms that the study has not, or does not vary
        in, are left out; a warning says which.

    Returns
    -------
    MixedFit
        The fit of ``dimension ~ by + (1 | participant) + (1 | item)``; without participants where
        ratings have no ids.

    Raises
    ------
    DesignError
        For whatever `mixed_model` refuses: a formula that is not allowed, a factor with one level,
        a response that the family cannot have.

    See Also
    --------
    mixed_model : Any other formula.
    MixedFit : What can be asked of the fit.
    label_models : The same question about labels.
    sensitivity_table : What becomes of each finding of the paper.

    Notes
    -----
    The model is ``y = X b + u_participant + v_item + e``, all three random parts normal. A
    participant rates many items and an item has many raters, so neither ratings of one participant
    nor of one item are independent; u and v stand for that. Each effect is adjusted for the others.
    Training counts as more than 3 years.

    People and items are not allowed to react to modality in their own way here. Where they may, add
    slopes by `mixed_model`: ``(modality | item)``.

    *Missing values.* Annotations that lack the response or a term, or that are excluded, are left
    out and counted in `n_missing` of ``glance()``.

    References
    ----------
    Baayen, R. H., Davidson, D. J., & Bates, D. M. (2008). Mixed-effects modeling with crossed
    random effects for subjects and items. Journal of Memory and Language, 59(4), 390-412.
    https://doi.org/10.1016/j.jml.2007.12.005

    Examples
    --------
    >>> from muvistats import demographic_model, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> fit = demographic_model(study, dimension="arousal")
    >>> fit.anova()[["term", "statistic", "df", "df_denom", "p_value"]].round(3)
                        term  statistic   df  df_denom  p_value
    0               modality      3.397  2.0    93.415    0.038
    1                 gender      0.001  1.0     8.834    0.970
    2  years_of_training > 3      0.117  1.0     9.468    0.739
    3               familiar      0.596  1.0    90.528    0.442

    Modality is tested against some 93 degrees of freedom, gender against 9: there are 108 ratings,
    but twelve people.
    """
    parse_model(f"y ~ {by}")  # what it may not say is refused before the study is read
    frame = to_frame(data, as_given=True)
    known = frame.attrs.get("dimensions", [])
    if dimension is None:
        dimension = known[0] if known and "arousal" not in known else "arousal"
    fixed, note = _what_is_there(frame, by)
    response = code_of_column(dimension) if dimension in frame else dimension
    random, without = crossed_terms(frame)
    formula = f"{response} ~ {fixed} + {random}"
    _need_columns(frame, formula, "dimension= and by=")
    fit = mixed_model(data, formula, family=family, reml=reml)
    reasons = (*filter(None, (note, without)), *fit.estimates.reasons)
    return replace(fit, estimates=replace(fit.estimates, reasons=reasons))


def _what_is_there(frame: pd.DataFrame, by: str) -> tuple[str, str]:
    """Terms of the default model that the study has and that vary, and what was left out."""
    if by != DEMOGRAPHIC or "dimensions" not in frame.attrs:
        model = parse_model(f"y ~ {by}")
        alone = model.intercept and len(model.terms) == 1 == len(model.factors)
        return (f"({model.factors[0]})" if alone and " " in model.factors[0] else by), ""
    kept: list[str] = []
    gone: list[str] = []
    for term in DEMOGRAPHIC.split(" + "):
        column = term.strip("(").split(" ")[0]
        there = column in frame and len(set(factor(term, frame).dropna())) > 1
        (kept if there else gone).append(term.strip("()"))
    note = f"left out, as the study lacks them or they do not vary: {', '.join(gone)}"
    terms = [f"({term})" if " " in term else term for term in kept]
    return " + ".join(terms) or "1", note if gone else ""


def crossed_terms(frame: pd.DataFrame) -> tuple[str, str]:
    """Random participants and items of a frame, and which of them is left out for what reason.

    What everybody, or every item, has one rating of is not told from the residuals; ratings of a
    study without ids have no participants.

    Parameters
    ----------
    frame : DataFrame
        One row per annotation.

    Returns
    -------
    tuple of str and str
        Terms of a formula, and a note.
    """
    kept, once = [], []
    for key in ("participant", "item"):
        if key not in frame:
            kept += [] if "dimensions" in frame.attrs else [key]
        elif frame[key].duplicated().any():
            kept.append(key)
        else:
            once.append(key)
    note = f"no random effects of {once[0]}: each has one row" if kept and once else ""
    return " + ".join(f"(1 | {key})" for key in kept or ("participant", "item")), note


def _need_columns(frame: pd.DataFrame, formula: str, arguments: str) -> None:
    """Say which argument asks for other columns than those that MuVi has."""
    model = parse_model(formula)
    try:
        ModelColumns(frame).require((model.response, *model.factors))
    except DesignError as error:
        raise DesignError(
            f"{error}; the model is {formula!r}: give {arguments} what the study has, or make a "
            "study of your table by mv.from_frames"
        ) from None


@result_frame(
    "label and term",
    "label term estimate std_error statistic statistic_name df p_value p_adjusted p_adjust_method",
    "conf_low conf_high conf_level count n n_missing method dependence",
)
@takes_labels
def label_models(
    data: Data,
    *,
    by: str = DEMOGRAPHIC,
    labels: str | Sequence[str] | None = None,
    adjust: str = "holm",
    conf_level: float = 0.95,
) -> Rows:
    """Logistic mixed model of each label: how much more often groups choose it.

    Each label is one yes-no answer of an annotation. Its model gives participants and items levels
    of their own, since some people tick more, and some items call for a label.

    Parameters
    ----------
    data : DataTree or DataFrame
        A study with labels (annotation, label), or its annotation frame.
    by : str
        Fixed part of the formula. Of its default, terms that the study has not, or does not vary
        in, are left out; `warning` says which.

    Raises
    ------
    DesignError
        For a formula that is not allowed, or an adjustment that is not known.
    DataError
        When the study has no labels.

    See Also
    --------
    label_deviations : The same question by counts and permutation.
    chisquare_labels : Whether groups differ in any label at all.
    demographic_model : The same question about ratings.
    mixed_model : One label with a formula of your own (``family="binomial"``).

    Notes
    -----
    The model of a label is ``logit P(chosen) = X b + u_participant + v_item``, with normal u and v,
    fitted by Laplace's approximation. `estimate` is a log odds ratio: ``exp(estimate)`` is the
    factor by which the odds of choosing the label change. Tests are Wald's z. `p_adjusted` corrects
    for the number of labels, each term by itself; intervals are not adjusted.

    People and items are not allowed to react to a factor in their own way here; `label_deviations`
    is the safer test of modality.

    Of a question with one answer, each answer is set against all others. There is no multinomial
    mixed model, which has a linear predictor, and random effects, for each answer at once. A
    binomial model of the annotations with one of two answers compares these two, and loses little
    (Begg and Gray, 1984).

    *Missing values.* Annotations that lack an answer or a term, or that are excluded, are left out
    and counted in `n_missing`. `count` is how often the label was chosen. A label that nobody
    chose, or whose model cannot be estimated, has rows with NaN and the reason in `warning`. It
    does not count in the adjustment.

    References
    ----------
    Jaeger, T. F. (2008). Categorical data analysis: Away from ANOVAs (transformation or not) and
    towards logit mixed models. Journal of Memory and Language, 59(4), 434-446.
    https://doi.org/10.1016/j.jml.2007.11.007

    Bates, D., Maechler, M., Bolker, B., & Walker, S. (2015). Fitting linear mixed-effects models
    using lme4. Journal of Statistical Software, 67(1), 1-48. https://doi.org/10.18637/jss.v067.i01

    Begg, C. B., & Gray, R. (1984). Calculation of polychotomous logistic regression parameters
    using individualized regressions. Biometrika, 71(1), 11-18.
    https://doi.org/10.1093/biomet/71.1.11

    Examples
    --------
    >>> import numpy as np
    >>> from muvistats import label_models, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=18, n_participants=18, features=False)
    >>> frame = label_models(study, by="modality", labels=["energetic", "moved"])
    >>> effects = frame.query("term != 'Intercept'")
    >>> effects = effects.assign(odds=np.exp(effects["estimate"]))
    >>> effects[["label", "term", "odds", "p_adjusted"]].round(2)
           label                     term  odds  p_adjusted
    1  energetic       modality[T.visual]  0.20        0.00
    2  energetic  modality[T.audiovisual]  0.34        0.03
    4      moved       modality[T.visual]  0.24        0.01
    5      moved  modality[T.audiovisual]  1.30        0.56

    The odds that somebody ticks *energetic* are five times smaller for muted video than for music.
    """
    parse_model(f"y ~ {by}")
    frame = to_frame(data, as_given=True)
    asked = label_names(data) if labels is None else labels
    chosen = [asked] if isinstance(asked, str) else [str(name) for name in asked]
    by, note = _what_is_there(frame, by)
    for label in chosen[:1]:
        _need_columns(frame, f"{code_of_column(label)} ~ {by}", "by= and labels=")
    random, without = crossed_terms(frame)
    rows = list(_rows_of_labels(frame, chosen, f"{by} + {random}", conf_level, adjust))
    for name in dict.fromkeys(row["term"] for row in rows):
        family = [row for row in rows if row["term"] == name]
        adjusted = adjust_p([row.get("p_value", np.nan) for row in family], adjust)
        for row, value in zip(family, adjusted, strict=True):
            row["p_adjusted"] = value
    for row in rows:
        row["warning"] = join_reasons(note, without, str(row.get("warning") or ""))
    return rows


def _rows_of_labels(
    frame: pd.DataFrame, labels: Sequence[str], by: str, conf_level: float, adjust: str
) -> Iterator[dict[str, Any]]:
    """Rows of all labels; those that are known of the same annotations share one design."""
    frame = frame.copy(deep=False)
    frame.attrs = {}  # pandas copies them at every step
    known: Design | None = None
    refused: list[MuvistatsError] = []
    for label in watched(labels, "Models of labels", len(labels)):
        name = code_of_column(label)
        base = {"label": label, "p_adjust_method": adjust, "dependence": "design"}
        design = None if known is None else known.answered_by(name)
        try:
            known = design = design or build_design(f"{name} ~ {by}", frame)
        except (DataError, DesignError) as error:
            refused.append(error)
            gone = {"term": "", "count": 0, "n": 0, "n_missing": len(frame)}
            yield {**base, **gone, "warning": str(error)}
            continue
        yield from _label_rows(design, base, provenance(frame), conf_level)
    if len(refused) == len(labels) and isinstance(refused[0], DesignError):
        raise refused[0]


def _label_rows(
    design: Design, base: dict[str, Any], known: dict[str, Any], conf_level: float
) -> list[dict[str, Any]]:
    """Rows of one label; NaN with a reason where there is no model."""
    base.update(count=int(design.y.sum()), n=len(design.y), n_missing=design.n_missing)
    try:
        numbers = estimate(design, family="binomial", reml=False, df="normal")
    except MuvistatsError as error:
        return [{**base, "term": term, "warning": str(error)} for term in design.fixed.names]
    fit = MixedFit(design, numbers, "binomial", known, False, "normal", "muvistats")
    kept = [
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
        "method",
        "warning",
    ]
    base["dependence"] = fit.dependence
    rows = fit.coefficients(conf_level=conf_level)
    for row in rows:
        row["warning"] = join_reasons(row.get("warning", ""), *fit.reasons)
    return [{**{key: row[key] for key in kept}, **base} for row in rows]

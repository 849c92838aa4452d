"""Which features and families of features the models rest on (the paper's Table 7)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from ...dataset.gate import takes_study
from ...results.frame import Rows, join_reasons, result_frame
from ...types import Floats, Names, Row
from .fits import ModelFit, Unit, fit_models
from .lasso import mean_with_interval
from .models import FeatureModels, Model, Sets, as_models

#: Differences smaller than this come from the order of additions.
_ROUNDING = 1e-9


@result_frame(
    "model and feature, or family of features",
    "modality features target configuration feature family rank estimate estimator sd",
    "sign_stability count share n n_features method",
)
@takes_study
def rank_features(
    data: xr.DataTree | FeatureModels,
    *,
    level: Literal["family", "feature"] = "feature",
    order: Literal["largest", "sum"] = "largest",
    model: Model = "lasso",
    dimension: Names | None = None,
    sets: Sets | None = None,
    n_jobs: int = 1,
) -> Rows:
    """Features in the order of their coefficients, averaged over folds (Table 7).

    Parameters
    ----------
    data : DataTree or FeatureModels
        A study, or models that were fitted to one; then `model` and `n_jobs` are those of the
        fit.
    level : {"feature", "family"}
        Each feature, or the families by their features.
    order : {"largest", "sum"}
        What families are ordered by: the largest absolute mean coefficient of a feature, as in
        the paper, or the sum over features, which favours families with many of them.

    Raises
    ------
    DataError
        When the study has no dynamic dimension, no features, or no step with both.
    DesignError
        For an argument that is none of its choices.

    See Also
    --------
    family_importance : What is lost when a family is taken away.
    plot_feature_ranks : The result as a figure.

    Notes
    -----
    `estimate` is the mean over all folds of the coefficient of the feature on [0, 1], 0 in folds
    that leave it out; at level family, the absolute value by which the family is ordered. `count`
    is the number of folds with a coefficient, `share` that number over `n`, the folds.
    `sign_stability` is ``|folds above 0 - folds below 0| / count``. Features are ordered by the
    absolute estimate, equal ones share their mean place; a feature that no fold takes has no
    rank. A family has the mean sign stability of its features, weighted by their absolute
    estimate, and is counted in a fold when any of them is.

    The lasso takes one of several correlated features and may take another in the next fold, so
    the share of folds matters as much as the size. A coefficient says how the prediction uses a
    feature, not what people hear or see.

    Which features, frames and items do not enter is said by `feature_models`. A model that could
    not be fitted has NaN, and `warning` says why.

    References
    ----------
    Meinshausen, N., & Buhlmann, P. (2010). Stability selection. Journal of the Royal Statistical
    Society: Series B, 72(4), 417-473. https://doi.org/10.1111/j.1467-9868.2010.00740.x

    Examples
    --------
    >>> from muvistats import rank_features, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> frame = rank_features(study, sets=[("visual", "visual")], level="family")
    >>> frame["family"].nunique()
    6
    """
    models = as_models(data, model=model, dimension=dimension, sets=sets, n_jobs=n_jobs)
    parts = []
    for fit in models.fits:
        base = models.keys(fit) | models.provenance | {"method": models.method}
        base["n_features"] = len(fit.columns)
        if fit.problem:
            empty = base | {"feature": "all", "family": "all", "count": 0, "n": 0}
            parts.append(pd.DataFrame([empty | {"warning": fit.problem}]))
            continue
        table = _coefficients(models, fit)
        table = table if level == "feature" else _by_family(models, fit, table, order)
        parts.append(table.assign(**{k: v for k, v in base.items() if k not in table}))
    return pd.concat(parts, ignore_index=True)


def _matrix(fit: ModelFit) -> Floats:
    return np.stack([fold.chosen.coefficients for fold in fit.folds])


def _coefficients(models: FeatureModels, fit: ModelFit) -> pd.DataFrame:
    """One row per feature, the largest first."""
    by_fold = _matrix(fit)
    taken = (by_fold != 0).sum(axis=0)
    mean = by_fold.mean(axis=0)
    rank = np.full(len(mean), np.nan)
    rank[taken > 0] = stats.rankdata(-np.abs(mean[taken > 0]))
    with np.errstate(invalid="ignore", divide="ignore"):
        stable = np.abs(np.sign(by_fold).sum(axis=0)) / taken
    reason = np.where(taken > 0, "", "in no fold").astype(object)
    table = pd.DataFrame(
        {
            "feature": models.inputs.names[fit.columns],
            "family": models.inputs.families[fit.columns],
            "rank": rank,
            "estimate": mean,
            "estimator": "mean coefficient over folds",
            "sd": by_fold.std(axis=0, ddof=1),
            "sign_stability": stable,
            "count": taken,
            "share": taken / len(by_fold),
            "n": len(by_fold),
            "warning": [join_reasons(text, fit.note) for text in reason],
        }
    )
    return table.sort_values("rank", kind="stable", ignore_index=True)


def _by_family(
    models: FeatureModels, fit: ModelFit, table: pd.DataFrame, order: str
) -> pd.DataFrame:
    """One row per family, the largest first."""
    size = table["estimate"].abs()
    by_fold = _matrix(fit)
    families = models.inputs.families[fit.columns]
    rows = []
    for family, part in table.groupby("family", sort=False):
        own = size[part.index]
        value = float(own.max() if order == "largest" else own.sum())
        taken = int((by_fold[:, families == family] != 0).any(axis=1).sum())
        known = own > 0
        stable = np.nan
        if known.any():
            stable = float(np.average(part["sign_stability"][known], weights=own[known]))
        by_fold_value = np.abs(by_fold[:, families == family])
        spread = by_fold_value.max(axis=1) if order == "largest" else by_fold_value.sum(axis=1)
        rows.append(
            {
                "feature": "all",
                "family": family,
                "estimate": value,
                "estimator": "largest absolute mean coefficient"
                if order == "largest"
                else "sum of absolute mean coefficients",
                "sd": spread.std(ddof=1),
                "sign_stability": stable,
                "count": taken,
                "share": taken / len(by_fold),
                "n": len(by_fold),
                "n_features": len(part),
                "warning": join_reasons("" if taken else "in no fold", fit.note),
            }
        )
    out = pd.DataFrame(rows)
    out["rank"] = np.nan
    used = out["count"] > 0
    out.loc[used, "rank"] = stats.rankdata(-out.loc[used, "estimate"].to_numpy())
    return out.sort_values("rank", kind="stable", ignore_index=True)


@result_frame(
    "model, family and metric",
    "modality features target configuration family metric estimate estimator sd std_error",
    "statistic statistic_name df p_value conf_low conf_high conf_level n_features n_items method",
    "dependence",
)
@takes_study
def family_importance(
    data: xr.DataTree | FeatureModels,
    *,
    model: Model = "lasso",
    dimension: Names | None = None,
    sets: Sets | None = None,
    conf_level: float = 0.95,
    n_jobs: int = 1,
) -> list[Row]:
    """What a model loses when a family of features is taken away.

    Parameters
    ----------
    data : DataTree or FeatureModels
        A study, or models that were fitted to one.

    Raises
    ------
    DataError
        When the study has no dynamic dimension, no features, or no step with both.
    DesignError
        For an argument that is none of its choices.

    See Also
    --------
    rank_features : Features by the size of their coefficients.
    audio_visual_contrast : Whether sound tells arousal and picture valence.

    Notes
    -----
    For each family the model is fitted anew without its features, the penalty chosen anew, in the
    same folds. The estimate is what is lost on held-out items: concordance with the family less
    concordance without it, and RMSE without less RMSE with, so that above 0 always means that the
    family helps. Mean, Student's interval and t test are over items, each paired with itself;
    `dependence` is `design`, since the item is the unit. Items of a fold share a model, which the
    interval does not allow for. Two families that carry the same information can stand in for each
    other: then neither may show a loss.

    `n_features` counts the features of the family.

    Which features, frames and items do not enter is said by `feature_models`. A model that could
    not be fitted has NaN, and `warning` says why.

    References
    ----------
    Lei, J., G'Sell, M., Rinaldo, A., Tibshirani, R. J., & Wasserman, L. (2018). Distribution-free
    predictive inference for regression. Journal of the American Statistical Association, 113(523),
    1094-1111. https://doi.org/10.1080/01621459.2017.1307116

    Examples
    --------
    >>> from muvistats import family_importance, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> frame = family_importance(study, sets=[("visual", "visual")], dimension="arousal")
    >>> frame["family"].unique().tolist()
    ['colour', 'lighting', 'face', 'scene', 'object', 'action']
    """
    models = as_models(data, model=model, dimension=dimension, sets=sets, n_jobs=n_jobs)
    rows: list[Row] = []
    for fit in models.fits:
        base = models.keys(fit) | models.provenance | {"method": models.method}
        base |= {"dependence": "design", "n_features": 0, "n_items": 0, "statistic_name": "t"}
        if fit.problem:
            rows.append(base | {"family": "all", "warning": fit.problem})
            continue
        families = models.inputs.families[fit.columns]
        names = list(dict.fromkeys(families))
        if len(names) == 1:
            reason = "there is one family: without it nothing is left"
            rows.append(base | {"family": names[0], "warning": reason})
            continue
        key = (fit.modality, fit.features, fit.target)
        units = [Unit(*key, fit.columns[families != name], fit.items) for name in names]
        for name, without in zip(names, fit_models(models.inputs, models.plan, units), strict=True):
            own = base | {"family": name, "n_features": int((families == name).sum())}
            for metric, lost in (
                ("ccc", fit.ccc - without.ccc),
                ("rmse", without.rmse - fit.rmse),
            ):
                row = own | {"metric": metric} | loss_over_items(lost, conf_level)
                rows.append(row | {"warning": join_reasons(fit.note, row["warning"])})
    return rows


def loss_over_items(values: Floats, conf_level: float) -> Row:
    """Mean of paired differences over items, its interval and its t test."""
    known = values[~np.isnan(values)]
    known = np.where(np.abs(known) < _ROUNDING, 0.0, known)
    row: Row = {"estimator": "mean difference over items", "n_items": len(known), "warning": ""}
    found = mean_with_interval(known, conf_level)
    row |= {"estimate": found.pop("mean", np.nan)} | found
    if len(known) < 2:
        return row | {"warning": "fewer than two items"}
    error = known.std(ddof=1) / np.sqrt(len(known))
    row |= {"std_error": error, "df": len(known) - 1}
    if error == 0:
        return row | {"warning": "all items have the same difference"}
    t = row["estimate"] / error
    return row | {"statistic": t, "p_value": 2 * stats.t.sf(abs(t), len(known) - 1)}

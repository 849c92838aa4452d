"""How well features predict the ratings: `lasso_models` (the paper's Table 4)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from ...dataset.gate import takes_study
from ...results.frame import join_reasons, result_frame
from ...types import Floats, Names, Row
from ..agreement.gold import Gold
from .fits import ModelFit
from .models import FeatureModels, Model, Sets, as_models


@result_frame(
    "model and metric, or per fold or item of it",
    "modality features target configuration metric fold item mean sd conf_low conf_high conf_level",
    "rmse ccc noise_ceiling penalty n_selected n_features n n_items n_missing method",
)
@takes_study
def lasso_models(
    data: xr.DataTree | FeatureModels,
    *,
    model: Model = "lasso",
    level: Literal["summary", "fold", "item"] = "summary",
    dimension: Names | None = None,
    sets: Sets | None = None,
    gold: Gold = "ewe",
    inner: Literal["items", "frames"] = "items",
    n_folds: int = 5,
    l1_ratio: float = 0.5,
    patience: int | None = 20,
    conf_level: float = 0.95,
    n_jobs: int = 1,
) -> list[Row]:
    """How well features predict ratings of items that the model has never seen (Table 4).

    A lasso is trained on some items and predicts the others, for each modality and set of features.
    The result has its error and its concordance with the raters.

    Parameters
    ----------
    data : DataTree or FeatureModels
        A study with ratings over time and features, or models that were fitted to one; then
        `model`, `gold`, `inner`, `n_folds`, `l1_ratio`, `patience` and `n_jobs` are those of
        the fit.
    model : {"lasso", "elastic_net", "ridge", "linear"}
        The penalty: of absolute values, of both kinds, of squares, or none.
    level : {"summary", "fold", "item"}
        Mean and standard deviation over items of each metric, or the folds, or the items; columns
        of the other levels are empty.
    n_folds : int
        Folds over items, and inner folds over training items.

    Raises
    ------
    DataError
        When the study has no dynamic dimension, no features, or no step with both.
    DesignError
        For an argument that is none of its choices.

    See Also
    --------
    feature_models : The fit, which several functions can share; has the protocol.
    rank_features : Which features are used.
    compare_with_human : Whether models are as good as people.
    deep.network_models : Networks on the same folds.

    Notes
    -----
    *Protocol.* Items are dealt to folds. Each item is predicted once, by the model that was trained
    without its fold. So nothing about a test item enters the coefficients, the penalty or the scale
    of the features.

    *Metrics.* Over the time steps of an item, with ratings y (the gold standard of its raters) and
    predictions f, ``rmse = sqrt(mean((y - f)^2))``, in units of the rating, and Lin's concordance
    ``ccc = 2 cov(y, f) / (var(y) + var(f) + (mean(y) - mean(f))^2)``, from -1 to 1. The summary is
    the mean over items.

    *Ceiling.* `noise_ceiling` is the concordance that the true course of an item would reach with
    such noisy raters, averaged over the same items. A model is good when it comes near the ceiling,
    not when it comes near 1. It is that of the weighted estimator, whatever `gold` is, and NaN
    beside an RMSE.

    *Interval.* Student's, over items. It takes items as independent; since items of a fold share a
    model, it is a little short.

    *Missing values.* Where a prediction never moves its concordance is 0; where the gold standard
    does not move either it is NaN, and the item is left out of the mean. `n` counts time steps,
    `n_missing` steps of the annotations of these items that are left out. Which features and items
    do not enter is said by `feature_models`, and in `warning`.

    References
    ----------
    Tibshirani, R. (1996). Regression shrinkage and selection via the lasso. Journal of the Royal
    Statistical Society: Series B, 58(1), 267-288.
    https://doi.org/10.1111/j.2517-6161.1996.tb02080.x

    Lin, L. I.-K. (1989). A concordance correlation coefficient to evaluate reproducibility.
    Biometrics, 45(1), 255-268. https://doi.org/10.2307/2532051

    Examples
    --------
    >>> from muvistats import lasso_models, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> scores = lasso_models(study, sets=[("music", "audio")], dimension="arousal")
    >>> scores[["target", "metric", "mean", "noise_ceiling", "n_items"]].round(2)
        target metric  mean  noise_ceiling  n_items
    0  arousal   rmse  0.29            NaN        9
    1  arousal    ccc  0.20           0.41        9

    The model reaches a concordance of .20 with raters, where .41 is within reach.
    """
    models = as_models(
        data,
        model=model,
        dimension=dimension,
        sets=sets,
        n_jobs=n_jobs,
        gold=gold,
        inner=inner,
        n_folds=n_folds,
        l1_ratio=l1_ratio,
        patience=patience,
    )
    rows: list[Row] = []
    for fit in models.fits:
        base = models.keys(fit) | models.provenance | {"method": models.method}
        base |= {"fold": 0, "n_selected": 0, "n_features": len(fit.columns), "warning": fit.note}
        base |= {"n": 0, "n_items": 0, "n_missing": 0}
        if level == "summary":
            rows += _summary(models, fit, base, conf_level)
        elif fit.problem:
            rows.append(base | {"item": "all", "warning": fit.problem})
        else:
            rows += _folds(models, fit, base) if level == "fold" else _items(models, fit, base)
    return rows


def mean_with_interval(values: Floats, conf_level: float) -> Row:
    """Mean, sd and Student's interval of values without NaN."""
    if not len(values):
        return {}
    row: Row = {"mean": values.mean(), "conf_level": conf_level}
    if len(values) < 2:
        return row
    error = values.std(ddof=1) / np.sqrt(len(values))
    half = stats.t.ppf((1 + conf_level) / 2, len(values) - 1) * error
    return row | {
        "sd": values.std(ddof=1),
        "conf_low": row["mean"] - half,
        "conf_high": row["mean"] + half,
    }


def _steps(models: FeatureModels, fit: ModelFit) -> tuple[npt.NDArray[np.int64], Any]:
    """Steps of each item that entered, and those that did not."""
    counts = np.bincount(models.inputs.item, minlength=len(models.inputs.items))
    return counts[fit.items], models.inputs.n_missing[fit.items]


def _summary(models: FeatureModels, fit: ModelFit, base: Row, conf_level: float) -> list[Row]:
    steps, left_out = _steps(models, fit)
    base = base | {"item": "all", "n": int(steps.sum()), "n_missing": int(left_out.sum())}
    rows = []
    for metric, values in (("rmse", fit.rmse), ("ccc", fit.ccc)):
        there = ~np.isnan(values)
        row = base | {"metric": metric, "n_items": int(there.sum())}
        row |= mean_with_interval(values[there], conf_level)
        gone = int((~there).sum())
        reason = f"{metric} is undefined for {gone} items" if gone else ""
        if metric == "ccc" and len(fit.items):
            ceiling = models.ceilings_of(fit)[there]
            if not np.isnan(ceiling).all():
                row["noise_ceiling"] = float(np.nanmean(ceiling))
            still = sum(not np.any(fold.chosen.coefficients) for fold in fit.folds)
            if still:
                reason = join_reasons(
                    reason, f"the model of {still} of {len(fit.folds)} folds is a constant"
                )
        row["warning"] = join_reasons(fit.problem or row["warning"], reason)
        rows.append(row)
    return rows


def _folds(models: FeatureModels, fit: ModelFit, base: Row) -> list[Row]:
    steps, left_out = _steps(models, fit)
    rows = []
    for number, fold in enumerate(fit.folds):
        there = fit.fold == number
        agreement = fit.ccc[there]
        known = ~np.isnan(agreement)
        count = int(np.count_nonzero(fold.chosen.coefficients))
        rows.append(
            base
            | {
                "fold": number + 1,
                "item": "all",
                "rmse": fit.rmse[there].mean(),
                "ccc": agreement[known].mean() if known.any() else np.nan,
                "penalty": fold.chosen.alpha,
                "n_selected": count,
                "n": int(steps[there].sum()),
                "n_items": int(there.sum()),
                "n_missing": int(left_out[there].sum()),
                "warning": join_reasons(base["warning"], "" if count else "a constant"),
            }
        )
    return rows


def _items(models: FeatureModels, fit: ModelFit, base: Row) -> list[Row]:
    steps, left_out = _steps(models, fit)
    ceiling = models.ceilings_of(fit)
    rows = []
    for i, item in enumerate(fit.items):
        fold = fit.folds[fit.fold[i]]
        count = int(np.count_nonzero(fold.chosen.coefficients))
        reason = "neither prediction nor gold standard moves" if np.isnan(fit.ccc[i]) else ""
        rows.append(
            base
            | {
                "fold": int(fit.fold[i]) + 1,
                "item": models.inputs.items[item],
                "rmse": fit.rmse[i],
                "ccc": fit.ccc[i],
                "noise_ceiling": ceiling[i],
                "penalty": fold.chosen.alpha,
                "n_selected": count,
                "n": int(steps[i]),
                "n_items": 1,
                "n_missing": int(left_out[i]),
                "warning": join_reasons(base["warning"], reason),
            }
        )
    return rows

"""Fitted models of the ratings: `feature_models`, and what they keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import check_choice, check_count, check_number, is_named
from ...dataset.gate import takes_study
from ...errors import DataError, DesignError
from ...kernels.regression.lasso import MODELS, Recipe
from ...results.frame import Rows, join_reasons
from ...types import Floats, Names, Row
from ..agreement.gold import Gold
from ..agreement.trajectories import noise_ceiling
from ..models.frames import fit_frame
from .fits import ModelFit, Plan, check_sets, fit_models
from .inputs import KINDS, Inputs, feature_inputs

Model = Literal["lasso", "elastic_net", "ridge", "linear"]
Sets = Sequence[tuple[str, str]]

#: Modality and features of the paper's Table 4.
SETS: tuple[tuple[str, str], ...] = (
    ("music", "audio"),
    ("visual", "visual"),
    ("audiovisual", "audio"),
    ("audiovisual", "visual"),
    ("audiovisual", "audio_visual"),
)


@dataclass(frozen=True, repr=False)
class FeatureModels:
    """Models that predict ratings from features, as `feature_models` returns them.

    One model is fitted for each modality, set of features, rated dimension and fold. Functions such
    as `lasso_models` and `rank_features` take this object in place of a study, so that nothing is
    fitted twice. Its own methods give what the models hold:

    - `tidy`: the coefficients, a row per fold and feature that is used.
    - `glance`: a row per fold, with the penalty, the error and the number of features used.
    - `augment`: observed and predicted rating of each time step of each item that was held out.

    Attributes
    ----------
    inputs : Inputs
        Features (item, time, feature) and gold standard (item, time) on common steps.
    plan : Plan
        What was fitted, and how: sets of features, penalty, folds.
    fits : tuple of ModelFit
        The models: one for each modality, feature set and target.
    ceilings : dict of (str, str, str) to float
        Noise ceiling by dimension, modality and item.
    data : DataTree
        The study.

    See Also
    --------
    feature_models : Fits it; has the protocol.
    lasso_models : Its scores.
    rank_features : Its features in order.
    plot_model_trajectory : A prediction beside the ratings.

    Notes
    -----
    Coefficients are in units of the rating per range of the feature: each feature runs from 0 at
    its least to 1 at its largest value among the training items. Predictions are in units of the
    rating.

    *Missing values.* `feature_models` says which frames, features and items are left out. A model
    that could not be fitted has rows with NaN, and `warning` says why.

    References
    ----------
    Tibshirani, R. (1996). Regression shrinkage and selection via the lasso. Journal of the Royal
    Statistical Society: Series B, 58(1), 267-288.
    https://doi.org/10.1111/j.2517-6161.1996.tb02080.x

    Examples
    --------
    >>> from muvistats import feature_models, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> models = feature_models(study, sets=[("visual", "visual")], dimension="arousal")
    >>> models
    <FeatureModels: lasso, 1 of 1 models fitted, 5 folds of 9 items>
    >>> models.glance()[["fold", "rmse", "n_items", "n_features"]].round(2)
       fold  rmse  n_items  n_features
    0     1  0.23        2          60
    1     2  0.51        2          60
    2     3  0.56        2          60
    3     4  0.48        2          60
    4     5  0.64        1          60

    On a scale from -1 to 1, predictions for items that a fold held out are off by .2 to .6.
    """

    inputs: Inputs
    plan: Plan
    fits: tuple[ModelFit, ...]
    ceilings: dict[tuple[str, str, str], float]
    data: xr.DataTree

    def __repr__(self) -> str:
        there = sum(not fit.problem for fit in self.fits)
        return (
            f"<FeatureModels: {self.configuration}, {there} of {len(self.fits)} models fitted, "
            f"{self.plan.n_folds} folds of {len(self.inputs.items)} items>"
        )

    @property
    def configuration(self) -> str:
        """Name of the model."""
        return self.plan.recipe.model

    @property
    def method(self) -> str:
        """The model and its folds in words."""
        words = self.configuration.replace("_", " ")
        if self.configuration == "elastic_net":
            words += f" (l1_ratio {self.plan.recipe.l1_ratio:g})"
        inner = "" if self.configuration == "linear" else f", penalty by folds of {self.plan.inner}"
        return f"{words}, {self.plan.n_folds} folds of items{inner}"

    @property
    def provenance(self) -> dict[str, Any]:
        """Alignment of the labels and whether the data is simulated."""
        return self.inputs.provenance

    @property
    def reasons(self) -> tuple[str, ...]:
        """What to read with care about all rows; each row has its own."""
        return ()

    def keys(self, fit: ModelFit) -> Row:
        """Columns that name a model."""
        return {
            "modality": fit.modality,
            "features": fit.features,
            "target": fit.target,
            "configuration": self.configuration,
        }

    def ceilings_of(self, fit: ModelFit) -> Floats:
        """Noise ceiling of each item of a model."""
        names = [self.inputs.items[i] for i in fit.items]
        return np.array([self.ceilings[fit.target, fit.modality, name] for name in names])

    def limited(self, dimension: Names | None, sets: Sets | None) -> FeatureModels:
        """The models of one target, or of some sets."""
        pairs = None if sets is None else {tuple(pair) for pair in sets}
        fits = tuple(
            fit
            for fit in self.fits
            if is_named(fit.target, dimension)
            and (pairs is None or (fit.modality, fit.features) in pairs)
        )
        if not fits:
            raise DataError("no such model was fitted", found=(dimension, sets))
        return replace(self, fits=fits)

    @fit_frame(
        "model, fold and feature with a coefficient",
        "modality features target configuration fold feature family estimate",
    )
    def tidy(self) -> Rows:
        """Coefficients that are not zero, on features scaled to [0, 1] over training items.

        See Also
        --------
        rank_features : Features or families in the order of their coefficients.
        glance : How many there are in each fold.
        """
        rows = []
        for fit in self.fits:
            for number, fold in enumerate(fit.folds, start=1):
                used = np.flatnonzero(fold.chosen.coefficients)
                columns = fit.columns[used]
                rows.append(
                    pd.DataFrame(
                        {
                            **self.keys(fit),
                            "fold": number,
                            "feature": self.inputs.names[columns],
                            "family": self.inputs.families[columns],
                            "estimate": fold.chosen.coefficients[used],
                            "warning": fit.note,
                        },
                        index=range(len(used)),
                    )
                )
        return pd.concat(rows, ignore_index=True) if rows else []

    @fit_frame(
        "model and fold",
        "modality features target configuration fold penalty rmse ccc n_selected n_features",
        "n_items method",
    )
    def glance(self) -> Rows:
        """Penalty, number of features and scores of each fold.

        See Also
        --------
        lasso_models : Scores over all held-out items.
        tidy : The coefficients.
        """
        rows: list[Row] = []
        for fit in self.fits:
            for number, fold in enumerate(fit.folds):
                there = fit.fold == number
                rows.append(
                    self.keys(fit)
                    | {
                        "fold": number + 1,
                        "penalty": fold.chosen.alpha,
                        "rmse": np.mean(fit.rmse[there]),
                        "ccc": np.nanmean(fit.ccc[there]) if there.any() else np.nan,
                        "n_selected": int(np.count_nonzero(fold.chosen.coefficients)),
                        "n_features": len(fit.columns),
                        "n_items": int(there.sum()),
                        "method": self.method,
                        "warning": fit.note,
                    }
                )
        return rows

    @fit_frame(
        "model, item and time step",
        "modality features target configuration item time observed fitted residual",
    )
    def augment(self) -> Rows:
        """Gold standard and prediction of every held-out step.

        See Also
        --------
        plot_model_trajectory : The figure.
        compare_with_human : Whether models agree as people do.
        """
        return held_out_rows(self.inputs, [(self.keys(fit), fit) for fit in self.fits])


class _Predicted(Protocol):
    """What is predicted for held-out steps, by whatever model."""

    @property
    def target(self) -> str: ...
    @property
    def modality(self) -> str: ...
    @property
    def fitted(self) -> Floats: ...
    @property
    def note(self) -> str: ...
    @property
    def problem(self) -> str: ...


def held_out_rows(inputs: Inputs, fits: Sequence[tuple[Row, _Predicted]]) -> Rows:
    """Gold standard and prediction of every held-out step of models, by the columns they have.

    Parameters
    ----------
    inputs : Inputs
        What the models were fitted to.
    fits : sequence of (dict, _Predicted)
        Columns that name a model, and its predictions.

    Returns
    -------
    DataFrame or list
        A row per model, item and time step; no row where nothing is predicted.
    """
    rows = []
    for keys, fit in fits:
        there = np.flatnonzero(~np.isnan(fit.fitted))
        where = inputs.dimensions.index(fit.target), inputs.modalities.index(fit.modality)
        observed = inputs.gold[where][there]
        part: Row = {
            **keys,
            "item": np.array(inputs.items, dtype=object)[inputs.item[there]],
            "time": inputs.time[there],
            "observed": observed,
            "fitted": fit.fitted[there],
            "residual": observed - fit.fitted[there],
            "warning": join_reasons(fit.note, fit.problem),
        }
        rows.append(pd.DataFrame(part, index=range(len(there))))
    return pd.concat(rows, ignore_index=True) if rows else []


@takes_study
def feature_models(
    data: xr.DataTree,
    *,
    model: Model = "lasso",
    dimension: Names | None = None,
    sets: Sets | None = None,
    gold: Gold = "ewe",
    inner: Literal["items", "frames"] = "items",
    n_folds: int = 5,
    n_alphas: int = 100,
    l1_ratio: float = 0.5,
    patience: int | None = 20,
    n_jobs: int = 1,
) -> FeatureModels:
    """Fit linear models of the ratings on the features of the items, cross-validated over items.

    Parameters
    ----------
    data : DataTree
        A study with a dynamic dimension and features of its items.
    model : {"lasso", "elastic_net", "ridge", "linear"}
        The penalty: of absolute values, of both kinds, of squares, or none.
    dimension : str, optional
        Rated dimension that is predicted; all dynamic ones where not given.
    sets : sequence of (str, str), optional
        Modality of the ratings and features that predict them (``"audio"``, ``"visual"`` or
        ``"audio_visual"``); the five of the paper's Table 4 where not given.
    gold : {"ewe", "mean", "median", "ewe_aligned", "dtw", "latent"}
        Method of `gold_standard` that makes the target of all raters.
    inner : {"items", "frames"}
        What the inner folds, which choose the penalty, hold out. ``"frames"`` is there to show
        what goes wrong: frames of a training item stand on both sides, and a model that knows
        them by heart looks good.
    n_folds : int
        Folds over items, and inner folds over the training items.
    n_alphas : int
        Penalties in the grid.
    l1_ratio : float
        Share of the absolute penalty of the elastic net, above 0 and up to 1.
    patience : int, optional
        Penalties without a lower inner error after which smaller ones are not tried; None tries
        the whole grid.
    n_jobs : int
        Folds that are fitted at the same time; the result does not depend on it.

    Returns
    -------
    FeatureModels
        The models: ``tidy()`` has their coefficients, ``glance()`` the folds, ``augment()`` the
        predictions. `lasso_models` and its like take it in place of the study.

    Raises
    ------
    DataError
        When the study has no dynamic dimension, no features, or no step with both.
    DesignError
        For an argument that is none of its choices.

    See Also
    --------
    FeatureModels : What it returns.
    lasso_models : Scores on items that were held out.
    personal_models : A model of each rater.

    Notes
    -----
    Every frame of an item is a row; its target is the gold standard of all raters.
    The folds are ``KFold(n_folds, shuffle=True, random_state=42)`` over the items that enter, in
    release order, and a held-out item has no part in the scale, in the penalty or in the
    coefficients. Features are put on [0, 1] by the least and largest value over the training
    items; the inner folds use that scale. The objective is ``RSS / (2 n) + penalty
    (l1_ratio |b| + (1 - l1_ratio) |b|^2 / 2)`` with a free intercept. The grid is scikit-learn's:
    even steps on a log scale from the smallest penalty without any coefficient down to a
    thousandth of it (ridge: from the largest eigenvalue of the covariance to 1e-7 of it). The
    penalty with the least mean squared error, averaged over inner folds, is taken.

    Rules for what is not as it should be; what they leave out is counted in `n_missing` and told
    in `warning`:

    - Features and ratings of different length: the time steps that both have. For an item, those
      at which the features and the gold standards of all its modalities and targets are there,
      so that its models see the same frames.
    - A feature that is missing or infinite in more than 5% of the frames is left out; otherwise
      the frame is.
    - A feature that does not vary over the training items gets no coefficient.
    - An item without features, or without raters in a modality, is no item of that model.
    - Fewer items than folds, a missing modality or kind of features: a row with NaN and the
      reason.

    References
    ----------
    Tibshirani, R. (1996). Regression shrinkage and selection via the lasso. Journal of the Royal
    Statistical Society: Series B, 58(1), 267-288.
    https://doi.org/10.1111/j.2517-6161.1996.tb02080.x

    Tibshirani, R., Bien, J., Friedman, J., Hastie, T., Simon, N., Taylor, J., & Tibshirani, R. J.
    (2012). Strong rules for discarding predictors in lasso-type problems. Journal of the Royal
    Statistical Society: Series B, 74(2), 245-266.
    https://doi.org/10.1111/j.1467-9868.2011.01004.x

    Examples
    --------
    >>> from muvistats import feature_models, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> models = feature_models(study, sets=[("visual", "visual")], dimension="arousal")
    >>> models
    <FeatureModels: lasso, 1 of 1 models fitted, 5 folds of 9 items>
    """
    if check_number("l1_ratio", l1_ratio, above=0) > 1:
        raise DesignError(f"l1_ratio must lie above 0 and up to 1, not {l1_ratio!r}")
    recipe = Recipe(
        check_choice("model", model, MODELS),
        l1_ratio=float(l1_ratio),
        n_alphas=check_count("n_alphas", n_alphas, least=2),
        patience=None if patience is None else check_count("patience", patience, least=1),
    )
    plan = Plan(
        check_sets(SETS if sets is None else sets),
        recipe,
        n_folds=check_count("n_folds", n_folds, least=2),
        inner=check_choice("inner", inner, ("items", "frames")),
        n_jobs=n_jobs,
    )
    kinds = [kind for kind in KINDS if any(kind in features for _, features in plan.sets)]
    inputs = feature_inputs(data, dimension=dimension, kinds=kinds, gold=gold)
    ceilings = noise_ceiling(data, level="item", dimension=dimension)
    keys = zip(ceilings["dimension"], ceilings["modality"], ceilings["item"], strict=True)
    return FeatureModels(
        inputs,
        plan,
        tuple(fit_models(inputs, plan)),
        dict(zip(keys, ceilings["ccc"].astype(float), strict=True)),
        data,
    )


def as_models(
    data: object,
    *,
    model: Model,
    dimension: Names | None,
    sets: Sets | None,
    n_jobs: int,
    **more: Any,
) -> FeatureModels:
    """Models of a study, or those that were given."""
    check_choice("model", model, MODELS)
    if isinstance(data, FeatureModels):
        return data.limited(dimension, sets)
    if not isinstance(data, xr.DataTree):
        raise DataError(
            "a study is needed", found=type(data).__name__, expected="a DataTree or FeatureModels"
        )
    return feature_models(data, model=model, dimension=dimension, sets=sets, n_jobs=n_jobs, **more)

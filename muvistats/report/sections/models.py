"""What predicts the ratings: linear models of the features (Tables 4 and 7, Figure 8)."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.figure
import pandas as pd
import xarray as xr

from ...dataset.access import annotation_frame, dimensions_of
from ...errors import DataError, DesignError
from ...formula import code_of_column
from ...plots.models import plot_feature_ranks, plot_model_trajectory
from ...results.words import Rule, word
from ...stats.associations.correlations import partial_correlation
from ...stats.prediction.contrast import audio_visual_contrast
from ...stats.prediction.human import compare_with_human
from ...stats.prediction.lasso import lasso_models
from ...stats.prediction.models import FeatureModels, feature_models
from ...stats.prediction.ranking import family_importance, rank_features
from ...stats.prediction.steadiness import feature_roughness
from ..parts import Compute, Figure, Frames, Section, Settings, Table

#: Families that the page shows of each model.
_SHOWN = 5

#: Permutations of whole items: each fits forty models.
_PERMUTATIONS = 199


class _Fitted:
    """The models of the last study: several tables and figures show them."""

    def __init__(self) -> None:
        self.models: FeatureModels | None = None

    def of(self, study: xr.DataTree) -> FeatureModels:
        """Models of a study, fitted once."""
        if self.models is None or self.models.data is not study:
            self.models = feature_models(study, n_jobs=min(2, os.cpu_count() or 1))
        return self.models


_FITTED = _Fitted()

#: Actions whose coefficients the paper reads (section 7.2).
_ACTIONS = ("action_stretching_arm", "action_sneezing")


def _fitted(function: Callable[..., pd.DataFrame], **options: Any) -> Compute:
    """Call a function of the package on the models of the study."""

    def compute(study: xr.DataTree, _: Settings) -> pd.DataFrame:
        return function(_FITTED.of(study), **options)

    return compute


_roughness = functools.partial(compare_with_human, metric="roughness")


def _actions(study: xr.DataTree, _: Settings) -> pd.DataFrame:
    """How much of an action an item has beside its mean ratings: one value of each an item."""
    ratings = annotation_frame(study)
    ratings = ratings[ratings["modality"] == "audiovisual"]
    values = study["features/visual"].to_dataset()["values"].mean("time").transpose("item", ...)
    table = pd.DataFrame(values.to_numpy(), values["item"].to_numpy(), values["feature"].to_numpy())
    found = [
        partial_correlation(
            ratings.assign(amount=amount), f"{code_of_column(target)} ~ amount"
        ).assign(feature=action, n_items=lambda frame: frame["n_clusters"], dependence="design")
        for action in _ACTIONS
        if action in table
        for amount in [table[action].reindex(ratings["item"].astype(str)).to_numpy()]
        for target in dimensions_of(study)
    ]
    if not found:
        raise DataError("the study has no such features", expected=", ".join(_ACTIONS))
    return pd.concat(found, ignore_index=True)


def _contrast(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
    return audio_visual_contrast(
        _FITTED.of(study),
        n_resamples=min(_PERMUTATIONS, settings.n_resamples),
        rng=settings.rng,
        n_jobs=min(2, os.cpu_count() or 1),
    )


_MODEL = ["modality", "features", "target"]

#: Rounding of the columns of `wide`.
WIDE_RULES: Mapping[str, Rule] = dict.fromkeys(("RMSE", "SD of RMSE", "CCC", "SD of CCC"), "number")


def wide(frame: pd.DataFrame, keys: Sequence[str] = _MODEL) -> pd.DataFrame:
    """Error and concordance of a model in one row, as in Tables 4 and 6."""
    rows = []
    for key, part in frame[frame["metric"] != "mse"].groupby(list(keys), sort=False):
        row = dict(zip(keys, key, strict=True))
        for _, line in part.iterrows():
            name = str(line["metric"]).upper()
            row[name] = line["mean"]
            row[f"SD of {name}"] = line["sd"]
            if line["metric"] == "ccc":
                names = ("conf_low", "conf_high", "conf_level", "noise_ceiling", "n_items")
                row |= {name: line[name] for name in (*names, "method", "warning")}
        rows.append(row)
    return pd.DataFrame(rows)


def _listed(frame: pd.DataFrame) -> pd.DataFrame:
    """Families of each model in one row, as in Table 7."""
    rows = []
    for key, part in frame.groupby(_MODEL, sort=False):
        top = part.dropna(subset=["rank"]).sort_values("rank", kind="stable").head(_SHOWN)
        row = dict(zip(_MODEL, key, strict=True))
        names = ", ".join(word(name) for name in top["family"])
        row["Families, largest coefficient first"] = names or "none"
        row["warning"] = part["warning"].iloc[0] if top.empty else float("nan")
        rows.append(row | {"method": part["method"].iloc[0]})
    return pd.DataFrame(rows)


def _largest(frame: pd.DataFrame) -> pd.DataFrame:
    ranked = frame.dropna(subset=["rank"])
    return ranked.groupby(_MODEL, sort=False).head(_SHOWN)


def _trajectory(study: xr.DataTree, _: Frames) -> matplotlib.figure.Figure:
    return plot_model_trajectory(_FITTED.of(study))


def _ranks(_: xr.DataTree, frames: Frames) -> matplotlib.figure.Figure:
    frame = frames["rank_features"]
    rows = frame[frame["modality"] == "audiovisual"]
    if rows["rank"].isna().all():
        raise DesignError("no feature has a coefficient")
    both = rows[rows["features"] == "audio_visual"]
    return plot_feature_ranks(rows if both["rank"].isna().all() else both)


MODEL_SECTIONS = (
    Section(
        key="linear-models",
        chapter="models",
        title="Linear models of the ratings",
        reference="Table 4, section 7.1.1, Figure 8",
        text=(
            "Lasso regression predicts the gold standard of each time step from the features of "
            "that step. The items that are predicted were not used for it. The ceiling is what "
            "the noise of so few raters leaves within reach. People are compared with the model "
            "over annotations (independent), and item by item (design), which has more power."
        ),
        tables=(
            Table(
                "lasso_models",
                "Error and concordance on held-out items",
                _fitted(lasso_models),
                needs=("dynamics", "features"),
                published=("lasso_models",),
                view=wide,
                rules=WIDE_RULES,
            ),
            Table(
                "compare_with_human",
                "Concordance of people, less that of the model",
                _fitted(compare_with_human),
                needs=("dynamics", "features"),
                published=("compare_with_human",),
                columns=(
                    "modality features target dependence mean1 mean2 estimate conf_low conf_high "
                    "statistic df p_value n1 n2"
                ),
                collapsed=True,
            ),
            Table(
                "prediction_roughness",
                "Roughness over time of people, less that of the model",
                _fitted(_roughness),
                needs=("dynamics", "features"),
                columns=(
                    "modality features target dependence mean1 mean2 estimate conf_low conf_high "
                    "statistic df p_value n1 n2"
                ),
                collapsed=True,
            ),
            Table(
                "audio_visual_contrast",
                "Advantage of sound over picture, for arousal and for valence",
                _contrast,
                needs=("dynamics", "audio", "visual"),
                columns=(
                    "target dependence estimate conf_low conf_high p_value n_items n_resamples"
                ),
                slow=True,
            ),
        ),
        figures=(
            Figure(
                "model_figure",
                "Raters, weighted estimator and prediction for the item with median concordance",
                "Lines of raters, a bold estimator and a dashed prediction for each modality",
                _trajectory,
                needs=("dynamics", "features"),
                uses=("lasso_models",),
            ),
        ),
    ),
    Section(
        key="features",
        chapter="models",
        title="Which features the models use",
        reference="Table 7, section 7.2",
        text=(
            "Families in the order of their largest coefficient, averaged over folds, and the "
            "features behind them. Where features go together, a lasso keeps one of them: look "
            "at the share of folds as well."
        ),
        tables=(
            Table(
                "feature_families",
                "Families of features in the order of their largest coefficient",
                _fitted(rank_features, level="family"),
                needs=("dynamics", "features"),
                published=("rank_features",),
                view=_listed,
            ),
            Table(
                "rank_features",
                "Features with the largest coefficients",
                _fitted(rank_features),
                needs=("dynamics", "features"),
                view=_largest,
                columns=(
                    "modality features target feature family estimate sd sign_stability share"
                ),
                collapsed=True,
            ),
            Table(
                "feature_roughness",
                "Roughness over time of families of visual features, in pairs",
                lambda study, _: feature_roughness(study, kind="visual"),
                needs=("visual",),
                columns=(
                    "group1 group2 mean1 mean2 estimate conf_low conf_high statistic df p_value "
                    "p_adjusted n_items"
                ),
                collapsed=True,
            ),
            Table(
                "actions_over_items",
                "Actions that the paper reads, beside audiovisual ratings, item by item",
                _actions,
                about="muvi",
                needs=("dynamics", "visual"),
                columns="feature dimension estimate conf_low conf_high df p_value n_items",
                collapsed=True,
            ),
            Table(
                "family_importance",
                "What is lost without a family",
                _fitted(family_importance),
                needs=("dynamics", "features"),
                columns=(
                    "modality features target family metric estimate conf_low conf_high p_value "
                    "n_items"
                ),
                limit=200,
                collapsed=True,
                slow=True,
            ),
        ),
        figures=(
            Figure(
                "feature_figure",
                "Largest mean coefficients of the audiovisual models",
                "Bars of the mean coefficient of the features with the largest ones",
                _ranks,
                needs=("dynamics", "features"),
                uses=("rank_features",),
            ),
        ),
    ),
)

"""Figures of models that predict ratings from features."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..errors import DataError
from ..stats.selection.models import FeatureModels
from .agreement import plot_agreement_trajectory
from .style import GREY, INK, header, new_figure, require, spread_panels, styled, words

__all__ = ["plot_feature_ranks", "plot_model_trajectory"]

Floats = npt.NDArray[np.float64]

_MODEL = "#B5400A"

#: Colours of coefficients above and below 0.
_SIGNS = ("#0072B2", "#D55E00")

#: What predicts the ratings of a modality in the figure, best informed first.
_PREFERRED = ("audio_visual", "audio", "visual")


@styled
def plot_model_trajectory(
    models: FeatureModels, *, item: str | None = None, dimension: str | None = None
) -> Figure:
    """Draw raters, their weighted estimator and what a model predicts (the paper's Figure 8).

    Parameters
    ----------
    models : FeatureModels
        Result of `feature_models`.
    item : str, optional
        The item; the one whose mean concordance with the models is the median where not given.
    dimension : str, optional
        Rated dimension; all that the models predict, below each other, where not given.

    Returns
    -------
    Figure
        `plot_agreement_trajectory` of the item, with a dashed line for the prediction of the
        models that had not seen the item. Each modality has the model with most features: both
        kinds, else audio, else visual. Below the panel stand the features and the concordance.

    Raises
    ------
    DataError
        When no model predicts the item.

    Examples
    --------
    >>> from muvistats import feature_models, plot_model_trajectory, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> models = feature_models(study, sets=[("visual", "visual")], dimension="arousal")
    >>> figure = plot_model_trajectory(models, dimension="arousal")
    >>> len(figure.axes)
    3
    """
    if not isinstance(models, FeatureModels):
        raise DataError(
            "fitted models are needed", found=type(models).__name__, expected="feature_models(data)"
        )
    models = models.limited(dimension, None)
    item = _typical(models) if item is None else str(item)
    names = list(dict.fromkeys(fit.target for fit in models.fits))
    single = names[0] if len(names) == 1 else dimension
    figure = plot_agreement_trajectory(models.data, item=item, dimension=single)
    _rename(figure, f"Raters of {item}, their weighted estimator and the {_word(models)}")
    inputs = models.inputs
    if item not in inputs.items:
        raise DataError("the models know no such item", found=item)
    rows = inputs.item == inputs.items.index(item)
    axes = np.array(figure.axes).reshape(-1, len(inputs.modalities))
    drawn = 0
    order = names if single is None or len(names) > 1 else [single]
    for panels, name in zip(axes, order, strict=False):
        for ax, modality in zip(panels, inputs.modalities, strict=True):
            fit = _fit_of(models, modality, name)
            if fit is None or np.isnan(fit.fitted[rows]).all():
                continue
            place = int(np.flatnonzero(fit.items == inputs.items.index(item))[0])
            ax.plot(
                inputs.time[rows],
                fit.fitted[rows],
                color=_MODEL,
                linewidth=1.8,
                linestyle=(0, (4, 1.5)),
                zorder=7,
                gid="model",
            )
            text = f"{fit.features.replace('_', ' + ')}: CCC {fit.ccc[place]:.2f}"
            ax.text(
                0.99,
                0.03,
                text.replace("-", "\u2212"),
                transform=ax.transAxes,
                ha="right",
                fontsize=8,
                color=_MODEL,
                gid="score",
            )
            drawn += 1
    if not drawn:
        raise DataError("no model predicts this item", found=item)
    _add_to_legend(figure, f"{_word(models)}, item not seen")
    return figure


def _word(models: FeatureModels) -> str:
    return f"{models.configuration.replace('_', ' ')} prediction"


def _fit_of(models: FeatureModels, modality: str, target: str) -> Any:
    found = {
        fit.features: fit
        for fit in models.fits
        if fit.modality == modality and fit.target == target and not fit.problem
    }
    return next((found[name] for name in _PREFERRED if name in found), None)


def _typical(models: FeatureModels) -> str:
    """The item with the median mean concordance."""
    scores = pd.concat(
        [
            pd.Series(fit.ccc, index=[models.inputs.items[i] for i in fit.items], dtype=float)
            for fit in models.fits
        ]
    ).dropna()
    if scores.empty:
        raise DataError("no item has a concordance with a model")
    means = scores.groupby(level=0, sort=False).mean().sort_values(kind="stable")
    return str(means.index[len(means) // 2])


def _rename(figure: Figure, title: str) -> None:
    figure.texts[0].set_text(title)


def _add_to_legend(figure: Figure, label: str) -> None:
    (legend,) = figure.legends
    handles = [*legend.legend_handles]
    texts = [text.get_text() for text in legend.get_texts()]
    legend.remove()
    handles.append(Line2D([], [], color=_MODEL, linewidth=1.8, linestyle=(0, (4, 1.5))))
    figure.legend(
        handles=[handle for handle in handles if handle is not None],
        labels=[*texts, label],
        loc="outside lower center",
        ncols=len(handles) if figure.get_size_inches()[0] > 6 else 2,
    )


@styled
def plot_feature_ranks(frame: pd.DataFrame, *, n: int = 8) -> Figure:
    """Draw the features with the largest coefficients (the paper's Table 7).

    Parameters
    ----------
    frame : DataFrame
        Result of `rank_features`, of features or of families.
    n : int
        Features or families of each model.

    Returns
    -------
    Figure
        One panel per model: bars of the mean coefficient over folds, by its sign in two colours;
        open bars for what not all folds take.

    Raises
    ------
    DataError
        When the frame is not one of `rank_features`, or nothing is ranked.

    Examples
    --------
    >>> from muvistats import plot_feature_ranks, rank_features, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> frame = rank_features(study, sets=[("visual", "visual")])
    >>> [ax.get_title("left") for ax in plot_feature_ranks(frame).axes]
    ['Visual by visual: arousal', 'Visual by visual: valence']
    """
    keys = ["modality", "features", "target"]
    require(frame, "rank_features", *keys, "feature", "family", "rank", "estimate", "share")
    ranked = frame.dropna(subset=["rank"])
    if ranked.empty:
        raise DataError("no feature has a coefficient", expected="rank_features(data)")
    parts = list(ranked.groupby(keys, sort=False, dropna=False))
    columns = min(2, len(parts))
    lines = -(-len(parts) // columns)
    shown = min(n, max(len(part) for _, part in parts))
    figure = new_figure(0.4 + 4.7 * columns, lines * (0.75 + 0.2 * shown))
    grid = figure.subplots(lines, columns, squeeze=False)
    for ax, ((modality, features, target), part) in zip(grid.flat, parts, strict=False):
        top = part.sort_values("rank", kind="stable").head(n)
        by_family = bool((top["feature"] == "all").all())
        names = top["family" if by_family else "feature"]
        places = np.arange(len(top))
        bars = ax.barh(places, top["estimate"], height=0.7, gid="coefficient")
        for bar, value, share in zip(bars, top["estimate"], top["share"], strict=True):
            shade = _SIGNS[int(value < 0)]
            bar.set_color(shade if share == 1 else "white")
            bar.set_edgecolor(shade)
        ax.set_yticks(places, [str(name).replace("_", " ") for name in names])
        ax.invert_yaxis()
        ax.axvline(0, color=GREY, linewidth=0.6)
        by = str(features).replace("_", " + ")
        ax.set_title(f"{words(modality)} by {by}: {target}", color=INK, fontsize=9)
    for ax in list(grid.flat)[len(parts) :]:
        ax.set_visible(False)
    spread_panels(figure)
    whole = bool((ranked["feature"] == "all").all())
    note = "largest absolute mean coefficient" if whole else "mean coefficient over folds"
    header(
        figure,
        frame,
        "Families of features" if whole else "Features with the largest coefficients",
        f"{note}, features on [0, 1]; open: not in all folds",
    )
    return figure

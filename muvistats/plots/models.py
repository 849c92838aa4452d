"""Figures of models that predict ratings from features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..arguments import check_count, check_names, check_text, is_named
from ..dataset.access import select
from ..errors import DataError
from ..results.words import fixed
from ..types import Floats, Ints, Names
from .agreement import draw_raters
from .layout import header, several
from .networks import network_name
from .paper import GREY, INK, Width, size
from .style import require, spread_panels, styled, words

_MODEL = "#B5400A"
_DASHED = (0, (4, 1.5))

#: Colours of coefficients above and below 0.
_SIGNS = ("#0072B2", "#D55E00")

#: What predicts the ratings of a modality in the figure, best informed first.
_PREFERRED = ("audio_visual", "audio", "visual")


class TrajectoryInputs(Protocol):
    """Items and time steps that models predict."""

    @property
    def items(self) -> Sequence[str]:
        """Items, in order."""
        ...

    @property
    def modalities(self) -> Sequence[str]:
        """Modalities, in order."""
        ...

    @property
    def item(self) -> Ints:
        """Number of the item of each row."""
        ...

    @property
    def time(self) -> Floats:
        """Time of each row, in s."""
        ...


class TrajectoryModels(Protocol):
    """What `plot_model_trajectory` needs of fitted models.

    A fit has `modality`, `features`, `target`, `items` (numbers of the predicted items), `fitted`
    (by row of the inputs, NaN where there is none), `ccc` (by entry of `items`) and `problem`;
    where the models have several configurations, each fit names its own.
    """

    @property
    def inputs(self) -> TrajectoryInputs:
        """What is predicted."""
        ...

    @property
    def fits(self) -> Sequence[Any]:
        """Fits, one for each modality, features and configuration."""
        ...

    @property
    def data(self) -> xr.DataTree:
        """The study."""
        ...


@styled
def plot_model_trajectory(
    models: TrajectoryModels,
    *,
    item: str | None = None,
    dimension: Names | None = None,
    configuration: str | None = None,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw raters, their weighted estimator and what a model predicts (Figures 8 and 9).

    Parameters
    ----------
    models : FeatureModels or NetworkModels
        Result of `feature_models` or of `muvistats.deep.network_models`.
    item : str, optional
        The item; the one whose mean concordance with the models is the median where not given.
    dimension : str, optional
        Rated dimension; all that the models predict, below each other, where not given.
    configuration : str, optional
        Network, as in the column `configuration`; ``"pair"`` where not given and there, else the
        first one.

    Returns
    -------
    Figure
        `plot_agreement_trajectory` of the item, with a dashed line for the prediction of the
        models that had not seen the item. Each modality has the model with most features: both
        kinds, else audio, else visual. Below the panel stand the features and the concordance.
        Of networks, the modalities that the configuration predicts are drawn; the first steps of
        an item, which fill the first window, have no prediction.

    Raises
    ------
    DataError
        When no model predicts the item, or there is no such configuration.

    See Also
    --------
    feature_models, deep.network_models : What is drawn.

    Examples
    --------
    >>> from muvistats import feature_models, plot_model_trajectory, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> models = feature_models(study, sets=[("visual", "visual")], dimension="arousal")
    >>> figure = plot_model_trajectory(models, dimension="arousal")
    >>> len(figure.axes)
    3
    """
    if not all(hasattr(models, name) for name in ("inputs", "fits", "data")):
        raise DataError(
            "fitted models are needed",
            found=type(models).__name__,
            expected="feature_models(data) or network_models(data)",
        )
    fits, name, several_nets = _fits(models, dimension, configuration)
    inputs = models.inputs
    item = _typical(fits, inputs.items) if item is None else str(item)
    if item not in inputs.items:
        raise DataError("the models know no such item", found=item)
    number = list(inputs.items).index(item)
    targets = list(dict.fromkeys(fit.target for fit in fits))
    single = targets[0] if len(targets) == 1 else dimension
    modalities = {fit.modality for fit in fits}
    data = select(models.data, modality=sorted(modalities)) if several_nets else models.data
    word = f"{network_name(name) if several_nets else name.replace('_', ' ')} prediction"
    key_line = Line2D([], [], color=_MODEL, linewidth=1.8, linestyle=_DASHED)
    key_line.set_label(f"{word}, item not seen")
    title = f"Raters of {item}, their weighted estimator and the {word}"
    figure, grid = draw_raters(data, item, single, title, [key_line])
    shown = [each for each in inputs.modalities if not several_nets or each in modalities]
    rows = inputs.item == number
    drawn = 0
    for line, target in zip(grid, targets, strict=False):
        for each, modality in zip(line, shown, strict=True):
            fit = _fit_of(fits, modality, target)
            if fit is not None and not np.isnan(fit.fitted[rows]).all():
                _draw_prediction(each, inputs.time[rows], fit.fitted[rows], fit, number)
                drawn += 1
    if not drawn:
        raise DataError("no model predicts this item", found=item)
    return figure


def _fits(
    models: TrajectoryModels, dimension: Names | None, configuration: str | None
) -> tuple[list[Any], str, bool]:
    """Fits of one configuration, its name, and whether fits have configurations of their own."""
    if configuration is not None:
        check_text("configuration", configuration)
    wanted = check_names("dimension", dimension)
    fits = [fit for fit in models.fits if is_named(fit.target, wanted)]
    if not fits:
        raise DataError("no such model was fitted", found=dimension)
    several = all(hasattr(fit, "configuration") for fit in fits)
    if not several:
        return fits, str(getattr(models, "configuration", "model")), False
    names = list(dict.fromkeys(str(fit.configuration) for fit in fits))
    name = configuration or ("pair" if "pair" in names else names[0])
    if name not in names:
        raise DataError("no such network was trained", found=name, expected=", ".join(names))
    return [fit for fit in fits if fit.configuration == name], name, True


def _draw_prediction(ax: Axes, time: Floats, values: Floats, fit: Any, number: int) -> None:
    """Dashed prediction of an item, and what stands below it."""
    place = int(np.flatnonzero(np.asarray(fit.items) == number)[0])
    ax.plot(
        time,
        values,
        color=_MODEL,
        linewidth=1.8,
        linestyle=_DASHED,
        zorder=7,
        gid="model",
    )
    text = f"{fit.features.replace('_', ' + ')}: CCC {fixed(fit.ccc[place], 2)}"
    ax.text(
        0.99,
        0.03,
        text,
        transform=ax.transAxes,
        ha="right",
        fontsize=size(8),
        color=_MODEL,
        gid="score",
    )


def _fit_of(fits: Sequence[Any], modality: str, target: str) -> Any:
    by_features = {
        fit.features: fit
        for fit in fits
        if fit.modality == modality and fit.target == target and not fit.problem
    }
    return next((by_features[name] for name in _PREFERRED if name in by_features), None)


def _typical(fits: Sequence[Any], items: Sequence[str]) -> str:
    """The item with the median mean concordance."""
    scores = pd.concat(
        [pd.Series(fit.ccc, index=[items[i] for i in fit.items], dtype=float) for fit in fits]
    ).dropna()
    if scores.empty:
        raise DataError("no item has a concordance with a model")
    means = scores.groupby(level=0, sort=False).mean().sort_values(kind="stable")
    return str(means.index[len(means) // 2])


@styled
def plot_feature_ranks(
    frame: pd.DataFrame,
    *,
    n_features: int = 8,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the features with the largest coefficients (the paper's Table 7).

    Parameters
    ----------
    frame : DataFrame
        Result of `rank_features`, of features or of families.
    n_features : int
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
    DesignError
        When `n` is not a whole number from 1.

    See Also
    --------
    rank_features : The values that are drawn.

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
    check_count("n_features", n_features, least=1)
    ranked = frame.dropna(subset=["rank"])
    if ranked.empty:
        raise DataError("no feature has a coefficient", expected="rank_features(data)")
    parts = list(ranked.groupby(keys, sort=False, dropna=False))
    shown = min(n_features, max(len(part) for _, part in parts))
    figure, grid = several(len(parts), 2, 4.7, 0.75 + 0.2 * shown, least=2.8, beside=0.4)
    for ax, ((modality, features, target), part) in zip(grid, parts, strict=True):
        top = part.sort_values("rank", kind="stable").head(n_features)
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
        title = f"{words(modality)} by {by}: {words(target).lower()}"
        ax.set_title(title, color=INK, fontsize=size(9))
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

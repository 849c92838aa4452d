"""Figure of networks beside linear models: how well they predict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..arguments import check_names
from ..errors import DataError
from .layout import header, legend, panels
from .paper import GREY, INK, Width
from .style import PALE, colours, markers, one_reading, require, sign, styled, words

_NAMES = {
    "early_fusion": "Early fusion (A1)",
    "late_fusion": "Late fusion (A2)",
    "pair": "PAIR",
    "pair_frozen": "PAIR, branches frozen",
    "pair_audio": "PAIR, audio branch only",
    "pair_visual": "PAIR, visual branch only",
    "pair_control": "PAIR, pretrained on both",
    "unimodal": "Unimodal network",
    "lasso": "LASSO",
}


def network_name(name: object) -> str:
    """Display name of a configuration."""
    return _NAMES.get(str(name)) or words(name)


_METRICS = {"rmse": "RMSE", "mse": "MSE", "ccc": "CCC"}
_LINE, _HEAD = 0.19, 0.21  # inches of a configuration, and of the heading above them


@styled
def plot_architecture_comparison(
    frame: pd.DataFrame,
    *,
    metrics: Sequence[str] = ("rmse", "ccc"),
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw how well each network and the lasso predict, with the noise ceiling (Table 6).

    Parameters
    ----------
    frame : DataFrame
        Result of `muvistats.deep.summarise`, of one reading of the labels.
    metrics : sequence of str
        ``"rmse"``, ``"mse"`` or ``"ccc"``, one panel of each target for each.

    Returns
    -------
    Figure
        Panels of the targets below each other. Within one, a line per configuration, by the
        modality of the ratings and the features that predict them: the mean over items with its
        interval, the lasso as an open diamond, the noise ceiling as a grey tick.

    Raises
    ------
    DataError
        When the frame is another one, mixes readings of the labels, or lacks a metric.

    See Also
    --------
    deep.summarise : The values that are drawn.
    plot_architectures : The networks themselves.

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats import plot_architecture_comparison
    >>> from muvistats.deep import summarise
    >>> scores = pd.DataFrame(
    ...     {
    ...         "modality": "music", "features": "audio", "configuration": "unimodal",
    ...         "target": "arousal", "repeat": 1, "fold": [1, 2], "seed": 1, "item": ["a", "b"],
    ...         "rmse": [0.1, 0.3], "mse": [0.01, 0.09], "ccc": [0.5, 0.3], "noise_ceiling": 0.8,
    ...     }
    ... )
    >>> figure = plot_architecture_comparison(summarise(scores))
    >>> [ax.get_xlabel() for ax in figure.axes]
    ['RMSE', 'CCC']
    """
    keys = ("modality", "features", "configuration", "target")
    limits = ("mean", "conf_low", "conf_high", "noise_ceiling")
    require(frame, "summarise", *keys, "metric", *limits)
    frame = one_reading(frame)
    asked = check_names("metrics", metrics)
    metrics = [asked] if isinstance(asked, str) else list(asked or ())
    unknown = [name for name in metrics if name not in set(frame["metric"])]
    if unknown or not metrics:
        raise DataError(
            "no such metric", column="metric", found=unknown, expected=", ".join(_METRICS)
        )
    lines = _comparison_lines(frame)
    targets = [str(name) for name in dict.fromkeys(frame["target"])]
    names = [str(name) for name in dict.fromkeys(frame["configuration"]) if name != "lasso"]
    colour, marker = colours(names), markers(names)
    tall = sum(_HEAD if head else _LINE for head, *_ in lines)
    wide, high = 2.2 + 2.9 * len(metrics), (tall + 0.5) * len(targets) + 0.3
    fig, grid = panels(len(targets), len(metrics), wide, high, least=1.1, sharex="col", sharey=True)
    for line, target in zip(grid, targets, strict=True):
        for ax, metric in zip(line, metrics, strict=True):
            part = frame[(frame["target"] == target) & (frame["metric"] == metric)]
            _comparison_panel(ax, part, lines, colour, marker)
            if metric == "ccc":
                ax.axvline(0, color=GREY, linewidth=0.8, zorder=1)
        line[0].set_title(words(target))
        for label, (head, *_) in zip(line[0].get_yticklabels(), lines, strict=True):
            label.set_fontweight("bold" if head else "normal")
    for ax, metric in zip(grid[-1], metrics, strict=True):
        ax.set_xlabel(_METRICS[metric])
    _comparison_legend(fig, frame, metrics)
    header(fig, frame, "Networks beside the linear model", _comparison_note(frame))
    return fig


def _comparison_lines(frame: pd.DataFrame) -> list[tuple[str, str, str, str, float]]:
    """Heading or else modality, features and configuration of each line, and its place."""
    configurations = frame.drop_duplicates(["modality", "features", "configuration"])
    networks = configurations[configurations["configuration"] != "lasso"]
    sets = dict.fromkeys(
        zip(
            pd.concat([networks["modality"], configurations["modality"]]),
            pd.concat([networks["features"], configurations["features"]]),
            strict=True,
        )
    )
    lines: list[tuple[str, str, str, str, float]] = []
    y = 0.0
    for modality, features in sets:
        by = str(features).replace("_", " + ")
        lines.append((f"{words(modality)} ratings by {by} features", "", "", "", y + _HEAD / 2))
        y += _HEAD
        mine = configurations[
            (configurations["modality"] == modality) & (configurations["features"] == features)
        ]
        ordered = mine.iloc[(mine["configuration"] == "lasso").to_numpy().argsort(kind="stable")]
        for name in ordered["configuration"]:
            lines.append(("", str(modality), str(features), str(name), y + _LINE / 2))
            y += _LINE
        y += _LINE / 4
    return lines


def _comparison_panel(
    ax: Axes,
    part: pd.DataFrame,
    lines: Sequence[tuple[str, str, str, str, float]],
    colour: Mapping[str, str],
    marker: Mapping[str, str],
) -> None:
    """Means of one target and metric."""
    by = part.set_index(["modality", "features", "configuration"])
    for head, *key, y in lines:
        if head:
            ax.axhline(y - _HEAD / 2, color=PALE, linewidth=0.6, clip_on=False)
            continue
        if tuple(key) not in by.index:
            continue
        row = by.loc[[tuple(key)]].iloc[0]
        name = key[2]
        shade = GREY if name == "lasso" else colour[name]
        ax.hlines(y, row["conf_low"], row["conf_high"], color=shade, linewidth=1.4)
        ax.plot(
            row["mean"],
            y,
            "D" if name == "lasso" else marker[name],
            color=shade,
            markerfacecolor="white" if name == "lasso" else shade,
            markersize=4.2 if name == "lasso" else 5,
            gid=name,
        )
        ax.plot(
            row["noise_ceiling"],
            y,
            "|",
            color=INK,
            markersize=8,
            markeredgewidth=1.3,
            gid="ceiling",
        )
    ax.set_yticks([y for *_, y in lines], [line[0] or network_name(line[3]) for line in lines])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(max(y for *_, y in lines) + _LINE, -_LINE / 2)
    ax.grid(axis="x")


def _comparison_note(frame: pd.DataFrame) -> str:
    """Who is averaged, and under which protocol."""
    level = float(frame["conf_level"].iloc[0]) if "conf_level" in frame else math.nan
    note = "mean over held-out items" + (
        f" with its {level:.0%} interval" if np.isfinite(level) else " with its interval"
    )
    methods = frame.get("method", pd.Series(dtype=str)).dropna().unique()
    trained = next((str(text) for text in methods if str(text).startswith("LSTM")), "")
    return "; ".join(filter(None, [note, trained.split(";")[0]]))


def _comparison_legend(fig: Figure, frame: pd.DataFrame, metrics: Sequence[str]) -> None:
    handles = [sign("network", "o", color=GREY)]
    if (frame["configuration"] == "lasso").any():
        handles.append(sign("LASSO", "D", 4.2, markerfacecolor="white", color=GREY))
    if frame.loc[frame["metric"].isin(list(metrics)), "noise_ceiling"].notna().any():
        handles.append(sign("noise ceiling", "|", 8, color=INK))
    legend(fig, handles)

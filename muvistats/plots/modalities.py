"""Figures that set the modalities side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..dataset.access import annotation_frame, dimensions_of
from ..dataset.gate import takes_study
from ..errors import DataError
from ..results.words import fixed, p_phrase, test_text
from ..types import Floats, Names
from .layout import header, panels
from .paper import GREY, INK, Width, root_of, size
from .style import colours, require, styled, words

#: Colour of what belongs to two modalities.
_PAIR = "#4C7A99"

#: How the statistics of `kruskal_modality` are written: as published, and by the design.
_STATISTICS = {
    "H": "Kruskal-Wallis",
    "chi2": "By design",
    "F": "By design",
}

#: Inches from column to column that numbers beside the marks need.
_NUMBER = 0.5

#: More points than this are not drawn one by one.
_MOST_POINTS = 3000


@styled
@takes_study
def plot_modality_medians(
    data: xr.DataTree | pd.DataFrame,
    *,
    dimension: Names | None = None,
    test: pd.DataFrame | None = None,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw one value per annotation by modality, with the medians (the paper's section 4.2.1).

    Parameters
    ----------
    data : DataTree or DataFrame
        The study, or its annotation frame.
    dimension : sequence of str, optional
        Rated dimensions; all of them by default.
    test : DataFrame, optional
        Result of `kruskal_modality`; its statistic and p stand above the panel.

    Returns
    -------
    Figure
        One panel per dimension: distribution and single values of the annotations' medians, box
        from the first to the third quartile, median in figures.

    Raises
    ------
    DataError
        When the study has no such dimension.

    See Also
    --------
    kruskal_modality, pairwise_modality : The tests beside it.
    plot_raincloud : The same for any factor.

    Examples
    --------
    >>> from muvistats import plot_modality_medians, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> [ax.get_ylabel() for ax in plot_modality_medians(study).axes]
    ['Arousal', 'Valence']
    """
    if isinstance(data, pd.DataFrame):
        frame = data
        default = [name for name in ("arousal", "valence") if name in frame]
    else:
        frame = annotation_frame(data)
        default = dimensions_of(data)
    names = [dimension] if isinstance(dimension, str) else list(dimension or default)
    if not names:
        raise DataError("no rated dimension to draw", expected="a study with rated dimensions")
    require(frame, "annotation_frame", "modality", *names)
    levels = _levels(frame["modality"])
    fig, grid = panels(1, len(names), 0.6 + 3.4 * len(names), 3.4, least=2.6)
    for ax, name in zip(grid[0], names, strict=True):
        groups = {
            level: np.sort(
                frame.loc[frame["modality"] == level, name].dropna().to_numpy(dtype=float)
            )
            for level in levels
        }
        _violins(ax, groups)
        ax.set_ylabel(words(name))
        low, high = limits_of(frame, name)
        ax.set_ylim(low, high)
        if low < 0 < high:
            ax.axhline(0, color=GREY, linewidth=0.6, zorder=0)
        if test is not None:
            ax.set_title(_test_text(test, name), fontweight="normal", fontsize=size(9))
    header(fig, data, "Median of each annotation, by modality", "bar: quartiles; white dot: median")
    return fig


def _levels(column: pd.Series) -> list[str]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [level for level in column.cat.categories if (column == level).any()]
    return sorted(column.dropna().unique())


def _violins(ax: Axes, groups: dict[str, Floats]) -> None:
    """Distribution, points, quartile bar and median of each group."""
    colour = colours(list(groups))
    jitter = np.random.default_rng(0)
    for place, (level, values) in enumerate(groups.items()):
        if not len(values):
            continue
        shade: dict[str, Any] = ax.violinplot(
            values, [place], widths=0.86, showextrema=False, points=200
        )
        for body in shade["bodies"]:
            body.set(facecolor=colour[level], alpha=0.28, edgecolor="none")
        points_of(ax, place + jitter.uniform(-0.16, 0.16, len(values)), values, colour[level])
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
        ax.vlines(place, low, high, color=INK, linewidth=4)
        ax.plot(
            place, median, "o", color="white", markersize=4.5, markeredgecolor=INK, gid="median"
        )
        _number(ax, place, median, 7)
    ticks = [f"{words(level)}\nn = {len(values)}" for level, values in groups.items()]
    ax.set_xticks(range(len(groups)), ticks)
    ax.tick_params(axis="x", length=0)
    ax.grid(axis="y")


def points_of(ax: Axes, x: Floats, y: Floats, colour: str) -> None:
    """Single values, as long as there are not too many to tell apart."""
    if len(x) <= _MOST_POINTS:
        ax.plot(
            x,
            y,
            ".",
            color=colour,
            markersize=3 if len(x) > 200 else 5,
            alpha=0.5,
            rasterized=True,
            markeredgewidth=0,
            gid="points",
        )


def limits_of(frame: pd.DataFrame, name: str) -> tuple[float, float]:
    """Ends of an axis: those of the scale, or of the values where no scale is known."""
    values = frame[name].dropna().to_numpy(dtype=float)
    default = (values.min(), values.max()) if len(values) else (-1.0, 1.0)
    if name not in frame.attrs.get("scales", {}) and len(values) and np.abs(values).max() <= 1:
        default = (-1.0, 1.0)
    low, high = frame.attrs.get("scales", {}).get(name, default)
    margin = 0.025 * ((high - low) or 1.0)
    return float(low - margin), float(high + margin)


def _test_text(test: pd.DataFrame, dimension: str) -> str:
    columns = [
        "dimension",
        "factor",
        "statistic",
        "statistic_name",
        "df",
        "df_denom",
        "p_value",
        "dependence",
    ]
    require(test, "kruskal_modality", *columns)
    other = test[(test["factor"] != "modality") | ~test["statistic_name"].isin(_STATISTICS)]
    if len(other):
        raise DataError(
            "not a test of modality",
            file="test",
            found=f"{other['statistic_name'].iloc[0]} of {other['factor'].iloc[0]}",
            expected="the frame of kruskal_modality",
        )
    rows = test[test["dimension"] == dimension].sort_values("dependence", ascending=False)
    if len(rows) == 0 or np.isnan(rows["statistic"].iloc[0]):
        return "not tested"
    row = rows.iloc[0]
    name = _STATISTICS[row["statistic_name"]]
    degrees = [float(row[column]) for column in ("df", "df_denom")]
    said = test_text(row["statistic_name"], float(row["statistic"]), *degrees)
    return f"{name}, {said}, {p_phrase(row['p_value'])}"


@styled
def plot_modality_correlations(
    frame: pd.DataFrame, *, width: Width | None = None, ax: Axes | None = None
) -> Figure:
    """Draw how alike the trajectories of two modalities are, item by item.

    Parameters
    ----------
    frame : DataFrame
        Result of ``modality_correlations(data, level="item")``.

    Returns
    -------
    Figure
        One panel per dimension; per pair of modalities the correlations of the items, their
        distribution and quartiles, and the mean as a diamond with its value.

    Raises
    ------
    DataError
        When the frame has no row per item.

    See Also
    --------
    modality_correlations : The values that are drawn.

    Examples
    --------
    >>> from muvistats import modality_correlations, plot_modality_correlations, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> figure = plot_modality_correlations(modality_correlations(study, level="item"))
    >>> [ax.get_title("left") for ax in figure.axes]
    ['Arousal', 'Valence']
    """
    require(
        frame,
        "modality_correlations(level='item')",
        "dimension",
        "modality1",
        "modality2",
        "item",
        "estimate",
    )
    frame = frame[frame["item"].notna() & (frame["item"] != "all")]
    names = list(dict.fromkeys(frame["dimension"]))
    pairs = list(dict.fromkeys(zip(frame["modality1"], frame["modality2"], strict=True)))
    if not names:
        raise DataError("no row per item", expected="modality_correlations(data, level='item')")
    wide = 0.8 + (0.6 + 1.15 * len(pairs)) * len(names)
    fig, grid = panels(1, len(names), wide, 3.5, least=2.6, sharey=True)
    axes = grid[0]
    jitter = np.random.default_rng(0)
    for ax, name in zip(axes, names, strict=True):
        part = frame[frame["dimension"] == name]
        for place, pair in enumerate(pairs):
            of_pair = (part["modality1"] == pair[0]) & (part["modality2"] == pair[1])
            values = part.loc[of_pair, "estimate"].dropna().to_numpy()
            _spread(ax, place, values, jitter, room=_pitch(ax, len(pairs)))
        ax.axhline(0, color=GREY, linewidth=0.6, zorder=0)
        ax.set_title(words(name))
        ax.set_xticks(range(len(pairs)), [f"{words(a)} and\n{words(b).lower()}" for a, b in pairs])
        ax.set_xlim(-0.6, len(pairs) - 0.4)
        ax.tick_params(axis="x", length=0)
        ax.grid(axis="y")
        ax.set_ylabel("correlation over time")
    axes[0].set_ylim(-1.05, 1.05)
    items = frame["item"].nunique()
    note = f"a dot is one of {items} items; box: quartiles; diamond: mean"
    header(fig, frame, "Correlation between modalities", note)
    return fig


def _pitch(ax: Axes, count: int) -> float:
    """Inches from column to column, before names take some of them."""
    return float(ax.get_window_extent().width) / float(root_of(ax).dpi) / count


def _spread(
    ax: Axes, place: int, values: Floats, jitter: np.random.Generator, *, room: float
) -> None:
    """Points, box and mean of one pair."""
    if not len(values):
        look: dict[str, Any] = {"color": GREY, "rotation": 90, "ha": "center", "va": "bottom"}
        ax.text(place, 0.05, "not defined", **look)
        return
    x = place + jitter.uniform(-0.22, 0.22, len(values))
    ax.plot(x, values, "o", color=_PAIR, markersize=3.2, alpha=0.55, markeredgewidth=0)
    ax.boxplot(
        values,
        positions=[place],
        widths=0.62,
        showfliers=False,
        manage_ticks=False,
        medianprops={"color": INK, "linewidth": 1.6},
        boxprops={"color": GREY},
        whiskerprops={"color": GREY},
        capprops={"color": GREY},
    )
    ax.plot(place, values.mean(), "D", color=INK, markersize=5, gid="mean")
    if room > _NUMBER:
        _number(ax, place, values.mean(), 8)


def _number(ax: Axes, place: int, value: float, points: int) -> None:
    """A value in figures, so many points to the right of its mark."""
    ax.annotate(
        fixed(value, 2),
        (place, value),
        xytext=(points, 0),
        textcoords="offset points",
        va="center",
        fontweight="bold",
        bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "alpha": 0.75, "lw": 0},
    )

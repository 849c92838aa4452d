"""Figures of simulated tests: false-alarm rates, and power for planning."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..arguments import check_choice
from ..errors import DataError
from ..results.words import fixed
from .layout import header, key, panels, several
from .paper import GREY, INK, Width, size
from .style import PALE, colours, markers, require, styled, words

_DEPENDENCE = ("independent", "design", "clusters")
_WAYS = ("rows taken as independent", "rows that respect the design")
_LINE = 0.2  # inches per test
_TICKS = (0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)

#: Columns of `power_study` that a figure can have on its horizontal axis.
_SIZES = {
    "n_participants": "Participants",
    "n_items": "Items",
    "raters_per_cell": "Raters per item and modality",
    "effect_multiplier": "Effect, as a multiple",
    "participant_hours": "Hours of all participants",
}
_PANEL = ("test", "dimension", "label", "group", "group1", "group2")
_DASHES = ("-", "--", ":", "-.")


@styled
def plot_calibration(
    frame: pd.DataFrame,
    *,
    style: Literal["dots", "heatmap"] = "dots",
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw how often each test rejects where there is nothing to find.

    Parameters
    ----------
    frame : DataFrame
        Result of `calibration`, or `calibration_table()`.
    style : {"dots", "heatmap"}
        Dots with intervals, or one coloured number per scenario and test: for many scenarios, as
        in ``calibration_table("grid")``.

    Returns
    -------
    Figure
        Dots: one panel per scenario and one line per test and dimension. Dots are the rows of a
        test (several where it has one per label or pair), bars the intervals that hold for all
        rows at once. The scale is that of the square root, so that small rates can be told apart.

        Heatmap: percent of the studies in which a test rejects, at the level nearest 5% (of
        several rows the largest), tests that take rows as independent beside those that do not.
        Scenarios with an effect are left out.

    Raises
    ------
    DataError
        When the frame is another one, or no row of it has a rate.

    See Also
    --------
    calibration : The values that are drawn.
    plot_power : How often an effect is found.

    Examples
    --------
    >>> from muvistats import calibration_table, plot_calibration
    >>> table = calibration_table()
    >>> figure = plot_calibration(table[table["scenario"] == "no_gender"])
    >>> figure.axes[0].get_title("left")
    'No gender'
    """
    columns = ("scenario", "test", "dimension", "dependence", "alpha", "estimate")
    require(frame, "calibration", *columns, "simultaneous_low", "simultaneous_high")
    rows = frame[frame["estimate"].notna()].copy()
    if len(rows) == 0:
        raise DataError("no row has a rate to draw", column="estimate")
    if check_choice("style", style, ("dots", "heatmap")) == "heatmap":
        return _heatmap(frame, rows)
    dimension = rows["dimension"].fillna("")
    several = dimension.groupby(rows["test"]).transform("nunique") > 1
    rows["line"] = rows["test"].where(~several, rows["test"] + ", " + dimension)
    scenarios = list(dict.fromkeys(rows["scenario"]))
    lines = [list(dict.fromkeys(rows.loc[rows["scenario"] == s, "line"])) for s in scenarios]
    height = _LINE * sum(map(len, lines)) + 0.55 * len(scenarios)
    heights = [max(len(names), 2) for names in lines]
    fig, grid = panels(len(scenarios), 1, 8.2, height, ratios=heights, sharex=True)
    axes = grid[:, 0]
    for ax, scenario, names in zip(axes, scenarios, lines, strict=True):
        _rates(ax, rows[rows["scenario"] == scenario], names)
        ax.set_title(words(scenario))
    axes[-1].set_xlabel("share of simulated studies in which the test rejects")
    place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.1}
    key(fig, axes[0], ncols=3, handletextpad=0.1, **place)
    alpha, n = float(rows["alpha"].iloc[0]), int(rows["n"].max()) if "n" in rows else 0
    note = f"line: {alpha:.0%}; {n:,} studies per scenario; bars hold for all rows at once"
    header(fig, frame, "Rejections where there is nothing to find", note)
    return fig


def _heatmap(frame: pd.DataFrame, rows: pd.DataFrame) -> Figure:
    """Percent of rejections, scenarios by tests, beside each other for the two ways."""
    if "null" in rows:
        rows = rows[rows["null"].astype(bool)]
    level = min(rows["alpha"], key=lambda alpha: abs(alpha - 0.05), default=0.05)
    rows = rows[rows["alpha"] == level]
    if len(rows) == 0:
        raise DataError("no row is of a scenario without an effect", column="null")
    alone = rows["dependence"].fillna("independent") == "independent"
    parts = [(title, part) for title, part in zip(_WAYS, (rows[alone], rows[~alone]), strict=True)
             if len(part)]  # fmt: skip
    scenarios = list(dict.fromkeys(rows["scenario"]))
    height = 1.5 + _LINE * len(scenarios)
    fig, grid = panels(1, len(parts), 4.2 + 2.6 * len(parts), height, least=3.2, sharey="row")
    for ax, (title, part) in zip(grid[0], parts, strict=True):
        rates = part.pivot_table(
            index="scenario", columns="test", values="estimate", aggfunc="max", sort=False
        ).reindex(scenarios)
        values = rates.to_numpy(dtype=float)
        # as far above the level as below it is as dark: 5% against 0 and against 10%
        ax.imshow(values, cmap="RdBu_r", vmin=-level, vmax=3 * level, aspect="auto")
        for (i, j), value in np.ndenumerate(values):
            if np.isfinite(value):
                shade = "w" if value > 2.4 * level else INK
                text = fixed(100 * value, 1 if value < 0.1 else 0)
                ax.text(j, i, text, ha="center", va="center", fontsize=size(6.5), color=shade)
        names = [words(name) for name in rates.columns]
        ax.set_xticks(range(len(names)), names, rotation=90)
        ax.set_yticks(range(len(scenarios)), [words(name) for name in scenarios])
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_title(title)
    note = f"percent of rejections at {level:.0%}"
    if "n" in rows:
        counts = dict.fromkeys(f"{int(n):,}" for n in (rows["n"].min(), rows["n"].max()))
        note += f"; {' to '.join(counts)} studies"
    header(fig, frame, "Rejections where there is nothing to find", note)
    return fig


def _rates(ax: Axes, rows: pd.DataFrame, lines: list[str]) -> None:
    """Rates of one scenario, each test on its line, the two ways to take rows side by side."""
    colour, marker = colours(_DEPENDENCE), markers(_DEPENDENCE)
    for name, shift in zip(_DEPENDENCE, (-0.17, 0.17, 0.0), strict=True):
        of_name = rows[rows["dependence"].fillna("independent") == name]
        if of_name.empty:
            continue
        y = np.array([lines.index(line) for line in of_name["line"]]) + shift
        low, high = of_name["simultaneous_low"], of_name["simultaneous_high"]
        ax.hlines(y, low, high, color=colour[name], linewidth=1, alpha=0.35)
        ax.plot(
            of_name["estimate"],
            y,
            marker[name],
            color=colour[name],
            markersize=3.6,
            alpha=0.8,
            markeredgewidth=0,
            clip_on=False,
            label=words(name),
            gid=name,
        )
    ax.axvline(float(rows["alpha"].iloc[0]), color=GREY, linewidth=0.9, zorder=0)
    ax.set_xscale("function", functions=(np.sqrt, np.square))
    ax.set_xlim(0, 1)
    ax.set_xticks(_TICKS, [f"{tick:.0%}" for tick in _TICKS])
    ax.set_yticks(range(len(lines)), lines)
    ax.set_ylim(len(lines) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=PALE)


@styled
def plot_power(
    frame: pd.DataFrame,
    *,
    x: str | None = None,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw power against the size of the study, or against what it costs.

    Parameters
    ----------
    frame : DataFrame
        Result of `power_study`.
    x : str, optional
        Column of the horizontal axis: ``"n_participants"``, ``"n_items"``,
        ``"raters_per_cell"``, ``"effect_multiplier"`` or ``"participant_hours"``. By default the
        first of these that varies.

    Returns
    -------
    Figure
        One panel per test and dimension (and label or pair); one line per way to take rows and
        per value of what else varies, with the interval of each point.

    Raises
    ------
    DataError
        When the frame is another one.
    DesignError
        When `x` is none of these columns.

    See Also
    --------
    power_study : The values that are drawn.
    plot_calibration : How often a test finds what is not there.

    Examples
    --------
    >>> from muvistats import plot_power, power_study
    >>> plan = power_study(
    ...     n_participants=(12, 24), n_items=9, n_sims=5, n_resamples=19, cache=False
    ... )
    >>> plot_power(plan).axes[0].get_xlabel()
    'Participants'
    """
    require(
        frame, "power_study", *_PANEL, "dependence", "estimate", "conf_low", "conf_high", *_SIZES
    )
    varies = [name for name in _SIZES if len(set(frame[name])) > 1]
    across = next(iter(varies), "n_participants") if x is None else check_choice("x", x, _SIZES)
    # hours follow from the sizes; along hours, participants go with them
    follows = "participant_hours" if across != "participant_hours" else "n_participants"
    free = frame.groupby(across)[varies].nunique().max() > 1  # raters may follow participants
    others = [name for name in varies if free[name] and name not in (across, follows)]
    known = frame.fillna(dict.fromkeys(_PANEL, ""))
    parts = list(known.groupby(list(_PANEL), sort=False))
    fig, axes = several(len(parts), 3, 3.3, 2.7, least=1.9, sharey=True)
    for ax, (name, rows) in zip(axes, parts, strict=True):
        _curves(ax, rows, across, others)
        ax.set_title(
            ", ".join(str(part) for part in name if part not in ("", "all")), fontsize=size(8.5)
        )
        ax.set_xlabel(_SIZES[across])
        ax.set_ylabel("share of studies that find it")
    axes[0].set_ylim(-0.02, 1.02)
    key(fig, axes[0], fontsize=7)
    alpha = float(frame["alpha"].iloc[0]) if "alpha" in frame else 0.05
    n = int(frame["n"].max()) if "n" in frame else 0
    header(fig, frame, "Power", f"tests at {alpha:.0%}; {n:,} simulated studies per point")
    return fig


def _curves(ax: Axes, rows: pd.DataFrame, across: str, others: list[str]) -> None:
    """One line per way to take rows and per combination of what else varies."""
    ways = ["dependence", "method"] if "method" in rows else ["dependence"]
    known = rows.fillna(dict.fromkeys(ways, "independent"))
    groups = [(list(key), group) for key, group in known.groupby([*ways, *others], sort=False)]
    names = list(dict.fromkeys(str(key[0]) for key, _ in groups))
    colour, marker = colours(names), markers(names)
    dashes: dict[tuple[object, ...], str] = {}
    for values, group in groups:
        name, combination = str(values[0]), tuple(values[len(ways) :])
        dash = dashes.setdefault(combination, _DASHES[len(dashes) % len(_DASHES)])
        said = [
            f"{other.removeprefix('n_').replace('_', ' ')} {value:g}"
            for other, value in zip(others, combination, strict=True)
        ]
        line = group.sort_values(across)
        low, high = line["estimate"] - line["conf_low"], line["conf_high"] - line["estimate"]
        ax.errorbar(
            line[across],
            line["estimate"],
            yerr=np.clip([low, high], 0, None),
            color=colour[name],
            marker=marker[name],
            markersize=3.5,
            linewidth=1.2,
            elinewidth=0.7,
            linestyle=dash,
            label=", ".join([words(name), *said]),
        )
    ax.axhline(0.8, color=GREY, linewidth=0.6, zorder=0)
    ax.grid(axis="y")

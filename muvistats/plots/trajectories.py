"""Figure of trajectories of groups, and of when they differ."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..arguments import check_probability
from ..errors import DataError
from .style import (
    GREY,
    INK,
    PALE,
    colours,
    header,
    interval_level,
    markers,
    new_figure,
    require,
    styled,
    words,
)

#: Steps from one marker to the next.
_APART = 12


@styled
def plot_over_time(frame: pd.DataFrame, *, alpha: float = 0.05) -> Figure:
    """Draw groups of trajectories, or their difference, with the times at which they differ.

    Parameters
    ----------
    frame : DataFrame
        Result of `over_time` at level group (the mean of each group) or time (the difference of
        two groups, or the share of variance between several).
    alpha : float
        Clusters with a p-value up to this are shaded.

    Returns
    -------
    Figure
        Lines with the band of their intervals, each step by itself; the clusters that are
        significant are shaded.

    Raises
    ------
    DataError
        When the frame has no steps of time.

    Notes
    -----
    The p-value is that of the whole cluster: where the shade begins and ends is no finding.

    Examples
    --------
    >>> from muvistats import over_time, plot_over_time, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> found = over_time(study, "arousal ~ modality", level="group", n_resamples=99)
    >>> len(plot_over_time(found).axes)
    1
    """
    columns = ("dimension", "factor", "group", "time", "end", "p_adjusted", "mean", "effect_size")
    require(frame, "over_time", *columns, "conf_low", "conf_high")
    alpha = check_probability("alpha", alpha)
    if frame["time"].isna().all():
        raise DataError(
            "a frame of clusters has no trajectories to draw",
            expected='over_time(..., level="group") or level="time"',
        )
    fig = new_figure(7.2, 2.9)
    ax = fig.subplots()
    dimension = words(frame["dimension"].iloc[0])
    if frame["group"].notna().any():
        names = list(dict.fromkeys(frame["group"].dropna()))
        for name in names:
            rows = frame[frame["group"] == name]
            _line(ax, rows, "mean", colours(names)[name], markers(names)[name], words(name))
        title = f"{dimension} by {words(frame['factor'].iloc[0]).lower()}"
        ax.set_ylabel(dimension)
    else:
        _line(ax, frame, "effect_size", INK, "", "")
        ax.axhline(0, color=GREY, linewidth=0.8, linestyle=(0, (3, 3)))
        pair = [words(name) for name in frame[["group1", "group2"]].iloc[0].dropna()]
        by = f"{pair[0]} less {pair[1].lower()}" if pair else words(frame["factor"].iloc[0])
        title = f"{dimension}: {by}"
        ax.set_ylabel(words(frame["effect_size_name"].iloc[0]))
    _shade(ax, frame.drop_duplicates("time"), alpha)
    ax.set_xlabel("time (s)")
    ax.margins(x=0.01)
    handles = ax.get_legend_handles_labels()[0]
    if ax.patches:
        handles.append(Patch(color=PALE, label=f"cluster with p up to {alpha:g}"))
    if handles:
        fig.legend(handles=handles, loc="outside lower center", ncols=4)
    note = f"bands: {interval_level(frame)} intervals of single steps; p is of a whole cluster"
    header(fig, frame, title, note)
    return fig


def _line(ax: Axes, rows: pd.DataFrame, column: str, colour: str, marker: str, label: str) -> None:
    """A trajectory with the band of its limits."""
    time = rows["time"].to_numpy()
    low, high = rows["conf_low"].to_numpy(dtype=float), rows["conf_high"].to_numpy(dtype=float)
    ax.fill_between(time, low, high, color=colour, alpha=0.18, linewidth=0)
    ax.plot(
        time,
        rows[column].to_numpy(dtype=float),
        color=colour,
        linewidth=1.6,
        marker=marker or None,
        markevery=_APART,
        markersize=4,
        label=label or None,
        gid=label or column,
    )


def _shade(ax: Axes, steps: pd.DataFrame, alpha: float) -> None:
    """Shade the steps of clusters that are significant."""
    signs = np.sign(steps["mass"].fillna(0.0).to_numpy(dtype=float))
    signs[~(steps["p_adjusted"] <= alpha).to_numpy()] = 0
    start, end = steps["time"].to_numpy(), steps["end"].to_numpy()
    for sign, places in groupby(range(len(steps)), key=lambda place: signs[place]):
        inside = list(places)
        if sign:
            span = (start[inside[0]], end[inside[-1]])
            ax.axvspan(*span, color=PALE, alpha=0.6, zorder=0, gid="cluster")

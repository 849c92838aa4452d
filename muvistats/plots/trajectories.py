"""Figure of trajectories of groups, and of when they differ."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy import stats

from ..arguments import check_probability
from ..dataset.gate import takes_study
from ..errors import DataError
from ..stats.agreement.concordance import dynamic_dimensions
from ..stats.shared.study import groups_of, offered, to_frame
from ..types import Names
from .layout import header, legend, panel, panels
from .paper import GREY, INK, Width
from .style import PALE, colours, interval_level, markers, require, styled, words

#: Steps from one marker to the next.
_APART = 12


@styled
def plot_over_time(
    frame: pd.DataFrame,
    *,
    alpha: float = 0.05,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw groups of trajectories, or their difference, with the times at which they differ.

    Parameters
    ----------
    frame : DataFrame
        Result of `over_time` at level group (the mean of each group) or time (the difference of
        two groups, or the share of variance between several); frames of several dimensions one
        below the other have a panel each.
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

    See Also
    --------
    over_time : The values that are drawn.
    plot_mean_trajectories : Means by any factor, without a test.

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
    dimensions = list(dict.fromkeys(frame["dimension"]))
    fig, grid = panels(len(dimensions), 1, 7.2, 0.6 + 2.3 * len(dimensions), sharex=True)
    axes = list(grid[:, 0])
    by = words(frame["factor"].iloc[0])
    pair = [words(name) for name in frame[["group1", "group2"]].iloc[0].dropna()]
    if frame["group"].notna().any():
        by = f" by {by.lower()}"
    else:
        by = f": {f'{pair[0]} less {pair[1].lower()}' if pair else by}"
    for each, dimension in zip(axes, dimensions, strict=True):
        rows = frame[frame["dimension"] == dimension]
        _course(each, rows, words(dimension))
        _shade(each, rows.drop_duplicates("time"), alpha)
        each.margins(x=0.01)
    axes[-1].set_xlabel("time (s)")
    handles = axes[0].get_legend_handles_labels()[0]
    if any(each.patches for each in axes):
        handles.append(Patch(color=PALE, label=f"cluster with p up to {alpha:g}"))
    legend(fig, handles)
    note = f"bands: {interval_level(frame)} intervals of single steps; p is of a whole cluster"
    fig.align_ylabels(axes)
    shown = [words(dimensions[0]), *(words(name).lower() for name in dimensions[1:])]
    header(fig, frame, f"{' and '.join(shown)}{by}", note)
    return fig


def _course(ax: Axes, rows: pd.DataFrame, dimension: str) -> None:
    """Means of the groups of a dimension, or their difference."""
    if rows["group"].notna().any():
        names = list(dict.fromkeys(rows["group"].dropna()))
        for name in names:
            own = rows[rows["group"] == name]
            _line(ax, own, "mean", colours(names)[name], markers(names)[name], words(name))
        ax.set_ylabel(dimension)
    else:
        _line(ax, rows, "effect_size", INK, "", "")
        ax.axhline(0, color=GREY, linewidth=0.8, linestyle=(0, (3, 3)))
        ax.set_ylabel(words(rows["effect_size_name"].iloc[0]))


@styled
@takes_study
def plot_mean_trajectories(
    data: xr.DataTree,
    *,
    by: str = "modality",
    dimension: Names | None = None,
    conf_level: float = 0.95,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the mean trajectory of each modality, or each group of another factor, with its band.

    Parameters
    ----------
    by : str
        Factor, or a condition such as ``years_of_training > 3``.
    dimension : str or sequence of str, optional
        Dynamic dimensions; all of them where not given.

    Returns
    -------
    Figure
        One panel per dimension: the mean over items of the mean over their raters, with the
        t interval over items at each time by itself.

    Raises
    ------
    DataError
        When the study has no dynamic dimension, or no group has a value.

    Notes
    -----
    Each item counts alike, however many rated it; excluded annotations are left out. The bands
    take the raters of an item as given, and hold each time by itself, so that they test nothing:
    `over_time` does.

    See Also
    --------
    over_time : when groups of trajectories differ.
    plot_over_time : its result, with intervals for items and raters.
    plot_trajectories : trajectories that a model estimates.

    Examples
    --------
    >>> from muvistats import plot_mean_trajectories, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> figure = plot_mean_trajectories(study, dimension="arousal")
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['Music', 'Visual', 'Audiovisual']
    """
    names = dynamic_dimensions(data, dimension)
    frame = offered(to_frame(data), by)
    parts = {name: groups_of(frame, name, by) for name in names}
    empty = [name for name, groups in parts.items() if not groups.levels]
    if empty:
        raise DataError("no group has a value", column=empty[0], found=by)
    fig, grid = panels(len(names), 1, 7.2, 0.6 + 2.3 * len(names), sharex=True)
    for each, (name, groups) in zip(grid[:, 0], parts.items(), strict=True):
        rows = frame.index[groups.use].to_numpy()
        for place, level in enumerate(groups.levels):
            course = _mean_course(data, name, rows[groups.codes == place], conf_level)
            look = colours(groups.levels)[level], markers(groups.levels)[level]
            _line(each, course, "mean", *look, words(level))
        each.set(xlabel="time (s)", ylabel=words(name))
        each.margins(x=0.01)
    legend(fig)
    note = f"bands: {conf_level:.0%} intervals over items, of single times"
    shown = [words(names[0]), *(words(name).lower() for name in names[1:])]
    header(fig, data, f"Mean {' and '.join(shown).lower()} by {words(by).lower()}", note)
    return fig


def _mean_course(
    data: xr.DataTree, name: str, rows: npt.NDArray[Any], conf_level: float
) -> pd.DataFrame:
    """Mean over items of the means of their raters at each time, with its t interval."""
    annotations = data["annotations"].to_dataset().isel(annotation=rows)
    values = pd.DataFrame(annotations[name].to_numpy(), columns=annotations["time"].to_numpy())
    items = values.groupby(annotations["item"].to_numpy()).mean()
    mean, count = items.mean(), items.count()
    reach = stats.t.isf((1 - conf_level) / 2, np.maximum(count - 1, 1)) * items.std()
    reach = (reach / np.sqrt(count)).where(count > 1)
    course = pd.DataFrame({"mean": mean, "conf_low": mean - reach, "conf_high": mean + reach})
    return course.rename_axis("time").reset_index()


@styled
def plot_trajectories(
    frame: pd.DataFrame, *, width: Width | None = None, ax: Axes | None = None
) -> Figure:
    """Draw trajectories that a model estimates, or their difference, with their bands.

    Parameters
    ----------
    frame : DataFrame
        Result of `trajectories()` of a fitted model.

    Returns
    -------
    Figure
        A line for each group. The dark band is the interval at each time by itself; the pale one
        holds all lines of the figure at all times. The horizontal axis is the `variable` of the
        frame, time in seconds by default.

    Raises
    ------
    DataError
        When the frame is not one of `trajectories()`.

    See Also
    --------
    plot_over_time : means and clusters of tests that fit no curve.

    Examples
    --------
    >>> from muvistats import mixed_model, plot_trajectories, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> formula = "arousal ~ modality * cr(time, df=3) + (1 | participant) + (1 | item)"
    >>> fit = mixed_model(study, formula, correlation="ar1", rho=0.9)
    >>> figure = plot_trajectories(fit.trajectories("modality", n_resamples=999))
    >>> len(figure.axes[0].lines)
    3
    """
    columns = ("factor", "group", "group1", "group2", "time", "estimate", "conf_low", "conf_high")
    require(frame, "trajectories", *columns, "band_low", "band_high")
    fig, ax = panel(7.2, 2.9)
    by = words(frame["factor"].iloc[0]).lower() if frame["factor"].iloc[0] else ""
    if frame["group"].notna().any():
        names = list(dict.fromkeys(frame["group"].dropna()))
        for name in names:
            rows, look = frame[frame["group"] == name], (colours(names)[name], markers(names)[name])
            _band(ax, rows, look[0])
            _line(ax, rows, "estimate", *look, words(name))
        title = f"Estimated trajectories{' by ' if by else ''}{by}"
        legend(fig)
    else:
        _band(ax, frame, INK)
        _line(ax, frame, "estimate", INK, "", "")
        ax.axhline(0, color=GREY, linewidth=0.8, linestyle=(0, (3, 3)))
        first, second = (words(frame[name].iloc[0]) for name in ("group1", "group2"))
        title = f"Estimated trajectories: {first} less {second.lower()}"
    of = frame.get("variable", pd.Series("time", frame.index)).iloc[0]
    ax.set(xlabel="time (s)" if of == "time" else words(of), ylabel="estimate")
    ax.margins(x=0.01)
    level = interval_level(frame)
    note = f"dark: {level} interval of single times; pale: {level} band of all lines together"
    if frame["estimate"].isna().any():
        note += "; where there is no line, the rows do not tell"
    header(fig, frame, title, note)
    return fig


def _band(ax: Axes, rows: pd.DataFrame, colour: str) -> None:
    """The band of whole trajectories, below everything else."""
    low, high = rows["band_low"].to_numpy(dtype=float), rows["band_high"].to_numpy(dtype=float)
    time = rows["time"].to_numpy()
    ax.fill_between(time, low, high, color=colour, alpha=0.12, linewidth=0, gid="band")


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

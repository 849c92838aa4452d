"""Figure of distributions: cloud, box and rain of each group."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..dataset.gate import takes_study
from ..errors import DataError
from ..results.words import fixed
from ..stats.shared.study import Groups, choose_dimensions, groups_of, offered, to_frame
from ..types import Names
from .layout import header, panels
from .modalities import limits_of, points_of
from .paper import GREY, INK, Width, size
from .style import colours, name_rows, styled, words


@styled
@takes_study
def plot_raincloud(
    data: xr.DataTree | pd.DataFrame,
    *,
    by: str = "modality",
    dimension: Names | None = None,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the distribution of ratings in the groups of any factor as rainclouds.

    Parameters
    ----------
    by : str
        Factor, or a condition such as ``years_of_training > 3``.
    dimension : str or sequence of str, optional
        Rated dimensions, or other numeric columns of a frame; all rated ones where not given.

    Returns
    -------
    Figure
        One panel per dimension and one row per group: the density of its values, a box from the
        first to the third quartile with the median in figures, and the values, one per
        annotation.

    Raises
    ------
    DataError
        When no group has a value.

    Notes
    -----
    Values of a dynamic dimension are the medians of the annotations. Densities have the same
    highest point, whatever the sizes of the groups, which stand beside the names.

    See Also
    --------
    plot_modality_medians : the same by modality, with the tests of the paper.
    kruskal : whether the groups differ.

    References
    ----------
    Allen, M., Poggiali, D., Whitaker, K., Marshall, T. R., van Langen, J., & Kievit, R. A. (2021).
    Raincloud plots: a multi-platform tool for robust data visualization. Wellcome Open Research,
    4, 63. https://doi.org/10.12688/wellcomeopenres.15191.2

    Examples
    --------
    >>> from muvistats import plot_raincloud, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> figure = plot_raincloud(study, by="gender", dimension="arousal")
    >>> [tick.get_text().split()[0] for tick in figure.axes[0].get_yticklabels()]
    ['Female', 'Male']
    """
    frame = offered(to_frame(data), by)
    given = [dimension] if isinstance(dimension, str) else list(dimension or ())
    of_frame = isinstance(data, pd.DataFrame) and given and set(given) <= set(frame.columns)
    names = given if of_frame else choose_dimensions(data, dimension)
    parts = {name: groups_of(frame, name, by) for name in names}
    most = max(len(part.levels) for part in parts.values())
    if not most:
        raise DataError("no group has a value", column=names[0], found=by)
    wide, high = 0.9 + 3.6 * len(names), 0.7 + 0.85 * most
    fig, grid = panels(1, len(names), wide, high, least=2.6)
    for ax, (name, part) in zip(grid[0], parts.items(), strict=True):
        _clouds(ax, part)
        ax.set_xlabel(words(name))
        ax.set_xlim(*limits_of(frame, name))
        ax.grid(axis="x")
    note = "a dot is an annotation; box: quartiles and median"
    shown = [words(names[0]), *(words(name).lower() for name in names[1:])]
    header(fig, data, f"{' and '.join(shown)} by {words(by).lower()}", note)
    return fig


def _clouds(ax: Axes, groups: Groups) -> None:
    """Density above, box on and values below the line of each group."""
    jitter = np.random.default_rng(0)
    for place, shade in enumerate(colours(groups.levels).values()):
        values = groups.of(place)
        if len(values) > 1 and values.min() < values.max():
            cloud: dict[str, Any] = ax.violinplot(
                values,
                [place - 0.1],
                widths=0.8,
                orientation="horizontal",
                side="low",
                showextrema=False,
            )
            for body in cloud["bodies"]:
                body.set(facecolor=shade, alpha=0.4, edgecolor="none", gid="cloud")
        y = place + jitter.uniform(0.12, 0.36, len(values))
        points_of(ax, values, y, shade)
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
        ax.hlines(place, low, high, color=INK, linewidth=4)
        ax.plot(
            median, place, "o", color="white", markersize=4.5, markeredgecolor=INK, gid="median"
        )
        ax.annotate(
            fixed(median, 2),
            (median, place),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=size(8),
            fontweight="bold",
            bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "alpha": 0.75, "lw": 0},
        )
        ax.axhline(place + 0.48, color=GREY, linewidth=0.3)
    sizes = np.bincount(groups.codes, minlength=len(groups.levels))
    name_rows(ax, [f"{words(g)}\nn = {n}" for g, n in zip(groups.levels, sizes, strict=True)])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)

"""Figures of the agreement between raters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..dataset.access import need_study, select
from ..dataset.gate import scale_of, takes_study
from ..errors import DataError
from ..results.words import fixed
from ..stats.agreement.concordance import interrater_ccc
from ..stats.agreement.gold import ewe
from ..types import Names
from .layout import header, legend, panels
from .paper import GREY, INK, Width, size
from .style import (
    PALE,
    colours,
    interval_level,
    markers,
    name_rows,
    require,
    spread_panels,
    styled,
    words,
)

#: More raters than this are drawn in grey: nobody can tell so many colours apart.
_MOST_COLOURS = 9

# Okabe and Ito's palette without its yellow, and three more that keep apart from it.
_RATERS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#7F6A3F",
    "#6A51A3",
    "#3B8B8B",
)


@styled
@takes_study
def plot_agreement_trajectory(
    data: xr.DataTree,
    *,
    item: str,
    dimension: Names | None = None,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the raters of an item, their weighted estimator and its spread (the paper's Figure 8).

    Parameters
    ----------
    data : DataTree
        The study, with a dynamic dimension.
    item : str
        The item.
    dimension : str, optional
        Rated dimension; all dynamic ones, below each other, where not given.

    Returns
    -------
    Figure
        One panel per modality: raters as thin lines (dotted with weight 0), the estimator bold,
        the band one standard deviation across raters to either side. Above it the number of
        raters and the mean concordance of a rater with the others. Excluded annotations are left
        out.

    Raises
    ------
    DataError
        When the study has no such item or no dynamic dimension.

    See Also
    --------
    ewe : The weighted estimator that is drawn.
    plot_mean_trajectories : Means of groups of annotations.

    Examples
    --------
    >>> from muvistats import plot_agreement_trajectory, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> item = study["items/item"].values[0]
    >>> figure = plot_agreement_trajectory(study, item=item, dimension="arousal")
    >>> len(figure.axes)
    3
    """
    need_study(data)
    title = f"Raters of {item} and their weighted estimator"
    return draw_raters(data, str(item), dimension, title)[0]


def draw_raters(
    data: xr.DataTree,
    item: str,
    dimension: Names | None,
    title: str,
    more: Sequence[Line2D] = (),
) -> tuple[Figure, npt.NDArray[Any]]:
    """Figure and panels (dimension, modality) of the raters of an item; `more` joins the legend."""
    part = select(data, item=item)
    estimator = ewe(part, dimension=dimension)
    concordance = interrater_ccc(part, level="annotation", dimension=dimension)
    names = [str(name) for name in estimator["dimension"].to_numpy()]
    modalities = [str(name) for name in estimator["modality"].to_numpy()]
    wide, high = 0.7 + 2.7 * len(modalities), 0.5 + 2.2 * len(names)
    wide = max(wide, 1.5 + 0.096 * len(title)) if more else wide
    shape = (len(names), len(modalities))
    fig, axes = panels(*shape, wide, high, least=1.8, sharex=True, sharey="row")
    for row, name in zip(axes, names, strict=True):
        for ax, modality in zip(row, modalities, strict=True):
            cell = {"dimension": name, "modality": modality}
            _cell(ax, part, estimator.sel(cell).isel(item=0), name)
            of_cell = (concordance["dimension"] == name) & (concordance["modality"] == modality)
            _raters(ax, concordance.loc[of_cell])
            ax.set_title(words(modality))
            ax.set(xlabel="time (s)", ylabel=words(name))
    spread_panels(fig)
    legend(fig, [*_handles(axes), *more], ncols=9)
    note = "CCC: mean concordance of a rater with the estimator of the others"
    header(fig, data, title, note)
    return fig, axes


def _cell(ax: Axes, data: xr.DataTree, cell: xr.Dataset, name: str) -> None:
    """Raters, estimator and band of one item and modality."""
    annotations = data["annotations"].to_dataset()
    time = cell["time"].to_numpy()
    mine = annotations["modality"].to_numpy() == str(cell["modality"].item())
    rows = np.flatnonzero(mine & annotations["keep_dynamic"].to_numpy())
    values, weight = annotations[name].to_numpy()[rows], cell["weight"].to_numpy()[rows]
    drawn = zip(values, weight, strict=True)
    for number, (series, w) in enumerate(drawn):
        few = len(rows) <= _MOST_COLOURS
        ax.plot(
            time,
            series,
            color=_RATERS[number] if few else GREY,
            linewidth=0.9 if few else 0.6,
            alpha=0.8 if few else 0.45,
            linestyle="-" if w > 0 else ":",
            gid="rater",
        )
    gold, sd = cell["gold_standard"].to_numpy(), cell["sd"].to_numpy()
    lowest, highest = scale_of(annotations[name])
    low, high = np.maximum(gold - sd, lowest), np.minimum(gold + sd, highest)
    ax.fill_between(time, low, high, color=PALE, alpha=0.75, linewidth=0, zorder=0, gid="band")
    ax.plot(time, gold, color="white", linewidth=4.2, zorder=5)
    ax.plot(time, gold, color=INK, linewidth=2.2, zorder=6, gid="estimator")
    ax.axhline((lowest + highest) / 2, color=GREY, linewidth=0.6, zorder=0.5)
    margin = 0.025 * (highest - lowest)
    ax.set_ylim(lowest - margin, highest + margin)
    ax.set_xlim(time[0], time[-1])


def _raters(ax: Axes, rows: pd.DataFrame) -> None:
    """How many raters, and how they agree, above the panel."""
    raters = int(rows["n"].max()) if len(rows) else 0
    text = f"{raters} rater{'s' if raters != 1 else ''}"
    mean = rows["ccc"].mean()
    if np.isfinite(mean):
        text += f", CCC {fixed(mean, 2)}"
    ax.set_title(text, loc="right", fontsize=size(8.5), fontweight="normal", color=GREY)


def _handles(axes: npt.NDArray[Any]) -> list[Line2D | Patch]:
    """What the lines are, as far as there are any of a kind."""
    raters = [line for ax in axes.flat for line in ax.lines if line.get_gid() == "rater"]
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=INK, linewidth=2.2, label="weighted estimator"),
        Patch(color=PALE, alpha=0.75, label="\u00b1 1 sd across raters"),
    ]
    kinds: tuple[tuple[Literal["-", ":"], str], ...] = (("-", "a rater"), (":", "weight 0"))
    for style, label in kinds:
        lines = [line for line in raters if line.get_linestyle() == style]
        if lines:
            shade = lines[0].get_color()
            handles.append(Line2D([], [], color=shade, linestyle=style, linewidth=1, label=label))
    return handles


@styled
def plot_interrater_ccc(
    frame: pd.DataFrame,
    *,
    printed: pd.DataFrame | None = None,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the mean concordance of raters by modality (the paper's Table 5).

    Parameters
    ----------
    frame : DataFrame
        Result of ``interrater_ccc(data, level="modality")``.
    printed : DataFrame, optional
        Values to set beside them: ``published("interrater_ccc")``.

    Returns
    -------
    Figure
        One panel per dimension: mean concordance with its interval, the number beside it, and the
        printed value as an open diamond.

    Raises
    ------
    DataError
        When the frame is not one of `interrater_ccc` at level modality.

    See Also
    --------
    interrater_ccc : The values that are drawn.
    plot_rater_concordance : Each rater with each other rater.

    Examples
    --------
    >>> from muvistats import interrater_ccc, plot_interrater_ccc, published, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> frame = interrater_ccc(study, level="modality", n_resamples=50)
    >>> figure = plot_interrater_ccc(frame, printed=published("interrater_ccc"))
    >>> [ax.get_title("left") for ax in figure.axes]
    ['Arousal', 'Valence']
    """
    columns = ("dimension", "modality", "ccc", "conf_low", "conf_high", "n")
    require(frame, "interrater_ccc(level='modality')", *columns)
    if frame.duplicated(["dimension", "modality"]).any():
        raise DataError(
            "several rows of a modality", expected="interrater_ccc(data, level='modality')"
        )
    if printed is not None:
        require(printed, "published", "dimension", "modality", "quantity", "published")
    names = list(dict.fromkeys(frame["dimension"]))
    modalities = [name for name in dict.fromkeys(frame["modality"]) if name != "all"]
    rows = [*modalities, *({"all"} & set(frame["modality"]))]
    wide, high = 1.3 + 2.9 * len(names), 0.7 + 0.48 * len(rows)
    fig, grid = panels(1, len(names), wide, high, least=1.4, sharex=True, sharey=True)
    axes = grid[0]
    for ax, name in zip(axes, names, strict=True):
        part = frame[frame["dimension"] == name].set_index("modality")
        _means(ax, part, rows)
        if printed is not None:
            _printed(ax, printed[printed["dimension"] == name], rows)
        ax.set_title(words(name))
        ax.set_xlabel("concordance (CCC)")
    name_rows(axes[0], [words(row) for row in rows])
    spread_panels(fig)
    note = f"mean over annotations with its {interval_level(frame)} interval"
    header(
        fig,
        frame,
        "Agreement of each rater with the others",
        note + ("; open diamond: the paper" if printed is not None else ""),
    )
    return fig


def _means(ax: Axes, part: pd.DataFrame, rows: list[str]) -> None:
    shades, shapes = colours(rows[:-1]), markers(rows[:-1])
    for place, row in enumerate(rows):
        values = part.loc[part.index == row, ["ccc", "conf_low", "conf_high"]]
        if values["ccc"].isna().all():
            ax.text(0.02, place, "not defined", color=GREY, va="center")
            continue
        mean, low, high = values.to_numpy(dtype=float)[0]
        shade = shades.get(row, INK)
        ax.hlines(place, low, high, color=shade, linewidth=2.4, gid="interval")
        ax.plot(mean, place, shapes.get(row, "o"), color=shade, markersize=7, gid="mean")
        ax.annotate(
            fixed(mean, 2),
            (mean, place),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontweight="bold",
        )
    ax.axvline(0, color=GREY, linewidth=0.6, zorder=0)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")


def _printed(ax: Axes, table: pd.DataFrame, rows: list[str]) -> None:
    values = table[table["quantity"] == "ccc"].set_index("modality")["published"]
    for place, row in enumerate(rows):
        if row in values.index:
            ax.plot(
                values[row],
                place + 0.27,
                "D",
                markerfacecolor="white",
                markeredgecolor=INK,
                markersize=5,
                gid="printed",
            )

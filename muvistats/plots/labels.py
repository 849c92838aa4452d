"""Figures of the emotion labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..arguments import check_text
from ..errors import DataError
from .layout import colour_bar, header, key, panel, panels, x_name
from .matrix import heat_map, matrix_panel
from .paper import GREY, INK, Width, size
from .style import (
    DIVERGING,
    PALE,
    colours,
    label_table,
    markers,
    name_rows,
    one_reading,
    require,
    separate_categories,
    spread_panels,
    styled,
    words,
)


@styled
def plot_label_correlations(
    frame: pd.DataFrame,
    *,
    scope: str = "total",
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the correlations between labels as a heat map (the paper's Figure 3).

    Parameters
    ----------
    frame : DataFrame
        Result of `label_correlations`, one row per pair.
    scope : str
        Which variation to draw, where the frame has several: total, within items or between
        items (a value of its column `scope`).

    Returns
    -------
    Figure
        Labels in the order of their taxonomy, lines between categories; pairs of at least 0.2
        in size carry their value, undefined ones are grey.

    Raises
    ------
    DataError
        When the frame is not one of `label_correlations`, mixes readings of the labels, or lacks
        the scope.

    See Also
    --------
    label_correlations : The values that are drawn.

    Examples
    --------
    >>> from muvistats import label_correlations, plot_label_correlations, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> figure = plot_label_correlations(label_correlations(study))
    >>> figure.axes[0].get_xlabel()
    ''
    """
    require(frame, "label_correlations", "label1", "label2", "estimate")
    frame = _one_row(one_reading(frame))
    note = ""
    if "scope" in frame:
        if check_text("scope", scope) not in set(frame["scope"]):
            raise DataError("no such scope in the frame", column="scope", found=scope)
        frame = frame[frame["scope"] == scope]
        note = {"total": ""}.get(scope, f"variation: {words(scope).lower()}")
    table = label_table(frame, [*frame["label1"], *frame["label2"]])
    place = {label: i for i, label in enumerate(table["label"])}
    matrix = np.full((len(table), len(table)), np.nan)
    rows, columns = frame["label1"].map(place), frame["label2"].map(place)
    matrix[rows, columns] = matrix[columns, rows] = frame["estimate"]
    np.fill_diagonal(matrix, np.nan)
    fig, ax = matrix_panel(len(table))
    limit = max(0.1, float(np.nanmax(np.abs(matrix), initial=0.0)))
    image = heat_map(
        ax,
        matrix,
        table["text"].tolist(),
        drawn=np.tri(len(table), k=-1, dtype=bool),
        cmap=DIVERGING,
        limits=(-limit, limit),
        least=0.2,
    )
    _category_staircase(ax, table["category"].to_list())
    colour_bar(fig, image, [ax], "Pearson's r", shrink=0.6, pad=0.01)
    pairs = f"{len(frame)} pairs of {len(table)} labels"
    header(
        fig,
        frame,
        "Correlations between labels",
        "; ".join(filter(None, (pairs, note))),
        labels=True,
    )
    return fig


def _category_staircase(ax: Axes, categories: list[str]) -> None:
    """Lines between categories in the lower triangle, and their names along the diagonal."""
    count = len(categories)
    starts = [i for i in range(count) if i == 0 or categories[i] != categories[i - 1]]
    if not any(categories):
        return
    for start, end in zip(starts, [*starts[1:], count], strict=True):
        if start:
            ax.plot([-0.5, start - 0.5], [start - 0.5] * 2, color=GREY, linewidth=0.6)
            ax.plot([start - 0.5] * 2, [start - 0.5, count - 0.5], color=GREY, linewidth=0.6)
        ax.plot([start - 0.5, end - 0.5], [start - 0.5] * 2, color=PALE, linewidth=0.6, zorder=0)
        ax.text(
            (start + end) / 2 + 0.4,
            (start + end - 1) / 2 - 0.2,
            words(categories[start]),
            ha="left",
            va="center",
            color=GREY,
            fontsize=size(8),
        )


@styled
def plot_label_deviations(
    frame: pd.DataFrame, *, width: Width | None = None, ax: Axes | None = None
) -> Figure:
    """Draw observed against expected label counts by group (the paper's Figures 4 to 6).

    Parameters
    ----------
    frame : DataFrame
        Result of `label_deviations` for one factor.

    Returns
    -------
    Figure
        One panel per group. Bars are observed counts, coloured by standardized residual; the
        dark tick is the count expected if the groups chose labels alike; a dot stands at labels
        with an adjusted p below 0.05, where the frame has one. With rows of both kinds, bars and
        ticks are those that take labels as independent, and the dot is full only where the row
        that respects the design has such a p too.

    Raises
    ------
    DataError
        When the frame is not one of `label_deviations`, or holds several factors or readings of
        the labels.

    See Also
    --------
    label_deviations : The values that are drawn.
    plot_label_frequencies : The counts themselves.

    Examples
    --------
    >>> from muvistats import label_deviations, plot_label_deviations, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> figure = plot_label_deviations(label_deviations(study, by="gender"))
    >>> len([ax for ax in figure.axes if ax.get_title("left")])
    2
    """
    needed = ("factor", "group", "label", "observed", "expected", "std_residual")
    require(frame, "label_deviations", *needed)
    frame = one_reading(frame).reset_index(drop=True)
    if len(set(frame["factor"])) > 1:
        raise DataError("the frame holds several factors; draw one at a time", column="factor")
    table = label_table(frame, frame["label"].to_list())
    groups = list(dict.fromkeys(frame["group"].dropna()))
    shown = _one_row(frame)
    design = frame.loc[frame.index.difference(shown.index)]
    limit = max(3.0, float(shown["std_residual"].abs().max(skipna=True)))
    scale = ScalarMappable(Normalize(-limit, limit), DIVERGING)

    high = max(0.6 + 0.21 * len(table), 2.1)
    fig, grid = panels(1, len(groups), 2.6 + 2.9 * len(groups), high, least=1.2, sharey=True)
    axes = grid[0]
    for ax, group in zip(axes, groups, strict=True):
        rows = shown[shown["group"] == group].set_index("label").reindex(table["label"])
        holds = design[design["group"] == group].set_index("label").reindex(table["label"])
        _deviation_panel(ax, rows, scale, holds if len(design) else None)
        ax.set_title(_group_title(str(frame["factor"].iloc[0]), group))
        separate_categories(ax, table["category"].to_list(), names=ax is axes[-1])
    name_rows(axes[0], table["text"].tolist())
    spread_panels(fig)
    x_name(fig, "labels chosen")
    colour_bar(fig, scale, axes, "standardized residual", shrink=0.5, pad=0.02)
    factor = {"familiar": "familiarity"}.get(str(frame["factor"].iloc[0]), frame["factor"].iloc[0])
    factor = words(factor)
    note = "bar: observed; tick: expected if groups chose alike"
    if "p_adjusted" in frame:
        note += "; dot: adjusted p < 0.05"
        note += ", full: by the design too" if len(design) else ""
    header(fig, frame, f"Labels by {factor[:1].lower()}{factor[1:]}", note, labels=True)
    return fig


#: Comparisons and what holds where they do not.
_OPPOSITE = {">=": "<", "<=": ">", "==": "\u2260", "!=": "=", ">": "\u2264", "<": "\u2265"}


def _group_title(factor: str, group: str) -> str:
    """Name of a group; the two levels of a condition are spelled out."""
    if group not in ("True", "False"):
        return words(group)
    if group == "True":
        return words(factor)
    for sign, opposite in _OPPOSITE.items():
        if factor.count(sign) == 1:
            return words(factor.replace(sign, opposite))
    return f"Not {words(factor)}"


def _one_row(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows that take labels as independent where there are any, otherwise all."""
    if "dependence" not in frame:
        return frame
    plain = frame[frame["dependence"] == "independent"]
    return plain if len(plain) else frame


def _deviation_panel(
    ax: Axes, rows: pd.DataFrame, scale: ScalarMappable, design: pd.DataFrame | None
) -> None:
    place = np.arange(len(rows))
    residual = rows["std_residual"].to_numpy(dtype=float)
    fill = [PALE if np.isnan(value) else scale.to_rgba(value) for value in residual]
    observed = rows["observed"].to_numpy(dtype=float)
    expected = rows["expected"].to_numpy(dtype=float)
    ax.barh(place, observed, height=0.72, color=fill, edgecolor=GREY, linewidth=0.5)
    ax.vlines(expected, place - 0.45, place + 0.45, color=INK, linewidth=1.6)
    right = np.nanmax(np.concatenate([observed, expected, [1.0]]))
    ax.set_xlim(0, 1.1 * right)
    if "p_adjusted" in rows:
        low = rows["p_adjusted"].to_numpy(dtype=float) < 0.05
        ends = np.fmax(observed, expected) + 0.035 * right
        full = low if design is None else low & (design["p_adjusted"].to_numpy(dtype=float) < 0.05)
        ax.plot(ends[full], place[full], "o", color=INK, markersize=3)
        hollow = low & ~full
        ax.plot(ends[hollow], place[hollow], "o", color=INK, markersize=3, fillstyle="none")
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


@styled
def plot_label_frequencies(
    frame: pd.DataFrame, *, width: Width | None = None, ax: Axes | None = None
) -> Figure:
    """Draw how often each label was chosen, by modality (the paper's Table 3).

    Parameters
    ----------
    frame : DataFrame
        Result of `label_frequencies`, at any level.

    Returns
    -------
    Figure
        Share of annotations with the label (category, superfactor) as a dot per modality, with
        its confidence interval where the frame has one.

    Raises
    ------
    DataError
        When the frame is not one of `label_frequencies`, or mixes readings of the labels.

    See Also
    --------
    label_frequencies : The values that are drawn.
    plot_label_deviations : Which labels a group chooses more often.

    Examples
    --------
    >>> from muvistats import label_frequencies, plot_label_frequencies, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> figure = plot_label_frequencies(label_frequencies(study))
    >>> figure.axes[0].get_xlabel()
    'annotations with the label (%)'
    """
    require(frame, "label_frequencies", "modality", "share")
    frame = one_reading(frame)
    units = [name for name in ("label", "category", "superfactor") if name in frame]
    units = [name for name in units if (frame[name].dropna() != "all").any()]
    if not units:
        raise DataError("the frame names no labels", expected="a frame of label_frequencies")
    unit = units[0]
    rows = frame[frame[unit].notna() & (frame[unit] != "all")]
    modalities = [m for m in dict.fromkeys(rows["modality"]) if m != "all"] or ["all"]
    names = list(dict.fromkeys(rows[unit]))
    if unit == "label":
        table = label_table(rows, names)
    else:
        table = pd.DataFrame({"label": names, "category": "", "text": [words(n) for n in names]})

    fig, ax = panel(7.0, 0.8 + (0.27 if len(table) > 9 else 0.4) * len(table))
    colour, marker = colours(modalities), markers(modalities)
    offsets = (np.arange(len(modalities)) - (len(modalities) - 1) / 2) * 0.24
    for modality, offset in zip(modalities, offsets, strict=True):
        part = rows[rows["modality"] == modality].set_index(unit).reindex(table["label"])
        place = np.arange(len(table)) + offset
        if {"conf_low", "conf_high"} <= set(part.columns):
            ax.hlines(
                place,
                100 * part["conf_low"],
                100 * part["conf_high"],
                colour[modality],
                linewidth=1.2,
                alpha=0.7,
            )
        ax.plot(
            100 * part["share"],
            place,
            marker[modality],
            color=colour[modality],
            markersize=4,
            label=words(modality),
        )
    separate_categories(ax, table["category"].to_list())
    name_rows(ax, table["text"].tolist())
    ax.set_xlim(left=0)
    ax.set_xlabel(f"annotations with the {unit} (%)")
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    handles = [
        Line2D([], [], color=colour[m], marker=marker[m], linewidth=1.2, label=words(m))
        for m in modalities
    ]
    if modalities != ["all"]:
        look = {"frameon": True, "edgecolor": "none", "framealpha": 1}
        key(fig, ax, handles, loc="lower right", **look)
    header(fig, frame, f"How often each {unit} was chosen", _level_note(rows), labels=True)
    return fig


def _level_note(rows: pd.DataFrame) -> str:
    levels = rows["conf_level"].dropna() if "conf_level" in rows else pd.Series(dtype=float)
    return f"lines: {100 * levels.iloc[0]:g}% intervals" if len(levels) else ""

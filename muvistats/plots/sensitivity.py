"""Figure of which published findings survive."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..results.words import capital
from .layout import header, legend, panel
from .paper import GREY, INK, Width
from .style import PALE, name_beside, name_rows, one_reading, require, sign, styled, words

#: Smaller p-values are drawn here.
_FLOOR = 1e-4

_ANALYSES = {
    "p_independent": ("ratings as independent", "o", "#767676"),
    "p_design": ("respecting the design", "D", "#0072B2"),
    "p_model": ("mixed model", "s", "#E69F00"),
}

_VERDICTS = {
    "holds": "#00734F",
    "emerges": "#00734F",
    "weakens": "#9A6700",
    "does not survive": "#B5400A",
    "reversed": "#B5400A",
    "stays null": GREY,
    "undecided": GREY,
    "undecided (limit of resampling)": GREY,
}


@styled
def plot_sensitivity(
    frame: pd.DataFrame, *, width: Width | None = None, ax: Axes | None = None
) -> Figure:
    """Draw the p-values of each finding, and what becomes of it.

    Parameters
    ----------
    frame : DataFrame
        As `sensitivity_table` returns it with ``level="summary"``, of one reading of the labels.

    Returns
    -------
    Figure
        One row per finding that could be tested: p of the published test, of the one that
        respects the design and of the mixed model, the verdict at the right. Values below 0.0001
        stand at the edge.

    Raises
    ------
    DataError
        For another frame, one that mixes readings of the labels, or one without a p-value.

    See Also
    --------
    sensitivity_table : The values that are drawn.

    Examples
    --------
    >>> from muvistats import plot_sensitivity, sensitivity_table, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> len(plot_sensitivity(sensitivity_table(study, n_resamples=99)).axes)
    1
    """
    require(frame, "sensitivity_table", "finding", "verdict", *_ANALYSES)
    frame = one_reading(frame)
    tested = frame[frame[list(_ANALYSES)].notna().any(axis=1)]
    require(tested, "sensitivity_table with tested findings")
    fig, ax = panel(8.6, 0.9 + 0.23 * len(tested))
    place = np.arange(len(tested))
    for shift, (column, (_, marker, colour)) in zip(
        (-0.2, 0.0, 0.2), _ANALYSES.items(), strict=True
    ):
        p = np.maximum(tested[column].to_numpy(dtype=float), _FLOOR)
        ax.plot(
            p,
            place + shift,
            marker,
            color=colour,
            markersize=5.5,
            markeredgecolor="white",
            gid=column,
        )
    _scale(ax)
    name_rows(ax, [capital(text) for text in tested["finding"]])
    for y, verdict in zip(place, tested["verdict"], strict=True):
        shade = _VERDICTS[verdict]
        name_beside(ax, float(y), words(verdict), color=shade, fontweight="bold")
    handles = [sign(text, marker, 6, color=colour) for text, marker, colour in _ANALYSES.values()]
    legend(fig, handles)
    note = "a difference holds where design and mixed model both have p < .05 in its direction"
    header(fig, frame, "Would the findings survive?", note, labels=True)
    return fig


def _scale(ax: Axes) -> None:
    """Smaller p-values to the right, with the limit of 5% marked."""
    ax.set_xscale("log")
    ax.set_xlim(1.3, _FLOOR / 1.4)
    ticks = [1, 0.05, 0.01, 0.001, _FLOOR]
    ax.set_xticks(ticks, ["1", ".05", ".01", ".001", "≤ .0001"])
    ax.minorticks_off()
    ax.set_xlabel("p")
    ax.axvspan(0.05, _FLOOR / 1.4, color="#EAF3F8", zorder=0)
    ax.axvline(0.05, color=INK, linewidth=0.8)
    ax.grid(visible=True, axis="y", color=PALE, linewidth=0.5)

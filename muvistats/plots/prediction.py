"""Figure of the labels that features predict."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .layout import header, legend, panels
from .paper import GREY, Width
from .style import (
    PALE,
    colours,
    label_table,
    markers,
    name_rows,
    one_reading,
    require,
    separate_categories,
    sign,
    styled,
    words,
)


@styled
def plot_label_prediction(
    frame: pd.DataFrame, *, width: Width | None = None, ax: Axes | None = None
) -> Figure:
    """Draw how well features of items predict each label, modality by modality.

    Parameters
    ----------
    frame : DataFrame
        As `label_prediction` returns it with ``level="label"``, of one reading of the labels.

    Returns
    -------
    Figure
        One panel per modality and one row per label: r with its interval, filled where the
        adjusted p is below .05; a grey tick at the noise ceiling.

    Raises
    ------
    DataError
        For another frame, or one that mixes readings of the labels.

    See Also
    --------
    label_prediction : The values that are drawn.

    Examples
    --------
    >>> from muvistats import label_prediction, plot_label_prediction, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=18, n_participants=18)
    >>> frame = label_prediction(study, kind="visual", level="label", n_resamples=20)
    >>> len(plot_label_prediction(frame).axes)
    3
    """
    require(frame, "label_prediction", "label", "modality", "estimate", "noise_ceiling", "features")
    frame = one_reading(frame)
    modalities = [str(name) for name in dict.fromkeys(frame["modality"])]
    order = label_table(frame, frame["label"].tolist())
    wide, high = 1.9 + 1.9 * len(modalities), max(0.7 + 0.17 * len(order), 1.8)
    fig, grid = panels(1, len(modalities), wide, high, least=1.3, sharex=True, sharey=True)
    axes = grid[0]
    colour, marker = colours(modalities), markers(modalities)
    place = np.arange(len(order))
    for ax, modality in zip(axes, modalities, strict=True):
        rows = frame[frame["modality"] == modality].set_index("label").loc[order["label"]]
        ax.axvline(0, color=GREY, linewidth=0.8)
        ax.hlines(place, rows["conf_low"], rows["conf_high"], color=colour[modality], linewidth=1)
        sure = (rows["p_adjusted"] < 0.05).to_numpy()
        for which, face in ((sure, colour[modality]), (~sure, "white")):
            ax.plot(
                rows["estimate"].to_numpy()[which],
                place[which],
                marker[modality],
                color=colour[modality],
                markerfacecolor=face,
                markersize=4.5,
            )
        ax.plot(rows["noise_ceiling"], place, "|", color=GREY, markersize=8, markeredgewidth=1.4)
        ax.grid(visible=True, axis="y", color=PALE, linewidth=0.5)
        ax.set_title(words(modality))
        ax.set_xlabel("r, predicted and observed")
        separate_categories(ax, order["category"].tolist(), names=ax is axes[-1])
    name_rows(axes[0], order["text"].tolist())
    handles = [
        sign("adjusted p < .05", "o", 4.5, color=GREY),
        sign("not", "o", 4.5, color=GREY, markerfacecolor="white"),
        sign("noise ceiling", "|", 8, color=GREY),
    ]
    legend(fig, handles)
    kind = words(frame["features"].iloc[0]).lower().replace(" ", " and ")
    note = f"share of raters who chose the label, from {kind} features, across held-out items"
    header(fig, frame, "Which labels do the features predict?", note, labels=True)
    return fig

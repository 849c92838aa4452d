"""Figure of who leads when music and picture disagree."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .layout import header, legend, panels
from .paper import GREY, INK, Width, size
from .style import colours, interval_level, require, styled, words

_TITLES = {
    "share": "share of R squared",
    "sides_with": "moments of conflict: sides with",
}


@styled
def plot_dominance_over_time(frame: pd.DataFrame, *, width: Width | None = None) -> Figure:
    """Draw the weight of each modality, and which one audiovisual ratings follow, in each window.

    Parameters
    ----------
    frame : DataFrame
        Result of `dominance_over_time`.

    Returns
    -------
    Figure
        A row for each dimension: shares of R squared with their intervals, and the share of
        moments of conflict at which the target is nearer to each modality, with what mismatched
        items give (crosses). Filled points are of windows whose adjusted p is up to 0.05.

    Raises
    ------
    DataError
        When the frame is not one of `dominance_over_time`.

    See Also
    --------
    dominance_over_time : The values that are drawn.
    plot_modality_contribution : The whole excerpt at once.

    Examples
    --------
    >>> from muvistats import dominance_over_time, plot_dominance_over_time, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> found = dominance_over_time(study, dimension="arousal", n_resamples=99)
    >>> len(plot_dominance_over_time(found).axes)
    2
    """
    columns = "dimension window_start window_end quantity modality estimate chance p_adjusted"
    require(frame, "dominance_over_time", *columns.split(), "conf_low", "conf_high")
    names = list(frame["dimension"].unique())
    high = 0.9 + 2.1 * len(names)
    fig, axes = panels(len(names), 2, 7.6, high, sharex=True, sharey=True)
    for line, name in zip(axes, names, strict=True):
        part = frame[frame["dimension"] == name]
        for ax, quantity in zip(line, _TITLES, strict=True):
            _windows(ax, part, quantity)
            ax.set_title(_TITLES[quantity], fontsize=size(9))
            ax.set(xlabel="seconds", ylabel=words(name))
    axes[0, 0].set_ylim(-0.02, 1.02)
    legend(fig, axes[0, 1].get_legend_handles_labels()[0])
    target = frame.loc[frame["quantity"] == "r_squared", "modality"].dropna()
    title = f"Who leads the {target.iloc[0]} emotion" if len(target) else "Who leads"
    level = interval_level(frame)
    header(fig, frame, title, f"{level} intervals over items; filled: adjusted p up to .05")
    return fig


def _windows(ax: Axes, part: pd.DataFrame, quantity: str) -> None:
    """One quantity of each modality over the windows."""
    rows = part[part["quantity"] == quantity]
    tested = part[part["quantity"] == ("share_difference" if quantity == "share" else quantity)]
    sure = set(tested.loc[tested["p_adjusted"] <= 0.05, "window_start"])
    ax.axhline(0.5, color=INK, linewidth=0.8, linestyle=(0, (3, 3)))
    if rows["estimate"].isna().all():
        ax.text(0.5, 0.55, "not estimated", color=GREY, ha="center", transform=ax.transAxes)
    modalities = list(dict.fromkeys(rows["modality"]))
    for place, (name, shade) in enumerate(colours(modalities).items()):
        of = rows[rows["modality"] == name]
        middle = (of["window_start"] + of["window_end"]) / 2
        middle = middle + (place - 0.5) * 0.06 * (of["window_end"] - of["window_start"])
        estimate = of["estimate"].to_numpy()
        limits = np.stack([estimate - of["conf_low"], of["conf_high"] - estimate])
        limits = np.maximum(np.nan_to_num(limits), 0.0)
        ax.errorbar(middle, estimate, limits, color=shade, linewidth=1.2, fmt="-", gid=name)
        inside = [shade if start in sure else "white" for start in of["window_start"]]
        ax.scatter(middle, estimate, c=inside, edgecolors=shade, zorder=3, s=24, label=words(name))
        ax.scatter(middle, of["chance"], marker="x", color=GREY, s=14, zorder=2)

"""Figure of the check whether the rows mean what they claim."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..results.words import fixed
from .layout import header, panels, x_name
from .paper import GREY, INK, Width
from .style import PALE, one_reading, require, styled, words

_BEST, _OTHER = "#C44E0C", "#4C7A99"


@styled
def plot_label_alignment(
    frame: pd.DataFrame, *, width: Width | None = None, ax: Axes | None = None
) -> Figure:
    """Draw the item signal of labels, familiarity and ratings at each lag.

    Parameters
    ----------
    frame : DataFrame
        Result of `label_alignment_check`, overall, by participant, or both below each other.

    Returns
    -------
    Figure
        One column per checked variable. Bars: z against the lag, the lag that fits best in red;
        it should be 0. Thin lines in a second row: z of each participant, with their median. The
        grey band is what chance gives (``|z| < 3``).

    Raises
    ------
    DataError
        When the frame is not one of `label_alignment_check`, or mixes readings of the labels.

    See Also
    --------
    label_alignment_check : The values that are drawn.

    Examples
    --------
    >>> from muvistats import label_alignment_check, plot_label_alignment, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> figure = plot_label_alignment(label_alignment_check(study, n_resamples=49))
    >>> figure.axes[0].get_title("left")
    'Labels'
    """
    require(frame, "label_alignment_check", "variable", "lag", "participant", "statistic", "best")
    frame = one_reading(frame)
    whole = frame["participant"].isna() | (frame["participant"] == "all")
    names = list(dict.fromkeys(frame["variable"]))
    parts = ((frame[whole], _bars, "all participants"), (frame[~whole], _lines, "each participant"))
    lines = [part for part in parts if len(part[0])]
    wide, high = 0.8 + 2.4 * len(names), 2.5 * len(lines) + 0.2
    fig, axes = panels(len(lines), len(names), wide, high, least=1.5, sharex=True, sharey="row")
    for row, (rows, draw, who) in zip(axes, lines, strict=True):
        for ax, name in zip(row, names, strict=True):
            part = rows[rows["variable"] == name]
            ax.axhspan(-3, 3, color=PALE, alpha=0.5, linewidth=0)
            ax.axhline(0, color=GREY, linewidth=0.6)
            ax.set_xticks(sorted(set(frame["lag"])))
            draw(ax, part)
            ax.set_ylabel(f"z of {who}")
            ax.set_title(words(name))
    x_name(fig, "lag (trials by which values are moved up)")
    note = "agreement on items against chance; red: best lag; band: |z| < 3"
    header(fig, frame, "Do the rows belong to their items?", note, labels=True)
    return fig


def _bars(ax: Axes, rows: pd.DataFrame) -> None:
    """One bar per lag; the best one is named."""
    rows = rows.sort_values("lag")
    z = rows["statistic"].to_numpy(dtype=float)
    lags, best = rows["lag"].to_numpy(), rows["best"].to_numpy(dtype=bool)
    if np.isnan(z).all():
        ax.text(0.5, 0.6, "not defined", transform=ax.transAxes, ha="center", color=GREY)
        return
    ax.bar(lags, np.nan_to_num(z), width=0.7, color=np.where(best, _BEST, _OTHER))
    for lag, value in zip(lags[best], z[best], strict=True):
        right = lag <= np.median(lags)
        ax.annotate(
            f"lag {lag}\nz = {fixed(value, 1)}",
            (lag + (0.45 if right else -0.45), value),
            ha="left" if right else "right",
            va="top" if value > 0.3 * ax.get_ylim()[1] else "bottom",
            fontweight="bold",
            color=_BEST,
        )


def _lines(ax: Axes, rows: pd.DataFrame) -> None:
    """One thin line per participant and their median."""
    table = rows.pivot_table(index="lag", columns="participant", values="statistic", sort=True)
    ax.plot(table.index, table, color=_OTHER, linewidth=0.5, alpha=0.45)
    ax.plot(table.index, table.median(axis=1), color=INK, linewidth=1.8, gid="median")

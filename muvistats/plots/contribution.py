"""Figure of what music and picture contribute to the audiovisual emotion."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..errors import DataError
from ..results.words import fixed, percent
from .layout import header, legend, panel
from .lettering import inches
from .paper import GREY, INK, Width, root_of, size
from .style import colours, interval_level, name_beside, require, styled, words

_SCOPES = {"within_item": "over the seconds of an item", "between_item": "between items"}


@styled
def plot_modality_contribution(
    frame: pd.DataFrame, *, width: Width | None = None, ax: Axes | None = None
) -> Figure:
    """Draw the share of each modality in the audiovisual emotion, one bar per dimension.

    Parameters
    ----------
    frame : DataFrame
        Result of `modality_contribution` at level summary, or several of them one below the
        other, for example both scopes.

    Returns
    -------
    Figure
        One bar per dimension and estimate, cut where the shares of the modalities meet; with two
        modalities the interval of that border. R squared, bounded by 1, stands at the right, a line
        at one half.

    Raises
    ------
    DataError
        When the frame has no shares.

    See Also
    --------
    modality_contribution : The values that are drawn.
    plot_dominance_over_time : The same in windows.

    Examples
    --------
    >>> from muvistats import modality_contribution, plot_modality_contribution, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> found = modality_contribution(study, scope="between_item", n_resamples=99)
    >>> len(plot_modality_contribution(found).axes)
    1
    """
    columns = ("dimension", "scope", "item", "quantity", "modality", "estimate", "estimator")
    others = ("estimate_bounded", "conf_low", "conf_high")
    require(frame, "modality_contribution", *columns, *others)
    shares = frame[(frame["quantity"] == "share") & (frame["item"] == "all")]
    if shares.empty:
        raise DataError("no shares to draw", expected="modality_contribution(data)")
    modalities = list(dict.fromkeys(shares["modality"]))
    keys = ["dimension", "scope", "estimator"]
    bars = list(shares[keys].drop_duplicates().itertuples(index=False, name=None))
    bars.sort(key=lambda key: list(shares["dimension"].unique()).index(key[0]))
    several = shares["estimator"].nunique() > shares["scope"].nunique()
    fig, ax = panel(6.8, 0.55 + 0.52 * len(bars))
    named = True
    for place, key in enumerate(bars):
        match = (frame[keys] == pd.Series(dict(zip(keys, key, strict=True)))).all(axis=1)
        named &= _bar(ax, place, frame[match & (frame["item"] == "all")], modalities)
    if not named:
        shade = colours(modalities)
        legend(fig, [Patch(color=shade[n], alpha=0.75, label=words(n)) for n in modalities])
    ax.axvline(0.5, color=INK, linewidth=0.8, linestyle=(0, (3, 3)), zorder=3)
    ax.set_xlim(0, 1)
    ax.set_ylim(len(bars) - 0.45, -0.55)
    ax.set_xticks(np.linspace(0, 1, 5), ["0", "25%", "50%", "75%", "100%"])
    ax.set_xlabel("share of R squared")
    ax.set_yticks(range(len(bars)), [_label(key, several=several) for key in bars])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    level = interval_level(frame)
    note = f"dominance weights as shares of R squared; line: {level} interval of the border"
    target = frame.loc[frame["quantity"] == "r_squared", "modality"].dropna()
    title = f"What decides the {target.iloc[0]} emotion" if len(target) else "What decides"
    header(fig, frame, title, note)
    return fig


def _label(key: tuple[str, str, str], *, several: bool) -> str:
    dimension, scope, estimator = key
    lines = [words(dimension), _SCOPES.get(scope, words(scope))]
    if several:
        lines.append(estimator.split(", ")[-1])
    return "\n".join(lines)


def _bar(ax: Axes, place: int, part: pd.DataFrame, modalities: list[str]) -> bool:
    """One bar, its numbers, the interval of its border and R squared; whether all names fit."""
    named = True
    shade = colours(modalities)
    rows = part[part["quantity"] == "share"].set_index("modality")
    start = 0.0
    for name in modalities:
        share = float(rows["estimate"].get(name, np.nan))
        if np.isnan(share):
            ax.text(0.02, place, "not estimated", va="center", color=GREY)
            return True
        ax.barh(place, share, left=start, height=0.56, color=shade[name], alpha=0.75, gid=name)
        end = start + share
        x, side = (start + end) / 2, "center"
        if start == 0:
            x, side = 0.015, "left"
        elif end > 0.999:
            x, side = 0.985, "right"
        wide = share * float(ax.get_window_extent().width) / float(root_of(ax).dpi)
        short = percent(share, 0)
        long = f"{words(name)} {short}"
        fits = inches(long, size(8.5), bold=True) < wide
        text, named = long if fits else short, named and fits
        ax.text(x, place, text, ha=side, va="center", color=INK, fontweight="bold")
        start = end
    first = rows.loc[modalities[0]]
    if len(modalities) == 2 and np.isfinite(first["conf_low"]):
        limits = np.clip([first["conf_low"], first["conf_high"]], 0.0, 1.0)
        ax.plot(limits, [place + 0.34] * 2, color=INK, linewidth=2, gid="interval", clip_on=False)
        ax.plot(first["estimate"], place + 0.34, "o", color=INK, markersize=4, clip_on=False)
    whole = part[part["quantity"] == "r_squared"]
    if len(whole):
        shown = whole["estimate_bounded"].fillna(whole["estimate"]).iloc[0]
        name_beside(ax, place, f"R\u00b2 {fixed(shown, 2)}", color=GREY, points=8)
    return named

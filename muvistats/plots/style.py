"""What all figures share: settings, colours, signs, order of labels. No pyplot."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..dataset.gems import gems_taxonomy
from ..errors import DataError
from ..results.docstrings import documented
from ..results.words import capital
from .fonts import FONT
from .layout import finish
from .lettering import BESIDE, wrap
from .paper import GREY, INK, PLACE, Place, narrow, room_of, root_of, size
from .settings import own_settings

P = ParamSpec("P")

#: Colour maps that people with any form of colour blindness can read.
SEQUENTIAL = "Blues"
DIVERGING = "RdBu_r"

PALE = "#d9d9d9"

# Okabe and Ito's palette, one colour and one marker per level, so that colour is never alone.
_OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_TYPE = ("axes.labelsize", "axes.titlesize", "font.size", "legend.fontsize")
_MARKERS = ("o", "s", "D", "^", "v", "P")

_STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": False,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.dpi": 150,
    "figure.facecolor": "white",
    "font.family": FONT,
    "font.size": 8.5,
    "grid.color": "#e8e8e8",
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "text.color": INK,
    "text.parse_math": False,  # names of others may hold dollar signs
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
    "savefig.dpi": 150,
}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw with the package's style at the width or in the axes asked for.

    What users have set changes no figure, and no thread sees it changed. `width` and `ax` are
    read here: no figure looks at its own.
    """

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        token = PLACE.set(Place.of(kwargs.get("width"), kwargs.get("ax")))
        try:
            with own_settings(_STYLE | {name: size(_STYLE[name]) for name in _TYPE}):
                figure = draw(*args, **kwargs)
                finish(figure)
        finally:
            PLACE.reset(token)
        return figure

    return documented(wrapper)


def spread_panels(fig: Figure) -> None:
    """Leave more room between panels, so that their tick labels do not run together."""
    engine = fig.get_layout_engine()
    if engine is not None:
        engine.set(wspace=0.05)  # type: ignore[call-arg]


def colours(levels: Sequence[str]) -> dict[str, str]:
    """Colour of each level."""
    return {level: _OKABE_ITO[i % len(_OKABE_ITO)] for i, level in enumerate(levels)}


def markers(levels: Sequence[str]) -> dict[str, str]:
    """Marker of each level."""
    return {level: _MARKERS[i % len(_MARKERS)] for i, level in enumerate(levels)}


def words(name: object) -> str:
    """Display name of a label, level or category."""
    names = gems_taxonomy().set_index("label")["label_name"]
    text = str(name)
    if text in names.index:
        return str(names[text])
    return capital(text.replace("_", " "))


def interval_level(frame: pd.DataFrame) -> str:
    """Level of the intervals of a frame, as a word before "interval"."""
    levels = set(frame["conf_level"].dropna()) if "conf_level" in frame else set()
    return f"{levels.pop():.0%}" if len(levels) == 1 else "confidence"


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Rows 0, 1, ... from the top, with their names."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)


def name_beside(ax: Axes, place: float, text: str, *, points: float = 8.5, **look: Any) -> None:
    """A text right of a row, in several lines where it would take a quarter of the figure."""
    own = PLACE.get().ax is None
    room = 0.25 * (float(root_of(ax).get_size_inches()[0]) if own else room_of(ax))
    ax.text(
        BESIDE,
        place,
        wrap(text, room, size(points)),
        transform=ax.get_yaxis_transform(),
        va="center",
        fontsize=size(points),
        **look,
    )


def sign(label: str, marker: str, size: float = 5, **look: Any) -> Line2D:
    """Marker for a legend."""
    return Line2D([], [], marker=marker, markersize=size, linestyle="none", label=label, **look)


def require(frame: pd.DataFrame, function: str, *columns: str) -> None:
    """Refuse a frame that is not the one a figure draws."""
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"a figure draws a result; call {function}(...) first and give it its frame",
            found=type(frame).__name__,
            expected="a DataFrame",
        )
    missing = [column for column in columns if column not in frame]
    if missing:
        raise DataError(
            f"not a frame of {function}", column=missing[0], expected=", ".join(columns)
        )
    if len(frame) == 0:
        raise DataError(f"the frame of {function} has no rows")


def one_reading(frame: pd.DataFrame) -> pd.DataFrame:
    """Refuse a frame that mixes alignments: they would be drawn on top of each other."""
    if "alignment" in frame and len(set(frame["alignment"])) > 1:
        raise DataError(
            "the frame holds several readings of the labels; draw one at a time",
            column="alignment",
            found=", ".join(map(str, frame["alignment"].unique())),
        )
    return frame


def label_table(frame: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """Labels in the order of their taxonomy, with `text` and `category` (empty if unknown)."""
    present = list(dict.fromkeys(str(label) for label in labels))
    taxonomy = gems_taxonomy()
    if set(present) <= set(taxonomy["label"]):
        table = taxonomy[taxonomy["label"].isin(present)].reset_index(drop=True)
    else:
        known = (
            frame.dropna(subset=["label"]).drop_duplicates("label").set_index("label")["category"]
            if {"label", "category"} <= set(frame.columns)
            else pd.Series(dtype="str")
        )
        category = pd.Series([known.get(label) for label in present], dtype="str").fillna("")
        table = pd.DataFrame({"label": present, "category": category})
        rank = {name: i for i, name in enumerate(dict.fromkeys(category))}
        order = table["category"].map(rank).to_numpy().argsort(kind="stable")
        table = table.iloc[order].reset_index(drop=True)
    return table.assign(text=[words(label) for label in table["label"]])


def separate_categories(ax: Axes, categories: Sequence[str], *, names: bool = True) -> None:
    """Lines between the categories of rows 0, 1, ..., and their names right of the axes.

    Parameters
    ----------
    ax : Axes
        The axes, one row per label.
    categories : sequence of str
        Category of each row.
    names : bool
        Whether to write the names.
    """
    values = np.asarray(categories, dtype=object)
    starts = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1), len(values)]
    if len(starts) == 2 and not values[0]:
        return
    for start, end in itertools.pairwise(starts):
        if start:
            ax.axhline(start - 0.5, color=GREY, linewidth=0.6)
        if names and not (narrow() and len(ax.figure.axes) > 1):
            name_beside(ax, (start + end - 1) / 2, words(values[start]), color=GREY, points=8)

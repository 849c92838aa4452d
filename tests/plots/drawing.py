"""How the tests read a figure, draw it for real, and see whether its text is legible."""

from __future__ import annotations

import io
import itertools

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def lines(ax: Axes, gid: str) -> list[Line2D]:
    return [line for line in ax.lines if line.get_gid() == gid]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def save(figure: Figure) -> None:
    """A layout that fails warns, and warnings are errors."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=40)
    assert stream.tell() > 1000


def drawn_texts(figure: Figure) -> list[Text]:
    """Texts that are seen: visible with what holds them, and within the limits of their axis."""
    hidden: set[Text] = set()
    for ax in figure.findobj(Axes):
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-6 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                inside = low - slack <= tick.get_loc() <= high + slack
                if not (inside and ax.axison and ax.get_visible() and axis.get_visible()):
                    hidden.update((tick.label1, tick.label2))
        if not ax.get_visible() or not ax.axison:
            hidden.update((ax.xaxis.label, ax.yaxis.label))
            hidden.update((ax.xaxis.offsetText, ax.yaxis.offsetText))
        if not ax.get_visible():
            hidden.update(ax.findobj(Text))
    found = figure.findobj(lambda each: isinstance(each, Text))
    shown = [text for text in found if text.get_visible() and text.get_text().strip()]
    return [text for text in dict.fromkeys(shown) if text not in hidden]


def _box(text: Text) -> Bbox:
    """Box of a text without its arrow, nor the empty lines below it."""
    box = Text.get_window_extent(text)
    said = text.get_text()
    empty = len(said) - len(said.rstrip("\n"))
    return Bbox([[box.x0, box.y0 + box.height * empty / (said.count("\n") + 1)], [box.x1, box.y1]])


def illegible(figure: Figure, least: float = 0.0) -> list[str]:
    """Texts that are smaller than `least` points, cut off at an edge, or over another text."""
    figure.draw_without_rendering()
    found = drawn_texts(figure)
    boxes = [_box(text) for text in found]
    sheet = figure.bbox
    bad = [
        f"{t.get_text()!r} has {t.get_fontsize():g} points"
        for t in found
        if t.get_fontsize() < least - 1e-9
    ]
    for text, box in zip(found, boxes, strict=True):
        out = (
            box.x0 < sheet.x0 - 1,
            box.y0 < sheet.y0 - 1,
            box.x1 > sheet.x1 + 1,
            box.y1 > sheet.y1 + 1,
        )
        if any(out):
            bad.append(f"{text.get_text()!r} is cut off")
    inner = [(b.x0 + 1, b.y0 + 1.5, b.x1 - 1, b.y1 - 1.5) for b in boxes]
    for (one, a), (other, b) in itertools.combinations(zip(found, inner, strict=True), 2):
        if min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1]):
            bad.append(f"{one.get_text()!r} over {other.get_text()!r}")
    return bad


def pixels(figure: Figure, dpi: float = 50) -> np.ndarray:
    """Picture of a figure, whatever the user's settings are."""
    stream = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        figure.savefig(stream, format="png", dpi=dpi)
    stream.seek(0)
    return np.asarray(mpl.image.imread(stream))[..., :3]

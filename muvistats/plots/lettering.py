"""Text measured, wrapped and kept apart: what makes a figure legible at any width."""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FixedLocator, MaxNLocator
from matplotlib.transforms import ScaledTranslation

from ..types import Floats
from .fonts import are_bold, drawable, families_of

_HINTED = 1.07  # how much wider letters are that sit on pixels
_JOINTS = ":_-/.,|]"  # a long word is cut after these rather than elsewhere
_NARROWEST = 0.5  # inches of a line of a title, however narrow its panel
_LEAST = 6.0  # points of names of several lines
_SMALLEST_OF_ROWS = 5.0  # points of names of rows, however low the axes of the user
_REACH = 2.0  # inches of turned names of columns
_LOWEST = 1.4  # inches of a panel whose names of columns are turned
BESIDE = 1.01  # place of names right of the axes, in widths of the axes
_LEADING = 1.2  # distance of lines, in sizes of the type


@functools.lru_cache(maxsize=4096)
def inches(text: str, points: float, *, bold: bool = False) -> float:
    """Width of a text, that of its longest line."""
    families = families_of(text)
    weight = "bold" if bold and are_bold(families) else "normal"
    font = FontProperties(family=families, size=points, weight=weight)
    exact = max(
        float(text_to_path.get_text_width_height_descent(line, font, ismath=False)[0])
        for line in drawable(text).split("\n")
    )
    return _HINTED * exact / 72


def wrap(text: str, width: float, points: float, *, bold: bool = False) -> str:
    """Text in lines of at most this many inches; only words that are longer are cut."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            together = f"{line} {word}" if line else word
            if inches(together, points, bold=bold) <= width:
                line = together
                continue
            if line:
                lines.append(line)
            rest = word
            while len(rest) > 1 and inches(rest, points, bold=bold) > width:
                cut = _cut(rest, width, points, bold=bold)
                lines.append(rest[:cut])
                rest = rest[cut:]
            line = rest
        lines.append(line)
    return "\n".join(lines)


def shorten(text: str, width: float, points: float, lines: int) -> str:
    """Text in at most so many lines of this many inches, without its middle where it must be."""
    whole = wrap(text, width, points)
    kept = len(text)
    while whole.count("\n") >= lines and kept > 2:
        kept -= 1
        whole = wrap(f"{text[: -(-kept // 2)]}\u2026{text[-(kept // 2) :]}", width, points)
    return whole


def _cut(word: str, width: float, points: float, *, bold: bool) -> int:
    """Letters of a word that fit, up to a joint where one is near."""
    fits = [k for k in range(1, len(word)) if inches(word[:k], points, bold=bold) <= width]
    most = max(fits, default=1)
    joint = max((k for k in fits if word[k - 1] in _JOINTS), default=0)
    return joint if joint > most / 2 else most


def wrap_text(text: Text, width: float) -> bool:
    """Wrap a text of a figure to this many inches, and say whether that changed it."""
    said = text.get_text()
    bold = text.get_fontweight() in ("bold", 700)
    lines = wrap(said, width, float(text.get_fontsize()), bold=bold)
    if lines != said:
        text.set_text(lines)
    return lines != said


def fit_text(fig: Figure, share: float) -> float:
    """Wrap and thin out what would run together, and say how many inches are missing.

    Parameters
    ----------
    fig : Figure
        A figure with a layout engine, everything drawn.
    share : float
        Part of the width that names of rows may take.

    Returns
    -------
    float
        Inches of height that rows of several lines need beyond those that they have.
    """
    width = float(fig.get_size_inches()[0])
    panels = [ax for ax in fig.axes if ax.get_visible() and ax.get_label() != "<colorbar>"]
    for ax in panels:
        _wrap_rows(ax, share * width / _with_names(ax, panels))
    with _hidden([*_long_titles(panels, width), *_long_columns(panels)]):
        fig.draw_without_rendering()
    for ax in panels:
        box = ax.get_window_extent()
        across, up = float(box.width / fig.dpi), float(box.height / fig.dpi)
        _wrap_titles(ax, max(across, _NARROWEST))
        for label, length in ((ax.xaxis.label, across), (ax.yaxis.label, up)):
            longest = max(inches(w, label.get_fontsize()) for w in [*label.get_text().split(), ""])
            wrap_text(label, max(1.15 * length, longest))
        _part_columns(ax, across)
        _thin_out(ax.yaxis, up, vertical=True)
    return _missing(panels, fig.dpi)


def fit_axes(ax: Axes, cell: tuple[float, float], *, below: bool) -> list[str]:
    """Wrap and thin out what would run together in axes of the user, of whom nothing is drawn.

    Parameters
    ----------
    ax : Axes
        The axes, everything drawn.
    cell : (float, float)
        Inches across and up that they may take with their names.
    below : bool
        Whether the legend goes below them.

    Returns
    -------
    list of str
        Names of rows that are left out, since the axes are too low for them.
    """
    room, high = cell
    figure = ax.get_figure(root=True)
    assert figure is not None
    up = float(ax.get_window_extent().height / figure.dpi)
    if figure.get_layout_engine() is not None:  # it takes room for what stands around the axes
        up = min(up, max(0.3, high - _around(ax, below=below)))
    if ax.get_aspect() != "auto":
        up = min(up, 0.6 * room)
    left_out = _fit_rows(ax, room, up)
    rows = named_ticks(ax.yaxis)
    names = max((_wide(label) for label in rows), default=0.45)
    beside = max(map(_wide, _beside(ax)), default=0)
    across = max(0.5, room - names - beside - 0.4)
    right = _titles(ax)[2]
    if right.get_text() and _wide(right) + 0.6 * room > across:
        right.set_text("")
    _part_columns(ax, across, max(_NARROWEST, 0.4 * up))
    for axis, length in ((ax.xaxis, across), (ax.yaxis, up)):
        wrap_text(axis.label, max(0.8 * room if axis is ax.xaxis else length, 0.8))
        if not named_ticks(axis):
            _thin_out(axis, length, vertical=axis is ax.yaxis, drawn=False)
    legend = ax.get_legend()
    if legend is not None and below:
        legend.set_loc("upper center")
        down = ScaledTranslation(0, -_below(ax), figure.dpi_scale_trans)
        legend.set_bbox_to_anchor((0.5, 0), transform=ax.transAxes + down)
    return left_out


def _fit_rows(ax: Axes, room: float, up: float) -> list[str]:
    """Names of rows smaller, as far as they stay legible; else only those that have room.

    Texts right of the rows follow. Returned are the names that are left out.
    """
    rows = named_ticks(ax.yaxis)
    if not rows:
        return []
    inch = up / abs(np.subtract(*ax.get_ylim()))
    places = inch * np.asarray(ax.get_yticks(), dtype=float)
    gaps = np.abs(np.diff(places)) if len(rows) > 1 else np.array([up])
    points = float(rows[0].get_fontsize())
    lines = max(1, int(72 * gaps.min() / (_LEADING * min(points, _LEAST))))
    names = [label.get_text() for label in rows]
    said = [shorten(name, 0.38 * room, points, lines) for name in names]
    deep = np.array([text.count("\n") + 1 for text in said])
    pairs = deep[:-1] + deep[1:] if len(rows) > 1 else 2 * deep
    most = float(np.min(gaps / pairs)) * 2 * 72 / _LEADING
    points = max(min(points, most), _SMALLEST_OF_ROWS)
    kept = _apart(places, deep * points * _LEADING / 72)
    ax.set_yticklabels([text if one else "" for text, one in zip(said, kept, strict=True)])
    ax.tick_params(axis="y", labelsize=points)
    beside = _beside(ax)
    for text in beside:
        text.set_fontsize(min(points, float(text.get_fontsize())))
    high = [_high(text) for text in beside]
    at = inch * np.array([text.get_position()[1] for text in beside], dtype=float)
    for text, one in zip(beside, _apart(at, np.array(high)), strict=True):
        text.set_visible(one)
    return [name for name, one in zip(names, kept, strict=True) if not one]


def _apart(places: Floats, high: Floats) -> list[bool]:
    """Which of these texts to keep, so that none is over the one before it."""
    kept, last = [False] * len(places), -math.inf
    for number in np.argsort(places, kind="stable"):
        if places[number] - high[number] / 2 >= last - 0.01:
            kept[number] = True
            last = places[number] + high[number] / 2
    return kept


def _beside(ax: Axes) -> list[Text]:
    """Texts right of the rows."""
    return [text for text in ax.texts if text.get_position()[0] == BESIDE and text.get_visible()]


def _around(ax: Axes, *, below: bool) -> float:
    """Inches that title, names of columns and a legend `below` take above and below axes."""
    titles = [text for text in _titles(ax) if text.get_text()]
    above = max((_high(text) for text in titles), default=0.0) + 0.15
    legend = ax.get_legend()
    names = legend.get_texts() if legend is not None and below else []
    return above + _below(ax) + sum(_high(name) + 0.07 for name in names)


def _below(ax: Axes) -> float:
    """Inches that the names below axes take."""
    shown = _shown(ax.xaxis)
    lines = max((label.get_text().count("\n") + 1 for label in shown), default=0)
    turned = any(label.get_rotation() for label in shown)
    names = max(map(_wide, shown)) if turned else 0.14 * lines
    return names + 0.16 * (ax.get_xlabel().count("\n") + 1) + 0.24


def _wide(text: Text) -> float:
    """Inches of a text."""
    return inches(text.get_text(), float(text.get_fontsize()))


def _high(text: Text) -> float:
    """Inches that the lines of a text take up."""
    lines = text.get_text().count("\n") + 1
    return lines * float(text.get_fontsize()) * _LEADING / 72


def named_ticks(axis: Axis) -> list[Text]:
    """Labels of an axis whose ticks are names rather than numbers."""
    if not isinstance(axis.get_major_locator(), FixedLocator):
        return []
    labels = axis.get_majorticklabels()
    said = [label.get_text() for label in labels]
    return labels if any(any(c.isalpha() for c in text) for text in said) else []


def _shown(axis: Axis) -> list[Text]:
    """Labels that are drawn: within the limits, visible and with a text."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-6 * (high - low)
    pairs = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=False)
    return [
        label
        for place, label in pairs
        if label.get_visible() and label.get_text() and low - slack <= place <= high + slack
    ]


def _with_names(ax: Axes, panels: Sequence[Axes]) -> int:
    """Panels side by side that write names of rows, this one included."""
    spec = ax.get_subplotspec()
    if spec is None:
        return 1
    rows = spec.rowspan
    beside = [
        other
        for other in panels
        if (its := other.get_subplotspec()) is not None
        and its.rowspan == rows
        and any(label.get_visible() for label in named_ticks(other.yaxis))
    ]
    return max(1, len(beside))


def _wrap_rows(ax: Axes, width: float) -> None:
    """Names of rows in lines of at most this width."""
    labels = named_ticks(ax.yaxis)
    said = [label.get_text() for label in labels]
    if not labels or not labels[0].get_visible():
        return
    bold = [label.get_fontweight() in ("bold", 700) for label in labels]
    size = float(labels[0].get_fontsize())
    lines = [wrap(text, width, size, bold=b) for text, b in zip(said, bold, strict=True)]
    if lines != said:
        ax.yaxis.set_ticklabels(lines)


def _long_titles(panels: Sequence[Axes], width: float) -> list[Text]:
    """Titles that would leave the panels of their row no width."""
    found = []
    for ax in panels:
        spec = ax.get_subplotspec()
        beside = 1 if spec is None else spec.get_gridspec().ncols
        rows = max((_wide(label) for label in named_ticks(ax.yaxis)), default=0.0)
        room = max(_NARROWEST, 0.8 * (width - rows) / beside)
        found += [title for title in _titles(ax) if _wide(title) > room]
    return found


def _long_columns(panels: Sequence[Axes]) -> list[Text]:
    """Turned names of columns that would leave their panels no height."""
    labels = [label for ax in panels for label in named_ticks(ax.xaxis)]
    return [label for label in labels if label.get_rotation() and _wide(label) > _REACH]


@contextlib.contextmanager
def _hidden(texts: Sequence[Text]) -> Iterator[None]:
    """Leave texts out for a while."""
    shown = [text for text in texts if text.get_visible()]
    for text in shown:
        text.set_visible(False)
    yield
    for text in shown:
        text.set_visible(True)


def _titles(ax: Axes) -> tuple[Text, Text, Text]:
    """Left, middle and right title."""
    return ax._left_title, ax.title, ax._right_title  # type: ignore[attr-defined]  # noqa: SLF001 - no public way to the texts


def _wrap_titles(ax: Axes, width: float) -> None:
    left, middle, right = _titles(ax)
    beside = inches(right.get_text(), right.get_fontsize()) + 0.08 if right.get_text() else 0.0
    if left.get_text() and inches(left.get_text(), left.get_fontsize(), bold=True) > width - beside:
        if beside:  # two lines, the second one to the right
            right.set_text(wrap(right.get_text(), width, float(right.get_fontsize())))
            left.set_text(left.get_text() + "\n" * (1 + right.get_text().count("\n")))
        wrap_text(left, width)
    wrap_text(middle, width)


def _part_columns(ax: Axes, width: float, most: float = _REACH) -> None:
    """Names of columns wrapped or turned, and numbers thinned out, until none overlap.

    Turned names take up to `most` inches.
    """
    labels = named_ticks(ax.xaxis)
    if not labels:
        _thin_out(ax.xaxis, width, vertical=False)
        return
    shown = _shown(ax.xaxis)
    if len(shown) < 2:
        return
    size = float(shown[0].get_fontsize())
    low, high = ax.get_xlim()
    places = sorted(ax.get_xticks())
    pitch = width * min(b - a for a, b in itertools.pairwise(places)) / abs(high - low)
    room = pitch - 0.05
    said = [label.get_text() for label in labels]
    if not labels[0].get_rotation():
        if all(inches(text, size) <= room for text in said):
            return
        if max(inches(word, size) for text in said for word in text.split()) <= room:
            ax.xaxis.set_ticklabels([wrap(text, room, size) for text in said])
            return
    lines = max(1, int(72 * pitch / (_LEADING * size)))
    said = [text.replace("\n", " ") for text in said]
    reach = next((r for r in (1.3, most) if r <= most and _fit(said, r, size, lines)), most)
    ax.xaxis.set_ticklabels([shorten(text, reach, size, lines) for text in said])
    ax.tick_params(axis="x", labelrotation=90)


def fit_turned(names: Sequence[str], pitch: float) -> bool:
    """Whether names have room below columns of so many inches, if they are turned."""
    return _fit(names, _REACH, _LEAST, max(1, int(72 * pitch / (_LEADING * _LEAST))))


def _fit(texts: Sequence[str], width: float, points: float, lines: int) -> bool:
    """Whether texts have room in so many lines of this width."""
    return all(wrap(text, width, points).count("\n") < lines for text in texts)


def _thin_out(axis: Axis, length: float, *, vertical: bool, drawn: bool = True) -> None:
    """Fewer numbers, where those of an axis of this length in inches would touch.

    Where it is not `drawn`, places are reckoned from the length.
    """
    shown = _shown(axis)
    if len(shown) < 2 or (vertical and named_ticks(axis)):
        return
    size = float(shown[0].get_fontsize())
    if vertical:
        room = size * _LEADING / 72
    else:
        room = max(inches(label.get_text(), size) for label in shown) + 0.06
    if drawn:
        extents = [label.get_window_extent() for label in shown]
        boxes = [(box.y0, box.y1) if vertical else (box.x0, box.x1) for box in extents]
    else:
        boxes = _reckoned(axis, shown, length, vertical=vertical)
    if all(a[1] + 2 <= b[0] for a, b in itertools.pairwise(sorted(boxes))):
        return
    said = [label.get_text() for label in shown]
    if isinstance(axis.get_major_locator(), FixedLocator):
        placed = sorted((*box, text) for box, text in zip(boxes, said, strict=True))
        kept = {text for *_, text in _of_even(placed) or _one_by_one(placed)}
        every = [label.get_text() for label in axis.get_majorticklabels()]
        axis.set_ticklabels([text if text in kept else "" for text in every])
    elif axis.get_scale() == "linear":
        steps = [1, 2, 2.5, 5, 10]
        axis.set_major_locator(MaxNLocator(max(1, int(length / room) - 1), steps=steps))


def _of_even(placed: Sequence[tuple[float, float, str]]) -> Sequence[tuple[float, float, str]]:
    """Every second, third, ... label of an even axis, so that none overlap; none of another one."""
    gaps = np.diff([start + end for start, end, _ in placed])
    if np.ptp(gaps) > 0.05 * gaps.mean():
        return []
    steps = (placed[::step] for step in range(1, len(placed) + 1))
    return next(few for few in steps if all(a[1] + 2 <= b[0] for a, b in itertools.pairwise(few)))


def _one_by_one(placed: Sequence[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Labels that do not overlap the one that was kept before them."""
    kept: list[tuple[float, float, str]] = []
    for one in placed:
        if not kept or one[0] >= kept[-1][1] + 2:
            kept.append(one)
    return kept


def _reckoned(
    axis: Axis, shown: Sequence[Text], length: float, *, vertical: bool
) -> list[tuple[float, float]]:
    """From where to where labels of an axis of this length in inches reach, in 1/100 inch."""
    scale = axis.get_transform().transform
    low, high = scale(np.sort(axis.get_view_interval()))
    places = [label.get_position()[vertical] for label in shown]
    at = np.abs(scale(np.array(places)) - low) / abs(high - low) * length
    reach = [0.012 * float(label.get_fontsize()) if vertical else _wide(label) for label in shown]
    return [(100 * (p - r / 2), 100 * (p + r / 2)) for p, r in zip(at, reach, strict=True)]


def _missing(panels: Sequence[Axes], dpi: float) -> float:
    """Inches by which rows of panels are too low for their names, or left too low by others."""
    by_row: dict[int, float] = {}
    for number, ax in enumerate(panels):
        spec = ax.get_subplotspec()
        row = number if spec is None else spec.rowspan.start
        height = float(ax.get_window_extent().height) / dpi
        turned = any(label.get_rotation() for label in named_ticks(ax.xaxis))
        by_row[row] = max(by_row.get(row, 0.0), _LOWEST - height if turned else 0.0)
        labels = named_ticks(ax.yaxis)
        if len(labels) < 2 or not labels[0].get_visible():
            continue
        line = float(labels[0].get_fontsize()) * _LEADING / 72
        low, high = sorted(ax.get_ylim())
        lines = [label.get_text().count("\n") + 1 for label in labels]
        rows = sorted(zip(ax.yaxis.get_majorticklocs(), lines, strict=True))
        factor = max(
            (a[1] + b[1]) / 2 * line / (height * (b[0] - a[0]) / (high - low))
            for a, b in itertools.pairwise(rows)
        )
        by_row[row] = max(by_row[row], height * (factor - 1))
    return sum(by_row.values())

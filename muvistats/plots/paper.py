"""The paper that a figure is drawn on: its width, size of type, and the axes of the user."""

from __future__ import annotations

import io
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from ..arguments import check_choice
from ..errors import DesignError

#: Width of a figure: a column of a journal, or both.
Width = Literal["column", "text"]

INK, GREY = "#222222", "#767676"

#: Millimetres, type relative to that of the default, share of the width for names of rows.
WIDTHS: dict[str | None, tuple[float, float, float]] = {
    None: (0.0, 1.0, 0.5),
    "column": (85.0, 0.82, 0.42),
    "text": (175.0, 0.9, 0.42),
}

_SMALLEST = 6.5  # points, of a figure in a paper
HEADER = 0.68  # inches above the axes
_NARROWEST = 5.4  # inches that title and mark need side by side


@dataclass(frozen=True)
class Place:
    """Where a figure goes: a figure of its own of some width, or axes of the user."""

    width: str | None = None
    ax: Axes | None = None
    #: What stood in the axes of the user before.
    before: dict[Text, str] = field(default_factory=dict, compare=False)
    #: Letters that no font draws.
    undrawn: set[str] = field(default_factory=set, compare=False)
    #: Names for which the axes of the user have no room.
    left_out: list[str] = field(default_factory=list, compare=False)

    @property
    def type(self) -> str | None:
        """Width whose type is used: that of a column in narrow axes of the user."""
        fits = self.ax is None or room_of(self.ax) >= _NARROWEST
        return self.width if fits else "column"

    @classmethod
    def of(cls, width: Any, ax: Any) -> Place:
        """Place that the arguments of a figure name."""
        check_choice("width", width, WIDTHS)
        if ax is not None and not (isinstance(ax, Axes) and ax.name == "rectilinear"):
            raise DesignError(
                f"ax must be rectilinear axes of matplotlib, not {type(ax).__name__}; "
                "fig, ax = plt.subplots() makes some"
            )
        if ax is not None and width is not None:
            raise DesignError("width is that of a figure of its own; axes have theirs already")
        texts = ax.findobj(Text) if ax is not None else []
        return cls(width, ax, {text: text.get_text() for text in texts})


def room_of(ax: Axes) -> float:
    """Inches that axes of the user, with their names, may take: the cell of their grid."""
    return cell_of(ax)[0]


def cell_of(ax: Axes) -> tuple[float, float]:
    """Inches across and up of the cell of axes; of axes without a grid, their own."""
    spec = ax.get_subplotspec()
    dpi = float(root_of(ax).dpi)
    if spec is None:
        box = ax.get_window_extent()
        return float(box.width) / dpi, float(box.height) / dpi
    sheet = ax.get_figure(root=False).bbox  # type: ignore[union-attr]
    grid = spec.get_gridspec()
    across = float(sheet.width) / dpi * len(spec.colspan) / grid.ncols
    return across, float(sheet.height) / dpi * len(spec.rowspan) / grid.nrows


#: Place of the figure that is being drawn.
PLACE: ContextVar[Place] = ContextVar("place", default=Place())  # noqa: B039 - frozen


def size(points: float) -> float:
    """Size of type where it is `points` by default."""
    width = PLACE.get().type
    return points if width is None else max(_SMALLEST, points * WIDTHS[width][1])


def wide_of() -> float | None:
    """Width that was asked for, in inches."""
    asked = PLACE.get().width
    return None if asked is None else WIDTHS[asked][0] / 25.4


def narrow() -> bool:
    """Whether the figure, or axes of the user, is as wide as a column."""
    return PLACE.get().type == "column"


class Sheet(Figure):
    """Figure that a notebook shows, though pyplot does not know it."""

    head = HEADER

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png")
        return stream.getvalue()

    def grow(self, more: float) -> None:
        """Make the figure this many inches higher, below the header."""
        width, height = self.get_size_inches()
        self.set_size_inches(width, height + more)
        engine = self.get_layout_engine()
        if engine is not None:
            share = (self.head - 0.04) / (height + more)
            engine.set(rect=(0, 0, 1, 1 - share))  # type: ignore[call-arg]


def new_figure(
    width: float, height: float, *, layout: Literal["constrained"] | None = "constrained"
) -> Sheet:
    """Figure of this size in inches, header not counted, that needs no screen."""
    wide = wide_of() or max(width, _NARROWEST)
    return Sheet(figsize=(wide, height + HEADER), layout=layout)


def root_of(ax: Axes) -> Figure:
    """Figure that holds axes, within whatever other figure."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure

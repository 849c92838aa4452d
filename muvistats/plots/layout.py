"""Where things stand: panels at each width, header, legend, colour bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import ScaledTranslation

from ..errors import DataError
from ..results.frame import provenance
from .fonts import tell_of, use_fonts
from .lettering import fit_axes, fit_text, inches, named_ticks, wrap
from .paper import (
    GREY,
    HEADER,
    PLACE,
    WIDTHS,
    Sheet,
    cell_of,
    narrow,
    new_figure,
    room_of,
    root_of,
    size,
    wide_of,
)

#: Text that marks a figure of simulated data.
SIMULATED = "simulated data"

_PAGE = 8.6  # inches that panels below each other may take
_ROUNDS = 4  # a higher figure may shrink its panels again


def panels(
    rows: int,
    columns: int,
    width: float,
    height: float,
    *,
    least: float = 2.2,
    ratios: Sequence[float] | None = None,
    **share: Any,
) -> tuple[Figure, npt.NDArray[Any]]:
    """Figure and its panels, side by side as far as the width has room for them.

    Parameters
    ----------
    rows, columns : int
        Panels below and beside each other.
    width, height : float
        Size of the figure in inches, header not counted, where no width is asked for.
    least : float
        Inches that a panel needs. Where a column of a journal has less, the panels of a row stand
        below each other.
    ratios : sequence of float, optional
        Heights of the rows.
    **share
        ``sharex``, ``sharey``: True or "row", as `Figure.subplots` has them.

    Returns
    -------
    Figure, ndarray of Axes, shape (rows, columns)
        The panels by their meaning, wherever they stand.
    """
    place = PLACE.get()
    if place.ax is not None:
        need_one_panel(rows * columns)
        grid = np.array([[place.ax]])
        return root_of(place.ax), grid
    beside = _beside(columns, least)
    lines = -(-columns // beside)
    tall = height * lines
    if wide_of() or lines > 1:  # a page holds it, unless the text needs more
        tall = min(tall, max(height, _PAGE) if lines > 1 else _PAGE)
    fig = new_figure(width, tall)
    if lines == 1:
        return fig, fig.subplots(rows, columns, squeeze=False, height_ratios=ratios, **share)
    flat = fig.subplots(rows * lines, beside, squeeze=False)
    by_row = flat.reshape(rows, lines * beside)
    for unused in by_row[:, columns:].ravel():
        unused.set_visible(False)
    grid = by_row[:, :columns]
    _share(grid, **share)
    return fig, grid


def need_one_panel(number: int) -> None:
    """Refuse axes of the user for several panels."""
    if PLACE.get().ax is not None and number > 1:
        raise DataError(
            "ax= takes figures of one panel; choose one part of what is drawn, or leave ax out",
            found=f"{number} panels",
            expected="1",
        )


def _beside(columns: int, least: float) -> int:
    """Panels of at least so many inches that fit beside each other."""
    wide = wide_of()
    return max(1, min(columns, int((wide - 0.4) / least))) if wide and least else columns


def lines_of(widths: Mapping[str, float], between: float) -> tuple[list[list[str]], float]:
    """Diagrams that stand beside each other, and by how much all are narrower than by default."""
    wide = wide_of()
    if wide is None:
        return [list(widths)], 1.0
    room = wide - 0.3
    scale = min(1.0, room / max(widths.values()))
    lines: list[list[str]] = [[]]
    for name, width in widths.items():
        taken = sum(widths[other] + between for other in lines[-1])
        if lines[-1] and (taken + width) * scale > room:
            lines.append([])
        lines[-1].append(name)
    return lines, scale


def _share(grid: npt.NDArray[Any], sharex: Any = False, sharey: Any = False) -> None:
    """Common limits of panels that stand elsewhere than they mean; each keeps its numbers."""
    for wanted, join in ((sharex, Axes.sharex), (sharey, Axes.sharey)):
        for row in grid:
            for column, ax in enumerate(row):
                first = row[0] if wanted == "row" else grid[0, column if wanted == "col" else 0]
                if wanted and ax is not first:
                    join(ax, first)


def several(
    number: int,
    columns: int,
    width: float,
    height: float,
    *,
    least: float = 2.2,
    beside: float = 0.0,
    **share: Any,
) -> tuple[Figure, list[Axes]]:
    """Figure and panels of a kind, each of this size, line after line; `beside` is added once."""
    columns = _beside(min(columns, number), least)
    lines = -(-number // columns)
    fig, grid = panels(lines, columns, beside + width * columns, height * lines, least=0, **share)
    for unused in grid.flat[number:]:
        unused.set_visible(False)
    return fig, list(grid.flat[:number])


def panel(width: float, height: float, *, keep_shape: bool = False) -> tuple[Figure, Axes]:
    """Figure of one panel, or the axes of the user; `keep_shape` makes a narrow one lower too."""
    if keep_shape and (wide := wide_of()):
        height *= min(1.0, 1.15 * wide / width)
    fig, grid = panels(1, 1, width, height)
    return fig, grid[0, 0]


def header(fig: Figure, data: object, title: str, note: str = "", *, labels: bool = False) -> None:
    """Title, subtitle and, for simulated data, the mark; the same place in every figure.

    In axes of the user the title stands above them where there is none yet, with the mark.

    Parameters
    ----------
    fig : Figure
        The figure.
    data : object
        Tree or frame that is drawn; tells the origin and the reading of the labels.
    title, note : str
        Title, and what else to say below it.
    labels : bool
        Whether labels or familiarity are drawn, so that their reading belongs into the subtitle.
    """
    origin = provenance(data)
    readings = {"released": "labels as released", "corrected": "labels corrected by one trial"}
    reading = readings.get(str(origin["alignment"]), "") if labels else ""
    ax = PLACE.get().ax
    if ax is not None:
        _title_of(ax, title, SIMULATED if origin["simulated"] else "")
        return
    assert isinstance(fig, Sheet)
    wide = float(fig.get_size_inches()[0])
    room = wide - 0.2
    mark = inches(SIMULATED, size(9), bold=True) + 0.2 if origin["simulated"] else 0.0
    first = wrap(title, room - mark, size(11), bold=True)
    second = wrap("; ".join(text for text in (note, reading) if text), room, size(8.5))
    from_top = fig.dpi_scale_trans + ScaledTranslation(0, 1, fig.transFigure)  # type: ignore[arg-type]
    common: dict[str, Any] = {"transform": from_top, "va": "top"}
    fig.text(0.1, -0.08, first, ha="left", fontsize=size(11), fontweight="bold", **common)
    below = 0.24 + first.count("\n") * size(11) * 1.2 / 72
    fig.text(
        0.1,
        -0.08 - below,
        second,
        ha="left",
        fontsize=size(8.5),
        color=GREY,
        linespacing=1.1,
        gid="note",
        **common,
    )
    if mark:
        fig.text(
            wide - 0.1,
            -0.1,
            SIMULATED,
            ha="right",
            fontsize=size(9),
            fontweight="bold",
            color="white",
            bbox={"boxstyle": "round,pad=0.35", "facecolor": "#B5400A", "edgecolor": "none"},
            **common,
        )
    lines = second.count("\n") + 1 if second else 0
    fig.head = max(HEADER, 0.08 + below + lines * size(8.5) * 1.25 / 72 + 0.06)
    fig.grow(fig.head - HEADER)


def _title_of(ax: Axes, title: str, mark: str) -> None:
    """Title of axes of the user: their own part of the figure where it has a name."""
    room = 0.75 * room_of(ax)
    own = wrap(ax.get_title("left") or title, room, size(10), bold=True)
    ax.set_title("\n".join(filter(None, (own, mark))))


def legend(fig: Figure, handles: Sequence[Any] | None = None, *, ncols: int = 4) -> None:
    """Legend below the panels, in as many columns as the width has room for."""
    ax = PLACE.get().ax
    if handles is None:
        shown = fig.axes[0] if ax is None else ax
        handles = shown.get_legend_handles_labels()[0]
    if not handles:
        return
    if ax is not None:
        ax.legend(handles=list(handles))
        return
    points = size(8.5)
    room = float(fig.get_size_inches()[0]) - 0.1
    names = [wrap(str(each.get_label()), room - 0.6, points) for each in handles]
    widths = [inches(name, points) for name in names]
    columns = min(ncols, len(names))
    em = points / 72
    while columns > 1:
        deep = -(-len(names) // columns)
        taken = sum(max(widths[i : i + deep]) + 4.8 * em for i in range(0, len(names), deep))
        if taken - 2 * em <= room:
            break
        columns -= 1
    place: Any = "outside lower center" if fig.get_layout_engine() else "lower center"
    fig.legend(handles=list(handles), labels=names, loc=place, ncols=columns)


def key(fig: Figure, ax: Axes, handles: Sequence[Any] | None = None, **inside: Any) -> None:
    """Legend within a panel, or below all where panels are small."""
    if PLACE.get().width is not None:
        legend(fig, handles if handles is not None else ax.get_legend_handles_labels()[0])
    elif handles is None:
        ax.legend(**inside)
    else:
        ax.legend(handles=list(handles), **inside)


def x_name(fig: Figure, text: str) -> None:
    """One name of the horizontal axes of all panels."""
    ax = PLACE.get().ax
    if ax is None and not narrow():
        fig.supxlabel(text, fontsize=size(9))
        return
    for each in fig.axes if ax is None else [ax]:
        each.set_xlabel(text)


def colour_bar(
    fig: Figure, image: ScalarMappable, axes: Sequence[Axes], label: str, **look: Any
) -> None:
    """Colour scale right of the panels, in a column below them."""
    ax = PLACE.get().ax
    if ax is not None:
        bar = fig.colorbar(image, cax=ax.inset_axes((1.03, 0, 0.035, 1)))
    elif narrow():
        ends = [each.get_subplotspec().rowspan.stop for each in axes]  # type: ignore[union-attr]
        lowest = [each for each, end in zip(axes, ends, strict=True) if end == max(ends)]
        bar = fig.colorbar(image, ax=lowest, location="bottom", aspect=28, shrink=0.9, pad=0.02)
    else:
        bar = fig.colorbar(image, ax=list(axes), aspect=28, **look)
    bar.set_label(label)
    bar.outline.set_visible(False)


def _prune(fig: Figure) -> None:
    """Leave out what the panel below, above or to the left says too."""
    panels = {
        (spec.rowspan.start, spec.colspan.start): ax
        for ax in fig.axes
        if ax.get_visible() and (spec := ax.get_subplotspec()) is not None
    }
    titles = {place: ax.get_title("left") for place, ax in panels.items()}
    names = {place: ax.get_ylabel() for place, ax in panels.items()}
    for (row, column), ax in panels.items():
        below, left = panels.get((row + 1, column)), panels.get((row, column - 1))
        if below is not None and ax.get_shared_x_axes().joined(ax, below):
            ax.tick_params(labelbottom=False)
            if ax.get_xlabel() == below.get_xlabel():
                ax.set_xlabel("")
        if left is not None and ax.get_shared_y_axes().joined(ax, left):
            ax.tick_params(labelleft=False)
        if left is not None and names[row, column - 1] == names[row, column]:
            ax.set_ylabel("")
        if titles.get((row - 1, column)) == titles[row, column]:
            ax.set_title("")


def write_names(fig: Figure) -> None:
    """Let names of others be drawn as they are: no formulas, and other fonts where they need them.

    Of axes of the user, what stood there before is left alone.
    """
    place = PLACE.get()
    if place.ax is None:
        place.undrawn.update(use_fonts(fig.axes, fig.findobj(Text)))
        return
    named = [label for axis in (place.ax.xaxis, place.ax.yaxis) for label in named_ticks(axis)]
    texts = [t for t in place.ax.findobj(Text) if place.before.get(t) != t.get_text()]
    for text in (*named, *texts):
        text.set_parse_math(False)
    place.undrawn.update(use_fonts([place.ax], texts))


def finish(fig: Figure) -> None:
    """Fit the text of a figure of our own into its width."""
    write_names(fig)
    place = PLACE.get()
    ax = place.ax
    if ax is not None:
        place.left_out.extend(fit_axes(ax, cell_of(ax), below=narrow()))
    tell_of(place.undrawn, place.left_out)
    if ax is not None or not isinstance(fig, Sheet) or fig.get_layout_engine() is None:
        return
    _prune(fig)
    for turn in range(_ROUNDS):
        missing = fit_text(fig, WIDTHS[place.width][2])
        if missing > 0.02:
            fig.grow(missing)
        elif turn or wide_of() is None:
            break

"""Matrices of things against themselves: labels, raters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from ..results.words import fixed
from ..types import Floats, Mask
from .layout import panel
from .lettering import fit_turned, inches
from .paper import INK, PLACE, Place, root_of, size, wide_of
from .style import PALE

#: Share of the width of a figure that the cells take, about.
_CELLS = 0.6


def matrix_panel(n: int) -> tuple[Figure, Axes]:
    """Figure for a matrix of `n` rows, or the axes of the user."""
    fits = not is_crowded(_CELLS * (wide_of() or 8.2) / n)
    return panel(max(8.2, 2.8 + 0.2 * n), max(7.0, 1.6 + 0.2 * n), keep_shape=fits)


def is_crowded(cell: float) -> bool:
    """Whether cells of so many inches are too small for names of columns."""
    return cell < size(8.5) * 1.2 / 72


def heat_map(
    ax: Axes,
    values: Floats,
    names: Sequence[str],
    *,
    drawn: Mask,
    cmap: str,
    limits: tuple[float, float],
    least: float = 0.0,
) -> AxesImage:
    """Cells with their colours and names, numbered where the names of columns have no room.

    Parameters
    ----------
    ax : Axes
        The axes.
    values : ndarray of float, shape (n, n)
        What is drawn; what is undefined is grey.
    names : sequence of str
        Names of rows and columns.
    drawn : ndarray of bool, shape (n, n)
        Cells that are there.
    cmap : str
        Name of the colour map.
    limits : tuple of float
        Ends of the colour scale.
    least : float
        Cells of at least this size carry their value, where it has room.

    Returns
    -------
    AxesImage
        The image, for a colour bar.
    """
    count = len(names)
    cell = _cell(ax, count)
    crowded = is_crowded(cell) or not fit_turned(names, cell)
    image = ax.imshow(
        np.ma.masked_where(~drawn | np.isnan(values), values),
        cmap=cmap,
        vmin=limits[0],
        vmax=limits[1],
        aspect="auto" if crowded else "equal",
    )
    undefined = [
        Rectangle((j - 0.5, i - 0.5), 1, 1) for i, j in np.argwhere(drawn & np.isnan(values))
    ]
    ax.add_collection(PatchCollection(undefined, color=PALE, gid="undefined"))
    text_size = size(5.5)
    if PLACE.get() == Place() or cell > inches("\u2212.22", text_size):
        middle, reach = sum(limits) / 2, (limits[1] - limits[0]) / 2
        for i, j in np.argwhere(drawn & (np.abs(np.nan_to_num(values)) >= least)):
            if np.isnan(values[i, j]):
                continue
            dark = abs(values[i, j] - middle) > 0.55 * reach
            text = fixed(values[i, j], 2).replace("0.", ".")
            shade = "w" if dark else INK
            ax.text(j, i, text, ha="center", va="center", fontsize=text_size, color=shade)
    if crowded:
        ax.set_yticks(range(count), [f"{name} ({i})" for i, name in enumerate(names, start=1)])
        ax.set_xticks(range(count), [str(i) for i in range(1, count + 1)])
    else:
        ax.set_yticks(range(count), names)
        ax.set_xticks(range(count), names, rotation=90)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return image


def _cell(ax: Axes, count: int) -> float:
    """Inches of a cell, as far as they are known before the names are placed."""
    if PLACE.get().ax is None:
        return _CELLS * float(root_of(ax).get_size_inches()[0]) / count
    return float(ax.get_window_extent().width) / float(root_of(ax).dpi) / count

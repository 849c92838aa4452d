"""Figure of the labels on the plane of valence and arousal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..dataset.gate import takes_study
from ..errors import DataError
from ..stats.shared.study import choose_dimensions, label_names, to_frame
from ..types import Floats, Names
from .layout import header, legend, panel, write_names
from .lettering import fit_axes, inches, shorten, wrap
from .paper import GREY, INK, PLACE, Sheet, Width, cell_of, root_of, size
from .style import sign, styled, words

#: Points between a mark and its text, from near to far, and directions.
_RADII = (3.0, 6.0, 10.0, 15.0, 21.0, 28.0, 36.0, 46.0, 58.0, 72.0, 90.0, 110.0)
_COVERED = 20.0  # square points of text that may be over other text
_FREE = 0.5  # of one text
_ANGLES = np.linspace(0, 2 * np.pi, 24, endpoint=False)


@styled
@takes_study
def plot_label_plane(
    data: xr.DataTree | pd.DataFrame,
    *,
    labels: Names | None = None,
    dimension: Names | None = None,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw where labels stand on the plane of two rated dimensions.

    Parameters
    ----------
    dimension : sequence of str, optional
        The horizontal and the vertical dimension. By default valence and arousal, or the first
        two that the study has.

    Returns
    -------
    Figure
        Each label at the mean ratings of the annotations that have it; the larger the mark, the
        more of them there are. Lines cross at the mean of all annotations.

    Raises
    ------
    DataError
        When there are no two dimensions, or no annotation has both ratings and a label.

    See Also
    --------
    label_frequencies : How often each label was chosen.
    plot_dimension_distributions : Ratings on the same plane.

    Notes
    -----
    Ratings of a dynamic dimension are the medians of the annotations. The axes show the part of
    the scale that holds the labels.

    Examples
    --------
    >>> from muvistats import plot_label_plane, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> figure = plot_label_plane(study, labels=["sad", "joyful", "calm"])
    >>> sorted(text.get_text() for text in figure.axes[0].texts)
    ['Calm', 'Joyful', 'Sad']
    """
    across, up = _two(data, dimension)
    frame = to_frame(data)
    frame = frame.astype({across: "float64", up: "float64"})
    table = _means(frame, _chosen(data, labels), across, up)
    fig, ax = panel(6.6, 5.6, keep_shape=len(table) <= 30)
    look: dict[str, Any] = {"color": "#4C7A99", "alpha": 0.8, "linewidths": 0, "gid": "label"}
    ax.scatter(table["x"], table["y"], s=14 + 70 * table["n"] / table["n"].max(), **look)
    middle = frame[[across, up]].dropna().mean()
    ax.axvline(middle[across], color=GREY, linewidth=0.6, zorder=0)
    ax.axhline(middle[up], color=GREY, linewidth=0.6, zorder=0)
    ax.margins(0.18)
    ax.set(xlabel=words(across), ylabel=words(up))
    note = "mean of the annotations with the label; lines: mean of all"
    title = f"Labels on the plane of {words(across).lower()} and {words(up).lower()}"
    header(fig, data, title, note, labels=True)
    texts = [words(label) for label in table["label"]]
    numbered = write_beside(ax, table[["x", "y"]].to_numpy(), texts)
    legend(fig, [sign(text, "") for text in numbered])
    if fig.legends and isinstance(fig, Sheet):
        fig.grow(float(fig.legends[-1].get_window_extent().height) / fig.dpi)
    return fig


def _two(data: Any, dimension: Names | None) -> tuple[str, str]:
    known = choose_dimensions(data, dimension)
    if dimension is None and {"valence", "arousal"} <= set(known):
        return "valence", "arousal"
    if len(known) < 2 or (dimension is not None and len(known) > 2):
        raise DataError(
            "two rated dimensions are needed",
            column="dimension",
            found=", ".join(known),
            expected="the horizontal and the vertical one",
        )
    return known[0], known[1]


def _chosen(data: Any, labels: Names | None) -> list[str]:
    if isinstance(data, pd.DataFrame) and labels is not None:
        data = data.assign()
        data.attrs["labels"] = [labels] if isinstance(labels, str) else list(labels)
    known = label_names(data)
    names = [labels] if isinstance(labels, str) else list(labels if labels is not None else known)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise DataError("no such label", found=unknown[:1], expected=", ".join(known[:40]))
    return list(dict.fromkeys(names))


def _means(frame: pd.DataFrame, labels: Sequence[str], across: str, up: str) -> pd.DataFrame:
    """Mean ratings of the annotations with each label, and how many there are."""
    rated = frame[frame[[across, up]].notna().all(axis=1)]
    rows = []
    for label in labels:
        chosen = rated.loc[rated[label] == 1, [across, up]]
        if len(chosen):
            rows.append((label, chosen[across].mean(), chosen[up].mean(), len(chosen)))
    if not rows:
        raise DataError("no annotation has both ratings and one of the labels")
    return pd.DataFrame(rows, columns=["label", "x", "y", "n"])


def write_beside(ax: Axes, spots: Floats, texts: Sequence[str]) -> list[str]:
    """Text beside each mark, where it covers neither a mark nor another text.

    Where there is no room for that, texts are shortened; where there is none either, numbers stand.
    In axes of the user, which have no place for a key, texts without room are left out instead.

    Parameters
    ----------
    ax : Axes
        The axes, with their limits.
    spots : ndarray of float, shape (n, 2)
        Places of the marks.
    texts : sequence of str
        What to write; long ones first; a line leads to those further away.

    Returns
    -------
    list of str
        What the numbers stand for; empty where there are none.
    """
    fig, place = root_of(ax), PLACE.get()
    write_names(fig)
    if place.ax is not None:  # what stands around the axes takes its room first
        fit_axes(ax, cell_of(ax), below=True)
    fig.draw_without_rendering()
    inch = 72 / fig.dpi
    at = ax.transData.transform(spots) * inch
    frame = ax.get_window_extent()
    walls = np.array([frame.x0, frame.y0, frame.x1, frame.y1]) * inch
    points = size(8)
    room = (walls[2] - walls[0]) / 72
    numbers = [str(number) for number in range(1, len(texts) + 1)]
    for tried in (
        [wrap(text, 0.6 * room, points) for text in texts],
        [shorten(text, min(0.4 * room, 1.2), points, 2) for text in texts],
        *([numbers] if place.ax is None else []),
    ):
        placed = _place(at, tried, points, walls)
        if sum(cost for *_, cost in placed) < _COVERED:
            break
    for text, whole, spot, (away, far, cost) in zip(tried, texts, spots, placed, strict=True):
        if place.ax is not None and cost > _FREE:
            place.left_out.append(whole)
            continue
        ax.annotate(
            text,
            tuple(spot),
            xytext=tuple(away),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=points,
            color=INK,
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.5} if far else None,
        )
    numbered = [f"{n} {text}" for n, text in zip(numbers, texts, strict=True)]
    return numbered if tried is numbers else []


def _place(
    at: Floats, texts: Sequence[str], points: float, walls: Floats
) -> list[tuple[Floats, bool, float]]:
    """Where each text stands from its mark, whether far, and what it covers in square points."""
    taken = np.hstack([at - 3.5, at + 3.5])
    placed: dict[int, tuple[Floats, bool, float]] = {}
    for place in np.argsort([-len(text) for text in texts], kind="stable"):
        wide = 72 * inches(texts[place], points)
        high = 1.2 * points * (texts[place].count("\n") + 1)
        centre, box, cost = _free_box(at[place], (wide, high), taken, walls)
        if cost <= _FREE or PLACE.get().ax is None:  # else it is left out
            taken = np.vstack([taken, box])
        away = centre - at[place]
        far = np.hypot(max(abs(away[0]) - wide / 2, 0), max(abs(away[1]) - high / 2, 0)) > 9
        placed[place] = away, bool(far), cost
    return [placed[place] for place in range(len(texts))]


def _free_box(
    spot: Floats, shape: tuple[float, float], taken: Floats, walls: Floats
) -> tuple[Floats, Floats, float]:
    """Middle and box of the nearest free place beside a mark, or the least bad one and its cost."""
    half = np.array(shape) / 2
    radius, angle = (grid.ravel() for grid in np.meshgrid(_RADII, _ANGLES, indexing="ij"))
    way = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    centres = spot + way * (radius[:, None] + 3) + way * half
    boxes = np.hstack([centres - half, centres + half])
    both = np.minimum(boxes[:, None, 2:], taken[None, :, 2:]) - np.maximum(
        boxes[:, None, :2], taken[None, :, :2]
    )
    covered = np.prod(np.clip(both, 0, None), axis=2).sum(axis=1)
    out = np.clip(walls[:2] - boxes[:, :2], 0, None) + np.clip(boxes[:, 2:] - walls[2:], 0, None)
    cost = covered + 20 * out.sum(axis=1)
    best = int(np.argmin(cost > _FREE)) if (cost <= _FREE).any() else int(np.argmin(cost))
    return centres[best], boxes[best], float(cost[best])

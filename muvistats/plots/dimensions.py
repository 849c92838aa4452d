"""Figures of the rated dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from ..dataset import schema
from ..dataset.access import dimensions_of, on_unit_scale
from ..dataset.gate import scale_of, takes_study
from ..errors import DataError
from ..types import Floats, Names
from .layout import header, need_one_panel, panels
from .lettering import inches, wrap
from .paper import GREY, INK, Width, new_figure, size, wide_of
from .style import SEQUENTIAL, colours, styled, words

#: 33 bins that each hold 7 of the 231 positions of MuVi's pixel grid (multiples of 1/115), so
#: that no stripes appear; any other scale is as well off.
_EDGES = np.linspace(-115.5 / 115, 115.5 / 115, 34)

#: Inches: side of a plane, depth of its margins, distance from plane to plane.
_PLANE, _MARGIN, _PITCH = 2.25, 0.42, 3.0
_TICK = 0.25  # width of a number beside a plane


@styled
@takes_study
def plot_dimension_distributions(
    data: xr.DataTree,
    *,
    dimension: Names | None = None,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw how ratings are distributed, for each modality (the paper's Figure 2).

    Parameters
    ----------
    data : DataTree
        The study.
    dimension : sequence of str, optional
        The horizontal and the vertical dimension, or a single one. By default valence and
        arousal, or the first two that the study has.

    Returns
    -------
    Figure
        One panel per modality: share of all samples per bin, with the distribution of each
        dimension at its margin and the mean as a cross. With a single dimension, a histogram, which
        may go into axes of the user.
        Axes are on the scale as recorded, from end to end.

    Raises
    ------
    DataError
        When the study has no such dimension.

    See Also
    --------
    plot_label_plane : Labels on the same plane.
    describe_annotations : The same in numbers.

    Notes
    -----
    Every sample of every annotation counts, as recorded on the study's time grid; masked
    annotations (`keep_dynamic`) and missing samples are left out. The colour scale ends at the
    99.5% quantile of the bins, since the cursor starts and often stays at the centre.

    Examples
    --------
    >>> from muvistats import plot_dimension_distributions, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> figure = plot_dimension_distributions(study)
    >>> [ax.get_title("left") for ax in figure.axes if ax.get_title("left")]
    ['Music', 'Visual', 'Audiovisual']
    """
    names = _choose(data, dimension)
    annotations = data["annotations"].to_dataset()
    modalities = _modalities(annotations)
    samples = {modality: _samples(annotations, names, modality) for modality in modalities}
    total = sum(len(values) for values in samples.values())
    if total == 0:
        raise DataError("no sample of the rated dimensions is kept", found=names)
    colour = colours(schema.decode_levels(annotations["modality"].attrs["levels"]))
    unit = _unit(annotations, names)
    if len(names) == 2:
        need_one_panel(3 * len(modalities))  # margins are panels too
        scales = {name: scale_of(annotations[name]) for name in names}
        beside = _more_lines(names[1], 0.85 * _side(len(modalities), 0.0))
        beside += max(inches(text, size(8.5)) for text in _ticks(*scales[names[1]])) - _TICK
        beside = max(0.0, beside)
        side = _side(len(modalities), beside)
        below = _more_lines(names[0], side)
        above = max(_lines(m, side) - 1 for m in modalities) * size(10) / 60
        fig, spots = _sheet(len(modalities), side, (below, above, beside))
    else:
        wide = 1.0 + 2.6 * len(modalities)
        fig, grid = panels(1, len(modalities), wide, 2.6, least=1.8, sharey=True)
        axes = grid[0]
        low, high = scale_of(annotations[names[0]])
        for each, modality in zip(axes, modalities, strict=True):
            values = samples[modality][:, 0]
            weights = np.full(len(values), 100 / max(1, len(values)))
            edges = (low + high) / 2 + _EDGES * (high - low) / 2
            each.hist(values, bins=list(edges), weights=weights, color=colour[modality])
            each.axvline(values.mean() if len(values) else np.nan, color=INK, linewidth=1)
            each.set_title(_title(modality))
            each.set_xlabel(words(names[0]))
            each.set_ylabel(f"{unit} (%)")
    note = f"{total:,} {unit}; {'cross' if len(names) == 2 else 'line'}: mean"
    shown = [words(name).lower() for name in names[::-1]]
    header(fig, data, f"Distribution of {' and '.join(shown)}", note)
    if len(names) == 2:
        _planes(fig, samples, scales, colour, unit, spots)
    return fig


def _ticks(low: float, high: float) -> list[str]:
    """What stands at the ends and the middle of an axis."""
    return [f"{value:g}".replace("-", "\u2212") for value in (low, (low + high) / 2, high)]


def _more_lines(name: str, room: float) -> float:
    """Inches that the lines of a name take beyond its first."""
    return wrap(words(name), room, size(9)).count("\n") * size(9) / 60


def _beside(number: int, before: float) -> tuple[int, float]:
    """Planes in a line, and inches from one to the next."""
    if (wide := wide_of()) is None:
        return number, _PITCH
    room = wide - 1.3 - before
    beside = max(1, min(number, int(room / 1.75)))
    return beside, room / beside


def _side(number: int, before: float) -> float:
    """Side of each plane in inches."""
    return min(_PLANE, _beside(number, before)[1] - _PITCH + _PLANE + (0.15 if wide_of() else 0))


def _lines(modality: str, side: float) -> int:
    return wrap(_title(modality), side + _MARGIN, size(10), bold=True).count("\n") + 1


def _sheet(
    number: int, side: float, more: tuple[float, float, float]
) -> tuple[Figure, list[tuple[float, float, float]]]:
    """Figure for planes of this side, and left, bottom and side of each in inches.

    `more` is what names of several lines take more than one line: below, above and left of all.
    """
    below, above, before = more
    beside, pitch = _beside(number, before)
    lines = -(-number // beside)
    deep = side + _MARGIN + 0.75 + below + above
    left, bottom = (0.6, 0.5 + below) if wide_of() is None else (0.5, 0.45 + below)
    left += before
    fig = new_figure(1.3 + _PITCH * number + before, deep * lines + 0.1, layout=None)
    return fig, [
        (left + (k % beside) * pitch, bottom + deep * (lines - 1 - k // beside), side)
        for k in range(number)
    ]


def _unit(annotations: xr.Dataset, names: Sequence[str]) -> str:
    """What is counted: time steps of ratings, or ratings."""
    return "samples" if any("time" in annotations[name].dims for name in names) else "ratings"


def _title(modality: str) -> str:
    """Name of a modality; nothing where the study does not name the only one."""
    return "" if modality == "all" else words(modality)


def _choose(data: xr.DataTree, dimension: Names | None) -> list[str]:
    known = dimensions_of(data)
    if dimension is None:
        names = ["valence", "arousal"] if {"valence", "arousal"} <= set(known) else known[:2]
    else:
        names = [dimension] if isinstance(dimension, str) else list(dimension)
    unknown = [name for name in names if name not in known]
    if unknown or not 1 <= len(names) <= 2:
        raise DataError(
            "one or two rated dimensions of the study are needed",
            column="dimension",
            found=unknown[0] if unknown else names,
            expected=", ".join(known) or "a study with rated dimensions",
        )
    return names


def _modalities(annotations: xr.Dataset) -> list[str]:
    present = set(annotations["modality"].to_numpy().tolist())
    return [
        m for m in schema.decode_levels(annotations["modality"].attrs["levels"]) if m in present
    ]


def _samples(annotations: xr.Dataset, names: Sequence[str], modality: str) -> Floats:
    """Samples that count, (sample, dimension)."""
    keep = (annotations["modality"] == modality) & annotations["keep_dynamic"]
    part = annotations[list(names)].isel(annotation=keep.to_numpy())
    plane = len(names) == 2  # of two dimensions, whatever their scales
    arrays = xr.broadcast(*[on_unit_scale(part[n]) if plane else part[n] for n in names])
    values: Floats = np.stack([array.to_numpy().ravel() for array in arrays], axis=1)
    return values[~np.isnan(values).any(axis=1)]


def _planes(
    fig: Figure,
    samples: dict[str, Floats],
    scales: dict[str, tuple[float, float]],
    colour: dict[str, str],
    unit: str,
    spots: Sequence[tuple[float, float, float]],
) -> None:
    """One plane per modality, placed by hand so that all have the same size."""
    shares = {
        modality: np.histogram2d(values[:, 0], values[:, 1], bins=[_EDGES, _EDGES])[0]
        * (100 / max(1, len(values)))
        for modality, values in samples.items()
    }
    filled = np.concatenate([share[share > 0] for share in shares.values()])
    norm = Normalize(0, float(np.quantile(filled, 0.995)))
    peak = max(max(share.sum(axis=axis).max() for axis in (0, 1)) for share in shares.values())
    width, height = fig.get_size_inches()
    names = list(scales)
    across, up = (_ticks(*ends) for ends in scales.values())

    def add(left: float, bottom: float, wide: float, high: float) -> Axes:
        return fig.add_axes((left / width, bottom / height, wide / width, high / height))

    edge = max(left + side for left, _, side in spots) + _MARGIN + 0.33
    for (modality, share), (left, bottom, plane) in zip(shares.items(), spots, strict=True):
        main = add(left, bottom, plane, plane)
        image = main.pcolormesh(
            _EDGES,
            _EDGES,
            np.ma.masked_equal(share.T, 0),
            cmap=SEQUENTIAL,
            norm=norm,
            rasterized=True,
        )
        main.axhline(0, color=GREY, linewidth=0.6)
        main.axvline(0, color=GREY, linewidth=0.6)
        if len(samples[modality]):
            centre = samples[modality].mean(axis=0)
            for span, weight, ink in ((13, 3.6, "white"), (12, 1.8, INK)):
                main.plot(*centre, "+", color=ink, markersize=span, markeredgewidth=weight)
        main.set(xlim=(-1, 1), ylim=(-1, 1))
        main.set_xticks((-1, 0, 1), across)
        main.set_yticks((-1, 0, 1), up)
        main.set_xlabel(wrap(words(names[0]), plane, size(9)), labelpad=2)
        if left == spots[0][0]:
            main.set_ylabel(wrap(words(names[1]), plane, size(9)), labelpad=0)
        top = add(left, bottom + plane + 0.05, plane, _MARGIN)
        side = add(left + plane + 0.05, bottom, _MARGIN, plane)
        shade = colour[modality]
        top.stairs(share.sum(axis=1), _EDGES, fill=True, color=shade)
        side.stairs(share.sum(axis=0), _EDGES, fill=True, color=shade, orientation="horizontal")
        top.set(xlim=(-1, 1), ylim=(0, peak))
        side.set(ylim=(-1, 1), xlim=(0, peak))
        top.set_title(wrap(_title(modality), plane + _MARGIN, size(10), bold=True))
        top.axis("off")
        side.axis("off")
    bar = fig.colorbar(image, cax=add(edge, spots[0][1], 0.12, spots[0][2]), extend="max")
    bar.set_label(f"{unit} per bin (%)")
    bar.outline.set_visible(False)

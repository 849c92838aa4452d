"""Figure of the architecture of networks, drawn from the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Patch

from ..errors import DataError
from .layers import Layer, Network, read_network
from .layout import header, legend, lines_of
from .lettering import wrap
from .networks import network_name
from .paper import GREY, INK, Width, narrow, new_figure, size
from .style import colours, styled

# Sizes of a diagram, in inches.
_BOX, _TALL, _SMALL, _GAP = 1.24, 0.36, 0.2, 0.25
_LANE = _BOX + 0.16
_SOURCE, _SOURCE_GAP, _BETWEEN = 0.86, 0.22, 0.42
_TITLE, _LEGEND = 0.5, 0.55

#: How light a box is: a share of its colour on white.
_TINT = 0.2

_JOINT = "all"

_ARROW: dict[str, Any] = {
    "arrowstyle": "-|>",
    "color": GREY,
    "linewidth": 0.9,
    "shrinkA": 0,
    "shrinkB": 0,
    "mutation_scale": 7,
}
_DASHED = (0, (3, 2))


@styled
def plot_architectures(models: Any, *, width: Width | None = None) -> Figure:
    """Draw networks layer by layer, side by side (the paper's Figure 7).

    Parameters
    ----------
    models : mapping of str to keras.Model, sequence of keras.Model, or keras.Model
        The networks, by the titles that they get; else by their own names. What is drawn is read
        from each model's configuration.

    Returns
    -------
    Figure
        One panel per network. Boxes are layers, coloured by the features that reach them; beside
        the arrows stands the shape of what flows. A dashed arrow leads from another network to
        the layers that start from its weights (attribute ``initialised_from`` of the model).
        Frozen layers are hatched.

    Raises
    ------
    DataError
        When something is no functional Keras model.

    See Also
    --------
    deep.network_models : Trains these networks.
    plot_architecture_comparison : How well they predict.

    Examples
    --------
    >>> from muvistats import plot_architectures
    >>> from muvistats.deep import early_fusion, late_fusion, pair, unimodal
    >>> isolated = unimodal(988, kind="audio"), unimodal(60, kind="visual")  # doctest: +SKIP
    >>> networks = [early_fusion(988, 60), late_fusion(988, 60), pair(*isolated)]  # doctest: +SKIP
    >>> plot_architectures(networks).savefig("architectures.png")  # doctest: +SKIP
    """
    networks = {title: read_network(model) for title, model in _by_title(models).items()}
    inputs = {x.name for one in networks.values() for x in one.layers if x.is_input}
    colour = colours([*sorted(inputs), _JOINT])
    places = {title: _places(network) for title, network in networks.items()}
    widths = {title: _width(network) for title, network in networks.items()}
    lowest = min(y for spots in places.values() for _, y in spots.values())
    height = _TALL / 2 + _GAP + 0.1 - lowest
    rows, scale = lines_of(widths, _BETWEEN)
    total = max(sum(widths[title] + _BETWEEN for title in row) for row in rows) - _BETWEEN + 0.3
    height += _GAP * (len(rows) > 1)
    tall, below = height + _TITLE, _LEGEND + (0.5 if narrow() else 0.0)
    fig = new_figure(total, tall * len(rows) + below + 0.15, layout=None)
    drawn = list(networks.values())
    shapes = {x.shape for x in (y for one in drawn for y in one.layers) if x.is_input and x.shape}
    steps = {shape[0] for shape in shapes if len(shape) == 2}
    window = f"windows of {steps.pop()} time steps predict the next; " if len(steps) == 1 else ""
    note = f"{window}beside arrows: time steps \u00d7 values"
    header(fig, None, "Architectures of the networks", note)
    across, up = fig.get_size_inches()
    for number, row in enumerate(rows):
        left = (across - total * scale) / 2 + 0.15 * scale
        bottom = below + tall * (len(rows) - 1 - number)
        for title in row:
            wide = widths[title] * scale
            ax = fig.add_axes((left / across, bottom / up, wide / across, tall / up))
            ax.set_xlim(0, widths[title])
            ax.set_ylim(-height, _TITLE)
            ax.set_axis_off()
            _diagram(ax, networks[title], places[title], colour, scale)
            _panel_title(ax, title, networks[title], wide + 0.8 * _BETWEEN)
            left += wide + _BETWEEN * scale
    _diagram_legend(fig, drawn, colour)
    return fig


def _by_title(models: Any) -> dict[str, Any]:
    """Models by what stands above them."""
    if isinstance(models, Mapping):
        given = {str(title): model for title, model in models.items()}
    else:
        many = models if isinstance(models, Sequence) else [models]
        given = {}
        for number, model in enumerate(many, start=1):
            sources = getattr(model, "initialised_from", None)
            name = "pair" if sources else getattr(model, "name", "network")
            title = network_name(name)
            given[title if title not in given else f"{title} ({number})"] = model
    if not given:
        raise DataError("no network to draw", expected="Keras models")
    return given


def _places(network: Network) -> dict[str, tuple[float, float]]:
    """Middle of each box: inputs side by side at the top, what they feed below them."""
    inputs = [layer.name for layer in network.layers if layer.is_input]
    start = _SOURCE + _SOURCE_GAP if _sources(network, 0) else 0.0
    lane = {name: start + _BOX / 2 + _LANE * number for number, name in enumerate(inputs)}
    by_depth: dict[int, list[Layer]] = {}
    for layer in network.layers:
        by_depth.setdefault(layer.depth, []).append(layer)
    spots: dict[str, tuple[float, float]] = {}
    y = 0.0
    for depth in sorted(by_depth):
        row = by_depth[depth]
        tall = max(_SMALL if layer.is_small else _TALL for layer in row)
        y -= tall / 2
        taken: list[float] = []
        for layer in row:
            x = float(np.mean([lane[name] for name in layer.inputs])) if layer.inputs else start
            while any(abs(x - other) < _BOX for other in taken):
                x += _LANE
            taken.append(x)
            spots[layer.name] = (x, y)
        y -= tall / 2 + _GAP
    return spots


def _side(network: Network, layer: Layer) -> int:
    """Side on which another network stands whose weights this layer takes: 0 left, 1 right."""
    inputs = [each.name for each in network.layers if each.is_input]
    where = np.mean([inputs.index(name) for name in layer.inputs]) if layer.inputs else 0
    return int(len(inputs) > 1 and where > (len(inputs) - 1) / 2)


def _sources(network: Network, side: int) -> dict[str, list[Layer]]:
    """Layers that take weights, by the network that they take them from."""
    by_source: dict[str, list[Layer]] = {}
    for layer in network.layers:
        if layer.source and _side(network, layer) == side:
            by_source.setdefault(layer.source, []).append(layer)
    return by_source


def _width(network: Network) -> float:
    rows: dict[int, int] = {}
    for layer in network.layers:
        rows[layer.depth] = rows.get(layer.depth, 0) + 1
    sides = sum(bool(_sources(network, side)) for side in (0, 1))
    return _BOX + _LANE * (max(rows.values()) - 1) + sides * (_SOURCE + _SOURCE_GAP)


def _group(layer: Layer) -> str:
    """Input that a layer belongs to; the joint group where several reach it."""
    return next(iter(layer.inputs)) if len(layer.inputs) == 1 else _JOINT


def _tint(colour: str) -> tuple[float, float, float]:
    red, green, blue = (1 - _TINT * (1 - part) for part in to_rgb(colour))
    return red, green, blue


def _half(layer: Layer) -> float:
    return (_SMALL if layer.is_small else _TALL) / 2


def _diagram(
    ax: Axes,
    network: Network,
    spots: Mapping[str, tuple[float, float]],
    colour: Mapping[str, str],
    scale: float,
) -> None:
    """Boxes and arrows of one network."""
    read = {name for layer in network.layers for name in layer.inbound}
    for layer in network.layers:
        x, y = spots[layer.name]
        shade = colour[_group(layer)]
        half, big = _half(layer), 0 if layer.is_small else 1
        room = max(0.1, _BOX * scale - 0.04)
        box = FancyBboxPatch(
            (x - _BOX / 2, y - half),
            _BOX,
            2 * half,
            boxstyle=f"round,pad=0,rounding_size={0.15 if layer.is_input else 0.05}",
            facecolor="white" if layer.is_small else _tint(shade),
            edgecolor=shade,
            linewidth=0.7 if layer.is_small else 1.1,
            hatch="////" if layer.frozen else None,
            clip_on=False,
            gid=f"layer {layer.name}",
        )
        box.set_hatch_linewidth(0.5)
        ax.add_patch(box)
        ax.text(
            x,
            y,
            wrap(layer.text.lower() if layer.is_small else layer.text, room, size(7 + big)),
            ha="center",
            va="center_baseline",
            fontsize=size(7 + big),
            color=GREY if layer.is_small else INK,
            bbox={"facecolor": _tint(shade), "edgecolor": "none", "pad": 1}
            if layer.frozen
            else None,
        )
        for name in layer.inbound:
            _arrow(ax, network[name], layer, spots)
        if layer.name not in read:
            _output(ax, layer, x, y - half)
    for side in (0, 1):
        for source, layers in _sources(network, side).items():
            _source(ax, source, [spots[layer.name] for layer in layers], side)


def _arrow(ax: Axes, before: Layer, after: Layer, spots: Mapping[str, tuple[float, float]]) -> None:
    """Arrow between two layers, with the shape of what flows where it has changed."""
    (x, y), (to_x, to_y) = spots[before.name], spots[after.name]
    start = y - _half(before)
    ax.annotate(
        "",
        xy=(to_x + 0.5 * (x - to_x) * (x != to_x), to_y + _half(after)),
        xytext=(x, start),
        arrowprops=_ARROW,
        gid=f"arrow {before.name} {after.name}",
    )
    if before.shape is not None and before.rate is None:
        side = -1 if to_x > x else 1
        ax.text(
            x + side * 0.07,
            start - 0.6 * _GAP if x == to_x else start - 0.3 * _GAP,
            " \u00d7 ".join(f"{size:,}" for size in before.shape),
            ha="left" if side > 0 else "right",
            va="center",
            fontsize=size(6.5),
            color=GREY,
            gid=f"shape {before.name}",
        )


def _output(ax: Axes, layer: Layer, x: float, y: float) -> None:
    """Arrow out of the last layer, and what comes out."""
    ax.annotate(
        "",
        xy=(x, y - 0.6 * _GAP),
        xytext=(x, y),
        arrowprops=_ARROW,
    )
    said = layer.name.replace("_", " ")
    ax.text(x, y - 0.68 * _GAP, said, ha="center", va="top", fontsize=size(8), color=INK)


def _source(ax: Axes, name: str, spots: Sequence[tuple[float, float]], side: int) -> None:
    """Another network, and dashed arrows to the layers that start from its weights."""
    middle = float(np.mean([y for _, y in spots]))
    edge = spots[0][0] + (_BOX / 2 if side else -_BOX / 2)
    x = edge + (1 if side else -1) * (_SOURCE_GAP + _SOURCE / 2)
    tall = 0.56
    ax.add_patch(
        FancyBboxPatch(
            (x - _SOURCE / 2, middle - tall / 2),
            _SOURCE,
            tall,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor="white",
            edgecolor=GREY,
            linewidth=0.9,
            linestyle=_DASHED,
            clip_on=False,
            gid=f"source {name}",
        )
    )
    ax.text(
        x,
        middle,
        "weights of\n" + name.replace("_", " ").replace(" (", "\n("),
        ha="center",
        va="center",
        fontsize=size(7),
        color=INK,
        linespacing=1.15,
    )
    for _, y in spots:
        ax.annotate(
            "",
            xy=(edge, y),
            xytext=(x + (-1 if side else 1) * _SOURCE / 2, middle + 0.3 * (y - middle)),
            arrowprops=_ARROW | {"linestyle": _DASHED},
            gid=f"weights {name}",
        )


def _panel_title(ax: Axes, title: str, network: Network, wide: float) -> None:
    said = wrap(title, wide, size(10), bold=True)
    ax.text(0, _TITLE, said, ha="left", va="top", fontsize=size(10), fontweight="bold")
    if network.parameters is not None:
        text = f"{network.parameters:,} weights"
        ax.text(
            0,
            _TITLE - 0.21 * (1 + said.count("\n")),
            text,
            ha="left",
            va="top",
            fontsize=size(7.5),
            color=GREY,
        )


def _diagram_legend(fig: Figure, networks: Sequence[Network], colour: Mapping[str, str]) -> None:
    layers = [layer for network in networks for layer in network.layers]
    groups = {_group(layer) for network in networks for layer in network.layers}
    handles: list[Any] = [
        Patch(
            facecolor=_tint(shade),
            edgecolor=shade,
            label="all features" if name == _JOINT else f"{name.replace('_', ' ')} features",
        )
        for name, shade in colour.items()
        if name in groups
    ]
    if any(layer.source for layer in layers):
        dashed = Line2D([], [], color=GREY, linestyle=_DASHED, linewidth=0.9)
        dashed.set_label("starts from weights of another network")
        handles.append(dashed)
    if any(layer.frozen for layer in layers):
        handles.append(Patch(facecolor="white", edgecolor=GREY, hatch="////", label="frozen"))
    legend(fig, handles)

"""The graph of a network, read from a Keras model without importing Keras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import DataError


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a network, as a diagram needs it.

    Parameters
    ----------
    name, kind : str
        Its name and class.
    inbound : tuple of str
        Layers that feed it.
    shape : tuple of int or None
        Shape of what it gives, without windows; None where the model does not tell.
    units : int, optional
        Its size.
    activation : str
        Activation, empty for one without.
    rate : float, optional
        Share that a dropout layer drops.
    frozen : bool
        Whether it has weights that training leaves alone.
    source : str
        Network whose weights it starts from, empty for none.
    depth : int
        Longest way from an input.
    inputs : frozenset of str
        Inputs of the model that reach it.
    """

    name: str
    kind: str
    inbound: tuple[str, ...]
    shape: tuple[int, ...] | None = None
    units: int | None = None
    activation: str = ""
    rate: float | None = None
    frozen: bool = False
    source: str = ""
    depth: int = 0
    inputs: frozenset[str] = frozenset()

    @property
    def is_input(self) -> bool:
        """Whether features enter here."""
        return self.kind == "InputLayer"

    @property
    def is_small(self) -> bool:
        """Whether it has no weights of its own and gets a small box."""
        return self.units is None and not self.is_input

    @property
    def text(self) -> str:
        """What the box says."""
        if self.is_input:
            return f"{self.name.replace('_', ' ')} features"
        if self.rate is not None:
            return f"dropout {self.rate:g}"
        words = self.kind if self.units is None else f"{self.kind} {self.units}"
        return f"{words}, {self.activation}" if self.activation else words


@dataclass(frozen=True, slots=True)
class Network:
    """Layers of a network, each after those that feed it.

    Parameters
    ----------
    layers : tuple of Layer
        The layers.
    parameters : int, optional
        Number of weights; None where the model does not tell.
    """

    layers: tuple[Layer, ...]
    parameters: int | None = None

    def __getitem__(self, name: str) -> Layer:
        return next(layer for layer in self.layers if layer.name == name)


def read_network(model: Any) -> Network:
    """Read the graph of a functional Keras model.

    Parameters
    ----------
    model : keras.Model
        Anything whose ``get_config()`` is that of a functional model. Its ``layers`` tell the
        shapes that nothing reads, ``count_params()`` the number of weights, and
        ``initialised_from`` (name of a layer to name of a network) where weights come from; each
        may be missing.

    Returns
    -------
    Network
        The graph.

    Raises
    ------
    DataError
        When the model has no such configuration.
    """
    config = model.get_config() if hasattr(model, "get_config") else None
    if not (isinstance(config, Mapping) and config.get("layers")):
        raise DataError(
            "no graph to draw", found=type(model).__name__, expected="a functional Keras model"
        )
    shapes: dict[str, tuple[int, ...]] = {}
    raw = [_layer(entry, shapes) for entry in config["layers"]]
    _add_shapes(model, shapes)
    sources = dict(getattr(model, "initialised_from", None) or {})
    done: dict[str, Layer] = {}
    waiting = list(raw)
    while waiting:
        ready = [layer for layer in waiting if set(layer.inbound) <= set(done)]
        if not ready:
            raise DataError("the layers feed each other in a circle", found=waiting[0].name)
        for layer in ready:
            before = [done[name] for name in layer.inbound]
            done[layer.name] = replace(
                layer,
                shape=shapes.get(layer.name, layer.shape),
                source=str(sources.get(layer.name, "")),
                depth=1 + max((each.depth for each in before), default=-1),
                inputs=frozenset({layer.name}).union(*(each.inputs for each in before))
                if layer.is_input
                else frozenset().union(*(each.inputs for each in before)),
            )
        waiting = [layer for layer in waiting if layer.name not in done]
    unknown = sorted(set(sources) - set(done))
    if unknown:
        raise DataError("initialised_from names a layer that is not there", found=unknown[0])
    count = getattr(model, "count_params", None)
    return Network(tuple(done.values()), int(count()) if callable(count) else None)


def _layer(entry: Mapping[str, Any], shapes: dict[str, tuple[int, ...]]) -> Layer:
    """One entry of the configuration; notes the shapes of what it reads."""
    config: Mapping[str, Any] = entry["config"]
    inbound: dict[str, None] = {}
    for tensor in _tensors(entry.get("inbound_nodes", ())):
        name = str(tensor["keras_history"][0])
        inbound[name] = None
        shapes.setdefault(name, _plain(tensor["shape"]))
    kind, units = str(entry["class_name"]), config.get("units")
    shape = config.get("batch_shape")
    # an LSTM has its tanh by definition
    said = str(config.get("activation") or "") if kind == "Dense" else ""
    return Layer(
        name=str(config.get("name") or entry["name"]),
        kind=kind,
        inbound=tuple(inbound),
        shape=_plain(shape) if shape else ((int(units),) if units is not None else None),
        units=None if units is None else int(units),
        activation="" if said == "linear" else said,
        rate=config.get("rate") if kind == "Dropout" else None,
        frozen=units is not None and not config.get("trainable", True),
    )


def _add_shapes(model: Any, shapes: dict[str, tuple[int, ...]]) -> None:
    """Shapes that the layers tell, for those that no other layer reads."""
    for layer in getattr(model, "layers", ()):
        shape = getattr(getattr(layer, "output", None), "shape", None)
        if shape is not None:
            shapes.setdefault(str(layer.name), _plain(shape))


def _tensors(node: Any) -> Iterator[Mapping[str, Any]]:
    """Tensors that a layer reads, however deep they are nested."""
    if isinstance(node, Mapping):
        if node.get("class_name") == "__keras_tensor__":
            yield node["config"]
            return
        for value in node.values():
            yield from _tensors(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _tensors(value)


def _plain(shape: Any) -> tuple[int, ...]:
    """Shape without the windows of a batch."""
    return tuple(int(size) for size in tuple(shape)[1:] if size is not None)

"""The architectures, as functions that return Keras models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..arguments import check_choice, check_count
from ..errors import DesignError
from .backend import load_keras
from .protocols import Protocol, as_protocol

if TYPE_CHECKING:
    import keras

_KINDS = ("audio", "visual")


def unimodal(
    n_features: int, *, kind: str = "audio", protocol: str | Protocol = "strict"
) -> keras.Model:
    """Network of one kind of features (section 5.1).

    Parameters
    ----------
    n_features : int
        Number of features.
    kind : str
        Their kind, which names the layers: ``"audio"`` or ``"visual"``.
    protocol : str or Protocol
        Sizes of the layers.

    Returns
    -------
    keras.Model
        From windows (window, time step, feature) to the rating of the next step (window, 1), in
        [-1, 1]. Not compiled.

    Raises
    ------
    MissingExtraError
        When Keras is not installed.
    DesignError
        When `n_features` is no positive number, or the kind or protocol is unknown.

    See Also
    --------
    late_fusion : Both kinds of features.
    pair : Where it is transferred to.

    Notes
    -----
    Two stacked LSTM layers, each followed by dropout, and a dense layer with tanh.

    References
    ----------
    Hochreiter, S., & Schmidhuber, J. (1997). Long short-term memory. Neural Computation, 9(8),
    1735-1780. https://doi.org/10.1162/neco.1997.9.8.1735

    Examples
    --------
    >>> from muvistats.deep import unimodal
    >>> unimodal(988).output_shape  # doctest: +SKIP
    (None, 1)
    """
    settings = as_protocol(protocol)
    check_choice("kind", kind, _KINDS)
    keras = load_keras()
    frames = _input(keras, kind, n_features, settings)
    out = _output(keras, _block(keras, frames, kind, settings))
    return keras.Model(frames, out, name="unimodal")


def early_fusion(
    n_audio: int, n_visual: int, *, protocol: str | Protocol = "strict"
) -> keras.Model:
    """Network of both kinds of features, joined before the LSTM layers (A1, section 5.2).

    Parameters
    ----------
    n_audio, n_visual : int
        Number of features of each kind.
    protocol : str or Protocol
        Sizes of the layers.

    Returns
    -------
    keras.Model
        From two arrays of windows (window, time step, feature) to ratings (window, 1).

    Raises
    ------
    MissingExtraError
        When Keras is not installed.
    DesignError
        When a number of features is not positive, or the protocol is unknown.

    See Also
    --------
    late_fusion : Fusion at the end instead of the input.
    unimodal : One kind of features.

    References
    ----------
    Chua, P., Makris, D., Herremans, D., Roig, G., & Agres, K. (2022). Predicting emotion from music
    videos: exploring the relative contribution of visual and auditory information to affective
    responses. https://doi.org/10.48550/arXiv.2202.10453

    Examples
    --------
    >>> from muvistats.deep import early_fusion
    >>> early_fusion(988, 500).count_params() > 2_000_000  # doctest: +SKIP
    True
    """
    settings = as_protocol(protocol)
    keras = load_keras()
    inputs = [
        _input(keras, kind, size, settings)
        for kind, size in zip(_KINDS, (n_audio, n_visual), strict=True)
    ]
    joined = keras.layers.Concatenate(name="features")(inputs)
    out = _output(keras, _block(keras, joined, "fused", settings))
    return keras.Model(inputs, out, name="early_fusion")


def late_fusion(n_audio: int, n_visual: int, *, protocol: str | Protocol = "strict") -> keras.Model:
    """Network with a branch for each kind of features, joined after the LSTM layers (A2).

    Parameters
    ----------
    n_audio, n_visual : int
        Number of features of each kind.
    protocol : str or Protocol
        Sizes of the layers.

    Returns
    -------
    keras.Model
        From two arrays of windows (window, time step, feature) to ratings (window, 1).

    Raises
    ------
    MissingExtraError
        When Keras is not installed.
    DesignError
        When a number of features is not positive, or the protocol is unknown.

    See Also
    --------
    pair : The same network with branches that were trained before.
    early_fusion : Fusion at the input.

    Notes
    -----
    The branches are joined and go through a dense layer with relu to one with tanh.

    References
    ----------
    Chua, P., Makris, D., Herremans, D., Roig, G., & Agres, K. (2022). Predicting emotion from music
    videos: exploring the relative contribution of visual and auditory information to affective
    responses. https://doi.org/10.48550/arXiv.2202.10453

    Examples
    --------
    >>> from muvistats.deep import late_fusion
    >>> [tensor.name for tensor in late_fusion(988, 500).inputs]  # doctest: +SKIP
    ['audio', 'visual']
    """
    settings = as_protocol(protocol)
    keras = load_keras()
    inputs, ends = [], []
    for kind, size in zip(_KINDS, (n_audio, n_visual), strict=True):
        frames = _input(keras, kind, size, settings)
        inputs.append(frames)
        ends.append(_block(keras, frames, kind, settings))
    joined = keras.layers.Concatenate(name="branches")(ends)
    dense = keras.layers.Dense(settings.dense_units, activation="relu", name="fusion")(joined)
    return keras.Model(inputs, _output(keras, dense), name="late_fusion")


def pair(
    audio: keras.Model | int,
    visual: keras.Model | int,
    *,
    frozen: bool = False,
    protocol: str | Protocol = "strict",
) -> keras.Model:
    """Late fusion whose branches start from unimodal networks (PAIR, section 5.2).

    Parameters
    ----------
    audio, visual : keras.Model or int
        A `unimodal` network of this kind, trained on the ratings of the isolated modality; or a
        number of features, for a branch that starts anew.
    frozen : bool
        Whether the transferred layers keep their weights.
    protocol : str or Protocol
        Sizes of the layers, the same as those of the unimodal networks.

    Returns
    -------
    keras.Model
        A `late_fusion` network. Its attribute ``initialised_from`` names the source of each
        transferred layer.

    Raises
    ------
    MissingExtraError
        When Keras is not installed.
    DesignError
        When neither branch is a network, or a network is not `unimodal` of this kind and of
        these sizes.

    See Also
    --------
    unimodal : The networks that its branches come from.
    late_fusion : The same network without transfer.

    Notes
    -----
    All layers of the block are copied, the output layer of the unimodal network is not.

    References
    ----------
    Chua, P., Makris, D., Herremans, D., Roig, G., & Agres, K. (2022). Predicting emotion from music
    videos: exploring the relative contribution of visual and auditory information to affective
    responses. https://doi.org/10.48550/arXiv.2202.10453

    Examples
    --------
    >>> from muvistats.deep import pair, unimodal
    >>> network = pair(unimodal(988), 500)  # doctest: +SKIP
    >>> sorted(network.initialised_from)  # doctest: +SKIP
    ['audio_lstm_1', 'audio_lstm_2']
    """
    given = dict(zip(_KINDS, (audio, visual), strict=True))
    sources = {kind: each for kind, each in given.items() if not isinstance(each, int)}
    if not sources:
        raise DesignError("pair needs a unimodal network for at least one branch")
    sizes = [
        each if isinstance(each, int) else _width(each, kind, as_protocol(protocol))
        for kind, each in given.items()
    ]
    network = late_fusion(*sizes, protocol=protocol)
    network.initialised_from = {}
    for kind, source in sources.items():
        for layer in source.layers:
            if layer.name.startswith(f"{kind}_") and layer.weights:
                own = network.get_layer(layer.name)
                own.set_weights(layer.get_weights())
                own.trainable = not frozen
                network.initialised_from[layer.name] = f"{source.name} ({kind})"
    return network


def block_layers(kind: str, settings: Protocol) -> list[str]:
    """Names of the layers of a block that have weights, in order."""
    names = [f"{kind}_lstm_1", f"{kind}_lstm_2"]
    return [f"{kind}_dense", *names] if settings.block == "dense_lstm" else names


def _width(source: Any, kind: str, settings: Protocol) -> int:
    """Number of features of a unimodal network, which must be one of this kind and size."""
    there = {layer.name: layer for layer in getattr(source, "layers", ())}
    wanted = block_layers(kind, settings)
    if not set(wanted) <= set(there) or len(source.inputs) != 1:
        raise DesignError(f"the {kind} branch needs a network made by unimodal(kind={kind!r})")
    units = tuple(there[name].units for name in wanted[-2:])
    if units != settings.units:
        raise DesignError(
            f"the {kind} network has layers of {units}, the protocol wants {settings.units}"
        )
    return int(source.inputs[0].shape[-1])


def _input(keras: Any, kind: str, n_features: int, settings: Protocol) -> Any:
    size = check_count(f"{kind} features", n_features, least=1)
    return keras.Input((settings.window, size), name=kind)


def _block(keras: Any, frames: Any, name: str, settings: Protocol) -> Any:
    """Two LSTM layers with dropout; the steps are unrolled, since there are few."""
    layers = keras.layers
    if settings.block == "dense_lstm":
        frames = layers.Dense(settings.dense_units, name=f"{name}_dense")(frames)
    for number, size in enumerate(settings.units, start=1):
        lstm = layers.LSTM(
            size, return_sequences=number == 1, unroll=True, name=f"{name}_lstm_{number}"
        )
        frames = layers.Dropout(settings.dropout, name=f"{name}_dropout_{number}")(lstm(frames))
    return frames


def _output(keras: Any, values: Any) -> Any:
    return keras.layers.Dense(1, activation="tanh", name="rating")(values)

"""Layers and weights of the networks, on both backends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

AUDIO, VISUAL = 7, 5


def lstm_size(n_in: int, units: int) -> int:
    """Weights of an LSTM layer: four gates of inputs, states and a bias."""
    return 4 * units * (n_in + units + 1)


def dense_size(n_in: int, units: int) -> int:
    return units * (n_in + 1)


def block_size(n_in: int, units: tuple[int, int], dense: int | None) -> int:
    first = 0 if dense is None else dense_size(n_in, dense)
    return first + lstm_size(dense or n_in, units[0]) + lstm_size(*units)


def describe(name: str, sizes: tuple[int, ...], settings: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import replace

    import keras

    import muvistats.deep as deep

    protocol = replace(deep.PROTOCOLS[settings.pop("base", "strict")], **settings)
    network = getattr(deep, name)(*sizes, protocol=protocol)
    layers = [layer for layer in network.layers if layer.name not in ("audio", "visual")]
    return {
        "backend": keras.config.backend(),
        "params": network.count_params(),
        "inputs": [(tensor.name, tuple(tensor.shape)) for tensor in network.inputs],
        "output": tuple(network.output_shape),
        "kinds": [type(layer).__name__ for layer in layers],
        "names": [layer.name for layer in layers],
        "activations": [
            layer.activation.__name__ for layer in layers if type(layer).__name__ == "Dense"
        ],
        "rates": [layer.rate for layer in layers if type(layer).__name__ == "Dropout"],
        "sequences": [layer.return_sequences for layer in layers if type(layer).__name__ == "LSTM"],
        "concatenated": [
            [int(tensor.shape[-1]) for tensor in layer.input]
            for layer in layers
            if type(layer).__name__ == "Concatenate"
        ],
    }


@pytest.mark.parametrize("settings", [{}, {"units": (6, 3), "window": 2, "dropout": 0.4}])
def test_unimodal(backend, remote, settings):
    seen = remote(backend, describe, "unimodal", (AUDIO,), dict(settings))
    units = settings.get("units", (256, 256))
    assert seen["backend"] == backend
    assert seen["params"] == block_size(AUDIO, units, None) + dense_size(units[1], 1)
    assert seen["inputs"] == [("audio", (None, settings.get("window", 4), AUDIO))]
    assert seen["output"] == (None, 1)
    assert seen["kinds"] == ["LSTM", "Dropout", "LSTM", "Dropout", "Dense"]
    assert seen["sequences"] == [True, False]
    assert seen["rates"] == [settings.get("dropout", 0.2)] * 2
    assert seen["activations"] == ["tanh"]


def test_released_block(backend, remote):
    seen = remote(backend, describe, "unimodal", (AUDIO,), {"base": "released"})
    assert seen["kinds"] == ["Dense", "LSTM", "Dropout", "LSTM", "Dropout", "Dense"]
    assert seen["activations"] == ["linear", "tanh"]
    assert seen["params"] == block_size(AUDIO, (256, 128), 256) + dense_size(128, 1)


@pytest.mark.parametrize("base", ["strict", "released"])
def test_early_fusion(backend, remote, base):
    seen = remote(backend, describe, "early_fusion", (AUDIO, VISUAL), {"base": base})
    units, dense = ((256, 256), None) if base == "strict" else ((256, 128), 256)
    size = block_size(AUDIO + VISUAL, units, dense)
    assert seen["params"] == size + dense_size(units[1], 1)
    assert seen["concatenated"] == [[AUDIO, VISUAL]]
    assert seen["kinds"][0] == "Concatenate"
    assert [name for name, _ in seen["inputs"]] == ["audio", "visual"]


@pytest.mark.parametrize("base", ["strict", "released"])
def test_late_fusion(backend, remote, base):
    seen = remote(backend, describe, "late_fusion", (AUDIO, VISUAL), {"base": base})
    units, dense = ((256, 256), None) if base == "strict" else ((256, 128), 256)
    branches = sum(block_size(n, units, dense) for n in (AUDIO, VISUAL))
    assert seen["params"] == branches + dense_size(2 * units[1], 256) + dense_size(256, 1)
    assert seen["inputs"] == [("audio", (None, 4, AUDIO)), ("visual", (None, 4, VISUAL))]
    assert seen["concatenated"] == [[units[1]] * 2]  # the ends of the branches, not the features
    assert seen["kinds"][-3:] == ["Concatenate", "Dense", "Dense"]
    assert seen["activations"][-2:] == ["relu", "tanh"]
    assert seen["output"] == (None, 1)


def transferred(frozen: bool, base: str) -> dict[str, Any]:
    from dataclasses import replace

    import numpy as np

    from muvistats.deep import PROTOCOLS, pair, unimodal

    protocol = replace(PROTOCOLS[base], units=(6, 3), dense_units=4)
    rng = np.random.default_rng(3)
    audio = unimodal(7, kind="audio", protocol=protocol)
    visual = unimodal(5, kind="visual", protocol=protocol)
    for network in (audio, visual):  # so that no bias is 0 in both by chance
        network.set_weights([rng.normal(size=w.shape) for w in network.get_weights()])
    own = pair(audio, visual, frozen=frozen, protocol=protocol)
    half = pair(audio, 5, protocol=protocol)

    def weights(network):
        return {
            layer.name: [np.array(w) for w in layer.get_weights()]
            for layer in network.layers
            if layer.weights
        }

    return {
        "audio": weights(audio),
        "visual": weights(visual),
        "pair": weights(own),
        "half": weights(half),
        "trainable": [variable.path for variable in own.trainable_variables],
        "from": dict(own.initialised_from),
        "half_from": dict(half.initialised_from),
    }


@pytest.mark.parametrize(("frozen", "base"), [(False, "strict"), (True, "released")])
def test_pair_copies_all_but_the_output(backend, remote, frozen, base):
    seen = remote(backend, transferred, frozen, base)
    own = seen["pair"]
    dense = ["dense"] if base == "released" else []
    for kind in ("audio", "visual"):
        block = [f"{kind}_{part}" for part in (*dense, "lstm_1", "lstm_2")]
        assert set(block) | {"rating"} == set(seen[kind])
        for name in block:
            for theirs, mine in zip(seen[kind][name], own[name], strict=True):
                np.testing.assert_array_equal(theirs, mine)
        assert own["rating"][0].shape != seen[kind]["rating"][0].shape
        trained = [path for path in seen["trainable"] if path.startswith(f"{kind}_")]
        assert len(trained) == (0 if frozen else 3 * 2 + 2 * len(dense))
    assert {path.split("/")[0] for path in seen["trainable"]} >= {"fusion", "rating"}
    assert len(seen["from"]) == 4 + 2 * len(dense)
    # one branch alone
    assert set(seen["half_from"]) == {f"audio_{part}" for part in (*dense, "lstm_1", "lstm_2")}
    np.testing.assert_array_equal(seen["half"]["audio_lstm_1"][0], seen["audio"]["audio_lstm_1"][0])
    assert not np.array_equal(seen["half"]["visual_lstm_1"][0], seen["visual"]["visual_lstm_1"][0])


def refusals() -> dict[str, str]:
    from dataclasses import replace

    from muvistats.deep import PROTOCOLS, late_fusion, pair, unimodal
    from muvistats.errors import DesignError

    small = replace(PROTOCOLS["strict"], units=(6, 3), dense_units=4)
    audio, visual = unimodal(7, protocol=small), unimodal(5, kind="visual", protocol=small)
    calls = {
        "numbers": lambda: pair(7, 5, protocol=small),
        "exchanged": lambda: pair(visual, audio, protocol=small),
        "fused": lambda: pair(late_fusion(7, 5, protocol=small), visual, protocol=small),
        "sizes": lambda: pair(audio, visual),
        "block": lambda: pair(audio, 5, protocol="released"),
        "nothing": lambda: pair(None, visual, protocol=small),
        "features": lambda: unimodal(0),
        "text": lambda: late_fusion("7", 5),
        "kind": lambda: unimodal(7, kind="music"),
        "protocol": lambda: unimodal(7, protocol="loose"),
    }
    said = {}
    for name, call in calls.items():
        try:
            call()
        except DesignError as error:
            said[name] = str(error)
        except Exception as error:
            said[name] = f"{type(error).__name__} instead"
        else:
            said[name] = "nothing was said"
    return said


def test_wrong_kinds_and_sizes_are_refused(backend, remote):
    said = remote(backend, refusals)
    assert "at least one branch" in said["numbers"]
    assert said["exchanged"].startswith("the audio branch needs")
    assert said["fused"].startswith("the audio branch needs")
    assert "(6, 3)" in said["sizes"]
    assert "(256, 256)" in said["sizes"]
    assert said["block"].startswith("the audio branch needs")
    assert said["nothing"].startswith("the audio branch needs")
    assert "audio features must be a whole number from 1, not 0" in said["features"]
    assert "not '7'" in said["text"]
    assert "kind must be one of audio, visual" in said["kind"]
    assert "not 'loose'" in said["protocol"]


def by_hand_and_by_keras(base: str) -> tuple[Any, Any, Any]:
    from dataclasses import replace

    import numpy as np

    from muvistats.deep import PROTOCOLS, unimodal

    rng = np.random.default_rng(5)
    network = unimodal(7, protocol=replace(PROTOCOLS[base], units=(6, 3), dense_units=4))
    network.set_weights([rng.normal(0, 0.5, size=w.shape) for w in network.get_weights()])
    windows = rng.normal(size=(11, 4, 7)).astype("float32")
    weights = {layer.name: [np.array(w) for w in layer.get_weights()] for layer in network.layers}
    return weights, windows, np.asarray(network.predict_on_batch(windows))[:, 0]


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def lstm(frames: np.ndarray, kernel: np.ndarray, again: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """States of an LSTM layer, shape (window, time step, unit), from its equations."""
    size = again.shape[0]
    out = []
    state, cell = np.zeros((len(frames), size)), np.zeros((len(frames), size))
    for step in range(frames.shape[1]):
        gates = frames[:, step] @ kernel + state @ again + bias
        enter, forget, fresh, leave = np.split(gates, 4, axis=1)
        cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(fresh)
        state = sigmoid(leave) * np.tanh(cell)
        out.append(state)
    return np.stack(out, axis=1)


@pytest.mark.parametrize("base", ["strict", "released"])
def test_forward_pass_by_its_equations(backend, remote, base):
    weights, windows, predicted = remote(backend, by_hand_and_by_keras, base)
    frames = windows.astype(float)
    if base == "released":
        kernel, bias = weights["audio_dense"]
        frames = frames @ kernel + bias
    frames = lstm(lstm(frames, *weights["audio_lstm_1"]), *weights["audio_lstm_2"])
    kernel, bias = weights["rating"]
    expected = np.tanh(frames[:, -1] @ kernel + bias)[:, 0]
    np.testing.assert_allclose(predicted, expected, atol=1e-6)

"""Figure 7 from real Keras models."""

from __future__ import annotations

import pytest

import muvistats as mv
from muvistats.deep import early_fusion, late_fusion, pair, unimodal
from muvistats.deep.backend import load_keras
from muvistats.plots.layers import read_network
from muvistats.report.networks import Diagram

#: Keras reads weights of torch in a way that NumPy has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def _started(one_backend):
    load_keras(one_backend)


@pytest.fixture(scope="module")
def networks():
    isolated = unimodal(30, kind="audio"), unimodal(12, kind="visual")
    return [early_fusion(30, 12), late_fusion(30, 12), pair(*isolated)]


def test_the_graph_is_that_of_the_model(networks):
    for model in networks:
        network = read_network(model)
        assert {layer.name for layer in network.layers} == {layer.name for layer in model.layers}
        assert network.parameters == model.count_params()
        for layer in model.layers:
            assert network[layer.name].shape == tuple(layer.output.shape)[1:]
            before = [tensor._keras_history.operation.name for tensor in _inputs(layer)]
            assert list(network[layer.name].inbound) == before


def _inputs(layer):
    if type(layer).__name__ == "InputLayer":
        return []
    return layer.input if isinstance(layer.input, list) else [layer.input]


def test_figure_7(networks):
    figure = mv.plot_architectures(networks)
    titles = [ax.texts[-2].get_text() for ax in figure.axes]
    assert titles == ["Early fusion (A1)", "Late fusion (A2)", "PAIR"]
    for ax, model in zip(figure.axes, networks, strict=True):
        ids = [patch.get_gid() for patch in ax.patches]
        assert {f"layer {layer.name}" for layer in model.layers} <= set(ids)
        sources = {gid for gid in ids if gid and gid.startswith("source")}
        assert len(sources) == 2 * (model is networks[2])


@pytest.mark.parametrize("protocol", ["strict", "released"])
def test_transfer_and_freezing_are_read(protocol):
    model = pair(unimodal(30, kind="audio", protocol=protocol), 12, frozen=True, protocol=protocol)
    network = read_network(model)
    marked = {layer.name for layer in network.layers if layer.source}
    assert marked == set(model.initialised_from)
    assert {layer.name for layer in network.layers if layer.frozen} == marked
    assert all(name.startswith("audio_") for name in marked)
    assert ("audio_dense" in marked) == (protocol == "released")


def test_a_kept_diagram_is_drawn_alike(networks):
    model = networks[2]
    kept = Diagram(model.get_config(), model.initialised_from, model.count_params())
    assert read_network(kept) == read_network(model)

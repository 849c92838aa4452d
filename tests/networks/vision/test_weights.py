"""Registered weights: fetched, checked, and refused in words."""

from __future__ import annotations

import hashlib
import http.server
import threading

import pytest

from muvistats.errors import DataError, DesignError
from muvistats.features import weights
from muvistats.features.visual import Scenes, fetch_weights, registered_weights


@pytest.fixture
def served(tmp_path, onnx_network, monkeypatch):
    """A registry with one network, which a server on this machine offers."""
    network = onnx_network("offered.onnx")
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path))

        def log_message(self, *args):
            asked.append(args)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/offered.onnx"
        digest = hashlib.sha256(network.read_bytes()).hexdigest()

        def register(sha256=digest, address=address):
            row = weights.RegisteredWeights(
                "test",
                "scenes.weights",
                "kept.onnx",
                address,
                sha256,
                "",
                "a;b;c;d",
                "",
                "",
                "",
                "",
            )
            monkeypatch.setattr(weights, "known_weights", lambda: {"test": row})
            monkeypatch.setattr(
                "muvistats.features.vision.networks.known_weights", lambda: {"test": row}
            )

        register()
        yield register, asked, address
        server.shutdown()


def test_fetched_once_and_used_by_name(served, tmp_path, monkeypatch, picture):
    monkeypatch.setenv("MUVISTATS_CACHE", str(tmp_path / "cache"))
    scenes = Scenes(weights="test")
    assert scenes.classes == ("a", "b", "c", "d")
    assert scenes.measure([picture((1, 2, 3))]).shape == (1, 4)
    assert fetch_weights("test") == tmp_path / "cache" / "weights" / "kept.onnx"
    assert len(served[1]) == 1


def test_wrong_file_is_refused(served, tmp_path):
    served[0](sha256="0" * 64)
    with pytest.raises(DataError, match="not the registered file"):
        fetch_weights("test", folder=tmp_path / "kept")
    assert not list((tmp_path / "kept").glob("*.onnx"))


def test_without_a_network(served, tmp_path):
    served[0](address="http://127.0.0.1:9/offered.onnx")
    with pytest.raises(DataError, match="without a network, get kept"):
        fetch_weights("test", folder=tmp_path / "kept")


def test_without_a_checksum():
    assert (registered_weights().query("sha256 == ''")["name"] != "").any()
    with pytest.raises(DesignError, match="no checksum is known"):
        fetch_weights("places365_resnet50")
    with pytest.raises(DesignError, match="no weights are called"):
        fetch_weights("unheard of")

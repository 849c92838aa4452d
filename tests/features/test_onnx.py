"""Networks that come with the package."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from threading import Barrier

import pandas as pd
import pytest

from muvistats.features import onnx
from muvistats.features.onnx import SHIPPED, load_session, side_by_side

ROOT = Path(__file__).parents[2]


def test_networks_of_the_package_are_those_that_were_compared():
    table = pd.read_csv(ROOT / "data" / "networks.csv")
    assert len(table) == len(list(SHIPPED.rglob("*.onnx"))) == 5
    for row in table.itertuples():
        content = (SHIPPED / row.file).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (row.bytes, row.sha256)
        assert row.largest_difference < 2e-6
        assert any((SHIPPED / row.file).parent.glob("LICENSE*"))
    assert sum(table["bytes"]) < 2_600_000


@pytest.mark.parametrize(("threads", "parts"), [(0, [[0, 1], [2, 3, 4]]), (1, [[0, 1, 2, 3, 4]])])
def test_halves_go_side_by_side_and_come_back_in_order(monkeypatch, threads, parts):
    monkeypatch.setattr(onnx, "_threads", threads)
    meet, seen = Barrier(len(parts)), []

    def squared(part):
        meet.wait(timeout=5)  # both halves at a time
        seen.append(part)
        return [number**2 for number in part]

    assert side_by_side(squared, [0, 1, 2, 3, 4]) == [0, 1, 4, 9, 16]
    assert sorted(seen) == parts
    meet = Barrier(1)
    assert (side_by_side(squared, []), side_by_side(squared, [3])) == ([], [9])


def test_the_runtime_is_told_to_report_nothing_before_it_is_imported(monkeypatch):
    told = []
    monkeypatch.setattr(
        onnx, "optional_module", lambda *_: told.append(os.environ["ORT_DISABLE_TELEMETRY"])
    )
    monkeypatch.setattr(onnx, "_load", lambda *_: "session")
    for given in (None, "0"):
        monkeypatch.setenv("ORT_DISABLE_TELEMETRY", given or "")
        if given is None:
            monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
        assert load_session(Path(__file__), "vision") == "session"
    assert told == ["1", "0"]

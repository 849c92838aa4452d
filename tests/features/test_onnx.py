"""Networks that come with the package."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from muvistats.features.onnx import SHIPPED

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

"""Tables in files: what is damaged is refused, the file named."""

from __future__ import annotations

import pandas as pd
import pytest

from muvistats.dataset.importing.files import read_table
from muvistats.errors import DataError


@pytest.mark.parametrize("kind", ["csv.zip", "csv.gz", "csv.xz", "csv.bz2"])
@pytest.mark.parametrize("part", ["head", "middle", "end"])
def test_damaged_packed_tables_are_refused(kind, part, tmp_path):
    path = tmp_path / f"ratings.{kind}"
    table = pd.DataFrame({"item": [f"i{n}" for n in range(200)], "tension": range(200)})
    table.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_table(path), table)
    raw = path.read_bytes()
    at = {"head": 0, "middle": len(raw) // 2, "end": len(raw) - 12}[part]
    path.write_bytes(raw[:at] + bytes(255 - byte for byte in raw[at : at + 8]) + raw[at + 8 :])
    with pytest.raises(DataError, match=f"^ratings.{kind}: not a readable table"):
        read_table(path)

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.report.cache import cached_frame, data_hash
from muvistats.results.frame import read_frame, write_frame


def test_hash_follows_the_values_only(tiny: xr.DataTree) -> None:
    same = tiny.copy(deep=True)
    assert data_hash(same) == data_hash(tiny)
    changed = mv.exclude(tiny, np.arange(tiny["annotations"].sizes["annotation"]) == 0, reason="x")
    assert data_hash(changed) != data_hash(tiny)
    renamed = tiny.copy(deep=True)
    renamed.attrs["label_alignment"] = "released"
    assert data_hash(renamed) != data_hash(tiny)


def test_frame_survives_the_file_with_types_and_digits(tmp_path: Path, tiny: xr.DataTree) -> None:
    frame = mv.describe_design(tiny)
    frame.loc[0, "mean"] = 0.1 + 0.2
    frame.loc[0, "variable"] = "NA"
    write_frame(frame, tmp_path / "frame.csv")
    pd.testing.assert_frame_equal(read_frame(tmp_path / "frame.csv"), frame, check_exact=True)


def test_second_call_does_not_compute(tiny: xr.DataTree) -> None:
    frame = mv.describe_design(tiny)
    calls: list[int] = []

    def compute() -> pd.DataFrame:
        calls.append(1)
        return frame

    for settings in ("a", "a", "b"):
        again = cached_frame("hash-of-test", "design", settings, compute)
        pd.testing.assert_frame_equal(again, frame)
    assert len(calls) == 2


def test_damaged_cache_is_made_anew(
    tiny: xr.DataTree, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MUVISTATS_CACHE", str(tmp_path))
    frame = mv.describe_design(tiny)
    cached_frame("h", "design", "s", lambda: frame)
    (file,) = (tmp_path / "report" / "h").iterdir()
    whole = file.read_bytes()
    digit = re.search(rb"\d\.\d+", whole.partition(b"\n")[2])
    assert digit
    at = whole.index(digit[0])
    other_value = whole[:at] + (b"7" if whole[at : at + 1] == b"6" else b"6") + whole[at + 1 :]
    for damaged in (b"no,such,columns\n1,2,3\n", b"", other_value, whole[:-20]):
        file.write_bytes(damaged)
        again = cached_frame("h", "design", "s", lambda: frame)
        pd.testing.assert_frame_equal(again, frame)
        assert file.read_bytes() == whole

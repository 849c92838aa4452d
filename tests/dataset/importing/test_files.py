"""Tables in files: what is damaged is refused, the file named."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile

import pandas as pd
import pytest

from muvistats.dataset.importing import files
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


def test_tables_that_would_fill_the_memory_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_SURELY", 2**20)
    packed = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
    for kind, unpack in packed.items():
        with unpack(tmp_path / f"ratings.csv.{kind}", "wb") as stream:
            stream.write(b"item,tension\n" + b"a,1\n" * 400_000)
    with zipfile.ZipFile(tmp_path / "ratings.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ratings.csv", b"item,tension\n" + b"a,1\n" * 400_000)
    for kind in (*packed, "zip"):
        with pytest.raises(DataError, match=rf"^ratings\.csv\.{kind}: unpacks to far more"):
            read_table(tmp_path / f"ratings.csv.{kind}")


def test_a_parquet_table_of_one_value_repeated_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    pd.DataFrame({"tension": [1.0] * 400_000}).to_parquet(tmp_path / "ratings.parquet")
    assert len(read_table(tmp_path / "ratings.parquet")) == 400_000
    monkeypatch.setattr(files, "_SURELY", 2**20)
    with pytest.raises(DataError, match=r"^ratings\.parquet: unpacks to far more"):
        read_table(tmp_path / "ratings.parquet")


@pytest.mark.parametrize("name", ["ratings.xlsx", "ratings.csv.bak", "ratings.zip", "ratings"])
def test_other_kinds_of_file_are_refused(name, tmp_path):
    (tmp_path / name).write_text("item,tension\na,1\n")
    with pytest.raises(DataError, match="unknown kind of file"):
        read_table(tmp_path / name)


def test_rows_longer_than_the_first_line_do_not_shift(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("item,participant,tension\na,P1,0.5,\nb,P1,0.1,\n")
    assert read_table(path)["item"].tolist() == ["a", "b"]
    path.write_text("item,participant,tension\na,P1,0.5,7\nb,P1,0.1,8\n")
    with pytest.raises(DataError, match="rows have more fields than the first line has names"):
        read_table(path)


@pytest.mark.parametrize("kind", ["csv", "tsv", "csv.gz"])
def test_tables_of_very_many_columns_are_refused(kind, tmp_path):
    path = tmp_path / f"wide.{kind}"
    text = ("\t" if kind == "tsv" else ",").join(["a"] * 100_000).encode() + b"\n"
    path.write_bytes(gzip.compress(text) if kind == "csv.gz" else text)
    with pytest.raises(DataError, match=rf"wide\.{kind}: more columns .*100000.* at most 20000"):
        read_table(path)

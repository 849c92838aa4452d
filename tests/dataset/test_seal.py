"""Damage to a stored study is told, and the variable named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import muvistats as mv
from muvistats.dataset import stores
from muvistats.dataset.seal import MANIFEST, SEAL


@pytest.fixture
def zarr(tiny: xr.DataTree, tmp_path: Path) -> Path:
    return mv.save_dataset(tiny, tmp_path / "s.zarr")


@pytest.fixture
def netcdf(tiny: xr.DataTree, tmp_path: Path) -> Path:
    return mv.save_dataset(tiny, tmp_path / "s.nc")


def chunk_of(store: Path, name: str) -> Path:
    return next(p for p in sorted((store / name).iterdir()) if not p.name.startswith("."))


@pytest.mark.parametrize("name", ["annotations/familiar", "annotations/labels", "items/item"])
@pytest.mark.parametrize("chunks", [None, {}])
def test_a_lost_chunk_is_refused_and_named(zarr, name, chunks):
    chunk_of(zarr, name).unlink()
    with pytest.raises(mv.DataError, match=f"column {name}: chunk .* is lost"):
        mv.open_dataset(zarr, chunks=chunks)


def test_damage_to_chunks_and_notes_is_refused_and_named(zarr):
    chunk = chunk_of(zarr, "annotations/arousal")
    notes = zarr / "annotations" / "valence" / ".zarray"
    attributes = zarr / "annotations" / "valence" / ".zattrs"
    for file, name in ((chunk, "arousal"), (notes, "valence"), (attributes, "valence")):
        whole = file.read_bytes()
        for content in (b"", whole[:-1], whole[:-1] + bytes([whole[-1] ^ 64]), b"[" * 10_000):
            file.write_bytes(content)
            with pytest.raises(mv.DataError, match=f"annotations/{name}.*is damaged"):
                mv.open_dataset(zarr)
        file.write_bytes(whole)
    joint = zarr / ".zmetadata"
    said = json.loads(joint.read_bytes())
    said["metadata"]["annotations/arousal/.zarray"]["fill_value"] = 3.0
    joint.write_text(json.dumps(said))
    with pytest.raises(mv.DataError, match=r"annotations/arousal.*zmetadata is damaged"):
        mv.open_dataset(zarr)


def test_a_streamed_store_is_checked_as_it_is_read(zarr):
    lazy = mv.open_dataset(zarr, chunks={})
    chunk = chunk_of(zarr, "annotations/arousal")
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(mv.DataError, match="annotations/arousal"):
        lazy["annotations/arousal"].compute()
    chunk.write_bytes(whole)
    assert np.isfinite(lazy["annotations/arousal"].compute()).all()


def test_values_and_attributes_of_netcdf_are_checked(netcdf):
    for change, name in (
        (lambda f: f["annotations/arousal"].__setitem__((0, 0), 0.123), "annotations/arousal"),
        (lambda f: f["participants/age"].attrs.__setitem__("units", "month"), "participants/age"),
        (lambda f: f["annotations"].move("valence", "violence"), "annotations/valence"),
        (lambda f: f.attrs.__setitem__("source", "elsewhere"), "attributes of the root"),
        (lambda f: f.attrs.__setitem__(SEAL, f.attrs[SEAL].replace("a", "b")), SEAL),
    ):
        copy = netcdf.with_name("copy.nc")
        shutil.copy(netcdf, copy)
        with h5py.File(copy, "r+") as file:
            change(file)
        for chunks in (None, {}):
            with pytest.raises(mv.DataError, match=name):
                mv.open_dataset(copy, chunks=chunks)


def test_a_damaged_seal_is_refused(zarr, netcdf):
    manifest = zarr / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b"arousal", b"arousel"))
    with pytest.raises(mv.DataError, match=r"seal .* is damaged"):
        mv.open_dataset(zarr)
    with h5py.File(netcdf, "r+") as file:
        file.attrs["sea"] = file.attrs[SEAL]
        del file.attrs[SEAL]
    with pytest.raises(mv.DataError, match="seal is damaged"):
        mv.open_dataset(netcdf)


def test_unsealed_stores_open_with_one_warning(tiny, zarr, netcdf):
    (zarr / MANIFEST).unlink()
    with h5py.File(netcdf, "r+") as file:
        del file.attrs[SEAL]
    for path in (zarr, netcdf):
        with pytest.warns(mv.UnsealedWarning, match="bears no seal") as said:
            assert mv.open_dataset(path).identical(tiny)
        assert len(said) == 1
        assert mv.open_dataset(path, verify=False).identical(tiny)


def test_verify_false_reads_what_is_left(tiny, zarr, netcdf):
    chunk_of(zarr, "annotations/familiar").unlink()
    left = mv.open_dataset(zarr, verify=False)
    assert left["annotations/arousal"].identical(tiny["annotations/arousal"])
    with h5py.File(netcdf, "r+") as file:
        file["annotations/arousal"][0, 0] = 0.123
    assert mv.open_dataset(netcdf, verify=False)["annotations/arousal"].values[0, 0] == 0.123


def test_xarray_alone_reads_both_and_notices_a_flip(tiny, zarr, netcdf):
    for path in (zarr, netcdf):
        engine = "zarr" if path.suffix == ".zarr" else "h5netcdf"
        with xr.open_datatree(path, engine=engine, decode_timedelta=False) as tree:
            np.testing.assert_array_equal(tree["annotations/arousal"], tiny["annotations/arousal"])
    chunk = chunk_of(zarr, "annotations/labels")
    assert np.any(tiny["annotations/labels"].values == 0)
    raw = bytearray(chunk.read_bytes())
    raw[-1] ^= 1
    chunk.write_bytes(bytes(raw))
    with pytest.raises((RuntimeError, ValueError)):
        xr.open_datatree(zarr, engine="zarr", decode_timedelta=False)["annotations/labels"].load()


def test_a_chunk_of_zeros_is_written(tiny, tmp_path):
    nobody = tiny.copy(deep=True)
    nobody["annotations/familiar"].values[:] = 0
    path = mv.save_dataset(nobody, tmp_path / "zeros.zarr")
    assert chunk_of(path, "annotations/familiar").stat().st_size > 0


def test_the_seal_does_not_depend_on_blocks(tiny, tmp_path, monkeypatch):
    path = mv.save_dataset(tiny, tmp_path / "s.nc")
    monkeypatch.setattr("muvistats.dataset.seal._BLOCK", 100)
    assert mv.open_dataset(path, chunks={}).identical(tiny)
    assert mv.open_dataset(path).identical(tiny)


def test_pipes_and_folders_under_the_name_of_a_store(tmp_path, zarr):
    import os

    os.mkfifo(tmp_path / "pipe.nc")
    (tmp_path / "folder.nc").mkdir()
    (tmp_path / "file.zarr").write_text("x")
    for name in ("pipe.nc", "folder.nc", "file.zarr"):
        with pytest.raises(mv.DataError, match="another kind of file"):
            mv.open_dataset(tmp_path / name)
    chunk = chunk_of(zarr, "annotations/arousal")
    chunk.unlink()
    os.mkfifo(chunk)
    with pytest.raises(mv.DataError, match="annotations/arousal"):
        mv.open_dataset(zarr)


@pytest.mark.parametrize("name", [".muvistats-seal.json", ".zmetadata", ".zattrs"])
@pytest.mark.parametrize("verify", [True, False])
def test_pipes_devices_and_circles_in_a_store(zarr, name, verify):
    import os

    file = zarr / name
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(mv.DataError, match="neither a file nor a folder"):
        mv.open_dataset(zarr, verify=verify)
    file.unlink()
    for target in ("/dev/zero", ".."):
        file.symlink_to(target)
        with pytest.raises(mv.DataError, match="neither a file nor a folder"):
            mv.open_dataset(zarr, verify=verify)
        file.unlink()


def test_stores_are_opened_again_under_their_layout(tiny, tmp_path):
    """A store of layout 1.0, as it was written before seals: no checksums, no manifest."""
    old = tiny.copy()
    old.attrs = {**tiny.attrs, "schema_version": "1.0"}
    path = tmp_path / "old.zarr"
    stores.write_zarr(old, path)
    (path / MANIFEST).unlink()
    with pytest.warns(mv.UnsealedWarning, match=r"old\.zarr bears no seal"):
        again = mv.open_dataset(path)
    xr.testing.assert_identical(again, tiny)  # in the layout of today


def test_unsealed_arrays_far_larger_than_the_store_are_refused(zarr, netcdf):
    (zarr / MANIFEST).unlink()
    (zarr / ".zmetadata").unlink()
    for column in ("arousal", "annotation"):
        path = zarr / "annotations" / column / ".zarray"
        told = json.loads(path.read_text())
        told["shape"][0] = 2_000_000_000
        path.write_text(json.dumps(told))
    with h5py.File(netcdf, "r+") as file:
        del file.attrs[SEAL]
        file.create_dataset("items/huge", (2_000_000_000,), "f4", chunks=(1_000_000,))
    for store in (zarr, netcdf):
        with pytest.raises(mv.DataError, match=rf"^{store.name}: arrays are far larger"):
            mv.open_dataset(store)


@pytest.mark.parametrize("chunks", [None, (2,)])
def test_texts_far_larger_than_the_store_are_refused(netcdf, chunks):
    with h5py.File(netcdf, "r+") as file:
        texts = ["as", "they", "are"]
        array = file.create_dataset(
            "items/texts", data=texts, dtype=h5py.string_dtype(), chunks=chunks
        )
        place = array.id.get_chunk_info(0).byte_offset if chunks else array.id.get_offset()
    raw = bytearray(netcdf.read_bytes())
    raw[place + 3] = 0x70  # the text of two letters is one of 2 GB
    netcdf.write_bytes(raw)
    with pytest.raises(mv.DataError, match=rf"^{netcdf.name}: arrays are far larger"):
        mv.open_dataset(netcdf)

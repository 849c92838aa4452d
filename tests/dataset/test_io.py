"""save_dataset, open_dataset, load_study."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats import DataError, exclude, load_study, open_dataset, save_dataset
from muvistats.dataset import io, stores
from muvistats.dataset.build import Features, Log, assemble

FORMATS = pytest.mark.parametrize("suffix", [".zarr", ".nc"])


def types(study: xr.DataTree) -> dict[tuple[str, str], np.dtype]:
    return {
        (node.path, str(name)): variable.dtype
        for node in study.subtree
        for name, variable in node.to_dataset(inherit=False).variables.items()
    }


def rich_study() -> xr.DataTree:
    """Text beyond ASCII, missing values of every kind, features, truth, extra columns, a log."""
    log = Log()
    log.add("file.csv", "names restored", 3)
    rng = np.random.default_rng(5)
    return assemble(
        pd.DataFrame(
            {
                "item": ["β1", "a", "a"],
                "modality": ["music", "music", "visual"],
                "participant": ["x", "x", "y"],
                "trial": [2, 1, 1],
                "familiar": [1, np.nan, 0],
                "note": ["naïve — 注", None, ""],
                "attentive": [True, False, True],
                "age_of_item": [1, 2, 3],
                "keep_dynamic": [True, False, True],
            }
        ),
        {"arousal": np.array([[1.5, np.nan], [1.0, 9.0], [np.nan, np.nan]]), "calm": np.ones(3)},
        participants=pd.DataFrame({"participant": ["x", "y"], "age": [np.nan, 20.0]}),
        items=pd.DataFrame({"item": ["a", "β1"], "url": ["u", None]}),
        labels=np.array([[1, 0], [-1, -1], [0, 1]]),
        label_table=pd.DataFrame({"label": ["joy", "fear"], "category": ["plus", None]}),
        time=np.array([0.0, 0.5]),
        features={
            "audio": Features(rng.normal(size=(2, 3, 2)), ["a", "β1"], ["f", "g"], ["x", "y"])
        },
        truth=xr.Dataset({"effect": ("annotation", [0.5, 1.5, 2.5]), "sigma": 0.25}),
        exclusions=[{"annotation": 1, "mask": "keep_dynamic", "reason": "noise"}],
        scale=(1, 9),
        log=log,
        study="rich",
    )


@FORMATS
@pytest.mark.parametrize("chunks", [None, {}, {"annotation": 1}])
@pytest.mark.parametrize("kind", ["tiny", "rich"])
def test_round_trip_is_identical(tiny, tmp_path, suffix, chunks, kind):
    study = tiny if kind == "tiny" else rich_study()
    path = save_dataset(study, tmp_path / f"study{suffix}")
    again = open_dataset(path, chunks=chunks)
    xr.testing.assert_identical(again, study)
    assert types(again) == types(study)
    assert again.attrs == study.attrs
    assert again["annotations/arousal"].attrs == study["annotations/arousal"].attrs
    lazy = again["annotations/arousal"].chunks is not None
    assert lazy == (chunks is not None)


@FORMATS
def test_empty_groups_and_groups_left_out(tiny, tmp_path, suffix):
    assert tiny["exclusions"].sizes["exclusion"] == 0
    bare = tiny.copy()
    del bare["log"]
    again = open_dataset(save_dataset(bare, tmp_path / f"study{suffix}"))
    xr.testing.assert_identical(again, bare)
    assert types(again) == types(bare)
    less = exclude(again, np.arange(24) == 1, reason="x")
    assert less["exclusions/item"].values.tolist() == [tiny["annotations/item"].values[1]]


@FORMATS
def test_one_format_to_the_other_and_onto_itself(tiny, tmp_path, suffix):
    other = {".zarr": ".nc", ".nc": ".zarr"}[suffix]
    path = save_dataset(tiny, tmp_path / f"study{suffix}")
    lazy = open_dataset(path, chunks={"annotation": 5})
    moved = save_dataset(lazy, tmp_path / f"study{other}")
    xr.testing.assert_identical(open_dataset(moved), tiny)
    save_dataset(lazy, path, overwrite=True)
    xr.testing.assert_identical(open_dataset(path), tiny)


@FORMATS
def test_a_write_that_breaks_leaves_the_old_file(tiny, tmp_path, suffix, monkeypatch):
    path = save_dataset(tiny, tmp_path / f"study{suffix}")
    changed = exclude(tiny, np.arange(24) == 1, reason="x")

    def half(_: xr.DataTree, where: Path) -> None:
        if suffix == ".zarr":
            where.mkdir()
            (where / "half").write_text("half")
        else:
            where.write_text("half")
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(io, "write_zarr", half)
        patch.setattr(io, "write_netcdf", half)
        with pytest.raises(OSError, match="disk full"):
            save_dataset(changed, path, overwrite=True)
        with pytest.raises(OSError, match="disk full"):
            save_dataset(changed, tmp_path / f"new{suffix}")
    assert [p.name for p in tmp_path.iterdir()] == [f"study{suffix}"]
    xr.testing.assert_identical(open_dataset(path), tiny)


def test_a_folder_that_cannot_be_renamed_stays(tiny, tmp_path, monkeypatch):
    path = save_dataset(tiny, tmp_path / "study.zarr")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == path.name and target == path:
            raise OSError("no")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        with pytest.raises(OSError, match="no"):
            save_dataset(tiny, path, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["study.zarr"]
    xr.testing.assert_identical(open_dataset(path), tiny)


@FORMATS
def test_nothing_is_replaced_without_asking(tiny, tmp_path, suffix):
    path = save_dataset(tiny, tmp_path / f"study{suffix}")
    with pytest.raises(DataError, match="there already"):
        save_dataset(tiny, path)
    save_dataset(tiny, path, overwrite=True)


@FORMATS
def test_unknown_schema_version(tiny, tmp_path, suffix):
    path = tmp_path / f"study{suffix}"
    newer = tiny.copy()
    newer.attrs = {**tiny.attrs, "schema_version": "2.0"}
    with pytest.raises(DataError, match="cannot read"):
        save_dataset(newer, path)
    write = stores.write_zarr if suffix == ".zarr" else stores.write_netcdf
    write(newer, path)
    with pytest.raises(DataError, match=r"found '2.0'; expected version 1.1"):
        open_dataset(path)
    minor = tiny.copy()
    minor.attrs = {**tiny.attrs, "schema_version": "1.7"}
    xr.testing.assert_identical(open_dataset(save_dataset(minor, path, overwrite=True)), minor)


@FORMATS
def test_stored_values_are_validated(tiny, tmp_path, suffix):
    wrong = tiny.copy(deep=True)
    wrong["annotations/arousal"].values[3, 2] = 1.5
    path = tmp_path / f"study{suffix}"
    with pytest.raises(DataError, match="out of range"):
        save_dataset(wrong, path)
    write = stores.write_zarr if suffix == ".zarr" else stores.write_netcdf
    write(wrong, path)
    for chunks in (None, {}):
        with pytest.raises(DataError, match="value out of range, 1 such values"):
            open_dataset(path, chunks=chunks)


def test_what_cannot_be_opened(tiny, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        open_dataset(tmp_path / "study.nc")
    with pytest.raises(DataError, match="unknown kind"):
        open_dataset(tmp_path / "study.csv")
    with pytest.raises(DataError, match="unknown kind"):
        save_dataset(tiny, tmp_path / "study.csv")
    with pytest.raises(DataError, match="folder does not exist"):
        save_dataset(tiny, tmp_path / "no" / "study.nc")
    (tmp_path / "text.nc").write_text("not HDF5")
    with pytest.raises(DataError, match="not a readable nc study"):
        open_dataset(tmp_path / "text.nc")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(DataError, match="not a readable zarr study"):
        open_dataset(tmp_path / "empty.zarr")
    xr.Dataset({"x": ("a", [1])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(DataError, match="this is no study"):
        open_dataset(tmp_path / "other.nc")
    path = save_dataset(tiny, tmp_path / "cut.nc")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match="not a readable nc study"):
        open_dataset(path)
    path = save_dataset(tiny, tmp_path / "part.zarr")
    shutil.rmtree(path / "participants")
    with pytest.raises(DataError):
        open_dataset(path)


def test_chunks_of_large_arrays(monkeypatch, tiny, tmp_path):
    monkeypatch.setattr(stores, "_CHUNK_BYTES", 10 * 8 * 8)
    path = save_dataset(tiny, tmp_path / "study.zarr")
    stored = xr.open_datatree(path, engine="zarr", chunks={})
    assert stored["annotations/arousal"].chunks == ((6, 6, 6, 6), (8,))  # 6 annotations an item
    lazy = open_dataset(path, chunks={})
    assert lazy["annotations/arousal"].chunks == ((6, 6, 6, 6), (8,))
    xr.testing.assert_identical(lazy, tiny)
    wide = open_dataset(path, chunks={"annotation": 13})
    assert wide["annotations/arousal"].chunks == ((12, 12), (8,))


def test_chunks_split_as_few_items_as_equal_lengths_allow():
    def rows(sizes: list[int], largest: int) -> int:
        return stores._rows_of_whole_items(np.repeat(np.arange(len(sizes)), sizes), largest)

    assert rows([6] * 50, 100) == 96
    assert rows([4, 6, 10, 3, 7], 13) == 10
    assert rows([5, 7, 11], 11) == 11  # every length splits an item; the largest is as good
    assert rows([1] * 9, 1) == 1
    assert rows([9], 4) == 4


def test_load_study_finds_what_the_path_holds(tiny, tmp_path):
    for suffix in (".zarr", ".nc"):
        path = save_dataset(tiny, tmp_path / f"study{suffix}")
        xr.testing.assert_identical(load_study(path), tiny)
        xr.testing.assert_identical(load_study(path, label_alignment="corrected"), tiny)
    with pytest.raises(DataError, match=r"no study here.*media_data.csv"):
        load_study(tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        load_study(tmp_path / "nowhere")
    released = tiny.copy()
    released.attrs = {**tiny.attrs, "label_alignment": "released"}
    path = save_dataset(released, tmp_path / "released.nc")
    assert load_study(path).attrs["label_alignment"] == "released"
    with pytest.raises(DataError, match="as released"):
        load_study(path, label_alignment="corrected")


def test_load_study_reads_the_release(muvi_folder, corrected):
    study = load_study(muvi_folder, label_alignment="corrected")
    xr.testing.assert_identical(study, corrected)


@FORMATS
def test_real_release_round_trip(corrected, tmp_path, suffix):
    again = open_dataset(save_dataset(corrected, tmp_path / f"muvi{suffix}"))
    xr.testing.assert_identical(again, corrected)
    assert types(again) == types(corrected)


@FORMATS
def test_simulated_round_trip(study, tmp_path, suffix):
    again = open_dataset(save_dataset(study, tmp_path / f"simulated{suffix}"))
    xr.testing.assert_identical(again, study)
    assert types(again) == types(study)


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
def test_variables_come_back_in_their_order(suffix, tiny, tmp_path):
    path = tmp_path / f"study{suffix}"
    mv.save_dataset(tiny, path)
    back = mv.open_dataset(path)
    for node in tiny.subtree:
        group = back[node.path]
        assert list(group.data_vars) == list(node.data_vars)
        assert dict(group.attrs) == dict(node.attrs)
    pd.testing.assert_frame_equal(mv.describe_participants(back), mv.describe_participants(tiny))


@FORMATS
def test_a_folder_of_something_else_is_never_replaced(tmp_path, suffix):
    study = rich_study()
    target = tmp_path / f"study{suffix}"
    target.mkdir()
    (target / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="no stored study and is not replaced"):
        save_dataset(study, target, overwrite=True)
    assert (target / "thesis.txt").read_text() == "mine"
    (target / "thesis.txt").unlink()
    if suffix == ".zarr":  # a folder that is empty holds nothing to lose
        assert open_dataset(save_dataset(study, target, overwrite=True)).identical(study)


@pytest.mark.parametrize(
    "path", [None, 3, ["a"], b"a.nc", "", "a\0.nc", "\ud800.nc", "https://example.com/a.nc"]
)
def test_what_is_no_path_is_refused_alike(path, tmp_path):
    lists = pd.DataFrame({"participant": ["a"], "item": ["x"], "modality": ["music"], "trial": [1]})
    calls = (
        mv.open_dataset,
        mv.load_study,
        mv.read_annotations,
        mv.read_lists,
        lambda path: mv.from_files("*.csv", path),
        lambda path: mv.save_dataset(rich_study(), path),
        lambda path: mv.write_lists(lists, path),
        lambda path: mv.write_report(None, path),
        lambda path: mv.write_annotation_page(path, lists, tmp_path / "page"),
    )
    for call in calls:
        with pytest.raises(mv.DesignError, match="must be a path"):
            call(path)

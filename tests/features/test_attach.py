from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.features.attach import save_features
from muvistats.features.extraction import extract_files
from muvistats.features.store import FileFeatures


def made(tmp_path, items, *, windows=8, step=0.5, kind="audio"):
    """Features of these items, its number and the window's in each value; "x_..." is damaged."""

    def function(path):
        if path.stem.startswith("x_"):
            raise mv.DataError("is damaged")
        time = np.arange(windows) * step
        values = np.column_stack([np.full(windows, ord(path.stem[0]), float), time])
        return FileFeatures(time, values, ("letter", "time_of"), ("f", "g"))

    paths = [tmp_path / f"{item}.wav" for item in items]
    return extract_files(paths, function, {}, kind=kind, cache=False)


def log_of(study):
    columns = (study["log"][name].to_numpy().tolist() for name in ("source", "action", "count"))
    return list(zip(*columns, strict=True))


def test_items_take_the_order_of_the_study(tiny, tmp_path):
    study = mv.with_features(tiny, made(tmp_path, ["a_1", "b_1", "c_1", "d_1"]))
    group = study["features/audio"]
    assert group["item"].to_numpy().tolist() == study["items/item"].to_numpy().tolist()
    assert group["values"].to_numpy()[:, 3, 0].tolist() == [ord(c) for c in "bacd"]
    assert group["values"].attrs["long_name"] == "audio features"
    assert group["time"].attrs["units"] == "s"
    assert "features" not in tiny
    mv.validate(study)
    kept = mv.annotation_frame(study)
    assert kept.equals(mv.annotation_frame(tiny))


def test_item_without_features_is_missing_and_logged(tiny, tmp_path):
    with pytest.warns(mv.ExtractionWarning):
        found = made(tmp_path, ["a_1", "x_1", "c_1", "d_1"])
    study = mv.with_features(tiny, found)
    values = study["features/audio/values"].sel(item="b_1")
    assert np.isnan(values).all()
    assert np.isfinite(study["features/audio/values"].sel(item=["a_1", "c_1", "d_1"])).all()
    assert log_of(study)[-2:] == [
        ("x_1.wav", "could not be read: is damaged", 1),
        ("/features/audio", "items without features: b_1", 1),
    ]
    assert log_of(study)[:-2] == log_of(tiny)


def test_study_with_features_is_stored_and_read(tiny, tmp_path):
    study = mv.with_features(tiny, made(tmp_path, ["a_1", "b_1"]))
    for name in ("s.nc", "s.zarr"):
        again = mv.load_study(mv.save_dataset(study, tmp_path / name))
        assert again.identical(study)


def test_features_file_is_read_by_xarray(tiny, tmp_path):
    found = made(tmp_path, ["a_1", "b_1"], kind="visual")
    path = save_features(found, tmp_path / "f.nc")
    with pytest.raises(mv.DataError, match="is there already"):
        save_features(found, path)
    save_features(found, path, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["f.nc"]
    with xr.open_dataset(path) as stored:
        stored.load()
    expected = mv.with_features(tiny, found)
    assert mv.with_features(tiny, stored).identical(expected)
    assert "/features/visual" in expected.groups


def test_a_flipped_bit_of_stored_features_is_noticed(tmp_path):
    found = made(tmp_path, ["a_1", "b_1"])
    path = save_features(found, tmp_path / "f.nc")
    raw = path.read_bytes()
    place = raw.index(np.float64(ord("b")).tobytes())
    path.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
    with xr.open_dataset(path) as stored, pytest.raises(OSError, match="read data"):
        stored["values"].load()


@pytest.mark.parametrize("said", ["{", "[" * 100_000, "[[1, 2]]", "5"])
def test_damaged_notes_of_an_extraction_are_named(tiny, tmp_path, said):
    found = made(tmp_path, ["a_1", "b_1"])
    found.attrs |= {"log": said, "failures": said}
    with pytest.raises(mv.DataError, match="features, column log"):
        mv.with_features(tiny, found)
    with pytest.raises(mv.DataError, match="features, column failures"):
        mv.extraction_failures(found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"items": ["a_1", "nobody"]}, r"1 of 2 feature items .*found 'nobody'"),
        ({"step": 0.25}, r"row 1, column time: windows do not start .*found 0.25; expected 0.5 s"),
        ({"kind": "smell"}, "kind of the features is not known"),
    ],
)
def test_features_that_do_not_fit(tiny, tmp_path, change, said):
    settings = {"items": ["a_1", "b_1"], **change}
    kind = settings.pop("kind", "audio")
    found = made(tmp_path, **settings)
    found.attrs["kind"] = kind
    with pytest.raises(mv.DataError, match=said):
        mv.with_features(tiny, found)


def test_one_may_be_longer(tiny, tmp_path):
    for windows in (7, 8, 12):
        study = mv.with_features(tiny, made(tmp_path, ["a_1"], windows=windows))
        assert study["features/audio"].sizes["time"] == windows


def test_features_are_not_replaced_unasked(tiny, tmp_path):
    found = made(tmp_path, ["a_1", "b_1"])
    study = mv.with_features(tiny, found)
    with pytest.raises(mv.DataError, match="overwrite=True"):
        mv.with_features(study, found)
    other = mv.with_features(study, found + 1, kind="audio", overwrite=True)
    assert float(other["features/audio/values"].sel(item="a_1").max()) == ord("a") + 1
    both = mv.with_features(study, found, kind="visual")
    assert {"/features/audio", "/features/visual"} <= set(both.groups)


def test_items_twice_and_variables_missing(tiny, tmp_path):
    found = made(tmp_path, ["a_1", "b_1"])
    twice = xr.concat(
        [found, found],
        "item",
        join="outer",
        data_vars="all",
        coords="minimal",
        compat="override",
        combine_attrs="override",
    )
    with pytest.raises(mv.DataError, match="item stands twice"):
        mv.with_features(tiny, twice)
    with pytest.raises(mv.DataError, match="family"):
        mv.with_features(tiny, found.drop_vars("family"))


def test_a_table_of_ones_own(tiny, tmp_path):
    made_before = made(tmp_path, ["a_1", "b_1", "c_1", "d_1"])
    names = ["f_letter", "g_time"]
    table = pd.DataFrame(made_before["values"].to_numpy().reshape(-1, 2), columns=names).assign(
        item=np.repeat(made_before["item"].to_numpy(), 8),
        time=np.tile(made_before["time"].to_numpy(), 4),
    )
    study = mv.with_features(tiny, table.sample(frac=1, random_state=0), kind="audio")
    expected = mv.with_features(tiny, made_before)
    group = study["features/audio"]
    np.testing.assert_array_equal(group["values"], expected["features/audio"]["values"])
    assert group["family"].to_numpy().tolist() == ["f", "g"]
    gone = mv.with_features(tiny, table.iloc[1:], kind="audio")["features/audio"]["values"]
    assert np.isnan(gone.to_numpy()).sum() == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="time"), "column time"),
        (lambda t: t.assign(f="loud"), "column f"),
        (lambda t: pd.concat([t, t]), "a window stands twice"),
        (lambda t: t[["item", "time"]], "no further column"),
        (lambda t: t.to_numpy(), "expected a Dataset of an extraction"),
    ],
)
def test_a_table_that_is_none(tiny, change, said):
    table = pd.DataFrame({"item": ["a_1", "b_1"], "time": [0.0, 0.0], "f": [1.0, 2.0]})
    with pytest.raises(mv.DataError) as error:
        mv.with_features(tiny, change(table), kind="audio")
    assert said in str(error.value)

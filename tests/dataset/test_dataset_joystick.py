"""Real joystick logs of another study: resample, build, exclude, describe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from muvistats import (
    DataError,
    annotation_frame,
    exclude,
    from_frames,
    open_dataset,
    resample,
    save_dataset,
    truncate,
)

COLUMNS = {"participant": "who", "item": "film", "time": "t", "valence": "x", "arousal": "y"}


@pytest.fixture(scope="module")
def raw(shared: Path) -> pd.DataFrame:
    return pd.read_csv(shared / "ceap" / "raw.csv.gz")


@pytest.fixture(scope="module")
def people(shared: Path) -> pd.DataFrame:
    return pd.read_csv(shared / "ceap" / "participants.csv")


@pytest.fixture(scope="module")
def grid(raw: pd.DataFrame) -> pd.DataFrame:
    return resample(raw, keys=["who", "film"], time="t", interval=0.5)


def build(grid: pd.DataFrame, people: pd.DataFrame, **more: object) -> xr.DataTree:
    return from_frames(
        dynamics=grid,
        participants=people,
        columns=COLUMNS,
        modalities=("audiovisual",),
        study="CEAP-360VR, four films",
        **more,
    )


def test_grid_is_what_interp_gives(raw, grid):
    for (who, film), log in raw.groupby(["who", "film"]):
        mine = grid[(grid["who"] == who) & (grid["film"] == film)]
        time = np.arange(int(log["t"].iloc[-1] // 0.5) + 1) * 0.5
        np.testing.assert_array_equal(mine["t"], time)
        for column in "xy":
            expected = np.interp(time, log["t"], log[column], left=np.nan)
            np.testing.assert_allclose(mine[column], expected, rtol=0, atol=1e-12)
    assert len(grid) == 15_411


def test_previous_value_of_one_log(raw):
    log = raw[(raw["who"] == "P3") & (raw["film"] == "V2")]
    out = resample(log, keys=["who", "film"], time="t", method="previous")
    expected = [log.loc[log["t"] <= at, "y"].iloc[-1] for at in out["t"].iloc[1:]]
    np.testing.assert_array_equal(out["y"].iloc[1:], expected)
    assert np.isnan(out["y"].iloc[0])


def test_raw_log_is_sent_to_resample(raw, people):
    with pytest.raises(DataError, match="with resample"):
        build(raw, people)


def test_overshoot_is_an_error_that_names_it(grid, people):
    with pytest.raises(
        DataError, match="170 values beyond the scale -1 to 1, by 5 participants"
    ) as e:
        build(grid, people)
    assert e.value.column == "y (arousal)"
    first = grid[grid["y"].abs() > 1].iloc[0]
    assert e.value.row == first.name
    assert e.value.found == first["y"]
    assert f"the first by {first['who']} on {first['film']}" in str(e.value)


def test_clip(grid, people):
    study = build(grid, people, out_of_scale="clip")
    assert study["annotations"].sizes == {"annotation": 128, "time": 121}
    assert dict(zip(study["log/action"].values, study["log/count"].values, strict=True)) == {
        "values of arousal beyond the scale -1 to 1 moved to its ends; "
        "participants P1, P19, P20, P22, P29": 170,
        "values of valence beyond the scale -1 to 1 moved to its ends; participants P1, P2, P3, "
        "P4, P5, P6, P8, P9, P11, P16, P18, P19, P20, P21, P22, P24, P25, P27, P29": 870,
    }
    frame = annotation_frame(study)
    clipped = grid.assign(y=grid["y"].clip(-1, 1))
    expected = clipped.groupby(["film", "who"])["y"].median()
    mine = frame.set_index(["item", "participant"])["arousal"]
    np.testing.assert_allclose(mine, [expected[key] for key in mine.index], atol=1e-12)
    assert frame["participant"].tolist()[:3] == ["P1", "P2", "P3"]
    assert set(frame["gender"]) == {"Female", "Male"}
    assert frame["vr"].notna().all()
    assert "n_labels" not in frame


def test_exclude_overshoot_then_the_still(grid, people, tmp_path):
    study = build(grid, people, out_of_scale="exclude")
    beyond = grid[(grid["x"].abs() > 1) | (grid["y"].abs() > 1)]
    kept = study["annotations/keep_dynamic"].values
    shares = beyond.groupby(["who", "film"]).size() / grid.groupby(["who", "film"]).size()
    assert 0 < (~kept).sum() == (shares > 0.05).sum() < len(shares.dropna())
    # beyond the scale: the offending samples are missing, the others as recorded
    arousal = study["annotations/arousal"].values
    assert np.nanmax(np.abs(arousal)) <= 1
    still = [
        np.nanmax(array, axis=1) == np.nanmin(array, axis=1)
        for array in (arousal, study["annotations/valence"].values)
    ]
    less = exclude(study, still[0] | still[1], reason="joystick never moved along an axis")
    rows = less["exclusions"].to_dataset().to_dataframe()
    rows = rows[rows["reason"].str.startswith("joystick")]
    assert list(zip(rows["participant"], rows["item"], strict=True)) == [
        ("P30", "V2"),
        ("P7", "V4"),
    ]
    frame = annotation_frame(less)
    assert frame["valence"].isna().sum() == (~kept).sum() + 2
    again = open_dataset(save_dataset(less, tmp_path / "ceap.zarr"))
    xr.testing.assert_identical(again, less)


def test_truncate(grid, people):
    study = truncate(build(grid, people, out_of_scale="clip"), seconds=30)
    assert study["annotations/time"].values[-1] == 29.5

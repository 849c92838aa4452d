"""resample, truncate, exclude, released_exclusions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import ConstantInputWarning, pearsonr

from muvistats import (
    DataError,
    DesignError,
    annotation_frame,
    exclude,
    rates_of_change,
    released_exclusions,
    resample,
    select,
    to_long,
    truncate,
)
from muvistats.dataset.build import Features, assemble


def plain_grid(
    time: np.ndarray, values: np.ndarray, method: str, interval: float, max_gap: float
) -> list[float]:
    """The same rule, sample by sample."""
    out = []
    for k in range(max(int(np.floor(time[-1] / interval + 1e-9)), 0) + 1):
        at = round(k * interval, 9)
        before = [i for i in range(len(time)) if time[i] <= at]
        after = [i for i in range(len(time)) if time[i] >= at]
        if not before or not after:
            out.append(np.nan)
            continue
        i, j = before[-1], after[0]
        if i == j:
            out.append(values[i])
        elif method == "previous":
            out.append(values[i] if at - time[i] <= max_gap else np.nan)
        else:
            share = (at - time[i]) / (time[j] - time[i])
            filled = values[i] + share * (values[j] - values[i])
            out.append(filled if time[j] - time[i] <= max_gap else np.nan)
    return out


@pytest.mark.parametrize("method", ["linear", "previous"])
@pytest.mark.parametrize("max_gap", [None, 0.4])
@pytest.mark.parametrize("interval", [0.5, 0.1])
def test_resample_against_a_plain_loop(method, max_gap, interval):
    rng = np.random.default_rng(3)
    logs = []
    for who in ("b", "a"):
        for film in ("x", "y", "z"):
            time = np.round(np.cumsum(rng.exponential(0.3, 40)), 2) + np.arange(40) * 0.01
            log = pd.DataFrame({"who": who, "film": film, "t": np.round(time, 2)})
            logs.append(log.assign(x=rng.normal(size=40), y=rng.normal(size=40)))
    frame = pd.concat(logs, ignore_index=True)
    shuffled = frame.sample(frac=1, random_state=1).sort_values("t", kind="stable")
    for given in (frame, shuffled):
        out = resample(
            given,
            keys=["who", "film"],
            time="t",
            interval=interval,
            method=method,
            max_gap=max_gap,
        )
        assert out.columns.tolist() == ["who", "film", "t", "x", "y"]
        for (who, film), log in frame.groupby(["who", "film"]):
            mine = out[(out["who"] == who) & (out["film"] == film)]
            np.testing.assert_allclose(mine["t"], np.arange(len(mine)) * interval, atol=1e-12)
            for column in "xy":
                expected = plain_grid(
                    log["t"].to_numpy(),
                    log[column].to_numpy(),
                    method,
                    interval,
                    np.inf if max_gap is None else max_gap + 1e-9,
                )
                np.testing.assert_allclose(mine[column], expected, rtol=1e-12)
    if max_gap is not None:
        assert out["x"].isna().any()


def log(time: list[float], **values: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"participant": "p", "time": time, **values})


def test_linear_gap_counts_between_the_samples():
    frame = log([0.0, 0.9, 1.0, 2.5], v=[0.0, 9.0, 10.0, 40.0])
    filled = resample(frame, max_gap=0.9)["v"].tolist()
    np.testing.assert_array_equal(filled, [0.0, 5.0, 10.0, np.nan, np.nan, 40.0])


def test_previous_gap_counts_from_the_last_sample():
    frame = log([0.0, 0.9, 2.5], v=[1.0, 2.0, 3.0])
    filled = resample(frame, method="previous", max_gap=0.6)["v"].tolist()
    np.testing.assert_array_equal(filled, [1.0, 1.0, 2.0, 2.0, np.nan, 3.0])


def test_missing_values_are_no_samples():
    frame = log([0.0, 0.5, 1.0, 1.5], v=[0.0, np.nan, 2.0, np.nan], w=[0.0, 1.0, 2.0, 3.0])
    out = resample(frame)
    np.testing.assert_array_equal(out["v"], [0.0, 1.0, 2.0, np.nan])
    np.testing.assert_array_equal(out["w"], [0.0, 1.0, 2.0, 3.0])
    held = resample(frame, method="previous")["v"]
    np.testing.assert_array_equal(held, [0.0, 0.0, 2.0, np.nan])
    assert resample(frame, max_gap=0.5)["v"].isna().tolist() == [False, True, False, True]


def test_samples_before_the_start_are_neighbours():
    out = resample(log([-0.5, 0.5], v=[0.0, 1.0]))
    assert out["time"].tolist() == [0.0, 0.5]
    assert out["v"].tolist() == [0.5, 1.0]


def test_one_sample_and_values_chosen():
    out = resample(log([0.2], v=[1.0], w=[2.0]), values=["w"])
    assert out.columns.tolist() == ["participant", "time", "w"]
    assert out["time"].tolist() == [0.0]
    assert out["w"].isna().all()


def test_tenths_meet_the_samples_that_stand_on_them():
    time = [round(0.1 * k, 1) for k in range(12)]
    out = resample(log(time, v=list(range(12))), interval=0.1, method="previous", max_gap=0.01)
    assert out["v"].tolist() == list(range(12))


@pytest.mark.parametrize(
    ("frame", "more", "problem", "row"),
    [
        (log([0.0, 0.5, 0.5], v=[1, 2, 3]), {}, "time does not increase", 2),
        (log([0.0, 0.5, 0.4], v=[1, 2, 3]), {}, "time does not increase", 2),
        (log([0.0, np.nan], v=[1, 2]), {}, "value is missing", 1),
        (log([0.0, np.inf], v=[1, 2]), {}, "infinite", 1),
        (log([0.0, 1.0], v=[1, -np.inf]), {}, "infinite", 1),
        (log([0.0, 1.0], v=["a", "b"]), {}, "not a number", 0),
        (log([0.0], v=[1]).assign(participant=np.nan), {}, "key is empty", 0),
        (log([0.0], v=[1]).drop(columns="time"), {}, "column is missing", None),
        (log([0.0], v=[1]).drop(columns="participant"), {}, "no key columns", None),
        (log([0.0], v=[1]), {"values": ["w"]}, "column is missing", None),
        (log([], v=[]), {}, "table has no rows", None),
        (log([0.0], v=[1]), {"interval": 0}, "interval", None),
        (log([0.0], v=[1]), {"interval": "1"}, "interval", None),
        (log([0.0], v=[1]), {"max_gap": True}, "max_gap", None),
        (log([0.0], v=[1]), {"max_gap": -1.0}, "max_gap", None),
        (log([0.0], v=[1]), {"method": "cubic"}, "unknown method", None),
        (
            log([0.0], v=[1]).assign(time=pd.Timestamp("2026-01-01")),
            {},
            "time is a date, a clock or a duration",
            None,
        ),
    ],
)
def test_bad_logs(frame, more, problem, row):
    with pytest.raises(DataError, match=problem) as info:
        resample(frame, **more)
    assert info.value.row == row


def test_time_error_names_the_recording():
    frame = pd.concat(
        [log([0.0, 1.0], v=[0, 0]), log([2.0, 0.5], v=[0, 0]).assign(participant="q")]
    )
    with pytest.raises(DataError, match="within the recording q") as info:
        resample(frame)
    assert info.value.found == 0.5
    assert info.value.expected == "a time after 2"


def with_features(tiny: xr.DataTree) -> xr.DataTree:
    values = np.arange(4 * 8 * 2, dtype=float).reshape(4, 8, 2)
    features = Features(values, ["b_1", "a_1", "c_1", "d_1"], ["f1", "f2"], ["x", "x"])
    annotations = annotation_frame(tiny)[["item", "modality", "participant"]]
    return assemble(
        annotations,
        {"arousal": tiny["annotations/arousal"].values},
        participants=pd.DataFrame({"participant": [str(p) for p in range(6)]}),
        items=pd.DataFrame({"item": features.items}),
        time=np.arange(8) * 0.5,
        features={"audio": features},
    )


def test_truncate_cuts_ratings_and_features(tiny):
    study = with_features(tiny)
    by_seconds = truncate(study, seconds=1.5)
    by_steps = truncate(study, steps=3)
    for cut in (by_seconds, by_steps):
        np.testing.assert_array_equal(cut["annotations/time"], [0.0, 0.5, 1.0])
        expected = study["annotations/arousal"].values[:, :3]
        np.testing.assert_array_equal(cut["annotations/arousal"], expected)
        np.testing.assert_array_equal(
            cut["features/audio/values"], study["features/audio/values"].values[:, :3]
        )
        assert cut["log/count"].values.tolist() == [5]
    assert by_steps["log/action"].values.tolist() == ["kept the first 3 samples; steps cut off"]
    assert by_seconds["log/action"].values[0] == "kept the samples before 1.5 s; steps cut off"
    assert study["annotations"].sizes["time"] == 8
    assert truncate(study, steps=99)["annotations"].sizes["time"] == 8


def test_truncate_cuts_the_beginning(tiny):
    study = with_features(tiny)
    late = truncate(study, start=1.0)
    np.testing.assert_array_equal(late["annotations/time"], np.arange(2, 8) * 0.5)
    np.testing.assert_array_equal(late["annotations/arousal"], study["annotations/arousal"][:, 2:])
    audio = study["features/audio/values"].values
    np.testing.assert_array_equal(late["features/audio/values"], audio[:, 2:])
    assert late["log/action"].values.tolist() == ["kept the samples from 1 s; steps cut off"]
    assert late["log/count"].values.tolist() == [2]
    part = truncate(study, start=1.0, steps=3)
    assert part["annotations/time"].values.tolist() == [1.0, 1.5, 2.0]
    np.testing.assert_array_equal(
        truncate(study, start=1.0, seconds=2.5)["annotations/arousal"],
        select(study, time=(1.0, 2.5))["annotations/arousal"],
    )


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"seconds": 1, "steps": 2},
        {"steps": 0},
        {"seconds": -1.0},
        {"start": 99.0},
        {"start": 2.0, "seconds": 1.0},
        {"start": 1.0, "seconds": 2.0, "steps": 1},
    ],
)
def test_truncate_refuses(tiny, more):
    with pytest.raises(DataError):
        truncate(tiny, **more)


def log_rows(study: xr.DataTree) -> list[tuple[object, ...]]:
    frame = study["exclusions"].to_dataset().to_dataframe()
    return list(frame.itertuples(index=False, name=None))


def test_exclude_by_array(tiny):
    mask = np.zeros(24, dtype=bool)
    mask[[2, 5]] = True
    less = exclude(tiny, mask, reason="noise")
    assert np.flatnonzero(~less["annotations/keep_dynamic"].values).tolist() == [2, 5]
    assert less["annotations/keep_labels"].values.all()
    keys = annotation_frame(tiny)[["item", "modality", "participant"]].astype("str")
    expected = [(n, *keys.iloc[n], "keep_dynamic", "noise") for n in (2, 5)]
    assert log_rows(less) == expected
    assert tiny["annotations/keep_dynamic"].values.all()
    np.testing.assert_array_equal(less["annotations/arousal"], tiny["annotations/arousal"])
    frame = annotation_frame(less)
    assert frame["arousal"].isna().to_numpy().nonzero()[0].tolist() == [2, 5]
    assert frame["sad"].notna().all()


def test_exclude_twice_keeps_both_reasons_and_no_copy(tiny):
    mask = np.arange(24) == 3
    once = exclude(tiny, mask, reason="noise", what="both")
    again = exclude(once, mask, reason="noise", what="both")
    other = exclude(again, mask, reason="left", what="labels")
    assert [row[4:] for row in log_rows(other)] == [
        ("keep_dynamic", "noise"),
        ("keep_labels", "noise"),
        ("keep_labels", "left"),
    ]
    assert not other["annotations/keep_labels"].values[3]


def test_exclude_by_keys(tiny):
    participant = tiny["annotations/participant"].values
    item = tiny["annotations/item"].values
    by_frame = exclude(tiny, pd.DataFrame({"participant": [4, 2]}), reason="x", what="labels")
    np.testing.assert_array_equal(
        by_frame["annotations/keep_labels"], ~np.isin(participant, ["2", "4"])
    )
    pair = pd.DataFrame({"participant": ["4"], "item": ["a_1"]})
    by_pair = exclude(tiny, pair, reason="x")
    np.testing.assert_array_equal(
        by_pair["annotations/keep_dynamic"], ~((participant == "4") & (item == "a_1"))
    )
    series = pd.Series([True, False], index=pd.Index(["a_1", "b_1"], name="item"))
    by_series = exclude(tiny, series, reason="x")
    np.testing.assert_array_equal(by_series["annotations/keep_dynamic"], item != "a_1")
    nobody = exclude(tiny, ~series & series, reason="x")
    assert nobody["annotations/keep_dynamic"].values.all()
    lazy = exclude(tiny, tiny["annotations/item"] == "a_1", reason="x")
    np.testing.assert_array_equal(lazy["annotations/keep_dynamic"], item != "a_1")
    frame = annotation_frame(tiny)
    by_row = exclude(tiny, frame["item"] == "a_1", reason="x")
    np.testing.assert_array_equal(by_row["annotations/keep_dynamic"], item != "a_1")


@pytest.mark.parametrize(
    ("mask", "more", "problem"),
    [
        (np.zeros(3, dtype=bool), {}, "wrong shape"),
        (np.zeros(24), {}, "not boolean"),
        (xr.DataArray(np.zeros(24, dtype=bool), dims="item"), {}, "not of annotations"),
        (np.array([None] * 24), {}, "not boolean"),
        (pd.DataFrame({"participant": ["77"]}), {}, "no such annotation"),
        (pd.DataFrame({"who": ["1"]}), {}, "no key"),
        (pd.DataFrame({"participant": [np.nan]}), {}, "key is empty"),
        (np.zeros(24, dtype=bool), {"what": "all"}, "unknown part"),
    ],
)
def test_exclude_refuses(tiny, mask, more, problem):
    with pytest.raises(DataError, match=problem):
        exclude(tiny, mask, **{"reason": "x", **more})


def test_exclude_asks_for_a_reason(tiny):
    with pytest.raises(DesignError, match="reason must be a text"):
        exclude(tiny, np.zeros(24, dtype=bool), reason=" ")


def cursor_study() -> xr.DataTree:
    """Six annotations of 120 samples: fine, short, still, still on one axis, late, moved late."""
    rng = np.random.default_rng(0)
    arousal = rng.uniform(-1, 1, (6, 120))
    valence = rng.uniform(-1, 1, (6, 120))
    arousal[1, 111:] = valence[1, 111:] = np.nan
    arousal[2] = valence[2] = 0.0
    valence[3] = 0.5
    valence[4, 117] = np.nan
    valence[5] = 0.1
    valence[5, 118:] = 0.9
    return assemble(
        pd.DataFrame({"item": "a", "modality": "music", "participant": list("123456")}),
        {"arousal": arousal, "valence": valence},
        participants=pd.DataFrame({"participant": list("123456")}),
        items=pd.DataFrame({"item": ["a"]}),
        time=np.arange(120) * 0.5,
    )


def test_released_exclusions():
    less = released_exclusions(cursor_study())
    assert less["annotations"].sizes["time"] == 118
    assert less["annotations/keep_dynamic"].values.tolist() == [True] + [False] * 5
    assert less["annotations/keep_labels"].values.all()
    still = "cursor never moved: arousal-valence correlation undefined"
    assert [(row[3], row[5]) for row in log_rows(less)] == [
        ("2", "111 samples, fewer than 118"),
        ("3", still),
        ("4", still),
        ("5", "117 samples, fewer than 118"),
        ("6", still),
    ]
    both = released_exclusions(cursor_study(), what="both")
    assert both["annotations/keep_labels"].values.tolist() == [True] + [False] * 5
    pair = [less[f"annotations/{name}"].values[3] for name in ("arousal", "valence")]
    with pytest.warns(ConstantInputWarning):
        undefined = pearsonr(*pair).statistic
    assert np.isnan(undefined)


def test_released_exclusions_need_dynamic_dimensions(tiny):
    static = tiny.copy()
    static["annotations"] = static["annotations"].to_dataset().drop_vars("valence")
    with pytest.raises(DataError, match="no such dynamic dimension"):
        released_exclusions(static)


# --- masks in another order


def test_a_series_is_aligned_by_the_numbers_of_the_annotations(tiny):
    frame = annotation_frame(tiny).sort_values("arousal")
    mask = frame["arousal"] < 0
    expected = ~mask.sort_index().to_numpy()
    assert 0 < expected.sum() < len(expected)
    for given in (mask, mask.astype("boolean"), mask.to_xarray().rename(index="annotation")):
        out = exclude(tiny, given, reason="low")
        np.testing.assert_array_equal(out["annotations/keep_dynamic"], expected)


@pytest.mark.parametrize(
    "change",
    [
        lambda mask: mask.set_axis(mask.index + 1),
        lambda mask: mask.iloc[:-1],
        lambda mask: mask.set_axis(list(map(str, mask.index))),
        lambda mask: mask.set_axis([0] * len(mask)),
        lambda mask: pd.concat([mask, mask]),
        lambda mask: mask.astype("boolean").where(mask.index > 0),
    ],
)
def test_a_series_with_another_index_is_refused(tiny, change):
    mask = annotation_frame(tiny)["arousal"] < 0
    with pytest.raises(DataError):
        exclude(tiny, change(mask), reason="low")


def test_a_key_that_is_true_and_false_is_refused(tiny):
    frame = annotation_frame(tiny)
    mask = pd.Series(frame["arousal"].to_numpy() < 0, index=pd.Index(frame["item"], name="item"))
    with pytest.raises(DataError, match="both true and false"):
        exclude(tiny, mask, reason="low")


# --- time and memory


def test_a_grid_that_would_fill_the_memory_is_refused():
    with pytest.raises(DataError, match="too large") as info:
        resample(log([0.0, 9_999.0], v=[0, 1]), interval=1e-6)
    assert "GiB" in str(info.value)


@pytest.mark.parametrize("scale", [1000, 1e300])
def test_a_log_in_another_unit_is_refused(scale):
    with pytest.raises(DataError, match=r"time|hours"):
        resample(log([0.0, 30 * scale, 60 * scale], v=[0, 1, 2]))


def test_samples_are_selected_by_time(tiny):
    part = select(tiny, time=(0.5, 2))
    assert part["annotations/time"].values.tolist() == [0.5, 1.0, 1.5]
    np.testing.assert_array_equal(part["annotations/arousal"], tiny["annotations/arousal"][:, 1:4])
    assert to_long(part)["time"].unique().tolist() == [0.5, 1.0, 1.5]
    with pytest.raises(DataError, match="nothing would be left"):
        select(tiny, time=(90, 99))
    for wrong in ((2, 1), (1,), 3.0, ("a", "b"), (0, np.nan)):
        with pytest.raises(DesignError, match="time must"):
            select(tiny, time=wrong)


def test_rates_are_changes_per_second(tiny):
    study = rates_of_change(tiny, window=2.0)
    values, rate = tiny["annotations/arousal"].values, study["annotations/arousal_rate"].values
    np.testing.assert_allclose(rate[:, 2:6], (values[:, 4:] - values[:, :4]) / 2.0)
    assert np.isnan(rate[:, [0, 1, 6, 7]]).all()
    attrs = study["annotations/arousal_rate"].attrs
    assert (attrs["scale_min"], attrs["scale_max"]) == (-1.0, 1.0)
    np.testing.assert_array_equal(study["annotations/arousal"], tiny["annotations/arousal"])
    assert study["log/action"].values.tolist() == ["change over 2 s"]
    fine = rates_of_change(tiny)["annotations/arousal_rate"].values
    np.testing.assert_allclose(fine[:, 1:-1], values[:, 2:] - values[:, :-2])
    assert "arousal_rate" in annotation_frame(study)


def test_rates_that_cannot_be(tiny):
    with pytest.raises(DataError, match="no such dynamic dimension"):
        rates_of_change(tiny, dimension="tension")
    with pytest.raises(DataError, match="already"):
        rates_of_change(rates_of_change(tiny), dimension="arousal")
    for window in (0.1, 99.0, 0.0, "long"):
        with pytest.raises(DesignError, match="window"):
            rates_of_change(tiny, window=window)

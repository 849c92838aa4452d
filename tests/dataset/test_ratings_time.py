"""Time stamps of long tables: one grid in seconds, or a refusal with the remedy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from muvistats import DataError, from_frames


def recordings(stamps: object, late: object = None, people: int = 4) -> pd.DataFrame:
    """One item; everybody has the stamps, the second one has others where given."""
    parts = []
    for person in range(people):
        time = np.asarray(stamps if late is None or person != 1 else late)
        value = np.sin(np.arange(len(time)) / 5 + person) / 2
        parts.append(pd.DataFrame({"participant": f"p{person}", "time": time, "valence": value}))
    return pd.concat(parts, ignore_index=True).assign(item="a")


def build(dynamics: pd.DataFrame):
    return from_frames(dynamics=dynamics, modalities=("film",))


STEPS = np.arange(60)


@pytest.mark.parametrize(
    ("stamps", "remedy"),
    [
        (STEPS * 500, "divide milliseconds by 1000"),
        (STEPS[:10] * 500, "divide it by 1000"),
        (STEPS[:20] * 100.0, "divide it by 1000"),
        (np.arange(200) * 40, "divide it by 1000"),
        (np.round(np.arange(300) * 1000 / 30), "divide it by 1000"),
        (np.round(STEPS * 1000 / 60), "divide it by 1000"),
        (STEPS * 1001 / 30, "divide it by 1000"),
        (STEPS * 1001 / 24, "divide it by 1000"),
        (np.round(np.delete(STEPS, [3, 20]) * 1000 / 24), "divide it by 1000"),
        (np.cumsum(np.tile([7, 23, 16, 31], 60)), "divide it by 1000"),
        (1.7e9 + STEPS * 0.5, "subtract the start"),
        (1.7e12 + STEPS * 500, "subtract the start"),
        (pd.date_range("2026-01-01", periods=60, freq="500ms"), "subtract the start"),
        (pd.to_timedelta(STEPS * 0.5, unit="s"), "subtract the start"),
        ([t.date() for t in pd.date_range("2026-01-01", periods=60)], "subtract the start"),
    ],
)
def test_what_is_not_in_seconds_is_refused_with_the_remedy(stamps, remedy):
    with pytest.raises(DataError) as info:
        build(recordings(stamps))
    assert remedy in str(info.value)
    assert info.value.column == "time"


@pytest.mark.parametrize("offset", [0.25, 0.1, 1 / 6, 0.3])
def test_a_recording_between_the_steps_of_the_others_is_refused(offset):
    says = "do not share one grid|not on one regular grid"
    with pytest.raises(DataError, match=f"({says}).*resample"):
        build(recordings(STEPS[:20] * 0.5, STEPS[:20] * 0.5 + offset))


@pytest.mark.parametrize("offset", [1e-9, 1e-6, 1e-4, 0.004])
def test_a_clock_that_is_hardly_late_is_on_the_grid(offset):
    study = build(recordings(STEPS[:20] * 0.5, STEPS[:20] * 0.5 + offset))
    assert study["annotations"].sizes["time"] == 20
    assert np.isfinite(study["annotations/valence"]).all()


def test_a_recording_on_the_grid_may_start_late():
    study = build(recordings(STEPS[:20] * 0.5, STEPS[:19] * 0.5 + 0.5))
    assert study["annotations"].sizes["time"] == 20
    assert np.isnan(study["annotations/valence"].values[1, 0])


@pytest.mark.parametrize(
    ("rate", "decimals"), [(30, 3), (30, 2), (60, 3), (60, 2), (24, 3), (7, 3)]
)
@pytest.mark.parametrize("hole", [False, True])
def test_rounded_stamps_of_frames_are_one_grid(rate, decimals, hole):
    stamps = np.round(np.arange(1000) / rate, decimals)
    if hole:
        stamps = np.delete(stamps, [3, 4, 500])
    study = build(recordings(stamps))
    time = study["annotations/time"].values
    assert len(time) == 1000
    np.testing.assert_allclose(time, np.arange(1000) / rate, atol=10.0**-decimals)


def test_a_log_of_uneven_samples_is_no_grid_of_hundredths_with_holes():
    rng = np.random.default_rng(1)
    logs = [np.round(np.cumsum(rng.uniform(0.012, 0.02, 300)), 2) for _ in range(3)]
    people = [recordings(log, people=1).assign(participant=str(i)) for i, log in enumerate(logs)]
    with pytest.raises(DataError, match="resample"):
        build(pd.concat(people))


def test_long_pauses_between_ratings_are_no_milliseconds():
    time = build(recordings(STEPS[:20] * 30.0))["annotations/time"].values
    np.testing.assert_array_equal(time, STEPS[:20] * 30.0)


@pytest.mark.parametrize(
    ("step", "hours"), [(1, 2), (5, 2.5), (30, 2.5), (60, 2.5), (17, 0.9), (7.5, 1)]
)
def test_slow_ratings_of_a_film_are_no_milliseconds(step, hours):
    stamps = np.arange(0, hours * 3600, step)
    assert build(recordings(stamps))["annotations"].sizes["time"] == len(stamps)


def test_milliseconds_of_many_recordings_are_found_in_each():
    rng = np.random.default_rng(1)
    logs = [np.cumsum(rng.integers(10, 40, 300)) for _ in range(3)]
    people = [recordings(log, people=1).assign(participant=str(i)) for i, log in enumerate(logs)]
    with pytest.raises(DataError, match="divide it by 1000"):
        build(pd.concat(people).sample(frac=1, random_state=1))


def test_single_samples_at_times_of_their_own_are_no_recordings():
    frame = pd.DataFrame({"item": list("abab"), "participant": list("1122")})
    frame = frame.assign(time=[0.8, 1.2, 0.9, 2.1], valence=0.5)
    with pytest.raises(DataError, match="belong to annotations, without the column time"):
        build(frame)
    assert build(frame.assign(time=3.0))["annotations"].sizes["time"] == 1


def test_a_blank_rating_is_a_missing_one():
    frame = pd.DataFrame({"item": list("abc"), "valence": ["0,5", " ", ""]})
    values = from_frames(frame)["annotations/valence"].to_numpy()
    np.testing.assert_equal(values, [0.5, np.nan, np.nan])

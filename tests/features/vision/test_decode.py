"""Which frame stands for which window, told from the times alone: no OpenCV is needed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muvistats.errors import DataError
from muvistats.features.vision.decode import Decoder, SkippedFrameError
from muvistats.features.vision.protocol import Film


class Capture:
    """Frames at given times, in s; each picture holds its number."""

    def __init__(self, times, broken=()):
        self.times, self.broken, self.at = times, broken, -1

    def grab(self):
        self.at += 1
        return self.at < len(self.times)

    def get(self, _what):
        return self.times[self.at] * 1000

    def retrieve(self):
        if self.at in self.broken:
            return False, None
        return True, np.full((2, 2, 3), self.at % 256, np.uint8)


@pytest.fixture(autouse=True)
def _no_opencv(monkeypatch):
    fake = ModuleType("cv2")
    fake.CAP_PROP_POS_MSEC = 0
    monkeypatch.setitem(sys.modules, "cv2", fake)


def read(times, rate=25.0, step=0.5, **more):
    decoder = Decoder(Capture(times, **more), Film(Path("film"), 2, 2, rate), step)
    frames = list(decoder)
    shown = {window: frame.index for frame in frames for window in frame.windows}
    assert sorted(shown) == list(range(decoder.n_windows))
    return decoder, [shown[window] for window in range(decoder.n_windows)]


def test_steady_rate():
    decoder, shown = read([number / 25 for number in range(50)])
    assert shown == [0, 12, 25, 37]
    assert decoder.duration == pytest.approx(2.0)


def test_a_window_at_the_very_end_is_none():
    assert len(read([number / 10 for number in range(10)], rate=10)[1]) == 2
    assert len(read([number / 10 for number in range(11)], rate=10)[1]) == 3


def test_picture_that_stays():
    _, shown = read([0, 0.04, 3.0, 3.04], rate=25)
    assert shown == [0, 1, 1, 1, 1, 1, 2]


def test_next_frame_within_25_ms_is_nearer():
    assert read([0, 0.52, 0.6])[1] == [0, 1]
    assert read([0, 0.53, 0.6])[1] == [0, 0]


def test_times_begin_at_the_first_frame():
    assert read([100.0 + number / 25 for number in range(50)])[1] == [0, 12, 25, 37]


@pytest.mark.parametrize("lost", [0.0, -1.0, float("nan")])
def test_missing_times_follow_the_frame_rate(lost):
    decoder, shown = read([0.0] + [lost] * 49)
    assert shown == [0, 12, 25, 37]
    assert decoder.notes == ["times of frames were missing or out of order; frame rate used"]


def test_frame_that_cannot_be_converted():
    assert read([number / 25 for number in range(50)], broken=(0, 12))[1] == [1, 13, 25, 37]


@pytest.mark.parametrize(("times", "words"), [([], "no frame"), ([0.0], "one frame only")])
def test_no_frames(times, words):
    with pytest.raises(DataError, match=words):
        read(times)


def test_file_that_ends_early():
    film = Film(Path("film"), 2, 2, 25.0)
    decoder = Decoder(Capture([0.0, 0.04]), film, 0.5, announced=100)
    assert len(list(decoder)) == 2
    assert decoder.notes == ["file ends before the number of frames that it announces"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.002, 2.0), min_size=1, max_size=60),
    st.sampled_from([0.2, 0.5, 1.0]),
)
def test_every_window_gets_the_frame_on_the_screen_or_a_near_one(gaps, step):
    times = np.concatenate([[0.0], np.cumsum(gaps)])
    decoder, shown = read(times.tolist(), step=step)
    for window, number in enumerate(shown):
        moment = window * step
        on_screen = int(np.flatnonzero(times <= moment + 2e-6)[-1])
        assert number in (on_screen, on_screen + 1)
        if number > on_screen:
            assert times[number] - moment <= 0.025 + 1e-6
            assert times[number] - moment <= moment - times[on_screen] + 2e-6
    assert (decoder.n_windows - 1) * step <= decoder.duration
    assert decoder.n_windows * step > decoder.duration - 1e-5


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.002, 0.4), min_size=1, max_size=60))
def test_passing_frames_over_changes_nothing_or_is_noticed(gaps):
    times = np.concatenate([[0.0], np.cumsum(gaps)]).tolist()
    film = Film(Path("film"), 2, 2, 25.0)
    every = [f for f in Decoder(Capture(times), film, 0.5) if f.windows]
    try:
        few = [f for f in Decoder(Capture(times), film, 0.5, every=False) if f.windows]
    except SkippedFrameError:
        return
    assert [(f.index, f.windows) for f in few] == [(f.index, f.windows) for f in every]

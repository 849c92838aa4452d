"""Frames, their times, and files that are no films."""

from __future__ import annotations

import struct
import subprocess
import sys
import wave

import cv2
import numpy as np
import pytest

from muvistats.errors import DataError
from muvistats.features.vision.decode import open_film
from muvistats.features.vision.scan import scan_film
from muvistats.features.visual import FrameExtractor, extract


class Red(FrameExtractor):
    """Mean of red: which picture a window got."""

    family = "test"

    def names(self):
        return ["red"]

    def measure(self, images):
        return [[image[..., 2].mean()] for image in images]


def red(path, step=0.5):
    return scan_film(path, [Red()], step=step).values[:, 0]


def steps(picture, n, size=(64, 48)):
    """Pictures that get redder one by one."""
    return [picture((0, 0, number), size) for number in range(n)]


@pytest.mark.parametrize("rate", [25.0, 24.0, 30.0, 30000 / 1001, 50.0, 10.0])
def test_window_gets_the_nearest_frame(write_film, picture, rate):
    path = write_film("film.avi", steps(picture, 120), rate)
    found = red(path)
    times = np.arange(120) / rate
    windows = np.arange(len(found)) * 0.5
    assert len(found) == np.ceil(120 / rate / 0.5 - 1e-6)
    nearest = [np.abs(times - t).argmin() for t in windows]
    assert np.abs(times[nearest] - windows)[:-1].max() <= 0.5 / rate + 1e-9
    np.testing.assert_allclose(found, nearest)


def test_step_sets_the_grid(write_film, picture):
    path = write_film("film.avi", steps(picture, 100), 25.0)
    np.testing.assert_allclose(red(path, step=1.0), [0, 25, 50, 75])
    np.testing.assert_allclose(red(path, step=0.04), np.arange(100))


def test_varying_frame_rate_goes_by_the_times(write_timed, picture):
    times = [0, 40, 80, 120, 2600, 2640, 3010, 3020, 3100]
    pictures = [picture((0, 0, 25 * number)) for number in range(len(times))]
    path = write_timed("film.mp4", pictures, times)
    features = scan_film(path, [Red()], step=0.5)
    shown = [0, 3, 3, 3, 3, 3, 6]  # 3.0 s: the frame at 3.01 s is nearer than that at 2.64 s
    np.testing.assert_allclose(features.values[:, 0], 25 * np.array(shown), atol=3)
    np.testing.assert_allclose(features.time, np.arange(7) * 0.5)
    assert not features.notes


def test_still_is_measured_once(write_timed, picture):
    path = write_timed("film.mp4", [picture((0, 0, 50)), picture((0, 0, 200))], [0, 20_000])
    seen = []

    class Counting(Red):
        every_frame = True

        def measure(self, images):
            seen.extend(images)
            return super().measure(images)

    values = scan_film(path, [Counting()], step=0.5).values
    assert len(seen) == 2
    assert len(values) >= 41
    np.testing.assert_allclose(values[:40], 50, atol=5)
    np.testing.assert_allclose(values[40:], 200, atol=5)


def turn(path, degrees):
    """Write a rotation into the track header of an MP4 file."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4
    matrix = at + (40 if data[at] == 0 else 52)
    cos, sin = {90: (0, 1), 180: (-1, 0)}[degrees]
    struct.pack_into(">iiiiiiiii", data, matrix, cos << 16, sin << 16, 0, -sin << 16, cos << 16, 0,
                     0, 0, 1 << 30)  # fmt: skip
    path.write_bytes(data)


def test_turned_film_is_turned_back(write_timed, picture):
    wide = picture((0, 0, 0), (96, 48))
    wide[:, :48, 2] = 250  # left half red
    path = write_timed("film.mp4", [wide] * 20, list(range(0, 800, 40)))
    with open_film(path, step=0.5) as upright:
        assert (upright.film.width, upright.film.height) == (96, 48)
    turn(path, 90)
    with open_film(path, step=0.5) as decoder:
        assert (decoder.film.width, decoder.film.height) == (48, 96)
        frame = next(iter(decoder))
    assert frame.image.shape == (96, 48, 3)
    assert frame.image[:40, :, 2].min() > 200  # clockwise: what was left is on top
    assert frame.image[56:, :, 2].max() < 50


@pytest.mark.parametrize("size", [(47, 31), (33, 101), (1280, 16), (2, 2)])
def test_portrait_and_odd_sizes(write_film, picture, size):
    path = write_film("film.avi", [picture((10, 200, 90), size)] * 30, 25.0)
    dataset = extract(path, cache=False)
    scored = dataset["family"] != "face"  # there is none, so that it has no expression
    assert np.isfinite(dataset["values"].sel(feature=scored)).all()
    assert dataset.sizes["time"] == 3
    key = dataset["values"].sel(feature="lighting_mean").to_numpy()
    np.testing.assert_allclose(key, 200 / 255, atol=0.01)


def test_ten_seconds_of_black(write_film, picture):
    path = write_film("black.avi", [picture((0, 0, 0))] * 250, 25.0)
    found = extract(path, cache=False)["values"].to_series().unstack("feature")
    assert len(found) == 20
    assert (found["colour_hue_00"] == 1).all()
    assert (found["colour_saturation_00"] == 1).all()
    assert (found["lighting_key"] == 0).all()
    assert (found["lighting_shadow"] == 1).all()
    np.testing.assert_allclose(found["shot_length"], 10.0)
    assert (found["shot_cut_rate"] == 0).all()


def bad_files(folder):
    (folder / "text.mp4").write_text("a text that FFmpeg would draw\n" * 50)
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    cv2.imwrite(str(folder / "picture.png"), np.zeros((10, 10, 3), np.uint8))
    with wave.open(str(folder / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    (folder / "folder.mp4").mkdir()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("text.mp4", "a text file"),
        ("empty.mp4", "file is empty"),
        ("noise.mp4", "no video stream"),
        ("sound.wav", "no video stream"),
        ("picture.png", "one frame only"),
        ("folder.mp4", "not a file"),
        ("absent.mp4", "file is not there"),
    ],
)
def test_no_film_is_refused_in_words(tmp_path, name, words):
    bad_files(tmp_path)
    with pytest.raises(DataError, match=words) as refused:
        scan_film(tmp_path / name, [Red()], step=0.5)
    assert refused.value.file == tmp_path / name


def test_libraries_do_not_talk(tmp_path):
    """What FFmpeg and OpenCV would print is said by the error alone."""
    bad_files(tmp_path)
    code = "import sys; from muvistats.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, "features", "visual", tmp_path / "noise.mp4", "--out",
         tmp_path / "out", "--no-cache"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    *absent, said = done.stderr.splitlines()
    assert "noise.mp4: no video stream" in said
    assert all("`muvistats weights" in line for line in absent)  # networks that were not made here
    assert len(absent) <= 1


def test_sound_without_picture(write_timed):
    path = write_timed("sound.mp4", [], [], sound=True)
    with pytest.raises(DataError, match="no video stream"):
        scan_film(path, [Red()], step=0.5)


def test_no_frame_at_all(write_film, picture):
    whole = write_film("film.avi", steps(picture, 50), 25.0).read_bytes()
    path = write_film("none.avi", steps(picture, 2), 25.0)
    start = whole.index(b"movi") + 4
    path.write_bytes(whole[:start])
    with pytest.raises(DataError, match=r"no frame could be decoded|no video stream"):
        scan_film(path, [Red()], step=0.5)


def test_film_that_was_cut_off_says_so(write_film, picture):
    path = write_film("film.avi", [*steps(picture, 250)], 25.0)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    features = scan_film(path, [Red()], step=0.5)
    assert features.notes == ("file ends before the number of frames that it announces",)
    np.testing.assert_allclose(features.values[:4, 0], [0, 12, 25, 37])


def test_frames_that_stand_for_no_window_are_not_converted(write_film, picture):
    path = write_film("film.avi", steps(picture, 250), 25.0)
    with open_film(path, step=0.5, every=False) as decoder:
        frames = list(decoder)
    given = [frame.index for frame in frames if frame.windows]
    assert len(frames) < 70  # of 250
    with open_film(path, step=0.5) as decoder:
        every = list(decoder)
    assert [frame.index for frame in every] == list(range(250))
    assert given == [frame.index for frame in every if frame.windows]

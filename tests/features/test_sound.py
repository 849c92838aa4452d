from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from muvistats import DataError, MissingExtraError
from muvistats.features.sound import decode_sound

from .sounds import harmonic, write_film, write_wav

pytest.importorskip("av")

RATE = 16_000


def decoded(path: Path, tmp_path: Path, dtype: str = "<i2") -> tuple[object, np.ndarray]:
    """What was said of the sound, and its samples (time, channel)."""
    target = tmp_path / "decoded.wav"
    sound = decode_sound(path, target)
    raw = target.read_bytes()
    assert int.from_bytes(raw[4:8], "little") == len(raw) - 8
    assert int.from_bytes(raw[40:44], "little") == len(raw) - 44
    samples = np.frombuffer(raw[44:], dtype=dtype).reshape(-1, sound.channels)
    assert sound.duration == len(samples) / sound.rate
    return sound, samples


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_16_bit_keeps_its_numbers(tmp_path, rate, channels):
    numbers = np.random.default_rng(0).integers(-(2**15) + 1, 2**15, (rate // 4, channels))
    path = write_wav(tmp_path / "a.wav", numbers / (2**15 - 1), rate)
    sound, samples = decoded(path, tmp_path)
    assert (sound.rate, sound.channels, sound.notes) == (rate, channels, ())
    np.testing.assert_array_equal(samples, numbers)
    with wave.open(str(tmp_path / "decoded.wav")) as again:
        assert again.getnframes() == len(numbers)
        assert again.getframerate() == rate


def test_wider_numbers_are_kept(tmp_path):
    numbers = np.random.default_rng(0).uniform(-1, 1, (1000, 2))
    path = write_wav(tmp_path / "f.wav", numbers, RATE, "f32")
    _, samples = decoded(path, tmp_path, "<f4")
    np.testing.assert_array_equal(samples, numbers.astype(np.float32))
    path = write_wav(tmp_path / "i.wav", numbers, RATE, "s32")
    _, samples = decoded(path, tmp_path, "<i4")
    np.testing.assert_array_equal(samples, np.round(numbers * (2**31 - 1)))
    path = write_wav(tmp_path / "t.wav", numbers, RATE, "s24")
    target = tmp_path / "decoded.wav"
    decode_sound(path, target)
    assert target.read_bytes() == path.read_bytes()


def test_8_bit_becomes_16_bit(tmp_path):
    path = write_wav(tmp_path / "a.wav", np.linspace(-1, 1, 255), RATE, "u8")
    sound, samples = decoded(path, tmp_path)
    np.testing.assert_array_equal(samples[:, 0], np.arange(-127, 128) * 256)
    assert sound.notes == ("8-bit sound was read as 16 bit",)


def test_sound_of_a_film(tmp_path):
    tone = np.column_stack([harmonic(220, 2, 22_050), harmonic(330, 2, 22_050)])
    path = write_film(tmp_path / "a.mp4", tone, 22_050, seconds=2)
    sound, samples = decoded(path, tmp_path)
    assert (sound.rate, sound.channels) == (22_050, 2)
    assert abs(sound.duration - 2) < 0.06
    middle = slice(8000, 36_000)
    for channel in range(2):
        r = np.corrcoef(samples[middle, channel], tone[middle, channel])[0, 1]
        assert r > 0.99  # not moved by a single sample
        assert samples[middle, channel].std() / tone[middle, channel].std() == pytest.approx(
            32768, rel=0.03
        )


def test_sound_that_starts_later_than_the_picture(tmp_path):
    tone = harmonic(220, 2, RATE)[:, None]
    path = write_film(tmp_path / "a.mkv", tone, RATE, seconds=3, start=0.75)
    sound, samples = decoded(path, tmp_path)
    assert sound.notes == ("sound starts later than the file or has gaps; silence fills them",)
    assert np.abs(samples[: int(0.7 * RATE)]).max() == 0
    first = np.flatnonzero(np.abs(samples[:, 0]) > 1000)[0] / RATE
    assert first == pytest.approx(0.75, abs=0.01)
    assert sound.duration == pytest.approx(2.75, abs=0.1)


def test_film_without_sound(tmp_path):
    path = write_film(tmp_path / "a.mp4", None, RATE, seconds=1)
    with pytest.raises(DataError, match="has no sound"):
        decode_sound(path, tmp_path / "decoded.wav")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a readable sound or video file"),
        (b"nothing of the kind" * 100, "not a readable sound or video file"),
        (None, "no such file"),
    ],
)
def test_what_is_no_sound(tmp_path, content, said):
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        decode_sound(path, tmp_path / "decoded.wav")
    assert str(path) in str(caught.value)


def test_files_that_were_cut_off(tmp_path):
    whole = write_wav(tmp_path / "a.wav", harmonic(220, 2, RATE), RATE)
    raw = whole.read_bytes()
    for length in (len(raw) // 2, 44, len(raw) - 2):
        whole.write_bytes(raw[:length])
        with pytest.raises(DataError, match="cut off"):
            decode_sound(whole, tmp_path / "decoded.wav")
    # A length of all ones is that of a file that was written to a pipe.
    whole.write_bytes(raw[:4] + b"\xff" * 4 + raw[8:40] + b"\xff" * 4 + raw[44:])
    assert decode_sound(whole, tmp_path / "decoded.wav").duration == 2
    whole.write_bytes(raw[:4] + (36).to_bytes(4, "little") + raw[8:40] + bytes(4))
    with pytest.raises(DataError, match="has no sound"):
        decode_sound(whole, tmp_path / "decoded.wav")


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_film_that_was_cut_off(tmp_path, share):
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (RATE * 4, 1))
    path = write_film(tmp_path / "a.mp4", noise, RATE, seconds=4, options={"movflags": "faststart"})
    assert decode_sound(path, tmp_path / "decoded.wav").duration == pytest.approx(4, abs=0.1)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(DataError, match=r"ends before the file says|not a readable"):
        decode_sound(path, tmp_path / "decoded.wav")


def test_without_the_decoder(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"muvistats\[audio\]"):
        decode_sound(tmp_path / "a.wav", tmp_path / "decoded.wav")

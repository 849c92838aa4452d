"""Extractors of sound share one decoding; one of a user's own takes ten lines."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from muvistats import DataError, DesignError
from muvistats.features import audio
from muvistats.features.hearing import scan

from .sounds import harmonic, write_film, write_wav

pytest.importorskip("av")

RATE = 16_000
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "features.md"


class Peak(audio.SoundExtractor):
    """Largest sample of each channel."""

    family = ("left", "right")

    def names(self):
        return ["peak_left", "peak_right"]

    def measure(self, sound):
        return [np.abs(part).max(axis=1) for part in sound.windows()]


class Slow(audio.SoundExtractor):
    """Mean of the channels at another rate."""

    family = "slow"
    rate = 4_000

    def names(self):
        return ["slow_samples", "slow_level"]

    def measure(self, sound):
        assert sound.rate == 4_000
        return [[part.shape[1], part.std()] for part in sound.windows()][:-1]


def extract(paths, extractors, **settings):
    return audio.extract(paths, extractors, cache=False, **settings)


def stereo(tmp_path: Path, kind: str = "s16") -> Path:
    levels = np.repeat([0.2, 0.4], RATE)
    return write_wav(tmp_path / "a.wav", np.column_stack([levels, -levels / 2]), RATE, kind)


@pytest.mark.parametrize("kind", ["s16", "s24", "s32", "f32"])
def test_samples_channels_and_families(tmp_path, kind):
    found = extract(stereo(tmp_path, kind), Peak())
    expected = [[0.2, 0.1], [0.2, 0.1], [0.4, 0.2], [0.4, 0.2]]
    np.testing.assert_allclose(found["values"][0], expected, atol=1 / 32000)
    assert found["family"].to_numpy().tolist() == ["left", "right"]
    assert found["values"].dtype == np.float32


def test_one_decoding_serves_all(tmp_path, monkeypatch):
    calls = []
    real = scan.decode_sound
    monkeypatch.setattr(scan, "decode_sound", lambda *a: calls.append(a) or real(*a))
    found = extract(write_wav(tmp_path / "a.wav", harmonic(220, 2, RATE), RATE), [Slow()])
    assert len(calls) == 1
    assert found.sizes["time"] == 3  # it left out the last window
    both = extract(stereo(tmp_path), [Peak(), Slow()])
    assert len(calls) == 2
    assert np.isnan(both["values"].sel(feature="slow_level")[0, -1])
    assert np.isfinite(both["values"].sel(feature="peak_left")).all()
    assert (both["values"].sel(feature="slow_samples")[0, :3] == 2_000).all()


def test_resampling_keeps_a_tone(tmp_path):
    path = write_wav(tmp_path / "a.wav", harmonic(220, 2, 44_100), 44_100)
    slow = extract(path, Slow())["values"].sel(feature="slow_level").to_numpy()[0]
    np.testing.assert_allclose(slow[1:-1], harmonic(220, 1, 4_000).std(), rtol=0.01)


def test_extractor_of_the_guide(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    code = next(block for block in blocks if "(SoundExtractor)" in block)
    definition = code[code.index("class ") : code.index("\n\n\n", code.index("class "))]
    assert len(definition.splitlines()) <= 10
    path = stereo(tmp_path)
    scope: dict[str, object] = {"songs": [path]}
    exec(code, scope)
    width = scope["features"]["values"].sel(feature="stereo_width").to_numpy()
    np.testing.assert_allclose(width, [[0.15, 0.15, 0.3, 0.3]], atol=1e-4)


def test_any_container(tmp_path):
    tone = harmonic(220, 2, 22_050)[:, None].repeat(2, axis=1)
    film = write_film(tmp_path / "film.mp4", tone, 22_050, seconds=2)
    assert extract(film, Peak()).sizes["time"] == 4


def test_what_is_refused(tmp_path):
    path = stereo(tmp_path)
    with pytest.raises(DesignError, match="short for OpenSmile"):
        extract(path, Peak(), feature_set="emobase")
    with pytest.raises(DesignError, match=r"give an instance, such as OpenSmile\(\)"):
        extract(path, Peak)
    with pytest.raises(DesignError, match="two features are called 'peak_left'"):
        extract(path, [Peak(), Peak()])
    with pytest.raises(DesignError, match="no extractor was given"):
        extract(path, [])

    class Wrong(Peak):
        def measure(self, sound):
            return np.zeros((len(sound.time) + 1, 2))

    with pytest.raises(DataError, match="Wrong gave features of another shape"):
        extract(path, Wrong())

    class Lone(Peak):
        family = ("left",)

    with pytest.raises(DesignError, match="one family, or one for each feature"):
        extract(path, Lone())


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_told(tmp_path, bad):
    sound = harmonic(220, 1, RATE)
    sound[700:703] = bad
    path = write_wav(tmp_path / "a.wav", sound, RATE, "f32")
    with pytest.raises(DataError, match=r"samples that are no finite numbers \(found 3\)"):
        extract(path, Peak())

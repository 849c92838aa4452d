"""Rhythm, tonality and notes of sounds whose tempo, key and pitch are known."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from muvistats import DataError, DesignError, ExtractionWarning, MissingExtraError
from muvistats.features import audio
from muvistats.features.audio import MusicTags, Notes, OpenSmile, Rhythm, Tonality

from ...features.sounds import harmonic, write_film, write_wav

RATE = 22_050
MAJOR = (0, 2, 4, 5, 7, 9, 11, 12)
MINOR = (0, 2, 3, 5, 7, 8, 11, 12)


@pytest.fixture
def heard(tmp_path):
    """Features of samples, one row per window."""

    def measure(samples, extractor, rate=RATE, kind="s16"):
        path = write_wav(tmp_path / "a.wav", samples, rate, kind)
        return audio.extract(path, extractor, cache=False)["values"].isel(item=0).to_pandas()

    return measure


def clicks(tempo: float, seconds: float, rate: int = RATE) -> np.ndarray:
    sound = np.zeros(round(seconds * rate))
    tick = np.sin(2 * np.pi * 1_000 * np.arange(400) / rate) * np.exp(-np.arange(400) / 80)
    for at in (np.arange(0, seconds - 0.1, 60 / tempo) * rate).astype(int):
        sound[at : at + 400] += 0.8 * tick
    return sound


def scale(tonic: float, steps: tuple[int, ...]) -> np.ndarray:
    notes = [harmonic(tonic * 2 ** (step / 12), 0.5, RATE) for step in (*steps, *steps[::-1])]
    return np.concatenate(notes)


@pytest.mark.parametrize("tempo", [84, 100, 120, 133, 150])
def test_tempo_of_clicks(heard, tempo):
    found = heard(clicks(tempo, 16), Rhythm())
    assert (found["rhythm_tempo"] - tempo).abs().max() < 1
    assert found["rhythm_regularity"].median() < 0.03
    assert found["rhythm_onset_rate"].mean() == pytest.approx(tempo / 60, rel=0.1)
    assert found["rhythm_beat_rate"].mean() == pytest.approx(tempo / 60, rel=0.1)


def test_a_change_of_tempo_is_followed(heard):
    found = heard(np.concatenate([clicks(90, 20), clicks(120, 20)]), Rhythm())["rhythm_tempo"]
    assert found.loc[2:14].median() == pytest.approx(90, abs=1)
    assert found.loc[26:38].median() == pytest.approx(120, abs=1)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
@pytest.mark.parametrize(("hertz", "midi"), [(440, 69), (261.63, 60), (110, 45), (1046.5, 84)])
def test_pitch_is_the_midi_number(heard, hertz, midi, rate):
    tone = 0.3 * np.sin(2 * np.pi * hertz * np.arange(3 * rate) / rate)
    silence = np.zeros(rate // 4)
    found = heard(np.concatenate([silence, tone, np.zeros(2 * rate)]), Notes(), rate)
    assert (found["notes_pitch_main"][:3.2] == midi).all()
    assert found["notes_pitch_mean"][0.5:2.5].to_numpy() == pytest.approx(midi, abs=0.5)
    assert found["notes_sounding"][0.5:2.5].to_numpy() == pytest.approx(1, abs=0.1)
    assert found["notes_onset_rate"].to_numpy()[0] > 0
    assert (found["notes_sounding"][3.5:] == 0).all()
    assert found["notes_pitch_main"][3.5:].isna().all()


def test_notes_stay_in_time_over_a_minute(heard):
    """A note each 2 s: frames have their own times, so that nothing drifts."""
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    quarter, rest = np.zeros(RATE // 4), np.zeros(RATE - RATE // 4)
    found = heard(np.tile(np.concatenate([quarter, tone, rest]), 30), Notes())
    begun = found["notes_onset_rate"].to_numpy().reshape(30, 4)
    assert (begun == [2, 0, 0, 0]).all()
    sounding = found["notes_sounding"].to_numpy().reshape(30, 4)
    np.testing.assert_allclose(sounding, np.tile([0.5, 1, 0.5, 0], (30, 1)), atol=0.12)


@pytest.mark.parametrize("tonic", [0, 4, 7, 10])
@pytest.mark.parametrize(("steps", "sign"), [(MAJOR, 1), (MINOR, -1)])
def test_key_of_a_scale(heard, tonic, steps, sign):
    found = heard(scale(261.63 * 2 ** (tonic / 12), steps), Tonality(reach=8))
    assert (found["tonality_tonic"] == tonic).all()
    assert (np.sign(found["tonality_majorness"]) == sign).all()
    assert (found["tonality_clarity"] > 0.7).all()
    chroma = found[[name for name in found if name.startswith("tonality_chroma")]]
    np.testing.assert_allclose(chroma.sum(axis=1), 1, atol=1e-5)
    played = [(tonic + step) % 12 for step in (*steps, *steps[::-1])]
    assert chroma.to_numpy().argmax(axis=1).tolist() == played


def test_silence_and_a_steady_tone(heard):
    found = heard(np.zeros(3 * RATE), [Rhythm(), Tonality(), Notes()])
    zero = ["rhythm_beat_rate", "rhythm_onset_rate", "rhythm_onset_strength", "rhythm_onset_peak",
            "notes_sounding", "notes_onset_rate"]  # fmt: skip
    assert (found[zero] == 0).all(axis=None)
    assert found.drop(columns=zero).isna().all(axis=None)
    assert heard(harmonic(220, 4, RATE), Rhythm())["rhythm_tempo"].isna().all()


@pytest.mark.parametrize("seconds", [0.45, 0.7, 3.0])
@pytest.mark.parametrize("rate", [8_000, 48_000])
def test_short_sounds_and_other_rates(heard, seconds, rate):
    found = heard(harmonic(440, seconds, rate), [Rhythm(), Tonality(), Notes()], rate)
    assert len(found) == max(1, int(seconds / 0.5))
    assert (found["tonality_chroma_a"] > 0.5).all()
    assert (found["notes_pitch_main"] == 69).all()


def test_all_extractors_of_a_film(tmp_path):
    tone = harmonic(440, 3, RATE)[:, None].repeat(2, axis=1)
    film = write_film(tmp_path / "film.mp4", tone, RATE, seconds=3)
    extractors = [OpenSmile("eGeMAPS"), Rhythm(), Tonality(), Notes()]
    found = audio.extract(film, extractors, cache=False)
    families = found["family"].to_series()
    assert {"rhythm", "tonality", "notes", "mfcc", "loudness"} <= set(families)
    alone = audio.extract(film, feature_set="eGeMAPS", cache=False)
    np.testing.assert_array_equal(found["values"][..., :88], alone["values"])


def test_store_and_processes(tmp_path):
    paths = [write_wav(tmp_path / f"{f}.wav", harmonic(f, 2, RATE), RATE) for f in (220, 330)]
    alone = audio.extract(paths, [Notes(), Tonality()], cache=tmp_path / "store")
    again = audio.extract(paths, [Notes(), Tonality()], cache=False, n_jobs=2)
    assert again.identical(alone)
    audio.extract(paths, Notes(sounding=0.4), cache=tmp_path / "store")
    assert len(list((tmp_path / "store").glob("*.npz"))) == 4


def test_settings_and_missing_packages(tmp_path, monkeypatch):
    with pytest.raises(DesignError, match="reach"):
        Rhythm(reach=0)
    with pytest.raises(DesignError, match="sounding and onset"):
        Notes(sounding=1.0)
    path = write_wav(tmp_path / "a.wav", harmonic(220, 1, RATE), RATE)
    bad = tmp_path / "network.onnx"
    bad.write_bytes(b"no network")
    with pytest.raises(DataError, match="not an ONNX network"):
        audio.extract(path, Notes(weights=bad))
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(MissingExtraError, match=r"muvistats\[music\]"):
        audio.extract(path, Rhythm())


def drums(seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).normal(size=len(time))
    return np.clip(0.3 * noise * np.exp(-(time % 0.5) * 40), -1, 1)


def test_tags_tell_drums_from_chords(heard, made):
    made("musicnn")
    chord = sum(harmonic(tone, 9.0, RATE) for tone in (110, 138.6, 164.8)) / 3
    soft, loud = heard(chord, MusicTags()), heard(drums(9), MusicTags())
    assert soft.shape == loud.shape == (18, 803)
    assert soft["tag_ambient"].mean() > 2 * loud["tag_ambient"].mean()
    tags = soft.iloc[:, :50]
    assert tags.min().min() >= 0
    assert tags.max().max() <= 1
    assert soft.iloc[0, :].equals(soft.iloc[1, :])  # one piece of 3 s
    assert not soft.iloc[0, :].equals(soft.iloc[-1, :])


def test_tags_of_silence_short_loud_and_low_sound(heard, made):
    made("musicnn")
    half = np.concatenate([drums(6), np.zeros(6 * RATE)])
    found = heard(half, MusicTags())
    assert found.iloc[:8].notna().all().all()
    assert found.iloc[-6:].isna().all().all()
    short = heard(drums(1), MusicTags())
    assert short.shape == (2, 803)
    assert short.notna().all().all()
    square = np.sign(np.sin(2 * np.pi * 100 * np.arange(4 * RATE) / RATE))
    assert np.isfinite(heard(0.99 * square, MusicTags()).to_numpy()).all()
    assert heard(drums(4)[::3], MusicTags(), rate=8_000).notna().all().all()


def test_tags_without_their_network(tmp_path):
    path = write_wav(tmp_path / "a.wav", drums(2), RATE, "s16")
    with pytest.raises(DataError, match="no features of MusicTags: `muvistats weights musicnn`"):
        audio.extract(path, MusicTags(), cache=False)
    with pytest.warns(ExtractionWarning, match="no features of MusicTags"):
        found = audio.extract(path, [Rhythm(), MusicTags()], cache=False)
    assert set(found["family"].to_numpy()) == {"rhythm"}
    assert len(MusicTags().names()) == len(MusicTags().family) == 803

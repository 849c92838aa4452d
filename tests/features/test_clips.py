"""Stimuli in three modalities from one film: start of the music, cut, loudness, same packets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import muvistats as mv
from muvistats.features.clips import cut_clip, music_start
from muvistats.kernels.sound.loudness import loudness

from .sounds import harmonic, write_film, write_wav

av = pytest.importorskip("av")

RATE = 48_000


def film(path: Path, intro: float, music: float, amplitude: float = 0.3, **more: float) -> Path:
    """A film whose music begins after a silent intro."""
    silence = np.zeros(round(intro * RATE))
    sound = np.concatenate([silence, harmonic(220, music, RATE, amplitude)])
    seconds = more.pop("seconds", intro + music)
    return write_film(path, np.stack([sound, sound], axis=1), RATE, seconds=seconds, **more)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "V1.mp4", 2.0, 4.0)


def packets(path: Path, kind: str) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as clip:
        stream = getattr(clip.streams, kind)[0]
        return [
            (float(packet.pts * packet.time_base), bytes(packet))
            for packet in clip.demux(stream)
            if packet.size
        ]


def sound_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as clip:
        convert = av.AudioResampler("fltp", "stereo", RATE)
        parts = [p.to_ndarray() for f in clip.decode(audio=0) for p in convert.resample(f)]
    return np.concatenate(parts, axis=1).astype(float)


@pytest.mark.parametrize("intro", [0.0, 0.7, 2.0])
def test_music_starts_where_the_intro_ends(tmp_path: Path, intro: float) -> None:
    assert music_start(film(tmp_path / "a.mp4", intro, 2.0)) == pytest.approx(intro, abs=0.06)


def test_a_click_and_noise_are_no_music(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(3 * RATE), harmonic(220, 2, RATE)])
    sound += 1e-4 * np.random.default_rng(1).standard_normal(len(sound))
    sound[RATE : RATE + 2000] = 0.5
    path = write_wav(tmp_path / "a.wav", sound, RATE)
    assert music_start(path) == pytest.approx(3.0, abs=0.06)


def test_sound_that_starts_late_in_the_file_counts_from_the_picture(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 0.0, 2.0, seconds=3.5, start=1.5)
    assert music_start(path) == pytest.approx(1.5, abs=0.06)


def test_three_modalities_are_one_clip(source: Path, tmp_path: Path) -> None:
    clip = cut_clip(source, tmp_path, duration=3.0)
    assert (clip.item, clip.duration, clip.notes) == ("V1", 3.0, ())
    assert clip.start == pytest.approx(2.0, abs=0.06)
    names = {mode: str(path.relative_to(tmp_path)) for mode, path in clip.files.items()}
    assert names == {
        "audiovisual": "audiovisual/V1.mp4",
        "visual": "visual/V1.mp4",
        "music": "music/V1.m4a",
    }
    both = clip.files["audiovisual"]
    assert packets(clip.files["visual"], "video") == packets(both, "video")
    assert packets(clip.files["music"], "audio") == packets(both, "audio")
    with av.open(str(clip.files["visual"])) as alone:
        assert not alone.streams.audio
    with av.open(str(clip.files["music"])) as alone:
        assert not alone.streams.video
    assert loudness(sound_of(clip.files["music"]), RATE) == pytest.approx(-23, abs=0.3)
    assert clip.loudness + clip.change == pytest.approx(-23)


def test_the_picture_is_that_of_its_second(source: Path, tmp_path: Path) -> None:
    """Frame n of the film is of about grey n, ten a second."""
    clip = cut_clip(source, tmp_path, start=2.5, duration=2.0, item="other")

    def greys(path: Path) -> np.ndarray:
        with av.open(str(path)) as film:
            frames = [(f.time, f.to_ndarray(format="gray").mean()) for f in film.decode(video=0)]
        return np.array(frames)

    shown, whole = greys(clip.files["visual"]), greys(source)
    np.testing.assert_allclose(shown[:, 0], np.arange(20) / 10, atol=1e-3)
    np.testing.assert_allclose(shown[:, 1], whole[25:45, 1], atol=1.5)
    assert np.abs(shown[:, 1] - whole[26:46, 1]).mean() > 0.5  # a frame later is another grey


def test_quiet_sound_with_high_peaks_gets_no_louder_than_they_allow(tmp_path: Path) -> None:
    sound = harmonic(220, 3, RATE, 0.01)
    sound[RATE] = 0.9
    path = write_film(tmp_path / "a.mp4", np.stack([sound, sound], axis=1), RATE, seconds=3.0)
    clip = cut_clip(path, tmp_path / "clips", start=0.0, duration=2.5)
    assert clip.change < -23 - clip.loudness - 1
    assert "peaks leave no more room" in clip.notes[0]
    assert np.abs(sound_of(clip.files["music"])).max() < 1
    same = cut_clip(path, tmp_path / "clips", start=0.0, duration=2.5, loudness=None)
    assert same.change == 0


def test_what_cannot_be_cut_is_refused_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips"
    with pytest.raises(mv.DataError, match="ends before the clip does; give a shorter"):
        cut_clip(source, out, duration=10.0)
    silent = write_film(tmp_path / "s.mp4", None, RATE, seconds=2.0)
    with pytest.raises(mv.DataError, match="file has no sound"):
        cut_clip(silent, out, start=0.0, duration=1.0)
    quiet = film(tmp_path / "q.mp4", 2.0, 0.1)
    with pytest.raises(mv.DataError, match="no music was found; give the start"):
        cut_clip(quiet, out)
    tone = write_wav(tmp_path / "t.wav", harmonic(220, 2, RATE), RATE)
    with pytest.raises(mv.DataError, match="file has no picture"):
        cut_clip(tone, out, start=0.0, duration=1.0)
    text = tmp_path / "x.mp4"
    text.write_text("no film")
    with pytest.raises(mv.DataError, match="not a readable"):
        music_start(text)
    with pytest.raises(mv.DataError, match="no such file"):
        music_start(tmp_path / "none.mp4")
    for wrong in ({"duration": 0}, {"start": -1}, {"loudness": float("nan")}, {"item": ""}):
        with pytest.raises(mv.DesignError):
            cut_clip(source, out, **{"duration": 1.0, **wrong})
    assert not [path for path in out.rglob("*") if path.is_file()]


def test_the_shared_clip(shared: Path, tmp_path: Path) -> None:
    path = shared / "media" / "sample_music_video.mp4"
    assert 0 < music_start(path) < 3  # it fades in
    clip = cut_clip(path, tmp_path, start=20.0, duration=2.0)
    assert len(packets(clip.files["visual"], "video")) == 50
    assert loudness(sound_of(clip.files["audiovisual"]), RATE) == pytest.approx(-23, abs=0.5)

"""Shots against known cuts and PySceneDetect itself."""

from __future__ import annotations

import numpy as np
import pytest
from scenedetect import AdaptiveDetector, ContentDetector, SceneManager, open_video

from muvistats.features.visual import Shots, extract, shot_table

CUTS = [10.00, 15.28, 25.28, 30.56, 40.56, 45.84]


def coloured(picture, lengths):
    """Shots of one colour each, so many frames long."""
    colours = [(200, 30, 30), (60, 90, 40), (30, 30, 220), (250, 250, 250)]
    for number, length in enumerate(lengths):
        yield from [picture(colours[number % 4])] * length


def direct(path, detector):
    manager = SceneManager()
    manager.add_detector(detector)
    manager.detect_scenes(open_video(str(path)))
    return [start.seconds for start, _ in manager.get_scene_list(start_in_scene=True)]


@pytest.mark.parametrize("detector", ["content", "adaptive"])
def test_known_cuts(write_film, picture, detector):
    path = write_film("film.avi", coloured(picture, [30, 50, 20, 45]))
    features = extract(path, Shots(detector=detector), cache=False)
    table = shot_table(features)
    np.testing.assert_allclose(table["start"], [0, 1.2, 3.2, 4.0])
    np.testing.assert_allclose(table["end"], [1.2, 3.2, 4.0, 5.8])
    np.testing.assert_allclose(table["length"], [1.2, 2.0, 0.8, 1.8])
    assert table["shot"].tolist() == [1, 2, 3, 4]
    found = features["values"][0].to_series().unstack("feature")
    lengths = [1.2, 1.2, 1.2, 2, 2, 2, 2, 0.8, 1.8, 1.8, 1.8, 1.8]
    np.testing.assert_allclose(found["shot_length"], lengths)
    np.testing.assert_allclose(found["shot_elapsed"].iloc[:4], [0, 0.5, 1.0, 0.3], atol=1e-9)
    # at 0 s the window reaches from 0 to 5 s: three cuts
    assert found["shot_cut_rate"].iloc[0] == pytest.approx(60 * 3 / 5)
    assert found["shot_cut_rate"].iloc[6] == pytest.approx(60 * 3 / 5.8)


def test_cut_rate_counts_in_its_window(write_film, picture):
    path = write_film("film.avi", coloured(picture, [25] * 8))
    found = extract(path, Shots(window=2.0), cache=False)["values"][0]
    rate = found.sel(feature="shot_cut_rate").to_numpy()
    # from 3.5 to 5.5 s: cuts at 4 and 5 s
    assert rate[9] == pytest.approx(60)


@pytest.mark.parametrize(
    ("settings", "detector"),
    [
        (Shots(detector="content"), lambda: ContentDetector(min_scene_len=0.2)),
        (Shots(detector="content", min_length=15), ContentDetector),
        (Shots(detector="content", threshold=15.0), lambda: ContentDetector(15.0, 0.2)),
        (Shots(), lambda: AdaptiveDetector(min_scene_len=0.2)),
        (Shots(min_length=15), AdaptiveDetector),
    ],
)
def test_real_clip_equals_pyscenedetect(clip, settings, detector):
    table = shot_table(extract(clip, settings, cache=False))
    np.testing.assert_allclose(table["start"], direct(clip, detector()), atol=1e-6)


def test_varying_frame_rate_equals_pyscenedetect(write_timed, picture):
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.integers(15, 90, 120)).tolist()
    pictures = list(coloured(picture, [30, 33, 27, 30]))
    path = write_timed("film.mp4", pictures, [time - times[0] for time in times])
    table = shot_table(extract(path, Shots(detector="content"), cache=False))
    starts = [(times[number] - times[0]) / 1000 for number in (0, 30, 63, 90)]
    np.testing.assert_allclose(table["start"], starts, atol=1e-6)
    np.testing.assert_allclose(
        table["start"], direct(path, ContentDetector(min_scene_len=0.2)), atol=1e-6
    )


@pytest.mark.parametrize("detector", ["content", "adaptive"])
def test_hard_cuts_of_the_real_clip(clip, detector):
    table = shot_table(extract(clip, Shots(detector=detector), cache=False))
    starts = table["start"].to_numpy()
    for cut in CUTS:
        assert np.abs(starts - cut).min() <= 1 / 25 + 1e-9
    assert len(table) < 40
    assert table["end"].iloc[-1] == pytest.approx(55.8)

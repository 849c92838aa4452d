"""Optical flow of pictures whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats import DesignError
from muvistats.features.visual import Motion, extract

SIZE = (272, 640)


@pytest.fixture
def texture():
    """Noise that is smooth enough to be followed."""
    import cv2

    def make(height, width, seed=0):
        rng = np.random.default_rng(seed)
        coarse = rng.integers(0, 256, (height // 6, width // 6, 3), dtype=np.uint8)
        return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)

    return make


@pytest.fixture
def moved(write_film):
    """Features of the windows of a film, one row per window."""

    def measure(pictures, rate=25.0, **settings):
        film = write_film("a.avi", pictures, rate)
        found = extract(film, Motion(**settings), cache=False)
        return found["values"].isel(item=0).to_pandas()

    return measure


@pytest.mark.parametrize(("right", "down"), [(4, 0), (0, 3), (-3, 2)])
def test_a_moving_square(moved, texture, right, down):
    ground, square = texture(*SIZE), texture(120, 120, seed=1)
    frames = []
    for number in range(26):
        frame = ground.copy()
        y, x = 76 + down * (number - 12), 260 + right * (number - 12)
        frame[y : y + 120, x : x + 120] = square
        frames.append(frame)
    found = moved(frames, longest_side=640)
    speed = np.hypot(right, down) * 25 / SIZE[1]  # widths a second
    share = 120 * 120 / (SIZE[0] * SIZE[1])
    np.testing.assert_allclose(found["motion_peak"], speed, rtol=0.05)
    np.testing.assert_allclose(found["motion_amount"], speed * share, rtol=0.1)
    direction = np.arctan2(found["motion_y"], found["motion_x"])
    np.testing.assert_allclose(direction, np.arctan2(down, right), atol=0.05)
    assert (found["motion_camera"] < 0.05 * speed).all()
    np.testing.assert_allclose(found["motion_subject"], speed * share, rtol=0.1)


def test_a_pan_is_the_camera(moved, texture):
    wide = texture(SIZE[0], 800)
    found = moved([wide[:, 3 * n : 3 * n + SIZE[1]] for n in range(26)])
    speed = 3 * 25 / SIZE[1]
    np.testing.assert_allclose(found["motion_camera_x"], -speed, rtol=0.05)
    np.testing.assert_allclose(found["motion_camera"], speed, rtol=0.05)
    assert (found["motion_subject"] < 0.1 * speed).all()
    assert (found["motion_camera_zoom"].abs() < 0.05).all()


def test_zoom_and_turn(moved, texture):
    import cv2

    ground = texture(*SIZE)
    middle = ((SIZE[1] - 1) / 2, (SIZE[0] - 1) / 2)

    def seen(by, angle):
        how = cv2.getRotationMatrix2D(middle, -angle, by)
        return cv2.warpAffine(ground, how, SIZE[::-1], borderMode=cv2.BORDER_REFLECT)

    found = moved([seen(1.01**n, 0) for n in range(26)])
    np.testing.assert_allclose(found["motion_camera_zoom"], 25 * 0.01, rtol=0.07)
    assert (found["motion_subject"] < 0.3 * found["motion_camera"]).all()
    found = moved([seen(1, 0.6 * n) for n in range(26)])
    np.testing.assert_allclose(found["motion_camera_turn"], 25 * 0.6, rtol=0.07)


def test_cuts_stills_and_black(moved, texture):
    first, second = texture(*SIZE), texture(*SIZE, seed=5)
    cut = moved([first] * 25 + [second] * 25)
    assert cut.loc[1.0].isna().all()
    assert (cut.drop(index=1.0).abs() < 1e-3).all(axis=None)
    black = moved([np.zeros((272, 640, 3), dtype=np.uint8)] * 250)
    assert (black == 0).all(axis=None)
    assert len(black) == 20


@pytest.mark.parametrize("shape", [(640, 272), (37, 51), (8, 200)])
def test_odd_sizes(moved, texture, shape):
    found = moved([texture(*(max(side, 6) for side in shape), seed=n) for n in range(26)])
    assert found.shape == (3, 10)
    with pytest.raises(DesignError, match="at least 32"):
        Motion(longest_side=8)

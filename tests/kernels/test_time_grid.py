"""The regular grid under time stamps: rounded stamps, holes, stamps beside it."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats.kernels.time_grid import grid_under

STEPS = np.arange(600)


@pytest.mark.parametrize(
    ("rate", "decimals"),
    [
        (2, 1),
        (10, 1),
        (30, 2),
        (30 / 1.001, 2),
        (48, 2),
        (50, 2),
        (60, 2),
        (60 / 1.001, 2),
        (60, 3),
    ],
)
@pytest.mark.parametrize("hole", [[], [1], [3, 4, 500]])
def test_rounded_frames_are_on_their_grid(rate, decimals, hole):
    step = np.delete(STEPS, hole)
    width, found, off = grid_under(np.round(step / rate, decimals))
    assert not off.any()
    np.testing.assert_array_equal(found, step)
    assert width == pytest.approx(1 / rate, rel=1e-3)


def test_what_rounding_does_not_explain_is_beside_the_grid():
    stamps = STEPS[:40] * 0.5
    stamps[7] += 0.1234567
    assert grid_under(stamps)[2].any()
    jitter = np.cumsum(np.random.default_rng(1).uniform(0.4, 0.6, 200))
    assert grid_under(jitter)[2].any()


@pytest.mark.parametrize("stamps", [[0, 2, 3, 5, 7, 8, 10], [0, 1, 3], [0, 0.5, 1.5]])
def test_few_whole_steps_with_holes_are_not_taken_for_rounded_ones(stamps):
    width, found, off = grid_under(np.array(stamps, dtype=float))
    assert not off.any()
    assert width == stamps[1] if stamps[1] < 2 else 1
    np.testing.assert_array_equal(found * width, stamps)


def test_what_is_below_a_nanosecond_does_not_count():
    stamps = np.round(STEPS / 60, 2)
    plain = grid_under(stamps)
    moved = grid_under(stamps + 7e-10 * (STEPS % 2))
    assert not moved[2].any()
    assert moved[0] == pytest.approx(plain[0], rel=1e-6)
    np.testing.assert_array_equal(moved[1], STEPS)


def test_twenty_stamps_are_enough_for_frames_of_a_48th():
    assert not grid_under(np.round(STEPS[:20] / 48, 2))[2].any()

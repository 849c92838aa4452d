"""Delays of raters: found again where they were planted."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from muvistats.kernels.raters.lag import moved_up, rater_delays


def test_rows_are_moved_by_their_steps():
    values = np.arange(8.0).reshape(2, 4)
    expected = [[1, 2, 3, np.nan], [np.nan, 4, 5, 6]]
    assert_array_equal(moved_up(values, np.array([1, -1])), expected)


def test_planted_delays_are_found_over_all_annotations_of_a_rater():
    rng = np.random.default_rng(0)
    n_cells, n_raters, steps = 15, 6, 80
    delay = np.array([0, 2, -1, 0, 1, -2])
    paths = rng.normal(size=(n_cells, steps + 8)).cumsum(axis=1)
    rater, cell = np.tile(np.arange(n_raters), n_cells), np.repeat(np.arange(n_cells), n_raters)
    values = paths[cell[:, None], np.arange(steps) + 4 - delay[rater][:, None]]
    values = values + 1.0 * rng.normal(size=values.shape)
    found = rater_delays(values, np.arange(n_cells) * n_raters, rater, most=4)
    assert_array_equal(found[:n_raters], delay)
    assert_array_equal(found, delay[rater])


def test_who_never_moves_has_no_delay():
    values = np.random.default_rng(1).normal(size=(3, 40)).cumsum(axis=1)
    values[2] = 0.0
    assert rater_delays(values, np.array([0]), np.arange(3), most=3)[2] <= 0
    assert_array_equal(rater_delays(np.zeros((3, 40)), np.array([0]), np.arange(3), most=3), 0)

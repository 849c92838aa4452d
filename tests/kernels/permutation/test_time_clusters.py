"""Clusters of neighbouring steps against plain loops over each row."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from muvistats.kernels.permutation.time_clusters import cluster_mass, runs, threshold_free


def _clusters(row, threshold):
    """Steps of each cluster, by looking at one step after the other."""
    signs = [0 if np.isnan(x) or abs(x) <= threshold else int(np.sign(x)) for x in row]
    steps = itertools.groupby(range(len(row)), key=lambda step: signs[step])
    return [list(group) for sign, group in steps if sign]


@pytest.fixture(scope="module")
def statistics():
    values = np.random.default_rng(0).normal(size=(40, 30)).cumsum(axis=1) / 2
    values[::3, 11] = np.nan
    return values


def test_mass_is_the_sum_over_the_steps_of_a_cluster(statistics):
    found = cluster_mass(statistics, 1.1)
    expected = np.zeros_like(statistics)
    for row, out in zip(statistics, expected, strict=True):
        for steps in _clusters(row, 1.1):
            out[steps] = row[steps].sum()
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert (found != 0).any()
    assert (found == 0).any()


def test_enhancement_is_the_sum_over_heights(statistics):
    found = threshold_free(statistics, 0.25)
    expected = np.zeros_like(statistics)
    for row, out in zip(statistics, expected, strict=True):
        for height in np.arange(1, int(np.nanmax(np.abs(row)) / 0.25) + 1) * 0.25:
            for steps in _clusters(row, height):
                out[steps] += len(steps) ** 0.5 * height**2 * 0.25
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_of_a_block_the_enhancement_is_the_integral():
    row = np.zeros((1, 20))
    row[0, 5:14] = 3.0
    assert threshold_free(row, 0.001)[0, 8] == pytest.approx(9**0.5 * 3.0**3 / 3, rel=1e-3)
    assert threshold_free(-row, 0.001)[0, 8] == pytest.approx(9**0.5 * 3.0**3 / 3, rel=1e-3)


def test_a_step_without_a_statistic_ends_a_cluster():
    row = np.array([[2.0, 2.0, np.nan, 2.0, -2.0]])
    assert cluster_mass(row, 1.0).tolist() == [[4.0, 4.0, 0.0, 2.0, -2.0]]


def test_runs_do_not_go_on_in_the_next_row():
    assert runs(np.array([[1, 1, 0], [0, 0, 1]])).tolist() == [[0, 0, 1], [2, 2, 3]]


def test_an_endless_statistic_has_so_many_heights_at_most():
    squares = 10_000 * 10_001 * 20_001 / 6
    found = threshold_free(np.array([[1e12, 0.0]]), 0.1)[0, 0]
    assert found == pytest.approx(0.1**3 * squares, rel=1e-10)

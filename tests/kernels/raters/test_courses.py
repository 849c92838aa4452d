"""Courses that are alike, against plain loops and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from muvistats.kernels.raters.courses import (
    course_distances,
    permuted_correlations,
    rank_correlation,
    shifted_correlations,
)


def scaled(values):
    return stats.zscore(values, axis=1)


def test_moved_round_is_moved_round():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(3, 25))
    shifts = rng.integers(0, 25, size=(6, 3))
    found = shifted_correlations(values, shifts)
    for draw, moves in enumerate(shifts):
        moved = np.stack([np.roll(v, -m) for v, m in zip(values, moves, strict=True)])
        r = np.corrcoef(moved)
        assert_allclose(found[0, draw], (r.sum(axis=1) - 1) / 2, atol=1e-12)
        for i in range(3):
            others = scaled(np.delete(moved, i, axis=0)).mean(axis=0)
            assert_allclose(found[1, draw, i], np.corrcoef(moved[i], others)[0, 1], atol=1e-12)


@pytest.mark.parametrize("distance", ["correlation", "euclidean"])
def test_distances_take_the_steps_that_both_have(distance):
    means = np.random.default_rng(1).normal(size=(4, 9))
    means[0, 3] = means[2, 5] = np.nan
    found = course_distances(means, distance)
    for i, j in [(0, 1), (0, 2), (2, 3)]:
        both = ~np.isnan(means[i] + means[j])
        x, y = means[i, both], means[j, both]
        by_hand = {
            "correlation": 1 - np.corrcoef(x, y)[0, 1],
            "euclidean": np.sqrt(((x - y) ** 2).mean()),
        }
        assert_allclose([found[i, j], found[j, i]], by_hand[distance], rtol=1e-12)


def test_permuted_items_are_permuted_rows_and_columns():
    rng = np.random.default_rng(4)
    first, second = (course_distances(rng.normal(size=(5, 12)), "euclidean") for _ in range(2))
    upper = np.triu_indices(5, 1)
    assert_allclose(
        rank_correlation(first, second), stats.spearmanr(first[upper], second[upper]).statistic
    )
    drawn = permuted_correlations(first, second, 300, np.random.default_rng(7))
    orders = np.random.default_rng(7).permuted(np.tile(np.arange(5), (256, 1)), axis=1)
    by_hand = [rank_correlation(first, second[np.ix_(order, order)]) for order in orders]
    assert_allclose(drawn[:256], by_hand, atol=1e-12)


def test_items_that_are_all_alike_have_no_rank_correlation():
    alike, other = 1.0 - np.eye(4), np.random.default_rng(1).random((4, 4))
    other = other + other.T
    assert np.isnan(rank_correlation(alike, other))
    assert np.isnan(permuted_correlations(other, alike, 3, np.random.default_rng(0))).all()

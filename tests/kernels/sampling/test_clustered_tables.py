"""Design effects of independent counts, which are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats.kernels.sampling.clustered_tables import (
    bootstrap_marginal,
    marginal_chi_square,
    marginal_effects,
    table_effects,
)


def independent():
    """Group and choice of 60 rows whose table is the product of its margins."""
    table = np.outer([1, 2, 3], [2, 8])
    return (np.repeat(codes.ravel(), table.ravel()) for codes in np.indices(table.shape))


@pytest.mark.parametrize("size", [1, 3])
def test_effects_are_one_where_nothing_goes_together_and_else_the_size_of_clusters(size):
    group, choice = independent()
    n = len(group)
    counts = np.zeros((n, 3, 2))
    counts[np.arange(n), group, choice] = size  # rows of a cluster are alike
    assert table_effects(counts) == pytest.approx([size * n / (n - 1)] * 2)
    rows = np.repeat(np.arange(n), size)
    chosen = choice[rows, None].astype(float)
    found = marginal_effects(chosen, group[rows], 3, rows)
    assert found == pytest.approx([size * n / (n - 1)] * 2)


def test_one_cluster_tells_nothing():
    chosen = np.array([[1.0, 0], [0, 1], [0, 0], [1, 1]])
    found = marginal_effects(chosen, np.array([0, 1, 2, 2]), 3, np.zeros(4, dtype=int))
    assert found.shape == (4,)
    assert np.isnan(found).all()
    assert np.isnan(table_effects(np.ones((1, 3, 2)))).all()


def test_resamples_have_the_mean_of_chi_square():
    group, choice = independent()
    chosen = np.stack([choice, np.arange(len(choice)) % 2], axis=1).astype(float)
    draws = bootstrap_marginal(chosen, group, 3, 600, np.random.default_rng(1))
    error = np.std(draws) / np.sqrt(600)
    assert draws.mean() == pytest.approx(2 * 2 * 60 / 59, abs=4 * error)
    assert marginal_chi_square(chosen[:, :1], group, 3) == pytest.approx([0], abs=1e-12)

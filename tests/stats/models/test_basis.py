"""Random columns that are turned to orthonormal ones, in any unit."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats.kernels.mixed.blocks import RandomBlock
from muvistats.stats.models.basis import turned_block


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e9])
def test_columns_become_orthonormal_and_are_turned_back(unit):
    x = np.random.default_rng(0).normal(size=(50, 3)) + 5
    block = RandomBlock(x * [1.0, unit, 1.0], np.arange(50) % 5, 5)
    turned, back = turned_block(block)
    np.testing.assert_allclose(turned.columns.T @ turned.columns / 50, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(turned.columns, block.columns @ back, rtol=1e-9, atol=1e-12)


def test_columns_that_follow_from_each_other_are_scaled_alone():
    x = np.random.default_rng(0).normal(size=(50, 1))
    turned, back = turned_block(RandomBlock(np.hstack([x, 2 * x]), np.arange(50) % 5, 5))
    assert np.count_nonzero(back) == 2
    np.testing.assert_allclose((turned.columns**2).mean(axis=0), 1.0, rtol=1e-12)

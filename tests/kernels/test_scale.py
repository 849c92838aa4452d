"""Powers of two that take no digit."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats.kernels.scale import unit_factor


@pytest.mark.parametrize(
    ("largest", "factor"),
    [(1.0, 0.5), (0.9, 1.0), (-3.0, 0.25), (0.0, 1.0), (1e-310, 2.0**1000), (1e308, 2.0**-1000)],
)
def test_the_largest_value_comes_below_one(largest, factor):
    assert unit_factor(np.array([0.0, largest, np.nan])).tolist() == [factor]


def test_each_row_has_a_factor_of_its_own():
    values = np.array([[1.0, 5.0], [0.2, -0.1]])
    assert unit_factor(values).tolist() == [[0.125], [4.0]]
    assert unit_factor(values, axis=None).tolist() == [[0.125]]

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muvistats.kernels.permutation.arrangements import additive_residuals


def by_least_squares(values, factors):
    design = np.hstack([np.eye(codes.max() + 1)[codes] for codes in factors])
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_residuals_are_those_of_least_squares(seed, n_factors):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 60))
    factors = [rng.integers(0, rng.integers(1, 6), n) for _ in range(n_factors)]
    values = rng.normal(size=(n, 2))
    found = additive_residuals(values, factors)
    assert found == pytest.approx(by_least_squares(values, factors), abs=1e-7)


def test_what_is_additive_leaves_nothing_and_values_stay():
    person, item = np.arange(12) % 4, np.arange(12) // 4
    values = (10.0 * person + item)[:, None]
    before = values.copy()
    assert np.abs(additive_residuals(values, [person, item])).max() < 1e-9
    assert (values == before).all()


def test_nothing_stays_nothing():
    assert additive_residuals(np.empty((0, 2)), [np.empty(0, dtype=int)]).shape == (0, 2)
    flat = additive_residuals(np.ones((4, 1)), [np.arange(4) % 2, np.arange(4) // 2])
    assert (flat == 0).all()

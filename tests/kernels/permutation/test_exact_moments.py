"""Moments of the sum of squares between items against every permutation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from muvistats.kernels.permutation.exact_moments import between_groups_moments


def test_moments_with_weights_and_repeated_items():
    rng = np.random.default_rng(3)
    item, group = np.array([0, 0, 1, 0, 1, 2, 2]), np.array([0, 0, 0, 1, 1, 1, 1])
    weight = np.array([0.5, 2.0, 3.0])
    values = rng.normal(size=(7, 2))
    values -= np.stack([values[group == g].mean(axis=0) for g in (0, 1)])[group]
    every = []
    for first in itertools.permutations(range(3)):
        for second in itertools.permutations(range(3, 7)):
            moved = values[[*first, *second]]
            sums = np.stack([moved[item == i].sum(axis=0) for i in range(3)])
            every.append(weight @ (sums**2).sum(axis=1))
    found = between_groups_moments(values, item, group, weight)
    assert found == pytest.approx((np.mean(every), np.var(every)))

from __future__ import annotations

import numpy as np
import pytest

from muvistats.kernels.permutation.arrangements import (
    additive_residuals,
    shrunken_residuals,
    variance_ratio,
)


def unbalanced(n: int = 90, columns: int = 2):
    rng = np.random.default_rng(2)
    item, person = rng.integers(0, 8, n), np.append(rng.integers(0, 20, n - 20), np.arange(20))
    values = rng.normal(size=(n, columns)) + rng.normal(size=20)[person, None] * [1.5, 0.4]
    return values, item, person


def test_residuals_are_those_of_generalised_least_squares():
    values, item, person = unbalanced()
    found, weight = shrunken_residuals(values, item, person)
    ratio = variance_ratio(values, item, person)
    x, z = np.eye(8)[item], np.eye(20)[person]
    for column, inverse_ratio in enumerate(1 / ratio):
        v = np.eye(len(x)) + inverse_ratio * z @ z.T
        left = np.linalg.solve(v, np.column_stack([x, values[:, column]]))
        b = np.linalg.solve(x.T @ left[:, :-1], x.T @ left[:, -1])
        assert found[:, column] == pytest.approx(left[:, -1] - left[:, :-1] @ b, abs=1e-8)
    size = np.bincount(person)[:, None]
    assert weight == pytest.approx(size / (size + ratio))


def test_variances_of_a_complete_table_are_those_of_its_analysis_of_variance():
    rng = np.random.default_rng(7)
    item, person = (axis.ravel() for axis in np.indices((6, 9)))
    table = rng.normal(size=(6, 9)) + 2 * rng.normal(size=9)
    rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    error = (rest**2).sum() / (5 * 8)
    people = 6 * table.mean(axis=0).var(ddof=1)
    expected = error / ((people - error) / 6)
    assert variance_ratio(table.reshape(-1, 1), item, person) == pytest.approx(expected)


def test_variances_are_recovered():
    rng = np.random.default_rng(4)
    person = np.repeat(np.arange(4000), 3)
    item = rng.integers(0, 50, len(person))
    values = rng.normal(size=(len(person), 1)) * 2 + rng.normal(size=(4000, 1))[person]
    assert variance_ratio(values, item, person) == pytest.approx(4.0, rel=0.15)


def test_nothing_is_taken_of_people_with_one_value_each():
    rng = np.random.default_rng(1)
    item = np.arange(40) % 5
    values = rng.normal(size=(40, 2))
    found, weight = shrunken_residuals(values, item, np.arange(40))
    assert found == pytest.approx(additive_residuals(values, [item]))
    assert not weight.any()


def test_all_is_taken_where_values_differ_between_people_only():
    rng = np.random.default_rng(1)
    item, person = np.arange(40) % 5, np.arange(40) // 5
    found, weight = shrunken_residuals(rng.normal(size=(8, 2))[person], item, person)
    assert found == pytest.approx(np.zeros((40, 2)), abs=1e-9)
    assert weight == pytest.approx(np.ones((8, 2)))


@pytest.mark.parametrize("size", [49, 98, 103])  # size * (1 / size) is not 1
def test_nothing_is_taken_of_levels_that_the_other_factor_tells(size):
    group = np.repeat(np.arange(3), size)
    values = np.random.default_rng(size).normal(size=(3 * size, 2))
    for random in (0 * group, group, group // 2):
        assert not shrunken_residuals(values, group, random)[1].any()
        assert not shrunken_residuals(values[:size], 0 * group[:size], random[:size])[1].any()

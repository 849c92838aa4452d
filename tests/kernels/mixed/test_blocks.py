"""Blocks that stand inside one another are eliminated together, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats.kernels.mixed.blocks import RandomBlock, lambda_factors, n_theta, nest_of
from muvistats.kernels.mixed.gradient import deviance_and_gradient
from muvistats.kernels.mixed.linear import LinearMixed


def drawn(seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[RandomBlock]]:
    """People with slopes, their reactions to three levels, items and what items do by level."""
    rng = np.random.default_rng(seed)
    n = 200
    person, item, level = rng.integers(0, 25, n), rng.integers(0, 12, n), rng.integers(0, 3, n)
    covariate = rng.normal(size=n)

    def block(codes: np.ndarray, columns: np.ndarray | None = None) -> RandomBlock:
        levels, codes = np.unique(codes, return_inverse=True)
        return RandomBlock(np.ones((n, 1)) if columns is None else columns, codes, len(levels))

    blocks = [
        block(person * 3 + level),
        block(item),
        block(person, np.column_stack([np.ones(n), covariate])),
        block(item * 3 + level),
        block(person, covariate[:, None]),
    ]
    x = np.column_stack([np.ones(n), level == 1, level == 2, covariate])
    return x, rng.normal(size=n) + 0.5 * rng.normal(size=25)[person], blocks


def dense(x, y, blocks, theta):
    """REML deviance and the inverse of the random system, by their definitions."""
    parts = [
        block.matrix.toarray() @ np.kron(np.eye(block.n_levels), factor)
        for block, factor in zip(blocks, lambda_factors(theta, blocks), strict=True)
    ]
    z = np.hstack(parts)
    v = z @ z.T + np.eye(len(y))
    solve = np.linalg.solve
    cross = x.T @ solve(v, x)
    rest = y - x @ solve(cross, x.T @ solve(v, y))
    degrees = len(y) - x.shape[1]
    square = rest @ solve(v, rest)
    dets = np.linalg.slogdet(v)[1] + np.linalg.slogdet(cross)[1]
    deviance = dets + degrees * (1 + np.log(2 * np.pi * square / degrees))
    return deviance, np.linalg.inv(z.T @ z + np.eye(z.shape[1]))


def test_a_nested_model_is_the_one_of_its_definition():
    x, y, blocks = drawn()
    theta = np.random.default_rng(1).uniform(0.1, 1.0, n_theta(blocks))
    model = LinearMixed(x, y, blocks)
    assert sorted(model.nest.members) == [0, 2, 4]
    deviance, inverse = dense(x, y, blocks, theta)
    assert model.deviance(theta) == pytest.approx(deviance, rel=1e-12)
    np.testing.assert_allclose(model.random_inverse(theta), inverse, atol=1e-12)


def test_the_gradient_of_a_nested_model_is_its_slope():
    x, y, blocks = drawn(3)
    theta = np.random.default_rng(2).uniform(0.1, 1.0, n_theta(blocks))
    model, step = LinearMixed(x, y, blocks), 1e-5
    for slope, unit in zip(deviance_and_gradient(model, theta)[1], np.eye(len(theta)), strict=True):
        ahead, behind = model.deviance(theta + step * unit), model.deviance(theta - step * unit)
        assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-6, abs=1e-7)


def test_blocks_that_are_crossed_are_no_nest():
    _, _, blocks = drawn()
    assert nest_of([blocks[1], blocks[2]]).members == [1]


def test_everything_may_stand_inside_one_block():
    x, y, blocks = drawn(5)
    nested = [blocks[0], blocks[4]]
    theta = np.array([0.7, 0.4])
    model = LinearMixed(x, y, nested)
    assert model.rest == []
    deviance, inverse = dense(x, y, nested, theta)
    assert model.deviance(theta) == pytest.approx(deviance, rel=1e-12)
    np.testing.assert_allclose(model.random_inverse(theta), inverse, atol=1e-12)
    slope = deviance_and_gradient(model, theta)[1]
    for i, unit in enumerate(np.eye(2)):
        near = 1e-5 * unit
        numeric = (model.deviance(theta + near) - model.deviance(theta - near)) / 2e-5
        assert slope[i] == pytest.approx(numeric, rel=1e-6, abs=1e-7)

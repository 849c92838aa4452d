"""Mixed-model kernels against dense formulas and differences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import integrate, linalg, stats

from muvistats.kernels.mixed.blocks import RandomBlock, lambda_factors
from muvistats.kernels.mixed.derivatives import satterthwaite, uncertainty
from muvistats.kernels.mixed.gradient import deviance_and_gradient
from muvistats.kernels.mixed.laplace import LaplaceMixed
from muvistats.kernels.mixed.linear import LinearMixed
from muvistats.kernels.mixed.search import fit_linear, minimise
from muvistats.kernels.mixed.separation import (
    independent_columns,
    separated_columns,
    separated_directions,
)


def example(n=120, seed=3):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=n), rng.integers(0, 2, n)]).astype(float)
    first = RandomBlock(np.column_stack([np.ones(n), x[:, 1]]), rng.integers(0, 9, n), 9)
    second = RandomBlock(np.ones((n, 1)), rng.integers(0, 6, n), 6)
    third = RandomBlock(np.ones((n, 1)), rng.integers(0, 30, n), 30)
    y = x @ [1.0, 0.5, -0.3] + rng.normal(size=9)[first.codes] + rng.normal(size=n)
    return x, y, [first, second, third]


THETA = np.array([0.8, -0.2, 0.4, 0.6, 0.3])


def dense(x, y, blocks, theta):
    v = np.eye(len(y))
    for block, factor in zip(blocks, lambda_factors(theta, blocks), strict=True):
        z = block.matrix.toarray() @ np.kron(np.eye(block.n_levels), factor)
        v += z @ z.T
    inverse = linalg.inv(v)
    covariance = linalg.inv(x.T @ inverse @ x)
    beta = covariance @ x.T @ inverse @ y
    residual = y - x @ beta
    return v, inverse, covariance, beta, float(residual @ inverse @ residual)


@pytest.mark.parametrize("which", [(0,), (2,), (0, 1), (0, 1, 2), (2, 1)])
@pytest.mark.parametrize("reml", [True, False])
def test_deviance_and_estimates_are_those_of_the_dense_formula(which, reml):
    x, y, blocks = example()
    places = {0: slice(0, 3), 1: slice(3, 4), 2: slice(4, 5)}
    theta = np.concatenate([THETA[places[i]] for i in which])
    model = LinearMixed(x, y, [blocks[i] for i in which], reml=reml)
    v, _, covariance, beta, square = dense(x, y, model.blocks, theta)
    point = model.at(theta)
    np.testing.assert_allclose(point.beta, beta, rtol=1e-10)
    np.testing.assert_allclose(point.unscaled, covariance, rtol=1e-9)
    np.testing.assert_allclose(point.penalised, square, rtol=1e-10)
    sigma2 = square / model.degrees
    if reml:
        expected = model.degrees * (1 + np.log(2 * np.pi * sigma2))
        expected += np.linalg.slogdet(v)[1] - np.linalg.slogdet(covariance)[1]
    else:
        normal = stats.multivariate_normal(x @ beta, sigma2 * v)
        expected = -2 * normal.logpdf(y)
    assert model.deviance(theta) == pytest.approx(expected, rel=1e-12)


def test_sparse_and_dense_elimination_agree(monkeypatch):
    rng = np.random.default_rng(0)
    n = 400
    x = np.column_stack([np.ones(n), rng.normal(size=n)])
    blocks = [
        RandomBlock(np.column_stack([np.ones(n), x[:, 1]]), rng.integers(0, 150, n), 150),
        RandomBlock(np.ones((n, 1)), rng.integers(0, 140, n), 140),
    ]
    y = rng.normal(size=n)
    theta = np.array([0.5, 0.2, 0.3, 0.7])
    expected = LinearMixed(x, y, blocks).deviance(theta)
    wanted = LinearMixed(x, y, blocks).random_inverse(theta)
    monkeypatch.setattr("muvistats.kernels.mixed.linear._DENSE_LIMIT", 10)
    model = LinearMixed(x, y, blocks)
    assert model.is_sparse
    exact = deviance_and_gradient(model, theta)[1]
    step = 1e-5
    for slope, unit in zip(exact, np.eye(4), strict=True):
        ahead, behind = model.deviance(theta + step * unit), model.deviance(theta - step * unit)
        assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-6, abs=1e-6)
    assert model.deviance(theta) == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(model.random_inverse(theta), wanted, atol=1e-12)
    z = np.column_stack(
        [
            block.matrix.toarray() @ np.kron(np.eye(block.n_levels), factor)
            for block, factor in zip(blocks, lambda_factors(theta, blocks), strict=True)
        ]
    )
    np.testing.assert_allclose(wanted, linalg.inv(z.T @ z + np.eye(z.shape[1])), atol=1e-10)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("theta", [THETA, THETA * [1, 1, 1, 0, 1], THETA * [1, 1, 1, 1, 1e-5]])
def test_closed_derivatives_are_those_of_differences(reml, theta):
    x, y, blocks = example()
    model = LinearMixed(x, y, blocks, reml=reml)
    closed = uncertainty(model, theta, closed=True)
    numeric = uncertainty(model, theta, closed=False)
    for name in ("covariance", "jacobian", "hessian", "gradient"):
        a, b = getattr(closed, name), getattr(numeric, name)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5 * np.abs(b).max(), err_msg=name)


@pytest.mark.parametrize("which", [(0,), (2,), (0, 1, 2), (2, 1)])
@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("zero", [False, True])
def test_gradient_is_that_of_differences_also_at_variances_of_zero(which, reml, zero):
    x, y, blocks = example()
    places = {0: slice(0, 3), 1: slice(3, 4), 2: slice(4, 5)}
    theta = np.concatenate([THETA[places[i]] for i in which])
    theta[0] *= not zero
    model = LinearMixed(x, y, [blocks[i] for i in which], reml=reml)
    exact = deviance_and_gradient(model, theta)[1]
    step = 1e-5
    for slope, unit in zip(exact, np.eye(len(theta)), strict=True):
        ahead, behind = model.deviance(theta + step * unit), model.deviance(theta - step * unit)
        assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-6, abs=1e-6)


def test_search_ends_at_the_closed_form_of_a_balanced_layout_and_at_exactly_zero():
    rng = np.random.default_rng(2)
    codes = np.repeat(np.arange(7), 5)
    ones = np.ones((35, 1))
    y = rng.normal(size=7)[codes] + rng.normal(size=35)
    within = y.reshape(7, 5).var(axis=1, ddof=1).mean()
    between = 5 * y.reshape(7, 5).mean(axis=1).var(ddof=1)
    found = fit_linear(LinearMixed(ones, y, [RandomBlock(ones, codes, 7)]))
    assert found.parameters[0] == pytest.approx(np.sqrt((between / within - 1) / 5), rel=1e-7)
    y -= 0.9 * y.reshape(7, 5).mean(axis=1)[codes]
    none = fit_linear(LinearMixed(ones, y, [RandomBlock(ones, codes, 7)]))
    assert none.converged
    assert none.parameters[0] == 0


def test_search_leaves_a_saddle_at_zero():
    rng = np.random.default_rng(5)
    codes = np.repeat(np.arange(20), 6)
    ones = np.ones((120, 1))
    y = rng.normal(size=20)[codes] + rng.normal(size=120)
    model = LinearMixed(ones, y, [RandomBlock(ones, codes, 20)])
    found = minimise(lambda theta: deviance_and_gradient(model, theta), np.zeros(1), model.blocks)
    assert found.parameters[0] == pytest.approx(fit_linear(model).parameters[0], rel=1e-6)


def test_satterthwaite_is_exact_for_a_balanced_one_way_layout():
    rng = np.random.default_rng(2)
    groups, size = 7, 5
    codes = np.repeat(np.arange(groups), size)
    y = rng.normal(size=groups)[codes] + rng.normal(size=groups * size)
    model = LinearMixed(np.ones((len(y), 1)), y, [RandomBlock(np.ones((len(y), 1)), codes, groups)])
    table = y.reshape(groups, size)
    within = table.var(axis=1, ddof=1).mean()
    between = size * table.mean(axis=1).var(ddof=1)
    theta = np.array([np.sqrt((between / within - 1) / size)])
    point = model.at(theta)
    sigma2 = model.sigma(point) ** 2
    assert sigma2 == pytest.approx(within, rel=1e-12)
    covariance = sigma2 * point.unscaled
    assert covariance[0, 0] == pytest.approx(between / len(y), rel=1e-12)
    parts = uncertainty(model, theta)
    assert np.abs(parts.gradient).max() < 1e-9
    assert satterthwaite(np.ones(1), covariance, parts) == pytest.approx(groups - 1, rel=1e-9)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_laplace_gradient_is_that_of_differences(family):
    x, _, blocks = example()
    rng = np.random.default_rng(8)
    eta = 0.4 * x[:, 1] + 0.5 * rng.normal(size=9)[blocks[0].codes]
    draw = (
        rng.binomial(1, 1 / (1 + np.exp(-eta)))
        if family == "binomial"
        else rng.poisson(np.exp(eta))
    )
    model = LaplaceMixed(x, draw.astype(float), blocks, family=family)
    at = np.concatenate([THETA, [0.1, 0.3, -0.2]])
    exact = model.at(at).gradient
    step = 1e-5
    for i, unit in enumerate(np.eye(len(at))):
        ahead, behind = model.at(at + step * unit).deviance, model.at(at - step * unit).deviance
        assert exact[i] == pytest.approx((ahead - behind) / (2 * step), rel=1e-6, abs=1e-5)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_laplace_of_few_cells_and_known_systems_is_that_of_the_whole(monkeypatch, family):
    """Products with cells in use alone, and steps with the last system: no number changes."""
    rng = np.random.default_rng(12)
    n = 300
    x = np.column_stack([np.ones(n), rng.normal(size=n)])
    blocks = [
        RandomBlock(np.ones((n, 1)), codes, size)
        for codes, size in ((rng.integers(0, 90, n), 90), (rng.integers(0, 40, n), 40))
    ]
    y = rng.integers(0, 2, n).astype(float)
    monkeypatch.setattr("muvistats.kernels.mixed.system._FEW", 0.0)
    monkeypatch.setattr("muvistats.kernels.mixed.laplace._COSTLY", np.inf)
    plain = LaplaceMixed(x, y, blocks, family=family)
    monkeypatch.undo()
    model = LaplaceMixed(x, y, blocks, family=family)
    assert model._cells is not None
    assert model._is_costly
    assert plain._cells is None
    assert not plain._is_costly
    start = np.array([0.6, 0.4, -0.2, 0.3])
    for at in (start, start + 1e-4, 3 * start, -start, np.array([0.0, 1.5, 2.0, 0.0])):
        one, other = model.at(at), plain.at(at)
        assert one.converged
        assert one.deviance == pytest.approx(other.deviance, rel=1e-13)
        assert one.gradient == pytest.approx(other.gradient, rel=1e-10, abs=1e-9)
        assert one.spherical == pytest.approx(other.spherical, abs=1e-11)


def test_laplace_is_near_the_integral_where_levels_have_many_rows():
    rng = np.random.default_rng(4)
    codes = np.repeat(np.arange(4), 200)
    y = rng.poisson(np.exp(0.5 + 0.4 * rng.normal(size=4)[codes])).astype(float)
    block = RandomBlock(np.ones((800, 1)), codes, 4)
    model = LaplaceMixed(np.ones((800, 1)), y, [block], family="poisson")
    whole = 0.0
    for level in range(4):
        own = y[codes == level]
        peak = np.log(own.mean())

        def density(u, own=own, peak=peak):
            eta = 0.5 + 0.4 * u
            log = stats.poisson.logpmf(own, np.exp(eta)).sum()
            return np.exp(log - stats.poisson.logpmf(own, np.exp(peak)).sum()) * stats.norm.pdf(u)

        value = integrate.quad(density, -6, 6, points=[(peak - 0.5) / 0.4])[0]
        whole += -2 * (np.log(value) + stats.poisson.logpmf(own, np.exp(peak)).sum())
    assert model.at(np.array([0.4, 0.5])).deviance == pytest.approx(whole, abs=2e-3)


def test_independent_columns_keeps_the_first_ones():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(30, 5))
    x[:, 2] = 2 * x[:, 0] - 3 * x[:, 1]
    x[:, 4] = 0
    assert independent_columns(x).tolist() == [0, 1, 3]
    assert independent_columns(x[:2]).tolist() == [0, 1]


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_separation_is_found_and_only_where_it_is(family):
    x = np.array(list(itertools.product([1.0], [0.0, 1.0], [0.0, 1.0])) * 5)
    y = np.where(x[:, 1] == 1, 0.0, np.arange(20) // 4 % 2)
    assert separated_columns(separated_directions(x, y, family=family)).tolist() == [1]
    y[x[:, 1] == 1] = np.arange(10) % 2
    assert separated_columns(separated_directions(x, y, family=family)).tolist() == []

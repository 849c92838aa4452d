"""Autocorrelated residuals against dense likelihoods, differences and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg, optimize, special

from muvistats.kernels.mixed.autocorrelation import (
    AutocorrelatedRows,
    Series,
    fit_autocorrelated,
)
from muvistats.kernels.mixed.blocks import RandomBlock, lambda_factors


def drawn(rho=0.7, seed=3, lengths=(9, 7, 1, 12, 8, 10), spread=0.5):
    """Rows of series with gaps, in a mixed order; two crossed factors."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(lengths)), lengths)
    time = np.concatenate([np.cumsum(rng.choice([1.0, 1.0, 2.5], n)) for n in lengths])
    y = np.concatenate(
        [_course(part, rho, rng) for part in np.split(time, np.cumsum(lengths)[:-1])]
    )
    y += spread * rng.normal(size=len(lengths))[codes]
    mixed = rng.permutation(len(codes))
    codes, time, y = codes[mixed], time[mixed], y[mixed]
    order = np.lexsort((time, codes))
    follows = np.diff(codes[order]) == 0
    lag = np.full(len(codes), np.inf)
    lag[1:][follows] = np.diff(time[order])[follows]
    x = np.column_stack([np.ones(len(codes)), time, codes % 2])
    blocks = [
        RandomBlock(np.column_stack([np.ones(len(codes)), time]), codes // 2, 3),
        RandomBlock(np.ones((len(codes), 1)), codes % 3, 3),
    ]
    return x, y, blocks, Series(order, lag), (codes, time)


def _course(time, rho, rng):
    correlation = rho ** np.abs(np.subtract.outer(time, time))
    return np.linalg.cholesky(correlation) @ rng.normal(size=len(time))


def correlation_of(keys, rho):
    """Correlation matrix of the rows as they were given."""
    codes, time = keys
    apart = np.abs(np.subtract.outer(time, time))
    return np.where(np.equal.outer(codes, codes), rho**apart, 0.0)


def dense_deviance(x, y, blocks, keys, theta, rho, *, reml):
    """-2 log-likelihood of the whole covariance matrix, sigma profiled out."""
    v = correlation_of(keys, rho)
    for block, factor in zip(blocks, lambda_factors(theta, blocks), strict=True):
        z = block.matrix.toarray().reshape(len(y), block.n_levels, -1)
        v = v + np.einsum("nla,ab,mlb->nm", z, factor @ factor.T, z)
    inverse = np.linalg.inv(v)
    information = x.T @ inverse @ x
    residual = y - x @ np.linalg.solve(information, x.T @ inverse @ y)
    degrees = len(y) - x.shape[1] * reml
    square = residual @ inverse @ residual
    value = np.linalg.slogdet(v)[1] + degrees * (1 + np.log(2 * np.pi * square / degrees))
    return value + (np.linalg.slogdet(information)[1] if reml else 0.0)


@pytest.mark.parametrize("rho", [0.0, 0.35, 0.9, 0.9999])
def test_whitened_rows_have_the_inverse_of_their_correlation(rho):
    _, _, _, series, keys = drawn()
    correlation = correlation_of(keys, rho)
    white = series.whiten(np.eye(len(correlation)), rho)
    np.testing.assert_allclose(white @ correlation @ white.T, np.eye(len(white)), atol=1e-9)
    expected = np.linalg.slogdet(correlation)[1]
    assert series.log_determinant(rho) == pytest.approx(expected, abs=1e-9)
    column = series.whiten(np.arange(len(white)) * 1.0, rho)
    np.testing.assert_allclose(column, white @ np.arange(len(white)), atol=1e-9)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("rho", [0.0, 0.6, 0.97])
def test_deviance_is_that_of_the_whole_covariance(reml, rho):
    x, y, blocks, series, keys = drawn()
    rows = AutocorrelatedRows(x, y, blocks, series, reml)
    theta = np.array([0.8, 0.1, 0.05, 0.6])
    found = rows.at(rho).deviance(theta) + series.log_determinant(rho)
    assert found == pytest.approx(
        dense_deviance(x, y, blocks, keys, theta, rho, reml=reml), abs=1e-9
    )


def test_optimum_and_uncertainty_are_those_of_the_whole_covariance():
    x, y, blocks, series, keys = drawn()
    blocks = blocks[1:]
    fit = fit_autocorrelated(AutocorrelatedRows(x, y, blocks, series, True))

    def dense(parameters):
        theta, rho = parameters[:1], special.expit(parameters[1])
        return dense_deviance(x, y, blocks, keys, theta, rho, reml=True)

    best = optimize.minimize(dense, [0.5, 0.5], method="Nelder-Mead", options={"xatol": 1e-8})
    assert fit.optimum.deviance == pytest.approx(best.fun, abs=1e-8)
    assert fit.is_free
    found = np.array([*fit.optimum.parameters, special.logit(fit.rho)])
    np.testing.assert_allclose(found, best.x, atol=1e-4)
    parts = fit.uncertainty()
    near = 1e-3 * np.eye(2)
    gradient = [(dense(found + step) - dense(found - step)) / 2e-3 for step in near]
    np.testing.assert_allclose(parts.gradient, gradient, atol=1e-4)
    corners = [
        [[sign * dense(found + a + sign * b) for sign in (1, -1)] for a in near] for b in near
    ]
    slopes = [
        [[sign * dense(found - a + sign * b) for sign in (1, -1)] for a in near] for b in near
    ]
    hessian = (np.sum(corners, axis=2) - np.sum(slopes, axis=2)) / 4e-6
    np.testing.assert_allclose(parts.hessian, hessian, atol=1e-4)

    def covariance(parameters):
        rho, theta, sigma = special.expit(parameters[1]), parameters[:1], parameters[2]
        v = correlation_of(keys, rho) + theta[0] ** 2 * np.equal.outer(
            blocks[0].codes, blocks[0].codes
        )
        return sigma**2 * np.linalg.inv(x.T @ linalg.solve(v, x, assume_a="pos"))

    whole = np.array([*found, fit.model.sigma(fit.model.at(fit.optimum.parameters))])
    steps = 1e-4 * np.eye(3)
    slopes = [(covariance(whole + step) - covariance(whole - step)) / 2e-4 for step in steps]
    np.testing.assert_allclose(parts.jacobian, slopes, rtol=1e-4, atol=1e-6)
    # the block of theta and rho: the inverse of the profiled curvature
    np.testing.assert_allclose(parts.covariance[:2, :2], 2 * np.linalg.inv(hessian), rtol=1e-3)


def test_no_positive_autocorrelation_has_its_optimum_at_zero():
    x, y, blocks, series, _ = drawn(rho=1e-9)
    sign = np.empty(len(y))
    sign[series.order] = np.resize([1.0, -1.0], len(y))
    rows = AutocorrelatedRows(x, 0.05 * y + sign, blocks[1:], series, True)
    fit = fit_autocorrelated(rows)
    assert (fit.rho, fit.is_free) == (0.0, False)
    assert len(fit.uncertainty().gradient) == len(fit.optimum.parameters)


def test_a_walk_that_never_returns_ends_at_the_edge():
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(6), 20)
    lag = np.where(np.arange(120) % 20 == 0, np.inf, 1.0)
    drift = np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])[:, None]
    y = (drift + 0.3 * rng.normal(size=(6, 20))).cumsum(axis=1).ravel()
    # series with a level of their own: nothing speaks against a variance without end
    x = np.equal.outer(codes, np.arange(6)).astype(float)
    blocks = [RandomBlock(np.ones((120, 1)), codes // 2, 3)]
    series = Series(np.arange(120), lag)
    fit = fit_autocorrelated(AutocorrelatedRows(x, y, blocks, series, True))
    assert not fit.is_free
    assert 1 - 1e-6 < fit.rho < 1
    assert len(fit.uncertainty().gradient) == 1


def test_a_known_correlation_is_not_searched():
    x, y, blocks, series, _ = drawn()
    fit = fit_autocorrelated(AutocorrelatedRows(x, y, blocks, series, True), 0.3)
    assert (fit.rho, fit.is_free) == (0.3, False)

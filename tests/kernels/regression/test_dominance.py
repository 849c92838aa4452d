"""Dominance weights and covariances without rater noise."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import brentq

from muvistats.kernels.regression.dominance import (
    Products,
    dominance_weights,
    item_products,
    pooled_covariance,
    within_bounds,
)


def r_squared(x, y):
    """Of an ordinary regression with an intercept."""
    if not x.shape[1]:
        return 0.0
    x = np.column_stack([np.ones(len(x)), x])
    fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return 1 - ((y - fitted) ** 2).sum() / ((y - y.mean()) ** 2).sum()


@pytest.mark.parametrize("p", [2, 3, 4])
def test_weights_average_gains_over_all_orders(p):
    rng = np.random.default_rng(p)
    x = rng.normal(size=(40, p)) @ rng.normal(size=(p, p))
    y = x @ rng.normal(size=p) + rng.normal(size=40)
    expected = np.zeros(p)
    orders = list(permutations(range(p)))
    for order in orders:
        for place, name in enumerate(order):
            gain = r_squared(x[:, order[: place + 1]], y) - r_squared(x[:, order[:place]], y)
            expected[name] += gain / len(orders)
    whole, weights = dominance_weights(np.cov(np.column_stack([x, y]).T))
    assert whole == pytest.approx(r_squared(x, y), rel=1e-10)
    assert weights == pytest.approx(expected, rel=1e-10)
    assert weights.sum() == pytest.approx(whole, rel=1e-12)


def test_closed_form_of_two_predictors():
    """Budescu's formula: the mean of r squared alone and of the gain over the other."""
    covariance = np.array([[1.0, 0.3, 0.6], [0.3, 1.0, 0.5], [0.6, 0.5, 1.0]])
    whole = (0.6**2 + 0.5**2 - 2 * 0.3 * 0.6 * 0.5) / (1 - 0.3**2)
    found, weights = dominance_weights(covariance)
    assert found == pytest.approx(whole)
    assert weights == pytest.approx([(0.36 + whole - 0.25) / 2, (0.25 + whole - 0.36) / 2])


def test_scale_does_not_matter_and_stacks_are_taken_apart():
    rng = np.random.default_rng(1)
    stack = np.stack([np.cov(rng.normal(size=(3, 30))) for _ in range(5)])
    scale = np.array([0.01, 7.0, 100.0])
    whole, weights = dominance_weights(stack)
    again = dominance_weights(stack * scale[:, None] * scale)
    assert again[0] == pytest.approx(whole)
    assert again[1] == pytest.approx(weights)
    assert dominance_weights(stack[3])[1] == pytest.approx(weights[3])


@pytest.mark.parametrize(
    "covariance",
    [
        [[-0.1, 0, 0], [0, 1, 0.5], [0, 0.5, 1]],
        [[1, 0, 0.2], [0, 1, 0.5], [0.2, 0.5, 0]],
        [[1, 1, 0.2], [1, 1, 0.5], [0.2, 0.5, 1]],
        [[1, 1.2, 0.2], [1.2, 1, 0.5], [0.2, 0.5, 1]],
        [[1, np.nan, 0.2], [np.nan, 1, 0.5], [0.2, 0.5, 1]],
    ],
)
def test_no_regression_has_these(covariance):
    whole, weights = dominance_weights(np.array(covariance, dtype=float))
    assert np.isnan(whole)
    assert np.isnan(weights).all()


def drawn(seed=0, sizes=(3, 4, 2), steps=9):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    return rng.normal(size=(len(group), steps)), group


def one_item(values, group, person, *, apart, within=True, weight=None):
    return item_products(
        values,
        np.array([0]),
        group,
        person,
        np.ones(len(values)) if weight is None else weight,
        n_groups=3,
        within=within,
        apart=apart,
    )


def test_raw_products_are_covariances_of_means():
    values, group = drawn()
    found = one_item(values, group, np.arange(9), apart=False)
    means = np.stack([values[group == g].mean(axis=0) for g in range(3)])
    assert found.products[0] == pytest.approx(np.cov(means, ddof=0))
    assert found.steps.tolist() == [9]
    assert found.raters.tolist() == [[3, 4, 2]]


def test_products_of_different_raters_are_spearman_browns():
    """Between groups the same; within one the variance of the mean less the raters' own share."""
    values, group = drawn()
    found = one_item(values, group, np.arange(9), apart=True).products[0]
    raw = one_item(values, group, np.arange(9), apart=False).products[0]
    for g in range(3):
        members = values[group == g]
        k = len(members)
        variances = members.var(axis=1).sum()
        assert found[g, g] == pytest.approx((k**2 * raw[g, g] - variances) / (k * (k - 1)))
    off = ~np.eye(3, dtype=bool)
    assert found[off] == pytest.approx(raw[off])


def test_nobody_is_multiplied_with_himself():
    values, group = drawn(sizes=(2, 2, 2))
    person = np.array([0, 1, 0, 2, 3, 4])  # person 0 rated in two modalities
    found = one_item(values, group, person, apart=True).products[0]
    centred = values - values.mean(axis=1, keepdims=True)
    cross = centred @ centred.T / 9
    assert found[0, 1] == pytest.approx((cross[0, 3] + cross[1, 2] + cross[1, 3]) / 3)
    assert found[0, 0] == pytest.approx(cross[0, 1])


def test_missing_steps_and_raters():
    values, group = drawn()
    values[1] = np.nan
    values[4, 6:] = np.nan
    found = one_item(values, group, np.arange(9), apart=True)
    kept = np.delete(values, 1, axis=0)[:, :6]
    again = one_item(kept, np.delete(group, 1), np.arange(8), apart=True)
    assert found.products == pytest.approx(again.products)
    assert found.steps.tolist() == [6]
    assert found.entered.tolist() == [True, False] + [True] * 7
    alone = one_item(values, np.array([0, 0, 1, 1, 1, 2, 2, 2, 2]), np.arange(9), apart=True)
    assert np.isnan(alone.products[0, 0, 0])  # one rater is left in the group


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("within", [True, False])
def test_slope_is_the_derivative_by_the_weight(apart, within):
    values, group = drawn(3)
    weight = np.linspace(0.5, 1.5, 9)
    person = np.arange(9)
    base = one_item(values, group, person, apart=apart, within=within, weight=weight)
    for row in range(9):
        step = np.where(np.arange(9) == row, 1e-6, 0.0)
        up, down = (
            one_item(values, group, person, apart=apart, within=within, weight=weight * (1 + sign))
            for sign in (step, -step)
        )
        change = (up.products - down.products)[0, group[row]] / 2e-6
        assert base.slope[row] == pytest.approx(change, rel=1e-5, abs=1e-8)


def test_between_items_noise_is_put_back_exactly():
    """Covariances by 1/n of item levels are unbiased up to (n - 1) / n, small samples included."""
    rng = np.random.default_rng(5)
    n, k = 5, 2
    truth = np.array([[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]])
    root = np.linalg.cholesky(truth)
    total = np.zeros((3, 3))
    draws = 1200
    group = np.tile(np.repeat(np.arange(3), k), n)
    for _ in range(draws):
        level = rng.normal(size=(n, 3)) @ root.T
        values = np.repeat(level.ravel(), k) + rng.normal(size=n * 3 * k)
        mean = values.reshape(n, 3, k).mean(axis=(0, 2))
        found = item_products(
            (values - mean[group])[:, None],
            np.arange(n) * 3 * k,
            group,
            np.arange(len(values)),
            np.ones(len(values)),
            n_groups=3,
            within=False,
            apart=True,
        )
        total += pooled_covariance(found, np.ones((1, n)), between=True, apart=True)[0]
    assert total / draws * n / (n - 1) == pytest.approx(truth, abs=0.1)


def test_bounds_take_the_least_noise_that_fits():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(200, 3, 8))
    raw = x @ x.swapaxes(1, 2) / 8
    noise = rng.uniform(0, 0.8, size=(200, 3))[..., None] * np.eye(3)
    corrected = raw - noise * raw
    found = within_bounds(corrected, raw)
    least = np.linalg.eigvalsh(corrected)[:, 0]
    assert (least < 0).any()
    assert (least > 0).any()
    np.testing.assert_array_equal(found[least > 0], corrected[least > 0])
    assert np.abs(np.linalg.eigvalsh(found[least < 0])[:, 0]).max() < 1e-10
    r_squared = dominance_weights(found)[0]
    assert np.nanmax(r_squared) <= 1 + 1e-8
    for i in np.flatnonzero(least < 0)[:20]:  # by bisection

        def smallest(share, i=i):
            return np.linalg.eigvalsh(corrected[i] + share * (raw[i] - corrected[i]))[0]

        share = brentq(smallest, 0, 1)
        np.testing.assert_allclose(
            found[i], corrected[i] + share * (raw[i] - corrected[i]), atol=1e-9
        )


def test_bounds_of_a_series_that_rests_are_missing():
    raw = np.diag([1.0, 0.0, 1.0])
    assert np.isnan(within_bounds(raw, raw)).all()


def test_each_draw_of_weights_has_a_covariance_of_its_own():
    means = np.random.default_rng(2).normal(size=(6, 3))
    none = np.zeros(0, dtype=int)
    squares = means[:, :, None] * means[:, None, :]
    products = Products(squares, 0 * means, means, means, none, none, none > 0)
    weights = np.array([[1.0, 1, 1, 1, 1, 1], [3, 0, 1, 2, 0, 1]])
    found = pooled_covariance(products, weights, between=True, apart=False)
    for draw, own in zip(found, weights, strict=True):
        np.testing.assert_allclose(draw, np.cov(means.T, fweights=own.astype(int), ddof=0))

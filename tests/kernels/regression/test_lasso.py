"""Paths and chosen penalties against scikit-learn on the rows themselves."""

from __future__ import annotations

import functools
import operator

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, Lasso, LassoCV, Ridge

from muvistats.kernels.regression.folds import fold_labels
from muvistats.kernels.regression.lasso import Recipe, choose_penalty, penalty_grid, penalty_path
from muvistats.kernels.regression.moments import Moments, Sums, block_moments

TIGHT = {"tol": 1e-12, "max_iter": 100_000}


@pytest.fixture(scope="module")
def rows():
    """Correlated features on [0, 1] and two targets, one of them of few features."""
    rng = np.random.default_rng(3)
    hidden = rng.normal(size=(400, 6))
    x = hidden @ rng.normal(size=(6, 50)) + rng.normal(size=(400, 50))
    x = (x - x.min(axis=0)) / np.ptp(x, axis=0)
    y = np.stack([x[:, :4] @ [2, -1, 1, 0.5], rng.normal(size=400)], axis=1)
    return x, y + rng.normal(size=y.shape) * 0.3


def sums(x, y, target=0, features=None):
    features = np.arange(x.shape[1]) if features is None else features
    return Sums(Moments.of(x, y), None, features, target)


def split(x, y, labels, target=0):
    """Sums of the whole, and pairs for each inner fold."""
    features = np.arange(x.shape[1])
    blocks = block_moments(x, y, labels, int(labels.max()) + 1)
    whole = functools.reduce(operator.add, blocks)
    pairs = [
        (Sums(whole, block, features, target), Sums(block, None, features, target))
        for block in blocks
    ]
    return Sums(whole, None, features, target), pairs


def test_sums_are_those_of_centred_rows(rows):
    x, y = rows
    labels = np.arange(400) % 4
    blocks = block_moments(x, y, labels, 4)
    whole = functools.reduce(operator.add, blocks)
    features = np.array([3, 10, 44])
    kept = labels != 2
    data = Sums(whole, blocks[2], features, 1)
    cx = x[kept][:, features] - x[kept][:, features].mean(axis=0)
    cy = y[kept, 1] - y[kept, 1].mean()
    assert data.n == kept.sum()
    np.testing.assert_allclose(data.gram(), cx.T @ cx, atol=1e-9)
    np.testing.assert_allclose(data.xy, cx.T @ cy, atol=1e-9)
    assert data.yy == pytest.approx(cy @ cy)
    np.testing.assert_allclose(data.rows(np.array([1])), (cx.T @ cx)[[1]], atol=1e-9)


def test_squared_errors_are_those_of_predictions(rows):
    x, y = rows
    labels = np.arange(400) % 4
    _, pairs = split(x, y, labels)
    train, scored = pairs[1]
    coefficients = np.zeros((50, 2))
    coefficients[[2, 7, 30], 0] = [1.0, -2.0, 0.5]
    errors = scored.squared_errors(coefficients, train)
    use = labels == 1
    fitted = y[~use, 0].mean() + (x[use] - x[~use].mean(axis=0)) @ coefficients
    np.testing.assert_allclose(errors, ((y[use, [0]][:, None] - fitted) ** 2).sum(axis=0))


@pytest.mark.parametrize("target", [0, 1])
def test_path_is_scikit_learns_lasso(rows, target):
    x, y = rows
    data = sums(x, y, target)
    alphas = penalty_grid(data, Recipe(n_alphas=12))
    ours = penalty_path(data, alphas, Recipe(**TIGHT))
    assert (ours[:, 0] == 0).all()
    assert np.count_nonzero(ours[:, -1]) > 20
    for i, alpha in enumerate(alphas):
        theirs = Lasso(alpha=alpha, tol=1e-12, max_iter=100_000).fit(x, y[:, target])
        np.testing.assert_allclose(ours[:, i], theirs.coef_, atol=1e-6)


def test_some_features_only(rows):
    x, y = rows
    features = np.array([1, 5, 9, 20])
    ours = penalty_path(sums(x, y, 0, features), np.array([0.01]), Recipe(**TIGHT))
    theirs = Lasso(alpha=0.01, tol=1e-12, max_iter=100_000).fit(x[:, features], y[:, 0])
    np.testing.assert_allclose(ours[:, 0], theirs.coef_, atol=1e-8)


def test_the_elastic_net_is_half_a_lasso_as_in_scikit_learn():
    assert Recipe("elastic_net").absolute == ElasticNet().l1_ratio
    assert Recipe("lasso").absolute == 1


def test_elastic_net_ridge_and_least_squares(rows):
    x, y = rows
    data = sums(x, y)
    recipe = Recipe("elastic_net", l1_ratio=0.3, n_alphas=8, **TIGHT)
    alphas = penalty_grid(data, recipe)
    ours = penalty_path(data, alphas, recipe)
    for i in (3, 7):
        theirs = ElasticNet(alpha=alphas[i], l1_ratio=0.3, tol=1e-12, max_iter=100_000)
        np.testing.assert_allclose(ours[:, i], theirs.fit(x, y[:, 0]).coef_, atol=1e-6)
    alphas = penalty_grid(data, Recipe("ridge", n_alphas=5))
    ours = penalty_path(data, alphas, Recipe("ridge"))
    for i, alpha in enumerate(alphas):
        theirs = Ridge(alpha=alpha * len(x)).fit(x, y[:, 0])
        np.testing.assert_allclose(ours[:, i], theirs.coef_, atol=1e-8)
    least = penalty_path(data, np.zeros(1), Recipe("linear"))[:, 0]
    cx = x - x.mean(axis=0)
    np.testing.assert_allclose(least, np.linalg.lstsq(cx, y[:, 0])[0], atol=1e-8)


def test_least_squares_of_collinear_features_has_least_norm(rows):
    x, y = rows
    x = np.column_stack([x[:, :5], x[:, 0] + x[:, 1]])
    found = penalty_path(sums(x, y), np.zeros(1), Recipe("linear"))[:, 0]
    cx = x - x.mean(axis=0)
    np.testing.assert_allclose(found, np.linalg.pinv(cx, rcond=1e-10) @ y[:, 0], atol=1e-8)


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("patience", [None, 20])
def test_chosen_penalty_is_that_of_lassocv(rows, target, patience):
    x, y = rows
    labels = fold_labels(400)
    whole, pairs = split(x, y, labels, target)
    ours = choose_penalty(whole, pairs, Recipe(patience=patience))
    cv = [(np.flatnonzero(labels != k), np.flatnonzero(labels == k)) for k in range(5)]
    theirs = LassoCV(alphas=100, cv=cv).fit(x, y[:, target])
    assert ours.alpha == pytest.approx(theirs.alpha_)
    np.testing.assert_allclose(ours.alphas, theirs.alphas_)
    tried = ~np.isnan(ours.mse)
    assert tried.all() == (patience is None) or target == 0
    np.testing.assert_allclose(ours.mse[tried], theirs.mse_path_.mean(axis=1)[tried], rtol=2e-4)
    fitted = x @ ours.coefficients
    np.testing.assert_allclose(
        fitted - fitted.mean(), x @ theirs.coef_ - (x @ theirs.coef_).mean(), atol=5e-3
    )


def test_patience_ends_the_search(rows):
    x, y = rows
    whole, pairs = split(x, y, fold_labels(400), 1)
    found = choose_penalty(whole, pairs, Recipe(patience=4))
    assert 4 < (~np.isnan(found.mse)).sum() < 20


def test_a_constant_target_has_no_coefficient(rows):
    x, _ = rows
    y = np.full((400, 1), 0.25)
    whole, pairs = split(x, y, fold_labels(400))
    for model in ("lasso", "elastic_net", "ridge", "linear"):
        found = choose_penalty(whole, pairs, Recipe(model))
        assert np.abs(found.coefficients).max() < 1e-9


def test_stops_that_are_too_early_are_counted(rows):
    x, y = rows
    whole, pairs = split(x, y, fold_labels(400))
    found = choose_penalty(whole, pairs, Recipe(tol=1e-14, max_iter=2))
    assert found.unconverged > 0


def test_other_targets_on_the_same_rows(rows):
    x, y = rows
    other = Moments.of(x, y).with_targets(x, y[::-1])
    again = Moments.of(x, y[::-1])
    np.testing.assert_allclose(other.xy, again.xy)
    np.testing.assert_allclose(other.yy, again.yy)
    assert other.xx is not again.xx


def test_a_perfect_model_has_no_errors(rows):
    x, _ = rows
    y = x[:, :2] @ np.array([[2.0], [-1.0]])
    data = sums(x, y)
    exact = np.zeros((50, 1))
    exact[:2, 0] = 2, -1
    assert data.squared_errors(exact, data) == pytest.approx([0], abs=1e-9)

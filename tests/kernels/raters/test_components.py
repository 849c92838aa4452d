"""Variances by moments, against mean squares and against expectations written out."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats.kernels.raters.components import crossed_components


def drawn(rng, n_targets, n_raters, share, variances):
    target, rater = np.nonzero(rng.random((n_targets, n_raters)) < share)
    target, rater = (np.unique(codes, return_inverse=True)[1] for codes in (target, rater))
    sd = np.sqrt(variances)
    values = sd[0] * rng.normal(size=n_targets)[target] + sd[1] * rng.normal(size=n_raters)[rater]
    return values + sd[2] * rng.normal(size=len(target)), target, rater


def test_complete_ratings_have_the_variances_of_their_mean_squares():
    rng = np.random.default_rng(1)
    table = rng.normal(size=(7, 5)) + rng.normal(size=(7, 1)) + rng.normal(size=5) + 1e6
    target, rater = (codes.ravel() for codes in np.indices(table.shape))
    rows, columns = table.mean(axis=1, keepdims=True), table.mean(axis=0)
    error = ((table - rows - columns + table.mean()) ** 2).sum() / 24
    between, of_raters = 5 * rows.var(ddof=1), 7 * columns.var(ddof=1)
    found = crossed_components(table.ravel(), target, rater)
    wanted = [(between - error) / 5, (of_raters - error) / 7, error]
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_sums_of_squares_equal_their_expectations():
    """Each sum is y'Qy, and its expectation under components v is the trace of Q V."""
    rng = np.random.default_rng(1)
    values, target, rater = drawn(rng, 12, 9, 0.4, (1.0, 0.5, 0.3))
    one = np.ones((len(values), 1))
    designs = [
        np.eye(target.max() + 1)[target],
        np.eye(rater.max() + 1)[rater],
        np.eye(len(values)),
    ]
    v = crossed_components(values, target, rater)
    spread = sum(part * z @ z.T for part, z in zip(v, designs, strict=True))
    grand = one @ one.T / len(values)
    for z in designs:
        q = z @ np.linalg.inv(z.T @ z) @ z.T - grand
        assert np.trace(q @ spread) == pytest.approx(values @ q @ values, rel=1e-10)


def test_many_sparse_ratings_give_the_true_variances():
    rng = np.random.default_rng(1)
    values, target, rater = drawn(rng, 1500, 2000, 0.02, (1.0, 0.5, 2.0))
    np.testing.assert_allclose(crossed_components(values, target, rater), (1, 0.5, 2), rtol=0.1)

"""Families of the Laplace kernel against distributions of scipy and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from muvistats.kernels.mixed.blocks import RandomBlock
from muvistats.kernels.mixed.families import (
    Beta,
    Binomial,
    Cumulative,
    category_probabilities,
    cuts_of,
    cuts_slopes,
)
from muvistats.kernels.mixed.laplace import LaplaceMixed

RNG = np.random.default_rng(2)
N = 240
FIRST, SECOND = RNG.integers(0, 9, N), RNG.integers(0, 8, N)
X = np.column_stack([np.ones(N), RNG.normal(size=N)])
ETA = X @ [0.3, 0.6] + RNG.normal(size=9)[FIRST] + 0.5 * RNG.normal(size=8)[SECOND]
MEAN = 1 / (1 + np.exp(-ETA))
RESPONSES = {
    "binomial": (RNG.uniform(size=N) < MEAN).astype(float),
    "poisson": RNG.poisson(np.exp(ETA / 2)).astype(float),
    "cumulative": np.clip(np.round(ETA + RNG.logistic(size=N) + 2), 0, 4),
    "beta": RNG.beta(3 * MEAN, 3 * (1 - MEAN)).clip(1e-6, 1 - 1e-6),
}


@pytest.mark.parametrize("family", RESPONSES)
def test_gradient_is_that_of_the_deviance(family):
    blocks = [
        RandomBlock(np.ones((N, 1)), FIRST, 9),
        RandomBlock(X, SECOND, 8),
    ]
    model = LaplaceMixed(X, RESPONSES[family], blocks, family=family)
    place = np.array([0.7, 0.5, 0.1, 0.4, 0.2, 0.1])
    place = np.concatenate([place, model.family.start()[1] + 0.2])
    steps = 1e-5 * np.eye(len(place))
    near = [(model.at(place + h).deviance - model.at(place - h).deviance) / 2e-5 for h in steps]
    np.testing.assert_allclose(model.at(place).gradient, near, atol=2e-6)


def test_probabilities_are_those_of_the_logistic_distribution():
    extra = np.array([0.2, -0.4, 0.1])
    cuts = cuts_of(extra)
    found = category_probabilities(ETA, cuts)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(found[:, 0], stats.logistic.cdf(-ETA), rtol=1e-12)
    y = RESPONSES["cumulative"]
    own = found[np.arange(N), y.astype(int)]
    assert Cumulative(y).deviance(ETA, extra) == pytest.approx(-2 * np.log(own).sum(), rel=1e-12)
    moved = [(cuts_of(extra + h) - cuts_of(extra - h)) / 2e-6 for h in 1e-6 * np.eye(3)]
    np.testing.assert_allclose(cuts_slopes(extra).T, moved, atol=1e-8)


def test_categories_far_out_have_a_likelihood():
    family = Cumulative(np.array([0.0, 1, 2]))
    for eta in (-600.0, 600.0):
        rows = np.full(3, eta)
        assert np.isfinite(family.deviance(rows, np.zeros(1)))
        parts = (*family.slopes(rows, np.zeros(1)), *family.by_extra(rows, np.zeros(1)))
        assert all(np.isfinite(part).all() for part in parts)


def test_two_categories_are_a_binomial_response():
    y = RESPONSES["binomial"]
    none = np.zeros(0)
    two, plain = Cumulative(y), Binomial(y)
    assert two.deviance(ETA, none) == pytest.approx(plain.deviance(ETA, none), rel=1e-13)
    for ours, theirs in zip(two.slopes(ETA, none), plain.slopes(ETA, none), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-14)


def test_beta_likelihood_is_that_of_scipy():
    y, phi = RESPONSES["beta"], 4.5
    own = stats.beta.logpdf(y, MEAN * phi, (1 - MEAN) * phi).sum()
    found = Beta(y).deviance(ETA, np.array([np.log(phi)]))
    assert found == pytest.approx(-2 * own, rel=1e-12)


def test_the_precision_starts_at_that_of_the_moments():
    y = np.repeat([0.4, 0.6], 5)  # mean 1/2, variance 1/100
    place, extra = Beta(y).start()
    assert place == pytest.approx(0)
    assert np.exp(extra) == pytest.approx([24])

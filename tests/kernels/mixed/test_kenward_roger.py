"""F statistics with estimated covariances: a covariance of any form has Hotelling's F."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats.kernels.mixed.derivatives import Uncertainty, satterthwaite
from muvistats.kernels.mixed.kenward_roger import scaled_f


def of_clusters(p: int, df: int):
    """A covariance told by independent clusters, its entries as parameters, and theirs."""
    rng = np.random.default_rng(p)
    root = rng.normal(size=(p, p + 2))
    covariance = root @ root.T
    entries = list(zip(*np.tril_indices(p), strict=True))
    slopes = np.zeros((len(entries), p, p))
    weights = np.empty((len(entries), len(entries)))
    for a, (i, j) in enumerate(entries):
        slopes[a, i, j] = slopes[a, j, i] = 1
        for b, (k, m) in enumerate(entries):
            crossed = covariance[i, k] * covariance[j, m] + covariance[i, m] * covariance[j, k]
            weights[a, b] = crossed / df
    return covariance, slopes, weights


@pytest.mark.parametrize(("p", "df"), [(2, 9), (2, 40), (3, 12)])
def test_a_covariance_told_by_whole_clusters_gives_hotellings_f(p, df):
    found = scaled_f(np.eye(p), *of_clusters(p, df))
    assert found == pytest.approx((df - p + 1, (df - p + 1) / df))


def test_one_combination_has_satterthwaites_degrees_of_freedom():
    covariance, slopes, weights = of_clusters(3, 7)
    contrast = np.array([1.0, -2.0, 0.5])
    parts = Uncertainty(weights, slopes, np.zeros(0), np.zeros((0, 0)))
    expected = satterthwaite(contrast, covariance, parts)
    assert expected == pytest.approx(7)
    assert scaled_f(contrast[None], covariance, slopes, weights) == pytest.approx((expected, 1))


def test_combinations_that_say_the_same_have_none():
    covariance, slopes, weights = of_clusters(2, 9)
    found = scaled_f(np.array([[1.0, 1.0], [2.0, 2.0]]), covariance, slopes, weights)
    assert np.isnan(found).all()

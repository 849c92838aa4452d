"""Agreement of pairs against SciPy, statsmodels and the jackknife."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa

from muvistats.kernels.raters.agreement import ccc
from muvistats.kernels.raters.retest import agreement_of_pairs, kappa_of_pairs


def drawn(seed=0, n=400):
    rng = np.random.default_rng(seed)
    first = rng.normal(size=n)
    return first, 0.7 * first + rng.normal(size=n) * 0.5 + 0.3


@pytest.mark.parametrize("unit", [1.0, 1e-200, 1e150])
def test_estimates(unit):
    first, second = drawn()
    found, _ = agreement_of_pairs(first * unit, second * unit)
    np.testing.assert_allclose(found[0], ccc(first, second), rtol=1e-12)
    np.testing.assert_allclose(found[1], stats.pearsonr(first, second)[0], rtol=1e-12)
    np.testing.assert_allclose(found[2] / unit, np.mean(second - first), rtol=1e-12)
    spread = np.std(second - first, ddof=1) / np.sqrt(2)
    np.testing.assert_allclose(found[3] / unit, spread, rtol=1e-12)


@pytest.mark.parametrize("kernel", [agreement_of_pairs, kappa_of_pairs])
def test_influence_is_that_of_the_jackknife(kernel):
    first, second = drawn()
    if kernel is kappa_of_pairs:
        first, second = (first > 0.2).astype(float), (second > 0).astype(float)
    estimate, influence = kernel(first, second)
    n = len(first)
    without = np.array([kernel(np.delete(first, i), np.delete(second, i))[0] for i in range(n)])
    left_out = (estimate - without) * (n - 1) / n  # which differs in the second order
    np.testing.assert_allclose(influence, left_out, rtol=0.05, atol=0.03 * influence.std())
    np.testing.assert_allclose(influence.sum(axis=0), 0, atol=1e-12)


def test_kappa_and_its_variance_against_statsmodels():
    first, second = ((values > 0.2).astype(float) for values in drawn())
    table = np.array([[np.sum((first == a) & (second == b)) for b in (0, 1)] for a in (0, 1)])
    oracle = cohens_kappa(table)
    estimate, influence = kappa_of_pairs(first, second)
    np.testing.assert_allclose(estimate[0], oracle.kappa, rtol=1e-12)
    np.testing.assert_allclose(np.sum(influence**2), oracle.var_kappa, rtol=1e-10)


def test_what_does_not_vary():
    same, moving = np.full(4, 0.1), np.array([0.1, 0.4, 0.3, 0.2])
    found = agreement_of_pairs(same, same)[0]
    assert np.isnan(found[:2]).all()
    assert found[2:].tolist() == [0, 0]
    found = agreement_of_pairs(same, moving)[0]
    assert found[0] == 0
    assert np.isnan(found[1])
    assert np.isnan(kappa_of_pairs(np.ones(3), np.ones(3))[0][0])


def test_the_larger_side_sets_the_error_where_units_are_unlike():
    first, second = drawn()
    found = agreement_of_pairs(1e-150 * first, 1e150 * second)[0] / [1, 1, 1e150, 1e150]
    expected = [0, np.mean(second), np.std(second, ddof=1) / np.sqrt(2)]
    np.testing.assert_allclose(found[[0, 2, 3]], expected, rtol=1e-12, atol=1e-290)

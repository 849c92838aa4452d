"""Agreement coefficients against an independent library and hand values."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.sandwich_covariance import cov_cluster, cov_cluster_2groups

from muvistats.kernels.raters.categories import (
    category_coefficients,
    category_sums,
    clustered_errors,
)
from muvistats.kernels.raters.reliability import (
    agreement_coefficients,
    interval_alpha,
    interval_sums,
    mean_squares,
    nominal_sums,
)
from muvistats.kernels.scale import unit_factor


def long_form(matrix):
    """Rows of a unit x rater matrix with NaN as ratings and units."""
    units, raters = np.nonzero(~np.isnan(matrix))
    return matrix[units, raters], units


@pytest.fixture
def ratings():
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(12, 1)) + rng.normal(size=(12, 5))
    matrix[rng.random(matrix.shape) < 0.3] = np.nan
    matrix[3, 1:] = np.nan  # one rating alone cannot be paired
    return matrix


def plain_alpha(matrix, distance):
    """Krippendorff's alpha by its definition: loops over pairs."""
    units = [row[~np.isnan(row)] for row in matrix]
    units = [unit for unit in units if len(unit) > 1]
    pooled = np.concatenate(units)
    n = len(pooled)
    observed = sum(
        sum(distance(a, b) for a in unit for b in unit) / (len(unit) - 1) for unit in units
    )
    expected = sum(distance(a, b) for a in pooled for b in pooled) / (n - 1)
    return 1 - observed / expected


def test_interval_alpha_by_definition(ratings):
    values, units = long_form(ratings)
    ours = interval_alpha(interval_sums(values, units, len(ratings)).sum(axis=0))
    assert_allclose(ours, plain_alpha(ratings, lambda a, b: (a - b) ** 2), rtol=1e-12)


def test_alphas_against_the_library(ratings):
    krippendorff = pytest.importorskip("krippendorff")
    values, units = long_form(ratings)
    ours = interval_alpha(interval_sums(values, units, len(ratings)).sum(axis=0))
    theirs = krippendorff.alpha(ratings.T, level_of_measurement="interval")
    assert_allclose(ours, theirs, rtol=1e-10)
    chosen = np.where(np.isnan(ratings), np.nan, ratings > 0)
    values, units = long_form(chosen)
    sums = nominal_sums(values[:, None], units, len(chosen)).sum(axis=0)
    theirs = krippendorff.alpha(chosen.T, level_of_measurement="nominal")
    assert_allclose(agreement_coefficients(sums)["krippendorff_alpha"], theirs, rtol=1e-10)


def test_nominal_alpha_by_definition(ratings):
    chosen = np.where(np.isnan(ratings), np.nan, ratings > 0.2)
    values, units = long_form(chosen)
    sums = nominal_sums(values[:, None], units, len(chosen)).sum(axis=0)
    ours = agreement_coefficients(sums)["krippendorff_alpha"]
    assert_allclose(ours, plain_alpha(chosen, lambda a, b: a != b), rtol=1e-12)


def test_fleiss_kappa_of_his_formula():
    counts = np.array([[0, 4], [1, 3], [4, 0], [2, 2], [3, 1]])
    values = np.concatenate([[0.0] * no + [1.0] * yes for no, yes in counts])
    units = np.repeat(np.arange(5), 4)
    p = counts.sum(axis=0) / 20
    agreement = ((counts**2).sum(axis=1) - 4) / 12
    expected = (agreement.mean() - (p**2).sum()) / (1 - (p**2).sum())
    sums = nominal_sums(values[:, None], units, 5).sum(axis=0)
    coefficients = agreement_coefficients(sums)
    assert_allclose(coefficients["fleiss_kappa"], expected, rtol=1e-12)
    pi = (counts[:, 1] / 4).mean()
    chance = 2 * pi * (1 - pi)
    assert_allclose(
        coefficients["gwet_ac1"], (agreement.mean() - chance) / (1 - chance), rtol=1e-12
    )


def test_label_that_nobody_chose_is_undefined_but_not_for_ac1():
    sums = nominal_sums(np.zeros((6, 1)), np.repeat([0, 1], 3), 2).sum(axis=0)
    coefficients = agreement_coefficients(sums)
    assert np.isnan(coefficients["fleiss_kappa"])
    assert np.isnan(coefficients["krippendorff_alpha"])
    assert coefficients["gwet_ac1"] == 1


def test_constant_ratings_have_no_alpha():
    values = np.full(6, 0.1)
    assert np.isnan(interval_alpha(interval_sums(values, np.repeat([0, 1], 3), 2).sum(axis=0)))


def test_units_with_one_rating_count_in_the_shares_as_gwet_has_it():
    counts = np.array([[0, 1], [2, 2], [1, 3]])  # no, yes
    values = np.concatenate([[0.0] * no + [1.0] * yes for no, yes in counts])
    units = np.repeat(np.arange(3), counts.sum(axis=1))
    ours = agreement_coefficients(nominal_sums(values[:, None], units, 3).sum(axis=0))
    # irrCAC: pi = (1 + 1/2 + 3/4) / 3 = 3/4 over all units, agreement 5/12 over those of four
    assert_allclose(ours["fleiss_kappa"], (5 / 12 - 5 / 8) / (3 / 8), rtol=1e-12)
    assert_allclose(ours["gwet_ac1"], (5 / 12 - 3 / 8) / (5 / 8), rtol=1e-12)
    choices = category_coefficients(category_sums(values.astype(int), units, 3, 2).sum(axis=0))
    for name, value in ours.items():
        assert_allclose(choices[name], value, rtol=1e-12, err_msg=name)


def test_ratings_that_are_equal_within_units_have_no_spread_there():
    level = np.random.default_rng(7).normal(size=40)
    units = np.repeat(np.arange(40), 3)
    sums = interval_sums(level[units], units, 40)
    assert (sums[:, 3] == 0).all()
    assert interval_alpha(sums.sum(axis=0)) == 1


def test_levels_of_targets_leave_the_other_mean_squares_as_they_are():
    """Whole numbers to 2**53 are exact: nothing of what raters add is lost."""
    rng = np.random.default_rng(8)
    added = rng.integers(0, 40, (12, 7)).astype(float)
    levels = rng.integers(2**52, 2**53 - 40, (12, 1)).astype(float)
    plain, moved = mean_squares(added), mean_squares(levels + added)
    unit = unit_factor(levels)[0, 0] / unit_factor(added, None)[0, 0]
    for one, other in ((moved["1"].error, plain["1"].error), (moved["A"].error, plain["A"].error)):
        assert_allclose(one, other * unit**2, rtol=1e-9)


def test_errors_over_two_kinds_of_clusters_against_statsmodels():
    rng = np.random.default_rng(9)
    row, column = (codes.ravel() for codes in np.indices((9, 6)))
    x = rng.normal(size=9)[row] + rng.normal(size=6)[column] + rng.normal(size=54)
    mean = OLS(x, np.ones(54)).fit()
    influence = ((x - x.mean()) / 54)[:, None]
    both, *_ = cov_cluster_2groups(mean, row, column)
    assert_allclose(clustered_errors(influence, (row, column)), np.sqrt(both[0]), rtol=1e-12)
    one = cov_cluster(mean, row)
    assert_allclose(clustered_errors(influence, (row,)), np.sqrt(one[0]), rtol=1e-12)
    every = np.arange(54)
    assert_allclose(clustered_errors(influence, (every, every)), stats.sem(x), rtol=1e-12)

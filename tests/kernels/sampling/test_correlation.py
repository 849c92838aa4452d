from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from muvistats.kernels.sampling import correlation


def test_group_means_leave_out_steps_that_a_row_lacks():
    values = np.array([[1.0, 2, 3], [3, 4, np.nan], [5, 5, 5], [np.nan] * 3])
    means, sizes = correlation.group_means(values, np.array([2, 2, 0, 0]), 4)
    assert sizes.tolist() == [1, 0, 2, 0]
    assert means[2] == pytest.approx([2, 3, np.nan], nan_ok=True)
    assert means[0] == pytest.approx([5, 5, 5])
    assert np.isnan(means[[1, 3]]).all()


def test_group_means_of_nothing():
    means, sizes = correlation.group_means(np.empty((0, 3)), np.empty(0, dtype=int), 2)
    assert np.isnan(means).all()
    assert sizes.tolist() == [0, 0]


def test_pearson_rows_agree_with_scipy():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(5, 40)) + 1e3
    y = x + rng.normal(size=(5, 40))
    x[3, 30:] = np.nan
    y[4, :3] = np.nan
    r, steps = correlation.pearson_rows(x, y)
    assert steps.tolist() == [40, 40, 40, 30, 37]
    for i in range(5):
        both = ~np.isnan(x[i]) & ~np.isnan(y[i])
        assert r[i] == pytest.approx(stats.pearsonr(x[i, both], y[i, both]).statistic, rel=1e-10)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, -0.7])
def test_a_constant_row_has_no_correlation(constant):
    flat = np.full((1, 118), constant)
    moving = np.random.default_rng(0).normal(size=(1, 118))
    assert np.isnan(correlation.pearson_rows(flat, moving)[0]).all()
    assert np.isnan(correlation.pearson_rows(moving, flat)[0]).all()


def test_too_few_steps_have_no_correlation():
    x = np.array([[1.0, np.nan, 2.0], [np.nan, np.nan, np.nan]])
    y = np.array([[1.0, 5.0, np.nan], [1.0, 2.0, 3.0]])
    r, steps = correlation.pearson_rows(x, y)
    assert np.isnan(r).all()
    assert steps.tolist() == [1, 0]


def test_pearson_matrix_agrees_with_numpy_and_marks_constants():
    values = np.random.default_rng(1).normal(size=(30, 4))
    values[:, 2] = 0.3
    found = correlation.pearson_matrix(values)
    use = [0, 1, 3]
    assert found[np.ix_(use, use)] == pytest.approx(np.corrcoef(values[:, use].T), rel=1e-12)
    assert np.isnan(found[2]).all()
    assert np.isnan(correlation.pearson_matrix(values[:1])).all()


def test_a_perfect_correlation_is_one_whatever_the_rounding():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(200, 9))
    r, _ = correlation.pearson_rows(x, 0.1 - 3 * x)
    assert (r == -1).all()
    assert np.array_equal(np.diag(correlation.pearson_matrix(x)), np.ones(9))


def test_p_and_limits_agree_with_scipy():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(2, 25))
    expected = stats.pearsonr(x, y)
    r = np.array([expected.statistic])
    assert correlation.correlation_p(r, 23) == pytest.approx([expected.pvalue], rel=1e-9)
    low, high = correlation.fisher_interval(r, 23, 0.9)
    limits = expected.confidence_interval(0.9)
    assert [low[0], high[0]] == pytest.approx([limits.low, limits.high], rel=1e-9)


def test_edges_of_p_and_limits():
    r = np.array([1.0, np.nan, 0.2])
    assert correlation.correlation_p(r, 5)[0] == 0
    assert np.isnan(correlation.correlation_p(r, 0)).all()
    low, _ = correlation.fisher_interval(r, 5, 0.95)
    assert np.isnan(low).tolist() == [True, True, False]
    assert np.isnan(correlation.fisher_interval(r, 1, 0.95)[0]).all()


def test_centre_within_splits_the_sum_of_squares():
    rng = np.random.default_rng(8)
    values, codes = rng.normal(size=(20, 3)), rng.permutation(np.repeat(np.arange(4), 5))
    within, between = correlation.centre_within(values, codes, 4)
    total = ((values - values.mean(0)) ** 2).sum(0)
    parts = (within**2).sum(0) + 5 * ((between - values.mean(0)) ** 2).sum(0)
    assert parts == pytest.approx(total)


def test_fisher_mean():
    r = np.array([0.2, 0.5, 0.9])
    z = np.arctanh(r)
    found = correlation.fisher_mean(r, 0.95)
    limits = stats.t.interval(0.95, 2, z.mean(), stats.sem(z))
    assert found == pytest.approx((np.tanh(z.mean()), *np.tanh(limits)))
    assert np.isnan(correlation.fisher_mean(np.array([0.2, 1.0]), 0.95)).all()
    one = correlation.fisher_mean(np.array([0.2]), 0.95)
    assert one[0] == pytest.approx(0.2)
    assert np.isnan(one[1])
    assert np.isnan(correlation.fisher_mean(np.array([]), 0.95)).all()


@pytest.mark.parametrize("ends", [(-1.0, 1.0), (0.0, 1.0), (0.0, 100.0)])
def test_fisher_limits_keep_within_their_ends_and_reach_as_far_where_the_reach_is_small(ends):
    low, high = ends
    for share in (0.02, 0.5, 0.7, 0.97):
        value = low + share * (high - low)
        wide = correlation.fisher_limits(value, 0.1 * (high - low), ends)
        assert low < wide[0] < value < wide[1] < high
        reach = 1e-5 * (high - low)
        near = correlation.fisher_limits(value, reach, ends)
        np.testing.assert_allclose(near, (value - reach, value + reach), rtol=1e-6)
    assert np.isnan(correlation.fisher_limits(high, 0.1, ends)).all()
    r, n = 0.6, 30
    se = 1 / np.sqrt(n - 3)
    z_reach = 1.959963984540054 * se * (1 - r**2)
    np.testing.assert_allclose(
        correlation.fisher_limits(r, z_reach),
        np.ravel(correlation.fisher_interval(np.array([r]), n - 2, 0.95)),
    )


def test_p_with_one_degree_of_freedom_is_that_of_an_angle():
    r = np.array([0.0, 0.3, -0.8])
    assert correlation.correlation_p(r, 1) == pytest.approx(1 - 2 * np.arcsin(np.abs(r)) / np.pi)

"""Variances over crossed units, medians of resamples, and t."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from muvistats.kernels.sampling.bootstrap import bootstrap_means
from muvistats.kernels.sampling.multiway import (
    Variance,
    bootstrap_medians,
    draw_variance,
    effective_df,
    infer,
    influence_variance,
    two_way,
)


def variance(*values, mc=0.0):
    return Variance(np.array(values, dtype=float), np.full(len(values), mc))


def test_medians_are_those_of_the_drawn_units():
    rng = np.random.default_rng(2)
    values = rng.integers(0, 6, 40).astype(float)
    units, groups = rng.integers(0, 7, 40), rng.integers(0, 2, 40)
    draws = bootstrap_medians(
        values, units, groups=groups, n_groups=2, n_resamples=25, rng=np.random.default_rng(8)
    )
    often = np.random.default_rng(8).multinomial(7, np.full(7, 1 / 7), size=25)
    for row, times in zip(draws, often, strict=True):
        for group in (0, 1):
            use = groups == group
            assert row[group] == np.median(np.repeat(values[use], times[units[use]]))


def test_a_group_that_is_not_drawn_has_no_median():
    draws = bootstrap_medians(
        np.array([1.0, 2.0]),
        np.array([0, 1]),
        groups=np.array([0, 1]),
        n_groups=3,
        n_resamples=200,
        rng=np.random.default_rng(0),
    )
    assert set(draws[~np.isnan(draws[:, 0]), 0]) == {1.0}
    assert 0.15 < np.isnan(draws[:, 0]).mean() < 0.35  # (1/2)^2
    assert np.isnan(draws[:, 2]).all()


def test_draw_variance_is_that_of_the_mean():
    values = np.random.default_rng(1).normal(size=30)
    draws = bootstrap_means(
        values,
        (np.arange(30),),
        groups=np.zeros(30, dtype=int),
        n_groups=1,
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    )
    found = draw_variance(draws, 30)
    exact = values.var(ddof=1) / 30
    assert found.value[0] == pytest.approx(exact, rel=0.04)
    assert np.sqrt(found.mc[0]) == pytest.approx(exact * np.sqrt(2 / 20_000), rel=0.05)
    assert np.isnan(draw_variance(draws, 1).value[0])
    draws[:3000] = np.nan
    assert np.isnan(draw_variance(draws, 30).value[0])


def test_influence_variance_is_cluster_robust():
    rng = np.random.default_rng(4)
    values, units = rng.normal(size=50), rng.integers(0, 9, 50)
    influence = (values - values.mean())[:, None] / 50
    sums = np.array([influence[units == unit].sum() for unit in range(9)])
    assert influence_variance(influence, units).value[0] == pytest.approx((sums**2).sum() * 9 / 8)


def test_two_way_is_no_less_than_over_items():
    parts = variance(2, 2, 2), variance(1, 0.2, 3), variance(0.5, 1, 4)
    found = two_way(*parts, 11)
    assert found.value.tolist() == pytest.approx([2.5 * 1.1, 2 * 1.1, 2 * 1.1])
    smaller = two_way(*parts, 11, least="smaller")
    assert smaller.value.tolist() == pytest.approx([2.5 * 1.1, 1.2 * 1.1, 2 * 1.1])
    least = two_way(variance(2), variance(3), variance(9), 11, least="smaller")
    assert least.value.tolist() == pytest.approx([2 * 1.1])
    assert np.isnan(two_way(variance(2), variance(1), variance(1), 1).value[0])


def test_two_way_variances_of_means_are_too_large_by_less_with_the_smaller_floor():
    """Of 10 people x 12 items that differ a little, the variance of the mean is known."""
    rng = np.random.default_rng(0)
    people, items = (codes.ravel() for codes in np.indices((10, 12)))
    found = []
    for _ in range(400):
        values = rng.normal(size=120) + 0.1 * rng.normal(size=10)[people]
        values += 0.1 * rng.normal(size=12)[items]
        influence = (values - values.mean())[:, None] / 120
        units = (items, people, np.arange(120))
        parts = [influence_variance(influence, codes) for codes in units]
        of_both = (two_way(*parts, 10), two_way(*parts, 10, least="smaller"))
        found.append([each.value[0] for each in of_both])
    first, smaller = np.mean(found, axis=0) / (0.01 / 10 + 0.01 / 12 + 1 / 120)
    assert 1 < smaller < first < 1.25
    assert first - smaller > 0.05


def test_single_ratings_with_the_factor_of_raters_fall_out_of_those_of_raters():
    influence = np.random.default_rng(1).normal(size=(12, 1))
    people = np.repeat(np.arange(4), 3)
    alone = influence_variance(influence, np.arange(12), out_of=4).value[0]
    assert alone == pytest.approx((influence**2).sum() * 4 / 3)
    products = influence @ influence.T * (people[:, None] == people)
    cross = products.sum() - np.trace(products)  # different ratings of one rater
    assert influence_variance(influence, people).value[0] - alone == pytest.approx(cross * 4 / 3)
    assert np.isnan(influence_variance(influence, people, out_of=1).value[0])


def test_infer_is_students_t():
    values = np.random.default_rng(3).normal(0.4, 1, 12)
    expected = stats.ttest_1samp(values, 0)
    found = infer(np.array([values.mean()]), variance(values.var(ddof=1) / 12), 11, 0.9)
    limits = expected.confidence_interval(0.9)
    assert found.t[0] == pytest.approx(expected.statistic)
    assert found.p_value[0] == pytest.approx(expected.pvalue)
    assert (found.low[0], found.high[0]) == pytest.approx((limits.low, limits.high))


def test_mc_error_is_the_spread_of_p():
    rng = np.random.default_rng(6)
    estimate, exact, b = np.array([2.0]), 1.0, 500
    found = infer(estimate, variance(exact, mc=2 * exact**2 / b), 20, 0.95)
    drawn = exact * rng.chisquare(b, 4000) / b
    p = 2 * stats.t.sf(2 / np.sqrt(drawn), 20)
    assert found.mc_error[0] == pytest.approx(p.std(), rel=0.06)


def test_no_variance_no_test():
    found = infer(np.array([1.0, 1.0, 1.0]), variance(0, np.nan, 1), np.array([5, 5, 0.5]), 0.95)
    assert np.isnan(found.p_value).all()
    assert np.isnan(found.low).all()


def test_effective_df():
    rng = np.random.default_rng(0)
    assert effective_df(rng.normal(size=(4000, 1)))[0] == pytest.approx(3999, rel=0.06)
    few = rng.normal(size=(4000, 1)) * (np.arange(4000) < 20)[:, None]
    assert effective_df(few)[0] < 30
    assert effective_df(np.ones((6, 1)))[0] == 5
    assert effective_df(np.eye(6)[:, :1])[0] == pytest.approx(2)


def test_errors_of_two_way_variances_add_up():
    parts = [
        Variance(np.array([v]), np.array([m])) for v, m in ((3.0, 0.3), (2.0, 0.2), (1.0, 0.1))
    ]
    found = two_way(*parts, 5)
    assert found.value == pytest.approx([4 * 5 / 4])
    assert found.mc == pytest.approx([0.6 * (5 / 4) ** 2])

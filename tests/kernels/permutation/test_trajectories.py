"""Statistics at every step against scipy, statsmodels and those of the rank tests."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from muvistats.kernels.permutation.arrangements import dense_codes
from muvistats.kernels.permutation.trajectories import (
    adjusted_difference,
    group_mean,
    plain_statistic,
    studentized_statistic,
)
from muvistats.kernels.ranks.effects import CrossedRanks
from muvistats.kernels.ranks.unit_statistics import robust_statistic

N, STEPS = 120, 4


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(3)
    people, items = dense_codes(rng.integers(0, 11, N)), dense_codes(rng.integers(0, 8, N))
    values = rng.normal(size=(N, STEPS)) + rng.normal(size=(11, 1))[people]
    return values, people, items, rng.integers(0, 3, (5, N))


def test_plain_is_student_and_fisher(drawn):
    values, *_, codes = drawn
    found = plain_statistic(values, np.arange(N), 3, N - 3)(codes)
    for arrangement, f in zip(codes, found, strict=True):
        parts = [values[arrangement == g] for g in range(3)]
        np.testing.assert_allclose(f, stats.f_oneway(*parts).statistic, rtol=1e-12)
    for group in (
        np.minimum(codes[0], 1),
        np.maximum(codes[0], 1) - 1,
    ):  # the larger one second, first
        two = plain_statistic(values, np.arange(N), 2, N - 2)(group[None])
        parts = [values[group == g] for g in (0, 1)]
        np.testing.assert_allclose(two[0], stats.ttest_ind(*parts).statistic, rtol=1e-12)


@pytest.mark.parametrize("k", [2, 3])
def test_studentized_is_the_statistic_of_the_rank_tests(drawn, k):
    values, people, items, codes = drawn
    codes = codes % k
    found = studentized_statistic(values, np.arange(N), k, (people, items))(codes)
    for step in range(STEPS):
        wald = CrossedRanks(values[:, step], np.arange(N), k, (people, items))(codes)
        own = found[:, step] ** 2 if k == 2 else found[:, step]
        np.testing.assert_allclose(own, wald[:, 0], rtol=1e-7)


def test_studentized_of_whole_participants_is_that_of_the_rank_tests(drawn):
    values, people, *_ = drawn
    groups = np.random.default_rng(1).permuted(np.tile(np.arange(11) % 3, (5, 1)), axis=1)
    found = studentized_statistic(values, people, 3, (people,))(groups)
    for step in range(STEPS):
        wald = robust_statistic(values[:, step], people, 3)(groups)
        np.testing.assert_allclose(found[:, step], wald[:, 0], rtol=1e-8)


def test_people_with_as_many_rows_each_are_compared_as_others_are():
    rng = np.random.default_rng(4)
    people = np.repeat(np.arange(10), 4)
    values = rng.normal(size=(40, 2)) + 3 * rng.normal(size=10)[people, None]
    groups = rng.permuted(np.tile(np.arange(10) % 3, (5, 1)), axis=1)
    found = studentized_statistic(values, people, 3, (people,))(groups)
    for step in range(2):
        wald = robust_statistic(values[:, step], people, 3)(groups)
        np.testing.assert_allclose(found[:, step], wald[:, 0], rtol=1e-8)


def test_whole_participants_may_be_compared_among_items(drawn):
    values, people, items, _ = drawn
    groups = np.random.default_rng(1).permuted(np.tile(np.arange(11) % 3, (5, 1)), axis=1)
    found = studentized_statistic(values, people, 3, (people, items))(groups)
    for step in range(STEPS):
        wald = CrossedRanks(values[:, step], people, 3, (people, items))(groups)
        np.testing.assert_allclose(found[:, step], wald[:, 0], rtol=1e-7)


def test_studentized_t_is_that_of_clustered_least_squares(drawn):
    values, people, items, codes = drawn
    group = codes[0] % 2
    found = studentized_statistic(values, np.arange(N), 2, (people, items))(group[None])[0]
    design = sm.add_constant((group == 0).astype(float))
    for step in range(STEPS):
        fits = [
            sm.OLS(values[:, step], design).fit(
                cov_type="cluster", cov_kwds={"groups": kind, "use_correction": False}
            )
            for kind in (people, items, dense_codes(people, items))
        ]
        parts = [fit.cov_params()[1, 1] for fit in fits]
        error = np.sqrt(max(parts[0] + parts[1] - parts[2], 0.25 * parts[2]))
        assert found[step] == pytest.approx(fits[0].params[1] / error, rel=1e-6)


def test_who_met_an_item_twice_is_one_cell(drawn):
    values, people, items, codes = drawn
    twice = (np.r_[people, people], np.r_[items, items])
    both = studentized_statistic(np.r_[values, values], np.arange(2 * N), 2, twice)
    once = studentized_statistic(values, np.arange(N), 2, (people, items))
    group = codes % 2
    cells = len(np.unique(dense_codes(people, items)))
    assert cells < N
    np.testing.assert_allclose(both(np.hstack([group, group])), once(group), rtol=1e-6)


def test_adjusted_difference_is_that_of_dummies(drawn):
    values, people, items, codes = drawn
    first = (codes[0] == 0).astype(int)
    found, error = adjusted_difference(values, first, (people, items), (people, items))
    dummies = np.column_stack([first, np.eye(11)[people], np.eye(8)[items][:, 1:]])
    fit = np.linalg.lstsq(dummies, values, rcond=None)[0]
    np.testing.assert_allclose(found, fit[0], rtol=1e-7)
    rest = values - dummies @ fit
    z = (
        first
        - np.linalg.lstsq(dummies[:, 1:], first.astype(float), rcond=None)[0] @ dummies[:, 1:].T
    )
    scores = z[:, None] * rest / (z**2).sum()
    sums = [
        (np.stack([np.bincount(kind, s) for s in scores.T]) ** 2).sum(axis=1)
        for kind in (people, items, dense_codes(people, items))
    ]
    variance = np.maximum(sums[0] + sums[1] - sums[2], 0.25 * sums[2]) * 8 / 7
    np.testing.assert_allclose(error, np.sqrt(variance), rtol=1e-6)


def test_a_group_that_is_one_item_has_no_adjusted_difference(drawn):
    values, people, items, _ = drawn
    found, error = adjusted_difference(values, (items == 0).astype(int), (items,), (people,))
    assert np.isnan(found).all()
    assert np.isnan(error).all()


def test_group_mean_of_single_ratings_is_that_of_a_sample(drawn):
    values, *_ = drawn
    mean, error = group_mean(values, (np.arange(N),))
    np.testing.assert_allclose(mean, values.mean(axis=0))
    np.testing.assert_allclose(error, stats.sem(values), rtol=1e-12)


def test_one_cluster_has_no_error():
    values = np.random.default_rng(0).normal(size=(6, 3))
    mean, error = group_mean(values, [np.zeros(6, dtype=int)])
    np.testing.assert_allclose(mean, values.mean(axis=0))
    assert np.isnan(error).all()

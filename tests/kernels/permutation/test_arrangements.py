"""Rearrangements of groups within strata: drawn, enumerated, and the p that they give."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from muvistats.kernels.permutation.arrangements import (
    PermutationTest,
    all_arrangements,
    conditional_test,
    count_arrangements,
    draw_arrangements,
    monte_carlo_p,
    permutation_test,
    rarest,
    shrunken_residuals,
    without_effects,
)
from muvistats.kernels.ranks.unit_statistics import group_sums


@st.composite
def designs(draw, most=6):
    """Groups and strata of a few units, strata without members included."""
    n = draw(st.integers(1, most))
    codes = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    strata = draw(st.lists(st.sampled_from([0, 2, 3]), min_size=n, max_size=n))
    return np.array(codes), np.array(strata)


def by_itertools(codes, strata):
    """Every different sequence of groups that keeps the groups of each stratum."""
    keep = [sorted(codes[strata == s]) for s in np.unique(strata)]
    return {
        one
        for one in set(itertools.permutations(codes.tolist()))
        if [sorted(np.array(one)[strata == s]) for s in np.unique(strata)] == keep
    }


@given(designs())
@settings(max_examples=60, deadline=None)
def test_all_arrangements_are_those_of_itertools(design):
    codes, strata = design
    found = [tuple(row) for row in all_arrangements(codes, strata).tolist()]
    assert len(found) == len(set(found)) == count_arrangements(codes, strata)
    assert set(found) == by_itertools(codes, strata)


def test_a_long_stratum_is_enumerated():
    codes = np.zeros(3000, dtype=int)
    codes[7] = 1
    found = all_arrangements(codes, np.zeros(3000, dtype=int))
    assert found.shape == (3000, 3000)
    assert (found.sum(axis=1) == 1).all()
    assert (found.sum(axis=0) == 1).all()


def test_the_number_of_arrangements_of_many_units_is_no_number():
    codes = np.arange(200) % 2
    assert count_arrangements(codes, np.zeros(200, dtype=int)) == math.inf
    assert count_arrangements(codes[:20], np.zeros(20, dtype=int)) == math.comb(20, 10)
    assert count_arrangements(codes[:0], codes[:0]) == 1


@given(designs(12), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_draw_keeps_the_groups_of_each_stratum(design, seed):
    codes, strata = design
    drawn = draw_arrangements(codes, strata, 5, np.random.default_rng(seed))
    for row in drawn:
        for stratum in np.unique(strata):
            inside = strata == stratum
            assert Counter(row[inside].tolist()) == Counter(codes[inside].tolist())


def test_every_arrangement_is_drawn_equally_often():
    codes, strata = np.array([0, 0, 1, 2, 0, 1]), np.array([0, 0, 0, 0, 5, 5])
    drawn = draw_arrangements(codes, strata, 24_000, np.random.default_rng(1))
    counts = Counter(map(tuple, drawn.tolist()))
    assert len(counts) == 24
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_many_groups_have_larger_codes():
    codes = np.arange(200)
    drawn = draw_arrangements(codes, np.zeros(200, dtype=int), 3, np.random.default_rng(1))
    assert (np.sort(drawn, axis=1) == codes).all()
    assert drawn.dtype == np.int16


def test_group_sums_are_those_of_a_loop():
    rng = np.random.default_rng(2)
    codes, values = rng.integers(0, 3, (4, 9)), rng.normal(size=(9, 2))
    found = group_sums(codes, values, 3)
    for row, group in itertools.product(range(4), range(3)):
        assert found[row, group] == pytest.approx(values[codes[row] == group].sum(axis=0))


def difference(values):
    """Difference of the means of two groups, both directions."""

    def statistic(codes):
        first = (codes == 0).astype(float)
        gap = first @ values / first.sum(axis=1) - (1 - first) @ values / (1 - first).sum(axis=1)
        return np.stack([gap, np.abs(gap)], axis=1)

    return statistic


def test_exact_p_is_that_of_scipy():
    values, codes = np.array([3.1, 2.0, 5.5, 1.0, 0.2, 4.4, 2.5]), np.array([0, 0, 0, 1, 1, 1, 1])
    found = permutation_test(
        difference(values), codes, n_resamples=99, rng=np.random.default_rng(1)
    )
    theirs = stats.permutation_test(
        (values[:3], values[3:]),
        lambda a, b: a.mean() - b.mean(),
        n_resamples=np.inf,
        alternative="greater",
    )
    assert (found.exact, found.n_resamples, found.n_arrangements) == (True, 35, 35)
    assert found.p_value[0] == pytest.approx(theirs.pvalue)
    assert found.mc_error.tolist() == [0, 0]


def test_the_largest_statistic_adjusts_all_of_them():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(10, 4))
    codes = np.arange(10) % 2

    def statistic(arrangements):
        return np.abs(group_sums(arrangements, values, 2)[:, 0])

    found = permutation_test(statistic, codes, n_resamples=500, rng=rng)
    every = statistic(all_arrangements(codes, np.zeros(10, dtype=int)))
    expected = [(every.max(axis=1) >= one * (1 - 1e-9)).mean() for one in found.observed]
    assert found.p_max == pytest.approx(expected)
    assert (found.p_max >= found.p_value).all()


def test_p_does_not_depend_on_the_number_of_workers(monkeypatch):
    monkeypatch.setattr("muvistats.kernels.permutation.arrangements._BATCH", 400)
    values = np.random.default_rng(4).normal(size=40)
    codes = np.arange(40) % 2

    def of(n_jobs):
        return permutation_test(
            difference(values), codes, n_resamples=101, rng=np.random.default_rng(5), n_jobs=n_jobs
        ).p_value.tolist()

    assert of(1) == of(2) == of(-1)


def test_p_of_a_null_is_uniform():
    rng = np.random.default_rng(6)
    codes = np.repeat([0, 1], 15)
    strata = np.tile([0, 1, 2], 10)
    p = [
        permutation_test(
            difference(rng.normal(size=30) + strata), codes, strata, n_resamples=99, rng=rng
        ).p_value[1]
        for _ in range(400)
    ]
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.03)


def test_monte_carlo_p_counts_what_was_seen():
    draws = np.array([[1.0], [2.0], [np.nan], [3.0 - 1e-12]])
    p, error = monte_carlo_p(np.array([3.0]), draws)
    assert p[0] == 3 / 5  # itself, the tie, and what is not defined
    assert error[0] == pytest.approx(np.sqrt(0.6 * 0.4 / 4))
    assert monte_carlo_p(np.array([np.inf]), draws)[0][0] == 2 / 5
    assert monte_carlo_p(np.array([np.nan]), draws)[0].tolist() == pytest.approx(
        [np.nan], nan_ok=True
    )
    assert np.isnan(monte_carlo_p(np.array([1.0]), draws[:0])).all()


@pytest.mark.parametrize("n_resamples", [0, 7])
def test_groups_with_probabilities_are_drawn_as_often_as_asked_for(monkeypatch, n_resamples):
    monkeypatch.setattr("muvistats.kernels.permutation.arrangements._BATCH", 3)
    codes, rng = np.arange(10) % 2, np.random.default_rng(1)
    found = conditional_test(
        difference(rng.normal(size=10)),
        codes,
        np.full((10, 2), 0.5),
        n_resamples=n_resamples,
        rng=rng,
    )
    assert found.n_resamples == n_resamples
    assert np.isnan(found.p_value).all() == (n_resamples == 0)


def test_what_cannot_be_permuted_has_no_p_and_says_so():
    def one(codes):
        return codes.sum(axis=1, keepdims=True).astype(float)

    def test(codes, strata, n_resamples=99) -> PermutationTest:
        codes, strata = np.array(codes), np.array(strata)
        rng = np.random.default_rng(0)
        return permutation_test(one, codes, strata, n_resamples=n_resamples, rng=rng)

    constant = test([0, 0, 1, 1], [0, 0, 1, 1])
    assert np.isnan(constant.p_value).all()
    assert constant.note.startswith("the factor is constant within every stratum")
    few = test([0, 1, 0, 1], [0, 0, 1, 1])
    assert few.exact
    assert few.note == "only 4 arrangements: p cannot be below 0.25"
    assert test([0, 1] * 4, [0] * 8).note == ""
    none = test([0, 1] * 4, [0] * 8, n_resamples=0)
    assert np.isnan(none.p_value).all()
    assert none.n_resamples == 0


def test_the_rarest_level_is_that_of_fewest_units_where_most_lack_it():
    """Seven items: all have level 0, three have level 1 twice, one has level 2 twice."""
    units = np.array([0, 1, 2, 3, 4, 5, 6, 0, 0, 1, 1, 2, 2, 5, 5])
    codes = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2])
    assert rarest(units, codes, 2, 0) == (1.0, 2)
    assert rarest(units[:13], codes[:13], 2, 0) == (3.0, 1)
    assert rarest(units, codes, 3, 0) == (np.inf, 0)  # two values of each
    assert rarest(units, codes, 3, 2) == (1.0, 2)
    assert rarest(units[:13], codes[:13], 3, 3) == (np.inf, 0)
    fewer = units < 6  # three of six are half
    assert rarest(units[fewer & (codes < 2)], codes[fewer & (codes < 2)], 2, 0) == (np.inf, 0)
    assert rarest(units, (units > 2).astype(int), 2, 9) == (np.inf, 0)  # each item has one level
    assert rarest(units[:0], codes[:0], 2, 9)[0] == np.inf


def test_effects_are_taken_out_as_far_as_something_is_left():
    fixed, random = np.repeat(np.arange(3), 4), np.tile(np.arange(4), 3)
    noise = np.random.default_rng(0).normal(size=12)
    values, taken = without_effects(noise, fixed, random)
    assert taken == 2
    assert values == pytest.approx(shrunken_residuals(noise[:, None], fixed, random)[0][:, 0])
    values, taken = without_effects(fixed * 2.0, fixed, random)
    assert taken == 0
    assert (values == fixed * 2.0).all()
    people = np.array([0.0, 0.0, 3.0, 3.0] * 3)
    values, taken = without_effects(people, np.zeros(12, dtype=int), random // 2)
    assert taken == 1
    assert values == pytest.approx(people - 1.5)

"""Ordinal scores, distances and influences against loops over pairs and ratings left out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from muvistats.kernels.raters.left_out import interval_sums_lost
from muvistats.kernels.raters.ordinal import (
    kendall_w,
    mean_distances,
    ordinal_scores,
    rank_influence,
    weighted_kappa_parts,
)
from muvistats.kernels.raters.reliability import interval_alpha, interval_sums


def drawn(seed: int, n: int = 20, k: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, units and people of ratings from 1 to 5; no unit has fewer than two."""
    rng = np.random.default_rng(seed)
    table = np.clip(np.round(rng.normal(3, 1.2, (n, 1)) + rng.normal(size=(n, k))), 1, 5)
    table[rng.random((n, k)) < 0.2] = np.nan
    table = table[(~np.isnan(table)).sum(axis=1) > 1]
    units, people = np.nonzero(~np.isnan(table))
    return table[units, people], units, people


def ordinal_alpha(values: np.ndarray, units: np.ndarray) -> float:
    n = units.max() + 1
    scores = ordinal_scores(values, units, n)
    return float(interval_alpha(interval_sums(scores, units, n).sum(axis=0)))


def test_alpha_without_a_rating_moves_with_the_ranks():
    values, units, _ = drawn(1)
    n = units.max() + 1
    scores = ordinal_scores(values, units, n)
    moved = rank_influence(scores, units, n)
    assert moved.sum() == pytest.approx(0, abs=1e-12)
    whole = interval_sums(scores, units, n).sum(axis=0)
    fixed = interval_alpha(whole - interval_sums_lost(scores, units, n))
    exact = [ordinal_alpha(np.delete(values, i), np.delete(units, i)) for i in range(len(values))]
    error, without = np.abs(fixed - moved - exact).max(), np.abs(fixed - exact).max()
    assert error < 0.6 * without < 0.1 * np.std(exact)


@pytest.mark.parametrize("quadratic", [False, True])
def test_mean_distances_are_those_of_a_loop(quadratic):
    rng = np.random.default_rng(3)
    values, weights = rng.integers(0, 5, 40).astype(float), rng.uniform(0.5, 2, 40)
    groups = np.sort(rng.permutation(np.arange(40) % 4))
    order = rng.permutation(40)
    values, groups = values[order], groups[order]
    found = mean_distances(values, weights, groups, quadratic=quadratic)
    for i in range(40):
        use = groups == groups[i]
        apart = np.abs(values[use] - values[i]) ** (1 + quadratic)
        assert found[i] == pytest.approx(np.average(apart, weights=weights[use]))


@pytest.mark.parametrize("quadratic", [False, True])
def test_kappa_of_a_rater_less_is_that_of_the_others(quadratic):
    """Exact for Conger's where every unit keeps its other raters."""
    rng = np.random.default_rng(4)
    table = rng.integers(1, 5, (12, 1)) + rng.integers(0, 2, (12, 5)).astype(float)
    units, people = (codes.ravel() for codes in np.indices(table.shape))
    parts = weighted_kappa_parts(table.ravel(), units, people, quadratic=quadratic, by_rater=True)
    for rater in range(5):
        use = people != rater
        others = weighted_kappa_parts(
            table.ravel()[use],
            units[use],
            people[use] - (people[use] > rater),
            quadratic=quadratic,
            by_rater=True,
        )
        expected = others.kappa(others.sums.sum(axis=0))
        assert parts.without_person[rater] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("by_rater", [False, True])
def test_chance_follows_units_that_count_more(by_rater):
    """To first order: kappa of units counted twice, by sums, against kappa anew."""
    values, units, people = drawn(5, n=200)
    parts = weighted_kappa_parts(values, units, people, quadratic=True, by_rater=by_rater)
    twice = units < 20
    again = weighted_kappa_parts(
        np.append(values, values[twice]),
        np.append(units, units[twice] + units.max() + 1),
        np.append(people, people[twice]),
        quadratic=True,
        by_rater=by_rater,
    )
    exact = again.kappa(again.sums.sum(axis=0))
    weights = 1.0 + (np.arange(len(parts.sums)) < 20)
    found = parts.kappa((weights[:, None] * parts.sums).sum(axis=0))
    fixed = parts.kappa((weights[:, None] * parts.sums * [1, 1, 0]).sum(axis=0))
    assert abs(found - exact) < 0.25 * abs(fixed - exact)


def test_w_is_friedmans_statistic_and_its_influences_are_slopes():
    values = np.random.default_rng(6).integers(1, 6, (15, 6)).astype(float)
    values[:, 1:] += values[:, :1]
    found = kendall_w(values)
    friedman = stats.friedmanchisquare(*values)
    assert found.statistic == pytest.approx(friedman.statistic)
    assert found.p_value == pytest.approx(friedman.pvalue)
    without = [kendall_w(np.delete(values, j, axis=1)).estimate for j in range(6)]
    jackknife = 5 / 6 * np.square(np.array(without) - np.mean(without)).sum()
    assert found.by_rater.value[0] == pytest.approx(jackknife, rel=0.5)
    without = [kendall_w(np.delete(values, i, axis=0)).estimate for i in range(15)]
    jackknife = 14 / 15 * np.square(np.array(without) - np.mean(without)).sum()
    assert found.by_target.value[0] == pytest.approx(jackknife, rel=0.35)


def test_w_of_one_order_is_one_and_of_none_is_missing():
    order = np.tile(np.arange(5.0)[:, None], (1, 4))
    assert kendall_w(order).estimate == pytest.approx(1)
    none = kendall_w(np.ones((5, 4)))
    assert np.isnan(none.estimate)
    for name in ("by_target", "by_rater", "by_rating"):
        missing, known = getattr(none, name), getattr(kendall_w(order), name)
        assert np.isnan(missing.value).all()
        assert missing.value.shape == known.value.shape
        assert missing.mc.shape == known.mc.shape

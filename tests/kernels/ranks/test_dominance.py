from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from muvistats.kernels.ranks import dominance as rank


@pytest.fixture
def grouped() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    codes = np.repeat([0, 1, 2], [20, 31, 9])
    return np.round(rng.normal(size=60) + 0.4 * codes, 1), codes


def test_dunn_by_hand_without_ties():
    # ranks 1..6, group means 1.5, 3.5, 5.5; se = sqrt(6 * 7 / 12 * (1/2 + 1/2))
    found = rank.dunn(np.arange(6.0), np.repeat([0, 1, 2], 2), 3)
    assert found.difference == pytest.approx([-2, -4, -2])
    assert found.z == pytest.approx(np.array([-2, -4, -2]) / np.sqrt(3.5))


def test_dunn_of_two_groups_squares_to_h(grouped):
    values, codes = grouped
    two = codes < 2
    h = stats.kruskal(values[codes == 0], values[codes == 1]).statistic
    assert rank.dunn(values[two], codes[two], 2).z[0] ** 2 == pytest.approx(h, rel=1e-12)


def test_dunn_of_two_values_is_the_chi_square_of_their_table():
    values, codes = np.array([0.0, 0, 1, 0, 1, 1, 1]), np.array([0, 0, 0, 1, 1, 1, 1])
    square = stats.chi2_contingency([[2, 1], [1, 3]], correction=False).statistic
    assert rank.dunn(values, codes, 2).z[0] ** 2 == pytest.approx(square * 6 / 7, rel=1e-12)


def test_dunn_of_equal_values_is_undefined():
    assert np.isnan(rank.dunn(np.ones(6), np.repeat([0, 1, 2], 2), 3).z).all()


def test_mean_ranks_of_an_empty_group():
    assert rank.mean_ranks(np.array([5.0, 5, 9]), np.array([0, 2, 2]), 3) == pytest.approx(
        [1.5, np.nan, 2.25], nan_ok=True
    )


def test_dominance_counts_pairs(grouped):
    values, codes = grouped
    x, y = values[codes == 0], values[codes == 1]
    signs = [np.sign(a - b) for a, b in product(x, y)]
    assert rank.dominance(x, y).delta == pytest.approx(np.mean(signs), rel=1e-12)
    u = stats.mannwhitneyu(x, y).statistic
    assert rank.dominance(x, y).delta == pytest.approx(2 * u / (20 * 31) - 1, rel=1e-12)


@pytest.mark.parametrize(("n1", "n2", "digits"), [(12, 30, 1), (40, 15, 6), (9, 9, 0)])
def test_dominance_agrees_with_scipys_brunner_munzel(n1, n2, digits):
    rng = np.random.default_rng(n1)
    x, y = np.round(rng.normal(size=n1), digits), np.round(rng.normal(0.3, 2, n2), digits)
    expected = stats.brunnermunzel(x, y)
    found = rank.dominance(x, y)
    t = -found.delta / found.std_error  # SciPy's sign is second less first
    assert t == pytest.approx(expected.statistic, rel=1e-10)
    assert 2 * stats.t.sf(abs(t), found.df) == pytest.approx(expected.pvalue, rel=1e-10)


def test_equivalence_is_the_larger_one_sided_brunner_munzel():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=80), rng.normal(size=70)
    found = rank.dominance(x, y)
    above = stats.t.sf((found.delta + 0.3) / found.std_error, found.df)
    below = stats.t.sf((0.3 - found.delta) / found.std_error, found.df)
    assert rank.equivalence_p(found, 0.3) == max(above, below)
    assert rank.equivalence_p(found, 0.3) < 0.05 < rank.equivalence_p(found, 0.01)


def test_no_standard_error_without_spread_or_with_one_value():
    apart = rank.dominance(np.array([5.0, 6, 7]), np.array([1.0, 2, 3]))
    assert apart.delta == 1
    assert apart.std_error == 0
    assert np.isnan(rank.dominance_interval(apart, 0.95)).all()
    assert np.isnan(rank.equivalence_p(apart, 0.1))
    one = rank.dominance(np.array([5.0]), np.array([1.0, 2, 9]))
    assert one.delta == pytest.approx(1 / 3)
    assert np.isnan(one.std_error)


def test_interval_of_dominance_covers():
    truth = 2 * stats.norm.cdf(0.8 / np.sqrt(1 + 4)) - 1
    covered = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        found = rank.dominance(rng.normal(0.8, 2, 25), rng.normal(0, 1, 40))
        low, high = rank.dominance_interval(found, 0.95)
        covered += low <= truth <= high
    assert 0.92 <= covered / 300 <= 0.98

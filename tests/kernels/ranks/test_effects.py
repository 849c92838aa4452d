"""Relative effects, their clustered errors, and statistics of many arrangements."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import linalg, stats

from muvistats.kernels.permutation.arrangements import raised_by
from muvistats.kernels.ranks import dominance as pairs
from muvistats.kernels.ranks import effects as rank
from muvistats.kernels.ranks.effects import (
    CrossedRanks,
    Effects,
    clustered_effects,
    partial_eta_squared,
    relative_effects,
    share_interval,
)
from muvistats.kernels.ranks.unit_statistics import (
    between_statistic,
    difference_statistic,
    robust_statistic,
)


@pytest.fixture
def sample():
    rng = np.random.default_rng(3)
    codes = rng.permutation(np.repeat([0, 1, 2], [9, 14, 20]))
    return np.round(rng.normal(size=43) + 0.4 * codes, 1), codes


@pytest.fixture
def grouped() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    codes = np.repeat([0, 1, 2], [20, 31, 9])
    return np.round(rng.normal(size=60) + 0.4 * codes, 1), codes


def test_epsilon_squared_is_scipys_h_over_n_minus_1(grouped):
    values, codes = grouped
    h = stats.kruskal(*(values[codes == g] for g in range(3))).statistic
    assert rank.epsilon_squared(values, codes, 3) == pytest.approx(h / 59, rel=1e-12)


def test_epsilon_squared_is_one_without_overlap_of_tied_groups():
    values, codes = np.array([1.0, 1, 2, 2, 3]), np.array([0, 0, 1, 1, 2])
    assert rank.epsilon_squared(values, codes, 3) == pytest.approx(1)
    assert np.isnan(rank.epsilon_squared(np.ones(4), np.array([0, 0, 1, 1]), 2))


def test_effects_are_mean_ranks(sample):
    values, codes = sample
    effects, influence = relative_effects(values, codes, 3)
    assert 43 * effects + 0.5 == pytest.approx(pairs.mean_ranks(values, codes, 3))
    assert influence.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-12)


def test_influence_is_the_slope_of_the_effect(sample):
    """The weight of a value within its group, moved a little (an independent derivation)."""
    values, codes = sample
    effects, influence = relative_effects(values, codes, 3)
    size = np.bincount(codes)
    less = (values[:, None] < values[None, :]) + 0.5 * (values[:, None] == values[None, :])

    def weighted(weights):
        share = weights / np.bincount(codes, weights)[codes]
        wins = np.array(
            [[share[codes == h] @ less[codes == h][:, codes == g] @ share[codes == g]
              for g in range(3)] for h in range(3)]
        )  # fmt: skip
        return size @ wins / 43

    assert weighted(np.ones(43)) == pytest.approx(effects)
    for row in (0, 7, 21, 42):
        step = np.zeros(43)
        step[row] = 1e-6
        slope = (weighted(1 + step) - weighted(1 - step)) / 2e-6
        assert slope == pytest.approx(influence[row], abs=1e-8)


def test_errors_of_single_values_are_those_of_brunner_and_munzel(sample):
    values, codes = sample
    use = codes < 2
    alone = (np.arange(use.sum()),)
    found = clustered_effects(values[use], codes[use], 2, alone, nested=True).dominance()
    first, second = values[codes == 0], values[codes == 1]
    theirs = pairs.dominance(first, second)
    assert found.delta == pytest.approx(theirs.delta)
    assert found.std_error == pytest.approx(theirs.std_error)
    assert found.df == pytest.approx(theirs.df)


def test_two_ways_of_clustering_are_added_and_their_intersection_taken_away(sample):
    values, codes = sample
    rng = np.random.default_rng(5)
    person, item = rng.integers(0, 8, 43), rng.integers(0, 6, 43)
    found = clustered_effects(values, codes, 3, (person, item))
    _, influence = relative_effects(values, codes, 3)
    weights = np.array([1.0, -1.0, 0.0])
    parts = []
    both = pd.Series(list(zip(person, item, strict=True))).factorize()[0]
    for cluster in (person, item, both):
        sums = pd.Series(influence @ weights).groupby(cluster).sum()
        parts.append((sums**2).sum() * len(sums) / (len(sums) - 1))
    assert found.variance(weights) == pytest.approx(
        max(parts[0] + parts[1] - parts[2], min(parts[0], parts[1]))
    )
    assert found.df == 5 * 2  # items less one, in each of two directions


def test_a_variance_is_no_less_than_the_smaller_of_two_kinds():
    of_kinds = np.array([3.0, 2.0, 7.0])[:, None, None] * np.eye(2)
    found = Effects(np.array([0.4, 0.6]), of_kinds, 9.0, np.array([5.0, 5.0]))
    assert found.variance(np.array([1.0, 0.0])) == 2
    assert found.noise(np.eye(2)) == 2
    found = replace(found, covariance=of_kinds * np.array([1, 1, 0.5])[:, None, None])
    assert found.variance(np.array([1.0, 0.0])) == pytest.approx(2)  # 1.5 is less than either
    found = replace(found, covariance=of_kinds * np.array([1, 1, 0.3])[:, None, None])
    assert found.variance(np.array([1.0, 0.0])) == pytest.approx(2.9)


def test_nested_clusters_get_satterthwaites_degrees_of_freedom():
    rng = np.random.default_rng(6)
    person = np.repeat(np.arange(12), 5)
    codes = (person >= 3).astype(int)
    values = rng.normal(size=60) + np.repeat(rng.normal(size=12), 5)
    found = clustered_effects(values, codes, 2, (person,), nested=True)
    _, influence = relative_effects(values, codes, 2)
    sums = np.bincount(person, influence[:, 0] - influence[:, 1])
    first, second = (sums[:3] ** 2).sum() * 3 / 2, (sums[3:] ** 2).sum() * 9 / 8
    assert found.df == pytest.approx((first + second) ** 2 / (first**2 / 2 + second**2 / 8))
    assert 2 <= found.df < 11
    alone = clustered_effects(values[10:], codes[10:], 2, (person[10:] - 2,), nested=True)
    assert np.isnan(alone.df)


def test_one_cluster_has_no_error(sample):
    values, codes = sample
    found = clustered_effects(values, codes, 3, (np.zeros(43, dtype=int), np.arange(43)))
    assert np.isnan(found.df)
    assert np.isnan(share_interval(found, 0.1, 0.07, 0.95)).all()


def limits_of(values, codes, k, clusters=None, **nested):
    """Interval of epsilon squared, of independent values where there are no clusters."""
    if clusters is None:
        clusters, nested = (np.arange(len(values)),), {"nested": True}
    found = clustered_effects(values, codes, k, clusters, **nested)
    ranks = stats.rankdata(values)
    share = found.share_of_ranks(ranks)
    assert share == pytest.approx(rank.epsilon_squared(values, codes, k))
    low, high = share_interval(found, share, found.variance_of_ranks(ranks) * (1 - share), 0.95)
    assert low <= share <= high
    return low, high


def test_interval_of_the_share_holds_the_truth():
    rng = np.random.default_rng(7)
    many = np.arange(300_000) % 3
    truth = rank.epsilon_squared(np.hypot(1, 0.6) * rng.normal(size=300_000) + 0.5 * many, many, 3)
    person, item = np.repeat(np.arange(20), 15), np.tile(np.arange(15), 20)
    codes = (person + item) % 3
    held = []
    for _ in range(120):
        values = rng.normal(size=300) + 0.5 * codes
        values += 0.42 * rng.normal(size=20)[person] + 0.42 * rng.normal(size=15)[item]
        low, high = limits_of(values, codes, 3, (person, item))
        held.append(low <= truth <= high)
    assert np.mean(held) >= 0.9


@pytest.mark.parametrize(("k", "size"), [(2, 12), (10, 10), (20, 10), (40, 18)])
def test_interval_of_the_share_without_an_effect_holds_zero(k, size):
    """The bias of epsilon squared grows with the groups: with 40 no interval held 0 once."""
    codes = np.repeat(np.arange(k), size)
    held = [
        limits_of(np.random.default_rng(seed).normal(size=k * size), codes, k)[0] == 0
        for seed in range(60)
    ]
    assert np.mean(held) >= 0.92


def test_interval_of_the_share_with_unequal_spread_holds_a_large_effect():
    """Log-normal values a shift apart, whose ranks have other variances than F supposes."""

    def draw(size, rng):
        codes = np.repeat([0, 1], size)
        return np.exp(rng.normal(size=2 * size)) + 1.2 * codes, codes

    rng = np.random.default_rng(1)
    truth = rank.epsilon_squared(*draw(200_000, rng), 2)
    limits = [limits_of(*draw(30, rng), 2) for _ in range(100)]
    assert np.mean([low <= truth <= high for low, high in limits]) >= 0.88


def test_interval_of_equal_spread_is_that_of_the_noncentral_f():
    """Without clusters and with little effect: noncentral F of the ranks, as for eta squared."""
    rng = np.random.default_rng(5)
    codes = np.repeat(np.arange(4), 30)
    values = rng.normal(size=120) + 0.15 * codes
    share = rank.epsilon_squared(values, codes, 4)
    f = share / (1 - share) * 116 / 3
    _, *theirs = partial_eta_squared(f, 3, 116, 0.95)
    assert limits_of(values, codes, 4) == pytest.approx(theirs, abs=0.012)


@pytest.mark.parametrize("df", [8.0, 40.0, np.inf])
def test_limits_of_two_groups_are_those_of_t(df):
    """B is the squared difference; its root lies between the limits of Student's t."""
    error, gap, n = 0.01, 0.1, 4000
    found = Effects(np.array([0.0, gap]), np.eye(2)[None] * error**2 / 2, df, np.full(2, n / 2))
    within = 1.0
    low, high = share_interval(found, gap**2 / 4, within, 0.95)
    reach = stats.t.ppf(0.975, df) * error
    limits = [(gap + sign * reach) ** 2 / 4 for sign in (-1, 1)]
    assert [low, high] == pytest.approx([x / (x + within) for x in limits], rel=0.03)


def test_groups_apart_have_no_interval():
    values, codes = np.arange(12.0), np.repeat([0, 1], 6)
    found = clustered_effects(values, codes, 2, (np.arange(12),), nested=True)
    assert np.isnan(share_interval(found, 0.75, 0.02, 0.95)).all()


def test_statistics_of_arrangements_are_those_of_a_loop(sample):
    values, codes = sample
    ranks = stats.rankdata(values)
    rng = np.random.default_rng(8)
    arrangements = np.array([rng.permutation(codes) for _ in range(6)])
    row = np.arange(43)
    h = between_statistic(ranks, row, 3)(arrangements)[:, 0]
    for one, found in zip(arrangements, h, strict=True):
        theirs = stats.kruskal(*(values[one == g] for g in range(3))).statistic
        assert found == pytest.approx(theirs)
    pair = codes < 2
    two = (arrangements[:, pair] > 0).astype(int)
    variance = ranks.var(ddof=1)
    z = difference_statistic(ranks[pair], np.arange(pair.sum()), variance, "greater")(two)[:, 0]
    less = difference_statistic(ranks[pair], np.arange(pair.sum()), variance, "less")(two)[:, 0]
    assert less == pytest.approx(-z)
    own = pairs.dunn(values, codes, 3)
    observed = codes[pair][None, :]
    found = difference_statistic(ranks[pair], np.arange(pair.sum()), variance)(observed)[0, 0]
    assert found == pytest.approx(abs(own.z[0]))


@pytest.mark.parametrize("k", [2, 3])
def test_robust_statistic_is_the_clustered_wald_test_of_statsmodels(k):
    rng = np.random.default_rng(9)
    size = rng.integers(2, 9, 15)
    person = np.repeat(np.arange(15), size)
    traits = np.arange(15) % k
    values = rng.normal(size=len(person)) + rng.normal(size=15)[person]
    ranks = stats.rankdata(values)
    for trait in (traits, rng.permutation(traits)):
        design = sm.add_constant(np.eye(k)[trait[person]][:, 1:])
        fit = sm.OLS(ranks, design).fit(
            cov_type="cluster",
            cov_kwds={"groups": person, "use_correction": False, "df_correction": False},
        )
        wald = fit.wald_test(np.eye(k)[1:], scalar=True, use_f=False).statistic
        found = robust_statistic(ranks, person, k)(trait[None, :])[0, 0]
        assert found == pytest.approx(wald, rel=1e-9)
        if k == 2:
            t = robust_statistic(ranks, person, 2, "greater")(trait[None, :])[0, 0]
            assert t == pytest.approx(-fit.tvalues[1], rel=1e-9)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("twice", [False, True])
def test_crossed_ranks_are_the_two_way_clustered_wald_test_of_statsmodels(k, twice):
    rng = np.random.default_rng(12)
    person, item = np.repeat(np.arange(16), 12), np.tile(np.arange(12), 16)
    if twice:
        person, item = np.tile(person, 2), np.tile(item, 2)
    codes = rng.integers(0, k, len(person))
    values = rng.normal(size=len(person)) + 3 * rng.normal(size=(16, k))[person, codes]
    values += 3 * rng.normal(size=(12, k))[item, codes]
    ranks = stats.rankdata(values)
    fit = sm.OLS(ranks, sm.add_constant(np.eye(k)[codes][:, 1:])).fit(
        cov_type="cluster",
        cov_kwds={
            "groups": np.stack([person, item], axis=1),
            "use_correction": False,
            "df_correction": False,
        },
    )
    wald = fit.wald_test(np.eye(k)[1:], scalar=True, use_f=False).statistic
    row = np.arange(len(person))
    found = CrossedRanks(ranks, row, k, (person, item))(codes[None, :])[0, 0]
    assert found == pytest.approx(wald, rel=1e-6)
    if k == 2:
        t = CrossedRanks(ranks, row, 2, (person, item), "greater")(codes[None, :])[0, 0]
        assert t == pytest.approx(-fit.tvalues[1], rel=1e-6)


@pytest.mark.parametrize("balanced", [True, False])
def test_variance_between_people_is_raised_to_what_their_reactions_make(balanced):
    """Expectations by matrices: 30 people react to 3 groups, 12 of them meet each of 40 items."""
    rng = np.random.default_rng(8)
    item = np.repeat(np.arange(40), 12)
    person = np.concatenate([rng.permutation(30)[:12] for _ in range(40)])
    codes = np.concatenate([rng.permutation(np.arange(12) % 3) for _ in range(40)])
    if not balanced:
        codes = rng.integers(0, 3, 480)
    rows, groups = np.arange(480), np.eye(3)[codes]
    left = np.eye(480) - np.eye(40)[item] @ linalg.pinv(np.eye(40)[item])
    reactions = np.zeros((480, 90))
    reactions[rows, 3 * person + codes] = 1
    kept = left @ reactions
    weights = groups / groups.sum(axis=0)  # means of groups, and their differences
    weights = weights[:, :-1] - weights[:, -1:]
    true = np.trace(weights.T @ kept @ kept.T @ weights)
    alike = kept @ kept.T
    own = (person[:, None] == person) & (rows[:, None] != rows)
    estimated = np.trace(weights.T @ (alike * own) @ weights)
    single = np.trace(weights.T @ (alike * np.eye(480)) @ weights)
    factor = raised_by(item, codes, 3)
    assert single + factor * estimated == pytest.approx(true, rel=0.02 if balanced else 0.06)
    assert factor == pytest.approx((12 / 11) ** 2 if balanced else 1, abs=0.03)


def test_rows_that_are_alone_in_their_strata_raise_nothing():
    codes = np.array([0, 1, 0, 1])
    assert raised_by(np.arange(4), codes, 2) == 1
    assert raised_by(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), 2) == 1


def test_what_participants_add_is_raised():
    rng = np.random.default_rng(5)
    person, item, row = np.repeat(np.arange(10), 12), np.tile(np.arange(12), 10), np.arange(120)
    codes = rng.permutation(row % 2)
    ranks = stats.rankdata(rng.normal(size=(10, 2))[person, codes] + rng.normal(size=120))

    def variance(first, second, raised=1.0):  # of a difference of 1
        found = CrossedRanks(ranks, row, 2, (first, second), "greater", raised)
        return 1 / found(codes[None])[0, 0] ** 2

    people, items, alone = variance(person, row), variance(row, item), variance(row, row)
    assert variance(person, item, 1.3) == pytest.approx(1.3 * (people - alone) + items, rel=1e-6)


def test_crossed_errors_are_no_smaller_than_a_part_of_those_of_independent_rows():
    """Ranks that lie in the same order in each cluster: what clusters add up to is nothing."""
    person, item = np.repeat(np.arange(9), 9), np.tile(np.arange(9), 9)
    codes = (person + item) % 3
    ranks = stats.rankdata((person + 2 * item) % 9 + 0.01 * np.arange(81))
    row = np.arange(81)
    found = CrossedRanks(ranks, row, 3, (person, item))(codes[None, :])[0, 0]
    weight = np.array([1 / (((r := ranks[codes == g]) - r.mean()) ** 2).sum() for g in range(3)])
    weight *= 27**2 / 0.25
    means = np.array([ranks[codes == g].mean() for g in range(3)])
    assert found == pytest.approx(
        (weight * (means - weight @ means / weight.sum()) ** 2).sum(), rel=1e-6
    )


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_wald_is_taken_along_the_axes_of_both_covariances(k):
    rng = np.random.default_rng(k)
    whole, least = (a @ a.transpose(0, 2, 1) for a in rng.normal(size=(2, 20, k - 1, k + 1)))
    whole[:10] /= 20  # so that the floor holds in some directions
    gaps = rng.normal(size=(20, k - 1))
    expected = []
    for gap, a, b in zip(gaps, whole, least, strict=True):
        values, axes = linalg.eigh(a, b)  # axes.T @ b @ axes is the identity
        expected.append(((axes.T @ gap) ** 2 / np.maximum(values, rank.FLOOR)).sum())
    np.testing.assert_allclose(rank.wald(gaps, whole, least), expected, rtol=1e-9)


def test_groups_without_spread_have_the_least_variance():
    codes = np.repeat([0, 1], [6, 9])
    ranks, row = stats.rankdata(codes), np.arange(15)
    least = rank.LEAST * ranks.var() * (1 / 6 + 1 / 9)
    assert robust_statistic(ranks, row, 2)(codes[None]) == pytest.approx(7.5**2 / least, rel=1e-3)
    found = CrossedRanks(ranks, row, 2, (row, row % 5))(np.stack([codes] * 3))
    assert found.shape == (3, 1)
    assert found == pytest.approx(7.5**2 / (rank.FLOOR * least), rel=1e-3)


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize(("f", "df", "df_denom"), [(6.0, 1, 40), (4.6, 2, 30), (60.0, 3, 25)])
def test_limits_of_noncentrality_put_f_at_its_quantiles(f, df, df_denom, level):
    for limit, tail in zip(
        rank.noncentral_f_interval(f, df, df_denom, level),
        ((1 + level) / 2, (1 - level) / 2),
        strict=True,
    ):
        assert stats.ncf.cdf(f, df, df_denom, limit) == pytest.approx(tail, rel=1e-9)


@pytest.mark.parametrize(("origin", "unit"), [(0, 1), (1e8, 1), (0, 1e200), (0, 1e-300), (0, 0)])
def test_standard_deviation_in_any_unit_and_origin(origin, unit):
    numbers = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    values = (numbers + origin) * unit
    expected = np.std(numbers, ddof=1) * unit
    assert rank.standard_deviation(values) == pytest.approx(expected, rel=1e-12, abs=0)
    assert np.isnan(rank.standard_deviation(values[:1]))

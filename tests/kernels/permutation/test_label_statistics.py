from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from muvistats.kernels.permutation.arrangements import (
    all_arrangements,
    conditional_test,
    shrunken_residuals,
)
from muvistats.kernels.permutation.label_statistics import (
    ConditionalStatistic,
    CrossedStatistic,
    UnitStatistic,
    arrangement_sd,
)


@pytest.fixture
def people():
    rng = np.random.default_rng(3)
    counts = rng.poisson(4, (9, 5)).astype(float)
    return counts, np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])


def test_whole_is_the_chi_square_of_the_counts(people):
    counts, codes = people
    one = np.zeros(9, dtype=np.intp)
    statistic = UnitStatistic(counts, one, codes, 2)
    for arrangement in all_arrangements(codes, one)[:20]:
        table = np.stack([counts[arrangement == g].sum(axis=0) for g in range(2)])
        expected = stats.chi2_contingency(table, correction=False)
        found = statistic(arrangement[None, :])[0]
        assert found[0] == pytest.approx(expected.statistic)
        deviation = statistic.deviations(arrangement[None, :])[0]
        assert deviation == pytest.approx(table - expected.expected_freq)
        share = table.sum(axis=0) / table.sum()
        v = counts - counts.sum(axis=1, keepdims=True) * share
        t = stats.ttest_ind(v[arrangement == 0], v[arrangement == 1], equal_var=False)
        assert found[1:6] == pytest.approx(np.abs(t.statistic))
        assert statistic.residuals(arrangement[None, :])[0, 1] == pytest.approx(-t.statistic)


def test_standard_deviation_over_all_arrangements(people):
    counts, codes = people
    strata = np.array([0, 0, 1, 1, 0, 0, 1, 1, 1])
    statistic = UnitStatistic(counts, strata, codes, 2)
    every = all_arrangements(codes, strata)
    sums = statistic.deviations(every)
    assert sums.mean(axis=0) == pytest.approx(np.zeros((2, 5)), abs=1e-9)
    assert sums.std(axis=0) == pytest.approx(statistic.null_sd)
    assert arrangement_sd(statistic.excess, strata, codes, 2) == pytest.approx(statistic.null_sd)


@pytest.mark.parametrize("codes", [[1, 0, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 2, 2, 2, 2]])
def test_a_single_unit_is_measured_by_arrangements(people, codes):
    counts, codes = people[0], np.array(codes)
    statistic = UnitStatistic(counts, np.zeros(9, dtype=np.intp), codes, int(codes.max()) + 1)
    ratio = statistic.deviations(codes[None, :])[0] / statistic.null_sd
    assert statistic.residuals(codes[None, :])[0] == pytest.approx(ratio)


def test_all_items_may_be_one_stratum():
    item, participant = (axis.ravel() for axis in np.indices((6, 7)))
    values, codes = np.random.default_rng(2).normal(size=(42, 3)), item % 2
    one, row = np.zeros(42, dtype=np.intp), np.arange(42)
    statistic = CrossedStatistic(values, row, one, item, participant, codes, 2)
    assert np.isfinite(statistic(codes[None])).all()


def test_a_single_item_that_both_groups_met_is_enough():
    item, participant = (axis.ravel() for axis in np.indices((6, 7)))
    values, codes = np.random.default_rng(2).normal(size=(42, 3)), (item > 2).astype(int)
    codes[0] = 1  # spread within items: 6/7, below 1
    statistic = CrossedStatistic(values, np.arange(42), item, item, participant, codes, 2)
    assert (statistic(codes[None]) > 0).all()


def crossed(n_groups: int) -> tuple[CrossedStatistic, dict[str, np.ndarray]]:
    rng = np.random.default_rng(5)
    item, participant = (axis.ravel() for axis in np.indices((6, 7)))
    codes = rng.permuted(np.tile(np.arange(7) % n_groups, (6, 1)), axis=1).ravel()
    values = rng.normal(size=(42, 3)) + participant[:, None]
    parts = {"item": item, "participant": participant, "codes": codes, "values": values}
    made = CrossedStatistic(values, np.arange(42), item, item, participant, codes, n_groups)
    return made, parts


@pytest.mark.parametrize("n_groups", [2, 3])
def test_crossed_residuals_by_hand(n_groups):
    statistic, parts = crossed(n_groups)
    dummies = [np.eye(k)[parts[name]] for name, k in (("item", 6), ("participant", 7))]
    y = parts["values"]
    r, weight = shrunken_residuals(y, parts["item"], parts["participant"])
    assert statistic.values == pytest.approx(r)
    found = statistic.residuals(parts["codes"][None, :])[0]
    for g in range(n_groups):
        z = (parts["codes"] == g).astype(float)
        expected = dummies[0] @ (dummies[0].T @ z / 7)
        inside = z - expected
        u = inside[:, None] * r
        people, items = (((d.T @ u) ** 2).sum(axis=0) for d in dummies[::-1])
        s = z.mean()
        weights = (1 - 2 * s) * z + 2 * s * expected - expected**2
        single = weights @ r**2
        variance = single + (people - single) / (1 - 6 / 42)
        variance = variance + (items - single) / (1 - weight.sum(axis=0) / 42)
        variance = np.maximum(variance, 0.3 * np.maximum(people, items))
        taken = ((dummies[1].T @ inside) ** 2)[:, None] * weight / 6
        left = 1 - taken.sum(axis=0) / (inside**2).sum()
        assert found[g] == pytest.approx(u.sum(axis=0) / np.sqrt(variance * left))
    whole = statistic(parts["codes"][None, :])[0]
    assert whole[0] == pytest.approx((found**2).sum())
    assert whole[1:] == pytest.approx(np.abs(found).ravel())


def conditional(n_groups: int, n: int = 60):
    rng = np.random.default_rng(8)
    p = rng.dirichlet([2, 3, 1][:n_groups], size=n)
    codes = np.array([rng.choice(n_groups, p=row) for row in p])
    clusters = (rng.integers(0, 9, n), np.arange(n) % 7)
    values = rng.normal(size=(n, 4))
    return ConditionalStatistic(values, p, codes, clusters), p, codes, values, clusters


@pytest.mark.parametrize("n_groups", [2, 3])
def test_conditional_residuals_by_hand(n_groups):
    statistic, p, codes, values, clusters = conditional(n_groups)
    found = statistic.residuals(codes[None, :])[0]
    for g in range(n_groups):
        u = ((codes == g) - p[:, g])[:, None] * values
        people, items = (((np.eye(9)[c].T @ u) ** 2).sum(axis=0) for c in clusters)
        single = (u**2).sum(axis=0)
        more = (people - single) / (1 - 7 / 60) + (items - single) / (1 - 9 / 60)
        variance = np.maximum(single + more, 0.3 * np.maximum(people, items))
        assert found[g] == pytest.approx(u.sum(axis=0) / np.sqrt(variance))
        assert statistic.deviations(codes[None, :])[0, g] == pytest.approx(u.sum(axis=0))


def test_conditional_deviations_have_mean_0_and_the_stated_spread():
    statistic, p, *_ = conditional(3)
    rng = np.random.default_rng(1)
    draws = (rng.random((20_000, 60))[..., None] > np.cumsum(p, axis=1)[:, :2]).sum(axis=2)
    deviations = statistic.deviations(draws)
    assert deviations.mean(axis=0) == pytest.approx(np.zeros((3, 4)), abs=0.1)
    assert deviations.std(axis=0) == pytest.approx(statistic.null_sd, rel=0.03)


def test_conditional_p_is_that_of_a_plain_loop():
    statistic, p, codes, *_ = conditional(2, 40)
    test = conditional_test(
        statistic, codes, p, n_resamples=4000, rng=np.random.default_rng(1), apart=1
    )
    q, rng = p[:, 1], np.random.default_rng(4)

    def plain(drawn: np.ndarray) -> np.ndarray:
        z = np.stack([1 - drawn, drawn], axis=1)
        out = statistic.residuals(z[:, 1].astype(np.intp)[None, :])[0, 1]
        return np.array([2 * (out**2).sum(), *np.abs(out)])

    observed = plain(codes)
    draws = np.array([plain((rng.random(40) < q).astype(float)) for _ in range(4000)])
    share = (draws >= observed - 1e-12).mean(axis=0)
    largest = (draws[:, 1:].max(axis=1)[:, None] >= observed[1:] - 1e-12).mean(axis=0)
    assert test.p_value[:5] == pytest.approx(share, abs=0.03)
    assert test.p_max[1:5] == pytest.approx(largest, abs=0.03)
    assert test.p_max[0] == test.p_value[0]

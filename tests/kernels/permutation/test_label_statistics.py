from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from muvistats.kernels.permutation.arrangements import all_arrangements, conditional_test
from muvistats.kernels.permutation.label_statistics import (
    ConditionalStatistic,
    CrossedStatistic,
    UnitStatistic,
    arrangement_sd,
    members,
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


def test_a_single_unit_is_measured_by_arrangements(people):
    counts, _ = people
    codes = np.array([1, 0, 0, 0, 0, 0, 0, 0, 0])
    statistic = UnitStatistic(counts, np.zeros(9, dtype=np.intp), codes, 2)
    ratio = statistic.deviations(codes[None, :])[0] / statistic.null_sd
    assert statistic.residuals(codes[None, :])[0] == pytest.approx(ratio)


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
    both = np.concatenate(dummies, axis=1)
    r = parts["values"] - both @ np.linalg.lstsq(both, parts["values"], rcond=None)[0]
    found = statistic.residuals(parts["codes"][None, :])[0]
    for g in range(n_groups):
        z = (parts["codes"] == g).astype(float)
        u = z[:, None] * r
        people, items = (((d.T @ u) ** 2).sum(axis=0) for d in dummies[::-1])
        single = ((z - z.mean())[:, None] ** 2 * r**2).sum(axis=0)
        variance = single + (people - single) * 7 / 6
        variance = variance + (items - single) * 6 / 5
        variance = np.maximum(variance, 0.3 * np.maximum(people, items))
        inside = z - dummies[0] @ (dummies[0].T @ z / 7)
        left = 1 - ((dummies[1].T @ inside) ** 2 / 6).sum() / (inside**2).sum()
        assert found[g] == pytest.approx(u.sum(axis=0) / np.sqrt(variance * left))
    whole = statistic(parts["codes"][None, :])[0]
    assert whole[0] == pytest.approx((found**2).sum())
    assert whole[1:] == pytest.approx(np.abs(found).ravel())


def test_conditional_residuals_have_mean_0_and_variance_1():
    rng = np.random.default_rng(8)
    p = rng.dirichlet([2, 3, 1], size=60)
    codes = np.array([rng.choice(3, p=row) for row in p])
    values = rng.normal(size=(60, 4))
    statistic = ConditionalStatistic(values, p, codes)
    draws = (rng.random((20_000, 60))[..., None] > np.cumsum(p, axis=1)[:, :2]).sum(axis=2)
    residuals = statistic.residuals(draws)
    assert residuals.mean(axis=0) == pytest.approx(np.zeros((3, 4)), abs=0.04)
    assert residuals.var(axis=0) == pytest.approx(np.ones((3, 4)), abs=0.06)
    plain = sum((codes == 1)[a] * values[a] - p[a, 1] * values[a] for a in range(60))
    assert statistic.deviations(codes[None, :])[0, 1] == pytest.approx(plain)


def test_conditional_p_is_that_of_a_plain_loop():
    rng = np.random.default_rng(4)
    p = np.column_stack([1 - (q := rng.uniform(0.1, 0.9, 30)), q])
    codes = (rng.random(30) < q).astype(np.intp)
    values = rng.normal(size=(30, 2)) + 0.8 * codes[:, None]
    statistic = ConditionalStatistic(values, p, codes)
    test = conditional_test(
        statistic, codes, p, n_resamples=4000, rng=np.random.default_rng(1), apart=1
    )

    def plain(drawn: np.ndarray) -> np.ndarray:
        spread = np.sqrt((q * (1 - q)) @ values**2)
        z = (drawn - q) @ values / spread
        return np.array([2 * (z**2).sum(), *np.abs(z)])

    observed = plain(codes)
    draws = np.array([plain(rng.random(30) < q) for _ in range(4000)])
    share = (draws >= observed).mean(axis=0)
    largest = (draws[:, 1:].max(axis=1)[:, None] >= observed[1:]).mean(axis=0)
    assert test.p_value[:3] == pytest.approx(share[[0, 1, 2]], abs=0.03)
    assert test.p_max[1:3] == pytest.approx(largest, abs=0.03)
    assert test.p_max[0] == test.p_value[0]


def test_members_pads_with_the_number_of_rows():
    assert members(np.array([1, 0, 1, 1])).tolist() == [[1, 4, 4], [0, 2, 3]]

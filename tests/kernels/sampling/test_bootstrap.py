"""Bootstrap of finished values against weights that are written out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from muvistats.kernels.sampling import bootstrap
from muvistats.kernels.sampling.bootstrap import (
    bootstrap_means,
    bootstrap_sums,
    percentile_interval,
)


@pytest.fixture
def crossed():
    rng = np.random.default_rng(0)
    n = 60
    return rng.normal(size=n), rng.integers(0, 8, n), rng.integers(0, 6, n), rng.integers(0, 2, n)


@pytest.mark.parametrize("both", [True, False])
def test_a_value_counts_as_often_as_its_units_together(crossed, both):
    values, items, people, groups = crossed
    units = (items, people) if both else (items,)
    ours = bootstrap_means(
        values, units, groups=groups, n_groups=2, n_resamples=30, rng=np.random.default_rng(5)
    )
    rng = np.random.default_rng(5)
    sizes = [len(set(u)) for u in units]
    chosen = [rng.integers(k, size=(30, k), dtype=np.int32) for k in sizes]
    drawn = [
        [np.bincount(row, minlength=k) for row in rows]
        for rows, k in zip(chosen, sizes, strict=True)
    ]
    for r in range(30):
        weight = np.prod([d[r][u] for d, u in zip(drawn, units, strict=True)], axis=0)
        for group in (0, 1):
            use = groups == group
            expected = np.average(values[use], weights=weight[use])
            assert_allclose(ours[r, group], expected, rtol=1e-12)


def test_ratios_of_sums_are_those_of_means_whatever_is_zero(crossed):
    values, items, people, groups = crossed
    few = np.where(values > 0.5, 1.0, 0.0)

    def drawn(function, numbers, units, groups, n_groups):
        rng = np.random.default_rng(3)
        return function(numbers, units, groups=groups, n_groups=n_groups, n_resamples=40, rng=rng)

    one, other = (drawn(bootstrap_means, v, (items, people), groups, 2) for v in (few, 2 - few))
    sums = drawn(
        bootstrap_sums,
        np.concatenate([few, 2 - few]),
        (np.tile(items, 2), np.tile(people, 2)),
        np.concatenate([groups, groups + 2]),
        4,
    )
    assert_allclose(sums[:, :2] / sums[:, 2:], one / other, rtol=1e-12)


@pytest.mark.parametrize("counted", [1, 17, 65_536])
def test_units_come_as_often_as_multinomial_numbers(counted, monkeypatch):
    monkeypatch.setattr(bootstrap, "_COUNTED", counted)
    k, n = 5, 40_000
    often = bootstrap._drawn(k, n, np.random.default_rng(3))
    assert often.shape == (k, n)
    assert (often.sum(axis=0) == k).all()
    assert_allclose(often.mean(axis=1), 1, atol=0.02)
    expected = (np.eye(k) - 1 / k) * 1.0  # k draws: k (p - p^2) = 1 - 1/k, and -k p^2 = -1/k
    assert_allclose(np.cov(often), expected, atol=0.03)
    # never drawn: (1 - 1/k)^k
    assert_allclose((often == 0).mean(axis=1), (1 - 1 / k) ** k, atol=0.01)


def test_a_group_that_is_not_drawn_is_missing():
    draws = bootstrap_means(
        np.arange(3.0),
        (np.arange(3),),
        groups=np.arange(3),
        n_groups=3,
        n_resamples=200,
        rng=np.random.default_rng(0),
    )
    assert 0.2 < np.isnan(draws[:, 0]).mean() < 0.4  # (2 / 3)^3
    assert set(draws[~np.isnan(draws[:, 1]), 1]) == {1.0}
    low, _ = percentile_interval(draws, 0.95)
    assert np.isnan(low).all()


def test_batches_are_of_one_piece(crossed, monkeypatch):
    values, items, people, _ = crossed
    kwargs = {"groups": np.zeros(60, dtype=int), "n_groups": 1, "n_resamples": 7}
    monkeypatch.setattr(bootstrap, "_BATCH", 14)
    many = bootstrap_means(values, (items, people), rng=np.random.default_rng(1), **kwargs)
    assert many.shape == (7, 1)
    assert np.isfinite(many).all()


def test_pigeonhole_is_wider_than_either(crossed):
    _, items, people, _ = crossed
    effects = np.linspace(-2, 2, 8)[items] + np.linspace(-2, 2, 6)[people]
    widths = []
    for units in ((items,), (people,), (items, people)):
        draws = bootstrap_means(
            effects,
            units,
            groups=np.zeros(60, dtype=int),
            n_groups=1,
            n_resamples=2000,
            rng=np.random.default_rng(2),
        )
        widths.append(draws.std())
    assert_allclose(widths[2] ** 2, widths[0] ** 2 + widths[1] ** 2, rtol=0.25)


def test_no_draws_give_no_limits():
    for shape in ((0,), (0, 3)):
        low, high = percentile_interval(np.empty(shape), 0.95)
        assert low.shape == high.shape == shape[1:]
        assert np.isnan(low).all()
        assert np.isnan(high).all()


def test_limits_need_nine_draws_in_ten():
    draws = np.arange(40.0).reshape(10, 4)
    draws[:1, 1] = draws[:2, 2] = draws[:, 3] = np.nan
    low, high = bootstrap.percentile_interval(draws, 0.5)
    assert np.isfinite([low[:2], high[:2]]).all()
    assert np.isnan([low[2:], high[2:]]).all()
    assert_allclose([low[0], high[0]], np.quantile(draws[:, 0], [0.25, 0.75]))

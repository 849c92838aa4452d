"""Arrangements that are dealt: what they keep, and the same statistics as one by one."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import stats

from muvistats.kernels.permutation.arrangements import dense_codes, permutation_test
from muvistats.kernels.permutation.dealt import Deal, _type, dealt_draws
from muvistats.kernels.permutation.label_statistics import CrossedStatistic
from muvistats.kernels.ranks.effects import CrossedRanks


def study(k: int, *, twice: bool = False):
    """People who rate some of 60 items; each item's raters, or one person's trials, are moved."""
    rng = np.random.default_rng(k)
    item, person = (
        np.repeat(np.arange(60), 12),
        np.concatenate([rng.choice(17, 12, replace=twice) for _ in range(60)]),
    )
    codes = rng.permuted(np.tile(np.arange(12) % k, (60, 1)), axis=1).ravel()
    values = rng.normal(size=(720, 4)) + rng.normal(size=(17, k))[person, codes][:, None]
    return item, person, codes, values, rng


def test_arrangements_keep_the_groups_of_each_stratum_and_favour_no_unit():
    rng = np.random.default_rng(3)
    strata = rng.permutation(np.repeat(np.arange(40), rng.integers(1, 9, 40)))
    codes = rng.integers(0, 3, len(strata))
    deal = Deal(codes, strata, strata, 4000, rng)
    assert deal.n_bundles * deal.n_cards > 4000  # more cards than arrangements
    dealt = deal.codes(slice(0, 4000)).T
    for stratum in range(40):
        where = strata == stratum
        drawn = np.eye(3)[dealt[:, where]]
        assert (drawn.sum(axis=1) == np.eye(3)[codes[where]].sum(axis=0)).all()
        share = np.eye(3)[codes[where]].mean(axis=0)
        assert drawn.mean(axis=0) == pytest.approx(np.tile(share, (where.sum(), 1)), abs=0.04)


def test_units_of_a_block_share_their_cards():
    """Two strata of one block, and one of another: what is joined is joined in each draw."""
    rng = np.random.default_rng(5)
    strata, codes = np.repeat(np.arange(80), 4), np.tile([0, 1, 2, 3], 80)
    deal = Deal(codes, strata, strata // 2, 600, rng)
    dealt = deal.codes(slice(0, 600)).reshape(40, 8, 600)
    for block in dealt[:3]:
        assert len(np.unique(block, axis=1).T) <= deal.n_cards
    assert len(np.unique(dealt.reshape(320, 600), axis=1).T) == 600


@pytest.mark.parametrize(("k", "twice"), [(2, False), (3, False), (3, True)])
def test_ranks_of_a_deal_are_those_of_its_arrangements(k, twice):
    item, person, codes, values, rng = study(k, twice=twice)
    ranks = stats.rankdata(values[:, 0])
    deal = Deal(codes, item, item, 600, rng)
    for alternative in (None, "greater") if k == 2 else (None,):
        statistic = CrossedRanks(ranks, np.arange(720), k, (person, item), alternative, 1.3)
        each = statistic(deal.codes(slice(0, 600)).T)
        assert statistic.dealt(deal) == pytest.approx(each, rel=2e-3, abs=2e-3)


@pytest.mark.parametrize("k", [2, 3])
def test_labels_of_a_deal_are_those_of_its_arrangements(k):
    item, person, codes, values, rng = study(k)
    statistic = CrossedStatistic(values, np.arange(720), item, item, person, codes, k)
    deal = Deal(codes, item, item, 600, rng)
    each = statistic(deal.codes(slice(0, 600)).T)
    assert statistic.dealt(deal) == pytest.approx(each, rel=2e-3, abs=2e-3)


@pytest.mark.parametrize("statistic_of", ["ranks", "labels"])
def test_arrangements_are_never_held_all_at_once(statistic_of):
    rng = np.random.default_rng(2)
    n, n_resamples = 24_000, 3999
    item, person = np.repeat(np.arange(n // 12), 12), rng.integers(0, 400, n)
    codes = np.tile([0, 1, 2], n // 3)
    values = rng.normal(size=(n, 2))
    statistic = (
        CrossedRanks(values[:, 0], np.arange(n), 3, (person, item))
        if statistic_of == "ranks"
        else CrossedStatistic(values, np.arange(n), item, item, person, codes, 3)
    )
    tracemalloc.start()
    test = permutation_test(statistic, codes, item, n_resamples=n_resamples, rng=rng)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert test.n_resamples == n_resamples
    assert peak < n * n_resamples  # a byte for each code


class Sum:
    """Size of the sum of the values of one of two groups."""

    def __init__(self, values, inside):
        self.values, self.inside = values, inside

    def __call__(self, codes):
        return np.abs((codes - 0.5) @ self.values)[:, None]

    def dealt(self, deal):
        row = np.arange(len(self.values))
        table = np.zeros((deal.n_bundles, deal.n_cards, 1))
        for number, part in deal.within(self.values[:, None], row, self.inside, 2):
            table[number] += part.sums[0, :, 0].sum(axis=1)[:, None]
        sums = deal.drawn(table)
        return np.abs(self.values.sum() / 2 - sums)


def test_dealt_p_is_that_of_the_normal_limit():
    rng = np.random.default_rng(6)
    strata = np.repeat(np.arange(600), 12)
    codes, values = np.tile([0, 1], 3600), rng.normal(size=7200)
    values += 0.04 * codes
    statistic = Sum(values, strata)
    test = permutation_test(statistic, codes, strata, n_resamples=9999, rng=rng)
    inside = values - (values.reshape(600, 12).mean(axis=1))[strata]
    z = statistic(codes[None, :])[0, 0] / np.sqrt((inside**2).sum() / 4 * 12 / 11)
    assert test.p_value[0] == pytest.approx(2 * stats.norm.sf(z), abs=0.015)


@pytest.mark.parametrize("n_strata", [30, 39, 40, 400])
def test_few_blocks_are_not_dealt(n_strata):
    strata = np.repeat(np.arange(400), 50)
    inside = strata % n_strata
    codes, rng = np.tile([0, 1], 10_000), np.random.default_rng(1)
    found = dealt_draws(Sum(np.ones(20_000), dense_codes(inside)), codes, strata, 600, rng)
    assert (found is None) == (n_strata < 40)


@pytest.mark.parametrize(
    ("largest", "kind"), [(127, "int8"), (128, "int16"), (32_767, "int16"), (32_768, "int32")]
)
def test_codes_fit_into_their_type(largest, kind):
    assert _type(np.array([0, largest])) == kind

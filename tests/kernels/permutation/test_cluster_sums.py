from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from muvistats.kernels.permutation.arrangements import Decks, permutation_test
from muvistats.kernels.permutation.cluster_sums import ClusterSums


@pytest.mark.parametrize(("n", "k"), [(60, 2), (60, 3), (5000, 3)])
def test_sums_are_those_of_plain_loops(n, k):
    rng = np.random.default_rng(n + k)
    values, expected = rng.normal(size=(n, 4)), rng.dirichlet(np.ones(k), n)
    people, items = np.sort(rng.zipf(1.5, n) % 11), rng.integers(0, n // 6, n)
    people, items = (np.unique(codes, return_inverse=True)[1] for codes in (people, items))
    unit, weight = np.arange(n) // 2, rng.random((people.max() + 1, 4))
    codes = rng.integers(0, k, (300, unit.max() + 1)).astype(np.int8)
    found = ClusterSums(values, expected, unit, [people, items], weight)(codes)
    for a in (0, 299):
        z = np.eye(k)[codes[a, unit]]
        for g in range(k):
            parts = (z - expected)[:, g, None] * values
            assert found.total[a, g] == pytest.approx(parts.sum(axis=0), rel=1e-3, abs=1e-3)
            for by, cluster in zip(found.by, (people, items), strict=True):
                sums = np.stack([np.bincount(cluster, part) for part in parts.T], axis=1)
                assert by[a, g] == pytest.approx((sums**2).sum(axis=0), rel=1e-4)
            own = np.bincount(people, (z - expected)[:, g])
            assert found.taken[a, g] == pytest.approx(own**2 @ weight, rel=1e-4)
            e, s = expected[:, g], expected[:, g].mean()
            single = ((1 - 2 * s) * z[:, g] + 2 * s * e - e**2) @ values**2
            assert found.single[a, g] == pytest.approx(single, rel=1e-4)


def test_one_arrangement_is_summed_in_double_precision():
    rng = np.random.default_rng(1)
    values, people = rng.normal(size=(6000, 2)), rng.integers(0, 40, 6000)
    sums = ClusterSums(values, np.full((6000, 2), 0.5), np.arange(6000), [people, people])
    codes = rng.integers(0, 2, (1, 6000))
    assert sums(codes).total[0, 1] == pytest.approx((codes[0] - 0.5) @ values, rel=1e-12)


def test_dealt_arrangements_keep_the_groups_of_each_stratum_and_favour_no_unit():
    rng = np.random.default_rng(3)
    strata = rng.permutation(np.repeat(np.arange(40), rng.integers(1, 9, 40)))
    codes = rng.integers(0, 3, len(strata))
    dealt = Decks(codes, strata, rng).deal(4000, rng)
    for stratum in range(40):
        where = strata == stratum
        drawn = np.eye(3)[dealt[:, where]]
        assert (drawn.sum(axis=1) == np.eye(3)[codes[where]].sum(axis=0)).all()
        share = np.eye(3)[codes[where]].mean(axis=0)
        assert drawn.mean(axis=0) == pytest.approx(np.tile(share, (where.sum(), 1)), abs=0.04)


def test_dealt_p_is_that_of_the_normal_limit():
    rng = np.random.default_rng(6)
    strata = np.repeat(np.arange(600), 12)
    codes, values = np.tile([0, 1], 3600), rng.normal(size=7200)
    values += 0.04 * codes

    def statistic(drawn: np.ndarray) -> np.ndarray:
        return np.abs((drawn - 0.5) @ values)[:, None]

    test = permutation_test(statistic, codes, strata, n_resamples=9999, rng=rng)
    inside = values - (values.reshape(600, 12).mean(axis=1))[strata]
    z = statistic(codes[None, :])[0, 0] / np.sqrt((inside**2).sum() / 4 * 12 / 11)
    assert test.p_value[0] == pytest.approx(2 * stats.norm.sf(z), abs=0.015)

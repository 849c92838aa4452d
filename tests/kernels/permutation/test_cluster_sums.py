from __future__ import annotations

import numpy as np
import pytest

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

"""Order statistics in passes over blocks against sorting everything."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from muvistats.kernels.sampling import quantiles
from muvistats.kernels.sampling.quantiles import (
    BinSearch,
    bin_counts,
    collect,
    merge_collected,
    quantile_ranks,
)


def in_passes(blocks, n_groups, sets, ranks):
    """Search as its user does; returns the statistics and the number of cuts."""
    search = BinSearch.start(-1.0, 1.0, n_groups)
    found = None
    while found is None:
        counts = sum(bin_counts(block, search) for block in blocks)
        search = search.cut(counts, sets, ranks)
        merge = functools.partial(merge_collected, search=search)
        found = functools.reduce(merge, [collect(block, search) for block in blocks])
    out = [search.order_statistics(found, s, r) for s, r in zip(sets, ranks, strict=True)]
    return out, search.depth


def samples(kind, n, rng):
    return {
        "smooth": lambda: rng.uniform(-1, 1, n),
        "coarse": lambda: np.round(rng.normal(scale=0.4, size=n).clip(-1, 1), 1),
        "resting": lambda: np.where(rng.random(n) < 0.7, 0.0, rng.uniform(-1, 1, n)),
        "narrow": lambda: 0.25 + 1e-9 * rng.random(n),
        "tiny": lambda: 1e-300 * rng.normal(size=n),
        "low": lambda: np.where(rng.random(n) < 0.99, -1.0, 1.0),
        "ends": lambda: rng.choice([-1.0, 1.0, 1 + 5e-10, -1 - 5e-10, -0.0, 0.0], n),
    }[kind]()


@pytest.mark.parametrize("limit", [4_000_000, 40])
@pytest.mark.parametrize("kind", ["smooth", "coarse", "resting", "narrow", "tiny", "low", "ends"])
def test_same_as_sorting(kind, limit, monkeypatch):
    monkeypatch.setattr(quantiles, "_LIMIT", limit)
    rng = np.random.default_rng(0)
    blocks = [
        [samples(kind, n, rng) for n in sizes]
        for sizes in ((200, 150, 90), (1, 0, 0), (90, 400, 500))
    ]
    groups = [np.concatenate(parts) for parts in zip(*blocks, strict=True)]
    sets = [np.arange(3), np.array([0]), np.array([1, 2])]
    ordered = [np.sort(np.concatenate([groups[g] for g in s])) for s in sets]
    ranks = [np.unique([0, len(v) // 3, len(v) // 3 + 1, len(v) - 1]) for v in ordered]
    found, depth = in_passes(blocks, 3, sets, ranks)
    for ours, rank, expected in zip(found, ranks, ordered, strict=True):
        np.testing.assert_array_equal(ours, expected[rank])
    assert (depth > 1) == (limit == 40 and kind in ("narrow", "tiny"))


def test_finer_bins_lie_in_coarser_ones():
    rng = np.random.default_rng(1)
    values = np.sort(np.concatenate([rng.uniform(-1.01, 1.01, 10_000), [-1, 0, 1]]))
    search = BinSearch.start(-1.0, 1.0, 1)
    for depth in range(1, 5):
        finer = search.place(values, depth)
        assert (np.diff(finer) >= 0).all()
        np.testing.assert_array_equal(finer >> 14, search.place(values, depth - 1))


def test_ranks_interpolate_as_numpy_does():
    values = np.sort(np.random.default_rng(2).normal(size=13))
    shares = np.array([0.0, 0.05, 0.25, 0.5, 0.95, 1.0])
    low, high, part = quantile_ranks(len(values), shares)
    ours = values[low] + (values[high] - values[low]) * part
    np.testing.assert_allclose(ours, np.quantile(values, shares), rtol=1e-12)
    assert quantile_ranks(1, shares)[1].max() == 0

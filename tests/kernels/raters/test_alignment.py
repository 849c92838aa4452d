"""Item signal: moments against every permutation, draws against moments, pairs of rows by loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from muvistats.kernels.raters.alignment import (
    item_signal,
    list_codes,
    partner_rows,
    permuted_signals,
    place,
    signal_of_blocks,
)
from muvistats.kernels.raters.rater_fit import other_means, permuted_fit, rater_fit


def every_permutation(participant):
    groups = [np.flatnonzero(participant == code) for code in np.unique(participant)]
    for parts in itertools.product(*(itertools.permutations(rows) for rows in groups)):
        yield np.concatenate(parts)


def signal_by_loops(values, item, counts):
    """Between-item sum of squares, products of rows r and s only where counts[r, s]."""
    total = 0.0
    for r, s in itertools.product(range(len(item)), repeat=2):
        if item[r] == item[s] and counts[r, s]:
            total += values[r] @ values[s] / (item == item[r]).sum()
    return total / (values**2).sum()


@pytest.mark.parametrize(
    ("sizes", "block", "seed"),
    [
        ((3, 4), (0, 1), 0),
        ((2, 3, 4), (0, 1, 2), 1),
        ((1, 4, 4), (0, 1, 2), 2),
        ((4, 3, 3), (0, 0, 1), 3),
        ((2, 3, 3), (0, 1, 1), 4),
        ((3, 3), (5, 5), 5),
    ],
)
def test_moments_are_those_of_every_permutation(sizes, block, seed):
    rng = np.random.default_rng(seed)
    block = np.array(block)
    participant = np.repeat(np.arange(len(sizes)), sizes)
    trial = np.concatenate([np.arange(size) for size in sizes])
    item = rng.integers(0, 3, len(participant))  # some people meet an item twice
    placed = place(rng.normal(size=(len(item), 2)), item, participant, trial, 0)
    same = participant[:, None] == participant
    counts = same | (block[participant][:, None] != block[participant])
    signal = item_signal(placed, block)
    everything = [
        signal_by_loops(placed.values[rows], item, counts)
        for rows in every_permutation(participant)
    ]
    assert signal.share == pytest.approx(
        signal_by_loops(placed.values, item, np.ones_like(counts)), rel=1e-12
    )
    assert signal.counted == pytest.approx(everything[0], rel=1e-12)
    assert signal.mean == pytest.approx(np.mean(everything), rel=1e-11)
    assert signal.sd == pytest.approx(np.std(everything), rel=1e-10)
    drawn = permuted_signals([placed], block, 300, np.random.default_rng(0))[:, 0]
    known = np.unique(np.round(everything, 10))
    assert np.isin(np.round(drawn, 10), known).all()
    assert len(np.unique(np.round(drawn, 10))) > 0.5 * min(len(known), 300)


def test_moments_when_a_block_moves_together():
    rng = np.random.default_rng(6)
    item = np.array([0, 1, 2, 3] * 2 + [3, 0, 2])
    participant = np.array([0] * 4 + [1] * 4 + [2] * 3)
    trial = np.array([1, 2, 3, 4] * 2 + [1, 2, 3])
    block, where = list_codes(participant, trial, item)
    assert block.tolist() == [0, 0, 1]
    placed = place(rng.normal(size=(11, 2)), item, participant, trial, 0)
    signal = signal_of_blocks(placed, block, where)
    everything = []
    for first in itertools.permutations(range(4)):
        for second in itertools.permutations(range(3)):
            rows = np.array([*first, *(4 + np.array(first)), *(8 + np.array(second))])
            everything.append(signal_by_loops(placed.values[rows], item, np.ones((11, 11))))
    assert signal.share == pytest.approx(everything[0], rel=1e-12)
    assert signal.mean == pytest.approx(np.mean(everything), rel=1e-12)
    assert signal.sd == pytest.approx(np.std(everything), rel=1e-10)


@pytest.mark.parametrize("n_people", [10, 45])  # 45 are dealt
def test_draws_have_the_exact_mean_and_sd(n_people):
    rng = np.random.default_rng(7)
    participant = np.repeat(np.arange(n_people), 12)
    trial = np.tile(np.arange(12), n_people)
    item = np.concatenate([rng.permutation(20)[:12] for _ in range(n_people)])
    values = (rng.random((len(item), 5)) < 0.3).astype(float) + 0.5 * item[:, None]
    block = np.array([0, 0, *range(1, n_people - 1)])
    placed = [place(v, item, participant, trial, 0) for v in (values, rng.random((len(item), 1)))]
    drawn = permuted_signals(placed, block, 4000, np.random.default_rng(1))
    for one, draws in zip(placed, drawn.T, strict=True):
        signal = item_signal(one, block)
        assert draws.mean() == pytest.approx(signal.mean, abs=4 * signal.sd / np.sqrt(4000))
        assert draws.std() == pytest.approx(signal.sd, rel=0.06)
    assert item_signal(placed[0], block).z > 5


def test_partners_are_the_same_persons_trial_plus_lag():
    participant = np.array([1, 0, 0, 1, 0, 1])
    trial = np.array([3, 1, 2, 1, 5, 2])
    for lag in range(-5, 6):
        expected = {
            (r, s)
            for r in range(6)
            for s in range(6)
            if participant[r] == participant[s] and trial[s] == trial[r] + lag
        }
        rows, partners = partner_rows(participant, trial, lag)
        assert set(zip(rows.tolist(), partners.tolist(), strict=True)) == expected


def test_place_leaves_out_missing_rows_and_centres_the_rest():
    values = np.array([[1.0], [np.nan], [4.0], [7.0]])
    placed = place(values, np.array([0, 1, 2, 0]), np.zeros(4, int), np.array([1, 2, 3, 4]), 1)
    # lag 1: trial 1 meets NaN, trial 2 meets 4, trial 3 meets 7, trial 4 nothing
    assert placed.position.tolist() == [1, 2]
    assert placed.item.tolist() == [1, 2]
    assert placed.values.ravel().tolist() == [-1.5, 1.5]


def test_what_has_no_variation_is_nan():
    participant, trial = np.repeat([0, 1], 3), np.tile([1, 2, 3], 2)
    item = np.array([0, 1, 2, 2, 0, 1])
    constant = place(np.repeat([[0.1], [0.7]], 3, axis=0), item, participant, trial, 0)
    assert np.isnan(item_signal(constant, np.arange(2)).z)
    alone = place(np.arange(6.0)[:, None], np.arange(6), participant, trial, 0)
    assert np.isnan(item_signal(alone, np.arange(2)).z)  # nobody shares an item
    together = place(np.arange(6.0)[:, None] ** 2, np.tile([0, 1, 2], 2), participant, trial, 0)
    assert np.isnan(item_signal(together, np.zeros(2, int)).z)  # one list


def test_other_means_by_loops():
    rng = np.random.default_rng(8)
    participant, trial = np.repeat(np.arange(5), 4), np.tile(np.arange(4), 5)
    item = rng.integers(0, 5, 20)
    placed = place(rng.normal(size=(20, 2)), item, participant, trial, 0)
    block = np.array([0, 1, 1, 2, 3])
    means = other_means(placed, item, participant, block, 5)
    for row in range(20):
        others = (item == item[row]) & (block[participant] != block[participant[row]])
        expected = placed.values[others].mean(axis=0) if others.any() else [np.nan, np.nan]
        assert means[row] == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_fit_of_one_rater_against_every_permutation():
    rng = np.random.default_rng(9)
    values, means = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    estimate, z, products = rater_fit(values, means)
    x, m = values - values.mean(axis=0), means - means.mean(axis=0)
    assert estimate == pytest.approx((x * m).sum() / np.sqrt((x**2).sum() * (m**2).sum()))
    fits = np.array([(x[list(rows)] * m).sum() for rows in itertools.permutations(range(5))])
    assert fits.mean() == pytest.approx(0, abs=1e-12)
    assert z == pytest.approx(fits[0] / fits.std(), rel=1e-12)
    drawn = permuted_fit(products, 500, np.random.default_rng(0))
    assert np.isin(np.round(drawn, 9), np.round(fits / fits.std(), 9)).all()
    assert np.isnan(rater_fit(np.ones((5, 2)), means)[1])
    assert np.isnan(rater_fit(values, np.full((5, 2), 0.1))[0])


def test_one_column_fit_is_the_pearson_correlation():
    rng = np.random.default_rng(10)
    x, y = rng.normal(size=(2, 30))
    assert rater_fit(x[:, None], y[:, None])[0] == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_no_signal_gives_uniform_p():
    """Labels without any tie to the items: z has mean 0 and sd 1 over studies."""
    rng = np.random.default_rng(11)
    participant, trial = np.repeat(np.arange(10), 10), np.tile(np.arange(10), 10)
    z = []
    for _ in range(200):
        item = np.concatenate([rng.permutation(15)[:10] for _ in range(10)])
        values = (rng.random((100, 4)) < 0.25).astype(float)
        z.append(item_signal(place(values, item, participant, trial, 1), np.arange(10)).z)
    assert np.mean(z) == pytest.approx(0, abs=3.5 / np.sqrt(200))
    assert np.std(z) == pytest.approx(1, abs=0.18)


def test_what_moves_by_rounding_alone_fits_nothing():
    still = np.array([[0.3], [0.1 + 0.2], [0.3], [0.6 - 0.3], [0.1 + 0.2]])
    moving = np.array([[1.0], [3.0], [2.0], [5.0], [4.0]])
    assert np.ptp(still) > 0
    assert np.isnan(rater_fit(still, moving)[:2]).all()
    assert np.isnan(rater_fit(moving, still)[:2]).all()


def test_one_person_who_hardly_moves_beside_one_who_cannot_be_moved():
    """By hand: the second person's small sums of squares are 4/3 (twice in three) or 2."""
    small = 0.003
    values = np.array([0.5, -0.5, 0.5 * small, -0.5 * small, 0.0])[:, None]
    item, participant = np.array([0, 0, 0, 1, 2]), np.array([0, 0, 1, 1, 1])
    signal = item_signal(place(values, item, participant, np.arange(5), 0), np.arange(2))
    per_total = small**2 / (2 + 2 * small**2)
    assert signal.mean == pytest.approx((2 * 4 / 3 + 2) / 3 * per_total, rel=1e-6)
    assert signal.sd == pytest.approx(2 / 3 * np.sqrt(2 / 9) * per_total, rel=1e-3)

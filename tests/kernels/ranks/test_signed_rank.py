from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from muvistats.kernels.ranks.signed_rank import pseudomedian, signed_rank_biserial
from muvistats.kernels.sampling.corrected_t import corrected_t

SMALL = np.array([0.31, -0.12, 0.45, 0.08, 0.27, -0.05, 0.6, 0.19, -0.33, 0.52])


def test_corrected_t_by_hand():
    # mean 0.2, s^2 = 0.02 / 3, (1/4 + 1/3) s^2 = 7/1800
    found = corrected_t(np.array([0.1, 0.3, 0.2, 0.2]), 1 / 3)
    assert found.estimate == pytest.approx(0.2)
    assert found.std_error == pytest.approx(np.sqrt(7 / 1800))
    assert found.statistic == pytest.approx(0.2 / np.sqrt(7 / 1800))
    assert found.df == 3
    assert found.p_value == pytest.approx(2 * stats.t.sf(0.2 / np.sqrt(7 / 1800), 3))


def test_without_overlap_it_is_the_plain_t():
    plain = stats.ttest_1samp(SMALL, 0)
    found = corrected_t(SMALL, 0.0)
    assert (found.statistic, found.p_value) == pytest.approx((plain.statistic, plain.pvalue))
    # with five folds the correction shrinks t by the square root of 1 + J n_test / n_train
    assert corrected_t(SMALL[:5], 0.25).statistic == pytest.approx(
        stats.ttest_1samp(SMALL[:5], 0).statistic / np.sqrt(1 + 5 / 4)
    )


def test_more_of_the_same_splits_do_not_drive_the_error_to_zero():
    errors = [corrected_t(np.tile(SMALL, k), 0.25).std_error for k in (1, 10, 100)]
    assert errors[2] > np.sqrt(0.25) * SMALL.std()
    assert errors[2] > 0.8 * errors[0]


@pytest.mark.parametrize("values", [[], [0.3], [0.3, 0.3, 0.3]])
def test_corrected_t_is_undefined_without_spread(values):
    found = corrected_t(np.array(values), 0.25)
    assert np.isnan(found.statistic)
    assert np.isnan(found.p_value)


def test_pseudomedian_is_that_of_r():
    # wilcox.test(conf.int = TRUE) of R 4
    assert pseudomedian(SMALL, 0.95) == pytest.approx((0.2, -0.03, 0.415))


@pytest.mark.parametrize("n", [8, 81, 230])
def test_the_interval_is_where_the_test_does_not_reject(n):
    values = np.random.default_rng(n).normal(0.2, 1, n)
    _, low, high = pseudomedian(values, 0.95)
    for limit, inside in ((low, 1), (high, -1)):
        p = [
            stats.wilcoxon(values - limit - sign * inside * 1e-9, method="auto").pvalue
            for sign in (1, -1)
        ]
        assert p[0] > 0.05 - 2e-3  # a step inside
        assert p[1] < 0.05 + 2e-3  # a step outside
        assert p[0] > p[1]


@pytest.mark.parametrize("n", [50, 200, 201])
def test_the_limits_are_as_far_out_as_the_distribution_of_the_rank_sum(n):
    """Which is the product over the ranks of (1 + z**rank) / 2, taken from its transform."""
    m = n * (n + 1) // 2
    angle = 2 * np.pi * np.arange(m + 1) / (m + 1)
    transform = np.prod([(1 + np.exp(-1j * rank * angle)) / 2 for rank in range(1, n + 1)], axis=0)
    below = np.cumsum(np.fft.ifft(transform).real)
    values = np.sort(np.random.default_rng(n).normal(size=n))
    means = np.sort((values[:, None] + values)[np.triu_indices(n)] / 2)
    place = int(np.searchsorted(means, pseudomedian(values, 0.95)[1])) + 1
    assert below[place - 1] <= 0.025 + 1e-4 * (n > 200)
    assert below[place] >= 0.025 - 1e-4 * (n > 200)


def test_too_few_pairs_have_no_interval():
    estimate, low, high = pseudomedian(SMALL[:5], 0.95)
    assert estimate == pytest.approx(0.2, abs=0.02)
    assert np.isnan([low, high]).all()
    assert np.isfinite(pseudomedian(SMALL[:6], 0.95)).all()
    assert np.isnan(pseudomedian(np.empty(0), 0.95)).all()


def test_rank_biserial_of_pairs():
    assert signed_rank_biserial(np.abs(SMALL)) == 1
    assert signed_rank_biserial(-np.abs(SMALL)) == -1
    assert np.isnan(signed_rank_biserial(np.zeros(3)))
    # W+ = 44 of 55 by R
    assert signed_rank_biserial(SMALL) == pytest.approx((44 - 11) / 55)
    assert signed_rank_biserial(np.r_[SMALL, 0, 0]) == pytest.approx((44 - 11) / 55)

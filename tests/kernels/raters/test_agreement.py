"""EWE and concordance against a plain loop and closed forms; R's values are in tests/oracle."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from muvistats import DesignError
from muvistats.kernels.raters.agreement import ccc, ewe, leave_one_out_ccc


def plain_ccc(x, y, ddof):
    vx, vy = np.var(x, ddof=ddof), np.var(y, ddof=ddof)
    covariance = np.sum((x - x.mean()) * (y - y.mean())) / (len(x) - ddof)
    return 2 * covariance / (vx + vy + (x.mean() - y.mean()) ** 2)


def plain_ewe(raters):
    mean = raters.mean(axis=0)
    weights = []
    for r in raters:
        moved = r.std() > 0 and mean.std() > 0
        weights.append(max(np.corrcoef(r, mean)[0, 1], 0.0) if moved else 0.0)
    weights = np.array(weights)
    return weights @ raters / weights.sum(), weights


@pytest.fixture
def groups():
    rng = np.random.default_rng(3)
    sizes = [4, 2, 5, 4, 1, 3]
    values = rng.normal(size=(sum(sizes), 40)).cumsum(axis=1)
    return values, np.cumsum([0, *sizes[:-1]]), sizes


def test_leave_one_out_equals_a_loop(groups):
    values, starts, sizes = groups
    for ddof in (0, 1):
        ours = leave_one_out_ccc(values, starts, ddof)
        for start, size in zip(starts, sizes, strict=True):
            raters = values[start : start + size]
            for j in range(size):
                if size == 1:
                    assert np.isnan(ours[start])
                    continue
                others, _ = plain_ewe(np.delete(raters, j, axis=0))
                assert_allclose(ours[start + j], plain_ccc(raters[j], others, ddof), rtol=1e-10)


def test_ewe_equals_a_loop(groups):
    values, starts, sizes = groups
    gold, weights = ewe(values, starts)
    for g, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        series, weight = plain_ewe(values[start : start + size])
        assert_allclose(gold[g], series, rtol=1e-10)
        assert_allclose(weights[start : start + size], weight, rtol=1e-10)


def test_still_cursor_has_weight_zero_and_concordance_zero():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 30))
    values[2] = 0.1  # 0.1 is not exact in binary: no rounding error may pass for movement
    _, weights = ewe(values, np.array([0]))
    assert weights[2] == 0
    assert leave_one_out_ccc(values, np.array([0]))[2] == 0


def test_two_raters_are_each_the_gold_standard_of_the_other():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 30))
    expected = ccc(values[0], values[1])
    assert_allclose(leave_one_out_ccc(values, np.array([0])), [expected, expected], rtol=1e-12)


def test_missing_tail_is_left_out_for_the_group_and_empty_raters_are_nobody():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(5, 30))
    values[1, 25:] = np.nan
    values[3] = np.nan
    whole = leave_one_out_ccc(values, np.array([0]))
    cut = leave_one_out_ccc(values[[0, 1, 2, 4], :25], np.array([0]))
    assert_allclose(whole[[0, 1, 2, 4]], cut, rtol=1e-12)
    assert np.isnan(whole[3])
    gold, _ = ewe(values, np.array([0]))
    assert np.isnan(gold[0, 25:]).all()
    assert np.isfinite(gold[0, :25]).all()


def test_opposed_raters_leave_nobody_to_agree_with():
    line = np.linspace(-1, 1, 20)
    gold, weights = ewe(np.stack([line, -line]), np.array([0]))
    assert_allclose(weights, 0)
    assert np.isnan(gold).all()


def test_raters_who_cancel_out_but_for_rounding_have_no_weight():
    rng = np.random.default_rng(8)
    first, second = rng.normal(size=(2, 50))
    values = np.stack([first, second, 0.1 - (first + second)])
    gold, weights = ewe(values, np.array([0]))
    assert_allclose(weights, 0)
    assert np.isnan(gold).all()
    with_fourth = np.vstack([values, rng.normal(size=50)])
    assert np.isnan(leave_one_out_ccc(with_fourth, np.array([0]))[3])


def test_one_rater_who_moves_far_does_not_blur_the_weights_of_the_others():
    rng = np.random.default_rng(9)
    values = 1e-4 * rng.normal(size=(4, 60)).cumsum(axis=1)
    values[3] = 0.9 * np.sign(rng.normal(size=60))
    others, _ = plain_ewe(values[:3])
    ours = leave_one_out_ccc(values, np.array([0]))
    assert_allclose(ours[3], plain_ccc(values[3], others, 0), rtol=1e-10, atol=1e-15)


def test_ccc_of_a_shifted_line():
    x = np.linspace(0, 1, 101)
    shift = 0.2
    expected = 2 * x.var() / (2 * x.var() + shift**2)
    assert_allclose(ccc(x, x + shift), expected, rtol=1e-12)


def test_ccc_of_small_sequences():
    # s_xy = 1, s_x^2 = 2/3, s_y^2 = 14/9, m_x - m_y = -1/3 over the three whole pairs
    x, y = [1.0, 2.0, 3.0, 9.0], [1.0, 2.0, 4.0, np.nan]
    assert_allclose(ccc(x, y), 2 / (2 / 3 + 14 / 9 + 1 / 9), rtol=1e-14)
    assert_allclose(ccc(x, y, ddof=1), 3 / (1 + 7 / 3 + 1 / 9), rtol=1e-14)
    assert isinstance(ccc(x, y), float)
    assert ccc([x, y], [y, x]).shape == (2,)


def test_ccc_of_constants():
    still = np.full(30, 0.1)  # no rounding error may pass for movement
    assert np.isnan(ccc(still, still))
    assert ccc(still, still + 0.3) == 0
    assert ccc(still, np.arange(30.0)) == 0
    assert np.isnan(ccc([1.0, np.nan], [1.0, 2.0]))
    assert np.isnan(ccc([], []))
    assert_allclose(ccc(np.arange(5.0), np.arange(5.0)), 1)
    assert_allclose(ccc(np.arange(5.0), np.arange(5.0)[::-1]), -1)


def test_ccc_refuses_what_it_cannot_pair():
    with pytest.raises(DesignError, match="common shape"):
        ccc([1, 2, 3], [1, 2])
    with pytest.raises(DesignError, match="ddof"):
        ccc([1, 2], [1, 2], ddof=2)


def test_who_goes_against_all_others():
    rng = np.random.default_rng(6)
    line = np.linspace(-1, 1, 40)
    values = line + 0.1 * rng.normal(size=(4, 40))
    values[3] = -line
    _, weights = ewe(values, np.array([0]))
    assert weights[3] == 0
    ours = leave_one_out_ccc(values, np.array([0]))
    assert ours[3] < -0.9
    others, _ = plain_ewe(values[[1, 2, 3]])
    assert_allclose(ours[0], plain_ccc(values[0], others, 0), rtol=1e-10)


def test_two_raters_of_whom_one_rests():
    values = np.stack([np.linspace(-1, 1, 20), np.full(20, 0.3)])
    ours = leave_one_out_ccc(values, np.array([0]))
    assert np.isnan(ours[0])
    assert ours[1] == 0


def test_groups_with_gaps_do_not_touch_the_others(groups):
    """One missing sample anywhere changes its own group only."""
    values, starts, sizes = groups
    whole = leave_one_out_ccc(values, starts)
    gaps = values.copy()
    gaps[1, 30:] = np.nan
    ours = leave_one_out_ccc(gaps, starts)
    np.testing.assert_array_equal(ours[sizes[0] :], whole[sizes[0] :])
    assert_allclose(ours[: sizes[0]], leave_one_out_ccc(values[: sizes[0], :30], starts[:1]))


def test_steps_that_any_rater_lacks_do_not_enter(groups):
    """Every rater of the first group lacks another step; no rater of the others lacks any."""
    values, starts, sizes = groups
    n = sizes[0]
    gaps = values.copy()
    gaps[np.arange(n), 5 * np.arange(n)] = np.nan
    kept = np.delete(values[:n], 5 * np.arange(n), axis=1)
    ours = leave_one_out_ccc(gaps, starts)
    assert_allclose(ours[:n], leave_one_out_ccc(kept, starts[:1]), rtol=1e-12)
    np.testing.assert_array_equal(ours[n:], leave_one_out_ccc(values, starts)[n:])


def test_masked_values_are_left_out_and_what_is_no_number_is_refused():
    x, y = np.random.default_rng(1).normal(size=(2, 20))
    hidden = np.ma.masked_array(x, np.arange(20) < 5)
    assert_allclose(ccc(hidden, y), plain_ccc(x[5:], y[5:], 0))
    for wrong in (["a", "b"], x + 1j):
        with pytest.raises(DesignError, match="two sequences of numbers"):
            ccc(wrong, y)

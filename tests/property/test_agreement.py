"""What must hold for any ratings."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.testing import assert_allclose

from muvistats import ccc
from muvistats.kernels.raters.agreement import ewe, leave_one_out_ccc, leave_one_out_ewe

#: The grid of a cursor: no values that differ by rounding error alone.
grid = st.integers(-100, 100).map(lambda step: step / 100)
raters = st.integers(1, 6).flatmap(
    lambda n: arrays.arrays(float, st.tuples(st.just(n), st.integers(3, 12)), elements=grid)
)
pairs = st.integers(2, 12).flatmap(lambda n: arrays.arrays(float, (2, n), elements=grid))
ALONE = np.array([0])


@given(pairs)
def test_ccc_is_symmetric_bounded_and_no_larger_than_the_correlation(pair):
    x, y = pair
    ours = ccc(x, y)
    assert_allclose(ours, ccc(y, x), atol=1e-12)
    if np.ptp(x) and np.ptp(y):
        assert abs(ours) <= abs(np.corrcoef(x, y)[0, 1]) + 1e-12
        assert_allclose(ccc(x * 0.5 + 0.1, y * 0.5 + 0.1), ours, atol=1e-9)


@settings(deadline=None)
@given(raters, st.randoms(use_true_random=False))
def test_order_of_raters_does_not_matter(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    gold, weights = ewe(values, ALONE)
    shuffled, moved = ewe(values[order], ALONE)
    assert_allclose(shuffled, gold, atol=1e-9)
    assert_allclose(moved, weights[order], atol=1e-9)
    ours = leave_one_out_ccc(values, ALONE)
    assert_allclose(leave_one_out_ccc(values[order], ALONE), ours[order], atol=1e-9)
    assert ((weights >= 0) & (weights <= 1 + 1e-12)).all()


@settings(deadline=None)
@given(raters)
def test_concordance_is_with_the_series_of_the_others(values):
    ours = leave_one_out_ccc(values, ALONE)
    others = leave_one_out_ewe(values, ALONE)
    for rater, gold, value in zip(values, others, ours, strict=True):
        if np.isnan(gold).any():
            assert np.isnan(value)
        elif np.ptp(gold) > 1e-9:
            assert_allclose(value, ccc(rater, gold), atol=1e-9)


@settings(deadline=None)
@given(st.lists(raters.filter(lambda v: v.shape[1] > 3), min_size=2, max_size=5))
def test_groups_do_not_touch_each_other(cells):
    steps = min(cell.shape[1] for cell in cells)
    cells = [cell[:, :steps] for cell in cells]
    starts = np.cumsum([0, *(len(cell) for cell in cells[:-1])])
    together = leave_one_out_ccc(np.vstack(cells), starts)
    alone = np.concatenate([leave_one_out_ccc(cell, ALONE) for cell in cells])
    np.testing.assert_array_equal(together, alone)

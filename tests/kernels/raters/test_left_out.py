"""Sums without a rating are those of the others alone."""

import numpy as np
import pytest

from muvistats.kernels.raters.agreement import (
    ceiling_ccc,
    ceiling_without_one,
    leave_one_out_ccc,
    lost_by_others,
)
from muvistats.kernels.raters.left_out import (
    interval_sums_lost,
    jackknife_variance,
    nominal_sums_lost,
)
from muvistats.kernels.raters.reliability import (
    agreement_coefficients,
    effective_df,
    interval_alpha,
    interval_sums,
    nominal_sums,
)

UNITS = np.array([0, 0, 0, 0, 1, 1, 2, 3, 3, 3])


def test_interval_alpha_without_each_rating():
    values = np.random.default_rng(1).normal(3, 2, len(UNITS))
    total = interval_sums(values, UNITS, 4).sum(axis=0)
    lost = interval_sums_lost(values, UNITS, 4)
    for i in range(len(UNITS)):
        others = np.arange(len(UNITS)) != i
        expected = interval_alpha(interval_sums(values[others], UNITS[others], 4).sum(axis=0))
        assert interval_alpha(total - lost[i]) == pytest.approx(expected, rel=1e-9)


def test_kappa_alpha_and_ac1_without_each_rating():
    chosen = np.array([1.0, 0, 1, np.nan, 1, 0, 1, 0, 0, 1])
    total = nominal_sums(chosen[:, None], UNITS, 4)[:, 0].sum(axis=0)
    lost = nominal_sums_lost(chosen, UNITS, 4)
    for i in range(len(UNITS)):
        others = np.arange(len(UNITS)) != i
        alone = nominal_sums(chosen[others, None], UNITS[others], 4)[:, 0].sum(axis=0)
        assert total - lost[i] == pytest.approx(alone)
        ours, theirs = agreement_coefficients(total - lost[i]), agreement_coefficients(alone)
        assert ours["fleiss_kappa"] == pytest.approx(theirs["fleiss_kappa"], nan_ok=True)


def test_jackknife_of_a_mean_is_its_squared_error():
    values = np.random.default_rng(2).normal(size=12)
    lost = np.stack([np.ones(12), values], axis=1)
    people = np.repeat(np.arange(4), 3)
    by_person, by_rating = jackknife_variance(
        lost.sum(axis=0), lost, people, lambda s: s[:, 1:] / s[:, :1]
    )
    assert by_rating.value[0] == pytest.approx(values.var(ddof=1) / 12)
    means = values.reshape(4, 3).mean(axis=1)
    assert by_person.value[0] == pytest.approx(means.var(ddof=1) / 4)


def test_ceiling_without_a_rater_is_that_of_the_others():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(9, 20)) + np.sin(np.arange(20))
    values[2, 15:] = np.nan
    starts = np.array([0, 4, 7])
    found = ceiling_without_one(values, starts)
    assert np.isnan(found[7:]).all()  # one rater alone has no ceiling
    values[:4, 15:] = np.nan  # steps that a rater lacks are left out for the whole cell
    for i in range(7):
        members = [j for j in (range(4) if i < 4 else range(4, 7)) if j != i]
        expected = ceiling_ccc(values[members], np.array([0]))[0]
        assert found[i] == pytest.approx(expected, nan_ok=True)


def test_effective_degrees_of_freedom_of_columns_that_depend():
    rng = np.random.default_rng(4)
    alone = rng.normal(size=(20, 1))
    assert effective_df(alone, 1) == pytest.approx(19)
    assert effective_df(np.repeat(alone, 30, axis=1), 1) == pytest.approx(19)
    free = [effective_df(rng.normal(size=(40, 10)), 0) for _ in range(20)]
    assert np.mean(free) == pytest.approx(400, rel=0.08)
    gaps = np.where(np.eye(20)[:, :6] > 0, np.nan, np.repeat(alone, 6, axis=1))
    assert 15 < effective_df(gaps, 1) < 25
    walk = rng.normal(size=(30, 200)).cumsum(axis=1)
    assert effective_df(walk, 0, cautious=True) < effective_df(walk, 0) < 4 * 30
    assert np.isnan(effective_df(alone[:2], 2))
    assert effective_df(np.zeros((5, 2)), 1) == 8


@pytest.mark.parametrize("ddof", [0, 1])
def test_what_others_lose_is_what_they_have_without_the_rater(ddof):
    """Groups of five, two, one and three raters, one of whom never moved."""
    rng = np.random.default_rng(4)
    values = rng.normal(size=(11, 20)) + np.sin(np.arange(20))
    values[9] = 0.5
    starts = np.array([0, 5, 7, 8])
    whole, lost = (f(values, starts, ddof) for f in (leave_one_out_ccc, lost_by_others))
    for first, last in zip(starts, [5, 7, 8, 11], strict=True):
        for rater in range(first, last):
            others = [row for row in range(first, last) if row != rater]
            left = leave_one_out_ccc(values[others], np.array([0]), ddof) if others else []
            assert lost[rater] == pytest.approx(np.nansum(whole[others] - left), abs=1e-12)
    assert (lost[5:8] == 0).all()

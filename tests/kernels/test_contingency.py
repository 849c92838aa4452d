from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from muvistats.kernels import contingency


def test_residuals_of_a_two_by_two_table_are_the_root_of_chi_square():
    table = np.array([[12, 5], [7, 20]])
    expected, residuals = contingency.standardized_residuals(table)
    found = stats.chi2_contingency(table, correction=False)
    assert expected == pytest.approx(found.expected_freq)
    assert np.abs(residuals) == pytest.approx(np.full((2, 2), np.sqrt(found.statistic)))
    assert residuals[0, 0] == pytest.approx(-residuals[0, 1])


def test_residuals_of_an_empty_column_are_undefined():
    _, residuals = contingency.standardized_residuals(np.array([[3, 0, 4], [5, 0, 1]]))
    assert np.isnan(residuals[:, 1]).all()
    assert not np.isnan(residuals[:, [0, 2]]).any()


def test_bias_corrected_v_by_hand():
    # chi2 30, n 101, 3 x 5: phi2 = 30/101 - 8/100, r' = 3 - 4/100
    assert contingency.cramers_v(30, 101, (3, 5)) == pytest.approx(
        np.sqrt((30 / 101 - 0.08) / (3 - 0.04 - 1))
    )
    assert contingency.cramers_v(7.9, 101, (3, 5)) == 0
    # as much as chance makes, but for the last digit
    assert contingency.cramers_v(np.nextafter(8.08, 9), 101, (3, 5)) == 0
    assert np.isnan(contingency.cramers_v(1.0, 1, (2, 2)))


def test_v_of_a_perfect_table_is_one():
    statistic = stats.chi2_contingency(np.diag([40, 50, 60]), correction=False).statistic
    assert contingency.cramers_v(statistic, 150, (3, 3)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("statistic", "df"), [(60.0, 26), (3.0, 1), (2500.0, 52), (90000.0, 26)])
def test_noncentrality_puts_the_statistic_at_its_tails(statistic, df):
    low, high = contingency.noncentrality_interval(statistic, df, 0.9)
    assert stats.ncx2.cdf(statistic, df, high) == pytest.approx(0.05, abs=1e-8)
    if low > 0:
        assert stats.ncx2.cdf(statistic, df, low) == pytest.approx(0.95, abs=1e-8)
    else:
        assert stats.chi2.cdf(statistic, df) <= 0.95


def test_noncentrality_is_zero_below_the_central_tail():
    assert contingency.noncentrality_interval(0.0, 26, 0.95) == (0, 0)
    assert contingency.noncentrality_interval(20.0, 26, 0.95)[0] == 0


def test_interval_of_v_covers():
    joint = np.array([[0.10, 0.15, 0.20], [0.25, 0.20, 0.10]])
    outer = np.outer(joint.sum(1), joint.sum(0))
    phi2 = ((joint - outer) ** 2 / outer).sum()
    rng, covered = np.random.default_rng(1), 0
    for _ in range(300):
        table = rng.multinomial(400, joint.ravel()).reshape(2, 3)
        statistic = stats.chi2_contingency(table, correction=False).statistic
        low, high = contingency.cramers_v_interval(statistic, 400, (2, 3), 0.95)
        covered += low <= np.sqrt(phi2) <= high
    assert 0.92 <= covered / 300 <= 0.98


def test_limits_of_v_do_not_depend_on_which_factor_has_the_rows():
    found = contingency.cramers_v_interval(30.0, 200, (2, 5), 0.95)
    assert 0 < found[0] < found[1] < 1
    assert found == pytest.approx(contingency.cramers_v_interval(30.0, 200, (5, 2), 0.95))

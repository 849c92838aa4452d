"""Firth's logistic regression where its estimate is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from muvistats.kernels.regression.firth import firth_logistic


@pytest.mark.parametrize("yes", [0, 3, 20])
def test_a_proportion_gains_half_a_case_on_either_side(yes):
    y = (np.arange(20) < yes).astype(float)
    expected = special.logit((yes + 0.5) / 21)
    fit = firth_logistic(np.ones((20, 1)), y)
    assert fit.converged
    assert fit.beta == pytest.approx([expected])
    assert fit.covariance == pytest.approx(
        np.array([[1 / (20 * (yes + 0.5) * (20.5 - yes) / 21**2)]])
    )
    moved = firth_logistic(np.ones((20, 1)), y, offset=np.full(20, 0.7))
    assert moved.beta == pytest.approx([expected - 0.7])
    assert moved.log_likelihood == pytest.approx(fit.log_likelihood)


def test_groups_have_estimates_of_their_own():
    codes = np.repeat([0, 1], [8, 14])
    y = np.concatenate([np.zeros(8), np.arange(14) < 5]).astype(float)
    fit = firth_logistic(np.eye(2)[codes], y)
    assert fit.beta == pytest.approx(special.logit([0.5 / 9, 5.5 / 15]))

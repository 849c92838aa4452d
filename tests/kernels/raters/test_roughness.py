"""Half of von Neumann's ratio against statsmodels and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.stattools import durbin_watson

from muvistats.kernels.raters.roughness import roughness


def test_it_is_durbin_and_watsons_of_the_deviations():
    x = np.random.default_rng(1).standard_normal((4, 50)).cumsum(axis=1)
    deviations = x - x.mean(axis=1, keepdims=True)
    expected = durbin_watson(deviations, axis=1) / 2 * 50 / 49
    np.testing.assert_allclose(roughness(x), expected, rtol=1e-12)


def test_closed_forms():
    rng = np.random.default_rng(2)
    white = rng.standard_normal(100_000)
    assert roughness(white) == pytest.approx(1, abs=0.01)
    smooth = np.empty_like(white)
    smooth[0] = white[0]
    for t in range(1, len(white)):
        smooth[t] = 0.8 * smooth[t - 1] + 0.6 * white[t]
    assert roughness(smooth) == pytest.approx(0.2, abs=0.01)
    period = 40
    wave = np.sin(2 * np.pi * np.arange(100 * period) / period)
    assert roughness(wave) == pytest.approx(1 - np.cos(2 * np.pi / period), rel=1e-3)
    # by hand: squared steps 1 and 4, mean 2.5; deviations -1, 0 ,.. of 0, 1, 3: variance 14/9
    assert roughness(np.array([0.0, 1.0, 3.0])) == pytest.approx(2.5 / (2 * 14 / 9))


@pytest.mark.parametrize(("factor", "shift"), [(1e-200, 0.0), (1e200, 0.0), (-3.0, 1e6)])
def test_neither_unit_nor_origin_matters(factor, shift):
    x = np.random.default_rng(3).standard_normal(60)
    assert roughness(factor * x + shift) == pytest.approx(roughness(x), rel=1e-8)


def test_what_is_not_defined_is_missing():
    nan = np.nan
    x = np.array([[nan] * 4, [1, 2, nan, nan], [7.1] * 4, [1, nan, 2, nan], [0, 1, 3, nan]])
    found = roughness(x)
    assert np.isnan(found[:4]).all()
    assert found[4] == roughness(np.array([0.0, 1.0, 3.0]))
    assert np.isnan(roughness(np.full(3, np.inf)))
    # a hole takes two steps away and no more
    holed = np.array([0.0, 1.0, 3.0, nan, 2.0, 2.5])
    known = holed[~np.isnan(holed)]
    assert roughness(holed) == pytest.approx((1 + 4 + 0.25) / 3 / (2 * known.var()))

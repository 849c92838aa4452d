"""Degrees of freedom that are pooled."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats.stats.models.inference import _pooled


@pytest.mark.parametrize(
    ("degrees", "pooled"),
    [
        ([7.0, 7.0], 7.0),
        ([2.0, 5.0], 2.0),
        ([1.5, 50.0], 2.0),
        ([10.0, 10.5], None),
        ([4.0, np.inf], None),
        ([np.inf, np.inf], np.inf),
    ],
)
def test_pooled_degrees_meet_the_expectation_of_f(degrees, pooled):
    found = _pooled(np.array(degrees))
    if pooled is not None:
        assert found == pooled
    else:  # F with `found` degrees has the mean of the single ones, d / (d - 2)
        mean = np.mean([d / (d - 2) if np.isfinite(d) else 1.0 for d in degrees])
        assert found / (found - 2) == pytest.approx(mean, rel=1e-12)

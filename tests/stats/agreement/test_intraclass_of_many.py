"""Where targets and raters are too many for REML, moments give nearly the same."""

from __future__ import annotations

import numpy as np
import pandas as pd

import muvistats as mv
from muvistats.stats.agreement import intraclass


def test_moments_are_near_reml_and_say_so(monkeypatch):
    rng = np.random.default_rng(1)
    item = np.repeat(np.arange(150), 20)
    rater = np.concatenate([rng.choice(200, 20, replace=False) for _ in range(150)])
    value = rng.normal(size=150)[item] + 0.7 * rng.normal(size=200)[rater] + rng.normal(size=3000)
    frame = pd.DataFrame({"item": item, "participant": rater, "calm": value})
    exact = mv.icc(frame, dimension="calm").set_index("estimator")
    monkeypatch.setattr(intraclass, "_MOST", 100)
    quick = mv.icc(frame, dimension="calm").set_index("estimator")
    assert exact["method"].str.contains("REML").all()
    assert quick["method"].str.contains("moments").all()
    assert quick["warning"].str.contains("too many raters and targets for REML").all()
    for column in ("estimate", "conf_low", "conf_high"):
        np.testing.assert_allclose(quick[column], exact[column], atol=0.03)
    assert not exact["warning"].str.contains("too many").any()

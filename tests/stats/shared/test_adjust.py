from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from muvistats import chisquare_labels
from muvistats.arguments import ADJUSTMENTS, check_conf_level
from muvistats.errors import DataError, DesignError
from muvistats.stats.shared.adjust import adjust_p


@pytest.mark.parametrize("method", [name for name in ADJUSTMENTS if name != "none"])
def test_adjusted_p_agree_with_statsmodels(method):
    p_values = np.array([0.03, 0.2, 0.001, 0.03, 1.0, 0.6, 0.0])
    expected = multipletests(p_values, method=method)[1]
    assert adjust_p(p_values, method) == pytest.approx(expected)


@pytest.mark.parametrize("method", ADJUSTMENTS)
def test_nan_does_not_count(method):
    found = adjust_p([np.nan, 0.01, np.nan, 0.02], method)
    assert np.isnan(found[[0, 2]]).all()
    assert found[[1, 3]] == pytest.approx(adjust_p([0.01, 0.02], method))
    assert np.isnan(adjust_p([np.nan], method)).all()
    assert len(adjust_p([], method)) == 0


def test_an_unknown_adjustment_is_refused():
    with pytest.raises(DesignError, match="adjust must be one of holm"):
        adjust_p([0.1], "tukey")


@pytest.mark.parametrize("conf_level", [0, 1, 2, -0.5, float("nan"), "x", None])
def test_a_level_that_is_no_probability_is_refused(conf_level):
    with pytest.raises(DesignError, match="conf_level"):
        check_conf_level(conf_level)


def test_a_factor_that_is_no_text_is_refused(tiny):
    with pytest.raises(DesignError, match="by must be a text, not 3"):
        chisquare_labels(tiny, by=3)
    with pytest.raises(DataError, match="neither a study nor a frame"):
        chisquare_labels([1, 2])


def test_no_adjustment_changes_nothing():
    assert adjust_p([0.01, 0.02, np.nan, 0.03], "none").tolist()[:2] == [0.01, 0.02]

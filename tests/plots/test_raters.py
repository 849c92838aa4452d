"""The matrix of raters holds the mean concordance of what both rated."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import muvistats as mv


def test_each_cell_is_the_mean_over_common_annotations(study):
    figure = mv.plot_rater_concordance(study, dimension="valence", modality="music")
    ax = figure.axes[0]
    shown = [tick.get_text() for tick in ax.get_yticklabels()]
    cube = mv.to_cube(study)["valence"].sel(modality="music")
    drawn = ax.images[0].get_array()
    for one, other in itertools.islice(itertools.permutations(range(len(shown)), 2), 60):
        pair = (cube.sel(participant=shown[k]).to_numpy() for k in (one, other))
        with np.errstate(all="ignore"):
            values = mv.ccc(*pair)
        if np.isfinite(values).any():
            assert drawn[one, other] == pytest.approx(np.nanmean(values))
        else:
            assert drawn.mask[one, other]
    means = np.ma.mean(drawn, axis=1).compressed()
    assert (np.diff(means) < 1e-12).all()  # who agrees most comes first


def test_what_is_not_there(study):
    with pytest.raises(mv.DesignError, match="modality must be one of"):
        mv.plot_rater_concordance(study, modality="smell")
    one = mv.select(study, participant=[str(study["participants/participant"].to_numpy()[0])])
    with pytest.raises(mv.DataError, match="no two raters"):
        mv.plot_rater_concordance(one)

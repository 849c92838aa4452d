"""The target of the models is the gold standard that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

import muvistats as mv
from muvistats.stats.prediction.inputs import feature_inputs


@pytest.fixture(scope="module")
def study():
    return mv.simulate_muvi(rng=1, n_items=9, n_participants=12)


@pytest.mark.parametrize("gold", ["mean", "ewe_aligned", "latent"])
def test_the_target_is_the_gold_standard(study, gold):
    inputs = feature_inputs(study, dimension="arousal", gold=gold)
    expected = mv.gold_standard(study, method=gold, dimension="arousal")["gold_standard"]
    item, modality = inputs.items[3], inputs.modalities[0]
    rows = inputs.item == 3
    values = expected.sel(dimension="arousal", item=item, modality=modality)
    ours = inputs.gold[0, 0, rows]
    assert len(ours) > 50
    np.testing.assert_allclose(ours, values.sel(time=inputs.time[rows]).to_numpy())


def test_models_know_what_they_predict(study):
    few = {"sets": [("visual", "visual")], "dimension": "arousal", "model": "ridge"}
    plain, mean = (mv.lasso_models(study, gold=gold, **few) for gold in ("ewe", "mean"))
    assert plain.equals(mv.lasso_models(study, **few))
    assert not np.allclose(plain["mean"], mean["mean"])
    with pytest.raises(mv.DesignError, match="gold must be one of"):
        mv.feature_models(study, gold="best", **few)

"""In a study of one modality the row of that modality and the row of all say the same."""

import numpy as np
import pandas as pd
import pytest

import muvistats as mv


@pytest.fixture(scope="module")
def study():
    whole = mv.simulate_muvi(rng=3, n_items=8, n_participants=12, features=False)
    return mv.select(whole, modality="music")


@pytest.mark.parametrize(
    "function",
    [
        mv.krippendorff_alpha,
        mv.label_agreement,
        mv.icc,
        mv.interrater_ccc,
        mv.noise_ceiling,
        lambda data, **options: mv.agreement_over_time(data, window=20, **options),
        lambda data, **options: mv.rater_lag(data, level="modality", **options),
        lambda data, **options: mv.krippendorff_alpha(data, metric="nominal", **options),
        mv.label_frequencies,
    ],
)
def test_rows_are_alike(study, function):
    drawn = {"n_resamples": 40} if function not in (mv.icc, mv.label_frequencies) else {}
    found = function(study, **drawn)
    alone, every = (
        found[found["modality"] == name].drop(columns="modality").reset_index(drop=True)
        for name in ("music", "all")
    )
    assert len(alone)
    pd.testing.assert_frame_equal(alone, every)


def test_rows_are_alike_where_only_one_modality_was_rated():
    rng = np.random.default_rng(1)
    keys = [(f"p{p}", f"i{i}", m) for p in range(6) for i in range(10) for m in ("music", "visual")]
    frame = pd.DataFrame(keys, columns=["participant", "item", "modality"])
    frame["valence"] = rng.uniform(-1, 1, len(frame))
    frame.loc[frame["modality"] == "visual", "valence"] = np.nan
    study = mv.from_frames(frame, modalities=("music", "visual"), dimensions=["valence"])
    found = mv.krippendorff_alpha(study, n_resamples=99).set_index("modality")
    limits = ["estimate", "conf_low", "conf_high", "n"]
    assert (found.loc["music", limits] == found.loc["all", limits]).all()
    assert found["n_missing"].to_dict() == {"music": 0, "visual": 60, "all": 60}

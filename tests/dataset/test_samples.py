"""The samples of a study as rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.dataset.samples import samples_of


def test_samples_stand_beside_what_is_known_of_their_annotations():
    study = mv.simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    gone = (
        study["annotations"].dataset.to_dataframe().reset_index()[["item", "participant"]].iloc[[0]]
    )
    study = mv.exclude(study, gone, reason="drawn", what="dynamic")
    frame, long, whole = samples_of(study), mv.to_long(study), mv.annotation_frame(study)
    pd.testing.assert_series_equal(frame["time"], long["time"])
    excluded = whole["arousal"].isna().to_numpy()[frame["annotation"]]
    assert 0 < excluded.sum() < len(frame)
    np.testing.assert_allclose(frame["arousal"], long["arousal"].where(~excluded))
    of_annotation = whole.loc[frame["annotation"]].reset_index(drop=True)
    for name in ("item", "modality", "participant", "gender", "familiar"):
        pd.testing.assert_series_equal(frame[name], of_annotation[name])
    assert frame.attrs["assigned"] == whole.attrs["assigned"]


def test_a_study_without_samples_is_refused():
    rows = pd.DataFrame(
        {"item": list("aabb"), "participant": list("xyxy"), "tension": [0.1, 0.2, 0.3, 0.5]}
    )
    study = mv.from_frames(rows, dimensions=["tension"])
    with pytest.raises(mv.DataError, match="no time samples"):
        samples_of(study)
    with pytest.raises(mv.DataError, match="no time samples"):
        mv.mixed_model(study, "tension ~ 1 + (1 | item)", correlation="ar1")

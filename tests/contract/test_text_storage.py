"""pandas keeps text with pyarrow where that is installed, and without it: both must do."""

from __future__ import annotations

import pandas as pd
import pytest

import muvistats as mv

pytestmark = pytest.mark.slow


def frames() -> list[pd.DataFrame]:
    study = mv.simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    frame = mv.annotation_frame(study)
    again = mv.from_frames(dynamics=mv.to_long(study))
    return [
        frame,
        mv.annotation_frame(again),
        mv.interrater_ccc(study, level="annotation"),
        mv.kruskal_modality(frame, n_resamples=49),
        mv.label_deviations(frame, by="gender", n_resamples=49),
        mv.modality_correlations(study, level="item"),
        mv.label_models(frame, by="modality", labels=["calm"]),
        mv.published("kruskal_modality"),
    ]


@pytest.mark.parametrize("storage", ["python", "pyarrow"])
def test_results_do_not_depend_on_how_text_is_kept(storage):
    if storage == "pyarrow":
        pytest.importorskip("pyarrow")
    expected = frames()
    with pd.option_context("mode.string_storage", storage):
        found = frames()
    for one, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(
            one, other, check_dtype=False, check_column_type=False, check_categorical=False
        )

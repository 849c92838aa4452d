from __future__ import annotations

import numpy as np
import pytest

from muvistats import DataError
from muvistats.dataset.release.emobase import emobase_family, emobase_names
from muvistats.features.families import audio_family


def test_emobase_has_the_families_of_the_release():
    assert [audio_family(name) for name in emobase_names()] == [
        emobase_family(name) for name in emobase_names()
    ]


def families(feature_set: str) -> dict[str, int]:
    opensmile = pytest.importorskip("opensmile")
    names = opensmile.Smile(opensmile.FeatureSet[feature_set]).feature_names
    found, count = np.unique([audio_family(name) for name in names], return_counts=True)
    return dict(zip(found.tolist(), count.tolist(), strict=True))


def test_egemaps():
    assert families("eGeMAPSv02") == {
        "f0": 10,
        "formants": 18,
        "intensity": 1,
        "loudness": 11,
        "mfcc": 16,
        "spectral_shape": 17,
        "voice_quality": 10,
        "voiced_segments": 5,
    }


def test_compare():
    assert families("ComParE_2016") == {
        "auditory_spectrum": 2600,
        "f0": 83,
        "intensity": 100,
        "loudness": 200,
        "mfcc": 1400,
        "spectral_shape": 1500,
        "voice_probability": 78,
        "voice_quality": 312,
        "zero_crossing_rate": 100,
    }


@pytest.mark.parametrize("name", ["", "colour_hue_00", "my_loudness", "F4frequency_sma3nz_amean"])
def test_unknown_name(name):
    with pytest.raises(DataError, match="no known family"):
        audio_family(name)

"""Settings of the simulation: what is refused, and that they are used."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

import muvistats as mv

USUAL = mv.SimulationSettings()


@pytest.mark.parametrize(
    ("of", "name", "value", "said"),
    [
        (USUAL, "lag_sd", -0.1, "SimulationSettings.lag_sd must be a number from 0, not -0.1"),
        (USUAL, "speed", 0, "above 0 up to 1"),
        (USUAL, "speed", 1.01, "above 0 up to 1"),
        (USUAL, "still_share", 1.5, "from 0 to 1"),
        (USUAL, "gain_sd", np.nan, "a finite number"),
        (USUAL, "gain_sd", "0.3", "a finite number"),
        (USUAL, "gain_sd", True, "a finite number"),
        (USUAL, "dimension_correlation", -2, "from -1 to 1"),
        (USUAL, "labels", {}, "of LabelSettings"),
        (USUAL, "audio", (1, 2), "of FeatureSettings"),
        (USUAL, "audio", (mv.FeatureSettings(0.1),), "2 parts"),
        (USUAL.arousal, "mean", (0.1, 0.2), "DimensionSettings.mean must have 3 parts"),
        (USUAL.arousal, "mean", 0.1, "3 parts"),
        (USUAL.arousal, "own_sd", (0.1, -0.1, 0.1), "from 0"),
        (USUAL.arousal, "own_length", 0.0, "above 0"),
        (USUAL.labels, "confounding", 1.2, "from -1 to 1"),
        (USUAL.audio[0], "r", 1.2, "from -1 to 1"),
    ],
)
def test_what_no_study_can_be_drawn_from_is_refused(of, name, value, said):
    with pytest.raises(mv.DesignError, match=said):
        replace(of, **{name: value})


def test_numbers_of_numpy_and_lists_are_as_good():
    assert replace(USUAL, lag_sd=np.float32(0.5)).lag_sd == 0.5
    assert replace(USUAL.arousal, mean=[0, 1, 0]).mean == (0, 1, 0)


def test_every_field_is_documented():
    for cls in (type(USUAL), type(USUAL.arousal), type(USUAL.labels), type(USUAL.audio[0])):
        assert is_dataclass(cls)
        head = cls.__doc__.partition("Notes\n")[0]
        for each in fields(cls):
            assert each.name in head, each.name


def test_settings_are_used_and_nothing_else_is_taken_for_them():
    quick = {"n_items": 9, "n_participants": 12, "features": False}
    far = replace(USUAL, arousal=replace(USUAL.arousal, mean=(0.9, 0.9, 0.9)))
    usual, changed = (mv.simulate_muvi(rng=1, settings=s, **quick) for s in (None, far))
    means = [float(study["annotations/arousal"].mean()) for study in (usual, changed)]
    assert means[1] > means[0] + 0.3
    for wrong in ({}, "muvi", 3, False):
        with pytest.raises(mv.DesignError, match="settings must be mv"):
            mv.simulate_muvi(settings=wrong, **quick)
        with pytest.raises(mv.DesignError, match="settings must be mv"):
            mv.power_study(settings=wrong, n_sims=1)

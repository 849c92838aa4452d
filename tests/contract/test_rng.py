"""A function that draws gives the same result each time, unless asked otherwise."""

from __future__ import annotations

import inspect

import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.results.frame import RESULT_COLUMNS

pytestmark = pytest.mark.slow

#: The simulator's None means the embedded study.
OWN_RULE = {"simulate_muvi"}

#: They simulate their own studies; their seeds are tested in test_false_alarms.py.
NO_STUDY = {"calibration", "power_study", "simulated_p_values"}

#: What a function needs so that it draws.
ARGUMENTS: dict[str, dict[str, object]] = {
    "audio_visual_contrast": {"n_resamples": 3},
    "chisquare": {"formula": "familiar ~ gender", "n_resamples": 299},
    "bilder_loughin": {"by": "overlay", "n_resamples": 299},
    "chisquare_labels": {"by": "gender", "n_resamples": 299},
    "interrater_ccc": {"level": "modality"},
    "kruskal": {"formula": "arousal ~ gender"},
    "over_time": {"formula": "arousal ~ modality", "level": "time", "n_resamples": 199},
    "mannwhitney": {"formula": "valence ~ gender"},
    "pairwise": {"formula": "arousal ~ gender", "n_resamples": 299},
    "pairwise_modality": {"n_resamples": 299},
    "permutation_test": {
        "statistic": lambda frame: frame.groupby("gender")["arousal"].mean().diff().iloc[-1],
        "by": "gender",
        "n_resamples": 99,
    },
    # those of the paper, which take a minute, are drawn twice in tests/stats/sensitivity
    "sensitivity_table": {"findings": ["arousal ~ modality", "valence ~ gender"]},
}


#: Functions that predict from features of the items.
NEEDS_FEATURES = {"audio_visual_contrast", "label_prediction"}


#: Functions of questions with one answer.
NEEDS_CHOICES = {"choice_agreement", "confusion_matrix", "hit_rates"}

#: Tests within items, of which a model takes the place in small studies.
NEEDS_MANY = {
    "kruskal_modality",
    "mannwhitney_overlay",
    "pairwise_modality",
    "sensitivity_table",
}


@pytest.fixture(scope="module")
def many() -> xr.DataTree:
    """A study with participants and items enough for arrangements."""
    return mv.simulate_muvi(
        rng=1, n_items=42, n_participants=45, features=False, without=("modality",)
    )


def fixture_of(name: str) -> str:
    """Study on which a function draws."""
    places = {"featured": NEEDS_FEATURES, "choices": NEEDS_CHOICES, "many": NEEDS_MANY}
    return next((fixture for fixture, names in places.items() if name in names), "study")


def drawing() -> list[str]:
    functions = {name: getattr(mv, name) for name in mv.__all__}
    return [
        name
        for name, function in functions.items()
        if inspect.isfunction(function) and "rng" in inspect.signature(function).parameters
    ]


@pytest.mark.parametrize("name", [name for name in drawing() if name not in OWN_RULE])
def test_the_default_seed_is_0(name):
    parameter = inspect.signature(getattr(mv, name)).parameters["rng"]
    assert parameter.default == 0
    assert parameter.default is not None
    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize(
    "name", [name for name in drawing() if name in RESULT_COLUMNS and name not in NO_STUDY]
)
def test_two_calls_agree_and_none_is_fresh(name, request):
    study = request.getfixturevalue(fixture_of(name))
    function = getattr(mv, name)
    parameters = inspect.signature(function).parameters
    arguments = ARGUMENTS.get(name, {})
    if "n_resamples" in parameters:
        arguments = {"n_resamples": 29, **arguments}
    first = function(study, **arguments)
    pd.testing.assert_frame_equal(first, function(study, **arguments))
    pd.testing.assert_frame_equal(first, function(study, **arguments, rng=0))
    # two p-values from few permutations can be equal by chance, five hardly
    fresh = (function(study, **arguments, rng=None) for _ in range(5))
    assert any(not first.equals(other) for other in fresh)

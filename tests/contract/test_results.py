"""Every public function that returns a result frame, run and held against the glossary."""

from __future__ import annotations

import inspect
import re

import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.results.frame import RESULT_COLUMNS
from muvistats.results.glossary import GLOSSARY
from muvistats.results.view import short_view

pytestmark = pytest.mark.slow

#: Arguments beyond the study, and the variants of each function that are run.
CALLS: dict[str, list[dict[str, object]]] = {
    "audio_visual_contrast": [{"n_resamples": 3}],
    "bayes_factor": [{"formula": f"valence ~ {right}"} for right in ("arousal", "gender")],
    "chisquare": [{"formula": "gender ~ modality"}],
    "chisquare_labels": [{"by": by} for by in ("modality", "gender", "familiar", "overlay")],
    "cochran": [{"formula": "calm ~ modality"}],
    "compare_with_human": [
        {"dimension": "arousal", "metric": metric} for metric in ("ccc", "roughness")
    ],
    "family_importance": [{"sets": [("visual", "visual")], "dimension": "arousal"}],
    "friedman": [{"formula": "arousal ~ modality"}],
    "kruskal": [{"formula": "arousal ~ modality"}],
    "label_deviations": [{"by": "years_of_training > 3"}],
    "lasso_models": [
        {"level": level, "dimension": "arousal"} for level in ("summary", "fold", "item")
    ],
    "mannwhitney": [{"formula": "valence ~ gender"}],
    "over_time": [{"formula": "arousal ~ modality"}],
    "pairwise": [{"formula": "arousal ~ gender"}],
    "partial_correlation": [{"formula": "valence ~ arousal", "given": "n_labels"}],
    "permutation_test": [{"statistic": len, "by": "gender"}],
    "personal_models": [
        {"sets": [("visual", "visual")], "dimension": "arousal", "model": "linear", "level": level}
        for level in ("summary", "participant", "annotation", "time")
    ],
    "rank_features": [{"level": level, "dimension": "arousal"} for level in ("feature", "family")],
    "rm_corr": [{"formula": "valence ~ arousal"}],
    "wilcoxon": [{"formula": "arousal ~ gender"}],
}


#: Functions that predict from features of the items.
NEEDS_FEATURES = {
    "audio_visual_contrast",
    "compare_with_human",
    "family_importance",
    "feature_roughness",
    "label_prediction",
    "lasso_models",
    "personal_models",
    "rank_features",
}


#: Functions of questions with one answer.
NEEDS_CHOICES = {"choice_agreement", "confusion_matrix", "hit_rates"}

#: Functions of people who rated the same again.
NEEDS_SESSIONS = {"retest_reliability"}


@pytest.fixture
def data(name: str, request: pytest.FixtureRequest) -> xr.DataTree:
    """A study that the function can work on."""
    if name in NEEDS_CHOICES:
        return request.getfixturevalue("choices")
    if name in NEEDS_SESSIONS:
        return request.getfixturevalue("rated_twice")
    return request.getfixturevalue("featured" if name in NEEDS_FEATURES else "study")


#: What takes no study: printed values, and functions that simulate their own.
NO_STUDY = {
    "calibration",
    "check_lists",
    "compare_published",
    "power_study",
    "published",
    "simulated_p_values",
}


def public_frames() -> list[str]:
    for name in mv.__all__:
        getattr(mv, name)  # importing registers its columns
    return sorted(set(RESULT_COLUMNS) & set(mv.__all__) - NO_STUDY)


@pytest.mark.parametrize("name", public_frames())
def test_frame_keeps_its_contract_and_the_study_stays(name, data, assert_types):
    """Few resamples, since only the form of the answer is looked at."""
    function, before = getattr(mv, name), data.copy(deep=True)
    few = {"n_resamples": 99} if "n_resamples" in inspect.signature(function).parameters else {}
    for arguments in CALLS.get(name, [{}]):
        frame = function(data, **few | arguments)
        assert isinstance(frame, pd.DataFrame)
        assert len(frame)
        assert tuple(frame.columns) == RESULT_COLUMNS[name]
        assert_types(frame)
        assert frame["simulated"].all()
        assert (frame["alignment"] == "as_recorded").all()
        assert isinstance(frame.index, pd.RangeIndex)
        assert_shown(frame)
        assert_reasons(frame, plain="level" not in arguments and name not in SEVERAL_P)
    assert data.identical(before)


#: Functions whose rows have p-values of several tests, and none of its own at the coarsest level.
SEVERAL_P = {"sensitivity_table"}


def assert_shown(frame: pd.DataFrame) -> None:
    """p, estimate and interval are shown where there are any, within 100 characters."""
    text = repr(frame)
    assert max(map(len, text.splitlines())) <= 100
    assert text.endswith(f"[{len(frame)} rows x {frame.shape[1]} columns]")
    titles = [column.title for column in short_view(frame).columns]
    for name, title in (("p_value", "p"), ("estimate", "Estimate"), ("conf_low", "95% CI")):
        if name in frame and frame[name].notna().any():
            assert title in titles, name
    few = frame.iloc[:3]
    said = mv.in_words(few)
    for name, text in (("p_value", r"\bp [=<>] "), ("conf_low", r"CI \["), ("n", r"\bn = ")):
        if name in few and few[name].notna().any():
            assert re.search(text, said), name


def assert_reasons(frame: pd.DataFrame, *, plain: bool) -> None:
    """A column without any value has a reason in each row, or in what the glossary says of it.

    At the coarsest level what answers is there, or each row says why not.
    """
    told = frame["warning"].notna().all()
    for name in frame.columns.drop("warning"):
        if frame[name].isna().all() and not told:
            assert "missing " in GLOSSARY[str(name)].description, name
            assert not (plain and name in ("p_value", "estimate", "conf_low")), name


def test_frames_of_other_things_than_a_study_are_shown_as_well(study):
    compared = mv.compare_published(mv.kruskal_modality(study, n_resamples=9), "kruskal_modality")
    lists = mv.check_lists(mv.design_lists(9, n_participants=12, per_cell=4))
    frames = [mv.published(), mv.published("table4"), compared, lists]
    for frame in [*frames, mv.calibration_table(), mv.calibration_table("grid")]:
        assert_shown(frame)
        assert_reasons(frame, plain=False)


@pytest.mark.parametrize("name", public_frames())
def test_what_is_no_study_is_a_data_error(name):
    for data in ([1, 2], pd.DataFrame({"x": [1.0]}), xr.DataTree(), None):
        with pytest.raises((mv.DataError, mv.DesignError)):
            getattr(mv, name)(data, **CALLS.get(name, [{}])[0])


@pytest.mark.parametrize("name", public_frames())
def test_docstring_has_its_returns_table_and_an_example(name):
    doc = getattr(mv, name).__doc__
    for column in RESULT_COLUMNS[name]:
        assert f"``{column}``" in doc
    assert ">>>" in doc
    assert "Raises" in doc or "Notes" in doc

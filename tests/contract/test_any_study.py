"""Every function on its defaults, on small studies of many kinds: an answer, or what is missing.

A function may refuse a study only for want of what the table says that it needs.
"""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv

pytestmark = pytest.mark.slow

#: What each small study has.
HAS = {
    "static": {"rating", "people"},
    "one_modality": {"rating", "people"},
    "choose_one": {"labels", "choice", "people"},
    "labels_only": {"labels", "people"},
    "session": {"rating", "people", "sessions"},
    "no_ids": {"rating"},
}

_RATING = (
    "demographic_model describe_annotations icc krippendorff_alpha kruskal_modality normality "
    "modality_correlations pairwise_modality plot_dimension_distributions plot_modality_medians "
    "plot_raincloud to_long weighted_kappa"
)
_LABELS = (
    "bilder_loughin chisquare_labels label_agreement label_correlations label_deviations "
    "label_frequencies label_models rao_scott"
)
_PEOPLE = "describe_participants rater_quality to_cube"
_SERIES = (
    "agreement_over_time ewe feature_models interrater_ccc lasso_models modality_contrasts "
    "modality_contribution noise_ceiling rank_features rater_lag compare_with_human "
    "family_importance audio_visual_contrast rates_of_change gold_standard dominance_over_time "
    "inter_subject_correlation representational_similarity plot_mean_trajectories"
)
_OTHERS = {
    "agreement_by_raters": {"rating", "people"},
    "compare_with_truth": {"truth"},
    "kendall_w": {"rating", "people"},
    "plot_label_plane": {"rating", "labels"},
    "plot_rater_concordance": {"series", "people"},
    "personal_models": {"rating", "people", "features"},
    "label_prediction": {"labels", "features"},
    "feature_roughness": {"features"},
    "label_alignment_check": {"trial"},
    "repeated_lists": {"trial"},
    "retest_reliability": {"rating", "people", "sessions"},
    "mannwhitney_overlay": {"overlay"},
    "overlay_preference": {"overlay"},
    "released_exclusions": {"MuVi"},
    "sensitivity_table": {"MuVi"},  # of its own findings; others take findings=
    "truncate": {"an argument"},
}
NEEDS: dict[str, set[str]] = {
    **{name: {"rating"} for name in _RATING.split()},
    **{name: {"labels"} for name in _LABELS.split()},
    **{name: {"choice"} for name in ("choice_agreement", "confusion_matrix", "hit_rates")},
    **{name: {"people"} for name in _PEOPLE.split()},
    **{name: {"series"} for name in _SERIES.split()},
    **_OTHERS,
}


def on_defaults() -> list[str]:
    """Functions of a study that ask for nothing else; the report has tests of its own."""
    found = []
    for name in sorted(set(mv.__all__) - {"write_report"}):
        function = getattr(mv, name)
        if callable(function) and not inspect.isclass(function):
            first, *others = [*inspect.signature(function).parameters.values()] or [None]
            asks = [p for p in others if p.default is p.empty]
            found += [name] if first is not None and first.name == "data" and not asks else []
    return found


@pytest.fixture(scope="module")
def studies() -> dict[str, xr.DataTree]:
    rng = np.random.default_rng(0)

    def rows(*extra: str) -> pd.DataFrame:
        sizes = {
            "item": range(6),
            "participant": range(5),
            "modality": ["a", "b"],
            "session": range(2),
        }
        keys = ["item", "participant", *extra]
        grid = pd.MultiIndex.from_product([sizes[key] for key in keys], names=keys)
        return grid.to_frame(index=False)

    def rated(frame: pd.DataFrame) -> pd.DataFrame:
        noise = rng.normal(size=len(frame))
        return frame.assign(calm=np.clip(np.round(3 + noise + frame["item"] / 4), 1, 5))

    def answered(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(emotion=rng.choice(["joy", "fear", "anger"], len(frame)))

    people = pd.DataFrame({"participant": range(5), "gender": list("fmfmf")})
    items = pd.DataFrame({"item": range(6), "intended": ["joy", "fear", "anger"] * 2})
    scale = {"dimensions": ["calm"], "scale": (1, 5)}
    chosen = rows().assign(**{name: rng.integers(0, 2, 30) for name in ("joy", "fear")})
    return {
        "static": mv.from_frames(rated(rows("modality")), participants=people, **scale),
        "one_modality": mv.from_frames(rated(rows()), participants=people, **scale),
        "choose_one": mv.from_frames(
            answered(rows()), labels="emotion", items=items, participants=people
        ),
        "labels_only": mv.from_frames(chosen, labels=["joy", "fear"], participants=people),
        "session": mv.from_frames(rated(rows("session")), participants=people, **scale),
        "no_ids": mv.from_frames(rated(rows("modality")).drop(columns="participant"), **scale),
    }


@pytest.mark.parametrize("kind", HAS)
@pytest.mark.parametrize("name", on_defaults())
def test_a_function_answers_or_says_what_is_missing(name, kind, studies):
    function = getattr(mv, name)
    taken = inspect.signature(function).parameters
    quick = {"n_resamples": 19, "progress": False}
    arguments = {key: value for key, value in quick.items() if key in taken}
    lacking = NEEDS.get(name, set()) - HAS[kind]
    if not lacking:
        function(studies[kind], **arguments)
        return
    with pytest.raises((mv.DataError, mv.DesignError)) as refused:
        function(studies[kind], **arguments)
    assert "MuVi" not in str(refused.value) or lacking == {"MuVi"}


def test_the_table_names_functions_on_their_defaults():
    assert set(NEEDS) <= set(on_defaults())

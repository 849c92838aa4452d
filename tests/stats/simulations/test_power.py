"""Planning: sizes, costs, and power that behaves as power does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import muvistats as mv
from muvistats.dataset.simulation.settings import SimulationSettings

FAST = {"n_resamples": 19, "cache": False, "progress": False}


def as_published(study):
    return mv.kruskal_modality(study, dependence="independent")


@pytest.fixture(scope="module")
def plan():
    return mv.power_study(
        as_published,
        effect="modality",
        n_participants=(12, 24),
        n_items=(6, 12),
        effect_multiplier=(0, 2),
        n_sims=8,
        **FAST,
    )


def test_every_combination_is_there(plan):
    sizes = plan[["n_participants", "n_items", "effect_multiplier"]].drop_duplicates()
    assert len(sizes) == 8
    published = plan[plan["dependence"] == "independent"]
    assert len(published) == 16  # two dimensions each
    assert (plan["n"] + plan["n_undefined"] == 8).all()


def test_cost_is_that_of_the_study_that_is_simulated(plan):
    for (people, items), rows in plan.groupby(["n_participants", "n_items"]):
        study = mv.simulate_muvi(rng=0, n_participants=people, n_items=items, features=False)
        n = study["annotations"].sizes["annotation"]
        assert set(rows["n_annotations"]) == {n}
        np.testing.assert_allclose(rows["participant_hours"], (n * 90 + people * 900) / 3600)


def test_cost_takes_the_times_that_are_given():
    found = mv.power_study(
        n_participants=12,
        n_items=6,
        n_sims=1,
        seconds_per_trial=30,
        seconds_of_labels=0,
        minutes_per_participant=0,
        **FAST,
    )
    np.testing.assert_allclose(found["participant_hours"], found["n_annotations"] * 30 / 3600)
    assert set(found["dependence"]) == {"independent", "design"}


def test_no_effect_is_a_false_alarm_and_more_effect_more_power(plan):
    none = plan["effect_multiplier"] == 0
    assert (plan.loc[none, "quantity"] == "false-alarm rate").all()
    assert (plan.loc[~none, "quantity"] == "power").all()
    published = plan["dependence"] == "independent"
    large = plan["n_participants"] * plan["n_items"] == 24 * 12
    assert plan.loc[published & ~none & large, "estimate"].mean() > 0.8
    assert plan.loc[published & none, "estimate"].mean() < 0.4


def test_limits_are_exact(plan):
    for row in plan.itertuples():
        exact = stats.binomtest(row.n_rejected, row.n).proportion_ci(0.95, method="exact")
        assert row.conf_low == pytest.approx(exact.low, abs=1e-12)
        assert row.conf_high == pytest.approx(exact.high, abs=1e-12)


def test_raters_that_participants_do_not_suffice_for():
    found = mv.power_study(n_participants=9, n_items=6, raters_per_cell=(2, 5), n_sims=1, **FAST)
    assert sorted(set(found["raters_per_cell"])) == [2, 3]
    few = found[found["raters_per_cell"] == 3]
    assert (few["warning"].str.contains("too few participants for 5 raters: 3")).all()
    assert not found.loc[found["raters_per_cell"] == 2, "warning"].str.contains("raters").any()


def test_a_shift_of_levels_can_be_planned_for():
    """Gender moves arousal only where the settings say so."""
    from dataclasses import replace

    default = SimulationSettings()
    shifted = replace(default, arousal=replace(default.arousal, female=0.5))
    found = mv.power_study(
        "mannwhitney: gender", n_participants=24, n_items=6, n_sims=8, settings=shifted, **FAST
    )
    published = found[found["dependence"] == "independent"].set_index("dimension")
    assert published.loc["arousal", "quantity"] == "power"
    assert published.loc["arousal", "estimate"] > 0.8


def test_own_test_needs_its_factor():
    def always(_study):
        return 0.0

    with pytest.raises(mv.DesignError, match="give effect"):
        mv.power_study(always, n_participants=9, n_items=3, n_sims=1, **FAST)
    found = mv.power_study(always, effect="gender", n_participants=9, n_items=3, n_sims=2, **FAST)
    assert found["estimate"].tolist() == [1.0]
    assert found["quantity"].tolist() == ["power"]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"n_participants": 2}, "3 participants or more"),
        ({"n_participants": 0}, "n_participants"),
        ({"n_items": 2.5}, "n_items"),
        ({"n_items": ()}, "n_items"),
        ({"effect_multiplier": -1}, "effect_multiplier"),
        ({"effect_multiplier": float("nan")}, "effect_multiplier"),
        ({"seconds_per_trial": -60}, "negative"),
        ({"test": "mannwhitney_overlay"}, "overlay"),
        ({"test": ["kruskal_modality", "kruskal: gender"]}, "give effect"),
        ({"effect": "age"}, "age"),
        ({"n_sims": 0}, "n_sims"),
        ({"seconds_of_labels": "a"}, "seconds_of_labels"),
        ({"minutes_per_participant": float("inf")}, "minutes_per_participant"),
        ({"n_jobs": 2.5}, "n_jobs"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, match):
    with pytest.raises(mv.DesignError, match=match):
        mv.power_study(**{"n_participants": 9, "n_items": 3, "n_sims": 1} | FAST | arguments)

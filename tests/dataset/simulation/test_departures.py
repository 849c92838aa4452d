"""Null hypotheses of the simulation: what is gone, and what stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.dataset.simulation.settings import SimulationSettings

DEFAULT = SimulationSettings()


def small(**options: object) -> xr.DataTree:
    return mv.simulate_muvi(
        **{"rng": 1, "n_items": 18, "n_participants": 30, "features": False} | options
    )


def with_levels(**changes: float) -> SimulationSettings:
    return replace(
        DEFAULT,
        arousal=replace(DEFAULT.arousal, **changes),
        valence=replace(DEFAULT.valence, **changes),
    )


def with_labels(**changes: float) -> SimulationSettings:
    return replace(DEFAULT, labels=replace(DEFAULT.labels, **changes))


def values(study: xr.DataTree, name: str) -> np.ndarray:
    return study[f"annotations/{name}"].to_numpy()


# modality matters for items, not on average


def test_without_modality_mean_only_the_average_goes():
    truth = small(n_items=400, without="modality_mean")["truth"].to_dataset()
    whole = small(n_items=400)["truth"].to_dataset()
    level = truth["item_level"].to_numpy()
    # means over 400 items agree within four standard errors of a difference; before, they did not
    for d, sd in enumerate((DEFAULT.arousal.item_sd, DEFAULT.valence.item_sd)):
        assert np.ptp(level[d].mean(axis=0)) < 4 * sd * np.sqrt(2 / 400)
        assert np.ptp(whole["item_level"].to_numpy()[d].mean(axis=0)) > 0.15
        # single items still differ between sound and picture
        assert np.std(level[d, :, 1] - level[d, :, 0]) > 0.5 * sd
    pull = truth["label_item"].to_numpy()
    assert np.std(pull[:, 1] - pull[:, 0], axis=0).min() > 0.6
    loadings = truth["label_loading"].to_dataset(dim="loading")
    assert (loadings["visual"] == 0).all()
    assert (loadings["audiovisual"] == 0).all()
    assert (loadings["familiar"] != 0).any()


def test_without_modality_mean_knowing_does_not_depend_on_modality():
    shares = []
    for without in ((), "modality_mean"):
        frame = mv.annotation_frame(small(n_items=200, n_participants=60, without=without))
        known = frame["familiar"] == "familiar"
        shares.append(known.groupby(frame["modality"], observed=True).mean())
    assert np.ptp(shares[0]) > 0.25
    assert np.ptp(shares[1]) < 0.06


def test_items_and_modality_means_vary_as_before():
    """The distribution of one item's level in one modality has the same spread in each."""
    level = small(n_items=1000, without="modality_mean", n_lists=15)["truth/item_level"].to_numpy()
    spread = level.std(axis=1)
    np.testing.assert_allclose(spread / spread[:, :1], 1, atol=0.11)


# modality matters for participants, not on average


def test_participants_get_own_modality_effects():
    settings = with_levels(participant_modality_sd=0.2)
    settings = replace(settings, labels=replace(settings.labels, participant_modality_sd=0.8))
    options = {"n_items": 120, "n_participants": 200, "without": "modality", "n_lists": 100}
    plain, own = small(**options), small(**options, settings=settings)
    truth = own["truth"].to_dataset()
    level = truth["participant_modality_level"].transpose("dimension", "participant", "modality")
    assert level.shape == (2, 200, 3)
    np.testing.assert_allclose(level.std(["participant", "modality"]), 0.2, atol=0.02)
    assert np.abs(level.mean("participant")).max() < 4 * 0.2 / np.sqrt(200)
    liking = truth["label_participant_modality"]
    np.testing.assert_allclose(liking.std(), 0.8, atol=0.02)
    np.testing.assert_allclose(liking.std(["participant", "modality"]), 0.8, atol=0.15)
    # and it is in the ratings: in each participant x modality cell the change follows the level
    change = np.nanmean(values(own, "arousal")[:, 30:] - values(plain, "arousal")[:, 30:], axis=1)
    cell = pd.DataFrame(
        {name: values(own, name) for name in ("participant", "modality")} | {"change": change}
    )
    found = cell.groupby(["participant", "modality"])["change"].mean()
    expected = level.sel(dimension="arousal").to_series()[found.index]
    slope, _ = np.polyfit(expected, found, 1)
    assert np.corrcoef(expected, found)[0, 1] > 0.95
    assert 0.8 < slope < 1.1  # the border of the scale holds some back
    more = values(own, "labels").sum() - values(plain, "labels").sum()
    assert more != 0


def test_own_modality_effects_go_with_the_participants():
    settings = with_levels(participant_modality_sd=0.2)
    truth = small(without="participant", settings=settings)["truth"]
    assert "participant_modality_level" not in truth
    assert "participant_modality_level" not in small()["truth"]


# levels that depend on traits


@pytest.mark.parametrize(
    ("setting", "effect", "who"),
    [("female", "gender", "gender"), ("trained", "training", "years_of_training")],
)
def test_levels_shift_for_a_trait(setting, effect, who):
    plain = small()
    shifted = small(settings=with_levels(**{setting: 0.2}))
    off = small(settings=with_levels(**{setting: 0.2}), without=effect)
    np.testing.assert_array_equal(values(off, "arousal"), values(plain, "arousal"))
    frame = mv.annotation_frame(plain)
    has = frame[who] == "Female" if who == "gender" else frame[who] > 3
    change = np.nanmedian(values(shifted, "valence") - values(plain, "valence"), axis=1)
    assert change[~has].tolist() == [0.0] * (~has).sum()
    assert 0.15 < np.median(change[has]) < 0.22


def test_levels_shift_for_known_items():
    plain, shifted = small(), small(settings=with_levels(familiar=0.2))
    np.testing.assert_array_equal(values(plain, "familiar"), values(shifted, "familiar"))
    known = values(plain, "familiar") == 1
    change = np.nanmedian(values(shifted, "arousal") - values(plain, "arousal"), axis=1)
    assert (change[~known] == 0).all()
    assert 0.15 < np.median(change[known]) < 0.22
    off = small(settings=with_levels(familiar=0.2), without="familiarity")
    np.testing.assert_array_equal(values(off, "arousal"), values(plain, "arousal"))


# confounding


def test_confounding_ties_knowing_to_items_and_people():
    options = {"n_items": 400, "n_participants": 300, "n_lists": 300}
    free = small(**options)["truth"].to_dataset()
    tied = small(**options, settings=with_labels(confounding=0.6))["truth"].to_dataset()
    for truth, expected in ((free, 0.0), (tied, 0.6)):
        trait = truth["item_trait"].mean("modality").to_numpy()
        score = (trait / trait.std(axis=1, keepdims=True)).sum(axis=0)
        r_item = np.corrcoef(truth["familiar_item"], score)[0, 1]
        assert abs(r_item - expected) < 0.15
        level = truth["participant_level"].to_numpy()
        r_level = np.corrcoef(truth["familiar_participant"], level.sum(axis=0))[0, 1]
        r_habit = np.corrcoef(truth["familiar_participant"], truth["label_habit"])[0, 1]
        assert abs(r_level - expected / np.sqrt(2)) < 0.15  # two of four parts
        assert abs(r_habit - expected / 2) < 0.15
    for name in ("familiar_item", "familiar_participant"):
        assert abs(float(tied[name].std() / free[name].std()) - 1) < 0.15


def test_confounding_moves_nothing_but_familiarity():
    without = "familiarity"
    free = small(without=without)
    tied = small(without=without, settings=with_labels(confounding=0.6))
    for name in ("arousal", "valence", "labels"):
        np.testing.assert_array_equal(values(free, name), values(tied, name))
    assert (values(free, "familiar") != values(tied, "familiar")).any()


def test_confounding_looks_like_an_effect():
    effects = []
    for confounding in (0.0, 0.6):
        study = mv.simulate_muvi(
            rng=3,
            n_items=300,
            n_participants=150,
            features=False,
            without=("familiarity", "modality"),
            settings=with_labels(confounding=confounding),
        )
        frame = mv.annotation_frame(study)
        known = frame["familiar"] == "familiar"
        effects.append(frame.loc[known, "valence"].mean() - frame.loc[~known, "valence"].mean())
    assert abs(effects[0]) < 0.05 < 0.1 < effects[1]


@pytest.mark.parametrize("confounding", [1.2, -1.2, float("nan")])
def test_impossible_confounding_is_refused(confounding):
    with pytest.raises(mv.DesignError, match="confounding"):
        small(settings=with_labels(confounding=confounding))

"""The simulated study: design, effects, truth and calibration."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.dataset.release.emobase import emobase_family, emobase_names
from muvistats.dataset.simulation.features import SIGNAL_FAMILIES
from muvistats.dataset.simulation.settings import (
    DEFAULT_SEED,
    EFFECTS,
    SimulationSettings,
    label_settings,
)

ROOT = Path(__file__).resolve().parents[3]


def small(**options: object) -> xr.DataTree:
    return mv.simulate_muvi(**{"rng": 1, "n_items": 18, "n_participants": 30} | options)


def keys(study: xr.DataTree) -> pd.DataFrame:
    annotations = study["annotations"].to_dataset()
    names = ("item", "modality", "participant", "trial", "overlay")
    return pd.DataFrame({name: annotations[name].to_numpy() for name in names})


# the design


def test_default_lists_are_those_of_the_release(default_study):
    table = keys(default_study)
    table["participant"] = table["participant"].astype(int)
    first = table[table["participant"] < 40]
    assert len(table) == 1494
    assert first.groupby(["item", "modality"]).size().tolist() == [5] * 243
    seen = first[first["modality"] != "music"].groupby(["item", "modality"])["overlay"]
    assert seen.sum().tolist() == [2] * 162
    assert (table.loc[table["modality"] == "music", "overlay"] == -1).all()
    assert set(first.groupby("participant").size()) == {30, 31}
    assert not table.duplicated(["item", "participant"]).any()
    for participant in range(40, 49):
        lists = [
            table[table["participant"] == p].sort_values("trial").drop(columns="participant")
            for p in (participant, participant - 40)
        ]
        pd.testing.assert_frame_equal(*(rows.reset_index(drop=True) for rows in lists))


def test_trials_are_numbered_and_in_no_order_of_items(default_study):
    table = keys(default_study).sort_values(["participant", "trial"])
    steps = table.groupby("participant")["trial"].apply(list)
    assert all(trials == list(range(1, len(trials) + 1)) for trials in steps)
    number = table["item"].str.extract(r"(\d+)")[0].astype(int)
    table["rises"] = number.groupby(table["participant"]).diff() > 0
    assert 0.4 < table["rises"].mean() < 0.6
    # modality of one trial says nothing about that of the next
    repeats = table["modality"] == table.groupby("participant")["modality"].shift()
    assert abs(repeats[table["trial"] > 1].mean() - 1 / 3) < 0.05


@pytest.mark.parametrize(
    ("n_items", "n_participants", "raters", "lists"),
    [(9, 12, 4, 12), (27, 24, 5, 15), (5, 3, 1, 3), (1, 20, 5, 15), (100, 60, 5, 50)],
)
def test_balance_holds_for_other_sizes(n_items, n_participants, raters, lists):
    study = small(n_items=n_items, n_participants=n_participants, features=False)
    table = keys(study)
    trial_list = study["truth/trial_list"].to_numpy()
    assert trial_list.tolist() == [p % lists for p in range(n_participants)]
    once = table[table["participant"].astype(int) < lists]
    assert once.groupby(["item", "modality"]).size().tolist() == [raters] * (3 * n_items)
    shown = once[once["modality"] != "music"].groupby(["item", "modality"])["overlay"].sum()
    assert set(shown) == {round(0.4 * raters)}
    assert not table.duplicated(["item", "participant"]).any()
    lengths = once.groupby("participant").size()
    assert lengths.max() - lengths.min() <= 1


def test_independent_assignment_draws_modality_and_overlay_freely():
    study = small(n_items=60, n_participants=60, assignment="independent", features=False)
    table = keys(study)
    assert set(table.groupby("participant").size()) == {30}
    assert not table.duplicated(["item", "participant"]).any()
    shares = table["modality"].value_counts(normalize=True)
    assert np.abs(shares - 1 / 3).max() < 0.04
    assert table.groupby(["item", "modality"]).size().nunique() > 3
    overlaid = table.loc[table["modality"] != "music", "overlay"].mean()
    assert abs(overlaid - 0.5) < 0.06


@pytest.mark.parametrize(
    "options",
    [
        {"n_items": 0},
        {"n_participants": 2},
        {"raters_per_cell": 0},
        {"n_lists": 14},
        {"n_lists": 31},
        {"assignment": "random"},
        {"assignment": "independent", "n_lists": 20},
        {"without": "modalities"},
    ],
)
def test_impossible_designs_are_refused(options):
    with pytest.raises(mv.DesignError):
        small(features=False, **options)


# seeds


def test_the_same_seed_gives_the_same_study():
    xr.testing.assert_identical(small(features=False), small(features=False))
    other = small(features=False, rng=2)
    assert not np.array_equal(keys(other)["trial"], keys(small(features=False))["trial"])


def test_no_seed_is_the_embedded_study(default_study):
    again = mv.simulate_muvi(rng=DEFAULT_SEED, features=False)
    xr.testing.assert_identical(again, default_study)


def test_features_and_effects_leave_other_draws_alone():
    plain = small(features=False)["annotations"].to_dataset()
    xr.testing.assert_identical(small()["annotations"].to_dataset(), plain)
    changed = small(features=False, without="gender")["annotations"].to_dataset()
    xr.testing.assert_identical(changed["arousal"], plain["arousal"])
    assert not np.array_equal(changed["labels"], plain["labels"])


def test_provenance(default_study):
    assert default_study.attrs["simulated"] == 1
    assert default_study.attrs["study"] == "MuVi, simulated"
    assert str(DEFAULT_SEED) in default_study.attrs["source"]
    assert default_study.attrs["label_alignment"] == "as_recorded"
    truth = default_study["truth"].attrs
    assert truth["seed"] == str(DEFAULT_SEED)
    assert truth["effects"].split() == list(EFFECTS)
    assert json.loads(truth["settings"]) == json.loads(SimulationSettings().to_json())


# the cursor


def test_cursors_move_on_the_pixel_grid_from_the_centre(default_study):
    for name in ("arousal", "valence"):
        values = default_study[f"annotations/{name}"].to_numpy()
        steps = values * 115
        there = ~np.isnan(values)
        np.testing.assert_allclose(steps[there], np.round(steps[there]), atol=1e-9)
        assert np.abs(values[there]).max() <= 1
        assert (values[:, 0] == 0).all()


def test_lengths_are_those_of_the_release(default_study):
    samples = np.isfinite(default_study["annotations/arousal"].to_numpy()).sum(axis=1)
    participant = default_study["annotations/participant"].to_numpy()
    assert set(samples) == {111, 118, 119, 120}
    assert participant[samples == 111].tolist() == ["23"]
    kept = mv.released_exclusions(default_study)["annotations/keep_dynamic"].to_numpy()
    assert 10 <= (~kept).sum() <= 26  # 18 in the release


def test_trajectories_are_smooth_and_raters_follow_the_truth(default_study):
    annotations = default_study["annotations"].to_dataset()
    truth = default_study["truth/trajectory"].sel(dimension="arousal")
    rated = annotations["arousal"].to_numpy()
    # few large jumps between samples once the cursor is under way
    jumps = np.abs(np.diff(rated[:, 20:118], axis=1))
    assert np.nanquantile(jumps, 0.99) < 0.15
    assert (jumps == 0).mean() > 0.3  # it rests between moves
    item = pd.Index(truth["item"].to_numpy()).get_indexer(annotations["item"].to_numpy())
    modality = pd.Index(truth["modality"].to_numpy()).get_indexer(
        annotations["modality"].to_numpy()
    )
    target = truth.to_numpy()[item, modality]
    level = np.corrcoef(np.nanmean(rated[:, 20:], axis=1), target[:, 20:].mean(axis=1))[0, 1]
    assert level > 0.4


def test_the_reaction_lag_is_in_the_ratings():
    still_noise = replace(SimulationSettings(), dead_zone=0.0, speed=1.0, gain_sd=0.0)
    both = {
        name: small(
            n_items=30,
            features=False,
            without=("participant", "rater", "short_annotations", "still_cursors", *off),
            settings=still_noise,
        )
        for name, off in (("late", ()), ("prompt", ("reaction_lag",)))
    }
    late, prompt = (both[k]["annotations/arousal"].to_numpy() for k in ("late", "prompt"))
    lag = SimulationSettings().lag_mean / 0.5
    assert lag == int(lag)
    shift = int(lag)
    np.testing.assert_allclose(late[:, 40:], prompt[:, 40 - shift : -shift], atol=1.01 / 115)


# what can be switched off


def medians(**options: object) -> pd.DataFrame:
    return mv.annotation_frame(mv.simulate_muvi(n_items=81, features=False, **options))


def between(frame: pd.DataFrame, factor: str, value: str = "arousal") -> float:
    """Share of the variance of annotations that lies between the levels of a factor."""
    means = frame.groupby(factor, observed=True)[value].transform("mean")
    return float(means.var() / frame[value].var())


def test_without_modality_nothing_depends_on_it():
    statistics, familiar = [], []
    for seed in range(4):
        frame = medians(rng=seed, without="modality")
        statistics += mv.kruskal(frame, "arousal ~ modality", n_resamples=0)["statistic"].tolist()
        known = frame["familiar"] == "familiar"
        familiar.append(known.groupby(frame["modality"], observed=True).mean())
    # balanced lists and item effects make H smaller than chi-square with two degrees of freedom
    assert np.mean(statistics) < 4
    assert pd.DataFrame(familiar).mean().std() < 0.02
    frame = medians(rng=0, without="modality")
    assert between(frame, "item") > 0.15
    assert between(frame, "participant") > 0.05
    assert mv.kruskal(medians(rng=0), "arousal ~ modality", n_resamples=0)["statistic"][0] > 30


def test_without_modality_the_modalities_share_one_truth():
    truth = small(features=False, without="modality")["truth"].to_dataset()
    for name in ("item_level", "label_item"):
        values = truth[name].transpose("modality", ...).to_numpy()
        np.testing.assert_array_equal(values[1], values[0])
        np.testing.assert_array_equal(values[2], values[0])
    np.testing.assert_array_equal(
        truth["trajectory"].sel(modality="visual"), truth["trajectory"].sel(modality="music")
    )


def test_without_item_items_are_alike():
    with_items, without = (
        between(medians(rng=3, without=off), "item") for off in ((), ("item", "modality"))
    )
    assert with_items > 0.15
    # 80 of 1,493 degrees of freedom, and the modalities are balanced over items
    assert without < 0.09
    truth = small(features=False, without=("item", "modality"))["truth"].to_dataset()
    assert truth["trajectory"].std(["item", "time"]).max() < 1e-12
    assert truth["label_item"].std("item").max() < 1e-12


def test_without_participant_people_are_alike():
    off = ("participant", "gender", "training", "modality")
    assert between(medians(rng=3, without=off), "participant", "n_labels") < 0.06
    assert between(medians(rng=3), "participant", "n_labels") > 0.25
    truth = small(features=False, without=off)["truth"].to_dataset()
    assert (truth["participant_level"] == 0).all()
    assert (truth["gain"] == 1).all()
    assert (truth["label_participant"] == 0).all()
    assert float(truth["reaction_lag"].std()) < 1e-12


@pytest.mark.parametrize(
    ("effect", "column"),
    [("gender", "female"), ("training", "trained"), ("familiarity", "familiar")],
)
def test_label_effects_are_switched(effect, column):
    on, off = (
        small(features=False, without=w)["truth/label_loading"].sel(loading=column)
        for w in ((), effect)
    )
    assert (off == 0).all()
    assert float(np.abs(on).max()) > 0.1


def test_the_familiarity_effect_is_gone():
    def cramer(without: str | tuple[str, ...]) -> float:
        study = mv.simulate_muvi(rng=5, features=False, without=without)
        return float(mv.chisquare_labels(study, by="familiar")["effect_size"].iloc[0])

    # knowing depends on modality too, which moves labels of its own
    assert cramer(("familiarity", "modality")) < 0.05 < 0.15 < cramer("modality")


def test_still_cursors_short_annotations_and_raters_are_switched():
    study = small(
        features=False, without=("still_cursors", "short_annotations", "rater", "participant")
    )
    values = study["annotations/arousal"].to_numpy()
    assert np.isfinite(values).all()
    assert (np.ptp(values, axis=1) > 0).mean() > 0.95
    annotations = study["annotations"].to_dataset()
    cell = keys(study).groupby(["item", "modality"]).ngroup().to_numpy()
    late = values[:, 60:]  # all raters of a cell agree, up to onset and dead zone
    spread = pd.DataFrame(late).groupby(cell).std().to_numpy()
    noisy = small(features=False, without=("still_cursors", "short_annotations"))
    other = pd.DataFrame(noisy["annotations/arousal"].to_numpy()[:, 60:]).groupby(cell).std()
    assert spread.mean() < 0.06 < 0.2 < other.to_numpy().mean()
    assert annotations.sizes["annotation"] == len(values)


# labels and people


def test_every_annotation_has_a_label_and_familiarity(default_study):
    labels = default_study["annotations/labels"].to_numpy()
    assert set(np.unique(labels)) == {0, 1}
    assert (labels.sum(axis=1) >= 1).all()
    assert set(np.unique(default_study["annotations/familiar"])) == {0, 1}


def test_labels_follow_the_planted_logits():
    study = mv.simulate_muvi(rng=2, n_items=200, n_participants=120, features=False)
    truth = study["truth"].to_dataset()
    annotations = study["annotations"].to_dataset()
    index = {
        key: pd.Index(truth[key].to_numpy()).get_indexer(annotations[key].to_numpy())
        for key in ("item", "modality", "participant")
    }
    logit = truth["label_item"].to_numpy()[index["item"], index["modality"]]
    logit = logit + truth["label_participant"].to_numpy()[index["participant"]]
    known = truth["label_loading"].sel(loading="familiar").to_numpy()
    logit = logit + np.outer(annotations["familiar"], known)
    chosen = annotations["labels"].to_numpy().astype(float)
    for name in ("energetic", "sad", "nostalgic"):
        k = truth["label"].to_numpy().tolist().index(name)
        # the reading of the category is not in the truth, so chances are flatter than the logit
        decile = pd.qcut(logit[:, k], 10, labels=False)
        share = pd.Series(chosen[:, k]).groupby(decile).mean()
        assert share.is_monotonic_increasing or share.diff().min() > -0.03
        assert share.iloc[-1] - share.iloc[0] > 0.4


def test_people_have_the_released_shares(default_study):
    people = default_study["participants"].to_dataset()
    assert (people["gender"] == "Male").sum() == 31
    assert (people["years_of_training"] > 3).sum() == 22
    assert (people["overlay_preference"] == 0).sum() == 31
    assert people["age"].min() >= 19
    assert people["age"].max() <= 35


def test_label_settings_cover_the_taxonomy():
    table = label_settings()
    assert table["label"].tolist() == mv.gems_taxonomy()["label"].tolist()
    assert np.isfinite(table.drop(columns="label").to_numpy()).all()


# features


def test_emobase_names():
    names = emobase_names()
    assert len(names) == len(set(names)) == 988
    assert names[0] == "pcm_intensity_sma_max"
    assert names[18] == "pcm_intensity_sma_iqr1-3"
    assert names[19 * 14] == "lspFreq_sma[0]_max"
    assert names[494] == "pcm_intensity_sma_de_max"
    sizes = pd.Series([emobase_family(name) for name in names]).value_counts()
    assert sizes["mfcc"] == 12 * 38
    assert sizes["line_spectral_frequencies"] == 8 * 38
    assert set(sizes.drop(["mfcc", "line_spectral_frequencies"])) == {38}
    with pytest.raises(mv.DataError, match="not an emobase feature"):
        emobase_family("mfcc_sma[13]_max")


def test_features_carry_the_planted_signal():
    study = small(n_items=81, n_participants=6)
    truth = study["truth"].to_dataset()
    both = ["music", "visual"]
    level = truth["item_level"].sel(modality=both).to_numpy()[..., None]
    shape = truth["trajectory"].sel(modality=both).to_numpy() - level
    settings = SimulationSettings()
    late = np.maximum(np.arange(shape.shape[-1]) - round(settings.feature_lag / 0.5), 0)
    for own, kind in enumerate(("audio", "visual")):
        features = study[f"features/{kind}"].to_dataset()
        values = features["values"].to_numpy()
        loading = truth[f"{kind}_loading"].to_numpy()
        family = features["family"].to_numpy()
        chosen = settings.features_of(kind)
        course = np.reshape([one.course for one in chosen], (2, 1, 1, 1))
        other = np.reshape([one.other for one in chosen], (2, 1, 1))
        carried_paths = level + course * shape[..., late]
        path = (carried_paths[:, :, own] + other * carried_paths[:, :, 1 - own]).reshape(2, -1)
        flat = values.reshape(-1, values.shape[-1])
        there = ~np.isnan(flat[:, 0])
        found = np.corrcoef(path[:, there], flat[there].T.astype(float))[:2, 2:]
        carried = (loading != 0).any(axis=0)
        mixing = np.corrcoef(path)  # a feature of valence follows arousal as far as these do
        expected = mixing @ loading
        assert np.abs(found - expected)[:, carried].max() < 0.2
        assert np.corrcoef(found[:, carried].ravel(), expected[:, carried].ravel())[0, 1] > 0.95
        assert np.abs(found[:, ~carried]).mean() < 0.05
        for d, dimension in enumerate(("arousal", "valence")):
            assert set(family[loading[d] != 0]) == set(SIGNAL_FAMILIES[kind][dimension])
    assert tuple(study["features/audio/feature"].to_numpy()) == emobase_names()
    assert study["features/visual"].sizes["feature"] == 60


def test_without_feature_signal_features_are_noise():
    study = small(without="feature_signal")
    assert (study["truth/audio_loading"] == 0).all()
    assert (study["truth/visual_loading"] == 0).all()
    assert "features" not in small(features=False).children


# size


def test_no_dense_cube_for_large_studies():
    study = small(n_items=1200, n_participants=40, assignment="independent", features=False)
    assert "trajectory" not in study["truth"]
    assert "1000 items" in study["truth"].attrs["note"]
    assert study["annotations"].sizes["annotation"] == 40 * 30 * 15


# calibration


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location(
        "calibrate_simulation", ROOT / "data" / "calibrate_simulation.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def table():
    """The committed table."""
    source = files("muvistats.data") / "simulation" / "calibration.csv"
    with source.open(encoding="utf-8") as stream:
        return pd.read_csv(stream)


def test_the_calibration_table_is_that_of_the_default_draw(script, default_study, table):
    now = script.measure(default_study)
    for column in ("reading", "statistic", "key", "quantity"):
        assert now[column].fillna("").tolist() == table[column].fillna("").tolist()
    np.testing.assert_allclose(table["default_draw"], now["value"], atol=2e-6, rtol=1e-6)
    np.testing.assert_allclose(table["target"], now["target"], atol=2e-6)
    within = (now["value"] - now["target"]).abs() <= table["tolerance"]
    assert within.tolist() == table["within"].tolist()
    # a tolerance is two standard deviations of a draw, so some rows lie outside by chance
    counts = script.table_of_counts(table)
    assert within[counts].mean() >= 0.9
    assert within[~counts].mean() >= 0.95
    main = table["statistic"].isin(["describe_annotations", "kruskal_modality_group"])
    assert within[main | (table["statistic"] == "modality_correlations")].all()
    # the settings, apart from the luck of the draw: no mean of the draws is far from its target
    varies = table["sd_of_draws"] > 0
    bias = ((table["mean_of_draws"] - table["target"]) / table["sd_of_draws"])[varies & ~counts]
    assert bias.abs().max() < 2
    assert (bias**2).mean() < 0.5
    assert table["setting"].notna().all()


def test_the_tolerances_can_fail(script, table):
    """A study without modality effects misses the printed values."""
    other = script.measure(mv.simulate_muvi(features=False, without="modality"))
    gap = (other["value"] - other["target"]).abs()
    missed = table.loc[(gap > table["tolerance"]).to_numpy()]
    assert {"kruskal_modality", "chisquare_labels", "familiar"} <= set(missed["statistic"])

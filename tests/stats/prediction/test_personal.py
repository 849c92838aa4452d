"""Personal models: planted habits are found, none are invented, and nothing held out leaks in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import xarray as xr
from scipy import stats

import muvistats as mv
from muvistats.dataset.simulation.settings import SimulationSettings
from muvistats.kernels.regression.folds import fold_labels

ASKED = {"dimension": "arousal", "model": "linear", "sets": [("music", "visual")]}
HABITS = ["habit_level", "habit_reach", "lag_seconds"]


def featured(study: xr.DataTree, values: np.ndarray, time: np.ndarray, items) -> xr.DataTree:
    """The study with these features of the picture, (item, time, feature)."""
    names = [f"f{k}" for k in range(values.shape[-1])]
    coords = {"item": items, "time": time, "feature": names, "family": ("feature", names)}
    dataset = xr.Dataset({"values": (("item", "time", "feature"), values)}, coords=coords)
    return mv.with_features(study, dataset, kind="visual")


def simulated(without: tuple[str, ...] = ()) -> xr.DataTree:
    """Raters with strong habits, or none, and three features that tell what items convey."""
    usual = SimulationSettings()
    arousal = replace(
        usual.arousal,
        participant_sd=0.25,
        rater_sd=0.1,
        shared_sd=(0.2, 0.2, 0.2),
        shared_spread=0.3,
        own_sd=(0.05, 0.05, 0.05),
    )
    drawn = mv.simulate_muvi(
        rng=3,
        n_items=24,
        n_participants=24,
        features=False,
        settings=replace(usual, arousal=arousal, gain_sd=0.5, onset_mean=0.5, dead_zone=0.03),
        without=(*without, "still_cursors"),
    )
    study = mv.truncate(drawn, steps=60, start=5)  # the cursor starts at the centre
    told = drawn["truth/trajectory"].sel(dimension="arousal").transpose("item", "time", "modality")
    told = told.sel(time=study["annotations/time"].to_numpy())
    values = told.to_numpy() + np.random.default_rng(0).normal(0, 0.05, told.shape)
    return featured(study, values, told["time"].to_numpy(), told["item"].to_numpy())


@pytest.fixture(scope="module")
def planted() -> xr.DataTree:
    return simulated()


def of(frame: pd.DataFrame, raters: str, metric: str = "rmse") -> pd.DataFrame:
    return frame[(frame["raters"] == raters) & (frame["metric"] == metric)]


def test_planted_habits_are_gained_and_found(planted):
    frame = mv.personal_models(planted, **ASKED)
    known, unknown = of(frame, "known"), of(frame, "unknown")
    assert (known["conf_low"] > 0).all()
    assert (known["effect_size"] > 0.15).all()
    assert (known["mean2"] > known["noise_ceiling"]).all()
    assert (unknown["conf_low"] < 0).all()
    people = mv.personal_models(planted, level="participant", **ASKED)
    own = of(people, "known").groupby("participant")[HABITS].first()
    truth = planted["truth"].dataset.sel(participant=own.index.to_numpy())
    level = truth["participant_level"].sel(dimension="arousal")
    assert np.corrcoef(own["habit_level"], level)[0, 1] > 0.95
    frame = mv.annotation_frame(planted, summary="mean")
    cells = frame.groupby(["item", "modality"], observed=True)["arousal"]
    n = cells.transform("count")
    apart = (frame["arousal"] - cells.transform("mean")) * n / (n - 1)
    plain = apart.groupby(frame["participant"]).mean().loc[own.index]
    assert 0.85 < np.polyfit(plain, own["habit_level"], 1)[0] < 1  # shrunken, and not by much
    assert np.corrcoef(own["habit_reach"], truth["gain"])[0, 1] > 0.85
    assert np.corrcoef(own["lag_seconds"], truth["reaction_lag"])[0, 1] > 0.85
    assert of(people, "unknown")["habit_level"].isna().all()


def test_no_habits_are_no_gain():
    frame = mv.personal_models(simulated(without=("participant",)), **ASKED)
    for metric in ("rmse", "ccc"):
        rows = pd.concat([of(frame, "known", metric), of(frame, "unknown", metric)])
        assert (rows["conf_low"] <= 0).all()
        assert (rows["estimate"].abs() < 0.01 * rows["mean1"]).all()


def test_levels_agree(planted):
    annotations = of(mv.personal_models(planted, level="annotation", **ASKED), "known")
    people = of(mv.personal_models(planted, level="participant", **ASKED), "known")
    steps = mv.personal_models(planted, level="time", **ASKED)
    whole = of(mv.personal_models(planted, **ASKED), "known").iloc[0]
    for name in ("mean1", "mean2", "estimate", "noise_ceiling"):
        assert annotations[name].mean() == pytest.approx(whole[name])
        by_person = annotations.groupby("participant")[name].mean()
        np.testing.assert_allclose(
            people.set_index("participant")[name], by_person[people["participant"]]
        )
    steps = steps[steps["raters"] == "known"]
    squares = (steps["observed"] - steps["fitted"]) ** 2
    rmse = np.sqrt(squares.groupby([steps["participant"], steps["item"]]).mean())
    expected = annotations.set_index(["participant", "item"])["mean2"]
    np.testing.assert_allclose(rmse.loc[expected.index], expected)
    person = people.iloc[0]
    values = annotations.loc[annotations["participant"] == person["participant"], "estimate"]
    half = values.sem() * stats.t.ppf(0.975, len(values) - 1)
    assert person["conf_low"] == pytest.approx(values.mean() - half)


def changed(study: xr.DataTree, where: np.ndarray) -> xr.DataTree:
    """The study with other ratings in some annotations."""
    out = study.copy(deep=True)
    rng = np.random.default_rng(9)
    values = out["annotations/arousal"].to_numpy().copy()
    values[where] = rng.uniform(-1, 1, values[where].shape)
    old = out["annotations"].to_dataset()
    out["annotations"] = xr.DataTree(old.assign(arousal=old["arousal"].copy(data=values)))
    return out


def fitted(study: xr.DataTree) -> pd.DataFrame:
    frame = mv.personal_models(study, level="time", **ASKED)
    return frame.set_index(["raters", "item", "participant", "time"])[["fitted", "fitted_average"]]


def test_no_held_out_item_enters_anything(planted):
    items = planted["items/item"].to_numpy()[fold_labels(24, 5) == 0]
    where = np.isin(planted["annotations/item"].to_numpy(), items)
    other = changed(planted, where)
    before, after = fitted(planted), fitted(other)
    held_out = before.index.get_level_values("item").isin(items)
    pd.testing.assert_frame_equal(before[held_out], after[held_out])
    assert (before[~held_out] != after[~held_out]).any(axis=None)


def test_no_rating_of_an_unknown_rater_enters_anything(planted):
    people = planted["participants/participant"].to_numpy()[fold_labels(24, 5) == 0]
    other = changed(planted, np.isin(planted["annotations/participant"].to_numpy(), people))
    before, after = fitted(planted), fitted(other)
    own = before.index.get_level_values("participant").isin(people)
    unknown = before.index.get_level_values("raters") == "unknown"
    pd.testing.assert_frame_equal(before[own & unknown], after[own & unknown])
    for touched in (~own & unknown, own & ~unknown):
        assert (before[touched] != after[touched]).any(axis=None)


def test_a_rater_of_one_trial_gets_the_average(planted):
    frame = mv.annotation_frame(planted)
    person = frame["participant"].iloc[0]
    others = frame.loc[frame["participant"] == person, ["participant", "item", "modality"]].iloc[1:]
    study = mv.exclude(planted, others, reason="one trial", what="dynamic")
    people = of(mv.personal_models(study, level="participant", **ASKED), "known")
    row = people[people["participant"] == person].iloc[0]
    assert row["estimate"] == 0
    assert row["mean1"] == row["mean2"]
    assert "one trial" in row["warning"]
    assert (people.loc[people["participant"] != person, "estimate"] != 0).all()


def rated(sessions: int = 1, seed: int = 0) -> tuple[xr.DataTree, np.ndarray]:
    """Static ratings from 1 to 9 of 20 items by 10 people with numbers as ids, some missing."""
    rng = np.random.default_rng(seed)
    names = ["item", "participant", "session"]
    grid = pd.MultiIndex.from_product([range(20), range(10), range(sessions)], names=names)
    frame = grid.to_frame(index=False)
    features = rng.normal(size=(20, 1, 2))
    habits = rng.normal(0, 1.0, 10)
    calm = 5 + features[frame["item"], 0, 0] + habits[frame["participant"]]
    frame["calm"] = np.clip(calm + rng.normal(0, 0.5, len(frame)), 1, 9)
    frame.loc[rng.random(len(frame)) < 0.05, "calm"] = np.nan
    frame = frame if sessions > 1 else frame.drop(columns="session")
    study = mv.from_frames(frame, dimensions=["calm"], scale=(1, 9))
    return featured(study, features, np.zeros(1), [str(i) for i in range(20)]), habits


def test_static_ratings_with_numbers_as_ids():
    study, habits = rated()
    frame = mv.personal_models(study, model="linear")
    known, unknown = of(frame, "known").iloc[0], of(frame, "unknown").iloc[0]
    assert set(frame["metric"]) == {"rmse"}
    assert known["quantity"] == "level"
    assert known["conf_low"] > 0
    assert known["effect_size"] > 0.3
    assert known["mean2"] < 1.5 * known["noise_ceiling"]
    assert unknown["estimate"] == 0
    people = of(mv.personal_models(study, model="linear", level="participant"), "known")
    assert (
        np.corrcoef(people["habit_level"], habits[people["participant"].astype(int)])[0, 1] > 0.98
    )


def test_the_error_of_a_gain_is_that_of_clusters_of_items_and_of_people():
    study, _ = rated()
    row = of(mv.personal_models(study, model="linear"), "known").iloc[0]
    gains = of(mv.personal_models(study, model="linear", level="annotation"), "known")
    gains = gains.dropna(subset="estimate")
    units = np.column_stack([pd.factorize(gains[key])[0] for key in ("item", "participant")])
    mean = sm.OLS(gains["estimate"].to_numpy(), np.ones(len(gains)))
    error = mean.fit(cov_type="cluster", cov_kwds={"groups": units}).bse[0]
    assert row["estimate"] == pytest.approx(gains["estimate"].mean())
    assert row["std_error"] == pytest.approx(error * np.sqrt(10 / 9))  # ten people are few
    assert row["df"] == 9


def test_without_a_prediction_nothing_is_saved():
    study, _ = rated()
    frame = mv.personal_models(study, model="linear", sets=[("visual", "visual")])
    assert frame[["mean1", "estimate", "effect_size"]].isna().all(axis=None)
    assert (frame["warning"] == "the study has no annotations of modality visual").all()


def test_the_ceiling_of_retests():
    study, _ = rated(sessions=2)
    frame = mv.personal_models(study, model="linear", level="annotation")
    row = of(frame, "known").dropna(subset="noise_ceiling").iloc[7]
    assert "retest" in row["method"]
    given = mv.annotation_frame(study)
    pair = given[(given["participant"] == row["participant"]) & (given["item"] == row["item"])]
    assert row["noise_ceiling"] == pytest.approx(pair["calm"].std(ddof=1) / np.sqrt(2))


def test_traits_of_unknown_raters_and_what_is_refused():
    study, _ = rated()
    women = np.arange(10) % 2 == 0
    frame = mv.annotation_frame(study)[["item", "participant", "calm"]]
    own = women[frame["participant"].astype(int)]
    frame["calm"] = (frame["calm"] + np.where(own, 2.0, -2.0)).clip(1, 9)
    people = pd.DataFrame({"participant": range(10), "gender": np.where(women, "f", "m")})
    people["age"] = np.random.default_rng(4).integers(20, 40, 10)
    told = mv.from_frames(frame, participants=people, dimensions=["calm"], scale=(1, 9))
    told = mv.with_features(told, study["features/visual"].to_dataset(), kind="visual")
    gender = of(mv.personal_models(told, model="linear"), "unknown").iloc[0]
    assert gender["effect_size"] > 0.3
    both = mv.personal_models(told, model="linear", profile=["gender", "age"])
    assert of(both, "unknown")["estimate"].iloc[0] != gender["estimate"]
    with pytest.raises(mv.DataError, match="dynamic"):
        mv.personal_models(study, quantity="trajectory")
    one = mv.personal_models(told, model="linear", profile="gender")
    pd.testing.assert_frame_equal(one, mv.personal_models(told, model="linear"))
    with pytest.raises(mv.DesignError, match="shoe_size"):
        mv.personal_models(study, profile="shoe_size")
    with pytest.raises(mv.DesignError, match="folds"):
        mv.personal_models(study, n_folds=21)
    with pytest.raises(mv.DesignError, match="level"):
        mv.personal_models(study, level="label")
    with pytest.raises(mv.DataError, match="one rater"):
        mv.personal_models(mv.select(study, participant="0"))
    nameless = mv.from_frames(frame.drop(columns="participant"), dimensions=["calm"], scale=(1, 9))
    with pytest.raises(mv.DataError, match="ids"):
        mv.personal_models(nameless)

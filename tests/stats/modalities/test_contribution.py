"""What music and picture contribute to the audiovisual emotion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.dataset.build import assemble
from muvistats.dataset.simulation.settings import SimulationSettings
from muvistats.kernels.regression.dominance import dominance_weights

MODALITIES = ["music", "visual", "audiovisual"]


def pick(frame, quantity, modality=None, dimension="arousal"):
    rows = frame[(frame["quantity"] == quantity) & (frame["dimension"] == dimension)]
    rows = rows if modality is None else rows[rows["modality"] == modality]
    assert len(rows) == 1
    return rows.iloc[0]


def built(trajectories, *, noise=0.0, k=3, seed=0, lists=None):
    """A study whose raters follow (item, modality, time), each with noise of their own."""
    rng = np.random.default_rng(seed)
    n, _, steps = trajectories.shape
    rows, values = [], []
    for i in range(n):
        for m, modality in enumerate(MODALITIES):
            for r in range(k):
                person = f"p{r + k * m}" if lists is None else lists(m, r)
                rows.append({"item": f"i{i:02}", "modality": modality, "participant": person})
                values.append(trajectories[i, m] + noise * rng.normal(size=steps))
    people = sorted({row["participant"] for row in rows})
    return assemble(
        pd.DataFrame(rows),
        {"arousal": np.array(values)},
        participants=pd.DataFrame({"participant": people}),
        items=pd.DataFrame({"item": [f"i{i:02}" for i in range(n)]}),
        time=np.arange(steps) * 0.5,
        study="built",
    )


def mixed(n=8, steps=40, weight=0.7, seed=1, scale=0.1):
    rng = np.random.default_rng(seed)
    music = rng.normal(size=(n, steps))
    visual = 0.5 * music + rng.normal(size=(n, steps))
    both = weight * music + (1 - weight) * visual + 0.3 * rng.normal(size=(n, steps))
    return scale * np.stack([music, visual, both], axis=1)


def within_covariance(trajectories):
    centred = trajectories - trajectories.mean(axis=-1, keepdims=True)
    return np.einsum("imt,int->mn", centred, centred)


@pytest.mark.parametrize("corrected", [True, False])
def test_without_noise_it_is_the_regression_with_item_means(corrected):
    trajectories = mixed()
    study = built(trajectories)
    found = mv.modality_contribution(study, corrected=corrected, start=0, n_resamples=20)
    centred = trajectories - trajectories.mean(axis=-1, keepdims=True)
    x = centred[:, :2].transpose(0, 2, 1).reshape(-1, 2)
    y = centred[:, 2].ravel()
    residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    whole = 1 - (residual**2).sum() / (y**2).sum()
    assert pick(found, "r_squared")["estimate"] == pytest.approx(whole)
    _, weights = dominance_weights(within_covariance(trajectories))
    for name, weight in zip(MODALITIES, weights, strict=False):
        assert pick(found, "dominance", name)["estimate"] == pytest.approx(weight)
        assert pick(found, "share", name)["estimate"] == pytest.approx(weight / whole)
        assert pick(found, "share", name)["reliability"] == pytest.approx(1)
    assert found["n"].eq(8 * 40).all()
    late = mv.modality_contribution(study, corrected=corrected, start=5, n_resamples=20)
    _, weights = dominance_weights(within_covariance(trajectories[:, :, 10:]))
    assert pick(late, "dominance", "music")["estimate"] == pytest.approx(weights[0])


def test_the_correction_undoes_noise():
    """A noisy picture loses its share to the music; the correction gives it back."""
    errors = []
    for seed in range(4):
        trajectories = mixed(n=60, weight=0.5, seed=seed)
        truth = dominance_weights(within_covariance(trajectories))
        share = truth[1][0] / truth[0]
        tree = built(trajectories)
        values = tree["annotations/arousal"].to_numpy().copy()
        visual = tree["annotations/modality"].to_numpy() == "visual"
        rng = np.random.default_rng(seed)
        values += rng.normal(size=values.shape) * np.where(visual, 0.2, 0.02)[:, None]
        tree["annotations/arousal"] = tree["annotations/arousal"].copy(data=values)
        found, raw = (
            mv.modality_contribution(tree, start=0, n_resamples=0, corrected=corrected)
            for corrected in (True, False)
        )
        errors.append(
            [
                pick(found, "share", "music")["estimate"] - share,
                pick(found, "r_squared")["estimate"] - truth[0],
                pick(raw, "share", "music")["estimate"] - share,
                # signal 0.0125, noise of three raters 0.04 / 3
                pick(found, "share", "visual")["reliability"] - 0.0125 / (0.0125 + 0.04 / 3),
            ]
        )
    share, whole, raw_share, reliability = np.mean(errors, axis=0)
    assert abs(share) < 0.035  # its standard error is 0.011
    assert abs(whole) < 0.025
    assert raw_share > 0.15
    assert abs(reliability) < 0.03


def test_raw_estimates_come_from_mean_trajectories(study):
    found = mv.modality_contribution(study, corrected=False, start=0, n_resamples=0)
    values = study["annotations/valence"].to_numpy()
    item, modality = (study[f"annotations/{key}"].to_numpy() for key in ("item", "modality"))
    total = np.zeros((3, 3))
    for name in np.unique(item):
        of = item == name
        kept = values[of][:, ~np.isnan(values[of]).any(axis=0)]
        means = np.stack([kept[modality[of] == m].mean(axis=0) for m in MODALITIES])
        total += np.cov(means, ddof=0)
    whole, weights = dominance_weights(total)
    assert pick(found, "r_squared", dimension="valence")["estimate"] == pytest.approx(whole)
    assert pick(found, "share", "music", "valence")["estimate"] == pytest.approx(weights[0] / whole)


def test_one_person_in_two_modalities_brings_no_noise_in():
    """Shared noise of a person would pass for a common trajectory."""
    trajectories = mixed(n=40, seed=5)
    tree = built(trajectories, lists=lambda m, r: f"p{(m + r) % 4}", k=3)
    annotations = tree["annotations"]
    rng = np.random.default_rng(2)
    noise = {
        key: rng.normal(0, 0.2, 40)
        for key in zip(
            annotations["item"].to_numpy(), annotations["participant"].to_numpy(), strict=True
        )
    }
    values = annotations["arousal"].to_numpy() + np.array(
        [
            noise[key]
            for key in zip(
                annotations["item"].to_numpy(), annotations["participant"].to_numpy(), strict=True
            )
        ]
    )
    tree["annotations/arousal"] = annotations["arousal"].copy(data=values)
    whole, weights = dominance_weights(within_covariance(trajectories))
    found = mv.modality_contribution(tree, start=0, n_resamples=0)
    assert pick(found, "r_squared")["estimate"] == pytest.approx(whole, abs=0.1)
    assert pick(found, "share", "music")["estimate"] == pytest.approx(weights[0] / whole, abs=0.06)


@pytest.fixture(scope="module")
def simulated():
    return [
        mv.simulate_muvi(rng=seed, n_items=120, n_participants=60, features=False)
        for seed in range(4)
    ]


def true_share(study, d, start=10):
    whole, weights = dominance_weights(
        within_covariance(study["truth/trajectory"].to_numpy()[d][:, :, start:])
    )
    return weights[0] / whole


@pytest.mark.parametrize("dimension", ["arousal", "valence"])
def test_truth_of_simulated_studies_is_recovered(simulated, dimension):
    d = ("arousal", "valence").index(dimension)
    errors = {True: [], False: []}
    whole = {True: [], False: []}
    for study in simulated:
        for corrected in (True, False):
            found = mv.modality_contribution(
                study, dimension=dimension, corrected=corrected, n_resamples=0
            )
            share = pick(found, "share", "music", dimension)["estimate"]
            errors[corrected].append(share - true_share(study, d))
            whole[corrected].append(pick(found, "r_squared", None, dimension)["estimate"])
    assert abs(np.mean(errors[True])) < 0.05
    # 1 in truth; standard errors of the mean of four studies are 0.01 and 0.08
    assert np.mean(whole[True]) == pytest.approx(1, abs=0.03 if d == 0 else 0.25)
    assert np.mean(whole[False]) < (0.92 if d == 0 else 0.5)


def test_levels_of_items(simulated):
    """Truth: both is the mix of sound and picture, R squared 1 but for the bend of the levels."""
    for d, dimension in enumerate(("arousal", "valence")):
        errors, whole = [], []
        for study in simulated:
            found = mv.modality_contribution(
                study, dimension=dimension, scope="between_item", n_resamples=0
            )
            level = study["truth/item_level"].to_numpy()[d]
            r_squared, weights = dominance_weights(np.cov(level.T))
            share = pick(found, "share", "music", dimension)["estimate"]
            errors.append(share - weights[0] / r_squared)
            whole.append(pick(found, "r_squared", None, dimension)["estimate"])
        assert abs(np.mean(errors)) < 0.05
        assert np.mean(whole) == pytest.approx(1, abs=0.06)


def test_between_items_without_correction_is_the_regression_of_item_means(study):
    frame = mv.annotation_frame(study)
    means = frame.pivot_table(
        index="item", columns="modality", values="valence", aggfunc="mean", observed=True
    )
    whole, weights = dominance_weights(means[MODALITIES].cov().to_numpy())
    for data in (study, frame):
        found = mv.modality_contribution(
            data, scope="between_item", corrected=False, n_resamples=0, dimension="valence"
        )
        assert pick(found, "r_squared", None, "valence")["estimate"] == pytest.approx(whole)
        share = pick(found, "share", "music", "valence")["estimate"]
        assert share == pytest.approx(weights[0] / whole)


def test_contrast_between_dimensions(study):
    found = mv.modality_contribution(study, n_resamples=400)
    across = pick(found, "share_difference", dimension="arousal - valence")
    single = [
        pick(found, "share_difference", dimension=name)["estimate"]
        for name in ("arousal", "valence")
    ]
    assert across["estimate"] == pytest.approx(single[0] - single[1])
    assert (across["group1"], across["group2"]) == ("music", "visual")
    for name in ("arousal", "valence"):
        shares = [pick(found, "share", m, name) for m in ("music", "visual")]
        row = pick(found, "share_difference", dimension=name)
        assert row["estimate"] == pytest.approx(shares[0]["estimate"] - shares[1]["estimate"])
        # two shares sum to 1: limits of the difference are those of a share, stretched
        assert row["conf_low"] == pytest.approx(2 * shares[0]["conf_low"] - 1)
        assert shares[0]["conf_low"] == pytest.approx(1 - shares[1]["conf_high"])
        assert row["std_error"] == pytest.approx(2 * shares[0]["std_error"])
        assert (row["p_value"] < 0.05) == (row["conf_low"] > 0 or row["conf_high"] < 0)
    assert across["conf_low"] < across["estimate"] < across["conf_high"]
    level = 1 - across["p_value"]
    at_p = mv.modality_contribution(study, n_resamples=400, conf_level=level)
    edge = pick(at_p, "share_difference", dimension="arousal - valence")
    assert min(abs(edge["conf_low"]), abs(edge["conf_high"])) == pytest.approx(0, abs=1e-9)


def test_bootstrap_of_items_is_that_of_the_pooled_covariance():
    study = built(mixed(n=30), noise=0.05)
    found = mv.modality_contribution(study, cluster="item", start=0, n_resamples=1500)
    shares = []
    names = study["items/item"].to_numpy()
    for left_out in names:  # the jackknife as second source
        part = mv.select(study, item=[name for name in names if name != left_out])
        rest = mv.modality_contribution(part, start=0, n_resamples=0)
        shares.append(pick(rest, "share", "music")["estimate"])
    jackknife = np.sqrt((len(names) - 1) * np.var(shares))
    assert pick(found, "share", "music")["std_error"] == pytest.approx(jackknife, rel=0.1)


def test_influence_of_participants_is_their_jackknife(study):
    found = mv.modality_contribution(study, cluster="participant", dimension="arousal")
    people = study["participants/participant"].to_numpy()
    values = []
    for left_out in people:
        part = mv.select(study, participant=[name for name in people if name != left_out])
        rest = mv.modality_contribution(part, dimension="arousal", n_resamples=0)
        values.append(pick(rest, "dominance_difference")["estimate"])
    jackknife = np.sqrt((len(people) - 1) * np.var(values))
    error = pick(found, "dominance_difference")["std_error"]
    assert error == pytest.approx(jackknife, rel=0.25)
    assert found["n_resamples"].eq(0).all()


def test_both_adds_what_participants_share():
    settings = SimulationSettings()
    settings = replace(settings, gain_sd=0.8)
    study = mv.simulate_muvi(
        rng=2, n_items=40, n_participants=15, raters_per_cell=4, features=False, settings=settings
    )
    errors = {
        name: pick(
            mv.modality_contribution(study, cluster=name, n_resamples=300), "dominance", "music"
        )["std_error"]
        for name in ("item", ("item", "participant"))
    }
    assert errors["item", "participant"] >= errors["item"] * np.sqrt(15 / 14) * (1 - 1e-9)


def test_items_one_by_one(study):
    found = mv.modality_contribution(study, level="item", corrected=False, dimension="arousal")
    assert len(found) == 27 * 5
    name = study["items/item"].to_numpy()[3]
    alone = mv.modality_contribution(
        mv.select(study, item=name), corrected=False, dimension="arousal", n_resamples=0
    )
    for quantity, modality in (("r_squared", "audiovisual"), ("share", "visual")):
        of_item = pick(found[found["item"] == name], quantity, modality)
        assert of_item["estimate"] == pytest.approx(pick(alone, quantity, modality)["estimate"])
    corrected = mv.modality_contribution(study, level="item", dimension="valence")
    undefined = corrected["estimate"].isna()
    assert 0 < undefined.sum() < len(corrected)
    assert corrected.loc[undefined, "warning"].notna().all()


def test_weighted_raters(study):
    found = mv.modality_contribution(study, estimator="ewe", corrected=False, n_resamples=0)
    late = study.copy()
    kept = late["annotations"].to_dataset().isel(time=slice(10, None))
    late["annotations"] = kept
    gold = mv.ewe(late)["gold_standard"].sel(dimension="arousal").to_numpy()
    total = np.zeros((3, 3))
    for series in gold:
        used = ~np.isnan(series).any(axis=0)
        total += np.cov(series[:, used], ddof=0)
    whole, _ = dominance_weights(total)
    assert pick(found, "r_squared")["estimate"] == pytest.approx(whole, rel=0.02)


def test_masks_and_incomplete_items(study):
    tree = study.copy(deep=True)
    annotations = tree["annotations"].to_dataset()
    first = annotations["item"].to_numpy()[0]
    drop = (annotations["item"].to_numpy() == first) & (
        annotations["modality"].to_numpy() == "visual"
    )
    tree["annotations/keep_dynamic"] = annotations["keep_dynamic"].copy(data=~drop)
    for scope in ("within_item", "between_item"):
        found = mv.modality_contribution(tree, scope=scope, n_resamples=0)
        assert found["n_missing"].eq(1).all()
        others = [name for name in study["items/item"].to_numpy() if name != first]
        rest = mv.modality_contribution(mv.select(study, item=others), scope=scope, n_resamples=0)
        if scope == "within_item":
            assert found["estimate"].to_numpy() == pytest.approx(rest["estimate"].to_numpy())
    item = mv.modality_contribution(tree, level="item", dimension="arousal")
    assert item.loc[item["item"] == first, "n_missing"].eq(1).all()


def test_too_little_data_says_why(study):
    two = mv.modality_contribution(mv.select(study, modality=["music", "audiovisual"]))
    assert two["estimate"].isna().all()
    assert (two["warning"] == "two modalities are needed beside the target").all()
    none = mv.modality_contribution(study, modality="smell")
    assert (none["warning"] == "no modality smell").all()
    single = mv.simulate_muvi(rng=3, n_items=9, n_participants=4, raters_per_cell=1, features=False)
    for scope in ("within_item", "between_item"):
        found = mv.modality_contribution(single, scope=scope)
        assert found["estimate"].isna().all()
        assert found["warning"].str.contains("two different raters").all()
        assert found["n_missing"].eq(9).all()
    raw = mv.modality_contribution(single, corrected=False, n_resamples=20)
    assert raw["estimate"].notna().all()
    item = study["items/item"].to_numpy()[0]
    one = mv.modality_contribution(mv.select(study, item=item), corrected=False, n_resamples=20)
    assert one["estimate"].notna().all()
    assert one["conf_low"].isna().all()
    assert (one["warning"] == "no interval: there is one unit to draw").all()
    between = mv.modality_contribution(mv.select(study, item=item), scope="between_item")
    assert between["warning"].str.contains("too few items").all()


def test_arguments_are_checked(study):
    for wrong in (
        {"scope": "total"},
        {"level": "modality"},
        {"estimator": "median"},
        {"cluster": "raters"},
        {"start": -1},
        {"start": "5"},
        {"scope": "between_item", "level": "item"},
        {"scope": "between_item", "estimator": "ewe"},
        {"conf_level": 95},
    ):
        with pytest.raises(mv.DesignError):
            mv.modality_contribution(study, **wrong)


@pytest.mark.parametrize("scope", ["within_item", "between_item"])
def test_a_bounded_estimate_stands_beside_the_corrected_one(study, scope):
    found = mv.modality_contribution(study, scope=scope, n_resamples=19)
    whole = found[found["quantity"] == "r_squared"]
    fits = whole["estimate"] <= 1
    assert (whole["estimate_bounded"] <= 1 + 1e-9).all()
    np.testing.assert_allclose(whole["estimate_bounded"][fits], whole["estimate"][fits])
    plain = mv.modality_contribution(study, scope=scope, corrected=False, n_resamples=19)
    np.testing.assert_array_equal(plain["estimate_bounded"], plain["estimate"])


def test_single_items_have_bounded_estimates_where_corrected_ones_fail(study):
    found = mv.modality_contribution(study, level="item")
    failed = found["estimate"].isna()
    assert failed.any()
    assert found.loc[failed, "estimate_bounded"].notna().mean() > 0.5
    whole = found[(found["quantity"] == "r_squared")]
    assert (whole["estimate_bounded"].dropna() <= 1 + 1e-9).all()

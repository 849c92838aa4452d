"""Models of the ratings: the protocol by hand, the planted truth, and faulty input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from sklearn.linear_model import LassoCV
from sklearn.model_selection import KFold
from sklearn.preprocessing import MinMaxScaler

import muvistats as mv
from muvistats.dataset.simulation import features
from muvistats.dataset.simulation.features import SIGNAL_FAMILIES
from muvistats.dataset.simulation.settings import FeatureSettings, SimulationSettings
from muvistats.stats.prediction.models import SETS

MUSIC = [("music", "audio")]
VISUAL = [("visual", "visual")]


def thin(study: xr.DataTree, every: int = 26) -> xr.DataTree:
    """The study with some of its audio features."""
    audio = study["features/audio"].to_dataset()
    out = study.copy()
    out["features/audio"] = xr.DataTree(audio.isel(feature=slice(0, None, every)))
    return out


@pytest.fixture(scope="module")
def small() -> xr.DataTree:
    """Thirty items whose 118 steps are all there, 38 audio and 60 visual features."""
    return thin(mv.released_exclusions(mv.simulate_muvi(rng=11, n_items=30, n_participants=30)))


@pytest.fixture(scope="module")
def models(small: xr.DataTree) -> mv.FeatureModels:
    return mv.feature_models(small)


def changed(study: xr.DataTree, kind: str, values: np.ndarray) -> xr.DataTree:
    """The study with other values of its features."""
    group = study[f"features/{kind}"].to_dataset()
    out = study.copy()
    out[f"features/{kind}"] = xr.DataTree(
        group.assign(values=(group["values"].dims, values, group["values"].attrs))
    )
    return out


def values_of(study: xr.DataTree, kind: str) -> np.ndarray:
    return study[f"features/{kind}/values"].to_numpy().astype(float)


def by_hand(study: xr.DataTree, modality: str, kind: str, target: str) -> pd.DataFrame:
    """The protocol with scikit-learn alone: KFold, MinMaxScaler, LassoCV over items."""
    items = study["items/item"].to_numpy()
    x = values_of(study, kind)[:, :118]
    y = mv.ewe(study)["gold_standard"].sel(dimension=target, modality=modality, item=items)
    y = y.to_numpy()
    rows = []
    outer = KFold(5, shuffle=True, random_state=42).split(items)
    for fold, (train, test) in enumerate(outer, start=1):
        scaler = MinMaxScaler()
        known = scaler.fit_transform(np.concatenate(x[train]))
        owner = np.repeat(np.arange(len(train)), 118)
        cut = [
            (np.flatnonzero(np.isin(owner, a)), np.flatnonzero(np.isin(owner, b)))
            for a, b in KFold(5, shuffle=True, random_state=42).split(train)
        ]
        model = LassoCV(alphas=100, cv=cut).fit(known, y[train].ravel())
        for i in test:
            fitted = model.predict(scaler.transform(x[i]))
            rmse = np.sqrt(np.mean((fitted - y[i]) ** 2))
            rows.append((items[i], fold, rmse, float(mv.ccc(fitted, y[i])), model.alpha_))
    return pd.DataFrame(rows, columns=["item", "fold", "rmse", "ccc", "penalty"]).set_index("item")


@pytest.mark.parametrize(
    ("modality", "kind", "target"),
    [("music", "audio", "arousal"), ("visual", "visual", "valence")],
)
def test_protocol_by_hand(small, models, modality, kind, target):
    expected = by_hand(small, modality, kind, target)
    ours = mv.lasso_models(models, level="item", dimension=target, sets=[(modality, kind)])
    ours = ours.set_index("item").loc[expected.index]
    assert (ours["fold"] == expected["fold"]).all()
    np.testing.assert_allclose(ours["penalty"], expected["penalty"], rtol=1e-9)
    np.testing.assert_allclose(ours["rmse"], expected["rmse"], rtol=1e-3)
    np.testing.assert_allclose(ours["ccc"], expected["ccc"], atol=2e-3)


def test_summary_is_the_mean_over_items_and_the_ceiling_stands_beside(small, models):
    summary = mv.lasso_models(models)
    items = mv.lasso_models(models, level="item")
    assert len(summary) == len(SETS) * 2 * 2
    keys = ["modality", "features", "target"]
    for key, part in items.groupby(keys, sort=False):
        for metric in ("rmse", "ccc"):
            row = summary.set_index([*keys, "metric"]).loc[(*key, metric)]
            assert row["mean"] == pytest.approx(part[metric].mean())
            assert row["sd"] == pytest.approx(part[metric].std(ddof=1))
            low, high = stats.t.interval(0.95, 29, part[metric].mean(), stats.sem(part[metric]))
            assert (row["conf_low"], row["conf_high"]) == pytest.approx((low, high))
    ceiling = mv.noise_ceiling(small, n_resamples=0).set_index(["modality", "dimension"])["ccc"]
    rows = summary[summary["metric"] == "ccc"]
    for _, row in rows.iterrows():
        assert row["noise_ceiling"] == pytest.approx(ceiling[row["modality"], row["target"]])
    assert summary.loc[summary["metric"] == "rmse", "noise_ceiling"].isna().all()
    assert (summary["n_missing"] == 0).all()
    assert summary["simulated"].all()


def test_frames_of_the_fit_fit_together(models):
    folds = mv.lasso_models(models, level="fold")
    tidy = models.tidy()
    keys = ["modality", "features", "target", "fold"]
    counts = tidy.groupby(keys).size()
    for _, row in folds.iterrows():
        assert counts.get(tuple(row[keys]), 0) == row["n_selected"]
    pd.testing.assert_series_equal(models.glance()["rmse"], folds["rmse"])
    steps = models.augment()
    np.testing.assert_allclose(steps["residual"], steps["observed"] - steps["fitted"])
    items = mv.lasso_models(models, level="item").set_index(
        ["modality", "features", "target", "item"]
    )
    key = ("audiovisual", "audio_visual", "valence", "clip07")
    own = steps.set_index(["modality", "features", "target", "item"]).sort_index().loc[key]
    assert len(own) == 118
    assert items.loc[key, "rmse"] == pytest.approx(np.sqrt((own["residual"] ** 2).mean()))


def test_folds_follow_the_release_order(small):
    turned = small.copy()
    order = small["items/release_order"]
    turned["items"] = xr.DataTree(
        small["items"].to_dataset().assign(release_order=("item", order.to_numpy()[::-1].copy()))
    )
    items = small["items/item"].to_numpy()
    frame = mv.lasso_models(turned, level="item", sets=VISUAL, dimension="arousal")
    assert frame["item"].tolist() == items[::-1].tolist()
    held_out = KFold(5, shuffle=True, random_state=42).split(items)
    for fold, (_, test) in enumerate(held_out, start=1):
        assert set(frame.loc[frame["fold"] == fold, "item"]) == set(items[::-1][test])


def test_number_of_workers_does_not_matter(small, models):
    two = mv.feature_models(small, n_jobs=2)
    pd.testing.assert_frame_equal(two.augment(), models.augment(), check_exact=True)


def test_frames_as_inner_folds_choose_too_small_a_penalty(small, models):
    """A training item on both sides of the inner folds: what was learnt by heart looks good."""
    frames = mv.feature_models(small, inner="frames", sets=MUSIC)
    ours = models.limited(None, MUSIC).glance()["penalty"]
    theirs = frames.glance()["penalty"]
    assert (theirs <= ours).all()
    assert theirs.mean() < 0.5 * ours.mean()
    assert "folds of frames" in frames.method


#: A signal of one size in everything.
STRONG = (FeatureSettings(r=0.3, course=1.0), FeatureSettings(r=0.3, course=1.0))


@pytest.mark.parametrize("strong", [False, True])
def test_planted_families_come_out_on_top(strong, monkeypatch):
    """All 988 audio features of the embedded study: those in which the truth planted a signal."""
    settings = SimulationSettings()
    if strong:
        one = {
            kind: {dimension: dict.fromkeys(families, 1.0) for dimension, families in by.items()}
            for kind, by in SIGNAL_FAMILIES.items()
        }
        monkeypatch.setattr(features, "SIGNAL_FAMILIES", one)
        settings = SimulationSettings(audio=STRONG, visual=STRONG, feature_lag=0.0)
    study = mv.released_exclusions(mv.simulate_muvi(settings=settings))
    models = mv.feature_models(study, sets=[*MUSIC, *VISUAL])
    loading = study["truth"].to_dataset()
    families = mv.rank_features(models, level="family")
    for kind, modality in (("audio", "music"), ("visual", "visual")):
        names = study[f"features/{kind}/family"].to_numpy()
        for target in ("arousal", "valence"):
            planted = np.abs(loading[f"{kind}_loading"].sel(dimension=target).to_numpy()) > 0
            expected = set(names[planted])
            rows = families[(families["modality"] == modality) & (families["target"] == target)]
            top = rows.sort_values("rank")["family"].tolist()[: len(expected)]
            assert set(top) == expected, (kind, target)
    for (modality, target), part in mv.rank_features(models).groupby(["modality", "target"]):
        kind = "audio" if modality == "music" else "visual"
        truth = loading[f"{kind}_loading"].sel(dimension=target).to_series()
        best = part.sort_values("rank").head(10 if strong else 3)
        planted = truth[best["feature"].to_numpy()].to_numpy()
        assert (planted != 0).all()
        assert (np.sign(planted) == np.sign(best["estimate"])).all()
        if strong:  # of weak ones, other folds take others
            assert (best["share"] == 1).all()
    ccc = mv.lasso_models(models).query("metric == 'ccc'")
    assert (ccc["conf_low"] > 0).all()


def test_without_a_signal_there_is_nothing_to_find():
    study = mv.released_exclusions(
        mv.simulate_muvi(rng=5, n_items=30, n_participants=30, without="feature_signal")
    )
    frame = mv.lasso_models(thin(study), sets=[*MUSIC, *VISUAL]).query("metric == 'ccc'")
    assert (frame["mean"].abs() < 0.06).all()
    assert frame["warning"].str.contains("is a constant").any()


def test_ranks_by_hand(models):
    part = models.limited("arousal", VISUAL)
    (fit,) = part.fits
    by_fold = np.stack([fold.chosen.coefficients for fold in fit.folds])
    frame = mv.rank_features(part).set_index("feature")
    names = models.inputs.names[fit.columns]
    np.testing.assert_allclose(frame.loc[names, "estimate"], by_fold.mean(axis=0))
    assert (frame.loc[names, "count"] == (by_fold != 0).sum(axis=0)).all()
    some = int(np.argmax((by_fold != 0).any(axis=0)))
    signs = np.sign(by_fold[:, some])
    stable = abs(signs.sum()) / np.abs(signs).sum()
    assert frame.loc[names[some], "sign_stability"] == pytest.approx(stable)
    never = ~(by_fold != 0).any(axis=0)
    assert frame.loc[names[never], "rank"].isna().all()
    assert (frame.loc[names[never], "warning"] == "in no fold").all()
    families = mv.rank_features(part, level="family").set_index("family")
    grouped = frame["estimate"].abs().groupby(frame["family"])
    np.testing.assert_allclose(families["estimate"], grouped.max()[families.index])
    sums = mv.rank_features(part, level="family", order="sum").set_index("family")
    np.testing.assert_allclose(sums["estimate"], grouped.sum()[sums.index])
    assert sums["n_features"].sum() == 60


def test_the_printed_t_follows_from_the_printed_tables():
    """Means and sds of Tables 4 and 5, 81 items and 488 annotations: Welch, not pooled."""
    human = mv.published("interrater_ccc").set_index(["dimension", "modality", "quantity"])
    model = (
        mv.published("lasso_models")
        .set_index(["target", "modality", "features", "metric", "quantity"])["published"]
        .sort_index()
    )
    human = human.sort_index()
    people = human.loc[("arousal", "music", "ccc"), "published"]
    spread = human.loc[("arousal", "music", "sd"), "published"]
    cell = model["arousal", "music", "audio", "ccc"]
    arguments = (people, spread, 488, cell["mean"], cell["sd"], 81)
    t = stats.ttest_ind_from_stats(*arguments, equal_var=False).statistic
    assert round(t, 2) == 1.82
    assert round(stats.ttest_ind_from_stats(*arguments, equal_var=True).statistic, 2) == 1.70
    shown = mv.published("compare_with_human").set_index("quantity")["published"]
    assert shown["statistic"] == 1.82


def test_people_against_the_model(small, models):
    frame = mv.compare_with_human(models, sets=MUSIC, dimension="arousal").set_index("dependence")
    people = mv.interrater_ccc(small, level="annotation", dimension="arousal").query(
        "modality == 'music'"
    )
    scores = mv.lasso_models(models, level="item", sets=MUSIC, dimension="arousal")
    scores = scores.set_index("item")["ccc"]
    welch = stats.ttest_ind(people["ccc"].dropna(), scores, equal_var=False)
    row = frame.loc["independent"]
    assert row["statistic"] == pytest.approx(welch.statistic)
    assert row["p_value"] == pytest.approx(welch.pvalue)
    assert row["df"] == pytest.approx(welch.df)
    interval = welch.confidence_interval()
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((interval.low, interval.high))
    means = people.groupby("item")["ccc"].mean().loc[scores.index]
    paired = stats.ttest_rel(means, scores)
    row = frame.loc["design"]
    assert row["statistic"] == pytest.approx(paired.statistic)
    assert row["p_value"] == pytest.approx(paired.pvalue)
    assert row["effect_size"] == pytest.approx(paired.statistic / np.sqrt(30))
    assert (row["mean1"], row["mean2"]) == pytest.approx((means.mean(), scores.mean()))
    assert row["n1"] == people["ccc"].notna().sum()


def test_people_are_smoother_than_the_model(small, models):
    """Half of von Neumann's ratio of every annotation, beside that of every prediction."""
    frame = mv.compare_with_human(models, metric="roughness", sets=MUSIC, dimension="arousal")
    music = mv.select(small, modality="music")["annotations"]
    values = music["arousal"].to_numpy()[music["keep_dynamic"].to_numpy()].astype(float)

    def rough(x):
        x = x[~np.isnan(x)]
        return np.mean(np.diff(x) ** 2) / (2 * x.var()) if x.std() > 1e-9 else np.nan

    people = np.array([rough(x) for x in values])
    predicted = models.limited("arousal", MUSIC).augment().groupby("item")["fitted"]
    model = predicted.apply(lambda x: rough(x.to_numpy()))
    row = frame.set_index("dependence").loc["independent"]
    people, model = people[~np.isnan(people)], model.dropna()
    welch = stats.ttest_ind(people, model, equal_var=False)
    assert (row["n1"], row["n2"]) == (len(people), len(model))
    assert row["statistic"] == pytest.approx(welch.statistic)
    assert (frame["conf_high"] < 0).all()  # the simulated features are noisy from step to step
    assert frame["noise_ceiling"].isna().all()
    with pytest.raises(mv.DesignError, match="metric must be one of"):
        mv.compare_with_human(models, metric="rmse")


def test_family_importance_is_the_model_without_it(small, models):
    sets = [("audiovisual", "visual")]
    part = models.limited("arousal", sets)
    frame = mv.family_importance(part)
    visual = small["features/visual"].to_dataset()
    kept = small.copy()
    kept["features/visual"] = xr.DataTree(visual.isel(feature=visual["family"] != "colour"))
    without = mv.lasso_models(kept, level="item", sets=sets, dimension="arousal")
    whole = mv.lasso_models(part, level="item")
    lost = whole["ccc"] - without["ccc"]
    row = frame.set_index(["family", "metric"]).loc["colour", "ccc"]
    assert row["estimate"] == pytest.approx(lost.mean(), abs=1e-9)
    expected = stats.ttest_1samp(lost, 0)
    assert row["p_value"] == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((interval.low, interval.high))
    worse = without["rmse"] - whole["rmse"]
    row = frame.set_index(["family", "metric"]).loc["colour", "rmse"]
    assert row["estimate"] == pytest.approx(worse.mean(), abs=1e-9)
    assert row["n_features"] == 16


def test_contrast_by_hand_and_its_permutations(models):
    items = mv.lasso_models(models, level="item").set_index(
        ["modality", "features", "target", "item"]
    )
    ccc = items["ccc"].sort_index().loc["audiovisual"]
    first = ccc["audio", "arousal"] - ccc["visual", "arousal"]
    contrast = first - (ccc["audio", "valence"] - ccc["visual", "valence"])
    frame = mv.audio_visual_contrast(models, n_resamples=9).set_index(["target", "dependence"])
    row = frame.loc["arousal - valence", "independent"]
    expected = stats.ttest_1samp(contrast, 0)
    assert row["estimate"] == pytest.approx(contrast.mean())
    assert row["p_value"] == pytest.approx(expected.pvalue)
    row = frame.loc["arousal - valence", "design"]
    assert row["estimate"] == pytest.approx(contrast.mean())
    assert row["p_value"] * 10 == pytest.approx(round(row["p_value"] * 10))
    assert frame.loc["arousal", "design"]["estimate"] == pytest.approx(first.mean())
    two = mv.audio_visual_contrast(models, n_resamples=9, n_jobs=2)
    pd.testing.assert_frame_equal(two, frame.reset_index()[two.columns], check_exact=True)


def test_p_of_the_contrast_is_not_small_without_a_signal():
    """Four studies in which features know nothing: hardly three p-values of at most .1."""
    p = []
    for seed in range(4):
        study = mv.simulate_muvi(
            rng=seed, n_items=9, n_participants=9, without="feature_signal", raters_per_cell=3
        )
        study = thin(mv.released_exclusions(study), every=120)
        visual = study["features/visual"].to_dataset().isel(feature=slice(0, None, 7))
        study["features/visual"] = xr.DataTree(visual)
        frame = mv.audio_visual_contrast(study, model="ridge", n_resamples=9, dependence="design")
        p.append(frame.set_index("target").loc["arousal - valence", "p_value"])
    assert sum(value <= 0.1 for value in p) <= 2
    assert max(p) > 0.3


@pytest.mark.parametrize("model", ["elastic_net", "ridge", "linear"])
def test_other_models(small, model):
    frame = mv.lasso_models(small, model=model, sets=MUSIC, dimension="arousal")
    assert (frame["configuration"] == model).all()
    score = frame.set_index("metric")["mean"]
    assert 0 < score["ccc"] < 1
    folds = mv.lasso_models(small, model=model, sets=MUSIC, dimension="arousal", level="fold")
    assert (folds["penalty"] == 0).all() == (model == "linear")
    dense = folds["n_selected"] == folds["n_features"]
    assert dense.all() == (model != "elastic_net")


# what is not as it should be


def test_different_lengths_meet_on_common_steps(small):
    """119 or 120 windows and 118 samples; then a visual file that ends after 50 s."""
    visual = small["features/visual"].to_dataset()
    short = small.copy()
    short["features/visual"] = xr.DataTree(visual.isel(time=slice(0, 100)))
    frame = mv.lasso_models(short, sets=VISUAL, level="item")
    assert (frame["n"] == 100).all()
    assert (frame["n_missing"] == 18).all()


def test_an_item_whose_features_end_early(small):
    values = values_of(small, "visual")
    values[3, 60:] = np.nan
    frame = mv.lasso_models(changed(small, "visual", values), sets=VISUAL, level="item")
    item = small["items/item"].to_numpy()[3]
    rows = frame.set_index("item")
    assert (rows.loc[item, "n"] == 60).all()
    assert (rows.drop(item)["n"] == 118).all()
    assert frame["warning"].str.contains("frames with missing or infinite visual features").all()


def test_infinite_values_and_sparse_features(small):
    values = values_of(small, "visual")
    values[2, 10, 5] = np.inf
    values[:, ::4, 7] = np.nan
    frame = mv.lasso_models(changed(small, "visual", values), sets=VISUAL, level="item")
    item = small["items/item"].to_numpy()[2]
    assert (frame.set_index("item").loc[item, "n"] == 117).all()
    name = small["features/visual/feature"].to_numpy()[7]
    assert frame["warning"].str.contains(f"more than 5% of the frames are left out: {name}").all()
    assert (frame["n_features"] == 59).all()


def test_constant_features_get_no_coefficient(small):
    values = values_of(small, "visual")
    values[..., :6] = 3.5
    models = mv.feature_models(changed(small, "visual", values), sets=VISUAL)
    names = small["features/visual/feature"].to_numpy()[:6]
    assert not set(models.tidy()["feature"]) & set(names)
    summary = mv.lasso_models(models)
    assert summary["warning"].str.contains("6 visual features never vary").all()
    assert summary["mean"].notna().all()


def test_an_item_without_features(small, models):
    values = values_of(small, "visual")
    values[4] = np.nan
    item = small["items/item"].to_numpy()[4]
    study = changed(small, "visual", values)
    frame = mv.lasso_models(study, level="item", dimension="arousal")
    visual = frame[frame["features"] != "audio"]
    assert item not in set(visual["item"])
    assert visual["warning"].str.contains(f"without visual features are left out: {item}").all()
    audio = frame[frame["features"] == "audio"]
    assert item in set(audio["item"])
    before = mv.lasso_models(models, level="item", dimension="arousal").query("features == 'audio'")
    np.testing.assert_allclose(audio["rmse"], before["rmse"])


def test_an_item_that_nobody_rated_in_a_modality(small):
    item = small["items/item"].to_numpy()[6]
    annotations = small["annotations"].to_dataset()
    gone = (annotations["item"] == item) & (annotations["modality"] == "music")
    study = mv.exclude(small, gone.to_numpy(), reason="test")
    frame = mv.lasso_models(study, level="item", dimension="valence", sets=[*MUSIC, *VISUAL])
    counts = frame.groupby("modality")["item"].nunique()
    assert counts.to_dict() == {"music": 29, "visual": 30}


def test_fewer_items_than_folds(small):
    few = mv.select(small, item=small["items/item"].to_numpy()[:4].tolist())
    frame = mv.lasso_models(few, sets=MUSIC)
    assert frame["mean"].isna().all()
    assert (frame["warning"] == "fewer items (4) than folds (5)").all()
    assert mv.lasso_models(few, sets=MUSIC, n_folds=4)["mean"].notna().all()
    alone = mv.lasso_models(
        mv.select(few, item=few["items/item"].to_numpy()[:2].tolist()), sets=MUSIC, n_folds=2
    )
    assert alone["warning"].str.contains("fewer than two to train on").all()


def test_missing_kinds_and_modalities(small):
    audio = small.copy()
    audio["features"] = small["features"].drop_nodes("visual")
    frame = mv.lasso_models(audio, dimension="arousal").query("metric == 'ccc'")
    reasons = dict(zip(frame["features"], frame["warning"], strict=True))
    assert reasons["visual"] == reasons["audio_visual"] == "the study has no visual features"
    assert frame.loc[frame["features"] == "audio", "mean"].notna().all()
    part = mv.select(small, modality=["music", "audiovisual"])
    frame = mv.lasso_models(part, dimension="arousal").query("modality == 'visual'")
    assert (frame["warning"] == "the study has no annotations of modality visual").all()
    for function in (mv.rank_features, mv.compare_with_human, mv.family_importance):
        rows = function(part, dimension="arousal", sets=VISUAL)
        assert rows["estimate"].isna().all()
        assert rows["warning"].str.contains("no annotations of modality visual").all()
    with pytest.raises(mv.DataError, match="no visual features"):
        mv.audio_visual_contrast(audio, n_resamples=0)
    neither = small.drop_nodes("features")
    neither.attrs = small.attrs
    with pytest.raises(mv.DataError, match="the study has no audio or visual features"):
        mv.lasso_models(neither)


def test_features_on_another_grid(small):
    visual = small["features/visual"].to_dataset()
    moved = small.copy()
    moved["features/visual"] = xr.DataTree(visual.assign_coords(time=visual["time"] + 0.2))
    with pytest.raises(mv.DataError, match="fewer than two time steps in common"):
        mv.lasso_models(moved, sets=VISUAL)


def test_features_without_a_finite_value(small):
    values = np.full_like(values_of(small, "visual"), np.nan)
    with pytest.raises(mv.DataError, match="no visual feature is finite"):
        mv.lasso_models(changed(small, "visual", values), sets=VISUAL)


@pytest.mark.parametrize(
    "arguments",
    [
        {"model": "forest"},
        {"level": "frame"},
        {"inner": "people"},
        {"n_folds": 1},
        {"n_folds": 2.5},
        {"n_jobs": 0},
        {"sets": [("music", "smell")]},
        {"sets": "music"},
        {"sets": []},
        {"l1_ratio": 0.0},
        {"patience": 0},
        {"conf_level": 1.0},
    ],
)
def test_arguments_that_make_no_sense(small, arguments):
    with pytest.raises(mv.DesignError):
        mv.lasso_models(small, **arguments)


def test_a_model_that_was_not_fitted(models):
    with pytest.raises(mv.DataError, match="no such model was fitted"):
        mv.lasso_models(models.limited(None, MUSIC), sets=VISUAL)


def test_printed_values_meet_ours(models):
    compared = mv.compare_published(mv.lasso_models(models), "lasso_models")
    assert len(compared) == 40
    assert compared["estimate"].notna().all()
    ranks = mv.compare_published(mv.rank_features(models, level="family"), "rank_features")
    assert (ranks["verdict"] != "not comparable").sum() > 30
    human = mv.compare_published(mv.compare_with_human(models), "compare_with_human")
    assert human["estimate"].notna().all()


def test_real_features_with_simulated_annotations(corrected):
    """Sounds of the release beside ratings that know nothing of them: nothing to be found."""
    ratings = mv.simulate_muvi(features=False)
    audio = corrected["features/audio"].to_dataset()
    audio = audio.assign_coords(item=ratings["items/item"].to_numpy())
    study = mv.with_features(ratings, audio, kind="audio")
    study = mv.released_exclusions(study)
    frame = mv.lasso_models(study, sets=MUSIC, dimension="arousal").set_index("metric")
    assert (frame["n_items"] == 81).all()
    assert (frame["n"] == 81 * 118).all()
    assert (frame["n_features"] == 988).all()
    assert frame.loc["ccc", "mean"] < 0.1
    assert frame["simulated"].all()

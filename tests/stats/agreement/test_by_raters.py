"""Agreement by the number of raters: Spearman and Brown, loops, and means that are really drawn."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import muvistats as mv
from muvistats.kernels.raters.agreement import shared_variance
from muvistats.stats.agreement.by_raters import spearman_brown


@pytest.fixture(scope="module")
def crowd():
    """Twelve raters of each of a few items in each modality."""
    return mv.simulate_muvi(rng=2, n_items=8, n_participants=36, raters_per_cell=12, features=False)


def rows_of(found, **keys):
    for key, value in keys.items():
        found = found[found[key] == value]
    return found.set_index("n_raters")


def test_what_raters_share_is_what_loops_find():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(9, 30)) * 1e3 + 5e4
    values[7] = np.nan
    starts = np.array([0, 4, 5])
    parts, without = shared_variance(values, starts)

    def by_hand(rows):
        pairs = itertools.combinations(rows, 2)
        shared = np.mean([np.cov(values[a], values[b], ddof=0)[0, 1] for a, b in pairs])
        own = np.mean([values[a].var() for a in rows])
        return [shared, own, np.var([values[a].mean() for a in rows], ddof=1)]

    np.testing.assert_allclose(parts[0], by_hand([0, 1, 2, 3]))
    np.testing.assert_allclose(parts[2], by_hand([5, 6, 8]))
    assert np.isnan(parts[1]).all()
    np.testing.assert_allclose(without[1], by_hand([0, 2, 3]))
    np.testing.assert_allclose(without[8], by_hand([5, 6]))
    assert np.isnan(without[[4, 7]]).all()


def test_more_raters_follow_spearman_and_brown():
    assert spearman_brown(0.3, 1) == 0.3
    assert spearman_brown(0.3, 4) == pytest.approx(4 * 0.3 / 1.9)
    assert spearman_brown(-0.2, 1) == -0.2
    assert spearman_brown(-0.2, 9) == 0
    assert spearman_brown(1.0, 7) == 1


def test_the_icc_of_as_many_raters_as_there_are_is_that_of_icc(crowd):
    kept = mv.icc(crowd, dimension="arousal").set_index(["modality", "estimator"])
    for modality in ("music", "all"):
        found = mv.agreement_by_raters(crowd, measure="icc", dimension="arousal", n_raters=(1, 12))
        grown = rows_of(found, modality=modality)
        columns = ["estimate", "conf_low", "conf_high"]
        np.testing.assert_allclose(
            grown.loc[1, columns].astype(float),
            kept.loc[(modality, "ICC(A,1)"), columns].astype(float),
        )
    music = rows_of(found, modality="music")
    assert music.loc[12, "estimate"] == pytest.approx(kept.loc[("music", "ICC(A,k)"), "estimate"])


def test_the_formula_of_means_is_what_means_reach(crowd):
    """Means of disjoint raters, drawn: covariances over squared distances, as in a concordance."""
    found = mv.agreement_by_raters(crowd, measure="ccc", dimension="valence", n_raters=(1, 2, 6))
    annotations = crowd["annotations"].to_dataset()
    values = annotations["valence"].to_numpy()
    keys = list(zip(annotations["item"].values, annotations["modality"].values, strict=True))
    groups = [np.flatnonzero([key == each for key in keys]) for each in dict.fromkeys(keys)]
    rng = np.random.default_rng(0)
    for k in (1, 2, 6):
        shared = spread = 0.0
        for rows in groups:
            use = np.isfinite(values[rows]).all(axis=0)
            for _ in range(60):
                drawn = rng.permutation(rows)[: 2 * k]
                first, second = (values[part][:, use].mean(axis=0) for part in np.split(drawn, 2))
                shared += 2 * np.cov(first, second, ddof=0)[0, 1]
                spread += first.var() + second.var() + (first.mean() - second.mean()) ** 2
        ours = rows_of(found, modality="all").loc[k, "estimate"]
        assert ours == pytest.approx(shared / spread, abs=0.03)


def test_estimators_of_more_raters_agree_better_up_to_half_of_them(crowd):
    found = mv.agreement_by_raters(
        crowd, measure="ewe", dimension="arousal", n_raters=(1, 3, 6, 7), n_splits=5
    )
    grown = rows_of(found, modality="all")
    assert grown["estimate"].iloc[:3].is_monotonic_increasing
    assert np.isnan(grown.loc[7, "estimate"])
    assert grown.loc[7, "warning"] == "no item has so many raters twice"
    assert grown.loc[6, "n"] == 24


def test_limits_hold_the_estimate_and_are_no_more_than_one(crowd):
    found = mv.agreement_by_raters(crowd, measure="ccc", n_raters=(1, 5))
    assert (found["conf_low"] <= found["estimate"]).all()
    assert (found["estimate"] <= found["conf_high"]).all()
    assert found["conf_high"].max() <= 1


def test_a_negative_agreement_and_a_lonely_rater_are_said(tiny):
    found = mv.agreement_by_raters(tiny, measure=["ccc", "ewe"], n_raters=(1, 2), n_splits=2)
    assert set(found["n_raters"]) == {1, 2}
    alone = mv.select(tiny, participant=["0"])
    said = mv.agreement_by_raters(alone, measure="ccc", n_raters=[1])
    assert (said["warning"] == "no item has two raters").all()


def noise(n_people, n_items, seed, gain=0.0):
    """Walks of people who rate one item each, around courses of the items."""
    rng = np.random.default_rng(seed)
    courses = gain * np.cumsum(rng.normal(size=(n_items, 12)), axis=1)
    rated = np.arange(n_people) % n_items
    walks = courses[rated] + np.cumsum(rng.normal(size=(n_people, 12)), axis=1)
    keys = pd.DataFrame({"item": rated.astype(str), "modality": "music"})
    keys["participant"] = [f"p{n}" for n in range(n_people)]
    samples = keys.loc[keys.index.repeat(12)].assign(
        time=np.tile(np.arange(12) / 2, n_people), arousal=walks.ravel()
    )
    return mv.from_frames(
        keys, dynamics=samples, dimensions=["arousal"], modalities=("music",), scale=(-99, 99)
    )


def test_a_crowd_that_does_not_agree_has_short_limits():
    """One trial each: items have 15 ratings, not as many as there are people."""
    held = []
    for seed in range(12):
        found = mv.agreement_by_raters(noise(180, 12, seed), measure="ccc", n_raters=[1])
        low, high = found["conf_low"][0], found["conf_high"][0]
        assert high - low < 0.12
        held.append(low < 0 < high)
    assert sum(held) >= 10


def test_why_two_raters_have_no_limits():
    def said(study):
        found = mv.agreement_by_raters(study, measure="ccc", n_raters=[1])
        assert found["estimate"].notna().all()
        assert found["conf_low"].isna().all()
        return found["warning"][0]

    assert "fewer than three items" in said(noise(8, 2, 0, gain=1.0))
    assert "no item has three raters" in said(noise(8, 4, 0, gain=1.0))
    study = noise(12, 3, 0, gain=1.0).copy(deep=True)
    lively = study["annotations/item"] == "0"
    study["annotations/arousal"] = study["annotations/arousal"].where(lively, 0.0)
    assert "without one of the items nobody moves" in said(study)


def test_numbers_that_make_no_sense_are_refused(crowd):
    for wrong in ((), 3, "12", (0,), (1.5,), None):
        with pytest.raises(mv.DesignError, match="n_raters"):
            mv.agreement_by_raters(crowd, n_raters=wrong)
    with pytest.raises(mv.DesignError, match="measure must be"):
        mv.agreement_by_raters(crowd, measure="alpha")
    with pytest.raises(mv.DesignError, match="n_splits"):
        mv.agreement_by_raters(crowd, n_splits=0)


def test_two_raters_leave_one_split_and_items_give_the_limits(tiny):
    found = mv.agreement_by_raters(tiny, measure="ewe", dimension="arousal", n_raters=[1])
    single = mv.interrater_ccc(tiny, dimension="arousal", level="annotation")
    for modality in ("music", "visual", "audiovisual"):
        values = single[single["modality"] == modality].groupby("item")["ccc"].first()
        reach = stats.t.ppf(0.975, len(values) - 1) * values.sem()
        row = rows_of(found, modality=modality).loc[1]
        assert row["estimate"] == pytest.approx(values.mean())
        assert row["conf_low"] == pytest.approx(values.mean() - reach)
        assert row["conf_high"] == pytest.approx(min(values.mean() + reach, 1))

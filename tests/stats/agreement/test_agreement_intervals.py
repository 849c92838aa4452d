"""Intervals of agreement hold the truth where items, raters and time steps depend."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.stats.agreement.chance_corrected import _alpha_row
from muvistats.stats.agreement.concordance import mean_limits
from muvistats.stats.agreement.intraclass import _icc_rows


def ratings(rng, *, items, people, raters, steps=1, target=0.0, rater=0.2, held=0.0, phi=0.95):
    """Ratings in long form; each series moves slowly, `held` of its variance is an offset."""
    item = np.repeat(np.arange(items), raters)
    person = np.arange(items * raters) % people

    def series(n):
        noise = rng.normal(size=(n, steps))
        for t in range(1, steps):
            noise[:, t] = phi * noise[:, t - 1] + np.sqrt(1 - phi**2) * noise[:, t]
        return np.sqrt(1 - held) * noise + np.sqrt(held) * rng.normal(size=(n, 1))

    value = np.sqrt(target) * series(items)[item] + series(len(item))
    value += np.sqrt(rater) * rng.normal(size=people)[person][:, None]
    step = np.tile(np.arange(steps), len(item))
    item, person = np.repeat(item, steps), np.repeat(person, steps)
    return pd.DataFrame(
        {
            "item": item,
            "rater": person,
            "target": item * steps + step,
            "column": step,
            "value": value.ravel(),
        }
    )


@pytest.mark.parametrize(
    "design",
    [
        {"items": 10, "people": 5, "raters": 5, "steps": 60},
        {"items": 10, "people": 5, "raters": 5, "steps": 60, "target": 0.5, "held": 0.4},
        {"items": 30, "people": 20, "raters": 5, "target": 0.5},
    ],
    ids=["steps of noise", "steps", "incomplete"],
)
def test_interval_of_the_intraclass_correlation_holds_the_truth(design):
    """Time steps that are taken as independent held 0 in a third of these studies."""
    rng = np.random.default_rng(2)
    target, rater = design.get("target", 0.0), design.get("rater", 0.2)
    truth = {"A": target / (target + rater + 1), "C": target / (target + 1)}
    held = []
    for _ in range(20):
        rows = _icc_rows(ratings(rng, **design), "time_step", 0.95, "incomplete")
        for row in rows[1:3]:
            form = row["estimator"][4]
            held.append(row["conf_low"] - 1e-9 <= truth[form] <= row["conf_high"])
    assert np.mean(held) >= 0.86


def test_time_steps_have_limits_and_fewer_degrees_of_freedom_than_steps():
    study = mv.simulate_muvi(rng=1, n_items=6, n_participants=8, features=False)
    found = mv.icc(study, unit="time_step", dimension="arousal")
    assert (
        (found["conf_low"] <= found["estimate"]) & (found["estimate"] <= found["conf_high"])
    ).all()
    coarse = mv.icc(study, dimension="arousal")
    assert (found["conf_high"] - found["conf_low"]).mean() > 0.05
    assert (coarse["conf_high"] - coarse["conf_low"]).mean() > 0.05
    alone = mv.select(study, item=study["items/item"].values[0])
    rows = mv.icc(alone, unit="time_step", dimension="arousal")
    assert rows["conf_low"].isna().all()
    assert rows["warning"].str.contains("one item").all()


def test_mean_limits_count_items_and_raters():
    """A mean of values with effects of both: items alone hold it too seldom."""
    rng = np.random.default_rng(6)
    item = np.repeat(np.arange(20), 6)
    person = np.tile(np.arange(6), 20)
    both, items = [], []
    for _ in range(60):
        values = rng.normal(size=20)[item] / 3 + rng.normal(size=6)[person] / 2
        values = values + rng.normal(size=120)
        for held, units in ((both, (item, person)), (items, (item,))):
            row = mean_limits(values, item, units, 200, 0.95, rng, ends=None)
            held.append(row["conf_low"] <= 0 <= row["conf_high"])
    assert np.mean(both) >= 0.9
    assert np.mean(items) < 0.8


@pytest.mark.parametrize("n_items", [3, 4])
def test_limits_of_few_items_keep_within_the_scale(n_items):
    study = mv.simulate_muvi(rng=5, n_items=n_items, n_participants=8, features=False)
    ceiling = mv.noise_ceiling(study, n_resamples=200)
    assert ceiling["conf_low"].gt(0).all()
    others = (
        mv.interrater_ccc(study, level="modality", n_resamples=200),
        mv.inter_subject_correlation(study, n_resamples=200).assign(ccc=lambda f: f["estimate"]),
    )
    for frame in (ceiling, *others):
        assert len(frame) == frame["conf_high"].notna().sum()
        assert ((frame["conf_low"] < frame["ccc"]) & (frame["ccc"] < frame["conf_high"])).all()
        assert frame["conf_low"].gt(-1).all()
        assert frame["conf_high"].lt(1).all()


def test_ceilings_and_windows_are_uncertain_for_raters_too(study):
    """Two studies by the same people share their raters: limits by items alone were narrower."""
    ceiling = mv.noise_ceiling(study, dimension="arousal", n_resamples=400)
    items = mv.noise_ceiling(study, level="item", dimension="arousal")
    music = items.loc[items["modality"] == "music", "ccc"].dropna()
    row = ceiling[ceiling["modality"] == "music"].iloc[0]
    alone = 2 * 1.96 * music.std() / np.sqrt(len(music))
    assert row["conf_high"] - row["conf_low"] > alone
    windows = mv.agreement_over_time(study, window=20, dimension="arousal", n_resamples=200)
    assert ((windows["conf_low"] < windows["ccc"]) & (windows["ccc"] < windows["conf_high"])).all()


@pytest.mark.parametrize("estimator", ["fleiss_kappa", "krippendorff_alpha", "gwet_ac1"])
def test_limits_of_label_agreement_hold_the_estimate(study, estimator):
    frame = mv.label_agreement(study, n_resamples=200)
    rows = frame[(frame["estimator"] == estimator) & frame["conf_low"].notna()]
    assert len(rows) > 50
    assert (rows["conf_low"] >= -1).all()
    assert (rows["conf_low"] <= rows["estimate"]).all()
    assert (rows["estimate"] <= rows["conf_high"]).all()
    assert (rows["conf_high"] <= 1).all()


def test_alpha_of_raters_who_differ_holds_the_truth():
    """Items alone held it in four of five of such studies."""
    rng = np.random.default_rng(8)
    held = []
    for _ in range(120):
        part = ratings(rng, items=20, people=8, raters=5, target=0.5, rater=0.3)
        part = part.rename(columns={"rater": "participant"}).assign(modality="music")
        row = _alpha_row(part, "value", "interval", 99, 0.95, rng)
        held.append(row["conf_low"] <= 0.5 / 1.8 <= row["conf_high"])
    assert np.mean(held) >= 0.88


def test_limits_of_few_ratings_are_never_of_rounding():
    """Items that differ by rounding only leave limits that single ratings make."""
    frame = pd.DataFrame(
        {
            "item": list("acbcab"),
            "participant": list("ppqqrr"),
            "modality": "music",
            "liking": [0.2, -1.41, 0.13, -0.6, 0.4, -0.69],
        }
    )
    study = mv.from_frames(frame, dimensions=["liking"], modalities=("music",), scale=(-3, 3))
    found = mv.krippendorff_alpha(study, n_resamples=200)
    assert found["estimate"][0] == pytest.approx(0.5237, abs=1e-4)
    assert (found["conf_high"] - found["conf_low"] > 1).all()

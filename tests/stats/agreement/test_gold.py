"""Gold standards: six methods on one study, against plain loops, and what cannot be asked."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import muvistats as mv
from muvistats.stats.agreement.gold import GOLD

HERE = tuple(method for method in GOLD if method != "dtw")


@pytest.fixture(scope="module")
def study():
    return mv.simulate_muvi(rng=4, n_items=6, n_participants=12, features=False)


def small(values, participants=None, items=None):
    """A study of one dimension from (annotation, time)."""
    n, steps = values.shape
    keys = {
        "item": np.repeat(items if items is not None else ["a"] * n, steps),
        "participant": np.repeat(participants or [f"p{i}" for i in range(n)], steps),
    }
    time = np.tile(np.arange(steps) * 0.5, n)
    return mv.from_frames(dynamics=pd.DataFrame(keys | {"time": time, "arousal": values.ravel()}))


def cell_of(study, item, modality):
    rows = (study["annotations/item"] == item) & (study["annotations/modality"] == modality)
    return study["annotations/arousal"].to_numpy()[rows.to_numpy()]


@pytest.mark.parametrize("method", HERE)
def test_every_method_has_the_same_form(study, method):
    found = mv.gold_standard(study, method=method)
    assert found["gold_standard"].dims == ("dimension", "item", "modality", "time")
    assert found.attrs["method"] == method
    assert found.attrs["simulated"] == 1
    plain = mv.ewe(study)
    assert_array_equal(found["n_raters"], plain["n_raters"])
    both = found["gold_standard"].notnull() & plain["gold_standard"].notnull()  # noqa: PD004
    near = (found["gold_standard"] - plain["gold_standard"]).where(both)
    assert float(np.abs(near).median()) < 0.15
    one = mv.gold_standard(study, method=method, dimension="valence")
    assert_allclose(one["gold_standard"][0], found["gold_standard"].sel(dimension="valence"))


def test_mean_and_median_are_those_of_the_raters(study):
    values = cell_of(study, "clip2", "music")
    whole = ~np.isnan(values).any(axis=0)
    for method, function in (("mean", np.mean), ("median", np.median)):
        found = mv.gold_standard(study, method=method, dimension="arousal")["gold_standard"]
        ours = found.sel(item="clip2", modality="music", dimension="arousal").to_numpy()
        assert_allclose(ours[whole], function(values[:, whole], axis=0), atol=1e-12)
        assert np.isnan(ours[~whole]).all()


def test_ewe_is_the_preset(study):
    assert mv.gold_standard(study).identical(mv.ewe(study))


def late_study(delays, n_items=8, steps=60):
    rng = np.random.default_rng(6)
    paths = rng.normal(size=(n_items, steps + 12)).cumsum(axis=1) * 0.05
    n = len(delays)
    item, rater = np.repeat(np.arange(n_items), n), np.tile(np.arange(n), n_items)
    values = paths[item[:, None], np.arange(steps) + 6 - np.array(delays)[rater][:, None]]
    return (
        small(
            values + 0.02 * rng.normal(size=values.shape),
            [f"p{j}" for j in rater],
            [f"i{i}" for i in item],
        ),
        paths[:, 6:-6],
    )


@pytest.mark.parametrize("method", ["ewe_aligned", "latent"])
def test_planted_delays_are_taken_out(method):
    delays = [0, 3, -2, 1, 0]
    study, truth = late_study(delays)
    found = mv.gold_standard(study, method=method)
    lag = dict(
        zip(found["participant"].to_numpy(), found["lag_seconds"].to_numpy()[0], strict=True)
    )
    assert [lag[f"p{j}"] for j in range(5)] == [0.5 * d for d in delays]

    def error(part):
        ours = part["gold_standard"].to_numpy()[0, :, 0, 6:-6]
        off = ours - truth[:, 6:-6]
        return np.std(off - off.mean(axis=1, keepdims=True))

    assert error(found) < 0.5 * error(mv.ewe(study))


def test_habits_of_rating_high_are_taken_out_of_levels():
    rng = np.random.default_rng(2)
    truth = rng.uniform(-0.3, 0.3, 30)
    who = np.concatenate([rng.choice(9, 3, replace=False) for _ in range(30)])
    item = np.repeat(np.arange(30), 3)
    level = truth[item] + np.linspace(-0.4, 0.4, 9)[who]
    values = level[:, None] + 0.05 * rng.normal(size=(90, 30))
    study = small(values, [f"p{j}" for j in who], [f"i{i:02}" for i in item])
    latent, mean = (
        mv.gold_standard(study, method=method, max_lag=2)["gold_standard"].mean("time").to_numpy()
        for method in ("latent", "mean")
    )
    off = [np.std(part.ravel() - truth) for part in (latent, mean)]
    assert off[0] < 0.25 * off[1]


@pytest.mark.parametrize("method", HERE)
def test_one_rater_one_item_numbers_as_names(method):
    values = np.linspace(-0.5, 0.5, 30)[None] + 0.01 * np.sin(np.arange(30.0))
    study = small(values, [7], [3])
    found = mv.gold_standard(study, method=method)
    assert found["item"].to_numpy().tolist() == ["3"]
    assert int(found["n_raters"].item()) == 1
    ours = found["gold_standard"].to_numpy().ravel()
    assert_allclose(ours, values[0], atol=0.3 if method == "latent" else 1e-12)
    assert np.corrcoef(ours, values[0])[0, 1] > 0.98


@pytest.mark.parametrize("method", HERE)
def test_who_is_masked_is_no_rater_and_an_empty_cell_is_missing(study, method):
    masked = mv.exclude(
        study, pd.DataFrame({"item": ["clip1"], "modality": ["music"]}), reason="test"
    )
    found = mv.gold_standard(masked, method=method, dimension="arousal")
    cell = found.sel(item="clip1", modality="music", dimension="arousal")
    assert int(cell["n_raters"]) == 0
    assert np.isnan(cell["gold_standard"]).all()
    assert not np.isnan(found["gold_standard"].sel(item="clip2")).all()


@pytest.mark.parametrize("method", HERE)
def test_nobody_moves(method):
    found = mv.gold_standard(small(np.full((3, 30), 0.25)), method=method)
    values = found["gold_standard"].to_numpy()
    assert np.isnan(values).all() if method.startswith("ewe") else np.allclose(values, 0.25)


def test_all_are_masked(study):
    nobody = mv.exclude(study, pd.DataFrame({"item": study["items/item"].to_numpy()}), reason="x")
    for method in HERE:
        assert np.isnan(mv.gold_standard(nobody, method=method)["gold_standard"]).all()


def test_latent_goes_on_where_a_rater_is_missing():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(3, 40)).cumsum(axis=1) * 0.02
    values[0, 30:] = np.nan
    found = {m: mv.gold_standard(small(values), method=m)["gold_standard"] for m in HERE}
    assert not np.isnan(found["latent"]).any()
    assert np.isnan(found["mean"]).sum() == 10


def test_what_cannot_be_asked(study, monkeypatch):
    with pytest.raises(mv.DesignError, match="method must be one of ewe, mean"):
        mv.gold_standard(study, method="best")
    with pytest.raises(mv.DesignError, match=r"at most 27\.5 s are possible"):
        mv.gold_standard(study, method="latent", max_lag=30)
    with pytest.raises(mv.DesignError, match="max_lag"):
        mv.gold_standard(study, method="ewe_aligned", max_lag=-1)
    monkeypatch.setitem(sys.modules, "tslearn", None)
    with pytest.raises(mv.MissingExtraError, match=r"muvistats\[dtw\]"):
        mv.gold_standard(study, method="dtw")


def plain_barycentre(raters, begun, radius, rounds=30):
    """Barycentre averaging by loops: warp each rater to the centre, average what meets."""
    centre = begun.copy()
    steps = len(centre)
    last = np.inf
    for _ in range(rounds):
        sums, counts, total = np.zeros(steps), np.zeros(steps), 0.0
        for x in raters:
            cost = np.full((steps + 1, steps + 1), np.inf)
            cost[0, 0] = 0.0
            for i in range(steps):
                for j in range(max(0, i - radius), min(steps, i + radius + 1)):
                    before = min(cost[i, j], cost[i, j + 1], cost[i + 1, j])
                    cost[i + 1, j + 1] = (centre[i] - x[j]) ** 2 + before
            i, j = steps - 1, steps - 1
            total += cost[steps, steps]
            while True:
                sums[i] += x[j]
                counts[i] += 1
                if i == j == 0:
                    break
                steps_back = [(cost[i, j], i - 1, j - 1), (cost[i, j + 1], i - 1, j)]
                _, i, j = min([*steps_back, (cost[i + 1, j], i, j - 1)])
        if abs(last - total) < 1e-5 or last < total:
            break
        last, centre = total, sums / counts
    return centre


def test_dtw_is_barycentre_averaging():
    pytest.importorskip("tslearn")
    rng = np.random.default_rng(9)
    values = rng.normal(size=(4, 40)).cumsum(axis=1) * 0.05
    found = mv.gold_standard(small(values), method="dtw")["gold_standard"]
    expected = plain_barycentre(values, values.mean(axis=0), 40)
    assert_allclose(found.to_numpy().ravel(), expected, atol=1e-8)


def test_the_committed_table_of_methods_is_whole():
    """Every method in every cell; more raters come nearer to the truth, careless ones do harm."""
    path = Path(mv.__file__).parent / "data" / "simulation" / "gold_standards.csv"
    table = pd.read_csv(path)
    assert (table["version"] == mv.__version__).all()
    keys = ["raters", "lag_sd", "unreliable", "seed"]
    methods = table.groupby(keys)["method"].apply(lambda found: sorted(found) == sorted(GOLD))
    assert methods.all()
    assert len(methods) == table[keys].nunique().prod()
    assert table["seed"].nunique() >= 4
    assert table[["rmse", "ccc", "seconds"]].notna().all(axis=None)
    error = table[table["method"] == "mean"].groupby(["unreliable", "raters"])["rmse"].mean()
    careful, careless = error[0.0], error[0.25]
    assert careful.is_monotonic_decreasing
    assert (careful < careless).all()

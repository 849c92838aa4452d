"""Who leads: known answers, the same numbers as modality_contribution, and the committed table."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.stats.time import dominance

SCRIPT = Path(__file__).parents[3] / "data" / "measure_dominance.py"
KEYS = ["dimension", "quantity", "modality", "group1", "group2"]


@pytest.fixture(scope="module")
def study():
    return mv.simulate_muvi(rng=3, n_items=12, n_participants=18, features=False)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("measure_dominance", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_window_is_the_bounded_contribution(study):
    ours = mv.dominance_over_time(study, window=55.0, n_resamples=19)
    whole = mv.modality_contribution(study, n_resamples=19)
    both = ours.merge(whole, on=KEYS, suffixes=("", "_whole"))
    assert len(both) == 2 * 4
    np.testing.assert_allclose(both["estimate"], both["estimate_bounded"], rtol=1e-9)
    assert ours["n_items"].eq(12).all()


def test_estimates_are_possible(study):
    found = mv.dominance_over_time(study, window=5.0, n_resamples=49)
    wide = found.pivot_table(
        index=["dimension", "window_start"], columns=["quantity", "modality"], values="estimate"
    )
    assert (found.loc[found["quantity"] == "r_squared", "estimate"].dropna() <= 1 + 1e-9).all()
    np.testing.assert_allclose(wide["share"].sum(axis=1), 1)
    sides = wide["sides_with"].dropna()
    np.testing.assert_allclose(sides.sum(axis=1), 1)
    assert found["n_resamples"].eq(49).all()
    assert found["df"].dropna().between(1, 11).all()  # twelve items
    limits = found[["conf_low", "conf_high"]].dropna()
    assert (limits["conf_low"] <= limits["conf_high"]).all()
    adjusted = found["p_adjusted"].dropna()
    assert (adjusted >= found.loc[adjusted.index, "p_value"] - 1e-12).all()


def of_paths(music, visual, both, n_raters=2, noise=0.0):
    """A study whose raters see these paths, (item, time)."""
    rng = np.random.default_rng(0)
    parts = []
    for modality, paths in (("music", music), ("visual", visual), ("audiovisual", both)):
        for i, path in enumerate(paths):
            parts += [
                pd.DataFrame(
                    {
                        "item": i,  # numbers as names
                        "modality": modality,
                        "participant": f"{modality}{rater}",
                        "time": np.arange(len(path)) * 0.5,
                        "arousal": np.clip(path + noise * rng.normal(size=len(path)), -1, 1),
                    }
                )
                for rater in range(n_raters)
            ]
    return mv.from_frames(dynamics=pd.concat(parts, ignore_index=True))


def test_the_leader_is_known():
    rng = np.random.default_rng(1)
    music, visual = 0.05 * rng.normal(size=(2, 10, 60)).cumsum(axis=2)
    both = np.where(np.arange(60) < 30, music, visual)
    found = mv.dominance_over_time(
        of_paths(music, visual, both), start=0, window=15, n_resamples=99
    )
    share = found[(found["quantity"] == "share") & (found["modality"] == "music")]["estimate"]
    assert share.iloc[0] > 0.9
    assert share.iloc[1] < 0.1
    sides = found[(found["quantity"] == "sides_with") & (found["modality"] == "music")]
    assert sides["estimate"].tolist() == [1.0, 0.0]
    assert (sides["p_adjusted"] <= 0.05).all()
    assert sides["chance"].between(0.2, 0.8).all()
    conflict = found[found["quantity"] == "conflict"]["estimate"].to_numpy()
    gap = [(music - visual)[:, part] for part in (slice(0, 30), slice(30, 60))]
    expected = [np.sqrt(np.square(g - g.mean(axis=1, keepdims=True)).mean()) for g in gap]
    np.testing.assert_allclose(conflict, expected, rtol=1e-9)


def test_a_picture_that_takes_over_is_found_in_a_sample_of_studies(script):
    studies = script.drawn(3)
    planted = script.measured(studies["planted"], "planted", 3)
    assert planted["p_second"] <= 0.05
    assert planted["difference_second"] < -0.5
    null = script.measured(studies["null"], "null", 3)
    assert null["difference_first"] == pytest.approx(planted["difference_first"], abs=0.5)
    assert null["p_second"] > 0.05


def test_one_item_has_estimates_and_no_interval(study):
    one = mv.select(study, item=str(study["items/item"].to_numpy()[0]))
    found = mv.dominance_over_time(one, window=20, n_resamples=19)
    assert found["conf_low"].isna().all()
    assert found["warning"].notna().all()


def test_nobody_moves_and_nobody_is_left(study):
    still = of_paths(*(np.full((3, 30), 0.2),) * 3)
    found = mv.dominance_over_time(still, start=0, window=7, n_resamples=19)
    assert found["estimate"][found["quantity"] != "conflict_share"].isna().all()
    assert found["warning"].str.len().gt(5).all()
    keys = pd.DataFrame({"item": study["items/item"].to_numpy()})
    nobody = mv.exclude(study, keys, reason="x")
    found = mv.dominance_over_time(nobody, n_resamples=19)
    assert found["estimate"].isna().all()
    assert found["warning"].str.contains("no item has two different raters").all()


def test_what_cannot_be_asked(study):
    with pytest.raises(mv.DesignError, match="two modalities beside audiovisual"):
        mv.dominance_over_time(mv.select(study, modality=["music", "audiovisual"]))
    with pytest.raises(mv.DesignError, match="beyond the last time step"):
        mv.dominance_over_time(study, start=100)
    with pytest.raises(mv.DesignError, match="longer than the excerpt"):
        mv.dominance_over_time(study, window=100)
    with pytest.raises(mv.DesignError, match="start"):
        mv.dominance_over_time(study, start=-1)


def test_the_committed_table_finds_the_picture_and_little_else():
    """200 studies in which the picture takes valence over at 30 s, and 200 without a leader."""
    path = Path(mv.__file__).parent / "data" / "simulation" / "dominance.csv"
    table = pd.read_csv(path, keep_default_na=False)
    assert (table["version"] == mv.__version__).all()
    assert table.groupby("cell")["seed"].apply(list).to_dict() == {
        "null": list(range(200)),
        "planted": list(range(200)),
    }
    led = (table["p_second"] <= 0.05) & (table["difference_second"] < 0)
    found = led.groupby(table["cell"]).sum()
    assert found["planted"] >= 160
    assert found["null"] <= 18


def test_items_that_change_the_last_bit_only_count_for_nothing():
    rng = np.random.default_rng(0)
    place, drawn = {"quantity": "conflict"}, 0.5 + 0.1 * rng.normal(size=(9, 1))

    def df_of(without):
        draws = np.concatenate([[[0.5]], without, drawn])
        return dominance._rows([place], draws, len(without), 9, 0.95)[0]["df"]

    one = np.full((6, 1), 0.5)
    one[0] += 0.01
    noisy = one.copy()
    noisy[1:] = np.nextafter(noisy[1:], 1)
    assert df_of(noisy) == df_of(one) == 2  # 3 (sum I^2)^2 / sum I^4 - 1 of a single item
    assert df_of(np.full((6, 1), 0.51)) == 5

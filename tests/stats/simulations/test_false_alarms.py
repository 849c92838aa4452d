"""The engine behind false-alarm rates: counts, limits, verdicts, resuming, and independence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import muvistats as mv
from muvistats.dataset.access import annotation_frame
from muvistats.kernels.contingency import clopper_pearson
from muvistats.stats.simulations.false_alarms import with_limits
from muvistats.stats.simulations.presets import ANY, KEYS, PRESETS, choose_presets, p_rows
from muvistats.stats.simulations.scenarios import SCENARIOS, scaled

pytestmark = pytest.mark.slow

SMALL = mv.Scenario("small", null=("overlay", "gender"), n_items=6, n_participants=9)
QUICK = "chisquare of familiar: gender"


def run(test, n_sims=10, **options):
    options = {"scenario": SMALL, "n_resamples": 19, "cache": False, "progress": False} | options
    return mv.calibration(test, options.pop("scenario"), n_sims, **options)


def uniform(_study, rng):
    return rng.random()


@pytest.fixture
def one_study(monkeypatch, tiny):
    """Draws nothing, for tests that do not look at their study."""
    monkeypatch.setattr(mv.Scenario, "draw", lambda *_: tiny)


# limits and verdicts


@pytest.mark.parametrize(("count", "n"), [(0, 7), (7, 7), (3, 40), (1, 1), (100, 2000)])
@pytest.mark.parametrize("level", [0.9, 0.99997])
def test_limits_are_those_of_scipy(count, n, level):
    low, high = clopper_pearson([count], [n], level)
    expected = stats.binomtest(count, n).proportion_ci(level, method="exact")
    np.testing.assert_allclose([low[0], high[0]], [expected.low, expected.high], atol=1e-12)


def test_limits_without_trials_are_undefined():
    low, high = clopper_pearson([0, 1], [0, 2], 0.95)
    assert np.isnan([low[0], high[0]]).all()
    assert np.isfinite([low[1], high[1]]).all()


def test_verdict_follows_the_limits_that_hold_at_once():
    table = pd.DataFrame(
        {
            "n_rejected": [100, 60, 140, 128, 300, 0],
            "n": [2000] * 5 + [0],
            "alpha": 0.05,
            "null": [True, True, True, True, False, True],
        }
    )
    found = with_limits(table, 0.95)
    assert found["verdict"].tolist() == [
        "at the level",
        "conservative",
        "liberal",
        "at the level",
        "",
        "",
    ]
    assert found["rule"].tolist()[4:] == ["", ""]
    # row 3 is above 5% by itself, but not when five rows are looked at
    assert found["conf_low"][3] > 0.05 > found["simultaneous_low"][3]
    level = 1 - 0.01 / 5
    exact = stats.binomtest(140, 2000).proportion_ci(level, method="exact")
    assert found["simultaneous_low"][2] == pytest.approx(exact.low, abs=1e-12)


# counting


@pytest.mark.usefixtures("one_study")
def test_a_test_of_known_level_is_found_at_its_level():
    found = run(uniform, 300)
    row = found.iloc[0]
    assert (row["n"], row["n_undefined"], row["test"]) == (300, 0, "uniform")
    assert row["estimate"] == row["n_rejected"] / 300
    assert stats.binomtest(int(row["n_rejected"]), 300, 0.05).pvalue > 0.001
    assert row["verdict"] == "at the level"
    assert row["simulated"]


@pytest.mark.usefixtures("one_study")
def test_undefined_p_values_are_counted_not_taken_as_kept():
    def often_undefined(_study, rng):
        return float(rng.choice([0.0, np.nan]))

    row = run(often_undefined, 40).iloc[0]
    assert row["n"] + row["n_undefined"] == 40
    assert 8 < row["n_undefined"] < 32
    assert row["estimate"] == 1.0
    never = run(lambda _: np.nan).iloc[0]
    assert (never["n"], never["n_undefined"]) == (0, 10)
    assert np.isnan([never["estimate"], never["conf_low"], never["simultaneous_high"]]).all()
    assert never["warning"] == "no simulated study gave a p-value"
    assert pd.isna(never["verdict"])


@pytest.mark.usefixtures("one_study")
def test_a_row_that_only_some_studies_have_is_undefined_in_the_others():
    def one_or_two(_study, rng):
        labels = ["calm", "sad"] if rng.random() < 0.5 else ["calm"]
        return pd.DataFrame({"label": labels, "p_value": 1.0})

    found = run(one_or_two, 30).set_index("label")
    assert found.loc["calm", "n"] == 30
    assert found.loc["sad", "n"] + found.loc["sad", "n_undefined"] == 30
    assert 5 < found.loc["sad", "n"] < 25


@pytest.mark.usefixtures("one_study")
def test_alpha_itself_rejects():
    def just(_study):
        return 10 / 200 + 1e-15

    assert run(just)["estimate"].tolist() == [1.0]
    assert run(just, alpha=0.01)["estimate"].tolist() == [0.0]


def test_rates_are_those_of_a_plain_loop():
    """The same studies, drawn and tested one by one."""
    found = run("mannwhitney of n_labels: gender", 12, rng=5)
    root = np.random.SeedSequence(5).spawn(1)[0]
    rejected = []
    for index in range(12):
        seed = np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, index))
        frame = annotation_frame(SMALL.draw(seed))
        female = frame["gender"] == "Female"
        p_value = stats.mannwhitneyu(
            frame.loc[female, "n_labels"], frame.loc[~female, "n_labels"], method="asymptotic"
        ).pvalue
        rejected.append(p_value <= 0.05)
    ours = found[found["dependence"] == "independent"]
    assert ours["n_rejected"].tolist() == [sum(rejected)]
    assert 0 < sum(rejected) < 12


# families


def test_a_family_is_rejected_with_any_of_its_rows(study):
    frame = mv.label_deviations(study, by="gender", dependence="independent")
    rows = p_rows(PRESETS["label_deviations: gender"], frame)
    assert len(rows) == 27 + 1  # two groups are one test per label
    family = next(key for key in rows if key[KEYS.index("label")] == ANY)
    assert rows[family] == frame["p_adjusted"].min()
    by_modality = mv.label_deviations(study, by="modality", dependence="independent")
    assert len(p_rows(PRESETS["label_deviations: modality"], by_modality)) == 81 + 1


@pytest.mark.usefixtures("one_study")
def test_rows_that_cannot_be_told_apart_are_refused():
    def twice(_study):
        return pd.DataFrame({"p_value": [0.1, 0.2]})

    with pytest.raises(mv.DataError, match="cannot be told apart"):
        run(twice, 1)
    with pytest.raises(mv.DataError, match="gives no p-value"):
        run(lambda _: pd.DataFrame({"p": [1.0]}), 1)


# seeds


def test_what_else_is_asked_for_does_not_matter():
    alone = run("kruskal: gender", 8)
    both = run([uniform, "kruskal: gender"], 8)
    more = run(["kruskal: gender"], 13)
    both = both[both["test"] == "kruskal: gender"].reset_index(drop=True)
    counts = ["estimate", "n_rejected", "n"]
    pd.testing.assert_frame_equal(alone[counts], both[counts])
    assert (more["n_rejected"] >= alone["n_rejected"]).all()


@pytest.mark.usefixtures("one_study")
def test_rng_decides():
    first, again = run(uniform, 40, rng=3), run(uniform, 40, rng=3)
    pd.testing.assert_frame_equal(first, again)
    counts = {int(run(uniform, 40, rng=seed, alpha=0.5)["n_rejected"].iloc[0]) for seed in range(5)}
    fresh = {int(run(uniform, 40, rng=None, alpha=0.5)["n_rejected"].iloc[0]) for _ in range(5)}
    assert len(counts) > 1
    assert len(fresh) > 1


def test_the_number_of_processes_does_not_matter():
    one = run([QUICK, "kruskal: gender"], 15, alpha=0.5)
    two = run([QUICK, "kruskal: gender"], 15, alpha=0.5, n_jobs=2)
    pd.testing.assert_frame_equal(one, two)


# kept and resumed


@pytest.fixture(scope="module")
def fresh():
    """What no chunk was kept of."""
    return run(QUICK, 25)


def test_finished_chunks_are_kept_and_used(tmp_path, monkeypatch, fresh):
    kept = run(QUICK, 25, cache=tmp_path)
    pd.testing.assert_frame_equal(kept, fresh)
    names = sorted(path.name for path in tmp_path.rglob("*.npz"))
    assert names == ["0-10.npz", "10-20.npz", "20-25.npz"]
    monkeypatch.setattr(mv.Scenario, "draw", lambda *_: pytest.fail("simulated again"))
    pd.testing.assert_frame_equal(run(QUICK, 25, cache=tmp_path), fresh)


def test_a_damaged_chunk_is_made_anew(tmp_path, fresh):
    run(QUICK, 25, cache=tmp_path)
    cut, empty = sorted(tmp_path.rglob("*0.npz"))
    cut.write_bytes(cut.read_bytes()[:-40])
    empty.write_bytes(b"")
    pd.testing.assert_frame_equal(run(QUICK, 25, cache=tmp_path), fresh)
    assert empty.stat().st_size > 0
    assert not list(tmp_path.rglob("*.tmp"))


def test_other_settings_are_kept_apart(tmp_path):
    run(QUICK, 3, cache=tmp_path)
    run(QUICK, 3, cache=tmp_path, rng=1)
    run(QUICK, 3, cache=tmp_path, n_resamples=29)
    other = mv.Scenario("small", null=("gender",), n_items=6, n_participants=9, without=("gender",))
    run(QUICK, 3, cache=tmp_path, scenario=other)
    assert len(list(tmp_path.rglob("0-3.npz"))) == 4


def test_a_test_of_ones_own_is_not_kept(tmp_path):
    run(uniform, 3, cache=tmp_path)
    assert not list(tmp_path.iterdir())


KILLED = """
import sys
import muvistats as mv
small = mv.Scenario("small", null=("overlay", "gender"), n_items=6, n_participants=9)
mv.calibration(sys.argv[1], small, 5000, n_resamples=19, cache=sys.argv[2])
"""


def finished(folder):
    """Chunks that are whole; one that is being written lies in a hidden folder."""
    return [path for path in folder.rglob("*.npz") if not path.parent.name.startswith(".")]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_run_goes_on(tmp_path, fresh):
    done = subprocess.Popen(
        [sys.executable, "-c", KILLED, QUICK, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(Path(mv.__file__).parents[1])},
    )
    try:
        for _ in range(1200):
            if len(finished(tmp_path)) >= 2 or done.poll() is not None:
                break
            time.sleep(0.1)
    finally:
        done.send_signal(signal.SIGKILL)
        done.wait()
    assert done.returncode == -signal.SIGKILL
    kept = {path: path.stat().st_mtime_ns for path in finished(tmp_path)}
    assert len(kept) >= 2
    pd.testing.assert_frame_equal(run(QUICK, 25, cache=tmp_path), fresh)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # none was made again
    assert (tmp_path / next(iter(kept)).relative_to(tmp_path).parent / "20-25.npz").is_file()


# what is refused


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"test": "t_test"}, "no test named"),
        ({"test": 3}, "not iterable|name or a function"),
        ({"test": []}, "one at least"),
        ({"test": [QUICK, QUICK]}, "different names"),
        ({"test": uniform, "scenario": None}, "needs a scenario"),
        ({"test": QUICK, "scenario": "nothing"}, "no scenario named"),
        ({"test": QUICK, "n_sims": 0}, "n_sims"),
        ({"test": QUICK, "n_sims": 2.5}, "n_sims"),
        ({"test": QUICK, "alpha": 0}, "alpha"),
        ({"test": QUICK, "conf_level": 95}, "conf_level"),
        ({"test": QUICK, "n_resamples": -1}, "n_resamples"),
        ({"test": QUICK, "alpha": True}, "alpha"),
        ({"test": QUICK, "n_jobs": 0}, "n_jobs"),
        ({"test": QUICK, "n_jobs": 2.5}, "n_jobs"),
        ({"test": QUICK, "n_jobs": "a"}, "n_jobs"),
        ({"test": QUICK, "rng": "a"}, "rng"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, match):
    with pytest.raises(mv.DesignError, match=match):
        run(**arguments)


@pytest.mark.usefixtures("one_study")
def test_an_error_says_where_it_happened():
    def broken(_study):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        run(broken, 1)
    assert caught.value.__notes__ == ["in broken, scenario small, study 0"]


# scenarios


def test_every_test_has_null_scenarios():
    for name, preset in PRESETS.items():
        assert preset.scenarios, name
        for scenario in preset.scenarios:
            assert SCENARIOS[scenario].is_null(preset.factor, labels=preset.labels)
    assert choose_presets(None) == list(PRESETS.values())


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios_can_be_drawn_and_keep_people_and_items(name):
    scenario = SCENARIOS[name]
    assert not {"participant", "item", "rater"} & set(scenario.without)
    truth = scenario.draw(1)["truth"].to_dataset()
    assert (truth["participant_level"].std("participant") > 0.05).all()
    assert (truth["label_participant"].std("participant") > 0.5).all()
    assert (truth["item_level"].std("item") > 0.1).all()
    on = truth.attrs["effects"].split()
    assert set(on) & {"gender", "training", "familiarity"} or name == "no_modality"


def test_power_is_told_from_false_alarms():
    two = [SMALL, mv.Scenario("other", null=(), n_items=6, n_participants=9)]
    found = run("chisquare_labels: gender", 2, scenario=two)
    assert dict(zip(found["scenario"], found["quantity"], strict=True)) == {
        "small": "false-alarm rate",
        "other": "power",
    }
    # levels do not depend on gender unless the settings say so
    levels = run("kruskal: gender", 2, scenario=two)
    assert levels["null"].all()
    settings = scaled(SMALL.settings, "gender", 2.0)
    assert settings.arousal.female == 0
    assert settings.labels.gender_scale == 2 * SMALL.settings.labels.gender_scale


def test_a_multiple_of_modality_stretches_around_the_mean():
    default = SMALL.settings
    double, none = scaled(default, "modality", 2.0), scaled(default, "modality", 0.0)
    mean = np.array(default.arousal.mean)
    np.testing.assert_allclose(double.arousal.mean, 2 * mean - mean.mean())
    np.testing.assert_allclose(none.arousal.mean, mean.mean())
    assert none.labels.modality_scale == 0
    np.testing.assert_allclose(none.labels.familiar, np.mean(default.labels.familiar))
    assert min(scaled(default, "modality", 20.0).arousal.own_sd) >= 0
    assert scaled(default, "modality", 1.0).valence.item_sd == default.valence.item_sd


# single p-values


def test_the_share_of_single_p_values_up_to_alpha_is_the_rate():
    given = {"n_sims": 4, "n_resamples": 9, "cache": False, "progress": False}
    found = mv.simulated_p_values("mannwhitney_overlay", SMALL, **given)
    rates = mv.calibration("mannwhitney_overlay", SMALL, alpha=0.5, **given)
    rejected = found.groupby(["dimension", "dependence"])["p_value"].agg(lambda p: (p <= 0.5).sum())
    rates = rates.set_index(["dimension", "dependence"])["n_rejected"].sort_index()
    assert rejected.sort_index().tolist() == rates.tolist()
    assert found["simulation"].tolist() == sorted([1, 2, 3, 4] * 4)
    assert found["null"].all()


@pytest.mark.usefixtures("one_study")
def test_single_p_values_stay_whatever_else_is_drawn_and_say_what_is_missing():
    given = {"cache": False, "progress": False}
    found = mv.simulated_p_values([uniform, lambda _: np.nan], SMALL, 12, **given)
    alone = mv.simulated_p_values(uniform, SMALL, 5, **given)
    assert alone["p_value"].tolist() == found["p_value"][:5].tolist()
    assert found["test"].tolist() == ["uniform"] * 12 + ["<lambda>"] * 12
    assert (found["warning"][12:] == "the test gave no p-value").all()
    fresh = mv.simulated_p_values(uniform, SMALL, 5, rng=1, **given)
    assert not alone["p_value"].equals(fresh["p_value"])
    with pytest.raises(mv.DesignError, match="needs a scenario"):
        mv.simulated_p_values(uniform)

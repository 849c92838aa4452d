"""Windows, the noise ceiling and the delay of raters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import muvistats as mv
from muvistats.dataset.build import assemble
from muvistats.kernels.raters.agreement import ccc, ceiling_ccc, ewe, leave_one_out_ewe
from muvistats.kernels.raters.lag import best_lag


def smooth(rng, shape, width=6):
    kernel = np.exp(-0.5 * (np.arange(-30, 31) / width) ** 2)
    noise = rng.normal(size=(*shape[:-1], shape[-1] + 60))
    out = np.apply_along_axis(lambda row: np.convolve(row, kernel, "valid"), -1, noise)
    return out / out.std()


def study_of(values):
    """Cells of k raters, one modality, from (item, rater, time)."""
    items, raters, steps = values.shape
    rows = [
        {"item": f"i{i:03d}", "modality": "music", "participant": f"p{p:02d}"}
        for i in range(items)
        for p in range(raters)
    ]
    return assemble(
        pd.DataFrame(rows),
        {"arousal": np.clip(values.reshape(-1, steps) / 8, -1, 1)},
        participants=pd.DataFrame({"participant": [f"p{p:02d}" for p in range(raters)]}),
        items=pd.DataFrame({"item": [f"i{i:03d}" for i in range(items)]}),
        time=np.arange(steps) * 0.5,
        modalities=("music",),
    )


@pytest.mark.parametrize(("raters", "noise"), [(5, 0.5), (5, 1.5), (8, 1.0)])
def test_ceiling_is_what_the_truth_reaches(raters, noise):
    rng = np.random.default_rng(raters)
    truth = smooth(rng, (250, 118))
    values = truth[:, None] + noise * smooth(rng, (250, raters, 118), width=4)
    values += 0.3 * rng.normal(size=(250, raters, 1))
    flat = values.reshape(-1, 118)
    starts = np.arange(0, len(flat), raters)
    gold, _ = ewe(flat, starts)
    reached = ccc(truth, gold).mean()
    estimated = np.nanmean(ceiling_ccc(flat, starts))
    assert estimated <= reached + 0.01
    assert_allclose(estimated, reached, atol=0.06)


def test_raters_without_a_common_truth_have_a_low_ceiling():
    rng = np.random.default_rng(0)
    flat = smooth(rng, (100 * 6, 118))
    assert np.nanmean(ceiling_ccc(flat, np.arange(0, 600, 6))) < 0.25


def test_leave_one_out_series_is_the_ewe_of_the_others():
    rng = np.random.default_rng(1)
    values = smooth(rng, (5, 60))
    series = leave_one_out_ewe(values, np.array([0]))
    expected, _ = ewe(np.delete(values, 2, axis=0), np.array([0]))
    assert_allclose(series[2], expected[0], rtol=1e-10)


def test_ceiling_levels_agree(study):
    items = mv.noise_ceiling(study, level="item", dimension="arousal")
    table = mv.noise_ceiling(study, dimension="arousal", n_resamples=50)
    music = items[items["modality"] == "music"]["ccc"]
    assert_allclose(table.query("modality == 'music'")["ccc"], music.mean())


def test_windows_are_slices_of_the_excerpt(study):
    frame = mv.agreement_over_time(study, window=10, dimension="arousal", n_resamples=10)
    cut = study.copy()
    annotations = cut["annotations"].to_dataset()
    cut["annotations"] = annotations.sel(time=slice(20, 29.5))
    expected = mv.interrater_ccc(cut, dimension="arousal", level="annotation")["ccc"].mean()
    row = frame.query("window_start == 20 and modality == 'all'")
    assert_allclose(row["ccc"], expected)
    assert row["window_end"].item() == 30


@pytest.mark.parametrize("window", [0, 0.5, 500])
def test_impossible_windows(study, window):
    with pytest.raises(mv.DesignError, match="window"):
        mv.agreement_over_time(study, window=window)


def test_planted_delay_is_found_and_gains_only_on_the_own_item():
    rng = np.random.default_rng(4)
    truth = smooth(rng, (60, 140), width=3)
    late = 4  # steps: 2 s
    values = np.repeat(truth[:, None, 20:138], 6, axis=1)
    values[:, 0] = truth[:, 20 - late : 138 - late]
    values = values + 0.2 * smooth(rng, (60, 6, 118), width=3)
    frame = mv.rater_lag(study_of(values), level="annotation", max_lag=4)
    own = frame[frame["pairing"] == "own item"]
    assert abs(own[own["participant"] == "p00"]["lag_seconds"].median() - 2.0) <= 0.5
    assert own[own["participant"] != "p00"]["lag_seconds"].median() == 0
    assert own[own["participant"] == "p00"]["gain"].mean() > 0.2
    mismatched = frame[frame["pairing"] == "mismatched"]
    assert abs(mismatched["gain"].mean()) < 0.08
    assert mismatched["gain"].notna().all()  # every annotation has one of another item


def test_excerpt_too_short_for_the_delay(tiny):
    with pytest.raises(mv.DesignError, match="too short"):
        mv.rater_lag(tiny)


def test_one_item_has_no_interval_and_nothing_to_mismatch(study):
    part = mv.select(study, item=str(study["items/item"].values[0]))
    ceiling = mv.noise_ceiling(part, dimension="arousal", n_resamples=50)
    assert ceiling["conf_low"].isna().all()
    assert ceiling["warning"].str.contains("no interval").iloc[:3].all()
    lag = mv.rater_lag(part, dimension="arousal", n_resamples=50)
    other = lag[lag["pairing"] == "mismatched"]
    assert other["lag_seconds"].isna().all()
    assert (other["n"] == 0).all()
    assert lag.loc[lag["pairing"] == "own item", "n"].iloc[-1] > 0
    each = mv.rater_lag(part, dimension="arousal", level="annotation")
    reasons = each.loc[each["pairing"] == "mismatched", "warning"]
    assert set(reasons) <= {"no other item in this modality", "excluded"}


def test_equal_correlations_take_the_shorter_delay():
    fits = np.array([[0.1, 0.3, 0.3 + 1e-16, 0.2], [np.nan] * 4, [0.2, 0.3, 0.4, np.nan]])
    position, defined = best_lag(fits)
    assert position.tolist() == [1, 0, 2]
    assert defined.tolist() == [True, False, True]


def test_no_resamples_leave_the_limits_open(study):
    for rows in (
        mv.noise_ceiling(study, n_resamples=0),
        mv.agreement_over_time(study, window=20, n_resamples=0),
        mv.rater_lag(study, n_resamples=0),
    ):
        assert rows[["conf_low", "conf_high"]].isna().all(axis=None)
        assert rows["warning"].notna().all()
        assert (rows["n_resamples"] == 0).all()


@pytest.mark.parametrize("step", [0, -1, np.nan, np.inf])
def test_impossible_steps(study, step):
    with pytest.raises(mv.DesignError, match="step"):
        mv.agreement_over_time(study, window=10, hop=step)


@pytest.mark.parametrize("max_lag", [-1, np.nan, np.inf])
def test_impossible_delays(study, max_lag):
    with pytest.raises(mv.DesignError, match="max_lag"):
        mv.rater_lag(study, max_lag=max_lag)


def test_windows_are_whole_steps(study):
    rows = mv.agreement_over_time(study, window=10.2, dimension="arousal", n_resamples=0)
    assert (rows["window_end"] - rows["window_start"]).unique().tolist() == [10.0]

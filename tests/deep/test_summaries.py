from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import muvistats as mv
from muvistats.deep.summaries import summarise
from muvistats.results.glossary import GLOSSARY

TABLE_6 = mv.published("compare_architectures")


def test_mean_sd_and_interval(two):
    found = summarise(two, conf_level=0.9).set_index(["configuration", "metric"])
    values = two.loc[two["configuration"] == "pair", "ccc"]
    row = found.loc[("pair", "ccc")]
    interval = stats.t.interval(0.9, 29, values.mean(), stats.sem(values))
    assert row[["mean", "sd"]].tolist() == pytest.approx([values.mean(), values.std()])
    assert (row["conf_low"], row["conf_high"]) == pytest.approx(interval)
    assert row["conf_level"] == 0.9
    assert row[["n", "n_items", "n_seeds", "n_repeats", "n_missing"]].tolist() == [30, 30, 1, 1, 0]
    assert row["noise_ceiling"] == pytest.approx(0.8)
    assert np.isnan(found.loc[("pair", "rmse"), "noise_ceiling"])
    assert found["simulated"].all()
    assert set(found["alignment"]) == {"released"}
    assert len(found) == 6
    assert set(summarise(two)) <= set(GLOSSARY)


def test_seeds_and_repeats_are_averaged_first(rows):
    # seeds of item a: 0.1 and 0.3 in repeat 1, 0.6 in repeat 2
    frame = pd.concat(
        [
            rows("pair", {"a": 0.1, "b": 0.4}, seed=1),
            rows("pair", {"a": 0.3, "b": 0.4}, seed=2),
            rows("pair", {"a": 0.6, "b": 0.4}, seed=1, repeat=2),
        ]
    )
    row = summarise(frame).iloc[0]
    assert row["metric"] == "rmse"
    assert row["mean"] == pytest.approx(0.4)
    assert row["sd"] == pytest.approx(0, abs=1e-12)
    assert row[["n", "n_items", "n_seeds", "n_repeats"]].tolist() == [6, 2, 2, 2]


def test_more_seeds_add_no_items(two):
    again = pd.concat([two, two[two["seed"] == 1].assign(seed=2)])
    first, second = summarise(two), summarise(again)
    numbers = ["mean", "sd", "conf_low", "conf_high", "n_items"]
    pd.testing.assert_frame_equal(first[numbers], second[numbers])
    assert second["n_seeds"].tolist() == [2] * 3 + [1] * 3


def test_undefined_scores_are_counted(two):
    holes = two.copy()
    holes.loc[[0, 1], "ccc"] = [np.nan, np.inf]
    found = summarise(holes).set_index(["configuration", "metric"])
    row = found.loc[("pair", "ccc")]
    assert row["mean"] == pytest.approx(two.loc[2:29, "ccc"].mean())
    assert row[["n", "n_items", "n_missing"]].tolist() == [28, 28, 2]
    assert "ccc is undefined in 2 of 30 rows" in row["warning"]
    assert found.loc[("pair", "rmse"), "n_missing"] == 0
    assert pd.isna(found.loc[("pair", "rmse"), "warning"])


def test_a_model_that_was_not_fitted_is_a_row_with_the_reason(two, rows):
    gone = rows("unimodal", {"all": np.nan}, fold=0, warning="the study has no visual features")
    row = summarise(pd.concat([two, gone])).iloc[-1]
    assert row["configuration"] == "unimodal"
    assert np.isnan(row["mean"])
    assert row["n_items"] == 0
    assert "no visual features" in row["warning"]


def test_one_item_has_a_mean_and_no_spread(rows):
    row = summarise(rows("pair", {"a": 0.1})).iloc[0]
    assert row["mean"] == pytest.approx(0.1)
    assert np.isnan(row["sd"])
    assert "one item" in row["warning"]


def test_readings_of_the_labels_stay_apart(two):
    other = two.assign(alignment="corrected", rmse=two["rmse"] + 1)
    found = summarise(pd.concat([two, other]))
    assert found["alignment"].tolist() == ["released"] * 6 + ["corrected"] * 6
    rmse = found[found["metric"] == "rmse"]["mean"].to_numpy()
    assert rmse[2:] - rmse[:2] == pytest.approx([1, 1])


def test_the_paper_s_table_finds_its_rows(rows):
    parts = []
    for key, group in TABLE_6.groupby(["modality", "features", "configuration", "target"]):
        values = {}
        for metric in ("rmse", "ccc"):
            cell = group[group["metric"] == metric].set_index("quantity")["published"]
            # two items with just the printed mean and sd
            half = cell["sd"] / np.sqrt(2)
            values[metric] = [cell["mean"] - half, cell["mean"] + half]
        names = dict(zip(("modality", "features", "configuration", "target"), key, strict=True))
        part = rows("x", {"a": 0.0, "b": 0.0}).assign(**names)
        parts.append(part.assign(rmse=values["rmse"], ccc=values["ccc"]))
    compared = mv.compare_published(summarise(pd.concat(parts)), "compare_architectures")
    assert len(compared) == len(TABLE_6) == 56
    assert (compared["verdict"] == "agrees").all()
    wrong = pd.concat(parts).assign(rmse=lambda frame: frame["rmse"] + 5)
    compared = mv.compare_published(summarise(wrong), "compare_architectures")
    differs = (compared["metric"] == "rmse") & (compared["quantity"] == "mean")
    assert (compared["verdict"][differs] != "agrees").all()


def test_lasso_rows_are_summarised_in_each_set(two, rows):
    music = rows("lasso", {"a": 0.1, "b": 0.3}, modality="music", features="audio", seed=0)
    found = summarise(pd.concat([two, music]))
    lasso = found[(found["configuration"] == "lasso") & (found["metric"] == "rmse")]
    assert lasso["modality"].tolist() == ["audiovisual", "music"]
    assert lasso["mean"].iloc[1] == pytest.approx(0.2)


def test_bad_input_is_named(two, tiny):
    with pytest.raises(mv.DataError, match="DataTree"):
        summarise(tiny)
    with pytest.raises(mv.DataError, match="no rows"):
        summarise(two.iloc[:0])
    with pytest.raises(mv.DataError, match="ccc"):
        summarise(two.drop(columns="ccc"))
    with pytest.raises(mv.DataError, match="not a frame of compare_architectures"):
        summarise(mv.published("table6"))
    with pytest.raises(mv.DataError, match=r"twice.*pair"):
        summarise(pd.concat([two, two.iloc[:1]]))
    with pytest.raises(mv.DataError, match="rmse"):
        summarise(two.assign(rmse="high"))
    with pytest.raises(mv.DataError, match="missing"):
        summarise(two.assign(item=two["item"].where(two.index != 7)))
    with pytest.raises(mv.DesignError, match="conf_level"):
        summarise(two, conf_level=95)

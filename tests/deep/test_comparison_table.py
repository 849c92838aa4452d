"""The committed rows of Table 6: whole folds, in order, and what the guide says of them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

import muvistats as mv
from muvistats.deep import CONFIGURATIONS, paired_tests
from muvistats.deep.configurations import as_configurations

NETWORK = ["configuration", "modality", "features"]
GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "networks.md"


@pytest.fixture(scope="module")
def table():
    with (files("muvistats") / "data" / "simulation" / "table_6.csv").open() as stream:
        return pd.read_csv(stream).assign(mse=lambda rows: rows["rmse"] ** 2)


def test_scores_are_scores(table):
    assert table["version"].eq(mv.__version__).all()
    assert not table[["rmse", "ccc", "noise_ceiling", "n"]].isna().any(axis=None)
    assert (table["rmse"] > 0).all()
    assert table["ccc"].between(-1, 1).all()
    assert not table.duplicated([*NETWORK, "target", "fold", "seed", "item"]).any()


def test_a_training_tests_all_items_of_its_fold(table):
    linear = table[table["seed"] == 0].groupby([*NETWORK, "target"])
    assert set(linear["item"].nunique()) == {81}
    assert linear.ngroups == 2 * (5 + 3)
    of_fold = table[table["seed"] == 0].groupby("fold")["item"].agg(frozenset)
    for (*_, fold, _seed), rows in table[table["seed"] > 0].groupby(
        [*NETWORK, "target", "fold", "seed"]
    ):
        assert set(rows["item"]) == of_fold[fold]
        assert len(set(rows["n_epochs"])) == 1
        assert rows["n_epochs"].between(8, 100).all()


def test_trainings_are_those_of_table_6_fold_by_fold(table):
    wanted = {(each.name, each.modality, each.features) for each in as_configurations(None)}
    assert {name for name, *_ in wanted} <= set(CONFIGURATIONS)
    trained = table.loc[table["seed"] > 0, [*NETWORK, "target", "fold", "seed"]].drop_duplicates()
    assert set(trained[NETWORK].itertuples(index=False, name=None)) <= wanted
    cells = trained.groupby(["seed", "fold", "target"], sort=False).size()
    assert cells.index.is_monotonic_increasing
    assert (cells.iloc[:-1] == len(wanted)).all()


def test_the_guide_says_what_the_tests_say(table):
    found = paired_tests(
        table[table["seed"] == 0],
        pairs=[("ridge_pair", "ridge"), ("ridge_pair", "ridge_control")],
        metrics=["ccc"],
    ).set_index(["group2", "target", "method"])
    words = " ".join(GUIDE.read_text().split())
    assert "three of the four gains differ, all but that in valence over the control" in words
    assert "By the corrected one only the gain in valence over `ridge` does." in words
    for other in ("ridge", "ridge_control"):
        for target in ("arousal", "valence"):
            row = found.loc[(other, target, "paired t test")]
            assert (row["conf_low"] > 0) == ((other, target) != ("ridge_control", "valence"))
            corrected = found.loc[(other, target, "corrected resampled t test")]
            assert (corrected["conf_low"] > 0) == ((other, target) == ("ridge", "valence"))


def test_the_guide_says_what_networks_show(table):
    """Transfer helps networks, and a ridge that has it predicts better than they do."""
    others = ["early_fusion", "late_fusion", "ridge_pair"]
    found = paired_tests(table, pairs=[("pair", other) for other in others])
    fusions = found["group2"].str.endswith("fusion") & (found["metric"] == "ccc")
    corrected = found.loc[fusions & (found["dependence"] == "design"), "p_value"]
    paired = found["method"] == "paired t test"
    assert (found.loc[fusions & paired, "p_value"] < 0.05).all()
    assert 0 < (corrected < 0.05).sum() < len(corrected) / 2
    gain = found[paired].set_index(["metric", "target", "group2"])["estimate"].sort_index()
    for target in ("arousal", "valence"):
        assert gain["ccc", target, "late_fusion"] > 0
        assert gain["ccc", target, "early_fusion"] > 0
        assert gain["ccc", target, "ridge_pair"] < 0
        assert gain["rmse", target, "ridge_pair"] > 0
    words = " ".join(GUIDE.read_text().split())
    assert "PAIR concords more than networks that start from nothing" in words
    assert "concords more than PAIR" in words


def test_all_networks_of_table_6_are_trained(table):
    trained = table.loc[table["seed"] > 0, [*NETWORK, "target", "fold", "seed"]].drop_duplicates()
    assert len(trained) == 7 * 2 * 5 * 3

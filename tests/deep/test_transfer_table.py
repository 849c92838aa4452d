"""The committed table of simulated transfers says what the page about networks says of it."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def table():
    with (files("muvistats") / "data" / "simulation" / "transfer.csv").open() as stream:
        return pd.read_csv(stream)


def rates(table, scenario, test):
    rows = table[(table["scenario"] == scenario) & table["method"].str.startswith(test)]
    return rows.set_index(["group2", "metric"])


def test_rates_are_counts_over_all_studies(table):
    assert table["n"].min() >= 200
    assert (table["estimate"] - table["n_rejected"] / table["n"]).abs().max() < 1e-6
    assert table["simulated"].all()


def test_null_is_rejected_as_the_page_says(table):
    paired, mixed, corrected = (
        rates(table, "permuted", test).xs("pair_permuted_2")
        for test in ("paired t", "mixed", "corrected")
    )
    for metric, share in (("rmse", 1 / 5), ("ccc", 1 / 3)):
        assert paired.loc[metric, "conf_low"] < share < paired.loc[metric, "conf_high"]
        assert paired.loc[metric, "conf_low"] > 0.05
        assert mixed.loc[metric, "conf_low"] < 0.05 < mixed.loc[metric, "conf_high"]
        assert corrected.loc[metric, "conf_high"] < 0.05


def test_transfer_is_there(table):
    found = rates(table, "transfer", "paired t")
    for other in ("late_fusion", "pair_control"):
        row = found.loc[other, "ccc"]
        assert row["mean"] > 3 * row["sd"] / row["n"] ** 0.5
        assert row["conf_low"] > 0.05
        assert found.loc[(other, "rmse"), "mean"] < 0

"""The committed table that sets Tables 4, 5 and 7 of the paper beside draws of the simulation."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

import muvistats as mv

KEYS = ["section", "modality", "target", "dimension", "features", "family", "metric", "quantity"]
TABLES = ("Table 4", "Table 5", "Table 7")

#: Printed errors that no model with an intercept has in the simulation, but by overfitting.
ABOVE_CONSTANT = 1.1


@pytest.fixture(scope="module")
def table():
    source = files("muvistats.data") / "simulation" / "tables.csv"
    with source.open(encoding="utf-8") as stream:
        rows = pd.read_csv(stream)
    return rows[rows["state"] == "now"]


def test_every_printed_value_is_there_once(table):
    names = ("lasso_models", "interrater_ccc", "rank_features")
    printed = pd.concat([mv.published(name) for name in names])[[*KEYS, "published"]]
    order = [table[[*KEYS, "published"]], printed]
    one, other = (rows.fillna("").astype(str).sort_values(KEYS).to_numpy() for rows in order)
    np.testing.assert_array_equal(one[:, :-1], other[:, :-1])
    np.testing.assert_allclose(one[:, -1].astype(float), other[:, -1].astype(float))
    assert (table["n"] == 50).all()
    assert (table["seeds"] == "1 to 50").all()
    assert np.isfinite(table[["mean", "sd", "low", "high", "embedded"]].to_numpy()).all()


def test_nine_of_ten_printed_values_lie_among_the_draws(table):
    inside = table["published"].between(table["low"], table["high"])
    assert inside.tolist() == table["inside"].tolist()
    assert inside[table["section"].isin(TABLES)].mean() >= 0.9
    assert inside[~table["section"].isin(("Table 4", "Table 7"))].all()


def test_what_lies_outside_is_what_the_notes_say(table):
    """Errors above those of a constant, and the one that would need what they rule out."""
    errors = table[(table["metric"] == "rmse") & (table["quantity"] == "mean") & ~table["inside"]]
    too_large = errors["published"] > ABOVE_CONSTANT * errors["constant"]
    assert too_large.sum() >= 4
    assert errors.loc[~too_large, ["modality", "target"]].to_numpy().tolist() == [
        ["music", "valence"]
    ]

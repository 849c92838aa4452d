"""Means of blocks by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from muvistats.stats.shared.blocks import table_of


def test_means_and_counts_of_cells_are_those_of_pandas():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"item": rng.integers(0, 5, 60), "light": rng.choice(list("abc"), 60)})
    frame["y"] = np.where(rng.random(60) < 0.1, np.nan, rng.normal(size=60))
    frame = frame[(frame["item"] != 2) | (frame["light"] != "b")]
    found = table_of(frame, "y", "light", "item")
    codes = pd.factorize(frame["item"])[1]  # blocks stand in the order of the rows
    for ours, how in ((found.means, "mean"), (found.counts, "count")):
        cells = frame.pivot_table(index="item", columns="light", values="y", aggfunc=how)
        expected = cells.loc[codes] if how == "mean" else cells.fillna(0).loc[codes]
        np.testing.assert_allclose(ours, expected)
    assert found.levels == ["a", "b", "c"]
    assert found.n == found.counts.sum() - frame.loc[frame["item"] == 2, "y"].count()
    assert found.n + found.n_missing == len(frame)


def test_without_a_value_there_is_no_block():
    frame = pd.DataFrame({"item": [1, 1, 2, 2], "light": list("abab"), "y": np.nan})
    found = table_of(frame, "y", "light", "item")
    assert found.values.size == found.n == 0
    assert found.n_missing == 4

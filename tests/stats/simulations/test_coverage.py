"""Coverage of intervals: drawn, kept, gone on with; the committed table is whole."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from muvistats.kernels.contingency import clopper_pearson
from muvistats.stats.simulations import coverage as module
from muvistats.stats.simulations.coverage import (
    AGAIN,
    INSIDE,
    SIZES,
    Cell,
    cells,
    coverage,
    measure,
)


def a_mean(size, effect, rng):
    return rng.normal(0.5 if effect else 0.0, 1, size.n_items)


def limits_of_the_mean(values, _rng):
    half = 2.201 * values.std(ddof=1) / np.sqrt(len(values))  # t of 11 degrees of freedom
    return {"mean": (values.mean(), values.mean() - half, values.mean() + half)}


@pytest.fixture
def small(monkeypatch):
    made = [Cell("mean", "10 x 12", e, 2, a_mean, limits_of_the_mean) for e in ("null", "medium")]
    monkeypatch.setattr(module, "cells", lambda: iter(made))


@pytest.mark.usefixtures("small")
def test_the_interval_of_a_mean_holds_it(tmp_path):
    assert measure(tmp_path, 400, minutes=1)
    table = coverage(tmp_path)
    assert table["effect"].tolist() == ["null", "medium"]
    assert (table["n"] == 400).all()
    assert table["truth"].tolist() == pytest.approx([0, 0.5], abs=0.15)
    assert table["coverage"].between(0.9, 0.98).all()
    missed = table["missed_low"] + table["missed_high"]
    assert (table["coverage"] + missed).tolist() == pytest.approx([1, 1])


@pytest.mark.usefixtures("small")
def test_pieces_give_the_same_as_one_run(tmp_path):
    for _ in range(5):
        measure(tmp_path / "pieces", 20, minutes=0)
    assert coverage(tmp_path / "pieces").empty  # no time, nothing done
    assert measure(tmp_path / "pieces", 10, minutes=1, again=10)
    assert measure(tmp_path / "pieces", 20, minutes=1, again=20)
    assert measure(tmp_path / "whole", 20, minutes=1, again=20)
    one, two = (coverage(tmp_path / name) for name in ("pieces", "whole"))
    pd.testing.assert_frame_equal(one, two)


def test_a_cell_outside_gets_more_studies(tmp_path, monkeypatch):
    def short(values, rng):
        (estimate, low, high), half = limits_of_the_mean(values, rng)["mean"], 0.5
        return {"mean": (estimate, estimate - half * (estimate - low), high)}

    made = [Cell(n, "10 x 12", "medium", 2, a_mean, read) for n, read in
            (("right", limits_of_the_mean), ("short", short))]  # fmt: skip
    monkeypatch.setattr(module, "cells", lambda: iter(made))
    assert measure(tmp_path, 200, minutes=1, again=250)
    assert coverage(tmp_path).set_index("interval")["n"].to_dict() == {"right": 200, "short": 250}


def test_each_interval_is_read_in_each_kind_of_cell():
    rng = np.random.default_rng(1)
    seen = set()
    for cell in cells():
        size = "49 x 81" if cell.interval == "contribution" else "10 x 12"
        if cell.interval in seen or cell.size != size:
            continue
        seen.add(cell.interval)
        found = cell.read(cell.draw(SIZES[cell.size], True, rng), rng)
        assert all(len(row) == 3 for row in found.values())
        known = [row for row in found.values() if not np.isnan(row[1])]
        assert known
        assert all(low <= estimate <= high for estimate, low, high in known)
    assert len(seen) == 10


@pytest.mark.parametrize("name", SIZES)
def test_a_study_has_the_size_that_its_name_says(name):
    size = SIZES[name]
    assert f"{size.n_participants} x {size.n_items}" == name
    assert size.raters <= size.n_participants
    assert 3 * size.in_three <= size.n_participants  # nobody rates an item in two modalities
    twice = size.larger(2)
    assert (twice.n_participants, twice.n_items) == (2 * size.n_participants, 2 * size.n_items)
    assert (twice.raters, twice.in_three) == (size.raters, size.in_three)


def test_an_interval_with_one_limit_is_none():
    values = np.array([[0.1, -1.0, 1.0], [0.2, np.nan, 1.0], [0.3, -1.0, np.nan], [2, 1.5, 2.5]])
    held = module._holds(values, 0.0)
    assert (held["n"], held["n_undefined"]) == (2, 2)
    assert (held["coverage"], held["missed_low"], held["missed_high"]) == (0.5, 0.5, 0)
    assert held["width"] == 1.5


def test_names_of_cells_are_different():
    names = [cell.name for cell in cells()]
    assert len(names) == len(set(names))
    groups = {cell.groups for cell in cells() if cell.interval == "epsilon squared, values"}
    assert groups == {2, 3, 5, 10, 20, 40}


def test_the_committed_table_is_whole():
    """Every row names a cell that there is, and its limits follow from its counts."""
    source = files("muvistats.data") / "simulation" / "coverage.csv"
    with source.open(encoding="utf-8") as stream:
        table = pd.read_csv(stream, keep_default_na=False, na_values=[""])
    known = {(c.interval, c.size, c.effect, c.groups) for c in cells()}
    named = set(
        zip(table["interval"], table["size"], table["effect"], table["groups"], strict=True)
    )
    assert named == known
    assert not table.duplicated(["interval", "row", "size", "effect", "groups"]).any()
    outside = ~table["coverage"].between(*INSIDE)
    assert (table["n"] + table["n_undefined"] >= np.where(outside, AGAIN, 300)).all()
    # all that lies outside are limits of a true 0, which one of the two cannot miss
    assert outside.mean() < 0.1
    only_zero = (table["truth"] == 0) & (table["missed_high"] == 0)
    assert (only_zero & (table["coverage"] > INSIDE[1]))[outside].all()
    held = (table["coverage"] * table["n"]).round()
    low, high = clopper_pearson(held, table["n"], 0.95)
    assert low == pytest.approx(table["conf_low"].to_numpy(), abs=1e-5)
    assert high == pytest.approx(table["conf_high"].to_numpy(), abs=1e-5)
    assert table[["seed", "version", "n_resamples"]].notna().all(axis=None)

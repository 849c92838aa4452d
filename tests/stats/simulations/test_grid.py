"""The grid of designs: what is drawn is what a cell says, and counting in pieces is counting."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import beta

import muvistats as mv
from muvistats.stats.simulations import grid
from muvistats.stats.simulations.grid import (
    ALPHAS,
    FACTORS,
    FIRST,
    GRID,
    MODELLED,
    MODELLED_ROWS,
    MORE,
    TOLERATED,
    Cell,
    count_rejections,
)

SMALL = Cell("small", "participant", 8, 6, (4, 4), (0.5, 0.5))


def kept(*_: object) -> None:
    """Keep nothing."""


def test_cells_have_names_and_sizes_of_their_own():
    assert len(GRID) == len({(cell.name, cell) for cell in GRID.values()}) >= 30
    assert {cell.kind for cell in GRID.values()} == set(FACTORS)


@pytest.mark.parametrize("cell", GRID.values(), ids=GRID)
def test_shares_and_reactions_of_a_design_are_possible(cell):
    """All levels together are everything, and nobody reacts more than people, or items, differ."""
    assert sum(cell.use) == pytest.approx(1)
    assert 0 <= cell.person_reaction <= cell.person_sd
    assert 0 <= cell.item_reaction <= cell.item_sd
    assert cell.n_participants <= cell.n_rows <= cell.n_participants * cell.n_items


def test_knowing_goes_with_the_rating_where_it_is_confounded_and_not_else():
    """An item or a person known by one standard deviation more is rated as much higher as said."""
    size = {"n_participants": 60, "n_items": 60, "trials": (60, 60), "use": (0.5, 0.5)}
    slopes = []
    for more in ({}, {"confounding": 0.6}):
        cell = Cell("drawn", "observed", **size, **more)
        shares = []
        for seed in range(5):
            frame = mv.annotation_frame(cell.draw(seed))
            frame["known"] = frame["familiar"].cat.codes
            known = frame.groupby("item", observed=True)[["known", "rating"]].mean()
            shares.append(np.corrcoef(known.T)[0, 1])
        slopes.append(np.mean(shares))
    assert slopes == pytest.approx([0, 0.6], abs=0.15)


def test_the_model_is_fitted_in_the_first_studies_of_small_designs():
    def modelled(cell, index):
        return "mixed_model" in [test.name for test in grid._tests(cell, index)]

    assert sum(modelled(SMALL, index) for index in range(MODELLED + 5)) == MODELLED
    large = Cell("large", "participant", MODELLED_ROWS, 6, (1, 2), (0.5, 0.5))
    assert not modelled(large, 0)


@pytest.mark.parametrize("kind", FACTORS)
def test_a_study_is_what_its_cell_says(kind):
    cell = Cell(
        "drawn", kind, 40, 12, (3, 6), (0.5, 0.3, 0.2) if kind != "observed" else (0.6, 0.4)
    )
    frame = mv.annotation_frame(cell.draw(0))
    trials = frame.groupby("participant").size()
    assert (trials.between(3, 6)).all()
    assert trials.size == 40
    assert not frame.duplicated(["participant", "item"]).any()
    assert frame.groupby("item").size().agg(np.ptp) <= 1
    share = frame[FACTORS[kind]].value_counts(normalize=True)
    assert share.size == len(cell.use)
    assert share.iloc[0] == pytest.approx(cell.use[0], abs=0.15)


@pytest.mark.parametrize("kind", FACTORS)
def test_an_effect_is_the_shift_of_the_last_level(kind):
    cell = Cell("shift", kind, 60, 60, (60, 60), (0.5, 0.5), person_sd=0, item_sd=0, effect=3.0)
    frame = mv.annotation_frame(cell.draw(1))
    levels = [group["rating"] for _, group in frame.groupby(FACTORS[kind], observed=True)]
    pooled = np.sqrt(np.mean([values.var() for values in levels]))
    assert (levels[1].mean() - levels[0].mean()) / pooled == pytest.approx(3.0, abs=0.15)
    assert cell.null == ()


def test_counting_in_pieces_is_counting_at_once(monkeypatch):
    monkeypatch.setattr(grid, "CHUNK", 4)
    options = {"version": "v", "cells": [SMALL], "n_resamples": 9, "more": 0}
    once = count_rejections(pd.DataFrame(), kept, seconds=600, first=8, **options)
    some = count_rejections(pd.DataFrame(), kept, seconds=600, first=4, **options)
    both = count_rejections(some, kept, seconds=600, first=8, **options)
    pd.testing.assert_frame_equal(once, both)
    again = count_rejections(once[once["test"] != "kruskal"], kept, seconds=600, first=8, **options)
    keys = list(once.columns)
    pd.testing.assert_frame_equal(
        *(table.sort_values(keys).reset_index(drop=True) for table in (once, again))
    )
    assert set(once["alpha"]) == set(ALPHAS)
    assert (once["n"] + once["n_undefined"] == 8).all()


def test_only_tests_that_rejected_more_than_they_should_get_more_studies(monkeypatch):
    monkeypatch.setattr(grid, "CHUNK", 4)
    options = {"version": "v", "cells": [SMALL], "n_resamples": 19, "seconds": 600, "first": 8}
    options["again"] = 0
    some = count_rejections(pd.DataFrame(), kept, more=0, **options)
    design = some[(some["dependence"] == "design") & (some["alpha"] == 0.05)]
    above = set(design.loc[design["n_rejected"] > 0.05 * design["n"], "test"])
    assert 0 < len(above) < design["test"].nunique()
    more = count_rejections(some, kept, more=4, **options)
    assert set(more.loc[more["n_studies"] == 12, "test"]) == above
    assert set(more.loc[more["n_studies"] == 8, "test"]) == set(some["test"]) - above
    pd.testing.assert_frame_equal(more, count_rejections(more, kept, more=4, **options))


def test_tests_whose_rate_may_be_high_get_as_many_again(monkeypatch):
    """With few studies every rate may be high; what rejected none of them is left alone."""
    monkeypatch.setattr(grid, "CHUNK", 4)
    options = {"version": "v", "cells": [SMALL], "n_resamples": 19, "seconds": 600, "first": 8}
    some = count_rejections(pd.DataFrame(), kept, more=4, again=0, **options)
    further = set(some.loc[some["n_studies"] == 12, "test"])
    monkeypatch.setattr(grid, "MOST", 16)
    both = count_rejections(some, kept, more=4, again=4, **options)
    assert set(both.loc[both["n_studies"] == 16, "test"]) == further != set()
    monkeypatch.setattr(grid, "MOST", 20)
    last = count_rejections(both, kept, more=4, again=4, **options)
    assert last["n_studies"].max() == 20
    assert set(last.loc[last["n_studies"] == 20, "test"]) <= further
    calm = some.assign(n_rejected=0)
    assert count_rejections(calm, kept, more=4, again=4, **options)["n_studies"].max() == 12


def test_no_time_is_no_study():
    assert count_rejections(pd.DataFrame(), kept, seconds=0, version="v", cells=[SMALL]).empty


def test_the_committed_grid_is_whole():
    table = mv.calibration_table("grid")
    assert set(table["scenario"]) <= set(GRID)
    assert (table.loc[~table["null"], "quantity"] == "power").all()
    assert (table["n_rejected"] <= table["n"]).all()
    assert table["simulated"].all()


def test_rows_of_the_committed_grid_above_five_percent_have_more_studies_and_low_limits():
    """The upper 99% limit of their rates is at most 6.5%."""
    table = mv.calibration_table("grid")
    rows = table[table["null"] & (table["dependence"] == "design") & (table["alpha"] == ALPHAS[0])]
    studies = rows["n"] + rows["n_undefined"]
    assert (studies >= FIRST).all()
    high = rows["n_rejected"] > ALPHAS[0] * rows["n"]
    above = rows[high]
    assert len(above) > 0
    assert (studies[high] >= FIRST + MORE).all()
    limit = beta.ppf(0.99, above["n_rejected"] + 1, above["n"] - above["n_rejected"])
    assert (limit <= TOLERATED).all()


@pytest.mark.parametrize("name", ["known, 49x81, confounded", "within, 6x12, unequal use"])
def test_people_in_general_choose_a_label_as_often_where_one_level_has_reactions(name):
    cell = GRID[name]
    rng = np.random.default_rng(0)
    known, own, other, item = rng.normal(size=(4, 1_000_000))
    part, rest = cell.confounding, np.sqrt(1 - cell.confounding**2)
    person, reaction = part * known + rest * own, part * known + rest * other
    before, after = cell._odds(0.15)
    shares = [
        expit(odds + 0.8 * (person + item + reacts * reaction)).mean()
        for odds, reacts in ((before, 0), (after, 1))
    ]
    assert shares[1] == pytest.approx(shares[0], abs=0.001)
    assert cell._odds(0.5) == pytest.approx([0, 0], abs=1e-9)
    assert len(set(GRID["within, 6x12, both react"]._odds(0.15))) == 1

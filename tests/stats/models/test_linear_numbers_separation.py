"""Separation by coefficient, against enumeration on small tables, and Firth's way out."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats import DesignError
from muvistats.kernels.mixed.separation import (
    independent_columns,
    separated_columns,
    separated_directions,
)


def by_enumeration(x: np.ndarray, y: np.ndarray) -> list[int]:
    """Coefficients that take part in some extreme ray of the directions without a loss."""
    signed = np.unique(np.where(y > 0, 1.0, -1.0)[:, None] * x, axis=0)
    p = x.shape[1]
    rays = []
    for rows in itertools.combinations(range(len(signed)), p - 1):
        _, values, vectors = np.linalg.svd(signed[list(rows)])
        if p > 1 and values[-1] < 1e-9:
            continue
        both = (vectors[-1], -vectors[-1])
        rays += [ray for ray in both if (signed @ ray >= -1e-9).all()]
    if not rays:
        return []
    return np.flatnonzero(np.abs(np.array(rays)).max(axis=0) > 1e-9).tolist()


@pytest.mark.parametrize("seed", range(40))
def test_separated_coefficients_are_those_of_all_extreme_rays(seed):
    rng = np.random.default_rng(seed)
    columns = [np.ones(9), rng.integers(0, 2, 9), rng.integers(0, 3, 9)]
    x = np.column_stack([*columns, columns[1] * (columns[2] > 0)]).astype(float)
    x = x[:, independent_columns(x)]
    y = rng.integers(0, 2, 9).astype(float)
    found = separated_columns(separated_directions(x, y, family="binomial")).tolist()
    assert found == by_enumeration(x, y)


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {"p": f"P{p}", "item": f"V{i}", "gender": "fm"[p % 2], "m": "ab"[i % 2]}
        for p in range(20)
        for i in range(10)
    ]
    frame = pd.DataFrame(rows)
    chance = (rng.random(len(frame)) < 0.4).astype(int)
    return frame.assign(z=np.where(frame["m"] == "b", (frame["gender"] == "m").astype(int), chance))


@pytest.mark.parametrize("cluster", [None, "p"])
def test_every_coefficient_that_runs_away_is_named_and_the_others_are_kept(cluster):
    frame = table()
    fit = mv.glm(frame, "z ~ gender * m", cluster=cluster)
    estimates = fit.tidy().set_index("term")["estimate"]
    assert estimates.isna().tolist() == [False, False, True, True]
    some = mv.glm(frame[frame["m"] == "a"], "z ~ gender", cluster=cluster).tidy()
    np.testing.assert_allclose(estimates.iloc[:2], some["estimate"], atol=1e-6)
    means = fit.emmeans(["gender", "m"]).set_index("group")["estimate"]
    assert means[["f, a", "m, a"]].notna().all()
    assert means[["f, b", "m, b"]].isna().all()
    assert fit.tidy()["warning"].str.contains("firth=True").all()


def test_firth_adds_a_half_to_each_cell_of_a_table():
    frame = pd.DataFrame({"g": ["a"] * 12 + ["b"] * 9, "z": [1] * 4 + [0] * 8 + [1] * 9})
    fit = mv.glm(frame, "z ~ g", firth=True)
    first, second = np.log(4.5 / 8.5), np.log(9.5 / 0.5)
    np.testing.assert_allclose(fit.tidy()["estimate"], [first, second - first], rtol=1e-9)
    assert fit.tidy()["warning"].isna().all()
    assert fit.anova()["p_value"].notna().all()
    with pytest.raises(DesignError, match="firth"):
        mv.glm(frame, "z ~ g", family="poisson", firth=True)
    with pytest.raises(DesignError, match="firth"):
        mv.glm(frame.assign(c=range(21)), "z ~ g", cluster="c", firth=True)

"""The test of all steps of time together, and the clusters that it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from ...kernels.permutation.arrangements import PermutationTest, permutation_test
from ...kernels.permutation.time_clusters import beyond, cluster_mass, runs, threshold_free
from ...types import Floats, Ints, Row
from ..shared.study import Resampling, permutation_columns
from .blocks import Block, Trajectories

Adjust = Literal["cluster", "tfce", "maximum"]

#: Level of the test of a single step whose quantile is the threshold of clusters, and level up to
#: which steps are joined where another correction gives each its own p.
_LEVEL = 0.05

#: Distance between the heights at which threshold-free clusters are formed. It may not depend on
#: the statistics, else an arrangement would be scored by another rule than the one observed.
_HEIGHT_STEP = 0.1


@dataclass(frozen=True)
class Tested:
    """Trajectories with the test at each of their steps.

    Parameters
    ----------
    whole : Trajectories
        What was tested.
    blocks : list of Block
        Steps at which the same rows are known.
    statistic : ndarray of float, shape (time,)
        Statistic of each step, with its sign; NaN where there is none.
    test : PermutationTest or None
        Of all statistics, and then of what each step has been adjusted to.
    cluster : ndarray of int, shape (time,)
        Number of the cluster of each step, -1 outside.
    mass : ndarray of float, shape (time,)
        Sum of the statistics of the cluster of each step, 0 outside.
    reason : str
        Why there is no test, or no cluster.
    """

    whole: Trajectories
    blocks: list[Block]
    statistic: Floats
    test: PermutationTest | None
    cluster: Ints
    mass: Floats
    reason: str

    def columns(self, step: int) -> Row:
        """Columns of the test at a step; empty where it has none."""
        if self.test is None or np.isnan(self.statistic[step]):
            return {}
        adjusted = self.test.p_max[len(self.statistic) + step]
        return permutation_columns(self.test, step) | {"p_adjusted": adjusted}

    def columns_of_cluster(self, steps: Ints) -> Row:
        """Columns of the test of a cluster: those of the step with the smallest adjusted p."""
        assert self.test is not None, "no cluster without a test"
        places = len(self.statistic) + steps
        best = places[np.argmin(self.test.p_max[places])]
        p_value, error = self.test.p_max[best], self.test.mc_error_max[best]
        columns = permutation_columns(self.test, best)
        return columns | {"p_value": p_value, "p_adjusted": p_value, "mc_error": error}


def tested(
    whole: Trajectories, adjust: Adjust, threshold: float | None, resampling: Resampling
) -> Tested:
    """The test of all steps together.

    Parameters
    ----------
    whole : Trajectories
        What is compared.
    adjust : {"cluster", "tfce", "maximum"}
        How the number of steps enters.
    threshold : float or None
        Statistic beyond which steps form a cluster, or distance between heights.
    resampling : Resampling
        Arrangements.
    """
    n_steps = len(whole.start)
    blocks = whole.blocks()
    able = [block for block in blocks if not whole.problem and not block.problem]
    if not able:
        unknown, nothing = np.full(n_steps, np.nan), np.full(n_steps, -1)
        reason = whole.problem or blocks[0].problem
        return Tested(whole, blocks, unknown, None, nothing, np.zeros(n_steps), reason)
    parts = [(block.steps, block.statistic()) for block in able]

    def at_steps(codes: Ints) -> Floats:
        out = np.full((len(codes), n_steps), np.nan)
        for steps, part in parts:
            out[:, steps] = part(codes)
        return out

    units = whole.units
    observed = at_steps(units.codes[None, :])
    height = _height(whole, able, adjust, threshold)

    def both(codes: Ints) -> Floats:
        found = at_steps(codes)
        return np.asarray(np.abs(np.hstack([found, _adjusted(found, adjust, height)])))

    test = permutation_test(both, units.codes, units.strata, **resampling._asdict(), apart=n_steps)
    signs = beyond(observed, height if adjust == "cluster" else 0.0)
    if adjust != "cluster":
        signs[0, ~(test.p_max[n_steps:] <= _LEVEL)] = 0
    inside, number = signs[0] != 0, runs(signs)[0]
    mass = np.bincount(number, np.where(inside, observed[0], 0.0))[number]
    beyond_none = f"no step beyond the threshold of {height:.3g}" if adjust == "cluster" else ""
    reason = "" if inside.any() else beyond_none or "no step with an adjusted p up to .05"
    return Tested(whole, blocks, observed[0], test, np.where(inside, number, -1), mass, reason)


def _adjusted(statistics: Floats, adjust: Adjust, height: float) -> Floats:
    """What each step is compared by when all are looked at, 0 where it has no statistic."""
    if adjust == "cluster":
        return cluster_mass(statistics, height)
    return threshold_free(statistics, height) if adjust == "tfce" else np.nan_to_num(statistics)


def _height(
    whole: Trajectories,
    blocks: list[Block],
    adjust: Adjust,
    threshold: float | None,
) -> float:
    """Threshold of clusters, or distance between the heights of threshold-free ones."""
    if threshold is not None:
        return threshold
    if adjust == "tfce":
        return _HEIGHT_STEP
    k, df = len(whole.groups.levels), max(block.df_error for block in blocks)
    if k == 2:
        return float(stats.t.isf(_LEVEL / 2, df))
    f = float(stats.f.isf(_LEVEL, k - 1, df))
    return f if whole.which == "plain" else (k - 1) * f

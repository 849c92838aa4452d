"""Size of the difference between groups at each step of time, with limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from ...kernels.permutation.trajectories import adjusted_difference, group_mean
from ...kernels.ranks.effects import clustered_effects, share_interval
from ...types import Floats, Ints, Mask, Row
from ..ranks.by_design import NO_INTERVAL
from .blocks import Block, Trajectories


def effects_at(block: Block) -> list[Row]:
    """Effect at each step of a block: of two groups in the unit of the ratings, else a share."""
    whole, n = block.whole, int(block.use.sum())
    if len(whole.groups.levels) == 2:
        first = (block.codes == 0).astype(np.intp)
        found, error = adjusted_difference(block.values, first, block.nuisance, block.clusters)
        half = error * _quantile(whole.sample.question.conf_level, block.clusters)
        limits = list(zip(found, found - half, found + half, strict=True))
    else:
        limits = [_share(block, values) for values in block.residuals.T]
    return [
        {
            "n": n,
            "effect_size": effect,
            "conf_low": low,
            "conf_high": high,
            "warning": NO_INTERVAL if np.isnan(low) else "",
        }
        for effect, low, high in limits
    ]


def effect_over(whole: Trajectories, steps: Ints) -> Row:
    """Effect of the mean over some steps, for the rows that are known at all of them."""
    mean = whole.values[:, steps].mean(axis=1, keepdims=True)
    use = ~np.isnan(mean[:, 0])
    block = Block(replace(whole, values=mean), np.array([0]), use)
    if block.problem:
        return {"n": int(use.sum()), "warning": "no effect: too few annotations last so long"}
    return effects_at(block)[0]


def means_at(block: Block, chosen: Mask) -> Floats:
    """Mean of a group at each step of a block, and its limits, (3, step)."""
    values = block.values[chosen]
    if not len(values):
        return np.full((3, len(block.steps)), np.nan)
    clusters = tuple(np.unique(codes[chosen], return_inverse=True)[1] for codes in block.clusters)
    mean, error = group_mean(values, clusters)
    half = error * _quantile(block.whole.sample.question.conf_level, clusters)
    return np.stack([mean, mean - half, mean + half])


def _quantile(conf_level: float, clusters: tuple[Ints, ...]) -> float:
    """Student's t for limits, with the smaller number of clusters less one."""
    df = min(int(codes.max()) for codes in clusters)
    return float(stats.t.ppf((1 + conf_level) / 2, df)) if df else np.nan


def _share(block: Block, values: Floats) -> tuple[float, float, float]:
    """Epsilon squared of residual values, and its limits."""
    how, k = block.whole.sample.how, len(block.whole.groups.levels)
    if np.ptp(values) == 0:
        return np.nan, np.nan, np.nan
    clusters = block.clusters[::-1] if how == "item" else block.clusters
    effects = clustered_effects(values, block.codes, k, clusters, nested=how != "within_item")
    ranks = stats.rankdata(values)
    share = effects.share_of_ranks(ranks)
    within = effects.variance_of_ranks(ranks) * (1 - share)
    return share, *share_interval(effects, share, within, block.whole.sample.question.conf_level)

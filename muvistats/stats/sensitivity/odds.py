"""Log odds of labels among the labels chosen, with the bootstrap of participants and items."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from ...formula import factor
from ...kernels.sampling.bootstrap import bootstrap_sums, percentile_interval
from ...types import Floats
from ..shared.study import codes_of, offered, people_codes

#: Every label that was chosen.
_EVERY = "n_labels"


@dataclass(frozen=True)
class LabelSums:
    """How often labels were chosen in each group: as observed, then in draws.

    Parameters
    ----------
    groups : list of str
        Names of the groups.
    sums : dict of str to ndarray of float, each shape (1 + draw, group)
        Counts by label, and of all labels together.
    """

    groups: list[str]
    sums: dict[str, Floats]

    def odds(
        self, label: str, group: str, conf_level: float
    ) -> dict[str, tuple[float, float, float]]:
        """Log odds ratio of a label, in a group against the others, with limits by analysis."""
        mine = np.array(self.groups) == group
        chosen, every = (
            np.stack([sums[:, mine].sum(axis=1), sums[:, ~mine].sum(axis=1)])
            for sums in (self.sums[label], self.sums[_EVERY])
        )
        table = np.stack([chosen, every - chosen], axis=1)  # (group or rest, label or other, draw)
        counts = table[..., 0].copy()
        if (counts.sum(axis=1) == 0).any() or counts[:, 0].sum() == 0:
            return dict.fromkeys(("independent", "design"), (np.nan, np.nan, np.nan))
        if (counts == 0).any():
            counts += 0.5
        estimate = float(np.log(counts[0, 0] * counts[1, 1] / (counts[0, 1] * counts[1, 0])))
        reach = stats.norm.ppf((1 + conf_level) / 2) * np.sqrt((1 / counts).sum())
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = np.log(table[:, 0, 1:] / table[:, 1, 1:])
            draws = odds[0] - odds[1]
        draws[~np.isfinite(draws)] = np.nan
        low, high = percentile_interval(draws[:, None], conf_level)
        return {
            "independent": (estimate, estimate - reach, estimate + reach),
            "design": (estimate, float(low[0]), float(high[0])),
        }


def label_sums(
    frame: pd.DataFrame, by: str, labels: Collection[str], *, n_resamples: int, rng: int
) -> LabelSums:
    """Count labels in the groups of a factor, and again in resamples of participants and items.

    Parameters
    ----------
    frame : DataFrame
        An annotation frame.
    by : str
        The factor.
    labels : collection of str
        Labels that are counted, where the frame has them.
    n_resamples, rng : int
        Resamples, and their seed.
    """
    labels = [name for name in frame.attrs["labels"] if name in labels]
    frame = offered(frame, by)
    groups = factor(by, frame)
    use = (groups.notna() & frame[_EVERY].notna()).to_numpy()
    frame, codes = frame[use], groups[use].cat.codes.to_numpy().astype(np.intp)
    names = [str(level) for level in groups.cat.categories]
    columns = [_EVERY, *labels]
    n, k = len(columns), len(names)
    values = frame[columns].to_numpy(dtype=float).T.ravel()
    place = np.add.outer(k * np.arange(n), codes).ravel()
    drawn = bootstrap_sums(
        values,
        (np.tile(codes_of(frame["item"]), n), np.tile(people_codes(frame), n)),
        groups=place,
        n_groups=n * k,
        n_resamples=n_resamples,
        rng=np.random.default_rng(rng),
    )
    sums = np.vstack([np.bincount(place, values, n * k), drawn])
    return LabelSums(names, dict(zip(columns, np.split(sums, n, axis=1), strict=True)))

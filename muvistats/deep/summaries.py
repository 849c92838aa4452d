"""Means and standard deviations over items, as in Table 6."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..arguments import check_conf_level
from ..results.frame import Rows, join_reasons, result_frame
from ..stats.prediction.lasso import mean_with_interval
from ..types import Row
from .score_frames import METRICS, SETTING, listed, readings, scores_of


@result_frame(
    "configuration, target and metric",
    "modality features configuration target metric mean sd conf_low conf_high conf_level",
    "noise_ceiling n n_items n_repeats n_seeds n_missing method",
)
def summarise(frame: pd.DataFrame, *, conf_level: float = 0.95) -> Rows:
    """Mean and standard deviation over items of each configuration (Table 6).

    Parameters
    ----------
    frame : DataFrame
        What `compare_architectures` returned; of several readings of the labels one below the
        other, if there are any.

    Raises
    ------
    DataError
        When the frame lacks a column, has no rows, or an item stands in it twice for one
        configuration, repeat and seed.
    DesignError
        When `conf_level` is no probability.

    See Also
    --------
    compare_architectures : The scores that are averaged.
    paired_tests : Differences between configurations.
    muvistats.plot_architecture_comparison : The result as a figure.

    Notes
    -----
    The scores of an item are first averaged over the seeds of each repeat, then over repeats:
    that is the mean score of single networks, not the score of their mean prediction. `mean` and
    `sd` (divisor n - 1) are those of the `n_items` numbers that this leaves. More seeds or repeats
    make these numbers steadier and add none to them. The interval is Student's over items. Items
    of a fold share their networks, and it does not know of that: `paired_tests` has rows that do.

    A score that is not finite (a concordance where neither series moves) is left out, and
    `n_missing` counts such rows; an item without any score does not count in `n_items`.
    `noise_ceiling` is the mean over the items that enter; it is NaN beside an error.

    Under protocols with ``rmse="mse"`` the rows called rmse hold what the column `rmse` of the
    frame holds: mean squares, as the released scripts stored them.

    References
    ----------
    Lin, L. I.-K. (1989). A concordance correlation coefficient to evaluate reproducibility.
    Biometrics, 45(1), 255-268. https://doi.org/10.2307/2532051

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats.deep import summarise
    >>> rows = pd.DataFrame(
    ...     {
    ...         "modality": "music", "features": "audio", "configuration": "unimodal",
    ...         "target": "arousal", "repeat": 1, "fold": [1, 1, 2, 2], "seed": [1, 2, 1, 2],
    ...         "item": ["a", "a", "b", "b"], "rmse": [0.1, 0.3, 0.2, 0.2],
    ...         "mse": [0.01, 0.09, 0.04, 0.04], "ccc": [0.5, 0.3, 0.6, 0.6],
    ...         "noise_ceiling": 0.8,
    ...     }
    ... )
    >>> summarise(rows)[["metric", "mean", "n_items", "n_seeds"]].round(3).values.tolist()
    [['rmse', 0.2, 2, 2], ['mse', 0.045, 2, 2], ['ccc', 0.5, 2, 2]]
    """
    check_conf_level(conf_level)
    rows: list[Row] = []
    for origin, part in readings(scores_of(frame)):
        for key, group in part.groupby([*SETTING, "target"], sort=False):
            keys = dict(zip([*SETTING, "target"], key, strict=True))
            rows += [origin | keys | _row(group, metric, conf_level) for metric in METRICS]
    return rows


def _row(group: pd.DataFrame, metric: str, conf_level: float) -> Row:
    there = group[group[metric].notna()]
    runs = there.groupby(["item", "repeat"], sort=False)[[metric, "noise_ceiling"]].mean()
    items = runs.groupby(level="item", sort=False).mean()
    gone = len(group) - len(there)
    row: Row = {
        "metric": metric,
        "conf_level": conf_level,
        "n": len(there),
        "n_items": len(items),
        "n_repeats": there["repeat"].nunique(),
        "n_seeds": there["seed"].nunique(),
        "n_missing": gone,
        "method": _method(group),
    }
    row |= mean_with_interval(items[metric].to_numpy(), conf_level)
    if metric == "ccc" and items["noise_ceiling"].notna().any():
        row["noise_ceiling"] = float(np.nanmean(items["noise_ceiling"]))
    reason = f"{metric} is undefined in {gone} of {len(group)} rows" if gone else ""
    few = "one item: no standard deviation" if len(items) == 1 else ""
    known = listed(group["warning"]) if "warning" in group else ""
    return row | {"warning": join_reasons(reason, few, known)}


def _method(group: pd.DataFrame) -> str:
    names = [] if "method" not in group else list(group["method"].dropna().unique())
    return "; ".join([*names, "mean over items, seeds and repeats averaged first"])

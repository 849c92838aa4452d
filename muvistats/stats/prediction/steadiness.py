"""Which features change from window to window, and which keep steady: `feature_roughness`."""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import check_choice
from ...dataset.access import need_study
from ...dataset.gate import takes_study
from ...dataset.interval import interval_of
from ...errors import DataError
from ...kernels.raters.roughness import roughness
from ...results.frame import result_frame
from ...types import Row
from ..shared.adjust import adjust_p
from .inputs import KINDS, has_features
from .ranking import loss_over_items


@result_frame(
    "pair of families",
    "features group1 group2 estimate estimator sd std_error statistic statistic_name df p_value",
    "p_adjusted p_adjust_method conf_low conf_high conf_level effect_size effect_size_name",
    "mean1 mean2 n_items n_missing method dependence",
)
@takes_study
def feature_roughness(
    data: xr.DataTree,
    *,
    kind: Literal["audio", "visual"] | None = None,
    adjust: str = "holm",
    conf_level: float = 0.95,
) -> list[Row]:
    """How rough families of features are over time, in pairs (section 7.2).

    Parameters
    ----------
    data : DataTree
        A study with features of its items.
    kind : {"audio", "visual"}, optional
        Features whose families are compared; those of each kind that the study has where not given.

    Raises
    ------
    DataError
        When the study has no such features.
    DesignError
        For an argument that is none of its choices.

    Notes
    -----
    Roughness of a feature in an item is half of von Neumann's ratio,
    ``mean((x[t + 1] - x[t])^2) / (2 var(x))``: about 1 for noise, near 0 for what hardly changes
    from one window to the next, whatever the unit. `mean1` and `mean2` are means over items of the
    mean over the features of a family; `estimate` is the first less the second, item by item, with
    Student's interval and a paired t test over items. A feature that stays constant in an item,
    such as an object that is never seen, has none there; an item in which a family has none is
    left out and counted in `n_missing`.

    Items are taken as independent draws. What is measured on whole scenes is steadier than what is
    measured on single frames by construction.

    References
    ----------
    von Neumann, J. (1941). Distribution of the ratio of the mean square successive difference to
    the variance. The Annals of Mathematical Statistics, 12(4), 367-395.
    https://doi.org/10.1214/aoms/1177731677

    See Also
    --------
    compare_with_human : roughness of predictions beside that of people.

    Examples
    --------
    >>> from muvistats import feature_roughness, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> found = feature_roughness(study, kind="visual")
    >>> found.loc[found["group1"] == "action", ["group2", "n_items"]].values.tolist()[0]
    ['colour', 9]
    """
    need_study(data)
    asked = KINDS if kind is None else (check_choice("kind", kind, KINDS),)
    there = [name for name in asked if has_features(data, name)]
    if not there:
        raise DataError(f"the study has no {' or '.join(asked)} features", file="/features")
    return [row for name in there for row in _pairs(data, name, adjust, conf_level)]


def _pairs(data: xr.DataTree, kind: str, adjust: str, conf_level: float) -> list[Row]:
    """All pairs of families of one kind."""
    features = data[f"features/{kind}"].to_dataset()
    if features.sizes["time"] > 1:
        interval_of(features["time"].to_numpy(), f"/features/{kind}")
    by_family = _by_family(features)
    rows: list[Row] = []
    for first, second in combinations(by_family.columns, 2):
        both = by_family[[first, second]].dropna()
        found = loss_over_items((both[first] - both[second]).to_numpy(), conf_level)
        spread = found.get("sd", np.nan)
        rows.append(
            found
            | {
                "features": kind,
                "group1": first,
                "group2": second,
                "estimator": "difference of mean roughness",
                "statistic_name": "t",
                "conf_level": conf_level,
                "effect_size": found["estimate"] / spread if spread > 0 else np.nan,
                "effect_size_name": "mean over sd of the differences",
                "mean1": both[first].mean(),
                "mean2": both[second].mean(),
                "n_missing": len(by_family) - len(both),
                "method": "paired t test over items",
                "dependence": "design",
                "p_adjust_method": adjust,
            }
        )
    adjusted = adjust_p([row.get("p_value", np.nan) for row in rows], adjust)
    return [row | {"p_adjusted": p} for row, p in zip(rows, adjusted, strict=True)]


def _by_family(features: xr.Dataset) -> pd.DataFrame:
    """Mean roughness of each family (columns) in each item (rows)."""
    values = features["values"].transpose("item", "feature", "time")
    family = features["family"].to_numpy().astype(str)
    table = {}
    for name in sorted(set(family)):
        found = roughness(values[:, family == name].to_numpy().astype(float))
        table[name] = pd.DataFrame(found).mean(axis=1)
    return pd.DataFrame(table)

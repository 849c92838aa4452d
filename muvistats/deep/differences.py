"""Differences of two configurations, item by item, and the four tests of their mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from ..errors import MuvistatsError
from ..kernels.ranks.signed_rank import pseudomedian, signed_rank_biserial
from ..kernels.sampling.corrected_t import corrected_t
from ..results.frame import join_reasons
from ..stats.models.mixed import mixed_model
from ..stats.prediction.ranking import loss_over_items
from ..types import Floats, Row

#: Differences smaller than this are rounding.
_ROUNDING = 1e-9

#: Pairs up to which p of the signed rank test is counted out, where nothing is tied.
_COUNTED = 50

_OTHER_FOLDS = "the two were tested in different folds"


@dataclass(frozen=True)
class Differences:
    """First less second configuration, in one metric.

    Parameters
    ----------
    items : DataFrame
        A row per item that both have, seeds and repeats averaged: `item`, `first`, `second`,
        `difference`.
    cells : DataFrame
        A row per item and repeat, seeds averaged: `item`, `repeat`, `fold`, `difference`.
    runs : DataFrame
        A row per item, repeat and seed: also `seed`. Where one side has a single seed, it stands
        beside each seed of the other; where the seeds do not match, as `cells` with seed 0.
    same_folds : bool
        Whether both were tested in the same folds.
    n_missing : int
        Items that only one of them has, or that have no value in one.
    """

    items: pd.DataFrame
    cells: pd.DataFrame
    runs: pd.DataFrame
    same_folds: bool
    n_missing: int

    @property
    def values(self) -> Floats:
        """Differences of the items."""
        return self.items["difference"].to_numpy(dtype=np.float64)

    def columns(self) -> Row:
        """What all tests of these differences have in common."""
        return {
            "mean1": self.items["first"].mean() if len(self.items) else np.nan,
            "mean2": self.items["second"].mean() if len(self.items) else np.nan,
            "n": len(self.items),
            "n_items": len(self.items),
            "n_clusters": len(self.cells[["repeat", "fold"]].drop_duplicates()),
            "n_repeats": self.cells["repeat"].nunique(),
            "n_seeds": self.runs["seed"].nunique(),
            "n_missing": self.n_missing,
        }

    def problem(self) -> str:
        """Why no test can be made; empty where one can."""
        if not len(self.items):
            return "no item has a value in both"
        if len(self.items) == 1:
            return "only one item has a value in both"
        if not self.values.any():
            return "all differences are zero"
        return ""


def differences(first: pd.DataFrame, second: pd.DataFrame, metric: str) -> Differences:
    """Differences of two configurations over the items and repeats that both have.

    Parameters
    ----------
    first, second : DataFrame
        Rows of one configuration and target each.
    metric : str
        Column that is compared.

    Returns
    -------
    Differences
        Seeds of a repeat are averaged before repeats are.
    """
    sides = [side[side[metric].notna()] for side in (first, second)]
    known = set().union(*(side.loc[side["fold"] > 0, "item"] for side in (first, second)))
    key = ["item", "repeat"]
    means = [
        side.groupby(key, sort=False).agg(fold=("fold", "first"), value=(metric, "mean"))
        for side in sides
    ]
    both = (
        means[0]
        .merge(means[1], left_index=True, right_index=True, suffixes=("1", "2"))
        .reset_index()
    )
    cells = pd.DataFrame(
        {
            "item": both["item"],
            "repeat": both["repeat"],
            "fold": both["fold1"],
            "first": both["value1"],
            "second": both["value2"],
            "difference": _cleared(both["value1"] - both["value2"]),
        }
    )
    items = cells.groupby("item", sort=False)[["first", "second"]].mean().reset_index()
    items["difference"] = _cleared(items["first"] - items["second"])
    return Differences(
        items,
        cells,
        _runs(sides[0], sides[1], metric, cells),
        bool((both["fold1"] == both["fold2"]).all()),
        len(known - set(items["item"])),
    )


def _runs(
    first: pd.DataFrame, second: pd.DataFrame, metric: str, cells: pd.DataFrame
) -> pd.DataFrame:
    """A difference for each seed where seeds can be told apart."""
    seeds = [set(side["seed"]) for side in (first, second)]
    fewest, most = sorted(len(each) for each in seeds)
    key = ["item", "repeat", "fold"]
    if seeds[0] == seeds[1] and most > 1:
        key.append("seed")
    elif not fewest == 1 < most:
        return cells.assign(seed=0)
    merged = first.merge(second, on=key, suffixes=("1", "2"))
    if "seed" not in key:
        merged["seed"] = merged["seed1" if len(seeds[0]) > 1 else "seed2"]
    merged["difference"] = _cleared(merged[f"{metric}1"] - merged[f"{metric}2"])
    return merged[["item", "repeat", "fold", "seed", "difference"]]


def _cleared(values: pd.Series) -> Floats:
    numbers = values.to_numpy(dtype=np.float64)
    return np.where(np.abs(numbers) < _ROUNDING, 0.0, numbers)


def _paired_t(data: Differences, conf_level: float) -> Row:
    values = data.values
    row: Row = {"effect_size_name": "d_z, mean over sd of the differences"}
    if np.ptp(values) < _ROUNDING:
        return row | {
            "estimate": values.mean(),
            "estimator": "mean difference over items",
            "warning": "all items have the same difference",
        }
    found = loss_over_items(values, conf_level)
    spread = found.pop("sd")
    return row | found | {"effect_size": found["estimate"] / spread}


def _signed_rank(data: Differences, conf_level: float) -> Row:
    values = data.values
    used = values[values != 0]
    sizes = np.abs(used)
    tied = len(used) < len(values) or len(np.unique(sizes)) < len(sizes)
    counted = not tied and len(used) <= _COUNTED
    method: Literal["exact", "approx"] = "exact" if counted else "approx"
    found = stats.wilcoxon(used, correction=True, method=method)
    estimate, low, high = pseudomedian(values, conf_level)
    return {
        "estimate": estimate,
        "estimator": "Hodges-Lehmann pseudomedian of the differences",
        "statistic": float(stats.rankdata(sizes)[used > 0].sum()),
        "statistic_name": "W+",
        "p_value": float(found.pvalue),
        "conf_low": low,
        "conf_high": high,
        "effect_size": signed_rank_biserial(values),
        "effect_size_name": "rank-biserial correlation of pairs",
        "n": len(used),
        "warning": "" if np.isfinite(low) else "too few items for an interval at this level",
    }


def _corrected(data: Differences, conf_level: float) -> Row:
    row: Row = {"estimator": "mean difference over folds"}
    folds = data.cells.groupby(["repeat", "fold"])["difference"].agg(["mean", "size"])
    tested = folds["size"].to_numpy(dtype=np.float64)
    whole = folds.groupby(level="repeat")["size"].transform("sum").to_numpy(dtype=np.float64)
    row["n"] = len(folds)
    if not data.same_folds:
        return row | {"warning": _OTHER_FOLDS}
    if (whole == tested).any():
        return row | {"warning": "one fold only: no other items were trained on"}
    means = folds["mean"].to_numpy(dtype=np.float64)
    if np.ptp(means) < _ROUNDING:
        return row | {"estimate": means.mean(), "warning": "all folds have the same difference"}
    found = corrected_t(means, float(tested.mean() / (whole - tested).mean()))
    reach = float(stats.t.ppf((1 + conf_level) / 2, found.df)) * found.std_error
    return row | {
        **found._asdict(),
        "conf_low": found.estimate - reach,
        "conf_high": found.estimate + reach,
    }


def _mixed(data: Differences, conf_level: float) -> Row:
    row: Row = {"estimator": "mean difference by the model", "n": len(data.runs)}
    row["effect_size_name"] = "mean over total sd of the differences"
    if not data.same_folds:
        return row | {"warning": _OTHER_FOLDS}
    if np.ptp(data.values) < _ROUNDING:
        return row | {
            "estimate": data.values.mean(),
            "warning": "all items have the same difference",
        }
    formula, frame = _model(data.runs)
    try:
        fit = mixed_model(frame, formula)
    except MuvistatsError as error:
        return row | {"warning": f"no mixed model: {error}"}
    found = fit.inference(np.ones((1, 1)), conf_level)[0]
    parts = fit.variance_components()
    spread = parts.loc[parts["quantity"] == "sd", "estimate"].to_numpy(dtype=np.float64)
    total = float(np.sqrt((spread**2).sum()))
    row["effect_size"] = found["estimate"] / total if total > 0 else np.nan
    reasons = join_reasons(found.pop("warning", ""), *fit.reasons)
    row["method"] = f"mixed model, {formula.split('~')[1].strip()}"
    return row | found | {"warning": reasons}


def _model(runs: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """The model that can be told from these runs, and its columns."""
    fold = runs["repeat"].astype(str) + ":" + runs["fold"].astype(str)
    frame = pd.DataFrame(
        {
            "difference": runs["difference"].to_numpy(dtype=np.float64),
            "item": runs["item"].astype(str).to_numpy(),
            "fold": fold.to_numpy(),
            "item_of_fold": (fold + ":" + runs["item"].astype(str)).to_numpy(),
            "run": (fold + ":" + runs["seed"].astype(str)).to_numpy(),
        }
    )
    repeats, seeds = len(runs["repeat"].unique()) > 1, len(runs["seed"].unique()) > 1
    parts = [
        "1",
        *(["(1 | item)"] if repeats or seeds else []),
        *(["(1 | item_of_fold)"] if repeats and seeds else []),
        "(1 | fold)",
        *(["(1 | run)"] if seeds else []),
    ]
    return f"difference ~ {' + '.join(parts)}", frame


#: The tests, by name: whether items count as independent, the name of the statistic, the test.
METHODS = {
    "paired t test": ("independent", "t", _paired_t),
    "Wilcoxon signed rank test": ("independent", "W+", _signed_rank),
    "corrected resampled t test": ("design", "t", _corrected),
    "mixed model": ("design", "t", _mixed),
}

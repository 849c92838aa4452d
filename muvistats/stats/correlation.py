"""Do the modalities move together? Correlations between mean trajectories of an item."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from ..dataset import schema
from ..errors import DataError
from ..kernels import correlation
from ..results.frame import result_frame
from ._common import check_choice, check_conf_level, choose_dimensions, join_reasons

__all__ = ["modality_correlations"]

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]


@result_frame(
    "dimension, pair of modalities and, with ``level='item'``, item",
    "dimension",
    "modality1",
    "modality2",
    "item",
    "estimate",
    "estimator",
    "conf_low",
    "conf_high",
    "conf_level",
    "mean",
    "median",
    "sd",
    "n",
    "n1",
    "n2",
    "n_items",
    "n_missing",
    "method",
)
def modality_correlations(
    data: xr.DataTree,
    *,
    dimension: str | None = None,
    level: Literal["item", "summary"] = "summary",
    conf_level: float = 0.95,
) -> list[Row]:
    """Correlation between the mean trajectories of an item in two modalities (section 4.2.1).

    Parameters
    ----------
    data : DataTree
        A study with dynamic dimensions, (annotation, time).
    dimension : str, optional
        Rated dimension; all of them by default.
    level : {"item", "summary"}
        One row per item, or the distribution over items.
    conf_level : float
        Confidence level of the interval of the mean correlation.

    Raises
    ------
    DataError
        When the study has no such dimension.

    Notes
    -----
    Per item and modality the ratings are averaged over raters at each step; Pearson's r between
    two modalities is taken over the steps that both have (`n`; raters are `n1` and `n2`). A step
    that one of the raters of an item lacks is left out, and so are masked annotations. An item
    without raters in a modality, with fewer than three common steps, or with a mean that never
    moves, has no r and counts in `n_missing`.

    At level "summary" `mean`, `median` and `sd` (divisor n - 1) describe r over items, as the
    paper prints them; `n` counts the steps of all of them. The estimate is the mean on Fisher's
    scale, ``tanh(mean(atanh(r)))``, and its limits ``tanh(mean -+ t sd(atanh(r)) /
    sqrt(n_items))`` take items as a sample. An item's r has no p and no limits here: the steps of
    a trajectory are far from independent.

    Examples
    --------
    >>> from muvistats import modality_correlations, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> modality_correlations(study, dimension="arousal")["modality2"].tolist()
    ['visual', 'audiovisual', 'audiovisual']
    """
    check_choice("level", level, ("item", "summary"))
    check_conf_level(conf_level)
    if not isinstance(data, xr.DataTree):
        raise DataError("trajectories are needed", found=type(data).__name__, expected="a DataTree")
    rows: list[Row] = []
    for name in choose_dimensions(data, dimension):
        for first, second, per_item in _correlations(data, name):
            base: Row = {
                "dimension": name,
                "modality1": first,
                "modality2": second,
                "conf_level": conf_level if level == "summary" else np.nan,
                "method": "Pearson r of mean trajectories",
            }
            if level == "item":
                rows += [base | row for row in per_item]
            else:
                rows.append(base | _summary(per_item, conf_level))
    return rows


def _correlations(data: xr.DataTree, dimension: str) -> Iterator[tuple[str, str, list[Row]]]:
    """Rows per item for each pair of modalities."""
    annotations = data["annotations"].to_dataset()
    items = data["items/item"].to_numpy().astype(str)
    modalities = list(schema.decode_levels(annotations["modality"].attrs["levels"]))
    values = np.asarray(annotations[dimension].to_numpy(), dtype=float)
    dynamic = values.ndim == 2
    keep = annotations["keep_dynamic"].to_numpy()
    item = _positions(items, annotations["item"].to_numpy()[keep])
    modality = _positions(np.array(modalities), annotations["modality"].to_numpy()[keep])
    means, raters = correlation.group_means(
        values.reshape(len(values), -1)[keep],
        item * len(modalities) + modality,
        len(items) * len(modalities),
    )
    means = means.reshape(len(items), len(modalities), -1)
    raters = raters.reshape(len(items), len(modalities))
    for i, j in combinations(range(len(modalities)), 2):
        r, steps = correlation.pearson_rows(means[:, i], means[:, j])
        rows = []
        for position, name in enumerate(items):
            n1, n2 = int(raters[position, i]), int(raters[position, j])
            row: Row = {
                "item": str(name),
                "estimate": r[position] if dynamic and steps[position] > 2 else np.nan,
                "estimator": "Pearson r",
                "n": int(steps[position]),
                "n1": n1,
                "n2": n2,
                "n_items": 1,
                "n_missing": 0,
            }
            if np.isnan(row["estimate"]):
                row["n_missing"] = 1
                row["warning"] = _reason(dynamic, n1, n2, row["n"])
            rows.append(row)
        yield modalities[i], modalities[j], rows


def _positions(names: npt.NDArray[np.str_], values: npt.NDArray[np.str_]) -> npt.NDArray[np.intp]:
    order = np.argsort(names)
    found: npt.NDArray[np.intp] = order[np.searchsorted(names, values, sorter=order)]
    return found


def _reason(dynamic: bool, n1: int, n2: int, steps: int) -> str:
    if not dynamic:
        return "the dimension is static"
    if not n1 or not n2:
        return "no ratings in a modality"
    if steps < 3:
        return "fewer than three common steps"
    return "a mean trajectory does not move"


def _summary(per_item: list[Row], conf_level: float) -> Row:
    r: Floats = np.array([row["estimate"] for row in per_item], dtype=float)
    there = r[~np.isnan(r)]
    n = len(there)
    middle, low, high = correlation.fisher_mean(there, conf_level)
    reasons = list(dict.fromkeys(row["warning"] for row in per_item if row["n_missing"]))
    degenerate = n > 0 and np.isnan(middle)
    row: Row = {
        "item": "all",
        "estimate": middle,
        "estimator": "Fisher z mean",
        "conf_low": low,
        "conf_high": high,
        "n": sum(row["n"] for row in per_item if not row["n_missing"]),
        "n1": sum(row["n1"] for row in per_item),
        "n2": sum(row["n2"] for row in per_item),
        "n_items": n,
        "n_missing": len(r) - n,
        "warning": join_reasons(
            f"{len(r) - n} items without r: {', '.join(reasons)}" if reasons else "",
            "an r of 1 or -1 has no Fisher z" if degenerate else "",
            "no interval from one item" if n == 1 and not degenerate else "",
        ),
    }
    if n:
        row |= {"mean": there.mean(), "median": np.median(there)}
    if n > 1:
        row["sd"] = there.std(ddof=1)
    return row

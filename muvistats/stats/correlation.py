"""Do the modalities move together? Correlations between mean trajectories of an item."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from ..kernels import correlation
from ..results.frame import Rows, result_frame
from ._cells import Cells, Ints, over_cells
from ._common import check_choice, check_conf_level, choose_dimensions, join_reasons

__all__ = ["modality_correlations"]

Row = dict[str, Any]
Columns = dict[str, Any]
Floats = npt.NDArray[np.float64]

#: Items whose trajectories are correlated at once.
_ROWS = 5_000


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
) -> Rows:
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
    cells = Cells.of(data)
    names = choose_dimensions(data, dimension)
    if len(cells.modalities) < 2:
        return [
            {
                "dimension": name,
                "modality1": cells.modalities[0],
                **dict.fromkeys(("n", "n1", "n2", "n_items", "n_missing"), 0),
                "warning": "one modality has nothing to correlate with",
            }
            for name in names
        ]
    parts: list[Columns] = []
    for name in names:
        for first, second, items in _correlations(data["annotations"].dataset[name], cells):
            whole: Columns = items if level == "item" else _summary(items, conf_level)
            n = len(whole["estimate"])
            whole |= {"dimension": _text(name, n)}
            whole |= {"modality1": _text(first, n), "modality2": _text(second, n)}
            parts.append(whole)
    columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return columns | {
        "conf_level": conf_level if level == "summary" else np.nan,
        "method": "Pearson r of mean trajectories",
    }


def _correlations(values: xr.DataArray, cells: Cells) -> Iterator[tuple[str, str, Columns]]:
    """Columns with one row per item for each pair of modalities."""
    dynamic = values.ndim == 2
    series, sizes = over_cells(values, cells, _means)
    shape = (len(cells.items), len(cells.modalities))
    means = np.full((*shape, series.shape[1]), np.nan)
    raters = np.zeros(shape, dtype=np.int64)
    means[cells.item, cells.modality] = series
    raters[cells.item, cells.modality] = sizes
    del series
    for i, j in combinations(range(shape[1]), 2):
        r, steps = _pearson(means[:, i], means[:, j])
        r[steps < 3 if dynamic else slice(None)] = np.nan
        columns = {
            "item": np.array(cells.items, dtype=object),
            "estimate": r,
            "estimator": _text("Pearson r", len(r)),
            "n": steps,
            "n1": raters[:, i],
            "n2": raters[:, j],
            "n_items": np.ones(len(r), dtype=np.int64),
            "n_missing": np.isnan(r).astype(np.int64),
        }
        yield (
            cells.modalities[i],
            cells.modalities[j],
            columns | {"warning": _reasons(columns, dynamic)},
        )


def _means(values: Floats, starts: Ints) -> tuple[Floats, npt.NDArray[np.intp]]:
    cell = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(values)))
    return correlation.group_means(values, cell, len(starts))


def _pearson(first: Floats, second: Floats) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Correlations of rows, some thousand rows at a time, so that copies stay small."""
    borders = range(_ROWS, len(first), _ROWS)
    pairs = zip(np.split(first, borders), np.split(second, borders), strict=True)
    r, steps = zip(*(correlation.pearson_rows(x, y) for x, y in pairs), strict=True)
    return np.concatenate(r), np.concatenate(steps)


def _text(value: str, n: int) -> npt.NDArray[np.object_]:
    return np.full(n, value, dtype=object)


def _reasons(columns: Columns, dynamic: bool) -> npt.NDArray[np.object_]:
    """Why an item has no correlation; empty where it has one."""
    if not dynamic:
        return _text("the dimension is static", len(columns["n"]))
    return np.select(
        [
            columns["n_missing"] == 0,
            (columns["n1"] == 0) | (columns["n2"] == 0),
            columns["n"] < 3,
        ],
        [
            _text(reason, len(columns["n"]))
            for reason in ("", "no ratings in a modality", "fewer than three common steps")
        ],
        "a mean trajectory does not move",
    )


def _summary(items: Columns, conf_level: float) -> Columns:
    """One row: the distribution over items."""
    r: Floats = items["estimate"]
    there = r[~np.isnan(r)]
    n = len(there)
    middle, low, high = correlation.fisher_mean(there, conf_level)
    missing = items["n_missing"] > 0
    reasons = list(dict.fromkeys(items["warning"][missing]))
    degenerate = n > 0 and np.isnan(middle)
    row: Row = {
        "item": "all",
        "estimate": middle,
        "estimator": "Fisher z mean",
        "conf_low": low,
        "conf_high": high,
        "mean": there.mean() if n else np.nan,
        "median": np.median(there) if n else np.nan,
        "sd": there.std(ddof=1) if n > 1 else np.nan,
        "n": items["n"][~missing].sum(),
        "n1": items["n1"].sum(),
        "n2": items["n2"].sum(),
        "n_items": n,
        "n_missing": len(r) - n,
        "warning": join_reasons(
            f"{len(r) - n} items without r: {', '.join(reasons)}" if reasons else "",
            "an r of 1 or -1 has no Fisher z" if degenerate else "",
            "no interval from one item" if n == 1 and not degenerate else "",
        ),
    }
    texts = ("item", "estimator", "warning")
    return {key: _text(v, 1) if key in texts else np.array([v]) for key, v in row.items()}

"""Do the modalities move together? Correlations between mean trajectories of an item."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from ...dataset.gate import takes_study
from ...kernels.sampling import correlation
from ...results.frame import Rows, join_reasons, result_frame
from ...types import Array, Floats, Ints, Names, Row
from ..shared.cells import Cells, over_cells
from ..shared.study import choose_dimensions

#: Values in one block of items: fits the processor's cache and bounds the memory.
_BLOCK = 200_000


@result_frame(
    "dimension, pair of modalities and, with ``level='item'``, item",
    "dimension modality1 modality2 item estimate estimator conf_low conf_high conf_level mean",
    "median sd n n1 n2 n_items n_missing method",
)
@takes_study
def modality_correlations(
    data: xr.DataTree,
    *,
    dimension: Names | None = None,
    level: Literal["summary", "item"] = "summary",
    conf_level: float = 0.95,
) -> Rows:
    """Correlation between the mean trajectories of an item in two modalities (section 4.2.1).

    Parameters
    ----------
    data : DataTree
        A study with dynamic dimensions, (annotation, time).
    level : {"item", "summary"}
        One row per item, or the distribution over items.

    Raises
    ------
    DataError
        When the study has no such dimension.

    See Also
    --------
    modality_contribution : What each modality adds to both together.
    plot_modality_correlations : The result as a figure.

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

    References
    ----------
    Silver, N. C., & Dunlap, W. P. (1987). Averaging correlation coefficients: should Fisher's z
    transformation be used? Journal of Applied Psychology, 72(1), 146-148.
    https://doi.org/10.1037/0021-9010.72.1.146

    Examples
    --------
    >>> from muvistats import modality_correlations, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> modality_correlations(study, dimension="arousal")["modality2"].tolist()
    ['visual', 'audiovisual', 'audiovisual']
    """
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
    parts: list[Row] = []
    for name in names:
        for first, second, items in _correlations(data["annotations"].dataset[name], cells):
            whole: Row = items if level == "item" else _summary(items, conf_level)
            n = len(whole["estimate"])
            whole |= {"dimension": _text(name, n)}
            whole |= {"modality1": _text(first, n), "modality2": _text(second, n)}
            parts.append(whole)
    columns = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return columns | {
        "conf_level": conf_level if level == "summary" else np.nan,
        "method": "Pearson r of mean trajectories",
    }


def _correlations(values: xr.DataArray, cells: Cells) -> Iterator[tuple[str, str, Row]]:
    """Columns with one row per item for each pair of modalities."""
    dynamic = values.ndim == 2
    k = len(cells.modalities)
    pairs = list(combinations(range(k), 2))
    item, some_r, some_steps, some_raters = over_cells(
        values,
        cells,
        functools.partial(_within_items, k=k),
        rows=(cells.item * k + cells.modality)[cells.of_annotation],
        whole="item",
    )
    every_r = np.full((len(pairs), len(cells.items)), np.nan)
    every_steps = np.zeros(every_r.shape, dtype=np.int64)
    raters = np.zeros((k, len(cells.items)), dtype=np.int64)
    every_r[:, item], every_steps[:, item], raters[:, item] = some_r.T, some_steps.T, some_raters.T
    for (i, j), r, steps in zip(pairs, every_r, every_steps, strict=True):
        r[steps < 3 if dynamic else slice(None)] = np.nan
        columns = {
            "item": np.array(cells.items, dtype=object),
            "estimate": r,
            "estimator": _text("Pearson r", len(r)),
            "n": steps,
            "n1": raters[i],
            "n2": raters[j],
            "n_items": np.ones(len(r), dtype=np.int64),
            "n_missing": np.isnan(r).astype(np.int64),
        }
        yield (
            cells.modalities[i],
            cells.modalities[j],
            columns | {"warning": _reasons(columns, dynamic)},
        )


def _within_items(values: Floats, starts: Ints, rows: Ints, k: int) -> tuple[Array, ...]:
    """Items of a block, some at a time, so that what is made on the way stays small."""
    cell = rows[starts]
    first = np.flatnonzero(np.diff(cell // k, prepend=-1))
    step = max(1, _BLOCK * len(first) // max(values.size, 1))
    borders = np.append(first[::step], len(starts)).tolist()
    ends = np.append(starts, len(values))
    parts = [
        _few_items(
            values[ends[low] : ends[high]], starts[low:high] - starts[low], cell[low:high], k
        )
        for low, high in pairwise(borders)
    ]
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))


def _few_items(values: Floats, starts: Ints, cell: Ints, k: int) -> tuple[Array, ...]:
    """Item, r and common steps of each pair of modalities, raters of each modality."""
    item, place = np.unique(cell // k, return_inverse=True)
    group = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(values)))
    series, sizes = correlation.group_means(values, group, len(starts))
    means = np.full((k, len(item), values.shape[1]), np.nan)
    raters = np.zeros((len(item), k), dtype=np.int64)
    means[cell % k, place], raters[place, cell % k] = series, sizes
    found = [correlation.pearson_rows(means[i], means[j]) for i, j in combinations(range(k), 2)]
    r, steps = (np.stack(columns, axis=1) for columns in zip(*found, strict=True))
    return item, r, steps, raters


def _text(value: str, n: int) -> npt.NDArray[np.object_]:
    return np.full(n, value, dtype=object)


def _reasons(columns: Row, dynamic: bool) -> npt.NDArray[np.object_]:
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


def _summary(items: Row, conf_level: float) -> Row:
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

"""How the ratings are distributed: by modality, by item, by annotation."""

from __future__ import annotations

import functools
import operator
from typing import Any, Literal

import numpy as np
import xarray as xr

from ...dataset.access import frame_of
from ...dataset.gate import scale_of, takes_study
from ...dataset.schema import keys_in
from ...errors import DesignError
from ...formula import factor
from ...kernels.sampling.quantiles import (
    BinSearch,
    Collected,
    bin_counts,
    collect,
    merge_collected,
    quantile_ranks,
)
from ...results.frame import Rows, result_frame
from ...types import Array, Floats, Ints, Names, Row
from ..shared.cells import Cells, fold_cells, has_value, over_cells
from ..shared.study import choose_dimensions, require_factor
from .summaries import QUANTILES, few_values, summaries


@result_frame(
    "dimension and modality, or group, or at the finer levels item and modality, or annotation",
    "dimension modality factor group item participant mean sd minimum q05 q25 median q75 q95",
    "maximum n n_annotations n_missing",
)
@takes_study
def describe_annotations(
    data: xr.DataTree,
    *,
    by: str = "modality",
    dimension: Names | None = None,
    level: Literal["modality", "item", "annotation"] = "modality",
) -> Rows:
    """Distribution of the ratings by dimension and modality, or another factor.

    Parameters
    ----------
    level : {"modality", "item", "annotation"}
        One row per modality, or level of `by`, and one for `all` of them; one per item and
        modality; or one per annotation.

    Raises
    ------
    DataError
        When the study has no rated dimension, or not this one.
    DesignError
        When `level` is not one of those above, `by` is no factor of the study, or another factor
        than modality is asked for at a finer level.

    See Also
    --------
    describe_design : How many items, people and raters there are.
    describe_participants : Who rated.
    normality : Whether values look normal.

    Notes
    -----
    All samples of all annotations enter with equal weight, at the stored sampling rate (2 Hz in
    MuVi); of a static dimension, one value per annotation. Missing samples are left out; `n`
    counts the samples, `n_annotations` the annotations behind them, `n_missing` the annotations
    that are excluded (`keep_dynamic`) or hold no value; in `all`, those without a level of `by`
    too. Quantiles interpolate linearly.

    Examples
    --------
    >>> from muvistats import describe_annotations, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> described = describe_annotations(study, dimension="valence")
    >>> described["modality"].tolist()
    ['all', 'music', 'visual', 'audiovisual']
    """
    own = by != "modality"
    if own and level != "modality":
        raise DesignError(f"by={by!r} is for level='modality', not {level!r}")
    names = choose_dimensions(data, dimension)
    cells = Cells.of(data)
    groups = _levels_of(data, by) if own else _modalities(cells)
    annotations = data["annotations"].dataset
    parts: list[Row] = []
    for name in names:
        if level == "modality":
            part = _by_group(annotations[name], cells, *groups)
            if own:
                part["group"] = part["modality"]
                part["modality"] = np.full(len(part["n"]), "all", dtype=object)
                part["factor"] = np.full(len(part["n"]), by, dtype=object)
        else:
            part = _in_blocks(annotations, name, cells, level)
        part["warning"] = np.array([few_values(n) for n in part["n"]], dtype=object)
        parts.append({"dimension": np.full(len(part["n"]), name, dtype=object), **part})
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _in_blocks(annotations: xr.Dataset, name: str, cells: Cells, level: str) -> Row:
    """Rows of annotations, or of cells, which lie in one block each."""
    function = _summarise_rows if level == "annotation" else _summarise_cells
    found = over_cells(annotations[name], cells, function)
    columns = dict(zip((*_SUMMARY, "n_annotations", "n_missing"), found, strict=True))
    if level == "annotation":
        keys = keys_in(annotations.coords)[:3]
        text = {key: annotations.variables[key].to_numpy().astype(object) for key in keys}
    else:
        text = {
            "item": np.array(cells.items, dtype=object)[cells.item],
            "modality": np.array(cells.modalities, dtype=object)[cells.modality],
            "participant": np.full(len(cells.starts), "all", dtype=object),
        }
    return {**text, **columns}


_SUMMARY = ("n", "mean", "sd", *QUANTILES)


def _summarise_rows(values: Floats, _: Ints) -> tuple[Array, ...]:
    columns = summaries(values)
    rated = (columns["n"] > 0).astype(np.int64)
    return (*(columns[name] for name in _SUMMARY), rated, 1 - rated)


def _summarise_cells(values: Floats, starts: Ints) -> tuple[Array, ...]:
    """Cells of one size at a time, each as one long row."""
    sizes = np.diff(starts, append=len(values))
    rated = np.add.reduceat(has_value(values).astype(np.int64), starts)
    out = {name: np.full(len(starts), np.nan) for name in _SUMMARY}
    for size in np.unique(sizes):
        which = np.flatnonzero(sizes == size)
        rows = starts[which][:, None] + np.arange(size)
        for name, column in summaries(values[rows].reshape(len(which), -1)).items():
            out[name][which] = column
    n = out.pop("n").astype(np.int64)
    return (n, *out.values(), rated, sizes - rated)


def _modalities(cells: Cells) -> tuple[Ints, list[str]]:
    """Modality of each annotation as a number, and their names."""
    return cells.modality[cells.of_annotation], cells.modalities


def _levels_of(data: xr.DataTree, by: str) -> tuple[Ints, list[str]]:
    """Level of a factor of each annotation as a number, that of none the last, and their names."""
    require_factor(data, by)
    levels = factor(by, frame_of(data))
    names = [str(level) for level in levels.cat.categories]
    codes = levels.cat.codes.to_numpy().astype(np.intp)
    return np.where(codes < 0, len(names), codes), names


def _by_group(values: xr.DataArray, cells: Cells, codes: Ints, levels: list[str]) -> Row:
    """Rows of all groups together and of each; exact, in passes over the blocks."""
    k = len(levels)
    alone = levels == ["all"]
    search = BinSearch.start(*scale_of(values), k)
    n, total, rated, counts = fold_cells(
        values, cells, functools.partial(_count, search=search), _add, rows=codes
    )
    with np.errstate(invalid="ignore"):
        mean = total / n
    sets = [*np.arange(k)[:, None]] if alone else [np.arange(k), *np.arange(k)[:, None]]
    sizes = [int(n[groups].sum()) for groups in sets]
    ranks = [quantile_ranks(size, np.array(list(QUANTILES.values()))) for size in sizes]
    some = [i for i, size in enumerate(sizes) if size]
    found: Collected | None = None
    while some and found is None:
        wanted = [np.unique(np.concatenate(ranks[i][:2])) for i in some]
        search = search.cut(counts, [sets[i] for i in some], wanted)
        squares, found = fold_cells(
            values,
            cells,
            functools.partial(_collect, search=search, mean=mean),
            functools.partial(_join, search=search),
            rows=codes,
        )
        if found is None:
            only = functools.partial(_count, search=search)
            counts = fold_cells(values, cells, only, _add, rows=codes)[3]
    given = np.bincount(codes, minlength=k + 1)
    rows = []
    for groups, size, (low, high, part) in zip(sets, sizes, ranks, strict=True):
        row: dict[str, Any] = {"n": size, "n_annotations": int(rated[groups].sum())}
        outside = given[k] if len(groups) == k else 0
        row["n_missing"] = int(given[groups].sum() + outside) - row["n_annotations"]
        if found is None or not size:
            row |= dict.fromkeys((*QUANTILES, "mean", "sd"), np.nan)
        else:
            at, above = (search.order_statistics(found, groups, r) for r in (low, high))
            row |= dict(zip(QUANTILES, at + (above - at) * part, strict=True))
            row |= _moments(n[groups], mean[groups], squares[groups])
        rows.append(row)
    columns: Row = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    every = np.full(len(rows), "all", dtype=object)
    names = levels if alone else ["all", *levels]
    modality = np.array(names, dtype=object)
    return {"modality": modality, "item": every, "participant": every, **columns}


def _moments(n: Ints, mean: Floats, squares: Floats) -> dict[str, float]:
    """Mean and sd of groups taken together, from those of each."""
    use = n > 0
    n, mean, squares = n[use], mean[use], squares[use]
    whole = float((n * mean).sum() / n.sum())
    spread = float((squares + n * (mean - whole) ** 2).sum())
    return {"mean": whole, "sd": np.sqrt(spread / (n.sum() - 1)) if n.sum() > 1 else np.nan}


def _samples(values: Floats, rows: Ints, k: int) -> list[Floats]:
    """Samples of each modality that are there."""
    parts = [values[rows == code].ravel() for code in range(k)]
    return [part[~np.isnan(part)] if np.isnan(part.sum()) else part for part in parts]


def _count(values: Floats, _: Ints, rows: Ints, search: BinSearch) -> tuple[Array, ...]:
    k = len(search.below)
    samples = _samples(values, rows, k)
    n, total = (np.array([f(part) for part in samples]) for f in (len, np.sum))
    rated = np.bincount(rows[has_value(values)], minlength=k)[:k]
    return n, total, rated, bin_counts(samples, search)


def _collect(
    values: Floats, _: Ints, rows: Ints, search: BinSearch, mean: Floats
) -> tuple[Floats, Collected | None]:
    samples = _samples(values, rows, len(mean))
    squares = [((part - m) ** 2).sum() for part, m in zip(samples, mean, strict=True)]
    return np.array(squares), collect(samples, search)


def _add(first: tuple[Array, ...], second: tuple[Array, ...]) -> tuple[Array, ...]:
    return tuple(map(operator.add, first, second))


def _join(
    first: tuple[Floats, Collected | None],
    second: tuple[Floats, Collected | None],
    search: BinSearch,
) -> tuple[Floats, Collected | None]:
    return first[0] + second[0], merge_collected(first[1], second[1], search)

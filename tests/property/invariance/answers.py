"""Read any answer as tables, and hold two answers against each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

import muvistats as mv

Tables = dict[str, pd.DataFrame]

#: Agreement of numbers in closed form.
RTOL, ATOL = 1e-9, 1e-12

#: Columns that resamples may move, where `n_resamples` of the row is not 0.
RESAMPLED = (
    *("p_value", "p_adjusted", "conf_low", "conf_high", "std_error", "statistic", "mc_error"),
    *("chance", "null_mean", "null_sd"),
)


def tables_of(answer: Any) -> Tables:
    """Everything that an answer says, as tables."""
    if isinstance(answer, dict):
        return answer
    if isinstance(answer, pd.DataFrame):
        return {"frame": answer}
    if isinstance(answer, (mv.LinearFit, mv.MixedFit)):
        names = ("tidy", "glance", "anova", "augment", "variance_components", "random_effects")
        return {name: getattr(answer, name)() for name in names if hasattr(answer, name)}
    if isinstance(answer, mv.FeatureModels):
        return {"items": mv.lasso_models(answer, level="item")}
    if isinstance(answer, xr.DataTree):
        groups = {node.path: node.to_dataset(inherit=False) for node in answer.subtree}
        return {
            f"{path}/{name}": _array(variable)
            for path, group in groups.items()
            for name, variable in sorted(group.variables.items())
            if path != "/log"
        }
    if isinstance(answer, xr.Dataset):
        return {
            str(name): variable.to_dataframe().reset_index()
            for name, variable in answer.data_vars.items()
        }
    if isinstance(answer, Figure):
        return _drawn(answer)
    if isinstance(answer, Path):
        return {}
    return {"values": pd.DataFrame({"value": np.ravel([] if answer is None else answer)})}


def _array(variable: Any) -> pd.DataFrame:
    return pd.DataFrame({"value": np.ravel(variable.to_numpy())})


def _drawn(figure: Figure) -> Tables:
    """Texts, lines, points and surfaces of a figure."""
    words = [text.get_text() for text in figure.texts]
    numbers: list[Any] = []
    for ax in figure.axes:
        words += [ax.get_title(), ax.get_xlabel(), ax.get_ylabel()]
        words += [text.get_text() for text in ax.texts]
        words += [
            tick.get_text() for axis in (ax.xaxis, ax.yaxis) for tick in axis.get_ticklabels()
        ]
        numbers += [line.get_xydata() for line in ax.lines]
        numbers += [patch.get_extents().bounds for patch in ax.patches]
        for collection in ax.collections:
            numbers += [np.ma.getdata(collection.get_offsets())]
            numbers += [path.vertices for path in collection.get_paths()]
        numbers += [np.ma.getdata(image.get_array()) for image in ax.images]
    flat = [np.ravel(np.asarray(part, float)) for part in numbers]
    return {
        "words": pd.DataFrame({"word": words}, dtype="str"),
        "numbers": pd.DataFrame({"value": np.concatenate([np.zeros(0), *flat])}),
    }


def renamed(tables: Tables, back: Callable[[str], str]) -> Tables:
    """The tables with every text turned back into the first names."""

    def text(column: pd.Series) -> pd.Series:
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(object)
        if column.dtype.kind not in "OUT" and str(column.dtype) != "str":
            return column
        words = [back(value) if isinstance(value, str) else value for value in column]
        return pd.Series(words, column.index, dtype=object)

    return {back(name): frame.rename(columns=back).apply(text) for name, frame in tables.items()}


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows in the order of what they are about; the first group of a pair is the one named first.

    A statistic of two groups changes its sign when they change places.
    """
    frame = frame[sorted(frame, key=str)].copy()
    for kind in {"group", "modality", "label"}:
        if {f"{kind}1", f"{kind}2"} <= set(frame):
            _turn(frame, frame[f"{kind}1"].astype(str) > frame[f"{kind}2"].astype(str), kind)
    texts = [
        name
        for name in frame
        if name not in ("warning", "method") and (not _is_number(frame[name]) or name == "time")
    ]
    if not texts:
        return frame
    keys = [frame[name].astype(object).map(str).to_numpy(str) for name in texts]
    return frame.iloc[np.lexsort(keys[::-1])].reset_index(drop=True)


#: What changes its sign when two groups change places; a correlation of two things does not.
SIGNED = (
    *("estimate", "estimate_bounded", "statistic", "effect_size", "conf_low", "conf_high"),
    "difference",
)

#: Quantities of two groups that are the same when these change places.
UNDIRECTED = ("conflict", "conflict_share")


def _turn(frame: pd.DataFrame, rows: pd.Series, kind: str) -> None:
    """Let the two of a pair change places in some rows."""
    rows = rows.to_numpy()
    directed = rows
    if "quantity" in frame:
        directed = rows & ~frame["quantity"].isin(UNDIRECTED).to_numpy()
    pairs = [(c, f"{c[:-1]}2") for c in frame if c.endswith("1") and f"{c[:-1]}2" in frame]
    turns = [(pair, rows) for pair in pairs]
    turns += [(("conf_low", "conf_high"), directed)] if kind == "group" else []
    for (first, second), turned in turns:
        if {first, second} <= set(frame):
            both = frame[[first, second]].to_numpy(copy=True)
            both[turned] = both[turned][:, ::-1]
            frame[first], frame[second] = both[:, 0], both[:, 1]
    if kind != "group":
        return
    sign = np.where(directed, -1.0, 1.0)
    for name in (set(SIGNED) - {"statistic"}) & set(frame):
        frame[name] = sign * frame[name]
    if "statistic" in frame:
        kinds = frame["statistic_name"]
        frame["statistic"] *= np.where(kinds.isin(["t", "z"]), sign, 1.0)
        if (kinds == "U").any():
            whole = frame["n1"] * frame["n2"] - frame["statistic"]
            frame["statistic"] = frame["statistic"].where(~rows | (kinds != "U"), whole)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not isinstance(
        column.dtype, pd.CategoricalDtype
    )


def compare(ours: Tables, theirs: Tables, *, drawn: bool = False, but: Any = ()):
    """Hold two answers against each other.

    Where resamples were `drawn` anew, what comes of them agrees to three standard errors.
    """
    assert list(ours) == list(theirs)
    for name, first in ours.items():
        second = theirs[name]
        assert list(first.columns) == list(second.columns), name
        assert len(first) == len(second), f"{name}: {len(first)} rows for {len(second)}"
        rows = _resampled_rows(first) if drawn else np.zeros(len(first), bool)
        for column in first:
            if column in but or name in but:
                continue
            where = f"{name}, {column}"
            a, b = first[column], second[column]
            if not _is_number(a):
                if not (drawn and column == "warning"):
                    _same_text(a, b, where)
                continue
            a, b = (np.asarray(each, float) for each in (a, b))
            loose = rows & (column in RESAMPLED)
            np.testing.assert_allclose(
                a[~loose], b[~loose], rtol=RTOL, atol=ATOL * _size(a), err_msg=where
            )
            if loose.any():
                _within(first, second, column, loose, where)


def _size(values: Any) -> float:
    """How large the numbers are: sums that cancel keep the digits of their largest part."""
    known = np.abs(values[np.isfinite(values)])
    return max(1.0, float(known.max(initial=0.0)))


def _same_text(first: pd.Series, second: pd.Series, where: str) -> None:
    a, b = ([None if pd.isna(v) else str(v) for v in each] for each in (first, second))
    differ = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
    assert not differ, f"{where}: {differ[0][0]!r} for {differ[0][1]!r}"


def _resampled_rows(frame: pd.DataFrame) -> Any:
    if "n_resamples" not in frame:
        return np.zeros(len(frame), bool)
    return (frame["n_resamples"].fillna(0) > 0).to_numpy()


def _within(first: Any, second: Any, column: str, rows: Any, where: str) -> None:
    """Three standard errors of what resamples give."""
    a, b = (frame.loc[rows, column].to_numpy(float) for frame in (first, second))
    # whether enough resamples give a limit, and so an error, is drawn as well
    if not column.startswith("conf"):
        known = np.ones(len(a), bool)
        if column == "std_error" and "conf_low" in first:
            limits = [frame.loc[rows, "conf_low"].to_numpy(float) for frame in (first, second)]
            known = ~np.isnan(limits).any(axis=0)
        np.testing.assert_array_equal(np.isnan(a)[known], np.isnan(b)[known], err_msg=where)
    n = first.loc[rows, "n_resamples"].to_numpy(float)
    if column in ("p_value", "p_adjusted"):
        middle = np.clip((a + b) / 2, 1 / n, 1)
        bound = 3 * np.sqrt(2 * middle * (1 - middle + 1 / n) / n)
        if column == "p_adjusted":  # a multiple of p, and so of its error
            bound = bound * np.nanmax(a / first.loc[rows, "p_value"].to_numpy(float), initial=1.0)
    elif column in ("conf_low", "conf_high"):
        width = [f.loc[rows, "conf_high"] - f.loc[rows, "conf_low"] for f in (first, second)]
        # three standard errors of the quantile of an exponential tail
        bound = 7 * np.maximum(*(np.asarray(w, float) for w in width)) / np.sqrt(n)
    elif column == "chance":  # a mean of drawn correlations; of mismatched items it is counted
        bound = np.full(len(a), 0.0) if "quantity" in first else 3 * np.sqrt(2 / n)
    else:
        bound = 3 * np.maximum(np.abs(a), np.abs(b)) * np.sqrt(1 / n) + (column == "mc_error")
    wrong = np.flatnonzero(np.abs(a - b) > bound + ATOL)
    assert not len(wrong), f"{where}: {a[wrong[0]]} for {b[wrong[0]]}"

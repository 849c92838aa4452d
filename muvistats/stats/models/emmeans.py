"""Estimated marginal means: a model's predictions over a balanced grid, and their differences."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ...arguments import ADJUSTMENTS, check_choice
from ...errors import DataError, DesignError
from ...formula import Design, code_of_column
from ...quiet import quiet
from ...types import Floats
from ..shared.adjust import adjust_p

_MAX_GRID = 50_000


class Grid:
    """Weights of the fixed columns for each combination of levels asked for.

    Parameters
    ----------
    names : list of tuple of str
        The combinations.
    weights : ndarray of float, shape (m, p)
        Row of fixed columns, averaged over the other factors with equal weights.
    """

    def __init__(self, names: list[tuple[str, ...]], weights: Floats) -> None:
        self.names = names
        self.weights = weights


def grid_of(
    design: Design,
    by: Sequence[str],
    at: Mapping[str, float] | None = None,
    means: pd.DataFrame | None = None,
) -> Grid:
    """Balanced grid of a design: all levels of its factors, numbers at their mean.

    Parameters
    ----------
    design : Design
        The design of the model.
    by : sequence of str
        Factors whose combinations stay apart.
    at : mapping of str to float, optional
        Numbers that do not stand at their mean, and where they do.
    means : DataFrame, optional
        `means_of` the design, where they are known.

    Returns
    -------
    Grid
        One row per combination of `by`.

    Raises
    ------
    DesignError
        When a factor is not in the fixed part, or is a number.
    """
    codes = list(dict.fromkeys(code for term in design.formula.terms for code in term))
    levels = {
        code: [str(level) for level in value.categories]
        for code, value in ((code, design.values[code]) for code in codes)
        if isinstance(value, pd.Categorical)
    }
    chosen = [_find(name, codes, levels) for name in by]
    size = int(np.prod([len(known) for known in levels.values()], dtype=np.float64))
    if size > _MAX_GRID:
        raise DesignError(f"the grid of all levels has {size} cells; {_MAX_GRID} are allowed")
    cells = list(itertools.product(*levels.values()))
    numbers = (means_of(design) if means is None else means).assign(**at or {})
    values: dict[str, Any] = {}
    for position, (code, known) in enumerate(levels.items()):
        column = [cell[position] for cell in cells]
        values[code] = pd.Categorical(column, categories=known)
    for code in codes:
        if code not in levels:
            value = _value_at(design, code, numbers, at or {})
            values[code] = np.repeat(value, len(cells), axis=0)
    rows = design.fixed.of(values, len(cells))
    place = [list(levels).index(code) for code in chosen]
    keys = [tuple(str(cell[i]) for i in place) for cell in cells]
    names = list(itertools.product(*([str(x) for x in levels[code]] for code in chosen)))
    weights = np.array([rows[[key == name for key in keys]].mean(axis=0) for name in names])
    return Grid(names, weights)


def _find(name: str, codes: list[str], levels: dict[str, list[str]]) -> str:
    for code in codes:
        if (
            code in (name, code_of_column(name))
            or code.startswith(f"C({name},")
            or code == f"C({name})"
        ):
            if code not in levels:
                raise DesignError(f"{name!r} is a number in the model: it has no levels")
            return code
    raise DesignError(f"{name!r} is not in the fixed part; there are {', '.join(codes) or 'none'}")


def slopes_of(design: Design, variable: str, by: Sequence[str]) -> Grid:
    """Change of the predictions over a balanced grid with a number, at its mean.

    Parameters
    ----------
    design : Design
        The design of the model.
    variable : str
        Column of numbers.
    by : sequence of str
        Factors whose combinations stay apart.

    Returns
    -------
    Grid
        Symmetric differences over a thousandth of the spread: exact for polynomials of degree 2.

    Raises
    ------
    DesignError
        When no number of the fixed part is made of the variable, or the grid cannot be made.
    """
    _check_moves(design, variable)
    frame = design.frame
    step = 0.001 * float(np.ptp(frame[variable].dropna().to_numpy(dtype=float)))
    mean = float(means_of(design)[variable].iloc[0])
    up, down = (grid_of(design, by, {variable: mean + side * step / 2}) for side in (1, -1))
    return Grid(up.names, (up.weights - down.weights) / step)


def _check_moves(design: Design, variable: str) -> None:
    """Refuse a variable of which no number of the fixed part is made."""
    codes = list(dict.fromkeys(code for term in design.formula.terms for code in term))
    made = [
        code
        for code in codes
        if not isinstance(design.values[code], pd.Categorical)
        and variable in design.columns.reads(code)
    ]
    if not made:
        numbers = [c for c in codes if not isinstance(design.values[c], pd.Categorical)]
        raise DesignError(
            f"{variable!r} is no number of the fixed part; there are {', '.join(numbers) or 'none'}"
        )


def courses_of(design: Design, variable: str, times: Floats, by: Sequence[str]) -> list[Grid]:
    """Balanced grids of a design at values of a number that stands for time.

    Parameters
    ----------
    design : Design
        The design of the model.
    variable : str
        Column of numbers.
    times : ndarray of float, shape (time,)
        Its values.
    by : sequence of str
        Factors whose combinations stay apart.

    Returns
    -------
    list of Grid
        One for each time.

    Raises
    ------
    DesignError
        When no number of the fixed part is made of the variable, or the grid cannot be made.
    """
    _check_moves(design, variable)
    means = means_of(design)
    return [grid_of(design, by, {variable: time}, means) for time in times]


def means_of(design: Design) -> pd.DataFrame:
    """One row: the mean of each column of numbers."""
    return design.frame.select_dtypes("number").mean().to_frame().T


def _value_at(
    design: Design, code: str, numbers: pd.DataFrame, moved: Mapping[str, float]
) -> Floats:
    """Value of a numeric factor where the numbers it is made of stand there, else its mean."""
    try:
        value = design.columns.of(code, numbers)
    except (DesignError, DataError) as error:
        read = design.columns.reads(code)
        if read & moved.keys():
            others = read - set(numbers)
            if not others:
                raise
            raise DesignError(
                f"{code!r} is made of {', '.join(sorted(others))} too, which is no number: it has "
                "no value at their means"
            ) from error
        value = np.atleast_1d(np.asarray(design.values[code]).mean(axis=0, keepdims=True))
    return np.asarray(value, dtype=np.float64)


def pairs_of(groups: Sequence[str]) -> list[tuple[int, int]]:
    """Positions of every pair of groups, the first before the second."""
    return list(itertools.combinations(range(len(groups)), 2))


def adjust_contrasts(
    rows: list[dict[str, Any]], n_groups: int, method: str, conf_level: float
) -> None:
    """Write adjusted p-values and intervals into the contrasts of one family.

    Parameters
    ----------
    rows : list of dict
        Contrasts with `estimate`, `std_error`, `statistic`, `df` and `p_value`.
    n_groups : int
        Number of groups that are compared.
    method : str
        "tukey" or a name of `ADJUSTMENTS`.
    conf_level : float
        Confidence level. Intervals are Tukey's or, for bonferroni and holm, Bonferroni's;
        otherwise those of single contrasts.
    """
    check_choice("adjust", method, ("tukey", *ADJUSTMENTS))
    p = np.array([row["p_value"] for row in rows], dtype=float)
    if method == "tukey":
        tails = np.array([_tukey(row["statistic"], n_groups, row["df"]) for row in rows])
        adjusted = np.maximum(tails, p)  # far out, the tail is only good to about 1e-13
    else:
        adjusted = adjust_p(p, method)
    for row, value in zip(rows, adjusted, strict=True):
        row["p_adjusted"] = float(value)
        row["p_adjust_method"] = method
        reach = _reach(row["df"], len(rows), n_groups, method, conf_level) * row["std_error"]
        row["conf_low"], row["conf_high"] = row["estimate"] - reach, row["estimate"] + reach


def _tukey(statistic: float, n_groups: int, df: float) -> float:
    if not np.isfinite(statistic) or not df >= 1:
        return np.nan
    if n_groups == 2:
        return float(2 * stats.t.sf(abs(statistic), df))
    with quiet():
        value = stats.studentized_range.sf(np.sqrt(2) * abs(statistic), n_groups, df)
    return float(np.clip(value, 0.0, 1.0))


def _reach(df: float, m: int, n_groups: int, method: str, conf_level: float) -> float:
    if not df >= 1 and method == "tukey":
        return np.nan
    alpha = 1 - conf_level
    if method == "tukey" and n_groups > 2:
        with quiet():
            return float(stats.studentized_range.ppf(conf_level, n_groups, df) / np.sqrt(2))
    if method in ("bonferroni", "holm"):
        alpha /= m
    return float(stats.t.ppf(1 - alpha / 2, df))

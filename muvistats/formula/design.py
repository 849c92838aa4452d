"""Design matrices of a model formula.

Which columns a term has (which contrasts, full or reduced) is settled in `coding`.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import DataError, DesignError
from ..types import Floats
from .allowlist import short, split_formula
from .coding import Coding, Column
from .columns import ModelColumns, alike
from .levels import as_levels
from .terms import Bar, ModelFormula, Term, parse_model

_MAX_COLUMNS = 2000


@dataclass(frozen=True)
class FixedPart:
    """Columns of a list of terms.

    Parameters
    ----------
    matrix : ndarray of float, shape (n, p)
        The columns.
    names : list of str
        Their names, as patsy gives them: ``modality[T.visual]``.
    terms : dict of str to slice
        Columns of each term.
    coding : Coding
        What builds the same columns of new values.
    """

    matrix: Floats
    names: list[str]
    terms: dict[str, slice]
    coding: Coding

    def of(self, values: Mapping[str, Column], n: int) -> Floats:
        """The same columns of new factor values, n rows."""
        return self.coding.matrix(values, n)


@dataclass(frozen=True)
class RandomPart:
    """Random effects of one bar.

    Parameters
    ----------
    bar : Bar
        Its formula.
    columns : ndarray of float, shape (n, k)
        What varies, without the grouping.
    names : list of str
        Names of the columns.
    codes : ndarray of int, shape (n,)
        Level of each row.
    levels : list of str
        Names of the levels.
    coding : Coding
        What builds the same columns of new values.
    """

    bar: Bar
    columns: Floats
    names: list[str]
    codes: npt.NDArray[np.intp]
    levels: list[str]
    coding: Coding

    def of(self, values: Mapping[str, Column], n: int) -> Floats:
        """The same columns of new factor values, n rows."""
        return self.coding.matrix(values, n)


@dataclass(frozen=True)
class Design:
    """A model formula met with rows.

    Parameters
    ----------
    formula : ModelFormula
        The formula.
    y : ndarray of float, shape (n,)
        The response of the rows used.
    response_levels : tuple of str
        For a response with two levels, those; the second counts as 1. Of ordered categories all
        that have a row, lowest first.
    fixed : FixedPart
        Fixed columns of the rows used.
    random : tuple of RandomPart
        Random columns.
    values : dict of str to Column
        Factor values of the rows used.
    rows : ndarray of int, shape (n,)
        Positions of the rows used in the frame.
    n_missing : int
        Rows left out because a value is missing.
    columns : ModelColumns
        What evaluates the factors of new rows.
    offset : ndarray of float, shape (n,)
        What is added to the linear predictor of each row; 0 without an offset.
    weights : ndarray of float, shape (n,)
        Prior weight of each row; 1 without weights.
    frame : DataFrame
        The rows used, with the columns of the formula.
    """

    formula: ModelFormula
    y: Floats
    response_levels: tuple[str, ...]
    fixed: FixedPart
    random: tuple[RandomPart, ...]
    values: dict[str, Column]
    rows: npt.NDArray[np.intp]
    n_missing: int
    columns: ModelColumns
    offset: Floats
    weights: Floats
    frame: pd.DataFrame = field(repr=False)

    def new_values(self, codes: Iterable[str], frame: pd.DataFrame) -> dict[str, Column]:
        """Factor values of new rows, with the levels that were fitted."""
        out = {}
        for code in codes:
            value, known = self.columns.of(code, frame), self.values[code]
            value = alike(value, known, code)
            if isinstance(value, pd.Categorical) and isinstance(known, pd.Categorical):
                other = set(value.dropna().unique()) - set(known.categories)
                if other:
                    raise DataError(
                        "a level that the model was not fitted to",
                        column=code,
                        found=min(other),
                        expected=", ".join(known.categories[:8]),
                    )
                value = value.set_categories(known.categories)
            out[code] = value
        return out

    def levels_of(self, part: RandomPart, frame: pd.DataFrame) -> npt.NDArray[np.intp]:
        """Level of a random part for each row of a new frame; -1 for one that is not known."""
        names = pd.Series([""] * len(frame), dtype="str")
        for number, code in enumerate(part.bar.group):
            value = _grouping(ModelColumns(frame), code)
            own = pd.Series(value).astype("str").reset_index(drop=True)
            names = names + (":" if number else "") + own
        return pd.Index(part.levels).get_indexer(pd.Index(names))

    def answered_by(self, response: str) -> Design | None:
        """The same rows and columns with another response; None where it lacks other rows."""
        there = np.isfinite(_response(self.columns, self.formula.response)[0])
        values, levels = _response(self.columns, response)
        if not np.array_equal(np.isfinite(values), there):
            return None
        text = f"{response} ~ {split_formula(self.formula.text)[1]}"
        formula = replace(self.formula, text=text, response=response)
        return replace(self, formula=formula, y=values[self.rows], response_levels=levels)

    def new_offset(self, frame: pd.DataFrame) -> Floats:
        """What is added to the linear predictor of new rows."""
        return _offset(self.columns, self.formula, frame)

    def evenly_coded(self) -> FixedPart:
        """The fixed part with orthonormal contrasts of every factor."""
        formula = self.formula
        return _fixed(formula.terms, formula.intercept, self.values, len(self.y), even=True)

    def centred(self) -> Floats:
        """The fixed columns with numbers centred and scaled, where that spans the same space.

        A number can be centred where each term that holds it is in the model without it too.
        """
        terms = {frozenset(term) for term in self.formula.terms}
        if self.formula.intercept:
            terms.add(frozenset())
        values = dict(self.values)
        for code in {code for term in self.formula.terms for code in term}:
            value = values[code]
            with_it = [term for term in terms if code in term]
            if isinstance(value, pd.Categorical) or any(t - {code} not in terms for t in with_it):
                continue
            moved = value - value.mean(axis=0)
            spread = np.sqrt((moved**2).mean(axis=0))
            # what is left of a constant by rounding is no variation
            noise = spread <= 1e-13 * np.abs(value).max(axis=0)
            values[code] = np.where(noise, 0.0, moved / np.where(noise, 1.0, spread))
        return self.fixed.of(values, len(self.y))


def build_design(
    formula: str,
    frame: pd.DataFrame,
    *,
    clusters: Sequence[str] = (),
    weights: str | None = None,
    ordinal: bool = False,
) -> Design:
    """Design matrices of a model formula over the rows of a frame.

    Parameters
    ----------
    formula : str
        As in `parse_model`.
    frame : DataFrame
        The rows.
    clusters : sequence of str
        Columns whose levels are found as those of grouping factors are.
    weights : str, optional
        Column of prior weights.
    ordinal : bool
        Whether the response is ordered categories, numbered from 0.

    Returns
    -------
    Design
        Response, fixed and random columns of the rows without a missing value, and what is
        needed to build them for new rows.

    Raises
    ------
    DesignError
        For a token that is not allowed, a column that is not there, a grouping factor with one
        level, or a formula without fixed columns.
    DataError
        When no row is left.

    Notes
    -----
    Levels stand in the order of a categorical column, text levels sorted; levels that no row
    has are dropped. Means, spreads and knots of center, standardize, poly, bs, cr and cc are
    those of all rows that have the value.

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats.formula import build_design
    >>> frame = pd.DataFrame({"y": [1.0, 2, 4], "g": ["a", "b", "b"]})
    >>> build_design("y ~ g", frame).fixed.names
    ['Intercept', 'g[T.b]']
    """
    model = parse_model(formula)
    bars = tuple(Bar((), True, (code_of_column(name),)) for name in clusters)
    model = replace(model, bars=(*model.bars, *bars))
    columns = ModelColumns(frame)
    columns.require((model.response, *model.factors, *model.groups, *model.offsets))
    response, levels = (_ordered if ordinal else _response)(columns, model.response)
    values = {code: columns.of(code) for code in model.factors}
    groups = {code: _grouping(columns, code) for code in model.groups}
    use = np.isfinite(response)
    offset = _offset(columns, model)
    weight = np.ones(len(frame)) if weights is None else _weights(columns, weights)
    for column in (*values.values(), *groups.values(), offset, weight):
        use &= _there(column)
    rows = np.flatnonzero(use)
    if not len(rows):
        raise DataError("no row has all values that the formula needs", found=short(formula))
    response = response[rows]
    if ordinal:  # categories of rows that are left out may be gone
        used, places = np.unique(response, return_inverse=True)
        response, levels = places.astype(np.float64), tuple(levels[int(code)] for code in used)
    values = {code: _take(column, rows) for code, column in values.items()}
    groups = {code: groups[code][rows].remove_unused_categories() for code in groups}
    fixed = _fixed(model.terms, model.intercept, values, len(rows))
    random = tuple(_random(bar, values, groups, len(rows)) for bar in model.bars)
    return Design(
        model,
        response,
        levels,
        fixed,
        random,
        values,
        rows,
        int((~use).sum()),
        columns,
        offset[rows],
        weight[rows],
        frame.iloc[rows],
    )


def code_of_column(name: str) -> str:
    """The expression that names a column, whatever its name."""
    plain = str(name).isidentifier() and not keyword.iskeyword(name)
    return str(name) if plain else ast.unparse(ast.parse(f"Q({str(name)!r})", mode="eval"))


def _offset(
    columns: ModelColumns, model: ModelFormula, frame: pd.DataFrame | None = None
) -> Floats:
    """Sum of the offsets of the first rows, or of new ones."""
    values = [np.asarray(columns.of(code, frame), dtype=np.float64) for code in model.offsets]
    n = columns.n if frame is None else len(frame)
    return np.asarray(sum(values, start=np.zeros(n)))


def _weights(columns: ModelColumns, name: str) -> Floats:
    value = columns.of(code_of_column(name))
    if isinstance(value, pd.Categorical):
        raise DesignError(f"weights={name!r} must name a column of numbers")
    if (value <= 0).any():
        found = float(np.nanmin(value))
        raise DataError(
            "a prior weight that is not above 0",
            column=name,
            found=found,
            expected="positive weights; leave rows without weight out",
        )
    return value


def _response(columns: ModelColumns, code: str) -> tuple[Floats, tuple[str, ...]]:
    value = columns.of(code)
    if isinstance(value, pd.Categorical):
        used = value.remove_unused_categories()
        if len(used.categories) > 2:
            raise DesignError(
                f"response {short(code)!r} has {len(used.categories)} levels; "
                "a number or two levels are needed"
            )
        codes = used.codes.astype(np.float64)
        return np.where(codes < 0, np.nan, codes), tuple(str(x) for x in used.categories)
    if value.ndim != 1:
        raise DesignError(f"response {short(code)!r} has several columns")
    return value, ()


def _ordered(columns: ModelColumns, code: str) -> tuple[Floats, tuple[str, ...]]:
    """Categories numbered from 0, and their names: levels in an order, or distinct numbers."""
    value = columns.of(code)
    if isinstance(value, pd.Categorical):
        used = value.remove_unused_categories()
        if not used.ordered and len(used.categories) > 2:
            raise DesignError(
                f"response {short(code)!r} has levels without an order; "
                "pd.Categorical(..., categories=[...], ordered=True) gives them one"
            )
        codes, names = np.asarray(used.codes, dtype=np.intp), list(used.categories)
    elif value.ndim != 1:
        raise DesignError(f"response {short(code)!r} has several columns")
    else:
        codes, found = pd.factorize(np.where(np.isfinite(value), value, np.nan), sort=True)
        names = list(found)
    texts = [f"{name:.15g}" if isinstance(name, float) else str(name) for name in names]
    return np.where(codes < 0, np.nan, codes), tuple(texts)


def _grouping(columns: ModelColumns, code: str) -> pd.Categorical:
    value = columns.of(code, as_names=True)
    if isinstance(value, pd.Categorical):
        return value
    if value.ndim != 1:
        raise DesignError(f"grouping factor {short(code)!r} has several columns")
    return as_levels(pd.Series(value), code)


def _there(column: Column) -> npt.NDArray[np.bool_]:
    if isinstance(column, pd.Categorical):
        return np.asarray(column.codes >= 0)
    good = np.isfinite(column)
    return np.asarray(good if good.ndim == 1 else good.all(axis=1))


def _take(column: Column, rows: npt.NDArray[np.intp]) -> Column:
    if isinstance(column, pd.Categorical):
        return column[rows].remove_unused_categories()
    return column[rows]


def _fixed(
    terms: tuple[Term, ...],
    intercept: bool,
    values: Mapping[str, Column],
    n: int,
    *,
    even: bool = False,
) -> FixedPart:
    every = [(), *terms] if intercept else list(terms)
    if not every:
        raise DesignError("the formula has no fixed columns: add 1 or a term")
    _check_size(every, values)
    coding = Coding(every, values, even=even)
    return FixedPart(coding.matrix(values, n), coding.names, coding.slices, coding)


def _check_size(terms: list[Term], values: Mapping[str, Column]) -> None:
    for code, value in values.items():
        if isinstance(value, pd.Categorical) and len(value.categories) < 2:
            level = "".join(value.categories[:1])
            raise DesignError(f"factor {short(code)!r} has only one level: {short(level)!r}")
    total = 0
    for term in terms:
        widths = [
            len(v.categories) if isinstance(v, pd.Categorical) else np.atleast_2d(v.T).shape[0]
            for v in (values[code] for code in term)
        ]
        total += int(np.prod(widths, dtype=np.float64))
        if total > _MAX_COLUMNS:
            raise DesignError(
                f"the term {short(':'.join(term))!r} makes more than {_MAX_COLUMNS} columns"
            )


def _random(
    bar: Bar, values: Mapping[str, Column], groups: Mapping[str, pd.Categorical], n: int
) -> RandomPart:
    terms: list[Term] = [(), *bar.terms] if bar.intercept else list(bar.terms)
    _check_size(terms, {code: values[code] for term in terms for code in term})
    coding = Coding(terms, values)
    codes = np.zeros(n, dtype=np.intp)
    for code in bar.group:
        codes = codes * len(groups[code].categories) + groups[code].codes
    used, codes = np.unique(codes, return_inverse=True)
    levels = [""] * len(used)
    for code in reversed(bar.group):
        size = len(groups[code].categories)
        own = groups[code].categories[used % size]
        used = used // size
        levels = [f"{a}:{b}" if b else str(a) for a, b in zip(own, levels, strict=True)]
    if len(levels) < 2:
        raise DesignError(f"random factor {bar.name!r} has only one level: {levels[0]!r}")
    matrix = coding.matrix(values, n)
    return RandomPart(bar, matrix, coding.names, codes.astype(np.intp), levels, coding)

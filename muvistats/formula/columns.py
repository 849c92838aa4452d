"""Values of the factors of a model formula, kept so that new rows are treated alike."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import DataError, DesignError
from ..types import Floats
from .allowlist import short
from .coding import Column, Spline
from .expressions import Evaluator
from .levels import as_levels, is_number, plain


class ModelColumns:
    """Evaluates factors; centres, scales, knots and levels are those of the first rows seen.

    Parameters
    ----------
    frame : DataFrame
        The rows that the model is fitted to.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._state: dict[str, Any] = {}
        self._frame = frame

    @property
    def n(self) -> int:
        """Number of the first rows."""
        return len(self._frame)

    def of(self, code: str, frame: pd.DataFrame | None = None, *, as_names: bool = False) -> Column:
        """Values of a factor, of the first rows or of new ones.

        Parameters
        ----------
        code : str
            A checked expression.
        frame : DataFrame, optional
            New rows.
        as_names : bool
            Whether numbers are names of levels, of which no digit may be lost.

        Returns
        -------
        ndarray of float or Categorical
            Missing values are NaN.
        """
        new = () if frame is None else (frame,)
        evaluator = _Remembering(self._frame, self._state, *new)
        value = evaluator.of(ast.parse(code, mode="eval").body)
        if isinstance(value, np.ndarray):
            return value
        if not isinstance(value, pd.Series):
            raise DesignError(f"{short(code)!r} names no column")
        if is_number(value):
            out = value.to_numpy(dtype=np.float64, na_value=np.nan)
            if not as_names:
                return np.where(np.isfinite(out), out, np.nan)
            value = value.mask(~np.isfinite(out))
        return self._levels(code, as_levels(value, code), learn=frame is None)

    def require(self, codes: Iterable[str]) -> None:
        """Refuse names that are no column, before any column is read."""
        for code in codes:
            _Remembering(self._frame, self._state).require(ast.parse(code, mode="eval").body)

    def reads(self, code: str) -> set[str]:
        """Columns that a factor is made of; those of a spline too."""
        evaluator = _Remembering(self._frame.iloc[:1], self._state)
        evaluator.of(ast.parse(code, mode="eval").body)
        return set(evaluator.used)

    def _levels(self, code: str, values: pd.Categorical, *, learn: bool) -> pd.Categorical:
        key = f"levels {code}"
        if key not in self._state:
            if learn:
                self._state[key] = values.categories
            return values
        known = self._state[key]
        unknown = [level for level in values.unique().dropna() if level not in known]
        if unknown:
            raise DataError(
                "a level that the model was not fitted to",
                column=code,
                found=str(unknown[0]),
                expected=", ".join(known[:8]),
            )
        return values.set_categories(known)


def alike(value: Column, known: Column, code: str) -> Column:
    """New values of the type that was fitted: 0 and 1 for truths, truths for 0 and 1."""
    truths = ["False", "True"]
    if isinstance(value, pd.Categorical):
        if isinstance(known, pd.Categorical):
            return value
        if not set(value.categories) <= set(truths):
            raise DataError(
                "a factor where the model was fitted to numbers",
                column=code,
                found=value.categories[0] if len(value.categories) else "",
                expected="numbers",
            )
        is_true = value == "True"
        return np.where(value.codes < 0, np.nan, is_true.astype(np.float64))
    if not isinstance(known, pd.Categorical):
        return value
    levels = list(known.categories)
    if not set(levels) <= set(truths) or value.ndim != 1:
        return as_levels(pd.Series(value), code)
    missing = np.isnan(value)
    if not np.isin(value[~missing], (0.0, 1.0)).all():
        raise DataError(
            "a number where the model was fitted to true and false",
            column=code,
            found=float(value[~missing][~np.isin(value[~missing], (0.0, 1.0))][0]),
            expected="0, 1, False or True",
        )
    codes = np.where(missing, -1, np.nan_to_num(value)).astype(np.intp)
    return pd.Categorical.from_codes(codes, pd.Index(truths, dtype="str"))


def complete_rows(values: dict[str, Any], n: int) -> tuple[npt.NDArray[np.intp], dict[str, Any]]:
    """Positions of the rows that have every value, and the values there."""
    good = np.ones(n, dtype=bool)
    for value in values.values():
        there = value.codes >= 0 if isinstance(value, pd.Categorical) else np.isfinite(value)
        good &= there if np.ndim(there) == 1 else there.all(axis=1)
    rows = np.flatnonzero(good)
    return rows, {code: value[rows] for code, value in values.items()}


class _Remembering(Evaluator):
    """The evaluator of expressions, with the functions of models."""

    def __init__(
        self, fitted: pd.DataFrame, state: dict[str, Any], new: pd.DataFrame | None = None
    ) -> None:
        super().__init__(fitted if new is None else new)
        self._state = state
        self._fitted = fitted
        self._first = new is None

    def require(self, node: ast.AST) -> None:
        """Refuse the first name that is no column."""
        if isinstance(node, ast.Name):
            self._column(node.id)
        elif isinstance(node, ast.Call):
            quoted = isinstance(node.func, ast.Name) and node.func.id == "Q"
            if quoted and isinstance(node.args[0], ast.Constant):
                self._column(str(node.args[0].value))
            self.require(node.args[0])
        else:
            for child in ast.iter_child_nodes(node):
                self.require(child)

    def _column(self, name: str) -> pd.Series:
        """A column; one of names has all levels of the first rows, in their order."""
        column = super()._column(name)
        name = self.used[-1]
        if self._first or name not in self._fitted or not _has_names(column):
            return column
        fitted = plain(self._fitted[name])
        if not _has_names(fitted):
            return column
        known = fitted.astype("category").cat
        other = [level for level in column.dropna().unique() if level not in known.categories]
        kind = pd.CategoricalDtype([*known.categories, *other], known.ordered)
        return column.astype(object).astype(kind)

    def _call(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "C" and len(node.args) == 2:
            node = ast.Call(node.func, node.args[:1], node.keywords)
        if name in ("center", "standardize", "poly", "bs", "cr", "cc", "offset"):
            number = self._number(self.of(node.args[0]), node.args[0])
            if not isinstance(number, pd.Series):
                raise DesignError(f"{name}() takes a column")
            if name == "offset":
                return number
            return self._stateful(name, node, number)
        return super()._call(node)

    def _stateful(self, name: str, node: ast.Call, number: pd.Series) -> Any:
        key = ast.unparse(node)
        values = number.to_numpy(dtype=np.float64)
        if name in ("center", "standardize"):
            if key not in self._state:
                self._state[key] = (float(number.mean()), float(number.std()))
            mean, sd = self._state[key]
            out = (values - mean) / (sd if name == "standardize" else 1.0)
            return pd.Series(out, index=number.index)
        options = _options(node, ("degree",) if name == "poly" else ("df",))
        there = np.isfinite(values)
        try:
            if key not in self._state:
                self._state[key] = _learn(name, values[there], options)
            part = _apply(name, self._state[key], values[there])
        except ValueError as error:
            raise DesignError(f"{short(key)!r}: {error}") from None
        except NotImplementedError:  # patsy's word for values where a B-spline has ended
            raise DesignError(
                f"{short(key)!r}: values outside of those fitted, where a B-spline ends"
            ) from None
        out = np.full((len(values), part.shape[1]), np.nan)
        out[there] = part
        return out[:, 0] if out.shape[1] == 1 else out


def _has_names(column: pd.Series) -> bool:
    """Whether a column holds names of levels: a categorical, or texts."""
    return isinstance(column.dtype, pd.CategoricalDtype) or bool(
        pd.api.types.is_string_dtype(column.dtype)
    )


def _options(node: ast.Call, order: tuple[str, ...]) -> dict[str, Any]:
    """Literal arguments of a spline or polynomial, all of them checked before."""
    names = {"bs": ("df", "degree", "knots", "include_intercept")}
    function = node.func.id if isinstance(node.func, ast.Name) else ""
    known = names.get(function, (*order, "knots"))
    given = dict(zip(known, node.args[1:], strict=False))
    given.update({str(keyword.arg): keyword.value for keyword in node.keywords})
    return {key: ast.literal_eval(value) for key, value in given.items()}


def _learn(name: str, values: Floats, options: dict[str, Any]) -> Any:
    if name == "poly":
        return _learn_poly(values, int(options.get("degree", 1)))
    return Spline(name, values, options)


def _apply(name: str, state: Any, values: Floats) -> Floats:
    return _apply_poly(state, values) if name == "poly" else np.asarray(state.of(values))


def _learn_poly(values: Floats, degree: int) -> tuple[Floats, Floats]:
    """Recurrence of the polynomials that are orthogonal on these values."""
    if len(np.unique(values)) <= degree:
        raise ValueError(f"poly() of degree {degree} needs more different values")
    alpha, norm = np.zeros(degree), np.ones(degree + 2)
    previous, current = np.zeros_like(values), np.ones_like(values)
    norm[1] = len(values)
    for k in range(degree):
        alpha[k] = (values * current**2).sum() / norm[k + 1]
        following = (values - alpha[k]) * current - (norm[k + 1] / norm[k]) * previous * (k > 0)
        previous, current = current, following
        norm[k + 2] = (current**2).sum()
    return alpha, norm


def _apply_poly(state: tuple[Floats, Floats], values: Floats) -> Floats:
    alpha, norm = state
    previous, current = np.zeros_like(values), np.ones_like(values)
    columns = []
    for k in range(len(alpha)):
        following = (values - alpha[k]) * current - (norm[k + 1] / norm[k]) * previous * (k > 0)
        previous, current = current, following
        columns.append(current / np.sqrt(norm[k + 2]))
    return np.column_stack(columns)

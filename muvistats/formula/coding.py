"""Columns of terms and splines: the only file that knows patsy.

patsy chooses the columns of a term (which contrasts, full or reduced) and learns splines; it is
handed finished columns and never sees a text to evaluate. Its own objects cannot be pickled, so
that what is kept here builds them again where it is needed.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import patsy
from scipy import linalg

from ..errors import DesignError
from ..types import Floats, level_text
from .allowlist import CONTRASTS
from .levels import named
from .terms import Term

#: A numeric column (n,), several (n, k), or a categorical.
Column = Floats | pd.Categorical


#: Name of the column of ones.
_CONSTANT = "Intercept"


class Coding:
    """How terms become columns.

    Parameters
    ----------
    terms : sequence of tuple of str
        The terms, each a tuple of factors.
    values : dict of str to Column
        Values of the factors, whose levels and widths are kept.
    even : bool
        Orthonormal contrasts, which treat all levels alike, instead of the formula's own.
    """

    def __init__(
        self, terms: Sequence[Term], values: Mapping[str, Column], *, even: bool = False
    ) -> None:
        self._terms = tuple(terms)
        if {(), (_CONSTANT,)} <= set(self._terms):
            raise DesignError(
                f"the column {_CONSTANT!r} has the name of the constant of the model: rename it"
            )
        codes = dict.fromkeys(code for term in self._terms for code in term)
        self._samples = {code: _sample(values[code]) for code in codes}
        self._even = even
        self.names = [str(name) for name in self._info.column_names]
        self.slices = {str(name): part for name, part in self._info.term_name_slices.items()}

    @functools.cached_property
    def _info(self) -> Any:
        factors = {code: _Factor(code, even=self._even) for code in self._samples}
        wanted = [patsy.Term([factors[code] for code in term]) for term in self._terms]
        environment = patsy.EvalEnvironment([{}])
        samples = self._samples
        try:
            info = patsy.design_matrix_builders([wanted], lambda: iter([samples]), environment)[0]
        except patsy.PatsyError as error:
            raise DesignError(str(error).splitlines()[0]) from None
        # The contrasts are in `info` now; patsy reads a bare categorical without a loop over rows.
        for factor in factors.values():
            factor.learned = True
        return info

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_info"}

    def matrix(self, values: Mapping[str, Column], n: int) -> Floats:
        """The columns for n rows of factor values."""
        if not self._samples:
            return np.ones((n, len(self.names)))
        matrix = patsy.build_design_matrices([self._info], values, NA_action="raise")[0]
        return np.array(matrix, dtype=np.float64)


def _sample(value: Column) -> Column:
    """Every level once, or one row of zeros: all that the coding depends on."""
    if isinstance(value, pd.Categorical):
        return pd.Categorical.from_codes(np.arange(len(value.categories)), dtype=value.dtype)
    return np.zeros((1, *value.shape[1:]))


def contrast_of(code: str) -> tuple[str, Any]:
    """Contrast that a factor asks for by ``C(x, Sum)``, and its reference level.

    Parameters
    ----------
    code : str
        A checked expression.

    Returns
    -------
    contrast : str
        One of Treatment, Sum, Helmert, Poly.
    reference : object
        Reference level, or None.
    """
    node = ast.parse(code, mode="eval").body
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return "Treatment", None
    if node.func.id != "C" or len(node.args) != 2:
        return "Treatment", None
    asked = node.args[1]
    if isinstance(asked, ast.Name):
        return asked.id, None
    given = [*asked.args, *(keyword.value for keyword in asked.keywords)]  # type: ignore[attr-defined]
    return CONTRASTS[0], level_text(ast.literal_eval(given[0]))


class _Factor:
    """A patsy factor whose values were computed before."""

    origin = None

    def __init__(self, code: str, *, even: bool) -> None:
        self._code = code
        self._even = even
        self.learned = False

    def name(self) -> str:
        return self._code

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Factor) and self._code == other._code

    def __hash__(self) -> int:
        return hash(self._code)

    def memorize_passes_needed(self, state: Any, eval_env: Any) -> int:  # noqa: ARG002
        return 0

    def eval(self, state: Any, data: Mapping[str, Column]) -> Any:  # noqa: ARG002
        value = data[self._code]
        if self.learned or not isinstance(value, pd.Categorical):
            return value
        if self._even:
            return patsy.categorical.C(value, contrast=_Even)
        name, reference = contrast_of(self._code)
        contrast: Any = getattr(patsy, name)
        if reference is not None:
            levels = list(value.categories)
            level = named(levels, reference)
            if level is None:
                raise DesignError(f"{self._code} has no level {reference!r}")
            contrast = patsy.Treatment(levels.index(level))
        return patsy.categorical.C(value, contrast=contrast)


class _Even:
    """Orthonormal contrasts of a factor: another order of its levels turns them, and no more."""

    def code_with_intercept(self, levels: Sequence[str]) -> Any:
        return patsy.ContrastMatrix(np.eye(len(levels)), [f"[{level}]" for level in levels])

    def code_without_intercept(self, levels: Sequence[str]) -> Any:
        columns = linalg.helmert(len(levels)).T
        return patsy.ContrastMatrix(columns, [f"[E.{level}]" for level in levels[1:]])


class Spline:
    """A spline basis: bs, cr or cc, with the knots of the first values.

    Parameters
    ----------
    name : {"bs", "cr", "cc"}
        Kind of spline.
    values : ndarray of float, shape (n,)
        The first values.
    options : dict
        Arguments of the basis.
    """

    def __init__(self, name: str, values: Floats, options: Mapping[str, Any]) -> None:
        self._name = name
        # centred, natural and cyclic splines lose no column beside an intercept
        centred = {} if name == "bs" else {"constraints": "center"}
        self._options = {**options, **centred}
        self._basis = _basis(name)
        self._basis.memorize_chunk(values, **self._options)
        self._basis.memorize_finish()

    def of(self, values: Floats) -> Floats:
        """The basis at values, shape (n, k)."""
        basis = self._basis.transform(values, **self._options)
        return np.asarray(basis, dtype=np.float64).reshape(len(values), -1)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_basis": vars(self._basis)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._basis = _basis(self._name)
        vars(self._basis).update(state["_basis"])


def _basis(name: str) -> Any:
    kinds = {"bs": patsy.builtins.bs, "cr": patsy.builtins.cr, "cc": patsy.builtins.cc}
    return kinds[name].__patsy_stateful_transform__()

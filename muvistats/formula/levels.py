"""Levels of a column: their names, their order, and which rows equal a literal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..errors import DesignError
from ..types import level_text
from .allowlist import short

_TRUTHS = pd.Index(["False", "True"], dtype="str")


def plain(column: pd.Series) -> pd.Series:
    """A column of objects as what its values are, where all are numbers, or all true or false."""
    if column.dtype != object:
        return column
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind == "boolean":
        return column.astype("boolean")
    if kind in ("integer", "floating", "mixed-integer-float", "decimal"):
        return pd.to_numeric(column)
    return column


def is_number(column: pd.Series) -> bool:
    """Whether a column holds numbers, and not truth values."""
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    return numeric and not pd.api.types.is_bool_dtype(column.dtype)


def as_levels(column: pd.Series, name: str = "") -> pd.Categorical:
    """Levels of a column as text.

    Parameters
    ----------
    column : Series
        Of any type.
    name : str
        How the formula calls it, for errors.

    Returns
    -------
    Categorical
        Levels of a categorical stand in its own order, all others sorted by value, False before
        True. The empty text is missing, as it is in storage.

    Raises
    ------
    DesignError
        When two levels have one name, such as the number 1 and the text 1.
    """
    column = plain(column)
    if pd.api.types.is_bool_dtype(column.dtype):
        codes = column.astype("Int8").fillna(-1).to_numpy(dtype=np.int8)
        return pd.Categorical.from_codes(codes, _TRUTHS)
    if not isinstance(column.dtype, pd.CategoricalDtype):
        column = _sorted_category(column)
    names = pd.Index([level_text(level) for level in column.cat.categories], dtype="str")
    if not names.is_unique:
        twice = names[names.duplicated()][0]
        name = name or "a column"
        raise DesignError(f"{short(name)!r} has two levels written {twice!r}")
    ordered = bool(column.cat.ordered)
    levels = pd.Categorical.from_codes(column.cat.codes.to_numpy(), names, ordered=ordered)
    return levels.remove_categories("") if "" in names else levels


def _sorted_category(column: pd.Series) -> pd.Series:
    """A column as a categorical, sorted; values of several types by their names."""
    kind = _narrow(column)
    if kind == np.float16:  # of which pandas makes no index
        column = column.astype("float32")
    try:
        column = column.astype("category")
    except TypeError:
        return column.astype("str").astype("category")
    if kind is not None:  # as few digits as tell the levels apart
        column = column.cat.rename_categories(lambda level: float(str(kind.type(level))))
    return column


def _narrow(column: pd.Series) -> np.dtype[Any] | None:
    """Type of numbers with less than double precision; None of all others."""
    kind = getattr(column.dtype, "numpy_dtype", column.dtype)
    return np.dtype(kind) if kind in (np.float16, np.float32) else None


def named(levels: Sequence[str], text: str) -> str | None:
    """The level that a text names, its letters composed or apart; None where there is none."""
    if text in levels:
        return text
    composed = unicodedata.normalize("NFC", text)
    found = [level for level in levels if unicodedata.normalize("NFC", level) == composed]
    return found[0] if len(found) == 1 else None


def equals(column: pd.Series, literal: Any, name: str) -> pd.Series:
    """Rows that hold exactly this literal; missing where the column is.

    Parameters
    ----------
    column : Series
        Of any type.
    literal : str, bool, int or float
        As the formula writes it.
    name : str
        How the formula calls the column, for errors.

    Raises
    ------
    DesignError
        When a text meets numbers, a number meets texts, or no row has this level.
    """
    column = plain(column)
    inner = column.cat.categories.to_series() if _is_category(column) else column
    numbers = pd.api.types.is_numeric_dtype(inner.dtype)  # truth values among them
    if isinstance(literal, str) == numbers:
        raise DesignError(
            f"{short(f'{name} == {literal!r}')!r} compares a text with a number: "
            f"{short(name)} holds {'numbers' if numbers else 'texts'}"
        )
    if numbers:
        if _is_category(column):
            hits = column.cat.categories == literal
            result = pd.Series(hits[column.cat.codes.to_numpy()], index=column.index)
        else:
            result = column == of_type(literal, column)
        missing = column.isna().to_numpy()
    else:
        levels = as_levels(column, name)
        known = list(levels.categories)
        level = named(known, literal)
        if level is None:
            shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
            raise DesignError(f"{short(name)} has no level {short(literal)!r}; it has {shown}")
        result = pd.Series(levels == level, index=column.index)
        missing = levels.isna()  # the empty text among them
    return result.astype("boolean").mask(missing)


def of_type(literal: Any, column: pd.Series) -> Any:
    """A number with as few digits as the column has: 0.1 is the 0.1 of a float32 column."""
    kind = _narrow(column)
    return literal if kind is None or isinstance(literal, str) else kind.type(literal)


def _is_category(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)


def place_of(column: pd.Series, literal: Any, name: str) -> tuple[pd.Series, Any] | None:
    """An ordered categorical or a date, and a literal, as numbers that can be compared.

    None where the column has no order but that of numbers.
    """
    if _is_category(column) and column.cat.ordered:
        names = [level_text(level) for level in column.cat.categories]
        written = level_text(literal)
        level = named(names, written)
        if level is None:
            raise DesignError(
                f"{short(name)} has no level {short(written)!r}; it has {', '.join(names[:8])}"
            )
        codes = column.cat.codes.astype("Int64").mask(column.isna())
        return codes, names.index(level)
    if pd.api.types.is_datetime64_any_dtype(column.dtype) and isinstance(literal, str):
        try:
            return column, pd.Timestamp(literal, tz=column.dt.tz)
        except ValueError:
            raise DesignError(f"{short(literal)!r} is not a date") from None
    return None

"""Result frames: fixed columns, scalar types, provenance, and the Returns table of a docstring."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any, ParamSpec

import numpy as np
import pandas as pd
import xarray as xr

from ..files import write_whole
from .docstrings import with_parameters
from .glossary import GLOSSARY, Kind
from .shown import ResultFrame

P = ParamSpec("P")
Rows = pd.DataFrame | Mapping[str, Any] | Iterable[Mapping[str, Any]]

#: Columns of the frame that each public function returns, by function name.
RESULT_COLUMNS: dict[str, tuple[str, ...]] = {}

_DTYPES: dict[str, Any] = {
    "text": "str",
    "number": "float64",
    "integer": "int64",
    "truth": "bool",
    "boolean": "bool",  # objects, NaN among them, where some are not known
}
#: How a cell begins that a spreadsheet takes for a formula, with or without apostrophes before it.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")

#: What a list of numbers holds where nothing has to be interpreted.
_NUMBERS = {float, int, np.float64, np.int64}

#: Columns that hold what a formula names.
_FROM_FORMULAS = ("dimension", "factor", "variable")

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

_PROVENANCE = ("alignment", "simulated")


def provenance(data: object) -> dict[str, Any]:
    """Alignment of the labels and whether the data is simulated, of a tree or a frame.

    What a frame does not say is None: it may be recorded or simulated.
    """
    if isinstance(data, (xr.DataTree, xr.Dataset)):
        simulated = data.attrs.get("simulated")
        return {
            "alignment": data.attrs.get("label_alignment"),
            "simulated": None if simulated is None else bool(simulated),
        }
    known: dict[str, Any] = {"alignment": None, "simulated": None}
    if isinstance(data, pd.DataFrame) and len(data):
        if "alignment" in data and pd.notna(data["alignment"].iloc[0]):
            known["alignment"] = str(data["alignment"].iloc[0])
        if "simulated" in data:
            known["simulated"] = _any_simulated(data["simulated"])
    return known


def _any_simulated(marks: pd.Series) -> bool | None:
    """Whether a row is simulated; None where none is known to be and some do not say."""
    if bool((marks == True).fillna(False).any()):  # noqa: E712
        return True
    return False if bool((marks == False).fillna(False).all()) else None  # noqa: E712


def join_reasons(*reasons: str) -> str:
    """Reasons that are not empty, in one line."""
    return "; ".join(reason for reason in reasons if reason)


def plain_name(code: str) -> str:
    """Name of the column that a formula quotes, as in ``Q('my clip')``; other texts as they are."""
    if not (code.startswith("Q(") and code.endswith(")")):
        return code
    try:
        node = ast.parse(code, mode="eval").body
    except (SyntaxError, ValueError):
        return code
    inside = node.args if isinstance(node, ast.Call) else []
    quoted = inside[0].value if len(inside) == 1 and isinstance(inside[0], ast.Constant) else code
    return quoted if isinstance(quoted, str) else code


def _with_plain_names(column: pd.Series) -> pd.Series:
    """Texts of which each that quotes a column is its name."""
    names = {code: plain_name(code) for code in column.dropna().unique() if code.startswith("Q(")}
    return column.replace(names) if names else column


def build_frame(rows: Rows, columns: tuple[str, ...]) -> pd.DataFrame:
    """Make a result frame with exactly these columns, in this order, with the glossary's types.

    Parameters
    ----------
    rows : DataFrame, mapping, or iterable of mapping
        The rows; a mapping holds columns, each an array, which becomes part of the frame, or one
        value for every row; text that has the frame's type already must not be empty. A missing
        text or number column is filled with missing values; a missing integer or truth column
        is an error, because it has no missing value.
    columns : tuple of str
        Columns of the frame, each in the glossary.

    Returns
    -------
    DataFrame
        The frame, with a fresh row index.
    """
    given = _by_column(rows)
    unknown = set(given) - set(columns)
    if unknown:
        raise TypeError(f"columns not declared for this frame: {sorted(unknown)}")
    n = max((len(values) for values in given.values() if np.ndim(values)), default=0)
    if isinstance(rows, pd.DataFrame):
        n = len(rows)
    own = isinstance(rows, Mapping)  # arrays that nobody else holds
    index = pd.RangeIndex(n)
    alike: dict[tuple[Kind, Any], pd.Series] = {}
    out: dict[str, Any] = {}
    for name in columns:
        values: Any = given.get(name)
        kind = GLOSSARY[name].kind
        if own and _is_text(values):
            out[name] = values
        elif own and kind != "text" and np.ndim(values) == 0:
            key = (kind, None if pd.isna(values) else values)
            if key not in alike:
                alike[key] = pd.Series(_typed(name, values, n), index=index, copy=False)
            out[name] = alike[key]  # pandas copies it when one of the columns is written to
        else:
            out[name] = _typed(name, values, n)
        if name in _FROM_FORMULAS:
            out[name] = _with_plain_names(pd.Series(out[name], index=index, copy=False))
    frame = ResultFrame(out, index=index, copy=not own)
    object.__setattr__(frame, "_declared", columns)
    return frame


def csv_text(frame: pd.DataFrame, *, defuse: bool = True) -> str:
    """A frame as CSV, every digit kept.

    Parameters
    ----------
    frame : DataFrame
        The frame.
    defuse : bool
        Whether a text that a spreadsheet would run as a formula gets an apostrophe before it, so
        that it is shown as it is. Numbers, also those that are texts, stay.
    """
    shown = _each_text(frame, _defused) if defuse else frame
    text: str = shown.to_csv(index=False, lineterminator="\n")
    return text


def _each_text(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """Frame with its texts, and the names of its columns, changed."""
    out = frame.copy(deep=False)
    for place, kind in enumerate(frame.dtypes):
        if pd.api.types.is_numeric_dtype(kind):
            continue
        values = frame.iloc[:, place]
        texts = {text for text in values.unique() if isinstance(text, str)}
        changed = {text: new for text in texts if (new := change(text)) != text}
        if changed:
            cells = [changed.get(v, v) if isinstance(v, str) else v for v in values.tolist()]
            out.isetitem(place, pd.Series(cells, index=frame.index, dtype=kind))
    return out.set_axis([change(str(name)) for name in frame.columns], axis="columns")


def _defused(text: str) -> str:
    """A text that begins as a formula does, behind an apostrophe; numbers as they are."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _as_it_was(text: str) -> str:
    """What `_defused` made a text of."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a result frame as CSV, as `csv_text` makes it: whole or not at all."""
    write_whole(path, lambda stream: stream.write(csv_text(frame).encode()))


def read_frame(source: Path | IO[str]) -> pd.DataFrame:
    """Read back what `write_frame` wrote, with the types of the glossary.

    Parameters
    ----------
    source : Path or text stream
        CSV of a result frame, as of `csv_text`; what was defused there comes back as it was.

    Returns
    -------
    DataFrame
        The frame, equal to the one that was written.
    """
    table = pd.read_csv(source, dtype="str", keep_default_na=False, na_values=[""])
    texts = _each_text(table, _as_it_was)
    values = {str(name): texts[name] for name in texts}
    truths = {
        name: (texts[name] == "True").astype("boolean").mask(texts[name].isna())
        for name in values
        if GLOSSARY[name].kind in ("truth", "boolean")
    }
    return build_frame(pd.DataFrame(values | truths), tuple(values))


def _is_text(values: Any) -> bool:
    """Whether this is an array with the type of text columns, whatever holds its letters."""
    extended = isinstance(values, pd.api.extensions.ExtensionArray)
    return extended and bool(values.dtype == _DTYPES["text"])


def _by_column(rows: Rows) -> Mapping[str, Any]:
    if isinstance(rows, Mapping):
        return rows
    if isinstance(rows, pd.DataFrame):
        return {str(name): rows[name].array for name in rows}
    records = list(rows)
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name, np.nan) for record in records] for name in names}


def _typed(name: str, values: Any, n: int) -> Any:
    """Values of a column with the glossary's type; an empty text is missing."""
    kind = GLOSSARY[name].kind
    if values is None:
        if kind in ("integer", "truth") and n:
            raise TypeError(f"column {name} has no value and its type no missing value")
        values = np.nan
    if kind == "text":
        return _text(values, n)
    if np.ndim(values) == 0:
        values = np.full(n, values)
    if kind == "boolean":
        return _truths(values)
    if isinstance(values, np.ndarray) and values.dtype == _DTYPES[kind]:
        return values
    if isinstance(values, list) and kind == "number" and set(map(type, values)) <= _NUMBERS:
        return np.array(values, dtype=np.float64)
    return pd.Series(values, copy=False).astype(_DTYPES[kind]).array


def _truths(values: Any) -> Any:
    """True and false as they are; as objects with NaN among them where some are not known."""
    truths = pd.Series(values, copy=False, dtype="object").astype("boolean")
    if not truths.hasnans:
        return truths.to_numpy(dtype=bool)
    return truths.to_numpy(dtype=object, na_value=np.nan)


def _text(values: Any, n: int) -> Any:
    """Text column; one value for every row is made once and repeated."""
    if np.ndim(values) == 0:
        return _text([values], 1).take(np.zeros(n, dtype=np.intp))
    if isinstance(values, list) and all(map(_is_text_or_nothing, values)):
        return pd.array([v if type(v) is str and v else None for v in values], dtype="str")
    texts: Any = pd.Series(values, copy=False).astype(_DTYPES["text"]).array
    empty = np.asarray(texts == "", dtype=bool)
    if empty.any():
        texts = texts.copy()
        texts[empty] = np.nan
    return texts


def _is_text_or_nothing(value: object) -> bool:
    return value is None or type(value) is str or (isinstance(value, float) and value != value)


def result_frame(
    row: str, *columns: str
) -> Callable[[Callable[P, Rows]], Callable[P, pd.DataFrame]]:
    """Declare the columns of the frame that a public function returns.

    The decorated function returns rows; callers get a checked frame. Columns `alignment` and
    `simulated` are filled from the function's first argument, and the Returns section of its
    docstring is written from the glossary.

    Parameters
    ----------
    row : str
        What a row stands for, for example ``"dimension"``.
    *columns : str
        Column names, each in the glossary; several in one text with blanks between them.
    """
    columns = tuple(" ".join(columns).split())
    columns = (*columns, *(name for name in _PROVENANCE if name not in columns), "warning")
    unknown = [name for name in columns if name not in GLOSSARY]
    if unknown:
        raise TypeError(f"not in the glossary: {unknown}")

    def decorate(function: Callable[P, Rows]) -> Callable[P, pd.DataFrame]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
            rows = function(*args, **kwargs)
            data = args[0] if args else next(iter(kwargs.values()), None)
            known = provenance(data)
            if isinstance(rows, pd.DataFrame):
                new = {name: value for name, value in known.items() if name not in rows}
                return build_frame(rows.assign(**new), columns)
            if isinstance(rows, Mapping):
                return build_frame({**known, **rows}, columns)
            return build_frame([{**known, **row} for row in rows], columns)

        wrapper.__annotations__ = {**function.__annotations__, "return": pd.DataFrame}
        signature = inspect.signature(function).replace(return_annotation="pd.DataFrame")
        wrapper.__signature__ = signature  # type: ignore[attr-defined]
        wrapper.__doc__ = _with_returns(with_parameters(function), row, columns)
        RESULT_COLUMNS[function.__name__] = columns
        return wrapper

    return decorate


def _with_returns(doc: str, row: str, columns: tuple[str, ...]) -> str:
    """Docstring with a Returns section, put before Raises or whatever comes next."""
    lines = [
        "Returns",
        "-------",
        "DataFrame",
        f"    One row per {row}. Columns:",
        "",
        *(
            f"    - ``{name}`` ({_DTYPES[GLOSSARY[name].kind]}): {GLOSSARY[name].description}"
            for name in columns
        ),
        "",
    ]
    text = inspect.cleandoc(doc)
    section = re.search(r"^(Raises|See Also|Notes|References|Examples)\n-+$", text, re.MULTILINE)
    head, tail = (text[: section.start()], text[section.start() :]) if section else (text, "")
    return f"{head.rstrip()}\n\n" + "\n".join(lines) + f"\n{tail}\n"

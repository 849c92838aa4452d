"""Answers as people gave them, in columns of a table: choices, words, yes and no."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...arguments import check_text
from ...errors import DataError
from .. import schema
from ..build import Log, natural_order
from ..frames import check_cells, check_frame, flag_column, keys_text, number_column, refuse

LABEL_COLUMNS = ("label", "label_name", "category", "superfactor")

#: Words for familiar and unfamiliar, lower case.
_YES_NO = {
    **dict.fromkeys(("yes", "y", "true", "familiar", "known", "ja", "oui", "si"), 1),
    **dict.fromkeys(("no", "n", "false", "unfamiliar", "unknown", "nein", "non"), 0),
}


@dataclass(frozen=True)
class Labels:
    """Labels of the annotations.

    Parameters
    ----------
    codes : ndarray of int8, shape (annotation, label), or None
        1 chosen, 0 not chosen, -1 missing.
    table : DataFrame or None
        One row per label.
    columns : tuple of str
        Columns of the annotations that hold them.
    question : str
        Column of which each person chose one label; empty where labels were ticked.
    """

    codes: npt.NDArray[np.int8] | None = None
    table: pd.DataFrame | None = None
    columns: tuple[str, ...] = ()
    question: str = ""


#: What pandas calls objects that are numbers.
_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")


def read_labels(
    tables: Mapping[str, pd.DataFrame], labels: str | Sequence[str] | pd.DataFrame | None
) -> Labels:
    """Ticks in a column per label, or the answers in one column of text."""
    if labels is None:
        return Labels()
    if "annotations" not in tables:
        raise DataError("labels need a table of annotations", file="annotations")
    frame = tables["annotations"]
    if not isinstance(labels, pd.DataFrame):
        names = [labels] if isinstance(labels, str) else labels
        if not isinstance(names, Iterable):
            raise DataError("not a sequence of names", file="labels", found=labels)
        names = list(names)
        for name in names:
            check_text("a label", name)
            if name in schema.ALL_KEYS:
                expected = "columns of labels, or the column of the answers"
                raise DataError("a key is no label", file="labels", found=name, expected=expected)
        if len(names) == 1 and _holds_answers(frame, names[0]):
            return _one_of(frame, names[0])
        labels = pd.DataFrame({"label": names, "label_name": names}, dtype="str")
    check_frame(labels, "labels", ["label"])
    unknown = [str(c) for c in labels.columns if c not in LABEL_COLUMNS]
    if unknown:
        expected = ", ".join(LABEL_COLUMNS)
        raise DataError("unknown column", file="labels", column=unknown[0], expected=expected)
    names = keys_text(labels, "labels", "label").tolist()
    check_frame(frame, "annotations", names)
    codes = [flag_column(frame, "annotations", n, (), problem="label is not 0 or 1") for n in names]
    return Labels(np.stack(codes, axis=1), labels, tuple(names))


def _holds_answers(frame: pd.DataFrame, name: str) -> bool:
    """Whether a column holds words, one for each rating, and not ticks."""
    if name not in frame:
        return False
    column = frame[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        return not pd.api.types.is_numeric_dtype(column.cat.categories.dtype)
    if not isinstance(column.dtype, pd.StringDtype) and column.dtype != object:
        return False
    known = column.dropna()
    return bool(len(known) and known.map(lambda cell: isinstance(cell, str)).all())


def _one_of(frame: pd.DataFrame, name: str) -> Labels:
    """Each answer as a label; a missing answer is missing for every label."""
    check_cells(frame, "annotations", name)
    column = frame[name]
    texts = column.astype("object").where(column.notna(), "").astype("str").str.strip()
    if isinstance(column.dtype, pd.CategoricalDtype):
        answers = [str(level).strip() for level in column.cat.categories]
    else:
        answers = natural_order([text for text in texts if text])
    if len(answers) < 2:
        raise DataError(
            "a choice needs two answers", file="annotations", column=name, found=", ".join(answers)
        )
    places = pd.Index(answers).get_indexer(pd.Index(texts))
    codes = (places[:, None] == np.arange(len(answers))).astype(np.int8)
    codes[places < 0] = -1
    table = pd.DataFrame({"label": answers, "label_name": answers}, dtype="str")
    return Labels(codes, table, (name,), name)


@dataclass
class Ordinals:
    """Dimensions whose ratings are words in an order: numbered from 1.

    Parameters
    ----------
    levels : mapping of str to sequence of str
        Words of each such dimension, lowest first.
    """

    levels: dict[str, list[str]] = field(default_factory=dict)

    @property
    def scales(self) -> dict[str, tuple[float, float]]:
        """Scale of each, from 1 to the number of its words."""
        return {name: (1.0, float(len(words))) for name, words in self.levels.items()}


def read_ordinals(
    tables: Mapping[str, pd.DataFrame], rated: Sequence[str]
) -> tuple[dict[str, pd.DataFrame], Ordinals]:
    """Tables in which ratings of ordered categories are numbers, and what their words were."""
    out, found = dict(tables), Ordinals()
    for place in ("annotations", "dynamics"):
        for name in rated:
            if place not in out or name not in out[place]:
                continue
            column = out[place][name]
            if not isinstance(column.dtype, pd.CategoricalDtype) or not column.cat.ordered:
                continue
            if pd.api.types.is_numeric_dtype(column.cat.categories.dtype):
                continue
            words = [str(level) for level in column.cat.categories]
            if len(words) < 2:
                raise DataError(
                    "an ordinal scale needs two levels", file=place, column=name, found=words
                )
            codes = column.cat.codes.to_numpy()
            out[place] = out[place].assign(**{name: np.where(codes < 0, np.nan, codes + 1.0)})
            found.levels[name] = words
    return out, found


def read_familiar(frame: pd.DataFrame, name: str, least: float | None, log: Log) -> pd.DataFrame:
    """Table whose `familiar` is 0, 1 or missing: yes or no, or a scale and a threshold."""
    if "familiar" not in frame:
        if least is not None:
            raise DataError("no column to apply familiar_from to", file=name, column="familiar")
        return frame
    column = frame["familiar"]
    words = column.map(
        lambda cell: _YES_NO.get(cell.strip().lower()) if isinstance(cell, str) else None
    )
    if least is None:
        values: Any = column.astype("object").where(words.isna(), words)
        numbers = pd.to_numeric(values, errors="coerce")
        if (numbers > 1).any():
            refuse(
                frame,
                name,
                "familiar",
                np.flatnonzero(numbers > 1),
                "familiarity on a scale needs the lowest value that counts as familiar: "
                "familiar_from=...",
                expected="0 or 1, yes or no, or a scale and familiar_from",
            )
        return frame.assign(familiar=values)
    numbers = pd.Series(number_column(frame, name, "familiar"), index=frame.index)
    lowest, highest = numbers.min(), numbers.max()
    done = f"familiarity from {least:g} on, of {lowest:g} to {highest:g}, counts as familiar"
    log.add(name, done, int((numbers >= least).sum()))
    return frame.assign(familiar=(numbers >= least).astype("float64").where(numbers.notna()))


def typed(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Columns that the schema knows, in its types."""
    known = schema.variables(f"/{name}")
    if name == "annotations":  # traits may stand beside the ratings
        traits = schema.variables("/participants")
        texts = {key: trait for key, trait in traits.items() if trait.kind == "text"}
        known = {**texts, **known}
    new: dict[str, Any] = {}
    for column in frame.columns:
        check_cells(frame, name, column)
        variable = known.get(column)
        if variable is None or column in schema.ALL_KEYS:
            continue
        if variable.kind == "flag":
            new[column] = flag_column(frame, name, column, variable.flags)
        elif variable.kind == "truth":
            new[column] = flag_column(frame, name, column, ("False", "True"), missing=False) == 1
        elif variable.kind == "number":
            new[column] = number_column(frame, name, column)
        elif variable.kind == "integer":
            numbers = number_column(frame, name, column, missing=False)
            wrong = np.flatnonzero(numbers % 1)
            if len(wrong):
                refuse(frame, name, column, wrong, "not a whole number")
            new[column] = numbers.astype(np.int64)
        elif pd.api.types.is_numeric_dtype(frame[column].dtype):
            new[column] = _codes_as_text(frame[column])
    own = [name for name in frame.columns if name not in known and name not in schema.ALL_KEYS]
    plain = [name for name in own if _holds_numbers(frame[name])]
    return frame.assign(
        **new, **{name: pd.to_numeric(frame[name].astype("object")) for name in plain}
    )


def _holds_numbers(column: pd.Series) -> bool:
    """Whether the cells are Python's numbers, or decimals: such a column is one of numbers."""
    if column.dtype != object and not str(column.dtype).startswith("decimal"):
        return False
    return pd.api.types.infer_dtype(column.astype("object"), skipna=True) in _NUMBERS


def _codes_as_text(column: pd.Series) -> pd.Series:
    """Codes such as 1 and 2 as text, whole numbers without a decimal point."""
    known = column.dropna()
    whole = bool((known.astype("float64") % 1 == 0).all())
    texts = known.astype("int64").astype("str") if whole else known.astype("str")
    return texts.reindex(column.index)

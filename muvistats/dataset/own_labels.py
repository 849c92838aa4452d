"""A frame of the user's own says which of its columns are labels, or hold the answers."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from ..errors import DataError
from . import schema
from .gate import takes_study
from .importing.answers import read_labels
from .names import check_not_ours

P = ParamSpec("P")
R = TypeVar("R")


def takes_labels(function: Callable[P, R]) -> Callable[P, R]:
    """Pass a study or frame through the gate; of a frame, `labels` names what was chosen.

    A function that has an argument `labels` of its own gets it for a study.
    """
    gated = takes_study(function)
    signature = inspect.signature(function)
    given = inspect.signature(gated)
    own = "labels" in signature.parameters
    first = next(iter(signature.parameters))

    @functools.wraps(gated)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        labels = kwargs.pop("labels", None)
        if labels is None:
            return gated(*args, **kwargs)
        data: Any = args[0] if args else kwargs.pop(first, None)
        if isinstance(data, pd.DataFrame):
            data = with_labels(data, labels)  # type: ignore[arg-type]
        elif own:
            kwargs["labels"] = labels
        else:
            raise DataError("a study knows its labels; labels= is for frames")
        return gated(data, *args[1:], **kwargs)  # type: ignore[arg-type]

    if not own:
        kind = inspect.Parameter.KEYWORD_ONLY
        added = inspect.Parameter(
            "labels", kind, default=None, annotation="str | Sequence[str] | None"
        )
        wrapper.__signature__ = given.replace(  # type: ignore[attr-defined]
            parameters=[*given.parameters.values(), added]
        )
    return wrapper


def with_labels(frame: pd.DataFrame, labels: str | Sequence[str]) -> pd.DataFrame:
    """A frame that says which columns are labels: 0 or 1, NaN where missing.

    Parameters
    ----------
    frame : DataFrame
        One row per annotation.
    labels : str or sequence of str
        Columns of 0 and 1, or the one column of answers, of which each becomes a label.

    Returns
    -------
    DataFrame
        The frame, its labels as numbers and the answers as a category.

    Raises
    ------
    DataError
        When there is no such column, a value is neither 0 nor 1, or an answer has the name of
        another column.
    """
    if isinstance(labels, pd.DataFrame):
        raise DataError("not a sequence of names", file="labels", found="DataFrame")
    found = read_labels({"annotations": frame}, labels)
    if found.codes is None or found.table is None:
        raise DataError("no labels are named", file="labels", found=labels)
    names = found.table["label"].tolist()
    taken = set(map(str, frame.columns)) - set(found.columns)
    check_not_ours(names, "labels", taken | set(schema.ALL_KEYS))
    codes = found.codes
    chosen = np.where(codes < 0, np.nan, codes.astype(float))
    out = frame.assign(**dict(zip(names, chosen.T, strict=True)))
    if found.question:
        places = np.where((codes < 0).any(axis=1), -1, codes.argmax(axis=1))
        chosen_names = [names[place] if place >= 0 else None for place in places]
        out[found.question] = pd.Categorical(chosen_names, names)
    out.attrs = frame.attrs | {"labels": names, "question": found.question}
    return out

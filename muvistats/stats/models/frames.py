"""Frames that a fitted model makes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import pandas as pd

from ...errors import DataError
from ...results.frame import Rows, _with_returns, build_frame

P = ParamSpec("P")


class Fitted(Protocol):
    """What the frames of a model are made from."""

    @property
    def provenance(self) -> dict[str, Any]:
        """Alignment of the labels and whether the data is simulated."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """What to read with care."""


F = TypeVar("F", bound=Fitted)


def as_rows(data: object) -> pd.DataFrame:
    """New rows of a prediction: a frame, or one row of a frame."""
    if isinstance(data, pd.Series):
        return data.to_frame().T.infer_objects()
    if isinstance(data, pd.DataFrame):
        return data
    raise DataError(
        "predict() takes rows with the columns of the formula",
        found=type(data).__name__,
        expected="a DataFrame, or one row of it",
    )


def fit_frame(
    row: str, *columns: str
) -> Callable[[Callable[Concatenate[F, P], Rows]], Callable[Concatenate[F, P], pd.DataFrame]]:
    """Declare the columns of the frame that a method of a fit returns.

    Parameters
    ----------
    row : str
        What a row stands for.
    *columns : str
        Column names, one or several in a text, each in the glossary; provenance and `warning`
        are appended.
    """
    whole = (*" ".join(columns).split(), "alignment", "simulated", "warning")

    def decorate(
        method: Callable[Concatenate[F, P], Rows],
    ) -> Callable[Concatenate[F, P], pd.DataFrame]:
        @functools.wraps(method)
        def wrapper(self: F, *args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
            rows = method(self, *args, **kwargs)
            frame = rows.copy() if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
            for name, value in self.provenance.items():
                frame[name] = value
            general = "; ".join(self.reasons)
            own = frame["warning"] if "warning" in frame else pd.Series("", index=frame.index)
            frame["warning"] = [
                "; ".join(part for part in (text, general) if part)
                if isinstance(text, str)
                else general
                for text in own
            ]
            return build_frame(frame, whole)

        wrapper.__doc__ = _with_returns(method.__doc__ or "", row, whole)
        wrapper.__annotations__ = {**method.__annotations__, "return": pd.DataFrame}
        return wrapper  # type: ignore[return-value]

    return decorate

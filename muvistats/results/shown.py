"""Result frames: pandas frames that print as a short view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from .glossary import KEYS


class ResultFrame(pd.DataFrame):
    """A frame of results, which prints as a short view.

    It is a pandas frame in all but how it prints: every column at full precision, and exports,
    copies, slices, pickles and `concat` as pandas makes them. What lacks one of the key columns of
    the function that made it, or has an index of its own, prints as any frame does, as
    ``pd.DataFrame(result)`` and ``result.to_string()`` do.
    """

    _metadata = ["_declared"]  # noqa: RUF012 - as pandas has it

    #: Columns that the function declared.
    _declared: tuple[str, ...] = ()

    @property
    def _constructor(self) -> Callable[..., ResultFrame]:
        return ResultFrame

    def _constructor_from_mgr(self, mgr: Any, axes: Any) -> ResultFrame:
        # that of pandas makes a plain frame first, and then another one from it
        frame: ResultFrame = self._from_mgr(mgr, axes)  # type: ignore[operator]
        return frame

    def _constructor_sliced_from_mgr(self, mgr: Any, axes: Any) -> pd.Series:
        column: pd.Series = pd.Series._from_mgr(mgr, axes)  # type: ignore[attr-defined]  # noqa: SLF001
        object.__setattr__(column, "_name", None)  # pandas names it
        return column

    def __finalize__(self, other: Any, method: str | None = None, **kwargs: Any) -> ResultFrame:
        """Keep what was declared; frames that are joined bring the columns of all of them."""
        super().__finalize__(other, method, **kwargs)  # type: ignore[misc]
        if not isinstance(other, (pd.DataFrame, pd.Series)) and hasattr(other, "input_objs"):
            parts = [part for part in other.input_objs if isinstance(part, ResultFrame)]
            declared = dict.fromkeys(n for part in parts for n in part._declared)  # noqa: SLF001
            object.__setattr__(self, "_declared", tuple(declared))
        return self

    def _is_whole(self) -> bool:
        """Whether it has rows, all key columns, and an index that says nothing."""
        needed = {*(name for name in self._declared if name in KEYS), "warning"}
        return (
            bool(self._declared)
            and len(self) > 0
            and self.columns.is_unique
            and self.columns.inferred_type == "string"
            and needed <= set(self.columns)
            and self.index.nlevels == 1
            and self.index.name is None
            and pd.api.types.is_integer_dtype(self.index.dtype)
        )

    def _most_rows(self) -> int | None:
        """Rows to show, by the options of pandas."""
        most, least = pd.get_option("display.max_rows"), pd.get_option("display.min_rows")
        if not most or len(self) <= most:
            return None
        return int(min(most, least or most))

    def __repr__(self) -> str:
        if not self._is_whole():
            return repr(pd.DataFrame(self))
        from .layout import as_text
        from .view import short_view

        rows, columns = self.shape
        view = as_text(short_view(self, most=self._most_rows()))
        return f"{view}\n[{rows} rows x {columns} columns]"

    def _repr_html_(self) -> str | None:
        if not self._is_whole() or not pd.get_option("display.notebook_repr_html"):
            html: str | None = pd.DataFrame(self)._repr_html_()  # type: ignore[operator]
            return html
        from .layout import as_html
        from .view import short_view

        rows, columns = self.shape
        view = as_html(short_view(self, most=self._most_rows()))
        return f"{view}\n<p>{rows} rows \u00d7 {columns} columns</p>"

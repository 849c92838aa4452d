"""Exceptions and warnings of the package: one line that says what is wrong and where."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Letters of a message that are shown, at its beginning and at its end.
_BEGINNING, _END = 800, 200


class MuvistatsError(Exception):
    """Base class of every error that the package raises on purpose: one line, not a page.

    Parameters
    ----------
    message : str
        What is wrong. Lines are joined, and the middle of a long message is left out, since values
        of users stand in it.
    """

    def __init__(self, message: str = "") -> None:
        line = " ".join(message.splitlines())
        long = len(line) > _BEGINNING + _END
        super().__init__(f"{line[:_BEGINNING]} ... {line[-_END:]}" if long else line)


class DataError(MuvistatsError, ValueError):
    """The data is not what it says.

    Parameters
    ----------
    problem : str
        What is wrong, in words.
    file : str, optional
        File, frame or group in which it was found.
    row : int or str, optional
        Row (1-based line of a text file, or the key of a record).
    column : str, optional
        Column or variable.
    found, expected : object, optional
        The offending value and what should stand there.

    Examples
    --------
    >>> print(DataError("unknown modality", file="media_data.csv", row=7, found="film"))
    media_data.csv, row 7: unknown modality (found 'film')
    """

    def __init__(
        self,
        problem: str,
        *,
        file: object = None,
        row: object = None,
        column: object = None,
        found: object = None,
        expected: object = None,
    ) -> None:
        self.problem = problem
        self.file = file
        self.row = row
        self.column = column
        self.found = found
        self.expected = expected
        places = [
            text
            for text, value in (
                (f"{file}", file),
                (f"row {row}", row),
                (f"column {column}", column),
            )
            if value is not None
        ]
        details = [
            text
            for text, value in ((f"found {found!r}", found), (f"expected {expected}", expected))
            if value is not None
        ]
        message = f"{', '.join(places)}: {problem}" if places else problem
        super().__init__(f"{message} ({'; '.join(details)})" if details else message)


@contextlib.contextmanager
def boundary(problem: str, **place: Any) -> Iterator[None]:
    """Where data of others is read: what another library raises leaves as a DataError.

    Parameters
    ----------
    problem : str
        What could not be done, in words.
    **place : object
        Where, as `DataError` takes it: `file`, `row`, `column`.
    """
    try:
        yield
    except (MuvistatsError, Warning):  # a warning that the caller turned into an error
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        name = type(error).__name__
        raise DataError(f"{problem}: {name}{': ' if said else ''}{said}", **place) from error


class DesignError(MuvistatsError, ValueError):
    """A question that the design or the formula language cannot answer."""


class ConvergenceError(MuvistatsError, RuntimeError):
    """A model did not converge."""


class MissingExtraError(MuvistatsError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(
            f"{package} is needed here and not installed: pip install 'muvistats[{extra}]'"
        )

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        """Pickle by its own arguments, so that it comes back whole from another process."""
        return type(self), (self.package, self.extra)


class AlignmentWarning(UserWarning):
    """Labels fit the items better at another lag than the one they are read at."""


class ExtractionWarning(UserWarning):
    """Some of the files could not be read."""


class FigureWarning(UserWarning):
    """Some text is missing in a figure: no font has its letters, or the axes no room for it."""


class UnsealedWarning(UserWarning):
    """A stored study has no seal, so that damage to it would not be noticed."""


#: By how much more than its file ratings may take.
_MOST_TIMES = 100


def refuse_swollen(path: Path, size: int, stored: int, *, surely: int, problem: str) -> None:
    """Refuse what takes more memory than is sure to be there and than a hundred times its file.

    Ratings pack by less; what packs by more was damaged, or made to fill the memory.
    """
    if size > max(surely, _MOST_TIMES * stored):
        raise DataError(
            problem,
            file=path.name,
            found=f"{size / 1024**2:.0f} MiB or more from {stored} bytes",
            expected=f"at most {surely // 1024**2} MiB, or {_MOST_TIMES} times what is stored",
        )


def read_bytes(path: Path, *, file: object = None) -> bytes:
    """Content of a file that others made; pipes, which may never end, are refused.

    Parameters
    ----------
    path : Path
        The file.
    file : object
        What errors call it; its name where not given.

    Raises
    ------
    DataError
        When the file cannot be read.
    """
    told = path.name if file is None else file
    if path.exists() and not path.is_file():
        raise DataError("file cannot be read: it is a folder, a pipe or a device", file=told)
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"file cannot be read: {error.strerror}", file=told) from error

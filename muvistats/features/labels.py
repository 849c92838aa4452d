"""Names of classes from a label file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from ..errors import DataError, read_bytes

_NUMBERED = re.compile(r"(.*\S)\s+(\d+)")


def read_labels(given: str | PathLike[str] | Sequence[str]) -> tuple[str, ...]:
    """Classes in order.

    Parameters
    ----------
    given : path or sequence of str
        A text file with one class a line, or the names. Empty lines do not count. Where every
        line ends in a number, as in the list of Places365, the numbers (from 0) give the order.

    Returns
    -------
    tuple of str
        Names in lower case, words joined by underscores.

    Raises
    ------
    DataError
        When the file is missing or empty, two classes have one name, or numbers are not those
        from 0 on.
    """
    file = None
    if isinstance(given, str | PathLike):
        file = Path(given)
        try:
            lines = read_bytes(file, file=file).decode().splitlines()
        except UnicodeDecodeError as error:
            raise DataError("label file is no text", file=file) from error
    else:
        lines = [str(each) for each in given]
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise DataError("no label", file=file, column="labels")
    if file is not None:
        texts = _in_order(texts, file)
    names = tuple(snake_case(text) for text in texts)
    for number, name in enumerate(names):
        if not name or name in names[:number]:
            raise DataError(
                "label stands twice or is empty", file=file, row=number + 1, found=texts[number]
            )
    return names


def snake_case(text: str) -> str:
    """A class name in lower case, words joined by underscores.

    Examples
    --------
    >>> snake_case("/a/Arena/hockey"), snake_case("traffic light")
    ('arena_hockey', 'traffic_light')
    """
    text = re.sub(r"^/[a-z]/", "", text)
    return re.sub(r"[^\w]+", "_", text.lower()).strip("_")


def _in_order(texts: list[str], file: Path) -> list[str]:
    """Lines sorted by the number at their end, where all have one."""
    found = [_NUMBERED.fullmatch(text) for text in texts]
    numbered = [(int(match[2]), match[1]) for match in found if match]
    names = {snake_case(name) for _, name in numbered}
    if len(names) < len(texts) or not any(number == 0 for number, _ in numbered):
        return texts  # the numbers, if any, are part of the names
    if sorted(number for number, _ in numbered) != list(range(len(texts))):
        raise DataError("numbers of the labels are not those from 0 on", file=file)
    return [text for _, text in sorted(numbered)]

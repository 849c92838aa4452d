"""Tests that pingouin does well, from pingouin: an extra, asked for when one of them is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...extras import optional_module
from ...quiet import quiet


def of_pingouin(name: str) -> Callable[..., Any]:
    """A function of pingouin, quiet about what other packages will change.

    Raises
    ------
    MissingExtraError
        When pingouin is not installed.
    """
    with quiet():
        function = getattr(optional_module("pingouin", "pingouin"), name)

    def silent(*args: Any, **arguments: Any) -> Any:
        with quiet():
            return function(*args, **arguments)

    return silent

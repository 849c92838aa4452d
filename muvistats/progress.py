"""A progress bar that shows on a terminal and nowhere else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

T = TypeVar("T")

#: Held while a bar is shown: a terminal shows one.
_SHOWN = threading.Lock()

#: Seconds that work takes before its progress is shown.
_LONG = 5.0


@contextmanager
def terminal_progress(*, show: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """Progress on stderr, quiet where that is no terminal, or another bar is shown.

    Parameters
    ----------
    show : bool
        Whether to show it at all.

    Yields
    ------
    callable
        ``step(what, done, total)`` says how far the work is.
    """
    if not (show and sys.stderr.isatty() and _SHOWN.acquire(blocking=False)):
        yield lambda _what, _done, _total: None
        return
    try:
        with _bar() as step:
            yield step
    finally:
        _SHOWN.release()


def watched(parts: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Parts of some work, its progress shown once it has taken five seconds.

    Parameters
    ----------
    parts : iterable
        Parts, each done when the next one is asked for.
    what : str
        Name of the work.
    total : int
        Number of parts.
    """
    begun = time.monotonic()
    with ExitStack() as shown:
        step: Callable[[str, int, int], None] | None = None
        for done, part in enumerate(parts):
            if step is None and time.monotonic() - begun > _LONG:
                step = shown.enter_context(terminal_progress())
            if step is not None:
                step(what, done, total)
            yield part


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Loading", total=None)
        yield lambda what, done, total: progress.update(
            task, description=what, completed=done, total=total
        )

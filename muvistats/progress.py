"""Progress: a bar on a terminal; lines where a command writes into a file; else nothing."""

from __future__ import annotations

import itertools
import math
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
G = TypeVar("G")

#: Held while a bar is shown: a terminal shows one.
_SHOWN = threading.Lock()

#: Seconds that work takes before its progress is shown, that the part of it takes whose progress
#: that is, and between two lines on like steps.
_LONG, _PART, _APART = 5.0, 0.5, 60.0

#: When the work that is done in this thread was begun.
_begun: ContextVar[float] = ContextVar("begun", default=math.inf)

#: Whether progress that no terminal shows is written in lines.
_in_lines = False


@contextmanager
def written_in_lines() -> Iterator[None]:
    """Write progress on stderr in lines where that is no terminal, as commands do."""
    global _in_lines
    before, _in_lines = _in_lines, True
    try:
        yield
    finally:
        _in_lines = before


@contextmanager
def terminal_progress(*, show: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """Progress on stderr, quiet where that is no terminal and no command runs.

    Where progress is shown already, this one is not.

    Parameters
    ----------
    show : bool
        Whether to show it at all.

    Yields
    ------
    callable
        ``step(what, done, total)`` says how far the work is.
    """
    shown = _bar if sys.stderr.isatty() else _lines if _in_lines else None
    if not show or shown is None or not _SHOWN.acquire(blocking=False):
        yield lambda _what, _done, _total: None
        return
    try:
        with shown() as step:
            yield step
    finally:
        _SHOWN.release()


@contextmanager
def as_one_work() -> Iterator[None]:
    """Take all that is watched within as parts of one work, which is shown when it is long."""
    before = _begun.set(min(_begun.get(), time.monotonic()))
    try:
        yield
    finally:
        _begun.reset(before)


def watched(parts: Iterable[T], what: str, total: int) -> Generator[T, None, None]:
    """Parts of some work, its progress shown once the work has taken five seconds.

    Parameters
    ----------
    parts : iterable
        Parts, each done when the next one is asked for.
    what : str
        Name of the work.
    total : int
        Number of parts, 0 where nobody knows.
    """
    own = time.monotonic()
    from_then_on = max(min(_begun.get(), own) + _LONG, own + _PART)
    with ExitStack() as shown:
        step: Callable[[str, int, int], None] | None = None
        for done, part in enumerate(parts):
            if step is None and time.monotonic() > from_then_on:
                step = shown.enter_context(terminal_progress())
            if step is not None:
                step(what, done, total)
            yield part


@contextmanager
def counted(function: Callable[[G], T], what: str) -> Iterator[Callable[[G], T]]:
    """A function whose calls are counted once they have taken five seconds together.

    Parameters
    ----------
    function : callable
        What is called, nobody knows how often.
    what : str
        Name of the work.
    """

    def call(given: G) -> T:
        next(calls)
        return function(given)

    with closing(watched(itertools.count(), what, 0)) as calls:
        yield call


def in_parts(n: int, size: int, what: str) -> Iterator[slice]:
    """Places 0 to n - 1, so many at a time, watched.

    Parameters
    ----------
    n, size : int
        How many there are, and how many are done at a time.
    what : str
        Name of the work.
    """
    starts = range(0, n, max(1, size))
    for start in watched(starts, what, len(starts)):
        yield slice(start, min(start + starts.step, n))


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
            task, description=what, completed=done, total=total or None
        )


@contextmanager
def _lines() -> Iterator[Callable[[str, int, int], None]]:
    """A line for each step of long work, and one a minute for steps that are called alike."""
    begun = written = time.monotonic()
    now = last = ("", 0, 0)

    def write() -> None:
        nonlocal written, last
        written, last = time.monotonic(), now
        what, done, total = now
        sys.stderr.write(f"{what} ({done} of {total})\n" if total else f"{what} ({done})\n")
        sys.stderr.flush()

    def step(what: str, done: int, total: int) -> None:
        nonlocal now
        now = (what, done, total)
        passed = time.monotonic()
        if passed - begun >= _LONG and (what != last[0] or passed - written >= _APART):
            write()

    # a first step that goes on for long is told of as well
    timer = threading.Timer(_LONG, lambda: write() if now[0] and now != last else None)
    timer.daemon = True
    timer.start()
    try:
        yield step
    finally:
        timer.cancel()

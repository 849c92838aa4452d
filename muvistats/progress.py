"""A progress bar that shows on a terminal and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def terminal_progress(*, show: bool = True) -> Iterator[Callable[[str, int, int], None]]:
    """Progress on stderr, quiet where that is no terminal.

    Parameters
    ----------
    show : bool
        Whether to show it at all.

    Yields
    ------
    callable
        ``step(what, done, total)`` says how far the work is.
    """
    if not (show and sys.stderr.isatty()):
        yield lambda _what, _done, _total: None
        return
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

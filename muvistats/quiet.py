"""Keep back what other libraries say: warnings in one thread, and logs of compiled code."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from typing import Any

_lock = threading.Lock()
_local = threading.local()
_entered = 0


class _InQuietThreads:
    """Pattern that fits every text where the thread asked for quiet, and none elsewhere."""

    def match(self, _: str) -> bool:
        return bool(getattr(_local, "depth", 0))


_FILTER: Any = ("ignore", _InQuietThreads(), Warning, None, 0)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back what a library warns of here, since it is found out and told otherwise.

    `warnings.catch_warnings` exchanges the filters of the whole process: two threads in it can
    leave each other's filters behind for good. Here one filter that knows its threads stands
    before the others while someone is quiet. Lists of filters are replaced, never changed, since
    other threads may be reading them.
    """
    global _entered
    with _lock:
        _entered += 1
        if _FILTER not in warnings.filters:
            warnings.filters = [_FILTER, *warnings.filters]
    _local.depth = getattr(_local, "depth", 0) + 1
    try:
        yield
    finally:
        _local.depth -= 1
        with _lock:
            _entered -= 1
            if not _entered:
                warnings.filters = [each for each in warnings.filters if each is not _FILTER]


#: Lines of compiled code that say nothing to whoever trains a network.
_CHATTER = re.compile(rb"WARNING: All log messages before absl|[IW]\d{4} |nanobind: |\s+- leaked ")


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Hold back the logs that compiled code writes while it is imported.

    It writes to the file behind stderr, past Python. What is written there meanwhile, by whatever
    thread, comes out afterwards, but for the lines that are known to say nothing.
    """
    if sys.stderr is None:  # a process without a console
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        kept = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not _CHATTER.match(line):
                    os.write(2, line)


def quiet_at_exit() -> None:
    """Drop what compiled code writes to stderr once Python has ended in this process."""
    atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))

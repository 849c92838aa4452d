"""Keep warnings of other libraries back in one thread, and in no other."""

from __future__ import annotations

import contextlib
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

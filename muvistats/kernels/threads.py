"""One BLAS thread for many small systems, which several threads only slow down."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

_LARGE = 1500


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextlib.contextmanager
def few_threads(size: int) -> Iterator[None]:
    """Hold BLAS to one thread while systems of up to 1,500 unknowns are solved.

    Parameters
    ----------
    size : int
        Unknowns of the largest system.
    """
    if size > _LARGE:
        yield
        return
    with _controller().limit(limits=1, user_api="blas"):
        yield

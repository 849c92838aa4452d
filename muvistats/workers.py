"""Tasks that do not depend on one another: in this process, in several, or on a dask cluster.

And the threads of BLAS within one task.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from .errors import DesignError
from .progress import watched

Given = TypeVar("Given")
Made = TypeVar("Made")

#: Unknowns from which on several threads solve a system faster than one.
_LARGE = 1500


def each_finished(
    function: Callable[[Given], Made],
    tasks: Iterable[Given],
    *,
    n_jobs: int = 1,
    client: Any = None,
) -> Iterator[Made]:
    """Results of a function, each as soon as it is there.

    Parameters
    ----------
    function : callable
        At the top level of a module, where it runs in another process.
    tasks : iterable
        What it is called with; taken one by one, shortly before they are begun.
    n_jobs : int
        Processes; with 1 all is done in this one, in order.
    client : dask.distributed.Client, optional
        Where the tasks run instead.

    Yields
    ------
    object
        Results, in any order.
    """
    if client is not None:
        yield from _on_cluster(function, tasks, client)
    elif n_jobs == 1:
        yield from map(function, tasks)
    else:
        from joblib import Parallel, delayed

        pool = Parallel(n_jobs, batch_size=1, return_as="generator_unordered")
        yield from pool(delayed(function)(task) for task in tasks)


def in_threads(
    function: Callable[[Given], Made], tasks: Sequence[Given], *, n_jobs: int, what: str
) -> list[Made]:
    """Results of a function, in order, from threads; BLAS has one in each, and progress is shown.

    Parameters
    ----------
    function : callable
        What is done; it does not ask for threads of BLAS.
    tasks : sequence
        What it is called with.
    n_jobs : int
        Threads; with 1 all is done in this one, and below 1 there are as many as cores.
    what : str
        Name of the work.

    Returns
    -------
    list
        No result depends on `n_jobs`.
    """
    with few_threads(0), ThreadPoolExecutor(n_jobs if n_jobs > 0 else None) as pool:
        made = (map if n_jobs == 1 else pool.map)(function, tasks)
        return list(watched(made, what, len(tasks)))


def check_client(client: Any) -> Any:
    """A dask client, or None."""
    if client is not None and not hasattr(client, "get_executor"):
        raise DesignError(f"client must be a dask.distributed.Client, not {client!r}")
    return client


def executor_of(client: Any) -> Any:
    """Executor of a dask client; every call is computed, none is remembered."""
    return client.get_executor(pure=False)


def n_threads(client: Any) -> int:
    """Threads of all workers of a client, 1 at least."""
    return max(int(sum(client.nthreads().values())), 1)


def _on_cluster(
    function: Callable[[Given], Made], tasks: Iterable[Given], client: Any
) -> Iterator[Made]:
    """Results from a cluster; a few more tasks than threads are under way."""
    pool, ahead = executor_of(client), 2 * n_threads(client)
    under_way: set[Future[Made]] = set()
    try:
        for task in tasks:
            under_way.add(pool.submit(function, task))
            if len(under_way) >= ahead:
                finished, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in finished)
        while under_way:
            finished, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in finished)
    finally:
        for future in under_way:
            future.cancel()


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


#: All threads have one BLAS, and one of them at a time says how many threads it takes.
_one_at_a_time = threading.RLock()


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
    with _one_at_a_time, _controller().limit(limits=1, user_api="blas"):
        yield

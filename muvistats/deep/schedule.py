"""Train what is not there yet, over processes, each network when what it starts from is there."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..arguments import check_jobs
from ..errors import MuvistatsError
from ..progress import terminal_progress
from ..quiet import quiet_at_exit
from ..workers import executor_of, n_threads
from .protocols import Protocol
from .store import Trained, entry_of, load_trained
from .training import Task, train_task
from .units import Unit, with_needs

#: Seconds after which a process without work ends; a training may take that long.
_IDLE = 300


def train_all(
    units: Sequence[Unit],
    protocol: Protocol,
    *,
    inputs: Path,
    folder: Path,
    backend: str,
    entropy: tuple[Any, tuple[int, ...]],
    n_jobs: int,
    client: Any = None,
    progress: bool,
) -> dict[Unit, Trained]:
    """Train units and all that they need; what was finished before is read.

    Parameters
    ----------
    units : sequence of Unit
        What is wanted.
    protocol : Protocol
        How it is trained.
    inputs : Path
        Folder of the sequences.
    folder : Path
        Where each finished training is written at once.
    backend : str
        Backend of Keras.
    entropy : tuple
        Entropy and spawn key of the source of randomness.
    n_jobs : int
        Processes, each with one thread; no number depends on it.
    client : dask.distributed.Client, optional
        Where networks are trained instead, by workers of one thread that see `folder`.
    progress : bool
        Whether to show a bar with the time that is left, on a terminal only.

    Returns
    -------
    dict of Unit to Trained
        Predictions and histories of `units`.
    """
    everything = with_needs(units)
    entries = {
        unit: entry_of(folder, unit, protocol, inputs.name, backend, entropy) for unit in everything
    }
    done, left = _finished(units, entries)
    total = len(done) + len(left)
    with terminal_progress(show=progress) as step:
        if done:
            step("kept from before", len(done), total)
        if not left:
            return {unit: done[unit] for unit in units}
        jobs = min(check_jobs(n_jobs) if client is None else n_threads(client), len(left))
        pool = _pool(jobs, backend) if client is None else executor_of(client)
        left = longest_first(left)
        running: dict[Future[Trained], Unit] = {}
        try:
            while left or running:
                ready = [u for u in left if all(need in done for need in u.needs)]
                for unit in ready[: jobs - len(running)]:
                    left.remove(unit)
                    task = _task(unit, protocol, inputs, entries, backend, entropy)
                    running[pool.submit(train_task, task)] = unit
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    unit = running.pop(future)
                    done[unit] = _result(future, unit)
                    step(unit.words, len(done), total)
        except BaseException:
            if client is None:  # files have their names only when they are whole
                pool.shutdown(kill_workers=True)
            for future in running:
                future.cancel()
            raise
    return {unit: done[unit] for unit in units}


def longest_first(units: Sequence[Unit]) -> list[Unit]:
    """Units by the length of the chain of trainings that waits for them, the longest first.

    So that no process is idle at the end for longer than a short training takes. A training is
    counted as long as it has kinds of features.

    Parameters
    ----------
    units : sequence of Unit
        What is to be trained, what is needed first.

    Returns
    -------
    list of Unit
        The same, what is needed first; those with equal chains as they were.
    """
    waiting = dict.fromkeys(units, 0)
    for unit in reversed(units):
        for need in unit.needs:
            if need in waiting:
                waiting[need] = max(waiting[need], waiting[unit] + len(unit.kinds))
    return sorted(units, key=lambda unit: waiting[unit] + len(unit.kinds), reverse=True)


def _finished(
    units: Sequence[Unit], entries: dict[Unit, Path]
) -> tuple[dict[Unit, Trained], list[Unit]]:
    """What is kept, and what is to be trained: what it needs first, and only that.

    A network that another one starts from must have its weights.
    """
    done: dict[Unit, Trained] = {}
    left: dict[Unit, None] = {}
    sound: set[Unit] = set()

    def visit(unit: Unit, *, weights: bool) -> None:
        if unit in left or (unit in done and (unit in sound or not weights)):
            return
        kept = load_trained(entries[unit], weights=weights)
        if kept is not None and (kept.weights or not weights):
            done[unit] = replace(kept, weights={})
            if weights:
                sound.add(unit)
            return
        done.pop(unit, None)
        for _, source in unit.branches:
            visit(source, weights=True)
        if unit.steps_of is not None:
            visit(unit.steps_of, weights=False)
        left[unit] = None

    for unit in units:
        visit(unit, weights=False)
    return done, list(left)


def _pool(n_jobs: int, backend: str) -> Any:
    """Processes of their own: a backend reads its settings once, when it is imported.

    joblib keeps one pool in a process; it is asked for it, so that later calls know whose it is.
    """
    from joblib.executor import get_memmapping_executor

    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    env = dict.fromkeys(variables, "1")
    env |= {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return get_memmapping_executor(
        n_jobs,
        timeout=_IDLE,
        env=env,
        initializer=_settle,
        initargs=(os.getpid(),),
        max_nbytes=None,
    )


def _settle(parent: int) -> None:
    """Set up a process: it keeps its networks, and ends when the one that started it is gone.

    loky takes a process that grows by 300 MB to leak, where psutil is installed, and ends it; a
    backend and its compiled networks take as much.
    """
    from joblib.externals.loky import process_executor

    process_executor._USE_PSUTIL = False  # noqa: SLF001
    quiet_at_exit()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)  # files have their names only when they are whole

    threading.Thread(target=watch, daemon=True).start()


def _task(
    unit: Unit,
    protocol: Protocol,
    inputs: Path,
    entries: dict[Unit, Path],
    backend: str,
    entropy: tuple[Any, tuple[int, ...]],
) -> Task:
    return Task(
        unit,
        protocol,
        inputs,
        entries[unit],
        tuple((kind, entries[source]) for kind, source in unit.branches),
        None if unit.steps_of is None else entries[unit.steps_of],
        backend,
        entropy,
    )


def _result(future: Future[Trained], unit: Unit) -> Trained:
    try:
        return future.result()
    except BrokenExecutor as error:
        raise MuvistatsError(
            f"a process ended while it trained {unit.words}, perhaps for want of memory; finished "
            "trainings are kept, and the same call goes on"
        ) from error
    except Exception as error:
        error.add_note(f"in the training of {unit.words}")
        raise

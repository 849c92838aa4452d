"""ONNX networks: loaded once a process, run with errors in one line."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..errors import DataError
from ..extras import optional_module
from ..types import Array, Singles

#: Networks that come with the package, each in a folder with its licence.
SHIPPED = Path(__file__).parents[1] / "data" / "networks"

T = TypeVar("T")
U = TypeVar("U")

_threads = 0


def limit_network_threads(threads: int) -> None:
    """Give networks that are loaded from now on so many threads; 0 is no limit."""
    global _threads
    _threads = threads


def network_threads() -> int:
    """Threads that a network may use; 0 is no limit."""
    return _threads


def load_session(path: Path, extra: str) -> Any:
    """A network ready to run, kept for the next file of this process.

    Parameters
    ----------
    path : Path
        The ONNX file.
    extra : str
        Extra of muvistats that installs what runs it.

    Raises
    ------
    DataError
        When the file is no ONNX network.
    MissingExtraError
        When ONNX Runtime is not installed.
    """
    # From 1.32 on it reports its use where it is not told before it is imported.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    optional_module("onnxruntime", extra)
    stamp = path.stat()
    return _load(path, (stamp.st_mtime_ns, stamp.st_size), _threads)


@functools.lru_cache(maxsize=12)
def _load(
    path: Path,
    stamp: tuple[int, int],  # noqa: ARG001 (a file that was changed is loaded anew)
    threads: int,
) -> Any:
    runtime = optional_module("onnxruntime", "vision")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Threads that wait sleep: where cores are shared, spinning takes as much time as the network.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base
        raise DataError(f"not an ONNX network: {one_line(error)}", file=path) from error


def run_session(session: Any, feed: Mapping[str, Array], path: Path) -> list[Singles]:
    """Outputs of a network for a batch."""
    try:
        return [np.asarray(out) for out in session.run(None, dict(feed))]
    except Exception as error:
        raise DataError(f"network refused a batch: {one_line(error)}", file=path) from error


def side_by_side(call: Callable[[Sequence[T]], list[U]], items: Sequence[T]) -> list[U]:
    """What a call gives for items, in two halves at a time where networks may use several threads.

    One half is prepared, or read out, while the other is in the network.
    """
    if _threads == 1 or len(items) < 2:
        return call(items)
    middle = len(items) // 2
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(call, [items[:middle], items[middle:]])
    return [*first, *second]


def one_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())[:300]

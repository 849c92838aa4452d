"""One process of the agreement benchmark, so that its peak memory is its own.

``python -m benchmarks.scale make PATH N`` stores a study of N annotations;
``python -m benchmarks.scale measure PATH HOW`` opens it and prints one JSON line per call. HOW is
memory, stream, workers1 or workers2.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import muvistats as mv
from muvistats.dataset.build import assemble

STEPS = 118
RATERS = 6
MB = 1e6


def make(path: str, n: int) -> None:
    """Six raters to a cell, clipped random walks with three decimals."""
    rng = np.random.default_rng(n)
    cell = np.arange(n) // RATERS
    people = max(60, n // 30)
    names = np.char.zfill(np.arange(cell[-1] // 3 + 1).astype(str), 7)
    annotations = pd.DataFrame(
        {
            "item": names[cell // 3],
            "modality": np.array(["music", "visual", "audiovisual"])[cell % 3],
            "participant": (np.arange(n) % people).astype(str),
        }
    )

    def walks() -> np.ndarray:
        out = rng.standard_normal((n, STEPS))
        out *= 0.05
        np.clip(np.cumsum(out, axis=1, out=out), -1, 1, out=out)
        return np.round(out, 3, out=out)

    data = assemble(
        annotations,
        {"arousal": walks(), "valence": walks()},
        participants=pd.DataFrame({"participant": np.arange(people).astype(str)}),
        items=pd.DataFrame({"item": names}),
        time=np.arange(STEPS) * 0.5,
        study="benchmark",
        simulated=True,
    )
    mv.save_dataset(data, path)


def peak_mb() -> float:
    """Most memory this process has held; resource.getrusage would count its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / MB


def hand_back() -> None:
    """Return freed memory to the system, so that runs of every size pay alike for fresh memory."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return  # another C library


def timed(name: str, call: Callable[[], pd.DataFrame], repeats: int, column: str) -> dict[str, Any]:
    """Best time of some calls, and a hash of the numbers."""
    best, cpu = np.inf, np.inf
    for _ in range(repeats):
        hand_back()
        started, spent = time.perf_counter(), time.process_time()
        frame = call()
        best = min(best, time.perf_counter() - started)
        cpu = min(cpu, time.process_time() - spent)
        rows, digest = len(frame), hashlib.sha256(frame[column].to_numpy().tobytes()).hexdigest()
        del frame  # or the next call would hold two of them
    return {
        "call": name,
        "seconds": best,
        "cpu_s": cpu,
        "rows": rows,
        "peak_mb": peak_mb(),
        "hash": digest,
    }


def measure(path: str, how: str) -> Iterator[dict[str, Any]]:
    """Time calls on a stored study; the peak is that of everything so far."""
    data = mv.open_dataset(path, chunks=None if how == "memory" else {})
    values = sum(data["annotations"].dataset[d].nbytes for d in ("arousal", "valence")) / MB
    base = {"input_mb": values, "opened_mb": peak_mb()}
    if how.startswith("workers"):
        yield {**base, **on_workers(data, int(how.removeprefix("workers")))}
        return
    by_modality = {"level": "modality", "n_resamples": 20}
    calls: list[tuple[str, Callable[[], pd.DataFrame], int, str]] = [
        ("interrater_ccc by modality", lambda: mv.interrater_ccc(data, **by_modality), 1, "ccc"),
        ("interrater_ccc", lambda: mv.interrater_ccc(data, level="annotation"), 5, "ccc"),
        ("modality_correlations", lambda: mv.modality_correlations(data), 1, "mean"),
        ("describe_annotations", lambda: mv.describe_annotations(data), 1, "median"),
    ]
    for name, call, repeats, column in calls:
        yield {**base, **timed(name, call, repeats, column)}


def on_workers(data: Any, n: int) -> dict[str, Any]:
    """The call on a cluster of this machine; the peak is that of all its processes."""
    from dask.distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=n, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        client.run(lambda: __import__("muvistats").interrater_ccc)  # imports are no part of it
        row = timed("interrater_ccc", lambda: mv.interrater_ccc(data, level="annotation"), 2, "ccc")
        row["peak_mb"] += sum(client.run(peak_mb).values())
    return row


if __name__ == "__main__":
    command, where, what = sys.argv[1:]
    if command == "make":
        make(where, int(what))
    else:
        for line in measure(where, what):
            print(json.dumps(line), flush=True)

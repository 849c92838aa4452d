"""Inter-rater concordance against a plain loop, and its growth in time and memory.

Every size runs in a process of its own (`benchmarks.scale`), so that its peak memory is its own.
Times are the best of some runs, in wall-clock and in CPU seconds: where other work shares the
machine, only the second are comparable.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import pearsonr

import muvistats as mv
from muvistats.kernels.raters.agreement import leave_one_out_ccc
from muvistats.stats.shared.cells import Cells

STEPS = 118
DIMENSIONS = ("arousal", "valence")
Row = dict[str, Any]


def run() -> Iterator[Row]:
    started = time.perf_counter()
    yield from against_a_loop()
    yield from at_scale()
    yield {"what": "all of this", "seconds": time.perf_counter() - started}


def plain_loop(data: xr.DataTree) -> pd.DataFrame:
    """The straightforward way: pandas groups, one rater at a time, scipy correlations."""
    long = mv.to_long(data)
    out = []
    for name in DIMENSIONS:
        for (item, modality), cell in long.groupby(["item", "modality"], sort=False):
            wide = cell.pivot_table(index="time", columns="participant", values=name, sort=False)
            for rater in wide.columns:
                others = wide.drop(columns=rater)
                mean = others.mean(axis=1)
                weights = {}
                for other in others.columns:
                    moved = np.ptp(others[other]) > 0 and np.ptp(mean) > 0
                    r = pearsonr(others[other], mean)[0] if moved else 0.0
                    weights[other] = max(r, 0.0)
                weight = pd.Series(weights)
                gold = (others * weight).sum(axis=1) / weight.sum()
                x = wide[rater]
                covariance = ((x - x.mean()) * (gold - gold.mean())).mean()
                gap = (x.mean() - gold.mean()) ** 2
                ccc = 2 * covariance / (x.var(ddof=0) + gold.var(ddof=0) + gap)
                out.append((name, item, modality, str(rater), ccc))
    return pd.DataFrame(out, columns=["dimension", "item", "modality", "participant", "ccc"])


def best_of(function: Callable[[], object], n: int) -> tuple[float, float]:
    """Least wall-clock and CPU seconds of some calls."""
    wall, cpu = np.inf, np.inf
    for _ in range(n):
        started, spent = time.perf_counter(), time.process_time()
        function()
        wall = min(wall, time.perf_counter() - started)
        cpu = min(cpu, time.process_time() - spent)
    return wall, cpu


def against_a_loop() -> Iterator[Row]:
    data = mv.truncate(mv.simulate_muvi(features=False), steps=STEPS)
    whole = ~np.isnan(data["annotations/arousal"].to_numpy()).any(axis=1)
    if not whole.all():
        data = mv.exclude(data, ~whole, reason="shorter than the others, left out of the timing")
    ours = mv.interrater_ccc(data, level="annotation")
    call, call_cpu = best_of(lambda: mv.interrater_ccc(data, level="annotation"), 30)
    loop_data = _only(data, whole)
    plain: list[pd.DataFrame] = []
    loop, loop_cpu = best_of(lambda: plain.append(plain_loop(loop_data)), 1)
    call, call_cpu = np.minimum(
        (call, call_cpu), best_of(lambda: mv.interrater_ccc(data, level="annotation"), 30)
    ).tolist()
    cells = Cells.of(data)
    values = np.ascontiguousarray(data["annotations/arousal"].to_numpy()[:, :STEPS])
    kernel = best_of(lambda: leave_one_out_ccc(values, cells.starts), 50)
    both = ours.dropna(subset="ccc").merge(
        plain[0].dropna(), on=["dimension", "item", "modality", "participant"], suffixes=("", "_l")
    )
    yield {
        "what": f"interrater_ccc of {int(whole.sum())} annotations x {STEPS} x 2 against a loop",
        "ratio": loop / call,
        "ratio_cpu": loop_cpu / call_cpu,
        "loop_s": loop,
        "loop_cpu_s": loop_cpu,
        "call_ms": call * 1e3,
        "call_cpu_ms": call_cpu * 1e3,
        "kernel_ms_per_dimension": kernel[0] * 1e3,
        "compared": f"{len(both)} of {int(ours['ccc'].notna().sum())}",
        "largest_difference": float((both["ccc"] - both["ccc_l"]).abs().max()),
    }


def _only(data: xr.DataTree, keep: np.ndarray) -> xr.DataTree:
    """The loop knows no masks, and `to_long` leaves out what is missing."""
    data = data.copy(deep=True)
    for name in DIMENSIONS:
        data[f"annotations/{name}"].to_numpy()[~keep] = np.nan
    return data


def child(*arguments: str) -> list[Row]:
    """Rows that a process of `benchmarks.scale` prints."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks.scale", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def at_scale() -> Iterator[Row]:
    small, large = 100_000, 1_000_000
    found: dict[tuple[int, str, str], Row] = {}
    digests: dict[tuple[int, str], str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for n in (small, large):
            store = str(Path(folder) / f"{n}.zarr")
            child("make", store, str(n))
            for how in ("memory", "stream", *(("workers1", "workers2") if n == large else ())):
                for row in child("measure", store, how):
                    call, digest = row.pop("call"), row.pop("hash")
                    same = digests.setdefault((n, call), digest) == digest
                    found[n, how, call] = row
                    yield {"what": f"{call}, {n} annotations, {how}", "same_numbers": same, **row}
    for how in ("memory", "stream"):
        for (n, way, call), row in found.items():
            if (n, way) == (large, how):
                few = found[small, how, call]
                yield {
                    "what": f"{call}, ten times the annotations, {how}",
                    "ratio": row["seconds"] / few["seconds"],
                    "ratio_cpu": row["cpu_s"] / few["cpu_s"],
                }
    one, two = (found[large, f"workers{n}", "interrater_ccc"]["seconds"] for n in (1, 2))
    yield {
        "what": "interrater_ccc, two dask workers over one",
        "ratio": one / two,
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
    }

"""Inter-rater concordance against a plain loop, and its growth in time and memory.

Every size runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import pearsonr

import muvistats as mv
from muvistats.dataset.build import assemble
from muvistats.kernels.agreement import leave_one_out_ccc

STEPS = 118


def run() -> Iterator[dict[str, Any]]:
    yield from against_a_loop()
    yield from at_scale()


def plain_loop(data: xr.DataTree) -> pd.DataFrame:
    """The straightforward way: pandas groups, one rater at a time, scipy correlations."""
    long = mv.to_long(data)
    out = []
    for name in ("arousal", "valence"):
        for (item, modality), cell in long.groupby(["item", "modality"], sort=False):
            wide = cell.pivot_table(index="time", columns="participant", values=name, sort=False)
            for rater in wide.columns:
                others = wide.drop(columns=rater)
                mean = others.mean(axis=1)
                weights = {}
                for other in others.columns:
                    moved = others[other].nunique() > 1 and mean.nunique() > 1
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


def best_of(function: Any, n: int) -> float:
    times = []
    for _ in range(n):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def against_a_loop() -> Iterator[dict[str, Any]]:
    data = mv.truncate(mv.simulate_muvi(features=False), steps=STEPS)
    short = np.isnan(data["annotations/arousal"].to_numpy()).any(axis=1)
    if short.any():
        data = mv.exclude(data, short, reason="shorter than the others, left out of the timing")
    kept = mv.interrater_ccc(data)
    ours = best_of(lambda: mv.interrater_ccc(data), 20)
    start = time.perf_counter()
    plain = plain_loop(_only_kept(data))
    loop = time.perf_counter() - start
    both = kept.dropna(subset="ccc").merge(
        plain.dropna(), on=["dimension", "item", "modality", "participant"], suffixes=("", "_loop")
    )
    values = data["annotations/arousal"].to_numpy()
    cell = pd.factorize(
        pd.MultiIndex.from_arrays(
            [data["annotations/item"].to_numpy(), data["annotations/modality"].to_numpy()]
        )
    )[0]
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    yield {
        "what": "public call against a pandas/scipy loop, MuVi size, two dimensions",
        "ratio": loop / ours,
        "loop_s": loop,
        "call_ms": ours * 1e3,
        "kernel_ms": best_of(lambda: leave_one_out_ccc(values, starts), 20) * 1e3,
        "compared": len(both),
        "largest_difference": float((both["ccc"] - both["ccc_loop"]).abs().max()),
    }


def _only_kept(data: xr.DataTree) -> xr.DataTree:
    """The loop knows no masks: blank the excluded annotations, which `to_long` leaves out."""
    data = data.copy(deep=True)
    excluded = ~data["annotations/keep_dynamic"].to_numpy()
    for name in ("arousal", "valence"):
        data[f"annotations/{name}"].to_numpy()[excluded] = np.nan
    return data


def make_store(path: Path, n: int) -> None:
    """A study of n annotations, six to a cell, random walks on [-1, 1]."""
    rng = np.random.default_rng(n)
    cells = n // 6
    items = -(-cells // 3)
    cell = np.repeat(np.arange(cells), 6)
    people = max(60, n // 30)
    names = np.char.zfill(np.arange(items).astype(str), 7)
    annotations = pd.DataFrame(
        {
            "item": names[cell // 3],
            "modality": np.array(["music", "visual", "audiovisual"])[cell % 3],
            "participant": (np.arange(len(cell)) % people).astype(str),
        }
    )

    def walks() -> np.ndarray:
        out = rng.normal(scale=0.05, size=(len(cell), STEPS))
        return np.clip(np.cumsum(out, axis=1, out=out), -1, 1, out=out)

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


CHILD = """
import json, sys, time
import numpy as np, muvistats as mv
path, how = sys.argv[1:]
client = None
if __name__ == "__main__":
    chunks = None if how == "memory" else {}
    data = mv.open_dataset(path, chunks=chunks)
    if how == "memory":
        data = data.load()
    if how.startswith("workers"):
        from dask.distributed import Client, LocalCluster
        cluster = LocalCluster(n_workers=int(how[7:]), threads_per_worker=1, processes=True,
                               dashboard_address=None)
        client = Client(cluster)
    start = time.perf_counter()
    frame = mv.interrater_ccc(data, level="modality", n_resamples=20)
    seconds = time.perf_counter() - start
    status = open("/proc/self/status").read()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    values = frame["ccc"].tolist()
    if client is not None:
        client.close(); cluster.close()
    size = sum(data["annotations"][d].nbytes for d in ("arousal", "valence")) / 2**20
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "input_mb": size, "ccc": values}))
"""


def child(path: Path, how: str) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(CHILD)
        script.flush()
        done = subprocess.run(
            [sys.executable, script.name, str(path), how],
            capture_output=True,
            text=True,
            check=True,
        )
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def at_scale() -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        results: dict[tuple[int, str], dict[str, Any]] = {}
        for n in (100_000, 1_000_000):
            store = Path(folder) / f"{n}.zarr"
            make_store(store, n)
            hows = ["memory", "stream"]
            if n == 1_000_000:
                hows += ["workers1", "workers2"]
            for how in hows:
                results[n, how] = result = child(store, how)
                yield {
                    "what": f"{n} annotations, {how}",
                    **{key: result[key] for key in ("seconds", "peak_mb", "input_mb")},
                    "same_numbers": result["ccc"] == results[n, "memory"]["ccc"],
                }
        for how in ("memory", "stream"):
            small, large = results[100_000, how], results[1_000_000, how]
            yield {
                "what": f"ten times the annotations, {how}",
                "ratio": large["seconds"] / small["seconds"],
            }
        yield {
            "what": "two dask workers over one",
            "ratio": results[1_000_000, "workers1"]["seconds"]
            / results[1_000_000, "workers2"]["seconds"],
        }

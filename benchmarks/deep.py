"""Table 6 at the size of MuVi against a straightforward script that reads features per fold.

The study is simulated: 81 items, 49 participants, 988 audio features, and 500 visual ones that are
mixes of the simulated ones. Every network of the strict protocol is trained for the same number of
epochs: 12 (or ``MUVISTATS_BENCH_EPOCHS``) for the whole table, 2 beside the script, which takes
long and so runs on arousal alone. Ours runs in two processes of one thread, the script in one
process of two. The script (`deep_script.py`) is what one writes first: for each configuration and
fold it reads the features of all items from CSV, copies the windows, makes the network as Keras
does by default, and trains PAIR's unimodal networks before PAIR.

``outside_fit`` is the share of the time of the worker processes that is not spent in Keras's
``fit``: reading, scaling, making networks, predicting, writing, and waiting for each other. It is
larger at fewer epochs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import xarray as xr
from joblib.externals.loky import get_reusable_executor

import muvistats as mv
from muvistats.deep import PROTOCOLS, NetworkModels, compare_architectures, network_models
from muvistats.features.attach import with_features

EPOCHS = int(os.environ.get("MUVISTATS_BENCH_EPOCHS", "12"))
SCRIPT_EPOCHS = 2
JOBS = 2
N_VISUAL = 500
Row = dict[str, Any]


def run() -> Iterator[Row]:
    study = muvi_size()
    with Memory() as memory:
        seconds, fit, _ = ours(study, ["arousal", "valence"], EPOCHS)
    yield {
        "what": f"whole strict Table 6, {EPOCHS} epochs each, two targets, {JOBS} processes",
        "seconds": seconds,
        "fit_seconds_of_all_processes": fit,
        "outside_fit": 1 - fit / (JOBS * seconds),
        "peak_gib": memory.peak / 2**30,
    }
    seconds, fit, rmse = ours(study, ["arousal"], SCRIPT_EPOCHS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "csv"
        write_csv(study, folder)
        script = straightforward(folder)
    yield {
        "what": f"arousal of it against a straightforward script, {SCRIPT_EPOCHS} epochs each",
        "seconds": seconds,
        "script_seconds": script["seconds"],
        "times_as_fast": script["seconds"] / seconds,
        "times_as_fast_in_fit_alone": script["fit_seconds"] / (fit / JOBS),
        "rmse": rmse,
        "script_rmse": script["rmse"],
    }


def ours(study: xr.DataTree, targets: list[str], epochs: int) -> tuple[float, float, float]:
    """Seconds of the whole table, those of all processes within fit, and the mean RMSE.

    Processes are started for it, and what they take to load Keras counts.
    """
    get_reusable_executor().shutdown(wait=True)
    protocol = replace(PROTOCOLS["strict"], max_epochs=epochs, patience=epochs + 1)
    with tempfile.TemporaryDirectory() as cache:
        begin = time.perf_counter()
        models = network_models(
            study, dimension=targets, protocol=protocol, n_jobs=JOBS, cache=cache
        )
        frame = compare_architectures(models, linear=False)
        seconds = time.perf_counter() - begin
    return seconds, fit_seconds(models), float(frame["rmse"].mean())


def fit_seconds(models: NetworkModels) -> float:
    """Time within fit of all trainings, each of which is one row of the comparison here."""
    return sum(run.trained.fit_seconds for run in models.runs)


def muvi_size() -> xr.DataTree:
    """A simulated study with as many visual features as MuVi has, about."""
    study = mv.simulate_muvi(rng=1)
    visual = study["features/visual"].to_dataset()
    rng = np.random.default_rng(1)
    values = np.nan_to_num(visual["values"].to_numpy())
    mix = rng.normal(size=(values.shape[-1], N_VISUAL)) / np.sqrt(values.shape[-1])
    names = [f"visual_{n}" for n in range(N_VISUAL)]
    wide = xr.Dataset(
        {
            "values": (("item", "time", "feature"), values @ mix, visual["values"].attrs),
            "family": ("feature", ["mix"] * N_VISUAL, visual["family"].attrs),
        },
        {"item": visual["item"], "time": visual["time"], "feature": names},
        attrs={**visual.attrs, "kind": "visual"},
    ).set_coords("family")
    return with_features(study, wide, overwrite=True)


def write_csv(study: xr.DataTree, folder: Path) -> None:
    """Features of each item, and the gold standard, as a script would have them."""
    folder.mkdir()
    gold = mv.ewe(study)["gold_standard"].transpose("dimension", "modality", "item", "time")
    np.savez(folder / "gold.npz", values=gold.to_numpy(), modalities=gold["modality"].astype(str))
    items = gold["item"].to_numpy().astype(str)
    (folder / "items.json").write_text(json.dumps(items.tolist()))
    for kind in ("audio", "visual"):
        group = study[f"features/{kind}"].dataset["values"].sel(item=items)
        for item in items:
            frame = group.sel(item=item, drop=True).transpose("time", "feature").to_pandas()
            frame.ffill().bfill().fillna(0).to_csv(folder / f"{kind}_{item}.csv")


def straightforward(folder: Path) -> Row:
    """Run the script in a process of its own, with Keras's own number of threads."""
    script = Path(__file__).with_name("deep_script.py")
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(script), str(folder), str(SCRIPT_EPOCHS)],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    found: Row = json.loads(done.stdout.splitlines()[-1])
    return found


class Memory:
    """Largest memory of this process and its children together, proportional shares."""

    def __enter__(self) -> Memory:
        self.peak, self.done = 0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()

    def watch(self) -> None:
        while not self.done.wait(0.5):
            own = psutil.Process()
            total = 0
            for process in (own, *own.children(recursive=True)):
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total)

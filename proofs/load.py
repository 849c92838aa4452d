"""Much data, many studies, many threads: ``python -m proofs load [PART ...]``."""

from __future__ import annotations

import gc
import multiprocessing
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import muvistats as mv

from . import studies


def threads(n_threads: int = 8, rounds: int = 3) -> dict:
    """Statistics called from several threads at once give the numbers of one."""
    study = mv.simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    calls: dict[str, Callable[[], pd.DataFrame]] = {
        "describe_design": lambda: mv.describe_design(study),
        "kruskal_modality": lambda: mv.kruskal_modality(study, n_resamples=99),
        "chisquare_labels": lambda: mv.chisquare_labels(study, n_resamples=99),
        "interrater_ccc": lambda: mv.interrater_ccc(study),
        "mixed_model": lambda: mv.mixed_model(
            study, "arousal ~ modality + (1 | participant)"
        ).tidy(),
        "glm": lambda: mv.glm(study, "familiar ~ modality").tidy(),
    }
    alone = {name: call() for name, call in calls.items()}
    differing: list[str] = []

    def work() -> None:
        for _ in range(rounds):
            for name, call in calls.items():
                try:
                    pd.testing.assert_frame_equal(call(), alone[name], check_exact=True)
                except Exception as error:  # an error is as wrong as another number
                    differing.append(f"{name}: {type(error).__name__}")

    workers = [threading.Thread(target=work) for _ in range(n_threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"threads": n_threads, "calls": n_threads * rounds * len(calls), "faults": differing}


def many(n_studies: int = 200) -> dict:
    """One process opens, describes and tests one study after the other, and does not grow."""
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        path = mv.save_dataset(studies.small_study(), Path(folder) / "s.zarr")
        for number in range(n_studies):
            study = mv.open_dataset(path, chunks={} if number % 2 else None)
            mv.describe_design(study)
            mv.label_frequencies(study)
            del study
            gc.collect()
            sizes.append(_resident())
    half = len(sizes) // 2
    return {"studies": n_studies, "MiB after half": sizes[half], "MiB at the end": sizes[-1]}


def large(n_annotations: int = 100_000, n_steps: int = 120) -> dict:
    """A study of 12 million samples, streamed from Zarr, described, tested and reported."""
    spawn = multiprocessing.get_context("spawn")  # processes with a memory of their own
    with tempfile.TemporaryDirectory() as folder:
        with ProcessPoolExecutor(1, mp_context=spawn) as writer:
            writer.submit(_write, folder, n_annotations, n_steps).result()
        with ProcessPoolExecutor(1, mp_context=spawn) as reader:
            steps = reader.submit(_use, folder).result()
    return {"annotations": n_annotations, "samples": n_annotations * n_steps, **steps}


def _write(folder: str, n_annotations: int, n_steps: int) -> None:
    mv.save_dataset(_large(n_annotations, n_steps), Path(folder) / "s.zarr")


def _use(folder: str) -> dict:
    """Seconds of each step up to its end, and the most memory that this process has held."""
    start = time.monotonic()
    study = mv.open_dataset(Path(folder) / "s.zarr", chunks={})
    mv.describe_design(study)
    mv.interrater_ccc(study)
    described = time.monotonic()
    mv.kruskal_modality(study, n_resamples=99)
    tested = time.monotonic()
    mv.write_report(study, Path(folder) / "report")
    reported = time.monotonic()
    return {
        "seconds to open and describe": round(described - start),
        "seconds to test": round(tested - described),
        "seconds to report": round(reported - tested),
        "peak MiB": _peak(),
    }


def _large(n_annotations: int, n_steps: int) -> xr.DataTree:
    rng = np.random.default_rng(0)
    raters, n_items = 20, n_annotations // 20
    frame = pd.DataFrame(
        {
            "item": np.repeat(np.arange(n_items), raters),
            "participant": np.tile(np.arange(raters * 50), n_annotations // (raters * 50)),
        }
    )
    frame["modality"] = np.array(["music", "visual"])[frame.index % 2]
    dynamics = frame.loc[frame.index.repeat(n_steps)].reset_index(drop=True)
    dynamics["time"] = np.tile(np.arange(n_steps) / 2, n_annotations)
    dynamics["arousal"] = rng.uniform(-1, 1, len(dynamics)).round(3)
    return mv.from_frames(dynamics=dynamics, dimensions=["arousal"])


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024**2


def _peak() -> int:
    """Most memory in MiB that this process has held; getrusage would count its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


PARTS = {"threads": threads, "many": many, "large": large}

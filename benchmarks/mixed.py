"""Mixed models against lme4: the size of MuVi, all label models, and 100,000 crossed rows.

lme4 is timed in the same run where Rscript and lme4 are installed (the large model, which takes
minutes, only with MUVISTATS_BENCH_SLOW=1); otherwise the ratio is against the recorded time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import muvistats as mv

#: Seconds of lme4 1.1-31 on two cores of a cloud machine, warm.
RECORDED = {"muvi": 0.037, "slopes": 0.069, "logistic": 0.53, "crossed": 148.0, "singular": 2.7}

CROSSED = "(1 | participant) + (1 | item)"
MODELS = {
    "muvi": (f"y ~ modality + gender + age + {CROSSED}", "gaussian"),
    "slopes": ("y ~ modality + (1 + age | item) + (1 | participant)", "gaussian"),
    "logistic": (f"z ~ modality + gender + age + {CROSSED}", "binomial"),
    "crossed": (f"y ~ modality + gender + age + {CROSSED}", "gaussian"),
    "singular": (f"z ~ modality + {CROSSED}", "binomial"),
}


def run() -> Iterator[dict[str, Any]]:
    small, large = frame_of(1494, 49, 81), frame_of(100_000, 2000, 2000)
    alike = frame_of(17_250, 1725, 100, people_differ=False)
    for name, (formula, family) in MODELS.items():
        frame = {"crossed": large, "singular": alike}.get(name, small)

        def fit(frame: pd.DataFrame = frame, formula: str = formula, family: Any = family) -> Any:
            return mv.mixed_model(frame, formula, family=family).tidy()

        seconds = best(fit, 1 if name == "crossed" else 5)
        slow = name == "crossed" and not os.environ.get("MUVISTATS_BENCH_SLOW")
        timed = None if slow else lme4_seconds(frame, formula, family)
        reference = RECORDED[name] if timed is None else timed
        yield {
            "name": f"mixed_model {name}",
            "rows": len(frame),
            "seconds": seconds,
            "lme4_seconds": reference,
            "lme4": "recorded" if timed is None else "this run",
            "ratio": reference / seconds,
        }
    study = mv.simulate_muvi(features=False)
    seconds = best(lambda: mv.label_models(study), 1)
    yield {
        "name": "label_models, 27 labels",
        "seconds": seconds,
        "limit": 20.0,
        "ratio": 20.0 / seconds,
    }


def frame_of(n: int, participants: int, items: int, *, people_differ: bool = True) -> pd.DataFrame:
    """Ratings with crossed participants and items."""
    rng = np.random.default_rng(20211109)
    person, item = rng.integers(0, participants, n), rng.integers(0, items, n)
    gender = rng.choice(["Female", "Male"], participants)
    age = rng.normal(0, 1, participants)
    frame = pd.DataFrame(
        {
            "participant": np.char.add("p", person.astype(str)),
            "item": np.char.add("i", item.astype(str)),
            "modality": rng.choice(["audiovisual", "music", "visual"], n),
            "gender": gender[person],
            "age": age[person],
        }
    )
    people, things = rng.normal(0, 0.7, participants), rng.normal(0, 0.5, items)
    slopes = rng.normal(0, 0.3, items)
    if not people_differ:
        people, slopes = np.zeros(participants), np.zeros(items)
    eta = 0.3 * (frame["modality"] == "visual") + people[person] + things[item]
    eta = eta + slopes[item] * frame["age"]
    frame["y"] = eta + rng.normal(size=n)
    frame["z"] = rng.binomial(1, 1 / (1 + np.exp(1 - eta)))
    return frame


def best(call: Callable[[], Any], times: int) -> float:
    """Shortest of several runs; the first of them is not counted where there are more."""
    if times > 1:
        call()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def lme4_seconds(frame: pd.DataFrame, formula: str, family: str) -> float | None:
    """Shortest of lme4's warm fits of the same rows; None where there is no lme4."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None
    function = "lmer(f, d)" if family == "gaussian" else f"glmer(f, d, family = {family})"
    times = 1 if len(frame) > 50_000 else 4
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        frame.to_csv(path, index=False)
        script = (
            "suppressPackageStartupMessages(library(lme4)); "
            f"d <- read.csv('{path}'); f <- {formula}; "
            f"t <- sapply(1:{times}, function(i) system.time(suppressMessages("
            f"suppressWarnings({function})))['elapsed']); cat(min(t))"
        )
        command = [rscript, "-e", script]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return float(done.stdout) if done.returncode == 0 else None

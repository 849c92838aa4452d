"""Jobs that keep what is finished: cut off anywhere, a rerun equals an undisturbed run."""

from __future__ import annotations

import contextlib
import importlib
import pickle
import shutil
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import muvistats as mv

from . import crash


@dataclass(frozen=True)
class Resumed:
    """A job that can go on.

    Parameters
    ----------
    prepare : callable
        Writes what the job reads into a folder.
    run : callable
        Does the job, from what was prepared and with what is kept in a second folder; gives
        something that can be compared.
    """

    prepare: Callable[[Path], object]
    run: Callable[[Path, Path], Any]


def _tables(folder: Path) -> None:
    for item in ("a", "b"):
        rated = pd.DataFrame({"time": [0.0, 0.5], "arousal": [0.1, 0.2]})
        rated.to_csv(folder / f"{item}_P1.csv", index=False)


def _from_files(folder: Path, kept: Path) -> Any:
    pattern = folder / "{item}_{participant}.csv"
    how = {"modalities": ["music"], "overwrite": True, "progress": False}
    study = mv.from_files(pattern, kept / "s.zarr", **how)
    return {path: node.to_dataset().to_dict() for path, node in study.subtree_with_keys}


def _sounds(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(rng.integers(-9000, 9000, 32000).astype("<i2").tobytes())


def _features(folder: Path, kept: Path) -> Any:
    from muvistats.features import audio

    made = audio.extract(sorted(folder.glob("*.wav")), cache=kept, progress=False)
    return made.isel(feature=slice(20)).to_dict()


def _calibration(_: Path, kept: Path) -> Any:
    small = mv.Scenario("small", null=("overlay",), n_items=9, n_participants=12)
    how = {"n_resamples": 19, "cache": kept, "progress": False}
    return mv.calibration("mannwhitney_overlay", small, 12, **how).to_dict()


def _networks(_: Path, kept: Path) -> Any:
    from muvistats import deep

    return deep.compare_architectures(
        mv.simulate_muvi(rng=1, n_items=9, n_participants=12),
        dimension=["arousal"],
        configurations=["late_fusion"],
        protocol=deep.quick("strict"),
        linear=False,
        n_jobs=1,
        cache=kept,
        progress=False,
    ).to_dict()


JOBS = {
    "from_files": Resumed(_tables, _from_files),
    "audio_features": Resumed(_sounds, _features),
    "calibration": Resumed(lambda _: None, _calibration),
    "networks": Resumed(lambda _: None, _networks),
}


def crashes_of(
    name: str,
    *,
    kills: int = 10,
    most: int | None = None,
    seed: int = 0,
    tally: dict | None = None,
) -> Iterator[dict]:
    """Tally of a job after each crash: points, kills, what was wrong. Arguments as in `crash`.

    All runs are children of this process, which stays as it is.
    """
    job = JOBS[name]
    folder = Path(tempfile.mkdtemp(prefix="muvistats-resume-"))
    try:
        place = folder / "input"
        place.mkdir()
        job.prepare(place)
        _load_modules(job, folder)
        start = time.monotonic()
        undisturbed = _run(job, folder, None)
        whole = time.monotonic() - start
        if undisturbed is None or _run(job, folder, None) != undisturbed:
            raise RuntimeError(f"{name}: an undisturbed run fails, or two of them differ")
        _fresh(folder)
        n = crash.calls_of(lambda: job.run(place, folder / "kept"), folder / "calls")
        cuts = crash.cuts_of(n, whole, kills=kills, most=most, seed=seed)
        tally = tally or crash.empty_tally(cuts, kills)
        for what, arm in cuts[tally["done"] :]:
            _run(job, folder, arm)
            again = _run(job, folder, None, fresh=False)
            if again != undisturbed:
                tally["faults"].append(f"{what}: the rerun differs: {again!r:.200}")
            found = [*(folder / "kept").rglob(".*-*"), *(folder / "kept").glob("*.parts")]
            left = [path.name for path in found if path.is_dir()]
            if left:
                tally["faults"].append(f"{what}: left behind: {left}")
            tally["done"] += 1
            yield tally
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _load_modules(job: Resumed, folder: Path) -> None:
    """Import what a run imports, so that children need not."""
    names = folder / "modules"

    def run(inputs: Path, kept: Path) -> None:
        job.run(inputs, kept)
        names.write_text("\n".join(sys.modules))

    _run(Resumed(job.prepare, run), folder, None)
    for name in names.read_text().splitlines():
        with contextlib.suppress(Exception):  # some are no modules of a file
            importlib.import_module(name)


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder / "kept", ignore_errors=True)
    (folder / "kept").mkdir()


def _run(
    job: Resumed, folder: Path, arm: Callable[[], object] | None, *, fresh: bool = True
) -> Any:
    """What a run in a child gives; None where it did not reach its end."""
    kept, answer = folder / "kept", folder / "answer"
    if fresh:
        _fresh(folder)
    answer.unlink(missing_ok=True)

    def work() -> None:
        if arm is not None:
            arm()
        result = job.run(folder / "input", kept)
        answer.write_bytes(pickle.dumps(_plain(result)))

    crash.in_child(work)
    return pickle.loads(answer.read_bytes()) if answer.exists() else None


def _plain(value: Any) -> Any:
    """A result as nested texts: equal where every number is, NaN and NaN alike."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return "missing" if value is pd.NaT else repr(value)

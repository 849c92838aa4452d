"""A run that is killed goes on where it was, and ends with the same frame."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from muvistats.deep import compare_architectures

#: Run by another process, which is killed.
PROGRAM = """
import pickle, sys
from muvistats.deep import compare_architectures
with open(sys.argv[1], "rb") as stream:
    study, settings = pickle.load(stream)
compare_architectures(study, **settings)
"""
#: Isolated networks of two kinds, PAIR and late fusion, in each of three folds.
N_FILES = 12


def finished(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.glob("??/*.npz")}


def killed_at(n_files: int, given: Path, folder: Path, *, alone: bool = False) -> int:
    """Kill a run when so many files are there; how many there are when all its processes ended.

    With `alone` only the process that was started is killed; those that train must end too.
    """
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, given], start_new_session=True)
    try:
        end = time.monotonic() + 120
        while len(finished(folder)) < n_files and time.monotonic() < end:
            assert process.poll() is None
            time.sleep(0.002)
        if alone:
            process.kill()
            process.wait()
            for _ in range(200):
                os.killpg(process.pid, 0)
                time.sleep(0.1)
            pytest.fail("processes go on without the one that started them")
    except ProcessLookupError:
        pass  # nobody of the group is left
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    return len(finished(folder))


def test_killed_at_several_points(small_study, tiny_protocol, tmp_path, one_backend):
    settings = {
        "dimension": ["arousal"],
        "configurations": ["pair", "late_fusion"],
        "protocol": tiny_protocol(max_epochs=2),
        "backend": one_backend,
        "n_jobs": 2,
        "linear": False,
        "progress": False,
    }
    whole = compare_architectures(small_study, cache=tmp_path / "whole", **settings)
    assert len(finished(tmp_path / "whole")) == N_FILES
    folder, given = tmp_path / "cut", tmp_path / "given"
    given.write_bytes(pickle.dumps((small_study, settings | {"cache": folder})))
    counts = [killed_at(n, given, folder, alone=n == 3) for n in (1, 3, 6)]
    assert counts[0] >= 1
    assert counts[1] >= 3
    assert 6 <= counts[2] < N_FILES
    before = finished(folder)
    # what a kill leaves while a file is written, and a file that was cut short
    path = min(before)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (path.parent / f"{path.name}.part").write_bytes(b"half")
    last = compare_architectures(small_study, cache=folder, **settings)
    after = finished(folder)
    assert len(after) == N_FILES
    assert all(after[each] == stamp for each, stamp in before.items() if each != path)
    assert after[path] != before[path]
    pd.testing.assert_frame_equal(last, whole, check_exact=True)


@pytest.mark.parametrize("damage", ["empty", "text", "other arrays"])
def test_damaged_files_are_trained_again(
    small_study, tiny_protocol, train, tmp_path, files_of, damage
):
    protocol = tiny_protocol(n_folds=2, max_epochs=1)
    settings = {"protocol": protocol, "cache": tmp_path}
    models = train(small_study, "early_fusion", **settings)
    first, second = files_of(models, tmp_path).values()
    if damage == "empty":
        first.write_bytes(b"")
    elif damage == "text":
        first.write_text("not an archive")
    else:
        with first.open("wb") as stream:
            np.savez(stream, rows=np.arange(3))
    time_of_second = second.stat().st_mtime_ns
    again = train(small_study, "early_fusion", **settings)
    assert second.stat().st_mtime_ns == time_of_second
    for one, two in zip(models.runs, again.runs, strict=True):
        np.testing.assert_array_equal(one.trained.fitted, two.trained.fitted)


def test_a_branch_without_weights_is_trained_again(
    small_study, tiny_protocol, train, tmp_path, files_of
):
    """Networks that others start from, their files there but without weights."""
    settings = {"protocol": tiny_protocol(n_folds=2, max_epochs=1), "cache": tmp_path}
    models = train(small_study, "pair", **settings)
    for unit, path in files_of(models, tmp_path).items():
        if unit.network == "unimodal":
            with np.load(path) as stored:
                arrays = {name: stored[name] for name in stored.files if "weight" not in name}
            with path.open("wb") as stream:
                np.savez(stream, **arrays)
        else:
            path.unlink()
    again = train(small_study, "pair", **settings)
    for one, two in zip(models.runs, again.runs, strict=True):
        np.testing.assert_array_equal(one.trained.fitted, two.trained.fitted)

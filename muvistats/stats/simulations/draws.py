"""Tests on many simulated studies: over processes, kept as they are finished, resumable."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...arguments import generator_of
from ...files import FilePath, load_arrays, store_folder, write_arrays
from ...progress import terminal_progress
from ...types import Floats, Rng
from ...workers import each_finished, few_threads
from .presets import PRESETS, Preset, SimulatedStudy, p_rows
from .scenarios import Scenario

Key = tuple[str, ...]

#: Simulated studies of one task; what is finished is kept task by task.
CHUNK = 10

#: Goes into the name of a kept file, so that a change of the format makes old ones unreachable.
_FORMAT = "muvistats simulations 1"

#: Rooms whose code a p-value depends on.
_CODE = ("kernels", "dataset", "formula", "stats")


@dataclass
class PValues:
    """P-values of one test in one scenario.

    Parameters
    ----------
    scenario, test
        What was simulated, and what was tested.
    rows : dict of tuple of str to ndarray of float, shape (simulation,)
        By the columns of `KEYS`; NaN where the test gave none.
    """

    scenario: Scenario
    test: Preset
    rows: dict[Key, Floats] = field(default_factory=dict)


@dataclass(frozen=True)
class _Task:
    """Some studies of one scenario, and where p-values of the tests that lack them are kept."""

    scenario: Scenario
    entries: Mapping[Preset, Path | None]
    start: int
    stop: int
    root: np.random.SeedSequence
    n_resamples: int


_Chunk = dict[Key, Floats]


def simulate_tests(
    pairs: Sequence[tuple[Scenario, Preset]],
    *,
    n_sims: int,
    n_resamples: int,
    rng: Rng,
    n_jobs: int,
    client: Any = None,
    cache: bool | FilePath,
    progress: bool,
) -> list[PValues]:
    """P-values of tests on simulated studies.

    Parameters
    ----------
    pairs : sequence of (Scenario, Preset)
        Tests in scenarios; those of one scenario share its simulated studies.
    n_sims : int
        Studies per scenario.
    n_resamples : int
        Resamples of each test.
    rng : int, SeedSequence, Generator or None
        Source of randomness. Study i has the children i of it, in every scenario, and each test
        a child of its own name, so that a p-value depends on nothing else.
    n_jobs : int
        Processes.
    client : dask.distributed.Client, optional
        Where studies are drawn and tested instead.
    cache : bool or path
        Whether and where finished p-values are kept.
    progress : bool
        Whether to show a bar, on a terminal only.

    Returns
    -------
    list of PValues
        In the order of the pairs.
    """
    root = generator_of(rng).bit_generator.seed_seq.spawn(1)[0]  # type: ignore[attr-defined]
    folder = store_folder(cache, "simulations")
    results = {(s.name, t.name): PValues(s, t) for s, t in pairs}
    chunks: dict[tuple[str, str], dict[int, _Chunk]] = {name: {} for name in results}
    tasks = []
    for scenario in {s.name: s for s, _ in pairs}.values():
        tests = [test for s, test in pairs if s.name == scenario.name]
        for start in range(0, n_sims, CHUNK):
            stop = min(start + CHUNK, n_sims)
            open_tests: dict[Preset, Path | None] = {}
            for test in tests:
                entry = _entry(folder, scenario, test, (start, stop), root, n_resamples)
                stored = _load(entry)
                if stored is None:
                    open_tests[test] = entry
                else:
                    chunks[scenario.name, test.name][start] = stored
            if open_tests:
                tasks.append(_Task(scenario, open_tests, start, stop, root, n_resamples))
    total = len(results) * -(-n_sims // CHUNK)
    with terminal_progress(show=progress) as step:
        step("Kept from before", sum(map(len, chunks.values())), total)
        for name, start, finished in each_finished(_work, tasks, n_jobs=n_jobs, client=client):
            for test_name, chunk in finished.items():
                chunks[name, test_name][start] = chunk
            done = sum(map(len, chunks.values()))
            step(f"{name}, study {start + 1} and on", done, total)
    for pair, result in results.items():
        result.rows = _joined(chunks[pair], n_sims)
    return list(results.values())


def _joined(chunks: dict[int, _Chunk], n_sims: int) -> dict[Key, Floats]:
    """Chunks side by side; a row that a study does not have is NaN there."""
    rows: dict[Key, Floats] = {}
    for start in sorted(chunks):
        for key, values in chunks[start].items():
            column = rows.setdefault(key, np.full(n_sims, np.nan))
            column[start : start + len(values)] = values
    return rows


def _work(task: _Task) -> tuple[str, int, dict[str, _Chunk]]:
    """P-values of the tests of a task, written down as soon as they are there."""
    chunks: dict[str, _Chunk] = {test.name: {} for test in task.entries}
    size = task.stop - task.start
    with few_threads(1):
        for place, index in enumerate(range(task.start, task.stop)):
            study = SimulatedStudy(task.scenario.draw(_child(task.root, index)))
            for test in task.entries:
                child = _child(task.root, index, zlib.crc32(test.name.encode()))
                try:
                    frame = test.run(study, np.random.default_rng(child), task.n_resamples)
                except Exception as error:
                    error.add_note(f"in {test.name}, scenario {task.scenario.name}, study {index}")
                    raise
                for key, p_value in p_rows(test, frame).items():
                    row = chunks[test.name].setdefault(key, np.full(size, np.nan))
                    row[place] = p_value
    for test, entry in task.entries.items():
        if entry is not None:
            _keep(entry, chunks[test.name], size)
    return task.scenario.name, task.start, chunks


def _child(root: np.random.SeedSequence, *path: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, *path))


# ------------------------------------------------------------------------- kept


def _entry(
    folder: Path | None,
    scenario: Scenario,
    test: Preset,
    span: tuple[int, int],
    root: np.random.SeedSequence,
    n_resamples: int,
) -> Path | None:
    """Where the p-values of a test on some studies are kept; nowhere for a test from outside."""
    if folder is None or PRESETS.get(test.name) is not test:
        return None
    what = [_FORMAT, scenario.plain(), test.name, n_resamples, root.entropy, root.spawn_key]
    key = hashlib.sha256(json.dumps([*what, code_key()], sort_keys=True).encode()).hexdigest()
    return folder / key[:2] / key[:32] / f"{span[0]}-{span[1]}.npz"


@functools.cache
def code_key(rooms: tuple[str, ...] = _CODE) -> str:
    """Hash of code, and of the data it draws from; words and comments left out.

    By default that of all code that p-values depend on.
    """
    package = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for room in rooms:
        for path in sorted((package / room).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                body = getattr(node, "body", None)
                if isinstance(body, list) and body and _is_text(body[0]):
                    body.pop(0)
            digest.update(path.relative_to(package).as_posix().encode())
            digest.update(ast.dump(tree).encode())
    for path in sorted((package / "data").glob("*/labels.csv")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _keep(entry: Path, chunk: _Chunk, size: int) -> None:
    """Write p-values; the file has its name only when it is whole."""
    keys = json.dumps(list(chunk))
    values = np.array(list(chunk.values())).reshape(len(chunk), size)
    write_arrays(entry, {"keys": np.array(keys), "p_values": values})


def _load(entry: Path | None) -> _Chunk | None:
    """P-values that were kept; None where there are none, or the file is damaged."""
    stored = None if entry is None else load_arrays(entry)
    if stored is None:
        return None
    try:
        keys: Iterable[Any] = json.loads(str(stored["keys"]))
        return {tuple(key): row for key, row in zip(keys, stored["p_values"], strict=True)}
    except (ValueError, KeyError):
        return None

"""Damaged inputs, drawn from seeds: a correct load or an error that names file and place.

``python -m proofs fuzz [TARGET ...] [--inputs N]`` goes on where the tally stops.
"""

from __future__ import annotations

import contextlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd

import muvistats as mv
from muvistats.cli.ratings import study_of as study_of_table
from muvistats.errors import MuvistatsError

from . import mutate, studies

#: An input that takes longer is a hang: in s of the processor, and by the clock, which a busy
#: machine slows down. More memory is a fault, in bytes.
LONGEST = 20
LONGEST_BY_CLOCK = 120
MOST_MEMORY = 2 * 1024**3

Outcome = str


class Hang(BaseException):
    """An input that took too long."""


def _ring(_: int, __: FrameType | None) -> None:
    raise Hang


def outcome_of(
    call: Callable[[], object], check: Callable[[Any], bool] = lambda _: True
) -> Outcome:
    """What an input led to; what is no correct load and no error of ours begins with FAULT."""
    signal.signal(signal.SIGALRM, _ring)
    signal.signal(signal.SIGPROF, _ring)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is of this input alone
    signal.alarm(LONGEST_BY_CLOCK)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            got = call()
        said = "loaded" if check(got) else "FAULT loaded as something else"
    except MuvistatsError as error:
        named = getattr(error, "file", None) or getattr(error, "column", None)
        said = "refused, place named" if named else "refused"
    except Hang:
        return f"FAULT hang over {LONGEST} s"
    except BaseException as error:
        return f"FAULT {type(error).__name__}: {str(error)[:120]}"
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
    memory = _peak()
    return said if memory <= MOST_MEMORY else f"FAULT memory {memory / 1024**3:.1f} GiB"


def _peak() -> int:
    """Most memory of this process since the peak was last cleared, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@contextlib.contextmanager
def _changed(path: Path, content: bytes | None) -> Iterator[None]:
    """A file with other content, or without the file, put back afterwards."""
    kept = path.read_bytes()
    try:
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        yield
    finally:
        path.write_bytes(kept)


@contextlib.contextmanager
def _moved(place: Path, draw: random.Random) -> Iterator[None]:
    """A folder that is not there, or that has another name, put back afterwards."""
    kept = place.with_name(draw.choice((".kept", "other", f"{place.name} ", "items2")))
    place.rename(kept)
    try:
        yield
    finally:
        kept.rename(place)


def _files(store: Path) -> list[Path]:
    return sorted(p for p in store.rglob("*") if p.is_file()) if store.is_dir() else [store]


class Stores:
    """`open_dataset` on stores in which a bit fell, or of which files are lost or exchanged."""

    def __init__(self, folder: Path) -> None:
        self.study = studies.small_study()
        self.stores = [mv.save_dataset(self.study, folder / f"s{ext}") for ext in (".zarr", ".nc")]
        self.files = {store: _files(store) for store in self.stores}

    def run(self, draw: random.Random) -> Outcome:
        store = self.stores[draw.random() < 0.2]  # NetCDF takes several times as long
        chunks = draw.choice((None, {}))
        with self.damaged(store, draw):
            return outcome_of(
                lambda: mv.open_dataset(store, chunks=chunks).load(), self.study.identical
            )

    def damaged(self, store: Path, draw: random.Random) -> AbstractContextManager[None]:
        """A store with a flipped bit, other bytes, a file lost or exchanged, or a folder lost."""
        files = self.files[store]
        file = draw.choice(files)
        kind = draw.randrange(6)
        if kind == 5 and store.is_dir():
            return _moved(draw.choice([p for p in store.iterdir() if p.is_dir()]), draw)
        raw = file.read_bytes()
        content: bytes | None = mutate.flipped(raw, draw) if kind < 3 else mutate.damaged(raw, draw)
        if kind == 4:
            content = draw.choice((None, draw.choice(files).read_bytes()))
        return _changed(file, content)


class Release:
    """`read_muvi` on a folder in which one file is damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = mv.write_muvi(studies.small_release(), folder / "release")
        self.files = _files(self.folder)

    def run(self, draw: random.Random) -> Outcome:
        file = draw.choice(self.files)
        alignment = draw.choice(("released", "corrected"))
        with _changed(file, mutate.damaged(file.read_bytes(), draw)):
            return outcome_of(
                lambda: mv.read_muvi(self.folder, label_alignment=alignment, cache=False), _valid
            )


class Frames:
    """`from_frames` on odd cells, columns, rows and arguments."""

    def __init__(self, _: Path) -> None:
        self.frames = studies.small_frames()

    def run(self, draw: random.Random) -> Outcome:
        frames = self.frames
        options: dict[str, Any] = {"labels": ["joy"], "modalities": ("music",)}
        kind = draw.randrange(4)
        if kind < 3:
            frames = mutate.damaged_frames(frames, draw)
        if kind > 1:
            options |= mutate.some_of(_ARGUMENTS, draw)
        return outcome_of(lambda: mv.from_frames(**{**frames, **options}), _valid)


#: Arguments of `from_frames`, each with what it may be besides what is right.
_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "annotations": (None, 5, {}, pd.DataFrame()),
    "dynamics": (None, "x", []),
    "columns": ({"item": "x"}, {"valence": "arousal"}, {"x": 5}, [], "x"),
    "dimensions": (["arousal"], ["valence", "x"], ["item"], [], "arousal", [5], 5),
    "labels": ("joy", "place", ["joy", "joy"], ["x"], [], 5, pd.DataFrame({"label": ["joy"]})),
    "modalities": (None, (), ("music", "music"), ("a", "b"), [None], "music", 5),
    "item": ("participant", "x", None, 5),
    "scale": ((0, 1), (1, -1), (0,), {"arousal": (-1, 1)}, {"x": (0, 1)}, "x", None, (0, "x")),
    "out_of_scale": ("clip", "exclude", "x", None),
    "tolerance": (0.5, -1, "x", float("nan")),
    "familiar_from": (1, "x", float("inf")),
    "assigned": ({"place": "item"}, {"place": "x"}, {"x": "item"}, [], "x"),
    "study": ("", "a\0b", "\udcff", 5, None),
    "source": ("\0", 5, None),
    "label_alignment": ("released", "x", 5),
    "simulated": (True, "x", 2),
}


class Importers:
    """`read_wide`, `from_votes`, `combine`, tables in files, audformat, data of the page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wide, self.votes = studies.small_wide(), studies.small_votes()
        self.parts = studies.small_parts()
        self.tables = studies.table_files(folder)
        self.site = studies.small_site(folder / "site")
        self.site_files = _files(self.site)
        self.database = mv.write_audformat(studies.small_study(), folder / "database")
        self.database_files = _files(self.database)
        tables = (self._table, self._table, self._database)
        self.kinds = (self._wide, self._votes, self._combine, self._site, *tables)

    def run(self, draw: random.Random) -> Outcome:
        return draw.choice(self.kinds)(draw)

    def _wide(self, draw: random.Random) -> Outcome:
        table = mutate.damaged_frames({"table": self.wide}, draw)["table"]
        options = mutate.some_of(_WIDE, draw)
        return outcome_of(
            lambda: mv.from_frames(mv.read_wide(table, **options), dimensions=["tension"]), _valid
        )

    def _votes(self, draw: random.Random) -> Outcome:
        votes = mutate.damaged_frames({"votes": self.votes}, draw)["votes"]
        options = {"labels": ["joy", "fear"], **mutate.some_of(_VOTES, draw)}
        return outcome_of(lambda: mv.from_votes(votes, **options), _valid)

    def _combine(self, draw: random.Random) -> Outcome:
        name = draw.choice(sorted(self.parts))
        try:
            part = mutate.damaged_tree(self.parts[name], draw)
        except Exception:  # xarray makes no such tree
            return "no input"
        return outcome_of(lambda: mv.combine({**self.parts, name: part}), _valid)

    def _table(self, draw: random.Random) -> Outcome:
        file = draw.choice(self.tables)
        said: dict[str, str | None] = dict.fromkeys(_SAID)
        said |= mutate.some_of(_SAID, draw)
        with _changed(file, mutate.damaged(file.read_bytes(), draw)):
            return outcome_of(lambda: study_of_table(file, said), _valid)

    def _database(self, draw: random.Random) -> Outcome:
        file = draw.choice(self.database_files)
        with _changed(file, mutate.damaged(file.read_bytes(), draw)):
            return outcome_of(lambda: mv.read_audformat(self.database), _valid)

    def _site(self, draw: random.Random) -> Outcome:
        file = draw.choice(self.site_files)
        with _changed(file, mutate.damaged(file.read_bytes(), draw)):
            return outcome_of(lambda: mv.read_annotations(self.site), _valid)


#: Arguments of the importers, each with what it may be besides nothing.
_WIDE: dict[str, tuple[Any, ...]] = {
    "across": ("participant", "time", "words"),
    "keys": (["item"], ["item", "x"], "item", 3),
    "dimension": ("tension", "", "a/b", None),
    "pattern": ("(?P<participant>P.)", "(", "(?P<time>.*)", ".*", 5),
    "interval": (0.5, 0, "x", float("nan")),
}
_VOTES: dict[str, tuple[Any, ...]] = {
    "labels": (["joy", "none"], ["joy"], ["joy", "joy"], 5),
    "question": ("", "item", "a/b", None),
    "item": ("joy", "x", None),
    "modalities": (("music",), (), "music", [3]),
}
_SAID: dict[str, tuple[Any, ...]] = {
    "item": ("item", "tension", "x", ""),
    "participant": ("participant", "item", ""),
    "session": ("x", "tension"),
    "modality": ("item", "x"),
    "dimensions": ("tension", "tension,item", ","),
    "labels": ("joy", "joy,joy", ""),
    "scale": ("1,9", "9,1", "1", "nan,inf", "x"),
    "familiar_from": ("3", "x", ""),
    "out_of_scale": ("clip", "x"),
}


class Trees:
    """`validate` on studies that were changed by hand."""

    def __init__(self, _: Path) -> None:
        self.study = studies.small_study()

    def run(self, draw: random.Random) -> Outcome:
        try:
            tree = mutate.damaged_tree(self.study, draw)
        except Exception:  # xarray makes no such tree
            return "no input"
        return outcome_of(lambda: mv.validate(tree))


class CommandLine:
    """Commands as processes, on damaged files and odd arguments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stores = Stores(folder)
        self.release = Release(folder)

    def run(self, draw: random.Random) -> Outcome:
        store = draw.choice([*self.stores.stores, self.release.folder])
        file = draw.choice(_files(store))
        out = self.folder / "out.csv"
        words = ["modality", "\0", "a b", "__import__('os')", "familiar > 0", "-1", "", "$x$"]
        command = draw.choice(
            (
                ["validate", str(store)],
                ["table", "label_frequencies", str(store), "--out", str(out)],
                ["table", "chisquare_labels", str(store), "--by", draw.choice(words)],
                ["table", "kruskal", str(store), "--formula", f"arousal ~ {draw.choice(words)}"],
            )
        )
        if any("\0" in word for word in command):
            return "no input"
        before = {*self.folder.rglob("*")}
        with _changed(file, mutate.damaged(file.read_bytes(), draw)):
            run = subprocess.run(
                [sys.executable, "-m", "proofs", "command", *command],
                capture_output=True,
                text=True,
                preexec_fn=_limited,
                check=False,
            )
        new = {*self.folder.rglob("*")} - before - {out}
        out.unlink(missing_ok=True)
        if new:
            return f"FAULT new files {sorted(p.name for p in new)}"
        said = run.stderr.strip().splitlines() or [""]
        if run.returncode == 0:
            return "loaded"
        if run.returncode == -signal.SIGXCPU:
            return f"FAULT hang over {LONGEST} s"
        if run.returncode == 2 and said[-1].startswith("muvistats: error:"):
            return "refused, place named"
        return f"FAULT exit {run.returncode}: {said[-1][:120]}"


def _limited() -> None:
    """In a process before its command: what it may take of the processor."""
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST + 10))


TARGETS: dict[str, tuple[type, int]] = {
    "open_dataset": (Stores, 10_000),
    "read_muvi": (Release, 10_000),
    "from_frames": (Frames, 10_000),
    "validate": (Trees, 10_000),
    "importers": (Importers, 10_000),
    "command_line": (CommandLine, 300),
}


def _valid(study: Any) -> bool:
    mv.validate(study)
    return True


def run_inputs(target: str, first: int, last: int) -> Iterator[tuple[int, Outcome]]:
    """Outcome of each input of a target, by its number, which is its seed."""
    folder = Path(tempfile.mkdtemp(prefix="muvistats-fuzz-"))
    try:
        made = TARGETS[target][0](folder)
        for number in range(first, last):
            yield number, made.run(random.Random(f"{target} {number}"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tally_of(outcomes: Iterator[tuple[int, Outcome]]) -> tuple[Counter[str], list[str]]:
    """How often each outcome came, and the inputs at fault."""
    count: Counter[str] = Counter()
    faults = []
    for number, outcome in outcomes:
        count[outcome.split(":")[0] if outcome.startswith("FAULT") else outcome] += 1
        if outcome.startswith("FAULT"):
            faults.append(f"{number}: {outcome}")
    return count, faults

"""Mutants are tried in forks of a process in which the tests of their folder are collected already.

There the code of the edited functions is exchanged. An edit that shows when modules are imported is
tried in a process that imports the package with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.util
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import NoReturn, TypeVar

import pytest

from . import mutants, reach
from .mutants import Mutant
from .reach import ROOT, Reach

T = TypeVar("T")

#: Where the tests of unedited modules write.
SAID = Path(tempfile.gettempdir()) / "muvistats_unedited.txt"

#: Seconds of processor time that a test gets: by how much more than it takes without an edit, and
#: what comes on top; and what it takes to import the package. Endless loops are noticed too.
TIMES, MORE, IMPORTS = 5, 5, 60

#: Bytes of memory that a mutant gets.
MEMORY = 16 * 1024**3

#: A test may wait for an hour by the clock. Nobody reads the reports of failures.
_OPTIONS = ("-x", "-q", "-s", "--tb=native", "-p", "no:cacheprovider", "-o", "timeout=3600")

#: A mutant, ``killed``, ``timeout`` or ``survived``, seconds of processor time, and the test.
Outcome = tuple[Mutant, str, float, str]


def outcomes(drawn: list[Mutant], jobs: int) -> Iterator[Outcome]:
    """What became of each mutant; so many at once as `jobs` says.

    All are tried on the tests that stand under the name of their folder, and those that survive
    on the others.
    """
    spent = dict.fromkeys(drawn, 0.0)
    for is_last in (False, True):
        folders: dict[str, list[Mutant]] = {}
        for mutant in spent:
            folders.setdefault(str(Path(mutant.path).parent), []).append(mutant)
        for folder, own in folders.items():
            tests = reach.tests_of(folder)[is_last]
            found = tried_on(tests, own, jobs) if tests else ((m, "survived", 0.0, "") for m in own)
            for mutant, word, seconds, by in found:
                spent[mutant] += seconds
                if word != "survived" or is_last:
                    yield mutant, word, spent.pop(mutant), by


def tried_on(tests: list[str], own: list[Mutant], jobs: int) -> Iterator[Outcome]:
    """What became of mutants of a folder on some of their tests."""
    found = _recorded(tests)
    inside = [m for m in own if mutants.function_of(m) and not found.shows_at_import(m)]
    if inside:
        for place, status, seconds, by in _in_room(tests, inside, found, jobs):
            yield inside[place], _word(status, inside[place]), seconds, by
    others = [mutant for mutant in own if mutant not in inside]
    if others:
        found = _recorded([*tests, reach.RULES])
        work = [(mutant, partial(_with_import, mutant, found)) for mutant in others]
        for mutant, status, seconds, by in _in_forks(work, jobs):
            yield mutant, _word(status, mutant), seconds, by


def _word(status: int, mutant: Mutant) -> str:
    if status == 0:
        return "survived"
    if -status in (signal.SIGPROF, signal.SIGXCPU):
        return "timeout"
    if status in (1, 2) or (status < 0 and -status != signal.SIGKILL):  # failed, or cannot be read
        return "killed"
    raise RuntimeError(f"the tests of {mutant.name} do not run: {status}")


def _recorded(tests: list[str]) -> Reach:
    """What tests enter: those that nobody recorded run without an edit, which must stand."""
    unknown = [test for test in tests if not reach.record_of(test).exists()]

    def run(_: Path) -> int:
        room = [path for part in mutants.PARTS for path in mutants.files_of(part)]
        sys.meta_path.insert(0, _Loader({p: partial(mutants.marked, p) for p in room}))
        return _run_tests(unknown, reach.Recorder())

    if unknown:
        for _, status, _, _ in _in_forks([(None, run)], 1, said=SAID):
            if status:
                raise RuntimeError(f"tests do not stand without an edit ({status}), see {SAID}")
    return Reach(tests)


def _run_tests(tests: list[str], plugin: object) -> int:
    return int(pytest.main([*_OPTIONS, *(str(ROOT / test) for test in tests)], [plugin, _First()]))


class _First:
    """Plugin of pytest: a failure of hypothesis is enough, neither made smaller nor kept."""

    def pytest_sessionstart(self) -> None:
        from hypothesis import Phase, settings

        phases = [Phase.explicit, Phase.generate]
        settings.register_profile("mutants", phases=phases, database=None, deadline=None)
        settings.load_profile("mutants")


def _in_forks(
    work: list[tuple[T, Callable[[Path], int]]], jobs: int, *, said: Path = Path(os.devnull)
) -> Iterator[tuple[T, int, float, str]]:
    """Each thing with the status of its call in a fork, its seconds, and what it wrote down."""
    waiting, running = work[::-1], dict[int, tuple[T, Path]]()
    while waiting or running:
        if waiting and len(running) < jobs:
            thing, call = waiting.pop()
            folder = Path(tempfile.mkdtemp(prefix="muvistats-mutant-"))
            child = os.fork()
            if child == 0:
                _leave(call, folder, said)
            running[child] = thing, folder
            continue
        child, status, used = os.wait4(-1, 0)
        thing, folder = running.pop(child)
        with contextlib.suppress(ProcessLookupError):  # what its tests have started
            os.killpg(child, signal.SIGKILL)
        by = folder / "by"
        test = by.read_text() if by.exists() else ""
        shutil.rmtree(folder, ignore_errors=True)
        yield thing, os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, test


def _leave(call: Callable[[Path], int], folder: Path, said: Path) -> NoReturn:
    """In a fork: end with what a call says, with a folder of its own for temporary files."""
    status = 3
    try:
        os.setsid()
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
        status = call(folder)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _in_room(
    tests: list[str], own: list[Mutant], found: Reach, jobs: int
) -> Iterator[tuple[int, int, float, str]]:
    """Outcomes of mutants by their places, from a process that has collected the tests."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        plugin = Trials(own, found, jobs, write)
        _leave(lambda _: _run_tests(tests, plugin), Path(tempfile.gettempdir()), SAID)
    os.close(write)
    with os.fdopen(read) as lines:
        for line in lines:
            yield tuple(json.loads(line))
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"the tests of {own[0].path} cannot be collected, see {SAID}")


class Trials:
    """Plugin of pytest that tries mutants in place of running what was collected.

    Parameters
    ----------
    own : list of Mutant
        Edits of functions.
    found : Reach
        Which tests enter which functions.
    jobs : int
        Mutants that are tried at once.
    out : int
        Where outcomes are written, a line each.
    """

    def __init__(self, own: list[Mutant], found: Reach, jobs: int, out: int) -> None:
        self.own, self.found, self.jobs, self.out = own, found, jobs, out

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        functions = _functions({mutant.path for mutant in self.own})
        gc.freeze()
        work = [
            (place, partial(self._try, session, items, functions[mutant.path], mutant))
            for place, mutant in enumerate(self.own)
        ]
        for outcome in _in_forks(work, self.jobs):
            os.write(self.out, json.dumps(outcome).encode() + b"\n")
        return True

    def _try(
        self,
        session: pytest.Session,
        items: dict[str, pytest.Item],
        functions: list[FunctionType],
        mutant: Mutant,
        folder: Path,
    ) -> int:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        _exchange(functions, mutant)
        limits = self.found.chosen(mutant)
        names = list(limits)
        for name, following in zip(names, [*names, None][1:], strict=True):
            (folder / "by").write_text(name)
            signal.setitimer(signal.ITIMER_PROF, TIMES * limits[name] + MORE)
            nextitem = items[following] if following else None
            session.config.hook.pytest_runtest_protocol(item=items[name], nextitem=nextitem)
            if session.testsfailed:
                return 1
        (folder / "by").unlink(missing_ok=True)
        return 0


def _functions(paths: set[str]) -> dict[str, list[FunctionType]]:
    """Functions that were made from files of the package."""
    files = {str(ROOT / "muvistats" / path): path for path in paths}
    found: dict[str, list[FunctionType]] = {path: [] for path in paths}
    for path in paths:
        importlib.import_module(_module(path))
    for each in gc.get_objects():
        if type(each) is FunctionType and each.__code__.co_filename in files:
            found[files[each.__code__.co_filename]].append(each)
    return found


def _exchange(functions: list[FunctionType], mutant: Mutant) -> None:
    """Give functions their edited code."""
    pairs = zip(_codes(mutants.compiled(mutant.path)), _codes(mutants.mutated(mutant)), strict=True)
    edited = {_key(code): other for code, other in pairs if code != other}
    count = 0
    for function in functions:
        other = edited.get(_key(function.__code__))
        if other is not None:
            function.__code__ = other
            count += 1
    if not count:
        raise RuntimeError(f"{mutant.name}: its function is not there")


def _codes(code: CodeType) -> Iterator[CodeType]:
    """What stands inside code: functions and classes."""
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


def _key(code: CodeType) -> tuple:
    return code.co_qualname, code.co_firstlineno, code.co_linetable


def _with_import(mutant: Mutant, found: Reach, folder: Path) -> int:
    """Run the tests of a mutant that shows when its module is imported."""
    limits = found.chosen(mutant)
    seconds = round(TIMES * sum(limits.values())) + IMPORTS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 10))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.meta_path.insert(0, _Loader({mutant.path: partial(mutants.mutated, mutant)}))
    files = list(dict.fromkeys(reach.file_of(name) for name in limits))
    return _run_tests(files, _Chooser(list(limits), folder / "by")) if files else 0


class _Chooser:
    """Plugin of pytest that runs chosen tests in their order."""

    def __init__(self, names: list[str], by: Path) -> None:
        self.places = {name: place for place, name in enumerate(names)}
        self.by = by

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = [item for item in items if item.nodeid in self.places]
        items[:] = sorted(kept, key=lambda item: self.places[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.by.write_text(report.nodeid)


class _Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads modules of the package from another source: code, by path."""

    def __init__(self, codes: dict[str, Callable[[], CodeType]]) -> None:
        self.codes = {_module(path): (path, code) for path, code in codes.items()}

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name not in self.codes:
            return None
        file = ROOT / "muvistats" / self.codes[name][0]
        inside = [str(file.parent)] if file.stem == "__init__" else None
        return importlib.util.spec_from_file_location(
            name, file, loader=self, submodule_search_locations=inside
        )

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(reach.marks())
        exec(self.codes[module.__name__][1](), module.__dict__)


def _module(path: str) -> str:
    return f"muvistats.{path.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}"


def load_libraries() -> None:
    """What every fork needs, loaded once; nothing of the package itself."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    for name in ("numpy", "scipy.stats", "pandas", "xarray", "patsy", "statsmodels.api"):
        importlib.import_module(name)

"""Which tests enter which functions: a mutant needs no others, and the quickest first.

The tests are run once without an edit. The modules that mutants are drawn from then have a mark at
the beginning of each function. What a fixture enters belongs to the tests that ask for it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from .mutants import MARK, ROOT, Mutant, function_of

#: What a room's mutants are tested with, besides the tests that stand under its own name.
TESTS = {
    "kernels/mixed": (
        "stats/models",
        "oracle/test_r_mixed_models.py",
        "oracle/test_r_glmm_drawn.py",
    ),
    "kernels/permutation": ("stats/ranks", "stats/labels", "oracle/test_r_rank_tests.py"),
    "kernels/ranks": (
        "kernels/permutation/test_dealt.py",
        "stats/ranks",
        "oracle/test_r_rank_tests.py",
    ),
    "kernels/raters": ("stats/agreement", "oracle/test_r_agreement.py", "oracle/test_r_ordinal.py"),
    "kernels/regression": ("stats/prediction", "stats/models", "oracle/test_r_lasso.py"),
    "kernels/sampling": ("stats/agreement", "stats/modalities", "stats/labels"),
    "kernels": ("property/test_kernels_to_fifty_digits.py", "stats/labels", "dataset"),
    "formula": ("property", "stats/models", "oracle/test_r_mixed_models.py"),
    "stats/models": ("oracle/test_r_mixed_models.py", "oracle/test_r_trends.py"),
    "stats/labels": ("oracle/test_r_label_tables.py", "oracle/test_r_contingency.py"),
    "stats/ranks": ("oracle/test_r_rank_tests.py", "oracle/test_pingouin.py"),
    "stats/agreement": ("oracle/test_r_agreement.py", "oracle/test_r_ordinal.py"),
    "stats/modalities": ("oracle/test_r_modality_correlations.py",),
    "stats/associations": ("oracle/test_pingouin.py",),
}

#: Where records are kept.
KEPT = Path(tempfile.gettempdir()) / "muvistats_reach"

#: Tests of signatures, which enter no function: they see the lines of a module.
RULES = "tests/contract/test_conventions.py"

#: Functions that were entered since this was last emptied, as ``path:line``.
_entered: set[str] = set()


def tests_of(folder: str) -> tuple[list[str], list[str]]:
    """Test files that look at a folder of the package: those of its own name, and the others."""
    tests = ROOT / "tests"
    near = sorted((tests / folder).glob("test_*.py"))
    places = [tests / place for place in TESTS.get(folder, ())]
    far = [f for p in places for f in ([p] if p.is_file() else sorted(p.rglob("test_*.py")))]
    names = [[file.relative_to(ROOT).as_posix() for file in files] for files in (near, far)]
    return names[0], [name for name in names[1] if name not in names[0]]


def record_of(test: str) -> Path:
    """File that says what the tests of a file enter; another one for other sources."""
    digest = hashlib.sha256(_sources())
    digest.update((ROOT / test).read_bytes())
    name = test.removesuffix(".py").replace("/", "_")
    return KEPT / f"{name}_{digest.hexdigest()[:16]}.json"


@functools.cache
def _sources() -> bytes:
    digest = hashlib.sha256()
    for file in sorted((ROOT / "muvistats").rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.digest()


def marks() -> dict[str, object]:
    """Name that a marked module must know."""
    return {MARK: _entered.add}


class Recorder:
    """Plugin of pytest that notes what each test enters, its seconds, and what it shares."""

    def __init__(self) -> None:
        self.imports: list[str] = []
        self.fixtures: dict[str, set[str]] = {}
        self.spent = Counter[str]()
        self.tests: dict[str, dict] = {}

    def pytest_collection_finish(self) -> None:
        self.imports = sorted(_entered)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef) -> Iterator[None]:
        if fixturedef.scope == "function":
            return (yield)
        before, start = set(_entered), time.process_time()
        _entered.clear()
        try:
            return (yield)
        finally:
            self.spent[fixturedef.argname] += time.process_time() - start
            self.fixtures.setdefault(fixturedef.argname, set()).update(_entered)
            _entered.clear()
            _entered.update(before)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Function, nextitem: pytest.Item | None
    ) -> Iterator[None]:
        _entered.clear()
        start = time.process_time() - self.spent.total()
        try:
            return (yield)
        finally:
            seconds = time.process_time() - self.spent.total() - start
            wide = [name for name in item.fixturenames if self.fixtures.get(name)]
            entered = _entered.union(*(self.fixtures[name] for name in wide))
            kept = [vars(item.module).values()] if item.module else []
            cached = any(hasattr(value, "cache_info") for values in kept for value in values)
            self.tests[item.nodeid] = {
                "seconds": round(seconds, 3),
                "fixtures": round(sum(self.spent[name] for name in item.fixturenames), 3),
                "shares": wide + ["a cache"] * cached,
                "entered": sorted(entered),
            }
            if nextitem is None or nextitem.path != item.path:
                record = record_of(file_of(item.nodeid))
                record.parent.mkdir(exist_ok=True)
                if not item.session.testsfailed:
                    record.write_text(json.dumps({"imports": self.imports, "tests": self.tests}))
                self.tests = {}


class Reach:
    """What was recorded of the tests of a room.

    Parameters
    ----------
    files : list of str
        Test files, all of which have been recorded.
    """

    def __init__(self, files: list[str]) -> None:
        records = [json.loads(record_of(file).read_text()) for file in files]
        self.imports = {mark for record in records for mark in record["imports"]}
        self.tests = {name: test for record in records for name, test in record["tests"].items()}

    def shows_at_import(self, mutant: Mutant) -> bool:
        """Whether its function is entered before the first test."""
        return _mark(mutant) in self.imports

    def chosen(self, mutant: Mutant) -> dict[str, float]:
        """Tests for a mutant in their order, each with the seconds that it takes without an edit.

        First those that enter its function (for a line of the module: one of its functions); then,
        since results may be kept between tests, those that share something with them. What is
        quick comes first.
        """
        entering = self._entering(mutant)
        shared = {(file_of(name), each) for name in entering for each in self.tests[name]["shares"]}
        chosen = entering | {
            name
            for name, test in self.tests.items()
            if any((file_of(name), each) in shared for each in test["shares"])
        }
        files = Counter[str]()
        for name in entering:
            files[file_of(name)] += self.tests[name]["seconds"]
        for file in files:
            files[file] += max(self.tests[n]["fixtures"] for n in entering if file_of(n) == file)

        def order(name: str) -> tuple:
            file = file_of(name)
            return name not in entering, files[file], file, self.tests[name]["seconds"]

        return {
            name: self.tests[name]["seconds"] + self.tests[name]["fixtures"]
            for name in sorted(chosen, key=order)
        }

    def _entering(self, mutant: Mutant) -> set[str]:
        if self.shows_at_import(mutant):
            return set(self.tests)
        is_inside = function_of(mutant) > 0
        mark = _mark(mutant) if is_inside else f"{mutant.path}:"
        entering = {
            name
            for name, test in self.tests.items()
            if any(e == mark or (not is_inside and e.startswith(mark)) for e in test["entered"])
        }
        if is_inside:
            return entering
        rules = {name for name in self.tests if file_of(name) == RULES}
        return entering | rules if entering else set(self.tests)


def _mark(mutant: Mutant) -> str:
    return f"{mutant.path}:{function_of(mutant)}"


def file_of(test: str) -> str:
    """File of a test."""
    return test.partition("::")[0]

"""Which tests enter which functions: a mutant needs no others, and the quickest first.

The tests of a room are run once without an edit. The modules that mutants are drawn from then have
a mark at the beginning of each function. What runs while files are collected belongs to all tests,
and what runs in fixtures to all tests of the file.
"""

from __future__ import annotations

import ast
import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: What a room's mutants are tested with, after the tests that stand under its own name.
TESTS = {
    "kernels/mixed": (
        "stats/models",
        "oracle/test_r_mixed_models.py",
        "oracle/test_r_glmm_drawn.py",
    ),
    "kernels/permutation": ("stats/ranks", "stats/labels", "oracle/test_r_rank_tests.py"),
    "kernels/ranks": ("stats/ranks", "oracle/test_r_rank_tests.py"),
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

_MARK = "__reached__"

#: Functions that were entered since this was last emptied, as ``path:line``.
_entered: set[str] = set()


def tests_of(path: str) -> list[str]:
    """Test files and folders that look at a file of the package, nearest first."""
    tests = ROOT / "tests"
    folder, name = str(Path(path).parent), Path(path).stem
    own = sorted(tests.glob(f"{folder}/test_{name}*.py"))
    room = [tests / folder] if (tests / folder).is_dir() else []
    listed = [tests / each for each in (*TESTS.get(folder, ()), "contract/test_conventions.py")]
    return [str(each) for each in dict.fromkeys([*own, *room, *listed]) if each.exists()]


def record_of(path: str) -> Path:
    """File that says which tests enter the functions of a folder; another one for other sources."""
    digest = hashlib.sha256()
    for file in sorted((ROOT / "muvistats").rglob("*.py")):
        digest.update(file.read_bytes())
    name = str(Path(path).parent).replace("/", "_")
    return Path(tempfile.gettempdir(), f"muvistats_reach_{digest.hexdigest()[:16]}_{name}.json")


def unrecorded(path: str, record: Path) -> set[str]:
    """Test files that came after the record was made."""
    found = [Path(each) for each in tests_of(path)]
    files = {
        file for each in found for file in ([each] if each.is_file() else each.rglob("test_*.py"))
    }
    names = {file.relative_to(ROOT).as_posix() for file in files}
    return names - set(map(_file, json.loads(record.read_text())["tests"]))


def owners(tree: ast.AST, owner: int = 0) -> Iterator[tuple[ast.AST, int]]:
    """Each node with the line of the function in whose body it stands, 0 for the module."""
    for name, value in ast.iter_fields(tree):
        inside = isinstance(tree, ast.FunctionDef) and name == "body"
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                own = tree.lineno if inside else owner
                yield child, own
                yield from owners(child, own)


def marked(tree: ast.Module, path: str) -> None:
    """Put a mark into each function of a module."""
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.FunctionDef):
            call = ast.Call(
                ast.Name(_MARK, ast.Load()), [ast.Constant(f"{path}:{node.lineno}")], []
            )
            at = 1 if ast.get_docstring(node, clean=False) is not None else 0
            node.body.insert(at, ast.copy_location(ast.Expr(call), node.body[0]))
    ast.fix_missing_locations(tree)


def marks() -> dict[str, object]:
    """Name that a marked module must know."""
    return {_MARK: _entered.add}


class Recorder:
    """Plugin of pytest that notes what each test enters, and its seconds."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.everywhere: set[str] = set()
        self.files: dict[str, set[str]] = {}
        self.tests: dict[str, tuple[float, list[str]]] = {}

    def pytest_collection_finish(self) -> None:
        self.everywhere.update(_entered)
        _entered.clear()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef) -> Iterator[None]:
        before = set(_entered)
        _entered.clear()
        try:
            return (yield)
        finally:
            if fixturedef.scope == "session":
                self.everywhere.update(_entered)
            _entered.update(before)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self.files.setdefault(_file(item.nodeid), set()).update(_entered)
        _entered.clear()
        start = time.process_time()
        try:
            return (yield)
        finally:
            self.tests[item.nodeid] = (time.process_time() - start, sorted(_entered))
            _entered.clear()

    def pytest_sessionfinish(self) -> None:
        files = {file: sorted(entered) for file, entered in self.files.items()}
        found = {"everywhere": sorted(self.everywhere), "files": files, "tests": self.tests}
        self.out.write_text(json.dumps(found))


class Chooser:
    """Plugin of pytest that runs tests that nobody recorded, and then those that were chosen."""

    def __init__(self, record: Path, chosen: list[str]) -> None:
        self.recorded = set(json.loads(record.read_text())["tests"])
        self.places = {name: place for place, name in enumerate(chosen)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        place = {i.nodeid: -1 for i in items if i.nodeid not in self.recorded} | self.places
        kept = [item for item in items if item.nodeid in place]
        items[:] = sorted(kept, key=lambda item: place[item.nodeid])


def chosen(record: Path, path: str, line: int) -> tuple[list[str], float]:
    """Tests for a mutant, and the seconds that they take together.

    First those that enter the function, or all for a line of the module; then, since results may
    be kept between tests, the others of their files. Quick ones come first.

    Parameters
    ----------
    record : Path
        What a `Recorder` wrote.
    path : str
        File of the package.
    line : int
        First line of the function, 0 for the module.
    """
    found = json.loads(record.read_text())
    mark = f"{path}:{line}"
    every = not line or mark in found["everywhere"]
    entering = {
        name
        for name, (_, entered) in found["tests"].items()
        if every or mark in entered or mark in found["files"][_file(name)]
    }
    files: dict[str, float] = {}
    for name in entering:
        files[_file(name)] = files.get(_file(name), 0.0) + found["tests"][name][0]
    seconds = {name: spent for name, (spent, _) in found["tests"].items() if _file(name) in files}
    order = sorted(
        seconds, key=lambda n: (n not in entering, files[_file(n)], _file(n), seconds[n])
    )
    return order, sum(seconds.values())


def _file(test: str) -> str:
    return test.partition("::")[0]

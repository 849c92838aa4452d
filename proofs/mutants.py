"""Small faults put into the numerics, each of which some test must notice.

A mutant is one edit of one expression: another comparison, sign, constant, extreme. It is drawn by
`SEED`, at least one in every file, and a file that changes leaves most mutants of the others as
they are. A fork of this process, in which the libraries are loaded already, imports the package
with the edit and runs the tests of its room until one fails.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.abc
import importlib.util
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

from . import reach
from .reach import ROOT

#: Draws the mutants; another number draws others.
SEED = 20261129

#: Where the tests of unedited modules write.
SAID = Path(tempfile.gettempdir()) / "muvistats_unedited.txt"

#: Place of the edit of a module that stays as it is.
NO_EDIT = -1

#: Seconds of processor time for the tests of one mutant: by how much more than they take without
#: an edit, and what else goes into reading them; without a record, so long. An endless loop is
#: noticed too.
TIMES, LEAST, LONGEST = 5, 60, 600

#: Seconds by the clock, for what waits forever.
PATIENCE = 3600

#: Mutants by part, and the folders over which they are spread.
PARTS = {
    "kernels_and_formula": (400, ("kernels", "formula")),
    "stats": (200, ("stats",)),
}

_COMPARISONS: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_NAMES = {
    pair[place]: pair[1 - place]
    for pair in (("min", "max"), ("any", "all"), ("minimum", "maximum"), ("floor", "ceil"))
    for place in (0, 1)
}


@dataclass(frozen=True)
class Mutant:
    """One edit: the place-th that can be made in a file of the package."""

    path: str
    place: int
    line: int
    edit: str

    @property
    def name(self) -> str:
        return f"{self.path}:{self.line} {self.edit} [{self.place}]"


Edit = tuple[ast.AST, str, Callable[[], None]]


def edits_of(tree: ast.Module) -> list[Edit]:
    """Every edit that can be made in a module: where, in words, and the function that makes it."""
    found: list[Edit] = []
    for node in _code(tree):
        found.extend(_edits(node))
    return found


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes that compute: no annotations, no texts, no `__all__`, nothing for types only."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_params", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr | ast.Raise):
                continue
            if isinstance(child, ast.Assign) and "__all__" in ast.unparse(child.targets[0]):
                continue
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            yield child
            yield from _code(child)


def _edits(node: ast.AST) -> Iterator[Edit]:
    def put(name: str, value: object) -> Callable[[], None]:
        return lambda: setattr(node, name, value)

    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _COMPARISONS:
            other = _COMPARISONS[type(operator)]
            yield node, _words(operator, other), put("ops", [other()])
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in _OPERATORS:
            other = _OPERATORS[type(operator)]
            yield node, _words(operator, other), put("op", other())
        case ast.BoolOp(op=operator):
            other = ast.Or if isinstance(operator, ast.And) else ast.And
            yield node, _words(operator, other), put("op", other())
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert() as operator):
            # twice the same for `not` and `~` is the value itself; a sign becomes a plus
            plain = ast.UAdd() if isinstance(operator, ast.USub) else operator
            operand = node.operand if plain is not operator else ast.UnaryOp(plain, node.operand)
            ast.fix_missing_locations(ast.copy_location(operand, node))
            words = f"{type(operator).__name__} dropped"
            if plain is operator:
                yield node, words, put("operand", operand)
            else:
                yield node, words, put("op", plain)
        case ast.Constant(value=bool() as value):
            yield node, f"{value} to {not value}", put("value", not value)
        case ast.Constant(value=int() | float() as value):
            yield node, f"{value} to {value + 1}", put("value", value + 1)
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in _NAMES:
            field = "id" if isinstance(node, ast.Name) else "attr"
            yield node, f"{name} to {_NAMES[name]}", put(field, _NAMES[name])


def _words(operator: ast.AST, other: type) -> str:
    return f"{type(operator).__name__} to {other.__name__}"


def digests(part: str) -> dict[str, str]:
    """Digest of each file that mutants of a part are drawn from."""
    package = ROOT / "muvistats"
    return {
        path: hashlib.sha256((package / path).read_bytes()).hexdigest() for path in _files(part)
    }


def _files(part: str) -> list[str]:
    package = ROOT / "muvistats"
    folders = [package / folder for folder in PARTS[part][1]]
    found = [file for folder in folders for file in folder.rglob("*.py")]
    return sorted(file.relative_to(package).as_posix() for file in found)


def draw(part: str) -> list[Mutant]:
    """The mutants of a part: each edit has a number; the first of every file, then the others."""
    number, _ = PARTS[part]
    numbered: list[tuple[bytes, Mutant]] = []
    for path in _files(part):
        edits = edits_of(ast.parse((ROOT / "muvistats" / path).read_text(encoding="utf-8")))
        for place, (node, words, _) in enumerate(edits):
            own = f"{SEED} {path} {place} {words}".encode()
            mutant = Mutant(path, place, getattr(node, "lineno", 0), words)
            numbered.append((hashlib.sha256(own).digest(), mutant))
    numbered.sort(key=lambda pair: pair[0])
    first: dict[str, Mutant] = {}
    rest = [m for _, m in numbered if first.setdefault(m.path, m) is not m]
    drawn = [*first.values(), *rest[: number - len(first)]]
    return sorted(drawn, key=lambda mutant: (mutant.path, mutant.line, mutant.place))


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


def _tree(path: str) -> tuple[ast.Module, str]:
    file = ROOT / "muvistats" / path
    return ast.parse(file.read_text(encoding="utf-8")), str(file)


def mutated(mutant: Mutant) -> CodeType:
    """The compiled module with its edit."""
    tree, file = _tree(mutant.path)
    edits_of(tree)[mutant.place][2]()
    return compile(tree, file, "exec")


def _marked(path: str) -> CodeType:
    """The compiled module with a mark in each function."""
    tree, file = _tree(path)
    reach.marked(tree, path)
    return compile(tree, file, "exec")


def _function(mutant: Mutant) -> int:
    """Line of the function that is edited, 0 for what runs with the import."""
    tree, _ = _tree(mutant.path)
    edited = edits_of(tree)[mutant.place][0]
    return next(line for node, line in reach.owners(tree) if node is edited)


def unedited(mutants: list[Mutant]) -> list[Mutant]:
    """One mutant of each folder, without its edit: its tests must stand, and are recorded."""
    folders = {str(Path(mutant.path).parent): mutant.path for mutant in mutants}
    paths = [path for path in folders.values() if not reach.record_of(path).exists()]
    return [Mutant(path, NO_EDIT, 0, "no edit") for path in paths]


def outcomes(mutants: list[Mutant], jobs: int = 2) -> Iterator[tuple[Mutant, str, int]]:
    """Each mutant with ``killed``, ``timeout`` or ``survived``, and the seconds that took."""
    waiting, running = mutants[::-1], dict[int, tuple[Mutant, float]]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            child = os.fork()
            if child == 0:
                _run(mutant)
            running[child] = (mutant, time.monotonic())
        time.sleep(0.05)
        for child, (mutant, start) in list(running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            seconds = time.monotonic() - start
            if not ended and seconds < PATIENCE:
                continue
            if not ended:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
            del running[child]
            code = os.waitstatus_to_exitcode(status) if ended else -signal.SIGXCPU
            if code not in (0, 1, 2, -signal.SIGXCPU):  # all stand, one failed, nothing to read
                raise RuntimeError(f"the tests of {mutant.name} do not run: {code}")
            word = "timeout" if code < 0 else "killed" if code else "survived"
            yield mutant, word, round(seconds)


def _run(mutant: Mutant) -> None:
    """In the fork: run the tests, one call for all of them, and leave with pytest's status."""
    import pytest

    status = 3
    try:
        os.setsid()
        kept = mutant.place == NO_EDIT  # what these say of themselves is wanted where they fail
        said = os.open(SAID if kept else os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(said, 1)
        os.dup2(said, 2)
        record = reach.record_of(mutant.path)
        tests, plugins, limit = reach.tests_of(mutant.path), list[object](), LONGEST
        if kept:
            room = [path for part in PARTS for path in _files(part)]
            sys.meta_path.insert(0, _Loader({p: lambda p=p: _marked(p) for p in room}))
            plugins = [reach.Recorder(record)]
        else:
            sys.meta_path.insert(0, _Loader({mutant.path: lambda: mutated(mutant)}))
            if record.exists():
                names, seconds = reach.chosen(record, mutant.path, _function(mutant))
                limit = round(TIMES * seconds) + LEAST
                files = {name.partition("::")[0] for name in names}
                files |= reach.unrecorded(mutant.path, record)
                if not files:
                    status = 0  # no test comes there
                    return
                tests = [str(ROOT / file) for file in sorted(files)]
                plugins = [reach.Chooser(record, names)]
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 10))
        status = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests], plugins))
    finally:
        os._exit(status)


def load_libraries() -> None:
    """What every fork needs, loaded once; nothing of the package itself."""
    for name in ("numpy", "scipy.stats", "pandas", "xarray", "patsy", "statsmodels.api"):
        importlib.import_module(name)

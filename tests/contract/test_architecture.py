"""The house: lazy public names, layers, no heavy imports, one glossary."""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import muvistats

PACKAGE = Path(muvistats.__file__).parent

#: Open to all, importing each other only.
GROUND = {"types", "errors", "extras", "files", "arguments", "progress", "quiet", "workers"}

#: Rooms of which `stats` is made.
PARTS_OF_STATS = "stats/"


def table_of_rooms() -> dict[str, set[str]]:
    """Rooms of docs/design.md, from the ground up, each with the rooms that it may import."""
    lines = (PACKAGE.parent / "docs" / "design.md").read_text().splitlines()
    start = lines.index("| room | may import | what is in it |") + 2
    rooms: dict[str, set[str]] = {}
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        names, imports, _ = (cell.strip() for cell in line.strip("|").split("|"))
        for name in re.findall(r"`([^`]+)`", names):
            known = set(rooms)
            asked = known if imports == "all above" else set(filter(None, imports.split(", ")))
            if "stats" in asked:
                beside = (
                    {"stats/simulations", "stats/sensitivity"} if name[:6] == "stats/" else set()
                )
                asked |= {room for room in known if room.startswith(PARTS_OF_STATS)} - beside
            assert asked - {"stats"} <= known, f"{name} names a room below it"
            rooms[name] = asked
    return rooms


ROOMS = table_of_rooms()


def stub_names() -> dict[str, str]:
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text())
    return {
        alias.asname or alias.name: f"muvistats.{node.module}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_all_is_the_stub():
    assert sorted(muvistats.__all__) == sorted(stub_names())


@pytest.mark.parametrize("name", sorted(stub_names()))
def test_public_name_is_what_the_stub_says(name):
    module = importlib.import_module(stub_names()[name])
    assert getattr(muvistats, name) is getattr(module, name)
    assert inspect.getdoc(getattr(muvistats, name))


def test_no_public_function_shares_the_name_of_a_module():
    modules = {path.stem for path in PACKAGE.rglob("*.py")}
    assert not modules & set(muvistats.__all__)


def modules() -> dict[tuple[str, ...], Path]:
    return {
        path.relative_to(PACKAGE.parent).with_suffix("").parts: path
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.stem != "__main__"  # `python -m muvistats` is the command, no room
    }


MODULES = modules()


def imported_modules(module: tuple[str, ...]) -> set[tuple[str, ...]]:
    """Modules of ours that this one imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = module[: len(module) - node.level] if node.level else ()
        base = (*base, *(node.module.split(".") if node.module else ()))
        if base[:1] != ("muvistats",):
            continue
        for alias in node.names:
            inner = [(*base, alias.name), base, (*base, "__init__")]
            found.add(next(name for name in inner if name in MODULES))
    return found - {module}


def room(module: tuple[str, ...]) -> str:
    """Room of a module: a folder, a folder of `stats`, or a file on the ground."""
    parts = module[1:]
    return "/".join(parts[:2]) if parts[0] == "stats" and len(parts) > 2 else parts[0]


@pytest.mark.parametrize("module", sorted(set(MODULES) - {("muvistats", "__init__")}), ids=".".join)
def test_a_module_imports_what_the_table_of_its_room_says(module):
    own = room(module)
    allowed = ROOMS.get(own, set()) | (GROUND if own not in GROUND else set()) | {own, "__init__"}
    assert {room(name) for name in imported_modules(module)} <= allowed


def test_the_table_names_every_room():
    there = {room(name) for name in MODULES if len(name) > 2 or name[-1] != "__init__"}
    assert there - {"stats"} == set(ROOMS)
    assert not [
        name
        for name in MODULES
        if name[1] == "stats" and name[2:] not in ((), ("__init__",)) and len(name) < 4
    ]


def test_no_imports_go_round_in_a_circle():
    arrows = {module: imported_modules(module) for module in MODULES}
    while arrows:
        ends = [module for module, names in arrows.items() if not names & set(arrows)]
        assert ends, f"these import each other: {sorted(map('.'.join, arrows))}"
        for module in ends:
            del arrows[module]


def test_no_module_begins_with_an_underscore():
    assert not [path for path in MODULES.values() if re.match(r"_(?!_init__)", path.stem)]


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def test_import_is_lazy():
    heavy = [
        "scipy",
        "sklearn",
        "matplotlib",
        "statsmodels",
        "torch",
        "tensorflow",
        "keras",
        "pandas",
        "xarray",
    ]
    code = f"import sys, muvistats; print([m for m in {heavy!r} if m in sys.modules])"
    assert run(code).strip() == "[]"


def test_core_never_imports_copyleft_engines():
    """One file imports pingouin by its name, when a function that is made of it is called."""
    asks = [path.name for path in PACKAGE.rglob("*.py") if '"pingouin"' in path.read_text()]
    assert asks == ["engine.py"]
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [str(node.module)]
            assert not {n.split(".")[0] for n in names} & {"pingouin", "krippendorff"}, path


def lines_of_code(source: str) -> int:
    """Lines that hold code: neither blank, nor a comment, nor part of a docstring."""
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            docstrings |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    code: set[int] = set()
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in layout | {tokenize.ENDMARKER}:
            code |= set(range(token.start[0], token.end[0] + 1))
    return len(code - docstrings)


def test_files_and_functions_stay_readable():
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text()
        assert lines_of_code(source) <= 360, path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                start = node.body[0].end_lineno if ast.get_docstring(node) else node.lineno
                assert (node.end_lineno or 0) - (start or 0) <= 75, f"{path}: {node.name}"

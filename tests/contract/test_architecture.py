"""The house: lazy public names, layers, no heavy imports, one glossary."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import muvistats

PACKAGE = Path(muvistats.__file__).parent

#: From the ground up: a module imports only from its own room and from rooms before it.
LAYERS = [
    "errors",
    "kernels",
    "results",
    "dataset",
    "formula",
    "features",
    "stats",
    "plots",
    "deep",
    "report",
    "cli",
]


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
    assert name in module.__all__
    assert inspect.getdoc(getattr(muvistats, name))


def test_no_public_function_shares_the_name_of_a_module():
    modules = {path.stem for path in PACKAGE.rglob("*.py")}
    assert not modules & set(muvistats.__all__)


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    package = path.relative_to(PACKAGE.parent).with_suffix("").parts[:-1]
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            whole = (*base, *(node.module or "").split(".")) if node.module else base
            names = [whole] if node.module else [(*base, alias.name) for alias in node.names]
            rooms |= {name[1] for name in names if len(name) > 1}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("muvistats."):
            rooms.add(str(node.module).split(".")[1])
    return rooms


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=str)
def test_layers(path):
    if path.name == "__init__.py" and path.parent == PACKAGE:
        return
    allowed = set(LAYERS[: LAYERS.index(room(path)) + 1])
    assert imported_rooms(path) <= allowed | {"__version__"}


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
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [str(node.module)]
            assert not {n.split(".")[0] for n in names} & {"pingouin", "krippendorff"}, path


def test_files_and_functions_stay_readable():
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text()
        assert source.count("\n") <= 450, path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                start = node.body[0].end_lineno if ast.get_docstring(node) else node.lineno
                assert (node.end_lineno or 0) - (start or 0) <= 75, f"{path}: {node.name}"

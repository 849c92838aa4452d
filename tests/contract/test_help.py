"""The help of each public name: where to go on, what is missing, and who said so."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import muvistats as mv
from muvistats.results.docstrings import split_docstring
from muvistats.results.frame import RESULT_COLUMNS

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "_ext"))

from conventions import FITS, INTERNAL
from questions import public_names

#: Names that are called, or made and then asked; errors and warnings are neither.
NAMES = sorted(
    name for name, place in public_names().items() if place.rpartition(".")[0] != "errors"
)


def named(name: str) -> Any:
    """What a public name stands for, modules among them."""
    found: Any = mv
    for part in name.split("."):
        if not hasattr(found, part):
            importlib.import_module(f"{found.__name__}.{part}")
        found = getattr(found, part)
    return found


#: Methods of what functions return.
METHODS = sorted(
    f"{name}.{method}"
    for name in (*FITS, "deep.NetworkModels")
    for method, _ in inspect.getmembers(named(name), inspect.isfunction)
    if not method.startswith("_") and method not in INTERNAL
)


@functools.cache
def sections(name: str) -> dict[str, str]:
    """Text of each section of the help of a public name."""
    parts = re.split(
        r"^([A-Z][A-Za-z ]+)\n-+\n", inspect.getdoc(named(name)) or "", flags=re.MULTILINE
    )
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def targets(name: str) -> list[str]:
    """Names that a See Also section sends to, in full below the package."""
    heads = re.findall(r"^(\S.*?) : \S.*\.$", sections(name).get("See Also", ""), re.MULTILINE)
    return [target for head in heads for target in head.split(", ")]


def exists(target: str, beside: str) -> bool:
    """Whether a target is public, found from the page of a name as the documentation finds it.

    That is in the class and in the module of the name; what lies elsewhere begins with the package.
    """
    whole = target.removeprefix("muvistats.")
    parts = beside.split(".")
    module = [part for part in parts[:-1] if part.islower()]
    inner = [".".join([*parts[:depth], target]) for depth in range(len(module), len(parts))]
    found = {whole} if whole != target else {*inner}
    return not found.isdisjoint({*NAMES, *METHODS})


@pytest.mark.parametrize("name", NAMES + METHODS)
def test_the_help_says_where_to_go_on(name):
    assert targets(name), "a See Also section, one line a name: `name : What it is for.`"
    assert [target for target in targets(name) if not exists(target, name)] == []
    assert name not in targets(name)


@pytest.mark.parametrize("name", [n for n in NAMES + METHODS if inspect.isroutine(named(n))])
def test_the_help_describes_each_argument(name):
    _, described, _ = split_docstring(inspect.getdoc(named(name)) or "")
    taken = {*inspect.signature(named(name)).parameters} - {"self"}
    assert taken <= {each.lstrip("*") for each in described}


def test_a_name_that_is_not_there_is_found():
    assert exists("kruskal", "pairwise")
    assert exists("MixedFit.diagnostics", "plot_residuals")
    assert exists("pair", "deep.unimodal")
    assert exists("muvistats.lasso_models", "deep.network_models")
    assert exists("emmeans", "LinearFit.contrasts")
    assert exists("summarise", "deep.NetworkModels.glance")
    assert not exists("plot_model_trajectory", "deep.NetworkModels.augment")
    for wrong in ("kruskall", "MixedFit.diagnose", "deep.kruskal"):
        assert not exists(wrong, "pairwise")


#: Frames of what is there, in which no statistic is computed.
COUNTS = {
    "check_lists",
    "compare_published",
    "describe_design",
    "describe_participants",
    "published",
    "repeated_lists",
}


#: Functions that return a result frame; they are known when they were imported.
RESULTS = [name for name in NAMES if named(name).__name__ in RESULT_COLUMNS]


@pytest.mark.parametrize("name", RESULTS)
def test_the_help_of_a_result_has_notes_an_example_and_what_becomes_of_missing_values(name):
    help_of = sections(name)
    assert {"Notes", "Examples", "Raises"} <= {*help_of} or name in COUNTS
    text = inspect.getdoc(inspect.unwrap(named(name))) or ""
    assert re.search(r"NaN|missing|left out|lacks?\b", text) or name in COUNTS


@pytest.mark.parametrize("name", NAMES)
def test_references_can_be_followed(name):
    entries = sections(name).get("References", "").strip()
    for entry in filter(None, entries.split("\n\n")):
        assert re.search(r"https?://|ISBN", entry), entry

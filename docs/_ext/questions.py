"""Public names, the question that each answers, and the name that a piece of code means."""

from __future__ import annotations

import ast
import functools
import importlib
import re
from pathlib import Path

import muvistats
from muvistats.results.glossary import GLOSSARY

#: Each question of the page of functions, with the modules whose public names answer it.
QUESTIONS = {
    "How do I get a study?": (
        "dataset.importing",
        "dataset.tables",
        "dataset.release",
        "dataset.simulation",
        "dataset.io",
        "dataset.prepare.resample",
    ),
    "What is in it?": ("dataset", "stats.descriptives"),
    "Is the data what it says?": ("dataset.quality", "dataset.validation"),
    "What is left out?": ("dataset.prepare",),
    "How far do raters agree?": ("stats.agreement", "kernels.raters"),
    "Do groups of ratings differ?": ("stats.ranks", "stats.permutation"),
    "Are labels chosen differently?": ("stats.labels",),
    "Do measures go together?": ("stats.associations",),
    "Which effects are there, with people and items of their own?": ("stats.models",),
    "What does each modality contribute?": ("stats.modalities",),
    "What happens over time?": ("stats.time",),
    "What do sound and picture hold?": ("features",),
    "What do features tell of the ratings?": ("stats.prediction",),
    "What do networks learn?": ("deep",),
    "Would the finding survive?": ("stats.sensitivity", "results.paper"),
    "How often is a test wrong, and how often does it find?": ("stats.simulations",),
    "How do I have media rated?": ("annotate",),
    "How does it look?": ("plots",),
    "How do I write it up?": ("results", "report"),
    "What does this error mean?": ("errors",),
}

#: Modules whose public names are called by the name of the module.
CALLED_BY_MODULE = ("features.clips", "features.audio", "features.visual", "deep")


def own_names(module: str) -> list[str]:
    """Functions and classes of a module that are public there, constants left out."""
    found = importlib.import_module(f"muvistats.{module}")
    names = getattr(found, "__all__", None) or [
        name
        for name, value in vars(found).items()
        if getattr(value, "__module__", None) == found.__name__ and not name.startswith("_")
    ]
    return [name for name in names if not name.isupper()]


@functools.cache
def public_names() -> dict[str, str]:
    """Each public name below ``muvistats``, with the module that defines it and its own name."""
    stub = ast.parse((Path(muvistats.__file__).parent / "__init__.pyi").read_text("utf-8"))
    names = {
        alias.name: f"{node.module}.{alias.name}"
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for module in CALLED_BY_MODULE:
        names |= {f"{module}.{name}": f"{module}.{name}" for name in own_names(module)}
    return names


def question_of(place: str) -> str:
    """The question whose modules name a place most closely."""
    found = {
        len(module): question
        for question, modules in QUESTIONS.items()
        for module in modules
        if f"{place}.".startswith(f"{module}.")
    }
    if not found:
        raise LookupError(f"no question has the module of {place}: name it in QUESTIONS")
    return found[max(found)]


def names_by_question() -> dict[str, list[str]]:
    """Public names under their questions, in the order of the page."""
    parts: dict[str, list[str]] = {question: [] for question in QUESTIONS}
    for name, place in public_names().items():
        parts[question_of(place)].append(name)
    return {question: sorted(names) for question, names in parts.items()}


def meant(code: str) -> str | None:
    """The public name that a piece of code in a sentence means.

    Parameters
    ----------
    code : str
        Such as ``icc``, ``mv.icc(study)`` or ``visual.extract``.

    Returns
    -------
    str or None
        None where it is no public name. A column of results that is called like a function is
        taken for the function where it is called only.
    """
    match = re.fullmatch(r"(?:mv\.)?([A-Za-z_][\w.]*)(\(.*\))?", code, re.DOTALL)
    if match is None or (match[1] in GLOSSARY and match[2] is None):
        return None
    names = public_names()
    for name in (match[1], f"features.{match[1]}"):
        if name in names:
            return name
    return None

"""Make the page on arguments, levels and verdicts: `python docs/_ext/conventions.py`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import muvistats
from muvistats import deep
from muvistats.features import audio, visual
from muvistats.results.docstrings import split_docstring
from muvistats.results.parameter import REQUIRED
from muvistats.results.parameters import PARAMETERS
from muvistats.results.vocabulary import (
    ADJUSTED_BY_LARGEST,
    FEWER_RESAMPLES,
    FINER_LEVELS,
    LEVELS,
    VERDICTS,
)

PAGE = Path(__file__).parents[1] / "conventions.md"

#: Classes of results whose methods users call.
FITS = ("MixedFit", "LinearFit", "FeatureModels")

#: Methods of these classes that serve the package itself.
INTERNAL = {
    "ceilings_of",
    "coefficients",
    "common",
    "linear_predictor",
    "degrees_of",
    "inference",
    "joint",
    "keys",
    "limited",
    "mean_of",
    "note",
    "probabilities",
    "spread_of",
}

INTRODUCTION = """# Conventions

One word means one thing. This page is made from the code, and a test holds every signature against
it.

- After what is analysed, and a formula where there is one, all arguments are given by name.
- A study is what the readers, `from_frames` and `simulate_muvi` return. A frame has one row per
  annotation, as `annotation_frame` gives it. A result is what another function returned.
- A frame of your own keeps its names: `item="clip", participant="subject"` say which of its columns
  name what was rated and who rated. They are read in one place, the gate that every study and frame
  passes. Label tables take `labels=["joy", "fear"]` beside, columns of 0 and 1, or
  `labels="emotion"`, the one column of answers. Presets, such as `kruskal_modality` or
  `demographic_model`, ask for columns of a study.
- NumPy's numbers are as good as Python's. What makes no sense is a `DesignError` of one line.
"""


def public_functions() -> dict[str, Callable[..., Any]]:
    """Functions and methods that users call, by the name under which they do."""
    functions: dict[str, Callable[..., Any]] = {
        name: getattr(muvistats, name)
        for name in muvistats.__all__
        if inspect.isfunction(getattr(muvistats, name))
    }
    functions |= {
        f"deep.{name}": getattr(deep, name)
        for name in deep.__all__
        if inspect.isfunction(getattr(deep, name))
    }
    functions |= {"audio.extract": audio.extract, "visual.extract": visual.extract}
    for name in FITS:
        for method, function in inspect.getmembers(getattr(muvistats, name), inspect.isfunction):
            if not method.startswith("_") and method not in INTERNAL:
                functions[f"{name}.{method}"] = function
    return functions


def arguments() -> dict[str, dict[str, inspect.Parameter]]:
    """Functions that take each argument, by its name."""
    table: dict[str, dict[str, inspect.Parameter]] = {}
    for name, function in public_functions().items():
        for parameter in inspect.signature(function).parameters.values():
            if parameter.name != "self":
                table.setdefault(parameter.name, {})[name] = parameter
    return table


def default_of(parameter: inspect.Parameter) -> str:
    """The default as Python prints it."""
    return REQUIRED if parameter.default is parameter.empty else repr(parameter.default)


def takes(function: Callable[..., Any]) -> str:
    """Whether a function takes a study, a frame or a result."""
    parameters = list(inspect.signature(function).parameters.values())
    first = parameters[0] if parameters else None
    if first is None or first.name not in ("data", "frame", "models", "result"):
        return ""
    if first.name != "data":
        return "a result"
    kinds = {
        "study": "DataTree" in str(first.annotation) or first.annotation == "Data",
        "frame": "DataFrame" in str(first.annotation) or first.annotation == "Data",
        "result": "Models" in str(first.annotation),
    }
    return " or ".join(f"a {kind}" for kind, taken in kinds.items() if taken)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), ["---"] * len(list(head)), *map(list, rows)]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def shared_arguments() -> str:
    rows = []
    for name, shared in sorted(PARAMETERS.items()):
        others = [
            f"`{function}`: {f'`{default}`' if default != REQUIRED else default}, {reason}"
            for function, (default, reason) in shared.exceptions.items()
        ]
        default = (
            shared.default
            if " " in shared.default or shared.default == REQUIRED
            else f"`{shared.default}`"
        )
        rows.append([f"`{name}`", shared.type, default, shared.text, "; ".join(others)])
    return table(["argument", "type", "default", "meaning", "exceptions"], rows)


def own_arguments() -> str:
    """Arguments that are described where they stand, since one function or two have them."""
    rows = []
    for name, functions in sorted(arguments().items()):
        if name in PARAMETERS:
            continue
        for function, parameter in functions.items():
            doc = inspect.cleandoc(public_functions()[function].__doc__ or "")
            head, _, text = split_docstring(doc)[1].get(name, name).partition("\n")
            kind = head.partition(" : ")[2].removesuffix(", optional")
            words = re.sub(r"\s+", " ", text).strip()
            rows.append([f"`{name}`", f"`{function}`", kind, default_of(parameter), words])
    return table(["argument", "function", "type", "default", "meaning"], rows)


def page() -> str:
    """Text of the page."""
    functions = public_functions()
    kinds: dict[str, list[str]] = {}
    for name, function in functions.items():
        kinds.setdefault(takes(function), []).append(f"`{name}`")
    parts = [
        INTRODUCTION,
        "## What functions take\n",
        *(
            f"- {kind}: {', '.join(sorted(names))}."
            for kind, names in sorted(kinds.items())
            if kind
        ),
        "\n## Arguments that several functions share\n",
        shared_arguments(),
        "\n## Levels\n",
        "`level` says what a row of the answer stands for. It defaults to the coarsest word that\n"
        "the function knows.\n",
        table(["word", "a row for"], ([f"`{word}`", text] for word, text in LEVELS.items())),
        "",
        *(
            f"`{name}` defaults to `{word}`: {reason}."
            for name, (word, reason) in FINER_LEVELS.items()
        ),
        "\n## Resamples\n",
        "`n_resamples` is 9999 where p-values come from resamples, and 2000 where only intervals\n"
        "do.\n",
        table(
            ["function", "default", "reason"],
            ([f"`{name}`", *row] for name, row in FEWER_RESAMPLES.items()),
        ),
        "\n## Adjusted p-values\n",
        "`adjust` names the method. "
        f"{' and '.join(f'`{name}`' for name in ADJUSTED_BY_LARGEST)} have none:\n"
        "they compare with the largest statistic of each permutation.",
        "\n## Verdicts\n",
        table(
            ["function", "word", "meaning"],
            (
                [f"`{name}`", f"*{word}*", text]
                for name, words in VERDICTS.items()
                for word, text in words.items()
            ),
        ),
        "\n## Arguments of single functions\n",
        own_arguments(),
        "",
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

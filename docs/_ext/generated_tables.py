"""Pages made from the code: schema, glossary of result columns, public functions."""

from __future__ import annotations

import ast
from pathlib import Path

import muvistats
from muvistats.dataset.schema import VARIABLES
from muvistats.results.glossary import GLOSSARY

API = Path(__file__).parents[1] / "api"

SECTIONS = {
    "dataset": "Data",
    "features": "Features",
    "stats": "Statistics",
    "results": "Published values",
    "plots": "Figures",
    "report": "Report",
    "errors": "Errors and warnings",
}

#: Public functions that are called by their module.
BY_MODULE = {
    "features": [
        "features.audio.extract",
        *(
            f"features.visual.{name}"
            for name in (
                "extract",
                "shot_table",
                "Colour",
                "Lighting",
                "Shots",
                "Objects",
                "Faces",
                "Scenes",
                "Actions",
                "FrameExtractor",
                "Extractor",
                "registered_weights",
                "fetch_weights",
            )
        ),
    ]
}


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [header, *rows]:
        lines += [
            ("   * - " if i == 0 else "     - ") + (cell or "\\ ") for i, cell in enumerate(row)
        ]
    return "\n".join(lines) + "\n"


def schema_table() -> str:
    rows = [
        [
            f"``{v.group}``",
            f"``{v.name}``",
            " x ".join(v.dims),
            v.kind,
            v.units,
            v.description + (f" (codes: {', '.join(v.flags)})" if v.flags else ""),
        ]
        for v in VARIABLES
    ]
    return _table(["Group", "Variable", "Dims", "Kind", "Units", "Meaning"], rows)


def glossary_table() -> str:
    rows = [[f"``{c.name}``", c.kind, c.description] for c in GLOSSARY.values()]
    return _table(["Column", "Kind", "Meaning"], rows)


def api() -> str:
    stub = ast.parse((Path(muvistats.__file__).parent / "__init__.pyi").read_text())
    by_room: dict[str, list[str]] = {}
    for node in stub.body:
        if isinstance(node, ast.ImportFrom):
            room = str(node.module).split(".")[0]
            names = by_room.setdefault({"kernels": "stats"}.get(room, room), [])
            names += [alias.name for alias in node.names]
    parts = []
    for room, title in SECTIONS.items():
        names = "\n   ".join(sorted([*by_room.get(room, []), *BY_MODULE.get(room, [])]))
        parts.append(
            f"{title}\n{'-' * len(title)}\n\n.. autosummary::\n   :toctree: generated\n"
            f"   :nosignatures:\n\n   {names}\n"
        )
    title = "Public functions"
    head = f"{title}\n{'=' * len(title)}\n\n.. currentmodule:: muvistats\n\n"
    return head + "\n".join(parts)


def write() -> None:
    """Write the pages that changed, before autosummary reads them."""
    (API / "generated").mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("generated/schema.inc", schema_table()),
        ("generated/glossary.inc", glossary_table()),
        ("index.rst", api()),
    ):
        path = API / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def setup(_app: object) -> dict[str, bool]:
    write()
    return {"parallel_read_safe": True}

"""What a shell offers when it completes a command."""

from __future__ import annotations

import re
from importlib.resources import files

_PUBLIC = re.compile(r"from \.([\w.]+) import (\w+) as \2")


def table_names(incomplete: str) -> list[str]:
    """Tables whose names begin like this, and ``list``.

    They are found in the text of the modules, since importing these takes longer than anybody waits
    for a completion.
    """
    package = files("muvistats")
    stub = (package / "__init__.pyi").read_text(encoding="utf-8")
    found = ["list"]
    for module, name in _PUBLIC.findall(stub):
        if name.startswith(incomplete) and module.split(".")[0] in ("dataset", "stats"):
            source = package.joinpath(f"{module.replace('.', '/')}.py")
            if _is_table(source.read_text(encoding="utf-8"), name):
                found.append(name)
    return sorted(name for name in found if name.startswith(incomplete))


def _is_table(source: str, name: str) -> bool:
    """Whether a function takes data, and texts where it needs more, and returns a result frame."""
    before, _, after = source.partition(f"\ndef {name}(")
    decorators = before.rpartition("\n\n\n")[2]
    needed = re.findall(r"^    (\w+): ([^=\n]+),$", after.partition("\n) ->")[0], re.MULTILINE)
    return (
        "@result_frame(" in decorators
        and re.match(r"\s*data\b", after) is not None
        and all(kind == "str" for argument, kind in needed if argument != "data")
    )

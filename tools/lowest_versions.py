"""Print a constraints file that pins every dependency at the lower bound of pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def lowest_versions(project: dict) -> list[str]:
    """Pins `name==bound`; where several extras name a package, the highest bound counts."""
    extras = project["optional-dependencies"].values()
    bounds: dict[str, tuple[int, ...]] = {}
    for requirement in [*project["dependencies"], *(text for extra in extras for text in extra)]:
        if requirement.startswith(project["name"]):  # one of our own extras
            continue
        found = re.fullmatch(r"([\w-]+)>=([\d.]+)(,<[\d.]+)?", requirement)
        if not found:
            raise SystemExit(f"{requirement} has no lower bound")
        name, bound = found[1], tuple(map(int, found[2].split(".")))
        bounds[name] = max(bound, bounds.get(name, bound))
    return [f"{name}=={'.'.join(map(str, bound))}" for name, bound in sorted(bounds.items())]


if __name__ == "__main__":
    print("\n".join(lowest_versions(tomllib.loads(PYPROJECT.read_text())["project"])))

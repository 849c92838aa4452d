"""The tests stand where the code stands, so that whoever reads a module finds its tests."""

from __future__ import annotations

from pathlib import Path

import pytest

import muvistats

PACKAGE = Path(muvistats.__file__).parent
TESTS = Path(__file__).parents[1]

#: Suites that ask about the whole package, and the one that runs networks.
SUITES = {"contract", "networks", "oracle", "property", "trust"}

FILES = sorted(
    path.relative_to(TESTS)
    for path in TESTS.rglob("test_*.py")
    if path.relative_to(TESTS).parts[0] not in SUITES
)


def subjects(room: Path) -> set[str]:
    """What a test in a room can be about: one of its modules, or the room itself."""
    return {path.stem for path in (PACKAGE / room).glob("*.py")} | {room.name}


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_file_of_tests_names_a_module_or_its_room(file):
    assert (PACKAGE / file.parent).is_dir(), f"muvistats has no room {file.parent}"
    topic = file.stem.removeprefix("test_")
    named = [name for name in subjects(file.parent) if f"{topic}_".startswith(f"{name}_")]
    assert named, f"{file.parent} has no module {topic}"


def test_the_mirror_is_not_empty():
    assert len(FILES) > 50

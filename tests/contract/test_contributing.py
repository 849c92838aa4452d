"""What the documents for contributors name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import muvistats as mv

ROOT = Path(__file__).parents[2]

PAGES = [
    "CONTRIBUTING.md",
    "README.md",
    "RELEASING.md",
    ".ci/run",
    ".github/pull_request_template.md",
    ".github/workflows/tests.yml",
]

#: What is made, not committed, or stands beside the checkout.
NOT_COMMITTED = (".venv", "../", "report")


def text(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_exists(page):
    rules = re.findall(r"^([a-z -]+):", text("Makefile"), re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    named = re.findall(r"(?:^|run: |`)make ([a-z-]+)", text(page), re.MULTILINE)
    assert named
    assert set(named) <= targets


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "README.md"])
def test_every_path_exists(page):
    named = [name for name in re.findall(r"`([\w./-]+)`", text(page)) if "/" in name]
    assert named
    missing = [name for name in named if not (ROOT / name).exists()]
    assert [name for name in missing if not name.startswith(NOT_COMMITTED)] == []


def test_the_version_is_one():
    assert re.search(rf"^version: {re.escape(mv.__version__)}$", text("CITATION.cff"), re.MULTILINE)
    assert f"## {mv.__version__}" in text("CHANGELOG.md")


def test_the_lowest_python_is_one():
    (lowest,) = re.findall(r'requires-python = ">=(3\.\d+)"', text("pyproject.toml"))
    workflow = re.findall(r'python: \["(3\.\d+)"', text(".github/workflows/tests.yml"))
    assert workflow == [lowest]
    assert f"Python {lowest} or newer" in text("CONTRIBUTING.md")

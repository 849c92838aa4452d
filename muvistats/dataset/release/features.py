"""Features of the MuVi release: emobase audio features and the combined visual features."""

from __future__ import annotations

import io
import lzma
import math
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np

from ...errors import DataError, read_bytes
from ...types import Floats
from ..build import Features, Log
from .csv_input import (
    csv_rows,
    decode,
    header_of,
    numeric_row,
    reads_file,
    require_columns,
    row_picker,
)
from .emobase import emobase_family, emobase_names
from .feature_cache import FeatureRead, content_key, remember
from .keys import ItemMatcher

EMOBASE_FOLDER = "emobase_features"
EMOBASE_ARCHIVE = "emobase_features.tar.xz"
VISUAL_FILE = "combined_visual_features.csv"

#: Family of a visual feature by the first word of its name (up to a digit or a sign). The
#: released names were not at hand; a word that is not here makes the family ``other``.
VISUAL_FAMILIES = {
    "action": "action", "actions": "action", "i3d": "action", "kinetics": "action",
    "color": "colour", "colour": "colour", "hue": "colour", "saturation": "colour",
    "brightness": "colour", "value": "colour", "rgb": "colour", "hsv": "colour",
    "lighting": "lighting", "light": "lighting", "lightingkey": "lighting", "key": "lighting",
    "scene": "scene", "scenes": "scene", "place": "scene", "places": "scene",
    "object": "object", "objects": "object", "yolo": "object", "obj": "object",
    "face": "face", "faces": "face", "facial": "face", "emotion": "face", "expression": "face",
    "shot": "shot", "shots": "shot", "cut": "shot", "cuts": "shot",
    "motion": "motion", "pose": "pose", "poses": "pose",
}  # fmt: skip

#: What an archive may hold; the released one has 94 MB unpacked, in 81 files of up to 140 rows.
_LARGEST_ARCHIVE = 512 * 1024**2
_LARGEST_MEMBER = 64 * 1024**2
_MOST_MEMBERS = 10_000
_MOST_ROWS = 50_000

#: Largest array of features, in bytes: all items as long as the longest.
_LARGEST_ARRAY = 1024**3

Members = list[tuple[str, bytes]]


@reads_file
def read_emobase(folder: Path, items: ItemMatcher, log: Log, *, cache: bool) -> Features | None:
    """Emobase features from the folder, else from the archive, else None.

    Parameters
    ----------
    folder : Path
        The release.
    items : ItemMatcher
        The item list.
    log : Log
        Takes up what was found.
    cache : bool
        Whether to keep and use a cached copy.

    Returns
    -------
    Features or None
        988 features under their true names.

    Raises
    ------
    DataError
        When the archive is damaged, a member leads out of it, a file is of no item, or its header
        is neither whole nor broken in the way that is known.
    """
    loose, archive = folder / EMOBASE_FOLDER, folder / EMOBASE_ARCHIVE
    if loose.is_dir():
        members = [(path.name, read_bytes(path)) for path in sorted(loose.glob("*.csv"))]
        source, parts = f"{EMOBASE_FOLDER}/", members
        if archive.exists():
            log.add(EMOBASE_ARCHIVE, f"not read; the folder {source} is there", 1)
    elif archive.exists():
        source, parts = EMOBASE_ARCHIVE, [(EMOBASE_ARCHIVE, read_bytes(archive))]
        members = None
    else:
        return None

    def build() -> FeatureRead:
        own = Log()
        files = members if members is not None else _unpack(parts[0][1], own)
        return FeatureRead(_emobase(files, source, items, own), own.entries)

    return _read("audio", parts, items, build, log, cache=cache)


@reads_file
def read_visual(folder: Path, items: ItemMatcher, log: Log, *, cache: bool) -> Features | None:
    """Visual features of every item from one file, or None where it is absent.

    Parameters
    ----------
    folder, items, log, cache
        As in `read_emobase`. Columns before `media_id` and the last column are no features.

    Returns
    -------
    Features or None
        The features under the names in the file, frames in file order.

    Raises
    ------
    DataError
        When `media_id` is missing, a name stands twice, an id is of no item or a value is no
        number.
    """
    path = folder / VISUAL_FILE
    if not path.exists():
        return None
    raw = read_bytes(path)

    def build() -> FeatureRead:
        own = Log()
        return FeatureRead(_visual(decode(raw, VISUAL_FILE, own), items, own), own.entries)

    return _read("visual", [(VISUAL_FILE, raw)], items, build, log, cache=cache)


def _read(
    kind: str,
    parts: Members,
    items: ItemMatcher,
    build: Callable[[], FeatureRead],
    log: Log,
    *,
    cache: bool,
) -> Features:
    made = remember(content_key(kind, items.items, parts), build, log) if cache else build()
    log.entries.extend(made.entries)
    return made.features


def _unpack(raw: bytes, log: Log) -> Iterator[tuple[str, bytes]]:
    """Name and content of each CSV file in the archive, one after the other; nothing is written."""
    others = total = rows = 0
    with (
        _archive_faults(),
        lzma.open(io.BytesIO(raw)) as stream,
        tarfile.open(fileobj=stream, mode="r|") as archive,
    ):
        for number, member in enumerate(archive):
            path = PurePosixPath(member.name)
            if path.is_absolute() or ".." in path.parts or not (member.isreg() or member.isdir()):
                raise DataError(
                    "member of the archive is a link or leads out of it",
                    file=EMOBASE_ARCHIVE,
                    found=member.name,
                )
            total += member.size  # a sparse member may claim more than the archive holds
            _refuse_size("unpacked, in bytes", total, _LARGEST_ARCHIVE)
            _refuse_size("members", number + 1, _MOST_MEMBERS)
            if member.isdir():
                continue
            if path.suffix != ".csv" or path.name.startswith("."):
                others += 1
                continue
            _refuse_size(f"{path.name}, in bytes", member.size, _LARGEST_MEMBER)
            stored = archive.extractfile(member)
            content = b"" if stored is None else stored.read()
            rows += content.count(b"\n")
            _refuse_size("rows", rows, _MOST_ROWS)
            yield path.name, content
    if others:
        log.add(EMOBASE_ARCHIVE, "files that are no CSV were not read", others)


@contextmanager
def _archive_faults() -> Iterator[None]:
    try:
        yield
    except (lzma.LZMAError, tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"archive is damaged: {error}", file=EMOBASE_ARCHIVE) from error


def _refuse_size(what: str, size: int, largest: int) -> None:
    if size > largest:
        raise DataError(
            f"archive is too large, {what}; unpack it into the folder {EMOBASE_FOLDER} if you trust"
            " it",
            file=EMOBASE_ARCHIVE,
            found=size,
            expected=f"at most {largest}",
        )


def _emobase(
    files: Iterable[tuple[str, bytes]], source: str, items: ItemMatcher, log: Log
) -> Features:
    position = {item: number for number, item in enumerate(items.items)}
    blocks: dict[str, Floats] = {}
    broken = 0
    for name, raw in files:
        where = f"{EMOBASE_FOLDER}/{name}"
        item = items.find(name.removesuffix(".csv"), file=where)
        if item in blocks:
            raise DataError("item has two files", file=where, found=item)
        own = Log()
        blocks[item], repaired = _emobase_file(decode(raw, where, own), position[item], where)
        broken += repaired
    if not blocks:
        raise DataError("no CSV file in it", file=source)
    if broken:
        log.add(
            source,
            "headers repeat one column name; the emobase names were put back in standard order",
            broken,
        )
    names = emobase_names()
    families = [emobase_family(name) for name in names]
    return Features(_stack(blocks, items, source, log), items.items, list(names), families)


def _emobase_file(text: str, position: int, file: str) -> tuple[Floats, bool]:
    """Features of one item (frame, feature), and whether its header had to be restored."""
    names = emobase_names()
    rows = csv_rows(text, file)
    header = header_of(rows)
    expected = ("name", *names, "class")
    broken = len(header) == len(expected) + 1 and len(set(header[1:])) == 1
    if broken:
        if position >= len(expected) or header[1] != expected[position]:
            raise DataError(
                "header repeats one column name, and it is not the one of this item's place in"
                " video_urls.csv",
                file=file,
                row=1,
                found=header[1],
                expected=expected[position] if position < len(expected) else None,
            )
        columns = list(range(2, len(names) + 2))
    else:
        require_columns(header, names, file)
        place = {name: number for number, name in enumerate(header)}
        columns = [place[name] for name in names]
    pick = row_picker(columns)
    block = [numeric_row(pick(fields), names, file, line) for line, fields in rows]
    if not block:
        raise DataError("file has a header and no rows", file=file)
    return np.stack(block), broken


def _visual(text: str, items: ItemMatcher, log: Log) -> Features:
    file = VISUAL_FILE
    rows = csv_rows(text, file)
    header = header_of(rows)
    require_columns(header, ["media_id"], file)
    key = header.index("media_id")
    columns = list(range(key + 1, len(header) - 1))
    names = [header[column] for column in columns]
    if not names:
        raise DataError("no feature between media_id and the last column", file=file, row=1)
    require_columns(header, names, file)
    left_out = [*header[:key], header[-1]]
    log.add(
        file,
        "columns that are no features: " + ", ".join(name or "(no name)" for name in left_out),
        len(left_out),
    )
    pick = row_picker(columns)
    frames: dict[str, list[Floats]] = {}
    meant: dict[str, str] = {}
    for line, fields in rows:
        media_id = fields[key]
        if media_id not in meant:
            if not media_id.strip():
                raise DataError("key is empty", file=file, row=line, column="media_id")
            meant[media_id] = items.find(media_id, file=file, row=line, column="media_id")
        values = numeric_row(pick(fields), names, file, line)
        frames.setdefault(meant[media_id], []).append(values)
    if not frames:
        raise DataError("file has a header and no rows", file=file)
    cut = sum(media_id != item for media_id, item in meant.items())
    if cut:
        log.add(file, "ids are cut at the first underscore; matched to the one item", cut)
    families = [visual_family(name) for name in names]
    if unknown := families.count("other"):
        log.add(file, "features of no known family", unknown)
    blocks = {item: np.stack(block) for item, block in frames.items()}
    return Features(_stack(blocks, items, file, log), items.items, names, families)


def visual_family(name: str) -> str:
    """Family of a visual feature, told by the first word of its name; else ``other``.

    Examples
    --------
    >>> visual_family("places_12"), visual_family("unheard of")
    ('scene', 'other')
    """
    word = ""
    for sign in name.lower():
        if not sign.isalpha():
            break
        word += sign
    return VISUAL_FAMILIES.get(name.lower().split("_")[0], VISUAL_FAMILIES.get(word, "other"))


def _stack(blocks: dict[str, Floats], items: ItemMatcher, source: str, log: Log) -> Floats:
    """One array (item, frame, feature); shorter items end in NaN, absent ones are NaN."""
    some = next(iter(blocks.values()))
    length = max(len(block) for block in blocks.values())
    shape = (len(items.items), length, some.shape[1])
    if math.prod(shape) * 8 > _LARGEST_ARRAY:
        raise DataError(
            f"features are too many: {shape[0]} items of up to {shape[1]} rows of {shape[2]}",
            file=source,
            expected=f"at most {_LARGEST_ARRAY // 8} numbers in all",
        )
    values = np.full(shape, np.nan)
    for number, item in enumerate(items.items):
        if item in blocks:
            values[number, : len(blocks[item])] = blocks[item]
    short = sum(len(block) < length for block in blocks.values())
    if short:
        log.add(
            source, f"items shorter than {length} frames were padded with missing values", short
        )
    absent: Sequence[str] = [item for item in items.items if item not in blocks]
    if absent:
        log.add(source, f"items without features: {', '.join(absent)}", len(absent))
    return values

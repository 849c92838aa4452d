"""The page on which ratings are made, written as a static folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from ..arguments import check_count, check_flag, check_number, check_path
from ..dataset.frames import check_frame
from ..dataset.gems import gems_taxonomy
from ..errors import DataError, DesignError
from ..files import whole_path
from .lists import INTERFACES, checked_lists
from .records import FORMAT, RATES, file_name, load

#: Files of the package that the page consists of.
_ASSETS = {
    "index.html": "index.html",
    "assets/page.js": "page.js",
    "assets/plane.js": "plane.js",
    "assets/style.css": "style.css",
    **{
        f"assets/{name}": f"jspsych/{name}"
        for name in (
            *("jspsych.js", "jspsych.css", "html-button-response.js", "survey-html-form.js"),
            "LICENSE.txt",
        )
    },
}

#: Kinds of clips that browsers play.
MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".webm": "video/webm",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
}

#: Names of the examples, one for each quadrant of the plane.
QUADRANTS = ("positive_high", "negative_high", "negative_low", "positive_low")

_LABEL_COLUMNS = ("label", "label_name", "category", "superfactor")

FilePath = str | os.PathLike[str]


def write_annotation_page(
    stimuli: FilePath,
    lists: pd.DataFrame,
    out: FilePath,
    *,
    practice: FilePath | None = None,
    examples: FilePath | None = None,
    taxonomy: pd.DataFrame | None = None,
    texts: Mapping[str, str] | FilePath | None = None,
    rate: float = 10.0,
    pause_every: int = 10,
    full_screen: bool = True,
    post: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the page of a study: a folder of files for any web server.

    Parameters
    ----------
    stimuli : path
        Folder with a clip for each item, named after it: ``V1.mp4`` for the item V1.
    lists : DataFrame
        Who rates what, as `design_lists` makes and `read_lists` reads it.
    out : path
        Folder to write.
    practice : path, optional
        Folder with clips for practice, in the order of their names, shown with sound and
        picture, the axes overlaid and beside it in turn.
    examples : path, optional
        Folder with clips for the instructions: any of ``positive_high``, ``negative_high``,
        ``negative_low`` and ``positive_low``, with a suffix.
    taxonomy : DataFrame, optional
        Words to choose from, one a row: `label`, `label_name`, and where there are any `category`
        and `superfactor`; by default those of `gems_taxonomy`.
    texts : mapping of str to str, or path, optional
        Texts of the page in place of the English ones, or a JSON file of them: the language
        file. What it lacks stays English.
    rate : float
        Samples of the cursor per second of the clip.
    pause_every : int
        Trials between two pauses; 0 for none.
    full_screen : bool
        Whether the page asks for the full screen after the consent.
    post : str
        Address to which a finished participant's file is sent where the page does not stand
        behind `muvistats annotate serve`; by default it is offered for download.
    overwrite : bool
        Whether to replace what is there.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        For a list with an item that has no clip, two clips of one name, a kind of file that
        browsers do not play, an unknown text, or something at `out`.
    DesignError
        For arguments that make no sense.

    See Also
    --------
    design_lists : Who rates what, in which order.
    read_annotations : The study that the page has collected.

    Examples
    --------
    >>> from muvistats import read_lists, write_annotation_page
    >>> write_annotation_page("clips", read_lists("lists.csv"), "site")  # doctest: +SKIP
    PosixPath('site')
    """
    target = check_path("out", out)
    trials = checked_lists(lists, "lists")
    rate = check_number("rate", rate, above=0)
    if not RATES[0] <= rate <= RATES[1]:
        raise DesignError(f"rate must be from {RATES[0]:g} to {RATES[1]:g} a second, not {rate:g}")
    clips = clips_of(check_path("stimuli", stimuli))
    items = list(dict.fromkeys(trials["item"]))
    missing = [item for item in items if item not in clips]
    if missing:
        raise DataError(
            "item has no clip", file=Path(stimuli), found=missing[0], expected=f"{missing[0]}.mp4"
        )
    copies: dict[str, Path] = {}
    study = {
        "format": FORMAT,
        "rate": rate,
        "pause_every": check_count("pause_every", pause_every),
        "full_screen": check_flag("full_screen", full_screen),
        "post": _address(post),
        "labels": _labels(taxonomy),
        "lists": _plain_lists(trials),
        "media": {item: _copy(copies, "clip", clips[item]) for item in items},
        "practice": _practice(practice, copies),
        "examples": _examples(examples, copies),
        "texts": _texts(texts),
    }
    _check_sound(trials, clips)
    identity = json.dumps([study[name] for name in ("labels", "lists", "media")], sort_keys=True)
    study["id"] = hashlib.sha256(identity.encode()).hexdigest()[:16]
    if target.exists() and not (check_flag("overwrite", overwrite) and _is_page(target)):
        problem = "is there already" + ("; overwrite=True replaces it" if _is_page(target) else "")
        raise DataError(problem, file=target)
    with whole_path(target) as folder:
        _write(folder, study, copies)
    return target


def _is_page(folder: Path) -> bool:
    """Whether a folder is a page that was written before."""
    return all((folder / name).is_file() for name in ("study.json", "assets/plane.js"))


def _write(folder: Path, study: Mapping[str, Any], copies: Mapping[str, Path]) -> None:
    (folder / "assets").mkdir(parents=True)
    (folder / "media").mkdir()
    source = files("muvistats.annotate") / "assets"
    for name, own in _ASSETS.items():
        content = source.joinpath(own).read_bytes()
        if name == "index.html" and study["post"]:
            parts = urlsplit(study["post"])
            allowed = f"connect-src 'self' {parts.scheme}://{parts.netloc};"
            content = content.replace(b"connect-src 'self';", allowed.encode())
        (folder / name).write_bytes(content)
    for name, clip in copies.items():
        shutil.copyfile(clip, folder / name)
    text = json.dumps(study, ensure_ascii=False, indent=1)
    (folder / "study.json").write_text(text, encoding="utf-8")


def clips_of(folder: Path) -> dict[str, Path]:
    """Clips of a folder by name without suffix."""
    if not folder.is_dir():
        raise DataError("no such folder", file=folder)
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name.startswith("."):
            continue
        if path.suffix.lower() not in MEDIA_TYPES:
            continue
        if path.stem in found:
            raise DataError("two clips have one name", file=path, found=found[path.stem].name)
        found[path.stem] = path
    if not found:
        raise DataError("no clip", file=folder, expected=", ".join(MEDIA_TYPES))
    return found


def _copy(copies: dict[str, Path], kind: str, clip: Path) -> str:
    """Name of a clip on the page: a number, so that none says what it is."""
    name = f"media/{kind}-{len(copies) + 1:03d}{clip.suffix.lower()}"
    copies[name] = clip
    return name


def _check_sound(trials: pd.DataFrame, clips: Mapping[str, Path]) -> None:
    """Refuse to show the picture of a file that has none by its name."""
    shown = trials.loc[trials["modality"] != "music", "item"].unique()
    for item in shown:
        kind = MEDIA_TYPES[clips[item].suffix.lower()]
        if not kind.startswith("video"):
            raise DataError("clip has no picture", file=clips[item], expected="a video")


def _practice(folder: FilePath | None, copies: dict[str, Path]) -> list[dict[str, Any]]:
    if folder is None:
        return []
    shown = []
    for n, clip in enumerate(clips_of(Path(folder)).values()):
        video = MEDIA_TYPES[clip.suffix.lower()].startswith("video")
        shown.append(
            {
                "file": _copy(copies, "practice", clip),
                "modality": "audiovisual" if video else "music",
                "overlay": INTERFACES[(n + 1) % 2] if video else None,
            }
        )
    return shown


def _examples(folder: FilePath | None, copies: dict[str, Path]) -> list[dict[str, str]]:
    if folder is None:
        return []
    clips = clips_of(Path(folder))
    unknown = [name for name in clips if name not in QUADRANTS]
    if unknown:
        raise DataError(
            "unknown example", file=Path(folder), found=unknown[0], expected=", ".join(QUADRANTS)
        )
    return [
        {"quadrant": name, "file": _copy(copies, "example", clips[name])}
        for name in QUADRANTS
        if name in clips
    ]


def _labels(taxonomy: pd.DataFrame | None) -> list[dict[str, str]]:
    table = gems_taxonomy() if taxonomy is None else taxonomy
    check_frame(table, "taxonomy", ["label"])
    unknown = [str(name) for name in table if name not in _LABEL_COLUMNS]
    if unknown:
        expected = ", ".join(_LABEL_COLUMNS)
        raise DataError("unknown column", file="taxonomy", column=unknown[0], expected=expected)
    names = table["label"].astype("str")
    if table["label"].isna().any() or (names == "").any() or names.duplicated().any():
        raise DataError("a label is empty or stands twice", file="taxonomy", column="label")
    if "label_name" not in table:
        table = table.assign(label_name=names)
    texts = table.astype("object").where(table.notna(), "").astype("str")
    blank = np.flatnonzero(texts["label_name"].str.strip() == "")
    if len(blank):
        row = str(names.iloc[blank[0]])
        raise DataError("a label has no words", file="taxonomy", row=row, column="label_name")
    return [dict(row) for row in texts.to_dict("records")]  # type: ignore[arg-type]


def _plain_lists(trials: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Trials of each participant, in order, as plain values."""
    lists: dict[str, list[dict[str, Any]]] = {}
    plain = trials.astype("object").where(trials.notna(), None)
    for trial in plain.to_dict("records"):
        participant = str(trial.pop("participant"))
        file_name(participant)  # refuses an id that no file can have
        own = {str(name): value for name, value in trial.items()}
        lists.setdefault(participant, []).append(own)
    small = {name.lower(): name for name in lists}
    alike = [name for name in lists if small[name.lower()] != name]
    if alike:  # one file for both on computers that do not tell small letters from large ones
        other = small[alike[0].lower()]
        raise DataError("ids differ in small and large letters only", found=f"{alike[0]}, {other}")
    return lists


def _texts(own: Mapping[str, str] | FilePath | None) -> dict[str, str]:
    """Texts of the page, English where there are no others."""
    source = files("muvistats.annotate") / "assets" / "texts.json"
    texts: dict[str, str] = json.loads(source.read_text("utf-8"))
    place: object = "texts"
    if isinstance(own, str | os.PathLike):
        place = Path(own)
        own = load(Path(own))
    if own is None:
        return texts
    if not isinstance(own, Mapping):
        raise DataError("not texts by name", file=place, expected='{"continue": "Weiter"}')
    for name, text in own.items():
        if name not in texts:
            raise DataError("unknown text", file=place, found=name, expected=", ".join(texts))
        if not isinstance(text, str) or not text.strip():
            raise DataError("not a text", file=place, row=name, found=text)
    return texts | dict(own)


def _address(post: str | None) -> str | None:
    """Address of another server, or none."""
    if post is None:
        return None
    parts = urlsplit(post) if isinstance(post, str) else None
    plain = parts is not None and not set(parts.netloc) & set(" ;,'\"<>")
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc or not plain:
        raise DesignError(f"post must be an address such as https://example.org/in, not {post!r}")
    return post

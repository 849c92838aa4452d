"""Read the MuVi release as it is, with its known faults handled and logged."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...errors import AlignmentWarning, DataError, boundary, read_bytes
from ..build import Features, Log, assemble
from ..gems import gems_taxonomy
from .dynamics import DYNAMICS_FILE, Dynamics, read_dynamics
from .features import (
    EMOBASE_ARCHIVE,
    EMOBASE_FOLDER,
    VISUAL_FILE,
    read_emobase,
    read_visual,
)
from .keys import ItemMatcher
from .tables import (
    ITEM_FILE,
    MEDIA_FILE,
    PARTICIPANT_FILE,
    move_up,
    read_items,
    read_media,
    read_participants,
)

#: Beside a simulated release: says that it is one.
SIMULATION_FILE = "simulation.json"

#: Files that may be absent, and the part of the study that then stays out.
_OPTIONAL = {
    DYNAMICS_FILE: "dynamic annotations of arousal and valence",
    VISUAL_FILE: "visual features",
    EMOBASE_ARCHIVE: "audio features",
}

_NO_DYNAMICS = f"no samples in {DYNAMICS_FILE}"

#: A shift is reported where the labels' z at another lag is above this and above z at lag 0.
_CLEAR_SHIFT = 5.0

_logger = logging.getLogger("muvistats")


def read_muvi(
    folder: str | PathLike[str],
    *,
    label_alignment: Literal["released", "corrected"] = "released",
    cache: bool = True,
) -> xr.DataTree:
    """Read a folder in the layout of the MuVi release.

    Parameters
    ----------
    folder : path
        Holds `media_data.csv`, `participant_data.csv` and `video_urls.csv`, and, where they are
        there, `av_data.csv`, `combined_visual_features.csv`, and `emobase_features/` or
        `emobase_features.tar.xz`.
    label_alignment : {"released", "corrected"}
        Which trial the labels and the familiarity of a row belong to. ``"released"`` leaves the
        rows as they stand. ``"corrected"`` moves both up by one row within each participant: in
        the release they stand one trial late.
    cache : bool
        Whether features are kept in the user's cache folder (or the folder that the environment
        variable `MUVISTATS_CACHE` names), under the hash of their files.

    Returns
    -------
    DataTree
        The study. Its group `/log` counts everything that was mended, `/exclusions` lists what is
        masked, and the attribute `missing` (JSON, see `missing_files`) names absent files.

    Raises
    ------
    DataError
        When the folder or a required file is not there, or a file is not as it should be; names
        file, row (line of the file, from 1) and column.

    Warns
    -----
    AlignmentWarning
        When the labels agree better between people who rated the same item after a shift by a
        trial than as they were read.

    See Also
    --------
    released_exclusions : What the paper leaves out.
    label_alignment_check : Whether labels stand beside their items.
    simulate_muvi : A study of the same layout, with known truth.
    write_muvi : The way back.

    Notes
    -----
    Mended are: cut ids (an id that ends at its first underscore is matched to the one item that
    begins so), CRLF line ends, the names of the modalities (`muted_video` is visual, `video` is
    audiovisual), and emobase headers that repeat one name. Rows of a participant stand in the
    order of the session, which is kept as `trial`. With ``"corrected"``, the last media row of
    each participant has no labels: it is masked and listed in `/exclusions`; the first label row
    belongs to no media row and is only logged.

    References
    ----------
    Chua, P., Makris, D., Herremans, D., Roig, G., & Agres, K. (2022). Predicting emotion from music
    videos: exploring the relative contribution of visual and auditory information to affective
    responses. https://doi.org/10.48550/arXiv.2202.10453

    Examples
    --------
    >>> import tempfile
    >>> from muvistats import read_muvi, simulate_muvi, write_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_muvi(study, folder)
    ...     again = read_muvi(folder, label_alignment="corrected", cache=False)
    >>> again.attrs["label_alignment"], bool(again.attrs["simulated"])
    ('corrected', True)
    """
    if label_alignment not in ("released", "corrected"):
        raise DataError(
            "unknown label_alignment", found=label_alignment, expected="released or corrected"
        )
    data, shift = read_release(folder, label_alignment, cache=cache)
    if shift:
        warnings.warn(shift, AlignmentWarning, stacklevel=2)
    return data


def read_release(
    folder: str | PathLike[str], label_alignment: str = "released", *, cache: bool = True
) -> tuple[xr.DataTree, str]:
    """The study, as of `read_muvi`, and what `read_muvi` warns of, empty where of nothing."""
    with boundary("the release cannot be read", file=folder):
        data = _read(_checked_folder(folder), label_alignment, cache=cache)
        return data, _shift(data)


def _read(path: Path, label_alignment: str, *, cache: bool) -> xr.DataTree:
    log = Log()
    missing = missing_files(path)
    for name in missing:
        log.add(name, f"file is not there; without it the study has no {_OPTIONAL[name]}", 1)
        _logger.info("%s is not in %s: no %s", name, path.name, _OPTIONAL[name])
    items = read_items(path / ITEM_FILE, log)
    matcher = ItemMatcher(items["item"].tolist())
    participants = read_participants(path / PARTICIPANT_FILE, log)
    annotations, labels = read_media(path / MEDIA_FILE, matcher, participants, log)
    exclusions: list[dict[str, Any]] = []
    if label_alignment == "corrected":
        labels = move_up(annotations, labels, exclusions, log)
    dynamics = None
    if DYNAMICS_FILE not in missing:
        dynamics = read_dynamics(path / DYNAMICS_FILE, annotations, matcher, log)
        _mask_absent(annotations, dynamics, exclusions, log)
    data = assemble(
        annotations,
        dynamics.values if dynamics else {},
        participants=participants,
        items=items,
        labels=labels,
        label_table=gems_taxonomy(),
        time=dynamics.time if dynamics else None,
        features=_read_features(path, matcher, log, cache=cache),
        exclusions=exclusions,
        label_alignment=label_alignment,
        log=log,
        **_origin(path),
    )
    data.attrs["missing"] = json.dumps(list(missing))
    return data


def missing_files(folder: str | PathLike[str]) -> tuple[str, ...]:
    """Files of the release that may be absent and are.

    Parameters
    ----------
    folder : path
        The release.

    Returns
    -------
    tuple of str
        File names; the emobase features count as there when the folder or the archive is.

    Examples
    --------
    >>> import tempfile
    >>> from muvistats.dataset.release.reader import missing_files
    >>> with tempfile.TemporaryDirectory() as empty:
    ...     missing_files(empty)
    ('av_data.csv', 'combined_visual_features.csv', 'emobase_features.tar.xz')
    """
    path = Path(folder)
    there = {name for name in _OPTIONAL if (path / name).exists()}
    if (path / EMOBASE_FOLDER).is_dir():
        there.add(EMOBASE_ARCHIVE)
    return tuple(name for name in _OPTIONAL if name not in there)


def _checked_folder(folder: str | PathLike[str]) -> Path:
    path = Path(folder)
    if not path.exists():
        raise DataError("folder does not exist", file=path)
    if not path.is_dir():
        raise DataError("this is a file", file=path, expected="the folder of the MuVi release")
    for name in (MEDIA_FILE, PARTICIPANT_FILE, ITEM_FILE):
        if not (path / name).exists():
            raise DataError("required file is missing", file=path / name)
    return path


def _mask_absent(
    annotations: pd.DataFrame, dynamics: Dynamics, exclusions: list[dict[str, Any]], log: Log
) -> None:
    absent = np.flatnonzero(~dynamics.present)
    if len(absent):
        annotations["keep_dynamic"] = dynamics.present
        exclusions += [
            {"annotation": int(row), "mask": "keep_dynamic", "reason": _NO_DYNAMICS}
            for row in absent
        ]
        log.add(DYNAMICS_FILE, "annotations without samples were masked", len(absent))


def _read_features(
    path: Path, items: ItemMatcher, log: Log, *, cache: bool
) -> Mapping[str, Features]:
    read = {
        "audio": read_emobase(path, items, log, cache=cache),
        "visual": read_visual(path, items, log, cache=cache),
    }
    return {kind: features for kind, features in read.items() if features is not None}


def _origin(path: Path) -> dict[str, Any]:
    """Study, source and whether it is simulated, as `simulation.json` says."""
    source = f"folder {path.resolve().name}"
    note = path / SIMULATION_FILE
    if not note.exists():
        return {"study": "MuVi", "source": source}
    with boundary("not a JSON file", file=note.name):
        said = json.loads(read_bytes(note))
    if not isinstance(said, dict) or not isinstance(said.get("simulated"), bool):
        raise DataError("does not say whether the data is simulated", file=note.name)
    details = [
        f"{name} {said[name]}"
        for name in said
        if name not in ("simulated", "study") and isinstance(said[name], str | int | float)
    ]
    return {
        "study": str(said.get("study", "MuVi")),
        "source": ", ".join([source, *details]),
        "simulated": said["simulated"],
    }


def _shift(data: xr.DataTree) -> str:
    """Words where the labels agree between raters of an item at another lag than the one read."""
    from ..quality.shifts import alignment_z

    z = alignment_z(data)
    best = max(z, key=lambda lag: -np.inf if np.isnan(z[lag]) else z[lag])
    if best == 0 or not z[best] > _CLEAR_SHIFT or z[0] > z[best]:
        return ""
    remedy = {("released", 1): "corrected", ("corrected", -1): "released"}
    other = remedy.get((str(data.attrs["label_alignment"]), best))
    return (
        f"labels do not stand beside the item they were given for: agreement on items has"
        f" z = {z[0]:.1f} as read and z = {z[best]:.1f} with labels moved"
        f" {'up' if best > 0 else 'down'} by {abs(best)} row{'s' if abs(best) > 1 else ''} within"
        " participant; "
        + (f'read them with label_alignment="{other}"' if other else "see label_alignment_check")
    )

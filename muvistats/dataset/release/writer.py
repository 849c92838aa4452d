"""Write a study in the layout of the MuVi release, faults of the format included."""

from __future__ import annotations

import io
import json
import lzma
import tarfile
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ...arguments import check_path, generator_of
from ...errors import DataError
from ...files import whole_path
from ..gate import takes_study
from ..gems import gems_labels
from .dynamics import DIMENSIONS, DYNAMICS_FILE
from .emobase import emobase_names
from .features import EMOBASE_ARCHIVE, EMOBASE_FOLDER, VISUAL_FILE
from .keys import KEY_COLUMNS, MODALITY_NAMES
from .reader import SIMULATION_FILE
from .tables import ITEM_FILE, MEDIA_FILE, PARTICIPANT_FILE

#: Labels in the order of the released columns.
_LABELS = (
    "moved", "nervous", "filled_with_wonder", "allured", "fascinated", "overwhelmed",
    "feeling_of_transcendence", "serene", "calm", "soothed", "tender", "affectionate", "mellow",
    "nostalgic", "sentimental", "dreamy", "strong", "energetic", "triumphant", "animated",
    "bouncy", "joyful", "sad", "tearful", "blue", "tense", "agitated",
)  # fmt: skip

#: Released columns of the participants, in order, and ours; the others are written when there.
_PROFILE = {
    "participant_id": "participant",
    "age": "age",
    "gender": "gender",
    "country_live_longest": "country_live_longest",
    "country_musical_enculturation": "country_musical_enculturation",
    "lyric_language": "lyric_language",
    "favorite_genre": "favorite_genre",
    "years_formal_training": "years_of_training",
    "understood_yes_or_no": "understood_yes_or_no",
    "overlay_pref": "overlay_preference",
}
_NEEDED = ("participant", "age", "gender", "years_of_training", "overlay_preference")
_PREFERENCE = {0: "Side-by-Side", 1: "Overlaid", -1: ""}
_OVERLAY = {0: "0", 1: "1", -1: "irrelevant"}
_RELEASED_MODALITY = {ours: theirs for theirs, ours in MODALITY_NAMES.items()}

_Rng = int | np.random.SeedSequence | np.random.Generator | None
_Ints = npt.NDArray[np.int64]


@takes_study
def write_muvi(
    data: xr.DataTree,
    folder: str | PathLike[str],
    *,
    label_shift: int = 1,
    faults: bool = True,
    feature_digits: int = 7,
    overwrite: bool = False,
    rng: _Rng = 0,
) -> Path:
    """Write a study as a folder in the layout of the MuVi release.

    Parameters
    ----------
    data : DataTree
        A study with the 27 GEMS labels, `familiar`, `overlay` and `trial`, and with age, gender,
        training and overlay preference of the participants. Arousal and valence, audio and
        visual features are written when they are there.
    folder : path
        Where to; made anew, with the folders above it.
    label_shift : int
        By how many trials labels and familiarity are moved down within each participant; the
        release has 1. The first rows then hold what belongs to practice trials (here: labels of
        other trials of the participant, drawn at random), and the last ones are lost. 0 writes
        labels beside the item they belong to.
    faults : bool
        Whether to write the other faults of the release too: ids cut at the first underscore in
        the tables of trials and samples, CRLF in the item list, headers of the audio features
        that repeat one name.
    feature_digits : int
        Significant digits of the features.
    overwrite : bool
        Whether a folder that this function wrote before may be replaced.
    rng : int, SeedSequence, Generator or None
        Source of randomness for the practice trials. A number gives the same files each time,
        None others.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        When the study lacks something that the layout needs, ids would be ambiguous once cut, or
        the folder is not empty.

    See Also
    --------
    read_muvi : The way back.
    save_dataset : One store that keeps everything.

    Notes
    -----
    All is written to a temporary folder beside the target and then renamed. The file
    ``simulation.json`` says whether the data is simulated, and how the folder was written;
    `read_muvi` reads it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from muvistats import simulate_muvi, write_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> with tempfile.TemporaryDirectory() as above:
    ...     sorted(path.name for path in write_muvi(study, Path(above) / "muvi").iterdir())
    ['av_data.csv', 'media_data.csv', 'participant_data.csv', 'simulation.json', 'video_urls.csv']
    """
    target = check_path("folder", folder).absolute()
    _check_target(target, overwrite=overwrite)
    _check_study(data, label_shift)
    ids = _released_ids(data, faults=faults)
    keys = _released_keys(data, ids)
    with whole_path(target) as scratch:
        scratch.mkdir()
        _write_items(data, scratch, faults=faults)
        _csv(_participants(data), scratch / PARTICIPANT_FILE)
        _csv(_media(data, keys, label_shift, generator_of(rng)), scratch / MEDIA_FILE)
        if all(name in data["annotations"] for name in DIMENSIONS):
            _csv(_samples(data, keys), scratch / DYNAMICS_FILE)
        if "/features/audio" in data.groups:
            _write_emobase(data, scratch / EMOBASE_ARCHIVE, feature_digits, faults=faults)
        if "/features/visual" in data.groups:
            _write_visual(data, scratch / VISUAL_FILE, feature_digits)
        _write_origin(data, scratch / SIMULATION_FILE, label_shift, faults=faults)
    return target


def _check_target(target: Path, *, overwrite: bool) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise DataError("this is a file", file=target, expected="a folder to be made")
    if not any(target.iterdir()):
        return
    if not overwrite:
        raise DataError("folder is not empty; overwriting must be asked for", file=target)
    if not (target / SIMULATION_FILE).exists():
        raise DataError(
            f"folder holds no {SIMULATION_FILE}, so it was not written by write_muvi and is not"
            " replaced",
            file=target,
        )


def _check_study(data: xr.DataTree, label_shift: int) -> None:
    annotations = data["annotations"].to_dataset()
    for name in ("labels", "familiar", "overlay", "trial"):
        if name not in annotations.variables:
            raise DataError("the release has this and the study does not", column=name)
    if set(annotations["label"].to_numpy().tolist()) != set(gems_labels()):
        raise DataError("the labels are not the 27 of GEMS", column="label")
    for name in _NEEDED:
        if name not in data["participants"].to_dataset().variables:
            raise DataError("the release has this and the study does not", column=name)
    unknown = set(annotations["modality"].to_numpy().tolist()) - set(_RELEASED_MODALITY)
    if unknown:
        raise DataError(
            "unknown modality",
            found=min(unknown),
            expected=", ".join(_RELEASED_MODALITY),
        )
    if label_shift < 0:
        raise DataError("label_shift is negative", found=label_shift, expected="0 or more")
    if label_shift and data.attrs["label_alignment"] == "released":
        raise DataError(
            "the labels of this study are shifted already; write it with label_shift=0",
            found=f"label_alignment={data.attrs['label_alignment']!r}",
        )


def _released_ids(data: xr.DataTree, *, faults: bool) -> pd.Series:
    """Id of each item as it stands in the tables of trials and samples."""
    items = pd.Series(data["items/item"].to_numpy().astype(str))
    for item in items:
        if not item or item != Path(item).name or item.startswith("."):
            raise DataError("item cannot be the name of a file", column="item", found=item)
    first_part = items.str.split("_").str[0]
    written = first_part if faults else items
    for item, name in zip(items, written, strict=True):
        if ((items == name) | (first_part == name)).sum() != 1:
            raise DataError(
                "id would be ambiguous: the layout lets an id end at its first underscore",
                column="item",
                found=item,
            )
    return pd.Series(written.to_numpy(), index=items.to_numpy())


def _released_keys(data: xr.DataTree, ids: pd.Series) -> pd.DataFrame:
    """Keys of every annotation under the released names, with its row, in session order."""
    annotations = data["annotations"].to_dataset()
    people = pd.Index(data["participants/participant"].to_numpy())
    participant = annotations["participant"].to_numpy()
    keys = pd.DataFrame(
        {
            "participant_id": participant,
            "media_id": ids.loc[annotations["item"].to_numpy()].to_numpy(),
            "media_modality": [_RELEASED_MODALITY[m] for m in annotations["modality"].to_numpy()],
        }
    )
    order = np.lexsort((annotations["trial"].to_numpy(), people.get_indexer(participant)))
    return keys.iloc[order]


def _media(
    data: xr.DataTree, keys: pd.DataFrame, label_shift: int, rng: np.random.Generator
) -> pd.DataFrame:
    annotations = data["annotations"].to_dataset()
    source = _label_source(keys, label_shift, rng)
    position = pd.Index(annotations["label"].to_numpy()).get_indexer(list(_LABELS))
    labels = annotations["labels"].to_numpy()[source][:, position]
    familiar = annotations["familiar"].to_numpy()[source]
    missing = np.flatnonzero((labels < 0).any(axis=1) | (familiar < 0))
    if len(missing):
        row = keys.iloc[missing[0]]
        raise DataError(
            "labels or familiarity are missing; the layout has no code for that",
            row=" x ".join(row[list(KEY_COLUMNS)].astype(str)),
            column="labels",
        )
    table = keys[list(KEY_COLUMNS)].reset_index(drop=True)
    table["seen_previously"] = np.where(familiar == 1, "True", "False")
    table[list(_LABELS)] = labels
    overlay = annotations["overlay"].to_numpy()[keys.index.to_numpy()]
    table["overlay_type"] = [_OVERLAY[int(code)] for code in overlay]
    return table


def _label_source(keys: pd.DataFrame, label_shift: int, rng: np.random.Generator) -> _Ints:
    """Annotation whose labels each written row gets."""
    rows = keys.index.to_series()
    source = rows.groupby(keys["participant_id"]).shift(label_shift)
    practice = source.isna().to_numpy()
    drawn = rows.groupby(keys["participant_id"]).transform(
        lambda own: rng.choice(own.to_numpy(), len(own))
    )
    # the last trials of a corrected study have no labels, so practice rows come from the others
    lost = rows.groupby(keys["participant_id"]).cumcount(ascending=False) < label_shift
    first = rows.groupby(keys["participant_id"]).transform("first")
    drawn = drawn.where(~drawn.isin(rows[lost]), first)
    return np.where(practice, drawn, source.fillna(0)).astype(np.int64)


def _samples(data: xr.DataTree, keys: pd.DataFrame) -> pd.DataFrame:
    """The long table of samples; steps at which nothing was recorded are left out."""
    annotations = data["annotations"].to_dataset()
    values = {name: annotations[name].to_numpy()[keys.index.to_numpy()] for name in DIMENSIONS}
    for name, array in values.items():
        if array.ndim != 2:
            raise DataError("the layout holds dynamic ratings only", column=name)
    row, step = np.nonzero(~np.all([np.isnan(array) for array in values.values()], axis=0))
    table = keys.iloc[row].reset_index(drop=True)
    table["seq"] = step + 1
    table["time"] = annotations["time"].to_numpy()[step]
    for name, array in values.items():
        table[name] = array[row, step]
    return table


def _participants(data: xr.DataTree) -> pd.DataFrame:
    profile = data["participants"].to_dataset()
    table = {}
    for theirs, ours in _PROFILE.items():
        if ours not in profile.variables:
            continue
        values = profile[ours].to_numpy()
        if ours == "overlay_preference":
            table[theirs] = [_PREFERENCE[int(code)] for code in values]
        elif values.dtype.kind == "f":
            table[theirs] = ["" if np.isnan(value) else f"{value:.15g}" for value in values]
        else:
            table[theirs] = values.astype(str).tolist()
    return pd.DataFrame(table)


def _write_items(data: xr.DataTree, folder: Path, *, faults: bool) -> None:
    end = "\r\n" if faults else "\n"
    text = end.join(["video_id", *data["items/item"].to_numpy().astype(str)])
    (folder / ITEM_FILE).write_bytes((text if faults else text + end).encode())


def _write_emobase(data: xr.DataTree, path: Path, digits: int, *, faults: bool) -> None:
    features = data["features/audio"].to_dataset()
    names = emobase_names()
    if tuple(features["feature"].to_numpy().tolist()) != names:
        raise DataError("the audio features are not the 988 of emobase", file="/features/audio")
    columns = ("name", *names, "class")
    place = pd.Index(data["items/item"].to_numpy()).get_indexer(features["item"].to_numpy())
    with (
        lzma.open(path, "wb", preset=1) as stream,
        tarfile.open(fileobj=stream, mode="w") as archive,
    ):
        top = tarfile.TarInfo(EMOBASE_FOLDER)
        top.type, top.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(top)
        for number, item in enumerate(features["item"].to_numpy()):
            broken = faults and place[number] < len(columns)
            header = (columns[place[number]],) * len(columns) if broken else columns
            lines = [",".join(("", *header))]
            rows = _feature_rows(features["values"].to_numpy()[number], digits)
            lines += [f"{i},liveturn_{i},{row},unassigned" for i, row in enumerate(rows)]
            content = "\n".join([*lines, ""]).encode()
            member = tarfile.TarInfo(f"{EMOBASE_FOLDER}/{item}.csv")
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))


def _write_visual(data: xr.DataTree, path: Path, digits: int) -> None:
    features = data["features/visual"].to_dataset()
    names = features["feature"].to_numpy().astype(str)
    number = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(",".join(["", "media_id", *names, "class"]) + "\n")
        for item, block in zip(
            features["item"].to_numpy(), features["values"].to_numpy(), strict=True
        ):
            for row in _feature_rows(block, digits):
                stream.write(f"{number},{item},{row},unassigned\n")
                number += 1


def _feature_rows(block: npt.NDArray[Any], digits: int) -> list[str]:
    """Windows of an item as text, without the missing windows at its end."""
    there = np.flatnonzero(~np.isnan(block).all(axis=1))
    whole = block[: there[-1] + 1] if len(there) else block[:0]
    pattern = ",".join([f"%.{digits}g"] * block.shape[1])
    return [(pattern % tuple(row)).replace("nan", "") for row in whole.tolist()]


def _write_origin(data: xr.DataTree, path: Path, label_shift: int, *, faults: bool) -> None:
    truth = data["truth"].attrs if "truth" in data else {}
    said = {
        "simulated": bool(data.attrs["simulated"]),
        "study": str(data.attrs["study"]),
        "seed": str(truth.get("seed", "unknown")),
        "made_by": str(data.attrs["source"]),
        "label_shift": label_shift,
        "faults_of_the_release": "yes" if faults else "no",
    }
    path.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def _csv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")

"""The three tables that every MuVi folder has: items, participants, and trials with labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...errors import DataError
from ..build import Log, natural_order
from ..gems import gems_taxonomy
from .csv_input import codes, numbers, read_table, reads_file, refuse_empty, refuse_repeats
from .keys import KEY_COLUMNS, MODALITY_NAMES, ItemMatcher, read_keys

MEDIA_FILE = "media_data.csv"
PARTICIPANT_FILE = "participant_data.csv"
ITEM_FILE = "video_urls.csv"

#: Columns of `participant_data.csv` that are needed, and ours.
_PROFILE = {
    "participant_id": "participant",
    "age": "age",
    "gender": "gender",
    "years_formal_training": "years_of_training",
    "overlay_pref": "overlay_preference",
}

_FAMILIAR = {"False": 0, "True": 1, "FALSE": 0, "TRUE": 1, "false": 0, "true": 1}
_OVERLAY = {"0": 0, "1": 1, "irrelevant": -1}
_PREFERENCE = {"Side-by-Side": 0, "Overlaid": 1, "": -1}

_LEFT_WITHOUT = "no label row after the last trial"


@reads_file
def read_items(path: Path, log: Log) -> pd.DataFrame:
    """Item list in release order."""
    table = read_table(path, ["video_id"], log)
    refuse_empty(table, ["video_id"], path.name)
    refuse_repeats(table, ["video_id"], path.name, "item")
    return pd.DataFrame(
        {"item": table["video_id"].to_numpy(), "release_order": np.arange(1, len(table) + 1)}
    )


@reads_file
def read_participants(path: Path, log: Log) -> pd.DataFrame:
    """Profiles in the natural order of the ids, under our names."""
    file = path.name
    table = read_table(path, list(_PROFILE), log)
    refuse_empty(table, ["participant_id"], file)
    refuse_repeats(table, ["participant_id"], file, "participant")
    columns: dict[str, Any] = {
        "participant": table["participant_id"],
        "age": numbers(table, "age", file, low=0),
        "gender": table["gender"],
        "years_of_training": numbers(table, "years_formal_training", file, low=0),
        "overlay_preference": codes(table, "overlay_pref", _PREFERENCE, file),
    }
    for name in table.columns.difference(list(_PROFILE), sort=False):
        columns[name or "unnamed"] = table[name]
    frame = pd.DataFrame(columns).set_index("participant", drop=False)
    return frame.loc[natural_order(frame.index.tolist())].reset_index(drop=True)


@reads_file
def read_media(
    path: Path, items: ItemMatcher, participants: pd.DataFrame, log: Log
) -> tuple[pd.DataFrame, npt.NDArray[np.int8]]:
    """Annotations in file order, and their labels in the order of the taxonomy."""
    file = path.name
    names = gems_taxonomy()["label"].tolist()
    required = [*KEY_COLUMNS, "seen_previously", *names, "overlay_type"]
    table = read_table(path, required, log)
    extra = [str(name) for name in table.columns.difference(required, sort=False)]
    if extra:
        log.add(file, f"columns not used: {', '.join(extra)}", len(extra))
    keys = read_keys(table, file, items, log)
    for theirs, ours in MODALITY_NAMES.items():
        if theirs != ours:
            renamed = int((table["media_modality"] == theirs).sum())
            log.add(file, f"modality {theirs} is named {ours}", renamed)
    _refuse_strangers(keys["participant"], participants, file, log)
    refuse_repeats(keys, ["participant", "item", "modality"], file, "annotation")
    overlay = codes(table, "overlay_type", _OVERLAY, file)
    _check_overlay(overlay, keys, table, file, log)
    annotations = keys.assign(
        trial=keys.groupby("participant").cumcount() + 1,
        familiar=codes(table, "seen_previously", _FAMILIAR, file),
        overlay=overlay,
        keep_dynamic=True,
        keep_labels=True,
    )
    labels = np.column_stack([codes(table, name, {"0": 0, "1": 1}, file) for name in names])
    return annotations.reset_index(drop=True), labels


def _refuse_strangers(
    participant: pd.Series, participants: pd.DataFrame, file: str, log: Log
) -> None:
    unknown = np.flatnonzero(~participant.isin(participants["participant"]))
    if len(unknown):
        raise DataError(
            f"participant has no profile in {PARTICIPANT_FILE}",
            file=file,
            row=participant.index[unknown[0]],
            column="participant_id",
            found=participant.iloc[unknown[0]],
        )
    idle = int((~participants["participant"].isin(participant)).sum())
    if idle:
        log.add(PARTICIPANT_FILE, "participants without annotations", idle)


def _check_overlay(
    overlay: npt.NDArray[np.int8], keys: pd.DataFrame, table: pd.DataFrame, file: str, log: Log
) -> None:
    """Music has no picture to lay axes over; what was said about it is set missing."""
    music = (keys["modality"] == "music").to_numpy()
    wrong = music & (overlay >= 0)
    if wrong.any():
        log.add(file, "overlay_type of a music row was set missing", int(wrong.sum()))
        overlay[wrong] = -1
    unsaid = ~music & (overlay < 0)
    if unsaid.any():
        raise DataError(
            "a row with a picture has no overlay_type",
            file=file,
            row=table.index[np.flatnonzero(unsaid)[0]],
            column="overlay_type",
            found="irrelevant",
            expected="0 or 1",
        )


def move_up(
    annotations: pd.DataFrame,
    labels: npt.NDArray[np.int8],
    exclusions: list[dict[str, Any]],
    log: Log,
) -> npt.NDArray[np.int8]:
    """Give each row the labels and the familiarity of its participant's next row."""
    rows = pd.Series(np.arange(len(annotations)))
    following = rows.groupby(annotations["participant"].to_numpy()).shift(-1)
    last = following.isna().to_numpy()
    source = following.fillna(0).to_numpy(dtype=np.int64)
    familiar = annotations["familiar"].to_numpy()[source]
    familiar[last] = -1
    moved: npt.NDArray[np.int8] = labels[source]
    moved[last] = -1
    annotations["familiar"] = familiar
    annotations["keep_labels"] = ~last
    exclusions += [
        {"annotation": int(row), "mask": "keep_labels", "reason": _LEFT_WITHOUT}
        for row in np.flatnonzero(last)
    ]
    people = int(last.sum())
    log.add(
        MEDIA_FILE,
        "labels and familiarity were moved up by one row within participant (rows with labels)",
        len(annotations) - people,
    )
    log.add(MEDIA_FILE, "first label row of a participant belongs to no media row", people)
    log.add(MEDIA_FILE, f"last media row of a participant is masked: {_LEFT_WITHOUT}", people)
    return moved

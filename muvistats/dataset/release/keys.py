"""Keys of the MuVi release: ids that were cut, and its own names of the modalities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ...errors import DataError
from ..build import Log
from .csv_input import refuse_empty

#: Names of the modalities in the release, and ours.
MODALITY_NAMES = {"music": "music", "muted_video": "visual", "video": "audiovisual"}

#: Columns that together name an annotation.
KEY_COLUMNS = ("participant_id", "media_id", "media_modality")


class ItemMatcher:
    """Finds the item that a `media_id` means.

    Some ids of the release end at their first underscore. An id means the item that bears it
    whole, or the one whose part before the first underscore it is; it must mean exactly one.

    Parameters
    ----------
    items : sequence of str
        Whole ids, in release order.
    """

    def __init__(self, items: Sequence[str]) -> None:
        self.items = list(items)
        self._meant: dict[str, set[str]] = {}
        for item in items:
            self._meant.setdefault(item, set()).add(item)
            self._meant.setdefault(item.split("_")[0], set()).add(item)

    def find(
        self, media_id: str, *, file: str, row: object = None, column: str | None = None
    ) -> str:
        """Item of one id.

        Raises
        ------
        DataError
            When the id means no item or more than one.
        """
        hits = sorted(self._meant.get(media_id, ()))
        if len(hits) == 1:
            return hits[0]
        if hits:
            raise DataError(
                "id is ambiguous",
                file=file,
                row=row,
                column=column,
                found=media_id,
                expected=f"one item, not {' or '.join(hits)}",
            )
        raise DataError(
            "item is not in the list of video_urls.csv",
            file=file,
            row=row,
            column=column,
            found=media_id,
        )

    def column(self, table: pd.DataFrame, name: str, file: str, log: Log) -> pd.Series:
        """Items of a column of ids; cut ids are counted in the log."""
        number, ids = pd.factorize(table[name].to_numpy())
        lines = table.index[np.unique(number, return_index=True)[1]]
        found = [
            self.find(media_id, file=file, row=line, column=name)
            for media_id, line in zip(ids, lines, strict=True)
        ]
        cut = np.array([item != media_id for item, media_id in zip(found, ids, strict=True)])
        if cut.any():
            log.add(
                file,
                f"{int(cut.sum())} ids are cut at the first underscore; matched to the one item"
                " that begins so (rows counted)",
                int(cut[number].sum()),
            )
        return pd.Series(np.array(found, dtype=object)[number], index=table.index)


def read_keys(table: pd.DataFrame, file: str, items: ItemMatcher, log: Log) -> pd.DataFrame:
    """Item, modality and participant of each row, under our names.

    Raises
    ------
    DataError
        When a key is empty, a modality or an item is not known.
    """
    refuse_empty(table, KEY_COLUMNS, file)
    number, names = pd.factorize(table["media_modality"].to_numpy())
    for code, name in enumerate(names):
        if name not in MODALITY_NAMES:
            raise DataError(
                "unknown modality",
                file=file,
                row=table.index[np.flatnonzero(number == code)[0]],
                column="media_modality",
                found=name,
                expected=", ".join(MODALITY_NAMES),
            )
    ours = np.array([MODALITY_NAMES[name] for name in names], dtype=object)
    return pd.DataFrame(
        {
            "item": items.column(table, "media_id", file, log),
            "modality": ours[number],
            "participant": table["participant_id"],
        },
        index=table.index,
    )

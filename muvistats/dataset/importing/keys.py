"""Keys of a user's tables: what they are called, which ones there are, where each row belongs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...errors import DataError
from .. import schema
from ..build import natural_order
from ..frames import check_frame, keys_text, refuse
from ..ratings import Recordings, place

#: The one modality of a study that does not name it, as rows over all modalities are called.
UNNAMED = "all"

#: Names under which tables hold who rated, lower case and without signs.
_RATER_NAMES = {
    *("rater", "raterid", "subject", "subjectid", "subj", "participantid", "person", "personid"),
    *("coder", "coderid", "annotator", "annotatorid", "worker", "workerid", "user", "userid"),
    *("respondent", "respondentid", "judge", "observer", "prolificid", "proband", "vp", "vpnr"),
}


def backwards(columns: Mapping[str, str], tables: Mapping[str, pd.DataFrame]) -> bool:
    """Whether a mapping names the user's columns first and the names used here second."""
    there = {str(name) for frame in tables.values() for name in frame}
    ours = {v.name for v in schema.VARIABLES}
    return any(
        theirs in there and name in ours and name not in there for theirs, name in columns.items()
    )


def modalities_of(
    tables: Mapping[str, pd.DataFrame], given: Sequence[str] | None
) -> tuple[str, ...]:
    """Levels of modality: those that were given, MuVi's, or those of the tables."""
    if given is not None:
        if not given or len(set(given)) < len(given):
            raise DataError("modalities are not distinct names", found=list(given))
        return tuple(given)
    found: dict[str, None] = {}
    for name in ("annotations", "dynamics"):
        if "modality" in tables.get(name, ()):
            column = tables[name]["modality"]
            if isinstance(column.dtype, pd.CategoricalDtype):
                found |= dict.fromkeys(map(str, column.cat.categories))
            else:
                texts = keys_text(tables[name], name, "modality").tolist()
                found |= dict.fromkeys(natural_order(texts))
    if not found:
        return (UNNAMED,)
    return schema.MODALITIES if found.keys() & set(schema.MODALITIES) else tuple(found)


def keyed(
    tables: Mapping[str, pd.DataFrame], modalities: Sequence[str]
) -> tuple[pd.DataFrame, Recordings | None]:
    """Keys of the annotations as text, and where each row of the dynamics belongs."""
    keys = None
    if "annotations" in tables:
        keys = _keys(tables["annotations"], "annotations", modalities)
        if "participant" in keys:
            _once(keys)
        elif "participants" in tables:
            check_frame(tables["annotations"], "annotations", ["participant"])
        if "dynamics" not in tables:
            return keys, None
    dynamics = tables["dynamics"]
    wanted = ["item", "participant", "time"] if keys is None else [*keys.columns, "time"]
    one = [] if "modality" in dynamics or len(modalities) > 1 else ["modality"]
    check_frame(dynamics, "dynamics", [key for key in wanted if key not in one])
    if keys is not None and "participant" not in keys:
        raise DataError(
            "recordings of one item cannot be told apart without a participant",
            file="annotations",
            column="participant",
        )
    recordings, keys = place(dynamics, _keys(dynamics, "dynamics", modalities), keys)
    return keys, recordings


def _once(keys: pd.DataFrame) -> None:
    """Refuse an annotation that stands twice, and say how repeated ratings are told apart."""
    twice = np.flatnonzero(keys.duplicated())
    if not len(twice):
        return
    problem = "annotation stands twice"
    if "session" not in keys:
        problem += '; session="..." names the column that tells repeated ratings apart'
    if (keys["modality"] == UNNAMED).all():
        problem += ', modality="..." the one that says in which modality an item was shown'
    found = " x ".join(keys.iloc[int(twice[0])])
    refuse(keys, "annotations", "item", twice, problem, found=found)


def _keys(frame: pd.DataFrame, name: str, modalities: Sequence[str]) -> pd.DataFrame:
    one = len(modalities) == 1 and "modality" not in frame
    for key in ["item"] if one else ["item", "modality"]:
        if key not in frame:
            there = ", ".join(map(str, frame.columns))
            problem = f'column is missing; {key}="..." names yours'
            raise DataError(problem, file=name, column=key, found=there)
    if "participant" not in frame:
        _refuse_hidden_ids(frame, name)
    keys = {
        key: pd.Series(modalities[0], frame.index)
        if one and key == "modality"
        else text_key(frame, name, key)
        for key in schema.ALL_KEYS
        if key in frame or key == "modality"
    }
    unknown = np.flatnonzero(~keys["modality"].isin([str(m) for m in modalities]))
    if len(unknown):
        expected = ", ".join(modalities) + "; modalities=[...] names those of your study"
        refuse(frame, name, "modality", unknown, "unknown modality", expected=expected)
    return pd.DataFrame(keys, index=frame.index, dtype="str")


def _refuse_hidden_ids(frame: pd.DataFrame, name: str) -> None:
    """Ratings may come without ids, but ids under another name are not to be lost."""
    for column in map(str, frame):
        if "".join(filter(str.isalnum, column.lower())) in _RATER_NAMES:
            raise DataError(
                "column looks like the ids of participants; participant="
                f'"{column}" says so, and drop the column if it does not hold them',
                file=name,
                column=column,
            )


def text_key(frame: pd.DataFrame, name: str, key: str) -> pd.Series:
    """A key as text; names that look alike are refused."""
    text = keys_text(frame, name, key)
    names = pd.Index(text.unique())
    alike = {
        "blanks": (names.str.strip(), "strip them, as in frame[column].str.strip()"),
        "letters with their marks apart": (
            names.str.normalize("NFC"),
            'compose them, as in frame[column].str.normalize("NFC")',
        ),
    }
    for what, (bare, remedy) in alike.items():
        if not bare.is_unique:
            twice = names[bare == bare[bare.duplicated()][0]]
            both = " and ".join(repr(str(n)) for n in twice)
            rows = np.flatnonzero(text.isin(twice[1:]))
            refuse(frame, name, key, rows, f"{both} differ by {what} only; {remedy}")
    return text


def sessions_of(tables: Mapping[str, pd.DataFrame], keys: pd.DataFrame) -> list[str]:
    """Sessions in their order: that of a categorical, or numbers inside names as numbers."""
    for name in ("annotations", "dynamics"):
        column = tables[name].get("session") if name in tables else None
        if column is not None and isinstance(column.dtype, pd.CategoricalDtype):
            there = set(keys["session"])
            return [str(level) for level in column.cat.categories if str(level) in there]
    return natural_order(keys["session"].tolist())


def known(frame: pd.DataFrame | None, key: str, keys: pd.DataFrame) -> pd.DataFrame:
    """Table of participants or items with its key as text, every annotation's one in it."""
    name = f"{key}s"
    if frame is None:
        return pd.DataFrame({key: natural_order(keys[key].tolist())})
    check_frame(frame, name, [key])
    frame = frame.assign(**{key: text_key(frame, name, key)})
    twice = np.flatnonzero(frame[key].duplicated())
    if len(twice):
        refuse(frame, name, key, twice, f"{key} stands twice")
    unknown = np.flatnonzero(~keys[key].isin(frame[key]))
    if len(unknown):
        found = str(keys[key].iloc[int(unknown[0])])
        problem = (
            "participant has no profile" if key == "participant" else "item is not in the list"
        )
        like = [str(n) for n in frame[key] if str(n).strip() == found.strip()]
        if like:
            problem += f"; {found!r} differs from {like[0]!r} by blanks only"
        more: dict[str, Any] = {"found": found, "expected": f"one of the {name}"}
        refuse(keys, "annotations", key, unknown, problem, **more)
    return frame

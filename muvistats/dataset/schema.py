"""The one description of the data model: groups, dims, coordinates, variables, units, ranges.

Everything that builds, checks, stores or documents a study reads this file.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

#: Since 1.1 ratings are stored on the scale on which they were recorded.
SCHEMA_VERSION = "1.1"

#: Levels of the factor modality, in the order in which every table shows them.
MODALITIES = ("music", "visual", "audiovisual")

#: Keys of an annotation. Ratings without ids have no participant.
KEYS = ("item", "modality", "participant")

#: Keys where people rated the same thing in several sessions, in the order in which rows stand.
ALL_KEYS = (*KEYS, "session")

#: Scale of a rated dimension where nothing else is said.
SCALE = (-1.0, 1.0)

#: Seconds between two samples of a regular grid.
SAMPLING_INTERVAL = 0.5

#: Longest excerpt, in seconds: three hours. What is longer is another unit or a clock.
LONGEST = 3 * 3600

#: How a factor came to its values; decides which test respects the design.
ASSIGNED = ("within_item", "participant", "item", "observed")

#: What the labels of a row refer to: `released` and `corrected` are the two readings of the
#: MuVi release, `as_recorded` is any other study.
ALIGNMENTS = ("released", "corrected", "as_recorded")

#: Meaning of the codes of a flag that is true or false.
TRUTHS = ("False", "True")

Kind = Literal["text", "integer", "number", "truth", "flag"]


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable or coordinate of the tree.

    Parameters
    ----------
    group : str
        Path of the group in the tree.
    name : str
        Name of the variable.
    dims : tuple of str
        Dimensions, in order.
    kind : {"text", "integer", "number", "truth", "flag"}
        Type of the values. A missing text is ``""``, a missing flag is -1, a missing number
        is NaN.
    description : str
        What it means.
    units : str
        Units, empty for a pure number or a text.
    flags : tuple of str
        Meaning of the codes 0, 1, ... of a flag.
    assigned : str
        How the factor came to its values, one of `ASSIGNED`; empty for no factor.
    coordinate : bool
        Whether it is a coordinate.
    required : bool
        Whether the group is invalid without it.
    """

    group: str
    name: str
    dims: tuple[str, ...]
    kind: Kind
    description: str
    units: str = ""
    flags: tuple[str, ...] = ()
    assigned: str = ""
    coordinate: bool = False
    required: bool = False

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes that the stored variable carries."""
        attrs: dict[str, Any] = {"long_name": self.description}
        if self.units:
            attrs["units"] = self.units
        if self.flags:
            attrs["flag_meanings"] = " ".join(self.flags)
        if self.assigned:
            attrs["assigned"] = self.assigned
        return attrs


def _annotation(name: str, kind: Kind, description: str, **more: Any) -> Variable:
    return Variable("/annotations", name, ("annotation",), kind, description, **more)


def _features(modality: str) -> tuple[Variable, ...]:
    rows: tuple[tuple[str, tuple[str, ...], Kind, str, str, bool], ...] = (
        ("item", ("item",), "text", "item", "", True),
        ("time", ("time",), "number", "start of the window in the excerpt", "s", True),
        ("feature", ("feature",), "text", "name of the feature", "", True),
        ("family", ("feature",), "text", "family of the feature", "", True),
        ("values", ("item", "time", "feature"), "number", f"{modality} features", "", False),
    )
    return tuple(
        Variable(f"/features/{modality}", name, dims, kind, text, units, (), "", coord, True)
        for name, dims, kind, text, units, coord in rows
    )


def _records(group: str, dim: str, *rows: tuple[str, Kind, str]) -> tuple[Variable, ...]:
    optional = ALL_KEYS[2:]
    return tuple(
        Variable(group, name, (dim,), kind, text, required=name not in optional)
        for name, kind, text in rows
    )


VARIABLES: tuple[Variable, ...] = (
    _annotation(
        "annotation", "integer", "running number of the annotation", coordinate=True, required=True
    ),
    _annotation("item", "text", "rated item", coordinate=True, required=True),
    _annotation(
        "modality",
        "text",
        "modality in which the item was shown",
        coordinate=True,
        required=True,
        assigned="within_item",
    ),
    _annotation("participant", "text", "rater", coordinate=True),
    _annotation(
        "session",
        "text",
        "occasion on which a participant rated",
        coordinate=True,
        assigned="within_item",
    ),
    _annotation(
        "trial", "integer", "order within the participant's session, from 1", coordinate=True
    ),
    Variable(
        "/annotations",
        "time",
        ("time",),
        "number",
        "time from the start of the excerpt",
        units="s",
        coordinate=True,
    ),
    Variable(
        "/annotations", "label", ("label",), "text", "label, snake_case term", coordinate=True
    ),
    Variable(
        "/annotations",
        "label_name",
        ("label",),
        "text",
        "label as the participants saw it",
        coordinate=True,
    ),
    Variable(
        "/annotations",
        "label_category",
        ("label",),
        "text",
        "category of the label",
        coordinate=True,
    ),
    Variable(
        "/annotations",
        "label_superfactor",
        ("label",),
        "text",
        "superfactor of the label",
        coordinate=True,
    ),
    Variable(
        "/annotations",
        "labels",
        ("annotation", "label"),
        "flag",
        "whether the label was chosen",
        flags=("not_chosen", "chosen"),
    ),
    _annotation(
        "familiar",
        "flag",
        "whether the participant had seen or heard the item before",
        flags=("unfamiliar", "familiar"),
        assigned="observed",
    ),
    _annotation(
        "overlay",
        "flag",
        "annotation axes beside the video or overlaid on it",
        flags=("side_by_side", "overlaid"),
        assigned="within_item",
    ),
    _annotation(
        "keep_dynamic", "truth", "whether the rated dimensions enter the statistics", required=True
    ),
    _annotation("keep_labels", "truth", "whether the labels enter the statistics", required=True),
    Variable(
        "/participants",
        "participant",
        ("participant",),
        "text",
        "rater",
        coordinate=True,
        required=True,
    ),
    Variable("/participants", "age", ("participant",), "number", "age", units="year"),
    Variable("/participants", "gender", ("participant",), "text", "gender", assigned="participant"),
    Variable(
        "/participants",
        "years_of_training",
        ("participant",),
        "number",
        "years of formal musical training",
        units="year",
        assigned="participant",
    ),
    Variable(
        "/participants",
        "overlay_preference",
        ("participant",),
        "flag",
        "annotation interface that the participant preferred",
        flags=("side_by_side", "overlaid"),
        assigned="participant",
    ),
    Variable("/items", "item", ("item",), "text", "item", coordinate=True, required=True),
    *_features("audio"),
    *_features("visual"),
    *_records(
        "/exclusions",
        "exclusion",
        ("annotation", "integer", "annotation that is masked"),
        ("item", "text", "its item"),
        ("modality", "text", "its modality"),
        ("participant", "text", "its rater"),
        ("session", "text", "its session"),
        ("mask", "text", "mask that was set: keep_dynamic or keep_labels"),
        ("reason", "text", "why"),
    ),
    *_records(
        "/log",
        "entry",
        ("source", "text", "file or step that the entry is about"),
        ("action", "text", "what was found and what was done about it"),
        ("count", "integer", "how many rows, columns or files it touched"),
    ),
)


def keys_in(names: Container[Any]) -> tuple[str, ...]:
    """Keys that annotations have, in the order by which they are sorted."""
    return tuple(key for key in ALL_KEYS if key in names)


def variables(group: str) -> Mapping[str, Variable]:
    """Variables of one group, by name."""
    return {v.name: v for v in VARIABLES if v.group == group}


def encode_levels(levels: Sequence[str]) -> str:
    """Store the ordered levels of a factor in one text attribute (NetCDF keeps no lists)."""
    return json.dumps([str(level) for level in levels])


def decode_levels(text: str) -> tuple[str, ...]:
    """Read back what `encode_levels` stored."""
    return tuple(json.loads(text))

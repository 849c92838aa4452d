"""What the page sends, part by part: checked alike by the server and by the reader."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..dataset import schema
from ..errors import DataError, read_bytes

#: Version of the format of parts, files and the study.
FORMAT = 1

#: Longest id of a participant, in characters of its file name.
_LONGEST_ID = 100

#: Most samples of a trial, and longest clip in seconds.
_MOST_SAMPLES = 400_000
_LONGEST_CLIP = 3 * 3600

#: Fewest and most samples per second of a clip.
RATES = (0.1, 1000.0)

#: Step in which the page tells the time of the clip, in seconds.
_CLOCK = 1e-4

#: Seconds by which a sample may lie beyond the length that the clip said it has.
_BEYOND = 1.0

_KEYS = ("trial", "item", "modality", "overlay")
_SERIES = ("time", "wall", "valence", "arousal", "focus", "stalled")
_EVENTS = (
    *("focus_lost", "focus_gained", "hidden", "visible"),
    *("stalled", "resumed", "paused", "seek_refused", "speed_refused"),
    "begun_before",
)
_GENDERS = ("female", "male", "other", "unsaid")
_INPUTS = ("keyboard", "mouse", "pen", "touch")
_INTERFACES = ("side_by_side", "overlaid")

Study = Mapping[str, Any]
Part = dict[str, Any]


def file_name(participant: str) -> str:
    """Name of a participant's files: the id, with all but letters, digits, - and _ in codes."""
    name = quote(participant, safe="").replace(".", "%2E").replace("~", "%7E")
    if not participant or len(name) > _LONGEST_ID:
        raise DataError("id of a participant is empty or too long", found=participant[:_LONGEST_ID])
    return name


def parse(text: bytes | str, source: object) -> Any:
    """Value of a JSON text; NaN and infinity, which are no JSON, are refused."""

    def refuse(name: str) -> Any:
        raise DataError("not a number", file=source, found=name)

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError("not a JSON file", file=source) from None


def load(place: Path) -> Any:
    """Value of a JSON file."""
    return parse(read_bytes(place, file=place), place)


def check_study(study: Any, source: object) -> Study:
    """A study as `study.json` holds it, or an error that names the field which is wrong."""
    _need(source, "format", isinstance(study, dict), type(study).__name__, "a study")
    _need(source, "format", study.get("format") == FORMAT, study.get("format"), repr(FORMAT))
    for name, kind in (("id", str), ("labels", list), ("lists", dict), ("texts", dict)):
        value = study.get(name)
        _need(source, name, isinstance(value, kind), type(value).__name__, kind.__name__)
    _need(source, "texts", isinstance(study["texts"].get("title"), str), study["texts"], "a title")
    for label in study["labels"]:
        good = isinstance(label, dict) and {"label", "label_name"} <= set(label)
        good = good and all(isinstance(text, str) for text in label.values())
        _need(source, "labels", good, label, "texts label and label_name")
    for participant, trials in study["lists"].items():
        good = isinstance(trials, list) and all(_planned(trial) for trial in trials)
        _need(source, "lists", good, participant, f"trials with {', '.join(_KEYS)}")
    return dict(study)


def _planned(trial: Any) -> bool:
    """Whether this is a trial of a list."""
    return (
        isinstance(trial, dict)
        and set(trial) == set(_KEYS)
        and _number(trial["trial"], 1, 1e6)
        and isinstance(trial["trial"], int)
        and isinstance(trial["item"], str)
        and trial["modality"] in schema.MODALITIES
        and trial["overlay"] in (None, *_INTERFACES)
    )


def check_part(study: Study, participant: str, part: Any, source: object = "part") -> Part:
    """Part of what a participant sends, with the fields that it should have and no others.

    Parameters
    ----------
    study : mapping
        The study as `study.json` holds it.
    participant : str
        Whose part it is.
    part : object
        What was sent.
    source : object
        What errors call it.

    Returns
    -------
    dict
        The part.

    Raises
    ------
    DataError
        Names the field that is missing or wrong.
    """
    kinds: dict[str, Callable[[], Part]] = {
        "trial": lambda: _trial(study, participant, part, source),
        "personal": lambda: _personal(part, source),
        "final": lambda: _final(part, source),
    }
    kind = part.get("kind") if isinstance(part, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise DataError("unknown kind of part", file=source, found=kind, expected=", ".join(kinds))
    return {"format": FORMAT, "kind": kind, "participant": participant, **kinds[kind]()}


def _need(source: object, name: str, good: bool, value: Any, expected: str) -> Any:
    if not good:
        text = repr(value)
        raise DataError(
            "field is missing or wrong",
            file=source,
            column=name,
            found=value if len(text) <= 80 else text[:80] + "...",
            expected=expected,
        )
    return value


def _number(value: Any, low: float, high: float) -> bool:
    # whole numbers of JSON may be longer than any float
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_ID


def _trial(study: Study, participant: str, part: Part, source: object) -> Part:
    planned = {trial["trial"]: trial for trial in study["lists"].get(participant, ())}
    number = part.get("trial")
    known = isinstance(number, int) and not isinstance(number, bool) and number in planned
    _need(source, "trial", known, number, f"a trial of the list of {participant}")
    plan = planned[number]
    for name in _KEYS:
        _need(source, name, part.get(name) == plan[name], part.get(name), repr(plan[name]))
    duration: Any = part.get("duration")
    _need(source, "duration", _number(duration, 0, _LONGEST_CLIP), duration, "seconds")
    labels: Any = part.get("labels")
    names = {label["label"] for label in study["labels"]}
    good = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    good = good and set(labels) <= names and len(set(labels)) == len(labels) > 0
    _need(source, "labels", good or (labels == [] and not names), labels, "labels of the study")
    familiar = part.get("familiar")
    _need(source, "familiar", isinstance(familiar, bool), familiar, "true or false")
    inputs: Any = part.get("inputs")
    good = isinstance(inputs, list) and len(inputs) <= len(_INPUTS)
    good = good and all(name in _INPUTS for name in inputs)
    _need(source, "inputs", good, inputs, ", ".join(_INPUTS))
    _need(source, "started", _text(part.get("started")), part.get("started"), "a time")
    _need(source, "rate", _number(part.get("rate"), *RATES), part.get("rate"), "per second")
    return {
        **{name: plan[name] for name in _KEYS},
        **{name: part[name] for name in ("started", "duration", "rate")},
        "plane": _plane(part.get("plane"), source),
        "inputs": inputs,
        "samples": _samples(part.get("samples"), duration, source),
        "events": _events(part.get("events"), source),
        "labels": labels,
        "familiar": familiar,
    }


def _plane(plane: Any, source: object) -> Part:
    good = isinstance(plane, dict)
    good = good and all(_number(plane.get(name), 1, 1e5) for name in ("width", "height"))
    _need(source, "plane", good, plane, "width and height in pixels")
    return {name: plane[name] for name in ("width", "height")}


def _samples(samples: Any, duration: float, source: object) -> Part:
    good = isinstance(samples, dict) and all(isinstance(samples.get(n), list) for n in _SERIES)
    good = good and len({len(samples[name]) for name in _SERIES}) == 1
    good = good and 0 < len(samples["time"]) <= _MOST_SAMPLES
    _need(source, "samples", good, type(samples).__name__, f"lists {', '.join(_SERIES)}, as long")
    limits = {
        "time": (0, duration + _BEYOND),
        "wall": (0, 1e9),
        "valence": (-1, 1),
        "arousal": (-1, 1),
        "focus": (0, 1),
        "stalled": (0, 1),
    }
    for name, (low, high) in limits.items():
        wrong = [value for value in samples[name] if not _number(value, low, high)]
        expected = f"numbers from {low:g} to {high:g}"
        _need(source, f"samples.{name}", not wrong, wrong[:1], expected)
    for name, least in (("time", _CLOCK / 2), ("wall", 0)):
        steps = zip(samples[name], samples[name][1:], strict=False)
        fine = all(a + least <= b for a, b in steps)
        _need(source, f"samples.{name}", fine, "a clock that runs back", "times in order")
    return {name: samples[name] for name in _SERIES}


def _events(events: Any, source: object) -> list[Part]:
    good = isinstance(events, list) and len(events) <= _MOST_SAMPLES
    good = good and all(
        isinstance(event, dict)
        and event.get("type") in _EVENTS
        and _number(event.get("time"), 0, _LONGEST_CLIP)
        and _number(event.get("wall"), 0, 1e9)
        for event in events
    )
    _need(source, "events", good, type(events).__name__, "events with type, time and wall")
    return [{name: event[name] for name in ("type", "time", "wall")} for event in events]


def _personal(part: Part, source: object) -> Part:
    _need(source, "consent", _text(part.get("consent")), part.get("consent"), "a time")
    _need(source, "age", _number(part.get("age"), 0, 120), part.get("age"), "years")
    _need(source, "gender", part.get("gender") in _GENDERS, part.get("gender"), str(_GENDERS))
    years = part.get("years_of_training")
    fits = _number(years, 0, min(100, part["age"]))
    _need(source, "years_of_training", fits, years, "years, no more than of age")
    return {name: part[name] for name in ("consent", "age", "gender", "years_of_training")}


def _final(part: Part, source: object) -> Part:
    chosen = part.get("overlay_preference")
    _need(source, "overlay_preference", chosen in _INTERFACES, chosen, " or ".join(_INTERFACES))
    return {"overlay_preference": chosen}

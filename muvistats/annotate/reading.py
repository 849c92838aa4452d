"""A study from what the annotation page stored."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import check_number, check_path
from ..dataset import schema
from ..dataset.build import natural_order
from ..dataset.prepare import exclude, resample, with_log
from ..dataset.tables import from_frames
from ..errors import DataError, boundary
from .records import Part, check_part
from .store import Store

_PROFILE = ("age", "gender", "years_of_training", "overlay_preference")


def read_annotations(
    folder: str | os.PathLike[str],
    *,
    interval: float = schema.SAMPLING_INTERVAL,
    max_gap: float = 1.0,
    max_unwatched: float = 0.1,
    max_stalled: float = 2.0,
) -> xr.DataTree:
    """Read a study that was rated on the annotation page.

    Parameters
    ----------
    folder : path
        Folder of data of `muvistats annotate serve`; or one with the page's `study.json` and the
        files that participants saved or another server took, one for each.
    interval : float
        Step of the time grid in seconds.
    max_gap : float
        Longest gap in a log that is filled, in seconds of the clip.
    max_unwatched : float
        Share of a clip without focus from which on an annotation leaves the statistics.
    max_stalled : float
        Seconds for which a clip stood still from which on an annotation leaves the statistics.

    Returns
    -------
    DataTree
        The study. Annotations have the order of trials and two further columns:
        `seconds_unwatched`, for which the window was not in front, and `seconds_stalled`.

    Raises
    ------
    DataError
        Names the file and the field: no such folder, a file that is damaged, a part that does
        not fit the study, a trial that is there twice and not the same.

    See Also
    --------
    write_annotation_page : The page.
    resample : The rule by which logs are brought to a grid.

    Notes
    -----
    The page logs the position by the clip's own clock, `rate` times per second of it. A sample
    taken while the window was not in front is missing. Between two samples the value is a straight
    line, where they are no further apart than `max_gap`; elsewhere it is NaN, and nothing is
    extrapolated. A clip that stands still logs nothing, so a stall leaves no gap in the time of the
    clip. It shows on the clock of the computer: between two samples more than a quarter of a second
    more has passed there than in the clip. `seconds_stalled` is the sum of these differences.
    Annotations with too much of either have `keep_dynamic` false, with the reason in `/exclusions`;
    their labels stay. All counts stand in `/log`.

    Examples
    --------
    >>> from muvistats import read_annotations
    >>> study = read_annotations("site-data")  # doctest: +SKIP
    """
    place = check_path("folder", folder)
    check_number("interval", interval, above=0)
    check_number("max_gap", max_gap, above=0)
    check_number("max_unwatched", max_unwatched)
    check_number("max_stalled", max_stalled)
    if not place.is_dir():
        raise DataError("no such folder", file=place)
    with boundary("what the page stored cannot be read", file=place):
        store = Store(place)
        trials, profiles = _collected(store)
        if not trials:
            raise DataError("no trial is stored yet", file=place)
        rows = pd.DataFrame([_row(store.study, trial) for trial in trials])
        dynamics = resample(
            pd.concat([_log(trial) for trial in trials], ignore_index=True),
            interval=interval,
            values=["valence", "arousal"],
            max_gap=max_gap,
        )
        study = from_frames(
            rows,
            dynamics=dynamics,
            participants=_participants(rows, profiles),
            labels=_label_table(store.study),
            modalities=[name for name in schema.MODALITIES if (rows["modality"] == name).any()],
            assigned={"seconds_unwatched": "observed", "seconds_stalled": "observed"},
            study=str(store.study["texts"]["title"]),
            source="annotation page",
        )
        return _masked(study, rows, trials, max_unwatched, max_stalled)


def _collected(store: Store) -> tuple[list[Part], dict[str, Part]]:
    """Trials in the order of participants, and what is known of each participant."""
    trials: dict[tuple[str, int], Part] = {}
    profiles: dict[str, Part] = {}
    for source, part in _all_parts(store):
        participant = part.get("participant") if isinstance(part, dict) else None
        if not isinstance(participant, str) or participant not in store.study["lists"]:
            raise DataError("unknown participant", file=source, found=participant)
        checked = check_part(store.study, participant, part, source)
        if checked["kind"] != "trial":
            profiles.setdefault(participant, {}).update(checked)
            continue
        key = (participant, checked["trial"])
        if trials.get(key, checked) != checked:  # a copy of a file says the same
            raise DataError("trial is there twice", file=source, row=checked["trial"])
        trials[key] = checked
    order = {name: n for n, name in enumerate(store.study["lists"])}
    keys = sorted(trials, key=lambda key: (order[key[0]], key[1]))
    return [trials[key] for key in keys], profiles


def _all_parts(store: Store) -> Iterator[tuple[Path, Any]]:
    """Parts of the store, and those in files of whole participants beside `study.json`."""
    yield from store.parts()
    for place, whole in store.files():
        for part in whole["parts"]:
            own = part if isinstance(part, dict) else {}
            yield place, own | {"participant": whole.get("participant")}


def _row(study: Mapping[str, Any], trial: Part) -> Part:
    """Annotation of a trial."""
    samples = trial["samples"]
    time = np.array([*samples["time"], max(trial["duration"], samples["time"][-1])])
    ahead = np.diff(samples["wall"]) / 1000 - np.diff(samples["time"])
    chosen = set(trial["labels"])
    return {
        **{name: trial[name] for name in ("item", "modality", "participant", "trial", "overlay")},
        "familiar": int(trial["familiar"]),
        "seconds_unwatched": float(np.diff(time) @ (1 - np.array(samples["focus"]))),
        "seconds_stalled": float(ahead[ahead > 0.25].sum()),
        **{label["label"]: int(label["label"] in chosen) for label in study["labels"]},
    }


def _log(trial: Part) -> pd.DataFrame:
    """Samples of a trial; those without focus are missing."""
    samples = trial["samples"]
    watched = np.array(samples["focus"]) == 1
    return pd.DataFrame(
        {
            **{key: trial[key] for key in schema.KEYS},
            "time": np.array(samples["time"], dtype=np.float64),
            **{
                name: np.where(watched, np.array(samples[name], dtype=np.float64), np.nan)
                for name in ("valence", "arousal")
            },
        }
    )


def _participants(rows: pd.DataFrame, profiles: Mapping[str, Part]) -> pd.DataFrame:
    """What participants said of themselves, those columns that somebody filled."""
    names = natural_order(rows["participant"].tolist())
    table = pd.DataFrame({"participant": names})
    for column in _PROFILE:
        said = [profiles.get(name, {}).get(column) for name in names]
        said = [None if value == "unsaid" else value for value in said]
        if any(value is not None for value in said):
            table[column] = said
    return table


def _label_table(study: Mapping[str, Any]) -> pd.DataFrame:
    table = pd.DataFrame(list(study["labels"]), dtype="str")
    return table[[column for column in table if (table[column] != "").all()]]


def _masked(
    study: xr.DataTree,
    rows: pd.DataFrame,
    trials: list[Part],
    max_unwatched: float,
    max_stalled: float,
) -> xr.DataTree:
    """The study without ratings that nobody watched or that stood still, and its log."""
    length = np.array([max(trial["duration"], 1e-9) for trial in trials])
    away = rows["seconds_unwatched"] / length > max_unwatched
    stood = rows["seconds_stalled"] > max_stalled
    for wrong, reason in (
        (away, f"window not in front for more than {max_unwatched:.0%} of the clip"),
        (stood, f"clip stood still for more than {max_stalled:g} s"),
    ):
        if wrong.any():
            study = exclude(study, rows.loc[wrong, list(schema.KEYS)], reason=reason)
    counts = {
        "samples of the cursor": sum(len(trial["samples"]["time"]) for trial in trials),
        "samples without focus: missing": sum(
            trial["samples"]["focus"].count(0) for trial in trials
        ),
        "annotations in which the window was not in front": int(
            (rows["seconds_unwatched"] > 0).sum()
        ),
        "annotations in which the clip stood still": int((rows["seconds_stalled"] > 0).sum()),
        "clips that were begun before, as before a reload": sum(
            any(event["type"] == "begun_before" for event in trial["events"]) for trial in trials
        ),
        "seeks and changes of speed that were refused": sum(
            event["type"].endswith("_refused") for trial in trials for event in trial["events"]
        ),
    }
    return with_log(study, [("annotation page", what, int(n)) for what, n in counts.items()])

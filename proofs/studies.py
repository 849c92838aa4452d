"""Studies of a few rows, and what they are stored in: the inputs that the proofs damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import muvistats as mv
from muvistats.annotate.store import Store


def small_frames() -> dict[str, pd.DataFrame]:
    """Tables of three items, two participants and three samples a recording."""
    rng = np.random.default_rng(0)
    keys = [(item, who) for item in ("a", "b", "c") for who in ("P1", "P2")]
    annotations = pd.DataFrame(keys, columns=["item", "participant"])
    annotations["trial"] = [1, 1, 2, 2, 3, 3]
    annotations["joy"] = [0, 1, 1, 0, 0, 1]
    annotations["familiar"] = [0, 1, 0, 0, 1, 1]
    annotations["place"] = ["north", "south", "", "north", "south", "é"]
    times = [0.0, 0.5, 1.0]
    dynamics = pd.DataFrame(
        [(item, who, t, *rng.uniform(-1, 1, 2).round(3)) for item, who in keys for t in times],
        columns=["item", "participant", "time", "arousal", "valence"],
    )
    participants = pd.DataFrame(
        {"participant": ["P1", "P2"], "age": [30.0, 41.0], "years_of_training": [0.0, 5.0]}
    )
    return {"annotations": annotations, "dynamics": dynamics, "participants": participants}


def study_of(frames: dict[str, pd.DataFrame]) -> xr.DataTree:
    """The tables as a study."""
    return mv.from_frames(**frames, labels=["joy"], modalities=("music",))


def small_study() -> xr.DataTree:
    """The study of `small_frames`."""
    return study_of(small_frames())


def smallest_study() -> xr.DataTree:
    """One rating each of two items."""
    rated = pd.DataFrame({"item": ["a", "b"], "participant": "P1", "tension": [0.1, 0.2]})
    return mv.from_frames(annotations=rated, dimensions=["tension"])


def small_release() -> xr.DataTree:
    """A simulated MuVi of few rows, for the released layout."""
    study = mv.simulate_muvi(rng=1, n_items=3, n_participants=3, features=False)
    return mv.truncate(study, steps=4)


def small_wide() -> pd.DataFrame:
    """A table of three items with a column for each of two raters."""
    return pd.DataFrame({"item": ["a", "b", "c"], "P1": [0.1, 0.5, -0.5], "P2": [0.2, None, 1.0]})


def small_votes() -> pd.DataFrame:
    """Counts of two answers to three items."""
    return pd.DataFrame({"item": ["a", "b", "c"], "joy": [2, 0, 3], "fear": [1, 2, 0]})


def small_parts() -> dict[str, xr.DataTree]:
    """Two studies of one participant each."""
    study = small_study()
    return {name: mv.select(study, participant=[who]) for name, who in (("A", "P1"), ("B", "P2"))}


def table_files(folder: Path) -> list[Path]:
    """Ratings in files of all kinds, those that are packed too."""
    table = pd.DataFrame(
        {"item": ["a", "b"] * 2, "participant": ["P1", "P1", "P2", "P2"], "tension": [1, 2, 3, 4.5]}
    )
    table["joy"] = [0, 1, 1, 0]
    paths = [folder / f"t.{kind}" for kind in ("csv", "tsv", "csv.gz", "csv.zip", "json", "jsonl")]
    for path in paths[:4]:
        table.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    table.to_json(paths[4], orient="records")
    table.to_json(paths[5], orient="records", lines=True)
    return paths


def small_site(folder: Path) -> Path:
    """What the annotation page stored of three participants and two items."""
    clips = folder / "clips"
    clips.mkdir(parents=True)
    for name in ("V1", "V2"):
        (clips / f"{name}.mp4").write_bytes(name.encode())
    lists = mv.design_lists(["V1", "V2"], n_participants=3, per_cell=1, rng=1)
    site = mv.write_annotation_page(clips, lists, folder / "page")
    store = Store(folder / "data", json.loads((site / "study.json").read_text()))
    for participant, plans in store.study["lists"].items():
        for plan in plans:
            store.save(_trial(plan) | {"participant": participant})
        personal = {"kind": "personal", "consent": "2026", "age": 20, "gender": "female"}
        store.save(personal | {"participant": participant, "years_of_training": 3})
    return store.folder


def _trial(plan: dict[str, Any]) -> dict[str, Any]:
    time = [round(0.02 + 0.1 * n, 2) for n in range(15)]
    samples = {
        "time": time,
        "wall": [round(1000 * t) for t in time],
        "valence": [round(0.1 * t, 3) for t in time],
        "arousal": [round(-0.1 * t, 3) for t in time],
        "focus": [1] * len(time),
        "stalled": [0] * len(time),
    }
    said = {"labels": ["calm"], "familiar": True, "events": [], "inputs": ["mouse"]}
    shown = {"duration": 1.5, "rate": 10, "plane": {"width": 500, "height": 500}}
    started = "2026-01-01T10:00:00.000Z"
    return {"kind": "trial", **plan, "started": started, **shown, "samples": samples, **said}

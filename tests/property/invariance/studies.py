"""Studies that hypothesis draws: tiny, unbalanced, missing here and there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from hypothesis import strategies as st

import muvistats as mv

#: The keys are numbers written as text, so that they may come as numbers too.
KEYS = ["item", "modality", "participant"]
MODALITIES = ("music", "visual", "audiovisual", "lyrics")
LABELS = ("happy", "sad", "calm")

#: Every number of a study is a multiple of this, which float32 holds exactly.
GRAIN = 1 / 64


@dataclass(frozen=True)
class Shape:
    """What hypothesis draws; the numbers follow from the seed."""

    n_items: int = 6
    n_people: int = 9
    n_modalities: int = 3
    dynamic: bool = True
    missing: float = 0.04
    seed: int = 1
    released: bool = False


#: Small enough that every function runs on each in a blink.
SHAPES = st.builds(
    Shape,
    n_items=st.integers(2, 5),
    n_people=st.integers(2, 7),
    n_modalities=st.sampled_from([1, 2, 4]),
    dynamic=st.booleans(),
    missing=st.sampled_from([0.0, 0.1, 0.3]),
    seed=st.integers(0, 2**16),
)


@dataclass(frozen=True)
class Parts:
    """The tables of a study, and how they are read."""

    annotations: pd.DataFrame
    dynamics: pd.DataFrame | None
    participants: pd.DataFrame
    items: pd.DataFrame
    features: dict[str, xr.Dataset]
    options: dict[str, Any]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables that are there, by argument of `from_frames`."""
        names = ("annotations", "dynamics", "participants", "items")
        return {name: table for name in names if (table := getattr(self, name)) is not None}

    def each(self, change: Any) -> Parts:
        """The same study with each table changed."""
        return replace(self, **{name: change(table) for name, table in self.tables.items()})

    def build(self) -> xr.DataTree:
        """The study of the tables."""
        study = mv.from_frames(**self.tables, **self.options)
        for kind, features in self.features.items():
            study = mv.with_features(study, features, kind=kind)
        return study


def as_it_is(frame: pd.DataFrame) -> pd.DataFrame:
    """No change."""
    return frame


@dataclass
class Given:
    """What a call of the table gets."""

    parts: Parts
    tree: xr.DataTree
    data: Any  # the study, or a frame of it
    options: dict[str, Any] = field(default_factory=dict)  # arguments beyond those of the table
    change_result: Callable[[pd.DataFrame], pd.DataFrame] = as_it_is
    done: dict[str, Any] = field(default_factory=dict)

    names: dict[str, str] = field(default_factory=dict)  # what is called otherwise here

    def called(self, name: str) -> str:
        """What this is called here."""
        return self.names.get(name, name)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities in the order of the schema, as they are called here."""
        found = self.parts.options["modalities"]
        return tuple(n for n in map(self.called, MODALITIES) if n in found)


def given_of(parts: Parts) -> Given:
    tree = parts.build()
    return Given(parts, tree, tree)


@lru_cache
def parts_of(shape: Shape) -> Parts:
    """The tables of a drawn study."""
    rng = np.random.default_rng(shape.seed)
    items = [str(10 + i) for i in range(shape.n_items)]
    people = [str(1 + p) for p in range(shape.n_people)]
    modalities = MODALITIES[: shape.n_modalities]
    labels = tuple(mv.gems_taxonomy()["label"]) if shape.released else LABELS
    rows = [
        (item, modalities[(i + p) % len(modalities)], person)
        for i, item in enumerate(items)
        for p, person in enumerate(people)
    ]
    keys = pd.DataFrame(rows, columns=KEYS, dtype="str")
    keys = keys[(rng.random(len(keys)) > shape.missing) | (keys.index < 2)].reset_index(drop=True)
    participants = _participants(rng, people)
    table = pd.DataFrame({"item": items, "genre": rng.choice(["pop", "rock"], len(items))})
    annotations = _annotations(rng, keys, labels, shape)
    features = _features(rng, items) if shape.n_modalities == 3 else {}
    level = _levels(rng, keys)
    dynamics = _dynamics(rng, keys, level, shape) if shape.dynamic else None
    if dynamics is None:
        for name, values in level.items():
            holes = rng.random(len(keys)) < shape.missing
            annotations[name] = np.where(holes, np.nan, values)
    options = {
        "labels": mv.gems_taxonomy() if shape.released else list(labels),
        "modalities": modalities,
        "study": "drawn",
        "assigned": {"gender": "participant", "familiar": "observed", "overlay": "within_item"},
    }
    return Parts(annotations, dynamics, participants, table, features, options)


def _grains(values: Any) -> Any:
    return np.round(np.clip(values, -1, 1) / GRAIN) * GRAIN


def _levels(rng: np.random.Generator, keys: pd.DataFrame) -> dict[str, Any]:
    out = {}
    for name in ("arousal", "valence"):
        effect = rng.normal(size=len(keys)) * 0.2
        for key in KEYS:
            codes, names = pd.factorize(keys[key])
            effect = effect + 0.3 * rng.normal(size=len(names))[codes]
        out[name] = _grains(effect)
    return out


def _participants(rng: np.random.Generator, people: list[str]) -> pd.DataFrame:
    n = len(people)
    return pd.DataFrame(
        {
            "participant": people,
            "gender": np.where(rng.permutation(n) % 2, "Male", "Female"),
            "years_of_training": (np.arange(n) * 3 % 8).astype(float),
            "age": rng.integers(18, 40, n).astype(float),
            "overlay_preference": rng.integers(0, 2, n),
        }
    )


def _annotations(
    rng: np.random.Generator, keys: pd.DataFrame, labels: tuple[str, ...], shape: Shape
) -> pd.DataFrame:
    n = len(keys)
    liking = rng.normal(size=n)
    columns = {
        "trial": keys.groupby("participant").cumcount() + 1,
        "familiar": rng.integers(0, 2, n),
        "overlay": np.where(keys["modality"] == "music", -1, rng.integers(0, 2, n)),
        "mood": pd.Categorical(rng.choice(["low", "mid", "high"], n), ["low", "mid", "high"]),
    }
    for i, name in enumerate(labels):
        chosen = (liking * np.cos(i) + rng.normal(size=n) > 0.3).astype(float)
        columns[name] = np.where(rng.random(n) < shape.missing, np.nan, chosen)
    return keys.assign(**columns)


def _dynamics(
    rng: np.random.Generator, keys: pd.DataFrame, level: dict[str, Any], shape: Shape
) -> pd.DataFrame:
    steps = 24
    time = np.arange(steps) * 0.5
    n = len(keys)
    out = keys.loc[np.repeat(np.arange(n), steps)].reset_index(drop=True)
    out["time"] = np.tile(time, n)
    item = pd.factorize(keys["item"])[0]
    for name, base in level.items():
        phase = rng.uniform(0, 2 * np.pi, item.max() + 1)[item]
        wave = 0.4 * np.sin(time / 3 + phase[:, None]) + 0.1 * rng.normal(size=(n, steps))
        values = _grains(base[:, None] + wave)
        values[rng.random(values.shape) < shape.missing / 4] = np.nan
        out[name] = values.ravel()
    ends = rng.integers(steps - 4, steps + 1, n)
    ends[0] = steps
    return out[np.tile(np.arange(steps), n) < np.repeat(ends, steps)].reset_index(drop=True)


def _features(rng: np.random.Generator, items: list[str]) -> dict[str, xr.Dataset]:
    out = {}
    for kind, families in (("audio", ["f0", "f0", "mfcc"]), ("visual", ["colour", "light"])):
        names = [f"{kind}_{i}" for i in range(len(families))]
        values = rng.normal(size=(len(items), 24, len(names))).astype(np.float32)
        dims = ("item", "time", "feature")
        out[kind] = xr.Dataset(
            {"values": (dims, values)},
            {
                "item": items,
                "time": np.arange(24) * 0.5,
                "feature": names,
                "family": ("feature", families),
            },
        )
    return out

"""Studies of a few rows, and what they are stored in: the inputs that the proofs damage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

import muvistats as mv


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


def small_release() -> xr.DataTree:
    """A simulated MuVi of few rows, for the released layout."""
    study = mv.simulate_muvi(rng=1, n_items=3, n_participants=3, features=False)
    return mv.truncate(study, steps=4)

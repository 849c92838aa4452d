"""Audio and visual features that carry part of what the items convey, in stated families."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...types import Floats, Ints
from ..build import Features
from ..release.emobase import emobase_family, emobase_names
from ..release.features import visual_family
from ..schema import MODALITIES, SAMPLING_INTERVAL
from .settings import SimulationSettings
from .signal import DIMENSIONS, Latents

Floats32 = npt.NDArray[np.float32]

#: Families that carry each dimension, by kind, and how strongly, about 1: those in which the paper
#: found it (its Table 7). Strengths were chosen so that the printed ranks are usual ones.
SIGNAL_FAMILIES: dict[str, dict[str, dict[str, float]]] = {
    "audio": {
        "arousal": {"mfcc": 1.1, "loudness": 1.45, "line_spectral_frequencies": 0.6, "f0": 1.1},
        "valence": {
            "intensity": 1.6,
            "loudness": 1.4,
            "mfcc": 0.85,
            "line_spectral_frequencies": 1.1,
            "zero_crossing_rate": 1.1,
        },
    },
    "visual": {
        "arousal": {"action": 1.9, "lighting": 1.6, "scene": 0.8, "colour": 1.0},
        "valence": {"action": 1.3, "lighting": 2.0, "scene": 1.05, "colour": 1.15, "object": 0.9},
    },
}

#: Modality whose latent trajectory the features of a kind carry, and the other one.
_SOURCE = {"audio": ("music", "visual"), "visual": ("visual", "music")}

#: Functionals of a descriptor that say where it lies, and so carry its level.
_LEVEL_FUNCTIONALS = ("max", "amean", "quartile1", "quartile2", "quartile3")

#: Share of the features that could carry a dimension that do, and smoothness of the noise.
_CARRYING = 0.5
_MEMORY = 0.8

#: Largest joint correlation of a feature with what it carries.
_MOST = 0.95


@dataclass(frozen=True, slots=True)
class SimulatedFeatures:
    """Features of one kind, and the correlation with each dimension that was planted."""

    features: Features
    loading: Floats


def visual_names() -> tuple[str, ...]:
    """Names of the 60 visual features, each beginning with a word for its family."""
    faces = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
    scenes = (
        "beach", "bedroom", "street", "stage", "forest", "bar", "field", "car_interior",
        "ballroom", "desert", "rooftop", "studio",
    )  # fmt: skip
    objects = ("person", "car", "chair", "cup", "dog", "guitar", "bottle", "tie", "horse", "bed")
    actions = (
        "stretching_arm", "sneezing", "dancing", "singing", "kissing", "running", "hugging",
        "drumming", "driving", "swimming", "crying",
    )  # fmt: skip
    return (
        *(f"hue_{i}" for i in range(8)),
        *(f"saturation_{i}" for i in range(8)),
        *(f"lighting_{name}" for name in ("key", "median", "shadow", "contrast")),
        *(f"face_{name}" for name in faces),
        *(f"scene_{name}" for name in scenes),
        *(f"object_{name}" for name in objects),
        *(f"action_{name}" for name in actions),
    )


def draw_features(
    rng: np.random.Generator,
    settings: SimulationSettings,
    latents: Latents,
    items: Sequence[str],
    lengths: Ints,
    effects: AbstractSet[str],
) -> dict[str, SimulatedFeatures]:
    """Draw audio and visual features of every item.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    settings : SimulationSettings
        The settings.
    latents : Latents
        What the items convey.
    items : sequence of str
        Names of the items.
    lengths : ndarray of int, shape (item,)
        Windows of each item; later ones are NaN.
    effects : set of str
        Effects that are on.

    Returns
    -------
    dict of str to SimulatedFeatures
        By kind.

    Notes
    -----
    What features carry of a dimension is the level of the item and, with a weight and late by the
    time that features look back, what its trajectory adds to it; of sound or picture, and with a
    weight of the other. A carrying feature is a weighted sum of these signals, standardised, plus
    smooth noise; then it is put on a scale of its own.
    """
    drawn = {}
    for kind, kind_rng in zip(_SOURCE, rng.spawn(len(_SOURCE)), strict=True):
        names = emobase_names() if kind == "audio" else visual_names()
        family = [emobase_family(n) if kind == "audio" else visual_family(n) for n in names]
        loading = _draw_loading(kind_rng, settings, kind, names, family)
        loading *= "feature_signal" in effects
        signal = _signal(settings, kind, latents)
        values = _noise(kind_rng, signal.shape[1], signal.shape[2], len(names))
        values *= np.sqrt(1 - (loading**2).sum(axis=0)).astype(np.float32)
        values += np.einsum("dit,df->itf", signal, loading, optimize=True).astype(np.float32)
        values *= np.exp(kind_rng.normal(0.0, 1.0, len(names))).astype(np.float32)
        values += kind_rng.normal(0.0, 2.0, len(names)).astype(np.float32)
        windows = np.arange(signal.shape[2])
        values[windows >= lengths[:, None]] = np.nan
        drawn[kind] = SimulatedFeatures(Features(values, items, names, family), loading)
    return drawn


def _signal(settings: SimulationSettings, kind: str, latents: Latents) -> Floats:
    """What the features of a kind carry, standardised, (dimension, item, time)."""
    own, other = (MODALITIES.index(name) for name in _SOURCE[kind])
    n_steps = latents.shape.shape[-1]
    back = round(settings.feature_lag / SAMPLING_INTERVAL)
    shape = latents.shape[..., np.maximum(np.arange(n_steps) - back, 0)]
    out = np.empty((len(DIMENSIONS), *shape.shape[1:2], n_steps))
    for d, chosen in enumerate(settings.features_of(kind)):
        path = latents.level[d, ..., None] + chosen.course * shape[d]
        out[d] = path[:, own] + chosen.other * path[:, other]
    out -= out.mean(axis=(1, 2), keepdims=True)
    spread = out.std(axis=(1, 2), keepdims=True)
    out /= np.where(spread > 0, spread, 1.0)
    return out


def _draw_loading(
    rng: np.random.Generator,
    settings: SimulationSettings,
    kind: str,
    names: Sequence[str],
    family: Sequence[str],
) -> Floats:
    """Planted correlation of each feature with each dimension, (dimension, feature)."""
    can_carry = np.array(
        [
            kind == "visual" or ("_de" not in n and n.rsplit("_", 1)[1] in _LEVEL_FUNCTIONALS)
            for n in names
        ]
    )
    loading = np.zeros((len(DIMENSIONS), len(names)))
    for d, (dimension, chosen) in enumerate(
        zip(DIMENSIONS, settings.features_of(kind), strict=True)
    ):
        strength = np.array([SIGNAL_FAMILIES[kind][dimension].get(f, 0.0) for f in family])
        carries = can_carry & (rng.random(len(names)) < _CARRYING)
        size = chosen.r * strength * rng.uniform(0.5, 1.5, len(names))
        loading[d] = carries * size * rng.choice([-1.0, 1.0], len(names))
    joint = np.sqrt((loading**2).sum(axis=0))
    loading /= np.maximum(joint / _MOST, 1.0)
    return loading


def _noise(rng: np.random.Generator, n_items: int, n_steps: int, n_features: int) -> Floats32:
    """Noise of variance 1, (item, time, feature), each value close to the one before."""
    values = rng.standard_normal((n_items, n_steps, n_features), dtype=np.float32)
    fresh = np.float32(np.sqrt(1 - _MEMORY**2))
    for step in range(1, n_steps):
        values[:, step] *= fresh
        values[:, step] += np.float32(_MEMORY) * values[:, step - 1]
    return values

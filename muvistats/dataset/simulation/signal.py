"""Latent trajectories of items and the cursor movements of the raters who follow them."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from ...types import Floats
from ..schema import MODALITIES, SAMPLING_INTERVAL
from .design import Design
from .settings import DimensionSettings, SimulationSettings

DIMENSIONS = ("arousal", "valence")

#: Steps of the cursor's pixel grid from the centre to the border.
GRID = 115

#: Annotations that are handled at once: bounds the memory, does not change a value.
_CHUNK = 8192


@dataclass(frozen=True, slots=True)
class Latents:
    """What the items convey; first axis is the dimension, arousal before valence.

    `level` (dimension, item, modality) is the target level, `trait` the same in standard units
    and without the mean of the modality, `shape` (dimension, item, modality, time) what the
    trajectory adds to the level.
    """

    level: Floats
    trait: Floats
    shape: Floats


@dataclass(frozen=True, slots=True)
class Raters:
    """Habits of the participants at the cursor."""

    level: Floats
    gain: Floats
    noise: Floats
    lag: Floats
    onset: Floats
    dead_zone: Floats


def smooth_factor(n_steps: int, length: float) -> Floats:
    """Matrix that turns white noise into smooth noise of variance 1.

    Three quarters of the variance turn over `length` seconds, a quarter over three times that.
    """
    time = np.arange(n_steps) * SAMPLING_INTERVAL
    squared = (time[:, None] - time) ** 2
    covariance = 0.75 * np.exp(-squared / (2 * length**2))
    covariance += 0.25 * np.exp(-squared / (2 * (3 * length) ** 2))
    factor: Floats = np.linalg.cholesky(covariance + 1e-6 * np.eye(n_steps)).T.astype(np.float64)
    return factor


def per_modality(values: tuple[float, float, float], effects: AbstractSet[str]) -> Floats:
    """A setting for each modality; its mean everywhere when modality is switched off."""
    array = np.array(values)
    return array if {"modality", "modality_mean"} <= effects else np.full_like(array, array.mean())


def _mix(sound: Floats, own: Floats, coupling: float, weight: float) -> Floats:
    """Sound, picture and both, each of variance 1, from two independent standard sources."""
    picture = coupling * sound + np.sqrt(1 - coupling**2) * own
    both = weight * sound + (1 - weight) * picture
    both /= np.sqrt(weight**2 + (1 - weight) ** 2 + 2 * weight * (1 - weight) * coupling)
    return np.stack([sound, picture, both], axis=1)


def _skewed(z: Floats, bend: Floats) -> Floats:
    """Standard normal values bent to a tail, mean 0 and variance 1 again."""
    return (z + bend * (z**2 - 1)) / np.sqrt(1 + 2 * bend**2)


def draw_latents(
    rng: np.random.Generator,
    settings: SimulationSettings,
    n_items: int,
    n_steps: int,
    effects: AbstractSet[str],
) -> Latents:
    """Draw level and trajectory of every item in every modality."""
    level_rng, shape_rng, size_rng = rng.spawn(3)
    n_modalities = len(MODALITIES)
    sources = level_rng.standard_normal((2, 2, n_items))
    r = settings.dimension_correlation
    sources[1] = r * sources[0] + np.sqrt(1 - r**2) * sources[1]
    level = np.empty((2, n_items, n_modalities))
    trait = np.empty_like(level)
    shape = np.empty((2, n_items, n_modalities, n_steps))
    for d, name in enumerate(DIMENSIONS):
        chosen: DimensionSettings = getattr(settings, name)
        trait[d] = _mix(sources[d, 0], sources[d, 1], chosen.level_coupling, chosen.sound_weight)
        factor = smooth_factor(n_steps, chosen.shared_length)
        paths = shape_rng.standard_normal((2, n_items, n_steps)) @ factor
        shape[d] = _mix(paths[0], paths[1], chosen.coupling, chosen.sound_weight)
        mean = per_modality(chosen.mean, effects)
        spread = per_modality(chosen.shared_sd, effects)
        size = np.exp(chosen.shared_spread * size_rng.standard_normal((n_items, 1, 1)))
        if "modality" not in effects:
            trait[d] = trait[d][:, :1]
            shape[d] = shape[d][:, :1]
        trait[d] = _skewed(trait[d], per_modality(chosen.skew, effects))
        if "item" not in effects:
            trait[d], shape[d] = 0.0, 0.0
        level[d] = mean + chosen.item_sd * trait[d]
        shape[d] *= spread[:, None] * size
    return Latents(level, trait, shape)


def draw_raters(
    rng: np.random.Generator,
    settings: SimulationSettings,
    n_participants: int,
    effects: AbstractSet[str],
) -> Raters:
    """Draw what each participant does with the cursor."""
    z = rng.standard_normal((7, n_participants))
    on = float("participant" in effects)
    level = np.stack(
        [getattr(settings, name).participant_sd * on * z[d] for d, name in enumerate(DIMENSIONS)]
    )
    lag_mean, lag_sd = settings.lag_mean, settings.lag_sd
    spread = np.sqrt(np.log1p((lag_sd / lag_mean) ** 2)) if lag_mean > 0 else 0.0
    lag = lag_mean * np.exp(on * (spread * z[2] - spread**2 / 2))
    onset = settings.onset_mean * np.exp(on * 0.4 * z[3])
    if "reaction_lag" not in effects:
        lag, onset = np.zeros_like(lag), np.zeros_like(onset)
    return Raters(
        level=level,
        gain=np.exp(on * settings.gain_sd * z[4]),
        noise=np.exp(on * settings.noise_spread * z[6]),
        lag=lag,
        onset=onset,
        dead_zone=settings.dead_zone * np.exp(on * 0.4 * z[5]),
    )


def move_cursors(
    rng: np.random.Generator,
    settings: SimulationSettings,
    design: Design,
    latents: Latents,
    raters: Raters,
    effects: AbstractSet[str],
    shift: Floats | None = None,
) -> Floats:
    """Cursor positions of every annotation.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    settings : SimulationSettings
        The settings.
    design : Design
        Who rates what.
    latents : Latents
        What is conveyed.
    raters : Raters
        Habits of the participants.
    effects : set of str
        Effects that are on.
    shift : ndarray of float, shape (dimension, annotation), optional
        Added to the level of each annotation.

    Returns
    -------
    ndarray of float, shape (dimension, annotation, time)
        Values on the pixel grid in [-1, 1].

    Notes
    -----
    The target of a rater is the level of the item, shifted by habits, plus the shared trajectory
    times the rater's gain, plus a smooth trajectory of his own, all late by the reaction lag.
    The cursor rests at the centre until the onset. It is moved when the target is farther away
    than the dead zone, by a fixed share of the distance per step, until it has come close.
    Memory grows with the number of annotations; there is no loop over annotations.
    """
    n_steps = latents.shape.shape[-1]
    own = [smooth_factor(n_steps, getattr(settings, name).own_length) for name in DIMENSIONS]
    out = np.empty((len(DIMENSIONS), len(design), n_steps))
    for start in range(0, len(design), _CHUNK):
        rows = slice(start, min(start + _CHUNK, len(design)))
        more = None if shift is None else shift[:, rows]
        target = _targets(rng, settings, design, rows, latents, raters, own, effects, more)
        onset = raters.onset[design.participant[rows]]
        onset = onset * np.exp(0.3 * rng.standard_normal(len(onset)))
        out[:, rows] = _follow(
            target,
            onset=onset / SAMPLING_INTERVAL,
            dead_zone=raters.dead_zone[design.participant[rows]],
            speed=settings.speed,
        )
    return out


def _targets(
    rng: np.random.Generator,
    settings: SimulationSettings,
    design: Design,
    rows: slice,
    latents: Latents,
    raters: Raters,
    own: Sequence[Floats],
    effects: AbstractSet[str],
    shift: Floats | None,
) -> Floats:
    """Where each rater of a chunk wants the cursor to be, (dimension, annotation, time)."""
    item, modality = design.item[rows], design.modality[rows]
    person = design.participant[rows]
    n_steps = latents.shape.shape[-1]
    late = np.arange(n_steps) - raters.lag[person][:, None] / SAMPLING_INTERVAL
    late = np.maximum(late, 0.0)
    before = np.minimum(late.astype(np.int64), n_steps - 2)
    part = late - before
    noisy = raters.noise[person] * ("rater" in effects)
    target = np.empty((len(DIMENSIONS), len(item), n_steps))
    for d, name in enumerate(DIMENSIONS):
        chosen: DimensionSettings = getattr(settings, name)
        own_sd = per_modality(chosen.own_sd, effects)[modality]
        bend = per_modality(chosen.skew, effects)[modality]
        path = latents.shape[d, item, modality]
        shared = np.take_along_axis(path, before, 1) * (1 - part)
        shared += np.take_along_axis(path, before + 1, 1) * part
        level = latents.level[d, item, modality] + raters.level[d, person]
        if shift is not None:
            level += shift[d]
        level += chosen.rater_sd * noisy * _skewed(rng.standard_normal(len(item)), bend)
        noise = (own_sd * noisy)[:, None] * (rng.standard_normal((len(item), n_steps)) @ own[d])
        gain = raters.gain[person][:, None]
        target[d] = level[:, None] + gain * (shared + noise)
    return np.clip(target, -1.0, 1.0)


def _follow(target: Floats, *, onset: Floats, dead_zone: Floats, speed: float) -> Floats:
    """Move the cursor after the target, one time step after the other for all annotations."""
    out = np.zeros_like(target)
    cursor = np.zeros(target.shape[:2])
    moving = np.zeros(target.shape[1], dtype=bool)
    far, near = dead_zone**2, (0.3 * dead_zone) ** 2
    for step in range(1, target.shape[2]):
        gap = target[:, :, step] - cursor
        distance = (gap**2).sum(axis=0)
        moving = (distance > np.where(moving, near, far)) & (step > onset)
        cursor += speed * moving * gap
        out[:, :, step] = cursor
    return np.clip(np.round(out * GRID) + 0.0, -GRID, GRID) / GRID

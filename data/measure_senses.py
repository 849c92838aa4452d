"""What the families of features are worth, old and new, where the media are known.

    python data/measure_senses.py

Media of MuVi are not to be had, so media are made: 30 s of sound and of film for each item of a
simulated study, in which the courses that its raters follow are carried by what extractors
measure. In the sound, tempo and loudness carry arousal, and major against minor and the height of a
tune carry valence; in the film, the speed of the picture and the raised arms of a person carry
arousal, and brightness and saturation carry valence. Each carrier correlates `STRENGTH` with its
course and has noise of its own. All extractors that come with the package or are made by
``muvistats weights`` measure the media, and `feature_models` predict the ratings of music from the
sound and those of the picture from the film, by one family at a time, by the families that the
release has, by the new ones, by all, and by the carriers themselves, which no extractor can surpass
but by chance. ``muvistats/data/simulation/senses.csv`` has a row for
each of these and each dimension. It shows which families hear and see what was put in; what people
follow in real media it cannot show. ``data/senses_carriers.csv`` has the correlation of each
carrier with the feature that is to measure it. Extracted features are kept in the user's cache.
"""

from __future__ import annotations

import sys
import tempfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter1d
from scipy.stats import norm

import muvistats as mv
from muvistats.dataset.build import Features, feature_dataset
from muvistats.dataset.release.emobase import EMOBASE_FAMILIES
from muvistats.features import audio, visual
from muvistats.files import whole_path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "networks"))
from people import draw_person  # noqa: E402

TABLE = Path(mv.__file__).parent / "data" / "simulation" / "senses.csv"

CARRIED = ROOT / "data" / "senses_carriers.csv"

SEED, N_ITEMS, N_PARTICIPANTS = 1, 30, 45

#: Steps of half a second, samples of sound and frames of film in a second.
STEPS, RATE, FRAMES = 60, 22_050, 12.5

#: Correlation of each carrier with its course; the rest is noise that changes as slowly.
STRENGTH = 0.8

#: Families that the release has; the others are new.
KNOWN = {
    *EMOBASE_FAMILIES.values(),
    *("colour", "lighting", "shot", "face", "object", "scene", "action"),
}

#: Name of what the media carry, beside the families.
CARRIERS = "the carriers themselves"

#: What the two carriers of arousal and valence are, and the features that measure them.
MEASURED_BY = {
    "audio": {
        "arousal": {"tempo": "rhythm_tempo", "loudness": "pcm_loudness_sma_amean"},
        "valence": {"major": "tonality_majorness", "height of the tune": "notes_pitch_main"},
    },
    "visual": {
        "arousal": {"speed of the picture": "motion_amount", "raised arms": "pose_arm_height"},
        "valence": {"brightness": "lighting_mean", "saturation": "colour_saturation_mean"},
    },
}

#: Modality whose ratings each kind of features predicts.
PREDICTED = {"audio": "music", "visual": "visual"}


@dataclass(frozen=True)
class Carriers:
    """Courses of one item from 0 to 1 at each step: two carriers of each dimension."""

    arousal: np.ndarray
    valence: np.ndarray


def simulated() -> xr.DataTree:
    """The study whose ratings are predicted, as long as the media."""
    study = mv.simulate_muvi(
        rng=SEED, n_items=N_ITEMS, n_participants=N_PARTICIPANTS, features=False
    )
    return mv.truncate(study, steps=STEPS)


def carriers(study: xr.DataTree, kind: str) -> Iterator[Carriers]:
    """What the media of each item carry: the course that raters follow, and noise."""
    modality = PREDICTED[kind]
    rng = np.random.default_rng([SEED, len(modality)])
    true = study["truth/trajectory"].sel(modality=modality).isel(time=slice(STEPS))
    course = true.transpose("dimension", "item", "time")
    spread = course - course.mean(("item", "time"))
    standard = (spread / spread.std(("item", "time"))).to_numpy()
    for item in range(standard.shape[1]):
        noise = gaussian_filter1d(rng.normal(size=(2, 2, 3 * STEPS)), 6)[..., STEPS : 2 * STEPS]
        noise = noise / 0.215 + rng.normal(size=(2, 2, 1))
        mixed = STRENGTH * standard[:, item, None] + np.sqrt((1 - STRENGTH**2) / 2) * noise
        yield Carriers(*norm.cdf(mixed))


def at(course: np.ndarray, rate: float) -> np.ndarray:
    """A course at so many moments in a second."""
    moments = np.arange(round(STEPS / 2 * rate)) / rate
    out: np.ndarray = np.interp(moments, np.arange(STEPS) / 2, course)
    return out


def write_song(path: Path, carried: Carriers, rng: np.random.Generator) -> Path:
    """Drums, a chord and a tune: tempo, loudness, mode and height."""
    tempo, loud = (at(course, RATE) for course in carried.arousal)
    mode, height = (at(course, RATE) for course in carried.valence)
    beat = np.cumsum((70 + 90 * tempo) / 60) / RATE % 1 * 60 / (70 + 90 * tempo)
    sound = 0.5 * rng.normal(size=len(beat)) * np.exp(-beat * 40)
    time, tonic = np.arange(len(beat)) / RATE, int(rng.integers(48, 60))

    def tone(semitones: np.ndarray | int) -> np.ndarray:
        hertz = 440 * 2 ** ((tonic + semitones - 69) / 12)
        phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, time.shape)) / RATE
        return sum(np.sin(k * phase) / k**2 for k in range(1, 5))

    sound += 0.2 * (tone(0) + tone(7) + mode * tone(4) + (1 - mode) * tone(3))
    steps = (np.floor(time * 2).astype(int) * RATE // 2).clip(0, len(time) - 1)
    tune = 12 + 12 * np.round(2 * height[steps])
    sound += 0.4 * tone(tune) * np.exp(-3 * (time % 0.5))
    sound *= 10 ** (-18 * (1 - loud) / 20) / 3
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(RATE)
        stream.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def write_film(path: Path, carried: Carriers, rng: np.random.Generator) -> Path:
    """A person beside a picture that moves: arms, speed, brightness and saturation."""
    speed, arms = (at(course, FRAMES) for course in carried.arousal)
    bright, strong = (at(course, FRAMES) for course in carried.valence)
    coarse = rng.integers(0, 256, (30, 80, 3), dtype=np.uint8)
    wide = cv2.resize(coarse, (640, 240), interpolation=cv2.INTER_CUBIC)
    shift = np.cumsum(1 + 11 * speed).astype(int)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FRAMES, (640, 240))
    for moved, raised, light, colour in zip(shift, arms, bright, strong, strict=True):
        person = draw_person(10 + 150 * raised, size=(320, 240))
        frame = np.hstack([person, np.roll(wide, moved, axis=1)[:, :320]]).astype(np.float32)
        grey = frame.mean(axis=-1, keepdims=True)
        frame = (grey + (0.2 + 0.8 * colour) * (frame - grey)) * (0.3 + 0.7 * light)
        writer.write(frame.astype(np.uint8))
    writer.release()
    return path


def measured(study: xr.DataTree, folder: Path) -> dict[str, xr.Dataset]:
    """Features of the media of each item."""
    items = study["items/item"].to_numpy().astype(str).tolist()
    sounds = [audio.OpenSmile(), audio.Rhythm(), audio.Tonality(), audio.Notes(), audio.MusicTags()]
    songs, films = [], []
    for number, (item, heard, seen) in enumerate(
        zip(items, carriers(study, "audio"), carriers(study, "visual"), strict=True)
    ):
        rng = np.random.default_rng([SEED, number])
        songs.append(write_song(folder / f"{item}.wav", heard, rng))
        films.append(write_film(folder / f"{item}.mp4", seen, rng))
    return {"audio": audio.extract(songs, sounds), "visual": visual.extract(films)}


def carried(study: xr.DataTree, kind: str, features: xr.Dataset) -> pd.DataFrame:
    """Correlation of each carrier with its feature, over the windows that have a value."""
    every = list(carriers(study, kind))
    rows = []
    for dimension, pair in MEASURED_BY[kind].items():
        for number, (carrier, name) in enumerate(pair.items()):
            values = features["values"].sel(feature=name).to_numpy()
            course = np.stack([getattr(each, dimension)[number] for each in every])
            course = course[:, : values.shape[1]]
            there = np.isfinite(values)
            r = float(np.corrcoef(values[there], course[there])[0, 1])
            keys = {"kind": kind, "dimension": dimension, "carrier": carrier, "feature": name}
            rows.append({**keys, "r": r, "n": int(there.sum()), "n_windows": values.size})
    return pd.DataFrame(rows).assign(strength=STRENGTH, seconds=STEPS / 2)


def as_features(study: xr.DataTree, kind: str) -> xr.Dataset:
    """The carriers themselves as features: no extractor can tell more."""
    made = [np.concatenate([each.arousal, each.valence]).T for each in carriers(study, kind)]
    names = [f"{name}_{number}" for name in ("arousal", "valence") for number in (1, 2)]
    values = np.stack(made).astype(np.float32)
    features = Features(values, study["items/item"].to_numpy().astype(str), names, [CARRIERS] * 4)
    return feature_dataset(kind, features).assign_attrs(kind=kind)


def predicted(study: xr.DataTree, kind: str, features: xr.Dataset) -> pd.DataFrame:
    """Scores of linear models by each family and by several, and by the carriers themselves."""
    families = list(dict.fromkeys(features["family"].to_numpy().astype(str).tolist()))
    sets = {family: [family] for family in families}
    sets["those of the release"] = [family for family in families if family in KNOWN]
    sets["new ones"] = [family for family in families if family not in KNOWN]
    sets["all"] = families
    parts = {
        name: features.isel(feature=features["family"].isin(chosen).to_numpy())
        for name, chosen in sets.items()
    }
    parts[CARRIERS] = as_features(study, kind)
    rows = []
    for name, part in parts.items():
        models = mv.feature_models(mv.with_features(study, part), sets=[(PREDICTED[kind], kind)])
        table = mv.lasso_models(models)
        rows.append(
            table[table["metric"] != "mse"].assign(
                kind=kind,
                family=name,
                known=set(sets.get(name, ["none"])) <= KNOWN,
                n_features=part.sizes["feature"],
            )
        )
    columns = ["kind", "family", "known", "n_features", "target", "metric", "mean", "sd"]
    return pd.concat(rows, ignore_index=True)[[*columns, "noise_ceiling", "n_items", "warning"]]


def main() -> None:
    """Make the media, measure them, write the tables."""
    study = simulated()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(study, Path(folder))
    for path, make in ((CARRIED, carried), (TABLE, predicted)):
        table = pd.concat([make(study, kind, part) for kind, part in found.items()])
        table = table.assign(seed=SEED, version=mv.__version__)
        with whole_path(path) as part:
            table.to_csv(part, index=False, float_format="%.4g", lineterminator="\n")
        print(table.to_string())


if __name__ == "__main__":
    main()

"""What is seen and heard: against real time, and against bare loops of ONNX Runtime.

A drawn film of 640x272, and drums with chords, one minute each. The bare
loop runs each network on the very batches that the extractor gives it, and nothing else; extractors
are given frames and sound that are decoded, and do the rest. The ratio
of CPU times is the share of an extractor's time that its network takes. Networks that
`muvistats weights` has not made are left out.
"""

from __future__ import annotations

import tempfile
import wave
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import skimage.data

from muvistats.features import audio, visual
from muvistats.features.hearing import notes, tags
from muvistats.features.hearing.protocol import Sound
from muvistats.features.hearing.scan import scan_sound
from muvistats.features.sound import read_samples
from muvistats.features.vision import movenet, nanodet
from muvistats.features.vision.scan import scan_film

from .vision import Row, draw_film, fastest

SECONDS, RATE = 60, 22_050
WINDOWS = {"window": 0.5, "hop": 0.5, "min_fill": 0.9}


def run() -> Iterator[Row]:
    looks = [visual.Colour(), visual.Lighting(), visual.Shots(), visual.Motion(), visual.Faces()]
    seen = [visual.Objects(), visual.BodyPose()]
    hears = [audio.OpenSmile(), audio.Rhythm(), audio.Tonality(), audio.Notes()]
    heard = [audio.MusicTags()]
    with tempfile.TemporaryDirectory() as folder:
        film, sound = draw_film(Path(folder) / "film.mp4"), draw_sound(Path(folder) / "sound.wav")
        for sets, scan, path in (
            ([*map(one, looks), looks, *map(one, seen), looks + seen], film_of, film),
            ([*map(one, hears), hears, *map(one, heard), hears + heard], sound_of, sound),
        ):
            for extractors in sets:
                if not any(getattr(each, "unmade", "") for each in extractors):
                    yield real_time(path, extractors, scan)
        frame = cv2.resize(skimage.data.astronaut()[..., ::-1], (640, 272))
        frames = [np.roll(frame, shift, axis=1) for shift in range(0, 160, 8)]
        objects, poses = seen
        listened: list[tuple[Any, Any, Callable[[], object]]] = [
            (notes, hears[3], lambda: decoded_of(sound, hears[3])),
            (tags, heard[0], lambda: decoded_of(sound, heard[0])),
            (nanodet, objects, lambda: objects.measure(frames)),
            (movenet, poses, lambda: [poses.find(frames[at : at + 8]) for at in range(0, 20, 8)]),
        ]
        for module, extractor, call in listened:
            if not getattr(extractor, "unmade", ""):
                yield against_the_bare_loop(module, extractor, call)


def one(extractor: Any) -> list[Any]:
    return [extractor]


def film_of(path: Path, extractors: list[Any]) -> object:
    return scan_film(path, extractors, step=0.5)


def sound_of(path: Path, extractors: list[Any]) -> object:
    return scan_sound(path, extractors, **WINDOWS)


def decoded_of(path: Path, extractor: Any) -> object:
    """What an extractor makes of sound that was decoded."""
    samples, time = read_samples(path), np.arange(2 * SECONDS) / 2
    sound = Sound(RATE, float(SECONDS), time, 0.5, path, _samples=samples)
    return extractor.start(sound).finish(time)


def real_time(path: Path, extractors: list[Any], scan: Callable[..., object]) -> Row:
    wall, cpu = fastest(lambda: scan(path, extractors))[0]
    return {
        "what": " ".join(type(each).__name__ for each in extractors),
        "times_real_time": SECONDS / wall,
        "times_real_time_of_one_core": SECONDS / cpu,
    }


def against_the_bare_loop(module: Any, extractor: Any, call: Callable[[], object]) -> Row:
    """Time of an extractor, and of its network alone on the same batches."""
    fed: list[tuple[Any, dict[str, Any]]] = []
    given = module.run_session

    def listen(session: Any, feed: Mapping[str, Any], path: Path) -> Any:
        fed.append((session, dict(feed)))
        return given(session, feed, path)

    with mock.patch.object(module, "run_session", listen):
        call()
    ours, bare = fastest(call, lambda: [session.run(None, feed) for session, feed in fed])
    return {
        "what": f"{type(extractor).__name__} against its network alone",
        "throughput_ratio": bare[0] / ours[0],
        "cpu_throughput_ratio": bare[1] / ours[1],
    }


def draw_sound(path: Path) -> Path:
    """Drums and a chord that swells, in stereo."""
    time = np.arange(SECONDS * RATE) / RATE
    noise = np.random.default_rng(0).normal(size=len(time))
    beat = np.clip(0.2 * noise * np.exp(-(time % 0.5) * 40), -1, 1)
    chord = sum(np.sin(2 * np.pi * tone * time) for tone in (220, 277, 330)) * 0.1 * (time % 3) / 3
    both = np.column_stack([beat + chord, 0.5 * beat + chord])
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(2)
        stream.setsampwidth(2)
        stream.setframerate(RATE)
        stream.writeframes((np.clip(both, -1, 1) * 32767).astype("<i2").tobytes())
    return path

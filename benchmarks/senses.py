"""What is seen and heard: against real time, and against bare loops of ONNX Runtime.

The sample clip where it lies beside the checkout, else a drawn film and drums with chords, each of
640x272 and about a minute. Against real time everything runs in one thread; the figures are
seconds of film per second on the clock, and per CPU second. The bare
loop runs each network on the very batches that the extractor gives it, in a session with the same
options, and nothing else; extractors are given frames and sound that are decoded, and do the rest.
Runs of the two alternate. The ratios are medians over pairs of runs, on the clock and of the CPU,
in one thread and in as many as there are cores: then extractors prepare while the network runs, and
the clock may tell more than 1. Networks that `muvistats weights` has not made are left out.

    python -m benchmarks.senses

also writes ``data/senses_speed.csv``, which docs/guide/seen_and_heard.md shows.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
import wave
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import onnxruntime
import pandas as pd
import skimage.data

import muvistats as mv
from muvistats.features import audio, visual
from muvistats.features.hearing import notes, tags
from muvistats.features.hearing.protocol import Sound
from muvistats.features.hearing.scan import scan_sound
from muvistats.features.sound import decode_sound, read_samples
from muvistats.features.vision import movenet, mtcnn, nanodet
from muvistats.features.vision.networks import limit_threads
from muvistats.features.vision.scan import scan_film
from muvistats.files import whole_path

from .vision import CLIP, Row, draw_film, fastest

SECONDS, RATE = 60, 22_050
WINDOWS = {"window": 0.5, "hop": 0.5, "min_fill": 0.9}
TABLE = Path(__file__).parents[1] / "data" / "senses_speed.csv"

#: Frames in a batch, and pairs of runs beside each other.
BATCH, PAIRS = 8, 9


def run() -> Iterator[Row]:
    looks: list[Any] = [
        visual.Colour(),
        visual.Lighting(),
        visual.Shots(),
        visual.Motion(),
        visual.Faces(),
    ]
    seen: list[Any] = [visual.Objects(), visual.BodyPose()]
    hears: list[Any] = [audio.OpenSmile(), audio.Rhythm(), audio.Tonality(), audio.Notes()]
    heard: list[Any] = [audio.MusicTags()]
    with tempfile.TemporaryDirectory() as folder:
        drawn, drums = Path(folder) / "film.mp4", Path(folder) / "sound.wav"
        film, sound = (CLIP, CLIP) if CLIP.exists() else (draw_film(drawn), drums)
        draw_sound(drums)
        length = decode_sound(sound, Path(folder) / "length.wav").duration
        limit_threads(1)
        for sets, scan, path in (
            ([*map(one, looks), looks, *map(one, seen), looks + seen], film_of, film),
            ([*map(one, hears), hears, *map(one, heard), hears + heard], sound_of, sound),
        ):
            for extractors in sets:
                if not any(getattr(each, "unmade", "") for each in extractors):
                    yield real_time(path, extractors, scan, length)
        frame = cv2.resize(skimage.data.astronaut()[..., ::-1], (640, 272))
        frames = [np.roll(frame, shift, axis=1) for shift in range(0, 160, 8)]
        batches = [frames[start : start + BATCH] for start in range(0, len(frames), BATCH)]
        objects, poses = seen
        listened: list[tuple[Any, Any, Callable[[], object]]] = [
            (notes, hears[3], lambda: decoded_of(drums, hears[3])),
            (tags, heard[0], lambda: decoded_of(drums, heard[0])),
            (nanodet, objects, lambda: [objects.measure(batch) for batch in batches]),
            (movenet, poses, lambda: [poses.find(batch) for batch in batches]),
            (mtcnn, looks[4], lambda: [looks[4].measure(batch) for batch in batches]),
        ]
        for threads in (1, os.cpu_count() or 1):
            limit_threads(threads)
            for module, extractor, call in listened:
                if not getattr(extractor, "unmade", ""):
                    yield against_the_bare_loop(module, extractor, call, threads)


def one(extractor: Any) -> list[Any]:
    return [extractor]


def film_of(path: Path, extractors: list[Any]) -> object:
    return scan_film(path, extractors, step=0.5)


def sound_of(path: Path, extractors: list[Any]) -> object:
    return scan_sound(path, extractors, **WINDOWS)


def decoded_of(path: Path, extractor: Any) -> object:
    """What an extractor makes of sound that was decoded."""
    samples, starts = read_samples(path), np.arange(2 * SECONDS) / 2
    sound = Sound(RATE, float(SECONDS), starts, 0.5, path, _samples=samples)
    return extractor.start(sound).finish(starts)


def real_time(path: Path, extractors: list[Any], scan: Callable[..., object], length: float) -> Row:
    wall, cpu = fastest(lambda: scan(path, extractors))[0]
    what = " + ".join(type(each).__name__ for each in extractors)
    against = {"what": what, "against": "real time", "threads": 1}
    return {**against, "clock": length / wall, "cpu": length / cpu}


def against_the_bare_loop(
    module: Any, extractor: Any, call: Callable[[], object], threads: int
) -> Row:
    """Time of an extractor, and of its network alone on the same batches."""
    fed: list[tuple[Any, dict[str, Any]]] = []
    given = module.run_session

    def listen(session: Any, feed: Mapping[str, Any], path: Path) -> Any:
        fed.append((session, dict(feed)))
        return given(session, feed, path)

    with mock.patch.object(module, "run_session", listen):
        call()

    def alone() -> None:
        for session, feed in fed:
            session.run(None, feed)

    pairs = [(seconds(call), seconds(alone)) for _ in range(PAIRS)]
    clock, cpu = np.median([bare / ours for ours, bare in pairs], axis=0)
    what = {"what": type(extractor).__name__, "against": "bare loop", "threads": threads}
    return {**what, "clock": float(clock), "cpu": float(cpu)}


def seconds(call: Callable[[], object]) -> np.ndarray:
    """Time of a call on the clock and of the CPU."""
    start = np.array([time.perf_counter(), time.process_time()])
    call()
    return np.array([time.perf_counter(), time.process_time()]) - start


def draw_sound(path: Path) -> Path:
    """Drums and a chord that swells, in stereo."""
    moments = np.arange(SECONDS * RATE) / RATE
    noise = np.random.default_rng(0).normal(size=len(moments))
    beat = np.clip(0.2 * noise * np.exp(-(moments % 0.5) * 40), -1, 1)
    chord = (
        sum(np.sin(2 * np.pi * tone * moments) for tone in (220, 277, 330))
        * 0.1
        * (moments % 3)
        / 3
    )
    both = np.column_stack([beat + chord, 0.5 * beat + chord])
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(2)
        stream.setsampwidth(2)
        stream.setframerate(RATE)
        stream.writeframes((np.clip(both, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def main() -> None:
    rows = []
    for row in run():
        print(row, flush=True)
        rows.append(row)
    made = {"version": mv.__version__, "onnxruntime": onnxruntime.__version__}
    machine = f"{os.cpu_count()} cores of {platform.machine()}"
    table = pd.DataFrame(rows).assign(**made, opencv=cv2.__version__, machine=machine)
    with whole_path(TABLE) as part:
        table.to_csv(part, index=False, float_format="%.3g", lineterminator="\n")


if __name__ == "__main__":
    main()

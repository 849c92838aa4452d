"""Sounds and films that the tests of extraction make."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np

WIDTHS = {"u8": (1, 1), "s16": (1, 2), "s24": (1, 3), "s32": (1, 4), "f32": (3, 4)}


def harmonic(f0: float, seconds: float, rate: int, amplitude: float = 0.3) -> np.ndarray:
    """A steady tone with five harmonics, its highest value below `amplitude`."""
    t = np.arange(round(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * f0 * k * t + k) / k for k in range(1, 6))
    return amplitude * tone / 2.5


def write_wav(path: Path, sound: np.ndarray, rate: int, kind: str = "s16") -> Path:
    """Samples in [-1, 1], (time,) or (time, channel), as a plain WAV file."""
    sound = sound[:, None] if sound.ndim == 1 else sound
    tag, width = WIDTHS[kind]
    if kind == "f32":
        raw = sound.astype("<f4").tobytes()
    elif kind == "u8":
        raw = np.round(sound * 127 + 128).astype("u1").tobytes()
    else:
        whole = np.round(sound * (2.0 ** (8 * width - 1) - 1)).astype("<i8")
        raw = whole.reshape(-1, 1).view("u1").reshape(-1, 8)[:, :width].tobytes()
    channels = sound.shape[1]
    block = channels * width
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, 8 * width)
    parts = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(raw)) + raw
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WAVE" + parts)
    return path


def write_film(
    path: Path,
    sound: np.ndarray | None,
    rate: int,
    *,
    seconds: float,
    start: float = 0.0,
    options: dict[str, str] | None = None,
) -> Path:
    """A film of grey frames, 10 a second, whose sound (time, channel) starts at `start` s."""
    import av

    with av.open(str(path), "w", options=options or {}) as film:
        picture = film.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        track = None
        if sound is not None:
            layout = "stereo" if sound.shape[1] == 2 else "mono"
            track = film.add_stream("aac", rate=rate, layout=layout)
        for number in range(round(seconds * 10)):
            grey = np.full((48, 64, 3), number % 256, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            film.mux(picture.encode(frame))
        film.mux(picture.encode(None))
        if sound is not None and track is not None:
            size = track.codec_context.frame_size or 1024
            for first in range(0, len(sound), size):
                part = np.ascontiguousarray(sound[first : first + size].T.astype(np.float32))
                samples = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
                samples.sample_rate = rate
                samples.pts = first + round(start * rate)
                samples.time_base = Fraction(1, rate)
                film.mux(track.encode(samples))
            film.mux(track.encode(None))
    return path

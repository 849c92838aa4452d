"""Decode the sound of an audio or video file to a plain WAV file that openSMILE reads."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..extras import optional_module
from ..types import Singles

#: Sound that starts later, or breaks off for longer than this, in s, is filled with silence.
_LARGEST_GAP = 0.01

#: Sound may end this much before the file says it does, in s: the last packet of a codec.
_MISSING_END = 0.25

#: Bytes that a WAV file can count.
_LARGEST_WAV = 2**32 - 64

#: Of these sample formats, openSMILE reads the file's own numbers; others become 16 bit.
_INTEGER, _FLOAT = 1, 3


@dataclass(frozen=True, slots=True)
class Sound:
    """What was decoded.

    Parameters
    ----------
    rate : int
        Samples per second, that of the file.
    channels : int
        Channels, those of the file.
    duration : float
        Length in s from the start of the file.
    notes : tuple of str
        What was found and done.
    """

    rate: int
    channels: int
    duration: float
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Format:
    """How samples are stored in the WAV file: FFmpeg's name, kind of number and its bytes."""

    name: str
    kind: int
    width: int


def decode_sound(path: Path, target: Path) -> Sound:
    """Write the sound of a file as WAV, at its own sample rate and with its own channels.

    Parameters
    ----------
    path : Path
        Audio or video file.
    target : Path
        WAV file to write.

    Returns
    -------
    Sound
        Rate, channels and duration.

    Raises
    ------
    DataError
        When the file has no sound, cannot be decoded or ends before it says it does.
    MissingExtraError
        When PyAV is not installed.

    Notes
    -----
    PCM of 16, 24 and 32 bit and of 32-bit floating point keeps its numbers. Everything else
    (lossy codecs, 8 bit) becomes 16 bit, as FFmpeg does when it writes a WAV file. Time zero is
    the start of the file: where the picture starts before the sound, or the sound has a gap,
    silence fills the time.
    """
    av = optional_module("av", "audio")
    if not path.is_file():
        raise DataError("no such file", file=path)
    _refuse_cut_wav(path)
    try:
        with av.open(str(path)) as container, target.open("wb") as stream:
            return _decode(container, path, stream)
    except av.FFmpegError as error:
        problem = f"not a readable sound or video file: {error.strerror or error}"
        raise DataError(problem, file=path) from error


def read_samples(wav: Path) -> Singles:
    """Samples of a file that `decode_sound` wrote, (channel, sample), from -1 to 1."""
    with wav.open("rb") as stream:
        head = stream.read(44)
    kind, channels = struct.unpack("<HH", head[20:24])
    width = struct.unpack("<H", head[34:36])[0] // 8
    raw = np.fromfile(wav, dtype=np.uint8, offset=44).reshape(-1, channels * width)
    if kind == _FLOAT:
        return np.ascontiguousarray(raw.view("<f4").T)
    if width == 3:  # the upper three of four bytes
        filled = np.zeros((len(raw) * channels, 4), dtype=np.uint8)
        filled[:, 1:] = raw.reshape(-1, 3)
        raw, width = filled.reshape(len(raw), -1), 4
    numbers = raw.view(f"<i{width}").T
    return np.ascontiguousarray(numbers.astype(np.float32) / 2.0 ** (8 * width - 1))


def _refuse_cut_wav(path: Path) -> None:
    """Refuse a WAV file that is shorter than it says; decoders take it without a word."""
    with path.open("rb") as stream:
        head = stream.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return
    said = struct.unpack("<I", head[4:8])[0] + 8
    size = path.stat().st_size
    if said > size + 1 and said < _LARGEST_WAV:  # larger: written to a pipe, length not known
        raise DataError("file was cut off", file=path, found=f"{size} of {said} bytes")


def _decode(container: Any, path: Path, stream: BinaryIO) -> Sound:
    if not container.streams.audio:
        raise DataError("file has no sound", file=path)
    sound = container.streams.audio[0]
    rate, channels = int(sound.rate), int(sound.channels)
    stored = _stored_as(sound.codec_context)
    notes = []
    if len(container.streams.audio) > 1:
        notes.append("file has several sound tracks; the first was taken")
    if sound.codec_context.name == "pcm_u8":
        notes.append("8-bit sound was read as 16 bit")
    start = (container.start_time or 0) / 1_000_000
    count = filled = 0
    stream.write(_header(stored, rate, channels, 0))
    for time, samples in _frames(container, sound, stored, channels):
        gap = 0.0 if time is None else time - start - count / rate
        if gap > _LARGEST_GAP:
            silence = round(gap * rate)
            stream.write(bytes(silence * channels * stored.width))
            count, filled = count + silence, filled + 1
        stream.write(samples)
        count += len(samples) // (channels * stored.width)
        if count * channels * stored.width > _LARGEST_WAV:
            raise DataError("sound is too long", file=path, expected="less than 4 GiB as WAV")
    if count == 0:
        raise DataError("file has no sound", file=path, found="a sound track without samples")
    if filled:
        notes.append("sound starts later than the file or has gaps; silence fills them")
    stream.seek(0)
    stream.write(_header(stored, rate, channels, count))
    _refuse_early_end(sound, path, count / rate)
    return Sound(rate, channels, count / rate, tuple(notes))


def _refuse_early_end(sound: Any, path: Path, duration: float) -> None:
    """Refuse sound that ends before the file says it does."""
    if sound.duration is None or sound.time_base is None:
        return
    said = float(sound.duration * sound.time_base)
    if duration < said - _MISSING_END:
        raise DataError(
            "sound ends before the file says it does",
            file=path,
            found=f"{duration:.2f} s",
            expected=f"{said:.2f} s",
        )


def _stored_as(codec: Any) -> _Format:
    name = str(codec.name)
    if name.startswith("pcm_s24"):
        return _Format("s32", _INTEGER, 3)
    if name.startswith(("pcm_f32", "pcm_f64")):
        return _Format("flt", _FLOAT, 4)
    if str(codec.format.name) in ("s32", "s32p"):
        return _Format("s32", _INTEGER, 4)
    return _Format("s16", _INTEGER, 2)


def _frames(
    container: Any, sound: Any, stored: _Format, channels: int
) -> Iterator[tuple[float | None, bytes]]:
    """Start in s and interleaved samples of each decoded frame."""
    convert = optional_module("av", "audio").AudioResampler(format=stored.name)
    for frame in container.decode(sound):
        time = frame.time
        for part in convert.resample(frame):
            samples: npt.NDArray[Any] = part.to_ndarray().reshape(-1, channels)
            if stored.width == 3:  # decoded to the upper three of four bytes
                samples = samples.astype("<i4").view(np.uint8).reshape(-1, 4)[:, 1:]
            else:
                samples = samples.astype(samples.dtype.newbyteorder("<"))
            if stored.kind == _FLOAT and not np.isfinite(samples).all():
                raise DataError(
                    "sound has samples that are no finite numbers",
                    found=int((~np.isfinite(samples)).sum()),
                )
            yield time, samples.tobytes()
            time = None


def _header(stored: _Format, rate: int, channels: int, count: int) -> bytes:
    """The 44 bytes before the samples of a plain WAV file."""
    block = channels * stored.width
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + count * block,
        b"WAVE",
        b"fmt ",
        16,
        stored.kind,
        channels,
        rate,
        rate * block,
        block,
        stored.width * 8,
        b"data",
        count * block,
    )

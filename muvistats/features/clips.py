"""From a music video to stimuli: where the music starts, its first minute, three modalities.

The paper's section 3.1 scanned each video by hand for the start of the music and took the first
minute from there; section 3.2 shows it with sound, without sound, or as sound alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..arguments import check_number, check_text
from ..errors import DataError, DesignError
from ..extras import optional_module
from ..files import whole_path
from ..kernels.sound.loudness import first_sound
from ..kernels.sound.loudness import loudness as loudness_of
from ..types import Floats

#: Sound is worked on, and written, at this rate with two channels.
_RATE = 48_000

#: Blocks in which the start of the music is sought, in s.
_BLOCK = 0.05

#: Music begins where the level is less than this below that of the loud parts, in dB.
_BELOW_LOUD = 30.0

#: Nothing below this level is music, in dB of full scale.
_SILENT = -60.0

#: Highest sample after a change of loudness, in dB of full scale: codecs overshoot.
_PEAK = -1.0

#: Sound may be late by this, or end so much early, in s; silence fills it.
_SLACK = 0.25

#: Folder and ending of the file of each modality.
_FILES = {"audiovisual": ".mp4", "visual": ".mp4", "music": ".m4a"}


@dataclass(frozen=True, slots=True)
class Clip:
    """A stimulus in three modalities, cut from one file.

    Parameters
    ----------
    item : str
        Name of the item.
    files : dict of str to Path
        File of each modality.
    start, duration : float
        What was cut, in s from the start of the source.
    loudness : float
        Integrated loudness of the excerpt before it was changed, in LUFS; NaN for silence.
    change : float
        Change of the level, in dB.
    notes : tuple of str
        What was found and done.

    See Also
    --------
    cut_clip : Makes one.
    """

    item: str
    files: dict[str, Path]
    start: float
    duration: float
    loudness: float
    change: float
    notes: tuple[str, ...]


def music_start(path: str | os.PathLike[str], *, sustained: float = 1.0) -> float:
    """Where the music of a video starts, after a silent intro.

    Parameters
    ----------
    path : path
        Video or sound file.
    sustained : float
        Seconds from the start on of which at least half must have sound, so that a click is not
        taken for music.

    Returns
    -------
    float
        Seconds from the start of the file.

    Raises
    ------
    DataError
        When the file has no sound, or none that goes on so long.
    DesignError
        For a `sustained` that is not a positive number.
    MissingExtraError
        When PyAV is not installed.

    Notes
    -----
    The level is the root mean square of blocks of 0.05 s. A block has sound where it is above
    -60 dB of full scale and less than 30 dB below the level that the loudest twentieth of the
    blocks reaches. Speech or street noise before the music is sound too: look at the clips.

    See Also
    --------
    cut_clip : cuts the first minute from there.

    Examples
    --------
    >>> from muvistats.features.clips import music_start
    >>> music_start("clips/V1.mp4")  # doctest: +SKIP
    3.4
    """
    check_number("sustained", sustained, above=0)
    source = Path(path)
    size = round(_BLOCK * _RATE)
    with _opened(source) as container:
        power, rest, end = [], np.zeros((2, 0)), 0
        for time, samples in _sound(container, source, 0.0):
            gap = np.zeros((2, max(round(time * _RATE) - end, 0)))
            rest = np.concatenate([rest, gap, samples], axis=1)
            end += gap.shape[1] + samples.shape[1]
            whole = rest.shape[1] // size
            blocks = rest[:, : whole * size].reshape(2, whole, size)
            power.append((blocks**2).mean(axis=(0, 2)))
            rest = rest[:, whole * size :]
    levels = 10 * np.log10(np.maximum(np.concatenate([*power, [0.0]]), 1e-30))[:-1]
    floor = max(_SILENT, float(np.quantile(levels, 0.95)) - _BELOW_LOUD) if len(levels) else _SILENT
    found = first_sound(levels, floor, max(1, round(sustained / _BLOCK)))
    if found < 0:
        raise DataError(
            "no music was found; give the start to `cut_clip`",
            file=source,
            expected=f"sound above {floor:.0f} dB for {sustained:g} s",
        )
    return found * _BLOCK


def cut_clip(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    item: str | None = None,
    start: float | None = None,
    duration: float = 60.0,
    loudness: float | None = -23.0,
) -> Clip:
    """Cut a music video into the clips of three modalities.

    Parameters
    ----------
    path : path
        Video file with sound.
    folder : path
        Where the clips go: ``audiovisual/ITEM.mp4``, ``visual/ITEM.mp4``, ``music/ITEM.m4a``.
        Files of the same name are replaced.
    item : str, optional
        Name of the item; that of the file without its suffix where not given.
    start : float, optional
        Seconds from the start of the file; where the music starts (`music_start`) where not given.
    duration : float
        Seconds that are cut.
    loudness : float, optional
        Loudness that all clips get, in LUFS; None leaves it as it is.

    Returns
    -------
    Clip
        The files, what was cut, and how the level was changed.

    Raises
    ------
    DataError
        When the file has no picture or no sound, cannot be decoded, or ends before the clip does.
    DesignError
        For a number that makes no sense.
    MissingExtraError
        When PyAV is not installed.

    Notes
    -----
    The excerpt is encoded once, as H.264 and AAC of 48 kHz in stereo. The visual clip is its
    picture and the music clip its sound, packet by packet, so that modalities differ by what is
    shown and by nothing else. Sound that starts later than the picture is filled with silence.

    Loudness is that of ITU-R BS.1770-4 over the excerpt; the level is changed by one number for
    all of it, and by less where a sample would come above -1 dB of full scale (`notes` says so).

    References
    ----------
    ITU-R. (2015). Recommendation BS.1770-4: Algorithms to measure audio programme loudness and
    true-peak audio level. International Telecommunication Union.
    https://www.itu.int/rec/R-REC-BS.1770

    See Also
    --------
    music_start : where the music starts.

    Examples
    --------
    >>> from muvistats.features.clips import cut_clip
    >>> cut_clip("videos/V1.mkv", "clips").start  # doctest: +SKIP
    3.4
    """
    source = Path(path)
    duration = check_number("duration", duration, above=0)
    if loudness is not None:
        loudness = check_number("loudness", loudness)
    begin = music_start(source) if start is None else check_number("start", start)
    if begin < 0:
        raise DesignError(f"start must be 0 or a later second of the file, not {start!r}")
    name = source.stem if item is None else check_text("item", item)
    sound = _excerpt(source, begin, duration)
    measured = loudness_of(sound, _RATE)
    change, notes = _change(sound, measured, loudness)
    files = {mode: Path(folder) / mode / f"{name}{end}" for mode, end in _FILES.items()}
    with whole_path(files["audiovisual"]) as part:
        _encode(source, part, sound * 10 ** (change / 20), begin, duration)
        _copy(part, files["visual"], "video")
        _copy(part, files["music"], "audio")
    return Clip(name, files, begin, duration, measured, change, notes)


def _change(sound: Floats, measured: float, level: float | None) -> tuple[float, tuple[str, ...]]:
    """Change of the level in dB, and what to know about it."""
    if level is None:
        return 0.0, ()
    if np.isnan(measured):
        return 0.0, ("the excerpt is silent; its level was left as it is",)
    room = _PEAK - 20 * np.log10(np.abs(sound).max())
    if level - measured <= room:
        return level - measured, ()
    note = f"loudness is {measured + room:.1f} LUFS, since its peaks leave no more room"
    return float(room), (note,)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """An open file; what FFmpeg cannot read is a `DataError`."""
    av = optional_module("av", "audio")
    if not path.is_file():
        raise DataError("no such file", file=path)
    try:
        with av.open(str(path)) as container:
            yield container
    except av.FFmpegError as error:
        problem = f"not a readable sound or video file: {error.strerror or error}"
        raise DataError(problem, file=path) from error


def _sound(container: Any, path: Path, start: float) -> Iterator[tuple[float, Floats]]:
    """Start in s and samples (channel, time) of decoded sound, from shortly before `start` on."""
    if not container.streams.audio:
        raise DataError("file has no sound", file=path)
    convert = optional_module("av", "audio").AudioResampler("fltp", "stereo", _RATE)
    origin = (container.start_time or 0) / 1_000_000
    if start > 1:
        container.seek(int((origin + start - 1) * 1_000_000))
    place = None
    for frame in container.decode(container.streams.audio[0]):
        for part in convert.resample(frame):
            time = place if frame.time is None else frame.time - origin
            # rounded stamps: only a gap moves what follows
            if place is None or (time is not None and abs(time - place) > 0.01):
                place = time or 0.0
            samples = part.to_ndarray().astype(float)
            yield place, samples
            place += samples.shape[1] / _RATE


def _excerpt(path: Path, start: float, duration: float) -> Floats:
    """Sound of an excerpt, (channel, time), silence where there is none."""
    out = np.zeros((2, round(duration * _RATE)))
    end = 0
    with _opened(path) as container:
        for time, samples in _sound(container, path, start):
            first = round((time - start) * _RATE)
            low, high = max(first, 0), min(first + samples.shape[1], out.shape[1])
            if high > low:
                out[:, low:high] = samples[:, low - first : high - first]
                end = high
            if first >= out.shape[1]:
                break
    if end / _RATE < duration - _SLACK:
        raise DataError(
            "file ends before the clip does; give a shorter `duration`",
            file=path,
            found=f"{end / _RATE:.2f} s of sound from {start:g} s on",
            expected=f"{duration:g} s",
        )
    return out


def _encode(path: Path, target: Path, sound: Floats, start: float, duration: float) -> None:
    """Write the picture of an excerpt with this sound."""
    av = optional_module("av", "audio")
    with _opened(path) as container, av.open(str(target), "w", format="mp4") as film:
        if not container.streams.video:
            raise DataError("file has no picture", file=path)
        given = container.streams.video[0]
        rate = given.average_rate or Fraction(25)
        picture = film.add_stream("libx264", rate=rate, options={"crf": "18"})
        picture.width, picture.height = given.width // 2 * 2, given.height // 2 * 2
        picture.pix_fmt = "yuv420p"
        picture.codec_context.time_base = Fraction(1, 90_000)
        track = film.add_stream("aac", rate=_RATE, layout="stereo")
        last = _write_picture(container, film, picture, start, duration)
        if last < 0 or last < duration - _SLACK - 1 / float(rate):
            raise DataError(
                "picture ends before the clip does; give a shorter `duration`",
                file=path,
                found=f"{max(last, 0.0):.2f} s from {start:g} s on",
                expected=f"{duration:g} s",
            )
        frame = av.AudioFrame.from_ndarray(sound.astype(np.float32), "fltp", "stereo")
        frame.sample_rate, frame.time_base, frame.pts = _RATE, Fraction(1, _RATE), 0
        fifo = av.AudioFifo()
        fifo.write(frame)
        while (part := fifo.read(1024, partial=True)) is not None:
            film.mux(track.encode(part))
        film.mux(track.encode())


def _write_picture(container: Any, film: Any, picture: Any, start: float, duration: float) -> float:
    """Encode the frames of an excerpt; the time of the last one, below 0 where there is none."""
    origin = (container.start_time or 0) / 1_000_000
    if start > 0:
        container.seek(int((origin + start) * 1_000_000))
    last = -1.0
    for frame in container.decode(container.streams.video[0]):
        time = None if frame.time is None else frame.time - origin - start
        if time is None or time < -1e-6:
            continue
        if time >= duration - 1e-6:
            break
        made = frame.reformat(picture.width, picture.height, picture.pix_fmt)
        made.pts, made.time_base = round(max(time, 0.0) * 90_000), Fraction(1, 90_000)
        film.mux(picture.encode(made))
        last = time
    film.mux(picture.encode())
    return last


def _copy(source: Path, target: Path, kind: str) -> None:
    """Write one stream of a clip as it is."""
    av = optional_module("av", "audio")
    with ExitStack() as stack:
        part = stack.enter_context(whole_path(target))
        clip = stack.enter_context(av.open(str(source)))
        film = stack.enter_context(av.open(str(part), "w", format="mp4"))
        given = clip.streams.video[0] if kind == "video" else clip.streams.audio[0]
        stream = film.add_stream_from_template(given)
        for packet in clip.demux(given):
            if packet.dts is not None:
                packet.stream = stream
                film.mux(packet)

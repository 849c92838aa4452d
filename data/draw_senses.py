"""Draw the pictures of docs/guide/seen_and_heard.md.

Needs the extras `vision`, `music` and scikit-image, whose portrait of an astronaut (NASA, public
domain) is the frame; the tune is made here. Run it from the checkout::

    python data/draw_senses.py
"""

from __future__ import annotations

import tempfile
import wave
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import skimage.data
from matplotlib.patches import Rectangle

from muvistats.features import audio
from muvistats.features.visual import Faces, Motion, extract

ROOT = Path(__file__).resolve().parents[1]
STATIC = ROOT / "docs" / "_static"
RATE, TEMPO = 22_050, 100

#: A tune in A minor: semitones above A of 220 Hz, one a beat; None is a rest.
TUNE = (0, 2, 3, 5, 7, 8, 11, 12, 12, None, 7, 8, 7, 5, 3, 2, 0, None, 0, None)


def draw_faces() -> None:
    """A frame with the boxes of its faces and what they express; the flow of a pan beside it."""
    picture = skimage.data.astronaut()
    frame = np.ascontiguousarray(picture[:300, 60:420, ::-1])
    faces = Faces()
    scores = dict(zip(faces.names(), faces.measure([frame])[0], strict=True))
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=(1, 1.1))
    left.imshow(frame[..., ::-1])
    for x, y, wide, high in faces._boxes(frame):  # noqa: SLF001 (to be drawn)
        left.add_patch(Rectangle((x, y), wide, high, fill=False, color="tab:orange", linewidth=2))
        left.text(x, y - 6, f"happy {scores['face_happy']:.2f}", color="white", weight="bold")
    left.set_title(f"{scores['face_count']:.0f} face, {scores['face_area']:.1%} of the frame")
    left.axis("off")
    shown = [label for label in faces.names() if label not in ("face_count", "face_area")]
    right.barh([label.removeprefix("face_") for label in shown], [scores[each] for each in shown])
    right.set_xlim(0, 1)
    right.set_xlabel("probability")
    figure.tight_layout()
    figure.savefig(STATIC / "seen_faces.png", dpi=110)


def tune() -> np.ndarray:
    """The tune as sound, notes with five overtones."""
    length = round(RATE * 60 / TEMPO)
    time = np.arange(length) / RATE
    notes = []
    for step in TUNE:
        hertz = 220 * 2 ** ((step or 0) / 12)
        tones = sum(np.sin(2 * np.pi * hertz * k * time) / k**2 for k in range(1, 6))
        notes.append((step is not None) * 0.4 * tones * np.exp(-2.5 * time))
    return np.concatenate(notes)


def draw_sound() -> None:
    """Spectrogram of the tune, and below it the notes, key and tempo that were heard."""
    sound = tune()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tune.wav"
        with wave.open(str(path), "wb") as stream:
            stream.setnchannels(1)
            stream.setsampwidth(2)
            stream.setframerate(RATE)
            stream.writeframes((sound * 32767).astype("<i2").tobytes())
        extractors = [audio.Rhythm(), audio.Tonality(), audio.Notes()]
        found = audio.extract(path, extractors, cache=False)["values"].isel(item=0).to_pandas()
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 5), sharex=True)
    heard = sound + 1e-6 * np.random.default_rng(0).normal(size=len(sound))
    above.specgram(heard, NFFT=2048, Fs=RATE, noverlap=1024, cmap="magma")
    above.set_ylim(0, 3_000)
    above.set_ylabel("frequency (Hz)")
    middle = found.index.to_numpy() + 0.25
    below.plot(middle, found["notes_pitch_main"], "o", label="notes_pitch_main")
    begin = np.arange(len(TUNE)) * 60 / TEMPO
    played = [np.nan if step is None else 57 + step for step in TUNE]
    below.hlines(played, begin, begin + 60 / TEMPO, color="0.6", label="played")
    tonic = audio.PITCH_CLASSES[int(found["tonality_tonic"].mode()[0])].upper()
    mode = "major" if found["tonality_majorness"].median() > 0 else "minor"
    tempo = found["rhythm_tempo"].median()
    below.set_title(
        f"heard: {tonic} {mode}, {tempo:.1f} beats per minute (played: A minor, {TEMPO})"
    )
    below.set_ylabel("MIDI number")
    below.set_xlabel("time (s)")
    below.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(STATIC / "heard_tune.png", dpi=110)


def draw_motion() -> None:
    """Camera and subject over time: a pan, a still, and a square that moves."""
    import cv2

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (34, 160, 3), dtype=np.uint8)
    wide = cv2.resize(coarse, (1280, 272), interpolation=cv2.INTER_CUBIC)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 25, (640, 272))
        for number in range(225):
            frame = wide[:, 4 * min(number, 75) :][:, :640].copy()
            if number >= 150:
                x = 5 * (number - 150)
                frame[90:190, x : x + 100] = wide[:100, 900:1000]
            writer.write(frame)
        writer.release()
        found = extract(path, Motion(), cache=False)["values"].isel(item=0).to_pandas()
    figure, axes = plt.subplots(figsize=(9, 2.6))
    for name in ("motion_camera", "motion_subject"):
        axes.plot(found.index, found[name], "o-", label=name)
    axes.axhline(4 * 25 / 640, color="0.7", linestyle=":", label="pan as filmed")
    axes.set_xlabel("time (s): a pan, a still, a square that moves")
    axes.set_ylabel("widths per s")
    axes.legend()
    figure.tight_layout()
    figure.savefig(STATIC / "seen_motion.png", dpi=110)


if __name__ == "__main__":
    mpl.use("Agg")
    draw_faces()
    draw_sound()
    draw_motion()

"""Draw the pictures of docs/guide/seen_and_heard.md.

Needs the extras `vision`, `music`, scikit-image, whose photographs are the frames (the astronaut is
NASA's, the others are in the public domain), and the networks of `muvistats weights`; people and
the tune are drawn here. Run it from the checkout::

    python data/draw_senses.py
"""

from __future__ import annotations

import sys
import tempfile
import wave
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import skimage.data
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox

from muvistats.features import audio
from muvistats.features.vision.movenet import JOINTS
from muvistats.features.vision.poses import arms
from muvistats.features.visual import BodyPose, Faces, Motion, Objects, extract

ROOT = Path(__file__).resolve().parents[1]
STATIC = ROOT / "docs" / "_static"
RATE, TEMPO = 22_050, 100

#: A tune in A minor: semitones above A of 220 Hz, one a beat; None is a rest.
TUNE = (0, 2, 3, 5, 7, 8, 11, 12, 12, None, 7, 8, 7, 5, 3, 2, 0, None, 0, None)

#: Joints that a line joins in a drawn skeleton.
BONES = [
    pair
    for side, other in (("left", "right"), ("right", "left"))
    for pair in (
        (f"{side}_shoulder", f"{other}_shoulder"),
        (f"{side}_hip", f"{other}_hip"),
        *pairwise(f"{side}_{joint}" for joint in ("wrist", "elbow", "shoulder", "hip", "knee")),
    )
]


def draw_faces() -> None:
    """A frame with the boxes of its faces and what they express; the flow of a pan beside it."""
    picture = skimage.data.astronaut()
    frame = np.ascontiguousarray(picture[:300, 60:420, ::-1])
    faces = Faces()
    scores = dict(zip(faces.names(), faces.measure([frame])[0], strict=True))
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=(1, 1.1))
    left.imshow(frame[..., ::-1])
    for x, y, wide, high in faces.find([frame])[0]:
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


def label_box(box: Rectangle, said: str, taken: list[Bbox]) -> Bbox:
    """Write in the first corner of a box that no label has taken yet; where the label lies."""
    words = {"color": "white", "weight": "bold", "fontsize": 7}
    ground = {"facecolor": "tab:orange", "edgecolor": "none", "pad": 2}
    label = box.axes.text(0, 0, said, bbox=ground, **words)
    where = box.get_bbox()
    for x, y, horizontal, vertical in (
        (where.x0, where.y0, "left", "top"),
        (where.x0, where.y1, "left", "bottom"),
        (where.x1, where.y1, "right", "bottom"),
        (where.x1, where.y0, "right", "top"),
    ):
        label.set(x=x, y=y, horizontalalignment=horizontal, verticalalignment=vertical)
        place = label.get_window_extent().padded(4)
        if not any(place.overlaps(other) for other in taken):
            return place
    raise RuntimeError(f"no corner is free for {said}")


def draw_objects() -> None:
    """Photographs with the boxes of their objects."""
    objects = Objects()
    classes = [name.removeprefix("object_count_") for name in objects.names()[:80]]
    figure, axes = plt.subplots(1, 4, figsize=(11, 2.2), width_ratios=(1, 1.5, 1.5, 1.48))
    pictures = ("astronaut", "coffee", "chelsea", "stereo_motorcycle")
    boxes = []
    for panel, name in zip(axes, pictures, strict=True):
        picture = getattr(skimage.data, name)()
        picture = picture[0] if isinstance(picture, tuple) else picture
        panel.imshow(picture)
        panel.axis("off")
        frame = np.ascontiguousarray(picture[..., ::-1])
        for kind, sure, (x, y, right, low) in zip(*objects.find([frame])[0], strict=True):
            box = Rectangle((x, y), right - x, low - y, fill=False, color="tab:orange", linewidth=2)
            panel.add_patch(box)
            boxes.append((box, f"{classes[kind].replace('_', ' ')} {sure:.2f}"))
    figure.tight_layout()
    figure.canvas.draw()
    taken: list[Bbox] = []
    for box, said in boxes:
        taken.append(label_box(box, said, taken))
    figure.savefig(STATIC / "seen_objects.png", dpi=110)


def draw_poses() -> None:
    """Drawn people with the skeletons that were found, and the course of an arm over time."""
    sys.path.insert(0, str(ROOT / "tests" / "networks"))
    from people import draw_person

    poses = BodyPose()
    figure, axes = plt.subplots(1, 4, figsize=(11, 2.7), width_ratios=(1, 1, 1, 1.5))
    for panel, arm in zip(axes, ((10, 0), (90, 0), (40, -150)), strict=False):
        frame = draw_person(*arm)
        joints, _, _ = poses.find([frame])[0]
        panel.imshow(frame[:, 120:520, ::-1])
        for start, end in BONES:
            x, y = joints[0, [JOINTS.index(start), JOINTS.index(end)], :2].T
            panel.plot(x - 120, y, "o-", color="tab:orange", markersize=3)
        opened, height, stretch = arms(joints[..., :2])[0]
        panel.set_title(
            f"openness {opened:.2f}\nheight {height:.0f}°, stretch {stretch:.2f}", size=8
        )
        panel.axis("off")
    bends = np.interp(np.arange(200), [0, 60, 110, 140, 200], [-120, -120, 0, 0, -120])
    with tempfile.TemporaryDirectory() as folder:
        path = write_film(Path(folder) / "arm.avi", (draw_person(80, bend) for bend in bends))
        found = extract(path, poses, cache=False)["values"].isel(item=0).to_pandas()
    for name in ("pose_arm_stretch", "pose_arm_stretching", "pose_move_arms"):
        axes[3].plot(found.index, found[name], "o-", markersize=3, label=name)
    axes[3].set_xlabel("time (s)")
    axes[3].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(STATIC / "seen_poses.png", dpi=110)


def write_film(path: Path, frames: Iterable[np.ndarray]) -> Path:
    """A film of 25 frames per second, without loss."""
    import cv2

    writer = None
    for frame in frames:
        if writer is None:
            size = frame.shape[1], frame.shape[0]
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 25, size)
        writer.write(frame)
    if writer is not None:
        writer.release()
    return path


def write_sound(path: Path, sound: np.ndarray) -> Path:
    """Sound as a WAV file of 16 bit."""
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(RATE)
        stream.writeframes((sound * 32767).astype("<i2").tobytes())
    return path


def draw_tags() -> None:
    """Spectrogram of drums, a chord and both, and the tags that were heard."""
    time = np.arange(9 * RATE) / RATE
    noise = np.random.default_rng(0).normal(size=len(time))
    beat = np.clip(0.3 * noise * np.exp(-(time % 0.5) * 40), -1, 1)
    tones = (np.sin(2 * np.pi * f * k * time) / k**2 for f in (220, 277, 330) for k in range(1, 6))
    chord = 0.15 * sum(tones) * np.minimum(1, 3 * (time % 3)) * np.minimum(1, 3 * (3 - time % 3))
    sound = np.concatenate([beat, chord, 0.5 * (beat + chord)])
    with tempfile.TemporaryDirectory() as folder:
        path = write_sound(Path(folder) / "sound.wav", sound)
        found = audio.extract(path, audio.MusicTags(), cache=False)["values"].isel(item=0)
    tags = found.to_pandas().iloc[:, :50]
    shown = tags.max().nlargest(10).index[::-1]
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 5), sharex=True, height_ratios=(1, 1.3))
    heard = sound + 1e-6 * noise.repeat(3)
    above.specgram(heard, NFFT=2048, Fs=RATE, noverlap=1024, cmap="magma")
    above.set_ylim(0, 6_000)
    above.set_ylabel("frequency (Hz)")
    edges = np.append(tags.index, tags.index[-1] + 0.5)
    mesh = below.pcolormesh(edges, np.arange(11), tags[shown].T, cmap="viridis", vmin=0)
    below.set_yticks(np.arange(10) + 0.5, [name.removeprefix("tag_") for name in shown], size=7)
    below.set_xlabel("time (s): drums, a chord that swells, both")
    figure.tight_layout()
    figure.colorbar(mesh, ax=[above, below], label="probability")
    figure.savefig(STATIC / "heard_tags.png", dpi=110)


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
        path = write_sound(Path(folder) / "tune.wav", sound)
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
    below.legend(loc="upper right")
    figure.tight_layout()
    figure.savefig(STATIC / "heard_tune.png", dpi=110)


def draw_motion() -> None:
    """Camera and subject over time: a pan, a still, and a square that moves."""
    import cv2

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (34, 160, 3), dtype=np.uint8)
    wide = cv2.resize(coarse, (1280, 272), interpolation=cv2.INTER_CUBIC)
    frames = [wide[:, 4 * min(number, 75) :][:, :640].copy() for number in range(225)]
    for number, frame in enumerate(frames[150:]):
        frame[90:190, 5 * number : 5 * number + 100] = wide[:100, 900:1000]
    with tempfile.TemporaryDirectory() as folder:
        path = write_film(Path(folder) / "film.avi", frames)
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
    draw_objects()
    draw_poses()
    draw_tags()
    draw_sound()
    draw_motion()

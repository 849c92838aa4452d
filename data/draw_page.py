"""Draw the pictures of docs/guide/annotate.md: the annotation page in Chromium, screen by screen.

Needs the extras `audio` and `test-browser`, and a Chromium on PATH or named by CHROMIUM. Run it
from the checkout::

    python data/draw_page.py           # the pictures of the guide
    python data/draw_page.py FOLDER    # every screen, 1280 and 390 wide, light and dark
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
from PIL import Image
from playwright.sync_api import Page, sync_playwright

import muvistats as mv
from muvistats.annotate.server import AnnotationServer

STATIC = Path(__file__).resolve().parents[1] / "docs" / "_static"
SECONDS, RATE = 4, 12

#: Height of the window by its width: a screen and a phone.
SIZES = {1280: 800, 390: 844}

#: Pictures of the guide: the screen, how wide and high the window is, and its colours.
GUIDE = {
    "annotate_consent": ("consent", (700, 420), "light"),
    "annotate_overlaid": ("overlaid", (900, 640), "light"),
    "annotate_side_by_side": ("side_by_side", (900, 640), "light"),
    "annotate_labels": ("labels", (700, 640), "light"),
    "annotate_phone": ("side_by_side", (390, 780), "dark"),
}

Shot = Callable[[Page, str], None]


def frames() -> Iterator[np.ndarray]:
    """A sun that goes down behind hills."""
    down, across = np.mgrid[0:360, 0:640]
    hills = 260 + 30 * np.sin(across / 90) + 14 * np.sin(across / 37)
    for number in range(SECONDS * RATE):
        late = number / (SECONDS * RATE)
        sky = np.stack([150 + down / 4, 90 + down / 3, 190 - down / 3 - 40 * late], axis=-1)
        sun = np.hypot(across - 420, down - 150 - 90 * late) < 45
        sky[sun] = (255, 225, 150)
        sky[down > hills] = (46, 40, 70)
        yield sky.clip(0, 255).astype(np.uint8)


def film(path: Path) -> None:
    """Write the clip, with a tone."""
    with av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=RATE)
        picture.width, picture.height, picture.pix_fmt = 640, 360, "yuv420p"
        sound = out.add_stream("aac", rate=48_000)
        sound.layout = "mono"
        for frame in frames():
            out.mux(picture.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(picture.encode())
        tone = 0.2 * np.sin(2 * np.pi * 220 * np.arange(SECONDS * 48_000) / 48_000)
        for start in range(0, len(tone), 1024):
            part = av.AudioFrame.from_ndarray(
                tone[None, start : start + 1024].astype(np.float32), format="fltp", layout="mono"
            )
            part.sample_rate, part.pts = 48_000, start
            out.mux(sound.encode(part))
        out.mux(sound.encode())


def write_site(folder: Path, n_participants: int) -> Path:
    """Write a page on which everybody rates three clips: overlaid, beside it, and music."""
    names = {"clips": ["V1", "V2", "V3"], "practice": ["a"], "examples": ["positive_low"]}
    for name, clips in names.items():
        (folder / name).mkdir()
        for clip in clips:
            film(folder / name / f"{clip}.mp4")
    trials = [("audiovisual", "overlaid"), ("audiovisual", "side_by_side"), ("music", None)]
    lists = pd.DataFrame(
        [
            (f"P{n + 1}", trial, f"V{trial}", *shown)
            for n in range(n_participants)
            for trial, shown in enumerate(trials, start=1)
        ],
        columns=["participant", "trial", "item", "modality", "overlay"],
    )
    return mv.write_annotation_page(
        folder / "clips",
        lists,
        folder / "site",
        practice=folder / "practice",
        examples=folder / "examples",
        pause_every=2,
        full_screen=False,
    )


def go_on(page: Page) -> None:
    """Press the button under a page."""
    page.locator("#study button.jspsych-btn, #study input[type=submit]").last.click()


def wait_until(page: Page, script: str) -> None:
    """Wait for what the page may not be asked to wait for itself: it evaluates no text."""
    while not page.evaluate(script):
        page.wait_for_timeout(20)


def rate(page: Page, name: str, shot: Shot) -> None:
    """Play a clip with the square to the right and above, then choose words."""
    page.locator(".plane-start:enabled").wait_for()
    shot(page, f"{name}_ready")
    page.locator(".plane-start").click()
    plane: Any = page.locator(".plane").bounding_box()
    page.mouse.move(plane["x"] + 0.625 * plane["width"], plane["y"] + 0.3 * plane["height"])
    wait_until(page, "document.querySelector('.plane-media').currentTime > 1")
    shot(page, name)
    page.get_by_label("no", exact=True).check()
    for word in ("Calm", "Soothed"):
        page.get_by_label(word, exact=True).check()
    if name == "overlaid":
        shot(page, "labels")
    go_on(page)


def walk(page: Page, address: str, shot: Shot) -> None:
    """Go through the whole page and show each of its screens."""
    page.goto(address)
    page.get_by_role("checkbox").check()
    shot(page, "consent")
    go_on(page)
    page.locator("[name=age]").fill("23")
    page.get_by_label("female", exact=True).check()
    page.locator("[name=training]").fill("4")
    shot(page, "about")
    go_on(page)
    tones: Any = page.locator("#tones").get_attribute("data-count")
    page.locator(f"[name=tones][value='{tones}']").check()
    shot(page, "sound")
    go_on(page)
    shot(page, "instructions")
    go_on(page)
    page.locator("video.example[src]").wait_for()
    wait_until(page, "document.querySelector('video').readyState > 3")
    shot(page, "example")
    go_on(page)
    shot(page, "practice")
    go_on(page)
    rate(page, "practice_trial", shot)
    shot(page, "begin")
    go_on(page)
    for name in ("overlaid", "side_by_side", "alone"):
        if name == "alone":
            shot(page, "pause")
            go_on(page)
        rate(page, name, shot)
    page.get_by_label("over the video").check()
    shot(page, "preference")
    go_on(page)
    page.get_by_text("All your ratings are stored.").wait_for()
    shot(page, "end")


@contextlib.contextmanager
def serving(site: Path, data: Path) -> Iterator[str]:
    """Serve the page meanwhile; gives its address."""
    with AnnotationServer(site, data, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.address
        server.shutdown()


def save(page: Page, path: Path) -> None:
    """Write the whole page as a small picture."""
    page.screenshot(path=path, full_page=True)
    Image.open(path).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


def main(folder: Path | None) -> None:
    """Draw the guide's pictures, or all screens into a folder."""
    views = {(size, scheme) for _, size, scheme in GUIDE.values()}
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        views = set(itertools.product(SIZES.items(), ("light", "dark")))
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = stack.enter_context(serving(write_site(place, len(views)), place / "data"))
        chromium = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        for size, scheme in sorted(views):
            width, height = size

            def shot(page: Page, name: str, view: Any = (size, scheme)) -> None:
                if folder is not None:
                    save(page, folder / f"{name}_{view[0][0]}_{view[1]}.png")
                for picture, drawn in GUIDE.items():
                    if folder is None and drawn == (name, *view):
                        save(page, STATIC / f"{picture}.png")

            context = chromium.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            walk(context.new_page(), address, shot)
            context.close()
        chromium.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)

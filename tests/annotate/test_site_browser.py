"""The page in a real browser: what is drawn is what is read, and nothing finished is lost."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.annotate.records import _EVENTS
from muvistats.annotate.server import AnnotationServer
from muvistats.annotate.store import Store

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="make test-browser installs playwright"
)
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
if not CHROMIUM:
    pytest.skip("no Chromium: set CHROMIUM or put one on PATH", allow_module_level=True)

SECONDS = 3.0
LISTS = pd.DataFrame(
    [
        ("P1", 1, "V1", "audiovisual", "overlaid"),
        ("P1", 2, "V2", "visual", "side_by_side"),
        ("P1", 3, "V3", "music", None),
        ("<b>P2</b>", 1, "V3", "audiovisual", "side_by_side"),
        ("<b>P2</b>", 2, "V1", "music", None),
        ("<b>P2</b>", 3, "V2", "visual", "overlaid"),
        ("P3", 1, "V2", "audiovisual", "overlaid"),
    ],
    columns=["participant", "trial", "item", "modality", "overlay"],
)
HOSTILE = "<img src=x onerror=window.hacked=1>"


def clip(path: Path, codec: str, sound: str) -> None:
    """A clip with a moving bar and a tone."""
    import av

    with av.open(str(path), "w") as out:
        picture = out.add_stream(codec, rate=12)
        picture.width, picture.height, picture.pix_fmt = 160, 90, "yuv420p"
        audio = out.add_stream(sound, rate=48000)
        audio.layout = "mono"
        for n in range(int(SECONDS * 12)):
            image = np.full((90, 160, 3), (200, 60, 40), dtype=np.uint8)
            image[:, 4 * n % 150 : 4 * n % 150 + 10] = 255
            out.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(picture.encode())
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(SECONDS * 48000)) / 48000)
        step = 960 if sound == "libopus" else 1024
        for start in range(0, len(tone), step):
            part = tone[None, start : start + step].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48000, start
            out.mux(audio.encode(frame))
        out.mux(audio.encode())


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips (H.264 and VP9), one of practice, two examples."""
    folder = tmp_path_factory.mktemp("stimuli")
    for name in ("clips", "practice", "examples"):
        (folder / name).mkdir()
    clip(folder / "clips" / "V1.mp4", "libx264", "aac")
    clip(folder / "clips" / "V2.webm", "libvpx-vp9", "libopus")
    for copy in ("clips/V3", "practice/a", "examples/positive_high", "examples/negative_low"):
        shutil.copy(folder / "clips" / "V1.mp4", folder / f"{copy}.mp4")
    return folder


@pytest.fixture(scope="module")
def site(stimuli: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with practice and hostile words."""
    words = mv.gems_taxonomy()
    words.loc[0, "label_name"] = HOSTILE
    return mv.write_annotation_page(
        stimuli / "clips",
        LISTS,
        tmp_path_factory.mktemp("page") / "site",
        practice=stimuli / "practice",
        taxonomy=words,
        texts={"title": HOSTILE, "consent": f"You take part. {HOSTILE}"},
        pause_every=2,
    )


@contextlib.contextmanager
def serving(site: Path, data: Path, port: int = 0) -> Any:
    with AnnotationServer(site, data, port=port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def command(site: Path, data: Path, port: int = 0) -> Any:
    """The server as a process of its own, which is killed at the end; gives its address."""
    run = "import sys; from muvistats.cli import main; main(sys.argv[1:])"
    arguments = ["annotate", "serve", str(site), "--data", str(data), "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-c", run, *arguments], stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process.stdout.readline().split()[0]
        finally:
            process.kill()


@pytest.fixture(scope="module")
def browser() -> Any:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Any) -> Any:
    """A browser of one participant; a request to any other host fails the test."""
    with contextlib.closing(browser.new_context(viewport={"width": 1280, "height": 800})) as made:
        asked: list[str] = []
        made.on("request", lambda request: asked.append(request.url))
        made.set_default_timeout(30_000)
        yield made
        outside = [u for u in asked if not u.startswith(("http://127.0.0.1:", "blob:", "data:"))]
        assert not outside


def next_page(page: Any) -> None:
    page.locator("#study button.jspsych-btn, #study input[type=submit]").last.click()


def introduce(page: Any, until: str = "sound") -> None:
    """Consent, questions and sound check."""
    page.get_by_role("checkbox").check()
    next_page(page)
    page.locator("[name=age]").fill("23")
    page.get_by_label("female", exact=True).check()
    page.locator("[name=training]").fill("4")
    next_page(page)
    if until == "sound":
        sound(page)


def sound(page: Any) -> None:
    tones = page.locator("#tones")
    count = tones.get_attribute("data-count")
    tones.click()
    page.locator(f"[name=tones][value='{count}']").check()
    next_page(page)
    tones.wait_for(state="detached")


#: Where the cursor is put, in shares of the plane from its left top.
PATH = [(0.2, 0.3), (0.7, 0.25), (0.9, 0.8), (0.35, 0.6), (0.5, 0.9), (0.1, 0.1)]


def clock(page: Any) -> float | None:
    """Time of the clip; None when it is over."""
    return page.evaluate("document.querySelector('.plane-media')?.currentTime ?? null")


def rate(page: Any, move: Any) -> list[tuple[float, ...]]:
    """Play the clip and draw; times of the clip, valence and arousal of each point."""
    start = page.locator(".plane-start:enabled")
    start.wait_for()
    start.click()
    while (clock(page) or 0) < 0.05:
        page.wait_for_timeout(10)
    box = page.locator(".plane").bounding_box()
    drawn = []
    for across, down in PATH:
        x = round(box["x"] + across * box["width"])
        y = round(box["y"] + down * box["height"])
        before = clock(page)
        if before is None:
            break
        move(page, x, y)
        after = clock(page)
        if after is None:
            break
        valence = 2 * (x - box["x"]) / box["width"] - 1
        arousal = 1 - 2 * (y - box["y"]) / box["height"]
        drawn.append((before, after, valence, arousal, 2 / box["width"]))
        page.wait_for_timeout(350)
    page.locator("[name=label]").first.wait_for()
    return drawn


def mouse(page: Any, x: float, y: float) -> None:
    page.mouse.move(x, y)


def answer(page: Any, labels: tuple[str, ...] = ("Calm",), familiar: str = "yes") -> None:
    page.get_by_label(familiar, exact=True).check()
    next_page(page)  # refused: no word is chosen
    assert page.locator("[name=label]").count() == 27
    for label in labels:
        page.get_by_label(label, exact=True).check()
    next_page(page)


def practise(page: Any) -> None:
    next_page(page)  # instructions
    next_page(page)  # practice
    rate(page, mouse)
    answer(page)
    next_page(page)  # ready


def check_drawn(drawn: Any, trial: dict[str, Any]) -> None:
    """Every point stands in the log from its time on, within one sample and one pixel."""
    samples = trial["samples"]
    time_of = np.array(samples["time"])
    for n, (_, after, valence, arousal, pixel) in enumerate(drawn):
        until = drawn[n + 1][0] if n + 1 < len(drawn) else np.inf
        inside = (time_of > after + 0.1) & (time_of < until - 0.1)
        if not inside.any():
            continue
        assert np.abs(np.array(samples["valence"])[inside] - valence).max() <= pixel
        assert np.abs(np.array(samples["arousal"])[inside] - arousal).max() <= pixel


def stored(data: Path, participant: str, trial: int) -> dict[str, Any]:
    return json.loads((data / f"ratings/{participant}/trial-{trial:03d}.json").read_text())


def wait_for(path: Path) -> None:
    for _ in range(100):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path.name} was not stored")


def test_a_participant_through_everything(site, tmp_path, context):
    data = tmp_path / "data"
    with serving(site, data) as server:
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(server.address)
        introduce(page)
        practise(page)
        drawn = {}
        for trial in (1, 2, 3):
            if trial == 3:
                next_page(page)  # pause
            drawn[trial] = rate(page, mouse)
            answer(page, ("Calm", "Tense"), "yes" if trial == 1 else "no")
        page.get_by_label("over the video").check()
        next_page(page)
        page.get_by_text("All your ratings are stored.").wait_for()
        assert problems == []
        assert page.evaluate("window.hacked") is None
        assert page.title() == HOSTILE
    for trial, points in drawn.items():
        record = stored(data, "P1", trial)
        assert record["inputs"] == ["mouse"]
        assert len(points) >= 4
        assert np.diff(record["samples"]["time"]).max() < 0.35
        check_drawn(points, record)
    study = mv.read_annotations(data)
    frame = mv.annotation_frame(study).sort_values("trial")
    assert frame["item"].tolist() == ["V1", "V2", "V3"]
    assert frame["modality"].astype(str).tolist() == ["audiovisual", "visual", "music"]
    assert frame["familiar"].astype(str).tolist() == ["familiar", "unfamiliar", "unfamiliar"]
    assert study["annotations/labels"].sum("label").values.tolist() == [2, 2, 2]
    person = study["participants"]
    assert person["age"].item() == 23
    assert person["overlay_preference"].item() == 1
    for number, points in drawn.items():
        row = study["annotations"].to_dataset().sel(annotation=study["annotations/trial"] == number)
        for time_of in row["time"].values:
            inside = [
                p
                for n, p in enumerate(points[:-1])
                if p[1] + 0.1 < time_of < points[n + 1][0] - 0.1
            ]
            for point in inside:
                assert abs(row["valence"].sel(time=time_of).item() - point[2]) <= point[4]
                assert abs(row["arousal"].sel(time=time_of).item() - point[3]) <= point[4]


def test_a_finger_a_reload_a_lost_network_and_a_killed_server(site, tmp_path, browser):
    data = tmp_path / "data"
    made = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, color_scheme="dark"
    )
    page = made.new_page()
    with contextlib.closing(made):
        with command(site, data) as address:
            port = int(address.rstrip("/").rpartition(":")[2])
            page.goto(address)
            introduce(page)
            practise(page)
            drawn = rate(page, lambda page, x, y: page.touchscreen.tap(x, y))
            answer(page)
            wait_for(data / "ratings/P1/trial-001.json")
            record = stored(data, "P1", 1)
            assert record["inputs"] == ["touch"]
            check_drawn(drawn, record)
            # in the middle of the second trial the page is loaded again
            page.locator(".plane-start:enabled").click()
            page.wait_for_timeout(500)
            page.reload()
            sound(page)
            next_page(page)  # ready
            page.get_by_text("Clip 2 of 3").wait_for()
            page.locator(".plane-start:enabled").wait_for()
            time.sleep(1)  # the next clip is there
        # the server is gone: the trial is rated all the same
        rate(page, mouse)
        answer(page)
        page.locator(".offline #offline").wait_for()
        assert not (data / "ratings/P1/trial-002.json").exists()
        with command(site, data, port):
            page.reload()
            wait_for(data / "ratings/P1/trial-002.json")
            sound(page)
            progress = page.locator("#jspsych-progressbar-inner")
            assert progress.evaluate("bar => bar.style.width").startswith("66.6")
            next_page(page)  # ready
            page.get_by_text("Clip 3 of 3").wait_for()
            page.locator(".plane-start:enabled").wait_for()
            made.set_offline(True)
            page.keyboard.press("Tab")
            page.locator(".plane-start:enabled").focus()
            page.keyboard.press("Enter")
            while (clock(page) or 0) < 0.05:
                page.wait_for_timeout(10)
            for _ in range(4):
                page.keyboard.press("ArrowRight")
            page.keyboard.press("Shift+ArrowUp")
            page.locator("[name=label]").first.wait_for()
            answer(page)
            page.get_by_label("beside the video").check()
            next_page(page)
            page.wait_for_timeout(500)
            assert not (data / "ratings/P1/trial-003.json").exists()
            made.set_offline(False)
            page.get_by_text("All your ratings are stored.").wait_for()
    begun = [event["type"] for event in stored(data, "P1", 2)["events"]]
    assert begun.count("begun_before") == 1  # seen again after the reload
    record = stored(data, "P1", 3)
    assert record["inputs"] == ["keyboard"]
    assert "begun_before" not in [event["type"] for event in record["events"]]
    assert record["samples"]["valence"][-1] == 0.2
    assert record["samples"]["arousal"][-1] == 0.2
    study = mv.read_annotations(data)
    assert study["annotations/trial"].values.tolist() == [1, 2, 3]
    assert study["participants/overlay_preference"].item() == 0


def tab_to(page: Any, test: str) -> None:
    """Press Tab until what has the focus is meant by a selector."""
    for _ in range(90):
        if page.evaluate("test => document.activeElement.matches(test)", test):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {test}")


def press(page: Any, test: str, key: str = "Enter") -> None:
    tab_to(page, test)
    page.keyboard.press(key)


GO_ON = "#study button.jspsych-btn:not(#tones), #study input[type=submit]"


def keys_until_labels(page: Any) -> None:
    """Start a clip and rate it with keys; the plane stays where it was."""
    page.locator(".plane-start:enabled").wait_for()
    box = page.locator(".plane").bounding_box()
    press(page, ".plane-start")
    while (clock(page) or 0) < 0.05:
        page.wait_for_timeout(10)
    assert page.locator(".plane").bounding_box() == pytest.approx(box, abs=0.1)
    for key in ("ArrowLeft", "Shift+ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.evaluate(
        "() => !document.querySelector('.plane-media').dispatchEvent("
        "new MouseEvent('contextmenu', { bubbles: true, cancelable: true }))"
    )
    page.locator("[name=label]").first.wait_for()
    press(page, "[name=familiar]", "Space")
    press(page, GO_ON)  # refused: no word is chosen
    press(page, "[name=label]", "Space")
    press(page, GO_ON)


def test_keys_alone_and_a_clip_that_comes_at_the_second_try(site, tmp_path, context):
    data = tmp_path / "data"
    with serving(site, data) as server:
        page = context.new_page()
        lost = []
        clip = json.loads((site / "study.json").read_text())["media"]["V2"]

        def lose_first(route: Any) -> None:
            lost.append(route.request.url)
            route.abort() if len(lost) == 1 else route.continue_()

        page.route(f"**/{clip}", lose_first)
        page.goto(f"{server.address}?participant=P3")
        page.locator("form").wait_for()
        press(page, GO_ON)  # refused: no consent
        press(page, "[name=consent]", "Space")
        press(page, GO_ON)
        tab_to(page, "[name=age]")
        page.keyboard.type("23")
        press(page, "[name=gender]", "ArrowDown")
        tab_to(page, "[name=training]")
        page.keyboard.type("40")
        press(page, GO_ON)  # refused: more years than of age
        tab_to(page, "[name=training]")
        page.keyboard.press("Backspace")
        press(page, GO_ON)
        press(page, "#tones")
        count = int(page.locator("#tones").get_attribute("data-count"))
        press(page, "[name=tones]", "Space")
        for _ in range(count - 2):
            page.keyboard.press("ArrowDown")
        for heading in ("How to rate", "Practice"):
            press(page, GO_ON)
            page.get_by_role("heading", name=heading).wait_for()
        press(page, GO_ON)
        keys_until_labels(page)
        page.get_by_role("heading", name="Ready").wait_for()
        press(page, GO_ON)
        page.get_by_text("The clip could not be loaded.").wait_for()
        page.wait_for_timeout(300)
        press(page, ".plane-start")
        keys_until_labels(page)
        page.get_by_text("All your ratings are stored.").wait_for()
    record = stored(data, "P3", 1)
    assert record["inputs"] == ["keyboard"]
    assert (record["samples"]["valence"][-1], record["samples"]["arousal"][-1]) == (-0.1, -0.2)
    assert record["samples"]["wall"][0] < 50
    personal = json.loads((data / "personal/P3.json").read_text())
    assert (personal["age"], personal["gender"], personal["years_of_training"]) == (23, "male", 4)


def test_two_at_once_and_hostile_ids_stay_text(site, tmp_path, browser):
    data = tmp_path / "data"
    with serving(site, data) as server:
        contexts = [browser.new_context() for _ in range(3)]
        pages = [each.new_page() for each in contexts]
        for page in pages[:2]:
            page.goto(server.address)
        numbers = [page.locator("form b").inner_text() for page in pages[:2]]
        assert numbers == ["P1", "<b>P2</b>"]
        pages[2].goto(f"{server.address}?participant={HOSTILE}")
        problem = pages[2].get_by_role("alert")
        problem.wait_for()
        assert problem.inner_text() == "There is no list for this participant: " + HOSTILE
        assert pages[2].evaluate("window.hacked") is None
        pages[2].goto(f"{server.address}?participant=P1")
        pages[2].get_by_text("in use in another browser").wait_for()
        for each in contexts:
            each.close()
    assert {p.name for p in (data / "sessions").iterdir()} == {
        "P1.json",
        "%3Cb%3EP2%3C%2Fb%3E.json",
    }


def test_a_page_that_is_open_when_its_participant_is_deleted_says_so(site, tmp_path, context):
    data = tmp_path / "data"
    said = "All that was stored of you in this study has been deleted"
    with serving(site, data) as server:
        page, other = context.new_page(), context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        for each in (other, page):
            each.goto(f"{server.address}?participant=P3")
        introduce(page)
        next_page(page)  # instructions
        next_page(page)  # practice
        wait_for(data / "personal/P3.json")
        page.locator(".plane-start:enabled").click()
        Store(data).delete("P3", reopen=True)
        # the other page sends what a person said of themselves
        introduce(other, until="about")
        other.get_by_text(said).wait_for()
        # a rating that waited in this browser, while a clip plays
        page.evaluate("""async () => {
          const study = await (await fetch("study.json")).json();
          new Store(`${study.id}:of:P3`).set("part:final", { kind: "final" });
          dispatchEvent(new Event("online"));
        }""")
        page.get_by_text(said).wait_for()
        assert page.locator("audio, video").count() == 0
        for _ in range(2):
            assert (
                page.evaluate("Object.keys(localStorage).filter(name => /:of:/.test(name))") == []
            )
            page.reload()
            page.get_by_text(said).wait_for()
        assert [path for path in data.rglob("*") if "P3" in path.name] == []
        page.get_by_role("button", name="Begin as a new participant").click()
        page.get_by_role("checkbox").wait_for()
        assert [path.name for path in data.rglob("*") if "P3" in path.name] == ["P3.json"]
        assert problems == []


#: One clip and its plane, without the pages about it; what it finishes with is kept.
DRAW = """async ([modality, overlay, item]) => {
  const study = await (await fetch("study.json")).json();
  const display = document.getElementById("jspsych-content");
  window.finished = null;
  const within = {
    finishTrial: (data) => { window.finished = data; }, getDisplayElement: () => display };
  const source = async () => URL.createObjectURL(await (await fetch(study.media[item])).blob());
  new PlaneRating(within).trial(
    display, { source, modality, overlay, rate: 10, texts: study.texts, heading: "Clip 1 of 3" });
}"""

#: Seeks from where the clip is, or to its end; how far each led, in seconds.
SEEK = """async (steps) => {
  const clip = document.querySelector(".plane-media");
  const led = [];
  for (const step of steps) {
    const [from, begun] = [clip.currentTime, performance.now()];
    clip.currentTime = step === "end" ? clip.duration : from + step;
    await new Promise((wait) => setTimeout(wait, 60));
    led.push(clip.currentTime - from - (performance.now() - begun) / 1000);
  }
  return led;
}"""


@pytest.mark.parametrize(("item", "modality"), [("V1", "audiovisual"), ("V2", "visual")])
def test_no_seek_goes_by_however_small(site, tmp_path, context, item, modality):
    steps = [0.45, -0.1, 0.03, -0.03, 2, "end"]
    with serving(site, tmp_path / "data") as server:
        page = context.new_page()
        page.goto(server.address)
        page.get_by_role("checkbox").wait_for()
        page.evaluate(DRAW, [modality, "overlaid", item])
        page.locator(".plane-start:enabled").wait_for()
        page.evaluate("document.querySelector('.plane-media').currentTime = 2")
        page.locator(".plane-start").click()
        while (clock(page) or 0) < 0.15:
            page.wait_for_timeout(10)
        assert max(page.evaluate(SEEK, steps)) < 0.02
        page.evaluate("document.querySelector('.plane-media').playbackRate = 4")
        while page.evaluate("window.finished === null"):
            page.wait_for_timeout(50)
        record = page.evaluate("window.finished")
    events = [event["type"] for event in record["events"]]
    assert events.count("seek_refused") == len(steps)
    assert events.count("speed_refused") == 1
    assert set(events) <= set(_EVENTS)
    time_of, wall = (np.array(record["samples"][name]) for name in ("time", "wall"))
    assert time_of[0] == 0
    assert (np.diff(time_of) - np.diff(wall) / 1000).max() < 0.1  # never ahead of the wall clock


@pytest.mark.parametrize(
    ("modality", "overlay"),
    [("audiovisual", "overlaid"), ("visual", "side_by_side"), ("music", None)],
)
def test_nobody_scrolls_to_play(site, tmp_path, context, modality, overlay):
    """On phones, upright and on their side, with the browser's own bars, and on screens."""
    with serving(site, tmp_path / "data") as server:
        page = context.new_page()
        page.goto(server.address)
        page.get_by_role("checkbox").wait_for()
        page.evaluate(DRAW, [modality, overlay, "V1"])
        page.locator(".plane-start:enabled").wait_for()
        for width, height in ((1280, 800), (390, 844), (390, 664), (844, 390), (667, 320)):
            page.set_viewport_size({"width": width, "height": height})
            for part in (".plane-start", ".plane", "video.plane-media"):
                if not page.locator(part).count():
                    continue
                box = page.locator(part).bounding_box()
                assert min(box["x"], box["y"]) >= 0, (part, width)
                assert box["x"] + box["width"] <= width, (part, width)
                assert box["y"] + box["height"] <= height, (part, width)
                assert min(box["width"], box["height"]) > 40
            # whatever the texts below say, and in whatever language, the plane stays where it is
            box = page.locator(".plane").bounding_box()
            for text in ("", "word " * 60):
                for part in ("status", "readout"):
                    page.locator(f".plane-{part}").evaluate(
                        "(line, text) => { line.textContent = text; }", text
                    )
                assert page.locator(".plane").bounding_box() == pytest.approx(box, abs=0.1)
            ends = [page.locator(f".plane-axis.{side}") for side in ("left", "right")]
            for end in ends:
                end.evaluate("label => { label.textContent = 'extraordinarily unpleasant'; }")
            left, right = (end.bounding_box() for end in ends)
            assert left["x"] + left["width"] <= right["x"]
            for name in ("offline", "unkept"):  # told while a clip plays
                page.evaluate("name => document.body.classList.add(name)", name)
                told = page.locator(f"#{name}").bounding_box()
                assert told["y"] == 0
                assert told["height"] < height / 4
                assert page.locator(".plane").bounding_box() == pytest.approx(box, abs=0.1)
            page.evaluate("document.body.classList.remove('offline', 'unkept')")
            page.evaluate(DRAW, [modality, overlay, "V1"])
            page.locator(".plane-start:enabled").wait_for()


def test_a_window_that_is_not_in_front_is_logged_and_masked(site, tmp_path, context):
    data = tmp_path / "data"
    with serving(site, data) as server:
        page = context.new_page()
        page.goto(f"{server.address}?participant=P3")
        introduce(page)
        practise(page)
        page.locator(".plane-start:enabled").click()
        page.wait_for_timeout(500)
        focus = context.new_cdp_session(page)
        focus.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
        other = context.new_page()
        other.bring_to_front()
        page.wait_for_timeout(1000)
        other.close()
        page.bring_to_front()
        focus.send("Emulation.setFocusEmulationEnabled", {"enabled": True})
        page.locator("[name=label]").first.wait_for()
        answer(page)
        page.get_by_text("All your ratings are stored.").wait_for()
    record = stored(data, "P3", 1)
    focused = record["samples"]["focus"]
    assert focused[0] == focused[-1] == 1
    assert 0.5 < focused.count(0) / record["rate"] < 2.5
    kinds = [event["type"] for event in record["events"]]
    assert kinds.index("focus_lost") < kinds.index("focus_gained")
    annotations = mv.read_annotations(data)["annotations"]
    assert not annotations["keep_dynamic"].item()
    assert annotations["keep_labels"].item()
    assert np.isnan(annotations["valence"].values).any()
    assert 0.5 < annotations["seconds_unwatched"].item() < 2.5


class FilesOnly(SimpleHTTPRequestHandler):
    """Any web server that holds the folder of the page."""

    def log_message(self, *_: Any) -> None:
        pass


class Collector(BaseHTTPRequestHandler):
    """Another host, to which browsers may send files from anywhere."""

    received: ClassVar[list[dict[str, Any]]] = []

    def _allow(self) -> None:
        self.send_response(204)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Headers", "Content-Type")
        self.end_headers()

    def do_OPTIONS(self) -> None:
        self._allow()

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.received.append(json.loads(self.rfile.read(length)))
        self._allow()

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def listening(handler: Any) -> Any:
    """A server on a free port; gives its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


#: A part is finished when the browser's store is full: the page says so, and has the part still.
WITHOUT_ROOM = """() => {
  for (let size = 2 ** 22; size >= 1; size /= 2) {
    try { localStorage.setItem("full", (localStorage.getItem("full") ?? "") + "x".repeat(size)); }
    catch { /* no room for as much */ }
  }
  const sender = new Sender(new Store("other"), { online: false });
  sender.add("trial-1", { kind: "trial", samples: [] });
  const said = document.getElementById("unkept").checkVisibility();
  localStorage.removeItem("full");
  document.body.classList.remove("unkept");
  return [said, sender.everything().parts[0] === null];
}"""


def test_any_other_server_gives_a_file(site, tmp_path, context):
    folder = tmp_path / "files"
    folder.mkdir()
    with listening(functools.partial(FilesOnly, directory=site)) as address:
        page, other = context.new_page(), context.new_page()
        for each in (other, page):
            each.goto(f"{address}?participant=P3")
        introduce(page)
        practise(page)
        rate(page, mouse)
        answer(page)
        introduce(other)  # a second page of the same person takes nothing away
        page.reload()
        assert page.evaluate(WITHOUT_ROOM) == [True, False]
        with page.expect_download() as download:
            page.get_by_text("Save the file").click()
        download.value.save_as(folder / "P3.json")
    shutil.copy(site / "study.json", folder)
    kinds = [part["kind"] for part in json.loads((folder / "P3.json").read_text())["parts"]]
    assert sorted(kinds) == ["personal", "trial"]
    study = mv.read_annotations(folder)
    assert study["annotations/participant"].values.tolist() == ["P3"]
    assert study["participants/age"].item() == 23


def test_examples_full_screen_and_a_file_that_is_sent(stimuli, tmp_path, context):
    with listening(Collector) as collector:
        site = mv.write_annotation_page(
            stimuli / "clips",
            LISTS,
            tmp_path / "site",
            examples=stimuli / "examples",
            post=f"{collector}collect",
        )
        with listening(functools.partial(FilesOnly, directory=site)) as address:
            page = context.new_page()
            page.goto(f"{address}?participant=P3")
            assert not page.evaluate("document.fullscreenElement !== null")
            introduce(page)
            assert page.evaluate("document.fullscreenElement !== null")
            next_page(page)  # instructions
            for quadrant in ("pleasant and excited", "unpleasant and calm"):
                page.get_by_role("heading", name=f"Example: {quadrant}").wait_for()
                example = page.locator("video.example[src]")
                example.evaluate("clip => clip.play()")
                while example.evaluate("clip => clip.currentTime") < 0.1:
                    page.wait_for_timeout(50)
                next_page(page)
            next_page(page)  # ready
            rate(page, mouse)
            answer(page)
            page.get_by_text("All your ratings are stored.").wait_for()
            page.reload()
            page.get_by_text("All your ratings are stored.").wait_for()  # and sent once
            assert not page.evaluate("document.fullscreenElement !== null")
    (sent,) = Collector.received
    folder = tmp_path / "collected"
    folder.mkdir()
    (folder / "P3.json").write_text(json.dumps(sent))
    shutil.copy(site / "study.json", folder)
    study = mv.read_annotations(folder)
    assert study["annotations/participant"].values.tolist() == ["P3"]
    assert study["annotations/labels"].sum().item() == 1


def luminance(colour: str) -> float:
    """Relative luminance of a colour as browsers print it, by WCAG 2."""
    channels = [int(n) / 255 for n in re.findall(r"[\d.]+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


CONTRASTS = """() => {
  const opaque = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (colour !== "transparent" && !colour.endsWith(", 0)")) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const seen = (element) => element.checkVisibility() && element.innerText?.trim()
    && [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  return [...document.querySelectorAll("body *")].filter(seen).map((element) =>
    [element.innerText.slice(0, 40), getComputedStyle(element).color, opaque(element)]);
}"""


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_every_text_stands_out_and_nothing_is_cut_off(site, tmp_path, browser, scheme, width):
    """Contrast of at least 4.5 to 1 on every page (WCAG 2.2, 1.4.3), and no page too wide."""
    made = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    with contextlib.closing(made), serving(site, tmp_path / "data") as server:
        page = made.new_page()

        def check() -> None:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            for text, ink, paper in page.evaluate(CONTRASTS):
                light, dark = sorted([luminance(ink), luminance(paper)], reverse=True)
                ratio = (light + 0.05) / (dark + 0.05)
                assert ratio >= 4.5, f"{text!r} in {ink} on {paper}: {ratio:.2f}"

        page.goto(server.address)
        page.get_by_role("checkbox").check()
        check()
        next_page(page)
        page.locator("[name=age]").fill("23")
        page.get_by_label("female", exact=True).check()
        page.locator("[name=training]").fill("4")
        check()
        next_page(page)
        check()
        sound(page)
        check()
        next_page(page)  # instructions
        check()
        next_page(page)  # practice
        page.locator(".plane-start:enabled").wait_for()
        check()
        rate(page, mouse)
        check()

"""The folder of the page: what is in it, and what is refused."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

import muvistats as mv
from muvistats.annotate import site as module
from muvistats.cli import main


def test_the_page_holds_all_that_it_needs_and_names_no_other_host(site):
    study = json.loads((site / "study.json").read_text())
    assert [len(trials) for trials in study["lists"].values()] == [3, 3, 3]
    assert len(study["labels"]) == 27
    for item, file in study["media"].items():
        assert (site / file).read_bytes() == item.encode()
        assert item not in file
    page = (site / "index.html").read_text()
    for name in re.findall(r'(?:src|href)="(assets/[^"]+)"', page):
        assert (site / name).is_file()
    assert "//" not in page.replace("<!doctype", "")
    for name in ("page.js", "plane.js", "style.css"):
        assert not re.search(r"https?://", (site / "assets" / name).read_text())
    terms = (site / "assets" / "LICENSE.txt").read_text()
    for text in ("MIT License", "Permission is hereby granted", "SIL OPEN FONT LICENSE"):
        assert text in terms
    for part in ("jsPsych", "auto-bind", "random-words", "seedrandom", "seedrandom, Alea"):
        assert f"\n{part}: Copyright" in terms
    # the notice in the font's own table of names
    assert "Copyright 2020 The Open Sans Project Authors" in terms


def test_jspsych_is_shipped_as_it_was_built(site):
    sizes = {
        "jspsych.js": 79826,
        "jspsych.css": 475732,
        "html-button-response.js": 4608,
        "survey-html-form.js": 2926,
    }
    assert {name: (site / "assets" / name).stat().st_size for name in sizes} == sizes


def test_our_scripts_stay_small(site):
    lines = [len((site / "assets" / n).read_text().splitlines()) for n in ("page.js", "plane.js")]
    assert sum(lines) < 1500


def test_the_same_study_keeps_its_identity(clips, site, tmp_path):
    lists = mv.design_lists(["V1", "V2", "V3"], n_participants=3, per_cell=1, rng=1)
    again = mv.write_annotation_page(clips, lists, tmp_path / "two", texts={"continue": "Weiter"})
    first, second = (json.loads((p / "study.json").read_text()) for p in (site, again))
    assert first["id"] == second["id"]
    assert (first["texts"]["continue"], second["texts"]["continue"]) == ("Continue", "Weiter")


def test_a_page_is_replaced_only_when_asked_and_other_folders_never(clips, site):
    lists = mv.design_lists(["V1"], n_participants=3, per_cell=1)
    with pytest.raises(mv.DataError, match="overwrite=True"):
        mv.write_annotation_page(clips, lists, site)
    mv.write_annotation_page(clips, lists, site, overwrite=True)
    assert len(list((site / "media").iterdir())) == 1
    with pytest.raises(mv.DataError, match="is there already"):
        mv.write_annotation_page(clips, lists, clips, overwrite=True)
    assert len(list(clips.iterdir())) == 3


def test_the_command_names_its_own_option(clips, site, tmp_path, capsys):
    lists = mv.write_lists(
        mv.design_lists(["V1"], n_participants=3, per_cell=1), tmp_path / "l.csv"
    )
    with pytest.raises(SystemExit):
        main(["annotate", str(clips), "--lists", str(lists), "--out", str(site)])
    assert "; --overwrite replaces it" in capsys.readouterr().err


def test_faults_are_named(clips, tmp_path):
    out = tmp_path / "out"
    lists = mv.design_lists(["V1", "V9"], n_participants=3, per_cell=1)
    with pytest.raises(mv.DataError, match=r"item has no clip.*V9"):
        mv.write_annotation_page(clips, lists, out)
    good = mv.design_lists(["V1"], n_participants=3, per_cell=1)
    with pytest.raises(mv.DataError, match=r"unknown text.*'kontinue'"):
        mv.write_annotation_page(clips, good, out, texts={"kontinue": "x"})
    with pytest.raises(mv.DataError, match="not a JSON file"):
        mv.write_annotation_page(clips, good, out, texts=clips / "V1.mp4")
    with pytest.raises(mv.DesignError, match="post must be an address"):
        mv.write_annotation_page(clips, good, out, post="javascript:alert(1)")
    with pytest.raises(mv.DesignError, match="rate"):
        mv.write_annotation_page(clips, good, out, rate=0)
    with pytest.raises(mv.DesignError, match=r"rate must be from 0\.1 to 1000"):
        mv.write_annotation_page(clips, good, out, rate=0.05)
    alike = good.replace({"participant": {"P2": "p1"}})
    with pytest.raises(mv.DataError, match=r"letters only.*P1, p1"):
        mv.write_annotation_page(clips, alike, out)
    words = pd.DataFrame({"label": ["a"], "label_name": [" "]})
    with pytest.raises(mv.DataError, match="a label has no words"):
        mv.write_annotation_page(clips, good, out, taxonomy=words)
    with pytest.raises(mv.DataError, match="stands twice"):
        mv.write_annotation_page(clips, good, out, taxonomy=pd.DataFrame({"label": ["a", "a"]}))
    with pytest.raises(mv.DataError, match="unknown example"):
        mv.write_annotation_page(clips, good, out, examples=clips)
    with pytest.raises(mv.DataError, match="no such folder"):
        mv.write_annotation_page(tmp_path / "none", good, out)
    (clips / "V1.webm").write_bytes(b"")
    with pytest.raises(mv.DataError, match="two clips have one name"):
        mv.write_annotation_page(clips, good, out)
    (clips / "V1.webm").unlink()
    (clips / "V4.mp3").write_bytes(b"")
    sound = mv.design_lists(["V4"], n_participants=3, per_cell=1)
    with pytest.raises(mv.DataError, match="clip has no picture"):
        mv.write_annotation_page(clips, sound, out)
    assert not out.exists()


def test_another_server_gets_into_the_policy_of_the_page(clips, tmp_path):
    lists = mv.design_lists(["V1"], n_participants=3, per_cell=1)
    out = mv.write_annotation_page(clips, lists, tmp_path / "out", post="https://a.example/in")
    assert "connect-src 'self' https://a.example;" in (out / "index.html").read_text()


def test_every_text_that_the_scripts_ask_for_is_there(site):
    texts = json.loads((site / "study.json").read_text())["texts"]
    script = (site / "assets/page.js").read_text() + (site / "assets/plane.js").read_text()
    asked = set(re.findall(r"\btexts\.(\w+)", script)) | set(
        re.findall(r"this\.text\(\"(\w+)\"", script)
    )
    assert asked <= set(texts)
    assert {f"quadrant_{name}" for name in module.QUADRANTS} <= set(texts)


def test_the_command_writes_lists_and_page(clips, tmp_path, capsys):
    lists, out = tmp_path / "lists.csv", tmp_path / "page"
    wish = ["--participants", "6", "--per-cell", "2", "--out", str(lists)]
    with pytest.raises(SystemExit) as left:
        main(["annotate", "lists", str(clips), *wish])
    assert left.value.code == 0
    assert "raters per item and modality: 2 to 2 (balanced)" in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        main(["annotate", str(clips), "--lists", str(lists), "--out", str(out)])
    assert left.value.code == 0
    assert len(json.loads((out / "study.json").read_text())["lists"]) == 6

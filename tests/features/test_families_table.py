"""The committed table of families on made media holds what the page says of it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

import muvistats as mv

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def table():
    with (files("muvistats") / "data" / "simulation" / "senses.csv").open() as stream:
        return pd.read_csv(stream)


def errors(table, kind, target):
    rows = table.set_index(["kind", "target", "metric", "family"]).sort_index()
    return rows.loc[(kind, target, "rmse"), "mean"]


def test_all_families_are_there(table):
    assert table["version"].eq(mv.__version__).all()
    assert table["n_items"].eq(30).all()
    assert table["mean"].notna().all()
    numbers = table.groupby("kind")["n_features"].max()
    assert numbers.to_dict() == {"audio": 988 + 837, "visual": 225}
    new = set(table.loc[~table["known"], "family"]) - {"new ones", "all"}
    assert new == {
        *("rhythm", "tonality", "notes", "music_tag", "music_embedding", "motion", "pose"),
        "the carriers themselves",
    }


def test_families_tell_what_was_put_in(table):
    arousal, valence = (errors(table, "audio", each) for each in ("arousal", "valence"))
    for family in ("rhythm", "loudness", "music_tag"):
        assert 0.24 < arousal["the carriers themselves"] < arousal[family] < 0.26 < 0.3
    for family in ("tonality", "notes"):
        assert arousal[family] > 0.3
        assert valence["the carriers themselves"] < valence[family] < 0.265 < valence["rhythm"]
    assert valence["new ones"] < 0.25 < valence["those of the release"] < 0.27
    arousal, valence = (errors(table, "visual", each) for each in ("arousal", "valence"))
    assert max(arousal[["motion", "pose"]]) < 0.23 < 0.27 < arousal["lighting"]
    assert max(valence[["lighting", "colour"]]) < 0.21 < 0.28 < valence["motion"]


def test_within_items_little_can_be_told(table):
    best = table.query("metric == 'ccc' and family == 'the carriers themselves'")["mean"]
    assert best.max() == pytest.approx(0.15, abs=0.005)


def test_carriers_are_heard_and_seen():
    table = pd.read_csv(DATA / "senses_carriers.csv")
    assert table["version"].eq(mv.__version__).all()
    r = table.set_index("carrier")["r"]
    assert r.pop("height of the tune") > 0.8  # a window holds the end of one note and the next
    assert len(r) == 7
    assert r.min() > 0.97
    assert (table["n"] / table["n_windows"]).min() > 0.95


def test_networks_are_kept_busy():
    table = pd.read_csv(DATA / "senses_speed.csv")
    assert table["version"].eq(mv.__version__).all()
    alone = table[(table["against"] == "bare loop") & (table["what"] != "Faces")]  # a cascade
    faces = table[(table["against"] == "bare loop") & (table["what"] == "Faces")]
    assert (faces["cpu"] > 0.8).all()
    assert set(alone["what"]) == {"Notes", "MusicTags", "Objects", "BodyPose"}
    assert alone["threads"].nunique() == 2
    assert alone[["clock", "cpu"]].min().min() >= 0.9
    speed = table[table["against"] == "real time"].set_index("what")["cpu"]
    assert len(speed) == 16
    assert speed.filter(like="Faces + Objects").item() > 4
    assert speed.filter(like="Notes + MusicTags").item() > 10

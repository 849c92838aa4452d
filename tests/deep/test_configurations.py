"""Configurations: Table 6, the ablations, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from muvistats.deep import CONFIGURATIONS, Configuration
from muvistats.deep.configurations import as_configurations
from muvistats.errors import DesignError


def test_table_6():
    assert [(c.name, c.modality, c.features) for c in as_configurations(None)] == [
        ("unimodal", "music", "audio"),
        ("unimodal", "visual", "visual"),
        ("unimodal", "audiovisual", "audio"),
        ("unimodal", "audiovisual", "visual"),
        ("early_fusion", "audiovisual", "audio_visual"),
        ("late_fusion", "audiovisual", "audio_visual"),
        ("pair", "audiovisual", "audio_visual"),
    ]


def test_what_is_transferred():
    found = {name: CONFIGURATIONS[name][0] for name in CONFIGURATIONS}
    assert found["late_fusion"].pretrained == ()
    assert found["pair"].pretrained == (("audio", "music"), ("visual", "visual"))
    assert found["pair_audio"].pretrained == (("audio", "music"),)
    assert found["pair_visual"].pretrained == (("visual", "visual"),)
    assert found["pair_frozen"].pretrained == found["pair"].pretrained
    assert [name for name, each in found.items() if each.frozen] == ["pair_frozen"]
    control = found["pair_control"]
    assert control.pretrained == (("audio", "audiovisual"), ("visual", "audiovisual"))
    assert control.steps_like == found["pair"].pretrained
    assert {each.network for name, each in found.items() if name.startswith("pair")} == {
        "late_fusion"
    }


def test_names_and_objects():
    own = Configuration("own", "music", "audio")
    assert as_configurations(["late_fusion", own]) == (*CONFIGURATIONS["late_fusion"], own)
    assert as_configurations("pair") == CONFIGURATIONS["pair"]
    assert as_configurations(["pair", "pair"]) == CONFIGURATIONS["pair"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"network": "cnn"}, "network must be one of unimodal, early_fusion, late_fusion"),
        ({"features": "audio_visual"}, "unimodal takes audio or visual features"),
        ({"network": "late_fusion", "features": "audio"}, "late_fusion takes audio_visual"),
        ({"pretrained": (("audio", "music"),)}, "unimodal has no branches"),
        (
            {
                "network": "late_fusion",
                "features": "audio_visual",
                "pretrained": (("smell", "music"),),
            },
            "a branch is audio or visual, not 'smell'",
        ),
        ({"frozen": True}, "has no pretrained branch"),
        ({"permuted": 0}, "has no pretrained branch"),
        ({"steps_like": (("audio", "music"),)}, "names a branch that is not pretrained"),
    ],
)
def test_bad_settings(settings: dict[str, Any], words: str):
    given = {"name": "own", "modality": "music", "features": "audio"} | settings
    with pytest.raises(DesignError, match=words):
        Configuration(**given)


def test_bad_names():
    with pytest.raises(DesignError, match="configuration must be one of unimodal"):
        as_configurations(["pairs"])
    with pytest.raises(DesignError, match="no configuration is given"):
        as_configurations([])
    twin = Configuration("pair", "audiovisual", "audio_visual", "late_fusion")
    with pytest.raises(DesignError, match="two configurations are named 'pair'"):
        as_configurations(["pair", twin])

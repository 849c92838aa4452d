"""A user's own findings beside the tests of the design."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv


@pytest.fixture(scope="module")
def study() -> xr.DataTree:
    """Twelve people see eight clips in one of two cuts; the short one is two points tenser."""
    rng = np.random.default_rng(5)
    rows = [
        (f"p{p}", f"c{c}", ("short", "long")[(p + c) % 2], rng.normal())
        for p in range(12)
        for c in range(8)
    ]
    frame = pd.DataFrame(rows, columns=["participant", "item", "cut", "noise"])
    frame["tension"] = (5 + 2 * (frame["cut"] == "short") + frame["noise"]).clip(1, 9)
    return mv.from_frames(
        frame.drop(columns="noise"),
        dimensions=["tension"],
        scale=(1, 9),
        assigned={"cut": "within_item"},
    )


def test_findings_hold_in_their_direction(study):
    findings = ["tension ~ cut", "tension ~ cut: short > long", "tension ~ cut: long > short"]
    table = mv.sensitivity_table(study, findings=findings, n_resamples=199)
    assert table["finding"].tolist() == [
        "tension differs by cut",
        "tension is higher in short than in long",
        "tension is higher in long than in short",
    ]
    assert table["verdict"].tolist() == ["holds", "holds", "reversed"]
    assert table["p_published"].isna().all()
    effects = mv.sensitivity_table(
        study, findings=findings[1:], level="analysis", n_resamples=49
    ).set_index(["group1", "analysis"])
    model = effects.loc[("short", "mixed model"), "effect_size"]
    assert model == pytest.approx(2, abs=0.5)
    assert effects.loc[("long", "mixed model"), "effect_size"] == pytest.approx(-model)
    for first in ("short", "long"):
        row = effects.loc[(first, "independent")]
        assert row["conf_low"] < row["effect_size"] < row["conf_high"]


@pytest.mark.parametrize(
    ("findings", "says"),
    [
        (["tension"], "no finding"),
        ([], "a list"),
        ("tension ~ cut", "a list"),
        (["tension ~ cut: short > medium"], "no group 'medium'"),
        (["calm ~ cut"], "calm"),
    ],
)
def test_what_is_no_finding(study, findings, says):
    with pytest.raises((mv.DataError, mv.DesignError), match=says):
        mv.sensitivity_table(study, findings=findings, n_resamples=9)


def test_the_papers_findings_are_of_muvi(study):
    with pytest.raises(mv.DataError, match="findings="):
        mv.sensitivity_table(study)

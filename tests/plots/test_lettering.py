"""Text keeps within its room."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.plots.lettering import inches, wrap

from .drawing import illegible

LONG = "feeling of an endless and quite indescribable longing"
FIVE = ("music", "a silent film with subtitles", "audiovisual", "virtual_reality_headset", "speech")


@pytest.mark.parametrize("width", [0.05, 0.4, 1.0, 3.0])
@pytest.mark.parametrize(
    "text", [LONG, "modality[T.audiovisual]:gender[T.Male]", "a\nb", "", "猫" * 9]
)
def test_lines_are_no_longer_than_asked_for_and_lose_no_letter(text, width):
    lines = wrap(text, width, 8)
    assert all(inches(line, 8) <= width or len(line) == 1 for line in lines.split("\n"))
    assert "".join(lines.split()) == "".join(text.split())


def test_a_long_name_is_cut_where_it_is_joined():
    assert (
        wrap("modality[T.visual]:gender[T.Male]", 1.5, 8) == "modality[T.visual]:\ngender[T.Male]"
    )


@pytest.fixture(scope="module")
def hard():
    """Five modalities, 45 labels, some with long names, and ratings from 0 to 1000."""
    rng = np.random.default_rng(3)
    labels = [f"{LONG} {k}" if k % 5 == 0 else f"label_{k}" for k in range(45)]
    keys = ["item", "modality", "participant"]
    grid = pd.MultiIndex.from_product([range(4), FIVE, range(5)], names=keys).to_frame(index=False)
    grid["item"] = "a long name of a clip, take " + grid["item"].astype(str)
    grid["participant"] = "person number " + grid["participant"].astype(str)
    chosen = pd.DataFrame(rng.integers(0, 2, (len(grid), 45)), columns=labels)
    steps = grid.merge(pd.DataFrame({"time": np.arange(8) * 0.5}), how="cross")
    for name in ("pleasantness_of_the_whole_experience", "tension"):
        steps[name] = rng.uniform(0, 1000, len(steps))
    return mv.from_frames(
        pd.concat([grid, chosen], axis=1),
        dynamics=steps,
        labels=labels,
        modalities=FIVE,
        dimensions=["pleasantness_of_the_whole_experience", "tension"],
        scale=(0, 1000),
    )


@pytest.mark.parametrize("width", [None, "column", "text"])
@pytest.mark.parametrize(
    "draw",
    [
        lambda study, **kw: mv.plot_modality_medians(study, **kw),
        lambda study, **kw: mv.plot_modality_correlations(
            mv.modality_correlations(study, level="item"), **kw
        ),
        lambda study, **kw: mv.plot_label_correlations(mv.label_correlations(study), **kw),
        lambda study, **kw: mv.plot_label_frequencies(mv.label_frequencies(study), **kw),
        lambda study, **kw: mv.plot_agreement_trajectory(
            study, item="a long name of a clip, take 2", **kw
        ),
        lambda study, **kw: mv.plot_dimension_distributions(study, **kw),
        lambda study, **kw: mv.plot_raincloud(study, **kw),
        lambda study, **kw: mv.plot_mean_trajectories(study, **kw),
    ],
    ids=[
        "medians",
        "correlations",
        "labels",
        "frequencies",
        "raters",
        "plane",
        "clouds",
        "courses",
    ],
)
def test_long_names_are_legible_at_any_width(hard, draw, width):
    assert illegible(draw(hard, width=width), 6.5 if width else 0.0) == []


@pytest.mark.parametrize("width", [None, "column", "text"])
def test_numbers_of_wide_scales_are_not_cut_off(width):
    rng = np.random.default_rng(1)
    keys = ["item", "modality", "participant"]
    grid = pd.MultiIndex.from_product([range(3), ("music", "visual"), range(3)], names=keys)
    rows = grid.to_frame(index=False)
    rows[["arousal", "valence"]] = rng.uniform(-1000, 1000, (len(rows), 2))
    study = mv.from_frames(
        rows, dimensions=["arousal", "valence"], modalities=("music", "visual"), scale=(-1000, 1000)
    )
    assert illegible(mv.plot_dimension_distributions(study, width=width), 6.5 if width else 0) == []

"""Text keeps within its room."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import muvistats as mv
from muvistats.plots.lettering import inches, wrap

from .drawing import drawn_texts, illegible

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


def many_labels():
    return pd.DataFrame(
        {
            "label": [f"label_{k}" for k in range(45)],
            "modality": "music",
            "estimate": np.linspace(-0.3, 0.6, 45),
            "conf_low": -0.5,
            "conf_high": 0.7,
            "p_adjusted": 0.01,
            "noise_ceiling": 0.8,
            "features": "audio",
            "simulated": True,
        }
    )


def in_axes(draw, high):
    figure = Figure(figsize=(3.4, high), layout="constrained")
    ax = figure.subplots()
    draw(ax)
    figure.draw_without_rendering()
    return figure, [label.get_text() for label in ax.get_yticklabels()]


def test_axes_too_low_for_45_rows_keep_legible_names_and_say_which_are_left_out():
    with pytest.warns(mv.FigureWarning, match=r"no room for \d+ names.* and \d+ more; larger axes"):
        figure, names = in_axes(lambda ax: mv.plot_label_prediction(many_labels(), ax=ax), 2)
    assert len(names) == 45
    assert 5 <= sum(name != "" for name in names) < 20
    assert illegible(figure, 5.0) == []


def test_axes_with_room_for_45_rows_name_all():
    figure, names = in_axes(lambda ax: mv.plot_label_prediction(many_labels(), ax=ax), 6.5)
    assert names == [f"Label {k}" for k in range(45)]
    assert illegible(figure, 5.0) == []


def test_low_axes_leave_out_labels_of_the_plane_that_have_no_room(hard):
    with pytest.warns(mv.FigureWarning, match="no room for"):
        figure, _ = in_axes(lambda ax: mv.plot_label_plane(hard, ax=ax), 2)
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert 5 <= len(shown) < 45
    assert not any(name.isdigit() for name in shown)
    assert illegible(figure, 5.0) == []


@pytest.mark.parametrize("width", ["column", "text"])
def test_45_rows_fit_on_a_page(width):
    figure = mv.plot_label_prediction(many_labels(), width=width)
    assert figure.get_size_inches()[1] <= 9.5
    assert (
        len({text.get_text() for text in drawn_texts(figure)} & {f"Label {k}" for k in range(45)})
        == 45
    )
    assert illegible(figure, 6.5) == []

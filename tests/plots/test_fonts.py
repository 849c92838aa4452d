"""Letters of all scripts: drawn where a font has them, told of where none has."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

import muvistats as mv
from muvistats.plots.fonts import FONT, drawable, families_of

from .drawing import illegible, save

ELSEWHERE = "\U0001d49c"  # a script capital A: a font that comes with matplotlib has it
NOWHERE = "\uf8f5\uf8fe"  # of private use
NAMES = ["$\\notacommand$", "a^{$", "<b>&amp;", "שמחה", f"joy {ELSEWHERE}"]


def frequencies(names: list[str]) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        [(f"p{p}", f"i{i}", *rng.integers(0, 2, len(names))) for p in range(6) for i in range(5)],
        columns=["participant", "item", *names],
    )
    study = mv.from_frames(rows, labels=names, dimensions=[], modalities=("music",))
    return mv.label_frequencies(study)


def in_axes(draw, *args) -> Figure:
    figure = Figure(figsize=(6, 4), layout="constrained")
    draw(*args, ax=figure.subplots())
    return figure


def test_letters_come_from_the_font_of_all_figures_or_from_others():
    assert families_of("a ä ש") == [FONT]
    first, *others = families_of(f"a{ELSEWHERE}")
    assert first == FONT
    assert set(others) <= {entry.name for entry in fontManager.ttflist}
    assert drawable(f"a{ELSEWHERE}") == f"a{ELSEWHERE}"
    assert drawable(f"a\n{NOWHERE}\t") == "a\n\\uf8f5\\uf8fe\\t"


@pytest.mark.parametrize("draw", [lambda f: mv.plot_label_frequencies(f, width="column"),
                                  lambda f: in_axes(mv.plot_label_frequencies, f)])  # fmt: skip
def test_names_are_drawn_as_they_are_without_a_warning(draw):
    figure = draw(frequencies(NAMES))
    save(figure)
    assert illegible(figure) == []
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert shown == [name[0].upper() + name[1:] for name in NAMES]


@pytest.mark.parametrize("ax", [False, True])
def test_what_no_font_has_is_told_once_and_escaped(ax):
    frame = frequencies([f"joy {NOWHERE}", "calm"])
    with pytest.warns(mv.FigureWarning, match="no font on this machine draws") as told:
        figure = in_axes(mv.plot_label_frequencies, frame) if ax else (
            mv.plot_label_frequencies(frame)
        )  # fmt: skip
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(figure)
    assert "Joy \\uf8f5\\uf8fe" in [label.get_text() for label in figure.axes[0].get_yticklabels()]


def test_what_stood_in_axes_of_the_user_stays():
    figure = Figure()
    ax = figure.subplots()
    mine = ax.text(0, 0, f"${{x}}$ {NOWHERE}", fontfamily="serif")
    mv.plot_label_frequencies(frequencies(["$a$", "b"]), ax=ax)
    assert mine.get_text() == f"${{x}}$ {NOWHERE}"
    assert mine.get_parse_math()
    assert mine.get_fontfamily() == ["serif"]
    assert not ax.get_yticklabels()[0].get_parse_math()


@pytest.mark.parametrize("width", ["column", "ax"])
def test_planes_too_crowded_for_names_have_numbers_and_a_key_or_fewer_names(width):
    rng = np.random.default_rng(1)
    long = [f"a feeling of an endless and quite indescribable longing {k}" for k in range(20)]
    rows = pd.DataFrame(rng.integers(0, 2, (60, 20)), columns=long)
    place = list(itertools.product([f"p{k}" for k in range(10)], [f"i{k}" for k in range(6)]))
    rows[["participant", "item"]] = place
    rows[["arousal", "valence"]] = rng.normal(50, 20, (60, 2)).clip(0, 100)
    study = mv.from_frames(
        rows, labels=long, dimensions=["arousal", "valence"], modalities=("music",), scale=(0, 100)
    )
    if width == "ax":
        figure = Figure(figsize=(10, 9), layout="constrained")
        with pytest.warns(mv.FigureWarning, match=r"no room for (\d+) names") as told:
            mv.plot_label_plane(study, ax=figure.subplots(3, 3)[0, 0])
        shown = figure.axes[0].texts
        assert f"no room for {20 - len(shown)} names" in str(told[0].message)
        assert all("\u2026" in text.get_text() for text in shown)
        return
    figure = mv.plot_label_plane(study, width="column")
    key = [text.get_text().replace("\n", " ") for text in figure.legends[0].get_texts()]
    assert [line.split()[0] for line in key] == [text.get_text() for text in figure.axes[0].texts]
    assert illegible(figure, 6.0) == []

"""Figures look as they did when somebody last looked at them.

`make pictures` draws the pictures of `baseline` again; look at each one that changed.
"""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.testing.compare import compare_images

from .figures import BASELINE, FIGURES, picture

PINS = Path(__file__).resolve().parents[2] / "constraints.txt"
PINNED = re.search(r"^matplotlib==(\S+)", PINS.read_text(), re.MULTILINE)[1]

#: Root mean square of the difference, of 255: a moved line is more, another processor less.
TOLERANCE = 3.0


@pytest.mark.skipif(
    mpl.__version__ != PINNED,
    reason=f"pictures are those of matplotlib {PINNED}, which constraints.txt pins",
)
@pytest.mark.parametrize("name", sorted(FIGURES))
def test_figure_looks_as_before(name, tmp_path):
    drawn = picture(name, tmp_path)
    assert compare_images(BASELINE / f"{name}.png", drawn, TOLERANCE) is None


def test_pictures_are_small_and_of_the_figures_that_there_are():
    sizes = {path.stem: path.stat().st_size for path in BASELINE.glob("*.png")}
    assert sorted(sizes) == sorted(FIGURES)
    assert max(sizes.values()) < 30_000
    assert sum(sizes.values()) < 1_000_000

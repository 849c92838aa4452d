"""Save a figure as SVG and PNG, and put it into the page."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import matplotlib.figure

from ..plots.settings import own_settings
from ..results.words import word
from .page import ShownFigure
from .parts import Figure

#: A larger SVG is put into the page as PNG; the SVG lies beside it all the same.
_LARGEST_SVG = 300_000
_PNG_DPI = 200
_CSS_DPI = 96


def save_figure(
    drawn: matplotlib.figure.Figure,
    figure: Figure,
    *,
    number: int,
    reading: str,
    simulated: bool,
    folder: Path,
) -> ShownFigure:
    """Write the image files of a figure.

    Parameters
    ----------
    drawn : Figure
        The figure of matplotlib.
    figure : Figure
        How it is declared.
    number : int
        Its number in the report.
    reading : str
        Reading of the labels that it shows; empty where there is one only.
    simulated : bool
        Whether it shows simulated data.
    folder : Path
        Folder of the report.

    Returns
    -------
    ShownFigure
        What the page needs of it.
    """
    key = f"{figure.key}-{reading}" if reading else figure.key
    (folder / "figures").mkdir(exist_ok=True)
    svg = _svg(drawn, key)
    drawn.set_layout_engine("none")  # laid out once; the same places in both files
    png = _png(drawn)
    (folder / "figures" / f"{key}.svg").write_bytes(svg)
    (folder / "figures" / f"{key}.png").write_bytes(png)
    small = len(svg) <= _LARGEST_SVG
    kind, image = ("svg+xml", svg) if small else ("png", png)
    width, height = drawn.get_size_inches() * _CSS_DPI
    labels = f", labels {word(reading)}" if reading else ""
    return ShownFigure(
        number=number,
        key=key,
        caption=f"{figure.caption}{labels}.",
        alt=f"{figure.alt}{labels}{', simulated data' if simulated else ''}",
        uri=f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}",
        width=round(width),
        height=round(height),
        svg=f"figures/{key}.svg",
        png=f"figures/{key}.png",
        simulated=simulated,
    )


def _svg(drawn: matplotlib.figure.Figure, key: str) -> bytes:
    """SVG that is the same for the same figure: no date, ids from its key."""
    stream = io.BytesIO()
    with own_settings({"svg.hashsalt": key, "svg.fonttype": "path"}):
        drawn.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def _png(drawn: matplotlib.figure.Figure) -> bytes:
    stream = io.BytesIO()
    with own_settings({}):
        drawn.savefig(stream, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    return stream.getvalue()

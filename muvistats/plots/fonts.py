"""Letters that the font of all figures lacks: what other fonts draw them, and what if none does."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.font_manager import FontEntry, FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator

from ..errors import FigureWarning
from ..quiet import quiet

#: Font of all figures, the one that comes with matplotlib.
FONT = "DejaVu Sans"

_BOXES = "Last Resort"  # a font that has a box for every letter
_BOLD = 600  # least weight of a bold font
_SHOWN = 12  # letters that a warning names


def families_of(text: str) -> list[str]:
    """Families that draw a text: that of all figures, and others for letters that it lacks."""
    return [FONT, *_others(_lacking(text, (FONT,)), len(fontManager.ttflist))]


def drawable(text: str) -> str:
    """Text with an escape (of U+559C, for example) for each letter that no font here draws."""
    lacking = _lacking(text, tuple(families_of(text)))
    return "".join(c.encode("unicode_escape").decode() if c in lacking else c for c in text)


def are_bold(families: Iterable[str]) -> bool:
    """Whether all of these families have a bold font, so that matplotlib need not look for one."""
    entries = fontManager.ttflist
    bold = {e.name for e in entries if not isinstance(e.weight, int) or e.weight >= _BOLD}
    return bold.issuperset(families)


def use_fonts(axes: Iterable[Axes], texts: Iterable[Text]) -> set[str]:
    """Let texts be drawn whole, with escapes for letters that no font has.

    Parameters
    ----------
    axes : iterable of Axes
        Axes whose ticks may have names.
    texts : iterable of Text
        Other texts.

    Returns
    -------
    set of str
        The letters that escapes stand for.
    """
    undrawn: set[str] = set()
    for ax in axes:
        for axis in (ax.xaxis, ax.yaxis):
            if not isinstance(axis.get_major_locator(), FixedLocator):
                continue
            labels = axis.get_majorticklabels()
            said = [label.get_text() for label in labels]
            families = _of_text(labels[0], "".join(said)) if labels else []
            if not families:
                continue
            axis.set_tick_params(labelfontfamily=families)
            undrawn |= _lacking("".join(said), tuple(families))
            if said != (shown := [drawable(text) for text in said]):
                axis.set_ticklabels(shown)
    for text in texts:
        if families := _of_text(text, text.get_text()):
            text.set_fontfamily(families)
            undrawn |= _lacking(text.get_text(), tuple(families))
            text.set_text(drawable(text.get_text()))
            if not are_bold(families):
                text.set_fontweight("normal")
    return undrawn


def tell_of(undrawn: set[str], left_out: Sequence[str]) -> None:
    """Say which letters and which names a figure lacks, and what helps."""
    if undrawn:
        _warn(
            f"no font on this machine draws {_some(sorted(undrawn), '')}: escapes stand in the "
            "figure; install a font that has them, such as Noto Sans CJK, and start Python again"
        )
    if left_out:
        _warn(
            f"the axes have no room for {len(left_out)} names, which are left out: "
            f"{_some(left_out, ', ')}; larger axes hold them, and so does a figure of its own "
            "(leave ax out)"
        )


def _some(what: Sequence[str], between: str) -> str:
    """The first of these, and how many more there are."""
    more = f" and {len(what) - _SHOWN} more" if len(what) > _SHOWN else ""
    return between.join(what[:_SHOWN]) + more


def _warn(said: str) -> None:
    warnings.warn(said, FigureWarning, stacklevel=5)


def _of_text(text: Text, said: str) -> list[str]:
    """Families of a text with others for letters that they lack; none where they lack nothing."""
    own = tuple(text.get_fontfamily())
    lacking = _lacking(said, own)
    return [*own, *_others(lacking, len(fontManager.ttflist))] if lacking else []


def _lacking(text: str, families: Sequence[str]) -> frozenset[str]:
    """Letters of a text that no font of these families has."""
    letters = frozenset(text) - {"\n"}
    if not text.isascii() or not text.replace("\n", "").isprintable():
        for family in families:
            letters -= _has(family, letters)
        return letters
    return frozenset()


@functools.lru_cache(maxsize=512)
def _has(family: str, letters: frozenset[str]) -> frozenset[str]:
    with quiet():
        font = FT2Font(findfont(FontProperties(family=[family])))
    return frozenset(c for c in letters if font.get_char_index(ord(c)))


@functools.lru_cache(maxsize=64)
def _others(letters: frozenset[str], _: int) -> tuple[str, ...]:
    """Families of fonts that together have most of these letters; asked again with more fonts."""
    found: list[str] = []
    fonts = sorted(fontManager.ttflist, key=_plain) if letters else []
    while letters:
        best = max(fonts, key=lambda entry: len(_drawn(entry, letters)), default=None)
        if best is None or not (drawn := _drawn(best, letters)):
            break
        found.append(best.name)
        letters -= drawn
    return tuple(found)


def _plain(entry: FontEntry) -> tuple[bool, int, bool, str]:
    """Plain fonts first."""
    weight = entry.weight if isinstance(entry.weight, int) else 400
    return entry.style != "normal", abs(weight - 400), "Sans" not in entry.name, entry.name


@functools.lru_cache(maxsize=4096)
def _drawn(entry: FontEntry, letters: frozenset[str]) -> frozenset[str]:
    """Letters that matplotlib can draw with a font: it has no use for fonts of pictures."""
    if entry.name.startswith(_BOXES):
        return frozenset()
    try:
        font = FT2Font(entry.fname)
        found = frozenset(c for c in letters if font.get_char_index(ord(c)))
        if found:
            font.set_size(10, 72)
            font.load_char(ord(min(found)))
    except (OSError, RuntimeError):
        return frozenset()
    return found

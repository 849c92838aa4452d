"""Tables of the command line."""

from __future__ import annotations

import pytest

import muvistats as mv
from muvistats.cli import printing
from muvistats.results.paper import published


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("kruskal_modalty", "kruskal_modality"),
        ("Kruskal_modality", "kruskal_modality"),
        ("table33", "table3"),
        ("published:kruskalmodality", "published:kruskal_modality"),
    ],
)
def test_a_name_that_is_nearly_right_is_understood(name, meant):
    with pytest.raises(mv.DesignError, match=rf"did you mean .*\b{meant}\b"):
        printing.function(name, {})


def test_another_name_gets_the_list():
    with pytest.raises(mv.DesignError, match=r"there are agreement_by_raters, .*table3"):
        printing.function("nonsense", {})


def test_formats_to_be_read_are_those_of_the_package():
    frame = published("kruskal_modality")
    assert printing.as_text(frame, "words") == mv.in_words(frame)
    for style in ("apa", "latex", "markdown", "html"):
        assert printing.as_text(frame, style) == mv.format_table(frame, style)
    assert printing.as_text(frame, "text") == repr(frame).rpartition("\n")[0]

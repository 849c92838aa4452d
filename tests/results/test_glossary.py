"""One glossary for every frame."""

from __future__ import annotations

import re

from muvistats.results import glossary
from muvistats.results.glossary import GLOSSARY


def test_each_name_stands_once():
    names = [name for name, _, _ in glossary._ROWS]
    assert len(names) == len(set(names))
    assert list(GLOSSARY) == names


def test_names_are_snake_case_and_explained():
    for name, column in GLOSSARY.items():
        assert column.name == name
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
        assert column.kind in {"text", "number", "integer", "truth", "boolean"}
        assert len(column.description) > 5
        assert not column.description.endswith(".")
        assert column.description.count("`") % 2 == 0


def test_columns_are_named_as_broom_does():
    broom = {"estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high"}
    assert broom <= set(GLOSSARY)
    assert all(GLOSSARY[name].kind == "number" for name in broom)


def test_what_can_be_missing_is_no_integer():
    # an integer has no missing value: only counts and positions may be one
    integers = {name for name, column in GLOSSARY.items() if column.kind == "integer"}
    counts = {name for name in integers if name.startswith("n") or name == "count"}
    counts |= {"raters_per_cell"}
    assert integers - counts <= {
        "trial",
        "annotation",
        "row",
        "lag",
        "digits",
        "fold",
        "repeat",
        "simulation",
        "seed",
    }

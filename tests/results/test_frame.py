"""Result frames: columns, types, provenance, docstrings."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from muvistats.results.frame import (
    RESULT_COLUMNS,
    build_frame,
    csv_text,
    provenance,
    read_frame,
    result_frame,
    write_frame,
)


@pytest.fixture(autouse=True)
def _registry():
    """Keep what a test declares out of the package's own list."""
    kept = dict(RESULT_COLUMNS)
    yield
    RESULT_COLUMNS.clear()
    RESULT_COLUMNS.update(kept)


# --- build_frame


def test_columns_come_in_the_declared_order_with_the_glossarys_types():
    rows = [
        {"n": np.int32(3), "label": "sad", "share": 1, "simulated": np.True_},
        {"n": 4, "label": "blue", "share": np.float32(0.5), "simulated": False},
    ]
    frame = build_frame(rows, ("label", "share", "n", "simulated"))
    assert list(frame.columns) == ["label", "share", "n", "simulated"]
    assert [str(d) for d in frame.dtypes] == ["str", "float64", "int64", "bool"]
    assert frame["share"].to_list() == [1.0, 0.5]
    assert frame["n"].to_list() == [3, 4]


def test_what_is_missing_becomes_nan():
    rows = [{"label": "", "p_value": None}, {"label": None, "p_value": 0.2}, {"label": "sad"}]
    frame = build_frame(rows, ("label", "p_value", "warning"))
    assert frame["label"].isna().to_list() == [True, True, False]
    assert frame["p_value"].isna().to_list() == [True, False, True]
    assert frame["warning"].isna().all()
    assert str(frame["warning"].dtype) == "str"


@pytest.mark.parametrize("column", ["n", "converged"])
def test_an_integer_or_a_truth_value_cannot_be_missing(column):
    with pytest.raises(TypeError, match=column):
        build_frame([{"label": "sad"}], ("label", column))


@pytest.mark.parametrize(
    ("marks", "expected", "dtype"),
    [
        ([True, False], [True, False], "bool"),
        ([True, None], [True, None], "object"),
        ([None, None], [None, None], "object"),
    ],
)
def test_what_is_not_known_to_be_simulated_is_missing(marks, expected, dtype):
    frame = build_frame([{"n": 1, "simulated": mark} for mark in marks], ("n", "simulated"))
    assert str(frame["simulated"].dtype) == dtype
    assert [None if pd.isna(mark) else mark for mark in frame["simulated"]] == expected
    text = io.StringIO(frame.to_csv(index=False))
    pd.testing.assert_frame_equal(read_frame(text), frame)


def test_a_missing_integer_in_one_row_is_an_error():
    with pytest.raises((TypeError, ValueError)):
        build_frame([{"label": "sad", "n": 1}, {"label": "blue"}], ("label", "n"))


def test_a_column_that_was_not_declared_is_an_error():
    with pytest.raises(TypeError, match="extra"):
        build_frame([{"label": "sad", "extra": 1}], ("label",))


def test_no_rows_give_an_empty_frame_with_types():
    frame = build_frame([], ("label", "p_value", "n", "simulated"))
    assert len(frame) == 0
    assert [str(d) for d in frame.dtypes] == ["str", "float64", "int64", "bool"]


def test_numbers_are_not_rounded_and_the_index_is_fresh():
    value = 0.1 + 0.2
    source = pd.DataFrame({"p_value": [1.0, value]}, index=[7, 7])[1:]
    frame = build_frame(source, ("p_value",))
    assert frame["p_value"].iloc[0] == value
    assert frame.index.to_list() == [0]
    assert source.index.to_list() == [7]


# --- provenance


def test_provenance_of_a_tree(tiny, study):
    assert provenance(tiny) == {"alignment": "as_recorded", "simulated": False}
    assert provenance(study) == {"alignment": "as_recorded", "simulated": True}


@pytest.mark.parametrize(
    ("data", "alignment", "simulated"),
    [
        (pd.DataFrame({"alignment": ["released"], "simulated": [False]}), "released", False),
        (pd.DataFrame({"simulated": [False, True]}), None, True),
        (pd.DataFrame({"simulated": [None, True]}), None, True),
        (pd.DataFrame({"simulated": [None, False]}), None, None),
        (pd.DataFrame({"simulated": [False, False]}), None, False),
        (pd.DataFrame({"alignment": [None], "x": [1]}), None, None),
        (pd.DataFrame({"alignment": [], "simulated": []}), None, None),
        (None, None, None),
        ("kruskal_modality", None, None),
    ],
)
def test_provenance_of_other_things(data, alignment, simulated):
    assert provenance(data) == {"alignment": alignment, "simulated": simulated}


# --- result_frame


def test_decorated_function_returns_a_checked_frame(study):
    @result_frame("label", "label", "share")
    def shares(study, *, factor=2.0):
        """Share of labels.

        Parameters
        ----------
        study : DataTree
            The study.

        Raises
        ------
        DataError
            Never.
        """
        assert study is not None
        return ({"label": name, "share": factor} for name in ("sad", "blue"))

    frame = shares(study, factor=3.0)
    assert list(frame.columns) == ["label", "share", "alignment", "simulated", "warning"]
    assert RESULT_COLUMNS["shares"] == tuple(frame.columns)
    assert frame["share"].to_list() == [3.0, 3.0]
    assert frame["simulated"].all()
    assert (frame["alignment"] == "as_recorded").all()
    assert shares.__annotations__["return"] is pd.DataFrame
    assert shares(study=study)["simulated"].all()  # also where the study is given by name


def test_rows_may_state_their_own_provenance(study):
    @result_frame("label", "label")
    def labels(_data):
        """Labels."""
        return pd.DataFrame({"label": ["sad"], "alignment": ["released"], "simulated": [False]})

    frame = labels(study)
    assert frame["alignment"].to_list() == ["released"]
    assert not frame["simulated"].any()


def test_the_functions_own_frame_is_not_changed(study):
    mine = pd.DataFrame({"label": ["sad"]})

    @result_frame("label", "label")
    def labels(_data):
        """Labels."""
        return mine

    labels(study)
    assert list(mine.columns) == ["label"]


def test_docstring_gets_a_returns_section_before_raises():
    @result_frame("label", "label", "share")
    def shares(_data):
        """Share of labels.

        Parameters
        ----------
        data : DataTree
            The study.

        Raises
        ------
        DataError
            Never.
        """
        return []

    doc = shares.__doc__
    order = [doc.index(f"{name}\n---") for name in ("Parameters", "Returns", "Raises")]
    assert order == sorted(order)
    assert "One row per label. Columns:" in doc
    assert "- ``share`` (float64): count as a fraction of `n`" in doc
    assert "- ``warning`` (str)" in doc
    assert doc.index("``share``") < doc.index("Raises\n")


def test_docstring_without_sections():
    @result_frame("label", "label")
    def shares(_data):
        """Share of labels."""
        return []

    assert shares.__doc__.startswith("Share of labels.\n\nReturns\n-------\nDataFrame\n")


def test_columns_may_stand_in_one_text(study):
    @result_frame("label", "label share", "n")
    def counted_labels(study):
        """Share of labels."""
        assert study is not None
        return {"label": ["sad"], "share": 0.5, "n": 2}

    frame = counted_labels(study)
    assert tuple(frame.columns[:3]) == ("label", "share", "n")
    assert RESULT_COLUMNS["counted_labels"] == tuple(frame.columns)


def test_a_column_outside_the_glossary_is_refused():
    for columns in (["label", "not_a_column"], ["label not_a_column"]):
        with pytest.raises(TypeError, match="not_a_column"):
            result_frame("row", *columns)


def test_columns_with_one_value_do_not_write_into_each_other():
    ready = pd.array(["a", "b", "c"], dtype="str")
    frame = build_frame(
        {"label": ready, "p_value": np.arange(3.0), "n": 1, "n_items": 1, "warning": ""},
        ("label", "p_value", "sd", "conf_low", "n", "n_items", "warning"),
    )
    before = frame.copy(deep=True)
    frame.loc[1, "sd"] = 2.0
    frame["n"] += 4
    frame.loc[0, "warning"] = "changed"
    assert frame["sd"].tolist()[1] == 2.0
    assert frame["conf_low"].isna().all()
    assert frame["n"].tolist() == [5, 5, 5]
    assert frame["n_items"].tolist() == [1, 1, 1]
    pd.testing.assert_frame_equal(frame[["label", "p_value"]], before[["label", "p_value"]])
    assert before["warning"].isna().all()
    assert str(frame["label"].dtype) == "str"


@pytest.mark.parametrize("storage", ["python", "pyarrow"])
def test_empty_text_is_missing_whatever_holds_the_letters(storage):
    if storage == "pyarrow":
        pytest.importorskip("pyarrow")
    with pd.option_context("mode.string_storage", storage):
        rows = [{"label": "a", "warning": ""}, {"label": "b", "warning": "why"}]
        frame = build_frame(rows, ("label", "warning"))
        columns = build_frame({"label": ["a", "b"], "warning": ["", "why"]}, ("label", "warning"))
        ready = pd.array(["a", "b"], dtype="str")
        kept = build_frame({"label": ready, "warning": None}, ("label", "warning"))
    assert frame["warning"].isna().tolist() == columns["warning"].isna().tolist() == [True, False]
    assert kept["label"].array is ready or kept["label"].tolist() == ["a", "b"]
    assert kept["warning"].isna().all()


FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\uff1d1", "'=1", "''@x"]
HARMLESS = ["-0.5", "+3", "-1e-3", ".5", "a=b", "'quoted'", "", "P1"]


def test_texts_that_a_spreadsheet_would_run_are_defused(tmp_path):
    frame = build_frame(
        [{"label": text, "estimate": -0.5} for text in [*FORMULAS, *HARMLESS]],
        ("label", "estimate"),
    )
    raw = pd.read_csv(io.StringIO(csv_text(frame)), keep_default_na=False, dtype=str)
    assert raw["label"].tolist() == [*(f"'{text}" for text in FORMULAS), *HARMLESS]
    assert set(raw["estimate"]) == {"-0.5"}
    write_frame(frame, tmp_path / "t.csv")
    pd.testing.assert_frame_equal(read_frame(tmp_path / "t.csv"), frame)
    bare = pd.read_csv(io.StringIO(csv_text(frame, defuse=False)), keep_default_na=False, dtype=str)
    assert bare["label"].tolist() == [*FORMULAS, *HARMLESS]


def test_a_mark_that_is_no_truth_value_says_nothing():
    frame = pd.DataFrame({"alignment": "corrected", "simulated": ["yes", "no"]})
    assert provenance(frame)["simulated"] is None
    assert provenance(frame.assign(simulated=[False, False]))["simulated"] is False

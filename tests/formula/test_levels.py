"""A level selects its rows, whatever type the column has; formulas have one reading."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd
import pytest

from muvistats import DesignError, kruskal, linear_model
from muvistats.formula import build_design, evaluate, factor, parse_model
from muvistats.formula.levels import level_text

DAYS = pd.to_datetime(["2024-01-02", "2024-01-01", None, "2024-01-02"])

#: A column, a literal that selects rows of it, and those rows.
COLUMNS = {
    "text": (["b", "a", None, "b"], "'b'"),
    "string": (pd.array(["b", "a", None, "b"], dtype="string"), "'b'"),
    "integer": ([2, 1, 3, 2], "2"),
    "float": ([2.0, 1.0, None, 2.0], "2"),
    "nullable integer": (pd.array([2, 1, None, 2], dtype="Int64"), "2"),
    "large id": ([9007199254740993, 9007199254740992, 1, 9007199254740993], "9007199254740993"),
    "category of integers": (pd.Categorical([2, 1, None, 2]), "2"),
    "ordered": (pd.Categorical(["b", "a", None, "b"], ["b", "a"], ordered=True), "'b'"),
    "interval": (pd.cut([2.5, 0.5, np.nan, 2.5], [0, 1, 3]), "'(1, 3]'"),
    "truth": ([True, False, False, True], "True"),
    "nullable truth": (pd.array([True, False, None, True], dtype="boolean"), "True"),
    "float32": (np.array([0.2, 0.1, np.nan, 0.2], dtype=np.float32), "0.2"),
    "nullable float32": (pd.array([0.2, 0.1, None, 0.2], dtype="Float32"), "0.2"),
    "float16": (np.array([0.2, 0.1, np.nan, 0.2], dtype=np.float16), "0.2"),
    "object truth": (pd.Series([True, False, None, True], dtype=object), "True"),
    "object numbers": (pd.Series([2, 1, None, 2], dtype=object), "2"),
    "date": (DAYS, "'2024-01-02'"),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_level_selects_exactly_its_rows(kind):
    values, literal = COLUMNS[kind]
    frame = pd.DataFrame({"x": values})
    expected = [True, False, None if frame["x"].isna()[2] else False, True]
    for code in (f"x == {literal}", f"x in [{literal}]", f"not (x != {literal})"):
        selected = evaluate(code, frame)
        assert [None if v is pd.NA else bool(v) for v in selected] == expected, code


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_text_is_never_compared_with_a_number(kind):
    values, literal = COLUMNS[kind]
    other = "3" if literal.startswith("'") else "'3'"
    for code in (f"x == {other}", f"x != {other}", f"x in [{other}]"):
        with pytest.raises(DesignError, match="a text with a number"):
            evaluate(code, pd.DataFrame({"x": values}))


@pytest.mark.parametrize("kind", COLUMNS)
def test_groups_hold_the_rows_of_their_level(kind):
    values, _ = COLUMNS[kind]
    frame = pd.DataFrame({"x": values})
    groups = factor("C(x)", frame)
    assert groups.isna().tolist() == frame["x"].isna().tolist()
    assert groups[0] == groups[3] != groups[1]
    assert groups.cat.categories.is_unique


def test_names_of_levels_keep_every_digit():
    assert level_text(1_000_001.0) == "1000001"
    assert level_text(0.1) == "0.1"
    assert level_text(np.float32(0.1)) == "0.1"
    assert level_text(1 / 3) == repr(1 / 3)
    ids = 10_000_000.0 + np.repeat(np.arange(3), 2)
    assert factor("C(x)", pd.DataFrame({"x": ids})).nunique() == 3


def test_ordered_levels_and_dates_have_an_order():
    frame = pd.DataFrame(
        {
            "size": pd.Categorical(["s", "m", "l"], ["s", "m", "l"], ordered=True),
            "day": DAYS[[1, 0, 3]],
        }
    )
    assert evaluate("size >= 'm'", frame).tolist() == [False, True, True]
    assert evaluate("'m' > size", frame).tolist() == [True, False, False]
    assert evaluate("day > '2024-01-01'", frame).tolist() == [False, True, True]
    with pytest.raises(DesignError, match="no level 'xl'"):
        evaluate("size < 'xl'", frame)
    with pytest.raises(DesignError, match="not a date"):
        evaluate("day > 'spring'", frame)


@pytest.mark.parametrize("kind", ["float16", "float32", "Float32"])
def test_short_numbers_are_compared_and_named_with_their_own_digits(kind):
    frame = pd.DataFrame({"x": pd.array([0.1, 0.2, 0.7], dtype="float64").astype(kind)})
    assert evaluate("x >= 0.2", frame).tolist() == [False, True, True]
    assert evaluate("0.7 <= x", frame).tolist() == [False, False, True]
    assert factor("C(x)", frame).tolist() == ["0.1", "0.2", "0.7"]


def test_two_levels_of_one_name_are_refused():
    with pytest.raises(DesignError, match="two levels written '1'"):
        factor("x", pd.DataFrame({"x": pd.Series([1, "1"], dtype=object)}))


def test_the_empty_text_is_missing():
    frame = pd.DataFrame({"y": np.arange(8.0), "g": ["", "x", "x", "y"] * 2})
    groups = kruskal(frame, "y ~ g", level="group", dependence="independent", n_resamples=0)
    assert groups["group"].tolist() == ["x", "y"]
    assert groups["n_missing"].tolist() == [2, 2]
    selected = [None if v is pd.NA else bool(v) for v in evaluate("g != 'x'", frame[:4])]
    assert selected == [None, False, False, True]
    with pytest.raises(DesignError, match="no level ''"):
        evaluate("g == ''", frame)


def test_letters_with_their_marks_apart_find_the_column():
    frame = pd.DataFrame({unicodedata.normalize("NFD", "größe"): [1.0, 5.0]})
    assert evaluate("größe > 3", frame).tolist() == [False, True]
    assert evaluate(unicodedata.normalize("NFD", "größe > 3"), frame).tolist() == [False, True]


def test_levels_can_be_named_and_ordered():
    frame = pd.DataFrame({"y": [1.0, 2, 4, 8], "g": ["a", "b", "c", "b"]})
    assert factor("C(g, levels=['c', 'b'])", frame).tolist() == [np.nan, "b", "c", "b"]
    assert build_design("y ~ C(g, levels=['c', 'a', 'b'])", frame).fixed.names[1:] == [
        "C(g, levels=['c', 'a', 'b'])[T.a]",
        "C(g, levels=['c', 'a', 'b'])[T.b]",
    ]
    with pytest.raises(DesignError, match="names 'd'; the levels are a, b, c"):
        factor("C(g, levels=['d', 'b'])", frame)


@pytest.mark.parametrize(
    ("right", "means"),
    [("x > 4 - 1", "x > 3"), ("x > 1 - .5", "x > 0.5"), ("x > 2 * 2 + 1", "x > 5")],
)
def test_arithmetic_after_a_comparison_is_that_of_r(right, means):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": np.tile(np.arange(8.0), 5), "y": rng.normal(size=40)})
    counts = [
        kruskal(frame, f"y ~ {code}", level="group", dependence="independent")["n"].tolist()
        for code in (right, means)
    ]
    assert counts[0] == counts[1]
    estimates = [linear_model(frame, f"y ~ {code}").tidy()["estimate"] for code in (right, means)]
    pd.testing.assert_series_equal(*estimates)


@pytest.mark.parametrize(
    "right", ["a + x > 3", "x > 3 + a", "x > 3 - 1 + a", "a:x > 3", "x > 3 * a"]
)
def test_a_comparison_beside_other_terms_needs_brackets(right):
    with pytest.raises(DesignError, match="put brackets around"):
        parse_model(f"y ~ {right}")


def test_brackets_settle_it():
    assert parse_model("y ~ a + (x > 3 - 1)").terms == (("a",), ("x > 3 - 1",))
    assert parse_model("y ~ (x > 3) + a - 1").intercept is False


def test_levels_may_be_below_zero():
    frame = pd.DataFrame({"y": [0.0, 1, 3, 2], "x": [-1.0, 0, 1, 0]})
    names = build_design("y ~ C(x, Treatment(-1), levels=[1, 0, -1])", frame).fixed.names
    assert [name.rpartition("[")[2] for name in names[1:]] == ["T.1]", "T.0]"]


def test_an_offset_is_no_response():
    with pytest.raises(DesignError, match="no response"):
        parse_model("offset(y) ~ x")


def test_an_offset_is_no_term():
    frame = pd.DataFrame({"y": [1.0, 2, 4, 8], "x": [0.0, 1, 2, 3], "t": [1.0, 1, 2, 2]})
    design = build_design("y ~ x + offset(log(t))", frame)
    assert design.fixed.names == ["Intercept", "x"]
    np.testing.assert_allclose(design.offset, np.log(frame["t"]))
    for wrong in ("y ~ x * offset(t)", "y ~ x + (offset(t) | x)"):
        with pytest.raises(DesignError, match="can only be added"):
            parse_model(wrong)


@pytest.mark.parametrize("spline", ["cr(x, df=4)", "cc(x, df=4)"])
def test_splines_beside_an_intercept_lose_no_column(spline):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=60)})
    frame["y"] = np.sin(frame["x"]) + rng.normal(0, 0.2, 60)
    fit = linear_model(frame, f"y ~ {spline}")
    assert fit.tidy()["estimate"].notna().all()
    assert fit.anova()["p_value"].notna().all()


COMPOSED, APART = "Käse", "Ka\u0308se"


@pytest.mark.parametrize(("stored", "written"), [(COMPOSED, APART), (APART, COMPOSED)])
def test_a_level_is_found_whether_its_letters_are_composed_or_apart(stored, written):
    frame = pd.DataFrame({"y": [1.0, 2.0, 4.0, 3.0], "x": [stored, "Brot"] * 2})
    ordered = frame.assign(x=pd.Categorical(frame["x"], ["Brot", stored], ordered=True))
    assert factor(f"x == '{written}'", frame).tolist() == ["True", "False"] * 2
    assert factor(f"x >= '{written}'", ordered).tolist() == ["True", "False"] * 2
    names = build_design(f"y ~ C(x, Treatment('{written}'))", frame).fixed.names
    assert names[1].endswith("[T.Brot]")
    assert build_design(f"y ~ C(x, levels=['{written}', 'Brot'])", frame).fixed.names[1:]

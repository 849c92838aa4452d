"""Model formulas: terms and columns against patsy, bars against lme4's rules, and refusals."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import patsy
import pytest

from muvistats import DataError, DesignError, glm, kruskal, linear_model, mixed_model
from muvistats.formula import build_design, parse_model


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 90
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "m": pd.Categorical(
                rng.choice(["music", "visual", "both"], n), ["music", "visual", "both"]
            ),
            "g": rng.choice(["M", "F"], n),
            "x": rng.normal(3, 1, n),
            "z": rng.uniform(1, 2, n),
            "p": rng.integers(0, 9, n),
            "i": rng.choice(list("abcdef"), n),
            "odd name": rng.normal(size=n),
        }
    )


GRAMMAR = [
    "y ~ 1",
    "y ~ 0 + m",
    "y ~ m - 1",
    "y ~ m + 0",
    "y ~ -1 + x",
    "y ~ m * g",
    "y ~ m + g + m:g",
    "y ~ m * g - g",
    "y ~ (m + g) ** 2",
    "y ~ (m + g + x) ** 2",
    "y ~ (m + g + x) ** 3 - m:g:x",
    "y ~ m / x",
    "y ~ (m + g) / x",
    "y ~ m / g / x",
    "y ~ m:x",
    "y ~ g:m + x",
    "y ~ x:z + m:x",
    "y ~ m + m",
    "y ~ (m)",
    "y ~ x + z + x:m:g",
    "y ~ m * (x + z)",
]


@pytest.mark.parametrize("formula", GRAMMAR)
def test_terms_and_columns_are_those_of_patsy(frame, formula):
    design = build_design(formula, frame)
    expected = patsy.dmatrix(formula.split("~")[1], frame)
    assert design.fixed.names == expected.design_info.column_names
    assert list(design.fixed.terms) == expected.design_info.term_names
    np.testing.assert_allclose(design.fixed.matrix, np.asarray(expected))


FUNCTIONS = [
    ("y ~ C(m, Sum)", "C(m, Sum)"),
    ("y ~ C(m, Helmert)", "C(m, Helmert)"),
    ("y ~ C(m, Poly)", "C(m, Poly)"),
    ("y ~ C(m, Treatment('visual'))", "C(m, Treatment('visual'))"),
    ("y ~ C(m, Treatment(reference='both'))", "C(m, Treatment(reference='both'))"),
    ("y ~ C(p)", "C(p)"),
    ("y ~ center(x) * standardize(z)", "center(x) * scale(z, ddof=1)"),
    ("y ~ bs(x, df=5)", "bs(x, df=5)"),
    ("y ~ bs(x, 6, degree=2)", "bs(x, 6, degree=2)"),
    ("y ~ cr(x, df=4)", "cr(x, df=4, constraints='center')"),
    ("y ~ cc(x, df=4)", "cc(x, df=4, constraints='center')"),
    ("y ~ log(x + 9) + sqrt(z) + exp(-z)", "np.log(x + 9) + np.sqrt(z) + np.exp(-z)"),
    ("y ~ I(x ** 2 + z / 2)", "I(x ** 2 + z / 2)"),
    ("y ~ x > 3", "I(x > 3)"),
    ("y ~ g == 'M'", "I(g == 'M')"),
    ("y ~ Q('odd name')", "Q('odd name')"),
]


@pytest.mark.parametrize(("formula", "theirs"), FUNCTIONS)
def test_functions_and_contrasts_are_those_of_patsy(frame, formula, theirs):
    expected = np.asarray(patsy.dmatrix(theirs, frame.assign(p=frame["p"].astype(str))))
    np.testing.assert_allclose(build_design(formula, frame).fixed.matrix, expected, atol=1e-12)


def test_poly_is_orthonormal_and_spans_the_powers(frame):
    matrix = build_design("y ~ poly(x, 3)", frame).fixed.matrix
    np.testing.assert_allclose(matrix[:, 1:].T @ matrix[:, 1:], np.eye(3), atol=1e-12)
    np.testing.assert_allclose(matrix[:, 1:].sum(axis=0), 0, atol=1e-10)
    powers = np.vander(frame["x"], 4)
    left = powers - matrix @ np.linalg.lstsq(matrix, powers, rcond=None)[0]
    assert np.abs(left).max() < 1e-8


def test_poly_without_a_degree_is_a_line_of_length_one(frame):
    moved = frame["x"] - frame["x"].mean()
    line = build_design("y ~ poly(x)", frame).fixed.matrix[:, 1:]
    np.testing.assert_allclose(line, (moved / np.sqrt(moved @ moved)).to_frame(), atol=1e-12)


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        ("(1 | p)", [("p", ["Intercept"])]),
        ("(1 | p / i)", [("p", ["Intercept"]), ("p:i", ["Intercept"])]),
        ("(1 | p:i)", [("p:i", ["Intercept"])]),
        ("(x | p)", [("p", ["Intercept", "x"])]),
        ("(0 + x | p)", [("p", ["x"])]),
        ("(x || p)", [("p", ["Intercept"]), ("p", ["x"])]),
        ("(0 + m || p)", [("p", ["m[music]", "m[visual]", "m[both]"])]),
        (
            "(m | p) + (1 | i)",
            [("p", ["Intercept", "m[T.visual]", "m[T.both]"]), ("i", ["Intercept"])],
        ),
    ],
)
def test_bars_follow_lme4(frame, bars, expected):
    random = build_design(f"y ~ x + {bars}", frame).random
    assert [(part.bar.name, part.names) for part in random] == expected


def test_nested_levels_are_the_combinations_that_exist(frame):
    part = build_design("y ~ 1 + (1 | p:i)", frame).random[0]
    pairs = frame["p"].astype(str) + ":" + frame["i"]
    assert part.levels == sorted(pairs.unique())
    assert [part.levels[code] for code in part.codes] == pairs.tolist()


def test_two_levels_are_enough_to_vary_over(frame):
    assert build_design("y ~ x + (1 | g)", frame).random[0].levels == ["F", "M"]


def test_levels_keep_the_order_of_the_schema_and_unused_ones_go(frame):
    assert build_design("y ~ m", frame).fixed.names == ["Intercept", "m[T.visual]", "m[T.both]"]
    some = frame[frame["m"] != "visual"]
    assert build_design("y ~ m", some).fixed.names == ["Intercept", "m[T.both]"]


def test_missing_rows_are_counted_wherever_they_are(frame):
    frame = frame.astype({"p": float})
    frame.loc[0, "y"] = frame.loc[1, "x"] = frame.loc[2, "p"] = np.nan
    frame.loc[3, "g"] = None
    frame.loc[4, "m"] = np.nan
    design = build_design("y ~ x + g + log(z) + (m | p)", frame)
    assert design.n_missing == 5
    assert design.rows.tolist() == list(range(5, 90))
    good = (frame["x"] > 3) & frame["y"].notna()
    assert build_design("y ~ log(x - 3)", frame).n_missing == int((~good).sum())


def test_new_rows_are_treated_as_the_first_ones(frame):
    design = build_design("y ~ center(x) + bs(z, df=4) + poly(x, 2)", frame)
    part = frame.iloc[:7]
    values = {code: design.columns.of(code, part) for code in design.formula.factors}
    np.testing.assert_allclose(design.fixed.of(values, 7), design.fixed.matrix[:7], atol=1e-12)
    with pytest.raises(DataError, match="smell"):
        build_design("y ~ g", frame).columns.of("g", part.assign(g="smell"))


def test_brackets_are_nineteen_deep_at_most():
    parse_model("y ~ " + "(" * 19 + "x" + ")" * 19)
    with pytest.raises(DesignError, match="nested more than 20 deep"):
        parse_model("y ~ " + "(" * 20 + "x" + ")" * 20)


REFUSED = [
    ("y ~ __import__('os').system('true')", "__import__"),
    ("y ~ x + (1 | __import__('os'))", "__import__"),
    ("y ~ m.cat", ".cat"),
    ("y ~ x.values + z", ".values"),
    ("y ~ (lambda: 1)()", "lambda"),
    ("y ~ I([a for a in x])", "[a for a in x]"),
    ("y ~ I({1: 2})", "{1"),
    ("y ~ x[0]", "x[0]"),
    ("y ~ I(x[::2])", "x[::2]"),
    ("y ~ I(().__class__)", ".__class__"),
    ("y ~ f'{x}'", "f'{x}'"),
    ("y ~ eval('1')", "eval"),
    ("y ~ np.log(x)", ".log"),
    ("y ~ I(np(x))", "np"),
    ("y ~ I(9**9**9)", "9 ** 9"),
    ("y ~ I(x ** 99)", "99"),
    ("y ~ bs(x, df=1e8)", "1"),
    ("y ~ bs(x, df=100000000)", "100000000"),
    ("y ~ bs(x, df=3, exec=1)", "exec"),
    ("y ~ bs(x, df=z)", "df=z"),
    ("y ~ poly(x, 50)", "50"),
    ("y ~ C(m, levels=['a'])", "C(m, levels=['a'])"),
    ("y ~ C(m, Evil)", "Evil"),
    ("y ~ C(m, Sum('x'))", "Sum('x')"),
    ("y ~ (m + g + x + z) ** 1000", "1000"),
    ("y ~ (m + g) ** x", "x"),
    ("y ~ (m + g) ** 2 ** 2", "** 2"),
    ("y ~ " + "*".join(f"x{i}" for i in range(30)), "200 terms"),
    ("y ~ (" + "+".join(f"x{i}" for i in range(60)) + ") ** 3", "200 terms"),
    ("y ~ " + "+".join(f"x{i}" for i in range(5000)), "longer"),
    ("y ~ " + "+".join(f"x{i}" for i in range(600)), "200 terms"),
    ("y ~ " + "(" * 60 + "x" + ")" * 60, "deep"),
    ("y ~ I(" + "(" * 90 + "x" + ")" * 90 + " + 1 +" + "-" * 40 + "x)", "deep"),
    ("y ~ yy", "yy"),
    ("y ~ x + nowhere", "nowhere"),
    ("nowhere ~ x", "nowhere"),
    ("y ~ x + (1 | nowhere)", "nowhere"),
    ("y ~ x ; y", ";"),
    ("y ~ x + ", "end of the formula"),
    ("y ~ x ) + z", ")"),
    ("y ~ (x + z", ")"),
    ("y ~ 2 + x", "2"),
    ("y ~ x * 1", "multiplied"),
    ("y ~ x * (1 | p)", "'p'"),
    ("y ~ x - (1 | p)", "'p'"),
    ("y ~ (0 | p)", "'p'"),
    ("y ~ x + (1 | p) + (1 | p)", "twice"),
    ("y ~ x | p", "| p"),
    ("y ~ 0", "no fixed columns"),
    ("y ~ `x`", "`"),
    ("y ~ x @ z", "@"),
    ("y ~ 'x'", "no column"),
    ("y ~ exec", "exec"),
    ("y ~ x if z else m", "x if z else m"),
    ("y ~ not", "not"),
]


@pytest.mark.parametrize(("formula", "token"), REFUSED)
@pytest.mark.parametrize(
    "fit", [build_design, mixed_model, linear_model, glm], ids=lambda f: f.__name__
)
def test_refused_by_name_and_at_once(frame, formula, token, fit):
    if fit is mixed_model and "|" not in formula and not formula.endswith(" "):
        formula += " + (1 | i)"
    arguments = (formula, frame) if fit is build_design else (frame, formula)
    taken = []
    for _ in range(3):  # the shortest: the first may have to import
        start = time.process_time()
        with pytest.raises(DesignError) as error:
            fit(*arguments)
        taken.append(time.process_time() - start)
    assert min(taken) < 0.05
    if "(1 |" not in formula:
        assert token in str(error.value)


def test_an_unknown_name_is_found_at_once_in_many_rows(frame):
    many = pd.concat([frame] * 3000, ignore_index=True)
    start = time.process_time()
    with pytest.raises(DesignError, match="nowhere"):
        mixed_model(many, "y ~ g * i + bs(x, df=9) + (1 | p) + (1 | C(nowhere))")
    with pytest.raises(DesignError, match="no where"):
        linear_model(many, "y ~ g * i + Q('no where')")
    assert time.process_time() - start < 0.1


def test_a_rank_test_refuses_them_too(frame):
    for formula in ("y ~ __import__('os')", "y ~ bs(x, df=1e8)"):
        with pytest.raises(DesignError, match=r"__import__|bs"):
            kruskal(frame, formula)


def test_nothing_is_evaluated_while_a_formula_is_parsed():
    model = parse_model("y ~ a * b + (c | g / h)")
    assert model.factors == ("a", "b", "c")
    assert model.groups == ("g", "h")


@pytest.mark.parametrize(
    ("formula", "match"),
    [
        ("y ~ one", "only one level"),
        ("y ~ x + (1 | one)", "only one level"),
        ("m ~ x", "3 levels"),
        ("y ~ x + (1 | i) + C(id)", "2000 columns|more than"),
    ],
)
def test_a_design_that_cannot_be_built_says_why(frame, formula, match):
    frame = pd.concat([frame.assign(one="a")] * 30, ignore_index=True)
    frame["id"] = np.arange(len(frame))
    with pytest.raises(DesignError, match=match):
        build_design(formula, frame)


def test_no_row_left_is_an_error(frame):
    with pytest.raises(DataError, match="no row"):
        build_design("y ~ x", frame.assign(x=np.nan))


def test_complex_numbers_are_refused():
    frame = pd.DataFrame({"y": [1.0, 2, 4], "x": [1j, 2, 3]})
    with pytest.raises(DesignError, match="'x' holds complex numbers"):
        build_design("y ~ x", frame)


def test_the_first_power_of_a_sum_is_the_sum(frame):
    first = build_design("y ~ (x + z) ** 1", frame).fixed.matrix
    np.testing.assert_array_equal(first, build_design("y ~ x + z", frame).fixed.matrix)


@pytest.mark.parametrize("kind", ["int64", "uint64", "Int64"])
def test_numbers_that_name_groups_keep_all_their_digits(frame, kind):
    """Ids beyond 2**53, as platforms give them, are not those of their neighbours."""
    ids = frame["p"].astype(kind) + 10**17
    design = build_design("y ~ x + (1 | p)", frame.assign(p=ids))
    assert design.random[0].levels == [str(each) for each in sorted(ids.unique())]
    short, long = (
        linear_model(rows, "y ~ x", cluster="p").tidy() for rows in (frame, frame.assign(p=ids))
    )
    np.testing.assert_allclose(long["std_error"], short["std_error"], rtol=1e-12)


def test_an_infinite_number_names_no_group(frame):
    design = build_design("y ~ x + (1 | p)", frame.assign(p=frame["p"].replace(3, np.inf)))
    assert len(design.y) == (frame["p"] != 3).sum()


def test_a_column_called_as_the_constant_is_refused(frame):
    rows = frame.rename(columns={"x": "Intercept"})
    with pytest.raises(DesignError, match="the name of the constant"):
        linear_model(rows, "y ~ Intercept")
    assert linear_model(rows, "y ~ 0 + Intercept").tidy()["term"].tolist() == ["Intercept"]


@pytest.mark.parametrize("formula", ["y ~ odd name", "y ~ `odd name`", "y ~ class"])
def test_names_that_are_no_word_are_led_to_q(frame, formula):
    with pytest.raises(DesignError, match=r"Q\('...'\) names a column"):
        linear_model(frame, formula)

"""Formulas: what they mean, and what they refuse."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from muvistats import DesignError
from muvistats.formula import evaluate, factor, split_formula


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "gender": ["Male", "Female", None, "Male"],
            "modality": pd.Categorical(["visual", "music", "visual", "music"], ["music", "visual"]),
            "years": [0.0, 3.0, 4.0, np.nan],
            "trained": [True, False, True, False],
            "odd name": [1, 2, 3, 4],
        }
    )


@pytest.mark.parametrize(
    ("expression", "levels", "values"),
    [
        ("gender", ["Female", "Male"], ["Male", "Female", None, "Male"]),
        ("modality", ["music", "visual"], ["visual", "music", "visual", "music"]),
        ("years > 3", ["False", "True"], ["False", "False", "True", None]),
        ("C(years)", ["0", "3", "4"], ["0", "3", "4", None]),
        ("trained", ["False", "True"], ["True", "False", "True", "False"]),
        ("gender == 'Male'", ["False", "True"], ["True", "False", None, "True"]),
        ("gender in ['Male']", ["False", "True"], ["True", "False", None, "True"]),
        ("not years > 3", ["False", "True"], ["True", "True", "False", None]),
        ("years > 3 and trained", ["False", "True"], ["False", "False", "True", "False"]),
        ("years > 3 or trained", ["False", "True"], ["True", "False", "True", None]),
        ("Q('odd name') >= 3", ["False", "True"], ["False", "False", "True", "True"]),
    ],
)
def test_groups(frame, expression, levels, values):
    result = factor(expression, frame)
    assert result.cat.categories.tolist() == levels
    assert [None if pd.isna(v) else v for v in result] == values


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(years + 1) ** 2 / 2", [0.5, 8.0, 12.5, np.nan]),
        ("center(years)", [0 - 7 / 3, 3 - 7 / 3, 4 - 7 / 3, np.nan]),
        ("log(years)", [np.nan, np.log(3), np.log(4), np.nan]),
        ("1 / years", [np.nan, 1 / 3, 1 / 4, np.nan]),
        ("-years", [0.0, -3.0, -4.0, np.nan]),
    ],
)
def test_numbers(frame, expression, expected):
    np.testing.assert_allclose(evaluate(expression, frame).to_numpy(), expected)


@pytest.mark.parametrize(
    ("expression", "token"),
    [
        ("__import__('os').system('true')", "__import__"),
        ("gender.str.upper()", "gender.str.upper"),
        ("modality.cat", "modality.cat"),
        ("[x for x in gender]", "[x for x in gender]"),
        ("(lambda: 1)()", "lambda"),
        ("gender[0]", "gender[0]"),
        ("().__class__.__bases__[0]", "__bases__"),
        ("f'{gender}'", "f'{gender}'"),
        ("eval('1')", "eval"),
        ("bs(years, df=1e8)", "bs"),
        ("I(9**9**9) > years", "9 ** 9"),
        ("years ** years", "years"),
        ("2 ** 2 ** 2 ** 2 ** 2 > years", "2 ** 2"),
        ("-" * 900 + "years", "parts"),
        ("(" * 90 + "years" + ")" * 90 + " > " + "not " * 30 + "1", "expression"),
        ("not " * 40 + "(years > 3)", "deep"),
        ("+".join(["years"] * 5000) + " > 3", "longer"),
        ("+".join(["years"] * 150) + " > 3", "parts"),
        ("yaers > 3", "years"),
        ("gender == 'Mael'", "Mael"),
        ("gender > 'A'", "orders"),
        ("gender == 3", "text with a number"),
        ("1 < years < 3", "chain"),
        ("years", "C(years)"),
        ("'years'", "no column"),
        ("years; years", "not an expression"),
        ("", "empty"),
        ("years == 1e999", "1e309"),
    ],
)
def test_refused_by_name_and_at_once(frame, expression, token):
    start = time.process_time()
    with pytest.raises(DesignError) as error:
        factor(expression, frame)
    assert time.process_time() - start < 0.05
    assert token in str(error.value)


def test_overflow_is_missing_not_an_error(frame):
    assert evaluate("((years + 9) ** 10) ** 10 * (years + 9) ** 10 ** 1", frame).notna().any()
    assert evaluate("exp(exp(years + 9))", frame).isna().all()


@pytest.mark.parametrize("formula", ["arousal", "arousal ~", "~ modality", "a ~ b ~ c", ""])
def test_formula_needs_two_sides(formula):
    with pytest.raises(DesignError, match="~"):
        split_formula(formula)


@pytest.mark.parametrize(
    "expression",
    ["modality + gender", "modality + offset(years)", "offset(years)", "gender * years"],
)
def test_several_terms_are_no_factor_and_the_error_names_the_models(frame, expression):
    with pytest.raises(DesignError, match=r"not one factor.*linear_model"):
        factor(expression, frame)

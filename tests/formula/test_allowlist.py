"""How much a formula may hold: each limit, and one more."""

from __future__ import annotations

import pytest

from muvistats.errors import DesignError
from muvistats.formula.allowlist import check, parse, split_formula


@pytest.mark.parametrize(
    ("allowed", "refused", "why"),
    [
        ("-" * 20 + "x", "-" * 21 + "x", "nested more than 20 deep"),
        ("x" * 1000, "x" * 1001, "longer than 1000 characters"),
        ("bs(x, df=30)", "bs(x, df=31)", "whole number up to 30"),
        ("poly(x, degree=10)", "poly(x, degree=11)", "whole number up to 10"),
        ("x**10", "x**11", "a number up to 10"),
        ("C(x, levels=['a', 'b'])", "C(x, levels=['a', b])", "a list of levels"),
        ("C(x, levels=['a'])", "C(x, levels=[])", "a list of levels"),
        ("C(x, levels=(1, 2))", "C(x, names=['a'])", "a list of levels"),
        ("C(x, Sum)", "C(x, Nothing)", "contrast 'Nothing' is not known"),
        ("bs(x, include_intercept=True)", "bs(x, include_intercept=1)", "True or False"),
    ],
)
def test_limits_of_a_term(allowed, refused, why):
    check(allowed)
    with pytest.raises(DesignError, match=why):
        check(refused)


def test_an_expression_has_two_hundred_parts_at_most():
    few = "[" + ",".join(["1"] * 198) + "]"  # the list, how it is read, and its numbers
    parse(few)
    with pytest.raises(DesignError, match="more than 200 parts"):
        parse(few.replace("[", "[1,"))


@pytest.mark.parametrize("formula", ["", "y", "y ~", "~ x", "~", "y ~ x ~ z"])
def test_a_formula_has_two_sides(formula):
    with pytest.raises(DesignError, match="needs one '~'"):
        split_formula(formula)
    assert split_formula(" y ~ x ") == ("y", "x")


def test_a_quoted_name_may_hold_any_sign():
    assert split_formula("Q('a~b') ~ Q(\"c ~ d\")") == ("Q('a~b')", 'Q("c ~ d")')
    with pytest.raises(DesignError, match="needs one '~'"):
        split_formula("Q('a ~ b')")

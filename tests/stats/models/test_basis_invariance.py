"""What must not change the numbers of a model: origin, unit, coding, row order, a copy."""

from __future__ import annotations

import copy
import itertools
import pickle

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.kernels.mixed.blocks import RandomBlock
from muvistats.stats.models.basis import turned_block

FIXED = ["df", "statistic", "p_value"]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    keys = [(p, i, m) for p in range(14) for i in range(12) for m in "abc" if rng.random() < 0.5]
    out = pd.DataFrame(keys, columns=["p", "i", "m"])
    out["x"] = rng.normal(2, 1, len(out))
    person, item = rng.normal(0, 0.6, 14), rng.normal(0, 0.5, 12)
    slope = rng.normal(0, 0.4, 14)
    eta = person[out["p"]] + item[out["i"]] + (0.3 + slope[out["p"]]) * out["x"]
    eta += 0.3 * (out["m"] == "b")
    out["y"] = eta + rng.normal(0, 0.5, len(out))
    out["z"] = rng.binomial(1, 1 / (1 + np.exp(0.8 - eta)))
    return out.assign(p="P" + out["p"].astype(str), i="I" + out["i"].astype(str))


def same_tests(first: pd.DataFrame, second: pd.DataFrame, rtol: float = 1e-6) -> None:
    for name in FIXED:
        np.testing.assert_allclose(first[name], second[name], rtol=rtol, err_msg=name)


@pytest.mark.parametrize("unit", [1e-8, 1e8])
@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("y ~ m + x + (x | p) + (1 | i)", {}),
        ("y ~ m + x + (x | p) + (1 | i)", {"df": "kenward-roger"}),
        ("y ~ m + x", {"cluster": ["p", "i"]}),
    ],
)
def test_unit_of_the_response(frame, formula, options, unit):
    fit = mv.mixed_model if "|" in formula else mv.linear_model
    first = fit(frame, formula, **options)
    second = fit(frame.assign(y=unit * frame["y"]), formula, **options)
    same_tests(first.tidy(), second.tidy())
    np.testing.assert_allclose(first.tidy()["estimate"] * unit, second.tidy()["estimate"])
    np.testing.assert_allclose(
        first.anova().select_dtypes("number"), second.anova().select_dtypes("number"), rtol=1e-6
    )
    glance = [each.glance().iloc[0] for each in (first, second)]
    shift = glance[0]["log_likelihood"] - glance[1]["log_likelihood"]
    rows = len(frame) - 4 * ("|" in formula)  # the restricted likelihood has fewer
    assert shift == pytest.approx(rows * np.log(unit), rel=1e-9)
    assert glance[0].get("converged", True) == glance[1].get("converged", True)


@pytest.mark.parametrize("origin", [1990.0, 1e6])
@pytest.mark.parametrize(
    ("formula", "family"),
    [
        ("y ~ m + x + (x | p) + (1 | i)", "gaussian"),
        ("y ~ m * x + (1 | p)", "gaussian"),
        ("z ~ m + x + (x | p) + (1 | i)", "binomial"),
        ("z ~ m + x", "glm"),
        ("y ~ m + x", "linear"),
    ],
)
def test_origin_of_a_number(frame, formula, family, origin):
    def fit(data):
        if family == "linear":
            return mv.linear_model(data, formula, cluster="p")
        if family == "glm":
            return mv.glm(data, formula)
        return mv.mixed_model(data, formula, family=family)

    first, second = fit(frame), fit(frame.assign(x=frame["x"] + origin))
    pair = [each.glance()["log_likelihood"].iloc[0] for each in (first, second)]
    assert pair[0] == pytest.approx(pair[1], abs=1e-6)
    tables = [each.tidy().set_index("term") for each in (first, second)]
    slopes = [term for term in tables[0].index if term.endswith("x")]
    assert slopes
    for name in ("estimate", "std_error", *FIXED):
        np.testing.assert_allclose(
            tables[0].loc[slopes, name], tables[1].loc[slopes, name], rtol=1e-5, atol=1e-9
        )
    means = [each.emmeans("m") for each in (first, second)]
    for name in ("estimate", "std_error", "df"):
        np.testing.assert_allclose(means[0][name], means[1][name], rtol=1e-5)
    np.testing.assert_allclose(first.predict(), second.predict(), rtol=1e-5, atol=1e-7)


def test_a_random_slope_far_from_zero_keeps_its_digits():
    codes = np.repeat(np.arange(6), 6)
    x = np.tile(np.arange(6.0), 6)
    near, far = (
        RandomBlock(np.column_stack([np.ones(36), x + origin]), codes, 6) for origin in (0, 1e12)
    )
    np.testing.assert_allclose(turned_block(near)[0].columns, turned_block(far)[0].columns)
    for block in (near, RandomBlock(np.column_stack([x, 2 * x]), codes, 6)):
        turned, back = turned_block(block)
        np.testing.assert_allclose(turned.columns, block.columns @ back, atol=1e-12)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_numbers_without_squares_are_refused(frame, unit):
    for formula in ("y ~ x + (1 | p)", "y ~ m + (0 + x | p)"):
        with pytest.raises(mv.DesignError, match=r"'x' reach .* another unit"):
            mv.mixed_model(frame.assign(x=frame["x"] * unit), formula)
    with pytest.raises(mv.DesignError, match=r"'x' reach .* another unit"):
        mv.glm(frame.assign(x=frame["x"] * unit), "z ~ x")


def test_a_narrow_number_far_from_zero_is_no_constant(frame):
    first = mv.linear_model(frame, "y ~ x").tidy()
    second = mv.linear_model(frame.assign(x=frame["x"] + 1e9), "y ~ x").tidy()
    same_tests(first.iloc[1:], second.iloc[1:], 1e-5)
    constant = mv.linear_model(frame.assign(x=1e9), "y ~ x").tidy()
    assert np.isnan(constant["estimate"].iloc[1])


@pytest.mark.parametrize(
    "coded", ["C(m, Sum)", "C(m, Helmert)", "C(m, Poly)", "C(m, Treatment('b'))"]
)
@pytest.mark.parametrize(
    ("formula", "family"),
    [
        ("y ~ {} * x + ({} | p)", "gaussian"),
        ("y ~ {} + x + (1 | i)", "gaussian"),
        ("y ~ {} + (1 | p)", "gaussian"),
        ("z ~ {} + x + (1 | p)", "binomial"),
    ],
)
def test_coding_of_a_factor(frame, formula, family, coded):
    first = mv.mixed_model(frame, formula.replace("{}", "m"), family=family)
    second = mv.mixed_model(frame, formula.replace("{}", coded), family=family)
    tables = [fit.anova() for fit in (first, second)]
    for name in ("statistic", "df", "df_denom", "p_value"):
        np.testing.assert_allclose(tables[0][name], tables[1][name], rtol=1e-5, atol=1e-12)
    means = [fit.emmeans("m") for fit in (first, second)]
    for name in ("estimate", "std_error", "df"):
        np.testing.assert_allclose(means[0][name], means[1][name], rtol=1e-5)


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger"])
def test_order_and_names_of_levels(frame, df):
    formula = "y ~ m * x + (m | p) + (1 | i)"
    first = mv.mixed_model(frame, formula, df=df)
    for order in itertools.permutations("abc"):
        turned = pd.Categorical(frame["m"], order).rename_categories(
            dict(zip("abc", "zyw", strict=True))
        )
        second = mv.mixed_model(frame.assign(m=turned), formula, df=df)
        ours, theirs = (
            fit.anova().set_index("term")[["statistic", "df", "df_denom", "p_value"]]
            for fit in (second, first)
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-12)


def test_row_order_and_copies(frame):
    fit = mv.mixed_model(frame, "y ~ m + x + (x | p) + (1 | i)")
    mixed = mv.mixed_model(frame.sample(frac=1, random_state=0), "y ~ m + x + (x | p) + (1 | i)")
    same_tests(fit.tidy(), mixed.tidy())
    for other in (pickle.loads(pickle.dumps(fit)), copy.deepcopy(fit)):
        assert other.tidy().equals(fit.tidy())
        np.testing.assert_array_equal(other.predict(frame), fit.predict(frame))


@pytest.mark.parametrize("formula", ["y ~ x + (x | p) + (1 | i)", "z ~ x + (1 | p)"])
def test_glance_says_that_the_optimum_is_a_minimum(frame, formula):
    family = "gaussian" if formula.startswith("y") else "binomial"
    for df in ("satterthwaite", "normal"):
        row = mv.mixed_model(frame, formula, family=family, df=df).glance().iloc[0]
        assert row["gradient"] < 1e-3
        assert row["curvature"] > 0

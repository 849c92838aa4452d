"""What a mixed model or a linear model says of bad input: an error, or a warning in the frame."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats import DataError, DesignError


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 120
    out = pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "a": rng.choice(["p", "q", "r"], n),
            "b": rng.choice(["s", "t"], n),
            "g": rng.integers(0, 10, n),
            "h": rng.integers(0, 12, n),
            "one": "same",
            "each": np.arange(n),
        }
    )
    out["z"] = rng.integers(0, 2, n)
    return out


@pytest.mark.parametrize(
    ("formula", "family", "match"),
    [
        ("y ~ x", "gaussian", "no random part"),
        ("y ~ x + (1 | one)", "gaussian", "only one level"),
        ("y ~ x + (1 | each)", "gaussian", "cannot be told from the residuals"),
        ("y ~ x + (x | each)", "gaussian", "cannot be told"),
        ("y ~ C(each) + (1 | g)", "gaussian", "more parameters than rows"),
        ("y ~ x + (1 | g)", "binomial", "0 or 1"),
        ("y ~ x + (1 | g)", "poisson", "counts"),
        ("one ~ x + (1 | g)", "binomial", "one value"),
        ("I(0 * y) ~ x + (1 | g)", "gaussian", "one value"),
        ("I(2 * x + 1) ~ x + (1 | g)", "gaussian", "without a residual"),
        ("y ~ x + (1 | g)", "gamma", "family"),
    ],
)
def test_refused_with_a_name(frame, formula, family, match):
    with pytest.raises(DesignError, match=match):
        mv.mixed_model(frame, formula, family=family)


def test_effects_that_fit_every_row_leave_no_residual():
    """Else any factor that varies within the groups has an F as large as you like."""
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"y": rng.normal(size=9), "x": rng.normal(size=9)})
    rows["a"], rows["b"] = [0, 0, 1, 1, 2, 2, 3, 3, 3], [0, 1, 1, 2, 2, 3, 3, 0, 1]
    assert len(mv.mixed_model(rows, "y ~ x + (1 | a) + (1 | b)").tidy()) == 2
    with pytest.raises(DesignError, match="fit each of 8 rows: nothing is left"):
        mv.mixed_model(rows[:8], "y ~ x + (1 | a) + (1 | b)")


def test_kenward_roger_needs_reml_and_a_size_it_can_do(frame):
    with pytest.raises(DesignError, match="reml=True"):
        mv.mixed_model(frame, "y ~ x + (1 | g)", reml=False, df="kenward-roger")
    large = pd.concat([frame] * 60, ignore_index=True).assign(each=lambda f: np.arange(len(f)) // 2)
    with pytest.raises(DesignError, match="too many for"):
        mv.mixed_model(large, "y ~ x + (1 | each)", df="kenward-roger")


@pytest.mark.parametrize("argument", [{"df": "kr"}, {"engine": "lme4"}])
def test_unknown_choices(frame, argument):
    with pytest.raises(DesignError, match=next(iter(argument))):
        mv.mixed_model(frame, "y ~ x + (1 | g)", **argument)


def test_collinear_columns_have_no_estimate_and_the_others_keep_theirs(frame):
    frame["twice"] = 2 * frame["x"] + 1
    fit = mv.mixed_model(frame, "y ~ x + twice + (1 | g)")
    expected = mv.mixed_model(frame, "y ~ x + (1 | g)").tidy()
    table = fit.tidy()
    assert table["estimate"].isna().tolist() == [True, True, True]  # none is determined alone
    assert table["warning"].str.contains("twice").all()
    assert len(expected) == 2
    assert fit.glance()["log_likelihood"].notna().all()
    assert fit.anova()["p_value"].isna().all()


def test_an_empty_cell_is_named_and_estimable_means_are_kept(frame):
    some = frame[~((frame["a"] == "r") & (frame["b"] == "t"))]
    fit = mv.mixed_model(some, "y ~ a * b + (1 | g)")
    table = fit.tidy().set_index("term")
    assert np.isnan(table.loc["a[T.r]:b[T.t]", "estimate"])
    assert "a[T.r]:b[T.t]" in table["warning"].iloc[0]
    assert table.loc["a[T.q]:b[T.t]", "estimate"] == pytest.approx(
        fit.emmeans(["a", "b"]).set_index("group")["estimate"].loc[["q, t", "q, s", "p, t", "p, s"]]
        @ [1, -1, -1, 1]
    )
    cells = fit.emmeans(["a", "b"]).set_index("group")
    assert np.isnan(cells.loc["r, t", "estimate"])
    assert "not estimable" in cells.loc["r, t", "warning"]
    assert np.isfinite(cells.loc["r, s", "estimate"])
    assert np.isnan(fit.emmeans("b").set_index("group").loc["t", "estimate"])


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_perfect_separation_is_named_and_has_no_number(frame, family):
    frame.loc[frame["a"] == "r", "z"] = 0
    fit = mv.mixed_model(frame, "z ~ a + x + (1 | g)", family=family)
    table = fit.tidy().set_index("term")
    assert np.isnan(table.loc["a[T.r]", ["estimate", "std_error", "p_value"]].astype(float)).all()
    assert table["warning"].str.contains("perfect separation").all()
    assert np.isfinite(table.loc["x", "estimate"])
    assert not fit.glance()["converged"].iloc[0]
    assert np.isnan(fit.contrasts("a").set_index("group2").loc["r", "estimate"]).all()
    plain = mv.glm(frame, "z ~ a + x", family=family).tidy().set_index("term")
    assert np.isnan(plain.loc["a[T.r]", "estimate"])
    assert "perfect separation" in plain.loc["a[T.r]", "warning"]


def test_a_variance_of_zero_is_said(frame):
    fit = mv.mixed_model(frame, "y ~ x + (1 | g) + (1 | h)")
    rows = frame.assign(y=frame["y"] - frame.groupby("g")["y"].transform("mean"))
    fit = mv.mixed_model(rows, "y ~ x + (1 | g)")
    assert fit.glance()["singular"].iloc[0]
    assert fit.tidy()["warning"].str.contains("singular").all()
    least = mv.linear_model(rows, "y ~ x").tidy()
    np.testing.assert_allclose(fit.tidy()["estimate"], least["estimate"], atol=1e-8)
    np.testing.assert_allclose(fit.tidy()["std_error"], least["std_error"], rtol=1e-6)


def test_few_levels_are_said(frame):
    fit = mv.mixed_model(frame, "y ~ x + (1 | a)")
    assert fit.tidy()["warning"].str.contains("fewer than 5 levels of a").all()


def test_missing_rows_are_counted_and_none_left_is_an_error(frame):
    frame.loc[:9, "x"] = np.nan
    assert (mv.mixed_model(frame, "y ~ x + (1 | g)").tidy()["n_missing"] == 10).all()
    with pytest.raises(DataError, match="no row"):
        mv.mixed_model(frame.assign(x=np.nan), "y ~ x + (1 | g)")


@pytest.mark.parametrize("by", ["x", "nowhere", ["a", "x"]])
def test_marginal_means_need_factors_of_the_model(frame, by):
    fit = mv.mixed_model(frame, "y ~ a + x + (1 | g)")
    with pytest.raises(DesignError, match=r"number in the model|not in the fixed part"):
        fit.emmeans(by)


def test_other_refusals_of_a_fit(frame):
    fit = mv.mixed_model(frame, "y ~ a + x + (1 | g)")
    with pytest.raises(DesignError, match="type"):
        fit.anova(type=2)
    with pytest.raises(DesignError, match="adjust"):
        fit.contrasts("a", adjust="magic")
    with pytest.raises(DesignError, match="conf_level"):
        fit.tidy(conf_level=95)
    with pytest.raises(DesignError, match="scale"):
        fit.predict(scale="log")
    with pytest.raises(DesignError, match="several random parts"):
        mv.mixed_model(frame, "y ~ a + (x | g) + (1 | h)", engine="statsmodels")
    with pytest.raises(DesignError, match="gaussian models only"):
        mv.mixed_model(frame, "z ~ a + (1 | g)", family="binomial", engine="statsmodels")


@pytest.mark.parametrize(
    ("formula", "cluster", "match"),
    [
        ("y ~ x + (1 | g)", None, "mixed_model"),
        ("y ~ x", "one", "only one level"),
        ("y ~ x", ["g", "h", "a"], "one or two"),
        ("y ~ x", "nowhere", "nowhere"),
        ("y ~ C(each)", None, "rows"),
    ],
)
def test_linear_model_refusals(frame, formula, cluster, match):
    with pytest.raises(DesignError, match=match):
        mv.linear_model(frame, formula, cluster=cluster)


def test_the_response_may_lie_far_from_0_but_its_square_is_a_number(frame):
    formula = "y ~ x + (1 | g)"
    here = mv.mixed_model(frame, formula).tidy()
    there = mv.mixed_model(frame.assign(y=frame["y"] + 1e8), formula).tidy()
    columns = ["std_error", "df"]
    np.testing.assert_allclose(there[columns], here[columns], rtol=1e-6)
    np.testing.assert_allclose(there["estimate"][1:], here["estimate"][1:], rtol=1e-5, atol=1e-7)
    for unit in (1e-200, 1e200):
        for fit in (mv.mixed_model, lambda data, _: mv.linear_model(data, "y ~ x")):
            with pytest.raises(DesignError, match="in another unit"):
                fit(frame.assign(y=frame["y"] * unit), formula)

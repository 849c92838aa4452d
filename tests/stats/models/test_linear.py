"""Linear and generalised linear models against closed forms and statsmodels' own formulas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels import api as sm

import muvistats as mv
from muvistats import DesignError


@pytest.fixture(scope="module")
def rated() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 300
    frame = pd.DataFrame(
        {
            "m": rng.choice(["a", "b", "c"], n),
            "x": rng.normal(size=n),
            "participant": rng.integers(0, 25, n),
            "item": rng.integers(0, 30, n),
        }
    )
    eta = 0.4 * frame["x"] + rng.normal(size=25)[frame["participant"]]
    frame["y"] = eta + rng.normal(size=n)
    frame["z"] = rng.binomial(1, 1 / (1 + np.exp(-eta)))
    frame["k"] = rng.poisson(np.exp(0.3 * eta))
    return frame


def matrix(frame: pd.DataFrame) -> np.ndarray:
    columns = [np.ones(len(frame)), frame["m"] == "b", frame["m"] == "c", frame["x"]]
    return np.column_stack(columns).astype(float)


def sandwich(x, residual, codes) -> np.ndarray:
    bread = np.linalg.inv(x.T @ x)
    groups = np.unique(codes)
    sums = np.array([(x * residual[:, None])[codes == g].sum(axis=0) for g in groups])
    n, p, count = len(x), x.shape[1], len(groups)
    factor = count / (count - 1) * (n - 1) / (n - p)
    return factor * bread @ sums.T @ sums @ bread


def test_least_squares_is_the_closed_form(rated):
    x, y = matrix(rated), rated["y"].to_numpy()
    beta = np.linalg.solve(x.T @ x, x.T @ y)
    residual = y - x @ beta
    variance = residual @ residual / (len(y) - 4)
    error = np.sqrt(np.diag(variance * np.linalg.inv(x.T @ x)))
    table = mv.linear_model(rated, "y ~ m + x").tidy()
    np.testing.assert_allclose(table["estimate"], beta)
    np.testing.assert_allclose(table["std_error"], error)
    np.testing.assert_allclose(table["p_value"], 2 * stats.t.sf(abs(beta / error), 296))
    assert (table["dependence"] == "independent").all()


def test_clusters_are_the_sandwich_one_way_and_two_way(rated):
    x, y = matrix(rated), rated["y"].to_numpy()
    residual = y - x @ np.linalg.solve(x.T @ x, x.T @ y)
    first, second = rated["participant"].to_numpy(), rated["item"].to_numpy()
    one = mv.linear_model(rated, "y ~ m + x", cluster="participant")
    np.testing.assert_allclose(one.covariance, sandwich(x, residual, first), rtol=1e-8)
    assert (one.tidy()["df"] == 24).all()
    both = mv.linear_model(rated, "y ~ m + x", cluster=["participant", "item"])
    expected = (
        sandwich(x, residual, first)
        + sandwich(x, residual, second)
        - sandwich(x, residual, first * 1000 + second)
    )
    np.testing.assert_allclose(both.covariance, expected, rtol=1e-8)
    assert (both.tidy()["dependence"] == "design").all()
    assert both.glance()["groups"].iloc[0] == "participant: 25, item: 30"


@pytest.mark.parametrize(("response", "family"), [("z", "binomial"), ("k", "poisson")])
def test_glm_and_gee_are_those_of_statsmodels(rated, response, family):
    kind = getattr(sm.families, family.capitalize())()
    formula = f"{response} ~ m + x"
    theirs = smf.glm(formula, rated, family=kind).fit(tol=1e-12)
    ours = mv.glm(rated, formula, family=family)
    np.testing.assert_allclose(ours.tidy()["estimate"], theirs.params, rtol=1e-7)
    np.testing.assert_allclose(ours.tidy()["std_error"], theirs.bse, rtol=1e-7)
    assert ours.glance()["log_likelihood"].iloc[0] == pytest.approx(theirs.llf)
    structure = sm.cov_struct.Exchangeable()
    gee = smf.gee(formula, "participant", rated, family=kind, cov_struct=structure).fit()
    own = mv.glm(
        rated, formula, family=family, cluster="participant", correlation="exchangeable"
    ).tidy()
    np.testing.assert_allclose(own["estimate"], gee.params, rtol=1e-6)
    np.testing.assert_allclose(own["std_error"], gee.bse, rtol=1e-6)
    assert own["method"].str.contains("GEE").all()


def test_type_three_test_of_a_factor_is_the_test_against_the_model_without_it(rated):
    full, less = (mv.linear_model(rated, f"y ~ {fixed}") for fixed in ("m + x", "x"))
    squares = [(fit.augment()["residual"] ** 2).sum() for fit in (full, less)]
    expected = (squares[1] - squares[0]) / 2 / (squares[0] / 296)
    row = full.anova().set_index("term").loc["m"]
    assert row["statistic"] == pytest.approx(expected)
    assert row["p_value"] == pytest.approx(stats.f.sf(expected, 2, 296))


def test_prediction_of_new_rows(rated):
    fit = mv.glm(rated, "z ~ m * center(x)")
    np.testing.assert_allclose(fit.predict(rated.iloc[:9]), fit.predict()[:9])
    holes = rated.iloc[:3].assign(x=[np.nan, 0.0, 1.0])
    assert np.isnan(fit.predict(holes)).tolist() == [True, False, False]


def test_every_table_keeps_its_contract(rated, assert_types):
    fit = mv.glm(rated, "z ~ m", cluster="participant")
    for frame in (fit.tidy(), fit.glance(), fit.anova(), fit.augment()):
        assert_types(frame)


def test_refusals(rated):
    with pytest.raises(DesignError, match="one for estimating"):
        mv.glm(rated, "z ~ x", correlation="exchangeable")
    with pytest.raises(DesignError, match="family"):
        mv.glm(rated, "z ~ x", family="gamma")
    with pytest.raises(DesignError, match="correlation"):
        mv.glm(rated, "z ~ x", cluster="item", correlation="ar")
    table = mv.linear_model(rated.iloc[:60], "y ~ x", cluster="m").tidy()
    assert table["warning"].str.contains("fewer than 20 clusters").all()


def test_criteria_count_the_spread_of_a_gaussian_response_only(rated):
    """As in R: a gaussian model has its variance as one more parameter."""
    for response, family, n in (("y", "gaussian", 5), ("z", "binomial", 4), ("k", "poisson", 4)):
        whole = mv.glm(rated, f"{response} ~ m + x", family=family).glance().iloc[0]
        assert whole["aic"] == pytest.approx(2 * n - 2 * whole["log_likelihood"])
        assert whole["bic"] == pytest.approx(np.log(300) * n - 2 * whole["log_likelihood"])


def test_tukey_has_p_from_one_degree_of_freedom():
    frame = pd.DataFrame({"m": list("aabc"), "y": [1.0, 2.0, 4.0, 5.5]})
    rows = mv.linear_model(frame, "y ~ m").contrasts("m", adjust="tukey")
    t = rows["statistic"].abs()
    expected = stats.studentized_range.sf(np.sqrt(2) * t, 3, 1)
    assert rows["p_adjusted"].tolist() == pytest.approx(expected.tolist(), rel=1e-4)


def test_a_perfect_fit_says_that_its_errors_are_of_rounding(rated):
    for model in ("y ~ x", "y ~ x + m"):
        rows = mv.linear_model(rated.assign(y=2 * rated["x"]), model).tidy()
        assert rows["warning"].str.contains("errors are of rounding").all()
    far = rated.assign(y=rated["y"] + 1e9)  # what is left is small beside the response, not nothing
    assert mv.linear_model(far, "y ~ x").tidy()["warning"].isna().all()

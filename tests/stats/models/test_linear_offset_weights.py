"""Offsets and prior weights against closed forms, statsmodels and transformed rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import optimize
from statsmodels import api as sm

import muvistats as mv
from muvistats import DataError, DesignError


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 200
    out = pd.DataFrame(
        {
            "m": rng.choice(["a", "b", "c"], n),
            "x": rng.normal(size=n),
            "g": rng.choice(list("pqrstuvw"), n),
            "o": rng.normal(size=n),
            "w": rng.uniform(0.3, 4, n),
        }
    )
    eta = (
        0.4 * out["x"]
        + out["o"]
        + out["g"].map(dict(zip("pqrstuvw", rng.normal(size=8), strict=True)))
    )
    out["y"] = eta + rng.normal(size=n) / np.sqrt(out["w"])
    out["z"] = rng.binomial(1, 1 / (1 + np.exp(-eta)))
    out["k"] = rng.poisson(np.exp(0.4 * eta))
    return out


def test_offset_of_a_gaussian_model_is_taken_off_and_given_back(frame):
    moved = frame.assign(y=frame["y"] - frame["o"])
    for fixed in ("m + x", "m + x + (x | g)"):
        fit = mv.mixed_model if "|" in fixed else mv.linear_model
        ours, plain = fit(frame, f"y ~ {fixed} + offset(o)"), fit(moved, f"y ~ {fixed}")
        np.testing.assert_allclose(ours.tidy()["estimate"], plain.tidy()["estimate"], rtol=1e-10)
        np.testing.assert_allclose(ours.tidy()["std_error"], plain.tidy()["std_error"], rtol=1e-10)
        np.testing.assert_allclose(ours.predict(), plain.predict() + frame["o"], rtol=1e-10)
        np.testing.assert_allclose(ours.predict(frame.iloc[:7]), ours.predict()[:7], rtol=1e-10)
        np.testing.assert_allclose(
            ours.augment()["residual"], plain.augment()["residual"], atol=1e-10
        )
        means = ours.emmeans("m")["estimate"] - frame["o"].mean()
        np.testing.assert_allclose(means, plain.emmeans("m")["estimate"], rtol=1e-10)


def test_marginal_means_hold_the_mean_offset_as_those_of_r():
    # R 4.2.2, emmeans(glm(y ~ g + x + offset(log(t)), poisson), "g"), and of lm with offset(t)
    frame = pd.DataFrame(
        {
            "y": [3, 5, 2, 8, 7, 12, 4, 6],
            "g": list("abababab"),
            "x": np.arange(1, 9) / 2,
            "t": [1.0, 2, 1, 3, 2, 4, 1, 2],
        }
    )
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    counts = mv.glm(frame, "y ~ g + x + offset(log(t))", family="poisson").emmeans("g")
    theirs = [
        [1.7433894, 0.25011273, 1.2531774, 2.2336013],
        [1.5734879, 0.18857684, 1.2038841, 1.9430917],
    ]
    np.testing.assert_allclose(counts[columns], theirs, rtol=1e-6)
    np.testing.assert_allclose(counts["statistic"], counts["estimate"] / counts["std_error"])
    sizes = mv.linear_model(frame, "y ~ g + x + offset(t)").emmeans("g")
    theirs = [[4.9125, 0.9743748, 2.40779, 7.41721], [6.8375, 0.9743748, 4.33279, 9.34221]]
    np.testing.assert_allclose(sizes[columns], theirs, rtol=1e-5)
    pair = mv.linear_model(frame, "y ~ g + x + offset(t)").contrasts("g")
    assert pair["estimate"].item() == pytest.approx(4.9125 - 6.8375)


@pytest.mark.parametrize(("response", "family"), [("z", "binomial"), ("k", "poisson")])
def test_offset_and_weights_of_a_glm_are_those_of_statsmodels(frame, response, family):
    kind = getattr(sm.families, family.capitalize())()
    theirs = smf.glm(
        f"{response} ~ m + x", frame, family=kind, offset=frame["o"], var_weights=frame["w"]
    ).fit(tol=1e-12)
    ours = mv.glm(frame, f"{response} ~ m + x + offset(o)", family=family, weights="w")
    np.testing.assert_allclose(ours.tidy()["estimate"], theirs.params, rtol=1e-7)
    np.testing.assert_allclose(ours.tidy()["std_error"], theirs.bse, rtol=1e-7)
    np.testing.assert_allclose(ours.predict(frame), theirs.fittedvalues, rtol=1e-7)
    assert ours.glance()["log_likelihood"].iloc[0] == pytest.approx(theirs.llf)
    gee = smf.gee(f"{response} ~ m + x", "g", frame, family=kind, offset=frame["o"]).fit()
    own = mv.glm(
        frame,
        f"{response} ~ m + x + offset(o)",
        family=family,
        cluster="g",
        correlation="independence",
    )
    np.testing.assert_allclose(own.tidy()["estimate"], gee.params, rtol=1e-6)
    np.testing.assert_allclose(own.tidy()["std_error"], gee.bse, rtol=1e-6)


@pytest.mark.parametrize(("response", "family"), [("z", "binomial"), ("k", "poisson")])
def test_a_constant_offset_of_a_mixed_model_is_taken_off_the_intercept(frame, response, family):
    frame = frame.assign(c=1.5, both=frame["o"] + 1.5)
    first = mv.mixed_model(frame, f"{response} ~ x + offset(o) + (1 | g)", family=family)
    second = mv.mixed_model(frame, f"{response} ~ x + offset(both) + (1 | g)", family=family)
    third = mv.mixed_model(
        frame, f"{response} ~ x + offset(o) + offset(c) + (1 | g)", family=family
    )
    change = first.tidy()["estimate"] - second.tidy()["estimate"]
    np.testing.assert_allclose(change, [1.5, 0], atol=1e-6)
    np.testing.assert_allclose(second.tidy()["estimate"], third.tidy()["estimate"], atol=1e-6)
    np.testing.assert_allclose(first.predict(), second.predict(), atol=1e-6)
    np.testing.assert_allclose(first.predict(frame), first.predict(), atol=1e-9)
    free = mv.mixed_model(frame, f"{response} ~ x + o + (1 | g)", family=family)
    difference = free.glance()["log_likelihood"].iloc[0] - first.glance()["log_likelihood"].iloc[0]
    assert difference > 0  # a free coefficient fits at least as well


def test_weighted_least_squares_is_that_of_transformed_rows(frame):
    theirs = smf.wls("y ~ m + x", frame, weights=frame["w"]).fit()
    ours = mv.linear_model(frame, "y ~ m + x", weights="w")
    np.testing.assert_allclose(ours.tidy()["estimate"], theirs.params, rtol=1e-9)
    np.testing.assert_allclose(ours.tidy()["std_error"], theirs.bse, rtol=1e-9)
    assert ours.glance()["log_likelihood"].iloc[0] == pytest.approx(theirs.llf)
    assert ours.glance()["sigma"].iloc[0] == pytest.approx(np.sqrt(theirs.scale))
    groups = {"groups": frame["g"].astype("category").cat.codes}
    robust = smf.wls("y ~ m + x", frame, weights=frame["w"]).fit(
        cov_type="cluster", cov_kwds=groups
    )
    clustered = mv.linear_model(frame, "y ~ m + x", cluster="g", weights="w")
    np.testing.assert_allclose(clustered.tidy()["std_error"], robust.bse, rtol=1e-8)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("unit", [1.0, 1e8])
def test_weights_of_a_mixed_model_maximise_the_weighted_likelihood(frame, reml, unit):
    frame = frame.assign(w=unit * frame["w"])
    fit = mv.mixed_model(frame, "y ~ x + (1 | g)", weights="w", reml=reml)
    x = np.column_stack([np.ones(len(frame)), frame["x"]])
    z = pd.get_dummies(frame["g"]).to_numpy(float)
    y = frame["y"].to_numpy()
    root = np.sqrt(unit)

    def parts(sd):
        v = sd[0] ** 2 * z @ z.T + np.diag((sd[1] * root) ** 2 / frame["w"])
        inverse = np.linalg.inv(v)
        information = x.T @ inverse @ x
        beta = np.linalg.solve(information, x.T @ inverse @ y)
        rest = y - x @ beta
        value = np.linalg.slogdet(v)[1] + rest @ inverse @ rest
        value += (np.linalg.slogdet(information)[1] if reml else 0.0) + (
            len(y) - 2 * reml
        ) * np.log(2 * np.pi)
        return value, beta, np.linalg.inv(information)

    best = optimize.minimize(lambda sd: parts(sd)[0], [1.0, 1.0], tol=1e-10).x
    sd = fit.variance_components()["estimate"].to_numpy() / [1, root]
    np.testing.assert_allclose(sd, np.abs(best), rtol=1e-4)
    value, beta, covariance = parts(sd)
    assert fit.glance()["log_likelihood"].iloc[0] == pytest.approx(-value / 2, abs=1e-8)
    np.testing.assert_allclose(fit.tidy()["estimate"], beta, rtol=1e-8)
    np.testing.assert_allclose(fit.tidy()["std_error"], np.sqrt(np.diag(covariance)), rtol=1e-8)


@pytest.mark.parametrize("level", [1e-20, 1e-6, 1e12])
@pytest.mark.parametrize("cluster", [None, "g"])
def test_the_level_of_the_weights_of_a_glm_is_that_of_its_information(frame, level, cluster):
    scaled = frame.assign(w=frame["w"] * level)
    first, second = (
        mv.glm(data, "z ~ m + x", weights="w", cluster=cluster) for data in (frame, scaled)
    )
    np.testing.assert_allclose(first.tidy()["estimate"], second.tidy()["estimate"], rtol=1e-9)
    root = 1.0 if cluster else np.sqrt(level)
    errors = second.tidy()["std_error"] * root
    np.testing.assert_allclose(first.tidy()["std_error"], errors, rtol=1e-9)
    found = [fit.glance()["log_likelihood"].item() for fit in (first, second)]
    assert found[1] / level == pytest.approx(found[0], rel=1e-9)


def test_refusals(frame):
    with pytest.raises(DesignError, match="gaussian"):
        mv.mixed_model(frame, "z ~ x + (1 | g)", family="binomial", weights="w")
    with pytest.raises(DesignError, match="no prior weights"):
        mv.glm(frame, "z ~ x", cluster="g", correlation="exchangeable", weights="w")
    with pytest.raises(DesignError, match="numbers"):
        mv.linear_model(frame, "y ~ x", weights="m")
    with pytest.raises(DataError, match="not above 0"):
        mv.linear_model(frame.assign(w=0.0), "y ~ x", weights="w")
    with pytest.raises(DesignError, match="no column"):
        mv.linear_model(frame, "y ~ x", weights="nowhere")
    first = mv.mixed_model(frame, "y ~ x + (1 | g)")
    with pytest.raises(DesignError, match="offsets or weights"):
        first.compare(mv.mixed_model(frame, "y ~ x + m + offset(o) + (1 | g)"))
    missing = mv.linear_model(
        frame.assign(w=frame["w"].where(frame.index > 4)), "y ~ x", weights="w"
    )
    assert (missing.tidy()["n_missing"] == 5).all()

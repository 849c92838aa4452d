"""Ordinal and bounded ratings in mixed models: what they answer, and what they refuse."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.kernels.mixed.search import fit_laplace
from muvistats.stats.models import estimation

WORDS = ["low", "middle", "high", "top"]
CROSSED = "(1 | participant) + (1 | item)"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    grid = pd.MultiIndex.from_product([range(12), range(10)], names=["participant", "item"])
    frame = grid.to_frame(index=False)
    frame["cut"] = np.where(frame.sum(axis=1) % 2, "long", "short")
    eta = 0.8 * (frame["cut"] == "long") + rng.normal(size=12)[frame["participant"]]
    frame["calm"] = np.clip(np.round(eta + rng.logistic(size=120) + 2), 0, 3) + 1
    frame["word"] = pd.Categorical.from_codes(frame["calm"].astype(int) - 1, WORDS, ordered=True)
    mean = 1 / (1 + np.exp(-eta))
    frame["share"] = rng.beta(4 * mean, 4 * (1 - mean))
    return frame


@pytest.fixture(scope="module")
def fit(frame):
    return mv.mixed_model(frame, f"calm ~ cut + {CROSSED}", family="cumulative")


def test_words_in_an_order_are_numbers(frame, fit):
    words = mv.mixed_model(frame, f"word ~ cut + {CROSSED}", family="cumulative")
    assert fit.tidy()["term"].tolist() == ["1|2", "2|3", "3|4", "cut[T.short]"]
    assert words.tidy()["term"].tolist() == [
        "low|middle",
        "middle|high",
        "high|top",
        "cut[T.short]",
    ]
    np.testing.assert_allclose(words.tidy()["estimate"], fit.tidy()["estimate"])
    np.testing.assert_allclose(words.predict(), fit.predict())


def test_probabilities_are_of_the_thresholds(fit):
    rows = fit.tidy().set_index("term")["estimate"]
    new = pd.DataFrame({"cut": ["long", "short"]})
    found = fit.predict(new, random=False, scale="probability")
    below = [1 / (1 + np.exp(-(rows[t] - [0, rows["cut[T.short]"]]))) for t in rows.index[:3]]
    np.testing.assert_allclose(found.cumsum(axis=1)[:, :3].T, below, atol=1e-12)
    np.testing.assert_allclose(fit.predict(new, random=False), found @ [1, 2, 3, 4])
    augmented = fit.augment()
    assert set(augmented["observed"]) == {1, 2, 3, 4}
    assert augmented["residual"].mean() == pytest.approx(0, abs=0.1)
    assert augmented["pearson_residual"].std() == pytest.approx(0.9, abs=0.2)


def test_whole_fit(fit):
    row = fit.glance().iloc[0]
    assert row["n_parameters"] == 3 + 1 + 2
    assert fit.anova()["term"].tolist() == ["cut"]
    assert fit.r2()["r2_conditional"].item() > fit.r2()["r2_marginal"].item() > 0
    assert len(fit.diagnostics())


def test_a_category_that_only_rows_left_out_have_is_gone(frame):
    more = frame.assign(cut=frame["cut"].where(frame["calm"] != 4))
    terms = mv.mixed_model(more, f"calm ~ cut + {CROSSED}", family="cumulative").tidy()["term"]
    assert terms.tolist() == ["1|2", "2|3", "cut[T.short]"]


def test_separated_categories_have_no_finite_estimate(frame):
    never = frame[~((frame["cut"] == "long") & (frame["calm"] > 1))]
    rows = mv.mixed_model(never, f"calm ~ cut + {CROSSED}", family="cumulative").tidy()
    assert rows.loc[rows["term"] == "cut[T.short]", "estimate"].isna().all()
    assert rows["warning"].str.contains("perfect separation").all()


def test_beta_models_answer(frame):
    fit = mv.mixed_model(frame, f"share ~ cut + {CROSSED}", family="beta")
    assert fit.predict().min() > 0
    assert fit.predict().max() < 1
    assert fit.emmeans("cut")["fitted"].between(0, 1).all()
    table = fit.augment()
    mean, phi = table["fitted"], fit.estimates.extra[0]
    variance = mean * (1 - mean) / (1 + phi)  # Ferrari and Cribari-Neto (2004)
    expected = (frame["share"] - mean) / np.sqrt(variance)
    np.testing.assert_allclose(table["pearson_residual"], expected)
    assert "no residual variance" in fit.r2()["warning"].item()


@pytest.mark.parametrize(
    ("formula", "family", "says"),
    [
        ("C(item) ~ cut", "cumulative", "levels without an order"),
        ("item ~ 0 + cut", "cumulative", "needs the intercept"),
        ("I(calm > 2) ~ cut", "cumulative", "two are binomial"),
        ("share ~ cut", "cumulative", "120 categories"),
        ("calm ~ cut", "beta", "between 0 and 1"),
    ],
)
def test_what_a_family_cannot_have_is_refused(frame, formula, family, says):
    with pytest.raises(mv.DesignError, match=says):
        mv.mixed_model(frame, f"{formula} + {CROSSED}", family=family)


def test_a_few_counts_among_fractions_are_no_counts(frame):
    mixed = frame.assign(count=np.where(frame["item"] == 0, 2.0, frame["share"]))
    with pytest.raises(mv.DesignError, match="must be counts"):
        mv.mixed_model(mixed, f"count ~ cut + {CROSSED}", family="poisson")


def test_probabilities_are_of_categories_only(frame):
    fit = mv.mixed_model(frame, f"share ~ cut + {CROSSED}", family="beta")
    with pytest.raises(mv.DesignError, match="scale"):
        fit.predict(scale="probability")


def test_a_search_that_did_not_end_is_said_and_separation_is_looked_for(frame, monkeypatch):
    stopped = functools.partial(dataclasses.replace, converged=False)
    monkeypatch.setattr(estimation, "fit_laplace", lambda model: stopped(fit_laplace(model)))
    plain = mv.mixed_model(frame, f"I(calm > 2) ~ cut + {CROSSED}", family="binomial")
    assert not plain.estimates.converged
    assert any("the optimum was not found" in reason for reason in plain.reasons)

    def begun(model):  # nothing is far away yet
        found = fit_laplace(model)
        short, size = found.parameters.copy(), len(found.parameters)
        short[model.n_theta :] = 0
        return stopped(dataclasses.replace(found, parameters=short, hessian=np.eye(size)))

    monkeypatch.setattr(estimation, "fit_laplace", begun)
    parted = frame.assign(z=(frame["cut"] == "long").astype(int))
    fit = mv.mixed_model(parted, f"z ~ cut + {CROSSED}", family="binomial")
    assert any("perfect separation" in reason for reason in fit.reasons)

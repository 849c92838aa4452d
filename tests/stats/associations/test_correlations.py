"""Correlations within people, partial ones, and Bayes factors, by hand and by quadrature."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import integrate, stats

import muvistats as mv

pytest.importorskip("pingouin")

NAMES = {"item": "clip", "participant": "subject"}


@pytest.fixture
def ratings() -> pd.DataFrame:
    """8 people rate 15 clips; people who are more aroused are less pleased."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"subject": np.repeat(range(8), 15), "clip": np.tile(range(15), 8)})
    level = np.repeat(rng.normal(size=8), 15)
    frame["calm"] = rng.normal(size=120) + level
    frame["glad"] = 0.4 * frame["calm"] - 2 * level + rng.normal(size=120)
    frame["loud"] = frame["calm"] + rng.normal(size=120)
    frame["cut"] = np.where(frame["clip"] % 2, "fast", "slow")
    frame.loc[[3, 40], "glad"] = np.nan
    return frame


def test_correlation_within_people(ratings):
    row = mv.rm_corr(ratings, "glad ~ calm", **NAMES).iloc[0]
    used = ratings.dropna()
    within = used[["calm", "glad"]] - used.groupby("subject")[["calm", "glad"]].transform("mean")
    r = np.corrcoef(within.T)[0, 1]
    model = smf.ols("glad ~ calm + C(subject)", used).fit()
    assert row["estimate"] == pytest.approx(r, rel=1e-10)
    assert row["p_value"] == pytest.approx(model.pvalues["calm"], rel=1e-10)
    assert (row["df"], row["n"], row["n_missing"]) == (model.df_resid, 118, 2)
    limits = np.tanh(np.arctanh(r) + np.array([-1, 1]) * stats.norm.ppf(0.975) / np.sqrt(108))
    assert row[["conf_low", "conf_high"]].tolist() == pytest.approx(limits.tolist(), rel=1e-10)
    assert r > 0 > np.corrcoef(used["calm"], used["glad"])[0, 1]


def test_partial_correlation_of_means(ratings):
    row = mv.partial_correlation(ratings, "glad ~ calm", given="loud", **NAMES).iloc[0]
    means = ratings.dropna().groupby("clip")[["glad", "calm", "loud"]].mean()
    model = smf.ols("glad ~ calm + loud", means).fit()
    t = model.tvalues["calm"]
    assert row["estimate"] == pytest.approx(t / np.sqrt(t**2 + model.df_resid), rel=1e-9)
    assert row["p_value"] == pytest.approx(model.pvalues["calm"], rel=1e-9)
    plain = mv.partial_correlation(ratings, "glad ~ calm", **NAMES).iloc[0]
    assert (plain["estimate"], plain["p_value"]) == pytest.approx(
        tuple(stats.pearsonr(means["glad"], means["calm"]))
    )
    assert (plain["df"], row["df"]) == (13, 12)


def jzs(t: float, n: float, df: float, scale: float = 0.707) -> float:
    """Bayes factor of Rouder et al. (2009), equation 1, by quadrature over g."""

    def inner(g: float) -> float:
        a = 1 + n * g * scale**2
        return (
            a**-0.5
            * (1 + t**2 / (a * df)) ** (-(df + 1) / 2)
            * (2 * np.pi) ** -0.5
            * g**-1.5
            * np.exp(-1 / (2 * g))
        )

    return integrate.quad(inner, 0, np.inf)[0] / (1 + t**2 / df) ** (-(df + 1) / 2)


def test_bayes_factors_of_t_tests(ratings):
    row = mv.bayes_factor(ratings, "calm ~ cut", **NAMES).iloc[0]  # clips have one cut
    means = ratings.groupby(["cut", "clip"])["calm"].mean()
    t = stats.ttest_ind(means["fast"], means["slow"]).statistic
    assert row["statistic"] == pytest.approx(t)
    assert row["bayes_factor"] == pytest.approx(jzs(t, 7 * 8 / 15, 13), rel=1e-6)
    row = mv.bayes_factor(ratings, "calm ~ cut", block="participant", **NAMES).iloc[0]
    means = ratings.groupby(["cut", "subject"])["calm"].mean()
    t = stats.ttest_rel(means["fast"], means["slow"]).statistic
    assert row["statistic"] == pytest.approx(t)
    assert row["bayes_factor"] == pytest.approx(jzs(t, 8, 7), rel=1e-6)
    assert (row["group1"], row["group2"], row["n_clusters"], row["df"]) == ("fast", "slow", 8, 7)


def test_bayes_factor_of_a_correlation(ratings):
    row = mv.bayes_factor(ratings, "glad ~ calm", **NAMES).iloc[0]
    means = ratings.dropna().groupby("clip")[["glad", "calm"]].mean()
    r = np.corrcoef(means.T)[0, 1]

    def likelihood(rho: float) -> float:
        """Density of r, up to what does not depend on rho (Hotelling, 1953), n = 15."""
        from scipy.special import hyp2f1

        return (
            (1 - rho**2) ** 7
            * (1 - rho * r) ** (1 - 15 + 0.5)
            * hyp2f1(0.5, 0.5, (2 * 15 - 1) / 2, (1 + r * rho) / 2)
        )

    theirs = integrate.quad(likelihood, -1, 1)[0] / 2 / likelihood(0.0)
    assert (row["statistic"], row["df"]) == (pytest.approx(r), 15 - 2)
    assert row["bayes_factor"] == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("name", ["rm_corr", "partial_correlation", "bayes_factor"])
def test_what_cannot_be_asked_is_missing_with_a_reason(ratings, name):
    ask = getattr(mv, name)
    flat = ask(ratings.assign(calm=2.0), "glad ~ calm", **NAMES).iloc[0]
    few = ask(ratings[ratings[["subject", "clip"]].max(axis=1) < 1], "glad ~ calm", **NAMES).iloc[0]
    for row in (flat, few):
        assert row["warning"]
        assert np.isnan(row["bayes_factor" if name == "bayes_factor" else "estimate"])


@pytest.mark.parametrize("name", ["rm_corr", "partial_correlation", "bayes_factor"])
def test_without_the_extra_it_is_named(ratings, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "pingouin", None)
    held = {"given": "loud"} if name == "partial_correlation" else {}
    with pytest.raises(mv.MissingExtraError, match=r"muvistats\[pingouin\]"):
        getattr(mv, name)(ratings, "glad ~ calm", **held, **NAMES)


def test_a_plain_correlation_needs_no_extra(ratings, monkeypatch):
    """The report shows some, and `make report` installs the core alone."""
    with_extra = mv.partial_correlation(ratings, "glad ~ calm", **NAMES)
    monkeypatch.setitem(sys.modules, "pingouin", None)
    pd.testing.assert_frame_equal(
        mv.partial_correlation(ratings, "glad ~ calm", **NAMES), with_extra
    )


def test_more_than_two_groups_have_no_t(ratings):
    own = ratings.assign(third=[f"g{clip % 3}" for clip in ratings["clip"]])
    with pytest.raises(mv.DesignError, match="3 groups"):
        mv.bayes_factor(own, "calm ~ third", **NAMES)


@pytest.mark.parametrize("unit", [2.0**-600, 2.0**600])
def test_no_unit_is_too_small_or_large(ratings, unit):
    scaled = ratings.assign(**{name: ratings[name] * unit for name in ("calm", "glad", "loud")})
    for ask in (
        lambda frame: mv.rm_corr(frame, "glad ~ calm", **NAMES),
        lambda frame: mv.partial_correlation(frame, "glad ~ calm", given="loud", **NAMES),
        lambda frame: mv.partial_correlation(frame, "glad ~ calm", **NAMES),
        lambda frame: mv.bayes_factor(frame, "glad ~ calm", **NAMES),
        lambda frame: mv.bayes_factor(frame, "glad ~ cut", **NAMES),
    ):
        pd.testing.assert_frame_equal(ask(scaled), ask(ratings), rtol=1e-9)

"""Published findings beside tests that respect the design."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import muvistats as mv
from muvistats.kernels.ranks.effects import partial_eta_squared
from muvistats.results.vocabulary import VERDICTS
from muvistats.stats.sensitivity.claims import Claim, claims_of
from muvistats.stats.sensitivity.evidence import Evidence
from muvistats.stats.sensitivity.table import LIMIT, _by_adjustment, survival, verdict

N = 499


def with_labels(study, keep):
    """The study with some of its labels."""
    study = study.copy()
    annotations = study["annotations"].to_dataset()
    study["annotations"] = xr.DataTree(annotations.isel(label=keep(annotations["label"])))
    return study


def brief(study):
    """The study with the labels that the findings name: a model for each takes most of the time."""
    names = {claim.label for claim in claims_of(study)}
    return with_labels(study, lambda label: label.isin(list(names)))


@pytest.fixture(scope="module")
def small():
    return brief(mv.simulate_muvi(rng=2, n_items=9, n_participants=12, features=False))


@pytest.fixture(scope="module")
def analyses(default_study):
    return mv.sensitivity_table(default_study, level="analysis", n_resamples=N)


@pytest.fixture(scope="module")
def simulated(analyses):
    """A row for each finding, with what all its analyses share."""
    return analyses[analyses["analysis"] == "design"].set_index("finding")


def word(differs, p_design, p_model, signs=(1, 1, 1), claimed=0):
    claim = Claim(("x", "y", "z"), "t", differs, sign=claimed)
    p = (0.5, p_design, p_model)
    return survival(claim, *(Evidence(a, sign=s) for a, s in zip(p, signs, strict=True)))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((True, 0.01, 0.01), "holds"),
        ((True, 0.01, 0.2), "weakens"),
        ((True, 0.2, 0.01), "weakens"),
        ((True, 0.2, 0.2), "does not survive"),
        ((True, 0.05, 0.049), "weakens"),
        ((True, 0.01, 0.01, (1, 1, -1)), "weakens"),
        ((True, 0.01, 0.01, (1, -1, -1)), "reversed"),
        ((True, 0.01, 0.01, (-1, -1, -1), 1), "reversed"),
        ((True, 0.01, 0.2, (1, -1, -1)), "does not survive"),
        ((True, 0.01, 0.2, (1, -1, 1)), "does not survive"),
        ((True, 0.01, 0.01, (0, 0, 0)), "holds"),
        ((False, 0.2, 0.01), "stays null"),
        ((False, 0.01, 0.01), "emerges"),
        ((False, 0.01, 0.01, (1, 1, -1)), "stays null"),
        ((True, np.nan, 0.01), "undecided"),
        ((False, 0.3, np.nan), "undecided"),
    ],
)
def test_the_rule_behind_the_word(arguments, expected):
    assert word(*arguments) == expected


@pytest.mark.parametrize(
    ("p_design", "least", "p_model", "adjusted", "expected"),
    [
        (0.01, 0.01, 0.001, 0.23, LIMIT),  # a smaller p would hold
        (0.01, 0.01, 0.5, 0.23, LIMIT),  # and here weaken
        (0.01, 0.01, 0.001, 0.04, "holds"),
        (0.02, 0.01, 0.001, 0.46, "weakens"),  # more than the least: it is what it is
        (0.01, np.nan, 0.001, 0.23, "weakens"),  # no permutation
        (0.01, 0.01, np.nan, 0.23, "undecided"),
    ],
)
def test_the_limit_of_resampling_does_not_decide(p_design, least, p_model, adjusted, expected):
    claim = Claim(("x", "y", "z"), "t", differs=True)
    evidence = {
        "independent": Evidence(0.001, sign=1),
        "design": Evidence(p_design, sign=1, least_p=least),
        "mixed model": Evidence(p_model, sign=1),
    }
    p_values = {"independent": 0.02, "design": adjusted, "mixed model": p_model}
    assert verdict(claim, evidence, p_values) == expected


@pytest.mark.parametrize(
    ("words", "error", "expected"),
    [
        (("holds", "weakens"), np.nan, "design p = .076; more resamples would not change it"),
        (("holds", "weakens"), 0.0003, "design p = .076; more resamples would not change it"),
        (("holds", "weakens"), 0.0007, "design p = .076; more resamples may change it"),
        (("holds", "holds"), 0.0007, ""),
        (("holds", LIMIT), 0.0007, ""),
    ],
)
def test_what_the_adjustment_does_is_said(words, error, expected):
    """Of .0038 times 20 an error of .0003 reaches .012 lower, not .026."""
    evidence = {
        "independent": Evidence(0.001),
        "design": Evidence(0.0038, mc_error=error),
        "mixed model": Evidence(1e-7),
    }
    adjusted = {"independent": 0.02, "design": 0.076, "mixed model": 2e-6}
    said = _by_adjustment(words, evidence, adjusted).replace("\u00a0", " ")
    assert said == (f"{words[1]} by the adjustment: {expected}" if expected else "")


def test_the_number_of_resamples_does_not_decide():
    """With 99 permutations Holm over 24 findings could reach no more than .24."""
    many = brief(mv.simulate_muvi(rng=5, n_items=36, n_participants=42, features=False))
    found = mv.sensitivity_table(many, n_resamples=99)
    assert set(found["verdict_adjusted"]) <= set(VERDICTS["sensitivity_table"])
    permuted = (found["mc_error"] > 0) & ~found["finding"].str.startswith("audiovisual")
    first = permuted & (found["n_resamples"] == 99)
    assert (found.loc[first, "p_design"] > 0.1).all()
    again = found[permuted & ~first]
    family = found["p_design"].notna().sum()
    assert (again["n_resamples"] == 200 * family - 1).all()  # the least p, times these, is .005
    least = again[again["p_design"] < 1.01 / (200 * family)]
    assert len(least)
    assert (least["p_design_adjusted"] < 0.05).all()
    assert (least.loc[least["p_model_adjusted"] < 0.01, "verdict_adjusted"] == "holds").all()


def test_each_p_is_that_of_the_test_it_names(default_study, simulated):
    frame = mv.annotation_frame(default_study)
    kruskal = mv.kruskal_modality(frame, dimension="valence", n_resamples=0)
    row = simulated.loc["valence differs between modalities"]
    assert row["p_independent"] == kruskal["p_value"].iloc[0]
    fit = mv.demographic_model(frame, dimension="valence")
    assert row["p_model"] == fit.anova().set_index("term").loc["modality", "p_value"]
    chi = mv.chisquare_labels(frame, by="gender", dependence="independent")
    row = simulated.loc["labels depend on gender"]
    assert row["p_independent"] == row["p_published"] == chi["p_value"].iloc[0]
    models = mv.label_models(frame)
    p = models.loc[models["term"] == "gender[T.male]", "p_value"]
    assert row["p_model"] == min(1.0, p.min() * len(p))
    label = models[(models["term"] == "familiar[T.familiar]") & (models["label"] == "tense")]
    row = simulated.loc["people who do not know the item choose tense more often"]
    assert row["p_model"] == label["p_value"].iloc[0]


def test_holm_runs_over_the_findings(simulated):
    p = simulated["p_design"].dropna().sort_values()
    expected = np.minimum(1, np.maximum.accumulate(p * np.arange(len(p), 0, -1)))
    np.testing.assert_allclose(simulated.loc[p.index, "p_design_adjusted"], expected)


def test_planted_effects_hold_and_what_was_not_planted_does_not(simulated):
    """The simulation moves ratings and labels by modality, and nothing by the interface."""
    verdict = simulated["verdict"]
    assert verdict["arousal differs between modalities"] == "holds"
    assert verdict["labels depend on modality"] == "holds"
    assert verdict["labels depend on familiarity"] == "holds"
    assert verdict["arousal does not depend on the interface"] == "stays null"
    assert simulated["simulated"].all()
    assert (simulated["relation"].isna()).all()  # nothing is printed of simulated data


def test_effects_have_intervals_and_agree_in_direction(analyses):
    frame = analyses
    assert frame.groupby("finding").size().eq(3).all()
    inside = (frame["conf_low"] <= frame["effect_size"]) & (
        frame["effect_size"] <= frame["conf_high"]
    )
    assert inside.all()
    rows = frame[frame["finding"] == "arousal is higher in music than in audiovisual"]
    assert (rows["effect_size"] > 0).all()
    rows = frame[(frame["label"] == "sad") & (frame["factor"] == "familiar")]
    widths = (rows["conf_high"] - rows["conf_low"]).to_numpy()
    assert widths[1] > widths[0]  # people and items make it less certain than labels do


def test_a_log_odds_ratio_is_that_of_the_table(default_study, analyses):
    frame = analyses
    row = frame[
        (frame["finding"] == "people with little training choose nostalgic less often")
        & (frame["analysis"] == "independent")
    ].iloc[0]
    table = mv.annotation_frame(default_study)
    little = table["years_of_training"] <= 3
    chosen = table.groupby(little)[["nostalgic", "n_labels"]].sum()
    counts = np.array(
        [
            [chosen.loc[g, "nostalgic"], chosen.loc[g, "n_labels"] - chosen.loc[g, "nostalgic"]]
            for g in (True, False)
        ]
    )
    odds = stats.contingency.odds_ratio(counts.astype(int), kind="sample").statistic
    assert row["effect_size"] == pytest.approx(np.log(odds))
    reach = stats.norm.ppf(0.975) * np.sqrt((1 / counts).sum())
    assert row["conf_high"] - row["effect_size"] == pytest.approx(reach)


def test_the_same_seed_and_any_number_of_jobs_give_the_same(small):
    first = mv.sensitivity_table(small, n_resamples=99, rng=3)
    second = mv.sensitivity_table(small, n_resamples=99, rng=3, n_jobs=2)
    pd.testing.assert_frame_equal(first, second)


def without_one_label(study):
    return with_labels(study, lambda label: label != "energetic")


def all_known(study):
    study = study.copy()
    study["annotations"]["familiar"][:] = 1
    return study


def nobody_chose(study):
    study = study.copy()
    study["annotations"]["labels"][:] = -1
    return study


@pytest.mark.parametrize(
    "change",
    [
        without_one_label,
        all_known,
        nobody_chose,
        lambda study: mv.select(study, modality="music"),
        lambda study: mv.select(study, modality="audiovisual"),
        lambda study: mv.select(study, modality=["music", "visual"]),
        lambda study: mv.select(study, item=study["items/item"].values[0]),
        lambda study: mv.select(study, participant=study["participants/participant"].values[0]),
    ],
)
def test_what_cannot_be_tested_is_a_row_with_its_reason(small, change):
    frame = mv.sensitivity_table(change(small), n_resamples=19, level="analysis")
    assert len(frame) > 20
    undefined = frame[frame["p_value"].isna()]
    assert len(undefined)
    assert undefined["warning"].notna().all()
    assert (frame.loc[frame["verdict"] == "undecided", "p_adjusted"].isna()).any()
    if change is all_known:  # nothing is said of a group that is not there
        rows = frame[(frame["factor"] == "familiar") & frame["label"].notna()]
        assert len(rows)
        assert rows["effect_size"].isna().all()


def test_limits_of_the_largest_effect_agree_with_its_p(analyses):
    rows = analyses[(analyses["analysis"] == "mixed model") & analyses["label"].isna()]
    rows = rows[rows["factor"].isin(["gender", "overlay"]) & rows["dimension"].isna()]
    assert len(rows) == 2
    outside = (rows["conf_low"] > 0) | (rows["conf_high"] < 0)
    assert (outside == (rows["p_value"] < 0.05)).all()


@pytest.mark.parametrize(("f", "df", "df_denom"), [(12.0, 2, 1400.0), (0.8, 2, 60.0), (0.0, 1, 9)])
def test_partial_eta_squared_limits_are_those_of_the_noncentral_f(f, df, df_denom):
    estimate, low, high = partial_eta_squared(f, df, df_denom, 0.9)
    assert estimate == pytest.approx(f * df / (f * df + df_denom))
    for limit, p in ((low, 0.95), (high, 0.05)):
        noncentrality = limit * (df + df_denom + 1) / (1 - limit)
        below = stats.ncf.cdf(f, df, df_denom, noncentrality)
        assert limit == 0.0 or below == pytest.approx(p, abs=1e-6)
    if f < 1:
        assert low == 0.0
    assert np.isnan(partial_eta_squared(np.nan, 1, 9, 0.9)).all()


def test_a_study_that_lacks_something_keeps_its_rows(small):
    study = small
    bare = mv.select(study, modality=["visual", "audiovisual"])
    frame = mv.sensitivity_table(bare, n_resamples=49)
    pairs = frame[frame["dimension"] == "arousal"].dropna(subset=["group1"]).set_index("group1")
    assert pairs.loc["music", "verdict"] == "undecided"
    assert pairs.loc["visual", "verdict"] != "undecided"
    annotations = study["annotations"].to_dataset().drop_vars(["labels", "label"])
    study = study.copy()
    study["annotations"] = xr.DataTree(annotations.drop_dims("label", errors="ignore"))
    frame = mv.sensitivity_table(study, n_resamples=49).set_index("finding")
    assert "no labels" in frame.loc["labels depend on gender", "warning"]
    for n_jobs in (0, 2.5, "a"):
        with pytest.raises(mv.DesignError, match="n_jobs must be a whole number"):
            mv.sensitivity_table(bare, n_jobs=n_jobs)
    with pytest.raises(mv.DesignError, match="level must be one of"):
        mv.sensitivity_table(bare, level="row")

"""Mixed models: tables, predictions, comparisons and engines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import muvistats as mv
from muvistats import DataError, DesignError


@pytest.fixture(scope="module")
def rated() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    n = 400
    frame = pd.DataFrame(
        {
            "modality": pd.Categorical(
                rng.choice(["music", "visual", "both"], n), ["music", "visual", "both"]
            ),
            "gender": rng.choice(["F", "M"], n),
            "age": rng.uniform(18, 60, n),
            "participant": rng.integers(0, 20, n).astype(str),
            "item": rng.integers(0, 15, n).astype(str),
        }
    )
    people, items = rng.normal(0, 0.6, 20), rng.normal(0, 0.5, 15)
    slopes = rng.normal(0, 0.5, 20)
    person, item = frame["participant"].astype(int), frame["item"].astype(int)
    visual = (frame["modality"] == "visual").to_numpy(float)
    eta = 0.5 * visual + people[person] + items[item]
    frame["y"] = eta + slopes[person] * visual + 0.01 * frame["age"] + rng.normal(size=n)
    frame["chosen"] = rng.binomial(1, 1 / (1 + np.exp(-eta)))
    frame["count"] = rng.poisson(np.exp(0.5 * eta))
    return frame


CROSSED = "(1 | participant) + (1 | item)"


@pytest.fixture(scope="module")
def fit(rated) -> mv.MixedFit:
    return mv.mixed_model(rated, f"y ~ modality * gender + age + {CROSSED}")


@pytest.mark.parametrize("family", ["gaussian", "binomial", "poisson"])
def test_every_table_keeps_its_contract(rated, family, assert_types):
    response = {"gaussian": "y", "binomial": "chosen", "poisson": "count"}[family]
    fit = mv.mixed_model(rated, f"{response} ~ modality + age + {CROSSED}", family=family)
    null = mv.mixed_model(rated, f"{response} ~ 1 + {CROSSED}", family=family)
    frames = [
        fit.tidy(),
        fit.variance_components(),
        fit.random_effects(),
        fit.glance(),
        fit.augment(),
        fit.anova(),
        fit.emmeans("modality"),
        fit.contrasts("modality"),
        fit.compare(null),
        fit.r2(),
        fit.icc(),
        fit.diagnostics(),
    ]
    for frame in frames:
        assert len(frame)
        assert {"alignment", "simulated", "warning"} <= set(frame)
        assert isinstance(frame.index, pd.RangeIndex)
        assert_types(frame)


def test_fitted_values_are_fixed_plus_random(rated, fit):
    table, modes = fit.augment(), fit.random_effects()
    wide = modes.set_index(["factor", "group"])["estimate"]
    expected = (
        table["fitted_fixed"]
        + wide["participant"].loc[rated["participant"]].to_numpy()
        + wide["item"].loc[rated["item"]].to_numpy()
    )
    np.testing.assert_allclose(table["fitted"], expected, atol=1e-10)
    np.testing.assert_allclose(table["residual"], rated["y"] - expected, atol=1e-10)
    assert abs(modes.groupby("factor")["estimate"].sum()).max() < 1e-6


@pytest.mark.parametrize("family", ["gaussian", "binomial", "poisson"])
def test_prediction_of_the_same_rows_as_new_ones_is_the_fitted_value(rated, family):
    response = {"gaussian": "y", "binomial": "chosen", "poisson": "count"}[family]
    formula = f"{response} ~ modality + center(age) + bs(age, df=4) + (modality | participant)"
    fit = mv.mixed_model(rated, f"{formula} + (1 | item)", family=family)
    np.testing.assert_allclose(fit.predict(rated), fit.predict(), atol=1e-8)
    some = rated.iloc[:6].copy()
    np.testing.assert_allclose(fit.predict(some), fit.predict()[:6], atol=1e-8)
    some["participant"] = some["item"] = "nobody"
    np.testing.assert_allclose(fit.predict(some), fit.predict(random=False)[:6], atol=1e-8)
    some.loc[some.index[0], "age"] = np.nan
    assert np.isnan(fit.predict(some)[0])
    assert np.isfinite(fit.predict(some)[1:]).all()
    with pytest.raises(DataError, match="smell"):
        fit.predict(some.assign(modality="smell"))


def test_anova_does_not_depend_on_the_contrasts(rated, fit):
    expected = fit.anova()
    for contrast in ("Sum", "Helmert", "Poly", "Treatment('both')"):
        other = mv.mixed_model(
            rated, f"y ~ C(modality, {contrast}) * C(gender, Sum) + age + {CROSSED}"
        ).anova()
        np.testing.assert_allclose(other["statistic"], expected["statistic"], rtol=1e-6)
        np.testing.assert_allclose(other["df_denom"], expected["df_denom"], rtol=1e-5)


def test_anova_of_one_column_is_its_squared_t(fit):
    t = fit.tidy().set_index("term").loc["age"]
    f = fit.anova().set_index("term").loc["age"]
    assert f["statistic"] == pytest.approx(t["statistic"] ** 2)
    assert f["df_denom"] == pytest.approx(t["df"])
    assert f["p_value"] == pytest.approx(t["p_value"])


def test_emmeans_average_the_cells_with_equal_weights(rated, fit):
    new = pd.DataFrame(
        [
            {"modality": m, "gender": g, "age": rated["age"].mean()}
            for m in ("music", "visual", "both")
            for g in ("F", "M")
        ]
    )
    cells = fit.predict(new, random=False).reshape(3, 2)
    means = fit.emmeans("modality")
    assert means["group"].tolist() == ["music", "visual", "both"]
    np.testing.assert_allclose(means["estimate"], cells.mean(axis=1))
    both = fit.emmeans(["modality", "gender"])
    assert both["group"].tolist()[:3] == ["music, F", "music, M", "visual, F"]
    np.testing.assert_allclose(both["estimate"], cells.ravel())
    within = fit.contrasts("gender", within="modality", adjust="none")
    np.testing.assert_allclose(within["estimate"], cells[:, 0] - cells[:, 1])
    assert within["at"].tolist() == ["modality = music", "modality = visual", "modality = both"]


@pytest.mark.parametrize("adjust", ["tukey", "holm", "bonferroni", "fdr_bh", "none"])
def test_adjusted_contrasts(fit, adjust):
    table = fit.contrasts("modality", adjust=adjust)
    p = table["p_value"].to_numpy()
    expected = {
        "bonferroni": np.minimum(p * 3, 1),
        "none": p,
        "fdr_bh": stats.false_discovery_control(p),
        "holm": None,
        "tukey": [
            stats.studentized_range.sf(abs(t) * np.sqrt(2), 3, df)
            for t, df in zip(table["statistic"], table["df"], strict=True)
        ],
    }[adjust]
    if expected is not None:
        np.testing.assert_allclose(table["p_adjusted"], expected, rtol=1e-9)
    assert (table["p_adjusted"] >= p - 1e-15).all()
    assert (table["p_adjust_method"] == adjust).all()
    if adjust != "fdr_bh" and adjust != "holm":
        outside = (table["conf_low"] > 0) | (table["conf_high"] < 0)
        assert outside.tolist() == (table["p_adjusted"] < 0.05).tolist()


def test_compare_is_a_likelihood_ratio_by_maximum_likelihood(rated):
    small = mv.mixed_model(rated, f"y ~ modality + {CROSSED}")
    large = mv.mixed_model(rated, f"y ~ modality + age + {CROSSED}")
    again = [
        mv.mixed_model(rated, f"y ~ {fixed} + {CROSSED}", reml=False).glance().iloc[0]
        for fixed in ("modality", "modality + age")
    ]
    table = large.compare(small)
    pd.testing.assert_frame_equal(table, small.compare(large))
    ratio = 2 * (again[1]["log_likelihood"] - again[0]["log_likelihood"])
    assert table["statistic"].iloc[1] == pytest.approx(ratio, abs=1e-6)
    assert table["p_value"].iloc[1] == pytest.approx(stats.chi2.sf(ratio, 1), rel=1e-5)
    assert np.isnan(table["statistic"].iloc[0])


def test_compare_of_random_parts_keeps_reml_and_says_that_p_is_too_large(rated):
    small = mv.mixed_model(rated, f"y ~ modality + {CROSSED}")
    large = mv.mixed_model(rated, "y ~ modality + (modality | participant) + (1 | item)")
    table = small.compare(large)
    expected = 2 * (large.estimates.log_likelihood - small.estimates.log_likelihood)
    assert table["statistic"].iloc[1] == pytest.approx(expected, abs=1e-9)
    assert table["df"].iloc[1] == 5
    assert "boundary" in table["warning"].iloc[1]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda f: mv.mixed_model(f.iloc[1:], f"y ~ modality + {CROSSED}"), "different rows"),
        (lambda f: mv.mixed_model(f, f"y ~ gender + modality:gender + {CROSSED}"), "not nested"),
        (lambda f: mv.mixed_model(f, f"y ~ age * gender - gender + {CROSSED}"), "equally many"),
        (
            lambda f: mv.mixed_model(f, f"count ~ age + modality + {CROSSED}", family="poisson"),
            "different rows|families",
        ),
    ],
)
def test_compare_refuses_what_is_not_nested(rated, change, match):
    first = mv.mixed_model(rated, f"y ~ gender + age + {CROSSED}")
    with pytest.raises(DesignError, match=match):
        first.compare(change(rated))


@pytest.mark.parametrize(
    "formula",
    [
        f"y ~ modality + {CROSSED}",
        "y ~ modality + (1 | participant)",
        "y ~ modality + (1 + visual | participant)",
    ],
)
@pytest.mark.parametrize("reml", [True, False])
def test_statsmodels_gives_the_same_fit(rated, formula, reml):
    rated = rated.assign(visual=(rated["modality"] == "visual").astype(float))
    ours = mv.mixed_model(rated, formula, reml=reml)
    theirs = mv.mixed_model(rated, formula, reml=reml, engine="statsmodels")
    a, b = ours.tidy(), theirs.tidy()
    np.testing.assert_allclose(a["estimate"], b["estimate"], atol=2e-3)
    np.testing.assert_allclose(a["std_error"], b["std_error"], rtol=5e-3)
    first, second = (f.glance()["log_likelihood"].iloc[0] for f in (ours, theirs))
    assert second == pytest.approx(first, abs=1e-2)
    assert second <= first + 1e-6
    assert "statsmodels" in b["method"].iloc[0]


def test_normal_tests_on_request(rated):
    table = mv.mixed_model(rated, f"y ~ age + {CROSSED}", df="normal").tidy()
    assert np.isinf(table["df"]).all()
    np.testing.assert_allclose(table["p_value"], 2 * stats.norm.sf(abs(table["statistic"])))


def test_r2_and_icc_from_the_variances(fit):
    sd = fit.variance_components().set_index("factor")["estimate"]
    fixed = fit.augment()["fitted_fixed"].var()
    whole = fixed + (sd**2).sum()
    r2 = fit.r2().iloc[0]
    assert r2["r2_marginal"] == pytest.approx(fixed / whole)
    assert r2["r2_conditional"] == pytest.approx(1 - sd["residual"] ** 2 / whole)
    icc = fit.icc().set_index("factor")["estimate"]
    assert icc["participant"] == pytest.approx(sd["participant"] ** 2 / (sd**2).sum())
    assert icc["all"] == pytest.approx(icc["participant"] + icc["item"])


def test_icc_of_a_logistic_model_takes_the_logistic_variance(rated):
    fit = mv.mixed_model(rated, f"chosen ~ modality + {CROSSED}", family="binomial")
    variance = (fit.variance_components()["estimate"] ** 2).sum()
    icc = fit.icc().set_index("factor")["estimate"]
    assert icc["all"] == pytest.approx(variance / (variance + np.pi**2 / 3))


def test_binomial_takes_two_levels_and_truth_values(rated):
    words = rated.assign(word=np.where(rated["chosen"] == 1, "yes", "no"))
    first = mv.mixed_model(words, f"chosen ~ age + {CROSSED}", family="binomial").tidy()
    for response in ("word", "chosen == 1", "C(chosen)"):
        other = mv.mixed_model(words, f"{response} ~ age + {CROSSED}", family="binomial").tidy()
        np.testing.assert_allclose(other["estimate"], first["estimate"], rtol=1e-8)


def test_provenance_is_carried(study):
    fit = mv.demographic_model(study)
    for frame in (fit.tidy(), fit.glance(), fit.contrasts("modality")):
        assert frame["simulated"].all()
        assert (frame["alignment"] == "as_recorded").all()
    assert "years_of_training > 3[T.True]" in fit.tidy()["term"].tolist()


def test_preset_is_the_model_it_says(study):
    formula = (
        "n_labels ~ modality + gender + (years_of_training > 3) + familiar "
        "+ (1 | participant) + (1 | item)"
    )
    expected = mv.mixed_model(study, formula, family="poisson").tidy()
    found = mv.demographic_model(study, dimension="n_labels", family="poisson").tidy()
    pd.testing.assert_frame_equal(found, expected)


def test_a_comparison_alone_needs_no_brackets(study):
    by = "years_of_training > 4 - 1"
    plain = mv.label_models(study, by=by, labels=["calm"])
    bracketed = mv.label_models(study, by=f"({by})", labels=["calm"])
    pd.testing.assert_frame_equal(plain, bracketed)
    fit = mv.demographic_model(study, by=by)
    assert fit.anova()["term"].tolist() == [by]


def test_a_label_of_too_few_rows_leaves_the_models_of_others(study):
    frame = mv.annotation_frame(study).astype({"sad": "Float64"})
    frame.loc[frame.index[3:], "sad"] = pd.NA
    table = mv.label_models(frame, by="modality", labels=["sad", "calm"])
    assert table.loc[table["label"] == "sad", "p_value"].isna().all()
    assert table.loc[table["label"] == "sad", "warning"].str.len().gt(10).all()
    assert table.loc[table["label"] == "calm", "p_value"].notna().all()
    with pytest.raises(DesignError):
        mv.label_models(frame, by="modality", labels=["sad"])


def test_label_models_are_the_models_of_each_label(study):
    frame = mv.label_models(study, by="modality", labels=["energetic", "calm"], adjust="holm")
    for label, part in frame.groupby("label"):
        one = mv.mixed_model(study, f"{label} ~ modality + {CROSSED}", family="binomial").tidy()
        np.testing.assert_allclose(part["estimate"], one["estimate"])
        np.testing.assert_allclose(part["p_value"], one["p_value"])
    for _, part in frame.groupby("term"):
        p = part["p_value"].sort_values().to_numpy()
        expected = np.maximum.accumulate(np.minimum(p * [2, 1], 1))
        np.testing.assert_allclose(part["p_adjusted"].sort_values(), expected)


def test_a_label_nobody_chose_has_rows_with_a_reason(study):
    frame = mv.annotation_frame(study)
    frame["calm"] = 0.0
    table = mv.label_models(frame, by="modality", labels=["energetic", "calm"])
    nobody = table[table["label"] == "calm"]
    assert len(nobody) == 3
    assert nobody["estimate"].isna().all()
    assert nobody["warning"].str.contains("one value").all()
    rest = table[table["label"] == "energetic"]
    np.testing.assert_allclose(rest["p_adjusted"], rest["p_value"])


@pytest.mark.parametrize("family", ["gaussian", "binomial"])
def test_the_unit_of_a_slope_does_not_matter(rated, family):
    response = "y" if family == "gaussian" else "chosen"
    formula = f"{response} ~ x + (x | participant) + (1 | item)"
    base = rated.assign(x=(rated["age"] - 40) / 12)
    first = mv.mixed_model(base, formula, family=family)
    second = mv.mixed_model(base.assign(x=base["x"] * 1e5), formula, family=family)
    a, b = first.variance_components(), second.variance_components()
    slope = (a["term"] == "x") & (a["quantity"] == "sd")
    np.testing.assert_allclose(b["estimate"][slope] * 1e5, a["estimate"][slope], rtol=1e-3)
    np.testing.assert_allclose(b["estimate"][~slope], a["estimate"][~slope], rtol=1e-3)
    np.testing.assert_allclose(second.predict(), first.predict(), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(second.tidy()["p_value"], first.tidy()["p_value"], rtol=1e-3)
    modes = [f.random_effects() for f in (first, second)]
    there = modes[0]["term"] == "x"
    np.testing.assert_allclose(
        modes[1]["estimate"][there] * 1e5, modes[0]["estimate"][there], atol=1e-3
    )


def test_rows_of_several_sessions_keep_them(rated):
    frame = rated.assign(session=np.where(rated["age"] > 40, "second", "first"))
    fit = mv.mixed_model(frame, "y ~ session + (1 | item)")
    assert fit.augment()["session"].tolist() == frame["session"].tolist()
    assert "session[T.second]" in str(fit.summary())


def test_one_answer_against_another_is_the_multinomial_estimate():
    from statsmodels.discrete.discrete_model import MNLogit

    rng = np.random.default_rng(8)
    cut = np.repeat([0.0, 1.0], 90)
    answer = np.where(cut == 1, rng.choice(3, 180, p=[0.2, 0.3, 0.5]), rng.choice(3, 180))
    whole = MNLogit(answer, np.column_stack([np.ones(180), cut])).fit(disp=0)
    for code in (1, 2):
        two = pd.DataFrame({"cut": cut, "chosen": answer == code})[np.isin(answer, [0, code])]
        rows = mv.glm(two, "chosen ~ cut", family="binomial").tidy()
        np.testing.assert_allclose(rows["estimate"], whole.params[:, code - 1], atol=1e-5)
        np.testing.assert_allclose(rows["std_error"], whole.bse[:, code - 1], atol=1e-4)


def test_balanced_data_need_no_adjustment_by_kenward_and_roger_in_any_unit():
    rng = np.random.default_rng(8)
    keys = pd.MultiIndex.from_product([range(9), range(9)], names=["participant", "item"])
    frame = keys.to_frame(index=False)
    frame["cut"] = pd.Categorical.from_codes(frame["item"] // 3, ["short", "middle", "long"])
    own = rng.normal(size=9)[frame["participant"]] + rng.normal(size=9)[frame["item"]]
    frame["calm"] = 50 + 10 * (own + rng.normal(size=81))
    formula = "calm ~ cut + (1 | participant) + (1 | item)"
    plain, adjusted = (
        mv.mixed_model(frame, formula, df=df) for df in ("satterthwaite", "kenward-roger")
    )
    for rows in ("tidy", "anova"):
        theirs, ours = (getattr(fit, rows)() for fit in (plain, adjusted))
        np.testing.assert_allclose(ours["statistic"], theirs["statistic"], rtol=1e-5)
    row = adjusted.anova().iloc[0]
    assert (row["df"], row["df_denom"]) == pytest.approx((2, 6), rel=1e-3)


def test_groups_within_groups_are_no_annotations_that_repeat():
    rng = np.random.default_rng(9)
    frame = pd.DataFrame({"class_": np.repeat(range(20), 5)})
    frame["school"] = frame["class_"] // 4
    frame["x"] = rng.normal(size=100)
    frame["y"] = rng.normal(size=20)[frame["class_"]] + rng.normal(size=100)
    frame["sex"] = np.where(frame.index % 2, "f", "m")
    for fixed in ("x", "sex"):
        fit = mv.mixed_model(frame, f"y ~ {fixed} + (1 | school) + (1 | class_)")
        assert not any("repeat" in reason for reason in fit.reasons)
    crossed = frame.assign(day=frame.index % 5, x=rng.normal(size=100))
    twice = pd.concat([crossed, crossed.assign(y=crossed["y"] + rng.normal(size=100))])
    fit = mv.mixed_model(twice, "y ~ x + (1 | class_) + (1 | day)")
    assert any("200 rows repeat 100 annotations" in reason for reason in fit.reasons)
    slopes = mv.mixed_model(twice, "y ~ x + (1 | class_) + (0 + x | day)")
    assert not any("repeat" in reason for reason in slopes.reasons)


def test_the_other_search_meets_groups_that_do_not_differ():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"g": np.repeat(range(8), 6), "x": np.tile(range(6), 8)})
    frame["y"] = rng.normal(size=48)
    frame["y"] -= frame.groupby("g")["y"].transform("mean")
    ours, theirs = (
        mv.mixed_model(frame, "y ~ x + (1 | g)", engine=engine)
        for engine in ("muvistats", "statsmodels")
    )
    columns = ["estimate", "std_error"]
    np.testing.assert_allclose(theirs.tidy()[columns], ours.tidy()[columns], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("unit", [1e-120, 1e-60, 1e60, 1e120])
def test_degrees_of_freedom_do_not_depend_on_the_unit(unit):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"g": np.repeat(list("abcdefgh"), 6), "x": rng.normal(size=48)})
    frame["y"] = frame["x"] + np.repeat(rng.normal(size=8), 6) + rng.normal(size=48)
    own, other = (
        mv.mixed_model(frame.assign(y=frame["y"] * by), "y ~ x + (1 | g)").tidy()
        for by in (1, unit)
    )
    np.testing.assert_allclose(other["df"], own["df"], rtol=1e-6)
    np.testing.assert_allclose(other["p_value"], own["p_value"], rtol=1e-6)

"""Predictions of new rows, repeated annotations, clusters by name, covariances that need repair."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats import DataError, DesignError


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    out = pd.DataFrame({"g": np.repeat(list("abcdefgh"), 10), "h": np.tile(list("rs"), 40)})
    out["known"] = rng.random(80) < 0.5
    out["dose"] = pd.Categorical(rng.choice([0.5, 1.0, 2.0], 80))
    out["k"] = rng.integers(0, 2, 80)
    out["y"] = rng.normal(size=80)
    return out


@pytest.mark.parametrize("random", [" + (1 | g)", ""])
def test_new_rows_of_other_types(frame, random):
    fit = (mv.mixed_model if random else mv.linear_model)(frame, f"y ~ known + dose + k{random}")
    expected = fit.predict(frame)
    others = [
        frame.assign(known=frame["known"].astype(int)),
        frame.assign(known=frame["known"].astype(float)),
        frame.assign(known=frame["known"].astype("boolean")),
        frame.assign(dose=frame["dose"].astype(float)),
        frame.assign(k=frame["k"] == 1),
        frame.assign(k=frame["k"].astype("Int64")),
    ]
    for other in others:
        np.testing.assert_allclose(fit.predict(other), expected)
    np.testing.assert_allclose(fit.predict(frame.iloc[3]), expected[[3]])
    hole = frame.astype({"known": float}).assign(known=lambda f: f["known"].where(f.index > 0))
    assert np.isnan(fit.predict(hole)).sum() == 1
    with pytest.raises(DataError, match="true and false"):
        fit.predict(frame.assign(known=2))
    with pytest.raises(DataError, match="fitted to numbers"):
        fit.predict(frame.assign(k="a"))
    with pytest.raises(DataError, match="not fitted to"):
        fit.predict(frame.assign(dose=7.0))
    with pytest.raises(DataError, match="predict"):
        fit.predict([1, 2])


@pytest.mark.parametrize(
    "term",
    [
        "C(g, levels=['h', 'b', 'a', 'c', 'd', 'e', 'f', 'g'])",
        "C(dose, levels=[2, 1, 0.5])",
        "C(k, levels=[1, 0])",
        "(g == 'h')",
        "(g in ['a', 'h'])",
        "(dose == 2)",
        "(mood > 'low')",
        "C(mood == 'high', Sum)",
        "mood",
    ],
)
def test_new_rows_need_not_have_the_levels_that_a_formula_names(frame, term):
    mood = pd.Categorical(frame["h"].map({"r": "low", "s": "mid"}), ["low", "mid", "high"])
    mood = mood.as_ordered()
    mood[60:] = "high"
    frame = frame.assign(mood=mood)
    fit = mv.linear_model(frame, f"y ~ {term}")
    for new in (frame.head(1), frame.iloc[0], frame.head(2).astype({"mood": "str"})):
        expected = fit.predict()[: 1 if isinstance(new, pd.Series) else len(new)]
        np.testing.assert_allclose(fit.predict(new), expected)


@pytest.mark.parametrize("random", [" + (1 | g)", ""])
def test_a_cell_without_rows_has_no_prediction(frame, random):
    some = frame[~((frame["h"] == "r") & frame["known"])]
    fit = (mv.mixed_model if random else mv.linear_model)(some, f"y ~ h * known{random}")
    cells = pd.DataFrame({"h": ["r", "r", "s", "s"], "known": [True, False] * 2, "g": "new"})
    found = fit.predict(cells)
    means = fit.emmeans(["h", "known"]).set_index("group")["estimate"]
    expected = means[["r, True", "r, False", "s, True", "s, False"]]
    np.testing.assert_allclose(found, expected)
    assert np.isnan(found).tolist() == [True, False, False, False]
    assert np.isfinite(fit.predict()).all()


def test_clusters_are_columns_by_name(frame):
    expected = mv.linear_model(frame, "y ~ k", cluster="g").tidy()["std_error"]
    for name in ("rater id", "class", "p/q", "it's", "Größe"):
        table = mv.linear_model(frame.assign(**{name: frame["g"]}), "y ~ k", cluster=name).tidy()
        np.testing.assert_allclose(table["std_error"], expected)
    for wrong in ("g/h", "g:h", "C(g)", "1 | g"):
        with pytest.raises(DesignError, match="must name a column"):
            mv.linear_model(frame, "y ~ k", cluster=wrong)


@pytest.mark.parametrize("seed", range(12))
def test_two_way_clusters_are_never_a_negative_variance(seed):
    rng = np.random.default_rng(seed)
    person, item = rng.normal(0, 0.3, 12), rng.normal(0, 0.3, 9)
    rows = [
        {"p": f"P{p}", "i": f"V{i}", "m": "abc"[(p + i) % 3], "e": person[p] + item[i]}
        for p in range(12)
        for i in range(9)
    ]
    frame = pd.DataFrame(rows)
    frame["y"] = frame["e"] + rng.normal(0, 0.3, len(frame))
    fit = mv.linear_model(frame, "y ~ m", cluster=["p", "i"])
    table, tests = fit.tidy(), fit.anova()
    said = table["warning"].str.contains("not positive").all()
    assert (table["std_error"].isna() | (table["std_error"] > 0)).all()
    assert np.linalg.eigvalsh(fit.covariance)[0] > -1e-12
    assert said or (table["std_error"].notna().all() and tests["p_value"].notna().all())
    one, two = (mv.linear_model(frame, "y ~ m", cluster=c).covariance for c in ("p", "i"))
    both = mv.linear_model(frame.assign(b=frame["p"] + frame["i"]), "y ~ m", cluster="b").covariance
    values, vectors = np.linalg.eigh(one + two - both)
    repaired = vectors @ np.diag(np.maximum(values, 0)) @ vectors.T
    np.testing.assert_allclose(fit.covariance, repaired, atol=1e-10)
    assert said == (values[0] < -1e-10 * values[-1])


def test_rows_that_repeat_an_annotation_need_a_term_for_it():
    rng = np.random.default_rng(1)
    keys = [(f"P{p}", f"V{i}", "xy"[(p + i) % 2]) for p in range(8) for i in range(8)]
    short = pd.DataFrame(keys, columns=["participant", "item", "modality"])
    short["coin"], short["e"] = rng.integers(0, 2, 64), rng.normal(size=64)
    long = short.loc[short.index.repeat(15)].reset_index(drop=True)
    long["y"] = long["e"] + rng.normal(0, 0.3, len(long))
    crossed = "(1 | participant) + (1 | item)"
    plain = mv.mixed_model(long, f"y ~ coin + {crossed}").tidy()
    assert plain["warning"].str.contains("960 rows repeat 64 annotations").all()
    assert (plain["dependence"] == "independent").all()
    known = mv.mixed_model(long, f"y ~ coin + {crossed} + (1 | item:modality:participant)").tidy()
    assert not known["warning"].str.contains("repeat").fillna(False).any()
    assert (known["dependence"] == "design").all()
    assert known["std_error"].iloc[1] > 2 * plain["std_error"].iloc[1]
    once = mv.mixed_model(short, f"e ~ coin + {crossed}").tidy()
    assert (once["dependence"] == "design").all()
    own = {"participant": "subject", "item": "clip", "modality": "cut"}
    crossed = "(1 | subject) + (1 | clip)"
    named = mv.mixed_model(long.rename(columns=own), f"y ~ coin + {crossed}").tidy()
    assert named["warning"].str.contains(r"960 rows repeat 64 annotations \(subject, clip\)").all()
    assert (named["dependence"] == "independent").all()
    once = mv.mixed_model(short.rename(columns=own), f"e ~ coin + cut + {crossed}").tidy()
    assert (once["dependence"] == "design").all()


def test_rows_of_nested_groups_are_other_things():
    rng = np.random.default_rng(1)
    pupils = pd.DataFrame({"school": np.repeat(list("abcdef"), 20), "y": rng.normal(size=120)})
    pupils["room"] = pupils["school"] + np.tile(np.repeat(list("12"), 10), 6)
    fit = mv.mixed_model(pupils, "y ~ 1 + (1 | school) + (1 | room)").tidy()
    assert (fit["dependence"] == "design").all()


def test_defaults_leave_out_what_a_study_has_no_columns_for():
    rng = np.random.default_rng(0)
    keys = [(f"p{p}", f"i{i}", "xy"[(p + i) % 2]) for p in range(12) for i in range(10)]
    rows = pd.DataFrame(keys, columns=["participant", "item", "modality"])
    rows["tension"], rows["joy"] = rng.uniform(-1, 1, 120), rng.integers(0, 2, 120)
    study = mv.from_frames(rows, labels=["joy"], dimensions=["tension"], modalities=("x", "y"))
    with pytest.raises(DesignError, match="by="):
        mv.label_models(study, by="gender")
    found, asked = mv.label_models(study), mv.label_models(study, by="modality")
    assert found["estimate"].tolist() == asked["estimate"].tolist()
    assert found["warning"].str.contains("left out").all()
    fit = mv.demographic_model(study)
    assert fit.formula.startswith("tension ~ modality + (1 |")
    assert "gender" in fit.glance()["warning"].iloc[0]

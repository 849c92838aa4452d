"""Residuals that are correlated within annotations: rows, times, refusals, what the frames say."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats import DataError, DesignError

CROSSED = "(1 | participant) + (1 | item)"
ANNOTATION = "(1 | item:modality:participant)"


def samples(seed=0, n_steps=12, rho=0.6, spread=0.3):
    """Eight people and six items; annotations differ, and residuals decay by rho a step."""
    rng = np.random.default_rng(seed)
    keys = [(f"P{p}", f"V{v}", "xy"[(p + v) % 2]) for p in range(8) for v in range(6)]
    frame = pd.DataFrame(keys, columns=["participant", "item", "modality"])
    own = spread * rng.normal(size=len(frame))
    frame = frame.loc[frame.index.repeat(n_steps)].reset_index(drop=True)
    frame["time"] = np.tile(np.arange(n_steps) / 2, len(keys))
    apart = np.abs(np.subtract.outer(np.arange(n_steps), np.arange(n_steps)))
    noise = rng.normal(size=(len(keys), n_steps)) @ np.linalg.cholesky(rho**apart).T
    frame["y"] = np.repeat(own, n_steps) + noise.ravel() + 0.1 * frame["time"]
    return frame


@pytest.fixture(scope="module")
def frame():
    return samples()


@pytest.fixture(scope="module")
def fit(frame):
    return mv.mixed_model(
        frame, f"y ~ modality * time + {CROSSED} + {ANNOTATION}", correlation="ar1"
    )


def fitted(frame, fixed="modality * time", random=f"{CROSSED} + {ANNOTATION}", rho=0.6, **options):
    return mv.mixed_model(frame, f"y ~ {fixed} + {random}", correlation="ar1", rho=rho, **options)


def test_rho_is_found_with_its_interval(fit):
    whole = fit.glance(conf_level=0.99).iloc[0]
    assert whole["rho_low"] < 0.6 < whole["rho_high"]
    assert whole["rho_low"] < whole["rho"] < whole["rho_high"]
    assert "AR(1) residuals, step 0.5" in whole["method"]
    parts = fit.variance_components().set_index("quantity")["estimate"]
    assert parts["autocorrelation, one step apart"] == whole["rho"]
    left = fit.diagnostics().set_index("quantity")["estimate"]
    assert abs(left["autocorrelation that AR(1) leaves in the residuals"]) < 0.1
    again = pickle.loads(pickle.dumps(fit))
    pd.testing.assert_frame_equal(again.tidy(), fit.tidy())


def test_origin_unit_and_order_of_rows_change_nothing(frame, fit):
    other = frame.sample(frac=1, random_state=2)
    other = other.assign(y=3 * other["y"] + 100, time=1000 * other["time"] + 7)
    again = mv.mixed_model(other, fit.formula, correlation="ar1")
    assert again.glance()["rho"].item() == pytest.approx(fit.glance()["rho"].item(), abs=1e-6)
    for column in ("statistic", "df_denom", "p_value"):
        found, expected = again.anova()[column], fit.anova()[column]
        # the time of the zero, at which the modalities are compared, is another one
        np.testing.assert_allclose(found[1:], expected[1:], rtol=1e-4)


def test_missing_samples_are_gaps(frame):
    gone = frame.index % 5 == 2
    holes = frame.assign(y=frame["y"].where(~gone))
    found, expected = fitted(holes), fitted(frame[~gone])
    pd.testing.assert_frame_equal(found.tidy(), expected.tidy().assign(n_missing=gone.sum()))
    assert found.correlation.step == 0.5


def test_irregular_times_have_the_median_as_step(frame):
    rng = np.random.default_rng(1)
    moved = frame.assign(time=frame["time"] + rng.uniform(-0.1, 0.1, len(frame)))
    found = fitted(moved)
    apart = moved.groupby(["participant", "item"])["time"].diff().dropna()
    assert found.correlation.step == pytest.approx(apart.median())
    assert "step 0.5" not in fitted(frame.assign(time=frame["time"] * 2)).estimates.method


def test_own_starts_leave_the_step_between_neighbours(frame):
    """Annotations begin at odd moments, and a sample is missing here and there."""
    rng = np.random.default_rng(2)
    rest = frame[frame.index % 5 != 2]
    starts = rng.uniform(0, 0.5, 48)[rest.groupby(["participant", "item"]).ngroup()]
    moved = fitted(rest.assign(time=rest["time"] + starts), fixed="modality")
    plain = fitted(rest, fixed="modality")
    assert moved.correlation.step == pytest.approx(0.5)
    columns = ["estimate", "std_error"]
    np.testing.assert_allclose(moved.tidy()[columns], plain.tidy()[columns], rtol=1e-6)


def test_rounded_times_are_one_step_apart(frame):
    exact = frame.assign(time=frame["time"] / 15)
    found, expected = (fitted(each, "modality") for each in (exact.round({"time": 2}), exact))
    assert found.correlation.step == pytest.approx(1 / 30, rel=0.01)
    pd.testing.assert_frame_equal(
        found.tidy().drop(columns="method"), expected.tidy().drop(columns="method")
    )


def test_zero_is_the_model_of_independent_rows(frame):
    found = fitted(frame, rho=0)
    plain = mv.mixed_model(frame, found.formula)
    for name in ("estimate", "std_error", "df", "p_value"):
        np.testing.assert_allclose(found.tidy()[name], plain.tidy()[name], rtol=1e-6)
    assert found.glance()["n_parameters"].item() == plain.glance()["n_parameters"].item()
    plain_row = plain.glance().iloc[0]
    assert np.isnan(plain_row["rho"])
    assert np.isnan(plain_row["conf_level"])


def test_rho_is_tested_by_the_likelihood(frame, fit):
    plain = mv.mixed_model(frame, fit.formula)
    table = fit.compare(plain)
    assert table["n_parameters"].diff().iloc[1] == 1
    assert table["p_value"].iloc[1] < 1e-10
    assert "boundary" in table["warning"].iloc[1]


def test_an_offset_is_taken_off(frame):
    known = frame.assign(known=np.sin(frame["time"]))
    found = fitted(known.assign(y=known["y"] + known["known"]), "modality * time + offset(known)")
    np.testing.assert_allclose(
        found.tidy()["estimate"], fitted(frame).tidy()["estimate"], rtol=1e-6
    )


def test_no_positive_autocorrelation_is_said(frame):
    sign = np.where(frame.index % 2, 1.0, -1.0)
    found = fitted(frame.assign(y=frame["y"] * 0.1 + sign), rho=None)
    row = found.glance().iloc[0]
    assert row["rho"] == 0
    assert np.isnan(row["rho_low"])
    assert "rho is 0" in row["warning"]


def test_what_is_steady_needs_a_term_for_annotations(frame):
    for fixed in ("modality + time", "modality * time"):
        table = fitted(frame, fixed, CROSSED).tidy()
        assert set(table["dependence"]) == {"independent"}
        assert table["warning"].str.contains("modality: the same throughout an annotation").all()
        assert table["warning"].str.contains(ANNOTATION, regex=False).all()
    assert set(fitted(frame).tidy()["dependence"]) == {"design"}
    course = fitted(frame, "time", CROSSED).tidy()
    assert set(course["dependence"]) == {"design"}
    assert not course["warning"].str.contains("the same throughout").any()


def test_a_study_gives_its_samples():
    study = mv.simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    study = mv.select(study, time=(5, 10))
    formula = "arousal ~ modality + time + gender + (1 | participant) + (1 | item)"
    found = mv.mixed_model(study, formula, correlation="ar1", rho=0.8)
    long = mv.to_long(study)
    assert found.n == len(long)
    np.testing.assert_allclose(found.augment()["time"], long["time"])
    assert mv.mixed_model(study, formula).n == len(long)
    assert mv.mixed_model(study, formula.replace(" + time", "")).n < len(long)


def test_one_group_is_an_annotation(frame):
    rows = frame[frame["item"] == "V1"].drop(columns=["item", "modality"])
    rows = rows.rename(columns={"participant": "child"})
    found = mv.mixed_model(
        rows, "y ~ time + (1 | child)", correlation="ar1", rho=0.5, participant="child"
    )
    assert set(found.tidy()["dependence"]) == {"design"}


REFUSED = {
    "no correlation": ({"correlation": None}, "rho is the correlation of"),
    "which": ({"correlation": "ma1"}, "correlation"),
    "family": ({"family": "binomial"}, "for gaussian models"),
    "engine": ({"engine": "statsmodels"}, "engine='muvistats'"),
    "df": ({"df": "kenward-roger"}, "df='satterthwaite'"),
    "one": ({"rho": 1.0}, "between 0 and 1"),
    "below": ({"rho": -0.2}, "between 0 and 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_go_together_is_refused(frame, name):
    options, words = REFUSED[name]
    given = {"correlation": "ar1", "rho": 0.5} | options
    with pytest.raises(DesignError, match=words):
        mv.mixed_model(frame, f"y ~ time + {CROSSED}", **given)


def test_rows_that_are_no_series_are_refused(frame):
    with pytest.raises(DataError, match="two samples of one annotation at the same time"):
        fitted(pd.concat([frame, frame.iloc[[3]]], ignore_index=True))
    with pytest.raises(DesignError, match="has two samples that follow"):
        fitted(frame[frame["time"] == 0], "modality", CROSSED)
    bare = frame.rename(columns={"participant": "p", "item": "i", "modality": "m"})
    with pytest.raises(DesignError, match="nothing tells annotations apart"):
        fitted(bare, "time", "(1 | p)")
    with pytest.raises(DesignError, match="needs a column time"):
        fitted(frame.drop(columns="time"), "modality", CROSSED)
    with pytest.raises(DesignError, match="changes within an annotation"):
        fitted(frame, "modality", "(1 | C(time))")
    with pytest.raises(DataError, match="time of a sample is not known"):
        fitted(frame.assign(time=frame["time"].where(frame.index > 3)), "modality")
    with pytest.raises(DataError, match="times are no numbers"):
        fitted(frame.assign(time=pd.to_timedelta(frame["time"], unit="s")), "modality")
    with pytest.raises(DataError, match="annotation of a sample is not known"):
        fitted(frame.assign(item=frame["item"].where(frame.index > 3)), "time", "(1 | participant)")

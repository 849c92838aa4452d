"""Intraclass correlation and chance-corrected agreement of a study."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import muvistats as mv
from muvistats.dataset.build import assemble
from muvistats.kernels.raters.reliability import icc_forms, icc_of_squares, mean_squares


def complete_study(values):
    """Every rater rates every item, once, statically."""
    items, raters = values.shape
    annotations = pd.DataFrame(
        [
            {"item": f"i{i}", "modality": "music", "participant": f"p{p}"}
            for i in range(items)
            for p in range(raters)
        ]
    )
    return assemble(
        annotations,
        {"liking": values.ravel()},
        participants=pd.DataFrame({"participant": [f"p{p}" for p in range(raters)]}),
        items=pd.DataFrame({"item": [f"i{i}" for i in range(items)]}),
        modalities=("music",),
    )


@pytest.fixture
def ratings():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(12, 1)) + 0.4 * rng.normal(size=(1, 5)) + rng.normal(size=(12, 5))
    return values / 5


def test_complete_ratings_by_mean_squares(ratings):
    frame = mv.icc(complete_study(ratings)).query("modality == 'music'")
    for row, form in zip(frame.itertuples(), icc_forms(ratings), strict=True):
        assert row.estimator == form.name
        assert_allclose(
            [row.estimate, row.statistic, row.p_value, row.conf_low, row.conf_high],
            [form.estimate, form.f, form.p_value, form.conf_low, form.conf_high],
        )


def test_components_stand_for_mean_squares_where_both_are_defined(ratings):
    """REML in a balanced table gives the ANOVA estimates, and so the same forms and limits."""
    from muvistats.stats.agreement.intraclass import _parts_of_variance, _squares_of_components

    n, k = ratings.shape
    part = pd.DataFrame(
        {
            "target": np.repeat(np.arange(n), k),
            "rater": np.tile(np.arange(k), n),
            "value": ratings.ravel(),
        }
    )
    parts, _, _ = _parts_of_variance(part, ratings.ravel() - ratings.mean())
    squares = _squares_of_components(parts, k, n, k)
    exact = mean_squares(ratings)
    for form, own in squares.items():
        squares[form] = replace(own, df=exact[form].df, df_error=exact[form].df_error)
    forms = icc_of_squares(squares, k, n, 0.95)
    for ours, expected in zip(forms, icc_forms(ratings), strict=True):
        assert ours.name == expected.name
        for field in ("estimate", "conf_low", "conf_high"):
            assert_allclose(getattr(ours, field), getattr(expected, field), rtol=1e-3)


def test_incomplete_ratings_say_so(study):
    frame = mv.icc(study, dimension="arousal")
    assert frame["method"].str.startswith("mixed model").all()
    assert frame["warning"].notna().all()
    assert frame["estimate"].between(0, 1).all()
    assert frame["p_value"].isna().all()
    assert (frame["conf_low"] <= frame["estimate"]).all()
    assert (frame["estimate"] <= frame["conf_high"]).all()
    assert (frame["conf_high"] > frame["conf_low"]).all()


def test_time_steps_of_a_static_dimension_are_refused(ratings):
    with pytest.raises(mv.DesignError, match="static"):
        mv.icc(complete_study(ratings), unit="time_step")


def plain_kappa(table):
    """Fleiss' kappa for two categories and unequal numbers of raters (Gwet 2014), by unit."""
    agree, shares = [], []
    for unit in table:
        m, r = len(unit), sum(unit)
        if m < 2:
            continue
        agree.append((r * (r - 1) + (m - r) * (m - r - 1)) / (m * (m - 1)))
        shares.append(r / m)
    p = np.mean(shares)
    chance = p**2 + (1 - p) ** 2
    return (np.mean(agree) - chance) / (1 - chance)


def test_label_agreement_is_kappa(study):
    frame = mv.label_agreement(study, n_resamples=20)
    rows = mv.annotation_frame(study).dropna(subset="sad")
    for modality in ("visual", "all"):
        use = rows if modality == "all" else rows[rows["modality"] == modality]
        units = [
            cell["sad"].tolist() for _, cell in use.groupby(["item", "modality"], observed=True)
        ]
        ours = frame.query(
            "label == 'sad' and modality == @modality and estimator == 'fleiss_kappa'"
        )["estimate"].item()
        assert_allclose(ours, plain_kappa(units), rtol=1e-12)


def test_label_that_nobody_chose(tiny):
    data = tiny.copy(deep=True)
    data["annotations/labels"].to_numpy()[:, 3] = 0
    row = mv.label_agreement(data, n_resamples=20).query(
        "label == 'tense' and modality == 'all' and estimator == 'fleiss_kappa'"
    )
    assert row["estimate"].isna().item()
    assert row["warning"].item() == "nothing varies"


def test_alpha_ignores_row_order_and_names(study):
    frame = mv.annotation_frame(study)
    shuffled = frame.sample(frac=1, random_state=0)
    shuffled.attrs = frame.attrs
    first, second = (
        mv.krippendorff_alpha(f, dimension="arousal", n_resamples=10) for f in (frame, shuffled)
    )
    for column in ("estimate", "conf_low", "conf_high"):
        assert_allclose(first[column], second[column], rtol=1e-10)


def test_nominal_alpha_is_the_row_of_label_agreement(study):
    nominal = mv.krippendorff_alpha(study, metric="nominal", n_resamples=20)
    rows = mv.label_agreement(study, n_resamples=20).query("estimator == 'krippendorff_alpha'")
    assert_allclose(nominal["estimate"], rows["estimate"])


def test_no_resamples_or_one_item_leave_the_limits_open(study):
    none = mv.krippendorff_alpha(study, n_resamples=0)
    assert none["estimate"].notna().all()
    assert none["conf_low"].isna().all()
    assert (none["warning"] == "no interval: n_resamples is 0").all()
    part = mv.select(study, item=str(study["items/item"].values[0]))
    for one in (
        mv.krippendorff_alpha(part, n_resamples=50),
        mv.label_agreement(part, n_resamples=50).dropna(subset="estimate"),
    ):
        assert one["conf_low"].isna().all()
        assert (one["warning"] == "no interval: fewer than two items").all()


def test_limits_that_are_missing_have_a_reason(tiny):
    for rows in (
        mv.label_agreement(tiny, n_resamples=40),
        mv.krippendorff_alpha(tiny, metric="nominal", n_resamples=40),
        mv.krippendorff_alpha(tiny, n_resamples=40),
    ):
        assert rows.loc[rows["conf_low"].isna(), "warning"].notna().all()


def test_a_frame_without_items_is_refused(tiny):
    frame = mv.annotation_frame(tiny)
    short = frame.drop(columns="item")
    short.attrs = frame.attrs
    for function in (mv.label_agreement, mv.krippendorff_alpha):
        with pytest.raises(mv.DataError, match="column item: column is missing"):
            function(short)


def test_a_frame_without_ids_takes_each_rating_as_another_persons(tiny):
    frame = mv.annotation_frame(tiny)
    short = frame.drop(columns="participant")
    short.attrs = frame.attrs
    for function in (mv.label_agreement, mv.krippendorff_alpha):
        ours, theirs = function(short, n_resamples=0), function(frame, n_resamples=0)
        pd.testing.assert_series_equal(ours["estimate"], theirs["estimate"])
        assert (ours["n_participants"] == 0).all()


def test_equal_ratings_have_no_icc(tiny):
    data = tiny.copy(deep=True)
    data["annotations/arousal"].to_numpy()[:] = 0.25
    rows = mv.icc(data, dimension="arousal")
    assert rows["estimate"].isna().all()
    assert (rows["warning"] == "all values are equal").all()


def test_a_variance_at_zero_is_said_in_the_row_and_nowhere_else(tiny):
    """Warnings of the model's library are errors here; ours stand in the frame."""
    rows = mv.icc(tiny, dimension="arousal")
    zero = rows["warning"].str.contains("estimated as zero")
    assert zero[rows["estimate"] == 0].all()
    assert zero.any()

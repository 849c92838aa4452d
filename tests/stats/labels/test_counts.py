from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from muvistats import (
    DataError,
    DesignError,
    annotation_frame,
    chisquare,
    chisquare_labels,
    label_deviations,
)

LABELS = ["sad", "energetic", "calm", "tense"]


def counts(study, by: str) -> np.ndarray:
    """Counts of labels per group, the slow way."""
    frame = annotation_frame(study)
    table = frame.groupby(by, observed=True)[LABELS].sum()
    return table.to_numpy()


@pytest.mark.parametrize("by", ["modality", "gender", "familiar"])
def test_chisquare_labels_by_hand(tiny, by):
    table = counts(tiny, by)
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    row = chisquare_labels(tiny, by=by).iloc[0]
    assert row["statistic"] == pytest.approx(((table - expected) ** 2 / expected).sum())
    assert row["df"] == (len(table) - 1) * 3
    assert row["p_value"] == pytest.approx(stats.chi2.sf(row["statistic"], row["df"]))
    assert (row["n"], row["n_annotations"], row["n_missing"]) == (table.sum(), 24, 0)
    assert 0 <= row["conf_low"] <= row["effect_size"] <= row["conf_high"]
    assert "expected counts are below 5" in row["warning"]


def test_a_comparison_is_a_factor(tiny):
    row = chisquare_labels(tiny, by="years_of_training > 3").iloc[0]
    assert row["factor"] == "years_of_training > 3"
    assert row["df"] == 3


def test_overlay_asks_only_about_modalities_that_have_one(tiny):
    frame = annotation_frame(tiny)
    row = chisquare_labels(tiny, by="overlay").iloc[0]
    assert row["n_annotations"] == (frame["modality"] != "music").sum()
    assert row["n_missing"] == 0


def test_masked_and_missing_labels_are_counted(tiny):
    tiny["annotations/keep_labels"][:3] = False
    tiny["annotations/labels"][3:5] = -1
    tiny["annotations/familiar"][5] = -1
    row = chisquare_labels(tiny, by="familiar").iloc[0]
    assert (row["n_annotations"], row["n_missing"]) == (18, 6)
    cells = label_deviations(tiny, by="familiar", dependence="independent")
    assert (cells["n_missing"] == 6).all()
    assert cells.groupby("label")["n_annotations"].sum().tolist() == [18] * 4


def test_a_label_that_nobody_chose_leaves_the_table(tiny):
    whole = chisquare_labels(tiny, by="gender").iloc[0]
    tiny["annotations/labels"][:, 2] = 0
    row = chisquare_labels(tiny, by="gender").iloc[0]
    assert (whole["df"], row["df"]) == (3, 2)
    assert row["warning"].startswith("no counts, left out: calm")
    cells = label_deviations(tiny, by="gender", dependence="independent").query("label == 'calm'")
    assert cells["observed"].tolist() == [0, 0]
    assert cells["expected"].tolist() == [0, 0]
    assert cells["std_residual"].isna().all()
    assert (cells["warning"] == "nobody chose this label").all()


def test_nobody_chose_anything(tiny):
    tiny["annotations/labels"][:] = 0
    row = chisquare_labels(tiny, by="gender").iloc[0]
    assert np.isnan(row["statistic"])
    assert row["warning"].startswith("nothing was counted")
    cells = label_deviations(tiny, by="gender")
    assert cells["p_value"].isna().all()
    assert cells["warning"].notna().all()


def test_a_factor_with_one_level_is_a_row_with_a_reason(tiny):
    tiny["annotations/familiar"][:] = 1
    row = chisquare_labels(tiny, by="familiar").iloc[0]
    assert np.isnan(row["statistic"])
    assert row["warning"].startswith("fewer than two groups")
    cells = label_deviations(tiny, by="familiar", dependence="independent")
    assert cells["std_residual"].isna().all()
    assert (cells["warning"] == "fewer than two groups have labels").all()
    tiny["annotations/familiar"][:] = -1
    assert chisquare_labels(tiny, by="familiar").loc[0, "n_missing"] == 24


def test_an_empty_text_factor_is_a_row_with_a_reason(tiny):
    tiny["participants/gender"][:] = ""
    assert np.isnan(chisquare_labels(tiny, by="gender").loc[0, "statistic"])
    cells = label_deviations(tiny, by="gender", dependence="independent")
    assert len(cells) == 1
    assert cells.loc[0, "warning"] == "no row has a group of gender"


def test_deviations_by_hand(tiny):
    table = counts(tiny, "modality")
    n = table.sum()
    rows, columns = table.sum(1, keepdims=True), table.sum(0, keepdims=True)
    expected = rows * columns / n
    residuals = (table - expected) / np.sqrt(expected * (1 - rows / n) * (1 - columns / n))
    cells = label_deviations(tiny, dependence="independent")
    assert cells["label"].tolist() == list(np.repeat(LABELS, 3))
    assert cells["group"].tolist() == ["music", "visual", "audiovisual"] * 4
    assert cells["expected"].to_numpy() == pytest.approx(expected.T.ravel())
    assert cells["deviation"].to_numpy() == pytest.approx((table - expected).T.ravel())
    assert cells["std_residual"].to_numpy() == pytest.approx(residuals.T.ravel())
    assert cells["p_value"].to_numpy() == pytest.approx(
        2 * stats.norm.sf(np.abs(residuals)).T.ravel()
    )


def test_two_groups_make_one_test_per_label(tiny):
    two = label_deviations(tiny, by="gender", adjust="bonferroni", dependence="independent")
    assert two["p_adjusted"].to_numpy() == pytest.approx(np.minimum(1, 4 * two["p_value"]))
    three = label_deviations(tiny, by="modality", adjust="bonferroni", dependence="independent")
    assert three["p_adjusted"].to_numpy() == pytest.approx(np.minimum(1, 12 * three["p_value"]))


def test_residuals_know_which_labels_carry_the_effect(study):
    cells = label_deviations(study, by="familiar", dependence="independent")
    assert cells.groupby("group")["deviation"].sum().abs().max() < 1e-9
    chi = chisquare_labels(study, by="familiar", dependence="independent").loc[0, "statistic"]
    assert ((cells["deviation"] ** 2 / cells["expected"]).sum()) == pytest.approx(chi)


def test_chisquare_of_two_factors(study):
    frame = annotation_frame(study)
    row = chisquare(study, "familiar ~ modality", dependence="independent").iloc[0]
    table = pd.crosstab(frame["familiar"], frame["modality"])
    expected = stats.chi2_contingency(table, correction=False)
    assert row["statistic"] == pytest.approx(expected.statistic)
    assert row["n"] + row["n_missing"] == len(frame)
    swapped = chisquare(study, "modality ~ familiar", dependence="independent").iloc[0]
    assert swapped["statistic"] == pytest.approx(row["statistic"])
    assert swapped["effect_size"] == pytest.approx(row["effect_size"])


def test_chisquare_of_a_tiny_frame():
    frame = pd.DataFrame({"a": ["x", "y"], "b": ["u", "v"]})
    row = chisquare(frame, "a ~ b", dependence="independent").iloc[0]
    assert row["statistic"] == pytest.approx(2)
    assert np.isnan(row["effect_size"])
    assert "not defined for so few" in row["warning"]


def test_tree_and_frame_agree(study):
    frame = annotation_frame(study)
    pd.testing.assert_frame_equal(
        chisquare_labels(study, by="gender", n_resamples=50),
        chisquare_labels(frame, by="gender", n_resamples=50),
    )


def test_wrong_arguments_are_refused(tiny):
    for call in (
        lambda: chisquare(tiny, "familiar ~ modality", dependence="designed"),
        lambda: chisquare_labels(tiny, dependence=("independent", "x")),
        lambda: label_deviations(tiny, dependence=()),
    ):
        with pytest.raises(DesignError, match="dependence must be one or both"):
            call()
    with pytest.raises(DataError, match="column item"):
        chisquare(pd.DataFrame({"a": ["x", "y"], "b": ["u", "v"]}), "a ~ b")
    with pytest.raises(DesignError, match="did you mean gender"):
        chisquare_labels(tiny, by="gendr")
    with pytest.raises(DesignError, match="is a number, not a factor"):
        chisquare_labels(tiny, by="age")
    with pytest.raises(DataError, match="which columns are labels"):
        chisquare_labels(pd.DataFrame({"g": ["a"]}), by="g")

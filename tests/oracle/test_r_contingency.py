"""Chi-square tests of label counts against R (`chisq.json`)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from muvistats import chisquare, chisquare_labels, label_deviations
from muvistats.kernels import contingency

CHISQ = json.loads((Path(__file__).parent / "chisq.json").read_text(encoding="utf-8"))
REL = 1e-10

#: R's entry, our factor, and our groups in R's order.
FACTORS = [
    ("gender", "gender", ["Female", "Male"]),
    ("training_gt3", "years_of_training > 3", ["False", "True"]),
    ("seen_previously", "familiar", ["unfamiliar", "familiar"]),
    ("media_modality", "modality", ["music", "visual", "audiovisual"]),
    ("overlay_type", "overlay", ["side_by_side", "overlaid"]),
]


@pytest.mark.parametrize("entry", [name for name, _, _ in FACTORS])
def test_chisquare_of_the_counts(entry):
    expected = CHISQ[entry]
    table = np.array(expected["observed"])
    units = pd.DataFrame(
        {
            "label": np.repeat(CHISQ["labels"] * len(table), table.ravel()),
            "group": np.repeat(expected["groups"], table.sum(axis=1)),
        }
    )
    found = chisquare(units, "group ~ label", dependence="independent").iloc[0]
    assert found["n"] == expected["n_labels_chosen"]
    assert found["df"] == expected["df"]
    assert found["statistic"] == pytest.approx(expected["statistic"], rel=REL)
    assert found["p_value"] == pytest.approx(expected["p_value"], rel=REL)
    assert found["effect_size"] == pytest.approx(expected["cramers_v_bias_corrected"], rel=REL)


@pytest.mark.parametrize("entry", ["gender", "training_gt3", "media_modality", "overlay_type"])
def test_expected_counts_and_standardized_residuals(entry):
    expected = CHISQ[entry]
    counts, residuals = contingency.standardized_residuals(np.array(expected["observed"]))
    assert counts == pytest.approx(np.array(expected["expected"]), rel=REL)
    assert residuals == pytest.approx(
        np.array(expected["standardized_residuals"]), rel=REL, abs=1e-12
    )


@pytest.mark.parametrize(("entry", "by", "groups"), FACTORS)
def test_labels_of_the_released_files(released, entry, by, groups):
    expected = CHISQ[entry]
    found = chisquare_labels(released, by=by, dependence="independent").iloc[0]
    assert found["statistic"] == pytest.approx(expected["statistic"], rel=REL)
    assert found["p_value"] == pytest.approx(expected["p_value"], rel=REL)
    assert found["effect_size"] == pytest.approx(expected["cramers_v_bias_corrected"], rel=REL)
    assert found["n"] == expected["n_labels_chosen"]
    assert found["n_annotations"] == sum(expected["n_annotations"])
    cells = label_deviations(released, by=by, dependence="independent")
    cells = cells.set_index(["group", "label"])
    for name, ours in (
        ("observed", "observed"),
        ("expected", "expected"),
        ("standardized_residuals", "std_residual"),
    ):
        if name in expected:
            order = pd.MultiIndex.from_product([groups, CHISQ["labels"]])
            values = cells.loc[order, ours].to_numpy()
            theirs = np.array(expected[name]).ravel()
            assert values == pytest.approx(theirs, rel=REL, abs=1e-12)


@pytest.mark.parametrize(
    ("by", "df", "as_released", "as_corrected"),
    [
        ("gender", 26, 46.35688, 43.76928),
        ("years_of_training > 3", 26, 93.42823, 91.76866),
        ("familiar", 26, 263.25694, 305.20796),
        ("modality", 52, 42.34110, 244.84001),
        ("overlay", 26, 32.06084, 17.19523),
    ],
)
def test_known_answers_on_both_alignments(released, corrected, by, df, as_released, as_corrected):
    for study, answer, rows, labels in (
        (released, as_released, 1494, 6091),
        (corrected, as_corrected, 1445, 5904),
    ):
        found = chisquare_labels(study, by=by, dependence="independent").iloc[0]
        assert round(found["statistic"], 5) == answer
        assert found["p_value"] == pytest.approx(stats.chi2.sf(found["statistic"], df))
        if by != "overlay":
            assert (found["n_annotations"], found["n"]) == (rows, labels)

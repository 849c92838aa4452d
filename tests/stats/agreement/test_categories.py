"""Agreement over all categories of a choose-one question."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv

#: Fleiss (1971), table 1: thirty patients, six psychiatrists, five diagnoses.
FLEISS = """
0 0 0 6 0; 0 3 0 0 3; 0 1 4 0 1; 0 0 0 0 6; 0 3 0 3 0; 2 0 4 0 0; 0 0 4 0 2; 2 0 3 1 0; 2 0 0 4 0;
0 0 0 0 6; 1 0 0 5 0; 1 1 0 4 0; 0 3 3 0 0; 1 0 0 5 0; 0 2 0 3 1; 0 0 5 0 1; 3 0 0 1 2; 5 1 0 0 0;
0 2 0 4 0; 1 0 2 0 3; 0 0 0 0 6; 0 1 0 5 0; 0 2 0 1 3; 2 0 0 4 0; 1 0 0 4 1; 0 5 0 1 0; 4 0 0 0 2;
0 2 0 4 0; 1 0 5 0 0; 0 0 0 0 6
"""


def fleiss() -> pd.DataFrame:
    counts = np.array([row.split() for row in FLEISS.split(";")], dtype=int)
    table = pd.DataFrame(counts, columns=list("abcde"))
    return table.assign(item=[f"i{i}" for i in range(30)])


def test_kappa_of_fleiss():
    study = mv.from_votes(fleiss(), labels=list("abcde"))
    found = mv.choice_agreement(study, n_resamples=99).set_index("estimator")
    assert found.loc["fleiss_kappa", "estimate"] == pytest.approx(0.430, abs=5e-4)
    assert (found["conf_low"] < found["estimate"]).all()
    assert (found["estimate"] < found["conf_high"]).all()
    assert set(found["n"]) == {180}


def test_alpha_and_ac1_of_the_library():
    krippendorff = pytest.importorskip("krippendorff")
    votes = fleiss()
    study = mv.from_votes(votes, labels=list("abcde"))
    found = mv.choice_agreement(study, n_resamples=0).set_index("estimator")["estimate"]
    counts = votes[list("abcde")].to_numpy()
    alpha = krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
    assert found["krippendorff_alpha"] == pytest.approx(alpha)
    share = counts.mean(axis=0) / 6
    agree = ((counts * (counts - 1)).sum(axis=1) / 30).mean()
    chance = (share * (1 - share)).sum() / 4
    assert found["gwet_ac1"] == pytest.approx((agree - chance) / (1 - chance))


def test_two_categories_are_a_label():
    rng = np.random.default_rng(3)
    votes = pd.DataFrame({"item": [f"i{i}" for i in range(12)], "x": rng.integers(0, 5, 12)})
    votes["y"] = rng.integers(1, 6, 12)
    study = mv.from_votes(votes, labels=["x", "y"])
    whole = mv.choice_agreement(study, n_resamples=0).set_index("estimator")["estimate"]
    label = mv.label_agreement(study, n_resamples=0).query("label == 'x'")
    assert label.set_index("estimator")["estimate"].to_dict() == pytest.approx(whole.to_dict())


def test_one_answer_to_everything_has_no_kappa():
    votes = pd.DataFrame({"item": ["a", "b"], "x": [3, 4], "y": [0, 0]})
    found = mv.choice_agreement(mv.from_votes(votes, labels=["x", "y"]), n_resamples=9)
    assert found["estimate"].isna().tolist() == [True, True, False]
    assert found["warning"].iloc[0] == "nothing varies"

"""Agreement of ordered ratings: alpha, weighted kappa and Kendall's W as public functions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

import muvistats as mv
from muvistats.stats.agreement.chance_corrected import resampled_sums

RATINGS = Path(__file__).parents[2] / "oracle" / "ordinal" / "ratings.csv"


@pytest.fixture
def ratings() -> pd.DataFrame:
    return pd.read_csv(RATINGS)


def test_alpha_of_the_library(ratings):
    krippendorff = pytest.importorskip("krippendorff")
    some = ratings.drop(index=range(0, 60, 7))
    table = some.pivot_table(index="participant", columns="item", values="y").to_numpy()
    theirs = krippendorff.alpha(table, level_of_measurement="ordinal")
    row = mv.krippendorff_alpha(some, dimension="y", metric="ordinal", n_resamples=200).iloc[0]
    assert row["estimate"] == pytest.approx(theirs, rel=1e-12)
    assert row["estimator"] == "Krippendorff alpha, ordinal"
    assert row["conf_low"] < row["estimate"] < row["conf_high"]
    bent = some.assign(y=np.exp(some["y"]))  # the order alone counts
    other = mv.krippendorff_alpha(bent, dimension="y", metric="ordinal", n_resamples=200).iloc[0]
    assert (row["estimate"], row["conf_low"]) == (other["estimate"], other["conf_low"])


@pytest.mark.parametrize("weighting", ["linear", "quadratic"])
def test_two_raters_have_the_kappa_of_scikit_learn(ratings, weighting):
    two = ratings[ratings["participant"].isin(["p1", "p2"])]
    a, b = (two.loc[two["participant"] == name, "y"].to_numpy() for name in ("p1", "p2"))
    found = mv.weighted_kappa(two, dimension="y", weighting=weighting, n_resamples=200)
    row = found.set_index("estimator").loc["cohen_kappa"]
    assert row["estimate"] == pytest.approx(cohen_kappa_score(a, b, weights=weighting))
    assert row["conf_low"] < row["estimate"] < row["conf_high"]
    assert "other items" in row["warning"]


def test_more_raters_have_limits_for_both(ratings):
    found = mv.weighted_kappa(ratings, dimension="y")
    assert found["estimator"].tolist() == ["cohen_kappa", "fleiss_kappa"] * 2
    assert (found["conf_low"] < found["estimate"]).all()
    assert (found["estimate"] < found["conf_high"]).all()
    assert found["warning"].isna().all()


def test_without_ids_there_is_one_distribution(ratings):
    study = mv.from_frames(
        annotations=ratings.drop(columns="participant").rename(columns={"y": "calm"}),
        dimensions=["calm"],
        scale=(1, 5),
    )
    found = mv.weighted_kappa(study, weighting="linear", n_resamples=99).set_index("estimator")
    assert np.isnan(found.loc["cohen_kappa", "estimate"])
    assert "not known who rated" in found.loc["cohen_kappa", "warning"]
    assert found.loc["fleiss_kappa", "estimate"] == pytest.approx(0.267059814659)
    with pytest.raises(mv.DataError, match="participant"):
        mv.kendall_w(study)


def test_w_takes_the_items_that_all_raters_rated(ratings):
    whole = mv.kendall_w(ratings, dimension="y").iloc[0]
    assert (whole["n"], whole["n_missing"], whole["n_items"]) == (60, 0, 12)
    assert whole["conf_low"] < whole["estimate"] < whole["conf_high"]
    some = ratings.drop(index=[0, 1])  # items i1 and i2 lack p1
    row = mv.kendall_w(some, dimension="y").iloc[0]
    others = mv.kendall_w(ratings[~ratings["item"].isin(["i1", "i2"])], dimension="y").iloc[0]
    assert row["estimate"] == others["estimate"]
    assert (row["n"], row["n_missing"], row["n_items"]) == (50, 8, 10)


def test_w_takes_the_raters_of_all_items_where_no_item_has_all(ratings):
    ends = ratings["participant"].eq("p5") & ratings["item"].ne("i1")
    more = ratings[~ends].assign(y=ratings["y"].astype(float))
    row = mv.kendall_w(more, dimension="y").iloc[0]
    four = mv.kendall_w(ratings[ratings["participant"].ne("p5")], dimension="y").iloc[0]
    assert (row["n_participants"], row["estimate"]) == (4, four["estimate"])
    apart = ratings[
        ratings["item"].str[1:].astype(int) % 5 == ratings["participant"].str[1:].astype(int) % 5
    ]
    none = mv.kendall_w(apart, dimension="y").iloc[0]
    assert np.isnan(none["estimate"])
    assert "no two items" in none["warning"]


def test_perfect_agreement_has_no_interval():
    ratings = pd.DataFrame({"item": list("abcdabcd"), "participant": list("xxxxyyyy")})
    ratings["y"] = [1, 2, 3, 4] * 2
    row = mv.kendall_w(ratings, dimension="y").iloc[0]
    assert row["estimate"] == pytest.approx(1)
    assert "all raters agree" in row["warning"]
    other = mv.kendall_w(ratings.assign(y=[1, 2, 3, 4, 4, 3, 2, 1]), dimension="y").iloc[0]
    assert other["estimate"] == 0
    assert "one mean rank" in other["warning"]
    same = mv.weighted_kappa(ratings.assign(y=2), dimension="y", n_resamples=9)
    assert same["estimate"].isna().all()
    assert (same["warning"] == "nothing varies").all()


def test_words_that_are_no_weighting(ratings):
    with pytest.raises(mv.DesignError, match="weighting"):
        mv.weighted_kappa(ratings, dimension="y", weighting="cubic")


def test_limits_of_ordered_ratings_hold_the_truth():
    """Raters differ in level: limits of items alone would be too narrow."""
    rng = np.random.default_rng(2)

    def drawn(n: int, k: int) -> pd.DataFrame:
        level, true = 0.6 * rng.normal(size=k), rng.normal(size=n)
        item = np.repeat(np.arange(n), 5)
        person = np.concatenate([rng.permutation(k)[:5] for _ in range(n)])
        noise = rng.normal(size=len(item))
        y = np.clip(np.round(true[item] + level[person] + noise + 3), 1, 5)
        return pd.DataFrame({"item": item, "participant": person, "y": y})

    many = drawn(3000, 300)
    kappa = mv.weighted_kappa(many, dimension="y", weighting="linear", n_resamples=0)["estimate"]
    alpha = mv.krippendorff_alpha(many, dimension="y", metric="ordinal", n_resamples=0)["estimate"]
    held = []
    for _ in range(40):
        few = drawn(40, 20)
        rows = mv.weighted_kappa(few, dimension="y", weighting="linear", n_resamples=99)
        held += list((rows["conf_low"] <= kappa) & (kappa <= rows["conf_high"]))
        row = mv.krippendorff_alpha(few, dimension="y", metric="ordinal", n_resamples=99)
        held += list((row["conf_low"] <= alpha) & (alpha <= row["conf_high"]))
    assert np.mean(held) >= 0.88


def test_the_same_item_is_drawn_again_where_there_is_one():
    sums = np.array([[2.0, 3.0], [5.0, 7.0]])
    drawn = resampled_sums(sums, np.array([0, 0]), 20, np.random.default_rng(0))
    assert (drawn == [7, 10]).all()


def test_items_that_one_person_rated_are_told(ratings):
    rows = mv.weighted_kappa(ratings.drop_duplicates("item"), dimension="y", n_resamples=50)
    assert rows["estimate"].isna().all()
    assert (rows["warning"] == "no unit has two raters").all()

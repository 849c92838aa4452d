"""Confusions and hit rates of choose-one answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import logit

import muvistats as mv

VOTES = pd.DataFrame(
    {
        "item": ["a", "b", "c", "d"],
        "joy": [8, 5, 1, 0],
        "fear": [1, 3, 7, 6],
        "calm": [1, 2, 2, 4],
    }
)
ITEMS = pd.DataFrame({"item": ["a", "b", "c", "d"], "intended": ["joy", "joy", "fear", "fear"]})


@pytest.fixture(scope="module")
def study():
    return mv.from_votes(VOTES, labels=["joy", "fear", "calm"], items=ITEMS)


def test_confusions_by_hand(study):
    table = mv.confusion_matrix(study).set_index(["intended", "label"])
    cells = table["count"].to_dict()
    assert [cells["joy", label] for label in ("joy", "fear", "calm")] == [13, 4, 3]
    assert [cells["fear", label] for label in ("joy", "fear", "calm")] == [1, 13, 6]
    assert table.loc[("joy", "fear"), "share"] == pytest.approx(4 / 20)
    assert set(table["n"]) == {20}


def test_hit_rates_by_hand(study):
    rates = mv.hit_rates(study).set_index(["quantity", "label"])
    plain, unbiased = rates.loc["hit rate"], rates.loc["unbiased hit rate"]
    assert plain["estimate"].to_dict() == {"all": 26 / 40, "joy": 13 / 20, "fear": 13 / 20}
    # Wagner (1993): squared hits over row total times column total
    hu = {"joy": 13**2 / (20 * 14), "fear": 13**2 / (20 * 17)}
    assert unbiased["estimate"].drop("all").to_dict() == pytest.approx(hu)
    assert unbiased.loc["all", "estimate"] == pytest.approx(np.mean(list(hu.values())))
    assert plain.loc["joy", "chance"] == pytest.approx(14 / 40)
    assert unbiased.loc["joy", "chance"] == pytest.approx((20 / 40) * (14 / 40))
    assert plain.loc["all", "chance"] == pytest.approx((20 * 14 + 20 * 17) / 1600)


def test_errors_are_those_of_a_jackknife_of_items():
    """The influence of an item is close to what leaving it out changes."""
    rng = np.random.default_rng(4)
    n = 150
    votes = pd.DataFrame(rng.multinomial(12, [0.5, 0.3, 0.2], n), columns=["x", "y", "z"])
    votes = votes.assign(item=[f"i{i}" for i in range(n)])
    items = pd.DataFrame({"item": votes["item"], "intended": np.resize(["x", "y", "z"], n)})
    study = mv.from_votes(votes, labels=["x", "y", "z"], items=items)
    rates = mv.hit_rates(study).set_index(["quantity", "label"])
    row = rates.loc[("unbiased hit rate", "x")]
    table = votes[["x", "y", "z"]].to_numpy(dtype=float)
    meant = (items["intended"] == "x").to_numpy()

    def hu(use):
        hits = table[use & meant, 0].sum()
        return hits**2 / (table[use & meant].sum() * table[use][:, 0].sum())

    whole = np.full(n, fill_value=True)
    left = np.array([hu(whole & (np.arange(n) != i)) for i in range(n)])
    jackknife = np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum())
    p, limits = row["estimate"], row[["conf_low", "conf_high"]].to_numpy(dtype=float)
    odds = np.log(limits / (1 - limits))
    error = (odds[1] - odds[0]) / 2 / stats.t.ppf(0.975, 49) * p * (1 - p)
    assert p == pytest.approx(hu(whole))
    assert error == pytest.approx(jackknife, rel=0.03)
    # the plain rate is a mean over items of as many answers each
    plain = rates.loc[("hit rate", "x")]
    limits = logit(plain[["conf_low", "conf_high"]].to_numpy(dtype=float))
    share = table[meant, 0] / 12
    p, error = plain["estimate"], stats.sem(share) * np.sqrt(n / (n - 1) * 49 / 50)
    assert p == pytest.approx(share.mean())
    reach = stats.t.ppf(0.975, 49) * error / (p * (1 - p))
    assert np.diff(limits) / 2 == pytest.approx(reach)


def test_raters_widen_the_interval():
    rng = np.random.default_rng(7)
    skill = rng.normal(0, 1.5, 12)
    rows = [(p, i, "xy"[i % 2]) for p in range(12) for i in range(30)]
    hit = rng.random(len(rows)) < 1 / (1 + np.exp(-skill[[p for p, *_ in rows]]))
    other = {"x": "y", "y": "x"}
    rows = [(*row, row[2] if h else other[row[2]]) for row, h in zip(rows, hit, strict=True)]
    frame = pd.DataFrame(rows, columns=["participant", "item", "intended", "answer"])
    study = mv.from_frames(
        frame.drop(columns="intended"),
        labels="answer",
        items=frame[["item", "intended"]].drop_duplicates(),
    )
    both = mv.hit_rates(study).iloc[0]
    alone = mv.hit_rates(study, cluster="item").iloc[0]
    assert both["estimate"] == alone["estimate"]
    assert both["conf_high"] - both["conf_low"] > 2 * (alone["conf_high"] - alone["conf_low"])
    assert both["method"] == "errors clustered by items and participants"
    assert both["n_participants"] == 12


def test_shares_of_nothing_and_of_all_have_no_interval():
    votes = pd.DataFrame({"item": ["a", "b"], "x": [5, 0], "y": [0, 5]})
    items = pd.DataFrame({"item": ["a", "b"], "intended": ["x", "y"]})
    study = mv.from_votes(votes, labels=["x", "y"], items=items)
    rates = mv.hit_rates(study)
    assert set(rates["estimate"]) == {1.0}
    assert rates["warning"].str.contains("0 or 1").all()


@pytest.mark.parametrize(("cluster", "kept"), [("participant", "nothing"), ("item", "items")])
def test_what_stands_in_one_cluster_has_no_interval(cluster, kept):
    votes = pd.DataFrame({"item": ["a", "b"], "x": [5, 1], "y": [3, 4]})
    items = pd.DataFrame({"item": ["a", "b"], "intended": ["x", "y"]})
    study = mv.from_votes(votes, labels=["x", "y"], items=items)
    rates = mv.hit_rates(study, cluster=cluster).query("quantity == 'hit rate' and label == 'x'")
    row = rates.iloc[0]
    assert row["estimate"] == 5 / 8
    assert row["method"] == f"errors clustered by {kept}"
    assert np.isnan(row["conf_low"])
    assert "fewer than two items or raters" in row["warning"]


def test_items_that_are_all_alike_have_no_interval():
    votes = pd.DataFrame({"item": list("abc"), "x": [3, 3, 3], "y": [1, 1, 1]})
    study = mv.from_votes(votes, labels=["x", "y"], items=votes[["item"]].assign(intended="x"))
    row = mv.hit_rates(study).iloc[0]
    assert row["estimate"] == 0.75
    assert np.isnan(row["conf_low"])
    assert "all are alike" in row["warning"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"intended": "emotion"}, "no column says"),
        ({"intended": "answer_of"}, "none of the answers"),
    ],
)
def test_what_is_missing_is_named(given, says):
    items = ITEMS.assign(answer_of="blue")
    study = mv.from_votes(VOTES, labels=["joy", "fear", "calm"], items=items)
    with pytest.raises(mv.DataError, match=says):
        mv.hit_rates(study, **given)


def test_ticks_are_no_choice(tiny):
    with pytest.raises(mv.DataError, match="choose one"):
        mv.hit_rates(tiny)


def test_crema_d_headline(shared):
    votes = pd.read_csv(shared / "studies" / "crema_votes.csv.xz", index_col=0)
    kinds = {"1": "voice", "2": "face", "3": "both"}
    votes["modality"] = votes.index.astype("str").str[0].map(kinds)
    files = votes["fileName"].drop_duplicates()
    items = pd.DataFrame({"item": files, "intended": files.str.split("_").str[2].str[0]})
    study = mv.from_votes(
        votes,
        labels=list("ADFHNS"),
        item="fileName",
        modalities=tuple(kinds.values()),
        items=items,
    )
    rates = mv.hit_rates(study).query("label == 'all' and quantity == 'hit rate'")
    assert (100 * rates["estimate"]).round(1).tolist()[:3] == [40.0, 57.4, 63.1]


def test_answers_that_are_missing_count_with_the_items_that_they_are_about():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"item": np.repeat(list("abcd"), 5), "participant": np.tile(range(5), 4)})
    frame["modality"] = "film"
    frame["intended"] = frame["item"].map(dict(zip("abcd", ["x", "x", "y", None], strict=True)))
    frame["answer"] = rng.choice(["x", "y", "z"], 20)
    frame.loc[[0, 1, 5, 10, 19], "answer"] = None
    rates = mv.hit_rates(frame, labels="answer")
    missing = rates.set_index(["quantity", "label"])["n_missing"].xs("hit rate").to_dict()
    assert missing == {"all": 9, "x": 3, "y": 1}
    table = mv.confusion_matrix(frame, labels="answer")
    assert table.groupby("intended")["n_missing"].unique().map(list).to_dict() == {
        "x": [3],
        "y": [1],
    }

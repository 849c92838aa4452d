"""Rows of label tests that respect how a factor was assigned."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from muvistats import (
    DesignError,
    annotation_frame,
    chisquare,
    chisquare_labels,
    label_deviations,
    select,
    simulate_muvi,
)
from muvistats.kernels.permutation.arrangements import shrunken_residuals

LABELS = ["sad", "energetic", "calm", "tense"]
OPTIONS = {"dependence": "design", "n_resamples": 400, "rng": 3}


@pytest.fixture
def few(monkeypatch):
    """Allow the fewest participants and items, so that all arrangements can be listed."""
    monkeypatch.setattr("muvistats.stats.shared.study.FEWEST", 1)


def chi_square(table: np.ndarray) -> float:
    table = table[:, table.sum(axis=0) > 0]
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(((table - expected) ** 2 / expected).sum())


def test_all_arrangements_of_participants_by_hand(tiny):
    frame = annotation_frame(tiny)
    people = frame.groupby("participant")[LABELS].sum().to_numpy()
    female = np.array([0, 3])
    observed, found = (
        chi_square(np.stack([people[female].sum(0), np.delete(people, female, 0).sum(0)])),
        [],
    )
    for a in range(6):
        for b in range(a + 1, 6):
            rest = np.delete(people, [a, b], axis=0).sum(axis=0)
            found.append(chi_square(np.stack([people[[a, b]].sum(axis=0), rest])))
    row = chisquare_labels(tiny, by="gender", dependence="design").iloc[0]
    assert row["statistic"] == pytest.approx(observed)
    assert row["p_value"] == pytest.approx(np.mean(np.array(found) >= observed * (1 - 1e-9)))
    assert (row["mc_error"], row["n_resamples"]) == (0, 15)
    assert "only 15 arrangements" in row["warning"]
    assert "exact: all 15" in row["warning"]
    assert row["method"] == "whole participants permuted"


def with_few_items(study) -> pd.DataFrame:
    """Too few items to say something of others: chi-square of the tables of people."""
    frame = annotation_frame(study)
    return frame[frame["item"].isin(frame["item"].unique()[:5])]


def test_permuted_participants_by_a_plain_loop(study):
    frame = with_few_items(study)
    labels = frame.attrs["labels"]
    people = frame.groupby("participant")[labels].sum()
    trait = frame.groupby("participant")["years_of_training"].first() > 3
    observed = chi_square(people.groupby(trait).sum().to_numpy())
    rng = np.random.default_rng(0)
    drawn = [
        chi_square(people.groupby(rng.permutation(trait.to_numpy())).sum().to_numpy())
        for _ in range(400)
    ]
    both = chisquare_labels(frame, by="years_of_training > 3", n_resamples=4000)
    assert both["dependence"].tolist() == ["independent", "design"]
    assert both["statistic"].to_numpy() == pytest.approx([observed] * 2)
    p = (np.array(drawn) >= observed).mean()
    assert both.loc[1, "p_value"] == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 400) + 0.01)
    assert both.loc[1, "mc_error"] == pytest.approx(
        np.sqrt(both.loc[1, "p_value"] * (1 - both.loc[1, "p_value"]) / 4000)
    )


def test_strata_keep_the_second_trait(study):
    frame = with_few_items(study)
    people = frame.groupby("participant")[["gender", "years_of_training"]].first()
    trained = people["years_of_training"] > 3
    plan = {"by": "years_of_training > 3", "strata": "gender", **OPTIONS}
    row = chisquare_labels(frame, **plan).iloc[0]
    labels = frame.groupby("participant")[frame.attrs["labels"]].sum()
    excess = labels - np.outer(labels.sum(axis=1), labels.sum() / labels.to_numpy().sum())
    excess -= excess.groupby(people["gender"]).transform("mean")
    deviation = excess.groupby(trained).sum().to_numpy()
    size = labels.groupby(trained).sum().to_numpy().sum(axis=1)
    expected = np.outer(size, labels.sum() / labels.to_numpy().sum())
    assert row["statistic"] == pytest.approx((deviation**2 / expected).sum())
    assert row["method"].endswith("within gender")
    cells = label_deviations(frame, **plan).query("group == 'True'")
    assert cells["deviation"].to_numpy() == pytest.approx(deviation[1])
    with pytest.raises(DesignError, match="strata are for factors of participants"):
        chisquare_labels(study, by="modality", strata="gender")


@pytest.mark.usefixtures("few")
def test_all_arrangements_within_items_by_a_plain_loop(tiny):
    """Sums of labels less participants and items, the modality of lists changed within items."""
    frame = annotation_frame(tiny)
    chosen = frame[LABELS].to_numpy(dtype=float)
    v = chosen - chosen.sum(axis=1, keepdims=True) * chosen.sum(axis=0) / chosen.sum()
    item, person, group = (
        pd.factorize(frame[name])[0] for name in ("item", "participant", "modality")
    )
    r, weight = shrunken_residuals(v, item, person)

    def residuals(codes: np.ndarray) -> np.ndarray:
        out = []
        for g in range(3):
            z = (codes == g).astype(float)
            inside = z - np.array([z[item == i].mean() for i in range(4)])[item]
            u = inside[:, None] * r
            people = sum(u[person == p].sum(axis=0) ** 2 for p in range(6))
            items = sum(u[item == i].sum(axis=0) ** 2 for i in range(4))
            single = ((z - 1 / 3)[:, None] ** 2 * r**2).sum(axis=0)
            variance = single + (people - single) * 6 / 5
            variance += (items - single) / (1 - weight.sum(axis=0) / 24)
            variance = np.maximum(variance, 0.3 * np.maximum(people, items))
            own = sum(inside[person == p].sum() ** 2 * weight[p] / 4 for p in range(6))
            left = np.maximum(0.0, 1 - own / (inside**2).sum())
            out.append(u.sum(axis=0) / np.sqrt(variance * left))
        return np.array(out)

    observed = residuals(group)
    order = pd.unique(frame["modality"]).tolist()
    every = itertools.product(itertools.permutations(range(3)), repeat=4)
    # two people have each list, so an item has three lists that change modality
    draws = [residuals(np.array(orders)[item, group]) for orders in every]
    draws = np.abs(np.array(draws))
    limit = np.abs(observed) * (1 - 1e-9)
    whole = ((draws**2).sum(axis=(1, 2)) >= (observed**2).sum() * (1 - 1e-9)).mean()
    largest = draws.max(axis=(1, 2))[:, None, None]
    row = chisquare_labels(tiny, dependence="design", n_resamples=2000).iloc[0]
    assert row["statistic"] == pytest.approx((observed**2).sum())
    assert row["p_value"] == pytest.approx(whole)
    assert row["n_resamples"] == 6**4
    cells = label_deviations(tiny, dependence="design", n_resamples=2000)
    cells = cells.set_index(["group", "label"])
    keys = pd.MultiIndex.from_product([order, LABELS])
    assert cells.loc[keys, "std_residual"].to_numpy() == pytest.approx(observed.ravel())
    p, p_max = (draws >= limit).mean(axis=0), (largest >= limit).mean(axis=0)
    assert cells.loc[keys, "p_value"].to_numpy() == pytest.approx(p.ravel())
    assert cells.loc[keys, "p_adjusted"].to_numpy() == pytest.approx(p_max.ravel())
    assert (cells["expected"] + cells["deviation"]).to_numpy() == pytest.approx(cells["observed"])


@pytest.mark.usefixtures("few")
def test_all_arrangements_of_a_trait_by_a_plain_loop(tiny):
    """The mirror of factors of items: labels less items, people changed as a whole."""
    frame = annotation_frame(tiny)
    chosen = frame[LABELS].to_numpy(dtype=float)
    v = chosen - chosen.sum(axis=1, keepdims=True) * chosen.sum(axis=0) / chosen.sum()
    item, person = (pd.factorize(frame[name])[0] for name in ("item", "participant"))
    r, weight = shrunken_residuals(v, np.zeros(len(v), dtype=np.intp), item)
    female = (frame["gender"] == "Female").to_numpy()
    share = np.array([female.mean(), 1 - female.mean()])

    def residuals(first: np.ndarray) -> np.ndarray:
        out = []
        for z, e in zip((first, ~first), share, strict=True):
            u = (z - e)[:, None] * r
            people = sum(u[person == p].sum(axis=0) ** 2 for p in range(6))
            items = sum(u[item == i].sum(axis=0) ** 2 for i in range(4))
            single = (u**2).sum(axis=0)
            variance = single + (items - single) * len(v) / (len(v) - 1) * 3 / 2  # four items
            variance += (people - single) / (1 - weight.sum(axis=0) / len(v))
            variance = np.maximum(variance, 0.3 * np.maximum(people, items))
            met = [(z - e)[item == i].sum() ** 2 * weight[i] / (item == i).sum() for i in range(4)]
            left = np.maximum(0.0, 1 - sum(met) / (len(v) * e * (1 - e)))
            out.append(u.sum(axis=0) / np.sqrt(variance * left))
        return np.array(out)

    observed = residuals(female)
    drawn = [residuals(np.isin(person, two)) for two in itertools.combinations(range(6), 2)]
    sizes = (np.array(drawn) ** 2).sum(axis=(1, 2))
    row = chisquare_labels(tiny, by="gender", dependence="design").iloc[0]
    assert row["statistic"] == pytest.approx((observed**2).sum())
    assert row["p_value"] == pytest.approx((sizes >= (observed**2).sum() * (1 - 1e-9)).mean())
    assert row["n_resamples"] == 15
    cells = label_deviations(tiny, by="gender", dependence="design").set_index(["group", "label"])
    keys = pd.MultiIndex.from_product([["Female", "Male"], LABELS])
    assert cells.loc[keys, "std_residual"].to_numpy() == pytest.approx(observed.ravel())


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("modality", "permuted within items"),
        ("overlay", "permuted within items and modalities"),
        ("gender", "participants permuted"),
        ("familiar", "conditional randomization"),
    ],
)
def test_any_number_of_threads_gives_the_same_p(study, by, words):
    options = {"by": by, "dependence": "design", "n_resamples": 2500, "rng": 5}
    one = label_deviations(study, **options)
    pd.testing.assert_frame_equal(one, label_deviations(study, **options, n_jobs=3))
    assert one["method"].str.contains(words).all()
    assert (one["p_adjust_method"] == "max-statistic").all()
    tested = one[one["p_value"].notna()]
    assert len(tested) > 40
    assert (tested["p_adjusted"] >= tested["p_value"]).all()
    assert (tested["observed"] - tested["deviation"]).to_numpy() == pytest.approx(
        tested["expected"]
    )
    plain = label_deviations(study, **options, adjust="none")
    assert plain["p_adjusted"].equals(plain["p_value"].rename("p_adjusted"))


def confounded(seed: int, effect: float) -> pd.DataFrame:
    """Known items get the first label more, and so do people who know more; knowing adds."""
    rng = np.random.default_rng(seed)
    item, person = (axis.ravel() for axis in np.indices((30, 24)))
    item_pull, person_pull = rng.normal(size=30), rng.normal(size=24)
    pull = item_pull[item] + person_pull[person]
    familiar = rng.random(720) < 1 / (1 + np.exp(-1.5 * pull))
    frame = pd.DataFrame({"item": item.astype(str), "participant": person.astype(str)})
    frame["familiar"] = np.where(familiar, "yes", "no")
    for j, slope in enumerate([1.2, -0.8, 0.0, 0.0]):
        odds = slope * pull + effect * familiar * (j == 0) + (j == 3)
        frame[f"l{j}"] = (rng.random(720) < 1 / (1 + np.exp(-odds))).astype(float)
    frame.attrs.update(labels=["l0", "l1", "l2", "l3"], assigned={"familiar": "observed"})
    return frame


def test_what_is_observed_is_adjusted_for_items_and_participants():
    null = [
        chisquare_labels(confounded(seed, 0), by="familiar", n_resamples=300) for seed in range(12)
    ]
    p = np.array([rows["p_value"].to_numpy() for rows in null])
    assert p[:, 0].max() < 0.01  # as if independent: always significant
    assert (p[:, 1] > 0.05).sum() >= 10
    real = chisquare_labels(confounded(1, 2.0), by="familiar", n_resamples=300)
    assert real.loc[1, "p_value"] < 0.01
    cells = label_deviations(confounded(1, 2.0), by="familiar", **OPTIONS)
    assert cells.loc[cells["p_adjusted"] < 0.05, "label"].unique().tolist()[:1] == ["l0"]
    assert cells.query("label == 'l0' and group == 'yes'")["deviation"].item() > 0


def test_an_observed_factor_may_be_permuted_but_that_is_said(study):
    row = chisquare_labels(study, by="familiar", assigned="within_item", **OPTIONS).iloc[0]
    assert row["warning"].startswith("not adjusted")
    assert row["method"].startswith("labels less participant and item effects, permuted")
    again = chisquare_labels(study, by="familiar", assigned="observed", **OPTIONS).iloc[0]
    assert "not adjusted" not in str(again["warning"])


def test_unknown_assignment_is_found_or_taken_as_observed(study):
    frame = annotation_frame(study)
    frame.attrs["assigned"] = {}
    row = chisquare_labels(frame, **OPTIONS).iloc[-1]
    assert "nothing says how 'modality' was assigned: taken as observed" in row["warning"]
    found = label_deviations(frame, by="gender", **OPTIONS)
    pd.testing.assert_frame_equal(found, label_deviations(study, by="gender", **OPTIONS))
    assert len(chisquare_labels(frame, dependence="independent")) == 1
    named = chisquare_labels(frame, assigned="within_item", **OPTIONS)
    pd.testing.assert_frame_equal(named, chisquare_labels(study, **OPTIONS))
    with pytest.raises(DesignError, match="changes within participant"):
        chisquare_labels(study, assigned="participant")
    with pytest.raises(DesignError, match="assigned must be one of"):
        chisquare_labels(study, assigned="random")


def reason(rows: pd.DataFrame) -> str:
    assert rows["p_value"].isna().all()
    return str(rows["warning"].iloc[0])


@pytest.mark.usefixtures("few")
def test_nothing_to_permute_is_a_row_with_the_reason(study, tiny):
    by_gender = {"by": "gender", **OPTIONS}
    one = select(study, participant="0")
    assert "fewer than two groups" in reason(chisquare_labels(one, **by_gender))
    assert "nothing is left" in reason(chisquare_labels(one, **OPTIONS))
    frame = annotation_frame(tiny)
    frame["modality"] = frame["item"].map({"b_1": "music"}).fillna("visual")
    text = "constant within every stratum"
    assert text in reason(chisquare_labels(frame, assigned="within_item", **OPTIONS))
    assert text in reason(label_deviations(frame, assigned="within_item", **OPTIONS))
    single = select(tiny, item="a_1")
    assert np.isnan(chisquare_labels(single, by="familiar", **OPTIONS).loc[0, "p_value"])
    row = chisquare_labels(tiny, dependence="design", n_resamples=0)
    assert "n_resamples is 0" in reason(row)


@pytest.mark.usefixtures("few")
def test_a_label_that_nobody_chose_has_no_test(tiny):
    tiny["annotations/labels"][:, 2] = 0
    row = chisquare_labels(tiny, **OPTIONS).iloc[0]
    assert row["p_value"] > 0
    assert "left out: calm" in row["warning"]
    cells = label_deviations(tiny, **OPTIONS).set_index("label")
    assert cells.loc["calm", "p_value"].isna().all()
    assert (cells.loc["calm", "warning"].str.contains("nobody chose this label")).all()
    assert cells.drop(index="calm")["p_value"].notna().all()


def test_two_factors_of_annotations(study):
    rows = chisquare(study, "familiar ~ modality", n_resamples=300)
    assert rows["dependence"].tolist() == ["independent", "design"]
    assert rows.loc[1, "p_value"] < 0.01  # muted videos are known less
    trait = chisquare(study, "gender ~ modality", **OPTIONS).iloc[0]
    assert np.isnan(trait["p_value"])
    assert "nothing is left" in trait["warning"]


@pytest.mark.parametrize(
    ("by", "as_released", "as_corrected"),
    [
        ("gender", False, False),
        ("familiar", True, True),
        ("modality", False, True),
        ("overlay", False, False),
    ],
)
def test_findings_of_the_release(released, corrected, by, as_released, as_corrected):
    for study, found in ((released, as_released), (corrected, as_corrected)):
        row = chisquare_labels(study, by=by, dependence="design", n_resamples=500).iloc[0]
        assert (row["p_value"] < 0.05) == found


def test_an_observed_factor_of_three_levels_holds_its_level():
    """Rare first levels: probabilities must be those of three levels, not odds against one."""
    study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    frame = annotation_frame(study)
    rng = np.random.default_rng(3)
    p = []
    for _ in range(40):
        frame["know"] = rng.choice(["a", "b", "c"], len(frame), p=[0.15, 0.15, 0.7])
        options = {"assigned": "observed", "dependence": "design", "n_resamples": 99}
        p.append(chisquare_labels(frame, by="know", **options)["p_value"].iloc[0])
    defined = np.array(p)[~np.isnan(p)]
    assert len(defined) > 30
    assert (defined <= 0.05).mean() < 0.2  # more than half were rejected with odds against "a"


def test_an_effect_of_chance_is_zero_as_often_as_not(study):
    """What chance alone adds to the squared effect is taken off."""
    frame = annotation_frame(study)
    people = frame["participant"].unique()
    rng = np.random.default_rng(5)
    found = []
    for _ in range(12):
        side = dict(zip(people, rng.permutation(len(people)) % 2, strict=True))
        sides = frame.assign(side=frame["participant"].map(side).map({0: "a", 1: "b"}))
        sides.attrs = frame.attrs
        row = chisquare_labels(sides, by="side", dependence="design", n_resamples=19).iloc[0]
        found.append(row["effect_size"])
    assert 3 <= sum(effect == 0 for effect in found) <= 10
    assert max(found) < 0.1


def test_an_effect_of_three_groups_is_near_that_of_independent_lists(study):
    rows = chisquare_labels(study, by="modality", n_resamples=49)
    published, by_design = rows["effect_size"]
    assert published > 0.1
    assert by_design == pytest.approx(published, abs=0.02)


def test_a_group_that_shares_no_item_with_others_is_not_compared():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"item": np.tile(range(12), 12), "participant": np.repeat(range(12), 12)})
    other = np.where((frame["item"] + frame["participant"]) % 2, "x", "y")
    frame["group"] = np.where(frame["item"] < 8, other, "z")
    for name in "abc":
        frame[name] = rng.integers(0, 2, len(frame)).astype(float)
    frame.attrs["labels"] = list("abc")
    plan = {"by": "group", "assigned": "within_item", "dependence": "design", "n_resamples": 9}
    row = chisquare_labels(frame, **plan).iloc[0]
    assert np.isnan(row["p_value"])
    assert "cannot be told" in row["warning"]

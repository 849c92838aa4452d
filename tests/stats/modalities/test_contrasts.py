"""Differences between modalities in agreement, medians and correlations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import muvistats as mv

PAIRS = [("music", "visual"), ("music", "audiovisual"), ("visual", "audiovisual")]


def rows(frame, dependence="design"):
    part = frame[frame["dependence"] == dependence]
    return part.set_index(["dimension", "group1", "group2"])


def two_way_error(values, group, item, person, n_units):
    """Standard error of a difference of means in closed form."""
    sizes = np.bincount(group)
    means = np.bincount(group, values) / sizes
    influence = (values - means[group]) / sizes[group] * np.where(group == 0, 1, -1)

    def over(units):
        codes = np.unique(units, return_inverse=True)[1]
        n = codes.max() + 1
        return (np.bincount(codes, influence) ** 2).sum() * n / (n - 1)

    items = over(item)
    both = items + over(person) - over(np.char.add(np.char.add(item, "|"), person))
    return np.sqrt(max(items, both) * n_units / (n_units - 1))


def test_dimensions_are_compared_within_a_modality(study):
    """Concordances of the same annotations: items and people are drawn with both dimensions."""
    frame = mv.modality_contrasts(study, compare="dimension", n_resamples=4000)
    assert frame["dimension"].isna().all()
    single = mv.interrater_ccc(study, level="annotation").dropna(subset="ccc")
    for modality, part in single.groupby("modality"):
        two = frame[frame["modality"] == modality].set_index("dependence")
        groups = [part.loc[part["dimension"] == name, "ccc"] for name in ("arousal", "valence")]
        welch = stats.ttest_ind(*groups, equal_var=False)
        assert two.loc["independent", "statistic"] == pytest.approx(welch.statistic)
        row = two.loc["design"]
        assert row["estimate"] == pytest.approx(groups[0].mean() - groups[1].mean())
        exact = two_way_error(
            part["ccc"].to_numpy(),
            (part["dimension"] == "valence").to_numpy().astype(int),
            part["item"].to_numpy(dtype=str),
            part["participant"].to_numpy(dtype=str),
            min(row["n_items"], row["n_participants"]),
        )
        assert row["std_error"] == pytest.approx(exact, rel=0.06)
    with pytest.raises(mv.DesignError, match="dimensions are compared in their concordances"):
        mv.modality_contrasts(study, compare="dimension", quantity="median")


def test_ccc_compares_what_interrater_ccc_shows(study):
    found = rows(mv.modality_contrasts(study, n_resamples=4000))
    means = mv.interrater_ccc(study, level="modality", n_resamples=0)
    means = means.set_index(["dimension", "modality"])["ccc"]
    single = mv.interrater_ccc(study, level="annotation")
    for dimension in ("arousal", "valence"):
        for pair in PAIRS:
            row = found.loc[(dimension, *pair)]
            assert row["estimate1"] == pytest.approx(means[dimension, pair[0]])
            assert row["estimate"] == pytest.approx(row["estimate1"] - row["estimate2"])
            part = single[(single["dimension"] == dimension) & single["modality"].isin(pair)]
            part = part.dropna(subset="ccc")
            exact = two_way_error(
                part["ccc"].to_numpy(),
                (part["modality"] == pair[1]).to_numpy().astype(int),
                part["item"].to_numpy(dtype=str),
                part["participant"].to_numpy(dtype=str),
                min(row["n_items"], row["n_participants"]),
            )
            assert row["std_error"] == pytest.approx(exact, rel=0.06)
            assert row["df"] == min(row["n_items"], row["n_participants"]) - 1
            p = 2 * stats.t.sf(abs(row["estimate"] / row["std_error"]), row["df"])
            assert row["p_value"] == pytest.approx(p)
            half = stats.t.ppf(0.975, row["df"]) * row["std_error"]
            assert row["conf_high"] == pytest.approx(row["estimate"] + half)


def test_independent_ccc_is_welch(study):
    found = rows(mv.modality_contrasts(study, dimension="valence", n_resamples=0), "independent")
    single = mv.interrater_ccc(study, level="annotation", dimension="valence").dropna(subset="ccc")
    for pair in PAIRS:
        first, second = (single.loc[single["modality"] == name, "ccc"] for name in pair)
        expected = stats.ttest_ind(first, second, equal_var=False)
        row = found.loc[("valence", *pair)]
        assert row["statistic"] == pytest.approx(expected.statistic)
        assert row["p_value"] == pytest.approx(expected.pvalue)
        assert row["df"] == pytest.approx(expected.df)
        assert row["conf_low"] == pytest.approx(expected.confidence_interval().low)
        n1, n2 = len(first), len(second)
        pooled = ((n1 - 1) * first.var() + (n2 - 1) * second.var()) / (n1 + n2 - 2)
        assert row["effect_size"] == pytest.approx((first.mean() - second.mean()) / pooled**0.5)


def test_medians_of_the_annotations(study):
    whole = mv.modality_contrasts(study, quantity="median", n_resamples=300)
    frame = mv.annotation_frame(study)
    pd.testing.assert_frame_equal(
        whole, mv.modality_contrasts(frame, quantity="median", n_resamples=300)
    )
    design, naive = rows(whole), rows(whole, "independent")
    for dimension in ("arousal", "valence"):
        for pair in PAIRS:
            first, second = (frame.loc[frame["modality"] == name, dimension] for name in pair)
            row = naive.loc[(dimension, *pair)]
            expected = stats.median_test(first, second, correction=False, ties="below")
            assert row["p_value"] == pytest.approx(expected.pvalue)
            assert row["estimate"] == pytest.approx(first.median() - second.median())
            assert design.loc[(dimension, *pair), "estimate"] == row["estimate"]
            u = stats.mannwhitneyu(first, second).statistic
            assert row["effect_size"] == pytest.approx(2 * u / (row["n1"] * row["n2"]) - 1)
            half = stats.norm.ppf(0.975) * row["std_error"]
            assert row["conf_low"] == pytest.approx(row["estimate"] - half)


def test_correlations_are_paired_by_item(study):
    whole = mv.modality_contrasts(study, quantity="correlation", n_resamples=4000)
    r = mv.modality_correlations(study, level="item", dimension="arousal")
    r["pair"] = r["modality1"] + "-" + r["modality2"]
    wide = np.arctanh(r.pivot_table(index="item", columns="pair", values="estimate"))
    key = ("arousal", "music-audiovisual", "visual-audiovisual")
    first, second = wide[key[1]], wide[key[2]]
    row = rows(whole).loc[key]
    expected = stats.ttest_rel(first, second)
    assert row["estimate"] == pytest.approx((first - second).mean())
    assert row["statistic"] == pytest.approx(expected.statistic, rel=0.04)
    assert row["df"] == len(wide) - 1
    assert row["estimate1"] == pytest.approx(np.tanh(first.mean()))
    assert row["effect_size"] == pytest.approx(np.tanh(first.mean()) - np.tanh(second.mean()))
    assert row["n_participants"] == 0
    naive = rows(whole, "independent").loc[key]
    assert naive["p_value"] == pytest.approx(stats.ttest_ind(first, second, equal_var=False).pvalue)


@pytest.mark.parametrize("cluster", ["item", "participant"])
def test_one_kind_of_units(study, cluster):
    found = rows(
        mv.modality_contrasts(study, cluster=cluster, dimension="arousal", n_resamples=4000)
    )
    single = mv.interrater_ccc(study, level="annotation", dimension="arousal").dropna(subset="ccc")
    part = single[single["modality"].isin(("music", "visual"))]
    group = (part["modality"] == "visual").to_numpy().astype(int)
    values = part["ccc"].to_numpy()
    sizes = np.bincount(group)
    means = np.bincount(group, values) / sizes
    influence = (values - means[group]) / sizes[group] * np.where(group == 0, 1, -1)
    codes = pd.factorize(part[cluster])[0]
    n = codes.max() + 1
    exact = np.sqrt((np.bincount(codes, influence) ** 2).sum() * n / (n - 1))
    row = found.loc[("arousal", "music", "visual")]
    assert row["std_error"] == pytest.approx(exact, rel=0.06)
    assert row["df"] == n - 1


def test_p_is_adjusted_within_dimension_and_kind(study):
    found = mv.modality_contrasts(study, quantity="median", n_resamples=200, adjust="bonferroni")
    expected = np.minimum(1, 3 * found["p_value"])
    assert found["p_adjusted"].to_numpy() == pytest.approx(expected.to_numpy())


def frame_of(rng, n_items=20, n_people=24, k=3, person_modality=0.5, item_modality=0.4):
    """Ratings without an effect of modality on average, but with one in items and in people."""
    records = []
    item, person = rng.normal(0, 0.2, n_items), rng.normal(0, 0.2, n_people)
    by_item = rng.normal(0, item_modality, (n_items, 3))
    by_person = rng.normal(0, person_modality, (n_people, 3))
    for i in range(n_items):
        chosen = rng.permutation(n_people)[: 3 * k]
        for place, p in enumerate(chosen):
            m = place // k
            value = item[i] + person[p] + by_item[i, m] + by_person[p, m] + rng.normal(0, 0.3)
            records.append((f"i{i}", ("music", "visual", "audiovisual")[m], f"p{p}", value))
    frame = pd.DataFrame(records, columns=["item", "modality", "participant", "tension"])
    frame["modality"] = pd.Categorical(frame["modality"], ["music", "visual", "audiovisual"])
    return frame


@pytest.mark.slow
def test_design_keeps_its_level_where_independence_does_not():
    rejected = {"design": 0, "independent": 0}
    rng = np.random.default_rng(12)
    n = 60
    for seed in range(n):
        found = mv.modality_contrasts(
            frame_of(rng, n_items=10, k=6),
            quantity="median",
            dimension="tension",
            n_resamples=80,
            rng=seed,
        )
        for how in rejected:
            rejected[how] += int(rows(found, how)["p_value"].iloc[0] < 0.05)
    assert rejected["design"] <= 8  # of 60 at 5%, more have a probability of .003
    assert rejected["independent"] >= 12


def test_masked_and_missing_values_are_counted():
    frame = frame_of(np.random.default_rng(0))
    frame.loc[frame.index[:3], "tension"] = np.nan
    first = frame["modality"].iloc[0]
    found = mv.modality_contrasts(frame, quantity="median", dimension="tension", n_resamples=50)
    expected = np.where((found["group1"] == first) | (found["group2"] == first), 1, 0)
    assert (found["n_missing"].to_numpy() > 0).tolist() == (expected > 0).tolist()
    assert (found["n"] + found["n_missing"] == 120).all()


@pytest.mark.parametrize("quantity", ["ccc", "median", "correlation"])
def test_too_little_data_says_why(study, quantity):
    item = study["items/item"].values[0]
    one = mv.modality_contrasts(
        mv.select(study, item=item), quantity=quantity, n_resamples=50, dependence="design"
    )
    assert one["p_value"].isna().all()
    assert one["estimate"].notna().all()
    assert (one["warning"] == "there is only one item to draw").all()
    music = mv.modality_contrasts(mv.select(study, modality="music"), quantity=quantity)
    assert music["estimate"].isna().all()
    assert music["warning"].str.startswith("there are no two").all()
    assert len(music) == 4


def test_one_participant(study):
    person = study["participants/participant"].values[0]
    alone = mv.select(study, participant=person)
    found = mv.modality_contrasts(alone, quantity="median", n_resamples=50, dependence="design")
    assert found["p_value"].isna().all()
    assert (found["warning"] == "there is only one participant to draw").all()
    ccc = mv.modality_contrasts(alone, n_resamples=50)  # nobody to agree with
    assert ccc["warning"].str.startswith("no values in").all()


def test_no_spread_and_no_draws(study):
    frame = frame_of(np.random.default_rng(1)).assign(tension=0.5)
    flat = mv.modality_contrasts(frame, quantity="median", dimension="tension", n_resamples=50)
    assert flat["p_value"].isna().all()
    assert set(flat["warning"]) == {
        "the values do not vary",
        "no spread between items or participants",
    }
    steps = frame.assign(tension=np.where(frame["modality"] == "music", 0.0, 0.7))
    apart = mv.modality_contrasts(steps, quantity="median", dimension="tension", n_resamples=50)
    assert rows(apart)["p_value"].isna().all()  # each group is flat, up to rounding
    none = rows(mv.modality_contrasts(study, n_resamples=0))
    assert none["std_error"].isna().all()
    assert (none["warning"] == "no bootstrap: n_resamples is below 2").all()
    people = mv.modality_contrasts(study, quantity="correlation", cluster="participant")
    assert rows(people)["warning"].str.contains("belongs to an item").all()


def test_arguments_are_checked(study):
    for wrong in (
        {"quantity": "mean"},
        {"cluster": "labels"},
        {"dependence": "both"},
        {"adjust": "sidak"},
        {"n_resamples": -1},
    ):
        with pytest.raises(mv.DesignError):
            mv.modality_contrasts(study, **wrong)
    with pytest.raises(mv.DataError):
        mv.modality_contrasts(mv.annotation_frame(study))

"""Rank tests that respect the design, against loops, statsmodels and the mixed model."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import linalg, stats

from muvistats import (
    DesignError,
    annotation_frame,
    kruskal,
    kruskal_modality,
    mannwhitney,
    mannwhitney_overlay,
    mixed_model,
    normality,
    pairwise_modality,
)
from muvistats.kernels.mixed.kenward_roger import scaled_f
from muvistats.kernels.permutation.arrangements import (
    additive_residuals,
    draw_arrangements,
    shrunken_residuals,
)
from muvistats.stats.ranks import by_design
from muvistats.stats.shared.study import codes_of, offered, participant_units, within_item_units

ASSIGNED = {
    "modality": "within_item",
    "overlay": "within_item",
    "gender": "participant",
    "training": "participant",
    "familiar": "observed",
}


def annotations(
    rng, n_items=12, n_participants=10, *, effect=0.0, gender=0.0, known=0.0, confounded=0.0
) -> pd.DataFrame:
    """Every participant rates every item once, in one of three modalities."""
    item = np.repeat(np.arange(n_items), n_participants)
    person = np.tile(np.arange(n_participants), n_items)
    modality = np.concatenate(
        [rng.permutation(np.arange(n_participants) % 3) for _ in range(n_items)]
    )
    overlay = np.concatenate(
        [rng.permutation(np.arange(n_participants) // 3 % 2) for _ in range(n_items)]
    )
    sex = rng.permutation(np.arange(n_participants) % 2)
    people, things = rng.normal(size=n_participants), rng.normal(size=n_items)
    chance = 1 / (1 + np.exp(-2 * confounded * (things[item] + people[person])))
    familiar = (rng.random(len(item)) < chance).astype(int)
    y = people[person] + things[item] + effect * modality + gender * sex[person]
    frame = pd.DataFrame(
        {
            "y": y + known * familiar + rng.normal(size=len(item)),
            "item": item.astype(str),
            "participant": person.astype(str),
            "modality": pd.Categorical.from_codes(modality, ["music", "visual", "audiovisual"]),
            "overlay": pd.Categorical.from_codes(
                np.where(modality == 0, -1, overlay), ["side_by_side", "overlaid"]
            ),
            "gender": np.array(["Female", "Male"])[sex[person]],
            "training": np.array(["no", "yes"])[(person > 3).astype(int)],
            "familiar": pd.Categorical.from_codes(familiar, ["unfamiliar", "familiar"]),
        }
    )
    frame.attrs["assigned"] = ASSIGNED
    return frame


@pytest.fixture
def frame() -> pd.DataFrame:
    return annotations(np.random.default_rng(1), effect=0.3, gender=0.5, known=0.4)


@pytest.fixture
def many(monkeypatch) -> None:
    """Few participants and items count as many, so that the factor is permuted."""
    monkeypatch.setattr(by_design, "MANY", 6)


def design(function, *arguments, **options) -> pd.Series:
    rows = function(*arguments, dependence="design", **options)
    assert (rows["dependence"] == "design").all()
    return rows.iloc[0]


def raised(place, codes, k):
    """What means of places take of reactions of people, by the projection that takes them out."""
    inside, groups = np.eye(place.max() + 1)[place], np.eye(k)[codes]
    left = np.eye(len(codes)) - inside @ linalg.pinv(inside)
    of_groups = np.trace(linalg.pinv(groups) @ left @ groups) / (k - 1)
    return (of_groups / np.diag(left).mean()) ** 2


def crossed_covariance(ranks, codes, one, other, k, factor=1.0):
    """Mean ranks, their two-way clustered covariance, and the least that it is taken as.

    What clusters of the first kind add is raised by a factor.
    """
    inside = np.eye(k)[codes]
    means = inside.T @ ranks / inside.sum(axis=0)
    scores = inside * (ranks - means[codes])[:, None] / inside.sum(axis=0)
    first, second = (np.eye(kind.max() + 1)[kind].T @ scores for kind in (one, other))
    least = scores.T @ scores
    return means, factor * (first.T @ first - least) + second.T @ second, least


def crossed_wald(ranks, codes, one, other, k, factor=1.0):
    means, whole, least = crossed_covariance(ranks, codes, one, other, k, factor)
    contrast = np.eye(k)[1:] - np.eye(k)[0]
    whole, least = (contrast @ part @ contrast.T for part in (whole, least))
    values, vectors = linalg.eigh(whole, least)  # vectors' least vectors = 1
    back = least @ vectors
    gaps = contrast @ means
    return gaps @ linalg.solve(back @ np.diag(np.maximum(values, 0.25)) @ back.T, gaps)


def crossed_t(ranks, codes, one, other, factor=1.0):
    means, whole, least = crossed_covariance(ranks, codes, one, other, 2, factor)
    weights = np.array([1, -1])
    error = max(weights @ whole @ weights, weights @ least @ weights / 4)
    return (means[0] - means[1]) / np.sqrt(error)


def in_a_loop(frame, y, by, count, statistic, *arguments):
    """Statistic and p of permutations one after the other, seeded elsewhere."""
    use = frame[y].notna().to_numpy()
    units = within_item_units(frame, by, use)
    rows = frame[use]
    place = rows["item"] if by == "modality" else rows["item"] + rows["modality"].astype(str)
    person, item = codes_of(rows["participant"]), codes_of(rows["item"])
    left = shrunken_residuals(rows[[y]].to_numpy(), codes_of(place), person)[0][:, 0]
    ranks, codes = stats.rankdata(np.round(left, 9)), units.codes[units.row]
    arguments = (*arguments, raised(codes_of(place), codes, int(codes.max()) + 1))
    observed = statistic(ranks, codes, person, item, *arguments)
    drawn = draw_arrangements(units.codes, units.strata, count, np.random.default_rng(99))
    found = [statistic(ranks, one, person, item, *arguments) for one in drawn[:, units.row]]
    larger = (np.abs(found) >= abs(observed) * (1 - 1e-9)).sum()
    return observed, (1 + larger) / (1 + count), ranks


@pytest.mark.usefixtures("many")
def test_kruskal_within_items_is_the_loop(study):
    frame = annotation_frame(study)
    frame["arousal"] = frame["arousal"].where(np.arange(len(frame)) % 17 > 0)
    frame["arousal"] += 0.04 * (frame["modality"] == "visual")
    use = frame["arousal"].notna()
    observed, p, ranks = in_a_loop(frame, "arousal", "modality", 400, crossed_wald, 3)
    row = design(kruskal, frame, "arousal ~ modality", n_resamples=2000)
    assert row["statistic"] == pytest.approx(observed, rel=1e-6)
    codes = frame.loc[use, "modality"].cat.codes.to_numpy()
    h = stats.kruskal(*(ranks[codes == group] for group in range(3))).statistic
    assert row["effect_size"] == pytest.approx(h / (use.sum() - 1), rel=1e-9)
    assert row["p_value"] == pytest.approx(p, abs=4 * np.sqrt(max(p * (1 - p), 0.002) / 400))
    error = np.sqrt(row["p_value"] * (1 - row["p_value"]) / 2000)
    assert row["mc_error"] == pytest.approx(error, rel=1e-9)
    assert row["n_missing"] == (~use).sum()
    assert row["conf_low"] <= row["effect_size"] <= row["conf_high"]


@pytest.mark.usefixtures("many")
def test_overlay_within_items_and_modalities_is_the_loop(study):
    frame = annotation_frame(study)
    frame = offered(frame, "overlay")
    observed, p, _ = in_a_loop(frame, "valence", "overlay", 400, crossed_t)
    row = design(mannwhitney_overlay, study, dimension="valence", n_resamples=2000)
    assert row["statistic"] == pytest.approx(observed, rel=1e-6)
    assert row["p_value"] == pytest.approx(p, abs=4 * np.sqrt(max(p * (1 - p), 0.002) / 400))
    assert "within items and modalities" in row["method"]
    assert row["n"] == len(frame)


@pytest.mark.usefixtures("many")
def test_a_pair_is_permuted_with_the_third_group_at_rest(frame):
    rows = pairwise_modality(frame, dimension="y", dependence="design", n_resamples=1999)
    person, item = codes_of(frame["participant"]), codes_of(frame["item"])
    left = shrunken_residuals(frame[["y"]].to_numpy(), item, person)[0][:, 0]
    ranks = stats.rankdata(left)
    codes = frame["modality"].cat.codes.to_numpy()
    rng, factor = np.random.default_rng(3), raised(item, codes, 3)  # of all three groups
    for row, (i, j) in zip(rows.to_dict("records"), [(0, 1), (0, 2), (1, 2)], strict=True):
        pair = np.isin(codes, (i, j))
        two, own = (codes[pair] == j).astype(int), ranks[pair]
        assert row["estimate"] == pytest.approx(own[two == 0].mean() - own[two == 1].mean())
        t = crossed_t(own, two, person[pair], item[pair], factor)
        assert row["statistic"] == pytest.approx(t)
        larger = 0
        for _ in range(200):
            moved = two.copy()
            for one in range(12):
                where = np.flatnonzero(item[pair] == one)
                moved[where] = rng.permutation(two[where])
            drawn = crossed_t(own, moved, person[pair], item[pair], factor)
            larger += abs(drawn) >= abs(t) - 1e-9
        p = (1 + larger) / 201
        assert row["p_value"] == pytest.approx(p, abs=4 * np.sqrt(max(p * (1 - p), 0.004) / 200))
    order = np.argsort(rows["p_value"].to_numpy())
    ordered = rows["p_value"].to_numpy()[order]
    holm = np.minimum(1, np.maximum.accumulate(ordered * [3, 2, 1]))
    assert rows["p_adjusted"].to_numpy()[order] == pytest.approx(holm)


def test_an_effect_that_differs_between_people_is_no_effect_on_average():
    """Half of the people are moved up and half down, by as much: H would call this an effect."""
    rejected = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        frame = annotations(rng, 30, 10)
        slope = 2 * rng.normal(size=(10, 3))
        frame["y"] += slope[codes_of(frame["participant"]), frame["modality"].cat.codes]
        row = design(kruskal, frame, "y ~ modality", n_resamples=199)
        rejected += row["p_value"] <= 0.05
    assert rejected <= 7


@pytest.mark.parametrize("n_items", [12, 5])
def test_traits_are_tested_by_the_clustered_wald_test(frame, n_items):
    """Clustered by participants and items, or by participants alone where items are few."""
    frame = frame[frame["item"].astype(int) < n_items]
    row = design(mannwhitney, frame, "y ~ gender", n_resamples=9999)
    person, item = codes_of(frame["participant"]), codes_of(frame["item"])
    y = np.round(shrunken_residuals(frame[["y"]].to_numpy(), 0 * item, item)[0][:, 0], 9)
    second = (frame["gender"] == "Male").to_numpy().astype(int)
    ranks, x = stats.rankdata(y), sm.add_constant(second.astype(float))
    t = crossed_t(ranks, second, item, person, factor=11 / 10)
    if n_items < 6:
        plain = {"groups": person, "use_correction": False, "df_correction": False}
        t = -sm.OLS(ranks, x).fit(cov_type="cluster", cov_kwds=plain).tvalues[1]
    assert row["statistic"] == pytest.approx(t, rel=1e-9)
    # 10 participants in two groups of 5: all 252 arrangements
    assert row["n_resamples"] == 252
    assert row["mc_error"] == 0
    assert "exact: all 252 arrangements" in row["warning"]
    several = design(kruskal, frame, "y ~ gender", n_resamples=9999)
    assert several["statistic"] == pytest.approx(t**2, rel=1e-9)
    assert several["p_value"] == row["p_value"]
    pairs = np.sign(np.subtract.outer(y[second == 0], y[second == 1]))
    assert row["effect_size"] == pytest.approx(pairs.mean())


def test_strata_keep_another_trait_where_it_is(frame):
    row = design(mannwhitney, frame, "y ~ gender", strata="training", n_resamples=9999)
    use = np.ones(len(frame), dtype=bool)
    units = participant_units(frame, "gender", use, strata="training")
    sizes = np.bincount(units.strata), np.bincount(units.strata[units.codes == 0])
    count = math.prod(math.comb(int(n), int(k)) for n, k in zip(*sizes, strict=True))
    assert row["n_resamples"] == count
    assert "within training" in row["method"]
    with pytest.raises(DesignError, match="strata are for factors of participants"):
        mannwhitney(frame, "y ~ familiar", strata="training")
    gone = frame.assign(training=frame["training"].where(frame["participant"] != "0"))
    gone.attrs = frame.attrs
    less = design(mannwhitney, gone, "y ~ gender", strata="training", n_resamples=99)
    assert (less["n"], less["n_missing"]) == (108, 12)
    assert "12 rows have no training" in less["warning"]


LEVELS = ("music", "visual", "audiovisual")


def reacts(who: str) -> str:
    """Random effects of people, or items, and of each of them on each modality."""
    return " + ".join([f"(1 | {who})", *(f"(0 + in_{level} | {who})" for level in LEVELS)])


def with_indicators(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a column of 0 and 1 for each modality."""
    more = frame.assign(**{f"in_{x}": (frame["modality"] == x).astype(float) for x in LEVELS})
    more.attrs = frame.attrs
    return more


def scaled(fit, weights) -> tuple[float, float]:
    """Degrees of freedom and factor of F of these combinations."""
    parts = fit.estimates
    inner, known = weights @ parts.basis.back, parts.uncertainty
    return scaled_f(inner, parts.inner_covariance, known.jacobian, known.covariance)


def test_few_people_or_items_are_tested_by_a_model_with_reactions():
    rng = np.random.default_rng(3)
    frame = annotations(rng, 24, 18)
    codes = frame["modality"].cat.codes.to_numpy()
    for key, count in (("participant", 18), ("item", 24)):
        frame["y"] += 1.5 * rng.normal(size=(count, 3))[codes_of(frame[key]), codes]
    fit = mixed_model(
        with_indicators(frame), f"y ~ modality + {reacts('participant')} + {reacts('item')}"
    )
    row = design(kruskal, frame, "y ~ modality", n_resamples=99)
    terms = fit.tidy()["term"].tolist()
    groups = [i for i, term in enumerate(terms) if term.startswith("modality")]
    weights = np.zeros((2, len(fit.beta)))
    weights[:, groups] = linalg.helmert(3)[:, 1:]  # whatever the order of the groups
    df, scale = scaled(fit, weights)
    assert row["statistic"] == pytest.approx(scale * fit.joint(weights)["statistic"], rel=1e-3)
    assert (row["df"], row["df_denom"]) == (2, pytest.approx(df, rel=1e-3))
    assert 0.8 < scale < 1
    assert row["p_value"] == pytest.approx(stats.f.sf(row["statistic"], 2, row["df_denom"]))
    assert row["method"].endswith(
        "mixed model of the values with reactions of participants and items"
    )
    assert (row["statistic_name"], row["n_resamples"]) == ("F", 0)
    # the effect is that of the values as they are ranked, whatever tests it
    left = shrunken_residuals(
        frame[["y"]].to_numpy(), codes_of(frame["item"]), codes_of(frame["participant"])
    )[0][:, 0]
    h = stats.kruskal(*(left[codes == group] for group in range(3))).statistic
    assert row["effect_size"] == pytest.approx(h / (len(frame) - 1))
    pairs = pairwise_modality(frame, dimension="y", dependence="design", n_resamples=99)
    two = frame[frame["modality"] != "audiovisual"].copy()
    two["modality"] = two["modality"].cat.remove_unused_categories()
    two.attrs = frame.attrs
    alone = design(mannwhitney, two, "y ~ modality", n_resamples=99)
    assert pairs.loc[0, "p_value"] == pytest.approx(alone["p_value"])
    assert pairs.loc[0, "estimator"] == "difference of adjusted means"
    own = design(mannwhitney, two, "y ~ modality", n_resamples=99, alternative="less")
    assert own["p_value"] in (
        pytest.approx(alone["p_value"] / 2),
        pytest.approx(1 - alone["p_value"] / 2),
    )


def test_raters_of_two_trials_have_no_reactions_of_their_own():
    rng = np.random.default_rng(5)
    every = annotations(rng, 12, 60).sample(frac=1, random_state=1)
    once = every.drop_duplicates(["participant", "modality"])
    frame = once.groupby("participant").head(2).reset_index(drop=True)
    frame.attrs["assigned"] = ASSIGNED
    fit = mixed_model(
        with_indicators(frame), f"y ~ modality + (1 | participant) + {reacts('item')}"
    )
    row = design(kruskal, frame, "y ~ modality", n_resamples=99)
    weights = np.zeros((2, len(fit.beta)))
    weights[:, 1:] = linalg.helmert(3)[:, 1:]
    expected = scaled(fit, weights)[1] * fit.joint(weights)["statistic"]
    assert row["statistic"] == pytest.approx(expected, rel=1e-3)


def test_with_seven_people_f_is_not_scaled():
    frame = annotations(np.random.default_rng(8), 12, 7)
    fit = mixed_model(
        with_indicators(frame), f"y ~ modality + {reacts('participant')} + {reacts('item')}"
    )
    row = design(kruskal, frame, "y ~ modality", n_resamples=99)
    weights = np.zeros((2, len(fit.beta)))
    weights[:, 1:] = linalg.helmert(3)[:, 1:]
    assert row["statistic"] == pytest.approx(fit.joint(weights)["statistic"], rel=1e-3)


def test_overlay_is_modelled_within_modalities(frame):
    shown = frame[frame["modality"] != "music"].copy()
    shown["modality"] = shown["modality"].cat.remove_unused_categories()
    fit = mixed_model(
        shown,
        "y ~ overlay + modality + (0 + overlay | participant) + (0 + overlay | item)"
        " + (1 | item:modality)",
    )
    term = fit.tidy().set_index("term").loc["overlay[T.overlaid]"]
    row = design(mannwhitney_overlay, frame, dimension="y", n_resamples=99)
    assert abs(row["statistic"]) == pytest.approx(abs(term["statistic"]), rel=1e-3)
    assert row["p_value"] == pytest.approx(term["p_value"], rel=1e-3)


def test_the_rule_counts_participants_items_and_rows(frame, monkeypatch):
    def method(**changes):
        for name, value in changes.items():
            monkeypatch.setattr(by_design, name, value)
        return design(kruskal, frame, "y ~ modality", n_resamples=19)

    assert "mixed model" in method(MANY=11)["method"]  # 10 participants, 12 items
    assert "permuted within items" in method(MANY=10)["method"]
    beyond = method(MANY=11, LARGEST=119)
    assert "permuted within items" in beyond["method"]
    assert "10 participants and 120 rows: outside of the calibrated range" in beyond["warning"]
    assert "mixed model" in method(LARGEST=120)["method"]


def of_items(rng, n_items=12, n_participants=10) -> pd.DataFrame:
    """Ratings of items of two genres, by some people each."""
    frame = annotations(rng, n_items, n_participants)
    frame["genre"] = np.array(["pop", "rock"])[frame["item"].astype(int) % 2]
    frame["actor"] = (frame["item"].astype(int) % 6).astype(str)
    frame.attrs["assigned"] = ASSIGNED | {"genre": "item", "actor": "item"}
    return frame


def test_a_factor_of_items_is_tested_between_items():
    frame = of_items(np.random.default_rng(4))
    row = design(mannwhitney, frame, "y ~ genre")
    fit = mixed_model(
        frame,
        "y ~ genre + modality + (0 + genre | participant) + (1 | item)",
    )
    term = fit.tidy().set_index("term").loc["genre[T.rock]"]
    assert row["p_value"] == pytest.approx(term["p_value"], rel=1e-3)
    assert row["df"] == pytest.approx(term["df"], rel=1e-2)
    assert row["df"] < 12


@pytest.mark.usefixtures("many")
def test_whole_items_are_permuted_where_there_are_many():
    frame = of_items(np.random.default_rng(4), n_items=10)
    frame["y"] += 3 * (frame["genre"] == "rock")
    row = design(kruskal, frame, "y ~ genre", n_resamples=9999)
    assert row["n_resamples"] == 252  # of 10 items 5 are rock
    assert row["p_value"] == pytest.approx(2 / 252)
    assert "whole items permuted" in row["method"]
    person, item = codes_of(frame["participant"]), codes_of(frame["item"])
    left = shrunken_residuals(frame[["y"]].to_numpy(), 0 * person, person)[0][:, 0]
    codes = (frame["genre"] == "rock").to_numpy().astype(int)
    wald = crossed_t(stats.rankdata(np.round(left, 9)), codes, person, item) ** 2
    assert row["statistic"] == pytest.approx(wald)
    within = design(kruskal, of_items(np.random.default_rng(4)), "y ~ genre", strata="actor")
    assert within["n_resamples"] == 20  # all items of an actor have one genre: actors are moved
    assert "within actor" in within["method"]


def test_items_that_are_alike_within_a_genre_do_not_count_as_many():
    """A null in which items differ: ratings are many, items are eight."""
    rejected = {"independent": 0, "design": 0}
    for seed in range(24):
        rows = kruskal(of_items(np.random.default_rng(seed), 8, 12), "y ~ genre", n_resamples=19)
        for row in rows.to_dict("records"):
            rejected[row["dependence"]] += row["p_value"] < 0.05
    assert rejected["independent"] > 6
    assert rejected["design"] <= 4


def test_what_was_observed_is_tested_by_the_mixed_model(frame):
    row = design(mannwhitney, frame, "y ~ familiar", equivalence_margin=0.3)
    known = (frame["familiar"] == "familiar").astype(float)
    model = frame.assign(
        modality=frame["modality"].astype(str),
        by_item=known.groupby(frame["item"]).transform("mean"),
        by_person=known.groupby(frame["participant"]).transform("mean"),
    )
    fit = mixed_model(
        model,
        "y ~ familiar + modality + by_item + by_person + (0 + familiar | participant)"
        " + (0 + familiar | item)",
    )
    term = fit.tidy().set_index("term").loc["familiar[T.familiar]"]
    assert row["statistic"] == pytest.approx(-term["statistic"], rel=1e-5)
    assert row["p_value"] == pytest.approx(term["p_value"], rel=1e-4)
    assert row["df"] == pytest.approx(term["df"], rel=1e-3)
    assert (row["n_resamples"], np.isnan(row["mc_error"])) == (0, True)
    parts = fit.variance_components()
    parts = parts[parts["quantity"] == "sd"]
    share = np.where(parts["term"].str.contains("unfamiliar"), 1 - known.mean(), known.mean())
    share[parts["factor"] == "residual"] = 1.0
    sd = np.sqrt((share * parts["estimate"] ** 2).sum())

    def delta(difference):
        return 2 * stats.norm.cdf(difference / sd / np.sqrt(2)) - 1

    assert row["effect_size"] == pytest.approx(delta(-term["estimate"]), rel=1e-5)
    assert row["conf_low"] == pytest.approx(delta(-term["conf_high"]), rel=1e-4)
    assert row["conf_high"] == pytest.approx(delta(-term["conf_low"]), rel=1e-4)
    margin = stats.norm.ppf(0.65) * np.sqrt(2) * sd
    gap, error = -term["estimate"], term["std_error"]
    one_sided = [stats.t.sf((gap + margin) / error, term["df"])]
    one_sided.append(stats.t.cdf((gap - margin) / error, term["df"]))
    assert row["p_equivalence"] == pytest.approx(max(one_sided), rel=1e-3)
    several = design(kruskal, frame, "y ~ familiar")
    assert several["statistic"] == pytest.approx(row["statistic"] ** 2)
    assert several["p_value"] == pytest.approx(row["p_value"])
    assert several["df_denom"] == pytest.approx(row["df"])
    between = known.mean() * (1 - known.mean()) * term["estimate"] ** 2
    assert several["effect_size"] == pytest.approx(between / (between + sd**2), rel=1e-4)
    assert several["conf_low"] <= several["effect_size"] <= several["conf_high"]


def test_a_pair_may_be_observed(frame):
    rows = pairwise_modality(frame, dimension="y", dependence="design", assigned="observed")
    assert (rows["estimator"] == "difference of adjusted means").all()
    assert rows["df"].notna().all()
    part = frame[frame["modality"] != "music"].copy()
    part["modality"] = part["modality"].cat.remove_unused_categories()
    part.attrs = frame.attrs
    alone = design(mannwhitney, part, "y ~ modality", assigned="observed")
    assert rows.loc[2, "p_value"] == pytest.approx(alone["p_value"])
    assert rows.loc[2, "effect_size"] == pytest.approx(alone["effect_size"])


def test_confounding_with_items_is_taken_out_where_it_is_strong():
    """What is liked, and whoever likes more, is known more; knowing changes nothing."""
    rejected = {"independent": 0, "design": 0}
    for seed in range(24):
        rows = mannwhitney(
            annotations(np.random.default_rng(seed), 20, 10, confounded=0.5), "y ~ familiar"
        )
        for row in rows.to_dict("records"):
            rejected[row["dependence"]] += row["p_value"] < 0.05
    assert rejected["independent"] > 15
    assert rejected["design"] <= 4


@pytest.mark.parametrize("by", ["modality == 'visual'", "gender", "familiar"])
def test_alternatives_turn_p(frame, by):
    def p(alternative):
        return design(mannwhitney, frame, f"y ~ {by}", alternative=alternative)["p_value"]

    two, less, greater = p("two-sided"), p("less"), p("greater")
    assert less + greater == pytest.approx(1, abs=0.02)
    assert two == pytest.approx(2 * min(less, greater), abs=0.03)
    effect = design(mannwhitney, frame, f"y ~ {by}")["effect_size"]
    assert (less < greater) == (effect < 0)


def test_equivalence_follows_the_interval(frame):
    """TOST at 2.5% agrees with the 95% interval but for the scale of Fisher's z."""
    for by in ("gender", "familiar", "overlay"):
        row = design(mannwhitney, frame, f"y ~ {by}", equivalence_margin=0.5, n_resamples=99)
        inside = row["conf_low"] > -0.45 and row["conf_high"] < 0.45
        outside = row["conf_low"] < -0.55 or row["conf_high"] > 0.55
        assert not (inside and row["p_equivalence"] > 0.025)
        assert not (outside and row["p_equivalence"] < 0.025)
        wide = design(mannwhitney, frame, f"y ~ {by}", equivalence_margin=0.99, n_resamples=99)
        assert wide["p_equivalence"] < row["p_equivalence"]


@pytest.mark.usefixtures("many")
def test_each_row_has_its_own_method_and_p_for_any_number_of_workers(study):
    for function, options in (
        (kruskal_modality, {}),
        (pairwise_modality, {}),
        (mannwhitney_overlay, {}),
        (kruskal, {"formula": "arousal ~ gender"}),
    ):
        one = function(study, **options, n_resamples=800, n_jobs=1)
        two = function(study, **options, n_resamples=800, n_jobs=2)
        pd.testing.assert_frame_equal(one, two)
        assert set(one["dependence"]) == {"independent", "design"}
        assert one.groupby("dependence")["method"].nunique().tolist() == [1, 1]
        assert one.loc[one["dependence"] == "design", "mc_error"].notna().all()
        for name in ("independent", "design"):
            alone = function(study, **options, n_resamples=800, dependence=name)
            rows = one[one["dependence"] == name].reset_index(drop=True)
            pd.testing.assert_frame_equal(alone, rows)


def test_a_frame_that_lost_its_attributes_is_taken_as_observed(frame):
    plain = pd.DataFrame(frame.to_dict("series"))
    plain.attrs = {}
    design = kruskal(plain, "y ~ modality", n_resamples=99).iloc[1]
    assert "nothing says how 'modality' was assigned" in design["warning"]
    observed = kruskal(plain, "y ~ modality", assigned="observed").iloc[1]
    assert design["p_value"] == observed["p_value"]
    assert len(kruskal(plain, "y ~ modality", dependence="independent")) == 1
    told = kruskal(plain, "y ~ modality", assigned="within_item", n_resamples=99)
    pd.testing.assert_frame_equal(told, kruskal(frame, "y ~ modality", n_resamples=99))


def few(change) -> pd.DataFrame:
    frame = annotations(np.random.default_rng(2))
    out = change(frame).reset_index(drop=True)
    out.attrs = frame.attrs
    return out


@pytest.mark.parametrize(
    ("change", "formula", "reason"),
    [
        (lambda f: f[f["participant"] == "1"], "y ~ modality", "only one participant"),
        (lambda f: f[f["participant"] == "1"], "y ~ familiar", "only one participant"),
        (lambda f: f[f["item"].isin(list("12345"))], "y ~ familiar", "only 5 items"),
        (lambda f: f[f["item"].isin(list("12345"))], "y ~ modality", "fewer than 6"),
        (lambda f: f[f["gender"] == "Male"], "y ~ gender", "only one group has values: Male"),
        (lambda f: f.assign(y=1.0), "y ~ modality", "all values are equal"),
        (lambda f: f.assign(y=np.nan), "y ~ familiar", "no values"),
        (
            lambda f: f.assign(familiar=np.array(["a", "b"])[f["participant"].eq("1").astype(int)]),
            "y ~ familiar",
            "does not vary within any participant",
        ),
    ],
)
def test_what_cannot_be_tested_is_a_row_with_a_reason(change, formula, reason):
    row = design(kruskal, few(change), formula, n_resamples=99)
    assert reason in row["warning"]
    if "vary" not in reason:
        assert np.isnan(row["p_value"])


def test_modality_of_whole_items_is_tested_as_their_trait_unless_told_otherwise():
    frame = few(lambda f: f.assign(modality=np.array(["a", "b"])[f["item"].astype(int) % 2]))
    told = design(kruskal, frame, "y ~ modality", n_resamples=99, assigned="within_item")
    assert "the factor is constant within every stratum" in told["warning"]
    assert np.isnan(told["p_value"])
    found = design(kruskal, frame, "y ~ modality", n_resamples=99)
    item = design(kruskal, frame, "y ~ modality", n_resamples=99, assigned="item")
    assert found["p_value"] == item["p_value"]


def test_few_arrangements_say_what_p_can_be():
    frame = few(lambda f: f[f["participant"].isin(["1", "2", "3", "4"])])
    frame["gender"] = np.where(frame["participant"].isin(["1", "2"]), "Female", "Male")
    row = design(mannwhitney, frame, "y ~ gender")
    assert "only 6 arrangements: p cannot be below 0.17" in row["warning"]
    assert row["p_value"] >= 1 / 6
    frame["gender"] = np.where(frame["participant"] == "1", "Female", "Male")
    alone = design(mannwhitney, frame, "y ~ gender")
    assert "a single participant in Female: not studentized" in alone["warning"]
    assert alone["p_value"] in (0.25, 0.5, 0.75, 1.0)
    assert np.isnan(alone["conf_low"])


def test_without_resamples_there_is_an_effect_but_no_p(frame):
    row = design(mannwhitney, frame, "y ~ gender", n_resamples=0)
    assert np.isnan(row["p_value"])
    assert row["n_resamples"] == 0
    assert "no p: n_resamples is 0" in row["warning"]
    assert row["conf_low"] < row["effect_size"] < row["conf_high"]


def test_groups_are_described_as_they_are_ranked(frame):
    rows = kruskal(frame, "y ~ modality", level="group", dependence="design").set_index("group")
    test = design(kruskal, frame, "y ~ modality", n_resamples=0)
    n, size = test["n"], rows["n"]
    h = 12 / (n * (n + 1)) * (size * (rows["mean_rank"] - (n + 1) / 2) ** 2).sum()
    assert test["effect_size"] == pytest.approx(h / (n - 1), rel=1e-6)
    assert rows.loc["visual", "median"] == frame.loc[frame["modality"] == "visual", "y"].median()


def test_residuals_are_tested_against_residuals_of_normal_errors():
    rng = np.random.default_rng(5)
    frame = annotations(rng, 20, 12)
    own = normality(frame, dimension="y", dependence="design", n_resamples=199)
    assert own["statistic_name"].tolist() == ["D", "W"]
    assert (own["p_value"] > 0.05).all()
    left = additive_residuals(
        frame[["y"]].to_numpy(), [codes_of(frame["participant"]), codes_of(frame["item"])]
    )[:, 0]
    assert own.loc[1, "statistic"] == pytest.approx(stats.shapiro(left).statistic)
    z = stats.norm.cdf((left - left.mean()) / left.std(ddof=1))
    assert own.loc[0, "statistic"] == pytest.approx(stats.kstest(z, "uniform").statistic)
    # skewed people do not matter, skewed errors do
    people = rng.exponential(size=12)[codes_of(frame["participant"])]
    skewed = normality(frame.assign(y=frame["y"] + 9 * people), dimension="y", n_resamples=199)
    assert (skewed.loc[skewed["dependence"] == "design", "p_value"] > 0.05).all()
    assert skewed.loc[3, "p_value"] < 1e-3
    errors = rng.exponential(size=len(frame))
    found = normality(frame.assign(y=frame["y"] + 3 * errors), dimension="y", n_resamples=199)
    assert (found.loc[found["dependence"] == "design", "p_value"] <= 0.05).all()
    one = normality(frame[frame["item"] == "1"], dimension="y", dependence="design")
    assert (one["warning"] == "participants and items leave no residuals").all()
    none = normality(frame, dimension="y", dependence="design", n_resamples=0)
    assert none["p_value"].isna().all()
    assert (none["warning"] == "no p: n_resamples is 0").all()


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("by", ["modality", "gender"])
def test_p_of_a_null_with_participant_and_item_effects_is_uniform(by):
    p = []
    for seed in range(80):
        frame = annotations(np.random.default_rng(seed), 6, 9)
        p.append(design(kruskal, frame, f"y ~ {by}", n_resamples=199)["p_value"])
    assert np.mean(np.array(p) <= 0.05) <= 0.11
    assert stats.kstest(p, "uniform").pvalue > 0.001

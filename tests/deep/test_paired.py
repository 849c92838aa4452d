from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import muvistats as mv
from muvistats.deep.paired import paired_tests
from muvistats.results.glossary import GLOSSARY

ORACLE = Path(__file__).parents[1] / "oracle"

#: lme4 1.1 with lmerTest, REML, of `deterministic(repeats, seeds)`: estimate, standard error,
#: Satterthwaite's df, sum of all variances.
LME4 = {
    (1, 1): (0.2822205, 0.352105463166, 4.0, 0.667590032606**2 + 0.834781011579**2),
    (1, 3): (
        0.247286633333,
        0.32380331683,
        4.0,
        0.736943765231**2 + 0.123313353263**2 + 0.608009178902**2 + 0.405869767454**2,
    ),
    (3, 1): (
        0.3625725,
        0.206528245892,
        21.0959600371,
        0.618601623882**2 + 0.531520102438**2 + 0.530260876059**2,
    ),
    (3, 2): (
        0.289827875,
        0.213128505597,
        21.7958923765,
        0.392613026627**2
        + 0.597238180784**2
        + 0.645000808230**2
        + 0.373948582734**2
        + 0.317696138088**2,
    ),
}


def deterministic(rows, repeats: int, seeds: int) -> pd.DataFrame:
    """PAIR less LASSO as in the model that R was given; LASSO has one value of each item."""
    item = np.arange(20)
    base = dict(zip(map(str, item), 2 + np.cos(item), strict=True))
    parts = []
    for repeat in range(1, repeats + 1):
        fold = (item * 7 + repeat * 3 * (item // 4)) % 5 + 1
        parts.append(rows("lasso", base, repeat=repeat, seed=0, fold=fold))
        for seed in range(1, seeds + 1):
            value = (
                np.sin(item * 1.7)
                + 0.8 * np.cos(fold * 2.3 + repeat * 1.1)
                + 0.6 * np.sin(fold * 3.1 + seed * 2.7 + repeat)
                + 0.3 * np.sin(item * 5.3 + repeat * 9.1)
                + 0.5 * np.cos(item * 3.7 + seed * 5.1 + repeat * 2.9)
                + 0.2
            )
            own = dict(zip(base, 2 + np.cos(item) + np.round(value, 6), strict=True))
            parts.append(rows("pair", own, repeat=repeat, seed=seed, fold=fold))
    return pd.concat(parts, ignore_index=True)


def one(frame: pd.DataFrame, method: str, metric: str = "rmse") -> pd.Series:
    found = frame[frame["method"].str.startswith(method) & (frame["metric"] == metric)]
    assert len(found) == 1
    return found.iloc[0]


def test_t_and_wilcoxon_are_scipy_s(two):
    found = paired_tests(two, conf_level=0.9)
    for metric in ("rmse", "ccc"):
        a, b = (two.loc[two["configuration"] == c, metric].to_numpy() for c in ("pair", "lasso"))
        t = stats.ttest_rel(a, b)
        row = one(found, "paired t", metric)
        assert row["statistic"] == pytest.approx(t.statistic)
        assert row["p_value"] == pytest.approx(t.pvalue)
        assert row["df"] == 29
        limits = t.confidence_interval(0.9)
        assert (row["conf_low"], row["conf_high"]) == pytest.approx(tuple(limits))
        assert row["effect_size"] == pytest.approx((a - b).mean() / (a - b).std(ddof=1))
        assert row["estimate"] == pytest.approx(row["mean1"] - row["mean2"])
        row = one(found, "Wilcoxon", metric)
        signed = stats.wilcoxon(a, b, method="exact", alternative="greater")
        assert row["statistic"] == signed.statistic
        assert row["p_value"] == pytest.approx(stats.wilcoxon(a, b, method="exact").pvalue)
        assert row["conf_low"] < row["estimate"] < row["conf_high"]
    assert found["dependence"].tolist() == ["independent", "independent", "design", "design"] * 2
    assert set(found.columns) <= set(GLOSSARY)
    assert found["simulated"].all()


@pytest.mark.parametrize("columns", ["x_y", "x_tied_y_tied"])
def test_t_and_wilcoxon_are_r_s(rows, columns):
    expected = json.loads((ORACLE / "paired.json").read_text())[columns]
    table = pd.read_csv(ORACLE / "paired.csv")
    names = ("x", "y") if columns == "x_y" else ("x_tied", "y_tied")
    sides = [dict(zip(table["pair"].astype(str), table[name], strict=True)) for name in names]
    found = paired_tests(pd.concat([rows("pair", sides[0]), rows("lasso", sides[1])]))
    t, theirs = one(found, "paired t"), expected["t_test"]
    assert t["statistic"] == pytest.approx(theirs["t"])
    assert t["df"] == theirs["df"] == 40
    assert t["p_value"] == pytest.approx(theirs["p_value"])
    assert (t["conf_low"], t["conf_high"]) == pytest.approx((theirs["ci_low"], theirs["ci_high"]))
    assert t["effect_size"] == pytest.approx(theirs["cohens_dz"])
    signed, theirs = one(found, "Wilcoxon"), expected["wilcoxon"]
    assert signed["statistic"] == theirs["v_positive"]
    assert signed["n"] == theirs["n_used"]
    p_value = theirs["p_exact"] or theirs["p_normal_continuity_correction"]
    assert signed["p_value"] == pytest.approx(p_value)
    assert signed["effect_size"] == pytest.approx(theirs["matched_rank_biserial"])


@pytest.mark.parametrize(("repeats", "seeds"), [(1, 1), (3, 2)])
def test_corrected_t_by_a_second_way(rows, repeats, seeds):
    frame = deterministic(rows, repeats, seeds)
    means = []
    ratios = []
    for repeat in range(1, repeats + 1):
        for fold in range(1, 6):
            part = frame[(frame["repeat"] == repeat) & (frame["fold"] == fold)]
            pair = part[part["configuration"] == "pair"]
            lasso = part[part["configuration"] == "lasso"]
            means.append(pair["rmse"].mean() - lasso["rmse"].mean())
            ratios.append((len(lasso), 20 - len(lasso)))
    j = len(means)
    ratio = sum(a for a, _ in ratios) / sum(b for _, b in ratios)
    assert ratio == pytest.approx(1 / 4)
    error = np.sqrt((1 / j + ratio) * np.var(means, ddof=1))
    row = one(paired_tests(frame), "corrected")
    assert row["estimate"] == pytest.approx(np.mean(means))
    assert row["std_error"] == pytest.approx(error)
    assert row["statistic"] == pytest.approx(np.mean(means) / error)
    assert row["df"] == j - 1 == row["n"] - 1 == row["n_clusters"] - 1
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(np.mean(means) / error), j - 1))
    half = stats.t.ppf(0.975, j - 1) * error
    assert row["conf_high"] - row["estimate"] == pytest.approx(half)


@pytest.mark.parametrize(("repeats", "seeds"), list(LME4))
def test_the_mixed_model_is_lme4_s(rows, repeats, seeds):
    estimate, error, df, total = LME4[repeats, seeds]
    row = one(paired_tests(deterministic(rows, repeats, seeds)), "mixed")
    assert row["estimate"] == pytest.approx(estimate, rel=1e-4)
    assert row["std_error"] == pytest.approx(error, rel=1e-3)
    assert row["df"] == pytest.approx(df, rel=5e-3)
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(estimate / error, df), rel=2e-3)
    assert row["effect_size"] == pytest.approx(estimate / np.sqrt(total), rel=2e-3)
    assert row[["n", "n_items", "n_repeats", "n_seeds"]].tolist() == [
        20 * repeats * seeds,
        20,
        repeats,
        seeds,
    ]


def test_the_mixed_model_is_the_analysis_of_variance_where_folds_are_equal(rows):
    frame = deterministic(rows, 1, 1)
    wide = frame.pivot_table(index=["fold", "item"], columns="configuration", values="rmse")
    means = (wide["pair"] - wide["lasso"]).groupby(level="fold").mean()
    expected = stats.ttest_1samp(means, 0)
    row = one(paired_tests(frame), "mixed")
    assert row["statistic"] == pytest.approx(expected.statistic, rel=1e-5)
    assert row["p_value"] == pytest.approx(expected.pvalue, rel=1e-5)


def test_seeds_are_no_n(rows):
    many = deterministic(rows, 1, 3)
    key = ["configuration", "item", "fold", "repeat"]
    mean = many.groupby(key)[["rmse", "ccc"]].mean().reset_index()
    base = many[many["seed"] <= 1].drop(columns=["rmse", "ccc"]).merge(mean, on=key)
    found, averaged = paired_tests(many), paired_tests(base)
    for method in ("paired t", "Wilcoxon", "corrected"):
        columns = ["estimate", "statistic", "p_value", "effect_size", "n", "n_items"]
        a, b = one(found, method)[columns], one(averaged, method)[columns]
        assert a.tolist() == pytest.approx(b.tolist(), nan_ok=True)
    assert one(found, "paired t")["df"] == 19
    assert one(found, "paired t")["n_seeds"] == 3
    # the whole study run a second time with the same networks tells nothing new
    twice = pd.concat([many, many[many["seed"] > 0].assign(seed=lambda f: f["seed"] + 3)])
    assert one(paired_tests(twice), "paired t")["p_value"] == pytest.approx(
        one(found, "paired t")["p_value"]
    )
    assert one(paired_tests(twice), "mixed")["df"] < 6


def test_only_repeats_that_both_have(rows):
    frame = deterministic(rows, 3, 1)
    less = frame[(frame["configuration"] == "pair") | (frame["repeat"] < 3)]
    row = one(paired_tests(less), "paired t")
    assert row["n_repeats"] == 2
    expected = one(paired_tests(frame[frame["repeat"] < 3]), "paired t")
    assert row["statistic"] == pytest.approx(expected["statistic"])


def test_seeds_that_do_not_match_are_averaged(rows):
    frame = deterministic(rows, 1, 3)
    other = frame[(frame["configuration"] == "pair") & (frame["seed"] < 3)]
    whole = pd.concat([frame, other.assign(configuration="late_fusion", rmse=other["rmse"] / 2)])
    found = paired_tests(whole, pairs=[("pair", "late_fusion")], metrics="rmse")
    assert one(found, "mixed")["n"] == 20
    assert one(found, "mixed")["method"] == "mixed model, 1 + (1 | fold)"


def test_items_of_one_side_are_counted(two):
    holes = two.drop(index=[0, 1]).copy()
    holes.loc[35, "ccc"] = np.nan
    found = paired_tests(holes)
    assert (found.loc[found["metric"] == "rmse", "n_missing"] == 2).all()
    assert (found.loc[found["metric"] == "ccc", "n_missing"] == 3).all()
    row = one(found, "paired t", "ccc")
    assert (row["n_items"], row["df"]) == (27, 26)


def test_exchanged_it_changes_its_sign(two):
    first = paired_tests(two, pairs=[("pair", "lasso")])
    second = paired_tests(two, pairs=[("lasso", "pair")])
    for column in ("estimate", "effect_size"):
        values = second[column].dropna().to_numpy()
        assert first[column].dropna().to_numpy() == pytest.approx(-values, rel=1e-6)
    assert first["p_value"].to_numpy() == pytest.approx(second["p_value"].to_numpy(), rel=1e-6)


def test_the_order_of_the_rows_does_not_matter(rows):
    frame = deterministic(rows, 2, 2)
    shuffled = frame.sample(frac=1, random_state=3)
    columns = ["estimate", "statistic", "p_value", "effect_size"]
    first, second = paired_tests(frame)[columns], paired_tests(shuffled)[columns]
    pd.testing.assert_frame_equal(first, second, rtol=1e-6)


def test_better_is_negative_in_an_error_and_positive_in_a_concordance(rows):
    values = {f"i{k}": 0.3 + 0.01 * np.sin(k) for k in range(41)}
    better = {
        item: value - 0.1 - 0.01 * np.cos(3 * k) for k, (item, value) in enumerate(values.items())
    }
    frames = [
        rows(name, part, target=target)
        for target in ("arousal", "valence")
        for name, part in (("pair", better), ("lasso", values))
    ]
    found = paired_tests(pd.concat(frames))
    ccc, rmse = (found[found["metric"] == metric] for metric in ("ccc", "rmse"))
    assert (rmse["estimate"] < 0).all()
    assert (ccc["estimate"] > 0).all()
    compared = mv.compare_published(found, "paired_tests")
    assert len(compared) == 9
    assert (compared["verdict"] != "not comparable").all()
    df = compared[compared["quantity"] == "df"]
    assert (df["verdict"] == "agrees").all()
    odd = compared[(compared["target"] == "valence") & (compared["quantity"] == "statistic")]
    assert odd["published"].item() == -11.7
    assert odd["estimate"].item() > 0
    assert odd["verdict"].item() == "differs"
    assert "sign is that of an error" in odd["warning"].item()


def test_default_pairs_are_those_that_are_there(two, rows):
    items = two.loc[two["configuration"] == "lasso"].set_index("item")["rmse"]
    more = [
        rows(name, items * scale) for name, scale in (("late_fusion", 0.9), ("pair_control", 2))
    ]
    music = rows("lasso", items, modality="music", features="audio", seed=0)
    found = paired_tests(pd.concat([two, *more, music]))
    assert found["group1"].unique().tolist() == ["pair"]
    assert found["group2"].unique().tolist() == ["lasso", "late_fusion", "pair_control"]
    # of the sets that LASSO has, the one of PAIR
    assert set(found["modality"]) == {"audiovisual"}
    assert set(found["features"]) == {"audio_visual"}
    assert len(found) == 3 * 2 * 4


def test_configurations_by_modality_and_features(two, rows):
    items = two.loc[two["configuration"] == "lasso"].set_index("item")["rmse"]
    music = rows("lasso", items**2, modality="music", features="audio", seed=0)
    audio = rows("lasso", items * 2, features="audio", seed=0)
    whole = pd.concat([two, music, audio])
    triple = ("audiovisual", "audio", "lasso")
    found = paired_tests(whole, pairs=[("pair", triple), (("music", "audio", "lasso"), "pair")])
    first, second = found.iloc[0], found.iloc[-1]
    assert first["group1"] == "audiovisual/audio_visual/pair"
    assert first["group2"] == "audiovisual/audio/lasso"
    assert first["modality"] == "audiovisual"
    assert pd.isna(first["features"])
    assert pd.isna(first["warning"])
    expected = stats.ttest_rel(two.loc[two["configuration"] == "pair", "rmse"], items * 2)
    assert first["statistic"] == pytest.approx(expected.statistic)
    assert pd.isna(second["modality"])
    assert "different modalities" in second["warning"]


def test_a_name_of_several_sets_is_refused(rows):
    frame = pd.concat(
        rows(name, {"a": 0.1, "b": 0.2}, modality=modality, features=features)
        for name in ("unimodal", "lasso")
        for modality, features in (("music", "audio"), ("visual", "visual"))
    )
    with pytest.raises(
        mv.DesignError, match=r"'unimodal' is there for several.*music, audio; visual"
    ):
        paired_tests(frame, pairs=[("unimodal", "lasso")])


def test_adjustment_is_over_all_of_one_test(two):
    both = pd.concat([two, two.assign(target="valence", rmse=two["rmse"] ** 1.1)])
    found = paired_tests(both, adjust="bonferroni")
    family = found[found["method"] == "paired t test"]
    assert len(family) == 4
    expected = np.minimum(1, 4 * family["p_value"])
    assert family["p_adjusted"].to_numpy() == pytest.approx(expected.to_numpy())
    assert set(found["p_adjust_method"]) == {"bonferroni"}
    none = paired_tests(both, adjust="none")
    pd.testing.assert_series_equal(none["p_adjusted"], none["p_value"], check_names=False)


def test_readings_are_families_of_their_own(two):
    other = two.assign(alignment="corrected")
    found = paired_tests(pd.concat([two, other]))
    assert found["alignment"].tolist() == ["released"] * 8 + ["corrected"] * 8
    numbers = found.select_dtypes("number")
    pd.testing.assert_frame_equal(numbers[:8], numbers[8:].reset_index(drop=True))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"a": 0.3}, "only one item"),
        ({f"i{k}": 0.2 for k in range(6)}, "all differences are zero"),
        ({"a": np.nan, "b": np.nan}, "no item has a value"),
        ({"other": 0.3, "another": 0.1}, "no item has a value"),
    ],
)
def test_degenerate_input_is_a_row_with_a_reason(rows, values, reason):
    lasso = {"a": 0.2, "b": 0.2, **{f"i{k}": 0.2 for k in range(6)}}
    found = paired_tests(pd.concat([rows("pair", values), rows("lasso", lasso)]))
    assert len(found) == 8
    assert found[["statistic", "p_value", "p_adjusted"]].isna().all(axis=None)
    assert found["warning"].str.contains(reason).all()


def test_a_constant_difference(rows):
    items = {f"i{k}": 0.2 + 0.01 * k for k in range(10)}
    more = {item: value + 0.1 for item, value in items.items()}
    found = paired_tests(pd.concat([rows("pair", more), rows("lasso", items)]))
    for method in ("paired t", "corrected", "mixed"):
        row = one(found, method)
        assert row["estimate"] == pytest.approx(0.1)
        assert np.isnan(row["p_value"])
        assert "same difference" in row["warning"]
    assert one(found, "Wilcoxon")["effect_size"] == 1


def test_a_singular_fit_is_a_row_with_a_warning(rows):
    # folds alike: the variance between them is estimated as zero
    items = {f"i{k}": 0.2 for k in range(20)}
    more = {f"i{k}": 0.2 + 0.1 * np.sin(k // 5 * 2.0) + 0.05 for k in range(20)}
    row = one(paired_tests(pd.concat([rows("pair", more), rows("lasso", items)])), "mixed")
    assert "singular" in row["warning"]
    t = stats.ttest_1samp(np.array(list(more.values())) - 0.2, 0)
    assert row["statistic"] == pytest.approx(t.statistic, rel=1e-4)
    assert row["df"] == pytest.approx(19, rel=1e-2)


def test_one_fold_and_a_fold_per_item(rows):
    items = {f"i{k}": 0.2 + 0.01 * k for k in range(6)}
    more = {item: value + 0.1 * np.sin(k) for k, (item, value) in enumerate(items.items())}
    for folds, reasons in ((1, ("one fold only", "no mixed model")), (6, ("", "no mixed model"))):
        frame = pd.concat([rows("pair", more, folds=folds), rows("lasso", items, folds=folds)])
        found = paired_tests(frame)
        corrected, mixed = one(found, "corrected"), one(found, "mixed")
        assert np.isnan(mixed["p_value"])
        assert reasons[1] in mixed["warning"]
        assert np.isnan(corrected["p_value"]) == bool(reasons[0])
        assert reasons[0] in (corrected["warning"] if reasons[0] else "")


def test_other_folds_leave_the_design_aware_rows_empty(two):
    moved = two.copy()
    moved.loc[:29, "fold"] = moved.loc[:29, "fold"].to_numpy()[::-1]
    moved.loc[0, "fold"] = 3
    found = paired_tests(moved)
    for method in ("corrected", "mixed"):
        assert np.isnan(one(found, method)["p_value"])
        assert "different folds" in one(found, method)["warning"]
    assert np.isfinite(one(found, "paired t")["p_value"])


def test_dependence_and_metrics_choose_rows(two):
    found = paired_tests(two, dependence="design", metrics=["mse", "mse"])
    assert set(found["metric"]) == {"mse"}
    assert found["dependence"].tolist() == ["design", "design"]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"pairs": [("pair", "nothing")]}, "nothing"),
        ({"pairs": [("pair", ("music", "audio", "lasso"))]}, "music/audio/lasso"),
        ({"pairs": [("pair", "pair")]}, "compared with itself"),
        ({"pairs": [("pair", 3)]}, "a configuration is a name"),
        ({"pairs": [("pair",)]}, "two configurations"),
        ({"pairs": ("pair", "lasso")}, "two configurations"),
        ({"pairs": []}, "list of pairs"),
        ({"pairs": "pair"}, "list of pairs"),
        ({"metrics": ["r2"]}, "metrics must be one or more of rmse, mse, ccc"),
        ({"metrics": []}, "metrics must be one or more of .* not nothing"),
        ({"dependence": "clusters"}, "dependence"),
        ({"adjust": "tukey"}, "adjust"),
        ({"conf_level": 2}, "conf_level"),
    ],
)
def test_bad_arguments_are_named(two, arguments, match):
    with pytest.raises((mv.DataError, mv.DesignError), match=match):
        paired_tests(two, **arguments)


def test_bad_frames_are_named(two, tiny):
    with pytest.raises(mv.DataError, match="DataTree"):
        paired_tests(tiny)
    with pytest.raises(mv.DataError, match="fold"):
        paired_tests(two.drop(columns="fold"))
    with pytest.raises(mv.DataError, match="not a frame of compare_architectures"):
        paired_tests(mv.kruskal_modality(tiny, n_resamples=0))
    with pytest.raises(mv.DataError, match=r"none of the default pairs.*lasso"):
        paired_tests(two[two["configuration"] == "lasso"])
    with pytest.raises(mv.DataError, match="twice"):
        paired_tests(pd.concat([two, two.assign(method="protocol paper")]))


def test_no_network_library_is_imported():
    code = (
        "import sys\n"
        "from muvistats.deep import paired_tests, summarise\n"
        "from muvistats.deep.linear import linear_rows\n"
        "print([name for name in ('keras', 'tensorflow', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

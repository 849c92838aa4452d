"""Tests over time: what is planted is found, what cannot be tested says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import muvistats as mv
from muvistats.kernels.permutation.arrangements import shrunken_residuals
from muvistats.stats.ranks.by_design import Question
from muvistats.stats.time.blocks import trajectories_of

STEPS = 40
MODALITIES = ("music", "visual", "audiovisual")
PAIR = ("audiovisual", "music")


def made(values, frame, name="arousal", **more):
    """A study of trajectories, one row of keys each."""
    long = frame.loc[frame.index.repeat(values.shape[1])].reset_index(drop=True)
    time = np.tile(np.arange(values.shape[1]) * 0.5, len(frame))
    long = long.assign(time=time, **{name: values.ravel()})
    options = {"dimensions": [name], "scale": (-50, 50), "simulated": True}
    return mv.from_frames(dynamics=long.dropna(subset=[name]), **options | more)


@pytest.fixture(scope="module")
def keys():
    """Who rated what: 12 people, 10 items, each item in each modality by four of them."""
    rng = np.random.default_rng(0)
    dealt = [rng.permutation(np.arange(12) % 3) for _ in range(10)]
    rows = [
        (f"p{person:02}", f"i{item}", MODALITIES[dealt[item][person]])
        for person in range(12)
        for item in range(10)
    ]
    return pd.DataFrame(rows, columns=["participant", "item", "modality"])


@pytest.fixture(scope="module")
def values(keys):
    """Smooth courses, higher at the last modality from 5 to 12 s."""
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(len(keys), STEPS + 4))
    smooth = np.stack([noise[:, i : i + STEPS] for i in range(5)]).sum(axis=0) / 2
    smooth += rng.normal(size=12)[pd.factorize(keys["participant"])[0]][:, None]
    smooth[(keys["modality"] == "audiovisual").to_numpy(), 10:24] += 2.0
    return smooth


@pytest.fixture(scope="module")
def planted(keys, values):
    return made(values, keys)


def found(study, formula="arousal ~ modality", **more):
    return mv.over_time(study, formula, **{"n_resamples": 199, "groups": PAIR} | more)


@pytest.mark.parametrize("adjust", ["cluster", "tfce", "maximum"])
@pytest.mark.parametrize("statistic", ["studentized", "plain"])
def test_what_is_planted_is_found(planted, adjust, statistic):
    clusters = found(planted, adjust=adjust, statistic=statistic)
    best = clusters.loc[clusters["p_value"].idxmin()]
    assert best["p_value"] == 0.005
    assert best["end"] - 1 > 6
    assert best["start"] < 11
    assert best["start"] > 3
    assert best["end"] < 14
    assert best["effect_size"] == pytest.approx(2.0, abs=0.7)
    assert best["conf_low"] < 2.0 < best["conf_high"]
    assert best["mass"] > 0
    assert (best["group1"], best["group2"]) == PAIR


def test_the_other_way_round_is_the_same_with_the_other_sign(planted):
    one, other = found(planted), found(planted, groups=PAIR[::-1])
    for column in ("mass", "statistic", "effect_size"):
        np.testing.assert_allclose(one[column], -other[column], rtol=1e-9)
    np.testing.assert_allclose(one["conf_low"], -other["conf_high"], rtol=1e-9)
    assert one["p_value"].tolist() == other["p_value"].tolist()


def test_a_dimension_of_an_odd_name_is_quoted(keys, values, planted):
    odd = found(made(values, keys, name="felt ~ now"), "Q('felt ~ now') ~ modality")
    assert odd["dimension"].tolist() == ["felt ~ now"] * len(odd)
    pd.testing.assert_frame_equal(
        odd.drop(columns="dimension"), found(planted).drop(columns="dimension")
    )


def test_levels_tell_the_same(planted):
    clusters, steps, groups = (found(planted, level=at) for at in ("cluster", "time", "group"))
    assert steps["time"].tolist() == (np.arange(STEPS) * 0.5).tolist()
    assert len(groups) == 2 * STEPS
    for row in clusters.itertuples():
        inside = steps[(steps["start"] >= row.start) & (steps["end"] <= row.end)]
        assert inside["statistic"].sum() == pytest.approx(row.mass)
        assert (inside["mass"] == inside["mass"].iloc[0]).all()
        assert (inside["p_adjusted"] == row.p_value).all()
        assert inside["statistic"].abs().max() == pytest.approx(abs(row.statistic))
    values = mv.to_long(planted)
    music = values[values["modality"] == "music"].groupby("time")["arousal"].mean()
    np.testing.assert_allclose(groups.loc[groups["group"] == "music", "mean"], music)


def test_several_levels_have_a_share(planted):
    clusters = found(planted, groups=None)
    best = clusters.loc[clusters["p_value"].idxmin()]
    assert best["statistic_name"] == "chi2"
    assert best["effect_size_name"] == "epsilon squared"
    assert 0 < best["conf_low"] < best["effect_size"] < best["conf_high"] < 1
    assert pd.isna(best["group1"])


def test_windows_are_means(planted, keys, values):
    steps = found(planted, window=2.0, level="time", statistic="plain")
    means = values.reshape(len(keys), -1, 4).mean(axis=2)
    narrow = made(means, keys)
    same = found(narrow, level="time", statistic="plain")
    np.testing.assert_allclose(steps["statistic"], same["statistic"], rtol=1e-9)
    assert steps["start"].tolist() == (np.arange(10) * 2.0).tolist()
    assert steps["end"].iloc[-1] == 20.0


def test_traits_of_people_and_of_items(keys, values):
    men = keys["participant"] < "p06"
    shifted = values + np.where(men, 3.0, 0.0)[:, None]
    people = keys[["participant"]].drop_duplicates()
    people = people.assign(gender=np.where(people["participant"] < "p06", "Male", "Female"))
    items = keys[["item"]].drop_duplicates()
    items = items.assign(genre=np.where(items["item"] < "i5", "pop", "rock"))
    study = made(shifted, keys, participants=people, items=items)
    by_gender = found(study, "arousal ~ gender", groups=None)
    assert by_gender["p_value"].min() <= 0.05
    assert by_gender["n_resamples"].iloc[0] == 199
    assert by_gender["effect_size"].abs().max() > 1.5
    by_genre = found(study, "arousal ~ genre", groups=None)
    assert by_genre["p_value"].min() > 0.01
    assert by_genre["method"].str.contains("whole items").all()


def test_a_trait_is_found_among_items_in_general(keys, values):
    """One item to which men react says nothing of items, unless the study has no others."""
    people = keys[["participant"]].drop_duplicates()
    people = people.assign(gender=np.where(people["participant"] < "p06", "Male", "Female"))
    men = (keys["participant"] < "p06").to_numpy()
    one = (keys["item"] == "i1").to_numpy()
    study = made(values + np.where(men & one, 40.0, 0.0)[:, None], keys, participants=people)
    formula = "arousal ~ gender"
    everywhere = found(study, formula, groups=None)
    assert everywhere["p_value"].min() > 0.2
    assert not everywhere["warning"].str.contains("items", na=False).any()
    few = mv.select(study, item=["i1", "i2", "i3"])
    these = found(few, formula, groups=None)
    assert these["p_value"].min() <= 0.02
    assert these["warning"].str.contains("only 3 items").all()
    whole = made(values + np.where(men, 4.0, 0.0)[:, None], keys, participants=people)
    assert found(whole, formula, groups=None)["p_value"].min() <= 0.02


def test_groups_of_people_may_have_items_of_their_own(keys, values):
    """What their items are like stays in the difference, and in its error."""
    people = keys[["participant"]].drop_duplicates()
    people = people.assign(gender=np.where(people["participant"] < "p06", "Male", "Female"))
    men = (keys["participant"] < "p06").to_numpy()
    own = keys.assign(item=np.where(men, "m", "f") + keys["item"])
    formula, p_values = "arousal ~ gender", []
    for shift, spread in ((4.0, 0.1), (0.0, 3.0)):
        items = spread * np.random.default_rng(1).normal(size=20)[pd.factorize(own["item"])[0]]
        study = made(values + (items + shift * men)[:, None], own, participants=people)
        rows = found(study, formula, groups=None)
        p_values.append(rows["p_value"].min())
        assert rows["conf_low"].notna().any() or rows["mass"].eq(0).all()
    assert p_values[0] <= 0.02
    assert p_values[1] > 0.05


def test_unit_and_origin_do_not_matter(keys, values, planted):
    ours = found(planted, level="time")
    for scale, origin in ((2.0**-600, 0.0), (1.0, 1e6)):
        limits = (-50 * scale + origin, 50 * scale + origin)
        other = found(made(values * scale + origin, keys, scale=limits), level="time")
        np.testing.assert_allclose(other["statistic"], ours["statistic"], rtol=1e-5)
        np.testing.assert_allclose(other["conf_low"], ours["conf_low"] * scale, rtol=1e-4)


def test_a_missing_sample_is_missing_there_only(keys, values, planted):
    holes = values.copy()
    music = np.flatnonzero(keys["modality"] == "music")
    holes[music[1], 17] = np.nan
    holes[music[4], 30:] = np.nan  # a shorter annotation
    steps, whole = (found(data, level="time") for data in (made(holes, keys), planted))
    before = steps["time"] < 8.5
    np.testing.assert_allclose(steps["statistic"][before], whole["statistic"][before], rtol=1e-9)
    assert (steps["n"] - whole["n"]).tolist() == [
        -(step == 17) - (step >= 30) for step in range(STEPS)
    ]


@pytest.mark.parametrize("level", ["cluster", "group"])
def test_a_study_without_values_says_so_in_a_row(planted, level):
    bare = planted.copy(deep=True)
    bare["annotations/arousal"].values[:] = np.nan
    empty = mv.over_time(bare, "arousal ~ modality", level=level, n_resamples=9)
    assert len(empty) == 1
    assert empty["warning"][0].startswith("no values")


def test_a_level_that_few_items_have_is_said():
    study = mv.simulate_muvi(rng=1, n_items=20, n_participants=12, features=False)
    study = study.copy(deep=True)
    keys = study["annotations"].dataset
    few = np.isin(keys["item"], np.unique(keys["item"])[:7])
    study["annotations/arousal"].values[(keys["modality"] == "audiovisual") & ~few] = np.nan
    for statistic, said in (("studentized", True), ("plain", False)):
        rows = mv.over_time(study, "arousal ~ modality", statistic=statistic, n_resamples=9)
        told = rows["warning"].astype("str").str.contains("audiovisual has 7 items only: outside")
        assert (told == said).all()


def test_a_time_without_values_ends_a_cluster(keys, values):
    holes = values.copy()
    holes[(keys["modality"] == "music").to_numpy(), 16] = np.nan
    study = made(holes, keys)
    steps = found(study, level="time")
    assert np.isnan(steps["statistic"][16])
    assert "no values in music at this time" in steps["warning"][16]
    clusters = found(study)
    assert not ((clusters["start"] <= 8.0) & (clusters["end"] > 8.0)).any()


def test_where_all_are_alike_there_is_no_statistic(keys, values):
    still = values.copy()
    still[:, :3] = 0.1
    steps = found(made(still, keys), level="time")
    assert steps["statistic"].isna().tolist() == [True] * 3 + [False] * 37
    assert (steps["warning"][:3] == "all values are equal at this time").all()
    nothing = found(made(np.full_like(values, 0.1), keys))
    assert nothing["p_value"].isna().all()
    assert "all values are equal" in nothing["warning"].iloc[0]


def test_where_all_are_alike_no_share_lies_between_three_groups(keys, values):
    still = values.copy()
    still[:, :3] = 0.1
    steps = found(made(still, keys), level="time", groups=None)
    shares = steps[["effect_size", "conf_low", "conf_high"]]
    assert shares[:3].isna().all(axis=None)
    assert shares[3:].notna().all(axis=None)


def test_equal_medians_are_compared_all_the_same(keys, values):
    ups = np.where(np.arange(STEPS) % 2, 1.0, -1.0) * np.abs(values)
    assert found(made(ups, keys), level="time")["p_value"].notna().all()


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        ({"modality": "music"}, "only one group has values: music"),
        ({"participant": "p01"}, "only one participant"),
        ({"item": "i1"}, "only one item"),
        ({"item": ["i1", "i2"]}, "only 2 items"),
    ],
)
@pytest.mark.parametrize("level", ["cluster", "time", "group"])
def test_too_little_to_compare_has_a_reason(planted, kept, reason, level):
    frame = found(mv.select(planted, **kept), groups=None, level=level)
    assert frame["p_adjusted"].isna().all()
    assert frame["warning"].str.contains(reason).all()
    assert (frame["n_resamples"] == 0).all()


def test_ratings_without_ids_are_each_of_another_person(planted, keys, values):
    data = {
        node.path: node.to_dataset(inherit=False)
        for node in planted.subtree
        if node.path not in ("/participants", "/log")
    }
    data["/annotations"] = data["/annotations"].drop_vars("participant")
    nobody = xr.DataTree.from_dict(data)
    nobody.attrs = dict(planted.attrs)
    own = keys.assign(participant=[f"q{i:03}" for i in range(len(keys))])
    ours, theirs = found(nobody, level="time"), found(made(values, own), level="time")
    np.testing.assert_allclose(ours["statistic"], theirs["statistic"], rtol=1e-9)
    assert ours["warning"].str.contains("no ids of participants").all()


def test_a_run_does_not_depend_on_the_number_of_workers(planted):
    pd.testing.assert_frame_equal(found(planted), found(planted, n_jobs=2))


def test_without_resamples_there_are_clusters_and_no_p(planted):
    clusters = found(planted, n_resamples=0)
    assert clusters["mass"].abs().gt(0).any()
    assert clusters["p_value"].isna().all()
    assert clusters["warning"].str.contains("n_resamples is 0").all()


def test_nothing_beyond_the_threshold_is_said(planted):
    row = found(planted, threshold=99.0).iloc[0]
    assert (row["p_value"], row["mass"]) == (1.0, 0.0)
    assert "no step beyond the threshold of 99" in row["warning"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"formula": "median ~ modality"}, "median"),
        ({"formula": "arousal ~ item"}, "assigned"),
        ({"groups": ("music", "music")}, "two different levels"),
        ({"groups": ("music", "smell")}, "smell"),
        ({"groups": "music"}, "two levels"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": 2.0, "adjust": "maximum"}, "no threshold"),
        ({"window": 0.1}, "holds no sample"),
        ({"window": 100.0}, "longer than the excerpt"),
        ({"level": "annotation"}, "level"),
        ({"statistic": "median"}, "statistic"),
        ({"adjust": "holm"}, "adjust"),
        ({"assigned": "observed"}, "assigned by nobody"),
        ({"strata": "gender"}, "strata"),
    ],
)
def test_what_makes_no_sense_is_refused(planted, arguments, message):
    with pytest.raises((mv.DataError, mv.DesignError), match=message):
        found(planted, **arguments)


def test_a_static_dimension_has_no_course(keys, values):
    static = keys.assign(arousal=values[:, 0])
    study = mv.from_frames(static, dimensions=["arousal"], scale=(-50, 50))
    with pytest.raises(mv.DataError, match="no dynamic dimension"):
        found(study)


def test_rows_in_another_order_are_the_same_study(planted):
    turned = xr.DataTree.from_dict(
        {
            node.path: node.to_dataset(inherit=False).isel(annotation=slice(None, None, -1))
            if "annotation" in node.dims
            else node.to_dataset(inherit=False)
            for node in planted.subtree
        }
    )
    turned.attrs = dict(planted.attrs)
    pd.testing.assert_frame_equal(found(planted), found(turned))


def test_the_committed_table_is_whole_and_nothing_in_it_is_liberal():
    table = pd.read_csv(Path(mv.__file__).parent / "data" / "simulation" / "over_time.csv")
    assert (table[["seed", "n_resamples", "alpha"]] == [0, 199, 0.05]).all(axis=None)
    assert (table["version"] == mv.__version__).all()
    assert not table.duplicated(["scenario", "test"]).any()
    assert (table[["n_overlapping", "n_outside"]].max(axis=1) <= table["n_rejected"]).all()
    assert (table["n_undefined"] == 0).all()
    assert {"sharp", "people react", "items react", "both react"} <= set(table["scenario"])
    assert {"trait, sharp", "trait, items react", "trait, both react"} <= set(table["scenario"])
    rows = table[table["null"] & ~table["test"].str.endswith("plain")]
    assert (rows["n"] >= 450).all()
    low = stats.beta.ppf(0.001, rows["n_rejected"], rows["n"] - rows["n_rejected"] + 1)
    assert (np.nan_to_num(low) <= 0.065).all()
    planted = table[~table["null"] & (table["test"] == "two levels, cluster")]
    assert len(planted) == 2  # modality, and a trait
    assert (planted["n_overlapping"] >= 0.8 * planted["n"]).all()
    assert (planted["n_outside"] <= 0.09 * planted["n"]).all()


def test_values_are_less_means_of_items_and_shrunken_effects_of_people(study):
    question = Question("arousal", "modality", ("design",), None, None, 0.95)
    whole = trajectories_of(study, question, which="studentized", window=None, pair=None)
    assert whole.groups.n_missing == 0
    block = max(whole.blocks(), key=lambda block: len(block.steps))
    item, person = block.nuisance
    expected = shrunken_residuals(block.values, item, person)[0]
    np.testing.assert_allclose(block.residuals, expected, atol=1e-9)

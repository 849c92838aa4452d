"""The checks find what was planted, and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import muvistats as mv
from muvistats.dataset.build import assemble
from muvistats.dataset.quality.raters import robust_outliers
from muvistats.dataset.quality.shifts import Session, alignment_z, overall_rows, participant_rows

N_ITEMS, N_PEOPLE, N_TRIALS = 18, 15, 12


def make(rng, *, signal=2.0, shift=0, shifted=None, lists=None, dynamic=False, trial=True, **more):
    """A study in which every value is item effect plus noise; `shift` moves values down rows."""
    rng = np.random.default_rng(rng)
    orders = [rng.permutation(N_ITEMS)[:N_TRIALS] for _ in range(lists or N_PEOPLE)]
    item_level = rng.normal(size=(N_ITEMS, 7)) * signal
    rows, values = [], []
    for person in range(N_PEOPLE):
        order = orders[person % len(orders)]
        true = item_level[order] + rng.normal(size=(N_TRIALS, 7))
        if shifted is None or person == shifted:
            true = np.roll(true, shift, axis=0)
        values.append(true)
        rows += [
            {"item": f"i{i}", "modality": ["music", "visual"][(i + person // 2) % 2],
             "participant": f"p{person}", "trial": t + 1}
            for t, i in enumerate(order)
        ]  # fmt: skip
    values = np.concatenate(values)
    frame = pd.DataFrame(rows)
    frame["familiar"] = (values[:, 6] > 0).astype(int)
    arousal = np.tanh(values[:, 5] / 3)
    if dynamic:
        arousal = np.clip(arousal[:, None] + np.array([-0.01, 0.0, 0.0, 0.02]), -1, 1)
    labels = (values[:, :5] > 0.5).astype(np.int8)
    return assemble(
        frame if trial else frame.drop(columns="trial"),
        {"arousal": more.get("arousal", arousal)},
        participants=pd.DataFrame({"participant": [f"p{i}" for i in range(N_PEOPLE)]}),
        items=pd.DataFrame({"item": [f"i{i}" for i in range(N_ITEMS)]}),
        labels=more.get("labels", labels),
        label_table=pd.DataFrame({"label": list("abcde")}),
        time=np.arange(4) * 0.5 if dynamic else None,
    )


def best(check):
    chosen = check[check["best"]]
    return dict(zip(chosen["variable"], chosen["lag"], strict=True))


@pytest.mark.parametrize("shift", [0, 1, -2])
def test_finds_the_planted_shift_of_everybody(shift):
    check = mv.label_alignment_check(make(1, shift=shift, dynamic=True), n_resamples=199)
    assert best(check) == {"labels": shift, "familiar": shift, "arousal": shift}
    at = check.set_index(["variable", "lag"])["statistic"]
    for variable in ("labels", "familiar", "arousal"):
        assert at[variable, shift] > 6
        assert at[variable].drop(shift).abs().max() < 4
    assert (check["participant"] == "all").all()
    assert (check["n"] + check["n_missing"] == N_PEOPLE * N_TRIALS).all()
    lags = check["lag"].abs()
    assert (check["n"] == N_PEOPLE * (N_TRIALS - lags)).all()


def test_finds_the_one_person_who_is_shifted():
    study = make(2, shift=1, shifted=4)
    assert best(mv.label_alignment_check(study, n_resamples=199))["labels"] == 0
    check = mv.label_alignment_check(study, level="participant", n_resamples=199)
    labels = check[(check["variable"] == "labels") & check["best"]]
    assert labels.set_index("participant")["lag"].to_dict() == {
        f"p{i}": int(i == 4) for i in range(N_PEOPLE)
    }
    planned = check["p_adjust_method"] == "none, not searched"
    assert (check.loc[planned, "lag"] == 0).all()
    assert (check.loc[planned, "p_value"] == check.loc[planned, "p_adjusted"]).all()
    assert (check.groupby(["variable", "participant"])["best"].sum() <= 1).all()


def test_share_by_hand():
    study = make(3)
    annotations = study["annotations"].to_dataset()
    frame = pd.DataFrame(
        {
            "item": annotations["item"].to_numpy(),
            "participant": annotations["participant"].to_numpy(),
            "trial": annotations["trial"].to_numpy(),
            "value": annotations["arousal"].to_numpy(),
        }
    ).sort_values(["participant", "trial"])
    frame["value"] = frame.groupby("participant")["value"].shift(-2)
    frame = frame.dropna()
    frame["value"] -= frame.groupby("participant")["value"].transform("mean")
    groups = frame.groupby("item")["value"]
    share = (groups.size() * groups.mean() ** 2).sum() / (frame["value"] ** 2).sum()
    check = mv.label_alignment_check(study, lags=[2], n_resamples=99)
    row = check[check["variable"] == "arousal"].iloc[0]
    assert row["estimate"] == pytest.approx(share, rel=1e-12)
    assert row["n"] == len(frame)
    assert row["statistic"] == pytest.approx(alignment_z(study, variable="arousal")[2])
    assert row["mc_error"] == pytest.approx(np.sqrt(row["p_value"] * (1 - row["p_value"]) / 99))
    assert (row["p_value"] * 100) % 1 == pytest.approx(0, abs=1e-9)


def test_p_follows_z():
    check = mv.label_alignment_check(make(4, signal=0.15), n_resamples=999)
    check = check[check["variable"] == "labels"]  # of five columns, so nearly normal
    normal = stats.norm.sf(check["statistic"])
    assert np.abs(check["p_value"] - normal).max() < 0.06


def test_no_false_alarm_where_values_know_nothing_of_items():
    rng = np.random.default_rng(5)
    participant, trial = np.repeat(np.arange(10), 10), np.tile(np.arange(10), 10)
    overall = single = 0
    for _ in range(60):
        item = np.concatenate([rng.permutation(15)[:10] for _ in range(10)])
        values = {"labels": (rng.random((100, 4)) < 0.25).astype(float)}
        session = Session(item, participant, trial, np.arange(10).astype(str), values)
        overall += any(row["best"] for row in overall_rows(session, [-1, 0, 1], 59, rng))
        single += any(
            row["best"] and row["lag"] != 0
            for row in participant_rows(session, [-1, 0, 1], 59, rng)
        )
    assert overall <= 9  # binomial(60, 0.05): more than 9 once in 1,500
    assert single <= 9


def test_people_with_one_list_prove_nothing():
    """All in the same order: a drift over trials would look like signal at every lag."""
    check = mv.label_alignment_check(make(6, lists=1), n_resamples=19)
    assert check["statistic"].isna().all()
    assert check["p_value"].isna().all()
    assert not check["best"].any()
    assert check["warning"].str.contains("different orders").all()
    alone = mv.label_alignment_check(make(6, lists=1), n_resamples=19, level="participant")
    assert alone["warning"].str.contains("people with other lists").all()


def test_shared_lists_leave_the_other_lags_alone():
    study = make(7, lists=5, signal=4.0)
    z = alignment_z(study)
    assert max(z, key=z.get) == 0
    assert max(abs(value) for lag, value in z.items() if lag) < 4
    assert best(mv.label_alignment_check(study, n_resamples=99))["labels"] == 0


def test_missing_and_masked_values_are_left_out_and_counted():
    study = make(8)
    annotations = study["annotations"].to_dataset()
    keep = annotations["keep_labels"].to_numpy().copy()
    keep[:10] = False
    familiar = annotations["familiar"].to_numpy().copy()
    familiar[3] = -1
    study["annotations"] = annotations.assign(
        keep_labels=annotations["keep_labels"].copy(data=keep),
        familiar=annotations["familiar"].copy(data=familiar),
    )
    check = mv.label_alignment_check(study, lags=[0], n_resamples=19).set_index("variable")
    assert check["n_missing"].to_dict() == {"labels": 10, "familiar": 1, "arousal": 0}


def test_constant_values_are_nan_with_a_reason():
    n = N_PEOPLE * N_TRIALS
    study = make(9, labels=np.ones((n, 5), np.int8), arousal=np.full(n, 0.1))
    for level in ("summary", "participant"):
        check = mv.label_alignment_check(study, lags=[0, 40], n_resamples=19, level=level)
        part = check[(check["variable"] != "familiar") & (check["lag"] == 0)]
        assert part["statistic"].isna().all()
        assert part["warning"].str.contains("vary").all()
        assert (check.loc[check["lag"] == 40, "n"] == 0).all()
        assert check.loc[check["lag"] == 40, "warning"].notna().all()
        assert (check["n_resamples"] == np.where(check["p_value"].isna(), 0, 19)).all()


def test_order_of_rows_and_names_do_not_matter():
    study = make(10)
    frame = study["annotations"].to_dataset()
    renamed = frame.assign_coords(item=("annotation", np.char.add("z", frame["item"].to_numpy())))
    study_items = study["items"].to_dataset()
    other = study.copy()
    other["annotations"] = renamed
    other["items"] = study_items.assign_coords(
        item=("item", np.char.add("z", study_items["item"].to_numpy()))
    )
    assert alignment_z(other) == pytest.approx(alignment_z(study), rel=1e-12)
    shifted = study.copy()
    shifted["annotations"] = frame.assign_coords(
        trial=("annotation", frame["trial"].to_numpy() + 100)
    )
    assert alignment_z(shifted) == pytest.approx(alignment_z(study), rel=1e-12)


def test_same_seed_same_p():
    study = make(11, signal=0.2)
    first = mv.label_alignment_check(study, n_resamples=49, rng=3)
    again = mv.label_alignment_check(study, n_resamples=49, rng=np.random.default_rng(3))
    other = mv.label_alignment_check(study, n_resamples=49, rng=4)
    pd.testing.assert_frame_equal(first, again)
    assert (first["p_value"] != other["p_value"]).any()


def test_what_cannot_be_checked_says_so():
    study = make(12)
    with pytest.raises(mv.DataError, match="no trial order"):
        mv.label_alignment_check(make(12, trial=False))
    with pytest.raises(mv.DataError, match="no trial order"):
        mv.repeated_lists(make(12, trial=False))
    frame = study["annotations"].to_dataset()
    twice = study.copy()
    twice["annotations"] = frame.assign_coords(
        trial=("annotation", np.ones(frame.sizes["annotation"], int))
    )
    with pytest.raises(mv.DataError, match="trial number twice"):
        mv.label_alignment_check(twice)
    for wrong in ({"level": "item"}, {"n_resamples": 0}, {"lags": [0.5]}, {"lags": []}):
        with pytest.raises(mv.DesignError):
            mv.label_alignment_check(study, **wrong)
    with pytest.raises(mv.DataError, match="no such variable"):
        alignment_z(study, variable="liking")


def test_real_labels_are_one_trial_late(released):
    check = mv.label_alignment_check(released, n_resamples=199)
    assert best(check) == {"labels": 1, "familiar": 1}
    z = check[check["variable"] == "labels"].set_index("lag")["statistic"]
    assert 50 < z[1] < 60
    assert z.drop(1).abs().max() < 3
    share = check[check["variable"] == "labels"].set_index("lag")["estimate"]
    assert share[0] == pytest.approx(0.05486755314087403, rel=1e-9)  # by pandas and loops
    assert share[1] == pytest.approx(0.16363969340889084, rel=1e-9)


def test_real_labels_of_every_participant_are_late(released):
    check = mv.label_alignment_check(released, n_resamples=199, level="participant")
    labels = check[(check["variable"] == "labels") & check["best"]]
    assert len(labels) == 49
    assert (labels["lag"] == 1).all()


def test_corrected_labels_stand_where_they_belong(corrected):
    assert best(mv.label_alignment_check(corrected, n_resamples=199)) == {
        "labels": 0,
        "familiar": 0,
    }


def test_simulated_study_is_aligned(default_study):
    check = mv.label_alignment_check(default_study, n_resamples=199)
    assert best(check) == {"labels": 0, "familiar": 0, "arousal": 0, "valence": 0}
    off = check[check["lag"] != 0]
    assert off["statistic"].abs().max() < 4


def test_repeated_lists_of_the_release(released):
    lists = mv.repeated_lists(released)
    assert lists["participant"].tolist() == [str(i) for i in range(40, 49)]
    assert lists["repeats"].tolist() == [str(i) for i in range(9)]
    assert (lists["n"] >= 30).all()


def test_repeated_lists_by_hand(tiny):
    # participant p sees item i in trial (i + p) % 4 + 1 and modality (i + p) % 3
    assert len(mv.repeated_lists(tiny)) == 0
    frame = tiny["annotations"].to_dataset()
    same = tiny.copy()
    last = frame["participant"].to_numpy() == "4"
    trial = frame["trial"].to_numpy().copy()
    trial[last] = [1, 2, 3, 4]
    same["annotations"] = frame.assign_coords(
        modality=("annotation", np.full(24, "music"), frame["modality"].attrs),
        trial=("annotation", trial),
    )
    lists = mv.repeated_lists(same)
    assert lists[["participant", "repeats"]].to_numpy().tolist() == [["4", "0"], ["5", "1"]]
    assert lists["n"].tolist() == [4, 4]


def quantity(quality, name, dimension=None):
    rows = quality[quality["quantity"] == name]
    rows = rows[rows["dimension"] == dimension] if dimension else rows
    return rows.set_index("participant")


def test_still_cursors_are_counted_as_recorded(tiny):
    frame = tiny["annotations"].to_dataset()
    arousal = frame["arousal"].to_numpy().copy()
    person = frame["participant"].to_numpy()
    still = np.flatnonzero(person == "2")[:3]
    arousal[still] = 0.25
    keep = np.full(24, fill_value=True)
    keep[still] = False
    study = tiny.copy()
    study["annotations"] = frame.assign(
        arousal=frame["arousal"].copy(data=arousal),
        keep_dynamic=frame["keep_dynamic"].copy(data=keep),
    )
    quality = mv.rater_quality(study)
    share = quantity(quality, "still_share", "arousal")
    assert share.loc["2", "estimate"] == 0.75
    assert share["estimate"].sum() == 0.75
    assert share.loc["2", "outlier"]
    assert share["outlier"].sum() == 1
    assert quantity(quality, "still_annotations", "arousal").loc["2", "estimate"] == 3
    assert quantity(quality, "still_share", "valence")["estimate"].eq(0).all()
    assert quantity(quality, "drift", "arousal").loc["2", "n"] == 1
    assert np.isnan(quantity(quality, "drift", "arousal").loc["2", "estimate"])
    assert "three" in quantity(quality, "drift", "arousal").loc["2", "warning"]


def test_drift_is_spearman_of_medians(tiny):
    frame = mv.annotation_frame(tiny)
    drift = quantity(mv.rater_quality(tiny), "drift", "valence")
    for person, rows in frame.groupby("participant"):
        expected = stats.spearmanr(rows["trial"], rows["valence"])
        assert drift.loc[person, "estimate"] == pytest.approx(expected.statistic)
        assert drift.loc[person, "p_value"] == pytest.approx(expected.pvalue)


def concordance(x, y):
    return 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def test_agreement_of_two_raters_is_their_concordance(tiny):
    """Each cell of the tiny study has two raters, so the others' estimator is the other one."""
    frame = tiny["annotations"].to_dataset()
    values = frame["arousal"].to_numpy()
    keys = pd.DataFrame({k: frame[k].to_numpy() for k in ("item", "modality", "participant")})
    cells = keys.groupby(["item", "modality"]).indices.values()
    agreement = {person: [] for person in keys["participant"].unique()}
    for a, b in cells:
        for row in (a, b):
            agreement[keys["participant"][row]].append(concordance(values[a], values[b]))
    found = quantity(mv.rater_quality(tiny), "agreement", "arousal")
    for person, each in agreement.items():
        assert found.loc[person, "estimate"] == pytest.approx(np.mean(each), rel=1e-10)
        assert found.loc[person, "n"] == 4


def test_static_agreement_is_concordance_with_the_others_mean():
    study = make(13)
    frame = study["annotations"].to_dataset()
    keys = pd.DataFrame({k: frame[k].to_numpy() for k in ("item", "modality", "participant")})
    values = frame["arousal"].to_numpy()
    quality = quantity(mv.rater_quality(study), "agreement", "arousal")
    mine, others = [], []
    for row in np.flatnonzero(keys["participant"] == "p3"):
        cell = (keys["item"] == keys["item"][row]) & (keys["modality"] == keys["modality"][row])
        cell &= keys["participant"] != "p3"
        if cell.any():
            mine.append(values[row])
            others.append(values[cell].mean())
    expected = concordance(np.array(mine), np.array(others))
    assert quality.loc["p3", "estimate"] == pytest.approx(expected, rel=1e-10)
    assert quality.loc["p3", "n"] == len(mine)
    assert set(mv.rater_quality(study)["quantity"]).isdisjoint({"still_share"})


def test_labels_of_a_rater_by_hand(tiny):
    frame = tiny["annotations"].to_dataset()
    codes = frame["labels"].to_numpy().copy()
    person = frame["participant"].to_numpy()
    codes[person == "5"] = [1, 0, 0, 1]
    study = tiny.copy()
    study["annotations"] = frame.assign(labels=frame["labels"].copy(data=codes))
    quality = mv.rater_quality(study)
    constant = quantity(quality, "constant_labels")
    # of the others only 3, who sees every item in the position of the same label pattern
    expected = [float((codes[person == p] == codes[person == p][0]).all()) for p in "012345"]
    assert expected == [0, 0, 0, 1, 0, 1]
    assert constant["estimate"].tolist() == expected
    per_trial = quantity(quality, "labels_per_trial")
    assert per_trial.loc["5", "estimate"] == 2
    assert per_trial.loc["0", "estimate"] == codes[person == "0"].sum() / 4
    agreement = quantity(quality, "label_agreement")
    assert np.isnan(agreement.loc["5", "estimate"])
    assert "do not vary" in agreement.loc["5", "warning"]
    centred = codes.astype(float)
    for who in np.unique(person):
        centred[person == who] -= centred[person == who].mean(axis=0)
    rows = np.flatnonzero(person == "1")
    cell = np.char.add(frame["item"].to_numpy(), frame["modality"].to_numpy())
    other = [np.flatnonzero((cell == cell[r]) & (person != "1"))[0] for r in rows]
    x = centred[rows]
    m = centred[other] - centred[other].mean(axis=0)
    expected = (x * m).sum() / np.sqrt((x**2).sum() * (m**2).sum())
    assert agreement.loc["1", "estimate"] == pytest.approx(expected, rel=1e-10)


def test_quality_without_labels_or_trial(tiny):
    frame = tiny["annotations"].to_dataset()
    study = tiny.copy()
    study["annotations"] = frame.drop_vars(["labels", "trial", "label"])
    names = set(mv.rater_quality(study)["quantity"])
    assert names == {"n_annotations", "still_annotations", "still_share", "agreement"}
    study["annotations"] = frame.drop_vars(["arousal", "valence", "time"])
    names = set(mv.rater_quality(study)["quantity"])
    assert names == {"n_annotations", "labels_per_trial", "constant_labels", "label_agreement"}


def test_corrected_labels_agree_more_than_released(released, corrected):
    before = quantity(mv.rater_quality(released), "label_agreement")["estimate"]
    after = quantity(mv.rater_quality(corrected), "label_agreement")["estimate"]
    assert before.mean() < 0.04
    assert after.mean() == pytest.approx(0.25, abs=0.02)
    assert (after > before).all()


def test_outliers():
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 30.0, np.nan])
    # median 3.5, MAD 1.5: 0.6745 * 26.5 / 1.5 = 11.9
    assert robust_outliers(values).tolist() == [False] * 5 + [True, False]
    # MAD 0: mean absolute deviation 1.2 / 10 * 1.2533 = 0.150; 0.2 / 0.150 < 3.5 < 1 / 0.150
    few = np.array([0.0] * 8 + [0.2, 1.0])
    assert robust_outliers(few).tolist() == [False] * 9 + [True]
    assert not robust_outliers(np.full(4, 2.0)).any()
    assert not robust_outliers(np.full(4, np.nan)).any()


def test_one_annotation_less_does_not_stand_out_and_one_answer_each_is_not_counted():
    keys = pd.MultiIndex.from_product([range(9), range(6)], names=["participant", "item"])
    frame = keys.to_frame(index=False).iloc[1:].assign(emotion=np.resize(["joy", "fear"], 53))
    quality = mv.rater_quality(mv.from_frames(frame, labels="emotion"))
    assert not quality.loc[quality["quantity"] == "n_annotations", "outlier"].any()
    assert "labels_per_trial" not in set(quality["quantity"])

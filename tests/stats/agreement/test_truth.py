"""Gold standards beside the truth that a simulated study was drawn from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv


def with_ratings(study, change):
    """The study with other ratings of arousal."""
    out = study.copy()
    annotations = out["annotations"].to_dataset()
    annotations["arousal"] = annotations["arousal"].copy(data=change(annotations))
    out["annotations"].dataset = annotations
    return out


@pytest.fixture(scope="module")
def study():
    return mv.simulate_muvi(rng=3, n_items=9, n_participants=12, features=False)


def true_of(study, late):
    """The truth of each annotation, so many steps late."""

    def change(annotations):
        truth = study["truth/trajectory"].sel(dimension="arousal")
        keys = {key: annotations[key] for key in ("item", "modality")}
        values = truth.sel(keys).transpose("annotation", "time").to_numpy()
        moved = np.concatenate([values[:, :1].repeat(late, axis=1), values], axis=1)
        return moved[:, : values.shape[1]]

    return change


def test_raters_who_tell_the_truth_late_are_right_at_their_delay(study):
    honest = with_ratings(study, true_of(study, 3))
    at, now = (
        mv.compare_with_truth(honest, dimension="arousal", method="mean", lag=lag)
        for lag in (1.5, 0.0)
    )
    np.testing.assert_allclose(at["rmse"], 0, atol=1e-12)
    np.testing.assert_allclose(at["ccc"], 1)
    assert (now["rmse"] > 0).all()
    assert at["modality"].tolist() == ["music", "visual", "audiovisual", "all"]
    assert (at["lag_seconds"] == 1.5).all()


def test_a_row_is_what_a_loop_finds(study):
    found = mv.compare_with_truth(study, level="item", dimension="valence", method="ewe", start=8)
    late = round(float(study["truth/reaction_lag"].mean()) / 0.5)
    assert (found["lag_seconds"] == late / 2).all()
    gold = mv.ewe(study)["gold_standard"].sel(dimension="valence")
    truth = study["truth/trajectory"].sel(dimension="valence")
    for row in found.itertuples():
        given = gold.sel(item=row.item, modality=row.modality).to_numpy()[16:]
        there = truth.sel(item=row.item, modality=row.modality).to_numpy()[16 - late : 120 - late]
        known = np.isfinite(given)
        assert row.n == known.sum()
        assert row.rmse == pytest.approx(np.sqrt(np.mean((given - there)[known] ** 2)))
        assert row.ccc == pytest.approx(float(mv.ccc(there[known], given[known])))
    means = mv.compare_with_truth(study, dimension="valence", method="ewe", start=8)
    all_of_them = means.set_index("modality").loc["all"]
    np.testing.assert_allclose(
        all_of_them[["rmse", "ccc"]].astype(float), found[["rmse", "ccc"]].mean()
    )
    assert all_of_them["n"] == len(found)


def test_more_raters_come_nearer():
    near = []
    for raters in (3, 12):
        study = mv.simulate_muvi(
            rng=1,
            n_items=9,
            n_participants=3 * raters,
            raters_per_cell=raters,
            features=False,
        )
        found = mv.compare_with_truth(study, dimension="arousal", method="mean")
        near.append(found["rmse"].iloc[-1])
    assert near[1] < 0.8 * near[0]


def test_a_part_of_a_study_has_its_part_of_the_truth(study):
    part = mv.select(study, item=["clip3", "clip5"], modality="music")
    rows = mv.compare_with_truth(part, level="item", dimension="arousal", method="mean")
    whole = mv.compare_with_truth(study, level="item", dimension="arousal", method="mean")
    keys = ["item", "modality"]
    both = rows.merge(whole, on=keys)
    assert len(both) == 2
    np.testing.assert_allclose(both["rmse_x"], both["rmse_y"])


def test_without_a_truth_nothing_is_compared(study):
    ratings = mv.to_long(study).rename(columns={"participant": "who"})
    own = mv.from_frames(
        dynamics=ratings[["item", "modality", "who", "time", "arousal"]],
        participant="who",
        scale=(-1, 1),
    )
    with pytest.raises(mv.DataError, match="only simulate_muvi"):
        mv.compare_with_truth(own)
    with pytest.raises(mv.DesignError, match="method must be one or more of"):
        mv.compare_with_truth(study, method="best")
    with pytest.raises(mv.DesignError, match="lag must be"):
        mv.compare_with_truth(study, lag="late")


def test_a_time_at_which_no_truth_is_known_is_left_out(study):
    rows = mv.compare_with_truth(study, dimension="arousal", method="mean", lag=100.0)
    assert rows["rmse"].isna().all()
    assert rows["warning"].str.contains("no gold standard").all()
    assert isinstance(rows, pd.DataFrame)

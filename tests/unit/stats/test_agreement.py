"""EWE and inter-rater concordance as their user calls them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import muvistats as mv
from muvistats.kernels.agreement import ccc, ewe, leave_one_out_ccc


def by_hand(data, name):
    """Concordance of each annotation with the others of its cell, one cell at a time."""
    annotations = data["annotations"].to_dataset()
    keep = annotations["keep_dynamic"].to_numpy()
    values = np.where(keep[:, None], annotations[name].to_numpy(), np.nan)
    keys = pd.MultiIndex.from_arrays(
        [annotations["item"].to_numpy(), annotations["modality"].to_numpy()]
    )
    out = np.full(len(values), np.nan)
    for key in keys.unique():
        rows = np.flatnonzero(keys == key)
        out[rows] = leave_one_out_ccc(values[rows], np.array([0]))
    return out


@pytest.mark.parametrize("name", ["arousal", "valence"])
def test_rows_stand_in_the_order_of_the_study(study, name):
    frame = mv.interrater_ccc(study, dimension=name)
    assert_allclose(frame["ccc"], by_hand(study, name), rtol=1e-12)
    assert frame["participant"].tolist() == study["annotations/participant"].values.tolist()
    assert frame["item"].tolist() == study["annotations/item"].values.tolist()


def test_excluded_annotations_are_no_raters(tiny):
    mask = np.zeros(tiny["annotations"].sizes["annotation"], dtype=bool)
    mask[0] = True
    frame = mv.interrater_ccc(mv.exclude(tiny, mask, reason="test"), dimension="arousal")
    assert np.isnan(frame["ccc"].iloc[0])
    assert frame["warning"].iloc[0] == "excluded"
    # two raters in each cell of the tiny study: the other one is alone now
    assert np.isnan(frame["ccc"].iloc[1])
    assert frame["warning"].iloc[1] == "no other rater"
    assert frame["ccc"].iloc[2:].notna().all()


def test_two_raters_agree_with_each_other(tiny):
    frame = mv.interrater_ccc(tiny, dimension="valence", ddof=1)
    values = tiny["annotations/valence"].to_numpy()
    assert_allclose(frame["ccc"].iloc[0], ccc(values[0], values[1], ddof=1), rtol=1e-12)


def test_modality_level_summarises_the_annotations(study):
    rows = mv.interrater_ccc(study)
    table = mv.interrater_ccc(study, level="modality", n_resamples=200)
    for dimension, modality, mean, sd, n in table[
        ["dimension", "modality", "ccc", "sd", "n"]
    ].itertuples(index=False):
        use = rows[(rows["dimension"] == dimension) & rows["ccc"].notna()]
        use = use if modality == "all" else use[use["modality"] == modality]
        assert_allclose([mean, sd, n], [use["ccc"].mean(), use["ccc"].std(), len(use)])
    assert (table["conf_low"] < table["ccc"]).all()
    assert (table["ccc"] < table["conf_high"]).all()


def test_bootstrap_of_items_matches_the_cluster_standard_error(study):
    """For means over items of equal size the bootstrap variance has a closed form."""
    rows = mv.interrater_ccc(study, dimension="arousal").dropna(subset="ccc")
    by_item = rows.groupby("item")["ccc"].agg(["sum", "size"])
    mean = rows["ccc"].mean()
    residual = by_item["sum"] - mean * by_item["size"]
    expected = np.sqrt((residual**2).sum()) / len(rows)
    table = mv.interrater_ccc(
        study, dimension="arousal", level="modality", resample="items", n_resamples=4000, rng=1
    )
    row = table[table["modality"] == "all"].iloc[0]
    assert_allclose((row["conf_high"] - row["conf_low"]) / (2 * 1.96), expected, rtol=0.12)


def test_same_seed_same_interval(study):
    first, second, other = (
        mv.interrater_ccc(study, level="modality", n_resamples=100, rng=rng) for rng in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, second)
    assert not first["conf_low"].equals(other["conf_low"])


def test_streaming_from_disk_gives_the_same_numbers(study, tmp_path, monkeypatch):
    from muvistats.stats import _cells

    monkeypatch.setattr(_cells, "_BLOCK", 100)  # many blocks even in a small study
    store = tmp_path / "study.zarr"
    mv.save_dataset(study, store)
    lazy = mv.open_dataset(store, chunks={"annotation": 70})
    pd.testing.assert_frame_equal(mv.interrater_ccc(lazy), mv.interrater_ccc(study))
    assert mv.ewe(lazy).load().equals(mv.ewe(study))


def test_ewe_is_the_weighted_mean_of_each_cell(study):
    result = mv.ewe(study, dimension="arousal")
    annotations = study["annotations"].to_dataset()
    rows = np.flatnonzero(
        (annotations["item"].values == study["items/item"].values[3])
        & (annotations["modality"].values == "visual")
        & annotations["keep_dynamic"].values
    )
    values = annotations["arousal"].to_numpy()[rows]
    gold, weights = ewe(values, np.array([0]))
    cell = result.sel(dimension="arousal", modality="visual").isel(item=3)
    assert_allclose(cell["gold_standard"], gold[0], rtol=1e-12)
    assert_allclose(result["weight"].to_numpy()[0, rows], weights, rtol=1e-12)
    whole = ~np.isnan(values).any(axis=0)
    assert_allclose(cell["sd"].to_numpy()[whole], values[:, whole].std(axis=0, ddof=1), rtol=1e-12)
    assert int(cell["n_raters"]) == len(rows)


def test_a_study_without_dynamics_says_so(tiny):
    static = tiny.copy()
    static["annotations"] = static["annotations"].to_dataset().drop_vars(["arousal", "valence"])
    with pytest.raises(mv.DataError, match="dimension"):
        mv.interrater_ccc(static)
    with pytest.raises(mv.DesignError, match="level"):
        mv.interrater_ccc(tiny, level="item")


def test_real_joystick_data_against_a_plain_loop(shared):
    raw = pd.read_csv(shared / "ceap" / "raw.csv.gz")
    raw[["x", "y"]] = raw[["x", "y"]].clip(-1, 1)
    grid = np.arange(0, 40.5, 0.5)
    rows = [
        {"item": film, "participant": who, "time": t, "valence": x, "arousal": y}
        for (film, who), log in raw.groupby(["film", "who"])
        for t, x, y in zip(
            grid,
            np.interp(grid, log["t"], log["x"]),
            np.interp(grid, log["t"], log["y"]),
            strict=True,
        )
    ]
    study = mv.from_frames(dynamics=pd.DataFrame(rows), modalities=("audiovisual",))
    ours = mv.interrater_ccc(study, dimension="valence").set_index(["item", "participant"])["ccc"]
    for film, part in pd.DataFrame(rows).groupby("item"):
        wide = part.pivot_table(index="time", columns="participant", values="valence")
        for who in list(wide.columns)[:4]:
            others = wide.drop(columns=who)
            mean = others.mean(axis=1)
            moved = others.std() > 1e-12
            weight = others.corrwith(mean).where(moved, 0).fillna(0).clip(lower=0)
            gold = (others * weight).sum(axis=1) / weight.sum()
            expected = ccc(wide[who].to_numpy(), gold.to_numpy())
            assert_allclose(ours[film, who], expected, atol=1e-10)

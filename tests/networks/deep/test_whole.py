"""The comparison as its user has it: Table 6 with the linear rows, and real audio features."""

from __future__ import annotations

import numpy as np
import pytest

import muvistats as mv
from muvistats.deep import compare_architectures, paired_tests, summarise
from muvistats.stats.prediction.models import SETS

COLUMNS = [
    "modality", "features", "configuration", "target", "repeat", "fold", "seed", "item",
    "rmse", "mse", "ccc", "noise_ceiling", "n", "n_epochs", "method",
]  # fmt: skip
TABLE_6 = {
    ("unimodal", "music", "audio"),
    ("unimodal", "visual", "visual"),
    ("unimodal", "audiovisual", "audio"),
    ("unimodal", "audiovisual", "visual"),
    ("early_fusion", "audiovisual", "audio_visual"),
    ("late_fusion", "audiovisual", "audio_visual"),
    ("pair", "audiovisual", "audio_visual"),
}


@pytest.fixture(scope="module")
def table(whole_study, tiny_protocol, one_backend):
    return compare_architectures(
        whole_study,
        protocol=tiny_protocol(max_epochs=2),
        backend=one_backend,
        n_jobs=2,
        cache=False,
        progress=False,
    )


def test_table_6_whole(table):
    assert list(table.columns[: len(COLUMNS)]) == COLUMNS
    assert list(table.columns[len(COLUMNS) :]) == ["alignment", "simulated", "warning"]
    networks = table[table["configuration"] != "lasso"]
    keys = networks[["configuration", "modality", "features"]].drop_duplicates()
    assert set(keys.itertuples(index=False, name=None)) == TABLE_6
    assert len(networks) == 7 * 2 * 12
    # every item is tested once by each configuration, in the fold that holds it out
    groups = networks.groupby(["configuration", "modality", "features", "target"])
    assert (groups["item"].nunique() == 12).all()
    assert (networks.groupby("item")["fold"].nunique() == 1).all()
    assert networks["simulated"].all()
    assert networks["n"].between(50, 116).all()
    assert (networks["n_epochs"].between(1, 2)).all()
    assert networks[["rmse", "mse", "ccc", "noise_ceiling"]].notna().all().all()


def test_linear_rows_join(table):
    lasso = table[table["configuration"] == "lasso"]
    keys = lasso[["modality", "features"]].drop_duplicates()
    assert set(keys.itertuples(index=False, name=None)) == set(SETS)
    assert (lasso[["seed", "n_epochs"]] == 0).all().all()
    late = table[table["configuration"] == "late_fusion"]
    both = late.merge(
        lasso, on=["modality", "features", "target", "item", "repeat"], suffixes=("", "_lasso")
    )
    assert len(both) == len(late)
    for column in ("fold", "n", "noise_ceiling"):
        np.testing.assert_array_equal(both[column], both[f"{column}_lasso"])


def test_summaries_and_tests_follow(table):
    means = summarise(table)
    pair = table[(table["configuration"] == "pair") & (table["target"] == "valence")]
    row = means[
        (means["configuration"] == "pair")
        & (means["target"] == "valence")
        & (means["metric"] == "ccc")
    ]
    assert row["mean"].item() == pytest.approx(pair["ccc"].mean())
    published = mv.compare_published(means, "compare_architectures")
    # mean and deviation of RMSE and CCC of each configuration and target
    assert len(published) == 7 * 2 * 2 * 2
    assert published["estimate"].notna().all()
    tests = paired_tests(table)
    assert {("pair", "lasso"), ("pair", "late_fusion")} <= set(
        tests[["group1", "group2"]].itertuples(index=False, name=None)
    )


def test_networks_in_place_of_a_study(small_study, tiny_protocol, train):
    models = train(small_study, "late_fusion", protocol=tiny_protocol(), n_seeds=2)
    frame = compare_architectures(models, linear=False)
    assert len(frame) == 12 * 2
    (fit,) = models.fits
    inputs = models.inputs
    # predictions are averaged over seeds before they are scored
    runs = [run for run in models.runs if run.unit.fold == 1]
    np.testing.assert_allclose(
        fit.fitted[runs[0].trained.rows],
        (runs[0].trained.fitted + runs[1].trained.fitted) / 2,
    )
    # scores of a row, by hand
    run, name = runs[0], inputs.items[inputs.item[runs[0].trained.rows[0]]]
    rows = run.trained.rows[inputs.item[run.trained.rows] == inputs.items.index(name)]
    gold = inputs.gold[0, inputs.modalities.index("audiovisual"), rows]
    guess = run.trained.fitted[: len(rows)]
    row = frame[(frame["item"] == name) & (frame["seed"] == 1)].iloc[0]
    assert row["mse"] == pytest.approx(np.mean((gold - guess) ** 2))
    covariance = np.mean((gold - gold.mean()) * (guess - guess.mean()))
    ccc = 2 * covariance / (gold.var() + guess.var() + (gold.mean() - guess.mean()) ** 2)
    assert row["ccc"] == pytest.approx(ccc)
    table = models.augment()
    np.testing.assert_allclose(table["residual"], table["observed"] - table["fitted"])
    assert len(table) == models.scored.sum()


def test_released_protocol(small_study, tiny_protocol, one_backend):
    frame = compare_architectures(
        small_study,
        dimension=["arousal"],
        configurations=["unimodal", "pair"],
        protocol=tiny_protocol("released", max_epochs=1),
        backend=one_backend,
        n_jobs=1,
        cache=False,
        linear=False,
        progress=False,
    )
    pair = frame[frame["configuration"] == "pair"]
    assert len(pair) == 6  # half of each fold of four
    np.testing.assert_array_equal(frame["rmse"], frame["mse"])
    assert pair["warning"].str.contains("rmse holds the mean squared error").all()
    assert pair["warning"].str.contains("transferred networks were trained on tested").all()
    mixed = pair["warning"].str.contains("mixes two items")
    assert (pair["fold"].map(pair.groupby("fold").size()) > 1).any()
    assert mixed.tolist() == pair.duplicated("fold").tolist()
    assert (pair["n"] == 111).sum() >= 3


def test_the_paper_says_where_it_stops(small_study, tiny_protocol, one_backend):
    frame = compare_architectures(
        small_study,
        dimension=["arousal"],
        configurations=["early_fusion"],
        protocol=tiny_protocol("paper", max_epochs=1),
        backend=one_backend,
        n_jobs=1,
        cache=False,
        linear=False,
        progress=False,
    )
    assert len(frame) == 12
    assert frame["warning"].str.contains("stops at the loss of the tested items").all()


def test_repeats_and_seeds(small_study, tiny_protocol, one_backend):
    frame = compare_architectures(
        small_study,
        dimension=["arousal"],
        configurations=["early_fusion"],
        protocol=tiny_protocol(max_epochs=1),
        backend=one_backend,
        n_jobs=1,
        cache=False,
        linear=True,
        progress=False,
        n_seeds=2,
        n_repeats=2,
    )
    networks = frame[frame["configuration"] == "early_fusion"]
    assert len(networks) == 12 * 2 * 2
    folds = networks[networks["seed"] == 1].pivot(index="item", columns="repeat", values="fold")
    assert not (folds[1] == folds[2]).all()
    lasso = frame[(frame["configuration"] == "lasso") & (frame["features"] == "audio_visual")]
    theirs = lasso.pivot(index="item", columns="repeat", values="fold")
    np.testing.assert_array_equal(theirs.loc[folds.index], folds)


def test_real_audio_features(corrected, tiny_protocol, one_backend):
    """Real emobase features of 15 items; ratings and visual features are simulated."""
    audio = corrected["features/audio"].to_dataset().isel(item=slice(0, 15))
    items = audio["item"].values.astype(str)
    made = mv.simulate_muvi(rng=2, n_items=15, n_participants=15)
    names = made["items/item"].values.astype(str)
    renamed = dict(zip(names, items, strict=True))
    audio = audio.assign_coords(item=[{v: k for k, v in renamed.items()}[name] for name in items])
    study = mv.with_features(made, audio, kind="audio", overwrite=True)
    frame = compare_architectures(
        study,
        dimension=["valence"],
        configurations=["pair"],
        protocol=tiny_protocol(max_epochs=2),
        backend=one_backend,
        n_jobs=1,
        cache=False,
        linear=False,
        progress=False,
    )
    assert len(frame) == 15
    assert frame[["rmse", "ccc"]].notna().all().all()

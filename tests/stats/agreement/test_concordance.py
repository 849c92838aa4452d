"""EWE and inter-rater concordance as their user calls them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import stats

import muvistats as mv
from muvistats.dataset.build import assemble
from muvistats.kernels.raters.agreement import ccc, ewe, leave_one_out_ccc


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
    frame = mv.interrater_ccc(study, dimension=name, level="annotation")
    assert_allclose(frame["ccc"], by_hand(study, name), rtol=1e-12)
    assert frame["participant"].tolist() == study["annotations/participant"].values.tolist()
    assert frame["item"].tolist() == study["annotations/item"].values.tolist()
    assert (frame[["n_items", "n_participants"]] == 1).all(axis=None)  # an annotation each


def test_excluded_annotations_are_no_raters(tiny):
    mask = np.zeros(tiny["annotations"].sizes["annotation"], dtype=bool)
    mask[0] = True
    frame = mv.interrater_ccc(
        mv.exclude(tiny, mask, reason="test"), dimension="arousal", level="annotation"
    )
    assert np.isnan(frame["ccc"].iloc[0])
    assert frame["warning"].iloc[0] == "excluded"
    # two raters in each cell of the tiny study: the other one is alone now
    assert np.isnan(frame["ccc"].iloc[1])
    assert frame["warning"].iloc[1] == "no other rater"
    assert frame["ccc"].iloc[2:].notna().all()


def test_two_raters_agree_with_each_other(tiny):
    frame = mv.interrater_ccc(tiny, dimension="valence", level="annotation", ddof=1)
    values = tiny["annotations/valence"].to_numpy()
    assert_allclose(frame["ccc"].iloc[0], ccc(values[0], values[1], ddof=1), rtol=1e-12)


def test_modality_level_summarises_the_annotations(study):
    rows = mv.interrater_ccc(study, level="annotation")
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
    rows = mv.interrater_ccc(study, dimension="arousal", level="annotation").dropna(subset="ccc")
    by_item = rows.groupby("item")["ccc"].agg(["sum", "size"])
    mean = rows["ccc"].mean()
    residual = by_item["sum"] - mean * by_item["size"]
    expected = np.sqrt((residual**2).sum()) / len(rows)
    table = mv.interrater_ccc(
        study, dimension="arousal", level="modality", cluster="item", n_resamples=4000, rng=1
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
    from muvistats.stats.shared import cells as _cells

    monkeypatch.setattr(_cells, "_BLOCK", 100)  # many blocks even in a small study
    store = tmp_path / "study.zarr"
    mv.save_dataset(study, store)
    lazy = mv.open_dataset(store, chunks={"annotation": 70})
    pd.testing.assert_frame_equal(
        mv.interrater_ccc(lazy, level="annotation"), mv.interrater_ccc(study, level="annotation")
    )
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
        mv.interrater_ccc(static, level="annotation")
    with pytest.raises(mv.DesignError, match="level"):
        mv.interrater_ccc(tiny, level="item")


@pytest.fixture(scope="module")
def joystick(shared):
    """Real logs of 32 people on four films, on a common grid."""
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
    return pd.DataFrame(rows)


def plain_estimator(raters):
    """Weighted estimator and weights of raters x time, one rater after the other."""
    mean = raters.mean(axis=0)
    weights = []
    for rater in raters:
        moved = np.ptp(rater) > 0 and np.ptp(mean) > 0
        weights.append(max(stats.pearsonr(rater, mean).statistic, 0.0) if moved else 0.0)
    return np.average(raters, axis=0, weights=weights), np.array(weights)


def test_real_joystick_data_against_a_plain_loop(joystick):
    study = mv.from_frames(dynamics=joystick, modalities=("audiovisual",))
    estimator = mv.ewe(study)
    whose = estimator["participant"].to_numpy()
    frame = mv.interrater_ccc(study, level="annotation")
    table = mv.interrater_ccc(study, level="modality", n_resamples=50)
    for dimension in ("arousal", "valence"):
        expected = {}
        for film, part in joystick.groupby("item"):
            wide = part.pivot_table(index="participant", columns="time", values=dimension)
            raters = wide.to_numpy()
            gold, weights = plain_estimator(raters)
            cell = estimator.sel(dimension=dimension, item=film, modality="audiovisual")
            assert_allclose(cell["gold_standard"], gold, atol=1e-12)
            assert_allclose(cell["sd"], raters.std(axis=0, ddof=1), atol=1e-12)
            assert int(cell["n_raters"]) == 32
            of_film = estimator["annotation_item"].to_numpy() == film
            ours = pd.Series(cell["weight"].to_numpy()[of_film], index=whose[of_film])
            assert_allclose(ours.loc[wide.index], weights, atol=1e-12)
            for j, who in enumerate(wide.index):
                others, _ = plain_estimator(np.delete(raters, j, axis=0))
                expected[film, who] = ccc(raters[j], others)
        expected = pd.Series(expected)
        rows = frame[frame["dimension"] == dimension]
        ours = rows.set_index(["item", "participant"])["ccc"]
        assert len(ours) == len(expected) == 128
        assert_allclose(ours.loc[expected.index], expected, atol=1e-12)
        whole = table[(table["dimension"] == dimension) & (table["modality"] == "all")].iloc[0]
        assert_allclose([whole["ccc"], whole["sd"]], [expected.mean(), expected.std()], rtol=1e-10)


def cell_of(values):
    """A study with one item, one modality, one rater per row."""
    people = [f"p{p}" for p in range(len(values))]
    return assemble(
        pd.DataFrame({"item": "i", "modality": "music", "participant": people}),
        {"arousal": np.asarray(values, dtype=float)},
        participants=pd.DataFrame({"participant": people}),
        items=pd.DataFrame({"item": ["i"]}),
        time=np.arange(len(values[0])) * 0.5,
    )


LINE = np.linspace(-0.5, 0.5, 21)
REST = np.full(21, 0.1)
EMPTY = np.full(21, np.nan)
SHORT = np.where(np.arange(21) < 15, LINE**3, np.nan)
NO_WEIGHT = "the others have no positive weight, or no time step is common to all"


@pytest.mark.parametrize(
    ("values", "expected", "reasons"),
    [
        pytest.param([LINE], [np.nan], ["no other rater"], id="one rater"),
        pytest.param([LINE, LINE], [1, 1], ["", ""], id="two raters"),
        pytest.param([LINE, REST], [np.nan, 0], [NO_WEIGHT, ""], id="two, one rests"),
        pytest.param([LINE, -LINE], [-1, -1], ["", ""], id="two who mirror each other"),
        pytest.param([LINE, LINE, REST], [1, 1, 0], ["", "", ""], id="a still cursor"),
        pytest.param([REST, REST, REST], [np.nan] * 3, [NO_WEIGHT] * 3, id="nobody moves"),
        pytest.param([LINE, LINE, LINE, -LINE], [1, 1, 1, -1], [""] * 4, id="against all others"),
        pytest.param([LINE, EMPTY], [np.nan] * 2, ["no other rater", "no values"], id="no values"),
        pytest.param(
            [LINE, SHORT],
            [ccc(LINE[:15], LINE[:15] ** 3)] * 2,
            ["", ""],
            id="a tail that is missing",
        ),
        pytest.param(
            [
                np.where(np.arange(21) < 10, LINE, np.nan),
                np.where(np.arange(21) < 10, np.nan, LINE),
            ],
            [np.nan] * 2,
            [NO_WEIGHT] * 2,
            id="no common step",
        ),
    ],
)
def test_edge_cases(values, expected, reasons):
    frame = mv.interrater_ccc(cell_of(values), level="annotation")
    assert_allclose(frame["ccc"], expected, atol=1e-14)
    assert frame["warning"].fillna("").tolist() == reasons
    table = mv.interrater_ccc(cell_of(values), level="modality", n_resamples=10)
    assert table["n"].tolist() == [np.isfinite(expected).sum(), 0, 0, np.isfinite(expected).sum()]
    assert (table["warning"].fillna("") == "no concordance is defined").tolist() == [
        n == 0 for n in table["n"]
    ]


def test_edge_cases_of_the_estimator():
    one = mv.ewe(cell_of([LINE])).squeeze()
    assert_allclose(one["gold_standard"].sel(modality="music"), LINE, atol=1e-15)
    assert_allclose(one["weight"], 1)
    assert np.isnan(one["sd"]).all()
    rest = mv.ewe(cell_of([LINE, LINE, REST])).squeeze()
    assert_allclose(rest["weight"], [1, 1, 0], atol=1e-12)
    assert_allclose(rest["gold_standard"].sel(modality="music"), LINE, atol=1e-12)
    against = mv.ewe(cell_of([LINE, LINE, LINE, -LINE])).squeeze()
    assert_allclose(against["weight"], [1, 1, 1, 0], atol=1e-12)
    for nobody in ([REST, REST], [LINE, -LINE]):
        assert np.isnan(mv.ewe(cell_of(nobody))["gold_standard"]).all()
    tail = mv.ewe(cell_of([LINE, SHORT])).squeeze().sel(modality="music")["gold_standard"]
    assert np.isfinite(tail).to_numpy().tolist() == [True] * 15 + [False] * 6
    assert mv.ewe(cell_of([LINE])).sizes["item"] == 1
    assert int(mv.ewe(cell_of([LINE, EMPTY]))["n_raters"].sel(modality="music").item()) == 1


def test_local_cluster_gives_identical_numbers(study, tmp_path):
    distributed = pytest.importorskip("distributed")
    store = mv.save_dataset(study, tmp_path / "study.zarr")
    lazy = mv.open_dataset(store, chunks={"annotation": 40})
    expected = mv.interrater_ccc(study, level="annotation")
    with distributed.Client(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ):
        ours = mv.interrater_ccc(lazy, level="annotation")
    pd.testing.assert_frame_equal(ours, expected, check_exact=True)


def test_no_resamples_leave_the_limits_open(study):
    some = mv.interrater_ccc(study, level="modality", n_resamples=50)
    none = mv.interrater_ccc(study, level="modality", n_resamples=0)
    assert_allclose(none[["ccc", "sd", "n"]], some[["ccc", "sd", "n"]])
    assert none[["conf_low", "conf_high"]].isna().all(axis=None)
    assert (none["n_resamples"] == 0).all()
    assert (none["warning"] == "no interval: n_resamples is 0").all()


def test_one_item_has_no_interval_over_items(study):
    """Drawing the only item again and again gave limits without any width."""
    part = mv.select(study, item=str(study["items/item"].values[0]))
    for cluster in ("item", ("item", "participant")):
        rows = mv.interrater_ccc(part, level="modality", cluster=cluster, n_resamples=50)
        assert rows["ccc"].notna().all()
        assert rows["conf_low"].isna().all()
        assert (rows["warning"] == "no interval: there is one unit to draw").all()
    people = mv.interrater_ccc(part, level="modality", cluster="participant", n_resamples=50)
    assert (people["conf_low"] < people["conf_high"]).all()


@pytest.mark.parametrize(
    "wrong", [{"ddof": 2}, {"n_resamples": -1}, {"n_resamples": 1.5}, {"conf_level": "x"}]
)
def test_arguments_that_mean_nothing(tiny, wrong):
    with pytest.raises(mv.DesignError, match=next(iter(wrong))):
        mv.interrater_ccc(tiny, level="modality", **wrong)


@pytest.mark.parametrize(
    "function",
    [
        mv.ewe,
        mv.interrater_ccc,
        mv.noise_ceiling,
        mv.agreement_over_time,
        mv.rater_lag,
        mv.label_alignment_check,
        mv.rater_quality,
        mv.repeated_lists,
    ],
)
def test_what_is_no_study_is_refused(function, tiny):
    with pytest.raises(mv.DataError, match=r"a study is needed.*found .DataFrame."):
        function(mv.annotation_frame(tiny))
    with pytest.raises(mv.DataError, match="this is no study"):
        function(xr.DataTree())

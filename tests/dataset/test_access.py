"""select, indexed, to_cube, to_long, annotation_frame, dimensions_of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats import (
    DataError,
    annotation_frame,
    exclude,
    indexed,
    select,
    to_cube,
    to_long,
    validate,
)
from muvistats.dataset import access
from muvistats.dataset.access import dimensions_of
from muvistats.dataset.build import Features, assemble
from muvistats.dataset.schema import decode_levels


@pytest.fixture
def mixed() -> xr.DataTree:
    """A static and a dynamic dimension, gaps, features and a truth group over annotations."""
    return assemble(
        pd.DataFrame(
            {
                "item": ["a", "a", "b"],
                "modality": ["music", "visual", "music"],
                "participant": ["1", "2", "1"],
                "note": ["x", None, "y"],
                "rank": [4, 5, 6],
            }
        ),
        {
            "arousal": np.array([[0.0, np.nan, 0.4], [np.nan] * 3, [1.0, -1.0, np.nan]]),
            "tension": np.array([0.1, 0.2, np.nan]),
        },
        participants=pd.DataFrame({"participant": ["1", "2"], "gender": ["f", None]}),
        items=pd.DataFrame({"item": ["a", "b"], "year": [1999, 2001]}),
        time=np.array([0.0, 0.5, 1.0]),
        features={"audio": Features(np.ones((2, 3, 1)), ["a", "b"], ["f"], ["x"])},
        truth=xr.Dataset({"effect": ("annotation", [1.0, 2.0, 3.0])}),
        modalities=("music", "visual"),
    )


def test_dimensions_of(tiny, mixed):
    assert dimensions_of(tiny) == ["arousal", "valence"]
    assert dimensions_of(mixed) == ["arousal", "tension"]


def test_select_filters_every_group(mixed):
    some = select(exclude(mixed, np.array([True, False, True]), reason="x"), item="b")
    validate(some)
    assert some["annotations/item"].values.tolist() == ["b"]
    assert some["annotations/annotation"].values.tolist() == [0]
    assert some["items/item"].values.tolist() == ["b"]
    assert some["features/audio/item"].values.tolist() == ["b"]
    assert some["truth/effect"].values.tolist() == [3.0]
    assert some["exclusions/annotation"].values.tolist() == [0]
    assert some["exclusions/item"].values.tolist() == ["b"]
    assert some["participants/participant"].values.tolist() == ["1", "2"]
    assert some.attrs == mixed.attrs


def test_select_modality_narrows_the_levels_of_the_selection_only(tiny):
    some = select(tiny, modality=["visual", "music"])
    assert decode_levels(some["annotations/modality"].attrs["levels"]) == ("music", "visual")
    assert len(decode_levels(tiny["annotations/modality"].attrs["levels"])) == 3
    kept = tiny["annotations/modality"].values != "audiovisual"
    np.testing.assert_array_equal(
        some["annotations/arousal"], tiny["annotations/arousal"].values[kept]
    )
    assert annotation_frame(some)["modality"].cat.categories.tolist() == ["music", "visual"]


def test_select_combines_keys_and_takes_numbers(tiny):
    some = select(tiny, participant=[0, 3], item="c_1")
    assert some["annotations/participant"].values.tolist() == ["0", "3"]
    assert some["participants/participant"].values.tolist() == ["0", "3"]


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"item": "zz"}, "item is not in the study"),
        ({"modality": ["music", "smell"]}, "modality is not in the study"),
        ({"participant": "9"}, "participant is not in the study"),
        ({"item": []}, "no annotation is left"),
        ({"item": "b_1", "participant": "0", "modality": "visual"}, "no annotation is left"),
    ],
)
def test_select_refuses(tiny, wanted, problem):
    with pytest.raises(DataError, match=problem):
        select(tiny, **wanted)


def test_indexed(tiny):
    view = indexed(tiny)
    one = view.sel(item="a_1", modality="music", participant="2")
    frame = annotation_frame(tiny)
    row = frame.index[
        (frame["item"] == "a_1") & (frame["modality"] == "music") & (frame["participant"] == "2")
    ]
    np.testing.assert_array_equal(
        one["arousal"].values.ravel(), tiny["annotations/arousal"].values[row].ravel()
    )


def test_to_cube_holds_every_value_once(mixed):
    cube = to_cube(mixed)
    assert cube["arousal"].dims == ("item", "modality", "participant", "time")
    annotations = mixed["annotations"]
    for n in range(3):
        cell = {key: str(annotations[key].values[n]) for key in ("item", "modality", "participant")}
        np.testing.assert_array_equal(cube["arousal"].sel(cell), annotations["arousal"].values[n])
        np.testing.assert_array_equal(cube["tension"].sel(cell), annotations["tension"].values[n])
        assert cube["rank"].sel(cell).item() == annotations["rank"].values[n]
        assert cube["keep_dynamic"].sel(cell).item()
    assert cube["rank"].notnull().sum() == 3  # noqa: PD004
    assert cube["keep_dynamic"].sum() == 3
    assert set(cube["note"].values.ravel()) == {"x", "", "y"}


def test_to_cube_flags_and_limit(tiny, monkeypatch):
    cube = to_cube(tiny)
    assert cube["familiar"].dtype == np.int8
    assert (cube["familiar"] == -1).sum() == 4 * 3 * 6 - 24
    monkeypatch.setattr(access, "_CUBE_LIMIT", 1000)
    with pytest.raises(DataError, match="too large"):
        to_cube(tiny)


def test_to_long(tiny, mixed):
    table = to_long(tiny)
    assert table.columns.tolist() == [
        "item",
        "modality",
        "participant",
        "time",
        "arousal",
        "valence",
        "alignment",
        "simulated",
    ]
    assert len(table) == 24 * 8
    assert table["modality"].cat.categories.tolist() == ["music", "visual", "audiovisual"]
    assert table["alignment"].unique().tolist() == ["as_recorded"]
    assert not table["simulated"].any()
    np.testing.assert_array_equal(table["valence"], tiny["annotations/valence"].values.ravel())
    gaps = to_long(mixed)
    assert gaps.columns.tolist()[3:5] == ["time", "arousal"]
    assert gaps["time"].tolist() == [0.0, 0.5, 1.0, 0.0, 0.5]  # holes stay, padding goes
    assert gaps["item"].tolist() == ["a", "a", "a", "b", "b"]
    assert gaps["arousal"].fillna(9.0).tolist() == [0.0, 9.0, 0.4, 1.0, -1.0]


def test_to_long_of_static_dimensions(mixed):
    static = mixed.copy()
    static["annotations"] = static["annotations"].to_dataset().drop_vars("arousal")
    table = to_long(static)
    assert table.columns.tolist()[2:] == ["participant", "tension", "alignment", "simulated"]
    assert table["tension"].tolist() == [0.1, 0.2]
    static["annotations"] = static["annotations"].to_dataset().drop_vars("tension")
    with pytest.raises(DataError, match="no rated dimension"):
        to_long(static)


def test_annotation_frame_of_a_mixed_study(mixed):
    frame = annotation_frame(mixed)
    assert frame["arousal"].tolist()[::2] == [0.2, 0.0]
    assert np.isnan(frame["arousal"].iloc[1])
    assert frame["tension"].tolist()[:2] == [0.1, 0.2]
    assert frame["note"].isna().tolist() == [False, True, False]
    assert frame["gender"].isna().tolist() == [False, True, False]
    assert frame["year"].tolist() == [1999, 1999, 2001]
    assert "n_labels" not in frame
    ways = {"modality": "within_item", "gender": "participant", "year": "item"}
    assert frame.attrs["assigned"] == ways
    mean = annotation_frame(mixed, summary="mean")
    assert mean["arousal"].iloc[0] == pytest.approx(0.2)


def test_annotation_frame_values_flags_and_masks(tiny):
    frame = annotation_frame(tiny)
    annotations = tiny["annotations"].to_dataset()
    np.testing.assert_array_equal(frame["arousal"], np.median(annotations["arousal"], axis=1))
    np.testing.assert_array_equal(frame["n_labels"], annotations["labels"].values.sum(axis=1))
    np.testing.assert_array_equal(frame["calm"], annotations["labels"].sel(label="calm"))
    assert frame["familiar"].cat.categories.tolist() == ["unfamiliar", "familiar"]
    np.testing.assert_array_equal(frame["familiar"].cat.codes, annotations["familiar"])
    music = frame["modality"] == "music"
    assert frame["overlay"].isna().equals(music)
    assert frame["alignment"].unique().tolist() == ["as_recorded"]
    assert not frame["simulated"].any()
    assert frame.loc[frame["participant"] == "3", "years_of_training"].unique().tolist() == [10.0]
    less = exclude(tiny, np.arange(24) < 2, reason="x", what="labels")
    masked = annotation_frame(less)
    assert masked["sad"].isna().tolist() == [True] * 2 + [False] * 22
    assert masked["n_labels"].isna().tolist() == [True] * 2 + [False] * 22
    assert masked["arousal"].notna().all()
    pd.testing.assert_frame_equal(
        annotation_frame(less, masks=False).drop(columns="keep_labels"),
        frame.drop(columns="keep_labels"),
    )


def test_views_leave_the_study_alone(tiny):
    before = tiny.copy(deep=True)
    annotation_frame(tiny)
    to_cube(tiny)
    indexed(tiny)
    select(tiny, modality="music")
    to_long(tiny)
    xr.testing.assert_identical(tiny, before)


def test_select_by_a_formula_and_by_traits(study):
    part = mv.select(study, where="gender == 'Female' and years_of_training > 3")
    frame = mv.annotation_frame(study)
    true = (frame["gender"] == "Female") & (frame["years_of_training"] > 3)
    assert part["annotations"].sizes["annotation"] == true.sum() > 0
    assert set(part["participants/participant"].to_numpy()) == set(frame["participant"][true])
    mv.validate(part)
    same = mv.select(study, where={"gender": "Female"}, modality="music")
    kept = (frame["gender"] == "Female") & (frame["modality"] == "music")
    assert same["annotations"].sizes["annotation"] == kept.sum()
    several = mv.select(study, where={"gender": ["Female", "Male"], "familiar": "familiar"})
    assert (mv.annotation_frame(several)["familiar"] == "familiar").all()


def test_a_trait_that_is_not_known_is_not_true(tiny):
    """Participant 4 has no age."""
    for where in ("age > 0", "age < 100"):
        kept = mv.select(tiny, where=where)["participants/participant"].to_numpy()
        assert "4" not in kept
        assert len(kept) == 5
    assert mv.select(tiny, where={"age": 20})["participants/participant"].to_numpy() == ["0"]


@pytest.mark.parametrize(
    ("where", "error", "words"),
    [
        ("arousal", mv.DesignError, "not true or false"),
        ("nobody > 2", mv.DesignError, "no column 'nobody'"),
        ({"nobody": 1}, mv.DesignError, "has no 'nobody'"),
        ({"gender": "x"}, mv.DataError, "no annotation has this level"),
        (3, mv.DesignError, "neither a formula nor traits"),
        ("age > 99", mv.DataError, "no annotation is left"),
    ],
)
def test_selections_that_say_nothing_are_refused(tiny, where, error, words):
    with pytest.raises(error, match=words):
        mv.select(tiny, where=where)

"""from_frames: what it builds, what it refuses, and how it says so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from muvistats import DataError, annotation_frame, from_frames, to_long, validate

FILMS = ("audiovisual",)


def long_table() -> pd.DataFrame:
    """Two people, two films, one film shorter, liking on 1..9."""
    rows = [
        (who, film, step * 0.5, value)
        for who, film, values in (
            ("p2", "f10", [1.0, 5.0, 9.0]),
            ("p10", "f10", [3.0, 3.0, 4.0]),
            ("p2", "f9", [7.0, 8.0]),
        )
        for step, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["who", "film", "t", "x"])


COLUMNS = {"participant": "who", "item": "film", "time": "t", "liking": "x"}


def build(dynamics: pd.DataFrame, **more: object) -> xr.DataTree:
    settings = {
        "columns": COLUMNS,
        "dimensions": ["liking"],
        "scale": (1, 9),
        "modalities": FILMS,
    }
    return from_frames(dynamics=dynamics, **{**settings, **more})


def error(**more: object) -> DataError:
    with pytest.raises(DataError) as info:
        from_frames(**more)
    return info.value


def test_own_names_scale_ragged_lengths_and_natural_order():
    study = build(long_table(), study="films", source="a lab")
    annotations = study["annotations"]
    assert annotations["item"].values.tolist() == ["f9", "f10", "f10"]
    assert annotations["participant"].values.tolist() == ["p2", "p2", "p10"]
    assert annotations["modality"].values.tolist() == ["audiovisual"] * 3
    expected = [[7.0, 8.0, np.nan], [1.0, 5.0, 9.0], [3.0, 3.0, 4.0]]
    np.testing.assert_array_equal(annotations["liking"].values, expected)
    np.testing.assert_array_equal(annotations["time"].values, [0.0, 0.5, 1.0])
    attrs = annotations["liking"].attrs
    assert (attrs["scale_min"], attrs["scale_max"]) == (1.0, 9.0)
    assert study.attrs["study"] == "films"
    assert study.attrs["source"] == "a lab"
    assert study.attrs["label_alignment"] == "as_recorded"
    assert study["log"].sizes["entry"] == 0


def test_scale_by_dimension_and_static_beside_dynamic():
    frame = long_table().assign(arousal=0.25)
    keys = frame[["who", "film"]].drop_duplicates().assign(tension=[0, 100, 50])
    study = from_frames(
        keys,
        dynamics=frame,
        columns={"participant": "who", "item": "film", "time": "t", "valence": "x"},
        dimensions=["arousal", "valence", "tension"],
        scale={"arousal": (-1, 1), "valence": (1, 9), "tension": (0, 100)},
        modalities=FILMS,
    )
    assert study["annotations/tension"].dims == ("annotation",)
    assert study["annotations/tension"].values.tolist() == [50.0, 0.0, 100.0]
    assert study["annotations/valence"].values[1].tolist() == [1.0, 5.0, 9.0]
    assert study["annotations/arousal"].attrs["scale_min"] == -1.0
    assert study["annotations/tension"].attrs["scale_max"] == 100.0


def test_grid_starts_late_and_has_a_hole():
    frame = pd.DataFrame(
        {
            "item": "a",
            "participant": ["1"] * 3 + ["2"] * 4,
            "time": [1.0, 1.5, 3.0, 1.0, 1.5, 2.5, 3.0],
            "valence": [0.1, 0.2, 0.5, 0.0, 0.0, 0.0, 0.0],
        }
    )
    study = from_frames(dynamics=frame, modalities=FILMS)
    np.testing.assert_array_equal(study["annotations/time"].values, [1.0, 1.5, 2.0, 2.5, 3.0])
    np.testing.assert_array_equal(
        study["annotations/valence"].values[0], [0.1, 0.2, np.nan, np.nan, 0.5]
    )


def test_rounded_time_stamps_are_a_grid():
    time = np.round(np.arange(600) / 3, 3)
    frame = pd.DataFrame({"item": "a", "participant": "1", "time": time, "valence": 0.0})
    study = from_frames(dynamics=frame, modalities=FILMS)
    np.testing.assert_array_equal(study["annotations/time"].values, time)


def test_labels_flags_factors_and_masks():
    frame = pd.DataFrame(
        {
            "item": ["b", "a", "a"],
            "modality": ["visual", "music", "visual"],
            "participant": [1.0, 1.0, 2.0],
            "trial": [2, 1, 1],
            "familiar": ["unfamiliar", "familiar", None],
            "overlay": [1, np.nan, 0],
            "keep_dynamic": [True, False, True],
            "headphones": ["open", None, "closed"],
            "arousal": [0.1, 0.2, np.nan],
            "Joy": [1, 0, np.nan],
            "Fear": [True, False, True],
        }
    )
    people = pd.DataFrame(
        {
            "participant": ["2", "1"],
            "age": [30, np.nan],
            "gender": ["Female", None],
            "overlay_preference": ["overlaid", "side_by_side"],
            "country": ["NA", "FI"],
        }
    )
    study = from_frames(
        frame,
        participants=people,
        items=pd.DataFrame({"item": ["b", "a"], "genre": ["pop", "rock"]}),
        labels=pd.DataFrame(
            {"label": ["Joy", "Fear"], "category": ["plus", None], "superfactor": ["s", "t"]}
        ),
        assigned={"headphones": "observed"},
    )
    annotations = study["annotations"]
    assert annotations["item"].values.tolist() == ["b", "a", "a"]
    assert annotations["participant"].values.tolist() == ["1", "1", "2"]
    assert annotations["labels"].values.tolist() == [[1, 1], [0, 0], [-1, 1]]
    assert annotations["labels"].dtype == np.int8
    assert annotations["label_category"].values.tolist() == ["plus", ""]
    assert annotations["familiar"].values.tolist() == [0, 1, -1]
    assert annotations["overlay"].values.tolist() == [1, -1, 0]
    assert annotations["headphones"].values.tolist() == ["open", "", "closed"]
    assert annotations["headphones"].attrs["assigned"] == "observed"
    assert annotations["trial"].dtype == np.int64
    assert annotations["keep_dynamic"].values.tolist() == [True, False, True]
    assert study["exclusions/annotation"].values.tolist() == [1]
    assert study["exclusions/reason"].values.tolist() == ["marked as excluded in the table"]
    assert study["participants/participant"].values.tolist() == ["2", "1"]
    assert study["participants/overlay_preference"].values.tolist() == [1, 0]
    assert study["participants/country"].values.tolist() == ["NA", "FI"]
    view = annotation_frame(study)
    assert view["Joy"].tolist()[:2] == [1.0, 0.0]
    assert view["Fear"].tolist() == [1.0, 0.0, 1.0]
    assert view["arousal"].isna().tolist() == [False, True, True]


def test_columns_of_people_are_renamed_where_they_belong():
    frame = pd.DataFrame({"who": ["1"], "film": ["a"], "x": [0.5]})
    people = pd.DataFrame({"who": ["1"], "years": [30], "x": ["left-handed"], "land": ["FI"]})
    columns = {"participant": "who", "item": "film", "valence": "x", "age": "years"}
    study = from_frames(
        frame,
        participants=people,
        columns={**columns, "country": "land"},
        modalities=FILMS,
    )
    assert study["participants/age"].values.tolist() == [30.0]
    assert study["participants/country"].values.tolist() == ["FI"]
    assert study["participants/x"].values.tolist() == ["left-handed"]
    assert study["annotations/valence"].values.tolist() == [0.5]


def test_label_names_alone():
    frame = pd.DataFrame({"item": ["a"], "participant": ["1"], "valence": [0.0], "joy": [1]})
    study = from_frames(frame, labels=["joy"], modalities=FILMS)
    assert study["annotations/label"].values.tolist() == ["joy"]
    assert study["annotations/label_name"].values.tolist() == ["joy"]


def test_long_table_and_annotations_rebuild_the_study(tiny):
    frame = annotation_frame(tiny, masks=False)
    labels = tiny["annotations/label"].values.tolist()
    again = from_frames(
        frame[["item", "modality", "participant", "trial", "familiar", "overlay", *labels]],
        dynamics=to_long(tiny),
        participants=frame[["participant", "age", "gender", "years_of_training"]]
        .drop_duplicates()
        .merge(
            tiny["participants"].to_dataset().to_dataframe()["overlay_preference"].reset_index()
        ),
        items=pd.DataFrame({"item": tiny["items/item"].values}),
        labels=pd.DataFrame(
            {
                "label": labels,
                "label_name": tiny["annotations/label_name"].values,
                "category": tiny["annotations/label_category"].values,
                "superfactor": tiny["annotations/label_superfactor"].values,
            }
        ),
        study="tiny",
    )
    xr.testing.assert_identical(again["annotations"].to_dataset(), tiny["annotations"].to_dataset())
    assert again.attrs == tiny.attrs
    people = again["participants"].to_dataset().sel(participant=tiny["participants/participant"])
    xr.testing.assert_identical(people, tiny["participants"].to_dataset())


def test_values_beyond_the_scale_are_named():
    frame = long_table()
    frame.loc[[2, 7], "x"] = [9.5, 0.5]
    with pytest.raises(DataError) as info:
        build(frame)
    assert info.value.file == "dynamics"
    assert info.value.row == 2
    assert info.value.column == "x (liking)"
    assert info.value.found == 9.5
    assert "2 values beyond the scale 1 to 9, by 1 participants (p2) on 2 items" in str(info.value)
    assert "the first by p2 on f10" in str(info.value)


def test_clip_moves_values_and_logs_them():
    frame = long_table()
    frame.loc[[2, 7], "x"] = [9.5, 0.5]
    study = build(frame, out_of_scale="clip")
    assert study["annotations/liking"].values[0, 1] == 1.0
    assert study["annotations/liking"].values[1, 2] == 9.0
    assert study["log/action"].values[0] == (
        "values of liking beyond the scale 1 to 9 moved to its ends; participants p2"
    )
    assert study["log/count"].values[0] == 2
    assert study["annotations/keep_dynamic"].values.all()
    assert study["exclusions"].sizes["exclusion"] == 0


def test_exclude_masks_the_annotation_and_drops_the_value():
    frame = long_table()
    frame.loc[2, "x"] = 12
    study = build(frame, out_of_scale="exclude")
    assert study["annotations/keep_dynamic"].values.tolist() == [True, False, True]
    np.testing.assert_array_equal(study["annotations/liking"].values[1], [1.0, 5.0, np.nan])
    row = study["exclusions"].to_dataset().to_dataframe().iloc[0].to_dict()
    assert row == {
        "annotation": 1,
        "item": "f10",
        "modality": "audiovisual",
        "participant": "p2",
        "mask": "keep_dynamic",
        "reason": "1 values of liking beyond the scale 1 to 9",
    }


def test_exclusions_stand_in_the_order_of_the_annotations():
    frame = long_table()
    frame.loc[[0, 3, 6], "x"] = 12
    study = build(frame, out_of_scale="exclude")
    assert study["exclusions/annotation"].values.tolist() == [0, 1, 2]
    assert study["exclusions/participant"].values.tolist() == ["p2", "p2", "p10"]


def test_static_values_beyond_the_scale():
    frame = pd.DataFrame({"item": "a", "participant": ["1", "2"], "liking": [10, 3]})
    settings = {"dimensions": ["liking"], "scale": (1, 9), "modalities": FILMS}
    assert error(annotations=frame, **settings).found == 10.0
    study = from_frames(frame, out_of_scale="exclude", **settings)
    assert study["annotations/keep_dynamic"].values.tolist() == [False, True]
    np.testing.assert_array_equal(study["annotations/liking"].values, [np.nan, 3.0])


def test_rounding_at_the_end_of_the_scale_is_no_error():
    frame = pd.DataFrame({"item": "a", "participant": "1", "valence": [1 + 1e-12]})
    study = from_frames(frame, modalities=FILMS)
    assert study["annotations/valence"].values.tolist() == [1.0]


def test_unused_columns_and_annotations_without_recording_are_logged():
    frame = long_table().assign(pupil=1.0)
    keys = pd.DataFrame({"who": ["p2", "p10", "p2", "p1"], "film": ["f9", "f10", "f10", "f9"]})
    study = build(frame, annotations=keys)
    log = dict(zip(study["log/action"].values, study["log/count"].values, strict=True))
    assert log["columns not used: pupil"] == 1
    assert log["annotations without a recording: values missing"] == 1
    assert np.isnan(study["annotations/liking"].values[0]).all()


# -- what is refused -----------------------------------------------------------------------------

BASE = pd.DataFrame(
    {
        "item": ["a", "a", "b"],
        "modality": ["music", "visual", "music"],
        "participant": ["1", "1", "2"],
        "valence": [0.0, 0.5, -0.5],
        "joy": [0, 1, 0],
    },
    index=["r0", "r1", "r2"],
)


def broken(column: str, row: str, value: object) -> pd.DataFrame:
    frame = BASE.astype({column: "object"})
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("given", "problem", "where"),
    [
        (
            {"annotations": BASE.drop(columns="item")},
            "column is missing",
            ("annotations", None, "item"),
        ),
        (
            {"annotations": BASE.drop(columns="modality")},
            'modality="..." the one that says',
            ("annotations", "r1", "item"),
        ),
        (
            {"annotations": BASE.drop(columns="valence")},
            "no rated dimension",
            ("annotations", None, None),
        ),
        (
            {"annotations": BASE, "dimensions": ["calm"]},
            "column is missing",
            ("annotations", None, "calm"),
        ),
        ({"annotations": BASE.iloc[:0]}, "table has no rows", ("annotations", None, None)),
        ({"annotations": [1, 2]}, "not a table", ("annotations", None, None)),
        ({}, "neither annotations nor dynamics", (None, None, None)),
        (
            {"annotations": broken("modality", "r1", "film")},
            "unknown modality",
            ("annotations", "r1", "modality"),
        ),
        (
            {"annotations": broken("participant", "r2", np.nan)},
            "key is empty",
            ("annotations", "r2", "participant"),
        ),
        ({"annotations": broken("item", "r1", "")}, "key is empty", ("annotations", "r1", "item")),
        (
            {"annotations": pd.concat([BASE, BASE.loc[["r2"]]])},
            "annotation stands twice",
            ("annotations", "r2", "item"),
        ),
        (
            {"annotations": broken("valence", "r1", np.inf)},
            "infinite",
            ("annotations", "r1", "valence"),
        ),
        (
            {"annotations": broken("valence", "r1", "high")},
            "not a number",
            ("annotations", "r1", "valence"),
        ),
        (
            {"annotations": broken("valence", "r2", -1.5)},
            "beyond the scale",
            ("annotations", "r2", "valence"),
        ),
        (
            {"annotations": broken("joy", "r0", 2), "labels": ["joy"]},
            "label is not 0 or 1",
            ("annotations", "r0", "joy"),
        ),
        (
            {"annotations": broken("joy", "r0", 0.5), "labels": ["joy"]},
            "label is not 0 or 1",
            ("annotations", "r0", "joy"),
        ),
        (
            {"annotations": broken("joy", "r0", "yes"), "labels": ["joy"]},
            "label is not 0 or 1",
            ("annotations", "r0", "joy"),
        ),
        (
            {"annotations": BASE, "labels": ["fear"]},
            "column is missing",
            ("annotations", None, "fear"),
        ),
        (
            {"annotations": BASE.assign(familiar="often")},
            "not a known flag",
            ("annotations", "r0", "familiar"),
        ),
        (
            {"annotations": BASE.assign(trial=1.5)},
            "not a whole number",
            ("annotations", "r0", "trial"),
        ),
        ({"annotations": BASE.assign(time=0.0)}, "another meaning", ("annotations", None, "time")),
        (
            {"annotations": BASE, "participants": pd.DataFrame({"participant": ["1"]})},
            "no profile",
            ("annotations", "r2", "participant"),
        ),
        (
            {"annotations": BASE, "participants": pd.DataFrame({"participant": ["1", "2", "1"]})},
            "stands twice",
            ("participants", 2, "participant"),
        ),
        (
            {"annotations": BASE, "items": pd.DataFrame({"item": ["b"]})},
            "not in the list",
            ("annotations", "r0", "item"),
        ),
        (
            {"annotations": BASE, "items": pd.DataFrame({"name": ["b"]})},
            "column is missing",
            ("items", None, "item"),
        ),
        ({"annotations": BASE, "scale": (9, 1)}, "not a scale", ("scale", None, None)),
        (
            {"annotations": BASE, "scale": {"arousal": (1, 9)}},
            "no scale",
            ("scale", None, "valence"),
        ),
        (
            {"annotations": BASE, "out_of_scale": "ignore"},
            "unknown treatment",
            ("out_of_scale", None, None),
        ),
        (
            {"annotations": BASE, "assigned": {"joy": "by chance"}},
            "unknown assignment",
            ("assigned", None, "joy"),
        ),
        (
            {"annotations": BASE, "assigned": {"nothing": "observed"}},
            "no table has",
            ("assigned", None, "nothing"),
        ),
        (
            {"annotations": BASE, "columns": {"item": "film"}},
            "no table has",
            ("columns", None, "film"),
        ),
        (
            {"annotations": BASE, "columns": {"arousal": "joy", "item": "joy"}},
            "two names",
            ("columns", None, None),
        ),
        (
            {"annotations": BASE, "columns": {"valence": "joy"}},
            "another column is called so",
            ("annotations", None, "joy (valence)"),
        ),
        (
            {
                "annotations": BASE,
                "participants": pd.DataFrame({"participant": ["1", "2"], "age": ["old", "9"]}),
            },
            "not a number",
            ("participants", 0, "age"),
        ),
    ],
)
def test_bad_annotations(given, problem, where):
    wrong = error(**given)
    assert problem in str(wrong)
    assert (wrong.file, wrong.row, wrong.column) == where


DYNAMICS = pd.DataFrame(
    {
        "item": "a",
        "modality": "music",
        "participant": np.repeat(["1", "2"], 3),
        "time": [0.0, 0.5, 1.0] * 2,
        "valence": 0.0,
    }
)


@pytest.mark.parametrize(
    ("column", "row", "value", "problem"),
    [
        ("time", 1, np.nan, "value is missing"),
        ("time", 1, np.inf, "infinite"),
        ("time", 1, 1.0, "time stamp stands twice"),
        ("time", 1, 0.7, "not on one regular grid"),
        ("valence", 4, -np.inf, "infinite"),
        ("valence", 4, 1.01, "beyond the scale"),
        ("participant", 4, None, "key is empty"),
        ("modality", 4, "smell", "unknown modality"),
    ],
)
def test_bad_dynamics(column, row, value, problem):
    frame = DYNAMICS.copy()
    frame.loc[row, column] = value
    wrong = error(dynamics=frame)
    assert problem in str(wrong)
    assert (wrong.file, wrong.column) == ("dynamics", column)
    assert wrong.row == (2 if value == 1.0 else row)


def test_recording_without_annotation():
    keys = DYNAMICS.loc[:2, ["item", "modality", "participant"]].drop_duplicates()
    wrong = error(annotations=keys, dynamics=DYNAMICS)
    assert "recording without annotation, 3 such rows" in str(wrong)
    assert (wrong.row, wrong.found) == (3, "a x music x 2")


def test_dimension_in_both_tables():
    keys = DYNAMICS.drop_duplicates(["participant"]).drop(columns="time")
    wrong = error(annotations=keys, dynamics=DYNAMICS)
    assert "dimension stands in both tables" in str(wrong)


def test_name_in_two_groups_is_refused():
    people = pd.DataFrame({"participant": ["1", "2"], "country": ["FI", "SG"]})
    items = pd.DataFrame({"item": ["a", "b"], "country": ["FI", "SG"]})
    wrong = error(annotations=BASE, participants=people, items=items)
    assert "name stands twice" in str(wrong)
    assert (wrong.file, wrong.column) == ("/items", "country")


def test_integer_ids_and_float_ids_meet():
    people = pd.DataFrame({"participant": [1, 2]})
    frame = BASE.assign(participant=[1.0, 1.0, 2.0])
    study = from_frames(frame, participants=people)
    assert study["annotations/participant"].values.tolist() == ["1", "1", "2"]
    validate(study)

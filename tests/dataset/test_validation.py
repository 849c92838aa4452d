"""validate: every broken tree has its own clear error."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from muvistats import DataError, annotation_frame, to_long, validate


def change(group: str, how: Callable[[xr.Dataset], xr.Dataset]) -> Callable[[xr.DataTree], None]:
    def apply(study: xr.DataTree) -> None:
        study[group] = xr.DataTree(how(study[group].to_dataset()))

    return apply


def put(group: str, name: str, where: object, value: object) -> Callable[[xr.DataTree], None]:
    def apply(dataset: xr.Dataset) -> xr.Dataset:
        array = dataset[name].values.copy()
        if array.dtype.kind == "U":
            array = array.astype("<U12")
        array[where] = value
        return dataset.assign({name: dataset[name].copy(data=array)})

    return change(group, apply)


def attribute(group: str, name: str, key: str, value: object) -> Callable[[xr.DataTree], None]:
    def apply(dataset: xr.Dataset) -> xr.Dataset:
        dataset = dataset.copy()
        attrs = {k: v for k, v in dataset[name].attrs.items() if k != key}
        dataset[name].attrs = attrs if value is None else {**attrs, key: value}
        return dataset

    return change(group, apply)


def root(name: str, value: object) -> Callable[[xr.DataTree], None]:
    def apply(study: xr.DataTree) -> None:
        study.attrs = {**study.attrs, name: value}

    return apply


def drop(group: str) -> Callable[[xr.DataTree], None]:
    def apply(study: xr.DataTree) -> None:
        del study[group]

    return apply


ANNOTATIONS = "/annotations"

CASES = {
    "version": (root("schema_version", "3.1"), "schema version", "/", None),
    "alignment": (root("label_alignment", "shifted"), "unknown label_alignment", "/", None),
    "no items": (drop("items"), "group is missing", "/items", None),
    "no annotations": (drop("annotations"), "group is missing", ANNOTATIONS, None),
    "no mask": (
        change("annotations", lambda d: d.drop_vars("keep_labels")),
        "variable is missing",
        ANNOTATIONS,
        "keep_labels",
    ),
    "wrong dims": (
        change("annotations", lambda d: d.assign(familiar=("label", np.zeros(4, np.int8)))),
        "wrong dimensions",
        ANNOTATIONS,
        "familiar",
    ),
    "wrong type": (
        change("annotations", lambda d: d.assign(keep_labels=d["keep_labels"].astype(float))),
        "wrong type",
        ANNOTATIONS,
        "keep_labels",
    ),
    "transposed": (
        change("annotations", lambda d: d.assign(arousal=d["arousal"].transpose())),
        "wrong dimensions",
        ANNOTATIONS,
        "arousal",
    ),
    "nobody": (
        change("annotations", lambda d: d.isel(annotation=slice(0))),
        "no annotations",
        ANNOTATIONS,
        None,
    ),
    "empty key": (put("annotations", "item", 3, ""), "key is empty", ANNOTATIONS, "item"),
    "nan key": (put("annotations", "item", 3, "nan"), "key is empty", ANNOTATIONS, "item"),
    "twice": (
        change("annotations", lambda d: d.isel(annotation=[0, 1, 1])),
        "annotation stands twice",
        ANNOTATIONS,
        None,
    ),
    "levels": (
        attribute("annotations", "modality", "levels", None),
        "attribute levels is missing",
        ANNOTATIONS,
        "modality",
    ),
    "modality": (
        put("annotations", "modality", 3, "smell"),
        "modality is not in",
        ANNOTATIONS,
        "modality",
    ),
    "participant": (
        put("annotations", "participant", 3, "77"),
        "participant is not in /participants",
        ANNOTATIONS,
        "participant",
    ),
    "item": (put("annotations", "item", 3, "zz"), "item is not in", ANNOTATIONS, "item"),
    "item twice": (put("items", "item", 1, "b_1"), "item stands twice", "/items", None),
    "two meanings": (
        change("items", lambda d: d.assign(age=("item", np.zeros(4)))),
        "name stands twice",
        "/items",
        "age",
    ),
    "label twice": (
        put("annotations", "label", 1, "sad"),
        "label stands twice",
        ANNOTATIONS,
        None,
    ),
    "time": (put("annotations", "time", 3, 0.5), "time does not increase", ANNOTATIONS, "time"),
    "too high": (
        put("annotations", "arousal", (3, 2), 1.2),
        "value out of range, 1 such values",
        ANNOTATIONS,
        "arousal",
    ),
    "infinite": (
        put("annotations", "valence", (3, slice(2)), -np.inf),
        "value out of range, 2 such values",
        ANNOTATIONS,
        "valence",
    ),
    "label code": (
        put("annotations", "labels", (3, 2), 2),
        "value out of range",
        ANNOTATIONS,
        "labels",
    ),
    "flag code": (
        put("annotations", "familiar", 3, -2),
        "value out of range",
        ANNOTATIONS,
        "familiar",
    ),
    "assigned": (
        attribute("annotations", "familiar", "assigned", "by_chance"),
        "unknown attribute assigned",
        ANNOTATIONS,
        "familiar",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_broken_trees(tiny, case):
    breaks, problem, file, column = CASES[case]
    validate(tiny)
    breaks(tiny)
    with pytest.raises(DataError) as info:
        validate(tiny)
    assert problem in str(info.value)
    assert (info.value.file, info.value.column) == (file, column)


BROKEN_BY_XARRAY = {
    "backwards": (lambda d: d.isel(time=slice(None, None, -1)), "sortby"),
    "milliseconds": (lambda d: d.assign_coords(time=d["time"] * 1e5), "three hours"),
    "a clock": (lambda d: d.assign_coords(time=d["time"] + 1.7e9), "three hours"),
    "unknown": (lambda d: d.assign_coords(time=d["time"].where(d["time"] != 0.5)), "increase"),
    "no raters": (lambda d: d.drop_vars("participant"), "variable is missing"),
}


@pytest.mark.parametrize("case", BROKEN_BY_XARRAY)
def test_what_xarray_broke_is_refused_by_every_function(tiny, case):
    breaks, problem = BROKEN_BY_XARRAY[case]
    change("annotations", breaks)(tiny)
    with pytest.raises(DataError, match=problem):
        annotation_frame(tiny)


def test_a_value_out_of_range_is_named(tiny):
    put("annotations", "arousal", (3, 2), 1.2)(tiny)
    keys = [str(tiny[f"annotations/{k}"].values[3]) for k in ("item", "modality", "participant")]
    with pytest.raises(DataError) as info:
        validate(tiny)
    assert info.value.row == " x ".join(keys)
    assert info.value.found == 1.2
    assert info.value.expected == "a value in [-1, 1]"


def test_exclusions_must_point_at_annotations(tiny):
    rows = {name: ("exclusion", ["x"]) for name in ("item", "modality", "participant", "mask")}
    tiny["exclusions"] = xr.DataTree(
        xr.Dataset({"annotation": ("exclusion", [24]), "reason": ("exclusion", ["x"]), **rows})
    )
    with pytest.raises(DataError, match=r"annotation is not in the study .*expected 0 to 23"):
        validate(tiny)


def test_groups_that_are_absent_are_fine(tiny):
    del tiny["exclusions"]
    del tiny["log"]
    validate(tiny)


@pytest.mark.parametrize(
    ("how", "match"),
    [
        (change("annotations", lambda d: d.assign(arousal=d["arousal"].astype(str))), "wrong type"),
        (attribute("annotations", "arousal", "scale_min", None), "do not name a scale"),
        (put("annotations", "arousal", 3, np.inf), "expected a finite number"),
        (put("annotations", "labels", 3, 7), "a code from 0 to 1"),
    ],
)
@pytest.mark.parametrize("function", [annotation_frame, to_long])
def test_ratings_that_are_none_are_refused_by_every_function(tiny, function, how, match):
    with xr.set_options(keep_attrs=True):
        how(tiny)
    with pytest.raises(DataError, match=match):
        function(tiny)

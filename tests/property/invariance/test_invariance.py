"""What an analysis must not depend on, for every public function and studies drawn at random.

One table of calls (`calls.py`), one small change of what is given for each invariance (here), one
comparison (`answers.py`).
"""

from __future__ import annotations

import copy
import inspect
import itertools
import pickle
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, Phase, example, given, settings

import muvistats as mv

from .answers import compare, in_order, renamed, tables_of
from .calls import CALLS, EXPENSIVE, OF_A_STUDY, OUTSIDE, call
from .studies import KEYS, SHAPES, Given, Parts, Shape, given_of, parts_of

pytestmark = pytest.mark.slow

#: A study on which every cheap function has an answer, and one on which every other has.
WHOLE = Shape()
RELEASED = Shape(n_items=6, n_people=8, missing=0.0, released=True, seed=3)

Answer = dict[str, pd.DataFrame] | type[Exception]


def answer_of(name: str, what: Given) -> Answer:
    """The answer as tables, or the kind of refusal; whatever else is raised is a fault."""
    try:
        return tables_of(call(name, what))
    except mv.MuvistatsError as refusal:
        return type(refusal)


@lru_cache(maxsize=4)
def first_given(shape: Shape) -> Given:
    return given_of(parts_of(shape))


@cache
def first_answer(name: str, shape: Shape) -> Answer:
    return answer_of(name, first_given(shape))


def same(name: str, ours: Answer, theirs: Answer, **options: Any) -> None:
    """Both were refused alike, or every number agrees."""
    try:
        if isinstance(ours, type) or isinstance(theirs, type):
            assert ours == theirs
        else:
            compare(ours, theirs, **options)
    except AssertionError as error:
        error.add_note(f"function: {name}")
        raise


def examples(count: int) -> settings:
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[np.random.default_rng(len(frame)).permutation(len(frame))]


def alike(frame: pd.DataFrame, change: Callable[[pd.Series], Any], *names: str) -> pd.DataFrame:
    """The frame with those of these columns that it has changed."""
    out = frame.assign(**{name: change(frame[name]) for name in names if name in frame})
    out.attrs = frame.attrs
    return out


# --- changes of a table, whether it makes a study or is a frame of one --------------------------


def numbered(frame: pd.DataFrame) -> pd.DataFrame:
    """Ids that are numbers."""
    return alike(frame, lambda column: column.astype("int64"), "item", "participant")


def categories(frame: pd.DataFrame) -> pd.DataFrame:
    """Ids that are categories in another order, one of them not used."""
    return alike(
        frame,
        lambda column: pd.Categorical(column, [*sorted(set(column), reverse=True), "99"]),
        "item",
        "participant",
    )


def dates(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows with one and the same date for an index."""
    return frame.set_axis(pd.DatetimeIndex(["2020-02-29"] * len(frame)), axis=0)


def nullable(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of pandas' nullable types."""
    return frame.convert_dtypes()


def float32(frame: pd.DataFrame) -> pd.DataFrame:
    """Numbers of half the length; those of a drawn study lose nothing."""
    return frame.astype(dict.fromkeys(frame.select_dtypes("float").columns, "float32"))


def objects(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns that hold any Python object."""
    return alike(frame, lambda column: column.astype(object), *frame.select_dtypes("str").columns)


def through_pickle(frame: pd.DataFrame) -> pd.DataFrame:
    return pickle.loads(pickle.dumps(frame))


TABLES = {
    change.__name__: change
    for change in (
        shuffled,
        numbered,
        categories,
        dates,
        nullable,
        float32,
        objects,
        through_pickle,
    )
}


# --- changes of a study that leave it the study that it was -------------------------------------


def other_unit(parts: Parts) -> xr.DataTree:
    """Ratings recorded in another unit, from another origin."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        return alike(frame, lambda column: column * 2.0**27 + 2.0**28, "arousal", "valence")

    scale = (2.0**27, 3 * 2.0**27)
    return replace(parts.each(change), options=parts.options | {"scale": scale}).build()


def stored(suffix: str) -> Callable[[Parts], xr.DataTree]:
    def change(parts: Parts) -> xr.DataTree:
        with tempfile.TemporaryDirectory() as folder:
            return mv.open_dataset(mv.save_dataset(parts.build(), Path(folder, f"s{suffix}")))

    return change


STUDIES: dict[str, Callable[[Parts], xr.DataTree]] = {
    "unit": other_unit,
    "zarr": stored(".zarr"),
    "netcdf": stored(".nc"),
    "copied": lambda parts: copy.deepcopy(parts.build()),
    "pickled": lambda parts: pickle.loads(pickle.dumps(parts.build())),
}
STUDIES |= {
    name: lambda parts, change=change: (
        replace(
            parts,
            **{
                k: change(parts.tables[k]) for k in ("annotations", "dynamics") if k in parts.tables
            },
        ).build()
        if change is shuffled
        else parts.each(change).build()
    )
    for name, change in TABLES.items()
}


@pytest.mark.parametrize("name", STUDIES)
@examples(4)
@example(WHOLE)
@example(RELEASED)
@given(SHAPES)
def test_the_study_is_the_same_study(name, shape):
    first, second = first_given(shape).tree, STUDIES[name](parts_of(shape))
    drop = ["/log"] if name == "unit" else []
    for node in first.subtree:
        ours, theirs = (tree[node.path].to_dataset(inherit=False) for tree in (first, second))
        if node.path in drop:
            continue
        if name == "unit":
            ours, theirs = (_without_scale(each) for each in (ours, theirs))
        xr.testing.assert_identical(ours, theirs)
        for variable in ours.variables:
            assert ours[variable].dtype == theirs[variable].dtype, variable


def _without_scale(dataset: xr.Dataset) -> xr.Dataset:
    """Ratings, which stay on the scale on which they were recorded, on [-1, 1]."""
    dataset = dataset.copy()
    for name, variable in dataset.data_vars.items():
        if "scale_min" in variable.attrs:
            attrs = dict(variable.attrs)
            low, high = attrs.pop("scale_min"), attrs.pop("scale_max")
            dataset[name] = (variable - (low + high) / 2) / ((high - low) / 2)
            dataset[name].attrs = attrs
    return dataset


# --- studies that xarray changed, or that lie on disk -------------------------------------------


def backwards(tree: xr.DataTree) -> xr.DataTree:
    """Annotations in another order."""
    return _with(tree, "/annotations", lambda group: group.isel(annotation=slice(None, None, -1)))


def chunked(tree: xr.DataTree) -> xr.DataTree:
    """Arrays in blocks, as they are opened from disk."""
    return _with(tree, "/annotations", lambda group: group.chunk({"annotation": 7}))


def _with(tree: xr.DataTree, path: str, change: Callable[[xr.Dataset], xr.Dataset]) -> xr.DataTree:
    groups = {node.path: node.to_dataset(inherit=False) for node in tree.subtree}
    out = xr.DataTree.from_dict({**groups, path: change(groups[path])}, name=tree.name)
    out.attrs = dict(tree.attrs)
    return out


#: Every function that is given the study, or what depends on it, and is quick.
CHEAP = sorted(n for n in set(CALLS) - EXPENSIVE if not n.startswith("plot_") or n in OF_A_STUDY)


@pytest.mark.parametrize("change", [backwards, chunked])
@examples(2)
@example(WHOLE)
@given(SHAPES)
def test_a_study_changed_by_xarray_gives_the_same_numbers(change, shape):
    tree = change(first_given(shape).tree)
    given = Given(parts_of(shape), tree, tree)
    for name in sorted(set(CHEAP) - {"validate"}):
        same(name, answer_of(name, given), first_answer(name, shape))
    # rows in another order are sorted by whoever reads them, and named by who checks the study
    assert (answer_of("validate", given) is mv.DataError) == (change is backwards)


def test_a_study_cut_by_xarray_is_the_selected_one_or_refused():
    study = first_given(WHOLE).tree
    for key in ("item", "participant"):
        some = study[f"{key}s/{key}"].to_numpy()[::2]
        rows = np.isin(study[f"annotations/{key}"].to_numpy(), some)
        chosen = mv.select(study, **{key: some})
        half = study.sel({key: some})  # narrows tables and features, not the annotations
        cut = _with(half, "/annotations", lambda group, rows=rows: group.isel(annotation=rows))
        first, second, narrow = (Given(parts_of(WHOLE), tree, tree) for tree in (chosen, cut, half))
        for name in CHEAP:
            same(name, answer_of(name, second), answer_of(name, first))
            if name not in NO_STUDY:
                assert answer_of(name, narrow) is mv.DataError, name


@pytest.mark.parametrize("change", [backwards, chunked])
@pytest.mark.parametrize("name", sorted(EXPENSIVE - {"write_report"}))
def test_what_trains_or_writes_reads_a_study_changed_by_xarray(change, name):
    shape = RELEASED if "muvi" in name else WHOLE
    tree = change(first_given(shape).tree)
    ours = answer_of(name, Given(parts_of(shape), tree, tree))
    assert not isinstance(ours, type)
    same(name, ours, first_answer(name, shape))


#: Calls that do not look at the study itself.
NO_STUDY = {"extraction_failures", "from_frames", "resample"}


# --- frames -------------------------------------------------------------------------------------

FRAMES = sorted(
    name
    for name in CHEAP
    if inspect.isfunction(getattr(mv, name))
    and str(next(iter(inspect.signature(getattr(mv, name)).parameters.values())).annotation)
    in ("Data", "xr.DataTree | pd.DataFrame")
)


@cache
def framed(change: str | None, shape: Shape) -> Given:
    first = first_given(shape)
    frame = mv.annotation_frame(first.tree)
    return Given(first.parts, first.tree, frame if change is None else TABLES[change](frame))


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("change", [None, *TABLES])
@pytest.mark.parametrize("shape", [WHOLE, Shape(5, 6, 2, dynamic=False, missing=0.1, seed=8)])
def test_a_frame_gives_the_numbers_of_its_study(change, shape, name):
    ours, theirs = answer_of(name, framed(change, shape)), first_answer(name, shape)
    if not isinstance(ours, type) and "augment" in ours:  # a fit numbers the rows as they stand
        if change == "shuffled":
            row = np.asarray(framed(change, shape).data.index)[ours["augment"]["row"]]
            ours["augment"] = ours["augment"].assign(row=row).sort_values("row", ignore_index=True)
        if change == "categories":  # and lists levels in their own order
            ours, theirs = ({k: in_order(v) for k, v in each.items()} for each in (ours, theirs))
    same(name, ours, theirs)


# --- other names, other orders ------------------------------------------------------------------

NAMES = {"music": "zither", "visual": "ale", "audiovisual": "mux", "lyrics": "bed"}
NAMES |= {"happy": "nap", "sad": "yes", "calm": "cup", "low": "oak", "mid": "ash", "high": "fir"}
NAMES |= {"Female": "Ada", "Male": "Bob", "pop": "jazz", "rock": "ska"}
BACK = {new: old for old, new in NAMES.items()}


def back(text: Any) -> Any:
    """A text with the first names."""
    if not isinstance(text, str):
        return text
    text = re.sub(r"\b(key )(\d+)\b", r"\2", text)
    return re.sub(r"\w+", lambda found: BACK.get(found[0], found[0]), text)


def renaming(parts: Parts) -> Parts:
    """Every item, person, modality, label and level has another name; their order is kept."""

    def word(value: Any) -> Any:
        return NAMES.get(value, value) if isinstance(value, str) else value

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame = alike(frame, lambda ids: "key " + ids, "item", "participant")
        frame = alike(frame, lambda c: c.map(word), "modality", "gender", "genre")
        frame = alike(frame, lambda c: c.cat.rename_categories(NAMES), "mood")
        return frame.rename(columns=word)

    features = {
        kind: each.assign_coords(item=["key " + str(i) for i in each["item"].to_numpy()])
        for kind, each in parts.features.items()
    }
    names = {key: [word(n) for n in parts.options[key]] for key in ("labels", "modalities")}
    return replace(parts.each(change), features=features, options=parts.options | names)


#: What knows the names of MuVi.
KNOWS_NAMES = {"compare_published"}


@cache
def renamed_given(shape: Shape) -> Given:
    given = given_of(renaming(parts_of(shape)))
    given.names = NAMES
    return given


@pytest.mark.parametrize("name", sorted(set(CHEAP) - KNOWS_NAMES))
@pytest.mark.parametrize("shape", [WHOLE, Shape(4, 6, 4, dynamic=False, missing=0.1, seed=6)])
def test_names_do_not_matter(name, shape):
    ours = answer_of(name, renamed_given(shape))
    if not isinstance(ours, type):
        ours = renamed(ours, back)
    same(name, ours, first_answer(name, shape), but={"words"} if name in OF_A_STUDY else set())


@pytest.mark.parametrize("name", sorted(EXPENSIVE - {"read_muvi", "write_muvi", "write_report"}))
def test_names_do_not_matter_to_what_trains_or_writes(name):
    ours = renamed(answer_of(name, renamed_given(WHOLE)), back)
    words = {"words"} if name.startswith("plot_") else set()
    same(name, ours, first_answer(name, WHOLE), but=words)


def turning(parts: Parts) -> Parts:
    """Items, people, modalities, labels and levels in the opposite order."""
    turned = {name: parts.tables[name].iloc[::-1] for name in ("participants", "items")}
    gender = pd.Categorical(turned["participants"]["gender"], ["Male", "Female"])
    turned["participants"] = turned["participants"].assign(gender=gender)
    mood = parts.annotations["mood"].cat.reorder_categories(["high", "mid", "low"])
    options = {key: parts.options[key][::-1] for key in ("labels", "modalities")}
    return replace(
        parts,
        annotations=parts.annotations.assign(mood=mood),
        **turned,
        options=parts.options | options,
    )


@cache
def turned(shape: Shape) -> Given:
    return given_of(turning(parts_of(shape)))


#: A concordance of two arrays, whose rows have no names.
NO_NAMES = {"ccc"}


@pytest.mark.parametrize("name", sorted(set(CHEAP) - OF_A_STUDY - NO_NAMES))
@pytest.mark.parametrize("shape", [WHOLE, Shape(4, 6, 4, dynamic=False, missing=0.1, seed=6)])
def test_the_order_of_names_does_not_matter(name, shape):
    givens = turned(shape), first_given(shape)
    answers = answer_of(name, givens[0]), first_answer(name, shape)
    if any(isinstance(each, type) for each in answers):
        assert answers[0] == answers[1]
        return
    ours, theirs = (
        {k: in_order(_by_keys(v, given)) for k, v in each.items() if k != "tidy" and "/" not in k}
        for each, given in zip(answers, givens, strict=True)
    )
    same(name, ours, theirs, drawn=True)


def _by_keys(table: pd.DataFrame, given: Given) -> pd.DataFrame:
    """What is said of annotations, with their keys for their numbers."""
    if "pairing" in table:  # in the control a rater meets the item that comes next
        table = table[table["pairing"] != "mismatched"]
    number = next((name for name in ("row", "annotation") if name in table), None)
    if number is None:
        return table
    keys = mv.annotation_frame(given.tree)[KEYS].iloc[table[number]]
    return table.drop(columns=number).assign(**{k: keys[k].astype(str).to_numpy() for k in KEYS})


# --- units and origins --------------------------------------------------------------------------

#: What has no unit, of functions that may be asked about numbers in any.
UNIT = {
    "demographic_model": "tidy: statistic df p_value",
    "krippendorff_alpha": "frame: estimate conf_low conf_high",
    "kruskal": "frame: statistic df p_value effect_size conf_low conf_high",
    "kruskal_modality": "frame: statistic df p_value effect_size conf_low conf_high",
    "linear_model": "tidy: statistic df p_value",
    "mannwhitney": "frame: statistic p_value effect_size conf_low conf_high",
    "mannwhitney_overlay": "frame: statistic p_value effect_size conf_low conf_high",
    "mixed_model": "tidy: statistic df p_value",
    "modality_contrasts": "frame: statistic df p_value effect_size",
    "weighted_kappa": "frame: estimate conf_low conf_high",
    "normality": "frame: statistic p_value",
    "pairwise_modality": "frame: statistic p_value p_adjusted effect_size",
}
#: Searches for an optimum stop at it, not on it.
SEARCHED = {"demographic_model", "mixed_model", "kruskal", "mannwhitney"}


#: What fits no model, and so no unit is too small for it.
ANY_UNIT = sorted(set(UNIT) - SEARCHED - {"linear_model"})


@pytest.mark.parametrize(
    ("name", "unit"),
    [*itertools.product(UNIT, [1e8, 1e-8]), *itertools.product(ANY_UNIT, [2.0**-600])],
)
def test_the_unit_of_the_ratings_does_not_matter(name, unit):
    first = first_given(WHOLE)
    frame = mv.annotation_frame(first.tree)
    scaled = alike(frame, lambda column: column * unit, "arousal", "valence")
    table, columns = UNIT[name].split(": ")
    ours, theirs = (call(name, Given(first.parts, first.tree, each)) for each in (scaled, frame))
    ours, theirs = (tables_of(each)[table] for each in (ours, theirs))
    if "method" in theirs:  # the paper's comparison with N(0, 1) has the unit of that
        ours, theirs = (
            each[~each["method"].str.contains("N(0, 1)", regex=False)] for each in (ours, theirs)
        )
    ours, theirs = (each[columns.split()] for each in (ours, theirs))
    assert theirs.notna().to_numpy().mean() > 0.5
    rtol = 1e-6 if name in SEARCHED else 1e-9
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-12)


def test_the_origin_of_a_predictor_does_not_matter():
    frame = mv.annotation_frame(first_given(WHOLE).tree)
    years = alike(frame, lambda column: column + 1990, "years_of_training")
    fixed = "modality + years_of_training"
    for fit in (
        lambda data: mv.linear_model(data, f"arousal ~ {fixed}", cluster="participant"),
        lambda data: mv.glm(data, f"happy ~ {fixed}"),
        lambda data: mv.mixed_model(data, f"arousal ~ {fixed} + (1 | participant)"),
        lambda data: mv.demographic_model(data, by=fixed),
        lambda data: mv.label_models(data, by="years_of_training", labels=["happy"]),
    ):
        ours, theirs = (
            (found if isinstance(found, pd.DataFrame) else found.tidy())
            for found in map(fit, (years, frame))
        )
        keep = ["estimate", "std_error", "statistic", "p_value"]
        slopes = (theirs["term"] != "Intercept").to_numpy()
        np.testing.assert_allclose(ours.loc[slopes, keep], theirs.loc[slopes, keep], rtol=1e-6)


# --- workers, copies ----------------------------------------------------------------------------

WORKERS = sorted(
    name for name in CALLS if "n_jobs" in inspect.signature(getattr(mv, name)).parameters
)


@pytest.mark.parametrize("name", WORKERS)
def test_the_number_of_workers_does_not_matter(name):
    given = Given(first_given(WHOLE).parts, first_given(WHOLE).tree, first_given(WHOLE).tree)
    given.options = {"n_jobs": 2}
    ours, theirs = answer_of(name, given), first_answer(name, WHOLE)
    assert not isinstance(theirs, type)
    compare(ours, theirs)
    for key, frame in ours.items():
        pd.testing.assert_frame_equal(frame, theirs[key])


@pytest.mark.parametrize("through", [copy.deepcopy, through_pickle])
def test_an_answer_can_be_copied(through):
    for name in CHEAP:
        answer = call(name, first_given(WHOLE))
        again = through(answer)
        assert type(again) is type(answer)
        same(name, tables_of(again), first_answer(name, WHOLE))


@pytest.mark.parametrize(
    "name", sorted(n for n in CALLS if n.startswith("plot_") and n not in EXPENSIVE)
)
def test_a_figure_does_not_depend_on_the_index_of_a_result(name):
    first = first_given(WHOLE)
    given = Given(first.parts, first.tree, first.tree, done=dict(first.done))
    given.done.pop(name, None)
    given.change_result = lambda frame: dates(frame).copy()
    same(name, answer_of(name, given), first_answer(name, WHOLE))


# --- the table ----------------------------------------------------------------------------------


def test_every_public_name_is_in_the_table_or_named_with_a_reason():
    assert not set(CALLS) & set(OUTSIDE)
    assert sorted([*CALLS, *OUTSIDE]) == sorted(mv.__all__)
    assert all(OUTSIDE.values())


@pytest.mark.parametrize("name", CHEAP)
def test_every_call_has_an_answer(name):
    assert not isinstance(first_answer(name, WHOLE), type)

"""Who took part, what was rated by how many, and under which conditions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scipy import stats

from ...arguments import Dependence, check_dependence
from ...dataset import schema
from ...dataset.access import need_people, need_study
from ...dataset.gate import takes_study
from ...errors import DataError
from ...results.frame import Rows, result_frame
from ...types import level_text
from .summaries import describe_column, describe_numbers


@result_frame(
    "trait of the participants, and level of it where it is no number",
    "variable level count share mean sd median minimum maximum n n_missing",
)
@takes_study
def describe_participants(data: xr.DataTree) -> Rows:
    """Describe the people: how many, their age, gender, training, and whatever else is known.

    See Also
    --------
    describe_design : How many items, people and raters there are.
    demographic_model : Whether traits of people matter for ratings.

    Notes
    -----
    The row of the variable `participant` counts everybody in the study. A number has one row with
    its distribution; a text, a truth value or a flag has one row per level, with its `count` and
    its `share` of the `n` people who have a value. Levels of a flag stand in the order of the
    schema, others in alphabetical order. People without a value are counted in `n_missing` and
    enter nothing else. Two numbers, such as codes of 1 and 2, are levels. Columns of the ratings
    that hold one value for each participant are described after those of `/participants`.

    Examples
    --------
    >>> from muvistats import describe_participants, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> people = describe_participants(study)
    >>> int(people.loc[people["variable"] == "participant", "n"].item())
    12
    """
    need_people(data)
    people = data["participants"].to_dataset()
    total = people.sizes["participant"]
    rows: list[dict[str, Any]] = [
        {"variable": "participant", "count": total, "share": 1.0, "n": total, "n_missing": 0}
    ]
    known = {name: v for name, v in people.data_vars.items() if v.dims == ("participant",)}
    for name, variable in (known | _traits(data)).items():
        own = variable if name in schema.variables("/participants") else _of_codes(variable)
        rows.extend({"variable": str(name), **row} for row in describe_column(own))
    return rows


def _of_codes(variable: xr.DataArray) -> xr.DataArray:
    """A column of two numbers, such as 1 and 2, as their texts; others as they are."""
    values = pd.Series(variable.to_numpy())
    if not pd.api.types.is_numeric_dtype(values.dtype) or values.nunique() != 2:
        return variable
    texts = [level_text(value) if pd.notna(value) else "" for value in values]
    return xr.DataArray(np.array(texts, dtype=object), dims=variable.dims)


def _traits(data: xr.DataTree) -> dict[str, xr.DataArray]:
    """Traits of participants that stand beside the ratings: one value for each participant."""
    annotations = data["annotations"].to_dataset()
    people = data["participants/participant"].to_numpy()
    found = {}
    for name, variable in annotations.data_vars.items():
        if variable.attrs.get("assigned") != "participant" or variable.dims != ("annotation",):
            continue
        known = pd.Series(variable.to_numpy(), annotations["participant"].to_numpy())
        known = known[known.notna() & (known != "")]
        values = known[~known.index.duplicated()].reindex(people)
        if not pd.api.types.is_numeric_dtype(values.dtype):
            values = values.fillna("").astype("str")
        found[str(name)] = xr.DataArray(values.to_numpy(), dims="participant")
    return found


@result_frame(
    "property of the design, and modality or level where it has them",
    "variable modality level count share mean sd median minimum maximum n n_missing",
)
@takes_study
def describe_design(data: xr.DataTree) -> Rows:
    """Describe who rated what: raters per cell, trials per person, labels, sampling, conditions.

    See Also
    --------
    describe_participants : Who rated.
    describe_annotations : What was rated.

    Notes
    -----
    Variables:

    - ``items``, ``participants``: how many (`count`).
    - ``annotations``: number by modality, as a share of all.
    - ``raters_per_cell``: over the `n` cells of item and modality; a cell nobody rated counts as
      0, and a rater of several sessions once.
    - ``trials_per_participant``: annotations of each person.
    - ``labels_per_annotation``: over annotations with labels that are not masked; `count` is the
      number of labels chosen.
    - ``sampling_interval`` (s): between neighbouring time steps of the stored grid.
    - each flag, such as ``overlay`` and ``familiar``: one row per level and modality, `share` of
      the `n` annotations with a value. Modalities in which it was never recorded have no row and
      do not enter `all`.

    A part that the study does not have is left out, except for the sampling interval, whose row
    says so.

    Examples
    --------
    >>> from muvistats import describe_design, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> design = describe_design(study)
    >>> int(design.loc[design["variable"] == "items", "count"].item())
    9
    """
    need_study(data)
    annotations = data["annotations"].to_dataset()
    modality = annotations["modality"].to_numpy().astype(str)
    levels = list(schema.decode_levels(annotations["modality"].attrs["levels"]))
    rows = _sizes(data)
    selections = {level: modality == level for level in levels}
    if levels != ["all"]:
        selections = {"all": np.full(len(modality), fill_value=True)} | selections
    for name, chosen in selections.items():
        row = _counted("annotations", int(chosen.sum()), n=len(modality))
        rows.append({**row, "modality": name, "share": chosen.mean()})
    items = pd.Index(data["items/item"].to_numpy().tolist())
    item = items.get_indexer(annotations["item"].to_numpy().tolist())
    cells = item * len(levels) + pd.Index(levels).get_indexer(modality.tolist())
    if "session" in annotations.coords and "participant" in annotations.coords:
        people = pd.factorize(annotations["participant"].to_numpy())[0]
        cells = np.unique(np.column_stack([cells, people]), axis=0)[:, 0]  # each rater once
    counts = np.bincount(cells, minlength=len(items) * len(levels)).reshape(len(items), -1)
    for name in selections:
        column = counts[:, levels.index(name)] if name in levels else counts.ravel()
        row = {**describe_numbers(column.astype(np.float64)), "count": int(column.sum())}
        rows.append({"variable": "raters_per_cell", "modality": name, **row})
    if "participant" in annotations.coords:
        rows.append(_trials(data))
    if "labels" in annotations:
        rows.extend(_labels_per_annotation(annotations, selections))
    rows.append(_sampling_interval(annotations))
    for flag, variable in annotations.data_vars.items():
        if variable.dims == ("annotation",) and "flag_meanings" in variable.attrs:
            rows.extend(_flag_rows(str(flag), variable, selections))
    return rows


def _sizes(data: xr.DataTree) -> list[dict[str, Any]]:
    """How many items, and participants and sessions where these are known."""
    annotations = data["annotations"].to_dataset()
    rows = [_counted("items", data["items"].sizes["item"])]
    if "participant" in annotations.coords:
        rows.append(_counted("participants", data["participants"].sizes["participant"]))
    if "session" in annotations.coords:
        sessions = schema.decode_levels(annotations["session"].attrs["levels"])
        rows.append(_counted("sessions", len(sessions)))
    return rows


def _trials(data: xr.DataTree) -> dict[str, Any]:
    """How many annotations each participant made, those who made none included."""
    trials = data["annotations/participant"].to_series().value_counts()
    people = data["participants/participant"].to_numpy().tolist()
    row = describe_numbers(np.asarray(trials.reindex(people, fill_value=0), dtype=np.float64))
    return {"variable": "trials_per_participant", **row, "count": int(trials.sum())}


def _counted(variable: str, count: int, n: int | None = None) -> dict[str, Any]:
    return {
        "variable": variable,
        "count": count,
        "share": 1.0,
        "n": count if n is None else n,
        "n_missing": 0,
    }


def _labels_per_annotation(
    annotations: xr.Dataset, selections: dict[str, npt.NDArray[np.bool_]]
) -> Iterator[dict[str, Any]]:
    codes = annotations["labels"].to_numpy()
    there = annotations["keep_labels"].to_numpy() & (codes >= 0).all(axis=1)
    chosen = np.where(there, codes.sum(axis=1, dtype=float), np.nan)
    for name, rows in selections.items():
        row = describe_numbers(chosen[rows])
        row["count"] = int(np.nansum(chosen[rows]))
        yield {"variable": "labels_per_annotation", "modality": name, **row}


def _sampling_interval(annotations: xr.Dataset) -> dict[str, Any]:
    time = annotations["time"].to_numpy() if "time" in annotations.coords else np.empty(0)
    row = describe_numbers(np.diff(time.astype(float)))
    if len(time) < 2:
        row["warning"] = "no time axis: no dimension was rated over time"
    return {"variable": "sampling_interval", "modality": "all", **row}


def _flag_rows(
    name: str, variable: xr.DataArray, selections: dict[str, npt.NDArray[np.bool_]]
) -> Iterator[dict[str, Any]]:
    recorded = variable.to_numpy() >= 0
    offered = {name: rows for name, rows in selections.items() if recorded[rows].any()}
    everywhere = [rows for name, rows in offered.items() if name != "all"]
    if everywhere and "all" in selections:
        offered["all"] = np.any(everywhere, axis=0)
    for modality in selections:
        if modality in offered:
            part = variable.isel(annotation=np.flatnonzero(offered[modality]))
            for row in describe_column(part):
                yield {"variable": name, "modality": modality, **row}


@result_frame(
    "dependence and annotation interface",
    "level count share conf_low conf_high conf_level p_value alternative n n_missing method",
    "dependence",
)
@takes_study
def overlay_preference(
    data: xr.DataTree,
    *,
    conf_level: float = 0.95,
    dependence: Dependence = ("independent", "design"),
) -> Rows:
    """How many participants preferred which annotation interface.

    Parameters
    ----------
    data : DataTree
        The study, with `overlay_preference` in `/participants`.
    dependence : {"independent", "design"} or both
        Every participant answered once, so answers are independent by design, and both rows hold
        the same numbers.

    Raises
    ------
    DataError
        When the study does not know what the participants preferred.
    DesignError
        When an argument is not one of those above.

    See Also
    --------
    mannwhitney_overlay : Whether the interface changes ratings.
    describe_participants : Age, gender and training.

    Notes
    -----
    The interval is Wilson's; `p_value` is that of the exact two-sided binomial test against equal
    shares. People who did not answer are counted in `n_missing`.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.
    Journal of the American Statistical Association, 22(158), 209-212.
    https://doi.org/10.1080/01621459.1927.10502953

    Examples
    --------
    >>> from muvistats import overlay_preference, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> overlay_preference(study, dependence="independent")["level"].tolist()
    ['side_by_side', 'overlaid']
    """
    asked = check_dependence(dependence)
    need_people(data)
    people = data["participants"].to_dataset()
    if "overlay_preference" not in people:
        raise DataError(
            "the study does not know what the participants preferred",
            file="/participants",
            column="overlay_preference",
        )
    rows = list(describe_column(people["overlay_preference"]))
    for row in rows:
        row |= {
            "conf_level": conf_level,
            "alternative": "two-sided",
            "method": "exact binomial test against equal shares, Wilson interval",
        }
        if row["n"]:
            test = stats.binomtest(row["count"], row["n"], 1 / len(rows))
            interval = test.proportion_ci(conf_level, method="wilson")
            row |= {
                "p_value": test.pvalue,
                "conf_low": interval.low,
                "conf_high": interval.high,
            }
    by_design = ": one answer per participant"
    return [
        {
            **row,
            "dependence": name,
            "method": row["method"] + (by_design if name == "design" else ""),
        }
        for name in asked
        for row in rows
    ]

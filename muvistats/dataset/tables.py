"""Any study with raters and items, from long tables with their own column names."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from ..arguments import check_choice, check_flag, check_text
from ..errors import DataError, boundary
from . import schema
from .build import Log, assemble
from .frames import check_frame, text_columns
from .importing.answers import LABEL_COLUMNS, read_familiar, read_labels, read_ordinals, typed
from .importing.factors import assigned_of
from .importing.keys import backwards, keyed, known, modalities_of, sessions_of
from .names import OWN, check_not_ours, check_stored_name, storage_problem
from .origin import read_origin
from .ratings import OutOfScale, Recordings, Scales, on_scale

#: Said of ticks that may have been exported without their zeros.
BLANK_TICKS = (
    "cells of labels that are 1 or empty and nowhere 0; empty is taken as not answered, so that "
    "all have chosen these labels: give 0 where empty means not chosen"
)


@boundary("the tables cannot be read", file="from_frames")
def from_frames(
    annotations: pd.DataFrame | None = None,
    *,
    dynamics: pd.DataFrame | None = None,
    participants: pd.DataFrame | None = None,
    items: pd.DataFrame | None = None,
    columns: Mapping[str, str] | None = None,
    dimensions: Sequence[str] | None = None,
    labels: Sequence[str] | pd.DataFrame | None = None,
    modalities: Sequence[str] | None = None,
    item: str = "item",
    modality: str = "modality",
    participant: str = "participant",
    session: str = "session",
    scale: tuple[float, float] | Mapping[str, tuple[float, float]] = schema.SCALE,
    out_of_scale: OutOfScale = "error",
    tolerance: float = 0.05,
    familiar_from: float | None = None,
    assigned: Mapping[str, str] | None = None,
    study: str = "unnamed study",
    source: str = "",
    label_alignment: Literal["released", "corrected", "as_recorded"] | None = None,
    simulated: bool | None = None,
) -> xr.DataTree:
    """Build a study from your own tables.

    Parameters
    ----------
    annotations : DataFrame, optional
        One row per annotation: `item`, `participant` where it is known who rated, `modality`
        where there is more than one, `session` where people rated the same again, and any of
        `trial` (order in the session), `familiar`, `overlay`, `keep_dynamic`, `keep_labels`,
        static dimensions, label columns, and further columns, which are kept as factors. Without
        it, the annotations are the recordings in `dynamics`.
    dynamics : DataFrame, optional
        One row per annotation and time step: the keys, `time` in seconds, and the dimensions,
        on one regular grid, in any row order. Give an irregular log to `resample` first.
        Recordings may start late, end early and have holes: those steps are NaN.
    participants, items : DataFrame, optional
        One row per participant or item, in the order of the study. Without them, the names in
        the annotations, numbers inside names sorted as numbers.
    columns : mapping of str to str, optional
        Your column name for each name used here, as in
        ``{"participant": "who", "item": "film", "valence": "x"}``. A column of the ratings that
        is also in `participants` or `items` is renamed there only where the name belongs there.
    dimensions : sequence of str, optional
        Rated dimensions: dynamic where a column of `dynamics`, static where one of
        `annotations`. By default `arousal` and `valence`, those that are there; none where there
        are labels. Ordered categories in words are numbered from 1.
    labels : str, sequence of str or DataFrame, optional
        Columns of `annotations` with 0, 1 or a missing value; or one column of text, in which
        each person chose one answer; or a table with a row per label: `label` (the column), and
        any of `label_name`, `category`, `superfactor`.
    modalities : sequence of str, optional
        Levels of modality in order. By default those of MuVi where the column `modality` holds
        one of them, else those of the column; without that column, the one modality is called
        ``all``.
    item, modality, participant, session : str
        Your columns of the keys: short for four entries of `columns`.
    scale : tuple of float, or mapping of str to tuple of float
        Lowest and highest value of the recorded scale, the same for all dimensions or by
        dimension. Ratings stay as recorded; the scale is kept in the attributes `scale_min` and
        `scale_max`.
    out_of_scale : {"error", "clip", "exclude"}
        What to do with a value beyond the scale: refuse it; move it to the end of the scale and
        log that; or drop the value and, where an annotation has too many of them, exclude it
        from the statistics, with a reason in `/exclusions`.
    tolerance : float
        Share of the samples of an annotation that may lie beyond the scale before ``"exclude"``
        excludes it.
    familiar_from : float, optional
        Lowest value of `familiar` that counts as familiar, where it was asked on a scale. Without
        it, `familiar` holds 0 and 1 or yes and no.
    assigned : mapping of str to str, optional
        For further columns, how they came to their values: ``"within_item"``,
        ``"participant"``, ``"item"`` or ``"observed"``. Columns of `participants` and `items`
        need none. By default a column of the ratings that holds one value for each participant,
        or each item, is a factor of participants, or items.
    study, source : str
        Name of the study, and where the data comes from.
    label_alignment : {"as_recorded", "released", "corrected"}, optional
        Which reading of the labels the tables hold; "released" and "corrected" belong to MuVi.
        By default what a column `alignment` of the ratings says, as `to_long` writes it, and
        "as_recorded" without one.
    simulated : bool, optional
        Whether the data is simulated. By default what a column `simulated` of the ratings says,
        and False without one.

    Returns
    -------
    DataTree
        The study.

    Raises
    ------
    DataError
        Names the table, the row (by its index label), the column, what was found and what was
        expected: a missing column, an empty table, an empty key, keys that differ by blanks only,
        an unknown modality, an annotation that stands twice, a participant or item that is not in
        its table, a recording without annotation, a time stamp that stands twice or is off the
        grid, an infinite value, a value beyond the scale, a label that is not 0 or 1.

    See Also
    --------
    from_files : One file per participant, item or trial.
    from_votes : Counts of votes instead of single ratings.
    read_wide : A column per rater, item or time step.
    resample : Brings an irregular log to a grid.

    Notes
    -----
    The row order of `annotations` and `dynamics` does not matter. Ids are kept as text; whole
    numbers lose a trailing ``.0``. Numbers may be written with decimal commas. Without a column
    `participant` the study has none, and no `/participants`: what needs people is refused, and
    ratings of one cell may stand several times. What was done stands in `/log`: values clipped or
    dropped, columns of `dynamics` that were not used, annotations without recording, where
    familiarity begins. ``from_frames(keys_and_labels, dynamics=to_long(study), ...)`` rebuilds a
    study.

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats import from_frames
    >>> ratings = pd.DataFrame({"who": [1, 2], "film": ["V1", "V1"], "liking": [9, 3]})
    >>> study = from_frames(
    ...     ratings, participant="who", item="film", dimensions=["liking"], scale=(1, 9)
    ... )
    >>> study["annotations/liking"].values.tolist()
    [9.0, 3.0]
    """
    _check_arguments(columns, modalities, assigned, (study, source))
    if label_alignment is not None:
        check_choice("label_alignment", label_alignment, schema.ALIGNMENTS)
    if simulated is not None:
        check_flag("simulated", simulated)
    columns = _with_keys(columns or {}, (item, modality, participant, session))
    with _own_names(columns):
        tables = _renamed(annotations, dynamics, participants, items, columns)
        tables, origin = read_origin(
            tables, {"label_alignment": label_alignment, "simulated": simulated}
        )
        levels = modalities_of(tables, modalities)
        keys, recordings = keyed(tables, levels)
        rated = _dimensions(tables, dimensions, labelled=labels is not None)
        tables, ordinals = read_ordinals(tables, rated)
        recorded = None if recordings is None else (tables["dynamics"], recordings)
        frame = tables.get("annotations", keys)
        chosen = read_labels(tables, labels)
        people = known(tables.get("participants"), "participant", keys) if _ids(keys) else None
        people = None if people is None else typed(people, "participants")
        films = typed(known(tables.get("items"), "item", keys), "items")
        _check_assigned(assigned, [frame, films, *([] if people is None else [people])])
        log = Log()
        if recordings is not None:
            _log_unused(tables["dynamics"], rated, recordings, len(frame), log)
        if chosen.codes is not None:
            ticks = chosen.codes
            blank = (ticks == 1).any(axis=0) & ~(ticks == 0).any(axis=0) & (ticks < 0).any(axis=0)
            if blank.any():
                log.add("annotations", BLANK_TICKS, int((ticks[:, blank] < 0).sum()))
        frame = read_familiar(frame, "annotations", familiar_from, log)
        scales = Scales(scale, rated, out_of_scale, tolerance, ordinals.scales)
        values, outside = on_scale(frame, recorded, keys, scales, log)
        extras = _extras(frame, keys, [*rated, *chosen.columns])
        exclusions = _exclusions(extras, outside)
        own = extras.loc[:, ~extras.columns.isin(schema.variables("/annotations"))]
        assigned = assigned_of(own, keys) | dict(assigned or {})
        extras["keep_dynamic"] &= ~np.isin(np.arange(len(extras)), [row for row, _ in outside])
        if "session" in keys:
            extras["session"] = pd.Categorical(extras["session"], sessions_of(tables, keys))
    return assemble(
        extras,
        values,
        participants=people,
        items=films,
        labels=chosen.codes,
        label_table=chosen.table,
        question=chosen.question,
        time=None if recordings is None else recordings.time,
        modalities=levels,
        scale=scales.by_dimension,
        words=ordinals.levels,
        assigned=assigned,
        exclusions=exclusions,
        log=log,
        study=study,
        source=source,
        **origin,
    )


def _with_keys(columns: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """Names of columns, those of the keys among them where they are other ones than here."""
    names = ("item", "modality", "participant", "session")
    own = {key: name for key, name in zip(names, keys, strict=True) if name != key}
    for key, name in own.items():
        check_text(key, name)
        if columns.get(key, name) != name:
            raise DataError("named twice", file="columns", column=key, found=columns[key])
    return {**columns, **own}


def _ids(keys: pd.DataFrame) -> bool:
    """Whether it is known who rated."""
    return "participant" in keys


def _check_arguments(
    columns: object, modalities: object, assigned: object, texts: Sequence[object]
) -> None:
    """Refuse arguments of another kind."""
    for name, value in (("columns", columns), ("assigned", assigned)):
        if value is not None and not isinstance(value, Mapping):
            raise DataError(
                "not a mapping", file=name, found=value, expected="a name for each name, as a dict"
            )
        for key, own in (value or {}).items():
            if not isinstance(key, str) or not isinstance(own, Hashable):
                raise DataError("not a name", file=name, found=own if isinstance(key, str) else key)
    if modalities is None:
        modalities = ()
    if isinstance(modalities, str) or not isinstance(modalities, Iterable):
        raise DataError(
            "not a sequence of names", file="modalities", found=modalities, expected="['film']"
        )
    for name in modalities:
        check_text("a modality", name)
    for text in (*modalities, *texts):
        if not isinstance(text, str) or storage_problem(text):
            raise DataError("not a text that can be stored", found=text, expected="a text")


@contextmanager
def _own_names(columns: Mapping[str, str] | None) -> Iterator[None]:
    """Let errors name the column as the caller does."""
    try:
        yield
    except DataError as error:
        own = (columns or {}).get(str(error.column))
        if own is None:
            raise
        raise DataError(
            error.problem,
            file=error.file,
            row=error.row,
            column=f"{own} ({error.column})",
            found=error.found,
            expected=error.expected,
        ) from None


def _renamed(
    annotations: pd.DataFrame | None,
    dynamics: pd.DataFrame | None,
    participants: pd.DataFrame | None,
    items: pd.DataFrame | None,
    columns: Mapping[str, str],
) -> dict[str, pd.DataFrame]:
    """Tables that were given, with the names of the schema."""
    given = {
        "annotations": annotations,
        "dynamics": dynamics,
        "participants": participants,
        "items": items,
    }
    if annotations is None and dynamics is None:
        raise DataError("neither annotations nor dynamics were given")
    for name, frame in given.items():
        if frame is not None:
            check_frame(frame, name, ())
    if len(set(columns.values())) < len(columns):
        raise DataError("one column stands for two names", file="columns", found=dict(columns))
    tables = {}
    used: set[str] = set()
    rating_columns = {c for frame in (annotations, dynamics) if frame is not None for c in frame}
    for name, frame in given.items():
        if frame is None:
            continue
        own = schema.variables(f"/{name}")
        elsewhere = rating_columns if name in ("participants", "items") else set()
        here = {
            theirs: ours
            for ours, theirs in columns.items()
            if theirs in frame and (ours in own or theirs not in elsewhere)
        }
        both = [o for t, o in here.items() if o in frame and o != t and o not in here]
        if both:
            raise DataError(
                f"{columns[both[0]]!r} is to be the {both[0]}, and another column is called so; "
                "rename that one, or drop it",
                file=name,
                column=both[0],
            )
        used |= set(here)
        frame = frame.rename(columns=here)
        tables[name] = _text_names(frame, name)
    unused = [theirs for theirs in columns.values() if theirs not in used]
    if unused and backwards(columns, {n: f for n, f in given.items() if f is not None}):
        raise DataError(
            "columns is the wrong way round: the name used here comes first",
            file="columns",
            found=dict(columns),
            expected=str({str(theirs): str(ours) for ours, theirs in columns.items()}),
        )
    if unused:
        raise DataError("no table has the column", file="columns", column=unused[0])
    return tables


def _text_names(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Table whose column names are texts that can be stored, each once."""
    frame = text_columns(frame, name)
    for column in filter(storage_problem, map(str, frame)):
        check_stored_name(column, name)
    return frame


def _dimensions(
    tables: Mapping[str, pd.DataFrame], names: Sequence[str] | None, *, labelled: bool
) -> list[str]:
    """Rated dimensions, each in one of the two tables; a study of labels needs none."""
    places = {name: tables[name] for name in ("annotations", "dynamics") if name in tables}
    if names is None:
        names = [n for n in ("arousal", "valence") if any(n in frame for frame in places.values())]
        if not names and not labelled:
            raise DataError(
                "no rated dimension; name them in dimensions, or give dimensions=[] for a study "
                "of labels alone",
                file=" and ".join(places),
                expected="arousal or valence",
            )
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, Iterable):
        raise DataError("not a sequence of names", file="dimensions", found=names)
    names = list(names)
    for name in names:
        check_text("a dimension", name)
        if name in (*OWN, *schema.variables("/annotations"), *LABEL_COLUMNS):
            raise DataError("name has another meaning", file="dimensions", found=name)
        found = [place for place, frame in places.items() if name in frame]
        if not found:
            raise DataError("column is missing", file=" and ".join(places), column=name)
        if len(found) == 2:
            raise DataError(
                "dimension stands in both tables", file=" and ".join(found), column=name
            )
    return names


def _extras(frame: pd.DataFrame, keys: pd.DataFrame, taken: Sequence[str]) -> pd.DataFrame:
    """Keys, masks and further columns of the annotations, rows as given."""
    check_not_ours(map(str, frame), "annotations")
    frame = frame.drop(columns=list(taken), errors="ignore")
    frame = frame.assign(**{str(key): keys[key] for key in keys})
    frame = typed(frame, "annotations").reset_index(drop=True)
    masks = [name for name in ("keep_dynamic", "keep_labels") if name not in frame]
    return frame.assign(**dict.fromkeys(masks, True))


def _exclusions(extras: pd.DataFrame, outside: Sequence[tuple[int, str]]) -> list[dict[str, Any]]:
    """Rows of `/exclusions`: masks that the table brought, and annotations beyond the scale."""
    rows = [
        {"annotation": int(row), "mask": mask, "reason": "marked as excluded in the table"}
        for mask in ("keep_dynamic", "keep_labels")
        for row in np.flatnonzero(~extras[mask])
    ]
    rows += [{"annotation": n, "mask": "keep_dynamic", "reason": reason} for n, reason in outside]
    return rows


def _log_unused(
    dynamics: pd.DataFrame,
    rated: Sequence[str],
    recordings: Recordings,
    count: int,
    log: Log,
) -> None:
    unused = [str(c) for c in dynamics.columns if c not in (*schema.ALL_KEYS, "time", *rated)]
    if unused:
        log.add("dynamics", "columns not used: " + ", ".join(unused), len(unused))
    without = count - len(np.unique(recordings.annotation))
    if without:
        log.add("dynamics", "annotations without a recording: values missing", without)


def _check_assigned(assigned: Mapping[str, str] | None, frames: Sequence[pd.DataFrame]) -> None:
    for name, how in (assigned or {}).items():
        if how not in schema.ASSIGNED:
            raise DataError(
                "unknown assignment",
                file="assigned",
                column=name,
                found=how,
                expected=", ".join(schema.ASSIGNED),
            )
        if not any(name in frame for frame in frames):
            raise DataError("no table has the column", file="assigned", column=name)

"""Studies as audformat databases: a table per rating, modality and session, a column per rater."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import check_choice, check_flag, check_path
from ...errors import DataError, boundary
from ...extras import optional_module
from ...files import whole_path
from ...quiet import quiet
from .. import schema
from ..access import dimensions_of, frame_of, question_of, to_long
from ..gate import scale_of, takes_study
from ..io import refuse_taken
from ..tables import from_frames
from .files import refuse_bomb

#: Tables of traits that this package writes, with the level of their index.
_TRAITS = {"participants": "participant", "items": "item"}

#: Columns of the table of labels, by their names in a study.
_LABELS = {
    "label_name": "label_name",
    "label_category": "category",
    "label_superfactor": "superfactor",
}

#: Number of a rating whose rater is not known, among those of its item.
_RATING = "rating without a rater"

#: File that describes a database; how deep its parts are nested, and how long it is, at most.
_HEADER = "db.yaml"
_DEEPEST, _LARGEST_HEADER = 50, 16 * 1024**2

_KEYS = ("item", "modality", "participant", "session")


def _audformat() -> Any:
    return optional_module("audformat", "audformat")


# ------------------------------------------------------------------------- writing


@takes_study
@boundary("the study cannot be written as an audformat database", file="audformat database")
def write_audformat(
    data: xr.DataTree, folder: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write the ratings of a study as an audformat database.

    Parameters
    ----------
    data : DataTree
        The study.
    folder : path
        Folder of the database.
    overwrite : bool
        Whether to replace what is there.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        When the folder is there already.
    MissingExtraError
        Without the package audformat (extra ``audformat``).

    See Also
    --------
    read_audformat : The way back.
    save_dataset : Keeps everything, with features and exclusions.

    Notes
    -----
    A table holds one rated dimension, label or other column of the annotations, in one modality and
    session: a row per item, for continuous ratings a segment per time step, and a column per
    participant, who is a rater of the database. Participants and items have a table of traits each.
    Scales are limits of the schemes. Features, words of ordinal scales, reasons of exclusions and
    the log are not written; excluded values are, as they were recorded, with the table
    ``keep_dynamic`` or ``keep_labels`` beside them.

    References
    ----------
    Wagner, J., Wierstorf, H. et al. audformat: specification and reference implementation.
    https://audeering.github.io/audformat/

    Examples
    --------
    >>> import tempfile
    >>> from muvistats import read_audformat, simulate_muvi, write_audformat
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     back = read_audformat(write_audformat(study, f"{folder}/ratings"))
    >>> float(abs(back["annotations/arousal"] - study["annotations/arousal"]).max())
    0.0
    """
    kinds = _audformat()
    check_flag("overwrite", overwrite)
    place = check_path("folder", folder)
    refuse_taken(place, overwrite=overwrite)
    if place.exists() and not (place / _HEADER).is_file() and not _is_empty(place):
        raise DataError("this is no audformat database and is not replaced", file=place)
    with quiet():  # of what pandas says to audformat
        database = _database(kinds, data)
        with whole_path(place) as temporary:
            database.save(str(temporary))
    return place


def _is_empty(place: Path) -> bool:
    return place.is_dir() and not any(place.iterdir())


def _database(kinds: Any, data: xr.DataTree) -> Any:
    """The study as a database in memory."""
    annotations = data["annotations"].to_dataset()
    dimensions = dimensions_of(data)
    database = kinds.Database(
        str(data.attrs["study"]),
        source=str(data.attrs["source"]),
        usage="other",
        description="simulated ratings" if data.attrs["simulated"] else None,
        meta={"muvistats": _own_words(data)},
    )
    for name in dimensions:
        low, high = scale_of(annotations[name])
        database.schemes[name] = kinds.Scheme("float", minimum=low, maximum=high)
    frame = frame_of(data, masks=False)
    for group, key in _TRAITS.items():
        if group in data.children:
            traits = frame.drop_duplicates(key).set_index(key)
            order = data[f"{group}/{key}"].to_index()
            kept = [name for name in data[group].data_vars if name in traits]
            _write_traits(kinds, database, group, traits.loc[order[order.isin(traits.index)], kept])
    if "label" in annotations.coords:
        known = {name: column for name, column in _LABELS.items() if name in annotations}
        table = {column: annotations[name].to_numpy() for name, column in known.items()}
        labels = pd.DataFrame(table, annotations["label"].to_index())
        _write_traits(kinds, database, "labels", labels)
    for name in _written(data, frame):
        _write_ratings(kinds, database, name, frame)
    dynamic = [name for name in dimensions if "time" in annotations[name].dims]
    if dynamic:
        long = to_long(data)
        steps = np.diff(annotations["time"].to_numpy())
        step = float(steps.min()) if len(steps) else 0.0
        for name in dynamic:
            _write_ratings(kinds, database, name, long, step)
    return database


def _own_words(data: xr.DataTree) -> dict[str, Any]:
    """What a study says of itself, and audformat has no place for."""
    annotations = data["annotations"].dataset
    schemes = schema.variables("/annotations")
    assigned = {str(n): v.attrs.get("assigned") for n, v in annotations.data_vars.items()}
    return {
        "dimensions": dimensions_of(data),
        "question": question_of(data),
        "modalities": list(schema.decode_levels(annotations["modality"].attrs["levels"])),
        "assigned": {n: str(how) for n, how in assigned.items() if how and n not in schemes},
        "simulated": int(data.attrs["simulated"]),
        "label_alignment": str(data.attrs["label_alignment"]),
    }


def _written(data: xr.DataTree, frame: pd.DataFrame) -> list[str]:
    """Columns of the annotation frame that hold one value of each annotation."""
    stored = data["annotations"].dataset
    names = [name for name in frame if name in stored and stored[name].dims == ("annotation",)]
    keys = schema.keys_in(stored.coords)
    kept = [n for n in names if n in ("keep_dynamic", "keep_labels") and bool(frame[n].all())]
    question = [frame.attrs["question"]] if frame.attrs["question"] else frame.attrs["labels"]
    return [*(n for n in names if n not in (*keys, *kept, "annotation")), *question]


def _scheme(kinds: Any, values: pd.Series) -> Any:
    """What audformat is told of a column, beside those of ratings."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return kinds.Scheme("str", labels=[str(level) for level in values.cat.categories])
    for kind, known in (
        ("bool", pd.api.types.is_bool_dtype(values.dtype)),
        ("int", pd.api.types.is_integer_dtype(values.dtype)),
        ("float", pd.api.types.is_float_dtype(values.dtype)),
    ):
        if known:
            return kinds.Scheme(kind)
    return kinds.Scheme("str")


def _write_traits(kinds: Any, database: Any, group: str, traits: pd.DataFrame) -> None:
    """A table of traits, one row per participant, item or label."""
    table = database[group] = kinds.MiscTable(traits.index.astype("str"))
    for name, values in traits.items():
        database.schemes[f"{group}.{name}"] = _scheme(kinds, values)
        table[name] = kinds.Column(scheme_id=f"{group}.{name}")
        table[name].set(values.to_numpy())


def _write_ratings(
    kinds: Any, database: Any, name: str, frame: pd.DataFrame, step: float | None = None
) -> None:
    """Tables of one rating, label or flag; of segments where a step of time is given."""
    values = frame[name]
    if name in frame.attrs.get("labels", []):  # 0, 1 or missing
        values = values.astype("boolean")
    if name not in database.schemes:
        database.schemes[name] = _scheme(kinds, values)
    known = "participant" in frame
    rater = frame["participant"] if known else _number(frame)
    apart = [key for key in ("modality", "session") if key in frame]
    several = [key for key in apart if len(frame[key].unique()) > 1]
    for level, part in frame.assign(**{name: values}).groupby(apart, observed=True, sort=False):
        where = dict(zip(apart, map(str, level), strict=True))
        index = [part[key] for key in ("item", "time") if key == "item" or step is not None]
        index.append(rater.loc[part.index].rename("rater"))
        wide = pd.Series(part[name].array, pd.MultiIndex.from_arrays(index)).unstack()  # noqa: PD010
        title = ".".join([name, *(where[key] for key in several)])
        table = database[_free(database, title)] = kinds.Table(
            _index(kinds, wide, step), meta={"name": name, **where}
        )
        for column in wide:
            if known and column not in database.raters:
                database.raters[column] = kinds.Rater("human")
            table[column] = kinds.Column(scheme_id=name, rater_id=column if known else None)
            table[column].set(wide[column].array)


def _number(frame: pd.DataFrame) -> pd.Series:
    """Number of a rating without an id among those of its item, from 1."""
    keys = [key for key in (*_KEYS, "time") if key in frame]
    return (frame.groupby(keys, observed=True).cumcount() + 1).astype("str")


def _index(kinds: Any, wide: pd.DataFrame, step: float | None) -> Any:
    if step is None:
        return kinds.filewise_index(wide.index.astype("str"))
    start = pd.to_timedelta(wide.index.get_level_values(1), unit="s")
    end = start + pd.to_timedelta(step, unit="s")
    return kinds.segmented_index(wide.index.get_level_values(0).astype("str"), start, end)


def _free(database: Any, name: str) -> str:
    """A name of a table that can be the name of a file, and that no other table has."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)
    taken = {str(table).lower() for table in (*database.tables, *database.misc_tables)}
    numbers = (f"{plain}-{number}" for number in range(2, len(taken) + 3))
    return next(each for each in (plain, *numbers) if each.lower() not in taken)


# ------------------------------------------------------------------------- reading


@boundary("the database cannot be read", file="audformat database")
def read_audformat(
    folder: str | os.PathLike[str],
    *,
    tables: Sequence[str] | None = None,
    segments: Literal["item", "time"] = "item",
    dimensions: Sequence[str] | None = None,
    labels: str | Sequence[str] | None = None,
    scale: tuple[float, float] | Mapping[str, tuple[float, float]] | None = None,
    items: pd.DataFrame | None = None,
) -> xr.DataTree:
    """Read an audformat database, such as `write_audformat` or audb make it.

    Parameters
    ----------
    folder : path
        Folder of the database.
    tables : sequence of str, optional
        Tables that hold ratings; all with files where not given.
    segments : {"item", "time"}
        Whether a segment of a file is an item of its own, or a time step of a continuous rating.
        Tables of `write_audformat` say it themselves.
    dimensions : sequence of str, optional
        Schemes that are rated dimensions. By default those of numbers with a lowest and a highest
        value.
    labels : str or sequence of str, optional
        Scheme of which each rater chose one label, or schemes of yes and no. By default the only
        scheme of texts with labels, or else all schemes of yes and no.
    scale : tuple of float, or mapping of str to tuple of float, optional
        As in `from_frames`; by default the limits of the schemes.
    items : DataFrame, optional
        Traits of the items, which are files, or files with the seconds of a segment.

    Returns
    -------
    DataTree
        The study.

    Raises
    ------
    DataError
        When there is no such database or table, no table has files, or a rating stands twice.
    MissingExtraError
        Without the package audformat (extra ``audformat``).

    See Also
    --------
    write_audformat : The way back.
    from_frames : Tables of any other form.

    Notes
    -----
    A column with a rater is the ratings of one participant; columns without one, such as a gold
    standard, are left out of a table that has both. Where no column has a rater, nobody knows who
    rated, and each column is one rating of each item. What a rating is called is its scheme, or
    the column where it has none. Traits are those that the database holds of its raters.

    Tables are read from Parquet or CSV; pickles beside them, and objects of Python in the header,
    could run code and are not read.

    Examples
    --------
    >>> import tempfile
    >>> from muvistats import read_audformat, simulate_muvi, write_audformat
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     back = read_audformat(write_audformat(study, f"{folder}/ratings"))
    >>> back["participants"].sizes["participant"]
    12
    """
    check_choice("segments", segments, ("item", "time"))
    place = check_path("folder", folder)
    if not (place / _HEADER).is_file():
        raise DataError("no audformat database here", file=place, expected=f"a file {_HEADER}")
    with quiet():  # of what pandas says to audformat
        database = _header(place)
        static, dynamic = _frames(database, place, tables, segments)
    own = database.meta.get("muvistats", {})
    rated = own.get("dimensions") if dimensions is None else list(dimensions)
    if rated is None:
        rated = [name for name in _names(static, dynamic) if _limits(database, name) is not None]
    limits = {name: found for name in rated if (found := _limits(database, name)) is not None}
    given: dict[str, Any] = {"dimensions": rated, "scale": limits if scale is None else scale}
    chosen = (own.get("question") or _labels(database, static)) if labels is None else labels
    if chosen:
        given["labels"] = _with_names(database, chosen)
    if any("participant" in each for each in (static, dynamic)):
        given["participants"] = _people(database)
    given["items"] = _traits(database, "items") if items is None else items
    kept = ("modalities", "label_alignment", "assigned", "simulated")
    given |= {name: own[name] for name in kept if name in own}
    if own:
        given["simulated"] = bool(own["simulated"])
    return from_frames(
        None if static.empty else static,
        dynamics=None if dynamic.empty else dynamic,
        study=database.name,
        source=database.source or "",
        **given,
    )


def _header(place: Path) -> Any:
    """The database as its header describes it, without its tables.

    Not `Database.load`: that lets a header make any object of Python, and so run code.
    """
    yaml = optional_module("yaml", "audformat")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    file = place / _HEADER
    with boundary("header of the database cannot be read", file=file):
        text = file.read_text(encoding="utf-8")
        opened, closed = yaml.CollectionStartEvent, yaml.CollectionEndEvent
        depth = itertools.accumulate(
            isinstance(event, opened) - isinstance(event, closed)
            for event in yaml.parse(text, Loader=loader)
        )
        if any(level > _DEEPEST for level in depth):  # deeper ones bring the process down
            raise DataError("nested too deeply", file=file, expected=f"at most {_DEEPEST} levels")
        header = yaml.load(text, Loader=loader)
        size = itertools.accumulate(map(len, json.JSONEncoder(default=str).iterencode(header)))
        if any(length > _LARGEST_HEADER for length in size):  # parts that refer to parts
            expected = f"at most {_LARGEST_HEADER} characters"
            raise DataError("header is too large", file=file, expected=expected)
        return _audformat().Database.load_header_from_yaml(header)


def _load_tables(database: Any, place: Path, names: Sequence[str]) -> None:
    """Read tables from Parquet or CSV, never from the pickles beside them, which can run code.

    audformat takes a pickle wherever there is one, so it is shown a copy of the table alone.
    """
    files = {path.name: path for path in place.iterdir() if path.is_file()}
    with tempfile.TemporaryDirectory(prefix="muvistats-") as passing:
        for number, name in enumerate(names):
            kinds = [kind for kind in (".parquet", ".csv") if f"db.{name}{kind}" in files]
            if not kinds:
                problem = "no table in Parquet or CSV; pickles can run code and are not read"
                raise DataError(problem, file=place, found=name, expected=f"db.{name}.csv")
            source, copy = files[f"db.{name}{kinds[0]}"], Path(passing, str(number))
            refuse_bomb(source, kinds[0])
            shutil.copyfile(source, copy.with_suffix(kinds[0]))
            with boundary("not a readable table", file=source):
                database[name].load(str(copy))


def _frames(
    database: Any, place: Path, tables: Sequence[str] | None, segments: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row per annotation, and a row per time step of those that are continuous."""
    names = list(database.tables) if tables is None else list(tables)
    known = ", ".join(database.tables)
    for name in names:
        if name not in database.tables:
            raise DataError("no such table with files", file=place, found=name, expected=known)
    _load_tables(database, place, [*database.misc_tables, *names])
    parts: dict[bool, dict[str, list[pd.DataFrame]]] = {True: {}, False: {}}
    for name in names:
        table = database.tables[name]
        timed = table.is_segmented and (segments == "time" or "name" in table.meta)
        for scheme, part in _ratings(table, timed=timed):
            parts[timed].setdefault(scheme, []).append(part)
    if not parts[True] and not parts[False]:
        raise DataError("no table of ratings", file=place, expected="tables with files")
    return _by_key(parts[False]), _by_key(parts[True])


def _ratings(table: Any, *, timed: bool) -> Iterator[tuple[str, pd.DataFrame]]:
    """What was rated, and a long frame, of each column that holds ratings."""
    columns, frame = table.columns, table.df
    raters = [column for column in columns if columns[column].rater_id is not None]
    keys: dict[str, Any] = {"item": frame.index.get_level_values("file").astype("str")}
    keys |= {key: str(table.meta[key]) for key in ("modality", "session") if key in table.meta}
    if timed:
        keys["time"] = frame.index.get_level_values("start").total_seconds()
    elif table.is_segmented:
        keys["item"] = keys["item"] + _seconds(frame.index)
    number: dict[str, int] = {}
    for column in raters or columns:
        scheme = columns[column].scheme_id or table.meta.get("name", column)
        number[scheme] = number.get(scheme, 0) + 1
        who = {"participant": columns[column].rater_id} if raters else {_RATING: number[scheme]}
        part = pd.DataFrame(keys | who | {"value": frame[column].array})
        yield scheme, part[part["value"].notna()]


def _seconds(index: pd.MultiIndex) -> pd.Index:
    """Seconds of a segment, as part of the name of an item; nothing for a whole file."""
    start, end = (
        pd.TimedeltaIndex(index.get_level_values(level)).total_seconds()
        for level in ("start", "end")
    )
    texts = [
        "" if np.isnan(high) and low == 0 else f" {low:g}-{'' if np.isnan(high) else f'{high:g}'} s"
        for low, high in zip(start, end, strict=True)
    ]
    return pd.Index(texts, dtype="str")


def _by_key(parts: Mapping[str, Sequence[pd.DataFrame]]) -> pd.DataFrame:
    """A row for each annotation, or time step of one, with a column for each rating."""
    if not parts:
        return pd.DataFrame()
    long = {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}
    keys = [key for key in (*_KEYS, _RATING, "time") if any(key in each for each in long.values())]
    columns = {}
    for name, frame in long.items():
        columns[name] = frame.set_index(keys)["value"]
        twice = columns[name].index.duplicated()
        if twice.any():
            found = columns[name].index[twice][0]
            raise DataError("a rating stands twice", column=name, found=found)
    return pd.concat(columns, axis=1).reset_index().drop(columns=_RATING, errors="ignore")


def _names(*frames: pd.DataFrame) -> list[str]:
    found = dict.fromkeys(str(name) for frame in frames for name in frame.columns)
    return [name for name in found if name not in (*_KEYS, "time")]


def _limits(database: Any, name: str) -> tuple[float, float] | None:
    """Lowest and highest value of a scheme of numbers; None of others."""
    scheme = database.schemes.get(name)
    if scheme is None or scheme.minimum is None or scheme.maximum is None:
        return None
    return float(scheme.minimum), float(scheme.maximum)


def _labels(database: Any, static: pd.DataFrame) -> str | list[str] | None:
    """The scheme of answers, or those of yes and no."""
    known = {name: database.schemes[name] for name in _names(static) if name in database.schemes}
    answers = [name for name, scheme in known.items() if scheme.labels is not None]
    if (table := _traits(database, "labels")) is not None:
        return list(table["label"])
    if len(answers) == 1:
        return answers[0]
    return [name for name, scheme in known.items() if scheme.dtype == "bool"] or None


def _traits(database: Any, group: str) -> pd.DataFrame | None:
    """A table of traits as `write_audformat` writes it."""
    if group not in database.misc_tables:
        return None
    with quiet():
        table: pd.DataFrame = database[group].df
    return table.reset_index()


def _with_names(database: Any, labels: str | Sequence[str]) -> str | list[str] | pd.DataFrame:
    """Labels with their names and categories, where the database has these."""
    table = _traits(database, "labels")
    if isinstance(labels, str):
        return labels
    if table is None or list(table.columns) == ["label"] or set(labels) != set(table["label"]):
        return list(labels)
    return table


def _people(database: Any) -> pd.DataFrame | None:
    """Traits of the raters: their table, or what the database says of each."""
    table = _traits(database, "participants")
    if table is not None:
        return table
    told = {name: dict(rater.meta) for name, rater in database.raters.items()}
    if not any(told.values()):
        return None
    frame = pd.DataFrame.from_dict(told, orient="index")
    return frame.rename_axis("participant").reset_index()

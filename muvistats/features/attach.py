"""Give extracted features to a study."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from ..dataset import schema
from ..dataset.access import need_study
from ..dataset.build import Features, Log, feature_dataset, log_dataset
from ..dataset.gate import takes_study
from ..dataset.io import refuse_taken
from ..dataset.validation import validate
from ..errors import DataError
from ..files import whole_path
from .extraction import extraction_log

#: Times that differ by less are the same, in s.
_SAME_TIME = 1e-6


@takes_study
def with_features(
    data: xr.DataTree,
    features: xr.Dataset | pd.DataFrame,
    *,
    kind: Literal["audio", "visual"] | None = None,
    overwrite: bool = False,
) -> xr.DataTree:
    """Give a study the features of its items, from an extraction or from a table of your own.

    Parameters
    ----------
    data : DataTree
        The study. It is left as it is.
    features : Dataset or DataFrame
        Either what `features.audio.extract` or `features.visual.extract` returned: `values` (item,
        time, feature) and `family` (feature). Or a table: a row per `item` and `time`, a column per
        feature. The family of a column is its name up to the first underscore.
    kind : {"audio", "visual"}, optional
        Which group they become. An extraction says so by itself, a table does not.
    overwrite : bool
        Whether to replace features of this kind that the study has.

    Returns
    -------
    DataTree
        A new study with `/features/audio` or `/features/visual`: `values` with dims (item, time,
        feature), items in the order of `/items`. What the extraction had to say is added to `/log`.

    Raises
    ------
    DataError
        When a feature item is not in the study or stands twice, the study has such features
        already, the features lack what the schema asks for, a column holds no numbers, or the two
        time grids are not one.

    See Also
    --------
    features.audio.extract : Features of sound files.
    features.visual.extract : Features of video files.
    feature_models : Models that predict ratings from them.
    extraction_failures : The files that could not be read.

    Notes
    -----
    *Time* is the start of a window, in seconds from the beginning of the excerpt. Windows must
    begin at the times of the ratings (every 0.5 s in MuVi); either of the two may be longer.
    Features keep their units.

    *Missing values.* Items of the study without features get NaN, and `/log` names them. Missing
    values of single windows stay missing; `feature_models` says what it does with them.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from muvistats import simulate_muvi, with_features
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> seconds = study["annotations/time"].values
    >>> table = pd.DataFrame({"item": np.repeat(study["items/item"].values, len(seconds))})
    >>> table["time"] = np.tile(seconds, 9)
    >>> table["loudness_mean"] = np.sin(table["time"])
    >>> study = with_features(study, table, kind="audio")
    >>> dict(study["features/audio/values"].sizes)
    {'item': 9, 'time': 120, 'feature': 1}
    >>> study["features/audio/family"].values.tolist()
    ['loudness']
    """
    need_study(data)
    if not isinstance(features, xr.Dataset | pd.DataFrame):
        raise DataError(
            "no features",
            found=type(features).__name__,
            expected="a Dataset of an extraction, or a table with item, time and features",
        )
    name = kind or features.attrs.get("kind")
    if name not in ("audio", "visual"):
        raise DataError("kind of the features is not known", found=name, expected="audio or visual")
    group = f"/features/{name}"
    if isinstance(features, pd.DataFrame):
        features = _of_table(features, name)
    if group in data.groups and not overwrite:
        raise DataError("the study has them already; overwrite=True replaces them", file=group)
    for variable in schema.variables(group).values():
        if variable.name not in features.variables:
            raise DataError("variable is missing", file=group, column=variable.name)
    items = [str(item) for item in data["items/item"].to_numpy()]
    log = Log(extraction_log(features))
    _check_items(items, [str(item) for item in features["item"].to_numpy()], group, log)
    _check_grid(data, features, group)
    dataset = features.reindex(item=items).transpose("item", "time", "feature", ...)
    for variable in schema.variables(group).values():  # the join of items drops attributes
        dataset[variable.name].attrs = dict(variable.attrs)
        if variable.kind == "text":  # NetCDF gives texts back as objects
            dataset[variable.name] = dataset[variable.name].astype(str)
    dataset.attrs = {k: v for k, v in features.attrs.items() if k not in ("failures", "log")}
    groups = {node.path: node.to_dataset(inherit=False) for node in data.subtree}
    groups[group] = dataset
    groups["/log"] = _longer_log(groups.get("/log"), log)
    study = xr.DataTree.from_dict(groups, name=data.name)
    study.attrs = dict(data.attrs)
    validate(study)
    return study


def _of_table(table: pd.DataFrame, kind: str) -> xr.Dataset:
    """The group of features that a table with a row per item and window is."""
    keys = ["item", "time"]
    for key in keys:
        if key not in table:
            raise DataError("the table of features lacks a column", column=key)
    names = [str(name) for name in table.columns if name not in keys]
    wrong = [name for name in names if not pd.api.types.is_numeric_dtype(table[name].dtype)]
    if wrong or not names:
        raise DataError(
            "a feature is a column of numbers",
            column=wrong[0] if wrong else None,
            found=table[wrong[0]].dtype if wrong else "no further column",
        )
    windows = table.astype({"item": str, "time": float}).set_index(keys)
    if windows.index.has_duplicates:
        twice = windows.index[windows.index.duplicated()][0]
        raise DataError("a window stands twice", row=f"item {twice[0]}, time {twice[1]:g}")
    items, time = (list(dict.fromkeys(windows.index.get_level_values(key))) for key in keys)
    time.sort()
    whole = windows.reindex(pd.MultiIndex.from_product([items, time], names=keys))
    values = whole.to_numpy(dtype=float).reshape(len(items), len(time), len(names))
    families = [name.partition("_")[0] for name in names]
    return feature_dataset(kind, Features(values, items, names, families), time=np.array(time))


def save_features(
    features: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Store extracted features as one NetCDF file, which `xarray.open_dataset` reads.

    Numbers carry checksums: where a bit has flipped since, reading them is an error.

    Parameters
    ----------
    features : Dataset
        What an extraction returned.
    path : path
        The file. It is written under a temporary name and renamed when it is whole.
    overwrite : bool
        Whether to replace what is there.

    Returns
    -------
    Path
        Where it was stored.

    Raises
    ------
    DataError
        When something is there already.
    """
    path = Path(path)
    refuse_taken(path, overwrite=overwrite)
    numbers = [name for name, v in features.variables.items() if v.ndim and v.dtype.kind in "fiub"]
    checked = {name: {"fletcher32": True} for name in numbers}
    with whole_path(path) as temporary:
        features.to_netcdf(temporary, engine="h5netcdf", encoding=checked)
    return path


def _check_items(items: list[str], named: list[str], group: str, log: Log) -> None:
    if len(set(named)) != len(named):
        twice = next(item for item in named if named.count(item) > 1)
        raise DataError("item stands twice", file=group, column="item", found=twice)
    strange = [item for item in named if item not in set(items)]
    if strange:
        raise DataError(
            f"{len(strange)} of {len(named)} feature items are not in the study",
            file=group,
            column="item",
            found=", ".join(strange[:5]),
            expected=f"names like {', '.join(items[:3])}",
        )
    absent = [item for item in items if item not in set(named)]
    if absent:
        log.add(group, f"items without features: {', '.join(absent)}", len(absent))


def _check_grid(data: xr.DataTree, features: xr.Dataset, group: str) -> None:
    """Windows and annotations share their times, as far as both go."""
    annotations = data["annotations"].to_dataset()
    if "time" not in annotations.coords:
        return
    rated, windows = annotations["time"].to_numpy(), features["time"].to_numpy()
    common = min(len(rated), len(windows))
    apart = np.flatnonzero(np.abs(rated[:common] - windows[:common]) > _SAME_TIME)
    if len(apart):
        first = int(apart[0])
        raise DataError(
            "windows do not start at the times of the annotations",
            file=group,
            row=first,
            column="time",
            found=float(windows[first]),
            expected=f"{float(rated[first]):g} s",
        )


def _longer_log(old: xr.Dataset | None, log: Log) -> xr.Dataset:
    """The study's log with the new entries behind the old ones."""
    entries = []
    if old is not None:
        columns = (old[name].to_numpy().tolist() for name in ("source", "action", "count"))
        entries = [(str(s), str(a), int(c)) for s, a, c in zip(*columns, strict=True)]
    return log_dataset(Log([*entries, *log.entries]))

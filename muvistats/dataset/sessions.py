"""Repeated ratings where raters are compared: nobody is compared with themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from ..types import Floats, Ints
from . import schema
from .access import dimensions_of


def cell_codes(annotations: xr.Dataset) -> Ints:
    """Number of the item, modality and session of each annotation, in the order of appearance."""
    keys = [pd.factorize(annotations[k].to_numpy())[0] for k in _CELL if k in annotations.coords]
    codes = np.zeros(annotations.sizes["annotation"], dtype=np.int64)
    for key in keys:
        codes = codes * (int(key.max(initial=0)) + 1) + key
    return np.asarray(pd.factorize(codes)[0], dtype=np.int64)


_CELL = ("item", "modality", "session")


def by_session(data: xr.DataTree) -> tuple[xr.DataTree, Ints]:
    """Annotations by item, modality and session, so that those of a session stand together.

    Parameters
    ----------
    data : DataTree
        A study; one without sessions comes back as it is.

    Returns
    -------
    data : DataTree
        The study, its annotations in another order.
    back : ndarray of int, shape (annotation,)
        Row in the new study of each annotation of the old one.
    """
    annotations = data["annotations"].to_dataset()
    if "session" not in annotations.coords:
        return data, np.arange(annotations.sizes["annotation"])
    levels = pd.Index(schema.decode_levels(annotations["session"].attrs["levels"]))
    session = levels.get_indexer(pd.Index(annotations["session"].to_numpy()))
    order = np.lexsort((session, np.cumsum(_starts(annotations, ("item", "modality")))))
    return _with_annotations(data, annotations.isel(annotation=order)), np.argsort(order)


def by_rater(data: xr.DataTree) -> tuple[xr.DataTree, Ints]:
    """One annotation of each rater in a cell: the mean of their sessions.

    Parameters
    ----------
    data : DataTree
        A study; one without sessions comes back as it is.

    Returns
    -------
    data : DataTree
        The study, its rated dimensions averaged over sessions. Excluded annotations do not enter;
        a time step that one of the sessions lacks is missing. Dimensions are read into memory.
    row : ndarray of int, shape (annotation,)
        Row in the new study of each annotation of the old one.
    """
    annotations = data["annotations"].to_dataset()
    if "session" not in annotations.coords:
        return data, np.arange(annotations.sizes["annotation"])
    new = _starts(annotations, ("item", "modality", "participant"))
    starts, row = np.flatnonzero(new), np.cumsum(new) - 1
    keep = annotations["keep_dynamic"].to_numpy()
    names = dimensions_of(data)
    joint = annotations.drop_vars([*names, "session"]).isel(annotation=starts)
    kept = joint["keep_dynamic"].copy(data=np.logical_or.reduceat(keep, starts))
    means = {
        name: annotations[name]
        .isel(annotation=starts)
        .copy(data=_mean_of_sessions(annotations[name].to_numpy(), keep, starts))
        for name in names
    }
    return _with_annotations(data, joint.assign({"keep_dynamic": kept, **means})), row


def _mean_of_sessions(values: Floats, keep: np.ndarray, starts: Ints) -> Floats:
    """Mean of the rows of each group that hold a value; NaN at steps that one of them lacks."""
    columns = values.reshape(len(values), -1).astype(float)
    rated = keep & ~np.isnan(columns).all(axis=1)
    count = np.add.reduceat(rated.astype(float), starts)[:, None]
    sums = np.add.reduceat(np.where(rated[:, None], columns, 0.0), starts, axis=0)
    means = np.divide(sums, count, out=np.full_like(sums, np.nan), where=count > 0)
    return means.reshape(len(starts), *values.shape[1:])


def _starts(annotations: xr.Dataset, keys: tuple[str, ...]) -> np.ndarray:
    """Whether an annotation differs in its keys from the one before it."""
    new = np.zeros(annotations.sizes["annotation"], dtype=bool)
    new[:1] = True
    for key in keys:
        texts = annotations[key].to_numpy()
        new[1:] |= texts[1:] != texts[:-1]
    return new


def _with_annotations(data: xr.DataTree, annotations: xr.Dataset) -> xr.DataTree:
    """The study with another table of annotations."""
    parts = {node.path: node.to_dataset(inherit=False) for node in data.subtree}
    tree = xr.DataTree.from_dict(parts | {"/annotations": annotations}, name=data.name)
    tree.attrs = dict(data.attrs)
    return tree

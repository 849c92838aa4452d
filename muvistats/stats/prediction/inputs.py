"""Features and gold standard of a study on common time steps, items in release order."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from ...arguments import check_choice
from ...dataset.access import need_study
from ...dataset.schema import decode_levels
from ...errors import DataError
from ...results.frame import provenance
from ...types import Floats, Ints, Mask, Names
from ..agreement.concordance import dynamic_dimensions
from ..agreement.gold import GOLD, Gold, gold_standard

#: Kinds of features, in order.
KINDS = ("audio", "visual")

#: A feature that is not finite in more than this part of the frames is left out as a whole.
_MOST_MISSING = 0.05

_logger = logging.getLogger("muvistats")


@dataclass(frozen=True)
class Inputs:
    """What the models are fitted to.

    Parameters
    ----------
    items, dimensions, modalities : list of str
        Items in release order, rated dimensions, modalities of the study.
    x : ndarray of float, shape (row, feature)
        Features, the steps of an item below each other; if not raw, centred and scaled over all
        rows for the sake of rounding only, since every fold scales anew.
    item : ndarray of int, shape (row,)
        Position of the row's item.
    time : ndarray of float, shape (row,)
        Seconds from the start of the excerpt.
    gold : ndarray of float, shape (dimension, modality, row)
        Gold standard; NaN for an item that nobody rated in the modality.
    kinds, names, families : ndarray of str, shape (feature,)
        Kind, name and family of each feature.
    present : dict of str to ndarray of bool, shape (item,)
        Whether an item has features of a kind.
    n_missing : ndarray of int, shape (item,)
        Steps of the annotations that are left out.
    notes : dict of str to str
        What was left out of a kind, in words.
    provenance : dict
        Alignment of the labels and whether the data is simulated.
    """

    items: list[str]
    dimensions: list[str]
    modalities: list[str]
    x: Floats
    item: Ints
    time: Floats
    gold: Floats
    kinds: npt.NDArray[Any]
    names: npt.NDArray[Any]
    families: npt.NDArray[Any]
    present: dict[str, Mask]
    n_missing: Ints
    notes: dict[str, str]
    provenance: dict[str, Any]

    def rated(self, dimension: str, modality: str) -> Mask:
        """Items with a gold standard."""
        values = self.gold[self.dimensions.index(dimension), self.modalities.index(modality)]
        out = np.zeros(len(self.items), dtype=bool)
        out[self.item[~np.isnan(values)]] = True
        return out

    def features_of(self, features: str) -> Ints:
        """Columns of a feature set: ``audio``, ``visual`` or ``audio_visual``."""
        return np.flatnonzero(np.isin(self.kinds, features.split("_")))


def has_features(data: xr.DataTree, kind: str) -> bool:
    """Whether a study has features of a kind."""
    return "features" in data.children and kind in data["features"].children


def release_order(data: xr.DataTree) -> list[str]:
    """Items in release order: by ``/items/release_order`` where there is one, else as stored."""
    table = data["items"].dataset
    names = table["item"].to_numpy().astype(str)
    if "release_order" in table.data_vars:
        names = names[np.argsort(table["release_order"].to_numpy(), kind="stable")]
    return [str(name) for name in names]


def feature_inputs(
    data: xr.DataTree,
    *,
    dimension: Names | None = None,
    kinds: Sequence[str] = KINDS,
    raw: bool = False,
    gold: Gold = "ewe",
) -> Inputs:
    """Features and gold standard of a study, on common steps.

    Parameters
    ----------
    data : DataTree
        The study.
    dimension : str, optional
        Rated dimension; all dynamic ones where not given.
    kinds : sequence of str
        Kinds of features that are wanted; those that the study lacks are left out.
    raw : bool
        Leave the features as they are; `rounded_away` centres and scales them later.
    gold : str
        Method of `gold_standard` that makes the target.

    Returns
    -------
    Inputs
        The rows.

    Raises
    ------
    DataError
        When the study has none of these features, or no step in common with them.
    """
    need_study(data)
    names = dynamic_dimensions(data, dimension)
    there = _kinds_there(data, kinds)
    items = release_order(data)
    method = check_choice("gold", gold, GOLD)
    estimator = gold_standard(data, method=method, dimension=dimension)
    rated = estimator.sizes["time"]
    time, blocks = _common_time(data, there, items, estimator["time"].to_numpy())
    steps = np.isin(np.round(estimator["time"].to_numpy(), 3), np.round(time, 3))
    target = (
        estimator["gold_standard"]
        .sel(item=items)
        .transpose("dimension", "modality", "item", "time")
        .to_numpy()[..., steps]
    )
    used, present, columns, notes = _usable_steps(data, blocks, items)
    has_gold = ~np.isnan(target)
    somebody = has_gold.any(axis=-1, keepdims=True)
    used &= (has_gold | ~somebody).all(axis=(0, 1)) & somebody.any(axis=(0, 1))
    where = np.nonzero(used)
    x = np.concatenate(
        [
            np.nan_to_num(blocks[kind][where][:, columns[kind]], posinf=0.0, neginf=0.0)
            for kind in there
        ],
        axis=1,
    )
    if not len(x):
        raise DataError("no item has ratings and features at the same time", file="/features")
    return Inputs(
        items=items,
        dimensions=names,
        modalities=[str(name) for name in estimator["modality"].to_numpy()],
        x=x if raw else rounded_away(x),
        item=where[0],
        time=time[where[1]],
        gold=target[:, :, used],
        **_feature_names(data, columns),
        present=present,
        n_missing=rated - used.sum(axis=1),
        notes=notes,
        provenance=provenance(data),
    )


def item_inputs(data: xr.DataTree, *, kinds: Sequence[str] = KINDS) -> Inputs:
    """Mean features of the items of a study, a row for each that has any, and no gold standard.

    Parameters
    ----------
    data : DataTree
        The study.
    kinds : sequence of str
        Kinds of features that are wanted; those that the study lacks are left out.

    Returns
    -------
    Inputs
        The rows; means are over the frames that `feature_inputs` would use.

    Raises
    ------
    DataError
        When the study has none of these features.
    """
    need_study(data)
    there = _kinds_there(data, kinds)
    items = release_order(data)
    time = data[f"features/{there[0]}/time"].to_numpy()
    _, blocks = _common_time(data, there, items, time, least=1)
    used, present, columns, notes = _usable_steps(data, blocks, items)
    rows = np.flatnonzero(used.any(axis=1))
    weight = used[rows] / used[rows].sum(axis=1, keepdims=True)
    means = [
        np.einsum(
            "it,itf->if",
            weight,
            np.nan_to_num(blocks[kind][rows][..., columns[kind]], posinf=0.0, neginf=0.0),
        )
        for kind in there
    ]
    modalities = decode_levels(data["annotations/modality"].attrs["levels"])
    return Inputs(
        items=items,
        dimensions=[],
        modalities=[str(name) for name in modalities],
        x=rounded_away(np.concatenate(means, axis=1)),
        item=rows,
        time=np.zeros(len(rows)),
        gold=np.empty((0, len(modalities), len(rows))),
        **_feature_names(data, columns),
        present=present,
        n_missing=np.zeros(len(items), dtype=np.int64),
        notes=notes,
        provenance=provenance(data),
    )


def _kinds_there(data: xr.DataTree, kinds: Sequence[str]) -> list[str]:
    """Kinds of features that the study has."""
    there = [kind for kind in kinds if has_features(data, kind)]
    if not there:
        wanted = " or ".join(kinds)
        raise DataError(f"the study has no {wanted} features", file=f"/features/{kinds[0]}")
    return there


def _feature_names(data: xr.DataTree, columns: dict[str, Mask]) -> dict[str, npt.NDArray[Any]]:
    """Kind, name and family of the features that are kept."""
    out = {"kinds": np.repeat(np.array(list(columns), object), [c.sum() for c in columns.values()])}
    for key, name in (("names", "feature"), ("families", "family")):
        groups = [data[f"features/{kind}"].dataset[name].to_numpy() for kind in columns]
        kept = zip(groups, columns.values(), strict=True)
        out[key] = np.concatenate([values.astype(object)[there] for values, there in kept])
    return out


def _common_time(
    data: xr.DataTree, kinds: Sequence[str], items: list[str], rated: Floats, least: int = 2
) -> tuple[Floats, dict[str, Floats]]:
    """Steps that ratings and features share, and the features there, items in this order."""
    groups = {kind: data[f"features/{kind}"].dataset for kind in kinds}
    common = np.round(rated, 3)
    for kind, group in groups.items():
        common = np.intersect1d(common, np.round(group["time"].to_numpy(), 3))
        if len(common) < least:
            raise DataError(
                "features and ratings have fewer than two time steps in common; `resample` puts "
                "ratings on the grid of the features",
                file=f"/features/{kind}",
                column="time",
            )
    blocks = {}
    for kind, group in groups.items():
        steps = np.isin(np.round(group["time"].to_numpy(), 3), common)
        values = group["values"].transpose("item", "time", "feature").to_numpy()[:, steps]
        place = {str(name): i for i, name in enumerate(group["item"].to_numpy())}
        block = np.full((len(items), *values.shape[1:]), np.nan)
        known = [i for i, name in enumerate(items) if name in place]
        block[known] = values[[place[items[i]] for i in known]]
        blocks[kind] = block
    return common, blocks


def _usable_steps(
    data: xr.DataTree, blocks: dict[str, Floats], items: list[str]
) -> tuple[Mask, dict[str, Mask], dict[str, Mask], dict[str, str]]:
    """Steps at which the features of an item are finite, items that have any, features kept."""
    used: Mask = np.ones(next(iter(blocks.values())).shape[:2], dtype=bool)
    present: dict[str, Mask] = {}
    columns: dict[str, Mask] = {}
    notes: dict[str, str] = {}
    for kind, block in blocks.items():
        finite = np.isfinite(block)
        frames: Mask = np.any(finite, axis=2)
        present[kind] = np.any(frames, axis=1)
        if not frames.any():
            raise DataError(f"no {kind} feature is finite", file=f"/features/{kind}")
        columns[kind] = finite[frames].mean(axis=0) >= 1 - _MOST_MISSING
        whole: Mask = np.all(finite[..., columns[kind]], axis=2)
        used &= whole | ~present[kind][:, None]
        absent = [name for name, there in zip(items, present[kind], strict=True) if not there]
        broken = int((present[kind][:, None] & ~whole).sum())
        dropped = data[f"features/{kind}/feature"].to_numpy()[~columns[kind]]
        values = block[frames][:, columns[kind]]
        still = int((np.nanmin(values, axis=0) == np.nanmax(values, axis=0)).sum())
        notes[kind] = _note(kind, absent, dropped, broken, still)
        if notes[kind]:
            _logger.info("%s", notes[kind])
    return used, present, columns, notes


def _note(kind: str, absent: list[str], dropped: Ints, broken: int, still: int) -> str:
    parts = [
        f"items without {kind} features are left out: {_listed(absent)}" if len(absent) else "",
        f"{kind} features that are missing or infinite in more than {_MOST_MISSING:.0%} of the "
        f"frames are left out: {_listed(dropped)}"
        if len(dropped)
        else "",
        f"frames with missing or infinite {kind} features, left out: {broken}" if broken else "",
        f"{still} {kind} features never vary and get no coefficient" if still else "",
    ]
    return "; ".join(part for part in parts if part)


def _listed(names: Sequence[Any] | Ints, most: int = 3) -> str:
    shown = ", ".join(str(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def rounded_away(x: Floats) -> Floats:
    """Columns around 0 and of one order of size, so that sums of products lose no digits."""
    low, high = x.min(axis=0), x.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    out: Floats = (x - x.mean(axis=0)) / width
    return out

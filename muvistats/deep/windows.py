"""Windows over features, items of each fold, and the scale: what training works on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..files import write_arrays, write_whole
from ..kernels.regression.folds import FOLD_SEED, MinMax, fold_labels
from ..kernels.time_grid import grid_under
from ..stats.prediction.inputs import Inputs
from ..types import Floats, Ints, Mask
from .protocols import Protocol

#: Part of the training items whose loss stops the training.
_VALIDATION_SHARE = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """Features and gold standard, item below item, step below step.

    Parameters
    ----------
    x : ndarray of float64, shape (row, feature)
        Features as they are; may be mapped from a file.
    kinds : ndarray of str, shape (feature,)
        Kind of each feature.
    item : ndarray of int, shape (row,)
        Position of the row's item.
    run : ndarray of int, shape (row,)
        Number of steps, this one included, that follow each other without a gap from here on.
    gold : ndarray of float, shape (target, modality, row)
        Gold standard; NaN for an item that nobody rated in the modality.
    present : ndarray of bool, shape (kind, item)
        Whether the item has features of ``audio``, ``visual``.
    targets, modalities : tuple of str
        Names along `gold`.
    """

    x: Floats
    kinds: npt.NDArray[Any]
    item: Ints
    run: Ints
    gold: Floats
    present: Mask
    targets: tuple[str, ...]
    modalities: tuple[str, ...]

    @classmethod
    def of(cls, inputs: Inputs) -> Sequences:
        """From features and gold standard of a study."""
        present = [
            inputs.present.get(kind, np.zeros(len(inputs.items), dtype=bool))
            for kind in ("audio", "visual")
        ]
        return cls(
            np.ascontiguousarray(inputs.x),
            inputs.kinds.astype(str),
            np.asarray(inputs.item, dtype=np.int64),
            _runs(inputs.item, inputs.time),
            inputs.gold,
            np.array(present),
            tuple(inputs.dimensions),
            tuple(inputs.modalities),
        )

    def ratings(self, target: str, modality: str) -> Floats:
        """Gold standard of a target in a modality, shape (row,)."""
        values: Floats = self.gold[self.targets.index(target), self.modalities.index(modality)]
        return values

    def usable(self, target: str, modality: str, kinds: tuple[str, ...], window: int) -> Mask:
        """Items with ratings, features and at least one window, shape (item,)."""
        out: Mask = np.zeros(self.present.shape[1], dtype=bool)
        there = ~np.isnan(self.ratings(target, modality)) & (self.run > window)
        out[self.item[there]] = True
        for kind in kinds:
            out &= self.present[("audio", "visual").index(kind)]
        return out

    def starts(self, items: Mask, window: int) -> Ints:
        """First rows of the windows of some items that have a next step, in order."""
        return np.flatnonzero((self.run > window) & items[self.item])

    def columns(self, kind: str) -> Ints:
        """Features of a kind."""
        return np.flatnonzero(self.kinds == kind)

    def scaled(self, kind: str, starts: Ints, window: int) -> npt.NDArray[np.float32]:
        """Features of a kind on the scale of the windows that start at these rows.

        Parameters
        ----------
        kind : str
            Kind of features.
        starts : ndarray of int
            First rows of the training windows; no other row has a part in the scale.
        window : int
            Steps of a window.

        Returns
        -------
        ndarray of float32, shape (row, feature)
            All rows.
        """
        rows = np.zeros(len(self.x), dtype=bool)
        for step in range(window):
            rows[starts + step] = True
        columns = self.columns(kind)
        training = self.x[rows][:, columns]
        scale = MinMax.of(training, training)
        out = np.empty((len(self.x), len(columns)), dtype=np.float32)
        for low in range(0, len(out), 1024):
            out[low : low + 1024] = scale.apply(self.x[low : low + 1024, columns])
        return out


def _runs(item: Ints, time: Floats) -> Ints:
    """Steps from each row on that follow each other without a gap."""
    stamps, number = np.unique(time, return_inverse=True)
    joined = np.diff(item) == 0
    if joined.any():
        _, step, off = grid_under(stamps)
        joined &= (np.diff(step[number]) == 1) & ~off[number][1:] & ~off[number][:-1]
    run = np.ones(len(item), dtype=np.int64)
    for row in range(len(item) - 2, -1, -1):
        if joined[row]:
            run[row] = run[row + 1] + 1
    return run


def entering_items(sequences: Sequences, window: int) -> Mask:
    """Items that folds are made of, shape (item,): those with a window of some ratings."""
    used = np.zeros(sequences.present.shape[1], dtype=bool)
    for target in sequences.targets:
        for modality in sequences.modalities:
            for kind in ("audio", "visual"):
                used |= sequences.usable(target, modality, (kind,), window)
    return used


@dataclass(frozen=True, slots=True, eq=False)
class FoldItems:
    """Items of one fold; none is in `fit` and in another part.

    Parameters
    ----------
    fit, stop, test : ndarray of bool, shape (item,)
        Items that weights and scales are fitted to, whose loss stops the training, and that are
        predicted.
    """

    fit: Mask
    stop: Mask
    test: Mask


def fold_items(used: Mask, protocol: Protocol, repeat: int, fold: int) -> FoldItems:
    """Items of a fold.

    Parameters
    ----------
    used : ndarray of bool, shape (item,)
        Items that enter the comparison, in release order.
    protocol : Protocol
        Number of folds, and whose loss stops the training.
    repeat, fold : int
        From 1; the folds of repeat r are shuffled with the seed 42 + r - 1.

    Returns
    -------
    FoldItems
        The parts.
    """
    seed = FOLD_SEED + repeat - 1
    where = np.flatnonzero(used)
    labels = fold_labels(len(where), protocol.n_folds, seed=seed)
    held, training = where[labels == fold - 1], where[labels != fold - 1]
    if protocol.stopping == "training_items":
        n_stop = max(1, round(_VALIDATION_SHARE * len(training)))
        shuffled = np.random.default_rng([seed, fold]).permutation(training)
        parts = shuffled[n_stop:], shuffled[:n_stop], held
    elif protocol.stopping == "held_out_items":
        parts = training, held, held
    else:
        from sklearn.model_selection import train_test_split

        stop, test = train_test_split(held, test_size=0.5, random_state=seed)
        parts = training, stop, test
    return FoldItems(*(np.isin(np.arange(len(used)), part) for part in parts))


# ------------------------------------------------------------------------- kept


def save_sequences(folder: Path, sequences: Sequences) -> Path:
    """Write sequences for other processes to map; the same content has the same folder."""
    arrays = _rows(sequences)
    digest = _digest(sequences)
    target = folder / f"inputs-{digest[:32]}"
    if not _whole(target, digest):
        write_arrays(target / "rows.npz", arrays)
        write_whole(target / "x.npy", lambda stream: np.save(stream, sequences.x))
    return target


def _rows(sequences: Sequences) -> dict[str, npt.NDArray[Any]]:
    return {
        "kinds": sequences.kinds,
        "item": sequences.item,
        "run": sequences.run,
        "gold": sequences.gold,
        "present": sequences.present,
        "targets": np.array(sequences.targets),
        "modalities": np.array(sequences.modalities),
    }


def _digest(sequences: Sequences) -> str:
    arrays = _rows(sequences)
    digest = hashlib.sha256(json.dumps([list(sequences.x.shape), sorted(arrays)]).encode())
    digest.update(sequences.x.data)
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _whole(folder: Path, digest: str) -> bool:
    """Whether the files are there and hold what they are called after."""
    try:
        return _digest(load_sequences(folder)) == digest
    except Exception:  # whatever numpy, zipfile and zlib say of a damaged file
        return False


def load_sequences(folder: Path) -> Sequences:
    """Sequences that were written, their features mapped from the file."""
    with np.load(folder / "rows.npz", allow_pickle=False) as rows:
        return Sequences(
            np.load(folder / "x.npy", mmap_mode="r", allow_pickle=False),
            rows["kinds"],
            rows["item"],
            rows["run"],
            rows["gold"],
            rows["present"],
            tuple(rows["targets"].tolist()),
            tuple(rows["modalities"].tolist()),
        )

"""The linear baseline in the frame of the networks: same folds, same steps, same scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import DataError
from ..kernels.regression.folds import FOLD_SEED, fold_labels
from ..kernels.regression.lasso import Recipe
from ..results.frame import join_reasons
from ..stats.prediction.fits import ModelFit, Plan, fit_models, plan_units
from ..stats.prediction.inputs import Inputs, rounded_away
from ..stats.prediction.models import SETS
from ..types import Floats, Ints, Mask, Row
from .protocols import Protocol
from .scoring import item_scores

_CONFIGURATION = "lasso"


def linear_rows(
    inputs: Inputs,
    *,
    scored: Mask,
    targets: Sequence[str],
    protocol: Protocol,
    n_repeats: int,
    ceilings: Mapping[tuple[str, str, str], float],
    n_jobs: int,
    used: Mask | None = None,
) -> list[Row]:
    """Rows of the LASSO for the frame of `compare_architectures`.

    Parameters
    ----------
    inputs : Inputs
        Features, raw or not, and gold standard.
    scored : ndarray of bool, shape (row,)
        Steps that networks predict, and on which the linear models are scored too. The models are
        fitted to all steps of their training items.
    targets : sequence of str
        Rated dimensions that are predicted.
    protocol : Protocol
        Its folds, and how its scores are computed.
    n_repeats : int
        Shuffles of the folds; the first has seed 42, the next one 43.
    ceilings : mapping of (str, str, str) to float
        Noise ceiling by target, modality and item; NaN where there is none.
    n_jobs : int
        Folds that are fitted at the same time.
    used : ndarray of bool, shape (item,), optional
        Items that the folds of the networks are made of; where not given, each model makes folds
        of its own items, which are the same unless ratings or features are missing.

    Returns
    -------
    list of dict
        A row per modality and features of Table 4, target, repeat and item, with seed 0 and no
        epochs. A model that the study does not allow has one row per repeat, with NaN and the
        reason. So does an item without a step that is scored.

    Raises
    ------
    DataError
        When `scored` does not have one value per row of the inputs.

    Notes
    -----
    Each item is scored by itself, on its own steps, whichever `scoring` the protocol has.
    """
    if scored.shape != inputs.item.shape:
        raise DataError(
            "one value per step is needed", found=scored.shape, expected=inputs.item.shape
        )
    inputs = replace(inputs, x=rounded_away(inputs.x))
    rows: list[Row] = []
    for repeat in range(1, n_repeats + 1):
        plan = Plan(
            SETS,
            Recipe(_CONFIGURATION),
            n_folds=protocol.n_folds,
            n_jobs=n_jobs,
            fold_seed=FOLD_SEED + repeat - 1,
            fold_of=None if used is None else tuple(held_out_in(used, protocol, repeat).tolist()),
        )
        units = [unit for unit in plan_units(inputs, plan) if unit.target in targets]
        for fit in fit_models(inputs, plan, units):
            base: Row = {
                "modality": fit.modality,
                "features": fit.features,
                "configuration": _CONFIGURATION,
                "target": fit.target,
                "repeat": repeat,
                "seed": 0,
                "n_epochs": 0,
                "method": f"{_CONFIGURATION}, {protocol.n_folds} folds of items, "
                f"protocol {protocol.name}",
            }
            if fit.problem:
                rows.append(base | {"item": "all", "fold": 0, "n": 0, "warning": fit.problem})
            else:
                rows += item_rows(inputs, fit, base, scored, protocol, ceilings)
    return rows


def held_out_in(used: Mask, protocol: Protocol, repeat: int) -> Ints:
    """Fold of each item, as the networks have them; -1 for an item that none of them tests."""
    out = np.full(len(used), -1)
    out[used] = fold_labels(int(used.sum()), protocol.n_folds, seed=FOLD_SEED + repeat - 1)
    return out


@dataclass(frozen=True, slots=True)
class Predicted:
    """Predictions of held-out items.

    Parameters
    ----------
    configuration, modality, target : str
        Which model, and what it predicts.
    items, fold : ndarray of int, shape (tested item,)
        Items, and the fold that held each.
    fitted : ndarray of float, shape (row,)
        Prediction for rows of the inputs; NaN where none is made.
    note : str
        What to know about it.
    """

    configuration: str
    modality: str
    target: str
    items: Ints
    fold: Ints
    fitted: Floats
    note: str


def item_rows(
    inputs: Inputs,
    fit: ModelFit | Predicted,
    base: Row,
    scored: Mask,
    protocol: Protocol,
    ceilings: Mapping[tuple[str, str, str], float],
) -> list[Row]:
    """Scores of predictions, item by item."""
    where = inputs.dimensions.index(fit.target), inputs.modalities.index(fit.modality)
    gold = inputs.gold[where]
    use = scored & ~np.isnan(fit.fitted) & ~np.isnan(gold)
    rows = []
    for item, fold in zip(fit.items, fit.fold, strict=True):
        steps = use & (inputs.item == item)
        name = inputs.items[item]
        row = base | {
            "fold": int(fold) + 1,
            "item": name,
            "noise_ceiling": ceilings.get((fit.target, fit.modality, name), np.nan),
            "n": int(steps.sum()),
        }
        if row["n"]:
            rmse, mse, ccc = item_scores(gold[steps], fit.fitted[steps], protocol=protocol)
            row |= {"rmse": rmse, "mse": mse, "ccc": ccc}
        reason = "" if row["n"] else "no step of the item is predicted"
        if row["n"] and np.isnan(row["ccc"]):
            reason = "neither prediction nor gold standard moves"
        rows.append(row | {"warning": join_reasons(fit.note, reason)})
    return rows

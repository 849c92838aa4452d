"""Fit the models of each modality, feature set and target by cross-validation over items."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ...arguments import check_choice
from ...errors import DesignError
from ...kernels.raters.agreement import ccc
from ...kernels.regression.folds import FOLD_SEED, MinMax, fold_labels
from ...kernels.regression.lasso import Chosen, Recipe, choose_penalty
from ...kernels.regression.moments import Moments, Sums, block_moments
from ...results.frame import join_reasons
from ...types import Floats, Ints
from ...workers import in_threads
from .inputs import Inputs


@dataclass(frozen=True, slots=True)
class FoldFit:
    """A model fitted to the training items of one fold.

    Parameters
    ----------
    chosen : Chosen
        Coefficients on features scaled to [0, 1] over the training items, and the penalty.
    train, held_out : ndarray of int
        Positions of the items.
    """

    chosen: Chosen
    train: Ints
    held_out: Ints


@dataclass(frozen=True, slots=True)
class ModelFit:
    """A model of one modality, feature set and target, over all folds.

    Parameters
    ----------
    modality, features, target : str
        What predicts what.
    columns : ndarray of int
        Features that may enter, as columns of the inputs.
    folds : tuple of FoldFit
        Fits; empty where the model cannot be fitted.
    items : ndarray of int
        Items that enter, in release order.
    fold : ndarray of int
        Fold in which each of them is held out, from 0.
    fitted : ndarray of float, shape (row,)
        Prediction for held-out rows of the inputs; NaN where none is made.
    rmse, ccc : ndarray of float, shape (item that enters,)
        Error and concordance of the prediction, over the steps of an item.
    problem : str
        Why it cannot be fitted; empty where it can.
    note : str
        What to know about it.
    """

    modality: str
    features: str
    target: str
    columns: Ints
    folds: tuple[FoldFit, ...]
    items: Ints
    fold: Ints
    fitted: Floats
    rmse: Floats
    ccc: Floats
    problem: str
    note: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is fitted, and how.

    Parameters
    ----------
    sets : tuple of (str, str)
        Modalities and feature sets.
    recipe : Recipe
        Model and search of its penalty.
    n_folds : int
        Outer folds, and inner ones as far as there are items.
    inner : {"items", "frames"}
        What the inner folds hold out.
    n_jobs : int
        Folds that are fitted at the same time.
    fold_seed : int
        Seed of the shuffle behind the folds, outer and inner; another one makes a repeat.
    fold_of : tuple of int, optional
        Fold in which each item of the inputs is held out, from 0; by `fold_seed` where not given,
        among the items of each model.
    """

    sets: tuple[tuple[str, str], ...]
    recipe: Recipe
    n_folds: int = 5
    inner: Literal["items", "frames"] = "items"
    n_jobs: int = 1
    fold_seed: int = FOLD_SEED
    fold_of: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """One model that is to be fitted."""

    modality: str
    features: str
    target: str
    columns: Ints
    items: Ints
    problem: str = ""
    note: str = ""


def plan_units(inputs: Inputs, plan: Plan) -> list[Unit]:
    """Models of a plan; those that the data does not allow say why."""
    return [
        _unit(inputs, modality, features, target, plan.n_folds)
        for modality, features in plan.sets
        for target in inputs.dimensions
    ]


def _unit(inputs: Inputs, modality: str, features: str, target: str, n_folds: int) -> Unit:
    kinds = features.split("_")
    nothing = np.empty(0, dtype=np.int64)
    lacking = [kind for kind in kinds if kind not in inputs.present]
    if modality not in inputs.modalities:
        lacking = [f"annotations of modality {modality}"]
    elif lacking:
        lacking = [f"{lacking[0]} features"]
    if lacking:
        problem = f"the study has no {lacking[0]}"
        return Unit(modality, features, target, nothing, nothing, problem)
    use = inputs.rated(target, modality)
    for kind in kinds:
        use = use & inputs.present[kind]
    items = np.flatnonzero(use)
    problem = ""
    if len(items) < n_folds:
        problem = f"fewer items ({len(items)}) than folds ({n_folds})"
    elif len(items) - -(-len(items) // n_folds) < 2:
        problem = f"{len(items)} items leave fewer than two to train on"
    note = join_reasons(*(inputs.notes[kind] for kind in kinds))
    return Unit(modality, features, target, inputs.features_of(features), items, problem, note)


def fit_models(inputs: Inputs, plan: Plan, units: Sequence[Unit] | None = None) -> list[ModelFit]:
    """Fit every model of a plan.

    Parameters
    ----------
    inputs : Inputs
        Features and gold standard.
    plan : Plan
        What is fitted, and how.
    units : sequence of Unit, optional
        The models; those of the plan where not given.

    Returns
    -------
    list of ModelFit
        One for each model, in order.

    Notes
    -----
    Models with the same items share their folds, and in each fold the sums of products of all
    features and targets.
    """
    units = plan_units(inputs, plan) if units is None else list(units)
    groups: dict[bytes, list[int]] = {}
    for number, unit in enumerate(units):
        if not unit.problem:
            groups.setdefault(unit.items.tobytes(), []).append(number)
    tasks = [(members, fold) for members in groups.values() for fold in range(plan.n_folds)]

    def run(task: tuple[list[int], int]) -> list[tuple[FoldFit, Floats]]:
        members, fold = task
        return _fit_fold(inputs, plan, [units[i] for i in members], fold)

    results = in_threads(run, tasks, n_jobs=plan.n_jobs, what="Folds of models")
    found: dict[int, list[tuple[FoldFit, Floats]]] = {}
    for (members, _), fits in zip(tasks, results, strict=True):
        for number, fit in zip(members, fits, strict=True):
            found.setdefault(number, []).append(fit)
    return [_model(inputs, unit, found.get(i, [])) for i, unit in enumerate(units)]


@dataclass(frozen=True, slots=True)
class TrainingPart:
    """Training rows of one fold on their own scale, and their inner folds."""

    scale: MinMax
    x: Floats
    rows: npt.NDArray[np.bool_]
    labels: Ints
    n_inner: int
    train: Ints
    held_out: Ints


def training_part(
    inputs: Inputs, plan: Plan, items: Ints, columns: Ints, fold: int
) -> TrainingPart:
    """Scale the training rows of a fold, and say which inner fold each of them belongs to."""
    labels = (
        fold_labels(len(items), plan.n_folds, seed=plan.fold_seed)
        if plan.fold_of is None
        else np.asarray(plan.fold_of)[items]
    )
    train, held_out = items[labels != fold], items[labels == fold]
    rows = np.isin(inputs.item, train)
    x = inputs.x[np.ix_(rows, columns)]
    scale = MinMax.of(x, x)
    n_inner = min(plan.n_folds, len(train))
    if plan.inner == "frames":
        inner = fold_labels(len(x), n_inner, seed=plan.fold_seed)
    else:
        of_item = np.zeros(len(inputs.items), dtype=np.int64)
        of_item[train] = fold_labels(len(train), n_inner, seed=plan.fold_seed)
        inner = of_item[inputs.item[rows]]
    return TrainingPart(scale, scale.apply(x), rows, inner, n_inner, train, held_out)


def _fit_fold(
    inputs: Inputs, plan: Plan, units: Sequence[Unit], fold: int
) -> list[tuple[FoldFit, Floats]]:
    """Fits of the models of one group of items, and their predictions for the held-out rows."""
    columns = np.unique(np.concatenate([unit.columns for unit in units]))
    part = training_part(inputs, plan, units[0].items, columns, fold)
    targets = [
        (inputs.dimensions.index(unit.target), inputs.modalities.index(unit.modality))
        for unit in units
    ]
    order = list(dict.fromkeys(targets))
    y = np.stack([inputs.gold[d, m][part.rows] for d, m in order], axis=1)
    blocks = block_moments(part.x, y, part.labels, part.n_inner)
    held_out = np.isin(inputs.item, part.held_out)
    scaled = part.scale.apply(inputs.x[np.ix_(held_out, columns)])
    out = []
    for unit, target in zip(units, targets, strict=True):
        features = np.searchsorted(columns, unit.columns)
        number = order.index(target)
        fitted = np.full(len(inputs.item), np.nan)
        chosen, fitted[held_out] = fit_target(blocks, features, number, plan.recipe, scaled)
        out.append((FoldFit(chosen, part.train, part.held_out), fitted))
    return out


def fit_target(
    blocks: Sequence[Moments], features: Ints, target: int, recipe: Recipe, held_out: Floats
) -> tuple[Chosen, Floats]:
    """Model of one target by some features, and its predictions for held-out rows."""
    whole = functools.reduce(operator.add, blocks)
    sums = Sums(whole, None, features, target)
    inner = [
        (Sums(whole, block, features, target), Sums(block, None, features, target))
        for block in blocks
    ]
    chosen = choose_penalty(sums, inner, recipe)
    used = np.flatnonzero(chosen.coefficients)
    shifted = held_out[:, features[used]] - sums.x_mean[used]
    return chosen, sums.y_mean + shifted @ chosen.coefficients[used]


def _model(inputs: Inputs, unit: Unit, fits: list[tuple[FoldFit, Floats]]) -> ModelFit:
    """Join the folds of a model and score it item by item."""
    fitted = np.full(len(inputs.item), np.nan)
    fold = np.zeros(len(unit.items), dtype=np.int64)
    for number, (fit, predicted) in enumerate(fits):
        fold[np.isin(unit.items, fit.held_out)] = number
        fitted = np.where(np.isnan(predicted), fitted, predicted)
    rmse, agreement = _scores(inputs, unit, fitted)
    stopped = sum(fit.chosen.unconverged for fit, _ in fits)
    note = f"coordinate descent stopped early at {stopped} penalties" if stopped else ""
    return ModelFit(
        unit.modality,
        unit.features,
        unit.target,
        unit.columns,
        tuple(fit for fit, _ in fits),
        unit.items if not unit.problem else unit.items[:0],
        fold if not unit.problem else fold[:0],
        fitted,
        rmse,
        agreement,
        unit.problem,
        join_reasons(unit.note, note),
    )


def _scores(inputs: Inputs, unit: Unit, fitted: Floats) -> tuple[Floats, Floats]:
    if unit.problem:
        return np.empty(0), np.empty(0)
    where = inputs.dimensions.index(unit.target), inputs.modalities.index(unit.modality)
    gold = inputs.gold[where]
    rmse, agreement = np.empty(len(unit.items)), np.empty(len(unit.items))
    for i, item in enumerate(unit.items):
        rows = inputs.item == item
        rmse[i] = np.sqrt(np.mean((fitted[rows] - gold[rows]) ** 2))
        agreement[i] = ccc(fitted[rows], gold[rows])
    return rmse, agreement


def check_sets(sets: object) -> tuple[tuple[str, str], ...]:
    """Pairs of a modality and its features."""
    pairs = list(sets) if isinstance(sets, Sequence) and not isinstance(sets, str) else []
    for pair in pairs:
        if not (isinstance(pair, Sequence) and len(pair) == 2 and not isinstance(pair, str)):
            raise DesignError(f"a set is a modality and its features, not {pair!r}")
        check_choice("features", pair[1], ("audio", "visual", "audio_visual"))
    if not pairs:
        raise DesignError(f"sets must be pairs of modality and features, not {sets!r}")
    return tuple((str(modality), str(features)) for modality, features in pairs)

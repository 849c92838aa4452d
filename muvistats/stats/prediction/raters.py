"""Ratings of held-out items, predicted as those of the average rater and as of this rater."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...dataset.access import frame_of
from ...dataset.build import natural_order
from ...dataset.sessions import by_rater
from ...errors import DataError
from ...formula import evaluate
from ...formula.levels import as_levels, is_number
from ...kernels.raters.agreement import ccc
from ...kernels.regression.folds import fold_labels
from ...types import Floats, Ints, Mask, Names
from .fits import ModelFit, Plan, fit_models
from .habits import Habits, Ratings, learn, mean_of_others, sums_of_cells
from .inputs import Inputs

Quantity = Literal["trajectory", "level"]

#: Traits that are looked at where a study has their column.
PROFILE = {
    "gender": "gender",
    "years_of_training > 3": "years_of_training",
    "familiar": "familiar",
}


@dataclass(frozen=True, slots=True)
class Predicted:
    """Ratings of a modality and their predictions.

    Parameters
    ----------
    fit : ModelFit
        Model of the average of all raters who may be looked at.
    rows, person : ndarray of int, shape (annotation,)
        Row of the study with one annotation for each rater of a cell, and the rater.
    observed, average, personal : ndarray of float, shape (annotation, time)
        The rating, its prediction by the average and by the rater's habits; NaN where not known.
    ceiling : ndarray of float, shape (annotation, time)
        What the mean of the other raters of the item predicts with the same habits.
    n_others : ndarray of int, shape (annotation,)
        How many these are.
    alone : ndarray of bool, shape (annotation,)
        Raters of one trial.
    habits : tuple of Habits
        Those of each fold; none where raters are unknown.
    """

    fit: ModelFit
    rows: Ints
    person: Ints
    observed: Floats
    average: Floats
    personal: Floats
    ceiling: Floats
    n_others: Ints
    alone: Mask
    habits: tuple[Habits, ...]

    def score(self, prediction: Floats, metric: str) -> Floats:
        """Error or concordance of each annotation; NaN where nothing is predicted."""
        observed = np.where(np.isnan(self.average), np.nan, self.observed)
        if metric == "ccc":
            return ccc(observed, prediction)
        known = ~np.isnan(observed - prediction)
        squares = np.where(known, observed - prediction, 0.0) ** 2
        count = known.sum(axis=1)
        mean = squares.sum(axis=1) / np.maximum(count, 1)
        return np.where(count > 0, np.sqrt(mean), np.nan)


@dataclass(frozen=True, slots=True)
class Raters:
    """A study as it is needed here: one row for each rater of an item in a modality.

    `frame` has the keys of the rows; `session` (annotation,) is the row of each annotation of the
    study as it was given, `data`.
    """

    data: xr.DataTree
    joint: xr.DataTree
    session: Ints
    frame: pd.DataFrame
    inputs: Inputs
    profile: Floats
    quantity: Quantity

    @classmethod
    def of(
        cls, data: xr.DataTree, inputs: Inputs, profile: Names | None, quantity: Quantity
    ) -> Raters:
        """Rows of a study."""
        joint, session = by_rater(data)
        frame = frame_of(joint, "mean")
        if frame["participant"].nunique() < 2:
            raise DataError(
                "one rater: there is no average of others to compare with",
                file="/annotations",
                column="participant",
                expected="two raters or more",
            )
        return cls(data, joint, session, frame, inputs, traits_of(frame, profile), quantity)

    def values(self, data: xr.DataTree, dimension: str) -> tuple[Floats, Floats]:
        """Ratings of a dimension (annotation, time), NaN where not used, and the time."""
        if self.quantity == "level":
            return frame_of(data, "mean")[dimension].to_numpy(float)[:, None], np.zeros(1)
        annotations = data["annotations"].dataset
        stored = np.round(annotations["time"].to_numpy(), 3)
        time = np.unique(np.round(self.inputs.time, 3))
        values = annotations[dimension].transpose("annotation", "time").to_numpy().astype(float)
        used = np.zeros((len(self.inputs.items) + 1, len(time)), dtype=bool)
        used[self.inputs.item, np.searchsorted(time, np.round(self.inputs.time, 3))] = True
        keep = annotations["keep_dynamic"].to_numpy()[:, None]
        use = keep & used[self._items(annotations["item"].to_numpy())]
        return np.where(use, values[:, np.isin(stored, time)], np.nan), time

    def _items(self, names: Iterable[object]) -> Ints:
        known = pd.Index(self.inputs.items)
        return np.asarray(known.get_indexer(pd.Index([str(name) for name in names])))

    def ratings(self, dimension: str) -> Ratings:
        """Ratings of a dimension, by people in the order of their names."""
        values, time = self.values(self.joint, dimension)
        item = self._items(self.frame["item"])
        people = natural_order(
            self.joint["participants/participant"].to_numpy().astype(str).tolist()
        )
        person = pd.Index(people).get_indexer(pd.Index(self.frame["participant"]).astype(str))
        modality = self.frame["modality"].cat.codes.to_numpy().astype(np.int64)
        cell = item * len(self.inputs.modalities) + modality
        return Ratings(values, time, item, cell, person, len(people), self.profile)

    def retest(self, dimension: str) -> Floats:
        """Error that the mean of a rater's sessions has, (annotation,); NaN with one session."""
        values, _ = self.values(self.data, dimension)
        if len(values) == len(self.frame):
            return np.full(len(self.frame), np.nan)
        everything = np.ones(len(values), dtype=bool)
        total, count = sums_of_cells(values, self.session, everything, len(self.frame))
        mean = total / np.maximum(count, 1)
        apart = (values - mean[self.session]) ** 2
        within, _ = sums_of_cells(apart, self.session, everything, len(mean))
        several = count > 1
        error = np.where(several, within / np.maximum(count - 1, 1) / np.maximum(count, 1), 0.0)
        steps = several.sum(axis=1)
        return np.sqrt(np.where(steps > 0, error.sum(axis=1) / np.maximum(steps, 1), np.nan))


def traits_of(frame: pd.DataFrame, profile: Names | None) -> Floats:
    """Columns of traits, (annotation, trait): numbers, and levels but the first; NaN if missing."""
    if isinstance(profile, str):
        profile = [profile]
    if profile is None:
        profile = [term for term, column in PROFILE.items() if column in frame]
    columns: list[Floats] = []
    for term in profile:
        value = evaluate(term, frame)
        if is_number(value):
            columns.append(value.to_numpy(float, na_value=np.nan))
            continue
        levels = as_levels(value, term)
        codes = np.where(levels.codes < 0, np.nan, levels.codes)
        others = range(1, len(levels.categories))
        columns += [np.where(np.isnan(codes), np.nan, codes == code) for code in others]
    return np.column_stack(columns) if columns else np.empty((len(frame), 0))


def predict(raters: Raters, dimension: str, plan: Plan, *, known: bool) -> list[Predicted]:
    """Predictions of all held-out ratings of a dimension, for each set of a plan.

    Parameters
    ----------
    raters : Raters
        The study.
    dimension : str
        Rated dimension.
    plan : Plan
        Models of the average, with the fold of each item.
    known : bool
        Whether other items of a rater are looked at. If not, raters are held out in folds too: no
        rating of theirs enters anything that predicts them, not even the average.

    Returns
    -------
    list of Predicted
        One for each set.
    """
    ratings = raters.ratings(dimension)
    rated: Mask = np.any(~np.isnan(ratings.values), axis=1)
    trials = np.bincount(ratings.person[rated], minlength=ratings.n_people)
    group = np.zeros(ratings.n_people, dtype=np.int64)
    if not known and (trials > 0).sum() > 1:
        there = np.flatnonzero(trials)
        group[there] = fold_labels(len(there), min(plan.n_folds, len(there)))
    n_groups = int(group.max()) + 1
    own = group[ratings.person]
    chosen = [rated & (known | (own != g)) for g in range(n_groups)]
    fits = fit_models(_with_gold(raters.inputs, ratings, chosen), plan)
    fold = np.append(np.asarray(plan.fold_of), -1)[ratings.item]
    average = [
        _average(raters.inputs, fits[s * n_groups : (s + 1) * n_groups], ratings, own)
        for s in range(len(plan.sets))
    ]
    others, count = mean_of_others(ratings.values, ratings.cell, rated)
    others = np.where(np.isnan(ratings.values), np.nan, others)
    personal, learnt = [values.copy() for values in [*average, others]], []
    for number in range(plan.n_folds):
        for g, use in enumerate(chosen):
            habits = learn(ratings, use & (fold != number), known=known)
            learnt.append(habits)
            rows = np.flatnonzero((fold == number) & (own == g))
            for before, after in zip([*average, others], personal, strict=True):
                after[rows] = habits.applied(before[rows], ratings, rows)
    alone = trials[ratings.person] < 2
    out = []
    for s, (modality, _) in enumerate(plan.sets):
        rows = np.flatnonzero(rated & (raters.frame["modality"] == modality).to_numpy())
        mine = np.where((alone & known)[:, None], average[s], personal[s])
        out.append(
            Predicted(
                fits[s * n_groups],
                rows,
                ratings.person[rows],
                ratings.values[rows],
                average[s][rows],
                mine[rows],
                personal[-1][rows],
                count[rows].max(axis=1, initial=0),
                alone[rows],
                tuple(learnt) if known else (),
            )
        )
    return out


def _with_gold(inputs: Inputs, ratings: Ratings, chosen: Sequence[Mask]) -> Inputs:
    """Inputs whose targets are the mean ratings of several choices of annotations."""
    n = len(inputs.items), len(inputs.modalities)
    step = np.searchsorted(np.round(ratings.time, 3), np.round(inputs.time, 3))
    gold = np.full((len(chosen), n[1], len(inputs.item)), np.nan)
    for place, use in enumerate(chosen):
        total, count = sums_of_cells(ratings.values, ratings.cell, use, n[0] * n[1])
        mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
        gold[place] = mean.reshape(*n, -1)[inputs.item, :, step].T
    return replace(inputs, dimensions=[str(k) for k in range(len(chosen))], gold=gold)


def _average(inputs: Inputs, fits: Sequence[ModelFit], ratings: Ratings, group: Ints) -> Floats:
    """Prediction of each annotation by the model that knows nothing of its group."""
    step = np.searchsorted(np.round(ratings.time, 3), np.round(inputs.time, 3))
    fitted = np.full((len(fits), len(inputs.items) + 1, len(ratings.time)), np.nan)
    for place, fit in enumerate(fits):
        fitted[place, inputs.item, step] = fit.fitted
    return np.where(np.isnan(ratings.values), np.nan, fitted[group, ratings.item])

"""Penalised linear regression from sums of products: paths, and the penalty by cross-validation.

Everything works on `Sums`, so that one set of sums serves all penalties, models and targets. Along
a path only the features that may enter are looked at (the sequential strong rule), and what was
left out is checked by the conditions of the optimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import linalg

from ...quiet import quiet
from ...types import Floats, Ints
from .moments import Sums

#: Models, all of them ``RSS / (2 n) + alpha (l1_ratio |b|_1 + (1 - l1_ratio) |b|^2 / 2)``.
MODELS = ("lasso", "elastic_net", "ridge", "linear")

#: Penalties that coordinate descent fits in one go.
_CHUNK = 4

#: A feature outside may exceed the bound of the optimum by this part before it is let in.
_SLACK = 1e-4

#: Directions with less than this part of the largest variance are no directions.
_RANK = 1e-12

#: Smallest penalty of ridge regression, as a part of its largest.
_RIDGE_SPAN = 1e-7


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is fitted.

    Parameters
    ----------
    model : str
        One of `MODELS`.
    l1_ratio : float
        Share of the absolute penalty, for the elastic net.
    n_alphas : int
        Number of penalties.
    eps : float
        Smallest penalty as a part of the largest, for lasso and elastic net.
    patience : int, optional
        Penalties without a lower error after which the search ends; None tries the whole grid.
    tol : float
        Duality gap, as a part of the sum of squares of the target, at which coordinate descent
        stops.
    max_iter : int
        Sweeps after which it stops in any case.
    """

    model: str = "lasso"
    l1_ratio: float = 0.5
    n_alphas: int = 100
    eps: float = 1e-3
    patience: int | None = 20
    tol: float = 1e-4
    max_iter: int = 1000

    @property
    def absolute(self) -> float:
        """Share of the absolute penalty."""
        return self.l1_ratio if self.model == "elastic_net" else 1.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model whose penalty was chosen by cross-validation.

    Parameters
    ----------
    coefficients : ndarray of float, shape (feature,)
        Its coefficients.
    alpha : float
        The penalty.
    alphas : ndarray of float, shape (penalty,)
        The grid.
    mse : ndarray of float, shape (penalty,)
        Mean squared error over the inner folds; NaN for penalties that were not tried.
    unconverged : int
        Fits in which coordinate descent stopped too early.
    """

    coefficients: Floats
    alpha: float
    alphas: Floats
    mse: Floats
    unconverged: int


class _Path(Protocol):
    unconverged: int

    def at(self, alphas: Floats) -> Floats: ...


class _Eigenvalues:
    """Ridge and least squares (of least norm) at any penalties, from one decomposition."""

    def __init__(self, data: Sums) -> None:
        self.unconverged = 0
        self.n = data.n
        values, vectors = linalg.eigh(data.gram(), check_finite=False)
        real = values > _RANK * max(values[-1], np.finfo(float).tiny)
        self.values, self.vectors = values[real], vectors[:, real]
        self.projected = self.vectors.T @ data.xy

    def at(self, alphas: Floats) -> Floats:
        """Coefficients (feature, penalty)."""
        shrunk = self.projected[:, None] / (self.values[:, None] + self.n * alphas)
        out: Floats = self.vectors @ shrunk
        return out


class _Descent:
    """Lasso and elastic net along falling penalties, each chunk from where the last one ended."""

    def __init__(self, data: Sums, recipe: Recipe) -> None:
        self.unconverged = 0
        self.data, self.recipe = data, recipe
        self.coefficients = np.zeros(data.size)
        self.gradient = data.xy
        self.bound = float(np.abs(data.xy).max(initial=0.0))
        self.known = np.empty(0, dtype=np.int64)  # features whose rows are at hand, in any order
        self.place = np.full(data.size, -1)
        self.rows = np.empty((0, data.size))
        # With the products given, scikit-learn looks only at the shape of the rows and at the
        # length of the target; anything else would meet NaN.
        self.shape = np.broadcast_to(np.nan, (data.n, data.size))
        self.target = np.zeros(data.n)
        self.target[0] = np.sqrt(data.yy)

    def at(self, alphas: Floats) -> Floats:
        """Coefficients (feature, penalty)."""
        parts = [self._chunk(alphas[i : i + _CHUNK]) for i in range(0, len(alphas), _CHUNK)]
        return np.concatenate(parts, axis=1)

    def _chunk(self, alphas: Floats) -> Floats:
        limits = self.data.n * self.recipe.absolute * alphas
        inside = (self.coefficients != 0) | (np.abs(self.gradient) >= 2 * limits[-1] - self.bound)
        while True:
            chosen = np.flatnonzero(inside)
            found, stopped = self._solve(chosen, alphas)
            gradient = self.data.xy[:, None] - self._products(chosen, found)
            outside = np.abs(gradient) > (1 + _SLACK) * limits
            missed = np.any(outside, axis=1) & ~inside
            if not missed.any():
                break
            inside |= missed
        self.unconverged += stopped
        out = np.zeros((self.data.size, len(alphas)))
        out[chosen] = found
        self.coefficients, self.gradient = out[:, -1], gradient[:, -1]
        self.bound = float(limits[-1])
        return out

    def _solve(self, chosen: Ints, alphas: Floats) -> tuple[Floats, int]:
        from sklearn import config_context
        from sklearn.linear_model import enet_path

        if not len(chosen):
            return np.zeros((0, len(alphas))), 0
        self._learn(chosen)
        with config_context(skip_parameter_validation=True), quiet():  # steps are counted
            _, found, _, steps = enet_path(
                self.shape[:, : len(chosen)],
                self.target,
                l1_ratio=self.recipe.absolute,
                alphas=alphas,
                precompute=self.rows[np.ix_(self.place[chosen], chosen)],
                Xy=self.data.xy[chosen],
                coef_init=self.coefficients[chosen],
                check_input=False,
                return_n_iter=True,
                tol=self.recipe.tol,
                max_iter=self.recipe.max_iter,
            )
        return found, int(np.sum(np.asarray(steps) >= self.recipe.max_iter))

    def _products(self, chosen: Ints, found: Floats) -> Floats:
        used = np.any(found != 0, axis=1)
        out: Floats = self.rows[self.place[chosen[used]]].T @ found[used]
        return out

    def _learn(self, chosen: Ints) -> None:
        new = chosen[self.place[chosen] < 0]
        if len(new):
            self.place[new] = len(self.known) + np.arange(len(new))
            self.known = np.concatenate([self.known, new])
            self.rows = np.concatenate([self.rows, self.data.rows(new)])


def _path(data: Sums, recipe: Recipe) -> _Path:
    return _Eigenvalues(data) if recipe.model in ("ridge", "linear") else _Descent(data, recipe)


def penalty_grid(data: Sums, recipe: Recipe) -> Floats:
    """Penalties to choose from, falling.

    Parameters
    ----------
    data : Sums
        Sums of the training rows.
    recipe : Recipe
        How the model is fitted.

    Returns
    -------
    ndarray of float, shape (penalty,)
        Even steps on a log scale, from the smallest penalty under which all coefficients are 0, as
        in scikit-learn; for ridge from the largest eigenvalue over n down to 1e-7 of it. A single
        0 for least squares.
    """
    if recipe.model == "linear":
        return np.zeros(1)
    if recipe.model == "ridge":
        largest = float(linalg.eigvalsh(data.gram(), check_finite=False)[-1]) / data.n
        span = _RIDGE_SPAN
    else:
        largest = float(np.abs(data.xy).max(initial=0.0)) / (data.n * recipe.absolute)
        span = recipe.eps
    if not largest > np.finfo(float).resolution:
        return np.full(recipe.n_alphas, np.finfo(float).resolution)
    grid: Floats = np.geomspace(largest, largest * span, recipe.n_alphas)
    return grid


def penalty_path(data: Sums, alphas: Floats, recipe: Recipe | None = None) -> Floats:
    """Coefficients at each penalty.

    Parameters
    ----------
    data : Sums
        Sums of the training rows.
    alphas : ndarray of float, shape (penalty,)
        Penalties, falling.
    recipe : Recipe, optional
        How the model is fitted; a lasso where not given.

    Returns
    -------
    ndarray of float, shape (feature, penalty)
        The coefficients.
    """
    return _path(data, recipe or Recipe()).at(alphas)


def choose_penalty(whole: Sums, inner: Sequence[tuple[Sums, Sums]], recipe: Recipe) -> Chosen:
    """Fit a model whose penalty has the least error over the inner folds.

    Parameters
    ----------
    whole : Sums
        Sums of all training rows.
    inner : sequence of (Sums, Sums)
        For each inner fold, sums of the rows it is fitted to and of those it is scored on.
    recipe : Recipe
        How it is fitted.

    Returns
    -------
    Chosen
        The model.

    Notes
    -----
    The error of a penalty is the mean over inner folds of the mean squared error, as in
    scikit-learn's ``LassoCV``; the largest penalty of equal ones is taken.
    """
    alphas = penalty_grid(whole, recipe)
    mse = np.full(len(alphas), np.nan)
    position = unconverged = 0
    if len(alphas) > 1:
        paths = [_path(train, recipe) for train, _ in inner]
        for first in range(0, len(alphas), _CHUNK):
            chunk = slice(first, min(first + _CHUNK, len(alphas)))
            errors = [
                scored.squared_errors(path.at(alphas[chunk]), train) / scored.n
                for path, (train, scored) in zip(paths, inner, strict=True)
            ]
            mse[chunk] = np.mean(errors, axis=0)
            position = int(np.nanargmin(mse))
            if recipe.patience is not None and chunk.stop - 1 - position >= recipe.patience:
                break
        unconverged = sum(path.unconverged for path in paths)
    last = _path(whole, recipe)
    start = position if recipe.model in ("ridge", "linear") else 0
    coefficients = last.at(alphas[start : position + 1])[:, -1]
    return Chosen(
        coefficients, float(alphas[position]), alphas, mse, unconverged + last.unconverged
    )

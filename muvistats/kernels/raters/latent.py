"""One smooth trajectory behind the raters of a cell, each with bias, gain, delay and noise: EM.

Annotation `a` of rater `j` in cell `c` is

    x_a(t) = b_a + g_j z_c(t - d_j) + e_a(t),   e_a(t) ~ N(0, s_j^2),

with a random walk ``z_c(u) = z_c(u - 1) + N(0, q_c)`` as smoothness prior. Every annotation has a
level of its own, every rater one gain, one delay (whole steps) and one noise, with priors that keep
a single rater from claiming the trajectory as their own. The precision of z given the ratings has
three diagonals, so a step of EM needs no more than sums over time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from ...progress import watched
from ...types import Floats, Ints, Mask

#: Variance of the walk's start, in steps of the walk: levels are as good as free.
_START = 1000.0

#: Prior standard deviation of a gain around 1.
_GAIN_SD = 0.5

#: The longest delay, in prior standard deviations of an annotation's delay around 0.
_LONGEST = 3.0

#: Weight of the mean noise in a rater's, and of the mean step of the walk in a cell's, in samples.
_SHRINK = 60.0

#: Variance of the noise and of a step of the walk, around which they are shrunken, in units of the
#: variance of the ratings within annotations.
_NOISE, _STEP = 0.5, 0.005


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted latent trajectory.

    Parameters
    ----------
    trajectory : ndarray of float, shape (cell, time)
        The trajectory, its level free of the raters' biases; NaN where nobody rated.
    bias : ndarray of float, shape (annotation,)
        Level of each annotation above that of its cell; the mean over annotations is 0.
    gain, noise : ndarray of float, shape (annotation,)
        Gain, of mean 1, and standard deviation of the noise of the annotation's rater.
    delay : ndarray of int, shape (annotation,)
        Steps by which the rater is late, of median 0.
    log_likelihood : ndarray of float, shape (iteration,)
        Log-likelihood, with the log-priors of the parameters, before each step; it never falls.
    converged : bool
        Whether it had stopped to rise.
    """

    trajectory: Floats
    bias: Floats
    gain: Floats
    noise: Floats
    delay: Ints
    log_likelihood: Floats
    converged: bool


@dataclass(frozen=True, slots=True)
class _State:
    """Level of annotations; gain, noise variance and delay of raters; steps of walks."""

    level: Floats
    gain: Floats
    noise: Floats
    delay: Ints
    step: Floats


@dataclass(frozen=True, slots=True)
class _Data:
    """Ratings less their mean, in units of their spread, 0 where missing; who rated which cell."""

    values: Floats
    known: Mask
    cell: Ints
    rater: Ints
    most: int

    @property
    def n_cells(self) -> int:
        return int(self.cell[-1]) + 1

    @property
    def n_raters(self) -> int:
        return int(self.rater.max()) + 1

    def by_rater(self, of_annotation: Floats) -> Floats:
        """Sums over the annotations of each rater."""
        out = np.zeros((self.n_raters, *of_annotation.shape[1:]))
        np.add.at(out, self.rater, of_annotation)
        return out

    def on_grid(self, of_sample: Floats, delay: Ints) -> Floats:
        """What belongs to samples, at the step of z that they follow, summed in each cell."""
        steps = self.values.shape[1]
        out = np.zeros((self.n_cells, steps + 2 * self.most))
        for late in np.unique(delay):
            rows, first = delay == late, self.most - late
            np.add.at(out[:, first : first + steps], self.cell[rows], of_sample[rows])
        return out


@dataclass(frozen=True, slots=True)
class _Posterior:
    """Mean and variance of z and covariance with the step before, (cell, grid); sums for L."""

    mean: Floats
    variance: Floats
    lag: Floats
    log_determinant: Floats
    fit: Floats


def latent_trajectory(
    values: Floats, starts: Ints, raters: Ints, *, most: int, n_iter: int = 200, tol: float = 1e-5
) -> Fit:
    """Trajectory that the raters of each cell follow, each in their own way.

    Parameters
    ----------
    values : ndarray of float, shape (annotation, time)
        Ratings, sorted by cell; NaN where missing. Every annotation has a value.
    starts : ndarray of int, shape (cell,)
        First annotation of each cell; the first is 0.
    raters : ndarray of int, shape (annotation,)
        Rater of each annotation, coded from 0 without gaps.
    most : int
        Longest delay, in steps, either way.
    n_iter : int
        Most steps of EM.
    tol : float
        Rise of the log-likelihood, for each sample, below which EM stops.

    Returns
    -------
    Fit
        The trajectories and what makes the raters differ.
    """
    known = ~np.isnan(values)
    cell = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(values)))
    size = float(np.nanmax(np.abs(values))) or 1.0
    scaled = np.where(known, values / size, 0.0)
    centre = scaled.sum(axis=1) / known.sum(axis=1)
    moved = np.where(known, scaled - centre[:, None], 0.0)
    unit = float(np.sqrt((moved**2).sum() / known.sum()))
    unit = unit if unit > 1e-12 else 1.0
    data = _Data(moved / unit, known, cell, raters, most)
    state, trace, converged = _climb(data, n_iter, tol)
    named = _named(data, state, centre / unit, np.array(trace), converged)
    whole = size * unit
    return replace(
        named,
        trajectory=named.trajectory * whole,
        bias=named.bias * whole,
        noise=named.noise * whole,
    )


def _climb(data: _Data, n_iter: int, tol: float) -> tuple[_State, list[float], bool]:
    """Steps of EM until the likelihood rises no more."""
    state = _State(
        level=np.zeros(len(data.rater)),
        gain=np.ones(data.n_raters),
        noise=np.full(data.n_raters, _NOISE),
        delay=np.zeros(data.n_raters, dtype=np.int64),
        step=np.full(data.n_cells, _STEP),
    )
    trace: list[float] = []
    for _ in watched(range(n_iter), "Steps of EM, at most", n_iter):
        posterior = _smooth(data, state)
        trace.append(_log_likelihood(data, state, posterior))
        if len(trace) > 1 and trace[-1] - trace[-2] < tol * data.known.sum():
            return state, trace, True
        state = _improve(data, state, posterior)
    return state, trace, False


def _smooth(data: _Data, state: _State) -> _Posterior:
    """E-step: z given the ratings."""
    gain, noise = (part[data.rater] for part in (state.gain, state.noise))
    delay = state.delay[data.rater]
    off = np.where(data.known, data.values - state.level[:, None], 0.0)
    weight = data.on_grid(data.known * (gain**2 / noise)[:, None], delay)
    pull = data.on_grid(off * (gain / noise)[:, None], delay)
    walk = 1 / state.step[:, None]
    diagonal = weight + 2 * walk
    diagonal[:, 0] += walk[:, 0] * (1 / _START - 1)
    diagonal[:, -1] -= walk[:, 0]
    return _solve(diagonal, -walk[:, 0], pull)


def _solve(diagonal: Floats, beside: Floats, right: Floats) -> _Posterior:
    """Mean and covariances of Gaussians whose precisions have three diagonals, (cell, grid).

    `beside` is what joins neighbouring steps, the same all along, (cell,).
    """
    pivot, mean, ratio = diagonal.copy(), right.copy(), np.zeros_like(diagonal)
    for u in range(1, diagonal.shape[1]):
        ratio[:, u] = beside / pivot[:, u - 1]
        pivot[:, u] -= beside * ratio[:, u]
        mean[:, u] -= ratio[:, u] * mean[:, u - 1]
    fit = (mean**2 / pivot).sum(axis=1)
    mean /= pivot
    variance, lag = 1 / pivot, np.zeros_like(pivot)
    for u in range(diagonal.shape[1] - 1, 0, -1):
        mean[:, u - 1] -= ratio[:, u] * mean[:, u]
        lag[:, u] = -ratio[:, u] * variance[:, u]
        variance[:, u - 1] += ratio[:, u] ** 2 * variance[:, u]
    return _Posterior(mean, variance, lag, np.log(pivot).sum(axis=1), fit)


def _log_likelihood(data: _Data, state: _State, posterior: _Posterior) -> float:
    """Log-likelihood of the ratings, z integrated out, and the log-priors of the parameters."""
    noise, counts = state.noise[data.rater], data.known.sum(axis=1)
    square = np.where(data.known, data.values - state.level[:, None], 0.0) ** 2
    samples = (counts * np.log(2 * np.pi * noise) + square.sum(axis=1) / noise).sum()
    walk = posterior.mean.shape[1] * np.log(state.step) + np.log(_START)
    cells = (posterior.log_determinant + walk - posterior.fit).sum()
    priors = np.square((state.gain - 1) / _GAIN_SD).sum()
    priors += _delay_prior(data)[np.arange(data.n_raters), state.delay + data.most].sum()
    for variance, centre in ((state.noise, _NOISE), (state.step, _STEP)):
        priors += _SHRINK * (np.log(variance) + centre / variance).sum()
    return float(-0.5 * (samples + cells + priors))


def _delay_prior(data: _Data) -> Floats:
    """-2 log-prior of each rater's delays, (rater, delay): normal for each annotation."""
    delays = np.arange(-data.most, data.most + 1) / max(data.most, 1)
    prior: Floats = np.bincount(data.rater)[:, None] * (_LONGEST * delays) ** 2
    return prior


def _improve(data: _Data, state: _State, posterior: _Posterior) -> _State:
    """M-step: delay, gain and level of raters, then their noise; steps of the walks."""
    change = np.diff(posterior.mean, axis=1) ** 2 + (
        posterior.variance[:, 1:] + posterior.variance[:, :-1] - 2 * posterior.lag[:, 1:]
    )
    start = (posterior.mean[:, 0] ** 2 + posterior.variance[:, 0]) / _START
    total = change.sum(axis=1) + start + _SHRINK * _STEP
    state = replace(state, step=total / (posterior.mean.shape[1] + _SHRINK))
    count = data.known.sum(axis=1)
    sum_x = data.values.sum(axis=1)
    xx = data.by_rater((data.values**2).sum(axis=1) - sum_x**2 / count)[:, None]
    sum_z, zz, xz = _path_sums(data, posterior)
    zz = data.by_rater(zz - sum_z**2 / count[:, None])
    xz = data.by_rater(xz - sum_z * (sum_x / count)[:, None])
    noise, prior = state.noise[:, None], 1 / _GAIN_SD**2
    gain = np.maximum((xz / noise + prior) / (zz / noise + prior), 0.0)
    rest = xx - 2 * gain * xz + gain**2 * zz
    value = rest / noise + prior * (gain - 1) ** 2 + _delay_prior(data)
    every = np.arange(data.n_raters)
    best = value.argmin(axis=1)
    gain, rest = gain[every, best], rest[every, best]
    level = (sum_x - gain[data.rater] * sum_z[np.arange(len(sum_x)), best[data.rater]]) / count
    new = (rest + _SHRINK * _NOISE) / (data.by_rater(count.astype(float)) + _SHRINK)
    return replace(state, level=level, gain=gain, noise=new, delay=best - data.most)


def _path_sums(data: _Data, posterior: _Posterior) -> tuple[Floats, Floats, Floats]:
    """Sums of z, of its square and of its product with the ratings, for each delay.

    Each has shape (annotation, delay), delays from -most to most.
    """
    steps, known = data.values.shape[1], data.known.astype(float)
    shape = (len(known), 2 * data.most + 1)
    sum_z, zz, xz = (np.empty(shape) for _ in range(3))
    square = posterior.mean**2 + posterior.variance
    for place in range(shape[1]):
        first = 2 * data.most - place
        path, spread = (part[data.cell, first : first + steps] for part in (posterior.mean, square))
        sum_z[:, place] = np.einsum("at,at->a", known, path)
        zz[:, place] = np.einsum("at,at->a", known, spread)
        xz[:, place] = np.einsum("at,at->a", data.values, path)
    return sum_z, zz, xz


def _named(data: _Data, state: _State, centre: Floats, trace: Floats, converged: bool) -> Fit:
    """The fit with mean gain 1, median delay 0 and mean bias 0."""
    steps = data.values.shape[1]
    gain, delay = state.gain[data.rater], state.delay[data.rater]
    scale = float(gain.mean()) or 1.0
    middle = int(np.floor(np.median(delay)))
    seen = np.zeros((data.n_cells, steps), dtype=bool)
    np.logical_or.at(seen, data.cell, data.known)
    z = scale * _smooth(data, state).mean
    path = z[:, np.arange(steps) + data.most - middle]
    mean = (path * seen).sum(axis=1) / seen.sum(axis=1)
    own = z[data.cell[:, None], np.arange(steps) + (data.most - delay)[:, None]]
    rest = data.values - (gain / scale)[:, None] * (own - mean[data.cell][:, None])
    level = centre + np.where(data.known, rest, 0.0).sum(axis=1) / data.known.sum(axis=1)
    of_cell = cell_levels(level, data.cell, data.rater)
    trajectory = of_cell[:, None] + path - mean[:, None]
    return Fit(
        np.where(seen, trajectory, np.nan),
        level - of_cell[data.cell],
        gain / scale,
        np.sqrt(state.noise[data.rater]),
        delay - middle,
        trace,
        converged,
    )


def cell_levels(level: Floats, cell: Ints, rater: Ints) -> Floats:
    """Level of each cell, free of what its raters do everywhere.

    Parameters
    ----------
    level : ndarray of float, shape (annotation,)
        Level of each annotation.
    cell, rater : ndarray of int, shape (annotation,)
        Codes from 0 without gaps.

    Returns
    -------
    ndarray of float, shape (cell,)
        Mean over its raters of their level less their habit. A habit is the rater's mean
        deviation from the cells, shrunken by the ratio of the variances within and between
        raters, and 0 where each rated once; habits have mean 0 over annotations.
    """
    cells, raters = np.bincount(cell), np.bincount(rater)
    means: Floats = np.bincount(cell, level) / cells
    off = level - means[cell]
    of_rater = np.bincount(rater, off) / raters
    n, k = len(level), len(raters)
    freedom = n - len(cells) - k + 1
    if freedom < 1 or k < 2:
        return means
    within = np.square(off - of_rater[rater]).sum() / freedom
    between = (np.square(of_rater) * raters).sum() / (k - 1)
    variance = (between - within) * (k - 1) / (n - np.square(raters).sum() / n)
    if not variance > 0:
        return means
    one = np.ones(n)
    met = sparse.coo_array((one, (cell, rater)), shape=(len(cells), k)).tocsc()
    joined = met.T @ sparse.diags_array(1 / cells) @ met
    own = sparse.diags_array(raters + within / variance)
    habit = spsolve((own - joined).tocsc(), np.bincount(rater, off))
    levels: Floats = means - np.bincount(cell, habit[rater]) / cells + habit[rater].mean()
    return levels

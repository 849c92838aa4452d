"""Courses over time that are alike: raters of one item, and items of two modalities."""

from __future__ import annotations

import numpy as np
from scipy import stats

from ...progress import in_parts
from ...types import Floats, Ints
from ..sampling.correlation import pearson_rows
from ..scale import centred, unit_factor

#: Permutations that are looked at together.
_BATCH = 256


def shifted_correlations(block: Floats, shifts: Ints) -> Floats:
    """Correlations of each rater with the others when all series are moved round.

    Parameters
    ----------
    block : ndarray of float, shape (rater, time)
        Series without NaN, each of which moves.
    shifts : ndarray of int, shape (draw, rater)
        Steps by which each series is moved.

    Returns
    -------
    ndarray of float, shape (2, draw, rater)
        Mean correlation with each other rater, and correlation with the sum of the others (of
        standardised series), 0 where these cancel each other.

    Notes
    -----
    A covariance of two series that were moved round depends on the difference of the moves only,
    so all of them are looked up in the circular covariances.
    """
    n, steps = block.shape
    z = centred(block)
    z = z / np.sqrt((z**2).mean(axis=1, keepdims=True))
    waves = np.fft.rfft(z)
    circular = np.fft.irfft(waves[:, None] * waves[None].conj(), n=steps) / steps
    off = (shifts[:, :, None] - shifts[:, None, :]) % steps
    each = np.arange(n)
    r = circular[each[:, None], each, off]
    r[:, each, each] = 1.0
    sums = r.sum(axis=2)
    with_others = sums - 1.0
    spread = sums.sum(axis=1, keepdims=True) - 2 * sums + 1.0
    flat = spread <= 1e-12 * n**2  # others who cancel each other
    left_out = np.where(flat, 0.0, with_others / np.sqrt(np.where(flat, 1.0, spread)))
    return np.stack([with_others / (n - 1), left_out])


def course_distances(means: Floats, distance: str) -> Floats:
    """Distances between all pairs of courses, over the steps that both have.

    Parameters
    ----------
    means : ndarray of float, shape (item, time)
        Courses; NaN where missing.
    distance : {"correlation", "euclidean"}
        1 less the correlation, or the root mean square of the difference.

    Returns
    -------
    ndarray of float, shape (item, item)
        Distances, 0 on the diagonal; NaN without a step in common.
    """
    one, other = np.triu_indices(len(means), 1)
    if distance == "correlation":
        apart = 1 - pearson_rows(means[one], means[other])[0]
    else:
        unit = unit_factor(means, None).item()
        means = means * unit
        square = np.square(means[one] - means[other])
        count = (~np.isnan(square)).sum(axis=1)
        total = np.where(np.isnan(square), 0.0, square).sum(axis=1)
        mean = np.divide(total, count, out=np.full(len(one), np.nan), where=count > 0)
        apart = np.sqrt(mean) / unit
    out = np.zeros((len(means), len(means)))
    out[one, other] = out[other, one] = apart
    return out


def rank_correlation(first: Floats, second: Floats) -> float:
    """Spearman's correlation of two matrices of distances, (item, item), over pairs of items."""
    return float((_ranks(first) * _ranks(second)).sum() / 2)


def permuted_correlations(
    first: Floats, second: Floats, n_resamples: int, rng: np.random.Generator
) -> Floats:
    """`rank_correlation` when the items of the second matrix are permuted, (draw,)."""
    one, other = np.triu_indices(len(first), 1)
    fixed, ranks = _ranks(first)[one, other], _ranks(second)
    out = np.empty(n_resamples)
    for some in in_parts(n_resamples, _BATCH, "Permutations"):
        count = some.stop - some.start
        order = rng.permuted(np.tile(np.arange(len(first)), (count, 1)), axis=1)
        out[some] = ranks[order[:, one], order[:, other]] @ fixed
    return out


def _ranks(distances: Floats) -> Floats:
    """Ranks of the distances, of mean 0 and sum of squares 1 over pairs; NaN where all are one."""
    upper = np.triu_indices(len(distances), 1)
    ranks = stats.rankdata(distances[upper])
    ranks = ranks - ranks.mean()
    size = np.sqrt((ranks**2).sum())
    out = np.zeros(distances.shape)
    out[upper] = ranks / size if size > 0 else np.nan
    return out + out.T

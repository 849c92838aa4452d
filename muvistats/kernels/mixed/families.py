"""Log-likelihood of a response by its linear predictor, with the slopes that Laplace needs.

Each family holds its response. `extra` are its own parameters beside the fixed effects: logarithms
of the distances between thresholds (cumulative), or of the precision (beta).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from scipy import special

from ...types import Floats


class Family(ABC):
    """The response of a generalised linear mixed model.

    Parameters
    ----------
    y : ndarray of float, shape (n,)
        The response.
    """

    n_extra = 0

    def __init__(self, y: Floats) -> None:
        self.y = y

    @abstractmethod
    def start(self) -> tuple[float, Floats]:
        """Linear predictor and own parameters where a search starts."""

    @abstractmethod
    def deviance(self, eta: Floats, extra: Floats) -> float:
        """-2 log-likelihood with every constant."""

    @abstractmethod
    def slopes(self, eta: Floats, extra: Floats) -> tuple[Floats, Floats, Floats]:
        """Slope of each row's log-likelihood, its second one with the other sign, slope of this."""

    def by_extra(self, eta: Floats, extra: Floats) -> tuple[Floats, Floats, Floats]:
        """Slopes by own parameters, (n_extra, n): of log-likelihood, slope, and second slope."""
        none = np.zeros((len(extra), len(eta)))
        return none, none, none


class Binomial(Family):
    """Responses of 0 and 1, logit link."""

    def start(self) -> tuple[float, Floats]:
        """Logit of a mean moved away from 0."""
        mean = float(self.y.mean())
        mean += 0.5 * mean * (1 - mean)
        return float(np.log(mean / (1 - mean))), np.zeros(0)

    def deviance(self, eta: Floats, extra: Floats) -> float:  # noqa: ARG002
        """-2 log-likelihood."""
        either = np.log1p(np.exp(-np.abs(eta))) + np.maximum(eta, 0.0)  # faster than logaddexp
        return float(2 * (either - self.y * eta).sum())

    def slopes(self, eta: Floats, extra: Floats) -> tuple[Floats, Floats, Floats]:  # noqa: ARG002
        """Residual, variance, and the slope of the variance."""
        mean = special.expit(eta)
        weight = mean * (1 - mean)
        return self.y - mean, weight, weight * (1 - 2 * mean)


class Poisson(Family):
    """Counts, log link."""

    def __init__(self, y: Floats) -> None:
        super().__init__(y)
        self._constant = 2 * float(special.gammaln(y + 1).sum())

    def start(self) -> tuple[float, Floats]:
        """Logarithm of the mean."""
        return float(np.log(max(float(self.y.mean()), 1e-3))), np.zeros(0)

    def deviance(self, eta: Floats, extra: Floats) -> float:  # noqa: ARG002
        """-2 log-likelihood."""
        own = 2 * (np.exp(np.minimum(eta, 300.0)) - self.y * eta).sum()
        return float(own) + self._constant

    def slopes(self, eta: Floats, extra: Floats) -> tuple[Floats, Floats, Floats]:  # noqa: ARG002
        """Residual, variance, and the slope of the variance."""
        mean = np.exp(np.minimum(eta, 300.0))
        return self.y - mean, mean, mean


def cuts_of(extra: Floats) -> Floats:
    """Thresholds of which the first is 0, from logarithms of their distances."""
    return np.concatenate([[0.0], np.exp(np.minimum(extra, 300.0)).cumsum()])


def cuts_slopes(extra: Floats) -> Floats:
    """Slopes of `cuts_of`, shape (n_cuts, n_extra)."""
    return np.asarray(
        np.tri(len(extra) + 1, len(extra), -1) * np.exp(np.minimum(extra, 300.0)), dtype=np.float64
    )


def category_probabilities(eta: Floats, cuts: Floats) -> Floats:
    """Probability of each category, shape (n, n_cuts + 1), logit link."""
    below = special.expit(cuts - eta[:, None])
    whole = np.hstack([np.zeros((len(eta), 1)), below, np.ones((len(eta), 1))])
    return np.diff(whole, axis=1)


class Cumulative(Family):
    """Categories 0, 1, 2... in an order: ``logit P(y <= j) = cut_j - eta`` with ``cut_0 = 0``.

    The intercept of eta is the negative of the first threshold. With F the logistic distribution
    between the cuts around a category, a above and b below, F(a) - F(b) is
    ``F(a) (1 - F(b)) (1 - exp(b - a))``, and its logarithm has the slope ``F(a) + F(b) - 1``.
    """

    def __init__(self, y: Floats) -> None:
        super().__init__(y)
        self._codes = y.astype(np.intp)
        top = int(self._codes.max())
        self.n_extra = top - 1
        step = np.arange(1, top)[:, None]
        self._above = (self._codes >= step) & (self._codes < top)
        self._below = self._codes - 1 >= step

    def start(self) -> tuple[float, Floats]:
        """Thresholds at the shares of the categories."""
        counts = np.bincount(self._codes)
        cuts = special.logit(counts.cumsum()[:-1] / counts.sum())
        return -float(cuts[0]), np.log(np.diff(cuts))

    def _around(self, eta: Floats, extra: Floats) -> tuple[Floats, Floats]:
        ends = np.concatenate([[-np.inf], cuts_of(extra), [np.inf]])
        return ends[self._codes + 1] - eta, ends[self._codes] - eta

    def deviance(self, eta: Floats, extra: Floats) -> float:
        """-2 log-likelihood."""
        above, below = self._around(eta, extra)
        own = special.log_expit(above) + special.log_expit(-below)
        return float(-2 * (own + np.log(-np.expm1(below - above))).sum())

    def slopes(self, eta: Floats, extra: Floats) -> tuple[Floats, Floats, Floats]:
        """Slopes by eta; the second is never positive."""
        above, below = (special.expit(end) for end in self._around(eta, extra))
        high, low = above * (1 - above), below * (1 - below)
        return above + below - 1, high + low, -high * (1 - 2 * above) - low * (1 - 2 * below)

    def by_extra(self, eta: Floats, extra: Floats) -> tuple[Floats, Floats, Floats]:
        """Slopes by the logarithms of the distances."""
        above, below = self._around(eta, extra)
        apart = 1 / np.expm1(above - below)  # 0 where an end is infinite
        high, low = special.expit(above), special.expit(below)
        dense = high * (1 - high), low * (1 - low)
        bent = dense[0] * (1 - 2 * high), dense[1] * (1 - 2 * low)
        size = np.exp(np.minimum(extra, 300.0))[:, None]

        def whole(by_above: Floats, by_below: Floats) -> Floats:
            return np.asarray(size * (self._above * by_above + self._below * by_below))

        return whole(1 - high + apart, -low - apart), whole(*dense), whole(*bent)


class Beta(Family):
    """Numbers between 0 and 1, logit link: shapes ``mean * phi`` and ``(1 - mean) * phi``."""

    n_extra = 1

    def __init__(self, y: Floats) -> None:
        super().__init__(y)
        self._logit = special.logit(y)

    def start(self) -> tuple[float, Floats]:
        """Logit of the mean, and the precision by moments."""
        mean = float(self.y.mean())
        precision = mean * (1 - mean) / float(self.y.var()) - 1
        return float(special.logit(mean)), np.array([np.log(max(precision, 0.1))])

    def _parts(self, eta: Floats, extra: Floats) -> tuple[Floats, Floats, float, Floats]:
        """Mean, its slope, the precision, and how far the logit lies from its expectation."""
        mean = special.expit(eta)
        phi = float(np.exp(extra[0]))
        expected = special.digamma(mean * phi) - special.digamma((1 - mean) * phi)
        return mean, mean * (1 - mean), phi, self._logit - expected

    def deviance(self, eta: Floats, extra: Floats) -> float:
        """-2 log-likelihood."""
        mean, _, phi, _ = self._parts(eta, extra)
        first, second = mean * phi, (1 - mean) * phi
        own = (first - 1) * np.log(self.y) + (second - 1) * np.log1p(-self.y)
        return float(-2 * (own - special.betaln(first, second)).sum())

    def slopes(self, eta: Floats, extra: Floats) -> tuple[Floats, Floats, Floats]:
        """Slopes by eta; rows far from their mean bend the other way."""
        mean, size, phi, away = self._parts(eta, extra)
        first, second, turn = mean * phi, (1 - mean) * phi, 1 - 2 * mean
        spread = special.polygamma(1, first) + special.polygamma(1, second)
        tilt = (special.polygamma(2, first) - special.polygamma(2, second)) * phi * size
        weight = phi * (phi * spread * size**2 - away * size * turn)
        bend = phi * size * (phi * size * (tilt + 3 * spread * turn) - away * (turn**2 - 2 * size))
        return phi * size * away, weight, bend

    def by_extra(self, eta: Floats, extra: Floats) -> tuple[Floats, Floats, Floats]:
        """Slopes by the logarithm of the precision."""
        mean, size, phi, away = self._parts(eta, extra)
        rest = 1 - mean
        first, second, turn = mean * phi, rest * phi, 1 - 2 * mean
        trigamma = special.polygamma(1, first), special.polygamma(1, second)
        spread = trigamma[0] + trigamma[1]
        moved = mean * trigamma[0] - rest * trigamma[1]
        changed = mean * special.polygamma(2, first) + rest * special.polygamma(2, second)
        likelihood = (
            special.digamma(phi)
            - mean * special.digamma(first)
            - rest * special.digamma(second)
            + mean * np.log(self.y)
            + rest * np.log1p(-self.y)
        )
        error = size * away - phi * size * moved
        weight = (
            2 * phi * spread * size**2
            + phi**2 * size**2 * changed
            - size * turn * (away - phi * moved)
        )
        one, two, three = (phi * part[None, :] for part in (likelihood, error, weight))
        return one, two, three


_FAMILIES: dict[str, type[Family]] = {
    "binomial": Binomial,
    "poisson": Poisson,
    "cumulative": Cumulative,
    "beta": Beta,
}


def family_of(name: str, y: Floats) -> Family:
    """The response as a family."""
    return _FAMILIES[name](y)


def stacked_cuts(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Categories as yes or no at the cuts beside them, with a column for each cut but the first.

    Parameters
    ----------
    x : ndarray of float, shape (n, p)
        Fixed columns, with a constant among their combinations.
    y : ndarray of float, shape (n,)
        Categories 0, 1, 2...

    Returns
    -------
    columns : ndarray of float, shape (m, p + n_cuts - 1)
        Columns for each row and cut.
    above : ndarray of float, shape (m,)
        Whether the category lies above the cut. The columns separate the categories where they
        separate these.
    """
    top = int(y.max())
    parts: list[tuple[Floats, Floats]] = []
    for cut in range(top):
        use = (y == cut) | (y == cut + 1)
        columns = np.zeros((int(use.sum()), top))
        columns[:, cut] = -1.0
        parts.append((np.hstack([x[use], columns[:, 1:]]), (y[use] > cut).astype(np.float64)))
    return np.vstack([part for part, _ in parts]), np.concatenate([above for _, above in parts])

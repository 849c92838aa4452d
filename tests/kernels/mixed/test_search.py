"""Parts of the search on objectives that are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats.kernels.mixed.blocks import RandomBlock
from muvistats.kernels.mixed.linear import LinearMixed
from muvistats.kernels.mixed.search import (
    SINGULAR,
    _beyond_saddle,
    _hessian,
    _newton,
    _start,
    _tidied,
    minimise,
)


def _two_valleys(p: np.ndarray) -> tuple[float, np.ndarray]:
    """x**4 - x**2 + y**2: a saddle at 0, minima where x**2 is 1/2."""
    x, y = p
    return float(x**4 - x**2 + y**2), np.array([4 * x**3 - 2 * x, 2 * y])


def test_a_saddle_is_left_along_the_bend_and_a_minimum_is_not():
    left = _beyond_saddle(_two_valleys, np.zeros(2), np.diag([-2.0, 2.0]))
    assert abs(left[0]) in (0.03, 0.1, 0.3, 1.0)
    assert left[1] == 0
    assert _two_valleys(left)[0] < -0.08
    lowest = np.array([np.sqrt(0.5), 0.0])
    assert _beyond_saddle(_two_valleys, lowest, np.diag([4.0, 2.0])) is None


@pytest.mark.parametrize(("scale", "there"), [(1.0, 0.0), (100.0, 0.0), (1.0, 50.0)])
def test_the_hessian_takes_steps_as_large_as_the_parameter(scale, there):
    def cubic(p: np.ndarray) -> tuple[float, np.ndarray]:
        return float(p[0] ** 4 / 4), p**3

    step = 1e-4 * max(scale, there)
    found = _hessian(cubic, np.array([there]), np.array([scale]))
    assert found[0, 0] == pytest.approx(3 * there**2 + step**2, rel=1e-6)


def test_newton_stops_at_the_minimum_and_says_whether_it_is_one():
    near = _newton(_two_valleys, np.array([0.72, 0.01]), np.diag([4.0, 2.0]))
    np.testing.assert_allclose(near.parameters, [np.sqrt(0.5), 0.0], atol=1e-7)
    assert near.converged
    far = _newton(_two_valleys, np.array([5.0, 0.0]), np.diag([4.0, 2.0]))
    assert far.parameters[0] == 5.0
    assert not far.converged


@pytest.mark.parametrize("worse", [0.0, 1e-3])
def test_a_variance_near_zero_becomes_zero_unless_the_deviance_rises(worse):
    block = RandomBlock(np.ones((4, 2)), np.arange(4), 4)
    near = np.array([SINGULAR / 2, 0.5, -0.7])  # rows of the lower triangle

    def deviance(p: np.ndarray) -> tuple[float, np.ndarray]:
        return (10 + worse if p[0] == 0 else 10.0), np.zeros(3)

    out, zeroed = _tidied(deviance, near, [block])
    assert zeroed
    np.testing.assert_array_equal(out, [SINGULAR / 2 if worse else 0.0, 0.5, 0.7])


def test_who_meets_one_saddle_after_another_has_not_converged():
    def ridge(p: np.ndarray) -> tuple[float, np.ndarray]:
        """Falls for ever, flat where p is whole and bending down there."""
        return float(-(p[0] ** 2)), -2 * (p - np.round(p))

    block = RandomBlock(np.ones((4, 1)), np.arange(4), 4)
    found = minimise(ridge, np.zeros(1), [block], curvature=True)
    assert not found.converged


def test_the_search_starts_at_the_variances_of_balanced_groups():
    """The fifth level has no row, and counts as 0."""
    codes = np.repeat(np.arange(4), 6)
    y = np.array([-3.0, -1.0, 1.0, 3.0])[codes] + np.tile([-1.0, 1.0], 12)
    model = LinearMixed(np.ones((24, 1)), y, [RandomBlock(np.ones((24, 1)), codes, 5)])
    variance = np.var(y, ddof=1)
    between = 4 / 5 * (5 - variance / 6)  # the mean square of the means is 5
    start, _ = _start(model)
    assert start == pytest.approx([np.sqrt(between / (variance - between))])

"""The latent trajectory against dense Gaussians, statsmodels' smoother and planted raters."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from statsmodels.tsa.statespace.structural import UnobservedComponents

from muvistats.kernels.raters import latent
from muvistats.kernels.raters.latent import cell_levels, latent_trajectory


def planted(rng, n_cells=12, n_raters=8, steps=80, most=4, noise=0.3):
    """Raters who follow smooth paths with a bias, gain and delay of their own."""
    paths = rng.normal(size=(n_cells, steps + 2 * most)).cumsum(axis=1) * 0.2
    cell = np.repeat(np.arange(n_cells), n_raters)
    rater = np.tile(np.arange(n_raters), n_cells)
    gain = np.exp(0.4 * rng.normal(size=n_raters))
    delay = rng.integers(-2, 3, n_raters)
    delay -= int(np.median(delay))
    bias = rng.normal(size=n_raters)
    columns = np.arange(steps) + most - delay[rater][:, None]
    values = bias[rater][:, None] + gain[rater][:, None] * paths[cell[:, None], columns]
    values += noise * rng.normal(size=values.shape)
    starts = np.arange(n_cells) * n_raters
    return values, starts, rater, gain, delay, paths[:, most:-most]


def state_of(data, rng):
    n = data.n_raters
    return latent._State(
        level=rng.normal(size=len(data.rater)),
        gain=rng.uniform(0.2, 2, n),
        noise=rng.uniform(0.2, 1, n),
        delay=rng.integers(-data.most, data.most + 1, n),
        step=rng.uniform(0.01, 0.1, data.n_cells),
    )


@pytest.fixture
def small():
    rng = np.random.default_rng(5)
    known = rng.random((5, 9)) > 0.2
    values = np.where(known, rng.normal(size=(5, 9)), 0.0)
    data = latent._Data(values, known, np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 0, 2]), 2)
    return data, state_of(data, rng)


def dense(data, state, cell):
    """Mean and covariance of the ratings of a cell, and of z with them, without any recursion."""
    grid = data.values.shape[1] + 2 * data.most
    steps = np.full(grid, state.step[cell])
    steps[0] *= latent._START
    walk = np.tri(grid) @ np.diag(steps) @ np.tri(grid).T
    rows = np.flatnonzero(data.cell == cell)
    design, mean, noise, seen = [], [], [], []
    for a in rows:
        j = data.rater[a]
        for t in np.flatnonzero(data.known[a]):
            line = np.zeros(grid)
            line[t + data.most - state.delay[j]] = state.gain[j]
            design.append(line)
            mean.append(state.level[a])
            noise.append(state.noise[j])
            seen.append(data.values[a, t])
    return walk, np.array(design), np.array(mean), np.diag(noise), np.array(seen)


def test_the_smoother_equals_dense_conditioning(small):
    data, state = small
    found = latent._smooth(data, state)
    for cell in range(2):
        walk, design, mean, noise, seen = dense(data, state, cell)
        gain = walk @ design.T @ np.linalg.inv(design @ walk @ design.T + noise)
        covariance = walk - gain @ design @ walk
        assert_allclose(found.mean[cell], gain @ (seen - mean), rtol=1e-8, atol=1e-10)
        assert_allclose(found.variance[cell], np.diagonal(covariance), rtol=1e-8)
        assert_allclose(found.lag[cell, 1:], np.diagonal(covariance, 1), rtol=1e-7, atol=1e-10)


def test_the_likelihood_is_that_of_the_dense_normal_distribution(small):
    data, state = small
    total = 0.0
    for cell in range(2):
        walk, design, mean, noise, seen = dense(data, state, cell)
        spread = design @ walk @ design.T + noise
        total += stats.multivariate_normal(mean, spread).logpdf(seen)
    square = ((state.gain - 1) / latent._GAIN_SD) ** 2
    weight = np.bincount(data.rater) * (latent._LONGEST * state.delay / data.most) ** 2
    prior = square.sum() + weight.sum()
    prior += latent._SHRINK * (np.log(state.noise) + latent._NOISE / state.noise).sum()
    prior += latent._SHRINK * (np.log(state.step) + latent._STEP / state.step).sum()
    found = latent._log_likelihood(data, state, latent._smooth(data, state))
    assert found == pytest.approx(total - prior / 2, rel=1e-10)


def test_one_rater_is_smoothed_as_by_statsmodels():
    y = np.random.default_rng(2).normal(size=60).cumsum()
    data = latent._Data(y[None], np.ones((1, 60), bool), np.array([0]), np.array([0]), 0)
    state = latent._State(np.zeros(1), np.ones(1), np.array([0.7]), np.array([0]), np.array([0.2]))
    model = UnobservedComponents(y, "llevel")
    model.ssm.initialize_known(np.zeros(1), np.array([[latent._START * 0.2]]))
    smoothed = model.smooth([0.7, 0.2])
    found = latent._smooth(data, state)
    assert_allclose(found.mean[0], smoothed.smoothed_state[0], rtol=1e-8)
    assert_allclose(found.variance[0], smoothed.smoothed_state_cov[0, 0], rtol=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_the_likelihood_never_falls(seed):
    rng = np.random.default_rng(seed)
    values, starts, rater, *_ = planted(
        rng, n_cells=5, n_raters=2 + seed, noise=[0.05, 2.0][seed % 2]
    )
    values[rng.random(values.shape) < 0.1] = np.nan
    values[0] = 0.0  # a cursor that never moves
    values[-1] *= -1  # one that goes against the others
    fit = latent_trajectory(values, starts, rater, most=4, tol=0, n_iter=60)
    rise = np.diff(fit.log_likelihood)
    assert len(rise) > 5
    assert rise.min() > -1e-9 * np.abs(fit.log_likelihood).max()


def test_planted_raters_are_found():
    values, starts, rater, gain, delay, paths = planted(np.random.default_rng(1))
    fit = latent_trajectory(values, starts, rater, most=4)
    first = np.arange(8)
    assert fit.converged
    assert fit.delay[first].tolist() == delay.tolist()
    assert np.corrcoef(fit.gain[first], gain)[0, 1] > 0.98
    paths = paths * gain.mean()
    ours, plain = (
        np.std((part - paths) - (part - paths).mean(axis=1, keepdims=True))
        for part in (fit.trajectory, values.reshape(12, 8, -1).mean(axis=1))
    )
    assert ours < 0.7 * plain


def test_what_cannot_be_told_apart_is_fixed():
    rng = np.random.default_rng(3)
    values, starts, rater, *_ = planted(rng, n_raters=5)
    values[1::3, :25] = np.nan
    fit = latent_trajectory(values, starts, rater, most=4)
    assert fit.gain.mean() == pytest.approx(1)
    assert fit.bias.mean() == pytest.approx(0, abs=1e-9)
    assert np.median(fit.delay) == 0
    other = latent_trajectory(1e6 + 1e4 * values, starts, rater, most=4)
    assert_allclose((other.trajectory - 1e6) / 1e4, fit.trajectory, rtol=1e-6, atol=1e-6)
    assert_allclose(other.bias / 1e4, fit.bias, rtol=1e-5, atol=1e-6)


def test_who_follows_nobody_has_next_to_no_gain():
    rng = np.random.default_rng(8)
    values, starts, rater, *_ = planted(rng, n_raters=6, noise=0.5)
    values[rater == 2] = rng.normal(size=(12, 80)).cumsum(axis=1) * 0.2
    fit = latent_trajectory(values, starts, rater, most=4)
    assert fit.gain[2] < 0.4 * np.delete(fit.gain[:6], 2).mean()


def test_levels_of_cells_are_freed_of_habits():
    rng = np.random.default_rng(4)
    truth, habit = rng.normal(size=60), 2 * rng.normal(size=20)
    rater = np.concatenate([rng.choice(20, 4, replace=False) for _ in range(60)])
    cell = np.repeat(np.arange(60), 4)
    level = truth[cell] + habit[rater] + 0.1 * rng.normal(size=240)
    found = cell_levels(level, cell, rater)
    error = found - truth
    assert np.std(error) < 0.1
    assert np.std(level.reshape(60, 4).mean(axis=1) - truth) > 0.5
    # The same by the mixed model's equations, dense.
    off = level - level.reshape(60, 4).mean(axis=1)[cell]
    of_rater, n = np.bincount(rater, off) / np.bincount(rater), np.bincount(rater)
    within = ((off - of_rater[rater]) ** 2).sum() / (240 - 60 - 20 + 1)
    between = (of_rater**2 * n).sum() / 19
    ratio = within / ((between - within) * 19 / (240 - (n**2).sum() / 240))
    z, x = np.eye(20)[rater], np.eye(60)[cell]
    whole = np.block([[x.T @ x, x.T @ z], [z.T @ x, z.T @ z + ratio * np.eye(20)]])
    solved = np.linalg.solve(whole, np.concatenate([x.T @ level, z.T @ level]))
    expected = solved[:60] + solved[60:][rater].mean()
    assert_allclose(found, expected, atol=1e-9)


def test_raters_of_one_trial_have_no_habit():
    level = np.random.default_rng(0).normal(size=12)
    cell = np.repeat(np.arange(4), 3)
    assert_allclose(cell_levels(level, cell, np.arange(12)), level.reshape(4, 3).mean(axis=1))


@pytest.mark.parametrize("most", [1, 4])
def test_the_longest_delay_is_three_prior_standard_deviations(most):
    rater = np.array([0, 0, 1])
    known = np.ones((3, 8), dtype=bool)
    data = latent._Data(np.zeros((3, 8)), known, np.array([0, 1, 1]), rater, most)
    prior = latent._delay_prior(data)
    assert_allclose(prior[:, [0, most, 2 * most]], [[18, 0, 18], [9, 0, 9]])
    assert_allclose(prior[1, most + 1], (3 / most) ** 2)


def test_residuals_of_an_annotation_have_mean_zero():
    """With delays fixed at 0, ratings are bias, level and gain times the path, and noise."""
    values, starts, rater, *_ = planted(np.random.default_rng(6), n_cells=6, n_raters=4, most=1)
    values[::5, :30] = np.nan
    values[4:8, 60:] = np.nan
    fit = latent_trajectory(values, starts, rater, most=0)
    level = np.nanmean(fit.trajectory, axis=1, keepdims=True)
    cell = np.repeat(np.arange(6), 4)
    fitted = level[cell] + fit.gain[:, None] * (fit.trajectory - level)[cell]
    residuals = values - fit.bias[:, None] - fitted
    assert_allclose(np.nanmean(residuals, axis=1), 0, atol=1e-9)

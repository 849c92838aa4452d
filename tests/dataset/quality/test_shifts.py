"""The alignment check in sessions of few trials."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from muvistats import from_frames, label_alignment_check
from muvistats.dataset.quality.shifts import alignment_z
from muvistats.kernels.raters.alignment import without_signal


def drawn(rng: np.random.Generator, trials: int, people: int, shift: int = 0):
    """People who rate items in random order; the rating of a trial stands `shift` trials later."""
    quality = rng.normal(0, 1, 40)
    item = np.stack([rng.choice(40, trials, replace=False) for _ in range(people)])
    rating = np.tanh(0.4 * quality[item] + 0.3 * rng.normal(size=item.shape))
    frame = pd.DataFrame(
        {
            "participant": np.repeat([f"p{p}" for p in range(people)], trials),
            "item": [f"i{i}" for i in item.ravel()],
            "trial": np.tile(np.arange(1, trials + 1), people),
            "valence": np.roll(rating, shift, axis=1).ravel(),
        }
    )
    return from_frames(frame, modalities=("music",))


@pytest.mark.parametrize(("trials", "people"), [(3, 150), (5, 90)])
def test_no_signal_beside_the_true_lag_in_short_sessions(trials, people):
    rng = np.random.default_rng(trials)
    z = [
        alignment_z(drawn(rng, trials, people), variable="valence", lags=(-1, 0, 1))
        for _ in range(12)
    ]
    beside = np.array([[one[-1], one[1]] for one in z])
    assert min(one[0] for one in z) > 8
    assert abs(beside.mean()) < 1
    assert (beside > 1.645).mean() <= 0.2


def test_a_shift_is_found_in_short_sessions():
    study = drawn(np.random.default_rng(1), 5, 90, shift=1)
    check = label_alignment_check(study, lags=(-1, 0, 1), n_resamples=199)
    assert check.loc[check["best"], "lag"].tolist() == [1]
    assert (check.loc[check["lag"] < 1, "statistic"].abs() < 3).all()


def test_what_is_left_without_the_signal_is_that_of_least_squares():
    rng = np.random.default_rng(2)
    participant, trial = np.repeat(np.arange(8), 5), np.tile(np.arange(5), 8)
    item = rng.integers(0, 6, 40)
    values = rng.normal(size=(40, 2))
    found = without_signal(values, item, participant, trial, 1)
    meets = trial > 0  # the value of trial t + 1 meets the item of trial t
    dummies = np.concatenate(
        [np.eye(6)[item[:-1][meets[1:]]], np.eye(8)[participant[meets]]], axis=1
    )
    effects = np.linalg.lstsq(dummies, values[meets], rcond=None)[0]
    assert found[meets] == pytest.approx(values[meets] - dummies @ effects, abs=1e-8)
    means = np.stack([values[meets & (participant == p)].mean(axis=0) for p in range(8)])
    assert found[~meets] == pytest.approx(values[~meets] - means)

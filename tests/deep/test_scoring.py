"""Scores of items, and blocks of the released scripts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from muvistats.deep import PROTOCOLS
from muvistats.deep.scoring import BLOCK, blocks, item_scores

STRICT, PAPER, RELEASED = (PROTOCOLS[name] for name in ("strict", "paper", "released"))


def test_scores_by_hand():
    observed, fitted = np.array([0.0, 0.5, 1.0, 0.5]), np.array([0.25, 0.5, 0.75, 0.0])
    mse = (0.0625 + 0 + 0.0625 + 0.25) / 4
    # means 0.5 and 0.375, variances 0.125 and 0.078125, covariance 0.0625
    ccc = 2 * 0.0625 / (0.125 + 0.078125 + 0.125**2)
    scores = item_scores(observed, fitted, protocol=STRICT)
    assert scores.mse == pytest.approx(mse)
    assert scores.rmse == pytest.approx(np.sqrt(mse))
    assert scores.ccc == pytest.approx(ccc)
    released = item_scores(observed, fitted, protocol=RELEASED)
    assert released.rmse == released.mse == pytest.approx(mse)
    assert released.ccc == scores.ccc


def test_moments():
    rng = np.random.default_rng(4)
    observed, fitted = rng.normal(size=9), rng.normal(size=9)
    for moments, ddof in (("n", 0), ("n-1", 1)):
        both = np.cov(observed, fitted, ddof=ddof)
        expected = 2 * both[0, 1] / (np.trace(both) + (observed.mean() - fitted.mean()) ** 2)
        scores = item_scores(observed, fitted, protocol=replace(STRICT, moments=moments))
        assert scores.ccc == pytest.approx(expected)


def test_what_does_not_move():
    still, moving = np.full(5, 0.3), np.linspace(0, 1, 5)
    assert item_scores(moving, still, protocol=STRICT).ccc == 0
    assert item_scores(still, moving, protocol=STRICT).ccc == 0
    assert np.isnan(item_scores(still, still, protocol=STRICT).ccc)
    assert item_scores(still, still, protocol=STRICT).rmse == 0


def test_blocks_mix_items():
    """Nine items of 114 windows: each block begins three windows sooner than its item does."""
    cut = blocks(9 * 114, 9)
    assert [part.start for part in cut] == [111 * k for k in range(9)]
    assert {part.stop - part.start for part in cut} == {BLOCK} == {111}
    item = np.repeat(np.arange(9), 114)
    assert [sorted(set(item[part].tolist())) for part in cut] == [
        [0], [0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 6], [6, 7], [7, 8],
    ]  # fmt: skip
    assert [int((item[part] == k).sum()) for k, part in enumerate(cut)] == [
        111, 108, 105, 102, 99, 96, 93, 90, 87,
    ]  # fmt: skip


def test_blocks_of_few_windows():
    assert blocks(200, 3) == [slice(0, 111), slice(111, 200)]
    assert blocks(111, 2) == [slice(0, 111)]
    assert blocks(0, 2) == []


def test_faults_in_words():
    assert STRICT.faults == ""
    assert PAPER.faults == "training stops at the loss of the tested items"
    said = RELEASED.faults
    assert "rmse holds the mean squared error" in said
    assert "transferred networks were trained on tested items" in said
    assert "training stops" not in said  # the half that stops it is not tested

"""Windows, folds and scale, by hand on a few rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import KFold, train_test_split

from muvistats.deep import PROTOCOLS
from muvistats.deep.windows import (
    Sequences,
    _runs,
    entering_items,
    fold_items,
    load_sequences,
    save_sequences,
)

STRICT = PROTOCOLS["strict"]


def make(n_items: int = 3, n_steps: int = 7) -> Sequences:
    """Items of some steps; the second lacks its step 3, the third has no music ratings."""
    item = np.repeat(np.arange(n_items), n_steps)
    time = np.tile(np.arange(n_steps) * 0.5, n_items)
    keep = ~((item == 1) & (time == 1.5))
    item, time = item[keep], time[keep]
    n = len(item)
    gold = np.arange(2.0 * 3 * n).reshape(2, 3, n)
    gold[:, 0, item == 2] = np.nan
    x = np.random.default_rng(0).normal(size=(n, 5))
    return Sequences(
        x,
        np.array(["audio"] * 3 + ["visual"] * 2),
        item,
        _runs(item, time),
        gold,
        np.ones((2, n_items), dtype=bool),
        ("arousal", "valence"),
        ("music", "visual", "audiovisual"),
    )


def test_runs_end_at_gaps_and_items():
    made = make()
    assert made.run.tolist() == [7, 6, 5, 4, 3, 2, 1, 3, 2, 1, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1]
    assert _runs(np.array([0]), np.array([0.0])).tolist() == [1]
    assert _runs(np.array([0, 1]), np.array([0.0, 0.5])).tolist() == [1, 1]


def test_windows_have_a_next_step():
    made = make()
    everything = np.ones(3, dtype=bool)
    assert made.starts(everything, 4).tolist() == [0, 1, 2, 13, 14, 15]
    # windows of two steps also fit before and after the gap
    assert made.starts(everything, 2).tolist() == [0, 1, 2, 3, 4, 7, 10, 13, 14, 15, 16, 17]
    assert made.starts(np.array([False, False, True]), 6).tolist() == [13]
    assert made.starts(everything, 7).tolist() == []


def test_items_that_can_be_used():
    made = make()
    assert made.usable("arousal", "music", ("audio",), 4).tolist() == [True, False, False]
    assert made.usable("arousal", "visual", ("audio",), 4).tolist() == [True, False, True]
    assert made.usable("arousal", "visual", ("audio",), 2).tolist() == [True, True, True]
    made.present[1, 2] = False
    assert made.usable("valence", "visual", ("audio", "visual"), 2).tolist() == [True, True, False]
    assert entering_items(made, 4).tolist() == [True, False, True]


@pytest.mark.parametrize("n", [81, 12])
def test_folds_are_those_of_scikit_learn(n):
    used = np.ones(n, dtype=bool)
    for repeat, seed in ((1, 42), (2, 43)):
        folds = KFold(5, shuffle=True, random_state=seed).split(np.arange(n))
        for fold, (training, held) in enumerate(folds, start=1):
            parts = fold_items(used, STRICT, repeat, fold)
            assert np.flatnonzero(parts.test).tolist() == held.tolist()
            assert np.flatnonzero(parts.fit | parts.stop).tolist() == training.tolist()
            assert not (parts.fit & parts.stop).any()
            assert parts.stop.sum() == round(0.2 * len(training))
            paper = fold_items(used, PROTOCOLS["paper"], repeat, fold)
            assert np.flatnonzero(paper.fit).tolist() == training.tolist()
            assert np.array_equal(paper.stop, parts.test)
            assert np.array_equal(paper.test, parts.test)


def test_strict_tests_each_item_once():
    used = np.ones(81, dtype=bool)
    used[[3, 40]] = False
    tested = sum(fold_items(used, STRICT, 1, fold).test.astype(int) for fold in range(1, 6))
    assert tested.tolist() == used.astype(int).tolist()
    # items that stop a training differ from fold to fold and are the same each time
    stops = [fold_items(used, STRICT, 1, fold).stop for fold in (1, 1, 2)]
    assert np.array_equal(stops[0], stops[1])
    assert not np.array_equal(stops[0], stops[2])


def test_halves_of_the_released_scripts():
    """9 + 4 x 8 items, as the paper's 40 degrees of freedom have it."""
    used = np.ones(81, dtype=bool)
    sizes = []
    for fold, (training, held) in enumerate(
        KFold(5, shuffle=True, random_state=42).split(np.arange(81)), start=1
    ):
        parts = fold_items(used, PROTOCOLS["released"], 1, fold)
        stop, test = train_test_split(held, test_size=0.5, random_state=42)
        assert set(np.flatnonzero(parts.test)) == set(test)
        assert set(np.flatnonzero(parts.stop)) == set(stop)
        assert np.flatnonzero(parts.fit).tolist() == training.tolist()
        sizes.append(int(parts.test.sum()))
    assert sorted(sizes) == [8, 8, 8, 8, 9]
    assert sum(sizes) == 41


def test_positions_of_items_that_do_not_enter_are_skipped():
    used = np.zeros(10, dtype=bool)
    used[[0, 2, 4, 6, 8, 9]] = True
    parts = fold_items(used, replace(STRICT, n_folds=3), 1, 1)
    held = next(iter(KFold(3, shuffle=True, random_state=42).split(np.arange(6))))[1]
    assert np.flatnonzero(parts.test).tolist() == np.flatnonzero(used)[held].tolist()
    assert not ((parts.fit | parts.stop | parts.test) & ~used).any()


def test_scale_of_training_windows_alone():
    made = make()
    starts = made.starts(np.array([True, False, False]), 4)  # rows 0 to 5
    columns = made.x[:, :3]
    low, high = columns[:6].min(axis=0), columns[:6].max(axis=0)
    scaled = made.scaled("audio", starts, 4)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, (columns - low) / (high - low), rtol=1e-6)
    # the last row of the item is only ever predicted, and may lie outside
    wild = replace(made, x=made.x.copy())
    wild.x[6:] *= 1000.0
    np.testing.assert_array_equal(wild.scaled("audio", starts, 4)[:6], scaled[:6])


def test_kept_sequences_are_mapped(tmp_path):
    made = make()
    folder = save_sequences(tmp_path, made)
    stamp = (folder / "x.npy").stat().st_mtime_ns
    assert save_sequences(tmp_path, make()) == folder
    assert (folder / "x.npy").stat().st_mtime_ns == stamp
    other = make()
    other.gold[0, 0, 0] += 1e-9
    assert save_sequences(tmp_path, other) != folder
    loaded = load_sequences(folder)
    assert isinstance(loaded.x, np.memmap)
    assert not loaded.x.flags.writeable
    for name in ("x", "kinds", "item", "run", "gold", "present"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(made, name))
    assert (loaded.targets, loaded.modalities) == (made.targets, made.modalities)
    assert {path.name for path in folder.iterdir()} == {"x.npy", "rows.npz"}

"""No held-out item reaches a weight, a scale or a stop under the strict protocol."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats.deep import Configuration
from muvistats.deep.windows import fold_items
from muvistats.kernels.regression.folds import fold_labels

#: PAIR, its control, and the null of the transfer: all that a fold can train.
ALL = (
    "pair",
    "pair_control",
    "early_fusion",
    Configuration(
        "pair_null",
        "audiovisual",
        "audio_visual",
        "late_fusion",
        (("audio", "music"), ("visual", "visual")),
        permuted=1,
    ),
)


def in_order(study) -> np.ndarray:
    """Items as the release has them."""
    items = study["items/item"].values.astype(str)
    if "release_order" in study["items"].dataset:
        items = items[np.argsort(study["items/release_order"].values, kind="stable")]
    return items


def held_out(study, fold: int) -> list[str]:
    items = in_order(study)
    return items[fold_labels(len(items), 3) == fold - 1].tolist()


@pytest.mark.parametrize("fold", [1, 2, 3])
def test_strict_lets_nothing_through(small_study, tiny_protocol, of_fold, changed, same, fold):
    other = changed(small_study, held_out(small_study, fold))
    protocol = tiny_protocol()
    one = of_fold(small_study, fold, *ALL, protocol=protocol)
    two = of_fold(other, fold, *ALL, protocol=protocol)
    assert len(one) == 10  # isolated, controls and permuted ones of both kinds, and the four
    assert one.keys() == two.keys()
    for unit in one:
        assert same(one[unit], two[unit], fitted=False), unit.words
        if unit.permuted is None:  # the change was seen; what is permuted predicts nothing
            assert not np.array_equal(one[unit].fitted, two[unit].fitted)


def test_strict_trains_on_the_other_items(small_study, tiny_protocol, of_fold, changed, same):
    """The test above could not fail if nothing mattered: an item that is trained on does."""
    (item, *_) = held_out(small_study, 2)
    protocol = tiny_protocol()
    one = of_fold(small_study, 1, "pair", protocol=protocol)
    two = of_fold(changed(small_study, [item]), 1, "pair", protocol=protocol)
    for unit in one:
        assert not same(one[unit], two[unit], fitted=False), unit.words


def test_last_fold_leaks(small_study, tiny_protocol, of_fold, changed, same):
    """What `released` does: branches of fold 1 were trained on the items of fold 1."""
    protocol = tiny_protocol(pretraining="last_fold")
    one = of_fold(small_study, 1, "pair", protocol=protocol)
    two = of_fold(changed(small_study, held_out(small_study, 1)), 1, "pair", protocol=protocol)
    transferred = [unit for unit in one if unit.network == "unimodal"]
    assert [unit.fold for unit in transferred] == [3, 3]
    for unit in transferred:
        assert not same(one[unit], two[unit], fitted=False)
    # in the last fold itself nothing leaks
    one = of_fold(small_study, 3, "pair", protocol=protocol)
    two = of_fold(changed(small_study, held_out(small_study, 3)), 3, "pair", protocol=protocol)
    assert all(same(one[unit], two[unit], fitted=False) for unit in one)


def test_paper_stops_at_the_tested_items(small_study, tiny_protocol, of_fold, changed):
    protocol = tiny_protocol("paper")
    one = of_fold(small_study, 1, "pair", protocol=protocol)
    two = of_fold(changed(small_study, held_out(small_study, 1)), 1, "pair", protocol=protocol)
    for unit in one:
        a, b = one[unit], two[unit]
        assert not np.array_equal(a.validation_loss, b.validation_loss)
        if unit.network == "unimodal":  # nothing but the stop and the kept epoch can differ
            np.testing.assert_array_equal(a.loss[0], b.loss[0])


def test_validation_items_are_not_trained_on(small_study, tiny_protocol, of_fold, changed):
    """Under `strict` an item that stops the training has no other part in it."""
    protocol = tiny_protocol(patience=3)  # three epochs whatever the stop says
    stop = np.flatnonzero(fold_items(np.ones(12, dtype=bool), protocol, 1, 1).stop)
    names = in_order(small_study)
    one = of_fold(small_study, 1, "unimodal", protocol=protocol)
    two = of_fold(changed(small_study, names[stop].tolist()), 1, "unimodal", protocol=protocol)
    for unit in one:
        np.testing.assert_array_equal(one[unit].loss, two[unit].loss)
        assert not np.array_equal(one[unit].validation_loss, two[unit].validation_loss)

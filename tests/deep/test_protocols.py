"""Protocols: their settings, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from muvistats.deep import PROTOCOLS, Protocol, quick
from muvistats.deep.protocols import as_protocol
from muvistats.errors import DesignError

#: Settings that make a training quick, and change nothing else.
SIZES = {
    "units",
    "dense_units",
    "learning_rate",
    "batch_size",
    "fused_batch_size",
    "max_epochs",
    "n_folds",
    "patience",
}


def test_what_sets_the_paper_apart():
    assert PROTOCOLS["paper"].differences(PROTOCOLS["strict"]) == {
        "fused_batch_size": (512, 256),
        "stopping": ("held_out_items", "training_items"),
        "restore_best": (False, True),
    }


def test_what_sets_the_released_scripts_apart():
    assert PROTOCOLS["released"].differences(PROTOCOLS["paper"]) == {
        "exclusions": ("released", "as_given"),
        "n_samples": (118, None),
        "block": ("dense_lstm", "lstm"),
        "units": ((256, 128), (256, 256)),
        "stopping": ("half_of_fold", "held_out_items"),
        "pretraining": ("last_fold", "same_fold"),
        "scoring": ("blocks", "items"),
        "rmse": ("mse", "root"),
    }


def test_settings_of_the_text():
    for protocol in PROTOCOLS.values():
        assert protocol.learning_rate == 1e-4
        assert (protocol.max_epochs, protocol.patience) == (100, 7)
        assert (protocol.window, protocol.n_folds, protocol.dropout) == (4, 5, 0.2)
        assert protocol.batch_size == 256
        assert protocol.moments == "n"
        assert PROTOCOLS[protocol.name] is protocol


def test_quick_keeps_what_makes_a_protocol():
    for name, full in PROTOCOLS.items():
        small = quick(name)
        assert set(small.differences(full)) <= SIZES
        assert small.max_epochs < full.max_epochs
        assert max(small.units) < min(full.units)
        assert small.name == f"{name}, quick"


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("block", "gru", "block must be one of lstm, dense_lstm, not 'gru'"),
        ("stopping", "never", "stopping must be one of training_items"),
        ("pretraining", "first_fold", "pretraining must be one of same_fold, last_fold"),
        ("checkpoint", "first", "checkpoint must be one of best, last"),
        ("scoring", "all", "scoring must be one of items, blocks"),
        ("rmse", "mae", "rmse must be one of root, mse"),
        ("moments", "n-2", "moments must be one of n, n-1"),
        ("exclusions", "none", "exclusions must be one of as_given, released"),
        ("window", 0, "window must be a whole number from 1, not 0"),
        ("window", 2.0, "window must be a whole number"),
        ("batch_size", True, "batch_size must be a whole number"),
        ("fused_batch_size", 0, "fused_batch_size"),
        ("max_epochs", 0, "max_epochs"),
        ("patience", 0, "patience"),
        ("dense_units", -1, "dense_units"),
        ("n_folds", 1, "n_folds must be a whole number from 2, not 1"),
        ("units", (256,), "units must be two numbers"),
        ("units", (256, 0), "units must be a whole number from 1, not 0"),
        ("n_samples", 5, "n_samples must be a whole number from 6, not 5"),
        ("dropout", 1.0, "dropout must lie from 0 to below 1"),
        ("dropout", -0.1, "dropout must lie"),
        ("learning_rate", 0.0, "learning_rate must be a number between 0 and 1"),
        ("learning_rate", float("nan"), "learning_rate must be a number"),
    ],
)
def test_bad_settings(setting, value, words):
    with pytest.raises(DesignError) as caught:
        replace(PROTOCOLS["strict"], **{setting: value})
    assert words in str(caught.value)


def test_by_name():
    assert as_protocol("paper") is PROTOCOLS["paper"]
    own = Protocol(name="own", window=2)
    assert as_protocol(own) is own
    with pytest.raises(DesignError, match="one of strict, paper, released or a Protocol"):
        as_protocol("Strict")
    assert Protocol(units=[8, 4]).units == (8, 4)  # type: ignore[arg-type]
    assert hash(Protocol(units=[8, 4])) == hash(Protocol(units=(8, 4)))  # type: ignore[arg-type]

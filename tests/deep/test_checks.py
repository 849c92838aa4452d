"""What is checked before Keras is needed, and that Keras is not imported before it is needed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from muvistats import simulate_muvi
from muvistats.deep import PROTOCOLS, compare_architectures, quick
from muvistats.deep import backend as backend_module
from muvistats.deep.backend import chosen_backend
from muvistats.deep.checks import (
    check_items,
    check_needs,
    chosen_targets,
    network_inputs,
    prepared_study,
)
from muvistats.deep.configurations import as_configurations
from muvistats.deep.training import Task, _fold_data
from muvistats.deep.units import plan_units, with_needs
from muvistats.deep.windows import Sequences, save_sequences
from muvistats.errors import DataError, DesignError, MissingExtraError


@pytest.fixture
def installed(monkeypatch):
    """Say which packages are installed."""

    def set_up(*names: str) -> None:
        find = importlib.util.find_spec
        monkeypatch.setattr(
            backend_module.importlib.util,
            "find_spec",
            lambda name, package=None: (
                (object() if name in names else None)
                if name in ("keras", "torch", "tensorflow")
                else find(name, package)
            ),
        )

    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return set_up


def test_backend(installed, monkeypatch):
    installed("keras", "torch", "tensorflow")
    assert chosen_backend() == "tensorflow"
    assert chosen_backend("torch") == "torch"
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert chosen_backend() == "torch"
    assert chosen_backend("tensorflow") == "tensorflow"
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(DesignError, match="not 'jax' \\(from KERAS_BACKEND\\)"):
        chosen_backend()


def test_extra_to_install(installed):
    installed()
    with pytest.raises(MissingExtraError, match=r"muvistats\[deep\]"):
        chosen_backend()
    installed("keras")
    with pytest.raises(MissingExtraError, match=r"tensorflow.*muvistats\[deep\]"):
        chosen_backend()
    with pytest.raises(MissingExtraError, match=r"torch.*muvistats\[torch\]"):
        chosen_backend("torch")


def test_comparison_without_keras(installed, featured):
    installed()
    with pytest.raises(MissingExtraError, match=r"muvistats\[deep\]"):
        compare_architectures(featured, protocol=quick("strict"))
    with pytest.raises(DesignError, match="protocol must be"):  # arguments come first
        compare_architectures(featured, protocol="loose")


def test_nothing_heavy_is_imported():
    code = (
        "import sys, muvistats, muvistats.deep\n"
        "from muvistats.deep import summarise, paired_tests, CONFIGURATIONS, PROTOCOLS, Protocol\n"
        "from muvistats.deep import compare_architectures, network_models, pair, unimodal\n"
        "heavy = ('keras', 'tensorflow', 'torch', 'jax')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_targets(featured):
    assert chosen_targets(featured, None) == ["arousal", "valence"]
    assert chosen_targets(featured, "valence") == ["valence"]
    assert chosen_targets(featured, ["valence", "arousal", "valence"]) == ["valence", "arousal"]
    with pytest.raises(DesignError, match="no target"):
        chosen_targets(featured, [])
    with pytest.raises((DataError, DesignError), match="dominance"):
        chosen_targets(featured, ["arousal", "dominance"])


def test_needs(featured, study):
    check_needs(featured, as_configurations(None))
    with pytest.raises(DataError, match="unimodal on audio needs audio features") as caught:
        check_needs(study, as_configurations(None))
    assert caught.value.file == "/features/audio"


def test_preparation_of_the_released_scripts(featured):
    protocol = PROTOCOLS["released"]
    study = prepared_study(featured, protocol)
    assert study["annotations"].sizes["time"] == 118
    assert prepared_study(featured, PROTOCOLS["strict"]) is featured
    inputs = network_inputs(study, ["arousal"], as_configurations(None))
    assert inputs.time.max() == pytest.approx(58.5)
    sequences = Sequences.of(inputs)
    item = int(np.argmax(np.bincount(inputs.item)))
    assert len(sequences.starts(np.arange(15) == item, 4)) == 114


def test_what_is_left_to_train_on(featured):
    """Each fold must have something to train on, to stop at and to test."""
    wanted = as_configurations(["unimodal"])
    sequences = Sequences.of(network_inputs(featured, ["arousal"], wanted))
    strict = PROTOCOLS["strict"]
    planned = plan_units(wanted, strict, ["arousal"], 1, 1)
    check_items(sequences, planned, strict)
    gold = sequences.gold
    music = sequences.modalities.index("music")
    gold[:, music, sequences.item > 2] = np.nan  # three items with music ratings
    with pytest.raises(DataError, match=r"left to (train on|stop at|test) in fold \d") as caught:
        check_items(sequences, planned, strict)
    assert caught.value.row == "modality music"
    assert caught.value.column == "arousal"
    assert "3 items have both" in str(caught.value)


def test_few_items():
    made = simulate_muvi(rng=3, n_items=9, n_participants=9)
    wanted = as_configurations(["early_fusion"])
    sequences = Sequences.of(network_inputs(made, ["arousal"], wanted))
    for name, works in (("strict", True), ("released", False)):
        protocol = PROTOCOLS[name]
        planned = plan_units(wanted, protocol, ["arousal"], 1, 1)
        if works:
            check_items(sequences, planned, protocol)
        else:  # a fold of one item cannot be halved
            with pytest.raises(DataError, match="too few for 5 folds"):
                check_items(sequences, planned, protocol)


@pytest.fixture
def fold(featured, tmp_path):
    """What a training of fold 1 works on."""
    wanted = as_configurations(["late_fusion", "pair"])
    sequences = Sequences.of(network_inputs(featured, ["arousal"], wanted))
    folder = save_sequences(tmp_path, sequences)
    protocol = PROTOCOLS["strict"]
    units = with_needs(unit for _, unit in plan_units(wanted, protocol, ["arousal"], 1, 1))

    def make(number: int = 0, **changes):
        unit = replace(units[number], **changes)
        task = Task(unit, protocol, folder, tmp_path / "e", (), None, "torch", (0, (0,)))
        return _fold_data(task, sequences), sequences

    return make


def test_windows_of_a_batch(fold):
    data, sequences = fold()
    starts = data.fit[[0, 5, 9]]
    audio, visual = data.windows(starts)
    assert audio.shape == (3, 4, (sequences.kinds == "audio").sum())
    assert visual.shape == (3, 4, (sequences.kinds == "visual").sum())
    for place, start in enumerate(starts):
        np.testing.assert_array_equal(audio[place], data.x[0][start : start + 4])
        np.testing.assert_array_equal(visual[place], data.x[1][start : start + 4])
    rating = sequences.ratings("arousal", "audiovisual")[starts + 4]
    np.testing.assert_array_equal(data.targets(starts)[:, 0], rating.astype(np.float32))
    # no copy for each part of a fold, and none of the windows of the data set
    assert all(np.shares_memory(one, other) for one, other in zip(data.x, fold()[0].x, strict=True))
    assert sum(block.nbytes for block in data.x) == sequences.x.nbytes / 2


def test_parts_of_a_fold_share_no_item(fold):
    data, sequences = fold()
    items = [set(sequences.item[part].tolist()) for part in (data.fit, data.stop, data.test)]
    assert not items[0] & items[1]
    assert not items[0] & items[2]
    assert not items[1] & items[2]
    assert set().union(*items) == set(range(15))
    # the training windows fill the scale, and nothing else has to lie in it
    rows = (data.fit[:, None] + np.arange(4)).ravel()
    for block in data.x:
        still = np.ptp(block[rows], axis=0) == 0
        np.testing.assert_allclose(block[rows].min(axis=0), 0, atol=1e-7)
        np.testing.assert_allclose(block[rows].max(axis=0)[~still], 1, atol=1e-6)


def test_permuted_ratings(fold):
    """Whole trajectories change items, among the training items alone."""
    data, sequences = fold(1, network="unimodal", features="audio", branches=(), permuted=3)
    plain, _ = fold(1, network="unimodal", features="audio", branches=())
    held = set(sequences.item[plain.test].tolist())
    given = ~np.isnan(data.y)
    assert not set(sequences.item[given].tolist()) & held
    assert len(data.test) == 0
    sources = {}
    for item in sorted(set(sequences.item[given].tolist())):
        values = data.y[given & (sequences.item == item)]
        for other in range(15):
            theirs = plain.y[sequences.item == other]
            size = min(len(values), len(theirs))
            if np.array_equal(values[:size], theirs[:size]):
                sources[item] = other
    assert sorted(sources) == sorted(sources.values()) == sorted(set(range(15)) - held)
    assert any(item != source for item, source in sources.items())
    again, _ = fold(1, network="unimodal", features="audio", branches=(), permuted=3)
    other, _ = fold(1, network="unimodal", features="audio", branches=(), permuted=4)
    np.testing.assert_array_equal(data.y, again.y)
    assert not np.array_equal(data.y, other.y, equal_nan=True)

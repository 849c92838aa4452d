"""The same call gives the same numbers, whatever ran before and beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from muvistats.deep import CONFIGURATIONS, compare_architectures
from muvistats.deep.schedule import _task
from muvistats.deep.store import load_trained


def fitted(models) -> dict:
    return {
        (run.configuration.name, run.unit): (run.trained.fitted, run.trained.loss)
        for run in models.runs
    }


def assert_same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for key, parts in one.items():
        for a, b in zip(parts, other[key], strict=True):
            np.testing.assert_array_equal(a, b)


def test_two_runs_over_one_and_two_processes(small_study, tiny_protocol, train, backend):
    protocol = tiny_protocol(n_folds=2)
    name = "pair" if backend == "torch" else "late_fusion"  # TensorFlow traces each network
    one, two = (
        fitted(train(small_study, name, protocol=protocol, backend=backend, n_jobs=n))
        for n in (1, 2)
    )
    assert_same(one, two)


def test_what_a_process_did_before_does_not_matter(small_study, tiny_protocol, train, backend):
    """A process keeps compiled networks; weights, dropout and optimiser start anew."""
    from joblib.externals.loky import get_reusable_executor

    protocol = tiny_protocol(n_folds=2, dropout=0.5)
    get_reusable_executor().shutdown(wait=True)  # the first run finds an empty process
    settings = {"protocol": protocol, "backend": backend}
    first = fitted(train(small_study, "late_fusion", **settings))
    train(small_study, "late_fusion", **settings, rng=5)
    assert_same(first, fitted(train(small_study, "late_fusion", **settings)))


def test_order_and_company_of_configurations_do_not_matter(small_study, tiny_protocol, train):
    protocol = tiny_protocol(n_folds=2)
    one = fitted(train(small_study, "pair", "unimodal", protocol=protocol))
    two = fitted(train(small_study, "unimodal", "pair", protocol=protocol))
    assert_same(one, two)
    alone = fitted(train(small_study, "pair", protocol=protocol))
    assert_same(alone, {key: value for key, value in one.items() if key[0] == "pair"})
    both = fitted(train(small_study, "pair", protocol=protocol, dimension=["valence", "arousal"]))
    assert_same(alone, {key: v for key, v in both.items() if key[1].target == "arousal"})


def test_another_source_of_randomness_gives_other_numbers(small_study, tiny_protocol, train):
    protocol = tiny_protocol(n_folds=2)
    settings = {"protocol": protocol, "n_seeds": 2}
    one = fitted(train(small_study, "unimodal", **settings))
    other = fitted(train(small_study, "unimodal", **settings, rng=1))
    again = fitted(train(small_study, "unimodal", **settings, rng=np.random.default_rng(1)))
    assert all(not np.array_equal(one[key][0], other[key][0]) for key in one)
    assert_same(other, again)
    by_seed: dict = {}
    for (_, unit), (values, _) in one.items():
        by_seed.setdefault((unit.modality, unit.features, unit.fold), []).append(values)
    assert {len(pair) for pair in by_seed.values()} == {2}
    assert all(not np.array_equal(*pair) for pair in by_seed.values())


def test_frames_of_two_calls(small_study, tiny_protocol, one_backend):
    frames = [
        compare_architectures(
            small_study,
            configurations=["late_fusion"],
            protocol=tiny_protocol(n_folds=2),
            backend=one_backend,
            cache=False,
            n_jobs=n,
            rng=3,
            linear=False,
        )
        for n in (2, 1)
    ]
    assert frames[0].equals(frames[1])


def test_each_network_is_trained_once(small_study, tiny_protocol, train, tmp_path, files_of):
    """Unimodal networks serve PAIR and its ablations; a second call trains nothing."""
    protocol = tiny_protocol(n_folds=2)
    names = ["unimodal", "pair", "pair_frozen", "pair_audio", "pair_visual"]
    settings = {"protocol": protocol, "n_seeds": 2, "cache": tmp_path}
    models = train(small_study, *names, **settings)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.glob("??/*.npz")}
    assert len(files) == (4 + 4) * 2 * 2  # configurations x folds x seeds; sources are unimodal
    assert set(files) == set(files_of(models, tmp_path).values())
    assert not list(tmp_path.rglob("*.pkl"))
    assert not list(tmp_path.rglob("*.keras"))
    again = train(small_study, *names, **settings)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("??/*.npz")} == files
    assert_same(fitted(models), fitted(again))
    # scores are no part of the training
    train(
        small_study, *names, **settings | {"protocol": replace(protocol, moments="n-1", rmse="mse")}
    )
    assert len(list(tmp_path.glob("??/*.npz"))) == len(files)
    # another setting of the training is
    train(small_study, "unimodal", **settings | {"protocol": replace(protocol, dropout=0.1)})
    assert len(list(tmp_path.glob("??/*.npz"))) == len(files) + 4 * 2 * 2


def test_the_control_takes_as_many_steps(small_study, tiny_protocol, of_fold):
    protocol = tiny_protocol(max_epochs=8, patience=1, learning_rate=0.05)
    kept = of_fold(small_study, 1, "pair", "pair_control", protocol=protocol)
    controls = [unit for unit in kept if unit.steps_of is not None]
    assert {(unit.features, unit.modality) for unit in controls} == {
        ("audio", "audiovisual"),
        ("visual", "audiovisual"),
    }
    for unit in controls:
        isolated = kept[unit.steps_of]
        assert unit.steps_of.modality == dict(CONFIGURATIONS["pair"][0].pretrained)[unit.features]
        assert kept[unit].n_steps == isolated.n_steps  # every item is rated in each modality
    steps = {kept[unit].n_steps for unit in controls}
    assert steps != {8 * len(controls)}  # some training stopped early, so that this can fail


def trained_weights(task: Any) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Weights of a network before the first step and after the last one, by layer."""
    from muvistats.deep import training

    def weights(network: Any) -> dict[str, list[Any]]:
        return {
            layer.name: [np.array(weight) for weight in layer.get_weights()]
            for layer in network.layers
            if layer.weights
        }

    training._started(task.backend)
    data = training._fold_data(task, training._sequences(task.inputs))
    before = weights(training._fresh(task, data))
    training.train_task(task)
    return before, weights(training._compiled(training.load_keras(), task, data.widths))


@pytest.mark.parametrize("name", ["pair", "pair_frozen", "pair_visual"])
def test_branches_start_from_what_is_kept(
    small_study, tiny_protocol, train, tmp_path, files_of, remote, one_backend, name
):
    """Bit for bit; frozen ones end there too, and what is not transferred starts elsewhere."""
    protocol = tiny_protocol(n_folds=2)
    models = train(small_study, name, protocol=protocol, cache=tmp_path)
    (inputs,) = tmp_path.glob("inputs-*")
    files = files_of(models, tmp_path)
    unit = models.runs[1].unit
    task = _task(unit, protocol, inputs, files, one_backend, (0, (0,)))
    before, after = remote(one_backend, trained_weights, task)
    sources = {kind: load_trained(files[source], weights=True) for kind, source in unit.branches}
    assert set(sources) == ({"visual"} if name == "pair_visual" else {"audio", "visual"})
    for source in sources.values():
        assert len(source.weights) == 2
        for layer, weights in source.weights.items():
            same_start = [np.array_equal(*p) for p in zip(weights, before[layer], strict=True)]
            same_end = [np.array_equal(*p) for p in zip(weights, after[layer], strict=True)]
            assert same_start == [True] * 3
            assert same_end == [name == "pair_frozen"] * 3
    assert not np.array_equal(before["fusion"][0], after["fusion"][0])
    if name == "pair_visual":  # biases of a new layer: 1 for the gate that forgets, else 0
        assert set(np.unique(before["audio_lstm_1"][2])) == {0.0, 1.0}


@pytest.mark.parametrize("rng", [np.int64(3), np.random.SeedSequence(3), None])
def test_sources_of_randomness(small_study, tiny_protocol, train, rng, tmp_path):
    models = train(
        small_study, "early_fusion", protocol=tiny_protocol(n_folds=2), rng=rng, cache=tmp_path
    )
    assert len(models.runs) == 2

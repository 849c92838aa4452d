"""What is trained, and from what: each network once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from muvistats.deep import PROTOCOLS, Configuration
from muvistats.deep.configurations import as_configurations
from muvistats.deep.schedule import longest_first
from muvistats.deep.units import plan_units, unit_of, with_needs

STRICT, RELEASED = PROTOCOLS["strict"], PROTOCOLS["released"]


def plan(names, protocol=STRICT, targets=("arousal",), n_repeats=1, n_seeds=1):
    return plan_units(as_configurations(names), protocol, targets, n_repeats, n_seeds)


def test_number_of_trainings():
    assert len(plan(None, targets=("arousal", "valence"), n_repeats=3, n_seeds=2)) == (
        7 * 2 * 3 * 5 * 2
    )
    # the isolated networks of Table 6 are those that PAIR starts from
    assert len(with_needs(unit for _, unit in plan(None))) == 7 * 5
    assert len(with_needs(unit for _, unit in plan(["pair"]))) == 3 * 5
    every = ["unimodal", "pair", "pair_frozen", "pair_audio", "pair_visual", "pair_control"]
    # 4 unimodal, 5 kinds of PAIR, 2 controls that differ from the 4 by their number of steps
    assert len(with_needs(unit for _, unit in plan(every))) == (4 + 5 + 2) * 5


def test_what_is_needed_comes_first():
    units = with_needs(unit for _, unit in plan(["pair_control", "pair"]))
    place = {unit: i for i, unit in enumerate(units)}
    assert len(place) == len(units)
    assert all(place[need] < place[unit] for unit in units for need in unit.needs)


def test_fold_of_the_source():
    for protocol, expected in ((STRICT, [1, 2, 3, 4, 5]), (RELEASED, [5] * 5)):
        units = [unit for _, unit in plan(["pair"], protocol)]
        assert [unit.fold for unit in units] == [1, 2, 3, 4, 5]
        for kind in (0, 1):
            assert [unit.branches[kind][1].fold for unit in units] == expected
    last = replace(STRICT, pretraining="last_fold", n_folds=3)
    assert [unit.branches[0][1].fold for _, unit in plan(["pair"], last)] == [3, 3, 3]


def test_sources_have_the_same_target_repeat_and_seed():
    for _, unit in plan(["pair"], targets=("arousal", "valence"), n_repeats=2, n_seeds=2):
        for kind, source in unit.branches:
            assert (source.target, source.repeat, source.seed) == (
                unit.target,
                unit.repeat,
                unit.seed,
            )
            assert (source.network, source.features) == ("unimodal", kind)
            assert source.needs == ()


def test_control_and_permutation():
    (control,) = as_configurations("pair_control")
    unit = unit_of(control, STRICT, "arousal", 1, 2, 1)
    assert [source.modality for _, source in unit.branches] == ["audiovisual"] * 2
    assert [source.steps_of.modality for _, source in unit.branches] == ["music", "visual"]
    assert [source.steps_of.fold for _, source in unit.branches] == [2, 2]
    null = Configuration(
        "null", "audiovisual", "audio_visual", "late_fusion", (("audio", "music"),), permuted=4
    )
    unit = unit_of(null, STRICT, "arousal", 1, 1, 1)
    assert unit.permuted is None
    assert unit.branches[0][1].permuted == 4
    assert unit.words.startswith("PAIR, audiovisual by audio_visual, arousal, fold 1")


def test_longest_first():
    units = with_needs(unit for _, unit in plan(None, targets=("arousal", "valence")))
    order = longest_first(units)
    assert sorted(map(repr, order)) == sorted(map(repr, units))
    place = {unit: i for i, unit in enumerate(order)}
    assert all(place[need] < place[unit] for unit in order for need in unit.needs)
    # what PAIR starts from, then networks with both kinds of features, then what nothing waits for
    isolated = [unit.modality != "audiovisual" for unit in order]
    kinds = [len(unit.kinds) for unit in order]
    assert isolated == [True] * 20 + [False] * 50
    assert kinds == [1] * 20 + [2] * 30 + [1] * 20
    assert longest_first(order[20:]) == order[20:]


def test_longest_first_ends_with_little_idle_time():
    order = longest_first(with_needs(unit for _, unit in plan(None)))
    busy, done, left = [0, 0], {}, list(order)
    while left:  # the schedule of two processes, a training taking as long as it has kinds
        now = min(busy)
        ready = [u for u in left if all(done.get(need, np.inf) <= now for need in u.needs)]
        if not ready:
            busy[busy.index(now)] = max(busy)
            continue
        left.remove(ready[0])
        busy[busy.index(now)] = done[ready[0]] = now + len(ready[0].kinds)
    assert max(busy) - min(busy) <= 1
    assert sum(len(unit.kinds) for unit in order) == 50 == sum(busy)

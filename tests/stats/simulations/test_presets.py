"""Tests whose false alarms are counted: each runs on a study and its rows are told apart."""

from __future__ import annotations

import numpy as np
import pytest

import muvistats as mv
from muvistats.stats.simulations.presets import (
    KEYS,
    PRESETS,
    SimulatedStudy,
    p_rows,
)


@pytest.fixture(scope="module")
def study():
    return SimulatedStudy(mv.simulate_muvi(rng=2, n_items=9, n_participants=12, features=False))


@pytest.mark.parametrize("name", PRESETS)
def test_each_test_gives_p_values_of_a_study(study, name):
    found = p_rows(PRESETS[name], PRESETS[name].run(study, np.random.default_rng(0), 9))
    assert found
    assert all(len(key) == len(KEYS) for key in found)
    known = [p for p in found.values() if not np.isnan(p)]
    assert known
    assert all(0 <= p <= 1 for p in known)

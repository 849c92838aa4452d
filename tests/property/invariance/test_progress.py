"""Every public function that may take long says how far it is."""

from __future__ import annotations

import inspect
import itertools
from contextlib import contextmanager

import pytest

import muvistats as mv
from muvistats import progress

from .calls import CALLS, OUTSIDE
from .studies import Given, Shape, given_of, parts_of

#: Arguments of functions that draw, fold or share their work.
ASKS = {"n_resamples", "n_jobs", "n_sims", "n_folds", "model"}

#: Functions without such an argument that may take more than five seconds all the same.
LONG = {
    "demographic_model",
    "gold_standard",
    "label_models",
    "mixed_model",
    "plot_rater_concordance",
}

#: Functions with one, and CPU seconds of a call with its defaults on 9,000 annotations of 40 steps.
SHORT = {
    "agreement_over_time": 0.6,
    "choice_agreement": 0.3,
    "dominance_over_time": 0.7,
    "interrater_ccc": 0.2,
    "label_agreement": 0.6,
    "modality_contribution": 0.2,
    "noise_ceiling": 0.3,
    "weighted_kappa": 1.7,
}


def may_take_long() -> list[str]:
    asked = {name for name in CALLS if ASKS & set(inspect.signature(getattr(mv, name)).parameters)}
    return sorted((asked | LONG) - set(SHORT) - set(OUTSIDE))


@pytest.fixture(scope="module")
def given() -> Given:
    return given_of(parts_of(Shape()))


@pytest.fixture
def steps(monkeypatch):
    """What a bar on a terminal would show, where all takes for ever."""
    shown, clock = [], itertools.count(step=10)

    @contextmanager
    def bar():
        yield lambda *step: shown.append(step)

    monkeypatch.setattr(progress, "_bar", bar)
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    return shown


@pytest.mark.parametrize("name", may_take_long())
def test_long_work_says_how_far_it_is(name, given, steps):
    CALLS[name](given)
    assert steps
    assert all(what and done >= 0 for what, done, _ in steps)


@pytest.mark.parametrize("name", ["kruskal_modality", "mixed_model", "sensitivity_table"])
def test_work_that_is_stopped_can_be_done_again(name, given, steps, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    @contextmanager
    def stopping():
        yield stop

    with monkeypatch.context() as stopped:
        stopped.setattr(progress, "_bar", stopping)
        with pytest.raises(KeyboardInterrupt):
            CALLS[name](given)
    CALLS[name](given)
    assert steps  # no bar, and no lock, is left behind

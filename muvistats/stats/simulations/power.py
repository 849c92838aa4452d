"""Planning: how often a study of some size finds an effect, and what it costs."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from ...arguments import (
    check_choice,
    check_conf_level,
    check_count,
    check_jobs,
    check_number,
    check_probability,
    check_resamples,
)
from ...dataset.simulation.design import draw_design
from ...dataset.simulation.settings import SimulationSettings, settings_of
from ...errors import DesignError
from ...kernels.contingency import clopper_pearson
from ...results.frame import join_reasons, result_frame
from ...types import Rng
from ...workers import check_client
from .draws import PValues, simulate_tests
from .false_alarms import rejections
from .presets import KEYS, Preset, choose_presets
from .scenarios import Scenario, scaled

T = TypeVar("T")
Test = str | Callable[..., Any]
Counts = int | Sequence[int]

#: Factors whose effects are simulated.
_FACTORS = ("modality", "gender", "training", "familiar")

#: Effects as `simulate_muvi` names them, where that is not the name of the factor.
_OFF = {"modality": "modality_mean", "familiar": "familiarity"}


@result_frame(
    "size of study, effect, test and row of the test",
    "n_participants n_items raters_per_cell effect_multiplier test",
    *KEYS,
    "alpha quantity estimate conf_low conf_high conf_level n_rejected n n_undefined n_resamples",
    "n_annotations participant_hours",
)
def power_study(
    test: Test | Sequence[Test] = "kruskal_modality",
    *,
    n_participants: Counts = (24, 49, 98),
    n_items: Counts = 81,
    raters_per_cell: Counts = 5,
    n_lists: int | None = None,
    effect_multiplier: float | Sequence[float] = 1.0,
    effect: str | None = None,
    settings: SimulationSettings | None = None,
    n_sims: int = 200,
    alpha: float = 0.05,
    conf_level: float = 0.95,
    n_resamples: int = 199,
    seconds_per_trial: float = 60.0,
    seconds_of_labels: float = 30.0,
    minutes_per_participant: float = 15.0,
    rng: Rng = 0,
    n_jobs: int = 1,
    client: Any = None,
    cache: bool | str | os.PathLike[str] = True,
    progress: bool = True,
) -> pd.DataFrame:
    """Power of tests over numbers of participants, items and raters, with the cost in hours.

    Parameters
    ----------
    test : str, callable, or sequence of these
        Tests of one factor, by name or functions of your own, as in `calibration`.
    n_participants, n_items, raters_per_cell : int or sequence of int
        Sizes of the study; every combination is simulated. Raters are those of an item in one
        modality, over the lists that are used once; participants beyond them repeat lists.
    n_lists : int, optional
        Number of different lists of trials, in every study; by default as the notes say. To give
        each participant a list of their own, as `design_lists` does, name the number of
        participants.
    effect_multiplier : float or sequence of float
        The factor's effect, as a multiple of that in the settings; 0 for none.
    effect : {"modality", "gender", "training", "familiar"}, optional
        Factor whose effect is multiplied; by default that of the test.
    settings : SimulationSettings, optional
        What is simulated; by default a study like MuVi, where gender, training and familiarity
        shift labels but not arousal and valence: ``replace(settings.arousal, female=0.1)`` gives
        such a shift.
    seconds_per_trial, seconds_of_labels : float
        Length of an excerpt, and what choosing labels and going on takes.
    minutes_per_participant : float
        Instruction, practice and questions, once per participant.

    Raises
    ------
    DesignError
        For a test that does not exist, tests of several factors, a size for which there is no
        balanced design, or a number that makes no sense.

    See Also
    --------
    calibration : How often a test finds what is not there.
    lists_power : Power of a study with given lists.
    plot_power : The result as a figure.

    Notes
    -----
    Lists are balanced, as those of MuVi: a list has at least 30 trials, more where participants are
    few. Items and raters fix the number of lists. Participants beyond that number work through a
    list that somebody had before, which adds raters. The cost is ``n_annotations *
    (seconds_per_trial + seconds_of_labels) + n_participants * minutes_per_participant``, in hours.
    With fewer than three participants per rater and cell the number of raters falls to a third of
    that of participants, which `raters_per_cell` and `warning` say.

    With a multiplier of 0 the share is the false-alarm rate, and `quantity` says so. What modality
    does to single items is not multiplied. The truth of a plan is that of the settings: take
    several of them.

    A study in which a test has no p-value (NaN) counts in `n_undefined`, and neither as found nor
    as missed.

    References
    ----------
    Westfall, J., Kenny, D. A., & Judd, C. M. (2014). Statistical power and optimal design in
    experiments in which samples of participants respond to samples of stimuli. Journal of
    Experimental Psychology: General, 143(5), 2020-2045. https://doi.org/10.1037/xge0000014

    Examples
    --------
    >>> from muvistats import power_study
    >>> plan = power_study(
    ...     n_participants=(12, 24), n_items=9, n_sims=5, n_resamples=19, cache=False
    ... )
    >>> plan[["n_participants", "n_annotations"]].drop_duplicates().to_dict("list")
    {'n_participants': [12, 24], 'n_annotations': [108, 216]}
    """
    alpha = check_probability("alpha", alpha)
    check_conf_level(conf_level)
    presets = choose_presets(test)
    chosen = _factor(presets, effect)
    presets = [  # a test from outside may look at anything
        preset if preset.factor else replace(preset, factor=chosen, labels=True)
        for preset in presets
    ]
    sizes = {
        "n_participants": n_participants,
        "n_items": n_items,
        "raters_per_cell": raters_per_cell,
    }
    costs = (
        _not_negative("seconds_per_trial", seconds_per_trial)
        + _not_negative("seconds_of_labels", seconds_of_labels),
        60 * _not_negative("minutes_per_participant", minutes_per_participant),
    )
    whole = partial(check_count, least=1)
    combinations = itertools.product(*(_each(name, given, whole) for name, given in sizes.items()))
    multipliers = _each("effect_multiplier", effect_multiplier, _not_negative)
    plans = [
        _plan(chosen, settings_of(settings), size, multiplier, n_lists)
        for size in combinations
        for multiplier in multipliers
    ]
    p_values = simulate_tests(
        [(scenario, preset) for scenario, _ in plans for preset in presets],
        n_sims=check_count("n_sims", n_sims, least=1),
        n_resamples=check_resamples(n_resamples),
        rng=rng,
        n_jobs=check_jobs(n_jobs),
        client=check_client(client),
        cache=cache,
        progress=progress,
    )
    columns = {scenario.name: columns | _hours(columns, costs) for scenario, columns in plans}
    rows = [row for values in p_values for row in _rows(values, alpha, columns)]
    table = pd.DataFrame(rows)
    low, high = clopper_pearson(table["n_rejected"], table["n"], conf_level)
    return table.assign(
        conf_low=low,
        conf_high=high,
        conf_level=conf_level,
        n_resamples=n_resamples,
        alignment="as_recorded",
        simulated=True,
    )


def _each(name: str, given: Any, check: Callable[[str, Any], T]) -> list[T]:
    """Values of one kind, each once."""
    several = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    if not several:
        raise DesignError(f"{name} is empty")
    return list(dict.fromkeys(check(name, value) for value in several))


def _not_negative(name: str, value: Any) -> float:
    number = check_number(name, value)
    if number < 0:
        raise DesignError(f"{name} must not be negative, and is {value!r}")
    return number


def _factor(presets: Iterable[Preset], factor: str | None) -> str:
    """The one factor whose effect is multiplied."""
    tested = {preset.factor for preset in presets} - {""}
    chosen = {factor} if factor is not None else tested
    if len(chosen) != 1:
        raise DesignError(f"give effect= one of {', '.join(_FACTORS)}: the tests do not tell one")
    return check_choice("effect", chosen.pop(), _FACTORS)


def _plan(
    factor: str,
    settings: SimulationSettings,
    size: Sequence[int],
    multiplier: float,
    n_lists: int | None,
) -> tuple[Scenario, dict[str, Any]]:
    """One combination: what is simulated, and the columns that say so."""
    people, items, raters = size
    design = draw_design(
        np.random.default_rng(0),
        n_items=items,
        n_participants=people,
        assignment="balanced",
        raters_per_cell=raters,
        n_lists=n_lists,
    )
    got = min(raters, people // 3)
    lists = "" if n_lists is None else f", {n_lists} lists"
    scenario = Scenario(
        f"{people} participants, {items} items, {raters} raters{lists}, effect x {multiplier:g}",
        null=(factor, "overlay") if multiplier == 0 else ("overlay",),
        without=() if multiplier else (_OFF.get(factor, factor),),
        settings=scaled(settings, factor, multiplier),
        n_items=items,
        n_participants=people,
        raters_per_cell=raters,
        n_lists=n_lists,
    )
    return scenario, {
        "n_participants": people,
        "n_items": items,
        "raters_per_cell": got,
        "effect_multiplier": multiplier,
        "n_annotations": len(design),
        "warning": f"too few participants for {raters} raters: {got}" if got < raters else "",
    }


def _hours(columns: dict[str, Any], costs: tuple[float, float]) -> dict[str, float]:
    trial, person = costs
    seconds = columns["n_annotations"] * trial + columns["n_participants"] * person
    return {"participant_hours": seconds / 3600}


def _rows(
    values: PValues, alpha: float, columns: dict[str, dict[str, Any]]
) -> Iterable[dict[str, Any]]:
    plan = columns[values.scenario.name]
    for row in rejections(values, alpha):
        warning = join_reasons(row["warning"], plan["warning"])
        kept = {k: v for k, v in row.items() if k not in ("scenario", "null")}
        yield kept | plan | {"warning": warning}

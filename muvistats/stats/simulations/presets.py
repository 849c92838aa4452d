"""The tests whose false-alarm rates are known by name, and how p-values are read from them."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ...dataset.access import annotation_frame
from ...errors import DataError, DesignError
from ..labels.counts import chisquare, chisquare_labels
from ..labels.residuals import label_deviations
from ..labels.survey import bilder_loughin, rao_scott
from ..modalities.contrasts import modality_contrasts
from ..models.mixed import mixed_model
from ..ranks.pairs_of_groups import pairwise_modality
from ..ranks.several_groups import kruskal, kruskal_modality
from ..ranks.two_groups import mannwhitney, mannwhitney_overlay
from .scenarios import SCENARIOS, Scenario, with_own_names

#: Columns that tell the rows of a test apart.
KEYS = ("dimension", "label", "group", "group1", "group2", "dependence", "method")

#: Those of them that tell the members of a family apart.
_MEMBERS = ("label", "group", "group1", "group2")

#: Stands for all rows of a family; their p is the smallest adjusted one.
ANY = "any"

_DIMENSIONS = ("arousal", "valence")
_COLUMNS = {"training": "years_of_training > 3"}

#: Scenarios in which a factor has no effect.
_NULL = {
    "modality": ("no_modality", "modality_by_item", "modality_by_participant"),
    "overlay": ("muvi",),
    "gender": ("no_gender",),
    "training": ("no_training",),
    "familiar": ("no_familiarity", "familiarity_confounded"),
}


#: Whose reactions to a factor differ in the mixed model; people's react to a factor of items.
_REACTING = {
    "modality": ("participant", "item"),
    "familiar": ("participant", "item"),
    "group": ("item",),
    "genre": ("participant",),
}

#: p-values above alpha by less are equal to it.
TIE = 1e-12


class SimulatedStudy:
    """A simulated study, and its annotation frame once it is asked for."""

    def __init__(self, tree: xr.DataTree) -> None:
        self.tree = tree

    @functools.cached_property
    def frame(self) -> pd.DataFrame:
        """One row per annotation."""
        return annotation_frame(self.tree)


Run = Callable[[SimulatedStudy, np.random.Generator, int], pd.DataFrame]


@dataclass(frozen=True)
class Preset:
    """A test whose rejections are counted.

    Parameters
    ----------
    name : str
        Name, in results and in the store of finished simulations.
    run : callable
        From study, generator and number of resamples to a frame with `p_value`.
    factor : str
        Factor that is tested, as scenarios name it; empty for a test from outside.
    labels : bool
        Whether the response is labels or familiarity, not the level of ratings.
    families : bool
        Whether `p_adjusted` holds over the rows of a dimension, or over all labels.
    where : tuple of str
        Scenarios in which its null hypothesis holds, where these are not all of the factor's.
    """

    name: str
    run: Run
    factor: str = ""
    labels: bool = False
    families: bool = False
    where: tuple[str, ...] = ()

    @property
    def scenarios(self) -> tuple[str, ...]:
        """Scenarios of the package in which its null hypothesis holds."""
        return self.where or _NULL.get(self.factor, ())

    def null_in(self, scenario: Scenario) -> bool:
        """Whether the null hypothesis holds; of a test from outside, whether any does."""
        if not self.factor:
            return bool(scenario.null)
        if self.where and scenario.name in SCENARIOS:
            return scenario.name in self.where
        return scenario.is_null(self.factor, labels=self.labels)


def _calling(
    *functions: Callable[..., pd.DataFrame], whole: bool = False, draws: bool = True
) -> Run:
    """Call functions of the package, which may draw, on a study or its frame; one frame of all."""

    def run(study: SimulatedStudy, rng: np.random.Generator, n_resamples: int) -> pd.DataFrame:
        data = study.tree if whole else study.frame
        options = {"rng": rng, "n_resamples": n_resamples} if draws else {}
        frames = [function(data, **options) for function in functions]
        return pd.concat(frames, ignore_index=True)

    return run


def _of_dimensions(function: Callable[..., pd.DataFrame], by: str) -> Run:
    formulas = [f"{name} ~ {by}" for name in _DIMENSIONS]
    return _calling(*(functools.partial(function, formula=formula) for formula in formulas))


def _all_presets() -> Iterator[Preset]:
    yield Preset("kruskal_modality", _calling(kruskal_modality), "modality")
    yield Preset("pairwise_modality", _calling(pairwise_modality), "modality", families=True)
    yield Preset("mannwhitney_overlay", _calling(mannwhitney_overlay), "overlay")
    for factor in ("gender", "training", "familiar"):
        by = _COLUMNS.get(factor, factor)
        yield Preset(f"mannwhitney: {factor}", _of_dimensions(mannwhitney, by), factor)
    yield Preset("kruskal: gender", _of_dimensions(kruskal, "gender"), "gender")
    for function, factor in ((kruskal, "modality"), (mannwhitney, "gender")):
        run = _calling(functools.partial(function, formula=f"n_labels ~ {factor}"))
        yield Preset(f"{function.__name__} of n_labels: {factor}", run, factor, labels=True)
    for factor in _NULL:
        by = _COLUMNS.get(factor, factor)
        run = _calling(functools.partial(chisquare_labels, by=by))
        yield Preset(f"chisquare_labels: {factor}", run, factor, labels=True)
        run = _calling(functools.partial(label_deviations, by=by))
        yield Preset(f"label_deviations: {factor}", run, factor, labels=True, families=True)
        yield Preset(
            f"rao_scott: {factor}",
            _calling(functools.partial(rao_scott, by=by), draws=False),
            factor,
            labels=True,
        )
        yield Preset(
            f"bilder_loughin: {factor}",
            _calling(functools.partial(bilder_loughin, by=by, correction=("first", "second"))),
            factor,
            labels=True,
        )
    for factor in ("modality", "gender"):
        run = _calling(functools.partial(chisquare, formula=f"familiar ~ {factor}"))
        yield Preset(f"chisquare of familiar: {factor}", run, factor, labels=True)
    for quantity in ("ccc", "median", "correlation"):
        run = _calling(functools.partial(modality_contrasts, quantity=quantity), whole=True)
        # items whose modalities differ have modalities that differ in how alike they are
        where = ("no_modality", "modality_by_participant") if quantity == "correlation" else ()
        name = f"modality_contrasts: {quantity}"
        yield Preset(name, run, "modality", families=True, where=where)


PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in _all_presets()}


def general_presets(factor: str, n_levels: int) -> list[Preset]:
    """Every test that a factor of so many levels allows, on a study whose dimension is `rating`."""
    formula = f"rating ~ {factor}"
    yours: dict[str, Run] = {"kruskal": _calling(functools.partial(kruskal, formula=formula))}
    if n_levels == 2:
        yours["mannwhitney"] = _calling(functools.partial(mannwhitney, formula=formula))
    if factor == "modality":
        yours["pairwise_modality"] = _calling(pairwise_modality)
        medians = functools.partial(modality_contrasts, quantity="median")
        yours["modality_contrasts"] = _calling(medians, whole=True)
    for function in (chisquare_labels, label_deviations, bilder_loughin):
        yours[function.__name__] = _calling(functools.partial(function, by=factor))
    yours["rao_scott"] = _calling(functools.partial(rao_scott, by=factor), draws=False)
    yours["chisquare"] = _calling(functools.partial(chisquare, formula=f"C(tense) ~ {factor}"))
    yours["mixed_model"] = functools.partial(_mixed_model, factor=factor)
    families = {"pairwise_modality", "modality_contrasts", "label_deviations"}
    return [Preset(name, run, families=name in families) for name, run in yours.items()]


def _mixed_model(
    study: SimulatedStudy, rng: np.random.Generator, n_resamples: int, *, factor: str
) -> pd.DataFrame:
    """Mixed model with reactions of people and items to the factor, for comparison."""
    del rng, n_resamples
    inside = "".join(f" + (1 | {who}:{factor})" for who in _REACTING[factor])
    formula = f"rating ~ {factor} + (1 | participant) + (1 | item){inside}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = mixed_model(study.frame, formula).anova()
    return found[found["term"] == factor].assign(dependence="mixed model", method="Satterthwaite")


def choose_presets(given: object) -> list[Preset]:
    """Tests by name, or functions of one's own, as presets; all where nothing is given."""
    if given is None:
        return list(PRESETS.values())
    chosen = []
    for one in given if isinstance(given, list | tuple) else [given]:
        if isinstance(one, str):
            if one not in PRESETS:
                raise DesignError(f"no test named {one!r}; there are {', '.join(PRESETS)}")
            chosen.append(PRESETS[one])
        elif callable(one):
            chosen.append(_from_outside(one))
        else:
            raise DesignError(f"a test is a name or a function, not {one!r}")
    return with_own_names("tests", chosen)


def _from_outside(function: Callable[..., Any]) -> Preset:
    """A function of one's own: from a study, and what else it names, to a p-value or a frame."""
    name = str(getattr(function, "__name__", type(function).__name__))

    wanted = {"rng", "n_resamples"} & set(inspect.signature(function).parameters)

    def run(study: SimulatedStudy, rng: np.random.Generator, n_resamples: int) -> pd.DataFrame:
        options = {"rng": rng, "n_resamples": n_resamples}
        found = function(study.tree, **{name: options[name] for name in wanted})
        return found if isinstance(found, pd.DataFrame) else pd.DataFrame({"p_value": [found]})

    return Preset(name, run)


def p_rows(preset: Preset, frame: pd.DataFrame) -> dict[tuple[str, ...], float]:
    """P-value of each row of a test, by the columns of `KEYS`.

    Of a factor with two groups each label is one test, so only the first group counts. A family
    adds a row whose p is the smallest adjusted one: rejected when any of its members is.
    """
    if "p_value" not in frame:
        raise DataError(f"the test {preset.name!r} gives no p-value", column="p_value")
    columns = [_texts(frame, name) for name in KEYS]
    keys = list(zip(*columns, strict=True))
    groups = columns[KEYS.index("group")]
    one_test = "label" in frame and len(set(groups)) == 2
    use = [not one_test or group == groups[0] for group in groups]
    p_values = frame["p_value"].astype(float).tolist()
    found = {key: p for key, p, is_used in zip(keys, p_values, use, strict=True) if is_used}
    if len(found) < sum(use):
        raise DataError(f"rows of the test {preset.name!r} cannot be told apart", found=len(frame))
    if preset.families:
        for key, p in zip(keys, frame["p_adjusted"].astype(float).tolist(), strict=True):
            family = tuple(ANY if n in _MEMBERS else k for n, k in zip(KEYS, key, strict=True))
            smallest = found.setdefault(family, np.nan)
            found[family] = p if np.isnan(smallest) else min(smallest, p)
    return found


def _texts(frame: pd.DataFrame, name: str) -> list[str]:
    """A column as texts; missing ones, and those of a missing column, are empty."""
    if name not in frame:
        return [""] * len(frame)
    return ["" if isinstance(x, float) else str(x) for x in frame[name].astype(object).tolist()]

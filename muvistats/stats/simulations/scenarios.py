"""Simulated worlds in which some factor has no effect, and all else is as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np
import xarray as xr

from ...dataset.simulation.design import Assignment
from ...dataset.simulation.settings import DimensionSettings, SimulationSettings
from ...dataset.simulation.study import simulate_muvi
from ...errors import DesignError


class _Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=_Named)

#: Standard deviation of a participant's liking of a label in one modality, on the logit scale, in
#: the scenario in which participants differ in what modality does to them. On the release, labels
#: corrected, logistic mixed models of the 12 commonest labels have a median of 0.50 for it, half
#: of that between participants; so ratings get half of theirs too.
_OWN_EFFECT = 0.5

#: Correlation of knowing with what items and participants are like.
CONFOUNDING = 0.6


@dataclass(frozen=True)
class Scenario:
    """A simulated world: what has no effect in it, and how it is drawn.

    Parameters
    ----------
    name : str
        Name, in results and in the store of finished simulations.
    null : tuple of str
        Factors that have no effect on labels: any of ``"modality"``, ``"overlay"``,
        ``"gender"``, ``"training"``, ``"familiar"``. Overlay never has one, and levels have none
        of gender, training and familiarity unless the settings say so.
    without : tuple of str
        Effects that are switched off, see `simulate_muvi`.
    settings : SimulationSettings
        Sizes of the effects.
    n_items, n_participants, raters_per_cell, assignment, n_lists
        The design, see `simulate_muvi`.
    description : str
        The null hypothesis in words.

    See Also
    --------
    calibration : What takes it.
    power_study : How often an effect is found.
    simulate_muvi : One simulated study.

    Examples
    --------
    >>> from muvistats import Scenario
    >>> small = Scenario("small", null=("overlay",), n_items=9, n_participants=12)
    >>> small.draw(1)["annotations"].sizes["annotation"]
    108
    """

    name: str
    null: tuple[str, ...]
    without: tuple[str, ...] = ()
    settings: SimulationSettings = field(default_factory=SimulationSettings)
    n_items: int = 81
    n_participants: int = 49
    raters_per_cell: int = 5
    assignment: Assignment = "balanced"
    description: str = ""
    n_lists: int | None = None

    def draw(self, rng: int | np.random.SeedSequence | np.random.Generator) -> xr.DataTree:
        """Simulate one study.

        See Also
        --------
        calibration : Tests in many such studies.
        simulate_muvi : One study, without a scenario.
        """
        return simulate_muvi(
            rng=rng,
            n_items=self.n_items,
            n_participants=self.n_participants,
            raters_per_cell=self.raters_per_cell,
            assignment=self.assignment,
            n_lists=self.n_lists,
            without=self.without,
            settings=self.settings,
            features=False,
        )

    def is_null(self, factor: str, *, labels: bool) -> bool:
        """Whether a factor has no effect, on labels or on the level of ratings."""
        if factor in self.null:
            return True
        shift = {"gender": "female", "training": "trained", "familiar": "familiar"}.get(factor)
        if labels or shift is None:
            return False
        off = factor if factor != "familiar" else "familiarity"
        shifts = (getattr(self.settings, name) for name in ("arousal", "valence"))
        return off in self.without or not any(getattr(chosen, shift) for chosen in shifts)

    def plain(self) -> dict[str, Any]:
        """Everything that a draw depends on, as plain values."""
        unused = {"name", "null", "description", *(["n_lists"] if self.n_lists is None else [])}
        return {k: v for k, v in asdict(self).items() if k not in unused}


def _with_own_effects(settings: SimulationSettings) -> SimulationSettings:
    """Settings in which modality does something else to each participant."""

    def own(chosen: DimensionSettings) -> DimensionSettings:
        return replace(chosen, participant_modality_sd=chosen.participant_sd / 2)

    labels = replace(settings.labels, participant_modality_sd=_OWN_EFFECT)
    return _with_levels(replace(settings, labels=labels), own)


def _with_levels(
    settings: SimulationSettings, change: Callable[[DimensionSettings], DimensionSettings]
) -> SimulationSettings:
    """Settings in which both dimensions are changed."""
    return replace(settings, arousal=change(settings.arousal), valence=change(settings.valence))


def _confounded(settings: SimulationSettings) -> SimulationSettings:
    return replace(settings, labels=replace(settings.labels, confounding=CONFOUNDING))


_DEFAULT = SimulationSettings()

#: The scenarios of the committed table, by name.
SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "muvi",
            null=("overlay",),
            description="everything as in the default study, in which overlay has no effect",
        ),
        Scenario(
            "no_modality",
            null=("modality", "overlay"),
            without=("modality",),
            description="an item is the same in all modalities, for everybody",
        ),
        Scenario(
            "modality_by_item",
            null=("modality", "overlay"),
            without=("modality_mean",),
            description="modality matters for single items, each in its own way, and on average "
            "over items it does not",
        ),
        Scenario(
            "modality_by_participant",
            null=("modality", "overlay"),
            without=("modality",),
            settings=_with_own_effects(_DEFAULT),
            description="modality matters for single participants, each in their own way, and on "
            "average over participants it does not",
        ),
        Scenario(
            "no_gender",
            null=("gender", "overlay"),
            without=("gender",),
            description="gender has no effect; participants differ, training matters",
        ),
        Scenario(
            "no_training",
            null=("training", "overlay"),
            without=("training",),
            description="training has no effect; participants differ, gender matters",
        ),
        Scenario(
            "no_familiarity",
            null=("familiar", "overlay"),
            without=("familiarity",),
            description="knowing an item does nothing; but how often it is known depends on "
            "modality, and modality matters",
        ),
        Scenario(
            "familiarity_confounded",
            null=("familiar", "overlay"),
            without=("familiarity",),
            settings=_confounded(_DEFAULT),
            description="knowing does nothing; but known items are the more arousing and pleasant "
            f"ones, and who knows more rates and labels otherwise (correlations of {CONFOUNDING})",
        ),
    )
}


def choose_scenarios(given: object) -> list[Scenario]:
    """Scenarios by name, or as they were given."""
    chosen = []
    for one in given if isinstance(given, list | tuple) else [given]:
        if isinstance(one, Scenario):
            chosen.append(one)
        elif isinstance(one, str) and one in SCENARIOS:
            chosen.append(SCENARIOS[one])
        else:
            raise DesignError(f"no scenario named {one!r}; there are {', '.join(SCENARIOS)}")
    return with_own_names("scenarios", chosen)


def with_own_names(what: str, chosen: list[T]) -> list[T]:
    """Refuse none, or two of one name."""
    names = [one.name for one in chosen]
    if not names or len(set(names)) < len(names):
        raise DesignError(f"{what} must have different names, and there must be one at least")
    return chosen


def scaled(settings: SimulationSettings, factor: str, multiplier: float) -> SimulationSettings:
    """Settings in which the effect of a factor is so many times as large.

    For modality the distance of means, spreads and label shifts from their average over
    modalities is multiplied; what modality does to single items stays.
    """
    labels = settings.labels
    if factor == "modality":
        labels = replace(
            labels,
            modality_scale=labels.modality_scale * multiplier,
            familiar=_stretched(labels.familiar, multiplier),
        )
        return _with_levels(
            replace(settings, labels=labels),
            lambda chosen: replace(
                chosen,
                mean=_stretched(chosen.mean, multiplier),
                skew=_stretched(chosen.skew, multiplier),
                shared_sd=_stretched(chosen.shared_sd, multiplier, lowest=0.0),
                own_sd=_stretched(chosen.own_sd, multiplier, lowest=0.0),
            ),
        )
    shift, scale = {
        "gender": ("female", "gender_scale"),
        "training": ("trained", "training_scale"),
        "familiar": ("familiar", "familiarity_scale"),
    }[factor]
    changed: dict[str, Any] = {scale: getattr(labels, scale) * multiplier}

    def shifted(chosen: DimensionSettings) -> DimensionSettings:
        more: dict[str, Any] = {shift: getattr(chosen, shift) * multiplier}
        return replace(chosen, **more)

    return _with_levels(replace(settings, labels=replace(labels, **changed)), shifted)


def _stretched(
    values: tuple[float, float, float], multiplier: float, lowest: float = -np.inf
) -> tuple[float, float, float]:
    mean = sum(values) / len(values)
    first, second, third = (max(mean + multiplier * (value - mean), lowest) for value in values)
    return first, second, third

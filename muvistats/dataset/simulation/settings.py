"""Settings of the simulation, and the list of effects that can be switched off."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files

import pandas as pd

from ...arguments import check_choice, check_number
from ...errors import DesignError
from ..gems import gems_labels

#: Seed of the embedded study: `simulate_muvi()` without a generator always draws this one. It is
#: the closest to the published statistics of 100 candidates (`data/calibrate_simulation.py`).
DEFAULT_SEED = 20220824

#: What `without` can switch off, and what is then gone.
EFFECTS = {
    "item": "items differ: in level, trajectory, labels and how well known they are",
    "participant": "participants differ: in level, use of the scale, labels, number of labels "
    "and how much they know",
    "modality": "modality matters: for level, trajectory, labels and familiarity",
    "modality_mean": "modality matters for all items together; without it, it matters for each "
    "item in another way, and on average for none",
    "gender": "gender shifts labels, and levels where the settings say so",
    "training": "more than three years of training shift labels, and levels likewise",
    "familiarity": "knowing an item shifts labels, and levels likewise",
    "rater": "raters of one item disagree: in level and trajectory",
    "reaction_lag": "the cursor follows late, and starts late",
    "still_cursors": "a few cursors never move",
    "short_annotations": "a few annotations have fewer samples",
    "feature_signal": "features carry arousal and valence",
}


#: Smallest and largest value of a setting, by its name or the end of it; others are any number.
_LIMITS = {
    **dict.fromkeys(("_sd", "_spread", "lag_mean", "onset_mean", "_zone", "_lag"), (0.0, math.inf)),
    **dict.fromkeys(("_share", "_weight"), (0.0, 1.0)),
    **dict.fromkeys(("coupling", "_coupling", "_correlation", "confounding", "r"), (-1.0, 1.0)),
    "_length": (math.ulp(0.0), math.inf),
    "speed": (math.ulp(0.0), 1.0),
}


class _Checked:
    """Settings that are checked when they are made: as many parts as said, of the kind said."""

    __slots__ = ()

    def __post_init__(self) -> None:
        """Refuse what no study can be drawn from."""
        for each in dataclasses.fields(self):  # type: ignore[arg-type]
            place, value = f"{type(self).__name__}.{each.name}", getattr(self, each.name)
            kinds = str(each.type).removeprefix("tuple[").removesuffix("]").split(", ")
            parts = (value,) if len(kinds) == 1 else value
            if not isinstance(parts, tuple | list) or len(parts) != len(kinds):
                raise DesignError(f"{place} must have {len(kinds)} parts, not {value!r}")
            if isinstance(value, list):
                object.__setattr__(self, each.name, tuple(value))
            for part, kind in zip(parts, kinds, strict=True):
                if kind == "float":
                    _check_limits(place, each.name, part)
                elif type(part).__name__ != kind:
                    raise DesignError(f"{place} must be of {kind}, not {part!r}")


def _check_limits(place: str, name: str, value: object) -> None:
    """Refuse what is no finite number, or lies beyond the limits of a setting."""
    number = check_number(place, value)
    for end, (low, high) in _LIMITS.items():
        if name != end and not (end.startswith("_") and name.endswith(end)):
            continue
        if not low <= number <= high:
            least, to = ("above 0", "up to") if low > 0 else (f"from {low:g}", "to")
            most = "" if high == math.inf else f" {to} {high:g}"
            raise DesignError(f"{place} must be a number {least}{most}, not {value!r}")


@dataclass(frozen=True, slots=True)
class DimensionSettings(_Checked):
    """How one rated dimension comes about.

    Parameters
    ----------
    mean : tuple of float
        Mean level that raters aim at, for music, visual, audiovisual.
    item_sd : float
        Standard deviation of items in level.
    skew : tuple of float
        Bend of the levels for music, visual, audiovisual: 0 none, below 0 a tail of low ones.
    participant_sd : float
        Standard deviation of participants in level.
    rater_sd : float
        Standard deviation of one rater's level of one item, beyond the two above.
    level_coupling : float
        Correlation over items between what the sound and what the picture convey in level.
    shared_sd : tuple of float
        Standard deviation over time of the trajectory that all raters of an item share, for
        music, visual, audiovisual.
    shared_spread : float
        Standard deviation of log size of the shared trajectory between items: some items change
        much, others hardly.
    coupling : float
        Correlation over time between the trajectories of sound and picture.
    sound_weight : float
        Weight of the sound, against 1 minus it of the picture, in the audiovisual trajectory
        and level.
    own_sd : tuple of float
        Standard deviation over time of the part of a trajectory that is a rater's own, for music,
        visual, audiovisual.
    shared_length, own_length : float
        How slowly the shared and the own trajectories turn, in seconds.
    participant_modality_sd : float
        Standard deviation of a participant's level in one modality, beyond that in all.
    female, trained, familiar : float
        Shift of the level for women, for more than three years of training, and for an item
        that the rater knows.

    See Also
    --------
    SimulationSettings : All settings of a simulation.
    """

    mean: tuple[float, float, float]
    item_sd: float
    skew: tuple[float, float, float]
    participant_sd: float
    rater_sd: float
    level_coupling: float
    shared_sd: tuple[float, float, float]
    shared_spread: float
    coupling: float
    sound_weight: float
    own_sd: tuple[float, float, float]
    shared_length: float
    own_length: float
    participant_modality_sd: float = 0.0
    female: float = 0.0
    trained: float = 0.0
    familiar: float = 0.0


@dataclass(frozen=True, slots=True)
class LabelSettings(_Checked):
    """How labels and familiarity come about; all on the logit scale.

    Parameters
    ----------
    trait_scale : float
        Size of the pull of an item's arousal and valence on the labels; the direction and
        relative size for each label stand in the table of `label_settings`.
    item_sd : float
        Standard deviation of an item's own pull on a label, in every modality.
    cell_sd : float
        The same for one modality of an item.
    category_share : float
        Share of the variance of these pulls that all labels of a category have in common.
    reading_sd : float
        Standard deviation of one rater's reading of an item as a category of labels.
    habit_sd : float
        Standard deviation of participants in how many labels they choose.
    preference_sd : float
        Standard deviation of participants in how much they like one label.
    participant_modality_sd : float
        The same for one label in one modality.
    gender_scale, training_scale, familiarity_scale, modality_scale : float
        Multiply the columns of the table of `label_settings`.
    familiar : tuple of float
        Intercept of familiarity for music, visual, audiovisual.
    familiar_item_sd, familiar_participant_sd : float
        Standard deviation of items in how well known they are, and of participants in how much
        they know.
    confounding : float
        Correlation of how well known an item is with how arousing and pleasant it is; and of how
        much a participant knows with their level, number of labels, and liking of the labels that
        known items get. Above 0, people who know an item rate it differently although knowing it
        has no effect.

    See Also
    --------
    SimulationSettings : All settings of a simulation.
    """

    trait_scale: float = 2.0
    item_sd: float = 0.45
    cell_sd: float = 0.5
    category_share: float = 0.6
    reading_sd: float = 1.2
    habit_sd: float = 0.85
    preference_sd: float = 1.0
    gender_scale: float = 0.25
    training_scale: float = 0.95
    familiarity_scale: float = 1.75
    modality_scale: float = 1.55
    familiar: tuple[float, float, float] = (0.8, -1.3, 0.7)
    familiar_item_sd: float = 1.0
    familiar_participant_sd: float = 0.9
    participant_modality_sd: float = 0.0
    confounding: float = 0.0


def _arousal() -> DimensionSettings:
    return DimensionSettings(
        mean=(0.278, 0.048, 0.211),
        item_sd=0.21,
        skew=(-0.03, 0.18, 0.0),
        participant_sd=0.1,
        rater_sd=0.26,
        level_coupling=0.59,
        shared_sd=(0.17, 0.11, 0.13),
        shared_spread=1.03,
        coupling=0.74,
        sound_weight=0.78,
        own_sd=(0.15, 0.15, 0.15),
        shared_length=7.3,
        own_length=8.7,
    )


def _valence() -> DimensionSettings:
    return DimensionSettings(
        mean=(0.214, -0.065, 0.14),
        item_sd=0.3,
        skew=(-0.1, -0.13, -0.02),
        participant_sd=0.1,
        rater_sd=0.14,
        level_coupling=0.41,
        shared_sd=(0.07, 0.08, 0.07),
        shared_spread=0.77,
        coupling=0.01,
        sound_weight=0.57,
        own_sd=(0.18, 0.13, 0.2),
        shared_length=14.0,
        own_length=10.0,
    )


@dataclass(frozen=True, slots=True)
class FeatureSettings(_Checked):
    """How the features of one kind carry one dimension.

    Parameters
    ----------
    r : float
        Typical correlation over time and items of a carrying feature with what it carries.
    course : float
        Weight of what the trajectory of an item adds to its level, against 1 for the level.
    other : float
        Weight of what the other of sound and picture conveys, against 1 for their own. Below 0
        they tell of the sound what the picture does not share.

    See Also
    --------
    SimulationSettings : All settings of a simulation.
    """

    r: float
    course: float = 3.0
    other: float = 0.0


@dataclass(frozen=True, slots=True)
class SimulationSettings(_Checked):
    """Everything that a simulation is drawn from, besides its size and its seed.

    Parameters
    ----------
    arousal, valence : DimensionSettings
        The two rated dimensions.
    labels : LabelSettings
        Labels and familiarity.
    dimension_correlation : float
        Correlation over items between arousal and valence.
    gain_sd : float
        Standard deviation of log gain: some participants use more of the scale than others.
    noise_spread : float
        Standard deviation over participants of the log size of their disagreement with others.
    lag_mean, lag_sd : float
        Mean and standard deviation of the participants' reaction lag, in seconds.
    onset_mean : float
        Mean time before the cursor is first moved, in seconds.
    dead_zone : float
        Distance from the target at which a participant typically bothers to move the cursor.
    speed : float
        Share of that distance covered in one step of 0.5 s.
    still_share : float
        Share of annotations whose cursor never moves.
    short_share : float
        Share of annotations with 118 or 119 samples although the item has 120.
    male_share, trained_share, side_by_side_share : float
        Shares of men, of people with more than three years of training, and of people who prefer
        the axes beside the video.
    audio, visual : tuple of FeatureSettings
        What features of sound and of picture carry, arousal before valence.
    feature_lag : float
        How far the windows of the features look back, in seconds.

    Raises
    ------
    DesignError
        For a value that no study can be drawn from, when the settings are made.

    See Also
    --------
    simulate_muvi : Studies drawn from them; `without` switches an effect off.
    power_study : How often a study of some size finds an effect of some size.

    Notes
    -----
    Standard deviations, spreads and times are 0 or more, lengths and speed above 0, shares and
    weights between 0 and 1, correlations between -1 and 1.

    The defaults were chosen so that the default draw resembles the published study;
    ``muvistats/data/simulation/calibration.csv`` shows how closely, and which setting governs
    which statistic.

    Examples
    --------
    Settings are changed by `dataclasses.replace`, those of a dimension too:

    >>> from dataclasses import replace
    >>> from muvistats import SimulationSettings, simulate_muvi
    >>> usual = SimulationSettings()
    >>> prompt = replace(usual, lag_mean=0.0, arousal=replace(usual.arousal, rater_sd=0.1))
    >>> study = simulate_muvi(n_items=9, n_participants=12, features=False, settings=prompt)
    >>> study["truth/reaction_lag"].max().item()
    0.0
    """

    arousal: DimensionSettings = field(default_factory=_arousal)
    valence: DimensionSettings = field(default_factory=_valence)
    labels: LabelSettings = field(default_factory=LabelSettings)
    dimension_correlation: float = 0.3
    gain_sd: float = 0.3
    noise_spread: float = 0.4
    lag_mean: float = 2.0
    lag_sd: float = 0.7
    onset_mean: float = 3.0
    dead_zone: float = 0.12
    speed: float = 0.45
    still_share: float = 0.0085
    short_share: float = 0.1
    male_share: float = 31 / 49
    trained_share: float = 22 / 49
    side_by_side_share: float = 31 / 49
    audio: tuple[FeatureSettings, FeatureSettings] = (
        FeatureSettings(r=0.45, course=4.0),
        FeatureSettings(r=0.165, course=2.0, other=-0.2),
    )
    visual: tuple[FeatureSettings, FeatureSettings] = (
        FeatureSettings(r=0.11, course=5.0, other=0.4),
        FeatureSettings(r=0.1, course=3.0, other=0.6),
    )
    feature_lag: float = 2.0

    def features_of(self, kind: str) -> tuple[FeatureSettings, FeatureSettings]:
        """Settings of a kind of features, arousal before valence."""
        return {"audio": self.audio, "visual": self.visual}[kind]

    def to_json(self) -> str:
        """The settings as JSON text."""
        return json.dumps(dataclasses.asdict(self))


@functools.cache
def _label_table() -> pd.DataFrame:
    source = files("muvistats.data") / "simulation" / "labels.csv"
    with source.open(encoding="utf-8") as stream:
        table = pd.read_csv(stream)
    return table.set_index("label").loc[list(gems_labels())].reset_index()


def label_settings() -> pd.DataFrame:
    """Settings of each label.

    Returns
    -------
    DataFrame
        One row per GEMS term, in the order of the taxonomy: `label`, `base` (logit of being
        chosen), pulls of `arousal` and `valence`, and shifts by modality (`visual`,
        `audiovisual`, against music), for women (`female`), for more than three years of
        training (`trained`) and for a known item (`familiar`).
    """
    return _label_table().copy()


def settings_of(given: SimulationSettings | None) -> SimulationSettings:
    """The settings that were given, or the usual ones.

    Raises
    ------
    DesignError
        For anything else.
    """
    if given is not None and not isinstance(given, SimulationSettings):
        raise DesignError(f"settings must be mv.SimulationSettings, not {given!r}")
    return given or SimulationSettings()


def active_effects(without: Iterable[str]) -> frozenset[str]:
    """Effects that stay on.

    Raises
    ------
    DesignError
        When an effect to switch off does not exist.
    """
    if isinstance(without, str):
        without = [without]
    return frozenset(EFFECTS) - {check_choice("without", name, EFFECTS) for name in without}

"""Participants, familiarity and labels of a simulated study."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...errors import DesignError
from ...types import Floats
from ..gems import gems_taxonomy
from ..schema import MODALITIES
from .design import Design
from .settings import LabelSettings, SimulationSettings, label_settings
from .signal import Latents, per_modality

Flags = npt.NDArray[np.int8]

#: Years of training beyond which the paper calls a participant trained.
TRAINED = 3

_COUNTRIES = ("SG", "CN", "KR", "GR", "CY", "ID", "MY", "IN", "NA", "US")
_COUNTRY_SHARES = (0.64, 0.12, 0.05, 0.04, 0.04, 0.03, 0.03, 0.02, 0.01, 0.02)
_LANGUAGES = ("EN", "ZH", "JA", "KO", "EL", "TA")
_LANGUAGE_SHARES = (0.6, 0.18, 0.1, 0.06, 0.03, 0.03)
_GENRES = (
    "Pop",
    "Classical-music",
    "Rock",
    "Indie-Rock",
    "Rhythm-and-Blues",
    "Country",
    "Metal",
    "Jazz",
    "Electronic-dance-music",
    "Other",
)
_GENRE_SHARES = (0.43, 0.12, 0.1, 0.08, 0.06, 0.06, 0.04, 0.03, 0.03, 0.05)


@dataclass(frozen=True, slots=True)
class LabelTruth:
    """Shifts on the logit scale that the labels were drawn with."""

    item: Floats
    participant: Floats
    habit: Floats
    familiar_item: Floats
    familiar_participant: Floats
    loadings: pd.DataFrame


def draw_people(
    rng: np.random.Generator, settings: SimulationSettings, n_participants: int
) -> pd.DataFrame:
    """Draw the participants' profiles; the shares of the settings are met exactly."""

    def quota(share: float) -> npt.NDArray[np.bool_]:
        return rng.permutation(n_participants) < round(share * n_participants)

    def pick(names: tuple[str, ...], shares: tuple[float, ...]) -> npt.NDArray[np.str_]:
        return rng.choice(np.array(names), n_participants, p=shares)

    trained = quota(settings.trained_share)
    some = TRAINED + 1 + np.minimum(rng.poisson(4.0, n_participants), 13)
    few = rng.integers(0, TRAINED + 1, n_participants) * (rng.random(n_participants) < 0.6)
    spread = np.sqrt(np.log1p((3.28 / 4.35) ** 2))
    age = 19 + 4.35 * np.exp(spread * rng.standard_normal(n_participants) - spread**2 / 2)
    return pd.DataFrame(
        {
            "participant": [str(i) for i in range(n_participants)],
            "age": np.clip(np.round(age), 19, 35),
            "gender": np.where(quota(settings.male_share), "Male", "Female"),
            "years_of_training": np.where(trained, some, few).astype(float),
            "overlay_preference": np.where(quota(settings.side_by_side_share), 0, 1),
            "country_live_longest": pick(_COUNTRIES, _COUNTRY_SHARES),
            "country_musical_enculturation": pick(_COUNTRIES, _COUNTRY_SHARES),
            "lyric_language": pick(_LANGUAGES, _LANGUAGE_SHARES),
            "favorite_genre": pick(_GENRES, _GENRE_SHARES),
            "understood_yes_or_no": "Yes",
        }
    )


def draw_labels(
    rng: np.random.Generator,
    settings: SimulationSettings,
    design: Design,
    latents: Latents,
    people: pd.DataFrame,
    effects: AbstractSet[str],
    *,
    person_level: Floats,
    modality_liking: Floats | None = None,
) -> tuple[Flags, Flags, LabelTruth]:
    """Draw labels and familiarity of every annotation.

    Parameters
    ----------
    rng : Generator
        Source of randomness.
    settings : SimulationSettings
        The settings.
    design : Design
        Who rates what.
    latents : Latents
        What the items convey.
    people : DataFrame
        The participants.
    effects : set of str
        Effects that are on.
    person_level : ndarray of float, shape (dimension, participant)
        The participants' own levels of rating, which confounding ties to what they know.
    modality_liking : ndarray of float, shape (participant, modality, label), optional
        What participants like in one modality only.

    Returns
    -------
    labels : ndarray of int8, shape (annotation, label)
        1 chosen, 0 not; every row has at least one.
    familiar : ndarray of int8, shape (annotation,)
        1 known, 0 not.
    truth : LabelTruth
        What they were drawn from.
    """
    familiar_rng, item_rng, person_rng, choice_rng = rng.spawn(4)
    chosen = settings.labels
    n_items, n_people = latents.level.shape[1], len(people)
    table = _loadings(chosen, effects)
    pull = _item_pull(item_rng, chosen, latents, table, effects)
    on = float("participant" in effects)
    habit = on * chosen.habit_sd * person_rng.standard_normal(n_people)
    liking = on * chosen.preference_sd * person_rng.standard_normal((n_people, len(table)))
    ties = _ties(latents, person_level, habit, liking)
    familiar, known_item, known_person = _familiarity(
        familiar_rng, chosen, design, n_items, n_people, effects, ties
    )
    liking += habit[:, None]
    female = (people["gender"] == "Female").to_numpy(dtype=float)
    trained = (people["years_of_training"] > TRAINED).to_numpy(dtype=float)
    person = liking + np.outer(female, table["female"]) + np.outer(trained, table["trained"])
    logit = pull[design.item, design.modality] + person[design.participant]
    if modality_liking is not None:
        logit += modality_liking[design.participant, design.modality]
    logit += np.outer(familiar, table["familiar"])
    codes, categories = pd.factorize(gems_taxonomy()["category"])
    reading = choice_rng.standard_normal((len(design), len(categories)))
    logit += chosen.reading_sd * reading[:, codes]
    labels = _choose(choice_rng, logit)
    truth = LabelTruth(pull, person, habit, known_item, known_person, table)
    return labels, familiar, truth


def _familiarity(
    rng: np.random.Generator,
    chosen: LabelSettings,
    design: Design,
    n_items: int,
    n_people: int,
    effects: AbstractSet[str],
    ties: tuple[Floats, Floats],
) -> tuple[Flags, Floats, Floats]:
    item = rng.standard_normal(n_items)
    person = rng.standard_normal(n_people)
    if not -1 <= chosen.confounding <= 1:
        raise DesignError(f"confounding must lie between -1 and 1, not {chosen.confounding!r}")
    if chosen.confounding:
        r = chosen.confounding
        item = r * ties[0] + np.sqrt(1 - r**2) * item
        person = r * ties[1] + np.sqrt(1 - r**2) * person
    item = chosen.familiar_item_sd * ("item" in effects) * item
    person = chosen.familiar_participant_sd * person
    person *= "participant" in effects
    base = per_modality(chosen.familiar, effects)
    logit = base[design.modality] + item[design.item] + person[design.participant]
    return (rng.random(len(design)) < _expit(logit)).astype(np.int8), item, person


def _ties(
    latents: Latents, person_level: Floats, habit: Floats, liking: Floats
) -> tuple[Floats, Floats]:
    """What confounding ties to knowing: one standard score per item, and one per participant."""
    direction = label_settings()["familiar"].to_numpy()
    item = _standard(latents.trait.mean(axis=2)).sum(axis=0)
    person = _standard(np.stack([*person_level, habit, liking @ direction])).sum(axis=0)
    return _standard(item), _standard(person)


def _standard(values: Floats) -> Floats:
    """Values with mean 0 and standard deviation 1 along the last axis; constant ones are 0."""
    centred = values - values.mean(axis=-1, keepdims=True)
    spread = centred.std(axis=-1, keepdims=True)
    scaled: Floats = centred / np.where(spread > 0, spread, 1.0)
    return scaled


def _loadings(chosen: LabelSettings, effects: AbstractSet[str]) -> pd.DataFrame:
    """Table of label settings with the scales applied and what is off set to 0."""
    table = label_settings()
    for columns, scale, effect in (
        (["arousal", "valence"], chosen.trait_scale, "item"),
        (["visual", "audiovisual"], chosen.modality_scale, "modality"),
        (["female"], chosen.gender_scale, "gender"),
        (["trained"], chosen.training_scale, "training"),
        (["familiar"], chosen.familiarity_scale, "familiarity"),
    ):
        table[columns] *= scale * (effect in effects)
    if "modality_mean" not in effects:
        table[["visual", "audiovisual"]] = 0.0
    return table


def _item_pull(
    rng: np.random.Generator,
    chosen: LabelSettings,
    latents: Latents,
    table: pd.DataFrame,
    effects: AbstractSet[str],
) -> Floats:
    """Logit of each label for an item in a modality, (item, modality, label)."""
    n_items, n_modalities = latents.trait.shape[1:]
    codes, categories = pd.factorize(gems_taxonomy()["category"])
    common, own = np.sqrt(chosen.category_share), np.sqrt(1 - chosen.category_share)
    of_item, of_cell = (
        common * rng.standard_normal((n_items, size, len(categories)))[..., codes]
        + own * rng.standard_normal((n_items, size, len(table)))
        for size in (1, n_modalities)
    )
    pull: Floats = np.einsum(
        "dim,dl->iml", latents.trait, table[["arousal", "valence"]].to_numpy().T
    )
    pull += table["base"].to_numpy()
    pull += chosen.item_sd * ("item" in effects) * of_item
    pull += chosen.cell_sd * ({"item", "modality"} <= set(effects)) * of_cell
    for modality in ("visual", "audiovisual"):
        pull[:, MODALITIES.index(modality)] += table[modality].to_numpy()
    return pull


def _choose(rng: np.random.Generator, logit: Floats) -> Flags:
    """Choose each label on its own; where none is chosen, one by the same odds."""
    labels = (rng.random(logit.shape) < _expit(logit)).astype(np.int8)
    best = np.argmax(logit + rng.gumbel(size=logit.shape), axis=1)
    none = np.flatnonzero(~labels.any(axis=1))
    labels[none, best[none]] = 1
    return labels


def _expit(x: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-x))

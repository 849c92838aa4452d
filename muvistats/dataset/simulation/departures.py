"""What the default study does not have: participants' own modality effects, shifts of the level."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...types import Floats
from ..schema import MODALITIES
from .design import Design
from .labels import TRAINED
from .settings import DimensionSettings, SimulationSettings
from .signal import DIMENSIONS


@dataclass(frozen=True, slots=True)
class ModalityHabits:
    """What a participant does in one modality, beyond what he does in all.

    `level` (dimension, participant, modality) is added to his level, `liking` (participant,
    modality, label) to the logits of his labels. None where all are zero.
    """

    level: Floats | None
    liking: Floats | None


def draw_modality_habits(
    rng: np.random.Generator,
    settings: SimulationSettings,
    n_participants: int,
    n_labels: int,
    effects: AbstractSet[str],
) -> ModalityHabits:
    """Draw the participants' own modality effects; they are there as long as people differ."""
    level_rng, label_rng = rng.spawn(2)
    spread = [getattr(settings, name).participant_modality_sd for name in DIMENSIONS]
    shape = (n_participants, len(MODALITIES))
    on = "participant" in effects
    level = liking = None
    if on and any(spread):
        level = np.array(spread)[:, None, None] * level_rng.standard_normal((len(spread), *shape))
    label_sd = settings.labels.participant_modality_sd
    if on and label_sd:
        liking = label_sd * label_rng.standard_normal((*shape, n_labels))
    return ModalityHabits(level, liking)


def level_shift(
    settings: SimulationSettings,
    design: Design,
    people: pd.DataFrame,
    familiar: npt.NDArray[np.int8],
    habits: ModalityHabits,
    effects: AbstractSet[str],
) -> Floats | None:
    """What is added to the level of each annotation, (dimension, annotation); None for nothing."""
    female = (people["gender"] == "Female").to_numpy(dtype=float)
    trained = (people["years_of_training"] > TRAINED).to_numpy(dtype=float)
    rows = np.zeros((len(DIMENSIONS), len(design)))
    for d, name in enumerate(DIMENSIONS):
        chosen: DimensionSettings = getattr(settings, name)
        rows[d] += chosen.female * ("gender" in effects) * female[design.participant]
        rows[d] += chosen.trained * ("training" in effects) * trained[design.participant]
        rows[d] += chosen.familiar * ("familiarity" in effects) * familiar
    if habits.level is not None:
        rows += habits.level[:, design.participant, design.modality]
    return rows if rows.any() else None

"""The sections of the report, in order. A new analysis adds its section here."""

from __future__ import annotations

from .agreement import AGREEMENT_SECTIONS
from .checks import CHECK_SECTIONS
from .contribution import CONTRIBUTION_SECTIONS
from .effects import EFFECT_SECTIONS
from .labels import LABEL_SECTIONS
from .models import MODEL_SECTIONS
from .networks import NETWORK_SECTIONS
from .prediction import PREDICTION_SECTIONS
from .ratings import RATING_SECTIONS
from .sensitivity import SENSITIVITY_SECTIONS
from .unfolding import UNFOLDING_SECTIONS

#: Chapters in order, by anchor.
CHAPTERS = {
    "survival": "Would the findings survive?",
    "checks": "Is the data what it says?",
    "people": "People, items and ratings",
    "agreement": "How far people agree",
    "labels": "Emotion labels",
    "effects-ratings": "What moves the ratings",
    "effects-labels": "What moves the choice of labels",
    "models": "What predicts the ratings",
}

SECTIONS = (
    *SENSITIVITY_SECTIONS,
    *CHECK_SECTIONS,
    *RATING_SECTIONS,
    *AGREEMENT_SECTIONS,
    *LABEL_SECTIONS,
    *PREDICTION_SECTIONS,
    *EFFECT_SECTIONS,
    *UNFOLDING_SECTIONS,
    *CONTRIBUTION_SECTIONS,
    *MODEL_SECTIONS,
    *NETWORK_SECTIONS,
)

#: Parts of the paper without a section so far: what, where the paper has it, and why.
NOT_BUILT = (
    (
        "Comparison of data sets, annotation interface",
        "Table 1, Figure 1",
        "there is nothing to compute",
    ),
)

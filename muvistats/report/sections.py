"""The sections of the report, in order. A new analysis adds its section here."""

from __future__ import annotations

from .section_agreement import AGREEMENT_FINDINGS, AGREEMENT_SECTIONS
from .section_checks import CHECK_SECTIONS
from .section_contribution import CONTRIBUTION_SECTIONS
from .section_effects import EFFECT_FINDINGS, EFFECT_SECTIONS
from .section_labels import LABEL_FINDINGS, LABEL_SECTIONS
from .section_models import MODEL_FINDINGS, MODEL_SECTIONS
from .section_networks import NETWORK_FINDINGS, NETWORK_SECTIONS
from .section_prediction import PREDICTION_SECTIONS
from .section_ratings import RATING_FINDINGS, RATING_SECTIONS
from .section_sensitivity import SENSITIVITY_SECTIONS

__all__ = ["CHAPTERS", "FINDINGS", "NOT_BUILT", "SECTIONS"]

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
    *CONTRIBUTION_SECTIONS,
    *MODEL_SECTIONS,
    *NETWORK_SECTIONS,
)

FINDINGS = (
    *RATING_FINDINGS,
    *AGREEMENT_FINDINGS,
    *LABEL_FINDINGS,
    *EFFECT_FINDINGS,
    *MODEL_FINDINGS,
    *NETWORK_FINDINGS,
)

#: Parts of the paper without a section so far: what, where the paper has it, and why.
NOT_BUILT = (
    (
        "Comparison of data sets, annotation interface",
        "Table 1, Figure 1",
        "no analyses",
    ),
)

"""The figures: each takes a result frame or the study and returns a matplotlib figure.

Save one with ``figure.savefig("name.png")``; no screen and no pyplot is needed.
"""

from __future__ import annotations

from .agreement import plot_agreement_trajectory, plot_interrater_ccc
from .alignment import plot_label_alignment
from .contribution import plot_modality_contribution
from .diagrams import plot_architectures
from .dimensions import plot_dimension_distributions
from .dominance import plot_dominance_over_time
from .false_alarms import plot_calibration, plot_power
from .labels import plot_label_correlations, plot_label_deviations, plot_label_frequencies
from .modalities import plot_modality_correlations, plot_modality_medians
from .models import plot_feature_ranks, plot_model_trajectory
from .networks import plot_architecture_comparison
from .prediction import plot_label_prediction
from .sensitivity import plot_sensitivity
from .trajectories import plot_over_time, plot_trajectories

__all__ = [
    "plot_agreement_trajectory",
    "plot_architecture_comparison",
    "plot_architectures",
    "plot_calibration",
    "plot_dimension_distributions",
    "plot_dominance_over_time",
    "plot_feature_ranks",
    "plot_interrater_ccc",
    "plot_label_alignment",
    "plot_label_correlations",
    "plot_label_deviations",
    "plot_label_frequencies",
    "plot_label_prediction",
    "plot_modality_contribution",
    "plot_modality_correlations",
    "plot_modality_medians",
    "plot_model_trajectory",
    "plot_over_time",
    "plot_power",
    "plot_sensitivity",
    "plot_trajectories",
]

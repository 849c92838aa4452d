"""People, design, and the ratings over time (sections 3.2, 4.1.1 and 4.2.1 of the paper)."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import xarray as xr

from ...plots.dimensions import plot_dimension_distributions
from ...plots.modalities import plot_modality_correlations
from ...results.words import Rule
from ...stats.descriptives.distributions import describe_annotations
from ...stats.descriptives.participants import (
    describe_design,
    describe_participants,
    overlay_preference,
)
from ...stats.modalities.correlation import modality_correlations
from ..parts import Figure, NothingToSayError, Section, Settings, Table, drawn, plain
from ..views import UNITS

#: Ages, shares and counts stand in the same column.
_MIXED: Mapping[str, Rule] = dict.fromkeys(("mean", "sd", "median", "minimum", "maximum"), "mixed")


def _design(study: xr.DataTree, _: Settings) -> pd.DataFrame:
    """The study in numbers; of time steps and raters only where these are known."""
    frame = describe_design(study)
    if "participant" not in study["annotations"].coords:
        frame["variable"] = frame["variable"].replace("raters_per_cell", "ratings_per_cell")
    return frame[(frame["variable"] != "sampling_interval") | (frame["n"] > 0)]


def _with_units(frame: pd.DataFrame) -> pd.DataFrame:
    """Names of quantities with their units."""
    return frame.assign(variable=[UNITS.get(name, name) for name in frame["variable"]])


def _people(study: xr.DataTree, _: Settings) -> pd.DataFrame:
    """Traits of the participants, where more than their number is known."""
    frame = describe_participants(study)
    if len(frame) == 1:
        raise NothingToSayError("nothing but the number of participants is known")
    return frame


RATING_SECTIONS = (
    Section(
        key="participants",
        chapter="people",
        title="Participants",
        reference="Section 3.2",
        text="Who rated.",
        tables=(
            Table(
                "describe_participants",
                "Participants",
                _people,
                needs=("people",),
                published=("describe_participants",),
                view=_with_units,
                rules=_MIXED,
                collapsed=True,
            ),
            Table(
                "overlay_preference",
                "Preferred annotation interface",
                plain(overlay_preference, dependence="independent"),
                about="muvi",
                published=("overlay_preference",),
                rules={"conf_low": "percent"},
            ),
        ),
    ),
    Section(
        key="design",
        chapter="people",
        title="Design",
        reference="Section 3.2",
        text="The study in numbers: its items, its annotations, and how they are spread.",
        tables=(
            Table(
                "describe_design",
                "Design",
                _design,
                published=("describe_design",),
                view=_with_units,
                rules=_MIXED,
                collapsed=True,
            ),
        ),
    ),
    Section(
        key="ratings",
        chapter="people",
        title="Distribution of the ratings",
        reference="Figure 2, section 4.1.1",
        text=(
            "All values of all annotations that are kept, on the scale on which they were recorded."
        ),
        tables=(
            Table(
                "describe_annotations",
                "Values of the ratings by modality",
                plain(describe_annotations),
                needs=("rating",),
                published=("describe_annotations",),
                columns=(
                    "dimension modality mean sd q05 q25 median q75 q95 n n_annotations n_missing"
                ),
            ),
        ),
        figures=(
            Figure(
                "ratings_figure",
                "Distribution of the ratings, by modality",
                "Distribution of one rated dimension, or of two against each other",
                lambda study, _frames: plot_dimension_distributions(study),
                needs=("rating",),
            ),
        ),
    ),
    Section(
        key="resemblance",
        chapter="people",
        title="How alike the modalities are",
        reference="Section 4.2.1",
        text=(
            "For each item the mean trajectories of two modalities are correlated (Pearson). The "
            "table has mean and spread of these correlations over items. The estimate is their "
            "mean by Fisher's z, with its interval."
        ),
        tables=(
            Table(
                "modality_correlations",
                "Correlation of mean trajectories between modalities",
                plain(modality_correlations),
                needs=("dynamics", "modalities"),
                published=("modality_correlations",),
                columns=(
                    "dimension modality1 modality2 mean sd median estimate conf_low conf_high "
                    "n_items"
                ),
            ),
            Table(
                "modality_correlations_items",
                "Correlation of mean trajectories, item by item",
                plain(modality_correlations, level="item"),
                needs=("dynamics", "modalities"),
                columns="dimension modality1 modality2 item estimate n1 n2",
                collapsed=True,
            ),
        ),
        figures=(
            Figure(
                "resemblance_figure",
                "Correlation of mean trajectories, one point for each item",
                "Points and distributions of correlations for each pair of modalities",
                drawn(plot_modality_correlations, "modality_correlations_items"),
                uses=("modality_correlations_items",),
            ),
        ),
    ),
)

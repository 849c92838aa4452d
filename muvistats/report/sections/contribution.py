"""What decides the audiovisual emotion, and how the modalities differ (the paper's title)."""

from __future__ import annotations

from functools import partial

import pandas as pd
import xarray as xr

from ...dataset.access import dimensions_of
from ...plots.contribution import plot_modality_contribution
from ...stats.modalities.contrasts import modality_contrasts
from ...stats.modalities.contribution import modality_contribution
from ..parts import Figure, NothingToSayError, Section, Settings, Table, drawn, resampled

_contribution = resampled(
    *(partial(modality_contribution, scope=scope) for scope in ("within_item", "between_item"))
)
_contrasts = resampled(
    *(partial(modality_contrasts, quantity=each) for each in ("ccc", "median", "correlation"))
)


def _between_dimensions(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
    if len(dimensions_of(study)) < 2:
        raise NothingToSayError("one dimension was rated")
    return resampled(partial(modality_contrasts, compare="dimension"))(study, settings)


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """R squared, shares and their differences; the CSV has the weights too."""
    return frame[~frame["quantity"].str.startswith("dominance", na=False)]


CONTRIBUTION_SECTIONS = (
    Section(
        key="contribution",
        chapter="effects-ratings",
        title="Music or picture?",
        text=(
            "The audiovisual ratings of an item are predicted from its music and its visual "
            "ratings by regression: over the seconds of an item, and between items. Dominance "
            "analysis gives each modality its share of the explained variance (R squared), with "
            "the noise of raters taken out. The last rows compare the shares between dimensions. "
            "Intervals stand for other items and participants."
        ),
        tables=(
            Table(
                "modality_contribution",
                "Share of each modality in the audiovisual emotion",
                _contribution,
                needs=("dynamics", "audiovisual"),
                view=_shown,
                columns=(
                    "dimension scope quantity modality group1 group2 estimate conf_low conf_high "
                    "p_value reliability n_items n_missing"
                ),
            ),
        ),
        figures=(
            Figure(
                "contribution_figure",
                "Share of each modality in the audiovisual emotion",
                "Bars cut where the shares of music and picture meet, with the interval of the cut",
                drawn(plot_modality_contribution, "modality_contribution"),
                needs=("dynamics", "audiovisual"),
                uses=("modality_contribution",),
            ),
        ),
    ),
    Section(
        key="contrasts",
        chapter="effects-ratings",
        title="What differs between modalities and dimensions?",
        reference="Section 4.2.1, Table 5",
        text=(
            "A value is computed for each annotation or item, and modalities are compared by "
            "these values. Rows called independent take the values as independent. Rows called "
            "design stand for other items and participants. Correlations are compared on "
            "Fisher's scale."
        ),
        tables=(
            Table(
                "modality_contrasts",
                "Differences between modalities",
                _contrasts,
                needs=("dynamics", "modalities"),
                columns=(
                    "quantity dimension group1 group2 estimate1 estimate2 estimate conf_low "
                    "conf_high p_value p_adjusted dependence"
                ),
                collapsed=True,
            ),
            Table(
                "dimension_contrasts",
                "Differences in agreement between rated dimensions",
                _between_dimensions,
                needs=("dynamics",),
                columns=(
                    "modality group1 group2 estimate1 estimate2 estimate conf_low conf_high "
                    "p_value p_adjusted dependence"
                ),
                collapsed=True,
            ),
        ),
    ),
)

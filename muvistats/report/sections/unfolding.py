"""When the modalities differ as an excerpt unfolds."""

from __future__ import annotations

from functools import partial
from typing import Literal

import pandas as pd
import xarray as xr

from ...dataset.access import dimensions_of
from ...dataset.prepare import truncate
from ...formula import code_of_column
from ...plots.trajectories import plot_over_time
from ...stats.time.contrasts import over_time
from ..parts import Compute, Figure, Section, Settings, Table, drawn

#: Seconds in which every cursor of MuVi leaves the centre, and resamples of the short report.
_START = 5.0
_FEW = 499


def _tested(level: Literal["cluster", "group"]) -> Compute:
    """The test over time of each dimension that was rated over time, one below the other."""

    def compute(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
        annotations = study["annotations"].dataset
        known = [name for name in dimensions_of(study) if "time" in annotations[name].dims]
        if settings.is_muvi and float(annotations["time"].max()) > 2 * _START:
            study = truncate(study, start=_START)
        few = settings.n_resamples if settings.full else min(settings.n_resamples, _FEW)
        of = partial(over_time, study, level=level, n_resamples=few, rng=settings.rng)
        tested = [of(f"{code_of_column(name)} ~ modality") for name in known]
        return pd.concat(tested, ignore_index=True)

    return compute


UNFOLDING_SECTIONS = (
    Section(
        key="trajectories",
        chapter="effects-ratings",
        title="When do the modalities differ?",
        text=(
            "The modalities are compared at every time step. Neighbouring steps with a statistic "
            "beyond a threshold form a cluster. The modalities are then exchanged many times. p "
            "is the share of exchanges in which the largest cluster, anywhere in the excerpt, is "
            "at least as large. It is about a cluster as a whole and not of its edges: it does "
            "not say when a difference begins or ends. The effect is too large, since its steps "
            "were chosen for being large."
        ),
        paper=(
            "The paper compares one median of each annotation. The first five seconds are left "
            "out here, since every cursor starts at the centre."
        ),
        tables=(
            Table(
                "over_time",
                "Clusters of time steps at which the modalities differ",
                _tested("cluster"),
                needs=("dynamics", "modalities"),
                columns="dimension start end mass p_value effect_size_name effect_size conf_low "
                "conf_high n",
            ),
            Table(
                "courses",
                "Mean of each modality at each time step",
                _tested("group"),
                needs=("dynamics", "modalities"),
                columns="dimension time group mean conf_low conf_high p_adjusted n",
                limit=6,
                collapsed=True,
            ),
        ),
        figures=(
            Figure(
                "over_time_figure",
                "Mean trajectories of the modalities; significant clusters are shaded",
                "Lines of the mean rating of each modality over time with a band for each, one "
                "panel per dimension; stretches of significant clusters are shaded",
                drawn(plot_over_time, "courses"),
                needs=("dynamics", "modalities"),
                uses=("courses",),
            ),
        ),
    ),
)

"""The headline: which published findings survive when the design is respected."""

from __future__ import annotations

import math

import pandas as pd
import xarray as xr

from ...plots.sensitivity import plot_sensitivity
from ...results.words import capital, p_value
from ...stats.sensitivity.table import sensitivity_table
from ..parts import Figure, NothingToSayError, Section, Settings, Table, drawn, resampled


def _tested(frame: pd.DataFrame) -> pd.DataFrame:
    """Findings that could be tested; as printed, where something is."""
    out = frame[frame["verdict"] != "undecided"].copy()
    out["finding"] = out["finding"].map(capital)
    if out["relation"].isna().all():
        return out.drop(columns="p_published")
    out["Published"] = [
        _printed(float(p), relation)
        for p, relation in zip(out["p_published"], out["relation"], strict=True)
    ]
    return out


def _printed(p: float, relation: object) -> str:
    """What the paper gives: a p-value, "not significant", or a direction in words."""
    if math.isnan(p):
        return "direction"
    if relation == ">":
        return "not significant"
    return f"< {p_value(p)}" if relation == "<" else p_value(p)


def _own(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
    if not settings.findings:
        raise NothingToSayError("no findings were given")
    return resampled(sensitivity_table, findings=settings.findings)(study, settings)


SENSITIVITY_SECTIONS = (
    Section(
        about="own",
        key="own-findings",
        chapter="survival",
        title="Findings beside tests that respect the design",
        text=(
            "Each finding that was given, by three analyses: a test that takes ratings as "
            "independent, a test that respects how the factor came about, and a mixed model. The "
            "last two give the verdict; 'What the words mean' explains it."
        ),
        tables=(
            Table(
                "own_findings",
                "Findings, and what becomes of them",
                _own,
                columns=(
                    "finding p_independent p_design p_model p_design_adjusted p_model_adjusted "
                    "verdict verdict_adjusted"
                ),
            ),
        ),
    ),
    Section(
        about="muvi",
        key="sensitivity",
        chapter="survival",
        title="Findings beside tests that respect the design",
        reference="Section 4.2",
        text=(
            "The paper takes annotations, and even single labels, as independent of each other. "
            "They come from a few dozen people and items. So each finding stands beside two "
            "analyses that respect this: a test by the design, and a mixed model. Methods and "
            "versions say what the verdicts mean. A finding is what the published test says of "
            "this data."
        ),
        tables=(
            Table(
                "sensitivity_table",
                "Published findings, and what becomes of them",
                resampled(sensitivity_table),
                each_reading=True,
                split=True,
                view=_tested,
                rules={"Published": "name"},
                columns=(
                    "finding Published p_independent p_design p_model p_design_adjusted "
                    "p_model_adjusted verdict verdict_adjusted"
                ),
            ),
            Table(
                "sensitivity_effects",
                "Effects, intervals and methods behind them",
                resampled(sensitivity_table, level="analysis"),
                each_reading=True,
                split=True,
                view=_tested,
                collapsed=True,
                limit=90,
                slow=True,
                columns=(
                    "finding analysis effect_size effect_size_name conf_low conf_high p_value "
                    "p_adjusted method"
                ),
            ),
        ),
        figures=(
            Figure(
                "sensitivity_figure",
                "P-values of each finding by the three analyses, and the verdict",
                "One row for each finding with three points on a logarithmic scale and a word",
                drawn(plot_sensitivity, "sensitivity_table"),
                uses=("sensitivity_table",),
                each_reading=True,
            ),
        ),
    ),
)

"""Which labels the features of an item predict."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from ...plots.prediction import plot_label_prediction
from ...stats.prediction.labels import label_prediction
from ..parts import Figure, Section, Settings, Table, drawn

#: Permutations of a quick report: each repeats 27 labels x 3 modalities x 5 folds.
_QUICK = 199


def _predict(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
    n = settings.n_resamples if settings.full else min(_QUICK, settings.n_resamples)
    return label_prediction(study, level="label", n_resamples=n, rng=settings.rng)


def _best_first(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("estimate", ascending=False, kind="stable")


PREDICTION_SECTIONS = (
    Section(
        key="label-prediction",
        chapter="labels",
        title="Can the sound tell which labels are chosen?",
        text=(
            "Ridge regression on the sound of an item predicts which share of its raters chose a "
            "label. The items that are predicted were not used for it. p comes from exchanging "
            "the sound of whole items. This is a check of the data as well: labels that stand "
            "beside the wrong item cannot be predicted. Without any signal the correlations lie "
            "a little below 0, since each fold predicts values around the mean of the other "
            "items."
        ),
        tables=(
            Table(
                "label_prediction",
                "Correlation of predicted and observed shares, best first",
                _predict,
                needs=("labels", "audio"),
                each_reading=True,
                split=True,
                view=_best_first,
                limit=10,
                columns=(
                    "label modality estimate conf_low conf_high p_value p_adjusted noise_ceiling n"
                ),
            ),
        ),
        figures=(
            Figure(
                "label_prediction_figure",
                "Correlation of predicted and observed shares for every label and modality",
                "Points with intervals, one panel for each modality and one row for each label",
                drawn(plot_label_prediction, "label_prediction"),
                needs=("labels", "audio"),
                uses=("label_prediction",),
                each_reading=True,
            ),
        ),
    ),
)

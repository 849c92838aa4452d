"""Agreement beside ceiling beside model, in the same measure."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from muvistats.report.beside import beside
from muvistats.report.sources import Source

KEYS = {"dimension": ["tension", "tension", "tension"], "modality": ["voice", "face", "all"]}
LIMITS = {"conf_low": 0.1, "conf_high": 0.5}


def source() -> Source:
    return Source({"as_recorded": xr.DataTree()})


def shown(table: object) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_concordances_stand_beside_each_other() -> None:
    frames = {
        "interrater_ccc": pd.DataFrame(KEYS | LIMITS | {"ccc": [0.4, 0.3, 0.35]}),
        "noise_ceiling": pd.DataFrame(KEYS | LIMITS | {"ccc": 0.6}).iloc[:1],
        "lasso_models": pd.DataFrame(
            {"target": "tension", "modality": "voice", "features": ["audio", "audio_visual"],
             "metric": "ccc", "mean": [0.3, 0.2], "configuration": "lasso", **LIMITS}
        ),
    }  # fmt: skip
    table = beside(source(), frames)
    assert table.header == ["", "Agreement of raters", "Ceiling of a model", "Linear model"]
    assert shown(table) == [
        ["Tension, voice", "CCC 0.40 [0.10, 0.50]", "CCC 0.60 [0.10, 0.50]",
         "CCC 0.20 [0.10, 0.50], audio and visual features"],
        ["Tension, face", "CCC 0.30 [0.10, 0.50]", "\u2013", "\u2013"],
    ]  # fmt: skip


def test_ratings_of_one_value_and_choices_have_their_own_measures() -> None:
    alpha = {"estimator": "krippendorff_alpha", "estimate": [0.2, 0.5, 0.4]}
    frames = {
        "krippendorff_alpha": pd.DataFrame(KEYS | alpha),
        "choice_agreement": pd.DataFrame({"modality": ["all"], "estimator": ["krippendorff_alpha"],
                                          "estimate": [0.3], **LIMITS}),
    }  # fmt: skip
    table = beside(source(), frames)
    assert shown(table) == [
        ["Tension, voice", "Krippendorff's alpha 0.20"],
        ["Tension, face", "Krippendorff's alpha 0.50"],
        ["Choice of a label", "Krippendorff's alpha 0.30 [0.10, 0.50]"],
    ]


def test_labels_have_median_and_range() -> None:
    kappa = pd.DataFrame({"label": list("abc"), "modality": "all", "estimator": "fleiss_kappa",
                          "estimate": [0.1, 0.2, 0.6]})  # fmt: skip
    (row,) = shown(beside(source(), {"label_agreement": kappa}))
    assert row == ["3 labels, median and range", "Fleiss' kappa 0.20, 0.10 to 0.60"]
    assert beside(source(), {}) is None

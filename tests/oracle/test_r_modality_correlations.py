"""Correlations between modalities on the synthetic study against R."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from muvistats import modality_correlations

HERE = Path(__file__).parent
ORACLE = json.loads((HERE / "modality_correlations.json").read_text(encoding="utf-8"))
REL = 1e-10


@pytest.mark.parametrize("variant", ["constant_included", "constant_excluded"])
def test_modality_correlations(synthetic, variant):
    study = synthetic(variant)
    keys = ["dimension", "modality1", "modality2"]
    per_item = modality_correlations(study, level="item").set_index(keys).sort_index()
    summary = modality_correlations(study).set_index(keys)
    assert len(per_item) == 2 * 3 * 12
    for dimension, expected in ORACLE[variant].items():
        r = pd.DataFrame(expected["per_item"]).set_index("media_id")
        for pair, numbers in expected["summary"].items():
            first, second = pair.split("_vs_")
            ours = per_item.loc[dimension, first, second].set_index("item")["estimate"]
            assert ours[r.index].to_numpy() == pytest.approx(r[pair].to_numpy(), rel=REL)
            row = summary.loc[(dimension, first, second)]
            assert row["n_items"] == numbers["n_items"]
            for name in ("mean", "sd", "median"):
                assert row[name] == pytest.approx(numbers[name], rel=REL)
            assert row["estimate"] == pytest.approx(numbers["fisher_z_mean"], rel=REL)

"""Correlations between modalities on the synthetic study against R."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from muvistats import modality_correlations
from muvistats.dataset.build import assemble

HERE = Path(__file__).parent
ORACLE = json.loads((HERE / "modality_correlations.json").read_text(encoding="utf-8"))
REL = 1e-10


def synthetic(variant: str) -> xr.DataTree:
    """The synthetic study; the annotation that never moves is masked or not."""
    long = pd.read_csv(HERE / "synthetic_dynamic.csv").sort_values(
        ["participant_id", "media_id", "seq"]
    )
    steps = int(long["seq"].max()) + 1
    rows = long.iloc[::steps]
    arousal, valence = (long[k].to_numpy().reshape(-1, steps) for k in ("arousal", "valence"))
    annotations = pd.DataFrame(
        {
            "item": rows["media_id"].to_numpy(),
            "modality": rows["media_modality"].to_numpy(),
            "participant": rows["participant_id"].to_numpy(),
            "keep_dynamic": (np.ptp(arousal, axis=1) > 0) | (variant == "constant_included"),
        }
    )
    return assemble(
        annotations,
        {"arousal": arousal, "valence": valence},
        participants=pd.DataFrame({"participant": sorted(set(annotations["participant"]))}),
        items=pd.DataFrame({"item": sorted(set(annotations["item"]))}),
        time=np.arange(steps) * 0.5,
    )


@pytest.mark.parametrize("variant", ["constant_included", "constant_excluded"])
def test_modality_correlations(variant):
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

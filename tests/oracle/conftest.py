"""The synthetic study that the reference values were computed from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from muvistats.dataset.build import assemble

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def synthetic() -> Callable[[str], xr.DataTree]:
    """The study by variant; the annotation that never moves is masked or not."""

    def build(variant: str) -> xr.DataTree:
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

    return build

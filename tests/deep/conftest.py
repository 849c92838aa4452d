"""Frames as `compare_architectures` returns them, made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest


def make_rows(
    configuration: str,
    values: Mapping[str, float] | pd.Series,
    *,
    folds: int = 5,
    **keys: Any,
) -> pd.DataFrame:
    """Rows of one run: RMSE by item, its square as MSE, and one half less it as CCC."""
    rmse = np.array(list(values.values()) if isinstance(values, Mapping) else values, dtype=float)
    rows = {
        "modality": "audiovisual",
        "features": "audio_visual",
        "configuration": configuration,
        "target": "arousal",
        "repeat": 1,
        "fold": np.arange(len(rmse)) % folds + 1,
        "seed": 1,
        "item": list(values.keys()),
        "rmse": rmse,
        "mse": rmse**2,
        "ccc": 0.5 - rmse,
        "noise_ceiling": 0.8,
        "n": 100,
        "n_epochs": 3,
        "method": "protocol strict",
        "alignment": "released",
        "simulated": True,
        "warning": None,
    }
    return pd.DataFrame(rows | keys)


@pytest.fixture
def rows() -> Callable[..., pd.DataFrame]:
    return make_rows


@pytest.fixture
def two() -> pd.DataFrame:
    """PAIR and LASSO on 30 items, with other values in each."""
    rng = np.random.default_rng(5)
    items = [f"item_{i:02d}" for i in range(30)]
    lasso = dict(zip(items, rng.uniform(0.1, 0.4, 30), strict=True))
    pair = {item: value + rng.normal(-0.02, 0.05) for item, value in lasso.items()}
    return pd.concat(
        [make_rows("pair", pair), make_rows("lasso", lasso, seed=0, n_epochs=0)],
        ignore_index=True,
    )

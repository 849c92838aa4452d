"""Stores of layout 1.0, whose ratings lie on [-1, 1]."""

from __future__ import annotations

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.dataset import stores
from muvistats.dataset.seal import MANIFEST, SEAL


def _old(study: xr.DataTree) -> xr.DataTree:
    """The study as layout 1.0 kept it."""
    parts = {node.path: node.to_dataset(inherit=False) for node in study.subtree}
    annotations = parts["/annotations"]
    for name, variable in annotations.data_vars.items():
        if variable.attrs.get("role") != "dimension":
            continue
        low, high = variable.attrs["scale_min"], variable.attrs["scale_max"]
        mapped = (variable - (low + high) / 2) / ((high - low) / 2)
        mapped.attrs = variable.attrs | {
            "scale_min": -1.0,
            "scale_max": 1.0,
            "recorded_scale_min": low,
            "recorded_scale_max": high,
        }
        annotations[name] = mapped
    tree = xr.DataTree.from_dict(parts, name="study")
    tree.attrs = dict(study.attrs) | {"schema_version": "1.0"}
    return tree


@pytest.mark.parametrize("suffix", ["zarr", "nc"])
@pytest.mark.parametrize("chunks", [None, {}])
def test_ratings_are_mapped_back(tmp_path, suffix, chunks):
    rng = np.random.default_rng(1)
    log = pd.DataFrame(
        {
            "item": np.repeat(["a", "b"], 20),
            "participant": "1",
            "time": np.tile(np.arange(20) / 2, 2),
            "tension": rng.integers(1, 10, 40),
            "valence": rng.uniform(-1, 1, 40),
            "effort": rng.uniform(0, 300, 40).round(2),
        }
    )
    scale = {"tension": (1, 9), "valence": (-1, 1), "effort": (0, 300)}
    study = mv.from_frames(dynamics=log, dimensions=list(scale), scale=scale)
    path = tmp_path / f"s.{suffix}"
    if suffix == "zarr":
        stores.write_zarr(_old(study), path)
        (path / MANIFEST).unlink()
    else:
        stores.write_netcdf(_old(study), path)
        with h5py.File(path, "r+") as file:
            del file.attrs[SEAL]
    with pytest.warns(mv.UnsealedWarning):
        again = mv.open_dataset(path, chunks=chunks)
    assert again.attrs == study.attrs
    assert again.attrs["schema_version"] == "1.1"
    for name in scale:
        ours, theirs = again[f"annotations/{name}"], study[f"annotations/{name}"]
        assert ours.attrs == theirs.attrs
        np.testing.assert_array_equal(ours, theirs)
    mv.validate(again)

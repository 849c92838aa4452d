"""What `isel` takes twice stands twice, and is no study."""

from __future__ import annotations

import pytest
import xarray as xr

import muvistats as mv
from muvistats import DataError


@pytest.mark.parametrize(
    ("group", "name"), [("/annotations", "label"), ("/features/audio", "item")]
)
def test_a_name_that_stands_twice_is_refused(group, name):
    study = mv.simulate_muvi(rng=1, n_items=6, n_participants=9)
    parts = {node.path: node.to_dataset(inherit=False) for node in study.subtree}
    parts[group] = parts[group].isel({name: [0, 1, 1]})
    twice = xr.DataTree.from_dict(parts, name=study.name)
    twice.attrs = dict(study.attrs)
    for ask in (mv.label_frequencies, mv.annotation_frame):
        with pytest.raises(DataError, match=f"{group}, row 2: {name} stands twice"):
            ask(twice)

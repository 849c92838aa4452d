"""Properties of the data layer that hold for any study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muvistats import (
    annotation_frame,
    exclude,
    from_frames,
    open_dataset,
    resample,
    save_dataset,
    to_long,
)

MODALITIES = ("music", "visual")

quick = settings(max_examples=25, deadline=None)
with_files = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Annotations with labels and a note, and their recordings on a grid, ragged and with gaps."""
    cells = [(i, m, p) for i in ("a", "b", "c") for m in MODALITIES for p in ("1", "2", "10")]
    chosen = draw(st.lists(st.sampled_from(cells), min_size=1, max_size=8, unique=True))
    annotations = pd.DataFrame(chosen, columns=["item", "modality", "participant"])
    count = len(chosen)
    labels = st.lists(st.sampled_from([0, 1, None]), min_size=count, max_size=count)
    annotations["joy"] = pd.array(draw(labels), dtype="Int8")
    annotations["note"] = draw(
        st.lists(st.sampled_from(["x", "öß", None]), min_size=count, max_size=count)
    )
    rows = []
    for key in chosen:
        length = draw(st.integers(1, 5))
        values = draw(
            st.lists(
                st.one_of(st.none(), st.floats(1, 9, allow_nan=False)),
                min_size=length,
                max_size=length,
            )
        )
        rows += [(*key, 0.5 * step, value) for step, value in enumerate(values)]
    columns = ["item", "modality", "participant", "time", "valence"]
    return annotations, pd.DataFrame(rows, columns=columns).astype({"valence": "float64"})


def build(annotations: pd.DataFrame, dynamics: pd.DataFrame) -> xr.DataTree:
    return from_frames(
        annotations, dynamics=dynamics, labels=["joy"], scale=(1, 9), modalities=MODALITIES
    )


@quick
@given(tables(), st.randoms(use_true_random=False))
def test_row_order_does_not_matter(given_tables, random):
    annotations, dynamics = given_tables
    seed = random.randrange(2**32)
    shuffled = [frame.sample(frac=1, random_state=seed) for frame in (annotations, dynamics)]
    xr.testing.assert_identical(build(*shuffled), build(annotations, dynamics))


@quick
@given(tables(), st.permutations(["1", "2", "10"]), st.permutations(["a", "b", "c"]))
def test_relabelling_only_permutes(given_tables, people, items):
    annotations, dynamics = given_tables
    names = {"participant": dict(zip(["1", "2", "10"], people, strict=True))}
    names["item"] = dict(zip(["a", "b", "c"], items, strict=True))
    renamed = [
        frame.assign(**{key: frame[key].map(new) for key, new in names.items()})
        for frame in (annotations, dynamics)
    ]
    keys = ["item", "modality", "participant"]
    before = annotation_frame(build(annotations, dynamics))
    before = before.assign(**{key: before[key].map(new) for key, new in names.items()})
    after = annotation_frame(build(*renamed))
    pd.testing.assert_frame_equal(
        before.sort_values(keys, ignore_index=True), after.sort_values(keys, ignore_index=True)
    )


@pytest.mark.parametrize("suffix", [".zarr", ".nc"])
@with_files
@given(given_tables=tables(), number=st.integers(0, 7))
def test_save_and_open_is_the_identity(tmp_path, suffix, given_tables, number):
    study = build(*given_tables)
    mask = np.arange(study["annotations"].sizes["annotation"]) == number
    study = exclude(study, mask, reason="naïve", what="both")
    path = save_dataset(study, tmp_path / f"study{suffix}", overwrite=True)
    again = open_dataset(path)
    xr.testing.assert_identical(again, study)
    for node in study.subtree:
        for name, variable in node.to_dataset(inherit=False).variables.items():
            assert again[node.path].to_dataset()[name].dtype == variable.dtype


@quick
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
    st.floats(-1e3, 1e3),
    st.floats(1e-3, 1e3),
)
def test_ratings_stay_on_the_scale_on_which_they_were_recorded(shares, low, width):
    high = low + width
    recorded = np.clip(low + np.array(shares) * width, low, high)
    frame = pd.DataFrame({"item": "a", "participant": range(len(recorded)), "valence": recorded})
    study = from_frames(frame, scale=(low, high), modalities=("music",))
    stored = study["annotations/valence"]
    assert (stored.attrs["scale_min"], stored.attrs["scale_max"]) == (low, high)
    np.testing.assert_array_equal(stored, recorded)


@quick
@given(tables())
def test_long_table_rebuilds_the_dimensions(given_tables):
    annotations, dynamics = given_tables
    study = build(annotations, dynamics)
    table = to_long(study)
    if table.empty:
        return
    again = from_frames(
        annotations.drop(columns=["joy", "note"]),
        dynamics=table,
        modalities=MODALITIES,
        scale=(1, 9),
    )
    pd.testing.assert_frame_equal(to_long(again), table)


@quick
@given(
    st.lists(st.integers(-200, 4000), min_size=1, max_size=30, unique=True),
    st.sampled_from(["linear", "previous"]),
    st.floats(-5, 5),
)
def test_resampling_commutes_with_shifts_of_value_and_other_recordings(millis, method, shift):
    time = np.sort(np.array(millis)) / 1000
    log = pd.DataFrame({"participant": "1", "time": time, "v": np.sin(np.arange(len(time)))})
    alone = resample(log, method=method)
    other = log.assign(participant="2", time=log["time"] + 0.1, v=log["v"] + shift)
    mixed = pd.concat([other, log]).sort_values("time", kind="stable")
    both = resample(mixed, method=method)
    mine = both[both["participant"] == "1"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, alone)
    moved = resample(log.assign(v=log["v"] + shift), method=method)
    np.testing.assert_allclose(moved["v"], alone["v"] + shift, atol=1e-9)
    inside = alone["v"].dropna()
    assert inside.between(log["v"].min() - 1e-12, log["v"].max() + 1e-12).all()

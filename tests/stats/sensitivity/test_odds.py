"""Counts of labels that the log odds are made of."""

from __future__ import annotations

import numpy as np

import muvistats as mv
from muvistats.stats.sensitivity.odds import label_sums


def test_rows_that_lack_a_group_or_the_labels_are_counted_nowhere():
    frame = mv.annotation_frame(
        mv.simulate_muvi(rng=3, n_items=6, n_participants=9, features=False)
    )
    labels = [*frame.attrs["labels"], "n_labels"]
    frame["gender"] = frame["gender"].where(frame["participant"] != frame["participant"].iloc[0])
    frame.loc[frame.index[::7], labels] = np.nan
    frame.loc[frame.index[::5], "n_labels"] = np.nan
    found = label_sums(frame, "gender", labels, n_resamples=3, rng=0)
    known = frame[frame["n_labels"].notna()]
    for name in labels:
        expected = known.groupby("gender", observed=False)[name].sum()
        assert found.sums[name].shape == (4, len(found.groups))
        assert dict(zip(found.groups, found.sums[name][0], strict=True)) == expected.to_dict()

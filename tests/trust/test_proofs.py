"""A seeded sample of the long proofs of ``python -m proofs``."""

from __future__ import annotations

import pytest

from proofs.crash import crashes_of
from proofs.fuzz import TARGETS, run_inputs, tally_of

#: Inputs of each target: other ones each time the list grows, the same ones each run.
SAMPLE = {"validate": 40, "from_frames": 40, "read_muvi": 30, "open_dataset": 25, "importers": 40}


@pytest.mark.parametrize("target", SAMPLE)
def test_damaged_inputs_load_rightly_or_are_refused(target):
    last = TARGETS[target][1]  # the sample lies behind the inputs of the long run
    count, faults = tally_of(run_inputs(target, last, last + SAMPLE[target]))
    assert faults == []
    assert sum(count.values()) == SAMPLE[target]


@pytest.mark.parametrize(("job", "most"), [("table", 6), ("report_folder", 8), ("save_zarr", 3)])
def test_crashes_leave_the_old_or_the_new(job, most):
    tally = crashes_of(job, kills=1, most=most, seed=1)
    assert tally["faults"] == []
    assert sum(tally["stood"].values()) == most + 1

"""A seeded sample of the long proofs of ``python -m proofs``."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

import muvistats as mv
from proofs import load, mutants, resume
from proofs.__main__ import TALLIES
from proofs.crash import JOBS, crashes_of
from proofs.fuzz import TARGETS, run_inputs, tally_of

#: Inputs of each target: other ones each time the list grows, the same ones each run.
SAMPLE = {"validate": 40, "from_frames": 40, "read_muvi": 30, "open_dataset": 25, "importers": 40}


@pytest.mark.parametrize("target", SAMPLE)
def test_damaged_inputs_load_rightly_or_are_refused(target):
    last = TARGETS[target][1]  # the sample lies behind the inputs of the long run
    count, faults = tally_of(run_inputs(target, last, last + SAMPLE[target]))
    assert faults == []
    assert sum(count.values()) == SAMPLE[target]


@pytest.mark.parametrize("target", TARGETS)
def test_the_tally_of_a_fuzzer_is_whole_and_without_fault(target):
    tally = json.loads((TALLIES / f"fuzz_{target}.json").read_text())
    assert tally["version"] == mv.__version__
    assert tally["inputs"] == TARGETS[target][1] == sum(tally["outcomes"].values())
    assert tally["faults"] == []


@pytest.mark.parametrize(("job", "most"), [("table", 6), ("report_folder", 8), ("save_zarr", 3)])
def test_crashes_leave_the_old_or_the_new(job, most):
    *_, tally = crashes_of(job, kills=1, most=most, seed=1)
    assert tally["faults"] == []
    assert sum(tally["stood"].values()) == tally["done"] == tally["crash points"] + 1


def test_load_stays_within_its_limits():
    tallies = {p: json.loads((TALLIES / f"load_{p}.json").read_text()) for p in load.PARTS}
    assert {tally["version"] for tally in tallies.values()} == {mv.__version__}
    assert tallies["threads"]["threads"] == 8
    assert tallies["threads"]["faults"] == []
    assert tallies["many"]["studies"] == 200
    assert tallies["many"]["MiB at the end"] <= 1.02 * tallies["many"]["MiB after half"]
    large = tallies["large"]
    assert (large["annotations"], large["samples"]) == (100_000, 12_000_000)
    assert large["peak MiB"] * 1024**2 < 2e9
    assert sum(value for name, value in large.items() if name.startswith("seconds")) < 20 * 60


def test_a_sample_of_load():
    assert load.threads(2, rounds=1)["faults"] == []
    sizes = load.many(6)
    assert sizes["MiB at the end"] <= 1.05 * sizes["MiB after half"]


def test_a_job_that_was_cut_off_goes_on():
    *_, tally = resume.crashes_of("audio_features", kills=1, most=1, seed=2)
    assert tally["faults"] == []
    assert tally["done"] == 2


#: Jobs whose crashes have been tried to the end.
TRIED = [*JOBS, *resume.JOBS]


@pytest.mark.parametrize("job", TRIED)
def test_the_tally_of_crashes_is_whole_and_without_fault(job):
    kills = 50 if job in JOBS else 10
    tally = json.loads((TALLIES / f"crash_{job}.json").read_text())
    assert tally["version"] == mv.__version__
    assert tally["kills"] == kills
    assert tally["done"] == tally["crash points"] + kills
    assert tally["faults"] == []


@pytest.mark.parametrize("part", mutants.PARTS)
def test_mutants_are_drawn_from_every_file_and_differ_from_it(part):
    drawn = mutants.draw(part)
    assert len(set(drawn)) == mutants.PARTS[part][0]
    for mutant in drawn[::20]:
        tree = ast.parse((mutants.ROOT / "muvistats" / mutant.path).read_text())
        before = ast.unparse(tree)
        mutants.edits_of(tree)[mutant.place][2]()
        assert ast.unparse(tree) != before, mutant.name


def test_a_mutant_falls_in_a_function_and_at_import_and_survives_where_no_test_comes():
    code = """if True:
        from proofs.mutants import Mutant, edits_of, tree_of
        from proofs.trials import load_libraries, tried_on

        load_libraries()
        path = "kernels/scale.py"
        edits = [(n.lineno, words) for n, words, _ in edits_of(tree_of(path)[0])]
        drawn = [Mutant(path, place, *edit) for place, edit in enumerate(edits)]
        for mutant, word, _, _ in tried_on(["tests/kernels/test_scale.py"], drawn, 1):
            print(mutant.edit, word)
    """
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=mutants.ROOT, check=True
    )
    said = run.stdout.splitlines()
    assert {"1 to 2 killed", "1000 to 1001 killed", "0 to 1 survived"} <= set(said)


#: Parts whose mutants were all tried.
WHOLE = ["kernels_and_formula", "stats"]


@pytest.mark.parametrize("part", WHOLE)
def test_the_table_of_mutants_is_whole(part):
    rows = json.loads((TALLIES / f"mutants_{part}.json").read_text())["mutants"].values()
    assert len(rows) == mutants.PARTS[part][0]
    assert all(row["now"] != "survived" or row["equivalent"] for row in rows)


@pytest.mark.parametrize("part", mutants.PARTS)
def test_the_table_of_mutants_holds_those_that_are_drawn(part):
    """As far as it has come: its page says how many were tried and what is left."""
    tally = json.loads((TALLIES / f"mutants_{part}.json").read_text())
    rows = tally["mutants"]
    assert tally["seed"] == mutants.SEED
    assert {row["now"] for row in rows.values()} <= {"killed", "timeout", "survived"}
    assert sum(row["first"] != "survived" for row in rows.values()) == tally["fell at first"]
    assert sum(row["now"] != "survived" for row in rows.values()) == tally["fall now"]
    assert all(row["now"] == "survived" for row in rows.values() if "equivalent" in row)

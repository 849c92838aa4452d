"""Run a proof, ``python -m proofs fuzz|crash|load|mutants [PART]``, from where its tally stops."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

TALLIES = Path(__file__).parents[1] / "docs" / "proofs"

#: Mutants that change nothing that can be seen, and why.
EQUIVALENT = Path(__file__).with_name("equivalent.json")

#: Inputs after which the tally is written.
_BATCH = 100


def fuzz(names: list[str]) -> None:
    import muvistats as mv

    from .fuzz import TARGETS, run_inputs, tally_of

    unfinished = list(names or TARGETS)
    while unfinished:  # a batch of each in turn
        for name in tuple(unfinished):
            path = TALLIES / f"fuzz_{name}.json"
            tally = json.loads(path.read_text()) if path.exists() else {"inputs": 0, "seconds": 0}
            start, first = time.monotonic(), tally["inputs"]
            last = min(first + (_BATCH if name != "command_line" else 3), TARGETS[name][1])
            if first == last:
                unfinished.remove(name)
                continue
            count, faults = tally_of(run_inputs(name, first, last))
            total = Counter(tally.get("outcomes", {})) + count
            tally = {
                "version": mv.__version__,
                "inputs": last,
                "seconds": round(tally["seconds"] + time.monotonic() - start),
                "outcomes": dict(sorted(total.items())),
                "faults": [*tally.get("faults", []), *faults],
            }
            write(path, tally)
            print(name, last, dict(count), *faults, sep="\n  ", flush=True)


def crash(names: list[str]) -> None:
    from . import resume
    from .crash import JOBS, crashes_of

    for name in names or [*JOBS, *resume.JOBS]:
        path = TALLIES / f"crash_{name}.json"
        earlier = json.loads(path.read_text()) if path.exists() else None
        run = crashes_of if name in JOBS else resume.crashes_of
        for tally in run(name, tally=earlier):
            write(path, tally)
        print(name, path.read_text(), flush=True)


def load(names: list[str]) -> None:
    import muvistats as mv

    from .load import PARTS

    for name in names or PARTS:
        tally = {"version": mv.__version__, **PARTS[name]()}
        write(TALLIES / f"load_{name}.json", tally)
        print(name, json.dumps(tally), flush=True)


def mutants(names: list[str]) -> None:
    from .mutants import PARTS, SEED, digests, draw
    from .trials import load_libraries, outcomes

    load_libraries()
    reasons = json.loads(EQUIVALENT.read_text())
    for asked in names or PARTS:
        name, _, folder = asked.partition(":")  # one folder of a part: stats:stats/models
        path = TALLIES / f"mutants_{name}.json"
        tally = json.loads(path.read_text()) if path.exists() else {"files": {}, "mutants": {}}
        files, drawn = digests(name), draw(name)
        same = {m.name for m in drawn if tally["files"].get(m.path) == files[m.path]}
        rows = {mutant: row for mutant, row in tally["mutants"].items() if mutant in same}
        tally = {"seed": SEED, "files": files, "mutants": rows}
        for mutant, row in rows.items():
            _explain(mutant, row, reasons)
        # what has fallen stays so; what survived is tried again, unless it is equivalent
        left = [
            mutant
            for mutant in drawn
            if mutant.path.startswith(folder)
            and rows.get(mutant.name, {}).get("now", "survived") == "survived"
            and "equivalent" not in rows.get(mutant.name, {})
        ]
        for mutant, word, seconds, by in outcomes(left, jobs=len(os.sched_getaffinity(0))):
            row = rows.setdefault(mutant.name, {"first": word})
            row |= {"now": word, "seconds": round(seconds, 1)} | ({"by": by} if by else {})
            _explain(mutant.name, row, reasons)
            tally["fell at first"] = sum(row["first"] != "survived" for row in rows.values())
            tally["fall now"] = sum(row["now"] != "survived" for row in rows.values())
            write(path, tally)
            print(word, round(seconds, 1), mutant.name, by, flush=True)


def _explain(mutant: str, row: dict, reasons: dict[str, str]) -> None:
    if row["now"] == "survived" and mutant in reasons:
        row["equivalent"] = reasons[mutant]


def command(arguments: list[str]) -> None:
    from muvistats.cli import main

    main(arguments)


def write(path: Path, tally: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")  # a proof that is killed keeps what it has
    part.write_text(json.dumps(tally, indent=1, ensure_ascii=False) + "\n")
    part.replace(path)


if __name__ == "__main__":
    proofs = {"fuzz": fuzz, "crash": crash, "load": load, "mutants": mutants, "command": command}
    proofs[sys.argv[1]](sys.argv[2:])

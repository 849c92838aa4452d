"""Train the strict networks of Table 6 on the embedded study, to convergence, one after the other.

    python data/measure_networks.py MINUTES

trains until the table is whole or the time is up; call it again to go on. Seven configurations,
two targets, five folds and three seeds are 210 trainings; those of a fold follow each other, so
that what there is can be compared. ``muvistats/data/simulation/table_6.csv`` has a row for each
item that was tested, as `compare_architectures` gives it, and is its own store: what stands in it
is not trained again, but what was trained by another version of the package is. Linear models,
the lasso and the ridges of `linear_transfer`, stand beside the networks. Trainings are those of
``compare_architectures(simulate_muvi(), n_seeds=3)`` and share its cache, from which PAIR takes the
networks that it starts from; where that cache was cleared, they are trained anew.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import muvistats as mv
from muvistats.deep import linear_transfer
from muvistats.deep.comparison import run_rows
from muvistats.deep.linear import linear_rows
from muvistats.deep.models import Prepared, prepare
from muvistats.deep.windows import entering_items
from muvistats.files import cache_folder, whole_path

TABLE = Path(mv.__file__).parent / "data" / "simulation" / "table_6.csv"

SEEDS = 3

#: What tells a training from the others.
TRAINING = ["configuration", "modality", "features", "target", "fold", "seed"]

#: Columns of the table; the mean squared error is the square of `rmse`.
COLUMNS = [*TRAINING, "repeat", "item", "rmse", "ccc", "noise_ceiling", "n", "n_epochs"]


def linear(data: xr.DataTree, plan: Prepared) -> pd.DataFrame:
    """Scores of linear models at the steps that networks predict."""
    used = entering_items(plan.sequences, plan.protocol.window)
    scored = np.zeros(len(plan.inputs.x), dtype=bool)
    scored[plan.sequences.starts(used, plan.protocol.window) + plan.protocol.window] = True
    rows = linear_rows(
        plan.inputs,
        scored=scored,
        used=used,
        targets=plan.inputs.dimensions,
        protocol=plan.protocol,
        n_repeats=1,
        ceilings=plan.ceilings,
        n_jobs=1,
    )
    return pd.concat([pd.DataFrame(rows), linear_transfer(data)], ignore_index=True)


def in_order(plan: Prepared) -> list[tuple[object, object]]:
    """Trainings fold by fold, all configurations of a fold together, the first seed first."""
    return sorted(plan.planned, key=lambda each: (each[1].seed, each[1].fold, each[1].target))


def add(table: pd.DataFrame, rows: Sequence[dict[str, object]] | pd.DataFrame) -> pd.DataFrame:
    """The table with more rows, written whole."""
    more = pd.DataFrame(rows)[COLUMNS].assign(version=mv.__version__)
    both = pd.concat([table, more], ignore_index=True) if len(table) else more
    with whole_path(TABLE) as part:
        both.to_csv(part, index=False, float_format="%.5g", lineterminator="\n")
    return both


def main(minutes: float) -> None:
    """Go on with the table."""
    end = time.monotonic() + 60 * minutes
    table = pd.read_csv(TABLE) if TABLE.is_file() else pd.DataFrame(columns=[*COLUMNS, "version"])
    table = table[table["version"] == mv.__version__]
    data = mv.simulate_muvi()
    plan = prepare(
        data, dimension=None, configurations=None, protocol="strict", gold="ewe", n_seeds=SEEDS,
        n_repeats=1, rng=0, backend=None,
    )  # fmt: skip
    if table.empty:
        table = add(table, linear(data, plan))
    done = set(map(tuple, table[TRAINING].to_numpy().tolist()))
    for configuration, unit in in_order(plan):
        key = (
            configuration.name, unit.modality, unit.features, unit.target, unit.fold, unit.seed,
        )  # fmt: skip
        if key in done:
            continue
        if time.monotonic() > end:
            break
        begin = time.monotonic()
        models = plan.trained(
            [(configuration, unit)], cache_folder("networks"), n_jobs=1, progress=False
        )
        table = add(table, [row for run in models.runs for row in run_rows(models, run)])
        done.add(key)
        kept = models.runs[0].trained
        spent = time.monotonic() - begin
        print(f"{unit.words}, seed {unit.seed}: {kept.n_epochs} epochs, {spent:.0f} s", flush=True)
    trained = sum(seed > 0 for *_, seed in done)
    print(f"{trained} of {len(plan.planned)} trainings: {TABLE.name}")


if __name__ == "__main__":
    main(float(sys.argv[1]))

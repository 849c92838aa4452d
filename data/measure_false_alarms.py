"""Add studies to the grid of false alarms: ``python data/measure_false_alarms.py MINUTES [JOBS]``.

The table is its own store: a run goes on where the last one stopped, and what was counted with
another version of the package is counted anew. Take the rows of a test out of the table when its
method changes: they are counted anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

import muvistats as mv
from muvistats.files import whole_path
from muvistats.stats.simulations.grid import count_rejections

TABLE = Path(mv.__file__).parent / "data" / "simulation" / "grid.csv"


def keep(counts: pd.DataFrame) -> None:
    """Write the table whole."""
    with whole_path(TABLE) as part:
        counts.to_csv(part, index=False, lineterminator="\n")


if __name__ == "__main__":
    minutes, *jobs = map(float, sys.argv[1:])
    counts = pd.read_csv(TABLE, keep_default_na=False) if TABLE.exists() else pd.DataFrame()
    if len(counts):
        counts = counts[counts["version"] == mv.__version__]
    counts = count_rejections(
        counts,
        keep,
        seconds=60 * minutes,
        version=mv.__version__,
        n_jobs=int(jobs[0]) if jobs else 1,
    )
    print(counts.groupby("scenario", sort=False)["n_studies"].max().to_string())

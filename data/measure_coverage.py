"""Measure the coverage of every interval that the package prints, piece by piece.

    python data/measure_coverage.py --minutes 120 --studies 300

draws studies until there are 300 of each cell, and 1,000 where coverage lies outside .92 to .98, or
two hours are over; call it again to go on. What has been measured is written to
``muvistats/data/simulation/coverage.csv``. A change of the package's code begins anew.
"""

import argparse
from pathlib import Path

import muvistats as mv
from muvistats.files import cache_folder
from muvistats.stats.simulations.coverage import coverage, measure

TABLE = Path(mv.__file__).parent / "data" / "simulation" / "coverage.csv"

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--minutes", type=float, default=120)
parser.add_argument("--studies", type=int, default=300)
parser.add_argument("--folder", type=Path, default=cache_folder("coverage"))
given = parser.parse_args()

finished = measure(given.folder, given.studies, given.minutes)
table = coverage(given.folder).assign(version=mv.__version__)
part = TABLE.with_suffix(".part")
table.to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
part.replace(TABLE)
print(f"{len(table)} rows, {'finished' if finished else 'call again to go on'}: {TABLE.name}")

"""
The whole reanalysis
====================

The report as a script: every table of the paper that the data allows, as CSV, and one page that
sets them beside the printed values. ``python analyses/reanalysis.py [FOLDER] [OUT]``.
"""

# %%

import sys
import tempfile
from pathlib import Path

import pandas as pd

import muvistats as mv

source = sys.argv[1] if len(sys.argv) > 1 else None
out = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp()) / "report"
page = mv.write_report(source, out)
print(page.name, "with", len(list(page.parent.glob("tables/*.csv"))), "tables")

# %%
# Ours beside the printed values
# ------------------------------
# One row per table of the report: how many printed values agree. The rules stand in
# :func:`muvistats.compare_published`.

compared = {
    path.stem.removesuffix("-published"): pd.read_csv(path)
    for path in sorted(page.parent.glob("tables/*-published.csv"))
}
if compared:  # a study other than MuVi has no printed values
    rows = pd.concat(compared, names=["table"])
    by_table = [rows.index.get_level_values("table"), rows["alignment"]]
    verdicts = pd.crosstab(by_table, rows["verdict"], rownames=["table", "labels"])
    print(verdicts.to_string())

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

import muvistats as mv

source = sys.argv[1] if len(sys.argv) > 1 else None
out = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp()) / "report"
page = mv.write_report(source, out)
print(page.name, "with", len(list(page.parent.glob("tables/*.csv"))), "tables")

"""
False alarms and planning
=========================

How often does each test reject where there is nothing to find? The committed table answers it for
every test of the package. Make it again with ``python analyses/05_calibration.py --write JOBS``: it
takes the better part of an hour on two cores, and goes on where it was cut off. All data is
simulated; the table is the same whatever study you have.
"""

# %%
# The table
# ---------
# One row per scenario, test, and row of the test. ``independent`` is the test as published,
# ``design`` respects how the factor was assigned.

import sys
from pathlib import Path

import muvistats as mv

TABLE = Path(mv.__file__).parent / "data" / "simulation" / "false_alarms.csv"

if "--write" in sys.argv:
    jobs = int(sys.argv[sys.argv.index("--write") + 1])
    made = mv.calibration(n_sims=800, n_resamples=199, n_jobs=jobs)
    part = TABLE.with_suffix(".part")
    made.to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
    part.replace(TABLE)

table = mv.calibration_table()
one_test = table["label"].isna() | (table["label"] == "any")
columns = ["scenario", "test", "dimension", "dependence", "estimate", "verdict"]
print(table.loc[one_test, columns].to_string(index=False))

# %%
# Verdicts
# --------
# Limits that hold for all rows at once decide: *liberal* where they lie above 5%.

table.groupby(["dependence", "verdict"]).size().unstack(fill_value=0)

# %%
# Participant factors
# -------------------
# Gender has no effect here. Thirty ratings of one person are no thirty persons.

figure = mv.plot_calibration(table[table["scenario"] == "no_gender"])

# %%
# Everything
# ----------

whole = mv.plot_calibration(table)

# %%
# How many participants?
# ----------------------
# Half of the simulated effect of modality, in small studies; a plan of your own takes more
# simulations than these.

plan = mv.power_study(
    "kruskal_modality",
    n_participants=(12, 24),
    n_items=9,
    effect_multiplier=0.5,
    n_sims=20,
    n_resamples=99,
    cache=False,
)
power = mv.plot_power(plan)
columns = ["n_participants", "dimension", "dependence", "estimate", "participant_hours"]
print(plan[columns].to_string(index=False))

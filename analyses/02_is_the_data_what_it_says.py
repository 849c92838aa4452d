"""
Is the data what it says?
=========================

Do the labels of a row belong to the item of that row? The embedded study says yes. Then the same
study is shifted by one trial, as the released MuVi files are, and the check finds it. On a MuVi
folder: ``python analyses/02_is_the_data_what_it_says.py FOLDER``.
"""

# %%
# The check on the study
# ----------------------

import sys
import tempfile
import warnings
from pathlib import Path

import muvistats as mv

if len(sys.argv) > 1:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mv.AlignmentWarning)
        study = mv.load_study(sys.argv[1])
else:
    study = mv.simulate_muvi(features=False)
check = mv.label_alignment_check(study, rng=1)
shown = ["variable", "lag", "estimate", "statistic", "p_adjusted", "best"]
print(check.loc[check["lag"].abs() <= 1, shown].to_string(index=False))

# %%

figure = mv.plot_label_alignment(check)

# %%
# A shifted study
# ---------------
# :func:`muvistats.write_muvi` writes the released layout, with its faults.

with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
    warnings.simplefilter("ignore", mv.AlignmentWarning)
    released_layout = Path(folder) / "muvi"
    mv.write_muvi(mv.simulate_muvi(features=False), released_layout)
    shifted = mv.read_muvi(released_layout)
    repaired = mv.read_muvi(released_layout, label_alignment="corrected")

shifted_check = mv.label_alignment_check(shifted, rng=1)
print(shifted_check.loc[shifted_check["best"], shown].to_string(index=False))
figure = mv.plot_label_alignment(shifted_check)

# %%
# What the shift hides
# --------------------

for reading in (shifted, repaired):
    row = mv.chisquare_labels(reading, by="modality").iloc[0]
    print(f"{row['alignment']:10s} chi-square = {row['statistic']:.1f}, p = {row['p_value']:.3g}")

# %%
# Raters
# ------

# Outliers among the participants, and who was given whose list of trials.

outliers = mv.rater_quality(study).query("outlier")
print(outliers[["participant", "quantity", "dimension", "estimate"]].to_string(index=False))

# %%

repeated = mv.repeated_lists(study)[["participant", "repeats", "n"]]
print(repeated.to_string(index=False) if len(repeated) else "nobody got another's list")

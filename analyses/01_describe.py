"""
Describe a study
================

Who rated what, how often, and what the ratings look like. Run it on the embedded simulated study,
or on a MuVi folder: ``python analyses/01_describe.py FOLDER``.
"""

# %%
# The study
# ---------
# Without a folder this is simulated data with the layout of MuVi.

import sys

import muvistats as mv

if len(sys.argv) > 1:
    study = mv.load_study(sys.argv[1], label_alignment="corrected")
else:
    study = mv.simulate_muvi(features=False)
study

# %%
# What the paper excludes
# -----------------------
# Its rules need the cursor over time, which the public part of MuVi lacks. An annotation that is
# excluded stays in the study, masked.

has_dynamics = "time" in study["annotations"].dims
if has_dynamics:
    study = mv.released_exclusions(study)
excluded = study["exclusions"].to_dataset().to_dataframe()
print(excluded[["mask", "reason"]].value_counts(sort=False).to_string())

# %%
# People and design
# -----------------

people = mv.describe_participants(study)
people = people[people["variable"].isin(["participant", "age", "gender", "years_of_training"])]
print(people[["variable", "level", "count", "share", "mean", "sd"]].to_string(index=False))

# %%

design = mv.describe_design(study)
wanted = ["variable", "modality", "count", "mean", "minimum", "maximum"]
print(design.loc[design["level"].isna(), wanted].to_string(index=False))

# %%
# Rated dimensions
# ----------------

if has_dynamics:
    ratings = mv.describe_annotations(study)
    print(ratings[["dimension", "modality", "mean", "median", "sd", "n"]].to_string(index=False))
    figure = mv.plot_dimension_distributions(study)
else:
    print("no ratings over time in this study")

# %%
# Labels
# ------

labels = mv.label_frequencies(study, level="summary")
print(labels[["quantity", "modality", "count", "mean", "sd"]].to_string(index=False))

# %%

figure = mv.plot_label_frequencies(mv.label_frequencies(study))

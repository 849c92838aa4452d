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
study = mv.released_exclusions(study)
study

# %%
# People and design
# -----------------

mv.describe_participants(study)

# %%

mv.describe_design(study)

# %%
# Rated dimensions
# ----------------
# They need the dynamic annotations, which the public part of MuVi that is at hand does not hold.

has_dynamics = "arousal" in study["annotations"]
mv.describe_annotations(study) if has_dynamics else "no dynamic annotations in this study"

# %%

figure = mv.plot_dimension_distributions(study) if has_dynamics else None
figure

# %%
# Labels
# ------

mv.label_frequencies(study, level="summary")

# %%

mv.plot_label_frequencies(mv.label_frequencies(study))

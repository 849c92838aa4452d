"""
Mixed models
============

Do modality, gender, training and familiarity matter, when participants and items have effects of
their own? Run it on the embedded simulated study, or on a MuVi folder:
``python analyses/03_mixed_models.py FOLDER``.
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

# %%
# How many labels are chosen
# --------------------------
# One row per annotation; participants and items are crossed random factors.

fit = mv.demographic_model(study, dimension="n_labels")
fit.tidy()

# %%
# Type III tests of the terms, and the fit in one row.

fit.anova()

# %%

fit.glance()

# %%
# People differ far more than items do.

fit.variance_components()

# %%

fit.icc()

# %%
# Marginal means
# --------------
# Predictions with every cell of the design at the same weight, and their differences.

fit.emmeans("modality")

# %%

fit.contrasts("modality", adjust="tukey")

# %%
# Does familiarity work alike on everybody?
# -----------------------------------------
# A random slope lets its effect differ between participants. The p-value of a variance is too
# large, since zero is the edge of what a variance can be.

crossed = "(1 | participant) + (1 | item)"
same = mv.mixed_model(study, f"n_labels ~ familiar + {crossed}")
own = mv.mixed_model(study, "n_labels ~ familiar + (familiar | participant) + (1 | item)")
same.compare(own)

# %%
# Each label
# ----------
# A logistic mixed model per label, p-values adjusted over the labels.

labels = mv.label_models(study, adjust="holm")
print(labels[labels["p_adjusted"] < 0.05][["label", "term", "estimate", "p_adjusted"]])

# %%
# Rated dimensions
# ----------------
# They need the dynamic annotations.

if "arousal" in study["annotations"]:
    arousal = mv.demographic_model(study, dimension="arousal")
    print(arousal.anova()[["term", "statistic", "df", "df_denom", "p_value"]])
    print(arousal.r2()[["r2_marginal", "r2_conditional"]])

"""
Features that predict emotion
=============================

Can the sound and the picture of an item tell how people rate it over time, and which features
does the prediction rest on? Run it on a small simulated study, or on a MuVi folder:
``python analyses/04_features_that_predict.py FOLDER``.
"""

# %%
# The study
# ---------
# Without a folder this is simulated data; a signal is planted in some families of features.

import sys

import muvistats as mv

if len(sys.argv) > 1:
    study = mv.load_study(sys.argv[1], label_alignment="corrected")
else:
    study = mv.simulate_muvi(rng=2, n_items=40, n_participants=30)

# %%
# Ratings over time and features of the items are both needed.

kinds = [kind for kind in ("audio", "visual") if f"/features/{kind}" in study.groups]
if "arousal" not in study["annotations"] or not kinds:
    print("no ratings over time, or no features: nothing to predict")
    sys.exit()
study = mv.released_exclusions(study)

# %%
# The models
# ----------
# Each half second is a row. Every item is predicted by a model that has never seen it, and the
# penalty is chosen by folds of whole items, too.

models = mv.feature_models(study)
models

# %%
# Error and concordance over held-out items, with the ceiling that noisy raters leave.

table = mv.lasso_models(models)
columns = ["modality", "features", "target", "metric", "mean", "sd", "noise_ceiling", "n_items"]
print(table[columns].to_string(index=False))

# %%
# Raters, their weighted estimator and the prediction, for the item in the middle.

mv.plot_model_trajectory(models)

# %%
# As good as a person?
# --------------------
# The paper's test takes annotations as independent; the paired form compares item by item.

human = mv.compare_with_human(models, dimension="arousal")
columns = ["modality", "features", "dependence", "estimate", "conf_low", "conf_high", "p_value"]
print(human[columns].to_string(index=False))

# %%
# Which features?
# ---------------
# Families by their largest coefficient, averaged over folds.

families = mv.rank_features(models, level="family")
columns = ["modality", "features", "target", "family", "rank", "share"]
print(families.loc[families["rank"] <= 3, columns].to_string(index=False))

# %%

mv.plot_feature_ranks(mv.rank_features(models, sets=[("visual", "visual")]))

# %%
# What is lost without a family, with an interval over items.

lost = mv.family_importance(models, sets=[("visual", "visual")], dimension="arousal")
lost[lost["metric"] == "ccc"][["family", "estimate", "conf_low", "conf_high"]]

# %%
# Is sound for arousal and the picture for valence?
# -------------------------------------------------
# (CCC by sound less CCC by picture) for arousal, less the same for valence.

if len(kinds) == 2:
    contrast = mv.audio_visual_contrast(models, dependence="independent")
    print(contrast[["target", "estimate", "conf_low", "conf_high", "p_value"]])

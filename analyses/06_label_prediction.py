"""
Which labels can the sound tell?
================================

If labels stand beside the item that they were given to, features of that item should predict
them. On the released files that is not so until the labels are moved by one trial. Run it on the
embedded simulated study, or on a MuVi folder:
``python analyses/06_label_prediction.py FOLDER``.
"""

# %%
# The study, as read and with the labels moved
# --------------------------------------------
# Without a folder this is simulated data, whose labels stand where they belong: one reading is
# enough.

import sys
import warnings

import muvistats as mv

warnings.simplefilter("ignore", mv.AlignmentWarning)
if len(sys.argv) > 1:
    readings = {
        name: mv.load_study(sys.argv[1], label_alignment=name) for name in ("released", "corrected")
    }
else:
    readings = {"corrected": mv.simulate_muvi()}

# %%
# All labels together
# -------------------
# The mean correlation over labels, and whether it is more than chance allows. Without any signal
# it lies below 0, since each fold predicts around the mean of the other items.

n_folds = min(5, len(next(iter(readings.values()))["items/item"]))
for name, study in readings.items():
    together = mv.label_prediction(study, level="modality", n_folds=n_folds, n_resamples=99)
    print(name)
    print(together[["modality", "estimate", "p_value", "n"]].round(3).to_string(index=False))

# %%
# Label by label
# --------------
# `p_adjusted` compares each label with the best of all labels under exchange of the items.

study = readings["corrected"]
labels = mv.label_prediction(study, level="label", n_folds=n_folds, n_resamples=99)
best = labels.sort_values("estimate", ascending=False).head(8)
print(best[["label", "modality", "estimate", "p_adjusted", "noise_ceiling"]].round(3).to_string())

# %%
# A filled point stands where the adjusted p is below .05; the tick is what the true shares would
# reach with so few raters.

mv.plot_label_prediction(labels)

"""
What modality does, second by second
====================================

The paper takes the median of each annotation and compares the modalities once. Here they are
compared at each half second, corrected for looking so often. Run it on the embedded simulated
study, or on a MuVi folder: ``python analyses/09_second_by_second.py FOLDER``.
"""

# %%
# The study
# ---------
# Every cursor begins at the centre. Its way to its first place is no course of a feeling, so the
# first five seconds are cut off.

import sys
import warnings

import muvistats as mv

warnings.simplefilter("ignore", mv.AlignmentWarning)
study = mv.load_study(sys.argv[1]) if len(sys.argv) > 1 else mv.simulate_muvi(features=False)
study = mv.truncate(study, start=5)
shown = ["dimension", "start", "end", "mass", "p_value", "effect_size", "conf_low", "conf_high"]

# %%
# Whether the modalities differ, and when
# ---------------------------------------
# A row for each cluster of neighbouring steps. The p-value is of the cluster as a whole; where it
# begins and ends is no finding.

for dimension in ("arousal", "valence"):
    clusters = mv.over_time(study, f"{dimension} ~ modality", n_resamples=499)
    print(clusters[shown].round(3).to_string(index=False))
    for reason in clusters["warning"].dropna().unique():
        print(reason)

# %%
# Which of them differ
# --------------------
# With two levels the effect is their mean difference over the cluster, on the scale of the ratings.

for pair in (("visual", "music"), ("audiovisual", "music"), ("audiovisual", "visual")):
    clusters = mv.over_time(study, "arousal ~ modality", groups=pair, n_resamples=499)
    print(" less ".join(pair))
    print(clusters[shown].round(3).to_string(index=False))

# %%
# Trajectories of the modalities. Bands are intervals of single steps; significant clusters are
# shaded.

courses = mv.over_time(study, "arousal ~ modality", level="group", n_resamples=499)
mv.plot_over_time(courses)

# %%
# A model of the course
# ---------------------
# Smooth courses of the modalities, residuals that are correlated within annotations. The pale band
# of the difference holds at all times at once.

formula = (
    "arousal ~ modality * cr(time, df=4)"
    " + (1 | participant) + (1 | item) + (1 | item:modality:participant)"
)
fit = mv.mixed_model(study, formula, correlation="ar1")
print(fit.glance()[["n", "rho", "rho_low", "rho_high", "sigma"]].round(3).to_string(index=False))
tests = ["term", "statistic", "df", "df_denom", "p_value"]
print(fit.anova()[tests].round(3).to_string(index=False))
mv.plot_trajectories(fit.trajectories("modality", groups=("audiovisual", "music")))

# %%
# Is it the level, or the change?
# -------------------------------
# The same question asked of how fast arousal rises or falls over two seconds.

moving = mv.rates_of_change(study, window=2, dimension="arousal")
clusters = mv.over_time(moving, "arousal_rate ~ modality", n_resamples=499)
print(clusters[shown].round(3).to_string(index=False))

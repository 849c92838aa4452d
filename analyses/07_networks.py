"""
Networks: is a transfer found, and only where it is?
====================================================

Three committed tables about the networks of Table 6, all from simulated studies. Make the first
two again with ``python analyses/07_networks.py --write transfer --studies N`` (N simulated studies
of each kind, a quarter of a minute each on two cores) and ``--write settings``; go on with the last
one by ``python data/measure_networks.py MINUTES``. All go on where they were cut off. Only that
needs the extra ``deep``.
"""

# %%
# Making the tables
# -----------------
# Small networks: what is tested here is the comparison, not the size. The backend is the one that
# ``KERAS_BACKEND`` names, else TensorFlow; torch is quicker with networks of this size.

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd

import muvistats as mv
import muvistats.deep as networks

FOLDER = Path(mv.__file__).parent / "data" / "simulation"


def keep(frame: pd.DataFrame, name: str) -> None:
    """Write a table whole."""
    part = FOLDER / f"{name}.part"
    frame.to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
    part.replace(FOLDER / f"{name}.csv")


small = {"units": (32, 32), "dense_units": 32, "learning_rate": 1e-3, "max_epochs": 15}

if __name__ == "__main__" and "--write" in sys.argv:
    asked = argparse.ArgumentParser()
    asked.add_argument("--write", choices=["transfer", "settings"], required=True)
    asked.add_argument("--studies", type=int, default=20, help="simulated studies of each kind")
    wanted = asked.parse_args()
    if wanted.write == "transfer":
        keep(networks.transfer_recovery(n_sims=wanted.studies), "transfer")
    else:
        released = replace(networks.PROTOCOLS["released"], **small | {"units": (32, 16)})
        effects = networks.protocol_effects(
            mv.simulate_muvi(rng=1, n_items=40, n_participants=24),
            protocol=replace(networks.PROTOCOLS["strict"], name="strict, small", **small),
            other=replace(released, name="released, small"),
            dimension=["arousal"],
            n_seeds=2,
        )
        keep(effects, "protocol_settings")

# %%
# A transfer that is there
# ------------------------
# Isolated ratings that say much, audiovisual ratings that say little. PAIR is compared with late
# fusion and with the control whose branches were pretrained on audiovisual ratings for as many
# steps. ``mean`` is the mean difference over studies, ``estimate`` the share of studies in which a
# test finds it at 5%.

transfer = pd.read_csv(FOLDER / "transfer.csv")
columns = ["group1", "group2", "metric", "method", "mean", "estimate", "conf_low", "conf_high", "n"]
print(transfer.loc[transfer["scenario"] == "transfer", columns].to_string(index=False))

# %%
# One that is not
# ---------------
# Two PAIR arms whose pretraining saw the ratings of other items. Every rejection is a false alarm:
# the paired tests over items take networks as given, and two trainings do differ on the items of a
# fold. What this rate is, the table says.

print(transfer.loc[transfer["scenario"] == "permuted", columns].to_string(index=False))

# %%
# What each setting does
# ----------------------
# The strict protocol with one setting changed to that of the released scripts, then with all.

settings = pd.read_csv(FOLDER / "protocol_settings.csv")
rows = settings["configuration"] == "pair"
columns = ["setting", "value", "metric", "mean", "change", "std_error", "n"]
print(settings.loc[rows, columns].to_string(index=False))

# %%
# Table 6 at full length
# ----------------------
# The strict protocol on the embedded study, each network trained until the loss of items that it
# does not learn from has stopped falling: seven configurations, two targets, five folds, three
# seeds. A fold counts once all seven are trained for it; linear models stand beside them on the
# same folds (on all where none is whole), the lasso of Table 4 and three ridge regressions, of
# which ``ridge_pair`` is PAIR without a network.

table = pd.read_csv(FOLDER / "table_6.csv").assign(mse=lambda rows: rows["rmse"] ** 2)
fold, network = ["target", "fold"], ["configuration", "modality", "features"]
trained = table.loc[table["seed"] > 0, [*network, *fold, "seed"]].drop_duplicates()
print(f"{len(trained)} of 210 trainings, version {table['version'].iloc[0]}")

whole = trained.groupby([*fold, "seed"], as_index=False).size().query("size == 7")
linear = table[table["seed"] == 0]
if len(whole):
    linear = linear.merge(whole[fold].drop_duplicates())
known = pd.concat([table.merge(whole[[*fold, "seed"]]), linear], ignore_index=True)
print(f"{len(whole)} of 30 folds of both targets and three seeds are whole")

# %%
# Means over the items of these folds.

shown = networks.summarise(known)
shown = shown[shown["metric"] != "mse"].set_index([*network, "target", "metric"])
print(shown[["mean", "sd", "noise_ceiling", "n_items"]].to_string(float_format="%.3f"))

# %%
# Does PAIR predict better than networks without transfer, and does transfer need a network? The
# paired t test, which knows nothing of folds, and the corrected one, which does; the paper has the
# first.

found = networks.paired_tests(known).set_index(["target", "group1", "group2", "metric"])
found = found[found["method"].str.contains("t test")]
columns = ["estimate", "conf_low", "conf_high", "p_value", "n_items", "dependence"]
print(found[columns].sort_index().to_string(float_format="%.3f"))

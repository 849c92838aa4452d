"""
Networks: is a transfer found, and only where it is?
====================================================

Two committed tables about the networks of Table 6, both from simulated studies. Make them again
with ``python analyses/07_networks.py --write transfer --studies N`` (N simulated studies of each
kind, a quarter of a minute each on two cores) and ``--write settings``; both go on where they were
cut off. Only that needs the extra ``deep``.
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

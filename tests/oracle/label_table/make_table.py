"""Write `labels.csv`, a small simulated table of labels: ``python make_table.py``.

12 participants rate 8 of 10 items each in one of three modalities and choose among five labels;
participants differ in the labels that they like and in how many they choose. Nothing in it is
real.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

LABELS = ["sad", "energetic", "calm", "tense", "joyful"]


def main() -> None:
    rng = np.random.default_rng(20)
    liking = rng.normal(size=(12, len(LABELS)))
    pull = rng.normal(size=(10, len(LABELS)))
    rows = []
    for person in range(12):
        for item in np.sort(rng.permutation(10)[:8]):
            modality = int(rng.integers(3))
            chance = 1 / (1 + np.exp(0.8 - liking[person] - 0.7 * pull[item] - 0.2 * modality))
            chosen = (rng.random(len(LABELS)) < chance).astype(int)
            chosen[rng.integers(len(LABELS))] |= not chosen.any()
            rows.append([person, item, "mva"[modality], "fm"[person % 3 > 0], *chosen])
    columns = ["participant", "item", "modality", "gender", *LABELS]
    table = pd.DataFrame(rows, columns=columns)
    table.to_csv(Path(__file__).parent / "labels.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()

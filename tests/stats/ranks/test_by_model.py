"""The mixed model of the rank tests beside the one of a formula."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from muvistats import mixed_model
from muvistats.stats.ranks.by_model import Modelled, model_pair


def test_one_item_in_two_modalities_is_enough_for_effects_of_both_together():
    """Ratings of an item in a modality have an effect in common, once the two are not the same."""
    rng = np.random.default_rng(3)
    rows = [(p, i, m) for p in range(9) for i in range(8) for m in range(2 if i == 0 else 1)]
    frame = pd.DataFrame(rows, columns=["participant", "item", "modality"])
    frame["overlay"] = rng.permutation(np.arange(len(frame)) % 2)
    frame["cell"] = frame["item"] + 8 * frame["modality"]
    codes = frame[["participant", "item", "cell", "overlay"]].to_numpy().T
    sds = zip((1.0, 1.0, 2.0), (9, 8, 9), codes[:3], strict=True)
    frame["y"] = rng.normal(size=len(frame)) + sum(
        sd * rng.normal(size=n)[code] for sd, n, code in sds
    )
    row, _ = model_pair(
        Modelled(frame["y"].to_numpy(), codes[3], 2, (codes[0], codes[1]), also=(codes[2],)),
        "two-sided",
    )
    effects = "(0 + C(overlay) | participant) + (0 + C(overlay) | item) + (1 | cell)"
    fit = mixed_model(frame, f"y ~ C(overlay) + {effects}")
    term = fit.tidy().set_index("term").loc["C(overlay)[T.1]"]
    for name, expected in (("statistic", -term["statistic"]), ("df", term["df"])):
        assert row[name] == pytest.approx(expected, rel=1e-4)

"""Measure how often `dominance_over_time` finds a picture that takes over, study by study.

    python data/measure_dominance.py --minutes 10 --studies 200

draws studies until there are 200 of each cell or ten minutes are over; call it again to go on. A
row of ``muvistats/data/simulation/dominance.csv`` is a study: its cell, its seed, and for each
half of the excerpt the share of the music in valence less that of the picture, with its adjusted p.
In cell ``planted`` music and picture weigh the same up to 30 s and the picture .9 after it; in cell
``null`` they weigh the same all along.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import xarray as xr

import muvistats as mv

TABLE = Path(mv.__file__).parent / "data" / "simulation" / "dominance.csv"

#: Seconds at which the picture takes over, and weights of the sound before and after.
TURN, EVEN, LATER = 30.0, 0.5, 0.1

#: Seconds of a window: two of them, the second wholly after the turn.
WINDOW = 27.5


def weighted(seed: int, sound: float, **size: int) -> xr.DataTree:
    """A simulated study in whose audiovisual valence the sound has this weight."""
    settings = mv.SimulationSettings()
    settings = replace(settings, valence=replace(settings.valence, sound_weight=sound))
    return mv.simulate_muvi(rng=seed, features=False, settings=settings, **size)


def drawn(seed: int, **size: int) -> dict[str, xr.DataTree]:
    """A study of each cell; they differ in the audiovisual valence after the turn only."""
    even = weighted(seed, EVEN, **size)
    later = weighted(seed, LATER, **size)["annotations/valence"]
    planted = even.copy()
    valence = even["annotations/valence"]
    planted["annotations/valence"] = valence.where(valence["time"] < TURN, later)
    return {"null": even, "planted": planted}


def measured(study: xr.DataTree, cell: str, seed: int) -> dict[str, object]:
    """What is found in one study: the difference of the shares in each half, and adjusted p."""
    found = mv.dominance_over_time(study, dimension="valence", window=WINDOW, n_resamples=300)
    first, second = found[found["quantity"] == "share_difference"].to_dict("records")
    return {
        "cell": cell,
        "seed": seed,
        "difference_first": first["estimate"],
        "p_first": first["p_adjusted"],
        "difference_second": second["estimate"],
        "p_second": second["p_adjusted"],
        "version": mv.__version__,
    }


def main() -> None:
    """Go on with the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--studies", type=int, default=200)
    given = parser.parse_args()
    table = pd.read_csv(TABLE) if TABLE.is_file() else pd.DataFrame(columns=["cell", "seed"])
    end = time.monotonic() + 60 * given.minutes
    for seed in sorted(set(range(given.studies)) - set(table["seed"])):
        if time.monotonic() > end:
            break
        rows = [measured(study, cell, seed) for cell, study in drawn(seed).items()]
        table = pd.concat([table, pd.DataFrame(rows)], ignore_index=True)
        part = TABLE.with_suffix(".part")
        table.to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
        part.replace(TABLE)
    print(f"{len(table)} of {2 * given.studies} studies: {TABLE.name}")


if __name__ == "__main__":
    main()

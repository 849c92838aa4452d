"""Measure how close each gold standard comes to the truth of simulated studies, study by study.

    python data/measure_gold.py --minutes 10 --studies 4

draws studies until there are 4 of each cell or ten minutes are over; call it again to go on. A row
of ``muvistats/data/simulation/gold_standards.csv`` is a method in a study of 12 items: raters of an
item in a modality, standard deviation of the raters' delays in s, share of raters who are
unreliable (their trajectories are those of other items that they rated), and the seed. Scores are
means over items, modalities and both dimensions; the first 5 s, in which cursors leave the centre,
are cut. ``rmse`` and ``ccc`` compare with the truth moved by the mean delay of all raters,
which nobody can tell from ratings; ``rmse_now`` and ``ccc_now`` with the truth as it is.
``seconds`` is processor time for the study. Needs the extra dtw.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import muvistats as mv

TABLE = Path(mv.__file__).parent / "data" / "simulation" / "gold_standards.csv"

METHODS = ("mean", "median", "ewe", "ewe_aligned", "dtw", "latent")
RATERS, LAG_SD, UNRELIABLE = (3, 6, 12), (0.1, 0.7, 2.0), (0.0, 0.25)

#: Time steps at the beginning that are cut, and steps of the raters' mean delay.
CUT, LATE = 10, 4


def drawn(raters: int, lag_sd: float, unreliable: float, seed: int) -> xr.DataTree:
    """A study of a cell, without its first seconds."""
    settings = replace(mv.SimulationSettings(), lag_sd=lag_sd, lag_mean=0.5 * LATE)
    study = mv.simulate_muvi(
        rng=seed,
        n_items=12,
        n_participants=3 * raters,  # everybody rates every item, in one of three modalities
        raters_per_cell=raters,
        features=False,
        settings=settings,
    )
    annotations = study["annotations"].to_dataset()
    people = annotations["participant"].to_numpy()
    names = np.unique(people)
    chosen = np.random.default_rng(seed).permutation(names)[: round(unreliable * len(names))]
    order = np.arange(len(people))
    for name in chosen:
        rows = np.flatnonzero(people == name)
        order[rows] = np.roll(rows, 1)
    for name in ("arousal", "valence"):
        annotations[name] = annotations[name].copy(data=annotations[name].to_numpy()[order])
    parts = {node.path: node.to_dataset(inherit=False) for node in study.subtree}
    parts["/annotations"] = annotations.isel(time=slice(CUT, None))
    cut = xr.DataTree.from_dict(parts, name=study.name)
    cut.attrs = dict(study.attrs)
    return cut


def scored(study: xr.DataTree) -> Iterator[dict[str, object]]:
    """Scores of each method, over the time steps that all of them have."""
    truth = study["truth/trajectory"].transpose("dimension", "item", "modality", "time").to_numpy()
    found, seconds = {}, {}
    for method in METHODS:
        begun = time.process_time()
        gold = mv.gold_standard(study, method=method)["gold_standard"]
        seconds[method] = time.process_time() - begun
        found[method] = gold.transpose("dimension", "item", "modality", "time").to_numpy()
    missing = np.logical_or.reduce([np.isnan(each) for each in found.values()])
    for method, gold in found.items():
        row: dict[str, object] = {"method": method}
        for suffix, late in (("", LATE), ("_now", 0)):
            there = np.where(missing, np.nan, truth[..., CUT - late : truth.shape[-1] - late])
            mse = np.nanmean(np.where(missing, np.nan, gold - there) ** 2, axis=-1)
            row[f"rmse{suffix}"] = np.sqrt(mse).mean()
            row[f"ccc{suffix}"] = np.nanmean(mv.ccc(there, gold))
        yield row | {"seconds": seconds[method], "version": mv.__version__}


def main() -> None:
    """Go on with the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--studies", type=int, default=4)
    given = parser.parse_args()
    keys = ["raters", "lag_sd", "unreliable", "seed"]
    table = pd.read_csv(TABLE) if TABLE.is_file() else pd.DataFrame(columns=keys)
    done = set(table[keys].itertuples(index=False, name=None))
    end = time.monotonic() + 60 * given.minutes
    for seed, *cell in product(range(given.studies), RATERS, LAG_SD, UNRELIABLE):
        if (*cell, seed) in done or time.monotonic() > end:
            continue
        key = dict(zip(keys, (*cell, seed), strict=True))
        rows = [key | row for row in scored(drawn(*cell, seed))]
        table = pd.concat([table, pd.DataFrame(rows)], ignore_index=True)
        part = TABLE.with_suffix(".part")
        table.to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
        part.replace(TABLE)
    print(f"{len(table) // len(METHODS)} studies: {TABLE.name}")


if __name__ == "__main__":
    main()

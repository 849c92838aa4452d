"""Set the printed values of Tables 4, 5 and 7 beside studies drawn by the simulation.

    python data/measure_tables.py --minutes 30 --seeds 50

draws studies (seeds 1, 2, ...) until there are enough or the time is over; call it again to go on,
or beside itself with ``--first``. What has been drawn is written to
``muvistats/data/simulation/tables.csv``, under the name of ``--state``; rows of other states stay.
A change of the simulation or of the models begins anew. ``--keep STATE`` makes of the rows of the
present state those of another one, before something is changed.

A printed value is ``inside`` when it lies in the central 95% of the draws. ``constant`` is what an
RMSE would be if every item were predicted by the mean of the training items.

How the settings of the features were chosen (`FeatureSettings`, `SIGNAL_FAMILIES`). By hand, in a
dozen steps of 5 to 10 draws each: `r`, `course` and `other` of each kind and dimension until the
mean of the draws was less than two standard deviations from the printed scores of Table 4 wherever
it could be; then the strengths of the families until the printed ranks of Table 7 were among those
drawn. The ratings were left as they were.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import muvistats as mv
from muvistats.files import cache_folder, load_arrays, whole_path, write_arrays
from muvistats.stats.prediction.models import FeatureModels
from muvistats.stats.simulations.draws import code_key

TABLE = Path(mv.__file__).parent / "data" / "simulation" / "tables.csv"
KEYS = ("section", "modality", "target", "dimension", "features", "family", "metric", "quantity")

#: What the draws depend on.
_CODE = ("kernels", "dataset", "stats/agreement", "stats/prediction")

#: Limits of the central 95%.
_CENTRAL = (0.025, 0.975)


def constant_errors(models: FeatureModels) -> pd.DataFrame:
    """RMSE of predicting each item by the mean of the training items, as `lasso_models` has it."""
    rows = []
    for fit in models.fits:
        inputs = models.inputs
        gold = inputs.gold[
            inputs.dimensions.index(fit.target), inputs.modalities.index(fit.modality)
        ]
        of_item = np.full(len(inputs.items), -1)
        of_item[fit.items] = fit.fold
        error = np.full(len(inputs.items), np.nan)
        for number in range(models.plan.n_folds):
            mean = gold[(of_item[inputs.item] != number) & (of_item[inputs.item] >= 0)].mean()
            for item in np.flatnonzero(of_item == number):
                error[item] = np.sqrt(np.mean((gold[inputs.item == item] - mean) ** 2))
        there = error[~np.isnan(error)]
        spread = {"mean": there.mean(), "sd": there.std(ddof=1)}
        rows.append({**models.keys(fit), "metric": "rmse", **spread})
    return pd.DataFrame(rows)


def measured(seed: int | None) -> tuple[np.ndarray, np.ndarray]:
    """All printed values as one draw gives them, and what constants would give."""
    study = mv.simulate_muvi() if seed is None else mv.simulate_muvi(rng=seed)
    models = mv.feature_models(study)
    agreement = mv.interrater_ccc(study, level="modality", n_resamples=20)
    families = mv.rank_features(models, level="family")
    # a family that no fold takes comes after all others
    last = families.groupby(["modality", "features"])["family"].transform("nunique")
    families["rank"] = families["rank"].fillna(last)
    frames = {
        "lasso_models": mv.lasso_models(models),
        "interrater_ccc": agreement,
        "rank_features": families,
    }
    values = [mv.compare_published(frame, name)["estimate"] for name, frame in frames.items()]
    plain = mv.compare_published(
        constant_errors(models).assign(simulated=True, alignment="as_recorded", warning=""),
        "lasso_models",
    )["estimate"]
    blank = [np.full(len(rows), np.nan) for rows in values[1:]]
    return np.concatenate(values), np.concatenate([plain, *blank])


def printed() -> pd.DataFrame:
    """The printed values, in the order of `measured`."""
    names = ("lasso_models", "interrater_ccc", "rank_features")
    rows = pd.concat([mv.published(name) for name in names], ignore_index=True)
    return rows[[*KEYS, "published"]]


def draw(folder: Path, seeds: range, minutes: float) -> bool:
    """Draw studies; whether all are there before the time is over."""
    end = time.monotonic() + 60 * minutes
    for seed in (None, *seeds):
        entry = folder / f"{'embedded' if seed is None else seed}.npz"
        if load_arrays(entry) is not None:
            continue
        if time.monotonic() >= end:
            return False
        values, constant = measured(seed)
        write_arrays(entry, {"values": values, "constant": constant})
    return True


def table(folder: Path, n_seeds: int, state: str) -> pd.DataFrame:
    """Printed values beside the draws that there are."""
    kept = [load_arrays(folder / f"{seed}.npz") for seed in range(1, n_seeds + 1)]
    drawn = [arrays for arrays in kept if arrays is not None]
    values = np.array([arrays["values"] for arrays in drawn])
    low, high = np.nanquantile(values, _CENTRAL, axis=0)
    own = load_arrays(folder / "embedded.npz")
    rows = printed()
    rows.insert(0, "state", state)
    target = rows["published"].to_numpy()
    return rows.assign(
        mean=values.mean(axis=0),
        sd=values.std(axis=0, ddof=1),
        low=low,
        high=high,
        inside=(low <= target) & (target <= high),
        embedded=np.nan if own is None else own["values"],
        constant=np.array([arrays["constant"] for arrays in drawn]).mean(axis=0),
        n=len(drawn),
        seeds=f"1 to {n_seeds}",
        version=mv.__version__,
    )


def main() -> None:
    """Go on drawing, and write what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=1, help="seed to begin with")
    parser.add_argument("--state", default="now")
    parser.add_argument("--keep", metavar="STATE", help="name for the rows of the present state")
    parser.add_argument("--folder", type=Path, default=cache_folder("tables"))
    given = parser.parse_args()
    before = pd.read_csv(TABLE) if TABLE.exists() else pd.DataFrame({"state": []})
    if given.keep:
        rows = before.assign(state=before["state"].replace(given.state, given.keep))
    else:
        folder = given.folder / code_key(_CODE)[:16]
        finished = draw(folder, range(given.first, given.seeds + 1), given.minutes)
        rows = table(folder, given.seeds, given.state)
        inside = rows.groupby("section", sort=False)["inside"]
        print(inside.agg(["sum", "count"]).to_string())
        print(f"{rows['n'].iloc[0]} studies, {'finished' if finished else 'call again to go on'}")
        rows = pd.concat([before[before["state"] != given.state], rows], ignore_index=True)
    with whole_path(TABLE) as part:
        rows.to_csv(part, index=False, float_format="%.6g", lineterminator="\n")


if __name__ == "__main__":
    main()

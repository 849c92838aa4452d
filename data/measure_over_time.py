"""Add studies to the table of tests over time: ``python data/measure_over_time.py MINUTES``.

Each study has smooth trajectories of a minute, two samples a second. In the nulls the factor has no
effect on average, but people, items or both may react to it in ways of their own, which
change smoothly in time; for power an effect is planted from 20 to 35 s. The table is its own store:
a run goes on where the last one stopped, and what was counted with another version of the
package is counted anew. Take the rows of a test out of the table when its method changes.
"""

from __future__ import annotations

import functools
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter1d

import muvistats as mv
from muvistats.files import whole_path
from muvistats.workers import few_threads

TABLE = Path(mv.__file__).parent / "data" / "simulation" / "over_time.csv"

SEED, N_RESAMPLES, ALPHA = 0, 199, 0.05

#: Studies of each null, how many more where a test rejects more than 5%, and with an effect.
FIRST, MORE, PLANTED = 500, 2000, 200

#: Studies of one task, and of those beyond the first from which on a cell is on its way to more,
#: whatever its rate has become.
CHUNK, ON_ITS_WAY = 5, 50

STEPS, INTERVAL = 120, 0.5

#: Where an effect is planted, in s.
BEGIN, END = 20.0, 35.0

#: Standard deviation, in s, of the kernel that makes courses smooth.
SMOOTHNESS = 2.5

LEVELS = ("music", "visual", "audiovisual")


@dataclass(frozen=True)
class Cell:
    """A design, and what differs in it between people, items and levels.

    Parameters
    ----------
    name : str
        Name, in the table.
    kind : {"modality", "gender"}
        Factor: assigned within items, or a trait of participants.
    n_participants, n_items, trials : int
        Size of the study, and how many items a person rates.
    person_reaction, item_reaction : float
        Standard deviations of what a level does to single people and items, 0 on average; that of
        the noise is 1.
    effect : float
        Shift of the last level from 20 to 35 s.
    """

    name: str
    kind: str = "modality"
    n_participants: int = 48
    n_items: int = 40
    trials: int = 20
    person_reaction: float = 0.0
    item_reaction: float = 0.0
    effect: float = 0.0

    def draw(self, rng: np.random.Generator) -> xr.DataTree:
        """Simulate one study."""
        study = _design(self)
        annotations = study["annotations"].to_dataset()
        person, item = (
            pd.factorize(annotations[key].to_numpy(), sort=True)[0]
            for key in ("participant", "item")
        )
        frame = mv.annotation_frame(study)
        levels = frame[self.kind].astype("category")
        level, n_levels = levels.cat.codes.to_numpy(), len(levels.cat.categories)

        def courses(sd: float, *size: int) -> np.ndarray:
            drawn = gaussian_filter1d(rng.normal(size=(*size, STEPS)), SMOOTHNESS / INTERVAL)
            return sd * drawn / np.sqrt((gaussian_filter1d(np.eye(STEPS), 5.0)[60] ** 2).sum())

        values = courses(1.0, len(level))
        values += courses(0.7, self.n_participants)[person] + courses(0.7, self.n_items)[item]
        values += courses(self.person_reaction, self.n_participants, n_levels)[person, level]
        values += courses(self.item_reaction, self.n_items, n_levels)[item, level]
        seconds = np.arange(STEPS) * INTERVAL
        planted = (seconds >= BEGIN) & (seconds < END)
        values += self.effect * np.outer(level == n_levels - 1, planted)
        arousal = annotations["arousal"].copy(data=values)
        parts = {node.path: node.to_dataset(inherit=False) for node in study.subtree}
        tree = xr.DataTree.from_dict(parts | {"/annotations": annotations.assign(arousal=arousal)})
        tree.attrs = dict(study.attrs)
        return tree


@functools.cache
def _design(cell: Cell) -> xr.DataTree:
    """A study without values: who rates what; the lists of a cell are always the same."""
    rng = np.random.default_rng(1)
    people, used = np.repeat(np.arange(cell.n_participants), cell.trials), np.zeros(cell.n_items)
    items = []
    for _ in range(cell.n_participants):
        mine = np.lexsort((rng.random(cell.n_items), used))[: cell.trials]
        used[mine] += 1
        items.append(mine)
    item = np.concatenate(items)
    level = np.empty(len(item), dtype=int)
    for one in range(cell.n_items):
        rows = np.flatnonzero(item == one)
        level[rows] = rng.permutation(np.arange(len(rows)) % len(LEVELS))
    table = pd.DataFrame({"participant": people, "item": item})
    table["modality"] = np.array(LEVELS)[level]
    long = table.loc[table.index.repeat(STEPS)].reset_index(drop=True)
    long = long.assign(time=np.tile(np.arange(STEPS) * INTERVAL, len(table)), arousal=0.0)
    persons = pd.DataFrame({"participant": np.arange(cell.n_participants)})
    persons["gender"] = np.where(persons["participant"] % 2, "Male", "Female")
    return mv.from_frames(
        dynamics=long,
        participants=persons,
        items=pd.DataFrame({"item": np.arange(cell.n_items)}),
        dimensions=["arousal"],
        scale=(-50.0, 50.0),
        simulated=True,
    )


def _cells() -> Iterator[Cell]:
    small = {"n_participants": 20, "n_items": 20, "trials": 15}
    for name, more in {
        "sharp": {},
        "people react": {"person_reaction": 0.5},
        "items react": {"item_reaction": 0.5},
        "both react": {"person_reaction": 0.5, "item_reaction": 0.5},
    }.items():
        yield Cell(name, **more)
        yield Cell(f"{name}, 20x20", **small, **more)
        if name != "people react":  # nobody has a trait at several levels
            yield Cell(f"trait, {name}", "gender", **more)
            yield Cell(f"trait, {name}, 20x20", "gender", **small, **more)
    effect = "effect from 20 to 35 s"
    yield Cell(effect, effect=0.6, person_reaction=0.5, item_reaction=0.5)
    yield Cell(f"trait, {effect}", "gender", effect=1.0, person_reaction=0.5, item_reaction=0.5)


CELLS: Mapping[str, Cell] = {cell.name: cell for cell in _cells()}

_PAIR = {"groups": ("audiovisual", "music")}

#: Tests of a study by the kind of its factor; those of many levels and the plain one take turns.
TESTS: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "modality": {
        "two levels, cluster": _PAIR,
        "two levels, tfce": _PAIR | {"adjust": "tfce"},
        "two levels, maximum": _PAIR | {"adjust": "maximum"},
        "three levels, cluster": {},
        "two levels, cluster, plain": _PAIR | {"statistic": "plain"},
    },
    "gender": {"two levels, cluster": {}},
}


def counted(cell: Cell, start: int, stop: int) -> pd.DataFrame:
    """What the tests say of some studies of a cell, a row per test."""
    totals: dict[str, np.ndarray] = {}
    with few_threads(1):
        for index in range(start, stop):
            path = (zlib.crc32(cell.name.encode()), index)
            study = cell.draw(np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=path)))
            for name, options in TESTS[cell.kind].items():
                found = mv.over_time(
                    study, f"arousal ~ {cell.kind}", n_resamples=N_RESAMPLES, rng=index, **options
                )
                clusters = found[found["p_value"] <= ALPHA]
                near = (clusters["start"] < END) & (clusters["end"] > BEGIN)
                says = [len(clusters) > 0, near.any(), (~near).any(), found["p_value"].isna().any()]
                totals[name] = totals.get(name, 0) + np.array(says, dtype=int)
    columns = ["n_rejected", "n_overlapping", "n_outside", "n_undefined"]
    rows = [{"test": name, **dict(zip(columns, n, strict=True))} for name, n in totals.items()]
    return pd.DataFrame(rows).assign(n=stop - start)


def is_open(cell: Cell, table: pd.DataFrame) -> bool:
    """Whether more studies of a cell are wanted."""
    rows = table[table["scenario"] == cell.name] if len(table) else table
    least = 0 if rows.empty else rows["n"].min()
    if cell.effect or least < FIRST:
        return bool(least < (PLANTED if cell.effect else FIRST))
    honest = rows[~rows["test"].str.endswith("plain")]
    above = honest["n_rejected"] > ALPHA * honest["n"]
    return bool(least < FIRST + MORE and (above.any() or rows["n"].max() > FIRST + ON_ITS_WAY))


def main(minutes: float) -> None:
    """Add studies until the table is whole or the time is up."""
    table = pd.read_csv(TABLE) if TABLE.exists() else pd.DataFrame()
    table = table[table["version"] == mv.__version__] if len(table) else table
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        done = dict.fromkeys(CELLS, 0)
        done |= dict(table.groupby("scenario")["n"].max()) if len(table) else {}
        open_cells = [name for name, cell in CELLS.items() if is_open(cell, table)]
        if not open_cells:
            break
        cell = CELLS[min(open_cells, key=done.__getitem__)]
        start = int(done[cell.name])
        more = counted(cell, start, start + CHUNK).assign(
            scenario=cell.name,
            null=not cell.effect,
            n_participants=cell.n_participants,
            n_items=cell.n_items,
            alpha=ALPHA,
            seed=SEED,
            version=mv.__version__,
            n_resamples=N_RESAMPLES,
        )
        both = pd.concat([table, more], ignore_index=True)
        counts = [name for name in both if str(name).startswith("n_") and name not in _KEYS] + ["n"]
        table = both.groupby(_KEYS, sort=False, as_index=False)[counts].sum()
        with whole_path(TABLE) as part:
            table.to_csv(part, index=False, lineterminator="\n")
    print(table.to_string())


_KEYS = [
    *("scenario", "null", "test", "n_participants", "n_items"),
    *("alpha", "seed", "version", "n_resamples"),
]

if __name__ == "__main__":
    main(float(sys.argv[1]))

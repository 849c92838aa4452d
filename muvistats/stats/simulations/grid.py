"""A grid of designs in which a factor does nothing: small and large, crossed and crowded.

The studies of `scenarios` are MuVi's; those here are anybody's. A `Cell` says who rates what and
what is random in it; `count_rejections` adds studies to a table of counts, cell by cell, until its
time is up, so that a run of many hours can be made in pieces.
"""

from __future__ import annotations

import functools
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import beta

from ...dataset.tables import from_frames
from ...types import Floats, Ints, Mask
from ...workers import each_finished, few_threads
from .presets import ANY, KEYS, TIE, Preset, SimulatedStudy, general_presets, p_rows

Kind = Literal["within_item", "participant", "item", "observed"]

#: Column that is the factor of each kind.
FACTORS: Mapping[Kind, str] = {
    "within_item": "modality",
    "participant": "group",
    "item": "genre",
    "observed": "familiar",
}

#: Levels of significance whose rejections are counted.
ALPHAS = (0.05, 0.01)

#: Studies of each cell, how many more of a test whose design row rejects more than 5% of them, and
#: how many again, and again up to `MOST` in all, of one whose rate may still be as high as
#: `TOLERATED`, by its upper 99% limit.
FIRST, MORE, AGAIN, MOST = 500, 2000, 2500, 10_000
TOLERATED = 0.065

#: Studies in which the mixed model is fitted, and rows beyond which it is not.
MODELLED, MODELLED_ROWS = 200, 10_000

#: Studies of one task.
CHUNK = 10

#: Share of the annotations that choose each label.
_LABELS = {"calm": 0.15, "sad": 0.3, "tense": 0.5, "joyful": 0.2}

#: Random effects of labels on the logit scale, as a part of those of the rating.
_LABEL_SCALE = 0.8


@dataclass(frozen=True)
class Cell:
    """A design, and what differs in it between people, items and levels.

    Parameters
    ----------
    name : str
        Name, in the table of counts.
    kind : {"within_item", "participant", "item", "observed"}
        How the factor comes to its values.
    n_participants, n_items : int
        Size of the study.
    trials : tuple of int
        Fewest and most items that a person rates, each once.
    use : tuple of float
        Share of each level of the factor; their number is that of the levels.
    person_sd, item_sd : float
        Standard deviations of people and items; that of the noise is 1.
    person_reaction, item_reaction : float
        Standard deviations of what a level does to single people and items, 0 on average.
    only_last : bool
        Whether people and items react to the last level alone.
    skewed : bool
        Whether noise is exponential.
    spread : float
        Noise at the last level, as a multiple of that at the others.
    confounding : float
        Correlation of knowing with what people, their reactions and items are like (observed).
    effect : float
        Shift at the last level, in standard deviations of the noise; 0 is the null hypothesis.
    """

    name: str
    kind: Kind
    n_participants: int
    n_items: int
    trials: tuple[int, int]
    use: tuple[float, ...] = (1 / 3, 1 / 3, 1 / 3)
    person_sd: float = 1.0
    item_sd: float = 1.0
    person_reaction: float = 0.0
    item_reaction: float = 0.0
    only_last: bool = False
    skewed: bool = False
    spread: float = 1.0
    confounding: float = 0.0
    effect: float = 0.0

    @property
    def null(self) -> tuple[str, ...]:
        """Factors without an effect."""
        return () if self.effect else (FACTORS[self.kind],)

    @property
    def n_rows(self) -> float:
        """Expected number of annotations."""
        return self.n_participants * sum(self.trials) / 2

    def draw(self, rng: int | np.random.SeedSequence | np.random.Generator) -> xr.DataTree:
        """Simulate one study."""
        rng = np.random.default_rng(rng)
        person, item = self._pairs(rng)
        level, known = self._levels(rng, person, item)
        last = len(self.use) - 1

        def reactions(sd: float, codes: Ints, n: int, own: Floats | None = None) -> Floats:
            drawn = sd * rng.normal(size=(n, last + 1))
            if own is not None:
                drawn[:, last] = sd * _correlated(rng, own, self.confounding)
            if self._one_sided:
                drawn[:, :last] = 0
            return np.asarray(drawn[codes, level])

        def latent(shape: float) -> Floats:
            people = self.person_sd * _correlated(rng, known[0], self.confounding)
            items = self.item_sd * _correlated(rng, known[1], self.confounding)
            react = reactions(self.person_reaction, person, self.n_participants, known[0])
            react = react + reactions(self.item_reaction, item, self.n_items)
            level_of_all = people[person] + items[item] + react
            return np.asarray(shape * (level_of_all + self.effect * (level == last)))

        noise = rng.exponential(size=len(level)) - 1 if self.skewed else rng.normal(size=len(level))
        rating = latent(1.0) + noise * np.where(level == last, self.spread, 1.0)
        chosen: dict[str, Mask] = {}
        for name, share in _LABELS.items():
            odds = self._odds(share)[np.where(level == last, 1, 0)]
            chosen[name] = rng.random(len(level)) < expit(odds + latent(_LABEL_SCALE))
        return self._study(person, item, level, rating, chosen)

    @property
    def _one_sided(self) -> bool:
        """Whether people and items react to the last level alone."""
        return self.only_last or self.kind == "observed"

    def _odds(self, share: float) -> Floats:
        """Log odds of a label at the other levels and at the last one.

        Reactions of mean 0 on the logit scale change how often a rare label is chosen. Where one
        level alone has them its odds are moved, so that people and items in general choose the
        label as often at each level: what the tests of labels ask.
        """
        odds = float(np.log(share / (1 - share)))
        if not self._one_sided:
            return np.array([odds, odds])
        own = self.person_sd**2 + self.item_sd**2
        more = self.person_reaction**2 + self.item_reaction**2
        more += 2 * self.confounding**2 * self.person_sd * self.person_reaction
        before, after = (_LABEL_SCALE * np.sqrt(v) for v in (own, own + more))
        aim = _mean_chance(odds, before)
        moved = brentq(lambda x: _mean_chance(x, after) - aim, odds - 9, odds + 9)
        return np.array([odds, moved])

    def _pairs(self, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Person and item of each annotation; items are used about equally often."""
        low, high = self.trials
        counts = rng.integers(low, high, size=self.n_participants, endpoint=True)
        person = np.repeat(np.arange(self.n_participants), counts)
        used = np.zeros(self.n_items)
        item = []
        for count in counts:
            mine = np.lexsort((rng.random(self.n_items), used))[:count]
            used[mine] += 1
            item.append(mine)
        return person, np.concatenate(item)

    def _levels(
        self, rng: np.random.Generator, person: Ints, item: Ints
    ) -> tuple[Ints, tuple[Floats, Floats]]:
        """Level of each annotation, and how much each person and item is known."""
        known = rng.normal(size=self.n_participants), rng.normal(size=self.n_items)
        if self.kind == "observed":
            odds = np.log(self.use[1] / self.use[0])
            chance = expit(odds + known[0][person] + known[1][item])
            return (rng.random(len(person)) < chance).astype(np.intp), known
        if self.kind == "participant":
            return _dealt(rng, self.n_participants, self.use)[person], known
        if self.kind == "item":
            return _dealt(rng, self.n_items, self.use)[item], known
        level = np.empty(len(item), dtype=np.intp)
        for one in range(self.n_items):  # balanced lists: levels are dealt within each item
            rows = np.flatnonzero(item == one)
            level[rows] = _dealt(rng, len(rows), self.use)
        return level, known

    def _study(
        self, person: Ints, item: Ints, level: Ints, rating: Floats, chosen: Mapping[str, Mask]
    ) -> xr.DataTree:
        names = np.array([f"level{number + 1}" for number in range(len(self.use))])
        rows = pd.DataFrame({"participant": person, "item": item, "rating": rating})
        rows = rows.assign(**{name: values.astype(int) for name, values in chosen.items()})
        people = pd.DataFrame({"participant": np.arange(self.n_participants)})
        items = pd.DataFrame({"item": np.arange(self.n_items)})
        modalities: Sequence[str] = ("audiovisual",)
        if self.kind == "within_item":
            rows["modality"], modalities = names[level], tuple(names)
        elif self.kind == "observed":
            rows["familiar"] = level
        else:
            codes, table = (person, people) if self.kind == "participant" else (item, items)
            of_one = pd.Series(names[level]).groupby(codes).first()
            table[FACTORS[self.kind]] = of_one.reindex(table.iloc[:, 0]).fillna(names[0]).to_numpy()
        return from_frames(
            rows,
            participants=people,
            items=items,
            dimensions=["rating"],
            labels=list(chosen),
            modalities=modalities,
            scale=(float(rating.min()), float(rating.max())),
            simulated=True,
        )


def _mean_chance(odds: float, sd: float) -> float:
    """Mean probability where log odds are normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    return float(weights @ expit(odds + sd * nodes) / weights.sum())


def _correlated(rng: np.random.Generator, with_: Floats, correlation: float) -> Floats:
    own = np.sqrt(1 - correlation**2) * rng.normal(size=len(with_))
    return np.asarray(correlation * with_ + own)


def _dealt(rng: np.random.Generator, n: int, use: Sequence[float]) -> Ints:
    """Levels in these shares, as near as whole numbers allow, in random order."""
    edges = (np.arange(n) + rng.random()) / n
    return rng.permutation(np.searchsorted(np.cumsum(use)[:-1], edges, side="right"))


# ------------------------------------------------------------------------- the grid


def _cells() -> Iterator[Cell]:
    halves, uneven = (0.5, 0.5), (0.8, 0.1, 0.1)
    sizes = {"6x12": (6, 12, (12, 12)), "10x30": (10, 30, (30, 30)), "49x81": (49, 81, (30, 30))}
    nulls: dict[str, dict[str, object]] = {
        "sharp": {},
        "people react": {"person_reaction": 1.0},
        "items react": {"item_reaction": 1.0},
        "both react": {"person_reaction": 1.0, "item_reaction": 1.0},
        "skewed": {"skewed": True, "person_reaction": 0.5, "item_reaction": 0.5},
        "heteroscedastic": {"spread": 3.0},
        "unequal use": {"use": uneven, "person_reaction": 1.0, "only_last": True},
    }
    for size, (people, items, trials) in sizes.items():
        for name, more in nulls.items():
            cell = Cell(f"within, {size}, {name}", "within_item", people, items, trials)
            yield replace(cell, **more)  # type: ignore[arg-type]
    for items in (60, 100):
        cell = Cell(f"crowd, 1200x{items}", "within_item", 1200, items, (1, 2))
        yield cell
        yield replace(cell, name=f"{cell.name}, items react", item_reaction=1.0)
    yield Cell("crowd, 1000x81", "within_item", 1000, 81, (10, 10), item_reaction=0.5)
    for people in (10, 49):
        cell = Cell(f"participants, {people}x30", "participant", people, 30, (20, 20), halves)
        yield cell
        yield replace(cell, name=f"{cell.name}, unequal", use=(0.75, 0.25), spread=2.0)
        yield replace(cell, name=f"{cell.name}, items react", item_reaction=1.0)
    for items in (6, 12, 30):
        cell = Cell(f"item factor, {items}", "item", 30, items, (items, items), halves)
        yield cell
        yield replace(cell, name=f"{cell.name}, people react", person_reaction=1.0)
    for people, items, trials in ((15, 30, (20, 20)), (49, 81, (30, 30))):
        known = Cell(f"known, {people}x{items}", "observed", people, items, trials, (0.6, 0.4))
        yield known
        yield replace(known, name=f"{known.name}, confounded", confounding=0.6, person_reaction=1.0)
    for size, (people, items, trials) in sizes.items():
        cell = Cell(f"power, within, {size}", "within_item", people, items, trials)
        yield replace(cell, person_reaction=0.5, item_reaction=0.5, effect=_POWER[size])


#: Effect at which a mixed model finds some .7 of the studies.
_POWER = {"6x12": 1.6, "10x30": 0.9, "49x81": 0.33}

GRID: Mapping[str, Cell] = {cell.name: cell for cell in _cells()}


# ------------------------------------------------------------------------- counts

_COUNTED = ["scenario", "null", "test", *KEYS, "alpha"]

#: A cell, its first study and the one after the last, and the names of the tests.
_Task = tuple[Cell, int, int, tuple[str, ...]]


def count_rejections(
    counts: pd.DataFrame,
    keep: Callable[[pd.DataFrame], None],
    *,
    seconds: float,
    version: str,
    seed: int = 0,
    n_jobs: int = 1,
    n_resamples: int = 199,
    cells: Sequence[Cell] = tuple(GRID.values()),
    first: int = FIRST,
    more: int = MORE,
    again: int = AGAIN,
) -> pd.DataFrame:
    """Add studies to a table of counts until all cells are whole or the time is up.

    Parameters
    ----------
    counts : DataFrame
        What was counted before, or an empty frame. A test whose rows were taken out of a cell is
        counted anew there.
    keep : callable
        Is given the whole table after each task.
    seconds : float
        Time after which no task is begun.
    version : str
        Version of the package, written into each row.
    seed : int
        Study i of a cell is the child (cell, i) of this seed, whatever ran before.
    n_jobs : int
        Processes.
    n_resamples : int
        Resamples of each test.
    cells : sequence of Cell
        What is simulated.
    first, more, again : int
        Studies of each cell, how many more of a test whose design row rejects more than 5% of
        the first, and how many again, up to `MOST` in all, while the upper 99% limit of its rate
        lies above `TOLERATED`.

    Returns
    -------
    DataFrame
        A row per cell, test, row of the test and level of significance, with `n_rejected`, `n`,
        `n_undefined` and `n_studies`.
    """
    names = ["scenario", "test"]
    done = {} if counts.empty else counts.groupby(names)["n_studies"].max().to_dict()
    end = time.monotonic() + seconds
    table = counts

    def tasks() -> Iterator[_Task]:
        rules = [(first // 5, 0, None), (first, 0, None), (first + more, first, _is_above)]
        further = range(first + more, MOST, again) if again else []
        rules += [(known + again, known, _may_be_high) for known in further]
        for aim, known, rule in rules:
            for cell in cells:
                above = _tests_that(rule, table, cell.name, known) if rule else None
                for start in range(0, aim, CHUNK):
                    if time.monotonic() >= end:
                        return
                    tests = tuple(
                        test.name
                        for test in _tests(cell, start)
                        if done.get((cell.name, test.name), 0) <= start
                        and (above is None or test.name in above)
                    )
                    done.update({(cell.name, test): start + CHUNK for test in tests})
                    if tests:
                        yield cell, start, start + CHUNK, tests

    count = functools.partial(_count, seed=seed, n_resamples=n_resamples)
    for found in each_finished(count, tasks(), n_jobs=n_jobs):
        table = _added(table, found.assign(seed=seed, version=version, n_resamples=n_resamples))
        keep(table)
    return table


def _tests_that(
    rule: Callable[[pd.DataFrame], pd.Series[bool]], table: pd.DataFrame, name: str, known: int
) -> list[str]:
    """Tests of a cell with a design row of which this is true after so many studies."""
    if table.empty:
        return []
    rows = table[(table["scenario"] == name) & (table["alpha"] == ALPHAS[0]) & table["null"]]
    rows = rows[(rows["dependence"] == "design") & (rows["n_studies"] >= known)]
    return list(rows.loc[(rows["n_studies"] > known) | rule(rows), "test"].unique())


def _is_above(rows: pd.DataFrame) -> pd.Series[bool]:
    """Whether more than the level was rejected."""
    return rows["n_rejected"] > ALPHAS[0] * rows["n"]


def _may_be_high(rows: pd.DataFrame) -> pd.Series[bool]:
    """Whether the rate may be higher than what is tolerated, by Clopper and Pearson's limit."""
    rejected, n = rows["n_rejected"], rows["n"]
    return _is_above(rows) & (beta.ppf(0.99, rejected + 1, n - rejected) > TOLERATED)


def _added(table: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    """Counts of both; a row that some studies do not have is undefined in them."""
    both = more if table.empty else pd.concat([table, more], ignore_index=True)
    keys = [*_COUNTED, "seed", "version", "n_resamples"]
    summed = both.groupby(keys, sort=False, dropna=False, as_index=False)[
        ["n_rejected", "n", "n_studies"]
    ].sum()
    return summed.assign(n_undefined=summed["n_studies"] - summed["n"])


def _count(task: _Task, *, seed: int, n_resamples: int) -> pd.DataFrame:
    """Rejections in some studies of a cell."""
    cell, start, stop, chosen = task
    found: dict[tuple[str, ...], list[float]] = {}
    with few_threads(1):
        for index in range(start, stop):
            study = SimulatedStudy(cell.draw(_child(seed, cell.name, index)))
            for test in _tests(cell, index):
                if test.name not in chosen:
                    continue
                rng = np.random.default_rng(_child(seed, cell.name, index, test.name))
                for key, p_value in p_rows(test, test.run(study, rng, n_resamples)).items():
                    if not test.families or ANY in key:  # of a family, whether any is rejected
                        found.setdefault((test.name, *key), []).append(p_value)
    rows = []
    for (name, *where), values in found.items():
        p_values = np.array(values)
        known = p_values[~np.isnan(p_values)]
        row = {"scenario": cell.name, "null": not cell.effect, "test": name}
        row |= dict(zip(KEYS, where, strict=True)) | {"n": len(known), "n_studies": stop - start}
        rows += [
            row | {"alpha": alpha, "n_rejected": int((known <= alpha + TIE).sum())}
            for alpha in ALPHAS
        ]
    return pd.DataFrame(rows)


def _tests(cell: Cell, index: int) -> list[Preset]:
    """Tests of a study; the mixed model in the first ones only, and not of many rows."""
    tests = general_presets(FACTORS[cell.kind], len(cell.use))
    with_model = index < MODELLED and cell.n_rows <= MODELLED_ROWS
    return [test for test in tests if with_model or test.name != "mixed_model"]


def _child(seed: int, *names: str | int) -> np.random.SeedSequence:
    path = [zlib.crc32(name.encode()) if isinstance(name, str) else name for name in names]
    return np.random.SeedSequence(seed, spawn_key=path)

"""How often the intervals that the package prints hold the truth, in studies drawn for it."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...dataset.simulation.study import simulate_muvi
from ...dataset.tables import from_frames
from ...files import load_arrays, write_arrays
from ...kernels.contingency import clopper_pearson
from ...types import Floats
from ..agreement.by_raters import agreement_by_raters
from ..agreement.chance_corrected import krippendorff_alpha, label_agreement
from ..agreement.concordance import interrater_ccc
from ..agreement.intraclass import icc
from ..agreement.trajectories import agreement_over_time, noise_ceiling
from ..labels.counts import chisquare
from ..modalities.contribution import modality_contribution
from ..ranks.several_groups import kruskal
from ..ranks.two_groups import mannwhitney
from .draws import code_key

#: Studies of one chunk, which is kept as soon as it is finished.
CHUNK = 10

#: Resamples of each interval.
N_RESAMPLES = 499

#: Coverage of 95% limits outside of which a cell gets more studies, and how many in all.
INSIDE, AGAIN = (0.92, 0.98), 1000

#: Studies so much larger stand for the truth, so many that they hold a hundred times the data:
#: it is then known ten times as well as an estimate. Limits that miss on one side ask for more.
_LARGER, _HELD = 20, 100

#: Goes into the name of a kept file.
_FORMAT = "muvistats coverage 1"


@dataclass(frozen=True)
class Size:
    """Participants, items, raters of an item, and in each modality where there are three."""

    n_participants: int
    n_items: int
    raters: int
    in_three: int

    def larger(self, times: int) -> Size:
        """As many times the participants and items."""
        return replace(
            self, n_participants=times * self.n_participants, n_items=times * self.n_items
        )


SIZES: Mapping[str, Size] = {
    "10 x 12": Size(10, 12, 5, 3),
    "49 x 81": Size(49, 81, 5, 5),
    "200 x 100": Size(200, 100, 10, 10),
}

Limits = dict[str, tuple[float, float, float]]


@dataclass(frozen=True)
class Cell:
    """One interval in one design: what is drawn, and what is read from it.

    Parameters
    ----------
    interval, size, effect : str
        Which interval, a name of `SIZES`, and ``"null"`` or ``"medium"``.
    groups : int
        Groups that are compared; 0 where none are.
    draw : callable
        From a `Size`, whether there is an effect, and a generator to the data of a study.
    read : callable
        From data and a generator to estimate and limits of each row, by its name.
    larger, held : int
        How many times larger a study stands for the truth, and how many times the data of one
        study all of these hold.
    """

    interval: str
    size: str
    effect: str
    groups: int
    draw: Callable[[Size, bool, np.random.Generator], Any]
    read: Callable[[Any, np.random.Generator], Limits]
    larger: int = _LARGER
    held: int = _HELD

    @property
    def name(self) -> str:
        """All that tells the cell from others."""
        return f"{self.interval}, {self.size}, {self.effect}, {self.groups} groups"

    def is_nothing(self, row: str) -> bool:
        """Whether the truth is known to be 0: estimates that cannot be below it are above it.

        Without an effect that holds for shares and differences between groups, and for agreement
        beyond chance, but for Gwet's AC1, whose chance is another one.
        """
        beyond_chance = self.interval == "agreement" and row != "gwet_ac1"
        return self.effect == "null" and (self.groups > 0 or beyond_chance)

    def _generator(self, seed: int, study: int) -> np.random.Generator:
        key = (zlib.crc32(self.name.encode()), study)
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))

    def studies(self, seed: int, start: int) -> dict[str, Floats]:
        """Estimate and limits of a chunk of studies, by row, (study, 3)."""
        found = []
        for study in range(start, start + CHUNK):
            rng = self._generator(seed, study)
            found.append(self.read(self.draw(SIZES[self.size], self.effect != "null", rng), rng))
        names = dict.fromkeys(name for one in found for name in one)
        nothing = (np.nan, np.nan, np.nan)
        return {name: np.array([one.get(name, nothing) for one in found]) for name in names}

    def truth(self, seed: int) -> dict[str, Floats]:
        """Mean estimate of large studies, by row, (1,)."""
        found = []
        for large in range(-(-self.held // self.larger)):
            rng = self._generator(seed, -1 - large & 0xFFFFFFFF)
            size = SIZES[self.size].larger(self.larger)
            found.append(self.read(self.draw(size, self.effect != "null", rng), rng))
        return {name: np.array([np.mean([one[name][0] for one in found])]) for name in found[0]}


# ------------------------------------------------------------------------- studies


def _ratings(
    size: Size,
    rng: np.random.Generator,
    *,
    groups: int = 1,
    by: str = "",
    shift: float = 0.0,
    target: float = 0.25,
    person: float = 0.25,
    reaction: float = 0.0,
) -> pd.DataFrame:
    """Static ratings: a row for each, with participant, item, group and value.

    Residuals have variance 1, `target` and `person` are those of items and participants, and
    `reaction` that of what a group does to single items and participants. Group effects go from
    -shift to shift. Groups are of participants, or within items. Raters of
    an item are drawn from those who have rated least.
    """
    item = np.repeat(np.arange(size.n_items), size.raters)
    used, rated = np.zeros(size.n_participants), []
    for _ in range(size.n_items):
        rated.append(np.lexsort((rng.random(len(used)), used))[: size.raters])
        used[rated[-1]] += 1
    rater = np.concatenate(rated)
    group = rater % groups if by == "participant" else rng.permutation(len(item)) % groups
    effects = shift * np.linspace(-1, 1, groups) if groups > 1 else np.zeros(1)
    value = effects[group] + rng.normal(size=len(item))
    value += np.sqrt(target) * rng.normal(size=size.n_items)[item]
    value += np.sqrt(person) * rng.normal(size=size.n_participants)[rater]
    if reaction:
        value += np.sqrt(reaction) * rng.normal(size=(size.n_items, groups))[item, group]
        value += np.sqrt(reaction) * rng.normal(size=(size.n_participants, groups))[rater, group]
    names = np.array([f"g{code:02d}" for code in range(groups)])
    return pd.DataFrame(
        {
            "participant": [f"p{code}" for code in rater],
            "item": [f"i{code}" for code in item],
            "modality": "music",
            "group": names[group],
            "y": value,
        }
    )


def _groups_of(by: str, groups: int) -> Callable[[Size, bool, np.random.Generator], pd.DataFrame]:
    """Studies with groups, of independent values or of participants and items that differ."""

    def draw(size: Size, effect: bool, rng: np.random.Generator) -> pd.DataFrame:
        options: dict[str, Any] = {"groups": groups, "shift": 0.5 if effect else 0.0}
        if by == "values":
            return _ratings(size, rng, target=0.0, person=0.0, **options)
        # limits within items are about people and items in general, who react in their own way
        return _ratings(size, rng, by=by, reaction=0.1 if by == "within_item" else 0.0, **options)

    return draw


def _static_study(size: Size, effect: bool, rng: np.random.Generator) -> Any:
    """A study of one static dimension and one label; no agreement without an effect."""
    frame = _ratings(size, rng, target=0.6 if effect else 0.0, person=0.2)
    frame = frame.drop(columns="group").rename(columns={"y": "liking"})
    frame["tense"] = (frame["liking"] > 0.5).astype(int)
    return from_frames(
        frame, dimensions=["liking"], labels=["tense"], modalities=("music",), scale=(-30, 30)
    )


def _muvi(without: Sequence[str]) -> Callable[[Size, bool, np.random.Generator], Any]:
    """Simulated studies of music videos, with everything or without something."""

    def draw(size: Size, effect: bool, rng: np.random.Generator) -> Any:
        return simulate_muvi(
            rng=rng,
            n_items=-(-size.n_items // 3) * 3,
            n_participants=size.n_participants,
            n_lists=size.n_participants,  # everybody rates the same number, however large a study
            raters_per_cell=size.in_three,
            without=() if effect else without,
            features=False,
        )

    return draw


# ------------------------------------------------------------------------- intervals


def _limits(frame: pd.DataFrame, *names: str, estimate: str = "estimate") -> Limits:
    """Estimate and limits of each row of a frame, by what tells the rows apart."""
    keys = [" ".join(str(part) for part in row) for row in frame[list(names)].to_numpy()]
    values = frame[[estimate, "conf_low", "conf_high"]].to_numpy(dtype=float)
    return {key: (e, low, high) for key, (e, low, high) in zip(keys, values.tolist(), strict=True)}


def _of_ranks(
    function: Callable[..., pd.DataFrame], by: str
) -> Callable[[pd.DataFrame, np.random.Generator], Limits]:
    how: dict[str, Any] = {"dependence": "independent" if by == "values" else "design"}
    if by != "values":
        how["assigned"] = by

    def read(data: pd.DataFrame, rng: np.random.Generator) -> Limits:
        frame = function(data, "y ~ group", n_resamples=0, rng=rng, **how)
        return _limits(frame, "dependence", estimate="effect_size")

    return read


def _cramers_v(data: pd.DataFrame, rng: np.random.Generator) -> Limits:
    data = data.assign(x=np.where(data["y"] > 0.5, "high", "low"))
    frame = chisquare(data, "x ~ group", dependence="independent", n_resamples=0, rng=rng)
    return _limits(frame, "dependence", estimate="effect_size")


def _agreement(data: Any, rng: np.random.Generator) -> Limits:
    alpha = krippendorff_alpha(data, n_resamples=N_RESAMPLES, rng=rng)
    labels = label_agreement(data, n_resamples=N_RESAMPLES, rng=rng)
    frame = pd.concat([icc(data), alpha, labels], ignore_index=True)
    return _limits(frame[frame["modality"] == "music"], "estimator")


def _concordance(data: Any, rng: np.random.Generator) -> Limits:
    found: Limits = {}
    options: dict[str, Any] = {"dimension": "arousal", "n_resamples": N_RESAMPLES, "rng": rng}
    two = agreement_by_raters(data, measure="ccc", n_raters=[1], dimension="arousal")
    for name, frame in (
        ("CCC", interrater_ccc(data, **options)),
        ("CCC of two raters", two.rename(columns={"estimate": "ccc"})),
        ("CCC of a window", agreement_over_time(data, window=20, **options).iloc[::3]),
        ("noise ceiling", noise_ceiling(data, **options)),
    ):
        rows = frame[frame["modality"] == "music"].head(1).assign(row=name)
        found |= _limits(rows, "row", estimate="ccc")
    return found


def _contribution(data: Any, rng: np.random.Generator) -> Limits:
    frame = modality_contribution(data, dimension="arousal", n_resamples=N_RESAMPLES, rng=rng)
    rows = frame[frame["quantity"] == "share_difference"].head(1)
    return _limits(rows, "quantity")


def cells() -> Iterator[Cell]:
    """All cells, intervals that take little time first."""
    for size, shape in SIZES.items():
        for effect in ("null", "medium"):
            for by in ("values", "participant", "within_item"):
                for k in (2, 3, 5, 10, 20, 40):
                    n = shape.n_participants if by == "participant" else shape.n_items
                    if n < 2.5 * k:
                        continue
                    draw = _groups_of(by, k)
                    what = f"epsilon squared, {by}"
                    yield Cell(what, size, effect, k, draw, _of_ranks(kruskal, by))
                    if by == "values":
                        yield Cell("Cramer's V", size, effect, k, draw, _cramers_v)
                    if k == 2:
                        what = f"rank-biserial, {by}"
                        yield Cell(what, size, effect, k, draw, _of_ranks(mannwhitney, by))
            yield Cell("agreement", size, effect, 0, _static_study, _agreement, 10)
            yield Cell("concordance", size, effect, 0, _muvi(("item",)), _concordance, 4)
            if effect == "medium":  # without one, music and picture are alike and have no shares
                yield Cell("contribution", size, effect, 0, _muvi(()), _contribution, 4, 400)


# ------------------------------------------------------------------------- measurement


def measure(
    folder: Path, n_studies: int, minutes: float, seed: int = 0, *, again: int = AGAIN
) -> bool:
    """Draw studies until there are enough or the time is over; what is finished is kept.

    Parameters
    ----------
    folder : path
        Where chunks are kept; those of other code are not found again.
    n_studies : int
        Studies of each cell, rounded up to whole chunks. All cells get their first chunk before
        any gets its second.
    minutes : float
        Time; a chunk that was begun is finished.
    seed : int
        Source of randomness; a study depends on it, its cell and its number only.
    again : int
        Studies of a cell that has a row whose coverage lies outside `INSIDE`.

    Returns
    -------
    bool
        Whether everything is finished.
    """
    end = time.monotonic() + 60 * minutes
    for cell, start in _chunks(folder, n_studies, again, seed):
        entry = _entry(folder, cell, seed, start)
        if load_arrays(entry) is not None:
            continue
        if time.monotonic() >= end:
            return False
        found = cell.truth(seed) if start < 0 else cell.studies(seed, start)
        names = np.array(json.dumps(list(found)))
        write_arrays(entry, {"names": names, "values": np.array(list(found.values()))})
    return True


def _chunks(folder: Path, n_studies: int, again: int, seed: int) -> Iterator[tuple[Cell, int]]:
    """First study of each chunk that is wanted, -CHUNK for the truth."""
    yield from ((cell, start) for cell in cells() for start in (-CHUNK, 0))
    yield from ((cell, start) for start in range(CHUNK, n_studies, CHUNK) for cell in cells())
    for cell in cells():
        rows = _cell_rows(folder, cell, n_studies, seed)
        if not all(INSIDE[0] <= row["coverage"] <= INSIDE[1] for row in rows):
            yield from ((cell, start) for start in range(n_studies, again, CHUNK))


def _entry(folder: Path, cell: Cell, seed: int, start: int) -> Path:
    parts = json.dumps([_FORMAT, code_key(), seed, N_RESAMPLES])
    return folder / f"{zlib.crc32(parts.encode()):08x}" / cell.name / f"{start}.npz"


def _kept(entry: Path) -> dict[str, Floats]:
    stored = load_arrays(entry)
    if stored is None:
        return {}
    return dict(zip(json.loads(str(stored["names"])), stored["values"], strict=True))


def coverage(folder: Path, seed: int = 0) -> pd.DataFrame:
    """Table of what has been measured.

    Parameters
    ----------
    folder, seed
        As in `measure`.

    Returns
    -------
    DataFrame
        A row for each row of each cell: `coverage`, the share of `n` intervals that hold `truth`,
        with Clopper and Pearson's 95% limits; `missed_low` and `missed_high`, the shares of those
        that lie above and below it; `width`, the mean width; `n_undefined`, studies without an
        interval.
    """
    rows = [row for cell in cells() for row in _cell_rows(folder, cell, AGAIN, seed)]
    return pd.DataFrame(rows).assign(n_resamples=N_RESAMPLES, seed=seed)


def _cell_rows(folder: Path, cell: Cell, n_studies: int, seed: int) -> list[dict[str, Any]]:
    """Rows of a cell, from those of its first studies that are there."""
    chunks = [_kept(_entry(folder, cell, seed, s)) for s in range(0, n_studies, CHUNK)]
    rows = []
    for name, true in _kept(_entry(folder, cell, seed, -CHUNK)).items():
        found = [chunk[name] for chunk in chunks if name in chunk]
        if not found:
            continue
        truth = 0.0 if cell.is_nothing(name) else float(true[0])
        held = _holds(np.concatenate(found), truth)
        key: dict[str, Any] = {"interval": cell.interval, "row": name, "size": cell.size}
        rows.append(key | {"effect": cell.effect, "groups": cell.groups} | held)
    return rows


def _holds(values: Floats, truth: float) -> dict[str, float]:
    """How often limits hold the truth."""
    _, low, high = values[~np.isnan(values[:, 1:]).any(axis=1)].T
    n, tiny = len(low), 1e-9
    inside = (low <= truth + tiny) & (truth - tiny <= high)
    least, most = clopper_pearson([inside.sum()], [n], 0.95)
    return {
        "truth": truth,
        "coverage": inside.mean() if n else np.nan,
        "conf_low": float(least[0]),
        "conf_high": float(most[0]),
        "missed_low": (low > truth + tiny).mean() if n else np.nan,
        "missed_high": (high < truth - tiny).mean() if n else np.nan,
        "width": (high - low).mean() if n else np.nan,
        "n": n,
        "n_undefined": len(values) - n,
    }

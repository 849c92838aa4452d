"""Tests that respect the design: CPU seconds against those that they may take, by size of study.

``python -m benchmarks resampling`` takes minutes and 2 GB: studies have 1,494 and some 9,000
annotations of trajectories, 212,000 choices of one of six labels by 2,443 raters, and 1,000,000
ratings of single clips by 20,000 raters. The choices are CREMA-D's votes, dealt to invented raters,
where ``../shared/studies`` is there, else drawn. Each call is made three times, or once where it
takes long, and the shortest counts, since a machine may be shared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import muvistats as mv

Calls = dict[str, tuple[float, Callable[[Any], Any]]]

VOTES = Path(__file__).parents[2] / "shared" / "studies" / "crema_votes.csv.xz"
EMOTIONS = "ADFHNS"

#: Seconds after which a call is not made again.
LONG = 5.0

KRUSKAL: Callable[[Any], Any] = lambda study: mv.kruskal_modality(  # noqa: E731
    study, dimension="arousal", dependence="design"
)
LABELS: Callable[[Any], Any] = lambda study: mv.chisquare_labels(study, dependence="design")  # noqa: E731

#: CPU seconds that each call may take on a quiet core, by study.
LIMITS: dict[str, Calls] = {
    "1,494 trajectories": {
        "kruskal_modality, independent": (
            0.02,
            lambda study: mv.kruskal_modality(study, dimension="arousal", dependence="independent"),
        ),
        "kruskal_modality, design": (0.26, KRUSKAL),
        "mannwhitney_overlay, design": (
            0.5,
            lambda study: mv.mannwhitney_overlay(study, dimension="arousal", dependence="design"),
        ),
        "chisquare_labels by modality": (1.0, LABELS),
        "chisquare_labels by gender": (
            1.0,
            lambda study: mv.chisquare_labels(study, by="gender", dependence="design"),
        ),
        "chisquare_labels by familiarity": (
            1.0,
            lambda study: mv.chisquare_labels(study, by="familiar", dependence="design"),
        ),
        "label_alignment_check": (0.5, lambda study: mv.label_alignment_check(study)),
        "sensitivity_table": (3.0, lambda study: mv.sensitivity_table(study)),
    },
    "9,000 trajectories": {
        "kruskal_modality, design": (1.46, KRUSKAL),
        "chisquare_labels by modality": (1.0, LABELS),
        "label_alignment_check": (3.0, lambda study: mv.label_alignment_check(study)),
        "sensitivity_table": (15.0, lambda study: mv.sensitivity_table(study)),
    },
    "212,000 choices": {
        "kruskal_modality": (30.0, lambda study: mv.kruskal_modality(study)),
        "chisquare_labels by modality": (30.0, lambda study: mv.chisquare_labels(study)),
    },
    "1,000,000 ratings": {
        "kruskal_modality": (180.0, lambda study: mv.kruskal_modality(study)),
        "mannwhitney_overlay": (180.0, lambda study: mv.mannwhitney_overlay(study)),
        "pairwise_modality": (180.0, lambda study: mv.pairwise_modality(study)),
        "chisquare_labels by modality": (180.0, lambda study: mv.chisquare_labels(study)),
        "label_deviations by modality": (180.0, lambda study: mv.label_deviations(study)),
        "icc": (180.0, lambda study: mv.icc(study)),
        "krippendorff_alpha": (180.0, lambda study: mv.krippendorff_alpha(study)),
    },
}


def crowd(n: int, n_items: int, n_people: int, *, one_label: bool) -> Any:
    """A study of static ratings and labels in which each person meets a cell at most once."""
    rng = np.random.default_rng(n)
    rows = np.arange(n)
    item, modality = rows % n_items, rows // n_items % 3
    person = (item * 7 + modality * 37 + rows // (3 * n_items) * 1009) % n_people
    names = [f"label{i}" for i in range(6)]
    taste = rng.normal(size=(n_items, len(names)))
    pull = taste[item] + rng.gumbel(size=(n, len(names)))
    best = pull.argmax(axis=1)[:, None] == np.arange(len(names))
    chosen = best if one_label else pull > 1.5
    frame = pd.DataFrame(
        {
            "item": np.char.add("i", item.astype(str)),
            "modality": np.array(["voice", "face", "both"])[modality],
            "participant": np.char.add("p", person.astype(str)),
            "rating": np.clip(0.3 * taste[item, 0] + 0.3 * rng.normal(size=n), -1, 1),
            "overlay": rng.random(n) < 0.5,
            **{name: column.astype(np.int8) for name, column in zip(names, chosen.T, strict=True)},
        }
    ).drop_duplicates(["item", "modality", "participant"])
    return mv.from_frames(
        frame,
        labels=names,
        dimensions=["rating"],
        modalities=("voice", "face", "both"),
        assigned={"overlay": "within_item"},
    )


def votes() -> Any:
    """CREMA-D's votes, each of a clip in a condition dealt to another of 2,443 raters."""
    if not VOTES.exists():
        return crowd(212_000, 7_442, 2_443, one_label=True)
    table = pd.read_csv(VOTES, index_col=0)
    rng, load = np.random.default_rng(1), np.zeros(2_443)
    counts = table[list(EMOTIONS)].to_numpy(dtype=np.int64)
    raters = []
    for n in counts.sum(axis=1):  # those with the fewest votes so far, by lot among these
        raters.append(np.argpartition(load + rng.random(len(load)), n)[:n])
        load[raters[-1]] += 1
    cell, chosen = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), len(EMOTIONS))
    condition = table.index.astype("str").str[0].map({"1": "voice", "2": "face", "3": "both"})
    clip = table["fileName"].to_numpy()[cell]
    intended = table["fileName"].str.split("_").str[2].str[0].to_numpy()[cell]
    frame = pd.DataFrame(
        {
            "item": clip,
            "modality": condition.to_numpy()[cell],
            "participant": np.char.add("p", np.concatenate(raters).astype(str)),
            "hit": (np.array(list(EMOTIONS))[chosen] == intended).astype(float),
            **{name: (chosen == i).astype(np.int8) for i, name in enumerate(EMOTIONS)},
        }
    )
    return mv.from_frames(
        frame, labels=list(EMOTIONS), dimensions=["hit"], modalities=("voice", "face", "both")
    )


#: How each study is made.
STUDIES: dict[str, Callable[[], Any]] = {
    "1,494 trajectories": lambda: mv.simulate_muvi(features=False),
    "9,000 trajectories": lambda: mv.simulate_muvi(features=False, n_items=486, n_participants=300),
    "212,000 choices": votes,
    "1,000,000 ratings": lambda: crowd(1_000_000, 3_333, 20_000, one_label=False),
}


def run() -> Iterator[dict[str, Any]]:
    mv.kruskal_modality(STUDIES["1,494 trajectories"](), n_resamples=99)  # imports are no part
    for size, calls in LIMITS.items():
        study = STUDIES[size]()
        for name, (limit, call) in calls.items():
            seconds, worked = shortest(lambda call=call, study=study: call(study))
            yield {
                "study": size,
                "name": name,
                "seconds": seconds,
                "cpu_seconds": worked,
                "limit": limit,
                "ratio": limit / worked,
            }


def shortest(call: Callable[[], Any]) -> tuple[float, float]:
    """Fewest seconds, and fewest of CPU, of up to three calls."""
    taken: list[tuple[float, float]] = []
    while len(taken) < 3 and (not taken or taken[-1][0] < LONG):
        start, worked = time.perf_counter(), time.process_time()
        call()
        taken.append((time.perf_counter() - start, time.process_time() - worked))
    seconds, of_cpu = zip(*taken, strict=True)
    return min(seconds), min(of_cpu)

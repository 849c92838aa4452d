"""Permutations that respect the design, on real or simulated data of MuVi's size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import muvistats as mv

#: Seconds that each task may take, and what it does.
LIMITS: dict[str, tuple[float, Callable[[Any], Any]]] = {
    "kruskal_modality, 10,000 within items": (
        5.0,
        lambda study: mv.kruskal_modality(
            study, dimension="arousal", dependence="design", n_resamples=10_000
        ),
    ),
    "mannwhitney_overlay, 10,000 within items and modalities": (
        5.0,
        lambda study: mv.mannwhitney_overlay(
            study, dimension="arousal", dependence="design", n_resamples=10_000
        ),
    ),
    "kruskal by gender, 20,000 of participants": (
        1.0,
        lambda study: mv.kruskal(
            study, "arousal ~ gender", dependence="design", n_resamples=20_000
        ),
    ),
    "chisquare_labels by gender, 20,000 of participants": (
        1.0,
        lambda study: mv.chisquare_labels(
            study, by="gender", dependence="design", n_resamples=20_000
        ),
    ),
    "chisquare_labels by modality, 10,000 within items": (
        5.0,
        lambda study: mv.chisquare_labels(study, dependence="design", n_resamples=10_000),
    ),
    "chisquare_labels by familiarity, 10,000 conditional draws": (
        1.0,
        lambda study: mv.chisquare_labels(
            study, by="familiar", dependence="design", n_resamples=10_000
        ),
    ),
}


def run() -> Iterator[dict[str, Any]]:
    study = mv.simulate_muvi(features=False)
    for name, (limit, call) in LIMITS.items():
        call(study)
        start, worked = time.perf_counter(), time.process_time()
        call(study)
        seconds, worked = time.perf_counter() - start, time.process_time() - worked
        yield {
            "name": name,
            "seconds": seconds,
            "cpu_seconds": worked,
            "limit": limit,
            "ratio": limit / seconds,
        }

"""What stands at the top of the report, and its versions."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping

import pandas as pd
import xarray as xr

from ..dataset.access import dimensions_of, question_of
from ..results.words import capital, count, fixed, word
from .claims import answer, claims
from .page import Answer, Fact, FindingRow, Score, ScoreRow
from .sources import Source
from .views import TONES

_PACKAGES = ("numpy", "scipy", "pandas", "xarray", "statsmodels", "scikit-learn", "matplotlib")


def kicker(source: Source) -> str:
    """The line above the title."""
    read = f"{source.name}: " if source.name else ""
    if source.is_muvi:
        return capital(f"{read}emotion ratings and labels, beside the values of the MuVi paper")
    study = source.first
    rated = ", ".join(word(name) for name in dimensions_of(study))
    parts = [f"ratings of {rated}"] if rated else []
    if "labels" in study["annotations"].data_vars:
        question = question_of(study)
        parts.append(f"choices of {word(question)}" if question else "labels")
    return capital(f"{read}{' and '.join(parts)}")


def reading_names(source: Source) -> list[str]:
    """Headings of the readings of the labels."""
    if len(source.readings) == 1:
        return ["This data"]
    return [f"Labels {word(name)}" for name in source.readings]


def _kept(study: xr.DataTree, mask: str) -> int:
    return int(study[f"annotations/{mask}"].to_numpy().sum())


def facts(source: Source) -> list[Fact]:
    """What the data is, in numbers."""
    study = source.first
    annotations = study["annotations"].to_dataset()
    listed = [Fact("Annotations", count(annotations.sizes["annotation"]))]
    if "participant" in annotations.coords:
        listed.append(Fact("Raters", count(study["participants"].sizes["participant"])))
    listed.append(Fact("Items", count(study["items"].sizes["item"])))
    if not source.one_modality:
        shown = set(annotations["modality"].to_numpy().tolist())
        listed.append(Fact("Modalities", count(len(shown))))
    if "session" in annotations.coords:
        shown = set(annotations["session"].to_numpy().tolist())
        listed.append(Fact("Sessions", count(len(shown))))
    dimensions = dimensions_of(study)
    if dimensions or source.is_muvi:
        listed.append(Fact("Rated dimensions", ", ".join(word(d) for d in dimensions) or "none"))
    if dimensions:
        listed.append(Fact("Kept for ratings", count(_kept(study, "keep_dynamic"))))
    if "labels" in annotations:
        kept = " / ".join(count(_kept(one, "keep_labels")) for one in source.readings.values())
        listed.append(Fact("Labels", count(annotations.sizes["label"])))
        listed.append(Fact("Kept for labels", kept))
    return listed


def lead(
    source: Source, frames: Mapping[str, pd.DataFrame], comparisons: Mapping[str, pd.DataFrame]
) -> list[str]:
    """The first sentences of the report."""
    texts = []
    if source.simulated:
        texts.append(
            "This data is simulated: nobody rated anything."
            + (
                " Its settings were chosen to resemble the paper, so agreement with a printed "
                "value says that the simulation is close, not that a finding was replicated."
                if source.is_muvi
                else ""
            )
        )
    if len(source.readings) > 1:
        texts.append(
            "The labels are read in two ways: as they stand in the file, and moved up by one trial "
            "within each person. Every table of labels shows both."
        )
    texts += _signal(frames.get("label_alignment"))
    if source.is_muvi and not comparisons:
        texts.append("No value of the paper could be set beside this data.")
    return texts


def _signal(check: pd.DataFrame | None) -> list[str]:
    """What the alignment check says about the labels, one sentence per reading."""
    if check is None:
        return []
    texts = []
    rows = check[check["variable"] == "labels"]
    several = len(set(rows["alignment"])) > 1
    for alignment, part in rows.groupby("alignment", sort=False):
        subject = f"Labels {word(alignment)}" if several else "The labels"
        best = part[part["best"]]
        if best.empty:
            texts.append(f"{subject} show no agreement on items at any lag.")
            continue
        lag, z = int(best["lag"].iloc[0]), fixed(float(best["statistic"].iloc[0]), 1)
        texts.append(
            f"{subject} fit their items as they stand (z = {z})."
            if lag == 0
            else f"{subject} do not fit their items: people agree on items only when labels are "
            f"moved {'up' if lag > 0 else 'down'} by {abs(lag)} trial{'s' if abs(lag) > 1 else ''} "
            f"(z = {z})."
        )
    return [" ".join(texts)] if texts else []


def score_rows(source: Source, comparisons: Mapping[str, pd.DataFrame]) -> list[ScoreRow]:
    """How many printed values agree, per reading of the labels."""
    if not comparisons:
        return []
    names = dict(zip(source.readings, reading_names(source), strict=True))
    printed = pd.concat(comparisons.values(), ignore_index=True)
    rows = []
    for alignment in dict.fromkeys(printed["alignment"]):
        verdicts = printed.loc[printed["alignment"] == alignment, "verdict"].value_counts()
        counts = [
            Score(verdict, int(verdicts.get(verdict, 0)), tone) for verdict, tone in TONES.items()
        ]
        rows.append(ScoreRow(names.get(str(alignment), str(alignment)), counts))
    return rows


def finding_rows(
    source: Source, frames: Mapping[str, pd.DataFrame], reasons: Mapping[str, str]
) -> list[FindingRow]:
    """Which claims of the paper hold in this data, and what the others need."""
    if not source.is_muvi:
        return []
    rows = []
    for claim in claims():
        anchor = claim.table if claim.table in frames else "absent"
        answers = []
        for name in source.readings:
            parts = {key: source.rows_of(name, frame) for key, frame in frames.items()}
            if anchor != "absent" and parts[claim.table].empty:
                answers.append(Answer("the same", "", ""))
            else:
                answers.append(answer(claim, parts, reasons.get(claim.table, "")))
        rows.append(FindingRow(claim.claim, claim.section, anchor, answers))
    return rows


def versions(
    package: str, python: str, hashes: Mapping[str, str], *, labels: bool = True
) -> list[Fact]:
    """Versions of what made the report, and the hash of the data."""
    listed = [Fact("muvistats", package), Fact("Python", python)]
    listed += [Fact(name, importlib.metadata.version(name)) for name in _PACKAGES]
    listed.append(Fact("Machine", f"{platform.system()} {platform.machine()}"))
    for name, text in hashes.items():
        reading = f", labels {word(name)}" if labels else ""
        listed.append(Fact(f"SHA-256 of the data{reading}", text))
    return listed

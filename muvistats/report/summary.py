"""What stands at the top of the report, and its versions."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence

import pandas as pd
import xarray as xr

from ..dataset.access import dimensions_of, question_of
from ..results.paper import RULES
from ..results.vocabulary import VERDICTS
from ..results.words import capital, count, fixed, word
from .page import Fact, Score, ScoreRow
from .parts import Settings
from .sources import Source
from .views import TONES

_PACKAGES = ("numpy", "scipy", "pandas", "xarray", "statsmodels", "scikit-learn", "matplotlib")


def kicker(source: Source) -> str:
    """The line above the title."""
    read = f"{source.name}: " if source.name else ""
    if source.is_muvi:
        return capital(f"{read}emotion ratings and labels, beside the values of the MuVi paper")
    study = source.first
    rated = [word(name) for name in dimensions_of(study)]
    parts = [f"ratings of {_listed(rated)}"] if rated else []
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
    if "labels" in annotations:
        listed.append(Fact("Labels", count(annotations.sizes["label"])))
    return listed


def lead(
    source: Source,
    frames: Mapping[str, pd.DataFrame],
    comparisons: Mapping[str, pd.DataFrame],
    reasons: Mapping[str, str],
) -> list[str]:
    """How the data was read, in the first sentences of the report."""
    texts = []
    if source.simulated:
        texts.append(
            "This data is simulated: nobody rated anything."
            + (
                " Its settings were chosen to resemble the paper. Agreement with the paper says "
                "that the simulation is close; it replicates nothing."
                if source.is_muvi
                else ""
            )
        )
    if len(source.readings) > 1:
        texts.append(
            "The labels are read in two ways: as they stand in the file, and moved up by one trial "
            "within each person. Every table of labels shows both."
        )
    texts += _signal(frames.get("label_alignment"), reasons.get("label_alignment", ""))
    texts += _left_out(source)
    if source.is_muvi and not comparisons:
        texts.append("No value of the paper could be set beside this data.")
    return texts


def _left_out(source: Source) -> list[str]:
    """How many annotations are masked, in each reading of the labels."""
    masked = []
    total = source.first["annotations"].sizes["annotation"]
    if dimensions_of(source.first):
        masked.append(("the ratings of", total - _kept(source.first, "keep_dynamic")))
    for name, study in source.readings.items() if _has_labels(source.first) else ():
        reading = f" ({word(name)})" if len(source.readings) > 1 else ""
        masked.append((f"the labels{reading} of", total - _kept(study, "keep_labels")))
    said = [f"{what} {count(out)}" for what, out in masked if out]
    if not said:
        return []
    return [f"Of {count(total)} annotations, {' and '.join(said)} are left out of the statistics."]


def _has_labels(study: xr.DataTree) -> bool:
    return "labels" in study["annotations"].data_vars


def _signal(check: pd.DataFrame | None, reason: str) -> list[str]:
    """What the alignment check says: which columns fit their items, and which at another lag."""
    if check is None:
        why = f": {reason}" if reason else ""
        return [f"Whether rows stand beside their own items could not be checked{why}."]
    texts = []
    several = len(set(check["alignment"])) > 1
    fits: list[str] = []
    nowhere: list[str] = []
    for (variable, alignment), part in check.groupby(["variable", "alignment"], sort=False):
        of_labels = variable in ("labels", "familiar")
        if several and not of_labels and alignment != check["alignment"].iloc[0]:
            continue
        name = "familiarity" if variable == "familiar" else word(variable)
        subject = f"{name} {word(alignment)}" if several and of_labels else name
        best = part[part["best"]]
        if best.empty:
            nowhere.append(subject)
            continue
        lag, z = int(best["lag"].iloc[0]), fixed(float(best["statistic"].iloc[0]), 1)
        if lag == 0:
            fits.append(f"{subject} (z\u00a0=\u00a0{z})")
            continue
        trials = f"{abs(lag)} trial{'s' if abs(lag) > 1 else ''}"
        texts.append(
            f"{capital(subject)}: the rows do not fit their items. People agree on items only when "
            f"rows are moved {'up' if lag > 0 else 'down'} by {trials} (z\u00a0=\u00a0{z})."
        )
    if nowhere:
        texts.append(f"People agree on items neither as rows stand nor moved: {_listed(nowhere)}.")
    if fits:
        texts.append(f"As rows stand, people agree on items beyond chance: {_listed(fits)}.")
    return [" ".join(texts)] if texts else []


def _listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


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


def origin(package: str, settings: Settings, hashes: Mapping[str, str]) -> list[Fact]:
    """What it takes to make the report again, in short."""
    data = " / ".join(text[:12] for text in dict.fromkeys(hashes.values()))
    resamples = f"{settings.n_resamples:,} resamples"
    return [
        Fact("Version", f"muvistats {package}"),
        Fact("Seed", f"{settings.rng}, {resamples}"),
        Fact("Data, SHA-256", data),
    ]


def verdicts(*, printed: bool) -> dict[str, Mapping[str, str]]:
    """Words of the first page and their meanings; of printed numbers where there are some."""
    said: dict[str, Mapping[str, str]] = {
        "A finding, recomputed": VERDICTS["write_report"],
        "A finding, by the design": VERDICTS["sensitivity_table"],
    }
    if printed:
        said["A printed number"] = VERDICTS["compare_published"]
        said["Which rule gives the word for a printed number"] = RULES
    return said


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

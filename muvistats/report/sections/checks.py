"""Checks that come before any test: files, faults, alignment, lists, raters, exclusions."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from ...dataset.access import annotation_frame, dimensions_of, question_of
from ...dataset.gate import scale_of
from ...dataset.quality.checks import label_alignment_check, rater_quality, repeated_lists
from ...dataset.quality.shifts import LAGS
from ...dataset.schema import decode_levels
from ...plots.alignment import plot_label_alignment
from ...results.frame import provenance
from ...results.words import column_texts, count, word
from ..factors import is_measure, own_columns, own_factors
from ..parts import (
    Figure,
    NothingToSayError,
    Section,
    Settings,
    Table,
    drawn,
    plain,
    resampled,
)
from ..sources import has_features

#: Participants who stand out that the page names; the CSV has all.
_NAMED = 10


def _group(study: xr.DataTree, name: str) -> pd.DataFrame:
    """A group of texts and counts as a frame that says where it comes from."""
    columns = study[name].to_dataset().data_vars if name in study else {}
    frame = pd.DataFrame({str(key): values.to_numpy() for key, values in columns.items()})
    return frame.assign(**provenance(study))


#: How a column came about, in words.
_ASSIGNED = {
    "within_item": "varies within items",
    "participant": "trait of participants",
    "item": "trait of items",
    "observed": "observed",
}


def _scale(values: xr.DataArray) -> str:
    """The scale of a dimension: its ends, or its words and their numbers."""
    if "words" in values.attrs:
        words = decode_levels(values.attrs["words"])
        return ", ".join(f"{word} ({number})" for number, word in enumerate(words, 1))
    low, high = scale_of(values)
    return f"from {low:g} to {high:g}"


def _own_columns(study: xr.DataTree) -> list[tuple[str, str]]:
    """Columns of the user's own, and what the report takes them for."""
    assigned = annotation_frame(study).attrs["assigned"]
    factors = own_factors(study)
    rows = []
    for name, column in own_columns(study).items():
        n_levels = len(set(column.dropna()))
        number = "numbers" if is_measure(column) else "texts"
        kind = f"{n_levels} levels" if name in factors else f"{number}, not tested"
        how = _ASSIGNED.get(assigned.get(name, ""), "")
        rows.append((f"column: {name}", ", ".join(filter(None, (kind, how)))))
    return rows


def _contents(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
    annotations = study["annotations"].to_dataset()
    rows = [("annotations", f"{annotations.sizes['annotation']:,}")]
    for name in dimensions_of(study):
        steps = annotations[name].sizes.get("time", 0)
        shape = f"{steps} steps" if steps else "one value each"
        rows.append((f"ratings: {name}", f"{shape}, {_scale(annotations[name])}"))
    if "labels" in annotations:
        asked = "one of" if question_of(study) else "any of"
        rows.append(("labels", f"{asked} {annotations.sizes['label']} in each annotation"))
    flags = ("familiar", "overlay", "trial")
    rows.extend((name, "recorded") for name in flags if name in annotations.variables)
    for group in [name for name in ("participants", "items") if name in study.children]:
        dataset = study[group].to_dataset()
        rows.append((group, f"{next(iter(dataset.sizes.values())):,}"))
    for kind in ("audio", "visual"):
        if has_features(study, kind):
            sizes = study[f"features/{kind}"].sizes
            shape = f"{sizes['feature']:,} features, {sizes['item']} items, {sizes['time']} steps"
            rows.append((f"{kind} features", shape))
    rows += [] if settings.is_muvi else _own_columns(study)
    frame = pd.DataFrame(rows, columns=["part", "found"])
    return frame.assign(**provenance(study))


def _log(study: xr.DataTree, _: Settings) -> pd.DataFrame:
    frame = _group(study, "log")
    if frame.empty:
        raise NothingToSayError("the reader found nothing to mend")
    return frame


def _merged(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows that stand in every reading shown once, with the readings they hold for."""
    keys = [name for name in frame.columns if name not in ("alignment", "simulated")]
    if (frame["alignment"] == "as_recorded").all():
        return frame[keys]
    readings = max(2, frame["alignment"].nunique())
    groups = frame.groupby(keys, sort=False, dropna=False)["alignment"]
    shown = groups.agg(lambda names: "both" if len(set(names)) == readings else word(names.iloc[0]))
    return shown.rename("reading").reset_index()


def _lag_name(lag: int) -> str:
    return f"lag {count(lag)}"


def _adjacent(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Rows with the same keys below each other, otherwise in their order."""
    first = table.groupby(keys, sort=False).ngroup()
    return table.iloc[first.to_numpy().argsort(kind="stable")]


def _lags(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per variable and reading, one column per lag."""
    rows = []
    for (variable, alignment), part in frame.groupby(["variable", "alignment"], sort=False):
        lags = part.set_index("lag")["statistic"]
        best = part.loc[part["best"], "lag"]
        row = {"variable": variable, "reading": word(alignment)}
        row |= {_lag_name(lag): lags[lag] for lag in lags.index}
        row["best lag"] = "none" if best.empty else f"{best.iloc[0]:d}"
        rows.append(row)
    table = _adjacent(pd.DataFrame(rows), ["variable"])
    return table if len(set(frame["alignment"])) > 1 else table.drop(columns="reading")


def _lag_people(frame: pd.DataFrame) -> pd.DataFrame:
    """For each variable and reading, at which lag the participants fit best."""
    rows = []
    for (variable, alignment), part in frame.groupby(["variable", "alignment"], sort=False):
        best = part[part["best"]]
        row = {
            "variable": variable,
            "reading": word(alignment),
            "participants": part["participant"].nunique(),
        }
        row |= {
            f"best at {count(lag)}": int((best["lag"] == lag).sum())
            for lag in sorted(part["lag"].unique())
        }
        row["no signal"] = part["participant"].nunique() - best["participant"].nunique()
        rows.append(row)
    return _adjacent(pd.DataFrame(rows), ["variable"])


def _quality_summary(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per quantity: spread over the participants, and who stands out."""
    rows = []
    keys = ["quantity", "dimension", "alignment"]
    for (quantity, dimension, alignment), part in frame.groupby(keys, sort=False, dropna=False):
        values = part["estimate"]
        out = part[part["outlier"]]
        texts = column_texts("estimate", out["estimate"].tolist())
        people = [f"{p} ({t})" for p, t in zip(out["participant"], texts, strict=True)]
        more = [f"{len(people) - _NAMED:,} more"] if len(people) > _NAMED else []
        named = ", ".join([*people[:_NAMED], *more])
        rows.append(
            {
                "quantity": word(quantity),
                "dimension": word(dimension) if isinstance(dimension, str) else "",
                "reading": word(alignment),
                "minimum": values.min(),
                "median": values.median(),
                "maximum": values.max(),
                "stand out": named or "nobody",
            }
        )
    table = _adjacent(pd.DataFrame(rows), ["quantity", "dimension"])
    if len(set(frame["alignment"])) < 2:
        return table.drop(columns="reading")
    depends = table["quantity"].str.contains("label")
    first = table["reading"] == word(frame["alignment"].iloc[0])
    return table[depends | first].assign(reading=table["reading"].where(depends, "both"))


def _exclusions(study: xr.DataTree, _: Settings) -> pd.DataFrame:
    frame = _group(study, "exclusions")
    if frame.empty:
        raise NothingToSayError("nothing was excluded")
    return frame.drop(columns="annotation")


def _exclusion_counts(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
    frame = _exclusions(study, settings)
    reason = frame["reason"].str.replace(r"^\d+ (?=values of )", "", regex=True)
    frame = frame.assign(reason=reason)
    counts = frame.groupby(["mask", "reason"], sort=False).size().rename("annotations")
    return counts.reset_index().assign(**provenance(study))


CHECK_SECTIONS = (
    Section(
        key="read",
        chapter="checks",
        title="What was read",
        text=("The parts of the study, and then what its reader counted, mended or left out."),
        tables=(
            Table("contents", "Parts of the study", _contents, each_reading=True, view=_merged),
            Table(
                "log",
                "What the reader counted, and what it did about it",
                _log,
                each_reading=True,
                view=_merged,
            ),
        ),
    ),
    Section(
        key="alignment",
        chapter="checks",
        title="Do the rows belong to their items?",
        text=(
            "People who rate the same item agree a little. If rows had slipped by some trials, "
            "people would agree once the rows are moved back by as many, and not as they stand. "
            "z says by how many standard deviations agreement lies above that of shuffled rows."
        ),
        warnings=True,
        tables=(
            Table(
                "label_alignment",
                "Agreement on items (z) when values are moved up by some trials",
                resampled(label_alignment_check),
                needs=("people", "trial"),
                each_reading=True,
                view=_lags,
                rules=dict.fromkeys((_lag_name(lag) for lag in LAGS), "statistic"),
            ),
            Table(
                "label_alignment_people",
                "Number of participants by the lag at which they fit best",
                resampled(label_alignment_check, level="participant"),
                needs=("people", "trial"),
                each_reading=True,
                view=_lag_people,
                slow=True,
            ),
        ),
        figures=(
            Figure(
                "alignment_figure",
                "Agreement on items by lag; it should peak at 0",
                "Bars of z by lag, one panel for each variable that was checked",
                drawn(plot_label_alignment, "label_alignment"),
                uses=("label_alignment",),
                each_reading=True,
            ),
        ),
    ),
    Section(
        key="lists",
        chapter="checks",
        title="Lists used more than once",
        text=(
            "These participants saw the same trials in the same order as somebody before them. "
            "So their ratings share the effects of order."
        ),
        tables=(
            Table(
                "repeated_lists",
                "Participants with a list that was used before",
                plain(repeated_lists),
                needs=("people", "trial"),
                columns="participant repeats n",
                collapsed=True,
            ),
        ),
    ),
    Section(
        key="raters",
        chapter="checks",
        title="How the raters worked",
        text=(
            "Constant answers, drift over trials, and agreement with the other raters, as far as "
            "the study shows them. Whoever stands out lies more than 3.5 robust standard "
            "deviations from the median. Nobody is excluded for it. The CSV has every "
            "participant."
        ),
        tables=(
            Table(
                "rater_quality",
                "Quality of the ratings over participants",
                plain(rater_quality),
                needs=("people",),
                each_reading=True,
                view=_quality_summary,
                rules={"minimum": "mixed", "median": "mixed", "maximum": "mixed"},
            ),
        ),
    ),
    Section(
        key="excluded",
        chapter="checks",
        title="What was excluded",
        text=(
            "Excluded annotations are masked, not deleted. Their ratings, their labels, or both "
            "stay out of the statistics."
        ),
        tables=(
            Table(
                "exclusion_counts",
                "Excluded annotations by reason",
                _exclusion_counts,
                each_reading=True,
                view=_merged,
            ),
            Table(
                "exclusions",
                "Every excluded annotation",
                _exclusions,
                each_reading=True,
                view=_merged,
                collapsed=True,
                limit=200,
            ),
        ),
    ),
)

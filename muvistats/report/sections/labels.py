"""The emotion labels: how often, and together with which (section 4.1.2 of the paper)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import pandas as pd
import xarray as xr

from ...dataset.access import dimensions_of
from ...plots.labels import plot_label_correlations, plot_label_frequencies
from ...results.words import Rule, word
from ...stats.labels.choices import confusion_matrix, hit_rates
from ...stats.labels.frequencies import label_frequencies
from ...stats.labels.pairs import label_correlations
from ..parts import (
    Compute,
    Figure,
    Need,
    Section,
    Settings,
    Table,
    drawn,
    plain,
    together,
)

Level = Literal["label", "category", "superfactor", "summary"]

#: Pairs of labels that the page shows: the strongest ones.
_PAIRS = 20

_SHARES: Mapping[str, Rule] = {
    "% of labels": "percent",
    "% of annotations": "percent",
    "conf_low": "percent",
}

_NEEDS: Mapping[Level, tuple[Need, ...]] = {
    "category": ("categories",),
    "superfactor": ("superfactors",),
}

_PAIR_COLUMNS = "estimate conf_low conf_high conf_level p_value p_adjusted p_adjust_method"


def _frequencies(level: Level) -> Compute:
    """Counts at one level, of MuVi over the annotations that the paper's Table 3 counts."""

    def compute(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
        as_printed = settings.is_muvi and bool(dimensions_of(study))
        return label_frequencies(study, level=level, require_dynamic=as_printed)

    return compute


def _wide(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row per label: counts by modality, and shares in all."""
    counts = frame.pivot_table(
        index=keys, columns="modality", values="count", sort=False, aggfunc="first"
    )
    modalities = [name for name in counts.columns if name != "all"]
    modalities = [] if len(modalities) == 1 else modalities
    overall = together(frame).set_index(keys)
    table = counts[modalities].rename(columns={m: word(m).capitalize() for m in modalities})
    for name in table.columns:
        table[name] = table[name].astype("int64")
    table["total"] = overall["count"]
    if not overall["label_share"].equals(overall["share"]):  # as of one answer each
        table["% of labels"] = overall["label_share"]
    table["% of annotations"] = overall["share"]
    for name in ("conf_low", "conf_high", "conf_level"):
        table[name] = overall[name]
    return table.reset_index()


def _labels_wide(frame: pd.DataFrame) -> pd.DataFrame:
    known = frame["category"].notna() & (frame["category"] != "all")
    keys = ["category", "label"] if known.any() else ["label"]
    return _wide(frame, keys)


def _frequency_table(
    level: Level, caption: str, view: Callable[[pd.DataFrame], pd.DataFrame], **options: Any
) -> Table:
    return Table(
        "label_frequencies" if level == "label" else f"label_frequencies_{level}",
        caption,
        _frequencies(level),
        needs=_NEEDS.get(level, ("labels",)),
        each_reading=True,
        view=view,
        rules=_SHARES,
        split=True,
        **options,
    )


def _strongest(frame: pd.DataFrame) -> pd.DataFrame:
    """The strongest pairs over all annotations, with their values within and between items."""
    keys = ["label1", "label2"]
    frame = frame[frame["dependence"] == "independent"]
    total = frame[frame["scope"] == "total"].set_index(keys)
    order = total["estimate"].abs().dropna().sort_values(ascending=False).index[:_PAIRS]
    table = total.loc[order, _PAIR_COLUMNS.split()]
    for scope in dict.fromkeys(frame["scope"]):
        if scope != "total":
            one = frame[frame["scope"] == scope].set_index(keys)["estimate"]
            table[f"r {word(scope)}"] = one.reindex(order)
    return table.rename(columns={"estimate": "r"}).reset_index()


LABEL_SECTIONS = (
    Section(
        key="frequencies",
        chapter="labels",
        title="How often labels were chosen",
        reference="Table 3, section 4.1.2",
        text="Counts, and their shares of all labels chosen and of all annotations.",
        paper=(
            "As in the paper's Table 3, annotations without usable ratings are left out, where "
            "there are ratings."
        ),
        tables=(
            _frequency_table(
                "label",
                "Emotion labels by modality",
                _labels_wide,
                published=("label_frequencies",),
            ),
            _frequency_table(
                "category",
                "Categories of labels by modality",
                partial(_wide, keys=["superfactor", "category"]),
                published=("label_frequencies_category",),
            ),
            _frequency_table(
                "superfactor",
                "Superfactors of labels by modality",
                partial(_wide, keys=["superfactor"]),
                collapsed=True,
            ),
            Table(
                "label_frequencies_summary",
                "Labels per annotation, and distinct labels per item",
                _frequencies("summary"),
                needs=("ticks",),
                each_reading=True,
                published=("label_frequencies_summary",),
                columns=(
                    "quantity modality alignment mean sd median conf_low conf_high n n_missing"
                ),
            ),
        ),
        figures=(
            Figure(
                "label_frequencies_figure",
                "Share of annotations with each label, by modality",
                "Dot for each label and modality with its confidence interval",
                drawn(plot_label_frequencies, "label_frequencies"),
                uses=("label_frequencies",),
                each_reading=True,
            ),
        ),
    ),
    Section(
        about="own",
        key="recognition",
        chapter="labels",
        title="Was the intended label chosen?",
        text=(
            "The hit rate is the share of answers that name what an item was meant to show. The "
            "unbiased hit rate is lower for labels that are chosen all the time. Chance is what "
            "guessing with the same preferences would give. Intervals stand for other items, and "
            "for other raters where these are known."
        ),
        tables=(
            Table(
                "hit_rates",
                "Hit rates by modality",
                plain(hit_rates),
                needs=("choice", "intended"),
                columns=(
                    "modality quantity label estimate conf_low conf_high chance n n_items "
                    "n_participants"
                ),
            ),
            Table(
                "confusion_matrix",
                "What was chosen where each label was intended, by modality",
                plain(confusion_matrix),
                needs=("choice", "intended"),
                columns="modality intended label count share conf_low conf_high n",
                rules={"conf_low": "percent"},
                collapsed=True,
                limit=200,
            ),
        ),
    ),
    Section(
        key="together",
        chapter="labels",
        title="Which labels go together",
        reference="Figure 3, section 4.1.2",
        text=(
            f"Pearson correlations between labels over annotations. Shown are up to {_PAIRS} "
            "pairs, the strongest ones, with their correlation within items (people disagree about "
            "the same item) and between items. The CSV has every pair."
        ),
        tables=(
            Table(
                "label_correlations",
                "Strongest correlations between labels",
                plain(label_correlations),
                needs=("ticks",),
                each_reading=True,
                published=("label_correlations",),
                view=_strongest,
                split=True,
            ),
        ),
        figures=(
            Figure(
                "label_correlations_figure",
                "Correlations between labels over annotations",
                "Heat map of the correlations between all pairs of labels",
                drawn(plot_label_correlations, "label_correlations"),
                uses=("label_correlations",),
                each_reading=True,
            ),
        ),
    ),
)

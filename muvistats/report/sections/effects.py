"""What moves ratings and labels: interface, modality and who rates (section 4.2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import matplotlib.figure
import numpy as np
import pandas as pd
import xarray as xr
from statsmodels.stats.proportion import confint_proportions_2indep

from ...dataset.access import annotation_frame, dimensions_of
from ...errors import DesignError
from ...formula import code_of_column
from ...plots.labels import plot_label_deviations
from ...plots.modalities import plot_modality_medians
from ...stats.descriptives.normality_tests import normality
from ...stats.labels.counts import chisquare, chisquare_labels
from ...stats.labels.residuals import label_deviations
from ...stats.ranks.pairs_of_groups import pairwise_modality
from ...stats.ranks.several_groups import kruskal, kruskal_modality
from ...stats.ranks.two_groups import mannwhitney_overlay
from ..factors import factor_codes, models_of_factors, plain_factor
from ..parts import (
    Compute,
    Figure,
    Frames,
    Section,
    Settings,
    Table,
    plain,
    resampled,
)

#: Factors of the label tests, as the paper has them: formula, words, figure of the paper.
_FACTORS = {
    "gender": ("gender", "Figure 4"),
    "years_of_training > 3": ("more than three years of musical training", "Figure 5"),
    "familiar": ("familiarity with the item", "Figure 6"),
    "modality": ("modality", ""),
    "overlay": ("overlay type", ""),
}


#: What design rows of ratings do, whatever was assigned and however many there are.
_BY_DESIGN = (
    "allow for people and items that occur in several rows, by permutation, or by a mixed model "
    "where there are few; the CSV says which"
)


def _factors(study: xr.DataTree) -> list[str]:
    """Factors of the paper whose columns the study has."""
    columns = annotation_frame(study).columns
    present = [by for by in _FACTORS if by.split()[0] in columns]
    if not present:
        raise DesignError("the study has none of the paper's factors")
    return present


def _shape(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
    """Tests of normality; of MuVi those against a standard normal distribution too, as printed."""
    frame = normality(study, dependence="independent")
    printed = frame["method"].str.contains("N(0, 1)", regex=False)
    return frame if settings.is_muvi else frame[~printed].reset_index(drop=True)


def _familiar_by_training(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
    """Who knew the items, by training: the test of two factors, and both shares."""
    by = "years_of_training > 3"
    tested = resampled(partial(chisquare, formula=f"familiar ~ {by}"))(study, settings)
    frame = annotation_frame(study).dropna(subset=["familiar", "years_of_training"])
    known = (frame["familiar"] == "familiar").groupby(frame["years_of_training"] > 3)
    (few, many), (n1, n2) = known.sum(), known.count()
    low, high = confint_proportions_2indep(few, n1, many, n2, method="newcomb")
    plain = tested["dependence"] == "independent"
    return tested.drop(columns=["effect_size", "effect_size_name"]).assign(
        mean1=few / n1,
        mean2=many / n2,
        estimate=few / n1 - many / n2,
        estimator="difference of shares",
        conf_low=np.where(plain, low, np.nan),
        conf_high=np.where(plain, high, np.nan),
    )


def _as_possible(
    test: Callable[..., pd.DataFrame], study: xr.DataTree, settings: Settings
) -> pd.DataFrame:
    """Both rows of a test; the independent one where nothing says how the factor came about."""
    try:
        return resampled(test)(study, settings)
    except DesignError:
        return resampled(test, dependence="independent")(study, settings)


def _by_factors(function: Callable[..., pd.DataFrame]) -> Compute:
    """A label test by each of the paper's factors, or of the study's own."""

    def compute(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
        factors = _factors(study) if settings.is_muvi else factor_codes(study)
        tests = [partial(function, by=by) for by in factors]
        rows = pd.concat([_as_possible(t, study, settings) for t in tests], ignore_index=True)
        return rows.assign(factor=rows["factor"].map(plain_factor))

    return compute


def _ratings_by_factors(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
    """Each rated dimension by each factor of the study but modality."""
    formulas = [
        f"{code_of_column(name)} ~ {by}"
        for name in dimensions_of(study)
        for by in factor_codes(study)
        if by != "modality"
    ]
    tests = [partial(kruskal, formula=formula) for formula in formulas]
    rows = pd.concat([_as_possible(t, study, settings) for t in tests], ignore_index=True)
    return rows.assign(factor=rows["factor"].map(plain_factor))


def _largest(frame: pd.DataFrame) -> pd.DataFrame:
    """Five labels of each factor that lie furthest from what is expected, in both rows.

    Two groups have the same residual but for its sign: then the first one is shown.
    """
    top = frame[frame["dependence"] == "independent"]
    top = top.assign(size=top["std_residual"].abs().round(9))
    top = top.sort_values("size", ascending=False, kind="stable")
    keys = ["factor", "alignment", "label"]
    rows = top.drop_duplicates(keys).groupby(keys[:2], sort=False).head(5)
    factors = list(dict.fromkeys(frame["factor"]))
    order = rows["factor"].map({name: i for i, name in enumerate(factors)})
    chosen = rows.iloc[order.to_numpy().argsort(kind="stable")][[*keys, "group"]]
    return chosen.merge(frame, on=[*keys, "group"], how="left")[frame.columns]


def _deviation_figure(by: str) -> Figure:
    words, reference = _FACTORS[by]
    key = by.split()[0]
    paper = f" (the paper's {reference})" if reference else ""

    def draw(_: xr.DataTree, frames: Frames) -> matplotlib.figure.Figure:
        frame = frames["label_deviations"]
        rows = frame[frame["factor"] == by]
        if rows.empty:
            raise DesignError(f"the study has no {key}")
        return plot_label_deviations(rows)

    return Figure(
        f"deviations_{key}",
        f"Labels chosen by {words}, against what is expected{paper}",
        f"Bars of observed label counts with expected counts, one panel for each group of {words}",
        draw,
        uses=("label_deviations",),
        each_reading=True,
        about="muvi",
    )


EFFECT_SECTIONS = (
    Section(
        key="shape",
        chapter="effects-ratings",
        title="Are the ratings normally distributed?",
        reference="Section 4.2.1",
        paper=(
            "The paper compares the medians of annotations with a standard normal distribution, "
            "which bounded ratings cannot have."
        ),
        text=(
            "Lilliefors and Shapiro-Wilk test the shape alone. No other test of this report "
            "depends on it."
        ),
        tables=(
            Table(
                "normality",
                "Distance from a normal distribution",
                _shape,
                needs=("rating",),
                published=("normality",),
                columns="dimension method statistic_name statistic p_value n",
                rules={"statistic": "number"},
            ),
        ),
    ),
    Section(
        key="interface",
        chapter="effects-ratings",
        title="Annotation interface",
        reference="Section 4.2.1",
        text=(
            "The axes stood beside the video, or were overlaid on it. This is asked of the "
            "modalities with a picture. A small p of equivalence says that any difference is "
            "smaller than the margin. Rows called independent take annotations as independent; "
            f"those called design {_BY_DESIGN}."
        ),
        tables=(
            Table(
                "mannwhitney_overlay",
                "Ratings by annotation interface",
                resampled(mannwhitney_overlay),
                needs=("rating", "overlay"),
                published=("mannwhitney_overlay",),
                columns=(
                    "dimension median1 median2 statistic p_value effect_size conf_low conf_high "
                    "p_equivalence dependence n1 n2 n_missing"
                ),
            ),
        ),
    ),
    Section(
        key="modality",
        chapter="effects-ratings",
        title="Modality",
        reference="Section 4.2.1",
        text=(
            "Medians of annotations compared between modalities: all at once, and in pairs by "
            "Dunn's test. Rows called independent take annotations as independent; those called "
            f"design {_BY_DESIGN}."
        ),
        tables=(
            Table(
                "modality_medians",
                "Medians by modality",
                plain(kruskal_modality, level="group", dependence="independent"),
                needs=("rating", "modalities"),
                published=("kruskal_modality_group",),
                columns="dimension group median sd mean_rank n",
            ),
            Table(
                "kruskal_modality",
                "Ratings by modality",
                resampled(kruskal_modality),
                needs=("rating", "modalities"),
                published=("kruskal_modality",),
                columns=(
                    "dimension statistic df p_value effect_size conf_low conf_high dependence n "
                    "n_missing"
                ),
            ),
            Table(
                "pairwise_modality",
                "Ratings by pairs of modalities",
                resampled(pairwise_modality),
                needs=("rating", "modalities"),
                columns=(
                    "dimension group1 group2 median1 median2 statistic p_value p_adjusted "
                    "effect_size conf_low conf_high dependence"
                ),
            ),
        ),
        figures=(
            Figure(
                "modality_figure",
                "Median rating of each annotation, by modality",
                "Distribution of the medians for each modality and dimension, with quartiles",
                lambda study, frames: plot_modality_medians(study, test=frames["kruskal_modality"]),
                needs=("rating", "modalities"),
                uses=("kruskal_modality",),
            ),
        ),
    ),
    Section(
        about="own",
        key="factors",
        chapter="effects-ratings",
        title="Factors of the study",
        text=(
            "Ratings compared between the levels of each factor of the study, by Kruskal-Wallis. "
            "Rows called independent take annotations as independent. Rows called design respect "
            "how the factor came about. Where nothing says so, they compare within people and "
            "items. The mixed models have all factors at once, and random effects of items, and of "
            "participants where these are known."
        ),
        tables=(
            Table(
                "kruskal_factors",
                "Ratings by the factors of the study",
                _ratings_by_factors,
                needs=("rating", "factors"),
                columns=(
                    "dimension factor dependence statistic df p_value effect_size conf_low "
                    "conf_high n n_missing"
                ),
            ),
            Table(
                "mixed_models",
                "Mixed models of the ratings with all factors at once",
                lambda study, _: models_of_factors(study),
                needs=("rating", "factors"),
                columns="dimension term statistic df df_denom p_value",
            ),
        ),
    ),
    Section(
        key="label-tests",
        chapter="effects-labels",
        title="Does the mix of labels differ between groups?",
        reference="Section 4.2.2",
        text=(
            "Chi-square tests of groups by labels. Rows called independent take each chosen "
            "label as independent, although many come from one person and many from one item. "
            "Rows called design set the table beside those that the same answers give when the "
            "factor is dealt out otherwise."
        ),
        also=(("ticks", "Several labels may come from one annotation."),),
        tables=(
            Table(
                "chisquare_labels",
                "Labels by group",
                _by_factors(chisquare_labels),
                needs=("labels",),
                each_reading=True,
                published=("chisquare_labels",),
                columns=(
                    "factor alignment dependence statistic df p_value effect_size conf_low "
                    "conf_high n n_annotations n_missing"
                ),
            ),
            Table(
                "familiar_by_training",
                "Items known to people with three years of training or less, and to the others",
                _familiar_by_training,
                about="muvi",
                needs=("familiar", "people"),
                each_reading=True,
                columns=(
                    "alignment dependence mean1 mean2 estimate conf_low conf_high "
                    "statistic df p_value n n_missing"
                ),
                rules=dict.fromkeys(
                    ("mean1", "mean2", "estimate", "conf_low", "conf_high"), "percent"
                ),
            ),
        ),
    ),
    Section(
        key="deviations",
        chapter="effects-labels",
        title="Which labels differ",
        reference="Figures 4 to 6, section 4.2.2",
        text=(
            "Counts of labels beside those expected if all groups chose alike. Of each factor, "
            "up to five labels are shown: those that lie furthest away. The CSV has all labels."
        ),
        tables=(
            Table(
                "label_deviations",
                "Largest deviations from the expected counts",
                _by_factors(label_deviations),
                needs=("labels",),
                each_reading=True,
                published=("label_deviations",),
                view=_largest,
                columns=(
                    "factor label group dependence observed expected deviation std_residual "
                    "p_value p_adjusted"
                ),
                split=True,
            ),
        ),
        figures=tuple(_deviation_figure(by) for by in _FACTORS),
    ),
)

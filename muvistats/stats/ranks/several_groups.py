"""Rank tests between several groups of annotations: Kruskal-Wallis."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from ...arguments import Dependence, check_dependence
from ...dataset.gate import takes_study
from ...formula import split_formula
from ...kernels.ranks import effects as rank
from ...results.frame import join_reasons, result_frame
from ...types import Data, Names, Rng, Row
from ..shared.study import Groups, Resampling, choose_dimensions, groups_of, offered, to_frame
from . import by_design
from .by_design import Question, Sample, samples

#: Why epsilon squared of the published test has no interval.
NO_INTERVAL_OF_VALUES = "no interval: the groups do not overlap"

_KRUSKAL = (
    "dimension factor group statistic statistic_name df df_denom p_value mc_error effect_size",
    "effect_size_name conf_low conf_high conf_level n_resamples median sd mean_rank n n_missing",
    "method dependence",
)


@result_frame("test, or per group of it with ``level='group'``", *_KRUSKAL)
@takes_study
def kruskal(
    data: Data,
    formula: str,
    *,
    level: Literal["summary", "group"] = "summary",
    dependence: Dependence = ("independent", "design"),
    assigned: str | None = None,
    strata: str | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 9999,
    rng: Rng = 0,
    n_jobs: int = 1,
) -> list[Row]:
    """Kruskal-Wallis test of whether ratings differ between the groups of a factor.

    One value per annotation enters; of a rating over time that is its median. The result has two
    rows. The row ``independent`` is the test that papers print. The row ``design`` asks the same of
    a study in which each person rated several items and each item has several raters. Where the two
    disagree, believe ``design``.

    Parameters
    ----------
    formula : str
        Response and factor, as in ``"arousal ~ modality"``.
    level : {"summary", "group"}
        The test, or median, standard deviation and mean rank of each group. Columns of the other
        level are empty; with ``"summary"`` median and `sd` are those of all values.

    Raises
    ------
    DesignError
        For another `dependence`, a formula that cannot be evaluated, a factor of which nothing
        says how it was assigned, or a trait that changes within a participant.

    See Also
    --------
    pairwise : Which groups differ.
    mannwhitney : Two groups, with an equivalence test.
    mixed_model : Several factors at once.
    friedman : Items, or people, as blocks.

    Notes
    -----
    *Independent row.* All n values are ranked; ties share their mean rank. With the ranks r_i and
    their means R_g over the n_g values of group g,
    ``H = (n - 1) sum_g n_g (R_g - (n + 1) / 2)^2 / sum_i (r_i - (n + 1) / 2)^2``,
    which is corrected for ties. p is from chi-square with k - 1 degrees of freedom for k groups. It
    assumes that each value is a draw of its own.

    *Design row.* It depends on how the factor came to its values (`assigned`). What counts then is
    the number of participants and items, not of ratings; with fewer than 6 of those that are needed
    there is no test.

    - ``within_item``: every item has every level, as with modality. From 40 participants and items
      on, the levels are permuted within each item. Before that, differences between items and
      between people are taken out. With fewer, a mixed model of the values has a level, and a
      reaction to the factor, for each person and each item; the statistic is its F.
    - ``participant``: a trait of people, such as gender. Whole people are permuted, and items may
      mean something else to each group. With fewer than 6 items these are taken as all there are.
    - ``item``: a trait of items, such as genre. Whole items are permuted, or, where they are few,
      the mixed model is taken.
    - ``observed``: nobody assigned it, as with familiarity. The mixed model is adjusted for how
      often the person, and the raters of the item, are in each group.

    The page "How the design rows work" of the guide has the formulas, the assumptions of each way
    and how often each was wrong in simulations.

    *Effect size.* Epsilon squared, ``H / (n - 1)``, is the share of the variance of the ranks that
    lies between groups: 0 for none, 1 for all. It has a bias: without any effect its mean is ``(k -
    1) / (n - 1)``. The interval comes from the noncentral F and allows for the bias; there is none
    where no two groups overlap. In the design row, effects of items and participants are taken out
    first, and the interval is wider by what the clusters ask for.

    *Missing values.* Annotations that lack the response or the group, or that are excluded, are
    left out and counted in `n_missing`. A group without values does not count. Where no test is
    possible its columns are NaN and `warning` says why.

    References
    ----------
    Kruskal, W. H., & Wallis, W. A. (1952). Use of ranks in one-criterion variance analysis.
    Journal of the American Statistical Association, 47(260), 583-621.
    https://doi.org/10.1080/01621459.1952.10483441

    Cameron, A. C., Gelbach, J. B., & Miller, D. L. (2011). Robust inference with multiway
    clustering. Journal of Business & Economic Statistics, 29(2), 238-249.
    https://doi.org/10.1198/jbes.2010.07136

    Examples
    --------
    >>> from muvistats import kruskal, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> rows = kruskal(study, "arousal ~ modality")
    >>> rows[["dependence", "p_value", "effect_size", "n"]].round(3)
        dependence  p_value  effect_size    n
    0  independent    0.040        0.060  108
    1       design    0.251        0.091  108

    As 108 independent ratings these would speak for an effect of modality. They are ratings of nine
    items by twelve people, and these are too few to say so.
    """
    asked = check_dependence(dependence)
    resampling = Resampling.of(n_resamples, rng, n_jobs).spawn(1)[0]
    question = Question(*split_formula(formula), asked, assigned, strata, conf_level)
    return _kruskal_rows(to_frame(data), question, resampling, level)


@result_frame("dimension, or per modality of it with ``level='group'``", *_KRUSKAL)
@takes_study
def kruskal_modality(
    data: Data,
    *,
    dimension: Names | None = None,
    level: Literal["summary", "group"] = "summary",
    dependence: Dependence = ("independent", "design"),
    assigned: str | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 9999,
    rng: Rng = 0,
    n_jobs: int = 1,
) -> list[Row]:
    """Kruskal-Wallis test of each rated dimension between modalities (section 4.2.1).

    `kruskal` with the median of each annotation as response and ``modality`` as factor, once for
    each dimension. The row ``independent`` is the paper's; the row ``design`` respects that people
    and items return.

    Parameters
    ----------
    level : {"summary", "group"}
        The test, or the median, standard deviation and mean rank of each modality.

    Raises
    ------
    DesignError
        For another `dependence`.

    See Also
    --------
    kruskal : Any other factor or response; has the formulas.
    pairwise_modality : Which modalities differ.
    plot_modality_medians : The medians as a figure.

    Notes
    -----
    Formulas, effect size and assumptions are those of `kruskal`. Dimensions are tested one by one:
    p-values are not adjusted for their number. Annotations that lack a rating, or that are
    excluded, are left out and counted in `n_missing`.

    References
    ----------
    Kruskal, W. H., & Wallis, W. A. (1952). Use of ranks in one-criterion variance analysis.
    Journal of the American Statistical Association, 47(260), 583-621.
    https://doi.org/10.1080/01621459.1952.10483441

    Examples
    --------
    >>> from muvistats import kruskal_modality, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> rows = kruskal_modality(study)
    >>> rows[["dimension", "dependence", "p_value", "effect_size"]].round(3)
      dimension   dependence  p_value  effect_size
    0   arousal  independent    0.040        0.060
    1   arousal       design    0.251        0.091
    2   valence  independent    0.000        0.305
    3   valence       design    0.011        0.466

    The difference in valence survives the design, that in arousal does not.
    """
    asked = check_dependence(dependence)
    resampling = Resampling.of(n_resamples, rng, n_jobs)
    frame = to_frame(data)
    names = choose_dimensions(data, dimension)
    question = Question("", "modality", asked, assigned, None, conf_level)
    return [
        row
        for name, child in zip(names, resampling.spawn(len(names)), strict=True)
        for row in _kruskal_rows(frame, replace(question, response=name), child, level)
    ]


def _kruskal_rows(
    frame: pd.DataFrame, question: Question, resampling: Resampling, level: str
) -> list[Row]:
    part = offered(frame, question.factor)
    groups = groups_of(part, question.response, question.factor)
    rows: list[Row] = []
    for sample in samples(part, groups, question):
        base: Row = {
            "dimension": question.response,
            "factor": question.factor,
            "conf_level": question.conf_level,
            "dependence": sample.dependence,
            "method": "Kruskal-Wallis"
            + (f": {sample.method}" if sample.how else ", ties corrected"),
        }
        if level == "group":
            rows += _group_rows(base, sample)
            continue
        if sample.how:
            test = by_design.test_groups(sample, resampling.spawn(1)[0])
        else:
            test = _published(groups, question)
        rows.append(base | _whole(sample.recorded) | test)
    return rows


def _published(groups: Groups, question: Question) -> Row:
    """Columns of the published test and of epsilon squared."""
    n, k = len(groups.values), len(groups.levels)
    reason = join_reasons(groups.problem, groups.note)
    if groups.problem:
        return {"statistic_name": "H", "warning": reason}
    test = stats.kruskal(*(groups.of(code) for code in range(k)))
    share = rank.epsilon_squared(groups.values, groups.codes, k)
    row: Row = {
        "statistic": test.statistic,
        "statistic_name": "H",
        "df": k - 1,
        "p_value": test.pvalue,
        "effect_size": share,
    }
    by_value = rank.clustered_effects(
        groups.values, groups.codes, k, (np.arange(n, dtype=np.intp),), nested=True
    )
    within = by_value.variance_of_ranks(stats.rankdata(groups.values)) * (1 - share)
    low, high = rank.share_interval(by_value, share, within, question.conf_level)
    row |= {"conf_low": low, "conf_high": high}
    no_interval = NO_INTERVAL_OF_VALUES if np.isnan(low) else ""
    small = np.bincount(groups.codes).min() < 5
    rough = "a group has fewer than five values: p is rough" if small else ""
    return row | {"warning": join_reasons(reason, no_interval, rough)}


def _whole(groups: Groups) -> Row:
    """Columns that describe all values together."""
    n = len(groups.values)
    return {
        "group": "all",
        "effect_size_name": "epsilon squared",
        "n_resamples": 0,
        "median": np.median(groups.values) if n else np.nan,
        "sd": rank.standard_deviation(groups.values),
        "mean_rank": (n + 1) / 2 if n else np.nan,
        "n": n,
        "n_missing": groups.n_missing,
    }


def _group_rows(base: Row, sample: Sample) -> list[Row]:
    """Rows of the groups: values as recorded, mean ranks of the values as they are ranked."""
    groups, means = sample.recorded, sample.mean_ranks
    base = base | {"n_missing": groups.n_missing, "conf_level": np.nan}
    rows = [
        base
        | {
            "group": level,
            "n_resamples": 0,
            "median": np.median(groups.of(code)),
            "sd": rank.standard_deviation(groups.of(code)),
            "mean_rank": means[code],
            "n": len(groups.of(code)),
            "warning": "" if len(groups.of(code)) > 1 else "one value has no standard deviation",
        }
        for code, level in enumerate(groups.levels)
    ]
    empty = {"n_resamples": 0, "n": 0, "warning": "no values in this group"}
    return rows + [base | empty | {"group": level} for level in groups.empty]

"""Dunn's comparisons of pairs of groups."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from ...arguments import Dependence, check_dependence
from ...dataset.gate import takes_study
from ...formula import split_formula
from ...kernels.ranks.dominance import dunn
from ...results.frame import join_reasons, result_frame
from ...types import Data, Names, Rng, Row
from ..shared.adjust import adjust_p
from ..shared.study import Groups, Resampling, choose_dimensions, groups_of, offered, to_frame
from . import by_design
from .by_design import Question, samples
from .two_groups import RANK_BISERIAL, biserial

_PAIRS = (
    "dimension factor group1 group2 estimate estimator statistic statistic_name df p_value",
    "mc_error n_resamples p_adjusted p_adjust_method effect_size effect_size_name conf_low",
    "conf_high conf_level median1 median2 n1 n2 n n_missing method dependence",
)


@result_frame("dimension and pair of modalities", *_PAIRS)
@takes_study
def pairwise_modality(
    data: Data,
    *,
    dimension: Names | None = None,
    adjust: str = "holm",
    dependence: Dependence = ("independent", "design"),
    assigned: str | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 9999,
    rng: Rng = 0,
    n_jobs: int = 1,
) -> list[Row]:
    """Dunn's test of each pair of modalities, for each rated dimension.

    `pairwise` with the median of each annotation as response and ``modality`` as factor. It follows
    `kruskal_modality`, which asks whether any modalities differ.

    Raises
    ------
    DesignError
        For another `dependence` or an unknown adjustment.

    See Also
    --------
    kruskal_modality : Whether there is any difference at all.
    pairwise : The same for any factor; has the formulas.
    plot_modality_medians : The medians as a figure.

    Notes
    -----
    Formulas, effect size and assumptions are those of `pairwise`. p-values are adjusted over the
    pairs of one dimension. Annotations that lack a rating, or that are excluded, are left out and
    counted in `n_missing`.

    References
    ----------
    Dunn, O. J. (1964). Multiple comparisons using rank sums. Technometrics, 6(3), 241-252.
    https://doi.org/10.1080/00401706.1964.10490181

    Examples
    --------
    >>> from muvistats import pairwise_modality, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> pairs = pairwise_modality(study, dimension="valence", dependence="design")
    >>> pairs[["group1", "group2", "p_adjusted", "effect_size"]].round(3)
       group1       group2  p_adjusted  effect_size
    0   music       visual       0.004        0.861
    1   music  audiovisual       0.069        0.349
    2  visual  audiovisual       0.004       -0.744

    Music was rated as more pleasant than muted video; with both, ratings lie between.
    """
    asked = check_dependence(dependence)
    resampling = Resampling.of(n_resamples, rng, n_jobs)
    frame = to_frame(data)
    names = choose_dimensions(data, dimension)
    question = Question("", "modality", asked, assigned, None, conf_level)
    return [
        row
        for name, child in zip(names, resampling.spawn(len(names)), strict=True)
        for row in _pair_rows(frame, replace(question, response=name), child, adjust)
    ]


@result_frame("pair of groups", *_PAIRS)
@takes_study
def pairwise(
    data: Data,
    formula: str,
    *,
    adjust: str = "holm",
    dependence: Dependence = ("independent", "design"),
    assigned: str | None = None,
    strata: str | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 9999,
    rng: Rng = 0,
    n_jobs: int = 1,
) -> list[Row]:
    """Dunn's test of each pair of groups, to see which of them differ.

    It follows `kruskal`, which asks whether any do. The row ``independent`` of a pair is Dunn's
    test as papers print it, the row ``design`` respects that people and items return.

    Parameters
    ----------
    formula : str
        Response and factor, as in ``"arousal ~ modality"``.

    Raises
    ------
    DesignError
        For another `dependence`, an unknown adjustment, a formula that cannot be evaluated, or a
        factor whose parts were assigned in different ways.

    See Also
    --------
    kruskal : Whether there is any difference at all; says what the design row does.
    pairwise_modality : The same for modality, of each rated dimension.
    mannwhitney : Two groups only.

    Notes
    -----
    *Independent row.* The values of all groups are ranked together; ties share their mean rank.
    With mean ranks R1 and R2 and the sizes t of the ties, ``z = (R1 - R2) / sqrt((n (n + 1) / 12 -
    sum(t^3 - t) / (12 (n - 1))) (1 / n1 + 1 / n2))``. p is two-sided from the normal distribution.
    It assumes that each value is a draw of its own.

    *Design row.* It goes the ways of `kruskal`: t of a mixed model of the values of the pair, or t
    of mean ranks with errors clustered by participants and items, and a permutation. Only the rows
    of the two groups are permuted, so that p is about this pair.

    *Estimate and effect size.* `estimate` is the difference, first less second: of mean ranks, or
    of the adjusted means of a model; `estimator` says which. The rank-biserial correlation and its
    interval are those of `mannwhitney` for the pair.

    *Many pairs.* `p_adjusted` corrects for the number of pairs by `adjust`, each kind of row by
    itself. Intervals are not adjusted.

    *Missing values.* Annotations that lack the response or the group, or that are excluded, are
    left out and counted in `n_missing`.

    References
    ----------
    Dunn, O. J. (1964). Multiple comparisons using rank sums. Technometrics, 6(3), 241-252.
    https://doi.org/10.1080/00401706.1964.10490181

    Examples
    --------
    >>> from muvistats import pairwise, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> pairs = pairwise(study, "arousal ~ modality", dependence="independent")
    >>> pairs[["group1", "group2", "p_adjusted", "effect_size"]].round(3)
       group1       group2  p_adjusted  effect_size
    0   music       visual       0.036        0.336
    1   music  audiovisual       0.333        0.140
    2  visual  audiovisual       0.243       -0.220

    Music was rated as more arousing than muted video: of two ratings, one of each, that of music
    was the higher one in (1 + .336) / 2, or 67%, of the pairs.
    """
    asked = check_dependence(dependence)
    resampling = Resampling.of(n_resamples, rng, n_jobs).spawn(1)[0]
    question = Question(*split_formula(formula), asked, assigned, strata, conf_level)
    frame = offered(to_frame(data), question.factor)
    return _pair_rows(frame, question, resampling, adjust)


def _pair_rows(
    frame: pd.DataFrame, question: Question, resampling: Resampling, adjust: str
) -> list[Row]:
    """Rows of each pair of groups, in each dependence."""
    groups = groups_of(frame, question.response, question.factor)
    base = _base(groups, question) | {"p_adjust_method": adjust}
    pairs = list(combinations(range(len(groups.levels)), 2))
    children = resampling.spawn(len(pairs))
    rows: list[Row] = []
    for sample in samples(frame, groups, question):
        method = f": {sample.method}" if sample.how else ", ties corrected"
        common = base | {"dependence": sample.dependence, "method": f"Dunn{method}"}
        if not pairs:
            rows.append(common)
            continue
        if sample.how:
            tests = [
                by_design.test_pair(sample, pair, own)
                for pair, own in zip(pairs, children, strict=True)
            ]
        else:
            tests = _published(groups, question)
        adjusted = adjust_p([test.get("p_value", np.nan) for test in tests], adjust)
        rows += [
            common | _described(groups, *pair) | test | {"p_adjusted": p_adjusted}
            for pair, test, p_adjusted in zip(pairs, tests, adjusted, strict=True)
        ]
    return rows


def _base(groups: Groups, question: Question) -> Row:
    """Columns of every row, and what is said where there are no pairs."""
    row: Row = {
        "dimension": question.response,
        "factor": question.factor,
        "estimator": "difference of mean ranks",
        "statistic_name": "z",
        "n_resamples": 0,
        "effect_size_name": RANK_BISERIAL,
        "conf_level": question.conf_level,
        "n": len(groups.values),
        "n_missing": groups.n_missing,
    }
    if len(groups.levels) < 2:
        name = groups.levels[0] if groups.levels else ""
        row |= {"group1": name, "n1": len(groups.values), "n2": 0, "warning": groups.problem}
    return row


def _described(groups: Groups, first: int, second: int) -> Row:
    """Names, sizes and medians of two groups."""
    row: Row = {}
    for side, code in (("1", first), ("2", second)):
        values = groups.of(code)
        row |= {
            "group" + side: groups.levels[code],
            "median" + side: np.median(values),
            "n" + side: len(values),
        }
    return row


def _published(groups: Groups, question: Question) -> list[Row]:
    """Dunn's test of each pair, and the rank-biserial correlation of the two groups alone."""
    found = dunn(groups.values, groups.codes, len(groups.levels))
    rows = []
    for i, (first, second) in enumerate(zip(found.first, found.second, strict=True)):
        effect = biserial(groups.of(int(first)), groups.of(int(second)), question)
        test: Row = {
            "estimate": found.difference[i],
            "statistic": found.z[i],
            "p_value": 2 * stats.norm.sf(abs(found.z[i])),
        }
        reason = join_reasons(groups.problem, groups.note, effect["warning"])
        rows.append(test | effect | {"warning": reason})
    return rows

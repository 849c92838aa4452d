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
    """Dunn's comparisons of each pair of modalities after `kruskal_modality`.

    Raises
    ------
    DesignError
        For another `dependence` or an unknown adjustment.

    Notes
    -----
    With midranks over all modalities and their means R, ``z = (R1 - R2) / sqrt((n (n + 1) / 12 -
    sum(t^3 - t) / (12 (n - 1))) (1 / n1 + 1 / n2))``, t being the sizes of the ties; p two-sided
    from the normal distribution. The sign is first less second. The rank-biserial correlation
    and its interval are those of `mannwhitney` on the two modalities alone.

    The design row (see `kruskal` for the ways and their assumptions): with few participants or
    items t and `df` of a mixed model of the values of the pair, `estimate` being the difference
    of adjusted means; with many, t of the mean ranks of the values less participant and item
    effects, with errors clustered by both. Only the two groups' rows are permuted, those of the
    third stay, so that p is of the pair and not of all three. Were whole participants assigned to
    a modality, they are permuted. `adjust` works on these p. Effect and interval are those of
    `mannwhitney` on the pair.

    Missing and masked values are left out and counted.

    References
    ----------
    Dunn, O. J. (1964). Multiple comparisons using rank sums. Technometrics, 6(3), 241-252.
    https://doi.org/10.1080/00401706.1964.10490181

    Examples
    --------
    >>> from muvistats import pairwise_modality, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> pairs = pairwise_modality(study, dimension="arousal", n_resamples=99)
    >>> pairs.loc[pairs["dependence"] == "design", ["group1", "group2"]].values.tolist()
    [['music', 'visual'], ['music', 'audiovisual'], ['visual', 'audiovisual']]
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
    """Dunn's comparisons of each pair of groups after `kruskal`.

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
    pairwise_modality : The same for modality, of each rated dimension.

    Notes
    -----
    See `pairwise_modality` for the formulas, and `kruskal` for the design row.

    References
    ----------
    Dunn, O. J. (1964). Multiple comparisons using rank sums. Technometrics, 6(3), 241-252.
    https://doi.org/10.1080/00401706.1964.10490181

    Examples
    --------
    >>> from muvistats import pairwise, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> pairs = pairwise(study, "arousal ~ modality", dependence="independent", n_resamples=9)
    >>> pairs["group2"].tolist()
    ['visual', 'audiovisual', 'audiovisual']
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

"""Dunn's comparisons of pairs of modalities."""

from __future__ import annotations

import numpy as np
from scipy import stats

from ...arguments import (
    Dependence,
    check_choice,
    check_conf_level,
    check_dependence,
    check_resamples,
    generator_of,
)
from ...kernels.ranks import effects as rank
from ...results.frame import join_reasons, result_frame
from ...types import Data, Rng, Row
from ..shared.adjust import ADJUSTMENTS, adjust_p
from ..shared.groups import Groups, groups_of
from ..shared.study import choose_dimensions, to_frame
from .by_design import Ranked, Resampling, compare_pair, dominance_columns, ranked
from .two_groups import RANK_BISERIAL, biserial

__all__ = ["pairwise_modality"]


@result_frame(
    "dimension and pair of modalities",
    "dimension",
    "factor",
    "group1",
    "group2",
    "estimate",
    "estimator",
    "statistic",
    "statistic_name",
    "df",
    "p_value",
    "mc_error",
    "n_resamples",
    "p_adjusted",
    "p_adjust_method",
    "effect_size",
    "effect_size_name",
    "conf_low",
    "conf_high",
    "conf_level",
    "median1",
    "median2",
    "n1",
    "n2",
    "n",
    "n_missing",
    "method",
    "dependence",
)
def pairwise_modality(
    data: Data,
    *,
    dimension: str | None = None,
    adjust: str = "holm",
    dependence: Dependence = ("independent", "design"),
    assigned: str | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 9999,
    rng: Rng = 0,
    n_jobs: int = 1,
) -> list[Row]:
    """Dunn's comparisons of each pair of modalities after `kruskal_modality`.

    Parameters
    ----------
    data : DataTree or DataFrame
        A study, or an annotation frame (one row per annotation).
    dimension : str, optional
        Rated dimension; all of them by default.
    adjust : {"holm", "bonferroni", "fdr_bh", "fdr_by", "none"}
        Adjustment of p over the pairs of one dimension.
    dependence : {"independent", "design"} or both
        Rows to give: the published test, and one that respects how the factor was assigned.
        Within items it is permuted within items; for participants whole participants are
        permuted; where it was observed, a mixed model of the ranks tests it.
    assigned : {"within_item", "participant", "observed"}, optional
        How the factor was assigned, where the study does not say it or is overruled.
    conf_level : float
        Confidence level of the interval of the rank-biserial correlation.
    n_resamples : int
        Permutations of each pair; 0 for none.
    rng : int, SeedSequence, Generator or None
        Source of randomness. A number gives the same result each time, None another one.
    n_jobs : int
        Threads for the permutations; the result does not depend on it.

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

    The design row (see `kruskal` for the three ways): t of the mean ranks of the values less
    participant and item effects, with errors clustered by both. Only the two groups' rows are
    permuted, those of the third stay, so that p is of the pair and not of all three. Were whole
    participants assigned to a modality, they are permuted; a mixed model takes the values of the
    pair alone, and only then there is `df`. `adjust` works on these p. Effect and interval are
    those of `mannwhitney` on the pair.

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
    check_choice("adjust", adjust, ADJUSTMENTS)
    check_conf_level(conf_level)
    check_resamples(n_resamples)
    frame = to_frame(data)
    names = choose_dimensions(data, dimension)
    children = generator_of(rng).spawn(len(names))
    rows: list[Row] = []
    for name, child in zip(names, children, strict=True):
        groups = groups_of(frame, name, "modality")
        base = _base(groups, name, adjust, conf_level)
        for kind in asked:
            if kind == "independent":
                rows += _independent_rows(base, groups)
                continue
            plan = Resampling(n_resamples, child, n_jobs)
            made = ranked(frame, "modality", groups, assigned=assigned)
            rows += _design_rows(base, groups, made, plan)
    return rows


def _base(groups: Groups, response: str, adjust: str, conf_level: float) -> Row:
    row: Row = {
        "dimension": response,
        "factor": "modality",
        "estimator": "difference of mean ranks",
        "statistic_name": "z",
        "n_resamples": 0,
        "p_adjust_method": adjust,
        "effect_size_name": RANK_BISERIAL,
        "conf_level": conf_level,
        "n": len(groups.values),
        "n_missing": groups.n_missing,
    }
    if len(groups.levels) < 2:
        name = groups.levels[0] if groups.levels else ""
        row |= {"group1": name, "n1": len(groups.values), "n2": 0, "warning": groups.problem}
    return row


def _pair_columns(groups: Groups, first: int, second: int) -> Row:
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


def _independent_rows(base: Row, groups: Groups) -> list[Row]:
    base = base | {"method": "Dunn, ties corrected", "dependence": "independent"}
    if len(groups.levels) < 2:
        return [base]
    found = rank.dunn(groups.values, groups.codes, len(groups.levels))
    p_values = 2 * stats.norm.sf(np.abs(found.z))
    adjusted = adjust_p(p_values, base["p_adjust_method"])
    reason = join_reasons(groups.problem, groups.note)
    return [
        base
        | _pair_columns(groups, int(first), int(second))
        | {
            "estimate": found.difference[i],
            "statistic": found.z[i],
            "p_value": p_values[i],
            "p_adjusted": adjusted[i],
        }
        | biserial(groups.of(int(first)), groups.of(int(second)), base["conf_level"], reason)
        for i, (first, second) in enumerate(zip(found.first, found.second, strict=True))
    ]


def _design_rows(base: Row, groups: Groups, data: Ranked, plan: Resampling) -> list[Row]:
    base = base | {"method": f"Dunn: {data.method}", "dependence": "design"}
    k = len(groups.levels)
    if k < 2:
        return [base]
    ranks = np.full(len(data.frame), np.nan)
    ranks[groups.use] = stats.rankdata(data.groups.values)
    rows = []
    pairs = [(i, j) for i in range(k) for j in range(i + 1, k)]
    for (first, second), child in zip(pairs, plan.rng.spawn(len(pairs)), strict=True):
        row = base | _pair_columns(groups, first, second)
        if groups.problem:
            rows.append(row | {"warning": join_reasons(groups.problem, groups.note)})
            continue
        own = plan._replace(rng=child)
        found, effects = compare_pair(data.pair(first, second), own, ranks=ranks)
        effect = dominance_columns(effects, base["conf_level"])
        reasons = (found.get("warning", ""), effect.pop("warning", ""), groups.note)
        rows.append(row | found | effect | {"warning": join_reasons(*reasons)})
    p_values = [row.get("p_value", np.nan) for row in rows]
    for row, value in zip(rows, adjust_p(p_values, base["p_adjust_method"]), strict=True):
        row["p_adjusted"] = value
    return rows

"""Mann-Whitney tests between two groups of annotations, with equivalence."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ...arguments import (
    Dependence,
    check_choice,
    check_conf_level,
    check_dependence,
    check_resamples,
    generator_of,
)
from ...errors import DesignError
from ...formula import split_formula
from ...kernels.ranks import effects as rank
from ...results.frame import join_reasons, result_frame
from ...types import Data, Rng, Row
from ..shared.groups import Groups, groups_of, offered
from ..shared.study import choose_dimensions, to_frame
from .by_design import Ranked, Resampling, as_recorded, compare_pair, dominance_columns, ranked

__all__ = ["mannwhitney", "mannwhitney_overlay"]

Alternative = Literal["two-sided", "less", "greater"]

#: Rank-biserial correlation of two normal distributions whose means lie 0.2 standard deviations
#: apart: 2 Phi(0.2 / sqrt(2)) - 1.
EQUIVALENCE_MARGIN = 0.1125

RANK_BISERIAL = "rank-biserial correlation"
_FLAT = "no standard error: too few values, or the groups do not overlap"

_MANNWHITNEY = (
    "dimension",
    "factor",
    "group1",
    "group2",
    "statistic",
    "statistic_name",
    "df",
    "p_value",
    "mc_error",
    "n_resamples",
    "alternative",
    "effect_size",
    "effect_size_name",
    "conf_low",
    "conf_high",
    "conf_level",
    "equivalence_margin",
    "p_equivalence",
    "median1",
    "median2",
    "n1",
    "n2",
    "n",
    "n_missing",
    "method",
    "dependence",
)


@result_frame("test", *_MANNWHITNEY)
def mannwhitney(
    data: Data,
    formula: str,
    *,
    alternative: Alternative = "two-sided",
    continuity: bool = True,
    equivalence_margin: float = EQUIVALENCE_MARGIN,
    dependence: Dependence = ("independent", "design"),
    assigned: str | None = None,
    strata: str | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 9999,
    rng: Rng = 0,
    n_jobs: int = 1,
) -> list[Row]:
    """Mann-Whitney test of a response between the two groups of a factor.

    Parameters
    ----------
    data : DataTree or DataFrame
        A study, or an annotation frame (one row per annotation).
    formula : str
        Response and factor, as in ``"arousal ~ gender"``.
    alternative : {"two-sided", "less", "greater"}
        Whether the first group is said to differ, to be lower or to be higher.
    continuity : bool
        Whether the normal approximation of p is corrected for continuity by 1/2.
    equivalence_margin : float
        Rank-biserial correlations nearer to 0 than this count as no difference. By default
        0.1125, the one of two normal distributions 0.2 standard deviations apart.
    dependence : {"independent", "design"} or both
        Rows to give: the published test, and one that respects how the factor was assigned.
        Within items it is permuted within items; for participants whole participants are
        permuted; where it was observed, a mixed model of the ranks tests it.
    assigned : {"within_item", "participant", "observed"}, optional
        How the factor was assigned, where the study does not say it or is overruled.
    strata : str, optional
        For factors of participants: another trait, within whose levels they are permuted.
    conf_level : float
        Confidence level of the interval of the rank-biserial correlation.
    n_resamples : int
        Permutations; 0 for none.
    rng : int, SeedSequence, Generator or None
        Source of randomness. A number gives the same result each time, None another one.
    n_jobs : int
        Threads for the permutations; the result does not depend on it.

    Raises
    ------
    DesignError
        For another `dependence`, a formula that cannot be evaluated, a factor with more than
        two groups, or one of which nothing says how it was assigned.

    Notes
    -----
    U is the one of the first group: the number of pairs in which its value is the higher one,
    ties counting half, ``U1 = R1 - n1 (n1 + 1) / 2``; that of the second group is
    ``n1 n2 - U1``, and papers often print the smaller of the two. p by the normal approximation,
    corrected for ties. The rank-biserial correlation (Cliff's delta) is ``2 U1 / (n1 n2) - 1``,
    positive where the first group is higher.

    Its interval takes the standard error of Brunner and Munzel, which needs neither equal spread
    nor values without ties, on the scale of Fisher's z with Student's t, so that it stays within
    [-1, 1]. `p_equivalence` is the larger p of the one-sided tests of ``delta <= -margin`` and
    ``delta >= margin`` with that standard error on the plain scale: when it is small, the groups
    are alike up to the margin. A large `p_value` alone does not say that.

    The design row (see `kruskal` for the three ways and their assumptions) has the t of the two
    mean ranks: for factors assigned within items on values less participant and item effects,
    with two-way clustered errors; for participants clustered by them; for observed factors that
    of the mixed model of the values, which alone has `df`. Permutations are turned by
    `alternative` too. The rank-biserial correlation is that of the values as they are ranked;
    its standard error comes from the placements of Brunner and Munzel, summed over participants
    and over items (Cameron, Gelbach and Miller, 2011), with degrees of freedom one less than the
    smaller number of clusters, or Satterthwaite's for traits where they are fewer. In a mixed
    model it is that of two normal distributions as far apart as the adjusted means,
    ``2 Phi(d / (s sqrt(2))) - 1`` with the model's total standard deviation s. The interval and
    `p_equivalence` follow from either as above.

    Rows without a response or a group are left out and counted.

    References
    ----------
    Mann, H. B., & Whitney, D. R. (1947). On a test of whether one of two random variables is
    stochastically larger than the other. Annals of Mathematical Statistics, 18(1), 50-60.
    https://doi.org/10.1214/aoms/1177730491

    Brunner, E., & Munzel, U. (2000). The nonparametric Behrens-Fisher problem: Asymptotic theory
    and a small-sample approximation. Biometrical Journal, 42(1), 17-25.
    https://doi.org/10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U

    Cameron, A. C., Gelbach, J. B., & Miller, D. L. (2011). Robust inference with multiway
    clustering. Journal of Business & Economic Statistics, 29(2), 238-249.
    https://doi.org/10.1198/jbes.2010.07136

    Examples
    --------
    >>> from muvistats import mannwhitney, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> rows = mannwhitney(study, "arousal ~ years_of_training > 3", n_resamples=99)
    >>> rows[["group1", "group2", "dependence", "statistic_name"]].values.tolist()
    [['False', 'True', 'independent', 'U'], ['False', 'True', 'design', 't']]
    """
    options = _Options(
        alternative, continuity, equivalence_margin, dependence, assigned, strata, conf_level
    )
    options.check()
    check_resamples(n_resamples)
    response, by = split_formula(formula)
    plan = Resampling(n_resamples, generator_of(rng), n_jobs)
    return _mannwhitney_rows(to_frame(data), response, by, options, plan)


@result_frame("dimension", *_MANNWHITNEY)
def mannwhitney_overlay(
    data: Data,
    *,
    dimension: str | None = None,
    alternative: Alternative = "two-sided",
    continuity: bool = True,
    equivalence_margin: float = EQUIVALENCE_MARGIN,
    dependence: Dependence = ("independent", "design"),
    assigned: str | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 9999,
    rng: Rng = 0,
    n_jobs: int = 1,
) -> list[Row]:
    """Mann-Whitney test of each dimension between the two annotation interfaces (section 4.2.1).

    Parameters
    ----------
    data : DataTree or DataFrame
        A study, or an annotation frame (one row per annotation).
    dimension : str, optional
        Rated dimension; all of them by default.
    alternative : {"two-sided", "less", "greater"}
        Whether ratings beside the video are said to differ, to be lower or to be higher.
    continuity : bool
        Whether the normal approximation of p is corrected for continuity by 1/2.
    equivalence_margin : float
        Rank-biserial correlations nearer to 0 than this count as no difference.
    dependence : {"independent", "design"} or both
        Rows to give: the published test, and one that respects how the factor was assigned.
        Within items it is permuted within items; for participants whole participants are
        permuted; where it was observed, a mixed model of the ranks tests it.
    assigned : {"within_item", "participant", "observed"}, optional
        How the factor was assigned, where the study does not say it or is overruled.
    conf_level : float
        Confidence level of the interval of the rank-biserial correlation.
    n_resamples : int
        Permutations; 0 for none.
    rng : int, SeedSequence, Generator or None
        Source of randomness. A number gives the same result each time, None another one.
    n_jobs : int
        Threads for the permutations; the result does not depend on it.

    Raises
    ------
    DesignError
        For another `dependence`, or when nothing says how the overlay was assigned.

    Notes
    -----
    `mannwhitney` with the median of each annotation as response and ``overlay`` as factor: see
    there for the formulas. Only modalities in which the overlay was recorded enter (visual and
    audiovisual); annotations of music are not counted as missing. U is that of side by side.
    The p that the paper prints with its U fit a one-sided test of the smaller U, the behaviour of
    older SciPy versions; ours is two-sided.

    Examples
    --------
    >>> from muvistats import mannwhitney_overlay, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> rows = mannwhitney_overlay(study, n_resamples=99)
    >>> rows[["dimension", "group1", "dependence"]].values.tolist()[:2]
    [['arousal', 'side_by_side', 'independent'], ['arousal', 'side_by_side', 'design']]
    """
    options = _Options(
        alternative, continuity, equivalence_margin, dependence, assigned, None, conf_level
    )
    options.check()
    check_resamples(n_resamples)
    frame = to_frame(data)
    names = choose_dimensions(data, dimension)
    children = generator_of(rng).spawn(len(names))
    return [
        row
        for name, child in zip(names, children, strict=True)
        for row in _mannwhitney_rows(
            frame, name, "overlay", options, Resampling(n_resamples, child, n_jobs)
        )
    ]


class _Options(NamedTuple):
    """What is asked of a test."""

    alternative: Alternative
    continuity: bool
    margin: float
    dependence: Dependence
    assigned: str | None
    strata: str | None
    conf_level: float

    def check(self) -> None:
        """Refuse what cannot be asked."""
        check_dependence(self.dependence)
        check_choice("alternative", self.alternative, ("two-sided", "less", "greater"))
        check_conf_level(self.conf_level)
        if not 0 < self.margin < 1:
            raise DesignError(f"equivalence_margin must lie between 0 and 1, not {self.margin!r}")


def _mannwhitney_rows(
    frame: pd.DataFrame, response: str, by: str, options: _Options, plan: Resampling
) -> list[Row]:
    part = offered(frame, by)
    groups = groups_of(part, response, by)
    if len(groups.levels) > 2:
        raise DesignError(
            f"{by!r} has {len(groups.levels)} groups and a Mann-Whitney test compares two; "
            "use kruskal, or a comparison that makes two groups"
        )
    base: Row = {
        "dimension": response,
        "factor": by,
        "n_resamples": 0,
        "alternative": options.alternative,
        "effect_size_name": RANK_BISERIAL,
        "conf_level": options.conf_level,
        "equivalence_margin": options.margin,
    }
    rows = []
    for dependence in check_dependence(options.dependence):
        common = base | {"dependence": dependence}
        if dependence == "independent":
            rows.append(_independent_row(common | _columns(groups), groups, options))
        else:
            data = ranked(part, by, groups, assigned=options.assigned, strata=options.strata)
            common |= _columns(as_recorded(data, groups))
            rows.append(_design_row(common, data, options, plan))
    return rows


def _columns(groups: Groups) -> Row:
    """Names, sizes and medians of the groups, and why they cannot be compared."""
    names = [*groups.levels, *groups.empty, "", ""]
    row: Row = {
        "n": len(groups.values),
        "n_missing": groups.n_missing,
        "warning": join_reasons(groups.problem, groups.note),
    }
    for side, code in (("1", 0), ("2", 1)):
        values = groups.of(code)
        row["group" + side] = names[code]
        row["n" + side] = len(values)
        row["median" + side] = np.median(values) if len(values) else np.nan
    return row


def _independent_row(row: Row, groups: Groups, options: _Options) -> Row:
    row = row | {
        "statistic_name": "U",
        "method": "Mann-Whitney, normal approximation, ties corrected"
        + (", continuity corrected" if options.continuity else ""),
    }
    if groups.problem:
        return row
    first, second = groups.of(0), groups.of(1)
    found = stats.mannwhitneyu(
        first,
        second,
        use_continuity=options.continuity,
        alternative=options.alternative,
        method="asymptotic",
    )
    small = min(len(first), len(second)) < 8
    note = join_reasons(
        "a group has fewer than eight values: p is rough" if small else "", groups.note
    )
    row |= {"statistic": found.statistic, "p_value": found.pvalue}
    return row | biserial(first, second, options.conf_level, note, options.margin)


def _design_row(row: Row, data: Ranked, options: _Options, plan: Resampling) -> Row:
    row = row | {"statistic_name": "z", "method": f"Mann-Whitney: {data.method}"}
    if data.groups.problem:
        return row | {"warning": join_reasons(data.groups.problem, data.note, data.groups.note)}
    found, effects = compare_pair(data, plan, options.alternative)
    for name in ("estimate", "estimator"):
        found.pop(name, None)
    effect = dominance_columns(effects, options.conf_level, options.margin)
    reasons = (found.pop("warning", ""), effect.pop("warning", ""), row["warning"])
    return row | found | effect | {"warning": join_reasons(*reasons)}


def biserial(
    first: npt.NDArray[np.float64],
    second: npt.NDArray[np.float64],
    conf_level: float,
    reason: str,
    margin: float | None = None,
) -> Row:
    """Rank-biserial correlation with its interval and, with a margin, p of equivalence."""
    found = rank.dominance(first, second)
    low, high = rank.dominance_interval(found, conf_level)
    row: Row = {"effect_size": found.delta, "conf_low": low, "conf_high": high}
    if margin is not None:
        row["p_equivalence"] = rank.equivalence_p(found, margin)
    return row | {"warning": join_reasons(reason, _FLAT if np.isnan(low) else "")}

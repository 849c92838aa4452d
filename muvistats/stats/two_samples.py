"""Mann-Whitney tests between two groups of annotations, with equivalence."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ..errors import DesignError
from ..formula import split_formula
from ..kernels import rank
from ..results.frame import result_frame
from ._common import (
    Data,
    check_choice,
    check_conf_level,
    check_dependence,
    choose_dimensions,
    groups_of,
    join_reasons,
    offered,
    to_frame,
)

__all__ = ["EQUIVALENCE_MARGIN", "RANK_BISERIAL", "biserial", "mannwhitney", "mannwhitney_overlay"]

Alternative = Literal["two-sided", "less", "greater"]
Row = dict[str, Any]

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
    "p_value",
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
    dependence: str = "independent",
    conf_level: float = 0.95,
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
    dependence : {"independent"}
        How rows are taken; design-aware rows are not built yet.
    conf_level : float
        Confidence level of the interval of the rank-biserial correlation.

    Raises
    ------
    DesignError
        For another `dependence`, a formula that cannot be evaluated, or a factor with more than
        two groups.

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

    Rows without a response or a group are left out and counted. Rows are taken as independent.

    References
    ----------
    Mann, H. B., & Whitney, D. R. (1947). On a test of whether one of two random variables is
    stochastically larger than the other. Annals of Mathematical Statistics, 18(1), 50-60.
    https://doi.org/10.1214/aoms/1177730491

    Brunner, E., & Munzel, U. (2000). The nonparametric Behrens-Fisher problem: Asymptotic theory
    and a small-sample approximation. Biometrical Journal, 42(1), 17-25.
    https://doi.org/10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U

    Examples
    --------
    >>> from muvistats import mannwhitney, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> mannwhitney(study, "arousal ~ years_of_training > 3")[["group1", "group2"]].values.tolist()
    [['False', 'True']]
    """
    _check_mannwhitney(alternative, equivalence_margin, dependence, conf_level)
    response, by = split_formula(formula)
    options = (alternative, continuity, equivalence_margin, conf_level)
    return [_mannwhitney_row(to_frame(data), response, by, options)]


@result_frame("dimension", *_MANNWHITNEY)
def mannwhitney_overlay(
    data: Data,
    *,
    dimension: str | None = None,
    alternative: Alternative = "two-sided",
    continuity: bool = True,
    equivalence_margin: float = EQUIVALENCE_MARGIN,
    dependence: str = "independent",
    conf_level: float = 0.95,
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
    dependence : {"independent"}
        How rows are taken; design-aware rows are not built yet.
    conf_level : float
        Confidence level of the interval of the rank-biserial correlation.

    Raises
    ------
    DesignError
        For another `dependence`.

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
    >>> mannwhitney_overlay(study)["group1"].tolist()
    ['side_by_side', 'side_by_side']
    """
    _check_mannwhitney(alternative, equivalence_margin, dependence, conf_level)
    frame = to_frame(data)
    options = (alternative, continuity, equivalence_margin, conf_level)
    return [
        _mannwhitney_row(frame, name, "overlay", options)
        for name in choose_dimensions(data, dimension)
    ]


def _check_mannwhitney(
    alternative: str, equivalence_margin: float, dependence: str, conf_level: float
) -> None:
    check_dependence(dependence)
    check_choice("alternative", alternative, ("two-sided", "less", "greater"))
    check_conf_level(conf_level)
    if not 0 < equivalence_margin < 1:
        raise DesignError(
            f"equivalence_margin must lie between 0 and 1, not {equivalence_margin!r}"
        )


def _mannwhitney_row(
    frame: pd.DataFrame, response: str, by: str, options: tuple[Any, bool, float, float]
) -> Row:
    alternative, continuity, margin, conf_level = options
    groups = groups_of(offered(frame, by), response, by)
    if len(groups.levels) > 2:
        raise DesignError(
            f"{by!r} has {len(groups.levels)} groups and a Mann-Whitney test compares two; "
            "use kruskal, or a comparison that makes two groups"
        )
    names = [*groups.levels, *groups.empty, "", ""]
    row: Row = {
        "dimension": response,
        "factor": by,
        "group1": names[0],
        "group2": names[1],
        "statistic_name": "U",
        "alternative": alternative,
        "effect_size_name": RANK_BISERIAL,
        "conf_level": conf_level,
        "equivalence_margin": margin,
        "n": len(groups.values),
        "n_missing": groups.n_missing,
        "method": "Mann-Whitney, normal approximation, ties corrected"
        + (", continuity corrected" if continuity else ""),
        "dependence": "independent",
        "warning": join_reasons(groups.problem, groups.note),
    }
    for side, code in (("1", 0), ("2", 1)):
        values = groups.of(code)
        row["n" + side] = len(values)
        row["median" + side] = np.median(values) if len(values) else np.nan
    if groups.problem:
        return row
    first, second = groups.of(0), groups.of(1)
    found = stats.mannwhitneyu(
        first, second, use_continuity=continuity, alternative=alternative, method="asymptotic"
    )
    small = min(len(first), len(second)) < 8
    note = join_reasons(
        "a group has fewer than eight values: p is rough" if small else "", groups.note
    )
    row |= {"statistic": found.statistic, "p_value": found.pvalue}
    return row | biserial(first, second, conf_level, note, margin)


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

"""Mann-Whitney tests between two groups of annotations, with equivalence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import stats

from ...arguments import (
    Dependence,
    check_dependence,
    check_number,
)
from ...dataset.gate import takes_study
from ...errors import DesignError
from ...formula import split_formula
from ...kernels.ranks.dominance import dominance
from ...results.frame import join_reasons, result_frame
from ...types import Data, Floats, Names, Rng, Row
from ..shared.study import Groups, Resampling, choose_dimensions, groups_of, offered, to_frame
from . import by_design
from .by_design import Alternative, Question, biserial_columns, samples

#: Rank-biserial correlation of two normal distributions whose means lie 0.2 standard deviations
#: apart: 2 Phi(0.2 / sqrt(2)) - 1.
EQUIVALENCE_MARGIN = 0.1125

RANK_BISERIAL = "rank-biserial correlation"
_FLAT = "no standard error: too few values, or the groups do not overlap"

_MANNWHITNEY = (
    "dimension factor group1 group2 statistic statistic_name df p_value mc_error n_resamples",
    "alternative effect_size effect_size_name conf_low conf_high conf_level equivalence_margin",
    "p_equivalence median1 median2 n1 n2 n n_missing method dependence",
)


@result_frame("test", *_MANNWHITNEY)
@takes_study
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
    """Mann-Whitney test of whether one of two groups is rated higher.

    One value per annotation enters; of a rating over time that is its median. The row
    ``independent`` is the test that papers print, the row ``design`` respects that people and items
    return. A third p-value, `p_equivalence`, asks the opposite question: are the groups alike?

    Parameters
    ----------
    formula : str
        Response and factor, as in ``"arousal ~ gender"``.

    Raises
    ------
    DesignError
        For another `dependence`, a formula that cannot be evaluated, or a factor with more
        than two groups or whose parts were assigned in different ways.

    See Also
    --------
    kruskal : More than two groups; says what the design row does.
    wilcoxon : Two levels within items, or people, as blocks.

    Notes
    -----
    *Independent row.* U counts the pairs of one value of each group in which that of the first
    group is higher, ties for a half: ``U = R1 - n1 (n1 + 1) / 2`` with the sum R1 of the ranks of
    the first group. That of the second is ``n1 n2 - U``; papers often print the smaller one. p is
    from the normal approximation, corrected for ties. It assumes that each value is a draw of its
    own.

    *Effect size.* The rank-biserial correlation (Cliff's delta) is ``2 U / (n1 n2) - 1``: 1 where
    all values of the first group are higher, -1 where all are lower, 0 where neither tends to be.
    Its interval takes Brunner and Munzel's standard error on the scale of Fisher's z, so it needs
    neither equal spread nor values without ties.

    *Equivalence.* `p_equivalence` is the larger p of two one-sided tests, of ``delta <= -margin``
    and of ``delta >= margin``. When it is small, the groups are alike up to the margin. A large
    `p_value` alone does not say that: it may come from few data.

    *Design row.* The statistic is t. Which units are permuted, or whether a mixed model is fitted,
    depends on how the factor was assigned: see `kruskal`. Effect and interval come from placements
    that are summed over participants and over items. For an ``observed`` factor the effect is that
    of two normal distributions as far apart as the adjusted means d, ``2 Phi(d / (s sqrt(2))) - 1``
    with the model's total standard deviation s. The page "How the design rows work" of the guide
    has the rest.

    *Missing values.* Annotations that lack the response or the group, or that are excluded, are
    left out and counted in `n_missing`. Where no test is possible its columns are NaN and `warning`
    says why.

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
    >>> rows = mannwhitney(study, "arousal ~ gender")
    >>> rows[["dependence", "p_value", "effect_size", "conf_low", "conf_high"]].round(2)
        dependence  p_value  effect_size  conf_low  conf_high
    0  independent     0.97        -0.01     -0.25       0.24
    1       design     0.97         0.00     -0.23       0.24

    No difference is seen. The intervals reach from -.25 to .24, so one of some size is not excluded
    either.
    """
    question = Question(
        *split_formula(formula),
        check_dependence(dependence),
        assigned,
        strata,
        conf_level,
        alternative,
        check_number("equivalence_margin", equivalence_margin, above=0, below=1),
    )
    resampling = Resampling.of(n_resamples, rng, n_jobs)
    return _mannwhitney_rows(to_frame(data), question, resampling, continuity)


@result_frame("dimension", *_MANNWHITNEY)
@takes_study
def mannwhitney_overlay(
    data: Data,
    *,
    dimension: Names | None = None,
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

    `mannwhitney` with the median of each annotation as response and ``overlay`` as factor: was the
    plane beside the picture or over it? The first group is side by side.

    Raises
    ------
    DesignError
        For another `dependence`.

    See Also
    --------
    mannwhitney : Any other factor of two groups; has the formulas.
    overlay_preference : Which interface people prefer.

    Notes
    -----
    Formulas, effect size and equivalence are those of `mannwhitney`. Only modalities in which the
    overlay was recorded enter (visual and audiovisual); annotations of music are not counted as
    missing, others without a value are. Dimensions are tested one by one, and p-values are not
    adjusted for their number.

    The p that the paper prints with its U fits a one-sided test of the smaller U, as older versions
    of SciPy gave it; ours is two-sided.

    References
    ----------
    Mann, H. B., & Whitney, D. R. (1947). On a test of whether one of two random variables is
    stochastically larger than the other. Annals of Mathematical Statistics, 18(1), 50-60.
    https://doi.org/10.1214/aoms/1177730491

    Examples
    --------
    >>> from muvistats import mannwhitney_overlay, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> rows = mannwhitney_overlay(study, dimension="valence")
    >>> rows[["dependence", "p_value", "effect_size", "p_equivalence"]].round(2)
        dependence  p_value  effect_size  p_equivalence
    0  independent     0.80        -0.03           0.29
    1       design     0.83        -0.02           0.31

    Neither a difference (`p_value`) nor that there is none (`p_equivalence`) can be shown with so
    few.
    """
    question = Question(
        "",
        "overlay",
        check_dependence(dependence),
        assigned,
        None,
        conf_level,
        alternative,
        check_number("equivalence_margin", equivalence_margin, above=0, below=1),
    )
    resampling = Resampling.of(n_resamples, rng, n_jobs)
    frame = to_frame(data)
    names = choose_dimensions(data, dimension)
    return [
        row
        for name, child in zip(names, resampling.spawn(len(names)), strict=True)
        for row in _mannwhitney_rows(frame, replace(question, response=name), child, continuity)
    ]


def _mannwhitney_rows(
    frame: pd.DataFrame, question: Question, resampling: Resampling, continuity: bool
) -> list[Row]:
    by = question.factor
    part = offered(frame, by)
    groups = groups_of(part, question.response, by)
    if len(groups.levels) > 2:
        raise DesignError(
            f"{by!r} has {len(groups.levels)} groups and a Mann-Whitney test compares two; "
            "use kruskal, or a comparison that makes two groups"
        )
    base: Row = {
        "dimension": question.response,
        "factor": by,
        "n_resamples": 0,
        "alternative": question.alternative,
        "effect_size_name": RANK_BISERIAL,
        "conf_level": question.conf_level,
        "equivalence_margin": question.equivalence_margin,
    }
    rows = []
    columns = {*" ".join(_MANNWHITNEY).split(), "warning"}
    for sample in samples(part, groups, question):
        row = base | {"dependence": sample.dependence} | _described(sample.recorded)
        if sample.how:
            test = by_design.test_pair(sample, (0, 1), resampling)
            row |= {"statistic_name": "z", "method": f"Mann-Whitney: {sample.method}"}
            row |= {name: test[name] for name in test if name in columns}
        else:
            row |= _published(groups, question, continuity)
        rows.append(row)
    return rows


def _described(groups: Groups) -> Row:
    """Names, sizes and medians of the groups."""
    names = [*groups.levels, *groups.empty, "", ""]
    row: Row = {"n": len(groups.values), "n_missing": groups.n_missing}
    for side, code in (("1", 0), ("2", 1)):
        values = groups.of(code)
        row["group" + side] = names[code]
        row["n" + side] = len(values)
        row["median" + side] = np.median(values) if len(values) else np.nan
    return row


def _published(groups: Groups, question: Question, continuity: bool) -> Row:
    """Columns of the published test and of the rank-biserial correlation."""
    corrected = ", continuity corrected" if continuity else ""
    row: Row = {
        "statistic_name": "U",
        "method": f"Mann-Whitney, normal approximation, ties corrected{corrected}",
        "warning": join_reasons(groups.problem, groups.note),
    }
    if groups.problem:
        return row
    first, second = groups.of(0), groups.of(1)
    test = stats.mannwhitneyu(
        first,
        second,
        use_continuity=continuity,
        alternative=question.alternative,
        method="asymptotic",
    )
    effect = biserial(first, second, question)
    small = min(len(first), len(second)) < 8
    rough = "a group has fewer than eight values: p is rough" if small else ""
    reason = join_reasons(rough, groups.note, effect["warning"])
    return (
        row | {"statistic": test.statistic, "p_value": test.pvalue} | effect | {"warning": reason}
    )


def biserial(first: Floats, second: Floats, question: Question) -> Row:
    """Columns of the rank-biserial correlation of two groups as they were recorded."""
    return biserial_columns(dominance(first, second), question, _FLAT)

"""Chi-square tests of counts: of two factors, and of the labels chosen in groups."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd
from scipy import stats

from ...arguments import Dependence, check_dependence
from ...dataset.gate import takes_study
from ...dataset.own_labels import takes_labels
from ...formula import factor, split_formula
from ...kernels import contingency
from ...results.frame import join_reasons, result_frame
from ...types import Data, Ints, Mask, Rng, Row
from ..shared.study import Resampling, label_names, offered, to_frame
from .by_design import Choices, DesignTest, Plan, assignment_of, design_test, problem_of

_CHISQUARE = (
    "statistic",
    "statistic_name",
    "df",
    "p_value",
    "mc_error",
    "n_resamples",
    "effect_size",
    "effect_size_name",
    "conf_low",
    "conf_high",
    "conf_level",
)


@result_frame(
    "dependence", "variable", "factor", *_CHISQUARE, "n", "n_missing", "method", "dependence"
)
@takes_study
def chisquare(
    data: Data,
    formula: str,
    *,
    dependence: Dependence = ("independent", "design"),
    assigned: str | None = None,
    strata: str | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 9999,
    rng: Rng = 0,
    n_jobs: int = 1,
) -> list[Row]:
    """Pearson's chi-square test of two factors of the annotations.

    Parameters
    ----------
    formula : str
        Two factors, as in ``"familiar ~ modality"``.

    Raises
    ------
    DesignError
        For another `dependence`, a formula that cannot be evaluated, or a factor whose
        parts were assigned in different ways.

    See Also
    --------
    chisquare_labels : Labels between groups, where several may be chosen.
    cochran : A yes-no response between levels that every item has.

    Notes
    -----
    ``chi2 = sum (O - E)^2 / E`` with ``E = row * column / n``, without Yates' correction; p from
    chi-square with (r - 1)(c - 1) degrees of freedom. Levels that nobody has do not count.

    Cramer's V is Bergsma's: ``phi2 = max(0, chi2 / n - (r - 1)(c - 1) / (n - 1))``,
    ``r' = r - (r - 1)^2 / (n - 1)``, c' likewise, ``V = sqrt(phi2 / (min(r', c') - 1))``. Its
    limits come from the noncentralities at which chi2 would stand at its upper and lower tail,
    ``sqrt(noncentrality / n / (min(r', c') - 1))``.

    Rows in which a factor is missing are left out and counted. The row "independent" takes rows
    as independent; the row "design" is made as in `chisquare_labels`, with the levels of the
    first factor in place of the labels and the assignment of the second.

    References
    ----------
    Bergsma, W. (2013). A bias-correction for Cramer's V and Tschuprow's T. Journal of the Korean
    Statistical Society, 42(3), 323-328. https://doi.org/10.1016/j.jkss.2012.10.002

    Examples
    --------
    >>> from muvistats import chisquare, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> found = chisquare(study, "familiar ~ modality", n_resamples=99)
    >>> dict(zip(found["dependence"], found["variable"]))
    {'independent': 'familiar', 'design': 'familiar'}
    """
    asked = check_dependence(dependence)
    plan = Plan(assigned, strata, Resampling.of(n_resamples, rng, n_jobs).spawn(1)[0])
    left, right = split_formula(formula)
    frame = offered(offered(to_frame(data), left), right)
    variable, groups = factor(left, frame), factor(right, frame)
    use = (variable.notna() & groups.notna()).to_numpy()
    names = [str(level) for level in variable.cat.categories]
    codes = variable.cat.codes.to_numpy()[use]
    choices = Choices(
        frame=frame,
        by=right,
        use=use,
        chosen=(codes[:, None] == np.arange(len(names))).astype(float),
        codes=groups.cat.codes.to_numpy().astype(np.intp)[use],
        groups=[str(level) for level in groups.cat.categories],
        names=names,
    )
    base: Row = {"variable": left, "factor": right, "n_missing": int((~use).sum())}
    return [base | row for row in _rows(Tests(choices, asked, plan), conf_level)]


class Tests:
    """Tests of choices that are asked for; that of the design is made once, when it is needed.

    Parameters
    ----------
    choices : Choices
        What is compared.
    asked : tuple of str
        Rows to give.
    plan : Plan
        How the factor was assigned, and what is drawn.

    Raises
    ------
    DesignError
        When parts of the factor were assigned in different ways, before anything is computed.
    """

    def __init__(self, choices: Choices, asked: tuple[str, ...], plan: Plan) -> None:
        self.choices, self.asked, self._plan = choices, asked, plan
        if "design" in asked:
            assignment_of(choices, plan)

    @cached_property
    def by_design(self) -> DesignTest:
        """What the test that respects the design found."""
        return design_test(self.choices, self._plan)


def _rows(tests: Tests, conf_level: float) -> list[Row]:
    """The test as published, and as the design asks for."""
    choices, rows = tests.choices, []
    if "independent" in tests.asked:
        rows.append(_published(choices, conf_level))
    if "design" in tests.asked:
        found = tests.by_design
        reason = join_reasons(found.row["warning"], _without_counts(choices))
        n = int(found.choices.chosen.sum())
        rows.append(found.row | {"n": n, "conf_level": conf_level, "warning": reason})
    return rows


def _without_counts(choices: Choices) -> str:
    """Names of empty groups and choices."""
    filled = choices.filled()
    empty = [name for name in choices.groups if name not in filled.groups]
    empty += [name for name in choices.names if name not in filled.names]
    return f"no counts, left out: {', '.join(empty)}" if empty else ""


def _published(choices: Choices, conf_level: float) -> Row:
    """Test of a table of counts; empty groups and choices leave it and are named."""
    filled, note = choices.filled(), _without_counts(choices)
    table = filled.counts
    n = int(table.sum())
    row: Row = {
        "statistic_name": "chi-square",
        "effect_size_name": "Cramer's V, bias-corrected",
        "conf_level": conf_level,
        "n_resamples": 0,
        "n": n,
        "method": "Pearson's chi-square, no continuity correction",
        "dependence": "independent",
    }
    if problem := problem_of(filled):
        return row | {"warning": join_reasons(problem, note)}
    test = stats.chi2_contingency(table, correction=False)
    low, high = contingency.cramers_v_interval(test.statistic, n, table.shape, conf_level)
    effect = contingency.cramers_v(test.statistic, n, table.shape)
    few = int((test.expected_freq < 5).sum())
    rough = f"{few} of {table.size} expected counts are below 5: p is rough" if few else ""
    undefined = "Cramer's V is not defined for so few counts" if np.isnan(effect) else ""
    return row | {
        "statistic": test.statistic,
        "df": test.dof,
        "p_value": test.pvalue,
        "effect_size": effect,
        "conf_low": low,
        "conf_high": high,
        "warning": join_reasons(note, rough, undefined),
    }


# ------------------------------------------------------------------------- labels


def label_choices(data: Data, by: str) -> Choices:
    """Labels of the annotations, and the group of each.

    Parameters
    ----------
    data : DataTree or DataFrame
        A study with labels, or its annotation frame.
    by : str
        The factor.

    Returns
    -------
    Choices
        Annotations that have labels and a group. A label that is missing while others are known is
        not counted as chosen; `missing_labels` says which they are. One that nobody of a group
        answered compares nothing and has no counts.
    """
    labels = label_names(data)
    frame = offered(to_frame(data), by)
    groups = factor(by, frame)
    chosen = frame[labels].to_numpy(dtype=float)
    codes = groups.cat.codes.to_numpy().astype(np.intp)
    use = (codes >= 0) & ~np.isnan(chosen).all(axis=1)
    answered = pd.DataFrame(chosen[use]).groupby(codes[use]).count().to_numpy() > 0
    chosen = np.where(answered.all(axis=0), chosen, 0.0)
    return Choices(
        frame=frame,
        by=by,
        use=use,
        chosen=np.nan_to_num(chosen[use]),
        codes=codes[use],
        groups=[str(level) for level in groups.cat.categories],
        names=labels,
    )


def missing_labels(choices: Choices) -> Mask:
    """Labels that are missing in annotations that enter, (used row, label)."""
    missing: Mask = choices.frame.loc[choices.use, choices.names].isna().to_numpy(dtype=bool)
    return missing


def known_labels(choices: Choices) -> Ints:
    """Annotations of each group for which each label is known, (group, label)."""
    known = np.zeros((len(choices.groups), len(choices.names)), dtype=np.int64)
    np.add.at(known, choices.codes, ~missing_labels(choices))
    return known


def n_incomplete(choices: Choices) -> int:
    """How many annotations have no group, or lack a label."""
    return int((~choices.use).sum() + missing_labels(choices).any(axis=1).sum())


def without_labels(choices: Choices) -> str:
    """How many labels are missing in annotations that enter."""
    missing = missing_labels(choices)
    n = int(missing.any(axis=1).sum())
    return f"{int(missing.sum())} labels missing in {n} annotations, not counted" if n else ""


@result_frame(
    "dependence", "factor", *_CHISQUARE, "n", "n_annotations", "n_missing", "method", "dependence"
)
@takes_labels
def chisquare_labels(
    data: Data,
    *,
    by: str = "modality",
    dependence: Dependence = ("independent", "design"),
    assigned: str | None = None,
    strata: str | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 9999,
    rng: Rng = 0,
    n_jobs: int = 1,
) -> list[Row]:
    """Chi-square test of the labels chosen, between the groups of a factor (section 4.2.2).

    Parameters
    ----------
    data : DataTree or DataFrame
        A study with labels, or its annotation frame.
    by : str
        Right-hand side of a formula: ``"modality"``, ``"overlay"``, ``"gender"``,
        ``"years_of_training > 3"``, ``"familiar"``...

    Raises
    ------
    DataError
        When there are no labels.
    DesignError
        For another `dependence`, a factor that cannot be evaluated or changes within a
        participant though it is a trait, or whose parts were assigned in different ways.

    See Also
    --------
    label_deviations : Which labels differ, and in which direction.
    rao_scott : The published test corrected for clusters.
    label_models : A mixed model of each label.
    sensitivity_table : What becomes of each finding of the paper.

    Notes
    -----
    The table is groups x labels and counts how often each label was chosen, so `n` is the number
    of labels chosen; several come from one annotation, `n_annotations` of them. It asks whether
    the *mix* of labels differs, not how many were chosen. Statistic, p, Cramer's V and its limits
    are as in `chisquare`. Labels that nobody chose, and groups without labels, leave the table
    and are named in `warning`; the degrees of freedom fall with them.

    In the row "independent" each label chosen is taken as independent of every other, those of
    the same annotation, person and item included; that is the published test. The row "design"
    goes by how the factor was assigned; its p is a share of arrangements:

    - *within_item* (modality, overlay): for annotation a with N_a labels, ``y_aj - N_a p_j`` says
      how much more often than by its share p_j it chose label j. Effects of items and shrunken
      effects of participants are taken out (generalised least squares, variances from two
      moments), and the factor is permuted within items (overlay within items and
      modalities; people with an identical list together). The sum of these values over a group
      has a variance from its sums over participants and over items, so a modality that matters
      for single items or single people, each in another way, counts as no effect. The statistic
      is the sum over groups and labels of squared sums over their variance. Since nothing is
      taken from people with one trial, the test keeps its power in a crowd.
    - *participant* (gender, training): whole participants change groups, and the statistic is that
      of *within_item* with values less shrunken effects of items: so an item may mean something
      else to each group. Where no two groups met an item in common, effects of items stay. With
      fewer than 6 items Pearson's chi-square is set beside those of other arrangements, which says
      nothing of other items. With `strata`, values are taken less the means of strata.
    - *item* (genre, actor): whole items change groups, and the statistic is that of
      *within_item* with values less shrunken effects of participants. With `strata`, items stay
      within their stratum, or whole strata change groups where the factor is the same in each.
    - *observed* (familiarity): nobody assigned it, so known items and those who know many may
      differ anyway, and a permutation would not be valid. A logistic mixed model (modality,
      crossed participants and items) gives each annotation a probability p of each group; groups
      are drawn anew from these. Labels are freed of effects of participants and of items in each
      modality, so that an imperfect model does little harm, and the sum of (z - p) times what is
      left, z being the group, is divided by its error by participants and items in each draw: so
      knowing may do something else to each person. With fewer than 15 participants this has next
      to no power, and the row says so.

    With fewer than 6 participants or items there is no p in the rows of *within_item*, *item* and
    *observed*: nothing can be said of people or items in general.

    V in such a row is that of the deviations less what arrangements have on average,
    ``sqrt(max(0, sum (D^2 - Var D) / E) / n / (min(r, c) - 1))``; it has no limits.

    How often each row rejects true nulls, and in which designs, stands in `calibration_table`.
    Where rows times arrangements come to 10 million, the `n_resamples` arrangements are put
    together from a smaller stock of random parts, to save time. p remains exact if the factor
    changes nobody's choice of labels.

    Where the factor is constant in every stratum there is no p; with few arrangements all of them
    are taken and the row says so.

    Annotations without labels or without a group are left out. One that lacks some of its labels
    enters with the others; `n_missing` counts all of these and `warning` names the missing labels.
    For ``"overlay"`` only modalities in which it was recorded enter.

    References
    ----------
    Bergsma, W. (2013). A bias-correction for Cramer's V and Tschuprow's T. Journal of the Korean
    Statistical Society, 42(3), 323-328. https://doi.org/10.1016/j.jkss.2012.10.002

    Cameron, A. C., Gelbach, J. B., & Miller, D. L. (2011). Robust inference with multiway
    clustering. Journal of Business & Economic Statistics, 29(2), 238-249.
    https://doi.org/10.1198/jbes.2010.07136

    Candes, E., Fan, Y., Janson, L., & Lv, J. (2018). Panning for gold: model-X knockoffs for high
    dimensional controlled variable selection. Journal of the Royal Statistical Society: Series B,
    80(3), 551-577. https://doi.org/10.1111/rssb.12265

    Hemerik, J., & Goeman, J. (2018). Exact testing with random permutations. TEST, 27, 811-825.
    https://doi.org/10.1007/s11749-017-0571-1

    Examples
    --------
    >>> from muvistats import chisquare_labels, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> chisquare_labels(study, by="years_of_training > 3", n_resamples=99)["dependence"].tolist()
    ['independent', 'design']
    """
    asked = check_dependence(dependence)
    plan = Plan(assigned, strata, Resampling.of(n_resamples, rng, n_jobs).spawn(1)[0])
    return table_rows(Tests(label_choices(data, by), asked, plan), conf_level)


def table_rows(tests: Tests, conf_level: float) -> list[Row]:
    """Rows of `chisquare_labels`."""
    choices = tests.choices
    base: Row = {
        "factor": choices.by,
        "n_annotations": len(choices.codes),
        "n_missing": n_incomplete(choices),
    }
    note = without_labels(choices)
    rows = _rows(tests, conf_level)
    return [base | row | {"warning": join_reasons(row.get("warning", ""), note)} for row in rows]

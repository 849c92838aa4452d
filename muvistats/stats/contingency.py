"""Chi-square tests of counts: of two factors, and of the labels chosen in groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ..formula import factor, split_formula
from ..kernels import contingency
from ..results.frame import result_frame
from ._common import (
    ADJUSTMENTS,
    Data,
    adjust_p,
    check_choice,
    check_conf_level,
    check_dependence,
    join_reasons,
    label_names,
    offered,
    to_frame,
)

__all__ = ["chisquare", "chisquare_labels", "label_deviations"]

Row = dict[str, Any]
Counts = npt.NDArray[np.int64]

_CHISQUARE = (
    "statistic",
    "statistic_name",
    "df",
    "p_value",
    "effect_size",
    "effect_size_name",
    "conf_low",
    "conf_high",
    "conf_level",
)


@result_frame("test", "variable", "factor", *_CHISQUARE, "n", "n_missing", "method", "dependence")
def chisquare(
    data: Data,
    formula: str,
    *,
    dependence: str = "independent",
    conf_level: float = 0.95,
) -> list[Row]:
    """Pearson's chi-square test of two factors of the annotations.

    Parameters
    ----------
    data : DataTree or DataFrame
        A study, or an annotation frame (one row per annotation).
    formula : str
        Two factors, as in ``"familiar ~ modality"``.
    dependence : {"independent"}
        How rows are taken; design-aware rows are not built yet.
    conf_level : float
        Confidence level of the interval of Cramer's V.

    Raises
    ------
    DesignError
        For another `dependence`, or a formula that cannot be evaluated.

    Notes
    -----
    ``chi2 = sum (O - E)^2 / E`` with ``E = row * column / n``, without Yates' correction; p from
    chi-square with (r - 1)(c - 1) degrees of freedom. Levels that nobody has do not count.

    Cramer's V is Bergsma's: ``phi2 = max(0, chi2 / n - (r - 1)(c - 1) / (n - 1))``,
    ``r' = r - (r - 1)^2 / (n - 1)``, c' likewise, ``V = sqrt(phi2 / (min(r', c') - 1))``. Its
    limits come from the noncentralities at which chi2 would stand at its upper and lower tail,
    ``sqrt(noncentrality / n / (min(r', c') - 1))``.

    Rows in which a factor is missing are left out and counted. Rows are taken as independent.

    References
    ----------
    Bergsma, W. (2013). A bias-correction for Cramer's V and Tschuprow's T. Journal of the Korean
    Statistical Society, 42(3), 323-328. https://doi.org/10.1016/j.jkss.2012.10.002

    Examples
    --------
    >>> from muvistats import chisquare, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> chisquare(study, "familiar ~ modality")[["variable", "df"]].to_dict("records")
    [{'variable': 'familiar', 'df': 2.0}]
    """
    check_dependence(dependence)
    check_conf_level(conf_level)
    left, right = split_formula(formula)
    frame = offered(offered(to_frame(data), left), right)
    first, second = factor(left, frame), factor(right, frame)
    use = (first.notna() & second.notna()).to_numpy()
    counts = _cross(first, second, use)
    base: Row = {"variable": left, "factor": right, "n_missing": int((~use).sum())}
    names = [[str(c) for c in side.cat.categories] for side in (first, second)]
    return [base | _test_row(counts, names[0], names[1], conf_level)]


def _cross(first: pd.Series, second: pd.Series, use: npt.NDArray[np.bool_]) -> Counts:
    counts = np.zeros((len(first.cat.categories), len(second.cat.categories)), dtype=np.int64)
    np.add.at(counts, (first.cat.codes.to_numpy()[use], second.cat.codes.to_numpy()[use]), 1)
    return counts


def _test_row(counts: Counts, rows: list[str], columns: list[str], conf_level: float) -> Row:
    """Test of a table of counts; empty rows and columns leave it and are named."""
    use = counts.sum(axis=1) > 0, counts.sum(axis=0) > 0
    gone = [
        name
        for names, used in zip((rows, columns), use, strict=True)
        for name, is_used in zip(names, used, strict=True)
        if not is_used
    ]
    note = f"no counts, left out: {', '.join(gone)}" if gone else ""
    table = counts[np.ix_(*use)]
    n = int(table.sum())
    row: Row = {
        "statistic_name": "chi-square",
        "effect_size_name": "Cramer's V, bias-corrected",
        "conf_level": conf_level,
        "n": n,
        "method": "Pearson's chi-square, no continuity correction",
        "dependence": "independent",
    }
    if min(table.shape) < 2:
        problem = "nothing was counted" if n == 0 else "fewer than two groups or two columns"
        return row | {"warning": join_reasons(problem, note)}
    found = stats.chi2_contingency(table, correction=False)
    low, high = contingency.cramers_v_interval(found.statistic, n, table.shape, conf_level)
    effect = contingency.cramers_v(found.statistic, n, table.shape)
    few = int((found.expected_freq < 5).sum())
    rough = f"{few} of {table.size} expected counts are below 5: p is rough" if few else ""
    undefined = "Cramer's V is not defined for so few counts" if np.isnan(effect) else ""
    return row | {
        "statistic": found.statistic,
        "df": found.dof,
        "p_value": found.pvalue,
        "effect_size": effect,
        "conf_low": low,
        "conf_high": high,
        "warning": join_reasons(note, rough, undefined),
    }


# ------------------------------------------------------------------------- labels


@dataclass(frozen=True)
class LabelTable:
    """Labels chosen in each group of a factor.

    Parameters
    ----------
    counts : ndarray of int, shape (group, label)
        How often each label was chosen.
    groups, labels : list of str
        Names of the rows and columns.
    annotations : ndarray of int, shape (group,)
        Annotations of each group.
    n_missing : int
        Annotations without labels or without a group.
    """

    counts: Counts
    groups: list[str]
    labels: list[str]
    annotations: Counts
    n_missing: int


def label_table(data: Data, by: str) -> LabelTable:
    """Count the labels of the annotations in each group of a factor."""
    labels = label_names(data)
    frame = offered(to_frame(data), by)
    groups = factor(by, frame)
    chosen = frame[labels].to_numpy(dtype=float)
    codes = groups.cat.codes.to_numpy()
    use = (codes >= 0) & ~np.isnan(chosen).any(axis=1)
    k = len(groups.cat.categories)
    indicator = codes[use][None, :] == np.arange(k)[:, None]
    return LabelTable(
        np.rint(indicator.astype(float) @ chosen[use]).astype(np.int64),
        [str(level) for level in groups.cat.categories],
        labels,
        indicator.sum(axis=1).astype(np.int64),
        int((~use).sum()),
    )


@result_frame(
    "test", "factor", *_CHISQUARE, "n", "n_annotations", "n_missing", "method", "dependence"
)
def chisquare_labels(
    data: Data,
    *,
    by: str = "modality",
    dependence: str = "independent",
    conf_level: float = 0.95,
) -> list[Row]:
    """Chi-square test of the labels chosen, between the groups of a factor (section 4.2.2).

    Parameters
    ----------
    data : DataTree or DataFrame
        A study with labels, or its annotation frame.
    by : str
        Right-hand side of a formula: ``"modality"``, ``"overlay"``, ``"gender"``,
        ``"years_of_training > 3"``, ``"familiar"``...
    dependence : {"independent"}
        How labels are taken; design-aware rows are not built yet.
    conf_level : float
        Confidence level of the interval of Cramer's V.

    Raises
    ------
    DataError
        When there are no labels.
    DesignError
        For another `dependence`, or a factor that cannot be evaluated.

    Notes
    -----
    The table is groups x labels and counts how often each label was chosen, so `n` is the number
    of labels chosen; several come from one annotation, `n_annotations` of them. It asks whether
    the *mix* of labels differs, not how many were chosen. Statistic, p, Cramer's V and its limits
    are as in `chisquare`. Labels that nobody chose, and groups without labels, leave the table
    and are named in `warning`; the degrees of freedom fall with them.

    Each label chosen is taken as independent of every other, those of the same annotation, person
    and item included; that is the published test, and its p is to be read with that in mind.
    Annotations without labels or without a group are left out and counted. For ``"overlay"`` only
    modalities in which it was recorded enter.

    References
    ----------
    Bergsma, W. (2013). A bias-correction for Cramer's V and Tschuprow's T. Journal of the Korean
    Statistical Society, 42(3), 323-328. https://doi.org/10.1016/j.jkss.2012.10.002

    Examples
    --------
    >>> from muvistats import chisquare_labels, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> chisquare_labels(study, by="years_of_training > 3")["factor"].tolist()
    ['years_of_training > 3']
    """
    check_dependence(dependence)
    check_conf_level(conf_level)
    table = label_table(data, by)
    base: Row = {
        "factor": by,
        "n_annotations": int(table.annotations.sum()),
        "n_missing": table.n_missing,
    }
    return [base | _test_row(table.counts, table.groups, table.labels, conf_level)]


@result_frame(
    "label and group",
    "factor",
    "label",
    "group",
    "observed",
    "expected",
    "deviation",
    "std_residual",
    "p_value",
    "p_adjusted",
    "p_adjust_method",
    "n",
    "n_annotations",
    "n_missing",
    "method",
    "dependence",
)
def label_deviations(
    data: Data,
    *,
    by: str = "modality",
    adjust: str = "holm",
    dependence: str = "independent",
) -> list[Row]:
    """How far each label's count lies from its expectation in each group (Figs. 4 to 6).

    Parameters
    ----------
    data : DataTree or DataFrame
        A study with labels, or its annotation frame.
    by : str
        Right-hand side of a formula, as in `chisquare_labels`.
    adjust : {"holm", "bonferroni", "fdr_bh", "fdr_by", "none"}
        Adjustment of p over labels and groups.
    dependence : {"independent"}
        How labels are taken; design-aware rows are not built yet.

    Raises
    ------
    DataError
        When there are no labels.
    DesignError
        For another `dependence`, an unknown adjustment, or a factor that cannot be evaluated.

    Notes
    -----
    With O the count of a label in a group, ``E = row * column / n`` and n all labels chosen, the
    deviation is ``O - E`` and the standardized residual ``(O - E) / sqrt(E (1 - row / n)
    (1 - column / n))``, roughly standard normal without association; p is two-sided from it.
    All cells make one family for the adjustment, but with two groups each label is one test: the
    residuals of the second group are those of the first with the other sign.

    A label that nobody chose has expectation 0 and no residual. `n` is the number of labels
    chosen in the whole table and `n_annotations` that of annotations in the group. Labels are
    taken as independent, as in `chisquare_labels`.

    References
    ----------
    Haberman, S. J. (1973). The analysis of residuals in cross-classified tables. Biometrics,
    29(1), 205-220. https://doi.org/10.2307/2529686

    Examples
    --------
    >>> from muvistats import label_deviations, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> cells = label_deviations(study, by="familiar")
    >>> float(cells["deviation"].sum().round(9))
    0.0
    """
    check_dependence(dependence)
    check_choice("adjust", adjust, ADJUSTMENTS)
    return list(_deviation_rows(label_table(data, by), by, adjust))


def _deviation_rows(table: LabelTable, by: str, adjust: str) -> Iterator[Row]:
    base: Row = {
        "factor": by,
        "p_adjust_method": adjust,
        "n": int(table.counts.sum()),
        "n_missing": table.n_missing,
        "method": "standardized residuals of Pearson's chi-square",
        "dependence": "independent",
    }
    filled = table.counts.sum(axis=1) > 0
    expected = np.full(table.counts.shape, np.nan)
    residuals = expected.copy()
    if filled.sum() > 1:
        expected, residuals = contingency.standardized_residuals(table.counts)
    p_values = 2 * stats.norm.sf(np.abs(residuals))
    adjusted = np.full(p_values.shape, np.nan)
    if filled.sum() == 2:
        adjusted[filled] = adjust_p(p_values[filled][0], adjust)
    else:
        adjusted[:] = adjust_p(p_values.ravel(), adjust).reshape(p_values.shape)
    for j, label in enumerate(table.labels):
        for g, group in enumerate(table.groups):
            reason = ""
            if filled.sum() < 2:
                reason = "fewer than two groups have labels"
            elif not filled[g]:
                reason = "no label was chosen in this group"
            elif table.counts[:, j].sum() == 0:
                reason = "nobody chose this label"
            elif np.isnan(residuals[g, j]):
                reason = "no other label was chosen"
            yield base | {
                "label": label,
                "group": group,
                "observed": table.counts[g, j],
                "expected": expected[g, j],
                "deviation": table.counts[g, j] - expected[g, j],
                "std_residual": residuals[g, j],
                "p_value": p_values[g, j],
                "p_adjusted": adjusted[g, j],
                "n_annotations": int(table.annotations[g]),
                "warning": reason,
            }
    if not table.groups:
        empty = {"observed": np.nan, "n_annotations": 0, "warning": f"no row has a group of {by}"}
        yield base | {"label": "all"} | empty

"""Tests of label tables by the corrections of survey statistics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...arguments import check_choices, generator_of
from ...dataset.own_labels import takes_labels
from ...kernels.permutation.arrangements import monte_carlo_p
from ...kernels.sampling import clustered_tables as kernel
from ...results.frame import join_reasons, result_frame
from ...types import Data, Rng, Row
from ..shared.study import codes_of, need, was_observed
from .by_design import NOT_ADJUSTED, Choices, problem_of
from .counts import known_labels, label_choices, n_incomplete, without_labels

_ORDERS = ("first", "second")
_COLUMNS = (
    "statistic",
    "statistic_name",
    "df",
    "df_denom",
    "p_value",
    "design_effect",
    "n",
    "n_annotations",
    "n_clusters",
    "n_missing",
    "accounts_for",
    "ignores",
    "method",
    "dependence",
)
_LABELS = "several labels per annotation"


@result_frame("order of the correction", "factor", *_COLUMNS)
@takes_labels
def rao_scott(
    data: Data,
    *,
    by: str = "modality",
    correction: str | Sequence[str] = _ORDERS,
    cluster: str = "participant",
) -> list[Row]:
    """Rao-Scott tests of the labels chosen, between the groups of a factor.

    Parameters
    ----------
    data : DataTree or DataFrame
        A study with labels, or its annotation frame.
    cluster : str
        Column whose levels are the clusters: ``"participant"`` or ``"item"``.

    Raises
    ------
    DataError
        When there are no labels, or no such column.
    DesignError
        For another order, or a factor that cannot be evaluated.

    See Also
    --------
    bilder_loughin : Each annotation as one answer with several marks.
    chisquare_labels : With a row that respects the design.

    Notes
    -----
    The table and Pearson's chi-square are those of `chisquare_labels`. The design effects are the
    eigenvalues of the covariance of the cell proportions between clusters, in units of that of
    independent labels, over the contrasts of interaction; `design_effect` is their mean. First
    order: chi-square over that mean, against chi-square with (r - 1)(c - 1) degrees of freedom.
    Second order: chi-square over the sum of the design effects, against F with
    ``d = (sum)^2 / (sum of squares)`` and d (clusters - 1) degrees of freedom. They equal
    ``svychisq`` of R's package survey with statistic "Chisq" and "F", clusters of equal weight
    and no strata.

    `accounts_for` and `ignores` say what a row does and does not adjust. With participants as
    clusters, labels of one annotation and annotations of one person may go together in any way;
    annotations of one item may not, and nothing is adjusted for that different items or people
    have the levels of an observed factor: such rows say "not adjusted".

    With 27 labels and 49 participants the first order is liberal and the second leans the other
    way; prefer the row "design" of `chisquare_labels`.

    Annotations without an answer or a group, or that are excluded, are left out and counted in
    `n_missing`.

    References
    ----------
    Rao, J. N. K., & Scott, A. J. (1984). On chi-squared tests for multiway contingency tables
    with cell proportions estimated from survey data. The Annals of Statistics, 12(1), 46-60.
    https://doi.org/10.1214/aos/1176346391

    Examples
    --------
    >>> from muvistats import rao_scott, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> rao_scott(study, by="gender")["statistic_name"].tolist()
    ['chi-square', 'F']
    """
    asked = check_choices("correction", correction, _ORDERS)
    return rao_scott_rows(label_choices(data, by), asked, cluster)


def rao_scott_rows(labelled: Choices, asked: Sequence[str], cluster: str) -> list[Row]:
    """Rows of `rao_scott`."""
    choices, base = _prepared(labelled, cluster)
    base |= {"dependence": "clusters", "n": int(choices.chosen.sum())}
    problem = problem_of(choices)
    clusters = codes_of(choices.frame.loc[choices.use, cluster])
    tables = np.zeros((int(clusters.max(initial=-1)) + 1, len(choices.groups), len(choices.names)))
    np.add.at(tables, (clusters, choices.codes), choices.chosen)
    tables = tables[tables.sum(axis=(1, 2)) > 0]
    base["n_clusters"] = len(tables)
    effects, statistic = np.full(1, np.nan), np.nan
    if not problem:
        effects = kernel.table_effects(tables)
        counts = tables.sum(axis=0)
        expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
        statistic = float(((counts - expected) ** 2 / expected).sum())
    return list(_corrected_rows(base, asked, statistic, effects, problem, "Rao-Scott"))


def _corrected_rows(
    base: Row, asked: Sequence[str], statistic: float, effects: Any, problem: str, name: str
) -> Iterator[Row]:
    n_clusters = base["n_clusters"]
    if not problem and n_clusters < 2:
        problem = "one cluster only: nothing is known of its variance"
    elif not problem and np.isnan(effects).any():
        problem = "too many cells without counts: the design effects are not defined"
    elif not problem and not float(np.sum(effects)) > 0:
        problem = "the clusters do not differ"
    for order in asked:
        row = base | {
            "statistic_name": "chi-square" if order == "first" else "F",
            "method": f"{name}, {order} order",
        }
        if problem:
            yield row | {"warning": join_reasons(problem, base["warning"])}
            continue
        found = (
            kernel.first_order(statistic, effects)
            if order == "first"
            else kernel.second_order(statistic, effects, n_clusters)
        )
        few = n_clusters - 1 < len(effects)
        reason = f"{n_clusters} clusters for {len(effects)} degrees of freedom" if few else ""
        yield row | {
            "statistic": found.statistic,
            "df": found.df,
            "df_denom": found.df_denom if np.isfinite(found.df_denom) else np.nan,
            "p_value": found.p_value,
            "design_effect": float(np.mean(effects)),
            "warning": join_reasons(reason, base["warning"]),
        }


def _prepared(
    labelled: Choices, cluster: str | None, *, whole: bool = False
) -> tuple[Choices, Row]:
    """Groups and labels that hold anything, and columns of every row.

    With `whole`, annotations that lack a label are left out.
    """
    if cluster is not None:
        need(labelled.frame, cluster)
        labelled = labelled.within(labelled.frame[cluster].notna().to_numpy())
    n_missing = n_incomplete(labelled)
    if whole:
        answered = known_labels(labelled).sum(axis=0)
        names = [name for name, there in zip(labelled.names, answered, strict=True) if there]
        labelled = labelled.within(labelled.frame[names].notna().all(axis=1).to_numpy())
    unused = [
        name for name, n in zip(labelled.names, labelled.counts.sum(axis=0), strict=True) if not n
    ]
    gone = f"no counts, left out: {', '.join(unused)}" if unused else ""
    choices = labelled.filled()
    others = [name for name in ("participant", "item") if name != cluster]
    base: Row = {
        "factor": labelled.by,
        "n_annotations": len(choices.codes),
        "n_missing": n_missing,
        "accounts_for": ", ".join([_LABELS, *([f"{cluster}s"] if cluster else [])]),
        "ignores": ", ".join(f"{name}s" for name in others),
        "warning": join_reasons(
            gone,
            without_labels(labelled),
            NOT_ADJUSTED if was_observed(labelled.frame, labelled.by) else "",
        ),
    }
    return choices, base


@result_frame("correction", "factor", *_COLUMNS[:5], "mc_error", "n_resamples", *_COLUMNS[5:])
@takes_labels
def bilder_loughin(
    data: Data,
    *,
    by: str = "modality",
    correction: str | Sequence[str] = (*_ORDERS, "bootstrap"),
    cluster: str | None = None,
    n_resamples: int = 9999,
    rng: Rng = 0,
) -> list[Row]:
    """Test of multiple marginal independence, for labels of which any number may be chosen.

    Parameters
    ----------
    data : DataTree or DataFrame
        A study with labels, or its annotation frame.
    correction : {"first", "second", "bootstrap"} or several
        Rao-Scott correction of first or second order, or bootstrap.
    cluster : str, optional
        Column whose levels are sampled as a whole, ``"participant"`` or ``"item"``; annotations
        where not given, as published. With clusters the bootstrap is not defined.

    Raises
    ------
    DataError
        When there are no labels, or no such column.
    DesignError
        For another order, or a factor that cannot be evaluated.

    See Also
    --------
    rao_scott : The same for the total of chosen labels.
    chisquare_labels : With a row that respects the design.

    Notes
    -----
    A table of labels chosen counts an annotation once for each label, and leaves out the labels
    that it did not choose. Here each label has its own table of groups by chosen or not, and the
    statistic is the sum of Pearson's chi-square over labels. The null hypothesis is that every
    label is as likely in each group, so it also asks *how many* labels are chosen, which
    `chisquare_labels` does not. Labels that all or nobody chose do not enter. Whole sets of labels
    are compared, so an annotation that lacks a label is left out and counted.

    The labels of an annotation go together, so the sum has no chi-square distribution. Its
    design effects are the eigenvalues of the covariance of ``sum over a group of (y - p)``, by
    annotations or by clusters, in units of ``n_g p (1 - p)``; the corrections are those of
    `rao_scott`. In the bootstrap whole sets of labels and groups are drawn apart from each
    other, each with replacement, and p is the share of samples with a sum at least as large.

    `accounts_for` and `ignores` say what a row does and does not adjust; without `cluster`,
    annotations of one participant or one item count as independent.

    References
    ----------
    Bilder, C. R., Loughin, T. M., & Nettleton, D. (2000). Multiple marginal independence testing
    for pick any/c variables. Communications in Statistics - Simulation and Computation, 29(4),
    1285-1316. https://doi.org/10.1080/03610910008813665

    Examples
    --------
    >>> from muvistats import bilder_loughin, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> bilder_loughin(study, by="gender", n_resamples=99)["method"].tolist()[:1]
    ['Bilder-Loughin, first order']
    """
    asked = check_choices("correction", correction, (*_ORDERS, "bootstrap"))
    choices, base = _prepared(label_choices(data, by), cluster, whole=True)
    base |= {
        "dependence": "independent" if cluster is None else "clusters",
        "n": int(choices.chosen.sum()),
        "n_resamples": 0,
    }
    use = ~choices.chosen.all(axis=0) if len(choices.codes) else np.ones(0, dtype=bool)
    chosen = choices.chosen[:, use] if len(choices.codes) else choices.chosen
    each = np.arange(len(choices.codes))
    clusters = each if cluster is None else codes_of(choices.frame.loc[choices.use, cluster])
    base["n_clusters"] = int(clusters.max(initial=-1)) + 1
    problem = problem_of(choices) or ("" if use.any() else "every label was chosen by all")
    effects, statistic = np.full(1, np.nan), np.nan
    if not problem:
        k = len(choices.groups)
        statistic = float(kernel.marginal_chi_square(chosen, choices.codes, k).sum())
        effects = kernel.marginal_effects(chosen, choices.codes, k, clusters)
    orders = [name for name in asked if name != "bootstrap"]
    rows = list(_corrected_rows(base, orders, statistic, effects, problem, "Bilder-Loughin"))
    if "bootstrap" in asked:
        row = base | {"statistic_name": "chi-square", "method": "Bilder-Loughin, bootstrap"}
        if cluster is not None:
            problem = "no bootstrap with clusters: sets of labels and groups would part"
        if not problem:
            child = generator_of(rng).spawn(1)[0]
            varying = replace(choices, chosen=chosen)
            row |= _bootstrapped(varying, statistic, n_resamples, child)
        found = row["warning"] if row["warning"] != base["warning"] else ""
        rows.append(row | {"warning": join_reasons(problem, found, base["warning"])})
    return rows


def _bootstrapped(
    data: Choices, statistic: float, n_resamples: int, rng: np.random.Generator
) -> Row:
    draws = kernel.bootstrap_marginal(data.chosen, data.codes, len(data.groups), n_resamples, rng)
    p_value, error = monte_carlo_p(np.array([statistic]), draws[:, None])
    none = "" if n_resamples else "no p: n_resamples is 0"
    return {
        "statistic": statistic,
        "p_value": p_value[0],
        "mc_error": error[0],
        "n_resamples": n_resamples,
        "warning": none,
    }

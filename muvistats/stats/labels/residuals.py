"""Which labels are chosen more or less often than expected in which group."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats

from ...arguments import Dependence, check_dependence
from ...dataset.own_labels import takes_labels
from ...kernels import contingency
from ...results.frame import join_reasons, result_frame
from ...types import Data, Rng, Row
from ..shared.adjust import adjust_p
from ..shared.study import Resampling
from .by_design import Choices, DesignTest, Plan
from .counts import Tests, known_labels, label_choices


@result_frame(
    "dependence, label and group",
    "factor label group observed expected deviation std_residual p_value p_adjusted",
    "p_adjust_method mc_error n_resamples n n_annotations n_missing method dependence",
)
@takes_labels
def label_deviations(
    data: Data,
    *,
    by: str = "modality",
    adjust: str = "holm",
    dependence: Dependence = ("independent", "design"),
    assigned: str | None = None,
    strata: str | None = None,
    n_resamples: int = 9999,
    rng: Rng = 0,
    n_jobs: int = 1,
) -> list[Row]:
    """How far each label's count lies from its expectation in each group (Figs. 4 to 6).

    Parameters
    ----------
    data : DataTree or DataFrame
        A study with labels, or its annotation frame.
    adjust : {"holm", "bonferroni", "fdr_bh", "fdr_by", "none"}
        Adjustment of p over labels and groups. Rows that respect the design are adjusted by the
        largest residual of each arrangement instead, whatever is named, or not at all ("none").

    Raises
    ------
    DataError
        When there are no labels.
    DesignError
        For another `dependence`, an unknown adjustment, or a factor that cannot be evaluated or
        whose parts were assigned in different ways.

    See Also
    --------
    chisquare_labels : Whether there is any difference at all.
    plot_label_deviations : The result as a figure.
    label_models : A mixed model of each label.

    Notes
    -----
    With O the count of a label in a group, ``E = row * column / n`` and n all labels chosen, the
    deviation is ``O - E`` and the standardized residual ``(O - E) / sqrt(E (1 - row / n)
    (1 - column / n))``, roughly standard normal without association; p is two-sided from it.
    All cells make one family for the adjustment, but with two groups each label is one test: the
    residuals of the second group are those of the first with the other sign.

    A label that nobody chose has expectation 0 and no residual; one that nobody of a group
    answered compares nothing and leaves the table. `n` is the number of labels
    chosen in the whole table, `n_annotations` that of annotations in the group for which the label
    is known and `n_missing` that of those without a group or without this label. In the row
    "independent", labels are taken as independent.

    In the row "design", the tests are those of `chisquare_labels`, see there. `expected` is the
    count less the deviation that remains after participants and items are accounted for, and
    `std_residual` is that deviation in units of its own standard error, which knows of
    participants and items (of a trait of people with fewer than 6 items they are those of the
    table, by participants). p is the share of
    arrangements with a residual at least as far from 0, and `p_adjusted` the share in which any
    residual of the table is ("max-statistic"), which holds the chance of a single false alarm
    among all labels and groups at its level.

    References
    ----------
    Haberman, S. J. (1973). The analysis of residuals in cross-classified tables. Biometrics,
    29(1), 205-220. https://doi.org/10.2307/2529686

    Examples
    --------
    >>> from muvistats import label_deviations, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> cells = label_deviations(study, by="familiar", dependence="independent")
    >>> float(cells["deviation"].sum().round(9))
    0.0
    """
    asked = check_dependence(dependence)
    plan = Plan(assigned, strata, Resampling.of(n_resamples, rng, n_jobs).spawn(1)[0])
    return cell_rows(Tests(label_choices(data, by), asked, plan), adjust)


def cell_rows(tests: Tests, adjust: str) -> list[Row]:
    """Rows of `label_deviations`."""
    choices = tests.choices
    base: Row = {"factor": choices.by}
    rows: list[Row] = []
    if "independent" in tests.asked:
        rows += (base | row for row in _independent(choices, adjust))
    if "design" in tests.asked:
        rows += (base | row for row in _design(choices, tests.by_design, adjust))
    return rows


def _independent(choices: Choices, adjust: str) -> Iterator[Row]:
    counts = choices.counts
    base: Row = {
        "p_adjust_method": adjust,
        "n_resamples": 0,
        "n": int(counts.sum()),
        "method": "standardized residuals of Pearson's chi-square",
        "dependence": "independent",
    }
    filled = counts.sum(axis=1) > 0
    expected = np.full(counts.shape, np.nan)
    residuals = expected.copy()
    if filled.sum() > 1:
        expected, residuals = contingency.standardized_residuals(counts)
    p_values = 2 * stats.norm.sf(np.abs(residuals))
    adjusted = np.full(p_values.shape, np.nan)
    if filled.sum() == 2:
        adjusted[filled] = adjust_p(p_values[filled][0], adjust)
    else:
        adjusted[:] = adjust_p(p_values.ravel(), adjust).reshape(p_values.shape)
    for g, j, cell in _cells(choices, base):
        if not choices.groups:
            yield cell
            continue
        undefined = "no other label was chosen" if np.isnan(residuals[g, j]) else ""
        yield cell | {
            "expected": np.nan if np.isnan(cell["observed"]) else expected[g, j],
            "deviation": cell["observed"] - expected[g, j],
            "std_residual": residuals[g, j],
            "p_value": p_values[g, j],
            "p_adjusted": adjusted[g, j],
            "warning": cell["warning"] or undefined,
        }


def _design(choices: Choices, found: DesignTest, adjust: str) -> Iterator[Row]:
    data = found.choices
    base: Row = {
        "p_adjust_method": "none" if adjust == "none" else "max-statistic",
        **(found.common or found.row),
        "n": int(data.chosen.sum()),
    }
    overall = base.pop("warning")
    groups = {name: g for g, name in enumerate(data.groups)}
    labels = {name: j for j, name in enumerate(data.names)}
    known = known_labels(data)
    for _, _, cell in _cells(choices, base):
        g, j = groups.get(cell["group"]), labels.get(cell["label"])
        reason = join_reasons(cell["warning"], overall)
        if g is None or j is None or not found.cells:
            yield cell | {"warning": reason}
            continue
        values = {name: float(array[g, j]) for name, array in found.cells.items()}
        values["expected"] = values["observed"] - values["deviation"]
        if adjust == "none":
            values["p_adjusted"] = values["p_value"]
        untested = np.isnan(values["p_value"]) and not overall
        yield (
            cell
            | values
            | {
                "n_annotations": int(known[g, j]),
                "warning": "nothing varies but participants and items" if untested else reason,
            }
        )


def _cells(choices: Choices, base: Row) -> Iterator[tuple[int, int, Row]]:
    """Rows of all labels and groups, with what is counted."""
    counts, known = choices.counts, known_labels(choices)
    filled = counts.sum(axis=1) > 0
    n_missing = len(choices.use) - known.sum(axis=0)
    for j, label in enumerate(choices.names):
        for g, group in enumerate(choices.groups):
            reason = ""
            if filled.sum() < 2:
                reason = "fewer than two groups have labels"
            elif not filled[g]:
                reason = "no label was chosen in this group"
            elif len(silent := np.flatnonzero(filled & (known[:, j] == 0))):
                reason = f"nobody of {choices.groups[silent[0]]} answered this label"
            elif counts[:, j].sum() == 0:
                reason = "nobody chose this label"
            yield (
                g,
                j,
                base
                | {
                    "label": label,
                    "group": group,
                    "observed": np.nan if reason.startswith("nobody of") else counts[g, j],
                    "n_annotations": int(known[g, j]),
                    "n_missing": int(n_missing[j]),
                    "warning": reason,
                },
            )
    if not choices.groups:
        reason = f"no row has a group of {choices.by}"
        empty: Row = {"observed": np.nan, "n_annotations": 0, "n_missing": len(choices.use)}
        empty |= {"warning": reason}
        yield 0, 0, base | {"label": "all", "group": ""} | empty

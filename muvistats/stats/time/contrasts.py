"""When groups of trajectories differ: tests at every step, corrected over time."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from ...arguments import check_number
from ...dataset.gate import takes_study
from ...errors import DesignError
from ...formula import split_formula
from ...results.frame import join_reasons, result_frame
from ...types import Ints, Rng, Row
from ..ranks.by_design import Question
from ..shared.study import Resampling, permutation_columns
from .blocks import Block, Trajectories, trajectories_of
from .clusters import Adjust, Tested, tested
from .effects import effect_over, effects_at, means_at

#: What a method permutes, by how the factor was assigned.
_PERMUTED = {
    "within_item": "trajectories permuted within items",
    "participant": "whole participants permuted",
    "item": "whole items permuted",
}


@result_frame(
    "cluster, or per step of time, or step and group",
    "dimension factor group group1 group2 time start end mass statistic statistic_name p_value",
    "p_adjusted p_adjust_method mc_error n_resamples mean effect_size effect_size_name conf_low",
    "conf_high conf_level n n_missing method dependence",
)
@takes_study
def over_time(
    data: xr.DataTree,
    formula: str,
    *,
    level: Literal["cluster", "group", "time"] = "cluster",
    groups: tuple[str, str] | None = None,
    statistic: Literal["studentized", "plain"] = "studentized",
    adjust: Literal["cluster", "tfce", "maximum"] = "cluster",
    threshold: float | None = None,
    window: float | None = None,
    assigned: str | None = None,
    strata: str | None = None,
    conf_level: float = 0.95,
    n_resamples: int = 9999,
    rng: Rng = 0,
    n_jobs: int = 1,
) -> list[Row]:
    """When trajectories of the groups of a factor differ.

    Parameters
    ----------
    formula : str
        A dimension that was rated over time, and a factor, as in ``"arousal ~ modality"``.
    level : {"cluster", "group", "time"}
        Times at which groups differ, the mean of each group at each step, or the test at each step.
    groups : tuple of str, optional
        Two levels that are compared, the first less the second; all levels where not given.
    statistic : {"studentized", "plain"}
        With errors that allow for participants and items who react differently, or the classic t
        and F.
    adjust : {"cluster", "tfce", "maximum"}
        Correction for looking at all steps: mass of clusters, threshold-free enhancement, or the
        largest statistic.
    threshold : float, optional
        Statistic beyond which steps form a cluster; by default the one at which a single step would
        be significant at 5%. With ``"tfce"`` the distance between heights; by default 0.1. Not
        for ``"maximum"``.
    window : float, optional
        Length in s of windows that stand side by side and whose means are compared; single samples
        where not given. A window in which an annotation lacks a sample is missing for it.

    Raises
    ------
    DataError
        When the response is no rated dimension that varies over time.
    DesignError
        When nothing says how the factor was assigned, nobody assigned it, two levels are asked for
        that are not there, or an argument is out of range.

    See Also
    --------
    kruskal : the same question asked of medians.
    agreement_over_time : how far raters agree in windows.
    plot_over_time : the figure.

    Notes
    -----
    At each step the groups are compared by a statistic, positive where the first of two is
    higher. *Studentized*: effects of items and shrunken effects of participants are taken out as in
    `kruskal` (of a trait of participants shrunken effects of items, of one of items those
    of participants), and the difference of means is divided by an error from ``V_participant +
    V_item - V_row``; several groups have the Wald statistic. With fewer than 6 items the error of a
    trait of participants is ``V_participant``, and the test is about these items only, as
    `warning` says; where its groups met no item in common, effects of items stay. *Plain*: t, or F,
    of the analysis of variance of what is left when participants and items are taken out (of a
    trait nothing is); where these react differently to the factor,
    it finds clusters too often.

    Groups are permuted as the factor was assigned (see `kruskal`), a whole trajectory at a time, so
    that the course of each rating stays as it is. Steps that follow each other beyond the threshold
    with one sign form a cluster; its mass is the sum of the statistics, and p is the share
    of arrangements whose largest absolute mass is at least as large. With ``tfce`` each step has
    ``sum extent^0.5 height^2 dh``, with ``maximum`` its own statistic, p against the largest of all
    steps; a cluster is then a run of steps with p up to .05, and its p the smallest of them. These
    p control the probability of one false cluster or more.

    A p-value is of the cluster as a whole. It says that groups differ somewhere near it; it is no
    test of where it starts or ends, which change with the threshold and the noise. The effect of a
    cluster (of two groups the mean difference over its steps, adjusted by least squares for
    participants and items; of several, epsilon squared of the means over its steps) is that of
    steps chosen for being large: too large on average, its interval too narrow. Intervals of single
    steps and of group means are each of their own; Student's t with the smaller number of
    clusters less one.

    At each step the annotations count that have a value there, so a shorter one is missing at the
    end only; it is not extended. A step without values in a group, or at which all values are
    equal, has no statistic, and a cluster ends before it. The studentized statistic needs 6
    participants and 6 items (of a trait: 2 people who have it). Without any step beyond the
    threshold there is one row, with p 1.

    References
    ----------
    Maris, E., & Oostenveld, R. (2007). Nonparametric statistical testing of EEG- and MEG-data.
    Journal of Neuroscience Methods, 164(1), 177-190.
    https://doi.org/10.1016/j.jneumeth.2007.03.024

    Smith, S. M., & Nichols, T. E. (2009). Threshold-free cluster enhancement: addressing problems
    of smoothing, threshold dependence and localisation in cluster inference. NeuroImage, 44(1),
    83-98. https://doi.org/10.1016/j.neuroimage.2008.03.061

    Sassenhagen, J., & Draschkow, D. (2019). Cluster-based permutation tests of MEG/EEG data do not
    establish significance of effect latency or location. Psychophysiology, 56(6), e13335.
    https://doi.org/10.1111/psyp.13335

    Examples
    --------
    >>> from muvistats import over_time, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> pair = ("audiovisual", "music")
    >>> steps = over_time(study, "arousal ~ modality", groups=pair, level="time", n_resamples=99)
    >>> len(steps)
    120
    """
    if threshold is not None:
        if adjust == "maximum":
            raise DesignError('adjust="maximum" has no threshold')
        threshold = check_number("threshold", threshold, above=0)
    response, by = split_formula(formula)
    question = Question(response, by, ("design",), assigned, strata, conf_level)
    whole = trajectories_of(data, question, which=statistic, window=window, pair=_pair(groups))
    found = tested(whole, adjust, threshold, Resampling.of(n_resamples, rng, n_jobs))
    make = {"cluster": _clusters, "group": _groups, "time": _steps}[level]
    return [_base(whole, adjust) | row for row in make(found)]


def _pair(groups: object) -> tuple[str, str] | None:
    """Two names, or None."""
    if groups is None:
        return None
    if isinstance(groups, str) or not isinstance(groups, (tuple, list)) or len(groups) != 2:
        raise DesignError(f"groups must be two levels of the factor, not {groups!r}")
    return str(groups[0]), str(groups[1])


def _base(whole: Trajectories, adjust: Adjust) -> Row:
    """Columns that all rows share."""
    groups, question, two = whole.groups, whole.sample.question, len(whole.groups.levels) == 2
    names = {"cluster": "cluster mass", "tfce": "threshold-free", "maximum": "maximum"}
    strata = f", within {question.strata}" if question.strata else ""
    row: Row = {
        "dimension": question.response,
        "factor": question.factor,
        "n_missing": groups.n_missing,
        "conf_level": question.conf_level,
        "p_adjust_method": names[adjust],
        "statistic_name": "t" if two else "chi2" if whole.which == "studentized" else "F",
        "effect_size_name": "mean difference" if two else "epsilon squared",
        "method": f"{_PERMUTED[whole.sample.how]}{strata}, {whole.which}, {names[adjust]}",
        "dependence": "design",
        "n_resamples": 0,
    }
    return row | ({"group1": groups.levels[0], "group2": groups.levels[1]} if two else {})


def _clusters(found: Tested) -> list[Row]:
    """A row for each cluster, in order of time; one that says why there is none."""
    numbers = np.unique(found.cluster[found.cluster >= 0])
    rows = [_cluster(found, np.flatnonzero(found.cluster == number)) for number in numbers]
    return rows or [_without_clusters(found)]


def _cluster(found: Tested, steps: Ints) -> Row:
    """A row for the cluster of some steps."""
    whole, heights = found.whole, found.statistic[steps]
    test, effect = found.columns_of_cluster(steps), effect_over(found.whole, steps)
    return {
        "start": whole.start[steps[0]],
        "end": whole.end[steps[-1]],
        "mass": found.mass[steps[0]],
        "statistic": heights[np.argmax(np.abs(heights))],
        **test,
        **effect,
        "warning": join_reasons(test["warning"], effect["warning"], whole.note),
    }


def _without_clusters(found: Tested) -> Row:
    """A row that says why there are no clusters."""
    test, whole = found.test, found.whole
    row: Row = {"n": len(whole.values), "warning": join_reasons(found.reason, whole.note)}
    if test is None:
        return row
    p_value = 1.0 if test.n_resamples else np.nan
    columns = permutation_columns(test) | {"p_value": p_value, "p_adjusted": p_value, "mass": 0.0}
    return row | columns | {"warning": join_reasons(found.reason, columns["warning"], whole.note)}


def _steps(found: Tested) -> list[Row]:
    """A row for each step."""
    rows: list[Row] = [{}] * len(found.statistic)
    for block in found.blocks:
        known = found.test is not None and not block.problem
        effects = effects_at(block) if known else [{}] * len(block.steps)
        for step, effect in zip(block.steps, effects, strict=True):
            row, test = _when(found, block, step), found.columns(step)
            rows[step] = row | effect | test | {"statistic": found.statistic[step]}
            said = (each.get("warning", "") for each in (test, effect, row))
            rows[step]["warning"] = join_reasons(*said)
    return rows


def _groups(found: Tested) -> list[Row]:
    """A row for each step and group: its mean with limits, and the adjusted p of the step."""
    names = found.whole.groups.levels
    rows: list[list[Row]] = [[]] * len(found.statistic)
    for block in found.blocks:
        means = [means_at(block, block.codes == code) for code in range(len(names))]
        sizes = np.bincount(block.codes, minlength=len(names))
        for place, step in enumerate(block.steps):
            base, test = _when(found, block, step), found.columns(step)
            base |= {name: test[name] for name in ("p_adjusted", "n_resamples") if test}
            rows[step] = [
                base
                | dict(zip(("mean", "conf_low", "conf_high"), limits[:, place], strict=True))
                | {"group": name, "n": int(size), "effect_size_name": ""}
                for name, limits, size in zip(names, means, sizes, strict=True)
            ]
    return [row for step in rows for row in step] or [_without_clusters(found)]


def _when(found: Tested, block: Block, step: int) -> Row:
    """Time of a step, its cluster, and why it is not tested."""
    whole, reason = found.whole, ""
    is_tested = not np.isnan(found.statistic[step])
    if not is_tested:
        reason = found.reason if found.test is None else block.problem
        reason = reason or "all values are equal at this time"
    return {
        "time": whole.start[step],
        "start": whole.start[step],
        "end": whole.end[step],
        "mass": found.mass[step] if is_tested else np.nan,
        "n": int(block.use.sum()),
        "warning": join_reasons(reason, whole.note),
    }

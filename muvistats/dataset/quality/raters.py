"""What can be measured about each participant's work, one array per quantity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ...types import Floats, Ints
from ..access import annotation_frame, dimensions_of, need_people
from ..sessions import cell_codes

_OUTLIER = 3.5


@dataclass
class Measure:
    """One quantity for every participant.

    Parameters
    ----------
    quantity, dimension, method : str
        Names; no dimension is an empty text.
    estimate : ndarray of float, shape (participant,)
        Values, NaN where not defined.
    n : ndarray of int, shape (participant,)
        Annotations behind each value.
    reason : str
        Why a value is not defined.
    p_value : ndarray of float, shape (participant,)
        P-values, NaN for a quantity that is no test.
    """

    quantity: str
    dimension: str
    method: str
    estimate: Floats
    n: Ints
    reason: str = "no annotations"
    p_value: Floats = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if not self.p_value.size:
            self.p_value = np.full(len(self.estimate), np.nan)


def label_values(annotations: xr.Dataset) -> Floats:
    """Labels as 0 and 1, (annotation, label), NaN for missing and masked."""
    codes = annotations["labels"].to_numpy()
    keep = annotations["keep_labels"].to_numpy()[:, None]
    return np.where(keep & (codes >= 0), codes.astype(float), np.nan)


def profiles(values: Floats, person: Ints) -> Floats:
    """Labels of each annotation as one thing: one that is missing says nothing of the others.

    Parameters
    ----------
    values : ndarray of float, shape (annotation, label)
        0 and 1, NaN for missing.
    person : ndarray of int, shape (annotation,)
        Who rated.

    Returns
    -------
    ndarray of float, shape (annotation, label)
        Single labels that are missing have the mean of their person's answers, and so add nothing
        to what is centred within people. NaN where an annotation has no label at all; without the
        labels that nobody answered.
    """
    known = ~np.isnan(values)
    use = known.any(axis=0)
    if not use.any():
        return values
    means = pd.DataFrame(values[:, use]).groupby(person).transform("mean").fillna(0.0).to_numpy()
    filled = np.where(known[:, use], values[:, use], means)
    return np.where(known.any(axis=1, keepdims=True), filled, np.nan)


def measure(data: xr.DataTree) -> list[Measure]:
    """Every quantity that the study allows.

    Parameters
    ----------
    data : DataTree
        The study.

    Returns
    -------
    list of Measure
        In the order of the report.
    """
    annotations = data["annotations"].to_dataset()
    need_people(data)
    names = data["participants/participant"].to_numpy().astype(str)
    person = pd.Index(names).get_indexer(annotations["participant"].to_numpy().astype(str))
    n = np.bincount(person, minlength=len(names))
    measures = [Measure("n_annotations", "", "count", n.astype(float), n)]
    cell = cell_codes(annotations)
    frame = annotation_frame(data)
    keep = annotations["keep_dynamic"].to_numpy()
    trial = annotations["trial"].to_numpy() if "trial" in annotations.coords else None
    for name in dimensions_of(data):
        values = annotations[name].to_numpy().astype(float)
        centre = frame[name].to_numpy(dtype=float)
        if values.ndim == 2:
            measures.extend(_still(name, values, person, len(names)))
        if trial is not None:
            measures.append(_drift(name, centre, trial, person, len(names)))
        values = np.where(keep.reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)
        measures.append(_agreement(name, values, cell, person, len(names)))
    if "labels" in annotations:
        measures.extend(_labels(label_values(annotations), cell, person, len(names)))
    return measures


def _mean_by(values: Floats, group: Ints, n_groups: int) -> tuple[Floats, Ints]:
    """Mean and number of the values that are there."""
    known = ~np.isnan(values)
    n = np.bincount(group[known], minlength=n_groups)
    sums = np.bincount(group[known], values[known], minlength=n_groups)
    return np.divide(sums, n, out=np.full(n_groups, np.nan), where=n > 0), n


def _still(name: str, values: Floats, person: Ints, n_people: int) -> Iterator[Measure]:
    known = ~np.isnan(values)
    low = np.where(known, values, np.inf).min(axis=1)
    high = np.where(known, values, -np.inf).max(axis=1)
    still = np.where(known.sum(axis=1) > 1, (low == high).astype(float), np.nan)
    share, n = _mean_by(still, person, n_people)
    reason = "no annotations with two samples"
    count = np.where(n > 0, share * n, np.nan).round()
    yield Measure(
        "still_annotations", name, "cursor that never moved, as recorded", count, n, reason
    )
    yield Measure("still_share", name, "cursor that never moved, as recorded", share, n, reason)


def _drift(name: str, centre: Floats, trial: Ints, person: Ints, n_people: int) -> Measure:
    from scipy import stats

    r, p, n = np.full(n_people, np.nan), np.full(n_people, np.nan), np.zeros(n_people, np.int64)
    for code in range(n_people):
        mine = (person == code) & ~np.isnan(centre)
        n[code] = mine.sum()
        if n[code] > 2 and np.ptp(centre[mine]) > 0 and np.ptp(trial[mine]) > 0:
            found = stats.spearmanr(trial[mine], centre[mine])
            r[code], p[code] = found.statistic, found.pvalue
    reason = "fewer than three annotations, or medians that do not vary"
    return Measure("drift", name, "Spearman correlation of median and trial", r, n, reason, p)


def _agreement(name: str, values: Floats, cell: Ints, person: Ints, n_people: int) -> Measure:
    from ...kernels.raters.agreement import ccc, leave_one_out_ccc

    if values.ndim == 2:
        order = np.argsort(cell, kind="stable")
        each = np.empty(len(values))
        starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
        each[order] = leave_one_out_ccc(values[order], starts)
        estimate, n = _mean_by(each, person, n_people)
        method = "mean CCC with the weighted estimator of the others"
    else:
        sums, counts = (
            np.bincount(cell, np.nan_to_num(values)),
            np.bincount(cell, ~np.isnan(values)),
        )
        others = counts[cell] - 1
        rest = sums[cell] - values
        means = np.divide(rest, others, out=np.full(len(values), np.nan), where=others > 0)
        estimate, n = np.full(n_people, np.nan), np.zeros(n_people, np.int64)
        for code in range(n_people):
            mine = person == code
            n[code] = (~np.isnan(means[mine])).sum()
            estimate[code] = float(ccc(values[mine], means[mine]))
        method = "CCC over annotations with the mean of the others"
    return Measure("agreement", name, method, estimate, n, "no other rater whose ratings vary")


def _labels(values: Floats, cell: Ints, person: Ints, n_people: int) -> Iterator[Measure]:
    from ...kernels.raters import alignment, rater_fit

    joint = profiles(values, person)
    known = ~np.isnan(values).any(axis=1)
    per_trial, n = _mean_by(np.where(known, values.sum(axis=1), np.nan), person, n_people)
    reason = "no annotations with labels"
    yield Measure("labels_per_trial", "", "mean number of labels", per_trial, n, reason)
    constant, agreement = np.full(n_people, np.nan), np.full(n_people, np.nan)
    compared = np.zeros(n_people, dtype=np.int64)
    code = person.astype(np.int64)
    place = alignment.place(joint, cell, code, np.arange(len(cell)), 0)
    means = rater_fit.other_means(place, cell, code, np.arange(n_people), int(cell.max()) + 1)
    both = ~np.isnan(joint).any(axis=1) & ~np.isnan(means).any(axis=1)
    for one in range(n_people):
        mine = values[known & (person == one)]
        if len(mine) > 1:
            constant[one] = float((mine == mine[0]).all())
        at = both & (person == one)
        compared[one] = at.sum()
        agreement[one] = rater_fit.rater_fit(joint[at], means[at])[0]
    reason = "fewer than two annotations with labels"
    yield Measure("constant_labels", "", "same labels in every trial", constant, n, reason)
    reason = "labels that do not vary, or nobody to compare with"
    method = "correlation with the mean of the others, centred within participant"
    yield Measure("label_agreement", "", method, agreement, compared, reason)


def robust_outliers(values: Floats, least: float = 0.0) -> npt.NDArray[np.bool_]:
    """Values whose robust z is beyond 3.5.

    Parameters
    ----------
    values : ndarray of float
        Values; NaN is no outlier.
    least : float
        Smallest standard deviation: 1 for counts of which one more or less says nothing.

    Returns
    -------
    ndarray of bool
        Where the outliers are.

    References
    ----------
    Iglewicz, B., & Hoaglin, D. C. (1993). How to detect and handle outliers. ASQC Quality Press.
    """
    known = ~np.isnan(values)
    if not known.any():
        return np.zeros(len(values), dtype=bool)
    distance = np.abs(values - np.median(values[known]))
    spread = float(np.median(distance[known])) / 0.6745
    if spread <= 0:
        spread = float(distance[known].mean()) * 1.2533
    spread = max(spread, least)
    if spread <= 0:
        return np.zeros(len(values), dtype=bool)
    out: npt.NDArray[np.bool_] = known & (distance > _OUTLIER * spread)
    return out

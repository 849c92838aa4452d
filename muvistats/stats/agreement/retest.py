"""Agreement of people with themselves in another session."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import check_choice
from ...dataset.own_labels import takes_labels
from ...errors import DataError
from ...kernels.raters.agreement import ccc
from ...kernels.raters.retest import agreement_of_pairs, kappa_of_pairs
from ...kernels.sampling.correlation import fisher_limits
from ...kernels.sampling.multiway import infer, influence_variance, two_way
from ...results.frame import Rows, result_frame
from ...types import Data, Floats, Ints, Mask, Names, Row
from ..shared.study import (
    choose_dimensions,
    codes_of,
    in_one_modality,
    label_names,
    need,
    places,
    to_frame,
)
from .chance_corrected import by_modality
from .concordance import once_for_each_mask

Scale = Literal["identity", "log", "atanh"]

#: Estimators, and the scale on which they have limits.
_OF_MEDIANS: dict[str, Scale] = {
    "CCC": "atanh",
    "Pearson r": "atanh",
    "mean difference": "identity",
    "standard error of measurement": "log",
}
_OF_COURSES: dict[str, Scale] = {"CCC over time": "identity"}
_KAPPA: dict[str, Scale] = {"Cohen kappa": "atanh"}


@result_frame(
    "dimension or label, modality and estimator",
    "dimension label modality estimator estimate conf_low conf_high conf_level n n_items",
    "n_participants",
)
@takes_labels
def retest_reliability(
    data: Data,
    *,
    metric: Literal["interval", "nominal"] = "interval",
    dimension: Names | None = None,
    conf_level: float = 0.95,
) -> Rows:
    """Agreement of people with themselves when they rate the same again.

    Parameters
    ----------
    metric : {"interval", "nominal"}
        Agreement on the rated dimensions, or on each label.
    dimension : str or sequence of str, optional
        Rated dimensions for the interval metric; all where not given.

    Raises
    ------
    DataError
        When nobody rated the same item in the same modality in two sessions, when it is not known
        who rated, or when the study lacks the dimension or labels.

    See Also
    --------
    icc : Agreement between people.
    noise_ceiling : How well any model could agree with the mean of the raters.

    Notes
    -----
    Each annotation is paired with that of the same person, item and modality in the session before,
    in the order of the study's sessions (names as people sort them, or an ordered column's own);
    `n` counts pairs. Missing and excluded ratings do not
    enter.

    The interval metric has four estimators, of annotation medians. ``CCC``, Lin's concordance,
    takes changes of level for disagreement; ``Pearson r`` does not. ``mean difference`` is later
    less earlier, in units of the scale. ``standard error of measurement`` is the standard
    deviation of the differences over the root of 2, by n - 1: half of the ratings would come back
    within .95 of it, and 95% within 2.77 of it. CCC and r are of ratings of different items, and
    rise with the spread of the items. Of a study with trajectories, ``CCC over time`` is the mean
    concordance of the two trajectories of a person and an item, over the time steps of both. The
    nominal metric is Cohen's kappa of the two answers.

    Limits are Student's t with the variance over items, plus that over participants, less that over
    their pairs, each by the influence of the pairs on the estimate; degrees of freedom are the
    smaller number of the two less one. CCC, r and kappa have them on the scale of the inverse
    hyperbolic tangent, the error of measurement on that of the logarithm. With one item or one
    person there are none.

    References
    ----------
    Lin, L. I.-K. (1989). A concordance correlation coefficient to evaluate reproducibility.
    Biometrics, 45(1), 255-268. https://doi.org/10.2307/2532051

    Weir, J. P. (2005). Quantifying test-retest reliability using the intraclass correlation
    coefficient and the SEM. Journal of Strength and Conditioning Research, 19(1), 231-240.
    https://doi.org/10.1519/15184.1

    Cameron, A. C., Gelbach, J. B., & Miller, D. L. (2011). Robust inference with multiway
    clustering. Journal of Business & Economic Statistics, 29(2), 238-249.
    https://doi.org/10.1198/jbes.2010.07136

    Examples
    --------
    Four people rated three clips on two days; their ratings moved by half a point.

    >>> import pandas as pd
    >>> from muvistats import from_frames, retest_reliability
    >>> first = [1, 4, 7, 2, 5, 8, 1, 5, 7, 3, 4, 8]
    >>> second = [2, 4, 7, 2, 6, 8, 2, 5, 8, 2, 5, 9]
    >>> ratings = pd.DataFrame({
    ...     "item": list("abc") * 8,
    ...     "participant": [f"p{person}" for person in range(4) for _ in range(3)] * 2,
    ...     "session": ["day 1"] * 12 + ["day 2"] * 12,
    ...     "arousal": first + second,
    ... })
    >>> study = from_frames(annotations=ratings, dimensions=["arousal"], scale=(1, 9))
    >>> retest_reliability(study)["estimate"].round(2).tolist()
    [0.95, 0.97, 0.42, 0.47]
    """
    check_choice("metric", metric, ("interval", "nominal"))
    frame = in_one_modality(to_frame(data))
    need(frame, "item", "modality", "participant")
    earlier, later = _pairs(frame)
    pairs = frame.iloc[later]
    common: Row = {"conf_level": conf_level}
    rows: list[Row] = []
    if metric == "nominal":
        for name in label_names(data):
            first, second = (frame[name].to_numpy(dtype=float)[side] for side in (earlier, later))
            rows += _rows(pairs, first, second, kappa_of_pairs, _KAPPA, common | {"label": name})
        return rows
    for name in choose_dimensions(data, dimension):
        need(frame, name)
        common["dimension"] = name
        medians = frame[name].to_numpy(dtype=float)
        first, second = medians[earlier], medians[later]
        rows += _rows(pairs, first, second, agreement_of_pairs, _OF_MEDIANS, common)
        if isinstance(data, xr.DataTree) and "time" in data["annotations"][name].dims:
            values = data["annotations"][name].to_numpy()
            values = np.where(np.isnan(medians)[:, None], np.nan, values)
            course = ccc(values[earlier], values[later])
            rows += _rows(pairs, course, course, _mean, _OF_COURSES, common)
    return rows


def _pairs(frame: pd.DataFrame) -> tuple[Ints, Ints]:
    """Rows of a person, item and modality in a session, and in the next one that they had."""
    rows = again = np.arange(0)
    if "session" in frame:
        keys = frame.groupby(["item", "modality", "participant"], observed=True, sort=False)
        group = keys.ngroup().to_numpy()
        rows = np.lexsort((places(frame["session"]), group))
        again = np.flatnonzero(np.diff(group[rows]) == 0)
    if not len(again):
        raise DataError(
            "nobody rated the same again; session= of from_frames names the column that tells when",
            column="session",
            expected="ratings of one person, item and modality in two sessions",
        )
    return rows[again], rows[again + 1]


def _limits(value: float, reach: float, scale: Scale) -> tuple[float, float]:
    """Limits as far from an estimate on its scale as they would be, to first order, on its own."""
    if np.isnan(reach) or scale == "identity":
        return value - reach, value + reach
    if scale == "log":
        return value * math.exp(-reach / value), value * math.exp(reach / value)
    return fisher_limits(value, reach)


def _mean(values: Floats, _: Floats) -> tuple[Floats, Floats]:
    """Mean of finished values, and their influence."""
    mean = values.mean(keepdims=True)
    return mean, (values - mean)[:, None] / len(values)


def _rows(
    pairs: pd.DataFrame,
    first: Floats,
    second: Floats,
    kernel: Callable[[Floats, Floats], tuple[Floats, Floats]],
    scales: dict[str, Scale],
    common: Row,
) -> list[Row]:
    """Estimates of pairs by modality."""
    known = ~(np.isnan(first) | np.isnan(second))

    def rows_of(use: Mask) -> list[Row]:
        units = [codes_of(pairs[key][use]) for key in ("item", "participant")]
        n_units = [int(codes.max(initial=-1)) + 1 for codes in units]
        row = common | {"n": int(use.sum()), "n_items": n_units[0], "n_participants": n_units[1]}
        if row["n"] < 2:
            reason = "fewer than two pairs of ratings"
            return [row | {"estimator": name, "warning": reason} for name in scales]
        estimate, influence = kernel(first[use], second[use])
        units.append(codes_of(pd.Series(units[0] * n_units[1] + units[1])))
        item, person, pair = (influence_variance(influence, codes) for codes in units)
        variance = two_way(item, person, pair, min(n_units))
        half = infer(estimate, variance, min(n_units) - 1, common["conf_level"]).high - estimate
        silent = (
            "the pairs do not differ" if min(n_units) > 1 else "there is one item or one person"
        )
        found: list[Row] = []
        for name, value, reach in zip(scales, estimate.tolist(), half.tolist(), strict=True):
            low, high = _limits(value, reach, scales[name])
            reason = f"no interval: {silent}" if np.isnan(low) else ""
            reason = "nothing varies" if np.isnan(value) else reason
            limits = {"conf_low": low, "conf_high": high, "warning": reason}
            found.append(row | {"estimator": name, "estimate": value} | limits)
        return found

    once = once_for_each_mask(rows_of)
    return [
        row | {"modality": modality}
        for modality, use in by_modality(pairs)
        for row in once(use & known)
    ]

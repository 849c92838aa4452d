"""Is the data what it says? Checks that come before any test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import check_count, generator_of
from ...results.frame import Rows, result_frame
from ...types import Rng
from .. import schema
from ..access import need_people, question_of
from ..build import natural_order
from ..gate import takes_study
from . import raters, shifts


@result_frame(
    "variable, lag and, at the level of participants, participant",
    "variable participant lag estimate estimator statistic statistic_name p_value p_adjusted",
    "p_adjust_method mc_error n_resamples n n_missing n_participants n_items best method",
    "dependence",
)
@takes_study
def label_alignment_check(
    data: xr.DataTree,
    *,
    lags: Iterable[int] = shifts.LAGS,
    n_resamples: int = 999,
    rng: Rng = 0,
    level: Literal["summary", "participant"] = "summary",
) -> Rows:
    """Check that labels and ratings stand beside the item they were given for.

    People who rate the same item agree a little. If the values of a study are shifted by some
    trials, they agree at that shift and not as recorded.

    Parameters
    ----------
    data : DataTree
        The study, with trial order. Examined are the labels, familiarity and the rated
        dimensions (medians over time), as far as they are there.
    lags : iterable of int
        At lag k the values of trial t + k meet the item of trial t. 0 is the data as it stands,
        1 moves values up by one row.
    n_resamples : int
        Number of permutations per variable and lag.
    rng : int, SeedSequence, Generator or None
        Source of randomness. A number gives the same result each time, None another one.
    level : {"summary", "participant"}
        One answer for the study, or one for each participant against all others.

    Raises
    ------
    DataError
        When the study has no trial order, or a participant has a trial number twice.
    DesignError
        When an argument is not one of those above.

    See Also
    --------
    plot_label_alignment : The result as a figure.
    read_muvi : Reads the release as it is, or with its shift corrected.

    Notes
    -----
    Overall, `estimate` is the share of participant-centred variation (sum of squares over all
    columns of the variable) that lies between items. `statistic` is its distance from the mean
    under permutation of each participant's rows, in standard deviations; both moments are exact.
    Taking a person's mean off each value mixes in a little of the person's other trials, with the
    sign reversed. Near the true lag that would look like signal. So for all lags but the one with
    the highest z, `statistic` and p come from residuals: the values without effects of
    participants, and without effects of the items that they meet at the lag of the highest z (least
    squares). People with an identical list (`repeated_lists`) meet on the same item at every lag,
    so products of their values do not count in `statistic`.

    For a participant, `estimate` is the correlation of their values with the mean of the centred
    values of the others (people with another list) on the same item, over rows and columns, and
    `statistic` the same against permutation of the participant's rows. The others stand at the
    lag that is best overall (at 0 where no z is above 3), so a single shifted participant is seen.

    `p_value` is (b + 1) / (m + 1), one-sided. `p_adjusted` compares z with the largest z of each
    permutation: over the lags, and for participants over all variables, participants and lags.
    Only the lag at which the others stand is tested without a search. `best` is True for at most
    one lag per variable and participant: the highest z, if its adjusted p is at most 0.05. Overall,
    where lists are shared, z must also stay above 1.645 when people with an identical list are
    permuted together.

    Rows without a value, or without a partner at that lag, are left out and counted in
    `n_missing`; masked labels and ratings are missing. A single label that is missing stands at
    the mean of its person's answers, where it adds nothing. Rows of a participant are taken as
    exchangeable apart from the item: where sessions run in blocks of one modality, or drift
    strongly, neighbouring lags can show signal too, so read which lag is best.

    References
    ----------
    Nichols, T. E., & Holmes, A. P. (2002). Nonparametric permutation tests for functional
    neuroimaging: a primer with examples. Human Brain Mapping, 15(1), 1-25.
    https://doi.org/10.1002/hbm.1058

    Examples
    --------
    >>> from muvistats import label_alignment_check, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> check = label_alignment_check(study, n_resamples=99)
    >>> int(check.loc[(check["variable"] == "arousal") & check["best"], "lag"].item())
    0
    """
    n_resamples = check_count("n_resamples", n_resamples, least=1)
    steps = shifts.checked_lags(lags)
    session = shifts.session_of(data)
    examine = shifts.overall_rows if level == "summary" else shifts.participant_rows
    rows = examine(session, steps, n_resamples, generator_of(rng))
    return [{"dependence": "design", **row} for row in rows]


@result_frame(
    "participant and quantity",
    "participant quantity dimension estimate p_value n outlier method dependence",
)
@takes_study
def rater_quality(data: xr.DataTree) -> Rows:
    """How each participant worked: still cursors, constant labels, drift, agreement.

    Parameters
    ----------
    data : DataTree
        The study. Quantities that need something it does not have are left out.

    Raises
    ------
    DataError
        When it is no study.

    See Also
    --------
    exclude : Mask what should not count, with a reason.
    interrater_ccc : How far each person follows the others.
    rater_lag : How late each person is.

    Notes
    -----
    Quantities, each with the number `n` of annotations behind it:

    - ``n_annotations``.
    - ``still_annotations`` and ``still_share``, per dynamic dimension: annotations in which the
      cursor never moved, counted on the data as recorded (masks ignored).
    - ``drift``, per dimension: Spearman correlation of the annotation's median with trial, with
      its two-sided p-value.
    - ``agreement``, per dimension: mean concordance (CCC, moments by 1/n) with the weighted
      estimator of the other raters of the same item and modality; for a static rating the CCC
      over annotations with the others' mean.
    - ``labels_per_trial``, but for questions with one answer; ``constant_labels``: 1 where every
      trial got the same set of labels.
    - ``label_agreement``: correlation of the labels with the others' mean in the same item and
      modality, each label centred within participant, so that popular labels and personal habits
      give 0.

    Excluded ratings and labels do not enter drift, agreement and the label quantities. `outlier`
    marks who lies far from the other participants: more than 3.5 standard deviations from their
    median. The standard deviation is estimated so that outliers do not enlarge it: from the median
    absolute deviation (divided by 0.6745) or, where that is 0, from the mean absolute deviation
    (times 1.2533). For numbers of annotations it is taken as at least 1. What is not defined is
    NaN, with the reason in `warning`.

    References
    ----------
    Lin, L. I.-K. (1989). A concordance correlation coefficient to evaluate reproducibility.
    Biometrics, 45(1), 255-268. https://doi.org/10.2307/2532051

    Examples
    --------
    >>> from muvistats import rater_quality, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> quality = rater_quality(study)
    >>> len(quality[(quality["quantity"] == "agreement") & (quality["dimension"] == "valence")])
    12
    """
    need_people(data)
    names = data["participants/participant"].to_numpy().astype(str)
    measures = raters.measure(data)
    rows: list[dict[str, Any]] = []
    for measure in measures:
        if measure.quantity == "labels_per_trial" and question_of(data):
            continue  # one each
        counted = measure.quantity == "n_annotations"
        outlier = raters.robust_outliers(measure.estimate, least=1.0 if counted else 0.0)
        rows.extend(
            {
                "participant": names[code],
                "quantity": measure.quantity,
                "dimension": measure.dimension,
                "estimate": measure.estimate[code],
                "p_value": measure.p_value[code],
                "n": int(measure.n[code]),
                "outlier": bool(outlier[code]),
                "method": measure.method,
                "dependence": "independent",
                "warning": measure.reason if np.isnan(measure.estimate[code]) else "",
            }
            for code in range(len(names))
        )
    return rows


@result_frame("participant who repeats a list", "participant", "repeats", "n")
@takes_study
def repeated_lists(data: xr.DataTree) -> Rows:
    """Participants who worked through the same trials in the same order as someone before them.

    Parameters
    ----------
    data : DataTree
        The study, with trial order.

    Raises
    ------
    DataError
        When the study has no trial order, or a participant has a trial number twice.

    See Also
    --------
    check_lists : The same and more, before a study is run.
    describe_design : How many raters and items there are.

    Notes
    -----
    Two lists are identical when every trial has the same item in the same modality. A list of one
    trial has no order and repeats nobody's. The first of a group is the first in natural order of
    the names. `n` counts the trials. No rows: no list was used twice. Ratings of such people share
    the effects of order and neighbouring trials.

    Examples
    --------
    >>> from muvistats import repeated_lists, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> list(repeated_lists(study).columns[:3])
    ['participant', 'repeats', 'n']
    """
    from ...kernels.raters.alignment import list_codes

    session = shifts.session_of(data, [])
    annotations = data["annotations"].to_dataset()
    levels = schema.decode_levels(annotations["modality"].attrs["levels"])
    modality = pd.Index(list(levels)).get_indexer(annotations["modality"].to_numpy().tolist())
    present, person = np.unique(session.participant, return_inverse=True)
    code, _ = list_codes(person, session.trial, session.item * len(levels) + modality)
    counts = np.bincount(person)
    lists = {session.names[present[i]]: (int(code[i]), int(counts[i])) for i in range(len(present))}
    first: dict[int, str] = {}
    rows = []
    for name in natural_order(list(lists)):
        one, n = lists[name]
        if n > 1 and first.setdefault(one, name) != name:
            rows.append({"participant": name, "repeats": first[one], "n": n})
    return rows

"""Agreement of ordered ratings: weighted kappa and Kendall's W."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ...arguments import check_choices, generator_of
from ...dataset.gate import takes_study
from ...kernels.raters.left_out import spread_of
from ...kernels.raters.ordinal import kendall_w as concordance_of_ranks
from ...kernels.raters.ordinal import weighted_kappa_parts
from ...kernels.sampling.multiway import draw_variance, two_way
from ...results.frame import Rows, join_reasons, result_frame
from ...types import Data, Mask, Names, Rng, Row
from ..shared.study import (
    choose_dimensions,
    codes_of,
    in_one_modality,
    need,
    people_codes,
    to_frame,
)
from .chance_corrected import (
    by_modality,
    limits,
    log_limits,
    n_raters,
    no_interval,
    resampled_sums,
    unit_sums,
    units_of,
    why_missing,
    z_limits,
)
from .concordance import once_for_each_mask

_WEIGHTING = ("linear", "quadratic")
_NO_IDS = "it is not known who rated"


@result_frame(
    "dimension, modality, estimator and weighting",
    "dimension modality estimator method estimate conf_low conf_high conf_level n n_missing",
    "n_items n_participants n_resamples",
)
@takes_study
def weighted_kappa(
    data: Data,
    *,
    dimension: Names | None = None,
    weighting: str | Sequence[str] = _WEIGHTING,
    n_resamples: int = 2000,
    conf_level: float = 0.95,
    rng: Rng = 0,
) -> Rows:
    """Kappa of ordered ratings, in which near misses count less than far ones.

    Parameters
    ----------
    weighting : {"linear", "quadratic"} or both
        Whether a disagreement counts by its distance or by the square of it.

    Raises
    ------
    DataError
        When the study has no rated dimension.
    DesignError
        For another weighting.

    See Also
    --------
    krippendorff_alpha : Where the steps of the scale need not be equal (``metric="ordinal"``).
    kendall_w : Whether raters put the items in one order.

    Notes
    -----
    ``kappa = 1 - D_o / D_e``, with D_o the mean distance of two raters of a unit (an item in a
    modality), the mean over units, and D_e the distance that is expected by chance. The usual
    weights of agreement, 1 less the distance in units of the largest, give the same.
    `cohen_kappa` takes the ratings of two raters, each with a distribution of their own; for more
    than two it is Conger's generalisation, the mean over all pairs of raters. `fleiss_kappa` takes
    all ratings from one distribution, units counting alike. Units with one rating cannot be paired
    and do not enter. Ratings are annotation medians, and their steps count as equal.

    Limits are made as in `krippendorff_alpha`, over items and raters; with two raters they stand
    for other items alone, which the warning says. NaN where nothing varies.

    References
    ----------
    Cohen, J. (1968). Weighted kappa: Nominal scale agreement with provision for scaled
    disagreement or partial credit. Psychological Bulletin, 70(4), 213-220.
    https://doi.org/10.1037/h0026256

    Conger, A. J. (1980). Integration and generalization of kappas for multiple raters.
    Psychological Bulletin, 88(2), 322-328. https://doi.org/10.1037/0033-2909.88.2.322

    Gwet, K. L. (2014). Handbook of inter-rater reliability (4th ed.). Advanced Analytics.
    ISBN 978-0-9708062-8-4

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats import weighted_kappa
    >>> ratings = pd.DataFrame({"item": list("abcdabcd"), "participant": list("xxxxyyyy")})
    >>> ratings["calm"] = [1, 2, 3, 3, 1, 2, 2, 3]
    >>> weighted_kappa(ratings, dimension="calm", n_resamples=0)["estimate"].round(3).tolist()
    [0.714, 0.704, 0.8, 0.795]
    """
    kinds = check_choices("weighting", weighting, _WEIGHTING)
    names = choose_dimensions(data, dimension)
    whole = in_one_modality(to_frame(data))
    need(whole, "item", "modality", *names)
    generator = generator_of(rng)
    rows: list[Row] = []
    for name in names:
        missing = whole[name].isna().to_numpy()

        def rows_of(use: Mask, name: str = name) -> list[Row]:
            return [
                _kappa_row(whole[use], (name, kind, estimator), n_resamples, conf_level, generator)
                for kind in kinds
                for estimator in ("cohen_kappa", "fleiss_kappa")
            ]

        once = once_for_each_mask(rows_of)
        for modality, use in by_modality(whole):
            key = {"modality": modality, "n_missing": int(missing[use].sum())}
            rows += [row | key for row in once(use & ~missing)]
    return rows


def _kappa_row(
    part: pd.DataFrame,
    asked: tuple[str, str, str],
    n_resamples: int,
    conf_level: float,
    rng: np.random.Generator,
) -> Row:
    """One kappa of a dimension among some annotations."""
    name, weighting, estimator = asked
    units = units_of(part)
    part = part[(np.bincount(units, minlength=1)[units] > 1)]
    units, people = units_of(part), people_codes(part)
    n, by_rater = len(part), estimator == "cohen_kappa"
    row: Row = {
        "dimension": name,
        "estimator": estimator,
        "method": f"{weighting} weights",
        "conf_level": conf_level,
        "n": n,
        "n_items": part["item"].nunique(),
        "n_participants": n_raters(part, name, units),
        "n_resamples": n_resamples,
    }
    if not n or (by_rater and "participant" not in part):
        return row | {"warning": _NO_IDS if n else why_missing(np.nan, 0, np.nan, "")}
    values = part[name].to_numpy(dtype=float)
    found = weighted_kappa_parts(
        values, units, people, quadratic=weighting == "quadratic", by_rater=by_rater
    )
    sums, items = unit_sums(part, units, lambda *_: found.sums)
    estimate = float(found.kappa(sums.sum(axis=0))) if np.ptp(values) > 0 else np.nan
    silent = no_interval(items, n_resamples)
    low, high, note = np.full(1, np.nan), np.full(1, np.nan), ""
    if not silent and not np.isnan(estimate):
        draws = found.kappa(resampled_sums(sums, items, n_resamples, rng))[:, None]
        given = np.array([estimate])
        if int(people.max()) == 1:
            n_items = int(items.max()) + 1
            spread_of_items = draw_variance(draws, n_items)
            low, high = z_limits(given, spread_of_items, n_items - 1, conf_level, ratings=2)
            note = "two raters: the limits stand for other items, not for other raters"
        else:
            spread = spread_of(found.without_person), spread_of(found.without_rating)
            ratings = n / len(sums)
            low, high = limits(given, draws, spread, (items, people), conf_level, ratings=ratings)
    problem = why_missing(estimate, n, float(low[0]), silent)
    return row | {
        "estimate": estimate,
        "conf_low": float(low[0]),
        "conf_high": float(high[0]),
        "warning": join_reasons(problem, note),
    }


@result_frame(
    "dimension and modality",
    "dimension modality estimator estimate conf_low conf_high conf_level statistic statistic_name",
    "df p_value n n_missing n_items n_participants",
)
@takes_study
def kendall_w(data: Data, *, dimension: Names | None = None, conf_level: float = 0.95) -> Rows:
    """Kendall's coefficient of concordance: whether raters put the items in one order.

    Raises
    ------
    DataError
        When the study has no rated dimension, or it is not known who rated.

    See Also
    --------
    krippendorff_alpha : For raters who each rated a part of the items (``metric="ordinal"``).

    Notes
    -----
    ``W = sum_i R_i^2 / (k sum_ij c_ij^2)``, with c_ij the mid-ranks of k raters less their mean
    and R_i their sum over raters, is 1 where all agree, and corrected for ties; `statistic` is
    Friedman's chi-square ``k (n - 1) W`` on n - 1 degrees of freedom, with n items (in `all`, items
    in a modality). It needs a complete table: the items that all raters rated or, where there are
    fewer than two, the raters who rated all items; ratings outside of it count in `n_missing`.
    Several ratings by one rater of the same item enter by their mean. NaN where there is no such
    table, or where no rater tells items apart. Without agreement W is still
    1 / k on average.

    Limits are Student's t on the scale of ``log(1 - W)``. The variance adds that over items, with
    what they do to the ranks of others, to that over raters, less that over single ratings, all
    from squared influences.

    References
    ----------
    Kendall, M. G., & Babington Smith, B. (1939). The problem of m rankings. The Annals of
    Mathematical Statistics, 10(3), 275-287. https://doi.org/10.1214/aoms/1177732186

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats import kendall_w
    >>> ratings = pd.DataFrame({"item": list("abcdabcd"), "participant": list("xxxxyyyy")})
    >>> ratings["calm"] = [1, 2, 3, 3, 1, 2, 2, 3]
    >>> kendall_w(ratings, dimension="calm")["estimate"].round(4).tolist()
    [0.9167]
    """
    names = choose_dimensions(data, dimension)
    whole = in_one_modality(to_frame(data))
    need(whole, "item", "modality", "participant", *names)
    rows: list[Row] = []
    for name in names:

        def row_of(use: Mask, name: str = name) -> Row:
            return _concordance_row(whole[use], name, conf_level)

        once = once_for_each_mask(row_of)
        rows += [once(use) | {"modality": modality} for modality, use in by_modality(whole)]
    return rows


def _complete(rated: pd.DataFrame, name: str) -> pd.DataFrame:
    """Ratings of units (rows) by raters (columns) that lack nothing; empty where there are none."""
    table = pd.DataFrame(
        {
            "unit": units_of(rated),
            "rater": codes_of(rated["participant"]),
            "value": rated[name].to_numpy(dtype=float),
        }
    ).pivot_table(index="unit", columns="rater", values="value")
    by_item = table.dropna(axis=0)
    found = by_item if len(by_item) > 1 else table.dropna(axis=1)
    return found if min(found.shape) > 1 else table.iloc[:0, :0]


def _concordance_row(part: pd.DataFrame, name: str, conf_level: float) -> Row:
    """Kendall's W of a dimension among some annotations."""
    rated = part[part[name].notna()]
    table = _complete(rated, name)
    n, k = table.shape
    entered = np.isin(units_of(rated), table.index)
    entered &= np.isin(codes_of(rated["participant"]), table.columns)
    row: Row = {
        "dimension": name,
        "estimator": "kendall_w",
        "conf_level": conf_level,
        "statistic_name": "chi-square",
        "n": int(entered.sum()),
        "n_missing": int(len(part) - entered.sum()),
        "n_participants": k,
        "n_items": rated["item"][entered].nunique(),
    }
    if not n:
        reason = "no two items were rated by all raters, nor all items by two of them"
        return row | {"warning": f"{reason}; krippendorff_alpha(metric='ordinal') needs neither"}
    found = concordance_of_ranks(table.to_numpy())
    if np.isnan(found.estimate):
        return row | {"warning": "no rater tells items apart"}
    least = min(n, k)
    variance = two_way(found.by_target, found.by_rater, found.by_rating, least)
    low, high = log_limits(np.array([found.estimate]), variance, least - 1, conf_level)
    extreme = "all raters agree" if found.estimate > 0.5 else "all items have one mean rank"
    silent = f"no interval: {extreme}" if np.isnan(low[0]) else ""
    return row | {
        "estimate": found.estimate,
        "conf_low": float(np.maximum(low[0], 0.0)),
        "conf_high": float(high[0]),
        "statistic": found.statistic,
        "df": float(found.df),
        "p_value": found.p_value,
        "warning": silent,
    }

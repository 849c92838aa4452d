"""Chance-corrected agreement on summaries and labels."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...arguments import generator_of
from ...dataset.gate import takes_study
from ...dataset.own_labels import takes_labels
from ...kernels.raters.left_out import (
    interval_sums_lost,
    jackknife_variance,
    nominal_sums_lost,
)
from ...kernels.raters.ordinal import ordinal_scores, rank_influence
from ...kernels.raters.reliability import (
    agreement_coefficients,
    interval_alpha,
    interval_sums,
    nominal_sums,
)
from ...kernels.sampling.multiway import Variance, draw_variance, infer, two_way
from ...progress import in_parts
from ...results.frame import Rows, result_frame
from ...types import Data, Floats, Ints, Mask, Names, Rng, Row
from ..shared.study import (
    choose_dimensions,
    in_one_modality,
    label_names,
    need,
    people_codes,
    to_frame,
)
from .concordance import once_for_each_mask

#: Limits farther from an estimate than this, on the scale of a logarithm, are at the ends.
_LARGEST = 50.0

#: Smallest ratio of mean squares that limits start from.
_LEAST = 0.01

#: Weights of units that are held at once, 8 bytes each.
_BATCH = 4_000_000


@result_frame(
    "label, modality and coefficient",
    "label modality estimator estimate conf_low conf_high conf_level share n n_missing n_items",
    "n_participants n_resamples",
)
@takes_labels
def label_agreement(
    data: Data,
    *,
    n_resamples: int = 2000,
    conf_level: float = 0.95,
    rng: Rng = 0,
) -> Rows:
    """Agreement on each label between people who rated the same item in the same modality.

    Raises
    ------
    DataError
        When the study has no labels.

    See Also
    --------
    choice_agreement : One answer out of several.
    krippendorff_alpha : Labels and ratings, with missing ones.

    Notes
    -----
    A unit is an item in a modality; `all` takes the units of every modality together. Each of the
    coefficients is ``(A - E) / (1 - E)`` with A the agreement of pairs of raters. Fleiss' kappa
    takes A as the mean over units and ``E = p^2 + (1 - p)^2`` with p the mean of the units' shares,
    as Gwet (2014) has it for units with unequal numbers of raters; Krippendorff's alpha weighs
    units by their ratings and corrects E for small samples; Gwet's AC1 takes ``E = 2 p (1 - p)``,
    and stays high for labels that hardly anybody chooses, where kappa and alpha fall. `share` is
    the pooled share of choices, `n` the ratings in units with at least two. A missing label counts
    as missing for itself only, in `n_missing`; so does every label of an annotation without labels.
    Limits are made as in `krippendorff_alpha`; those of 95% held the true kappa in .89 to .97 of
    simulated studies.

    References
    ----------
    Fleiss, J. L. (1971). Measuring nominal scale agreement among many raters. Psychological
    Bulletin, 76(5), 378-382. https://doi.org/10.1037/h0031619

    Gwet, K. L. (2008). Computing inter-rater reliability and its variance in the presence of high
    agreement. British Journal of Mathematical and Statistical Psychology, 61(1), 29-48.
    https://doi.org/10.1348/000711006X126600

    Gwet, K. L. (2014). Handbook of inter-rater reliability (4th ed.). Advanced Analytics.
    ISBN 978-0-9708062-8-4

    Examples
    --------
    >>> from muvistats import label_agreement, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> label_agreement(study, n_resamples=50)["estimator"].unique().tolist()
    ['fleiss_kappa', 'krippendorff_alpha', 'gwet_ac1']
    """
    names = label_names(data)
    frame = in_one_modality(to_frame(data))
    need(frame, "item", "modality")
    generator = generator_of(rng)
    missing = frame[names].isna().to_numpy()

    def rows_of(use: Mask) -> list[Row]:
        return _label_rows(frame[use], names, n_resamples, conf_level, generator)

    once = once_for_each_mask(rows_of)
    rows: list[Row] = []
    for modality, use in by_modality(frame):
        n_missing = dict(zip(names, missing[use].sum(axis=0).tolist(), strict=True))
        rows += [
            row | {"modality": modality, "n_missing": n_missing[row["label"]]}
            for row in once(use & ~missing.all(axis=1))
        ]
    return rows


def _label_rows(
    part: pd.DataFrame,
    names: list[str],
    n_resamples: int,
    conf_level: float,
    rng: np.random.Generator,
) -> list[Row]:
    """Coefficients of each label among some annotations."""
    chosen = part[names].to_numpy(dtype=float)
    units, people = units_of(part), people_codes(part)
    sums, items = unit_sums(part, units, lambda u, n: nominal_sums(chosen, u, n))
    draws = agreement_coefficients(resampled_sums(sums, items, n_resamples, rng))
    total = sums.sum(axis=0)
    estimates = agreement_coefficients(total)
    rows: list[Row] = []
    for j, label in enumerate(names):
        entered, n = items[sums[:, j, 0] > 0], int(total[j, 1])
        silent = no_interval(entered, n_resamples)
        common = {
            "label": label,
            "conf_level": conf_level,
            "share": total[j, 2] / n if n else np.nan,
            "n": n,
            "n_items": len(np.unique(entered)),
            "n_participants": n_raters(part, label, units),
            "n_resamples": n_resamples,
        }
        estimate = np.array([found[j] for found in estimates.values()])
        low, high = np.full((2, len(estimate)), np.nan)
        if not silent:
            lost = nominal_sums_lost(chosen[:, j], units, len(sums))
            drawn = np.stack([found[:, j] for found in draws.values()], axis=1)
            spread = jackknife_variance(total[j], lost, people, _coefficients)
            ratings = n / (sums[:, j, 0] > 0).sum()
            low, high = limits(
                estimate, drawn, spread, (items, people), conf_level, ratings=ratings
            )
        rows += [
            common
            | {
                "estimator": name,
                "estimate": estimate[i],
                "conf_low": float(low[i]),
                "conf_high": float(high[i]),
                "warning": why_missing(estimate[i], n, float(low[i]), silent),
            }
            for i, name in enumerate(estimates)
        ]
    return rows


def _coefficients(sums: Floats) -> Floats:
    """Three coefficients side by side."""
    return np.stack(list(agreement_coefficients(sums).values()), axis=-1)


@result_frame(
    "dimension or label, and modality",
    "dimension label modality estimator estimate conf_low conf_high conf_level n n_missing n_items",
    "n_participants n_resamples",
)
@takes_study
def krippendorff_alpha(
    data: Data,
    *,
    metric: Literal["interval", "ordinal", "nominal"] = "interval",
    dimension: Names | None = None,
    n_resamples: int = 2000,
    conf_level: float = 0.95,
    rng: Rng = 0,
) -> Rows:
    """Krippendorff's alpha of annotation summaries (interval, ordinal) or labels (nominal).

    Parameters
    ----------
    metric : {"interval", "ordinal", "nominal"}
        Alpha of the rated dimensions, on annotation medians: of their distances, or of their order
        alone. Or of each label.
    dimension : str, optional
        Rated dimension for the interval and the ordinal metric; all where not given.

    Raises
    ------
    DataError
        When the study lacks dimensions or labels.

    Notes
    -----
    ``alpha = 1 - D_o / D_e``. A unit is an item in a modality; units with one rating cannot be
    paired and do not enter, nor do excluded annotations. NaN where nothing varies.

    The ordinal metric, for ratings whose steps need not be equal, is the interval metric of the
    mid-ranks of all ratings that can be paired.

    The limits are Student's t on the scale of Fisher's z for r ratings of a unit,
    ``log((1 + (r - 1) alpha) / (1 - alpha))``. Their variance is that over resamples of items, plus
    that of a jackknife over participants, less that over single ratings, since both of the former
    contain it. Degrees of freedom are the number of items or of participants, whichever is smaller,
    less one. No rater is drawn twice. With 12 to 81 items of 5 or 6 ratings by 10 to 200 people who
    differ, limits of 95% held the true value in .92 to .97 of simulated studies, and in .88 with 6
    items and 30 people; limits from items alone held it in .75 to .93. That mid-ranks change with
    the ratings is allowed for to first order.

    See Also
    --------
    weighted_kappa : Agreement of ordered ratings by the distributions of the raters.
    kendall_w : Whether raters put the items in one order.

    References
    ----------
    Hayes, A. F., & Krippendorff, K. (2007). Answering the call for a standard reliability measure
    for coding data. Communication Methods and Measures, 1(1), 77-89.
    https://doi.org/10.1080/19312450709336664

    Examples
    --------
    >>> from muvistats import krippendorff_alpha, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> krippendorff_alpha(study, n_resamples=50)["dimension"].unique().tolist()
    ['arousal', 'valence']
    """
    if metric == "nominal":
        frame = label_agreement(data, n_resamples=n_resamples, conf_level=conf_level, rng=rng)
        alpha = frame[frame["estimator"] == "krippendorff_alpha"].drop(columns="share")
        return alpha.assign(estimator="Krippendorff alpha, nominal")
    names = choose_dimensions(data, dimension)
    whole = in_one_modality(to_frame(data))
    need(whole, "item", "modality", *names)
    generator = generator_of(rng)
    rows: list[dict[str, Any]] = []
    for name in names:
        missing = whole[name].isna().to_numpy()

        def row_of(use: Mask, name: str = name) -> Row:
            return _alpha_row(whole[use], name, metric, n_resamples, conf_level, generator)

        once = once_for_each_mask(row_of)
        for modality, use in by_modality(whole):
            key = {"modality": modality, "n_missing": int(missing[use].sum())}
            rows.append(once(use & ~missing) | key)
    return rows


def _alpha_row(
    part: pd.DataFrame,
    name: str,
    metric: str,
    n_resamples: int,
    conf_level: float,
    rng: np.random.Generator,
) -> Row:
    """Interval or ordinal alpha of a dimension among some annotations."""
    values = part[name].to_numpy(dtype=float)
    units, people = units_of(part), people_codes(part)
    n_units = int(units.max(initial=-1)) + 1
    moved = np.zeros(len(values))  # what alpha gains with a rating through the ranks of others
    if metric == "ordinal":
        values = ordinal_scores(values, units, n_units)
        moved = rank_influence(values, units, n_units)

    def kernel(units: Ints, n_units: int) -> Floats:
        by_unit = np.bincount(units, moved, n_units)
        return np.column_stack([interval_sums(values, units, n_units), by_unit])

    def alpha(sums: Floats) -> Floats:
        return interval_alpha(sums[..., :4]) + sums[..., 4]

    sums, items = unit_sums(part, units, kernel)
    draws = alpha(resampled_sums(sums, items, n_resamples, rng))
    entered = items[sums[:, 0] > 0]
    silent = no_interval(entered, n_resamples)
    total = sums.sum(axis=0)
    estimate, n = float(alpha(total)), int(total[0])
    low, high = np.full((2, 1), np.nan)
    if not silent:
        lost = np.column_stack([interval_sums_lost(values, units, len(sums)), moved])
        spread = jackknife_variance(total, lost, people, lambda s: alpha(s)[:, None])
        one, ratings = np.array([estimate]), n / (sums[:, 0] > 0).sum()
        low, high = limits(
            one, draws[:, None], spread, (items, people), conf_level, ratings=ratings
        )
    return {
        "dimension": name,
        "estimator": f"Krippendorff alpha, {metric}",
        "estimate": estimate,
        "conf_low": float(low[0]),
        "conf_high": float(high[0]),
        "conf_level": conf_level,
        "n": n,
        "n_items": len(np.unique(entered)),
        "n_participants": n_raters(part, name, units),
        "n_resamples": n_resamples,
        "warning": why_missing(estimate, n, float(low[0]), silent),
    }


def by_modality(frame: pd.DataFrame) -> list[tuple[str, Mask]]:
    """Rows of each modality, in the order of the study, then all of them, if these are not it."""
    codes = frame["modality"].astype("category").cat
    masks = [
        (str(level), (codes.codes == code).to_numpy())
        for code, level in enumerate(codes.categories)
    ]
    return (
        masks
        if list(codes.categories) == ["all"]
        else [*masks, ("all", np.ones(len(frame), dtype=bool))]
    )


def units_of(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Number of the item and modality of each row, and of the session where there are several."""
    keys = [key for key in ("item", "modality", "session") if key in frame]
    groups = frame.groupby(keys, observed=True, sort=False)
    return np.asarray(groups.ngroup(), dtype=np.int64)


def n_raters(frame: pd.DataFrame, name: str, units: npt.NDArray[np.int64]) -> int:
    """People with a value beside that of somebody else; 0 where it is not known who rated."""
    if "participant" not in frame:
        return 0
    known = frame[name].notna().to_numpy()
    ratings = np.bincount(units, weights=known, minlength=1)
    return int(frame["participant"][known & (ratings[units] > 1)].nunique())


def unit_sums(
    frame: pd.DataFrame, units: npt.NDArray[np.int64], kernel: Any
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Sums per unit, and the item of each unit."""
    n_units = int(units.max()) + 1 if len(units) else 0
    first = np.unique(units, return_index=True)[1]
    # neither the order of the rows nor the type of the ids changes the draws
    items = pd.factorize(frame["item"].astype("str"), sort=True)[0]
    return kernel(units, n_units), items[first]


def resampled_sums(
    sums: Floats, items: npt.NDArray[np.int64], n_resamples: int, rng: np.random.Generator
) -> Floats:
    """Sums over units when whole items are drawn with replacement."""
    if not len(items):
        return np.zeros((n_resamples, *sums.shape[1:]))
    n_items = int(items.max()) + 1
    out = np.empty((n_resamples, *sums.shape[1:]))
    for some in in_parts(n_resamples, _BATCH // max(len(items), 1), "Resamples"):
        size = some.stop - some.start
        drawn = rng.multinomial(n_items, np.full(n_items, 1 / n_items), size=size)
        out[some] = np.tensordot(drawn[:, items].astype(float), sums, axes=1)
    return out


def no_interval(items: npt.NDArray[np.int64], n_resamples: int) -> str:
    """Why resampling the items gives no interval; empty when it may give one."""
    if n_resamples == 0:
        return "no interval: n_resamples is 0"
    return "no interval: fewer than two items" if len(np.unique(items)) < 2 else ""


def limits(
    estimate: Floats,
    draws: Floats,
    spread: tuple[Variance, Variance],
    units: tuple[npt.NDArray[np.int64], Ints],
    conf_level: float,
    *,
    ratings: float,
) -> tuple[Floats, Floats]:
    """Limits of coefficients by the variances over items and raters, on the scale of Fisher's z.

    Parameters
    ----------
    estimate : ndarray of float, shape (estimate,)
        Coefficients.
    draws : ndarray of float, shape (n_resamples, estimate)
        The same when items are resampled.
    spread : tuple of Variance
        Variances over raters and over single ratings.
    units : tuple of ndarray of int
        Codes of the items and of the raters, from 0.
    conf_level : float
        Confidence level.
    ratings : float
        Mean number r of ratings of a unit, at least 2.

    Notes
    -----
    Fisher's z of intraclass correlations, ``log((1 + (r - 1) x) / (1 - x))``, the logarithm of a
    ratio of mean squares. Estimates that are low by chance have small errors, and its upper limits
    are the longer ones there.
    """
    n_items, n_people = (int(codes.max()) + 1 for codes in units)
    fewest = min(n_items, n_people)
    variance = two_way(draw_variance(draws, n_items), *spread, fewest, least="smaller")
    return z_limits(estimate, variance, fewest - 1, conf_level, ratings=ratings)


def z_limits(
    estimate: Floats, variance: Variance, df: float | Floats, conf_level: float, *, ratings: float
) -> tuple[Floats, Floats]:
    """Limits of coefficients with these variances, on the scale of Fisher's z."""
    reach = infer(estimate, variance, df, conf_level).high - estimate
    with np.errstate(divide="ignore", invalid="ignore"):
        between, within = np.maximum(1 + (ratings - 1) * estimate, _LEAST), 1 - estimate
        factor = np.exp(np.minimum(reach * ratings / (between * within), _LARGEST))
        low, high = (
            (between * by - within) / (between * by + (ratings - 1) * within)
            for by in (1 / factor, factor)
        )
    return np.minimum(low, estimate), high


def log_limits(
    estimate: Floats, variance: Variance, df: int, conf_level: float
) -> tuple[Floats, Floats]:
    """Limits of coefficients with these variances, on the scale of log(1 - x)."""
    reach = infer(estimate, variance, df, conf_level).high - estimate
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.exp(np.minimum(reach / (1 - estimate), _LARGEST))
    return np.maximum(1 - (1 - estimate) * ratio, -1.0), 1 - (1 - estimate) / ratio


def why_missing(estimate: float, n: int, low: float, silent: str) -> str:
    """Why the estimate or its limits are missing."""
    if n == 0:
        return "no unit has two raters"
    if np.isnan(estimate):
        return "nothing varies"
    often = "no interval: without some items or raters nothing varies, or no unit has two raters"
    return (silent or often) if np.isnan(low) else ""

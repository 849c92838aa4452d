"""Labels predicted from the features of an item."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ...arguments import (
    check_choices,
    check_count,
    generator_of,
)
from ...dataset.access import annotation_frame, need_study
from ...dataset.gate import takes_study
from ...errors import DataError
from ...kernels.permutation.arrangements import monte_carlo_p
from ...kernels.regression.folds import item_folds
from ...kernels.regression.ridge import cross_validated, ridge_folds
from ...kernels.sampling.bootstrap import percentile_interval
from ...kernels.sampling.correlation import pearson_rows
from ...progress import in_parts, watched
from ...results.frame import join_reasons, result_frame
from ...types import Floats, Ints, Mask, Rng, Row
from ..shared.study import label_names
from .inputs import has_features, release_order

#: Penalties that the inner leave-one-out chooses from, per standardised feature.
_PENALTIES = np.logspace(-2, 3, 16)

#: Numbers that a batch of permuted targets may hold: they fit the processor's cache.
_BATCH = 200_000

_MEASURE = "correlation over items of predicted and observed share of raters"


@result_frame(
    "label and modality, or per modality with ``level='modality'``",
    "label modality features estimate estimator conf_low conf_high conf_level p_value p_adjusted",
    "p_adjust_method mc_error n_resamples rmse noise_ceiling n n_annotations n_missing method",
    "dependence",
)
@takes_study
def label_prediction(
    data: xr.DataTree,
    *,
    kind: Literal["audio", "visual", "audio_visual"] = "audio",
    feature_summary: Sequence[Literal["mean", "sd"]] = ("mean",),
    level: Literal["modality", "label"] = "modality",
    n_folds: int = 5,
    conf_level: float = 0.95,
    n_resamples: int = 999,
    rng: Rng = 0,
) -> list[Row]:
    """Predict how many raters of an item choose a label, from the features of the item.

    Parameters
    ----------
    data : DataTree
        A study with labels and features.
    kind : {"audio", "visual", "audio_visual"}
        Features that the models use.
    feature_summary : sequence of {"mean", "sd"}
        How the frames of an item are summarised: each feature's mean, standard deviation
        (divisor n), or both.
    level : {"label", "modality"}
        A row per label, or the mean correlation over the labels of a modality.
    n_folds : int
        Folds over items, shuffled with random state 42, items in release order.

    Raises
    ------
    DataError
        When there are no labels or features, a feature is infinite, or fewer items than folds
        are left.
    DesignError
        For an argument that is none of its choices.

    See Also
    --------
    lasso_models : Ratings over time instead of labels.
    plot_label_prediction : The result as a figure.

    Notes
    -----
    For each modality and label the target is the share of the raters of an item who chose the
    label. The model is ridge regression on standardised features, whose penalty is chosen within
    the training items by their leave-one-out error; no item that is predicted has a part in
    scaling, penalty or weights. The estimate is Pearson's r between what was predicted and what
    was observed, over all items. Without any signal its mean is somewhat below 0, since each
    fold predicts around the mean of the other items: p therefore comes from repeating the whole
    cross-validation with the features of whole items exchanged, one-sided (r as large or larger).
    `p_adjusted` compares with the largest r among the labels of the modality. Labels of one item
    are exchanged together, so raters and labels may depend on each other in any way.

    The interval is the percentile interval over items drawn with replacement, predictions being
    kept as they are: it does not contain the uncertainty of the models. `noise_ceiling` is the
    correlation that the true shares would reach, ``sqrt(1 - MSW / MSB)`` with the mean squares
    of raters within and items between; 0 where items differ no more than raters do, NaN where no
    item has two raters.

    Frames with NaN are left out of an item's summary. Items without any frame, without a rater
    in the modality, or with a feature that has no value are left out and counted in `n_missing`.
    A missing answer counts for its own label only: shares are those of the raters who answered.
    A label that all or none of the raters chose has no r.

    References
    ----------
    Hoerl, A. E., & Kennard, R. W. (1970). Ridge regression: biased estimation for nonorthogonal
    problems. Technometrics, 12(1), 55-67. https://doi.org/10.1080/00401706.1970.10488634

    Examples
    --------
    >>> from muvistats import label_prediction, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=18, n_participants=18)
    >>> frame = label_prediction(study, kind="visual", level="modality", n_resamples=20)
    >>> frame["modality"].tolist()
    ['music', 'visual', 'audiovisual']
    """
    need_study(data)
    feature_summary = check_choices("summary", feature_summary, ("mean", "sd"))
    n_folds = check_count("n_folds", n_folds, least=2)
    labels = label_names(data)
    frame = annotation_frame(data)
    items, table = _item_features(data, kind, feature_summary)
    rows: list[Row] = []
    children = generator_of(rng).spawn(frame["modality"].cat.categories.size)
    for modality, child in zip(frame["modality"].cat.categories, children, strict=True):
        part = frame[frame["modality"] == modality]
        shares = _shares(part, labels, items)
        whole: Mask = np.asarray(~np.isnan(table).any(axis=1))
        known = (shares.raters > 0) & whole[:, None]
        use = known.any(axis=1)
        base: Row = {
            "modality": modality,
            "features": kind,
            "estimator": _MEASURE,
            "conf_level": conf_level,
            "p_adjust_method": "max-statistic",
            "n": int(use.sum()),
            "n_annotations": int(shares.annotations[use].sum()),
            "n_missing": int((~use).sum()),
            "method": "ridge regression on item features, "
            f"{n_folds}-fold cross-validation over items",
            "dependence": "design",
        }
        _check_items(known, n_folds, str(modality))
        drawn = _draw(table, shares.values, known, n_folds, n_resamples, child)
        found = _summary(drawn, conf_level)
        found["noise_ceiling"] = shares.ceiling(known)
        found["n"] = known.sum(axis=0)
        found["n_annotations"] = np.where(known, shares.raters, 0).sum(axis=0)
        rows += _label_rows(base, labels, found) if level == "label" else [_mean_row(base, found)]
    return rows


@dataclass(frozen=True)
class _Shares:
    """Shares of the raters of each item who chose each label, (item, label).

    `raters` counts those who answered for the label, `annotations` those who did for any.
    """

    values: Floats
    raters: Ints
    annotations: Ints

    def ceiling(self, known: Mask) -> Floats:
        """Square root of the reliability of the shares, by one-way analysis of variance."""
        share, n = np.where(known, self.values, 0.0), np.where(known, self.raters, 0)
        total, items = n.sum(axis=0), known.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            within = (n * share * (1 - share)).sum(axis=0) / (total - items)
            mean = (n * share).sum(axis=0) / total
            between = (n * (share - mean) ** 2).sum(axis=0) / np.maximum(items - 1, 1)
            ceiling = np.sqrt(np.maximum(0.0, 1 - within / between))
        return np.where(total > items, ceiling, np.nan)


def _shares(frame: pd.DataFrame, labels: list[str], items: npt.NDArray[Any]) -> _Shares:
    grouped = frame.groupby("item", observed=True)[labels]
    answered = frame[labels].notna().any(axis=1).groupby(frame["item"], observed=True).sum()
    return _Shares(
        grouped.mean().reindex(items).to_numpy(np.float64),
        grouped.count().reindex(items, fill_value=0).to_numpy(np.int64),
        np.asarray(answered.reindex(items, fill_value=0), dtype=np.int64),
    )


def _item_features(
    data: xr.DataTree, features: str, summary: Sequence[str]
) -> tuple[npt.NDArray[Any], Floats]:
    """Items in release order, and a row of summaries for each; NaN where there are none."""
    items = np.array(release_order(data))
    parts = []
    for kind in features.split("_"):
        path = f"features/{kind}"
        if not has_features(data, kind):
            raise DataError(f"the study has no {kind} features", file=f"/{path}")
        values = data[path]["values"].reindex(item=items).astype(np.float64)
        infinite = np.isinf(values.transpose("item", "time", "feature").to_numpy()).any(axis=(0, 1))
        if infinite.any():
            name = values["feature"].to_numpy()[infinite][0]
            raise DataError("a feature is infinite", file=f"/{path}", column=str(name))
        for name in summary:
            reduced = values.mean("time") if name == "mean" else values.std("time")
            parts.append(reduced.transpose("item", "feature").to_numpy())
    return items, np.concatenate(parts, axis=1)


def _check_items(known: Mask, n_folds: int, modality: str) -> None:
    """Refuse a modality in which no label is known for enough items."""
    most = int(known.sum(axis=0).max(initial=0))
    if most < _least(n_folds):
        raise DataError(
            f"not enough items with features and labels for {modality}",
            found=f"{most} items",
            expected=f"at least {_least(n_folds)}, one for each of {n_folds} folds",
        )


def _least(n_folds: int) -> int:
    """Items that a cross-validation needs."""
    return max(n_folds, 3)


def _cross_validation(table: Floats, n_folds: int) -> Callable[[Floats], Floats]:
    """What turns shares of the items into predictions of each item by the others."""
    folds = ridge_folds(table, item_folds(len(table), n_folds))
    penalties = (_PENALTIES * table.shape[1]).tolist()
    return functools.partial(cross_validated, folds, penalties=penalties)


def _correlations(predicted: Floats, observed: Floats) -> Floats:
    """Pearson's r of columns; NaN where a column does not vary."""
    return pearson_rows(predicted.T, observed.T)[0]


@dataclass(frozen=True)
class _Drawn:
    """Correlations and errors of the labels, (label,), and what resamples gave, (resample, label).

    `permuted` has the features exchanged between items, `boot` the items drawn anew.
    """

    r: Floats
    rmse: Floats
    permuted: Floats
    boot: Floats


def _draw(
    table: Floats,
    shares: Floats,
    known: Mask,
    n_folds: int,
    n_resamples: int,
    rng: np.random.Generator,
) -> _Drawn:
    """Labels that are known for the same items are predicted together.

    Each kind of items meets the same draws, so that labels of one item go on together.
    """
    k = shares.shape[1]
    seeds = rng.spawn(1)[0].bit_generator.seed_seq.spawn(2)  # type: ignore[attr-defined]
    out = _Drawn(*(np.full(size, np.nan) for size in (k, k, (n_resamples, k), (n_resamples, k))))
    patterns, which = np.unique(known, axis=1, return_inverse=True)
    for place, use in enumerate(patterns.T):
        if use.sum() < _least(n_folds):
            continue
        labels = np.flatnonzero(which.ravel() == place)
        predict = _cross_validation(table[use], n_folds)
        observed = shares[np.ix_(use, labels)]
        predicted = predict(observed)
        varies = np.ptp(observed, axis=0) > 0
        error = np.sqrt(((predicted - observed) ** 2).mean(axis=0))
        out.r[labels] = np.where(varies, _correlations(predicted, observed), np.nan)
        out.rmse[labels] = np.where(varies, error, np.nan)
        shuffler, resampler = (np.random.default_rng(seed) for seed in seeds)
        permuted = _permuted(predict, observed, n_resamples, shuffler)
        out.permuted[:, labels] = np.where(varies, permuted, np.nan)
        for row in watched(out.boot, "Resamples", n_resamples):
            some = resampler.integers(0, len(observed), len(observed))
            row[labels] = _correlations(predicted[some], observed[some])
    return out


def _permuted(
    predict: Callable[[Floats], Floats],
    observed: Floats,
    n_resamples: int,
    rng: np.random.Generator,
) -> Floats:
    """Correlations with the features of whole items exchanged, (resample, label)."""
    n, k = observed.shape
    draws = np.full((n_resamples, k), np.nan)
    for some in in_parts(n_resamples, _BATCH // (n * max(k, 1)), "Permutations"):
        count = some.stop - some.start
        order = rng.permuted(np.tile(np.arange(n), (count, 1)), axis=1)
        targets = observed[order].transpose(1, 0, 2).reshape(n, count * k)
        draws[some] = _correlations(predict(targets), targets).reshape(count, k)
    return draws


def _summary(drawn: _Drawn, conf_level: float) -> dict[str, Any]:
    """Correlations of the labels and their mean, with intervals and p-values."""
    low, high = percentile_interval(drawn.boot, conf_level)
    mean_low, mean_high = percentile_interval(_row_means(drawn.boot)[:, None], conf_level)
    p_value, mc_error = monte_carlo_p(drawn.r, drawn.permuted)
    largest = np.fmax.reduce(drawn.permuted, axis=1, initial=-np.inf)
    mean = _row_means(drawn.r[None, :])
    p_mean, mc_mean = monte_carlo_p(mean, _row_means(drawn.permuted)[:, None])
    shape = drawn.permuted.shape
    return {
        "r": drawn.r,
        "low": low,
        "high": high,
        "p": p_value,
        "p_max": monte_carlo_p(drawn.r, np.broadcast_to(largest[:, None], shape))[0],
        "mc_error": mc_error,
        "rmse": drawn.rmse,
        "mean": (mean[0], mean_low[0], mean_high[0], p_mean[0], mc_mean[0]),
        "n_resamples": len(drawn.permuted),
    }


def _row_means(values: Floats) -> Floats:
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _label_rows(base: Row, labels: list[str], found: dict[str, Any]) -> list[Row]:
    rows = []
    for i, label in enumerate(labels):
        known = not np.isnan(found["r"][i])
        reason = "" if known else _without(found, i)
        rows.append(
            base
            | {
                "label": label,
                "n": int(found["n"][i]),
                "n_annotations": int(found["n_annotations"][i]),
                "n_missing": base["n"] + base["n_missing"] - int(found["n"][i]),
                "estimate": found["r"][i],
                "conf_low": found["low"][i] if known else np.nan,
                "conf_high": found["high"][i] if known else np.nan,
                "p_value": found["p"][i],
                "p_adjusted": found["p_max"][i],
                "mc_error": found["mc_error"][i],
                "n_resamples": found["n_resamples"],
                "rmse": found["rmse"][i],
                "noise_ceiling": found["noise_ceiling"][i] if known else np.nan,
                "warning": join_reasons(reason, _silent(found), _too_rare(found, i)),
            }
        )
    return rows


def _mean_row(base: Row, found: dict[str, Any]) -> Row:
    mean, low, high, p_value, mc_error = found["mean"]
    return base | {
        "label": "all",
        "estimate": mean,
        "conf_low": low,
        "conf_high": high,
        "p_value": p_value,
        "p_adjusted": p_value,
        "mc_error": mc_error,
        "n_resamples": found["n_resamples"],
        "rmse": _row_means(found["rmse"][None, :])[0],
        "noise_ceiling": _row_means(found["noise_ceiling"][None, :])[0],
        "warning": join_reasons("no label varies" if np.isnan(mean) else "", _silent(found)),
    }


def _without(found: dict[str, Any], i: int) -> str:
    """Why a label has no correlation."""
    few = found["n"][i] < found["n"].max()
    return (
        "answered for too few items" if few else "the share of the label is the same for every item"
    )


def _too_rare(found: dict[str, Any], i: int) -> str:
    """Why a label with a correlation has no interval, or no ceiling."""
    if np.isnan(found["r"][i]):
        return ""
    no_limits = found["n_resamples"] > 0 and np.isnan(found["low"][i])
    return join_reasons(
        "no interval: chosen on so few items that many samples lack it" if no_limits else "",
        "no noise ceiling: no item has two raters" if np.isnan(found["noise_ceiling"][i]) else "",
    )


def _silent(found: dict[str, Any]) -> str:
    return "" if found["n_resamples"] else "no p and no interval: n_resamples is 0"

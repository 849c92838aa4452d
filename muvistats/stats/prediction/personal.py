"""Do people differ in ways that can be predicted? Each rater's own model beside the average's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import check_choice, check_count
from ...dataset.access import need_people
from ...dataset.gate import takes_study
from ...kernels.regression.folds import fold_labels
from ...kernels.regression.lasso import MODELS, Recipe
from ...kernels.sampling.multiway import infer, influence_variance, two_way
from ...results.frame import Rows, join_reasons, result_frame
from ...types import Floats, Names, Row
from ..agreement.concordance import dynamic_dimensions
from ..shared.study import choose_dimensions
from .fits import Plan, check_sets
from .habits import Habits
from .inputs import KINDS, Inputs, feature_inputs, has_features, item_inputs
from .lasso import mean_with_interval
from .models import Model, Sets
from .raters import Predicted, Quantity, Raters, predict

#: Features of the modalities in which one sense is alone.
_SENSE = {"music": "audio", "visual": "visual"}

_METRICS = {"rmse": "error of the average less that of the personal model"}
_METRICS["ccc"] = "concordance of the personal model less that of the average"

#: Differences below this are rounding.
_ROUNDING = 1e-12


@result_frame(
    "model, kind of raters and metric, or rater, annotation or step of it",
    "modality features target configuration quantity raters metric participant item time estimate",
    "estimator std_error statistic statistic_name df p_value conf_low conf_high conf_level mean1",
    "mean2 effect_size effect_size_name noise_ceiling habit_level habit_spread habit_reach",
    "lag_seconds observed fitted fitted_average n n_items n_participants n_missing method",
)
@takes_study
def personal_models(
    data: xr.DataTree,
    *,
    quantity: Quantity | None = None,
    level: Literal["summary", "participant", "annotation", "time"] = "summary",
    dimension: Names | None = None,
    sets: Sets | None = None,
    profile: Names | None = None,
    model: Model = "lasso",
    n_folds: int = 5,
    conf_level: float = 0.95,
    n_jobs: int = 1,
) -> Rows:
    """Ratings of each rater predicted by a personal model, beside the model of the average.

    Parameters
    ----------
    data : DataTree
        A study with ratings, ids of raters, and features.
    quantity : {"trajectory", "level"}, optional
        What is predicted: ratings at every step, or their mean over the excerpt; a rating without
        a time is a level. Trajectories where not given and where there are any.
    level : {"summary", "participant", "annotation", "time"}
        A row for all raters together, or for each rater with the rater's habits, for each
        annotation, or for each predicted step.
    sets : sequence of (str, str), optional
        Modality and features that predict its ratings. Where not given each modality of the study:
        music by sound, visual by the picture, others by all features that there are.
    profile : str or sequence of str, optional
        Traits of the rater, or of the rater and the item, that may move the level: columns or
        expressions such as ``"age"``. Where not given those that the study has of gender, more
        than three years of training, and familiarity.

    Raises
    ------
    DataError
        When the study has no features, no ratings, no ids of raters, or a single rater.
    DesignError
        For an argument that is none of its choices, or more folds than items.

    See Also
    --------
    feature_models : The model of the average alone.
    compare_with_human : Whether the average model is as good as a person.

    Notes
    -----
    *Average.* The model of `feature_models`, fitted to the mean of the raters.

    *Personal.* To that prediction, with level ``m`` and course ``c(t)`` about it, is added

    ``profile + level + spread (m - mean) + reach c(t) - delay c'(t)``,

    a linear model of the rater, whose slopes are shrunken towards those of the average rater by
    ridge regression. Each habit has one penalty, the same for all raters (Evgeniou and Pontil's
    multi-task form): the one that best predicts left-out items of the same raters. The penalty of
    the profile is the one that best predicts left-out raters. An infinite penalty, which leaves the
    average model as it is, is among those that are tried. Habits are learnt beside the mean of the
    others who rated the same item in the same modality, over all modalities. That mean is noisy, so
    `spread`, `reach` and `delay` are smaller than the true ones.

    *Held out.* Items, in folds as in `feature_models`; no rating of a held-out item enters the
    features' weights, the profile or habits. Raters are ``known`` (their other items are looked
    at) or ``unknown``: whole raters are held out in folds too, and none of their ratings enters
    anything, the average included; their profile is all that is personal. A rater with one trial
    gets the average when known.

    *Rows.* For each annotation the root mean squared error over its steps (of a level, its absolute
    error), and the concordance of trajectories. `mean1` is the average model's, `mean2` the
    personal model's, `estimate` what is gained. The interval stands for other items and other
    raters (variance over items, plus that over raters, less that of annotations; Student's t with
    the smaller number less one); that of one rater for other items. Items of a fold share a model,
    which the intervals do not allow for. `effect_size` is the share of the error that is saved.

    *Ceiling.* `noise_ceiling` is what a model would reach that knows the item. By agreement: the
    mean of the other raters of the held-out item in place of the features, with the same habits;
    for an error, less what the others' own noise adds, ``sqrt(k / (k + 1))`` with k others. Where
    raters have several sessions, an error's is by retest: what their own mean is off by chance.
    A personal taste for single items lies between the two. `n_missing` counts annotations without
    a prediction.

    Who rated in several sessions enters once, with the mean of them. Missing steps are left out.

    References
    ----------
    Evgeniou, T., & Pontil, M. (2004). Regularized multi-task learning. Proceedings of the 10th ACM
    SIGKDD International Conference on Knowledge Discovery and Data Mining, 109-117.
    https://doi.org/10.1145/1014052.1014067

    Robinson, G. K. (1991). That BLUP is a good thing: The estimation of random effects. Statistical
    Science, 6(1), 15-32. https://doi.org/10.1214/ss/1177011926

    Examples
    --------
    >>> from muvistats import personal_models, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> frame = personal_models(study, sets=[("visual", "visual")], dimension="arousal")
    >>> frame[["raters", "metric", "n_participants"]].values.tolist()[:2]
    [['known', 'rmse', 12], ['known', 'ccc', 12]]
    """
    check_choice("level", level, ("summary", "participant", "annotation", "time"))
    check_choice("model", model, MODELS)
    n_folds = check_count("n_folds", n_folds, least=2)
    need_people(data)
    names = choose_dimensions(data, dimension)
    moving = [name for name in names if "time" in data["annotations"][name].dims]
    if quantity is None:
        quantity = "trajectory" if moving else "level"
    if check_choice("quantity", quantity, ("trajectory", "level")) == "trajectory":
        names = dynamic_dimensions(data, dimension)
    asked = None if sets is None else check_sets(sets)
    kinds = [kind for kind in KINDS if asked is None or any(kind in of for _, of in asked)]
    inputs = (
        feature_inputs(data, dimension=names, kinds=kinds, gold="mean")
        if quantity == "trajectory"
        else item_inputs(data, kinds=kinds)
    )
    plan = Plan(
        asked or _sets(data, inputs.modalities),
        Recipe(model),
        n_folds=n_folds,
        n_jobs=n_jobs,
        fold_of=_folds(inputs, n_folds),
    )
    raters = Raters.of(data, inputs, profile, quantity)
    rows: list[pd.DataFrame] = []
    for name in names:
        retest = raters.retest(name)
        for known in (True, False):
            for (modality, features), found in zip(
                plan.sets, predict(raters, name, plan, known=known), strict=True
            ):
                base = inputs.provenance | {
                    "modality": modality,
                    "features": features,
                    "target": name,
                    "configuration": model,
                    "quantity": quantity,
                    "raters": "known" if known else "unknown",
                }
                rows.append(_rows(raters, found, retest, base, level, conf_level))
    return pd.concat(rows, ignore_index=True)


def _sets(data: xr.DataTree, modalities: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Each modality with what is heard and seen in it."""
    there = [kind for kind in KINDS if has_features(data, kind)]
    own = {name: kind for name, kind in _SENSE.items() if kind in there}
    return tuple((name, own.get(name, "_".join(there))) for name in modalities)


def _folds(inputs: Inputs, n_folds: int) -> tuple[int, ...]:
    """Fold of each item that has rows, and -1 for others."""
    out = np.full(len(inputs.items), -1)
    there = np.unique(inputs.item)
    out[there] = fold_labels(len(there), n_folds)
    return tuple(out.tolist())


def _rows(
    raters: Raters,
    found: Predicted,
    retest: Floats,
    base: Row,
    level: str,
    conf_level: float,
) -> pd.DataFrame:
    """Rows of one model, dimension and kind of raters."""
    if level == "time":
        return _steps(raters, found, base)
    frames = []
    trajectories = base["quantity"] == "trajectory"
    for metric, estimator in list(_METRICS.items())[: 1 + trajectories]:
        scores, method = _scores(raters, found, retest, metric)
        own = base | {"metric": metric, "estimator": estimator, "method": method}
        own |= {"n": 0, "n_items": 0, "n_participants": 0, "n_missing": 0}
        own["warning"] = found.fit.problem or found.fit.note
        if level == "annotation":
            frames.append(_annotations(found, scores, own))
        elif level == "summary":
            row = own | _summary(scores, conf_level)
            row |= _saved(row)
            row["warning"] = join_reasons(own["warning"], _told(found, base), row["warning"])
            frames.append(pd.DataFrame([row]))
        else:
            frames.append(pd.DataFrame(_people(found, scores, own, conf_level)))
    return pd.concat(frames, ignore_index=True)


def _told(found: Predicted, base: Row) -> str:
    """How many raters of a summary get the average because they have no other trial."""
    alone = len(np.unique(found.person[found.alone])) if base["raters"] == "known" else 0
    return f"{alone} raters have one trial and get the average" if alone else ""


def _scores(
    raters: Raters, found: Predicted, retest: Floats, metric: str
) -> tuple[pd.DataFrame, str]:
    """Scores of each annotation, and how the ceiling comes about."""
    average, personal = (found.score(p, metric) for p in (found.average, found.personal))
    gain = average - personal if metric == "rmse" else personal - average
    ceiling, source = found.score(found.ceiling, metric), "agreement"
    if metric == "rmse":
        ceiling = ceiling * np.sqrt(found.n_others / (found.n_others + 1))
        by_retest = retest[found.rows]
        if (~np.isnan(by_retest)).any():
            ceiling, source = by_retest, "retest"
    keys = raters.frame.iloc[found.rows]
    scores = pd.DataFrame(
        {
            "participant": keys["participant"].astype("str").to_numpy(),
            "item": keys["item"].astype("str").to_numpy(),
            "person": found.person,
            "mean1": average,
            "mean2": personal,
            "estimate": np.where(np.abs(gain) < _ROUNDING * np.abs(average), 0.0, gain),
            "noise_ceiling": np.where(np.isnan(gain), np.nan, ceiling),
        }
    )
    return scores, f"habits and profile by ridge on the average; ceiling by {source}"


def _means(scores: pd.DataFrame) -> Row:
    """Means over annotations, and the share of the error that is saved."""
    names = ("mean1", "mean2", "estimate", "noise_ceiling")
    row: Row = {name: scores[name].mean() for name in names}
    return row | {
        "n": len(scores),
        "n_items": scores["item"].nunique(),
        "n_participants": scores["person"].nunique(),
    }


def _saved(row: Row) -> Row:
    """Share of the error that is saved."""
    if row["metric"] != "rmse" or not row.get("mean1", 0.0) > 0:
        return {}
    return {"effect_size": row["estimate"] / row["mean1"], "effect_size_name": "share of the error"}


def _summary(scores: pd.DataFrame, conf_level: float) -> Row:
    """Mean gain over annotations, for other items and other raters."""
    known = scores.dropna(subset="estimate")
    row: Row = {"n_missing": len(scores) - len(known), "conf_level": conf_level, "warning": ""}
    row |= {"participant": "all", "item": "all"}
    if known.empty:
        return row | {"warning": "" if scores.empty else "no rating is predicted"}
    row |= _means(known)
    influence = ((known["estimate"] - row["estimate"]) / len(known)).to_numpy(float)[:, None]
    units = (pd.factorize(known["item"])[0], known["person"].to_numpy(), np.arange(len(known)))
    variances = [influence_variance(influence, unit) for unit in units]
    fewest = min(row["n_items"], row["n_participants"])
    variance = two_way(variances[0], variances[1], variances[2], fewest)
    test = infer(np.array([row["estimate"]]), variance, fewest - 1, conf_level)
    if np.isnan(test.std_error[0]):
        return row | {"warning": "no interval: one unit to draw, or nothing that differs"}
    return row | {
        "std_error": test.std_error[0],
        "statistic": test.t[0],
        "statistic_name": "t",
        "df": fewest - 1,
        "p_value": test.p_value[0],
        "conf_low": test.low[0],
        "conf_high": test.high[0],
    }


def _people(found: Predicted, scores: pd.DataFrame, base: Row, conf_level: float) -> list[Row]:
    """Gain and habits of each rater."""
    rows = []
    for person, part in scores.groupby("person"):
        known = part.dropna(subset="estimate")
        row = base | {"participant": part["participant"].iloc[0], "conf_level": conf_level}
        row |= {"item": "all", "n_missing": len(part) - len(known)}
        reason = ""
        if found.habits:
            row |= _habits(found.habits, int(str(person)))
            if found.alone[scores["person"].to_numpy() == person].all():
                reason = "one trial: the average"
        if known.empty:
            reason = join_reasons(reason, "no rating is predicted" if not base["warning"] else "")
        else:
            row |= _means(known)
            gain = mean_with_interval(known["estimate"].to_numpy(float), conf_level)
            row |= {name: gain[name] for name in ("conf_low", "conf_high") if name in gain}
            if len(known) < 2:
                reason = join_reasons(reason, "no interval: one item")
        rows.append(row | _saved(row) | {"warning": join_reasons(base["warning"], reason)})
    return rows


def _habits(habits: Sequence[Habits], person: int) -> Row:
    """Habits of a rater, the mean over folds."""
    return {
        "habit_level": np.mean([of.level[person] for of in habits]),
        "habit_spread": 1 + np.mean([of.spread[person] for of in habits]),
        "habit_reach": 1 + np.mean([of.reach[person] for of in habits]),
        "lag_seconds": np.mean([of.delay[person] for of in habits]),
    }


def _annotations(found: Predicted, scores: pd.DataFrame, base: Row) -> pd.DataFrame:
    """A row for each annotation: scores, and means over its predicted steps."""
    there = ~np.isnan(found.observed - found.average)
    count = there.sum(axis=1)
    out = scores.drop(columns="person").assign(**base)
    for name, values in _shown(found).items():
        total = np.where(there, values, 0.0).sum(axis=1)
        out[name] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    out["n"] = count
    out["n_missing"] = (count == 0).astype(int)
    return out


def _shown(found: Predicted) -> dict[str, Floats]:
    return {
        "observed": found.observed,
        "fitted": found.personal,
        "fitted_average": found.average,
    }


def _steps(raters: Raters, found: Predicted, base: Row) -> pd.DataFrame:
    """A row for each predicted step."""
    where = np.nonzero(~np.isnan(found.observed - found.average))
    keys = raters.frame.iloc[found.rows[where[0]]]
    time = np.unique(np.round(raters.inputs.time, 3))
    columns = {
        "participant": keys["participant"].astype("str").to_numpy(),
        "item": keys["item"].astype("str").to_numpy(),
        "time": time[where[1]] if base["quantity"] == "trajectory" else np.nan,
        **{name: values[where] for name, values in _shown(found).items()},
    }
    own = base | {"warning": found.fit.problem or found.fit.note, "n": 1}
    own |= {"n_items": 1, "n_participants": 1, "n_missing": 0}
    return pd.DataFrame(columns).assign(**own)

"""Does sound matter more for arousal, and the picture for valence? `audio_visual_contrast`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import xarray as xr

from ...arguments import (
    DEPENDENCE,
    Dependence,
    check_dependence,
    generator_of,
)
from ...dataset.gate import takes_study
from ...errors import DataError, DesignError
from ...kernels.permutation.arrangements import monte_carlo_p
from ...kernels.raters.agreement import ccc
from ...kernels.regression.moments import Moments
from ...results.frame import join_reasons, result_frame
from ...types import Floats, Names, Rng, Row
from ...workers import in_threads
from .fits import Plan, TrainingPart, fit_target, plan_units, training_part
from .inputs import KINDS, Inputs
from .models import FeatureModels, Model, as_models
from .ranking import loss_over_items


@result_frame(
    "quantity and way to take the rows",
    "modality target configuration quantity estimate estimator sd std_error statistic",
    "statistic_name df p_value mc_error conf_low conf_high conf_level n_resamples n_items method",
    "dependence",
)
@takes_study
def audio_visual_contrast(
    data: xr.DataTree | FeatureModels,
    *,
    modality: str = "audiovisual",
    dimension: Names = ("arousal", "valence"),
    model: Model = "lasso",
    dependence: Dependence = DEPENDENCE,
    conf_level: float = 0.95,
    n_resamples: int = 99,
    rng: Rng = 0,
    n_jobs: int = 1,
) -> list[Row]:
    """Advantage of sound over picture for one dimension, less that for another.

    Parameters
    ----------
    data : DataTree or FeatureModels
        A study with audio and visual features, or models that were fitted to one with both
        features for this modality and these dimensions.
    modality : str
        Modality of the ratings.
    dimension : tuple of two str
        Rated dimensions; the second is subtracted.

    Raises
    ------
    DataError
        When features of a kind, the modality or a dimension is missing.
    DesignError
        For an argument that is none of its choices.

    See Also
    --------
    family_importance : Which families of features matter.
    lasso_models : The scores that are compared.

    Notes
    -----
    For each item, ``(CCC by audio features - CCC by visual features)`` for the first dimension
    less the same for the second, all four models fitted by other items of the same folds. The
    first two rows of each kind are the two differences.

    `independent`: mean, Student's interval and t test over items; items of a fold share their
    models, so the interval is somewhat short. `design`: within each training set the feature blocks
    of whole items (sound and picture together) are exchanged between items, the models are fitted
    anew, penalty included, and predict the held-out items from their own features. p is the
    two-sided share of permutations with a contrast at least as far from 0, the observed one
    counted. Its null hypothesis is that features have nothing to do with ratings at all. Then most
    models are constants, and the contrast is near 0. So a small p says two things at once: the
    features predict, and the advantage of sound is not the same for both dimensions. How large the
    difference is stands in the interval over items. Inner folds follow the feature blocks. For the
    permutations every item is cut to the steps that all have.

    References
    ----------
    Winkler, A. M., Ridgway, G. R., Webster, M. A., Smith, S. M., & Nichols, T. E. (2014).
    Permutation inference for the general linear model. NeuroImage, 92, 381-397.
    https://doi.org/10.1016/j.neuroimage.2014.01.060

    Examples
    --------
    >>> from muvistats import audio_visual_contrast, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> frame = audio_visual_contrast(study, dependence="independent")
    >>> frame["target"].tolist()
    ['arousal', 'valence', 'arousal - valence']
    """
    asked, generator = check_dependence(dependence), generator_of(rng)
    several = isinstance(dimension, Sequence) and not isinstance(dimension, str)
    if not several or len(set(dimension)) != 2 or len(dimension) != 2:
        raise DesignError(f"dimension must name two different ones, not {dimension!r}")
    pair = (str(dimension[0]), str(dimension[1]))
    sets = tuple((modality, kind) for kind in KINDS)
    models = as_models(data, model=model, dimension=pair, sets=sets, n_jobs=n_jobs)
    scores = _item_scores(models, modality, pair)
    base: Row = models.provenance | {
        "modality": modality,
        "configuration": models.configuration,
        "quantity": "ccc by audio features less ccc by visual features",
        "n_resamples": 0,
        "n_items": 0,
    }
    base["warning"] = join_reasons(*dict.fromkeys(fit.note for fit in models.fits))
    names = (*pair, " - ".join(pair))
    rows: list[Row] = []
    if "independent" in asked:
        for name, values in zip(names, scores, strict=True):
            own = base | {"target": name, "dependence": "independent", "statistic_name": "t"}
            own |= {"method": "paired t test over items"} | loss_over_items(values, conf_level)
            rows.append(own | {"warning": join_reasons(base["warning"], own["warning"])})
    if "design" in asked:
        null = _permuted(models, modality, pair, n_resamples, generator, n_jobs)
        for i, (name, values) in enumerate(zip(names, scores, strict=True)):
            own = base | {"target": name, "dependence": "design", "n_items": len(values)}
            own |= {"method": "permutation of whole items within the training sets"}
            rows.append(own | _permutation_row(values, null[:, i]))
    return rows


def _item_scores(
    models: FeatureModels, modality: str, dimensions: tuple[str, str]
) -> tuple[Floats, Floats, Floats]:
    """Differences of each item that all four models predict, and the contrast."""
    found = {(fit.features, fit.target): fit for fit in models.fits if fit.modality == modality}
    by_item: dict[tuple[str, str], dict[int, float]] = {}
    for name in dimensions:
        for kind in KINDS:
            fit = found.get((kind, name))
            if fit is None:
                raise DataError("no such model was fitted", column=name, found=(modality, kind))
            if fit.problem:
                raise DataError(fit.problem, column=name, found=(modality, kind))
            by_item[kind, name] = dict(zip(fit.items.tolist(), fit.ccc, strict=True))
    items = sorted(set.intersection(*(set(scores) for scores in by_item.values())))
    first, second = (
        np.array([by_item["audio", name][i] - by_item["visual", name][i] for i in items])
        for name in dimensions
    )
    return first, second, first - second


def _permutation_row(values: Floats, null: Floats) -> Row:
    estimate = float(np.nanmean(values))
    row: Row = {"estimate": estimate, "estimator": "mean difference over items"}
    if not len(null):
        return row | {"warning": "no p: n_resamples is 0"}
    p_value, mc_error = monte_carlo_p(np.array([abs(estimate)]), np.abs(null[:, None]))
    return row | {
        "sd": null.std(ddof=1) if len(null) > 1 else np.nan,
        "p_value": p_value[0],
        "mc_error": mc_error[0],
        "n_resamples": len(null),
    }


@dataclass(frozen=True, slots=True)
class _Fold:
    """What does not depend on the permutation, for one fold."""

    part: TrainingPart
    blocks: list[Moments]
    rows: list[npt.NDArray[np.bool_]]
    held_out: Floats


def _permuted(
    models: FeatureModels,
    modality: str,
    dimensions: tuple[str, str],
    n_resamples: int,
    rng: np.random.Generator,
    n_jobs: int,
) -> Floats:
    """The two differences and the contrast of each permutation, (permutation, 3)."""
    if not n_resamples:
        return np.empty((0, 3))
    inputs, plan = _even(models, modality, dimensions)
    units = plan_units(inputs, plan)
    items = functools.reduce(np.intersect1d, [unit.items for unit in units])
    columns = np.arange(inputs.x.shape[1])
    m = inputs.modalities.index(modality)
    steps = int(np.bincount(inputs.item).max())
    gold = np.stack([inputs.gold[inputs.dimensions.index(name), m] for name in dimensions], axis=1)
    gold = gold.reshape(-1, steps, 2)
    generators = rng.spawn(n_resamples)
    sums: Floats = np.zeros((n_resamples, 2))
    counts = np.zeros((n_resamples, 2))
    for number in range(plan.n_folds):
        part = training_part(inputs, plan, items, columns, number)
        rows = [part.labels == k for k in range(part.n_inner)]
        nothing = np.zeros((len(part.x), 2))
        blocks = [Moments.of(part.x[use], nothing[use]) for use in rows]
        out = np.isin(inputs.item, part.held_out)
        fold = _Fold(part, blocks, rows, part.scale.apply(inputs.x[out]))
        run = functools.partial(_one, fold, inputs, plan, gold)
        what = f"Permutations, fold {number + 1} of {plan.n_folds}"
        drawn = in_threads(run, generators, n_jobs=n_jobs, what=what)
        differences = np.stack(drawn)  # permutation, item, dimension
        sums += np.nansum(differences, axis=1)
        counts += (~np.isnan(differences)).sum(axis=1)
    means = sums / counts
    return np.column_stack([means, means[:, 0] - means[:, 1]])


def _one(fold: _Fold, inputs: Inputs, plan: Plan, gold: Floats, rng: np.random.Generator) -> Floats:
    """Differences of the held-out items after one exchange of training items."""
    part = fold.part
    y = gold[rng.permutation(part.train)].reshape(-1, 2)
    blocks = [
        block.with_targets(part.x[use], y[use])
        for block, use in zip(fold.blocks, fold.rows, strict=True)
    ]
    observed = gold[part.held_out]
    scores = np.empty((2, len(part.held_out), 2))
    for k, kind in enumerate(KINDS):
        features = inputs.features_of(kind)
        for target in range(2):
            _, fitted = fit_target(blocks, features, target, plan.recipe, fold.held_out)
            scores[k, :, target] = ccc(fitted.reshape(observed.shape[:2]), observed[..., target])
    out: Floats = scores[0] - scores[1]
    return out


def _even(models: FeatureModels, modality: str, dimensions: tuple[str, str]) -> tuple[Inputs, Plan]:
    """Inputs in which every item that enters has the same steps."""
    inputs = models.inputs
    use = inputs.present["audio"] & inputs.present["visual"]
    for name in dimensions:
        use = use & inputs.rated(name, modality)
    items = np.flatnonzero(use)
    common = functools.reduce(np.intersect1d, [inputs.time[inputs.item == i] for i in items])
    if len(common) < 2:
        raise DataError("the items have fewer than two time steps in common", column="time")
    rows = np.isin(inputs.item, items) & np.isin(inputs.time, common)
    position = np.full(len(inputs.items), -1)
    position[items] = np.arange(len(items))
    cut = replace(
        inputs,
        items=[inputs.items[i] for i in items],
        x=inputs.x[rows],
        item=position[inputs.item[rows]],
        time=inputs.time[rows],
        gold=inputs.gold[:, :, rows],
        present={kind: there[items] for kind, there in inputs.present.items()},
        n_missing=inputs.n_missing[items],
    )
    sets = tuple((modality, kind) for kind in KINDS)
    return cut, replace(models.plan, sets=sets, n_jobs=1)

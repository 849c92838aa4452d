"""How far people, and modalities, share the course of an excerpt."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import xarray as xr

from ...arguments import generator_of
from ...dataset.gate import takes_study
from ...dataset.sessions import by_rater, by_session
from ...kernels.permutation.arrangements import monte_carlo_p
from ...kernels.raters.courses import (
    course_distances,
    permuted_correlations,
    rank_correlation,
    shifted_correlations,
)
from ...kernels.sampling.correlation import group_means
from ...kernels.sampling.multiway import Variance, infer
from ...progress import watched
from ...results.frame import join_reasons, result_frame
from ...types import Floats, Ints, Mask, Names, Rng, Row
from ..agreement.concordance import (
    dynamic_dimensions,
    mean_limits,
    modality_masks,
    once_for_each_mask,
)
from ..shared.cells import Cells, text_codes

_ESTIMATORS = ("pairwise", "leave-one-out")


@dataclass(frozen=True)
class _Correlated:
    """Correlations of the annotations of a dimension, (estimator, annotation), and their null.

    `null` holds the sum over the annotations of each cell, (estimator, cell, draw).
    """

    values: Floats
    null: Floats


@result_frame(
    "dimension, modality and estimator; with ``level='item'`` item too",
    "dimension modality item estimator estimate chance p_value mc_error conf_low conf_high",
    "conf_level n n_items n_participants n_missing n_resamples method",
)
@takes_study
def inter_subject_correlation(
    data: xr.DataTree,
    *,
    level: Literal["modality", "item"] = "modality",
    dimension: Names | None = None,
    n_resamples: int = 9999,
    conf_level: float = 0.95,
    rng: Rng = 0,
) -> list[Row]:
    """Correlation over time between the raters of an item, against circular shifts of each.

    Parameters
    ----------
    data : DataTree
        The study, with a dynamic dimension.
    level : {"modality", "item"}
        Means over the annotations of a modality, and of all; or each item in each modality.

    Raises
    ------
    DataError
        When the study has no dynamic dimension.

    See Also
    --------
    interrater_ccc : Concordance, which sees levels and sizes too.

    Notes
    -----
    ``pairwise``: mean Pearson correlation of an annotation with each other annotation of its item
    and modality. ``leave-one-out``: its correlation with the mean of the others. Both are then
    averaged over annotations. Under the null each annotation is moved round by a random number of
    steps, its end coming before its beginning; this keeps the smoothness of each trajectory,
    which makes plain p-values of correlations far too small. `chance` is the mean over these
    draws, and p counts draws at least as high. What all excerpts begin with (a cursor that leaves
    the centre) is shared beyond chance too: cut it with `truncate`.

    Limits stand for other items and participants, as in `interrater_ccc`; an item alone has none.
    Cursors that never moved, and annotations alone in their cell, have no correlation and are
    counted in `n_missing`. A step at which a rater of the cell is missing is left out for all of
    them. Sessions are compared each by itself.

    References
    ----------
    Hasson, U., Nir, Y., Levy, I., Fuhrmann, G., & Malach, R. (2004). Intersubject synchronization
    of cortical activity during natural vision. Science, 303(5664), 1634-1640.
    https://doi.org/10.1126/science.1089506

    Nastase, S. A., Gazzola, V., Hasson, U., & Keysers, C. (2019). Measuring shared responses across
    subjects using intersubject correlation. Social Cognitive and Affective Neuroscience, 14(6),
    667-685. https://doi.org/10.1093/scan/nsz037

    Examples
    --------
    >>> from muvistats import inter_subject_correlation, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> found = inter_subject_correlation(study, n_resamples=99)
    >>> found["estimator"].unique().tolist()
    ['pairwise', 'leave-one-out']
    """
    names = dynamic_dimensions(data, dimension)
    data, _ = by_session(data)
    cells = Cells.of(data, sessions=True)
    people = text_codes(data["annotations/participant"].to_numpy())[0]
    generator = generator_of(rng)
    of_annotation = cells.of_annotation
    rows: list[Row] = []
    for name in names:
        found = _correlated(data, name, cells, n_resamples, generator)
        units = (cells.item[of_annotation], people)
        drawn = (min(n_resamples, 2000), conf_level, generator)
        limits_of = [
            once_for_each_mask(functools.partial(_limits, values, units, drawn))
            for values in found.values
        ]
        for place, chosen in _chosen(cells, level):
            use = chosen[of_annotation]
            for e, estimator in enumerate(_ESTIMATORS):
                row = {"dimension": name, "estimator": estimator, **place}
                known = use & ~np.isnan(found.values[e])
                row |= _row(found.values[e], found.null[e, chosen], known)
                row |= {"n_missing": int((use & cells.keep).sum() - known.sum())}
                row |= {"n_participants": len(np.unique(people[known]))}
                if level == "modality":
                    limits = limits_of[e](known)
                    row |= {key: limits[key] for key in ("conf_low", "conf_high") if key in limits}
                    row["warning"] = join_reasons(
                        row["warning"], limits["warning"] if known.any() else ""
                    )
                row |= {"n_items": len(np.unique(units[0][known])), "conf_level": conf_level}
                rows.append(row)
    return rows


def _limits(
    values: Floats,
    units: tuple[Ints, Ints],
    drawn: tuple[int, float, np.random.Generator],
    known: Mask,
) -> Row:
    """Limits of the mean of the known values, by items and by people."""
    item, people = (unit[known] for unit in units)
    return mean_limits(values[known], item, (item, people), *drawn)


def _chosen(cells: Cells, level: str) -> list[tuple[Row, Mask]]:
    """What a row is about, and its cells."""
    if level == "modality":
        masks = modality_masks(cells, cells.modality)
        return [({"modality": name, "item": "all"}, mask) for name, mask in masks]
    keys = np.unique(np.stack([cells.item, cells.modality]), axis=1).T
    return [
        (
            {"item": cells.items[item], "modality": cells.modalities[modality]},
            (cells.item == item) & (cells.modality == modality),
        )
        for item, modality in keys
    ]


def _row(values: Floats, null: Floats, known: Mask) -> Row:
    """Mean of correlations, and how many draws of the null reach it."""
    n, draws = int(known.sum()), null.shape[1]
    row: Row = {"n": n, "n_resamples": draws, "method": "Pearson; circular shifts"}
    if not n:
        return row | {"warning": "fewer than two raters who move at the same time steps"}
    estimate, drawn = float(values[known].mean()), null.sum(axis=0) / n
    row |= {"estimate": estimate, "warning": ""}
    if draws:
        p_value, error = monte_carlo_p(np.array([estimate]), drawn[:, None])
        row |= {"chance": float(drawn.mean()), "p_value": p_value[0], "mc_error": error[0]}
    return row


def _correlated(
    data: xr.DataTree, name: str, cells: Cells, n_resamples: int, rng: np.random.Generator
) -> _Correlated:
    """Correlations of one dimension, cell by cell."""
    variable = data["annotations"].dataset[name].transpose("annotation", "time")
    values = np.where(cells.keep[:, None], variable.to_numpy(), np.nan)
    found = np.full((2, len(values)), np.nan)
    null = np.zeros((2, len(cells.starts), n_resamples))
    ends = np.append(cells.starts[1:], len(values))
    edges = zip(cells.starts, ends, strict=True)
    for c, (start, end) in enumerate(watched(edges, "Items", len(ends))):
        rows = np.arange(start, end)
        rows = rows[~np.isnan(values[rows]).all(axis=1)]
        block = values[rows]
        block = block[:, ~np.isnan(block).any(axis=0)]
        moves = np.ptp(block, axis=1) > 0 if block.shape[1] > 2 else np.zeros(len(rows), dtype=bool)
        if moves.sum() < 2:
            continue
        shifts = rng.integers(0, block.shape[1], size=(1 + n_resamples, int(moves.sum())))
        shifts[0] = 0
        both = shifted_correlations(block[moves], shifts)
        found[:, rows[moves]] = both[:, 0]
        null[:, c] = both[:, 1:].sum(axis=2)
    return _Correlated(found, null)


@result_frame(
    "dimension and pair of modalities",
    "dimension modality1 modality2 estimate estimator std_error p_value mc_error conf_low",
    "conf_high conf_level n n_items n_missing n_resamples method",
)
@takes_study
def representational_similarity(
    data: xr.DataTree,
    *,
    distance: Literal["correlation", "euclidean"] = "correlation",
    dimension: Names | None = None,
    n_resamples: int = 9999,
    conf_level: float = 0.95,
    rng: Rng = 0,
) -> list[Row]:
    """Whether items that are alike in one modality are alike in another, over their time course.

    Parameters
    ----------
    data : DataTree
        The study, with a dynamic dimension and two modalities.
    distance : {"correlation", "euclidean"}
        How far apart the mean trajectories of two items are: 1 less their correlation, or the
        root mean square of their difference, which sees levels too.

    Raises
    ------
    DataError
        When the study has no dynamic dimension.

    See Also
    --------
    inter_subject_correlation : Whether people share a course at all.
    modality_correlations : Item by item.

    Notes
    -----
    In each modality the distances between all pairs of items make a matrix. The estimate is
    Spearman's correlation between the matrices of two modalities, over the `n` pairs of items that
    both have. p is that of a Mantel test: items are permuted in one of them, and draws at least as
    far from 0 are counted. Limits are Student's t with the jackknife over items. Rater noise
    makes distances less alike, so values are lower with few raters. Items without a rater, or whose
    mean never moves (for correlations), are left out and counted in `n_missing`. Two
    trajectories are compared over the time steps that both have.

    References
    ----------
    Kriegeskorte, N., Mur, M., & Bandettini, P. (2008). Representational similarity analysis:
    connecting the branches of systems neuroscience. Frontiers in Systems Neuroscience, 2, 4.
    https://doi.org/10.3389/neuro.06.004.2008

    Mantel, N. (1967). The detection of disease clustering and a generalized regression approach.
    Cancer Research, 27(2), 209-220. https://pubmed.ncbi.nlm.nih.gov/6018555

    Examples
    --------
    >>> from muvistats import representational_similarity, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> found = representational_similarity(study, dimension="arousal", n_resamples=99)
    >>> found[["modality1", "modality2"]].values.tolist()[0]
    ['music', 'visual']
    """
    names = dynamic_dimensions(data, dimension)
    data, _ = by_rater(data)
    cells = Cells.of(data)
    generator = generator_of(rng)
    base = {
        "estimator": f"Spearman of {distance} distances",
        "method": "Mantel test; jackknife over items",
        "conf_level": conf_level,
    }
    rows: list[Row] = []
    for name in names:
        means = _means(data, name, cells)
        pairs = list(combinations(range(len(cells.modalities)), 2))
        for first, second in pairs:
            place = {"modality1": cells.modalities[first], "modality2": cells.modalities[second]}
            both = means[:, [first, second]]
            found = _similarity(both, distance, n_resamples, conf_level, generator)
            rows.append(base | {"dimension": name} | place | found)
        if not pairs:
            rows.append(
                base
                | {"dimension": name, "modality1": cells.modalities[0]}
                | dict.fromkeys(("n", "n_items", "n_missing", "n_resamples"), 0)
                | {"warning": "there is one modality"}
            )
    return rows


def _means(data: xr.DataTree, name: str, cells: Cells) -> Floats:
    """Mean trajectories, (item, modality, time); NaN where nobody rated."""
    variable = data["annotations"].dataset[name].transpose("annotation", "time")
    values = np.where(cells.keep[:, None], variable.to_numpy(), np.nan)
    shape = (len(cells.items), len(cells.modalities))
    cell = cells.item * shape[1] + cells.modality
    means = group_means(values, cell[cells.of_annotation], shape[0] * shape[1])[0]
    return means.reshape(*shape, -1)


def _similarity(
    means: Floats, distance: str, n_resamples: int, conf_level: float, rng: np.random.Generator
) -> Row:
    """The similarity of two modalities, from the means of items, (item, 2, time)."""
    known: Mask = np.any(~np.isnan(means), axis=2)
    if distance == "correlation":
        filled = np.where(np.isnan(means), -np.inf, means).max(axis=2)
        known &= filled > np.where(np.isnan(means), np.inf, means).min(axis=2)
    there: Mask = np.all(known, axis=1)
    n = int(there.sum())
    row: Row = {"n": n * (n - 1) // 2, "n_items": n, "n_missing": int((~there).sum())}
    row["n_resamples"] = 0
    if n < 4:
        return row | {"warning": "fewer than four items with a trajectory in both modalities"}
    first, second = (course_distances(means[there, k], distance) for k in range(2))
    upper = np.triu_indices(n, 1)
    if np.isnan(first[upper]).any() or np.isnan(second[upper]).any():
        return row | {"warning": "two items have no time step in common, or rest where they do"}
    estimate = rank_correlation(first, second)
    without = np.array(
        [
            rank_correlation(*(np.delete(np.delete(each, i, 0), i, 1) for each in (first, second)))
            for i in watched(range(n), "Items left out", n)
        ]
    )
    variance = (n - 1) / n * np.square(without - without.mean()).sum()
    test = infer(
        np.array([estimate]), Variance(np.array([variance]), np.zeros(1)), n - 1, conf_level
    )
    row |= {
        "estimate": estimate,
        "std_error": test.std_error[0],
        "conf_low": np.maximum(test.low[0], -1.0),
        "conf_high": np.minimum(test.high[0], 1.0),
        "warning": "" if estimate == estimate else "all distances are the same",
    }
    if n_resamples and estimate == estimate:
        drawn = permuted_correlations(first, second, n_resamples, rng)
        p_value, error = monte_carlo_p(np.array([abs(estimate)]), np.abs(drawn)[:, None])
        row |= {"p_value": p_value[0], "mc_error": error[0], "n_resamples": n_resamples}
    return row

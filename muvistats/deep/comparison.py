"""Networks side by side on the same items: `compare_architectures` (the paper's Table 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from ..arguments import check_jobs
from ..dataset.gate import takes_study
from ..files import FilePath
from ..results.frame import join_reasons, result_frame
from ..stats.agreement.gold import Gold
from ..types import Names, Rng, Row
from .configurations import Configuration
from .linear import linear_rows
from .models import NetworkModels, network_models
from .protocols import Protocol
from .runs import Run
from .scoring import Scores, blocks, item_scores


@result_frame(
    "configuration, target, repeat, fold, seed and item",
    "modality features configuration target repeat fold seed item rmse mse ccc noise_ceiling n",
    "n_epochs method",
)
@takes_study
def compare_architectures(
    data: xr.DataTree | NetworkModels,
    *,
    dimension: Names | None = None,
    configurations: Sequence[str | Configuration] | None = None,
    protocol: str | Protocol = "strict",
    gold: Gold = "ewe",
    n_seeds: int = 1,
    n_repeats: int = 1,
    linear: bool = True,
    rng: Rng = 0,
    backend: str | None = None,
    n_jobs: int = -1,
    client: Any = None,
    cache: bool | FilePath = True,
    progress: bool = True,
) -> list[Row]:
    """Error and concordance of networks on items that they have not seen (Table 6).

    Parameters
    ----------
    data : DataTree or NetworkModels
        A study with ratings over time and features, or networks that were trained on one; then
        all arguments but `linear` and `n_jobs` are those of the training.
    linear : bool
        Whether rows of the lasso (`lasso_models`) join in: same folds, and scored at the same
        time steps.

    Raises
    ------
    DataError
        When the study lacks ratings, a modality, features or items that are needed; before any
        training starts.
    DesignError
        For an argument that is none of its choices.
    MissingExtraError
        When Keras or the backend is not installed.

    See Also
    --------
    summarise : Means over items.
    paired_tests : Differences between configurations.
    network_models : The trainings behind it.

    Notes
    -----
    `network_models` has the training. Each item is scored over the steps that are predicted: all
    but the first `window` of it. `noise_ceiling` is the concordance that the raters' noise leaves
    within reach (`noise_ceiling`). Seeds and repeats are not more data: `summarise` and
    `paired_tests` average over them first. `seed` and `n_epochs` of the lasso are 0.

    Under the protocol ``"released"``, `rmse` holds the mean squared error, and from the second
    item of a fold on a row mixes two items; `warning` says so.

    References
    ----------
    Chua, P., Makris, D., Herremans, D., Roig, G., & Agres, K. (2022). Predicting emotion from music
    videos: exploring the relative contribution of visual and auditory information to affective
    responses. https://doi.org/10.48550/arXiv.2202.10453

    Lin, L. I.-K. (1989). A concordance correlation coefficient to evaluate reproducibility.
    Biometrics, 45(1), 255-268. https://doi.org/10.2307/2532051

    Examples
    --------
    >>> from muvistats import simulate_muvi
    >>> from muvistats.deep import compare_architectures, quick
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> frame = compare_architectures(
    ...     study, dimension=["arousal"], configurations=["late_fusion"], protocol=quick("strict")
    ... )
    >>> frame["configuration"].value_counts().to_dict()
    {'lasso': 45, 'late_fusion': 9}
    """
    if isinstance(data, NetworkModels):
        models = data
    else:
        models = network_models(
            data,
            dimension=dimension,
            configurations=configurations,
            protocol=protocol,
            gold=gold,
            n_seeds=n_seeds,
            n_repeats=n_repeats,
            rng=rng,
            backend=backend,
            n_jobs=n_jobs,
            client=client,
            cache=cache,
            progress=progress,
        )
    rows = [row for run in models.runs for row in run_rows(models, run)]
    if linear:
        rows += linear_rows(
            models.inputs,
            scored=models.scored,
            used=models.entering,
            targets=models.targets,
            protocol=models.protocol,
            n_repeats=models.n_repeats,
            ceilings=models.ceilings,
            n_jobs=check_jobs(n_jobs),
        )
    return [models.provenance | row for row in rows]


def run_rows(models: NetworkModels, run: Run) -> list[Row]:
    """Rows of one training, item by item."""
    inputs, unit, kept = models.inputs, run.unit, run.trained
    gold = inputs.gold[inputs.dimensions.index(unit.target), inputs.modalities.index(unit.modality)]
    items = inputs.item[kept.rows]
    tested = list(dict.fromkeys(items.tolist()))
    base = {
        "modality": unit.modality,
        "features": unit.features,
        "configuration": run.configuration.name,
        "target": unit.target,
        "repeat": unit.repeat,
        "fold": unit.fold,
        "seed": unit.seed,
        "n_epochs": kept.n_epochs,
        "method": models.method,
    }
    note = join_reasons(models.note(unit.features), kept.problem, models.protocol.faults)
    parts: list[Any] = [np.flatnonzero(items == item) for item in tested]
    if models.protocol.scoring == "blocks":
        parts = blocks(len(items), len(tested))
    out = []
    for place, item in enumerate(tested[: len(parts)]):
        rows = kept.rows[parts[place]]
        observed, fitted = gold[rows], kept.fitted[parts[place]]
        scores = Scores(np.nan, np.nan, np.nan)
        if not kept.problem:
            scores = item_scores(observed, fitted, protocol=models.protocol)
        reason = ""
        if not kept.problem and np.isnan(scores.ccc):
            reason = "neither prediction nor gold standard moves"
        if models.protocol.scoring == "blocks" and place:
            reason = join_reasons(reason, "this row mixes two items")
        out.append(
            base
            | scores._asdict()
            | {
                "item": inputs.items[item],
                "noise_ceiling": models.ceilings[unit.target, unit.modality, inputs.items[item]],
                "n": len(rows),
                "warning": join_reasons(note, reason),
            }
        )
    return out

"""Trained networks of a study: `network_models`, and what they keep."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from ..arguments import check_count, check_jobs, generator_of, is_named
from ..dataset.access import study_on_unit_scale
from ..dataset.gate import takes_study
from ..errors import DataError, DesignError
from ..files import FilePath, kept_folder
from ..results.frame import Rows, join_reasons
from ..stats.agreement.gold import Gold
from ..stats.agreement.trajectories import noise_ceiling
from ..stats.models.frames import fit_frame
from ..stats.prediction.inputs import Inputs
from ..stats.prediction.models import held_out_rows
from ..types import Names, Rng
from ..workers import check_client
from .backend import chosen_backend
from .checks import check_items, check_needs, chosen_targets, network_inputs, prepared_study
from .configurations import Configuration, as_configurations
from .protocols import Protocol, as_protocol
from .runs import NetworkFit, Run
from .schedule import train_all
from .scoring import item_scores
from .units import Unit, plan_units
from .windows import Sequences, entering_items, save_sequences


@dataclass(frozen=True, repr=False)
class NetworkModels:
    """Networks that predict ratings from features, as `network_models` returns them.

    Parameters
    ----------
    inputs : Inputs
        Features and gold standard on common steps.
    protocol : Protocol
        How they were trained.
    backend : str
        Backend of Keras.
    runs : tuple of Run
        One for each configuration, target, repeat, fold and seed.
    ceilings : dict of (str, str, str) to float
        Noise ceiling by dimension, modality and item.
    data : DataTree
        The study, prepared as the protocol says.

    See Also
    --------
    network_models : Trains it.
    compare_architectures : Its scores, item by item.
    muvistats.plot_model_trajectory : A prediction beside the ratings.

    Notes
    -----
    `compare_architectures` and `plot_model_trajectory` take it in place of a study, so that
    nothing is trained twice.
    """

    inputs: Inputs
    protocol: Protocol
    backend: str
    runs: tuple[Run, ...]
    ceilings: dict[tuple[str, str, str], float]
    data: xr.DataTree
    reasons: ClassVar[tuple[str, ...]] = ()  # each row has its own

    def __repr__(self) -> str:
        names = list(dict.fromkeys(run.configuration.name for run in self.runs))
        return (
            f"<NetworkModels: {', '.join(names)}; {self.method}, "
            f"{self.protocol.n_folds} folds of {len(self.inputs.items)} items>"
        )

    @property
    def method(self) -> str:
        """Protocol and backend in words."""
        return f"LSTM, {self.protocol.name} protocol, Keras on {self.backend}"

    @property
    def configuration(self) -> str:
        """Name of the network; of all of them where there are several."""
        return ", ".join(dict.fromkeys(run.configuration.name for run in self.runs))

    @property
    def provenance(self) -> dict[str, Any]:
        """Alignment of the labels and whether the data is simulated."""
        return self.inputs.provenance

    @property
    def n_repeats(self) -> int:
        """Partitions into folds."""
        return max(run.unit.repeat for run in self.runs)

    @property
    def n_seeds(self) -> int:
        """Trainings of each configuration, target and fold."""
        return max(run.unit.seed for run in self.runs)

    @property
    def scored(self) -> npt.NDArray[np.bool_]:
        """Rows of the inputs that the networks predict, shape (row,)."""
        out = np.zeros(len(self.inputs.x), dtype=bool)
        for run in self.runs:
            out[run.trained.rows] = True
        return out

    @property
    def entering(self) -> npt.NDArray[np.bool_]:
        """Items of the inputs that the folds are made of, shape (item,)."""
        return entering_items(Sequences.of(self.inputs), self.protocol.window)

    @property
    def targets(self) -> list[str]:
        """Predicted dimensions."""
        return list(dict.fromkeys(run.unit.target for run in self.runs))

    def limited(
        self, dimension: Names | None, sets: Sequence[tuple[str, str]] | None
    ) -> NetworkModels:
        """The networks of one target, or of some modalities and features."""
        pairs = None if sets is None else {tuple(pair) for pair in sets}
        return self._chosen(
            (dimension, sets),
            lambda run: (
                is_named(run.unit.target, dimension)
                and (pairs is None or (run.unit.modality, run.unit.features) in pairs)
            ),
        )

    def only(self, configuration: str) -> NetworkModels:
        """The networks of one configuration.

        Parameters
        ----------
        configuration : str
            Its name, as `glance` has it.

        See Also
        --------
        compare_architectures : All configurations in one frame.
        """
        return self._chosen(configuration, lambda run: run.configuration.name == configuration)

    def _chosen(self, what: object, keep: Any) -> NetworkModels:
        runs = tuple(run for run in self.runs if keep(run))
        if not runs:
            raise DataError("no such network was trained", found=what)
        return replace(self, runs=runs)

    @functools.cached_property
    def fits(self) -> tuple[NetworkFit, ...]:
        """Predictions of each configuration and target in the first repeat, mean over seeds."""
        groups: dict[tuple[str, str, str, str], list[Run]] = {}
        for run in self.runs:
            if run.unit.repeat == 1:
                key = (
                    run.unit.modality,
                    run.unit.features,
                    run.unit.target,
                    run.configuration.name,
                )
                groups.setdefault(key, []).append(run)
        return tuple(self._fit(*key, runs) for key, runs in groups.items())

    def _fit(
        self, modality: str, features: str, target: str, name: str, runs: list[Run]
    ) -> NetworkFit:
        inputs = self.inputs
        total, count = np.zeros(len(inputs.x)), np.zeros(len(inputs.x))
        fold = np.full(len(inputs.items), -1)
        for run in runs:
            total[run.trained.rows] += run.trained.fitted
            count[run.trained.rows] += 1
            fold[inputs.item[run.trained.rows]] = run.unit.fold - 1
        fitted = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        gold = inputs.gold[inputs.dimensions.index(target), inputs.modalities.index(modality)]
        items = np.flatnonzero(fold >= 0)
        scores = []
        for item in items:
            rows = np.flatnonzero((inputs.item == item) & (count > 0))
            scores.append(item_scores(gold[rows], fitted[rows], protocol=self.protocol))
        problems = dict.fromkeys(run.trained.problem for run in runs)
        return NetworkFit(
            modality,
            features,
            target,
            name,
            items,
            fold[items],
            fitted,
            np.array([score.rmse for score in scores]),
            np.array([score.ccc for score in scores]),
            join_reasons(*problems),
            self.note(features),
        )

    def note(self, features: str) -> str:
        """What was left out of the features."""
        return join_reasons(*(self.inputs.notes[kind] for kind in features.split("_")))

    def keys(self, fit: NetworkFit) -> dict[str, Any]:
        """Columns that name a network."""
        return {
            "modality": fit.modality,
            "features": fit.features,
            "target": fit.target,
            "configuration": fit.configuration,
        }

    @fit_frame(
        "network, item and time step",
        "modality features target configuration item time observed fitted residual",
    )
    def augment(self) -> Rows:
        """Gold standard and prediction of every tested step, mean over seeds of repeat 1.

        See Also
        --------
        muvistats.plot_model_trajectory : The figure.
        muvistats.compare_with_human : Whether networks agree as people do.
        """
        return held_out_rows(self.inputs, [(self.keys(fit), fit) for fit in self.fits])

    @fit_frame(
        "training",
        "modality features target configuration repeat fold seed n_epochs n_steps training_loss",
        "validation_loss fit_seconds n_items method",
    )
    def glance(self) -> Rows:
        """Epochs, losses and time of each training.

        See Also
        --------
        compare_architectures : Scores of each held-out item.
        summarise : Means over items.
        """
        rows: list[dict[str, Any]] = []
        for run in self.runs:
            kept = run.trained
            best = int(np.argmin(kept.validation_loss))
            at = best if self.protocol.restore_best else kept.n_epochs - 1
            rows.append(
                {
                    "modality": run.unit.modality,
                    "features": run.unit.features,
                    "target": run.unit.target,
                    "configuration": run.configuration.name,
                    "repeat": run.unit.repeat,
                    "fold": run.unit.fold,
                    "seed": run.unit.seed,
                    "n_epochs": kept.n_epochs,
                    "n_steps": kept.n_steps,
                    "training_loss": kept.loss[at],
                    "validation_loss": kept.validation_loss[at],
                    "fit_seconds": kept.fit_seconds,
                    "n_items": len(np.unique(self.inputs.item[kept.rows])),
                    "method": self.method,
                    "warning": kept.problem,
                }
            )
        return rows


def _single_threaded(client: Any) -> Any:
    """A dask client whose workers can train: one network at a time, as Keras asks for."""
    if check_client(client) is not None and any(n > 1 for n in client.nthreads().values()):
        raise DesignError(
            "networks are trained by workers of one thread; start the cluster with "
            "threads_per_worker=1"
        )
    return client


@takes_study
def network_models(
    data: xr.DataTree,
    *,
    dimension: Names | None = None,
    configurations: Sequence[str | Configuration] | None = None,
    protocol: str | Protocol = "strict",
    gold: Gold = "ewe",
    n_seeds: int = 1,
    n_repeats: int = 1,
    rng: Rng = 0,
    backend: str | None = None,
    n_jobs: int = -1,
    client: Any = None,
    cache: bool | FilePath = True,
    progress: bool = True,
) -> NetworkModels:
    """Train networks of the ratings on the features of the items, cross-validated over items.

    Parameters
    ----------
    data : DataTree
        A study with a dynamic dimension and features of its items.
    dimension : sequence of str, optional
        Rated dimensions that are predicted; all dynamic ones where not given.
    configurations : sequence of str or Configuration, optional
        Names in `CONFIGURATIONS`, or others; those of the paper's Table 6 where not given.
    protocol : {"strict", "paper", "released"} or Protocol
        How networks are trained, tested and scored.
    gold : {"ewe", "mean", "median", "ewe_aligned", "dtw", "latent"}
        Method of `gold_standard` that makes the target of all raters.
    n_seeds : int
        Trainings of each configuration, target and fold, from other weights.
    n_repeats : int
        Partitions of the items into folds; the first is the paper's.
    rng : int, SeedSequence or Generator, optional
        Source of randomness of weights, dropout and order.
    backend : {"tensorflow", "torch"}, optional
        Backend of Keras; that of ``KERAS_BACKEND``, else TensorFlow, where not given.
    n_jobs : int
        Processes, each with one thread; -1 for one per core. No number depends on it.
    client : dask.distributed.Client, optional
        Where the trainings are done instead of in `n_jobs` processes here. No result depends on it.
    cache : bool or path
        Where each finished training is kept: in the cache of the user, in a folder, or nowhere.
    progress : bool
        Whether to show a bar with the time that is left, on a terminal only.

    Returns
    -------
    NetworkModels
        The networks' predictions and histories.

    Raises
    ------
    DataError
        When the study has no dynamic dimension, or lacks a modality, ratings or features that a
        configuration needs, or has too few items for the folds. Before any training starts.
    DesignError
        For an argument that is none of its choices, such as an unknown backend.
    MissingExtraError
        When Keras or the backend is not installed.

    See Also
    --------
    compare_architectures : Scores on items that were held out.
    linear_transfer : The question of transfer in seconds, without networks.
    muvistats.lasso_models : Linear models on the same folds.

    Notes
    -----
    The target is the gold standard of all raters; `window` steps of features predict
    the next step. Folds are made of whole items, all that have ratings and features of some
    kind; an item without those that a configuration needs is no item of it. Features that are
    missing in more than 5% of all frames are left out, and broken frames are: this looks at all
    items, not at their ratings.

    A finished training is written at once, so that a run that was cut off goes on where it
    stopped; the key of its file is made of everything that its numbers depend on, but for the
    machine. A network that several configurations start from is trained once.
    Each training has its own seed, made from `rng` and what it is: the same call on the same
    machine and backend gives the same numbers. Weights are kept as plain arrays, without code.

    References
    ----------
    Kingma, D. P., & Ba, J. (2015). Adam: a method for stochastic optimization. International
    Conference on Learning Representations. https://doi.org/10.48550/arXiv.1412.6980

    Examples
    --------
    >>> from muvistats import simulate_muvi
    >>> from muvistats.deep import network_models, quick
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> models = network_models(
    ...     study, dimension=["arousal"], configurations=["pair"], protocol=quick("strict")
    ... )
    >>> models.targets
    ['arousal']
    """
    jobs = check_jobs(n_jobs)
    prepared = prepare(
        data,
        dimension=dimension,
        configurations=configurations,
        protocol=protocol,
        gold=gold,
        n_seeds=n_seeds,
        n_repeats=n_repeats,
        rng=rng,
        backend=backend,
    )
    with kept_folder(cache, "networks") as folder:
        return prepared.trained(
            prepared.planned,
            folder,
            n_jobs=jobs,
            client=_single_threaded(client),
            progress=progress,
        )


@dataclass(frozen=True, eq=False)
class Prepared:
    """A study that was checked, and the trainings that are wanted of it.

    Parameters
    ----------
    study : DataTree
        The study, prepared as the protocol says.
    inputs : Inputs
        Features and gold standard on common steps.
    sequences : Sequences
        The same, as trainings read them.
    protocol : Protocol
        How networks are trained.
    backend : str
        Backend of Keras.
    entropy : tuple
        Entropy and spawn key of the source of randomness.
    planned : list of (Configuration, Unit)
        The trainings.
    """

    study: xr.DataTree
    inputs: Inputs
    sequences: Sequences
    protocol: Protocol
    backend: str
    entropy: tuple[Any, tuple[int, ...]]
    planned: list[tuple[Configuration, Unit]]

    @functools.cached_property
    def ceilings(self) -> dict[tuple[str, str, str], float]:
        """Noise ceiling by dimension, modality and item."""
        found = noise_ceiling(self.study, level="item")
        keys = zip(found["dimension"], found["modality"], found["item"], strict=True)
        return dict(zip(keys, found["ccc"].astype(float), strict=True))

    def trained(
        self, planned: Sequence[tuple[Configuration, Unit]], folder: Path, **how: Any
    ) -> NetworkModels:
        """Networks of some of the trainings; those that `folder` holds are read."""
        done = train_all(
            [unit for _, unit in planned],
            self.protocol,
            inputs=save_sequences(folder, self.sequences),
            folder=folder,
            backend=self.backend,
            entropy=self.entropy,
            **how,
        )
        return NetworkModels(
            self.inputs,
            self.protocol,
            self.backend,
            tuple(Run(configuration, unit, done[unit]) for configuration, unit in planned),
            self.ceilings,
            self.study,
        )


def prepare(
    data: xr.DataTree,
    *,
    dimension: Names | None,
    configurations: Sequence[str | Configuration] | None,
    protocol: str | Protocol,
    gold: Gold,
    n_seeds: int,
    n_repeats: int,
    rng: Rng,
    backend: str | None,
) -> Prepared:
    """Check what `network_models` was given, and plan its trainings."""
    settings = as_protocol(protocol)
    wanted = as_configurations(configurations)
    name = chosen_backend(backend)
    n_seeds = check_count("n_seeds", n_seeds, least=1)
    n_repeats = check_count("n_repeats", n_repeats, least=1)
    root: Any = generator_of(rng).bit_generator.seed_seq  # not advanced by this
    study = study_on_unit_scale(prepared_study(data, settings))
    chosen = chosen_targets(study, dimension)
    check_needs(study, wanted)
    inputs = network_inputs(study, chosen, wanted, gold)
    sequences = Sequences.of(inputs)
    planned = plan_units(wanted, settings, chosen, n_repeats, n_seeds)
    check_items(sequences, planned, settings)
    entropy = (root.entropy, (*root.spawn_key, 0))
    return Prepared(study, inputs, sequences, settings, name, entropy, planned)

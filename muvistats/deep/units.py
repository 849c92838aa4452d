"""Networks that a comparison needs: each once, with what it starts from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from .configurations import Configuration
from .protocols import Protocol


@dataclass(frozen=True, slots=True)
class Unit:
    """One training.

    Parameters
    ----------
    network : str
        Architecture.
    modality, features, target : str
        What is predicted from what.
    repeat, fold, seed : int
        From 1.
    branches : tuple of (str, Unit)
        Kind and network of each branch that is transferred.
    frozen : bool
        Whether they keep their weights.
    steps_of : Unit, optional
        Network whose number of gradient steps this one takes, without stopping early.
    permuted : int, optional
        Number of a permutation of the items' ratings.
    """

    network: str
    modality: str
    features: str
    target: str
    repeat: int
    fold: int
    seed: int
    branches: tuple[tuple[str, Unit], ...] = ()
    frozen: bool = False
    steps_of: Unit | None = None
    permuted: int | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of features."""
        return tuple(self.features.split("_"))

    @property
    def needs(self) -> tuple[Unit, ...]:
        """Networks that must be finished before."""
        others = tuple(unit for _, unit in self.branches)
        return others if self.steps_of is None else (*others, self.steps_of)

    @property
    def words(self) -> str:
        """What it is, for people."""
        name = "PAIR" if self.branches else self.network.replace("_", " ")
        return f"{name}, {self.modality} by {self.features}, {self.target}, fold {self.fold}"

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def unit_of(
    configuration: Configuration, protocol: Protocol, target: str, repeat: int, fold: int, seed: int
) -> Unit:
    """The training that a configuration stands for in a fold."""
    own = Unit(
        configuration.network,
        configuration.modality,
        configuration.features,
        target,
        repeat,
        fold,
        seed,
    )
    source_fold = fold if protocol.pretraining == "same_fold" else protocol.n_folds
    like = dict(configuration.steps_like)
    branches = []
    for kind, modality in configuration.pretrained:
        source = Unit("unimodal", modality, kind, target, repeat, source_fold, seed)
        if kind in like:
            source = replace(source, steps_of=replace(source, modality=like[kind]))
        branches.append((kind, replace(source, permuted=configuration.permuted)))
    return replace(own, branches=tuple(branches), frozen=configuration.frozen)


def plan_units(
    configurations: Sequence[Configuration],
    protocol: Protocol,
    targets: Sequence[str],
    n_repeats: int,
    n_seeds: int,
) -> list[tuple[Configuration, Unit]]:
    """Trainings of a comparison, in the order of its rows."""
    return [
        (configuration, unit_of(configuration, protocol, target, repeat, fold, seed))
        for configuration in configurations
        for target in targets
        for repeat in range(1, n_repeats + 1)
        for fold in range(1, protocol.n_folds + 1)
        for seed in range(1, n_seeds + 1)
    ]


def with_needs(units: Iterable[Unit]) -> list[Unit]:
    """Units and what they need, each once, what is needed first."""
    found: dict[Unit, None] = {}

    def add(unit: Unit) -> None:
        for other in unit.needs:
            add(other)
        found.setdefault(unit)

    for unit in units:
        add(unit)
    return list(found)

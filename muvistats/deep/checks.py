"""What a comparison needs of a study, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from ..dataset.access import need_study
from ..dataset.prepare import exclude, released_exclusions, truncate
from ..errors import DataError, DesignError
from ..stats.agreement.concordance import dynamic_dimensions
from ..stats.agreement.gold import Gold
from ..stats.prediction.inputs import Inputs, feature_inputs, has_features
from ..types import Names
from .configurations import Configuration
from .protocols import Protocol
from .units import Unit, with_needs
from .windows import Sequences, entering_items, fold_items


def prepared_study(data: xr.DataTree, protocol: Protocol) -> xr.DataTree:
    """The study with the annotations and samples that a protocol uses."""
    need_study(data)
    dynamic_dimensions(data, None)
    if protocol.exclusions == "released":
        kept = data["annotations/keep_dynamic"].to_numpy()
        gone = kept & ~released_exclusions(data)["annotations/keep_dynamic"].to_numpy()
        data = exclude(data, gone, reason="excluded by the released scripts")
    return data if protocol.n_samples is None else truncate(data, steps=protocol.n_samples)


def chosen_targets(study: xr.DataTree, targets: Names | None) -> list[str]:
    """Dynamic dimensions that are asked for; all where not given."""
    if targets is None:
        return dynamic_dimensions(study, None)
    names = [targets] if isinstance(targets, str) else list(targets)
    if not names:
        raise DesignError("no target is given")
    return [found for name in dict.fromkeys(names) for found in dynamic_dimensions(study, name)]


def check_needs(study: xr.DataTree, wanted: Sequence[Configuration]) -> None:
    """Refuse a study without the modalities and features that configurations need."""
    there = set(study["annotations/modality"].to_numpy().astype(str).tolist())
    for each in wanted:
        for modality in dict.fromkeys(
            (each.modality, *dict((*each.pretrained, *each.steps_like)).values())
        ):
            if modality not in there:
                raise DataError(
                    f"{each.name} needs ratings of modality {modality}",
                    file="/annotations",
                    column="modality",
                    found=", ".join(sorted(there)),
                    expected=modality,
                )
        for kind in each.kinds:
            if not has_features(study, kind):
                raise DataError(
                    f"{each.name} on {each.features.replace('_', ' and ')} needs {kind} features; "
                    "`with_features` joins them",
                    file=f"/features/{kind}",
                )


def network_inputs(
    study: xr.DataTree,
    targets: list[str],
    wanted: Sequence[Configuration],
    gold: Gold = "ewe",
) -> Inputs:
    """Features, as they are, and gold standard on common steps."""
    kinds = [kind for kind in ("audio", "visual") if any(kind in each.kinds for each in wanted)]
    dimension = targets[0] if len(targets) == 1 else None
    return feature_inputs(study, dimension=dimension, kinds=kinds, raw=True, gold=gold)


def check_items(
    sequences: Sequences, planned: list[tuple[Configuration, Unit]], protocol: Protocol
) -> None:
    """Refuse a study with a fold that has nothing to train on, to stop at or to test."""
    used = entering_items(sequences, protocol.window)
    halves = protocol.stopping == "half_of_fold"  # then each fold needs two items
    least = 2 * protocol.n_folds if halves else protocol.n_folds + 1
    if used.sum() < least:
        raise DataError(
            f"{used.sum()} items with ratings, features and {protocol.window + 1} steps in a row "
            f"are too few for {protocol.n_folds} folds",
            file="/items",
            expected=f"{least} or more",
        )
    for unit in with_needs(unit for _, unit in planned):
        if unit.permuted is not None and protocol.stopping != "training_items":
            raise DesignError(
                "ratings are permuted among training items, so training must stop at some of "
                f"them: stopping must be 'training_items', not {protocol.stopping!r}"
            )
        usable = sequences.usable(unit.target, unit.modality, unit.kinds, protocol.window)
        parts = fold_items(used, protocol, unit.repeat, unit.fold)
        empty = [
            words
            for words, part in (
                ("train on", parts.fit),
                ("stop at", parts.stop),
                ("test", parts.test),
            )
            if not (part & usable).any()
        ]
        if empty:
            raise DataError(
                f"no item with {unit.target} ratings and {' and '.join(unit.kinds)} features "
                f"is left to {empty[0]} in fold {unit.fold}; {usable.sum()} items have both",
                file="/annotations",
                row=f"modality {unit.modality}",
                column=unit.target,
            )

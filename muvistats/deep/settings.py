"""What each setting of a protocol does to the result: one changed at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from ..errors import DesignError
from ..results.frame import result_frame
from ..stats._common import join_reasons
from .comparison import compare_architectures, faults
from .configurations import Configuration
from .models import Seed
from .protocols import Protocol, as_protocol
from .store import FilePath
from .summaries import summarise

__all__ = ["protocol_effects"]

Row = dict[str, Any]

_KEYS = ("modality", "features", "configuration", "target", "metric")


@result_frame(
    "setting, configuration, target and metric",
    "setting",
    "value",
    "modality",
    "features",
    "configuration",
    "target",
    "metric",
    "mean",
    "sd",
    "change",
    "n_items",
    "n_seeds",
    "method",
)
def protocol_effects(
    data: xr.DataTree,
    *,
    protocol: str | Protocol = "strict",
    other: str | Protocol = "released",
    targets: Sequence[str] | None = None,
    configurations: Sequence[str | Configuration] | None = ("late_fusion", "pair"),
    n_seeds: int = 1,
    rng: Seed = 0,
    backend: str | None = None,
    n_jobs: int = -1,
    cache: bool | FilePath = True,
    progress: bool = True,
) -> list[Row]:
    """Change the settings of a protocol to those of another, one at a time.

    Parameters
    ----------
    data : DataTree
        A study with ratings over time and features.
    protocol, other : str or Protocol
        Protocol that is changed, and where the other values come from.
    targets : sequence of str, optional
        Rated dimensions that are predicted; all dynamic ones where not given.
    configurations : sequence of str or Configuration
        Names in `CONFIGURATIONS`, or others; late fusion and PAIR where not given.
    n_seeds : int
        Trainings of each configuration, target and fold.
    rng, backend, n_jobs, cache, progress
        As in `network_models`.

    Raises
    ------
    DesignError
        When the two protocols do not differ, or an argument is none of its choices.
    DataError
        When the study lacks what is needed.
    MissingExtraError
        When Keras or the backend is not installed.

    Notes
    -----
    `setting` is ``"none"`` for the protocol itself and ``"all"`` for the other one. `change`
    is the mean less that of the protocol itself; it holds the chance of training as well, which
    several seeds make smaller. Effects of settings need not add up.

    Examples
    --------
    >>> from muvistats import simulate_muvi
    >>> from muvistats.deep import protocol_effects, quick
    >>> from dataclasses import replace
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> mine = quick("strict")
    >>> frame = protocol_effects(
    ...     study, protocol=mine, other=replace(mine, rmse="mse"), targets=["arousal"],
    ...     configurations=["late_fusion"],
    ... )
    >>> frame["setting"].unique().tolist()
    ['none', 'rmse', 'all']
    """
    base, far = as_protocol(protocol), as_protocol(other)
    different = base.differences(far)
    if not different:
        raise DesignError(f"the protocols {base.name!r} and {far.name!r} have the same settings")
    variants = [("none", "", base)]
    variants += [
        (name, str(value), replace(base, **{name: value})) for name, (_, value) in different.items()
    ]
    variants.append(("all", far.name, far))
    rows: list[Row] = []
    standard: dict[tuple[str, ...], float] = {}
    for setting, value, settings in variants:
        frame = compare_architectures(
            data,
            targets=targets,
            configurations=configurations,
            protocol=settings,
            n_seeds=n_seeds,
            linear=False,
            rng=rng,
            backend=backend,
            n_jobs=n_jobs,
            cache=cache,
            progress=progress,
        )
        for row in summarise(frame).to_dict("records"):
            key = tuple(str(row[name]) for name in _KEYS)
            standard.setdefault(key, row["mean"])
            kept = ("sd", "mean", "n_items", "n_seeds", "method", "alignment", "simulated")
            rows.append(
                dict(zip(_KEYS, key, strict=True))
                | {name: row[name] for name in kept}
                | {
                    "setting": setting,
                    "value": value,
                    "change": row["mean"] - standard.get(key, np.nan),
                    "warning": join_reasons(faults(settings)),
                }
            )
    return rows

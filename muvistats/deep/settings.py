"""What each setting of a protocol does to the result: one changed at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..dataset.gate import takes_study
from ..errors import DesignError
from ..files import FilePath
from ..results.frame import result_frame
from ..types import Names, Rng, Row
from .comparison import compare_architectures
from .configurations import Configuration
from .protocols import Protocol, as_protocol
from .summaries import summarise

_KEYS = ("modality", "features", "configuration", "target", "metric")
_KEPT = ("sd", "mean", "n_items", "n_seeds", "method", "alignment", "simulated")


@result_frame(
    "setting, configuration, target and metric",
    "setting value modality features configuration target metric mean sd change std_error n",
    "n_items n_seeds method",
)
@takes_study
def protocol_effects(
    data: xr.DataTree,
    *,
    protocol: str | Protocol = "strict",
    other: str | Protocol = "released",
    dimension: Names | None = None,
    configurations: Sequence[str | Configuration] | None = ("late_fusion", "pair"),
    n_seeds: int = 1,
    rng: Rng = 0,
    backend: str | None = None,
    n_jobs: int = -1,
    client: Any = None,
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
    configurations : sequence of str or Configuration
        Names in `CONFIGURATIONS`, or others; late fusion and PAIR where not given.

    Raises
    ------
    DesignError
        When the two protocols do not differ, or an argument is none of its choices.
    DataError
        When the study lacks what is needed.
    MissingExtraError
        When Keras or the backend is not installed.

    See Also
    --------
    Protocol : The settings.
    network_models : Trains with one protocol.

    Notes
    -----
    `setting` is ``"none"`` for the protocol itself and ``"all"`` for the other one. `change` is the
    mean over the `n` items that both test, less that of the protocol itself there, and `std_error`
    the standard deviation of these differences over items, over the root of n. It includes the
    randomness of training, except for the part that all items of a fold share. A change of less
    than two or three standard errors may be chance; more seeds make that chance smaller. Effects of
    settings need not add up.

    Examples
    --------
    >>> from muvistats import simulate_muvi
    >>> from muvistats.deep import protocol_effects, quick
    >>> from dataclasses import replace
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> mine = quick("strict")
    >>> frame = protocol_effects(
    ...     study, protocol=mine, other=replace(mine, rmse="mse"), dimension=["arousal"],
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
    standard = pd.Series(dtype=float)
    for setting, value, settings in variants:
        frame = compare_architectures(
            data,
            dimension=dimension,
            configurations=configurations,
            protocol=settings,
            n_seeds=n_seeds,
            linear=False,
            rng=rng,
            backend=backend,
            n_jobs=n_jobs,
            client=client,
            cache=cache,
            progress=progress,
        )
        items = frame.melt([*_KEYS[:-1], "item"], ["rmse", "mse", "ccc"], var_name="metric")
        of_item = items.groupby([*_KEYS, "item"])["value"].mean().sort_index()
        if setting == "none":
            standard = of_item
        for row in summarise(frame).to_dict("records"):
            key = tuple(row[name] for name in _KEYS)
            change = (of_item.loc[key] - standard.loc[key]).dropna()
            rows.append(
                {name: row[name] for name in (*_KEYS, *_KEPT)}
                | {
                    "setting": setting,
                    "value": value,
                    "change": change.mean(),
                    "std_error": change.std() / np.sqrt(len(change)),
                    "n": len(change),
                    "warning": settings.faults,
                }
            )
    return rows

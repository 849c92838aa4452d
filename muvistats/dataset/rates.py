"""How fast ratings rise and fall, as further dimensions of a study."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..arguments import check_number
from ..errors import DataError, DesignError
from ..types import Names
from .access import dimensions_of
from .gate import takes_study
from .interval import interval_of
from .prepare import with_log


@takes_study
def rates_of_change(
    data: xr.DataTree, *, window: float | None = None, dimension: Names | None = None
) -> xr.DataTree:
    """Add how fast each rated dimension rises or falls, as further dimensions.

    Parameters
    ----------
    data : DataTree
        The study, with a dynamic dimension.
    window : float, optional
        Length in s over which a change is measured; two steps where not given.
    dimension : str or sequence of str, optional
        Rated dimensions; all dynamic ones where not given.

    Returns
    -------
    DataTree
        A new study with a dimension ``arousal_rate`` beside ``arousal``, in units of the scale per
        second; the step stands in `/log`.

    Raises
    ------
    DataError
        When there is no such dynamic dimension, the steps are not even, or the study has the rate
        already.
    DesignError
        When the window holds no two steps.

    See Also
    --------
    over_time : When groups differ, in level or in change.
    truncate : Take away the first seconds, in which cursors leave the centre.

    Notes
    -----
    The rate at a time t is ``(x(t + w / 2) - x(t - w / 2)) / w`` with the window w, rounded to an
    even number of steps. It is missing where one of the two samples is: in the first and last half
    window, and around a gap.

    Examples
    --------
    >>> from muvistats import rates_of_change, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> rates_of_change(study, window=2.0)["annotations/arousal_rate"].sizes["time"]
    120
    """
    annotations = data["annotations"].to_dataset()
    names = [name for name in dimensions_of(data) if "time" in annotations[name].dims]
    wanted = names if dimension is None else np.atleast_1d(np.asarray(dimension)).tolist()
    for name in wanted or ["time"]:
        if name not in names:
            raise DataError("the study has no such dynamic dimension", column=name)
    interval = interval_of(annotations["time"].to_numpy())
    length = 2 * interval if window is None else check_number("window", window, above=0)
    half = round(length / interval / 2)
    if not 0 < 2 * half < annotations.sizes["time"]:
        raise DesignError(f"a window of {length:g} s does not hold two steps of the excerpt")
    length = 2 * half * interval
    for name in wanted:
        if f"{name}_rate" in annotations:
            raise DataError("the study has this rate already", column=f"{name}_rate")
        variable = annotations[name].transpose("annotation", "time")
        values = variable.to_numpy()
        rate = np.full(values.shape, np.nan)
        rate[:, half:-half] = (values[:, 2 * half :] - values[:, : -2 * half]) / length
        attrs = {k: v for k, v in variable.attrs.items() if k != "words"}
        largest = (attrs["scale_max"] - attrs["scale_min"]) / length
        attrs |= {"long_name": f"rate of change of {name}", "units": "s-1"}
        attrs |= {"scale_min": -largest, "scale_max": largest}
        annotations[f"{name}_rate"] = xr.Variable(("annotation", "time"), rate, attrs)
    parts = {node.path: node.to_dataset(inherit=False) for node in data.subtree}
    tree = xr.DataTree.from_dict(parts | {"/annotations": annotations}, name=data.name)
    tree.attrs = dict(data.attrs)
    return with_log(tree, [("rates_of_change", f"change over {length:g} s", len(wanted))])

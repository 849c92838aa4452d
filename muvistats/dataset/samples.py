"""The samples of a study as rows, with all that is known of their annotations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import DataError
from .access import dimensions_of, frame_of, while_recorded


def samples_of(data: xr.DataTree) -> pd.DataFrame:
    """One row per annotation and time step: `annotation_frame` with samples for summaries.

    Parameters
    ----------
    data : DataTree
        A study that has passed the gate.

    Returns
    -------
    DataFrame
        The columns of `annotation_frame`, the dimensions that were rated over time sample by
        sample (excluded annotations are NaN), `annotation` (its number) and `time` (s). The padding
        of shorter excerpts is left out; holes stay.

    Raises
    ------
    DataError
        When no dimension was rated over time.
    """
    annotations = data["annotations"].to_dataset()
    names = [name for name in dimensions_of(data) if "time" in annotations[name].dims]
    if not names:
        raise DataError(
            "the study has no time samples", file="/annotations", expected="a dimension over time"
        )
    values = {name: annotations[name].to_numpy() for name in names}
    use = while_recorded(np.logical_or.reduce([~np.isnan(array) for array in values.values()]))
    row, step = np.nonzero(use)
    whole = frame_of(data)
    frame = whole.drop(columns=names).take(row).reset_index(drop=True)
    kept = annotations["keep_dynamic"].to_numpy()[row]
    for name, array in values.items():
        frame[name] = np.where(kept, array[use], np.nan)
    frame["annotation"], frame["time"] = row, annotations["time"].to_numpy()[step]
    frame.attrs = whole.attrs
    return frame

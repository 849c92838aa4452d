"""How factors that stand beside the ratings came to their values, as far as a table shows it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .. import schema


def assigned_of(frame: pd.DataFrame, keys: pd.DataFrame) -> dict[str, str]:
    """Columns that hold one value for each participant, or for each item.

    Parameters
    ----------
    frame : DataFrame
        One row per annotation.
    keys : DataFrame
        Its keys; `participant` may be missing.

    Returns
    -------
    dict of str to str
        ``"participant"`` or ``"item"`` by column. What is both, as where everybody rated one item,
        and what varies within both, is not named: the table does not show it.

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats.dataset.importing.factors import assigned_of
    >>> keys = pd.DataFrame({"item": ["a", "b"] * 2, "participant": ["1", "1", "2", "2"]})
    >>> assigned_of(keys.assign(gender=["f", "f", "m", "m"], genre=["x", "y"] * 2), keys)
    {'gender': 'participant', 'genre': 'item'}
    """
    known = {*schema.variables("/annotations"), *schema.ALL_KEYS}
    columns = [str(name) for name in frame if name not in known]
    units = {key: pd.factorize(keys[key])[0] for key in ("participant", "item") if key in keys}
    found = {}
    for name in columns:
        codes, levels = pd.factorize(frame[name])
        ways = [key for key, unit in units.items() if _is_trait(codes, unit)]
        if len(levels) > 1 and len(ways) == 1:
            found[name] = ways[0]
    return found


def _is_trait(codes: np.ndarray, unit: np.ndarray) -> bool:
    """Whether no unit has two values, and some unit could have had two."""
    some = codes >= 0
    pairs = np.unique(np.column_stack([unit[some], codes[some]]), axis=0)
    return len(pairs) == len(np.unique(unit[some])) < int(some.sum())

"""How factors that stand beside the ratings came to their values, as far as a table shows it."""

from __future__ import annotations

import numpy as np
import pandas as pd


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
    columns = [str(name) for name in frame if name not in ("item", "participant")]
    units = {key: pd.factorize(keys[key])[0] for key in ("participant", "item") if key in keys}
    found = {}
    for name in columns:
        codes, levels = pd.factorize(frame[name])
        ways = [key for key, unit in units.items() if _is_trait(codes, unit)]
        if len(levels) > 1 and len(ways) == 1:
            found[name] = ways[0]
    return found


#: Units of which some have several levels, and their share up to which that looks like a mistake.
_MANY, _FEW = 20, 0.05


def almost_trait(frame: pd.DataFrame, name: str) -> str:
    """What is odd about a column with one value for each participant, or item, but a few of them.

    Parameters
    ----------
    frame : DataFrame
        One row per annotation, with `item` and perhaps `participant`.
    name : str
        The column.

    Returns
    -------
    str
        The problem, with the first such unit; empty where there is none.

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats.dataset.importing.factors import almost_trait
    >>> frame = pd.DataFrame({"participant": [i // 2 for i in range(60)], "gender": "f"})
    >>> frame.loc[3, "gender"] = "m"
    >>> almost_trait(frame, "gender")
    "'gender' has one value for each participant but 1 of 30 (1)"
    """
    for key in ("participant", "item"):
        if key not in frame:
            continue
        units = frame[frame[name].notna()].groupby(key, observed=True, sort=False)[name]
        sizes, levels = units.size(), units.nunique()
        odd = levels.index[levels > 1]
        count = int((sizes > 1).sum())
        if count >= _MANY and 0 < len(odd) <= _FEW * count:
            return f"{name!r} has one value for each {key} but {len(odd)} of {count} ({odd[0]})"
    return ""


def _is_trait(codes: np.ndarray, unit: np.ndarray) -> bool:
    """Whether no unit has two values, and some unit could have had two."""
    some = codes >= 0
    pairs = np.unique(np.column_stack([unit[some], codes[some]]), axis=0)
    return len(pairs) == len(np.unique(unit[some])) < int(some.sum())

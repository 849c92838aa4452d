"""Damage of every kind, drawn from a seed: to bytes, to tables and to trees."""

from __future__ import annotations

import contextlib
import decimal
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

_TOKENS = (
    *(b"\0", b"\xff", b"\xed\xa0\x80", b'"', b",", b"\r", b"\n", b"\n\n", b"\t", b";", b"NA"),
    *(
        b"nan",
        b"inf",
        b"-inf",
        b"1e999",
        b"-1",
        b"1" * 400,
        b"=1+1",
        b"'",
        b"../x",
        b"\xef\xbb\xbf",
    ),
    *(b"[" * 3000, b"{}", b"null", b"\\ud800", b" ", b"1.5", b"true"),
)


def damaged(raw: bytes, draw: random.Random) -> bytes:
    """One to three changes to some bytes."""
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        kind = draw.randrange(7)
        at = draw.randrange(len(raw) + 1)
        end = min(len(raw), at + draw.choice((1, 2, 10, 200)))
        if kind == 0:
            raw = flipped(raw, draw)
        elif kind == 1:
            raw = raw[:at] + bytes([draw.randrange(256)]) + raw[at + 1 :]
        elif kind == 2:
            raw = raw[:at] + raw[end:]
        elif kind == 3:
            raw = raw[:end] + raw[at:end] + raw[end:]
        elif kind == 4:
            raw = raw[:at] + draw.choice(_TOKENS) + raw[at:]
        elif kind == 5:
            raw = raw[:at] + draw.choice(_TOKENS) + raw[end:]
        else:
            raw = raw[:at]
    return raw


def flipped(raw: bytes, draw: random.Random) -> bytes:
    """One bit the other way."""
    if not raw:
        return raw
    at = draw.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << draw.randrange(8))]) + raw[at + 1 :]


def _odd_values() -> list[Any]:
    return [
        *(None, np.nan, np.inf, -np.inf, pd.NA, pd.NaT, "", " ", "P1 ", "\0", "x/y", "=1+1"),
        *(10**400, -1, 0, 1.5, 1e300, True, 3 + 2j, b"\xff", [1], {"x": 1}, (1, 2), set()),
        *(decimal.Decimal("1.5"), np.datetime64("2020-01-01"), pd.Timedelta("1s"), "1", "nan"),
        *(object(), np.array([1, 2]), "a" * 5000, "\udcff", float, np.float16(1), -0.0),
    ]


def some_of(choices: Mapping[str, tuple[Any, ...]], draw: random.Random) -> dict[str, Any]:
    """One or two arguments, each with one of its values."""
    names = draw.sample(sorted(choices), draw.choice((1, 1, 2)))
    return {name: draw.choice(choices[name]) for name in names}


def damaged_frames(frames: dict[str, pd.DataFrame], draw: random.Random) -> dict[str, pd.DataFrame]:
    """One to three changes to some tables, as far as pandas makes such tables."""
    frames = dict(frames)
    for _ in range(draw.choice((1, 1, 2, 3))):
        name = draw.choice(sorted(frames))
        with contextlib.suppress(TypeError, ValueError):
            frames[name] = _damaged_frame(frames[name].copy(), draw)
    return frames


def _damaged_frame(frame: pd.DataFrame, draw: random.Random) -> pd.DataFrame:
    if not len(frame.columns) or not len(frame):
        return frame
    place, row = draw.randrange(len(frame.columns)), draw.randrange(len(frame))
    column = frame.columns[place]
    kind = draw.randrange(10)
    if kind < 5:
        cells = frame.iloc[:, place].astype(object).to_numpy().copy()
        value = draw.choice(_odd_values())
        for at in [row] if kind < 4 else range(len(cells)):
            cells[at] = value
        data = {n: frame.iloc[:, n] for n in range(len(frame.columns))}
        data[place] = pd.Series(cells, index=frame.index, dtype=object)
        return pd.DataFrame(data).set_axis(frame.columns, axis=1)
    if kind == 5:
        return frame.drop(columns=column)
    if kind == 6:
        return pd.concat([frame, frame.iloc[[row]]])
    if kind == 7:
        new = draw.choice(["a/b", "", "time", "item", "labels", "participant", ".x", 5, None])
        return frame.set_axis([new if c == column else c for c in frame.columns], axis=1)
    if kind == 8:
        return frame.iloc[draw.choice((slice(0), slice(1), slice(None, None, -1)))]
    kinds = ("float32", "category", "object", "str", "complex64", "datetime64[ns]", "Int64", "bool")
    try:
        return frame.astype({column: draw.choice(kinds)})
    except (TypeError, ValueError, KeyError):
        return frame


def damaged_tree(study: xr.DataTree, draw: random.Random) -> xr.DataTree:
    """One to three changes to a study."""
    parts = {node.path: node.to_dataset(inherit=False).copy(deep=True) for node in study.subtree}
    attrs = dict(study.attrs)
    for _ in range(draw.choice((1, 1, 2, 3))):
        path = draw.choice(sorted(parts))
        group = parts[path]
        names = sorted(map(str, group.variables))
        kind = draw.randrange(8)
        if kind == 0 and path != "/":
            parts.pop(path)
        elif kind == 1:
            attrs[draw.choice(sorted(attrs) or ["x"])] = draw.choice(_odd_values())
        elif not names:
            continue
        else:
            parts[path] = _damaged_group(group, draw.choice(names), kind, draw)
    tree = xr.DataTree.from_dict(parts, name="study")
    tree.attrs = attrs
    return tree


def _damaged_group(group: xr.Dataset, name: str, kind: int, draw: random.Random) -> xr.Dataset:
    variable = group[name].variable
    if kind == 2:
        return group.drop_vars(name)
    if kind == 3 and variable.dims:
        return group.isel({variable.dims[0]: draw.choice((0, slice(1), slice(None, None, -1)))})
    if kind == 4:
        key = draw.choice([*map(str, variable.attrs), "levels", "role", "flag_meanings"])
        new = variable.attrs | {key: draw.choice(_odd_values())}
        return group.assign_coords({name: (variable.dims, variable.to_numpy(), new)})
    if kind == 5:
        return group.rename({name: draw.choice(["x", "arousal", "item", "a/b"])}).copy()
    values = variable.to_numpy().astype(object).copy()
    if values.size:
        values.flat[draw.randrange(values.size)] = draw.choice((np.nan, -5, "x", 1e9, None, np.inf))
    kinds = ("float64", "int8", "object", "<U3")
    try:
        values = values.astype(variable.dtype if kind == 6 else draw.choice(kinds))
    except (TypeError, ValueError, OverflowError):
        pass
    return group.assign({name: (variable.dims, values, variable.attrs)})

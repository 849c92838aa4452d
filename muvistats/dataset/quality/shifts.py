"""The engine of the alignment check: where values fit, overall and person by person."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ...errors import DataError, DesignError
from ...types import Floats, Ints
from .. import schema
from ..access import annotation_frame, dimensions_of, need_people
from .raters import label_values, profiles

if TYPE_CHECKING:
    from ...kernels.raters.alignment import ItemSignal, Placed


#: Lags at which values and items are compared.
LAGS = range(-4, 5)

_LEVEL = 0.05  # of the verdict `best`
_PLACE_Z = 3.0  # from here on the others are placed at the best lag, not at 0
_GUARD_Z = 1.645  # what must remain when people with an identical list move together
_TIE = 1e-9

_NO_ROWS = "no annotation has values at this lag"
_CONSTANT = "the values do not vary within participants"
_UNMOVED = (
    "permutation changes nothing: items need ratings of several participants, in different orders"
)
_SAME_LIST = "not significant when participants with an identical list move together"


@dataclass(frozen=True)
class Session:
    """Annotations as codes, one row each."""

    item: Ints
    participant: Ints
    trial: Ints
    names: npt.NDArray[np.str_]
    values: Mapping[str, Floats]

    @functools.cached_property
    def lists(self) -> tuple[Ints, Ints]:
        """Code of each participant's list of items, and the place of each row in it."""
        from ...kernels.raters.alignment import list_codes

        return list_codes(self.participant, self.trial, self.item)

    def place(self, values: Floats, lag: int) -> Placed:
        """Values beside the items that they meet at a lag."""
        from ...kernels.raters.alignment import place

        return place(values, self.item, self.participant, self.trial, lag)


def alignment_z(
    data: xr.DataTree, *, variable: str = "labels", lags: Iterable[int] = LAGS
) -> dict[int, float]:
    """Item signal of one variable by lag, in permutation standard deviations.

    The cheap core of `label_alignment_check`: exact moments, no resampling.

    Parameters
    ----------
    data : DataTree
        The study, with trial order.
    variable : str
        ``"labels"``, ``"familiar"`` or a rated dimension.
    lags : iterable of int
        Trials by which values are moved up before they meet their item.

    Returns
    -------
    dict of int to float
        Z by lag, NaN where it is not defined.
    """
    session, steps = session_of(data, [variable]), checked_lags(lags)
    found = _signals(session, session.values[variable], steps)
    return {lag: found[lag][1].z for lag in steps}


def checked_lags(lags: Iterable[int]) -> list[int]:
    """Distinct lags in order, refused where they are no whole numbers."""
    steps = list(lags) if isinstance(lags, Iterable) else []
    if not steps or any(not isinstance(lag, (int, np.integer)) for lag in steps):
        raise DesignError(f"lags are whole numbers of trials, at least one, not {lags!r}")
    return sorted({int(lag) for lag in steps})


def session_of(data: xr.DataTree, only: Iterable[str] | None = None) -> Session:
    """Codes and values of a study, of all its variables or of some."""
    need_people(data)
    annotations = data["annotations"].to_dataset()
    trial = _trial(annotations)
    names = data["participants/participant"].to_numpy().astype(str)
    item = pd.factorize(annotations["item"].to_numpy())[0].astype(np.int64)
    person = pd.Index(names).get_indexer(annotations["participant"].to_numpy().astype(str))
    twice = pd.DataFrame({"participant": person, "trial": trial}).duplicated().to_numpy()
    if twice.any():
        row = int(np.flatnonzero(twice)[0])
        raise DataError(
            f"participant {names[person[row]]} has a trial number twice",
            file="/annotations",
            row=row,
            column="trial",
            found=int(trial[row]),
        )
    values = _variables(data, annotations)
    if "labels" in values:
        values["labels"] = profiles(values["labels"], person)
    if only is not None:
        unknown = [name for name in only if name not in values]
        if unknown:
            raise DataError("the study has no such variable", found=unknown[0])
        values = {name: values[name] for name in only}
    return Session(item, person.astype(np.int64), trial, names, values)


#: Trials between two sessions, more than any lag.
_APART = 1000


def _trial(annotations: xr.Dataset) -> Ints:
    if "trial" not in annotations.coords:
        raise DataError(
            "the study has no trial order",
            file="/annotations",
            column="trial",
            expected="the order of the annotations within each participant's session",
        )
    trial = annotations["trial"].to_numpy().astype(np.int64)
    if "session" not in annotations.coords:
        return trial
    levels = schema.decode_levels(annotations["session"].attrs["levels"])
    code = pd.Index(list(levels)).get_indexer(pd.Index(annotations["session"].to_numpy()))
    return trial + code * (np.ptp(trial) + _APART)  # no lag reaches from session to session


def _variables(data: xr.DataTree, annotations: xr.Dataset) -> dict[str, Floats]:
    """Values by variable, (annotation, column), NaN for missing and masked."""
    values: dict[str, Floats] = {}
    if "labels" in annotations:
        values["labels"] = label_values(annotations)
    if "familiar" in annotations:
        codes = annotations["familiar"].to_numpy()
        values["familiar"] = np.where(codes < 0, np.nan, codes.astype(float))[:, None]
    names = dimensions_of(data)
    if names:
        frame = annotation_frame(data)
        values.update({name: frame[name].to_numpy(dtype=float)[:, None] for name in names})
    return values


def _signal(session: Session, values: Floats, lag: int) -> tuple[Placed, ItemSignal]:
    from ...kernels.raters import alignment

    placed = session.place(values, lag)
    return placed, alignment.item_signal(placed, session.lists[0])


def _signals(
    session: Session, values: Floats, lags: list[int]
) -> dict[int, tuple[Placed, ItemSignal]]:
    """Values beside items and their signal by lag, 0 included.

    At other lags than that with the highest z, what items add to values at this one is taken out,
    since a part of it would be seen there too; the share remains that of the values as they are.
    """
    from ...kernels.raters import alignment

    found = {lag: _signal(session, values, lag) for lag in {0, *lags}}
    best = _highest({lag: signal.z for lag, (_, signal) in found.items()})
    if np.isfinite(found[best][1].z):
        rest = alignment.without_signal(
            values, session.item, session.participant, session.trial, best
        )
        for lag in found.keys() - {best}:
            placed, signal = _signal(session, rest, lag)
            found[lag] = placed, replace(signal, share=found[lag][1].share)
    return found


def _highest(z: Mapping[int, float]) -> int:
    """The lag with the highest z, 0 where there is none."""
    return max(z, key=lambda lag: (z[lag] if np.isfinite(z[lag]) else -np.inf, lag == 0))


def overall_rows(
    session: Session, lags: list[int], n_resamples: int, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Rows of the check for everybody together, one per variable and lag."""
    found = {name: _signals(session, values, lags) for name, values in session.values.items()}
    drawn: dict[tuple[str, int], Floats] = {}
    for lag, child in zip(lags, rng.spawn(len(lags)), strict=True):
        drawn |= _drawn_at(session, lag, {k: v[lag] for k, v in found.items()}, n_resamples, child)
    for name, signals in found.items():
        draws = {lag: drawn[name, lag] for lag in lags if (name, lag) in drawn}
        for row in _examine_all(session, session.values[name], lags, signals, draws):
            yield {"variable": name, **row}


def _drawn_at(
    session: Session,
    lag: int,
    found: Mapping[str, tuple[Placed, ItemSignal]],
    n_resamples: int,
    rng: np.random.Generator,
) -> dict[tuple[str, int], Floats]:
    """Permuted z of the variables at one lag; those with the same rows are permuted together."""
    from ...kernels.raters import alignment

    alike: dict[bytes, list[str]] = {}
    for name, (placed, signal) in found.items():
        if np.isfinite(signal.z):
            alike.setdefault(placed.position.tobytes(), []).append(name)
    out: dict[tuple[str, int], Floats] = {}
    for names, child in zip(alike.values(), rng.spawn(len(alike)), strict=True):
        drawn = alignment.permuted_signals(
            [found[name][0] for name in names], session.lists[0], n_resamples, child
        )
        for name, draws in zip(names, drawn.T, strict=True):
            signal = found[name][1]
            out[name, lag] = (draws - signal.mean) / signal.sd
    return out


def _examine_all(
    session: Session,
    values: Floats,
    lags: list[int],
    signals: Mapping[int, tuple[Placed, ItemSignal]],
    drawn: Mapping[int, Floats],
) -> list[dict[str, Any]]:
    from ...kernels.raters import alignment

    code, where = session.lists
    rows: list[dict[str, Any]] = []
    for lag in lags:
        placed, signal = signals[lag]
        row = _row(lag, signal.share, signal.z, len(placed.item), len(session.item))
        if lag in drawn:
            row |= _p_value(signal.z, drawn[lag])
        else:
            row["warning"] = _reason(len(placed.item), signal.share)
        row |= {
            "participant": "all",
            "estimator": "share of variation between items",
            "p_adjust_method": "largest z over lags",
            "method": "permutation within participant",
            "n_participants": len(np.unique(placed.participant)),
            "n_items": len(np.unique(placed.item)),
        }
        rows.append(row)
    largest = np.max([*drawn.values()], axis=0) if drawn else np.empty(0)
    for row in rows:
        row["p_adjusted"] = _exceedance(row["statistic"], largest)
    top = _mark_best(rows)
    if top is not None and len(np.unique(code)) < len(code):
        placed = session.place(values, top["lag"])
        if not alignment.signal_of_blocks(placed, code, where).z > _GUARD_Z:
            top |= {"best": False, "warning": _SAME_LIST}
    return rows


def participant_rows(
    session: Session, lags: list[int], n_resamples: int, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Rows of the check for each variable and participant against the others, one per lag."""
    searched = np.full(n_resamples, -np.inf)
    parts = []
    children = rng.spawn(len(session.values))
    for (variable, values), child in zip(session.values.items(), children, strict=True):
        table, planned, largest = _fit_participants(session, values, lags, n_resamples, child)
        searched = np.maximum(searched, largest)
        parts.append((variable, planned, table))
    for variable, planned, table in parts:
        for rows_of_one in table:
            for row in rows_of_one:
                if row["lag"] == planned:
                    row |= {"p_adjusted": row["p_value"], "p_adjust_method": "none, not searched"}
                else:
                    row["p_adjusted"] = _exceedance(row["statistic"], searched)
                    row["p_adjust_method"] = "largest z over variables, participants and lags"
            _mark_best(rows_of_one)
            yield from ({"variable": variable, **row} for row in rows_of_one)


def _fit_participants(
    session: Session, values: Floats, lags: list[int], n_resamples: int, rng: np.random.Generator
) -> tuple[list[list[dict[str, Any]]], int, Floats]:
    """Rows by participant, the lag of the others, and the largest z of each resample elsewhere."""
    from ...kernels.raters import alignment, rater_fit

    overall = _overall_lag(session, values, lags)
    placed = session.place(values, overall)
    block, _ = session.lists
    means = rater_fit.other_means(
        placed, session.item, session.participant, block, int(session.item.max()) + 1
    )
    method = f"permutation within participant, the others at lag {overall}"
    totals = np.bincount(session.participant, minlength=len(session.names))
    table: list[list[dict[str, Any]]] = [[] for _ in session.names]
    largest = np.full(n_resamples, -np.inf)
    for lag, child in zip(lags, rng.spawn(len(lags)), strict=True):
        rows, partners = alignment.partner_rows(session.participant, session.trial, lag)
        known = ~(np.isnan(means[rows]).any(axis=1) | np.isnan(values[partners]).any(axis=1))
        rows, partners = rows[known], partners[known]
        order = np.argsort(session.participant[rows], kind="stable")
        ends = np.searchsorted(session.participant[rows[order]], np.arange(1, len(table)))
        for code, mine in enumerate(np.split(order, ends)):
            at, of = rows[mine], partners[mine]
            estimate, z, products = rater_fit.rater_fit(values[of], means[at])
            row = _row(lag, estimate, z, len(at), int(totals[code]))
            if np.isfinite(z):
                drawn = rater_fit.permuted_fit(products, n_resamples, child)
                row |= _p_value(z, drawn)
                largest = np.maximum(largest, drawn) if lag != overall else largest
            else:
                row["warning"] = _participant_reason(len(at), values[of])
            row |= {
                "participant": session.names[code],
                "estimator": "correlation with the mean of the others",
                "method": method,
                "n_participants": 1,
                "n_items": len(np.unique(session.item[at])),
            }
            table[code].append(row)
    return table, overall, largest


def _overall_lag(session: Session, values: Floats, lags: list[int]) -> int:
    z = {lag: _signal(session, values, lag)[1].z for lag in {0, *lags}}
    best = _highest(z)
    return best if z[best] > _PLACE_Z else 0


def _row(lag: int, estimate: float, z: float, n: int, total: int) -> dict[str, Any]:
    return {
        "lag": lag,
        "estimate": estimate,
        "statistic": z,
        "statistic_name": "z",
        "p_value": np.nan,
        "n_resamples": 0,
        "n": n,
        "n_missing": total - n,
        "best": False,
    }


def _p_value(z: float, drawn: Floats) -> dict[str, Any]:
    p = _exceedance(z, drawn)
    error = float(np.sqrt(p * (1 - p) / len(drawn)))
    return {"p_value": p, "mc_error": error, "n_resamples": len(drawn)}


def _exceedance(z: float, drawn: Floats) -> float:
    if not np.isfinite(z):
        return np.nan
    return (1 + int((drawn >= z - _TIE).sum())) / (len(drawn) + 1)


def _mark_best(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Mark the row with the highest z, if it is significant."""
    defined = [row for row in rows if np.isfinite(row["statistic"])]
    if not defined:
        return None
    top = max(defined, key=lambda row: row["statistic"])
    top["best"] = bool(top["p_adjusted"] <= _LEVEL)
    return top if top["best"] else None


def _reason(n: int, share: float) -> str:
    if n == 0:
        return _NO_ROWS
    return _CONSTANT if np.isnan(share) else _UNMOVED


def _participant_reason(n: int, values: Floats) -> str:
    if n < 2:
        return (
            "fewer than two annotations, at this lag, of items that people with other lists rated"
        )
    if (values == values[0]).all():
        return "the participant's values do not vary"
    return "the others' mean does not vary over this participant's items"

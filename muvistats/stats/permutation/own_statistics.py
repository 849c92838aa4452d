"""A statistic of one's own, tested by the arrangements that the design allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd

from ...arguments import Dependence, check_dependence
from ...dataset.gate import takes_study
from ...errors import DesignError
from ...formula import factor
from ...formula.levels import is_number
from ...kernels.permutation import arrangements
from ...results.frame import join_reasons, result_frame
from ...types import Data, Floats, Ints, Mask, Rng, Row
from ..shared.adjust import adjust_p
from ..shared.study import (
    NO_DESIGN,
    Resampling,
    Units,
    assignment,
    item_units,
    offered,
    participant_units,
    permutation_columns,
    to_frame,
    within_item_units,
    within_modalities,
)

#: What is rearranged, by how the factor was assigned.
_METHODS = {
    "": "ratings permuted",
    "unknown": "the frame does not name its items",
    "observed": "not permuted",
    "within_item": "permuted within items",
    "participant": "whole participants permuted",
    "item": "whole items permuted",
}

_OBSERVED = (
    "nobody assigned the factor, so no arrangement of it is as likely as another: mixed_model "
    "compares within participants and items"
)
_DEAF = "the statistic is the same in all arrangements: it does not read the column"

#: Numbers that differ by less than this part of the largest are equal.
_EQUAL = 1e-12

Function = Callable[[pd.DataFrame], Any]


@result_frame(
    "number that the statistic gives, and row of the test",
    "factor quantity estimate null_mean null_sd p_value p_adjusted p_adjust_method mc_error",
    "n_resamples alternative n n_missing n_participants n_items method dependence",
)
@takes_study
def permutation_test(
    data: Data,
    statistic: Function,
    *,
    by: str = "modality",
    alternative: Literal["two-sided", "less", "greater"] = "two-sided",
    adjust: str = "holm",
    dependence: Dependence = ("independent", "design"),
    assigned: str | None = None,
    strata: str | None = None,
    n_resamples: int = 999,
    rng: Rng = 0,
) -> list[Row]:
    """Permutation test of a statistic of your own.

    Parameters
    ----------
    statistic : callable
        Takes an annotation frame and returns a number; or several, as a mapping or a Series from
        names to numbers. It is called once for each arrangement, with the levels of `by`
        rearranged and all else as it was. A column of numbers, such as ``age``, is rearranged as
        it is; an expression, such as ``years_of_training > 3``, stands in a column of that name.
    alternative : {"two-sided", "less", "greater"}
        Whether the statistic is said to be unusual, small or large.

    Raises
    ------
    DesignError
        When the statistic gives no numbers, or other ones from one arrangement to the next; for a
        factor of which nothing says how it was assigned, or a trait that changes within its
        participant or item.

    See Also
    --------
    kruskal : The same engine for groups of ratings, with a statistic that knows of reactions.
    chisquare_labels : The same for tables of labels.

    Notes
    -----
    The row "independent" rearranges the levels among all ratings. The row "design" rearranges
    them as they could have been assigned: within items (modality, overlay; overlay within
    modalities too, and people with one list of trials together), among whole participants (gender,
    training), or among whole items (genre). All arrangements are looked at where there are no
    more than `n_resamples`. A factor that was observed has no row of the design.

    p is the share of arrangements with a statistic at least as large (as small), the
    observed one among them: ``(1 + larger) / (1 + n_resamples)``. The two-sided p is twice the
    smaller of the two, up to 1. For a statistic that grows with any difference, such as a
    chi-square, ask for ``"greater"``. `null_mean` and `null_sd` are those of the statistic over
    the arrangements. An arrangement without a number counts as extreme. Rows without a level of
    `by`, and excluded annotations, are left out and counted in `n_missing`.

    p of the design is exact where no rating depends on the factor. Where people or items react to
    it, each in their own way and on average not at all, a plain difference within items is found
    too often: divide it by an error that knows of both, or ask `kruskal`.

    References
    ----------
    Hemerik, J., & Goeman, J. (2018). Exact testing with random permutations. TEST, 27, 811-825.
    https://doi.org/10.1007/s11749-017-0571-1

    Examples
    --------
    >>> from muvistats import permutation_test, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> def spread(frame):
    ...     return frame.groupby("gender", observed=True)["arousal"].std().diff().iloc[-1]
    >>> rows = permutation_test(study, spread, by="gender", n_resamples=99)
    >>> rows[["dependence", "method"]].values.tolist()
    [['independent', 'ratings permuted'], ['design', 'whole participants permuted']]
    """
    if not callable(statistic):
        raise DesignError(f"statistic must be a function of a frame, not {statistic!r}")
    asked = check_dependence(dependence)
    frame = offered(to_frame(data), by)
    expression = f"C({by})" if by in frame and is_number(frame[by]) else by
    known = factor(expression, frame)
    rows = frame if by in frame else frame.assign(**{by: known})
    found: list[Row] = []
    children = Resampling.of(n_resamples, rng).spawn(len(asked))
    for kind, child in zip(asked, children, strict=True):
        use, how = known.notna().to_numpy(), ""
        units: Units | None = Units(*_each_row(known[use]))
        reason = ""
        if kind == "design":
            use, how, units, reason = _by_design(frame, expression, use, assigned, strata)
        entered = rows[use].reset_index(drop=True)
        base: Row = {
            "factor": by,
            "alternative": alternative,
            "p_adjust_method": adjust,
            "n": len(entered),
            "n_missing": len(frame) - len(entered),
            **{f"n_{key}s": _n_levels(entered, key) for key in ("participant", "item")},
            "method": _method(frame, expression, how, strata),
            "dependence": kind,
        }
        called = _Called(statistic, entered, by, units)
        of_names = _tested(called, child, alternative)
        p_adjusted = adjust_p([row.get("p_value", np.nan) for row in of_names], adjust)
        for row, p in zip(of_names, p_adjusted, strict=True):
            said = join_reasons(reason, row.pop("warning"))
            found.append(base | row | {"p_adjusted": p, "warning": said})
    return found


def _n_levels(frame: pd.DataFrame, key: str) -> int:
    """How many participants or items there are; 0 where the frame does not say."""
    return int(frame[key].nunique()) if key in frame else 0


def _each_row(groups: pd.Series) -> tuple[Ints, Ints, Ints]:
    """Units of the published test: each row is its own, and all are of one stratum."""
    codes = arrangements.dense_codes(groups.cat.codes.to_numpy().astype(np.intp))
    return np.arange(len(codes), dtype=np.intp), codes, np.zeros(len(codes), dtype=np.intp)


def _by_design(
    frame: pd.DataFrame, by: str, use: Mask, assigned: str | None, strata: str | None
) -> tuple[Mask, str, Units | None, str]:
    """Rows that enter, how the factor was assigned, what moves together, or why nothing does."""
    if "item" not in frame:
        return use, "unknown", None, NO_DESIGN
    how = assignment(frame, by, assigned, strata)
    if how == "observed":
        return use, how, None, _OBSERVED
    if strata is not None:
        use = use & factor(strata, frame).notna().to_numpy()
    if how == "within_item":
        return use, how, within_item_units(frame, by, use), ""
    own = item_units if how == "item" else participant_units
    return use, how, own(frame, by, use, strata=strata), ""


def _method(frame: pd.DataFrame, by: str, how: str, strata: str | None) -> str:
    """What is rearranged, in words."""
    inside = how == "within_item" and within_modalities(frame, by)
    return (
        _METHODS[how]
        + (" and modalities" if inside else "")
        + (f", within {strata}" if strata and how else "")
    )


class _Called:
    """A statistic, called on the rows as they are and with the factor rearranged.

    Parameters
    ----------
    function : callable
        The statistic.
    rows : DataFrame
        Rows that enter.
    by : str
        Column that is rearranged.
    units : Units or None
        What moves together.
    """

    def __init__(
        self, function: Function, rows: pd.DataFrame, by: str, units: Units | None
    ) -> None:
        self.function, self.rows, self.by, self.units = function, rows, by, units
        self.observed = self._numbers(rows.copy(deep=False))
        self.draws: list[Floats] = []
        if units is not None:
            codes = units.codes[units.row]
            self._levels = rows[by].iloc[np.unique(codes, return_index=True)[1]].array

    def __call__(self, codes: Ints) -> Floats:
        """Statistics of arrangements, (arrangement, name), and their negatives beside them."""
        assert self.units is not None
        values = np.empty((len(codes), len(self.observed)))
        for number, arrangement in enumerate(codes):
            moved = self._levels.take(arrangement[self.units.row])
            values[number] = self._values(self.rows.assign(**{self.by: moved}))
        self.draws.append(values)
        return np.hstack([values, -values])

    def _values(self, rows: pd.DataFrame) -> list[float]:
        found = self._numbers(rows)
        if list(found) != list(self.observed):
            raise DesignError(
                f"the statistic gives {', '.join(found)} after a rearrangement, and "
                f"{', '.join(self.observed)} as the data is: it must give the same names"
            )
        return list(found.values())

    def _numbers(self, rows: pd.DataFrame) -> dict[str, float]:
        """What the function gives, by name."""
        value = self.function(rows)
        if isinstance(value, pd.Series):
            value = value.to_dict()
        if not isinstance(value, Mapping):
            name = getattr(self.function, "__name__", "statistic")
            value = {"statistic" if name == "<lambda>" else name: value}
        wrong = [each for each in value.values() if not isinstance(each, Real | np.bool_)]
        if wrong or not value:
            found = repr(wrong[0])[:60] if wrong else "nothing"
            raise DesignError(f"statistic must give a number, or numbers by name, not {found}")
        return {str(name): float(number) for name, number in value.items()}


def _tested(called: _Called, resampling: Resampling, alternative: str) -> list[Row]:
    """Columns of each number that the statistic gives."""
    names, units = list(called.observed), called.units
    rows: list[Row] = [
        {"quantity": name, "estimate": value, "n_resamples": 0, "warning": ""}
        for name, value in called.observed.items()
    ]
    if units is None:
        return rows
    options = resampling._asdict()
    test = arrangements.permutation_test(called, units.codes, units.strata, **options)
    draws = np.concatenate([np.empty((0, len(names))), *called.draws[1:]])  # the first is observed
    for place, row in enumerate(rows):
        larger, smaller = (permutation_columns(test, side + place) for side in (0, len(names)))
        both = sorted((larger, smaller), key=lambda side: side["p_value"])
        chosen = {"greater": larger, "less": smaller}.get(alternative, both[0])
        if alternative == "two-sided":
            chosen = chosen | {
                "p_value": np.minimum(1.0, 2 * chosen["p_value"]),
                "mc_error": 2 * chosen["mc_error"],
            }
        said = join_reasons(
            chosen["warning"], _said_of(draws[:, place], row["estimate"], called.by)
        )
        row |= chosen | _moments(draws[:, place]) | {"warning": said}
    return rows


def _moments(draws: Floats) -> Row:
    """Mean and standard deviation of the arrangements that have a number."""
    finite = draws[np.isfinite(draws)]
    return {
        "null_mean": finite.mean() if len(finite) else np.nan,
        "null_sd": finite.std(ddof=1) if len(finite) > 1 else np.nan,
    }


def _said_of(draws: Floats, observed: float, by: str) -> str:
    """What is to be said of a statistic that has no number, or is always the same."""
    finite = np.isfinite(draws)
    if np.isnan(observed):
        return "the statistic is not a number"
    without = int((~finite).sum())
    if without:
        return f"{without} arrangements have no number and count as extreme"
    deaf = len(draws) and np.abs(draws - observed).max() <= _EQUAL * abs(observed)
    return f"{_DEAF} {by!r}" if deaf else ""

"""What a test works on: rows of a study, groups of its values, how a factor came to them.

One file, since every test asks all three in this order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import check_choice, generator_of
from ...dataset.access import NO_PEOPLE, dimensions_of, frame_of, need_study, question_of
from ...dataset.build import natural_order
from ...dataset.importing.factors import almost_trait, assigned_of
from ...dataset.schema import ASSIGNED, KEYS
from ...errors import DataError, DesignError
from ...formula import code_of_column, columns_of, evaluate, factor
from ...formula.columns import ModelColumns
from ...kernels.permutation.arrangements import PermutationTest, dense_codes
from ...results.frame import join_reasons
from ...types import Data, Floats, Ints, Mask, Names, Rng


def require_factor(data: xr.DataTree, by: str) -> None:
    """Refuse a factor of columns that a study does not have, before a frame is made of it."""
    known = {str(name) for node in data.subtree for name in node.dataset.variables}
    if "labels" in data["annotations"].dataset:
        known |= {"n_labels", *data["annotations/label"].to_numpy().tolist()}
    known |= {"alignment", "simulated", question_of(data)}
    ModelColumns(pd.DataFrame(columns=sorted(known))).require([by])


def to_frame(data: Data, *, as_given: bool = False) -> pd.DataFrame:
    """The annotation frame of a study, or the frame that was given, its rows sorted.

    Resamples follow the rows, so that rows in another order would have other ones. With `as_given`
    rows keep their order, where an answer numbers them.
    """
    if isinstance(data, xr.DataTree):
        need_study(data)
        return frame_of(data)
    if isinstance(data, pd.DataFrame):
        return data if as_given else _in_order(data)
    raise DataError(
        "neither a study nor a frame",
        found=type(data).__name__,
        expected="a DataTree or an annotation frame",
    )


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by item, modality and participant; by all other columns too where these repeat."""
    bare = frame.copy(deep=False)
    bare.attrs = {}  # pandas copies them at every step
    keys = [name for name in KEYS if name in frame]
    placed = [places(bare[name]) for name in keys]
    order = np.lexsort(placed[::-1]) if keys else np.arange(len(frame))
    alike = [np.diff(place[order]) == 0 for place in placed]
    if np.logical_and.reduce(alike, axis=0).any():
        placed += [places(bare[name]) for name in frame if name not in keys]
        order = np.lexsort(placed[::-1]) if placed else order
    if np.array_equal(order, np.arange(len(frame))):
        return frame.copy(deep=False)
    return frame.iloc[order]


def places(column: pd.Series) -> Ints:
    """Place of each value of a key: the own order of modalities and sessions, or as people sort."""
    if isinstance(column.dtype, pd.CategoricalDtype) and column.name in ("modality", "session"):
        return column.cat.codes.to_numpy(dtype=np.intp)
    codes, values = pd.factorize(column.astype("str"))
    texts = [str(value) for value in values]
    order = pd.Index(natural_order(texts)).get_indexer(pd.Index(texts))
    return np.append(order, -1)[codes]


def choose_dimensions(data: Data, dimension: Names | None) -> list[str]:
    """The rated dimensions that were asked for, each once, or all of them."""
    if isinstance(data, xr.DataTree):
        known = dimensions_of(data)
        if not known:
            raise DataError(
                "the study has no rated dimension",
                file="/annotations",
                expected="ratings such as arousal",
            )
    elif isinstance(data, pd.DataFrame):
        known = list(data.attrs.get("dimensions", []))
    else:
        known = []
    if dimension is None:
        if not known:
            raise DataError("no rated dimension is known; name one by `dimension`")
        return known
    several = isinstance(dimension, Sequence) and not isinstance(dimension, str)
    names = list(dict.fromkeys(dimension if several else [dimension]))
    wrong = [name for name in names if known and name not in known]
    if wrong or not names:
        raise DataError(
            "no such rated dimension",
            found=wrong[0] if wrong else "none",
            expected=", ".join(known) or "names of rated dimensions",
        )
    return [str(name) for name in names]


def label_names(data: Data) -> list[str]:
    """Names of the labels, in stored order."""
    if isinstance(data, xr.DataTree):
        need_study(data)
        names = data["annotations"].to_dataset().coords.get("label")
        if names is None or "labels" not in data["annotations"].data_vars:
            raise DataError("the study has no labels", file="/annotations", column="labels")
        return [str(name) for name in names.to_numpy()]
    names = to_frame(data, as_given=True).attrs.get("labels", [])
    if not names:
        raise DataError(
            "the frame does not say which columns are labels",
            expected="labels=[...], its columns of 0 and 1, or labels=..., that of the answers",
        )
    need(data, *names)
    return [str(name) for name in names]


def choices_of(frame: pd.DataFrame) -> tuple[Ints, list[str]]:
    """Number of the label that each person chose, -1 where missing, and the labels.

    Raises
    ------
    DataError
        When people did not choose one label each.
    """
    question = str(frame.attrs.get("question", ""))
    if not question or question not in frame:
        raise DataError(
            "nobody was asked to choose one label; labels= names a column of answers, and "
            "from_votes reads counts",
            expected="a choose-one study",
        )
    column = frame[question].cat
    return column.codes.to_numpy().astype(np.intp), [str(name) for name in column.categories]


def need(frame: pd.DataFrame, *columns: str) -> None:
    """Refuse a frame without these columns, or with rows that do not say what or who they are."""
    for name in columns:
        if name in frame.columns:
            if name in ("item", "participant"):
                codes_of(frame[name])
            continue
        if name == "participant":
            raise DataError(f'{NO_PEOPLE}; of a frame, participant="..." names them', column=name)
        remedy = ' or item="..." names yours' if name == "item" else ""
        raise DataError(
            "column is missing from the frame; mv.from_frames makes a study of your table" + remedy,
            column=name,
        )


def in_one_modality(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame whose rows are all of one modality where it does not name any."""
    if "modality" in frame:
        return frame
    return frame.assign(modality=pd.Categorical(["all"] * len(frame), ["all"]))


# ------------------------------------------------------------------------- groups


def offered(frame: pd.DataFrame, expression: str) -> pd.DataFrame:
    """Rows for which the factor exists: overlay only in modalities in which it was recorded.

    Music has no picture to lay the axes over, so its annotations are outside of the question,
    not missing.
    """
    if not isinstance(expression, str):
        raise DesignError(f"a factor is written as text, not {expression!r}")
    if expression.strip() != "overlay" or not {"overlay", "modality"} <= set(frame.columns):
        return frame
    recorded = frame.loc[frame["overlay"].notna(), "modality"].unique()
    return frame[frame["modality"].isin(recorded)] if len(recorded) else frame


@dataclass(frozen=True)
class Groups:
    """Values of a response in the groups that have any.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Values without NaN.
    codes : ndarray of int, shape (n,)
        Position of the group of each value in `levels`.
    levels : list of str
        Groups that hold a value, in the factor's order.
    empty : list of str
        Groups that hold none.
    n_missing : int
        Rows left out because the response or the factor is missing.
    use : ndarray of bool, shape (row,)
        Rows of the frame that entered.
    untestable : str
        Why the groups are not compared, whatever their values are; empty where they are.
    """

    values: Floats
    codes: Ints
    levels: list[str]
    empty: list[str]
    n_missing: int
    use: Mask
    untestable: str = ""

    def of(self, code: int) -> Floats:
        """Values of one group."""
        members: Floats = self.values[self.codes == code]
        return members

    @property
    def problem(self) -> str:
        """Why groups cannot be compared; empty when they can."""
        if self.untestable:
            return self.untestable
        if not self.levels:
            return "no values"
        if len(self.levels) == 1:
            return f"only one group has values: {self.levels[0]}"
        if self.values.min() == self.values.max():
            return "all values are equal"
        return ""

    @property
    def note(self) -> str:
        """Empty groups in words."""
        return f"no values in {', '.join(self.empty)}" if self.empty else ""


def number_of(expression: str, frame: pd.DataFrame) -> pd.Series:
    """A response as floats: an expression, or the name of a column."""
    named = expression in frame.columns
    series = evaluate(code_of_column(expression) if named else expression, frame)
    if pd.api.types.is_bool_dtype(series.dtype) or not pd.api.types.is_numeric_dtype(series.dtype):
        raise DesignError(f"{expression!r} is not a number and cannot be ranked")
    return series.astype("float64")


def groups_of(frame: pd.DataFrame, response: str, by: str) -> Groups:
    """Split a response by a factor, both expressions of a formula."""
    values = number_of(response, frame).to_numpy()
    groups = factor(by, frame)
    codes = groups.cat.codes.to_numpy().astype(np.intp)
    names = [str(level) for level in groups.cat.categories]
    use = (codes >= 0) & np.isfinite(values)
    used = np.bincount(codes[use], minlength=len(names)) > 0
    position = np.cumsum(used) - 1
    return Groups(
        values[use],
        position[codes[use]] if len(names) else codes[use],
        [name for name, is_used in zip(names, used, strict=True) if is_used],
        [name for name, is_used in zip(names, used, strict=True) if not is_used],
        int((~use).sum()),
        use,
    )


# ------------------------------------------------------------------------- assignment


@dataclass(frozen=True)
class Units:
    """What is moved as a whole when a factor is permuted.

    Parameters
    ----------
    row : ndarray of int, shape (row,)
        Unit of each row that enters.
    codes : ndarray of int, shape (unit,)
        Group of each unit, without gaps.
    strata : ndarray of int, shape (unit,)
        Stratum of each unit, without gaps: units change groups only with units of the same stratum.
    """

    row: Ints
    codes: Ints
    strata: Ints


def assignment(
    frame: pd.DataFrame, by: str, assigned: str | None = None, strata: str | None = None
) -> str:
    """How the levels of a factor came about.

    Parameters
    ----------
    frame : DataFrame
        An annotation frame.
    by : str
        The factor, an expression.
    assigned : {"within_item", "participant", "item", "observed"}, optional
        Overrides what the study says.
    strata : str, optional
        Another trait within whose levels participants, or items, are permuted.

    Returns
    -------
    str
        One of within_item, participant, item, observed. What neither the study says nor the rows
        show is taken as observed, which a mixed model compares; `untold` says so.

    Raises
    ------
    DesignError
        When the columns of the expression differ in it, a trait stands otherwise for a few, or
        strata are asked for where neither participants nor items are permuted.
    """
    need(frame, "item")
    how = _recorded(frame, by) if assigned is None else check_choice("assigned", assigned, ASSIGNED)
    if strata is not None and how not in ("participant", "item"):
        raise DesignError(
            f"strata={strata!r}: strata are for factors of participants or items; {by!r} is {how}"
        )
    return how


def _ways(frame: pd.DataFrame, by: str) -> dict[str, str]:
    """How each column of a factor was assigned, by the study or by its rows; empty if unknown.

    What was to vary within items, such as modality, and does not, is a trait of items, or people.
    """
    known = frame.attrs.get("assigned", {})
    ways = {name: str(known.get(name, "")) for name in columns_of(by, frame)}
    open_to = [name for name, how in ways.items() if how in ("", "within_item")]
    if open_to and "item" in frame:
        keys = frame[[key for key in ("item", "participant") if key in frame]]
        ways |= assigned_of(frame[open_to], keys)
    return ways


def _recorded(frame: pd.DataFrame, by: str) -> str:
    """How a factor was assigned, as far as a study says it or its rows show it."""
    ways = _ways(frame, by)
    for name in (name for name, how in ways.items() if not how):
        problem = almost_trait(frame, name)
        if problem:
            raise DesignError(f"{problem}: mend the table, or say with assigned= what it is")
    found = {how or "observed" for how in ways.values()}
    if len(found) > 1:
        words = ", ".join(f"{name} {how or 'observed'}" for name, how in ways.items())
        raise DesignError(f"{by!r} mixes factors that were assigned in different ways ({words})")
    return found.pop()


def untold(frame: pd.DataFrame, by: str, assigned: str | None = None) -> str:
    """What is to be said of a factor of which nothing says how it was assigned; else empty."""
    unknown = [] if assigned else [name for name, how in _ways(frame, by).items() if not how]
    if not unknown:
        return ""
    return (
        f"nothing says how {unknown[0]!r} was assigned: taken as observed, unless assigned= says "
        "otherwise"
    )


def was_observed(frame: pd.DataFrame, by: str) -> bool:
    """Whether the study says that nobody assigned the factor, or a part of it."""
    known = frame.attrs.get("assigned", {})
    return any(known.get(name) == "observed" for name in columns_of(by, frame))


def codes_of(values: pd.Series) -> Ints:
    """Values as codes from 0, in order of appearance.

    Raises
    ------
    DataError
        When a value is missing: the row would belong to nobody, or to all of these together.
    """
    codes = np.asarray(pd.factorize(values)[0], dtype=np.intp)
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        raise DataError(
            f"{len(missing)} rows belong to no {values.name}; leave them out, as in "
            f"frame.dropna(subset=[{values.name!r}])",
            row=values.index[missing[0]],
            column=str(values.name),
        )
    return codes


def people_codes(frame: pd.DataFrame) -> Ints:
    """Person of each row; ratings that came without ids are each taken as another person's."""
    if "participant" in frame:
        return codes_of(frame["participant"])
    return np.arange(len(frame), dtype=np.intp)


def person_effects(frame: pd.DataFrame) -> Ints:
    """Person of each row whose effect can be removed; without ids there is none, and one code."""
    if "participant" in frame:
        return codes_of(frame["participant"])
    return np.zeros(len(frame), dtype=np.intp)


def within_modalities(frame: pd.DataFrame, by: str) -> bool:
    """Whether a factor that was assigned within items was assigned within modalities as well."""
    return "modality" in frame and columns_of(by, frame) != ("modality",)


def item_strata(frame: pd.DataFrame, by: str) -> Ints:
    """Item of each row, or item and modality where the factor is another one than modality."""
    strata = codes_of(frame["item"])
    if within_modalities(frame, by):
        strata = dense_codes(strata, codes_of(frame["modality"]))
    return strata


def within_item_units(frame: pd.DataFrame, by: str, use: Mask) -> Units:
    """Units of a factor that was assigned within items, such as modality or overlay.

    Parameters
    ----------
    frame : DataFrame
        Rows with item, participant and modality, those included that are missing elsewhere:
        they tell who had which list.
    by : str
        The factor.
    use : ndarray of bool, shape (row,)
        Rows that enter.

    Returns
    -------
    Units
        The rows of an item that belong to one list; strata are items, and for other factors
        than modality items x modality.

    Notes
    -----
    People with an identical list (the same items with the same levels of the factor) had no
    levels of their own: they move together. A list of a single trial tells nothing, so people
    with one trial move on their own. So do people who met an item at several levels: these
    are permuted within the person and the item.
    """
    need(frame, "item")
    levels = factor(by, frame).cat.codes.to_numpy().astype(np.intp)
    strata = item_strata(frame, by)
    lists = _lists(people_codes(frame), strata, levels)
    strata, lists, levels = strata[use], lists[use], levels[use]
    row = dense_codes(strata, lists, levels)
    first = np.unique(row, return_index=True)[1]
    cell = dense_codes(strata, lists)
    several = np.bincount(cell[first], minlength=int(cell.max(initial=-1)) + 1) > 1
    own = np.where(several[cell], cell + 1, 0) if len(cell) else cell
    return Units(row, dense_codes(levels[first]), dense_codes(strata, own)[first])


def _lists(participant: Ints, stratum: Ints, level: Ints) -> Ints:
    """Code of the list of each row's participant; equal for identical lists of levels dealt."""
    if not len(participant):
        return participant
    order = np.lexsort((level, stratum, participant))
    trials = np.stack([participant, stratum, level], axis=1)[order]
    counts = np.bincount(participant, minlength=int(participant.max(initial=-1)) + 1)
    alone = counts == 1
    differs = trials[1:] != trials[:-1]
    alone[trials[1:, 0][~differs[:, 0] & ~differs[:, 1] & differs[:, 2]]] = True
    known: dict[tuple[bytes, int], int] = {}
    parts = np.split(trials[:, 1:], np.cumsum(counts)[:-1])
    keys = [(part.tobytes(), i if alone[i] else -1) for i, part in enumerate(parts)]
    code = np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.intp)
    return code[participant]


def participant_units(
    frame: pd.DataFrame, by: str, use: Mask, *, strata: str | None = None
) -> Units:
    """Participants as units of a factor that belongs to them, such as gender.

    Parameters
    ----------
    frame : DataFrame
        Rows with participant.
    by : str
        The factor.
    use : ndarray of bool, shape (row,)
        Rows that enter.
    strata : str, optional
        Another factor of participants, within whose levels they are permuted.

    Returns
    -------
    Units
        One unit per participant.

    Raises
    ------
    DesignError
        When the factor, or the stratum, changes within a participant.
    """
    return _traits(frame, "participant", by, use, strata)[0]


def item_units(frame: pd.DataFrame, by: str, use: Mask, *, strata: str | None = None) -> Units:
    """Items as units of a factor that belongs to them, such as genre or the sex of the actor.

    Parameters
    ----------
    frame : DataFrame
        Rows with item.
    by : str
        The factor.
    use : ndarray of bool, shape (row,)
        Rows that enter.
    strata : str, optional
        Another factor of items. Where the two are crossed, items are permuted within its levels;
        where the factor is the same for all items of each level, as sex is for all clips of an
        actor, the levels themselves are the units.

    Returns
    -------
    Units
        One unit per item, or per level of the stratum.

    Raises
    ------
    DesignError
        When the factor, or the stratum, changes within an item.
    """
    units, inside = _traits(frame, "item", by, use, strata)
    if strata is None:
        return units
    _, first = np.unique(inside, return_index=True)
    groups = units.codes[first]
    if (groups[inside] != units.codes).any():
        return units
    return Units(inside[units.row], groups, np.zeros(len(first), dtype=np.intp))


def _traits(
    frame: pd.DataFrame, key: str, by: str, use: Mask, strata: str | None
) -> tuple[Units, Ints]:
    """Participants, or items, as units of their trait; and the stratum of each."""
    need(frame, key)
    rows = frame[use]
    unit = codes_of(rows[key])
    first = np.unique(unit, return_index=True)[1]
    columns = [
        factor(name, rows).cat.codes.to_numpy().astype(np.intp)
        for name in (by, *([strata] if strata else []))
    ]
    for name, codes in zip((by, strata), columns, strict=False):
        wrong = np.flatnonzero(codes != codes[first][unit])
        if len(wrong):
            which = rows[key].iloc[wrong[0]]
            raise DesignError(f"{name!r} changes within {key} {which}: it is not a trait")
    groups, *inside = (dense_codes(codes[first]) for codes in columns)
    stratum = inside[0] if inside else np.zeros(len(first), dtype=np.intp)
    return Units(unit, groups, stratum), stratum


#: Why a frame has no row of the design.
NO_DESIGN = 'no design row: item="..." and participant="..." name the columns of the frame'

#: Fewest participants, and items, from which something is said of others like them.
FEWEST = 6


def too_few(count: int, kind: str) -> str:
    """Why nothing is tested with so few participants or items; empty where there are enough."""
    if count >= FEWEST:
        return ""
    found = f"only one {kind.removesuffix('s')}" if count == 1 else f"only {count} {kind}"
    return f"{found}: with fewer than {FEWEST} nothing can be said of {kind} in general"


#: Fewest participants in whose traits the level of tests was measured.
MEASURED = 10


def few_with_traits(count: int) -> str:
    """What is to be said of a test of a trait of few participants; empty with enough of them."""
    few = f"{count} participants: outside of the calibrated range, which begins at {MEASURED}"
    return few if count < MEASURED else ""


def shared_items(item: Ints, codes: Ints) -> tuple[Ints, str]:
    """Item of each row, whose effects are taken out before a trait of participants is tested.

    Parameters
    ----------
    item : ndarray of int, shape (row,)
        Item, coded from 0 without gaps.
    codes : ndarray of int, shape (row,)
        Group.

    Returns
    -------
    item : ndarray of int, shape (row,)
        0 for all where the groups met no item in common: what their items are like then cannot be
        told from the groups, and stays.
    note : str
        Says so.
    """
    if int(dense_codes(item, codes).max(initial=-1)) > int(item.max(initial=-1)):
        return item, ""
    return np.zeros_like(item), "no item was met by two groups: effects of items were kept"


def permutation_columns(test: PermutationTest, which: int = 0) -> dict[str, Any]:
    """Columns of a result row that a permutation test fills."""
    return {
        "p_value": test.p_value[which],
        "mc_error": test.mc_error[which],
        "n_resamples": test.n_resamples,
        "warning": join_reasons(
            test.note,
            f"exact: all {test.n_resamples} arrangements" if test.exact else "",
            "no p: n_resamples is 0" if not test.n_resamples and not test.note else "",
        ),
    }


class Resampling(NamedTuple):
    """How many samples or arrangements are drawn, and how."""

    n_resamples: int
    rng: np.random.Generator
    n_jobs: int = 1

    @classmethod
    def of(cls, n_resamples: int, rng: Rng, n_jobs: int = 1) -> Resampling:
        """From arguments of a public function."""
        return cls(n_resamples, generator_of(rng), n_jobs)

    def spawn(self, count: int) -> list[Resampling]:
        """So many of the same, with generators of their own."""
        return [self._replace(rng=child) for child in self.rng.spawn(count)]

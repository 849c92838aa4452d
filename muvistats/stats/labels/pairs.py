"""Which labels go together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ...arguments import Dependence, check_choice, check_dependence
from ...dataset.own_labels import takes_labels
from ...errors import DesignError
from ...kernels.permutation.arrangements import dense_codes
from ...kernels.sampling import correlation
from ...kernels.sampling.multiway import Variance, infer, influence_variance, two_way
from ...results.frame import result_frame
from ...types import Data, Floats, Ints, Mask
from ..shared.adjust import adjust_p
from ..shared.study import label_names, need, people_codes, to_frame

_SCOPES = ("total", "within_item", "between_item")

#: Influences in one batch of pairs.
_BATCH = 4_000_000


@result_frame(
    "dependence, scope and pair of labels",
    "scope label1 label2 estimate estimator conf_low conf_high conf_level df p_value p_adjusted",
    "p_adjust_method n n_participants n_items n_missing method dependence",
)
@takes_labels
def label_correlations(
    data: Data,
    *,
    scope: str | Sequence[str] = _SCOPES,
    adjust: str = "holm",
    dependence: Dependence = ("independent", "design"),
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Correlations between labels: in all, within items and between items (Fig. 3).

    Parameters
    ----------
    data : DataTree or DataFrame
        A study with labels, or its annotation frame.
    scope : str or sequence of str
        Any of "total", "within_item" and "between_item".

    Raises
    ------
    DataError
        When there are no labels.
    DesignError
        For another `dependence`, or an unknown scope or adjustment.

    See Also
    --------
    plot_label_correlations : The result as a figure.
    label_frequencies : How often each label was chosen.

    Notes
    -----
    Pearson's r between the 0/1 columns of two labels (the phi coefficient), over annotations:
    "total", the paper's figure, mixes two reasons for labels to go together. "within_item" takes
    the deviations of each annotation from the mean of its item: whether the same person picks
    both. "between_item" takes the means of the items: whether both fit the same items, by the
    same people or not; it contains some of the former, as a mean has few raters.

    p by ``t = r sqrt(df / (1 - r^2))`` with n - 2 degrees of freedom, within items
    n - n_items - 1, between items n_items - 2; limits ``tanh(atanh(r) -+ z / sqrt(df - 1))``.
    `n` is the number of annotations, or of items between items.

    That is the row "independent". In the row "design" the variance of ``atanh(r)`` comes from the
    influence of each annotation, ``(u v - r (u^2 + v^2) / 2) / n / (1 - r^2)`` with standard
    scores u and v, summed over participants, plus the same over items, less that over single
    cells, but no less than either of the first two; p and limits are by Student's t with the
    smaller number of participants or items, less 1, as degrees of freedom. Between items the
    items are the units, with two degrees of freedom less, and the variance is no less than
    1 / (n_items - 3). No resampling is needed; a bootstrap
    that draws participants and items at once has up to three times too large a variance.

    A label that everybody or nobody chose has no correlation. An annotation that lacks either label
    of a pair is left out of that pair and counted in its `n_missing`.

    References
    ----------
    Bakdash, J. Z., & Marusich, L. R. (2017). Repeated measures correlation. Frontiers in
    Psychology, 8, 456. https://doi.org/10.3389/fpsyg.2017.00456

    Cameron, A. C., Gelbach, J. B., & Miller, D. L. (2011). Robust inference with multiway
    clustering. Journal of Business & Economic Statistics, 29(2), 238-249.
    https://doi.org/10.1198/jbes.2010.07136

    Examples
    --------
    >>> from muvistats import label_correlations, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> len(label_correlations(study, scope="total", dependence="design"))
    351
    """
    asked = check_dependence(dependence)
    scopes = (scope,) if isinstance(scope, str) else tuple(scope)
    if not scopes:
        raise DesignError(f"scope must name any of {', '.join(_SCOPES)}")
    for name in scopes:
        check_choice("scope", name, _SCOPES)
    frame = to_frame(data)
    labels = label_names(data)
    need(frame, "item")
    chosen = frame[labels].to_numpy(dtype=float)
    units = _Units(pd.factorize(frame["item"])[0].astype(np.intp), people_codes(frame))
    known = "participant" in frame
    first, second = np.triu_indices(len(labels), 1)
    names = np.array(labels, dtype=object)
    parts = []
    for rows, pairs in _alike(~np.isnan(chosen), first, second):
        members, place = np.unique([first[pairs], second[pairs]], return_inverse=True)
        some = _correlations(
            chosen[rows][:, members],
            units.of(rows),
            place.reshape(2, -1),
            asked,
            scopes,
            conf_level,
        )
        parts += [
            part.assign(
                pair=pairs,
                label1=names[first[pairs]],
                label2=names[second[pairs]],
                n_missing=int((~rows).sum()),
                **({} if known else {"n_participants": 0}),
            )
            for part in some
        ]
    table = pd.concat(parts, ignore_index=True)
    table["p_adjusted"] = np.nan
    for _, row in table.groupby(["dependence", "scope"], sort=False):
        table.loc[row.index, "p_adjusted"] = adjust_p(row["p_value"].to_numpy(), adjust)
    order = {name: place for place, name in enumerate((*asked, *scopes))}
    keys = [table["pair"], table["scope"].map(order), table["dependence"].map(order)]
    return (
        table.iloc[np.lexsort(keys)]
        .drop(columns="pair")
        .assign(estimator="Pearson r", conf_level=conf_level, p_adjust_method=adjust)
    )


class _Units(NamedTuple):
    """Item and participant of each row; None where participants are not known."""

    items: Ints
    people: Ints | None

    def of(self, rows: Mask) -> _Units:
        """Those of some rows, numbered without gaps."""
        items = pd.factorize(self.items[rows])[0].astype(np.intp)
        if self.people is None:
            return _Units(items, None)
        return _Units(items, pd.factorize(self.people[rows])[0].astype(np.intp))


def _alike(known: Mask, first: Ints, second: Ints) -> list[tuple[Mask, Ints]]:
    """Rows in which both labels of a pair are known, and all pairs that have these rows."""
    patterns, of_label = np.unique(known.T, axis=0, return_inverse=True)
    of_label = of_label.ravel()
    groups: dict[bytes, tuple[Mask, list[int]]] = {}
    for pair, (a, b) in enumerate(zip(of_label[first], of_label[second], strict=True)):
        rows = patterns[a] & patterns[b]
        groups.setdefault(rows.tobytes(), (rows, []))[1].append(pair)
    if not groups:  # a single label has no pair
        groups[b""] = (np.asarray(known.all(axis=1)), [])
    return [(rows, np.array(pairs, dtype=np.intp)) for rows, pairs in groups.values()]


def _correlations(
    chosen: Floats,
    units: _Units,
    pairs: Ints,
    asked: tuple[str, ...],
    scopes: tuple[str, ...],
    conf_level: float,
) -> list[pd.DataFrame]:
    """Correlations of pairs of columns, for each kind of row and scope."""
    n, n_items = len(chosen), int(units.items.max(initial=-1)) + 1
    within, between = correlation.centre_within(chosen, units.items, n_items)
    views = {
        "total": (chosen, n - 2),
        "within_item": (within, n - n_items - 1),
        "between_item": (between, n_items - 2),
    }
    people = np.zeros(n, dtype=np.intp) if units.people is None else units.people
    n_people = 0 if units.people is None else int(people.max(initial=-1)) + 1
    parts = []
    for row in asked:
        for name in scopes:
            values, df = views[name]
            one = _pairs(name, pairs, values, df, conf_level)
            if row == "design":
                clusters = None if name == "between_item" else (people, units.items)
                one = _clustered(one, pairs, values, clusters, conf_level)
            parts.append(one.assign(dependence=row, n_participants=n_people, n_items=n_items))
    return parts


def _clustered(
    found: pd.DataFrame,
    pairs: Ints,
    values: Floats,
    units: tuple[Ints, Ints] | None,
    conf_level: float,
) -> pd.DataFrame:
    """Pairs with the errors that participants and items make, or items where these are rows."""
    r = found["estimate"].to_numpy(dtype=float)
    variance = _influence(values, r, pairs, units)
    n_units = [len(values)] if units is None else [len(np.unique(codes)) for codes in units]
    df = min(n_units) - (2 if units is None else 1)
    with np.errstate(divide="ignore"):
        z = np.arctanh(np.where(np.abs(r) < 1 - 1e-12, r, np.nan))
    test = infer(z, variance, df, conf_level)
    few = "fewer than two participants or items" if units is not None else "too few items"
    unknown = "too few values, or r is 1 or -1" if df > 0 else few
    reason = np.where(np.isnan(r), found["warning"], np.where(np.isnan(test.t), unknown, ""))
    names = "items" if units is None else "participants and items"
    return found.assign(
        conf_low=np.tanh(test.low),
        conf_high=np.tanh(test.high),
        df=float(max(df, 0)),
        p_value=test.p_value,
        method=f"Student's t of Fisher's z, errors by {names}",
        warning=reason,
    )


def _influence(values: Floats, r: Floats, pairs: Ints, units: tuple[Ints, Ints] | None) -> Variance:
    """Variance of Fisher's z of each pair, over units."""
    first, second = pairs
    out = np.full(len(r), np.nan)
    if len(values) < 2:
        return Variance(out, np.zeros_like(out))
    spread = values.std(axis=0)
    scores = (values - values.mean(axis=0)) / np.where(spread > 0, spread, np.nan)
    rows = np.arange(len(values))
    by = (rows,) if units is None else (*units, dense_codes(*units))
    step = max(1, _BATCH // len(values))
    for start in range(0, len(r), step):
        some = slice(start, start + step)
        u, v = scores[:, first[some]], scores[:, second[some]]
        with np.errstate(divide="ignore", invalid="ignore"):
            part = (u * v - r[some] * (u**2 + v**2) / 2) / len(values) / (1 - r[some] ** 2)
        found = [influence_variance(part, codes) for codes in by]
        if units is None:  # no smaller than of independent normal values
            out[some] = np.maximum(found[0].value, 1 / max(len(values) - 3, 1))
            continue
        people, items, cells = found
        size = min(len(np.unique(codes)) for codes in units)
        out[some] = np.maximum(two_way(people, items, cells, size).value, items.value)
    return Variance(out, np.zeros_like(out))


def _pairs(scope: str, pairs: Ints, values: Floats, df: int, conf_level: float) -> pd.DataFrame:
    """Correlations of pairs of columns as if the rows were independent."""
    r = correlation.pearson_matrix(values)[*pairs]
    low, high = correlation.fisher_interval(r, df, conf_level)
    p_values = correlation.correlation_p(r, df)
    reason = np.where(
        np.isnan(r),
        "a label does not vary" if len(values) > 1 else "fewer than two values",
        np.where(np.isnan(p_values) | np.isnan(low), "too few values, or r is 1 or -1", ""),
    )
    return pd.DataFrame(
        {
            "scope": scope,
            "estimate": r,
            "conf_low": low,
            "conf_high": high,
            "df": float(max(df, 0)),
            "p_value": p_values,
            "n": len(values),
            "method": "Student's t, limits by Fisher's z",
            "warning": reason,
        }
    )

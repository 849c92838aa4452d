"""How often labels were chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from ...dataset.own_labels import takes_labels
from ...errors import DataError
from ...results.frame import join_reasons, result_frame
from ...types import Data, Floats, Row
from ..shared.study import choose_dimensions, in_one_modality, label_names, need, to_frame


@result_frame(
    "modality and label, category, superfactor or quantity",
    "modality label category superfactor quantity count share label_share mean median sd conf_low",
    "conf_high conf_level n n_missing method",
)
@takes_labels
def label_frequencies(
    data: Data,
    *,
    level: Literal["summary", "superfactor", "category", "label"] = "label",
    require_dynamic: bool = False,
    conf_level: float = 0.95,
) -> list[Row]:
    """How often labels were chosen, by modality and in all (Table 3, section 4.1.2).

    Parameters
    ----------
    data : DataTree or DataFrame
        A study with labels, or its annotation frame (then `level` is "label" or "summary").
    level : {"label", "category", "superfactor", "summary"}
        What is counted: annotations with the label, with any label of the category or of the
        superfactor; or, per modality, the labels per annotation and the distinct labels per item.
    require_dynamic : bool
        Whether only annotations enter whose rated dimensions are kept too, as in the paper's
        Table 3.

    Raises
    ------
    DataError
        When there are no labels, no categories for them, or, with `require_dynamic`, no rated
        dimensions.
    DesignError
        For an unknown level.

    See Also
    --------
    chisquare_labels : Whether groups choose a different mix of labels.
    plot_label_frequencies : The result as a figure.

    Notes
    -----
    Per label, category or superfactor: `count` is the number of annotations that chose any of
    its labels, ``share = count / n`` with n annotations, and `label_share` the share of its
    labels among all labels chosen (a category may be chosen more than once in one annotation).
    The limits are Wilson's, of `share`. A missing label counts as missing for itself only: it
    leaves the count of a category open where none of the others was chosen, and no other count.

    "summary" has two rows per modality: the labels per annotation (n annotations, `count` all
    labels chosen) where all of them are known, and the distinct labels that the raters of an item
    chose together (n items in that modality; "all" takes the items of each modality, as the paper
    does). The limits are those of the mean by Student's t.

    `n_missing` counts what is left out: annotations without labels, those for which this count is
    open, and with `require_dynamic` those without kept dimensions. The limits take annotations
    (or items) as independent.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.
    Journal of the American Statistical Association, 22(158), 209-212.
    https://doi.org/10.1080/01621459.1927.10502953

    Examples
    --------
    >>> from muvistats import label_frequencies, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> label_frequencies(study, level="superfactor").query("modality == 'all'")[
    ...     "superfactor"
    ... ].tolist()
    ['sublimity', 'vitality', 'unease']
    """
    frame = in_one_modality(to_frame(data))
    labels = label_names(data)
    need(frame, *(["item"] if level == "summary" else []))
    groups = _groups(data, labels, level)
    chosen = frame[labels].to_numpy(dtype=float)
    use = np.full(len(frame), fill_value=True)
    if require_dynamic:
        use &= _kept(data, frame)
    rows: list[Row] = []
    for modality, part in _by_modality(frame):
        kept = part & use
        base: Row = {"modality": modality, "conf_level": conf_level}
        found = (
            _summary_rows(base, frame[kept], chosen[kept])
            if level == "summary"
            else _share_rows(base, groups, chosen[kept])
        )
        masked = int((part & ~use).sum())
        rows += (row | {"n_missing": row["n_missing"] + masked} for row in found)
    return rows


def _kept(data: Data, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    choose_dimensions(data, None)  # a study without ratings has kept none
    need(frame, "keep_dynamic")
    return frame["keep_dynamic"].to_numpy(dtype=bool)


def _by_modality(frame: pd.DataFrame) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """Rows of each modality, in their order, then all rows, if these are not it."""
    column = frame["modality"]
    known = column.cat.categories if hasattr(column, "cat") else sorted(column.dropna().unique())
    for modality in known:
        yield str(modality), (column == modality).to_numpy()
    if list(known) != ["all"]:
        yield "all", np.full(len(frame), fill_value=True)


Group = tuple[dict[str, str], list[int]]


def _groups(data: Data, labels: Sequence[str], level: str) -> list[Group]:
    """Key columns and label positions of each row of the table."""
    if level == "summary":
        return []
    coords: Mapping[Any, xr.DataArray] = (
        data["annotations"].coords if isinstance(data, xr.DataTree) else {}
    )
    names: dict[str, list[str]] = {"label": list(labels)}
    for kind in ("category", "superfactor"):
        stored = coords.get(f"label_{kind}")
        names[kind] = [""] * len(labels) if stored is None else stored.to_numpy().tolist()
    if not any(names[level]):
        raise DataError(
            f"the labels have no {level}",
            column=f"label_{level}",
            expected=f"a study whose labels have a coordinate label_{level}",
        )
    out: list[Group] = []
    for name in dict.fromkeys(names[level]):
        members = [i for i, other in enumerate(names[level]) if other == name]
        key = {
            kind: names[kind][members[0]] if len({names[kind][i] for i in members}) == 1 else "all"
            for kind in ("label", "category", "superfactor")
        }
        if level != "label":
            key["label"] = "all"
        if level == "superfactor":
            key["category"] = "all"
        out.append((key, members))
    return out


def _share_rows(base: Row, groups: list[Group], chosen: Floats) -> Iterator[Row]:
    total = np.nansum(chosen)
    for key, members in groups:
        some = (chosen[:, members] > 0).any(axis=1)
        known = some | ~np.isnan(chosen[:, members]).any(axis=1)
        count, n = int(some.sum()), int(known.sum())
        low, high = np.nan, np.nan
        if n:
            low, high = proportion_confint(count, n, 1 - base["conf_level"], method="wilson")
        reasons = ("no annotations" if n == 0 else "", "no label was chosen" if total == 0 else "")
        yield (
            base
            | key
            | {
                "quantity": "annotations that chose it",
                "count": count,
                "share": count / n if n else np.nan,
                "label_share": np.nansum(chosen[:, members]) / total if total else np.nan,
                "conf_low": low,
                "conf_high": high,
                "n": n,
                "n_missing": len(chosen) - n,
                "method": "Wilson",
                "warning": join_reasons(*reasons),
            }
        )


def _summary_rows(base: Row, frame: pd.DataFrame, chosen: Floats) -> Iterator[Row]:
    some, all_known = ~np.isnan(chosen).all(axis=1), ~np.isnan(chosen).any(axis=1)
    cells = frame.groupby(["item", "modality"], observed=True, sort=False).ngroup().to_numpy()
    distinct = np.zeros((cells.max() + 1 if len(cells) else 0, chosen.shape[1]), dtype=bool)
    np.logical_or.at(distinct, cells, chosen > 0)
    rated = np.bincount(cells, weights=some, minlength=len(distinct)) > 0
    for quantity, values, n_missing in (
        ("labels per annotation", chosen[all_known].sum(axis=1), int((~all_known).sum())),
        ("distinct labels per item", distinct[rated].sum(axis=1), int((~some).sum())),
    ):
        n = len(values)
        row: Row = {
            "label": "all",
            "category": "all",
            "superfactor": "all",
            "quantity": quantity,
            "count": int(values.sum()),
            "n": n,
            "n_missing": n_missing,
            "method": "Student's t",
            "warning": "" if n > 1 else "fewer than two values",
        }
        if n:
            row |= {"mean": values.mean(), "median": np.median(values)}
        if n > 1:
            sd = values.std(ddof=1)
            half = stats.t.ppf((1 + base["conf_level"]) / 2, n - 1) * sd / np.sqrt(n)
            row |= {"sd": sd, "conf_low": row["mean"] - half, "conf_high": row["mean"] + half}
        yield base | row

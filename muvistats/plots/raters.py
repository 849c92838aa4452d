"""Figure of who agrees with whom."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..arguments import check_choice
from ..dataset.access import need_people, need_study
from ..dataset.build import natural_order
from ..dataset.gate import takes_study
from ..errors import DataError
from ..kernels.raters.agreement import ccc
from ..progress import watched
from ..stats.agreement.concordance import dynamic_dimensions
from ..types import Floats, Ints
from .layout import colour_bar, header
from .matrix import heat_map, matrix_panel
from .paper import Width
from .style import DIVERGING, styled, words


@styled
@takes_study
def plot_rater_concordance(
    data: xr.DataTree,
    *,
    dimension: str | None = None,
    modality: str | None = None,
    width: Width | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the concordance of each rater with each other one as a heat map.

    Parameters
    ----------
    data : DataTree
        The study, with a dynamic dimension and ids of participants.
    dimension : str, optional
        Rated dimension; the first dynamic one where not given.
    modality : str, optional
        Modality; all of them where not given.

    Returns
    -------
    Figure
        A row and a column for each rater, in the order of the mean concordance with the others,
        highest first: the mean of Lin's concordance over what both have rated in the same
        modality. Grey on the diagonal, since nobody is compared with themselves, and where two
        raters have nothing in common.

    Raises
    ------
    DataError
        When the study has no dynamic dimension, no ids of participants, no such modality, or
        nothing that two raters have rated.

    Notes
    -----
    Excluded annotations are left out, and so are pairs in which nobody moved. A rater who agrees
    with nobody stands at the end; raters who agree among themselves and not with others show as a
    block.

    See Also
    --------
    interrater_ccc : concordance of each rater with the weighted estimator of the others.
    rater_quality : which raters are suspicious, and why.

    Examples
    --------
    >>> from muvistats import plot_rater_concordance, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> figure = plot_rater_concordance(study, dimension="arousal", modality="music")
    >>> figure.axes[0].images[0].get_array().shape
    (12, 12)
    """
    need_study(data)
    need_people(data)
    name = dynamic_dimensions(data, dimension)[0]
    annotations = data["annotations"].to_dataset()
    keep = annotations["keep_dynamic"].to_numpy().astype(bool)
    levels = annotations["modality"].to_numpy()
    if modality is not None:
        check_choice("modality", modality, sorted(set(levels.tolist())))
        keep = keep & (levels == modality)
    chosen = annotations.isel(annotation=keep)
    people = natural_order(sorted(set(chosen["participant"].to_numpy().tolist())))
    matrix, n_cells = _means(chosen, name, people)
    if np.isnan(matrix).all():
        raise DataError("no two raters have rated the same", column=name)
    with_others = np.array([np.nanmean(row) if np.isfinite(row).any() else -2.0 for row in matrix])
    order = np.argsort(-with_others, kind="stable")
    fig, ax = matrix_panel(len(people))
    limit = max(0.1, float(np.nanmax(np.abs(matrix))))
    image = heat_map(
        ax,
        matrix[np.ix_(order, order)],
        [people[place] for place in order],
        drawn=np.ones(matrix.shape, dtype=bool),
        cmap=DIVERGING,
        limits=(-limit, limit),
        least=2.0,
    )
    colour_bar(fig, image, [ax], "mean concordance (CCC)", shrink=0.6, pad=0.01)
    where = f", {words(modality).lower()}" if modality else ""
    note = f"mean over {n_cells} items and modalities that two or more rated; highest mean first"
    header(fig, data, f"Concordance of raters: {words(name).lower()}{where}", note)
    return fig


def _means(chosen: xr.Dataset, name: str, people: list[str]) -> tuple[Floats, int]:
    """Mean concordance of each pair, and the cells that it is taken over."""
    number = {person: place for place, person in enumerate(people)}
    values = chosen[name].to_numpy()
    who: Ints = np.array([number[person] for person in chosen["participant"].to_numpy()])
    cells: dict[tuple[Any, ...], list[int]] = {}
    keys = [k for k in ("item", "modality", "session") if k in chosen]
    for row, cell in enumerate(zip(*(chosen[key].to_numpy() for key in keys), strict=True)):
        cells.setdefault(cell, []).append(row)
    total, count = np.zeros((len(people),) * 2), np.zeros((len(people),) * 2)
    used = 0
    for rows in watched(cells.values(), "Items", len(cells)):
        first, second = np.triu_indices(len(rows), k=1)
        if len(first) == 0:
            continue
        used += 1
        at = np.array(rows)
        found = ccc(values[at[first]], values[at[second]])
        good = np.isfinite(found)
        pair = who[at[first]][good], who[at[second]][good]
        for one, other in (pair, pair[::-1]):
            np.add.at(total, (one, other), found[good])
            np.add.at(count, (one, other), 1)
    np.fill_diagonal(count, 0)
    with np.errstate(invalid="ignore"):
        means: Floats = np.where(count > 0, total / count, np.nan)
    return means, used

"""Rank tests of blocked cells: Friedman, Wilcoxon and Cochran, computed by pingouin."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...dataset.gate import takes_study
from ...errors import DesignError
from ...formula import evaluate, split_formula
from ...kernels.ranks.signed_rank import signed_rank_biserial
from ...results.frame import result_frame
from ...types import Data, Floats, Row
from ..shared.blocks import Table, table_of
from ..shared.engine import of_pingouin
from ..shared.study import number_of, to_frame

_COUNTS = "n n_clusters n_missing method dependence"
_SEVERAL = "dimension factor statistic statistic_name df p_value"
_EFFECT = "effect_size effect_size_name"
_PAIR = (
    "dimension factor group1 group2 statistic statistic_name p_value alternative",
    "effect_size effect_size_name median1 median2",
)


@result_frame("test", _SEVERAL, _EFFECT, _COUNTS)
@takes_study
def friedman(data: Data, formula: str, *, block: str = "item") -> list[Row]:
    """Friedman's test of a response between levels of a factor that every block has.

    Parameters
    ----------
    formula : str
        Response and factor, as in ``"arousal ~ modality"``.

    Raises
    ------
    DesignError
        For a formula that cannot be evaluated, or another block.
    DataError
        When `block` is participants, and the study has no ids of them.
    MissingExtraError
        When pingouin is not installed.

    See Also
    --------
    kruskal : Single ratings, with a row that respects the design.
    wilcoxon : Two levels.

    Notes
    -----
    A block is an item, or a participant. Each block has one value at each level of the factor: the
    mean of its annotations there. Blocks that lack a level are left out, and their annotations
    counted in `n_missing`. Levels are ranked within each block, ties sharing their mean rank, and
    ``Q = 12 n / (k (k + 1)) sum_j (mean rank_j - (k + 1) / 2)^2``, corrected for ties, is
    chi-square with k - 1 degrees of freedom; n blocks (`n_clusters`) are taken as independent, and
    k levels. The effect size is Kendall's W, ``Q / (n (k - 1))``. Computed by pingouin.

    References
    ----------
    Friedman, M. (1937). The use of ranks to avoid the assumption of normality implicit in the
    analysis of variance. Journal of the American Statistical Association, 32(200), 675-701.
    https://doi.org/10.1080/01621459.1937.10503522

    Examples
    --------
    >>> from muvistats import friedman, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> friedman(study, "arousal ~ modality")[["df", "n_clusters"]].values.tolist()
    [[2.0, 9.0]]
    """
    engine = of_pingouin("friedman")
    table, row = _asked(data, formula, block)
    row |= {
        "statistic_name": "Q",
        "effect_size_name": "Kendall's W",
        "method": f"Friedman, means of each {block}",
    }
    if row["warning"]:
        return [row]
    found = engine(_long(table.values), dv="value", within="level", subject="block").iloc[0]
    numbers = {"statistic": found["Q"], "df": found["ddof1"], "p_value": found["p_unc"]}
    return [row | numbers | {"effect_size": found["W"]}]


@result_frame("test", _SEVERAL, _COUNTS)
@takes_study
def cochran(data: Data, formula: str, *, block: str = "item") -> list[Row]:
    """Cochran's Q test of a yes-no response between levels of a factor that every block has.

    Parameters
    ----------
    formula : str
        Response of 0 and 1, such as a label, and factor, as in ``"calm ~ modality"``.

    Raises
    ------
    DesignError
        For a response that is not 0 or 1, a formula that cannot be evaluated, or another block.
    DataError
        When `block` is participants, and the study has no ids of them.
    MissingExtraError
        When pingouin is not installed.

    See Also
    --------
    chisquare_labels : Single choices, with a row that respects the design.
    friedman : Ratings.

    Notes
    -----
    A block is an item, or a participant. Each block has one answer at each level of the factor: 1
    where more than half of its annotations there are 1, else 0. Blocks that lack a level are left
    out, and counted in `n_missing`. ``Q = (k - 1) (k sum_j C_j^2 - N^2) / (k N - sum_i R_i^2)``,
    with the sums C of k levels, R of the blocks and N of all, is chi-square with k - 1 degrees of
    freedom. NaN where no block has both answers. Blocks are taken as independent. Computed by
    pingouin.

    References
    ----------
    Cochran, W. G. (1950). The comparison of percentages in matched samples. Biometrika, 37(3/4),
    256-266. https://doi.org/10.1093/biomet/37.3-4.256

    Examples
    --------
    >>> from muvistats import cochran, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> cochran(study, "energetic ~ modality")[["df", "n_clusters"]].values.tolist()
    [[2.0, 9.0]]
    """
    engine = of_pingouin("cochran")
    frame = to_frame(data)
    response, _ = split_formula(formula)
    values = evaluate(response, frame)
    if response in frame and pd.api.types.is_bool_dtype(values.dtype):
        frame = frame.assign(**{response: values.astype("Float64")})
    given = number_of(response, frame).dropna()
    if not given.isin((0, 1)).all():
        wrong = given[~given.isin((0, 1))].iloc[0]
        raise DesignError(f"{response!r} holds {wrong}; Cochran's test needs a response of 0 and 1")
    table, row = _asked(frame, formula, block)
    row |= {"statistic_name": "Q", "method": f"Cochran, majority of each {block}"}
    chosen = (table.values > 0.5).astype(float)
    if not row["warning"] and (chosen.min(axis=1) == chosen.max(axis=1)).all():
        row["warning"] = "no block has both answers"
    if row["warning"]:
        return [row]
    found = engine(_long(chosen), dv="value", within="level", subject="block").iloc[0]
    return [row | {"statistic": found["Q"], "df": found["dof"], "p_value": found["p_unc"]}]


@result_frame("test", *_PAIR, _COUNTS)
@takes_study
def wilcoxon(
    data: Data, formula: str, *, block: str = "item", alternative: str = "two-sided"
) -> list[Row]:
    """Wilcoxon's signed-rank test of a response between two levels that every block has.

    Parameters
    ----------
    formula : str
        Response and factor of two levels, as in ``"arousal ~ overlay"``.

    Raises
    ------
    DesignError
        For a factor of more than two levels, a formula that cannot be evaluated, or another block.
    DataError
        When `block` is participants, and the study has no ids of them.
    MissingExtraError
        When pingouin is not installed.

    See Also
    --------
    mannwhitney : Single ratings, with a row that respects the design.
    friedman : Several levels.

    Notes
    -----
    A block is an item, or a participant. Each block has one value at each level of the factor: the
    mean of its annotations there. Blocks that lack a level are left out, and counted in
    `n_missing`. The statistic W is the smaller sum of ranks of the differences of one sign, or that
    of the positive ones where `alternative` names a side; differences of 0 are left out. p is exact
    for up to 50 blocks without ties or zeros, otherwise normal with a correction for continuity.
    The effect size is the matched-pairs rank-biserial correlation, positive where the first level
    is higher. Blocks are taken as independent. Computed by pingouin.

    References
    ----------
    Wilcoxon, F. (1945). Individual comparisons by ranking methods. Biometrics Bulletin, 1(6),
    80-83. https://doi.org/10.2307/3001968

    Examples
    --------
    >>> from muvistats import simulate_muvi, wilcoxon
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> wilcoxon(study, "arousal ~ gender")[["group1", "n_clusters"]].values.tolist()
    [['Female', 9]]
    """
    engine = of_pingouin("wilcoxon")
    table, row = _asked(data, formula, block)
    if len(table.levels) > 2:
        raise DesignError(
            f"{row['factor']!r} has {len(table.levels)} groups and Wilcoxon's test compares two; "
            "use friedman, or a comparison that makes two groups"
        )
    row |= {
        "statistic_name": "W",
        "alternative": alternative,
        "effect_size_name": "rank-biserial correlation",
        "method": f"Wilcoxon, means of each {block}",
    }
    if row["warning"]:
        return [row]
    first, second = table.values.T
    row |= {"group1": table.levels[0], "group2": table.levels[1]}
    row |= {"median1": np.median(first), "median2": np.median(second)}
    if (first == second).all():
        return [row | {"warning": "no block differs"}]
    found = engine(first, second, alternative=alternative, correction=True).iloc[0]
    size = signed_rank_biserial(first - second)
    numbers = {"statistic": found["W_val"], "p_value": found["p_val"], "effect_size": size}
    return [row | numbers]


def _asked(data: Data, formula: str, block: str) -> tuple[Table, Row]:
    """Cells that a formula asks for, and what is known before they are tested."""
    response, by = split_formula(formula)
    table = table_of(to_frame(data), response, by, block)
    problem = ""
    if len(table.levels) < 2:
        problem = "fewer than two groups have values"
    elif len(table.values) < 2:
        problem = f"fewer than two {block}s have every group"
    elif np.ptp(table.values) == 0:
        problem = "all cells are equal"
    row: Row = {
        "dimension": response,
        "factor": by,
        "n": table.n,
        "n_clusters": len(table.values),
        "n_missing": table.n_missing,
        "dependence": "clusters",
        "warning": problem,
    }
    return table, row


def _long(cells: Floats) -> pd.DataFrame:
    """One row per cell, shape (block, level)."""
    blocks, levels = cells.shape
    return pd.DataFrame(
        {
            "block": np.repeat(np.arange(blocks), levels),
            "level": np.tile(np.arange(levels), blocks),
            "value": cells.ravel(),
        }
    )

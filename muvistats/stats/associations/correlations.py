"""Correlations within people, with others held constant, and Bayes factors, by pingouin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from ...arguments import check_choice, check_number
from ...dataset.gate import takes_study
from ...errors import DesignError
from ...formula import evaluate, split_formula
from ...kernels.sampling.correlation import fisher_interval
from ...kernels.scale import centred, unit_factor
from ...results.frame import result_frame
from ...types import Data, Floats, Names, Row
from ..shared.blocks import BLOCKS, means_of, table_of
from ..shared.engine import of_pingouin
from ..shared.study import codes_of, need, number_of, to_frame

_CORRELATION = (
    "dimension variable estimate estimator df p_value conf_low conf_high conf_level n n_clusters "
    "n_missing method dependence"
)


@result_frame("pair of measures", _CORRELATION)
@takes_study
def rm_corr(
    data: Data, formula: str, *, block: str = "participant", conf_level: float = 0.95
) -> list[Row]:
    """Correlation of two measures within people, or within items.

    Parameters
    ----------
    formula : str
        The two measures, as in ``"valence ~ arousal"``.

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
    partial_correlation : Correlation of means, others held constant.

    Notes
    -----
    An analysis of covariance with one slope and an intercept for each block:
    ``r = sign(slope) sqrt(SS_slope / (SS_slope + SS_error))`` with N - k - 1 degrees of freedom, of
    N annotations in k blocks (`n_clusters`). It is the correlation of the values less the means
    of their block. The limits are Fisher's. What annotations of one block share beyond their mean
    is not allowed for. A block with one annotation does not enter. Computed by pingouin.

    Annotations that lack one of the measures, or that are excluded, are left out and counted in
    `n_missing`.

    References
    ----------
    Bakdash, J. Z., & Marusich, L. R. (2017). Repeated measures correlation. Frontiers in
    Psychology, 8, 456. https://doi.org/10.3389/fpsyg.2017.00456

    Examples
    --------
    >>> from muvistats import rm_corr, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> rm_corr(study, "valence ~ arousal")[["n", "df"]].values.tolist()
    [[108.0, 95.0]]
    """
    engine = of_pingouin("rm_corr")
    first, second = split_formula(formula)
    frame = to_frame(data)
    need(frame, check_choice("block", block, BLOCKS))
    pairs = pd.DataFrame(
        {
            "x": _finite(number_of(second, frame)),
            "y": _finite(number_of(first, frame)),
            "block": codes_of(frame[block]),
        }
    )
    used = pairs[pairs.notna().all(axis=1) & (pairs["block"] >= 0)]
    used = used[used.groupby("block")["block"].transform("size") > 1]
    within = used[["x", "y"]] - used.groupby("block")[["x", "y"]].transform("mean")
    row: Row = {
        "dimension": first,
        "variable": second,
        "estimator": f"repeated measures correlation within each {block}",
        "conf_level": conf_level,
        "n": len(used),
        "n_clusters": used["block"].nunique(),
        "n_missing": len(frame) - len(used),
        "method": "analysis of covariance",
        "dependence": "clusters",
    }
    df = len(used) - row["n_clusters"] - 1
    if row["n_clusters"] < 3 or df < 1:
        return [row | {"warning": f"fewer than three {block}s have two values"}]
    if (within.abs().max() <= 1e-12 * used[["x", "y"]].abs().max()).any():
        return [row | {"warning": f"a measure does not vary within a {block}"}]
    within *= unit_factor(within.to_numpy(), 0)  # less the means of blocks, which changes nothing
    found = engine(within.assign(block=used["block"]), x="x", y="y", subject="block").iloc[0]
    return [row | _correlation(found["r"], found["pval"], df, conf_level)]


@result_frame("pair of measures", _CORRELATION)
@takes_study
def partial_correlation(
    data: Data,
    formula: str,
    *,
    given: Names = (),
    block: str = "item",
    conf_level: float = 0.95,
) -> list[Row]:
    """Correlation of the means of two measures, others held constant.

    Parameters
    ----------
    formula : str
        The two measures, as in ``"valence ~ arousal"``.
    given : str or sequence of str
        Measures that are held constant; none for the plain correlation.

    Raises
    ------
    DesignError
        For a measure that cannot be evaluated, or another block.
    DataError
        When `block` is participants, and the study has no ids of them.
    MissingExtraError
        When measures are held constant and pingouin is not installed.

    See Also
    --------
    rm_corr : Correlation within people.

    Notes
    -----
    Measures are averaged over the annotations of each item, or participant, that have all of them,
    and the means of n blocks (`n_clusters`) are the cases:
    ``r_ij = -p_ij / sqrt(p_ii p_jj)``, with p the inverse of their covariance (the pseudo-inverse,
    where measures that are held constant repeat each other), and n - 2 - k degrees of freedom for k
    held constant. The limits are Fisher's. Computed by SciPy, and by
    pingouin where measures are held constant.

    Annotations that lack one of the measures, or that are excluded, are left out and counted in
    `n_missing`.

    References
    ----------
    Fisher, R. A. (1924). The distribution of the partial correlation coefficient. Metron, 3,
    329-332. https://hdl.handle.net/2440/15182

    Examples
    --------
    >>> from muvistats import partial_correlation, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> row = partial_correlation(study, "valence ~ arousal", given="n_labels")
    >>> row[["n_clusters", "df"]].values.tolist()
    [[9.0, 6.0]]
    """
    first, second = split_formula(formula)
    held = [given] if isinstance(given, str) else list(given)
    engine = of_pingouin("partial_corr") if held else None
    frame = to_frame(data)
    means, n = means_of(frame, [first, second, *held], block)
    row: Row = {
        "dimension": first,
        "variable": second,
        "estimator": f"partial Pearson r, given {', '.join(held)}" if held else "Pearson r",
        "conf_level": conf_level,
        "n": n,
        "n_clusters": len(means),
        "n_missing": len(frame) - n,
        "method": f"means of each {block}",
        "dependence": "clusters",
    }
    df = len(means) - 2 - len(held)
    if df < 1:
        return [row | {"warning": f"too few {block}s: {len(means)}"}]
    if (np.ptp(means, axis=0) == 0).any():
        return [row | {"warning": f"a measure does not vary between {block}s"}]
    own = _in_own_unit(means)
    if engine is None:
        r, p_value = stats.pearsonr(*own.T)
    else:
        names = [str(j) for j in range(means.shape[1])]
        found = engine(pd.DataFrame(own, columns=names), x="0", y="1", covar=names[2:]).iloc[0]
        r, p_value = found["r"], found["p_val"]
    return [row | _correlation(r, p_value, df, conf_level)]


def _in_own_unit(means: Floats) -> Floats:
    """Columns less their mean, in units in which squares neither vanish nor overflow."""
    moved = centred(means, axis=0)
    return moved * unit_factor(moved, 0)


def _finite(values: pd.Series) -> Floats:
    """Numbers, NaN for what is none."""
    numbers = values.to_numpy(dtype=float)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _correlation(r: float, p_value: float, df: int, conf_level: float) -> Row:
    """Columns of a correlation with Fisher's limits."""
    low, high = fisher_interval(np.array([r]), df, conf_level)
    short = "no interval: too few values, or r is 1 or -1" if np.isnan(low[0]) else ""
    numbers = {"conf_low": float(low[0]), "conf_high": float(high[0]), "df": float(df)}
    return {"estimate": float(r), "p_value": float(p_value), **numbers, "warning": short}


@result_frame(
    "test",
    "dimension variable group1 group2 bayes_factor statistic statistic_name df n n_clusters",
    "n_missing method dependence",
)
@takes_study
def bayes_factor(
    data: Data, formula: str, *, block: str = "item", prior_scale: float = 0.707
) -> list[Row]:
    """Bayes factor of a t test, or of a correlation, of means of items or participants.

    Parameters
    ----------
    formula : str
        Response, and a factor of two levels or a number, as in ``"arousal ~ gender"`` or
        ``"valence ~ arousal"``.
    prior_scale : float
        Scale of the Cauchy prior of the standardised difference, for t tests.

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
    wilcoxon : A test of the same means by rank.
    partial_correlation : The correlation itself.

    Notes
    -----
    `bayes_factor` says how many times likelier the data is if there is a difference, or a
    correlation, than if there is none. Above 1 it speaks for one, below 1 against it. The cases are
    the means of items, or of participants (`block`, `n_clusters` of them). Where each has both
    levels of the factor, t is that of paired means; where each has one of them, Student's t of two
    samples. Where some have both, those with one are left out. t tests have the JZS Bayes factor;
    correlations the exact one with a uniform prior on r. Computed by pingouin.

    References
    ----------
    Rouder, J. N., Speckman, P. L., Sun, D., Morey, R. D., & Iverson, G. (2009). Bayesian t tests
    for accepting and rejecting the null hypothesis. Psychonomic Bulletin & Review, 16(2), 225-237.
    https://doi.org/10.3758/PBR.16.2.225

    Ly, A., Verhagen, J., & Wagenmakers, E.-J. (2016). Harold Jeffreys's default Bayes factor
    hypothesis tests: Explanation, extension, and application in psychology. Journal of
    Mathematical Psychology, 72, 19-32. https://doi.org/10.1016/j.jmp.2015.06.004

    Examples
    --------
    >>> from muvistats import bayes_factor, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> bayes_factor(study, "valence ~ arousal")["method"].tolist()
    ['exact Bayes factor of Pearson r, means of each item']
    """
    check_number("prior_scale", prior_scale, above=0)
    response, right = split_formula(formula)
    frame = to_frame(data)
    values = evaluate(right, frame)
    is_number = pd.api.types.is_numeric_dtype(values.dtype)
    if is_number and not pd.api.types.is_bool_dtype(values.dtype):
        return [_of_correlation(frame, (response, right), block)]
    return [_of_means(frame, (response, right), block, prior_scale)]


def _of_correlation(frame: pd.DataFrame, asked: Sequence[str], block: str) -> Row:
    """Bayes factor that the means of two measures correlate."""
    engine = of_pingouin("bayesfactor_pearson")
    means, n = means_of(frame, asked, block)
    row: Row = {
        "dimension": asked[0],
        "variable": asked[1],
        "statistic_name": "r",
        "n": n,
        "n_clusters": len(means),
        "n_missing": len(frame) - n,
        "method": f"exact Bayes factor of Pearson r, means of each {block}",
        "dependence": "clusters",
    }
    if len(means) < 3 or (np.ptp(means, axis=0) == 0).any():
        return row | {"warning": f"too few {block}s, or a measure does not vary between them"}
    r = float(stats.pearsonr(*_in_own_unit(means).T).statistic)
    numbers = {"statistic": r, "df": float(len(means) - 2)}
    return row | numbers | {"bayes_factor": float(engine(r, len(means)))}


def _of_means(frame: pd.DataFrame, asked: Sequence[str], block: str, prior_scale: float) -> Row:
    """Bayes factor that the means of two groups differ."""
    engine = of_pingouin("bayesfactor_ttest")
    table = table_of(frame, asked[0], asked[1], block)
    if len(table.levels) > 2:
        raise DesignError(
            f"{asked[1]!r} has {len(table.levels)} groups and a t test compares two; use a "
            "comparison that makes two groups"
        )
    paired = len(table.values) > 0
    row: Row = {
        "dimension": asked[0],
        "variable": asked[1],
        "statistic_name": "t",
        "dependence": "clusters",
    }
    samples = [column[~np.isnan(column)] for column in (table.values if paired else table.means).T]
    sizes = [len(sample) for sample in samples]
    kind, n = ("paired", table.n) if paired else ("two-sample", int(table.counts.sum()))
    row |= {
        "n": n,
        "n_clusters": sizes[0] if paired else sum(sizes),
        "n_missing": table.n_rows - n,
        "method": f"JZS Bayes factor of the {kind} t, means of each {block}",
    }
    if len(table.levels) < 2:
        return row | {"warning": "fewer than two groups have values"}
    row |= {"group1": table.levels[0], "group2": table.levels[1]}
    first, second = samples
    spread = np.ptp(first - second) if paired else np.ptp(first) + np.ptp(second)
    if min(sizes) < 2 or spread == 0:
        return row | {"warning": f"fewer than two {block}s in a group, or nothing varies"}
    unit = unit_factor(np.concatenate(samples), None)
    first, second = first * unit, second * unit
    test = stats.ttest_rel(first, second) if paired else stats.ttest_ind(first, second)
    found = engine(test.statistic, *sizes, paired=paired, r=prior_scale)
    numbers = {"statistic": float(test.statistic), "df": float(test.df)}
    return row | numbers | {"bayes_factor": float(found)}

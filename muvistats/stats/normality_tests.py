"""How far the summaries of the annotations are from a normal distribution."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from statsmodels.stats.diagnostic import lilliefors

from ..formula import factor
from ..results.frame import result_frame
from ._common import (
    Data,
    check_dependence,
    choose_dimensions,
    join_reasons,
    number_of,
    offered,
    to_frame,
)

__all__ = ["normality"]

Row = dict[str, Any]


@result_frame(
    "dimension, group and method",
    "dimension",
    "factor",
    "group",
    "statistic",
    "statistic_name",
    "p_value",
    "n",
    "n_missing",
    "method",
    "dependence",
)
def normality(
    data: Data,
    *,
    dimension: str | None = None,
    by: str | None = None,
    dependence: str = "independent",
) -> list[Row]:
    """Describe how far the summaries of the annotations are from a normal distribution.

    Parameters
    ----------
    data : DataTree or DataFrame
        A study, or an annotation frame (one row per annotation).
    dimension : str, optional
        Rated dimension; all of them by default.
    by : str, optional
        Factor, the right-hand side of a formula; then each of its groups is tested alone.
    dependence : {"independent"}
        How rows are taken; design-aware rows are not built yet.

    Raises
    ------
    DesignError
        For another `dependence`, or a factor that cannot be evaluated.

    Notes
    -----
    Four rows. ``D = max |F_n(x) - Phi(x)|`` against the *standard* normal distribution, as in the
    paper, once with its exact and once with its limiting p: this asks whether medians on [-1, 1]
    have mean 0 and standard deviation 1, which nobody expects, so it says little about shape.
    Lilliefors' D, against a normal distribution with the mean and standard deviation of the
    values (p by the formula of Dallal and Wilkinson below .1, by a simulated table above).
    Shapiro-Wilk's W.

    To read as a description: rows are taken as independent, and a test of normality is no reason
    to choose a test. Missing and masked values are left out and counted; with `by`, rows without
    a group belong to none of them, and `warning` says how many they are. The p of D assumes
    values without ties; the cursor's pixel grid makes some, which `warning` says.

    References
    ----------
    Lilliefors, H. W. (1967). On the Kolmogorov-Smirnov test for normality with mean and variance
    unknown. Journal of the American Statistical Association, 62(318), 399-402.
    https://doi.org/10.1080/01621459.1967.10482916

    Shapiro, S. S., & Wilk, M. B. (1965). An analysis of variance test for normality (complete
    samples). Biometrika, 52(3-4), 591-611. https://doi.org/10.1093/biomet/52.3-4.591

    Examples
    --------
    >>> from muvistats import normality, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> normality(study, dimension="arousal")["statistic_name"].tolist()
    ['D', 'D', 'D', 'W']
    """
    check_dependence(dependence)
    frame = to_frame(data)
    rows: list[Row] = []
    for name in choose_dimensions(data, dimension):
        for group, part, note in _parts(frame, by):
            values = number_of(name, part).to_numpy()
            kept = values[np.isfinite(values)]
            key = {
                "dimension": name,
                "factor": by or "",
                "group": group,
                "n": len(kept),
                "n_missing": len(values) - len(kept),
                "dependence": dependence,
            }
            rows += [
                {**key, **test, "warning": join_reasons(test["warning"], note)}
                for test in _normality_tests(kept)
            ]
    return rows


def _parts(frame: pd.DataFrame, by: str | None) -> Iterator[tuple[str, pd.DataFrame, str]]:
    """Name and rows of each group, and how many rows have no group."""
    if by is None:
        yield "all", frame, ""
        return
    frame = offered(frame, by)
    groups = factor(by, frame)
    without = int(groups.isna().sum())
    note = f"{without} rows have no {by} and are in no group" if without else ""
    for level in groups.cat.categories:
        yield str(level), frame[(groups == level).to_numpy()], note
    if not len(groups.cat.categories):
        yield "all", frame[:0], note or "no group"


def _normality_tests(values: npt.NDArray[np.float64]) -> Iterator[Row]:
    flat = len(values) > 0 and values.min() == values.max()
    ties = "ties: p is approximate" if len(np.unique(values)) < len(values) else ""
    kinds: tuple[tuple[str, Literal["exact", "asymp"]], ...] = (
        ("Kolmogorov-Smirnov against N(0, 1), exact p", "exact"),
        ("Kolmogorov-Smirnov against N(0, 1), limiting p", "asymp"),
    )
    for method, kind in kinds:
        row: Row = {"method": method, "statistic_name": "D", "warning": "no values"}
        if len(values):
            found = stats.kstest(values, "norm", method=kind)
            row |= {"statistic": found.statistic, "p_value": found.pvalue, "warning": ties}
        yield row
    row = {"method": "Lilliefors", "statistic_name": "D"}
    if len(values) < 4 or flat:
        row["warning"] = "fewer than four values" if len(values) < 4 else "all values are equal"
    else:
        statistic, p_value = lilliefors(values, dist="norm", pvalmethod="approx")
        row |= {"statistic": statistic, "p_value": p_value, "warning": ties}
    yield row
    row = {"method": "Shapiro-Wilk", "statistic_name": "W"}
    if len(values) < 3 or flat:
        row["warning"] = "fewer than three values" if len(values) < 3 else "all values are equal"
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # more than 5,000 values, said below
            result = stats.shapiro(values)
        large = "p is not calibrated for more than 5,000 values" if len(values) > 5000 else ""
        row |= {"statistic": result.statistic, "p_value": result.pvalue, "warning": large}
    yield row

"""How far the summaries of the annotations are from a normal distribution."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from statsmodels.stats.diagnostic import lilliefors

from ...arguments import Dependence, check_dependence, generator_of
from ...dataset.gate import takes_study
from ...formula import factor
from ...kernels.permutation.arrangements import additive_residuals, monte_carlo_p
from ...kernels.scale import centred
from ...progress import in_parts, watched
from ...quiet import quiet
from ...results.frame import join_reasons, result_frame
from ...types import Data, Floats, Names, Rng, Row
from ..shared.study import (
    choose_dimensions,
    codes_of,
    need,
    number_of,
    offered,
    person_effects,
    to_frame,
)

#: Simulated residuals that are held at once.
_HELD = 20_000_000


@result_frame(
    "dimension, group and method",
    "dimension factor group statistic statistic_name p_value mc_error n_resamples n n_missing",
    "method dependence",
)
@takes_study
def normality(
    data: Data,
    *,
    dimension: Names | None = None,
    by: str | None = None,
    dependence: Dependence = ("independent", "design"),
    n_resamples: int = 999,
    rng: Rng = 0,
) -> list[Row]:
    """Describe how far the summaries of the annotations are from a normal distribution.

    Parameters
    ----------
    by : str, optional
        Factor, the right-hand side of a formula; then each of its groups is tested alone.
    n_resamples : int
        Simulated sets of residuals behind the p of the design rows; 0 for none.

    Raises
    ------
    DesignError
        For another `dependence`, or a factor that cannot be evaluated.

    See Also
    --------
    kruskal : A test between groups that needs no normal values.
    describe_annotations : Mean, spread and quantiles.

    Notes
    -----
    The independent rows test the values; the design rows test what is left of them without
    participant and item effects, whatever the factor and its assignment.

    Four independent rows. ``D = max |F_n(x) - Phi(x)|`` against the *standard* normal
    distribution, as in the paper, once with its exact and once with its limiting p: this asks
    whether medians on [-1, 1] have mean 0 and standard deviation 1, which nobody expects, so it
    says little about shape. Lilliefors' D, against a normal distribution with the mean and
    standard deviation of the values (p by the formula of Dallal and Wilkinson below .1, by a
    simulated table above). Shapiro-Wilk's W.

    Two design rows. Values that share participants and items are no sample from one distribution,
    so the question is put to the residuals of the additive model of participants and items:
    Lilliefors' D and W of these, set against residuals of the same model of simulated normal
    errors. As D and W do not depend on the scale, this p is exact but for the simulation. It says
    whether the errors are normal, not whether the participants are. Distances from N(0, 1) have
    no such form.

    To read as a description: a test of normality is no reason to choose a test. Missing and
    masked values are left out and counted; with `by`, rows without a group belong to none of
    them, and `warning` says how many they are. The p of D assumes values without ties; the
    cursor's pixel grid makes some, which `warning` says.

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
    >>> normality(study, dimension="arousal", n_resamples=99)["statistic_name"].tolist()
    ['D', 'D', 'D', 'W', 'D', 'W']
    """
    asked = check_dependence(dependence)
    frame = to_frame(data)
    names = choose_dimensions(data, dimension)
    children = generator_of(rng).spawn(len(names))
    rows: list[Row] = []
    each = list(itertools.product(zip(names, children, strict=True), _parts(frame, by)))
    for (name, child), (group, part, note) in watched(each, "Groups", len(each)):
        values = number_of(name, part).to_numpy()
        use = np.isfinite(values)
        key = {
            "dimension": name,
            "factor": by or "",
            "group": group,
            "n": int(use.sum()),
            "n_missing": int((~use).sum()),
            "n_resamples": 0,
        }
        tests: list[Row] = []
        for kind in asked:
            found = (
                _normality_tests(values[use])
                if kind == "independent"
                else _residual_tests(part[use], values[use], n_resamples, child)
            )
            tests += [test | {"dependence": kind} for test in found]
        rows += [{**key, **test, "warning": join_reasons(test["warning"], note)} for test in tests]
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
        statistic, p_value = lilliefors(centred(values), dist="norm", pvalmethod="approx")
        row |= {"statistic": statistic, "p_value": p_value, "warning": ties}
    yield row
    row = {"method": "Shapiro-Wilk", "statistic_name": "W"}
    if len(values) < 3 or flat:
        row["warning"] = "fewer than three values" if len(values) < 3 else "all values are equal"
    else:
        with quiet():  # of more than 5,000 values, said below
            result = stats.shapiro(centred(values))
        large = "p is not calibrated for more than 5,000 values" if len(values) > 5000 else ""
        row |= {"statistic": result.statistic, "p_value": result.pvalue, "warning": large}
    yield row


def _residual_tests(
    rows: pd.DataFrame, values: Floats, n_resamples: int, rng: np.random.Generator
) -> Iterator[Row]:
    """Tests of the errors of an additive model of participants and items."""
    need(rows, "item")
    codes = [person_effects(rows), codes_of(rows["item"])]
    values = centred(values) if len(values) else values
    left = additive_residuals(values[:, None], codes)
    flat = len(left) < 4 or np.abs(left).max() <= 1e-8 * max(float(np.ptp(values)), 1e-300)
    reason = "participants and items leave no residuals" if flat else ""
    observed = np.full((1, 2), np.nan) if flat else _shape(left)
    draws = np.empty((0, 2))
    if not flat and n_resamples:
        parts = in_parts(n_resamples, _HELD // len(values), "Simulated residuals")
        sizes = ((len(values), some.stop - some.start) for some in parts)
        errors = (additive_residuals(rng.normal(size=size), codes) for size in sizes)
        draws = np.concatenate([_shape(each) for each in errors])
    p_value, error = monte_carlo_p(observed[0], draws)
    if not flat and not n_resamples:
        reason = "no p: n_resamples is 0"
    for i, (method, name) in enumerate((("Lilliefors", "D"), ("Shapiro-Wilk", "W"))):
        yield {
            "method": f"{method}, residuals of participants and items, p simulated",
            "statistic_name": name,
            "statistic": observed[0, i] if i == 0 else -observed[0, i],
            "p_value": p_value[i],
            "mc_error": error[i],
            "n_resamples": len(draws),
            "warning": reason,
        }


def _shape(columns: Floats) -> Floats:
    """D of Lilliefors and -W of each column: large ones speak against a normal distribution."""
    n = len(columns)
    ordered = np.sort(columns, axis=0)
    below = stats.norm.cdf((ordered - ordered.mean(axis=0)) / ordered.std(axis=0, ddof=1))
    steps = np.arange(n + 1)[:, None] / n
    d = np.maximum(steps[1:] - below, below - steps[:-1]).max(axis=0)
    with quiet():  # of its p for more than 5,000 values, which is not used
        w = np.array([stats.shapiro(column).statistic for column in ordered.T])
    return np.stack([d, -w], axis=1)

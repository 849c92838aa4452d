"""P-values of tests on simulated studies, how many reject, and the committed table."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any, Literal

import numpy as np
import pandas as pd

from ...arguments import (
    check_choice,
    check_conf_level,
    check_count,
    check_jobs,
    check_probability,
    check_resamples,
)
from ...errors import DesignError
from ...kernels.contingency import clopper_pearson
from ...results.frame import read_frame, result_frame
from ...types import Rng
from ...workers import check_client
from .draws import PValues, simulate_tests
from .presets import KEYS, TIE, Preset, choose_presets
from .scenarios import Scenario, choose_scenarios

Test = str | Callable[..., Any]

#: Confidence that all intervals of a table hold at once.
SIMULTANEOUS = 0.99


#: Columns that say which study, test and row.
_TOLD = " ".join(["scenario null test", *KEYS])

#: Columns of a table of rates.
_COLUMNS = " ".join(
    [
        _TOLD,
        "alpha quantity estimate conf_low conf_high conf_level",
        "simultaneous_low simultaneous_high simultaneous_level",
        "n_rejected n n_undefined n_resamples verdict rule",
    ]
)


@result_frame("scenario, test and row of the test", _COLUMNS)
def calibration(
    test: Test | Sequence[Test] | None = None,
    scenario: str | Scenario | Sequence[str | Scenario] | None = None,
    n_sims: int = 2000,
    *,
    alpha: float = 0.05,
    conf_level: float = 0.95,
    n_resamples: int = 199,
    rng: Rng = 0,
    n_jobs: int = 1,
    client: Any = None,
    cache: bool | str | os.PathLike[str] = True,
    progress: bool = True,
) -> pd.DataFrame:
    """Share of simulated studies in which a test rejects, though there is nothing to find.

    Parameters
    ----------
    test : str, callable, or sequence of these, optional
        Tests by name, as ``"kruskal_modality"`` or ``"chisquare_labels: gender"``; all of them by
        default. Or a function of your own, which takes a study (and `rng` or `n_resamples`, if
        it has arguments of these names) and gives a p-value, or a frame with `p_value` and any of
        the columns below that tell rows apart.
    scenario : str, Scenario, or sequence of these, optional
        What is simulated; by default every scenario in which the null hypothesis of the test
        holds. A function of your own needs one. In a scenario in which the factor has an effect
        the share is the power.
    n_resamples : int
        Resamples of each test. With ``alpha * (n_resamples + 1)`` a whole number a permutation
        test uses up its level.
    rng : int, SeedSequence, Generator or None
        Source of randomness. Study i is the same for all tests, whatever else is asked for.
    cache : bool or path
        Whether and where finished p-values are kept: in the user's cache folder (or the folder
        that the environment variable `MUVISTATS_CACHE` names), nowhere, or in this folder. Ten
        studies at a time are written as soon as they are finished, so a run that was cut off
        goes on from there. A change of the package's code makes them unreachable. Tests of your
        own are not kept.

    Raises
    ------
    DesignError
        For a test or scenario that does not exist, a test of your own without a scenario, or a
        number that makes no sense.

    See Also
    --------
    calibration_table : The committed result.
    power_study : How often an effect is found.
    plot_calibration : The result as a figure.

    Notes
    -----
    Simulated studies keep all other effects, those of participants and items above all:
    "independent" rows are what a test does that takes no notice of them. `estimate` is the number
    of rejections over that of studies with a p-value; those without are counted in `n_undefined`.
    `conf_low` and `conf_high` are Clopper and Pearson's limits, for each row by itself;
    `simultaneous_low` and `simultaneous_high` are the same at Bonferroni's level, so that those
    of all rows of the result hold at once with 99% confidence.

    `verdict`, for rows whose null hypothesis holds: *liberal* where the simultaneous interval lies
    above alpha, *conservative* where it lies below, else *at the level*. A row with label ``any``
    rejects where any row of the family does after adjustment for multiple comparisons. Of a
    factor with two groups, the rows of the first stand for both.

    A study in which a test has no p-value (NaN) counts neither as rejected nor as not.

    References
    ----------
    Clopper, C. J., & Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated
    in the case of the binomial. Biometrika, 26(4), 404-413. https://doi.org/10.1093/biomet/26.4.404

    Examples
    --------
    >>> from muvistats import Scenario, calibration
    >>> small = Scenario("small", null=("overlay",), n_items=9, n_participants=12)
    >>> found = calibration("mannwhitney_overlay", small, 5, n_resamples=19, cache=False)
    >>> found.loc[found["dependence"] == "independent", "n"].tolist()
    [5, 5]
    """
    alpha = check_probability("alpha", alpha)
    check_conf_level(conf_level)
    how = {"n_resamples": n_resamples, "rng": rng, "n_jobs": n_jobs, "client": client}
    p_values = _simulated(test, scenario, n_sims, **how, cache=cache, progress=progress)
    rows = [row for values in p_values for row in rejections(values, alpha)]
    return with_limits(pd.DataFrame(rows), conf_level).assign(
        n_resamples=n_resamples, alignment="as_recorded", simulated=True
    )


@result_frame(
    "simulated study, scenario, test and row of the test", f"{_TOLD} simulation p_value n_resamples"
)
def simulated_p_values(
    test: Test | Sequence[Test] | None = None,
    scenario: str | Scenario | Sequence[str | Scenario] | None = None,
    n_sims: int = 2000,
    *,
    n_resamples: int = 199,
    rng: Rng = 0,
    n_jobs: int = 1,
    client: Any = None,
    cache: bool | str | os.PathLike[str] = True,
    progress: bool = True,
) -> pd.DataFrame:
    """The p-value of each simulated study, of which `calibration` gives the share that rejects.

    Parameters
    ----------
    scenario : str, Scenario, or sequence of these, optional
        As in `calibration`. Where the factor has an effect, the p-values show the power.
    cache : bool or path
        As in `calibration`; the two share what is kept.

    Raises
    ------
    DesignError
        For a test or scenario that does not exist, a test of your own without a scenario, or a
        number that makes no sense.

    See Also
    --------
    calibration : The share of them up to alpha, with limits and a verdict.

    Notes
    -----
    Where there is nothing to find, p-values of a test that keeps its level are spread evenly from
    0 to 1. Those of permutations are whole parts of ``n_resamples + 1``. A study in which the test
    is not defined has NaN, with the reason in `warning`.

    Examples
    --------
    >>> from muvistats import Scenario, simulated_p_values
    >>> small = Scenario("small", null=("overlay",), n_items=9, n_participants=12)
    >>> found = simulated_p_values("mannwhitney_overlay", small, 3, n_resamples=19, cache=False)
    >>> found.groupby("dependence")["simulation"].apply(list).tolist()
    [[1, 1, 2, 2, 3, 3], [1, 1, 2, 2, 3, 3]]
    """
    how = {"n_resamples": n_resamples, "rng": rng, "n_jobs": n_jobs, "client": client}
    parts = [
        pd.DataFrame(
            {
                "scenario": values.scenario.name,
                "null": values.test.null_in(values.scenario),
                "test": values.test.name,
                **dict(zip(KEYS, key, strict=True)),
                "simulation": np.arange(1, len(p) + 1),
                "p_value": p,
                "warning": np.where(np.isnan(p), "the test gave no p-value", ""),
            }
        )
        for values in _simulated(test, scenario, n_sims, **how, cache=cache, progress=progress)
        for key, p in values.rows.items()
    ]
    order = ["scenario", "test", "simulation"]
    table = pd.concat(parts, ignore_index=True).sort_values(order, kind="stable", key=_as_found)
    return table.assign(n_resamples=n_resamples, alignment="as_recorded", simulated=True)


def _as_found(column: pd.Series) -> pd.Series:
    """Names by the order in which they come, numbers as they are."""
    return column if column.name == "simulation" else pd.Series(pd.factorize(column)[0])


def _simulated(
    test: Any,
    scenario: Any,
    n_sims: int,
    *,
    n_resamples: int,
    rng: Rng,
    n_jobs: int,
    client: Any,
    cache: bool | str | os.PathLike[str],
    progress: bool,
) -> list[PValues]:
    """P-values of the tests that were asked for."""
    return simulate_tests(
        _pairs(choose_presets(test), scenario),
        n_sims=check_count("n_sims", n_sims, least=1),
        n_resamples=check_resamples(n_resamples),
        rng=rng,
        n_jobs=check_jobs(n_jobs),
        client=check_client(client),
        cache=cache,
        progress=progress,
    )


def _pairs(tests: list[Preset], scenario: Any) -> list[tuple[Scenario, Preset]]:
    """Every test in every scenario; by default in those in which its null hypothesis holds."""
    if scenario is not None:
        return [(one, test) for one in choose_scenarios(scenario) for test in tests]
    homeless = [test.name for test in tests if not test.scenarios]
    if homeless:
        raise DesignError(f"the test {homeless[0]!r} needs a scenario")
    names = dict.fromkeys(name for test in tests for name in test.scenarios)
    return [
        (one, test)
        for one in choose_scenarios(list(names))
        for test in tests
        if one.name in test.scenarios
    ]


def rejections(values: PValues, alpha: float) -> list[dict[str, Any]]:
    """Rejections of each row of a test, counted."""
    scenario, test = values.scenario, values.test
    null = test.null_in(scenario)
    rows = []
    for key, p_values in values.rows.items():
        n = int((~np.isnan(p_values)).sum())
        n_rejected = int((p_values <= alpha + TIE).sum())
        rows.append(
            {
                "scenario": scenario.name,
                "null": null,
                "test": test.name,
                **dict(zip(KEYS, key, strict=True)),
                "alpha": alpha,
                "quantity": "false-alarm rate" if null else "power",
                "estimate": n_rejected / n if n else np.nan,
                "n_rejected": n_rejected,
                "n": n,
                "n_undefined": len(p_values) - n,
                "warning": "" if n else "no simulated study gave a p-value",
            }
        )
    return rows


def with_limits(table: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """Limits of each row by itself, limits of all rows at once, and the verdict."""
    defined = int((table["n"] > 0).sum())
    level = 1 - (1 - SIMULTANEOUS) / max(defined, 1)
    low, high = clopper_pearson(table["n_rejected"], table["n"], conf_level)
    least, most = clopper_pearson(table["n_rejected"], table["n"], level)
    verdict = np.select(
        [~table["null"] | np.isnan(least), least > table["alpha"], most < table["alpha"]],
        ["", "liberal", "conservative"],
        "at the level",
    )
    return table.assign(
        conf_low=low,
        conf_high=high,
        conf_level=conf_level,
        simultaneous_low=least,
        simultaneous_high=most,
        simultaneous_level=SIMULTANEOUS,
        verdict=verdict,
        rule=np.where(verdict == "", "", f"simultaneous {SIMULTANEOUS:.0%} limits against alpha"),
    )


def calibration_table(table: Literal["muvi", "grid"] = "muvi") -> pd.DataFrame:
    """The committed result of `calibration`.

    Parameters
    ----------
    table : {"muvi", "grid"}
        All tests of the paper in their null scenarios, studies as large as MuVi; or general tests
        over a grid of small and large designs, among them some with an effect.

    Returns
    -------
    DataFrame
        Columns and rows as `calibration` gives them. The tables come with the package; a checkout
        of the project makes them again. Simulated data.

    Raises
    ------
    DesignError
        For another table.

    See Also
    --------
    calibration : the same for tests and scenarios of your own.

    Notes
    -----
    The intervals that hold at once are those of the whole table. In the grid the rows "mixed
    model" are a comparison, a linear mixed model of the values with reactions of people and items.

    Examples
    --------
    >>> from muvistats import calibration_table
    >>> bool(calibration_table()["simulated"].all())
    True
    """
    check_choice("table", table, ("muvi", "grid"))
    folder = files("muvistats.data") / "simulation"
    if table == "grid":
        with (folder / "grid.csv").open(encoding="utf-8") as stream:
            return of_counts(pd.read_csv(stream, keep_default_na=False))
    with (folder / "false_alarms.csv").open(encoding="utf-8") as stream:
        return read_frame(stream)


@result_frame("scenario, test, row of the test and level of significance", _COLUMNS)
def of_counts(counts: pd.DataFrame) -> pd.DataFrame:
    """Rates and limits of rejections that were counted in pieces.

    Parameters
    ----------
    counts : DataFrame
        What `grid.count_rejections` gives.
    """
    null = counts["null"].astype(bool)
    rates = counts.assign(
        null=null,
        quantity=np.where(null, "false-alarm rate", "power"),
        estimate=np.divide(
            counts["n_rejected"],
            counts["n"],
            out=np.full(len(counts), np.nan),
            where=counts["n"] > 0,
        ),
        warning=np.where(counts["n"] > 0, "", "no simulated study gave a p-value"),
    )
    rates = rates.drop(columns=["n_studies", "seed", "version"])
    return with_limits(rates, 0.95).assign(alignment="as_recorded", simulated=True)

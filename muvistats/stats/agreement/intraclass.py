"""Intraclass correlation of annotation summaries and time steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...dataset.access import NO_PEOPLE, need_study
from ...dataset.gate import takes_study
from ...dataset.sessions import by_session
from ...errors import DataError, DesignError
from ...kernels.mixed.blocks import RandomBlock
from ...kernels.mixed.linear import LinearMixed
from ...kernels.mixed.search import fit_linear, is_singular
from ...kernels.raters.components import crossed_components
from ...kernels.raters.reliability import (
    ROUNDING,
    IccForm,
    MeanSquares,
    effective_df,
    icc_of_squares,
    mean_squares,
)
from ...kernels.scale import centred, unit_factor
from ...results.frame import Rows, join_reasons, result_frame
from ...types import Data, Floats, Names
from ...workers import few_threads
from ..shared.cells import Cells
from ..shared.study import choose_dimensions, in_one_modality, need, people_codes, to_frame
from .chance_corrected import by_modality, units_of


@result_frame(
    "dimension, modality and form",
    "dimension modality estimator estimate conf_low conf_high conf_level statistic statistic_name",
    "df df_denom p_value n n_items n_participants method",
)
@takes_study
def icc(
    data: Data,
    *,
    unit: Literal["annotation", "time_step"] = "annotation",
    dimension: Names | None = None,
    conf_level: float = 0.95,
) -> Rows:
    """Intraclass correlation in six forms.

    Parameters
    ----------
    unit : {"annotation", "time_step"}
        What is rated: an item in a modality, by the median of its annotation, or each time step
        of it. Time steps of a whole dimension are read into memory at once, with a row for each
        rating, also where the study was opened in chunks.

    Raises
    ------
    DataError
        When the study has no such dimension.
    DesignError
        When time steps are asked of a static dimension.

    See Also
    --------
    krippendorff_alpha : Agreement without a model, with missing ratings.
    interrater_ccc : How far each person follows the others over time.
    retest_reliability : People against themselves.

    Notes
    -----
    With complete ratings (every rater rated every target of the modality) the forms follow from
    mean squares: ICC(1) ``(MSB - MSW) / (MSB + (k - 1) MSW)``, ICC(A,1) for absolute agreement and
    ICC(C,1) for consistency of crossed raters, and ICC(k), ICC(A,k), ICC(C,k) for the mean of k
    raters; F is tested against 0. With perfect agreement F is infinite and p is 0. Where the means
    of the targets are equal, the mean of the raters has no reliability: NaN.

    Where ratings are missing, as in any balanced design with more items than one person can rate,
    the variance components come from a mixed model with random targets (and random raters for the
    A and C forms) by REML, and k is the harmonic mean of raters per target; with more than 3,000
    raters and as many targets they come from moments (Henderson 1953). F and its p are then NaN.
    Where each rater gave a single rating, what raters and what the residual add cannot be told
    apart, and the C forms are NaN. Missing and excluded ratings do not enter; nor do targets with
    one.

    The limits are those of McGraw and Wong; of incomplete ratings those of the mean squares that
    the components stand for, cut to [0, 1]. Targets of one item (its time steps, and with modality
    ``all`` its modalities) depend on each other, and so do the residuals of one rater in them: a
    mean square then has the effective degrees of freedom of Box (1954),
    ``(sum g_jj)^2 / sum g_jk^2`` for each item or annotation, with g the covariances between steps;
    those between targets are a cautious count, since items are few. In simulated studies of 10 to
    30 items, 5 to 20 raters and 1 to 118 slowly moving steps, limits of 95% held the true ICC(A,1)
    and ICC(C,1) in .87 to 1.00 of the studies, and a true 0 in .97 to 1.00. Limits that take steps
    as independent held a true 0 in a third of them only. With one item there are no limits.

    References
    ----------
    McGraw, K. O., & Wong, S. P. (1996). Forming inferences about some intraclass correlation
    coefficients. Psychological Methods, 1(1), 30-46. https://doi.org/10.1037/1082-989X.1.1.30

    Henderson, C. R. (1953). Estimation of variance and covariance components. Biometrics, 9(2),
    226-252. https://doi.org/10.2307/3001853

    Box, G. E. P. (1954). Some theorems on quadratic forms applied in the study of analysis of
    variance problems, II. The Annals of Mathematical Statistics, 25(3), 484-498.
    https://doi.org/10.1214/aoms/1177728717

    Shrout, P. E., & Fleiss, J. L. (1979). Intraclass correlations: Uses in assessing rater
    reliability. Psychological Bulletin, 86(2), 420-428. https://doi.org/10.1037/0033-2909.86.2.420

    Examples
    --------
    >>> from muvistats import icc, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> icc(study, dimension="arousal").query("modality == 'all'")["estimator"].tolist()
    ['ICC(1)', 'ICC(A,1)', 'ICC(C,1)', 'ICC(k)', 'ICC(A,k)', 'ICC(C,k)']
    """
    rows: list[dict[str, Any]] = []
    known = "participant" in (
        data if isinstance(data, pd.DataFrame) else data["annotations"].coords
    )
    for name in choose_dimensions(data, dimension):
        long = _ratings(data, name, unit)
        for modality, use in by_modality(long):
            part = long[use]
            count = part.groupby("target")["rater"].transform("size")
            part = part[count > 1]
            common = {
                "dimension": name,
                "modality": modality,
                "conf_level": conf_level,
                "n": len(part),
                "n_items": part["item"].nunique(),
                "n_participants": part["rater"].nunique() if known else 0,
            }
            lack = "ratings are not complete" if known else "who rated is not known"
            found = _icc_rows(part, unit, conf_level, lack)
            rows += [{**common, **(row if known else _without_ids(row))} for row in found]
    return rows


def _without_ids(row: dict[str, Any]) -> dict[str, Any]:
    """A form of ratings without ids: those that compare raters have no value."""
    if "," not in row["estimator"]:
        return row
    kept = ("estimator", "statistic_name", "method")
    return {name: row[name] for name in kept if name in row} | {"warning": NO_PEOPLE}


def _ratings(data: Data, name: str, unit: str) -> pd.DataFrame:
    """One row per rating: its target, item, modality, rater and value."""
    if unit == "annotation":
        frame = in_one_modality(to_frame(data))
        need(frame, "item", "modality", name)
        long = frame[["item", "modality", name]].rename(columns={name: "value"})
        long["rater"] = people_codes(frame)
        long["target"] = units_of(frame)
        shown = frame[[key for key in ("modality", "session") if key in frame]]
        long["column"] = shown.groupby(list(shown), observed=True).ngroup()
        return long.dropna(subset="value")
    if not isinstance(data, xr.DataTree):
        raise DataError("time steps stand in a study; mv.from_frames makes one of your tables")
    need_study(data)
    values = data["annotations"].dataset[name]
    if "time" not in values.dims:
        raise DesignError(f"{name} is static and has no time steps")
    data, _ = by_session(data)
    values = data["annotations"].dataset[name]
    cells = Cells.of(data, sessions=True)
    array = np.where(cells.keep[:, None], values.to_numpy(), np.nan)
    steps = array.shape[1]
    row, step = np.nonzero(~np.isnan(array))
    annotations = data["annotations"].dataset
    levels = pd.CategoricalDtype(cells.modalities)
    shown = cells.modality * (cells.session.max() + 1) + cells.session
    return pd.DataFrame(
        {
            "item": annotations["item"].to_numpy()[row],
            "modality": pd.Categorical(annotations["modality"].to_numpy()[row], dtype=levels),
            "rater": annotations["participant"].to_numpy()[row],
            "value": array[row, step],
            "target": cells.of_annotation[row] * steps + step,
            "column": shown[cells.of_annotation[row]] * steps + step,
        }
    )


def _icc_rows(part: pd.DataFrame, unit: str, conf_level: float, lack: str) -> list[dict[str, Any]]:
    what = {"annotation": "one value per annotation", "time_step": "time steps"}[unit]
    targets, raters = part["target"].nunique(), part["rater"].nunique()
    reason = ""
    if targets < 2 or raters < 2:
        reason = "fewer than two targets with two raters"
    elif part["value"].min() == part["value"].max():
        reason = "all values are equal"
    if reason:
        return [
            {"estimator": name, "method": what, "warning": reason}
            for name in ("ICC(1)", "ICC(A,1)", "ICC(C,1)", "ICC(k)", "ICC(A,k)", "ICC(C,k)")
        ]
    squares, k, m, model, warning = _squares_of(part)
    forms = icc_of_squares(squares, k, m, conf_level)
    method = f"mixed model ({model}), {what}" if model else f"mean squares, {what}"
    if model:
        forms = [_by_model(form, squares["1"] is squares["A"]) for form in forms]
        warning = join_reasons(f"{lack}: no F test", warning)
    if part["item"].nunique() < 2:
        forms = [replace(form, **_missing(_LIMITS)) for form in forms]
        warning = join_reasons(warning, "no interval: there is one item")
    return [
        {
            "estimator": form.name,
            "estimate": form.estimate,
            "conf_low": form.conf_low,
            "conf_high": form.conf_high,
            "statistic": form.f,
            "statistic_name": "F",
            "df": form.df,
            "df_denom": form.df_denom,
            "p_value": form.p_value,
            "method": method,
            "warning": join_reasons(form.reason, warning),
        }
        for form in forms
    ]


#: What rests on degrees of freedom, and the limits among it.
_LIMITS = ("conf_low", "conf_high")
_TEST = ("f", "df", "df_denom", "p_value")

#: Unknowns of the system that REML solves again and again; of more, moments give the variances.
_MOST = 3000

_ZERO = "a component of variance is estimated as zero"

#: Why the C forms have no value.
_CONFOUNDED = "each rater gave one rating: raters cannot be told from the residuals"


def _by_model(form: IccForm, confounded: bool) -> IccForm:
    """A form from components of variance, which are not negative and whose F was not observed."""
    low, high = np.clip([form.conf_low, form.conf_high], 0.0, 1.0)
    reason = _CONFOUNDED if confounded and form.name.startswith("ICC(C") else form.reason
    low, high = min(low, form.estimate), max(high, form.estimate)
    return replace(form, **_missing(_TEST), conf_low=low, conf_high=high, reason=reason)


def _missing(names: Iterable[str]) -> dict[str, Any]:
    return dict.fromkeys(names, np.nan)


def _squares_of(
    part: pd.DataFrame,
) -> tuple[dict[str, MeanSquares], float, float, str, str]:
    """Mean squares by form, raters per target, targets per rater, the model, what is to be said.

    Complete ratings have no model. The mean squares of others are those that the components of
    variance of a model stand for, with harmonic means of raters and targets.
    """
    n_targets, n_raters = part["target"].nunique(), part["rater"].nunique()
    complete = len(part) == n_targets * n_raters
    model = note = ""
    if complete:
        k, m = float(n_raters), float(n_targets)
        matrix = part.pivot_table(index="target", columns="rater", values="value").to_numpy()
        squares = mean_squares(matrix)
    else:
        k, m = (
            float(1 / (1 / part.groupby(key, observed=True).size()).mean())
            for key in ("target", "rater")
        )
        y = centred(part["value"].to_numpy())
        parts, model, notes = _parts_of_variance(part, y * unit_factor(y))
        note, squares = "; ".join(notes), _squares_of_components(parts, k, m, n_raters)
    if complete and n_targets == part["item"].nunique():
        return (
            squares,
            k,
            m,
            model,
            note,
        )  # one target of an item: degrees of freedom are as they are
    df = _degrees_of_freedom(part)
    squares = {
        form: replace(own, df=df["target"], df_error=df["error"]) for form, own in squares.items()
    }
    squares["1"] = replace(squares["1"], df_error=_within(squares["A"], df, len(part) - n_targets))
    if model and np.isnan(squares["C"].error):
        squares["A"] = squares["1"]
    return squares, k, m, model, note


def _squares_of_components(
    parts: dict[str, tuple[float, float, float]], k: float, m: float, n_raters: int
) -> dict[str, MeanSquares]:
    """Mean squares whose expectations are these variances of targets, raters and residuals."""
    nan = np.nan
    return {
        form: MeanSquares(error + k * target, error, nan, nan, error + m * rater, n_raters - 1.0)
        if form == "A"
        else MeanSquares(error + k * target, error, nan, nan)
        for form, (target, rater, error) in parts.items()
    }


def _degrees_of_freedom(part: pd.DataFrame) -> dict[str, float]:
    """Degrees of freedom between targets, of residuals, and of residuals about targets alone.

    Targets of one item, in several modalities and at several time steps, depend on each other, and
    so do the ratings that somebody gave to them; items and people do not.
    """
    item, rater = (pd.factorize(part[key])[0] for key in ("item", "rater"))
    within = (part["value"] - part.groupby("target")["value"].transform("mean")).to_numpy()
    residual = within - pd.Series(within).groupby(rater).transform("mean").to_numpy()
    targets = part.assign(item=item).drop_duplicates("target")
    means = part.groupby("target")["value"].mean().loc[targets["target"]].to_numpy()
    means = means - pd.Series(means).groupby(targets["column"].to_numpy()).transform("mean")
    pair = item * (int(rater.max()) + 1) + rater
    n_pairs, n_items, n_raters = (len(np.unique(codes)) for codes in (pair, item, rater))
    lost = min(n_items + n_raters - 1, n_pairs - 1)
    between = _spread_out(means, targets["item"], targets["column"])
    return {
        "target": effective_df(between, 1, cautious=True),
        "error": effective_df(_spread_out(residual, pair, part["column"]), lost),
        "within": effective_df(_spread_out(within, pair, part["column"]), n_items),
    }


def _within(crossed: MeanSquares, df: dict[str, float], nominal: int) -> float:
    """Degrees of freedom within targets, where the sums of raters and residuals are added."""
    if np.isnan(crossed.error):
        return df["within"]
    raters = crossed.raters * crossed.df_raters
    rest = crossed.error * (nominal - crossed.df_raters)
    spread = raters**2 / crossed.df_raters + rest**2 / df["error"]
    return float((raters + rest) ** 2 / spread) if spread > 0 else df["error"]


def _spread_out(values: Any, rows: Any, columns: Any) -> Floats:
    """Values as a table, NaN where there is none."""
    row, column = (np.unique(np.asarray(key), return_inverse=True)[1] for key in (rows, columns))
    table = np.full((int(row.max()) + 1, int(column.max()) + 1), np.nan)
    table[row, column] = np.asarray(values)
    return table


def _parts_of_variance(
    part: pd.DataFrame, y: Floats
) -> tuple[dict[str, tuple[float, float, float]], str, list[str]]:
    """Variances of targets, raters and residuals, of each form; how, and what is to be said."""
    first = part["value"].groupby(part["target"]).transform("first")
    if np.abs(part["value"] - first).max() <= ROUNDING * part["value"].abs().max():
        return dict.fromkeys("1AC", (1.0, 0.0, 0.0)), "REML", []
    ones = np.ones((len(y), 1))
    blocks = []
    for name in ("target", "rater"):
        levels, codes = np.unique(part[name].astype("str"), return_inverse=True)
        blocks.append(RandomBlock(ones, codes.ravel(), len(levels)))
    (target, error), notes = _components(ones, y, blocks[:1])
    one_way = (target, 0.0, error)
    if blocks[1].size == len(y):
        return {"1": one_way, "A": one_way, "C": (target, 0.0, np.nan)}, "REML", notes
    few = min(block.size for block in blocks) <= _MOST
    (between, rater, residual), more = (_components if few else _moments)(ones, y, blocks)
    crossed = (between, rater, residual)
    forms = {"1": one_way, "A": crossed, "C": crossed}
    return forms, "REML" if few else "moments", list(dict.fromkeys([*notes, *more]))


def _moments(
    _: Floats, y: Floats, blocks: list[RandomBlock]
) -> tuple[tuple[float, ...], list[str]]:
    """What `_components` gives, in a pass over the ratings instead of a likelihood."""
    parts = crossed_components(y, *(block.codes for block in blocks))
    notes = ["too many raters and targets for REML"]
    notes += [_ZERO] if (parts <= 0).any() else []
    return tuple(np.maximum(parts, 0.0).tolist()), notes


def _components(
    ones: Floats, y: Floats, blocks: list[RandomBlock]
) -> tuple[tuple[float, ...], list[str]]:
    """Variance of each random factor and of the residual by REML, and what is to be said."""
    model = LinearMixed(ones, y, blocks)
    sizes = [block.size for block in blocks]
    with few_threads(sum(sizes) - max(sizes)):  # the largest is eliminated
        optimum = fit_linear(model)
        residual = model.sigma(model.at(optimum.parameters)) ** 2
    notes = []
    if is_singular(optimum.parameters, blocks):
        notes.append(_ZERO)
    if not optimum.converged:
        notes.append("REML did not converge")
    return (*(residual * optimum.parameters**2).tolist(), residual), notes

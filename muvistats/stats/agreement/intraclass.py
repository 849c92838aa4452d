"""Intraclass correlation of annotation summaries and time steps."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import check_choice, check_conf_level
from ...dataset.access import NO_PEOPLE, need_study
from ...dataset.gate import takes_study
from ...errors import DataError, DesignError
from ...kernels.mixed.linear import LinearMixed, RandomBlock
from ...kernels.mixed.search import fit_linear, is_singular
from ...kernels.raters.reliability import ROUNDING, IccForm, icc_forms
from ...kernels.scale import centred, unit_factor
from ...kernels.threads import few_threads
from ...results.frame import Rows, join_reasons, result_frame
from ...types import Data, Floats, Names
from ..shared.cells import Cells
from ..shared.study import choose_dimensions, in_one_modality, need, people_codes, to_frame
from .chance_corrected import by_modality, units_of

__all__ = ["icc"]


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
    conf_level : float
        Confidence level, where ratings are complete.

    Raises
    ------
    DataError
        When the study has no such dimension.
    DesignError
        When time steps are asked of a static dimension.

    Notes
    -----
    With complete ratings (every rater rated every target of the modality) the forms follow from
    mean squares: ICC(1) ``(MSB - MSW) / (MSB + (k - 1) MSW)``, ICC(A,1) for absolute agreement and
    ICC(C,1) for consistency of crossed raters, and ICC(k), ICC(A,k), ICC(C,k) for the mean of k
    raters; F is tested against 0. With perfect agreement F is infinite and p is 0. Where the means
    of the targets are equal, the mean of the raters has no reliability: NaN. Time steps of one
    annotation depend on each other, so with ``unit="time_step"`` F, p and the interval are NaN.

    Where ratings are missing, as in any balanced design with more items than one person can rate,
    the variance components come from a mixed model with random targets (and random raters for the
    A and C forms) by REML, and k is the harmonic mean of raters per target. F, its p and the
    interval are then NaN. Where each rater gave a single rating, what raters and what the residual
    add cannot be told apart, and the C forms are NaN. Missing and excluded ratings do not enter;
    nor do targets with one.

    References
    ----------
    McGraw, K. O., & Wong, S. P. (1996). Forming inferences about some intraclass correlation
    coefficients. Psychological Methods, 1(1), 30-46. https://doi.org/10.1037/1082-989X.1.1.30

    Shrout, P. E., & Fleiss, J. L. (1979). Intraclass correlations: Uses in assessing rater
    reliability. Psychological Bulletin, 86(2), 420-428. https://doi.org/10.1037/0033-2909.86.2.420

    Examples
    --------
    >>> from muvistats import icc, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> icc(study, dimension="arousal").query("modality == 'all'")["estimator"].tolist()
    ['ICC(1)', 'ICC(A,1)', 'ICC(C,1)', 'ICC(k)', 'ICC(A,k)', 'ICC(C,k)']
    """
    check_choice("unit", unit, ("annotation", "time_step"))
    check_conf_level(conf_level)
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
            found = _icc_rows(part, unit, conf_level)
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
        return long.dropna(subset="value")
    if not isinstance(data, xr.DataTree):
        raise DataError("time steps stand in a study; mv.from_frames makes one of your tables")
    need_study(data)
    values = data["annotations"].dataset[name]
    if "time" not in values.dims:
        raise DesignError(f"{name} is static and has no time steps")
    cells = Cells.of(data)
    array = np.where(cells.keep[:, None], values.to_numpy(), np.nan)
    steps = array.shape[1]
    row, step = np.nonzero(~np.isnan(array))
    annotations = data["annotations"].dataset
    levels = pd.CategoricalDtype(cells.modalities)
    return pd.DataFrame(
        {
            "item": annotations["item"].to_numpy()[row],
            "modality": pd.Categorical(annotations["modality"].to_numpy()[row], dtype=levels),
            "rater": annotations["participant"].to_numpy()[row],
            "value": array[row, step],
            "target": cells.of_annotation[row] * steps + step,
        }
    )


def _icc_rows(part: pd.DataFrame, unit: str, conf_level: float) -> list[dict[str, Any]]:
    what = {"annotation": "annotation medians", "time_step": "time steps"}[unit]
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
    if len(part) == targets * raters:
        matrix = part.pivot_table(index="target", columns="rater", values="value").to_numpy()
        forms = icc_forms(matrix, conf_level)
        method, warning = f"mean squares, {what}", ""
        if unit == "time_step":
            forms = [IccForm(form.name, form.estimate, *_UNTESTED, form.reason) for form in forms]
            warning = "time steps of an annotation depend on each other: no F test and no interval"
    else:
        forms, note = _icc_by_model(part)
        method = f"mixed model (REML), {what}"
        warning = join_reasons("ratings are not complete: no F test and no interval", note)
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


#: F, its degrees of freedom and p, and the limits of what is not tested.
_UNTESTED = (np.nan,) * 6

#: Why the C forms have no value.
_CONFOUNDED = "each rater gave one rating: raters cannot be told from the residuals"


def _icc_by_model(part: pd.DataFrame) -> tuple[list[IccForm], str]:
    """Forms from REML variance components, and what is to be said of the fits.

    k is the harmonic mean of raters per target.
    """
    y = centred(part["value"].to_numpy())
    y = y * unit_factor(y)
    k = float(1 / (1 / part.groupby("target").size()).mean())
    parts, notes = _parts_of_variance(part, y)
    single, average = [], []
    for name, (between, error) in parts.items():
        bracket = "" if name == "1" else f"{name},"
        reason = _CONFOUNDED if np.isnan(error) else ""
        single.append(IccForm(f"ICC({bracket}1)", between / (between + error), *_UNTESTED, reason))
        share = between / (between + error / k) if between > 0 or error > 0 else np.nan
        average.append(IccForm(f"ICC({bracket}k)", share, *_UNTESTED, reason))
    return [*single, *average], "; ".join(notes)


def _parts_of_variance(
    part: pd.DataFrame, y: Floats
) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Variance between targets and the error beside it, of each form, and what is to be said."""
    first = part["value"].groupby(part["target"]).transform("first")
    if np.abs(part["value"] - first).max() <= ROUNDING * part["value"].abs().max():
        return {"1": (1.0, 0.0), "A": (1.0, 0.0), "C": (1.0, 0.0)}, []
    ones = np.ones((len(y), 1))
    blocks = []
    for name in ("target", "rater"):
        levels, codes = np.unique(part[name].astype("str"), return_inverse=True)
        blocks.append(RandomBlock(ones, codes.ravel(), len(levels)))
    (target, error), notes = _components(ones, y, blocks[:1])
    one_way = (target, error)
    if blocks[1].size == len(y):
        return {"1": one_way, "A": one_way, "C": (target, np.nan)}, notes
    (between, rater, residual), more = _components(ones, y, blocks)
    parts = {"1": one_way, "A": (between, rater + residual), "C": (between, residual)}
    return parts, list(dict.fromkeys([*notes, *more]))


def _components(
    ones: Floats, y: Floats, blocks: list[RandomBlock]
) -> tuple[tuple[float, ...], list[str]]:
    """Variance of each random factor and of the residual by REML, and what is to be said."""
    model = LinearMixed(ones, y, blocks)
    with few_threads(sum(block.size for block in blocks)):
        optimum = fit_linear(model)
        residual = model.sigma(model.at(optimum.parameters)) ** 2
    notes = []
    if is_singular(optimum.parameters, blocks):
        notes.append("a component of variance is estimated as zero")
    if not optimum.converged:
        notes.append("REML did not converge")
    return (*(residual * optimum.parameters**2).tolist(), residual), notes

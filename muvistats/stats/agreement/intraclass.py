"""Intraclass correlation of annotation summaries and time steps."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import check_choice, check_conf_level
from ...dataset.access import need_study
from ...dataset.gate import takes_study
from ...errors import DesignError
from ...kernels.mixed.linear import LinearMixed, RandomBlock
from ...kernels.mixed.search import fit_linear, is_singular
from ...kernels.raters.reliability import IccForm, icc_forms
from ...kernels.threads import few_threads
from ...results.frame import Rows, join_reasons, result_frame
from ...types import Floats, Names
from ..shared.cells import Cells
from ..shared.study import choose_dimensions, need, to_frame
from .chance_corrected import by_modality, units_of

__all__ = ["icc"]


@result_frame(
    "dimension, modality and form",
    "dimension modality estimator estimate conf_low conf_high conf_level statistic statistic_name",
    "df df_denom p_value n n_items n_participants method",
)
@takes_study
def icc(
    data: xr.DataTree,
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
    raters; F is tested against 0.

    Where ratings are missing, as in any balanced design with more items than one person can rate,
    the variance components come from a mixed model with random targets (and random raters for the
    A and C forms) by REML, and k is the harmonic mean of raters per target. F, its p and the
    interval are then NaN. Missing and excluded ratings do not enter; nor do targets with one.

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
    for name in choose_dimensions(data, dimension):
        long = _ratings(data, name, unit)
        for modality, part in by_modality(long):
            count = part.groupby("target")["rater"].transform("size")
            part = part[count > 1]
            common = {
                "dimension": name,
                "modality": modality,
                "conf_level": conf_level,
                "n": len(part),
                "n_items": part["item"].nunique(),
                "n_participants": part["rater"].nunique(),
            }
            rows += [{**common, **row} for row in _icc_rows(part, unit, conf_level)]
    return rows


def _ratings(data: xr.DataTree, name: str, unit: str) -> pd.DataFrame:
    """One row per rating: its target, item, modality, rater and value."""
    if unit == "annotation":
        frame = to_frame(data)
        need(frame, "item", "modality", "participant", name)
        long = frame[["item", "modality", "participant", name]].rename(
            columns={"participant": "rater", name: "value"}
        )
        long["target"] = units_of(frame)
        return long.dropna(subset="value")
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
            "warning": warning,
        }
        for form in forms
    ]


def _icc_by_model(part: pd.DataFrame) -> tuple[list[IccForm], str]:
    """Forms from REML variance components, and what is to be said of the fits.

    k is the harmonic mean of raters per target.
    """
    y = part["value"].to_numpy() - part["value"].mean()
    ones = np.ones((len(y), 1))
    blocks = []
    for name in ("target", "rater"):
        levels, codes = np.unique(part[name].astype("str"), return_inverse=True)
        blocks.append(RandomBlock(ones, codes.ravel(), len(levels)))
    one_way, crossed = (_components(ones, y, blocks[:count]) for count in (1, 2))
    notes = dict.fromkeys(note for found in (one_way, crossed) for note in found[1])
    (target, error), (crossed_target, rater, residual) = one_way[0], crossed[0]
    k = float(1 / (1 / part.groupby("target").size()).mean())
    forms = {
        "1": (target, error),
        "A": (crossed_target, rater + residual),
        "C": (crossed_target, residual),
    }
    single, average = [], []
    for name, (between, error) in forms.items():
        bracket = "" if name == "1" else f"{name},"
        nan = (np.nan,) * 6
        single.append(IccForm(f"ICC({bracket}1)", between / (between + error), *nan))
        average.append(IccForm(f"ICC({bracket}k)", between / (between + error / k), *nan))
    return [*single, *average], "; ".join(notes)


def _components(
    ones: Floats, y: Floats, blocks: list[RandomBlock]
) -> tuple[list[float], list[str]]:
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
    return [*(residual * optimum.parameters**2).tolist(), residual], notes

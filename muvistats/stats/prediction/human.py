"""Is a model as good as a person, and as smooth? Its predictions beside single raters."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from ...arguments import DEPENDENCE, Dependence, check_dependence
from ...dataset.gate import takes_study
from ...dataset.interval import interval_of
from ...kernels.raters.roughness import roughness
from ...results.frame import join_reasons, result_frame
from ...types import Floats, Names, Row
from ..agreement.concordance import interrater_ccc
from ..shared.cells import Cells, over_cells
from .fits import ModelFit
from .models import FeatureModels, Model, Sets, as_models
from .ranking import loss_over_items

#: What is averaged, by metric.
_ESTIMATORS = {"ccc": "mean concordance", "roughness": "mean roughness"}


@result_frame(
    "model and way to take the rows",
    "modality features target configuration metric estimate estimator std_error statistic",
    "statistic_name df p_value conf_low conf_high conf_level effect_size effect_size_name mean1",
    "mean2 noise_ceiling n1 n2 n_items method dependence",
)
@takes_study
def compare_with_human(
    data: xr.DataTree | FeatureModels,
    *,
    metric: Literal["ccc", "roughness"] = "ccc",
    model: Model = "lasso",
    dimension: Names | None = None,
    sets: Sets | None = None,
    dependence: Dependence = DEPENDENCE,
    conf_level: float = 0.95,
    n_jobs: int = 1,
) -> list[Row]:
    """Concordance or roughness of raters against that of a model (section 7.1.1).

    Parameters
    ----------
    data : DataTree or FeatureModels
        A study, or models that were fitted to one.
    metric : {"ccc", "roughness"}
        What is compared: concordance with the weighted estimator, or how rough a line is over
        time.

    Raises
    ------
    DataError
        When the study has no dynamic dimension, no features, or no step with both.
    DesignError
        For another `dependence`.

    See Also
    --------
    lasso_models : The scores of the models.
    interrater_ccc : The agreement of people.
    noise_ceiling : What a model could reach at best.

    Notes
    -----
    The independent row compares all annotations with all items, as in the paper; the design row
    pairs each item with itself.

    People: the concordance of each annotation with the weighted estimator of the other raters of
    its item and modality (`interrater_ccc`). Model: the concordance of its prediction with the
    estimator of all of them, one value per item. The difference is people less model.

    `independent` is Welch's t test between all annotations (`n1`) and all items (`n2`), its effect
    size Cohen's d with the mean of the two variances. The paper prints t = 1.82 for arousal of
    music by audio features and not its formula: the means and standard deviations of its Tables 4
    and 5 give just that with Welch's t, 81 items and 488 annotations. Annotations of an item are
    not independent of each other, nor of the model's score on that item.
    `design` averages the annotations of an item and tests the paired differences over items, with
    the mean over the standard deviation of the differences as effect size. It has far more power,
    since easy items are easy for both.

    A p-value above .05 does not say that the model is as good as a person: the interval tells how
    much worse it may be. The model is held against an estimator with one rater more than people
    are, which helps it a little. Undefined values are left out, and with them the item in the
    paired form.

    Roughness is half of von Neumann's ratio, ``mean((x[t + 1] - x[t])^2) / (2 var(x))``, of each
    annotation and of each prediction of an item: about 1 for white noise, near 0 for a smooth
    line, whatever the unit. A line that does not move has none. A negative difference says that
    people are smoother than the model. There is no ceiling of it.

    References
    ----------
    von Neumann, J. (1941). Distribution of the ratio of the mean square successive difference to
    the variance. The Annals of Mathematical Statistics, 12(4), 367-395.
    https://doi.org/10.1214/aoms/1177731677

    Welch, B. L. (1947). The generalization of Student's problem when several different population
    variances are involved. Biometrika, 34(1-2), 28-35. https://doi.org/10.1093/biomet/34.1-2.28

    Examples
    --------
    >>> from muvistats import compare_with_human, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12)
    >>> frame = compare_with_human(study, sets=[("visual", "visual")], dimension="arousal")
    >>> frame["dependence"].tolist()
    ['independent', 'design']
    """
    asked = check_dependence(dependence)
    models = as_models(data, model=model, dimension=dimension, sets=sets, n_jobs=n_jobs)
    people = _people(models, metric)
    rows: list[Row] = []
    for fit in models.fits:
        base = models.keys(fit) | models.provenance
        base |= {"n1": 0, "n2": 0, "n_items": 0, "statistic_name": "t", "metric": metric}
        base |= {"estimator": f"{_ESTIMATORS[metric]}, people less model", "warning": fit.note}
        base["noise_ceiling"] = _ceiling(models, fit) if metric == "ccc" else np.nan
        for way in asked:
            row = base | {"dependence": way}
            if fit.problem:
                rows.append(row | {"warning": fit.problem})
            else:
                own = people[
                    (people["dimension"] == fit.target) & (people["modality"] == fit.modality)
                ]
                compare = _welch if way == "independent" else _paired
                found = compare(own, _model(models, fit, metric), conf_level)
                reason = join_reasons(fit.note, found.pop("warning", ""))
                rows.append(row | found | {"warning": reason})
    return rows


def _ceiling(models: FeatureModels, fit: ModelFit) -> float:
    values = models.ceilings_of(fit)
    return float(np.nanmean(values)) if (~np.isnan(values)).any() else np.nan


def _people(models: FeatureModels, metric: str) -> pd.DataFrame:
    """The metric of each annotation."""
    names = list(dict.fromkeys(fit.target for fit in models.fits))
    if metric == "ccc":
        frame = interrater_ccc(models.data, level="annotation", dimension=names)
        return frame.rename(columns={"ccc": "value"})
    interval_of(models.data["annotations/time"].to_numpy())
    cells = Cells.of(models.data)
    of_annotation = cells.of_annotation
    parts = []
    for name in names:
        values = models.data["annotations"].dataset[name]
        (found,) = over_cells(values, cells, lambda block, _: (roughness(block),))
        part = {
            "dimension": name,
            "modality": np.array(cells.modalities)[cells.modality[of_annotation]],
            "item": np.array(cells.items)[cells.item[of_annotation]],
            "value": found,
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def _model(models: FeatureModels, fit: ModelFit, metric: str) -> pd.Series:
    """The metric of the prediction of each item."""
    names = [models.inputs.items[i] for i in fit.items]
    if metric == "ccc":
        return pd.Series(fit.ccc, index=names)
    item = models.inputs.item
    return pd.Series([float(roughness(fit.fitted[item == i])) for i in fit.items], index=names)


def _welch(people: pd.DataFrame, model: pd.Series, conf_level: float) -> Row:
    """All annotations against all items."""
    first: Floats = people["value"].dropna().to_numpy()
    second: Floats = model.dropna().to_numpy()
    row: Row = {
        "method": "Welch's t test, annotations against items",
        "effect_size_name": "Cohen's d, mean of the variances",
        "n1": len(first),
        "n2": len(second),
        "n_items": len(second),
        "conf_level": conf_level,
    }
    if min(len(first), len(second)) < 2:
        return row | {"warning": "fewer than two values in a group"}
    row |= {"mean1": first.mean(), "mean2": second.mean()}
    row["estimate"] = row["mean1"] - row["mean2"]
    variances = first.var(ddof=1), second.var(ddof=1)
    if sum(variances) == 0:
        return row | {"warning": "neither group varies"}
    found = stats.ttest_ind(first, second, equal_var=False)
    low, high = found.confidence_interval(conf_level)
    return row | {
        "std_error": np.sqrt(variances[0] / len(first) + variances[1] / len(second)),
        "statistic": found.statistic,
        "df": found.df,
        "p_value": found.pvalue,
        "conf_low": low,
        "conf_high": high,
        "effect_size": row["estimate"] / np.sqrt(np.mean(variances)),
    }


def _paired(people: pd.DataFrame, model: pd.Series, conf_level: float) -> Row:
    """Each item with itself."""
    human = people.groupby("item", sort=False)["value"].mean().reindex(model.index)
    both = human.notna() & model.notna()
    found = loss_over_items((human - model)[both].to_numpy(dtype=float), conf_level)
    spread = found.pop("sd", np.nan)
    del found["estimator"]
    used = people[people["item"].isin(model.index[both])]
    return found | {
        "method": "paired t test over items",
        "effect_size": found["estimate"] / spread if spread > 0 else np.nan,
        "effect_size_name": "mean over sd of the differences",
        "mean1": human[both].mean() if both.any() else np.nan,
        "mean2": model[both].mean() if both.any() else np.nan,
        "n1": int(used["value"].notna().sum()),
        "n2": int(both.sum()),
    }

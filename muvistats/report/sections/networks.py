"""Networks that were trained before: Table 6, the tests of section 7.1.2, Figures 7 and 9."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import matplotlib.figure
import pandas as pd

from ...deep.paired import DEFAULT_PAIRS, paired_tests
from ...deep.summaries import summarise
from ...errors import DataError
from ...kernels.raters.agreement import ccc
from ...plots.diagrams import plot_architectures
from ...plots.models import plot_model_trajectory
from ...plots.networks import plot_architecture_comparison
from ..networks import NetworkResults
from ..parts import Compute, Figure, Frames, Section, Table, drawn
from ..predictions import kept_predictions
from .models import WIDE_RULES, wide

_SETTING = ("modality", "features", "configuration")
_NEEDS: Any = ("dynamics", "audio", "visual")


def _of_scores(function: Callable[..., pd.DataFrame]) -> Compute:
    return lambda networks, _: function(networks.scores)


def _tests(scores: pd.DataFrame) -> pd.DataFrame:
    """Tests of the default pairs, and of both fusions against linear models."""
    names = set(scores["configuration"])
    pairs = [*DEFAULT_PAIRS, ("early_fusion", "lasso"), ("late_fusion", "lasso")]
    there = [pair for pair in pairs if set(pair) <= names]
    return paired_tests(scores, pairs=there or None)


def _table_6(frame: pd.DataFrame) -> pd.DataFrame:
    """Error and concordance in one row; the linear model below the networks of its features."""
    rows = wide(frame, (*_SETTING, "target"))
    order = rows[rows["configuration"] != "lasso"].drop_duplicates(["modality", "features"])
    place = {key: n for n, key in enumerate(zip(order["modality"], order["features"], strict=True))}
    by = [
        place.get(key, len(place)) for key in zip(rows["modality"], rows["features"], strict=True)
    ]
    targets = {name: n for n, name in enumerate(dict.fromkeys(rows["target"]))}
    rows = rows.assign(_by=by, _target=rows["target"].map(targets))
    rows["_linear"] = rows["configuration"] == "lasso"
    return rows.sort_values(["_target", "_by", "_linear"], kind="stable")


def _by_item(frame: pd.DataFrame) -> pd.DataFrame:
    """Concordance of the prediction of each item, best first."""
    rows = []
    keys = ["configuration", "target", "item"]
    for key, part in frame.groupby(keys, sort=False):
        observed, fitted = part["observed"].to_numpy(), part["fitted"].to_numpy()
        error = math.sqrt(((observed - fitted) ** 2).mean())
        row = dict(zip(keys, key, strict=True))
        rows.append(row | {"RMSE": error, "CCC": float(ccc(observed, fitted)), "Steps": len(part)})
    return pd.DataFrame(rows).sort_values("CCC", ascending=False, kind="stable")


def _trajectory(networks: NetworkResults, frames: Frames) -> matplotlib.figure.Figure:
    if networks.study is None:
        raise DataError("the study of the networks is not here")
    return plot_model_trajectory(kept_predictions(frames["network_predictions"], networks.study))


NETWORK_SECTIONS = (
    Section(
        key="lstm-networks",
        chapter="models",
        title="Networks, and transfer from isolated ratings",
        reference="Table 6, section 7.1.2, Figures 7 and 9",
        text=(
            "LSTM networks see two seconds of features and predict the next half second, of "
            "items that they have not seen. PAIR is late fusion whose two branches start from "
            "networks of the music and the visual ratings. Linear models have the same folds and "
            "are scored at the same steps. Each item counts once: seeds and repeats are averaged "
            "first. Tests named design know that items of a fold share a network."
        ),
        of_networks=True,
        tables=(
            Table(
                "networks",
                "Error and concordance of networks on held-out items",
                _of_scores(summarise),
                needs=_NEEDS,
                published=("compare_architectures",),
                view=_table_6,
                columns=(
                    "target",
                    *_SETTING,
                    "RMSE",
                    "SD of RMSE",
                    "CCC",
                    "SD of CCC",
                    "conf_low",
                    "conf_high",
                    "noise_ceiling",
                    "n_items",
                ),
                rules=WIDE_RULES,
                of_networks=True,
            ),
            Table(
                "network_tests",
                "Configurations in pairs, the first less the second",
                _of_scores(_tests),
                needs=_NEEDS,
                published=("paired_tests",),
                columns=(
                    "group1 group2 target metric method dependence estimate conf_low conf_high "
                    "statistic df p_value p_adjusted effect_size"
                ),
                collapsed=True,
                of_networks=True,
            ),
            Table(
                "network_predictions",
                "Items by the concordance of their prediction",
                lambda networks, _: networks.predictions,
                needs=_NEEDS,
                view=_by_item,
                rules={"RMSE": "number", "CCC": "number", "Steps": "count"},
                limit=200,
                collapsed=True,
                of_networks=True,
            ),
        ),
        figures=(
            Figure(
                "architectures_figure",
                "Architectures that were compared, drawn from the models",
                "Boxes of layers with arrows between them, one column of boxes for each network",
                lambda networks, _: plot_architectures(networks.diagrams),
                needs=_NEEDS,
                of_networks=True,
            ),
            Figure(
                "architecture_comparison",
                "Means over held-out items with intervals, linear models and noise ceiling",
                "Points with intervals, one line for each configuration, for error and concordance",
                drawn(plot_architecture_comparison, "networks"),
                needs=_NEEDS,
                uses=("networks",),
                of_networks=True,
            ),
            Figure(
                "network_trajectory",
                "Raters, weighted estimator and network for the item with median concordance",
                "Lines of raters, a bold estimator and the dashed prediction of the network",
                _trajectory,
                needs=_NEEDS,
                uses=("network_predictions",),
                of_networks=True,
            ),
        ),
    ),
)

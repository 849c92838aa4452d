"""Every public figure, of small studies with fixed seeds: for the rules and for the pictures.

`python -m tests.plots.figures` (or `make pictures`) draws the pictures of `baseline` again.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure
from PIL import Image

import muvistats as mv

BASELINE = Path(__file__).parent / "baseline"

#: Width and resolution of the pictures.
WIDTH, DPI = "column", 60

N = 19  # resamples

Draw = Callable[..., Figure]


@functools.cache
def study() -> xr.DataTree:
    return mv.simulate_muvi(rng=1, n_items=9, n_participants=9, features=False)


@functools.cache
def one_modality() -> xr.DataTree:
    return mv.select(study(), modality="music")


def _result(make: Callable[[], Any]) -> Callable[[], Any]:
    return functools.cache(make)


FORMULA = "arousal ~ modality * gender + (1 | participant) + (1 | item)"
_fit = _result(lambda: mv.mixed_model(study(), FORMULA))
_course = _result(
    lambda: mv.linear_model(study(), "arousal ~ modality * cr(trial, df=3)").trajectories(
        "modality", variable="trial", n_resamples=N
    )
)
_frequencies = _result(lambda: mv.label_frequencies(study()))
_deviations = _result(lambda: mv.label_deviations(study(), by="familiar"))
_correlations = _result(lambda: mv.label_correlations(study()))
_alignment = _result(lambda: mv.label_alignment_check(study(), n_resamples=N))
_concordance = _result(lambda: mv.interrater_ccc(study(), level="modality", n_resamples=N))
_items = _result(lambda: mv.modality_correlations(study(), level="item"))
_contribution = _result(lambda: mv.modality_contribution(study(), n_resamples=N))
_dominance = _result(lambda: mv.dominance_over_time(study(), n_resamples=N))
_over_time = _result(
    lambda: mv.over_time(study(), "arousal ~ modality", level="group", n_resamples=N)
)
_power = _result(
    lambda: mv.power_study(
        n_participants=(6, 9), n_items=3, n_sims=2, n_resamples=N, cache=False, progress=False
    )
)


@functools.cache
def _rates() -> pd.DataFrame:
    table = mv.calibration_table()
    return table[table["scenario"] == "no_gender"]


@functools.cache
def _verdicts() -> pd.DataFrame:
    names = ["labels depend on gender", "arousal differs between modalities", "valence is alike"]
    return pd.DataFrame(
        {
            "finding": names,
            "p_independent": [0.008, 1e-9, 0.4],
            "p_design": [0.7, 0.001, 0.03],
            "p_model": [1.0, 0.2, 0.04],
            "verdict": ["does not survive", "weakens", "emerges"],
            "alignment": "released",
            "simulated": True,
        }
    )


@functools.cache
def _predicted() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {"label": label, "modality": modality, "estimate": (r := rng.uniform(-0.3, 0.7)),
         "conf_low": r - 0.2, "conf_high": r + 0.2, "p_adjusted": float(r < 0.4),
         "noise_ceiling": 0.8, "features": "audio_visual", "simulated": True}
        for modality in ("music", "visual", "audiovisual")
        for label in ("moved", "energetic", "sad", "tearful", "feeling_of_transcendence")
    ]  # fmt: skip
    return pd.DataFrame(rows)


@functools.cache
def _ranked() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {"modality": "music", "features": "audio", "target": target, "feature": f"mfcc_{k}",
         "family": "mfcc", "rank": k, "estimate": (-0.8) ** k, "share": rng.choice([0.8, 1.0]),
         "simulated": True}
        for target in ("arousal", "valence")
        for k in range(1, 7)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@functools.cache
def _compared() -> pd.DataFrame:
    rows = [
        {"modality": "music", "features": "audio", "configuration": name, "target": target,
         "metric": metric, "mean": 0.2 + 0.1 * k, "conf_low": 0.1, "conf_high": 0.5,
         "noise_ceiling": 0.7, "simulated": True}
        for target in ("arousal", "valence")
        for metric in ("rmse", "ccc")
        for k, name in enumerate(("unimodal", "pair", "lasso"))
    ]  # fmt: skip
    return pd.DataFrame(rows)


@functools.cache
def _models(*modalities: str) -> SimpleNamespace:
    """What fitted models have of themselves that a figure reads."""
    items = [str(name) for name in study()["items/item"].to_numpy()][:3]
    steps = study()["annotations"].sizes["time"]
    time = np.tile(study()["annotations/time"].to_numpy().astype(float), 3)
    item = np.repeat(np.arange(3), steps)
    data = mv.select(study(), modality=list(modalities))
    inputs = SimpleNamespace(items=items, modalities=list(modalities), item=item, time=time)
    fits = [
        SimpleNamespace(modality=name, features="audio", target="arousal", problem="",
                        items=np.arange(3), fitted=np.sin(time / 9) / 3,
                        ccc=np.array([0.1, 0.2, 0.3]))
        for name in modalities
    ]  # fmt: skip
    return SimpleNamespace(inputs=inputs, fits=fits, data=data, configuration="lasso")


class _Net:
    """A functional model of three layers, as Keras describes it."""

    name = "unimodal"

    def get_config(self) -> dict[str, Any]:
        def read(name: str, *shape: int) -> list[Any]:
            history = {"keras_history": [name, 0, 0], "shape": [None, *shape]}
            tensor = {"class_name": "__keras_tensor__", "config": history}
            return [{"args": [tensor], "kwargs": {}}]

        layers = [
            ("InputLayer", "audio", [], {"batch_shape": [None, 4, 988]}),
            ("LSTM", "lstm", read("audio", 4, 988), {"units": 8}),
            ("Dense", "rating", read("lstm", 8), {"units": 1, "activation": "linear"}),
        ]
        return {
            "layers": [
                {"class_name": kind, "name": name, "config": {"name": name, **config},
                 "inbound_nodes": nodes}
                for kind, name, nodes, config in layers
            ]
        }  # fmt: skip


def _first(make: Callable[[], Any], column: str) -> Any:
    """Rows of a result of the first value of a column."""
    frame = make()
    return frame[frame[column] == frame[column].iloc[0]]


#: Figures as they are in general, by the name of the function.
FIGURES: dict[str, Draw] = {
    "plot_agreement_trajectory": lambda **kw: mv.plot_agreement_trajectory(
        study(), **{"item": str(study()["items/item"].to_numpy()[0]), "dimension": "arousal"} | kw
    ),
    "plot_architecture_comparison": lambda **kw: mv.plot_architecture_comparison(_compared(), **kw),
    "plot_architectures": lambda **kw: mv.plot_architectures([_Net(), _Net()], **kw),
    "plot_calibration": lambda **kw: mv.plot_calibration(_rates(), **kw),
    "plot_coefficients": lambda **kw: mv.plot_coefficients(_fit(), **kw),
    "plot_dimension_distributions": lambda **kw: mv.plot_dimension_distributions(study(), **kw),
    "plot_dominance_over_time": lambda **kw: mv.plot_dominance_over_time(_dominance(), **kw),
    "plot_feature_ranks": lambda **kw: mv.plot_feature_ranks(_ranked(), **kw),
    "plot_interrater_ccc": lambda **kw: mv.plot_interrater_ccc(_concordance(), **kw),
    "plot_label_alignment": lambda **kw: mv.plot_label_alignment(_alignment(), **kw),
    "plot_label_correlations": lambda **kw: mv.plot_label_correlations(_correlations(), **kw),
    "plot_label_deviations": lambda **kw: mv.plot_label_deviations(_deviations(), **kw),
    "plot_label_frequencies": lambda **kw: mv.plot_label_frequencies(_frequencies(), **kw),
    "plot_label_plane": lambda **kw: mv.plot_label_plane(study(), **kw),
    "plot_label_prediction": lambda **kw: mv.plot_label_prediction(_predicted(), **kw),
    "plot_mean_trajectories": lambda **kw: mv.plot_mean_trajectories(study(), **kw),
    "plot_means": lambda **kw: mv.plot_means(_fit().emmeans(["modality", "gender"]), **kw),
    "plot_modality_contribution": lambda **kw: mv.plot_modality_contribution(_contribution(), **kw),
    "plot_modality_correlations": lambda **kw: mv.plot_modality_correlations(_items(), **kw),
    "plot_modality_medians": lambda **kw: mv.plot_modality_medians(study(), **kw),
    "plot_model_trajectory": lambda **kw: mv.plot_model_trajectory(
        _models("music", "visual", "audiovisual"), **kw
    ),
    "plot_over_time": lambda **kw: mv.plot_over_time(_over_time(), **kw),
    "plot_power": lambda **kw: mv.plot_power(_power(), **kw),
    "plot_raincloud": lambda **kw: mv.plot_raincloud(study(), **{"by": "gender"} | kw),
    "plot_rater_concordance": lambda **kw: mv.plot_rater_concordance(
        study(), **{"dimension": "arousal"} | kw
    ),
    "plot_residuals": lambda **kw: mv.plot_residuals(_fit(), **kw),
    "plot_sensitivity": lambda **kw: mv.plot_sensitivity(_verdicts(), **kw),
    "plot_trajectories": lambda **kw: mv.plot_trajectories(_course(), **kw),
}

#: The same with one panel, where the others have several.
OF_ONE_PANEL: dict[str, Draw] = FIGURES | {
    "plot_agreement_trajectory": lambda **kw: mv.plot_agreement_trajectory(
        one_modality(), item=str(study()["items/item"].to_numpy()[0]), dimension="arousal", **kw
    ),
    "plot_architecture_comparison": lambda **kw: mv.plot_architecture_comparison(
        _first(_compared, "target"), metrics=["ccc"], **kw
    ),
    "plot_dimension_distributions": lambda **kw: mv.plot_dimension_distributions(
        one_modality(), **{"dimension": "arousal"} | kw
    ),
    "plot_feature_ranks": lambda **kw: mv.plot_feature_ranks(_first(_ranked, "target"), **kw),
    "plot_interrater_ccc": lambda **kw: mv.plot_interrater_ccc(
        _first(_concordance, "dimension"), **kw
    ),
    "plot_label_alignment": lambda **kw: mv.plot_label_alignment(
        _first(_alignment, "variable"), **kw
    ),
    "plot_label_deviations": lambda **kw: mv.plot_label_deviations(
        _first(_deviations, "group"), **kw
    ),
    "plot_label_prediction": lambda **kw: mv.plot_label_prediction(
        _first(_predicted, "modality"), **kw
    ),
    "plot_mean_trajectories": lambda **kw: mv.plot_mean_trajectories(
        study(), dimension="arousal", **kw
    ),
    "plot_modality_correlations": lambda **kw: mv.plot_modality_correlations(
        _first(_items, "dimension"), **kw
    ),
    "plot_modality_medians": lambda **kw: mv.plot_modality_medians(
        study(), dimension="arousal", **kw
    ),
    "plot_model_trajectory": lambda **kw: mv.plot_model_trajectory(_models("music"), **kw),
    "plot_power": lambda **kw: mv.plot_power(_first(_power, "dimension"), **kw),
    "plot_raincloud": lambda **kw: mv.plot_raincloud(
        study(), by="gender", dimension="arousal", **kw
    ),
    "plot_residuals": lambda **kw: mv.plot_residuals(_fit(), show="qq", **kw),
}


def picture(name: str, folder: Path) -> Path:
    """Draw a figure into a small file: a column wide, in 48 colours."""
    stream, path = io.BytesIO(), folder / f"{name}.png"
    FIGURES[name](width=WIDTH).savefig(stream, format="png", dpi=DPI)
    Image.open(stream).convert("RGB").quantize(48).save(path, optimize=True)
    return path


def main() -> None:
    """Draw all pictures again, and remove those of figures that are no more."""
    BASELINE.mkdir(exist_ok=True)
    for path in BASELINE.glob("*.png"):
        path.unlink()
    for name in FIGURES:
        picture(name, BASELINE)


if __name__ == "__main__":
    main()

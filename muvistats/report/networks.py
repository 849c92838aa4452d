"""Results of `muvistats deep compare`: kept in a folder, read by the report. No Keras here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
import pandas as pd
import xarray as xr

from ..deep.protocols import Protocol
from ..deep.summaries import summarise
from ..errors import DataError
from ..plots.diagrams import plot_architectures
from ..plots.layers import read_network
from ..plots.models import plot_model_trajectory
from ..plots.networks import network_name, plot_architecture_comparison
from ..results.frame import provenance, read_frame, write_frame
from ..results.words import MISSING, fixed, word
from .cache import data_hash
from .folder import NETWORKS, finished_folder
from .predictions import kept_predictions

#: File that says what the results belong to.
ABOUT = "networks.json"

_FORMAT = 1
_SCORES, _PREDICTIONS = "compare_architectures", "predictions"
_MADE_BY = "muvistats deep compare FOLDER --out REPORT"


@dataclass(frozen=True, slots=True)
class Diagram:
    """The graph of a network, kept as text; `plot_architectures` draws it like a model.

    Parameters
    ----------
    config : mapping
        Configuration of the Keras model.
    initialised_from : mapping of str to str
        Network whose weights a layer starts from.
    parameters : int
        Number of weights.
    """

    config: Mapping[str, Any]
    initialised_from: Mapping[str, str]
    parameters: int

    def get_config(self) -> Mapping[str, Any]:
        """Configuration of the Keras model."""
        return self.config

    def count_params(self) -> int:
        """Number of weights."""
        return self.parameters


@dataclass(frozen=True, slots=True)
class NetworkResults:
    """What `muvistats deep compare` found, for the study of a report.

    Parameters
    ----------
    scores : DataFrame
        Frame of `compare_architectures`.
    predictions : DataFrame
        Gold standard and prediction of every tested step, of one configuration.
    diagrams : mapping of str to Diagram
        Architectures by title.
    about : mapping
        Protocol, seeds, backend, versions, hash of the data.
    study : DataTree, optional
        The study that they were trained on.
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame
    diagrams: Mapping[str, Diagram]
    about: Mapping[str, Any]
    study: xr.DataTree | None = None

    @property
    def is_trial(self) -> bool:
        """Whether they come from small networks and few epochs."""
        return bool(self.about["quick"])

    @property
    def faults(self) -> str:
        """Why the numbers of the protocol are not what they seem; empty for a fair one."""
        return Protocol(**self.about["protocol"]).faults

    @property
    def counts(self) -> bool:
        """Whether they may answer for the paper's claims."""
        return not (self.is_trial or self.faults)

    @property
    def note(self) -> str:
        """Protocol, seeds, backend and data in words."""
        about = self.about
        seeds, repeats = int(about["n_seeds"]), int(about["n_repeats"])
        versions = " ".join([f"Keras {about['versions']['keras']} on", *self._backend()])
        parts = [
            f"Protocol: {about['protocol']['name']}; {_number(seeds, 'seed')} for each network, "
            f"{_number(repeats, 'partition')} of the items into folds; {versions}."
        ]
        if self.is_trial:
            parts.append(
                "This is a quick trial with small networks and few epochs: it shows that all is "
                "in place, not how good the architectures are, and does not count in the summary."
            )
        if self.faults:
            parts.append(f"Under this protocol {self.faults}; it does not count in the summary.")
        if about["simulated"]:
            parts.append("The networks were trained on simulated data.")
        return " ".join(parts)

    def _backend(self) -> list[str]:
        name = str(self.about["backend"])
        version = self.about["versions"].get(name)
        return [name] if version is None else [name, str(version)]


def _number(count: int, noun: str) -> str:
    return f"{'one' if count == 1 else count} {noun}{'' if count == 1 else 's'}"


def find_networks(
    folder: Path, readings: Mapping[str, xr.DataTree], hashes: Mapping[str, str]
) -> tuple[NetworkResults | None, str]:
    """Results for a study, or why there are none.

    Parameters
    ----------
    folder : Path
        Folder that `write_networks` wrote, or that is not there.
    readings : mapping of str to DataTree
        The study, by the reading of its labels.
    hashes : mapping of str to str
        Hash of each reading.

    Returns
    -------
    tuple of NetworkResults or None, and str
        The results, and an empty text; or None and the reason.
    """
    if not (folder / ABOUT).is_file():
        return None, f"no trained networks beside this report; {_MADE_BY} trains them"
    try:
        results = _read(folder)
    except Exception as error:  # whatever json and pandas say of a damaged file
        return None, f"the networks beside this report cannot be read: {error}"
    data = str(results.about["data"])
    for name, study in readings.items():
        if hashes[name] == data:
            return replace(results, study=study), ""
    ours = next(iter(hashes.values()))
    return None, (
        f"the networks beside this report were trained on other data (hash {data[:8]}, "
        f"here {ours[:8]}): {_MADE_BY} trains them anew"
    )


def _read(folder: Path) -> NetworkResults:
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    if about["format"] != _FORMAT:
        raise DataError("unknown format", file=ABOUT, found=about["format"], expected=_FORMAT)
    frames = {}
    for name in (_SCORES, _PREDICTIONS):
        path = folder / f"{name}.csv"
        if _digest(path) != about["files"][path.name]:
            raise DataError("has changed since it was written", file=path.name)
        frames[name] = read_frame(path)
    diagrams = {
        str(title): Diagram(kept["config"], kept["initialised_from"], int(kept["parameters"]))
        for title, kept in about["diagrams"].items()
    }
    for diagram in diagrams.values():
        read_network(diagram)
    for key in ("protocol", "n_seeds", "n_repeats", "backend", "versions", "quick", "simulated"):
        about[key]  # a file without them is damaged
    return NetworkResults(frames[_SCORES], frames[_PREDICTIONS], diagrams, about)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(slots=True)
class TrainedNetworks:
    """What there is to be written.

    Parameters
    ----------
    study : DataTree
        The study, as the report reads it.
    scores : DataFrame
        Frame of `compare_architectures`.
    predictions : DataFrame
        Rows of ``NetworkModels.augment()``, of one configuration.
    tests : DataFrame
        Frame of `paired_tests`.
    architectures : mapping of str to keras.Model
        What Figure 7 shows, by title.
    settings : mapping
        Protocol (a mapping with its name), n_seeds, n_repeats, rng, backend, versions, quick.
    """

    study: xr.DataTree
    scores: pd.DataFrame
    predictions: pd.DataFrame
    tests: pd.DataFrame
    architectures: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def simulated(self) -> bool:
        """Whether the study is simulated."""
        return bool(provenance(self.study)["simulated"])


def write_networks(trained: TrainedNetworks, out: Path, *, overwrite: bool = False) -> list[Path]:
    """Write results where a report finds them: all files or none.

    Parameters
    ----------
    trained : TrainedNetworks
        The results.
    out : Path
        Folder of the report, there or not; the files go into its folder ``networks``. Earlier
        results are replaced.
    overwrite : bool
        Whether files in that folder that are not ours may be lost.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    DataError
        When the folder ``networks`` holds files that we did not write.
    """
    target = out / NETWORKS
    summary = summarise(trained.scores)
    models = kept_predictions(trained.predictions, trained.study)
    with finished_folder(target, overwrite=overwrite) as folder:
        frames = {
            _SCORES: trained.scores,
            "summary": summary,
            "paired_tests": trained.tests,
            _PREDICTIONS: trained.predictions,
        }
        for name, frame in frames.items():
            write_frame(frame, folder / f"{name}.csv")
        _save(folder / "architectures", plot_architectures(trained.architectures))
        _save(folder / "comparison", plot_architecture_comparison(summary))
        _save(folder / "trajectory", plot_model_trajectory(models))
        about = {
            "format": _FORMAT,
            "muvistats": installed("muvistats"),
            "data": data_hash(trained.study),
            "simulated": trained.simulated,
            **trained.settings,
            "files": {path.name: _digest(path) for path in sorted(folder.glob("*.csv"))},
            "diagrams": {title: _kept(model) for title, model in trained.architectures.items()},
        }
        text = json.dumps(about, indent=1, default=str)
        (folder / ABOUT).write_text(text + "\n", encoding="utf-8")
        names = sorted(path.name for path in folder.iterdir())
    return [target / name for name in names]


def _kept(model: Any) -> dict[str, Any]:
    return {
        "config": model.get_config(),
        "initialised_from": dict(getattr(model, "initialised_from", None) or {}),
        "parameters": int(model.count_params()),
    }


def _save(stem: Path, drawn: matplotlib.figure.Figure) -> None:
    for suffix, metadata in ((".png", {"Software": None}), (".svg", {"Date": None})):
        drawn.savefig(stem.with_suffix(suffix), metadata=metadata)


def summary_text(summary: pd.DataFrame) -> str:
    """Table 6 as text: mean and standard deviation over items of each configuration.

    Parameters
    ----------
    summary : DataFrame
        Frame of `summarise`.

    Returns
    -------
    str
        A header and a line for each configuration, in columns.
    """
    targets = list(dict.fromkeys(summary["target"]))
    same = summary.pivot_table(index=["configuration", "target"], columns="metric", values="mean")
    left_out = "rmse" if same["rmse"].equals(same["mse"]) else "mse"
    metrics = [name for name in ("mse", "rmse", "ccc") if name != left_out]
    columns = [(target, metric) for target in targets for metric in metrics]
    head = ["modality", "features", "configuration"]
    head += [f"{target} {metric.upper()}" for target, metric in columns]
    lines = [head]
    for key, part in summary.groupby(["modality", "features", "configuration"], sort=False):
        by = part.set_index(["target", "metric"])[["mean", "sd"]].to_dict("index")
        modality, features, configuration = key
        cells = [_cell(by.get(column)) for column in columns]
        lines.append([word(modality), word(features), network_name(configuration), *cells])
    return _aligned(lines)


def _cell(mean_and_sd: Mapping[Any, float] | None) -> str:
    if mean_and_sd is None or np.isnan(mean_and_sd["mean"]):
        return MISSING
    return f"{fixed(mean_and_sd['mean'], 3)} \u00b1 {fixed(mean_and_sd['sd'], 3)}"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )

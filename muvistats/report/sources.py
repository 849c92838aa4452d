"""Find the data that a report or a table is about."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import pandas as pd
import xarray as xr

from ..dataset.access import dimensions_of
from ..errors import AlignmentWarning, DataError
from ..results.frame import provenance
from .parts import Need

Data = xr.DataTree | str | Path | Mapping[str, xr.DataTree] | None
Alignment = Literal["released", "corrected"]
Progress = Callable[[str], None]

_FILES: dict[Need, str] = {
    "labels": "media_data.csv",
    "dynamics": "av_data.csv",
    "audio": "emobase_features",
    "visual": "combined_visual_features.csv",
}
_WORDS: dict[Need, str] = {
    "labels": "no labels",
    "dynamics": "no ratings over time",
    "familiar": "no familiarity",
    "overlay": "no overlay type",
    "trial": "no order of trials",
    "modalities": "one modality only",
    "audio": "no audio features",
    "visual": "no visual features",
}


@dataclass(frozen=True, slots=True)
class Source:
    """The data of a report.

    Parameters
    ----------
    readings : mapping of str to DataTree
        The study, once per reading of its labels, the first one leading.
    name : str
        Where it came from, in words; no path. Empty for a study in memory.
    warnings : tuple of str
        Texts of the alignment warnings that the reader gave.
    released_layout : bool
        Whether it was read from a folder in the layout of the MuVi release.
    """

    readings: Mapping[str, xr.DataTree]
    name: str = ""
    warnings: tuple[str, ...] = ()
    released_layout: bool = False

    @property
    def first(self) -> xr.DataTree:
        """The leading reading."""
        return next(iter(self.readings.values()))

    @property
    def is_muvi(self) -> bool:
        """Whether the study is MuVi, real or simulated, so that the paper's values are about it."""
        return str(self.first.attrs.get("study", "")).startswith("MuVi")

    @property
    def simulated(self) -> bool:
        """Whether the data is simulated."""
        return any(provenance(study)["simulated"] for study in self.readings.values())

    def rows_of(self, reading: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Rows of one reading, where there are several."""
        return frame[frame["alignment"] == reading] if len(self.readings) > 1 else frame


def _is_store(path: Path) -> bool:
    return path.suffix.lower() in (".zarr", ".nc", ".nc4", ".h5")


def load_source(data: Data = None, *, progress: Progress | None = None) -> Source:
    """Read what a report is about.

    Parameters
    ----------
    data : DataTree, path, mapping of str to DataTree, or None
        A study, taken as it is; a ``.zarr`` or ``.nc`` store, likewise; a folder that the
        annotation page filled, as `read_annotations` reads it; a folder in the layout of
        the MuVi release, read with both alignments and the paper's exclusions; readings of one
        study by name; or None for the simulated MuVi.
    progress : callable, optional
        Told what is being done.

    Returns
    -------
    Source
        The data.

    Raises
    ------
    DataError
        When the path is not there or is no study.
    """
    tell = progress or (lambda _: None)
    if isinstance(data, xr.DataTree):
        return Source({_alignment(data): data})
    if isinstance(data, Mapping):
        given = dict(cast("Mapping[str, xr.DataTree]", data))
        if not given:
            raise DataError("no study to report on", found="an empty mapping")
        return Source(given)
    if data is None:
        tell("Simulating MuVi")
        return Source({"as_recorded": _simulated()}, "the study embedded in the package")
    path = Path(data)
    if not path.exists():
        raise DataError("no such file or folder", file=path)
    if _is_store(path):
        from ..dataset.io import load_study

        tell(f"Reading {path.name}")
        study = load_study(path)
        return Source({_alignment(study): study}, f"file {path.name}")
    if _is_recorded(path):
        tell(f"Reading {path.name}")
        study = _recorded(path)
        return Source({_alignment(study): study}, f"folder {path.resolve().name}")
    readings: dict[str, xr.DataTree] = {}
    said: list[str] = []
    alignments: tuple[Alignment, ...] = ("released", "corrected")
    for alignment in alignments:
        tell(f"Reading {path.resolve().name}, labels {alignment}")
        readings[alignment], texts = _released(path, alignment)
        said.extend(texts)
    return Source(
        readings, f"folder {path.resolve().name}", tuple(dict.fromkeys(said)), released_layout=True
    )


def one_study(
    data: str | Path | None, *, label_alignment: Alignment | None = None
) -> tuple[xr.DataTree, tuple[str, ...]]:
    """One study, prepared as the report prepares it.

    Parameters
    ----------
    data : path or None
        As in `load_source`.
    label_alignment : {"released", "corrected"}, optional
        Reading of the labels of a released folder, ``released`` where not given.

    Returns
    -------
    tuple of DataTree and tuple of str
        The study, and the alignment warnings that its reader gave.

    Raises
    ------
    DataError
        When there is no such study, or it has one reading only and another was asked for.
    """
    if data is None or _is_store(Path(data)) or _is_recorded(Path(data)):
        source = load_source(data)
        if label_alignment not in (None, *source.readings):
            raise DataError(
                "this study has one reading of its labels",
                found=label_alignment,
                expected=", ".join(source.readings),
            )
        return source.first, ()
    path = Path(data)
    if not path.exists():
        raise DataError("no such file or folder", file=path)
    return _released(path, label_alignment or "released")


def _is_recorded(path: Path) -> bool:
    """Whether the annotation page stored its data here."""
    return (path / "study.json").is_file()


def _recorded(path: Path) -> xr.DataTree:
    from ..annotate.reading import read_annotations

    return read_annotations(path)


def _alignment(study: xr.DataTree) -> str:
    return str(provenance(study)["alignment"])


def _prepared(study: xr.DataTree) -> xr.DataTree:
    """The study with the paper's exclusions, which need ratings over time."""
    from ..dataset.prepare import released_exclusions

    annotations = study["annotations"].to_dataset()
    rated = {"arousal", "valence"} <= set(annotations.data_vars)
    if rated and all("time" in annotations[name].dims for name in ("arousal", "valence")):
        return released_exclusions(study)
    return study


def _simulated() -> xr.DataTree:
    from ..dataset.simulation.study import simulate_muvi

    return _prepared(simulate_muvi())


def _released(folder: Path, alignment: Alignment) -> tuple[xr.DataTree, tuple[str, ...]]:
    from ..dataset.release.reader import read_muvi

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AlignmentWarning)
        study = read_muvi(folder, label_alignment=alignment)
    texts = []
    for warning in caught:
        if issubclass(warning.category, AlignmentWarning):
            texts.append(str(warning.message))
        else:  # not ours to keep back
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return _prepared(study), tuple(texts)


def has_features(study: xr.DataTree, kind: str) -> bool:
    """Whether a study has features of this kind, audio or visual."""
    return any(node.path == f"/features/{kind}" for node in study.subtree)


def missing_part(study: xr.DataTree, needs: tuple[Need, ...], *, released: bool) -> str:
    """Why a study cannot serve these needs; empty where it can.

    Parameters
    ----------
    study : DataTree
        The study.
    needs : tuple of str
        Parts that are needed.
    released : bool
        Whether it came from a folder in the released layout, so that a file can be named.

    Returns
    -------
    str
        The reason, for example ``"av_data.csv is not in the folder"``.
    """
    annotations = study["annotations"].to_dataset()
    there: dict[Need, bool] = {
        "labels": "labels" in annotations,
        "dynamics": any("time" in annotations[name].dims for name in dimensions_of(study)),
        "familiar": "familiar" in annotations,
        "overlay": "overlay" in annotations,
        "trial": "trial" in annotations.variables,
        "modalities": len(set(annotations["modality"].to_numpy().tolist())) > 1,
        "audio": has_features(study, "audio"),
        "visual": has_features(study, "visual"),
    }
    for need in needs:
        if not there[need]:
            if released and need in _FILES:
                return f"{_FILES[need]} is not in the folder"
            return f"the study has {_WORDS[need]}"
    return ""

"""Find the data that a report or a table is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import pandas as pd
import xarray as xr

from ..dataset.access import dimensions_of, question_of
from ..dataset.schema import MODALITIES
from ..errors import DataError
from ..results.frame import provenance
from .factors import own_factors
from .parts import Need

Data = xr.DataTree | str | Path | Mapping[str, xr.DataTree] | None
Alignment = Literal["released", "corrected"]
Progress = Callable[[str], None]

_FILES: dict[Need, str] = {
    "labels": "media_data.csv",
    "dynamics": "av_data.csv",
    "rating": "av_data.csv",
    "audio": "emobase_features",
    "visual": "combined_visual_features.csv",
}
_WORDS: dict[Need, str] = {
    "rating": "no ratings",
    "ticks": "no labels of which several can be chosen",
    "categories": "no categories of labels",
    "superfactors": "no superfactors of labels",
    "people": "no ids of participants",
    "choice": "no question with one answer",
    "intended": "no column `intended`, which says what items were meant to show",
    "audiovisual": "no ratings of music, picture and both",
    "features": "no features",
    "factors": "no factors but modality",
    "labels": "no labels",
    "dynamics": "no ratings over time",
    "familiar": "no familiarity",
    "overlay": "no overlay type",
    "trial": "no order of trials",
    "ordinal": "no ratings in words",
    "retest": "nobody who rated the same again",
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
    def one_modality(self) -> bool:
        """Whether everything was rated in one modality."""
        return len(set(self.first["annotations/modality"].to_numpy().tolist())) == 1

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
    if path.is_file():
        raise DataError(
            "this is a file and no stored study; muvistats report reads tables of ratings, and "
            "mv.from_frames makes a study of one",
            file=path,
            expected="a .zarr or .nc study, as mv.save_dataset writes it, or a folder of data",
        )
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
    from ..dataset.release.reader import read_release

    study, shift = read_release(folder, alignment)
    return _prepared(study), (shift,) if shift else ()


def has_features(study: xr.DataTree, kind: str) -> bool:
    """Whether a study has features of this kind, audio or visual."""
    return any(node.path == f"/features/{kind}" for node in study.subtree)


def _has_texts(annotations: xr.Dataset, name: str) -> bool:
    """Whether there is a column with a text in it."""
    return name in annotations.coords and bool((annotations[name].to_numpy() != "").any())


def ordinal_dimensions(study: xr.DataTree) -> list[str]:
    """Dimensions whose ratings are words in an order."""
    annotations = study["annotations"].dataset
    return [name for name in dimensions_of(study) if "words" in annotations[name].attrs]


def parts_of(study: xr.DataTree) -> dict[Need, bool]:
    """Which parts that a report may need a study has."""
    annotations = study["annotations"].to_dataset()
    shown = set(annotations["modality"].to_numpy().tolist())
    kinds = {kind: has_features(study, kind) for kind in ("audio", "visual")}
    return {
        "rating": bool(dimensions_of(study)),
        "dynamics": any("time" in annotations[name].dims for name in dimensions_of(study)),
        "labels": "labels" in annotations,
        "ticks": "labels" in annotations and not question_of(study),
        "choice": bool(question_of(study)),
        "intended": "intended" in {*annotations.data_vars, *study["items"].data_vars},
        "categories": _has_texts(annotations, "label_category"),
        "superfactors": _has_texts(annotations, "label_superfactor"),
        "people": "participant" in annotations.coords,
        "familiar": "familiar" in annotations,
        "overlay": "overlay" in annotations,
        "trial": "trial" in annotations.variables,
        "modalities": len(shown) > 1,
        "audiovisual": shown >= set(MODALITIES),
        "features": any(kinds.values()),
        "audio": kinds["audio"],
        "visual": kinds["visual"],
        "retest": _rated_again(annotations),
        "ordinal": bool(ordinal_dimensions(study)),
        "factors": bool(own_factors(study)),
    }


def _rated_again(annotations: xr.Dataset) -> bool:
    """Whether somebody rated an item in a modality in two sessions."""
    if not {"session", "participant"} <= set(annotations.coords):
        return False
    keys = [annotations[key].to_numpy() for key in ("item", "modality", "participant")]
    return bool(pd.MultiIndex.from_arrays(keys).has_duplicates)


def missing_part(there: Mapping[Need, bool], needs: tuple[Need, ...], *, released: bool) -> str:
    """Why a study cannot serve these needs; empty where it can.

    Parameters
    ----------
    there : mapping of str to bool
        Which parts the study has.
    needs : tuple of str
        Parts that are needed.
    released : bool
        Whether it came from a folder in the released layout, so that a file can be named.

    Returns
    -------
    str
        The reason, for example ``"av_data.csv is not in the folder"``.
    """
    for need in needs:
        if not there[need]:
            if released and need in _FILES:
                return f"{_FILES[need]} is not in the folder"
            return f"the study has {_WORDS[need]}"
    return ""

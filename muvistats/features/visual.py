"""Visual features of video files: colour, lighting, shots, motion, and what networks see."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from ..arguments import check_jobs, check_number
from ..dataset import schema
from ..errors import DataError
from ..workers import check_client
from .extraction import run_extraction
from .protocol import (
    describe,
    engine_versions,
    feature_names,
    several,
    threads_per_process,
    with_networks,
)
from .store import FileFeatures
from .vision.actions import Actions
from .vision.colour import Colour
from .vision.faces import Faces
from .vision.lighting import Lighting
from .vision.motion import Motion
from .vision.networks import limit_threads
from .vision.objects import Objects
from .vision.poses import BodyPose
from .vision.protocol import Extractor, Film, Frame, FrameExtractor, Reading, Scan
from .vision.scan import scan_film
from .vision.scenes import Scenes
from .vision.shots import Shots
from .weights import fetch_weights, registered_weights

__all__ = [
    "Actions",
    "BodyPose",
    "Colour",
    "Extractor",
    "Faces",
    "Film",
    "Frame",
    "FrameExtractor",
    "Lighting",
    "Motion",
    "Objects",
    "Reading",
    "Scan",
    "Scenes",
    "Shots",
    "extract",
    "fetch_weights",
    "registered_weights",
    "shot_table",
]

#: Packages whose version is part of what features depend on.
_ENGINES = (
    "opencv-python-headless",
    "opencv-python",
    "scenedetect",
    "onnxruntime",
    "torch",
    "ultralytics",
)

#: Goes up when the same settings would give other features.
_VERSION = 2


def extract(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    extractors: Extractor | Sequence[Extractor] | None = None,
    *,
    hop: float = schema.SAMPLING_INTERVAL,
    items: Sequence[str] | None = None,
    n_jobs: int = 1,
    client: Any = None,
    cache: bool | str | os.PathLike[str] = True,
    progress: bool = True,
) -> xr.Dataset:
    """Visual features of video files, window by window.

    Parameters
    ----------
    paths : path or sequence of path
        Video files, in any format that OpenCV decodes.
    extractors : Extractor or sequence of Extractor, optional
        What to measure, from this module or your own; by default `Colour`, `Lighting`, `Shots`,
        `Motion` and `Faces`, whose networks come with the package, and `Objects` and `BodyPose`
        where the command ``muvistats weights`` has made theirs. Scenes and actions need networks
        that you bring.
    hop : float
        Time between two windows in s.
    items : sequence of str, optional
        Item of each file; by default the name of the file without its suffix.
    n_jobs : int
        Number of processes; -1 for one per core. The result does not depend on it.
    client : dask.distributed.Client, optional
        Where files are read instead; paths and the cache must be the same for all workers.
    cache : bool or path
        Whether and where finished files are kept, so that a run that was cut off goes on: in
        the user's cache folder (or the one that `MUVISTATS_CACHE` names), nowhere, or here.
    progress : bool
        Whether to show a bar, on a terminal only.

    Returns
    -------
    Dataset
        `values` (item, time, feature) with the coordinates `time` (start of the window in s) and
        `family` (feature): the group `/features/visual` of a study, to which `with_features` adds
        it. With `Shots` also the table of shots (see `shot_table`): `shot_item`, `shot_start` and
        `shot_end` (shot), in s.

    Raises
    ------
    DataError
        When there is no file, two files are of one item, no file could be read, a network and
        its labels do not fit, is not the one that was made, or none of those asked for is made.
    DesignError
        When the hop makes no sense, two features have one name, or a file of weights would need
        trust.
    MissingExtraError
        When a package of an extractor is not installed (extras `vision`, `yolo`, `torch`).

    Warns
    -----
    ExtractionWarning
        When some of the files could not be read (`extraction_failures` lists them), or features
        are left out because their networks are not made yet.

    See Also
    --------
    muvistats.with_features : Gives a study the result.
    shot_table : The shots of each film.
    muvistats.extraction_failures : The files that could not be read.

    Notes
    -----
    Window k stands for time ``k * hop`` from the first frame, as long as that lies within the
    video. Its frame is the one on the screen at that time; where the next frame is nearer, and
    begins within 25 ms, it is that one. Times are those at which the file says that frames are to
    be shown, so a varying frame rate does no harm; where they are missing or run backwards, the
    frame rate takes their place and the log says so. A video that is stored turned is turned
    back.

    A file is decoded once, whatever the number of extractors, and never held in memory as a
    whole: what is held does not grow with its length, but for the features themselves.

    Files of one picture are refused, and so are texts, which FFmpeg would draw.
    """
    by_default = (Colour(), Lighting(), Shots(), Motion(), Faces(), Objects(), BodyPose())
    given: Sequence[Extractor] | Extractor = by_default if extractors is None else extractors
    chosen = with_networks(several(given, "Colour()"))
    hop = check_number("hop", hop, above=0)
    n_jobs = check_jobs(n_jobs)
    for extractor in chosen:
        extractor.check()
    feature_names(chosen)
    settings: dict[str, Any] = {
        "step": hop,
        "extractors": [describe(extractor) for extractor in chosen],
        "engines": engine_versions(_ENGINES),
        "version": _VERSION,
    }
    reader = _FilmReader(chosen, hop, threads_per_process(n_jobs))
    made = run_extraction(
        paths,
        reader,
        settings,
        kind="visual",
        items=items,
        n_jobs=n_jobs,
        client=check_client(client),
        cache=cache,
        progress=progress,
        attrs={"step": hop},
    )
    if "shot" not in made.tables:
        return made.dataset
    table = made.tables["shot"]
    return made.dataset.assign(
        shot_item=("shot", table["item"].to_numpy(dtype=str), {"long_name": "item of the shot"}),
        shot_start=("shot", table["start"].to_numpy(), _seconds("start of the shot")),
        shot_end=("shot", table["end"].to_numpy(), _seconds("end of the shot")),
    )


def shot_table(features: xr.Dataset | xr.DataTree) -> pd.DataFrame:
    """Shots of the videos.

    Parameters
    ----------
    features : Dataset or DataTree
        What `extract` returned with `Shots` among its extractors, or a study that was given it.

    Returns
    -------
    DataFrame
        One row per shot: `item`, `shot` (from 1 within the item), `start`, `end` and `length` in
        s. The end of a shot is the start of the next; the last ends with the video.

    Raises
    ------
    DataError
        When there is no table of shots.

    See Also
    --------
    Shots : The features of shots, window by window.
    """
    if isinstance(features, xr.DataTree):
        if "/features/visual" not in features.groups:
            raise DataError("study has no visual features", file="/features/visual")
        features = features["/features/visual"].to_dataset()
    if "shot_item" not in features:
        raise DataError("no table of shots: extract with Shots", file="/features/visual")
    frame = pd.DataFrame(
        {
            "item": features["shot_item"].to_numpy().astype(str),
            "start": features["shot_start"].to_numpy(),
            "end": features["shot_end"].to_numpy(),
        }
    )
    frame["item"] = frame["item"].astype("str")
    frame.insert(1, "shot", frame.groupby("item", sort=False).cumcount() + 1)
    return frame.assign(length=frame["end"] - frame["start"])


class _FilmReader:
    """Features of one file; goes to the worker processes with its extractors.

    The settings that it is called with only name the entry of the store.
    """

    def __init__(self, extractors: Sequence[Extractor], step: float, threads: int) -> None:
        self.__qualname__ = type(self).__qualname__
        self._extractors = tuple(extractors)
        self._step = step
        self._threads = threads

    def __call__(self, path: Path, **_settings: Any) -> FileFeatures:
        limit_threads(self._threads)
        return scan_film(Path(path), self._extractors, step=self._step)


def _seconds(text: str) -> dict[str, str]:
    return {"long_name": text, "units": "s"}

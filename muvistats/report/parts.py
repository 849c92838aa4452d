"""What a report is made of: sections, tables, figures and findings, declared as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
import xarray as xr

from ..errors import DataError
from ..results.words import Rule

if TYPE_CHECKING:
    import matplotlib.figure

#: Parts of a study that a table or figure cannot do without.
Need = Literal[
    "rating",
    "dynamics",
    "labels",
    "ticks",
    "categories",
    "superfactors",
    "people",
    "familiar",
    "overlay",
    "trial",
    "modalities",
    "audiovisual",
    "features",
    "audio",
    "visual",
    "factors",
    "choice",
    "intended",
    "retest",
    "ordinal",
]

#: Which studies a part of the report is about: all, MuVi alone, or all but MuVi.
About = Literal["any", "muvi", "own"]


class NothingToSayError(DataError):
    """A table would be empty, as of a study in which nothing was excluded."""


Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Settings:
    """How much work a report does.

    Parameters
    ----------
    full : bool
        Whether slow parts are run too, with the larger number of resamples.
    n_resamples : int
        Permutations and bootstrap samples of each resampling step.
    released_layout : bool
        Whether the data came from a folder in the layout of the MuVi release.
    is_muvi : bool
        Whether the study is MuVi, real or simulated.
    findings : tuple of str
        The user's own findings, as `sensitivity_table` takes them.
    rng : int
        Seed of every resampling step.
    """

    full: bool
    n_resamples: int
    released_layout: bool = False
    is_muvi: bool = False
    findings: tuple[str, ...] = ()
    rng: int = 20220219


#: Takes a study (or trained networks) and the settings, returns a result frame.
Compute = Callable[[Any, Settings], pd.DataFrame]

#: Takes a study (or trained networks) and the frames of its section, returns a figure.
Draw = Callable[[Any, Frames], "matplotlib.figure.Figure"]


def plain(function: Callable[..., pd.DataFrame], **options: Any) -> Compute:
    """Call a function of the package with these options."""

    def compute(study: xr.DataTree, _: Settings) -> pd.DataFrame:
        return function(study, **options)

    return compute


def resampled(*functions: Callable[..., pd.DataFrame], **options: Any) -> Compute:
    """Call functions with the resamples and the seed of the report; one frame of all."""

    def compute(study: xr.DataTree, settings: Settings) -> pd.DataFrame:
        chosen = {"n_resamples": settings.n_resamples, "rng": settings.rng} | options
        frames = [function(study, **chosen) for function in functions]
        return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)

    return compute


def together(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows over all modalities, or those of the only one."""
    whole = frame[frame["modality"] == "all"]
    return frame if whole.empty and len(set(frame["modality"])) == 1 else whole


def drawn(plot: Callable[[pd.DataFrame], matplotlib.figure.Figure], table: str) -> Draw:
    """Draw the frame of a table."""
    return lambda _, frames: plot(frames[table])


@dataclass(frozen=True, slots=True)
class Table:
    """One frame of the report.

    Parameters
    ----------
    key : str
        Anchor in the page and stem of the CSV file.
    caption : str
        What a reader sees above the table.
    compute : callable
        Takes a study and the settings, returns the result frame.
    needs : tuple of str
        Parts of the study without which it is listed as missing.
    each_reading : bool
        Whether it is computed for every reading of the labels, or for the first one only.
    published : tuple of str
        Names of printed values that the frame is compared with.
    columns : str or tuple of str
        Columns that the page shows, in a text with blanks between them where no name has one; all
        that say something where empty. The CSV has all.
    view : callable, optional
        Turns the frame (of all readings) into the frame that the page shows.
    rules : mapping of str to str
        Rounding rule of columns that `view` makes.
    split : bool
        Whether each reading of the labels is shown in a table of its own.
    limit : int
        Rows that the page shows at most.
    collapsed : bool
        Whether the table is folded away at first.
    slow : bool
        Whether it takes so long that only ``full`` runs it.
    of_networks : bool
        Whether it is about networks that were trained before (`NetworkResults`), which `compute`
        then takes in place of the study; never kept in the cache.
    about : {"any", "muvi", "own"}
        Which studies it is about.
    """

    key: str
    caption: str
    compute: Compute
    needs: tuple[Need, ...] = ()
    each_reading: bool = False
    published: tuple[str, ...] = ()
    columns: str | tuple[str, ...] = ""
    view: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    rules: Mapping[str, Rule] = field(default_factory=dict)
    split: bool = False
    limit: int = 60
    collapsed: bool = False
    slow: bool = False
    of_networks: bool = False
    about: About = "any"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the report.

    Parameters
    ----------
    key : str
        Anchor in the page and stem of the image files.
    caption : str
        What a reader sees below the figure.
    alt : str
        The figure in words, for those who do not see it.
    draw : callable
        Takes a study and the frames of its section (rows of that reading), returns a figure.
    needs : tuple of str
        Parts of the study without which it is listed as missing.
    uses : tuple of str
        Tables of the section without which it cannot be drawn.
    each_reading : bool
        Whether it is drawn for every reading of the labels.
    slow : bool
        Whether it takes so long that only ``full`` runs it.
    of_networks : bool
        Whether `draw` takes networks that were trained before, in place of the study.
    about : {"any", "muvi", "own"}
        Which studies it is about.
    """

    key: str
    caption: str
    alt: str
    draw: Draw
    needs: tuple[Need, ...] = ()
    uses: tuple[str, ...] = ()
    each_reading: bool = False
    slow: bool = False
    of_networks: bool = False
    about: About = "any"


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the report.

    Parameters
    ----------
    key : str
        Anchor in the page.
    chapter : str
        Chapter to which it belongs.
    title : str
        Heading.
    text : str
        One or two sentences on what is shown.
    reference : str
        Where the paper has it, empty where it does not.
    paper : str
        What is said before `text` of MuVi alone: how the paper did it.
    also : tuple of (str, str)
        What is said after `text` of studies that have a part, and that part.
    about : {"any", "muvi", "own"}
        Which studies it is about.
    tables : tuple of Table
        Its frames, in order.
    figures : tuple of Figure
        Its figures, in order, below the tables.
    warnings : bool
        Whether the reader's warnings are shown here.
    of_networks : bool
        Whether the text goes on with how the networks were trained.
    """

    key: str
    chapter: str
    title: str
    text: str
    reference: str = ""
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    warnings: bool = False
    of_networks: bool = False
    paper: str = ""
    also: tuple[tuple[Need, str], ...] = ()
    about: About = "any"

"""Run the sections on a study and write the report."""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version as installed
from pathlib import Path

import pandas as pd
import xarray as xr

from ..arguments import check_path
from ..errors import DataError, DesignError
from ..results.frame import provenance, write_frame
from ..results.paper import compare_published
from ..results.words import RULES
from .beside import beside
from .cache import cached_frame, data_hash
from .citation import references
from .figures import save_figure
from .first import findings, gaps
from .folder import NETWORKS, check_target, finished_folder
from .networks import find_networks
from .page import Absent, Chapter, NumberedTable, Page, ShownSection, render
from .parts import Figure, NothingToSayError, Section, Settings, Table
from .sections.catalogue import CHAPTERS, NOT_BUILT, SECTIONS
from .sources import Data, Source, load_source, missing_part, parts_of
from .summary import facts, kicker, lead, origin, reading_names, score_rows, verdicts, versions
from .views import comparison_view, table_views

#: Told what is being done, how many steps are done and how many there are.
Progress = Callable[[str, int, int], None]

_RESAMPLES = 999
_RESAMPLES_FULL = 9999


def write_report(
    data: Data = None,
    out: str | Path = "report",
    *,
    full: bool = False,
    overwrite: bool = False,
    networks: str | Path | None = None,
    findings: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the report on a study: one HTML page, and its tables and figures as files.

    Parameters
    ----------
    data : DataTree, path, mapping of str to DataTree, or None
        A study, taken as it is; a ``.zarr`` or ``.nc`` store, likewise; a folder in the layout of
        the MuVi release, read with both label alignments and the paper's exclusions; several
        readings of one study by name; or None for the simulated MuVi.
    out : path
        Folder of the report. One that an earlier report wrote is replaced.
    full : bool
        Whether to run what takes longer than half a minute as well, with ten times the
        resamples. These frames are kept in the user's cache folder under the hash of the data.
    overwrite : bool
        Whether a folder with other files in it may be replaced.
    networks : path, optional
        Folder ``networks`` that ``muvistats deep compare`` wrote; the one in `out` where not
        given. Its results are shown if they belong to this study. A report trains nothing.
    findings : sequence of str, optional
        Your own findings, as `sensitivity_table` takes them: what becomes of each heads the page.
        That of MuVi begins with those of its paper.
    progress : callable, optional
        Called with what is being done, the steps done and the number of steps.

    Returns
    -------
    Path
        The page, ``index.html`` in `out`; beside it ``tables/*.csv``, ``figures/*.png`` and
        ``figures/*.svg``.

    Raises
    ------
    DataError
        When there is no such study, or `out` holds files that no report wrote.

    See Also
    --------
    load_study : The study from a file or folder.
    in_words : The sentences of a single result.
    sensitivity_table : The findings that the report opens with.

    Notes
    -----
    A table that raises a `DataError` or `DesignError`, or that needs what the study does not
    have, is listed in the report with the reason. Any other exception is a fault of the package:
    it is raised, and a report that stood in `out` stays as it was.

    Examples
    --------
    >>> import tempfile
    >>> from muvistats import simulate_muvi, write_report
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +SKIP
    ...     write_report(study, folder + "/report").name
    'index.html'
    """
    out = check_path("out", out)
    keep = (Path(data),) if isinstance(data, (str, Path)) else ()
    check_target(out, overwrite=overwrite, keep=keep)
    tell = progress or (lambda *_: None)
    source = load_source(data, progress=lambda text: tell(text, 0, 1))
    settings = Settings(
        full=full,
        n_resamples=_RESAMPLES_FULL if full else _RESAMPLES,
        released_layout=source.released_layout,
        is_muvi=source.is_muvi,
        findings=tuple(findings or ()),
    )
    with finished_folder(out, overwrite=overwrite, keep=keep) as folder:
        trained = out / NETWORKS if networks is None else Path(networks)
        report = _Report(source, settings, folder, tell, trained)
        report.run()
        (folder / "index.html").write_text(render(report.page()), encoding="utf-8")
    return out / "index.html"


class _Report:
    """One run over the sections."""

    def __init__(
        self,
        source: Source,
        settings: Settings,
        folder: Path,
        progress: Progress,
        networks: Path,
    ) -> None:
        self.source = source
        self.settings = settings
        self.folder = folder
        self.progress = progress
        self.hashes = {name: data_hash(study) for name, study in source.readings.items()}
        self.networks, self.no_networks = find_networks(networks, source.readings, self.hashes)
        self.frames: dict[str, pd.DataFrame] = {}
        self.comparisons: dict[str, pd.DataFrame] = {}
        self.uncounted: set[str] = set()
        self.chapters: list[Chapter] = []
        self.absent: list[Absent] = []
        self.reasons: dict[str, str] = {}
        self.quiet: set[str] = set()
        self.there = parts_of(source.first)
        self.table_number = 0
        self.figure_number = 0
        self.version = installed("muvistats")

    def run(self) -> None:
        """Make every table and figure that the data allows."""
        steps = sum(
            sum(map(self._is_about, section.tables)) + sum(map(self._is_about, section.figures))
            for section in filter(self._is_about, SECTIONS)
        )
        done = 0
        for key, title in CHAPTERS.items():
            chapter = Chapter(key, title)
            for section in (s for s in SECTIONS if s.chapter == key and self._is_about(s)):
                paper = section.paper if self.source.is_muvi else ""
                shown = ShownSection(
                    section.key,
                    section.title,
                    section.reference if self.source.is_muvi else "",
                    " ".join(part for part in (paper, section.text, *self._also(section)) if part),
                )
                if section.of_networks and self.networks is not None:
                    shown.text += f" {self.networks.note}"
                shown.warnings = self.source.warnings if section.warnings else ()
                parts: tuple[Table | Figure, ...] = (*section.tables, *section.figures)
                for part in filter(self._is_about, parts):
                    self.progress(section.title, done, steps)
                    done += 1
                    if isinstance(part, Table):
                        self._table(section, part, shown)
                    else:
                        self._figure(section, part, shown)
                if shown.tables or shown.figures or shown.warnings:
                    chapter.sections.append(shown)
            if chapter.sections:
                self.chapters.append(chapter)
        self.progress("Writing the page", steps, steps)

    def page(self) -> Page:
        """What the templates need."""
        source = self.source
        not_built = [Absent(*entry) for entry in NOT_BUILT] if source.is_muvi else []
        counted = self._counted()
        return Page(
            title=str(source.first.attrs.get("study", "A study")),
            kicker=kicker(source),
            simulated=source.simulated,
            lead=lead(source, self.frames, self.comparisons, self.reasons),
            facts=facts(source),
            readings=reading_names(source),
            scores=score_rows(source, self.comparisons),
            findings=findings(source, counted, self.reasons),
            beside=beside(source, counted),
            gaps=gaps(source, counted, [*self.absent, *not_built], self.reasons),
            origin=origin(self.version, self.settings, self.hashes),
            chapters=self.chapters,
            absent=[*self.absent, *not_built],
            methods=_methods(self.settings, source),
            rules=list(RULES.values()),
            verdicts=verdicts(printed=bool(self.comparisons)),
            versions=versions(
                self.version,
                platform.python_version(),
                self.hashes,
                labels=self.there["labels"],
            ),
            references=references(self.version, paper=source.is_muvi),
            version=self.version,
            date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        )

    def _also(self, section: Section) -> list[str]:
        """Sentences that are true of this study."""
        return [text for need, text in section.also if self.there[need]]

    def _is_about(self, part: Section | Table | Figure) -> bool:
        """Whether a part of the report is about a study of this kind."""
        return part.about in ("any", "muvi" if self.source.is_muvi else "own")

    def _counted(self) -> Mapping[str, pd.DataFrame]:
        """Frames that may answer for the paper's claims: not of a quick or unfair trial."""
        return {key: frame for key, frame in self.frames.items() if key not in self.uncounted}

    def _readings(self, *, each: bool) -> Mapping[str, xr.DataTree]:
        readings = self.source.readings
        return readings if each else dict(list(readings.items())[:1])

    def _leave_out(self, section: Section, part: Table | Figure, reason: str) -> None:
        self.reasons.setdefault(part.key, reason)
        reference = section.reference if self.source.is_muvi else ""
        self.absent.append(Absent(self._words(part.caption), reason=reason, reference=reference))

    def _words(self, caption: str) -> str:
        """A caption, without a word of modalities where there is one."""
        return (
            caption.replace(", by modality", "").replace(" by modality", "")
            if (self.source.one_modality)
            else caption
        )

    def _silent(self, part: Table | Figure) -> bool:
        """Whether nobody expects a part: a study of another kind does not have what it needs."""
        if self.source.is_muvi:
            return False
        lacks = missing_part(self.there, part.needs, released=False)
        return bool(lacks) or (part.of_networks and self.networks is None)

    def _reason_against(self, part: Table | Figure) -> str:
        missing = missing_part(self.there, part.needs, released=self.settings.released_layout)
        if missing:
            return missing
        if part.slow and not self.settings.full:
            return "too slow for a quick report; made by --full"
        return self.no_networks if part.of_networks else ""

    def _table(self, section: Section, table: Table, shown: ShownSection) -> None:
        if self._silent(table):
            self.quiet.add(table.key)
            self.reasons.setdefault(
                table.key, missing_part(self.there, table.needs, released=False)
            )
            return
        table = replace(table, caption=self._words(table.caption))
        reason = self._reason_against(table)
        if reason:
            self._leave_out(section, table, reason)
            return
        parts = list(self._computed(section, table))
        if not parts:
            return
        frame = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
        if self.source.one_modality and "modality" in frame:
            rows = frame["modality"]
            if {"all"} < set(rows.dropna()):  # the same again, called by its name
                frame = frame[rows != "all"].reset_index(drop=True)
        self.frames[table.key] = frame
        if table.of_networks and self.networks is not None and not self.networks.counts:
            self.uncounted.add(table.key)
        write_frame(frame, self.folder / "tables" / f"{table.key}.csv")
        for view in table_views(table, frame):
            self.table_number += 1
            shown.tables.append(NumberedTable(self.table_number, view))
        for name in table.published:
            self._compare(table, frame, name, shown)

    def _computed(self, section: Section, table: Table) -> Iterator[pd.DataFrame]:
        """The frame of each reading that has one; what it lacks is listed."""
        for name, study in self._readings(each=table.each_reading).items():
            try:
                yield self._compute(table, name, study)
            except NothingToSayError as error:
                if self.source.is_muvi:
                    self._leave_out(section, table, str(error))
            except (DataError, DesignError) as error:
                self._leave_out(section, table, str(error))

    def _compute(self, table: Table, name: str, study: xr.DataTree) -> pd.DataFrame:
        if table.of_networks:
            return table.compute(self.networks, self.settings)
        if not (table.slow or self.settings.full):
            return table.compute(study, self.settings)
        settings = f"muvistats {self.version}, {self.settings!r}"
        return cached_frame(
            self.hashes[name], table.key, settings, lambda: table.compute(study, self.settings)
        )

    def _compare(self, table: Table, frame: pd.DataFrame, name: str, shown: ShownSection) -> None:
        if frame.empty or not self.source.is_muvi:
            return
        compared = compare_published(frame, name)
        key = f"{table.key}-{name}" if len(table.published) > 1 else f"{table.key}-published"
        if table.key not in self.uncounted:
            self.comparisons[key] = compared
        write_frame(compared, self.folder / "tables" / f"{key}.csv")
        self.table_number += 1
        view = comparison_view(
            key, f"{table.caption}: beside the paper", compared, csv=f"tables/{key}.csv"
        )
        shown.tables.append(NumberedTable(self.table_number, view))

    def _figure(self, section: Section, figure: Figure, shown: ShownSection) -> None:
        if self._silent(figure) or (not self.source.is_muvi and set(figure.uses) & self.quiet):
            return
        figure = replace(figure, caption=self._words(figure.caption))
        reason = self._reason_against(figure)
        lacking = [key for key in figure.uses if key not in self.frames]
        if not reason and lacking:
            reason = self.reasons.get(lacking[0], "the table it is drawn from is missing")
        if reason:
            self._leave_out(section, figure, reason)
            return
        readings = self._readings(each=figure.each_reading)
        for name, study in readings.items():
            frames = {
                key: self.source.rows_of(name, frame) if figure.each_reading else frame
                for key, frame in self.frames.items()
                if "alignment" in frame
            }
            try:
                drawn = figure.draw(self.networks if figure.of_networks else study, frames)
            except (DataError, DesignError) as error:
                self._leave_out(section, figure, str(error))
                continue
            self.figure_number += 1
            shown.figures.append(
                save_figure(
                    drawn,
                    figure,
                    number=self.figure_number,
                    reading=name if len(readings) > 1 else "",
                    simulated=provenance(study)["simulated"],
                    folder=self.folder,
                )
            )


def _methods(settings: Settings, source: Source) -> list[str]:
    rows = (
        "Tests and intervals are those of the paper unless a table says otherwise: they take "
        "ratings as independent. But each person rated some thirty items, and each item has "
        "several raters, so such p-values tend to be too small."
        if source.is_muvi
        else "Rows called independent take ratings as independent. Where one person rates several "
        "items, or several people rate one item, they are not, and such p-values tend to be too "
        "small; rows called design respect this."
    )
    if "participant" not in source.first["annotations"].coords:
        rows += " The ratings have no ids: each is taken as that of another person."
    return [
        rows,
        f"Resampling steps drew {settings.n_resamples:,} resamples with seed {settings.rng}."
        + ("" if settings.full else " --full draws ten times as many and adds slow parts.")
        + " A permutation test that stands in two tables is drawn for each of them, so the last "
        "digit of p may differ.",
        "Every table lies beside this page as CSV, with all columns and every digit; every figure "
        "as SVG and PNG.",
    ]

from __future__ import annotations

import os
from pathlib import Path

import pytest

from muvistats import DataError
from muvistats.report.folder import MARKER, check_target, finished_folder


def _write(out: Path, text: str, *, overwrite: bool = False) -> None:
    with finished_folder(out, overwrite=overwrite) as folder:
        (folder / "tables").mkdir()
        (folder / "tables" / "a.csv").write_text(text)


def test_our_own_folder_is_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "report"
    _write(out, "first")
    with finished_folder(out, overwrite=False) as folder:
        (folder / "b.csv").write_text("second")
    assert sorted(p.name for p in out.iterdir()) == [MARKER, "b.csv"]
    assert [p.name for p in out.parent.iterdir()] == ["report"]


def test_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    out = tmp_path / "report"
    _write(out, "first")

    def fail() -> None:
        with finished_folder(out, overwrite=False) as folder:
            (folder / "half.csv").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (out / "tables" / "a.csv").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["report"]


def test_failed_swap_brings_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "report"
    _write(out, "first")
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if target == out and self.name == out.name:
            raise PermissionError
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(PermissionError):
        _write(out, "second")
    assert (out / "tables" / "a.csv").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["report"]


def test_files_of_others_are_kept_unless_told(tmp_path: Path) -> None:
    out = tmp_path / "report"
    out.mkdir()
    check_target(out, overwrite=False)  # empty
    (out / "thesis.docx").write_text("years of work")
    with pytest.raises(DataError, match=r"thesis\.docx"):
        _write(out, "x")
    assert (out / "thesis.docx").exists()
    _write(out, "x", overwrite=True)
    assert not (out / "thesis.docx").exists()
    (out / "notes.txt").write_text("put beside our files later")
    with pytest.raises(DataError, match=r"notes\.txt"):
        _write(out, "y")


def test_a_damaged_list_of_files_makes_all_of_them_foreign(tmp_path: Path) -> None:
    out = tmp_path / "report"
    _write(out, "x")
    marker = out / MARKER
    for damaged in ("[" * 100_000, '{"files": [[]]}', "\0"):
        marker.write_text(damaged)
        with pytest.raises(DataError, match=r"a\.csv"):
            _write(out, "y")
    marker.unlink()
    os.mkfifo(marker)
    with pytest.raises(DataError, match=r"a\.csv"):
        _write(out, "y")


def test_data_and_files_are_never_replaced(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "media_data.csv").write_text("x")
    with pytest.raises(DataError, match="would replace the data"):
        check_target(tmp_path, overwrite=True, keep=(data,))
    with pytest.raises(DataError, match="this is a file"):
        check_target(data / "media_data.csv", overwrite=True)

"""Files and folders that are whole under their name or not there."""

from __future__ import annotations

import errno
import os
import signal
import stat
import time
from pathlib import Path

import pytest

from muvistats import files
from muvistats.files import (
    load_sealed,
    locked,
    recovered,
    store_folder,
    unfinished_folder,
    whole_path,
    write_sealed,
    write_whole,
)


def _write(path: Path, text: str) -> None:
    with whole_path(path) as hidden:
        hidden.mkdir()
        (hidden / "a").write_text(text)


def _killed_in_swap(path: Path) -> None:
    """A child writes a folder anew and is killed when the old one has left its name."""
    pid = os.fork()
    if pid == 0:
        rename = Path.rename

        def cut(self: Path, target: Path) -> Path:
            moved = rename(self, target)
            if self == path:
                os.kill(os.getpid(), signal.SIGKILL)
            return moved

        Path.rename = cut
        _write(path, "new")
        os._exit(0)
    os.waitpid(pid, 0)


def test_a_swap_that_was_cut_off_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    _write(path, "old")
    _killed_in_swap(path)
    assert not path.exists()
    assert (recovered(path) / "a").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_a_folder_above_is_recovered_first(tmp_path: Path) -> None:
    path = tmp_path / "report"
    _write(path, "old")
    _killed_in_swap(path)
    with whole_path(path / "networks") as hidden:
        hidden.mkdir()
    assert sorted(p.name for p in path.iterdir()) == ["a", "networks"]


def test_what_was_deleted_on_purpose_does_not_come_back(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    work = tmp_path / f"{files._work_name(path)}abc"
    (work / ".old").mkdir(parents=True)  # a run that was killed after its swap
    assert not recovered(path).exists()
    assert list(tmp_path.iterdir()) == []


def test_leftovers_are_swept_but_not_work_that_goes_on(tmp_path: Path) -> None:
    path, other = tmp_path / "t.csv", tmp_path / "t2.csv"
    for place in (path, other):
        (tmp_path / f"{files._work_name(place)}dead").mkdir()
    with whole_path(path) as hidden:
        hidden.write_text("first")
        write_whole(path, lambda stream: stream.write(b"second"))
        assert hidden.exists()
    assert path.read_text() == "first"
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == [f"{files._work_name(other)}dead", "t.csv"]


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "t.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to(target)
    write_whole(link, lambda stream: stream.write(b"new"))
    assert link.is_symlink()
    assert target.read_text() == "new"
    folder, way = tmp_path / "disk" / "folder", tmp_path / "way"
    _write(folder, "old")
    way.symlink_to(folder)
    _write(way, "new")
    assert way.is_symlink()
    assert (folder / "a").read_text() == "new"


def test_what_is_no_file_is_written_into(tmp_path: Path) -> None:
    write_whole(Path(os.devnull), lambda stream: stream.write(b"x"))
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    secret = tmp_path / "secret"
    secret.write_text("old")
    secret.chmod(0o600)
    write_whole(secret, lambda stream: stream.write(b"new"))
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), OSError("write failed: errno = 28, error")],
)
def test_a_full_disk_names_the_file(tmp_path: Path, error: OSError) -> None:
    path = tmp_path / "t.csv"
    path.write_text("old")

    def full(_: object) -> None:
        raise error

    with pytest.raises(OSError, match=r"No space left on device: '.*t\.csv'"):
        write_whole(path, full)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_a_folder_whose_return_fails_is_not_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "folder"
    _write(path, "old")
    rename = Path.rename

    def stuck(self: Path, target: Path) -> Path:
        if target == path:
            raise PermissionError("no")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stuck)
        with pytest.raises(PermissionError):
            _write(path, "new")
    assert not path.exists()
    assert (recovered(path) / "a").read_text() in ("old", "new")


def test_one_run_at_a_time_has_what_is_unfinished(tmp_path: Path) -> None:
    folder = tmp_path / "s.parts"
    start, go = os.pipe()
    ours, its = os.pipe()
    child = os.fork()  # before, since a child shares the locks of its parent
    if child == 0:
        os.read(start, 1)
        with unfinished_folder(folder) as held:
            os.write(its, str(sorted(path.name for path in held.iterdir())).encode())
        os._exit(0)

    def cut_off() -> None:
        with unfinished_folder(folder) as held:
            (held / "part").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off()
    with unfinished_folder(folder) as held:
        assert (held / "part").exists()
        os.write(go, b"!")
        time.sleep(0.2)
        os.write(its, b"first ")
    os.waitpid(child, 0)
    assert os.read(ours, 99) == b"first ['run']"
    with pytest.raises(ValueError, match="no"), unfinished_folder(folder):
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []


def test_sealed_content_comes_back_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    write_sealed(path, b"1,2\n3,4\n")
    assert load_sealed(path) == b"1,2\n3,4\n"
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert load_sealed(path) is None
    assert load_sealed(tmp_path / "nowhere") is None


def test_leftovers_in_a_folder_of_kept_results_are_swept(tmp_path):
    free, busy = (
        tmp_path / "kept" / f".a.npz-0123abcd-{name}" for name in ("xy12_z34", "zz12_z34")
    )
    below = tmp_path / "kept" / "study" / ".b.npz-0123abcd-xy12_z34"
    deep = tmp_path / "kept" / "ab" / "abcd" / ".0-10.npz-0123abcd-xy12_z34"
    own = tmp_path / "kept" / ".mine"
    for folder in (free, busy, below, deep, own):
        folder.mkdir(parents=True)
    with locked(busy, wait=False):
        assert store_folder(tmp_path / "kept", "name") == tmp_path / "kept"
        assert [each.exists() for each in (free, below, deep)] == [False] * 3
        assert busy.exists()
        assert own.exists()
    assert store_folder(tmp_path / "missing", "name") == tmp_path / "missing"


def test_a_file_never_replaces_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    _write(target, "precious")
    with pytest.raises(IsADirectoryError, match="folder"):
        write_whole(target, lambda stream: stream.write(b"table"))
    assert (target / "a").read_text() == "precious"

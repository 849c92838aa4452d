from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.features.extraction import (
    FileFeatures,
    extract_files,
    extraction_log,
    run_extraction,
)
from muvistats.features.store import load_entry


def numbers(path: Path, *, factor: float = 1.0, log: str = "") -> FileFeatures:
    """Features of a text file with one number per window: the number, and its square."""
    if log:
        with Path(log).open("a") as stream:
            stream.write(f"{path.name}\n")
    words = path.read_text().split()
    if "damaged" in words:
        raise mv.DataError("holds no numbers", file=path, found="damaged")
    x = np.array(words, dtype=np.float64) * factor
    shots = {"shots": {"start": x[:2], "name": np.array([path.stem] * len(x[:2]))}}
    values = np.column_stack([x, x**2]).astype(np.float32)
    grid = np.arange(len(x)) * 0.5
    return FileFeatures(grid, values, ("x", "square"), ("one", "two"), ("noted",), shots)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    texts = {"b": "1 2 3", "a": "4 5", "c": "6 7 8"}
    for name, text in texts.items():
        (tmp_path / f"{name}.txt").write_text(text)
    return [tmp_path / f"{name}.txt" for name in texts]


def run(files, tmp_path, **more):
    settings = {"log": str(tmp_path / "calls"), **more.pop("settings", {})}
    more = {"cache": tmp_path / "store", **more}
    return extract_files(files, numbers, settings, kind="visual", **more)


def calls(tmp_path: Path) -> list[str]:
    log = tmp_path / "calls"
    return log.read_text().split() if log.exists() else []


def test_dataset_is_what_the_schema_wants(files, tmp_path):
    found = run(files, tmp_path)
    assert found["item"].to_numpy().tolist() == ["b", "a", "c"]
    assert found["time"].to_numpy().tolist() == [0.0, 0.5, 1.0]
    assert found["feature"].to_numpy().tolist() == ["x", "square"]
    assert found["family"].dims == ("feature",)
    assert found["family"].to_numpy().tolist() == ["one", "two"]
    assert found["values"].dims == ("item", "time", "feature")
    assert found["values"].dtype == np.float32
    expected = [
        [[1, 1], [2, 4], [3, 9]],
        [[4, 16], [5, 25], [np.nan] * 2],
        [[6, 36], [7, 49], [8, 64]],
    ]
    np.testing.assert_array_equal(found["values"].to_numpy(), expected)
    assert extraction_log(found) == [
        ("visual extraction", "items shorter than 3 windows were padded with missing values", 1),
        ("visual extraction", "noted", 3),
    ]
    assert len(mv.extraction_failures(found)) == 0
    assert json.loads(found.attrs["settings"])["log"]


def test_tables_stand_below_each_other(files, tmp_path):
    whole = run_extraction(files, numbers, {}, kind="visual", cache=tmp_path / "store")
    again = run_extraction(files, numbers, {}, kind="visual", cache=tmp_path / "store")
    for found in (whole, again):
        table = found.tables["shots"]
        assert table.columns.tolist() == ["item", "start", "name"]
        assert table["item"].tolist() == ["b", "b", "a", "a", "c", "c"]
        assert table["start"].tolist() == [1.0, 2.0, 4.0, 5.0, 6.0, 7.0]
        assert (table["name"] == table["item"]).all()


def test_finished_files_are_not_read_again(files, tmp_path):
    first = run(files, tmp_path)
    assert calls(tmp_path) == ["b.txt", "a.txt", "c.txt"]
    xr_same = run(files, tmp_path)
    assert xr_same.identical(first)
    assert len(calls(tmp_path)) == 3
    files[1].write_text("9 9 9")  # another content
    assert run(files, tmp_path)["values"].to_numpy()[1, 0].tolist() == [9.0, 81.0]
    assert calls(tmp_path)[3:] == ["a.txt"]
    doubled = run(files, tmp_path, settings={"factor": 2.0})  # other settings
    assert doubled["values"].to_numpy()[0, 0].tolist() == [2.0, 4.0]
    assert len(calls(tmp_path)) == 7
    moved = files[0].rename(tmp_path / "moved.txt")  # another name, the same content
    assert run([moved], tmp_path)["item"].item() == "moved"
    assert len(calls(tmp_path)) == 7
    run(files[1:], tmp_path, cache=False)
    assert len(calls(tmp_path)) == 9


def test_damaged_entry_is_made_anew(files, tmp_path):
    first = run(files, tmp_path)
    entries = sorted((tmp_path / "store").glob("*.npz"))
    assert len(entries) == 3
    for entry in entries[:2]:
        raw = bytearray(entry.read_bytes())
        raw[len(raw) // 2 :] = b"" if entry == entries[0] else bytes(len(raw) - len(raw) // 2)
        entry.write_bytes(raw)
        assert load_entry(entry) is None
    again = run(files, tmp_path)
    np.testing.assert_array_equal(again["values"], first["values"])
    assert len(calls(tmp_path)) == 5
    note = "entry of the store was damaged and has been made anew"
    assert ("visual extraction", note, 2) in extraction_log(again)


def test_no_unfinished_entry_has_its_name(files, tmp_path, monkeypatch):
    def broken(stream, **_):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", broken)
    with pytest.raises(mv.DataError, match="No space left on device"):
        run(files, tmp_path)
    assert list((tmp_path / "store").iterdir()) == []


def test_damaged_file_is_reported_and_the_rest_kept(files, tmp_path):
    files[1].write_text("damaged")
    with pytest.warns(mv.ExtractionWarning, match=r"1 of 4 files .* a\.txt: holds no numbers"):
        found = run([*files, write(tmp_path, "d", "1")], tmp_path)
    assert found["item"].to_numpy().tolist() == ["b", "c", "d"]
    failures = mv.extraction_failures(found)
    assert failures.to_dict("records") == [
        {"item": "a", "file": "a.txt", "reason": "holds no numbers (found 'damaged')"}
    ]
    assert ("a.txt", "could not be read: holds no numbers (found 'damaged')", 1) in extraction_log(
        found
    )


def write(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / f"{name}.txt"
    path.write_text(text)
    return path


def test_unforeseen_error_and_missing_file_are_reported(files, tmp_path):
    files[0].write_text("1 two 3")
    with pytest.warns(mv.ExtractionWarning, match="2 of 4 files"):
        found = run([*files, tmp_path / "nothing.txt"], tmp_path)
    reasons = mv.extraction_failures(found).set_index("item")["reason"]
    assert reasons["nothing"] == "No such file or directory"
    assert reasons["b"].startswith("ValueError: could not convert string to float")


def test_no_file_that_could_be_read_is_an_error(files, tmp_path):
    for path in files:
        path.write_text("damaged")
    with pytest.raises(mv.DataError, match=r"none of the files.*b\.txt: holds no numbers"):
        run(files, tmp_path)
    with pytest.raises(mv.DataError, match="no file to extract"):
        run([], tmp_path)


def test_two_files_of_one_item(files, tmp_path):
    other = tmp_path / "more"
    other.mkdir()
    twin = other / "a.wav"
    twin.write_text("1")
    with pytest.raises(mv.DataError, match=r"two files are of the item 'a'") as caught:
        run([*files, twin], tmp_path)
    assert str(twin) in str(caught.value)
    assert calls(tmp_path) == []
    named = run([*files, twin], tmp_path, items=["w", "x", "y", "z"])
    assert named["item"].to_numpy().tolist() == ["w", "x", "y", "z"]
    with pytest.raises(mv.DataError, match="every file needs its item"):
        run(files, tmp_path, items=["w"])


def test_features_and_grid_must_be_alike(files):
    def other_names(path):
        return FileFeatures(np.zeros(1), np.zeros((1, 1)), (path.stem,), ("f",))

    def other_grid(path):
        step = 0.5 if path.stem == "a" else 0.25
        return FileFeatures(np.arange(2) * step, np.zeros((2, 1)), ("x",), ("f",))

    for function, said in ((other_names, "features are not those"), (other_grid, "time grid")):
        with pytest.raises(mv.DataError, match=said):
            extract_files(files, function, {}, kind="audio", cache=False)


def test_settings_must_be_plain(files, tmp_path):
    with pytest.raises(mv.DesignError, match="plain values"):
        run(files, tmp_path, settings={"factor": object()})
    with pytest.raises(mv.DesignError, match="n_jobs must be"):
        run(files, tmp_path, n_jobs=0)


def test_missing_extra_is_no_damaged_file(files):
    def lacks(_path):
        raise mv.MissingExtraError("opensmile", "audio")

    for n_jobs in (1, 2):
        with pytest.raises(mv.MissingExtraError, match=r"muvistats\[audio\]"):
            extract_files(files, lacks, {}, kind="audio", cache=False, n_jobs=n_jobs)


def test_processes_do_not_change_the_result(files):
    files[1].write_text("damaged")

    def function(path, factor):  # pickled by value: workers do not know this module
        from muvistats import DataError
        from muvistats.features.store import FileFeatures as Features

        words = path.read_text().split()
        if words == ["damaged"]:
            raise DataError("no numbers", found=words)
        x = np.array(words, float)[:, None] * factor
        return Features(np.arange(len(x)) * 0.5, x, (f"{os.getpid() >= 0}",), ("f",))

    found = []
    for n_jobs in (1, 2):
        with pytest.warns(mv.ExtractionWarning):
            found.append(
                extract_files(
                    files, function, {"factor": 2}, kind="audio", n_jobs=n_jobs, cache=False
                )
            )
    assert found[0].identical(found[1])
    assert found[1]["values"].to_numpy()[:, 0, 0].tolist() == [2.0, 12.0]


def test_worker_that_dies_is_reported(files):
    def function(path):
        from muvistats.features.store import FileFeatures as Features

        if path.stem == "a":
            os._exit(3)
        return Features(np.zeros(1), np.ones((1, 1)), ("x",), ("f",))

    with pytest.warns(mv.ExtractionWarning, match="process that read it died"):
        found = extract_files(files, function, {}, kind="audio", n_jobs=2, cache=False)
    assert found["item"].to_numpy().tolist() == ["b", "c"]


SLOW = """
import os, sys, time
from pathlib import Path
import numpy as np
from muvistats.features.extraction import extract_files
from muvistats.features.store import FileFeatures

folder = Path(sys.argv[1])

def slow(path):
    with (folder / "calls").open("a") as stream:
        stream.write(f"{path.stem} {os.getpid()}\\n")
    time.sleep(float(sys.argv[2]))
    x = np.array(path.read_text().split(), float)[:, None]
    return FileFeatures(np.arange(len(x)) * 0.5, x, ("x",), ("f",))

if __name__ == "__main__":
    found = extract_files(
        sorted(folder.glob("*.txt")), slow, {}, kind="audio", n_jobs=int(sys.argv[3]),
        cache=folder / "store",
    )
    print(found["values"].values.ravel().tolist())
"""


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_run_that_was_killed_goes_on(tmp_path, n_jobs):
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    for number in range(8):
        (tmp_path / f"f{number}.txt").write_text(f"{number}")
    store = tmp_path / "store"
    command = [sys.executable, str(script), str(tmp_path)]
    process = subprocess.Popen([*command, "0.3", str(n_jobs)])
    deadline = time.monotonic() + 60
    while len(list(store.glob("*.npz"))) < 1:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    log = tmp_path / "calls"
    before = ""
    while (now := log.read_text()) != before:  # workers end what they have begun
        before = now
        time.sleep(1.5)
    started, finished = len(before.splitlines()), len(list(store.glob("*.npz")))
    for pid in {int(line.split()[1]) for line in before.splitlines()}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert 1 <= finished < 8
    done = subprocess.run([*command, "0", str(n_jobs)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]"
    assert len((tmp_path / "calls").read_text().splitlines()) == started + 8 - finished


def test_quiet_where_there_is_no_terminal(files, tmp_path, capfd):
    with warnings.catch_warnings():
        run(files, tmp_path, progress=True)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_bar_on_a_terminal(files, tmp_path, monkeypatch):
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    run(files, tmp_path, progress=False)
    assert shown.getvalue() == ""
    run(files, tmp_path)
    assert "Extract" in shown.getvalue()


def test_failures_of_a_plain_dataset_are_none(files, tmp_path):
    found = run(files, tmp_path)
    found.attrs.clear()
    assert mv.extraction_failures(found).columns.tolist() == ["item", "file", "reason"]
    assert isinstance(mv.extraction_failures(found), pd.DataFrame)
    assert extraction_log(found) == []


@pytest.mark.parametrize("other", [None, 3, "clips", pd.DataFrame()])
def test_failures_of_something_else_are_refused(other):
    with pytest.raises(mv.DataError, match="not what an extraction returned"):
        mv.extraction_failures(other)

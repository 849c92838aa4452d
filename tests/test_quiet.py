"""Warnings kept back in one thread only."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings

import pytest

from muvistats.quiet import quiet


def test_quiet_here_and_loud_elsewhere():
    heard = []
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        inside.wait(10)
        try:
            warnings.warn("heard", UserWarning, stacklevel=1)
        except UserWarning as warning:  # an error in tests
            heard.append(str(warning))
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    before = list(warnings.filters)
    with quiet():
        warnings.warn("not heard", UserWarning, stacklevel=1)
        with quiet():
            inside.set()
            done.wait(10)
        warnings.warn("not heard either", UserWarning, stacklevel=1)
    thread.join()
    assert heard == ["heard"]
    assert warnings.filters == before
    with pytest.warns(UserWarning, match="heard again"):
        warnings.warn("heard again", UserWarning, stacklevel=1)


def test_filters_are_left_as_they_were_by_many_threads():
    before = list(warnings.filters)

    def often() -> None:
        for _ in range(200):
            with quiet():
                warnings.warn("x", RuntimeWarning, stacklevel=1)

    threads = [threading.Thread(target=often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


def run(code: str) -> subprocess.CompletedProcess[str]:
    """A process whose stderr is a file."""
    return subprocess.run(
        [sys.executable, "-c", f"import os, sys\n{code}"],
        capture_output=True,
        text=True,
        check=False,
    )


def test_logs_of_an_import_are_held_back_and_other_lines_come_out():
    done = run(
        "from muvistats.quiet import without_chatter\n"
        "try:\n"
        "    with without_chatter():\n"
        "        os.write(2, b'WARNING: All log messages before absl::InitializeLog()\\n')\n"
        "        os.write(2, b'I0000 00:00:1 port.cc:153] oneDNN custom operations are on\\n')\n"
        "        os.write(2, b'no such device\\n')\n"
        "        raise ImportError('broken')\n"
        "except ImportError as error:\n"
        "    sys.stderr.write(f'{error}\\n')\n"
    )
    assert done.stderr == "no such device\nbroken\n"


def test_what_is_written_after_the_end_is_dropped_and_a_traceback_is_not():
    code = (
        "import atexit\n"
        "from muvistats.quiet import quiet_at_exit\n"
        "atexit.register(lambda: os.write(2, b'nanobind: leaked 60 instances!\\n'))\n"
        "quiet_at_exit()\n"
    )
    assert run(code).stderr == ""
    assert run(code + "raise ValueError('seen')\n").stderr.endswith("ValueError: seen\n")

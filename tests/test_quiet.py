"""Warnings kept back in one thread only."""

from __future__ import annotations

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

"""When progress is shown: after five seconds, on a terminal, one bar at a time."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from muvistats import progress


@pytest.fixture
def steps(monkeypatch):
    """What a bar on a terminal would show; each part of the work takes two seconds."""
    shown, clock = [], iter(range(0, 1000, 2))

    @contextmanager
    def bar():
        yield lambda *step: shown.append(step)

    monkeypatch.setattr(progress, "_bar", bar)
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    return shown


def test_short_work_shows_nothing_and_long_work_what_is_done(steps):
    assert list(progress.watched("ab", "work", 2)) == ["a", "b"]
    assert steps == []
    assert list(progress.watched("abcde", "work", 5)) == list("abcde")
    assert steps == [("work", 2, 5), ("work", 3, 5), ("work", 4, 5)]


def test_work_within_work_has_no_bar_of_its_own(steps):
    for _ in progress.watched(range(4), "outer", 4):
        assert len(list(progress.watched("abcd", "inner", 4))) == 4
    assert {what for what, _, _ in steps} in ({"inner"}, {"outer"}, {"inner", "outer"})
    with progress.terminal_progress() as first, progress.terminal_progress() as second:
        before = len(steps)
        second("second", 0, 1)
        assert len(steps) == before
        first("first", 0, 1)
        assert len(steps) == before + 1


def test_parts_are_all_there_and_watched(steps):
    assert list(progress.in_parts(5, 2, "work")) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert steps == [("work", 2, 3)]
    assert list(progress.in_parts(2, 0, "work")) == [slice(0, 1), slice(1, 2)]
    assert list(progress.in_parts(0, 2, "work")) == []


def test_short_steps_of_long_work_are_shown(steps):
    with progress.as_one_work():
        assert list(progress.watched("ab", "first", 2)) == ["a", "b"]
        assert steps == [("first", 1, 2)]
        with progress.as_one_work():  # a function that the work calls
            assert list(progress.watched("ab", "second", 2)) == ["a", "b"]
    assert steps[1:] == [("second", 0, 2), ("second", 1, 2)]
    list(progress.watched("ab", "another work", 2))
    assert len(steps) == 3


def test_calls_are_counted(steps):
    with progress.counted(abs, "calls") as told:
        assert [told(-number) for number in range(4)] == [0, 1, 2, 3]
    assert steps == [("calls", 2, 0), ("calls", 3, 0)]


def test_a_bar_is_given_back_when_work_ends_early(steps):
    for part in progress.watched(range(9), "work", 9):
        if part == 5:
            break
    assert steps
    with progress.terminal_progress() as step:
        step("again", 1, 1)
    assert steps[-1] == ("again", 1, 1)


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets, in a process whose stderr is a file."""
    now = [0.0]
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: False, raising=False)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_command_writes_a_line_for_each_step_of_long_work(clock, capsys):
    with progress.written_in_lines(), progress.terminal_progress() as step:
        for seconds, what, done in [
            (1, "Loading", 0),
            (6, "Reading", 1),
            (7, "Reading", 2),
            (8, "Tests", 3),
            (69, "Tests", 4),
        ]:
            clock[0] = seconds
            step(what, done, 5)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["Reading (1 of 5)", "Tests (3 of 5)", "Tests (4 of 5)"]


def test_a_first_step_that_goes_on_is_told_of(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_LONG", 0.05)
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: False, raising=False)
    with progress.written_in_lines(), progress.terminal_progress() as step:
        step("Loading", 0, 2)
        progress.time.sleep(0.3)
    assert capsys.readouterr().err == "Loading (0 of 2)\n"


def test_a_library_call_writes_nothing_into_a_file(clock, capsys):
    with progress.terminal_progress() as step:
        clock[0] = 99
        step("Tests", 1, 2)
    assert capsys.readouterr().err == ""

"""Settings of a figure hold where it is drawn, and nobody else sees them."""

from __future__ import annotations

import threading
import time

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from muvistats.plots.settings import own_settings

from .figures import FIGURES


def test_other_threads_never_see_the_settings_of_a_figure():
    before, kind = dict(mpl.rcParams), type(mpl.rcParams)
    seen, drawn = set(), threading.Event()

    def watch():
        while not drawn.is_set():
            now = dict(mpl.rcParams)
            seen.update(name for name in before if now[name] != before[name])
            time.sleep(0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for width in (None, "column", "text"):
            FIGURES["plot_means"](width=width)
    finally:
        drawn.set()
        watcher.join()
    assert seen == set()
    assert type(mpl.rcParams) is kind
    assert dict(mpl.rcParams) == before


def test_settings_are_those_of_matplotlib_with_the_changes():
    with mpl.rc_context({"font.size": 40, "lines.linewidth": 9, "timezone": "CET"}):
        with own_settings({"font.size": 5}):
            assert mpl.rcParams["font.size"] == 5
            assert mpl.rcParams["lines.linewidth"] == mpl.rcParamsDefault["lines.linewidth"]
            assert mpl.rcParams["timezone"] == "CET"  # of the process, not of a figure
            with own_settings({}):
                assert mpl.rcParams["font.size"] == mpl.rcParamsDefault["font.size"]
            assert Figure().subplots().xaxis.label.get_fontsize() == 5
        assert mpl.rcParams["font.size"] == 40


def test_a_mistake_leaves_nothing_behind():
    kind = type(mpl.rcParams)
    with pytest.raises(ZeroDivisionError), own_settings({"font.size": 5}):
        raise ZeroDivisionError
    assert type(mpl.rcParams) is kind
    assert mpl.rcParams["font.size"] != 5
    with pytest.raises(KeyError), own_settings({"font.colour": "red"}):
        pass
    assert type(mpl.rcParams) is kind

"""Figures for papers: at the width of a column or a text, or in the axes of the user."""

from __future__ import annotations

import contextlib
import inspect
import sys
from concurrent.futures import ThreadPoolExecutor

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib._pylab_helpers import Gcf
from matplotlib.figure import Figure

import muvistats as mv
from muvistats.plots.layout import SIMULATED

from .drawing import illegible, pixels
from .figures import FIGURES, OF_ONE_PANEL

NAMES = sorted(name for name in mv.__all__ if name.startswith("plot_"))
WITH_AXES = [n for n in NAMES if "ax" in inspect.signature(getattr(mv, n)).parameters]
MILLIMETRES = {"column": 85, "text": 175}


def test_every_public_figure_is_here_and_has_the_arguments_of_all():
    assert sorted(FIGURES) == NAMES
    for name in NAMES:
        parameters = inspect.signature(getattr(mv, name)).parameters
        assert parameters["width"].default is None, name
        assert parameters["width"].kind is inspect.Parameter.KEYWORD_ONLY, name
        assert "width : " in inspect.getdoc(getattr(mv, name)), name
    never_one_panel = {"plot_architectures", "plot_dominance_over_time"}
    assert set(NAMES) - set(WITH_AXES) == never_one_panel


@pytest.mark.parametrize("width", MILLIMETRES)
@pytest.mark.parametrize("name", NAMES)
def test_at_a_width_all_text_is_legible(name, width):
    before = dict(mpl.rcParams)
    figure = FIGURES[name](width=width)
    assert isinstance(figure, Figure)
    assert dict(mpl.rcParams) == before
    assert not Gcf.figs
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(MILLIMETRES[width])
    assert illegible(figure, 6.5) == []


@pytest.mark.parametrize("name", NAMES)
def test_at_the_default_width_all_text_is_legible(name):
    assert illegible(FIGURES[name]()) == []


@pytest.mark.parametrize("name", WITH_AXES)
def test_in_axes_of_the_user_nothing_else_is_touched(name):
    figure = Figure(figsize=(9, 6), layout="constrained")
    left, right = figure.subplots(1, 2)
    figure.suptitle("mine")
    right.plot([0, 1], [0, 1])
    before = dict(mpl.rcParams)
    held = (
        figure.get_children(),
        right.get_children(),
        figure.get_size_inches().tolist(),
        right.get_xlim(),
    )
    assert OF_ONE_PANEL[name](ax=left) is figure
    assert dict(mpl.rcParams) == before
    assert held == (
        figure.get_children(),
        right.get_children(),
        figure.get_size_inches().tolist(),
        right.get_xlim(),
    )
    assert left.has_data()
    assert SIMULATED in left.get_title("left") + left.get_title()


@pytest.mark.parametrize("name", NAMES)
def test_nonsense_is_refused(name):
    arguments = list(inspect.signature(getattr(mv, name)).parameters)[1:]
    for argument in arguments:
        for value in ({"a": 1}, np.array([1.0, 2.0]), pd.NA, object()):
            with pytest.raises(mv.MuvistatsError):
                FIGURES[name](**{argument: value})


@pytest.mark.parametrize(
    "name", ["plot_sensitivity", "plot_raincloud", "plot_power", "plot_over_time", "plot_residuals"]
)
def test_text_fits_narrow_axes(name):
    figure = Figure(figsize=(10, 9), layout="constrained")
    OF_ONE_PANEL[name](ax=figure.subplots(3, 3)[1, 1])
    assert illegible(figure) == []


@pytest.mark.parametrize(("high", "n"), [(9, 14), (14, 27)])
def test_names_of_many_rows_fit_low_axes_and_stay_legible(high, n):
    figure = Figure(figsize=(10, high), layout="constrained")
    ax = figure.subplots(3, 3)[0, 0]
    told = pytest.warns(mv.FigureWarning, match="no room") if n < 27 else contextlib.nullcontext()
    with told:
        OF_ONE_PANEL["plot_label_frequencies"](ax=ax)
    names = {label.get_text() for label in ax.get_yticklabels()} - {""}
    assert len(names) == n
    assert min(label.get_fontsize() for label in ax.get_yticklabels()) >= 5
    assert not [text for text in illegible(figure) if text.split("'")[1] in names]


def test_axes_in_a_figure_within_a_figure():
    outer = Figure(figsize=(8, 4))
    inner = outer.subfigures(1, 2)[0]
    assert OF_ONE_PANEL["plot_coefficients"](ax=inner.subplots()) is outer


def test_several_panels_do_not_go_into_one_axes():
    for name in ("plot_mean_trajectories", "plot_dimension_distributions"):
        with pytest.raises(mv.DataError, match="one panel"):
            FIGURES[name](ax=Figure().subplots())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"width": "page"}, "width must be one of"),
        ({"width": 85}, "width must be one of"),
        ({"ax": "here"}, "ax must be"),
        ({"ax": [1, 2]}, "ax must be"),
    ],
)
def test_what_is_no_width_and_no_axes(arguments, said):
    with pytest.raises(mv.DesignError, match=said):
        FIGURES["plot_sensitivity"](**arguments)
    polar = Figure().subplots(subplot_kw={"projection": "polar"})
    with pytest.raises(mv.DesignError, match="rectilinear"):
        FIGURES["plot_sensitivity"](ax=polar)
    with pytest.raises(mv.DesignError, match="width is that of"):
        FIGURES["plot_sensitivity"](ax=Figure().subplots(), width="text")


def test_panels_stand_below_each_other_in_a_column():
    def columns(width):
        figure = FIGURES["plot_modality_medians"](width=width)
        return {ax.get_subplotspec().colspan.start for ax in figure.axes}

    assert columns("column") == {0}
    assert columns("text") == {0, 1}


def test_a_failed_figure_leaves_the_settings_alone():
    before = dict(mpl.rcParams)
    with pytest.raises(mv.DataError):
        mv.plot_sensitivity(FIGURES["plot_sensitivity"], width="column")
    assert dict(mpl.rcParams) == before
    assert FIGURES["plot_sensitivity"]().get_size_inches()[0] > 5  # and no width behind


def test_threads_draw_the_same_and_leave_the_settings_alone():
    names = ["plot_sensitivity", "plot_means", "plot_feature_ranks"]
    tasks = [(name, width) for name in names for width in (None, "column", "text")]
    alone = [pixels(FIGURES[name](width=width)) for name, width in tasks]
    with mpl.rc_context({"font.size": 23, "axes.grid": True}):
        before = dict(mpl.rcParams)
        pause = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            with ThreadPoolExecutor(6) as pool:
                drawn = list(pool.map(lambda task: FIGURES[task[0]](width=task[1]), tasks))
        finally:
            sys.setswitchinterval(pause)
        assert dict(mpl.rcParams) == before
    assert not Gcf.figs
    for (name, width), one, figure in zip(tasks, alone, drawn, strict=True):
        np.testing.assert_array_equal(pixels(figure), one, err_msg=f"{name} {width}")


@pytest.mark.parametrize("style", ["dark_background", "ggplot", "grayscale"])
def test_styles_of_the_user_change_no_figure(style):
    plain = pixels(FIGURES["plot_means"](width="column"))
    with mpl.rc_context():
        mpl.style.use(style)
        styled = FIGURES["plot_means"](width="column")
    np.testing.assert_array_equal(pixels(styled), plain)

"""Figures show what the frame or the study holds, and say when it is simulated."""

from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib._pylab_helpers import Gcf
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

import muvistats as mv
from muvistats.plots import layout, style

from .drawing import illegible, lines, save, texts

LABELS = ["sad", "energetic", "moved", "tearful"]  # taxonomy: moved, energetic, sad, tearful
ORDER = ["Moved", "Energetic", "Sad", "Tearful"]


def note(figure):
    return next(text.get_text() for text in figure.texts if text.get_gid() == "note")


def test_a_notebook_shows_a_figure_without_pyplot(study):
    figure = mv.plot_label_frequencies(mv.label_frequencies(study))
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert not Gcf.figs


@pytest.fixture
def correlations():
    pairs = [
        ("sad", "energetic", -0.25),
        ("sad", "moved", 0.1),
        ("tearful", "sad", 0.4),
        ("energetic", "moved", np.nan),
        ("energetic", "tearful", -0.05),
        ("moved", "tearful", 0.15),
    ]
    return pd.DataFrame(pairs, columns=["label1", "label2", "estimate"]).assign(scope="total")


@pytest.fixture
def deviations():
    return pd.DataFrame(
        {
            "factor": "gender",
            "group": np.repeat(["Female", "Male"], 4),
            "label": LABELS * 2,
            "observed": [10.0, 20.0, 30.0, 40.0, 40.0, 30.0, 20.0, 10.0],
            "expected": [20.0, 22.0, 28.0, 30.0, 30.0, 28.0, 22.0, 20.0],
            "std_residual": [-4.0, -0.5, 0.5, np.nan, 4.0, 0.5, -0.5, np.nan],
            "p_adjusted": [0.001, 0.9, 0.9, np.nan, 0.001, 0.9, 0.9, np.nan],
            "alignment": "corrected",
        }
    )


@pytest.fixture
def frequencies():
    rows = [
        {"modality": modality, "label": label, "share": 0.1 * (i + 1) + 0.02 * j}
        for j, modality in enumerate(["music", "visual", "audiovisual", "all"])
        for i, label in enumerate(LABELS)
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(
        conf_low=frame["share"] - 0.05, conf_high=frame["share"] + 0.05, conf_level=0.95
    )


@pytest.fixture
def per_item():
    rows = [
        {
            "dimension": dimension,
            "modality1": first,
            "modality2": second,
            "item": f"i{k}",
            "estimate": np.nan if k == 5 else round(np.sin(3 * k + len(dimension) + n), 3),
        }
        for dimension in ("arousal", "valence")
        for n, (first, second) in enumerate([("music", "visual"), ("music", "audiovisual")])
        for k in range(6)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def alignment():
    rows = [
        {
            "variable": variable,
            "lag": lag,
            "participant": participant,
            "statistic": 20.0 * (lag == 1) + 0.5 * lag + len(participant),
            "best": lag == 1,
        }
        for variable in ("labels", "familiar")
        for participant in ("all", "p1", "p2")
        for lag in (-1, 0, 1)
    ]
    return pd.DataFrame(rows)


def drawn(study):
    """Every figure, from a study."""
    yield mv.plot_dimension_distributions(study)
    yield mv.plot_modality_medians(study, test=mv.kruskal_modality(study, n_resamples=0))
    yield mv.plot_modality_correlations(mv.modality_correlations(study, level="item"))
    yield mv.plot_label_correlations(mv.label_correlations(study))
    yield mv.plot_label_deviations(mv.label_deviations(study, by="familiar"))
    yield mv.plot_label_frequencies(mv.label_frequencies(study))
    yield mv.plot_label_alignment(mv.label_alignment_check(study, n_resamples=19))


def test_the_mark_is_there_when_the_data_is_simulated(study):
    for figure in drawn(study):
        assert texts(figure).count(layout.SIMULATED) == 1
        save(figure)


def test_the_mark_is_not_there_when_it_is_not(tiny):
    for figure in drawn(tiny):
        assert layout.SIMULATED not in texts(figure)
        save(figure)


def test_no_pyplot_and_no_settings_are_touched(deviations):
    before = dict(mpl.rcParams)
    figure = mv.plot_label_deviations(deviations)
    assert isinstance(figure, Figure)
    assert dict(mpl.rcParams) == before
    assert not Gcf.get_all_fig_managers()


def test_the_users_settings_do_not_change_a_figure(deviations):
    plain = mv.plot_label_deviations(deviations)
    with mpl.rc_context({"axes.grid": True, "font.size": 30, "axes.titlesize": 40}):
        other = mv.plot_label_deviations(deviations)
    sizes = [[t.get_fontsize() for t in f.findobj(mpl.text.Text)] for f in (plain, other)]
    assert sizes[0] == sizes[1]


def test_reading_of_the_labels_stands_below_the_title(deviations):
    assert "corrected" in note(mv.plot_label_deviations(deviations))
    released = mv.plot_label_deviations(deviations.assign(alignment="released"))
    assert "labels as released" in note(released)
    plain = mv.plot_label_deviations(deviations.assign(alignment="as_recorded"))
    assert "labels" not in note(plain)


@pytest.mark.parametrize(
    "name",
    ["plot_label_correlations", "plot_label_deviations", "plot_label_frequencies"],
)
def test_readings_are_not_drawn_on_top_of_each_other(name, request):
    frame = request.getfixturevalue(name.removeprefix("plot_label_"))
    both = pd.concat([frame.assign(alignment=a) for a in ("released", "corrected")])
    with pytest.raises(mv.DataError, match="several readings"):
        getattr(mv, name)(both)


@pytest.mark.parametrize(
    "name",
    [
        "plot_label_alignment",
        "plot_label_correlations",
        "plot_label_deviations",
        "plot_label_frequencies",
        "plot_modality_correlations",
        "plot_modality_medians",
    ],
)
def test_another_frame_is_refused(name):
    with pytest.raises(mv.DataError):
        getattr(mv, name)(pd.DataFrame({"x": [1.0]}))


def test_an_empty_frame_is_refused(deviations):
    with pytest.raises(mv.DataError, match="no rows"):
        mv.plot_label_deviations(deviations[:0])


# --- label correlations


def undefined(ax) -> int:
    """Cells that are drawn as undefined."""
    (cells,) = [each for each in ax.collections if each.get_gid() == "undefined"]
    return len(cells.get_paths())


def test_correlations_are_in_the_order_of_the_taxonomy(correlations):
    figure = mv.plot_label_correlations(correlations)
    ax = figure.axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ORDER
    image = ax.images[0]
    drawn = image.get_array()
    assert drawn[2, 0] == 0.1  # sad, moved
    assert drawn[2, 1] == -0.25  # sad, energetic
    assert drawn[3, 2] == 0.4  # tearful, sad
    assert drawn.mask[np.triu_indices(4)].all()
    assert drawn.mask[1, 0]  # undefined, not zero
    assert image.norm.vmin == -0.4
    assert image.norm.vmax == 0.4
    assert undefined(ax) == 1
    shown = [t.get_text() for t in ax.texts]
    assert ".40" in shown
    assert "\u2212.25" in shown
    assert {"Wonder", "Power", "Sadness"} <= set(shown)
    assert len([t for t in shown if t.lstrip("\u2212").startswith(".")]) == 2
    save(figure)


def test_correlations_of_one_scope(correlations):
    two = pd.concat([correlations, correlations.assign(scope="between items", estimate=0.9)])
    figure = mv.plot_label_correlations(two, scope="between items")
    assert np.all(figure.axes[0].images[0].get_array().compressed() == 0.9)
    assert "between items" in note(figure)
    assert mv.plot_label_correlations(two).axes[0].images[0].get_array()[2, 0] == 0.1
    with pytest.raises(mv.DataError, match="scope"):
        mv.plot_label_correlations(two, scope="elsewhere")


def test_all_correlations_undefined(correlations):
    figure = mv.plot_label_correlations(correlations.assign(estimate=np.nan))
    assert undefined(figure.axes[0]) == 6
    save(figure)


# --- deviations


def test_deviations_show_counts_and_residuals(deviations):
    figure = mv.plot_label_deviations(deviations)
    left, right = figure.axes[:2]
    assert [left.get_title(loc="left"), right.get_title(loc="left")] == ["Female", "Male"]
    assert [t.get_text() for t in left.get_yticklabels()] == ORDER
    assert [bar.get_width() for bar in left.patches] == [30.0, 20.0, 10.0, 40.0]
    assert [bar.get_width() for bar in right.patches] == [20.0, 30.0, 40.0, 10.0]
    ticks = [segment[0][0] for segment in left.collections[0].get_segments()]
    assert ticks == [28.0, 22.0, 20.0, 30.0]
    fill = [bar.get_facecolor() for bar in left.patches]
    assert fill[2][2] > fill[2][0]  # far below expectation: blue
    assert right.patches[2].get_facecolor()[0] > right.patches[2].get_facecolor()[2]  # above: red
    assert fill[3] == to_rgba(style.PALE)  # undefined
    dots = [line for line in left.lines if line.get_marker() == "o"]
    assert dots[0].get_ydata().tolist() == [2]  # only "sad" has a small adjusted p
    assert left.get_ylim()[0] > left.get_ylim()[1]  # first label on top
    save(figure)


def test_deviations_of_three_groups(deviations):
    third = deviations[:4].assign(group="Other")
    figure = mv.plot_label_deviations(pd.concat([deviations, third]))
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert [title for title in titles if title] == ["Female", "Male", "Other"]


def test_condition_is_spelled_out(deviations):
    frame = deviations.assign(factor="years_of_training > 3", group=np.repeat(["False", "True"], 4))
    figure = mv.plot_label_deviations(frame)
    titles = [ax.get_title(loc="left") for ax in figure.axes[:2]]
    assert titles == ["Years of training \u2264 3", "Years of training > 3"]


def test_two_factors_are_refused(deviations):
    two = pd.concat([deviations, deviations.assign(factor="overlay")])
    with pytest.raises(mv.DataError, match="several factors"):
        mv.plot_label_deviations(two)


def test_deviations_without_adjusted_p(deviations):
    figure = mv.plot_label_deviations(deviations.drop(columns="p_adjusted"))
    assert "adjusted" not in note(figure)
    assert not [line for line in figure.axes[0].lines if line.get_marker() == "o"]


# --- frequencies


def test_frequencies_are_shares_with_their_intervals(frequencies):
    figure = mv.plot_label_frequencies(frequencies)
    ax = figure.axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ORDER
    points = [line for line in ax.lines if len(line.get_xdata()) == 4]
    assert [line.get_label() for line in points] == ["Music", "Visual", "Audiovisual"]
    # moved, energetic, sad, tearful
    assert points[0].get_xdata() == pytest.approx([30, 20, 10, 40])
    assert points[2].get_xdata() == pytest.approx([34, 24, 14, 44])
    assert len({line.get_marker() for line in points}) == 3  # not by colour alone
    segments = ax.collections[0].get_segments()
    assert segments[0][:, 0] == pytest.approx([25, 35])
    assert "95% intervals" in note(figure)


def test_frequencies_of_categories(frequencies):
    frame = frequencies.assign(category=frequencies["label"], label="all")
    figure = mv.plot_label_frequencies(frame.replace({"category": {"moved": "joyful_activation"}}))
    names = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert names == ["Sad", "Energetic", "Joyful activation", "Tearful"]
    assert "category" in figure.axes[0].get_xlabel()


def test_frequencies_of_another_studys_labels(frequencies):
    names = dict(zip(LABELS, ["b_two", "a_one", "c", "b_three"], strict=True))
    frame = frequencies.assign(label=frequencies["label"].map(names))
    frame["category"] = frame["label"].str[0]
    figure = mv.plot_label_frequencies(frame)
    shown = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert shown == ["B two", "B three", "A one", "C"]  # kept together by category


def test_one_modality_without_intervals(frequencies):
    frame = frequencies[frequencies["modality"] == "all"].drop(columns=["conf_low", "conf_high"])
    figure = mv.plot_label_frequencies(frame.drop(columns="conf_level"))
    assert figure.axes[0].get_legend() is None
    assert not figure.axes[0].collections
    save(figure)


def test_frame_without_labels_is_refused():
    with pytest.raises(mv.DataError, match="names no labels"):
        mv.plot_label_frequencies(pd.DataFrame({"modality": ["all"], "share": [1.0]}))


# --- rated dimensions


def test_distributions_hold_every_kept_sample(tiny):
    figure = mv.plot_dimension_distributions(tiny)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert [title for title in titles if title] == ["Music", "Visual", "Audiovisual"]
    planes = [ax for ax in figure.axes if ax.get_xlabel() == "Valence"]
    assert len(planes) == 3
    annotations = tiny["annotations"]
    for plane, modality in zip(planes, ["music", "visual", "audiovisual"], strict=True):
        mine = (annotations["modality"] == modality).to_numpy()
        valence = annotations["valence"].to_numpy()[mine].ravel()
        arousal = annotations["arousal"].to_numpy()[mine].ravel()
        share = plane.collections[0].get_array()
        assert share.sum() == pytest.approx(100)
        assert share.max() == pytest.approx(
            100
            * np.histogram2d(valence, arousal, bins=33, range=[(-1.0044, 1.0044)] * 2)[0].max()
            / valence.size,
            abs=4,
        )
        cross = plane.lines[-1]
        assert cross.get_xdata()[0] == pytest.approx(valence.mean())
        assert cross.get_ydata()[0] == pytest.approx(arousal.mean())
    assert planes[0].get_ylabel() == "Arousal"
    assert "192 samples" in note(figure)


def test_distributions_leave_masked_annotations_out(tiny):
    masked = tiny.copy(deep=True)
    masked["annotations/keep_dynamic"][:] = masked["annotations/modality"].to_numpy() != "music"
    with_mask = mv.plot_dimension_distributions(masked)
    assert "128 samples" in note(with_mask)
    save(with_mask)


def test_distribution_of_one_dimension(tiny):
    figure = mv.plot_dimension_distributions(tiny, dimension=["arousal"])
    assert len(figure.axes) == 3
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert sum(heights) == pytest.approx(100)
    save(figure)


def test_unknown_dimension_is_refused(tiny):
    with pytest.raises(mv.DataError, match="arousal, valence"):
        mv.plot_dimension_distributions(tiny, dimension=["tension"])
    with pytest.raises(mv.DataError):
        mv.plot_modality_medians(tiny, dimension=["tension"])


def test_medians_are_those_of_the_annotations(tiny):
    test = mv.kruskal_modality(tiny, n_resamples=0)  # both rows: the published one is drawn
    figure = mv.plot_modality_medians(tiny, test=test)
    frame = mv.annotation_frame(tiny)
    for ax, name in zip(figure.axes, ["arousal", "valence"], strict=True):
        expected = frame.groupby("modality", observed=True)[name].median()
        shown = [line.get_ydata()[0] for line in lines(ax, "median")]
        assert shown == pytest.approx(expected.to_list())
        assert sum(len(line.get_ydata()) for line in lines(ax, "points")) == 24
        published = test[test["dependence"] == "independent"].set_index("dimension")
        statistic = published.loc[name, "statistic"]
        assert f"H(2) = {statistic:.2f}" in ax.get_title(loc="left")
        names = [t.get_text() for t in ax.get_xticklabels()]
        assert names == ["Music\nn = 8", "Visual\nn = 8", "Audiovisual\nn = 8"]


def test_medians_of_a_frame_with_a_constant_and_an_empty_group():
    frame = pd.DataFrame(
        {"modality": ["music"] * 3 + ["visual"] * 2, "arousal": [0.2, 0.2, 0.2, np.nan, np.nan]}
    )
    figure = mv.plot_modality_medians(frame)
    ax = figure.axes[0]
    assert [line.get_ydata()[0] for line in lines(ax, "median")] == [0.2]
    assert ax.get_xticklabels()[1].get_text() == "Visual\nn = 0"
    save(figure)


def test_correlations_between_modalities(per_item):
    figure = mv.plot_modality_correlations(per_item)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Arousal", "Valence"]
    means = per_item.groupby(["dimension", "modality2"], sort=False)["estimate"].mean()
    for ax, name in zip(figure.axes, ["arousal", "valence"], strict=True):
        shown = [line.get_ydata()[0] for line in lines(ax, "mean")]
        assert shown == pytest.approx(means[name].to_list())
        dots = [line for line in ax.lines if line.get_marker() == "o"]
        assert [len(line.get_ydata()) for line in dots] == [5, 5]  # undefined items have no dot
    assert "6 items" in note(figure)
    with pytest.raises(mv.DataError, match="row per item"):
        mv.plot_modality_correlations(per_item.assign(item="all"))


# --- alignment


def test_alignment_bars_and_lines(alignment):
    figure = mv.plot_label_alignment(alignment)
    assert len(figure.axes) == 4
    bars = figure.axes[0]
    overall = alignment[(alignment["participant"] == "all") & (alignment["variable"] == "labels")]
    heights = [bar.get_height() for bar in bars.patches if hasattr(bar, "get_height")][-3:]
    assert heights == pytest.approx(overall["statistic"].to_list())
    assert [t.get_text() for t in bars.texts] == ["lag 1\nz = 23.5"]
    below = figure.axes[2]
    assert len(below.lines) == 1 + 2 + 1  # zero, two participants, median
    assert lines(below, "median")[0].get_ydata() == pytest.approx([1.5, 2.0, 22.5])
    save(figure)


def test_alignment_of_one_level(alignment):
    overall = mv.plot_label_alignment(alignment[alignment["participant"] == "all"])
    assert len(overall.axes) == 2
    single = mv.plot_label_alignment(alignment[alignment["participant"] != "all"])
    assert len(single.axes) == 2
    assert single.axes[0].get_ylabel() == "z of each participant"


def test_alignment_that_is_undefined_or_not_found(alignment):
    frame = alignment[alignment["participant"] == "all"].assign(best=False)
    assert not mv.plot_label_alignment(frame).axes[0].texts
    empty = mv.plot_label_alignment(frame.assign(statistic=np.nan))
    assert [t.get_text() for t in empty.axes[0].texts] == ["not defined"]
    save(empty)


# --- words


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("feeling_of_transcendence", "Feeling of transcendence"),
        ("joyful_activation", "Joyful activation"),
        ("side_by_side", "Side by side"),
        ("", ""),
    ],
)
def test_words(name, text):
    assert style.words(name) == text


@pytest.mark.parametrize(("p", "text"), [(0.0004, "p < .001"), (0.0456, "p = .046")])
def test_numbers_are_rounded_as_everywhere(study, p, text):
    tests = mv.kruskal_modality(study, dependence="independent", n_resamples=0)
    tests = tests.assign(statistic=1234.56, p_value=p)
    title = mv.plot_modality_medians(study, test=tests).axes[0].get_title(loc="left")
    assert title.replace("\u00a0", " ").endswith(f"Kruskal-Wallis, H(2) = 1,235, {text}")


@pytest.mark.parametrize("name", ["$$", r"$\notacommand$", "a$^{$", "5 $ a $ b"])
def test_dollar_signs_are_drawn_as_they_are(name):
    rng = np.random.default_rng(0)
    ratings = pd.DataFrame(
        [
            {"participant": f"P{p}", "item": f"V{i}", "arousal": 0.1 * p, "joy": i % 2}
            | {name: int(rng.random() < 0.5)}
            for p in range(4)
            for i in range(3)
        ]
    )
    study = mv.from_frames(
        ratings, labels=["joy", name], modalities=("audiovisual",), dimensions=["arousal"]
    )
    figure = mv.plot_label_frequencies(mv.label_frequencies(study))
    figure.savefig(io.BytesIO(), format="svg")
    shown = {text.get_text() for axes in figure.axes for text in axes.get_yticklabels()}
    assert any(name[1:] in text for text in shown)


def test_planes_are_drawn_on_the_scale_as_recorded():
    rows = [(i, p, (i + p) % 7 + 1, (i * p) % 9 + 1) for i in range(5) for p in range(6)]
    frame = pd.DataFrame(rows, columns=["item", "participant", "tension", "liking"])
    study = mv.from_frames(
        frame, dimensions=["tension", "liking"], scale={"tension": (1, 7), "liking": (1, 9)}
    )
    figure = mv.plot_dimension_distributions(study)
    plane = figure.axes[0]
    assert [tick.get_text() for tick in plane.get_xticklabels()] == ["1", "4", "7"]
    assert [tick.get_text() for tick in plane.get_yticklabels()] == ["1", "5", "9"]
    assert not any(ax.get_title("left") for ax in figure.axes)  # there is one modality, unnamed


def test_pairs_without_a_correlation_say_so(study):
    frame = mv.modality_correlations(study, level="item")
    frame["estimate"] = np.nan
    figure = mv.plot_modality_correlations(frame, width="column")
    assert [text.get_text() for text in figure.axes[0].texts] == ["not defined"] * 3
    assert illegible(figure, 6.0) == []

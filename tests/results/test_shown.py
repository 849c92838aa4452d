"""Result frames: pandas frames in all but how they print."""

from __future__ import annotations

import io
import pickle
import sys

import joblib
import numpy as np
import pandas as pd
import pytest

from muvistats.results.frame import build_frame, csv_text, read_frame
from muvistats.results.shown import ResultFrame

COLUMNS = ("dimension", "factor", "statistic", "statistic_name", "df", "p_value", "n", "method")
COLUMNS = (*COLUMNS, "alignment", "simulated", "warning")


@pytest.fixture
def frame():
    return build_frame(
        {
            "dimension": ["arousal", "valence"],
            "factor": "modality",
            "statistic": np.array([79.44812, 1.0]),
            "statistic_name": "H",
            "df": 2.0,
            "p_value": [1 / 3, np.nan],
            "n": [1475, 3],
            "method": "Kruskal-Wallis",
            "alignment": "as_recorded",
            "simulated": True,
            "warning": ["", "too few"],
        },
        COLUMNS,
    )


def test_it_prints_as_a_short_view(frame):
    assert repr(frame).splitlines() == [
        "Dimension  Factor            Test     p      n",
        "arousal    modality  H(2) = 79.45  .333  1,475",
        "valence    modality   H(2) = 1.00     -      3  (a)",
        "Kruskal-Wallis. Simulated data. (a) too few.",
        "[2 rows x 11 columns]",
    ]
    html = frame._repr_html_()
    assert "H(2) = 79.45" in html
    assert "<sup>a</sup>" in html
    assert "(a) too few" in html
    assert '<p class="tex2jax_ignore mathjax_ignore">Kruskal' in html  # dollar signs stay
    assert html.startswith('<table class="dataframe muvistats tex2jax_ignore mathjax_ignore">')


def test_its_values_keep_every_digit(frame):
    assert frame["p_value"].iloc[0] == 1 / 3
    assert frame.to_string() == pd.DataFrame(frame).to_string()
    assert frame.to_csv() == pd.DataFrame(frame).to_csv()
    assert frame.to_latex() == pd.DataFrame(frame).to_latex()


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.copy(),
        lambda f: f[f["n"] > 0],
        lambda f: f.sort_values("n"),
        lambda f: f.head(1),
        lambda f: f.assign(mine=1),
        lambda f: f.drop(columns="statistic"),
        lambda f: f.reset_index(drop=True),
        lambda f: pd.concat([f, f], ignore_index=True),
        lambda f: pd.concat([f, f]),
        lambda f: pickle.loads(pickle.dumps(f)),
        lambda f: read_frame(io.StringIO(csv_text(f))),
        lambda f: joblib.Parallel(2)(joblib.delayed(ResultFrame.copy)(f) for _ in range(2))[1],
        lambda f: next(iter(f.groupby("dimension")))[1],
    ],
)
def test_what_keeps_its_keys_prints_short(change, frame):
    changed = change(frame)
    assert type(changed) is ResultFrame
    assert repr(changed).startswith("Dimension")
    as_pandas = change(pd.DataFrame(frame)) if "Parallel" not in str(change) else None
    if as_pandas is not None and type(as_pandas) is pd.DataFrame:
        pd.testing.assert_frame_equal(changed, as_pandas)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.drop(columns="factor"),
        lambda f: f[["dimension", "factor", "p_value"]],
        lambda f: f.set_index("dimension"),
        lambda f: f.set_axis(["a", "b"]),
        lambda f: f.iloc[:0],
        lambda f: f.describe(),
        lambda f: f.T,
        lambda f: f.groupby("factor").mean(numeric_only=True),
        lambda f: f.pivot_table(index="dimension", columns="factor", values="n"),
        lambda f: pd.concat([f, f], axis=1),
        lambda f: f.rename(columns={"dimension": "what"}),
        lambda f: f.assign(mine=1).rename(columns={"mine": 3}),
    ],
)
def test_what_lacks_a_key_prints_as_pandas(change, frame):
    changed = change(frame)
    assert repr(changed) == repr(pd.DataFrame(changed))
    assert changed._repr_html_() == pd.DataFrame(changed)._repr_html_()


def test_a_column_is_a_series(frame):
    assert type(frame["n"]) is pd.Series
    assert frame["n"].name == "n"
    assert type(frame.iloc[0]) is pd.Series


def test_frames_of_several_functions_can_be_joined(frame):
    other = build_frame([{"label": "calm", "estimate": 0.5}], ("label", "estimate", "warning"))
    joined = pd.concat([frame, other], ignore_index=True)
    assert "Label" in repr(joined)
    assert repr(joined.drop(columns="label")) == repr(pd.DataFrame(joined.drop(columns="label")))


def test_long_frames_show_as_many_rows_as_pandas_is_told(frame):
    long = pd.concat([frame] * 50, ignore_index=True)
    assert len(repr(long).splitlines()) == 1 + 11 + 2
    with pd.option_context("display.max_rows", 4, "display.min_rows", 2):
        assert len(repr(long).splitlines()) == 1 + 3 + 2
    with pd.option_context("display.max_rows", None):
        assert len(repr(long).splitlines()) == 1 + 100 + 2
    with pd.option_context("display.notebook_repr_html", False):
        assert frame._repr_html_() is None


def test_making_one_costs_no_more_than_a_plain_frame(frame):
    """Counted in calls of Python, since simulations make thousands and clocks depend on others."""

    def calls(work):
        counted = 0

        def count(_frame, event, _argument):
            nonlocal counted
            counted += event == "call"

        work()
        sys.setprofile(count)
        try:
            work()
        finally:
            sys.setprofile(None)
        return counted

    plain = pd.DataFrame(frame)
    columns = {name: frame[name] for name in frame}
    assert calls(lambda: ResultFrame(columns)) <= calls(lambda: pd.DataFrame(columns))
    assert calls(lambda: frame["n"]) <= calls(lambda: plain["n"]) + 2
    assert calls(lambda: frame.iloc[:1]) <= calls(lambda: plain.iloc[:1]) + 10
    assert calls(frame.copy) <= calls(plain.copy) + 10

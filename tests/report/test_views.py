from __future__ import annotations

import numpy as np
import pandas as pd

import muvistats as mv
from muvistats.report.parts import Table
from muvistats.report.views import comparison_view, table_views


def _table(**more: object) -> Table:
    return Table("key", "Caption", lambda _study, _settings: pd.DataFrame(), **more)


def _frame(alignment: str = "as_recorded") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "dimension": ["arousal", "valence"],
            "statistic": [79.4481, np.nan],
            "statistic_name": ["H", "H"],
            "p_value": [0.004, np.nan],
            "effect_size": [0.05, np.nan],
            "effect_size_name": ["epsilon squared", "epsilon squared"],
            "conf_low": [0.01, np.nan],
            "conf_high": [0.09, np.nan],
            "conf_level": [0.95, 0.95],
            "median": [np.nan, np.nan],
            "n": [1475, 0],
            "method": ["Kruskal-Wallis", "Kruskal-Wallis"],
            "dependence": ["independent", "independent"],
            "alignment": [alignment, alignment],
            "simulated": [True, True],
            "warning": [np.nan, "no values"],
        }
    )


def test_names_become_headings_and_constants_a_note() -> None:
    (view,) = table_views(_table(), _frame())
    assert [cell.text for cell in view.header] == [
        "Dimension",
        "Test",
        "p",
        "Epsilon squared",
        "95% CI",
        "n",
    ]
    assert [cell.text for cell in view.rows[0]] == [
        "arousal",
        "H = 79.45",
        ".004 **",
        "0.050",
        "[0.010, 0.090]",
        "1,475",
    ]
    assert [cell.text for cell in view.rows[1]] == [
        "valence",
        "\u2013",
        "\u2013",
        "\u2013",
        "\u2013",
        "0",
    ]
    assert view.notes[:2] == ["Kruskal-Wallis", "Rows taken as independent"]
    assert view.footnotes == [("a", "no values")]
    assert [cell.mark for cell in view.rows[1]] == [
        "",
        "",
        "a",
        "",
        "",
        "",
    ]  # at the p that is missing
    assert view.simulated


def test_a_test_stands_in_one_column_with_its_name_and_degrees_of_freedom() -> None:
    named = ["F", "sum of squared standardized residuals"]
    frame = _frame().assign(statistic=[4.1, 9.0], statistic_name=named, df=[2.0, np.nan])
    (view,) = table_views(_table(columns="dimension statistic df df_denom"), frame)
    assert [cell.text for cell in view.header] == ["Dimension", "Test"]
    assert [row[1].text for row in view.rows] == ["F(2) = 4.10", "9.00"]
    (view,) = table_views(_table(columns="statistic_name statistic df"), frame)
    assert [cell.text for cell in view.header] == ["Statistic is", "Statistic", "df"]


def test_readings_stand_next_to_each_other_or_apart() -> None:
    both = pd.concat([_frame("released"), _frame("corrected")], ignore_index=True)
    (view,) = table_views(_table(), both)
    shown = [(row[0].text, row[-1].text) for row in view.rows]
    assert shown == [
        ("arousal", "as released"),
        ("arousal", "corrected"),
        ("valence", "as released"),
        ("valence", "corrected"),
    ]
    apart = table_views(_table(split=True), both)
    assert [view.caption for view in apart] == [
        "Caption, labels as released",
        "Caption, labels corrected",
    ]
    assert len({view.key for view in apart}) == 2


def test_long_tables_are_cut_and_say_so() -> None:
    (view,) = table_views(_table(limit=1), _frame())
    assert (len(view.rows), view.total) == (1, 2)


def test_comparison_shows_ours_at_the_printed_digits() -> None:
    ours = pd.DataFrame({"dimension": ["arousal"], "statistic": [79.4481], "p_value": [6e-18]})
    view = comparison_view("k", "c", mv.compare_published(ours, "kruskal_modality"), csv="x.csv")
    rows = [[cell.text for cell in row] for row in view.rows]
    assert rows[0] == [
        "\u00a7\u00a04.2.1",
        "arousal, statistic",
        "79.45",
        "79.45",
        "\u22120.0019",
        "agrees",
    ]
    assert rows[1][2:4] == ["p < 0.001", "< .001"]
    assert rows[2][-1] == "not comparable"
    assert view.rows[0][-1].tone == "good"


def test_comparison_of_two_readings_has_both_verdicts() -> None:
    ours = pd.DataFrame(
        {
            "factor": ["gender", "gender"],
            "statistic": [46.35688, 43.76928],
            "alignment": ["released", "corrected"],
            "simulated": [False, False],
        }
    )
    view = comparison_view("k", "c", mv.compare_published(ours, "chisquare_labels"), csv="x.csv")
    assert [cell.text for cell in view.header][3:] == [
        "As released",
        "Verdict",
        "Corrected",
        "Verdict",
    ]
    first = [cell.text for cell in view.rows[0]]
    assert first[2:] == ["46.36", "46.36", "agrees", "43.77", "differs"]


def test_a_reason_stands_at_the_number_it_is_about() -> None:
    frame = _frame().assign(warning=["p is approximate", "intervals are wide"])
    frame.loc[1, ["statistic", "p_value", "effect_size"]] = [3.0, 0.2, 0.1]
    (view,) = table_views(_table(), frame)
    marks = [{cell.mark: place for place, cell in enumerate(row)} for row in view.rows]
    assert marks[0]["a"] == 2  # p
    assert marks[1]["b"] == 4  # the interval, which is missing


def test_long_tables_are_folded() -> None:
    long = pd.concat([_frame()] * 13, ignore_index=True)
    assert [view.collapsed for view in table_views(_table(), long)] == [True]
    assert [view.collapsed for view in table_views(_table(), long.iloc[:25])] == [False]


def test_shares_differ_by_points_of_percent() -> None:
    ours = pd.DataFrame({"level": ["side_by_side"], "count": [40], "share": [0.6527], "n": [49]})
    view = comparison_view("k", "c", mv.compare_published(ours, "overlay_preference"), csv="x.csv")
    (row,) = [row for row in view.rows if row[1].text.endswith("share")]
    assert [cell.text for cell in row[2:5]] == ["63.27%", "65.27%", "2.00 points"]
    assert row[2].mark  # what is said of the printed number stands there
    assert not row[3].mark

"""The first page: what becomes of findings, and what is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.report.claims import claims
from muvistats.report.first import findings, gaps
from muvistats.report.page import Absent
from muvistats.report.sources import Source
from muvistats.report.views import MOST_OPEN


@pytest.fixture(scope="module")
def own() -> Source:
    frame = pd.MultiIndex.from_product(
        [range(6), range(8)], names=["item", "participant"]
    ).to_frame(index=False)
    frame["tension"] = np.resize([1, 4, 2, 7, 5], len(frame))
    return Source({"as_recorded": mv.from_frames(frame, dimensions=["tension"], scale=(1, 7))})


def given(**columns: object) -> pd.DataFrame:
    """Rows of `sensitivity_table` for findings of a user."""
    row = {"finding": "tension is higher in a than in b", "p_independent": 0.01, "p_design": 0.3,
           "p_model": 0.2, "verdict": "does not survive", "effect_size": 0.2,
           "effect_size_name": "rank-biserial correlation", "conf_low": -0.1, "conf_high": 0.5,
           "group1": "a", "group2": "b", "warning": np.nan}  # fmt: skip
    return pd.DataFrame([row | columns])


def texts(table: object, place: int = 0) -> list[str]:
    row = table.first[place]
    return [row.said, *(f"{c.text} {c.more}".strip() for c in row.answers[0])]


def test_own_findings_head_the_page_and_recomputed_is_not_survived(own: Source) -> None:
    table = findings(own, {"own_findings": given()}, {})
    said, recomputed, survives, effect = texts(table)
    assert said == "Tension is higher in a than in b"
    assert recomputed.replace("\u00a0", " ") == "agrees p = .010"
    assert survives.replace("\u00a0", " ") == "does not survive design p = .300, model p = .200"
    assert effect == "0.20 [\u22120.10, 0.50] rank-biserial correlation, a against b"
    assert table.header == ["What is said", "Recomputed", "Survives", "Effect [95% CI]"]
    words = " ".join([table.caption, table.note, *table.header])
    assert "aper" not in words
    assert "ublished" not in words


@pytest.mark.parametrize(
    ("columns", "recomputed"),
    [
        ({"p_independent": 0.2}, "differs"),
        ({"p_independent": np.nan}, "not comparable"),
        ({"warning": "the data has the other direction"}, "differs"),
    ],
)
def test_what_the_analysis_says_again(
    own: Source, columns: dict[str, object], recomputed: str
) -> None:
    table = findings(own, {"own_findings": given(**columns)}, {})
    assert table.first[0].answers[0][0].text == recomputed


def test_at_most_twenty_five_findings_stand_in_the_open(own: Source) -> None:
    many = pd.concat([given()] * (MOST_OPEN + 3), ignore_index=True)
    table = findings(own, {"own_findings": many}, {})
    assert (len(table.first), len(table.others)) == (MOST_OPEN, 3)


def test_without_findings_the_page_asks(own: Source) -> None:
    frame = pd.DataFrame(
        {"dimension": "tension", "factor": "cut", "dependence": ["independent", "design"],
         "statistic": 4.0, "statistic_name": ["H", "F"], "df": 1.0, "df_denom": [np.nan, 7.0],
         "p_value": [0.01, 0.2], "effect_size": 0.1, "effect_size_name": "epsilon squared",
         "conf_low": 0.0, "conf_high": 0.3, "warning": [np.nan, "few items"]}
    )  # fmt: skip
    table = findings(own, {"kruskal_factors": frame}, {})
    said, plain, design, effect = (t.replace("\u00a0", " ") for t in texts(table))
    assert said == "Does tension depend on cut?"
    assert plain == "H(1) = 4.00, p = .010"
    assert design == "F(1, 7) = 4.00, p = .200"
    assert effect == "0.10 [0.00, 0.30] epsilon squared"
    named = frame.assign(statistic_name=["H", "sum of squared standardized residuals"])
    named.loc[1, ["conf_low", "conf_high"]] = np.nan
    _, _, design, effect = texts(findings(own, {"kruskal_factors": named}, {}))
    assert design.replace("\u00a0", " ") == "p = .200"
    assert effect == "0.10 [0.00, 0.30] epsilon squared, ratings as independent"
    assert table.footnotes == [("a", "few items")]
    assert "verdict" in table.note
    assert findings(own, {}, {}) is None


def test_the_first_page_of_muvi_is_short_and_the_others_are_behind(study: xr.DataTree) -> None:
    source = Source({"as_recorded": study})
    assert 15 <= sum(claim.first for claim in claims()) <= MOST_OPEN
    table = findings(source, {}, {"kruskal_modality": "a file is missing"})
    assert table.first == []  # nothing here answers
    assert len(table.others) == len(claims())  # by name, behind it
    told = gaps(
        source,
        {},
        [Absent("T", "", "a file is missing")] * 2,
        {"kruskal_modality": "a file is missing"},
    )
    by_reason = {gap.reason: gap.what for gap in told}
    assert by_reason["a file is missing"] == "2 statements of the paper, 2 tables and figures"
    assert sum(int(what.split()[0]) for what in by_reason.values()) == len(claims())


def test_gaps_of_another_study_are_no_statements_of_a_paper(own: Source) -> None:
    (gap,) = gaps(own, {}, [Absent("T", "", "too slow")], {})
    assert (gap.what, gap.reason) == ("1 table or figure", "too slow")

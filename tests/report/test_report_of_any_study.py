"""What single tables of the page say of studies unlike MuVi."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.report.parts import NothingToSayError, Settings
from muvistats.report.sections import agreement, checks, contribution, labels, ratings
from muvistats.report.sections.agreement import AGREEMENT_SECTIONS
from muvistats.report.sections.effects import EFFECT_SECTIONS
from muvistats.report.sections.unfolding import UNFOLDING_SECTIONS

SETTINGS = Settings(full=False, n_resamples=9)


def grid(**more: list[str]) -> pd.DataFrame:
    keys = {"item": range(4), "participant": range(5), **more}
    return pd.MultiIndex.from_product(keys.values(), names=keys).to_frame(index=False)


@pytest.fixture(scope="module")
def faces() -> xr.DataTree:
    frame = grid(modality=["voice", "face", "both"])
    frame["emotion"] = np.resize(["joy", "fear", "joy"], len(frame))
    return mv.from_frames(frame, labels="emotion", modalities=("voice", "face", "both"))


@pytest.fixture(scope="module")
def days() -> xr.DataTree:
    frame = grid(session=["mon", "tue"])
    frame["tension"] = np.resize([1, 2, 5], len(frame))
    return mv.from_frames(frame, dimensions=["tension"], scale=(1, 7))


def test_labels_without_categories_are_counted_by_modality(faces):
    table = labels._labels_wide(mv.label_frequencies(faces))
    assert list(table)[:5] == ["label", "Voice", "Face", "Both", "total"]
    assert (table[["Voice", "Face", "Both"]].sum(axis=1) == table["total"]).all()


def test_one_answer_is_one_of_the_labels(faces):
    found = checks._contents(faces, SETTINGS).set_index("part")["found"]
    assert found["labels"] == "one of 2 in each annotation"
    ticks = mv.from_frames(grid().assign(joy=1, fear=0), labels=["joy", "fear"])
    found = checks._contents(ticks, SETTINGS).set_index("part")["found"]
    assert found["labels"] == "any of 2 in each annotation"


def test_a_rater_of_two_days_is_one_rater(days):
    table = ratings._design(days, SETTINGS).set_index("variable")
    assert table.loc["raters_per_cell", "mean"] == 5
    assert table.loc["trials_per_participant", "mean"] == 8
    assert "sampling_interval" not in table.index


def test_without_ids_ratings_are_counted():
    frame = grid().drop(columns="participant").assign(tension=1.0)
    study = mv.from_frames(frame, dimensions=["tension"], scale=(1, 7))
    table = ratings._design(study, SETTINGS).set_index("variable")
    assert table.loc["ratings_per_cell", "mean"] == 5
    assert "raters_per_cell" not in table.index


def test_of_many_who_stand_out_some_are_named():
    frame = pd.DataFrame({"participant": [f"p{i}" for i in range(30)]})
    frame = frame.assign(
        quantity="annotations", dimension=np.nan, alignment="as_recorded", estimate=range(30)
    )
    named = checks._quality_summary(frame.assign(outlier=True))["stand out"].item()
    assert named.startswith("p0 (0), ")
    assert named.endswith("p9 (9), 20 more")


def test_sentences_of_time_and_of_several_labels_are_conditional():
    sections = {s.key: s for s in (*AGREEMENT_SECTIONS, *EFFECT_SECTIONS)}
    assert sections["reliability"].also[0][0] == "dynamics"
    assert sections["label-tests"].also[0][0] == "ticks"
    assert "median" not in sections["reliability"].text
    assert "from one annotation" not in sections["label-tests"].text


def test_when_modalities_differ_is_asked_of_each_dimension():
    (section,) = UNFOLDING_SECTIONS
    assert "not of its edges" in section.text
    assert all("dynamics" in part.needs for part in (*section.tables, *section.figures))
    study = mv.select(mv.simulate_muvi(rng=1, n_items=9, n_participants=12), time=(0, 12))
    clusters, courses = section.tables
    for is_muvi, start in ((True, 5.0), (False, 0.0)):
        settings = Settings(full=False, n_resamples=19, is_muvi=is_muvi)
        frame = courses.compute(study, settings)
        assert set(frame["dimension"]) == {"arousal", "valence"}
        assert frame["time"].min() == start
        assert set(clusters.compute(study, settings)["n_resamples"]) <= {19}
    odd = mv.to_long(study).rename(columns={"arousal": "how ~ now"})
    odd = odd[["item", "modality", "participant", "time", "how ~ now"]]
    odd = mv.from_frames(dynamics=odd, dimensions=["how ~ now"], scale=(-1, 1))
    assert set(courses.compute(odd, settings)["dimension"]) == {"how ~ now"}
    figure = section.figures[0].draw(study, {"courses": frame})
    assert [ax.get_ylabel() for ax in figure.axes] == ["Arousal", "Valence"]


def test_words_are_named_with_their_numbers_and_taken_by_their_order():
    words = ["bad", "fair", "good"]
    frame = grid()
    frame["quality"] = pd.Categorical(np.resize(words, len(frame)), words, ordered=True)
    study = mv.from_frames(frame, dimensions=["quality"])
    found = checks._contents(study, SETTINGS).set_index("part")["found"]
    assert found["ratings: quality"] == "one value each, bad (1), fair (2), good (3)"
    assert agreement._alpha(study, SETTINGS)["estimator"].str.contains("ordinal").all()
    assert set(agreement._ordinal(study, SETTINGS)["estimator"]) >= {"cohen_kappa", "kendall_w"}


def test_columns_are_told_as_what_they_are_taken_for():
    frame = grid().assign(tension=1.0, seconds=range(20))
    frame["sex"] = frame["participant"] % 2
    frame["code"] = frame["participant"].astype("str")
    study = mv.from_frames(frame, dimensions=["tension"], scale=(1, 7))
    found = checks._contents(study, SETTINGS).set_index("part")["found"]
    assert found["column: sex"] == "2 levels, trait of participants"
    assert found["column: seconds"] == "numbers, not tested"
    assert found["ratings: tension"] == "one value each, from 1 to 7"


def test_what_has_nothing_to_say_is_absent(days, faces):
    with pytest.raises(NothingToSayError):
        ratings._people(days, SETTINGS)
    with pytest.raises(NothingToSayError):
        contribution._between_dimensions(days, SETTINGS)
    assert "% of labels" not in labels._labels_wide(mv.label_frequencies(faces))


def test_limits_of_kappa_are_no_shares():
    (section,) = (s for s in AGREEMENT_SECTIONS if s.key == "label-agreement")
    assert section.tables[0].rules["conf_low"] == "number"


def test_exclusions_are_counted_by_reason_whatever_their_numbers():
    frame = grid().merge(pd.DataFrame({"time": np.arange(20.0)}), how="cross")
    frame["tension"] = np.where(frame["time"] < frame["item"] + 2, 8.0, 4.0)
    study = mv.from_frames(
        dynamics=frame, dimensions=["tension"], scale=(1, 7), out_of_scale="exclude"
    )
    counts = checks._exclusion_counts(study, SETTINGS)
    assert counts["reason"].tolist() == ["values of tension beyond the scale 1 to 7"]
    assert counts["annotations"].tolist() == [20]

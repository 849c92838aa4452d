"""Keys of a user's tables: sessions, ratings without ids, one modality, names that teach."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv

TWICE = pd.DataFrame(
    {
        "who": [2, 1, 1, 2] * 2,
        "clip": ["a", "a", "b", "b"] * 2,
        "day": ["tue"] * 4 + ["mon"] * 4,
        "tension": [1, 5, 9, 3, 2, 4, 8, 3],
    }
)
NAMES = {"participant": "who", "item": "clip", "dimensions": ["tension"], "scale": (1, 9)}


@pytest.fixture(scope="module")
def sessions() -> xr.DataTree:
    days = pd.Categorical(TWICE["day"], ["mon", "tue"])
    return mv.from_frames(TWICE.assign(day=days), session="day", **NAMES)


def test_session_is_a_key_behind_the_participant(sessions):
    frame = mv.annotation_frame(sessions)
    keys = frame[["item", "participant", "session"]].astype("str").agg("".join, axis=1)
    assert keys.tolist() == [i + p + s for i in "ab" for p in "12" for s in ("mon", "tue")]
    assert frame["tension"].tolist() == [4, 5, 2, 1, 8, 9, 3, 3]
    assert frame["session"].cat.categories.tolist() == ["mon", "tue"]
    assert frame.attrs["assigned"]["session"] == "within_item"
    mv.validate(sessions)


def test_sessions_are_stored_selected_indexed_and_made_long(sessions, tmp_path):
    again = mv.open_dataset(mv.save_dataset(sessions, tmp_path / "s.zarr"))
    xr.testing.assert_identical(again, sessions)
    part = mv.select(sessions, session="tue")
    assert mv.annotation_frame(part)["tension"].tolist() == [5, 1, 9, 3]
    assert mv.annotation_frame(part)["session"].cat.categories.tolist() == ["tue"]
    assert dict(mv.to_cube(sessions).sizes) == {
        "item": 2,
        "modality": 1,
        "participant": 2,
        "session": 2,
    }
    assert mv.indexed(sessions).indexes["annotation"].names[-1] == "session"
    long = mv.to_long(sessions)
    again = mv.from_frames(long, dimensions=["tension"], scale=(1, 9))
    assert (
        mv.annotation_frame(again)["tension"].tolist()
        == mv.annotation_frame(sessions)["tension"].tolist()
    )


def test_a_session_is_excluded_by_its_key(sessions):
    mask = pd.DataFrame({"participant": ["1"], "session": ["mon"]})
    less = mv.exclude(sessions, mask, reason="ill")
    assert less["exclusions/session"].values.tolist() == ["mon", "mon"]
    assert mv.annotation_frame(less)["tension"].isna().sum() == 2


def test_sessions_are_a_factor_in_both_rows(sessions):
    rows = mv.kruskal(sessions, "tension ~ session", n_resamples=99)
    assert rows["dependence"].tolist() == ["independent", "design"]


def test_raters_are_compared_within_a_session(sessions):
    assert mv.krippendorff_alpha(sessions, n_resamples=0)["n"].tolist() == [8]
    one = mv.select(sessions, session="mon")
    form = mv.icc(one).set_index("estimator")["n"]
    assert form["ICC(1)"] == 4


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"session": "session"}, 'session="..."'),
        ({"item": "item", "participant": "participant"}, 'item="..." names yours'),
        ({"participant": "participant"}, 'participant="who"'),
        ({"columns": {"clip": "item", "who": "participant"}}, "wrong way round"),
    ],
)
def test_messages_name_the_argument(change, says):
    frame = TWICE.rename(columns={"who": "subject"}) if says == 'participant="who"' else TWICE
    given = {**NAMES, "session": "day", **change}
    if "columns" in change:
        given |= {"item": "item", "participant": "participant"}
    with pytest.raises(mv.DataError) as error:
        mv.from_frames(frame, **given)
    assert says.replace("who", "subject") in str(error.value).replace("who", "subject")


def test_names_that_differ_by_blanks_are_told():
    frame = pd.DataFrame({"item": ["b", "b "], "participant": ["1", "1"], "valence": [0, 0]})
    with pytest.raises(mv.DataError, match="'b' and 'b ' differ by blanks only") as error:
        mv.from_frames(frame)
    assert error.value.row == 1
    frame = frame.iloc[1:]
    with pytest.raises(mv.DataError, match="'b ' differs from 'b' by blanks only"):
        mv.from_frames(frame, items=pd.DataFrame({"item": ["b"]}))


def test_names_of_other_code_points_that_look_alike_are_told():
    names = ["Glu\u0308ck", "Gl\u00fcck"]
    frame = pd.DataFrame({"item": names, "participant": ["1", "1"], "valence": [0, 0]})
    with pytest.raises(mv.DataError, match="marks apart only; compose") as error:
        mv.from_frames(frame)
    assert error.value.row == 1
    with pytest.raises(mv.DataError, match="look alike"):
        mv.from_frames(frame.assign(item="a", participant=["1", "2"], **dict.fromkeys(names, 1)))


def test_two_columns_of_one_name_are_told():
    frame = pd.DataFrame({"item": list("aabb"), "g": list("xyxy"), "y": [1.0, 2, 3, 5]})
    for twice, error in (("g", mv.DesignError), ("item", mv.DataError)):
        with pytest.raises(error, match="two columns"):
            mv.linear_model(pd.concat([frame, frame[[twice]]], axis=1), "y ~ g")
    several = frame.set_axis(pd.MultiIndex.from_product([frame.columns, ["a"]]), axis=1)
    with pytest.raises(mv.DataError, match="several levels"):
        mv.linear_model(several, "y ~ g")


def test_modalities_are_those_of_the_column():
    frame = pd.DataFrame({"item": ["a"] * 3, "participant": "1", "valence": 0.0})
    named = mv.from_frames(frame.assign(modality=["v10", "v9", "x"]))
    assert mv.annotation_frame(named)["modality"].tolist() == ["v9", "v10", "x"]
    kinds = pd.Categorical(["b", "a", "c"], ["c", "b", "a"])
    ordered = mv.from_frames(frame.assign(modality=kinds))
    assert mv.annotation_frame(ordered)["modality"].tolist() == ["c", "b", "a"]
    with pytest.raises(mv.DataError, match=r"modalities=\[\.\.\.\]"):
        mv.from_frames(frame.assign(modality=["music", "musik", "visual"]))


def test_one_modality_shows_nothing_twice():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        [(f"p{p}", f"i{i}", rng.uniform(-1, 1), p % 2) for p in range(4) for i in range(5)],
        columns=["participant", "item", "valence", "joy"],
    )
    study = mv.from_frames(frame, labels=["joy"])
    for function in (
        mv.krippendorff_alpha,
        mv.label_agreement,
        mv.label_frequencies,
        mv.describe_annotations,
    ):
        rows = function(study)
        assert set(rows["modality"]) == {"all"}
        assert len(rows) == (3 if function is mv.label_agreement else 1)


class TestWithoutIds:
    @pytest.fixture(scope="class")
    @staticmethod
    def study() -> xr.DataTree:
        rng = np.random.default_rng(2)
        frame = pd.DataFrame(
            {
                "item": np.repeat([f"i{i}" for i in range(8)], 6),
                "cut": np.tile(["short", "long"], 24),
                "tension": rng.integers(1, 6, 48),
                "joy": rng.integers(0, 2, 48),
            }
        )
        return mv.from_frames(
            frame,
            dimensions=["tension"],
            labels=["joy"],
            scale=(1, 5),
            assigned={"cut": "within_item"},
        )

    def test_there_are_no_participants(self, study, tmp_path):
        assert "participants" not in study.children
        assert "participant" not in study["annotations"].coords
        frame = mv.annotation_frame(study)
        assert "participant" not in frame
        again = mv.open_dataset(mv.save_dataset(study, tmp_path / "s.nc"))
        xr.testing.assert_identical(again, study)
        part = mv.select(study, item=["i1", "i2"])
        assert part["annotations"].sizes["annotation"] == 12

    def test_rows_are_tested_as_of_other_people(self, study):
        rows = mv.kruskal(study, "tension ~ cut", n_resamples=199)
        assert rows["p_value"].notna().all()
        assert "no ids" in rows["warning"].iloc[1]
        labels = mv.chisquare_labels(study, by="cut", n_resamples=19)
        assert len(labels) == 2

    def test_forms_that_compare_raters_are_missing(self, study):
        forms = mv.icc(study).set_index("estimator")
        assert forms["estimate"].notna().tolist() == [True, False, False, True, False, False]
        assert forms.loc["ICC(A,1)", "warning"].startswith("who gave which rating")
        assert set(forms["n_participants"]) == {0}

    def test_agreement_needs_no_ids(self, study):
        alpha = mv.krippendorff_alpha(study, n_resamples=0)
        named = mv.annotation_frame(study).assign(participant=range(48))
        assert alpha["estimate"].item() == pytest.approx(
            mv.krippendorff_alpha(named, n_resamples=0)["estimate"].item()
        )

    @pytest.mark.parametrize(
        "function",
        [mv.describe_participants, mv.rater_quality, mv.repeated_lists, mv.to_cube],
    )
    def test_what_needs_people_says_so(self, study, function):
        with pytest.raises(mv.DataError, match="no ids of participants"):
            function(study)

    def test_presets_model_items_alone(self, study):
        fit = mv.demographic_model(study)
        assert fit.formula == "tension ~ 1 + (1 | item)"
        assert "left out" in fit.tidy()["warning"].iloc[0]

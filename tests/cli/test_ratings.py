"""Tables of ratings on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from muvistats import DataError, annotation_frame
from muvistats.cli.ratings import is_table, study_of

KEYS = ("item", "participant", "session", "modality")
NOTHING = dict.fromkeys(
    (*KEYS, "dimensions", "labels", "scale", "familiar_from", "out_of_scale"),
)


@pytest.fixture
def table(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "ratings.csv"
        path.write_text(text.replace(" ", "\n"))
        return path

    return write


def read(path: Path, **said: str):
    return study_of(path, {**NOTHING, **said})


def test_ids_stay_as_they_are_written(table):
    path = table("who,clip,calm 007,01,1 7,01,2 007,1,3 7,1,4")
    study = read(path, item="clip", participant="who", dimensions="calm", scale="1,7")
    assert is_table(path)
    assert set(study["participants/participant"].to_numpy().tolist()) == {"007", "7"}
    assert set(study["items/item"].to_numpy().tolist()) == {"01", "1"}


def test_a_scale_of_words_orders_the_answers(table):
    path = table("item,q a,good b,bad c,fair d,")
    study = read(path, dimensions="q", scale="bad, fair, good")
    assert annotation_frame(study)["q"].tolist()[:3] == [3.0, 1.0, 2.0]
    assert study["annotations/q"].attrs["scale_max"] == 3
    with pytest.raises(DataError, match="answer is not on the scale"):
        read(path, dimensions="q", scale="bad,fair")
    with pytest.raises(DataError, match="words in an order"):
        read(path, dimensions="q", scale="1-9")


def test_response_times_are_no_recordings(table):
    path = table("item,participant,calm,time a,1,3,0.81 b,1,4,1.27 a,2,2,0.93")
    with pytest.raises(DataError, match="column time: column name has another meaning"):
        read(path, dimensions="calm", scale="1,7")
    log = table("item,participant,calm,time a,1,3,0 a,1,4,1 a,1,4,2")
    assert "time" in read(log, dimensions="calm", scale="1,7")["annotations"].coords


@pytest.mark.parametrize(
    ("text", "said", "told"),
    [
        ("clip,calm a,1", {}, "--item names yours"),
        ("item,subject,calm a,1,1", {}, "--participant subject says so"),
        ("item,participant,calm a,1,1 a,1,2", {}, "--session names the column"),
        ("item,calm a,9", {"scale": "1,7"}, "--scale lowest,highest of your instrument"),
        ("item,calm a,good", {}, "by --scale lowest,...,highest"),
        ("item,calm,familiar a,1,3", {"scale": "1,7"}, "--familiar-from"),
        ("item,calm,familiar a,1,3", {"familiar_from": "high"}, "--familiar-from: not a number"),
    ],
)
def test_messages_speak_of_options(table, text, said, told):
    with pytest.raises(DataError) as error:
        read(table(text), dimensions="calm", **{"scale": "0,5", **said})
    assert told in str(error.value)
    assert '="' not in str(error.value)


def test_values_beyond_the_scale_and_familiarity_have_options(table):
    path = table("item,calm,familiar a,9,3 b,2,5 c,3,1 d,4,1")
    more = {"scale": "1,7", "familiar_from": "4", "out_of_scale": "clip"}
    frame = annotation_frame(read(path, dimensions="calm", **more))
    assert frame["calm"].tolist() == [7.0, 2.0, 3.0, 4.0]
    assert frame["familiar"].tolist() == ["unfamiliar", "familiar", "unfamiliar", "unfamiliar"]

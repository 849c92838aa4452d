"""Small folders in the released layout, written here: good ones, and each fault by itself."""

from __future__ import annotations

import csv
import io
import json
import lzma
import os
import re
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pytest

from muvistats.dataset.build import Log
from muvistats.dataset.gems import gems_labels
from muvistats.dataset.release import feature_cache
from muvistats.dataset.release import features as release_features
from muvistats.dataset.release.emobase import emobase_names
from muvistats.dataset.release.features import visual_family
from muvistats.dataset.release.reader import missing_files, read_muvi
from muvistats.errors import AlignmentWarning, DataError

ITEMS = ["aaa", "bb_b", "c-c"]
#: participant, media_id, modality, seen, overlay, in file order.
ROWS = [
    ("10", "bb", "video", "True", "1"),
    ("10", "aaa", "music", "False", "irrelevant"),
    ("2", "aaa", "muted_video", "False", "0"),
    ("2", "c-c", "music", "True", "irrelevant"),
    ("2", "bb", "music", "True", "irrelevant"),
    ("0", "c-c", "video", "False", "0"),
]
PROFILE = (
    "participant_id,age,gender,country_live_longest,years_formal_training,overlay_pref\n"
    "10,31,Female,NA,4,Overlaid\n"
    "2,22,Male,SG,3,Side-by-Side\n"
    "0,,Male,,0,Side-by-Side\n"
)


def chosen(row: int) -> list[int]:
    """Labels of a row of the file: label j where row + j is a multiple of 5."""
    return [int((row + j) % 5 == 0) for j in range(27)]


def media_text(rows=ROWS) -> str:
    # The release has its own order of the labels.
    names = sorted(gems_labels())
    lines = [
        ",".join(["participant_id", "media_id", "media_modality", "seen_previously"])
        + f",{','.join(names)},overlay_type"
    ]
    for k, (participant, media_id, modality, seen, overlay) in enumerate(rows):
        labels = ",".join(map(str, chosen(k)))
        lines.append(f"{participant},{media_id},{modality},{seen},{labels},{overlay}")
    return "\n".join(lines) + "\n"


def dynamics_text(samples=(3, 4, 3, 3, 3, 3), *, first=0) -> str:
    lines = ["valence,media_id,media_modality,participant_id,seq,arousal"]
    for k, count in enumerate(samples):
        participant, media_id, modality, *_ = ROWS[k]
        for t in range(count):
            value = k / 10 + t / 100
            lines.append(f"{-value},{media_id},{modality},{participant},{t + first},{value}")
    return "\n".join(lines) + "\n"


def emobase_text(position: int, frames: int = 3, *, header: str = "broken") -> str:
    """Feature j of frame t of the item at this position is 1000 * position + j + t / 10."""
    names = emobase_names()
    every = ["name", *names, "class"]
    if header == "broken":
        every = [every[position]] * 990
    lines = ["," + ",".join(every)]
    for t in range(frames):
        values = [f"{1000 * position + j + t / 10}" for j in range(988)]
        lines.append(f"{t},liveturn_{t}," + ",".join(values) + ",unassigned")
    return "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A release of three items without the large files."""
    path = tmp_path / "release"
    path.mkdir()
    (path / "video_urls.csv").write_bytes(b"video_id\r\n" + "\r\n".join(ITEMS).encode())
    (path / "participant_data.csv").write_text(PROFILE)
    (path / "media_data.csv").write_text(media_text())
    return path


def with_archive(folder: Path, *, frames=(3, 2, 3), header: str = "broken") -> Path:
    archive = folder / "emobase_features.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        directory = tarfile.TarInfo("emobase_features")
        directory.type = tarfile.DIRTYPE
        tar.addfile(directory)
        for position in (2, 0, 1):
            add(
                tar,
                f"emobase_features/{ITEMS[position]}.csv",
                emobase_text(position, frames[position], header=header),
            )
    return archive


def add(tar: tarfile.TarFile, name: str, text: str) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(text.encode())
    tar.addfile(info, io.BytesIO(text.encode()))


def row_of(data, item: str, modality: str, participant: str) -> int:
    annotations = data["annotations"]
    hit = (
        (annotations["item"] == item)
        & (annotations["modality"] == modality)
        & (annotations["participant"] == participant)
    )
    return int(np.flatnonzero(hit.to_numpy())[0])


def log_of(data) -> dict[tuple[str, str], int]:
    log = data["log"]
    return {
        (str(s), str(a)): int(c)
        for s, a, c in zip(
            log["source"].values, log["action"].values, log["count"].values, strict=True
        )
    }


def entry(data, source: str, words: str) -> int:
    hits = [count for (s, a), count in log_of(data).items() if s == source and words in a]
    assert len(hits) == 1, (source, words, log_of(data))
    return hits[0]


def fails(folder: Path, **expected) -> DataError:
    """Reading fails with a DataError that has these fields."""
    with pytest.raises(DataError) as caught:
        read_muvi(folder)
    error = caught.value
    assert {name: getattr(error, name) for name in expected} == expected
    return error


def edit(path: Path, old: str, new: str, count: int = 1) -> None:
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, count).encode())


# --- a good folder -------------------------------------------------------------------------


def test_tables_and_their_order(folder):
    data = read_muvi(folder)
    assert data.attrs["label_alignment"] == "released"
    assert data.attrs["simulated"] == 0
    assert data.attrs["study"] == "MuVi"
    assert str(folder) not in data.attrs["source"]
    assert data["items/item"].values.tolist() == ITEMS
    assert data["items/release_order"].values.tolist() == [1, 2, 3]
    people = data["participants"]
    assert people["participant"].values.tolist() == ["0", "2", "10"]
    np.testing.assert_array_equal(people["age"], [np.nan, 22, 31])
    assert people["country_live_longest"].values.tolist() == ["", "SG", "NA"]
    assert people["years_of_training"].values.tolist() == [0, 3, 4]
    assert people["overlay_preference"].values.tolist() == [0, 0, 1]
    keys = zip(
        *(data[f"annotations/{k}"].values.tolist() for k in ("item", "modality", "participant")),
        strict=True,
    )
    assert list(keys) == [
        ("aaa", "music", "10"),
        ("aaa", "visual", "2"),
        ("bb_b", "music", "2"),
        ("bb_b", "audiovisual", "10"),
        ("c-c", "music", "2"),
        ("c-c", "audiovisual", "0"),
    ]
    # Rows of the file, in the stored order: 1, 2, 4, 0, 3, 5.
    assert data["annotations/trial"].values.tolist() == [2, 1, 3, 1, 2, 1]
    assert data["annotations/familiar"].values.tolist() == [0, 0, 1, 1, 1, 0]
    assert data["annotations/overlay"].values.tolist() == [-1, 0, -1, 1, -1, 0]


def test_labels_go_by_name(folder):
    data = read_muvi(folder)
    assert data["annotations/label"].values.tolist() == list(gems_labels())
    position = [sorted(gems_labels()).index(name) for name in gems_labels()]
    expected = [[chosen(k)[j] for j in position] for k in (1, 2, 4, 0, 3, 5)]
    np.testing.assert_array_equal(data["annotations/labels"], expected)


def test_what_was_mended_is_logged(folder):
    data = read_muvi(folder)
    assert entry(data, "video_urls.csv", "CRLF") == 3
    assert entry(data, "media_data.csv", "cut at the first underscore") == 2
    assert entry(data, "media_data.csv", "muted_video is named visual") == 1
    assert entry(data, "media_data.csv", "video is named audiovisual") == 2


def test_absent_files_are_named(folder, caplog):
    absent = ("av_data.csv", "combined_visual_features.csv", "emobase_features.tar.xz")
    with caplog.at_level("INFO", logger="muvistats"):
        data = read_muvi(folder)
    assert missing_files(folder) == absent
    assert json.loads(data.attrs["missing"]) == list(absent)
    for name in absent:
        assert entry(data, name, "file is not there") == 1
        assert name in caplog.text
    assert "features" not in data
    assert "arousal" not in data["annotations"]


def test_corrected_moves_labels_and_familiarity_up(folder):
    data = read_muvi(folder, label_alignment="corrected")
    annotations = data["annotations"]
    assert data.attrs["label_alignment"] == "corrected"
    # Stored rows are file rows 1, 2, 4, 0, 3, 5; rows 1, 4 and 5 are the last of their person.
    assert annotations["keep_labels"].values.tolist() == [False, True, False, True, True, False]
    assert annotations["familiar"].values.tolist() == [-1, 1, -1, 0, 1, -1]
    # What was shown is not moved.
    assert annotations["overlay"].values.tolist() == [-1, 0, -1, 1, -1, 0]
    position = [sorted(gems_labels()).index(name) for name in gems_labels()]
    for row, source in {1: 3, 3: 1, 4: 4}.items():
        np.testing.assert_array_equal(
            annotations["labels"][row], [chosen(source)[j] for j in position]
        )
    assert (annotations["labels"].values[[0, 2, 5]] == -1).all()
    exclusions = data["exclusions"]
    assert exclusions["annotation"].values.tolist() == [0, 2, 5]
    assert set(exclusions["mask"].values) == {"keep_labels"}
    assert set(exclusions["reason"].values) == {"no label row after the last trial"}
    assert entry(data, "media_data.csv", "first label row") == 3
    assert entry(data, "media_data.csv", "moved up by one row") == 3


def test_unknown_alignment(folder):
    with pytest.raises(DataError, match="label_alignment"):
        read_muvi(folder, label_alignment="as it should be")


def test_simulation_is_said(folder):
    note = {"simulated": True, "study": "simulated MuVi", "seed": 7, "package": "muvistats"}
    (folder / "simulation.json").write_text(json.dumps(note))
    data = read_muvi(folder)
    assert data.attrs["simulated"] == 1
    assert data.attrs["study"] == "simulated MuVi"
    assert "seed 7" in data.attrs["source"]


@pytest.mark.parametrize("text", ["{", "[]", '{"simulated": "yes"}', "\xff\xfe"])
def test_bad_simulation_note(folder, text):
    (folder / "simulation.json").write_bytes(text.encode("latin-1"))
    fails(folder, file="simulation.json")


def test_full_ids_and_byte_order_mark_are_fine(folder):
    path = folder / "media_data.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b",bb,", b",bb_b,"))
    data = read_muvi(folder)
    assert row_of(data, "bb_b", "audiovisual", "10") == 3
    assert entry(data, "media_data.csv", "byte order mark") == 1


def test_columns_go_by_name(folder):
    path = folder / "media_data.csv"
    with path.open(newline="") as stream:
        rows = list(csv.reader(stream))
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([*row[::-1], "x"] for row in rows)
    edit(path, "participant_id,x", "participant_id,comment")
    data = read_muvi(folder)
    assert data["annotations/familiar"].values.tolist() == [0, 0, 1, 1, 1, 0]
    assert entry(data, "media_data.csv", "columns not used: comment") == 1


# --- bad tables ----------------------------------------------------------------------------


def test_folder_is_a_file(folder):
    error = fails(folder / "media_data.csv")
    assert "this is a file" in str(error)


def test_folder_is_not_there(folder):
    assert "does not exist" in str(fails(folder / "nothing"))


@pytest.mark.parametrize("name", ["media_data.csv", "participant_data.csv", "video_urls.csv"])
def test_required_file(folder, name):
    (folder / name).unlink()
    assert f"{name}: required file is missing" in str(fails(folder))


@pytest.mark.parametrize(
    "name", ["media_data.csv", "participant_data.csv", "video_urls.csv", "av_data.csv"]
)
@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_empty_file(folder, name, content):
    (folder / name).write_bytes(content)
    assert fails(folder, file=name).problem == "file is empty"


@pytest.mark.parametrize("name", ["media_data.csv", "participant_data.csv", "video_urls.csv"])
def test_header_without_rows(folder, name):
    text = (folder / name).read_text().splitlines()[0]
    (folder / name).write_text(text)
    assert "no rows" in fails(folder, file=name).problem


def test_required_file_is_a_folder(folder):
    (folder / "media_data.csv").unlink()
    (folder / "media_data.csv").mkdir()
    assert "cannot be read" in fails(folder, file="media_data.csv").problem


@pytest.mark.parametrize("column", ["media_modality", "seen_previously", "tender", "overlay_type"])
def test_missing_media_column(folder, column):
    edit(folder / "media_data.csv", column, "other_name")
    error = fails(folder, file="media_data.csv", column=column)
    assert "media_id" in error.found  # says what is there


def test_missing_profile_column(folder):
    edit(folder / "participant_data.csv", "years_formal_training", "years")
    fails(folder, file="participant_data.csv", column="years_formal_training")


def test_missing_item_column(folder):
    edit(folder / "video_urls.csv", "video_id", "url")
    fails(folder, file="video_urls.csv", column="video_id")


def test_column_twice(folder):
    edit(folder / "participant_data.csv", "country_live_longest", "gender")
    error = fails(folder, file="participant_data.csv", column="gender")
    assert "twice" in error.problem


def test_unknown_modality(folder):
    edit(folder / "media_data.csv", "2,aaa,muted_video", "2,aaa,film")
    error = fails(folder, file="media_data.csv", row=4, column="media_modality", found="film")
    assert error.expected == "music, muted_video, video"


@pytest.mark.parametrize("bad", ["2", "-1", "", "yes", "0.5"])
def test_label_not_0_or_1(folder, bad):
    lines = media_text().splitlines()
    fields = lines[3].split(",")
    name = sorted(gems_labels())[4]
    fields[8] = bad
    lines[3] = ",".join(fields)
    (folder / "media_data.csv").write_text("\n".join(lines))
    fails(folder, file="media_data.csv", row=4, column=name, found=bad, expected="0 or 1")


def test_bad_familiarity(folder):
    edit(folder / "media_data.csv", "c-c,music,True", "c-c,music,maybe")
    fails(folder, file="media_data.csv", row=5, column="seen_previously", found="maybe")


def test_bad_overlay(folder):
    edit(folder / "media_data.csv", "irrelevant", "2")
    fails(folder, file="media_data.csv", row=3, column="overlay_type", found="2")


def test_overlay_unsaid_for_a_picture(folder):
    text = media_text([*ROWS[:-1], ("0", "c-c", "video", "False", "irrelevant")])
    (folder / "media_data.csv").write_text(text)
    fails(folder, file="media_data.csv", row=7, column="overlay_type")


def test_overlay_of_music_is_set_missing(folder):
    text = media_text([ROWS[0], ("10", "aaa", "music", "False", "1"), *ROWS[2:]])
    (folder / "media_data.csv").write_text(text)
    data = read_muvi(folder)
    assert data["annotations/overlay"].values[row_of(data, "aaa", "music", "10")] == -1
    assert entry(data, "media_data.csv", "music row was set missing") == 1


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("2,c-c,music", ",c-c,music", "participant_id"),
        ("2,c-c,music", "2, ,music", "media_id"),
        ("2,c-c,music", "2,c-c,", "media_modality"),
    ],
)
def test_empty_key(folder, old, new, column):
    edit(folder / "media_data.csv", old, new)
    assert fails(folder, file="media_data.csv", row=5, column=column).problem == "key is empty"


def test_empty_participant(folder):
    edit(folder / "participant_data.csv", "\n2,22", "\n,22")
    fails(folder, file="participant_data.csv", row=3, column="participant_id")


def test_duplicate_annotation(folder):
    # Cut or whole, the id means the same item.
    (folder / "media_data.csv").write_text(
        media_text([*ROWS, ("2", "bb_b", "music", "True", "irrelevant")])
    )
    error = fails(folder, file="media_data.csv", row=8, found="2 x bb_b x music")
    assert "first in row 6" in error.problem


def test_participant_without_profile(folder):
    edit(folder / "participant_data.csv", "\n10,31", "\n11,31")
    fails(folder, file="media_data.csv", row=2, column="participant_id", found="10")


def test_participant_twice(folder):
    edit(folder / "participant_data.csv", "\n10,31", "\n2,31")
    fails(folder, file="participant_data.csv", row=3, column="participant_id", found="2")


def test_item_twice(folder):
    edit(folder / "video_urls.csv", "c-c", "aaa")
    fails(folder, file="video_urls.csv", row=4, column="video_id", found="aaa")


def test_media_not_in_the_list(folder):
    edit(folder / "media_data.csv", "0,c-c,video", "0,c-,video")
    error = fails(folder, file="media_data.csv", row=7, column="media_id", found="c-")
    assert "not in the list" in error.problem


@pytest.mark.parametrize("third", ["bb_c", "bb"])
def test_ambiguous_id(folder, third):
    # "bb" may be cut off bb_b or bb_c, or be the whole id bb.
    edit(folder / "video_urls.csv", "c-c", third)
    error = fails(folder, file="media_data.csv", row=2, column="media_id", found="bb")
    assert "ambiguous" in error.problem
    assert third in error.expected
    assert "bb_b" in error.expected


@pytest.mark.parametrize(
    ("old", "new", "column", "row"),
    [
        (",22,", ",young,", "age", 3),
        (",22,", ",-3,", "age", 3),
        (",22,", ",inf,", "age", 3),
        (",4,", ",four,", "years_formal_training", 2),
        ("Overlaid", "Neither", "overlay_pref", 2),
    ],
)
def test_bad_profile(folder, old, new, column, row):
    edit(folder / "participant_data.csv", old, new)
    fails(folder, file="participant_data.csv", row=row, column=column)


def test_wrong_encoding(folder):
    path = folder / "participant_data.csv"
    path.write_bytes(path.read_bytes().replace(b",Male,SG", b",M\xe4le,SG"))
    error = fails(folder, file="participant_data.csv", row=3, found=b"\xe4", expected="UTF-8")
    start = path.read_bytes().index(b"\xe4")
    assert f"byte {start}" in error.problem


def test_other_encoding_altogether(folder):
    path = folder / "media_data.csv"
    path.write_bytes(path.read_text().encode("utf-16"))
    assert "byte 0" in fails(folder, file="media_data.csv", row=1).problem


def test_nul_character(folder):
    edit(folder / "media_data.csv", "2,c-c", "2,c-c\0")
    assert "NUL" in fails(folder, file="media_data.csv", row=5).problem


def test_cut_off_file(folder):
    path = folder / "media_data.csv"
    path.write_bytes(path.read_bytes()[:-30])
    error = fails(folder, file="media_data.csv", row=7, expected="32 fields as in the header")
    assert "cut off" in error.problem


def test_row_too_long(folder):
    edit(folder / "participant_data.csv", "Overlaid", "Overlaid,")
    assert "too long" in fails(folder, file="participant_data.csv", row=2).problem


def test_open_quotation(folder):
    edit(folder / "media_data.csv", "2,c-c", '2,"c-c')
    assert "not a CSV row" in fails(folder, file="media_data.csv").problem


def test_participant_without_annotations_is_logged(folder):
    with (folder / "participant_data.csv").open("a") as stream:
        stream.write("7,20,Male,SG,1,\n")
    data = read_muvi(folder)
    assert entry(data, "participant_data.csv", "without annotations") == 1
    assert data["participants/participant"].values.tolist() == ["0", "2", "7", "10"]
    assert data["participants/overlay_preference"].values[2] == -1


# --- dynamics ------------------------------------------------------------------------------


def test_dynamics(folder):
    (folder / "av_data.csv").write_text(dynamics_text())
    data = read_muvi(folder)
    annotations = data["annotations"]
    assert annotations["time"].values.tolist() == [0, 0.5, 1, 1.5]
    row = row_of(data, "aaa", "music", "10")  # row 1 of the file, four samples
    np.testing.assert_allclose(annotations["arousal"][row], [0.1, 0.11, 0.12, 0.13])
    np.testing.assert_allclose(annotations["valence"][row], [-0.1, -0.11, -0.12, -0.13])
    row = row_of(data, "c-c", "audiovisual", "0")
    np.testing.assert_allclose(annotations["arousal"][row], [0.5, 0.51, 0.52, np.nan])
    assert entry(data, "av_data.csv", "padded") == 5
    assert annotations["keep_dynamic"].values.all()
    assert "av_data.csv" not in json.loads(data.attrs["missing"])


def test_dynamics_in_any_row_order(folder):
    lines = dynamics_text().splitlines()
    (folder / "av_data.csv").write_text("\n".join(lines))
    straight = read_muvi(folder)
    body = lines[1:]
    np.random.default_rng(0).shuffle(body)
    (folder / "av_data.csv").write_text("\n".join([lines[0], *body]))
    mixed = read_muvi(folder)
    for name in ("arousal", "valence"):
        np.testing.assert_array_equal(straight[f"annotations/{name}"], mixed[f"annotations/{name}"])


def test_dynamics_without_a_sample_number(folder):
    lines = [line.split(",") for line in dynamics_text().splitlines()]
    text = "\n".join(",".join([*f[:4], f[5], "x"]) for f in lines).replace("al,x", "al,note", 1)
    (folder / "av_data.csv").write_text(text)
    data = read_muvi(folder)
    row = row_of(data, "bb_b", "music", "2")
    np.testing.assert_allclose(data["annotations/arousal"][row, :3], [0.4, 0.41, 0.42])
    assert entry(data, "av_data.csv", "file order") == 19
    assert entry(data, "av_data.csv", "columns not used: note" if "note" in text else "x") == 1


def test_sample_that_was_left_out_leaves_its_place_empty(folder):
    lines = dynamics_text((6, 6, 6, 6, 6, 6)).splitlines()
    del lines[3]  # sample 2 of the first annotation
    (folder / "av_data.csv").write_text("\n".join(lines))
    data = read_muvi(folder)
    row = row_of(data, "bb_b", "audiovisual", "10")
    np.testing.assert_allclose(
        data["annotations/arousal"][row], [0, 0.01, np.nan, 0.03, 0.04, 0.05]
    )
    assert entry(data, "av_data.csv", "left empty") == 1


def test_sample_numbers_far_apart_keep_their_order(folder):
    text = dynamics_text((6, 6, 6, 6, 6, 6))
    # The last sample of the first annotation has number 500.
    assert ",10,5," in text
    (folder / "av_data.csv").write_text(text.replace(",10,5,", ",10,500,", 1))
    data = read_muvi(folder)
    assert data["annotations"].sizes["time"] == 6
    assert entry(data, "av_data.csv", "follow each other") == 1


def test_time_stamps_order_samples(folder):
    text = dynamics_text().replace("seq", "timestamp")
    for t in range(4):
        text = re.sub(rf"(?m)^(.*),{t},([^,]*)$", rf"\1,{1000.5 + 500 * t},\2", text)
    (folder / "av_data.csv").write_text(text)
    data = read_muvi(folder)
    row = row_of(data, "aaa", "music", "10")
    np.testing.assert_allclose(data["annotations/arousal"][row], [0.1, 0.11, 0.12, 0.13])


def test_annotation_without_dynamics_is_masked(folder):
    (folder / "av_data.csv").write_text(dynamics_text((3, 3, 3, 3, 3, 0)))
    data = read_muvi(folder)
    row = row_of(data, "c-c", "audiovisual", "0")
    assert np.isnan(data["annotations/arousal"][row]).all()
    assert np.flatnonzero(~data["annotations/keep_dynamic"].values).tolist() == [row]
    assert data["annotations/keep_labels"].values.all()
    assert data["exclusions/annotation"].values.tolist() == [row]
    assert data["exclusions/mask"].values.tolist() == ["keep_dynamic"]
    assert entry(data, "av_data.csv", "without samples") == 1


def test_empty_ratings_are_missing(folder):
    text = dynamics_text()
    assert "-0.31," in text
    (folder / "av_data.csv").write_text(text.replace("-0.31,", ",", 1))
    data = read_muvi(folder)
    row = row_of(data, "c-c", "music", "2")
    assert np.flatnonzero(np.isnan(data["annotations/valence"][row])).tolist() == [1, 3]
    assert entry(data, "av_data.csv", "empty ratings") == 1


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ("arousal", "energy", {"column": "arousal"}),
        ("media_modality", "modality", {"column": "media_modality"}),
        ("10,0,0.0\n", "10,0,1.5\n", {"row": 2, "column": "arousal", "found": "1.5"}),
        ("10,0,0.0\n", "10,0,high\n", {"row": 2, "column": "arousal", "found": "high"}),
        ("10,0,0.0\n", "10,0,inf\n", {"row": 2, "column": "arousal"}),
        ("10,0,0.0\n", "10,,0.0\n", {"row": 2, "column": "seq"}),
        ("10,1,0.01\n", "10,0,0.01\n", {"row": 3, "column": "seq"}),
        ("bb,video,10,0", "bb,film,10,0", {"row": 2, "column": "media_modality"}),
        ("bb,video,10,0", "b,video,10,0", {"row": 2, "column": "media_id"}),
        ("bb,video,10,0", ",video,10,0", {"row": 2, "column": "media_id"}),
        ("bb,video,10,0", "bb,music,10,0", {"row": 2, "found": "10 x bb x music"}),
        ("bb,video,10,0", "bb,video,99,0", {"row": 2, "found": "99 x bb x video"}),
    ],
)
def test_bad_dynamics(folder, old, new, fields):
    (folder / "av_data.csv").write_text(dynamics_text())
    edit(folder / "av_data.csv", old, new)
    fails(folder, file="av_data.csv", **fields)


def test_dynamics_cut_off(folder):
    (folder / "av_data.csv").write_text(dynamics_text()[:-8])
    assert "cut off" in fails(folder, file="av_data.csv", row=20).problem


def test_annotation_recorded_twice(folder):
    text = dynamics_text((3, 3, 3, 3, 3, 3))
    text += "\n".join(text.splitlines()[1:4]) + "\n"
    (folder / "av_data.csv").write_text(text)
    error = fails(folder, file="av_data.csv")
    assert "too many samples" in error.problem
    assert error.found == "6 samples of 10 x bb x video"


# --- features ------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["broken", "whole"])
@pytest.mark.parametrize("loose", [False, True])
def test_emobase(folder, header, loose):
    archive = with_archive(folder, header=header)
    if loose:
        with tarfile.open(archive) as tar:
            (folder / "emobase_features").mkdir()
            for item in ITEMS:
                content = tar.extractfile(f"emobase_features/{item}.csv").read()
                (folder / "emobase_features" / f"{item}.csv").write_bytes(content)
        archive.unlink()
    data = read_muvi(folder, cache=False)
    audio = data["features/audio"]
    assert audio["feature"].values.tolist() == list(emobase_names())
    assert audio["family"].values[0] == "intensity"
    assert audio["item"].values.tolist() == ITEMS
    assert audio["time"].values.tolist() == [0, 0.5, 1]
    t, j = np.arange(3)[:, None], np.arange(988)
    np.testing.assert_allclose(audio["values"][0], j + t / 10)
    np.testing.assert_allclose(audio["values"][2], 2000 + j + t / 10)
    np.testing.assert_allclose(audio["values"][1, :2], 1000 + j + t[:2] / 10)
    assert np.isnan(audio["values"][1, 2]).all()
    source = "emobase_features/" if loose else "emobase_features.tar.xz"
    assert entry(data, source, "padded") == 1
    restored = [count for (s, a), count in log_of(data).items() if "headers repeat" in a]
    assert restored == ([3] if header == "broken" else [])
    assert missing_files(folder) == ("av_data.csv", "combined_visual_features.csv")


def test_whole_header_goes_by_name(folder):
    lines = [line.split(",") for line in emobase_text(0, header="whole").splitlines()]
    turned = "\n".join(",".join([*f[:2], *f[2:-1][::-1], f[-1]]) for f in lines)
    loose = folder / "emobase_features"
    loose.mkdir()
    (loose / "aaa.csv").write_text(turned)
    (loose / "bb.csv").write_text(emobase_text(1))  # a cut id
    data = read_muvi(folder, cache=False)
    np.testing.assert_allclose(data["features/audio/values"][0, 0], np.arange(988))
    np.testing.assert_allclose(data["features/audio/values"][1, 0], 1000 + np.arange(988))
    assert np.isnan(data["features/audio/values"][2]).all()
    assert entry(data, "emobase_features/", "items without features: c-c") == 1


def loose_fails(folder: Path, text: str, name: str = "aaa.csv", **fields) -> DataError:
    loose = folder / "emobase_features"
    loose.mkdir(exist_ok=True)
    (loose / name).write_text(text)
    return fails(folder, file=f"emobase_features/{name}", **fields)


def test_broken_header_of_another_place(folder):
    loose_fails(folder, emobase_text(1), row=1, found="pcm_intensity_sma_max", expected="name")


def test_header_broken_in_another_way(folder):
    text = emobase_text(0, header="whole").replace("mfcc_sma[3]_range", "mfcc", 1)
    loose_fails(folder, text, column="mfcc_sma[3]_range")


def test_emobase_faults(folder):
    whole = emobase_text(0)
    loose_fails(folder, whole.replace(",3.1,", ",loud,", 1), row=3, column=emobase_names()[3])
    loose_fails(folder, whole[:-40], row=4)
    loose_fails(folder, whole.splitlines()[0])
    loose_fails(folder, "")
    (folder / "emobase_features" / "aaa.csv").unlink()
    loose_fails(folder, emobase_text(0), name="zzz.csv", found="zzz")


def test_item_with_two_files(folder):
    loose = folder / "emobase_features"
    loose.mkdir()
    (loose / "bb.csv").write_text(emobase_text(1))
    (loose / "bb_b.csv").write_text(emobase_text(1))
    assert "two files" in fails(folder, found="bb_b").problem


def test_empty_feature_folder(folder):
    (folder / "emobase_features").mkdir()
    assert "no CSV" in fails(folder, file="emobase_features/").problem


@pytest.mark.parametrize("damage", ["cut", "noise", "not xz", "empty", "no tar"])
def test_damaged_archive(folder, damage):
    archive = with_archive(folder)
    raw = archive.read_bytes()
    archive.write_bytes(
        {
            "cut": raw[: len(raw) // 2],
            "noise": raw[:200] + bytes(64) + raw[264:],
            "not xz": b"PK\x03\x04 hello",
            "empty": b"",
            "no tar": lzma.compress(b"hello" * 300),
        }[damage]
    )
    error = fails(folder, file="emobase_features.tar.xz")
    assert "damaged" in error.problem


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../evil.csv", tarfile.REGTYPE),
        ("emobase_features/../../evil.csv", tarfile.REGTYPE),
        ("/evil.csv", tarfile.REGTYPE),
        ("emobase_features/aaa.csv", tarfile.SYMTYPE),
        ("emobase_features/aaa.csv", tarfile.LNKTYPE),
        ("emobase_features/aaa.csv", tarfile.FIFOTYPE),
    ],
)
def test_hostile_archive_writes_nothing(folder, name, kind):
    archive = folder / "emobase_features.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        info = tarfile.TarInfo(name)
        info.type = kind
        info.linkname = "/etc/passwd"
        tar.addfile(info, io.BytesIO(b""))
    before = sorted(folder.parent.rglob("*"))
    assert "leads out" in fails(folder, found=name).problem
    assert sorted(folder.parent.rglob("*")) == before


def test_archive_too_large(folder, monkeypatch):
    with_archive(folder)
    monkeypatch.setattr(release_features, "_LARGEST_ARCHIVE", 20_000)
    assert "too large" in fails(folder, file="emobase_features.tar.xz").problem


def test_other_files_in_the_archive_are_logged(folder):
    with tarfile.open(folder / "emobase_features.tar.xz", "w:xz") as tar:
        add(tar, "emobase_features/aaa.csv", emobase_text(0))
        add(tar, "emobase_features/._aaa.csv", "\x00\x01")
        add(tar, "emobase_features/readme.txt", "hello")
    data = read_muvi(folder, cache=False)
    assert entry(data, "emobase_features.tar.xz", "no CSV") == 2


VISUAL = (
    ",media_id,hue_mean,places_12,action7,strange,class\n"
    "0,aaa,0.5,1,2,3,x\n"
    "1,bb,0.6,4,5,6,x\n"
    "2,aaa,0.7,7,,9,x\n"
)


def test_visual_features(folder):
    (folder / "combined_visual_features.csv").write_text(VISUAL)
    data = read_muvi(folder, cache=False)
    visual = data["features/visual"]
    assert visual["feature"].values.tolist() == ["hue_mean", "places_12", "action7", "strange"]
    assert visual["family"].values.tolist() == ["colour", "scene", "action", "other"]
    np.testing.assert_array_equal(
        visual["values"],
        [
            [[0.5, 1, 2, 3], [0.7, 7, np.nan, 9]],
            [[0.6, 4, 5, 6], [np.nan] * 4],
            [[np.nan] * 4] * 2,
        ],
    )
    file = "combined_visual_features.csv"
    assert entry(data, file, "no features: (no name), class") == 2
    assert entry(data, file, "no known family") == 1
    assert entry(data, file, "cut at the first underscore") == 1
    assert entry(data, file, "items without features: c-c") == 1


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ("media_id", "video", {"column": "media_id"}),
        ("places_12", "hue_mean", {"column": "hue_mean"}),
        ("1,bb", "1,zz", {"row": 3, "column": "media_id", "found": "zz"}),
        ("1,bb", "1,", {"row": 3, "column": "media_id"}),
        ("0.6", "blue", {"row": 3, "column": "hue_mean", "found": "blue"}),
        ("7,,9,x", "7", {"row": 4}),
        ("media_id,hue_mean,places_12,action7,strange,class", "a,b,c,d,media_id,class", {"row": 1}),
    ],
)
def test_bad_visual_features(folder, old, new, fields):
    (folder / "combined_visual_features.csv").write_text(VISUAL)
    edit(folder / "combined_visual_features.csv", old, new)
    fails(folder, file="combined_visual_features.csv", **fields)


def test_visual_families():
    names = ["Hue_std", "lighting_key", "yolo_person", "face3", "i3d_12", "kinetics_1", "9"]
    families = ["colour", "lighting", "object", "face", "action", "action", "other"]
    assert [visual_family(name) for name in names] == families


# --- cache ---------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MUVISTATS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def never(*_args):
    raise AssertionError("read again")


def test_second_read_comes_from_the_cache(folder, cache, monkeypatch):
    with_archive(folder)
    (folder / "combined_visual_features.csv").write_text(VISUAL)
    first = read_muvi(folder)
    assert len(list(cache.glob("*.npy"))) == len(list(cache.glob("*.json"))) == 2
    assert len(list(cache.iterdir())) == 4  # no temporary file is left
    monkeypatch.setattr(release_features, "_emobase", never)
    monkeypatch.setattr(release_features, "_visual", never)
    again = read_muvi(folder)
    assert again.identical(first)
    assert log_of(again) == log_of(first)


def test_changed_values_do_not_reach_the_cache(folder, cache):
    with_archive(folder)
    read_muvi(folder)
    changed = read_muvi(folder)
    changed["features/audio/values"].values[:] = 0
    del changed
    values = read_muvi(folder)["features/audio/values"]
    assert float(values[2, 0, 987]) == 2987
    assert len(list(cache.glob("*.npy"))) == 1


def test_other_content_has_another_entry(folder, cache):
    with_archive(folder)
    read_muvi(folder)
    with_archive(folder, frames=(3, 3, 3))
    data = read_muvi(folder)
    assert not np.isnan(data["features/audio/values"]).any()
    assert len(list(cache.glob("*.npy"))) == 2


@pytest.mark.parametrize(
    "damage", ["cut array", "changed array", "cut text", "other text", "object array", "no array"]
)
def test_damaged_entry_is_built_anew(folder, cache, damage):
    with_archive(folder)
    whole = read_muvi(folder)
    (array,), (text,) = cache.glob("*.npy"), cache.glob("*.json")
    if damage == "cut array":
        array.write_bytes(array.read_bytes()[:-100])
    elif damage == "changed array":
        array.write_bytes(array.read_bytes()[:-4] + b"\x00\x01\x02\x03")
    elif damage == "cut text":
        text.write_bytes(text.read_bytes()[:-10])
    elif damage == "other text":
        text.write_text('{"items": 3}')
    elif damage == "object array":
        np.save(array, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    else:
        array.unlink()
    mended = read_muvi(folder)
    np.testing.assert_array_equal(mended["features/audio/values"], whole["features/audio/values"])
    if damage != "no array":
        assert entry(mended, "feature cache", "built anew") == 1
    assert read_muvi(folder).identical(whole)


def test_cache_that_cannot_be_written(folder, tmp_path, monkeypatch, caplog):
    with_archive(folder)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MUVISTATS_CACHE", str(tmp_path / "file" / "cache"))
    with caplog.at_level("WARNING", logger="muvistats"):
        data = read_muvi(folder)
    assert data["features/audio"].sizes["feature"] == 988
    assert "not cached" in caplog.text


def test_no_cache(folder, cache):
    with_archive(folder)
    read_muvi(folder, cache=False)
    assert not cache.exists()


def test_interrupted_write_leaves_no_entry(folder, cache, monkeypatch):
    with_archive(folder)

    def stop(*_args, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(feature_cache.np, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        read_muvi(folder)
    assert list(cache.iterdir()) == []


def test_users_cache_folder(monkeypatch):
    import platformdirs

    monkeypatch.delenv("MUVISTATS_CACHE")
    assert feature_cache.cache_folder() == platformdirs.user_cache_path(
        "muvistats", appauthor=False
    )


def test_key_depends_on_names_and_borders():
    keys = {
        feature_cache.content_key(kind, items, parts)
        for kind, items, parts in (
            ("audio", ["a"], [("x", b"12"), ("y", b"3")]),
            ("audio", ["a"], [("x", b"1"), ("y", b"23")]),
            ("audio", ["a"], [("y", b"12"), ("x", b"3")]),
            ("audio", ["b"], [("x", b"12"), ("y", b"3")]),
            ("visual", ["a"], [("x", b"12"), ("y", b"3")]),
        )
    }
    assert len(keys) == 5


# --- alignment -----------------------------------------------------------------------------


def planted(folder: Path, shift: int) -> None:
    """Labels that follow the item, moved down by `shift` rows within participant."""
    items = [f"item{i:02d}" for i in range(15)]
    rng = np.random.default_rng(3)
    traits = rng.random((15, 27)) < 0.3
    names = list(gems_labels())
    lines = [
        f"participant_id,media_id,media_modality,seen_previously,{','.join(names)},overlay_type"
    ]
    for participant in range(12):
        order = rng.permutation(15)
        for trial in range(15):
            labels = traits[order[(trial - shift) % 15]]
            flipped = labels ^ (rng.random(27) < 0.1)
            cells = ",".join(map(str, flipped.astype(int)))
            lines.append(f"{participant},{items[order[trial]]},music,True,{cells},irrelevant")
    folder.mkdir(exist_ok=True)
    (folder / "media_data.csv").write_text("\n".join(lines))
    (folder / "video_urls.csv").write_text("\n".join(["video_id", *items]))
    (folder / "participant_data.csv").write_text(
        PROFILE.splitlines()[0] + "\n" + "\n".join(f"{p},20,Male,SG,1,Overlaid" for p in range(12))
    )


def test_shifted_labels_warn(folder):
    planted(folder, 1)
    with pytest.warns(AlignmentWarning, match="up by 1 row.*label_alignment=.corrected") as caught:
        read_muvi(folder)
    assert Path(caught[0].filename).name == Path(__file__).name  # points at the caller
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_muvi(folder, label_alignment="corrected")


def test_labels_in_place_do_not_warn(folder):
    planted(folder, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_muvi(folder)
    with pytest.warns(AlignmentWarning, match="down by 1 row.*label_alignment=.released"):
        read_muvi(folder, label_alignment="corrected")


def test_another_shift_has_no_ready_remedy(folder):
    planted(folder, 3)
    with pytest.warns(AlignmentWarning, match="up by 3 rows.*see label_alignment_check"):
        read_muvi(folder)


def test_log_is_shared_by_the_readers():
    log = Log()
    log.add("a", "b", 2)
    assert log.entries == [("a", "b", 2)]


def test_an_archive_with_too_many_rows_members_or_bytes(folder, monkeypatch):
    with_archive(folder)
    limits = {"_MOST_ROWS": 5, "_MOST_MEMBERS": 2, "_LARGEST_MEMBER": 100, "_LARGEST_ARCHIVE": 500}
    for limit, most in limits.items():
        with monkeypatch.context() as patch:
            patch.setattr(release_features, limit, most)
            error = fails(folder, file="emobase_features.tar.xz")
        assert "archive is too large" in error.problem
        assert error.expected == f"at most {most}"
    with monkeypatch.context() as patch:
        patch.setattr(release_features, "_LARGEST_ARRAY", 1000)
        assert "features are too many" in fails(folder, file="emobase_features.tar.xz").problem


def test_a_pipe_under_the_name_of_a_file_is_refused_at_once(folder):
    os.mkfifo(folder / "emobase_features.tar.xz")
    assert "pipe" in fails(folder, file="emobase_features.tar.xz").problem


@pytest.mark.parametrize("note", ["[" * 100_000, '{"simulated": true, "seed": ' + "1" * 5000 + "}"])
def test_a_note_that_json_or_python_cannot_read(folder, note):
    (folder / "simulation.json").write_text(note)
    fails(folder, file="simulation.json")


def test_half_a_character_in_the_name_of_the_study(folder):
    (folder / "simulation.json").write_text('{"simulated": true, "study": "\\ud800"}')
    assert "surrogate" in fails(folder, file="/").problem

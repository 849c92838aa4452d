"""The real release, read by path; skipped where it is not beside the checkout."""

from __future__ import annotations

import json
import time
import warnings

import numpy as np
import pandas as pd
import pytest

import muvistats as mv


def test_size(released, corrected):
    for data in (released, corrected):
        assert data["annotations"].sizes["annotation"] == 1494
        assert data["annotations"].sizes["label"] == 27
        assert data["participants/participant"].values.tolist() == [str(p) for p in range(49)]
        assert data["items"].sizes["item"] == 81
        assert data["features/audio/values"].shape == (81, 120, 988)
        assert json.loads(data.attrs["missing"]) == ["av_data.csv", "combined_visual_features.csv"]
        assert data.attrs["simulated"] == 0
        mv.validate(data)
    modality = pd.Series(released["annotations/modality"].values).value_counts()
    assert modality.to_dict() == {"music": 493, "visual": 491, "audiovisual": 510}


def test_labels(released, corrected):
    assert int(released["annotations/labels"].sum()) == 6091
    assert released["annotations/keep_labels"].values.all()
    kept = corrected["annotations/keep_labels"].values
    labels = corrected["annotations/labels"].values
    assert kept.sum() == 1445
    assert labels[kept].sum() == 5904
    assert (labels[kept] >= 0).all()
    assert (labels[~kept] == -1).all()
    assert corrected["exclusions"].sizes["exclusion"] == 49
    # the excluded rows are the last trial of each participant
    trial = corrected["annotations/trial"].to_series()
    person = corrected["annotations/participant"].values
    last = trial.groupby(person).transform("max").to_numpy() == trial.to_numpy()
    np.testing.assert_array_equal(last, ~kept)


def test_labels_against_a_plain_reading(muvi_folder, released, corrected):
    raw = pd.read_csv(muvi_folder / "media_data.csv", keep_default_na=False)
    raw["trial"] = raw.groupby("participant_id").cumcount() + 1
    names = list(released["annotations/label"].values)
    by_trial = raw.set_index(["participant_id", "trial"])
    for data, lag in ((released, 0), (corrected, 1)):
        annotations = data["annotations"]
        kept = annotations["keep_labels"].values
        where = pd.MultiIndex.from_arrays(
            [
                annotations["participant"].values[kept].astype(int),
                annotations["trial"].values[kept] + lag,
            ]
        )
        np.testing.assert_array_equal(
            annotations["labels"].values[kept], by_trial.loc[where, names]
        )
        seen = by_trial.loc[where, "seen_previously"].to_numpy().astype(int)
        np.testing.assert_array_equal(annotations["familiar"].values[kept], seen)


def test_ids_are_whole_and_trials_in_order(muvi_folder, released):
    raw = pd.read_csv(muvi_folder / "media_data.csv", keep_default_na=False)
    raw["trial"] = raw.groupby("participant_id").cumcount() + 1
    annotations = released["annotations"]
    frame = pd.DataFrame(
        {k: annotations[k].values for k in ("item", "modality", "participant", "trial")}
    )
    merged = frame.assign(participant=frame["participant"].astype(int)).merge(
        raw, left_on=["participant", "trial"], right_on=["participant_id", "trial"]
    )
    assert len(merged) == 1494
    assert [item.split("_")[0] for item in merged["item"]] == [
        name.split("_")[0] for name in merged["media_id"]
    ]
    assert (merged["item"] != merged["media_id"]).sum() == 238
    assert merged.loc[merged["media_id"] == "o", "item"].unique().tolist() == ["o_v9MY_FMcw"]
    lines = (muvi_folder / "video_urls.csv").read_text().split()[1:]
    assert released["items/item"].values.tolist() == lines


def test_familiarity_after_the_correction(released, corrected):
    def shares(data) -> list[float]:
        frame = mv.annotation_frame(data)
        known = (frame["familiar"] == "familiar").where(frame["familiar"].notna()).astype(float)
        by = known.groupby(frame["modality"], observed=True).mean()
        gangnam = known[frame["item"] == "9bZkp7q19f0"].mean()
        return [round(100 * share) for share in (*by[["music", "audiovisual", "visual"]], gangnam)]

    assert shares(released) == [47, 52, 52, 62]
    assert shares(corrected) == [65, 63, 27, 100]


def test_design_is_balanced(released):
    frame = mv.annotation_frame(released)
    first = frame[frame["participant"].astype(int) < 40]
    raters = first.groupby(["item", "modality"], observed=False).size()
    assert len(raters) == 243
    assert (raters == 5).all()
    seen = first[first["modality"] != "music"]
    overlaid = (seen["overlay"] == "overlaid").groupby([seen["item"], seen["modality"]])
    overlaid = overlaid.sum().unstack()[["visual", "audiovisual"]]  # noqa: PD010
    assert (overlaid == 2).all(axis=None)
    assert (seen["overlay"] == "side_by_side").sum() == 81 * 2 * 3
    assert frame.loc[frame["modality"] == "music", "overlay"].isna().all()


def test_audio_features(released):
    audio = released["features/audio"]
    assert audio["item"].values.tolist() == released["items/item"].values.tolist()
    values = audio["values"].values
    frames = (~np.isnan(values).all(axis=2)).sum(axis=1)
    assert sorted(set(frames.tolist())) == [119, 120]
    assert (frames == 119).sum() == 7

    # Names and values belong together: these relations hold between functionals by definition.
    def feature(name: str) -> np.ndarray:
        return audio["values"].sel(feature=name).values[:, :119]

    for part in ("pcm_loudness_sma", "mfcc_sma[4]", "F0_sma_de", "lspFreq_sma_de[7]"):
        span = feature(f"{part}_max") - feature(f"{part}_min")
        np.testing.assert_allclose(feature(f"{part}_range"), span, rtol=1e-4, atol=1e-4)
        iqr = feature(f"{part}_quartile3") - feature(f"{part}_quartile1")
        np.testing.assert_allclose(feature(f"{part}_iqr1-3"), iqr, rtol=1e-4, atol=1e-4)


def test_log_counts_the_faults(released):
    log = released["log"].to_dataset().to_dataframe()

    def count(source: str, words: str) -> int:
        hit = log[(log["source"] == source) & log["action"].str.contains(words, regex=False)]
        return int(hit["count"].item())

    assert count("video_urls.csv", "CRLF") == 81
    assert count("media_data.csv", "13 ids are cut") == 238
    assert count("emobase_features.tar.xz", "headers repeat") == 81
    assert count("emobase_features.tar.xz", "padded") == 7
    assert count("av_data.csv", "not there") == 1


def test_warning_gives_figures_and_remedy(muvi_folder):
    with pytest.warns(mv.AlignmentWarning, match=r"z = -?\d.*label_alignment=.corrected"):
        mv.read_muvi(muvi_folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mv.read_muvi(muvi_folder, label_alignment="corrected")


def test_second_read_is_quick(muvi_folder, corrected):
    """The fixture has filled the cache; the bound is 1 s on a quiet machine."""
    took = []
    for _ in range(3):
        start = time.perf_counter()
        again = mv.read_muvi(muvi_folder, label_alignment="corrected")
        took.append(time.perf_counter() - start)
    assert again.identical(corrected)
    assert min(took) < 1

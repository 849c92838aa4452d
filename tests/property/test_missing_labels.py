"""A label that is missing is missing in its own counts only."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import muvistats as mv

LABELS = ["happy", "sad", "calm"]


@st.composite
def answers(draw):
    """Rows with labels, and the place of one that goes missing."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_items, n_people = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    modalities = draw(st.sampled_from([("music",), ("music", "visual")]))
    keys = [
        (f"i{i}", m, f"p{p}") for i in range(n_items) for m in modalities for p in range(n_people)
    ]
    frame = pd.DataFrame(keys, columns=["item", "modality", "participant"])
    for name in LABELS:
        frame[name] = (rng.random(len(frame)) < 0.5).astype(float)
        frame.loc[rng.random(len(frame)) < 0.1, name] = np.nan
    frame.loc[0, LABELS] = 1.0
    return frame, modalities, draw(st.integers(1, len(frame) - 1)), draw(st.sampled_from(LABELS))


def study_of(frame, modalities):
    return mv.from_frames(frame, labels=LABELS, dimensions=[], modalities=modalities)


def counted(study):
    """Every count that is a label's own, by function."""
    frequencies = mv.label_frequencies(study)
    agreement = mv.label_agreement(study, n_resamples=0)
    alpha = mv.krippendorff_alpha(study, metric="nominal", n_resamples=0)
    deviations = mv.label_deviations(study, dependence="independent")
    pairs = mv.label_correlations(study, dependence="independent")
    return {
        "frequencies": (
            frequencies.set_index(["modality", "label"])[["count", "share", "n", "n_missing"]]
        ),
        "agreement": agreement.set_index(["modality", "label", "estimator"])[
            ["estimate", "share", "n", "n_items", "n_missing"]
        ],
        "alpha": alpha.set_index(["modality", "label"])[["estimate", "n", "n_missing"]],
        "deviations": deviations.set_index(["group", "label"])[
            ["observed", "n_annotations", "n_missing"]
        ],
        "correlations": pairs.set_index(["label1", "label2", "scope"])[
            ["estimate", "p_value", "n", "n_missing"]
        ],
    }


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(answers())
def test_one_missing_label_changes_no_count_of_another(drawn):
    frame, modalities, row, label = drawn
    fewer = frame.copy()
    fewer.loc[row, label] = np.nan
    before, after = (counted(study_of(part, modalities)) for part in (frame, fewer))
    for name, table in before.items():
        levels = [level for level in table.index.names if level.startswith("label")]
        others = ~np.any([table.index.get_level_values(n) == label for n in levels], axis=0)
        pd.testing.assert_frame_equal(table[others], after[name][others], obj=name)


@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(answers())
def test_counts_are_those_of_a_plain_column(drawn):
    frame, modalities, _, _ = drawn
    study = study_of(frame, modalities)
    found = {name: table.sort_index() for name, table in counted(study).items()}
    for label in LABELS:
        row = found["frequencies"].loc[("all", label)]
        known = frame[label].notna()
        assert (row["count"], row["n"]) == (frame[label].sum(), known.sum())
        assert row["n_missing"] == (~known).sum()
        assert found["agreement"].loc[("all", label)]["n_missing"].eq((~known).sum()).all()
        assert found["deviations"].loc[(slice(None), label), "observed"].sum() == row["count"]
    pairs = found["correlations"].xs("total", level="scope")
    for (first, second), row in pairs.iterrows():
        both = frame[[first, second]].dropna()
        assert (row["n"], row["n_missing"]) == (len(both), len(frame) - len(both))
        if row["estimate"] == row["estimate"]:
            assert row["estimate"] == pytest.approx(np.corrcoef(both.T)[0, 1], abs=1e-12)


def test_a_table_says_how_many_labels_are_missing():
    rng = np.random.default_rng(4)
    keys = [(f"i{i}", m, f"p{p}") for i in range(6) for m in ("music", "visual") for p in range(6)]
    frame = pd.DataFrame(keys, columns=["item", "modality", "participant"])
    for name in LABELS:
        frame[name] = (rng.random(len(frame)) < 0.5).astype(float)
    frame.loc[0, "sad"] = frame.loc[1, "calm"] = frame.loc[1, "sad"] = np.nan
    study = study_of(frame, ("music", "visual"))
    found = mv.chisquare_labels(study, n_resamples=49)
    assert (found["n"] == int(frame[LABELS].sum().sum())).all()
    assert (found["n_missing"] == 2).all()
    assert found["warning"].str.contains("3 labels missing in 2 annotations").all()
    sets = mv.bilder_loughin(study, n_resamples=49)
    assert (sets["n_annotations"] == len(frame) - 2).all()
    assert (sets["n_missing"] == 2).all()


def test_a_category_is_open_only_where_nothing_of_it_was_chosen():
    frame = pd.DataFrame(
        {
            "item": ["i1"] * 4,
            "modality": "music",
            "participant": list("abcd"),
            "happy": [1.0, np.nan, 0.0, 1.0],
            "sad": [np.nan, np.nan, 0.0, 0.0],
            "calm": [0.0, 1.0, np.nan, 0.0],
        }
    )
    study = study_of(frame, ("music",))
    annotations = study["annotations"].to_dataset()
    kind = ("label", np.array(["mood", "mood", "rest"]))
    study["annotations"] = annotations.assign_coords(label_category=kind)
    found = mv.label_frequencies(study, level="category").query("modality == 'all'")
    by_name = found.set_index("category")[["count", "n", "n_missing"]]
    assert by_name.loc["mood"].tolist() == [2, 3, 1]
    assert by_name.loc["rest"].tolist() == [1, 3, 1]


def crossed(seed=4):
    """Six people rate six items in one of two modalities each, in orders of their own."""
    rng = np.random.default_rng(seed)
    keys = [(f"i{i}", "music", f"p{p}") for p in range(6) for i in rng.permutation(6)]
    frame = pd.DataFrame(keys, columns=["item", "modality", "participant"])
    frame["modality"] = np.where((frame["item"].str[1].astype(int) % 2) == frame.index % 2, *"ab")
    frame["trial"] = frame.groupby("participant").cumcount() + 1
    for name in LABELS:
        frame[name] = (rng.random(len(frame)) < 0.5).astype(float)
    return frame


def test_a_label_that_nobody_of_a_group_answered_is_not_compared():
    frame = crossed()
    without = study_of(frame.assign(sad=np.nan), ("a", "b"))
    silent = study_of(frame.assign(sad=frame["sad"].where(frame["modality"] == "a")), ("a", "b"))
    found, expected = (mv.label_deviations(study, n_resamples=49) for study in (silent, without))
    sad = found["label"] == "sad"
    assert found.loc[sad, ["observed", "expected", "p_value"]].isna().to_numpy().all()
    assert found.loc[sad, "warning"].str.contains("nobody of b answered this label").all()
    other = ["expected", "std_residual", "p_value", "p_adjusted", "n", "n_missing"]
    pd.testing.assert_frame_equal(found.loc[~sad, other], expected.loc[~sad, other])
    tables = [mv.chisquare_labels(study, n_resamples=49) for study in (silent, without)]
    numbers = ["statistic", "df", "p_value", "effect_size", "n"]
    pd.testing.assert_frame_equal(tables[0][numbers], tables[1][numbers])
    assert tables[0]["warning"].str.contains("left out: sad").all()
    sets = mv.bilder_loughin(without, n_resamples=49)
    pair = study_of(frame, ("a", "b"))
    pair = mv.bilder_loughin(mv.annotation_frame(pair), labels=["happy", "calm"], n_resamples=49)
    pd.testing.assert_frame_equal(sets[numbers[:3]], pair[numbers[:3]])


def test_checks_of_whole_annotations_keep_those_that_lack_a_label():
    frame = crossed()
    fewer = frame.copy()
    fewer.loc[[3, 20], ["sad", "calm"]] = np.nan
    fewer.loc[7, LABELS] = np.nan
    lags = {"lags": [0], "n_resamples": 49}
    whole, part, none = (
        mv.label_alignment_check(study_of(each, ("a", "b")), **lags).iloc[0]
        for each in (frame, fewer, frame.assign(sad=np.nan))
    )
    assert (part["n"], part["n_missing"]) == (len(frame) - 1, 1)
    assert part["estimate"] == pytest.approx(whole["estimate"], abs=0.1)
    assert (none["n"], none["n_missing"]) == (len(frame), 0)
    assert np.isfinite(none["statistic"])
    quality = mv.rater_quality(study_of(frame.assign(sad=np.nan), ("a", "b")))
    fits = quality[quality["quantity"] == "label_agreement"]
    assert fits["estimate"].notna().all()

"""Printed values, and the rules by which ours are set beside them."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats import DataError, compare_published, gems_taxonomy, interrater_ccc, published
from muvistats.results.frame import RESULT_COLUMNS
from muvistats.results.paper import RULES

MODALITIES = ("music", "visual", "audiovisual")


# --- the values themselves


def test_every_value_is_complete():
    whole = published()
    assert tuple(whole.columns) == RESULT_COLUMNS["published"]
    needed = ["name", "section", "quantity", "relation", "published", "printed"]
    assert whole[needed].notna().all().all()
    assert set(whole["relation"]) == {"=", "<", ">"}
    assert whole["section"].str.fullmatch(r"Section \d(\.\d)*|Table \d").all()
    keys = [c for c in whole.columns if c not in {"published", "printed", "std_error", "warning"}]
    assert not whole.duplicated(keys).any()
    assert not whole["simulated"].any()


@pytest.mark.parametrize(
    ("name", "section", "rows"),
    [
        ("table3", "Table 3", 143),
        ("table4", "Table 4", 40),
        ("table5", "Table 5", 12),
        ("table6", "Table 6", 56),
        ("table7", "Table 7", 39),
    ],
)
def test_tables_by_number(name, section, rows):
    table = published(name)
    assert set(table["section"]) == {section}
    assert len(table) == rows


@pytest.mark.parametrize("name", ["table2", "kruskal", "", "../gems28"])
def test_unknown_name_lists_what_there_is(name):
    with pytest.raises(DataError, match=r"kruskal_modality.*table3"):
        published(name)


def test_published_is_the_callers_own():
    mine = published("table5")
    mine["published"] = 0.0
    assert published("table5")["published"].min() > 0.2


def test_table_3_adds_up():
    table = published("table3")
    counts = table[(table["name"] == "label_frequencies") & (table["quantity"] == "count")]
    counts = counts.pivot_table(index="label", columns="modality", values="published")
    assert list(counts.sum()[list(MODALITIES)]) == [1912, 1920, 2167]
    assert set(counts.index) == set(gems_taxonomy()["label"])
    totals = table[table["name"] == "label_frequencies_summary"].set_index(["quantity", "modality"])
    assert totals.loc[("count", "all"), "published"] == 5999
    for modality in MODALITIES:
        assert totals.loc[("count", modality), "published"] == counts[modality].sum()
    # every percentage follows from the counts, with 1,476 = 488 + 485 + 503 annotations
    for quantity, n in (("label_share", 5999), ("share", 1476)):
        printed = table[table["quantity"] == quantity].set_index("label")["published"]
        assert (100 * counts.sum(axis=1) / n).round(2).to_dict() == pytest.approx(
            (100 * printed).to_dict(), abs=1e-9
        )
    for modality, n in zip(MODALITIES, (488, 485, 503), strict=True):
        mean = totals.loc[("mean", modality), "published"]
        assert round(counts[modality].sum() / n, 2) == mean


def test_inconsistencies_of_the_paper_are_said():
    design = published("describe_design")
    parts = design[(design["variable"] == "annotations") & (design["modality"] != "all")]
    assert parts["published"].sum() == 1041
    assert parts["warning"].str.contains("1,041").all()
    medians = published("kruskal_modality_group").set_index(["dimension", "group"])
    assert medians.loc["valence", "warning"].str.contains("printed as mean").all()
    steps = medians["published"] * 115
    assert np.abs(steps - steps.round()).max() < 0.006


def test_standard_errors_follow_from_what_is_printed():
    people = published("describe_participants").set_index(["variable", "quantity"])
    assert people.loc[("age", "mean"), "std_error"] == pytest.approx(3.28 / 48**0.5, rel=1e-3)
    pairs = published("modality_correlations").set_index(
        ["dimension", "modality1", "modality2", "quantity"]
    )
    of = ("arousal", "music", "audiovisual")
    assert pairs.loc[(*of, "mean"), "std_error"] == pytest.approx(0.309 / 9, rel=1e-3)
    energetic = published("label_frequencies").query("label == 'energetic' and quantity == 'share'")
    expected = (0.3882 * 0.6118 / 1476) ** 0.5
    assert energetic["std_error"].to_list() == pytest.approx([expected] * 2, rel=1e-3)


def test_digits_and_numbers_follow_from_the_printed_text():
    words = {"four": 4, "five": 5, "six": 6, "nine": 9}
    for row in published().itertuples():
        text = str(row.printed).lower().replace("\u2212", "-")
        if row.quantity in {"rank", "deviation"} or text in {"not significant", "2hz"}:
            continue
        if text in words:
            assert (row.published, row.digits) == (words[text], 0)
            continue
        power = re.fullmatch(r"([\d.]+)x10\^(\d)", text)
        if power:
            assert row.published == pytest.approx(float(power[1]) * 10 ** int(power[2]), abs=1e-6)
            assert row.digits == len(power[1].split(".")[1]) - int(power[2])
            continue
        numbers = [
            (float(n.replace(",", "")), len(n.partition(".")[2]))
            for n in re.findall(r"-?[\d,]*\.?\d+", text)
        ]
        if text.endswith("%"):
            numbers = [(n / 100, digits + 2) for n, digits in numbers]
        values = [n for n, _ in numbers]
        place = int(np.argmin(np.abs(np.array(values) - row.published)))
        assert values[place] == pytest.approx(row.published, abs=1e-12)
        assert numbers[place][1] == row.digits


def test_printed_texts_stand_in_the_paper(shared):
    paper = shared / "paper.txt"
    if not paper.is_file():
        pytest.skip("the paper's text is not here")
    text = re.sub(r"\s+", "", paper.read_text(encoding="utf-8"))
    for row in published().itertuples():
        printed = re.sub(r"\s+", "", str(row.printed)).replace("x10^", "\u00d710")
        assert printed.casefold() in text.casefold() or printed == "notsignificant", row


def test_tables_4_and_6_stand_in_the_paper_row_by_row(shared):
    text = (shared / "paper.txt").read_text(encoding="utf-8")
    starts = {"audio": "Audio", "visual": "Visual", "audio_visual": "Audio and Visual"}
    suffix = {"early_fusion": " (A1)", "late_fusion": " (A2)", "pair": " (PAIR)"}
    order = [(t, m) for t in ("arousal", "valence") for m in ("rmse", "ccc")]
    for name in ("table4", "table6"):
        keys = ["modality", "features", "configuration"]
        for (modality, features, configuration), part in published(name).groupby(keys):
            cells = part.set_index(["target", "metric", "quantity"])["printed"]
            numbers = " ".join(f"{cells[(*k, 'mean')]} \u00b1 {cells[(*k, 'sd')]}" for k in order)
            line = f"{modality.title()} {starts[features]}{suffix.get(configuration, '')} {numbers}"
            assert line in text


def test_table_7_keeps_the_printed_order():
    for _, part in published("table7").groupby(["modality", "features", "target"]):
        ranks = part["published"].to_list()
        assert ranks == list(range(1, len(ranks) + 1))


# --- verdicts


def verdicts(frame, name="kruskal_modality"):
    result = compare_published(frame, name)
    assert tuple(result.columns) == RESULT_COLUMNS["compare_published"]
    assert set(result["rule"]) <= set(RULES)
    return result.set_index(["dimension", "quantity"])


def one(frame, name, **keys):
    rows = compare_published(frame, name)
    for key, value in keys.items():
        rows = rows[rows[key] == value]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        (79.45, "agrees"),
        (79.4451, "agrees"),
        (79.4549, "agrees"),
        (79.455, "agrees"),  # a tie rounds to either neighbour
        (79.445, "agrees"),
        (79.4449, "differs"),
        (79.4551, "differs"),
        (np.inf, "differs"),
    ],
)
def test_printed_digits(ours, verdict):
    frame = pd.DataFrame({"dimension": ["arousal"], "statistic": [ours], "p_value": [0.5]})
    row = verdicts(frame).loc[("arousal", "statistic")]
    assert (row["verdict"], row["rule"]) == (verdict, "printed digits")
    assert row["estimate"] == ours
    assert row["difference"] == pytest.approx(ours - 79.45)


def test_a_whole_number_does_not_take_the_tie():
    frame = pd.DataFrame({"variable": ["labels_per_annotation"], "modality": ["all"]})
    for ours, verdict in ((4.0, "agrees"), (4.5, "differs"), (3.5, "differs")):
        row = one(frame.assign(median=ours), "describe_design", variable="labels_per_annotation")
        assert row["verdict"] == verdict


def test_rounded_thousands():
    frame = pd.DataFrame({"dimension": ["arousal"], "statistic": [0.0], "p_value": [0.2798]})
    for ours, verdict in (
        (115432.5, "agrees"),
        (115500.0, "agrees"),
        (114500.0, "agrees"),
        (115501.0, "differs"),
        (114499.0, "differs"),
    ):
        row = one(
            frame.assign(statistic=ours),
            "mannwhitney_overlay",
            dimension="arousal",
            quantity="statistic",
        )
        assert row["digits"] == -3
        assert row["verdict"] == verdict


@pytest.mark.parametrize(
    ("p", "verdict"), [(1e-30, "agrees"), (0.00099, "agrees"), (0.001, "differs"), (0.4, "differs")]
)
def test_printed_bound(p, verdict):
    frame = pd.DataFrame({"dimension": ["valence"], "statistic": [100.38], "p_value": [p]})
    row = verdicts(frame).loc[("valence", "p_value")]
    assert (row["verdict"], row["rule"]) == (verdict, "printed bound")


def test_not_significant_and_directions_are_bounds():
    frame = pd.DataFrame({"factor": ["modality"], "p_value": [9e-27], "statistic": [244.8]})
    row = one(frame, "chisquare_labels", factor="modality")
    assert (row["relation"], row["published"], row["verdict"]) == (">", 0.05, "differs")
    assert (
        one(frame.assign(p_value=0.83), "chisquare_labels", factor="modality")["verdict"]
        == "agrees"
    )
    deviations = pd.DataFrame(
        {
            "factor": "gender",
            "group": ["Female", "Female", "Male"],
            "label": ["energetic", "bouncy", "energetic"],
            "deviation": [-3.5, -1.0, 3.5],
        }
    )
    rows = compare_published(deviations, "label_deviations").set_index(["group", "label"])
    assert rows.loc[("female", "energetic"), "verdict"] == "agrees"
    assert rows.loc[("female", "bouncy"), "verdict"] == "differs"


def test_confidence_interval_of_ours():
    frame = pd.DataFrame(
        {
            "label1": ["tearful"],
            "label2": ["sad"],
            "scope": "total",
            "estimate": 0.378,
            "conf_low": 0.33,
            "conf_high": 0.42,
            "p_value": 1e-9,
        }
    )
    row = one(frame, "label_correlations", label1="sad", label2="tearful", quantity="estimate")
    assert (row["verdict"], row["rule"]) == ("within sampling error", "confidence interval")
    assert row["difference"] == pytest.approx(0.378 - 0.419)
    narrow = frame.assign(conf_high=0.41)
    row = one(narrow, "label_correlations", label1="sad", label2="tearful", quantity="estimate")
    assert (row["verdict"], row["rule"]) == ("differs", "confidence interval")


def test_an_interval_of_another_quantity_is_not_used():
    # the interval belongs to the effect size; H itself has none
    frame = pd.DataFrame(
        {
            "dimension": ["arousal"],
            "statistic": [70.0],
            "p_value": [1e-9],
            "effect_size": [0.05],
            "conf_low": [0.0],
            "conf_high": [1000.0],
        }
    )
    row = verdicts(frame).loc[("arousal", "statistic")]
    assert (row["verdict"], row["rule"]) == ("differs", "printed digits")


def test_standard_error_of_a_mean_a_median_and_an_sd():
    frame = pd.DataFrame(
        {"dimension": ["arousal"], "modality": ["music"], "mean": [0.2699], "sd": [0.4]}
    ).assign(n=160_000, n_annotations=1600)
    row = one(frame, "describe_annotations", dimension="arousal", modality="music")
    assert row["std_error"] == pytest.approx(0.4 / 40)  # of 1,600 annotations, not of the samples
    assert (row["verdict"], row["rule"]) == ("within sampling error", "two standard errors")
    far = one(
        frame.assign(mean=0.2701), "describe_annotations", dimension="arousal", modality="music"
    )
    assert (far["verdict"], far["rule"]) == ("differs", "two standard errors")
    medians = pd.DataFrame(
        {"dimension": ["arousal"], "group": ["music"], "median": [0.3], "sd": [0.4], "n": [400]}
    )
    row = one(medians, "kruskal_modality_group", dimension="arousal", group="music")
    assert row["std_error"] == pytest.approx((np.pi / 2) ** 0.5 * 0.02)
    pair = pd.DataFrame(
        {"dimension": ["arousal"], "modality1": ["music"], "modality2": ["audiovisual"]}
    ).assign(mean=0.7, sd=0.3, n=9558, n_items=50)
    row = one(
        pair,
        "modality_correlations",
        dimension="arousal",
        modality1="music",
        modality2="audiovisual",
        quantity="sd",
    )
    assert row["std_error"] == pytest.approx(0.3 / 10)


def test_agreement_between_raters_is_compared_as_it_comes(study):
    """A ccc has the interval of its row; its sd has not."""
    ours = interrater_ccc(study, level="modality", n_resamples=200)
    rows = compare_published(ours, "interrater_ccc")
    assert len(rows) == 16
    assert (rows["rule"] != "no value").all()
    keys = ["dimension", "modality"]
    both = rows.merge(ours, on=keys, suffixes=("", "_ours"))
    ccc = both[both["quantity"] == "ccc"]
    assert ccc["estimate"].tolist() == ccc["ccc"].tolist()
    inside = ccc["published"].between(ccc["conf_low"], ccc["conf_high"])
    near = (ccc["difference"].abs() <= 0.00005) | inside
    assert (ccc["verdict"] == "differs").tolist() == (~near).tolist()
    assert set(ccc["rule"]) <= {"printed digits", "confidence interval"}
    sd = both[both["quantity"] == "sd"]
    assert sd["estimate"].tolist() == sd["sd"].tolist()
    assert set(sd["rule"]) <= {"printed digits", "two standard errors"}
    # without an interval, a mean of the smallest n of the row
    bare = compare_published(ours.assign(conf_low=np.nan, conf_high=np.nan), "interrater_ccc")
    bare = bare[bare["quantity"] == "ccc"].merge(ours, on=keys)
    expected = bare["sd"] / np.sqrt(bare[["n", "n_items"]].min(axis=1))
    np.testing.assert_allclose(bare["std_error"], expected)


@pytest.mark.parametrize("name", sorted(set(published()["name"])))
def test_a_quantity_is_a_column_of_the_function(name):
    """Where the function is built, its frame can be compared without renaming."""
    built = [function for function in mv.__all__ if name.startswith(function)]
    if not built:
        assert name in {
            "compare_architectures",
            "compare_with_human",
            "lasso_models",
            "paired_tests",
            "rank_features",
        }
        return
    function = max(built, key=len)
    getattr(mv, function)  # importing registers its columns
    missing = set(published(name)["quantity"]) - set(RESULT_COLUMNS[function])
    assert not missing


def test_standard_error_of_counts_and_shares():
    frame = pd.DataFrame(
        {"label": ["energetic"], "modality": ["music"], "count": [200], "share": [0.4], "n": [500]}
    )
    row = one(frame, "label_frequencies", label="energetic", modality="music")
    assert row["std_error"] == pytest.approx(500 * (0.4 * 0.6 / 500) ** 0.5)
    assert row["verdict"] == "within sampling error"
    whole = frame.assign(modality="all", label_share=0.1)
    rows = compare_published(whole, "label_frequencies")
    rows = rows[(rows["label"] == "energetic") & (rows["modality"] == "all")]
    rows = rows.drop_duplicates("quantity").set_index("quantity")
    assert rows.loc["share", "std_error"] == pytest.approx((0.4 * 0.6 / 500) ** 0.5)
    assert rows.loc["label_share", "std_error"] == pytest.approx((0.1 * 0.9 / 2000) ** 0.5)


def test_standard_error_of_the_paper_where_ours_has_none():
    frame = pd.DataFrame({"variable": ["age"], "mean": [23.9]})
    row = one(frame, "describe_participants", variable="age", quantity="mean")
    assert row["std_error"] == pytest.approx(3.28 / 48**0.5, rel=1e-3)
    assert row["verdict"] == "within sampling error"
    row = one(frame.assign(mean=24.4), "describe_participants", variable="age", quantity="mean")
    assert row["verdict"] == "differs"


def test_not_comparable_says_why():
    frame = pd.DataFrame({"dimension": ["arousal"], "statistic": [np.nan]})
    rows = verdicts(frame.assign(warning="all values are equal"))
    assert (rows["verdict"] == "not comparable").all()
    assert (rows["rule"] == "no value").all()
    assert rows["estimate"].isna().all()
    assert rows.loc[("arousal", "statistic"), "warning"] == "all values are equal"
    assert "no column p_value" in rows.loc[("arousal", "p_value"), "warning"]
    assert "no dimension valence" in rows.loc[("valence", "statistic"), "warning"]
    plain = verdicts(frame.drop(columns="dimension"))
    assert plain["warning"].str.contains("no column dimension").all()
    twice = verdicts(pd.concat([frame, frame]).assign(statistic=79.45))
    assert twice.loc[("arousal", "statistic"), "warning"] == "2 rows of ours fit"


def test_empty_frame_is_an_error():
    with pytest.raises(DataError, match="no rows"):
        compare_published(pd.DataFrame({"dimension": []}), "kruskal_modality")


def test_unknown_name_is_an_error():
    with pytest.raises(DataError, match="kruskal_modality"):
        compare_published(pd.DataFrame({"dimension": ["arousal"]}), "nothing")


# --- which row meets which


def test_readings_and_origins_are_kept_apart():
    frame = pd.DataFrame(
        {
            "factor": "gender",
            "statistic": [46.35688, 43.76928],
            "df": 26.0,
            "p_value": [0.0083, 0.016],
            "alignment": ["released", "corrected"],
            "simulated": False,
        }
    )
    rows = compare_published(frame, "chisquare_labels")
    rows = rows[(rows["factor"] == "gender") & (rows["quantity"] == "statistic")]
    assert dict(zip(rows["alignment"], rows["verdict"], strict=True)) == {
        "released": "agrees",
        "corrected": "differs",
    }
    assert not rows["simulated"].any()
    both = pd.concat([frame, frame.assign(simulated=True, alignment="as_recorded")[:1]])
    rows = compare_published(both, "chisquare_labels")
    assert rows.groupby("alignment")["simulated"].first().to_dict() == {
        "released": False,
        "corrected": False,
        "as_recorded": True,
    }


def test_design_rows_are_not_compared_with_the_published_test():
    frame = pd.DataFrame(
        {
            "dimension": "arousal",
            "statistic": [79.45, 12.0],
            "p_value": [1e-9, 0.01],
            "dependence": ["independent", "design"],
        }
    )
    assert verdicts(frame).loc[("arousal", "statistic"), "estimate"] == 79.45
    only = frame[frame["dependence"] == "design"]
    row = verdicts(only).loc[("arousal", "statistic")]
    assert (row["verdict"], row["warning"]) == ("not comparable", "ours has only design-aware rows")


def test_pairs_meet_in_either_order():
    frame = pd.DataFrame(
        {
            "dimension": "valence",
            "modality1": ["audiovisual", "music"],
            "modality2": ["music", "visual"],
            "mean": [0.433, 0.084],
            "sd": [0.423, 0.577],
        }
    )
    rows = compare_published(frame, "modality_correlations")
    found = rows[rows["verdict"] == "agrees"]
    assert sorted(found["published"]) == [0.084, 0.423, 0.433, 0.577]


def test_spelling_and_columns_of_keys_do_not_matter():
    frame = pd.DataFrame(
        {"factor": ["years_of_training>3"], "statistic": [93.42823], "df": [26.0], "p_value": [0.0]}
    )
    rows = compare_published(frame, "chisquare_labels")
    rows = rows[rows["factor"] == "years_of_training > 3"]
    assert set(rows["verdict"]) == {"agrees"}
    summary = pd.DataFrame({"quantity": ["labels per annotation"], "modality": ["all"]})
    row = one(
        summary.assign(mean=4.0641, n=1476, sd=2.9, count=5999),
        "label_frequencies_summary",
        section="Table 3",
        modality="all",
        quantity="mean",
    )
    assert row["verdict"] == "agrees"


def test_open_keys_meet_only_what_is_open():
    # a row per label must not stand in for the row of all modalities together
    frame = pd.DataFrame(
        {"label": "strong", "modality": ["music", "all"], "share": [0.9, 0.30827], "n": 1476}
    )
    rows = compare_published(frame, "label_frequencies")
    rows = rows[(rows["label"] == "strong") & (rows["quantity"] == "share")]
    assert rows["estimate"].to_list() == [0.30827, 0.30827]
    assert rows["verdict"].to_list() == ["agrees", "agrees"]


@pytest.mark.parametrize("name", sorted(set(published()["name"])))
def test_every_group_agrees_with_itself(name):
    """A frame made of the printed values agrees with them."""
    part = published(name)
    keys = [c for c in part.columns[2 : part.columns.get_loc("quantity")] if part[c].notna().any()]
    step = part["relation"].map({"=": 0.0, "<": -0.0001, ">": 0.0001})
    frame = part.assign(published=part["published"] + step, **part[keys].fillna("all"))
    frame = frame.pivot_table(index=keys, columns="quantity", values="published").reset_index()
    rows = compare_published(frame, name)
    assert len(rows) == len(part)
    assert set(rows["verdict"]) == {"agrees"}


def test_order_of_rows_does_not_matter():
    frame = pd.DataFrame(
        {"dimension": ["arousal", "valence"], "statistic": [79.4, 100.384], "p_value": [1e-9, 1e-9]}
    )
    pd.testing.assert_frame_equal(
        compare_published(frame, "kruskal_modality"),
        compare_published(frame[::-1], "kruskal_modality"),
    )


def test_names_stand_in_files_with_unix_line_ends():
    from importlib.resources import files

    for source in (files("muvistats.data") / "published").iterdir():
        raw = source.read_bytes()
        assert b"\r" not in raw
        assert raw.endswith(b"\n")
        lines = raw.decode().splitlines()
        assert all(a != b for a, b in pairwise(lines))


def test_an_undefined_number_of_ours_says_so_beside_the_note_of_the_paper():
    ours = pd.DataFrame({"level": ["side_by_side"], "share": [np.nan], "count": [0]})
    row = compare_published(ours, "overlay_preference").set_index("quantity").loc["share"]
    assert row["verdict"] == "not comparable"
    assert row["warning"].startswith("ours is undefined; 49 people here")
    told = compare_published(ours.assign(warning="no values"), "overlay_preference")
    assert told.set_index("quantity").loc["share", "warning"].startswith("no values; 49 people")


@pytest.mark.parametrize("wrong", [None, [1], {"level": ["x"]}])
def test_what_is_no_frame_is_refused(wrong):
    with pytest.raises(DataError, match="a result frame is needed"):
        compare_published(wrong, "overlay_preference")
    with pytest.raises(DataError, match="no such printed values"):
        published(3)


def test_on_the_papers_own_rows_a_number_reproduces_or_it_does_not():
    row = {"dimension": ["arousal"], "modality": ["music"], "mean": [0.2699], "sd": [0.4]}
    frame = pd.DataFrame(row).assign(n=160_000, n_annotations=1600)
    keys = {"dimension": "arousal", "modality": "music"}
    for reading in ("released", "corrected"):
        own = frame.assign(alignment=reading, simulated=False)
        found = one(own, "describe_annotations", **keys)
        assert (found["verdict"], found["rule"]) == ("differs", "printed digits")
        other = one(own.assign(simulated=True), "describe_annotations", **keys)
        assert other["verdict"] == "within sampling error"
    other = one(
        frame.assign(alignment="as_recorded", simulated=False), "describe_annotations", **keys
    )
    assert other["verdict"] == "within sampling error"

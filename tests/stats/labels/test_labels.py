from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from muvistats import (
    DataError,
    DesignError,
    annotation_frame,
    label_correlations,
    label_frequencies,
)

LABELS = ["sad", "energetic", "calm", "tense"]


def test_counts_and_shares_per_label(tiny):
    frame = annotation_frame(tiny)
    rows = label_frequencies(tiny)
    assert len(rows) == 4 * 4
    assert rows["modality"].unique().tolist() == ["music", "visual", "audiovisual", "all"]
    for row in rows.to_dict("records"):
        part = frame if row["modality"] == "all" else frame[frame["modality"] == row["modality"]]
        count = int(part[row["label"]].sum())
        assert row["count"] == count
        assert row["share"] == count / len(part)
        assert row["label_share"] == pytest.approx(count / part[LABELS].sum().sum())
        limits = proportion_confint(count, len(part), method="wilson")
        assert (row["conf_low"], row["conf_high"]) == pytest.approx(limits)
    whole = rows[rows["modality"] == "all"]
    assert whole["label_share"].sum() == pytest.approx(1)
    assert whole["superfactor"].tolist() == ["unease", "vitality", "sublimity", "unease"]


def test_superfactor_counts_annotations_with_any_of_its_labels(tiny):
    frame = annotation_frame(tiny)
    rows = label_frequencies(tiny, level="superfactor").query("modality == 'all'")
    rows = rows.set_index("superfactor")
    assert rows.index.tolist() == ["unease", "vitality", "sublimity"]
    unease = frame[["sad", "tense"]].to_numpy()
    assert rows.loc["unease", "count"] == (unease.sum(axis=1) > 0).sum()
    assert rows.loc["unease", "label_share"] == pytest.approx(
        unease.sum() / frame[LABELS].to_numpy().sum()
    )
    assert (rows[["label", "category"]] == "all").all().all()
    category = label_frequencies(tiny, level="category").query("modality == 'all'")
    assert category["superfactor"].tolist() == ["unease", "vitality", "sublimity", "unease"]


def test_summary_counts_labels_and_distinct_labels(tiny):
    frame = annotation_frame(tiny)
    rows = label_frequencies(tiny, level="summary").set_index(["modality", "quantity"])
    per_annotation = frame[LABELS].sum(axis=1)
    row = rows.loc[("all", "labels per annotation")]
    assert row["mean"] == pytest.approx(per_annotation.mean())
    assert row["sd"] == pytest.approx(per_annotation.std())
    assert (row["count"], row["n"]) == (per_annotation.sum(), 24)
    low, high = stats.t.interval(0.95, 23, per_annotation.mean(), stats.sem(per_annotation))
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((low, high))
    distinct = frame.groupby(["item", "modality"], observed=True)[LABELS].max().sum(axis=1)
    row = rows.loc[("all", "distinct labels per item")]
    assert (row["mean"], row["n"]) == (pytest.approx(distinct.mean()), 12)
    music = rows.loc[("music", "distinct labels per item")]
    assert music["mean"] == pytest.approx(distinct.xs("music", level="modality").mean())


def test_require_dynamic_leaves_masked_annotations_out(tiny):
    tiny["annotations/keep_dynamic"][:7] = False
    rows = label_frequencies(tiny, require_dynamic=True).query("modality == 'all'")
    assert (rows["n"] == 17).all()
    assert (rows["n_missing"] == 7).all()
    assert (label_frequencies(tiny).query("modality == 'all'")["n"] == 24).all()
    tiny["annotations/keep_labels"][5:9] = False
    rows = label_frequencies(tiny, require_dynamic=True).query("modality == 'all'")
    assert (rows["n_missing"] == 9).all()


def test_nothing_to_count_is_a_row_with_a_reason(tiny):
    tiny["annotations/keep_labels"][:] = False
    rows = label_frequencies(tiny)
    assert rows["share"].isna().all()
    assert (rows["warning"] == "no annotations; no label was chosen").all()
    summary = label_frequencies(tiny, level="summary")
    assert (summary["count"] == 0).all()
    assert (summary["warning"] == "fewer than two values").all()
    pairs = label_correlations(tiny)
    assert pairs["estimate"].isna().all()
    assert pairs["warning"].notna().all()


def test_known_shares_of_the_release(released):
    summary = label_frequencies(released, level="summary").set_index(["quantity", "modality"])
    means = summary.loc["distinct labels per item", "mean"].round(2)
    # printed in section 4.1.2
    assert means.to_dict() == {"music": 15.36, "visual": 15.57, "audiovisual": 16.56, "all": 15.83}
    assert summary.loc[("labels per annotation", "all"), "count"] == 6091


def test_total_correlations_agree_with_scipy(study):
    frame = annotation_frame(study)
    rows = label_correlations(study, scope="total", dependence="independent").set_index(
        ["label1", "label2"]
    )
    assert len(rows) == 27 * 26 / 2
    for pair in [("energetic", "bouncy"), ("sad", "tearful"), ("joyful", "sad")]:
        expected = stats.pearsonr(frame[pair[0]], frame[pair[1]])
        row = rows.loc[pair]
        limits = expected.confidence_interval(0.95)
        assert row["estimate"] == pytest.approx(expected.statistic, rel=1e-10)
        assert row["p_value"] == pytest.approx(expected.pvalue, rel=1e-7)
        assert (row["conf_low"], row["conf_high"]) == pytest.approx((limits.low, limits.high))
        assert row["n"] == len(frame)


def test_within_items_agrees_with_a_regression_on_items(study):
    frame = annotation_frame(study)
    row = (
        label_correlations(study, scope="within_item", dependence="independent")
        .set_index(["label1", "label2"])
        .loc[("energetic", "bouncy")]
    )
    items = pd.get_dummies(frame["item"]).to_numpy(dtype=float)
    x, y = (frame[name].to_numpy() for name in ("energetic", "bouncy"))
    rest = [v - items @ np.linalg.lstsq(items, v, rcond=None)[0] for v in (x, y)]
    assert row["estimate"] == pytest.approx(np.corrcoef(*rest)[0, 1])
    assert row["df"] == len(frame) - items.shape[1] - 1
    # the p of x in y ~ x + items
    design = np.column_stack([x, items])
    beta, ssr, *_ = np.linalg.lstsq(design, y, rcond=None)
    error = np.sqrt(ssr[0] / row["df"] * np.linalg.inv(design.T @ design)[0, 0])
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(beta[0] / error), row["df"]))


def test_between_items_takes_the_means_of_the_items(study):
    frame = annotation_frame(study)
    row = (
        label_correlations(study, scope="between_item", dependence="independent")
        .set_index(["label1", "label2"])
        .loc[("energetic", "bouncy")]
    )
    means = frame.groupby("item")[["energetic", "bouncy"]].mean()
    expected = stats.pearsonr(*means.to_numpy().T)
    assert row["estimate"] == pytest.approx(expected.statistic)
    assert row["p_value"] == pytest.approx(expected.pvalue)
    assert row["n"] == len(means)


def test_adjustment_is_per_scope(tiny):
    rows = label_correlations(tiny, adjust="bonferroni")
    assert rows["scope"].unique().tolist() == ["total", "within_item", "between_item"]
    there = rows["p_value"].notna()
    size = there.groupby([rows["dependence"], rows["scope"]]).transform("sum")
    assert rows["p_adjusted"][there].to_numpy() == pytest.approx(
        np.minimum(1, size * rows["p_value"])[there]
    )


def test_a_label_that_does_not_vary_has_no_correlation(tiny):
    tiny["annotations/labels"][:, 1] = 1
    rows = label_correlations(tiny)
    touched = (rows["label1"] == "energetic") | (rows["label2"] == "energetic")
    assert rows.loc[touched, "estimate"].isna().all()
    assert (rows.loc[touched, "warning"] == "a label does not vary").all()
    assert rows.loc[~touched & (rows["scope"] == "total"), "estimate"].notna().all()


def test_a_label_that_follows_the_item_varies_only_between(tiny):
    # items in stored order have six annotations each
    tiny["annotations/labels"][:, 0] = np.repeat([0, 1, 0, 1], 6)
    rows = label_correlations(tiny).query("label1 == 'sad'")
    assert rows.query("scope == 'within_item'")["estimate"].isna().all()
    assert rows.query("scope == 'between_item'")["estimate"].notna().any()


def test_wrong_arguments_are_refused(tiny):
    with pytest.raises(DesignError, match="level must be one of"):
        label_frequencies(tiny, level="item")
    with pytest.raises(DesignError, match="scope must be one of"):
        label_correlations(tiny, scope=["total", "within"])
    with pytest.raises(DesignError, match="scope must name"):
        label_correlations(tiny, scope=[])
    with pytest.raises(DesignError, match="dependence must be one or both"):
        label_correlations(tiny, dependence="designed")
    with pytest.raises(DataError, match="labels have no category"):
        label_frequencies(annotation_frame(tiny), level="category")
    frame = annotation_frame(tiny)
    for column, call in (
        ("item", label_correlations),
        ("calm", label_frequencies),
    ):
        with pytest.raises(DataError, match=f"column {column}: column is missing"):
            call(frame.drop(columns=column))
    del tiny["annotations"]["labels"]
    with pytest.raises(DataError, match="no labels"):
        label_frequencies(tiny)


def test_require_dynamic_needs_ratings(tiny):
    data = tiny.copy()
    data["annotations"] = data["annotations"].to_dataset().drop_vars(["arousal", "valence"])
    assert len(label_frequencies(data)) == 16
    with pytest.raises(DataError, match="no rated dimension"):
        label_frequencies(data, require_dynamic=True)


def test_correlations_by_design_add_up_influences_by_hand(study):
    frame = annotation_frame(study)
    rows = label_correlations(study, scope=["total", "between_item"], dependence="design")
    rows = rows.set_index(["scope", "label1", "label2"])
    x, y = (stats.zscore(frame[name].to_numpy(dtype=float)) for name in ("energetic", "bouncy"))
    n, r = len(x), np.mean(x * y)
    influence = (x * y - r * (x**2 + y**2) / 2) / n / (1 - r**2)
    by = [
        (frame.assign(v=influence).groupby(keys, observed=True)["v"].sum() ** 2).sum()
        for keys in (["participant"], ["item"], ["participant", "item"])
    ]
    sizes = [frame["participant"].nunique(), frame["item"].nunique(), n]
    by = [value * size / (size - 1) for value, size in zip(by, sizes, strict=True)]
    few = min(sizes)
    row = rows.loc[("total", "energetic", "bouncy")]
    variance = max(by[0], by[0] + by[1] - by[2]) * few / (few - 1)
    t = np.arctanh(r) / np.sqrt(max(variance, by[1]))
    assert row["estimate"] == pytest.approx(r)
    assert row["p_value"] == pytest.approx(2 * stats.t.sf(abs(t), few - 1))
    half = stats.t.ppf(0.975, few - 1) * np.arctanh(r) / t
    assert row["conf_low"] == pytest.approx(np.tanh(np.arctanh(r) - half))
    between = rows.loc[("between_item", "energetic", "bouncy")]
    items = frame.groupby("item")[["energetic", "bouncy"]].mean()
    u, v = (stats.zscore(items[name]) for name in items)
    q = np.mean(u * v)
    part = (u * v - q * (u**2 + v**2) / 2) / len(items) / (1 - q**2)
    spread = max((part**2).sum() * len(items) / (len(items) - 1), 1 / (len(items) - 3))
    t = np.arctanh(q) / np.sqrt(spread)
    assert between["p_value"] == pytest.approx(2 * stats.t.sf(abs(t), len(items) - 2))


def test_correlations_of_one_participant_have_no_errors_by_participants(tiny):
    frame = annotation_frame(tiny)
    attrs = frame.attrs
    frame = frame[frame["participant"] == "0"]
    frame.attrs = attrs
    rows = label_correlations(frame, scope="total", dependence="design")
    assert rows["p_value"].isna().all()
    there = rows[rows["estimate"].notna()]
    assert (there["warning"] == "fewer than two participants or items").all()

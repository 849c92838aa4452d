from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from muvistats import (
    DataError,
    DesignError,
    annotation_frame,
    bilder_loughin,
    rao_scott,
    select,
    simulate_muvi,
)


def test_rao_scott_with_a_cluster_for_each_label_chosen_is_pearson():
    """One label per annotation and a cluster each: design effects near 1, no clustering."""
    rng = np.random.default_rng(1)
    n = 600
    frame = pd.DataFrame({"participant": np.arange(n).astype(str), "item": "i"})
    frame["modality"] = rng.choice(["a", "b"], n)
    pick = rng.integers(0, 3, n)
    for j, name in enumerate("xyz"):
        frame[name] = (pick == j).astype(float)
    frame.attrs["labels"] = list("xyz")
    first = rao_scott(frame, correction="first").iloc[0]
    assert first["design_effect"] == pytest.approx(1, abs=0.02)
    twice = pd.concat([frame, frame])
    twice.attrs = frame.attrs
    doubled = rao_scott(twice, correction="first").iloc[0]  # every row twice: effects of 2, same p
    assert doubled["design_effect"] == pytest.approx(2 * first["design_effect"])
    assert doubled["p_value"] == pytest.approx(first["p_value"])


def test_familiarity_is_marked_not_adjusted(study):
    for rows in (
        rao_scott(study, by="familiar"),
        bilder_loughin(study, by="familiar", n_resamples=9),
    ):
        assert rows["warning"].str.contains("not adjusted").all()
        assert rows["ignores"].str.contains("items").all()
    assert not rao_scott(study, by="gender")["warning"].str.contains("not adjusted").any()


def test_one_cluster_no_group_and_no_label_are_rows_with_a_reason(tiny):
    frame = annotation_frame(tiny)
    rows = rao_scott(frame.assign(participant="0"), by="modality")
    assert rows["p_value"].isna().all()
    assert rows["warning"].str.startswith("one cluster only").all()
    tiny["annotations/familiar"][:] = 1
    for rows in (rao_scott(tiny, by="familiar"), bilder_loughin(tiny, by="familiar")):
        assert rows["p_value"].isna().all()
        assert rows["warning"].str.startswith("fewer than two groups").all()
    tiny["annotations/labels"][:] = 0
    for rows in (rao_scott(tiny, by="gender"), bilder_loughin(tiny, by="gender")):
        assert rows["warning"].str.startswith("nothing was counted").all()


def test_a_label_that_nobody_chose_is_named(tiny):
    tiny["annotations/labels"][:, 2] = 0
    rows = rao_scott(tiny, by="gender", correction="first")
    assert rows.loc[0, "df"] == 2
    assert "left out: calm" in rows.loc[0, "warning"]


def test_few_clusters_for_many_labels_are_said(study):
    row = rao_scott(study, by="modality", correction="second").iloc[0]
    assert "24 clusters for 52 degrees of freedom" in row["warning"]


def test_no_bootstrap_of_clusters(study):
    row = bilder_loughin(study, by="gender", correction="bootstrap", cluster="participant").iloc[0]
    assert np.isnan(row["p_value"])
    assert row["warning"].startswith("no bootstrap with clusters")


def test_wrong_arguments_are_refused(tiny):
    with pytest.raises(DesignError, match="correction must be one or both of"):
        rao_scott(tiny, correction="third")
    with pytest.raises(DesignError, match="correction must be one or more of"):
        bilder_loughin(tiny, correction=())
    with pytest.raises(DataError, match="column list"):
        rao_scott(tiny, cluster="list")


def test_too_many_empty_cells_are_a_reason_and_no_crash():
    study = simulate_muvi(rng=2, n_items=9, n_participants=12, features=False)
    few = select(study, item=study["items/item"].values[0])
    rows = rao_scott(few, by="modality")
    assert rows["p_value"].isna().all()
    assert rows["warning"].str.contains("cells without counts").all()


def test_clusters_are_the_dependence_that_is_respected(study):
    plan = {"by": "gender", "correction": "first"}
    alone, people = bilder_loughin(study, **plan), bilder_loughin(study, cluster="item", **plan)
    assert alone["dependence"].tolist() == ["independent"]
    assert people["dependence"].tolist() == ["clusters"]

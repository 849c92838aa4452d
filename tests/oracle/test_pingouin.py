"""pingouin 0.7 as an oracle of rank tests, intraclass correlations, t tests and effect sizes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.deep.paired import paired_tests
from muvistats.stats.shared.engine import of_pingouin

pytest.importorskip("pingouin")

TIED = {"dependence": "independent"}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Annotations whose ratings are rounded, so that there are ties."""
    study = mv.simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    made = mv.annotation_frame(study)
    return made.assign(arousal=made["arousal"].round(1))


def test_kruskal(frame):
    row = mv.kruskal(frame, "arousal ~ modality", **TIED).iloc[0]
    theirs = of_pingouin("kruskal")(frame, dv="arousal", between="modality").iloc[0]
    assert row["statistic"] == pytest.approx(theirs["H"], rel=1e-12)
    assert row["p_value"] == pytest.approx(theirs["p_unc"], rel=1e-12)


def test_mannwhitney_and_its_effect_size(frame):
    row = mv.mannwhitney(frame, "arousal ~ gender", **TIED).iloc[0]
    groups = [frame.loc[frame["gender"] == name, "arousal"] for name in ("Female", "Male")]
    theirs = of_pingouin("mwu")(*groups, method="asymptotic").iloc[0]
    assert row["statistic"] == pytest.approx(theirs["U_val"], rel=1e-12)
    assert row["p_value"] == pytest.approx(theirs["p_val"], rel=1e-12)
    assert row["effect_size"] == pytest.approx(theirs["RBC"], rel=1e-12)


def test_effect_sizes_of_pairs(frame):
    """Pairs are tested by Dunn, which pingouin lacks; effect sizes and Holm are the same."""
    rows = mv.pairwise(frame, "arousal ~ modality", **TIED)
    multicomp = of_pingouin("multicomp")
    for row in rows.itertuples():
        groups = [frame.loc[frame["modality"] == g, "arousal"] for g in (row.group1, row.group2)]
        theirs = of_pingouin("mwu")(*groups).iloc[0]
        assert row.effect_size == pytest.approx(theirs["RBC"], rel=1e-12)
    assert rows["p_adjusted"].to_numpy() == pytest.approx(multicomp(rows["p_value"])[1])


def test_icc():
    ratings = pd.DataFrame({"item": np.repeat(range(8), 4), "participant": np.tile(range(4), 8)})
    ratings["calm"] = np.random.default_rng(0).normal(size=32) + np.repeat(np.arange(8.0), 4)
    theirs = of_pingouin("intraclass_corr")(
        ratings, targets="item", raters="participant", ratings="calm"
    )
    ours = mv.icc(ratings, dimension="calm")
    assert ours["estimate"].to_numpy() == pytest.approx(theirs["ICC"].to_numpy(), rel=1e-10)
    limits = np.stack(theirs["CI95"].to_list())
    found = ours[["conf_low", "conf_high"]].to_numpy()
    assert np.abs(found - limits).max() < 0.0051  # theirs are rounded to two digits


def test_t_tests_of_modalities(study):
    rows = mv.modality_contrasts(
        study, dimension="arousal", n_resamples=0, dependence="independent"
    )
    values = mv.interrater_ccc(study, dimension="arousal", level="annotation", n_resamples=0)
    for row in rows.itertuples():
        groups = [values.loc[values["modality"] == g, "ccc"] for g in (row.group1, row.group2)]
        theirs = of_pingouin("ttest")(*groups, correction=True).iloc[0]
        assert row.statistic == pytest.approx(theirs["T"], rel=1e-10)
        assert row.p_value == pytest.approx(theirs["p_val"], rel=1e-10)
        size = of_pingouin("compute_effsize")(*groups, eftype="cohen")
        assert row.effect_size == pytest.approx(size, rel=1e-10)


def test_paired_t_and_signed_ranks():
    """Errors of two configurations, item by item."""
    rng = np.random.default_rng(4)
    texts = dict.fromkeys(("modality", "features", "target"), "")
    same = texts | dict.fromkeys(("fold", "repeat", "seed", "n"), 1) | {"noise_ceiling": 1.0}
    errors = {
        name: rng.normal(0.3 + shift, 0.05, 20) for name, shift in (("pair", 0), ("lasso", 0.02))
    }
    parts = [
        pd.DataFrame({"configuration": name, "item": range(20), "rmse": values}).assign(**same)
        for name, values in errors.items()
    ]
    rows = paired_tests(pd.concat(parts), metrics=["rmse"])
    pair = errors["pair"], errors["lasso"]
    t, w = of_pingouin("ttest")(*pair, paired=True), of_pingouin("wilcoxon")(*pair)
    for name, theirs in (("t", t.iloc[0]), ("W+", w.iloc[0])):
        row = rows[rows["statistic_name"] == name].iloc[0]
        assert row["p_value"] == pytest.approx(theirs["p_val"], rel=1e-10)
    assert rows["statistic"].iloc[0] == pytest.approx(t["T"].item(), rel=1e-10)
    signed = rows[rows["statistic_name"] == "W+"].iloc[0]
    assert signed["effect_size"] == pytest.approx(w["RBC"].item(), rel=1e-10)

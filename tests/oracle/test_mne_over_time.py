"""Plain tests over time against MNE-Python, on designs that both know."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import muvistats as mv

mne_stats = pytest.importorskip("mne.stats", reason="MNE-Python comes with the test extra")

STEPS, PEOPLE, DRAWS = 60, 9, 600

#: Of two mirrored arrangements one is enough; MNE counts all of these but one.
ALL = 2 ** (PEOPLE - 1)


def _smooth(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.apply_along_axis(
        np.convolve, 1, rng.normal(size=(n, STEPS + 8)), np.ones(9) / 3, "valid"
    )


def _study(values: np.ndarray, **keys: object) -> xr.DataTree:
    """A study of these trajectories; a key that is no key of a study is a trait of people."""
    recordings = pd.DataFrame({name: keys.pop(name) for name in ("item", "participant")})
    recordings["modality"] = keys.pop("modality", "music")
    long = recordings.loc[recordings.index.repeat(STEPS)].reset_index(drop=True)
    long = long.assign(time=np.tile(np.arange(STEPS) * 0.5, len(values)), arousal=values.ravel())
    people = recordings[["participant"]].assign(**keys).drop_duplicates() if keys else None
    return mv.from_frames(
        dynamics=long, participants=people, dimensions=["arousal"], scale=(-50, 50)
    )


@pytest.fixture(scope="module")
def paired():
    """Differences of nine people who rated one item twice, and the study of them."""
    rng = np.random.default_rng(5)
    first, second = _smooth(rng, PEOPLE), _smooth(rng, PEOPLE)
    first[:, 20:34] += 4.0
    first[:, 45:52] -= 2.0
    names = np.tile([f"p{i:02}" for i in range(PEOPLE)], 2)
    study = _study(
        np.r_[first, second],
        item="clip",
        participant=names,
        modality=np.repeat(["music", "visual"], PEOPLE),
    )
    return first - second, study


@pytest.fixture(scope="module")
def grouped():
    """Trajectories of three groups of people, and the study of them."""
    rng = np.random.default_rng(6)
    parts = [_smooth(rng, n) for n in (9, 11, 10)]
    parts[0][:, 25:40] += 1.5
    group = np.repeat(["a", "b", "c"], (9, 11, 10))
    names = np.array([f"p{i:02}" for i in range(30)])
    return parts, _study(np.concatenate(parts), item="clip", participant=names, group=group)


def _same(found: pd.DataFrame, clusters: list, masses: np.ndarray) -> np.ndarray:
    """Hold clusters and masses against each other; the order of MNE's clusters in time."""
    order = np.argsort([cluster[0].min() for cluster in clusters])
    steps = [clusters[i][0] for i in order]
    assert found["start"].tolist() == [step.min() * 0.5 for step in steps]
    assert found["end"].tolist() == [(step.max() + 1) * 0.5 for step in steps]
    np.testing.assert_allclose(found["mass"], masses[order], rtol=0, atol=1e-10)
    return order


def _close(p_value: pd.Series, other: np.ndarray) -> None:
    """Hold two p-values of so many draws each against each other."""
    error = np.sqrt(other * (1 - other) * 2 / DRAWS) + 1 / DRAWS
    assert (np.abs(p_value - other) <= 4 * error).all()


def _masses(t: np.ndarray, clusters: list) -> np.ndarray:
    return np.array([t[cluster].sum() for cluster in clusters])


def _plain(study: xr.DataTree, formula: str, **more: object) -> pd.DataFrame:
    return mv.over_time(study, formula, statistic="plain", n_resamples=DRAWS, **more)


def _one_sample(differences: np.ndarray, threshold: object) -> tuple:
    return mne_stats.permutation_cluster_1samp_test(
        differences, threshold, n_permutations="all", out_type="indices", verbose="error"
    )


def test_paired_clusters_are_those_of_one_sample(paired):
    differences, study = paired
    threshold = stats.t.isf(0.025, PEOPLE - 1)
    t, clusters, p_values, _ = _one_sample(differences, threshold)
    found = _plain(study, "arousal ~ modality")
    steps = _plain(study, "arousal ~ modality", level="time")
    np.testing.assert_allclose(steps["statistic"], t, rtol=1e-10)
    assert len(found) >= 2
    order = _same(found, clusters, _masses(t, clusters))
    assert (found["n_resamples"] == 2**PEOPLE).all()
    np.testing.assert_allclose(found["p_value"] * ALL, p_values[order] * (ALL - 1), atol=1.001)
    assert found["p_value"].min() < 0.05
    own = _plain(study, "arousal ~ modality", threshold=threshold)
    pd.testing.assert_frame_equal(found, own)


def test_paired_maximum_is_that_of_one_sample(paired):
    differences, study = paired
    *_, p_values, _ = mne_stats.permutation_t_test(differences, 2**PEOPLE, verbose="error")
    found = _plain(study, "arousal ~ modality", adjust="maximum", level="time")
    np.testing.assert_allclose(found["p_adjusted"], p_values, rtol=1e-12)
    assert (found["p_adjusted"] < 0.05).any()


def test_paired_enhancement_is_that_of_one_sample(paired):
    differences, study = paired
    *_, p_values, _ = _one_sample(differences, {"start": 0.4, "step": 0.4})
    found = _plain(study, "arousal ~ modality", adjust="tfce", threshold=0.4, level="time")
    np.testing.assert_allclose(found["p_adjusted"] * ALL, p_values * (ALL - 1), atol=1.001)
    assert (found["p_adjusted"] < 0.05).any()


def _of_groups(parts: list[np.ndarray], threshold: object, **more: object) -> tuple:
    return mne_stats.permutation_cluster_test(
        parts, threshold, n_permutations=DRAWS, out_type="indices", verbose="error", **more
    )


def test_groups_are_compared_by_f(grouped):
    parts, study = grouped
    f, clusters, p_values, _ = _of_groups(parts, stats.f.isf(0.05, 2, 27), tail=1, seed=0)
    found = _plain(study, "arousal ~ group")
    order = _same(found, clusters, _masses(f, clusters))
    _close(found["p_value"], p_values[order])


def test_groups_are_enhanced_alike(grouped):
    parts, study = grouped
    *_, p_values, _ = _of_groups(parts, {"start": 1.0, "step": 1.0}, tail=1, seed=0)
    found = _plain(study, "arousal ~ group", adjust="tfce", threshold=1.0, level="time")
    _close(found["p_adjusted"], p_values)


def test_two_groups_are_compared_by_t(grouped):
    parts, study = grouped

    def student(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return stats.ttest_ind(first, second).statistic

    threshold = stats.t.isf(0.025, 18)
    t, clusters, p_values, _ = _of_groups(parts[:2], threshold, tail=0, stat_fun=student, seed=0)
    found = _plain(study, "arousal ~ group", groups=("a", "b"))
    order = _same(found, clusters, _masses(t, clusters))
    # MNE draws the largest mass with its sign here, which is one side: p of both is up to twice it
    error = 4 * np.sqrt(p_values[order] / DRAWS)
    assert (found["p_value"] >= p_values[order] - error).all()
    assert (found["p_value"] <= 2 * p_values[order] + error).all()
    turned = _plain(study, "arousal ~ group", groups=("b", "a"))
    np.testing.assert_allclose(turned["mass"], -found["mass"])

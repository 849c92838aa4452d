"""Independent tasks give the same numbers wherever they run."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import muvistats as mv
from muvistats.features.extraction import FileFeatures, extract_files
from muvistats.workers import each_finished, in_threads


@pytest.fixture(scope="module")
def client():
    """A cluster of two processes on this machine."""
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of distributed itself, as ports that are taken
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as connected,
        ):
            yield connected


def half(number: int) -> float:
    """Half of an even number."""
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number / 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_task_is_done_once(jobs):
    assert sorted(each_finished(half, range(0, 20, 2), n_jobs=jobs)) == list(range(10))


@pytest.mark.parametrize("jobs", [1, 2, -1])
def test_threads_keep_the_order_and_pass_errors_on(jobs):
    assert in_threads(half, range(0, 20, 2), n_jobs=jobs, what="halves") == list(range(10))
    with pytest.raises(ValueError, match="3 is odd"):
        in_threads(half, [2, 3, 4], n_jobs=jobs, what="halves")


def test_a_cluster_does_the_same(client):
    assert sorted(each_finished(half, range(0, 20, 2), client=client)) == list(range(10))


def test_an_error_comes_back_from_a_cluster(client):
    with pytest.raises(ValueError, match="3 is odd"):
        list(each_finished(half, [2, 3, 4], client=client))


def test_tasks_are_taken_shortly_before_they_are_begun(client):
    taken = []

    def tasks():
        for number in range(0, 100, 2):
            taken.append(number)
            yield number

    results = each_finished(half, tasks(), client=client)
    next(results)
    assert len(taken) < 20
    results.close()


def test_calibration_on_a_cluster_is_calibration_here(client):
    small = mv.Scenario("small", null=("gender",), n_items=6, n_participants=9)
    options = {"n_sims": 20, "n_resamples": 9, "alpha": 0.5, "cache": False}
    here = mv.calibration("chisquare of familiar: gender", small, **options)
    there = mv.calibration("chisquare of familiar: gender", small, client=client, **options)
    assert here.equals(there)


def test_power_on_a_cluster_is_power_here(client):
    options = {"n_items": 6, "raters_per_cell": 2, "n_resamples": 9, "cache": False}
    here, there = (
        mv.power_study(n_participants=(6, 8), n_sims=2, client=each, **options)
        for each in (None, client)
    )
    assert here.equals(there)
    assert here["estimate"].notna().any()


def lengths(path: Path, *, factor: float = 1.0) -> FileFeatures:
    """Length of each word of a file."""
    values = factor * np.array([[len(word)] for word in path.read_text().split()], np.float32)
    return FileFeatures(0.5 * np.arange(len(values)), values, ("length",), ("words",))


def test_extraction_on_a_cluster_is_extraction_here(client, tmp_path):
    paths = [tmp_path / f"{name}.txt" for name in "abc"]
    for path in paths:
        path.write_text(f"{path.stem} word {path.stem * 5}")
    options = {"kind": "audio", "cache": False}
    here, there = (
        extract_files(paths, lengths, {"factor": 2.0}, client=each, **options)
        for each in (None, client)
    )
    assert here.identical(there)
    assert here["values"].to_numpy()[:, 2, 0].tolist() == [10.0] * 3


def told(fit) -> tuple[pd.DataFrame, ...]:
    """What a fit says of itself, and of rows that it has not seen."""
    new = pd.DataFrame({"x": [0.5], "person": ["p1"], "item": ["i1"]})
    return fit.tidy(), fit.glance(), fit.anova(), pd.DataFrame({"value": fit.predict(new)})


@pytest.fixture(scope="module")
def fits():
    """One of each kind."""
    rng = np.random.default_rng(1)
    grid = pd.MultiIndex.from_product([range(8), range(6)], names=["person", "item"])
    frame = grid.to_frame(index=False).assign(x=rng.normal(size=48))
    frame["y"] = frame["x"] + rng.normal(size=8)[frame["person"]] + rng.normal(size=48)
    frame["z"] = (frame["y"] > 0).astype(int)
    frame["person"], frame["item"] = (
        "p" + frame["person"].astype(str),
        "i" + frame["item"].astype(str),
    )
    return [
        mv.linear_model(frame, "y ~ x", cluster="person"),
        mv.glm(frame, "z ~ x"),
        mv.mixed_model(frame, "y ~ x + (x | person) + (1 | item)"),
        mv.mixed_model(frame, "z ~ x + (1 | person)", family="binomial"),
    ]


@pytest.mark.parametrize("where", ["cluster", "processes"])
def test_fits_travel(fits, where, request):
    given = {"n_jobs": 2}
    if where == "cluster":
        given = {"client": request.getfixturevalue("client")}
    here = sorted(map(told, fits), key=str)
    there = sorted(each_finished(told, fits, **given), key=str)
    for ours, theirs in zip(here, there, strict=True):
        for first, second in zip(ours, theirs, strict=True):
            pd.testing.assert_frame_equal(first, second)
            assert first.attrs == second.attrs


def test_what_is_no_client_is_refused():
    with pytest.raises(mv.DesignError, match=r"client must be a dask\.distributed\.Client"):
        mv.calibration("mannwhitney_overlay", n_sims=1, client="tcp://127.0.0.1:8786")

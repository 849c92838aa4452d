"""Independent tasks give the same numbers wherever they run."""

from __future__ import annotations

import warnings

import pytest

import muvistats as mv
from muvistats.workers import each_finished


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


def test_what_is_no_client_is_refused():
    with pytest.raises(mv.DesignError, match=r"client must be a dask\.distributed\.Client"):
        mv.calibration("mannwhitney_overlay", n_sims=1, client="tcp://127.0.0.1:8786")

"""One Kruskal-Wallis test goes down through few files, and none calls back up."""

from __future__ import annotations

import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import muvistats
from muvistats import kruskal_modality, simulate_muvi

PACKAGE = Path(muvistats.__file__).parent


def calls_between_files(function) -> dict[str, set[str]]:
    """Files of `stats` and `kernels` that a call enters, each with those that it was called from.

    A call by way of another file, such as one of `formula` or of pandas, counts as one from the
    last file of `stats` or `kernels` before it. The body of a module that is imported on the way
    is no call.
    """
    callers: dict[str, set[str]] = {}

    def file_of(frame) -> str:
        path = Path(frame.f_code.co_filename)
        if frame.f_code.co_name == "<module>" or PACKAGE not in path.parents:
            return ""
        name = path.relative_to(PACKAGE).as_posix()
        return name if name.startswith(("stats/", "kernels/")) else ""

    def on_event(frame, event, _):
        name = file_of(frame) if event == "call" else ""
        if not name:
            return
        sources = callers.setdefault(name, set())
        above = frame.f_back
        while above is not None and not file_of(above):
            above = above.f_back
        if above is not None and file_of(above) != name:
            sources.add(file_of(above))

    before = sys.getprofile()
    sys.setprofile(on_event)
    try:
        function()
    finally:
        sys.setprofile(before)
    return callers


#: Files that a test may enter.
MOST = 5


def files_of(dependence: str) -> list[str]:
    """Files that one test enters, from the door down; a way back up is refused."""
    study = simulate_muvi(rng=1, n_items=42, n_participants=45, features=False)
    rows = []
    given = {"dimension": "arousal", "dependence": dependence, "n_resamples": 49, "n_jobs": 1}
    callers = calls_between_files(lambda: rows.append(kruskal_modality(study, **given)))
    assert rows[0]["p_value"].notna().all()
    return list(TopologicalSorter(callers).static_order())


@pytest.mark.parametrize("dependence", ["independent", "design"])
def test_one_kruskal_goes_one_way_through_five_files(dependence):
    order = files_of(dependence)
    assert order[0] == "stats/ranks/several_groups.py"
    assert {name.split("/")[0] for name in order} == {"stats", "kernels"}
    assert len(order) <= MOST


def test_a_way_back_up_is_seen(monkeypatch):
    """The trace knows a call from a deeper file that lands in a file above it."""
    from muvistats.kernels.permutation import arrangements
    from muvistats.stats.shared import study as shared

    inner = arrangements.draw_arrangements

    def back_up(*arguments):
        shared.codes_of(rows_of_nobody)
        return inner(*arguments)

    study = simulate_muvi(rng=1, n_items=42, n_participants=45, features=False)
    rows_of_nobody = muvistats.annotation_frame(study)["item"]
    monkeypatch.setattr(arrangements, "draw_arrangements", back_up)
    callers = calls_between_files(lambda: kruskal_modality(study, n_resamples=9))
    assert "kernels/permutation/arrangements.py" in callers["stats/shared/study.py"]

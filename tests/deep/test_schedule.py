"""Processes in which networks are trained."""

from __future__ import annotations

import math

from muvistats.deep.schedule import _pool
from muvistats.workers import each_finished


def test_other_work_in_several_processes_may_follow_and_come_between():
    pool = _pool(2, "torch")
    assert pool.submit(math.sqrt, 4.0).result() == 2
    assert _pool(2, "torch") is pool
    assert sorted(each_finished(math.sqrt, [1.0, 4.0, 9.0], n_jobs=2)) == [1, 2, 3]
    again = _pool(2, "torch")
    assert again.submit(math.sqrt, 4.0).result() == 2
    again.shutdown(kill_workers=True)
    assert sorted(each_finished(math.sqrt, [1.0, 4.0, 9.0], n_jobs=2)) == [1, 2, 3]

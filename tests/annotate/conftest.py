"""Parts as the page sends them, and a page without clips that play."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import muvistats as mv

Trial = Callable[..., dict[str, Any]]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder with files that are named like clips."""
    return make_clips(tmp_path / "clips")


@pytest.fixture
def site(clips: Path, tmp_path: Path) -> Path:
    """A page of three participants and three items, each participant with three trials."""
    return make_page(clips, tmp_path / "site")


def make_clips(folder: Path) -> Path:
    """Write the files of three items."""
    folder.mkdir()
    for name in ("V1", "V2", "V3"):
        (folder / f"{name}.mp4").write_bytes(name.encode())
    return folder


def make_page(clips: Path, out: Path) -> Path:
    """Write the page of three participants."""
    lists = mv.design_lists(["V1", "V2", "V3"], n_participants=3, per_cell=1, rng=1)
    return mv.write_annotation_page(clips, lists, out)


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same page for tests that only serve it."""
    folder = tmp_path_factory.mktemp("page")
    return make_page(make_clips(folder / "clips"), folder / "site")


def trial(plan: dict[str, Any], seconds: float = 4.0, **changes: Any) -> dict[str, Any]:
    """A trial of the page: valence rises by 0.1 a second from -0.2, arousal is its negative."""
    time = np.round(np.append(0.0, np.arange(0.02, seconds, 0.1)), 4)
    valence = np.round(-0.2 + 0.1 * time, 5)
    part = {
        "kind": "trial",
        **plan,
        "started": "2026-01-01T10:00:00.000Z",
        "duration": seconds,
        "rate": 10,
        "plane": {"width": 500, "height": 500},
        "inputs": ["mouse"],
        "samples": {
            "time": time.tolist(),
            "wall": np.round(1000 * time).tolist(),
            "valence": valence.tolist(),
            "arousal": (-valence).tolist(),
            "focus": [1] * len(time),
            "stalled": [0] * len(time),
        },
        "events": [],
        "labels": ["calm", "sad"],
        "familiar": True,
    }
    return part | changes


@pytest.fixture
def make_trial() -> Trial:
    return trial

"""Studies that the tests share. Real data is read by path and skipped where it is not there."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import muvistats as mv
from muvistats.dataset.build import assemble
from muvistats.results.glossary import GLOSSARY

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--sample", type=int, metavar="N", help="run N tests of each file, drawn with a fixed seed"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``--sample N`` keep N tests of each file and all rules of the house, but slow ones."""
    size = config.getoption("sample")
    if size is None:
        return
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        if not item.get_closest_marker("slow"):
            files.setdefault(item.path, []).append(item)
    draw = random.Random(0)
    chosen: set[pytest.Item] = set()
    for path, tests in files.items():
        rules = path.parent.name == "contract"
        chosen.update(tests if rules else draw.sample(tests, min(size, len(tests))))
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the user's cache folder out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUVISTATS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


#: Type of a column of a result frame by its kind in the glossary.
DTYPES = {"text": "str", "number": "float64", "integer": "int64", "truth": "bool"}


@pytest.fixture(scope="session")
def assert_types() -> Callable[[pd.DataFrame], None]:
    """Every column of a result frame has the type that the glossary promises."""

    def check(frame: pd.DataFrame) -> None:
        for name, column in frame.items():
            kind = GLOSSARY[name].kind
            if kind == "boolean":  # what is not known is NaN among objects
                missing = column.isna()
                assert str(column.dtype) == ("object" if missing.any() else "bool"), name
                assert column[~missing].isin([True, False]).all(), name
            else:
                assert str(column.dtype) == DTYPES[kind], name

    return check


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real data and oracle inputs beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not here")
    return SHARED


@pytest.fixture(scope="session")
def muvi_folder(shared: Path) -> Path:
    return shared / "muvi"


@pytest.fixture(scope="session")
def released(muvi_folder: Path) -> xr.DataTree:
    """The real release, labels as they stand."""
    with pytest.warns(mv.AlignmentWarning):
        return mv.read_muvi(muvi_folder, label_alignment="released")


@pytest.fixture(scope="session")
def corrected(muvi_folder: Path) -> xr.DataTree:
    """The real release, labels moved to the trial they belong to."""
    return mv.read_muvi(muvi_folder, label_alignment="corrected")


@pytest.fixture(scope="session")
def study() -> xr.DataTree:
    """A small simulated study without features."""
    return mv.simulate_muvi(rng=7, n_items=27, n_participants=24, features=False)


@pytest.fixture(scope="session")
def default_study() -> xr.DataTree:
    """The embedded study, without its features."""
    return mv.simulate_muvi(features=False)


@pytest.fixture(scope="session")
def featured() -> xr.DataTree:
    """A small simulated study with features: 38 of the audio ones and all visual ones."""
    made = mv.simulate_muvi(rng=7, n_items=15, n_participants=15)
    audio = made["features/audio"].to_dataset().isel(feature=slice(0, None, 26))
    made["features/audio"] = xr.DataTree(audio)
    return made


@pytest.fixture
def tiny() -> xr.DataTree:
    """A study small enough to compute by hand: 4 items x 3 modalities, 6 participants.

    Participant p rates item i in the modality (i + p) % 3, so each cell has two raters. Values
    follow from the position alone.
    """
    items = ["b_1", "a_1", "c_1", "d_1"]
    modalities = ["music", "visual", "audiovisual"]
    rows = [
        {
            "item": item,
            "modality": modalities[(i + p) % 3],
            "participant": str(p),
            "trial": (i + p) % 4 + 1,
            "familiar": (i * p) % 2,
            "overlay": -1 if (i + p) % 3 == 0 else p % 2,
        }
        for i, item in enumerate(items)
        for p in range(6)
    ]
    annotations = pd.DataFrame(rows)
    number = np.arange(len(rows), dtype=float)
    time = np.arange(8) * 0.5
    arousal = np.round(np.sin(number[:, None] + time), 3)
    valence = np.round(np.cos(2 * number[:, None] - time), 3)
    labels = ((number[:, None] + np.arange(4)) % (2 + np.arange(4)) == 0).astype(np.int8)
    labels[:, 0] |= labels[:, 1:].sum(axis=1) == 0
    return assemble(
        annotations,
        {"arousal": arousal, "valence": valence},
        participants=pd.DataFrame(
            {
                "participant": [str(p) for p in range(6)],
                "age": [20.0, 21.0, 25.0, 30.0, np.nan, 22.0],
                "gender": ["Female", "Male", "Male", "Female", "Male", "Male"],
                "years_of_training": [0.0, 3.0, 4.0, 10.0, 5.0, 1.0],
                "overlay_preference": [0, 0, 1, 0, 1, 0],
            }
        ),
        items=pd.DataFrame({"item": items}),
        labels=labels,
        label_table=pd.DataFrame(
            {
                "label": ["sad", "energetic", "calm", "tense"],
                "label_name": ["Sad", "Energetic", "Calm", "Tense"],
                "category": ["sadness", "power", "peacefulness", "tension"],
                "superfactor": ["unease", "vitality", "sublimity", "unease"],
            }
        ),
        time=time,
        study="tiny",
    )


@pytest.fixture(scope="session")
def choices() -> xr.DataTree:
    """A study in which each person chose one emotion for each item."""
    words = ["joy", "fear", "anger"]
    rng = np.random.default_rng(0)
    keys = pd.MultiIndex.from_product([range(6), range(8)], names=["item", "participant"])
    answers = keys.to_frame(index=False)
    intended = answers["item"] % 3
    heard = np.where(rng.random(len(answers)) < 0.6, intended, rng.integers(3, size=len(answers)))
    answers["emotion"] = [words[code] for code in heard]
    items = pd.DataFrame({"item": range(6), "intended": [words[i % 3] for i in range(6)]})
    return mv.from_frames(answers, items=items, labels="emotion", simulated=True)


@pytest.fixture(scope="session")
def rated_twice() -> xr.DataTree:
    """A study in which everyone rated everything on two days."""
    rng = np.random.default_rng(0)
    keys = ["session", "item", "participant"]
    ratings = pd.MultiIndex.from_product(
        [["monday", "friday"], range(4), range(3)], names=keys
    ).to_frame(index=False)
    level = ratings["item"] + ratings["participant"] / 2 + rng.normal(size=len(ratings)) / 3
    return mv.from_frames(
        ratings.assign(arousal=np.clip(level, -1, 6)),
        scale=(-1, 6),
        dimensions=["arousal"],
        simulated=True,
    )

"""Codes of texts, and blocks of whole cells or items."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from muvistats.dataset.io import open_dataset, save_dataset
from muvistats.dataset.tables import from_frames
from muvistats.stats.shared import cells as _cells
from muvistats.stats.shared.cells import Cells, over_cells, text_codes


@pytest.mark.parametrize(
    "texts",
    [
        np.array(["b", "a", "b", "", "ab", "ba", "a"]),
        np.array(["p\u00e9", "\U0001f600", "pe", "p\u00e9"]),
        np.array(["a participant with a long name", "another one", "another one"]),
        np.array(["b", "a", "b"], dtype=object),
        np.array(["b", "a", "b"]).astype(">U1"),
        np.array([], dtype="U3"),
    ],
    ids=["short", "far letters", "long", "objects", "foreign order", "none"],
)
def test_texts_get_the_codes_of_pandas(texts):
    codes, levels = text_codes(texts)
    expected, names = pd.factorize(texts.astype(object))
    assert codes.tolist() == expected.tolist()
    assert levels.tolist() == list(names)


def test_texts_that_differ_in_trailing_letters_stay_apart():
    texts = np.array([first + second for first in "abz" for second in ("", *"abz")])
    codes, levels = text_codes(np.tile(texts, 2))
    assert codes.tolist() == 2 * list(range(12))
    assert levels.tolist() == texts.tolist()


@pytest.mark.parametrize("chunks", [None, {"annotation": 7}, {"annotation": 40, "time": 50}])
@pytest.mark.parametrize("whole", ["cell", "item"])
def test_blocks_split_no_cell_and_no_item(study, tmp_path, monkeypatch, chunks, whole):
    monkeypatch.setattr(_cells, "_BLOCK", 7)
    data = open_dataset(save_dataset(study, tmp_path / "study.zarr"), chunks=chunks)
    cells = Cells.of(data)
    units = cells.of_annotation if whole == "cell" else cells.item[cells.of_annotation]

    def borders(values, starts, rows):
        assert starts[0] == 0
        return np.unique(rows), np.array([len(values)])

    seen, sizes = over_cells(
        data["annotations"].dataset["arousal"], cells, borders, rows=units, whole=whole
    )
    assert len(seen) == len(np.unique(seen)) == len(np.unique(units))
    assert sizes.sum() == len(units)
    assert len(sizes) > 1
    first = cells.starts if whole == "cell" else cells.item_starts
    assert set(itertools.accumulate(sizes.tolist())) <= {*first.tolist(), len(units)}


def test_items_start_at_their_first_rating_when_nobody_rated_the_first():
    rows = pd.DataFrame({"item": list("bbbccd"), "participant": list("xyzxyx"), "liking": 1.0})
    items = pd.DataFrame({"item": list("abcd")})
    cells = Cells.of(from_frames(rows, items=items, dimensions=["liking"], scale=(0, 2)))
    assert cells.items == list("abcd")
    assert cells.item_starts.tolist() == [0, 3, 5]

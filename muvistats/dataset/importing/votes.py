"""Counts of votes per category, of which it is not known who gave them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ...arguments import check_text
from ...errors import DataError, boundary
from ..frames import check_frame, column_text, number_column, refuse, text_columns
from ..tables import from_frames

#: More votes than a study has, each of which becomes a row.
_MOST_VOTES = 10_000_000


@boundary("the votes cannot be read", file="votes")
def from_votes(
    votes: pd.DataFrame,
    *,
    labels: Sequence[str],
    question: str = "answer",
    item: str = "item",
    modality: str = "modality",
    modalities: Sequence[str] | None = None,
    items: pd.DataFrame | None = None,
    study: str = "unnamed study",
    source: str = "",
) -> xr.DataTree:
    """Build a choose-one study from counts of votes per category.

    Parameters
    ----------
    votes : DataFrame
        One row per item, in each modality where there are several: the key columns, and a column
        of counts for each category. Other columns are not used.
    labels : sequence of str
        The columns of counts, in the order of the categories.
    question : str
        What was asked: name of the answers in `annotation_frame`.
    item, modality : str
        Your columns of the keys.
    modalities : sequence of str, optional
        Levels of modality in order, as in `from_frames`.
    items : DataFrame, optional
        One row per item, with the traits of the items.
    study, source : str
        Name of the study, and where the data comes from.

    Returns
    -------
    DataTree
        A study with one annotation per vote and without participants: which votes are of one
        person is not known.

    Raises
    ------
    DataError
        When a column is missing, a count is missing, negative or no whole number, an item stands
        twice, or nobody voted.

    See Also
    --------
    from_frames : Reads single answers, with the ids of those who gave them.

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats import annotation_frame, from_votes
    >>> votes = pd.DataFrame({"clip": ["a", "b"], "joy": [2, 0], "fear": [1, 2]})
    >>> study = from_votes(votes, labels=["joy", "fear"], item="clip", question="emotion")
    >>> annotation_frame(study)["emotion"].tolist()
    ['joy', 'joy', 'fear', 'fear', 'fear']
    """
    if isinstance(labels, str) or not isinstance(labels, Sequence) or len(labels) < 2:
        raise DataError("two or more columns of counts are needed", file="labels", found=labels)
    check_text("question", question)
    labels, votes = list(map(column_text, labels)), text_columns(votes, "votes")
    keys = [item, *([modality] if modality in votes else [])]
    if item not in votes:
        found = ", ".join(map(str, votes))
        problem = 'column is missing; item="..." names yours'
        raise DataError(problem, file="votes", column=item, found=found)
    check_frame(votes, "votes", [*keys, *labels])
    twice = np.flatnonzero(votes.duplicated(keys))
    if len(twice):
        refuse(votes, "votes", item, twice, "item stands twice")
    counts = np.stack([_counts(votes, name) for name in labels], axis=1)
    if not counts.any():
        raise DataError("nobody voted", file="votes")
    if counts.sum() > _MOST_VOTES:
        raise DataError(
            "more votes than can be held, one row each",
            file="votes",
            found=f"{counts.sum():,}",
            expected=f"up to {_MOST_VOTES:,}",
        )
    row, code = np.repeat(np.argwhere(counts > 0), counts[counts > 0], axis=0).T
    frame = votes[keys].iloc[row].reset_index(drop=True)
    given: dict[str, Any] = {"item": item, "modalities": modalities, "items": items}
    if modality in votes:
        given["modality"] = modality
    frame[question] = pd.Categorical(np.array(labels)[code], labels)
    return from_frames(frame, labels=question, study=study, source=source, **given)


def _counts(votes: pd.DataFrame, name: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Whole counts of a category."""
    values = number_column(votes, "votes", name, missing=False)
    wrong = np.flatnonzero((values < 0) | (values % 1 != 0))
    if len(wrong):
        refuse(votes, "votes", name, wrong, "not a count", expected="a whole number from 0")
    return values.astype(np.int64)

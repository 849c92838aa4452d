"""The Geneva Emotional Music Scale as MuVi used it: 27 terms, 9 categories, 3 superfactors."""

from __future__ import annotations

import functools
from importlib.resources import files

import pandas as pd


@functools.cache
def _taxonomy() -> pd.DataFrame:
    source = files("muvistats.data") / "gems28.csv"
    with source.open(encoding="utf-8") as stream:
        return pd.read_csv(stream, dtype="str")


def gems_taxonomy() -> pd.DataFrame:
    """GEMS-28 terms with their categories and superfactors.

    Returns
    -------
    DataFrame
        27 rows in the order of the paper's Table 2, columns ``label`` (snake_case),
        ``label_name`` (as printed), ``category`` and ``superfactor``.

    See Also
    --------
    label_frequencies : How often each label was chosen.
    write_annotation_page : A page that asks for these labels.

    References
    ----------
    Zentner, M., Grandjean, D., & Scherer, K. R. (2008). Emotions evoked by the sound of music:
    Characterization, classification, and measurement. Emotion, 8(4), 494-521.
    https://doi.org/10.1037/1528-3542.8.4.494

    Examples
    --------
    >>> from muvistats import gems_taxonomy
    >>> gems_taxonomy().groupby("superfactor", sort=False).size().to_dict()
    {'sublimity': 15, 'vitality': 6, 'unease': 6}
    """
    return _taxonomy().copy()


def gems_labels() -> tuple[str, ...]:
    """The 27 label names in the order of the taxonomy."""
    return tuple(_taxonomy()["label"])

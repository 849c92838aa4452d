"""Factors of a study of one's own: which columns are factors, and models of all of them."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from ..dataset.access import annotation_frame, dimensions_of, question_of
from ..dataset.schema import ALL_KEYS
from ..errors import DesignError
from ..formula import code_of_column, factor
from ..results.frame import join_reasons, plain_name
from ..stats.models.mixed import crossed_terms, mixed_model

#: Levels of a factor that a report looks at, at most.
_MOST_LEVELS = 12


def own_factors(study: xr.DataTree) -> list[str]:
    """Columns of a study, modality apart, whose few levels may move ratings and labels.

    Numbers, such as an age, are no factors, unless there are two of them, such as codes of 1 and 2;
    nor is what has more than a dozen levels.
    """
    found = []
    for name, column in own_columns(study).items():
        n_levels = len(set(column.dropna()))
        if n_levels == 2 or (not is_measure(column) and 2 < n_levels <= _MOST_LEVELS):
            found.append(name)
    return found


def is_measure(column: pd.Series) -> bool:
    """Whether a column holds numbers."""
    is_truth = pd.api.types.is_bool_dtype(column.dtype)
    return pd.api.types.is_numeric_dtype(column.dtype) and not is_truth


def own_columns(study: xr.DataTree) -> dict[str, pd.Series]:
    """Columns of a study beside its keys, ratings, labels and masks."""
    frame = annotation_frame(study)
    known = {
        *ALL_KEYS[:3],
        "trial",
        "n_labels",
        "intended",
        "alignment",
        "simulated",
        question_of(study),
    }
    known |= {"keep_dynamic", "keep_labels", *frame.attrs["dimensions"], *frame.attrs["labels"]}
    return {str(name): frame[name] for name in frame if name not in known}


def models_of_factors(study: xr.DataTree) -> pd.DataFrame:
    """A mixed model of each rated dimension with all factors of the study."""
    kept, note = _apart(study)
    random, without = crossed_terms(annotation_frame(study))
    parts = []
    for name in dimensions_of(study):
        fit = mixed_model(study, f"{code_of_column(name)} ~ {' + '.join(kept)} + {random}")
        rows = fit.anova().assign(dimension=name)
        own = rows["warning"].fillna("")
        reasons = [join_reasons(reason, note, without) for reason in own]
        parts.append(rows.assign(term=rows["term"].map(plain_factor), warning=reasons))
    return pd.concat(parts, ignore_index=True)


def _apart(study: xr.DataTree) -> tuple[list[str], str]:
    """Factors of which none follows from another one, coarse ones first, and what was left out."""
    frame = annotation_frame(study)
    codes = {by: pd.factorize(factor(by, frame))[0] for by in factor_codes(study)}
    kept: list[str] = []
    for by in sorted(codes, key=lambda by: int(codes[by].max())):
        pairs = {other: len(set(zip(codes[by], codes[other], strict=True))) for other in kept}
        if all(number > len(set(codes[by])) for number in pairs.values()):
            kept.append(by)
    gone = [plain_factor(by) for by in codes if by not in kept]
    note = f"left out, since other factors follow from them: {', '.join(gone)}" if gone else ""
    return [by for by in codes if by in kept], note


def plain_factor(by: str) -> str:
    """Name of the column behind a factor of codes, or behind a quoted name."""
    inside = by[2:-1] if by.startswith("C(") and by.endswith(")") else by
    return plain_name(inside)


def factor_codes(study: xr.DataTree) -> list[str]:
    """Factors of a study that is not MuVi, modality first where it varies."""
    varies = len(set(study["annotations/modality"].to_numpy().tolist())) > 1
    columns = own_columns(study)
    codes = [
        f"C({code_of_column(name)})" if is_measure(columns[name]) else code_of_column(name)
        for name in own_factors(study)
    ]
    if not codes and not varies:
        raise DesignError("the study has no factors")
    return [*(["modality"] if varies else []), *codes]

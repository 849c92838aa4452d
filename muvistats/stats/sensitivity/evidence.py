"""What one analysis says of one claim, read from the rows of a test or a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...errors import DesignError

#: The three analyses of a claim, in order.
ANALYSES = ("independent", "design", "mixed model")


@dataclass(frozen=True)
class Evidence:
    """What one analysis says of one claim.

    Parameters
    ----------
    p_value, effect_size, conf_low, conf_high, mc_error : float
        NaN where not defined.
    effect_size_name, method, warning : str
        In words.
    sign : int
        Direction of what was found, as in `Claim`; 0 where the test has none.
    n_resamples : int
        Permutations or bootstrap samples.
    least_p : float
        Smallest p that a permutation test with so many arrangements can give; else NaN.
    """

    p_value: float = np.nan
    effect_size: float = np.nan
    conf_low: float = np.nan
    conf_high: float = np.nan
    effect_size_name: str = ""
    sign: int = 0
    method: str = ""
    n_resamples: int = 0
    mc_error: float = np.nan
    warning: str = ""
    least_p: float = np.nan

    @property
    def is_at_limit(self) -> bool:
        """Whether p is as small as the number of arrangements lets it be."""
        return bool(self.p_value <= self.least_p * (1 + 1e-9))


def only(rows: pd.DataFrame) -> pd.Series:
    """The one row of a comparison; a `DesignError` where there is none, or more."""
    if len(rows) != 1:
        raise DesignError("the model has no such term or comparison on this study")
    return rows.iloc[0]


def text(value: object) -> str:
    """A text, empty where it is missing."""
    return value if isinstance(value, str) else ""


def direction(value: float) -> int:
    """Sign of an effect, 0 where it is not finite."""
    return int(np.sign(value)) if np.isfinite(value) else 0


def no_sign(_: pd.Series) -> int:
    """Direction of a row that has none."""
    return 0


def sign_of(column: str) -> Callable[[pd.Series], int]:
    """Direction of a row by the sign of a column, 0 where it is missing."""

    def sign(row: pd.Series) -> int:
        return direction(float(row[column]))

    return sign


def of_rows(
    frame: pd.DataFrame, sign: Callable[[pd.Series], int], *, permuted: bool = True
) -> dict[str, Evidence]:
    """The two rows of a test, that of the design by permutation or not."""
    by_analysis = dict.fromkeys(ANALYSES[:2], Evidence(warning="not tested"))
    for _, row in frame.iterrows():
        by_analysis[str(row["dependence"])] = Evidence(
            row["p_value"],
            row.get("effect_size", np.nan),
            row.get("conf_low", np.nan),
            row.get("conf_high", np.nan),
            text(row.get("effect_size_name", "")),
            sign(row),
            text(row["method"]),
            int(row.get("n_resamples", 0)),
            row.get("mc_error", np.nan),
            text(row["warning"]),
            _least_p(row) if permuted else np.nan,
        )
    return by_analysis


def _least_p(row: pd.Series) -> float:
    """One over the number of arrangements, the observed one among them; NaN without any."""
    n, error = int(row.get("n_resamples", 0)), row.get("mc_error", np.nan)
    return 1 / (n + (error > 0)) if n > 0 and np.isfinite(error) else np.nan


def of_estimate(row: pd.Series, name: str) -> Evidence:
    """Evidence of a contrast of a linear mixed model."""
    return Evidence(
        row["p_value"],
        row["estimate"],
        row["conf_low"],
        row["conf_high"],
        name,
        direction(row["estimate"]),
        text(row["method"]),
        warning=text(row["warning"]),
    )

"""What the paper prints, and our numbers beside it."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..errors import DataError
from .frame import Rows, join_reasons, provenance, result_frame

#: Columns that say which row of a result frame a printed value belongs to.
_KEYS = (
    *("dimension", "modality", "modality1", "modality2", "variable", "level", "factor"),
    *("group", "group1", "group2", "label", "label1", "label2", "category"),
    *("target", "features", "configuration", "metric", "family", "scope", "method"),
)

#: Keys that come in twos; a value for (a, b) is the value for (b, a).
_PAIRS = (("modality1", "modality2"), ("label1", "label2"))

#: Columns of a result frame to which its confidence limits can belong, first one first.
_INTERVAL_OF = ("effect_size", "estimate", "share", "ccc", "mean", "median")

#: Standard error of a mean, median and sd of normal values in units of sd / sqrt(n). A ccc that
#: stands beside an sd is a mean over annotations.
_ERROR_OF_SD = {
    "mean": 1.0,
    "ccc": 1.0,
    "median": float(np.sqrt(np.pi / 2)),
    "sd": float(np.sqrt(0.5)),
}

#: Readings of the labels that only the data of the paper has.
_OF_MUVI = ("released", "corrected")

#: The named rules behind a verdict.
RULES: Mapping[str, str] = {
    "printed digits": "ours, rounded to the printed digits, is the printed value",
    "printed bound": "ours lies on the printed side of the bound",
    "confidence interval": "the printed value lies in our confidence interval",
    "two standard errors": "the difference is at most two standard errors",
    "no value": "one of the two values is missing",
}


@functools.cache
def _everything() -> pd.DataFrame:
    parts = []
    folder = files("muvistats.data") / "published"
    for source in sorted(folder.iterdir(), key=lambda path: path.name):
        if source.name.endswith(".csv"):
            with source.open(encoding="utf-8") as stream:
                part = pd.read_csv(stream, dtype="str", keep_default_na=False)
            parts.append(part.assign(name=source.name.removesuffix(".csv")))
    values = pd.concat(parts, ignore_index=True).replace("", np.nan)
    for column in ("published", "std_error"):
        values[column] = values[column].astype("float64")
    values["digits"] = values["digits"].astype("int64")
    return values.assign(alignment="released", simulated=False)


@result_frame(
    "printed value",
    "name section",
    *_KEYS,
    "quantity relation published printed digits std_error",
)
def published(name: str | None = None) -> Rows:
    """Values that the MuVi paper prints.

    Parameters
    ----------
    name : str, optional
        A group of values, called like the function that reproduces them
        (``"kruskal_modality"``), with its level where that is not the default one
        (``"kruskal_modality_group"``), or a table (``"table3"`` to ``"table7"``). Everything where
        not given; its column `name` lists the names.

    Raises
    ------
    DataError
        When there is no such group.

    See Also
    --------
    compare_published : Results beside these values.

    Notes
    -----
    `quantity` is the column of the result frame that holds the same number. Percentages are
    stored as fractions. ``p < 0.001`` is stored as the bound 0.001 with the relation ``<``, and a
    direction in words ("less frequently than expected") as a bound of 0. `std_error` is there
    where the paper gives a standard deviation or a share with its n; it takes the values as
    independent. The labels behind the paper are those of the released file, so `alignment` says
    released. `warning` holds what is inconsistent in the paper itself. An empty key means that
    the paper does not distinguish there.

    References
    ----------
    Chua, P., Makris, D., Herremans, D., Roig, G., & Agres, K. (2022). Predicting emotion from
    music videos: exploring the relative contribution of visual and auditory information to
    affective responses. https://doi.org/10.48550/arXiv.2202.10453

    Examples
    --------
    >>> from muvistats import published
    >>> published("kruskal_modality")[["dimension", "quantity", "printed"]]
      dimension   quantity    printed
    0   arousal  statistic      79.45
    1   arousal    p_value  p < 0.001
    2   valence  statistic     100.38
    3   valence    p_value  p < 0.001
    """
    values = _everything()
    if name is None:
        return values
    table = re.fullmatch(r"table(\d)", str(name))
    rows = values["section"] == f"Table {table[1]}" if table else values["name"] == name
    if not rows.any():
        sections = values["section"].drop_duplicates()
        tables = sections[sections.str.startswith("Table")].str.replace("Table ", "table")
        known = sorted({*values["name"], *tables})
        raise DataError("no such printed values", found=name, expected=", ".join(known))
    return values[rows]


@result_frame(
    "printed value and reading of the data",
    "name section",
    *_KEYS,
    "quantity relation published printed digits estimate difference std_error verdict rule",
)
def compare_published(frame: pd.DataFrame, name: str) -> Rows:
    """Set our numbers beside the printed ones.

    Parameters
    ----------
    frame : DataFrame
        A result frame, or several of the same function below each other (for example one per
        reading of the labels).
    name : str
        Group of printed values, as in `published`.

    Raises
    ------
    DataError
        When there is no such group, or the frame has no rows.

    See Also
    --------
    published : The printed values.
    sensitivity_table : Whether a finding survives, beside whether it is recomputed.

    Notes
    -----
    A printed value meets the row of the frame that has the same keys; upper and lower case and
    blanks do not matter, pairs may stand in either order, and a key that the paper leaves open
    must be missing or `all` in ours. The paper's `variable` meets a column `variable` or
    `quantity` of ours. Where a frame also holds rows that respect the design, the
    `independent` rows are compared, since that is what the paper ran. Rows of each alignment, and
    simulated rows, are compared on their own.

    On the very rows that the paper used, those of MuVi that are not simulated, a number
    reproduces or it does not: the verdict is *agrees* or *differs*, by the printed digits. Rows of
    any other sample may be within sampling error. The verdict is the first that holds:

    - *agrees*, rule "printed digits": ``|ours - printed|`` is at most half a unit of the last
      printed digit. At an exact tie either neighbour is a correct rounding, except for whole
      numbers (a median of 4.5 is not the printed 4).
    - *agrees*, rule "printed bound": only a bound is printed (p < 0.001) and ours satisfies it;
      if not, *differs*.
    - *within sampling error*, rule "confidence interval": the printed value lies in our interval
      for this quantity, where the frame has one.
    - *within sampling error*, rule "two standard errors": no interval, and ``|difference|`` is at
      most 2 `std_error`. The standard error is the frame's own, or follows from its n (shares and
      counts: binomial; mean and ccc: sd / sqrt(n); median: 1.2533 sd / sqrt(n);
      sd: sd / sqrt(2 n)), where n is the smallest of `n`, `n_annotations` and `n_items`; failing
      that, it is the paper's. It takes rows as independent, so it is on the small side, and
      "differs" comes sooner.
    - *differs*, with the rule that failed last.
    - *not comparable*, rule "no value": ours is missing, or no single row matches; `warning`
      says why.

    Examples
    --------
    >>> import pandas as pd
    >>> from muvistats import compare_published
    >>> ours = pd.DataFrame({"dimension": ["arousal"], "statistic": [79.4481], "p_value": [6e-18]})
    >>> compare_published(ours, "kruskal_modality")[["dimension", "quantity", "verdict"]]
      dimension   quantity         verdict
    0   arousal  statistic          agrees
    1   arousal    p_value          agrees
    2   valence  statistic  not comparable
    3   valence    p_value  not comparable
    """
    theirs = published(name)
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            "a result frame is needed", found=type(frame).__name__, expected="a DataFrame"
        )
    if len(frame) == 0:
        raise DataError("the frame has no rows to compare", file=name)
    used = [key for key in _KEYS if theirs[key].notna().any()]
    rows: list[dict[Any, Any]] = []
    for part in _readings(frame):
        normal = {key: _normals(part[key]) for key in used if key in part}
        if "quantity" in part:
            normal["variable"] = _normals(part["quantity"])
        known = {key: set(values) for key, values in normal.items()}
        origin = provenance(part)
        same_rows = origin["alignment"] in _OF_MUVI and origin["simulated"] is False
        for record in theirs.to_dict("records"):
            found, reason = _matching(part, normal, known, record, used)
            rows.append({**record, **origin, **_judge(record, found, reason, same_rows)})
    return rows


def _readings(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """The frame in one part per alignment and origin."""
    by = [column for column in ("alignment", "simulated") if column in frame]
    if not by:
        return [frame]
    return [part for _, part in frame.groupby(by, sort=False, dropna=False)]


def _normal(value: object) -> str:
    """Key as it is compared: no case, no blanks, `all` for what is left open."""
    if not isinstance(value, str):
        return "all" if pd.isna(value) else str(value)  # type: ignore[call-overload]
    return re.sub(r"\s+", "", value).casefold() or "all"


def _normals(column: pd.Series) -> npt.NDArray[np.str_]:
    return np.array([_normal(value) for value in column], dtype=np.str_)


def _matching(
    part: pd.DataFrame,
    normal: Mapping[str, npt.NDArray[np.str_]],
    known: Mapping[str, set[str]],
    record: Mapping[Any, Any],
    used: list[str],
) -> tuple[pd.Series | None, str]:
    """The one row of ours that a printed value belongs to, or the reason why there is none."""
    fits = swapped = np.full(len(part), fill_value=True)
    partner = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
    for key in used:
        wanted = _normal(record[key])
        if key not in normal:
            if wanted == "all":
                continue
            return None, f"ours has no column {key}"
        fits = fits & (normal[key] == wanted)
        other = partner.get(key, key) if partner.get(key) in normal else key
        swapped = swapped & (normal[other] == wanted)
        if wanted not in known[key] | known[other]:
            named = f"{key} {record[key]}" if wanted != "all" else f"row without a {key}"
            return None, f"ours has no {named}"
    matches = part[fits | swapped]
    if len(matches) and "dependence" in matches:
        matches = matches[matches["dependence"] != "design"]
        if len(matches) == 0:
            return None, "ours has only design-aware rows"
    if len(matches) != 1:
        count = len(matches)
        return None, f"{count} rows of ours fit" if count else "ours has no such row"
    return matches.iloc[0], ""


def _judge(
    record: Mapping[Any, Any], ours: pd.Series | None, reason: str, same_rows: bool
) -> dict[str, str | float]:
    """Estimate, difference, verdict, rule and warning of one printed value."""
    quantity, printed = str(record["quantity"]), float(record["published"])
    refused: dict[str, str | float] = {"verdict": "not comparable", "rule": "no value"}
    if ours is None:
        return {**refused, "warning": _join(reason, record["warning"])}
    if quantity not in ours.index:
        return {**refused, "warning": _join(f"ours has no column {quantity}", record["warning"])}
    estimate = float(ours[quantity])
    warning = _join(ours.get("warning"), record["warning"])
    if np.isnan(estimate):
        said = _join(ours.get("warning")) != ""
        return {**refused, "warning": warning if said else _join("ours is undefined", warning)}
    difference = estimate - printed
    error, low, high = _uncertainty(ours, quantity)
    error = float(record["std_error"]) if np.isnan(error) else error
    limits = (np.nan, np.nan) if same_rows else (low, high)
    verdict, rule = _verdict(record, difference, np.nan if same_rows else error, limits)
    return {
        "estimate": estimate,
        "difference": difference,
        "std_error": error,
        "verdict": verdict,
        "rule": rule,
        "warning": warning,
    }


def _verdict(
    record: Mapping[Any, Any], difference: float, error: float, limits: tuple[float, float]
) -> tuple[str, str]:
    """Verdict on one printed value, and the rule behind it."""
    printed = float(record["published"])
    if record["relation"] != "=":
        holds = difference < 0 if record["relation"] == "<" else difference > 0
        return ("agrees" if holds else "differs"), "printed bound"
    if _equal_when_rounded(abs(difference), int(record["digits"]), abs(printed)):
        return "agrees", "printed digits"
    near, rule = False, "printed digits"
    if not np.isnan(sum(limits)):
        near, rule = limits[0] <= printed <= limits[1], "confidence interval"
    elif not np.isnan(error):
        near, rule = abs(difference) <= 2 * error, "two standard errors"
    return ("within sampling error" if near else "differs"), rule


def _equal_when_rounded(distance: float, digits: int, size: float) -> bool:
    half = 0.5 * 10.0**-digits
    if digits == 0:
        return distance < half
    return distance <= half + 8 * float(np.finfo(float).eps) * max(size, half)


def _uncertainty(ours: pd.Series, quantity: str) -> tuple[float, float, float]:
    """Standard error and confidence limits of one quantity of our row, NaN where undefined."""

    def value(column: str) -> float:
        return float(ours[column]) if column in ours.index else np.nan

    low = high = error = np.nan
    owner = next((c for c in _INTERVAL_OF if not np.isnan(value(c))), None)
    if owner == quantity:
        low, high, error = value("conf_low"), value("conf_high"), value("std_error")
    n, sd, share = value("n"), value("sd"), value("share")
    units = np.nanmin([n, *(value(c) or np.nan for c in ("n_annotations", "n_items")), np.inf])
    if np.isnan(error) and quantity in ("share", "count"):
        error = _binomial(value("count") / n if np.isnan(share) and n else share, n)
        error *= n if quantity == "count" else 1
    elif np.isnan(error) and quantity == "label_share" and value("count") > 0:
        error = _binomial(value(quantity), value("count") / value(quantity))
    elif np.isnan(error) and quantity in _ERROR_OF_SD and units > 1:
        error = _ERROR_OF_SD[quantity] * sd / float(np.sqrt(units))
    return error, low, high


def _binomial(share: float, n: float) -> float:
    """Standard error of a share; NaN where it is 0 or 1."""
    return float(np.sqrt(share * (1 - share) / n)) if n > 0 and 0 < share < 1 else np.nan


def _join(*warnings: object) -> str:
    return join_reasons(*dict.fromkeys(text for text in warnings if isinstance(text, str)))

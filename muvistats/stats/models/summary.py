"""A fitted model on one page, laid out as lme4 and lmerTest do."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...results.cells import Column, capital_name
from ...results.layout import as_html, as_text
from ...results.view import View
from ...results.words import column_texts, count, heading, p_value, stars

if TYPE_CHECKING:
    from .fit import Fit

_STARS = "*** p < .001, ** p < .01, * p < .05"

#: Names of the columns of coefficients, as R has them.
_COEFFICIENTS = {"estimate": "Estimate", "std_error": "Std.\u00a0Error", "df": "df"}


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary; it prints as text, and as tables in a notebook.

    Parameters
    ----------
    parts : sequence of str or View
        Paragraphs and tables, from top to bottom.
    """

    parts: Sequence[str | View]

    def __str__(self) -> str:
        blocks: list[str] = []
        for part in self.parts:
            text = part if isinstance(part, str) else as_text(part)
            under = blocks and blocks[-1].endswith(":") and isinstance(part, View)
            blocks[-1:] = [f"{blocks[-1]}\n{text}"] if under else [*blocks[-1:], text]
        return "\n\n".join(blocks)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "\n".join(
            f"<p>{html.escape(part).replace(chr(10), '<br>')}</p>"
            if isinstance(part, str)
            else as_html(part)
            for part in self.parts
        )


def summary_of(fit: Fit) -> Summary:
    """Summary of a fit."""
    whole = fit.glance().iloc[0]
    parts: list[str | View] = [f"{_title(fit, whole)}\nFormula: {fit.formula}", _criteria(whole)]
    residuals = fit.augment()
    if fit.family == "gaussian":
        name = "pearson_residual" if "pearson_residual" in residuals else "residual"
        parts += [f"{'Scaled residuals' if name != 'residual' else 'Residuals'}:"]
        parts += [_quantiles(residuals[name])]
    if hasattr(fit, "variance_components"):
        parts += ["Random effects:", _random(fit.variance_components())]
        fixed = "Fixed effects:"
    else:
        fixed = "Coefficients:"
    parts += [_sizes(whole), fixed, _coefficients(fit.tidy()), _STARS]
    parts += [f"Warning: {reason}" for reason in fit.reasons]
    if fit.provenance.get("simulated"):
        parts.append("Simulated data.")
    return Summary(parts)


def _title(fit: Fit, whole: pd.Series) -> str:
    names = {"t": "t tests after Satterthwaite", "z": "normal tests"}
    tests = names["z" if fit.is_normal else "t"] if hasattr(fit, "variance_components") else ""
    return capital_name("; ".join(part for part in (str(whole["method"]), tests) if part))


def _criteria(whole: pd.Series) -> View:
    names = ["aic", "bic", "log_likelihood", "deviance", "df_residual"]
    there = [name for name in names if name in whole.index and pd.notna(whole[name])]
    if "restricted" in str(whole["method"]) or "REML" in str(whole["method"]):
        there = [name for name in there if name in ("deviance", "df_residual")]
    return _table(
        [
            Column(
                "REML\u00a0criterion"
                if name == "deviance" and len(there) == 2
                else heading(name).replace(" ", "\u00a0"),
                column_texts(name, [whole[name]]),
                numeric=True,
            )
            for name in there
        ]
    )


def _quantiles(residuals: pd.Series) -> View:
    values = np.quantile(residuals.dropna(), [0, 0.25, 0.5, 0.75, 1])
    texts = column_texts("residual", values.tolist())
    return _table(
        [
            Column(name, [text], numeric=True)
            for name, text in zip(("Min.", "1Q", "Median", "3Q", "Max."), texts, strict=True)
        ]
    )


def _random(components: pd.DataFrame) -> View:
    """Variances, standard deviations and correlations, those of a term with the ones before it."""
    spread = components[components["quantity"] != "correlation"]
    related = components[components["quantity"] == "correlation"]
    rows = [row for _, row in spread.iterrows()]
    is_sd = [row["quantity"] == "sd" for row in rows]
    estimates = [float(row["estimate"]) for row in rows]
    variances = [value**2 if sd else np.nan for value, sd in zip(estimates, is_sd, strict=True)]
    names = [
        (str(row["term"]) if pd.notna(row["term"]) else "") if sd else str(row["quantity"])
        for row, sd in zip(rows, is_sd, strict=True)
    ]
    columns = [
        Column(
            "Groups",
            [
                capital_name(str(row["factor"]))
                if row["factor"] == "residual"
                else str(row["factor"])
                for row in rows
            ],
            numeric=False,
        ),
        Column("Name", names, numeric=False),
        Column("Variance", column_texts("estimate", variances, "mixed"), numeric=True),
        Column("Std.\u00a0Dev.", column_texts("estimate", estimates, "mixed"), numeric=True),
    ]
    if len(related):
        columns.append(Column("Corr.", list(_correlations(rows, related)), numeric=True))
    return _table(columns)


def _correlations(rows: Sequence[pd.Series], related: pd.DataFrame) -> Iterator[str]:
    """Correlations of each term with those before it."""
    for row in rows:
        mine = related[
            (related["factor"] == row["factor"])
            & related["term"].str.endswith(f", {row['term']}", na=False)
        ]
        yield "  ".join(column_texts("estimate", mine["estimate"].tolist(), "statistic"))


def _sizes(whole: pd.Series) -> str:
    groups = whole["groups"]
    listed = str(groups).replace(", ", "; ").replace(": ", ", ")
    said = f", groups: {listed}" if isinstance(groups, str) and groups else ""
    missing = f" ({count(whole['n_missing'])} rows left out)" if whole["n_missing"] else ""
    return f"Number of observations: {count(whole['n'])}{missing}{said}"


def _coefficients(tidy: pd.DataFrame) -> View:
    letter = str(tidy["statistic_name"].iloc[0])
    finite = np.isfinite(tidy["df"].to_numpy(dtype=float)).any()
    columns = [Column("", tidy["term"].tolist(), numeric=False)]
    for name, title in _COEFFICIENTS.items():
        if name != "df" or finite:
            rule = None if name == "df" else "mixed"
            columns.append(
                Column(title, column_texts(name, tidy[name].tolist(), rule), numeric=True)
            )
    columns += [
        Column(
            f"{letter}\u00a0value",
            column_texts("statistic", tidy["statistic"].tolist()),
            numeric=True,
        ),
        Column(f"Pr(>|{letter}|)", [p_value(p) for p in tidy["p_value"]], numeric=True),
        Column("", [stars(p) for p in tidy["p_value"]], numeric=False),
    ]
    return _table(columns)


def _table(columns: Sequence[Column]) -> View:
    return View(columns, [""] * len(columns[0].texts), (), ())

"""A fitted model on one page, laid out as lme4 and lmerTest do."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ...results.cells import Column, capital_name
from ...results.layout import PLAIN, as_html, as_text
from ...results.view import View
from ...results.words import Rule, column_texts, count, heading, stars, word

_STARS = "*** p < .001, ** p < .01, * p < .05"


class Summarised(Protocol):
    """What a summary is made from; mixed models have `variance_components` as well."""

    @property
    def formula(self) -> str:
        """The formula as it was written."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """What to read with care."""

    @property
    def family(self) -> str:
        """Distribution of the response."""

    @property
    def provenance(self) -> dict[str, Any]:
        """Alignment of the labels and whether the data is simulated."""

    def glance(self) -> pd.DataFrame:
        """The whole fit in one row."""

    def augment(self) -> pd.DataFrame:
        """Fitted values and residuals."""

    def tidy(self) -> pd.DataFrame:
        """Coefficients."""


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
            f'<p class="{PLAIN}">{html.escape(part).replace(chr(10), "<br>")}</p>'
            if isinstance(part, str)
            else as_html(part)
            for part in self.parts
        )


def summary_of(fit: Summarised) -> Summary:
    """Summary of a fit."""
    whole, residuals = fit.glance().iloc[0], fit.augment()
    components = getattr(fit, "variance_components", None)
    after = getattr(fit, "degrees_after", "")
    tests = f"; t tests with degrees of freedom after {after}" if after else ""
    title = f"{capital_name(word(whole['method']))}{tests}\nFormula: {fit.formula}"
    parts: list[str | View] = [title, _criteria(whole)]
    if fit.family == "gaussian":
        scaled = "pearson_residual" in residuals
        values = residuals["pearson_residual" if scaled else "residual"]
        parts += ["Scaled residuals:" if scaled else "Residuals:", _quantiles(values)]
    if components is not None:
        parts += ["Random effects:", _random(components())]
    title = "Coefficients:" if components is None else "Fixed effects:"
    parts += [_sizes(whole), title, _coefficients(fit.tidy()), _STARS]
    parts += [f"Warning: {reason}" for reason in fit.reasons]
    if fit.provenance.get("simulated"):
        parts.append("Simulated data.")
    return Summary(parts)


def _criteria(whole: pd.Series) -> View:
    """Information criteria and likelihood; after REML the criterion that was minimised."""
    names = {name: heading(name) for name in ("aic", "bic", "log_likelihood", "deviance")}
    if "REML" in str(whole["method"]):
        names = {"deviance": "REML criterion"}
    names |= {"df_residual": heading("df_residual")}
    there = {name: title for name, title in names.items() if pd.notna(whole.get(name))}
    return _table(
        _numbers(title.replace(" ", "\u00a0"), name, [whole[name]]) for name, title in there.items()
    )


def _quantiles(residuals: pd.Series) -> View:
    values = np.quantile(residuals.dropna(), [0, 0.25, 0.5, 0.75, 1])
    texts = column_texts("residual", values.tolist())
    titles = ("Min.", "1Q", "Median", "3Q", "Max.")
    return _table(Column(title, [text], True) for title, text in zip(titles, texts, strict=True))


def _random(components: pd.DataFrame) -> View:
    """Variances, standard deviations and correlations, those of a term with the ones before it."""
    related = components[components["quantity"] == "correlation"]
    rows = components.drop(index=related.index)
    is_sd = rows["quantity"] == "sd"
    columns = [
        Column("Groups", rows["factor"].replace("residual", "Residual").tolist(), numeric=False),
        Column("Name", rows["term"].where(is_sd, rows["quantity"]).fillna("").tolist(), False),
        _numbers("Variance", "estimate", (rows["estimate"] ** 2).where(is_sd).tolist(), "mixed"),
        _numbers("Std.\u00a0Dev.", "estimate", rows["estimate"].tolist(), "mixed"),
    ]
    if len(related):
        columns.append(Column("Corr.", list(_correlations(rows, related)), numeric=True))
    return _table(columns)


def _correlations(rows: pd.DataFrame, related: pd.DataFrame) -> Iterator[str]:
    """Correlations of each term with those before it."""
    for factor, term in zip(rows["factor"], rows["term"], strict=True):
        own = (related["factor"] == factor) & related["term"].str.endswith(f", {term}", na=False)
        mine = related[own]
        yield "  ".join(column_texts("estimate", mine["estimate"].tolist(), "statistic"))


def _sizes(whole: pd.Series) -> str:
    groups = whole["groups"]
    listed = str(groups).replace(", ", "; ").replace(": ", ", ")
    said = f", groups: {listed}" if isinstance(groups, str) and groups else ""
    missing = f" ({count(whole['n_missing'])} rows left out)" if whole["n_missing"] else ""
    return f"Number of observations: {count(whole['n'])}{missing}{said}"


def _coefficients(tidy: pd.DataFrame) -> View:
    """Coefficients with their tests, under the names that R gives them."""
    letter = str(tidy["statistic_name"].iloc[0])
    p_values = tidy["p_value"].tolist()
    columns = [
        Column("", tidy["term"].tolist(), numeric=False),
        _numbers("Estimate", "estimate", tidy["estimate"].tolist(), "mixed"),
        _numbers("Std.\u00a0Error", "std_error", tidy["std_error"].tolist(), "mixed"),
        *([_numbers("df", "df", tidy["df"].tolist())] if np.isfinite(tidy["df"]).any() else []),
        _numbers(f"{letter}\u00a0value", "statistic", tidy["statistic"].tolist()),
        _numbers(f"Pr(>|{letter}|)", "p_value", p_values),
        Column("", [stars(p) for p in p_values], numeric=False),
    ]
    return _table(columns)


def _numbers(title: str, name: str, values: list[float], rule: Rule | None = None) -> Column:
    return Column(title, column_texts(name, values, rule), numeric=True)


def _table(columns: Iterable[Column]) -> View:
    columns = list(columns)
    return View(columns, [""] * len(columns[0].texts), (), ())

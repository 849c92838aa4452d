"""The published test, one that respects the design, and a mixed model, for each claim."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from ...dataset.access import annotation_frame, dimensions_of
from ...errors import DesignError, MuvistatsError
from ...formula import factor
from ...kernels import contingency
from ...kernels.ranks.effects import partial_eta_squared
from ...results.frame import RESULT_COLUMNS, build_frame
from ..labels.by_design import Plan
from ..labels.counts import Tests, label_choices, table_rows
from ..labels.residuals import cell_rows
from ..labels.survey import rao_scott_rows
from ..modalities.contrasts import modality_contrasts
from ..modalities.correlation import modality_correlations
from ..models.mixed import DEMOGRAPHIC, crossed_terms, label_models, mixed_model
from ..models.mixed_fit import MixedFit
from ..ranks.pairs_of_groups import pairwise, pairwise_modality
from ..ranks.several_groups import kruskal, kruskal_modality
from ..ranks.two_groups import mannwhitney_overlay
from ..shared.study import Resampling, offered
from .claims import Claim, claims_of
from .evidence import (
    ANALYSES,
    Evidence,
    direction,
    no_sign,
    of_estimate,
    of_rows,
    only,
    sign_of,
    text,
)
from .odds import label_sums

T = TypeVar("T")

_CROSSED = "(1 | participant) + (1 | item)"
_LOG_ODDS = "log odds ratio"
_LOGISTIC = "logistic mixed models of all labels"
_OF_LABELS = ("chisquare_labels", "label_deviations")

#: Method that hears each test.
_TESTS = {
    "kruskal_modality": "_modalities",
    "pairwise_modality": "_pair_of_modalities",
    "mannwhitney_overlay": "_interface",
    "modality_contrasts": "_closer_modality",
    "chisquare_labels": "_mix_of_labels",
    "label_deviations": "_one_label",
}

#: What does not depend on the number of resamples.
_MODELS = ("ratings", "contrasts", "labels", "interface", "closer", "own")


class Witness:
    """Computes the evidence for claims on one study; each test is run once.

    Parameters
    ----------
    data : DataTree
        The study.
    conf_level : float
        Confidence level.
    n_resamples : int
        Permutations and bootstrap samples.
    rng : Generator
        Source of randomness.
    n_jobs : int
        Threads.
    """

    def __init__(
        self,
        data: xr.DataTree,
        conf_level: float,
        n_resamples: int,
        rng: np.random.Generator,
        n_jobs: int,
    ) -> None:
        self._data = data
        self._frame = annotation_frame(data)
        self._conf_level = conf_level
        self._seed = int(rng.integers(2**62))
        self._draws: dict[str, Any] = {"n_resamples": n_resamples, "rng": self._seed}
        self._permutations: dict[str, Any] = self._draws | {"n_jobs": n_jobs}
        self._dimensions = set(dimensions_of(data))
        self._known: dict[tuple[str, str, int], Any] = {}

    def of(self, claim: Claim) -> dict[str, Evidence]:
        """Evidence of each analysis for a claim."""
        if claim.test == "formula":
            return self._own(claim)
        labels, missing = self._frame.attrs["labels"], ""
        if claim.dimension and claim.dimension not in self._dimensions:
            missing = f"ratings of {claim.dimension}"
        elif claim.test in _OF_LABELS and (not labels or self._frame["n_labels"].isna().all()):
            missing = "labels"
        elif claim.label and claim.label not in labels:
            missing = f"label {claim.label}"
        if missing:
            return dict.fromkeys(ANALYSES, Evidence(warning=f"the study has no {missing}"))
        test: Callable[[Claim], dict[str, Evidence]] = getattr(self, _TESTS[claim.test])
        return test(claim)

    def with_resamples(self, n_resamples: int) -> Witness:
        """The same witness with another number of permutations; models are not fitted again."""
        other, number = copy.copy(self), {"n_resamples": n_resamples}
        vars(other).update(_draws=self._draws | number, _permutations=self._permutations | number)
        return other

    def _once(self, what: str, of: str, compute: Callable[[], T]) -> T:
        """Compute what several claims share only once; tests once for each number of resamples."""
        n_resamples = 0 if what in _MODELS else self._draws["n_resamples"]
        if (what, of, n_resamples) not in self._known:
            self._known[what, of, n_resamples] = compute()
        known: T = self._known[what, of, n_resamples]
        return known

    # ------------------------------------------------------------------ ratings

    def _modalities(self, claim: Claim) -> dict[str, Evidence]:
        frame = kruskal_modality(
            self._frame,
            dimension=claim.dimension,
            conf_level=self._conf_level,
            **self._permutations,
        )
        model = self._guarded(lambda: self._joint(self._ratings(claim.dimension), "modality"))
        return of_rows(frame, no_sign) | {"mixed model": model}

    def _pair_of_modalities(self, claim: Claim) -> dict[str, Evidence]:
        frame = self._once(
            "pairs",
            claim.dimension,
            lambda: pairwise_modality(
                self._frame,
                dimension=claim.dimension,
                adjust="none",
                conf_level=self._conf_level,
                **self._permutations,
            ),
        )
        both = (frame["group1"] == claim.group1) & (frame["group2"] == claim.group2)

        def model() -> Evidence:
            fit = self._ratings(claim.dimension)
            rows = self._once(
                "contrasts",
                claim.dimension,
                lambda: fit.contrasts("modality", adjust="none", conf_level=self._conf_level),
            )
            use = (rows["group1"] == claim.group1) & (rows["group2"] == claim.group2)
            return of_estimate(only(rows[use]), "difference of marginal means")

        return of_rows(frame[both], sign_of("effect_size")) | {"mixed model": self._guarded(model)}

    def _interface(self, claim: Claim) -> dict[str, Evidence]:
        frame = mannwhitney_overlay(
            self._frame,
            dimension=claim.dimension,
            conf_level=self._conf_level,
            **self._permutations,
        )

        def model() -> Evidence:
            part = offered(self._frame, "overlay")
            fit = mixed_model(part, f"{claim.dimension} ~ overlay + modality + {_CROSSED}")
            rows = fit.contrasts("overlay", adjust="none", conf_level=self._conf_level)
            return of_estimate(only(rows), "difference of marginal means")

        found = self._once("interface", claim.dimension, lambda: self._guarded(model))
        return of_rows(frame, sign_of("effect_size")) | {"mixed model": found}

    def _own(self, claim: Claim) -> dict[str, Evidence]:
        """A user's claim: all groups of a factor, or one of them against another."""
        formula, by = f"{claim.dimension} ~ {claim.factor}", claim.factor
        test = pairwise if claim.group1 else kruskal
        only_pairs = {"adjust": "none"} if claim.group1 else {}
        given = {"conf_level": self._conf_level, **only_pairs, **self._permutations}
        try:
            rows = test(self._frame, formula, **given)
        except DesignError:  # nothing says how the factor came about
            rows = test(self._frame, formula, dependence="independent", **given)
        random, _ = crossed_terms(self._frame)
        family: Any = "binomial" if claim.dimension in self._frame.attrs["labels"] else "gaussian"
        name = "log odds ratio" if family == "binomial" else "difference of marginal means"

        def model() -> Evidence:
            fit = mixed_model(self._frame, f"{formula} + {random}", family=family)
            if not claim.group1:
                return self._joint(fit, by)
            pairs = fit.contrasts(by, adjust="none", conf_level=self._conf_level)
            return of_estimate(only(_turned(pairs, claim)), name)

        found = self._once("own", claim.finding, lambda: self._guarded(model))
        turned = (_turned(rows, claim), sign_of("effect_size")) if claim.group1 else (rows, no_sign)
        return of_rows(*turned) | {"mixed model": found}

    def _closer_modality(self, claim: Claim) -> dict[str, Evidence]:
        frame = modality_contrasts(
            self._data,
            quantity="correlation",
            dimension=claim.dimension,
            conf_level=self._conf_level,
            **self._draws,
        )
        pairs = ["music-audiovisual", "visual-audiovisual"]
        use = (frame["group1"] == pairs[0]) & (frame["group2"] == pairs[1])

        def model() -> Evidence:
            table = modality_correlations(self._data, dimension=claim.dimension, level="item")
            table["pair"] = table["modality1"] + "-" + table["modality2"]
            table = table[table["pair"].isin(pairs)]
            table["z"] = np.arctanh(table["estimate"].where(table["estimate"].abs() < 1))
            rows = mixed_model(table, "z ~ pair + (1 | item)").contrasts(
                "pair", adjust="none", conf_level=self._conf_level
            )
            return of_estimate(only(rows), "difference of mean Fisher z")

        name = "difference of mean Fisher z"
        rows = frame[use]
        rows = rows.assign(effect_size=rows["estimate"], effect_size_name=name)
        found = self._once("closer", claim.dimension, lambda: self._guarded(model))
        return of_rows(rows, sign_of("estimate"), permuted=False) | {"mixed model": found}

    def _fixed(self) -> str:
        """Fixed part of the models: what the study has of modality, traits and familiarity."""
        terms = [term.strip() for term in DEMOGRAPHIC.split("+")]
        return " + ".join(term for term in terms if self._varies(term.strip("()")))

    def _varies(self, by: str) -> bool:
        return by.split()[0] in self._frame and _n_groups(factor(by, self._frame)) > 1

    def _ratings(self, dimension: str) -> MixedFit:
        formula = f"{dimension} ~ {self._fixed()} + {_CROSSED}"
        return self._once("ratings", dimension, lambda: mixed_model(self._frame, formula))

    def _joint(self, fit: MixedFit, term: str) -> Evidence:
        rows = fit.anova()
        row = only(rows[rows["term"] == term])
        effect, low, high = partial_eta_squared(
            row["statistic"], row["df"], row["df_denom"], self._conf_level
        )
        name = "partial eta squared"
        return Evidence(row["p_value"], effect, low, high, name, method=text(row["method"]))

    def _guarded(
        self, compute: Callable[[], Evidence], method: str = "linear mixed model"
    ) -> Evidence:
        """A model that cannot be fitted is missing, with the reason."""
        try:
            return compute()
        except MuvistatsError as error:
            return Evidence(method=method, warning=str(error))

    # ------------------------------------------------------------------- labels

    def _mix_of_labels(self, claim: Claim) -> dict[str, Evidence]:
        rows = table_rows(self._tests(claim.factor), self._conf_level)
        frame = build_frame(rows, RESULT_COLUMNS["chisquare_labels"])
        found = of_rows(frame, no_sign)
        found["design"] = self._design_effect(frame, claim.factor, found["design"])
        found["mixed model"] = self._guarded(lambda: self._largest(claim.factor), _LOGISTIC)
        return found

    def _tests(self, by: str) -> Tests:
        """Tests of the mix of labels, and of single ones, from the same arrangements."""
        plan = Plan(None, None, Resampling.of(**self._permutations).spawn(1)[0])
        asked = ("independent", "design")
        return self._once("tests", by, lambda: Tests(label_choices(self._frame, by), asked, plan))

    def _design_effect(self, frame: pd.DataFrame, by: str, found: Evidence) -> Evidence:
        """Cramer's V as if there were only as many labels as the design effect leaves."""
        row = frame[frame["dependence"] == "independent"].iloc[0]
        tests = self._tests(by)
        by_cluster = [
            rao_scott_rows(tests.choices, ("first",), cluster)[0]
            for cluster in ("participant", "item")
            if cluster in self._frame
        ]
        largest = np.nanmax([1.0, *(test.get("design_effect", np.nan) for test in by_cluster)])
        n = float(row["n"] / largest)
        statistic = float(row["statistic"] / largest)
        if not np.isfinite(statistic):
            return found
        frame = offered(self._frame, by)
        groups = _n_groups(factor(by, frame)[frame["n_labels"] > 0])
        shape = (groups, round(row["df"] / (groups - 1)) + 1)
        low, high = contingency.cramers_v_interval(statistic, n, shape, self._conf_level)
        return replace(
            found,
            effect_size=contingency.cramers_v(statistic, n, shape),
            conf_low=low,
            conf_high=high,
            effect_size_name=f"Cramer's V of {n:,.0f} effective labels",
        )

    def _one_label(self, claim: Claim) -> dict[str, Evidence]:
        tests, group = self._tests(claim.factor), self._level(claim)
        frame = self._once(
            "cells",
            claim.factor,
            lambda: build_frame(cell_rows(tests, "none"), RESULT_COLUMNS["label_deviations"]),
        )
        use = (frame["label"] == claim.label) & (frame["group"] == group)
        found = of_rows(frame[use], sign_of("std_residual"))
        named = {each.label for each in claims_of(self._data) if each.factor == claim.factor}
        sums = self._once(
            "sums",
            claim.factor,
            lambda: label_sums(self._frame, claim.factor, named, **self._draws),
        )
        effects = sums.odds(claim.label, group, self._conf_level)
        found = {
            name: replace(
                evidence,
                effect_size=effects[name][0],
                conf_low=effects[name][1],
                conf_high=effects[name][2],
                effect_size_name=_LOG_ODDS,
            )
            for name, evidence in found.items()
        }
        return found | {"mixed model": self._guarded(lambda: self._label_term(claim), _LOGISTIC)}

    def _level(self, claim: Claim) -> str:
        """The group of a claim as the study spells it: the paper's female may be Female."""
        levels = [str(level) for level in factor(claim.factor, self._frame).cat.categories]
        same = [level for level in levels if level.casefold() == claim.group1.casefold()]
        return same[0] if same else claim.group1

    def _terms(self, by: str) -> pd.DataFrame:
        """Terms of a factor in the logistic mixed models of all labels."""
        frame = offered(self._frame, by)
        fixed = self._fixed()
        if by == "overlay":
            varies = _n_groups(frame["modality"]) > 1
            fixed = "overlay + modality" if varies else "overlay"
        rows = self._once(
            "labels",
            fixed,
            lambda: label_models(frame, by=fixed, conf_level=self._conf_level),
        )
        return rows[rows["term"].fillna("").str.startswith(f"{by}[T.")]

    def _largest(self, by: str) -> Evidence:
        """Smallest p of all labels and levels, times their number, and the effect it belongs to."""
        rows = self._terms(by).dropna(subset=["p_value"])
        if rows.empty:
            return Evidence(method=_LOGISTIC, warning=f"no model could be fitted for {by}")
        row = rows.iloc[int(np.argmin(rows["p_value"].to_numpy()))]
        count = len(rows)
        reach = stats.norm.isf((1 - self._conf_level) / 2 / count) * row["std_error"]
        level = str(row["term"]).split("[T.")[1].rstrip("]")
        return Evidence(
            min(1.0, float(row["p_value"]) * count),
            row["estimate"],
            row["estimate"] - reach,
            row["estimate"] + reach,
            f"{_LOG_ODDS} of {row['label']}, {level}: largest of {count}",
            method=f"{_LOGISTIC}, Bonferroni",
        )

    def _label_term(self, claim: Claim) -> Evidence:
        rows = self._terms(claim.factor)
        rows = rows[rows["label"] == claim.label]
        if len(rows) != 1:
            return Evidence(warning=f"{claim.factor} has no single term in the model")
        row = rows.iloc[0]
        flip = 1 if str(row["term"]).endswith(f"[T.{self._level(claim)}]") else -1
        low, high = sorted((flip * row["conf_low"], flip * row["conf_high"]))
        estimate = flip * row["estimate"]
        return Evidence(
            row["p_value"],
            estimate,
            low,
            high,
            _LOG_ODDS,
            direction(estimate),
            str(row["method"]),
            warning=text(row["warning"]),
        )


def _n_groups(groups: pd.Series) -> int:
    return len(np.unique(groups.cat.codes[groups.notna()]))


def _turned(frame: pd.DataFrame, claim: Claim) -> pd.DataFrame:
    """Rows of the two groups that a claim names, effects those of the first less the second."""
    straight = (frame["group1"] == claim.group1) & (frame["group2"] == claim.group2)
    reverse = (frame["group1"] == claim.group2) & (frame["group2"] == claim.group1)
    rows = frame[straight | reverse].copy()
    if reverse.any():
        for name in {"effect_size", "estimate"} & set(rows.columns):
            rows[name] = -rows[name]
        low = rows["conf_low"].copy()
        rows["conf_low"], rows["conf_high"] = -rows["conf_high"], -low
    return rows

"""`sensitivity_table`: which published findings hold when the design is respected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import xarray as xr

from ...arguments import generator_of
from ...dataset.access import annotation_frame, need_study
from ...dataset.gate import takes_study
from ...errors import DataError
from ...progress import watched
from ...results.frame import join_reasons, result_frame
from ...results.words import p_phrase
from ...types import Rng, Row
from ..shared.adjust import adjust_p
from .claims import Claim, claims_of, own_claims
from .evidence import ANALYSES, Evidence
from .witness import Witness

#: Level below which a p-value counts.
ALPHA = 0.05

#: Where resampling ends: the least p, times the number of findings, is this part of `ALPHA`.
_FINENESS = 0.1

#: A p that is so many times the least one may change with more resamples.
_NEAR = 10

#: What is said where p is as small as resampling lets it be, and that decides.
LIMIT = "undecided (limit of resampling)"


def survival(claim: Claim, published: Evidence, design: Evidence, model: Evidence) -> str:
    """What becomes of a claim, in a word; `VERDICTS` says what the words mean.

    Parameters
    ----------
    claim : Claim
        The claim; its direction is the one that counts, or else that of the published test.
    published, design, model : Evidence
        The three analyses.

    Returns
    -------
    str
        One of the words of `VERDICTS` but the limit of resampling.
    """
    if np.isnan(design.p_value) or np.isnan(model.p_value):
        return "undecided"
    significant = [one.p_value < ALPHA for one in (design, model)]
    if not claim.differs:
        agree = design.sign * model.sign >= 0
        return "emerges" if all(significant) and agree else "stays null"
    direction = claim.sign or published.sign
    same = [one.sign * direction >= 0 for one in (design, model)]
    if all(significant) and not any(same):
        return "reversed"
    count = sum(p and s for p, s in zip(significant, same, strict=True))
    return ("does not survive", "weakens", "holds")[count]


def verdict(claim: Claim, evidence: dict[str, Evidence], p_values: dict[str, float]) -> str:
    """The word of `survival` for some p-values, or that resampling does not reach as far.

    Parameters
    ----------
    claim : Claim
        The claim.
    evidence : dict of Evidence
        The three analyses.
    p_values : dict of float
        Their p-values, as they are or adjusted.
    """
    design = evidence["design"]
    made = [replace(evidence[name], p_value=p_values[name]) for name in ANALYSES]
    word = survival(claim, *made)
    if design.is_at_limit and p_values["design"] >= ALPHA:
        made[1] = replace(design, p_value=0.0)
        return word if survival(claim, *made) == word else LIMIT
    return word


def _by_adjustment(
    words: tuple[str, str], evidence: dict[str, Evidence], adjusted: dict[str, float]
) -> str:
    """Why the word is another one with adjusted p; empty where it is not, or resampling ends."""
    if words[0] == words[1] or LIMIT in words:
        return ""
    lost = [name for name in ANALYSES[1:] if evidence[name].p_value < ALPHA <= adjusted[name]]
    near = False
    for name in lost:
        p, error = evidence[name].p_value, np.nan_to_num(evidence[name].mc_error)
        near = near or adjusted[name] - ALPHA <= 2 * error * adjusted[name] / max(p, 1e-300)
    numbers = " and ".join(f"{name} {p_phrase(adjusted[name])}" for name in lost)
    end = "more resamples may change it" if near else "more resamples would not change it"
    return f"{words[1]} by the adjustment: {numbers}; {end}"


def _heard(witness: Witness, claims: list[Claim], adjust: str) -> list[dict[str, Evidence]]:
    """Evidence for each claim, with more resamples where p is as small as they let it be."""
    found = [witness.of(claim) for claim in watched(claims, "Findings", len(claims))]
    family = sum(not np.isnan(one["design"].p_value) for one in found)
    aim = _FINENESS * ALPHA / (1 if adjust == "none" else max(family, 1))
    finer = witness.with_resamples(math.ceil(1 / aim) - 1)
    for i, claim in enumerate(watched(claims, "Findings with more resamples", len(claims))):
        design = found[i]["design"]
        drawn = design.mc_error > 0  # else all arrangements were looked at
        if drawn and design.least_p > aim and design.p_value <= _NEAR * design.least_p:
            again = finer.of(claim)["design"]
            note = f"{design.n_resamples} resamples could not decide, so more were drawn"
            again = replace(again, warning=join_reasons(again.warning, note))
            found[i] = found[i] | {"design": again}
    return found


@result_frame(
    "finding, or per finding and analysis of it with ``level='analysis'``",
    "finding dimension factor label group1 group2 analysis",
    "p_published relation p_independent p_design p_model p_design_adjusted p_model_adjusted",
    "p_value p_adjusted p_adjust_method mc_error n_resamples",
    "effect_size effect_size_name conf_low conf_high conf_level",
    "verdict verdict_adjusted method",
)
@takes_study
def sensitivity_table(
    data: xr.DataTree,
    *,
    findings: Sequence[str] | None = None,
    level: Literal["summary", "analysis"] = "summary",
    adjust: str = "holm",
    conf_level: float = 0.95,
    n_resamples: int = 9999,
    rng: Rng = 0,
    n_jobs: int = 1,
) -> list[Row]:
    """Each finding beside a test that respects the design, and a mixed model.

    Parameters
    ----------
    data : DataTree
        The study; one reading of the labels.
    findings : sequence of str, optional
        Your findings as formulas: ``"tension ~ cut"`` says that groups differ, and
        ``"tension ~ cut: short > long"`` in which direction. Of MuVi, those of the paper.
    level : {"summary", "analysis"}
        A row per finding with the p-values of all analyses, or a row per analysis with its
        effect, interval and method.

    Raises
    ------
    DataError
        When the study has none of the factors of the findings, or no modality, or is not MuVi
        and no findings are given.
    DesignError
        When a finding cannot be read.

    See Also
    --------
    calibration : How often each test is wrong.
    plot_sensitivity : The result as a figure.
    compare_published : Results beside the printed values.

    Notes
    -----
    Your own findings are tested by `kruskal`, and by `pairwise` where there is a direction; the
    mixed model has the factor and crossed participants and items, logistic for a label. `verdict`
    then is about the difference that you claim.

    The findings of the paper are those of section 4.2: rated dimensions by modality and interface,
    which pair of modalities has the closer trajectories, the mix of labels by modality, interface,
    gender, training and familiarity, and the labels that the text names with a direction. Analyses:

    - *independent*: the test as published, see the function of each;
    - *design*: its row that respects how the factor was assigned;
    - *mixed model*: crossed participants and items, with modality, gender, training and
      familiarity together (for the interface: with modality). For the mix of labels it is the
      smallest p of the logistic models of all labels and levels, times their number.

    `p_published` and `relation` are as printed on the data of the paper, NaN where the text gives
    a direction only; on any other study `p_published` is that of *independent* and there is no
    relation. The adjustment takes the findings of one analysis as a family. `verdict`: a
    published difference *holds* where design and mixed model both have p < .05 in the published
    direction, *weakens* where one has, is *reversed* where both have p < .05 in the opposite
    direction, and *does not survive* otherwise; a published absence *emerges* where both have
    p < .05 and agree in direction, and otherwise *stays null*; *undecided* where one is not
    defined. `verdict_adjusted` is the same with adjusted p. Tests of several groups or labels at
    once have no direction.

    The p of a permutation test cannot be smaller than ``1 / (n_resamples + 1)``. A test whose p is
    no more than ten times that is made again with more permutations: so many that the smallest
    possible p, times the number of findings, is .005. `n_resamples` of the row says how many. A
    design may not have so many arrangements. If p is then the smallest possible, and a smaller one
    would change the verdict, the verdict is *undecided (limit of resampling)*. Where only the
    adjustment changes the verdict, `warning` names the p that decides, and says whether .05 lies
    within its Monte Carlo error. The p of a mixed model has no such error: more resamples would not
    change that verdict.

    Effects are those of the tests. A row per finding has the effect, interval and method of the
    test that respects the design; of the mixed model, or the published test, where that has no
    effect. For the mix of labels, Cramer's V of the design counts fewer labels than were chosen:
    their number divided by the design effect of `rao_scott` (the larger one of participants and
    items as clusters). For one label it is the log odds of the label among labels chosen, in the
    group against the others, with Wald's interval, with the bootstrap of participants and items,
    and from the mixed model of choosing it at all; the first two are not adjusted for familiar
    items being other items.

    References
    ----------
    Steegen, S., Tuerlinckx, F., Gelman, A., & Vanpaemel, W. (2016). Increasing transparency through
    a multiverse analysis. Perspectives on Psychological Science, 11(5), 702-712.
    https://doi.org/10.1177/1745691616658637

    Examples
    --------
    >>> from muvistats import sensitivity_table, simulate_muvi
    >>> study = simulate_muvi(rng=1, n_items=9, n_participants=12, features=False)
    >>> found = sensitivity_table(study, n_resamples=99)
    >>> found["verdict"].isin(["holds", "weakens", "does not survive", "stays null"]).any()
    np.True_
    """
    need_study(data)
    claims = _claims(data, findings)
    if not claims:
        raise DataError("the study has none of the factors of the findings", file="/annotations")
    witness = Witness(
        data,
        conf_level,
        n_resamples,
        generator_of(rng),
        n_jobs,
    )
    printed = str(data.attrs.get("study")) == "MuVi" and not data.attrs.get("simulated", False)
    found = _heard(witness, claims, adjust)
    adjusted = {
        name: adjust_p([evidence[name].p_value for evidence in found], adjust) for name in ANALYSES
    }
    rows: list[Row] = []
    for i, (claim, evidence) in enumerate(zip(claims, found, strict=True)):
        strict = {name: float(adjusted[name][i]) for name in ANALYSES}
        made = (
            claim if printed or findings is not None else _claim_on(claim, evidence["independent"])
        )
        base = _base(made, evidence, strict) | {
            "conf_level": conf_level,
            "p_adjust_method": adjust,
        }
        if level == "summary":
            words = base["verdict"], base["verdict_adjusted"]
            note = _by_adjustment(words, evidence, strict)
            rows.append(base | _summary(made, evidence, note))
            continue
        rows += [base | _analysis(evidence[name], name, strict[name]) for name in ANALYSES]
    return rows


def _claims(data: xr.DataTree, findings: Sequence[str] | None) -> list[Claim]:
    """The user's claims, or of MuVi those of the paper."""
    if findings is not None:
        return own_claims(annotation_frame(data), findings)
    if not str(data.attrs.get("study", "")).startswith("MuVi"):
        raise DataError(
            "the paper's findings are about MuVi; findings=['tension ~ cut: short > long'] gives "
            "those of your study",
            found=str(data.attrs.get("study")),
        )
    return claims_of(data)


def _base(claim: Claim, evidence: dict[str, Evidence], adjusted: dict[str, float]) -> Row:
    independent, design, model = (evidence[name] for name in ANALYSES)
    plain = {name: evidence[name].p_value for name in ANALYSES}
    return {
        "finding": claim.finding,
        "dimension": claim.dimension,
        "factor": claim.factor,
        "label": claim.label,
        "group1": claim.group1,
        "group2": claim.group2,
        "p_published": claim.p,
        "relation": claim.relation,
        "p_independent": independent.p_value,
        "p_design": design.p_value,
        "p_model": model.p_value,
        "p_design_adjusted": adjusted["design"],
        "p_model_adjusted": adjusted["mixed model"],
        "verdict": verdict(claim, evidence, plain),
        "verdict_adjusted": verdict(claim, evidence, adjusted),
    }


def _claim_on(claim: Claim, independent: Evidence) -> Claim:
    """What the published test would have claimed of another study."""
    if np.isnan(independent.p_value):
        return replace(claim, p=np.nan, relation="")
    return replace(
        claim,
        differs=bool(independent.p_value < ALPHA),
        sign=independent.sign if claim.sign else 0,
        p=independent.p_value,
        relation="",
    )


def _summary(claim: Claim, evidence: dict[str, Evidence], note: str) -> Row:
    design = evidence["design"]
    reasons = [f"{name}: {evidence[name].warning}" for name in ANALYSES if evidence[name].warning]
    same = {evidence[name].warning for name in ANALYSES}
    text = same.pop() if len(same) == 1 else join_reasons(*reasons)
    if claim.sign * evidence["independent"].sign < 0:
        text = join_reasons("the data has the other direction", text)
    text = join_reasons(text, note)
    by_trust = [evidence[name] for name in ("design", "mixed model", "independent")]
    shown = next((one for one in by_trust if np.isfinite(one.effect_size)), design)
    return _effect(shown) | {
        "analysis": "all",
        "n_resamples": design.n_resamples,
        "mc_error": design.mc_error,
        "warning": text,
    }


def _analysis(evidence: Evidence, name: str, adjusted: float) -> Row:
    return _effect(evidence) | {
        "analysis": name,
        "p_value": evidence.p_value,
        "p_adjusted": adjusted,
        "mc_error": evidence.mc_error,
        "n_resamples": evidence.n_resamples,
        "warning": evidence.warning,
    }


def _effect(evidence: Evidence) -> Row:
    return {
        "effect_size": evidence.effect_size,
        "effect_size_name": evidence.effect_size_name,
        "conf_low": evidence.conf_low,
        "conf_high": evidence.conf_high,
        "method": evidence.method,
    }

"""What is claimed of ratings and labels, by the paper or a user: which test, which direction."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ...errors import DesignError
from ...formula import factor as levels_of
from ...formula import split_formula
from ...results.frame import plain_name
from ...results.paper import published

_WORDS = {
    "gender": "gender",
    "years_of_training > 3": "training",
    "familiar": "familiarity",
    "modality": "modality",
    "overlay": "interface",
}

#: Groups that the text names.
_GROUPS = {
    "female": "women",
    "False": "people with little training",
    "familiar": "people who know the item",
    "unfamiliar": "people who do not know the item",
}

#: Order of medians in the text of section 4.2.1, higher one first.
_PAIRS = (("music", "audiovisual"), ("visual", "audiovisual"))


@dataclass(frozen=True)
class Claim:
    """One finding of the paper, or of a user.

    Parameters
    ----------
    texts : tuple of str
        The claim in words: where group1 is the higher one (or groups differ), where it is the
        lower one, and where there is no difference.
    test : str
        Function that tests it.
    differs : bool
        Whether the paper claims a difference.
    dimension, factor, label, group1, group2 : str
        What it is about; empty where it has none.
    sign : int
        Direction that the paper prints: 1 when group1 is said to be higher, -1 lower, 0 none.
    p : float
        p-value as printed; NaN where none is.
    relation : str
        ``=``, ``<`` or ``>``.
    """

    texts: tuple[str, str, str]
    test: str
    differs: bool
    dimension: str = ""
    factor: str = ""
    label: str = ""
    group1: str = ""
    group2: str = ""
    sign: int = 0
    p: float = np.nan
    relation: str = ""

    @property
    def finding(self) -> str:
        """The claim in words."""
        if not self.differs:
            return self.texts[2]
        return self.texts[1 if self.sign < 0 else 0]


def claims_of(data: xr.DataTree) -> list[Claim]:
    """Claims of section 4.2 that a study has the factors for.

    Parameters
    ----------
    data : DataTree
        The study.

    Returns
    -------
    list of Claim
        Ratings first, then labels; those of ratings also where these are missing.
    """
    have = {name for node in ("annotations", "participants") for name in data[node].data_vars}
    have |= {"modality"}
    return [c for c in _all() if not c.factor or c.factor.split()[0] in have]


def printed_findings() -> frozenset[str]:
    """The findings of the paper in words, as it has them."""
    return frozenset(claim.finding for claim in _all())


#: A finding of one's own: a formula, and which group is higher or lower, where one is said to be.
_FINDING = re.compile(
    r"^(?P<formula>[^:]*~[^:]*?)\s*(?::\s*(?P<a>.+?)\s*(?P<sign>[<>])\s*(?P<b>.+?)\s*)?$"
)


def own_claims(frame: pd.DataFrame, findings: Sequence[str]) -> list[Claim]:
    """Claims of a user.

    Parameters
    ----------
    frame : DataFrame
        The annotation frame of the study.
    findings : sequence of str
        Formulas, such as ``"tension ~ cut"`` for a difference between groups, or
        ``"tension ~ cut: short > long"`` for one with a direction.

    Returns
    -------
    list of Claim
        One for each.

    Raises
    ------
    DesignError
        When a finding is none of these, or names a group that its factor has not.
    """
    if isinstance(findings, str) or not findings:
        raise DesignError("findings is a list such as ['tension ~ cut: short > long']")
    claims = []
    for text in findings:
        found = _FINDING.match(text) if isinstance(text, str) else None
        if found is None:
            raise DesignError(
                f"{text!r} is no finding: write 'tension ~ cut', or 'tension ~ cut: short > long'"
            )
        response, by = split_formula(found["formula"])
        named, factor = plain_name(response), plain_name(by)
        if not found["sign"]:
            words = _plain(f"{named} differs by {factor}", f"{named} does not depend on {factor}")
            claims.append(Claim(words, "formula", True, dimension=response, factor=by))
            continue
        known = [str(level) for level in levels_of(by, frame).cat.categories]
        wrong = [name for name in (found["a"], found["b"]) if name not in known]
        if wrong:
            raise DesignError(f"{by!r} has no group {wrong[0]!r}, but {', '.join(known)}")
        first, second = found["a"], found["b"]
        words = (
            f"{named} is higher in {first} than in {second}",
            f"{named} is lower in {first} than in {second}",
            f"{named} does not differ between {first} and {second}",
        )
        sign = 1 if found["sign"] == ">" else -1
        groups: dict[str, Any] = {"group1": first, "group2": second}
        claims.append(
            Claim(words, "formula", True, dimension=response, factor=by, sign=sign, **groups)
        )
    return claims


@functools.cache
def _all() -> tuple[Claim, ...]:
    return *_ratings(), *_labels()


def _plain(differs: str, equal: str) -> tuple[str, str, str]:
    """Words of a claim without a direction."""
    return differs, differs, equal


def _printed(name: str) -> dict[str, tuple[float, str]]:
    """Printed p-values of a test, by its dimension or factor."""
    rows = published(name)
    rows = rows[rows["quantity"] == "p_value"]
    keys = rows["dimension"].fillna(rows["factor"])
    return {
        str(key): (float(p), str(relation))
        for key, p, relation in zip(keys, rows["published"], rows["relation"], strict=True)
    }


def _ratings() -> Iterator[Claim]:
    for name, (p, relation) in _printed("kruskal_modality").items():
        yield Claim(
            _plain(f"{name} differs between modalities", f"{name} does not depend on modality"),
            "kruskal_modality",
            True,
            dimension=name,
            factor="modality",
            p=p,
            relation=relation,
        )
        for first, second in _PAIRS:
            yield Claim(
                (
                    f"{name} is higher in {first} than in {second}",
                    f"{name} is lower in {first} than in {second}",
                    f"{name} does not differ between {first} and {second}",
                ),
                "pairwise_modality",
                True,
                dimension=name,
                factor="modality",
                group1=first,
                group2=second,
                sign=1 if first == "music" else -1,
            )
    for name, (p, relation) in _printed("mannwhitney_overlay").items():
        yield Claim(
            _plain(f"{name} depends on the interface", f"{name} does not depend on the interface"),
            "mannwhitney_overlay",
            False,
            dimension=name,
            factor="overlay",
            p=p,
            relation=relation,
        )
    for name in _printed("kruskal_modality"):
        yield Claim(
            (
                f"audiovisual {name} follows the music more than the picture",
                f"audiovisual {name} follows the picture more than the music",
                f"audiovisual {name} follows music and picture alike",
            ),
            "modality_contrasts",
            True,
            dimension=name,
            sign=1,
        )


def _labels() -> Iterator[Claim]:
    for factor, (p, relation) in _printed("chisquare_labels").items():
        differs = p < 0.05 or relation == "<"
        yield Claim(
            _plain(
                f"labels depend on {_WORDS[factor]}", f"labels do not depend on {_WORDS[factor]}"
            ),
            "chisquare_labels",
            differs,
            factor=factor,
            p=p,
            relation=relation,
        )
    rows = published("label_deviations")
    for factor, group, label, relation in zip(
        rows["factor"], rows["group"], rows["label"], rows["relation"], strict=True
    ):
        who = _GROUPS.get(str(group), str(group))
        yield Claim(
            (
                f"{who} choose {label} more often",
                f"{who} choose {label} less often",
                f"{who} choose {label} as often",
            ),
            "label_deviations",
            True,
            factor=str(factor),
            label=str(label),
            group1=str(group),
            sign=1 if relation == ">" else -1,
        )

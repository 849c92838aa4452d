"""How to cite the package and the paper that it reanalyses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """One work to cite.

    Parameters
    ----------
    text : str
        The reference as a list of references prints it.
    bibtex : str
        The same as a BibTeX entry.
    short : str
        The reference within a text.
    """

    text: str
    bibtex: str
    short: str


_TITLE = (
    "Predicting emotion from music videos: exploring the relative contribution of visual and "
    "auditory information to affective responses"
)


def references(version: str, *, paper: bool = True) -> tuple[Reference, ...]:
    """What to cite: this package in this version, and the paper of MuVi.

    Parameters
    ----------
    version : str
        Version of the package.
    paper : bool
        Whether the report is about MuVi.

    Returns
    -------
    tuple of Reference
        The package first.
    """
    name = (
        "muvistats: statistics with R-style formulas for multi-rater emotion annotation of "
        "multimodal media"
    )
    package = Reference(
        text=f"The muvistats developers. {name} (version {version}) [Computer software].",
        bibtex=(
            "@software{muvistats,\n"
            "  author  = {{The muvistats developers}},\n"
            f"  title   = {{{{{name}}}}},\n"
            f"  version = {{{version}}},\n"
            "  license = {BSD-3-Clause}\n"
            "}"
        ),
        short=f"The muvistats developers (version {version})",
    )
    if not paper:
        return (package,)
    muvi = Reference(
        text=(
            "Chua, P., Makris, D., Herremans, D., Roig, G., & Agres, K. (2022). "
            f"{_TITLE}. arXiv:2202.10453."
        ),
        bibtex=(
            "@misc{chua2022predicting,\n"
            "  author        = {Chua, Phoebe and Makris, Dimos and Herremans, Dorien and "
            "Roig, Gemma and Agres, Kat},\n"
            f"  title         = {{{{{_TITLE}}}}},\n"
            "  year          = {2022},\n"
            "  eprint        = {2202.10453},\n"
            "  archiveprefix = {arXiv}\n"
            "}"
        ),
        short="Chua et al. (2022)",
    )
    return package, muvi

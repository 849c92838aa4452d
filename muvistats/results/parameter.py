"""What is said once of an argument that several public functions have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Default of arguments that have none.
REQUIRED = "required"

#: Why one function needs an argument that has a default elsewhere.
NO_DEFAULT = "the question is about this one thing"


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument that means the same in every function that has it.

    Parameters
    ----------
    type : str
        Type, as docstrings write it.
    default : str
        Default as Python prints it, or `REQUIRED`.
    text : str
        Meaning, one or two sentences.
    exceptions : mapping of str to tuple of str
        Functions with another default: that default, and the reason for it.
    """

    type: str
    default: str
    text: str
    exceptions: Mapping[str, tuple[str, str]] = field(default_factory=dict)

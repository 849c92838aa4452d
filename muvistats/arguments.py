"""Arguments of public functions, checked alike.

Each check returns the value as the code wants it, so that NumPy's scalars are as good as Python's,
or says in one line why it cannot.
"""

from __future__ import annotations

import ast
import math
import os
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from .errors import DesignError
from .types import Names, Rng

T = TypeVar("T")

#: Ways to take rows: as independent of each other, as published, or as the design made them.
DEPENDENCE = ("independent", "design")
Dependence = str | Sequence[str]

#: More resamples than anyone needs, and than memory holds for most studies.
_MOST_RESAMPLES = 10_000_000

#: Adjustments for multiple comparisons, by the names of statsmodels.
ADJUSTMENTS = ("holm", "bonferroni", "fdr_bh", "fdr_by", "none")

#: Directions of a test of two groups.
ALTERNATIVES = ("two-sided", "less", "greater")


def check_choice(name: str, value: T, choices: Iterable[Any]) -> T:
    """One of the choices."""
    choices = tuple(choices)
    if not _is_in(value, choices):
        raise DesignError(f"{name} must be one of {', '.join(map(str, choices))}, not {value!r}")
    return value


def check_choices(name: str, value: Any, choices: Iterable[Any]) -> tuple[Any, ...]:
    """One or several of the choices, each once, in the order in which they were given."""
    choices = tuple(choices)
    asked = _several(value)
    wrong = [each for each in asked if not _is_in(each, choices)]
    if wrong or not asked:
        found = repr(wrong[0]) if wrong else "nothing"
        several = "both" if len(choices) == 2 else "more"
        raise DesignError(f"{name} must be one or {several} of {', '.join(choices)}, not {found}")
    return tuple(dict.fromkeys(asked))


def check_names(name: str, value: Any) -> Names | None:
    """A name, several of them, or None where all are meant."""
    if value is None or isinstance(value, str):
        return value
    several = _several(value)
    if not all(isinstance(each, str) for each in several):
        raise DesignError(f"{name} must be a name or a list of names, not {value!r}")
    return several


def _several(value: Any) -> tuple[Any, ...]:
    """What was given, one by one; a text, or what has no parts, is one."""
    try:
        return (value,) if isinstance(value, str) else tuple(value)
    except TypeError:
        return (value,)


def _is_in(value: Any, choices: tuple[Any, ...]) -> bool:
    """Whether a value is one of the choices; an array or a list is none of them."""
    return isinstance(value, Hashable) and any(
        isinstance(value, type(choice)) and value == choice for choice in choices
    )


def check_dependence(dependence: Dependence) -> tuple[str, ...]:
    """The rows that are asked for, each once, the published one first."""
    asked = check_choices("dependence", dependence, DEPENDENCE)
    return tuple(name for name in DEPENDENCE if name in asked)


def is_named(name: str, names: Names | None) -> bool:
    """Whether a name is among those that were asked for; None asks for all."""
    return names is None or name == names or (not isinstance(names, str) and name in names)


def check_cluster(cluster: Names) -> tuple[str, ...]:
    """Kinds of units that are sampled as a whole: items, participants or both."""
    kinds = ("item", "participant")
    asked = check_choices("cluster", cluster, kinds)
    return tuple(kind for kind in kinds if kind in asked)


def check_number(
    name: str, value: Any, *, above: float = -math.inf, below: float = math.inf
) -> float:
    """A finite number, between the limits but on neither."""
    fine = isinstance(value, (Real, np.floating)) and not isinstance(value, (bool, np.bool_))
    if not fine or not above < value < below:
        limits = {
            (True, True): "a finite number",
            (False, True): f"a number above {above:g}",
            (True, False): f"a number below {below:g}",
            (False, False): f"a number between {above:g} and {below:g}",
        }[above == -math.inf, below == math.inf]
        raise DesignError(f"{name} must be {limits}, not {value!r}")
    return float(value)


def check_probability(name: str, value: Any) -> float:
    """A probability that is neither 0 nor 1."""
    return check_number(name, value, above=0, below=1)


def check_conf_level(conf_level: Any) -> float:
    """A confidence level."""
    return check_probability("conf_level", conf_level)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_count(name: str, value: Any, *, least: int = 0, most: int | None = None) -> int:
    """A whole number from `least`, and up to `most` where there is one."""
    if not _is_whole(value) or int(value) < least or (most is not None and value > most):
        limits = f"from {least}" if most is None else f"from {least} to {most:,}"
        raise DesignError(f"{name} must be a whole number {limits}, not {value!r}")
    return int(value)


def check_resamples(n_resamples: Any) -> int:
    """A number of resamples."""
    return check_count("n_resamples", n_resamples, most=_MOST_RESAMPLES)


def check_flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise DesignError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def check_text(name: str, value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise DesignError(f"{name} must be a text, not {value!r}")
    return str(value)


def check_path(name: str, value: Any) -> Path:
    """A path of a file or a folder."""
    try:
        path = Path(value)
        possible = bool(str(value)) and b"\0" not in os.fsencode(path) and "://" not in str(value)
    except (TypeError, UnicodeEncodeError):
        possible = False
    if not possible:
        raise DesignError(f"{name} must be a path, not {value!r:.80}")
    return path


def check_jobs(n_jobs: Any) -> int:
    """A number of workers: a whole number from 1, or -1 for all cores, -2 for all but one."""
    if not _is_whole(n_jobs) or n_jobs == 0:
        raise DesignError(
            f"n_jobs must be a whole number from 1, or -1 for all cores, not {n_jobs!r}"
        )
    if n_jobs > 0:
        return int(n_jobs)
    from joblib import cpu_count

    return max(int(cpu_count()) + 1 + int(n_jobs), 1)


def check_rng(rng: Any) -> Rng:
    """A source of randomness."""
    if isinstance(rng, np.random.Generator | np.random.SeedSequence) or rng is None:
        return rng
    if not _is_whole(rng) or rng < 0:
        raise DesignError(
            f"rng must be a whole number from 0, a SeedSequence, a Generator or None, not {rng!r}"
        )
    return int(rng)


def generator_of(rng: Rng) -> np.random.Generator:
    """A generator of what was given as source of randomness."""
    return np.random.default_rng(check_rng(rng))


#: Arguments that mean one thing in every function that has them.
SHARED: dict[str, Callable[[Any], Any]] = {
    "adjust": partial(check_choice, "adjust", choices=ADJUSTMENTS),
    "alternative": partial(check_choice, "alternative", choices=ALTERNATIVES),
    "conf_level": check_conf_level,
    "n_resamples": check_resamples,
    "n_jobs": check_jobs,
    "rng": check_rng,
}

#: Those of one kind, by their annotation.
_BY_KIND: dict[str, Callable[[str, Any], Any]] = {
    "bool": check_flag,
    "str": check_text,
    "Names": check_names,
}


def check_of(name: str, annotation: str) -> Callable[[Any], Any] | None:
    """The check of an argument, by its name or by what its annotation says: words, kind, None."""
    check: Callable[[Any], Any]
    kind = annotation.removesuffix(" | None")
    optional = kind != annotation
    if kind.startswith("Literal["):
        words = ast.literal_eval(f"({kind[len('Literal[') : -1]},)")
        check = partial(check_choice, name, choices=words)
    elif name in SHARED:
        check = SHARED[name]
    elif kind in _BY_KIND:
        check = partial(_BY_KIND[kind], name)
    else:
        return None
    return (lambda value: None if value is None else check(value)) if optional else check

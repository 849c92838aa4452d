"""Settings of matplotlib that hold for a figure while it is drawn, and for nobody else.

matplotlib has one set of settings for a process. To change it for a figure would change it for
every other thread. Here its values never change: while a figure is drawn, the mapping that holds
them answers the one that draws from settings of its own, and all others as always.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import matplotlib as mpl
from matplotlib import RcParams

_OWN: ContextVar[Mapping[str, Any]] = ContextVar("settings", default={})  # noqa: B039 - not written

#: Settings of a process rather than of a figure; those of the user hold.
_OF_PROCESS = frozenset({"backend", "backend_fallback", "interactive", "toolbar", "timezone"})

#: matplotlib keeps fonts, layouts and parsed formulas for all threads: one figure at a time.
_ONE_AT_A_TIME = threading.RLock()


class _Settings(RcParams):
    """Settings with those of the figure that is being drawn in front of them."""

    def __getitem__(self, key: Any) -> Any:
        own = _OWN.get()  # no super(): another thread may be in here when the class changes back
        return own[key] if key in own else RcParams.__getitem__(self, key)


@functools.lru_cache(maxsize=32)
def _validated(changed: tuple[tuple[str, Any], ...]) -> Mapping[str, Any]:
    """All settings of a figure: the defaults of matplotlib with changes."""
    default = {k: v for k, v in mpl.rcParamsDefault.items() if k not in _OF_PROCESS}
    given: dict[Any, Any] = default | dict(changed)
    settings: dict[str, Any] = dict(RcParams(given).items())
    return settings


@contextmanager
def own_settings(changed: Mapping[str, Any]) -> Iterator[None]:
    """Draw with the defaults of matplotlib and these changes, whatever the user has set."""
    with _ONE_AT_A_TIME:
        before = type(mpl.rcParams)
        token = _OWN.set(_validated(tuple(changed.items())))
        mpl.rcParams.__class__ = _Settings
        try:
            yield
        finally:
            mpl.rcParams.__class__ = before
            _OWN.reset(token)

"""Networks that `muvistats weights` made, for the tests that need them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from muvistats.files import CACHE_VARIABLE, cache_folder

#: Where the user keeps them; tests have a cache of their own.
KEPT = cache_folder()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let a test use networks of the user's cache; without them it is skipped."""

    def use(*names: str) -> None:
        lacking = [name for name in names if not (KEPT / "weights" / name).is_dir()]
        if lacking:
            pytest.skip(f"not in the cache: `muvistats weights {' '.join(lacking)}` makes it")
        monkeypatch.setenv(CACHE_VARIABLE, str(KEPT))

    return use

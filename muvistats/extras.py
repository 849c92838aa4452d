"""Packages that only some functions need."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import MissingExtraError


def optional_module(name: str, extra: str, *, package: str = "") -> Any:
    """Import a module of an optional package.

    Parameters
    ----------
    name : str
        Module to import, as in ``"cv2"`` or ``"scenedetect.detectors"``.
    extra : str
        Extra of muvistats that installs it.
    package : str
        Name of the package, where it is not that of the module.

    Returns
    -------
    module
        The module.

    Raises
    ------
    MissingExtraError
        When it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(package or name.split(".")[0], extra) from error

"""Keras, on the backend that is asked for, and not before it is needed."""

from __future__ import annotations

import importlib.util
import os
import sys
from contextlib import nullcontext
from typing import Any

from ..errors import DesignError, MissingExtraError
from ..quiet import without_chatter

#: Backends that are tested: the package that each needs, by Keras's name of it.
BACKENDS = {"tensorflow": "tensorflow", "torch": "torch"}


def chosen_backend(backend: str | None = None) -> str:
    """Backend that a training will use, checked without loading it.

    Parameters
    ----------
    backend : str, optional
        ``"tensorflow"`` or ``"torch"``; that of ``KERAS_BACKEND``, else TensorFlow, where not
        given.

    Returns
    -------
    str
        Name of the backend.

    Raises
    ------
    DesignError
        When the backend is unknown.
    MissingExtraError
        When Keras or the backend is not installed.
    """
    name = backend or os.environ.get("KERAS_BACKEND") or "tensorflow"
    if name not in BACKENDS:
        where = "" if backend else " (from KERAS_BACKEND)"
        raise DesignError(f"backend must be one of {', '.join(BACKENDS)}, not {name!r}{where}")
    if importlib.util.find_spec("keras") is None:
        raise MissingExtraError("keras", "deep")
    if importlib.util.find_spec(BACKENDS[name]) is None:
        raise MissingExtraError(BACKENDS[name], "torch" if name == "torch" else "deep")
    return name


def load_keras(backend: str | None = None, *, threads: int | None = None) -> Any:
    """Import Keras.

    Parameters
    ----------
    backend : str, optional
        As in `chosen_backend`; Keras keeps the backend that it was first imported with.
    threads : int, optional
        Threads that the backend may use; set before it starts its own.

    Returns
    -------
    module
        ``keras``.

    Raises
    ------
    DesignError
        When Keras was imported before with another backend, or the backend is unknown.
    MissingExtraError
        When Keras or the backend is not installed.
    """
    if backend is None and "keras" in sys.modules:
        return sys.modules["keras"]
    name = chosen_backend(backend)
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = name
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with without_chatter() if "keras" not in sys.modules else nullcontext():
        import keras

    if keras.config.backend() != name:
        raise DesignError(
            f"Keras runs on {keras.config.backend()} in this process; {name} needs a new one"
        )
    if threads is not None:
        _limit_threads(name, threads)
    return keras


def _limit_threads(name: str, threads: int) -> None:
    if name == "torch":
        import torch

        torch.set_num_threads(threads)
        return
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)

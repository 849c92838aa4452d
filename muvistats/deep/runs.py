"""A training of a configuration, and its predictions over all folds."""

from __future__ import annotations

from dataclasses import dataclass

from ..types import Floats, Ints
from .configurations import Configuration
from .store import Trained
from .units import Unit


@dataclass(frozen=True, slots=True)
class Run:
    """One training of a configuration.

    Parameters
    ----------
    configuration : Configuration
        What was trained.
    unit : Unit
        Target, repeat, fold and seed.
    trained : Trained
        Predictions of the tested items.
    """

    configuration: Configuration
    unit: Unit
    trained: Trained


@dataclass(frozen=True, slots=True)
class NetworkFit:
    """A configuration over all folds, its predictions averaged over seeds.

    Parameters
    ----------
    modality, features, target, configuration : str
        What predicts what.
    items : ndarray of int
        Tested items, in release order.
    fold : ndarray of int
        Fold in which each of them is held out, from 0.
    fitted : ndarray of float, shape (row,)
        Prediction for rows of the inputs; NaN where none is made.
    rmse, ccc : ndarray of float, shape (tested item,)
        Error and concordance of the averaged prediction.
    problem : str
        Why nothing is predicted; empty where all is well.
    note : str
        What to know about it.
    """

    modality: str
    features: str
    target: str
    configuration: str
    items: Ints
    fold: Ints
    fitted: Floats
    rmse: Floats
    ccc: Floats
    problem: str
    note: str

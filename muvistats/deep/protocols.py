"""How networks are trained, tested and scored: the strict protocol, the paper's, the released."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from ..arguments import check_choice, check_count, check_number
from ..errors import DesignError

Exclusions = Literal["as_given", "released"]
Block = Literal["lstm", "dense_lstm"]
Stopping = Literal["training_items", "held_out_items", "half_of_fold"]
Pretraining = Literal["same_fold", "last_fold"]
Checkpoint = Literal["best", "last"]
Scoring = Literal["items", "blocks"]
Root = Literal["root", "mse"]
Moments = Literal["n", "n-1"]

#: Settings that are whole numbers from 1.
_COUNTS = ("dense_units", "window", "batch_size", "fused_batch_size", "max_epochs", "patience")


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """Settings of a comparison; each difference between two protocols is one of them.

    Parameters
    ----------
    name : str
        Name of the protocol, which stands in the column `method`.
    exclusions : {"as_given", "released"}
        Annotations as the study masks them, or without those that `released_exclusions` masks.
    n_samples : int, optional
        Samples of each annotation that are used, from its start; all where not given.
    block : {"lstm", "dense_lstm"}
        Two stacked LSTM layers, or a dense layer per step without activation before them.
    units : (int, int)
        Size of the two LSTM layers.
    dense_units : int
        Size of the dense layer before the output of late fusion, and of that of `block`.
    dropout : float
        Share of the outputs of each LSTM layer that is dropped in training.
    window : int
        Time steps that predict the next one.
    learning_rate : float
        Of the optimiser Adam, whose other settings are Keras's.
    batch_size, fused_batch_size : int
        Windows of a gradient step of networks with one branch, and with two.
    max_epochs : int
        Passes over the training windows at most.
    patience : int
        Epochs without a lower validation loss after which training stops.
    stopping : {"training_items", "held_out_items", "half_of_fold"}
        Whose loss stops the training: a fifth of the training items, which are then not trained
        on; the held-out items themselves; or one half of them, the other half being tested.
    restore_best : bool
        Whether the weights with the lowest validation loss predict, or the last ones.
    pretraining : {"same_fold", "last_fold"}
        Where a transferred branch comes from: the network of the fold that it serves, or that of
        the last fold, which was trained on most items that the others test.
    checkpoint : {"best", "last"}
        Which weights of that network are transferred.
    scoring : {"items", "blocks"}
        Each item's own predictions, or blocks of 111 in a row, which mix two items.
    rmse : {"root", "mse"}
        What the column `rmse` holds.
    moments : {"n", "n-1"}
        Divisor of the variances and the covariance in the concordance.
    n_folds : int
        Folds over items.

    See Also
    --------
    network_models : What follows it.
    protocol_effects : What each of its settings does to the result.

    Examples
    --------
    >>> from muvistats.deep import PROTOCOLS
    >>> PROTOCOLS["paper"].differences(PROTOCOLS["strict"])["stopping"]
    ('held_out_items', 'training_items')
    """

    name: str = "strict"
    exclusions: Exclusions = "as_given"
    n_samples: int | None = None
    block: Block = "lstm"
    units: tuple[int, int] = (256, 256)
    dense_units: int = 256
    dropout: float = 0.2
    window: int = 4
    learning_rate: float = 1e-4
    batch_size: int = 256
    fused_batch_size: int = 256
    max_epochs: int = 100
    patience: int = 7
    stopping: Stopping = "training_items"
    restore_best: bool = True
    pretraining: Pretraining = "same_fold"
    checkpoint: Checkpoint = "best"
    scoring: Scoring = "items"
    rmse: Root = "root"
    moments: Moments = "n"
    n_folds: int = 5

    def __post_init__(self) -> None:
        hints = get_type_hints(Protocol)
        for field in fields(self):
            choices = get_args(hints[field.name]) if "Literal" in str(hints[field.name]) else ()
            value = getattr(self, field.name)
            if choices:
                check_choice(field.name, value, choices)
        least = dict.fromkeys(_COUNTS, 1) | {"n_folds": 2}
        if self.n_samples is not None:
            least["n_samples"] = self.window + 2
        for name, smallest in least.items():
            count = check_count(name, getattr(self, name), least=smallest)
            object.__setattr__(self, name, count)
        units = tuple(check_count("units", size, least=1) for size in self.units)
        if len(units) != 2:
            raise DesignError(f"units must be two numbers, not {self.units!r}")
        object.__setattr__(self, "units", units)
        if not 0 <= check_number("dropout", self.dropout) < 1:
            raise DesignError(f"dropout must lie from 0 to below 1, not {self.dropout!r}")
        check_number("learning_rate", self.learning_rate, above=0, below=1)

    @property
    def faults(self) -> str:
        """Why its numbers are not what they seem, in words; empty for a fair protocol."""
        found = {
            "rmse holds the mean squared error": self.rmse == "mse",
            "training stops at the loss of the tested items": self.stopping == "held_out_items",
            "transferred networks were trained on tested items": self.pretraining == "last_fold",
            "rows mix items": self.scoring == "blocks",
        }
        return "; ".join(words for words, there in found.items() if there)

    def differences(self, other: Protocol) -> dict[str, tuple[Any, Any]]:
        """Settings in which this protocol is not the other: its own value, and the other's.

        See Also
        --------
        protocol_effects : What each of them does to the scores.
        """
        mine, theirs = asdict(self), asdict(other)
        return {
            name: (value, theirs[name])
            for name, value in mine.items()
            if name != "name" and value != theirs[name]
        }


_STRICT = Protocol()
_PAPER = replace(
    _STRICT,
    name="paper",
    fused_batch_size=512,
    stopping="held_out_items",
    restore_best=False,
)
_RELEASED = replace(
    _PAPER,
    name="released",
    exclusions="released",
    n_samples=118,
    block="dense_lstm",
    units=(256, 128),
    stopping="half_of_fold",
    pretraining="last_fold",
    scoring="blocks",
    rmse="mse",
)

#: The protocols by name: fair, as the paper's text says, and as its released scripts do.
PROTOCOLS: dict[str, Protocol] = {each.name: each for each in (_STRICT, _PAPER, _RELEASED)}


def as_protocol(protocol: str | Protocol) -> Protocol:
    """A protocol, or the one of this name."""
    if isinstance(protocol, Protocol):
        return protocol
    if protocol not in PROTOCOLS:
        raise DesignError(
            f"protocol must be one of {', '.join(PROTOCOLS)} or a Protocol, not {protocol!r}"
        )
    return PROTOCOLS[protocol]


def quick(protocol: str | Protocol) -> Protocol:
    """The same protocol with small networks and few epochs, to try things out.

    Parameters
    ----------
    protocol : str or Protocol
        What is made quick.

    Returns
    -------
    Protocol
        Layers of 16 units, a higher learning rate, at most 4 epochs, 3 folds; its name ends in
        ``", quick"``.

    See Also
    --------
    network_models : Trains with it, or with the settings of the paper.

    Examples
    --------
    >>> quick("strict").units
    (16, 16)
    """
    full = as_protocol(protocol)
    return replace(
        full,
        name=f"{full.name}, quick",
        units=(16, 16),
        dense_units=16,
        learning_rate=1e-3,
        batch_size=128,
        fused_batch_size=128,
        max_epochs=4,
        patience=2,
        n_folds=3,
    )

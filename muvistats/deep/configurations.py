"""What is compared: ratings, features, a network, and where its branches come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import DesignError

Network = Literal["unimodal", "early_fusion", "late_fusion"]

_KINDS = {
    "unimodal": ("audio", "visual"),
    "early_fusion": ("audio_visual",),
    "late_fusion": ("audio_visual",),
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """A network, what it predicts and from what.

    Parameters
    ----------
    name : str
        Name in the column `configuration`.
    modality : str
        Modality whose ratings are predicted.
    features : {"audio", "visual", "audio_visual"}
        Features that predict them.
    network : {"unimodal", "early_fusion", "late_fusion"}
        The architecture.
    pretrained : tuple of (str, str)
        For late fusion: kind of features of a branch that starts from a unimodal network, and the
        modality of the ratings that this network was trained on.
    frozen : bool
        Whether these branches keep their weights.
    steps_like : tuple of (str, str)
        Kind and modality: the network of that kind is pretrained for as many gradient steps as
        the unimodal network of that modality took.
    permuted : int, optional
        Number of a permutation of the items' ratings in the pretraining, which takes away what
        they say about the features; the null of the transfer.

    See Also
    --------
    network_models : Trains configurations.

    Examples
    --------
    >>> from muvistats.deep import CONFIGURATIONS
    >>> CONFIGURATIONS["pair"][0].pretrained
    (('audio', 'music'), ('visual', 'visual'))
    """

    name: str
    modality: str
    features: str
    network: Network = "unimodal"
    pretrained: tuple[tuple[str, str], ...] = ()
    frozen: bool = False
    steps_like: tuple[tuple[str, str], ...] = ()
    permuted: int | None = None

    def __post_init__(self) -> None:
        if self.network not in _KINDS:
            raise DesignError(f"network must be one of {', '.join(_KINDS)}, not {self.network!r}")
        if self.features not in _KINDS[self.network]:
            raise DesignError(
                f"{self.network} takes {' or '.join(_KINDS[self.network])} features, "
                f"not {self.features!r}"
            )
        branches = {kind for kind, _ in self.pretrained}
        if branches and self.network != "late_fusion":
            raise DesignError(f"{self.network} has no branches that could be pretrained")
        unknown = (branches | {kind for kind, _ in self.steps_like}) - {"audio", "visual"}
        if unknown:
            raise DesignError(f"a branch is audio or visual, not {min(unknown)!r}")
        if len(branches) < len(self.pretrained):
            raise DesignError(f"a branch of {self.name!r} is pretrained twice")
        if not {kind for kind, _ in self.steps_like} <= branches:
            raise DesignError(f"steps_like of {self.name!r} names a branch that is not pretrained")
        if (self.frozen or self.steps_like or self.permuted is not None) and not branches:
            raise DesignError(f"configuration {self.name!r} has no pretrained branch")

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of features."""
        return tuple(self.features.split("_"))


_ISOLATED = (("audio", "music"), ("visual", "visual"))
_BOTH = (("audio", "audiovisual"), ("visual", "audiovisual"))


def _late(name: str, pretrained: tuple[tuple[str, str], ...] = (), **more: object) -> Configuration:
    return Configuration(
        name,
        "audiovisual",
        "audio_visual",
        "late_fusion",
        pretrained,
        **more,  # type: ignore[arg-type]
    )


#: Configurations by name: Table 6 of the paper, and ablations of PAIR.
CONFIGURATIONS: dict[str, tuple[Configuration, ...]] = {
    "unimodal": (
        Configuration("unimodal", "music", "audio"),
        Configuration("unimodal", "visual", "visual"),
        Configuration("unimodal", "audiovisual", "audio"),
        Configuration("unimodal", "audiovisual", "visual"),
    ),
    "early_fusion": (Configuration("early_fusion", "audiovisual", "audio_visual", "early_fusion"),),
    "late_fusion": (_late("late_fusion"),),
    "pair": (_late("pair", _ISOLATED),),
    "pair_frozen": (_late("pair_frozen", _ISOLATED, frozen=True),),
    "pair_audio": (_late("pair_audio", _ISOLATED[:1]),),
    "pair_visual": (_late("pair_visual", _ISOLATED[1:]),),
    "pair_control": (_late("pair_control", _BOTH, steps_like=_ISOLATED),),
}

#: Names of the configurations of the paper's Table 6.
TABLE_6 = ("unimodal", "early_fusion", "late_fusion", "pair")


def as_configurations(wanted: Sequence[str | Configuration] | None) -> tuple[Configuration, ...]:
    """Configurations that are meant by names or given; those of Table 6 where not given."""
    names = TABLE_6 if wanted is None else wanted
    if isinstance(names, str):
        names = (names,)
    found: dict[Configuration, None] = {}
    for each in names:
        if isinstance(each, Configuration):
            found[each] = None
        elif each in CONFIGURATIONS:
            found |= dict.fromkeys(CONFIGURATIONS[each])
        else:
            raise DesignError(
                f"configuration must be one of {', '.join(CONFIGURATIONS)} or a Configuration, "
                f"not {each!r}"
            )
    if not found:
        raise DesignError("no configuration is given")
    seen: set[tuple[str, str, str]] = set()
    for one in found:
        key = (one.name, one.modality, one.features)
        if key in seen:
            raise DesignError(
                f"two configurations are named {one.name!r} for {one.modality} by {one.features}"
            )
        seen.add(key)
    return tuple(found)

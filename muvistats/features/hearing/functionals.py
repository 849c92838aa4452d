"""openSMILE functionals as an extractor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ...errors import DesignError
from ..families import audio_family
from ..smile import FEATURE_SETS, Floats32, engine_versions, feature_names, functionals
from .protocol import Sound, SoundExtractor


@dataclass(frozen=True)
class OpenSmile(SoundExtractor):
    """Functionals of openSMILE.

    Parameters
    ----------
    feature_set : {"emobase", "eGeMAPS", "ComParE"}
        988 features of emobase (those of the MuVi release), 88 of eGeMAPS (v02), or 6,373 of
        ComParE (2016).

    Raises
    ------
    DesignError
        When the set is unknown.
    MissingExtraError
        When openSMILE or PyAV is not installed (extra `audio`).

    See Also
    --------
    extract : Runs extractors over files.
    Rhythm : Tempo and beats, which openSMILE does not measure.

    Notes
    -----
    openSMILE runs once over the whole sound of a file and summarises its frame-wise descriptors
    window by window (its frame mode), as it was done for the MuVi release. So smoothing and pitch
    tracking do not start anew at each window. Window k takes the descriptor frames that start
    in [k hop, k hop + window); the frames, of 20 to 60 ms, reach a little beyond its end. For
    this reason the last full window of a file has up to five frames fewer than the others.

    The sound goes to openSMILE as it would go to its program SMILExtract: at the sample rate of
    the file, with its channels averaged, integers scaled by openSMILE. (The Python interface of
    openSMILE takes channel 0 alone.) Two things differ. openSMILE takes the unsigned numbers of
    8-bit WAV for signed ones, so these are read as 16 bit. And where 10 ms is no whole number of
    samples (11.025 and 22.05 kHz), openSMILE's frames follow each other at 9.98 or 10.02 ms and
    its fixed windows drift by 0.14 s a minute; here each window gets the frames that lie in it,
    so that windows stay beside the annotations.

    Features depend on the sample rate: line spectral frequencies are a share of it, and openSMILE
    hears what the rate lets through. Compare files of one rate; the log counts them by rate.

    The F0 of emobase is a simple tracker: on steady tones it can be far off, more so at high
    sample rates. That of the other two sets is right on them.

    References
    ----------
    Eyben, F., Wöllmer, M., & Schuller, B. (2010). openSMILE: the Munich versatile and fast
    open-source audio feature extractor. Proceedings of ACM Multimedia, 1459-1462.
    https://doi.org/10.1145/1873951.1874246

    Examples
    --------
    >>> OpenSmile("egemaps").feature_set
    'eGeMAPS'
    """

    engines: ClassVar[tuple[str, ...]] = ("opensmile",)
    feature_set: str = "emobase"

    def __post_init__(self) -> None:
        for name, config in FEATURE_SETS.items():
            if self.feature_set.lower() in (name.lower(), Path(config).stem.lower()):
                object.__setattr__(self, "feature_set", name)
                return
        raise DesignError(
            f"unknown feature set {self.feature_set!r}: one of {', '.join(FEATURE_SETS)}"
        )

    @property
    def family(self) -> Sequence[str]:  # type: ignore[override]  # each feature has its own
        """Family of each feature."""
        return [audio_family(name) for name in self.names()]

    def names(self) -> Sequence[str]:
        """Names of the features, as openSMILE gives them."""
        return feature_names(self.feature_set)

    def check(self) -> None:
        """Refuse an environment without openSMILE."""
        engine_versions()

    def measure(self, sound: Sound) -> Floats32:
        """Functionals of each window, (time, feature)."""
        _, values = functionals(
            sound.wav,
            self.feature_set,
            sound.time,
            sound.window,
            rate=sound.rate,
            duration=sound.duration,
        )
        if len(values) < len(sound.time):
            sound.notes.append(
                "last windows are too close to the end of the sound for openSMILE's frames"
            )
        return values

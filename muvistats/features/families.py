"""Families of openSMILE features, read off their names."""

from __future__ import annotations

import functools
import re

from ..dataset.release.emobase import EMOBASE_FAMILIES, emobase_family
from ..errors import DataError

#: Beginnings of names in eGeMAPS and ComParE. Where a family means what it means in emobase it
#: has the same name.
_BEGINNINGS = (
    (r"F0(semitone|final)", "f0"),
    (r"loudness|audspec(Rasta)?_lengthL1norm", "loudness"),
    (r"equivalentSoundLevel|pcm_RMSenergy", "intensity"),
    (r"mfcc", "mfcc"),
    (r"pcm_zcr", "zero_crossing_rate"),
    (r"voicingFinal", "voice_probability"),
    (r"audSpec_Rfilt", "auditory_spectrum"),
    (r"pcm_fftMag|spectralFlux|alphaRatio|hammarbergIndex|slopeU?V?\d", "spectral_shape"),
    (r"F[123](frequency|bandwidth|amplitude)", "formants"),
    (r"jitter|shimmer|logHNR|HNR|logRelF0", "voice_quality"),
    (r"((Mean|Stddev)(Unv|V)|V)oicedSegment", "voiced_segments"),
)


@functools.cache
def audio_family(name: str) -> str:
    """Family of an openSMILE feature of the sets emobase, eGeMAPS and ComParE.

    Parameters
    ----------
    name : str
        Name of the feature.

    Returns
    -------
    str
        Those of emobase (``intensity``, ``loudness``, ``mfcc``, ``line_spectral_frequencies``,
        ``zero_crossing_rate``, ``voice_probability``, ``f0``, ``f0_envelope``), and in the other
        sets also ``auditory_spectrum``, ``spectral_shape``, ``formants``, ``voice_quality`` and
        ``voiced_segments``.

    Raises
    ------
    DataError
        When the name is of no family.

    Examples
    --------
    >>> audio_family("F0env_sma_amean"), audio_family("F1bandwidth_sma3nz_amean")
    ('f0_envelope', 'formants')
    >>> audio_family("pcm_fftMag_spectralFlux_sma_de_maxPos")
    'spectral_shape'
    """
    try:
        return emobase_family(name)
    except DataError:
        for beginning, family in _BEGINNINGS:
            if re.match(beginning, name):
                return family
        raise DataError(
            "feature is of no known family",
            column=name,
            expected=f"a name of emobase ({', '.join(EMOBASE_FAMILIES)}), eGeMAPS or ComParE",
        ) from None

"""Names of the 988 emobase audio features of openSMILE, in their standard order, and families.

Each of 26 frame-wise descriptors, and then the first difference (``_de``) of each, is summarised
over the window by 19 functionals: 2 x 26 x 19 = 988.
"""

from __future__ import annotations

import functools
import re

from ...errors import DataError

#: Families of the descriptors: name in the feature (without index) and name of the family.
EMOBASE_FAMILIES = {
    "pcm_intensity": "intensity",
    "pcm_loudness": "loudness",
    "mfcc": "mfcc",
    "lspFreq": "line_spectral_frequencies",
    "pcm_zcr": "zero_crossing_rate",
    "voiceProb": "voice_probability",
    "F0": "f0",
    "F0env": "f0_envelope",
}

_DESCRIPTORS = (
    "pcm_intensity_sma",
    "pcm_loudness_sma",
    *(f"mfcc_sma[{i}]" for i in range(1, 13)),
    *(f"lspFreq_sma[{i}]" for i in range(8)),
    "pcm_zcr_sma",
    "voiceProb_sma",
    "F0_sma",
    "F0env_sma",
)

_FUNCTIONALS = (
    "max",
    "min",
    "range",
    "maxPos",
    "minPos",
    "amean",
    "linregc1",
    "linregc2",
    "linregerrA",
    "linregerrQ",
    "stddev",
    "skewness",
    "kurtosis",
    "quartile1",
    "quartile2",
    "quartile3",
    "iqr1-2",
    "iqr2-3",
    "iqr1-3",
)


@functools.cache
def emobase_names() -> tuple[str, ...]:
    """Names of the emobase features.

    Returns
    -------
    tuple of str
        988 names in the order of openSMILE's emobase configuration.

    Examples
    --------
    >>> names = emobase_names()
    >>> len(names), names[0], names[-1]
    (988, 'pcm_intensity_sma_max', 'F0env_sma_de_iqr1-3')
    """
    with_delta = [name.replace("_sma", "_sma_de") for name in _DESCRIPTORS]
    return tuple(
        f"{descriptor}_{functional}"
        for descriptor in (*_DESCRIPTORS, *with_delta)
        for functional in _FUNCTIONALS
    )


def emobase_family(name: str) -> str:
    """Family of an emobase feature.

    Parameters
    ----------
    name : str
        Name of the feature.

    Returns
    -------
    str
        One of the values of `EMOBASE_FAMILIES`.

    Raises
    ------
    DataError
        When the name is no emobase feature.

    Examples
    --------
    >>> emobase_family("lspFreq_sma_de[3]_amean")
    'line_spectral_frequencies'
    """
    descriptor = re.split(r"_sma(?:_de)?", name, maxsplit=1)[0]
    if name not in _known():
        raise DataError("not an emobase feature", column=name)
    return EMOBASE_FAMILIES[descriptor]


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(emobase_names())

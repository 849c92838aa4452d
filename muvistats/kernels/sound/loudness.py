"""Loudness of a programme (ITU-R BS.1770) and where its sound begins."""

from __future__ import annotations

import numpy as np
from scipy import signal

from ...types import Floats

#: Blocks of the loudness, in s, and the steps between them.
_BLOCK, _STEP = 0.4, 0.1

#: Gates: blocks below this loudness, or this far below the mean of the others, do not count.
_ABSOLUTE, _RELATIVE = -70.0, -10.0

#: Loudness of a mean square of 1.
_OFFSET = -0.691


def k_weighting(rate: int) -> Floats:
    """The two filters before the mean square, as second-order sections.

    Parameters
    ----------
    rate : int
        Samples per second.

    Returns
    -------
    ndarray of float, shape (2, 6)
        A high shelf of 4 dB, for the head, and a high pass.

    Notes
    -----
    BS.1770 prints coefficients at 48 kHz. They are those of two analogue filters by the bilinear
    transform: shelf at 1681.97 Hz with Q .7072 and 3.99984 dB, high pass at 38.135 Hz with
    Q .5003. So they can be had at any rate.
    """
    k = np.tan(np.pi * 1681.974450955533 / rate)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    first = np.array(
        [
            high + band * k / q + k * k,
            2 * (k * k - high),
            high - band * k / q + k * k,
            1 + k / q + k * k,
            2 * (k * k - 1),
            1 - k / q + k * k,
        ]
    )
    k, q = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    second = np.array([1, -2, 1, 1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0])
    sections: Floats = np.stack([first / first[3], second])
    return sections


def loudness(sound: Floats, rate: int) -> float:
    """Integrated loudness of mono or stereo sound.

    Parameters
    ----------
    sound : ndarray of float, shape (channel, time)
        Samples; 1 is full scale.
    rate : int
        Samples per second.

    Returns
    -------
    float
        In LUFS; NaN where no block of 0.4 s is above -70 LUFS.

    Notes
    -----
    Both channels weigh the same. Blocks overlap by three quarters. Those below -70 LUFS do not
    count, nor those more than 10 LU below the mean of the rest.
    """
    size, step = round(_BLOCK * rate), round(_STEP * rate)
    if sound.shape[-1] < size:
        return float("nan")
    weighted = signal.sosfilt(k_weighting(rate), sound, axis=-1)
    sums = np.concatenate([[0.0], np.cumsum((weighted**2).sum(axis=0))])
    starts = np.arange(0, sound.shape[-1] - size + 1, step)
    power = np.maximum(sums[starts + size] - sums[starts], 0.0) / size

    def level(values: Floats) -> Floats:
        out: Floats = _OFFSET + 10 * np.log10(np.maximum(values, 1e-30))
        return out

    loud = power[level(power) > _ABSOLUTE]
    if not len(loud):
        return float("nan")
    loud = loud[level(loud) > level(loud.mean()) + _RELATIVE]
    return float(level(loud.mean()))


def first_sound(levels: Floats, floor: float, sustained: int) -> int:
    """First block at which sound begins and goes on.

    Parameters
    ----------
    levels : ndarray of float, shape (block,)
        Level of each block, in dB.
    floor : float
        Level above which a block has sound.
    sustained : int
        Blocks after the first of which at least half must have sound.

    Returns
    -------
    int
        Position of the block; -1 where sound never goes on so long.
    """
    there = levels > floor
    if len(there) < sustained or sustained < 1:
        return -1
    counts = np.convolve(there, np.ones(sustained, dtype=np.int64), mode="valid")
    found = np.flatnonzero(there[: len(counts)] & (2 * counts >= sustained))
    return int(found[0]) if len(found) else -1

"""Loudness against the cases of EBU Tech 3341 and the coefficients that BS.1770 prints."""

from __future__ import annotations

import numpy as np
import pytest

from muvistats.kernels.sound.loudness import first_sound, k_weighting, loudness

RATE = 48_000


def tones(*parts: tuple[float, float]) -> np.ndarray:
    """A stereo tone of 1 kHz, of these levels in dB for so many seconds."""
    levels = np.concatenate([np.full(round(s * RATE), 10 ** (db / 20)) for db, s in parts])
    return np.tile(levels * np.sin(2 * np.pi * 1000 * np.arange(len(levels)) / RATE), (2, 1))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(-23, 20)], -23),
        ([(-33, 20)], -33),
        ([(-36, 10), (-23, 60), (-36, 10)], -23),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23),
    ],
)
def test_cases_1_to_5_of_the_ebu(parts, expected):
    assert loudness(tones(*parts), RATE) == pytest.approx(expected, abs=0.1)


def test_the_filters_are_those_of_the_recommendation():
    """BS.1770-4, Tables 1 and 2, at 48 kHz."""
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285]
    shelf += [1.0, -1.69065929318241, 0.73248077421585]
    high_pass = [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621]
    np.testing.assert_allclose(k_weighting(RATE), [shelf, high_pass], rtol=1e-9)


def test_mono_counts_once_and_a_tone_of_full_scale_is_minus_three():
    mono = np.sin(2 * np.pi * 997 * np.arange(5 * RATE) / RATE)[None]
    assert loudness(mono, RATE) == pytest.approx(-3.01, abs=0.02)
    low = np.sin(2 * np.pi * 997 * np.arange(5 * 22_050) / 22_050)[None]
    assert loudness(low, 22_050) == pytest.approx(-3.01, abs=0.1)


def test_silence_and_what_is_too_short_have_none():
    assert np.isnan(loudness(np.zeros((2, RATE)), RATE))
    assert np.isnan(loudness(np.full((2, RATE), 1e-9), RATE))
    assert np.isnan(loudness(np.ones((2, 100)), RATE))


@pytest.mark.parametrize(
    ("sounding", "expected"),
    [
        ([0, 0, 1, 1, 1, 1], 2),
        ([1, 0, 0, 0, 1, 1, 1, 1], 4),  # a click is no music
        ([1, 0, 1, 1, 0, 1], 0),  # a rest of one block
        ([0, 0, 0, 0, 0], -1),
        ([0, 0, 0, 0, 1], -1),  # it does not go on
        ([1, 1], -1),
        ([], -1),
    ],
)
def test_sound_begins_where_it_goes_on(sounding, expected):
    levels = np.where(np.array(sounding, dtype=bool), -20.0, -80.0)
    assert first_sound(levels, -50.0, 4) == expected

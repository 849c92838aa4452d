"""Colour and lighting against known pictures and OpenCV itself."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.stats import circmean, circstd

from muvistats.features.visual import Colour, Lighting, extract

BLUE, GREEN, RED = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def measured(extractor, image):
    return dict(zip(extractor.names(), np.ravel(extractor.measure([image])), strict=True))


@pytest.fixture
def random_image():
    rng = np.random.default_rng(5)
    return rng.integers(0, 256, (71, 93, 3), dtype=np.uint8)


@pytest.mark.parametrize(("colour", "hue"), [(RED, 0), (GREEN, 120), (BLUE, 240)])
def test_one_colour(picture, colour, hue):
    found = measured(Colour(hue_bins=12), picture(colour))
    assert found[f"colour_hue_{hue // 30:02d}"] == 1
    assert found["colour_hue_mean"] % 360 == pytest.approx(hue)
    assert found["colour_hue_sd"] == pytest.approx(0, abs=1e-6)
    assert found["colour_saturation_mean"] == 1
    assert found["colour_saturation_07"] == 1


def test_hue_is_an_angle(picture):
    image = picture((0, 0, 200))
    image[:, ::2] = cv2.cvtColor(np.uint8([[[170, 255, 200]]]), cv2.COLOR_HSV2BGR)[0, 0]
    image[:, 1::2] = cv2.cvtColor(np.uint8([[[10, 255, 200]]]), cv2.COLOR_HSV2BGR)[0, 0]
    found = measured(Colour(), image)
    assert min(found["colour_hue_mean"], 360 - found["colour_hue_mean"]) < 1
    assert found["colour_hue_sd"] == pytest.approx(20.3, abs=1)


def test_hues_that_cancel_have_no_mean(picture):
    image = picture(RED)
    image[:, ::2] = (255, 255, 0)  # cyan, the opposite of red
    found = measured(Colour(), image)
    assert np.isnan(found["colour_hue_mean"])
    assert found["colour_hue_00"] == 0.5


def test_equal_to_opencv(random_image):
    found = measured(Colour(hue_bins=18, saturation_bins=16), random_image)
    hsv = cv2.cvtColor(random_image, cv2.COLOR_BGR2HSV)
    for channel, bins, end, name in ((0, 18, 180, "hue"), (1, 16, 256, "saturation")):
        counts = cv2.calcHist([hsv], [channel], None, [bins], [0, end]).ravel().astype(float)
        shares = [found[f"colour_{name}_{number:02d}"] for number in range(bins)]
        np.testing.assert_allclose(shares, counts / counts.sum(), rtol=1e-12)
    hue = hsv[..., 0].ravel() * 2.0
    assert found["colour_hue_mean"] == pytest.approx(circmean(hue, high=360))
    assert found["colour_hue_sd"] == pytest.approx(circstd(hue, high=360))
    saturation = hsv[..., 1] / 255
    assert found["colour_saturation_mean"] == pytest.approx(saturation.mean())
    assert found["colour_saturation_sd"] == pytest.approx(saturation.std())


def test_grey_may_be_left_out_of_hue(picture):
    image = picture((90, 90, 90))
    assert measured(Colour(), image)["colour_hue_00"] == 1
    assert all(
        np.isnan(value)
        for name, value in measured(Colour(min_saturation=1), image).items()
        if "hue" in name
    )
    image[:10] = GREEN
    assert measured(Colour(min_saturation=1), image)["colour_hue_mean"] == pytest.approx(120)


def test_lighting_of_known_pictures(picture):
    half = picture((0, 0, 0))
    half[:24] = (255, 255, 255)
    found = measured(Lighting(), half)
    assert found["lighting_mean"] == 0.5
    assert found["lighting_sd"] == 0.5
    assert found["lighting_key"] == 0.25
    assert found["lighting_shadow"] == 0.5
    even = measured(Lighting(), picture((30, 60, 102)))
    assert even["lighting_mean"] == pytest.approx(0.4)
    assert even["lighting_median"] == pytest.approx(0.4)
    assert even["lighting_key"] == pytest.approx(0, abs=1e-9)


def test_lighting_equals_opencv(random_image):
    found = measured(Lighting(shadow=0.6), random_image)
    value = cv2.cvtColor(random_image, cv2.COLOR_BGR2HSV)[..., 2] / 255
    assert found["lighting_key"] == pytest.approx(value.mean() * value.std())
    assert found["lighting_median"] == pytest.approx(np.median(value))
    assert found["lighting_shadow"] == pytest.approx((value < 0.6).mean())


def test_real_clip_equals_a_loop_over_opencv(clip):
    features = extract(clip, [Colour(), Lighting()], cache=False)
    found = features["values"][0].to_series().unstack("feature")
    capture = cv2.VideoCapture(str(clip))
    images = []
    while True:
        there, image = capture.read()
        if not there:
            break
        images.append(image)
    windows = np.arange(len(found)) * 0.5
    times = np.arange(len(images)) / 25
    chosen = [int(np.flatnonzero(times <= t + 0.01)[-1]) for t in windows]
    for row, number in enumerate(chosen):
        nearest = {number, min(number + 1, len(images) - 1)}  # 0.5 s lies between two frames
        value = [cv2.cvtColor(images[n], cv2.COLOR_BGR2HSV) for n in sorted(nearest)]
        keys = [v[..., 2].mean() / 255 * (v[..., 2].std() / 255) for v in value]
        assert min(abs(found["lighting_key"].iloc[row] - key) for key in keys) < 1e-9
        hues = [cv2.calcHist([v], [0], None, [180], [0, 180]).ravel().astype(float) for v in value]
        reds = [hue[:12].sum() / hue.sum() for hue in hues]  # 180/16: bins of 11.25 hues
        assert min(abs(found["colour_hue_00"].iloc[row] - red) for red in reds) < 1e-9
    assert 0.05 < found["lighting_key"].mean() < 0.3
    np.testing.assert_allclose(found.filter(regex=r"hue_\d").sum(axis=1), 1)
